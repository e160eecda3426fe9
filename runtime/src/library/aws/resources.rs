//! What a call is about, as the ends of ARNs name it: for `//! allow: aws dynamodb:GetItem table/orders`.

use rhai::{Array, Dynamic, Map};

/// Service, parameter, and what stands before its value in an ARN.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("dynamodb", "TableName", "table/"),
    ("sqs", "QueueUrl", ""),
    ("sqs", "QueueName", ""),
    ("sns", "TopicArn", ""),
    ("sns", "TargetArn", ""),
    ("ssm", "Name", "parameter/"),
    ("ssm", "Path", "parameter/"),
    ("ssm", "Names", "parameter/"),
    ("secretsmanager", "SecretId", "secret:"),
    ("secretsmanager", "SecretIdList", "secret:"),
    ("stepfunctions", "stateMachineArn", "stateMachine:"),
    ("stepfunctions", "executionArn", "execution:"),
    ("stepfunctions", "activityArn", "activity:"),
    ("kms", "KeyId", "key/"),
    ("kinesis", "StreamName", "stream/"),
    ("kinesis", "StreamARN", "stream/"),
    ("firehose", "DeliveryStreamName", "deliverystream/"),
    ("logs", "logGroupName", "log-group:"),
    ("logs", "logGroupIdentifier", "log-group:"),
    ("ecs", "cluster", "cluster/"),
    ("ec2", "InstanceIds", "instance/"),
    ("ec2", "InstanceId", "instance/"),
    ("iam", "RoleName", "role/"),
    ("sts", "RoleArn", "role/"),
    ("cloudformation", "StackName", "stack/"),
    ("glue", "JobName", "job/"),
    ("codebuild", "projectName", "project/"),
    ("cognito-idp", "UserPoolId", "userpool/"),
];

/// The resources of a call; `None` where they are not known.
pub fn of(service: &str, parameters: &Map) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for (_, name, prefix) in PARAMETERS.iter().filter(|(known, _, _)| *known == service) {
        let Some(value) = parameters.get(*name) else { continue };
        each_text(value, &mut |text| found.push(ending(text, prefix)));
    }
    let mut tables = |value: &Dynamic| {
        if let Some(map) = value.read_lock::<Map>() {
            found.extend(map.keys().map(|name| ending(name, "table/")));
        }
    };
    if let ("dynamodb", Some(items)) = (service, parameters.get("RequestItems")) {
        tables(items);
    }
    if let ("dynamodb", Some(items)) = (service, parameters.get("TransactItems")) {
        for item in items.read_lock::<Array>().iter().flat_map(|items| items.iter()) {
            for act in item.read_lock::<Map>().iter().flat_map(|item| item.values()) {
                let act = act.read_lock::<Map>();
                let table = act.as_ref().and_then(|act| act.get("TableName"));
                if let Some(table) = table {
                    each_text(table, &mut |text| found.push(ending(text, "table/")));
                }
            }
        }
    }
    if let ("events", Some(entries)) = (service, parameters.get("Entries")) {
        for entry in entries.read_lock::<Array>().iter().flat_map(|entries| entries.iter()) {
            let entry = entry.read_lock::<Map>();
            let bus = entry.as_ref().and_then(|entry| entry.get("EventBusName"));
            match bus {
                Some(bus) => each_text(bus, &mut |text| found.push(ending(text, "event-bus/"))),
                None => found.push("event-bus/default".into()),
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

fn each_text(value: &Dynamic, see: &mut dyn FnMut(&str)) {
    if let Ok(text) = value.as_immutable_string_ref() {
        see(&text);
    } else if let Some(items) = value.read_lock::<Array>() {
        items.iter().for_each(|item| each_text(item, see));
    }
}

/// The end of an ARN: of the ARN itself, of a queue's URL, or of a name.
fn ending(text: &str, prefix: &str) -> String {
    if text.starts_with("arn:") {
        let end = text.splitn(6, ':').nth(5).unwrap_or_default();
        // The index of a table is the table's.
        return match end.split_once("/index/") {
            Some((table, _)) => table.to_owned(),
            None => end.to_owned(),
        };
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return text.rsplit('/').next().unwrap_or_default().to_owned();
    }
    match prefix {
        "parameter/" => format!("parameter/{}", text.trim_start_matches('/')),
        prefix => format!("{prefix}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::ending;

    #[test]
    fn resources_are_named_by_the_ends_of_their_arns() {
        for (text, prefix, expected) in [
            ("orders", "table/", "table/orders"),
            ("arn:aws:dynamodb:eu-west-1:1:table/orders/index/by-day", "table/", "table/orders"),
            ("https://sqs.eu-west-1.amazonaws.com/1/jobs", "", "jobs"),
            ("/app/key", "parameter/", "parameter/app/key"),
            ("arn:aws:sns:eu-west-1:1:alerts", "", "alerts"),
        ] {
            assert_eq!(ending(text, prefix), expected);
        }
    }
}
