//! The module `aws`: any service of AWS by one signed call.

pub(super) mod dynamodb;
mod exchange;
pub(super) mod messages;
pub(super) mod others;
pub(super) mod parameters;
mod query;
mod resources;
pub(super) mod s3;
pub(super) mod sqs;
mod take;

use std::rc::Rc;
use std::time::Duration;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map};

use super::http::{Answer, HttpResponse, Options};
use super::native::exported;
use super::{Fallible, Part, plain_text, uuid};
use crate::aws::{self, Call, Endpoint, Protocol, Service, Settings};
use crate::bounds::{self, Bounded};
use crate::effects::{Failure, Request, world};
use crate::time::{Time, span_ms, span_of_text};
use crate::vocabulary::Vocabulary;
use crate::{json, suggest};
use exchange::{Ask, is_repeatable, refused};
use take::Take;

#[cfg(feature = "tool")]
pub use resources::of as resources_of;

pub(super) const PART: Part = Part { words: &["aws"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("aws", engine, vocabulary);
    if !vocabulary.has("http") {
        super::http::register_answers(engine, vocabulary);
    }
}

const DEFAULT_RETRIES: u32 = 2;
const MOST_RETRIES: INT = 10;

/// Any service of AWS, signed with the credentials of the function's role. Region and endpoint come from
/// the environment as the SDKs read it: `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>`,
/// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`.
///
/// An error of a service is thrown as a map: `type` (`ResourceNotFoundException`), `message`, `status`,
/// `request_id`, `service`, `operation`, and what else the service says. What may go well the next time
/// is tried again, as long as the invocation has time.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// Calls an operation that takes nothing. See `aws::call(service, operation, parameters)`.
    ///
    /// ```rhai
    /// aws::call("sts", "GetCallerIdentity").Account; // => "123456789012"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn call(service: Text, operation: Text) -> Fallible<Dynamic> {
        super::call(&service, &operation, &Map::new(), &Map::new())
    }

    /// Calls an operation with its parameters, and returns what the service answers as a map. Services,
    /// operations and parameters have the names that boto3, the CLI and the API references have.
    ///
    /// It serves every service that speaks JSON or the query protocol: DynamoDB, SQS, SNS, Step Functions,
    /// SSM, Secrets Manager, EventBridge, KMS, CloudWatch, Logs, Kinesis, Firehose, ECS, EC2, IAM, STS,
    /// Cost Explorer and some 160 more. For the others there is `aws::request`. A blob is sent as base64,
    /// a `Time` as the moment it is. What EC2, SNS and the other query services answer has the names of
    /// their XML, its text is text; a list with nothing in it is `""`.
    ///
    /// ```rhai
    /// let item = #{ TableName: "orders", Key: #{ id: #{ S: "7" } } };
    /// aws::call("dynamodb", "GetItem", item).Item.total.N; // => "42"
    /// ```
    #[rhai_fn(name = "call", volatile, return_raw)]
    pub fn call_with(service: Text, operation: Text, parameters: Dynamic) -> Fallible<Dynamic> {
        let parameters = super::map_of(parameters, "the parameters", &service, &operation)?;
        super::call(&service, &operation, &parameters, &Map::new())
    }

    /// The same with options.
    ///
    /// | option | default |
    /// |---|---|
    /// | `region` | `AWS_REGION` |
    /// | `endpoint` | a URL in place of the service's own |
    /// | `timeout_ms` | for the whole call; the remaining time of the invocation |
    /// | `retries` | 2: tries more after throttling, after 500, 502, 503 and 504, and after a lost connection where sending twice does no harm |
    /// | `max_bytes` | of the answer; a quarter of the memory that is left |
    ///
    /// ```rhai
    /// let costs = #{ TimePeriod: #{ Start: "2026-01-01", End: "2026-02-01" }, Granularity: "MONTHLY" };
    /// aws::call("ce", "GetCostAndUsage", costs, #{ timeout_ms: 3000 }).ResultsByTime; // => []
    /// ```
    #[rhai_fn(name = "call", volatile, return_raw)]
    pub fn call_with_options(
        service: Text,
        operation: Text,
        parameters: Dynamic,
        options: Dynamic,
    ) -> Fallible<Dynamic> {
        let parameters = super::map_of(parameters, "the parameters", &service, &operation)?;
        let options = super::map_of(options, "the options", &service, &operation)?;
        super::call(&service, &operation, &parameters, &options)
    }

    /// Sends a signed request of any kind: for services with REST APIs, such as Lambda, S3, Bedrock,
    /// Scheduler, API Gateway and SES v2. The answer is that of `http::request`; an error of the service is
    /// thrown.
    ///
    /// | field | |
    /// |---|---|
    /// | `service` | as boto3 names it |
    /// | `operation` | its name, for the policy, the log and errors |
    /// | `method`, `path` | `GET` and `/` where they are left out; the path is encoded already |
    /// | `query`, `headers` | maps, as for `http::request` |
    /// | `json`, `form`, `body` | one of them |
    /// | `resource` | what the policy is asked for, such as `function:hello` |
    /// | `region`, `endpoint`, `timeout_ms`, `retries`, `max_bytes`, `save_to` | as for `aws::call` and `http::get` |
    ///
    /// ```rhai
    /// let answer = aws::request(#{
    ///     service: "lambda",
    ///     operation: "GetFunction",
    ///     path: "/2015-03-31/functions/hello",
    /// });
    /// answer.json().Configuration.MemorySize; // => 128
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn request(options: Map) -> Fallible<HttpResponse> {
        super::request(options)
    }

    /// A URL that is good for some time for whoever has it: the fields of `aws::request` without a body,
    /// and `expires`, seconds or text such as `"15m"`; at most a week.
    ///
    /// ```rhai
    /// let url = aws::presign(#{ service: "s3", path: "/reports/may.pdf", expires: "15m" });
    /// url.starts_with("https://s3.eu-west-1.amazonaws.com/reports/may.pdf?"); // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn presign(options: Map) -> Fallible<Text> {
        super::presign(options)
    }

    /// The region that calls go to.
    ///
    /// ```rhai
    /// aws::region(); // => "eu-west-1"
    /// ```
    #[rhai_fn(volatile)]
    pub fn region() -> Text {
        let variable = |name: &str| world().setting(name);
        variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_default().into()
    }
}

/// What a service answers under a name.
fn field(answer: &Dynamic, name: &str) -> Option<Dynamic> {
    answer.read_lock::<Map>()?.get(name).cloned()
}

/// The text that a service answers under a name.
fn text_in(answer: &Dynamic, name: &str) -> Option<ImmutableString> {
    field(answer, name)?.into_immutable_string().ok()
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new("Aws.InvalidRequest", message)
}

/// Attributes of a message of SQS or SNS: text, numbers and blobs with their types.
fn message_attributes(plain: &Map) -> Result<Map, Failure> {
    let mut attributes = Map::new();
    for (name, value) in plain {
        let mut typed = Map::new();
        let (kind, field, value) = match plain_text(value) {
            _ if value.is_blob() => ("Binary", "BinaryValue", value.clone()),
            Some(text) if value.is_string() => ("String", "StringValue", text.into()),
            Some(text) if value.is_bool() || value.is_char() => {
                ("String", "StringValue", text.into())
            }
            Some(text) => ("Number", "StringValue", text.into()),
            None => {
                let kind = value.type_name();
                return Err(invalid(format!(
                    "the attribute `{name}` is text, a number or a blob, not {kind}"
                )));
            }
        };
        typed.insert("DataType".into(), kind.into());
        typed.insert(field.into(), value);
        attributes.insert(name.clone(), typed.into());
    }
    Ok(attributes)
}

/// What every call takes.
#[derive(Default)]
pub(super) struct Common {
    region: Option<String>,
    endpoint: Option<String>,
    timeout: Option<Duration>,
    retries: Option<u32>,
    max_bytes: Option<u64>,
}

const COMMON: [&str; 5] = ["region", "endpoint", "timeout_ms", "retries", "max_bytes"];

impl Common {
    /// Takes its options out of a map.
    fn take(map: &mut Map) -> Result<Self, Failure> {
        let mut common = Self::default();
        for name in COMMON {
            let Some(value) = map.remove(name).filter(|value| !value.is_unit()) else { continue };
            let text = || {
                let text = value.as_immutable_string_ref().map(|text| text.to_string());
                text.map_err(|kind| invalid(format!("`{name}` is text, not {kind}")))
            };
            let number = |most: INT| {
                let number = value.as_int().ok().filter(|number| (0..=most).contains(number));
                number.ok_or_else(|| {
                    invalid(format!("`{name}` is a whole number from 0 to {most}, not {value}"))
                })
            };
            match name {
                "region" => common.region = Some(text()?),
                "endpoint" => common.endpoint = Some(text()?),
                "timeout_ms" => {
                    let ms = number(INT::MAX)?.unsigned_abs();
                    common.timeout = Some(Duration::from_millis(ms));
                }
                "retries" => common.retries = Some(number(MOST_RETRIES)? as u32),
                _ => common.max_bytes = Some(number(INT::MAX)?.unsigned_abs()),
            }
        }
        Ok(common)
    }

    fn endpoint(&self, service: &Service) -> Result<Endpoint, Failure> {
        let settings = Settings {
            region: self.region.as_deref(),
            endpoint: self.endpoint.as_deref(),
            variable: &|name| world().setting(name),
        };
        aws::resolve(service, &settings)
    }

    fn apply(&self, options: &mut Options) {
        if let Some(timeout) = self.timeout {
            options.timeout = options.timeout.min(timeout);
        }
        options.max_bytes = self.max_bytes.or(options.max_bytes);
    }
}

/// What a call takes as a map; nothing is an empty one.
fn map_of(value: Dynamic, what: &str, service: &str, operation: &str) -> Fallible<Map> {
    if value.is_unit() {
        return Ok(Map::new());
    }
    let kind = value.type_name();
    value.try_cast::<Map>().ok_or_else(|| {
        let message = format!(
            "{service}:{operation}: {what} are {kind}, not a map such as `#{{ TableName: \"orders\" }}`"
        );
        refused(&invalid(message), service, operation)
    })
}

fn check_operation(operation: &str) -> Result<(), Failure> {
    let is_name = !operation.is_empty()
        && operation.len() <= 100
        && operation.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match is_name {
        true => Ok(()),
        false => {
            let shown: String = operation.chars().take(40).collect();
            Err(invalid(format!("`{shown}` is not the name of an operation, as `GetItem` is one")))
        }
    }
}

fn call(name: &str, operation: &str, parameters: &Map, options: &Map) -> Fallible<Dynamic> {
    let (ask, protocol) = prepare(name, operation, parameters, options)?;
    let answer = exchange::send(&ask)?;
    read(&answer, protocol, name, operation)
}

fn prepare(
    name: &str,
    operation: &str,
    parameters: &Map,
    options: &Map,
) -> Fallible<(Ask, Protocol)> {
    let refuse = |failure: Failure| refused(&failure, name, operation);
    let service = aws::service(name);
    check_operation(operation).map_err(refuse)?;
    if service.protocol == Protocol::Rest {
        return Err(refuse(no_such_service(&service, operation)));
    }
    let mut options = Take::of(options, &[]).map_err(refuse)?.rest();
    let common = Common::take(&mut options).map_err(refuse)?;
    let endpoint = common.endpoint(&service).map_err(refuse)?;
    let token = service.token(operation);
    let mut filled;
    let parameters = match token.filter(|name| !parameters.contains_key(*name)) {
        None => parameters,
        Some(name) => {
            filled = parameters.clone();
            filled.insert(name.into(), uuid::anew().into());
            &filled
        }
    };
    let (headers, body) = match service.protocol {
        Protocol::Json { version, target } => {
            let headers = vec![
                ("content-type".to_owned(), format!("application/x-amz-json-{version}")),
                ("x-amz-target".to_owned(), format!("{target}.{operation}")),
            ];
            let body = json_of(parameters).map_err(|error| unsendable(error, name, operation))?;
            (headers, body)
        }
        Protocol::Query { version, is_ec2 } => {
            let form = query::Form::of(&service.name, operation, version, is_ec2, parameters)
                .map_err(|error| unsendable(error, name, operation))?;
            let kind = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
            (vec![("content-type".to_owned(), kind)], form.into_bytes())
        }
        Protocol::Rest => unreachable!("refused above"),
    };
    let resources = resources::of(&service.name, parameters);
    let asked = called(&service, operation, &endpoint, common.endpoint.is_some());
    let mut options = Options::to_aws("POST", endpoint.url, headers, body, asked, resources);
    common.apply(&mut options);
    let more = u32::from(service.name == "dynamodb");
    let retries = common.retries.unwrap_or(DEFAULT_RETRIES + more);
    let is_repeatable = is_repeatable(operation, parameters, token);
    Ok((Ask { options, retries, is_repeatable }, service.protocol))
}

fn called(service: &Service, operation: &str, endpoint: &Endpoint, is_elsewhere: bool) -> Call {
    Call {
        service: service.name.clone(),
        operation: operation.to_owned(),
        scope: endpoint.scope.clone(),
        is_anonymous: !service.signs(operation),
        is_elsewhere,
    }
}

fn no_such_service(service: &Service, operation: &str) -> Failure {
    let name: String = service.name.chars().take(40).collect();
    let by_request = format!(
        "aws::request(#{{ service: \"{name}\", operation: \"{operation}\", method: …, path: … }})"
    );
    let is_name = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    invalid(match suggest::nearest(&name, aws::names()).filter(|_| !service.is_known) {
        Some(near) if is_name => format!(
            "`aws::call` knows no service `{name}`; did you mean `{near}`? One with a REST API is called by \
             {by_request}"
        ),
        _ if is_name => format!(
            "`aws::call` knows no service `{name}` that speaks JSON or the query protocol; one with a REST \
             API is called by {by_request}"
        ),
        _ => format!("`{name}` is not the name of a service, such as `dynamodb`"),
    })
}

/// The parameters as awsJson has them.
fn json_of(parameters: &Map) -> Fallible<Vec<u8>> {
    let mut body = Vec::new();
    let value = Dynamic::from_map(timed(parameters, 0)?);
    json::write(&value, &mut body)
        .map_err(|error| invalid(format!("the parameters cannot be sent: {error}")))?;
    Ok(body)
}

/// The same error with what was called.
fn unsendable(error: Box<EvalAltResult>, service: &str, operation: &str) -> Box<EvalAltResult> {
    let message = match &*error {
        EvalAltResult::ErrorRuntime(value, _) => value.read_lock::<Map>().and_then(|map| {
            map.get("message").map(|message| format!("{service}:{operation}: {message}"))
        }),
        _ => None,
    };
    match message {
        Some(message) => refused(&invalid(message), service, operation),
        None => error,
    }
}

/// With moments as awsJson writes them: seconds since 1970.
fn timed(map: &Map, depth: usize) -> Bounded<Map> {
    fn of(value: &Dynamic, depth: usize) -> Bounded<Dynamic> {
        bounds::step(1)?;
        not_too_deep(depth)?;
        if let Some(time) = value.read_lock::<Time>() {
            let ms = time.epoch_ms();
            return Ok(match ms % 1000 {
                0 => (ms / 1000).into(),
                _ => (ms as f64 / 1000.0).into(),
            });
        }
        if let Some(map) = value.read_lock::<Map>() {
            return Ok(timed(&map, depth + 1)?.into());
        }
        if let Some(items) = value.read_lock::<Array>() {
            return Ok(items
                .iter()
                .map(|item| of(item, depth + 1))
                .collect::<Bounded<Array>>()?
                .into());
        }
        Ok(value.clone())
    }
    map.iter().map(|(name, value)| Ok((name.clone(), of(value, depth)?))).collect()
}

/// Refuses parameters that are nested as no service takes them.
fn not_too_deep(depth: usize) -> Bounded<()> {
    if depth <= json::MAX_DEPTH {
        return Ok(());
    }
    let message = format!(
        "the parameters cannot be sent: they are nested more than {} levels deep",
        json::MAX_DEPTH
    );
    Err(invalid(message).into())
}

fn read(answer: &Answer, protocol: Protocol, name: &str, operation: &str) -> Fallible<Dynamic> {
    let wrong = |why: String| {
        let message = format!("{name}:{operation}: the answer cannot be read: {why}");
        refused(&Failure::new("Aws.InvalidResponse", message), name, operation)
    };
    let body = answer.bytes();
    if body.is_empty() {
        return Ok(Map::new().into());
    }
    match protocol {
        Protocol::Query { .. } => {
            let text = std::str::from_utf8(body).map_err(|_| wrong("it is not UTF-8".into()))?;
            query::answer(text).map(Dynamic::from_map).map_err(|error| match error.unwrap_inner() {
                rhai::EvalAltResult::ErrorRuntime(value, _) if !value.is_map() => {
                    wrong(value.to_string())
                }
                _ => error,
            })
        }
        _ => json::read(body).map_err(|error| wrong(error.to_string())),
    }
}

fn text_of(map: &mut Map, name: &str) -> Result<Option<String>, Failure> {
    match map.remove(name).filter(|value| !value.is_unit()) {
        None => Ok(None),
        Some(value) => match plain_text(&value) {
            Some(text) => Ok(Some(text)),
            None => Err(invalid(format!("`{name}` is text, not {}", value.type_name()))),
        },
    }
}

fn rest(mut map: Map) -> Fallible<Ask> {
    let name = text_of(&mut map, "service")
        .and_then(|name| name.ok_or_else(|| invalid("`service` is missing, such as \"lambda\"")));
    let name = name.map_err(|failure| refused(&failure, "", ""))?;
    let service = aws::service(&name);
    let made = rest_of(&service, map);
    made.map_err(|failure| refused(&failure, &name, ""))
}

/// What a request takes.
const FIELDS: [&str; 16] = [
    "service",
    "operation",
    "method",
    "path",
    "query",
    "headers",
    "json",
    "form",
    "body",
    "resource",
    "region",
    "endpoint",
    "timeout_ms",
    "retries",
    "max_bytes",
    "save_to",
];

fn rest_of(service: &Service, mut map: Map) -> Result<Ask, Failure> {
    if let Some(unknown) = map.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let hint = match suggest::nearest(unknown, FIELDS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", FIELDS.join(", ")),
        };
        return Err(invalid(format!("there is no field `{unknown}`; {hint}")));
    }
    let is_host = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if service.name.is_empty() || !service.name.chars().all(is_host) {
        let shown: String = service.name.chars().take(40).collect();
        return Err(invalid(format!("`{shown}` is not the name of a service, such as `lambda`")));
    }
    let operation = text_of(&mut map, "operation")?.unwrap_or_default();
    if !operation.is_empty() {
        check_operation(&operation)?;
    }
    let method =
        text_of(&mut map, "method")?.map_or_else(|| "GET".into(), |name| name.to_uppercase());
    let path = text_of(&mut map, "path")?.unwrap_or_else(|| "/".into());
    if !path.starts_with('/') {
        return Err(invalid("`path` begins with `/`"));
    }
    let resource = text_of(&mut map, "resource")?;
    let retries = map.get("retries").and_then(|value| value.as_int().ok());
    let mut common_map = Map::new();
    for name in ["region", "endpoint"] {
        if let Some(value) = map.remove(name) {
            common_map.insert(name.into(), value);
        }
    }
    let common = Common::take(&mut common_map)?;
    let endpoint = common.endpoint(service)?;
    let base = endpoint.url.to_string();
    let url = format!("{}{path}", base.trim_end_matches('/'));
    map.insert("method".into(), method.into());
    map.insert("url".into(), url.into());
    let mut options =
        Options::of_request(map).map_err(|refused| invalid(refused.failure.message))?;
    options.redirects = 0;
    options.throws_on_error = false;
    let operation = match service.protocol {
        Protocol::Rest => operation,
        // What is in the request counts, not what it is called.
        _ => spoken_of(&options).unwrap_or_default(),
    };
    let retries = retries.map_or(DEFAULT_RETRIES, |asked| asked.clamp(0, MOST_RETRIES) as u32);
    let is_repeatable = !["POST", "PATCH"].contains(&options.method.as_str())
        || is_repeatable(&operation, &Map::new(), None);
    let asked = called(service, &operation, &endpoint, common.endpoint.is_some());
    options.aws = Some((Rc::new(asked), resource.map(|resource| vec![resource])));
    Ok(Ask { options, retries, is_repeatable })
}

/// The operation that a request has in its header or its form.
fn spoken_of(options: &Options) -> Option<String> {
    let target = options.headers.iter().find(|(name, _)| name == "x-amz-target");
    let text = match target {
        Some((_, target)) => target.rsplit('.').next()?.to_owned(),
        None => {
            let form = std::str::from_utf8(&options.body).ok()?;
            let query = options.url.target.split_once('?').map_or("", |(_, query)| query);
            let mut pairs = query.split('&').chain(form.split('&'));
            pairs.find_map(|pair| pair.strip_prefix("Action="))?.to_owned()
        }
    };
    check_operation(&text).is_ok().then_some(text)
}

pub(super) fn request(map: Map) -> Fallible<HttpResponse> {
    let answer = exchange::send(&rest(map)?)?;
    Ok(HttpResponse(Rc::new(answer)))
}

/// How long a URL is good where nothing is said, as boto3 has it.
const USUALLY_GOOD: Duration = Duration::from_secs(3600);

fn good_for(value: Option<Dynamic>) -> Result<Duration, Failure> {
    let wrong = || {
        invalid(
            "`expires` is a number of seconds, or text such as \"15m\": at least a second, at most a week",
        )
    };
    let Some(value) = value.filter(|value| !value.is_unit()) else { return Ok(USUALLY_GOOD) };
    let seconds = match (value.as_int(), value.as_immutable_string_ref()) {
        (Ok(seconds), _) => seconds,
        (_, Ok(text)) => span_of_text(&text).and_then(span_ms).map_err(|_| wrong())? / 1000,
        _ => return Err(wrong()),
    };
    let length = u64::try_from(seconds).map(Duration::from_secs).map_err(|_| wrong())?;
    let most = aws::sigv4::LONGEST_PRESIGNED;
    if length.is_zero() || length > most { Err(wrong()) } else { Ok(length) }
}

fn presign(mut map: Map) -> Fallible<ImmutableString> {
    let good_for = good_for(map.remove("expires")).map_err(|failure| refused(&failure, "", ""))?;
    presigned(&rest(map)?.options, good_for)
}

/// The URL of a request that is good for so long.
fn presigned(options: &Options, good_for: Duration) -> Fallible<ImmutableString> {
    let (call, resources) = match &options.aws {
        Some((call, resources)) => (call.clone(), resources.as_deref()),
        None => unreachable!("it is a request to AWS"),
    };
    let mut url = options.url.clone();
    let request = Request {
        method: options.method.clone(),
        url: url.clone(),
        headers: options.headers.clone(),
        body: Rc::default(),
        timeout: options.timeout,
        aws: Some(call.clone()),
    };
    let query = world()
        .presign(&request, resources, good_for)
        .map_err(|failure| refused(&failure, &call.service, &call.operation))?;
    let path = url.target.split('?').next().unwrap_or("/").to_owned();
    url.target = format!("{path}?{query}");
    Ok(url.to_string().into())
}
