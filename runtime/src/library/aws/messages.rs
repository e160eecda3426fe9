//! The modules `sns`, `eventbridge`, `sfn` and `lambda`: telling others that something is to be done.

use rhai::plugin::*;
use rhai::{Array, Dynamic, EvalAltResult, INT, ImmutableString, Map, Position};

use super::exchange::refused;
use super::take::Take;
use super::{call, field, invalid, request, text_in};
use crate::aws::sigv4::encoded;
use crate::effects::Failure;
use crate::json;
use crate::library::native::exported;
use crate::library::{Fallible, Part, grow, plain_text};

pub(in crate::library) const SNS: Part = Part {
    words: &["sns"],
    register: |engine, vocabulary| exported!(sns).register_in("sns", engine, vocabulary),
};
pub(in crate::library) const EVENTBRIDGE: Part = Part {
    words: &["eventbridge"],
    register: |engine, vocabulary| {
        exported!(eventbridge).register_in("eventbridge", engine, vocabulary);
    },
};
pub(in crate::library) const SFN: Part = Part {
    words: &["sfn"],
    register: |engine, vocabulary| exported!(sfn).register_in("sfn", engine, vocabulary),
};
pub(in crate::library) const LAMBDA: Part = Part {
    words: &["lambda"],
    register: |engine, vocabulary| exported!(lambda).register_in("lambda", engine, vocabulary),
};

/// Messages to the subscribers of topics of SNS.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod sns {
    type Text = ImmutableString;

    /// Publishes a message, a map or an array as JSON, to a topic by its ARN, or to a phone number, and
    /// gives its id.
    ///
    /// ```rhai
    /// sns::publish("arn:aws:sns:eu-west-1:1:alerts", "disk full"); // => "m-1"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn publish(topic: Text, message: Dynamic) -> Fallible<Text> {
        super::publish(&topic, &message, &Map::new())
    }

    /// The same with options: `subject`; `attributes`, a map that filters of subscriptions look at;
    /// `group` and `deduplication`, of FIFO topics.
    ///
    /// ```rhai
    /// sns::publish("arn:aws:sns:eu-west-1:1:alerts", "disk full", #{ subject: "db-1" }); // => "m-1"
    /// ```
    #[rhai_fn(name = "publish", volatile, return_raw)]
    pub fn publish_with(topic: Text, message: Dynamic, options: Map) -> Fallible<Text> {
        super::publish(&topic, &message, &options)
    }
}

/// Events to buses of EventBridge.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod eventbridge {
    type Text = ImmutableString;

    /// Puts an event on the default bus: who sends it, what kind it is, and what happened. Gives its id.
    ///
    /// ```rhai
    /// eventbridge::put("shop", "order placed", #{ order: 7 }); // => "e-1"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn put(source: Text, kind: Text, detail: Dynamic) -> Fallible<Text> {
        super::put_event(&source, &kind, &detail, &Map::new())
    }

    /// The same with options: `bus`, its name or ARN, and `resources`, an array of ARNs.
    ///
    /// ```rhai
    /// eventbridge::put("shop", "order placed", #{ order: 7 }, #{ bus: "orders" }); // => "e-1"
    /// ```
    #[rhai_fn(name = "put", volatile, return_raw)]
    pub fn put_with(source: Text, kind: Text, detail: Dynamic, options: Map) -> Fallible<Text> {
        super::put_event(&source, &kind, &detail, &options)
    }
}

/// Executions and tasks of Step Functions.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod sfn {
    type Text = ImmutableString;

    /// Starts an execution of a state machine, and gives its ARN.
    ///
    /// ```rhai
    /// let machine = "arn:aws:states:eu-west-1:1:stateMachine:orders";
    /// sfn::start(machine, #{ order: 7 }); // => "arn:aws:states:eu-west-1:1:execution:orders:x"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn start(machine: Text, input: Dynamic) -> Fallible<Text> {
        super::start(&machine, &input, None)
    }

    /// The same with a name, of which there is one execution only: what is sent twice is started once.
    ///
    /// ```rhai
    /// let machine = "arn:aws:states:eu-west-1:1:stateMachine:orders";
    /// sfn::start(machine, #{ order: 7 }, "order-7"); // => "arn:aws:states:eu-west-1:1:execution:orders:x"
    /// ```
    #[rhai_fn(name = "start", volatile, return_raw)]
    pub fn start_named(machine: Text, input: Dynamic, name: Text) -> Fallible<Text> {
        super::start(&machine, &input, Some(&name))
    }

    /// Ends the task that waits for this token with its result.
    ///
    /// ```rhai
    /// sfn::succeed("token", #{ paid: true });
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn succeed(token: Text, output: Dynamic) -> Fallible<()> {
        let fields = [("taskToken", token.into()), ("output", super::json_text(&output)?.into())];
        super::tell("SendTaskSuccess", fields)
    }

    /// Ends the task that waits for this token with an error: its name, which a `Catch` matches, and why.
    ///
    /// ```rhai
    /// sfn::fail("token", "NotPaid", "the card was refused");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn fail(token: Text, error: Text, cause: Text) -> Fallible<()> {
        let fields =
            [("taskToken", token.into()), ("error", error.into()), ("cause", cause.into())];
        super::tell("SendTaskFailure", fields)
    }

    /// Says that the task that waits for this token is still worked on.
    ///
    /// ```rhai
    /// sfn::heartbeat("token");
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn heartbeat(token: Text) -> Fallible<()> {
        super::tell("SendTaskHeartbeat", [("taskToken", token.into())])
    }
}

/// Other functions of Lambda.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod lambda {
    type Text = ImmutableString;

    /// Invokes a function, waits for it and gives its response. Its error is thrown with the type and the
    /// message that it has there; `function_error` says so.
    ///
    /// ```rhai
    /// lambda::invoke("price", #{ sku: "a" }); // => {"price": 12}
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn invoke(function: Text, payload: Dynamic) -> Fallible<Dynamic> {
        super::invoke(&function, &payload, &Map::new())
    }

    /// The same with options: `asynchronous: true` does not wait, and gives `()`; `qualifier`, a version or
    /// an alias; and those of `aws::call`.
    ///
    /// ```rhai
    /// lambda::invoke("price", #{ sku: "a" }, #{ qualifier: "live" }); // => {"price": 12}
    /// ```
    #[rhai_fn(name = "invoke", volatile, return_raw)]
    pub fn invoke_with(function: Text, payload: Dynamic, options: Map) -> Fallible<Dynamic> {
        super::invoke(&function, &payload, &options)
    }
}

fn json_text(value: &Dynamic) -> Fallible<ImmutableString> {
    let mut text = Vec::new();
    json::write(value, &mut text).map_err(|error| invalid(format!("it has {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned().into())
}

fn publish(topic: &str, message: &Dynamic, options: &Map) -> Fallible<ImmutableString> {
    const OPERATION: &str = "Publish";
    let refuse = |failure: Failure| refused(&failure, "sns", OPERATION);
    let mut take =
        Take::of(options, &["subject", "attributes", "group", "deduplication"]).map_err(refuse)?;
    let mut parameters = Map::new();
    let target = match () {
        () if topic.starts_with('+') => "PhoneNumber",
        () if topic.contains(":endpoint/") => "TargetArn",
        () => "TopicArn",
    };
    grow::put(&mut parameters, target, topic.to_owned().into());
    let text = match plain_text(message) {
        Some(text) => text.into(),
        None => json_text(message)?,
    };
    grow::put(&mut parameters, "Message", text.into());
    for (option, field) in [
        ("subject", "Subject"),
        ("group", "MessageGroupId"),
        ("deduplication", "MessageDeduplicationId"),
    ] {
        if let Some(text) = take.text(option).map_err(refuse)? {
            grow::put(&mut parameters, field, text.into());
        }
    }
    let attributes = take.map("attributes").and_then(|map| super::message_attributes(&map));
    let attributes = attributes.map_err(refuse)?;
    if !attributes.is_empty() {
        grow::put(&mut parameters, "MessageAttributes", attributes.into());
    }
    let answer = call("sns", OPERATION, &parameters, &take.rest())?;
    Ok(text_in(&answer, "MessageId").unwrap_or_default())
}

fn put_event(
    source: &str,
    kind: &str,
    detail: &Dynamic,
    options: &Map,
) -> Fallible<ImmutableString> {
    const OPERATION: &str = "PutEvents";
    let refuse = |failure: Failure| refused(&failure, "events", OPERATION);
    let mut take = Take::of(options, &["bus", "resources"]).map_err(refuse)?;
    let mut entry = Map::new();
    grow::put(&mut entry, "Source", source.to_owned().into());
    grow::put(&mut entry, "DetailType", kind.to_owned().into());
    grow::put(&mut entry, "Detail", json_text(detail)?.into());
    if let Some(bus) = take.text("bus").map_err(refuse)? {
        grow::put(&mut entry, "EventBusName", bus.into());
    }
    let resources = take.array("resources").map_err(refuse)?;
    if !resources.is_empty() {
        grow::put(&mut entry, "Resources", resources.into());
    }
    let entries: Array = vec![entry.into()];
    let parameters: Map = [("Entries".into(), entries.into())].into();
    let answer = call("events", OPERATION, &parameters, &take.rest())?;
    let entry = field(&answer, "Entries")
        .and_then(|entries| entries.try_cast::<Array>()?.into_iter().next());
    let entry = entry.unwrap_or_default();
    // The call succeeds even where the bus refuses the event.
    if let Some(code) = text_in(&entry, "ErrorCode").filter(|code| !code.is_empty()) {
        let why = text_in(&entry, "ErrorMessage").unwrap_or_default();
        let message = format!("events:PutEvents: {code}: {why}");
        return Err(refuse(Failure::new("Eventbridge.NotPut", message)));
    }
    Ok(text_in(&entry, "EventId").unwrap_or_default())
}

fn tell<const N: usize>(operation: &str, fields: [(&str, Dynamic); N]) -> Fallible<()> {
    let parameters: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    call("stepfunctions", operation, &parameters, &Map::new()).map(|_| ())
}

fn start(machine: &str, input: &Dynamic, name: Option<&str>) -> Fallible<ImmutableString> {
    let mut parameters = Map::new();
    grow::put(&mut parameters, "stateMachineArn", machine.to_owned().into());
    grow::put(&mut parameters, "input", json_text(input)?.into());
    if let Some(name) = name {
        grow::put(&mut parameters, "name", name.to_owned().into());
    }
    let answer = call("stepfunctions", "StartExecution", &parameters, &Map::new())?;
    Ok(text_in(&answer, "executionArn").unwrap_or_default())
}

fn invoke(function: &str, payload: &Dynamic, options: &Map) -> Fallible<Dynamic> {
    const OPERATION: &str = "Invoke";
    let refuse = |failure: Failure| refused(&failure, "lambda", OPERATION);
    let mut take = Take::of(options, &["asynchronous", "qualifier"]).map_err(refuse)?;
    let is_asynchronous = take.is_on("asynchronous").map_err(refuse)?;
    let qualifier = take.text("qualifier").map_err(refuse)?;
    let mut asked = take.rest();
    let kind = if is_asynchronous { "Event" } else { "RequestResponse" };
    let headers: Map = [("x-amz-invocation-type".into(), kind.into())].into();
    let resource = match function.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).unwrap_or_default().to_owned(),
        None => format!("function:{function}"),
    };
    let fields: [(&str, Dynamic); 7] = [
        ("service", "lambda".into()),
        ("operation", OPERATION.into()),
        ("method", "POST".into()),
        ("path", format!("/2015-03-31/functions/{}/invocations", encoded(function, false)).into()),
        ("headers", headers.into()),
        ("body", json_text(payload)?.into()),
        ("resource", resource.into()),
    ];
    for (name, value) in fields {
        grow::put(&mut asked, name, value);
    }
    if let Some(qualifier) = qualifier {
        let query: Map = [("Qualifier".into(), qualifier.into())].into();
        grow::put(&mut asked, "query", query.into());
    }
    let answer = request(asked)?;
    let answer = &answer.0;
    let body = answer.bytes();
    let said = match body.is_empty() {
        true => Dynamic::UNIT,
        false => json::read(body).map_err(|error| {
            let message =
                format!("lambda:Invoke: the response of `{function}` is not JSON: {error}");
            refuse(Failure::new("Aws.InvalidResponse", message))
        })?,
    };
    let Some(how) = answer.header("x-amz-function-error") else { return Ok(said) };
    let mut told: Map = said.try_cast().unwrap_or_default();
    let mut text = |name: &str| told.remove(name).and_then(|value| value.into_string().ok());
    let kind = text("errorType").unwrap_or_else(|| "Lambda.FunctionError".into());
    let message = text("errorMessage").unwrap_or_else(|| "it says nothing".into());
    let fields: [(&str, Dynamic); 6] = [
        ("type", kind.into()),
        ("message", format!("the function `{function}` failed: {message}").into()),
        ("function_error", how.to_owned().into()),
        ("service", "lambda".into()),
        ("operation", OPERATION.into()),
        ("status", INT::from(answer.status).into()),
    ];
    for (name, value) in fields {
        grow::put(&mut told, name, value);
    }
    Err(Box::new(EvalAltResult::ErrorRuntime(told.into(), Position::NONE)))
}
