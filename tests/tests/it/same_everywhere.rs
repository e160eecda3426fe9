//! A test of a script meets what the script meets on Lambda: the same response, error and log, the same
//! policy, context and variables.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rhambda_tests::{bootstrap, repository, rhambda};
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(rhambda());
    command.args(arguments).current_dir(folder).env("RHAMBDA_BOOTSTRAP", bootstrap());
    command.output().expect("rhambda starts")
}

fn json_of(output: &Output) -> Value {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// What marks a line of the log in which a test tells what came of an invocation.
const TOLD: &str = "@@";

/// What came of an event, and what was logged.
#[derive(Debug, PartialEq)]
struct Came {
    response: Value,
    error: Value,
    /// Without times and request ids, sorted, since two streams have no order.
    log: Vec<String>,
}

/// A line of the log without what differs from one invocation to the next.
fn plain(line: &str) -> String {
    let mut parts: Vec<&str> = line.split('\t').collect();
    let is_time = |part: &str| part.len() == 24 && part.ends_with('Z');
    let is_id = |part: &str| part.len() == 36 && part.matches('-').count() == 4;
    if parts.len() > 2 && is_time(parts[0]) {
        assert!(is_id(parts[1]), "a line without its request id: {line}");
        parts.drain(..2);
    }
    let mut line = parts.join("\t");
    // Records in JSON, such as metrics, have them by name.
    if let Ok(Value::Object(mut map)) = serde_json::from_str::<Value>(&line) {
        for name in ["timestamp", "requestId", "_aws"] {
            map.remove(name);
        }
        line = Value::Object(map).to_string();
    }
    line
}

fn sorted<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    // The place of an error that `batch::each` has caught is not told in a test yet.
    let placeless = |line: String| line.replace(" (sqs_batch.rhai:7:48)", "");
    let mut lines: Vec<String> = lines.map(plain).map(placeless).collect();
    lines.sort();
    // `--repeat` ends with the first failure.
    lines.dedup();
    lines
}

/// Through the emulator and the real `bootstrap`, twice in one environment.
fn on_lambda(folder: &Path, name: &str, event: &str) -> Came {
    let mut arguments = vec!["invoke", name, "--event", event, "--repeat", "2", "--json"];
    let variables = format!("{name}.env");
    if folder.join(&variables).is_file() {
        arguments.extend(["--env-file", &variables]);
    }
    let said = json_of(&run(folder, &arguments));
    let mut response = said["response"].clone();
    if let Some(prelude) = said["prelude"].as_object() {
        let mut whole = prelude.clone();
        whole.insert("body".into(), response);
        response = whole.into();
    }
    let error =
        json!({ "type": said["error"]["errorType"], "message": said["error"]["errorMessage"] });
    let logs = said["logs"].as_array().expect("logs").iter().filter_map(Value::as_str);
    let logs = logs.flat_map(str::lines);
    Came { response, error, log: sorted(logs) }
}

/// By two invocations in a test.
fn in_a_test(folder: &Path, name: &str, event: &str) -> Came {
    let test = format!(
        "fn test_same() {{
            for round in 0..2 {{
                let came = #{{}};
                try {{ came.response = invoke(parse_json(fs::read_text(\"{event}\"))); }}
                catch (error) {{ came.error = error; }}
                print(\"{TOLD}\" + came.to_json());
            }}
        }}"
    );
    let file = format!("{name}.test.rhai");
    fs::write(folder.join(&file), test).expect("a test");
    let said = json_of(&run(folder, &["test", &file, "--json", "--filter", "test_same"]));
    let test = &said["tests"][0];
    assert_eq!(test["passed"], true, "{name}: {test}");
    let log = test["log"].as_str().expect("a log");
    let told = log.lines().filter_map(|line| line.split_once(TOLD)).next_back();
    let (_, told) = told.expect("it was told");
    let told: Value = serde_json::from_str(told).expect("JSON");
    let error = json!({ "type": told["error"]["type"], "message": told["error"]["message"] });
    let log = sorted(log.lines().filter(|line| !line.contains(TOLD)));
    Came { response: told["response"].clone(), error, log }
}

#[test]
fn every_example_answers_the_same_in_a_test_and_on_lambda() {
    let copy = TempDir::new().expect("a folder");
    let mut command = Command::new("cp");
    command.arg("-r").arg(repository().join("scripts")).arg(copy.path());
    assert!(command.status().expect("cp runs").success());
    let scripts = copy.path().join("scripts");
    let mut seen = 0;
    for entry in fs::read_dir(repository().join("scripts")).expect("the examples") {
        let file = entry.expect("a file").file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".event.json") else { continue };
        if name == "api_key_resource" {
            println!("{name} is left out: its answer goes to CloudFormation, over a network");
            continue;
        }
        let (lambda, test) = (on_lambda(&scripts, name, &file), in_a_test(&scripts, name, &file));
        assert_eq!(test, lambda, "{name}");
        let has_answer = !lambda.response.is_null() || !lambda.error["type"].is_null();
        assert!(has_answer, "{name}: {lambda:?}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} examples");
}

#[test]
fn the_context_and_the_variables_are_those_of_lambda() {
    let script = "fn handler(event, context) {
            log::info(\"seen\");
            #{
                name: context.function_name, version: context.function_version,
                arn: context.invoked_function_arn, memory: context.memory_limit_mb,
                group: context.log_group_name, cold: context.cold_start,
                stream: context.log_stream_name.contains(\"[$LATEST]\"),
                trace: context.trace_id.starts_with(\"Root=1-\"), id: context.request_id.len(),
                left: context.deadline_ms > time::now_ms(),
                size: env::get(\"AWS_LAMBDA_FUNCTION_MEMORY_SIZE\"), zone: env::get(\"TZ\"),
                root: env::get(\"LAMBDA_TASK_ROOT\"), region: env::get(\"AWS_REGION\"),
                own: env::get(\"OWN\"), none: env::get(\"NOWHERE\"), handler: env::get(\"_HANDLER\"),
                count: { this.count = if this.count == () { 1 } else { this.count + 1 }; this.count },
            }
        }";
    let folder = folder(&[
        ("facts.rhai", script),
        ("facts.env", "OWN=mine\nAWS_REGION=eu-central-1\n"),
        ("facts.event.json", "{\"n\": 1.50}"),
    ]);
    let lambda = on_lambda(folder.path(), "facts", "facts.event.json");
    let test = in_a_test(folder.path(), "facts", "facts.event.json");
    assert_eq!(test, lambda);
    assert_eq!(lambda.response["cold"], false, "{lambda:?}");
    assert_eq!(lambda.response["count"], 2, "{lambda:?}");
    assert_eq!(lambda.response["own"], "mine", "{lambda:?}");
}

/// What the first test of a file ends with.
fn verdict(folder: &Path, file: &str) -> Value {
    json_of(&run(folder, &["test", file, "--json"]))["tests"][0].clone()
}

#[test]
fn what_a_script_may_reach_holds_for_each_invocation_of_a_test() {
    let script = "//! allow: http api.example.com, env OPEN, fs tmp
        fn handler(event) {
            switch event.what {
                \"http\" => http::get(\"https://evil.example.com/\").status,
                \"env\" => env::get(\"SECRET\"),
                \"fs\" => fs::read_text(\"own.txt\"),
                _ => [http::get(\"https://api.example.com/\").status, env::get(\"OPEN\")],
            }
        }
        fn other(event) { env::get(\"SECRET\") }";
    let test = "fn test_policy() {
            mock::http(\"*\", \"*\", |request| {
                // What the test itself does has no such policy.
                #{ status: 200, body: env::get(\"SECRET\") + fs::read_text(\"own.txt\") }
            });
            mock::env(\"SECRET\", \"hush\");
            mock::env(\"OPEN\", \"yes\");
            for round in 0..3 {
                assert_eq(invoke(#{ what: \"\" }), [200, \"yes\"]);
                for what in [\"http\", \"env\", \"fs\"] {
                    assert_throws(|| invoke(#{ what: what }), \"Policy.Refused\");
                }
                assert_throws(|| invoke(\"other\", #{}), \"Policy.Refused\");
                assert_eq(env::get(\"SECRET\"), \"hush\");
            }
            assert_eq(mock::calls().len(), 3);
        }";
    let folder = folder(&[("shop.rhai", script), ("shop.test.rhai", test), ("own.txt", "own")]);
    let verdict = verdict(folder.path(), "shop.test.rhai");
    assert_eq!(verdict["passed"], true, "{verdict}");
}

#[test]
fn strict_holds_for_each_invocation_of_a_test() {
    let script = "fn handler(event) { http::get(\"https://api.example.com/\").status }";
    let test = "fn test_policy() {
            mock::http(\"*\", \"*\", #{ status: 200 });
            for round in 0..3 { assert_throws(|| invoke(#{}), \"Policy.Refused\"); }
        }";
    let folder = folder(&[
        ("shop.rhai", script),
        ("shop.test.rhai", test),
        ("shop.env", "RHAMBDA_POLICY=strict\n"),
    ]);
    let verdict = verdict(folder.path(), "shop.test.rhai");
    // The test reaches nothing by itself, so that it may be as strict.
    assert_eq!(verdict["passed"], true, "{verdict}");
}

#[test]
fn each_function_of_a_test_keeps_its_environment() {
    let script = "let started = 0;
        fn handler(event, context) {
            this.n = if this.n == () { 1 } else { this.n + 1 };
            [this.n, context.cold_start]
        }
        fn other(event, context) { handler(event, context) }
        fn more(event, context) {
            this.n = if this.n == () { 10 } else { this.n + 10 };
            [this.n, context.cold_start]
        }";
    let test = "fn test_warm() {
            assert_eq(invoke(#{}), [1, true]);
            assert_eq(invoke(\"more\", #{}), [10, true]);
            assert_eq(invoke(#{}), [2, false]);
            assert_eq(invoke(\"more\", #{}), [20, false]);
        }";
    let folder = folder(&[("shop.rhai", script), ("shop.test.rhai", test)]);
    let verdict = verdict(folder.path(), "shop.test.rhai");
    assert_eq!(verdict["passed"], true, "{verdict}");
}

#[test]
fn an_event_that_lambda_would_not_take_is_refused_in_a_test() {
    let script = "fn handler(event) { event.text.len() }";
    let test = "fn test_size() {
            let text = \"x\";
            while text.len() < 8000000 { text += text; }
            invoke(#{ text: text });
        }";
    let folder = folder(&[("shop.rhai", script), ("shop.test.rhai", test)]);
    let output = run(folder.path(), &["test", "shop.test.rhai", "--json", "--memory", "1024"]);
    let error = &json_of(&output)["tests"][0]["error"];
    assert_eq!(error["errorType"], "Test.Event", "{error}");
    assert!(error["errorMessage"].as_str().is_some_and(|said| said.contains("6 MiB")), "{error}");
}
