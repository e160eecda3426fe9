//! What comes from the network: DNS answers, HTTP requests to the tool, HTTP answers to scripts and to
//! the runtime.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rhambda_layer::fuzzing::{Asked, converse_with};
use rhambda_runtime::api::Api;
use rhambda_runtime::effects::{Policy, Request, Url, World, dns_parsers};

use super::Look;

/// A DNS answer ends in addresses, in an alias, or in an error, whatever it has in it.
pub(super) fn dns() -> Look {
    Box::new(|input| {
        let Some((&first, input)) = input.split_first() else { return };
        let kind = if first & 1 == 0 { 1 } else { 28 };
        let name = ["a.example", "www.shop.example.com", "x"][usize::from(first >> 1) % 3];
        let answer = dns_parsers::answer(name, kind, |query| {
            // Only what repeats the question is looked at at all.
            let mut answer = input.to_vec();
            if first & 0x80 == 0 && answer.len() >= query.len() {
                answer[..2].copy_from_slice(&query[..2]);
                answer[12..query.len()].copy_from_slice(&query[12..]);
            }
            answer
        });
        let Ok((addresses, alias)) = answer.expect("it is a name") else { return };
        assert!(addresses.len() <= input.len() / 12, "more addresses than there is room for");
        assert!(addresses.iter().all(|address| address.is_ipv4() == (kind == 1)));
        if let Some(alias) = alias {
            assert!(addresses.is_empty());
            assert!(alias.chars().count() <= 255, "a name of {} characters", alias.len());
        }
    })
}

/// The files that say where names are looked up are read as far as they make sense.
pub(super) fn resolver_files() -> Look {
    Box::new(|input| {
        let text = String::from_utf8_lossy(input);
        let (name, file) = text.split_once('\n').unwrap_or(("a.example", &text));
        let (servers, candidates) = dns_parsers::configuration(file, name);
        assert!((1..=3).contains(&servers.len()));
        assert!((1..=7).contains(&candidates.len()), "{candidates:?}");
        assert!(candidates.iter().all(|it| it.starts_with(name.trim_end_matches('.'))));
        let addresses = dns_parsers::hosts(file, name);
        assert!(addresses.len() <= file.lines().count());
    })
}

/// The server of `rhambda dev` answers each request or ends the connection, and reads what is beyond
/// doubt a request as everybody else does.
pub(super) fn http_request() -> Look {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
    let address = listener.local_addr().expect("it has an address");
    Box::new(move |input| {
        let mut client = TcpStream::connect(address).expect("it listens");
        let (server, _) = listener.accept().expect("there is a client");
        client.write_all(input).expect("so little fits in");
        client.shutdown(Shutdown::Write).expect("it is open");
        let reader = thread::spawn(move || {
            let mut answers = Vec::new();
            // A connection that is reset has said what it had to say.
            let _ = client.read_to_end(&mut answers);
            answers
        });
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        let started = Instant::now();
        let _ = converse_with(server, move |request| {
            let mut heard = heard.lock().expect("nobody panicked");
            heard.push(request);
            heard.len()
        });
        assert!(started.elapsed() < Duration::from_secs(60), "the connection was kept");
        let answers = reader.join().expect("the reader ends");
        let asked = asked.lock().expect("nobody panicked");
        answers_are_whole(&answers, asked.len());
        for (at, wanted) in plain_requests(input).iter().enumerate() {
            assert_eq!(asked.get(at), Some(wanted), "request {at} of {}", input.escape_ascii());
        }
    })
}

/// There is one answer by 200 for each request, and at most one other, which is the last.
fn answers_are_whole(mut answers: &[u8], asked: usize) {
    let mut good = 0;
    while !answers.is_empty() {
        let text = answers.escape_ascii().to_string();
        let head = answers.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(head) = head else { panic!("no end of a head in {text}") };
        let lines = std::str::from_utf8(&answers[..head]).expect("a head of ours is text");
        if lines.starts_with("HTTP/1.1 100 ") {
            answers = &answers[head + 4..];
            continue;
        }
        let status = lines.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let length = lines.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.and_then(|it| it.parse().ok()).expect("a length");
        match status {
            Some("200") => good += 1,
            Some("400" | "408" | "413" | "431" | "417" | "501") => {
                assert_eq!(answers.len(), head + 4 + length, "a refusal is the last: {text}");
            }
            other => panic!("{other:?} in {text}"),
        }
        // There is no body to an answer to HEAD.
        let body = &answers[head + 4..];
        let has_body = !body.is_empty() && !body.starts_with(b"HTTP/");
        answers = if has_body { body.get(length..).expect("a whole body") } else { body };
    }
    assert_eq!(good, asked, "answers");
}

/// The requests at the start of an input about which there can be no doubt, read in the most simple way.
fn plain_requests(mut input: &[u8]) -> Vec<Asked> {
    let mut requests = Vec::new();
    while let Some((request, rest)) = plain_request(input) {
        let is_last = request
            .headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value != "keep-alive");
        requests.push(request);
        if is_last {
            break;
        }
        input = rest;
    }
    requests
}

fn plain_request(input: &[u8]) -> Option<(Asked, &[u8])> {
    let end = input.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&input[..end]).ok().filter(|head| head.is_ascii())?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_plain = |text: &str, also: &str| {
        !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || also.contains(it))
    };
    let is_first_line = words.next().is_none()
        && ["GET", "POST", "PUT", "DELETE"].contains(&method)
        && target.starts_with('/')
        && is_plain(target, "/?&=%.-_~")
        && version == "HTTP/1.1";
    if !is_first_line {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let is_value = value.chars().all(|it| it.is_ascii_graphic() || it == ' ');
        if !is_plain(name, "-") || !is_value || value.trim() != value {
            return None;
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    let all = |wanted: &str| -> Vec<&str> {
        let named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str()).collect()
    };
    // A foreign host is refused by whoever answers, not by whoever reads.
    if all("host").len() != 1 || !all("expect").is_empty() || headers.len() > 100 {
        return None;
    }
    let rest = &input[end + 4..];
    let (body, rest) = match (all("content-length").as_slice(), all("transfer-encoding").as_slice())
    {
        ([], []) => (Vec::new(), rest),
        ([length], []) if length.len() < 6 && length.bytes().all(|it| it.is_ascii_digit()) => {
            rest.split_at_checked(length.parse().ok()?).map(|(body, rest)| (body.to_vec(), rest))?
        }
        ([], ["chunked"]) => plain_chunks(rest)?,
        _ => return None,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    Some((Asked { method, path, query, headers, body }, rest))
}

fn plain_chunks(mut input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end =
            input.windows(2).position(|two| two == b"\r\n").filter(|end| (1..5).contains(end))?;
        let digits = std::str::from_utf8(&input[..end]).ok()?;
        if !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::from_str_radix(digits, 16).ok()?;
        let (data, rest) = input[end + 2..].split_at_checked(size)?;
        input = rest.strip_prefix(b"\r\n")?;
        body.extend_from_slice(data);
        if size == 0 {
            return Some((body, input));
        }
    }
}

/// A server that answers each connection with the same bytes, and then hangs up.
struct Answering {
    address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Answering {
    fn start() -> Answering {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let address = listener.local_addr().expect("it has an address");
        let answer = Arc::new(Mutex::new(Vec::new()));
        let given = answer.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(length @ 1..) => request.extend_from_slice(&buffer[..length]),
                        _ => break,
                    }
                }
                let answer = given.lock().map(|answer| answer.clone()).unwrap_or_default();
                let _ = stream.write_all(&answer).and_then(|()| stream.shutdown(Shutdown::Write));
            }
        });
        Answering { address, answer }
    }

    fn answer(&self, answer: &[u8]) {
        *self.answer.lock().expect("nobody panicked") = answer.to_vec();
    }
}

/// The body of an answer about which there can be no doubt, and its status.
fn plain_answer(input: &[u8]) -> Option<(u16, String, Vec<u8>)> {
    let end = input.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&input[..end]).ok().filter(|head| head.is_ascii())?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.strip_suffix(" OK")?;
    let status: u16 = status.parse().ok().filter(|status| (200..=600).contains(status))?;
    if status == 204 || status == 304 || head.lines().count() > 60 {
        return None;
    }
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let is_name =
            !name.is_empty() && name.bytes().all(|it| it.is_ascii_lowercase() || it == b'-');
        let is_value = value.chars().all(|it| it.is_ascii_alphanumeric() || "-;=/".contains(it));
        if !is_name || !is_value || value.is_empty() {
            return None;
        }
        match name {
            "content-length" if length.is_none() && value.len() < 5 => {
                length = Some(value.parse::<usize>().ok()?);
            }
            "content-length" | "transfer-encoding" | "content-encoding" | "location" => {
                return None;
            }
            _ => {}
        }
    }
    let body = &input[end + 4..];
    (body.len() >= length?).then(|| (status, head.to_owned(), body[..length.unwrap_or(0)].to_vec()))
}

/// What a server answers to a script is given to it, or is a failure with a type.
pub(super) fn http_answer() -> Look {
    let server = Answering::start();
    let world = World::new(Policy::open());
    let url = Url::parse(&format!("http://{}/a?b=c", server.address)).expect("it is a URL");
    Box::new(move |input| {
        server.answer(input);
        let request = Request {
            method: "GET".to_owned(),
            url: url.clone(),
            headers: Vec::new(),
            body: Rc::default(),
            timeout: Duration::from_secs(20),
            place: 0,
            aws: None,
        };
        let started = Instant::now();
        let mut body = Vec::new();
        let outcome = world.exchange(&request).and_then(|mut response| {
            let (status, headers) = (response.status, response.headers);
            let read = response.body.read_to_end(&mut body);
            for (name, value) in &headers {
                assert!(name.bytes().all(|it| !it.is_ascii_uppercase()), "{name}");
                assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
            }
            read.map_err(|error| {
                rhambda_runtime::effects::Failure::new("Read", error.to_string())
            })?;
            Ok(status)
        });
        assert!(started.elapsed() < Duration::from_secs(60), "it outlived its time");
        match (outcome, plain_answer(input)) {
            (outcome, Some((status, head, wanted))) => {
                let got = outcome.unwrap_or_else(|error| panic!("{error:?} for {head}"));
                assert_eq!((got, &body), (status, &wanted), "for {head}");
            }
            (Err(failure), None) => {
                assert!(failure.error_type == "Read" || failure.error_type.starts_with("Http."));
                assert!(failure.message.len() < 4096, "{}", failure.message);
            }
            (Ok(_), None) => {}
        }
    })
}

/// What the Runtime API answers to `next` is an invocation, or an error.
pub(super) fn runtime_api() -> Look {
    let server = Answering::start();
    let address = server.address.to_string();
    Box::new(move |input| {
        server.answer(input);
        // A connection that was kept would be dead, which the loop of `bootstrap` tries again after.
        let outcome = Api::new(&address).next_invocation_at_once();
        if let Ok(invocation) = &outcome {
            assert!(!invocation.request_id.is_empty());
            let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~%".contains(&it);
            assert!(invocation.request_path.bytes().all(is_plain), "{}", invocation.request_path);
            assert!(invocation.payload.len() <= input.len());
        }
        let Some((200, head, body)) = plain_answer(input) else { return };
        let has_id = head.lines().any(|line| line.starts_with("lambda-runtime-aws-request-id: "));
        if has_id {
            let invocation = outcome.unwrap_or_else(|error| panic!("{error} for {head}"));
            assert_eq!(invocation.payload, body, "for {head}");
        }
    })
}
