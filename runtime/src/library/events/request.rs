//! An HTTP request in one shape, whichever front it came through.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use log::Level;
use rhai::{Array, Dynamic, ImmutableString, Map};
use serde_json::Value;

use super::field::{at, map, text};
use super::{plain, source};
use crate::bounds::room_for;
use crate::effects::Failure;
use crate::library::{Fallible, thrown, url};
use crate::logging;

type Text = ImmutableString;

/// What brings HTTP requests to a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Front {
    /// API Gateway, REST.
    ApiGatewayV1,
    /// API Gateway, HTTP.
    ApiGatewayV2,
    /// A function's own URL.
    FunctionUrl,
    /// A load balancer; whether it sends each header's values apart.
    LoadBalancer { sends_many: bool },
    /// API Gateway, WebSocket.
    WebSocket,
    /// VPC Lattice, either version.
    Lattice,
}

impl Front {
    /// The front that an event came through, if it is one of HTTP.
    pub fn of(event: &Dynamic) -> Option<Self> {
        // Few other events have either.
        let may_be = event.read_lock::<Map>().is_some_and(|event| {
            event.contains_key("requestContext") || event.contains_key("raw_path")
        });
        may_be.then(|| Self::of_source(source::of(event)?, event)).flatten()
    }

    fn of_source(source: &str, event: &Dynamic) -> Option<Self> {
        Some(match source {
            "api_gateway_v1" => Self::ApiGatewayV1,
            "api_gateway_v2" => Self::ApiGatewayV2,
            "function_url" => Self::FunctionUrl,
            "alb" => Self::LoadBalancer { sends_many: at(event, "multiValueHeaders").is_map() },
            "websocket" => Self::WebSocket,
            "vpc_lattice_v1" | "vpc_lattice_v2" => Self::Lattice,
            _ => return None,
        })
    }
}

/// The request that an event of HTTP brings.
pub(in crate::library) fn of(mut event: Dynamic) -> Fallible<Map> {
    let front = Front::of(&event).ok_or_else(|| not_http(&event))?;
    let source = source::of(&event).unwrap_or_default();
    let headers = headers(&event);
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    // An HTTP API decodes the path and its parameters, whichever payload it sends; only its events
    // have a version. All other fronts send what the client has sent.
    let is_decoded = text(&event, "version").is_some();
    let (method, path) = match front {
        Front::ApiGatewayV2 => {
            let path = path_in_stage(&event).map(|path| url::path_encoded(&path)).transpose()?;
            (text(&event, "requestContext/http/method"), path)
        }
        Front::FunctionUrl => (text(&event, "requestContext/http/method"), path_in_stage(&event)),
        // What a client sends over its connection has neither; its route stands for both.
        Front::WebSocket => {
            let route = text(&event, "requestContext/routeKey").unwrap_or_default();
            let path = url::path_encoded(&format!("/{route}"))?;
            (text(&event, "requestContext/eventType"), Some(path))
        }
        Front::Lattice => {
            let path = text(&event, "path").or_else(|| text(&event, "raw_path"));
            let path = path.map(|path| path.split('?').next().unwrap_or_default().into());
            (text(&event, "method"), path)
        }
        Front::ApiGatewayV1 if is_decoded => {
            let path = text(&event, "path").map(|path| url::path_encoded(&path)).transpose()?;
            (text(&event, "httpMethod"), path)
        }
        Front::ApiGatewayV1 | Front::LoadBalancer { .. } => {
            (text(&event, "httpMethod"), text(&event, "path"))
        }
    };
    let forwarded = header("x-forwarded-for").into_immutable_string().unwrap_or_default();
    let address = text(&event, "requestContext/http/sourceIp")
        .or_else(|| text(&event, "requestContext/identity/sourceIp"))
        // A load balancer adds the address that it sees behind what the client has sent.
        .or_else(|| forwarded.rsplit(',').next().map(|last| last.trim().into()))
        .filter(|address| !address.is_empty());
    let host = match header("host") {
        host if host.is_unit() => at(&event, "requestContext/domainName"),
        host => host,
    };
    let scheme = match header("x-forwarded-proto") {
        scheme if scheme.is_unit() => "https".into(),
        scheme => scheme,
    };
    let time = at(&event, "requestContext/timeEpoch");
    let time = match time.is_unit() {
        true => at(&event, "requestContext/requestTimeEpoch"),
        // VPC Lattice sends microseconds, as text.
        false => time,
    };
    let time = if time.is_unit() { time } else { plain::epoch_ms(&time) };
    let route = match at(&event, "requestContext/routeKey") {
        route if route.is_unit() => at(&event, "resource"),
        route => route,
    };
    let mut unreadable = None;
    let body = body(&mut event, &headers, &mut unreadable)?;
    let authorizer = at(&event, "requestContext/authorizer");
    // One list, so that there is one place that inserts.
    let fields: [(&str, Dynamic); 19] = [
        ("source", source.into()),
        ("method", method.unwrap_or_default().to_uppercase().into()),
        ("path", path.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".into()).into()),
        ("route", route),
        ("params", params(&event, front, is_decoded)?.into()),
        ("query", query(&event, front)?.into()),
        ("cookies", cookies(&event, &headers).into()),
        ("headers", headers.into()),
        ("body", body),
        ("address", address.map_or(Dynamic::UNIT, Into::into)),
        ("host", host),
        ("scheme", scheme),
        ("id", at(&event, "requestContext/requestId")),
        ("stage", at(&event, "requestContext/stage")),
        ("time_ms", time),
        ("claims", claims(&authorizer).into()),
        ("authorizer", authorizer),
        ("connection", at(&event, "requestContext/connectionId")),
        ("request_context", at(&event, "requestContext")),
    ];
    let mut request: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    if let Some(why) = unreadable {
        let mut map = Map::new();
        map.insert("body".into(), why);
        request.insert("unreadable".into(), map.into());
    }
    Ok(request)
}

/// What API Gateway has matched of the path, decoded.
fn params(event: &Dynamic, front: Front, is_decoded: bool) -> Fallible<Map> {
    let mut params = map(event, "pathParameters");
    if front == Front::ApiGatewayV1 && !is_decoded {
        for value in params.values_mut() {
            if let Ok(text) = value.clone().into_immutable_string() {
                *value = url::decoded_loosely(&text)?.into_owned().into();
            }
        }
    }
    Ok(params)
}

fn not_http(event: &Dynamic) -> Box<rhai::EvalAltResult> {
    let what = match source::of(event) {
        Some(source) => format!("an event of `{source}`"),
        None => source::describe(event),
    };
    let message = format!(
        "this is no HTTP request, but {what}; requests come from API Gateway, function URLs, load \
         balancers and VPC Lattice"
    );
    thrown(&Failure::new("Events.NotHttp", message), [])
}

/// The path behind the stage, which a stage of the API's own host name puts before it.
fn path_in_stage(event: &Dynamic) -> Option<Text> {
    let path = text(event, "rawPath")?;
    let stage = text(event, "requestContext/stage").unwrap_or_default();
    let rest = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage.as_str()))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match rest {
        Some(rest) if stage != "$default" && !stage.is_empty() => Some(rest.into()),
        _ => Some(path),
    }
}

/// Values of one name, joined as RFC 9110 (5.3) says.
fn joined(values: &Dynamic) -> Option<Text> {
    if let Some(values) = values.read_lock::<Array>() {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        return Some(values.join(", ").into());
    }
    values.as_immutable_string_ref().ok().map(|text| text.clone())
}

/// All headers by their names in lower case.
fn headers(event: &Dynamic) -> Map {
    let mut headers = Map::new();
    // What one of them lacks the other has.
    for part in ["headers", "multiValueHeaders"] {
        for (name, values) in map(event, part) {
            if let Some(value) = joined(&values) {
                headers.insert(name.to_lowercase().into(), value.into());
            }
        }
    }
    headers
}

/// The parameters of the query: text, or an array of what is there more than once.
fn query(event: &Dynamic, front: Front) -> Fallible<Map> {
    let raw = text(event, "rawQueryString").or_else(|| {
        // VPC Lattice leaves the query with the path, or tells the parameters apart.
        let path = text(event, "path").or_else(|| text(event, "raw_path"))?;
        Some(path.split_once('?')?.1.into()).filter(|_| front == Front::Lattice)
    });
    if let Some(raw) = raw {
        return url::parse_query_loosely(&raw);
    }
    let mut query = Map::new();
    // The front that knows values apart knows them together too, so that those come last.
    for part in
        ["queryStringParameters", "query_string_parameters", "multiValueQueryStringParameters"]
    {
        let mut of_part = Map::new();
        for (name, values) in map(event, part) {
            if !matches!(front, Front::LoadBalancer { .. }) {
                of_part.insert(name, one_or_all(all(Some(&values))));
                continue;
            }
            // Encoded, two names may be one.
            let name = url::form_decoded_loosely(&name)?;
            let mut together = all(of_part.get(name.as_str()));
            for value in all(Some(&values)) {
                together.push(match value.as_immutable_string_ref() {
                    Ok(text) => url::form_decoded_loosely(&text)?.into(),
                    Err(_) => value.clone(),
                });
            }
            of_part.insert(name.into(), one_or_all(together));
        }
        query.extend(of_part);
    }
    Ok(query)
}

/// The only value of an array, or all of them.
fn one_or_all(mut values: Array) -> Dynamic {
    match values.len() {
        1 => values.remove(0),
        _ => values.into(),
    }
}

/// The cookies by their names; of several of one name the first, as servers do.
fn cookies(event: &Dynamic, headers: &Map) -> Map {
    let apart = at(event, "cookies").into_array().unwrap_or_default();
    let together = headers.get("cookie").cloned().unwrap_or_default();
    let mut cookies = Map::new();
    for text in apart.iter().chain([&together]) {
        let Ok(text) = text.as_immutable_string_ref() else { continue };
        for pair in text.split(';') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (name.trim(), value.trim());
            let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            if !name.is_empty() && !cookies.contains_key(name) {
                cookies.insert(name.into(), inner.unwrap_or(value).into());
            }
        }
    }
    cookies
}

/// Takes the body out of an event: text, a blob, or `()`. What is said to be base64 but is not stays
/// as it came, with a reason.
fn body(event: &mut Dynamic, headers: &Map, unreadable: &mut Option<Dynamic>) -> Fallible<Dynamic> {
    let is_encoded = ["isBase64Encoded", "is_base64_encoded"]
        .iter()
        .any(|name| at(event, name).as_bool().unwrap_or(false));
    let Some(mut event) = event.write_lock::<Map>() else { return Ok(Dynamic::UNIT) };
    let Some(body) = event.get_mut("body").map(Dynamic::take) else { return Ok(Dynamic::UNIT) };
    if !is_encoded {
        return Ok(body);
    }
    let Ok(text) = body.as_immutable_string_ref() else { return Ok(Dynamic::UNIT) };
    room_for(text.len(), 2)?;
    let bytes = match BASE64_STANDARD.decode(text.as_bytes()) {
        Ok(bytes) => bytes,
        Err(error) => {
            *unreadable = Some(format!("this is not base64: {error}").into());
            let message = "the body of the request is said to be base64, but is not; it stays as it \
                           came, and `unreadable.body` says why";
            logging::script_record(Level::Warn, Value::String(message.into()), None);
            return Ok(text.clone().into());
        }
    };
    if !is_text(headers) {
        return Ok(Dynamic::from_blob(bytes));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => Dynamic::from_blob(error.into_bytes()),
    })
}

/// Whether the headers say that the body is text.
fn is_text(headers: &Map) -> bool {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.as_immutable_string_ref().ok());
        value.map(|value| value.to_lowercase()).unwrap_or_default()
    };
    let kind = header("content-type");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let names = ["json", "xml", "x-www-form-urlencoded", "javascript", "graphql", "yaml"];
    let ends = |name: &&str| {
        kind.strip_prefix("application/").is_some_and(|kind| {
            kind == *name || kind.strip_suffix(*name).is_some_and(|rest| rest.ends_with('+'))
        })
    };
    // Compressed, it is no text yet.
    matches!(header("content-encoding").as_str(), "" | "identity")
        && (kind.starts_with("text/") || names.iter().any(ends))
}

/// What an authorizer says of the caller, wherever its front puts that.
fn claims(authorizer: &Dynamic) -> Map {
    for path in ["jwt/claims", "claims", "lambda", "iam"] {
        let claims = map(authorizer, path);
        if !claims.is_empty() {
            return claims;
        }
    }
    // A REST API puts the context of its own authorizer beside what it adds.
    let mut claims: Map = authorizer.clone().try_cast().unwrap_or_default();
    claims.retain(|name, value| {
        !["integrationLatency", "claims", "jwt", "lambda", "iam"].contains(&name.as_str())
            && !value.is_unit()
    });
    claims
}

/// The first value of what is there once or more often; `()` where it is not.
pub(super) fn first(values: Option<&Dynamic>) -> Dynamic {
    let Some(values) = values else { return Dynamic::UNIT };
    match values.read_lock::<Array>() {
        Some(array) => array.first().cloned().unwrap_or_default(),
        None => values.clone(),
    }
}

/// All values, in an array.
pub(super) fn all(values: Option<&Dynamic>) -> Array {
    match values {
        None => Array::new(),
        Some(values) => match values.read_lock::<Array>() {
            Some(array) => array.clone(),
            None => vec![values.clone()],
        },
    }
}

/// A part of a request; an error where the map is none.
pub(super) fn part<'a>(request: &'a Map, name: &str, method: &str) -> Fallible<&'a Dynamic> {
    request.get(name).ok_or_else(|| {
        let message = format!(
            "`{method}` is a method of a request, as `events::request(event)` gives one; this map \
             has no `{name}`"
        );
        thrown(&Failure::new("Request.None", message), [])
    })
}

/// A header's text by its name in any letters; empty where it is not there.
pub(in crate::library) fn header(request: &Map, name: &str) -> Text {
    let headers = request.get("headers").and_then(|headers| headers.read_lock::<Map>());
    let value = headers.and_then(|headers| headers.get(name.to_lowercase().as_str()).cloned());
    value.and_then(|value| value.into_immutable_string().ok()).unwrap_or_default()
}

/// The bytes of a request's body.
pub(super) fn bytes(request: &Map, method: &str) -> Fallible<Vec<u8>> {
    let body = part(request, "body", method)?;
    if let Ok(text) = body.as_immutable_string_ref() {
        room_for(text.len(), 1)?;
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(blob) = body.read_lock::<rhai::Blob>() {
        room_for(blob.len(), 1)?;
        return Ok(blob.clone());
    }
    Ok(Vec::new())
}
