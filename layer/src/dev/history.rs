//! The last invocations, whoever made them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::dev::calendar::epoch_ms;
use crate::dev::trace::Call;
use crate::dev::workers::{Done, Via};
use crate::emulator::FunctionError;
use crate::recording::{Key, Recording, Sealed};
use crate::stream_view;

/// So many are kept, unless they are large.
const MOST: usize = 500;

/// The events, responses and logs that are kept have so many bytes at most; the last invocation is
/// kept whatever it takes.
const MOST_BYTES: usize = 64 << 20;

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) function: String,
    pub(crate) event: Vec<u8>,
    pub(crate) result: Result<Responded, Failed>,
    via: Via,
    ended: SystemTime,
    logs: Vec<String>,
    report: Value,
    operations: Option<u64>,
    calls: Vec<Call>,
    recording: Option<String>,
    key: Option<Arc<Key>>,
}

/// What a function responded.
#[derive(Debug)]
pub(crate) struct Responded {
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: Option<String>,
    pub(crate) streamed: bool,
    /// The end of a long stream is missing here. Its client got it.
    pub(crate) cut: bool,
    /// What ended a stream.
    pub(crate) error: Option<Failed>,
}

/// How a function failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error_type: String,
    pub(crate) message: String,
    stack: Vec<String>,
    pub(crate) data: Option<Value>,
    place: Option<Place>,
}

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl Record {
    /// What there is to keep of an invocation. `streamed` is what went to the client meanwhile.
    pub(super) fn of(done: &Done, event: Vec<u8>, via: Via, streamed: Option<Streamed>) -> Record {
        let result = match &done.result {
            Err(error) => Err(Failed::of(error)),
            Ok(response) => Ok(Responded {
                body: streamed.as_ref().map_or(&response.body, |streamed| &streamed.body).clone(),
                content_type: response.content_type.clone(),
                streamed: response.streamed,
                cut: streamed.is_some_and(|streamed| streamed.cut),
                error: response.stream_error.as_ref().map(Failed::of),
            }),
        };
        Record {
            id: done.request_id.clone(),
            function: done.name.clone(),
            event,
            result,
            via,
            ended: SystemTime::now(),
            logs: done.lines.clone(),
            report: done.report(),
            operations: done.operations,
            calls: done.calls.clone(),
            recording: done.recording.clone(),
            key: None,
        }
    }

    /// The same with the key that opens its recording.
    pub(super) fn opened_by(self, key: Option<Arc<Key>>) -> Record {
        Record { key, ..self }
    }

    /// All that the invocation was given, where the event alone does not make it the same again.
    pub(crate) fn recording(&self) -> Option<Recording> {
        let sealed = Sealed::find_all(self.recording.as_deref()?).pop()?.ok()?;
        sealed.open(self.key.as_ref()?).ok()
    }

    fn error(&self) -> Option<&Failed> {
        match &self.result {
            Ok(responded) => responded.error.as_ref(),
            Err(failed) => Some(failed),
        }
    }

    /// A line of a list.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "id": self.id,
            "function": self.function,
            "via": self.via.name(),
            "endedAt": epoch_ms(self.ended),
            "errorType": self.error().map(|error| &error.error_type),
            "report": self.report,
        })
    }

    /// Everything. Bodies are texts, in which no number loses a digit.
    pub(crate) fn json(&self) -> Value {
        let response = self.result.as_ref().ok().map(Responded::json);
        let mut record = self.summary();
        let mut set = |name: &str, value: Value| record[name] = value;
        set("event", json!(String::from_utf8_lossy(&self.event)));
        set("response", json!(response));
        set("error", json!(self.error().map(Failed::json)));
        set("logs", json!(self.logs));
        set("operations", json!(self.operations));
        set("recorded", json!(self.recording.is_some()));
        set("calls", self.calls.iter().map(Call::json).collect());
        record
    }

    fn size(&self) -> usize {
        let body = self.result.as_ref().map_or(0, |responded| responded.body.len());
        let recording = self.recording.as_ref().map_or(0, String::len);
        self.event.len() + body + recording + self.logs.iter().map(String::len).sum::<usize>()
    }
}

impl Responded {
    /// The status and headers that a stream began with, and the data.
    pub(crate) fn parts(&self) -> (Option<&[u8]>, &[u8]) {
        match stream_view::split(self.content_type.as_deref(), &self.body) {
            Some((prelude, data)) if self.streamed => (Some(prelude), data),
            _ => (None, &self.body),
        }
    }

    fn json(&self) -> Value {
        let (prelude, data) = self.parts();
        let mut response = Map::new();
        let mut set = |name: &str, value: Value| response.insert(name.to_owned(), value);
        set("contentType", json!(self.content_type));
        set("streamed", json!(self.streamed));
        set("cut", json!(self.cut));
        set("prelude", json!(prelude.map(String::from_utf8_lossy)));
        let text = std::str::from_utf8(data);
        set("isBase64", json!(text.is_err()));
        set("body", text.map_or_else(|_| json!(STANDARD.encode(data)), |text| json!(text)));
        Value::Object(response)
    }
}

impl Failed {
    fn of(error: &FunctionError) -> Failed {
        let body: Value = serde_json::from_slice(&error.body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
        let lines = body["stackTrace"].as_array().into_iter().flatten();
        let stack: Vec<String> =
            lines.filter_map(|line| line.as_str().map(str::to_owned)).collect();
        let message = text("errorMessage")
            .map_or_else(|| String::from_utf8_lossy(&error.body).into_owned(), str::to_owned);
        // The stack begins where the error is; what has no stack may name a place all the same.
        let place = stack.iter().find_map(|line| Place::in_text(line));
        Failed {
            error_type: text("errorType").unwrap_or(error.recorded_type()).to_owned(),
            place: place.or_else(|| Place::in_text(&message)),
            message,
            stack,
            data: body.get("errorData").cloned(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "type": self.error_type,
            "message": self.message,
            "stack": self.stack,
            "data": self.data,
            "position": self.place.as_ref().map(|place| json!({
                "file": place.file, "line": place.line, "column": place.column,
            })),
        })
    }
}

impl Place {
    /// The first `file.rhai:line:column` of a text.
    fn in_text(text: &str) -> Option<Place> {
        const EXTENSION: &str = ".rhai";
        text.match_indices(&format!("{EXTENSION}:")).find_map(|(at, _)| {
            let file = &text[..at + EXTENSION.len()];
            // A name may have spaces in it where it stands in brackets or backticks.
            let begin = file.rfind(['(', '`']).or_else(|| file.rfind(char::is_whitespace));
            let file = begin.map_or(file, |begin| &file[begin..]);
            let file = file.trim_start_matches(['(', '`']).trim_start();
            let mut numbers =
                text[at + EXTENSION.len() + 1..].splitn(3, |c: char| !c.is_ascii_digit());
            let line = numbers.next()?.parse().ok()?;
            let column = numbers.next()?.parse().ok()?;
            Some(Place { file: file.to_owned(), line, column })
        })
    }
}

/// What of a stream is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Streamed {
    body: Vec<u8>,
    cut: bool,
}

impl Streamed {
    /// So much of it.
    const MOST: usize = 1 << 20;

    pub(super) fn take(&mut self, bytes: &[u8]) {
        let room = Streamed::MOST - self.body.len();
        self.cut |= bytes.len() > room;
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// The last invocations.
#[derive(Debug, Default)]
pub(crate) struct History {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    records: VecDeque<Arc<Record>>,
    bytes: usize,
}

impl History {
    pub(super) fn add(&self, record: Arc<Record>) {
        let mut kept = self.lock();
        kept.bytes += record.size();
        kept.records.push_back(record);
        while kept.records.len() > MOST || (kept.bytes > MOST_BYTES && kept.records.len() > 1) {
            let Some(oldest) = kept.records.pop_front() else { break };
            kept.bytes -= oldest.size();
        }
    }

    /// The newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Record>> {
        self.lock().records.iter().rev().cloned().collect()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Record>> {
        self.lock().records.iter().rev().find(|record| record.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: usize, event_bytes: usize) -> Arc<Record> {
        Arc::new(Record {
            id: id.to_string(),
            function: "hello".to_owned(),
            event: vec![b' '; event_bytes],
            result: Err(Failed::of(&FunctionError::default())),
            via: Via::Console,
            ended: SystemTime::UNIX_EPOCH,
            logs: Vec::new(),
            report: Value::Null,
            operations: None,
            calls: Vec::new(),
            recording: None,
            key: None,
        })
    }

    #[test]
    fn a_place_is_found_in_a_line_of_a_stack_and_in_a_message() {
        let place = |text| Place::in_text(text).map(|p| (p.file, p.line, p.column));
        let found = |file: &str, line, column| Some((file.to_owned(), line, column));
        assert_eq!(place("at find (lib/orders.rhai:3:5)"), found("lib/orders.rhai", 3, 5));
        assert_eq!(place("no such thing (my shop.rhai:12:1)"), found("my shop.rhai", 12, 1));
        assert_eq!(place("see hello.rhai:3:9, please"), found("hello.rhai", 3, 9));
        assert_eq!(place("in `a.rhai:1:2`"), found("a.rhai", 1, 2));
        assert_eq!(place("hello.rhai has no line"), None);
    }

    #[test]
    fn the_oldest_go_first_by_count_and_by_size() {
        let history = History::default();
        for id in 0..MOST + 2 {
            history.add(record(id, 1));
        }
        assert_eq!(history.all().len(), MOST);
        assert!(history.get("1").is_none() && history.get("2").is_some());
        history.add(record(9000, MOST_BYTES));
        assert_eq!(history.all().len(), 1);
        history.add(record(9001, 1));
        let ids: Vec<String> = history.all().iter().map(|record| record.id.clone()).collect();
        assert_eq!(ids, ["9001"]);
    }

    #[test]
    fn a_long_stream_is_cut() {
        let mut streamed = Streamed::default();
        streamed.take(&vec![1; Streamed::MOST - 1]);
        assert!(!streamed.cut);
        streamed.take(&[1, 2]);
        assert!(streamed.cut);
        assert_eq!(streamed.body.len(), Streamed::MOST);
    }
}
