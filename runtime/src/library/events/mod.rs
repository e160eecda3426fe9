//! The module `events`: which service an event is from, and what is in it.
//!
//! One word for what all of them send: `records` for queues and streams, `request` and `response`
//! for whatever speaks HTTP, `detail` for what comes alone.

mod authorizer;
mod dynamodb;
#[allow(dead_code)] // For the parts that follow.
pub(super) mod field;
mod plain;
mod records;
mod shapes;
mod source;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, Map};

use super::native::exported;
pub(super) use records::Records;

use super::{Fallible, Part};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["events"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("events", engine, vocabulary);
}

/// What a name stands for in a source of events.
fn name(source: &str) -> Dynamic {
    source.to_owned().into()
}

/// Which service an event is from, and what is in it: records of queues and streams, HTTP requests
/// and their responses, and what comes alone.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// The service that an event is from: `"api_gateway_v1"` (REST), `"api_gateway_v2"` (HTTP),
    /// `"function_url"`, `"alb"`, `"websocket"`, `"sqs"`, `"kinesis"`, `"dynamodb"`, `"kafka"`,
    /// `"sns"`, `"s3"`, `"eventbridge"`, `"cloudwatch_logs"` and many more; `()` where the event is
    /// of none, or lacks something that all events of a source have.
    ///
    /// ```rhai
    /// let event = #{ "detail-type": "Scheduled Event", source: "aws.events", id: "53dc", account: "1",
    ///     time: "2015-10-08T16:53:06Z", region: "us-east-1", resources: [], detail: #{} };
    /// events::source(event); // => "eventbridge"
    /// events::source(#{ detail: #{} }); // => null
    /// ```
    #[rhai_fn(pure)]
    pub fn source(event: &mut Dynamic) -> Dynamic {
        source::of(event).map_or(Dynamic::UNIT, name)
    }

    /// The records of an event as an array of plain maps, one where its source sends no records.
    /// Base64 and gzip are decoded, keys of S3 too, typed values of DynamoDB are plain, times are
    /// milliseconds since the epoch in fields that end in `_ms`, and what is absent is `()`.
    ///
    /// ```rhai
    /// let event = #{ Records: [#{ eventSource: "aws:s3", eventName: "ObjectCreated:Put",
    ///     eventTime: "2026-11-10T00:00:00.000Z", awsRegion: "eu-west-1",
    ///     s3: #{ bucket: #{ name: "inbox" }, object: #{ key: "red+flower%2B.jpg", size: 7 } } }] };
    /// let record = events::records(event)[0];
    /// [record.bucket, record.key, record.size, record.at_ms]; // => ["inbox", "red flower+.jpg", 7, 1794268800000]
    /// events::records(#{ a: 1 }); // => error: no service sends such an event: a map with `a`
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn records(event: &mut Dynamic) -> Fallible<Array> {
        super::records::all(event)
    }

    /// The plain map of an item of DynamoDB, whose values say their types. Sets become arrays, binary
    /// values blobs, and numbers are as exact as those of JSON.
    ///
    /// ```rhai
    /// let item = #{ id: #{ N: "7" }, tags: #{ SS: ["x", "y"] }, note: #{ NULL: true } };
    /// events::from_dynamodb(item); // => {"id": 7, "tags": ["x", "y"], "note": null}
    /// events::from_dynamodb(#{ id: 7 }); // => error: `id`: a typed value is a map with one entry
    /// ```
    #[rhai_fn(return_raw)]
    pub fn from_dynamodb(item: Map) -> Fallible<Map> {
        dynamodb::item_to_plain(&item.into())
    }

    /// The item of DynamoDB that a plain map stands for; arrays become lists.
    ///
    /// ```rhai
    /// events::to_dynamodb(#{ id: 7, tags: ["x"] }); // => {"id": {"N": "7"}, "tags": {"L": [{"S": "x"}]}}
    /// ```
    #[rhai_fn(return_raw)]
    pub fn to_dynamodb(map: Map) -> Fallible<Map> {
        dynamodb::plain_to_item(&map, &Array::new())
    }

    /// The same where the arrays of these names become sets, of text, of numbers or of blobs.
    ///
    /// ```rhai
    /// events::to_dynamodb(#{ tags: ["x", "y"] }, ["tags"]); // => {"tags": {"SS": ["x", "y"]}}
    /// events::to_dynamodb(#{ tags: [] }, ["tags"]); // => error: no empty sets
    /// ```
    #[rhai_fn(name = "to_dynamodb", return_raw)]
    pub fn to_dynamodb_with_sets(map: Map, sets: Array) -> Fallible<Map> {
        dynamodb::plain_to_item(&map, &sets)
    }

    /// The answer of an authorizer that lets a caller in: a policy for the whole stage of a REST or
    /// WebSocket API, since API Gateway keeps it for the caller's other methods too, or what HTTP APIs
    /// (payload 2.0) and AppSync take instead.
    ///
    /// ```rhai
    /// let event = #{ type: "TOKEN", authorizationToken: "secret",
    ///     methodArn: "arn:aws:execute-api:eu-west-1:123456789012:a1b2/prod/GET/orders" };
    /// events::allow(event, "ann").policyDocument.Statement[0].Resource; // => "arn:aws:execute-api:eu-west-1:123456789012:a1b2/prod/*"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn allow(event: &mut Dynamic, principal: &str) -> Fallible<Map> {
        authorizer::answer(event, Some(principal), Map::new())
    }

    /// The same with a context of text, numbers and booleans, which the function behind finds in its
    /// event. IoT takes a map with `policies` instead, an array of policy documents, and if they are to
    /// differ from 86400 and 300, `disconnect_after_s` and `refresh_after_s`.
    ///
    /// ```rhai
    /// let event = #{ type: "TOKEN", authorizationToken: "secret",
    ///     methodArn: "arn:aws:execute-api:eu-west-1:123456789012:a1b2/prod/GET/orders" };
    /// events::allow(event, "ann", #{ tier: "gold" }).context.tier; // => "gold"
    /// events::allow(event, "ann", #{ tags: [] }); // => error: it takes text, numbers and booleans
    /// ```
    #[rhai_fn(name = "allow", pure, return_raw)]
    pub fn allow_with_context(event: &mut Dynamic, principal: &str, context: Map) -> Fallible<Map> {
        authorizer::answer(event, Some(principal), context)
    }

    /// The answer of an authorizer that lets nobody in: status 403. For 401, a REST or WebSocket API
    /// wants `throw "Unauthorized"`.
    ///
    /// ```rhai
    /// let event = #{ type: "TOKEN", authorizationToken: "guess",
    ///     methodArn: "arn:aws:execute-api:eu-west-1:123456789012:a1b2/prod/GET/orders" };
    /// events::deny(event).policyDocument.Statement[0].Effect; // => "Deny"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn deny(event: &mut Dynamic) -> Fallible<Map> {
        authorizer::answer(event, None, Map::new())
    }
}
