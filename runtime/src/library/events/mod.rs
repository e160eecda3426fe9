//! The module `events`: which service an event is from, and what is in it.
//!
//! One word for what all of them send: `records` for queues and streams, `request` and `response`
//! for whatever speaks HTTP, `detail` for what comes alone.

mod authorizer;
pub(in crate::library) mod dynamodb;
pub(super) mod field;
mod multipart;
mod plain;
mod records;
pub(super) mod request;
mod shapes;
mod source;

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, ImmutableString, Map};

pub(super) use records::Records;

use super::grow::unmarked;
use super::native::exported;
use super::{Fallible, Part, thrown, url};
use crate::effects::Failure;
use crate::json;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["events", "router"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(methods).register_globally("Events.Invalid", engine, vocabulary);
    exported!(functions).register_in("events", "Events.Invalid", engine, vocabulary);
}

/// Whether an event comes from a front of HTTP that passes a response on while it is made.
pub(super) fn can_stream(event: &Dynamic) -> bool {
    matches!(source::of(event), Some("function_url" | "api_gateway_v1"))
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
    /// `"sns"`, `"s3"`, `"eventbridge"`, `"cloudwatch_logs"` and many more
    /// ([all of them](events.md)); `()` where the event is of none, or lacks something that all events
    /// of a source have. Records that EventBridge Pipes sends are of the service that they come from.
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

    /// The HTTP request that an event brings, in one shape for API Gateway (REST, HTTP and WebSocket),
    /// function URLs, load balancers and VPC Lattice. Another event is an error of type
    /// `Events.NotHttp`.
    ///
    /// | field | what |
    /// |---|---|
    /// | `source` | as of `events::source` |
    /// | `method`, `path` | `"GET"`, and the path as it was sent, encoded, without the stage; of WebSockets `"CONNECT"`, `"MESSAGE"` or `"DISCONNECT"`, and `/` with the route |
    /// | `route`, `params`, `stage` | what API Gateway has matched, and its path's parameters, decoded |
    /// | `query` | decoded: text, or an array of what is there more than once |
    /// | `headers`, `cookies` | by their names, those of headers in lower case |
    /// | `body` | text, a blob where it is none, `()` where there is none |
    /// | `address`, `host`, `scheme` | the client's address as the front saw it, and what it asked for |
    /// | `id`, `time_ms` | of the request, where the front gives them |
    /// | `claims`, `authorizer` | what an authorizer says of the caller, and all of it |
    /// | `connection` | of a WebSocket |
    /// | `request_context` | the event's own `requestContext` |
    ///
    /// What is encoded is decoded once behind every front. HTTP APIs decode the path before they send
    /// it, so that it is encoded again; a `/` that the client had sent as `%2F` stays a `/` there. A
    /// `%` without two digits stays a `%`, and bytes that are no UTF-8 become `\u{FFFD}`: one bad escape
    /// changes nothing else. A body that is said to be base64 but is not stays as it came, and
    /// `unreadable.body` says why.
    ///
    /// ```rhai
    /// let event = #{ version: "2.0", routeKey: "$default", rawPath: "/cart", rawQueryString: "n=1&n=2",
    ///     headers: #{ "content-type": "application/json", host: "x.lambda-url.eu-west-1.on.aws" },
    ///     cookies: ["id=7"], body: `{"sku":"A"}`, isBase64Encoded: false,
    ///     requestContext: #{ apiId: "x", stage: "$default", domainName: "x.lambda-url.eu-west-1.on.aws",
    ///         http: #{ method: "POST", path: "/cart", sourceIp: "192.0.2.1" } } };
    /// let request = events::request(event);
    /// [request.method, request.path, request.address]; // => ["POST", "/cart", "192.0.2.1"]
    /// request.query("n"); // => "1"
    /// request.query_all("n"); // => ["1", "2"]
    /// request.header("Content-Type"); // => "application/json"
    /// request.cookies.id; // => "7"
    /// request.json().sku; // => "A"
    /// events::request(#{}); // => error: no HTTP request
    /// ```
    #[rhai_fn(return_raw)]
    pub fn request(event: Dynamic) -> Fallible<Map> {
        request::of(event)
    }

    /// The records of an event as an array of plain maps, one where its source sends no records.
    /// Base64 and gzip are decoded, keys of S3 too, typed values of DynamoDB are plain, times are
    /// milliseconds since the epoch in fields that end in `_ms`, and what is absent is `()`. The fields
    /// of each source are [in a table](events.md).
    ///
    /// One field that cannot be read leaves the others as they are: a number or a time becomes `()`,
    /// what cannot be decoded stays as it came, and `unreadable` of the record says of each why. The
    /// log names the fields of the first such record.
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

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    use super::request::{all, bytes, first, part};

    type Text = ImmutableString;

    /// A header of a request, by its name in any letters, its values joined by commas; `()` without it.
    ///
    /// ```rhai
    /// #{ headers: #{ "x-id": "7" } }.header("X-Id"); // => "7"
    /// #{ headers: #{} }.header("X-Id"); // => null
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn header(request: &mut Map, name: &str) -> Fallible<Dynamic> {
        let headers = part(request, "headers", "header")?;
        let headers = headers.read_lock::<Map>();
        Ok(first(headers.as_ref().and_then(|headers| headers.get(name.to_lowercase().as_str()))))
    }

    /// A parameter of a request's query, the first of several; `()` without it.
    ///
    /// ```rhai
    /// #{ query: #{ tag: ["a", "b"] } }.query("tag"); // => "a"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn query(request: &mut Map, name: &str) -> Fallible<Dynamic> {
        let query = part(request, "query", "query")?.read_lock::<Map>();
        Ok(first(query.as_ref().and_then(|query| query.get(name))))
    }

    /// All values of a parameter of a request's query.
    ///
    /// ```rhai
    /// #{ query: #{ tag: "a" } }.query_all("tag"); // => ["a"]
    /// #{ query: #{} }.query_all("tag"); // => []
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn query_all(request: &mut Map, name: &str) -> Fallible<Array> {
        let query = part(request, "query", "query_all")?.read_lock::<Map>();
        Ok(all(query.as_ref().and_then(|query| query.get(name))))
    }

    /// A cookie of a request; `()` without it.
    ///
    /// ```rhai
    /// #{ cookies: #{ session: "abc" } }.cookie("session"); // => "abc"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn cookie(request: &mut Map, name: &str) -> Fallible<Dynamic> {
        let cookies = part(request, "cookies", "cookie")?.read_lock::<Map>();
        Ok(first(cookies.as_ref().and_then(|cookies| cookies.get(name))))
    }

    /// The value that a request's body says in JSON. Another body is an error of type
    /// `Request.NotJson`, which a router answers by 400.
    ///
    /// ```rhai
    /// #{ body: "[1, 2]" }.json(); // => [1, 2]
    /// #{ body: "[1, 2" }.json(); // => error: the body is not JSON
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn json(request: &mut Map) -> Fallible<Dynamic> {
        json::read_marked(&bytes(request, "json")?).map_err(|error| {
            let message = format!("the body is not JSON: {error}");
            thrown(&Failure::new("Request.NotJson", message), [])
        })
    }

    /// The fields of a form that a request's body is, by their names: text, and for a file a map of
    /// `filename`, `type` and `body`, a blob; an array of what is there more than once. Another
    /// body is an error of type `Request.NotForm`, which a router answers by 400.
    ///
    /// ```rhai
    /// let headers = #{ "content-type": "application/x-www-form-urlencoded" };
    /// #{ headers: headers, body: "a=1&b=x+y" }.form(); // => #{ a: "1", b: "x y" }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn form(request: &mut Map) -> Fallible<Map> {
        let kind = request::header(request, "content-type");
        let body = bytes(request, "form")?;
        let refuse = |message: String| thrown(&Failure::new("Request.NotForm", message), []);
        match kind.split(';').next().unwrap_or_default().trim().to_lowercase().as_str() {
            "multipart/form-data" => multipart::parse(&kind, &body),
            "application/x-www-form-urlencoded" => {
                let text = std::str::from_utf8(&body)
                    .map_err(|_| refuse("the body is no form: it is not UTF-8".to_owned()))?;
                url::parse_query_loosely(text)
            }
            other => Err(refuse(format!("the body is no form: its content type is `{other}`"))),
        }
    }

    /// A request's body as text without a byte order mark; what is not UTF-8 in it is replaced by
    /// `\u{FFFD}`.
    ///
    /// ```rhai
    /// #{ body: () }.text(); // => ""
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn text(request: &mut Map) -> Fallible<Text> {
        Ok(match part(request, "body", "text")?.as_immutable_string_ref() {
            Ok(text) => unmarked(&text),
            Err(_) => {
                unmarked(&String::from_utf8_lossy(&bytes(request, "text")?).into_owned().into())
            }
        })
    }

    /// A request's body as a blob.
    ///
    /// ```rhai
    /// #{ body: "abc" }.blob().len(); // => 3
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn blob(request: &mut Map) -> Fallible<Blob> {
        bytes(request, "blob")
    }
}
