//! The module `sqs`: messages to and from queues.

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, INT, ImmutableString, Map};

use super::exchange::{named, refused};
use super::take::Take;
use super::{call, invalid, text_in};
use crate::bounds::in_time;
use crate::effects::{Failure, world};
use crate::json;
use crate::library::native::exported;
use crate::library::{Fallible, Part, grow, plain_text, thrown};
use crate::vocabulary::Vocabulary;

pub(in crate::library) const PART: Part = Part { words: &["sqs"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("sqs", engine, vocabulary);
}

const SERVICE: &str = "sqs";

/// The most messages that one request takes.
const MOST: usize = 10;
/// How often what the service failed to take is sent again.
const MOST_TRIES: u32 = 5;

/// Messages of SQS. A queue is named by its URL, its ARN or, with one call more, its name.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// Sends a message, a map or an array as JSON, and gives its id.
    ///
    /// ```rhai
    /// sqs::send("https://sqs.eu-west-1.amazonaws.com/1/jobs", #{ order: 7 }); // => "m-1"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn send(queue: Text, body: Dynamic) -> Fallible<Text> {
        super::send(&queue, &body, &Map::new())
    }

    /// Sends a message. Options: `delay`, seconds; `group` and `deduplication`, of FIFO queues;
    /// `attributes`, a map of text, numbers and blobs.
    ///
    /// ```rhai
    /// let queue = "https://sqs.eu-west-1.amazonaws.com/1/jobs.fifo";
    /// sqs::send(queue, "hello", #{ group: "a", attributes: #{ kind: "greeting" } }); // => "m-1"
    /// ```
    #[rhai_fn(name = "send", volatile, return_raw)]
    pub fn send_with(queue: Text, body: Dynamic, options: Map) -> Fallible<Text> {
        super::send(&queue, &body, &options)
    }

    /// Sends many messages, ten in a request, and gives their ids in the same order. What the service
    /// fails to take is sent again; if something is left then, `Sqs.NotSent` is thrown, whose `failed` has
    /// an `index`, a `code` and a `message` for each.
    ///
    /// ```rhai
    /// sqs::send_batch("https://sqs.eu-west-1.amazonaws.com/1/jobs", [#{ n: 1 }, #{ n: 2 }]); // => ["m-0", "m-1"]
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn send_batch(queue: Text, bodies: Array) -> Fallible<Array> {
        super::send_batch(&queue, &bodies, &Map::new())
    }

    /// The same with the options of `send`. For a FIFO queue `deduplication` is left to the queue.
    ///
    /// ```rhai
    /// let queue = "https://sqs.eu-west-1.amazonaws.com/1/jobs";
    /// sqs::send_batch(queue, ["a", "b"], #{ delay: 5 }).len(); // => 2
    /// ```
    #[rhai_fn(name = "send_batch", volatile, return_raw)]
    pub fn send_batch_with(queue: Text, bodies: Array, options: Map) -> Fallible<Array> {
        super::send_batch(&queue, &bodies, &options)
    }

    /// Receives up to ten messages: maps of `id`, `body`, `receipt` and `attributes`.
    ///
    /// ```rhai
    /// let queue = "https://sqs.eu-west-1.amazonaws.com/1/jobs";
    /// sqs::receive(queue).map(|message| message.body); // => ["hello"]
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn receive(queue: Text) -> Fallible<Array> {
        super::receive(&queue, &Map::new())
    }

    /// The same with options: `most` (10), `wait`, the seconds to wait for one (0), and `visibility`, the
    /// seconds that nobody else gets them.
    ///
    /// ```rhai
    /// sqs::receive("https://sqs.eu-west-1.amazonaws.com/1/jobs", #{ most: 1, wait: 1 }).len(); // => 1
    /// ```
    #[rhai_fn(name = "receive", volatile, return_raw)]
    pub fn receive_with(queue: Text, options: Map) -> Fallible<Array> {
        super::receive(&queue, &options)
    }

    /// Deletes a message that `receive` gave, or the one of a receipt.
    ///
    /// ```rhai
    /// let queue = "https://sqs.eu-west-1.amazonaws.com/1/jobs";
    /// for message in sqs::receive(queue) { sqs::delete(queue, message); }
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn delete(queue: Text, message: Dynamic) -> Fallible<()> {
        super::delete(&queue, &message)
    }
}

/// The URL of a queue.
fn url_of(queue: &str, common: &Map) -> Fallible<ImmutableString> {
    if queue.starts_with("https://") || queue.starts_with("http://") {
        return Ok(queue.into());
    }
    let mut parameters = Map::new();
    let name = match queue.strip_prefix("arn:") {
        Some(rest) => {
            let parts: Vec<&str> = rest.split(':').collect();
            let [_, "sqs", _, account, name] = parts[..] else {
                let failure = invalid(format!("`{queue}` is not the ARN of a queue"));
                return Err(refused(&failure, SERVICE, ""));
            };
            grow::put(&mut parameters, "QueueOwnerAWSAccountId", account.to_owned().into());
            name
        }
        None => queue,
    };
    grow::put(&mut parameters, "QueueName", name.to_owned().into());
    let answer = call(SERVICE, "GetQueueUrl", &parameters, common)?;
    text_in(&answer, "QueueUrl").ok_or_else(|| {
        refused(&invalid("the service gave no URL of the queue"), SERVICE, "GetQueueUrl")
    })
}

fn text_of(body: &Dynamic) -> Result<String, Failure> {
    if let Some(text) = plain_text(body) {
        return Ok(text);
    }
    let mut text = Vec::new();
    json::write(body, &mut text)
        .map_err(|error| invalid(format!("the message cannot be sent: it has {error}")))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What is said of a message beside its body.
fn told(take: &mut Take) -> Result<Map, Failure> {
    let mut map = Map::new();
    if let Some(delay) = take.number("delay", 0, 900)? {
        grow::put(&mut map, "DelaySeconds", delay.into());
    }
    for (option, field) in
        [("group", "MessageGroupId"), ("deduplication", "MessageDeduplicationId")]
    {
        if let Some(text) = take.text(option)? {
            grow::put(&mut map, field, text.into());
        }
    }
    let attributes = super::message_attributes(&take.map("attributes")?)?;
    if !attributes.is_empty() {
        grow::put(&mut map, "MessageAttributes", attributes.into());
    }
    Ok(map)
}

const OF_SEND: [&str; 4] = ["delay", "group", "deduplication", "attributes"];

fn send(queue: &str, body: &Dynamic, options: &Map) -> Fallible<ImmutableString> {
    let refuse = |failure: Failure| refused(&failure, SERVICE, "SendMessage");
    let mut take = Take::of(options, &OF_SEND).map_err(refuse)?;
    let mut parameters = told(&mut take).map_err(refuse)?;
    let common = take.rest();
    grow::put(&mut parameters, "MessageBody", text_of(body).map_err(refuse)?.into());
    grow::put(&mut parameters, "QueueUrl", url_of(queue, &common)?.into());
    let answer = call(SERVICE, "SendMessage", &parameters, &common)?;
    Ok(text_in(&answer, "MessageId").unwrap_or_default())
}

fn send_batch(queue: &str, bodies: &Array, options: &Map) -> Fallible<Array> {
    const OPERATION: &str = "SendMessageBatch";
    let refuse = |failure: Failure| refused(&failure, SERVICE, OPERATION);
    let mut take = Take::of(options, &["delay", "group", "attributes"]).map_err(refuse)?;
    let shared = told(&mut take).map_err(refuse)?;
    let common = take.rest();
    let url = url_of(queue, &common)?;
    let mut ids: Vec<Dynamic> = vec![Dynamic::UNIT; bodies.len()];
    let mut failed = Array::new();
    for (chunk, bodies) in bodies.chunks(MOST).enumerate() {
        let mut left: Vec<(usize, Dynamic)> = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            let index = chunk * MOST + index;
            let mut entry = shared.clone();
            grow::put(&mut entry, "Id", index.to_string().into());
            grow::put(&mut entry, "MessageBody", text_of(body).map_err(refuse)?.into());
            left.push((index, entry.into()));
        }
        for attempt in 0.. {
            in_time()?;
            let mut parameters = Map::new();
            let entries: Array = left.iter().map(|(_, entry)| entry.clone()).collect();
            grow::put(&mut parameters, "Entries", entries.into());
            grow::put(&mut parameters, "QueueUrl", url.clone().into());
            let answer = call(SERVICE, OPERATION, &parameters, &common)?;
            let mut answer: Map = answer.try_cast().unwrap_or_default();
            each_entry(answer.remove("Successful"), |index, mut entry| {
                if let Some(slot) = ids.get_mut(index) {
                    *slot = entry.remove("MessageId").unwrap_or_default();
                }
            });
            let mut again = Vec::new();
            each_entry(answer.remove("Failed"), |index, mut entry| {
                let is_ours =
                    entry.get("SenderFault").is_some_and(|fault| fault.as_bool() == Ok(true));
                let sent = left.iter().find(|(known, _)| *known == index);
                if let Some(sent) = sent.filter(|_| !is_ours && attempt + 1 < MOST_TRIES) {
                    again.push(sent.clone());
                    return;
                }
                let mut told = Map::new();
                grow::put(&mut told, "index", (index as INT).into());
                grow::put(&mut told, "code", entry.remove("Code").unwrap_or_default());
                grow::put(&mut told, "message", entry.remove("Message").unwrap_or_default());
                failed.push(told.into());
            });
            if again.is_empty() {
                break;
            }
            left = again;
            let pause = std::time::Duration::from_millis(100) * (1 << attempt);
            world().pause(pause.mul_f64(world().draw(|random| 0.5 + random.f64() / 2.0)));
        }
    }
    if failed.is_empty() {
        return Ok(ids);
    }
    let message = format!("{} of {} messages were not sent", failed.len(), bodies.len());
    let failure = Failure::new("Sqs.NotSent", message);
    let [service, operation] = named(SERVICE, OPERATION);
    Err(thrown(&failure, [service, operation, ("failed", failed.into())]))
}

/// Shows each entry that has the id of a message.
fn each_entry(entries: Option<Dynamic>, mut see: impl FnMut(usize, Map)) {
    for entry in entries.and_then(Dynamic::try_cast::<Array>).unwrap_or_default() {
        let Some(entry) = entry.try_cast::<Map>() else { continue };
        let id = entry.get("Id").and_then(|id| id.as_immutable_string_ref().ok()?.parse().ok());
        if let Some(index) = id {
            see(index, entry);
        }
    }
}

fn receive(queue: &str, options: &Map) -> Fallible<Array> {
    const OPERATION: &str = "ReceiveMessage";
    let refuse = |failure: Failure| refused(&failure, SERVICE, OPERATION);
    let mut take = Take::of(options, &["most", "wait", "visibility"]).map_err(refuse)?;
    let mut parameters = Map::new();
    for (option, field, most) in [
        ("most", "MaxNumberOfMessages", 10),
        ("wait", "WaitTimeSeconds", 20),
        ("visibility", "VisibilityTimeout", 43_200),
    ] {
        if let Some(number) = take.number(option, 0, most).map_err(refuse)? {
            grow::put(&mut parameters, field, number.into());
        }
    }
    parameters.entry("MaxNumberOfMessages".into()).or_insert_with(|| Dynamic::from_int(10));
    let all: Array = vec!["All".into()];
    grow::put(&mut parameters, "MessageAttributeNames", all.clone().into());
    grow::put(&mut parameters, "AttributeNames", all.into());
    let common = take.rest();
    grow::put(&mut parameters, "QueueUrl", url_of(queue, &common)?.into());
    let answer = call(SERVICE, OPERATION, &parameters, &common)?;
    let mut answer: Map = answer.try_cast().unwrap_or_default();
    let messages = answer.remove("Messages").and_then(Dynamic::try_cast::<Array>);
    let mut found = Array::new();
    for message in messages.unwrap_or_default() {
        let Some(mut message) = message.try_cast::<Map>() else { continue };
        let mut map = Map::new();
        for (name, field) in [("id", "MessageId"), ("body", "Body"), ("receipt", "ReceiptHandle")] {
            grow::put(&mut map, name, message.remove(field).unwrap_or_default());
        }
        let mut attributes = Map::new();
        let typed = message.remove("MessageAttributes").and_then(Dynamic::try_cast::<Map>);
        for (name, value) in typed.unwrap_or_default() {
            let value = value.try_cast::<Map>().and_then(|mut value| {
                value.remove("StringValue").or_else(|| value.remove("BinaryValue"))
            });
            attributes.insert(name, value.unwrap_or_default());
        }
        grow::put(&mut map, "attributes", attributes.into());
        let system = message.remove("Attributes").unwrap_or_else(|| Map::new().into());
        grow::put(&mut map, "system", system);
        grow::push(&mut found, map.into())?;
    }
    Ok(found)
}

fn delete(queue: &str, message: &Dynamic) -> Fallible<()> {
    const OPERATION: &str = "DeleteMessage";
    let receipt = match message.read_lock::<Map>() {
        Some(message) => {
            let receipt = ["receipt", "receiptHandle", "ReceiptHandle"];
            receipt.iter().find_map(|name| message.get(*name).cloned()).unwrap_or_default()
        }
        None => message.clone(),
    };
    let receipt = receipt.into_immutable_string().map_err(|_| {
        let failure = invalid("a message has `receipt`, as `sqs::receive` gives it");
        refused(&failure, SERVICE, OPERATION)
    })?;
    let mut parameters = Map::new();
    grow::put(&mut parameters, "ReceiptHandle", receipt.into());
    grow::put(&mut parameters, "QueueUrl", url_of(queue, &Map::new())?.into());
    call(SERVICE, OPERATION, &parameters, &Map::new()).map(|_| ())
}
