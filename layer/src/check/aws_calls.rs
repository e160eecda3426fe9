//! What the functions of the library for AWS's services call.

/// Module, function, the service as policies name it, the actions, and what stands before the first argument
/// in the name of the resource; `None` where that argument does not name it.
type Call =
    (&'static str, &'static str, &'static str, &'static [&'static str], Option<&'static str>);

const CALLS: &[Call] = &[
    ("bedrock", "ask", "bedrock", &["InvokeModel"], Some("foundation-model/")),
    ("bedrock", "converse", "bedrock", &["InvokeModel"], Some("foundation-model/")),
    ("dynamodb", "batch_delete", "dynamodb", &["BatchWriteItem"], Some("table/")),
    ("dynamodb", "batch_get", "dynamodb", &["BatchGetItem"], Some("table/")),
    ("dynamodb", "batch_put", "dynamodb", &["BatchWriteItem"], Some("table/")),
    ("dynamodb", "delete", "dynamodb", &["DeleteItem"], Some("table/")),
    ("dynamodb", "get", "dynamodb", &["GetItem"], Some("table/")),
    ("dynamodb", "put", "dynamodb", &["PutItem"], Some("table/")),
    ("dynamodb", "query", "dynamodb", &["Query"], Some("table/")),
    ("dynamodb", "query_each", "dynamodb", &["Query"], Some("table/")),
    ("dynamodb", "scan", "dynamodb", &["Scan"], Some("table/")),
    ("dynamodb", "scan_each", "dynamodb", &["Scan"], Some("table/")),
    ("dynamodb", "transact", "dynamodb", &["TransactWriteItems"], None),
    ("dynamodb", "update", "dynamodb", &["UpdateItem"], Some("table/")),
    ("eventbridge", "put", "events", &["PutEvents"], None),
    ("kms", "decrypt", "kms", &["Decrypt"], None),
    ("kms", "encrypt", "kms", &["Encrypt"], None),
    ("lambda", "invoke", "lambda", &["InvokeFunction"], Some("function:")),
    ("s3", "copy", "s3", &["GetObject", "PutObject"], None),
    ("s3", "delete", "s3", &["DeleteObject"], None),
    ("s3", "get", "s3", &["GetObject"], None),
    ("s3", "get_json", "s3", &["GetObject"], None),
    ("s3", "get_text", "s3", &["GetObject"], None),
    ("s3", "head", "s3", &["GetObject"], None),
    ("s3", "list", "s3", &["ListBucket"], None),
    ("s3", "presign", "s3", &["GetObject"], None),
    ("s3", "put", "s3", &["PutObject"], None),
    ("s3", "put_file", "s3", &["PutObject"], None),
    ("secrets", "get", "secretsmanager", &["GetSecretValue"], Some("secret:")),
    ("ses", "send", "ses", &["SendEmail"], None),
    ("sfn", "fail", "states", &["SendTaskFailure"], None),
    ("sfn", "heartbeat", "states", &["SendTaskHeartbeat"], None),
    ("sfn", "start", "states", &["StartExecution"], None),
    ("sfn", "succeed", "states", &["SendTaskSuccess"], None),
    ("sns", "publish", "sns", &["Publish"], None),
    ("sqs", "delete", "sqs", &["DeleteMessage"], None),
    ("sqs", "receive", "sqs", &["ReceiveMessage"], None),
    ("sqs", "send", "sqs", &["SendMessage"], None),
    ("sqs", "send_batch", "sqs", &["SendMessage"], None),
    ("ssm", "get", "ssm", &["GetParameter"], Some("parameter/")),
    ("ssm", "get_all", "ssm", &["GetParametersByPath"], Some("parameter/")),
    ("ssm", "put", "ssm", &["PutParameter"], Some("parameter/")),
    ("", "param", "ssm", &["GetParameter"], Some("parameter/")),
    ("", "params", "ssm", &["GetParameters"], None),
    ("", "secret", "secretsmanager", &["GetSecretValue"], Some("secret:")),
];

/// Service, actions, and the beginning of the resource's name.
pub(super) fn called(
    module: &str,
    function: &str,
) -> Option<(&'static str, &'static [&'static str], Option<&'static str>)> {
    let found = CALLS.iter().find(|(of, name, ..)| *of == module && *name == function);
    found.map(|(_, _, service, actions, resource)| (*service, *actions, *resource))
}
