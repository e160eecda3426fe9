//! `POST /runtime/invocation/{id}/response` in streaming mode, written by hand: the client of the
//! other calls cannot send trailers.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::api::{Delivery, ERROR_TYPE, INVOCATION_ID, USER_AGENT, verdict};
use crate::effects::Dns;
use crate::error::{ApiError, Report};
use crate::sink::{Broken, Sink};

const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";

/// Data of one chunk, at most, and room for its size before it.
const CHUNK: usize = 16 << 10;
const ROOM_FOR_SIZE: usize = "4000\r\n".len();

/// The JSON of an error that ends a stream: servers in Go, as Lambda's are, read trailers of 4 KiB.
const LONGEST_ERROR: usize = 2880;

/// More than the head of any answer has.
const LONGEST_ANSWER: usize = 64 << 10;

/// What is left of an invocation's time to ask for the next event: half, and at most this.
const KEPT: Duration = Duration::from_millis(50);

/// How long a peer that broke the connection may take to say why, and to be connected to.
const PATIENCE: Duration = Duration::from_secs(1);

/// The response of one invocation. Nothing is connected before it begins.
#[derive(Debug)]
pub struct ResponseStream {
    /// `host:port` of the Runtime API.
    pub(crate) authority: String,
    /// The path of the call.
    pub(crate) path: String,
    pub(crate) invocation_id: Option<Vec<u8>>,
    /// When Lambda ends the invocation.
    pub(crate) deadline: Option<Instant>,
    pub(crate) state: State,
}

/// How far a response has come.
#[derive(Debug, Default)]
pub(crate) enum State {
    #[default]
    NotBegun,
    Open(Wire),
    /// Nothing can be sent any more; there may still be an answer to read.
    Closed(Option<TcpStream>),
}

impl ResponseStream {
    /// Whether nobody reads any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Ends the response, with the error that broke it off if there is one, reads the answer and
    /// closes the connection.
    ///
    /// # Errors
    /// An [`ApiError`] when the API asks the runtime to stop.
    pub fn end(&mut self, error: Option<&Report>) -> Result<Delivery, ApiError> {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let until = self.deadline.map(|deadline| deadline - (left(deadline) / 2).min(KEPT));
        let (stream, until) = match std::mem::take(&mut self.state) {
            State::NotBegun | State::Closed(None) => return Ok(Delivery::Dropped),
            State::Closed(Some(stream)) => (stream, Some(Instant::now() + PATIENCE)),
            State::Open(mut wire) => match wire.end(error, until) {
                Ok(()) => (wire.stream, until),
                Err(Broken::Closed) => (wire.stream, Some(Instant::now() + PATIENCE)),
                Err(Broken::Late) => return Ok(dropped(Broken::Late)),
            },
        };
        match answer(stream, until) {
            Ok((status, body)) => verdict("response", status, &body),
            Err(why) => Ok(dropped(why)),
        }
    }

    fn head(&self, content_type: &str) -> Vec<u8> {
        let Self { authority, path, .. } = self;
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\n\
             Content-Type: {content_type}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\
             Transfer-Encoding: chunked\r\nTrailer: {ERROR_TYPE}\r\nTrailer: {ERROR_BODY}\r\n"
        )
        .into_bytes();
        if let Some(id) = &self.invocation_id {
            head.extend_from_slice(INVOCATION_ID.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(id);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// Sends by the wire, if there is one; one that is closed is not used again.
    fn send(&mut self, send: impl FnOnce(&mut Wire) -> Result<(), Broken>) -> Result<(), Broken> {
        let State::Open(wire) = &mut self.state else { return Err(Broken::Closed) };
        let sent = send(wire);
        if sent == Err(Broken::Closed) {
            self.close();
        }
        sent
    }

    fn close(&mut self) {
        self.state = match std::mem::take(&mut self.state) {
            State::Open(wire) => State::Closed(Some(wire.stream)),
            _ => State::Closed(None),
        };
    }
}

fn dropped(why: Broken) -> Delivery {
    match why {
        Broken::Closed => log::warn!("the reader of the response has gone before its end"),
        Broken::Late => log::warn!("nobody took the rest of the response in time; it is cut off"),
    }
    Delivery::Dropped
}

impl Sink for ResponseStream {
    fn has_begun(&self) -> bool {
        !matches!(self.state, State::NotBegun)
    }

    fn begin(
        &mut self,
        content_type: &str,
        prelude: &[u8],
        until: Option<Instant>,
    ) -> Result<(), Broken> {
        self.state = match connect(&self.authority) {
            Ok(stream) => State::Open(Wire::new(stream, self.head(content_type))),
            Err(error) => {
                log::error!("the Runtime API cannot be reached at `response`: {error}");
                State::Closed(None)
            }
        };
        self.send(|wire| {
            wire.send(until)?;
            wire.write(prelude, until)?;
            wire.flush(until)
        })
    }

    fn write(&mut self, data: &[u8], until: Option<Instant>) -> Result<(), Broken> {
        self.send(|wire| wire.write(data, until))
    }

    fn flush(&mut self, until: Option<Instant>) -> Result<(), Broken> {
        self.send(|wire| wire.flush(until))
    }

    fn is_open(&mut self) -> bool {
        match &self.state {
            State::NotBegun => true,
            State::Closed(_) => false,
            State::Open(wire) if wire.has_reader() => true,
            State::Open(_) => {
                self.close();
                false
            }
        }
    }
}

fn connect(authority: &str) -> io::Result<TcpStream> {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let host = host.trim_matches(['[', ']']);
    let addresses = Dns::default().look_up(host, Instant::now() + PATIENCE);
    let mut refused = ErrorKind::AddrNotAvailable.into();
    for address in addresses.map_err(|error| io::Error::other(error.to_string()))? {
        match TcpStream::connect((address, port)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A connection, and what is collected to be sent by it.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    /// Room for the size of a chunk, and its data; or, once it is framed, what is to be sent.
    buffer: Vec<u8>,
    /// The first byte of the buffer that is not sent.
    unsent: usize,
    is_framed: bool,
}

impl Wire {
    /// A wire that sends this first, as it is.
    fn new(stream: TcpStream, head: Vec<u8>) -> Self {
        Self { stream, buffer: head, unsent: 0, is_framed: true }
    }

    fn write(&mut self, mut data: &[u8], until: Option<Instant>) -> Result<(), Broken> {
        while !data.is_empty() {
            if self.is_framed {
                self.send(until)?;
            }
            let room = ROOM_FOR_SIZE + CHUNK - self.buffer.len();
            let (fitting, rest) = data.split_at(room.min(data.len()));
            self.buffer.extend_from_slice(fitting);
            data = rest;
            if fitting.len() == room {
                self.flush(until)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, until: Option<Instant>) -> Result<(), Broken> {
        self.frame();
        self.send(until)
    }

    fn end(&mut self, error: Option<&Report>, until: Option<Instant>) -> Result<(), Broken> {
        self.frame();
        self.buffer.extend_from_slice(b"0\r\n");
        if let Some(report) = error {
            let error_type = report.error_type.as_str();
            let body = BASE64.encode(report.to_json_within(LONGEST_ERROR));
            let trailers = format!("{ERROR_TYPE}: {error_type}\r\n{ERROR_BODY}: {body}\r\n");
            self.buffer.extend_from_slice(trailers.as_bytes());
        }
        self.buffer.extend_from_slice(b"\r\n");
        self.send(until)
    }

    /// Makes a chunk of the data that is collected; of none there is no chunk, which would be the
    /// last one.
    fn frame(&mut self) {
        if self.is_framed {
            return;
        }
        self.is_framed = true;
        self.unsent = ROOM_FOR_SIZE;
        let length = self.buffer.len() - ROOM_FOR_SIZE;
        if length > 0 {
            let size = format!("{length:x}\r\n");
            self.unsent -= size.len();
            self.buffer[self.unsent..ROOM_FOR_SIZE].copy_from_slice(size.as_bytes());
            self.buffer.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what is framed. What was not taken in time is still there then.
    fn send(&mut self, until: Option<Instant>) -> Result<(), Broken> {
        while self.unsent < self.buffer.len() {
            let timed = self.stream.set_write_timeout(time_left(until)?);
            match timed.and_then(|()| self.stream.write(&self.buffer[self.unsent..])) {
                Ok(0) => return Err(Broken::Closed),
                Ok(amount) => self.unsent += amount,
                Err(error) if is_passing(error.kind()) => {}
                Err(_) => return Err(Broken::Closed),
            }
        }
        self.buffer.clear();
        self.buffer.resize(ROOM_FOR_SIZE, 0);
        self.is_framed = false;
        Ok(())
    }

    /// Whether the peer has neither closed the connection nor answered already.
    fn has_reader(&self) -> bool {
        let peeked = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        let is_blocking = self.stream.set_nonblocking(false).is_ok();
        is_blocking && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// How long a system call may block.
fn time_left(until: Option<Instant>) -> Result<Option<Duration>, Broken> {
    match until.map(|until| until.saturating_duration_since(Instant::now())) {
        Some(Duration::ZERO) => Err(Broken::Late),
        left => Ok(left),
    }
}

/// Whether a system call may be made again.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The status and as much of the body as came with it.
fn answer(mut stream: TcpStream, until: Option<Instant>) -> Result<(u16, Vec<u8>), Broken> {
    let mut bytes = Vec::new();
    loop {
        if let Some(length) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let status = bytes.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
            let status = status.and_then(|digits| std::str::from_utf8(digits).ok());
            let status = status.and_then(|digits| digits.parse().ok()).ok_or(Broken::Closed)?;
            bytes.drain(..length + 4);
            // Of the interim ones 101 alone has no other behind it.
            if status >= 200 || status == 101 {
                return Ok((status, bytes));
            }
            continue;
        }
        let timed = stream.set_read_timeout(time_left(until)?);
        let mut part = [0; 1024];
        match timed.and_then(|()| stream.read(&mut part)) {
            Ok(amount @ 1..) if bytes.len() < LONGEST_ANSWER => {
                bytes.extend_from_slice(&part[..amount]);
            }
            Err(error) if is_passing(error.kind()) => {}
            _ => return Err(Broken::Closed),
        }
    }
}
