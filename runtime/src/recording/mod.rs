//! Recordings: all that an invocation was given, so that `rhambda replay` runs it again.
//!
//! `RHAMBDA_RECORD` has a public key. Each invocation that fails then leaves one record in the log:
//! the event, what the script kept from earlier invocations, and what the world answered, sealed for
//! that key. Whoever reads the log without the private key learns nothing from it.
//!
//! ```text
//! tape   what the world answers, noted as it answers
//! object what a recording is written as
//! seal   closes a recording for the owner of the key
//! ```

mod object;
mod seal;
mod tape;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rhai::{Dynamic, Map};

pub use seal::{INFO, KEY_BYTES};

use crate::config::{Config, Record, Which};
use crate::effects::Effects;
use crate::error::InvocationError;
use crate::invocation::Invocation;
use crate::{json, library, logging, memory};
use object::{Object, array, push, text_bytes};
use tape::{MOST_BYTES, Tape, Taped};

/// What the text of a recording in a log begins with; its form has this version.
pub const MARK: &str = "rhambda-recording:1:";

/// What a record of the log begins with that tells why there is no recording.
pub const NOT_RECORDED: &str = "this invocation is not recorded: ";

/// The largest recording that CloudWatch is sure to keep in one piece, in bytes: 256 KB, less what
/// stands around it.
const LONGEST_RECORD: usize = 255 << 10;

/// Keeps what an invocation is given and, if it fails, writes it to the log.
pub struct Recorder {
    record: Record,
    tape: Rc<RefCell<Tape>>,
    /// What the recordings of this environment have in common.
    common: RefCell<Object>,
    /// What is known of the invocation that runs.
    given: RefCell<Object>,
    has_begun: Cell<bool>,
    /// Init alone was given more than a recording may have.
    is_too_much: Cell<bool>,
    /// Something was asked of the world at init, or kept from earlier invocations.
    depends: Cell<bool>,
}

impl Recorder {
    /// A recorder for a script, if the function's owner wants recordings.
    #[cold]
    #[must_use]
    pub fn of(config: &Config, file: &str, script: &str) -> Option<Self> {
        let record = config.record.clone()?;
        let mut function = Object::default();
        function.text("name", config.function.name.as_deref());
        function.text("version", config.function.version.as_deref());
        function.text("log_group", config.function.log_group.as_deref());
        function.text("log_stream", config.function.log_stream.as_deref());
        function.number("memory_mb", config.function.memory_mb);
        let mut settings = Object::default();
        for (name, value) in &record.settings {
            settings.text(name, Some(value));
        }
        let mut common = Object::default();
        common.number("recording", Some(1));
        common.text("runtime", Some(env!("CARGO_PKG_VERSION")));
        common.text("handler", Some(&config.handler));
        common.text("file", Some(file));
        common.text("sha256", Some(&library::sha256_hex(script.as_bytes())));
        common.json("function", &function.end());
        common.json("settings", &settings.end());
        Some(Self {
            record,
            tape: Rc::default(),
            common: RefCell::new(common),
            given: RefCell::default(),
            has_begun: Cell::new(false),
            is_too_much: Cell::new(false),
            depends: Cell::new(false),
        })
    }

    /// The same effects, with their answers noted.
    pub fn taped(&self, effects: Box<dyn Effects>) -> Box<dyn Effects> {
        Box::new(Taped { effects, tape: self.tape.clone() })
    }

    /// Notes what an invocation is given: the event, and what was kept from earlier ones.
    #[cold]
    pub fn begin(&self, invocation: &Invocation, is_cold_start: bool, state: &Dynamic) {
        aside(|| {
            self.given.take();
            let before = self.tape.take();
            if !self.has_begun.replace(true) {
                self.is_too_much.set(before.is_full());
                self.depends.set(!before.is_empty());
                self.common.borrow_mut().json("init", &before.answers());
            }
            let (mut given, mut tape) = (Object::default(), Tape::default());
            let mut room = MOST_BYTES.saturating_sub(text_bytes(&invocation.payload));
            if room > 0 {
                given.bytes("event", &invocation.payload);
            }
            let mut facts = Object::default();
            facts.text("request_id", Some(&invocation.request_id));
            facts.text("function_arn", invocation.function_arn.as_deref());
            facts.text("trace_id", invocation.trace_id.as_deref());
            facts.text("client_context", invocation.client_context.as_deref());
            facts.text("cognito_identity", invocation.cognito_identity.as_deref());
            facts.text("tenant_id", invocation.tenant_id.as_deref());
            facts.number("deadline_ms", invocation.deadline_ms);
            facts.json("cold_start", if is_cold_start { b"true" } else { b"false" });
            given.json("invocation", &facts.end());
            given.number("started_ms", Some(ms_since_epoch(SystemTime::now())));
            let mut kept = Object::default();
            for (name, value) in state.read_lock::<Map>().iter().flat_map(|state| state.iter()) {
                self.depends.set(true);
                if !kept.value(name, value, &mut room) && room > 0 {
                    tape.left_out.push(format!("`this.{name}`, {}", value.type_name()));
                }
            }
            given.json("state", &kept.end());
            let mut entries = Vec::new();
            library::each_cached(|key, value, until| {
                self.depends.set(true);
                let mut entry = Object::default();
                entry.text("key", Some(key));
                entry.number("until_ms", Some(ms_since_epoch(until)));
                if entry.value("value", value, &mut room) {
                    push(&mut entries, &entry.end());
                } else if room > 0 {
                    tape.left_out.push(format!("`{key}` of the cache"));
                }
            });
            given.json("cache", &array(entries));
            let mut sets = Vec::new();
            library::each_key_set(|url, keys, fetched| {
                let mut set = Object::default();
                set.text("url", Some(url));
                set.number("fetched_ms", Some(ms_since_epoch(fetched)));
                if set.value("keys", keys, &mut room) {
                    push(&mut sets, &set.end());
                }
            });
            given.json("key_sets", &array(sets));
            // Without room there will be no recording, and the memory is better used.
            if room > 0 && tape.takes(MOST_BYTES - room) {
                self.given.replace(given);
            } else {
                tape.takes(usize::MAX);
            }
            self.tape.replace(tape);
        });
    }

    /// Writes the recording of the invocation that `begin` told of, if it is one to be kept.
    #[cold]
    pub fn end(&self, outcome: &Result<Vec<u8>, InvocationError>) {
        let is_wanted = match self.record.which {
            Which::Failed => outcome.is_err(),
            Which::Asking => self.depends.get() || !self.tape.borrow().is_empty(),
            Which::All => true,
        };
        if !is_wanted {
            return;
        }
        aside(|| match self.sealed(outcome) {
            Ok(recording) => logging::recording(&recording),
            Err(why) => log::warn!("{NOT_RECORDED}{why}"),
        });
    }

    #[inline(never)]
    fn sealed(&self, outcome: &Result<Vec<u8>, InvocationError>) -> Result<String, String> {
        let given = self.given.take();
        let mut tape = self.tape.take();
        if tape.is_full() || self.is_too_much.get() {
            return Err(format!("what it was given has more than {} MiB", MOST_BYTES >> 20));
        }
        let mut recording = self.common.borrow().clone();
        recording.append(&given);
        let mut left_out = Vec::new();
        for what in std::mem::take(&mut tape.left_out) {
            let mut text = Vec::new();
            json::push_text(&what, &mut text);
            push(&mut left_out, &text);
        }
        recording.json("left_out", &array(left_out));
        recording.json("answers", &tape.answers());
        match outcome {
            // A response is JSON, and never nothing: this one went to its reader piece by piece.
            Ok(response) if response.is_empty() => recording.json("streamed", b"true"),
            Ok(response) => recording.bytes("response", response),
            Err(InvocationError(report)) => recording.bytes("error", &report.to_json()),
        }
        let packed = library::gzip(&recording.end()).map_err(|error| error.to_string())?;
        let sealed = seal::seal(&self.record.key, &packed)
            .map_err(|_| "the key in `RHAMBDA_RECORD` is none that can be used".to_owned())?;
        let mut line = MARK.to_owned();
        BASE64_URL_SAFE_NO_PAD.encode_string(sealed, &mut line);
        match line.len() {
            0..LONGEST_RECORD => Ok(line),
            length => Err(format!(
                "the recording has {} KB, and a record of a log at most {}",
                length >> 10,
                LONGEST_RECORD >> 10
            )),
        }
    }
}

/// Does what takes memory that is not the script's.
fn aside(work: impl FnOnce()) {
    memory::unlimited(|| memory::uncounted(work));
}

fn ms_since_epoch(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
