//! The examples in `scripts/` do what their event and response files say.

use std::fs;
use std::path::{Path, PathBuf};

use rhambda_tests::{Function, Run, repository};
use serde_json::Value;

fn folder() -> PathBuf {
    repository().join("scripts")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the examples: the scripts that are not imported by others.
fn examples() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder of the examples")
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".rhai").map(str::to_owned)
        })
        .filter(|name| !name.ends_with(".test"))
        .collect();
    names.sort();
    names
}

/// The function that an example is, with everything it may import.
fn example(name: &str) -> Function {
    let script = text(&folder().join(format!("{name}.rhai")));
    let function = Function::of_files(&[(&format!("{name}.rhai"), &script)])
        .handler(&format!("{name}.handler"));
    // Not all need variables.
    let variables = fs::read_to_string(folder().join(format!("{name}.env"))).unwrap_or_default();
    let function = variables.lines().fold(function, |function, line| {
        let (name, value) = line.split_once('=').expect("a variable is NAME=VALUE");
        function.env(name, value)
    });
    let modules = fs::read_dir(folder().join("lib")).expect("the folder of the modules");
    modules.fold(function, |function, module| {
        let module = module.expect("an entry of a folder").path();
        let file = module.file_name().expect("a file has a name").to_string_lossy().into_owned();
        function.file(&format!("lib/{file}"), text(&module))
    })
}

fn sent(name: &str, event: &Value) -> Run {
    example(name).event(event.to_string()).run()
}

#[test]
fn each_example_answers_its_event_as_its_file_says() {
    let names = examples();
    assert!(names.len() >= 11, "{names:?}");
    for name in names {
        let file = |kind: &str| folder().join(format!("{name}.{kind}.json"));
        let event = text(&file("event"));
        let run = example(&name).event(&event).event(&event).run();
        if file("error").exists() {
            let error: Value = serde_json::from_str(&text(&file("error"))).expect("JSON");
            let part = |key: &str| error[key].as_str().expect("a text").to_owned();
            let (kind, message) = (part("errorType"), part("errorMessage"));
            run.failed_as("Function.ScriptError", &kind)
                .saying_exactly(&message)
                .with_data(&error["errorData"].to_string())
                .at(&format!("{name}.rhai:"))
                .failed_as("Function.ScriptError", &kind)
                .kept_serving();
        } else if let Ok(data) = fs::read_to_string(folder().join(format!("{name}.response.txt"))) {
            let mut run = run;
            for _ in 0..2 {
                let sent = run.stream().text();
                // The data comes after the status and the headers.
                assert_eq!(sent.split("\0\0\0\0\0\0\0\0").last(), Some(&*data), "{name}");
            }
            run.kept_serving();
        } else if file("response").exists() {
            let response = text(&file("response"));
            run.responded_json(&response).responded_json(&response).kept_serving();
        } else {
            // It talks to others, for whom its tests stand in.
            assert!(folder().join(format!("{name}.test.rhai")).exists(), "{name} has no test");
        }
    }
}

fn orders_event(method: &str, path: &str, body: &str) -> Value {
    let mut event: Value =
        serde_json::from_str(&text(&folder().join("orders_api.event.json"))).expect("JSON");
    event["requestContext"]["http"]["method"] = method.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["body"] = body.into();
    event
}

#[test]
fn the_order_api_answers_every_request_with_the_status_it_deserves() {
    let cases = [
        ("GET", "/health", "", 200, "\"ok\":true"),
        ("GET", "/nothing", "", 404, "nothing at GET /nothing"),
        ("POST", "/orders", "{", 400, "not JSON"),
        ("POST", "/orders", "{}", 422, "customer.id"),
        ("POST", "/orders", "[1]", 422, "an order is an object"),
        ("POST", "/orders", r#"{"customer": 1, "lines": 2}"#, 422, "customer.id"),
        ("POST", "/orders", r#"{"customer": {"id": "a"}, "lines": [1]}"#, 422, "lines[0]: a line"),
        (
            "POST",
            "/orders",
            r#"{"customer": {"id": "a"}, "lines": [{"sku": "s", "quantity": 0, "price": 1.5}]}"#,
            422,
            "lines[0].price: whole cents",
        ),
        (
            "POST",
            "/orders",
            r#"{"customer": {"id": "a"}, "lines": [{"sku": "s", "quantity": 3, "price": 5}]}"#,
            201,
            r#""shipping":"4.90""#,
        ),
    ];
    for (method, path, body, status, part) in cases {
        let mut run = sent("orders_api", &orders_event(method, path, body));
        let response: Value = serde_json::from_str(&run.response()).expect("a JSON response");
        assert_eq!(response["statusCode"], status, "{method} {path} {body}: {response}");
        let body = response["body"].as_str().unwrap_or_default();
        assert!(body.contains(part), "{method} {path}: {body} should have {part}");
        run.kept_serving();
    }
}

#[test]
fn a_report_of_too_many_days_is_refused_before_its_first_row() {
    let mut event: Value =
        serde_json::from_str(&text(&folder().join("stream_report.event.json"))).expect("JSON");
    event["queryStringParameters"]["days"] = "367".into();
    let mut run = sent("stream_report", &event);
    let sent = run.stream().text();
    assert!(sent.starts_with("{\"statusCode\":422,"), "{sent}");
    assert!(sent.ends_with("\0days is a number from 1 to 366, not 367"), "{sent}");
    run.kept_serving();
}

#[test]
fn a_card_that_is_not_declined_is_charged_and_a_large_amount_is_reviewed() {
    let event = |amount: u32| {
        serde_json::json!({
            "order": "A-1",
            "payment": { "card": "4111111111111111", "amount": amount, "currency": "EUR" }
        })
    };
    sent("charge_card", &event(4825))
        .responded_json(r#"{"order": "A-1", "charged": 4825, "currency": "EUR"}"#)
        .kept_serving();
    sent("charge_card", &event(100_001))
        .failed_as("Function.ScriptError", "ManualReview")
        .without_data()
        .kept_serving();
}

#[test]
fn a_token_that_somebody_changed_lets_nobody_in() {
    let mut event: Value =
        serde_json::from_str(&text(&folder().join("token_authorizer.event.json"))).expect("JSON");
    event["headers"]["authorization"] = "Bearer x.y.z".into();
    sent("token_authorizer", &event).responded_json(r#"{"isAuthorized":false}"#).kept_serving();
}
