//! How the fields of events become plain values: text, numbers, blobs, arrays and maps.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Blob, Dynamic, EvalAltResult, Map};

use super::dynamodb;
use super::field::{at, look, text};
use super::shapes::{Shape, Way};
use crate::bounds::room_for;
use crate::effects::Failure;
use crate::json::{self, BigInteger};
use crate::library::{Fallible, collections, grow, gzip, url};
use crate::time::Time;

/// What cannot be read of a record, by the names of its fields: why.
#[derive(Default)]
pub(super) struct Notes {
    /// The field that is read, and what of it.
    at: Vec<String>,
    all: Map,
}

impl Notes {
    /// Reads a part of what is read.
    pub(super) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.at.push(name.to_owned());
        let result = read(self);
        self.at.pop();
        result
    }

    /// What was read. Where that failed it is noted and gives `instead`, so that one field leaves the
    /// others as they are; an error that stops the script stays one.
    pub(super) fn or(
        &mut self,
        read: Fallible<Dynamic>,
        instead: impl FnOnce() -> Fallible<Dynamic>,
    ) -> Fallible<Dynamic> {
        match read.map_err(|error| *error) {
            Ok(value) => Ok(value),
            Err(EvalAltResult::ErrorRuntime(why, _)) => {
                self.note(&why.into_string().unwrap_or_default())?;
                instead()
            }
            Err(other) => Err(other.into()),
        }
    }

    fn note(&mut self, why: &str) -> Fallible<()> {
        let name = self.at.join(".");
        room_for(name.len() + why.len() + grow::MAP / 4, 1)?;
        grow::put(&mut self.all, &name, why.into());
        Ok(())
    }
}

/// The record of this shape; `name` is that of the array that it is in. What cannot be read stands in
/// the record's `unreadable`.
pub(super) fn record(
    shape: &Shape,
    event: &Dynamic,
    name: &Dynamic,
    raw: &Dynamic,
) -> Fallible<Map> {
    let mut record = Map::new();
    let mut notes = Notes::default();
    for field in shape.fields() {
        room_for(1, grow::MAP / 4)?;
        let mut value = Dynamic::UNIT;
        for Way { path, kind } in field.ways() {
            value = notes.within(field.name, |notes| match path.strip_prefix('^') {
                Some(path) => plain(event, path, kind, notes),
                None if path == "@" => plain(name, "", kind, notes),
                None => plain(raw, path, kind, notes),
            })?;
            if !value.is_unit() {
                break;
            }
        }
        grow::put(&mut record, field.name, value);
    }
    if !notes.all.is_empty() {
        grow::put(&mut record, "unreadable", notes.all.into());
    }
    Ok(record)
}

/// Says what of an event cannot be read; an error that stops the script stays as it is.
pub(super) fn unreadable(what: &str, error: EvalAltResult) -> Box<EvalAltResult> {
    match error {
        EvalAltResult::ErrorRuntime(why, _) => {
            malformed(format!("{what}: {}", crate::library::said(&why))).into()
        }
        other => other.into(),
    }
}

pub(super) fn malformed(message: String) -> Failure {
    Failure::new("Events.Malformed", message)
}

fn plain(value: &Dynamic, path: &str, kind: &str, notes: &mut Notes) -> Fallible<Dynamic> {
    let mut result = Ok(Dynamic::UNIT);
    look(value, path, &mut |found| {
        if !found.is_unit() {
            result = convert(found, kind, notes);
        }
    });
    result
}

/// What becomes of a field. A number or a time that is none is `()`; what cannot be decoded stays
/// as it came. Both are noted.
fn convert(found: &Dynamic, kind: &str, notes: &mut Notes) -> Fallible<Dynamic> {
    let nothing = || Ok(Dynamic::UNIT);
    match kind {
        "" => return collections::copy(found),
        // A time in milliseconds, or in seconds.
        "ms" => return notes.or(scaled(found, 1), nothing),
        "seconds" => return notes.or(scaled(found, 1000), nothing),
        "attributes" => return attributes(found, notes),
        "headers" => return headers(found),
        "item" => return dynamodb::item_to_plain_noting(found, notes),
        "moment" if !found.is_string() => return notes.or(scaled(found, 1000), nothing),
        "int" if found.is_int() => return collections::copy(found),
        "json" | "detail" if !found.is_string() => return collections::copy(found),
        _ => {}
    }
    let Ok(text) = found.as_immutable_string_ref() else { return Ok(Dynamic::UNIT) };
    let as_it_came = || Ok(text.clone().into());
    match kind {
        "int" => {
            let int = text.trim().parse().map(Dynamic::from_int);
            notes.or(int.map_err(|_| "this is no whole number".into()), nothing)
        }
        // A date and time, as milliseconds since the epoch.
        "moment" => {
            // Alarms of CloudWatch write the offset as `+0000`.
            let time = Time::parse(&text).or_else(|error| {
                let (clock, offset) =
                    text.split_at_checked(text.len().saturating_sub(2)).unwrap_or_default();
                let is_offset = text.get(text.len().saturating_sub(5)..).is_some_and(|end| {
                    end.starts_with(['+', '-'])
                        && end[1..].bytes().all(|byte| byte.is_ascii_digit())
                });
                if is_offset { Time::parse(&format!("{clock}:{offset}")) } else { Err(error) }
            });
            let time = time.map(|time| time.epoch_ms().into());
            notes.or(time.map_err(|_| "this is no date and time".into()), nothing)
        }
        // Base64: text, or a blob where the bytes are no UTF-8.
        "data" => notes.or(decoded(&text).map(text_or_blob), as_it_came),
        "json" => notes.or(parsed(&text), as_it_came),
        // JSON or a text: what a schedule has as its input.
        "detail" => Notes::default().or(parsed(&text), as_it_came),
        // A key of S3, where a `+` is a space.
        "url" => Ok(url::form_decoded_loosely(&text)?.into()),
        _ => Ok(part(&text, kind).map_or(Dynamic::UNIT, Into::into)),
    }
}

/// A time since the epoch, in milliseconds. Services that mean the same field differ in its unit,
/// which its size tells: seconds reach 10^11 in the year 5138, and milliseconds 10^14.
fn scaled(found: &Dynamic, by: i64) -> Fallible<Dynamic> {
    const SECONDS_END: u64 = 100_000_000_000;
    const MILLISECONDS_END: u64 = 100_000_000_000_000;
    let number = match found.as_immutable_string_ref() {
        Ok(text) => dynamodb::number(&text).unwrap_or_default(),
        Err(_) => found.clone().flatten(),
    };
    if let Ok(int) = number.as_int() {
        return Ok(match int.unsigned_abs() {
            MILLISECONDS_END.. => (int / 1000).into(),
            SECONDS_END.. => int.into(),
            _ => int.saturating_mul(by).into(),
        });
    }
    let exact = number.read_lock::<BigInteger>().map(|number| number.to_float());
    let float = exact.or_else(|| number.as_float().ok()).filter(|float| float.is_finite());
    let float = float.ok_or("this is no number")?;
    let by = match float.abs() {
        size if size >= MILLISECONDS_END as f64 => 0.001,
        size if size >= SECONDS_END as f64 => 1.0,
        _ => by as f64,
    };
    Ok(((float * by).round() as i64).into())
}

/// The same for a field outside of the tables: `()` where it is no time.
pub(super) fn epoch_ms(found: &Dynamic) -> Dynamic {
    scaled(found, 1).unwrap_or_default()
}

/// `before(mark)`: what stands before the first mark. `after(mark)`: what follows the last one, up
/// to a `/`; of RabbitMQ's `::` all, since a virtual host may be called `/`.
fn part<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let (side, mark) = kind.strip_suffix(')')?.split_once('(')?;
    if side == "before" {
        return text.split(mark).next();
    }
    let (_, rest) = text.rsplit_once(mark)?;
    if mark == "::" { Some(rest) } else { rest.split('/').next() }
}

/// The bytes that base64 stands for.
pub(super) fn decoded(text: &str) -> Fallible<Blob> {
    room_for(text.len() / 4 + 1, 3)?;
    BASE64_STANDARD.decode(text).map_err(|error| format!("this is not base64: {error}").into())
}

fn text_or_blob(bytes: Blob) -> Dynamic {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => Dynamic::from_blob(error.into_bytes()),
    }
}

fn parsed(text: &str) -> Fallible<Dynamic> {
    json::read_marked(text.as_bytes()).map_err(|error| format!("this is not JSON: {error}").into())
}

/// What CloudWatch Logs sends: JSON in gzip in base64.
pub(super) fn unpacked(event: &Dynamic, path: &str) -> Fallible<Dynamic> {
    let packed = text(event, path).unwrap_or_default();
    let bytes = gzip::decompress(&decoded(&packed)?)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "what was packed is no text".to_owned())?;
    parsed(text)
}

/// The attributes of a message of SQS or SNS, by their names.
fn attributes(found: &Dynamic, notes: &mut Notes) -> Fallible<Dynamic> {
    let mut plain = Map::new();
    if let Some(map) = found.read_lock::<Map>() {
        room_for(map.len(), grow::MAP / 4)?;
        for (name, attribute) in map.iter() {
            let value = notes.within(name, |notes| self::attribute(attribute, notes))?;
            grow::put(&mut plain, name, value);
        }
    }
    Ok(plain.into())
}

fn attribute(attribute: &Dynamic, notes: &mut Notes) -> Fallible<Dynamic> {
    let either = |one, other| text(attribute, one).or_else(|| text(attribute, other));
    let kind = either("dataType", "Type").unwrap_or_default();
    // A type may have a label of the sender after a dot, such as `Number.price`.
    let kind = if kind == "String.Array" { "Array" } else { kind.split('.').next().unwrap_or("") };
    if kind == "Binary" {
        let bytes = either("binaryValue", "Value").unwrap_or_default();
        return notes.or(decoded(&bytes).map(Dynamic::from_blob), || Ok(bytes.into()));
    }
    let Some(text) = either("stringValue", "Value") else { return Ok(Dynamic::UNIT) };
    let as_it_came = || Ok(text.clone().into());
    match kind {
        "Number" => {
            let number = dynamodb::number(&text).ok_or_else(|| "this is no number".into());
            notes.or(number, as_it_came)
        }
        "Array" => notes.or(parsed(&text), as_it_came),
        _ => as_it_came(),
    }
}

/// Headers of Kafka, an array of maps, or of RabbitMQ, one map. Their values are bytes, which Java
/// may have written with signs.
fn headers(found: &Dynamic) -> Fallible<Dynamic> {
    let mut plain = Map::new();
    let mut take = |map: &Map| -> Fallible<()> {
        for (name, value) in map {
            grow::put(&mut plain, name, header(value)?);
        }
        Ok(())
    };
    if let Some(all) = found.read_lock::<Array>() {
        for map in all.iter() {
            map.read_lock::<Map>().map_or(Ok(()), |map| take(&map))?;
        }
    } else if let Some(map) = found.read_lock::<Map>() {
        take(&map)?;
    }
    Ok(plain.into())
}

fn header(value: &Dynamic) -> Fallible<Dynamic> {
    let bytes = if value.is_map() { at(value, "bytes") } else { Dynamic::UNIT };
    let bytes = if bytes.is_unit() { value } else { &bytes };
    let Some(array) = bytes.read_lock::<Array>() else { return collections::copy(value) };
    let byte = |item: &Dynamic| {
        let int = item.as_int().ok().filter(|int| (-128..256).contains(int));
        int.map(|int| int as u8)
    };
    match array.iter().map(byte).collect() {
        Some(bytes) => Ok(text_or_blob(bytes)),
        None => collections::copy(value),
    }
}
