//! What stands before a function on the web, and the event it makes of a request.
//!
//! The shapes are those of
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html> and
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::dev::calendar::{common_log, epoch_ms};
use crate::dev::server::Request;
use crate::emulator::{percent_decoded, random_hex};

/// Headers between two neighbours, which no function gets to see.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const ACCOUNT: &str = "123456789012";

/// A service that calls functions for HTTP requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Front {
    /// A function URL: payload format 2.0
    Url,
    /// An HTTP API of API Gateway: payload format 2.0
    Http,
    /// A REST API of API Gateway: payload format 1.0
    Rest,
    /// An Application Load Balancer
    Alb,
    /// An Application Load Balancer with multi-value headers
    AlbMultiValue,
}

impl Front {
    /// The largest request body it takes, in bytes.
    pub(crate) fn max_body(self) -> usize {
        match self {
            Front::Alb | Front::AlbMultiValue => 1024 * 1024,
            // API Gateway takes 10 MB, but no function does.
            Front::Url | Front::Http | Front::Rest => 6 * 1024 * 1024,
        }
    }

    /// The event for a request. `path` is what follows the function's name.
    pub(crate) fn event(self, request: &Request, path: &str, request_id: &str) -> Value {
        let path = if path.is_empty() { "/" } else { path };
        // Of them all only an HTTP API decodes the path.
        let decoded = percent_decoded(path);
        let path = if self == Front::Http { &decoded } else { path };
        let seen = Seen { request, path, request_id, now: SystemTime::now() };
        match self {
            Front::Url => seen.payload_v2("anonymous"),
            Front::Http => seen.payload_v2(ACCOUNT),
            Front::Rest => seen.payload_v1(),
            Front::Alb => seen.load_balancer(false),
            Front::AlbMultiValue => seen.load_balancer(true),
        }
    }
}

/// A request as the front sees it.
struct Seen<'a> {
    request: &'a Request,
    path: &'a str,
    request_id: &'a str,
    now: SystemTime,
}

impl Seen<'_> {
    fn payload_v2(&self, account: &str) -> Value {
        let request = self.request;
        let mut headers = BTreeMap::new();
        let mut cookies = Vec::new();
        for (name, value) in self.headers() {
            let name = name.to_ascii_lowercase();
            if name == "cookie" {
                cookies.extend(value.split(';').map(|cookie| json!(cookie.trim())));
            } else {
                join(&mut headers, name, &value);
            }
        }
        let domain = self.domain();
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": request.query,
            "headers": headers,
            "requestContext": {
                "accountId": account,
                "apiId": "local",
                "domainName": domain,
                "domainPrefix": domain.split('.').next(),
                "http": {
                    "method": request.method,
                    "path": self.path,
                    "protocol": request.protocol,
                    "sourceIp": request.client.ip().to_string(),
                    "userAgent": request.header("user-agent").unwrap_or_default(),
                },
                "requestId": self.request_id,
                "routeKey": "$default",
                "stage": "$default",
                "time": common_log(self.now),
                "timeEpoch": epoch_ms(self.now),
            },
            "isBase64Encoded": false,
        });
        if !cookies.is_empty() {
            event["cookies"] = Value::Array(cookies);
        }
        let mut parameters: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.parameters() {
            join(&mut parameters, form_decoded(name), &form_decoded(value));
        }
        if !parameters.is_empty() {
            event["queryStringParameters"] = json!(parameters);
        }
        if !request.body.is_empty() {
            let content_type = request.header("content-type").unwrap_or_default();
            self.put_body(&mut event, is_text(content_type));
        }
        event
    }

    fn payload_v1(&self) -> Value {
        let request = self.request;
        let domain = self.domain();
        let is_top = self.path == "/";
        let proxy = self.path.trim_start_matches('/');
        let resource = if is_top { "/" } else { "/{proxy+}" };
        let headers = self.headers();
        let query: Vec<(String, String)> = self
            .parameters()
            .map(|(name, value)| (form_decoded(name), form_decoded(value)))
            .collect();
        let or_null = |map: Value| match map.as_object().is_some_and(Map::is_empty) {
            true => Value::Null,
            false => map,
        };
        let mut event = json!({
            "resource": resource,
            "path": self.path,
            "httpMethod": request.method,
            "headers": last_of_each(&headers),
            "multiValueHeaders": all_of_each(&headers),
            "queryStringParameters": or_null(last_of_each(&query)),
            "multiValueQueryStringParameters": or_null(all_of_each(&query)),
            "pathParameters": if is_top { Value::Null } else { json!({ "proxy": proxy }) },
            "stageVariables": null,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "local",
                "domainName": domain,
                "domainPrefix": domain.split('.').next(),
                "extendedRequestId": random_hex(16),
                "httpMethod": request.method,
                "identity": {
                    "accessKey": null,
                    "accountId": null,
                    "caller": null,
                    "cognitoAuthenticationProvider": null,
                    "cognitoAuthenticationType": null,
                    "cognitoIdentityId": null,
                    "cognitoIdentityPoolId": null,
                    "principalOrgId": null,
                    "sourceIp": request.client.ip().to_string(),
                    "user": null,
                    "userAgent": request.header("user-agent"),
                    "userArn": null,
                },
                "path": format!("/local{}", self.path),
                "protocol": request.protocol,
                "requestId": self.request_id,
                "requestTime": common_log(self.now),
                "requestTimeEpoch": epoch_ms(self.now),
                "resourceId": "local",
                "resourcePath": resource,
                "stage": "local",
            },
            "body": null,
            "isBase64Encoded": false,
        });
        if !request.body.is_empty() {
            self.put_body(&mut event, true);
        }
        event
    }

    fn load_balancer(&self, is_multi_value: bool) -> Value {
        let request = self.request;
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        let headers: Vec<_> = self.headers().into_iter().map(lower).collect();
        // A load balancer leaves the decoding to the function.
        let query: Vec<_> =
            self.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut event = json!({
            "requestContext": { "elb": { "targetGroupArn": format!(
                "arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/local/0123456789abcdef"
            ) } },
            "httpMethod": request.method,
            "path": self.path,
            "body": "",
            "isBase64Encoded": false,
        });
        if is_multi_value {
            event["multiValueQueryStringParameters"] = all_of_each(&query);
            event["multiValueHeaders"] = all_of_each(&headers);
        } else {
            event["queryStringParameters"] = last_of_each(&query);
            event["headers"] = last_of_each(&headers);
        }
        if !request.body.is_empty() {
            let content_type = request.header("content-type").unwrap_or_default();
            let is_encoded = request.header("content-encoding").is_some();
            self.put_body(&mut event, !is_encoded && is_text(content_type));
        }
        event
    }

    /// The body as it is, or in base64 if it is no text or should not be taken for one.
    fn put_body(&self, event: &mut Value, as_text: bool) {
        let text = std::str::from_utf8(&self.request.body).ok().filter(|_| as_text);
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = match text {
            Some(text) => json!(text),
            None => json!(STANDARD.encode(&self.request.body)),
        };
    }

    /// The client's headers with those that the front adds.
    fn headers(&self) -> Vec<(String, String)> {
        let request = self.request;
        let is_kept = |name: &str| !HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop));
        let mut headers: Vec<(String, String)> =
            request.headers.iter().filter(|(name, _)| is_kept(name)).cloned().collect();
        let client = request.client.ip().to_string();
        match headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for")) {
            Some((_, addresses)) => *addresses = format!("{addresses}, {client}"),
            None => headers.push(("X-Forwarded-For".to_owned(), client)),
        }
        let (_, port) = request.host();
        let port = port.map_or_else(|| request.server.port().to_string(), str::to_owned);
        let trace = random_hex(24);
        let root = format!("Root=1-{:08x}-{trace}", epoch_ms(self.now) / 1000);
        for (name, value) in [
            ("X-Forwarded-Port", port),
            ("X-Forwarded-Proto", "http".to_owned()),
            ("X-Amzn-Trace-Id", root),
        ] {
            if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                headers.push((name.to_owned(), value));
            }
        }
        headers
    }

    fn domain(&self) -> &str {
        self.request.host().0
    }

    fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let parts = self.request.query.split('&').filter(|part| !part.is_empty());
        parts.map(|part| part.split_once('=').unwrap_or((part, "")))
    }
}

/// Adds a value to those of the same name, after a comma.
fn join(all: &mut BTreeMap<String, String>, name: String, value: &str) {
    match all.get_mut(&name) {
        Some(values) => values.extend([",", value]),
        None => drop(all.insert(name, value.to_owned())),
    }
}

fn last_of_each(pairs: &[(String, String)]) -> Value {
    let pairs = pairs.iter().map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect())
}

fn all_of_each(pairs: &[(String, String)]) -> Value {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in pairs {
        all.entry(name).or_default().push(value);
    }
    json!(all)
}

/// A name or value of a query: percent encoding, and `+` for a space.
fn form_decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Whether a body of this type is passed on as it is. These are all: AWS documents them for load
/// balancers, and API Gateway was seen to have the same. Forms, and what has no type, are not text.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"]
            .contains(&kind.as_str())
}
