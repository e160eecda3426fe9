//! What a script gets of each source: a table of the fields and where they stand.

/// Where the records of an event are.
pub(super) enum Place {
    /// The event is the record.
    Itself,
    /// An array of them.
    Array(&'static str),
    /// A map of arrays, whose names are fields too.
    Arrays(&'static str),
    /// In the array `logEvents` of what comes as base64 of gzip.
    Packed(&'static str),
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
    /// Where it stands: after a `^` in the event around the record; `@` is the name of its array.
    pub(super) path: &'static str,
    /// What becomes of it, as [`super::plain`] knows it; empty where it stays what it is.
    pub(super) kind: &'static str,
}

impl Shape {
    /// The fields of each record. One is written `name=path|kind`, without the path where it is the
    /// name: as text they take a third of what they would take as values.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.fields.split(' ').map(|field| {
            let (field, kind) = field.split_once('|').unwrap_or((field, ""));
            let (name, path) = field.split_once('=').unwrap_or((field, field));
            Field { name, path, kind }
        })
    }
}

const fn shape(source: &'static str, place: Place, fields: &'static str) -> Shape {
    Shape { source, place, fields }
}

use Place::{Array, Arrays, Itself, Packed};

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
         group=attributes/MessageGroupId \
         receive_count=attributes/ApproximateReceiveCount|int \
         sent_ms=attributes/SentTimestamp|int queue=eventSourceARN|after(:) \
         arn=eventSourceARN receipt_handle=receiptHandle",
    ),
    shape(
        "kinesis",
        Array("Records"),
        "id=kinesis/sequenceNumber body=kinesis/data|data \
         partition_key=kinesis/partitionKey \
         arrived_ms=kinesis/approximateArrivalTimestamp|seconds \
         stream=eventSourceARN|after(stream/) shard=eventID|before(:) arn=eventSourceARN",
    ),
    shape(
        "dynamodb",
        Array("Records"),
        "id=dynamodb/SequenceNumber event=eventName keys=dynamodb/Keys|item \
         old_image=dynamodb/OldImage|item new_image=dynamodb/NewImage|item \
         table=eventSourceARN|after(table/) arn=eventSourceARN \
         created_ms=dynamodb/ApproximateCreationDateTime|seconds \
         principal=userIdentity/principalId",
    ),
    shape(
        "kafka",
        Arrays("records"),
        "topic partition offset key|data body=value|data headers|headers \
         created_ms=timestamp|ms arn=^eventSourceArn",
    ),
    shape(
        "sns",
        Array("Records"),
        "id=Sns/MessageId body=Sns/Message subject=Sns/Subject topic=Sns/TopicArn|after(:) \
         attributes=Sns/MessageAttributes|attributes sent_ms=Sns/Timestamp|moment \
         arn=Sns/TopicArn",
    ),
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
        "id=messageID queue=destination/physicalName body=data|data kind=messageType \
         properties is_redelivered=redelivered sent_ms=timestamp|ms arn=^eventSourceArn",
    ),
    shape(
        "rabbitmq",
        Arrays("rmqMessagesByQueue"),
        "id=basicProperties/messageId queue=@|before(::) virtual_host=@|after(::) \
         body=data|data headers=basicProperties/headers|headers \
         content_type=basicProperties/contentType \
         correlation_id=basicProperties/correlationId reply_to=basicProperties/replyTo \
         priority=basicProperties/priority is_redelivered=redelivered arn=^eventSourceArn",
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
        "id=recordId body=data|data partition_key=kinesisRecordMetadata/partitionKey \
         shard=kinesisRecordMetadata/shardId arrived_ms=approximateArrivalTimestamp|ms \
         stream=^deliveryStreamArn|after(deliverystream/) arn=^deliveryStreamArn",
    ),
    shape(
        "s3_batch",
        Array("tasks"),
        "id=taskId bucket=s3BucketArn|after(:) key=s3Key|url version=s3VersionId \
         job=^job/id",
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
        "id kind=detail-type source account region resources detail at_ms=time|moment",
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
        "trigger=triggerSource user_pool=userPoolId user=userName \
         client=callerContext/clientId region attributes=request/userAttributes \
         metadata=request/clientMetadata request",
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
         operation=requestContext/operationName graphql=requestContext/queryString \
         variables=requestContext/variables",
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
        Itself,
        "field=info/fieldName parent=info/parentTypeName arguments identity source \
         headers=request/headers variables=info/variables previous=prev/result",
    ),
    shape("cloudformation", Itself, CLOUDFORMATION),
    shape("cloudformation_provider", Itself, CLOUDFORMATION),
    shape(
        "codepipeline",
        Itself,
        "id=CodePipeline.job/id account=CodePipeline.job/accountId \
         parameters=CodePipeline.job/data/actionConfiguration/configuration/UserParameters \
         inputs=CodePipeline.job/data/inputArtifacts \
         outputs=CodePipeline.job/data/outputArtifacts \
         credentials=CodePipeline.job/data/artifactCredentials",
    ),
    shape("codedeploy", Itself, "id=DeploymentId hook=LifecycleEventHookExecutionId"),
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
         attributes=Details/ContactData/Attributes parameters=Details/Parameters",
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
        "s3_object_lambda",
        Itself,
        "id=xAmzRequestId arn=configuration/accessPointArn \
         parameters=configuration/payload|json url=userRequest/url \
         headers=userRequest/headers get_object=getObjectContext \
         head_object=headObjectContext list_objects=listObjectsContext \
         list_objects_v2=listObjectsV2Context",
    ),
    shape("secretsmanager", Itself, "step=Step secret=SecretId token=ClientRequestToken"),
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
        "client_vpn",
        Itself,
        "id=connection-id endpoint=endpoint-id user=username common_name=common-name \
         platform address=public-ip",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_source_has_one_shape_whose_fields_differ_and_have_known_kinds() {
        let mut sources = BTreeSet::new();
        for shape in SHAPES {
            assert!(sources.insert(shape.source), "{} has two shapes", shape.source);
            let mut names = BTreeSet::new();
            for Field { name, path, kind } in shape.fields() {
                let what = format!("{name}={path}|{kind} of {}", shape.source);
                let is_name =
                    |letter: char| letter.is_ascii_lowercase() || "_0123456789".contains(letter);
                assert!(names.insert(name) && name.chars().all(is_name), "{what}");
                let known = [
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
                    "url",
                ];
                let is_part = kind.ends_with(')')
                    && (kind.starts_with("after(") || kind.starts_with("before("));
                assert!(known.contains(&kind) || is_part, "{what}");
                let is_time = ["ms", "seconds", "moment"].contains(&kind) || name == "sent_ms";
                assert_eq!(name.ends_with("_ms"), is_time, "{what}");
            }
        }
    }
}
