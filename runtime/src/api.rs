//! The calls of the Runtime API, and nothing else.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::{Agent, Body};

use crate::effects::Names;
use crate::error::{ApiError, Report};
use crate::invocation::Invocation;
use crate::response_stream::ResponseStream;
use crate::wire::Wires;

const REQUEST_ID: &str = "Lambda-Runtime-Aws-Request-Id";
const DEADLINE_MS: &str = "Lambda-Runtime-Deadline-Ms";
const FUNCTION_ARN: &str = "Lambda-Runtime-Invoked-Function-Arn";
const TRACE_ID: &str = "Lambda-Runtime-Trace-Id";
const CLIENT_CONTEXT: &str = "Lambda-Runtime-Client-Context";
const COGNITO_IDENTITY: &str = "Lambda-Runtime-Cognito-Identity";
const TENANT_ID: &str = "Lambda-Runtime-Aws-Tenant-Id";
pub(crate) const INVOCATION_ID: &str = "Lambda-Runtime-Invocation-Id";
pub(crate) const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";
const XRAY_CAUSE: &str = "Lambda-Runtime-Function-XRay-Error-Cause";

pub(crate) const USER_AGENT: &str = concat!("rhambda/", env!("CARGO_PKG_VERSION"));

/// Tries of `/next` before the API counts as gone, and the first pause between them.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// More than any answer of the API: an event is at most 6 MiB and 100 bytes.
const MAX_BODY_BYTES: u64 = 64 << 20;

/// How much of an answer is logged.
const LONGEST_SHOWN: usize = 2048;

/// September 2001: anything earlier is not a moment at which a function could have been invoked.
const EARLIEST_DEADLINE_MS: u64 = 1_000_000_000_000;

/// What became of a response or an error that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The API took it.
    Accepted,
    /// The API did not take it, and there is nothing to do but to ask for the next event.
    Dropped,
}

/// A client of the Runtime API: one connection, kept for the life of the environment.
#[derive(Debug)]
pub struct Api {
    agent: Agent,
    base: String,
    next: String,
    /// Whether there has been an answer, so that a connection may be one that was used before.
    has_served: Cell<bool>,
}

impl Api {
    /// A client of the API at `host:port`, which may be followed by a path.
    #[must_use]
    pub fn new(runtime_api: &str) -> Self {
        let config = Agent::config_builder()
            // The variables for outgoing traffic must never touch the Runtime API.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(1 << 20)
            .max_idle_age(Duration::from_secs(24 * 3600))
            .user_agent(USER_AGENT)
            .accept("")
            .accept_encoding("")
            .build();
        let agent = Agent::with_parts(config, Wires, Names::default());
        // cargo-lambda tells people to set the address with its scheme.
        let address = runtime_api.strip_prefix("http://").unwrap_or(runtime_api);
        let base = format!("http://{}/2018-06-01/runtime", address.trim_end_matches('/'));
        Self { agent, next: format!("{base}/invocation/next"), base, has_served: Cell::new(false) }
    }

    /// `GET /runtime/invocation/next`: blocks, for as long as it takes, until there is an event.
    ///
    /// Asking again is safe, since the API hands out the same event until it is answered.
    ///
    /// # Errors
    /// An [`ApiError`] when the API is gone, refuses, or hands out what cannot be answered.
    pub fn next_invocation(&self) -> Result<Invocation, ApiError> {
        let mut tried = 1;
        loop {
            let outcome = self.agent.get(&self.next).call().and_then(|mut response| {
                let body = match response.status().as_u16() {
                    200 => drain(&mut response)?,
                    _ => said(&mut response),
                };
                Ok((response, body))
            });
            match outcome {
                Ok((response, payload)) if response.status() == 200 => {
                    self.has_served.set(true);
                    return invocation(response.headers(), payload);
                }
                // Some emulators answer so while there is nothing to do.
                Ok((response, _)) if response.status() == 204 => std::thread::sleep(FIRST_PAUSE),
                Ok((response, body)) => {
                    return Err(refused("next", response.status().as_u16(), &body));
                }
                Err(cause) if tried == TRIES => return Err(transport("next", cause)),
                Err(cause) => {
                    // A connection that was closed while the environment was idle is nothing to
                    // tell, nor to wait for.
                    log::debug!("`next` failed and is tried again: {cause}");
                    if tried > 1 || !self.has_served.get() {
                        std::thread::sleep(FIRST_PAUSE * 2u32.pow(tried - 1));
                    }
                    tried += 1;
                }
            }
        }
    }

    /// The same, asked once, for fuzz targets; the error is for people.
    ///
    /// # Errors
    /// As [`next_invocation`](Self::next_invocation), and what it would try again after.
    #[cfg(feature = "tool")]
    pub fn next_invocation_at_once(&self) -> Result<Invocation, String> {
        let mut response = self.agent.get(&self.next).call().map_err(|error| error.to_string())?;
        let payload = drain(&mut response).map_err(|error| error.to_string())?;
        match response.status().as_u16() {
            200 => invocation(response.headers(), payload).map_err(|error| error.to_string()),
            status => Err(format!("status {status}")),
        }
    }

    /// `POST /runtime/invocation/{id}/response`: the result, as JSON.
    ///
    /// # Errors
    /// An [`ApiError`] when the API is gone or asks the runtime to stop.
    pub fn send_response(&self, to: &Invocation, body: &[u8]) -> Result<Delivery, ApiError> {
        self.send("response", to, body, &[])
    }

    /// The same call for a response that is sent while the script still makes it.
    #[must_use]
    pub fn response_stream(&self, to: &Invocation) -> ResponseStream {
        let base = self.base.strip_prefix("http://").unwrap_or(&self.base);
        let (authority, path) = base.split_once('/').unwrap_or((base, ""));
        let left = |deadline_ms| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Duration::from_millis(deadline_ms).saturating_sub(now)
        };
        ResponseStream {
            authority: authority.to_owned(),
            path: format!("/{path}/invocation/{}/response", to.request_path),
            invocation_id: to.invocation_id.clone(),
            deadline: to.deadline_ms.and_then(|moment| Instant::now().checked_add(left(moment))),
            state: Default::default(),
        }
    }

    /// `POST /runtime/invocation/{id}/error`: what went wrong.
    ///
    /// # Errors
    /// An [`ApiError`] when the API is gone or asks the runtime to stop.
    pub fn send_error(
        &self,
        to: &Invocation,
        report: &Report,
        working_directory: &str,
    ) -> Result<Delivery, ApiError> {
        let cause = report.xray_cause(working_directory).unwrap_or_default();
        let headers = [(ERROR_TYPE, report.error_type.as_str()), (XRAY_CAUSE, &cause)];
        self.send("error", to, &report.to_json(), &headers)
    }

    /// `POST /runtime/init/error`: why there will be no invocations.
    ///
    /// # Errors
    /// An [`ApiError`] when the report did not arrive.
    pub fn send_init_error(
        &self,
        report: &Report,
        working_directory: &str,
    ) -> Result<(), ApiError> {
        let cause = report.xray_cause(working_directory).unwrap_or_default();
        let headers = [(ERROR_TYPE, report.error_type.as_str()), (XRAY_CAUSE, &cause)];
        let url = format!("{}/init/error", self.base);
        let (status, body) = self
            .post(&url, &report.to_json(), &headers, None)
            .map_err(|cause| transport("init/error", cause))?;
        match status {
            // A 403 says that the environment has already been told.
            200..=299 | 403 => Ok(()),
            _ => Err(refused("init/error", status, &body)),
        }
    }

    /// `GET /runtime/restore/next`: blocks through the snapshot, and returns in a restored
    /// environment.
    ///
    /// # Errors
    /// An [`ApiError`] on anything but 200.
    pub fn wait_for_restore(&self) -> Result<(), ApiError> {
        let url = format!("{}/restore/next", self.base);
        let mut response =
            self.agent.get(&url).call().map_err(|cause| transport("restore/next", cause))?;
        let body = said(&mut response);
        match response.status().as_u16() {
            200 => Ok(()),
            status => Err(refused("restore/next", status, &body)),
        }
    }

    fn send(
        &self,
        call: &'static str,
        to: &Invocation,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<Delivery, ApiError> {
        let url = format!("{}/invocation/{}/{call}", self.base, to.request_path);
        let invocation_id = to.invocation_id.as_deref();
        let mut is_second = false;
        loop {
            match self.post(&url, body, headers, invocation_id) {
                Ok((status @ (400 | 403), _)) if is_second => {
                    log::warn!(
                        "`{call}` was sent again and answered with {status}: the first try had \
                         arrived, or the invocation is over"
                    );
                    return Ok(Delivery::Accepted);
                }
                Ok((status, body)) => return verdict(call, status, &body),
                Err(cause) if is_second => return Err(transport(call, cause)),
                Err(cause) => {
                    log::debug!("`{call}` failed and is sent again: {cause}");
                    is_second = true;
                }
            }
        }
    }

    fn post(
        &self,
        url: &str,
        body: &[u8],
        headers: &[(&str, &str)],
        invocation_id: Option<&[u8]>,
    ) -> Result<(u16, Vec<u8>), ureq::Error> {
        let mut request = self.agent.post(url).header("Content-Type", "application/json");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        if let Some(value) = invocation_id.and_then(|id| HeaderValue::from_bytes(id).ok()) {
            request = request.header(INVOCATION_ID, value);
        }
        // With the status all is told: what goes wrong behind it is no reason to answer twice.
        let mut response = request.send(body)?;
        let body = said(&mut response);
        Ok((response.status().as_u16(), body))
    }
}

/// What an answer to a response or an error means for the runtime.
pub(crate) fn verdict(call: &'static str, status: u16, body: &[u8]) -> Result<Delivery, ApiError> {
    match status {
        200..=299 => Ok(Delivery::Accepted),
        410 => {
            log::warn!("the invocation had timed out; its {call} is dropped");
            Ok(Delivery::Dropped)
        }
        400..=499 => {
            log::error!("the Runtime API answered `{call}` with {status}: {}", shown(body));
            Ok(Delivery::Dropped)
        }
        _ => Err(refused(call, status, body)),
    }
}

/// Reads an answer to its end: a connection is used again only after that.
fn drain(response: &mut Response<Body>) -> Result<Vec<u8>, ureq::Error> {
    let body = response.body_mut();
    let length = body.content_length().unwrap_or(0).min(MAX_BODY_BYTES);
    // One more than that, so that the end is seen without making room for what does not come.
    let mut bytes = Vec::with_capacity(length as usize + 1);
    body.with_config().limit(MAX_BODY_BYTES).reader().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads an answer of which only the status counts, as far as it comes.
fn said(response: &mut Response<Body>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let body = response.body_mut().with_config().limit(MAX_BODY_BYTES);
    if let Err(cause) = body.reader().read_to_end(&mut bytes) {
        log::debug!("the body of an answer is cut after {} bytes: {cause}", bytes.len());
    }
    bytes
}

/// What the API said, for a line of the log.
fn shown(body: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&body[..body.len().min(LONGEST_SHOWN)]);
    match body.len() {
        ..=LONGEST_SHOWN => shown.trim().to_owned(),
        length => format!("{shown}… ({length} bytes in all)"),
    }
}

fn transport(call: &'static str, cause: ureq::Error) -> ApiError {
    ApiError::Transport { call, cause: Box::new(cause) }
}

fn refused(call: &'static str, status: u16, body: &[u8]) -> ApiError {
    ApiError::Refused { call, status, body: shown(body) }
}

fn invocation(headers: &HeaderMap, payload: Vec<u8>) -> Result<Invocation, ApiError> {
    let bytes =
        |name: &str| headers.get(name).map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    let text = |name: &str| bytes(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let request_id = bytes(REQUEST_ID).ok_or(ApiError::NoRequestId)?;
    let deadline = text(DEADLINE_MS);
    let deadline_ms = deadline
        .as_deref()
        .and_then(|value| value.trim().parse().ok())
        // cargo-lambda sends the timeout in ms where the moment belongs.
        .filter(|&moment| moment >= EARLIEST_DEADLINE_MS);
    if let (Some(value), None) = (&deadline, deadline_ms) {
        log::debug!("the deadline `{value}` is no moment in ms since the epoch; there is none");
    }
    Ok(Invocation {
        request_path: percent_encoded(request_id),
        request_id: String::from_utf8_lossy(request_id).into_owned(),
        deadline_ms,
        function_arn: text(FUNCTION_ARN),
        trace_id: text(TRACE_ID),
        client_context: text(CLIENT_CONTEXT),
        cognito_identity: text(COGNITO_IDENTITY),
        tenant_id: text(TENANT_ID),
        invocation_id: bytes(INVOCATION_ID).map(<[u8]>::to_vec),
        payload,
    })
}

/// A path segment: everything but RFC 3986's unreserved characters is encoded.
fn percent_encoded(bytes: &[u8]) -> String {
    let mut path = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}
