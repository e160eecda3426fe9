//! The same cases against other people's idea of Lambda: our emulator, AWS's and cargo-lambda's.

use rhambda_tests::{Emulator, Root};
use serde_json::{Value, json};

struct Case {
    what: &'static str,
    files: &'static [(&'static str, &'static str)],
    handler: &'static str,
    exchanges: Vec<(String, Value)>,
}

impl Case {
    fn new(what: &'static str, script: &'static str, event: &str, answer: Value) -> Self {
        let files = Vec::leak(vec![("main.rhai", script)]);
        Self { what, files, handler: "main.handler", exchanges: vec![(event.into(), answer)] }
    }

    fn of_files(
        what: &'static str,
        files: &'static [(&'static str, &'static str)],
        handler: &'static str,
        answer: Value,
    ) -> Self {
        Self { what, files, handler, exchanges: vec![("{}".into(), answer)] }
    }

    /// And with the next event it gives this answer.
    fn then(mut self, event: &str, answer: Value) -> Self {
        self.exchanges.push((event.into(), answer));
        self
    }
}

fn cases() -> Vec<Case> {
    let large = json!({ "rows": vec!["x".repeat(1000); 1000] });
    vec![
        Case::new(
            "a greeting",
            "fn handler(event) { `Hello, ${event.name}!` }",
            r#"{"name":"World"}"#,
            json!("Hello, World!"),
        ),
        Case::new(
            "text beyond ASCII",
            "fn handler(event) { event + \" – ok\" }",
            r#""Grüße, 世界 \ud83d\ude00""#,
            json!("Grüße, 世界 😀 – ok"),
        ),
        Case::new("numbers as they came", "fn handler(event) { event }", "[1,1.0,-0.5,1e3]", {
            json!([1, 1.0, -0.5, 1e3])
        }),
        Case::new(
            "state between two invocations",
            "fn handler(event) { this.count = (this.count ?? 0) + 1; this.count }",
            "{}",
            json!(1),
        )
        .then("{}", json!(2)),
        Case::new(
            "an error, and the next event",
            "fn handler(event) { 10 / event }",
            "0",
            json!({ "errorType": "Function.ArithmeticError" }),
        )
        .then("5", json!(2)),
        Case::new(
            "a thrown map with a type of its own",
            "fn handler(event) { throw #{ type: \"OrderNotFound\", message: \"no order 7\", id: 7 } }",
            "{}",
            json!({
                "errorType": "OrderNotFound",
                "errorMessage": "no order 7",
                "errorData": { "id": 7 },
            }),
        ),
        Case::new("a large event", "fn handler(event) { event }", &large.to_string(), large),
        Case::new(
            "the context",
            "fn handler(event, context) {
                [
                    context.function_name, context.function_version, context.memory_limit_mb,
                    context.cold_start, context.request_id.len() > 10,
                    context.remaining_ms() > 1000,
                ]
            }",
            "{}",
            json!(["greeter", "7", 256, true, true, true]),
        ),
        Case::of_files(
            "an import",
            &[
                ("main.rhai", "import \"lib/money\" as money;\nfn handler(e) { money::cents(3) }"),
                ("lib/money.rhai", "fn cents(euros) { euros * 100 }"),
            ],
            "main.handler",
            json!(300),
        ),
        Case::of_files(
            "a handler in a folder",
            &[("src/api/orders.rhai", "fn list(event) { [] }")],
            "src/api/orders.list",
            json!([]),
        ),
    ]
}

/// Whether an answer is what was expected; of an error only the named fields count.
fn fits(expected: &Value, got: &Value) -> bool {
    match (expected.get("errorType"), expected.as_object()) {
        (Some(_), Some(fields)) => fields.iter().all(|(name, value)| got.get(name) == Some(value)),
        _ => expected == got,
    }
}

fn every_case_passes_under(emulator: Emulator) {
    let mut wrong = Vec::new();
    for case in cases() {
        let events: Vec<&str> = case.exchanges.iter().map(|(event, _)| event.as_str()).collect();
        let Some(replies) = emulator.serve(case.files, case.handler, &events) else { return };
        assert_eq!(replies.len(), events.len(), "{}", case.what);
        for ((_, expected), reply) in case.exchanges.iter().zip(&replies) {
            let got = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
            if !fits(expected, &got) {
                let body: String = reply.body.chars().take(300).collect();
                wrong.push(format!("{}: {} {body}", case.what, reply.status));
            }
        }
    }
    assert!(wrong.is_empty(), "under {emulator:?}:\n{}", wrong.join("\n"));
}

#[test]
fn every_case_passes_under_our_emulator() {
    every_case_passes_under(Emulator::Ours);
}

#[test]
fn every_case_passes_under_the_emulator_of_aws() {
    every_case_passes_under(Emulator::Rie);
}

#[test]
fn every_case_passes_under_cargo_lambda() {
    every_case_passes_under(Emulator::CargoLambda);
}

#[test]
fn a_script_that_cannot_start_is_told_by_the_emulator_of_aws() {
    let files = [("main.rhai", "fn handler(event) {\n  let x = ;\n}\n")];
    let Some(replies) = Emulator::Rie.serve(&files, "main.handler", &["{}"]) else { return };
    let body = &replies[0].body;
    assert!(body.contains("Runtime.UserCodeSyntaxError"), "{body}");
    assert!(body.contains("main.rhai:2:"), "{body}");
}

/// Streams its response, and fails behind it where the event says so.
const STREAM: &str = "fn handler(event) {
    if event == 0 { return \"whole\"; }
    stream::write(\"row 1, \");
    stream::flush();
    if event == 2 { throw #{ type: \"Lost\", message: \"row 2 is lost\" }; }
    if event == 3 { let text = \"\"; text.pad(20000, \"x\"); throw #{ type: \"Long\", message: text }; }
    \"row 2\"
}";

#[test]
fn a_streamed_response_arrives_whole_under_every_emulator() {
    for emulator in [Emulator::Ours, Emulator::Rie] {
        let files = [("main.rhai", STREAM)];
        let Some(replies) = emulator.serve(&files, "main.handler", &["1", "0", "2", "1"]) else {
            continue;
        };
        let bodies: Vec<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
        // Without the concurrent mode, an error behind a stream is seen by nobody.
        assert_eq!(bodies, ["row 1, row 2", "\"whole\"", "row 1, ", "row 1, row 2"]);
    }
}

#[test]
fn an_error_behind_a_stream_is_read_by_the_emulator_of_aws_in_its_concurrent_mode() {
    let root = Root::of_files(&[("main.rhai", STREAM)]).expect("a root directory");
    // Each by a process of its own: in this mode, an event is refused while nobody polls.
    let body = |event: &str| -> Option<String> {
        Some(root.serve_concurrently("main.handler", &[event])?.remove(0).body)
    };
    let Some(whole) = body("1") else { return };
    assert_eq!(whole, "row 1, row 2");
    let error = |event: &str| -> Value {
        let body = body(event).expect("it was there a moment ago");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}"))
    };
    assert_eq!(error("2")["errorType"], "Lost");
    assert_eq!(error("2")["errorMessage"], "row 2 is lost");
    assert_eq!(error("3")["errorType"], "Long");
    assert!(error("3")["errorMessage"].as_str().is_some_and(|said| said.contains("(20000 bytes")));
}

#[test]
fn a_process_that_ends_behind_an_answer_is_followed_by_another() {
    // Keeps a closure so deep in what it captured that nobody looks there.
    let script = "fn handler(event) {
        let object = #{ big: blob(12000000) };
        let deep = || object.big.len;
        for i in 0..300 { deep = [deep]; }
        object.deep = deep;
        event
    }";
    let events: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let files = [("main.rhai", script)];
    let Some(replies) = Emulator::Rie.serve(&files, "main.handler", &events) else { return };
    let answers: Vec<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
    assert_eq!(answers, events);
}
