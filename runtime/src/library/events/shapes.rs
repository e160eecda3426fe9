//! What a script gets of each source: a table of the fields and where they stand.

/// Where the records of an event are.
pub(super) enum Place {
    /// The event is the record.
    Itself,
    /// In this array, or in the event where that is one; the event itself where neither is so.
    Array(&'static str),
    /// In a map of arrays, whose names are fields too; or in the event, whose items have that name.
    Arrays(&'static str),
    /// In the array `logEvents` of what comes as base64 of gzip, or unpacked.
    Packed(&'static str),
    /// There are none.
    Nowhere,
}

/// The records of one source.
pub(super) struct Shape {
    pub(super) source: &'static str,
    pub(super) place: Place,
    fields: &'static str,
}

/// One field of a record.
pub(super) struct Field {
    /// What a script calls it.
    pub(super) name: &'static str,
    ways: &'static str,
}

/// Where a field may stand.
pub(super) struct Way {
    /// After a `^` in the event around the record; `@` is the name of its array.
    pub(super) path: &'static str,
    /// What becomes of it, as [`super::plain`] knows it; empty where it stays what it is.
    pub(super) kind: &'static str,
}

impl Field {
    /// Where it may stand; the first that is there counts.
    pub(super) fn ways(&self) -> impl Iterator<Item = Way> + use<> {
        self.ways.split(',').map(|way| {
            let (path, kind) = way.split_once('|').unwrap_or((way, ""));
            Way { path, kind }
        })
    }
}

impl Shape {
    /// The fields of each record. One is written `name=path|kind,path|kind`, without the path where
    /// it is the name: as text they take a third of what they would take as values.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.fields.split(' ').map(|field| match field.split_once('=') {
            Some((name, ways)) => Field { name, ways },
            None => Field { name: field.split('|').next().unwrap_or(field), ways: field },
        })
    }
}

const fn shape(source: &'static str, place: Place, fields: &'static str) -> Shape {
    Shape { source, place, fields }
}

use Place::{Array, Arrays, Itself, Nowhere, Packed};

/// The shape of a source's records; none where the event says all by itself.
pub(super) fn of(source: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.source == source)
}

const CLOUDFORMATION: &str = "request_type=RequestType request_id=RequestId stack_id=StackId \
    resource_type=ResourceType logical_id=LogicalResourceId \
    physical_id=PhysicalResourceId properties=ResourceProperties \
    old_properties=OldResourceProperties";

const LEX: &str = "bot=bot/name intent=currentIntent/name slots=currentIntent/slots \
    confirmation=currentIntent/confirmationStatus user=userId text=inputTranscript \
    call=invocationSource attributes=sessionAttributes";

const LEX_V2: &str = "bot=bot/name intent=sessionState/intent/name slots=sessionState/intent/slots \
    confirmation=sessionState/intent/confirmationState session=sessionId \
    text=inputTranscript call=invocationSource \
    attributes=sessionState/sessionAttributes";

const REQUEST_AUTHORIZER: &str = "arn=methodArn api=requestContext/apiId stage=requestContext/stage \
    token=authorizationToken method=httpMethod path headers \
    query=queryStringParameters";

static SHAPES: &[Shape] = &[
    shape(
        "sqs",
        Array("Records"),
        "id=messageId body attributes message_attributes=messageAttributes|attributes \
         group=attributes/MessageGroupId deduplication=attributes/MessageDeduplicationId \
         receive_count=attributes/ApproximateReceiveCount|int \
         sent_ms=attributes/SentTimestamp|int queue=eventSourceARN|after(:) \
         arn=eventSourceARN receipt_handle=receiptHandle",
    ),
    shape(
        "kinesis",
        Array("Records"),
        "id=kinesis/sequenceNumber,sequenceNumber body=kinesis/data|data,data|data \
         partition_key=kinesis/partitionKey,partitionKey \
         arrived_ms=kinesis/approximateArrivalTimestamp|seconds,approximateArrivalTimestamp|seconds \
         stream=eventSourceARN|after(stream/) shard=eventID|before(:) arn=eventSourceARN",
    ),
    shape(
        "dynamodb",
        Array("Records"),
        "id=dynamodb/SequenceNumber,eventID event=eventName keys=dynamodb/Keys|item \
         old_image=dynamodb/OldImage|item new_image=dynamodb/NewImage|item \
         table=eventSourceARN|after(table/),tableName arn=eventSourceARN \
         created_ms=dynamodb/ApproximateCreationDateTime|seconds \
         principal=userIdentity/principalId",
    ),
    shape(
        "kafka",
        Arrays("records"),
        "topic partition offset key|data body=value|data headers|headers \
         created_ms=timestamp|ms key_schema=keySchemaMetadata schema=valueSchemaMetadata \
         arn=^eventSourceArn,eventSourceArn",
    ),
    shape(
        "sns",
        Array("Records"),
        "id=Sns/MessageId,MessageId body=Sns/Message,Message subject=Sns/Subject,Subject \
         topic=Sns/TopicArn|after(:),TopicArn|after(:) \
         attributes=Sns/MessageAttributes|attributes,MessageAttributes|attributes \
         sent_ms=Sns/Timestamp|moment,Timestamp|moment arn=Sns/TopicArn,TopicArn",
    ),
    shape(
        "sns_confirmation",
        Itself,
        "id=MessageId kind=Type body=Message topic=TopicArn|after(:) token=Token \
         url=SubscribeURL sent_ms=Timestamp|moment arn=TopicArn",
    ),
    shape("s3_test", Nowhere, "bucket=Bucket"),
    shape(
        "s3",
        Array("Records"),
        "event=eventName bucket=s3/bucket/name key=s3/object/key|url \
         version=s3/object/versionId size=s3/object/size etag=s3/object/eTag \
         sequencer=s3/object/sequencer region=awsRegion at_ms=eventTime|moment",
    ),
    shape(
        "ses",
        Array("Records"),
        "id=ses/mail/messageId from=ses/mail/source to=ses/mail/destination \
         subject=ses/mail/commonHeaders/subject headers=ses/mail/headers \
         received_ms=ses/mail/timestamp|moment recipients=ses/receipt/recipients \
         spam=ses/receipt/spamVerdict/status virus=ses/receipt/virusVerdict/status \
         spf=ses/receipt/spfVerdict/status dkim=ses/receipt/dkimVerdict/status \
         dmarc=ses/receipt/dmarcVerdict/status action=ses/receipt/action",
    ),
    shape(
        "codecommit",
        Array("Records"),
        "id=eventId event=eventName repository=eventSourceARN|after(:) \
         references=codecommit/references trigger=eventTriggerName user=userIdentityARN \
         region=awsRegion arn=eventSourceARN at_ms=eventTime|moment",
    ),
    shape(
        "activemq",
        Array("messages"),
        "id=messageID queue=destination/physicalName,destination/physicalname body=data|data \
         kind=messageType properties is_redelivered=redelivered sent_ms=timestamp|ms \
         arn=^eventSourceArn,eventSourceArn",
    ),
    shape(
        "rabbitmq",
        Arrays("rmqMessagesByQueue"),
        "id=basicProperties/messageId queue=@|before(::) virtual_host=@|after(::) \
         body=data|data headers=basicProperties/headers|headers \
         content_type=basicProperties/contentType \
         correlation_id=basicProperties/correlationId reply_to=basicProperties/replyTo \
         priority=basicProperties/priority is_redelivered=redelivered \
         arn=^eventSourceArn,eventSourceArn",
    ),
    shape(
        "documentdb",
        Array("events"),
        "id=event/_id/_data event=event/operationType database=event/ns/db \
         collection=event/ns/coll keys=event/documentKey document=event/fullDocument \
         update=event/updateDescription at_ms=event/clusterTime/$timestamp/t|seconds \
         arn=^eventSourceArn",
    ),
    shape(
        "firehose",
        Array("records"),
        "id=recordId body=data|data,kafkaRecordValue|data \
         partition_key=kinesisRecordMetadata/partitionKey shard=kinesisRecordMetadata/shardId \
         sequence=kinesisRecordMetadata/sequenceNumber partition=mskRecordMetadata/partitionId \
         offset=mskRecordMetadata/offset arrived_ms=approximateArrivalTimestamp|ms \
         stream=^deliveryStreamArn|after(deliverystream/) arn=^deliveryStreamArn",
    ),
    shape(
        "kinesis_analytics",
        Array("records"),
        "id=recordId body=data|data partition_key=kinesisStreamRecordMetadata/partitionKey \
         retries=lambdaDeliveryRecordMetadata/retryHint \
         arrived_ms=kinesisStreamRecordMetadata/approximateArrivalTimestamp|ms,\
         kinesisFirehoseRecordMetadata/approximateArrivalTimestamp|ms \
         application=^applicationArn|after(application/) arn=^applicationArn",
    ),
    shape(
        "s3_batch",
        Array("tasks"),
        "id=taskId bucket=s3Bucket,s3BucketArn|after(:) key=s3Key|url version=s3VersionId \
         job=^job/id arguments=^job/userArguments",
    ),
    shape(
        "cloudwatch_logs",
        Packed("awslogs/data"),
        "log_group=^logGroup log_stream=^logStream account=^owner \
         filters=^subscriptionFilters id body=message fields=extractedFields \
         at_ms=timestamp|ms",
    ),
    shape(
        "eventbridge",
        Itself,
        "id kind=detail-type source account region resources detail|detail at_ms=time|moment \
         replay=replay-name",
    ),
    shape(
        "cloudwatch_alarm",
        Itself,
        "name=alarmData/alarmName state=alarmData/state/value reason=alarmData/state/reason \
         old_state=alarmData/previousState/value configuration=alarmData/configuration \
         account=accountId region arn=alarmArn at_ms=time|moment",
    ),
    shape(
        "cognito",
        Itself,
        "trigger=triggerSource version user_pool=userPoolId user=userName \
         client=callerContext/clientId region attributes=request/userAttributes \
         metadata=request/clientMetadata code=request/code request",
    ),
    shape(
        "cognito_sync",
        Itself,
        "dataset=datasetName identity=identityId identity_pool=identityPoolId \
         changes=datasetRecords region",
    ),
    shape("authorizer_v1_token", Itself, "token=authorizationToken arn=methodArn"),
    shape("authorizer_v1_request", Itself, REQUEST_AUTHORIZER),
    shape("authorizer_websocket", Itself, REQUEST_AUTHORIZER),
    shape(
        "authorizer_v2",
        Itself,
        "arn=routeArn api=requestContext/apiId stage=requestContext/stage \
         token=identitySource/0 method=requestContext/http/method path=rawPath headers \
         query=queryStringParameters",
    ),
    shape(
        "authorizer_appsync",
        Itself,
        "token=authorizationToken api=requestContext/apiId account=requestContext/accountId \
         operation=requestContext/operationName,requestContext/operation \
         graphql=requestContext/queryString,requestContext/queryDocument \
         variables=requestContext/variables channel=requestContext/channel \
         headers=requestHeaders",
    ),
    shape(
        "authorizer_iot",
        Itself,
        "id=connectionMetadata/id token is_signature_verified=signatureVerified protocols \
         user=protocolData/mqtt/username password=protocolData/mqtt/password|data \
         client=protocolData/mqtt/clientId headers=protocolData/http/headers \
         query=protocolData/http/queryString host=protocolData/tls/serverName",
    ),
    shape(
        "appsync",
        Array(""),
        "field=info/fieldName,fieldName parent=info/parentTypeName,typeName arguments identity \
         source headers=request/headers variables=info/variables previous=prev/result stash",
    ),
    shape(
        "appsync_events",
        Array("events"),
        "id body=payload operation=^info/operation channel=^info/channel/path \
         namespace=^info/channelNamespace/name identity=^identity headers=^request/headers",
    ),
    shape("cloudformation", Itself, CLOUDFORMATION),
    shape("cloudformation_provider", Itself, CLOUDFORMATION),
    shape(
        "cloudformation_macro",
        Itself,
        "id=requestId macro=transformId region account=accountId fragment parameters=params \
         template_parameters=templateParameterValues",
    ),
    shape(
        "cloudformation_hook",
        Itself,
        "token=clientRequestToken hook=hookTypeName point=actionInvocationPoint \
         account=awsAccountId stack_id=stackId change_set_id=changeSetId \
         kind=requestData/targetType target=requestData/targetName \
         logical_id=requestData/targetLogicalId model=requestData/targetModel \
         payload=requestData/payload",
    ),
    shape(
        "codepipeline",
        Itself,
        "id=CodePipeline.job/id account=CodePipeline.job/accountId \
         parameters=CodePipeline.job/data/actionConfiguration/configuration/UserParameters \
         inputs=CodePipeline.job/data/inputArtifacts \
         outputs=CodePipeline.job/data/outputArtifacts \
         credentials=CodePipeline.job/data/artifactCredentials \
         continuation=CodePipeline.job/data/continuationToken \
         encryption_key=CodePipeline.job/data/encryptionKey/id",
    ),
    shape("codedeploy", Itself, "id=DeploymentId hook=LifecycleEventHookExecutionId"),
    shape(
        "ecs_deployment",
        Itself,
        "id=executionId stage=lifecycleStage arn=resourceArn \
         service=executionDetails/serviceArn revision=executionDetails/targetServiceRevisionArn \
         details=hookDetails execution=executionDetails",
    ),
    shape(
        "config",
        Itself,
        "rule=configRuleName arn=configRuleArn account=accountId body=invokingEvent|json \
         parameters=ruleParameters|json token=resultToken is_out_of_scope=eventLeftScope",
    ),
    shape(
        "connect",
        Itself,
        "id=Details/ContactData/ContactId channel=Details/ContactData/Channel \
         queue=Details/ContactData/Queue/Name \
         customer=Details/ContactData/CustomerEndpoint/Address \
         endpoint=Details/ContactData/SystemEndpoint/Address \
         instance=Details/ContactData/InstanceARN \
         attributes=Details/ContactData/Attributes parameters=Details/Parameters",
    ),
    shape(
        "connect_campaign",
        Array("Items/CustomerProfiles"),
        "id=ProfileId body=CustomerData|json token=IdempotencyToken \
         campaign=^InvocationMetadata/CampaignContext/CampaignId \
         run=^InvocationMetadata/CampaignContext/RunId",
    ),
    shape("lex", Itself, LEX),
    shape("lex_v2", Itself, LEX_V2),
    shape(
        "bedrock_agent",
        Itself,
        "agent=agent/name action_group=actionGroup function method=httpMethod path=apiPath \
         parameters body=requestBody/content text=inputText session=sessionId \
         attributes=sessionAttributes",
    ),
    shape(
        "bedrock_flow",
        Itself,
        "flow=flow/flowArn alias=flow/aliasArn,flow/flowAliasArn node=node/name \
         inputs=node/nodeInputs",
    ),
    shape(
        "s3_object_lambda",
        Itself,
        "id=xAmzRequestId arn=configuration/accessPointArn \
         parameters=configuration/payload|json url=userRequest/url \
         headers=userRequest/headers get_object=getObjectContext \
         head_object=headObjectContext list_objects=listObjectsContext \
         list_objects_v2=listObjectsV2Context",
    ),
    shape(
        "secretsmanager",
        Itself,
        "step=Step secret=SecretId token=ClientRequestToken rotation_token=RotationToken",
    ),
    shape(
        "iot_1_click",
        Itself,
        "device=deviceInfo/deviceId click=deviceEvent/buttonClicked/clickType \
         project=placementInfo/projectName placement=placementInfo/placementName \
         attributes=placementInfo/attributes \
         at_ms=deviceEvent/buttonClicked/reportedTime|moment",
    ),
    shape("iot_button", Itself, "device=serialNumber click=clickType battery=batteryVoltage"),
    shape(
        "iot_provisioning",
        Itself,
        "client=clientId certificate=certificateId pem=certificatePem template=templateArn \
         claim=claimCertificateId parameters",
    ),
    shape(
        "client_vpn",
        Itself,
        "id=connection-id endpoint=endpoint-id user=username common_name=common-name \
         platform address=public-ip",
    ),
    shape(
        "lambda_destination",
        Itself,
        "id=requestContext/requestId function=requestContext/functionArn \
         condition=requestContext/condition attempts=requestContext/approximateInvokeCount \
         event=requestPayload response=responsePayload error=responseContext/functionError \
         batch=KinesisBatchInfo,DDBStreamBatchInfo,KafkaBatchInfo,AmazonManagedKafkaBatchInfo,\
         SelfManagedKafkaBatchInfo,DocumentDBBatchInfo at_ms=timestamp|moment",
    ),
    shape(
        "cloudfront",
        Array("Records"),
        "id=cf/config/requestId event=cf/config/eventType \
         distribution=cf/config/distributionId method=cf/request/method path=cf/request/uri \
         query=cf/request/querystring headers=cf/request/headers address=cf/request/clientIp \
         request=cf/request response=cf/response",
    ),
    shape("transfer", Itself, "user=username password protocol server=serverId address=sourceIp"),
    shape(
        "transfer_workflow",
        Itself,
        "token workflow=serviceMetadata/executionDetails/workflowId \
         id=serviceMetadata/executionDetails/executionId \
         user=serviceMetadata/transferDetails/userName \
         server=serviceMetadata/transferDetails/serverId bucket=fileLocation/bucket \
         key=fileLocation/key version=fileLocation/versionId file=fileLocation",
    ),
    shape(
        "alexa",
        Itself,
        "id=request/requestId kind=request/type intent=request/intent/name \
         slots=request/intent/slots locale=request/locale session=session/sessionId \
         attributes=session/attributes user=context/System/user/userId,session/user/userId \
         skill=context/System/application/applicationId at_ms=request/timestamp|moment",
    ),
    shape(
        "alexa_smart_home",
        Itself,
        "id=directive/header/messageId namespace=directive/header/namespace \
         name=directive/header/name version=directive/header/payloadVersion \
         correlation=directive/header/correlationToken endpoint=directive/endpoint/endpointId \
         payload=directive/payload",
    ),
    shape(
        "autoscaling_termination",
        Itself,
        "group=AutoScalingGroupName arn=AutoScalingGroupARN capacity=CapacityToTerminate \
         instances=Instances cause=Cause",
    ),
    shape(
        "cloudwatch_widget",
        Itself,
        "dashboard=widgetContext/dashboardName widget=widgetContext/widgetId \
         title=widgetContext/title account=widgetContext/accountId \
         time_range=widgetContext/timeRange forms=widgetContext/forms/all \
         parameters=widgetContext/params context=widgetContext",
    ),
    shape(
        "redshift",
        Itself,
        "id=request_id function=external_function user database cluster query=query_id arguments",
    ),
    shape(
        "chime_sip",
        Itself,
        "id=CallDetails/TransactionId kind=InvocationEventType sequence=Sequence \
         participants=CallDetails/Participants action=ActionData call=CallDetails",
    ),
    shape(
        "sagemaker_labeling",
        Itself,
        "job=labelingJobArn data=dataObject url=payload/s3Uri attribute=labelAttributeName \
         role=roleArn",
    ),
    shape(
        "workmail",
        Itself,
        "id=messageId from=envelope/mailFrom/address to=envelope/recipients \
         sender=sender/address subject direction=flowDirection invocation=invocationId \
         is_truncated=truncated",
    ),
    shape(
        "appconfig_validator",
        Itself,
        "application=applicationId profile=configurationProfileId version=configurationVersion \
         body=content|data url=uri",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const KINDS: [&str; 12] = [
        "",
        "ms",
        "seconds",
        "attributes",
        "headers",
        "item",
        "int",
        "moment",
        "data",
        "json",
        "detail",
        "url",
    ];

    #[test]
    fn a_source_has_one_shape_whose_fields_differ_and_have_known_kinds() {
        let mut sources = BTreeSet::new();
        for shape in SHAPES {
            assert!(sources.insert(shape.source), "{} has two shapes", shape.source);
            let mut names = BTreeSet::new();
            for field in shape.fields() {
                let name = field.name;
                let is_name =
                    |letter: char| letter.is_ascii_lowercase() || "_0123456789".contains(letter);
                assert!(
                    names.insert(name) && name.chars().all(is_name),
                    "{name} of {}",
                    shape.source
                );
                for Way { path, kind } in field.ways() {
                    let what = format!("{name}={path}|{kind} of {}", shape.source);
                    let is_part = kind.ends_with(')')
                        && (kind.starts_with("after(") || kind.starts_with("before("));
                    assert!(KINDS.contains(&kind) || is_part, "{what}");
                    assert!(!path.is_empty(), "{what}");
                    let is_time = ["ms", "seconds", "moment"].contains(&kind) || name == "sent_ms";
                    assert_eq!(name.ends_with("_ms"), is_time, "{what}");
                }
            }
        }
    }

    /// Who sends the events of each source, for the table in the docs.
    const SENDERS: &[(&str, &str)] = &[
        ("api_gateway_v1", "API Gateway, a REST API, or an HTTP API with payload 1.0"),
        ("api_gateway_v2", "API Gateway, an HTTP API with payload 2.0"),
        ("function_url", "a function URL"),
        ("alb", "an Application Load Balancer, with single or multi-value headers"),
        ("websocket", "API Gateway, a WebSocket API"),
        ("vpc_lattice_v1", "VPC Lattice, version 1"),
        ("vpc_lattice_v2", "VPC Lattice, version 2"),
        ("sqs", "SQS, or EventBridge Pipes from it"),
        ("kinesis", "Kinesis Data Streams, or EventBridge Pipes from it"),
        (
            "dynamodb",
            "DynamoDB Streams, EventBridge Pipes from it, or the body of a Kinesis record of a table",
        ),
        (
            "kafka",
            "Amazon MSK, a Kafka of your own, or EventBridge Pipes from either; a tombstone has the \
             body `()`",
        ),
        ("sns", "SNS, or the body of an SQS message or of a webhook that comes from SNS"),
        ("sns_confirmation", "SNS, to a webhook that is to be subscribed, or is no longer"),
        ("s3", "S3, a notification"),
        ("s3_test", "S3, to a queue or a topic each time its notifications are configured"),
        ("ses", "SES, an email that came in"),
        ("codecommit", "CodeCommit"),
        ("activemq", "Amazon MQ, ActiveMQ, or EventBridge Pipes from it"),
        ("rabbitmq", "Amazon MQ, RabbitMQ, or EventBridge Pipes from it"),
        ("documentdb", "a change stream of DocumentDB"),
        ("firehose", "Data Firehose, to transform records, those of MSK too"),
        ("kinesis_analytics", "Kinesis Data Analytics, to prepare or to deliver records"),
        ("s3_batch", "S3 Batch Operations, schema 1.0 and 2.0"),
        ("eventbridge", "EventBridge: rules, partners, replays, and EventBridge Scheduler"),
        ("cloudwatch_alarm", "an alarm of CloudWatch whose action is the function"),
        (
            "cloudwatch_logs",
            "a subscription of CloudWatch Logs, or its data unpacked; a control message has no records",
        ),
        ("cloudwatch_widget", "a custom widget of a dashboard of CloudWatch"),
        ("cognito", "Cognito user pools, every trigger"),
        ("cognito_sync", "Cognito Sync"),
        ("authorizer_v1_token", "a REST API, to authorize by a token"),
        ("authorizer_v1_request", "a REST API, or an HTTP API with payload 1.0, to authorize"),
        ("authorizer_v2", "an HTTP API, to authorize"),
        ("authorizer_websocket", "a WebSocket API, to authorize"),
        ("authorizer_appsync", "AppSync and AppSync Events, to authorize"),
        ("authorizer_iot", "IoT Core, to authorize"),
        ("appsync", "AppSync, a resolver, alone or in a batch, or a function of Amplify"),
        ("appsync_events", "AppSync Events, what is published, or who subscribes"),
        ("cloudformation", "CloudFormation, a custom resource"),
        ("cloudformation_provider", "a custom resource behind the CDK's provider framework"),
        ("cloudformation_macro", "CloudFormation, a macro"),
        ("cloudformation_hook", "CloudFormation, a Lambda hook"),
        ("codepipeline", "CodePipeline, an action"),
        ("codedeploy", "CodeDeploy, a hook of a deployment"),
        ("ecs_deployment", "ECS, a hook of a deployment"),
        ("config", "AWS Config, a rule"),
        ("connect", "Amazon Connect, a flow"),
        ("connect_campaign", "Amazon Connect, an outbound campaign"),
        ("lex", "Lex V1"),
        ("lex_v2", "Lex V2"),
        ("bedrock_agent", "an agent of Bedrock, by schema or by function details"),
        ("bedrock_flow", "a node of a flow of Bedrock"),
        ("s3_object_lambda", "S3 Object Lambda"),
        ("secretsmanager", "Secrets Manager, a rotation"),
        ("iot_1_click", "IoT 1-Click"),
        ("iot_button", "an IoT button"),
        ("iot_provisioning", "IoT Core, a hook of fleet provisioning"),
        ("client_vpn", "Client VPN, to let somebody connect"),
        ("lambda_destination", "Lambda, to the destination of asynchronous calls or of a stream"),
        ("cloudfront", "CloudFront"),
        ("transfer", "Transfer Family, to let somebody in"),
        ("transfer_workflow", "Transfer Family, a step of a workflow"),
        ("alexa", "Alexa, a custom skill"),
        ("alexa_smart_home", "Alexa, a smart home skill"),
        ("autoscaling_termination", "EC2 Auto Scaling, which instance to end"),
        ("redshift", "Redshift, a function in SQL"),
        ("chime_sip", "Amazon Chime SDK, a call"),
        ("sagemaker_labeling", "SageMaker Ground Truth, before and after labeling"),
        ("workmail", "Amazon WorkMail, an email"),
        ("appconfig_validator", "AppConfig, to check a configuration"),
    ];

    const HEAD: &str = "\
# Events

What `events::source` calls the events that AWS sends, and what `events::records` gives of them. Where
there is no table of fields, `events::request` gives the one request. An event that is none of these is
of no source, `()`, and has no records (`Events.Unknown`).

Times are milliseconds since the epoch in fields that end in `_ms`; base64 is decoded, to text or to a
blob; typed values of DynamoDB, attributes and headers are plain maps; what is absent is `()`. One field
that cannot be read leaves the others as they are: a number or a time becomes `()`, what cannot be
decoded stays as it came, and the record's `unreadable` says of each why. Other fields are in the event
itself.

| source | sent by | records | fields of a record |
|---|---|---|---|
";

    /// With `RHAMBDA_WRITE_EXPECTED` the file is written anew.
    #[test]
    fn the_table_in_the_docs_has_every_source_and_its_fields() {
        let mut text = HEAD.to_owned();
        let known: BTreeSet<&str> = super::super::source::all().collect();
        assert_eq!(known, SENDERS.iter().map(|(source, _)| *source).collect());
        for (source, sender) in SENDERS {
            let (records, fields) = match of(source) {
                None => ("the request, by `events::request`", "".to_owned()),
                Some(shape) => {
                    let mut fields: Vec<String> =
                        shape.fields().map(|field| format!("`{}`", field.name)).collect();
                    if *source == "kafka" {
                        fields.insert(0, "`id`".into());
                    }
                    let records = match shape.place {
                        Itself => "one, the event",
                        Array(_) if *source == "appsync" => "one, or one a resolver of a batch",
                        Array(_) | Arrays(_) | Packed(_) => "one or more",
                        Nowhere => "none",
                    };
                    let fields = if matches!(shape.place, Nowhere) {
                        String::new()
                    } else {
                        fields.join(" ")
                    };
                    (records, fields)
                }
            };
            text += &format!("| `{source}` | {sender} | {records} | {fields} |\n");
        }
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
        if std::env::var_os("RHAMBDA_WRITE_EXPECTED").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "RHAMBDA_WRITE_EXPECTED=1 writes it anew");
    }
}
