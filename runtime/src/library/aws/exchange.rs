//! A call to AWS from its first attempt to its answer: retries, and errors as the services tell them.

use std::time::{Duration, Instant, UNIX_EPOCH};

use rhai::{Dynamic, EvalAltResult, INT, Map, Position};

use super::query;
use crate::effects::{Failure, world};
use crate::json;
use crate::library::http::{Answer, Options, attempt_once};
use crate::library::{Fallible, thrown};
use crate::time::Time;

/// Of the SDKs' standard retry mode: what a retry costs, and what a call without one gives back.
const PRICE: u32 = 5;
const PRICE_OF_TIMEOUT: u32 = 10;
const REWARD: u32 = 1;

const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The services have too much to do.
const THROTTLING: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// The next time it may go well.
const TRANSIENT: [&str; 6] = [
    "IDPCommunicationError",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
];

/// The signature was made by a clock that is off.
const SKEWED: [&str; 7] = [
    "AuthFailure",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "SignatureExpired",
];

/// The credentials are too old.
const EXPIRED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// Verbs of operations that do no more when they are carried out twice.
const REPEATABLE: [&str; 16] = [
    "BatchGet", "Check", "Decrypt", "Delete", "Describe", "Estimate", "Filter", "Get", "Head",
    "List", "Lookup", "Query", "Scan", "Search", "Select", "Simulate",
];

/// Whether an operation may be sent again when it is not known whether it was carried out.
pub(super) fn is_repeatable(operation: &str, parameters: &Map, token: Option<&str>) -> bool {
    let has_token = token.is_some_and(|name| parameters.contains_key(name));
    let is_condition_free = operation == "PutItem"
        && !parameters.contains_key("ConditionExpression")
        && !parameters.contains_key("Expected");
    has_token || is_condition_free || REPEATABLE.iter().any(|verb| operation.starts_with(verb))
}

/// What is sent, and how often at most.
pub(super) struct Ask {
    pub options: Options,
    pub retries: u32,
    /// Whether it does no more when it is sent twice.
    pub is_repeatable: bool,
}

/// Sends a call until it is answered or nothing is left to try.
///
/// # Errors
/// A map with `type`, `message`, `service`, `operation` and, from the service itself, `status`,
/// `request_id` and what else it says.
pub(super) fn send(ask: &Ask) -> Fallible<Answer> {
    let options = &ask.options;
    let until = Instant::now() + options.timeout;
    let (mut attempt, mut paid, mut has_renewed) = (0, 0, false);
    loop {
        let outcome = attempt_once(options, until);
        let (why, is_throttled, asked) = match outcome {
            Ok(answer) if answer.status < 300 || answer.status == 304 => {
                world().refund_retry(if paid == 0 { REWARD } else { paid });
                return Ok(answer);
            }
            Ok(answer) => {
                let error = ServiceError::of(&answer);
                let kind = error.kind.as_str();
                let is_expired = EXPIRED.contains(&kind);
                let is_about_signature = is_expired || SKEWED.contains(&kind) && is_off(&answer);
                if is_about_signature && !has_renewed {
                    has_renewed = true;
                    if is_expired {
                        world().renew_credentials();
                    }
                    continue;
                }
                let is_throttled = THROTTLING.contains(&kind) || answer.status == 429;
                let may_help = is_throttled
                    || TRANSIENT.contains(&kind)
                    || [500, 502, 503, 504].contains(&answer.status);
                let asked = retry_after(&answer);
                let thrown = error.thrown(&answer, options);
                if !may_help {
                    return Err(thrown);
                }
                (thrown, is_throttled, asked)
            }
            Err(failure) => {
                let is_unsent = failure.error_type == "Http.ConnectFailed";
                let is_lost = failure.error_type == "Http.ConnectionLost";
                let thrown = not_answered(failure, options, ask.is_repeatable);
                if !(is_unsent || is_lost && ask.is_repeatable) {
                    return Err(thrown);
                }
                (thrown, false, None)
            }
        };
        let price = if is_throttled { PRICE } else { PRICE_OF_TIMEOUT };
        let pause = asked.unwrap_or_else(|| pause(options, attempt, is_throttled));
        let left = until.saturating_duration_since(Instant::now());
        if attempt == ask.retries || pause >= left || !world().pay_retry(price) {
            return Err(why);
        }
        paid += price;
        attempt += 1;
        log::debug!("{}: sent again, try {}", called(options), attempt + 1);
        world().pause(pause);
    }
}

/// Twice as long each time, and by chance shorter, so that those who failed together do not come back
/// together.
fn pause(options: &Options, attempt: u32, is_throttled: bool) -> Duration {
    let is_dynamodb = options.aws.as_ref().is_some_and(|(call, _)| call.service == "dynamodb");
    let first = match (is_throttled, is_dynamodb) {
        (true, false) => Duration::from_secs(1),
        _ => Duration::from_millis(50),
    };
    let longest = (first * (1 << attempt.min(10))).min(LONGEST_PAUSE);
    longest.mul_f64(world().draw(|random| random.f64()))
}

/// Whether the clock of who answered is not the one here, so that another signature may be taken.
fn is_off(answer: &Answer) -> bool {
    let Some(date) = answer.header("date").and_then(|date| Time::parse(date).ok()) else {
        return false;
    };
    let here = world().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    (date.epoch_ms() / 1000).abs_diff(i64::try_from(here).unwrap_or_default()) >= 60
}

fn retry_after(answer: &Answer) -> Option<Duration> {
    let header = |name| answer.header(name).and_then(|value| value.trim().parse::<u64>().ok());
    let asked = header("x-amz-retry-after").map(Duration::from_millis);
    asked.or_else(|| header("retry-after").map(Duration::from_secs))
}

fn called(options: &Options) -> String {
    options.aws.as_ref().map(|(call, _)| call.to_string()).unwrap_or_default()
}

fn fields(options: &Options) -> [(&'static str, Dynamic); 2] {
    match &options.aws {
        Some((call, _)) => named(&call.service, &call.operation),
        None => named("", ""),
    }
}

/// What was called, as an error tells it; without an operation where that is not known.
pub(super) fn named(service: &str, operation: &str) -> [(&'static str, Dynamic); 2] {
    let operation = match operation {
        "" => Dynamic::UNIT,
        name => name.into(),
    };
    [("service", service.into()), ("operation", operation)]
}

/// No answer came.
fn not_answered(failure: Failure, options: &Options, is_repeatable: bool) -> Box<EvalAltResult> {
    let mut message = failure.message;
    if matches!(failure.error_type, "Http.ConnectionLost" | "Http.Timeout") && !is_repeatable {
        message.push_str("; whether it was carried out is not known, so it was not sent again");
    }
    let message = format!("{}: {message}", called(options).trim_end_matches(':'));
    thrown(&Failure::new(failure.error_type, message), fields(options))
}

/// What a service says went wrong.
pub(super) struct ServiceError {
    kind: String,
    message: String,
    request_id: Option<String>,
    /// What else it says.
    more: Map,
}

impl ServiceError {
    /// Reads an answer that is none of a call that went well, whatever it holds.
    pub fn of(answer: &Answer) -> Self {
        let header = |name| answer.header(name).map(str::to_owned);
        let request_id = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
            .iter()
            .find_map(|name| header(name));
        let body = answer.bytes();
        let is_xml = body.trim_ascii_start().starts_with(b"<");
        let said = match is_xml {
            true => std::str::from_utf8(body).ok().and_then(|text| query::error(text).ok()),
            false => json::read(body).ok().and_then(Dynamic::try_cast::<Map>),
        };
        let mut more = said.unwrap_or_default();
        let mut take = |names: &[&str]| {
            let name = names.iter().find(|name| {
                more.get(**name).is_some_and(|value| value.is_string() || value.is_int())
            });
            name.and_then(|name| more.remove(*name)).map(|value| value.to_string())
        };
        let kind = header("x-amzn-errortype")
            .or_else(|| take(&["__type", "code", "Code", "errorType"]))
            .map(|kind| short(&kind).to_owned())
            .filter(|kind| !kind.is_empty());
        let message = take(&["message", "Message", "errorMessage", "error_message"]);
        let request_id = request_id.or_else(|| take(&["RequestId", "RequestID", "requestId"]));
        // Told by another name already, or nothing to a script.
        for name in ["__type", "Code", "Message", "message", "RequestId", "RequestID", "HostId"] {
            more.remove(name);
        }
        let kind = kind.unwrap_or_else(|| usual(answer.status).to_owned());
        let message =
            message.filter(|text| !text.is_empty()).unwrap_or_else(|| match body.is_empty() {
                true => format!("status {}", answer.status),
                false => {
                    let text = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                    format!("status {}: {}", answer.status, text.trim())
                }
            });
        Self { kind, message, request_id, more }
    }

    fn thrown(self, answer: &Answer, options: &Options) -> Box<EvalAltResult> {
        let mut map = self.more;
        let message = format!("{}: {}", called(options).trim_end_matches(':'), self.message);
        let id: Dynamic = self.request_id.map_or(Dynamic::UNIT, Into::into);
        let [service, operation] = fields(options);
        let told: [(&str, Dynamic); 6] = [
            ("type", self.kind.into()),
            ("message", message.into()),
            ("status", INT::from(answer.status).into()),
            ("request_id", id),
            service,
            operation,
        ];
        for (name, value) in told.into_iter().filter(|(_, value)| !value.is_unit()) {
            map.insert(name.into(), value);
        }
        Box::new(EvalAltResult::ErrorRuntime(map.into(), Position::NONE))
    }
}

/// `com.amazon.coral.service#SerializationException:http://…` without what stands around it.
fn short(kind: &str) -> &str {
    let kind = kind.split(':').next().unwrap_or_default();
    kind.rsplit('#').next().unwrap_or_default().trim()
}

/// What a status means where the service says nothing.
fn usual(status: u16) -> &'static str {
    match status {
        300..400 => "Redirect",
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "AccessDenied",
        404 => "NotFound",
        409 => "Conflict",
        412 => "PreconditionFailed",
        413 => "RequestEntityTooLarge",
        429 => "TooManyRequestsException",
        503 => "ServiceUnavailable",
        _ if status < 500 => "ClientError",
        _ => "InternalError",
    }
}

/// A failure before anything was sent, with what was called.
pub(super) fn refused(failure: &Failure, service: &str, operation: &str) -> Box<EvalAltResult> {
    thrown(failure, named(service, operation))
}
