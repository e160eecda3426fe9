//! What a Runtime API may say, right and wrong, chosen by chance: each fault with what a client that
//! knows HTTP can have heard.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::faulty_api::{Act, Reading};

/// Numbers that are the same for the same seed, on each machine and with each version.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    /// The next number (Vigna's SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn one<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// What the handler has to make of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A response of this JSON.
    Value(Value),
    /// An error of this type.
    Error(&'static str),
    /// One of both.
    Either,
    /// A stream of this data, which ends in an error or not.
    Stream(String, bool),
    /// A stream, however far it comes, or an error.
    PerhapsStream,
}

/// An event as it was handed out.
#[derive(Debug, Clone, PartialEq)]
pub struct Handed {
    /// The request id.
    pub id: String,
    /// What it has to become.
    pub expected: Expected,
}

/// What a client can have heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A whole event.
    Event(Handed),
    /// An event without a request id.
    Nameless,
    /// An answer with this status.
    Status(u16),
    /// Nothing that is an answer.
    Nothing,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It can be used again.
    Usable,
    /// It is closed, and the client knows.
    Closed,
    /// It was closed after a whole answer, so that the client learns it by the next exchange.
    ClosedUntold,
    /// There are bytes on it that belong to no answer: it must not be used again.
    OutOfStep,
}

/// What is done about one request.
#[derive(Debug, Clone)]
pub struct Fault {
    /// In words, for the transcript.
    pub name: String,
    /// How much of the request is read first.
    pub reading: Reading,
    /// What is done then.
    pub acts: Vec<Act>,
    /// Each of the things that the client may have heard.
    pub heard: Vec<Heard>,
    /// What becomes of the connection.
    pub left: Left,
}

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    LengthTwice,
    Chunked,
    /// Both, of which the chunks count.
    ChunkedWithLength,
    UntilClose,
    /// HTTP/1.0 with a length, which ends a connection.
    Old,
}

/// An answer in its parts.
#[derive(Debug, Clone)]
struct Message {
    status: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
    says_close: bool,
}

impl Message {
    fn new(status: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: status.into(),
            headers: vec![("Content-Type".into(), b"application/json".to_vec())],
            body: body.into(),
            framing: Framing::Length,
            says_close: false,
        }
    }

    fn ends_connection(&self) -> bool {
        self.says_close || matches!(self.framing, Framing::UntilClose | Framing::Old)
    }

    /// The head and the framed body.
    fn written(&self, chance: &mut Chance) -> (Vec<u8>, Vec<u8>) {
        let version = if self.framing == Framing::Old { "HTTP/1.0" } else { "HTTP/1.1" };
        let mut head = format!("{version} {}\r\n", self.status).into_bytes();
        let mut header = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            header(name, value);
        }
        if self.says_close {
            header("Connection", b"close");
        }
        let length = self.body.len().to_string();
        let mut body = self.body.clone();
        match self.framing {
            Framing::Length | Framing::Old => header("Content-Length", length.as_bytes()),
            Framing::LengthTwice => {
                header("content-length", length.as_bytes());
                header("CONTENT-LENGTH", length.as_bytes());
            }
            Framing::UntilClose => {}
            Framing::Chunked | Framing::ChunkedWithLength => {
                header("Transfer-Encoding", b"chunked");
                if self.framing == Framing::ChunkedWithLength {
                    header("Content-Length", b"3");
                }
                body = chunked(&self.body, chance);
            }
        }
        head.extend_from_slice(b"\r\n");
        (head, body)
    }
}

const LAST_CHUNKS: [&[u8]; 3] = [b"000\r\n\r\n", b"0\r\nA: b\r\nC: d\r\n\r\n", b"0\r\n\r\n"];

fn chunked(body: &[u8], chance: &mut Chance) -> Vec<u8> {
    let size = 1 + chance.below(body.len().clamp(1, 5000));
    let end = chance.one(&LAST_CHUNKS);
    let style = chance.below(4);
    let mut framed = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(size) {
        let line = match style {
            0 => format!("{:X}\r\n", chunk.len()),
            1 => format!("{:06x}\r\n", chunk.len()),
            2 => format!("{:x};a=b\r\n", chunk.len()),
            _ => format!("{:x}\r\n", chunk.len()),
        };
        framed.extend_from_slice(line.as_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(end);
    framed
}

/// Sends the bytes in one piece, in several, or late.
fn sent(chance: &mut Chance, bytes: Vec<u8>) -> (&'static str, Vec<Act>) {
    let pause = Act::Pause(Duration::from_micros(300 + chance.number() % 3000));
    match chance.below(10) {
        0 => ("late", vec![pause, Act::Send(bytes)]),
        1 | 2 if bytes.len() > 1 => {
            let mut acts = Vec::new();
            let mut rest = bytes;
            for _ in 0..=chance.below(3) {
                let tail = rest.split_off(chance.below(rest.len()));
                acts.extend([Act::Send(rest), pause.clone()]);
                rest = tail;
            }
            acts.push(Act::Send(rest));
            ("in pieces", acts)
        }
        3 if bytes.len() < 2000 => {
            ("byte by byte", bytes.into_iter().map(|byte| Act::Send(vec![byte])).collect())
        }
        _ => ("at once", vec![Act::Send(bytes)]),
    }
}

/// Answers that only say that another one follows.
fn interim(chance: &mut Chance) -> Vec<u8> {
    let one: [&[u8]; 4] = [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        b"HTTP/1.1 199 Odd\r\nContent-Length: 0\r\n\r\n",
    ];
    (0..=chance.below(2)).flat_map(|_| chance.one(&one).to_vec()).collect()
}

fn framing(chance: &mut Chance) -> Framing {
    match chance.below(12) {
        0..=5 => Framing::Length,
        6 => Framing::LengthTwice,
        7 | 8 => Framing::Chunked,
        9 => Framing::ChunkedWithLength,
        10 => Framing::UntilClose,
        _ => Framing::Old,
    }
}

/// A whole answer, with what may be around one: framings, pieces, interim answers, ends of the
/// connection, bytes behind it.
fn whole(chance: &mut Chance, mut message: Message, heard: Vec<Heard>) -> Fault {
    message.framing = framing(chance);
    message.says_close = chance.percent(8);
    let (head, body) = message.written(chance);
    let mut bytes = Vec::new();
    let mut name = format!("{} {:?}", message.status, message.framing);
    if chance.percent(10) {
        bytes = interim(chance);
        name.push_str(" after interim answers");
    }
    bytes.extend([head, body].concat());
    let mut left = Left::Usable;
    let mut heard = heard;
    let mut last = Vec::new();
    if message.ends_connection() {
        // One that HTTP/1.0 is asked to keep looks as if it were.
        let seems_kept = message.framing == Framing::Old
            && message.headers.iter().any(|(name, _)| name == "Connection");
        left = if seems_kept { Left::ClosedUntold } else { Left::Closed };
        last.push(Act::Close);
        if message.framing == Framing::UntilClose && chance.percent(25) {
            // The body may have been longer, which matters where it is an event.
            if !matches!(heard[..], [Heard::Status(_)]) {
                heard = vec![Heard::Nothing];
            }
            name.push_str(", reset");
            last = vec![Act::Reset];
        }
    } else {
        match chance.below(20) {
            0 | 1 => {
                let again = bytes.clone();
                bytes.extend(again);
                (name, left) = (format!("{name}, twice"), Left::OutOfStep);
            }
            2 => {
                bytes.extend_from_slice(chance.one(&[
                    &b"\r\n"[..],
                    b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
                    b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
                    b"garbage",
                    b"\0",
                ]));
                (name, left) = (format!("{name}, with more behind it"), Left::OutOfStep);
            }
            3 | 4 => {
                (name, left) = (format!("{name}, closed"), Left::ClosedUntold);
                last.push(Act::Close);
            }
            5 => {
                (name, left) = (format!("{name}, half closed"), Left::ClosedUntold);
                let pause = Act::Pause(Duration::from_micros(chance.number() % 2000));
                last.extend([Act::HalfClose, pause, Act::Close]);
            }
            6 | 7 => {
                (name, left) = (format!("{name}, reset later"), Left::ClosedUntold);
                let pause = Act::Pause(Duration::from_micros(200 + chance.number() % 2000));
                last.extend([pause, Act::Reset]);
            }
            8 => {
                name.push_str(", frozen");
                let pause = Duration::from_micros(500 + chance.number() % 5000);
                last.push(Act::Freeze(pause));
            }
            9 => {
                (name, left) = (format!("{name}, frozen and closed"), Left::ClosedUntold);
                last.extend([Act::Freeze(Duration::from_millis(2)), Act::Close]);
            }
            _ => {}
        }
    }
    let (how, mut acts) = match left {
        // Whether more comes behind has to be seen with the answer.
        Left::OutOfStep => ("at once", vec![Act::Send(bytes)]),
        _ => sent(chance, bytes),
    };
    acts.extend(last);
    Fault { name: format!("{name}, {how}"), reading: Reading::All, acts, heard, left }
}

/// An answer that ends within its body. Its head is whole.
fn body_cut(chance: &mut Chance, mut message: Message, heard: Vec<Heard>) -> Fault {
    message.framing = chance.one(&[Framing::Length, Framing::Chunked]);
    if message.body.is_empty() {
        message.body = b"{}".to_vec();
    }
    let (head, body) = message.written(chance);
    // The empty chunk is the end, also without the line behind it.
    let is_end = |end: &&[u8]| body.ends_with(end);
    let end = if message.framing == Framing::Chunked {
        LAST_CHUNKS.into_iter().find(is_end)
    } else {
        None
    };
    let cut = chance.below(body.len() - end.map_or(0, <[u8]>::len));
    let bytes = [&head[..], &body[..cut]].concat();
    let (how, mut acts) = sent(chance, bytes);
    acts.push(ending(chance));
    let name = format!("{} cut after {cut} bytes of its body, {how}", message.status);
    Fault { name, reading: Reading::All, acts, heard, left: Left::Closed }
}

fn ending(chance: &mut Chance) -> Act {
    chance.one(&[Act::Close, Act::Close, Act::Reset])
}

/// What is no answer: nothing at all, half a head, something that is not HTTP.
fn no_answer(chance: &mut Chance, message: &Message) -> Fault {
    let (head, _) = message.written(chance);
    let length = |value: &str| {
        let head = format!("HTTP/1.1 {}\r\nContent-Length: {value}\r\n\r\n", message.status);
        [head.as_bytes(), &message.body].concat()
    };
    let chunks = |framed: &str| {
        let head = format!("HTTP/1.1 {}\r\nTransfer-Encoding: chunked\r\n", message.status);
        let mut bytes = head.into_bytes();
        for (name, value) in &message.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        [&bytes, b"\r\n".as_slice(), framed.as_bytes()].concat()
    };
    let with = |line: &str| {
        let text =
            format!("HTTP/1.1 {}\r\n{line}\r\nContent-Length: 2\r\n\r\n{{}}", message.status);
        text.into_bytes()
    };
    let (name, bytes): (&str, Vec<u8>) = match chance.below(16) {
        0..=2 => ("nothing", Vec::new()),
        3..=5 => ("half a head", head[..chance.below(head.len() - 1)].to_vec()),
        6 => ("an interim answer only", interim(chance)),
        7 => ("random bytes", (0..=chance.below(300)).map(|_| chance.number() as u8).collect()),
        8 => {
            let words = [
                "SSH-2.0-OpenSSH_9.6\r\n",
                "\u{15}\u{3}\u{1}\0\u{2}\u{2}F",
                "<html>Bad Gateway</html>",
                "HTTP/9.9 200 OK\r\n\r\n",
                "HTTP/2 200\r\n\r\n",
                "ICY 200 OK\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "{\"a\":1}",
            ];
            ("another protocol", chance.one(&words).into())
        }
        9 => {
            let status = chance.one(&["20", "2000 OK", "abc", "-1", "099 Low", "2 0 0", ""]);
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}");
            ("no status", text.into_bytes())
        }
        10 => {
            let value = chance.one(&["abc", "-1", "+2", "0x2", "2.0", "2, 3", "", "2 2"]);
            ("no length", length(value))
        }
        11 => ("a length beyond numbers", length("18446744073709551616")),
        12 => {
            let framed =
                chance.one(&["zz\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "\r\n\r\n"]);
            ("no chunks", chunks(framed))
        }
        13 => {
            let framed =
                ["2\r\n{}..0\r\n\r\n", "fffffffffffffffff\r\n{}", "ffffffffffffffff\r\n{}"];
            ("chunks of a wrong size", chunks(chance.one(&framed)))
        }
        14 => {
            let lines = ["no colon", "a b: c", ": none", "a: \0", "a:\u{1}b"];
            ("no header", with(chance.one(&lines)))
        }
        _ if chance.percent(50) => {
            let lines: Vec<String> = (0..400).map(|n| format!("X-{n}: {n}")).collect();
            ("too many headers", with(&lines.join("\r\n")))
        }
        _ => ("a head without an end", with(&format!("A: {}", "x".repeat(1_200_000)))),
    };
    // With a body that is no body, the status alone may count.
    let has_head = ["no chunks", "chunks of a wrong size"].contains(&name);
    let is_reset = chance.percent(30);
    let acts = match bytes.is_empty() {
        true => Vec::new(),
        false => vec![Act::Send(bytes)],
    };
    let acts = acts.into_iter().chain([if is_reset { Act::Reset } else { Act::Close }]).collect();
    let heard = match has_head {
        true => vec![Heard::Nothing, Heard::Status(status_of(&message.status))],
        false => vec![Heard::Nothing],
    };
    Fault { name: name.into(), reading: Reading::All, acts, heard, left: Left::Closed }
}

fn status_of(status: &str) -> u16 {
    status.split(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// Statuses after which a runtime has nothing more to do, with what Lambda or a proxy would say.
const TERMINAL: [&str; 26] = [
    "101 Switching Protocols",
    "300 Multiple Choices",
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "304 Not Modified",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
    "500 Internal Server Error",
    "500",
    "501 Not Implemented",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
    "505 HTTP Version Not Supported",
    "511 Network Authentication Required",
    "520 Odd",
    "599 Odd",
    "600 Odd",
    "700 Odd",
    "799 Odd",
    "800 Odd",
    "900 Odd",
    "998 Odd",
    "999 Odd",
    "399 Odd",
];

const REFUSALS: [&str; 14] = [
    "400 Bad Request",
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "405 Method Not Allowed",
    "408 Request Timeout",
    "409 Conflict",
    "410 Gone",
    "411 Length Required",
    "413 Request Entity Too Large",
    "418 I'm a teapot",
    "429 Too Many Requests",
    "431 Request Header Fields Too Large",
    "499 Odd",
];

const TAKEN: [&str; 9] = [
    "202 Accepted",
    "202 Accepted",
    "202 Accepted",
    "202",
    "200 OK",
    "201 Created",
    "203 Odd",
    "206 Partial Content",
    "299 Odd",
];

fn said(chance: &mut Chance) -> Vec<u8> {
    match chance.below(8) {
        0 => Vec::new(),
        1 => "x\n".repeat(2000).into_bytes(),
        2 => b"\xff\xfe\0\x1b[31m<html>".to_vec(),
        3 => "é".repeat(100_000).into_bytes(),
        _ => br#"{"errorMessage":"State transition failed","errorType":"InvalidStateTransition"}"#
            .to_vec(),
    }
}

/// A whole answer with one of these statuses.
fn status(chance: &mut Chance, statuses: &[&str]) -> Fault {
    let line = chance.one(statuses);
    let body = if line.starts_with('2') { br#"{"status":"OK"}"#.to_vec() } else { said(chance) };
    let mut message = Message::new(line, body);
    let code = status_of(line);
    if (300..400).contains(&code) {
        let to = chance.one(&["/2018-06-01/runtime/invocation/next", "http://127.0.0.1:1/", ""]);
        message.headers.push(("Location".into(), to.into()));
    }
    let heard = vec![Heard::Status(code)];
    if matches!(code, 101 | 304) {
        // They have no body, whatever their headers say.
        let text = format!("HTTP/1.1 {line}\r\nUpgrade: h2c\r\n\r\n");
        let acts = vec![Act::Send(text.into_bytes())];
        return Fault { name: line.into(), reading: Reading::All, acts, heard, left: Left::Usable };
    }
    whole(chance, message, heard)
}

fn no_content(chance: &mut Chance) -> Fault {
    let (name, text, left) = chance.one(&[
        ("204", "HTTP/1.1 204 No Content\r\n\r\n", Left::Usable),
        ("204", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Left::Usable),
        ("204, with a body", "HTTP/1.1 204 No\r\n\r\n{\"a\":1}", Left::OutOfStep),
        ("204, closed", "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", Left::Closed),
    ]);
    let mut acts = vec![Act::Send(text.into())];
    if left == Left::Closed {
        acts.push(Act::Close);
    }
    let heard = vec![Heard::Status(204)];
    Fault { name: name.into(), reading: Reading::All, acts, heard, left }
}

/// What ends the process in an orderly way, as Lambda does.
pub fn ending_poll(chance: &mut Chance) -> Fault {
    let fault = status(chance, &["410 Gone", "403 Forbidden", "500 Internal Server Error"]);
    reset_perhaps_unheard(fault)
}

/// What `next` is answered with.
pub fn for_poll(chance: &mut Chance, number: usize) -> Fault {
    let (message, handed) = event(chance, number);
    reset_perhaps_unheard(match chance.below(100) {
        0..=69 => whole(chance, message, vec![Heard::Event(handed)]),
        70..=78 => body_cut(chance, message, vec![Heard::Nothing]),
        79..=85 => {
            let mut fault = no_answer(chance, &message);
            // An event whose body cannot be read was not handed out.
            fault.heard = vec![Heard::Nothing];
            fault
        }
        86..=89 => no_content(chance),
        90..=92 => too_short(chance, &message, handed),
        93 | 94 => {
            let mut message = message;
            message.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(REQUEST_ID));
            if chance.percent(50) {
                message.headers.push((REQUEST_ID.into(), Vec::new()));
            }
            whole(chance, message, vec![Heard::Nameless])
        }
        95 | 96 => status(chance, &REFUSALS),
        97 => status(chance, &["201 Created", "202 Accepted", "206 Partial Content", "299 Odd"]),
        _ => status(chance, &TERMINAL),
    })
}

/// A reset may overtake what was sent before it, and so may the close of a connection on which
/// something was not read.
fn reset_perhaps_unheard(mut fault: Fault) -> Fault {
    let is_reset = fault.acts.contains(&Act::Reset)
        || (fault.reading != Reading::All && fault.acts.contains(&Act::Close));
    if is_reset && !fault.heard.contains(&Heard::Nothing) {
        fault.heard.push(Heard::Nothing);
    }
    fault
}

/// A length that says less than there is.
fn too_short(chance: &mut Chance, message: &Message, handed: Handed) -> Fault {
    let (head, body) = message.written(chance);
    let length = body.len();
    if length == 0 {
        return whole(chance, message.clone(), vec![Heard::Event(handed)]);
    }
    let said = chance.below(length);
    let head = String::from_utf8_lossy(&head)
        .replace(&format!("Content-Length: {length}"), &format!("Content-Length: {said}"));
    let acts = vec![Act::Send([head.as_bytes(), &body].concat())];
    let handed = Handed { expected: Expected::Either, ..handed };
    Fault {
        name: format!("an event of {length} bytes, of which {said} are announced"),
        reading: Reading::All,
        acts,
        heard: vec![Heard::Event(handed)],
        left: Left::OutOfStep,
    }
}

/// What a response, an error or the end of a snapshot is answered with.
pub fn for_post(chance: &mut Chance) -> Fault {
    let mut fault = match chance.below(100) {
        0..=64 => status(chance, &TAKEN),
        65..=67 => no_content(chance),
        68..=75 => status(chance, &REFUSALS),
        76..=78 => status(chance, &TERMINAL),
        79..=83 => {
            let line = chance.one(&[TAKEN[0], REFUSALS[2], REFUSALS[7], TERMINAL[8]]);
            let message = Message::new(line, br#"{"status":"OK"}"#.to_vec());
            body_cut(chance, message, vec![Heard::Status(status_of(line))])
        }
        84..=88 => {
            // The answer comes before the request was read.
            let line = chance.one(&[TAKEN[0], REFUSALS[9], REFUSALS[2], TERMINAL[8]]);
            let text = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
            let reads_on = chance.percent(50);
            let last = if reads_on { Act::ReadRest } else { Act::Close };
            return reset_perhaps_unheard(Fault {
                name: format!("{line} before the body is read"),
                reading: if chance.percent(50) { Reading::Nothing } else { Reading::Some(100) },
                acts: vec![Act::Send(text.into_bytes()), last],
                heard: vec![Heard::Status(status_of(line))],
                left: if reads_on { Left::Usable } else { Left::ClosedUntold },
            });
        }
        _ => {
            let message = Message::new(chance.one(&TAKEN), br#"{"status":"OK"}"#.to_vec());
            no_answer(chance, &message)
        }
    };
    if fault.heard == [Heard::Nothing] && chance.percent(40) {
        fault.reading = if chance.percent(50) { Reading::Nothing } else { Reading::Some(50) };
        fault.name.push_str(", with the body unread");
    }
    reset_perhaps_unheard(fault)
}

/// What the end of a snapshot is waited for with.
pub fn for_restore(chance: &mut Chance) -> Fault {
    reset_perhaps_unheard(match chance.below(10) {
        0 => for_post(chance),
        _ => status(chance, &["200 OK"]),
    })
}

/// What a response in chunks is answered with. Its connection is used once.
pub fn for_stream(chance: &mut Chance) -> Fault {
    let mut fault = match chance.below(100) {
        0..=59 => for_post(chance),
        60..=79 => {
            // It is cut by the server, which says something or nothing.
            let mut acts = Vec::new();
            let mut name = "cut".to_owned();
            let mut heard = vec![Heard::Nothing];
            if chance.percent(50) {
                let line = chance.one(&[TAKEN[0], REFUSALS[2], REFUSALS[7], TERMINAL[8]]);
                let text = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
                acts.push(Act::Send(text.into_bytes()));
                heard.insert(0, Heard::Status(status_of(line)));
                name = format!("cut with {line}");
            }
            if chance.percent(30) {
                acts.push(Act::Pause(Duration::from_millis(2)));
            }
            acts.push(chance.one(&[Act::Close, Act::Reset, Act::HalfClose]));
            if acts.last() == Some(&Act::HalfClose) {
                acts.extend([Act::ReadRest, Act::Close]);
            }
            let reading = Reading::Some(chance.below(30));
            Fault { name, reading, acts, heard, left: Left::Closed }
        }
        _ => {
            let message = Message::new(TAKEN[0], b"{}".to_vec());
            no_answer(chance, &message)
        }
    };
    fault = reset_perhaps_unheard(fault);
    if fault.reading != Reading::All && !fault.heard.contains(&Heard::Nothing) {
        fault.heard.push(Heard::Nothing);
    }
    // Its client reads no more of an answer than the status.
    let said: Vec<u8> = fault.acts.iter().flat_map(Act::bytes).copied().collect();
    let has_head = said.windows(4).any(|window| window == b"\r\n\r\n");
    let digits = said.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    if let (true, [Heard::Nothing], Some(status @ 200..)) = (has_head, &fault.heard[..], status) {
        fault.heard.push(Heard::Status(status));
    }
    // Its client reads a status and closes: whatever is wrong behind the head is not seen.
    fault.left = Left::Closed;
    fault
}

const REQUEST_ID: &str = "Lambda-Runtime-Aws-Request-Id";

fn event(chance: &mut Chance, number: usize) -> (Message, Handed) {
    let id = match chance.below(12) {
        0 => format!("odd id/{number}?a=b#c%41"),
        1 => format!("../../{number}"),
        2 => format!("zürich-{number}"),
        3 => format!("{}-{number}", "long".repeat(300)),
        _ => format!("8476a536-e9f4-11e8-9739-{number:012}"),
    };
    let (body, mut expected) = payload(chance);
    let mut message = Message::new(chance.one(&["200 OK", "200 OK", "200 OK", "200"]), body);
    let name = chance.one(&[REQUEST_ID, REQUEST_ID, "lambda-runtime-aws-request-id"]);
    message.headers.push((name.into(), id.clone().into_bytes()));
    if chance.percent(4) {
        message.headers.push((REQUEST_ID.into(), id.clone().into_bytes()));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let in_a_minute = (now + Duration::from_secs(60)).as_millis().to_string();
    let over = (now - Duration::from_secs(1)).as_millis().to_string();
    let (deadline, is_over): (Option<&str>, bool) = match chance.below(10) {
        0 => (None, false),
        1 => (Some(&over), true),
        2 => (Some(chance.one(&["", "0", "-1", "soon", "600000", "99999999999999999999"])), false),
        _ => (Some(&in_a_minute), false),
    };
    if let Some(deadline) = deadline {
        message.headers.push(("Lambda-Runtime-Deadline-Ms".into(), deadline.into()));
    }
    if is_over {
        expected = match expected {
            Expected::Stream(..) => Expected::PerhapsStream,
            _ => Expected::Either,
        };
    }
    odd_headers(chance, &mut message);
    (message, Handed { id, expected })
}

fn odd_headers(chance: &mut Chance, message: &mut Message) {
    let mut add = |name: &str, value: &[u8]| message.headers.push((name.into(), value.to_vec()));
    match chance.below(20) {
        0 => (0..80).for_each(|n| add(&format!("X-{n}"), b"1")),
        1 => add("Lambda-Runtime-Trace-Id", "Root=".repeat(4000).as_bytes()),
        2 => add("Lambda-Runtime-Trace-Id", b"\xff\xfe\x80"),
        3 => add("Lambda-Runtime-Client-Context", b"{\"a\":"),
        4 => add("Lambda-Runtime-Cognito-Identity", b"[[[[[[[["),
        5 => add("Lambda-Runtime-Aws-Tenant-Id", "\u{e9}\u{2028}".as_bytes()),
        6 => add("Content-Encoding", b"gzip"),
        7 => {
            add("Connection", b"keep-alive, upgrade");
            add("Keep-Alive", b"timeout=0");
        }
        8 => add("Content-Type", b"text/html; charset=utf-7"),
        9 => {
            add("Set-Cookie", b"a=b");
            add("Location", b"http://127.0.0.1:1/");
        }
        10 => add("Lambda-Runtime-Deadline-Ms", b"1"),
        11 => ["Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id"]
            .into_iter()
            .for_each(|name| add(name, b"")),
        _ => {}
    }
}

fn payload(chance: &mut Chance) -> (Vec<u8>, Expected) {
    let value = match chance.below(6) {
        0 => json!(chance.number() as i64),
        1 => json!("zürich \u{1f600} \"quoted\" \\ \n"),
        2 => json!({ "a": [1, 2.5, null, true, { "b": "c" }], "d": "" }),
        3 => json!((0..chance.below(60)).collect::<Vec<_>>()),
        4 => json!("x".repeat(chance.below(70_000))),
        _ => json!(null),
    };
    let act = |act: &str, value: &Value| json!({ "act": act, "value": value }).to_string();
    match chance.below(100) {
        0..=54 => (act("echo", &value).into_bytes(), Expected::Value(value)),
        55..=66 => {
            let error = Expected::Error("Function.ScriptError");
            (act("throw", &json!("no such order")).into_bytes(), error)
        }
        67..=69 => {
            let length = 100_000 + chance.below(900_000);
            let text = Value::String("x".repeat(length));
            (act("large", &json!(length)).into_bytes(), Expected::Value(text))
        }
        70..=88 => {
            let parts: Vec<String> = (0..=chance.below(4))
                .map(|n| format!("part {n} ").repeat(1 + chance.below(3) * 1000))
                .collect();
            let fails = chance.percent(30);
            let event = json!({ "act": "stream", "parts": parts, "fails": fails });
            (event.to_string().into_bytes(), Expected::Stream(parts.concat(), fails))
        }
        89..=92 => (Vec::new(), Expected::Error("Runtime.UnmarshalError")),
        93..=96 => {
            let bodies = ["{", "nothing", "[1,]", "\u{feff}1", "\"\\ud800\"", "{}{}", "<html>"];
            (chance.one(&bodies).into(), Expected::Error("Runtime.UnmarshalError"))
        }
        97 => (b"\"\xff\xfe\"".to_vec(), Expected::Error("Runtime.UnmarshalError")),
        98 => {
            let deep = "[".repeat(10_000);
            (deep.into_bytes(), Expected::Error("Runtime.UnmarshalError"))
        }
        _ => {
            let value = Value::String("y".repeat(300_000 + chance.below(1_000_000)));
            (act("echo", &value).into_bytes(), Expected::Value(value))
        }
    }
}
