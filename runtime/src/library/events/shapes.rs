//! What a script gets of each source: a table of the fields and where they stand.

use super::plain::{As, Field};

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
    pub(super) fields: &'static [Field],
}

const fn shape(source: &'static str, place: Place, fields: &'static [Field]) -> Shape {
    Shape { source, place, fields }
}

use As::{
    After, Attributes, Before, Data, Headers, Int, Item, Json, Moment, Ms, Same, Seconds,
    UrlDecoded,
};
use Place::{Array, Arrays, Itself, Packed};

/// The shape of a source's records; none where the event says all by itself.
pub(super) fn of(source: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.source == source)
}

const CLOUDFORMATION: &[Field] = &[
    ("request_type", "RequestType", Same),
    ("request_id", "RequestId", Same),
    ("stack_id", "StackId", Same),
    ("resource_type", "ResourceType", Same),
    ("logical_id", "LogicalResourceId", Same),
    ("physical_id", "PhysicalResourceId", Same),
    ("properties", "ResourceProperties", Same),
    ("old_properties", "OldResourceProperties", Same),
];

const LEX: &[Field] = &[
    ("bot", "bot/name", Same),
    ("intent", "currentIntent/name", Same),
    ("slots", "currentIntent/slots", Same),
    ("confirmation", "currentIntent/confirmationStatus", Same),
    ("user", "userId", Same),
    ("text", "inputTranscript", Same),
    ("call", "invocationSource", Same),
    ("attributes", "sessionAttributes", Same),
];

const LEX_V2: &[Field] = &[
    ("bot", "bot/name", Same),
    ("intent", "sessionState/intent/name", Same),
    ("slots", "sessionState/intent/slots", Same),
    ("confirmation", "sessionState/intent/confirmationState", Same),
    ("session", "sessionId", Same),
    ("text", "inputTranscript", Same),
    ("call", "invocationSource", Same),
    ("attributes", "sessionState/sessionAttributes", Same),
];

const REQUEST_AUTHORIZER: &[Field] = &[
    ("arn", "methodArn", Same),
    ("api", "requestContext/apiId", Same),
    ("stage", "requestContext/stage", Same),
    ("token", "authorizationToken", Same),
    ("method", "httpMethod", Same),
    ("path", "path", Same),
    ("headers", "headers", Same),
    ("query", "queryStringParameters", Same),
];

/// A `^` begins what stands in the event around the record, `@` is the name of its array.
static SHAPES: &[Shape] = &[
    shape(
        "sqs",
        Array("Records"),
        &[
            ("id", "messageId", Same),
            ("body", "body", Same),
            ("attributes", "attributes", Same),
            ("message_attributes", "messageAttributes", Attributes),
            ("group", "attributes/MessageGroupId", Same),
            ("receive_count", "attributes/ApproximateReceiveCount", Int),
            ("sent_ms", "attributes/SentTimestamp", Int),
            ("queue", "eventSourceARN", After(":")),
            ("arn", "eventSourceARN", Same),
            ("receipt_handle", "receiptHandle", Same),
        ],
    ),
    shape(
        "kinesis",
        Array("Records"),
        &[
            ("id", "kinesis/sequenceNumber", Same),
            ("body", "kinesis/data", Data),
            ("partition_key", "kinesis/partitionKey", Same),
            ("arrived_ms", "kinesis/approximateArrivalTimestamp", Seconds),
            ("stream", "eventSourceARN", After("stream/")),
            ("shard", "eventID", Before(":")),
            ("arn", "eventSourceARN", Same),
        ],
    ),
    shape(
        "dynamodb",
        Array("Records"),
        &[
            ("id", "dynamodb/SequenceNumber", Same),
            ("event", "eventName", Same),
            ("keys", "dynamodb/Keys", Item),
            ("old_image", "dynamodb/OldImage", Item),
            ("new_image", "dynamodb/NewImage", Item),
            ("table", "eventSourceARN", After("table/")),
            ("arn", "eventSourceARN", Same),
            ("created_ms", "dynamodb/ApproximateCreationDateTime", Seconds),
            ("principal", "userIdentity/principalId", Same),
        ],
    ),
    shape(
        "kafka",
        Arrays("records"),
        &[
            ("topic", "topic", Same),
            ("partition", "partition", Same),
            ("offset", "offset", Same),
            ("key", "key", Data),
            ("body", "value", Data),
            ("headers", "headers", Headers),
            ("created_ms", "timestamp", Ms),
            ("arn", "^eventSourceArn", Same),
        ],
    ),
    shape(
        "sns",
        Array("Records"),
        &[
            ("id", "Sns/MessageId", Same),
            ("body", "Sns/Message", Same),
            ("subject", "Sns/Subject", Same),
            ("topic", "Sns/TopicArn", After(":")),
            ("attributes", "Sns/MessageAttributes", Attributes),
            ("sent_ms", "Sns/Timestamp", Moment),
            ("arn", "Sns/TopicArn", Same),
        ],
    ),
    shape(
        "s3",
        Array("Records"),
        &[
            ("event", "eventName", Same),
            ("bucket", "s3/bucket/name", Same),
            ("key", "s3/object/key", UrlDecoded),
            ("version", "s3/object/versionId", Same),
            ("size", "s3/object/size", Same),
            ("etag", "s3/object/eTag", Same),
            ("sequencer", "s3/object/sequencer", Same),
            ("region", "awsRegion", Same),
            ("at_ms", "eventTime", Moment),
        ],
    ),
    shape(
        "ses",
        Array("Records"),
        &[
            ("id", "ses/mail/messageId", Same),
            ("from", "ses/mail/source", Same),
            ("to", "ses/mail/destination", Same),
            ("subject", "ses/mail/commonHeaders/subject", Same),
            ("headers", "ses/mail/headers", Same),
            ("received_ms", "ses/mail/timestamp", Moment),
            ("recipients", "ses/receipt/recipients", Same),
            ("spam", "ses/receipt/spamVerdict/status", Same),
            ("virus", "ses/receipt/virusVerdict/status", Same),
            ("spf", "ses/receipt/spfVerdict/status", Same),
            ("dkim", "ses/receipt/dkimVerdict/status", Same),
            ("dmarc", "ses/receipt/dmarcVerdict/status", Same),
            ("action", "ses/receipt/action", Same),
        ],
    ),
    shape(
        "codecommit",
        Array("Records"),
        &[
            ("id", "eventId", Same),
            ("event", "eventName", Same),
            ("repository", "eventSourceARN", After(":")),
            ("references", "codecommit/references", Same),
            ("trigger", "eventTriggerName", Same),
            ("user", "userIdentityARN", Same),
            ("region", "awsRegion", Same),
            ("arn", "eventSourceARN", Same),
            ("at_ms", "eventTime", Moment),
        ],
    ),
    shape(
        "activemq",
        Array("messages"),
        &[
            ("id", "messageID", Same),
            ("queue", "destination/physicalName", Same),
            ("body", "data", Data),
            ("kind", "messageType", Same),
            ("properties", "properties", Same),
            ("is_redelivered", "redelivered", Same),
            ("sent_ms", "timestamp", Ms),
            ("arn", "^eventSourceArn", Same),
        ],
    ),
    shape(
        "rabbitmq",
        Arrays("rmqMessagesByQueue"),
        &[
            ("id", "basicProperties/messageId", Same),
            ("queue", "@", Before("::")),
            ("virtual_host", "@", After("::")),
            ("body", "data", Data),
            ("headers", "basicProperties/headers", Headers),
            ("content_type", "basicProperties/contentType", Same),
            ("correlation_id", "basicProperties/correlationId", Same),
            ("reply_to", "basicProperties/replyTo", Same),
            ("priority", "basicProperties/priority", Same),
            ("is_redelivered", "redelivered", Same),
            ("arn", "^eventSourceArn", Same),
        ],
    ),
    shape(
        "documentdb",
        Array("events"),
        &[
            ("id", "event/_id/_data", Same),
            ("event", "event/operationType", Same),
            ("database", "event/ns/db", Same),
            ("collection", "event/ns/coll", Same),
            ("keys", "event/documentKey", Same),
            ("document", "event/fullDocument", Same),
            ("update", "event/updateDescription", Same),
            ("at_ms", "event/clusterTime/$timestamp/t", Seconds),
            ("arn", "^eventSourceArn", Same),
        ],
    ),
    shape(
        "firehose",
        Array("records"),
        &[
            ("id", "recordId", Same),
            ("body", "data", Data),
            ("partition_key", "kinesisRecordMetadata/partitionKey", Same),
            ("shard", "kinesisRecordMetadata/shardId", Same),
            ("arrived_ms", "approximateArrivalTimestamp", Ms),
            ("stream", "^deliveryStreamArn", After("deliverystream/")),
            ("arn", "^deliveryStreamArn", Same),
        ],
    ),
    shape(
        "s3_batch",
        Array("tasks"),
        &[
            ("id", "taskId", Same),
            ("bucket", "s3BucketArn", After(":")),
            ("key", "s3Key", UrlDecoded),
            ("version", "s3VersionId", Same),
            ("job", "^job/id", Same),
        ],
    ),
    shape(
        "cloudwatch_logs",
        Packed("awslogs/data"),
        &[
            ("log_group", "^logGroup", Same),
            ("log_stream", "^logStream", Same),
            ("account", "^owner", Same),
            ("filters", "^subscriptionFilters", Same),
            ("id", "id", Same),
            ("body", "message", Same),
            ("fields", "extractedFields", Same),
            ("at_ms", "timestamp", Ms),
        ],
    ),
    shape(
        "eventbridge",
        Itself,
        &[
            ("id", "id", Same),
            ("kind", "detail-type", Same),
            ("source", "source", Same),
            ("account", "account", Same),
            ("region", "region", Same),
            ("resources", "resources", Same),
            ("detail", "detail", Same),
            ("at_ms", "time", Moment),
        ],
    ),
    shape(
        "cloudwatch_alarm",
        Itself,
        &[
            ("name", "alarmData/alarmName", Same),
            ("state", "alarmData/state/value", Same),
            ("reason", "alarmData/state/reason", Same),
            ("old_state", "alarmData/previousState/value", Same),
            ("configuration", "alarmData/configuration", Same),
            ("account", "accountId", Same),
            ("region", "region", Same),
            ("arn", "alarmArn", Same),
            ("at_ms", "time", Moment),
        ],
    ),
    shape(
        "cognito",
        Itself,
        &[
            ("trigger", "triggerSource", Same),
            ("user_pool", "userPoolId", Same),
            ("user", "userName", Same),
            ("client", "callerContext/clientId", Same),
            ("region", "region", Same),
            ("attributes", "request/userAttributes", Same),
            ("metadata", "request/clientMetadata", Same),
            ("request", "request", Same),
        ],
    ),
    shape(
        "cognito_sync",
        Itself,
        &[
            ("dataset", "datasetName", Same),
            ("identity", "identityId", Same),
            ("identity_pool", "identityPoolId", Same),
            ("changes", "datasetRecords", Same),
            ("region", "region", Same),
        ],
    ),
    shape(
        "authorizer_v1_token",
        Itself,
        &[("token", "authorizationToken", Same), ("arn", "methodArn", Same)],
    ),
    shape("authorizer_v1_request", Itself, REQUEST_AUTHORIZER),
    shape("authorizer_websocket", Itself, REQUEST_AUTHORIZER),
    shape(
        "authorizer_v2",
        Itself,
        &[
            ("arn", "routeArn", Same),
            ("api", "requestContext/apiId", Same),
            ("stage", "requestContext/stage", Same),
            ("token", "identitySource/0", Same),
            ("method", "requestContext/http/method", Same),
            ("path", "rawPath", Same),
            ("headers", "headers", Same),
            ("query", "queryStringParameters", Same),
        ],
    ),
    shape(
        "authorizer_appsync",
        Itself,
        &[
            ("token", "authorizationToken", Same),
            ("api", "requestContext/apiId", Same),
            ("account", "requestContext/accountId", Same),
            ("operation", "requestContext/operationName", Same),
            ("graphql", "requestContext/queryString", Same),
            ("variables", "requestContext/variables", Same),
        ],
    ),
    shape(
        "authorizer_iot",
        Itself,
        &[
            ("id", "connectionMetadata/id", Same),
            ("token", "token", Same),
            ("is_signature_verified", "signatureVerified", Same),
            ("protocols", "protocols", Same),
            ("user", "protocolData/mqtt/username", Same),
            ("password", "protocolData/mqtt/password", Data),
            ("client", "protocolData/mqtt/clientId", Same),
            ("headers", "protocolData/http/headers", Same),
            ("query", "protocolData/http/queryString", Same),
            ("host", "protocolData/tls/serverName", Same),
        ],
    ),
    shape(
        "appsync",
        Itself,
        &[
            ("field", "info/fieldName", Same),
            ("parent", "info/parentTypeName", Same),
            ("arguments", "arguments", Same),
            ("identity", "identity", Same),
            ("source", "source", Same),
            ("headers", "request/headers", Same),
            ("variables", "info/variables", Same),
            ("previous", "prev/result", Same),
        ],
    ),
    shape("cloudformation", Itself, CLOUDFORMATION),
    shape("cloudformation_provider", Itself, CLOUDFORMATION),
    shape(
        "codepipeline",
        Itself,
        &[
            ("id", "CodePipeline.job/id", Same),
            ("account", "CodePipeline.job/accountId", Same),
            (
                "parameters",
                "CodePipeline.job/data/actionConfiguration/configuration/UserParameters",
                Same,
            ),
            ("inputs", "CodePipeline.job/data/inputArtifacts", Same),
            ("outputs", "CodePipeline.job/data/outputArtifacts", Same),
            ("credentials", "CodePipeline.job/data/artifactCredentials", Same),
        ],
    ),
    shape(
        "codedeploy",
        Itself,
        &[("id", "DeploymentId", Same), ("hook", "LifecycleEventHookExecutionId", Same)],
    ),
    shape(
        "config",
        Itself,
        &[
            ("rule", "configRuleName", Same),
            ("arn", "configRuleArn", Same),
            ("account", "accountId", Same),
            ("body", "invokingEvent", Json),
            ("parameters", "ruleParameters", Json),
            ("token", "resultToken", Same),
            ("is_out_of_scope", "eventLeftScope", Same),
        ],
    ),
    shape(
        "connect",
        Itself,
        &[
            ("id", "Details/ContactData/ContactId", Same),
            ("channel", "Details/ContactData/Channel", Same),
            ("queue", "Details/ContactData/Queue/Name", Same),
            ("customer", "Details/ContactData/CustomerEndpoint/Address", Same),
            ("attributes", "Details/ContactData/Attributes", Same),
            ("parameters", "Details/Parameters", Same),
        ],
    ),
    shape("lex", Itself, LEX),
    shape("lex_v2", Itself, LEX_V2),
    shape(
        "bedrock_agent",
        Itself,
        &[
            ("agent", "agent/name", Same),
            ("action_group", "actionGroup", Same),
            ("function", "function", Same),
            ("method", "httpMethod", Same),
            ("path", "apiPath", Same),
            ("parameters", "parameters", Same),
            ("body", "requestBody/content", Same),
            ("text", "inputText", Same),
            ("session", "sessionId", Same),
            ("attributes", "sessionAttributes", Same),
        ],
    ),
    shape(
        "s3_object_lambda",
        Itself,
        &[
            ("id", "xAmzRequestId", Same),
            ("arn", "configuration/accessPointArn", Same),
            ("parameters", "configuration/payload", Json),
            ("url", "userRequest/url", Same),
            ("headers", "userRequest/headers", Same),
            ("get_object", "getObjectContext", Same),
            ("head_object", "headObjectContext", Same),
            ("list_objects", "listObjectsContext", Same),
            ("list_objects_v2", "listObjectsV2Context", Same),
        ],
    ),
    shape(
        "secretsmanager",
        Itself,
        &[
            ("step", "Step", Same),
            ("secret", "SecretId", Same),
            ("token", "ClientRequestToken", Same),
        ],
    ),
    shape(
        "iot_1_click",
        Itself,
        &[
            ("device", "deviceInfo/deviceId", Same),
            ("click", "deviceEvent/buttonClicked/clickType", Same),
            ("project", "placementInfo/projectName", Same),
            ("placement", "placementInfo/placementName", Same),
            ("attributes", "placementInfo/attributes", Same),
            ("at_ms", "deviceEvent/buttonClicked/reportedTime", Moment),
        ],
    ),
    shape(
        "iot_button",
        Itself,
        &[
            ("device", "serialNumber", Same),
            ("click", "clickType", Same),
            ("battery", "batteryVoltage", Same),
        ],
    ),
    shape(
        "client_vpn",
        Itself,
        &[
            ("id", "connection-id", Same),
            ("endpoint", "endpoint-id", Same),
            ("user", "username", Same),
            ("common_name", "common-name", Same),
            ("platform", "platform", Same),
            ("address", "public-ip", Same),
        ],
    ),
];
