//! The HTTP server: a thread for each connection, and one place where requests are answered.
//!
//! There are so many connections and no more. One that comes when all are taken gets the place of
//! the one that has kept us waiting longest, whatever that has sent since: clients that are slow, or
//! mean to be, keep out nobody.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dev::places::{Place, Places};
use crate::http::{Connection, Head, Patience, address_of, authority_of, find, is_loopback};

/// Room for a request's headers, in bytes; for its body, which is more than any function gets,
/// so that those who stand before functions can say what theirs is.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 16 << 20;

/// How long a client may take nothing before its connection is closed.
const TO_TAKE: Duration = Duration::from_secs(30);

/// How long a refused client may go on sending; one that had to make room, while others wait.
const GENTLENESS: Duration = Duration::from_secs(5);
const GENTLENESS_TO_THE_SLOW: Duration = Duration::from_millis(100);

/// What clients get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// So many connections are served at once; each has a thread.
    pub(crate) connections: usize,
    pub(crate) patience: Patience,
}

impl Default for Limits {
    fn default() -> Limits {
        let patience = Patience {
            idle: Duration::from_secs(30),
            head: Duration::from_secs(10),
            rate: 16 * 1024,
        };
        Limits { connections: 512, patience }
    }
}

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

    /// Whether it may have come from a page that is not ours. Stricter than
    /// [`Callers`](crate::dev::callers::Callers): pages that other ports of this machine serve are
    /// others, and the host has to be an address or `localhost`, also where another name was allowed:
    /// a tunnel that shows the functions to the world need not show it their sources.
    pub(crate) fn is_from_another_page(&self) -> bool {
        let site = self.header("sec-fetch-site").unwrap_or("none");
        let host = self.header("host").unwrap_or_default();
        let is_other_origin = self.header("origin").is_some_and(|origin| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority != Some(host)
        });
        let (name, _) = self.host();
        let is_own_host = is_loopback(name) || address_of(name).is_some();
        !["same-origin", "none"].contains(&site) || is_other_origin || !is_own_host
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

pub(crate) type Answer = dyn Fn(Request) -> Reply + Send + Sync;

/// Answers requests for as long as the process lives. `tell` gets what whoever runs it should know.
pub(crate) fn serve(
    listener: &TcpListener,
    limits: Limits,
    tell: &dyn Fn(&str),
    answer: Arc<Answer>,
) -> io::Result<()> {
    let server = listener.local_addr()?;
    let places = Arc::new(Places::new(limits.connections));
    let mut told: Option<Instant> = None;
    loop {
        // A client that is gone before it was accepted is nobody's concern; without descriptors
        // there is nothing to do but try again when one was given back.
        let Ok((stream, client)) = listener.accept() else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let stream = Arc::new(stream);
        let place = Places::take(&places, &stream);
        let is_full = place.as_ref().is_none_or(Place::was_taken_from_another);
        if is_full && told.is_none_or(|told| told.elapsed() > SELDOM) {
            told = Some(Instant::now());
            tell(&format!(
                "{} connections are open; for each new one the one that keeps waiting longest is \
                 closed",
                limits.connections
            ));
        }
        let Some(place) = place else {
            let reply = Reply::new(503, "text/plain", "too many connections\n");
            // A socket that was just opened has room for so little.
            drop((&*stream).write_all(&bytes_of(&reply, false, false)));
            continue;
        };
        let answer = Arc::clone(&answer);
        // Where no thread can be had, the connection is closed by being dropped.
        drop(thread::Builder::new().name("connection".to_owned()).spawn(move || {
            let peers = Peers { client, server };
            // What is wrong with a connection shows at its other end.
            drop(converse(stream, &place, peers, limits.patience, &*answer));
        }));
    }
}

/// How often the same is told.
const SELDOM: Duration = Duration::from_secs(60);

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
struct Peers {
    client: SocketAddr,
    server: SocketAddr,
}

/// Answers the requests of one connection that came by itself, for fuzz targets.
pub(crate) fn serve_one(stream: TcpStream, answer: &Answer) -> io::Result<()> {
    let peers = Peers { client: stream.peer_addr()?, server: stream.local_addr()? };
    let stream = Arc::new(stream);
    let place = Places::take(&Arc::new(Places::new(1)), &stream);
    let place = place.ok_or_else(|| io::Error::other("there is no place"))?;
    converse(stream, &place, peers, Limits::default().patience, answer)
}

fn converse(
    stream: Arc<TcpStream>,
    place: &Place,
    Peers { client, server }: Peers,
    patience: Patience,
    answer: &Answer,
) -> io::Result<()> {
    // Without it each reply may wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(TO_TAKE))?;
    let mut connection =
        Connection::new(stream).with_limits(MAX_HEAD, MAX_BODY).with_patience(patience);
    loop {
        place.waits();
        // An idle connection ends without a word.
        if !connection.await_request().is_ok_and(|has_begun| has_begun) {
            return Ok(());
        }
        place.waits();
        let head = match connection.read_head() {
            Ok(Some(head)) => head,
            Ok(None) if place.is_lost() => return make_room(connection),
            Ok(None) => return Ok(()),
            Err(error) => return refuse(connection, &error),
        };
        if let Err(error) = has_one_host(&head) {
            return refuse(connection, &error);
        }
        let body = match connection.read_body(&head) {
            Ok(body) if body.truncated && place.is_lost() => return make_room(connection),
            Ok(body) if body.truncated => return Ok(()),
            Ok(body) => body.bytes,
            Err(error) => return refuse(connection, &error),
        };
        if !place.works() {
            return make_room(connection);
        }
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
        place.waits_to_give();
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
        let is_complete = send_parts(&mut connection, place, reply, rest, (has_chunks, stays))?;
        if !stays || !is_complete {
            return Ok(());
        }
    }
}

/// Which host is meant has to be said once: a target that has one says it, too.
fn has_one_host(head: &Head) -> io::Result<()> {
    let hosts = count(head, "host");
    let of_target = authority_of(&head.path);
    let host = find(&head.headers, "host");
    let is_clear = (hosts == 1 || (hosts == 0 && head.is_http_1_0))
        && of_target.is_none_or(|named| host.is_none_or(|host| host.eq_ignore_ascii_case(named)));
    if is_clear {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::InvalidData,
        "a request has one host header, and its target no other host",
    ))
}

/// Sends a body part by part; false if it was cut off.
fn send_parts(
    connection: &mut Connection,
    place: &Place,
    mut reply: Reply,
    rest: Rest,
    (has_chunks, stays): (bool, bool),
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
        place.waits_to_give();
        if part.is_empty() {
            continue;
        }
        if has_chunks {
            let length = format!("{:x}\r\n", part.len());
            connection.send_raw(&[length.as_bytes(), &part, b"\r\n"].concat())?;
        } else {
            connection.send_raw(&part)?;
        }
        place.works();
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

/// Tells a client that others had to wait for it.
fn make_room(mut connection: Connection) -> io::Result<()> {
    let message = "too many connections, and this one kept others waiting\n";
    connection.send_raw(&bytes_of(&Reply::new(503, "text/plain", message), false, false))?;
    connection.close_gently(GENTLENESS_TO_THE_SLOW);
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
    match authority_of(target).and_then(|host| target.split_once("://")?.1.get(host.len()..)) {
        Some("") => "/",
        Some(path) => path,
        None => target,
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
    use std::io::Read;

    use super::*;

    #[test]
    fn a_target_may_come_with_its_host() {
        assert_eq!(path_of("/a/b"), "/a/b");
        assert_eq!(path_of("http://127.0.0.1:3000/a"), "/a");
        assert_eq!(path_of("http://127.0.0.1:3000"), "/");
        assert_eq!(path_of("/to/http://x/y"), "/to/http://x/y");
    }

    /// A server that sends back what it gets.
    fn served(connections: usize) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let patience = Patience {
            idle: Duration::from_secs(60),
            head: Duration::from_millis(300),
            rate: 1 << 20,
        };
        thread::spawn(move || {
            let echo = |request: Request| Reply::new(200, "text/plain", request.body);
            serve(&listener, Limits { connections, patience }, &|_| (), Arc::new(echo))
        });
        address
    }

    /// What comes back to a client that goes on with a byte every 20 ms.
    fn trickled(address: SocketAddr, beginning: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(beginning.as_bytes()).expect("sent");
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let begun = Instant::now();
        let mut reply = [0; 1000];
        while begun.elapsed() < Duration::from_secs(60) {
            match stream.read(&mut reply) {
                Ok(length) => return String::from_utf8_lossy(&reply[..length]).into_owned(),
                Err(error) if is_late(&error) => drop(stream.write_all(b"1")),
                Err(error) => panic!("{error}"),
            }
        }
        "nothing".to_owned()
    }

    #[test]
    fn a_byte_now_and_then_does_not_keep_a_connection() {
        let address = served(10);
        for beginning in [
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2;name=",
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        ] {
            let reply = trickled(address, beginning);
            assert!(reply.starts_with("HTTP/1.1 408 "), "{beginning:?}: {reply}");
        }
    }

    #[test]
    fn the_one_that_has_kept_waiting_longest_makes_room() {
        let address = served(2);
        let connect = || {
            let stream = TcpStream::connect(address).expect("it listens");
            stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
            stream
        };
        let ask = |stream: &mut TcpStream| {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
            let mut reply = [0; 1000];
            let length = stream.read(&mut reply).expect("a reply");
            assert!(reply[..length].starts_with(b"HTTP/1.1 200 "), "{length}");
        };
        let (mut first, mut second) = (connect(), connect());
        ask(&mut second);
        // Often enough that the other's thread has long noted that its reply is taken.
        for _ in 0..50 {
            ask(&mut first);
        }
        let mut third = connect();
        ask(&mut third);
        assert_eq!(second.read(&mut [0; 10]).ok(), Some(0), "it was idle for longest");
        ask(&mut first);
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
