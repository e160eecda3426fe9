//! A model of the Runtime API's protocol against `bootstrap`, by sequences of faults that chance
//! chooses: each event gets one answer, or none with a reason in the log.
//!
//! The model is a machine of five states. Where HTTP leaves open what a client has heard, as when a
//! connection is closed between two requests, it is in several at once. A sequence is known by its
//! seed: `RHAMBDA_PROTOCOL_SEED=7` runs that one alone and shows it, `RHAMBDA_PROTOCOL_SEQUENCES=n`
//! runs so many.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, thread};

use rhambda_tests::faults::{self, Chance, Expected, Fault, Handed, Heard, Left};
use rhambda_tests::{Body, FaultyApi, Happening, Opened};

const SCRIPT: &str = r#"
fn handler(event) {
    if type_of(event) != "map" { return event; }
    switch event.act {
        "echo" => event.value,
        "throw" => throw #{ type: "Thrown", message: event.value },
        "large" => { let text = ""; text.pad(event.value, 'x'); text }
        "stream" => {
            for part in event.parts { stream::write(part); stream::flush(); }
            if event.fails { throw #{ type: "Thrown", message: "behind" } }
        }
        _ => event,
    }
}
"#;

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const RESTORE: &str = "/2018-06-01/runtime/restore/next";
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

/// Failures in a row after which the Runtime API counts as gone.
const MOST_FAILED_POLLS: u32 = 3;

/// How a process starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With a script that compiles.
    Plain,
    /// The same, and before it serves a snapshot is taken of it.
    Snapshot,
    /// With one that does not.
    Broken,
}

/// What the process has to do next.
#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Nothing was asked yet.
    Init(Start),
    /// It has to ask for an event, which failed so often.
    Polling { failures: u32 },
    /// It has an event and has to answer it. So many tries failed that the API has not seen.
    Running { event: Handed, failures: u32 },
    /// It had sent an answer of which it knows nothing: it has to send the same once more.
    Answering { event: Handed, sent: Sent },
    /// It has to end, with a reason in the log.
    Ended,
}

/// A post.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    path: String,
    /// What was read of it.
    body: Option<Body>,
}

/// One way in which everything so far can have been, and what the log has to say then.
#[derive(Debug, Clone, PartialEq)]
struct Way {
    state: State,
    said: Vec<String>,
}

impl Way {
    fn to(&self, state: State) -> Self {
        Self { state, said: self.said.clone() }
    }

    fn saying(mut self, what: impl Into<String>) -> Self {
        self.said.push(what.into());
        self
    }
}

/// What the process asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Next,
    Restore,
    InitError,
    Answer,
    Stream,
}

fn asks(opened: &Opened) -> Option<Asks> {
    match (opened.method(), opened.path()) {
        ("GET", NEXT) => Some(Asks::Next),
        ("GET", RESTORE) => Some(Asks::Restore),
        ("POST", INIT_ERROR) => Some(Asks::InitError),
        ("POST", _) if opened.header("transfer-encoding").is_some() => Some(Asks::Stream),
        ("POST", _) => Some(Asks::Answer),
        _ => None,
    }
}

/// What one exchange was.
struct Exchange<'a> {
    opened: &'a Opened,
    asks: Asks,
    fault: &'a Fault,
    body: Option<Body>,
}

/// Each way that goes on from this one by an exchange; none where the process must not have asked.
fn after(way: &Way, exchange: &Exchange) -> Result<Vec<Way>, String> {
    let mut ways = Vec::new();
    for heard in &exchange.fault.heard {
        let way = match (&way.state, exchange.asks) {
            (State::Init(Start::Plain), Asks::Next) => after_poll(way, 0, heard),
            (State::Init(Start::Snapshot), Asks::Restore) => after_restore(way, heard),
            (State::Init(Start::Broken), Asks::InitError) => after_init_error(way, heard),
            (State::Polling { failures }, Asks::Next) => after_poll(way, *failures, heard),
            (State::Running { event, failures }, Asks::Answer) => {
                check_answer(event, exchange)?;
                after_answer(way, event, *failures, None, exchange, heard)
            }
            (State::Running { event, failures }, Asks::Stream) => {
                check_stream(event, exchange)?;
                after_stream(way, *failures, heard)
            }
            (State::Answering { event, sent }, Asks::Answer) => {
                after_answer(way, event, 1, Some(sent), exchange, heard)
            }
            (state, asks) => return Err(format!("{asks:?} in {state:?}")),
        }?;
        ways.push(way);
    }
    // A connection that was closed behind an answer may cost one try of the next request, which
    // nobody sees.
    if matches!(exchange.fault.left, Left::ClosedUntold) {
        for way in ways.clone() {
            match way.state.clone() {
                State::Polling { failures } => {
                    ways.push(way.to(State::Polling { failures: failures + 1 }));
                }
                State::Running { event, failures } => {
                    ways.push(way.to(State::Running { event, failures: failures + 1 }));
                }
                _ => {}
            }
        }
    }
    Ok(ways)
}

fn after_poll(way: &Way, failures: u32, heard: &Heard) -> Result<Way, String> {
    Ok(match heard {
        Heard::Event(event) => way.to(State::Running { event: event.clone(), failures: 0 }),
        Heard::Nameless => way.to(State::Ended).saying("without Lambda-Runtime-Aws-Request-Id"),
        Heard::Status(204) => way.to(State::Polling { failures }),
        Heard::Status(status) => {
            way.to(State::Ended).saying(format!("the Runtime API answered `next` with {status}"))
        }
        Heard::Nothing if failures + 1 < MOST_FAILED_POLLS => {
            way.to(State::Polling { failures: failures + 1 })
        }
        Heard::Nothing => {
            way.to(State::Ended).saying("the Runtime API cannot be reached at `next`")
        }
    })
}

fn after_restore(way: &Way, heard: &Heard) -> Result<Way, String> {
    Ok(match heard {
        Heard::Status(200) => way.to(State::Polling { failures: 0 }),
        Heard::Status(status) => way
            .to(State::Ended)
            .saying(format!("the Runtime API answered `restore/next` with {status}")),
        _ => way.to(State::Ended).saying("the Runtime API cannot be reached at `restore/next`"),
    })
}

fn after_init_error(way: &Way, heard: &Heard) -> Result<Way, String> {
    let ended = way.to(State::Ended).saying("Runtime.UserCodeSyntaxError");
    Ok(match heard {
        Heard::Status(200..=299 | 403) => ended,
        Heard::Status(status) => ended.saying(format!("answered `init/error` with {status}")),
        _ => ended.saying("cannot be reached at `init/error`"),
    })
}

/// The name of the call at the end of an answer's path.
fn call(opened: &Opened) -> &str {
    opened.path().rsplit('/').next().unwrap_or_default()
}

fn after_answer(
    way: &Way,
    event: &Handed,
    failures: u32,
    sent: Option<&Sent>,
    exchange: &Exchange,
    heard: &Heard,
) -> Result<Way, String> {
    let call = call(exchange.opened);
    let now = Sent { path: exchange.opened.path().into(), body: exchange.body.clone() };
    if let Some(sent) = sent {
        let is_other = sent.body.is_some() && now.body.is_some() && sent.body != now.body;
        if sent.path != now.path || is_other {
            return Err(format!("another answer than the one before: {}", now.path));
        }
    }
    let is_again = failures > 0;
    Ok(match heard {
        Heard::Status(200..=299) => way.to(State::Polling { failures: 0 }),
        // It may have been the first try that arrived.
        Heard::Status(status @ (400 | 403)) if is_again => way
            .to(State::Polling { failures: 0 })
            .saying(format!("`{call}` was sent again and answered with {status}")),
        Heard::Status(410) => {
            way.to(State::Polling { failures: 0 }).saying(format!("its {call} is dropped"))
        }
        Heard::Status(status @ 400..=499) => way
            .to(State::Polling { failures: 0 })
            .saying(format!("the Runtime API answered `{call}` with {status}")),
        Heard::Status(status) => {
            way.to(State::Ended).saying(format!("the Runtime API answered `{call}` with {status}"))
        }
        Heard::Nothing if is_again => {
            way.to(State::Ended).saying(format!("the Runtime API cannot be reached at `{call}`"))
        }
        Heard::Nothing => way.to(State::Answering { event: event.clone(), sent: now }),
        Heard::Event(_) | Heard::Nameless => return Err("an event for a post".into()),
    })
}

/// A stream has a connection of its own, so that what is wrong with the other one is still to be seen.
fn after_stream(way: &Way, failures: u32, heard: &Heard) -> Result<Way, String> {
    let polling = way.to(State::Polling { failures });
    Ok(match heard {
        Heard::Status(200..=299) => polling,
        Heard::Status(410) => polling.saying("its response is dropped"),
        Heard::Status(status @ 400..=499) => {
            polling.saying(format!("the Runtime API answered `response` with {status}"))
        }
        Heard::Status(status) => way
            .to(State::Ended)
            .saying(format!("the Runtime API answered `response` with {status}")),
        // The reader has gone, or nobody took the rest of it.
        _ => polling.saying("of the response"),
    })
}

/// Whether this answers the event that was handed out, by what its handler made of it.
fn check_answer(event: &Handed, exchange: &Exchange) -> Result<(), String> {
    let path = exchange.opened.path();
    let of_event = format!("/2018-06-01/runtime/invocation/{}/", encoded(&event.id));
    let Some(call) = path.strip_prefix(&of_event) else {
        return Err(format!("an answer to {path}, where {of_event} is due"));
    };
    let error_type = exchange.opened.header("lambda-runtime-function-error-type");
    let json = exchange.body.as_ref().map(|body| serde_json::from_slice(&body.data).ok());
    let holds = match (&event.expected, call) {
        (Expected::Value(value), "response") => {
            json.is_none_or(|json: Option<serde_json::Value>| json.as_ref() == Some(value))
        }
        (Expected::Error(expected), "error") => error_type.as_deref() == Some(expected),
        (Expected::Either, "response" | "error") => json.is_none_or(|json| json.is_some()),
        (Expected::PerhapsStream, "error") => true,
        _ => false,
    };
    if holds {
        Ok(())
    } else {
        Err(format!("`{call}` ({error_type:?}) where the {event:?} is due"))
    }
}

fn check_stream(event: &Handed, exchange: &Exchange) -> Result<(), String> {
    let due = format!("/2018-06-01/runtime/invocation/{}/response", encoded(&event.id));
    let path = exchange.opened.path();
    if path != due {
        return Err(format!("a stream to {path}, where {due} is due"));
    }
    let Some(body) = &exchange.body else { return Ok(()) };
    let holds = match &event.expected {
        Expected::Stream(data, fails) => {
            let wire = String::from_utf8_lossy(&body.wire);
            let has_trailers = wire.contains("\r\n0\r\nLambda-Runtime-Function-Error-Type: ");
            body.data == data.as_bytes() && has_trailers == *fails
        }
        Expected::PerhapsStream => true,
        _ => false,
    };
    if holds { Ok(()) } else { Err(format!("a stream of {} bytes for {event:?}", body.data.len())) }
}

fn encoded(id: &str) -> String {
    id.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => path.push(char::from(byte)),
            _ => drop(write!(path, "%{byte:02X}")),
        }
        path
    })
}

/// A sequence: the process, what was done to it, and the ways it can have taken.
struct Sequence {
    api: FaultyApi,
    chance: Chance,
    ways: Vec<Way>,
    /// Connections that must not be used again.
    out_of_step: BTreeSet<usize>,
    transcript: String,
    counts: Counts,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    exchanges: u64,
    events: u64,
    answers: u64,
    refusals: u64,
}

impl Sequence {
    fn start(seed: u64, scripts: &Scripts) -> Self {
        let mut chance = Chance::new(seed);
        let start = match chance.below(20) {
            0 => Start::Broken,
            1 => Start::Snapshot,
            _ => Start::Plain,
        };
        let folder = if start == Start::Broken { &scripts.broken } else { &scripts.good };
        let initialization = match start {
            Start::Snapshot => "snap-start",
            _ => "on-demand",
        };
        let level = if setting("RHAMBDA_PROTOCOL_SEED").is_some() { "debug" } else { "warn" };
        let environment =
            [("AWS_LAMBDA_INITIALIZATION_TYPE", initialization), ("RHAMBDA_LOG", level)];
        let api = FaultyApi::start(folder.path(), &environment).expect("bootstrap starts");
        let ways = vec![Way { state: State::Init(start), said: Vec::new() }];
        Self {
            api,
            chance,
            ways,
            out_of_step: BTreeSet::new(),
            transcript: format!("{start:?}\n"),
            counts: Counts::default(),
        }
    }

    /// Plays it to its end.
    fn play(&mut self) -> Result<(), String> {
        let most = 2 + self.chance.below(24);
        for turn in 0.. {
            match self.api.wait() {
                Happening::Opened(opened) => {
                    let is_last = turn >= most;
                    if is_last && asks(&opened) == Some(Asks::Next) && self.chance.percent(10) {
                        return self.leave_waiting();
                    }
                    self.exchange(&opened, turn, is_last)?;
                }
                Happening::Ended(status) => return self.ended(status.code()),
                Happening::Silence => return Err("it does nothing".into()),
            }
        }
        Ok(())
    }

    fn exchange(&mut self, opened: &Opened, turn: usize, is_last: bool) -> Result<(), String> {
        let asks = asks(opened).ok_or_else(|| format!("{} {}", opened.method(), opened.path()))?;
        let chance = &mut self.chance;
        let fault = match asks {
            Asks::Next if is_last => faults::ending_poll(chance),
            Asks::Next => faults::for_poll(chance, turn),
            Asks::Restore => faults::for_restore(chance),
            Asks::InitError | Asks::Answer => faults::for_post(chance),
            Asks::Stream => faults::for_stream(chance),
        };
        writeln!(
            self.transcript,
            "#{} {} {} -> {} {:?}, {:?}\n    {:?}",
            opened.connection,
            opened.method(),
            shown(opened.path()),
            fault.name,
            fault.reading,
            fault.left,
            shown(&format!("{:?}", fault.heard)),
        )
        .ok();
        if self.out_of_step.contains(&opened.connection) {
            return Err("it used a connection that is out of step".into());
        }
        if asks == Asks::Stream && !opened.is_first {
            return Err("a stream by a connection that was used before".into());
        }
        let body = self.api.treat(opened, fault.reading, &fault.acts);
        if fault.left == Left::OutOfStep {
            self.out_of_step.insert(opened.connection);
        }
        self.counts.exchanges += 1;
        self.counts.answers += u64::from(matches!(asks, Asks::Answer | Asks::Stream));
        self.counts.events += u64::from(matches!(fault.heard[..], [Heard::Event(_)]));
        let exchange = Exchange { opened, asks, fault: &fault, body };
        let mut ways: Vec<Way> = Vec::new();
        let mut refusals = Vec::new();
        for way in &self.ways {
            match after(way, &exchange) {
                Ok(next) => ways.extend(next),
                Err(refusal) => refusals.push(refusal),
            }
        }
        ways.dedup();
        if ways.is_empty() {
            return Err(refusals.join("; or "));
        }
        self.ways = ways;
        Ok(())
    }

    /// Leaves the process waiting for an event, as an environment that nobody needs.
    fn leave_waiting(&mut self) -> Result<(), String> {
        self.transcript.push_str("the poll is not answered\n");
        if !self.ways.iter().any(|way| matches!(way.state, State::Polling { .. })) {
            return Err(format!("it polls in {:?}", self.ways));
        }
        match self.api.wait_for(Duration::from_millis(3)) {
            Happening::Silence => Ok(()),
            other => Err(format!("it does not wait: {other:?}")),
        }
    }

    /// The process has ended: that has to be right, and the log has to say why.
    fn ended(&mut self, code: Option<i32>) -> Result<(), String> {
        self.counts.refusals += 1;
        writeln!(self.transcript, "it ended with {code:?}").ok();
        if code != Some(1) {
            return Err(format!("it ended with {code:?}, not with 1"));
        }
        let log = self.api.log();
        let right = self
            .ways
            .iter()
            .filter(|way| matches!(way.state, State::Ended) || may_end_at_a_closed_connection(way));
        let unsaid: Vec<String> = right.clone().filter_map(|way| unsaid(&log, &way.said)).collect();
        match right.count() {
            0 => Err(format!("it ended in {:?}", self.ways)),
            ways if ways == unsaid.len() => Err(format!("the log does not say {unsaid:?}")),
            _ => Ok(()),
        }
    }
}

/// Whether nothing is left of the tries that a request has, by ones that the API does not see.
fn may_end_at_a_closed_connection(way: &Way) -> bool {
    matches!(way.state, State::Polling { failures } if failures >= MOST_FAILED_POLLS)
}

/// The first of these, in their order, that the log does not have.
fn unsaid(log: &str, said: &[String]) -> Option<String> {
    let mut rest = log;
    for what in said {
        let Some(at) = rest.find(what.as_str()) else { return Some(what.clone()) };
        rest = &rest[at..];
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    None
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

/// The task roots of all sequences.
struct Scripts {
    good: tempfile::TempDir,
    broken: tempfile::TempDir,
}

impl Scripts {
    fn new() -> Self {
        let folder = |script: &str| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            fs::write(Path::join(folder.path(), "main.rhai"), script).expect("a file");
            folder
        };
        Self { good: folder(SCRIPT), broken: folder("fn handler(event) { event") }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

#[test]
fn ten_thousand_sequences_of_faults_lose_no_event_and_answer_none_twice() {
    const MOST_FAILURES: usize = 5;
    let alone = setting("RHAMBDA_PROTOCOL_SEED");
    let count = setting("RHAMBDA_PROTOCOL_SEQUENCES").unwrap_or(10_000);
    let seeds = alone.map_or(0..count, |seed| seed..seed + 1);
    let (scripts, next) = (Scripts::new(), AtomicU64::new(seeds.start));
    let failures = Mutex::new(Vec::new());
    let total = Mutex::new(Counts::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || failures.lock().expect("no panic").len() >= MOST_FAILURES {
                return;
            }
            let mut sequence = Sequence::start(seed, &scripts);
            let outcome = sequence.play();
            let mut total = total.lock().expect("no panic");
            total.exchanges += sequence.counts.exchanges;
            total.events += sequence.counts.events;
            total.answers += sequence.counts.answers;
            total.refusals += sequence.counts.refusals;
            if alone.is_some() {
                eprintln!("{}{}", sequence.transcript, sequence.api.log());
            }
            if let Err(why) = outcome {
                let log: String = sequence.api.log().chars().take(4000).collect();
                failures.lock().expect("no panic").push(format!(
                    "sequence {seed}: {why}\n{}its log:\n{log}\nto run it again: \
                     RHAMBDA_PROTOCOL_SEED={seed} cargo test -p rhambda-tests --test it \
                     protocol_model -- --nocapture\n",
                    sequence.transcript
                ));
            }
        }
    };
    // Most of them wait for a pause of one side or the other.
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().expect("no panic");
    let total = total.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(alone.is_some() || total.events > 2 * count, "{total:?}");
    eprintln!("{count} sequences: {total:?}");
}
