//! A runtime's log records as a person reads them: short on a terminal, whole elsewhere.

use rhambda_runtime::recording;
use serde_json::Value;

use crate::environment::{LogLine, Stream};
use crate::terminal::{Look, Terminal};

/// The line as it is shown on standard error.
pub fn view(line: &LogLine, terminal: &Terminal) -> String {
    // Line ends within a record are written as carriage returns, to keep it one event.
    let new_lines = |text: &str| text.trim_end_matches('\r').replace('\r', "\n  ");
    match Record::of(&line.text).filter(|_| terminal.stderr_is_terminal) {
        Some(record) => {
            let level = match record.level {
                "ERROR" | "FATAL" => Look::Bad,
                "WARN" => Look::Warning,
                "INFO" => Look::Strong,
                _ => Look::Faint,
            };
            // The date says nothing at a desk.
            let time = record.timestamp.split('T').next_back().unwrap_or_default();
            let time = terminal.paint(Look::Faint, time);
            let level = terminal.paint(level, &format!("{:<5}", record.level));
            format!("{time} {level} {}", new_lines(record.message))
        }
        None => new_lines(&line.text),
    }
}

/// Whether the line reports an error with that message.
pub fn reports(line: &LogLine, error_message: &str) -> bool {
    // The message that is posted ends with the place, which a record tells in a line of its own.
    let first_line = error_message.lines().next().unwrap_or_default();
    let first_line = match first_line.rsplit_once(" (") {
        Some((said, place)) if place.ends_with(')') && place.contains(".rhai") => said,
        _ => first_line,
    };
    let in_text = Record::of(&line.text)
        .is_some_and(|record| record.level == "ERROR" && record.message.contains(first_line));
    in_text || json_error(&line.text).is_some_and(|message| message.contains(first_line))
}

/// Whether the line is an error record, of whichever format.
pub fn is_error(line: &LogLine) -> bool {
    Record::of(&line.text).is_some_and(|record| record.level == "ERROR")
        || json_error(&line.text).is_some()
}

/// Whether the runtime has written the recording of an invocation there. What a script throws may have
/// the same text in it, as an error.
pub(crate) fn is_recording(line: &LogLine) -> bool {
    line.stream == Stream::Stderr
        && line.text.contains(recording::MARK)
        && said(&line.text, "INFO", "recording").is_some_and(|said| said.contains(recording::MARK))
}

/// Whether the runtime says there that it did not record an invocation.
pub(crate) fn is_no_recording(line: &LogLine) -> bool {
    line.stream == Stream::Stderr
        && line.text.contains(recording::NOT_RECORDED)
        && said(&line.text, "WARN", "message")
            .is_some_and(|said| said.starts_with(recording::NOT_RECORDED))
}

/// What a record of that level says; of one in JSON, in that field.
fn said(line: &str, level: &str, field: &str) -> Option<String> {
    if let Some(record) = Record::of(line) {
        return (record.level == level).then(|| record.message.to_owned());
    }
    let record: Value = serde_json::from_str(line).ok()?;
    (record["level"] == level).then(|| record[field].as_str().map(str::to_owned)).flatten()
}

/// `<timestamp>\t<request id>\t<LEVEL>\t<message>`
struct Record<'a> {
    timestamp: &'a str,
    level: &'a str,
    message: &'a str,
}

impl Record<'_> {
    fn of(line: &str) -> Option<Record<'_>> {
        let mut parts = line.splitn(4, '\t');
        let (timestamp, _request_id) = (parts.next()?, parts.next()?);
        let (level, message) = (parts.next()?, parts.next()?);
        let is_level = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].contains(&level);
        (is_level && timestamp.ends_with('Z')).then_some(Record { timestamp, level, message })
    }
}

/// Everything an error record in JSON says.
fn json_error(line: &str) -> Option<String> {
    if !line.starts_with('{') {
        return None;
    }
    let record: Value = serde_json::from_str(line).ok()?;
    if record.get("level")? != "ERROR" {
        return None;
    }
    let texts = ["message", "errorMessage"].into_iter().filter_map(|name| record.get(name));
    let texts = texts.map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned));
    Some(texts.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { stream: Stream::Stderr, text: text.to_owned() }
    }

    #[test]
    fn records_are_whole_where_there_is_no_terminal() {
        let record = line("2026-11-23T10:00:00.000Z\tid\tINFO\ta\rb");
        let shown = "2026-11-23T10:00:00.000Z\tid\tINFO\ta\n  b";
        assert_eq!(view(&record, &Terminal::plain()), shown);
    }

    #[test]
    fn records_are_short_on_a_terminal() {
        let terminal = Terminal { stderr_is_terminal: true, ..Terminal::plain() };
        let record = line("2026-11-23T10:00:00.000Z\tid\tINFO\ta\rb");
        assert_eq!(view(&record, &terminal), "10:00:00.000Z INFO  a\n  b");
        assert_eq!(view(&line("plain\ttext"), &terminal), "plain\ttext");
    }

    #[test]
    fn an_error_record_is_known_by_its_level_and_message() {
        let text = line("2026-11-23T10:00:00.000Z\tid\tERROR\tNoOrder: no order 42\r  at x");
        let json = line(r#"{"level":"ERROR","message":"x","errorMessage":"no order 42"}"#);
        for record in [&text, &json] {
            assert!(reports(record, "no order 42\nmore"));
            assert!(is_error(record));
            assert!(!reports(record, "no order 43"));
        }
        assert!(!is_error(&line(r#"{"level":"INFO","message":"x"}"#)));
        assert!(!is_error(&line("ERROR")));
    }

    #[test]
    fn a_recording_is_no_error_that_has_its_text() {
        let begin = "2026-11-23T10:00:00.000Z\tid";
        for (text, is) in [
            (format!("{begin}\tINFO\ta recording: rhambda-recording:1:AA"), true),
            (format!("{begin}\tERROR\tno: rhambda-recording:1:AA"), false),
            (r#"{"level":"INFO","message":"a","recording":"rhambda-recording:1:AA"}"#.into(), true),
            (r#"{"level":"ERROR","message":"rhambda-recording:1:AA"}"#.into(), false),
        ] {
            assert_eq!(is_recording(&line(&text)), is, "{text}");
        }
        let not = "this invocation is not recorded: it is too large";
        assert!(is_no_recording(&line(&format!("{begin}\tWARN\t{not}"))));
        assert!(!is_no_recording(&line(&format!("{begin}\tERROR\t{not}"))));
    }
}
