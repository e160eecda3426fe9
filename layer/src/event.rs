//! The event an invocation is made with, from where the user says it is.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use crate::emulator::MAX_RESPONSE;
use crate::failure::Failure;
use crate::json_path;
use crate::json_text::is_json;
use crate::samples;
use crate::script_name::closest;
use crate::terminal::Terminal;

/// The largest event of a synchronous call, in bytes: 6 MiB. Responses may have 100 more.
pub const MAX_EVENT: usize = MAX_RESPONSE - 100;

/// Reads the event: `{}` without an argument, standard input for `-`, a sample for
/// `sample:NAME`, else JSON text or a file.
///
/// Whether the event is JSON is for the runtime to say, as it would on Lambda.
pub fn read(
    argument: Option<&str>,
    changes: &[String],
    from: &Path,
    terminal: &Terminal,
) -> Result<Vec<u8>, Failure> {
    let event = match argument {
        None => Vec::new(),
        Some("-") => {
            let event = read_standard_input(terminal)?;
            if event.len() > MAX_EVENT {
                return Err(too_large(" on standard input", None));
            }
            event
        }
        Some(text) => match text.strip_prefix("sample:") {
            Some(name) => samples::find(name)?.text.as_bytes().to_vec(),
            None => text_or_file(text, from)?,
        },
    };
    // Lambda makes `{}` of a call without a payload, too.
    let event = if event.is_empty() { b"{}".to_vec() } else { event };
    let event = match changes {
        [] => event,
        changes => {
            let text = String::from_utf8(event)
                .map_err(|_| Failure::usage("cannot set anything: the event is not UTF-8"))?;
            changed(text, changes)?.into_bytes()
        }
    };
    if event.len() > MAX_EVENT {
        return Err(too_large("", Some(event.len() as u64)));
    }
    Ok(event)
}

/// Of an event whose length is not known beforehand only so much is read as shows that it is too long.
fn too_large(which: &str, length: Option<u64>) -> Failure {
    Failure::usage(match length {
        Some(length) => {
            format!("the event{which} has {length} bytes, and Lambda takes {MAX_EVENT} (6 MiB)")
        }
        None => format!(
            "the event{which} goes on after {MAX_EVENT} bytes (6 MiB), and Lambda takes no more"
        ),
    })
}

/// An event with these changes, each `path=value` or `path+=value`.
///
/// # Errors
/// A path leads nowhere.
pub fn changed(event: String, changes: &[String]) -> Result<String, Failure> {
    changes.iter().try_fold(event, |event, change| {
        json_path::assign(&event, change).map_err(|why| Failure::usage(format!("--set: {why}")))
    })
}

fn read_standard_input(terminal: &Terminal) -> Result<Vec<u8>, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        terminal.err("reading the event from standard input; end it with Ctrl-D");
    }
    let event = read_up_to_limit(stdin.lock());
    event.map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))
}

/// As much as shows whether there is too much of it.
fn read_up_to_limit(input: impl Read) -> io::Result<Vec<u8>> {
    let mut event = Vec::new();
    input.take(MAX_EVENT as u64 + 1).read_to_end(&mut event)?;
    Ok(event)
}

fn text_or_file(text: &str, from: &Path) -> Result<Vec<u8>, Failure> {
    // Nobody calls a file `{...`, and text that a shell has mangled is still meant as JSON.
    if text.trim_start().starts_with(['{', '[', '"']) {
        return Ok(text.as_bytes().to_vec());
    }
    let path = from.join(text);
    let read = File::open(&path).and_then(|file| {
        let length = file.metadata()?.len();
        Ok((read_up_to_limit(file)?, length))
    });
    match read {
        Ok((event, length)) if event.len() > MAX_EVENT => {
            // A pipe or a device has no length.
            let length = Some(length).filter(|length| *length > MAX_EVENT as u64);
            Err(too_large(&format!(" `{text}`"), length))
        }
        Ok((event, _)) => Ok(event),
        Err(_) if is_json(text.as_bytes()) && !path.exists() => Ok(text.as_bytes().to_vec()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(no_such_file(text, &path)),
        Err(error) => Err(Failure::usage(format!("cannot read the event `{text}`: {error}"))),
    }
}

fn no_such_file(text: &str, path: &Path) -> Failure {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    let names = entries.into_iter().flatten().flatten();
    let mut files: Vec<String> =
        names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    files.retain(|file| file.ends_with(".json"));
    files.sort();
    let meant = match closest(name, &files) {
        Some(file) => {
            format!("; did you mean `{}`?", Path::new(text).with_file_name(file).display())
        }
        None => String::new(),
    };
    Failure::usage(format!(
        "there is no event file `{text}`, and it is not JSON text either{meant}\n\
         give a file, `-` for standard input, a sample such as `sample:sqs`, or JSON in quotes: \
         --event '{{\"name\": \"Ada\"}}'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(argument: Option<&str>) -> Result<String, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let event = read(argument, &[], folder, &Terminal::plain());
        event.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(|e| e.message)
    }

    #[test]
    fn without_an_argument_the_event_is_an_empty_object() {
        assert_eq!(given(None).as_deref(), Ok("{}"));
    }

    #[test]
    fn json_text_is_taken_as_it_is_even_when_it_is_broken() {
        for text in ["{\"a\":1}", " [1]", "\"x\"", "{name: Ada}", "42", "true", "null", "-1.5e3"] {
            assert_eq!(given(Some(text)).as_deref(), Ok(text));
        }
    }

    #[test]
    fn anything_else_is_a_file() {
        assert!(given(Some("Cargo.toml")).is_ok_and(|text| text.starts_with("[package]")));
        let message = given(Some("evnt.json")).expect_err("no such file");
        assert!(message.contains("there is no event file `evnt.json`"), "{message}");
        assert!(message.contains("--event '{\"name\": \"Ada\"}'"), "{message}");
    }

    #[test]
    fn an_event_has_at_most_6_mib() {
        let largest = format!("\"{}\"", "x".repeat(MAX_EVENT - 2));
        assert!(given(Some(&largest)).is_ok());
        let message = given(Some(&format!(" {largest}"))).expect_err("too large");
        assert!(message.contains("6291457 bytes"), "{message}");
    }
}
