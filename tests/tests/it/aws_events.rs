//! Events as AWS sends them, through the real bootstrap: what is recognised, and that one field that
//! cannot be read changes nothing else.

use rhambda_tests::{Function, repository};
use serde_json::{Value, json};

fn sample(name: &str) -> Value {
    let path = repository().join("layer/samples/own").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
    serde_json::from_str(&text).expect("JSON")
}

/// What a handler answers to each event, in one environment.
fn answers(script: &str, events: &[Value]) -> Vec<Value> {
    let mut function = Function::of(script);
    for event in events {
        function = function.event(event.to_string());
    }
    let mut run = function.run();
    events.iter().map(|_| serde_json::from_str(&run.response()).expect("JSON")).collect()
}

fn answer(script: &str, event: &Value) -> Value {
    answers(script, std::slice::from_ref(event)).remove(0)
}

#[test]
fn the_detail_of_a_schedule_is_what_its_text_says() {
    let script = "fn handler(event) {
            let record = events::records(event)[0];
            #{ source: events::source(event), at_ms: record.at_ms, detail: record.detail }
        }";
    let with = |detail: Value| {
        let mut event = sample("scheduler");
        event["detail"] = detail;
        event
    };
    let events = [
        with(json!("{}")),
        with(json!("{\"shop\": 7, \"total\": 48.250}")),
        with(json!("all shops, please")),
        with(json!("[1")),
        with(json!({ "shop": 7 })),
        with(json!("")),
    ];
    let details: Vec<Value> = answers(script, &events)
        .into_iter()
        .map(|answer| {
            assert_eq!(answer["source"], "eventbridge");
            assert_eq!(answer["at_ms"], 1_794_089_100_000_u64);
            answer["detail"].clone()
        })
        .collect();
    let expected =
        json!([{}, { "shop": 7, "total": 48.250 }, "all shops, please", "[1", { "shop": 7 }, ""]);
    assert_eq!(json!(details), expected);
}

#[test]
fn a_test_event_of_s3_has_no_records_wherever_it_is_wrapped() {
    let test = sample("s3-test");
    let mut queued = sample("pipes-sqs");
    queued[0]["body"] = json!(test.to_string());
    let queue = json!({ "Records": [queued[0]] });
    let script = "fn handler(event) {
            batch::each(event, |message| {
                for file in events::records(parse_json(message.body)) { throw `a file ${file.key}`; }
            })
        }";
    assert_eq!(answer(script, &queue), json!({ "batchItemFailures": [] }));

    let mut topic = sample("sns");
    topic["Records"][0]["Sns"]["Message"] = json!(test.to_string());
    let mut notification = sample("sns-notification");
    notification["Message"] = json!(test.to_string());
    let script = "fn handler(event) {
            let inner = parse_json(events::records(event)[0].body);
            [events::source(event), events::source(inner), events::records(inner)]
        }";
    let expected = json!(["sns", "s3_test", []]);
    assert_eq!(answers(script, &[topic, notification]), [expected.clone(), expected]);
}

#[test]
fn a_task_of_s3_batch_names_its_bucket_in_either_schema() {
    let script = "fn handler(event) {
            let task = events::records(event)[0];
            #{ bucket: task.bucket, key: task.key, arguments: task.arguments }
        }";
    let all = answers(script, &[sample("s3-batch"), sample("s3-batch-v2")]);
    assert_eq!(
        json!(all),
        json!([
            { "bucket": "example-bucket", "key": "customer Image1+.jpg", "arguments": null },
            { "bucket": "inbox", "key": "data/1.json.gz", "arguments": { "prefix": "out/" } },
        ])
    );
}

#[test]
fn records_of_pipes_are_those_of_their_services() {
    let script = "fn handler(event) {
            let records = events::records(event);
            [events::source(event), records.len(), records[0].body, records[0].id]
        }";
    let names = ["sqs", "kinesis", "dynamodb", "kafka", "activemq", "rabbitmq"];
    let events: Vec<Value> = names.iter().map(|name| sample(&format!("pipes-{name}"))).collect();
    let order = "{\"order\":\"A-1001\"}";
    assert_eq!(
        json!(answers(script, &events)),
        json!([
            ["sqs", 2, order, "0d1b4c8e-1111-4f7e-9d57-0a2f6d1f5a01"],
            ["kinesis", 1, order, "49590338271490256608559692538361571095921575989136588898"],
            ["dynamodb", 1, null, "111"],
            ["kafka", 2, order, "orders-0-15"],
            ["activemq", 1, "A-1001", "ID:b-9bcfa592-1.mq.eu-west-1.amazonaws.com-37557-1:1:1:1:1"],
            ["rabbitmq", 1, "A-1001", "m-1"],
        ])
    );
    let script = "fn handler(event) { batch::each(event, |record| if record.body.contains(\"2\") {
            throw \"no\" }) }";
    let failed = json!([{ "itemIdentifier": "0d1b4c8e-2222-4f7e-9d57-0a2f6d1f5a02" }]);
    assert_eq!(answer(script, &events[0])["batchItemFailures"], failed);
}

#[test]
fn one_field_that_cannot_be_read_is_named_in_the_log_without_its_value() {
    let mut event = sample("kinesis");
    event["Records"][0]["kinesis"]["data"] = json!("hush!");
    let mut function = Function::of(
        "fn handler(event) {
            events::records(event).map(|record| [record.body, record.unreadable != ()])
        }",
    )
    .event(event.to_string());
    function = function.event(sample("kinesis").to_string());
    let mut run = function.run();
    let first: Value = serde_json::from_str(&run.response()).expect("JSON");
    assert_eq!(first[0], json!(["hush!", true]));
    let second: Value = serde_json::from_str(&run.response()).expect("JSON");
    assert_eq!(second[0][1], json!(false));
    let log = format!("{}{}", run.stdout(), run.stderr());
    assert!(log.contains("`body` of record 0 of `kinesis` cannot be read"), "{log}");
    assert!(!log.contains("hush!"), "{log}");
}

#[test]
fn sources_that_were_not_known_are_recognised() {
    let script = "fn handler(event) { [events::source(event), events::records(event).len()] }";
    let known = [
        ("connect-flow", "connect", 1),
        ("cognito-custom-email-sender", "cognito", 1),
        ("cognito-custom-sms-sender", "cognito", 1),
        ("cognito-pre-token-v3", "cognito", 1),
        ("appsync-batch", "appsync", 2),
        ("appsync-amplify", "appsync", 1),
        ("appsync-events", "appsync_events", 2),
        ("appsync-events-subscribe", "appsync_events", 1),
        ("authorizer-appsync-events", "authorizer_appsync", 1),
        ("kinesis-window-end", "kinesis", 0),
        ("dynamodb-window-end", "dynamodb", 0),
        ("dynamodb-in-kinesis", "dynamodb", 1),
        ("cloudwatch-logs-control", "cloudwatch_logs", 0),
        ("cloudwatch-logs-unpacked", "cloudwatch_logs", 1),
        ("lambda-destination", "lambda_destination", 1),
        ("lambda-destination-stream", "lambda_destination", 1),
        ("firehose-msk", "firehose", 1),
        ("connect-campaign", "connect_campaign", 2),
    ];
    let events: Vec<Value> = known.iter().map(|(name, ..)| sample(name)).collect();
    for ((name, source, records), answer) in known.iter().zip(answers(script, &events)) {
        assert_eq!(answer, json!([source, records]), "{name}");
    }
}
