//! The sample events that are inside the binary: one of each trigger under the trigger's name, and
//! more under the names of their files in `samples/`.

use crate::failure::Failure;
use rhambda_runtime::suggest::nearest;

/// A sample event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// The trigger that sends such events; empty for one that shows a special case.
    pub(crate) about: &'static str,
    /// The event: JSON.
    pub(crate) text: &'static str,
}

/// The file names without extension and the texts, sorted within each folder.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/samples.rs"));

/// A name, what sends such events, and the file if it has another name.
const TRIGGERS: &[(&str, &str, &str)] = &[
    ("activemq", "Amazon MQ, ActiveMQ", "activemq-event"),
    ("alb", "a load balancer", "alb-lambda-target-request-headers-only"),
    ("alb-multi-value", "a load balancer with multi-value headers", ""),
    ("alexa", "Alexa, a skill", ""),
    ("alexa-smart-home", "Alexa, a smart home skill", ""),
    ("api-gateway-v1", "API Gateway, a REST API", ""),
    ("api-gateway-v2", "API Gateway, an HTTP API", ""),
    ("appconfig-validator", "AppConfig, to check a configuration", ""),
    ("appsync", "AppSync, a resolver", "appsync-direct-resolver"),
    ("appsync-batch", "AppSync, a resolver that takes several at once", ""),
    ("appsync-events", "AppSync Events, what is published", ""),
    ("appsync-events-subscribe", "AppSync Events, to let somebody subscribe", ""),
    ("authorizer-appsync", "AppSync, to authorize", "appsync-lambda-auth-request"),
    ("authorizer-appsync-events", "AppSync Events, to authorize", ""),
    ("authorizer-http", "an HTTP API, to authorize", "apigw-v2-custom-authorizer-v2-request"),
    ("authorizer-iot", "IoT Core, to authorize", "iot-custom-auth-request"),
    (
        "authorizer-request",
        "a REST API, to authorize by the request",
        "apigw-custom-auth-request-type-request",
    ),
    ("authorizer-token", "a REST API, to authorize by a token", "apigw-custom-auth-request"),
    (
        "authorizer-websocket",
        "a WebSocket API, to authorize",
        "apigw-v2-custom-authorizer-websocket-request",
    ),
    ("autoscaling-termination", "Auto Scaling, which instance to end", ""),
    ("bedrock-agent", "an agent of Bedrock", "bedrock-agent-runtime-event"),
    ("bedrock-flow", "a flow of Bedrock", ""),
    ("chime-sip", "Chime, a call", ""),
    ("client-vpn", "Client VPN, to let somebody connect", "clientvpn-connectionhandler-request"),
    ("cloudformation-hook", "CloudFormation, a hook", ""),
    ("cloudformation-macro", "CloudFormation, a macro", ""),
    ("cloudfront", "CloudFront, at the edge", ""),
    ("cloudwatch-alarm", "an alarm of CloudWatch", "cloudwatch-alarm-metric"),
    ("cloudwatch-logs", "a subscription of CloudWatch Logs", "cloudwatch_logs-event"),
    ("cloudwatch-widget", "a widget of a dashboard of CloudWatch", ""),
    ("codecommit", "CodeCommit", "code_commit-event"),
    ("codedeploy", "CodeDeploy, a hook", "codedeploy-lifecycle-event"),
    ("codepipeline", "CodePipeline, an action", "codepipeline_job-event"),
    (
        "cognito-create-challenge",
        "Cognito, create auth challenge",
        "cognito-event-userpools-create-auth-challenge",
    ),
    ("cognito-custom-email-sender", "Cognito, custom email sender", ""),
    ("cognito-custom-message", "Cognito, custom message", "cognito-event-userpools-custommessage"),
    ("cognito-custom-sms-sender", "Cognito, custom SMS sender", ""),
    (
        "cognito-define-challenge",
        "Cognito, define auth challenge",
        "cognito-event-userpools-define-auth-challenge",
    ),
    ("cognito-migrate-user", "Cognito, migrate user", "cognito-event-userpools-migrateuser"),
    (
        "cognito-post-authentication",
        "Cognito, post authentication",
        "cognito-event-userpools-postauthentication",
    ),
    (
        "cognito-post-confirmation",
        "Cognito, post confirmation",
        "cognito-event-userpools-postconfirmation",
    ),
    (
        "cognito-pre-authentication",
        "Cognito, pre authentication",
        "cognito-event-userpools-preauthentication",
    ),
    ("cognito-pre-sign-up", "Cognito, pre sign-up", "cognito-event-userpools-presignup"),
    ("cognito-pre-token", "Cognito, pre token generation", "cognito-event-userpools-pretokengen"),
    (
        "cognito-pre-token-v2",
        "Cognito, pre token generation V2",
        "cognito-event-userpools-pretokengen-v2",
    ),
    ("cognito-pre-token-v3", "Cognito, pre token generation V3", ""),
    ("cognito-sync", "Cognito Sync", "cognito-event"),
    (
        "cognito-verify-challenge",
        "Cognito, verify auth challenge",
        "cognito-event-userpools-verify-auth-challenge",
    ),
    ("config", "AWS Config, a rule", "config-event"),
    ("connect", "Amazon Connect, a contact flow", "connect-event"),
    ("connect-campaign", "Amazon Connect, an outbound campaign", ""),
    (
        "custom-resource",
        "CloudFormation, a custom resource",
        "cloudformation-custom-resource-create-request",
    ),
    (
        "custom-resource-delete",
        "CloudFormation, its deletion",
        "cloudformation-custom-resource-delete-request",
    ),
    ("custom-resource-provider", "the CDK's provider framework", "cloudformation-provider-cdk"),
    (
        "custom-resource-update",
        "CloudFormation, its update",
        "cloudformation-custom-resource-update-request",
    ),
    ("documentdb", "a change stream of DocumentDB", "documentdb-insert-event"),
    ("dynamodb", "a stream of DynamoDB", ""),
    ("ecs-deployment", "ECS, a hook of a deployment", ""),
    ("eventbridge", "EventBridge, a rule", ""),
    ("firehose", "Data Firehose, to transform", "firehose-event"),
    ("firehose-msk", "Data Firehose, to transform what comes from MSK", ""),
    ("function-url", "a function URL", ""),
    ("iot", "an IoT button", "iot_button-event"),
    ("iot-1-click", "IoT 1-Click", "iot_1_click-event"),
    ("iot-provisioning", "IoT Core, to let a device in", ""),
    ("kafka", "MSK", "kafka-event"),
    ("kafka-schema-registry", "MSK with a schema registry", ""),
    ("kafka-self-managed", "a Kafka of your own", ""),
    ("kinesis", "a stream of Kinesis", ""),
    ("kinesis-analytics", "Kinesis Data Analytics", ""),
    ("lambda-destination", "Lambda, what became of an asynchronous call", ""),
    ("lambda-destination-stream", "Lambda, what became of a batch of a stream", ""),
    ("lex", "Lex V1", "lex-event"),
    ("lex-v2", "Lex V2", ""),
    ("pipes-activemq", "EventBridge Pipes, from ActiveMQ", ""),
    ("pipes-dynamodb", "EventBridge Pipes, from DynamoDB", ""),
    ("pipes-kafka", "EventBridge Pipes, from Kafka", ""),
    ("pipes-kinesis", "EventBridge Pipes, from Kinesis", ""),
    ("pipes-rabbitmq", "EventBridge Pipes, from RabbitMQ", ""),
    ("pipes-sqs", "EventBridge Pipes, from SQS", ""),
    ("rabbitmq", "Amazon MQ, RabbitMQ", "rabbitmq-event"),
    ("redshift", "Redshift, a function in SQL", ""),
    ("s3", "S3, an object was created", ""),
    ("s3-batch", "S3 Batch Operations", ""),
    ("s3-batch-v2", "S3 Batch Operations, schema 2.0", ""),
    ("s3-delete", "S3, an object was removed", ""),
    ("s3-object-lambda", "S3 Object Lambda", "s3-object-lambda-event-get-object-iam"),
    ("s3-test", "S3, that it can send to a queue or a topic", ""),
    ("sagemaker-labeling", "SageMaker, before a labeling task", ""),
    ("sagemaker-labeling-results", "SageMaker, after labeling tasks", ""),
    ("schedule", "EventBridge, a schedule", "eventbridge-schedule"),
    ("scheduler", "EventBridge Scheduler", ""),
    ("secretsmanager", "Secrets Manager, to rotate", "secretsmanager-secret-rotation-event"),
    ("ses", "SES, an email came in", "ses-lambda-event"),
    ("sns", "a topic of SNS", ""),
    ("sns-notification", "SNS, in a queue or to a URL", ""),
    ("sqs", "a queue of SQS", ""),
    ("sqs-dead-letter", "a dead-letter queue of a function", ""),
    ("sqs-fifo", "a FIFO queue of SQS", ""),
    ("step-functions", "Step Functions, a task", ""),
    ("transfer", "Transfer Family, to let somebody in", ""),
    ("transfer-workflow", "Transfer Family, a step of a workflow", ""),
    ("vpc-lattice", "VPC Lattice", "vpc-lattice-v2-request"),
    ("websocket", "a WebSocket API, a message", "websocket-message"),
    ("websocket-connect", "a WebSocket API, a connection", "apigw-websocket-request"),
    ("workmail", "WorkMail, an email", ""),
];

/// The sample of each trigger, by name.
pub(crate) fn of_triggers() -> impl Iterator<Item = Sample> {
    TRIGGERS.iter().filter_map(|&(name, about, file)| {
        let text = text_of(if file.is_empty() { name } else { file })?;
        Some(Sample { name, about, text })
    })
}

/// The samples that are no trigger's first one, by name.
pub(crate) fn others() -> Vec<Sample> {
    let is_first =
        |file: &str| TRIGGERS.iter().any(|&(name, _, other)| file == name || file == other);
    // What a function answers is in the folder too, for the tests.
    let is_answer = |file: &str| file.ends_with("-response") || file.contains("-response-with-");
    let others = FILES.iter().filter(|(file, _)| !is_first(file) && !is_answer(file));
    let mut others: Vec<Sample> =
        others.map(|&(name, text)| Sample { name, about: "", text }).collect();
    others.sort_by_key(|sample| sample.name);
    others
}

/// The sample of this name; `_` does for `-`.
///
/// # Errors
/// There is none. The message names the nearest, and how to see them all.
pub(crate) fn find(name: &str) -> Result<Sample, Failure> {
    let all: Vec<Sample> = of_triggers().chain(others()).collect();
    let plain = |name: &str| name.to_lowercase().replace(['_', '.', ' '], "-");
    if let Some(sample) = all.iter().find(|sample| plain(sample.name) == plain(name)) {
        return Ok(*sample);
    }
    let plain_name = plain(name);
    let names = all.iter().map(|sample| sample.name);
    let begins = |it: &&str| !plain_name.is_empty() && it.starts_with(&plain_name);
    let triggers = || of_triggers().map(|sample| sample.name);
    let near = nearest(&plain_name, names).filter(|_| !plain_name.is_empty());
    let meant = near.or_else(|| triggers().find(begins));
    let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Err(Failure::usage(format!(
        "there is no sample event `{name}`{meant}\n`rhambda event` lists them"
    )))
}

fn text_of(file: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::json_text::is_json;

    #[test]
    fn every_trigger_has_its_sample_and_no_name_is_there_twice() {
        assert_eq!(of_triggers().count(), TRIGGERS.len());
        assert!(TRIGGERS.is_sorted());
        let names = of_triggers().chain(others()).map(|sample| sample.name);
        let all: Vec<_> = names.collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.len() > 150, "{}", all.len());
    }

    #[test]
    fn every_sample_is_json_and_an_event() {
        for sample in of_triggers().chain(others()) {
            assert!(is_json(sample.text.as_bytes()), "{}", sample.name);
            assert!(!sample.name.ends_with("-response"), "{}", sample.name);
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_met_with_the_nearest() {
        assert_eq!(find("api_gateway_v2").unwrap().name, "api-gateway-v2");
        let message = |name| find(name).expect_err("no such sample").message;
        assert!(message("sqss").contains("did you mean `sqs`?"), "{}", message("sqss"));
        assert!(message("cogn").contains("did you mean `co"), "{}", message("cogn"));
        assert!(message("xyzzy").contains("`rhambda event` lists them"));
    }
}
