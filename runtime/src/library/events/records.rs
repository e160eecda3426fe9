//! The records of an event, each a plain map.

use std::cell::Cell;

use log::Level;
use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::shapes::{self, Place, Shape};
use super::{field, plain, source};
use crate::bounds::{in_time, room_for};
use crate::effects::Failure;
use crate::library::{Fallible, collections, grow};
use crate::logging;

/// The records of an event, as they came, with what is needed to read them one by one.
pub(in crate::library) struct Records {
    pub(in crate::library) source: &'static str,
    shape: Option<&'static Shape>,
    /// What the records stand in.
    event: Dynamic,
    /// Each with the name of the array that it is in.
    raw: Vec<(Dynamic, Dynamic)>,
    /// Whether the log has heard of a field that cannot be read.
    has_warned: Cell<bool>,
}

impl Records {
    /// The records of an event whose source is known.
    pub(in crate::library) fn of(event: &Dynamic) -> Fallible<Self> {
        let source = source::of(event).ok_or_else(|| unknown(event))?;
        let shape = shapes::of(source);
        let mut records = Self {
            source,
            shape,
            event: event.clone(),
            raw: Vec::new(),
            has_warned: Cell::new(false),
        };
        match shape.map(|shape| &shape.place) {
            None | Some(Place::Itself) => records.raw.push((Dynamic::UNIT, event.clone())),
            Some(Place::Nowhere) => {}
            Some(Place::Array(_)) if event.is_array() => records.take_all(&Dynamic::UNIT, event)?,
            Some(Place::Array(path)) if field::at(event, path).is_array() => records.take(path)?,
            Some(Place::Array(_)) => records.raw.push((Dynamic::UNIT, event.clone())),
            Some(Place::Arrays(_)) if event.is_array() => {
                records.take_all(&Dynamic::UNIT, event)?;
                for (name, record) in &mut records.raw {
                    *name = field::at(record, "eventSourceKey");
                }
            }
            Some(Place::Arrays(path)) => {
                let mut result = Ok(());
                field::look(event, path, &mut |arrays| {
                    let Some(arrays) = arrays.read_lock::<Map>() else { return };
                    for (name, array) in arrays.iter() {
                        if result.is_ok() {
                            result = records.take_all(&name.as_str().into(), array);
                        }
                    }
                });
                result?;
            }
            Some(Place::Packed(path)) => {
                if field::has(event, path) {
                    records.event = plain::unpacked(event, path)
                        .map_err(|error| plain::unreadable(&format!("`{path}`"), *error))?;
                }
                // What tests the subscription is no log line.
                if field::text(&records.event, "messageType").as_deref() != Some("CONTROL_MESSAGE")
                {
                    records.take("logEvents")?;
                }
            }
        }
        Ok(records)
    }

    fn take(&mut self, path: &str) -> Fallible<()> {
        let array = field::at(&self.event, path);
        self.take_all(&Dynamic::UNIT, &array)
    }

    fn take_all(&mut self, name: &Dynamic, array: &Dynamic) -> Fallible<()> {
        let Some(array) = array.read_lock::<Array>() else { return Ok(()) };
        room_for(array.len(), 4 * size_of::<Dynamic>())?;
        for record in array.iter() {
            self.raw.push((name.clone(), collections::copy(record)?));
        }
        Ok(())
    }

    pub(in crate::library) fn len(&self) -> usize {
        self.raw.len()
    }

    /// The record at this place, as a plain map.
    pub(in crate::library) fn plain(&self, index: usize) -> Fallible<Dynamic> {
        let (name, raw) = &self.raw[index];
        let Some(shape) = self.shape else { return collections::copy(raw) };
        let mut record = plain::record(shape, &self.event, name, raw)?;
        if record.contains_key("unreadable") && !self.has_warned.replace(true) {
            self.warn(index, &record);
        }
        if shape.source == "kafka" {
            grow::put(&mut record, "id", self.id(index));
        }
        Ok(record.into())
    }

    /// Says which fields of a record cannot be read, but nothing of what is in them.
    fn warn(&self, index: usize, record: &Map) {
        let fields = field::map(&record.clone().into(), "unreadable");
        let names: Vec<String> = fields.keys().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "{} of record {index} of `{}` cannot be read; `unreadable` of a record says why, and \
             further records are not logged",
            names.join(", "),
            self.source
        );
        logging::script_record(Level::Warn, Value::String(message), None);
    }

    /// What the source calls the record at this place.
    pub(in crate::library) fn id(&self, index: usize) -> Dynamic {
        let (name, raw) = &self.raw[index];
        if self.source == "kafka" {
            return format!("{name}-{}", field::at(raw, "offset")).into();
        }
        let id = self.shape.and_then(|shape| shape.fields().find(|field| field.name == "id"));
        let ways = id.into_iter().flat_map(|id| id.ways());
        let mut found = ways.map(|way| field::at(raw, way.path)).filter(|id| !id.is_unit());
        found.next().unwrap_or_default()
    }

    /// A field of the record at this place, as it came.
    pub(in crate::library) fn raw(&self, index: usize, path: &str) -> Dynamic {
        field::at(&self.raw[index].1, path)
    }

    /// The name of the array that the record at this place is in.
    pub(in crate::library) fn array_of(&self, index: usize) -> &Dynamic {
        &self.raw[index].0
    }
}

fn unknown(event: &Dynamic) -> Failure {
    let message = format!(
        "no service sends such an event: {}; `events::source` tells those that are known",
        source::describe(event)
    );
    Failure::new("Events.Unknown", message)
}

/// All records of an event.
pub(super) fn all(event: &Dynamic) -> Fallible<Array> {
    let records = Records::of(event)?;
    room_for(records.len(), size_of::<Dynamic>() + grow::MAP)?;
    let mut all = Array::with_capacity(records.len());
    for index in 0..records.len() {
        in_time()?;
        all.push(records.plain(index)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::json;
    use crate::library::probe::{fails, gives, is_too_large};

    fn samples() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../layer/samples")
    }

    /// The value with its blobs marked, which JSON would not tell from text.
    fn marked(value: Dynamic) -> Dynamic {
        if value.is_blob() {
            return Map::from([("blob".into(), value)]).into();
        }
        if value.is_array() {
            return value.cast::<Array>().into_iter().map(marked).collect::<Array>().into();
        }
        if value.is_map() {
            let map = value.cast::<Map>().into_iter();
            return map.map(|(name, value)| (name, marked(value))).collect::<Map>().into();
        }
        value
    }

    /// What every sample is: its source, and its records where they are not the event itself, or
    /// the error of reading them.
    fn decoded() -> Map {
        let mut all = Map::new();
        for folder in ["aws_lambda_events", "own"] {
            for entry in fs::read_dir(samples().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let event = json::read(&fs::read(&path).unwrap()).unwrap();
                let source = source::of(&event);
                let mut sample = Map::new();
                match (super::all(&event), source.map(shapes::of)) {
                    (Ok(records), Some(None)) => assert_eq!(records.len(), 1),
                    (Ok(records), _) => drop(sample.insert("records".into(), records.into())),
                    (Err(error), _) => {
                        drop(sample.insert("error".into(), error.to_string().into()))
                    }
                }
                sample.insert("source".into(), source.map_or(Dynamic::UNIT, Dynamic::from));
                let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
                all.insert(name.into(), marked(sample.into()));
            }
        }
        all
    }

    /// With `RHAMBDA_WRITE_EXPECTED` the file is written anew, to be looked at by eye.
    #[test]
    fn every_sample_is_decoded_as_it_says_in_expected_json() {
        let path = samples().join("expected.json");
        let decoded = decoded();
        if std::env::var_os("RHAMBDA_WRITE_EXPECTED").is_some() {
            let text = json::write_pretty(&decoded.clone().into()).unwrap();
            fs::write(&path, text + "\n").unwrap();
        }
        let expected: Map = json::read(&fs::read(&path).unwrap()).unwrap().cast();
        assert!(decoded.keys().eq(expected.keys()), "there are other samples");
        for (name, expected) in &expected {
            let text = |value| json::write_pretty(value).unwrap();
            assert_eq!(text(&decoded[name]), text(expected), "{name}");
        }
    }

    #[test]
    fn an_event_of_no_source_is_refused_without_its_values() {
        fails(
            "events::records(#{ secret: \"hush\" })",
            "no service sends such an event: a map with `secret`",
        );
        let script = "let said = (); try { events::records(#{ password: \"hush\" }) }
            catch (error) { said = error } [said.type, said.message.contains(\"hush\")]";
        gives(script, r#"["Events.Unknown", false]"#);
    }

    const FIREHOSE: &str = r#"let event = #{ invocationId: "i", records: [#{ recordId: "r1", data: DATA }],
        deliveryStreamArn: "arn:aws:firehose:eu-west-1:123456789012:deliverystream/clicks" };"#;

    fn firehose(data: &str, then: &str) -> String {
        FIREHOSE.replace("DATA", data) + then
    }

    #[test]
    fn bytes_that_are_no_text_are_a_blob() {
        let script = "let record = events::records(event)[0];
            [record.body.to_array(), record.stream, record.arrived_ms]";
        gives(&firehose("\"/wA=\"", script), r#"[[255, 0], "clicks", null]"#);
    }

    #[test]
    fn data_that_is_not_base64_stays_as_it_came_and_is_noted() {
        let script = "let record = events::records(event)[0];
            [record.id, record.body, record.unreadable.body.contains(\"not base64\")]";
        gives(&firehose("\"!\"", script), r#"["r1", "!", true]"#);
        gives(&firehose("\"aGk=\"", "events::records(event)[0].unreadable"), "null");
    }

    #[test]
    fn one_field_that_cannot_be_read_leaves_the_others() {
        let script = r#"let event = #{ Records: [#{ eventSource: "aws:sqs", messageId: "m", body: "b",
                receiptHandle: "h", eventSourceARN: "arn:aws:sqs:eu-west-1:1:q",
                attributes: #{ SentTimestamp: "soon", ApproximateReceiveCount: 3 },
                messageAttributes: #{ bad: #{ dataType: "Binary", binaryValue: "%" },
                    good: #{ dataType: "Binary", binaryValue: "aGk=" },
                    price: #{ dataType: "Number", stringValue: "much" } } }] };
            let record = events::records(event)[0];
            let all = record.message_attributes;
            [record.body, record.receive_count, record.sent_ms, all.bad, all.good.as_string(),
                all.price, record.unreadable.keys()]"#;
        let expected = r#"["b", 3, null, "%", "hi", "much", ["message_attributes.bad",
            "message_attributes.price", "sent_ms"]]"#;
        gives(script, expected);
        let script = r#"let event = #{ Records: [#{ eventSource: "aws:dynamodb", eventID: "e",
                eventName: "INSERT", eventSourceARN: "arn:aws:dynamodb:eu-west-1:1:table/t/stream/s",
                dynamodb: #{ SequenceNumber: "1", Keys: #{ id: #{ S: "x" } },
                    NewImage: #{ odd: #{ VECTOR: "?" }, n: #{ N: "7" } } } }] };
            let record = events::records(event)[0];
            [record.keys, record.new_image, record.unreadable.keys()]"#;
        let expected = r#"[{"id": "x"}, {"n": 7, "odd": {"VECTOR": "?"}}, ["new_image.odd"]]"#;
        gives(script, expected);
    }

    #[test]
    fn a_bomb_of_logs_is_refused_before_it_goes_off() {
        let script = "let part = gzip::compress(blob(500000, 32)); let bomb = blob();
            for i in 0..40 { bomb += part }
            events::records(#{ awslogs: #{ data: base64::encode(bomb) } })";
        is_too_large(script);
        let script = "let data = base64::encode(gzip::compress(\"no JSON\"));
            events::records(#{ awslogs: #{ data: data } })";
        fails(script, "`awslogs/data`: ");
    }
}
