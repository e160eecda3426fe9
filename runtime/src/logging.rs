//! Log format, levels and the current request id: where every record is written.
//!
//! Two streams of records share one form. Scripts write through [`script_record`] to standard
//! output; the runtime itself writes through the `log` macros, by way of `env_logger`, to standard
//! error. Each record is one `write`, so that records never mix and nothing is left in a buffer
//! when the environment is frozen. Field names are those of AWS's Node.js runtime.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{Level, LevelFilter};
use once_cell::sync::OnceCell;
use serde_json::{Map, Value};

use crate::config::{LogFormat, Logging};
use crate::error::Report;

static LOGGING: OnceCell<Logging> = OnceCell::new();

thread_local! {
    static REQUEST: RefCell<Request> = const {
        RefCell::new(Request { id: String::new(), tenant: None })
    };
}

struct Request {
    id: String,
    tenant: Option<String>,
}

const STDOUT: i32 = 1;
const STDERR: i32 = 2;

/// Starts logging. Called once, first of all.
pub fn start(logging: Logging) {
    let own_level = logging.own_level;
    if LOGGING.set(logging).is_err() {
        return;
    }
    // Building the logger costs a cold start nothing it would notice, yet most runs never use it.
    let started = env_logger::Builder::new()
        .filter_level(own_level)
        // It would write whole URLs, headers and bodies, and secrets with them.
        .filter_module("ureq", LevelFilter::Off)
        .format(|buffer, record| {
            buffer.write_all(&rendered(record.level(), &record.args().to_string(), None, None))
        })
        .target(env_logger::Target::Pipe(Box::new(Stderr)))
        .try_init();
    if started.is_err() {
        log::set_max_level(own_level);
    }
}

/// Names the invocation that records belong to from now on; an empty id: none.
pub fn set_request(id: &str, tenant: Option<&str>) {
    REQUEST.with_borrow_mut(|request| {
        request.id.clear();
        request.id.push_str(id);
        request.tenant = tenant.map(str::to_owned);
    });
}

/// Whether a script's record of this level is written at all.
#[must_use]
pub fn is_enabled(level: Level) -> bool {
    level <= LOGGING.get().map_or(LevelFilter::Debug, |logging| logging.level)
}

/// Writes a record of the script's own to standard output.
///
/// `message` is text or, in JSON format, any value; `fields` stand beside it.
pub fn script_record(level: Level, message: Value, fields: Option<Map<String, Value>>) {
    if is_enabled(level) {
        emit(STDOUT, level, &rendered_value(level, message, fields));
    }
}

/// Writes an object that CloudWatch takes metrics from, whatever the format and the level.
pub fn metrics_record(mut record: Map<String, Value>) {
    REQUEST.with_borrow(|request| {
        if !request.id.is_empty() {
            record.insert("requestId".into(), request.id.as_str().into());
        }
    });
    let mut line = Value::Object(record).to_string();
    line.push('\n');
    emit(STDOUT, Level::Info, line.as_bytes());
}

/// Writes an error that is about to be reported, once, to standard error.
pub fn error_report(report: &Report) {
    let line = match format() {
        LogFormat::Text => rendered(Level::Error, &report.to_string(), None, None),
        LogFormat::Json => {
            let mut fields = Map::new();
            fields.insert("errorType".into(), report.type_name().into());
            fields.insert("errorMessage".into(), report.error_message().into());
            fields.insert("stackTrace".into(), report.stack_trace().into());
            if let Some(location) = report.location() {
                fields.insert("location".into(), location.to_string().into());
            }
            rendered(Level::Error, &report.message, Some(fields), None)
        }
    };
    emit(STDERR, Level::Error, &line);
}

/// Writes the recording of an invocation to standard error, whatever the level: it was asked for.
#[cold]
pub fn recording(recording: &str) {
    const WHAT: &str = "a recording of this invocation; `rhambda replay` runs it again";
    let line = match format() {
        LogFormat::Text => rendered(Level::Info, &format!("{WHAT}: {recording}"), None, None),
        LogFormat::Json => {
            let mut fields = Map::new();
            fields.insert("recording".into(), recording.into());
            rendered(Level::Info, WHAT, Some(fields), None)
        }
    };
    emit(STDERR, Level::Info, &line);
}

/// Tells the tool something, on a line that no script and no record of ours can write: scripts
/// have no way to standard error, and records begin with their time.
#[cold]
pub fn trace(line: &str) {
    write_all(STDERR, format!("\x1e{line}\n").as_bytes());
}

fn format() -> LogFormat {
    LOGGING.get().map_or(LogFormat::Text, |logging| logging.format)
}

/// Where the platform wants frames, if it does.
fn telemetry_fd() -> Option<i32> {
    LOGGING.get().and_then(|logging| logging.telemetry_fd)
}

fn rendered_value(level: Level, message: Value, fields: Option<Map<String, Value>>) -> Vec<u8> {
    match message {
        Value::String(text) => rendered(level, &text, fields, None),
        value => rendered(level, "", fields, Some(value)),
    }
}

/// One record, with its line break.
fn rendered(
    level: Level,
    text: &str,
    fields: Option<Map<String, Value>>,
    value: Option<Value>,
) -> Vec<u8> {
    let timestamp = timestamp(SystemTime::now());
    REQUEST.with_borrow(|request| match format() {
        LogFormat::Text => {
            let mut line = format!("{timestamp}\t{}\t{level}\t", request.id);
            match value {
                Some(value) => line.push_str(&value.to_string()),
                None => line.push_str(text),
            }
            for (name, value) in fields.unwrap_or_default() {
                line.push_str(&format!(" {name}={value}"));
            }
            // A line break would begin another CloudWatch event; a frame keeps its lines.
            if telemetry_fd().is_none() {
                line = line.replace("\r\n", "\r").replace('\n', "\r");
            }
            line.push('\n');
            line.into_bytes()
        }
        LogFormat::Json => {
            let mut record = Map::new();
            record.insert("timestamp".into(), timestamp.into());
            record.insert("level".into(), level.as_str().into());
            if !request.id.is_empty() {
                record.insert("requestId".into(), request.id.as_str().into());
            }
            if let Some(tenant) = &request.tenant {
                record.insert("tenantId".into(), tenant.as_str().into());
            }
            record.insert("message".into(), value.unwrap_or_else(|| text.into()));
            for (name, value) in fields.unwrap_or_default() {
                // What the record itself says cannot be overwritten by a field.
                record.entry(name).or_insert(value);
            }
            let mut line = Value::Object(record).to_string();
            line.push('\n');
            line.into_bytes()
        }
    })
}

/// Writes one finished record with one `write`, framed where the platform asks for frames.
fn emit(fd: i32, level: Level, line: &[u8]) {
    match telemetry_fd() {
        Some(telemetry) => write_all(telemetry, &framed(level, line, SystemTime::now())),
        None => write_all(fd, line),
    }
}

fn write_all(fd: i32, bytes: &[u8]) {
    // SAFETY: the descriptor belongs to the process for its whole life and is not closed here.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    // A log that nobody can take must not fail the invocation.
    let _ = file.write_all(bytes);
}

/// The platform's frame around a record: type, length, µs since the epoch, bytes.
///
/// As AWS's Python client writes it (`lambda_runtime_log_utils.py`).
fn framed(level: Level, line: &[u8], now: SystemTime) -> Vec<u8> {
    let level: u32 = match level {
        Level::Trace => 1,
        Level::Debug => 2,
        Level::Info => 3,
        Level::Warn => 4,
        Level::Error => 5,
    };
    let text = u32::from(format() == LogFormat::Text);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let micros = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
    let mut frame = Vec::with_capacity(line.len() + 16);
    frame.extend((0xA55A_0000u32 | level << 2 | 2 | text).to_be_bytes());
    frame.extend((line.len() as u32).to_be_bytes());
    frame.extend(micros.to_be_bytes());
    frame.extend_from_slice(line);
    frame
}

/// Where `env_logger` sends the runtime's own records.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, record: &[u8]) -> std::io::Result<usize> {
        emit(STDERR, Level::Info, record);
        Ok(record.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An instant as RFC 3339 in UTC with milliseconds.
///
/// The days are counted by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
pub fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second_of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_164_799, "2024-02-28T23:59:59.000Z"),
            (1_795_423_461, "2026-11-23T08:44:21.000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_frame_says_its_kind_its_length_and_its_time() {
        let frame = framed(Level::Info, b"hi\n", UNIX_EPOCH + Duration::from_micros(7));
        assert_eq!(frame[..4], [0xA5, 0x5A, 0x00, 0x0F]);
        assert_eq!(frame[4..8], [0, 0, 0, 2]);
        assert_eq!(frame[8..16], [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(&frame[16..], b"hi");
    }
}
