//! `metrics`: records in CloudWatch's embedded metric format.

use rhambda_tests::{Function, Run};
use serde_json::{Value, json};

/// The records that CloudWatch would make metrics of.
fn records(run: &Run) -> Vec<Value> {
    run.stdout()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|record| record.get("_aws").is_some())
        .collect()
}

/// A record without its time and request, which are checked here.
fn bare(mut record: Value) -> Value {
    let time = record["_aws"]["Timestamp"].take().as_u64().expect("a time");
    assert!(time > 1_700_000_000_000, "{time}");
    let id = record.as_object_mut().and_then(|record| record.remove("requestId"));
    assert!(id.is_some_and(|id| id.as_str().is_some_and(|id| id.len() == 36)));
    record
}

fn definition(namespace: &str, dimensions: &[&str], metrics: Value) -> Value {
    json!({
        "Timestamp": null,
        "CloudWatchMetrics": [
            { "Namespace": namespace, "Dimensions": [dimensions], "Metrics": metrics }
        ],
    })
}

#[test]
fn what_an_invocation_measured_is_one_record_for_each_set_of_dimensions() {
    let script = "fn handler(event) {
        metrics::count(\"Orders\");
        metrics::count(\"Orders\", 2);
        metrics::put(\"Latency\", 12.5, \"Milliseconds\");
        metrics::put(\"Revenue\", 42, \"none\", #{ shop: \"books\", country: \"DE\" });
        \"done\"
    }";
    for format in ["Text", "JSON"] {
        let run = Function::of(script)
            .env("AWS_LAMBDA_LOG_FORMAT", format)
            .env("AWS_LAMBDA_LOG_LEVEL", "ERROR")
            .event("{}")
            .event("{}")
            .run();
        let run = run.responded("\"done\"").responded("\"done\"").kept_serving();
        let records: Vec<Value> = records(&run).into_iter().map(bare).collect();
        assert_eq!(records.len(), 4, "{records:?}");
        assert_eq!(records[..2], records[2..]);
        assert_eq!(
            records[0],
            json!({
                "_aws": definition("rhambda", &["FunctionName"], json!([
                    { "Name": "Latency", "Unit": "Milliseconds" },
                    { "Name": "Orders", "Unit": "Count" },
                ])),
                "FunctionName": "greeter",
                "Latency": 12.5,
                "Orders": [1, 2],
            })
        );
        assert_eq!(
            records[1],
            json!({
                "_aws": definition("rhambda", &["country", "shop"], json!([
                    { "Name": "Revenue", "Unit": "None" },
                ])),
                "country": "DE",
                "shop": "books",
                "Revenue": 42,
            })
        );
    }
}

#[test]
fn metrics_of_an_invocation_that_fails_are_written_too() {
    let script = "fn handler(event) { metrics::count(\"Tries\"); throw \"no\" }";
    let run = Function::of(script).event("{}").run();
    let run = run.failed("Function.ScriptError").kept_serving();
    assert_eq!(records(&run)[0]["Tries"], 1);
}

#[test]
fn a_namespace_is_set_once_for_the_environment() {
    let script = "metrics::namespace(\"Shop/EU\");
        fn handler(event) { metrics::count(\"Orders\"); 0 }";
    let run = Function::of(script).event("{}").event("{}").run();
    let run = run.responded("0").responded("0").kept_serving();
    for record in records(&run) {
        assert_eq!(record["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Shop/EU");
    }
}

#[test]
fn no_record_is_larger_than_the_format_and_the_log_allow() {
    let script = "fn handler(event) {
        for n in 0..250 { metrics::count(`Metric ${n}`); }
        for n in 0..250 { metrics::count(\"Many\", n); }
        metrics::put(\"Many\", 1, \"Seconds\");
        0
    }";
    let run = Function::of(script).event("{}").run().responded("0").kept_serving();
    let records = records(&run);
    let mut values = 0;
    for record in &records {
        let metrics =
            record["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("an array");
        assert!(metrics.len() <= 100, "{}", metrics.len());
        for metric in metrics {
            let value = &record[metric["Name"].as_str().expect("a name")];
            let count = value.as_array().map_or(1, Vec::len);
            assert!(count <= 100, "{count}");
            values += count;
        }
    }
    assert_eq!(values, 501);
}

#[test]
fn what_cloudwatch_would_not_take_is_refused() {
    for (call, said) in [
        ("metrics::count(\"\")", "cannot be the name of a metric"),
        ("metrics::count(\"_aws\")", "cannot be the name of a metric"),
        ("metrics::count(\"a\\nb\")", "cannot be the name of a metric"),
        ("metrics::count(\"a\", \"1\")", "the value of `a` is no number"),
        ("metrics::count(\"a\", 0.0 / 0.0)", "the value of `a` is no number"),
        ("metrics::put(\"a\", 1, \"Parsecs\")", "`Parsecs` is no unit; there are None, Count"),
        ("metrics::put(\"a\", 1, \"None\", #{ a: 1 })", "a metric and a dimension"),
        ("metrics::put(\"a\", 1, \"None\", #{ b: \"\" })", "the value of the dimension `b`"),
        ("metrics::namespace(\"AWS/Lambda\")", "a namespace has"),
    ] {
        let run = Function::of(&format!("fn handler(event) {{\n{call}\n}}\n")).event("{}").run();
        run.failed_as("Function.ScriptError", "Metrics.Invalid")
            .saying(said)
            .at("main.rhai:2:")
            .kept_serving();
    }
}
