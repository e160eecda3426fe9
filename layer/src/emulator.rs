//! A Lambda Runtime API on 127.0.0.1: events go in, a runtime process fetches and answers them,
//! outcomes come out, and every call the runtime made can be looked at afterwards.
//!
//! It implements <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> with the state
//! machine of AWS's own emulator. Paths and header names are spelt here once more on purpose: were
//! they shared with the runtime, one typing error would satisfy both sides.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::http::{Answer, Body, Connection, Head, find, is_loopback, split_authority};
use crate::stream_view;

/// The largest response Lambda takes from a runtime, in bytes: 6 MiB and 100.
pub const MAX_RESPONSE: usize = 6 * 1024 * 1024 + 100;
/// The largest response Lambda takes when it is streamed, in bytes.
pub const MAX_STREAMED_RESPONSE: usize = 200 * 1024 * 1024;

/// One event on its way to a runtime. What is `None` is not sent at all.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The event's bytes, whatever they are.
    pub event: Vec<u8>,
    /// `Content-Type`, usually `application/json`.
    pub content_type: Option<String>,
    /// `Lambda-Runtime-Aws-Request-Id`. A runtime cannot answer an event that has none.
    pub request_id: Option<String>,
    /// How long the function may take: gives `Lambda-Runtime-Deadline-Ms` and [`Outcome::TimedOut`].
    pub timeout: Option<Duration>,
    /// `Lambda-Runtime-Deadline-Ms`, should it differ from what `timeout` gives.
    pub deadline_ms: Option<u64>,
    /// `Lambda-Runtime-Invoked-Function-Arn`.
    pub function_arn: Option<String>,
    /// `Lambda-Runtime-Trace-Id`.
    pub trace_id: Option<String>,
    /// `Lambda-Runtime-Client-Context`, JSON.
    pub client_context: Option<String>,
    /// `Lambda-Runtime-Cognito-Identity`, JSON.
    pub cognito_identity: Option<String>,
    /// `Lambda-Runtime-Aws-Tenant-Id`.
    pub tenant_id: Option<String>,
    /// `Lambda-Runtime-Invocation-Id`, which a runtime has to echo.
    pub invocation_id: Option<String>,
    /// Any other headers, for bytes that a `String` cannot hold and for names to come.
    pub extra_headers: Vec<(String, Vec<u8>)>,
    /// Sends the event in chunks of this many bytes, however small it is.
    pub chunk_size: Option<usize>,
}

impl Invocation {
    /// An event as an ordinary call brings it: JSON, with a new request id and trace id.
    pub fn new(event: impl Into<Vec<u8>>) -> Invocation {
        let trace = random_hex(40);
        Invocation {
            event: event.into(),
            content_type: Some("application/json".to_owned()),
            request_id: Some(new_request_id()),
            trace_id: Some(format!(
                "Root=1-{:08x}-{};Parent={};Sampled=0",
                milliseconds_since_1970(SystemTime::now()) / 1000,
                &trace[..24],
                &trace[24..]
            )),
            ..Invocation::default()
        }
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The runtime sent a response.
    Response(Response),
    /// The runtime sent an error, or Lambda made one out of a response it could not take.
    Error(FunctionError),
    /// The runtime gave up before it asked for an event.
    InitError(FunctionError),
    /// Nothing came in time.
    TimedOut {
        /// The time there was.
        after: Duration,
    },
    /// The runtime's process ended instead of answering.
    RuntimeExited {
        /// `exit status 1`, `signal: killed`.
        status: String,
    },
}

/// What a runtime answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The bytes, put together again if they came in chunks.
    pub body: Vec<u8>,
    /// The `Content-Type` it was sent with.
    pub content_type: Option<String>,
    /// It was sent in Lambda's streaming mode.
    pub streamed: bool,
    /// The error that ended the stream, taken from its trailers.
    pub stream_error: Option<FunctionError>,
}

impl Response {
    /// The prelude, which has the status and the headers that a streamed response is to get over
    /// HTTP, if it has one; and the data.
    pub fn parts(&self) -> (Option<&[u8]>, &[u8]) {
        match stream_view::split(self.content_type.as_deref(), &self.body) {
            Some((prelude, data)) if self.streamed => (Some(prelude), data),
            _ => (None, &self.body),
        }
    }
}

/// What a runtime posts when a function fails.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionError {
    /// The header `Lambda-Runtime-Function-Error-Type` as sent.
    pub error_type: Option<String>,
    /// The JSON the caller gets, as sent.
    pub body: Vec<u8>,
    /// The header `Lambda-Runtime-Function-XRay-Error-Cause` as sent.
    pub xray_cause: Option<String>,
}

impl FunctionError {
    /// The type Lambda counts the error under: the header if it has the form Lambda asks for.
    pub fn recorded_type(&self) -> &str {
        let sent = self.error_type.as_deref().unwrap_or_default();
        match sent.split_once('.') {
            Some(("Runtime" | "Function", name)) if is_reason(name) => sent,
            Some(("Function", _)) => "Function.Unknown",
            _ => "Runtime.Unknown",
        }
    }

    fn by_lambda(error_type: &str, message: &str) -> FunctionError {
        FunctionError {
            error_type: Some(error_type.to_owned()),
            body: problem(error_type, message),
            xray_cause: None,
        }
    }
}

/// Whether a text has the form `[A-Z][a-zA-Z]+`.
fn is_reason(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphabetic())
}

/// The calls a runtime makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /runtime/invocation/next`
    Next,
    /// `POST /runtime/invocation/{id}/response`
    Response,
    /// `POST /runtime/invocation/{id}/error`
    Error,
    /// `POST /runtime/init/error`
    InitError,
    /// Anything else.
    Other,
}

/// One request a runtime made.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which of the API's calls it is.
    pub endpoint: Endpoint,
    /// The method as sent.
    pub method: String,
    /// The path as sent, with its query.
    pub path: String,
    /// The headers as sent, in order; bytes that are not UTF-8 replaced.
    pub headers: Vec<(String, String)>,
    /// The body, put together again if it came in chunks.
    pub body: Vec<u8>,
    /// The trailers of a chunked body.
    pub trailers: Vec<(String, String)>,
    /// When it arrived.
    pub at: Instant,
    /// The connection it came over, counted from 1.
    pub connection: usize,
    /// The status it was answered with, once it was.
    pub status: Option<u16>,
}

impl Call {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// Something going wrong between a runtime and the Runtime API, planned with [`Emulator::plan`].
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers with this status and body. A response or error is taken all the same; a poll gets
    /// no event, which then stays in the queue.
    Answer(u16, String),
    /// Resets the connection, and the call has not happened.
    ResetBefore,
    /// Carries the call out, then resets the connection without an answer.
    ResetAfter,
    /// Carries the call out and answers it, then closes the connection without notice.
    CloseAfter,
    /// Sends these bytes for an answer, then closes the connection. Treated like `Answer`.
    Raw(Vec<u8>),
}

/// A running Runtime API. Dropping it ends its threads and connections.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts one on a free port.
    pub fn start() -> io::Result<Emulator> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let acceptor = thread::Builder::new().name("runtime-api".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Emulator { shared, address, acceptor: Some(acceptor) })
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`. A path may be appended to it: whatever stands
    /// before `/2018-06-01` in a request is let pass.
    pub fn runtime_api(&self) -> String {
        self.address.to_string()
    }

    /// Puts an event at the end of the queue.
    pub fn invoke(&self, invocation: Invocation) -> Pending {
        let mut inner = self.shared.lock();
        inner.last_ticket += 1;
        let ticket = inner.last_ticket;
        let outcome = inner.ending.clone();
        let over = outcome.is_some().then(Instant::now);
        inner.progress.insert(ticket, Progress { outcome, over, ..Progress::default() });
        inner.queue.push_back((ticket, Arc::new(invocation)));
        self.shared.changed.notify_all();
        Pending { shared: Arc::clone(&self.shared), ticket }
    }

    /// Answers 410 to each poll that finds no event, so that a runtime ends.
    pub fn end(&self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }

    /// Lets the next call of this kind go wrong; several plans are used up in turn.
    pub fn plan(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.lock().faults.push((endpoint, fault));
    }

    /// Says that the runtime's process is gone, which ends every pending invocation.
    pub fn runtime_exited(&self, status: impl Into<String>) {
        let mut inner = self.shared.lock();
        inner.exited = true;
        inner.end_all(Outcome::RuntimeExited { status: status.into() });
        self.shared.changed.notify_all();
    }

    /// Hands the data of streamed responses on as it comes, with the response's content type. It is
    /// then neither in [`Response::body`] nor in [`Call::body`].
    pub fn watch_streams(&self, watcher: impl Fn(Option<&str>, &[u8]) + Send + Sync + 'static) {
        self.shared.lock().watcher = Some(Watcher(Arc::new(watcher)));
    }

    /// Puts streamed responses together again, as without [`Emulator::watch_streams`].
    pub fn stop_watching_streams(&self) {
        self.shared.lock().watcher = None;
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// Forgets the calls so far, for those who make millions of them.
    pub fn forget_calls(&self) {
        let mut inner = self.shared.lock();
        inner.forgotten += inner.calls.len();
        inner.calls.clear();
    }

    /// Waits until the calls so far satisfy a condition; false if that took too long.
    pub fn wait_until(&self, patience: Duration, condition: impl Fn(&[Call]) -> bool) -> bool {
        self.shared.wait(patience, |inner| condition(&inner.calls).then_some(())).is_some()
    }

    /// Waits for the first poll, which ends the init phase, and returns when it came; `None` if
    /// the runtime reported an init error, exited or took too long.
    pub fn wait_for_first_poll(&self, patience: Duration) -> Option<Instant> {
        let known = self.shared.wait(patience, |inner| match inner.first_poll {
            Some(at) => Some(Some(at)),
            None => inner.ending.is_some().then_some(None),
        });
        known.flatten()
    }

    /// What ended the runtime, if it reported an init error or exited.
    pub fn ending(&self) -> Option<Outcome> {
        self.shared.lock().ending.clone()
    }

    /// Waits until somebody called [`Emulator::runtime_exited`]; false if that took too long.
    pub fn wait_for_exit(&self, patience: Duration) -> bool {
        self.shared.wait(patience, |inner| inner.exited.then_some(())).is_some()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let connections = {
            let mut inner = self.shared.lock();
            inner.stopping = true;
            let connections: Vec<_> = inner.connections.drain().collect();
            self.shared.changed.notify_all();
            connections
        };
        for (_, stream) in &connections {
            // One that is closed already is as good as shut down.
            drop(stream.shutdown(Shutdown::Both));
        }
        // The acceptor looks at `stopping` each time somebody knocks.
        if TcpStream::connect(self.address).is_ok() {
            drop(self.acceptor.take().map(JoinHandle::join));
        }
    }
}

/// An invocation that was queued: the handle to wait for its outcome.
#[derive(Debug)]
pub struct Pending {
    shared: Arc<Shared>,
    ticket: u64,
}

impl Pending {
    /// Waits for the outcome; `None` if there is none after so long.
    pub fn wait(&self, patience: Duration) -> Option<Outcome> {
        self.wait_for(patience, |progress| progress.outcome.clone())
    }

    /// Waits until the runtime has been handed the event, and returns when that was.
    pub fn wait_for_delivery(&self, patience: Duration) -> Option<Instant> {
        self.wait_for(patience, |progress| progress.delivered)
    }

    /// Waits until the invocation is over, which is when the runtime asks for the next event:
    /// work after the response is billed, too. Returns the time from delivery until then, which
    /// is zero for an event that was never delivered.
    pub fn wait_until_over(&self, patience: Duration) -> Option<Duration> {
        self.wait_for(patience, |progress| {
            let over = progress.over?;
            Some(over - progress.delivered.unwrap_or(over))
        })
    }

    /// The time from delivery to the arrival of the whole response or error.
    pub fn latency(&self) -> Option<Duration> {
        let inner = self.shared.lock();
        let progress = inner.progress.get(&self.ticket)?;
        Some(progress.answered? - progress.delivered?)
    }

    fn wait_for<T>(
        &self,
        patience: Duration,
        wanted: impl Fn(&Progress) -> Option<T>,
    ) -> Option<T> {
        self.shared.wait(patience, |inner| wanted(inner.progress.get(&self.ticket)?))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.shared.lock().progress.remove(&self.ticket);
    }
}

/// Where a runtime stands. The names are those of AWS's emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Started,
    InitError,
    Ready,
    Running,
    InvocationResponse,
    InvocationErrorResponse,
    ResponseSent,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    queue: VecDeque<(u64, Arc<Invocation>)>,
    current: Option<Current>,
    timed_out: HashSet<String>,
    progress: HashMap<u64, Progress>,
    last_ticket: u64,
    first_poll: Option<Instant>,
    /// Set by an init error or the end of the process: what every later invocation gets.
    ending: Option<Outcome>,
    ended: bool,
    exited: bool,
    stopping: bool,
    faults: Vec<(Endpoint, Fault)>,
    watcher: Option<Watcher>,
    calls: Vec<Call>,
    forgotten: usize,
    connections: HashMap<usize, TcpStream>,
    connection_threads: Vec<JoinHandle<()>>,
}

/// Who gets the data of a streamed response, and its content type.
#[derive(Clone)]
struct Watcher(Arc<Watch>);

type Watch = dyn Fn(Option<&str>, &[u8]) + Send + Sync;

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Watcher")
    }
}

#[derive(Debug)]
struct Current {
    ticket: u64,
    request_id: String,
    invocation: Arc<Invocation>,
    delivered: Instant,
    deadline_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Progress {
    delivered: Option<Instant>,
    answered: Option<Instant>,
    over: Option<Instant>,
    outcome: Option<Outcome>,
}

impl Shared {
    /// A thread that panicked leaves plain data behind, which is still good.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `wanted` finds something, for at most `patience`. Whoever waits also keeps the
    /// time of the current invocation.
    fn wait<T>(&self, patience: Duration, wanted: impl Fn(&Inner) -> Option<T>) -> Option<T> {
        let started = Instant::now();
        let mut inner = self.lock();
        loop {
            if inner.check_the_clock() {
                self.changed.notify_all();
            }
            if let Some(found) = wanted(&inner) {
                return Some(found);
            }
            let mut left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                return None;
            }
            if let Some(until_timeout) = inner.time_left() {
                left = left.min(until_timeout);
            }
            let waited = self.changed.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Inner {
    /// The time until the current invocation times out, if it still can.
    fn time_left(&self) -> Option<Duration> {
        let current = self.current.as_ref()?;
        let answered = self.progress.get(&current.ticket).is_some_and(|p| p.outcome.is_some());
        let timeout = current.invocation.timeout.filter(|_| !answered)?;
        Some(timeout.saturating_sub(current.delivered.elapsed()))
    }

    /// Ends the current invocation if its time is up; true if it did.
    fn check_the_clock(&mut self) -> bool {
        if self.time_left() != Some(Duration::ZERO) {
            return false;
        }
        let Some(current) = &self.current else { return false };
        let after = current.invocation.timeout.unwrap_or_default();
        self.timed_out.insert(current.request_id.clone());
        self.finish(Outcome::TimedOut { after });
        true
    }

    /// Records the outcome of the current invocation, unless it has one.
    fn finish(&mut self, outcome: Outcome) {
        let Some(current) = &self.current else { return };
        let Some(progress) = self.progress.get_mut(&current.ticket) else { return };
        if progress.outcome.is_none() {
            progress.outcome = Some(outcome);
            progress.answered = Some(Instant::now());
        }
    }

    /// Nothing more will come from this runtime.
    fn end_all(&mut self, outcome: Outcome) {
        let now = Instant::now();
        let ending = self.ending.get_or_insert(outcome).clone();
        for progress in self.progress.values_mut() {
            progress.outcome.get_or_insert_with(|| ending.clone());
            progress.over.get_or_insert(now);
        }
        self.queue.clear();
    }

    /// The invocation before is over now that the runtime polls again.
    fn become_ready(&mut self) {
        let now = Instant::now();
        self.first_poll.get_or_insert(now);
        if let Some(current) = self.current.take() {
            if let Some(progress) = self.progress.get_mut(&current.ticket) {
                progress.over = Some(now);
            }
        }
        self.state = State::Ready;
    }

    fn refusal(&self, to: State) -> Answer {
        let message = format!(
            "State transition from {} to {to} failed for runtime. Error: State transition is not \
             allowed",
            self.state
        );
        Answer::json(403, problem("InvalidStateTransition", &message))
    }

    fn take_fault(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let at = self.faults.iter().position(|(planned, _)| *planned == endpoint)?;
        Some(self.faults.remove(at).1)
    }

    fn record(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.forgotten + self.calls.len() - 1
    }

    fn record_status(&mut self, call_number: usize, status: u16) {
        let at = call_number.checked_sub(self.forgotten);
        if let Some(call) = at.and_then(|at| self.calls.get_mut(at)) {
            call.status = Some(status);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut count = 0;
    loop {
        let accepted = listener.accept();
        let mut inner = shared.lock();
        if inner.stopping {
            let threads = std::mem::take(&mut inner.connection_threads);
            drop(inner);
            for thread in threads {
                drop(thread.join());
            }
            return;
        }
        // A peer that is gone before it was accepted is nobody's concern; without descriptors there
        // is nothing to do but try again when one was given back.
        let Ok((stream, _)) = accepted else {
            drop(inner);
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let Ok(also_stream) = stream.try_clone() else { continue };
        // Without it each answer may wait for the peer's delayed acknowledgement.
        drop(stream.set_nodelay(true));
        count += 1;
        let number = count;
        let thread = thread::Builder::new().name(format!("runtime-api-{number}")).spawn({
            let shared = Arc::clone(shared);
            move || {
                // What is wrong with a connection shows at its other end.
                drop(serve(&shared, Connection::new(stream), number));
                shared.lock().connections.remove(&number);
            }
        });
        if let Ok(thread) = thread {
            inner.connections.insert(number, also_stream);
            inner.connection_threads.retain(|thread| !thread.is_finished());
            inner.connection_threads.push(thread);
        }
    }
}

fn serve(shared: &Shared, mut connection: Connection, number: usize) -> io::Result<()> {
    loop {
        let head = match connection.read_head() {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(()),
            Err(error) => {
                // Where it is the connection that failed, this fails, too.
                return connection
                    .send(&Answer::json(400, problem("BadRequest", &error.to_string())));
            }
        };
        let at = Instant::now();
        if let Some(why) = foreign(&head) {
            return connection.send(&Answer::json(403, problem("AccessDenied", why)));
        }
        let route = Route::of(&head);
        let fault = shared.lock().take_fault(route.endpoint);
        let wants_close =
            find(&head.headers, "connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
        let call = Call {
            endpoint: route.endpoint,
            method: head.method.clone(),
            path: head.path.clone(),
            headers: head.headers.clone(),
            body: Vec::new(),
            trailers: Vec::new(),
            at,
            connection: number,
            status: None,
        };
        if matches!(fault, Some(Fault::ResetBefore)) {
            shared.lock().record(call);
            shared.changed.notify_all();
            connection.reset();
            return Ok(());
        }
        let replaced = matches!(fault, Some(Fault::Answer(..) | Fault::Raw(_)));
        let (answer, call_number) = answer(shared, &mut connection, &head, &route, call, replaced)?;
        let Some(mut answer) = answer else { return Ok(()) };
        match fault {
            None | Some(Fault::ResetBefore) => {}
            Some(Fault::Answer(status, body)) => answer = Answer::json(status, body),
            Some(Fault::Raw(bytes)) => return connection.send_raw(&bytes),
            Some(Fault::ResetAfter) => {
                connection.reset();
                return Ok(());
            }
            Some(Fault::CloseAfter) => return connection.send(&answer),
        }
        shared.lock().record_status(call_number, answer.status);
        connection.send(&answer)?;
        if wants_close || connection.is_out_of_step() {
            return Ok(());
        }
    }
}

/// Why a request is not a runtime's: a page in a browser on this machine can reach any port, and
/// would take an event away with a mere `next`. A browser says that it is one, except where a name
/// was made to lead here.
fn foreign(head: &Head) -> Option<&'static str> {
    if ["origin", "sec-fetch-site"].iter().any(|name| find(&head.headers, name).is_some()) {
        return Some("a page in a browser is no runtime");
    }
    let host = find(&head.headers, "host")?;
    let is_own = split_authority(host).is_some_and(|(name, _)| is_loopback(name));
    (!is_own).then_some("the Runtime API has an address of this machine for its host, and no name")
}

/// What a request asks for.
struct Route {
    endpoint: Endpoint,
    request_id: String,
    refusal: Option<Answer>,
}

impl Route {
    fn of(head: &Head) -> Route {
        let path = head.path.split('?').next().unwrap_or_default();
        let path = path.find("/2018-06-01/").map_or("", |at| &path[at + "/2018-06-01/".len()..]);
        let segments: Vec<&str> = path.split('/').collect();
        let (endpoint, method, id) = match segments.as_slice() {
            ["runtime", "invocation", "next"] => (Endpoint::Next, "GET", ""),
            ["runtime", "invocation", id, "response"] => (Endpoint::Response, "POST", *id),
            ["runtime", "invocation", id, "error"] => (Endpoint::Error, "POST", *id),
            ["runtime", "init", "error"] => (Endpoint::InitError, "POST", ""),
            ["ping"] => (Endpoint::Other, "GET", ""),
            _ => (Endpoint::Other, "", ""),
        };
        let plain = |status, text: &str| Answer {
            status,
            headers: vec![("Content-Type".to_owned(), b"text/plain; charset=utf-8".to_vec())],
            body: text.as_bytes().to_vec(),
            chunk_size: None,
        };
        let refusal = match (endpoint, method) {
            (Endpoint::Other, "GET") => Some(plain(200, "pong")),
            (Endpoint::Other, _) => Some(plain(404, "404 page not found\n")),
            _ if method != head.method => Some(plain(405, "")),
            _ => None,
        };
        let endpoint = if refusal.is_some() { Endpoint::Other } else { endpoint };
        Route { endpoint, request_id: percent_decoded(id), refusal }
    }
}

/// Carries a call out and says what to answer; nothing when the emulator is being shut down.
fn answer(
    shared: &Shared,
    connection: &mut Connection,
    head: &Head,
    route: &Route,
    mut call: Call,
    answer_is_replaced: bool,
) -> io::Result<(Option<Answer>, usize)> {
    if route.endpoint == Endpoint::Next {
        // A poll is worth recording while it waits; it has no body to wait for.
        let call_number = shared.lock().record(call);
        shared.changed.notify_all();
        connection.read_body(head)?;
        if answer_is_replaced {
            return Ok((Some(Answer::json(500, "")), call_number));
        }
        return Ok((next(shared), call_number));
    }
    let (begun, watcher) = {
        let mut inner = shared.lock();
        let begun = begin(&mut inner, head, route);
        let is_stream = route.endpoint == Endpoint::Response && mode(head).is_some();
        (begun, inner.watcher.clone().filter(|_| is_stream))
    };
    let body = match watcher.filter(|_| begun.is_ok()) {
        Some(Watcher(watch)) => {
            let content_type = find(&head.headers, "content-type");
            connection.hand_on_body(head, &|data| watch(content_type, data))
        }
        None => connection.read_body(head),
    };
    let body = body.unwrap_or_else(|_| Body { truncated: true, ..Body::default() });
    call.body.clone_from(&body.bytes);
    call.trailers.clone_from(&body.trailers);
    let mut inner = shared.lock();
    let call_number = inner.record(call);
    let answer = match begun {
        Err(refusal) => refusal,
        Ok(()) => complete(&mut inner, head, route, body),
    };
    shared.changed.notify_all();
    Ok((Some(answer), call_number))
}

/// `GET /runtime/invocation/next`: blocks until there is an event. A runtime that asks again
/// before it answered gets the same event again.
fn next(shared: &Shared) -> Option<Answer> {
    let mut inner = shared.lock();
    loop {
        if inner.stopping {
            return None;
        }
        inner.check_the_clock();
        let given_up = inner.current.as_ref().is_some_and(|current| {
            inner.timed_out.contains(&current.request_id) && inner.state == State::Running
        });
        match inner.state {
            State::Running if !given_up => {
                return inner.current.as_ref().map(event);
            }
            State::InitError | State::InvocationResponse | State::InvocationErrorResponse => {
                return Some(inner.refusal(State::Ready));
            }
            State::Started | State::ResponseSent | State::Running => {
                inner.become_ready();
                shared.changed.notify_all();
            }
            State::Ready => {}
        }
        if let Some((ticket, invocation)) = inner.queue.pop_front() {
            let delivered = Instant::now();
            let deadline_ms = invocation.deadline_ms.or_else(|| {
                let deadline = SystemTime::now().checked_add(invocation.timeout?)?;
                Some(milliseconds_since_1970(deadline))
            });
            let request_id = invocation.request_id.clone().unwrap_or_default();
            inner.timed_out.remove(&request_id);
            if let Some(progress) = inner.progress.get_mut(&ticket) {
                progress.delivered = Some(delivered);
            }
            inner.current =
                Some(Current { ticket, request_id, invocation, delivered, deadline_ms });
            inner.state = State::Running;
            shared.changed.notify_all();
            continue;
        }
        if inner.ended {
            return Some(Answer::json(410, problem("Gone", "there are no more events")));
        }
        inner = shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
    }
}

/// An event with the headers that Lambda puts on it.
fn event(current: &Current) -> Answer {
    let invocation = &current.invocation;
    let mut headers = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        headers.extend(value.map(|value| (name.to_owned(), value.into_bytes())));
    };
    add("Content-Type", invocation.content_type.clone());
    add("Lambda-Runtime-Aws-Request-Id", invocation.request_id.clone());
    add("Lambda-Runtime-Deadline-Ms", current.deadline_ms.map(|ms| ms.to_string()));
    add("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn.clone());
    add("Lambda-Runtime-Trace-Id", invocation.trace_id.clone());
    add("Lambda-Runtime-Client-Context", invocation.client_context.clone());
    add("Lambda-Runtime-Cognito-Identity", invocation.cognito_identity.clone());
    add("Lambda-Runtime-Aws-Tenant-Id", invocation.tenant_id.clone());
    add("Lambda-Runtime-Invocation-Id", invocation.invocation_id.clone());
    headers.extend(invocation.extra_headers.iter().cloned());
    let body = invocation.event.clone();
    Answer { status: 200, headers, body, chunk_size: invocation.chunk_size }
}

/// What can be said about a POST before its body is there.
fn begin(inner: &mut Inner, head: &Head, route: &Route) -> Result<(), Answer> {
    inner.check_the_clock();
    let to = match route.endpoint {
        Endpoint::Response => State::InvocationResponse,
        Endpoint::Error => State::InvocationErrorResponse,
        Endpoint::InitError if inner.state == State::Started => return Ok(()),
        Endpoint::InitError => return Err(inner.refusal(State::InitError)),
        Endpoint::Next | Endpoint::Other => {
            return Err(route.refusal.clone().unwrap_or_else(|| Answer::json(404, "")));
        }
    };
    if inner.timed_out.contains(&route.request_id) {
        return Err(Answer::json(410, problem("InvokeTimeout", "Invoke timeout")));
    }
    match &inner.current {
        None => return Err(inner.refusal(to)),
        Some(current) if current.request_id != route.request_id => {
            return Err(Answer::json(400, problem("InvalidRequestID", "Invalid request ID")));
        }
        Some(_) if inner.state != State::Running => return Err(inner.refusal(to)),
        Some(_) => {}
    }
    if mode(head).is_some_and(|mode| mode != "streaming") {
        inner.finish(Outcome::Error(FunctionError::by_lambda(
            "Runtime.InvalidResponseModeHeader",
            "Invalid function response mode",
        )));
        inner.state = State::ResponseSent;
        let body = problem("InvalidFunctionResponseMode", "Invalid function response mode");
        return Err(Answer::json(400, body));
    }
    inner.state = to;
    Ok(())
}

/// Takes a response, an error or an init error whose body has been read.
fn complete(inner: &mut Inner, head: &Head, route: &Route, body: Body) -> Answer {
    let header = |name: &str| find(&head.headers, name).map(str::to_owned);
    let failure = |body: Vec<u8>| FunctionError {
        error_type: header("lambda-runtime-function-error-type"),
        body,
        xray_cause: header("lambda-runtime-function-xray-error-cause"),
    };
    let accepted = Answer::json(202, "{\"status\":\"OK\"}");
    if route.endpoint == Endpoint::InitError {
        inner.end_all(Outcome::InitError(failure(body.bytes)));
        inner.state = State::InitError;
        return accepted;
    }
    inner.state = State::ResponseSent;
    if inner.check_the_clock() {
        return Answer::json(410, problem("InvokeTimeout", "Invoke timeout"));
    }
    let streamed = mode(head).is_some();
    let size = body.length;
    let (outcome, answer) = if body.truncated {
        let message = "HTTP request detected as truncated";
        let error = FunctionError::by_lambda("Runtime.TruncatedResponse", message);
        (Outcome::Error(error), Answer::json(400, problem("TruncatedHTTPRequest", message)))
    } else if route.endpoint == Endpoint::Error {
        (Outcome::Error(failure(body.bytes)), accepted)
    } else if size > if streamed { MAX_STREAMED_RESPONSE } else { MAX_RESPONSE } {
        let limit = format!("exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).");
        let error = FunctionError::by_lambda(
            "Function.ResponseSizeTooLarge",
            &format!("Response payload size ({size} bytes) {limit}"),
        );
        let refusal = problem("RequestEntityTooLarge", &limit.replacen('e', "E", 1));
        (Outcome::Error(error), Answer::json(413, refusal))
    } else {
        let response = Response {
            body: body.bytes,
            content_type: header("content-type"),
            streamed,
            stream_error: stream_error(&body.trailers),
        };
        (Outcome::Response(response), accepted)
    };
    inner.finish(outcome);
    answer
}

fn mode(head: &Head) -> Option<&str> {
    find(&head.headers, "lambda-runtime-function-response-mode")
}

/// The error that a stream ended with: a type, and its JSON in base64.
fn stream_error(trailers: &[(String, String)]) -> Option<FunctionError> {
    let error_type = find(trailers, "lambda-runtime-function-error-type")?;
    let body = find(trailers, "lambda-runtime-function-error-body").unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(body);
    Some(FunctionError {
        error_type: Some(error_type.to_owned()),
        body: decoded.unwrap_or_else(|_| body.as_bytes().to_vec()),
        xray_cause: None,
    })
}

fn problem(error_type: &str, message: &str) -> Vec<u8> {
    let body: Value = json!({ "errorMessage": message, "errorType": error_type });
    body.to_string().into_bytes()
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn milliseconds_since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A request id as Lambda makes them: a version 4 UUID.
pub(crate) fn new_request_id() -> String {
    let hex = random_hex(32);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Random enough to tell requests apart: each `RandomState` has keys of its own.
pub(crate) fn random_hex(digits: usize) -> String {
    let mut hex = String::new();
    while hex.len() < digits {
        let number = RandomState::new().build_hasher().finish();
        hex.push_str(&format!("{number:016x}"));
    }
    hex.truncate(digits);
    hex
}
