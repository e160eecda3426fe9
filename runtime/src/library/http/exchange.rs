//! A call from its first attempt to its answer: retries, redirects, and the body.
//!
//! It goes on step by step, so that several can be under way at once; one alone waits in its steps.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use flate2::bufread::MultiGzDecoder;
use rhai::{Dynamic, EvalAltResult, INT};

use super::options::{Options, Refused};
use super::response::{Answer, Body, HttpResponse};
use crate::effects::{Failure, Pending, Request, Response, Url, failed as file_failed, world};
use crate::library::{Fallible, thrown};
use crate::memory;
use crate::time::Time;

/// The first pause between attempts; each next one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Headers that a request keeps when it is sent on to somebody else: none that could be a secret.
const HARMLESS: [&str; 7] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "content-type",
    "if-modified-since",
    "range",
    "user-agent",
];

/// Makes the call that was asked for.
pub fn call(options: Result<Options, Refused>) -> Fallible<HttpResponse> {
    let mut call = Call::new(options.map_err(Refused::thrown)?, 0, None);
    let mut piece = vec![0; PIECE];
    let outcome = loop {
        match call.step(&mut piece) {
            Step::Done(outcome) => break outcome,
            Step::Pauses(length) => world().pause(length),
            Step::Waits | Step::GoesOn | Step::Opened(_) => {}
        }
    };
    call.settled(outcome).map_err(|(failure, fields)| thrown(&failure, fields))
}

/// Makes a call whose good answer is read by somebody else: its content type and its body.
pub(super) fn open(options: Result<Options, Refused>) -> Fallible<(String, Box<dyn Read>)> {
    let mut options = options.map_err(Refused::thrown)?;
    if options.save_to.is_some() {
        let failure =
            Failure::new("Http.InvalidRequest", "`save_to` is not for what is read at once");
        let shown = options.url.shown();
        return Err(Refused { failure, method: options.method, url: shown }.thrown());
    }
    options.throws_on_error = true;
    let mut call = Call::new(options, 0, None);
    call.streams = true;
    let outcome = loop {
        match call.step(&mut []) {
            Step::Opened(reading) => {
                let Reading { headers, pieces, .. } = *reading;
                let content_type = headers.into_iter().find(|(name, _)| name == "content-type");
                let content_type = content_type.map(|(_, value)| value).unwrap_or_default();
                return Ok((content_type, Box::new(pieces)));
            }
            Step::Done(outcome) => break outcome,
            Step::Pauses(length) => world().pause(length),
            Step::Waits | Step::GoesOn => {}
        }
    };
    let outcome = outcome.and_then(|answer| match answer.is_ok() || answer.status >= 400 {
        true => Ok(answer),
        false => {
            let message =
                format!("{}: the answer has status {}, and no rows", answer.shown, answer.status);
            Err(Failure::new("Http.Status", message))
        }
    });
    match call.settled(outcome) {
        Ok(_) => Ok((String::new(), Box::new(io::empty()))),
        Err((failure, fields)) => Err(thrown(&failure, fields)),
    }
}

/// One attempt of a call that is nothing but its request: without retries and redirects.
pub fn attempt_once(options: &Options, until: Instant) -> Result<Answer, Failure> {
    let mut options = options.clone();
    (options.retries, options.redirects) = (0, 0);
    let mut call = Call::new(options, 0, Some(until));
    let mut piece = vec![0; PIECE];
    loop {
        match call.step(&mut piece) {
            Step::Done(outcome) => return outcome,
            Step::Pauses(length) => world().pause(length),
            Step::Waits | Step::GoesOn | Step::Opened(_) => {}
        }
    }
}

impl Refused {
    /// It as an error that a script can catch.
    pub(super) fn thrown(self) -> Box<EvalAltResult> {
        let Self { failure, method, url } = self;
        thrown(&failure, [("method", method.into()), ("url", url.into())])
    }
}

/// What is told of a call that failed, beside the failure; what is `()` is not told.
pub(super) type Fields = [(&'static str, Dynamic); 3];

/// A call that is under way.
pub(super) struct Call {
    options: Options,
    /// Which of several it is, from one; zero where it stands alone.
    place: u32,
    until: Instant,
    attempt: u32,
    /// The body of a good answer is for somebody else to read.
    streams: bool,
    state: State,
}

enum State {
    /// An attempt begins with the next step.
    Begins,
    Asked(Asked),
    Reads(Box<Reading>),
}

/// A request of an attempt, and those before it that were redirected.
struct Asked {
    request: Request,
    seen: Vec<(String, Url)>,
    pending: Box<dyn Pending>,
}

/// What becomes of a call in a step.
pub(super) enum Step {
    Done(Result<Answer, Failure>),
    /// A good answer, of a call that streams.
    Opened(Box<Reading>),
    /// It is to go on after so long.
    Pauses(Duration),
    /// It is to go on when something has come.
    Waits,
    GoesOn,
}

/// What a state makes of itself.
enum Next {
    State(State),
    Attempted(Result<Answer, Failure>),
    Waits(State),
    GoesOn(State),
}

/// Whoever waits for a server says first that it was too slow; this is for what came to nothing.
const GRACE: Duration = Duration::from_millis(100);

/// After so many pieces of one body it is the others' turn.
const PIECES_IN_TURN: usize = 16;

impl Call {
    /// A call that has to be done at `latest`, whatever its options say.
    pub(super) fn new(options: Options, place: u32, latest: Option<Instant>) -> Self {
        let until = Instant::now() + options.timeout.min(world().patience());
        let until = latest.map_or(until, |latest| until.min(latest));
        Self { options, place, until, attempt: 0, streams: false, state: State::Begins }
    }

    /// When there is nothing more to wait for.
    pub(super) fn given_up_at(&self) -> Instant {
        self.until + GRACE
    }

    /// What the script is told: the answer, or a failure with what is known of the call.
    pub(super) fn settled(
        self,
        outcome: Result<Answer, Failure>,
    ) -> Result<HttpResponse, (Failure, Fields)> {
        let Options { method, url, throws_on_error, .. } = self.options;
        let shown = url.shown();
        let (failure, status) = match outcome {
            Ok(answer) if throws_on_error && answer.status >= 400 => {
                let message = format!("{method} {shown}: the answer has status {}", answer.status);
                (Failure::new("Http.Status", message), INT::from(answer.status).into())
            }
            Ok(answer) => return Ok(HttpResponse(Rc::new(answer))),
            Err(failure) => (failure, Dynamic::UNIT),
        };
        Err((failure, [("method", method.into()), ("url", shown.into()), ("status", status)]))
    }

    /// Goes on as far as it can.
    pub(super) fn step(&mut self, piece: &mut [u8]) -> Step {
        loop {
            let next = match std::mem::replace(&mut self.state, State::Begins) {
                State::Begins => self.begin(),
                State::Asked(asked) => self.look(asked),
                State::Reads(reading) if self.streams && reading.is_good() => {
                    return Step::Opened(reading);
                }
                State::Reads(reading) if self.streams => reading.go_on(&mut vec![0; PIECE]),
                State::Reads(reading) => reading.go_on(piece),
            };
            match next {
                Next::State(state) => self.state = state,
                Next::Waits(state) if Instant::now() < self.given_up_at() => {
                    self.state = state;
                    return Step::Waits;
                }
                Next::Waits(_) => {
                    let what = format!("{} {}", self.options.method, self.options.url.shown());
                    let message = format!("{what}: no answer in time");
                    return Step::Done(Err(Failure::new("Http.Timeout", message)));
                }
                Next::GoesOn(state) => {
                    self.state = state;
                    return Step::GoesOn;
                }
                Next::Attempted(outcome) => {
                    world().took_long();
                    return self.after(outcome);
                }
            }
        }
    }

    /// Whether there is another attempt after this outcome.
    fn after(&mut self, outcome: Result<Answer, Failure>) -> Step {
        let asked_to_wait = match &outcome {
            Ok(answer) if [429, 502, 503, 504].contains(&answer.status) => retry_after(answer),
            Err(failure)
                if ["Http.ConnectFailed", "Http.ConnectionLost"].contains(&failure.error_type) =>
            {
                None
            }
            _ => return Step::Done(outcome),
        };
        let pause = asked_to_wait.unwrap_or_else(|| {
            let longest = (FIRST_PAUSE * (1 << self.attempt.min(10))).min(LONGEST_PAUSE);
            // Many functions that failed together should not come back together.
            longest.mul_f64(world().draw(|random| 0.5 + random.f64() / 2.0))
        });
        let left = self.until.saturating_duration_since(Instant::now());
        if self.attempt == self.options.retries || pause >= left {
            return Step::Done(outcome);
        }
        self.attempt += 1;
        Step::Pauses(pause)
    }

    /// Begins an attempt.
    fn begin(&self) -> Next {
        let mut request = Request {
            method: self.options.method.clone(),
            url: self.options.url.clone(),
            headers: self.options.headers.clone(),
            body: self.options.body.clone(),
            timeout: self.options.timeout,
            place: self.place,
            aws: self.options.aws.as_ref().map(|(call, _)| call.clone()),
        };
        if !request.headers.iter().any(|(name, _)| name == "accept-encoding") {
            request.headers.push(("accept-encoding".into(), "gzip".into()));
        }
        self.ask(request, Vec::new())
    }

    fn ask(&self, mut request: Request, seen: Vec<(String, Url)>) -> Next {
        request.timeout = self.until.saturating_duration_since(Instant::now());
        if request.timeout.is_zero() {
            let message = format!("{}: no answer in time", what(&request));
            return Next::Attempted(Err(Failure::new("Http.Timeout", message)));
        }
        let pending = match &self.options.aws {
            Some((_, resources)) => world().begin_aws(&request, resources.as_deref()),
            None => world().begin(&request),
        };
        Next::State(State::Asked(Asked { request, seen, pending }))
    }

    /// Looks whether a request was answered, and goes where a redirect leads.
    fn look(&self, mut asked: Asked) -> Next {
        let response = match asked.pending.answer() {
            None => return Next::Waits(State::Asked(asked)),
            Some(Err(failure)) => return Next::Attempted(Err(failure)),
            Some(Ok(response)) => response,
        };
        let Asked { mut request, mut seen, pending } = asked;
        drop(pending);
        let what = what(&request);
        let failed = |error_type, why: &str| {
            Next::Attempted(Err(Failure::new(error_type, format!("{what}: {why}"))))
        };
        let is_redirect = [301, 302, 303, 307, 308].contains(&response.status);
        let location =
            response.header("location").filter(|_| is_redirect && self.options.redirects > 0);
        let Some(location) = location else {
            return match Reading::new(&self.options, &request, response, self.until, self.streams) {
                Ok(reading) => Next::State(State::Reads(Box::new(reading))),
                Err(failure) => Next::Attempted(Err(failure)),
            };
        };
        let next = match request.url.join(location) {
            Ok(next) => next,
            Err(why) => {
                let why = format!("the redirect leads nowhere: {why}");
                return failed("Http.InvalidResponse", &why);
            }
        };
        if request.url.is_https && !next.is_https {
            let why = format!("the redirect leads from https to {}", next.shown());
            return failed("Http.InsecureRedirect", &why);
        }
        seen.push((request.method.clone(), request.url.clone()));
        let status = response.status;
        drop(response);
        redirect(&mut request, status, next);
        if seen.iter().any(|(method, url)| *method == request.method && *url == request.url) {
            return failed("Http.TooManyRedirects", "the redirects go in a circle");
        }
        if seen.len() > self.options.redirects as usize {
            let why = format!("more than {} redirects", self.options.redirects);
            return failed("Http.TooManyRedirects", &why);
        }
        self.ask(request, seen)
    }
}

/// A request in an error: nothing that must not be shown.
fn what(request: &Request) -> String {
    format!("{} {}", request.method, request.url.shown())
}

/// How long the server asks to wait: so many seconds, or until a date (RFC 9110, 10.2.3).
fn retry_after(answer: &Answer) -> Option<Duration> {
    let (_, value) = answer.headers.iter().find(|(name, _)| name == "retry-after")?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = Time::parse(value.trim()).ok()?.epoch_ms();
    let now = world().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let left = u128::try_from(until).unwrap_or(0).saturating_sub(now);
    u64::try_from(left).ok().map(Duration::from_millis)
}

/// What a redirect makes of a request (RFC 9110, 15.4).
fn redirect(request: &mut Request, status: u16, mut next: Url) {
    let becomes_get = match status {
        303 => !["GET", "HEAD"].contains(&request.method.as_str()),
        301 | 302 => request.method == "POST",
        _ => false,
    };
    if becomes_get {
        request.method = "GET".into();
        request.body = Rc::default();
        request.headers.retain(|(name, _)| name != "content-type");
    }
    if !next.has_origin_of(&request.url) {
        request.headers.retain(|(name, _)| HARMLESS.contains(&name.as_str()));
    }
    // Credentials in a `Location` are the server's idea, not the script's.
    next.user = None;
    request.url = next;
}

/// An answer whose body is being read to where it belongs.
pub(super) struct Reading {
    status: u16,
    headers: Vec<(String, String)>,
    url: String,
    shown: String,
    pieces: Pieces,
    sink: Sink,
    /// Others are read beside it, into the same memory.
    is_beside_others: bool,
}

/// Where a body goes.
enum Sink {
    Memory(Vec<u8>),
    File(Saving),
}

/// A file that a body is written to. One that is not finished is removed.
struct Saving {
    path: String,
    file: Option<Box<dyn Write>>,
    is_whole: bool,
}

impl Drop for Saving {
    fn drop(&mut self) {
        self.file = None;
        if self.is_whole {
            return;
        }
        // Half a file would pass for a whole one.
        if let Err(error) = world().remove_file(&self.path) {
            log::warn!("the unfinished file could not be removed: {error}");
        }
    }
}

pub(super) const PIECE: usize = 32 << 10;

impl Reading {
    fn new(
        options: &Options,
        request: &Request,
        response: Response,
        until: Instant,
        streams: bool,
    ) -> Result<Self, Failure> {
        let Response { status, mut headers, body } = response;
        let what = what(request);
        let is_gzip = request.method != "HEAD"
            && headers.iter().any(|(name, value)| {
                name == "content-encoding"
                    && ["gzip", "x-gzip"].contains(&value.trim().to_ascii_lowercase().as_str())
            });
        let mut length = headers
            .iter()
            .find(|(name, _)| name == "content-length" && request.method != "HEAD")
            .and_then(|(_, value)| value.parse().ok());
        let mut source: Box<dyn Read> = body;
        if is_gzip {
            source = Box::new(Packed::Unknown(BufReader::with_capacity(PIECE, source)));
            // They speak of what came, not of what the script gets.
            headers.retain(|(name, _)| {
                !["content-encoding", "content-length"].contains(&name.as_str())
            });
            length = None;
        }
        let mut pieces = Pieces { source, what, until, most: u64::MAX, taken: 0 };
        let is_good = (200..300).contains(&status);
        let sink = match &options.save_to {
            _ if streams && is_good => {
                pieces.most = options.max_bytes.unwrap_or(u64::MAX);
                Sink::Memory(Vec::new())
            }
            Some(path) if is_good => {
                pieces.most = options.max_bytes.unwrap_or(u64::MAX);
                let file = Some(world().write_file(path, false)?);
                Sink::File(Saving { path: path.clone(), file, is_whole: false })
            }
            _ => {
                let room = memory::limit().saturating_sub(memory::used()) as u64;
                let most = options.max_bytes.map_or(room / 4, |asked| asked.min(room / 2));
                // It is one text or blob in the end.
                pieces.most = most.min(memory::largest().saturating_sub(2 * PIECE) as u64);
                if length.is_some_and(|length| length > pieces.most) {
                    return Err(pieces.too_large());
                }
                let length = length.unwrap_or(0) as usize;
                let is_beside_others = request.place > 0;
                if is_beside_others && !memory::has_room_for(length.saturating_mul(2)) {
                    return Err(pieces.too_large_beside());
                }
                Sink::Memory(Vec::with_capacity(length))
            }
        };
        let (url, shown) = (request.url.to_string(), request.url.shown());
        let is_beside_others = request.place > 0;
        Ok(Self { status, headers, url, shown, pieces, sink, is_beside_others })
    }

    fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Takes what has come.
    fn go_on(mut self: Box<Self>, piece: &mut [u8]) -> Next {
        for _ in 0..PIECES_IN_TURN {
            match self.pieces.next(piece) {
                Err(failure) => return Next::Attempted(Err(failure)),
                Ok(None) => return Next::Waits(State::Reads(self)),
                Ok(Some(0)) => return Next::Attempted(self.end()),
                Ok(Some(length)) => {
                    if let Err(failure) = self.put(&piece[..length]) {
                        return Next::Attempted(Err(failure));
                    }
                }
            }
        }
        Next::GoesOn(State::Reads(self))
    }

    fn put(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let bytes = match &mut self.sink {
            Sink::Memory(bytes) => bytes,
            Sink::File(saving) => {
                let Some(file) = &mut saving.file else { return Ok(()) };
                return file.write_all(piece).map_err(|error| file_failed(&saving.path, &error));
            }
        };
        if bytes.capacity() - bytes.len() < piece.len() {
            let most = usize::try_from(self.pieces.most).unwrap_or(usize::MAX);
            let wanted = (2 * bytes.len()).clamp(PIECE, most.max(PIECE)) + PIECE;
            if self.is_beside_others && !memory::has_room_for(wanted.saturating_mul(2)) {
                return Err(self.pieces.too_large_beside());
            }
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(piece);
        Ok(())
    }

    fn end(self) -> Result<Answer, Failure> {
        let Self { status, headers, url, shown, pieces, sink, .. } = self;
        let body = match sink {
            Sink::Memory(mut bytes) => {
                bytes.shrink_to_fit();
                match String::from_utf8(bytes) {
                    Ok(text) => Body::Text(text.into()),
                    Err(error) => Body::Bytes(error.into_bytes()),
                }
            }
            Sink::File(mut saving) => {
                if let Some(file) = &mut saving.file {
                    file.flush().map_err(|error| file_failed(&saving.path, &error))?;
                }
                saving.is_whole = true;
                Body::Saved(pieces.taken)
            }
        };
        Ok(Answer { status, url, shown, headers, body })
    }
}

/// A body in gzip, or none at all.
enum Packed {
    /// Nothing of it has come yet.
    Unknown(BufReader<Box<dyn Read>>),
    Gzip(Box<MultiGzDecoder<BufReader<Box<dyn Read>>>>),
    Empty,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Self::Unknown(packed) = self {
            let is_empty = packed.fill_buf()?.is_empty();
            if let Self::Unknown(packed) = std::mem::replace(self, Self::Empty) {
                if !is_empty {
                    *self = Self::Gzip(Box::new(MultiGzDecoder::new(packed)));
                }
            }
        }
        match self {
            Self::Gzip(unpacking) => unpacking.read(buffer),
            _ => Ok(0),
        }
    }
}

/// A body that comes piece by piece, within its size and time.
struct Pieces {
    source: Box<dyn Read>,
    what: String,
    until: Instant,
    most: u64,
    taken: u64,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.next(buffer).map_err(io::Error::other)?;
        taken.ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Pieces {
    /// The length of the next piece; zero at the end, none as long as it has not come.
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        let length = loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(unreadable(&self.what, error)),
                Ok(length) => break length,
            }
        };
        // A little that came in time may unpack to more than there is time for.
        if length > 0 && Instant::now() >= self.until {
            let message = format!("{}: the body did not end in time", self.what);
            return Err(Failure::new("Http.Timeout", message));
        }
        self.taken += length as u64;
        match self.taken > self.most {
            false => Ok(Some(length)),
            true => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> Failure {
        Failure::new(
            "Http.BodyTooLarge",
            format!(
                "{}: the body has more than {} bytes; raise `max_bytes` or the function's memory, \
                 or have it written to a file by `save_to`",
                self.what, self.most
            ),
        )
    }

    fn too_large_beside(&self) -> Failure {
        Failure::new(
            "Http.BodyTooLarge",
            format!(
                "{}: the body does not fit into the memory that the other bodies leave; raise the \
                 function's memory, lower `concurrency`, or have it written to a file by `save_to`",
                self.what
            ),
        )
    }
}

fn unreadable(what: &str, error: io::Error) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::new(
            "Http.InvalidResponse",
            format!("{what}: the body cannot be unpacked: {error}"),
        ),
    }
}
