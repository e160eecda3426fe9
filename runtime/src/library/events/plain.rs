//! How the fields of events become plain values: text, numbers, blobs, arrays and maps.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Blob, Dynamic, EvalAltResult, Map};

use super::dynamodb;
use super::field::{at, look, text};
use super::shapes::{Field, Shape};
use crate::bounds::room_for;
use crate::effects::Failure;
use crate::json;
use crate::library::{Fallible, collections, grow, gzip, url};
use crate::time::Time;

/// The record of this shape; `name` is that of the array that it is in.
pub(super) fn record(
    shape: &Shape,
    event: &Dynamic,
    name: &Dynamic,
    raw: &Dynamic,
) -> Fallible<Map> {
    let mut record = Map::new();
    for Field { name: field, path, kind } in shape.fields() {
        room_for(1, grow::MAP / 4)?;
        let value = match path.strip_prefix('^') {
            Some(path) => plain(event, path, kind),
            None if path == "@" => plain(name, "", kind),
            None => plain(raw, path, kind),
        };
        let value = value
            .map_err(|error| unreadable(&format!("`{field}` of a record, from `{path}`"), *error));
        grow::put(&mut record, field, value?);
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

fn plain(value: &Dynamic, path: &str, kind: &str) -> Fallible<Dynamic> {
    let mut result = Ok(Dynamic::UNIT);
    look(value, path, &mut |found| {
        if !found.is_unit() {
            result = convert(found, kind);
        }
    });
    result
}

/// What becomes of a field; `()` where it is not what its kind says.
fn convert(found: &Dynamic, kind: &str) -> Fallible<Dynamic> {
    match kind {
        "" => return collections::copy(found),
        // A time in milliseconds, or in seconds.
        "ms" => return Ok(scaled(found, 1)),
        "seconds" => return Ok(scaled(found, 1000)),
        "attributes" => return attributes(found),
        "headers" => return headers(found),
        "item" => return Ok(dynamodb::item_to_plain(found)?.into()),
        _ => {}
    }
    let Ok(text) = found.as_immutable_string_ref() else { return Ok(Dynamic::UNIT) };
    match kind {
        "int" => Ok(text.parse().map_or(Dynamic::UNIT, Dynamic::from_int)),
        // A date and time, as milliseconds since the epoch.
        "moment" => Ok(Time::parse(&text).map_or(Dynamic::UNIT, |time| time.epoch_ms().into())),
        // Base64: text, or a blob where the bytes are no UTF-8.
        "data" => Ok(text_or_blob(decoded(&text)?)),
        "json" => parsed(&text),
        // A key of S3, where a `+` is a space.
        "url" => Ok(url::form_decoded(&text)?.into()),
        _ => Ok(part(&text, kind).map_or(Dynamic::UNIT, Into::into)),
    }
}

fn scaled(found: &Dynamic, by: i64) -> Dynamic {
    match (found.as_int(), found.as_float()) {
        (Ok(int), _) => int.saturating_mul(by).into(),
        (_, Ok(float)) => ((float * by as f64).round() as i64).into(),
        _ => Dynamic::UNIT,
    }
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
fn attributes(found: &Dynamic) -> Fallible<Dynamic> {
    let mut plain = Map::new();
    if let Some(map) = found.read_lock::<Map>() {
        room_for(map.len(), grow::MAP / 4)?;
        for (name, attribute) in map.iter() {
            grow::put(&mut plain, name, self::attribute(attribute)?);
        }
    }
    Ok(plain.into())
}

fn attribute(attribute: &Dynamic) -> Fallible<Dynamic> {
    let either = |one, other| text(attribute, one).or_else(|| text(attribute, other));
    let kind = either("dataType", "Type").unwrap_or_default();
    // A type may have a label of the sender after a dot, such as `Number.price`.
    let kind = if kind == "String.Array" { "Array" } else { kind.split('.').next().unwrap_or("") };
    if kind == "Binary" {
        let bytes = either("binaryValue", "Value").unwrap_or_default();
        return Ok(Dynamic::from_blob(decoded(&bytes)?));
    }
    let Some(text) = either("stringValue", "Value") else { return Ok(Dynamic::UNIT) };
    Ok(match kind {
        "Number" => dynamodb::number(&text).unwrap_or_else(|| text.into()),
        "Array" => parsed(&text)?,
        _ => text.into(),
    })
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
    let byte = |item: &Dynamic| item.as_int().ok().map(|int| int as u8);
    match array.iter().map(byte).collect() {
        Some(bytes) => Ok(text_or_blob(bytes)),
        None => collections::copy(value),
    }
}
