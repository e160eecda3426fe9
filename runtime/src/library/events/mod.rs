//! The module `events`: which service an event is from, and what is in it.
//!
//! One word for what all of them send: `records` for queues and streams, `request` and `response`
//! for whatever speaks HTTP, `detail` for what comes alone.

#[allow(dead_code)] // For the parts that follow.
mod field;
#[allow(dead_code)] // For the parts that follow.
mod source;

use rhai::plugin::*;
use rhai::{Dynamic, Engine};

use super::Part;
use super::native::exported;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["events"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("events", engine, vocabulary);
}

/// Whether an event comes from a front of HTTP that passes a response on while it is made.
pub(super) fn can_stream(event: &Dynamic) -> bool {
    matches!(source::of(event), Some("function_url" | "api_gateway_v1"))
}

/// What a name stands for in a source of events.
fn name(source: &str) -> Dynamic {
    source.to_owned().into()
}

/// Which service an event is from, and what is in it: records of queues and streams, HTTP requests
/// and their responses, and what comes alone.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// The service that an event is from: `"api_gateway_v1"` (REST), `"api_gateway_v2"` (HTTP),
    /// `"function_url"`, `"alb"`, `"websocket"`, `"sqs"`, `"kinesis"`, `"dynamodb"`, `"kafka"`,
    /// `"sns"`, `"s3"`, `"eventbridge"`, `"cloudwatch_logs"` and many more; `()` where the event is
    /// of none, or lacks something that all events of a source have.
    ///
    /// ```rhai
    /// let event = #{ "detail-type": "Scheduled Event", source: "aws.events", id: "53dc", account: "1",
    ///     time: "2015-10-08T16:53:06Z", region: "us-east-1", resources: [], detail: #{} };
    /// events::source(event); // => "eventbridge"
    /// events::source(#{ detail: #{} }); // => null
    /// ```
    #[rhai_fn(pure)]
    pub fn source(event: &mut Dynamic) -> Dynamic {
        source::of(event).map_or(Dynamic::UNIT, name)
    }
}
