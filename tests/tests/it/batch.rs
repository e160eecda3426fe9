//! Records of queues and streams one by one, and which of them Lambda is asked to send again.

use std::time::Duration;

use rhambda_tests::{Event, Function, Run};
use serde_json::{Value, json};

/// Messages of a queue: their ids and their bodies.
fn messages(queue: &str, messages: &[(&str, &str)]) -> String {
    let record = |(id, body): &(&str, &str)| {
        json!({
            "eventSource": "aws:sqs", "messageId": id, "receiptHandle": "h", "body": body,
            "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
            "attributes": { "MessageGroupId": "g" },
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() }).to_string()
}

fn failures(of: &[&str]) -> String {
    let of: Vec<Value> = of.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": of }).to_string()
}

/// A handler that fails for bodies that are no number, and prints the others.
const NUMBERS: &str = "fn handler(event) {
    batch::each(event, |record| print(`took ${parse_int(record.body)}`))
}";

fn numbers(event: &str) -> Run {
    Function::of(NUMBERS).event(event).run()
}

const MIXED: &[(&str, &str)] =
    &[("a", "1"), ("b", "secret"), ("c", "3"), ("d", "hush"), ("e", "5")];

#[test]
fn of_a_queue_only_what_failed_comes_again() {
    let run = numbers(&messages("orders", MIXED));
    run.responded_json(&failures(&["b", "d"]))
        .kept_serving()
        .printed("took 1")
        .printed("took 3")
        .printed("took 5")
        .printed("record b failed: ")
        .printed("main.rhai:2");
}

#[test]
fn the_log_has_the_id_of_a_failed_record_and_the_error_but_not_its_body() {
    let script = "fn handler(event) { batch::each(event, |record| {
        if record.id == \"a\" { throw #{ type: \"NoStock\", message: \"sold out\", body: record.body } }
        throw #{ body: record.body }
    }) }";
    let run = Function::of(script)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .event(messages("orders", &[("a", "secret"), ("b", "secret")]))
        .run();
    run.responded_json(&failures(&["a", "b"]))
        .printed(r#""level":"ERROR""#)
        .printed(r#""recordId":"a""#)
        .printed(r#""errorType":"NoStock""#)
        .printed("record a failed: sold out (main.rhai:2")
        .printed("record b failed: a map was thrown")
        .never_logged("secret");
}

#[test]
fn a_fifo_queue_stops_at_the_first_failure() {
    let run = numbers(&messages("orders.fifo", MIXED));
    run.responded_json(&failures(&["b", "c", "d", "e"])).printed("took 1").never_logged("took 3");
}

#[test]
fn a_batch_that_is_handled_has_no_failures() {
    numbers(&messages("orders", &[("a", "1")])).responded(r#"{"batchItemFailures":[]}"#);
    numbers(r#"{"Records":[]}"#).responded(r#"{"batchItemFailures":[]}"#);
}

#[test]
fn a_named_function_and_one_that_takes_the_index_do_too() {
    let script = "fn book(record) { if record.body == \"2\" { throw \"no\" } }
        fn handler(event) { [
            batch::each(event, book).batchItemFailures.len(),
            batch::each(event, Fn(\"book\")).batchItemFailures.len(),
            batch::each(event, |record, index| if index > 0 { throw \"no\" }).batchItemFailures.len(),
        ] }";
    let event = messages("orders", &[("a", "1"), ("b", "2"), ("c", "3")]);
    Function::of(script).event(event).run().responded("[1,1,2]");
}

/// Records of a stream; the data is base64.
fn stream(data: &[&str]) -> String {
    let record = |(index, data): (usize, &&str)| {
        json!({
            "eventSource": "aws:kinesis", "eventID": format!("shardId-0:{index}"),
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
            "kinesis": { "data": data, "partitionKey": "p", "sequenceNumber": index.to_string() },
        })
    };
    json!({ "Records": data.iter().enumerate().map(record).collect::<Vec<_>>() }).to_string()
}

#[test]
fn a_stream_stops_at_the_first_failure_which_is_its_checkpoint() {
    // `1`, `x`, `3`.
    let run = numbers(&stream(&["MQ==", "eA==", "Mw=="]));
    run.responded_json(&failures(&["1", "2"])).printed("took 1").never_logged("took 3");
}

#[test]
fn a_record_that_cannot_be_decoded_has_failed() {
    numbers(&stream(&["MQ==", "!"]))
        .responded_json(&failures(&["1"]))
        .printed("record 1 failed: `body` of the record cannot be read: this is not base64");
}

#[test]
fn changes_of_a_table_are_plain_maps() {
    let record = |sequence: &str, quantity: &str| {
        json!({
            "eventSource": "aws:dynamodb", "eventName": "INSERT", "eventID": sequence,
            "dynamodb": { "SequenceNumber": sequence, "NewImage": { "quantity": { "N": quantity } } },
        })
    };
    let event = json!({ "Records": [record("100", "2"), record("101", "0"), record("102", "7")] });
    let script = "fn handler(event) { batch::each(event, |record| {
        if record.new_image.quantity == 0 { throw \"none\" } print(`${record.new_image.quantity}`)
    }) }";
    let run = Function::of(script).event(event.to_string()).run();
    run.responded_json(&failures(&["101", "102"]));
}

#[test]
fn a_partition_of_kafka_waits_for_its_own_failure_alone() {
    let record = |partition: u32, offset: u32, value: &str| json!({ "topic": "orders", "partition": partition, "offset": offset, "value": value });
    // `1`, `x`, `3` and `4`.
    let event = json!({
        "eventSource": "aws:kafka", "bootstrapServers": "b:9092",
        "records": {
            "orders-0": [record(0, 7, "MQ=="), record(0, 8, "eA=="), record(0, 9, "Mw==")],
            "orders-1": [record(1, 3, "NA==")],
        },
    });
    let failure =
        |offset: u32| json!({ "itemIdentifier": { "partition": "orders-0", "offset": offset } });
    numbers(&event.to_string())
        .responded_json(&json!({ "batchItemFailures": [failure(8), failure(9)] }).to_string())
        .printed("took 4")
        .printed("record orders-0-8 failed: ")
        .never_logged("took 3");
}

#[test]
fn what_has_no_batches_is_refused() {
    let event =
        r#"{"invocationId":"i","deliveryStreamArn":"a","records":[{"recordId":"r","data":""}]}"#;
    numbers(event).failed_as("Function.ScriptError", "Events.NoBatch").saying("from `firehose`");
    numbers(r#"{"secret":1}"#)
        .failed_as("Function.ScriptError", "Events.Unknown")
        .saying("`secret`");
}

fn due_in(script: &str, event: String, milliseconds: u64) -> Run {
    Function::of(script)
        .env("RHAMBDA_DEADLINE_MARGIN_MS", "100")
        .sent(Event::new(event).due_in(Duration::from_millis(milliseconds)))
        .event("1")
        .run()
}

#[test]
fn a_record_without_an_end_is_stopped_and_the_rest_is_left_before_the_deadline() {
    let script = "fn handler(event) {
        if event == 1 { return \"next\" }
        batch::each(event, |record| if record.id == \"b\" { WAIT } else { print(`took ${record.id}`) })
    }";
    for wait in ["loop { }", "sleep(60)", "while true { try { loop { } } catch { } }"] {
        let script = script.replace("WAIT", wait);
        let run = due_in(&script, messages("orders", MIXED), 1500);
        run.responded_json(&failures(&["b", "c", "d", "e"]))
            .responded("\"next\"")
            .kept_serving()
            .printed("took a")
            .printed("record b failed: it was still running shortly before the deadline")
            .printed("3 of 5 records are left for another time, since the deadline is near")
            .never_logged("took c");
    }
}

#[test]
fn no_record_is_begun_for_which_the_time_will_not_do() {
    let script = "fn handler(event) {
        if event == 1 { return \"next\" }
        batch::each(event, |record| { print(`began ${record.id}`); sleep(0.6); })
    }";
    let run = due_in(script, messages("orders", MIXED), 1600);
    run.responded_json(&failures(&["c", "d", "e"]))
        .responded("\"next\"")
        .printed("began b")
        .never_logged("began c");
}

#[test]
fn the_handler_goes_on_after_a_record_was_stopped_and_its_own_deadline_holds() {
    let script = "fn handler(event) {
        if event == 1 { return \"next\" }
        let failed = batch::each(event, |record| loop { }).batchItemFailures.len();
        print(`${failed} failed`);
        spin()
    }
    fn spin() { loop { } }";
    let run = due_in(script, messages("orders", &[("a", "1")]), 1200);
    run.failed("Function.DeadlineExceeded")
        .at("at spin (main.rhai:")
        .responded("\"next\"")
        .printed("1 failed");
}

#[test]
fn what_stops_for_memory_or_operations_is_no_failed_record() {
    let memory = "fn handler(event) { batch::each(event, |record| { let a = []; loop { a.push(blob(1000)) } }) }";
    Function::of(memory)
        .env("RHAMBDA_MAX_MEMORY_MB", "16")
        .event(messages("orders", MIXED))
        .run()
        .failed("Function.MemoryLimit");
    let operations = "fn handler(event) { batch::each(event, |record| loop { }) }";
    Function::of(operations)
        .env("RHAMBDA_MAX_OPERATIONS", "100000")
        .event(messages("orders", MIXED))
        .run()
        .failed("Function.OperationLimit");
}
