//! Writes `Dynamic` as JSON text.
//!
//! Walks the value itself rather than going through serde, since a refusal has to name its path;
//! text and numbers are formatted by serde_json.

use std::fmt;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhai::{Array, Blob, Dynamic, FnPtr, Map};
use serde_json::Value;

use super::{BigInteger, MAX_DEPTH, number};
use crate::bounds::{self, Pace};
use crate::context::Context;
use crate::time::Time;
use crate::{closures, memory};

/// Why a value cannot be JSON, and which one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteError {
    /// Where the value is: `$.items[3].price`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// Nothing is wrong but that the text would have more bytes than it may.
    pub is_too_long: bool,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at `{}` cannot be JSON", self.message, self.path)
    }
}

impl std::error::Error for WriteError {}

/// Appends the value to `out` as compact JSON.
///
/// # Errors
/// A [`WriteError`] with the path of the first value that JSON cannot hold.
pub fn write(value: &Dynamic, out: &mut Vec<u8>) -> Result<(), WriteError> {
    write_within(value, out, usize::MAX)
}

/// The same as long as `out` gets not much more than so many bytes, which is known before it has them.
///
/// # Errors
/// As [`write`], and one for text that would be longer.
pub fn write_within(value: &Dynamic, out: &mut Vec<u8>, most: usize) -> Result<(), WriteError> {
    put(value, out, 0, Manner { most, is_by_worth: false }).map_err(failed)
}

/// The same so that values are told apart by it: numbers that are equal are written alike.
///
/// # Errors
/// As [`write`].
pub fn write_worth(value: &Dynamic, out: &mut Vec<u8>) -> Result<(), WriteError> {
    put(value, out, 0, Manner { most: usize::MAX, is_by_worth: true }).map_err(failed)
}

fn failed(refusal: Box<Refusal>) -> WriteError {
    let path = path(&refusal.steps);
    WriteError { path, is_too_long: refusal.message == TOO_LONG, message: refusal.message }
}

/// How values are written.
#[derive(Clone, Copy)]
struct Manner {
    /// With so many bytes it is given up.
    most: usize,
    /// Whether numbers that are equal are written alike, rather than as they came.
    is_by_worth: bool,
}

/// The value as JSON indented by two spaces.
///
/// # Errors
/// As [`write`].
pub fn write_pretty(value: &Dynamic) -> Result<String, WriteError> {
    let failed = |why: &str| WriteError {
        path: "$".to_owned(),
        message: why.to_owned(),
        is_too_long: false,
    };
    let mut compact = Vec::new();
    write(value, &mut compact)?;
    let mut pretty = String::new();
    let has_room = |pretty: &mut String, bytes: usize| {
        let is_enough = pretty.capacity() - pretty.len() >= bytes;
        let has_room = is_enough || memory::has_room_for(2 * (pretty.len() + bytes));
        has_room.then(|| pretty.reserve(bytes)).ok_or_else(|| failed(TOO_MUCH))
    };
    has_room(&mut pretty, compact.len())?;
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    let text = String::from_utf8(compact).unwrap_or_default();
    let mut characters = text.chars().peekable();
    let mut pace = Pace::default();
    while let Some(character) = characters.next() {
        pace.step(1).map_err(|_| failed(TOO_LATE))?;
        if in_string {
            pretty.push(character);
            in_string = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        // Deep in a value, its indentation is more than itself.
        let new_line = |pretty: &mut String, depth: usize| {
            has_room(pretty, 2 * depth + 1)?;
            pretty.push('\n');
            pretty.extend(std::iter::repeat_n("  ", depth));
            Ok(())
        };
        match character {
            '{' | '[' => {
                pretty.push(character);
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => pretty.push(close),
                    None => {
                        depth += 1;
                        new_line(&mut pretty, depth)?;
                    }
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut pretty, depth)?;
                pretty.push(character);
            }
            ',' => {
                pretty.push(character);
                new_line(&mut pretty, depth)?;
            }
            ':' => pretty.push_str(": "),
            '"' => {
                in_string = true;
                pretty.push(character);
            }
            _ => pretty.push(character),
        }
    }
    Ok(pretty)
}

/// The value for a log record or an error body: what JSON cannot hold, or would hold in more than so many
/// bytes, becomes its text, cut.
#[must_use]
pub fn to_value(value: &Dynamic, most: usize) -> Value {
    if let Ok(text) = value.as_immutable_string_ref() {
        return cut(&text, most).into();
    }
    let mut json = Vec::new();
    match write_within(value, &mut json, most) {
        Ok(()) => serde_json::from_slice(&json).unwrap_or_else(|_| shown(value, most).into()),
        Err(_) => {
            drop(json);
            shown(value, most).into()
        }
    }
}

/// The value as text for people, cut where it has more than so many bytes or is nested deeply.
#[must_use]
pub fn shown(value: &Dynamic, most: usize) -> String {
    if let Ok(text) = value.as_immutable_string_ref() {
        return cut(&text, most);
    }
    let mut text = String::new();
    if !show(value, &mut text, 0, most) {
        text.push('…');
    }
    text
}

/// The text, or as much of it as fits and how long it was.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}… ({} bytes in all)", beginning(text, most), text.len())
}

fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends the text of a value in the engine's way; says whether all of it is there.
fn show(value: &Dynamic, out: &mut String, depth: usize, most: usize) -> bool {
    use fmt::Write;
    if out.len() >= most {
        return false;
    }
    if depth > MAX_DEPTH {
        out.push('…');
    } else if let Some(array) = value.read_lock::<Array>() {
        out.push('[');
        for (index, item) in array.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            if !show(item, out, depth + 1, most) {
                return false;
            }
        }
        out.push(']');
    } else if let Some(map) = value.read_lock::<Map>() {
        out.push_str("#{");
        for (index, (key, item)) in map.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            let _ = write!(out, "{:?}: ", beginning(key, most - out.len().min(most)));
            if !show(item, out, depth + 1, most) {
                return false;
            }
        }
        out.push('}');
    } else if let Ok(text) = value.as_immutable_string_ref() {
        let part = beginning(&text, most - out.len());
        let _ = write!(out, "{part:?}");
        return part.len() == text.len();
    } else if let Some(blob) = value.read_lock::<Blob>() {
        let _ = write!(out, "a blob of {} bytes", blob.len());
    } else {
        let _ = write!(out, "{value}");
    }
    true
}

/// A value that JSON cannot hold, and the steps to it, innermost first.
struct Refusal {
    message: String,
    steps: Vec<Step>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl Refusal {
    fn within(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.steps.push(step);
        self
    }
}

/// The steps as a path from the root, with the middle of a very long one left out.
fn path(steps: &[Step]) -> String {
    const ENDS: usize = 16;
    let mut path = String::from("$");
    for (index, step) in steps.iter().rev().enumerate() {
        if steps.len() > 2 * ENDS && (ENDS..steps.len() - ENDS).contains(&index) {
            if index == ENDS {
                path.push('…');
            }
            continue;
        }
        match step {
            Step::Key(key) => push_key(&mut path, key),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// Goes on to a property: `.name`, or in brackets and quotes where the name needs them.
pub fn push_key(path: &mut String, key: &str) {
    match is_plain(key) {
        true => path.push_str(&format!(".{key}")),
        false => path.push_str(&format!("[{}]", Value::from(key))),
    }
}

fn refuse(message: String) -> Result<(), Box<Refusal>> {
    Err(Box::new(Refusal { message, steps: Vec::new() }))
}

const TOO_LATE: &str = "what there was no time left to write,";

const TOO_LONG: &str = "more than there is room for";
const TOO_MUCH: &str = "more than the script's memory can hold as text";

/// From this length on it is worth asking whether there is room for a text.
const LONG_TEXT: usize = 4096;

/// Looks at the clock at every so many elements; those further in may be many at each.
fn in_time(index: usize, depth: usize) -> Result<(), Box<Refusal>> {
    const STRIDE: usize = 256;
    let stride = if depth == 0 { STRIDE } else { STRIDE * 4 };
    match index % stride == stride - 1 && bounds::in_time().is_err() {
        true => refuse(TOO_LATE.into()),
        false => Ok(()),
    }
}

/// Whether so many more bytes are too much.
fn is_beyond(out: &[u8], bytes: usize, most: usize) -> bool {
    out.len().saturating_add(bytes) > most
}

fn put(
    value: &Dynamic,
    out: &mut Vec<u8>,
    depth: usize,
    manner: Manner,
) -> Result<(), Box<Refusal>> {
    let most = manner.most;
    if let Ok(int) = value.as_int() {
        put_serde(&int, out);
    } else if let Ok(text) = value.as_immutable_string_ref() {
        // One long text may stand in an array many times over; each costs nothing but here.
        if text.len() > LONG_TEXT && is_beyond(out, text.len(), most) {
            return refuse(TOO_LONG.into());
        }
        if text.len() > LONG_TEXT {
            let bytes = out.len() + text.len() + 2;
            if !memory::has_room_for(bytes) || bytes > memory::largest() {
                return refuse(TOO_MUCH.into());
            }
            // Grown by doubling it could be larger than a text may be.
            if out.capacity() < bytes + 64 && bytes > memory::largest() / 2 {
                let most = (bytes + bytes / 4).min(memory::largest());
                out.reserve_exact(most - out.len());
            }
        }
        if text.len() > LONG_TEXT * 16 && bounds::in_time().is_err() {
            return refuse(TOO_LATE.into());
        }
        put_serde(text.as_str(), out);
    } else if let Ok(float) = value.as_float() {
        if !float.is_finite() {
            return refuse(format!("the float {float}"));
        }
        let text = match manner.is_by_worth {
            // Of a whole number all digits.
            true => (float.fract() == 0.0).then(|| format!("{:.0}", float + 0.0)),
            false => number::text_of(value),
        };
        match text {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => put_serde(&float, out),
        }
    } else if let Ok(flag) = value.as_bool() {
        out.extend_from_slice(if flag { b"true" } else { b"false" });
    } else if value.is_unit() {
        out.extend_from_slice(b"null");
    } else if depth >= MAX_DEPTH && (value.is_map() || value.is_array()) {
        return refuse(format!("a value nested more than {MAX_DEPTH} levels deep"));
    } else if memory::is_exceeded() {
        return refuse(TOO_MUCH.into());
    } else if is_beyond(out, 0, most) {
        return refuse(TOO_LONG.into());
    } else if let Some(map) = value.read_lock::<Map>() {
        out.push(b'{');
        for (index, (key, item)) in map.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            in_time(index, depth)?;
            put_serde(key.as_str(), out);
            out.push(b':');
            if is_beyond(out, 0, most) {
                return refuse(TOO_LONG.into());
            }
            put(item, out, depth + 1, manner)
                .map_err(|refusal| refusal.within(Step::Key(key.to_string())))?;
        }
        out.push(b'}');
    } else if let Some(array) = value.read_lock::<Array>() {
        out.push(b'[');
        for (index, item) in array.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            in_time(index, depth)?;
            if is_beyond(out, 0, most) {
                return refuse(TOO_LONG.into());
            }
            put(item, out, depth + 1, manner)
                .map_err(|refusal| refusal.within(Step::Index(index)))?;
        }
        out.push(b']');
    } else if let Ok(character) = value.as_char() {
        put_serde(&character, out);
    } else if let Some(blob) = value.read_lock::<Blob>() {
        let bytes = blob.len() / 3 * 4;
        if is_beyond(out, bytes, most) {
            return refuse(TOO_LONG.into());
        }
        if bytes > LONG_TEXT && !memory::has_room_for(out.len() + 2 * bytes) {
            return refuse(TOO_MUCH.into());
        }
        out.push(b'"');
        out.extend_from_slice(STANDARD.encode(&*blob).as_bytes());
        out.push(b'"');
    } else if let Some(number) = value.read_lock::<BigInteger>() {
        out.extend_from_slice(number.as_str().as_bytes());
    } else if let Some(time) = value.read_lock::<Time>() {
        put_serde(&time.to_string(), out);
    } else if let Some(context) = value.read_lock::<Context>() {
        put(&Dynamic::from_map(context.to_map()), out, depth, manner)?;
    } else if let Some(function) = value.read_lock::<FnPtr>() {
        let name = function.fn_name();
        return refuse(match closures::function_of(name) {
            None if function.is_anonymous() => "a closure".into(),
            named => format!("the function pointer `{}`", named.unwrap_or(name)),
        });
    } else if value.is::<Instant>() {
        return refuse("a timestamp".into());
    } else {
        return refuse(format!("a value of type {}", value.type_name()));
    }
    Ok(())
}

/// Appends the text as a JSON string.
pub fn push_text(text: &str, out: &mut Vec<u8>) {
    put_serde(text, out);
}

fn put_serde<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Writing into memory cannot fail, and neither can a number or a text.
    let _ = serde_json::to_writer(out, value);
}

/// Whether a key can stand in a path without quotes.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !key.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    fn written(value: &Dynamic) -> Result<String, String> {
        let mut out = Vec::new();
        write(value, &mut out)
            .map(|()| String::from_utf8(out).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_read_is_written_again() {
        for text in [
            "null",
            "true",
            "0",
            "-9223372036854775808",
            "9223372036854775807",
            "1.0",
            "-0.0",
            "0.1",
            "1e-7",
            "29.949999999999999",
            "18446744073709551615",
            "123456789012345678901234567890",
            "1e400",
            "\"\\u0000\\n\\\"é🚀\"",
            "[]",
            "{}",
            "[1,[2,{\"a\":null}]]",
            "3.14159265358979323846264338327950288",
        ] {
            assert_eq!(written(&read(text.as_bytes()).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn numbers_that_are_equal_are_written_alike_by_their_worth() {
        let worth = |text: &str| {
            let mut out = Vec::new();
            write_worth(&read(text.as_bytes()).unwrap(), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        for (one, other) in [
            ("1", "1.0"),
            ("0", "-0.0"),
            ("29.95", "29.949999999999999"),
            ("18446744073709551616", "18446744073709551616.0"),
            ("[1e3]", "[1000]"),
        ] {
            assert_eq!(worth(one), worth(other));
        }
        assert_ne!(worth("9007199254740993"), worth("9007199254740992.0"));
        assert_ne!(worth("1"), worth("\"1\""));
    }

    #[test]
    fn what_json_cannot_hold_is_refused_with_its_path() {
        let mut map = Map::new();
        map.insert("price".into(), Dynamic::from_float(f64::NAN));
        let items = Dynamic::from_array(vec![Dynamic::ONE, Dynamic::from_map(map)]);
        let mut root = Map::new();
        root.insert("items".into(), items);
        root.insert("a key".into(), Dynamic::UNIT);
        let error = written(&Dynamic::from_map(root)).unwrap_err();
        assert_eq!(error, "the float NaN at `$.items[1].price` cannot be JSON");
        let mut odd = Map::new();
        odd.insert("a \"key\"".into(), Dynamic::from(Instant::now()));
        let error = written(&Dynamic::from_map(odd)).unwrap_err();
        assert_eq!(error, "a timestamp at `$[\"a \\\"key\\\"\"]` cannot be JSON");
    }

    #[test]
    fn a_blob_is_base64_and_a_char_is_text() {
        assert_eq!(written(&Dynamic::from_blob(vec![0, 255, 62])).unwrap(), "\"AP8+\"");
        assert_eq!(written(&Dynamic::from('é')).unwrap(), "\"é\"");
    }

    #[test]
    fn pretty_json_is_the_same_value() {
        let text = r#"{"a":[1,{"b":"x:,{}[]\"\\"}],"c":{},"d":[]}"#;
        let pretty = write_pretty(&read(text.as_bytes()).unwrap()).unwrap();
        let parsed: Value = serde_json::from_str(&pretty).unwrap();
        assert_eq!(pretty, serde_json::to_string_pretty(&parsed).unwrap());
    }
}
