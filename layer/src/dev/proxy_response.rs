//! What a front makes of a function's response: a reply to the browser, or a refusal with a reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::dev::front::Front;
use crate::dev::server::Reply;

/// The largest body that a load balancer takes from a function, in bytes.
const MAX_LOAD_BALANCER_BODY: usize = 1024 * 1024;

impl Front {
    /// The reply to a function's response. The error says what is wrong with the response.
    pub(crate) fn reply(self, response: &[u8]) -> Result<Reply, String> {
        let value: Value = serde_json::from_slice(response)
            .map_err(|error| format!("the response is not JSON: {error}"))?;
        let proxy = value.as_object().filter(|object| object.contains_key("statusCode"));
        match (self, proxy) {
            (_, Some(proxy)) => self.proxied(proxy, false),
            (Front::Url | Front::Http, None) => Ok(inferred(&value, response)),
            (Front::Rest | Front::Alb | Front::AlbMultiValue, None) => {
                Err("the response is no object with a `statusCode`".to_owned())
            }
        }
    }

    /// The beginning of a reply to a response that is streamed: its status and headers.
    pub(crate) fn reply_to_prelude(self, prelude: &[u8]) -> Result<Reply, String> {
        let value: Value = serde_json::from_slice(prelude)
            .map_err(|error| format!("the stream's prelude is not JSON: {error}"))?;
        let Value::Object(mut prelude) = value else {
            return Err("the stream's prelude is no object".to_owned());
        };
        prelude.remove("body");
        prelude.entry("statusCode").or_insert(json!(200));
        self.proxied(&prelude, true)
    }

    /// Whether it passes streamed responses on while they come.
    pub(crate) fn can_stream(self) -> bool {
        matches!(self, Front::Url | Front::Rest)
    }

    /// What a client gets when the function failed, or its response is of no use.
    pub(crate) fn bad_gateway(self) -> Reply {
        match self {
            Front::Url | Front::Http => {
                Reply::json(502, &json!({ "message": "Internal Server Error" }))
            }
            Front::Rest => Reply::json(502, &json!({ "message": "Internal server error" })),
            Front::Alb | Front::AlbMultiValue => page(502, "Bad Gateway"),
        }
    }

    /// What a client gets when the function has no environment left for it.
    pub(crate) fn throttled(self) -> Reply {
        match self {
            Front::Url => Reply::json(429, &json!({ "message": "Too Many Requests" })),
            Front::Http => Reply::json(503, &json!({ "message": "Service Unavailable" })),
            Front::Rest => Reply::json(500, &json!({ "message": "Internal server error" })),
            Front::Alb | Front::AlbMultiValue => page(502, "Bad Gateway"),
        }
    }

    /// What a client gets for a body that is too large.
    pub(crate) fn too_large(self) -> Reply {
        match self {
            Front::Alb | Front::AlbMultiValue => page(413, "Request Entity Too Large"),
            Front::Url | Front::Http | Front::Rest => {
                Reply::json(413, &json!({ "message": "Request Too Long" }))
            }
        }
    }

    fn proxied(self, proxy: &Map<String, Value>, is_prelude: bool) -> Result<Reply, String> {
        let status = proxy["statusCode"].as_u64().filter(|status| (100..=599).contains(status));
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or_else(|| {
            format!("`statusCode` is {}, not a number from 100 to 599", proxy["statusCode"])
        })?;
        let mut headers = Vec::new();
        if self != Front::AlbMultiValue {
            for (name, value) in object(proxy, "headers")? {
                headers.push((name.clone(), header_text(&format!("headers.{name}"), value)?));
            }
        }
        if matches!(self, Front::Rest | Front::AlbMultiValue) {
            for (name, values) in object(proxy, "multiValueHeaders")? {
                let place = format!("multiValueHeaders.{name}");
                let values = values.as_array().ok_or_else(|| format!("`{place}` is no array"))?;
                let texts: Result<Vec<_>, _> =
                    values.iter().map(|value| header_text(&place, value)).collect();
                let texts = texts?;
                // Where both maps have the same pair, it goes out once.
                headers.retain(|(known, value)| {
                    !known.eq_ignore_ascii_case(name) || !texts.contains(value)
                });
                headers.extend(texts.into_iter().map(|text| (name.clone(), text)));
            }
        }
        if is_prelude || matches!(self, Front::Url | Front::Http) {
            match proxy.get("cookies") {
                None | Some(Value::Null) => {}
                Some(Value::Array(cookies)) => {
                    for cookie in cookies {
                        headers.push(("Set-Cookie".to_owned(), header_text("cookies", cookie)?));
                    }
                }
                Some(_) => return Err("`cookies` is no array".to_owned()),
            }
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            let default = match self {
                _ if is_prelude => "application/octet-stream",
                Front::Url | Front::Rest => "application/json",
                Front::Http => "text/plain;charset=UTF-8",
                Front::Alb | Front::AlbMultiValue => "application/octet-stream",
            };
            headers.push(("Content-Type".to_owned(), default.to_owned()));
        }
        if let Some((name, _)) = headers.iter().find(|(name, _)| !is_token(name)) {
            return Err(format!("`{}` cannot be the name of a header", name.escape_debug()));
        }
        // The length and the connection are ours to say.
        headers.retain(|(name, _)| {
            !["content-length", "connection", "transfer-encoding"]
                .contains(&name.to_ascii_lowercase().as_str())
        });
        let body = body(proxy)?;
        if matches!(self, Front::Alb | Front::AlbMultiValue) && body.len() > MAX_LOAD_BALANCER_BODY
        {
            return Err(format!(
                "the body has {} bytes, and a load balancer takes 1 MiB",
                body.len()
            ));
        }
        Ok(Reply { status, headers, body, rest: None })
    }
}

/// A value that says nothing about HTTP is the body itself.
fn inferred(value: &Value, response: &[u8]) -> Reply {
    let body = match value {
        Value::String(text) => text.clone().into_bytes(),
        _ => response.to_vec(),
    };
    Reply::new(200, "application/json", body)
}

fn object<'a>(
    proxy: &'a Map<String, Value>,
    name: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, String> {
    match proxy.get(name) {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(Value::Object(object)) => Ok(Some(object.iter()).into_iter().flatten()),
        Some(_) => Err(format!("`{name}` is no object")),
    }
}

/// Whether a text has the form of a header's name, after RFC 9110.
fn is_token(name: &str) -> bool {
    let is_sign = |c: u8| b"!#$%&'*+-.^_`|~".contains(&c);
    !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || is_sign(c))
}

/// A header's value, which has to be a text without line ends.
fn header_text(place: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("`{place}` is {value}, not a text"))?;
    if text.contains(['\r', '\n', '\0']) {
        return Err(format!("`{place}` has a line end"));
    }
    Ok(text.to_owned())
}

fn body(proxy: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let is_base64 = match proxy.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is_base64)) => *is_base64,
        Some(other) => return Err(format!("`isBase64Encoded` is {other}, not true or false")),
    };
    match proxy.get("body") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if is_base64 => {
            STANDARD.decode(text).map_err(|error| format!("`body` is not base64: {error}"))
        }
        Some(Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(_) => Err("`body` is no text; make one with `json::stringify`".to_owned()),
    }
}

/// The plain page that a load balancer has for an error.
fn page(status: u16, reason: &str) -> Reply {
    let body = format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{status} {reason}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    Reply::new(status, "text/html", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(front: Front, response: Value) -> Result<Reply, String> {
        front.reply(response.to_string().as_bytes())
    }

    #[test]
    fn what_has_no_status_is_the_body_where_payloads_are_of_version_2() {
        for (response, body) in
            [(json!("Hello"), "Hello"), (json!({"a": 1}), "{\"a\":1}"), (json!(null), "null")]
        {
            let replied = reply(Front::Url, response.clone()).expect("a reply");
            assert_eq!((replied.status, replied.body), (200, body.as_bytes().to_vec()));
            assert!(reply(Front::Rest, response).is_err_and(|why| why.contains("statusCode")));
        }
        assert!(Front::Url.reply(b"\xff").is_err_and(|why| why.contains("not JSON")));
    }

    #[test]
    fn cookies_and_many_values_go_out_where_the_front_has_them() {
        let response = json!({
            "statusCode": 201, "headers": {"X-A": "1", "Set-Cookie": "c=1"},
            "multiValueHeaders": {"x-a": ["1", "2"]}, "cookies": ["d=2"], "body": "ok",
        });
        let headers = |front| {
            let headers = reply(front, response.clone()).expect("a reply").headers;
            let lines = headers.iter().map(|(name, value)| format!("{name}: {value}"));
            let mut lines: Vec<String> =
                lines.filter(|line| !line.starts_with("Content-Type")).collect();
            lines.sort();
            lines
        };
        assert_eq!(headers(Front::Url), ["Set-Cookie: c=1", "Set-Cookie: d=2", "X-A: 1"]);
        assert_eq!(headers(Front::Rest), ["Set-Cookie: c=1", "x-a: 1", "x-a: 2"]);
        assert_eq!(headers(Front::Alb), ["Set-Cookie: c=1", "X-A: 1"]);
        assert_eq!(headers(Front::AlbMultiValue), ["x-a: 1", "x-a: 2"]);
    }

    #[test]
    fn base64_is_decoded() {
        let image = json!({"statusCode": 200, "body": "/wD+", "isBase64Encoded": true});
        assert_eq!(reply(Front::Http, image).map(|r| r.body), Ok(vec![0xff, 0, 0xfe]));
    }

    #[test]
    fn malformed_responses_are_refused_with_a_reason() {
        for (response, reason) in [
            (json!({"statusCode": "200"}), "`statusCode` is \"200\""),
            (json!({"statusCode": 42}), "`statusCode` is 42"),
            (json!({"statusCode": 200, "body": {}}), "`body` is no text"),
            (json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}), "not base64"),
            (json!({"statusCode": 200, "headers": {"a": 1}}), "`headers.a` is 1, not a text"),
            (json!({"statusCode": 200, "headers": {"a": "b\r\nc: d"}}), "line end"),
            (json!({"statusCode": 200, "headers": {"a: b\r\nc": "d"}}), "the name of a header"),
            (json!({"statusCode": 200, "headers": []}), "`headers` is no object"),
            (json!({"statusCode": 200, "cookies": "a"}), "`cookies` is no array"),
        ] {
            let why = reply(Front::Url, response).expect_err("it is malformed");
            assert!(why.contains(reason), "{why}");
        }
    }
}
