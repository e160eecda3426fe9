//! The module `metrics`: CloudWatch metrics by way of the log.
//!
//! What an invocation measured is written at its end as records in the embedded metric format,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>,
//! from which CloudWatch makes metrics without a call of its API.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use rhai::plugin::*;
use rhai::{Dynamic, Engine, ImmutableString, Map};
use serde_json::{Map as Object, Value, json};

use super::native::exported;
use super::{Fallible, Part, plain_text};
use crate::effects::{Failure, world};
use crate::logging;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["metrics"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("metrics", "Metrics.Invalid", engine, vocabulary);
}

/// The format's limits, and how many values one record has at most, so that it stays one event.
const MOST_METRICS: usize = 100;
const MOST_VALUES: usize = 100;
const MOST_DIMENSIONS: usize = 30;
const LONGEST_NAME: usize = 255;
const MOST_VALUES_TOGETHER: usize = 1000;

const DEFAULT_NAMESPACE: &str = "rhambda";

const UNITS: [&str; 27] = [
    "None",
    "Count",
    "Percent",
    "Seconds",
    "Milliseconds",
    "Microseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Count/Second",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
];

/// What was measured of one metric.
struct Measured {
    unit: &'static str,
    values: Vec<Value>,
}

/// Dimensions, sorted by their names.
type Dimensions = Vec<(String, String)>;

#[derive(Default)]
struct Measurements {
    namespace: Option<String>,
    /// That of the top level.
    usual_namespace: Option<String>,
    groups: BTreeMap<Dimensions, BTreeMap<String, Measured>>,
    values: usize,
}

thread_local! {
    static MEASURED: RefCell<Option<Measurements>> = const { RefCell::new(None) };
}

/// Writes what was measured since the last time.
pub fn flush() {
    MEASURED.with_borrow_mut(|measured| {
        if let Some(measured) = measured {
            measured.flush();
        }
    });
}

/// Takes the namespace that the top level has named as that of all events.
pub fn end_init() {
    MEASURED.with_borrow_mut(|measured| {
        if let Some(measured) = measured {
            measured.usual_namespace = measured.namespace.clone();
        }
    });
}

/// Leaves nothing of an event to the next one.
pub fn end_event() {
    MEASURED.with_borrow_mut(|measured| {
        if let Some(measured) = measured {
            // There is something only where the event ended in a panic.
            measured.flush();
            if measured.namespace != measured.usual_namespace {
                measured.namespace = measured.usual_namespace.clone();
            }
        }
    });
}

impl Measurements {
    fn put(&mut self, name: String, value: Value, unit: &'static str, dimensions: Dimensions) {
        let is_full = |group: &BTreeMap<String, Measured>| match group.get(&name) {
            Some(known) => known.unit != unit || known.values.len() == MOST_VALUES,
            None => group.len() == MOST_METRICS,
        };
        if self.values == MOST_VALUES_TOGETHER || self.groups.get(&dimensions).is_some_and(is_full)
        {
            self.flush();
        }
        let group = self.groups.entry(dimensions).or_default();
        let measured = group.entry(name).or_insert_with(|| Measured { unit, values: Vec::new() });
        measured.values.push(value);
        self.values += 1;
    }

    fn flush(&mut self) {
        self.values = 0;
        let namespace = self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let now = world().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        for (dimensions, metrics) in std::mem::take(&mut self.groups) {
            let names: Vec<&str> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
            let definitions: Vec<Value> = metrics
                .iter()
                .map(|(name, measured)| json!({ "Name": name, "Unit": measured.unit }))
                .collect();
            let mut record = Object::new();
            record.insert(
                "_aws".into(),
                json!({
                    "Timestamp": now,
                    "CloudWatchMetrics": [
                        { "Namespace": namespace, "Dimensions": [names], "Metrics": definitions }
                    ]
                }),
            );
            for (name, value) in dimensions {
                record.insert(name, value.into());
            }
            for (name, Measured { mut values, .. }) in metrics {
                let only = if values.len() == 1 { values.pop() } else { None };
                record.insert(name, only.unwrap_or(Value::Array(values)));
            }
            logging::metrics_record(record);
        }
    }
}

fn invalid(message: String) -> Failure {
    Failure::new("Metrics.Invalid", message)
}

fn put(name: &str, value: &Dynamic, unit: &str, dimensions: Option<&Map>) -> Result<(), Failure> {
    let name = checked_name("metric", name)?;
    let unit = UNITS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(unit))
        .ok_or_else(|| invalid(format!("`{unit}` is no unit; there are {}", UNITS.join(", "))))?;
    let value = match (value.as_int(), value.as_float()) {
        (Ok(int), _) => int.into(),
        (_, Ok(float)) if float.is_finite() => float.into(),
        _ => return Err(invalid(format!("the value of `{name}` is no number"))),
    };
    let dimensions = match dimensions {
        None => vec![("FunctionName".to_owned(), world().function_name())],
        Some(map) => map
            .iter()
            .map(|(name, value)| {
                let text = plain_text(value).unwrap_or_default();
                let is_sound = (1..=LONGEST_NAME).contains(&text.len())
                    && !text.contains(|letter: char| letter.is_control());
                match is_sound {
                    true => Ok((checked_name("dimension", name)?, text)),
                    false => Err(invalid(format!(
                        "the value of the dimension `{name}` has 1 to {LONGEST_NAME} bytes"
                    ))),
                }
            })
            .collect::<Result<_, _>>()?,
    };
    if dimensions.len() > MOST_DIMENSIONS {
        return Err(invalid(format!("a metric has at most {MOST_DIMENSIONS} dimensions")));
    }
    if dimensions.iter().any(|(dimension, _)| *dimension == name) {
        return Err(invalid(format!("`{name}` is a metric and a dimension of it")));
    }
    MEASURED.with_borrow_mut(|measured| {
        measured.get_or_insert_default().put(name, value, unit, dimensions);
    });
    Ok(())
}

fn checked_name(what: &str, name: &str) -> Result<String, Failure> {
    let is_sound = (1..=LONGEST_NAME).contains(&name.len())
        && !["_aws", "requestId"].contains(&name)
        && !name.contains(|letter: char| letter.is_control());
    match is_sound {
        true => Ok(name.to_owned()),
        false => {
            let shown: String = name.chars().take(40).collect();
            Err(invalid(format!(
                "`{shown}` cannot be the name of a {what}, which has 1 to {LONGEST_NAME} bytes and \
                 is neither `_aws` nor `requestId`"
            )))
        }
    }
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// Counts one.
    ///
    /// ```rhai
    /// metrics::count("OrdersTaken");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn count(name: Text) -> Fallible<()> {
        Ok(put(&name, &Dynamic::ONE, "Count", None)?)
    }

    /// Counts so many.
    ///
    /// ```rhai
    /// metrics::count("ItemsSold", 3);
    /// ```
    #[rhai_fn(name = "count", volatile, return_raw)]
    pub fn count_many(name: Text, value: Dynamic) -> Fallible<()> {
        Ok(put(&name, &value, "Count", None)?)
    }

    /// Records a value in a unit of CloudWatch, with the function's name as its dimension.
    ///
    /// ```rhai
    /// metrics::put("Latency", 12.5, "Milliseconds");
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_in_unit(name: Text, value: Dynamic, unit: Text) -> Fallible<()> {
        Ok(put(&name, &value, &unit, None)?)
    }

    /// Records a value with dimensions of its own.
    ///
    /// ```rhai
    /// metrics::put("Revenue", 42, "None", #{ country: "DE", shop: "books" });
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_with_dimensions(
        name: Text,
        value: Dynamic,
        unit: Text,
        dimensions: Map,
    ) -> Fallible<()> {
        Ok(put(&name, &value, &unit, Some(&dimensions))?)
    }

    /// Names the namespace of metrics, at the top level for all events and in a function until the end of its
    /// event; without it, `rhambda`.
    ///
    /// ```rhai
    /// metrics::namespace("Shop");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn namespace(name: Text) -> Fallible<()> {
        let legal = |letter: char| letter.is_ascii_alphanumeric() || ".-_/#: ".contains(letter);
        let is_sound = (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(legal);
        if !is_sound || name.starts_with(':') || name.starts_with("AWS/") {
            let message = "a namespace has 1 to 255 letters, digits, spaces and `.-_/#:`, and does \
                           not begin with `:` or `AWS/`";
            return Err(invalid(message.into()).into());
        }
        MEASURED.with_borrow_mut(|measured| {
            let measured = measured.get_or_insert_default();
            measured.flush();
            measured.namespace = Some(name.to_string());
        });
        Ok(())
    }
}
