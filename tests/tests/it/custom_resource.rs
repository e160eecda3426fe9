//! Resources of CloudFormation: the stack is answered, whatever the script does.

use std::time::Duration;

use rhambda_tests::{Asked, Authority, Event, Function, Run, Server, answer};
use serde_json::{Value, json};

/// A place where a stack waits for its answer.
struct Stack {
    server: Server,
    trusted: tempfile::NamedTempFile,
}

impl Stack {
    fn answering(say: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let trusted = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(trusted.path(), authority.pem()).expect("a temporary file can be written");
        Self { server: Server::in_tls(&authority, "127.0.0.1", say), trusted }
    }

    fn new() -> Self {
        Self::answering(|_| answer(200, &[], ""))
    }

    fn event(&self, kind: &str) -> Value {
        let mut event = json!({
            "RequestType": kind, "RequestId": "r-1", "ResourceType": "Custom::Bucket",
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/7",
            "LogicalResourceId": "Inbox", "ResourceProperties": { "Name": "in" },
            "ResponseURL": format!("{}/answer?X-Amz-Signature=a%2Bb%3D", self.server.url()),
            "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:f",
        });
        if kind != "Create" {
            event["PhysicalResourceId"] = "bucket-1".into();
        }
        event
    }

    /// A handler with this function, for one event of this kind and then another.
    fn function(&self, body: &str) -> Function {
        let script = format!(
            "fn handler(event) {{
                if event == 1 {{ return \"next\" }}
                custom_resource::handle(event, |request| {{ {body} }})
            }}"
        );
        let trusted = self.trusted.path().to_str().expect("UTF-8");
        Function::of(&script).env("SSL_CERT_FILE", trusted).env("RHAMBDA_DEADLINE_MARGIN_MS", "100")
    }

    fn run(&self, kind: &str, body: &str) -> Run {
        self.function(body).event(self.event(kind).to_string()).event("1").run()
    }

    /// The only answer that came.
    fn told(&self) -> Value {
        let seen = self.server.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        serde_json::from_slice(&seen[0].body).expect("the answer is JSON")
    }
}

#[test]
fn what_the_function_returns_is_put_where_the_stack_waits() {
    let stack = Stack::new();
    let run = stack.run(
        "Create",
        "#{ id: request.properties.Name, data: #{ Kind: request.request_type }, no_echo: true }",
    );
    let expected = json!({
        "Status": "SUCCESS", "PhysicalResourceId": "in", "Data": { "Kind": "Create" },
        "NoEcho": true, "RequestId": "r-1", "LogicalResourceId": "Inbox",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/7",
    });
    run.responded_json(&expected.to_string()).responded("\"next\"").kept_serving();
    assert_eq!(stack.told(), expected);
    let asked = &stack.server.seen()[0];
    assert_eq!(asked.method, "PUT");
    assert_eq!(asked.target, "/answer?X-Amz-Signature=a%2Bb%3D");
    assert_eq!(asked.header("content-type"), "");
    assert_eq!(asked.header("content-length"), asked.body.len().to_string());
    assert_eq!(asked.header("transfer-encoding"), "");
}

#[test]
fn a_resource_keeps_its_id_and_a_new_one_gets_the_same_when_it_is_asked_for_again() {
    for (kind, body, id) in [
        ("Create", "()", "shop-Inbox-r-1"),
        ("Update", "()", "bucket-1"),
        ("Update", "#{ id: \"bucket-2\" }", "bucket-2"),
        ("Delete", "()", "bucket-1"),
        ("Delete", "#{ id: \"bucket-2\" }", "bucket-1"),
    ] {
        let stack = Stack::new();
        stack.run(kind, body).response();
        assert_eq!(stack.told()["PhysicalResourceId"], id, "{kind} {body}");
        assert_eq!(stack.told()["Status"], "SUCCESS", "{kind} {body}");
    }
}

#[test]
fn what_is_thrown_is_the_reason_of_the_failure() {
    for (body, reason) in [
        ("throw \"no \\\"room\\\"\\n left\"", "no \"room\"  left (main.rhai:3"),
        ("throw #{ type: \"Full\", message: \"no room\" }", "no room (main.rhai:3"),
        ("request.nothing.there", "there is no property"),
        ("7", "it returned a value of type i64, not a map or nothing"),
        ("#{ Data: 1 }", "it returned `Data`; there are `id`, `data` and `no_echo`"),
        ("#{ id: 7 }", "`id` is of type i64, not text"),
        ("#{ id: \"\" }", "an id has 1 to 1024 bytes, this has 0"),
        ("#{ data: #{ f: Fn(\"f\") } }", "the answer has "),
        (
            "#{ data: #{ text: text::repeat(\"x\", 5000) } }",
            "bytes; CloudFormation takes at most 4096",
        ),
        ("throw text::repeat(\"\\\"\", 5000)", "\"\"\""),
    ] {
        let stack = Stack::new();
        let mut run = stack.run("Update", body);
        let response: Value = serde_json::from_str(&run.response()).expect("the response is JSON");
        run.responded("\"next\"").printed("Update of custom resource Inbox failed: ");
        let told = stack.told();
        assert_eq!(response, told);
        assert_eq!(
            (&told["Status"], &told["PhysicalResourceId"]),
            (&"FAILED".into(), &"bucket-1".into())
        );
        let said = told["Reason"].as_str().unwrap_or_default();
        assert!(said.contains(reason), "{body}: {said}");
        assert!(stack.server.seen()[0].body.len() <= 4096);
    }
}

#[test]
fn a_function_that_takes_too_long_has_failed_before_the_deadline() {
    for body in ["loop { }", "sleep(60)"] {
        let stack = Stack::new();
        let event = Event::new(stack.event("Create").to_string()).due_in(Duration::from_secs(2));
        stack.function(body).sent(event).event("1").run().response();
        let told = stack.told();
        assert_eq!(told["Status"], "FAILED");
        assert_eq!(
            told["Reason"], "it was still running shortly before the function's deadline",
            "{body}"
        );
    }
}

#[test]
fn the_stack_is_told_also_where_the_script_is_stopped() {
    let stack = Stack::new();
    let function = stack.function("let a = []; loop { a.push(blob(1000)) }");
    let function = function.env("RHAMBDA_MAX_MEMORY_MB", "16");
    let run = function.event(stack.event("Create").to_string()).event("1").run();
    run.failed("Function.MemoryLimit").responded("\"next\"");
    assert_eq!(stack.told()["Status"], "FAILED");

    let stack = Stack::new();
    let function = stack.function("loop { }").env("RHAMBDA_MAX_OPERATIONS", "100000");
    let run = function.event(stack.event("Create").to_string()).event("1").run();
    run.failed("Function.OperationLimit").responded("\"next\"");
    assert_eq!(stack.told()["Status"], "FAILED");
}

#[test]
fn an_answer_that_did_not_arrive_is_sent_again() {
    let stack =
        Stack::answering(|asked| answer(if asked.earlier < 2 { 503 } else { 200 }, &[], ""));
    stack.run("Create", "()").response();
    let bodies: Vec<String> = stack.server.seen().iter().map(Asked::text).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body == &bodies[0] && body.contains("SUCCESS")));
}

#[test]
fn a_url_that_is_no_more_valid_is_told_as_an_error_without_its_signature() {
    let stack = Stack::answering(|_| answer(403, &[], ""));
    stack
        .run("Create", "()")
        .failed_as("Function.ScriptError", "CustomResource.NotAnswered")
        .saying("/answer: the answer has status 403")
        .never_logged("a%2Bb");
    assert_eq!(stack.server.seen().len(), 1);
}

#[test]
fn the_answer_needs_no_leave_of_the_scripts_policy() {
    let stack = Stack::new();
    let function = stack.function("()").env("RHAMBDA_POLICY", "strict");
    function.event(stack.event("Create").to_string()).run().response();
    assert_eq!(stack.told()["Status"], "SUCCESS");
}

#[test]
fn behind_the_provider_framework_nothing_is_sent() {
    let stack = Stack::new();
    let mut event = stack.event("Create");
    event["ResponseURL"] = "...".into();
    let function = |body: &str| stack.function(body).event(event.to_string()).event("1").run();
    function("#{ id: \"in\", data: #{ Size: 7 } }")
        .responded_json(r#"{"PhysicalResourceId":"in","Data":{"Size":7},"NoEcho":false}"#);
    function("throw \"no room\"").failed("Function.ScriptError").saying_exactly("no room");
    function("7").failed_as("Function.ScriptError", "CustomResource.Invalid");
    assert!(stack.server.seen().is_empty());
}

#[test]
fn what_is_not_of_cloudformation_is_refused() {
    let function = |event: &str| Stack::new().function("()").event(event).run();
    let button = r#"{"serialNumber":"1","clickType":"SINGLE","batteryVoltage":"2000 mV"}"#;
    function(button)
        .failed_as("Function.ScriptError", "Events.NoCustomResource")
        .saying("of `iot_button`");
    function("{}").failed_as("Function.ScriptError", "Events.Unknown");
}
