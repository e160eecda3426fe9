//! What the world answered, noted as it answers.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::object::{Object, array, push};
use crate::effects::{Effects, Failure, FileInfo, Request, Response, is_credential};
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
    files: Vec<(String, Vec<u8>)>,
    /// What the script made itself, which is no answer of the world.
    own_files: Vec<String>,
    /// What a recording cannot have.
    pub(super) left_out: Vec<String>,
    bytes: usize,
}

type Shared = Rc<RefCell<Body>>;

/// What of a body, or of a file, has been read.
#[derive(Default)]
struct Body {
    data: Vec<u8>,
    failed: Option<Failure>,
}

/// What stands for a file of so many bytes that was not read.
fn size(bytes: u64) -> Vec<u8> {
    bytes.to_string().into_bytes()
}

const FOLDER: &[u8] = b"\"folder\"";

impl Tape {
    /// Whether more was noted than a recording may have.
    pub(super) fn is_full(&self) -> bool {
        let bodies = self.exchanges.iter().map(|(_, body)| body.borrow().data.len());
        self.bytes + bodies.sum::<usize>() > MOST_BYTES
    }

    /// Whether the world was asked for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.exchanges.is_empty() && self.own_files.is_empty()
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

    fn file(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        self.files.iter_mut().find(|(known, _)| known == path).map(|(_, what)| what)
    }

    fn is_own(&self, path: &str) -> bool {
        self.own_files.iter().any(|own| own == path)
    }

    /// Notes what there was below `/tmp`; of what is known already, `more` is known now.
    #[inline(never)]
    fn note_file(&mut self, path: &Path, what: Vec<u8>, more: bool) {
        let path = path.to_string_lossy();
        if !path.starts_with(TMP) || self.is_own(&path) {
            return;
        }
        self.bytes += path.len() + what.len();
        match self.file(&path) {
            Some(known) if more => *known = what,
            Some(_) => {}
            None => self.files.push((path.into_owned(), what)),
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
            if tape.bytes <= MOST_BYTES {
                note(&mut tape);
            }
        });
    }
}

impl Effects for Taped {
    fn now(&self) -> SystemTime {
        let now = self.effects.now();
        self.note(|tape| {
            let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            tape.bytes += 20;
            push(&mut tape.times, since.as_nanos().to_string().as_bytes());
        });
        now
    }

    fn sleep(&self, length: Duration) {
        self.effects.sleep(length);
    }

    fn random(&self, buffer: &mut [u8]) {
        self.effects.random(buffer);
        self.note(|tape| {
            tape.bytes += buffer.len();
            let text = ["\"", &BASE64_STANDARD.encode(&*buffer), "\""].concat();
            push(&mut tape.random, text.as_bytes());
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
            tape.bytes += name.len() + noted.map_or(0, str::len);
            tape.names.push(name.to_owned());
            tape.variables.text(name, noted);
        });
        value
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.effects.real_path(path)
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let source = self.effects.read(path)?;
        if !path.starts_with(TMP) || self.tape.borrow().is_own(&path.to_string_lossy()) {
            return Ok(source);
        }
        let file = Some((path.to_owned(), self.tape.clone()));
        Ok(Box::new(Noted { source, body: memory::uncounted(Rc::default), file }))
    }

    fn write(&self, path: &Path, append: bool) -> io::Result<Box<dyn Write>> {
        let had = self.effects.info(path).is_ok_and(|info| info.size > 0);
        let file = self.effects.write(path, append)?;
        self.note(|tape| {
            let path = path.to_string_lossy();
            if append && had && !tape.is_own(&path) {
                tape.left_out.push(format!("what {path} had before the script added to it"));
            }
            tape.own_files.push(path.into_owned());
        });
        Ok(file)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let names = self.effects.list(path)?;
        self.note(|tape| {
            tape.note_file(path, FOLDER.to_vec(), false);
            for name in &names {
                tape.note_file(&path.join(name), size(0), false);
            }
        });
        Ok(names)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.effects.remove(path)?;
        self.note(|tape| tape.note_file(path, size(0), false));
        Ok(())
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.effects.make_folder(path)
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        let info = self.effects.info(path)?;
        self.note(|tape| {
            let what = if info.is_folder { FOLDER.to_vec() } else { size(info.size) };
            // After a list, nothing but the name was known.
            let more = tape.file(&path.to_string_lossy()).is_some_and(|known| *known == size(0));
            tape.note_file(path, what, more);
        });
        Ok(info)
    }

    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let answer = self.effects.exchange(request);
        let body: Shared = memory::uncounted(Rc::default);
        self.note(|tape| {
            let mut facts = Object::default();
            facts.text("method", Some(&request.method));
            facts.text("url", Some(&request.url.to_string()));
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
            tape.bytes += facts.len();
            tape.exchanges.push((facts, body.clone()));
        });
        let response = answer?;
        let noted = Noted { source: response.body, body, file: None };
        Ok(Response { body: Box::new(noted), ..response })
    }
}

/// A body, or a file, of which is noted what the script reads.
struct Noted {
    source: Box<dyn Read>,
    body: Shared,
    /// The file, which is noted as far as it was read.
    file: Option<(PathBuf, Rc<RefCell<Tape>>)>,
}

impl Read for Noted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer);
        memory::uncounted(|| {
            let mut body = self.body.borrow_mut();
            match &read {
                // What is too much is told by being more than there may be.
                Ok(count) if body.data.len() <= MOST_BYTES => {
                    body.data.extend_from_slice(&buffer[..*count]);
                }
                Ok(_) => {}
                Err(error) => body.failed = failure_in(error),
            }
        });
        read
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let Some((path, tape)) = self.file.take() else { return };
        memory::uncounted(|| {
            let data = std::mem::take(&mut self.body.borrow_mut().data);
            let mut file = Object::default();
            file.bytes("text", &data);
            tape.borrow_mut().note_file(&path, file.end(), true);
        });
    }
}

/// The failure that an error of reading a body holds.
fn failure_in(error: &io::Error) -> Option<Failure> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()).cloned()
}
