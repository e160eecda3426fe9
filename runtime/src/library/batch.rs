//! The module `batch`: records of a queue or a stream one by one, and which of them failed.
//!
//! Lambda asks for the failures as `batchItemFailures`, if the event source mapping has
//! `FunctionResponseTypes: [ReportBatchItemFailures]`:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use std::time::{Duration, Instant};

use ::log::Level;
use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext};
use serde_json::Value;

use super::events::{Records, field};
use super::grow::{self, put};
use super::native::exported;
use super::{Fallible, Part};
use crate::bounds::{in_time, room_for};
use crate::callbacks::Callback;
use crate::diagnosis;
use crate::effects::{Failure, world};
use crate::logging;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["batch"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("batch", "Batch.Invalid", engine, vocabulary);
}

/// Records of a queue or a stream one by one, and which of them failed.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Calls a function with each record of an event of SQS, Kinesis, DynamoDB or Kafka, as
    /// `events::records` gives it, and gives the response that has Lambda send again what failed, and
    /// nothing else. It needs `FunctionResponseTypes: [ReportBatchItemFailures]` in the event source
    /// mapping.
    ///
    /// A record whose function throws, or whose body cannot be decoded, has failed; the log gets its id and the error, but not its body.
    /// Where order counts, what follows a failure waits for it: all later records of a FIFO queue or a
    /// shard, those of the same partition of Kafka. Shortly before the deadline what is left is
    /// returned as failed, so that what was done is not done again.
    ///
    /// ```rhai
    /// let event = #{ Records: [#{ eventSource: "aws:sqs", messageId: "a", receiptHandle: "h", body: "1",
    ///     eventSourceARN: "arn:aws:sqs:eu-west-1:1:orders" }, #{ eventSource: "aws:sqs", messageId: "b",
    ///     receiptHandle: "h", body: "x", eventSourceARN: "arn:aws:sqs:eu-west-1:1:orders" }] };
    /// batch::each(event, |record| parse_int(record.body)); // => {"batchItemFailures": [{"itemIdentifier": "b"}]}
    /// batch::each(#{ Records: [] }, |record| 1); // => {"batchItemFailures": []}
    /// ```
    #[rhai_fn(return_raw)]
    pub fn each(context: NativeCallContext, event: Dynamic, function: FnPtr) -> Fallible<Map> {
        super::each(&context, &event, &function)
    }
}

/// What waits for a record that failed.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// Nothing.
    None,
    /// All that follow.
    Whole,
    /// Those that follow in the same array.
    OfArray,
}

/// A part of the time is kept to answer in: a tenth, and at most this.
const LONGEST_KEPT: Duration = Duration::from_secs(1);

fn each(context: &NativeCallContext, event: &Dynamic, function: &FnPtr) -> Fallible<Map> {
    let mut failures = Array::new();
    if !is_empty(event) {
        let records = Records::of(event)?;
        let order = order_of(&records)?;
        room_for(records.len(), 2 * grow::MAP)?;
        let callback = Callback::new("each", context, function, 0);
        let file = context.call_source().unwrap_or_default();
        let batch = Batch { context, records: &records, order, callback, file };
        let has_failed = batch.run()?;
        for index in (0..records.len()).filter(|&index| has_failed[index]) {
            let mut failure = Map::new();
            put(&mut failure, "itemIdentifier", identifier(&records, index));
            failures.push(failure.into());
        }
    }
    let mut response = Map::new();
    put(&mut response, "batchItemFailures", failures.into());
    Ok(response)
}

/// Whether this is an event without records, which says nothing of its source.
fn is_empty(event: &Dynamic) -> bool {
    let mut is_empty = false;
    field::look(event, "Records", &mut |records| {
        is_empty = records.read_lock::<Array>().is_some_and(|records| records.is_empty());
    });
    is_empty
}

fn order_of(records: &Records) -> Fallible<Order> {
    match records.source {
        "sqs" => {
            let queue = records.raw(0, "eventSourceARN");
            let is_fifo = queue.as_immutable_string_ref().is_ok_and(|arn| arn.ends_with(".fifo"));
            Ok(if is_fifo { Order::Whole } else { Order::None })
        }
        "kinesis" | "dynamodb" => Ok(Order::Whole),
        "kafka" => Ok(Order::OfArray),
        other => Err(Failure::new(
            "Events.NoBatch",
            format!(
                "Lambda takes no failures of single records from `{other}`, but from sqs, kinesis, \
                 dynamodb and kafka; `events::records` gives the records of every source"
            ),
        )
        .into()),
    }
}

/// What Lambda calls the record. Of Kafka it is a map:
/// <https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html>.
fn identifier(records: &Records, index: usize) -> Dynamic {
    if records.source != "kafka" {
        return records.id(index);
    }
    let partition = records.array_of(index).clone();
    let offset = records.raw(index, "offset");
    let mut identifier = Map::new();
    put(&mut identifier, "partition", partition);
    put(&mut identifier, "offset", offset);
    identifier.into()
}

struct Batch<'a> {
    context: &'a NativeCallContext<'a>,
    records: &'a Records,
    order: Order,
    callback: Callback<'a>,
    /// The script that has the batch.
    file: &'a str,
}

impl Batch<'_> {
    /// Calls the function for each record, and says for each whether it failed or has to wait.
    fn run(mut self) -> Fallible<Vec<bool>> {
        let bounds = world().bounds();
        let deadline = bounds.and_then(|bounds| bounds.deadline()).map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            deadline - (left / 10).min(LONGEST_KEPT)
        });
        let mut has_failed = vec![false; self.records.len()];
        let mut longest = Duration::ZERO;
        for index in 0..self.records.len() {
            if self.waits(index, &has_failed) {
                has_failed[index] = true;
                continue;
            }
            in_time()?;
            let started = Instant::now();
            if deadline.is_some_and(|deadline| started + longest >= deadline) {
                self.leave(index, &mut has_failed);
                break;
            }
            has_failed[index] = !self.handle(index, deadline)?;
            longest = longest.max(started.elapsed());
        }
        Ok(has_failed)
    }

    /// Whether a record has to wait for an earlier one that failed.
    fn waits(&self, index: usize, has_failed: &[bool]) -> bool {
        let Some(before) = index.checked_sub(1).filter(|&before| has_failed[before]) else {
            return false;
        };
        match self.order {
            Order::None => false,
            Order::Whole => true,
            Order::OfArray => self.array_of(before) == self.array_of(index),
        }
    }

    fn array_of(&self, index: usize) -> Option<rhai::ImmutableString> {
        self.records.array_of(index).as_immutable_string_ref().ok().map(|name| name.clone())
    }

    /// Whether the record was handled.
    fn handle(&mut self, index: usize, deadline: Option<Instant>) -> Fallible<bool> {
        let mut handle = || -> Fallible<Dynamic> {
            let mut record = self.records.plain(index)?;
            // What a record is there for; other fields that cannot be read are the function's to mind.
            if let Some(why) = field::text(&record, "unreadable/body") {
                let message = format!("`body` of the record cannot be read: {why}");
                return Err(Failure::new("Events.Malformed", message).into());
            }
            self.callback.call(&mut record, index, None)
        };
        let (result, is_late) = match (world().bounds(), deadline) {
            (Some(bounds), Some(deadline)) => bounds.ending_at(deadline, &mut handle),
            _ => (handle(), false),
        };
        match result {
            Ok(_) if !is_late => Ok(true),
            Err(error) if !is_late && !is_survivable(&error) => Err(error),
            result => {
                let error = result.err().filter(|_| !is_late);
                self.report(index, error.as_deref());
                Ok(false)
            }
        }
    }

    /// Says in the log why a record failed, but not what is in it.
    fn report(&self, index: usize, error: Option<&EvalAltResult>) {
        let (error_type, why) = match error {
            Some(error) => diagnosis::survived(error, self.context, self.file),
            None => (None, "it was still running shortly before the deadline".to_owned()),
        };
        let id = self.records.id(index).to_string();
        let message = format!("record {id} failed: {why}");
        let mut fields = serde_json::Map::new();
        fields.insert("recordId".into(), id.into());
        if let Some(error_type) = error_type {
            fields.insert("errorType".into(), error_type.into());
        }
        logging::script_record(Level::Error, Value::String(message), Some(fields));
    }

    /// Leaves the records from this one on to the next invocation.
    fn leave(&self, from: usize, has_failed: &mut [bool]) {
        has_failed[from..].fill(true);
        let message = format!(
            "{} of {} records are left for another time, since the deadline is near",
            has_failed.len() - from,
            has_failed.len()
        );
        logging::script_record(Level::Warn, Value::String(message), None);
    }
}

/// Whether a script could catch the error.
pub(super) fn is_survivable(error: &EvalAltResult) -> bool {
    !matches!(error, EvalAltResult::Exit(..)) && error.unwrap_inner().is_catchable()
}
