//! Just enough of an HTTP/1.1 server for the emulator: requests in, answers out, one connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// More than Go's server takes (1 MiB), so that a test can see what a runtime really sent.
const MAX_HEAD: usize = 2 << 20;
const MAX_HEADERS: usize = 256;
const MAX_BODY: usize = 256 << 20;

/// The request line and the headers of one request.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// HTTP/1.0, which keeps no connection and knows no chunks.
    pub(crate) is_http_1_0: bool,
}

/// A body, whole or cut off, and the trailers that came after it.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// How many bytes there were, also of a body that was handed on.
    pub(crate) length: usize,
    pub(crate) trailers: Vec<(String, String)>,
    /// The peer promised more than it sent.
    pub(crate) truncated: bool,
}

/// What is sent back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Sends the body in chunks of this many bytes; without it, as Go does.
    pub(crate) chunk_size: Option<usize>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        let headers = vec![("Content-Type".to_owned(), b"application/json".to_vec())];
        Answer { status, headers, body: body.into(), chunk_size: None }
    }
}

/// Gets the data of a body as it comes.
pub(crate) type OnData<'a> = dyn Fn(&[u8]) + 'a;

/// A peer's connection with what was read too far.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    max_head: usize,
    max_body: usize,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Connection {
        Connection { stream, unread: Vec::new(), max_head: MAX_HEAD, max_body: MAX_BODY }
    }

    /// The same, with less room for what strangers send: bytes of a request's headers, and of its
    /// body. More is an error of the kind `QuotaExceeded`, or `FileTooLarge`.
    pub(crate) fn with_limits(self, max_head: usize, max_body: usize) -> Connection {
        Connection { max_head, max_body, ..self }
    }

    /// Whether a part of a request has come already.
    pub(crate) fn has_begun(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Ends the connection so that the last answer arrives: a connection that is closed while
    /// there is something to read is reset, and takes the answer with it.
    pub(crate) fn close_gently(mut self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut buffer = [0; 16 * 1024];
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        while let left @ 1.. = until.saturating_duration_since(Instant::now()).as_millis() {
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
            let is_over = self.stream.set_read_timeout(Some(left)).is_err()
                || !self.stream.read(&mut buffer).is_ok_and(|length| length > 0);
            if is_over {
                return;
            }
        }
    }

    /// Reads the next request up to its body. `None` once the peer has gone.
    pub(crate) fn read_head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if !self.unread.is_empty() {
                let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
                let mut request = httparse::Request::new(&mut headers);
                match request.parse(&self.unread) {
                    Ok(httparse::Status::Complete(length)) => {
                        let head = Head {
                            method: request.method.unwrap_or_default().to_owned(),
                            path: request.path.unwrap_or_default().to_owned(),
                            headers: owned(request.headers),
                            is_http_1_0: request.version == Some(0),
                        };
                        self.unread.drain(..length);
                        return Ok(Some(head));
                    }
                    Ok(httparse::Status::Partial) if self.unread.len() < self.max_head => {}
                    Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                        let message = "the request's headers are too many or too long";
                        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
                    }
                    Err(error) => return Err(invalid(&format!("not an HTTP request: {error}"))),
                }
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads the body that `head` announces.
    pub(crate) fn read_body(&mut self, head: &Head) -> io::Result<Body> {
        self.read_body_by(head, None)
    }

    /// Reads the body that `head` announces; its chunks are handed on as they come, and not kept.
    pub(crate) fn hand_on_body(&mut self, head: &Head, on: &OnData) -> io::Result<Body> {
        self.read_body_by(head, Some(on))
    }

    fn read_body_by(&mut self, head: &Head, on: Option<&OnData>) -> io::Result<Body> {
        let header = |wanted: &str| find(&head.headers, wanted);
        let framing = Framing::of(head)?;
        if matches!(framing, Framing::Length(length) if length > self.max_body) {
            return Err(self.too_large());
        }
        if header("expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = Body::default();
        match framing {
            Framing::Chunks => self.read_chunks(&mut body, on)?,
            Framing::Length(length) => {
                body.truncated = !self.take(length, &mut body.bytes)?;
                body.length = body.bytes.len();
            }
        }
        Ok(body)
    }

    fn read_chunks(&mut self, body: &mut Body, on: Option<&OnData>) -> io::Result<()> {
        loop {
            let Some(line) = self.read_line()? else {
                body.truncated = true;
                return Ok(());
            };
            let size = line.split(';').next().unwrap_or_default().trim();
            let is_hex = size.bytes().all(|digit| digit.is_ascii_hexdigit());
            let size = usize::from_str_radix(size, 16).ok().filter(|_| is_hex);
            let size = size.ok_or_else(|| invalid("bad chunk size"))?;
            if size == 0 {
                break;
            }
            let is_whole = self.take(size, &mut body.bytes)? && self.read_line()?.is_some();
            if !is_whole {
                body.truncated = true;
                return Ok(());
            }
            body.length += size;
            if let Some(on) = on {
                on(&body.bytes);
                body.bytes.clear();
            }
        }
        loop {
            match self.read_line()? {
                None => {
                    body.truncated = true;
                    return Ok(());
                }
                Some(line) if line.is_empty() => return Ok(()),
                Some(line) => {
                    let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                    body.trailers.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
    }

    fn read_line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&self.unread[..end]).trim_end().to_owned();
                self.unread.drain(..=end);
                return Ok(Some(line));
            }
            if self.unread.len() > MAX_HEAD {
                return Err(invalid("a chunk header has no end"));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Moves `length` bytes to `into`; false if the peer stopped before.
    fn take(&mut self, length: usize, into: &mut Vec<u8>) -> io::Result<bool> {
        if into.len().saturating_add(length) > self.max_body {
            return Err(self.too_large());
        }
        let at_hand = length.min(self.unread.len());
        into.extend(self.unread.drain(..at_hand));
        let missing = length - at_hand;
        match (&mut self.stream).take(missing as u64).read_to_end(into) {
            Ok(read) => Ok(read == missing),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn too_large(&self) -> io::Error {
        let message = format!("the body has more than {} bytes", self.max_body);
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let length = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }

    /// Sends the answer: up to 2 KB with a length, larger bodies in chunks, as Go's server does.
    pub(crate) fn send(&mut self, answer: &Answer) -> io::Result<()> {
        let status_line = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
        let mut bytes = status_line.into_bytes();
        for (name, value) in &answer.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        let chunk_size = match answer.chunk_size {
            Some(size) => Some(size.max(1)),
            None if answer.body.len() > 2048 => Some(32 * 1024),
            None => None,
        };
        if answer.status == 204 {
            bytes.extend_from_slice(b"\r\n");
        } else if let Some(chunk_size) = chunk_size {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in answer.body.chunks(chunk_size) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            let length = format!("Content-Length: {}\r\n\r\n", answer.body.len());
            bytes.extend_from_slice(length.as_bytes());
            bytes.extend_from_slice(&answer.body);
        }
        self.send_raw(&bytes)
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Ends the connection the hard way: the peer reads "connection reset".
    pub(crate) fn reset(self) {
        use std::os::fd::AsRawFd;
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        // SAFETY: the descriptor is open for as long as `self.stream` lives, and the pointer and
        // length describe `linger`, which outlives the call.
        unsafe {
            libc::setsockopt(
                self.stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const linger).cast(),
                size_of::<libc::linger>() as libc::socklen_t,
            );
        }
    }
}

/// How the end of a body is known.
enum Framing {
    Length(usize),
    Chunks,
}

impl Framing {
    /// What the headers say, as long as nobody can read it otherwise: two ends of one body are how
    /// a second request is hidden in a first (RFC 9112, 6.3 and 11.2).
    fn of(head: &Head) -> io::Result<Framing> {
        let all = |wanted: &str| {
            let headers = head.headers.iter();
            let named: Vec<&str> = headers
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
                .collect();
            named
        };
        match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
            ([], []) => Ok(Framing::Length(0)),
            ([], [length]) if length.bytes().all(|digit| digit.is_ascii_digit()) => {
                length.parse().map(Framing::Length).map_err(|_| invalid("bad content-length"))
            }
            ([], [_]) => Err(invalid("bad content-length")),
            ([], _) => Err(invalid("several content-length headers")),
            (_, [_, ..]) => Err(invalid("both content-length and transfer-encoding")),
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") && !head.is_http_1_0 => {
                Ok(Framing::Chunks)
            }
            _ => Err(invalid("a transfer-encoding other than chunked")),
        }
    }
}

/// The value of the first header called `wanted`, whatever its case.
pub(crate) fn find<'a>(headers: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    let header = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    header.map(|(_, value)| value.as_str())
}

fn owned(headers: &[httparse::Header]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        413 => "Request Entity Too Large",
        500 => "Internal Server Error",
        _ => "Answer",
    }
}
