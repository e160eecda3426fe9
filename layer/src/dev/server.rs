//! The HTTP server: a thread for each connection, and one place where requests are answered.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::http::{Connection, Head, find};

/// So many connections are served at once; each has a thread.
const MAX_CONNECTIONS: usize = 512;

/// Room for a request's headers, in bytes; for its body, which is more than any function gets,
/// so that those who stand before functions can say what theirs is.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 16 << 20;

/// How long a client may send or take nothing before its connection is closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a refused client may go on sending.
const GENTLENESS: Duration = Duration::from_secs(5);

/// What a client asks for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path as sent, percent encoding and all.
    pub(crate) path: String,
    /// The query as sent, without its question mark.
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) protocol: &'static str,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The name and the port by which the client came here.
    pub(crate) fn host(&self) -> (&str, Option<&str>) {
        let host = self.header("host").unwrap_or("localhost");
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => (name, Some(port)),
            _ => (host, None),
        }
    }

    /// Whether a page of some other site sent it: the browser says so, or the page's host was made
    /// to lead here, where only this machine's own names do.
    pub(crate) fn is_from_another_site(&self) -> bool {
        let is_cross_site = self.header("sec-fetch-site").is_some_and(|site| site == "cross-site");
        is_cross_site || (self.server.ip().is_loopback() && !self.has_own_host())
    }

    /// Whether it may have come from a page that is not ours. Stricter than
    /// [`Request::is_from_another_site`]: pages that other ports of this machine serve are others,
    /// and the host has to be an address or `localhost` wherever we listen, since any other name
    /// may have been led here by whoever owns it.
    pub(crate) fn is_from_another_page(&self) -> bool {
        let site = self.header("sec-fetch-site").unwrap_or("none");
        let host = self.header("host").unwrap_or_default();
        let is_other_origin = self.header("origin").is_some_and(|origin| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority != Some(host)
        });
        !["same-origin", "none"].contains(&site) || is_other_origin || !self.has_own_host()
    }

    fn has_own_host(&self) -> bool {
        let (name, _) = self.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost" || name.ends_with(".localhost") || address.is_ok()
    }
}

/// What it gets.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What comes after the body, as soon as it is there.
    pub(crate) rest: Option<Rest>,
}

/// The parts of a body that is not known at the beginning.
pub(crate) struct Rest(pub(crate) Box<dyn Iterator<Item = Result<Vec<u8>, CutOff>>>);

/// A body ends before its end, and the client has to see that.
#[derive(Debug)]
pub(crate) struct CutOff;

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Rest")
    }
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Reply { status, headers, body: body.into(), rest: None }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, "application/json", body.to_string())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Answer = dyn Fn(Request) -> Reply + Send + Sync;

/// Answers requests for as long as the process lives.
pub(crate) fn serve(listener: &TcpListener, answer: Arc<Answer>) -> io::Result<()> {
    let server = listener.local_addr()?;
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        // A client that is gone before it was accepted is nobody's concern; without descriptors
        // there is nothing to do but try again when one was given back.
        let Ok((stream, client)) = listener.accept() else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        if count.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            count.fetch_sub(1, Ordering::Relaxed);
            let reply = Reply::new(503, "text/plain", "too many connections\n");
            // A socket that was just opened has room for so little.
            drop((&stream).write_all(&bytes_of(&reply, false, false)));
            continue;
        }
        let (counted, answer) = (Counted(Arc::clone(&count)), Arc::clone(&answer));
        // Where no thread can be had, the connection is closed by being dropped.
        drop(thread::Builder::new().name("connection".to_owned()).spawn(move || {
            let _counted = counted;
            // What is wrong with a connection shows at its other end.
            drop(converse(stream, client, server, &*answer));
        }));
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn converse(
    stream: TcpStream,
    client: SocketAddr,
    server: SocketAddr,
    answer: &Answer,
) -> io::Result<()> {
    // Without it each reply may wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut connection = Connection::new(stream).with_limits(MAX_HEAD, MAX_BODY);
    loop {
        let head = match connection.read_head() {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(()),
            // An idle connection ends without a word.
            Err(error) if is_late(&error) && !connection.has_begun() => return Ok(()),
            Err(error) => return refuse(connection, &error),
        };
        if !head.is_http_1_0 && count(&head, "host") != 1 {
            let error = io::Error::new(ErrorKind::InvalidData, "a request has one host header");
            return refuse(connection, &error);
        }
        let body = match connection.read_body(&head) {
            Ok(body) if body.truncated => return Ok(()),
            Ok(body) => body.bytes,
            Err(error) => return refuse(connection, &error),
        };
        let stays = stays_open(&head);
        let is_head = head.method == "HEAD";
        let (path, query) = head.path.split_once('?').unwrap_or((&head.path, ""));
        let request = Request {
            path: path_of(path).to_owned(),
            query: query.to_owned(),
            protocol: if head.is_http_1_0 { "HTTP/1.0" } else { "HTTP/1.1" },
            method: head.method,
            headers: head.headers,
            body,
            client,
            server,
        };
        let mut reply = answer(request);
        let Some(rest) = reply.rest.take() else {
            connection.send_raw(&bytes_of(&reply, is_head, stays))?;
            if stays {
                continue;
            }
            return Ok(());
        };
        // HTTP/1.0 knows the end of such a body by the end of the connection.
        let has_chunks = !head.is_http_1_0;
        let stays = stays && has_chunks;
        if is_head {
            let head = [status_and_headers(&reply).as_slice(), connection_header(false)].concat();
            return connection.send_raw(&head);
        }
        let is_complete = send_parts(&mut connection, reply, rest, has_chunks, stays)?;
        if !stays || !is_complete {
            return Ok(());
        }
    }
}

/// Sends a body part by part; false if it was cut off.
fn send_parts(
    connection: &mut Connection,
    mut reply: Reply,
    rest: Rest,
    has_chunks: bool,
    stays: bool,
) -> io::Result<bool> {
    let first = std::mem::take(&mut reply.body);
    let mut head = status_and_headers(&reply);
    if has_chunks {
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    head.extend_from_slice(connection_header(stays));
    connection.send_raw(&head)?;
    for part in std::iter::once(Ok(first)).chain(rest.0) {
        let Ok(part) = part else { return Ok(false) };
        if part.is_empty() {
            continue;
        }
        if has_chunks {
            let length = format!("{:x}\r\n", part.len());
            connection.send_raw(&[length.as_bytes(), &part, b"\r\n"].concat())?;
        } else {
            connection.send_raw(&part)?;
        }
    }
    if has_chunks {
        connection.send_raw(b"0\r\n\r\n")?;
    }
    Ok(true)
}

/// Tells a client what is wrong with its request, of which no more is read.
fn refuse(mut connection: Connection, error: &io::Error) -> io::Result<()> {
    let status = match error.kind() {
        ErrorKind::InvalidData => 400,
        ErrorKind::FileTooLarge => 413,
        ErrorKind::QuotaExceeded => 431,
        _ if is_late(error) => 408,
        // The connection itself has failed.
        _ => return Ok(()),
    };
    let message = match status {
        408 => "the request did not come to its end in time\n".to_owned(),
        _ => format!("{error}\n"),
    };
    let reply = Reply::new(status, "text/plain; charset=utf-8", message);
    connection.send_raw(&bytes_of(&reply, false, false))?;
    connection.close_gently(GENTLENESS);
    Ok(())
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn count(head: &Head, wanted: &str) -> usize {
    head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).count()
}

fn stays_open(head: &Head) -> bool {
    let says = |word: &str| {
        let connection = find(&head.headers, "connection").unwrap_or_default();
        connection.split(',').any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    if head.is_http_1_0 { says("keep-alive") } else { !says("close") }
}

/// The path of a request target, which a proxy's clients send with scheme and host.
fn path_of(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(|c| c.is_ascii_alphabetic()) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    }
}

fn status_and_headers(reply: &Reply) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status)).into_bytes();
    for (name, value) in &reply.headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes
}

/// The last header, and the line that ends the headers.
fn connection_header(stays: bool) -> &'static [u8] {
    if stays { b"Connection: keep-alive\r\n\r\n" } else { b"Connection: close\r\n\r\n" }
}

fn bytes_of(reply: &Reply, is_head: bool, stays: bool) -> Vec<u8> {
    let mut bytes = status_and_headers(reply);
    let has_no_body = matches!(reply.status, 204 | 304) || reply.status < 200;
    if !has_no_body {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", reply.body.len()).as_bytes());
    }
    bytes.extend_from_slice(connection_header(stays));
    if !has_no_body && !is_head {
        bytes.extend_from_slice(&reply.body);
    }
    bytes
}

/// The phrases of RFC 9110. Clients show them to people, and go by the number.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_come_with_its_host() {
        assert_eq!(path_of("/a/b"), "/a/b");
        assert_eq!(path_of("http://127.0.0.1:3000/a"), "/a");
        assert_eq!(path_of("http://127.0.0.1:3000"), "/");
        assert_eq!(path_of("/to/http://x/y"), "/to/http://x/y");
    }

    #[test]
    fn a_reply_without_a_body_has_no_length_either() {
        let text =
            |reply, is_head| String::from_utf8_lossy(&bytes_of(&reply, is_head, true)).into_owned();
        let none = Reply { status: 204, headers: Vec::new(), body: b"x".to_vec(), rest: None };
        assert_eq!(text(none, false), "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
        let head = text(Reply::new(200, "text/plain", "abc"), true);
        assert!(head.ends_with("Content-Length: 3\r\nConnection: keep-alive\r\n\r\n"), "{head}");
    }
}
