//! The world as it was when an invocation was recorded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::path::{Component, Path};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhambda_runtime::effects::{Failure, Request, Response};

use crate::recording::{Answers, Bare, Contents, Exchange, File};

/// What is left of the world's answers.
#[derive(Debug)]
pub(super) struct Recorded {
    times: VecDeque<SystemTime>,
    /// What the clock said last.
    now: SystemTime,
    random: VecDeque<Vec<u8>>,
    /// When nothing recorded is left.
    chance: fastrand::Rng,
    variables: BTreeMap<String, Option<String>>,
    /// Variables that nobody asked for then.
    unknown: BTreeSet<String>,
    exchanges: Vec<(Exchange, bool)>,
}

impl Recorded {
    /// The world in which the script's top level ran.
    pub(super) fn new(answers: &Answers, started_ms: u64) -> Recorded {
        let mut recorded = Recorded {
            times: VecDeque::new(),
            now: UNIX_EPOCH + Duration::from_millis(started_ms),
            random: VecDeque::new(),
            chance: fastrand::Rng::with_seed(0),
            variables: BTreeMap::new(),
            unknown: BTreeSet::new(),
            exchanges: Vec::new(),
        };
        recorded.go_on(answers);
        recorded
    }

    /// The world answers this from now on, and nothing that it has not said yet.
    pub(super) fn go_on(&mut self, answers: &Answers) {
        let moment = |&ns: &u64| UNIX_EPOCH + Duration::from_nanos(ns);
        self.times = answers.times.iter().map(moment).collect();
        let bytes = |text: &String| BASE64_STANDARD.decode(text).unwrap_or_default();
        self.random = answers.random.iter().map(bytes).collect();
        let variables = answers.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        self.variables.extend(variables);
        self.exchanges = answers.exchanges.iter().map(|one| (one.clone(), false)).collect();
    }

    /// The clock: as often as it was looked at, then it stands still.
    pub(super) fn now(&mut self) -> SystemTime {
        self.now = self.times.pop_front().unwrap_or(self.now);
        self.now
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8]) {
        match self.random.pop_front() {
            Some(bytes) if bytes.len() == buffer.len() => buffer.copy_from_slice(&bytes),
            _ => self.chance.fill(buffer),
        }
    }

    pub(super) fn variable(&mut self, name: &str) -> Option<String> {
        let known = self.variables.get(name);
        if known.is_none() {
            self.unknown.insert(name.to_owned());
        }
        known.cloned().flatten()
    }

    /// The variables that were asked for now, and not then.
    pub(super) fn unknown(&self) -> Vec<String> {
        self.unknown.iter().cloned().collect()
    }

    /// The answer to a request: the first that is left for its method, its URL and its place among those
    /// of `http::all`. None is the line that tells which request has none.
    pub(super) fn answer(
        &mut self,
        request: &Request,
    ) -> Result<Result<Response, Failure>, String> {
        let url = request.url.to_string();
        let call = request.aws.as_ref().map(ToString::to_string);
        let fits = |(exchange, is_used): &&mut (Exchange, bool)| {
            !*is_used
                && exchange.method == request.method
                && exchange.url == url
                && exchange.place.unwrap_or_default() == request.place
                && exchange.operation == call
        };
        let Some((exchange, is_used)) = self.exchanges.iter_mut().find(fits) else {
            return Err(format!("{} {}", request.method, request.url.shown()));
        };
        *is_used = true;
        Ok(response(exchange))
    }

    /// The requests that were made then, and not now.
    pub(super) fn unused(&self) -> Vec<String> {
        let unused = self.exchanges.iter().filter(|(_, is_used)| !is_used);
        unused.map(|(exchange, _)| line(exchange)).collect()
    }

    /// All requests that were made then.
    pub(super) fn all(&self) -> Vec<String> {
        self.exchanges.iter().map(|(exchange, _)| line(exchange)).collect()
    }
}

/// A request without its query, which may have secrets.
fn line(exchange: &Exchange) -> String {
    let url = exchange.url.split('?').next().unwrap_or_default();
    format!("{} {url}", exchange.method)
}

fn response(exchange: &Exchange) -> Result<Response, Failure> {
    let failure = exchange.error.as_ref().map(|kind| {
        let message = exchange.message.clone().unwrap_or_default();
        // The process ends soon, and with it what it leaks.
        Failure::new(Box::leak(kind.clone().into_boxed_str()), message)
    });
    match (exchange.status, failure) {
        (Some(status), failure) => Ok(Response {
            status,
            headers: exchange.headers.clone(),
            body: Box::new(Body { data: Cursor::new(exchange.body()), failure }),
        }),
        (None, Some(failure)) => Err(failure),
        (None, None) => {
            Err(Failure::new("Replay.NotRecorded", "the answer is not in the recording"))
        }
    }
}

/// A body that may break off.
struct Body {
    data: Cursor<Vec<u8>>,
    failure: Option<Failure>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.data.read(buffer)?, self.failure.take()) {
            (0, Some(failure)) => Err(io::Error::other(failure)),
            (read, failure) => {
                self.failure = failure;
                Ok(read)
            }
        }
    }
}

/// Lays out what there was below `/tmp`, below this folder.
pub(super) fn lay_out(files: &BTreeMap<String, File>, folder: &Path) -> io::Result<()> {
    // What is in a folder comes before it: the folder may have been found by its name alone.
    for (path, file) in files.iter().rev() {
        let Ok(below) = Path::new(path).strip_prefix("/tmp") else { continue };
        if !below.components().all(|part| matches!(part, Component::Normal(_))) {
            continue;
        }
        let path = folder.join(below);
        match file.contents() {
            Err(Bare::Folder) => fs::create_dir_all(&path)?,
            Err(Bare::Absent) => remove(&path)?,
            Ok(_) if path.is_dir() => {}
            Ok(contents) => {
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                let mut file = fs::File::create(&path)?;
                match contents {
                    Contents::Bytes(bytes) => file.write_all(&bytes)?,
                    // It takes no room on the disk.
                    Contents::Zeros(size) => file.set_len(size.min(MOST_OF_TMP))?,
                }
            }
        }
    }
    Ok(())
}

/// The most that a function can have below `/tmp`, in bytes.
const MOST_OF_TMP: u64 = 10_240 << 20;

/// Removes what the top level of the script has made here, and had no more then.
fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
