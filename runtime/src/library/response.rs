//! The module `response`: what a request of HTTP is answered by, in the form that its front wants.
//!
//! A handler may return one, and a router's functions do. What each front takes is in AWS's pages on
//! API Gateway's proxy integrations, function URLs and load balancer targets.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, INT, ImmutableString, Map};

use super::events::request::Front;
use super::native::exported;
use super::{Fallible, Part, fs, plain_text, thrown};
use crate::bounds::room_for;
use crate::effects::Failure;
use crate::json;
use crate::time::Time;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["response", "router"], register };

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const BYTES: &str = "application/octet-stream";

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    engine.register_type_with_name::<Response>("Response");
    exported!(functions).register_in("response", "Response.Invalid", engine, vocabulary);
    exported!(methods).register_globally("Response.Invalid", engine, vocabulary);
}

/// A response in a script.
#[derive(Clone)]
pub struct Response {
    pub(super) status: u16,
    /// Names in lower case, in their order; one may be there again.
    pub(super) headers: Vec<(String, String)>,
    /// As `Set-Cookie` has them.
    pub(super) cookies: Vec<String>,
    /// Text, a blob, or `()`.
    pub(super) body: Dynamic,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.status)
    }
}

fn invalid(message: String) -> Box<EvalAltResult> {
    thrown(&Failure::new("Response.Invalid", message), [])
}

fn checked_status(status: INT) -> Fallible<u16> {
    u16::try_from(status)
        .ok()
        .filter(|status| (100..=599).contains(status))
        .ok_or_else(|| invalid(format!("{status} is no status of HTTP; those are 100 to 599")))
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_token)
}

impl Response {
    pub(super) fn new(status: u16, kind: &str, body: Dynamic) -> Self {
        let headers = match kind {
            "" => Vec::new(),
            kind => vec![("content-type".to_owned(), kind.to_owned())],
        };
        Self { status, headers, cookies: Vec::new(), body }
    }

    pub(super) fn json(status: u16, value: &Dynamic) -> Fallible<Self> {
        let mut text = Vec::new();
        json::write(value, &mut text).map_err(|error| invalid(format!("the body has {error}")))?;
        let text = String::from_utf8(text).unwrap_or_default();
        Ok(Self::new(status, JSON, text.into()))
    }

    /// What a handler or a router's function returned. Text is plain text and a blob bytes; a map with
    /// a `statusCode` is a response as Lambda has it; `()` is 204, and anything else JSON.
    pub(super) fn of(value: Dynamic) -> Fallible<Self> {
        if value.is::<Self>() {
            return Ok(value.cast());
        }
        if value.is_unit() {
            return Ok(Self::new(204, "", Dynamic::UNIT));
        }
        if value.is_string() {
            return Ok(Self::new(200, TEXT, value));
        }
        if value.is_blob() {
            return Ok(Self::new(200, BYTES, value));
        }
        match is_raw(&value) {
            true => Self::of_raw(&value),
            false => Self::json(200, &value),
        }
    }

    /// A response as Lambda has it: `statusCode`, `headers`, `multiValueHeaders`, `cookies`, `body`,
    /// `isBase64Encoded`.
    fn of_raw(value: &Dynamic) -> Fallible<Self> {
        let Some(map) = value.read_lock::<Map>() else { return Self::json(200, value) };
        let status = map.get("statusCode").and_then(|status| status.as_int().ok()).unwrap_or(200);
        let is_encoded = map.get("isBase64Encoded").is_some_and(|is| is.as_bool() == Ok(true));
        let body = map.get("body").cloned().unwrap_or_default();
        let body = match body.as_immutable_string_ref() {
            Ok(text) if is_encoded => {
                room_for(text.len(), 1)?;
                let bytes = BASE64_STANDARD.decode(text.as_bytes());
                Dynamic::from_blob(bytes.map_err(|error| {
                    invalid(format!("`body` is no base64, as `isBase64Encoded` says: {error}"))
                })?)
            }
            _ => body.clone(),
        };
        let mut response = Self::new(checked_status(status)?, "", body);
        for part in ["headers", "multiValueHeaders"] {
            let Some(headers) = map.get(part).and_then(|part| part.read_lock::<Map>()) else {
                continue;
            };
            for (name, value) in headers.iter() {
                response.set(name, value)?;
            }
        }
        if let Some(cookies) = map.get("cookies").and_then(|cookies| cookies.read_lock::<Array>()) {
            response.cookies.extend(cookies.iter().map(ToString::to_string));
        }
        Ok(response)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a header: to text, to each text of an array, or to nothing at all.
    pub(super) fn set(&mut self, name: &str, value: &Dynamic) -> Fallible<()> {
        if !is_token(name) {
            return Err(invalid(format!("{name:?} is no name of a header")));
        }
        let name = name.to_ascii_lowercase();
        let values = match value.read_lock::<Array>() {
            Some(values) => values.clone(),
            None if value.is_unit() => Array::new(),
            None => vec![value.clone()],
        };
        let mut texts = Vec::with_capacity(values.len());
        for value in &values {
            let text = plain_text(value).ok_or_else(|| {
                let kind = value.type_name();
                invalid(format!("the header `{name}` is text, a number or a bool, not {kind}"))
            })?;
            // Anything that could end it would begin another one.
            if text.contains(|character: char| character.is_control() && character != '\t') {
                return Err(invalid(format!("the header `{name}` has a control character in it")));
            }
            texts.push(text);
        }
        if name == "set-cookie" {
            self.cookies = texts;
            return Ok(());
        }
        self.headers.retain(|(known, _)| *known != name);
        self.headers.extend(texts.into_iter().map(|text| (name.clone(), text)));
        Ok(())
    }

    /// All headers: text, or an array of what is there more than once.
    fn headers(&self) -> Map {
        let mut map = Map::new();
        for (name, value) in &self.headers {
            match map.get_mut(name.as_str()) {
                None => {
                    map.insert(name.as_str().into(), value.clone().into());
                }
                Some(values) => {
                    if !values.is_array() {
                        *values = Dynamic::from_array(vec![values.take()]);
                    }
                    if let Some(mut values) = values.write_lock::<Array>() {
                        values.push(value.clone().into());
                    }
                }
            }
        }
        map
    }

    /// The bytes of the body.
    pub(super) fn with_bytes<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        if let Ok(text) = self.body.as_immutable_string_ref() {
            return look(text.as_bytes());
        }
        match self.body.read_lock::<Blob>() {
            Some(blob) => look(&blob),
            None => look(&[]),
        }
    }

    /// As a front of HTTP wants it.
    fn for_front(self, front: Front) -> Fallible<Map> {
        let headers = self.headers();
        let mut map = Map::new();
        let is_blob = self.body.is_blob();
        let body = match is_blob {
            true => {
                room_for(self.with_bytes(<[u8]>::len), 2)?;
                self.with_bytes(|bytes| BASE64_STANDARD.encode(bytes)).into()
            }
            false if self.body.is_unit() => "".into(),
            false => self.body,
        };
        map.insert("statusCode".into(), INT::from(self.status).into());
        map.insert("body".into(), body);
        map.insert("isBase64Encoded".into(), is_blob.into());
        let joined = |value: Dynamic| match value.into_array() {
            Ok(values) => {
                values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into()
            }
            Err(_) => Dynamic::UNIT,
        };
        let mut single: Map = Map::new();
        let mut many: Map = Map::new();
        for (name, value) in headers {
            match value.is_array() {
                false => {
                    if matches!(front, Front::LoadBalancer { .. }) {
                        many.insert(name.clone(), Dynamic::from_array(vec![value.clone()]));
                    }
                    single.insert(name, value);
                }
                true => {
                    many.insert(name.clone(), value.clone());
                    // API Gateway would take the one for another value.
                    if front != Front::ApiGatewayV1 {
                        single.insert(name, joined(value));
                    }
                }
            }
        }
        let cookies: Array = self.cookies.iter().map(|cookie| cookie.clone().into()).collect();
        match front {
            Front::ApiGatewayV2 | Front::FunctionUrl => {
                if !cookies.is_empty() {
                    map.insert("cookies".into(), cookies.into());
                }
            }
            Front::LoadBalancer { sends_many: false } => {
                // Where there is one value for a name, names in other letters carry the others.
                for (index, cookie) in cookies.into_iter().enumerate() {
                    single.insert(in_other_letters("set-cookie", index).into(), cookie);
                }
            }
            Front::Lattice => {
                if let Some(cookie) = cookies.into_iter().next() {
                    single.insert("set-cookie".into(), cookie);
                }
            }
            Front::ApiGatewayV1 | Front::WebSocket | Front::LoadBalancer { .. } => {
                if !cookies.is_empty() {
                    many.insert("set-cookie".into(), cookies.into());
                }
            }
        }
        if matches!(front, Front::LoadBalancer { .. } | Front::Lattice) {
            let reason = reason(self.status);
            map.insert("statusDescription".into(), format!("{} {reason}", self.status).into());
        }
        let takes_many =
            matches!(front, Front::ApiGatewayV1 | Front::WebSocket | Front::LoadBalancer { .. });
        if takes_many && !many.is_empty() {
            map.insert("multiValueHeaders".into(), many.into());
        }
        map.insert("headers".into(), single.into());
        Ok(map)
    }
}

/// Whether this is a response as Lambda has it.
fn is_raw(value: &Dynamic) -> bool {
    value.read_lock::<Map>().is_some_and(|map| map.contains_key("statusCode"))
}

/// What a handler returned, as the front of its event wants it. What is a response in Lambda's own
/// form already stays as it is, and so does anything that answers no request.
pub fn shaped(front: Option<Front>, value: Dynamic) -> Fallible<Dynamic> {
    match front {
        Some(front) if !is_raw(&value) => Ok(Response::of(value)?.for_front(front)?.into()),
        None if value.is::<Response>() => {
            Ok(Response::of(value)?.for_front(Front::FunctionUrl)?.into())
        }
        _ => Ok(value),
    }
}

/// The same name, by the bits of a number in capitals.
fn in_other_letters(name: &str, number: usize) -> String {
    let mut bits = number;
    let change = |letter: char| {
        let is_capital = letter.is_ascii_alphabetic() && bits & 1 == 1;
        if letter.is_ascii_alphabetic() {
            bits >>= 1;
        }
        if is_capital { letter.to_ascii_uppercase() } else { letter }
    };
    name.chars().map(change).collect()
}

/// What a status is called (RFC 9110, 15).
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => match status / 100 {
            1 => "Informational",
            2 => "Successful",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}

/// What a file is by the end of its name.
fn kind_of(path: &str) -> &'static str {
    let end =
        path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, end)| end);
    match end.to_ascii_lowercase().as_str() {
        "html" | "htm" => HTML,
        "txt" | "md" | "log" => TEXT,
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" | "map" => JSON,
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        _ => BYTES,
    }
}

/// What an option of a cookie is in `Set-Cookie`; nothing for `()`.
fn cookie_option(cookie: &str, option: &str, value: &Dynamic) -> Fallible<String> {
    let wrong = |wanted: &str| {
        let found = plain_text(value)
            .map_or_else(|| value.type_name().to_owned(), |text| format!("{text:?}"));
        Err(invalid(format!("`{option}` of the cookie `{cookie}` is {wanted}, not {found}")))
    };
    if value.is_unit() {
        return Ok(String::new());
    }
    let text = value.as_immutable_string_ref().ok().map(|text| text.to_string());
    match option {
        "max_age_s" => match value.as_int() {
            Ok(seconds) => Ok(seconds.to_string()),
            Err(_) => wrong("a whole number of seconds"),
        },
        "expires" => {
            let time = match (value.read_lock::<Time>(), &text) {
                (Some(time), _) => Some(time.clone()),
                (None, Some(text)) => Time::parse(text).ok(),
                (None, None) => None,
            };
            match time.and_then(|time| time.in_zone("UTC").ok()?.format("%a, %d %b %Y %T GMT").ok())
            {
                Some(date) => Ok(date),
                None => wrong("a time, such as `time::now().add(\"7 days\")`, or a date as text"),
            }
        }
        "same_site" => {
            let known = ["Strict", "Lax", "None"];
            let found = known
                .iter()
                .find(|known| text.as_deref().is_some_and(|text| known.eq_ignore_ascii_case(text)));
            match found {
                Some(known) => Ok((*known).to_owned()),
                None => wrong("\"Strict\", \"Lax\" or \"None\""),
            }
        }
        _ => match text {
            Some(text) if option != "path" || text.is_empty() || text.starts_with('/') => Ok(text),
            Some(_) => wrong("a path that begins with `/`"),
            None => wrong("text"),
        },
    }
}

/// A cookie as `Set-Cookie` has it (RFC 6265, 4.1).
fn cookie(name: &str, value: &str, options: &Map) -> Fallible<String> {
    let is_of_value = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    if !is_token(name) {
        return Err(invalid(format!("{name:?} is no name of a cookie")));
    }
    if !value.bytes().all(is_of_value) {
        return Err(invalid(format!(
            "the cookie `{name}` has a character in it that cookies cannot have; encode it by \
             `url::encode`"
        )));
    }
    let known = [
        "path",
        "domain",
        "max_age_s",
        "expires",
        "secure",
        "http_only",
        "same_site",
        "partitioned",
    ];
    if let Some(name) = options.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(invalid(format!(
            "a cookie has no option `{name}`; it has {}",
            known.join(", ")
        )));
    }
    let mut text = format!("{name}={value}");
    let mut add = |attribute: &str, option: &str, default: &str| -> Fallible<()> {
        let value = match options.get(option) {
            Some(value) => cookie_option(name, option, value)?,
            None => default.to_owned(),
        };
        if value.contains(|character: char| character == ';' || character.is_control()) {
            return Err(invalid(format!("`{option}` of the cookie `{name}` has a `;` in it")));
        }
        if !value.is_empty() {
            text.push_str(&format!("; {attribute}={value}"));
        }
        Ok(())
    };
    add("Path", "path", "/")?;
    add("Domain", "domain", "")?;
    add("Max-Age", "max_age_s", "")?;
    add("Expires", "expires", "")?;
    add("SameSite", "same_site", "Lax")?;
    for (attribute, option, default) in [
        ("; Secure", "secure", true),
        ("; HttpOnly", "http_only", true),
        ("; Partitioned", "partitioned", false),
    ] {
        let is_on = match options.get(option) {
            Some(is_on) if !is_on.is_unit() => is_on.as_bool().map_err(|kind| {
                invalid(format!("`{option}` of the cookie `{name}` is a bool, not {kind}"))
            })?,
            _ => default,
        };
        if is_on {
            text.push_str(attribute);
        } else if attribute == "; Secure" && text.ends_with("; SameSite=None") {
            return Err(invalid(format!(
                "the cookie `{name}` has `same_site: \"None\"`, which browsers take only with \
                 `secure`"
            )));
        }
    }
    Ok(text)
}

/// Responses to requests of HTTP, as API Gateway, function URLs, load balancers, VPC Lattice want them.
/// A handler returns one, or what one can be made of: text, a blob, any value as JSON, `()` for 204.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// A value as JSON.
    ///
    /// ```rhai
    /// let r = response::json(#{ id: 7 });
    /// [r.status, r.body, r.header("content-type")]; // => [200, `{"id":7}`, "application/json"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn json(value: Dynamic) -> Fallible<Response> {
        Response::json(200, &value)
    }

    /// A value as JSON, with a status.
    ///
    /// ```rhai
    /// response::json(201, #{ id: 7 }).status; // => 201
    /// response::json(1000, ()); // => error: 1000 is no status
    /// ```
    #[rhai_fn(name = "json", return_raw)]
    pub fn json_of_status(status: INT, value: Dynamic) -> Fallible<Response> {
        Response::json(checked_status(status)?, &value)
    }

    /// Plain text.
    ///
    /// ```rhai
    /// response::text("hello").header("content-type"); // => "text/plain; charset=utf-8"
    /// ```
    pub fn text(text: Text) -> Response {
        Response::new(200, TEXT, text.into())
    }

    /// Plain text, with a status.
    ///
    /// ```rhai
    /// response::text(404, "no such order").status; // => 404
    /// ```
    #[rhai_fn(name = "text", return_raw)]
    pub fn text_of_status(status: INT, text: Text) -> Fallible<Response> {
        Ok(Response::new(checked_status(status)?, TEXT, text.into()))
    }

    /// A page.
    ///
    /// ```rhai
    /// response::html("<h1>Hello</h1>").header("content-type"); // => "text/html; charset=utf-8"
    /// ```
    pub fn html(page: Text) -> Response {
        Response::new(200, HTML, page.into())
    }

    /// A page, with a status.
    ///
    /// ```rhai
    /// response::html(404, "<h1>Not here</h1>").status; // => 404
    /// ```
    #[rhai_fn(name = "html", return_raw)]
    pub fn html_of_status(status: INT, page: Text) -> Fallible<Response> {
        Ok(Response::new(checked_status(status)?, HTML, page.into()))
    }

    /// Bytes of a type of media.
    ///
    /// ```rhai
    /// response::bytes("image/png", blob(3)).header("content-type"); // => "image/png"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn bytes(kind: Text, bytes: Blob) -> Fallible<Response> {
        let mut response = Response::new(200, "", Dynamic::from_blob(bytes));
        response.set("content-type", &kind.into())?;
        Ok(response)
    }

    /// A file of the task root or below `/tmp`; its type is known by its name.
    ///
    /// ```rhai
    /// fs::write("/tmp/page.html", "<p>hi");
    /// response::file("/tmp/page.html").header("content-type"); // => "text/html; charset=utf-8"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn file(path: Text) -> Fallible<Response> {
        let bytes = fs::bytes(&path)?;
        let kind = kind_of(&path);
        let is_text = kind.starts_with("text/") || kind == JSON;
        let body = match is_text {
            true => match String::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(error) => Dynamic::from_blob(error.into_bytes()),
            },
            false => Dynamic::from_blob(bytes),
        };
        Ok(Response::new(200, kind, body))
    }

    /// Sends the client elsewhere, by status 302.
    ///
    /// ```rhai
    /// response::redirect("/login").header("location"); // => "/login"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn redirect(location: Text) -> Fallible<Response> {
        redirect_by(302, location)
    }

    /// Sends the client elsewhere: 301 and 308 for good, 302, 303 and 307 this time.
    ///
    /// ```rhai
    /// response::redirect(303, "/orders/7").status; // => 303
    /// response::redirect(200, "/orders/7"); // => error: 200 sends nobody elsewhere
    /// ```
    #[rhai_fn(name = "redirect", return_raw)]
    pub fn redirect_by(status: INT, location: Text) -> Fallible<Response> {
        if ![301, 302, 303, 307, 308].contains(&status) {
            let message = "sends nobody elsewhere; 301, 302, 303, 307 and 308 do";
            return Err(invalid(format!("{status} {message}")));
        }
        let mut response = Response::new(checked_status(status)?, "", Dynamic::UNIT);
        response.set("location", &location.into())?;
        Ok(response)
    }

    /// A status without a body.
    ///
    /// ```rhai
    /// response::status(204).body; // => null
    /// ```
    #[rhai_fn(return_raw)]
    pub fn status(status: INT) -> Fallible<Response> {
        Ok(Response::new(checked_status(status)?, "", Dynamic::UNIT))
    }
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    type Text = ImmutableString;

    /// The status code.
    ///
    /// ```rhai
    /// response::text("hello").status; // => 200
    /// ```
    #[rhai_fn(get = "status", pure)]
    pub fn status(response: &mut Response) -> INT {
        response.status.into()
    }

    /// Changes the status code.
    ///
    /// ```rhai
    /// let r = response::text("later"); r.status = 202;
    /// r.status; // => 202
    /// ```
    #[rhai_fn(set = "status", return_raw)]
    pub fn set_status(response: &mut Response, status: INT) -> Fallible<()> {
        response.status = checked_status(status)?;
        Ok(())
    }

    /// The body: text, a blob or `()`.
    ///
    /// ```rhai
    /// response::json([1]).body; // => "[1]"
    /// ```
    #[rhai_fn(get = "body", pure)]
    pub fn body(response: &mut Response) -> Dynamic {
        response.body.clone()
    }

    /// Changes the body: to text, a blob or `()`.
    ///
    /// ```rhai
    /// let r = response::text("a"); r.body = "b";
    /// r.body; // => "b"
    /// ```
    #[rhai_fn(set = "body", return_raw)]
    pub fn set_body(response: &mut Response, body: Dynamic) -> Fallible<()> {
        if !(body.is_string() || body.is_blob() || body.is_unit()) {
            let kind = body.type_name();
            return Err(invalid(format!("a body is text, a blob or `()`, not {kind}")));
        }
        response.body = body;
        Ok(())
    }

    /// All headers by their names in lower case: text, or an array of what is there more than once.
    ///
    /// ```rhai
    /// response::redirect("/").headers; // => #{ location: "/" }
    /// ```
    #[rhai_fn(get = "headers", pure)]
    pub fn headers(response: &mut Response) -> Map {
        response.headers()
    }

    /// The cookies, as `Set-Cookie` has them.
    ///
    /// ```rhai
    /// response::text("").cookie("a", "1").cookies; // => ["a=1; Path=/; SameSite=Lax; Secure; HttpOnly"]
    /// ```
    #[rhai_fn(get = "cookies", pure)]
    pub fn cookies(response: &mut Response) -> Array {
        response.cookies.iter().map(|cookie| cookie.clone().into()).collect()
    }

    /// A header by its name in any letters; `()` without it.
    ///
    /// ```rhai
    /// response::redirect("/login").header("Location"); // => "/login"
    /// ```
    #[rhai_fn(name = "header", pure)]
    pub fn get_header(response: &mut Response, name: &str) -> Dynamic {
        response.header(name).map_or(Dynamic::UNIT, |value| value.to_owned().into())
    }

    /// The response with a header: text, an array for several of that name, `()` for none.
    ///
    /// ```rhai
    /// response::text("a").header("cache-control", "max-age=60").header("Cache-Control"); // => "max-age=60"
    /// response::text("a").header("x", "1\r\ny: 2"); // => error: a control character
    /// ```
    #[rhai_fn(name = "header", pure, return_raw)]
    pub fn with_header(response: &mut Response, name: &str, value: Dynamic) -> Fallible<Response> {
        let mut response = response.clone();
        response.set(name, &value)?;
        Ok(response)
    }

    /// The response with a cookie that scripts of the page cannot read, that goes over TLS only, and
    /// not with what other sites make the browser send.
    ///
    /// ```rhai
    /// response::text("").cookie("session", "abc").cookies.len(); // => 1
    /// ```
    #[rhai_fn(name = "cookie", pure, return_raw)]
    pub fn with_cookie(response: &mut Response, name: Text, value: Text) -> Fallible<Response> {
        with_cookie_of(response, name, value, Map::new())
    }

    /// The response with a cookie of these options: `path`, `domain`, `max_age_s`, a whole number,
    /// `expires`, a time or its text, `same_site`, which is `"Strict"`, `"Lax"` or `"None"`, and
    /// `secure`, `http_only` and `partitioned`, which are true or false. One that is `()` is left out.
    ///
    /// ```rhai
    /// let r = response::text("").cookie("a", "1", #{ max_age_s: 60, http_only: false, same_site: "Strict" });
    /// r.cookies; // => ["a=1; Path=/; Max-Age=60; SameSite=Strict; Secure"]
    /// let gone = response::text("").cookie("a", "", #{ expires: time::parse("1970-01-01") });
    /// gone.cookies; // => ["a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax; Secure; HttpOnly"]
    /// ```
    #[rhai_fn(name = "cookie", pure, return_raw)]
    pub fn with_cookie_of(
        response: &mut Response,
        name: Text,
        value: Text,
        options: Map,
    ) -> Fallible<Response> {
        let mut response = response.clone();
        response.cookies.push(cookie(&name, &value, &options)?);
        Ok(response)
    }
}
