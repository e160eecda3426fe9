//! A soak: one `bootstrap` serves invocations of mixed scripts by the hundred thousand, and neither its
//! memory nor its descriptors may grow after the warm-up.
//!
//! `make soak INVOCATIONS=1000000`, or `soak INVOCATIONS [--without KIND]... [--only KIND]`.

#![expect(clippy::print_stdout, reason = "the table and the verdict are what it is run for")]

use std::error::Error;
use std::io::{BufRead, BufReader, IsTerminal, Write, stderr};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use rhambda_tests::{Act, FaultyApi, Happening, Reading};
use serde_json::json;

const SCRIPT: &str = include_str!("soak.rhai");
const MODULE: &str = include_str!("soak_module.rhai");

/// Whom failures are recorded for: a point of the curve that has no secret worth keeping.
const KEY: &str = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The first tenth is the warm-up, at least so many.
const LEAST_WARM_UP: u64 = 3000;
/// How much the memory may grow after it, in KB: a few pages that the allocator keeps.
const MOST_GROWTH_KB: u64 = 1024;
/// A fresh process may take over once in so many invocations.
const LEAST_BETWEEN_RESTARTS: u64 = 10_000;

/// A kind of invocation: how often it comes beside the others, and what it has to end in.
struct Kind {
    name: &'static str,
    share: u64,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Answers,
    Fails(&'static str),
    Streams,
}

const THROWN: Outcome = Outcome::Fails("Function.ScriptError");

const KINDS: [Kind; 27] = [
    Kind { name: "closures", share: 200, outcome: Outcome::Answers },
    Kind { name: "cycles", share: 100, outcome: Outcome::Answers },
    Kind { name: "imports", share: 100, outcome: Outcome::Answers },
    Kind { name: "router", share: 150, outcome: Outcome::Answers },
    Kind { name: "batch", share: 100, outcome: Outcome::Answers },
    Kind { name: "throws", share: 100, outcome: THROWN },
    Kind { name: "missing", share: 50, outcome: Outcome::Fails("Function.VariableNotFound") },
    Kind { name: "memory", share: 1, outcome: Outcome::Fails("Function.MemoryLimit") },
    Kind { name: "depth", share: 10, outcome: Outcome::Fails("Function.StackOverflow") },
    Kind { name: "deadline", share: 10, outcome: Outcome::Fails("Function.DeadlineExceeded") },
    Kind { name: "unmarshal", share: 20, outcome: Outcome::Fails("Runtime.UnmarshalError") },
    Kind { name: "marshal", share: 20, outcome: Outcome::Fails("Runtime.MarshalError") },
    Kind { name: "streams", share: 100, outcome: Outcome::Streams },
    Kind { name: "stream_breaks", share: 20, outcome: Outcome::Streams },
    Kind { name: "regexes", share: 100, outcome: Outcome::Answers },
    Kind { name: "texts", share: 100, outcome: Outcome::Answers },
    Kind { name: "jsons", share: 100, outcome: Outcome::Answers },
    Kind { name: "requests", share: 60, outcome: Outcome::Answers },
    Kind { name: "refused", share: 20, outcome: THROWN },
    Kind { name: "caches", share: 100, outcome: Outcome::Answers },
    Kind { name: "evals", share: 50, outcome: Outcome::Answers },
    Kind { name: "states", share: 100, outcome: Outcome::Answers },
    Kind { name: "files", share: 40, outcome: Outcome::Answers },
    Kind { name: "logs", share: 60, outcome: Outcome::Answers },
    Kind { name: "formats", share: 60, outcome: Outcome::Answers },
    Kind { name: "ciphers", share: 60, outcome: Outcome::Answers },
    Kind { name: "large", share: 4, outcome: Outcome::Answers },
];

impl Kind {
    fn event(&self, number: u64, server: SocketAddr) -> Vec<u8> {
        let text = |length: usize| "soak ".repeat(length / 5);
        let event = match self.name {
            "unmarshal" => return b"{\"kind\": ".to_vec(),
            "router" => {
                let path = ["/items/7", "/items", "/none", "/items/8"][(number % 4) as usize];
                json!({ "version": "2.0", "routeKey": "$default", "rawPath": path,
                    "rawQueryString": "a=1", "headers": { "accept": "*/*" },
                    "requestContext": { "apiId": "x", "stage": "$default",
                        "domainName": "x.lambda-url.eu-west-1.on.aws", "http": { "method": "GET",
                        "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1" } },
                    "isBase64Encoded": false })
            }
            "batch" => {
                let record = |n: u64| {
                    json!({ "messageId": format!("{number}-{n}"),
                    "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q",
                    "body": json!({ "quantity": n }).to_string(), "attributes": {},
                    "messageAttributes": {}, "receiptHandle": "r" })
                };
                json!({ "Records": (0..10).map(record).collect::<Vec<_>>() })
            }
            "requests" => json!({ "url": format!("http://{server}/{}", number % 7) }),
            "jsons" => json!({ "items": (0..50).map(|n| json!({ "id": n, "name": text(40),
                "price": 1.25, "tags": ["a", "b", null] })).collect::<Vec<_>>() }),
            "large" => json!({ "text": text(1 << 20) }),
            _ => json!({ "number": number, "text": text((number % 200) as usize) }),
        };
        let mut event = event;
        if self.name != "router" && self.name != "batch" {
            event["kind"] = self.name.into();
        }
        event.to_string().into_bytes()
    }

    fn response(&self, number: u64, server: SocketAddr) -> Vec<u8> {
        let body = self.event(number, server);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = if self.name == "deadline" { 20 } else { 60_000 };
        let deadline = (now + Duration::from_millis(time)).as_millis();
        let head = format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {number:032}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-{number:024};Sampled=0\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:soak\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }
}

/// What was asked for on the command line.
struct Plan {
    invocations: u64,
    kinds: Vec<&'static Kind>,
}

/// What one process is to serve.
struct Phase {
    invocations: u64,
    /// The kinds, each as often as it comes, in an order that mixes them.
    order: Vec<&'static Kind>,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let invocations: u64 = match arguments.next() {
            Some(text) => {
                text.replace('_', "").parse().map_err(|_| format!("{text}: no number"))?
            }
            None => 1_000_000,
        };
        let (mut without, mut only) = (Vec::new(), None);
        while let Some(option) = arguments.next() {
            let name =
                arguments.next().ok_or_else(|| format!("{option} needs the name of a kind"))?;
            if !KINDS.iter().any(|kind| kind.name == name) {
                let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
                return Err(format!("{name}: no kind; there are {}", names.join(", ")).into());
            }
            match option.as_str() {
                "--without" => without.push(name),
                "--only" => only = Some(name),
                _ => return Err(format!("{option}: there are --without and --only").into()),
            }
        }
        let kinds: Vec<_> = KINDS
            .iter()
            .filter(|kind| only.as_ref().is_none_or(|only| only == kind.name))
            .filter(|kind| !without.iter().any(|name| name == kind.name))
            .collect();
        Ok(Self { invocations, kinds })
    }

    /// What fills the memory has a process of its own: in what it gave back others' growth would hide.
    fn phases(&self) -> Vec<Phase> {
        let (heavy, mixed): (Vec<_>, Vec<_>) =
            self.kinds.iter().partition(|kind| kind.name == "memory");
        let phase = |kinds: Vec<&'static Kind>, invocations: u64| {
            let sorted: Vec<_> =
                kinds.into_iter().flat_map(|kind| (0..kind.share).map(move |_| kind)).collect();
            // Every 7919th, a prime, so that no kind comes in a row.
            let count = sorted.len();
            let order = (0..count).map(|index| sorted[index * 7919 % count]).collect();
            Phase { invocations, order }
        };
        [phase(mixed, self.invocations), phase(heavy, (self.invocations / 1000).max(20))]
            .into_iter()
            .filter(|phase| !phase.order.is_empty())
            .collect()
    }
}

/// What the process has at one moment.
#[derive(Clone, Copy)]
struct Sample {
    at: u64,
    memory_kb: u64,
    descriptors: usize,
}

fn sample(pid: u32, at: u64) -> Result<Sample, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let memory_kb = line.trim().trim_end_matches(" kB").parse()?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok(Sample { at, memory_kb, descriptors })
}

/// What the script's requests get: a few words, by connections that are kept.
fn serve() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up is part of the plan.
            thread::spawn(move || answer(stream).ok());
        }
    });
    Ok(address)
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut count = 0;
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let body = r#"{"total": 42}"#;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        reader.get_mut().write_all(head.as_bytes())?;
        count += 1;
        // So that connections also end.
        if count % 50 == 0 {
            return Ok(());
        }
    }
}

/// Whether the call is what this kind of invocation has to end in.
fn is_right(kind: &Kind, opened: &rhambda_tests::Opened, number: u64) -> bool {
    let call =
        |name: &str| opened.path() == format!("/2018-06-01/runtime/invocation/{number:032}/{name}");
    match kind.outcome {
        Outcome::Answers => call("response"),
        Outcome::Streams => call("response") && opened.header("transfer-encoding").is_some(),
        Outcome::Fails(error_type) => {
            let told = opened.header("lambda-runtime-function-error-type");
            call("error") && told.as_deref() == Some(error_type)
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs it all; false where something grew or was answered wrong.
fn run() -> Result<bool, Box<dyn Error>> {
    let plan = Plan::read(std::env::args().skip(1))?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("main.rhai"), SCRIPT)?;
    fs::create_dir(folder.path().join("lib"))?;
    for name in ["part", "late"] {
        fs::write(folder.path().join(format!("lib/{name}.rhai")), MODULE)?;
    }
    let server = serve()?;
    for phase in plan.phases() {
        if !soak(&phase, folder.path(), server)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn soak(plan: &Phase, folder: &Path, server: SocketAddr) -> Result<bool, Box<dyn Error>> {
    let environment = [("RHAMBDA_RECORD", KEY), ("RHAMBDA_LOG", "error")];
    let mut api = FaultyApi::start(folder, &environment)?;
    let warm_up = (plan.invocations / 10).max(LEAST_WARM_UP).min(plan.invocations / 2);
    let every = ((plan.invocations.saturating_sub(warm_up)) / 40).max(1);
    let shows = stderr().is_terminal();
    let begun = Instant::now();
    let (mut samples, mut restarts) = (Vec::new(), 0);
    let mut number = 0;
    let mut current: Option<&Kind> = None;
    println!("invocations   memory KB   descriptors");
    loop {
        let opened = match api.wait() {
            Happening::Opened(opened) => opened,
            Happening::Ended(status) => {
                let log = api.log();
                let last = log.lines().last().unwrap_or("nothing in the log").to_owned();
                restarts += 1;
                println!("after {number} invocations the process ended ({status}): {last}");
                if current.is_some()
                    || restarts * LEAST_BETWEEN_RESTARTS > plan.invocations + 10_000
                {
                    println!("it ended too often, or before it answered");
                    return Ok(false);
                }
                api = FaultyApi::start(folder, &environment)?;
                continue;
            }
            Happening::Silence => return Err(format!("no answer to {number}").into()),
        };
        if opened.method() == "POST" {
            let Some(kind) = current.take() else {
                println!("invocation {number} was answered twice");
                return Ok(false);
            };
            let right = is_right(kind, &opened, number);
            let sent = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec();
            let body = api.treat(&opened, Reading::All, &[Act::Send(sent)]);
            if !right {
                let body = body.map(|body| String::from_utf8_lossy(&body.data).into_owned());
                println!("{}: invocation {number}: {} {body:?}", kind.name, opened.path());
                return Ok(false);
            }
            continue;
        }
        if number >= warm_up && (number - warm_up).is_multiple_of(every) {
            let now = sample(api.pid(), number)?;
            println!("{:>11} {:>11} {:>13}", now.at, now.memory_kb, now.descriptors);
            samples.push(now);
        }
        if number == plan.invocations {
            break;
        }
        number += 1;
        if shows && number % 1000 == 0 {
            let rate = number as f64 / begun.elapsed().as_secs_f64();
            eprint!("\r{number} of {}, {rate:.0} a second ", plan.invocations);
        }
        let kind = plan.order[(number % plan.order.len() as u64) as usize];
        api.treat(&opened, Reading::All, &[Act::Send(kind.response(number, server))]);
        current = Some(kind);
    }
    if shows {
        eprint!("\r\x1b[K");
    }
    let rate = number as f64 / begun.elapsed().as_secs_f64();
    println!("{number} invocations in {:.0?}, {rate:.0} a second", begun.elapsed());
    Ok(verdict(&samples, restarts))
}

/// Compares the quarter after the warm-up with the last one.
fn verdict(samples: &[Sample], restarts: u64) -> bool {
    let quarter = (samples.len() / 4).max(1);
    let (first, last) = (&samples[..quarter], &samples[samples.len() - quarter..]);
    let median = |samples: &[Sample]| {
        let mut all: Vec<u64> = samples.iter().map(|sample| sample.memory_kb).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    let most = |samples: &[Sample]| samples.iter().map(|sample| sample.descriptors).max();
    let (before, after) = (median(first), median(last));
    let is_flat = after <= before + MOST_GROWTH_KB;
    let (opened, still_open) = (most(first).unwrap_or_default(), most(last).unwrap_or_default());
    println!("memory: {before} KB after the warm-up, {after} KB at the end; restarts: {restarts}");
    println!("descriptors: at most {opened} after the warm-up, {still_open} at the end");
    let holds = is_flat && still_open <= opened;
    println!("{}", if holds { "flat" } else { "NOT flat" });
    holds
}
