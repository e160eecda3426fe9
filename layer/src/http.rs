//! Just enough of an HTTP/1.1 server for the emulator: requests in, answers out, one connection.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// More than Go's server takes (1 MiB), so that a test can see what a runtime really sent.
const MAX_HEAD: usize = 2 << 20;
const MAX_HEADERS: usize = 256;
const MAX_BODY: usize = 256 << 20;
/// The size of a chunk with its extensions, in bytes.
const MAX_CHUNK_LINE: usize = 4 * 1024;
const MAX_EMPTY_LINES: usize = 8;

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

/// How long a peer may take to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until the first byte of a request.
    pub(crate) idle: Duration,
    /// From there to the end of its headers; and so much for any body.
    pub(crate) head: Duration,
    /// Bytes of a body that have to come in a second, in the mean, once that is over.
    pub(crate) rate: u32,
}

/// A peer's connection with what was read too far.
pub(crate) struct Connection {
    stream: Arc<TcpStream>,
    /// `input[consumed..]` waits to be read.
    input: Vec<u8>,
    consumed: usize,
    max_head: usize,
    max_body: usize,
    patience: Option<Patience>,
    /// When what is read now has to be there.
    deadline: Option<Instant>,
    is_out_of_step: bool,
}

impl Connection {
    pub(crate) fn new(stream: impl Into<Arc<TcpStream>>) -> Connection {
        Connection {
            stream: stream.into(),
            input: Vec::new(),
            consumed: 0,
            max_head: MAX_HEAD,
            max_body: MAX_BODY,
            patience: None,
            deadline: None,
            is_out_of_step: false,
        }
    }

    /// The same, with less room for what strangers send: bytes of a request's headers, and of its
    /// body. More is an error of the kind `QuotaExceeded`, or `FileTooLarge`.
    pub(crate) fn with_limits(self, max_head: usize, max_body: usize) -> Connection {
        Connection { max_head, max_body, ..self }
    }

    /// The same, for peers that have to send in time. What is late is an error of the kind
    /// `TimedOut` or `WouldBlock`.
    pub(crate) fn with_patience(self, patience: Patience) -> Connection {
        Connection { patience: Some(patience), ..self }
    }

    /// Whether it is not known any more where the next request begins.
    pub(crate) fn is_out_of_step(&self) -> bool {
        self.is_out_of_step
    }

    /// Ends the connection so that the last answer arrives: a connection that is closed while
    /// there is something to read is reset, and takes the answer with it.
    pub(crate) fn close_gently(self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut buffer = [0; 16 * 1024];
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        while let left @ 1.. = until.saturating_duration_since(Instant::now()).as_millis() {
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
            let is_over = self.stream.set_read_timeout(Some(left)).is_err()
                || !(&*self.stream).read(&mut buffer).is_ok_and(|length| length > 0);
            if is_over {
                return;
            }
        }
    }

    /// Waits for the first byte of the next request; false once the peer has gone.
    pub(crate) fn await_request(&mut self) -> io::Result<bool> {
        if !self.unread().is_empty() {
            return Ok(true);
        }
        self.has_to_come_in(|patience| patience.idle);
        self.fill()
    }

    /// Reads the next request up to its body. `None` once the peer has gone.
    pub(crate) fn read_head(&mut self) -> io::Result<Option<Head>> {
        self.has_to_come_in(|patience| patience.head);
        let (mut searched, mut tried, mut empty_lines) = (0, 0, 0);
        loop {
            // Some clients end a body with a line too many (RFC 9112, 2.2).
            while searched == 0 && self.unread().starts_with(b"\r\n") {
                self.consumed += 2;
                empty_lines += 1;
                if empty_lines > MAX_EMPTY_LINES {
                    return Err(invalid("not an HTTP request: it begins with empty lines"));
                }
            }
            let unread = self.unread();
            let end = end_of_lines(unread, searched)?;
            searched = unread.len();
            if end.unwrap_or(searched) > self.max_head {
                return Err(quota("the request's headers are too many or too long"));
            }
            if let Some(end) = end {
                let head = parse(&unread[..end])?;
                self.consumed += end;
                return head.map(Some).ok_or_else(|| invalid("not an HTTP request"));
            }
            // What cannot become a request is refused before its end; seldom enough that a peer
            // which sends it in many pieces does not make it read over and over.
            if searched > 2 * tried {
                parse(unread)?;
                tried = searched;
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
        self.has_to_come_in(|patience| patience.head);
        let body = self.read_framed(head, on);
        self.is_out_of_step |= !body.as_ref().is_ok_and(|body| !body.truncated);
        body
    }

    fn read_framed(&mut self, head: &Head, on: Option<&OnData>) -> io::Result<Body> {
        let framing = Framing::of(head)?;
        if matches!(framing, Framing::Length(length) if length > self.max_body) {
            return Err(self.too_large());
        }
        let expects = find(&head.headers, "expect").unwrap_or_default();
        if expects.eq_ignore_ascii_case("100-continue") && !head.is_http_1_0 {
            self.send_raw(b"HTTP/1.1 100 Continue\r\n\r\n")?;
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
        let cut = |body: &mut Body| {
            body.truncated = true;
            Ok(())
        };
        let mut of_extensions = 0;
        loop {
            let Some(line) = self.read_line(MAX_CHUNK_LINE)? else { return cut(body) };
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            of_extensions += line.len() - digits.len();
            if of_extensions > self.max_head {
                return Err(quota("the chunks have too many extensions"));
            }
            let size = chunk_size(digits)?;
            if size == 0 {
                break;
            }
            if body.length.saturating_add(size) > self.max_body {
                return Err(self.too_large());
            }
            let mut line_end = Vec::new();
            if !self.take(size, &mut body.bytes)? || !self.take(2, &mut line_end)? {
                return cut(body);
            }
            if line_end != b"\r\n" {
                return Err(invalid("a chunk is longer than its size says"));
            }
            body.length += size;
            if let Some(on) = on {
                on(&body.bytes);
                body.bytes.clear();
            }
        }
        let mut trailers = Vec::new();
        loop {
            let Some(line) = self.read_line(self.max_head)? else { return cut(body) };
            trailers.extend_from_slice(&line);
            trailers.extend_from_slice(b"\r\n");
            if trailers.len() > self.max_head {
                return Err(quota("the trailers are too many or too long"));
            }
            if line.is_empty() {
                break;
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        match httparse::parse_headers(&trailers, &mut headers) {
            Ok(httparse::Status::Complete((_, trailers))) => body.trailers = owned(trailers),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(quota("the trailers are too many or too long"));
            }
            _ => return Err(invalid("a trailer is not `name: value`")),
        }
        Ok(())
    }

    /// A line without its end, for which it may have so many bytes; `None` if the peer stopped
    /// before.
    fn read_line(&mut self, most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let unread = self.unread();
            let end = unread[searched..].iter().position(|byte| *byte == b'\n');
            let end = end.map(|at| searched + at);
            if end.unwrap_or(unread.len()) > most {
                return Err(quota("a line of the chunks is too long"));
            }
            if let Some(end) = end {
                let line = unread[..end].strip_suffix(b"\r");
                let line = line.ok_or_else(|| invalid("a line ends without a carriage return"))?;
                if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                    return Err(invalid("a line of the chunks has a control character"));
                }
                let line = line.to_vec();
                self.consumed += end + 1;
                return Ok(Some(line));
            }
            searched = unread.len();
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Moves `length` bytes to `into`; false if the peer stopped before.
    fn take(&mut self, length: usize, into: &mut Vec<u8>) -> io::Result<bool> {
        let at_hand = length.min(self.unread().len());
        into.extend_from_slice(&self.unread()[..at_hand]);
        self.consumed += at_hand;
        let mut missing = length - at_hand;
        let mut buffer = [0; 64 * 1024];
        while missing > 0 {
            let room = missing.min(buffer.len());
            match self.receive(&mut buffer[..room]) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    into.extend_from_slice(&buffer[..read]);
                    missing -= read;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn too_large(&self) -> io::Error {
        let message = format!("the body has more than {} bytes", self.max_body);
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    }

    fn unread(&self) -> &[u8] {
        &self.input[self.consumed..]
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.input.drain(..self.consumed);
        self.consumed = 0;
        let mut buffer = [0; 16 * 1024];
        let length = self.receive(&mut buffer)?;
        self.input.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }

    fn has_to_come_in(&mut self, time: impl Fn(&Patience) -> Duration) {
        self.deadline = self.patience.as_ref().map(|patience| Instant::now() + time(patience));
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(deadline) = self.deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                self.stream.set_read_timeout(Some(left))?;
            }
            match (&*self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(length) => {
                    if let (Some(deadline), Some(patience)) = (&mut self.deadline, &self.patience) {
                        // Each byte earns the time for the next.
                        *deadline += Duration::from_secs(1) * u32::try_from(length).unwrap_or(0)
                            / patience.rate.max(1);
                    }
                    return Ok(length);
                }
            }
        }
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
        (&*self.stream).write_all(bytes)
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

/// The head in bytes that end with it; `None` if they are its beginning.
fn parse(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(quota("the request's headers are too many or too long"));
        }
        Err(error) => return Err(invalid(&format!("not an HTTP request: {error}"))),
    }
    let method = request.method.unwrap_or_default();
    let target = request.path.unwrap_or_default();
    let is_target = target.starts_with('/')
        || (target == "*" && method == "OPTIONS")
        || authority_of(target).is_some();
    if !is_target {
        return Err(invalid("not an HTTP request: its target is neither a path nor a URL"));
    }
    Ok(Some(Head {
        method: method.to_owned(),
        path: target.to_owned(),
        headers: owned(request.headers),
        is_http_1_0: request.version == Some(0),
    }))
}

/// The host of a target that is a URL, as a proxy's clients send it.
pub(crate) fn authority_of(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let is_http = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_http.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// The name and the port of an authority; `None` if it is none, or has a user in it.
pub(crate) fn split_authority(authority: &str) -> Option<(&str, Option<&str>)> {
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (authority, None),
    };
    let is_port = port.is_none_or(|port| port.bytes().all(|digit| digit.is_ascii_digit()));
    let is_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c)),
    };
    (is_port && is_name && !name.is_empty()).then_some((name, port))
}

/// The address that a host is, if it is no name.
pub(crate) fn address_of(host: &str) -> Option<IpAddr> {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    })
}

/// Whether a host is this machine by whatever name server: nobody can lead these names elsewhere.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = address_of(host).is_some_and(|address| address.is_loopback());
    name == "localhost" || name.ends_with(".localhost") || address
}

/// Where the lines up to an empty one end, if they do after `from`. Each has both of its
/// characters at the end: what takes one alone for a line end sees other lines.
fn end_of_lines(bytes: &[u8], from: usize) -> io::Result<Option<usize>> {
    for at in from..bytes.len() {
        if bytes[at] != b'\n' {
            continue;
        }
        let line = bytes[..at].strip_suffix(b"\r");
        let line = line.ok_or_else(|| invalid("a line ends without a carriage return"))?;
        if line.ends_with(b"\n") {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

fn chunk_size(digits: &[u8]) -> io::Result<usize> {
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex);
    let size = text.and_then(|text| usize::from_str_radix(text, 16).ok());
    size.ok_or_else(|| invalid("bad chunk size"))
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
                .map(|(_, value)| value.trim_matches([' ', '\t']))
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

fn quota(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, message)
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
