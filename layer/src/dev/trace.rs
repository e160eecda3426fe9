//! What `bootstrap` tells of an invocation where `RHAMBDA_TRACE` is set: its outgoing calls, and the
//! operations if they are counted.

use serde_json::{Value, json};

use crate::environment::{LogLine, Stream};
use crate::log_view;

/// The variable that has `bootstrap` tell it.
pub(super) const VARIABLE: &str = "RHAMBDA_TRACE";

/// The variable that has it count operations, up to a limit.
pub(super) const LIMIT: &str = "RHAMBDA_MAX_OPERATIONS";

/// The variable that has it record invocations.
pub(super) const RECORD: &str = "RHAMBDA_RECORD";

/// What begins such a line. Scripts cannot write to standard error, and records begin with a time.
const MARK: char = '\x1e';

/// One such line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trace {
    Call(Call),
    Operations(u64),
    /// The recording of an invocation, sealed.
    Recording(String),
    /// Why there is none.
    Unrecorded,
}

/// An HTTP request that a function made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    method: String,
    /// Without its query, which may hold secrets.
    url: String,
    /// The status, or the type of the error.
    outcome: String,
    /// Until the answer's headers were there.
    microseconds: u64,
}

impl Call {
    pub(crate) fn json(&self) -> Value {
        let status = self.outcome.parse::<u16>().ok();
        json!({
            "method": self.method,
            "url": self.url,
            "status": status,
            "error": status.is_none().then_some(&self.outcome),
            "ms": self.microseconds as f64 / 1000.0,
        })
    }
}

impl Trace {
    /// What the line tells, if it is such a line.
    pub(super) fn of(line: &LogLine) -> Option<Trace> {
        if line.stream != Stream::Stderr {
            return None;
        }
        if log_view::is_recording(line) {
            return Some(Trace::Recording(line.text.clone()));
        }
        if log_view::is_no_recording(line) {
            return Some(Trace::Unrecorded);
        }
        let told = line.text.strip_prefix(MARK)?;
        let fields: Vec<&str> = told.split('\t').collect();
        match fields.as_slice() {
            ["operations", count] => count.parse().ok().map(Trace::Operations),
            ["http", method, url, outcome, microseconds] => Some(Trace::Call(Call {
                method: (*method).to_owned(),
                url: (*url).to_owned(),
                outcome: (*outcome).to_owned(),
                microseconds: microseconds.parse().ok()?,
            })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stream: Stream, text: &str) -> Option<Trace> {
        Trace::of(&LogLine { stream, text: text.to_owned() })
    }

    #[test]
    fn calls_and_operations_are_told_on_standard_error_only() {
        let line = "\x1ehttp\tGET\thttps://example.com/a\t200\t1500";
        let Some(Trace::Call(call)) = told(Stream::Stderr, line) else { panic!("a call") };
        let expected = json!({ "method": "GET", "url": "https://example.com/a", "status": 200,
            "error": null, "ms": 1.5 });
        assert_eq!(call.json(), expected);
        assert_eq!(told(Stream::Stdout, line), None);
        assert_eq!(told(Stream::Stderr, "\x1eoperations\t42"), Some(Trace::Operations(42)));
        assert_eq!(told(Stream::Stderr, "operations\t42"), None);
    }

    #[test]
    fn a_call_without_an_answer_has_an_error() {
        let line = "\x1ehttp\tGET\thttps://example.com/\tHttp.Timeout\t3000000";
        let Some(Trace::Call(call)) = told(Stream::Stderr, line) else { panic!("a call") };
        assert_eq!(call.json()["error"], "Http.Timeout");
        assert_eq!(call.json()["status"], Value::Null);
    }
}
