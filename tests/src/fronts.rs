//! What stands before a function that speaks HTTP: each makes its own event of a request, and takes the
//! response in its own form, as strictly as AWS does.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

/// A request, as a browser makes it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `GET` and so on.
    pub method: &'static str,
    /// With its query.
    pub target: &'static str,
    /// Names and values.
    pub headers: Vec<(&'static str, &'static str)>,
    /// `name=value` of each.
    pub cookies: Vec<&'static str>,
    /// Empty for none.
    pub body: Vec<u8>,
}

impl Asked {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &'static str, target: &'static str) -> Self {
        Self { method, target, ..Self::default() }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: &'static str) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn path(&self) -> &'static str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &'static str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    fn has_text(&self) -> bool {
        std::str::from_utf8(&self.body).is_ok()
    }

    fn event_body(&self) -> (Value, bool) {
        match (self.body.is_empty(), std::str::from_utf8(&self.body)) {
            (true, _) => (Value::Null, false),
            (_, Ok(text)) => (text.into(), false),
            _ => (BASE64_STANDARD.encode(&self.body).into(), true),
        }
    }
}

/// What the browser gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The status code.
    pub status: u64,
    /// By their names in lower case, joined by commas.
    pub headers: BTreeMap<String, String>,
    /// As `Set-Cookie` has them, sorted.
    pub cookies: Vec<String>,
    /// Decoded.
    pub body: Vec<u8>,
}

/// A way for HTTP to reach a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// API Gateway, a REST API.
    Rest,
    /// API Gateway, an HTTP API with its default stage.
    Http,
    /// API Gateway, an HTTP API with a stage in its paths.
    HttpWithStage,
    /// A function's URL.
    Url,
    /// A load balancer that sends the last of several values.
    Alb,
    /// A load balancer that sends all of them.
    AlbWithMany,
}

impl Front {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Rest, Self::Http, Self::HttpWithStage, Self::Url, Self::Alb, Self::AlbWithMany];

    /// The event that the front sends for a request.
    #[must_use]
    pub fn event(self, asked: &Asked) -> Value {
        match self {
            Self::Rest => rest(asked),
            // Of them all only an HTTP API decodes the path.
            Self::Http | Self::HttpWithStage => {
                let stage = if self == Self::Http { "$default" } else { "prod" };
                let path = decoded(&asked.path().replace('+', "%2B"));
                version_2(asked, &path, stage, "api.execute-api.eu-west-1.amazonaws.com")
            }
            Self::Url => {
                version_2(asked, asked.path(), "$default", "k5.lambda-url.eu-west-1.on.aws")
            }
            Self::Alb => alb(asked, false),
            Self::AlbWithMany => alb(asked, true),
        }
    }

    /// What the browser gets for a response of the function.
    ///
    /// # Errors
    /// Why the front would answer by 502 instead.
    pub fn take(self, response: &str) -> Result<Got, String> {
        let response: Value = serde_json::from_str(response).map_err(|error| error.to_string())?;
        let known: &[&str] = match self {
            Self::Rest => {
                &["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"]
            }
            Self::Http | Self::HttpWithStage | Self::Url => {
                &["statusCode", "headers", "cookies", "body", "isBase64Encoded"]
            }
            Self::Alb | Self::AlbWithMany => &[
                "statusCode",
                "statusDescription",
                "headers",
                "multiValueHeaders",
                "body",
                "isBase64Encoded",
            ],
        };
        let map = response.as_object().ok_or("it is no object")?;
        if let Some(name) = map.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("it has `{name}`"));
        }
        let status = map.get("statusCode").and_then(Value::as_u64).ok_or("it has no status")?;
        let mut headers = BTreeMap::new();
        let mut cookies = Vec::new();
        let mut add = |name: &str, value: &str| {
            let name = name.to_lowercase();
            match name.as_str() {
                "set-cookie" => cookies.push(value.to_owned()),
                _ => {
                    headers
                        .entry(name)
                        .and_modify(|known: &mut String| *known = format!("{known}, {value}"))
                        .or_insert_with(|| value.to_owned());
                }
            }
        };
        let single = part(map, "headers")?;
        let many = part(map, "multiValueHeaders")?;
        if self != Self::AlbWithMany {
            for (name, value) in &single {
                if self == Self::Rest && many.contains_key(name) {
                    continue;
                }
                add(name, value.as_str().ok_or_else(|| format!("header `{name}` is no text"))?);
            }
        }
        if matches!(self, Self::Rest | Self::AlbWithMany) {
            for (name, values) in &many {
                for value in values.as_array().ok_or_else(|| format!("`{name}` is no array"))? {
                    add(name, value.as_str().ok_or_else(|| format!("header `{name}` is no text"))?);
                }
            }
        }
        if matches!(self, Self::Alb | Self::AlbWithMany) {
            let said = map.get("statusDescription").and_then(Value::as_str).unwrap_or_default();
            if !said.starts_with(&format!("{status} ")) {
                return Err(format!("its description is {said:?}"));
            }
        }
        for cookie in map.get("cookies").and_then(Value::as_array).into_iter().flatten() {
            add("set-cookie", cookie.as_str().ok_or("a cookie is no text")?);
        }
        let text =
            map.get("body").map_or(Ok(""), |body| body.as_str().ok_or("the body is no text"))?;
        let body = match map.get("isBase64Encoded") {
            Some(Value::Bool(true)) => {
                BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?
            }
            None | Some(Value::Bool(false)) => text.as_bytes().to_vec(),
            Some(other) => return Err(format!("`isBase64Encoded` is {other}")),
        };
        cookies.sort();
        Ok(Got { status, headers, cookies, body })
    }
}

fn part(map: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, String> {
    match map.get(name) {
        None => Ok(Map::new()),
        Some(Value::Object(part)) => Ok(part.clone()),
        Some(other) => Err(format!("`{name}` is {other}")),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = std::str::from_utf8(after.get(..2).unwrap_or_default()).unwrap_or_default();
        match (byte, u8::from_str_radix(hex, 16)) {
            (b'%', Ok(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The parameters of a query, in their order.
fn parameters(query: &str, is_decoded: bool) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match is_decoded {
                true => (decoded(name), decoded(value)),
                false => (name.to_owned(), value.to_owned()),
            }
        })
        .collect()
}

fn last(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
}

fn all(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        let values = map.entry(name.clone()).or_insert_with(|| json!([]));
        values.as_array_mut().expect("an array").push(json!(value));
    }
    map.into()
}

fn joined(pairs: &[(String, String)], by: &str) -> Value {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        map.entry(name.clone())
            .and_modify(|known| *known = format!("{known}{by}{value}"))
            .or_insert_with(|| value.clone());
    }
    json!(map)
}

fn headers(asked: &Asked, with_cookies: bool) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = asked
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    headers.push(("Host".into(), "shop.example".into()));
    headers.push(("X-Forwarded-For".into(), "203.0.113.7".into()));
    headers.push(("X-Forwarded-Proto".into(), "https".into()));
    if with_cookies && !asked.cookies.is_empty() {
        headers.push(("Cookie".into(), asked.cookies.join("; ")));
    }
    headers
}

fn rest(asked: &Asked) -> Value {
    let (body, is_encoded) = asked.event_body();
    let query = parameters(asked.query(), true);
    let none_as_null = |value: Value| if asked.query().is_empty() { Value::Null } else { value };
    json!({
        "resource": "/{proxy+}",
        "path": asked.path(),
        "httpMethod": asked.method,
        "headers": last(&headers(asked, true)),
        "multiValueHeaders": all(&headers(asked, true)),
        "queryStringParameters": none_as_null(last(&query)),
        "multiValueQueryStringParameters": none_as_null(all(&query)),
        "pathParameters": { "proxy": asked.path().trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.eu-west-1.amazonaws.com",
            "httpMethod": asked.method,
            "identity": { "sourceIp": "203.0.113.7", "userAgent": null },
            "path": format!("/prod{}", asked.path()),
            "protocol": "HTTP/1.1",
            "requestId": "id",
            "requestTimeEpoch": 1_794_510_238_390_u64,
            "resourceId": "r1",
            "resourcePath": "/{proxy+}",
            "stage": "prod"
        },
        "body": body,
        "isBase64Encoded": is_encoded
    })
}

fn version_2(asked: &Asked, path: &str, stage: &str, domain: &str) -> Value {
    let (body, is_encoded) = asked.event_body();
    let prefix = if stage == "$default" { String::new() } else { format!("/{stage}") };
    let path = format!("{prefix}{path}");
    let lower: Vec<(String, String)> = headers(asked, false)
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": asked.query(),
        "headers": joined(&lower, ","),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": domain,
            "domainPrefix": "api",
            "http": {
                "method": asked.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "test"
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": stage,
            "time": "12/Nov/2026:19:03:58 +0000",
            "timeEpoch": 1_794_510_238_390_u64
        },
        "isBase64Encoded": is_encoded
    });
    if !asked.cookies.is_empty() {
        event["cookies"] = json!(asked.cookies);
    }
    if !asked.query().is_empty() {
        event["queryStringParameters"] = joined(&parameters(asked.query(), true), ",");
    }
    if !asked.body.is_empty() {
        event["body"] = body;
    }
    event
}

/// A load balancer, which sends text as it is and leaves the query's values encoded.
fn alb(asked: &Asked, with_many: bool) -> Value {
    let lower: Vec<(String, String)> = headers(asked, true)
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let query = parameters(asked.query(), false);
    let body = match asked.has_text() {
        true => String::from_utf8_lossy(&asked.body).into_owned(),
        false => BASE64_STANDARD.encode(&asked.body),
    };
    let mut event = json!({
        "requestContext": {
            "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b" }
        },
        "httpMethod": asked.method,
        "path": asked.path(),
        "body": body,
        "isBase64Encoded": !asked.has_text()
    });
    match with_many {
        true => {
            event["multiValueHeaders"] = all(&lower);
            event["multiValueQueryStringParameters"] = all(&query);
        }
        false => {
            event["headers"] = last(&lower);
            event["queryStringParameters"] = last(&query);
        }
    }
    event
}
