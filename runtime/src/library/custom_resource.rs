//! The module `custom_resource`: resources of CloudFormation that a script makes.
//!
//! A stack waits for its answer at a URL, for an hour and more if none comes, so one is sent
//! whatever happens:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>.

use std::rc::Rc;
use std::time::{Duration, Instant};

use ::log::Level;
use rhai::plugin::*;
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::Value;

use super::batch::is_survivable;
use super::events::{Records, field};
use super::grow::put;
use super::native::exported;
use super::{Fallible, Part};
use crate::callbacks::Callback;
use crate::effects::{Failure, ReplyTo, Request, Url, world};
use crate::vocabulary::Vocabulary;
use crate::{diagnosis, json, logging, memory};

pub(super) const PART: Part = Part { words: &["custom_resource"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in(
        "custom_resource",
        "CustomResource.Invalid",
        engine,
        vocabulary,
    );
}

/// Resources of CloudFormation that a script makes.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Calls a function for an event of CloudFormation and sends the stack its answer, which is also
    /// the value: the stack goes on whether the function returns, throws or takes too long.
    ///
    /// The function gets a map with `request_type` (`"Create"`, `"Update"`, `"Delete"`), `properties`,
    /// `old_properties`, `physical_id`, `logical_id`, `stack_id`, `resource_type` and `request_id`. It
    /// returns nothing, or a map with `id`, the physical id, `data`, which the template reads by
    /// `Fn::GetAtt`, and `no_echo`, `true` where they are secret. Without an `id` a new resource gets
    /// one, and an old one keeps its own. Another id on `Update` has CloudFormation delete the old
    /// resource. What is thrown is the reason of the failure.
    ///
    /// Behind the CDK's provider framework nothing is sent, and what is thrown stays thrown: the
    /// framework answers.
    ///
    /// ```rhai
    /// let event = #{ RequestType: "Create", RequestId: "r-1", StackId: "arn:aws:cloudformation:eu-west-1:1:stack/shop/7",
    ///     ResourceType: "Custom::Bucket", LogicalResourceId: "Inbox", ResourceProperties: #{ Name: "in" } };
    /// custom_resource::handle(event, |request| #{ id: request.properties.Name, data: #{ Size: 7 } }); // => {"PhysicalResourceId": "in", "Data": {"Size": 7}, "NoEcho": false}
    /// custom_resource::handle(event, |request| ()).PhysicalResourceId; // => "shop-Inbox-r-1"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn handle(context: NativeCallContext, event: Dynamic, function: FnPtr) -> Fallible<Map> {
        super::handle(&context, &event, &function)
    }
}

/// What CloudFormation takes.
const LARGEST_ANSWER: usize = 4096;
const LONGEST_ID: usize = 1024;

/// The longest reason that fits beside the longest id, with all their characters escaped.
const LONGEST_REASON: usize = 600;

/// A part of the time is kept for sending the answer: a quarter, and at most this.
const LONGEST_KEPT: Duration = Duration::from_secs(5);

const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

fn handle(context: &NativeCallContext, event: &Dynamic, function: &FnPtr) -> Fallible<Map> {
    let records = Records::of(event)?;
    let is_behind_framework = match records.source {
        "cloudformation" => false,
        "cloudformation_provider" => true,
        other => {
            let message = format!("this event is of `{other}`, not of CloudFormation");
            return Err(Failure::new("Events.NoCustomResource", message).into());
        }
    };
    let request = records.plain(0)?;
    let mut callback = Callback::new("handle", context, function, 0);
    let mut call = || callback.call(&mut request.clone(), 0, None);
    if is_behind_framework {
        let result = call()?;
        return result_of(&request, result).map_err(|why| invalid(why).into());
    }
    let bounds = world().bounds();
    let deadline = bounds.as_ref().and_then(|bounds| bounds.deadline()).map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        deadline - (left / 4).min(LONGEST_KEPT)
    });
    let (result, is_late) = match (bounds, deadline) {
        (Some(bounds), Some(deadline)) => bounds.ending_at(deadline, call),
        _ => (call(), false),
    };
    // The answer is sent even if the script has no memory left.
    let (stopped, sent) = memory::unlimited(|| {
        let (outcome, stopped) = match result {
            _ if is_late => {
                (Err("it was still running shortly before the function's deadline".into()), None)
            }
            Ok(result) => (result_of(&request, result), None),
            Err(error) => {
                let file = context.call_source().unwrap_or_default();
                let (_, why) = diagnosis::survived(&error, context, file);
                (Err(why), Some(error).filter(|error| !is_survivable(error)))
            }
        };
        (stopped, answer(event, &request, outcome))
    });
    match stopped {
        Some(error) => Err(error),
        None => sent,
    }
}

fn invalid(message: String) -> Failure {
    Failure::new("CustomResource.Invalid", message)
}

/// What the function returned, in the words of CloudFormation; or why it is not valid.
fn result_of(request: &Dynamic, result: Dynamic) -> Result<Map, String> {
    let mut answer = Map::new();
    let mut id = known_id(request);
    let is_deleted = said(request, "request_type") == "Delete";
    let returned = match result.type_name() {
        _ if is_deleted || result.is_unit() => Map::new(),
        _ if result.is_map() => result.flatten().cast(),
        other => return Err(format!("it returned a value of type {other}, not a map or nothing")),
    };
    put(&mut answer, "Data", Map::new().into());
    put(&mut answer, "NoEcho", false.into());
    for (name, value) in returned {
        match name.as_str() {
            _ if value.is_unit() => {}
            "id" => {
                let text = value.into_immutable_string();
                id = text.map_err(|kind| format!("`id` is of type {kind}, not text"))?.into();
            }
            "data" if value.is_map() => put(&mut answer, "Data", value),
            "no_echo" if value.is_bool() => put(&mut answer, "NoEcho", value),
            "data" | "no_echo" => {
                return Err(format!("`{name}` is of type {}", value.type_name()));
            }
            other => {
                return Err(format!("it returned `{other}`; there are `id`, `data` and `no_echo`"));
            }
        }
    }
    if !(1..=LONGEST_ID).contains(&id.len()) {
        return Err(format!("an id has 1 to {LONGEST_ID} bytes, this has {}", id.len()));
    }
    put(&mut answer, "PhysicalResourceId", id.into());
    Ok(answer)
}

fn said(request: &Dynamic, name: &str) -> String {
    field::text(request, name).unwrap_or_default().into()
}

/// The id that the resource has, or one that a repeated request to make it gets too.
fn known_id(request: &Dynamic) -> String {
    if let Some(id) = field::text(request, "physical_id") {
        return id.into();
    }
    let stack = said(request, "stack_id");
    let stack = stack.split('/').nth(1).unwrap_or("stack").to_owned();
    format!("{stack}-{}-{}", said(request, "logical_id"), said(request, "request_id"))
}

/// Sends the answer and gives it.
fn answer(event: &Dynamic, request: &Dynamic, outcome: Result<Map, String>) -> Fallible<Map> {
    let (answer, body) = outcome
        .and_then(|result| written(request, result, None))
        .or_else(|why| {
            report(request, &why);
            written(request, Map::new(), Some(&why))
        })
        .map_err(invalid)?;
    let to = reply_to(event).ok_or_else(|| invalid("the event has no `ResponseURL`".into()))?;
    send(&to, body)?;
    Ok(answer)
}

/// Where an event wants its answer, if it is one of CloudFormation.
#[must_use]
pub fn reply_to(event: &Dynamic) -> Option<ReplyTo> {
    let url = field::text(event, "ResponseURL")?.into();
    Some(ReplyTo { url, request_id: said(event, "RequestId"), stack_id: said(event, "StackId") })
}

/// Completes an answer, and writes it.
fn written(
    request: &Dynamic,
    mut answer: Map,
    reason: Option<&str>,
) -> Result<(Map, Vec<u8>), String> {
    let mut set = |name: &str, text: String| put(&mut answer, name, text.into());
    set("StackId", said(request, "stack_id"));
    set("RequestId", said(request, "request_id"));
    set("LogicalResourceId", said(request, "logical_id"));
    set("Status", if reason.is_none() { "SUCCESS" } else { "FAILED" }.into());
    if let Some(reason) = reason {
        set("Reason", shortened(reason));
        set("PhysicalResourceId", known_id(request));
    }
    let mut body = Vec::new();
    json::write_within(&answer.clone().into(), &mut body, 16 * LARGEST_ANSWER)
        .map_err(|why| format!("the answer has {why}"))?;
    if body.len() > LARGEST_ANSWER {
        return Err(format!(
            "the answer has {} bytes; CloudFormation takes at most {LARGEST_ANSWER}, so `data` has \
             to be smaller",
            body.len()
        ));
    }
    Ok((answer, body))
}

/// As much of a reason as fits.
fn shortened(reason: &str) -> String {
    let end = reason.char_indices().find(|(at, letter)| at + letter.len_utf8() > LONGEST_REASON);
    let reason = &reason[..end.map_or(reason.len(), |(at, _)| at)];
    reason.replace(char::is_control, " ")
}

fn report(request: &Dynamic, why: &str) {
    let message = format!(
        "{} of custom resource {} failed: {why}",
        said(request, "request_type"),
        said(request, "logical_id")
    );
    logging::script_record(Level::Error, Value::String(message), None);
}

/// Sends the answer to where the stack waits for it.
fn send(to: &ReplyTo, body: Vec<u8>) -> Fallible<()> {
    let invalid_url = |why: String| invalid(format!("`ResponseURL` of the event: {why}"));
    let mut request = Request {
        method: "PUT".into(),
        url: Url::parse(&to.url).map_err(invalid_url)?,
        // The URL was signed for an empty type.
        headers: vec![("content-type".into(), String::new())],
        body: Rc::new(body),
        timeout: Duration::ZERO,
        place: 0,
        aws: None,
    };
    let mut pause = FIRST_PAUSE;
    let mut why = String::new();
    for attempt in 1..=ATTEMPTS {
        // One attempt that hangs must leave time for another.
        request.timeout = world().patience() / 2;
        match world().reply(&request, to) {
            Ok(response) if (200..300).contains(&response.status) => return Ok(()),
            Ok(response) => {
                why = format!(
                    "PUT {}: the answer has status {}",
                    request.url.shown(),
                    response.status
                );
                if response.status < 500 && response.status != 429 {
                    break;
                }
            }
            Err(refused) if refused.error_type == "Policy.Refused" => return Err(refused.into()),
            Err(failure) => why = failure.message,
        }
        if attempt < ATTEMPTS {
            world().pause(pause);
            pause *= 2;
        }
    }
    Err(Failure::new(
        "CustomResource.NotAnswered",
        format!("the stack could not be told the outcome, and waits: {why}"),
    )
    .into())
}
