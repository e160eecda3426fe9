//! Which service an event is from: a table of what is in the events of each.
//!
//! An event belongs to a source only if all that the table says of it is there, and to none if two
//! rows would fit. So one that lacks something is of no source, rather than of a wrong one.

use rhai::{Array, Dynamic, Map};

use super::field::{has, look, text};

/// What is at a path of an event, or of a record.
enum Sign {
    /// Text.
    Text(&'static str),
    /// One of these texts.
    Is(&'static str, &'static [&'static str]),
    /// Text that begins like this.
    Begins(&'static str, &'static str),
    /// Text with this in it.
    Has(&'static str, &'static str),
    /// Text without this in it.
    Lacks(&'static str, &'static str),
    /// `true` or `false`.
    Bool(&'static str),
    Map(&'static str),
    Array(&'static str),
    /// Nothing, or `null`.
    None(&'static str),
    /// One of these signs, or more of them.
    Any(&'static [Sign]),
    All(&'static [Sign]),
    /// An array of at least one record, each with all of these signs. With the path `""` the event
    /// itself is the array, as EventBridge Pipes sends its records.
    Each(&'static str, &'static [Sign]),
}

use Sign::{All, Any, Begins, Bool, Each, Has, Is, Lacks, None as No, Text};

impl Sign {
    fn is_in(&self, value: &Dynamic) -> bool {
        let holds = |path, test: &dyn Fn(&Dynamic) -> bool| {
            let mut is_so = false;
            look(value, path, &mut |value| is_so = test(value));
            is_so
        };
        let says = |path, test: &dyn Fn(&str) -> bool| {
            holds(path, &|value| value.as_immutable_string_ref().is_ok_and(|text| test(&text)))
        };
        match *self {
            Text(path) => says(path, &|_| true),
            Is(path, texts) => says(path, &|text| texts.contains(&text)),
            Begins(path, start) => says(path, &|text| text.starts_with(start)),
            Has(path, part) => says(path, &|text| text.contains(part)),
            Lacks(path, part) => says(path, &|text| !text.contains(part)),
            Bool(path) => holds(path, &Dynamic::is_bool),
            Self::Map(path) => holds(path, &Dynamic::is_map),
            Self::Array(path) => holds(path, &Dynamic::is_array),
            Any(signs) => signs.iter().any(|sign| sign.is_in(value)),
            All(signs) => all_in(signs, value),
            No(path) => !has(value, path),
            Each(path, signs) => holds(path, &|records| {
                records.read_lock::<Array>().is_some_and(|records| {
                    !records.is_empty() && records.iter().all(|record| all_in(signs, record))
                })
            }),
        }
    }
}

fn all_in(signs: &[Sign], value: &Dynamic) -> bool {
    signs.iter().all(|sign| sign.is_in(value))
}

/// A source, and what each of its events has.
struct Rule {
    source: &'static str,
    signs: &'static [Sign],
}

const fn rule(source: &'static str, signs: &'static [Sign]) -> Rule {
    Rule { source, signs }
}

const CHALLENGE: &[&str] = &["REQUEST"];

const SQS: &[Sign] = &[
    Is("eventSource", &["aws:sqs"]),
    Text("messageId"),
    Text("receiptHandle"),
    Text("body"),
    Text("eventSourceARN"),
];

const DYNAMODB: &[Sign] = &[
    Is("eventSource", &["aws:dynamodb"]),
    Is("eventName", &["INSERT", "MODIFY", "REMOVE"]),
    Text("eventID"),
    Text("dynamodb/SequenceNumber"),
];

const KAFKA: &[&str] = &["aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka"];

/// Each service has been seen to be called by both names.
const ACTIVEMQ: &[&str] = &["aws:mq", "aws:amq"];

const APPSYNC: Sign =
    All(&[Text("info/fieldName"), Text("info/parentTypeName"), Sign::Map("arguments")]);

const CUSTOM_RESOURCE: &[Sign] = &[
    Is("RequestType", &["Create", "Update", "Delete"]),
    Text("RequestId"),
    Text("StackId"),
    Text("ResourceType"),
    Text("LogicalResourceId"),
];

/// Those of HTTP first, the most frequent.
static RULES: &[Rule] = &[
    rule(
        "api_gateway_v2",
        &[
            Is("version", &["2.0"]),
            Text("routeKey"),
            Text("rawPath"),
            Text("rawQueryString"),
            Text("requestContext/http/method"),
            Text("requestContext/http/path"),
            Text("requestContext/apiId"),
            Text("requestContext/stage"),
            Lacks("requestContext/domainName", ".lambda-url."),
            No("routeArn"),
            No("type"),
        ],
    ),
    rule(
        "function_url",
        &[
            Is("version", &["2.0"]),
            Text("rawPath"),
            Text("rawQueryString"),
            Text("requestContext/http/method"),
            Text("requestContext/http/path"),
            Text("requestContext/apiId"),
            Has("requestContext/domainName", ".lambda-url."),
            No("routeArn"),
            No("type"),
        ],
    ),
    rule(
        "api_gateway_v1",
        &[
            Text("httpMethod"),
            Text("path"),
            Text("resource"),
            Text("requestContext/apiId"),
            Text("requestContext/stage"),
            Text("requestContext/requestId"),
            Text("requestContext/resourcePath"),
            Text("requestContext/httpMethod"),
            Sign::Map("requestContext/identity"),
            No("requestContext/elb"),
            No("requestContext/connectionId"),
            No("requestContext/eventType"),
            No("requestContext/connectedAt"),
            No("methodArn"),
            No("type"),
        ],
    ),
    rule(
        "alb",
        &[
            Text("requestContext/elb/targetGroupArn"),
            Text("httpMethod"),
            Text("path"),
            Any(&[Sign::Map("headers"), Sign::Map("multiValueHeaders")]),
            No("resource"),
        ],
    ),
    rule(
        "websocket",
        &[
            Text("requestContext/connectionId"),
            Is("requestContext/eventType", &["CONNECT", "MESSAGE", "DISCONNECT"]),
            Text("requestContext/apiId"),
            Text("requestContext/stage"),
            Text("requestContext/routeKey"),
            No("methodArn"),
            No("type"),
        ],
    ),
    rule(
        "vpc_lattice_v1",
        &[Text("raw_path"), Text("method"), Sign::Map("headers"), Bool("is_base64_encoded")],
    ),
    rule(
        "vpc_lattice_v2",
        &[
            Is("version", &["2.0"]),
            Text("path"),
            Text("method"),
            Sign::Map("headers"),
            Text("requestContext/serviceArn"),
            Text("requestContext/serviceNetworkArn"),
            Text("requestContext/targetGroupArn"),
        ],
    ),
    rule("sqs", &[Any(&[Each("Records", SQS), Each("", SQS)])]),
    rule(
        "kinesis",
        &[Each(
            "Records",
            &[
                Is("eventSource", &["aws:kinesis"]),
                Text("eventID"),
                Text("kinesis/data"),
                Text("kinesis/partitionKey"),
                Text("kinesis/sequenceNumber"),
            ],
        )],
    ),
    // Of Pipes, whose records have no map of their own.
    rule(
        "kinesis",
        &[Each(
            "",
            &[
                Is("eventSource", &["aws:kinesis"]),
                Text("eventID"),
                Text("data"),
                Text("partitionKey"),
                Text("sequenceNumber"),
            ],
        )],
    ),
    // A tumbling window ends with a call that may have no records.
    rule(
        "kinesis",
        &[
            Sign::Array("Records"),
            No("Records/0"),
            Sign::Map("window"),
            Text("shardId"),
            Has("eventSourceARN", ":kinesis:"),
        ],
    ),
    rule("dynamodb", &[Any(&[Each("Records", DYNAMODB), Each("", DYNAMODB)])]),
    rule(
        "dynamodb",
        &[
            Sign::Array("Records"),
            No("Records/0"),
            Sign::Map("window"),
            Text("shardId"),
            Has("eventSourceARN", ":dynamodb:"),
        ],
    ),
    // What DynamoDB writes into a stream of Kinesis: one record, as JSON in the body of another.
    rule(
        "dynamodb",
        &[
            Is("eventSource", &["aws:dynamodb"]),
            Is("eventName", &["INSERT", "MODIFY", "REMOVE"]),
            Text("eventID"),
            Text("tableName"),
            Sign::Map("dynamodb/Keys"),
        ],
    ),
    rule(
        "sns",
        &[Each(
            "Records",
            &[
                Is("EventSource", &["aws:sns"]),
                Text("Sns/MessageId"),
                Text("Sns/TopicArn"),
                Text("Sns/Message"),
            ],
        )],
    ),
    // What SNS writes into a queue or sends to a URL.
    rule(
        "sns",
        &[
            Is("Type", &["Notification"]),
            Text("MessageId"),
            Text("TopicArn"),
            Text("Message"),
            Text("Timestamp"),
        ],
    ),
    rule(
        "sns_confirmation",
        &[
            Is("Type", &["SubscriptionConfirmation", "UnsubscribeConfirmation"]),
            Text("MessageId"),
            Text("TopicArn"),
            Text("Token"),
        ],
    ),
    rule(
        "s3",
        &[Each(
            "Records",
            &[
                Is("eventSource", &["aws:s3"]),
                Text("eventName"),
                Text("s3/bucket/name"),
                Text("s3/object/key"),
            ],
        )],
    ),
    // What S3 sends each time its notifications are configured.
    rule("s3_test", &[Is("Event", &["s3:TestEvent"]), Text("Service"), Text("Bucket")]),
    rule(
        "ses",
        &[Each(
            "Records",
            &[
                Is("eventSource", &["aws:ses"]),
                Text("ses/mail/messageId"),
                Sign::Map("ses/receipt"),
            ],
        )],
    ),
    rule(
        "codecommit",
        &[Each(
            "Records",
            &[
                Is("eventSource", &["aws:codecommit"]),
                Text("eventSourceARN"),
                Sign::Array("codecommit/references"),
            ],
        )],
    ),
    rule("kafka", &[Is("eventSource", KAFKA), Text("bootstrapServers"), Sign::Map("records")]),
    rule("kafka", &[Each("", &[Is("eventSource", KAFKA), Text("eventSourceKey"), Text("topic")])]),
    rule(
        "activemq",
        &[Is("eventSource", ACTIVEMQ), Text("eventSourceArn"), Sign::Array("messages")],
    ),
    rule(
        "activemq",
        &[Each("", &[Is("eventSource", ACTIVEMQ), Text("eventSourceArn"), Text("messageID")])],
    ),
    rule(
        "rabbitmq",
        &[Is("eventSource", &["aws:rmq"]), Text("eventSourceArn"), Sign::Map("rmqMessagesByQueue")],
    ),
    rule(
        "rabbitmq",
        &[Each(
            "",
            &[
                Is("eventSource", &["aws:rmq"]),
                Text("eventSourceArn"),
                Text("eventSourceKey"),
                Sign::Map("basicProperties"),
            ],
        )],
    ),
    rule(
        "documentdb",
        &[
            Is("eventSource", &["aws:docdb"]),
            Text("eventSourceArn"),
            Each("events", &[Text("event/operationType"), Sign::Map("event/_id")]),
        ],
    ),
    rule(
        "firehose",
        &[
            Text("invocationId"),
            Any(&[Text("deliveryStreamArn"), Text("region")]),
            No("applicationArn"),
            Each("records", &[Text("recordId"), Any(&[Text("data"), Text("kafkaRecordValue")])]),
        ],
    ),
    rule(
        "kinesis_analytics",
        &[
            Text("invocationId"),
            Text("applicationArn"),
            Each("records", &[Text("recordId"), Text("data")]),
        ],
    ),
    rule(
        "s3_batch",
        &[
            Text("invocationSchemaVersion"),
            Text("invocationId"),
            Text("job/id"),
            Each("tasks", &[Text("taskId"), Text("s3Key")]),
        ],
    ),
    rule(
        "eventbridge",
        &[
            Text("detail-type"),
            Text("source"),
            Text("id"),
            Text("account"),
            Text("time"),
            Text("region"),
            Sign::Array("resources"),
            // EventBridge Scheduler sends text, as its schedule has it.
            Any(&[Sign::Map("detail"), Text("detail")]),
        ],
    ),
    rule(
        "cloudwatch_alarm",
        &[
            Is("source", &["aws.cloudwatch"]),
            Text("alarmArn"),
            Text("accountId"),
            Text("alarmData/alarmName"),
            Sign::Map("alarmData/state"),
        ],
    ),
    // The data is gzip, in base64.
    rule("cloudwatch_logs", &[Begins("awslogs/data", "H4sI")]),
    // The same unpacked, as it comes in the records of Kinesis and Firehose.
    rule(
        "cloudwatch_logs",
        &[
            Is("messageType", &["DATA_MESSAGE", "CONTROL_MESSAGE"]),
            Text("owner"),
            Text("logGroup"),
            Sign::Array("logEvents"),
        ],
    ),
    rule(
        "cognito",
        &[
            Text("triggerSource"),
            Text("userPoolId"),
            Text("region"),
            Sign::Map("callerContext"),
            Sign::Map("request"),
        ],
    ),
    rule(
        "cognito_sync",
        &[
            Is("eventType", &["SyncTrigger"]),
            Text("identityPoolId"),
            Text("identityId"),
            Text("datasetName"),
            Sign::Map("datasetRecords"),
        ],
    ),
    rule(
        "authorizer_v1_token",
        &[Is("type", &["TOKEN"]), Text("authorizationToken"), Text("methodArn")],
    ),
    rule(
        "authorizer_v1_request",
        &[
            Is("type", CHALLENGE),
            Text("methodArn"),
            Text("httpMethod"),
            Text("path"),
            Text("requestContext/apiId"),
            No("requestContext/connectionId"),
        ],
    ),
    rule(
        "authorizer_v2",
        &[
            Is("version", &["2.0"]),
            Is("type", CHALLENGE),
            Text("routeArn"),
            Text("routeKey"),
            Text("rawPath"),
            Text("requestContext/http/method"),
        ],
    ),
    rule(
        "authorizer_websocket",
        &[
            Is("type", CHALLENGE),
            Text("methodArn"),
            Text("requestContext/connectionId"),
            Text("requestContext/apiId"),
            Is("requestContext/eventType", &["CONNECT"]),
        ],
    ),
    rule(
        "authorizer_appsync",
        &[
            Text("authorizationToken"),
            Text("requestContext/apiId"),
            Any(&[
                Text("requestContext/queryString"),
                Text("requestContext/queryDocument"),
                // Of AppSync Events, which has channels in place of queries.
                Text("requestContext/channel"),
                Text("requestContext/operation"),
            ]),
            No("methodArn"),
        ],
    ),
    rule(
        "authorizer_iot",
        &[
            Bool("signatureVerified"),
            Sign::Array("protocols"),
            Sign::Map("protocolData"),
            Text("connectionMetadata/id"),
        ],
    ),
    rule("appsync", &[Any(&[APPSYNC, Each("", &[APPSYNC])])]),
    // Of a function in a schema of Amplify.
    rule(
        "appsync",
        &[
            Text("typeName"),
            Text("fieldName"),
            Sign::Map("arguments"),
            Sign::Map("request"),
            No("info"),
        ],
    ),
    rule(
        "appsync_events",
        &[
            Text("info/channel/path"),
            Text("info/channelNamespace/name"),
            Is("info/operation", &["PUBLISH", "SUBSCRIBE"]),
            No("info/fieldName"),
        ],
    ),
    rule(
        "cloudformation",
        &[
            All(CUSTOM_RESOURCE),
            Any(&[Begins("ResponseURL", "https://"), Begins("ResponseURL", "http://")]),
        ],
    ),
    // The same behind the provider framework of the CDK, which answers by itself.
    rule("cloudformation_provider", &[All(CUSTOM_RESOURCE), No("ResponseURL"), No("ServiceToken")]),
    rule("cloudformation_provider", &[All(CUSTOM_RESOURCE), Is("ResponseURL", &["..."])]),
    rule(
        "cloudformation_macro",
        &[Text("transformId"), Text("requestId"), Text("region"), Sign::Map("fragment")],
    ),
    rule(
        "cloudformation_hook",
        &[
            Text("hookTypeName"),
            Text("actionInvocationPoint"),
            Text("awsAccountId"),
            Sign::Map("requestData"),
        ],
    ),
    rule("codepipeline", &[Text("CodePipeline.job/id"), Sign::Map("CodePipeline.job/data")]),
    rule("codedeploy", &[Text("DeploymentId"), Text("LifecycleEventHookExecutionId")]),
    rule(
        "ecs_deployment",
        &[
            Text("lifecycleStage"),
            Text("executionId"),
            Text("resourceArn"),
            Sign::Map("executionDetails"),
        ],
    ),
    rule(
        "config",
        &[
            Text("configRuleName"),
            Text("configRuleArn"),
            Text("invokingEvent"),
            Text("resultToken"),
        ],
    ),
    rule(
        "connect",
        &[
            Is("Name", &["ContactFlowEvent", "ContactFlowExecution"]),
            Text("Details/ContactData/ContactId"),
        ],
    ),
    rule(
        "connect_campaign",
        &[
            Text("InvocationMetadata/CampaignContext/CampaignId"),
            Each("Items/CustomerProfiles", &[Text("ProfileId")]),
        ],
    ),
    rule(
        "lex",
        &[
            Is("messageVersion", &["1.0"]),
            Text("currentIntent/name"),
            Text("bot/name"),
            Text("userId"),
            Text("invocationSource"),
        ],
    ),
    rule(
        "lex_v2",
        &[
            Is("messageVersion", &["1.0"]),
            Text("bot/id"),
            Text("sessionId"),
            Sign::Map("sessionState"),
            Text("invocationSource"),
        ],
    ),
    rule(
        "bedrock_agent",
        &[
            Is("messageVersion", &["1.0"]),
            Text("agent/name"),
            Text("actionGroup"),
            Text("sessionId"),
            Text("inputText"),
        ],
    ),
    rule(
        "bedrock_flow",
        &[
            Is("messageVersion", &["1.0"]),
            Text("flow/flowArn"),
            Text("node/name"),
            Sign::Array("node/nodeInputs"),
        ],
    ),
    rule(
        "s3_object_lambda",
        &[
            Text("xAmzRequestId"),
            Text("configuration/accessPointArn"),
            Text("userRequest/url"),
            Text("protocolVersion"),
        ],
    ),
    rule(
        "secretsmanager",
        &[
            Is("Step", &["createSecret", "setSecret", "testSecret", "finishSecret"]),
            Text("SecretId"),
            Text("ClientRequestToken"),
        ],
    ),
    rule(
        "iot_1_click",
        &[Sign::Map("deviceEvent"), Text("deviceInfo/deviceId"), Text("placementInfo/projectName")],
    ),
    rule("iot_button", &[Text("serialNumber"), Text("clickType"), Text("batteryVoltage")]),
    rule(
        "iot_provisioning",
        &[Text("certificateId"), Text("certificatePem"), Text("templateArn"), Text("clientId")],
    ),
    rule(
        "client_vpn",
        &[Text("connection-id"), Text("endpoint-id"), Text("schema-version"), Text("public-ip")],
    ),
    // What became of an asynchronous call or of a batch of a stream, for a destination.
    rule(
        "lambda_destination",
        &[
            Is("version", &["1.0"]),
            Text("timestamp"),
            Text("requestContext/requestId"),
            Text("requestContext/functionArn"),
            Text("requestContext/condition"),
        ],
    ),
    rule(
        "cloudfront",
        &[Each("Records", &[Text("cf/config/distributionId"), Sign::Map("cf/request")])],
    ),
    rule(
        "transfer",
        &[
            Text("username"),
            Is("protocol", &["SFTP", "FTPS", "FTP", "HTTP"]),
            Begins("serverId", "s-"),
            Text("sourceIp"),
        ],
    ),
    rule(
        "transfer_workflow",
        &[
            Text("token"),
            Text("serviceMetadata/executionDetails/workflowId"),
            Text("serviceMetadata/executionDetails/executionId"),
            Sign::Map("fileLocation"),
        ],
    ),
    rule(
        "alexa",
        &[
            Text("version"),
            Text("request/type"),
            Text("request/requestId"),
            Text("context/System/application/applicationId"),
        ],
    ),
    rule(
        "alexa_smart_home",
        &[
            Begins("directive/header/namespace", "Alexa"),
            Text("directive/header/name"),
            Text("directive/header/messageId"),
        ],
    ),
    rule(
        "autoscaling_termination",
        &[
            Text("AutoScalingGroupARN"),
            Text("AutoScalingGroupName"),
            Sign::Array("CapacityToTerminate"),
            Sign::Array("Instances"),
        ],
    ),
    rule(
        "cloudwatch_widget",
        &[Text("widgetContext/dashboardName"), Text("widgetContext/widgetId")],
    ),
    rule(
        "redshift",
        &[Text("external_function"), Text("request_id"), Text("cluster"), Sign::Array("arguments")],
    ),
    rule(
        "chime_sip",
        &[
            Text("SchemaVersion"),
            Text("InvocationEventType"),
            Text("CallDetails/TransactionId"),
            Sign::Array("CallDetails/Participants"),
        ],
    ),
    rule(
        "sagemaker_labeling",
        &[
            Text("version"),
            Text("labelingJobArn"),
            Any(&[Sign::Map("dataObject"), Text("payload/s3Uri")]),
        ],
    ),
    rule(
        "workmail",
        &[
            Text("summaryVersion"),
            Text("envelope/mailFrom/address"),
            Text("messageId"),
            Text("flowDirection"),
        ],
    ),
    rule(
        "appconfig_validator",
        &[
            Text("applicationId"),
            Text("configurationProfileId"),
            Text("configurationVersion"),
            Text("content"),
        ],
    ),
];

/// The source of an event; none if no row of the table fits, or more than one.
pub(super) fn of(event: &Dynamic) -> Option<&'static str> {
    let mut fitting = RULES.iter().filter(|rule| all_in(rule.signs, event));
    fitting.next().filter(|_| fitting.next().is_none()).map(|rule| rule.source)
}

/// The names of all sources.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.source)
}

/// What an event of no source looks like, for an error: its names, but none of its values, which no
/// log may see.
pub(super) fn describe(event: &Dynamic) -> String {
    const NAMES: usize = 12;
    let names = |map: &Map| {
        let names: Vec<String> =
            map.keys().take(NAMES).map(|name| format!("`{}`", short(name))).collect();
        let more = if map.len() > NAMES { ", …" } else { "" };
        format!("{}{more}", names.join(", "))
    };
    if let Some(map) = event.read_lock::<Map>() {
        if map.is_empty() {
            return "an empty map".into();
        }
        let service = text(event, "Records/0/eventSource").or(text(event, "eventSource"));
        let service = service.map_or(String::new(), |name| format!(" from {:?}", short(&name)));
        return format!("a map{service} with {}", names(&map));
    }
    match () {
        () if event.is_array() => "an array".into(),
        () if event.is_string() => "text".into(),
        () => event.type_name().into(),
    }
}

fn short(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::json;

    fn samples() -> Vec<(String, Dynamic)> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../layer/samples");
        let mut samples = Vec::new();
        for part in ["aws_lambda_events", "own"] {
            for entry in fs::read_dir(folder.join(part)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    let text = fs::read(&path).unwrap();
                    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                    samples.push((name, json::read(&text).unwrap()));
                }
            }
        }
        assert!(samples.len() > 170, "only {} samples", samples.len());
        samples
    }

    fn fitting(event: &Dynamic) -> Vec<&'static str> {
        RULES.iter().filter(|rule| all_in(rule.signs, event)).map(|rule| rule.source).collect()
    }

    /// The event without each of its fields, one after the other, at any depth.
    fn lacking_one(event: &Dynamic) -> Vec<Dynamic> {
        let mut all = Vec::new();
        if let Some(map) = event.read_lock::<Map>() {
            for (name, value) in map.iter() {
                let mut without = map.clone();
                without.remove(name);
                all.push(without.into());
                for changed in lacking_one(value) {
                    let mut map = map.clone();
                    map.insert(name.clone(), changed);
                    all.push(map.into());
                }
            }
        }
        if let Some(array) = event.read_lock::<Array>() {
            for (index, item) in array.iter().enumerate() {
                for changed in lacking_one(item) {
                    let mut array = array.clone();
                    array[index] = changed;
                    all.push(array.into());
                }
            }
        }
        all
    }

    #[test]
    fn no_sample_fits_two_rules_and_each_rule_has_a_sample() {
        let mut seen = BTreeSet::new();
        for (name, event) in samples() {
            let fitting = fitting(&event);
            assert!(fitting.len() <= 1, "{name} fits {fitting:?}");
            seen.extend(fitting);
        }
        let all: BTreeSet<_> = RULES.iter().map(|rule| rule.source).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn an_event_that_lacks_a_field_is_of_its_source_or_of_none() {
        for (name, event) in samples() {
            let source = of(&event);
            for lacking in lacking_one(&event) {
                let found = of(&lacking);
                assert!(
                    found.is_none() || found == source,
                    "{name} is {source:?}, but {found:?} as {lacking}"
                );
            }
        }
    }

    #[test]
    fn two_events_in_one_are_of_one_of_their_sources_or_of_none() {
        let samples = samples();
        for (left_name, left) in &samples {
            for (right_name, right) in &samples {
                let maps = (left.read_lock::<Map>(), right.read_lock::<Map>());
                let (Some(left_map), Some(right_map)) = maps else { continue };
                let mut both = left_map.clone();
                both.extend(right_map.clone());
                let (both, sources) = (both.into(), [of(left), of(right)]);
                let found = of(&both);
                // What an authorizer gets with what another gets is one of an authorizer.
                let is_authorizer = |source: &Option<&str>| {
                    source.is_some_and(|source| source.starts_with("authorizer_"))
                };
                let is_both = is_authorizer(&found) && sources.iter().any(is_authorizer);
                assert!(
                    found.is_none() || sources.contains(&found) || is_both,
                    "{left_name} with {right_name} is {found:?}"
                );
            }
        }
    }

    #[test]
    fn an_event_of_no_source_is_described_by_its_names() {
        let describe = |text: &str| describe(&json::read(text.as_bytes()).unwrap());
        assert_eq!(describe("{}"), "an empty map");
        assert_eq!(describe("[1]"), "an array");
        assert_eq!(describe("\"secret\""), "text");
        assert_eq!(describe("{\"b\":\"secret\",\"a\":1}"), "a map with `a`, `b`");
        assert_eq!(
            describe("{\"Records\":[{\"eventSource\":\"aws:new\"}]}"),
            "a map from \"aws:new\" with `Records`"
        );
    }
}
