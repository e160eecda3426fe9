//! What the world answered, noted as it answers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::object::{Object, array, push, text_bytes};
use crate::effects::{Effects, Failure, FileInfo, Pending, Request, Response, is_credential};
use crate::memory;

/// More than a record of a log holds, however well it is compressed: noting goes no further.
pub(super) const MOST_BYTES: usize = 4 << 20;

const TMP: &str = "/tmp";

/// The answers since the tape was taken out last.
#[derive(Default)]
pub(super) struct Tape {
    times: Vec<u8>,
    random: Vec<u8>,
    /// The names that are in `variables`.
    names: Vec<String>,
    variables: Object,
    exchanges: Vec<(Object, Shared)>,
    /// What was there below `/tmp` before, in JSON.
    files: BTreeMap<String, Vec<u8>>,
    /// What the script made itself, which is no answer of the world.
    own_files: BTreeSet<String>,
    /// What a recording cannot have.
    pub(super) left_out: Vec<String>,
    /// About what all of it takes in a recording.
    bytes: usize,
}

type Shared = Rc<RefCell<Body>>;

/// What of a body, or of a file, has been read.
#[derive(Default)]
struct Body {
    /// Of an exchange, what its head said.
    head: Object,
    data: Vec<u8>,
    failed: Option<Failure>,
}

/// What stands for a file of so many bytes that was not read.
fn size(bytes: u64) -> Vec<u8> {
    bytes.to_string().into_bytes()
}

const FOLDER: &[u8] = b"\"folder\"";

/// What stands for what was not there, so that a replay does not have it from somewhere else.
const ABSENT: &[u8] = b"\"absent\"";

impl Tape {
    /// Whether more was noted than a recording may have.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > MOST_BYTES
    }

    /// Makes room for so many bytes more. Where there is none, what was noted is given up: no
    /// recording comes of it, and the function has better uses for the memory.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        let bytes = self.bytes.saturating_add(bytes);
        if bytes > MOST_BYTES {
            *self = Self::default();
        }
        self.bytes = bytes;
        bytes <= MOST_BYTES
    }

    /// Whether the world was asked for nothing. What was given up is something.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_full()
            && self.times.is_empty()
            && self.random.is_empty()
            && self.names.is_empty()
            && self.exchanges.is_empty()
            && self.files.is_empty()
            && self.own_files.is_empty()
    }

    /// The answers, as they stand in a recording.
    pub(super) fn answers(self) -> Vec<u8> {
        let mut answers = Object::default();
        answers.json("times", &array(self.times));
        answers.json("random", &array(self.random));
        answers.json("variables", &self.variables.end());
        let mut exchanges = Vec::new();
        for (mut facts, body) in self.exchanges {
            let body = body.borrow();
            facts.append(&body.head);
            facts.bytes("body", &body.data);
            if let Some(failed) = &body.failed {
                note_failure(&mut facts, failed);
            }
            push(&mut exchanges, &facts.end());
        }
        answers.json("exchanges", &array(exchanges));
        let mut files = Object::default();
        for (path, what) in self.files {
            files.json(&path, &what);
        }
        answers.json("files", &files.end());
        answers.end()
    }

    fn is_own(&self, path: &str) -> bool {
        self.own_files.contains(path)
    }

    /// Whether the contents of a file are noted.
    fn has_read(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|known| known.starts_with(b"{"))
    }

    /// Notes what there was below `/tmp`; of what is known already, `more` is known now.
    #[inline(never)]
    fn note_file(&mut self, path: &Path, what: &[u8], more: bool) {
        let path = path.to_string_lossy();
        if !path.starts_with(TMP) || self.is_own(&path) {
            return;
        }
        match self.files.get_mut(&*path) {
            Some(known) if more => *known = what.to_vec(),
            Some(_) => {}
            None => {
                if self.takes(path.len() + size_of::<u64>()) {
                    self.files.insert(path.into_owned(), what.to_vec());
                }
            }
        }
    }
}

fn note_failure(facts: &mut Object, failure: &Failure) {
    facts.text("error", Some(failure.error_type));
    facts.text("message", Some(&failure.message));
}

/// Effects whose answers are noted. The memory that the notes take is not the script's.
pub(super) struct Taped {
    pub(super) effects: Box<dyn Effects>,
    pub(super) tape: Rc<RefCell<Tape>>,
}

impl Taped {
    fn note(&self, note: impl FnOnce(&mut Tape)) {
        memory::uncounted(|| {
            let mut tape = self.tape.borrow_mut();
            if !tape.is_full() {
                note(&mut tape);
            }
        });
    }

    /// Notes that there is no such file, if that is what went wrong.
    #[inline(never)]
    fn note_absence(&self, path: &Path, error: &io::Error) {
        if error.kind() == ErrorKind::NotFound {
            self.note(|tape| tape.note_file(path, ABSENT, false));
        }
    }
}

impl Effects for Taped {
    fn now(&self) -> SystemTime {
        let now = self.effects.now();
        self.note(|tape| {
            let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            if tape.takes(20) {
                push(&mut tape.times, since.as_nanos().to_string().as_bytes());
            }
        });
        now
    }

    fn sleep(&self, length: Duration) {
        self.effects.sleep(length);
    }

    fn random(&self, buffer: &mut [u8]) {
        self.effects.random(buffer);
        self.note(|tape| {
            if tape.takes(buffer.len().saturating_mul(2)) {
                let text = ["\"", &BASE64_STANDARD.encode(&*buffer), "\""].concat();
                push(&mut tape.random, text.as_bytes());
            }
        });
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = self.effects.variable(name);
        self.note(|tape| {
            if tape.names.iter().any(|known| known == name) {
                return;
            }
            // The role's keys belong in no log, however well it is locked.
            let noted = match is_credential(name) {
                true => value.as_ref().map(|_| "(not recorded)"),
                false => value.as_deref(),
            };
            let bytes = noted.map_or(0, |value| text_bytes(value.as_bytes()));
            if tape.takes(text_bytes(name.as_bytes()) + bytes) {
                tape.names.push(name.to_owned());
                tape.variables.text(name, noted);
            }
        });
        value
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.effects.real_path(path).inspect_err(|error| self.note_absence(path, error))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let source = self.effects.read(path).inspect_err(|error| self.note_absence(path, error))?;
        let is_known = |path: &str| {
            let tape = self.tape.borrow();
            tape.is_full() || tape.is_own(path) || tape.has_read(path)
        };
        if !path.starts_with(TMP) || is_known(&path.to_string_lossy()) {
            return Ok(source);
        }
        let (body, path) = memory::uncounted(|| (Rc::default(), Some(path.to_owned())));
        Ok(Box::new(Noted { source, body, tape: self.tape.clone(), path }))
    }

    fn write(&self, path: &Path, append: bool) -> io::Result<Box<dyn Write>> {
        let had = append && self.effects.info(path).is_ok_and(|info| info.size > 0);
        let file = self.effects.write(path, append)?;
        self.note(|tape| {
            let path = path.to_string_lossy();
            if tape.is_own(&path) || !tape.takes(path.len()) {
                return;
            }
            if had && !tape.has_read(&path) {
                tape.left_out.push(format!("what {path} had before the script added to it"));
            }
            tape.own_files.insert(path.into_owned());
        });
        Ok(file)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let names = self.effects.list(path)?;
        self.note(|tape| {
            tape.note_file(path, FOLDER, false);
            for name in &names {
                tape.note_file(&path.join(name), &size(0), false);
            }
        });
        Ok(names)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.effects.remove(path)?;
        self.note(|tape| tape.note_file(path, &size(0), false));
        Ok(())
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.effects.make_folder(path)
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let info = self.effects.info(path).inspect_err(|error| self.note_absence(path, error))?;
        self.note(|tape| {
            let what = if info.is_folder { FOLDER.to_vec() } else { size(info.size) };
            // After a list, nothing but the name was known.
            let known = tape.files.get(&*path.to_string_lossy());
            let more = known.is_some_and(|known| *known == size(0));
            tape.note_file(path, &what, more);
        });
        Ok(info)
    }

    /// A replay makes one of its own: a signature is a secret as long as it is good.
    fn presign(&self, request: &Request, good_for: Duration) -> Result<String, Failure> {
        self.effects.presign(request, good_for)
    }

    fn renew_credentials(&self) {
        self.effects.renew_credentials();
    }

    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let answer = self.effects.exchange(request);
        let body = self.note_request(request);
        noted(answer, body, &self.tape)
    }

    fn begin(&self, request: &Request) -> Box<dyn Pending> {
        let pending = self.effects.begin(request);
        // In the order in which they were begun, whichever is answered first.
        let body = self.note_request(request);
        Box::new(NotedPending { pending, body, tape: self.tape.clone() })
    }

    fn wait(&self, longest: Duration) {
        self.effects.wait(longest);
    }
}

impl Taped {
    /// Notes that a request was made; what comes of it is noted in what this gives.
    fn note_request(&self, request: &Request) -> Shared {
        let body: Shared = memory::uncounted(Rc::default);
        self.note(|tape| {
            let mut facts = Object::default();
            facts.text("method", Some(&request.method));
            facts.text("url", Some(&request.url.to_string()));
            if request.place > 0 {
                facts.number("place", Some(request.place.into()));
            }
            if let Some(call) = &request.aws {
                facts.text("operation", Some(&call.to_string()));
            }
            if tape.takes(facts.len()) {
                tape.exchanges.push((facts, body.clone()));
            }
        });
        body
    }
}

/// Notes the head of an answer, and what will be read of its body.
fn noted(
    answer: Result<Response, Failure>,
    body: Shared,
    tape: &Rc<RefCell<Tape>>,
) -> Result<Response, Failure> {
    memory::uncounted(|| {
        let mut facts = Object::default();
        match &answer {
            Ok(response) => {
                facts.number("status", Some(response.status.into()));
                let mut headers = Vec::new();
                for (name, value) in &response.headers {
                    let mut pair = Vec::new();
                    for part in [name, value] {
                        let mut text = Vec::new();
                        crate::json::push_text(part, &mut text);
                        push(&mut pair, &text);
                    }
                    push(&mut headers, &array(pair));
                }
                facts.json("headers", &array(headers));
            }
            Err(failure) => note_failure(&mut facts, failure),
        }
        let mut tape = tape.borrow_mut();
        if !tape.is_full() && tape.takes(facts.len()) {
            body.borrow_mut().head = facts;
        }
    });
    let response = match answer {
        Ok(response) => response,
        Err(failure) => {
            memory::uncounted(|| drop(body));
            return Err(failure);
        }
    };
    let noted = Noted { source: response.body, body, tape: tape.clone(), path: None };
    Ok(Response { body: Box::new(noted), ..response })
}

/// A request that was begun, whose answer will be noted.
struct NotedPending {
    pending: Box<dyn Pending>,
    body: Shared,
    tape: Rc<RefCell<Tape>>,
}

impl Pending for NotedPending {
    fn answer(&mut self) -> Option<Result<Response, Failure>> {
        let answer = self.pending.answer()?;
        let body = memory::uncounted(|| std::mem::take(&mut self.body));
        Some(noted(answer, body, &self.tape))
    }
}

impl Drop for NotedPending {
    fn drop(&mut self) {
        memory::uncounted(|| drop(std::mem::take(&mut self.body)));
    }
}

/// A body, or a file, of which is noted what the script reads.
struct Noted {
    source: Box<dyn Read>,
    body: Shared,
    tape: Rc<RefCell<Tape>>,
    /// Of a file, which is noted once it has been read.
    path: Option<PathBuf>,
}

impl Read for Noted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer);
        memory::uncounted(|| {
            let mut body = self.body.borrow_mut();
            match &read {
                Ok(count) => {
                    let new = &buffer[..*count];
                    match self.tape.borrow_mut().takes(text_bytes(new)) {
                        true => body.data.extend_from_slice(new),
                        false => body.data = Vec::new(),
                    }
                }
                // More of it is to come.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    body.failed = failure_in(error);
                    // What cannot be read, such as a folder, is no file with nothing in it.
                    self.path = None;
                }
            }
        });
        read
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        // Nothing of it was counted, so nothing of it is given back.
        memory::uncounted(|| {
            let (path, body) = (self.path.take(), std::mem::take(&mut self.body));
            let mut tape = self.tape.borrow_mut();
            if let Some(path) = path.filter(|_| !tape.is_full()) {
                let mut file = Object::default();
                file.bytes("text", &body.borrow().data);
                tape.note_file(&path, &file.end(), true);
            }
            drop(body);
        });
    }
}

/// The failure that an error of reading a body holds.
fn failure_in(error: &io::Error) -> Option<Failure> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()).cloned()
}
