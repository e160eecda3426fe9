//! `rhambda event`, and samples as events of `rhambda invoke`.

#![allow(clippy::unwrap_used)]

use crate::cli::{Desk, hello};

#[test]
fn an_event_is_printed_as_json_with_its_changes() {
    let desk = Desk::with(&[("a", "")]);
    let said = desk.run(&["event", "sqs", "--set", "Records[0].body={\"a\":1}", "--set", "x+=2"]);
    assert_eq!((said.code, &*said.stderr), (Some(0), ""));
    let event: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(event["Records"][0]["body"], "{\"a\":1}");
    assert_eq!(event["Records"][0]["eventSource"], "aws:sqs");
    assert_eq!(event["x"], 2);
    let line = desk.run(&["event", "sqs", "--json"]).stdout;
    assert_eq!(line.lines().count(), 1);
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
}

#[test]
fn all_events_are_listed_and_each_can_be_had() {
    let desk = Desk::with(&[("a", "")]);
    let said = desk.run(&["event"]).stdout;
    assert!(said.contains("  a FIFO queue of SQS\n"), "{said}");
    let list: serde_json::Value =
        serde_json::from_str(&desk.run(&["event", "--list", "--json"]).stdout).unwrap();
    let list = list.as_array().unwrap();
    for row in [&list[0], list.last().unwrap()] {
        let said = desk.run(&["event", row["name"].as_str().unwrap()]);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    }
    let lines = desk.run(&["event", "--list"]).stdout.lines().count();
    assert_eq!(lines, list.len() + 2);
}

#[test]
fn a_wrong_name_or_path_is_a_usage_error_with_the_nearest() {
    let desk = Desk::with(&[("a", "")]);
    for (arguments, expected) in [
        (&["event", "sq"][..], "there is no sample event `sq`; did you mean `sqs`?"),
        (
            &["event", "s3", "--set", "Records[0].s3.bukket.name=x"],
            "--set: there is no `bukket` in `Records[0].s3`; did you mean `bucket`?",
        ),
        (&["event", "--set", "a=1"], "<NAME>"),
        (&["invoke", "a.rhai", "--event", "sample:nothing"], "no script `a.rhai`"),
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert!(said.stderr.contains(expected), "{}", said.stderr);
    }
}

#[test]
fn a_script_is_invoked_with_a_sample_and_changes_of_it() {
    let desk = hello();
    let said = desk.run(&[
        "invoke",
        "hello.echo",
        "--event",
        "sample:step-functions",
        "--set",
        "payment.amount=1.50",
    ]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("\"amount\": 1.50"), "{}", said.stdout);
    let said = desk.run(&["invoke", "hello.echo", "--set", "name+=Ada"]);
    assert!(said.stdout.contains("{\"name\": \"Ada\"}"), "{}", said.stdout);
    let said = desk.run(&["invoke", "hello.echo", "--event", "sample:sqss"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("did you mean `sqs`?"), "{}", said.stderr);
}
