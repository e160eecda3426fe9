//! Lambda's own API, as far as callers of functions need it, so that SDKs and the AWS CLI work
//! with an endpoint URL.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html> and its neighbours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dev::event_stream::frame;
use crate::dev::live::{self, Part};
use crate::dev::registry::{Found, Registry};
use crate::dev::server::{CutOff, Reply, Request, Rest};
use crate::dev::workers::{Done, Event, Refusal, Via, WhenBusy, Workers};
use crate::dev::{calendar, journal::Journal};
use crate::emulator::{new_request_id, percent_decoded};
use crate::environment::Function;
use crate::event::MAX_EVENT;
use crate::json_text::is_json;

/// The largest event of an asynchronous call, in bytes.
const MAX_ASYNC_EVENT: usize = 1024 * 1024;
/// So much of a log goes into a reply, in bytes.
const MAX_LOG_TAIL: usize = 4 * 1024;
/// So many asynchronous events may wait or run; each has a thread.
const MAX_ASYNC_EVENTS: usize = 1000;

const FUNCTIONS: &str = "/2015-03-31/functions";
const STREAMING: &str = "/2021-11-15/functions";

/// The API's door.
#[derive(Debug)]
pub(crate) struct InvokeApi {
    registry: Arc<Registry>,
    workers: Arc<Workers>,
    journal: Journal,
    async_events: Arc<AtomicUsize>,
}

/// An error of the API's own, not of a function.
struct Problem {
    status: u16,
    error_type: &'static str,
    body: Value,
}

impl Problem {
    fn new(status: u16, error_type: &'static str, message: &str) -> Problem {
        let kind = if status < 500 { "User" } else { "Service" };
        Problem { status, error_type, body: json!({ "Type": kind, "message": message }) }
    }

    fn unknown(arn: &str, why: &str) -> Problem {
        Problem {
            status: 404,
            error_type: "ResourceNotFoundException",
            body: json!({ "Type": "User", "Message": format!("Function not found: {arn}; {why}") }),
        }
    }

    fn too_large(limit: usize) -> Problem {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        Problem::new(413, "RequestTooLargeException", &message)
    }

    fn throttled() -> Problem {
        let mut problem = Problem::new(
            429,
            "TooManyRequestsException",
            "Rate Exceeded. All environments of this function are busy; see --concurrency",
        );
        problem.body["Reason"] = json!("ReservedFunctionConcurrentInvocationLimitExceeded");
        problem
    }

    fn reply(&self) -> Reply {
        Reply::json(self.status, &self.body).with("x-amzn-ErrorType", self.error_type)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Throttled => Problem::throttled(),
            Refusal::Broken(why) => Problem {
                status: 500,
                error_type: "ServiceException",
                body: json!({ "Type": "Service", "Message": why }),
            },
        }
    }
}

impl InvokeApi {
    pub(crate) fn new(
        registry: Arc<Registry>,
        workers: Arc<Workers>,
        journal: Journal,
    ) -> InvokeApi {
        InvokeApi { registry, workers, journal, async_events: Arc::default() }
    }

    /// The reply to a request, if it is one to this API.
    pub(crate) fn answer(&self, request: &Request) -> Option<Reply> {
        let (is_streaming, rest) = match request.path.strip_prefix(FUNCTIONS) {
            Some(rest) => (false, rest),
            None => (true, request.path.strip_prefix(STREAMING)?),
        };
        let rest = rest.trim_end_matches('/');
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let rest = rest.trim_start_matches('/');
        // Pages call functions by their paths; of this API not even those of this machine's other
        // ports could read the answer.
        if request.header("sec-fetch-site") == Some("cross-site") {
            let message = "a page of another site may not use this API";
            return Some(Problem::new(403, "AccessDeniedException", message).reply());
        }
        let result = match (request.method.as_str(), is_streaming) {
            ("GET", false) if rest.is_empty() => Ok(self.list()),
            ("GET", false) => self.describe(rest),
            ("POST", false) => match rest.strip_suffix("/invocations") {
                Some(name) => self.invoke(name, request),
                None => Err(not_emulated(request)),
            },
            ("POST", true) => match rest.strip_suffix("/response-streaming-invocations") {
                Some(name) => self.invoke_streaming(name, request),
                None => Err(not_emulated(request)),
            },
            _ => Err(not_emulated(request)),
        };
        let reply = result.unwrap_or_else(|problem| problem.reply());
        let has_id = reply.headers.iter().any(|(name, _)| name == REQUEST_ID);
        Some(if has_id { reply } else { reply.with(REQUEST_ID, new_request_id()) })
    }

    fn invoke(&self, name: &str, request: &Request) -> Result<Reply, Problem> {
        let found = self.find(name)?;
        let kind = request.header("x-amz-invocation-type").unwrap_or("RequestResponse");
        let event = event(request, if kind == "Event" { MAX_ASYNC_EVENT } else { MAX_EVENT })?;
        let id = event.request_id.clone();
        match kind {
            "RequestResponse" => {}
            "DryRun" => return Ok(empty(204).with(REQUEST_ID, id)),
            "Event" => {
                self.invoke_later(found, event)?;
                return Ok(empty(202).with(REQUEST_ID, id));
            }
            _ => {
                let message = "InvocationType is RequestResponse, Event or DryRun";
                return Err(Problem::new(400, "InvalidParameterValueException", message));
            }
        }
        let done = self.workers.invoke(&found, event, WhenBusy::Refuse)?;
        let (body, is_error) = match &done.result {
            Ok(response) => match &response.stream_error {
                Some(error) => (&error.body, true),
                None => (&response.body, false),
            },
            Err(error) => (&error.body, true),
        };
        let mut reply = Reply::new(200, "application/json", body.clone())
            .with(REQUEST_ID, id)
            .with("X-Amz-Executed-Version", "$LATEST");
        if is_error {
            reply = reply.with("X-Amz-Function-Error", "Unhandled");
        }
        if wants_log(request) {
            reply = reply.with("X-Amz-Log-Result", log_tail(&done));
        }
        Ok(reply)
    }

    /// Answers at once; the event is delivered once, without Lambda's two retries, so that an error
    /// at a desk is seen once.
    fn invoke_later(&self, found: Found, event: Event) -> Result<(), Problem> {
        let place = Place::take(&self.async_events).ok_or_else(Problem::throttled)?;
        let (workers, journal) = (Arc::clone(&self.workers), self.journal.clone());
        let thread = thread::Builder::new().name("event".to_owned()).spawn(move || {
            let _place = place;
            if let Err(Refusal::Broken(why)) = workers.invoke(&found, event, WhenBusy::Wait) {
                journal.problem(&found.name, &why);
            }
        });
        thread.map(drop).map_err(|error| Refusal::Broken(error.to_string()).into())
    }

    fn invoke_streaming(&self, name: &str, request: &Request) -> Result<Reply, Problem> {
        let found = self.find(name)?;
        let event = event(request, MAX_EVENT)?;
        let id = event.request_id.clone();
        if request.header("x-amz-invocation-type") == Some("DryRun") {
            return Ok(empty(204).with(REQUEST_ID, id));
        }
        let wants_log = wants_log(request);
        let parts = live::begin(&self.workers, found, event);
        let reply = |frames| {
            Reply::new(200, "application/vnd.amazon.eventstream", frames)
                .with(REQUEST_ID, id)
                .with("X-Amz-Executed-Version", "$LATEST")
        };
        match parts.recv() {
            Ok(Part::Data { bytes, .. }) => {
                let rest = parts.into_iter().map(move |part| match part {
                    Part::Data { bytes, .. } => Ok(chunk(&bytes)),
                    Part::Done(done) => match *done {
                        Ok(done) => Ok(last_frames(&done, wants_log)),
                        Err(_) => Err(CutOff),
                    },
                });
                Ok(Reply { rest: Some(Rest(Box::new(rest))), ..reply(chunk(&bytes)) })
            }
            Ok(Part::Done(done)) => Ok(reply(last_frames(&(*done)?, wants_log))),
            Err(_) => Err(Refusal::Broken("the invocation broke off".to_owned()).into()),
        }
    }

    fn find(&self, name: &str) -> Result<Found, Problem> {
        let name = function_name(&percent_decoded(name));
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
        self.registry.find(&name).map_err(|why| Problem::unknown(&arn, &why))
    }

    fn list(&self) -> Reply {
        let all = self.registry.all();
        let functions: Vec<Value> = all.iter().map(|found| self.configuration(found)).collect();
        Reply::json(200, &json!({ "Functions": functions, "NextMarker": null }))
    }

    fn describe(&self, rest: &str) -> Result<Reply, Problem> {
        if let Some(name) = rest.strip_suffix("/configuration") {
            return Ok(Reply::json(200, &self.configuration(&self.find(name)?)));
        }
        let found = self.find(rest)?;
        let file = self.registry.root().join(&found.path);
        Ok(Reply::json(
            200,
            &json!({
                "Configuration": self.configuration(&found),
                "Code": { "RepositoryType": "S3", "Location": format!("file://{}", file.display()) },
                "Tags": {},
            }),
        ))
    }

    fn configuration(&self, found: &Found) -> Value {
        let metadata = self.registry.root().join(&found.path).metadata().ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        let modified = calendar::iso(modified.unwrap_or(SystemTime::UNIX_EPOCH));
        let settings = self.workers.settings();
        let mut function = Function::new("", "", found.handler.clone());
        function.name = found.lambda_name();
        json!({
            "FunctionName": found.name,
            "FunctionArn": function.arn(),
            "Runtime": "provided.al2023",
            "Role": "arn:aws:iam::123456789012:role/local",
            "Handler": found.handler,
            "CodeSize": metadata.map_or(0, |metadata| metadata.len()),
            "Description": "",
            "Timeout": settings.timeout().as_secs_f64().ceil(),
            "MemorySize": settings.memory_mb(),
            "LastModified": format!("{}.000+0000", modified.trim_end_matches('Z')),
            "Version": "$LATEST",
            "TracingConfig": { "Mode": "PassThrough" },
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": [crate::bootstrap::Arch::of_this_machine().to_string()],
            "EphemeralStorage": { "Size": 512 },
        })
    }
}

const REQUEST_ID: &str = "x-amzn-RequestId";

/// One of the asynchronous events that may be under way.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Place> {
        let place = Place(Arc::clone(taken));
        (taken.fetch_add(1, Ordering::Relaxed) < MAX_ASYNC_EVENTS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The name in a name, an ARN or part of one, without version or alias: all are the same code here.
fn function_name(asked_for: &str) -> String {
    let name = match asked_for.split_once(":function:") {
        Some((_, name)) => name,
        None => asked_for.strip_prefix("function:").unwrap_or(asked_for),
    };
    name.split(':').next().unwrap_or_default().to_owned()
}

fn event(request: &Request, limit: usize) -> Result<Event, Problem> {
    if request.body.len() > limit {
        return Err(Problem::too_large(limit));
    }
    // Lambda makes `{}` of a call without a payload.
    let payload = if request.body.is_empty() { b"{}".to_vec() } else { request.body.clone() };
    if !is_json(&payload) {
        let why = match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            Err(error) => error.to_string(),
            Ok(_) => "not JSON".to_owned(),
        };
        let message = format!("Could not parse request body into json: {why}");
        return Err(Problem::new(400, "InvalidRequestContentException", &message));
    }
    let client_context = match request.header("x-amz-client-context") {
        None => None,
        Some(encoded) => {
            let decoded = STANDARD.decode(encoded).ok();
            let text = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
            let text = text.filter(|text| is_json(text.as_bytes())).ok_or_else(|| {
                let message = "Client context must be a valid Base64-encoded JSON object.";
                Problem::new(400, "InvalidRequestContentException", message)
            })?;
            // It is handed on as a header, and JSON has no need of line ends.
            Some(text.replace(['\r', '\n'], " "))
        }
    };
    let trace_id = request.header("x-amzn-trace-id").map(str::to_owned);
    Ok(Event { client_context, trace_id, ..Event::new(Via::Api, payload) })
}

fn not_emulated(request: &Request) -> Problem {
    let message = format!(
        "{} {} is no part of the Lambda API that rhambda serves: Invoke, \
         InvokeWithResponseStream, GetFunction, GetFunctionConfiguration and ListFunctions",
        request.method, request.path
    );
    Problem::new(404, "UnknownOperationException", &message)
}

fn empty(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new(), rest: None }
}

fn wants_log(request: &Request) -> bool {
    request.header("x-amz-log-type") == Some("Tail")
}

fn log_tail(done: &Done) -> String {
    let log = done.log();
    let mut start = log.len().saturating_sub(MAX_LOG_TAIL);
    while !log.is_char_boundary(start) {
        start += 1;
    }
    STANDARD.encode(&log[start..])
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    frame("PayloadChunk", "application/octet-stream", bytes)
}

/// The frames that end a response. One that was not streamed is one chunk, which comes first.
fn last_frames(done: &Done, wants_log: bool) -> Vec<u8> {
    let (body, error) = match &done.result {
        Ok(response) => (response.body.as_slice(), response.stream_error.as_ref()),
        Err(error) => (&[][..], Some(error)),
    };
    let mut frames = if body.is_empty() { Vec::new() } else { chunk(body) };
    let mut complete = json!({});
    if let Some(error) = error {
        complete["ErrorCode"] = json!(error.recorded_type());
        complete["ErrorDetails"] = json!(String::from_utf8_lossy(&error.body));
    }
    if wants_log {
        complete["LogResult"] = json!(log_tail(done));
    }
    frames.extend(frame("InvokeComplete", "application/json", complete.to_string().as_bytes()));
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_go_by_name_and_arn_of_any_version() {
        for asked_for in [
            "hello",
            "hello:live",
            "function:hello",
            "123456789012:function:hello",
            "arn:aws:lambda:us-east-1:123456789012:function:hello",
            "arn:aws:lambda:us-east-1:123456789012:function:hello:42",
        ] {
            assert_eq!(function_name(asked_for), "hello");
        }
    }
}
