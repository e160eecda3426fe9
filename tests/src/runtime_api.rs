//! A Runtime API that does what a test says, however rude, and remembers each call.
//!
//! It spells Lambda's header names and paths itself: sharing the runtime's constants would let one
//! typing error satisfy both sides.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::http::{self, Header, Tee};

/// How the body of an event is framed.
#[derive(Debug, Clone, Copy)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`, in chunks of so many bytes.
    Chunked(usize),
    /// Neither: the body ends where the connection does.
    UntilClose,
    /// `Content-Length` says more than is sent before the connection closes.
    CutShort,
}

/// One event, as `/next` will hand it out.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) body: Vec<u8>,
    pub(crate) id: Option<String>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) without: Vec<String>,
    pub(crate) framing: Framing,
}

impl Event {
    /// An event with the headers Lambda sends to everyone, due in a minute.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            id: None,
            deadline: Some(Duration::from_secs(60)),
            headers: Vec::new(),
            without: Vec::new(),
            framing: Framing::Length,
        }
    }

    /// Sets the request id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the deadline, counted from the moment the event is handed out.
    #[must_use]
    pub fn due_in(mut self, duration: Duration) -> Self {
        self.deadline = Some(duration);
        self
    }

    /// Sets a header, to bytes that need not be text.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Leaves out a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.without.push(name.to_ascii_lowercase());
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Sets how the body is framed.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }
}

/// What one poll of `/next` gets.
#[derive(Debug, Clone)]
pub enum Next {
    /// An event.
    Event(Event),
    /// A status with a JSON body, and no event.
    Status(u16),
    /// A connection reset instead of a status.
    Reset,
    /// A closed connection instead of a status.
    Close,
}

/// What one POST gets. Posts beyond the script get 202.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// A status with a JSON body.
    Status(u16),
    /// A connection reset before the body was read.
    ResetUnread,
    /// A connection reset after the body was read.
    ResetRead,
    /// 202, then a connection closed without notice.
    CloseAfter,
    /// 202, then a connection reset.
    ResetAfter,
    /// `100 Continue`, then 202.
    Continue,
    /// 202, after a body whose data is counted and thrown away.
    Count,
    /// A status with a JSON body and a closed connection, before the body was read.
    StatusUnread(u16),
    /// A connection reset after so many bytes of the body.
    ResetWithin(usize),
    /// The body is read after so long, and answered with 202.
    ReadAfter(Duration),
    /// The body is never read, and the connection stays.
    NeverRead,
}

/// One request the runtime made.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// When its head had been read.
    pub at: Instant,
    /// `GET` or `POST`.
    pub method: String,
    /// The path, with whatever `AWS_LAMBDA_RUNTIME_API` put before it.
    pub path: String,
    /// Lower-case names and bytes.
    pub headers: Vec<Header>,
    /// The body; empty when the connection was reset before it was read.
    pub body: Vec<u8>,
    /// The body with its chunks and trailers, as it came.
    pub wire: Vec<u8>,
    /// How many bytes of data the body has.
    pub length: u64,
    /// How much of the standard output had been written when the call came.
    pub stdout_before: u64,
    /// How much of the standard error had been written when the call came.
    pub stderr_before: u64,
    /// The request id of the event it was answered with.
    pub gave: Option<String>,
    /// What the event asked to be echoed.
    pub(crate) gave_invocation_id: Option<String>,
}

impl Call {
    /// The first value of a header, lossily as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What happened to the process under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It polled for an event beyond the script.
    Idle,
    /// It is gone.
    Exited,
}

#[derive(Debug)]
struct State {
    nexts: VecDeque<Next>,
    answers: VecDeque<Answer>,
    calls: Vec<Call>,
    events: usize,
    /// Connections that nobody reads from.
    unread: Vec<TcpStream>,
    log_files: [PathBuf; 2],
}

/// The running server. It ends with the test process.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl RuntimeApi {
    /// Serves the script; tells `idle` when there is nothing left to hand out.
    pub fn serve(
        nexts: Vec<Next>,
        answers: Vec<Answer>,
        log_files: [PathBuf; 2],
        idle: Sender<Signal>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State {
            nexts: nexts.into(),
            answers: answers.into(),
            calls: Vec::new(),
            events: 0,
            unread: Vec::new(),
            log_files,
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                let (shared, idle) = (Arc::clone(&shared), idle.clone());
                // An error here is the peer's doing; what it did shows in the calls.
                thread::spawn(move || serve_connection(connection, stream, &shared, &idle).ok());
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state).calls.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn serve_connection(
    connection: usize,
    stream: TcpStream,
    state: &Mutex<State>,
    idle: &Sender<Signal>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = http::read_request_head(&mut reader)? {
        let mut state_now = lock(state);
        let written = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
        let (stdout_before, stderr_before) =
            (written(&state_now.log_files[0]), written(&state_now.log_files[1]));
        let is_next = head.path.ends_with("/2018-06-01/runtime/invocation/next");
        let is_post = head.method == "POST";
        let answer = if is_post { state_now.answers.pop_front() } else { None };
        let index = state_now.calls.len();
        state_now.calls.push(Call {
            connection,
            at: Instant::now(),
            method: head.method.clone(),
            path: head.path.clone(),
            headers: head.headers.clone(),
            body: Vec::new(),
            wire: Vec::new(),
            length: 0,
            stdout_before,
            stderr_before,
            gave: None,
            gave_invocation_id: None,
        });
        if matches!(answer, Some(Answer::ResetUnread)) {
            return reset(&reader);
        }
        if matches!(answer, Some(Answer::NeverRead)) {
            state_now.unread.push(reader.into_inner());
            return Ok(());
        }
        drop(state_now);
        match answer {
            Some(Answer::StatusUnread(status)) => return write_status(reader.get_mut(), status),
            Some(Answer::ResetWithin(bytes)) => {
                reader.read_exact(&mut vec![0; bytes])?;
                return reset(&reader);
            }
            Some(Answer::ReadAfter(pause)) => thread::sleep(pause),
            _ => {}
        }
        if head.get("expect").is_some() {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if matches!(answer, Some(Answer::Count)) {
            let mut length = 0;
            http::read_chunks(&mut reader, &mut |data| length += data.len() as u64)?;
            lock(state).calls[index].length = length;
            write_status(reader.get_mut(), 202)?;
            continue;
        }
        let mut tee = Tee::new(&mut reader);
        let body = http::read_body(&mut tee, &head)?;
        let wire = tee.seen;
        let mut state_now = lock(state);
        let call = &mut state_now.calls[index];
        (call.length, call.body, call.wire) = (body.len() as u64, body, wire);
        let goes_on = if head.method == "GET" && is_next {
            let next = state_now.nexts.pop_front();
            if next.is_none() {
                drop(state_now);
                idle.send(Signal::Idle).ok();
                // Held open until the process is gone.
                reader.fill_buf()?;
                return Ok(());
            }
            hand_out(next, index, state_now, &mut reader)?
        } else if is_post {
            drop(state_now);
            let answer = answer.unwrap_or(Answer::Status(202));
            acknowledge(answer, &mut reader)?
        } else {
            drop(state_now);
            write_status(reader.get_mut(), 404)?;
            true
        };
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

/// Answers a poll; false when the connection is over.
fn hand_out(
    next: Option<Next>,
    index: usize,
    mut state: MutexGuard<'_, State>,
    reader: &mut BufReader<TcpStream>,
) -> io::Result<bool> {
    match next {
        None | Some(Next::Close) => Ok(false),
        Some(Next::Reset) => {
            drop(state);
            reset(reader)?;
            Ok(false)
        }
        Some(Next::Status(status)) => {
            drop(state);
            write_status(reader.get_mut(), status)?;
            Ok(true)
        }
        Some(Next::Event(event)) => {
            state.events += 1;
            let id = event
                .id
                .clone()
                .unwrap_or_else(|| format!("8476a536-e9f4-11e8-9739-{:012}", state.events));
            let headers = headers_of(&event, &id);
            let sent = |name: &str| {
                headers
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            };
            state.calls[index].gave = sent("Lambda-Runtime-Aws-Request-Id");
            state.calls[index].gave_invocation_id = sent("Lambda-Runtime-Invocation-Id");
            drop(state);
            write_event(&event, &headers, reader.get_mut())
        }
    }
}

fn headers_of(event: &Event, id: &str) -> Vec<(String, Vec<u8>)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut headers = vec![
        ("Content-Type".to_owned(), b"application/json".to_vec()),
        ("Lambda-Runtime-Aws-Request-Id".to_owned(), id.as_bytes().to_vec()),
        (
            "Lambda-Runtime-Invoked-Function-Arn".to_owned(),
            b"arn:aws:lambda:eu-west-1:123456789012:function:greeter".to_vec(),
        ),
        (
            "Lambda-Runtime-Trace-Id".to_owned(),
            b"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1".to_vec(),
        ),
    ];
    if let Some(duration) = event.deadline {
        let deadline = (now + duration).as_millis().to_string();
        headers.push(("Lambda-Runtime-Deadline-Ms".to_owned(), deadline.into_bytes()));
    }
    headers.retain(|(name, _)| !event.without.contains(&name.to_ascii_lowercase()));
    headers.extend(event.headers.iter().cloned());
    headers
}

fn write_event(
    event: &Event,
    headers: &[(String, Vec<u8>)],
    stream: &mut TcpStream,
) -> io::Result<bool> {
    let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    match event.framing {
        Framing::Length => {
            write!(bytes, "Content-Length: {}\r\n\r\n", event.body.len())?;
            bytes.extend_from_slice(&event.body);
        }
        Framing::CutShort => {
            write!(bytes, "Content-Length: {}\r\n\r\n", event.body.len() + 10)?;
            bytes.extend_from_slice(&event.body);
        }
        Framing::UntilClose => {
            bytes.extend_from_slice(b"Connection: close\r\n\r\n");
            bytes.extend_from_slice(&event.body);
        }
        Framing::Chunked(size) => {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in event.body.chunks(size) {
                write!(bytes, "{:x}\r\n", chunk.len())?;
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
    }
    stream.write_all(&bytes)?;
    Ok(matches!(event.framing, Framing::Length | Framing::Chunked(_)))
}

/// Answers a POST; false when the connection is over.
fn acknowledge(answer: Answer, reader: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let stream = reader.get_mut();
    match answer {
        Answer::Status(status) => write_status(stream, status)?,
        Answer::ReadAfter(_) => write_status(stream, 202)?,
        Answer::Count | Answer::StatusUnread(_) | Answer::ResetWithin(_) | Answer::NeverRead => {
            return Ok(false);
        }
        Answer::Continue => {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            write_status(stream, 202)?;
        }
        Answer::CloseAfter => {
            write_status(stream, 202)?;
            return Ok(false);
        }
        Answer::ResetUnread | Answer::ResetRead => {
            reset(reader)?;
            return Ok(false);
        }
        Answer::ResetAfter => {
            write_status(stream, 202)?;
            // The answer must be taken before the reset throws it away: a peer that has read it
            // either speaks again or closes.
            reader.fill_buf()?;
            reset(reader)?;
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_status(stream: &mut TcpStream, status: u16) -> io::Result<()> {
    let (reason, body) = match status {
        202 => ("Accepted", r#"{"status":"OK"}"#),
        204 => return stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
        400 => (
            "Bad Request",
            r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#,
        ),
        403 => (
            "Forbidden",
            r#"{"errorMessage":"State transition failed","errorType":"InvalidStateTransition"}"#,
        ),
        410 => ("Gone", r#"{"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}"#),
        413 => (
            "Request Entity Too Large",
            r#"{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}"#,
        ),
        _ => (
            "Internal Server Error",
            r#"{"errorMessage":"Internal Server Error","errorType":"InternalServerError"}"#,
        ),
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes())
}

/// Makes the close that follows a reset instead of an orderly end.
fn reset(reader: &BufReader<TcpStream>) -> io::Result<()> {
    socket2::SockRef::from(reader.get_ref()).set_linger(Some(Duration::ZERO))
}
