//! Events to begin with, for functions that have none of their own.

use serde_json::Value;

/// An event and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
}

/// The name, the title and the JSON of each.
const SAMPLES: [(&str, &str, &str); 5] = [
    ("empty", "Empty object", "{}"),
    (
        "http",
        "HTTP request (function URL, HTTP API)",
        r#"{"version":"2.0","routeKey":"$default","rawPath":"/orders/7","rawQueryString":"verbose=1","headers":{"accept":"application/json","content-type":"application/json","host":"localhost"},"queryStringParameters":{"verbose":"1"},"requestContext":{"accountId":"anonymous","apiId":"local","domainName":"localhost","domainPrefix":"localhost","http":{"method":"POST","path":"/orders/7","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"sample"},"requestId":"00000000-0000-4000-8000-000000000000","routeKey":"$default","stage":"$default","time":"01/Jan/2026:00:00:00 +0000","timeEpoch":1767225600000},"body":"{\"count\": 2}","isBase64Encoded":false}"#,
    ),
    (
        "sqs",
        "SQS: two messages",
        r#"{"Records":[{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a","body":"{\"order\": 1}","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1767225600000","SenderId":"AIDAIENQZJOLO23YVJ4VO","ApproximateFirstReceiveTimestamp":"1767225600001"},"messageAttributes":{},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:orders","awsRegion":"us-east-1"},{"messageId":"2e1424d4-f796-459a-8184-9c92662be6da","receiptHandle":"AQEBzWwaftRI0KuVm4tP+/7q1rGgNqicHq","body":"{\"order\": 2}","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1767225600000","SenderId":"AIDAIENQZJOLO23YVJ4VO","ApproximateFirstReceiveTimestamp":"1767225600001"},"messageAttributes":{},"md5OfBody":"","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-1:123456789012:orders","awsRegion":"us-east-1"}]}"#,
    ),
    (
        "s3",
        "S3: an object was created",
        r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"EXAMPLE"},"requestParameters":{"sourceIPAddress":"127.0.0.1"},"responseElements":{"x-amz-request-id":"EXAMPLE123456789"},"s3":{"s3SchemaVersion":"1.0","configurationId":"uploads","bucket":{"name":"example-bucket","ownerIdentity":{"principalId":"EXAMPLE"},"arn":"arn:aws:s3:::example-bucket"},"object":{"key":"reports/january.csv","size":1024,"eTag":"0123456789abcdef0123456789abcdef","sequencer":"0A1B2C3D4E5F678901"}}}]}"#,
    ),
    (
        "schedule",
        "EventBridge: a schedule",
        r#"{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2026-01-01T00:00:00Z","region":"us-east-1","resources":["arn:aws:events:us-east-1:123456789012:rule/nightly"],"detail":{}}"#,
    ),
];

/// All of them, the simplest first.
pub(crate) fn list() -> impl Iterator<Item = Sample> {
    SAMPLES.iter().map(|(name, title, _)| Sample { name, title })
}

/// The JSON of one.
pub(crate) fn get(name: &str) -> Option<String> {
    let (_, _, event) = SAMPLES.iter().find(|(known, _, _)| *known == name)?;
    Some((*event).to_owned())
}

/// The name of the sample that has the shape of an event: what triggers functions that get it.
pub(crate) fn trigger_of(event: &str) -> Option<&'static str> {
    let event: Value = serde_json::from_str(event).ok()?;
    match event["Records"][0]["eventSource"].as_str() {
        Some("aws:sqs") => Some("sqs"),
        Some("aws:s3") => Some("s3"),
        _ if event["requestContext"].is_object() => Some("http"),
        _ if event["detail-type"] == "Scheduled Event" => Some("schedule"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_text::is_json;

    #[test]
    fn each_sample_is_json() {
        for sample in list() {
            let event = get(sample.name).expect("it is in the list");
            assert!(is_json(event.as_bytes()), "{}", sample.name);
            let trigger = (sample.name != "empty").then_some(sample.name);
            assert_eq!(trigger_of(&event), trigger);
        }
    }
}
