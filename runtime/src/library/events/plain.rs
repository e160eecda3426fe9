//! How the fields of events become plain values: text, numbers, blobs, arrays and maps.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Blob, Dynamic, EvalAltResult, Map};

use super::dynamodb;
use super::field::{at, look, text};
use crate::bounds::room_for;
use crate::effects::Failure;
use crate::json;
use crate::library::{Fallible, collections, grow, gzip, url};
use crate::time::Time;

/// A field's name in a record, the path to where it stands, and what becomes of it.
pub(super) type Field = (&'static str, &'static str, As);

/// What becomes of a field.
#[derive(Clone, Copy)]
pub(super) enum As {
    /// What it is.
    Same,
    /// A whole number that is written as text.
    Int,
    /// Milliseconds.
    Ms,
    /// Seconds as milliseconds.
    Seconds,
    /// A date and time as milliseconds since the epoch.
    Moment,
    /// Base64: text, or a blob where the bytes are no UTF-8.
    Data,
    /// Text of JSON.
    Json,
    /// As of a form's field.
    UrlDecoded,
    /// What follows the last of these, up to a `/`.
    After(&'static str),
    /// What stands before the first of these.
    Before(&'static str),
    /// Typed attributes of a message.
    Attributes,
    /// Values that are arrays of bytes.
    Headers,
    /// An item of DynamoDB.
    Item,
}

/// The record with these fields; those of the event around it begin with `^`, and `@` is a name.
pub(super) fn record(
    fields: &[Field],
    event: &Dynamic,
    name: &str,
    raw: &Dynamic,
) -> Fallible<Map> {
    room_for(fields.len(), grow::MAP / 4)?;
    let mut record = Map::new();
    for &(field, path, kind) in fields {
        let value = match path.strip_prefix('^') {
            Some(path) => plain(event, path, kind),
            None if path == "@" => plain(&name.into(), "", kind),
            None => plain(raw, path, kind),
        };
        record.insert(
            field.into(),
            value.map_err(|error| {
                unreadable(&format!("`{field}` of a record, from `{path}`"), *error)
            })?,
        );
    }
    Ok(record)
}

/// Says what of an event cannot be read; an error that stops the script stays as it is.
pub(super) fn unreadable(what: &str, error: EvalAltResult) -> Box<EvalAltResult> {
    match error {
        EvalAltResult::ErrorRuntime(why, _) => {
            let why = why.into_string().unwrap_or_default();
            malformed(format!("{what}: {why}")).into()
        }
        other => other.into(),
    }
}

pub(super) fn malformed(message: String) -> Failure {
    Failure::new("Events.Malformed", message)
}

fn plain(value: &Dynamic, path: &str, kind: As) -> Fallible<Dynamic> {
    let mut result = Ok(Dynamic::UNIT);
    look(value, path, &mut |found| {
        if !found.is_unit() {
            result = convert(found, kind);
        }
    });
    result
}

fn convert(found: &Dynamic, kind: As) -> Fallible<Dynamic> {
    let words = found.as_immutable_string_ref().ok();
    let words = words.as_ref().map(|text| text.as_str());
    let scaled = |by: f64| match (found.as_int(), found.as_float()) {
        (Ok(int), _) => int.saturating_mul(by as i64).into(),
        (_, Ok(float)) => ((float * by).round() as i64).into(),
        _ => Dynamic::UNIT,
    };
    Ok(match (kind, words) {
        (As::Same, _) => collections::copy(found)?,
        (As::Ms, _) => scaled(1.0),
        (As::Seconds, _) => scaled(1000.0),
        (As::Attributes, _) => attributes(found)?,
        (As::Headers, _) => headers(found)?,
        (As::Item, _) => dynamodb::item_to_plain(found)?.into(),
        (As::Int, Some(text)) => text.parse().map_or(Dynamic::UNIT, Dynamic::from_int),
        (As::Moment, Some(text)) => {
            Time::parse(text).map_or(Dynamic::UNIT, |time| time.epoch_ms().into())
        }
        (As::Data, Some(text)) => text_or_blob(decoded(text)?),
        (As::Json, Some(text)) => parsed(text)?,
        (As::UrlDecoded, Some(text)) => url::form_decoded(text)?.into(),
        (As::After(mark), Some(text)) => match text.rsplit_once(mark) {
            // What follows `::` may have a slash in it, a virtual host of RabbitMQ.
            Some((_, rest)) if mark == "::" => rest.into(),
            Some((_, rest)) => rest.split('/').next().unwrap_or_default().into(),
            None => Dynamic::UNIT,
        },
        (As::Before(mark), Some(text)) => text.split(mark).next().unwrap_or_default().into(),
        (_, None) => Dynamic::UNIT,
    })
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
    json::read(text.as_bytes()).map_err(|error| format!("this is not JSON: {error}").into())
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
            plain.insert(name.clone(), self::attribute(attribute)?);
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
            plain.insert(name.clone(), header(value)?);
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
