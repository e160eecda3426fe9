//! Events to begin with, for functions that have none of their own.

use serde_json::Value;

use crate::samples;

/// An event and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
}

const EMPTY: &str = "empty";

/// All of them, the simplest first.
pub(crate) fn list() -> impl Iterator<Item = Sample> {
    let triggers =
        samples::of_triggers().map(|sample| Sample { name: sample.name, title: sample.about });
    [Sample { name: EMPTY, title: "nothing: {}" }].into_iter().chain(triggers)
}

/// The JSON of one.
pub(crate) fn get(name: &str) -> Option<String> {
    if name == EMPTY {
        return Some("{}".to_owned());
    }
    samples::find(name).ok().map(|sample| sample.text.to_owned())
}

/// The name of the sample that has the shape of an event: what triggers functions that get it.
pub(crate) fn trigger_of(event: &str) -> Option<&'static str> {
    let event: Value = serde_json::from_str(event).ok()?;
    match event["Records"][0]["eventSource"].as_str() {
        Some("aws:sqs") => Some("sqs"),
        Some("aws:s3") => Some("s3"),
        _ if event["requestContext"].is_object() => Some("http"),
        _ if event["detail-type"] == "Scheduled Event" => Some("schedule"),
        _ => None,
    }
}
