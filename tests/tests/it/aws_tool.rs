//! Calls to AWS in `rhambda test`, in recordings and in the console.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rhambda_tests::{Served, Server, answer, bootstrap, rhambda};
use serde_json::{Value, json};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// What a command wrote to standard output and standard error, after it ended so.
#[track_caller]
fn said(folder: &Path, arguments: &[&str], exit: i32) -> (String, String) {
    let output = Command::new(rhambda())
        .args(arguments)
        .current_dir(folder)
        .env("RHAMBDA_BOOTSTRAP", bootstrap())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("rhambda starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

const SHOP: &str = r#"
fn handler(event) {
    let item = aws::call("dynamodb", "GetItem", #{ TableName: "orders", Key: #{ id: #{ S: event.id } } }).Item;
    let sent = aws::call("sns", "Publish", #{ TopicArn: "arn:aws:sns:eu-west-1:1:alerts", Message: item.total.N });
    #{ total: item.total.N, message: sent.MessageId }
}
fn put(event) {
    try { aws::call("dynamodb", "PutItem", #{ TableName: "orders", Item: event.item }); return "put"; }
    catch (error) { return `${error.type}: ${error.message} (${error.status})`; }
}
fn stacks(event) { aws::call("cloudformation", "DescribeStacks").Stacks }
fn invoke_other(event) {
    aws::request(#{ service: "lambda", operation: "Invoke", method: "POST",
        path: "/2015-03-31/functions/hello/invocations", json: event }).json()
}
fn link(event) { aws::presign(#{ service: "s3", operation: "GetObject", path: "/b/k" }) }
"#;

#[test]
fn tests_answer_in_place_of_aws() {
    const TESTS: &str = r#"
fn test_answers() {
    mock::aws("dynamodb", "GetItem", #{ Item: #{ total: #{ N: "42" } } });
    mock::aws("sns", "Publish", |asked| #{ MessageId: `${asked.service}:${asked.operation} ${asked.parameters.Message}` });
    assert_eq(invoke(#{ id: "7" }), #{ total: "42", message: "sns:Publish 42" });
    let calls = mock::calls();
    assert_eq(calls.map(|asked| asked.operation), ["GetItem", "Publish"]);
    assert_eq(calls[0].parameters.Key.id.S, "7");
}
fn test_answers_in_turn() {
    mock::aws("dynamodb", "PutItem", [#{}, #{ error: "ConditionalCheckFailedException", message: "there" },
        #{ error: "AccessDeniedException", status: 403 }]);
    let put = || invoke("put", #{ item: #{} });
    assert_eq(put.call(), "put");
    assert_eq(put.call(), "ConditionalCheckFailedException: dynamodb:PutItem: there (400)");
    assert(put.call().contains("AccessDeniedException"));
}
fn test_query_answers_are_text_and_lists() {
    mock::aws("cloudformation", "Describe*", #{ Stacks: [#{ StackName: "a<b", Count: 2 }, #{ StackName: "c" }] });
    assert_eq(invoke("stacks", #{}), [#{ StackName: "a<b", Count: "2" }, #{ StackName: "c" }]);
    mock::aws("cloudformation", "DescribeStacks", #{ error: "ValidationError" });
    assert_throws(|| invoke("stacks", #{}), "ValidationError");
}
fn test_rest_services_are_mocked_as_http_is() {
    mock::aws("lambda", "Invoke", #{ status: 200, json: #{ hello: "Ada" } });
    assert_eq(invoke("invoke_other", #{ a: 1 }).hello, "Ada");
    mock::aws("lambda", "*", #{ status: 404, headers: #{ "x-amzn-errortype": "ResourceNotFoundException" }, body: "{}" });
    assert_throws(|| invoke("invoke_other", #{}), "ResourceNotFoundException");
}
fn test_everything_at_once() {
    mock::aws("*", "*", #{ Item: #{ total: #{ N: "1" } }, MessageId: "m" });
    assert_eq(invoke(#{ id: "7" }).message, "m");
}
fn test_networks_fail() {
    mock::aws("dynamodb", "*", #{ error: "Http.Timeout" });
    assert_throws(|| invoke(#{ id: "7" }), "Http.Timeout");
}
fn test_urls_are_signed_with_nobodys_keys() {
    let url = invoke("link", #{});
    assert(url.contains("X-Amz-Signature=") && url.contains("AKIDEXAMPLE"));
}
"#;
    let folder = folder(&[("shop.rhai", SHOP), ("shop.test.rhai", TESTS)]);
    let (out, _) = said(folder.path(), &["test"], 0);
    assert!(out.contains("7 passed"), "{out}");
}

#[test]
fn a_call_that_nothing_answers_fails_the_test_with_the_line_to_paste() {
    let tests = "fn test_it() { invoke(#{ id: \"7\" }) }";
    let other =
        "fn test_it() { mock::http(\"*\", \"*\", #{ json: #{} }); invoke(\"stacks\", #{}) }";
    let first = folder(&[("shop.rhai", SHOP), ("shop.test.rhai", tests)]);
    let (out, err) = said(first.path(), &["test"], 1);
    let all = format!("{out}{err}");
    assert!(all.contains("mock::aws(\"dynamodb\", \"GetItem\", #{});"), "{all}");
    // A mock of HTTP that takes all takes calls to AWS, too.
    let second = folder(&[("shop.rhai", SHOP), ("shop.test.rhai", other)]);
    let (out, err) = said(second.path(), &["test"], 1);
    assert!(!format!("{out}{err}").contains("nothing answers"), "{out}{err}");
}

/// Answers DynamoDB and SQS at one URL.
fn services() -> Server {
    Server::saying(|asked| match asked.header("x-amz-target") {
        "DynamoDB_20120810.GetItem" => answer(200, &[], "{\"Item\":{\"n\":{\"N\":\"1\"}}}"),
        "DynamoDB_20120810.Query" => answer(200, &[], "{\"Items\":[],\"Count\":7}"),
        "AmazonSQS.SendMessage" => answer(200, &[], "{\"MessageId\":\"m\"}"),
        _ => answer(400, &[], "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no\"}"),
    })
}

const CALLS: &str = r#"
fn handler(event) {
    let count = aws::call("dynamodb", "Query", #{ TableName: "orders" }).Count;
    let n = aws::call("dynamodb", "GetItem", #{ TableName: "orders", Key: #{ id: #{ S: event.id } } }).Item.n.N;
    let id = aws::call("sqs", "SendMessage", #{ QueueUrl: "https://q/1/jobs", MessageBody: "b0dy" }).MessageId;
    try { aws::call("dynamodb", "DeleteTable", #{ TableName: "x" }); } catch (error) {
        throw #{ type: error.type, message: `${count} ${n} ${id}` };
    }
}
"#;

#[test]
fn a_recording_has_the_calls_apart_and_no_credentials() {
    let folder = folder(&[("calls.rhai", CALLS)]);
    let server = services();
    let key = said(folder.path(), &["record"], 0).0.trim().to_owned();
    let endpoint = format!("AWS_ENDPOINT_URL={}", server.url());
    let mut arguments = vec!["invoke", "calls", "--event", "{\"id\":\"7\"}"];
    let variables = [
        key.as_str(),
        &endpoint,
        "AWS_REGION=eu-west-1",
        "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY=SECRETOFTHEROLE",
        "AWS_SESSION_TOKEN=TOKENOFTHEROLE",
    ];
    for variable in variables {
        arguments.extend(["--env", variable]);
    }
    let (_, log) = said(folder.path(), &arguments, 1);
    assert_eq!(server.seen().len(), 4);
    drop(server);
    fs::write(folder.path().join("log.txt"), &log).expect("a file");
    let (out, _) = said(folder.path(), &["replay", "log.txt", "--json"], 1);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&told["same"], &told["notAskedFor"]), (&json!(true), &json!([])), "{told}");
    assert_eq!(told["error"]["errorMessage"], "7 1 m", "{told}");
    assert_eq!(told["error"]["errorType"], "ResourceNotFoundException");
    // As a file, which has no seal.
    said(folder.path(), &["replay", "log.txt", "--save", "it"], 1);
    for entry in fs::read_dir(folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        for secret in ["AKIDEXAMPLE", "SECRETOF", "TOKENOF", "AWS4-HMAC", "Signature="] {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
    let saved =
        fs::read_to_string(folder.path().join("calls.it.recording.json")).expect("a recording");
    for operation in
        ["dynamodb:Query", "dynamodb:GetItem", "sqs:SendMessage", "dynamodb:DeleteTable"]
    {
        assert!(saved.contains(operation), "{saved}");
    }
}

#[test]
fn the_console_tells_service_and_operation_of_a_call() {
    let server = services();
    let endpoint = format!("AWS_ENDPOINT_URL={}", server.url());
    let variables = [
        "--env",
        &endpoint,
        "--env",
        "AWS_REGION=eu-west-1",
        "--env",
        "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
        "--env",
        "AWS_SECRET_ACCESS_KEY=SECRETOFTHEROLE",
    ];
    let served = Served::of(&[("calls.rhai", CALLS)], &variables);
    let path = "POST /_rhambda/functions/calls/invocations";
    let replied = served.send(path, &[], "{\"id\":\"7\"}");
    let done = replied.json();
    let calls: Vec<(&str, &str, u64)> = done["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .map(|call| {
            let text = |name: &str| call[name].as_str().unwrap_or_default();
            (text("method"), text("url"), call["status"].as_u64().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("aws", "dynamodb:Query", 200),
            ("aws", "dynamodb:GetItem", 200),
            ("aws", "sqs:SendMessage", 200),
            ("aws", "dynamodb:DeleteTable", 400),
        ]
    );
    let text = done["calls"].to_string();
    assert!(!text.contains("b0dy") && !text.contains("AKID") && !text.contains("SECRET"), "{text}");
}
