//! `RHAMBDA_RECORD`, `rhambda record` and `rhambda replay`: failures run again from their log line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Condvar, Mutex};

use rhambda_tests::{After, Server, answer, bootstrap, rhambda};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Uses what differs from one invocation to the next, and fails where it is told to.
const ORDERS: &str = r#"
const RATES = http::get(env::require("API") + "/rates").json();
fn handler(event, context) {
    this.count = (this.count ?? 0) + 1;
    let token = cache::get_or("token", 600, || http::get(env::require("API") + "/token?secret=s3cret").text());
    let stock = http::post(env::require("API") + "/stock", #{ sku: event.sku });
    let seen = if fs::exists("/tmp/rhambda-replay-seen") { fs::read_text("/tmp/rhambda-replay-seen") } else { "nothing" };
    fs::write("/tmp/rhambda-replay-seen", `${event.sku} ${this.count}`);
    let facts = #{ id: uuid::v4(), at: time::now().to_string(), chance: random::int(1, 1_000_000_000),
        count: this.count, token: token, rate: RATES.eur, stock: stock.status, seen: seen, request: context.request_id,
        cold: context.cold_start, long: event.long };
    if stock.status == 409 { throw #{ type: "NoStock", message: `${facts.to_json()}`, facts: facts } }
    facts
}
"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(rhambda())
        .args(arguments)
        .current_dir(folder)
        .env("RHAMBDA_BOOTSTRAP", bootstrap())
        .stdin(Stdio::null())
        .output()
        .expect("rhambda starts")
}

/// What went to standard output and standard error, after it ended so.
#[track_caller]
fn said(folder: &TempDir, arguments: &[&str], exit: i32) -> (String, String) {
    let output = run(folder.path(), arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The setting for this folder's key.
fn setting(folder: &TempDir) -> String {
    said(folder, &["record"], 0).0.trim().to_owned()
}

/// A shop that has the third article no more.
fn shop() -> Server {
    Server::saying(|asked| match asked.target.as_str() {
        "/rates" => answer(200, &[], r#"{"eur": 1.5}"#),
        "/token?secret=s3cret" => answer(200, &[], "t0ken"),
        _ if asked.text().contains("gone") => answer(409, &[], [0xff, 0]),
        _ => answer(200, &[], "there"),
    })
}

/// Invokes the script with these events in one environment; the log goes to `log.txt`.
fn invoke(folder: &TempDir, event: &str, repeat: &str, more: &[&str], exit: i32) -> String {
    let setting = setting(folder);
    let mut arguments =
        vec!["invoke", "orders", "--event", event, "--repeat", repeat, "--env", &setting];
    arguments.extend(more);
    let (_, log) = said(folder, &arguments, exit);
    fs::write(folder.path().join("log.txt"), &log).expect("a file");
    log
}

#[test]
fn a_failed_invocation_is_run_again_from_its_log_line() {
    let folder = folder(&[("orders.rhai", ORDERS)]);
    let server = shop();
    let api = format!("API={}", server.url());
    let event = r#"{"sku": "gone", "long": 123456789012345678901234567890, "card": "4111-1111"}"#;
    let log = invoke(&folder, event, "1", &["--env", &api], 1);
    let asked = server.seen().len();
    drop(server);
    for secret in ["4111-1111", "s3cret", "\"card\""] {
        assert!(!log.contains(secret), "the log shows {secret}");
    }

    let (out, err) = said(&folder, &["replay", "log.txt"], 1);
    assert_eq!(out, "");
    assert!(err.contains("error[NoStock]: {") && err.contains("the same error as at 20"), "{err}");
    assert!(asked >= 3, "the shop was asked for rates, token and stock");

    let (out, _) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    assert_eq!(told["same"], true, "{told}");
    assert_eq!(told["error"], told["recorded"]["error"], "to the letter, with the stack");
    let message = told["error"]["errorMessage"].as_str().expect("a message");
    assert!(message.contains("123456789012345678901234567890"), "{message}");
    assert_eq!((&told["scriptChanged"], &told["notAskedFor"]), (&json!(false), &json!([])));

    // Mended, it is tried on the very same invocation, and becomes a test.
    let mended = ORDERS.replace("stock.status == 409", "stock.status == 500");
    fs::write(folder.path().join("orders.rhai"), mended).expect("a file");
    let (out, err) = said(&folder, &["replay", "log.txt", "--save", "no-stock"], 0);
    assert_eq!(json(&out)["stock"], 409);
    assert!(err.contains("it responds, and failed at 20") && err.contains("has changed"), "{err}");
    assert!(err.contains("saved orders.no-stock.recording.json and orders.no-stock.response.json"));
    let (tested, _) = said(&folder, &["test"], 0);
    assert!(tested.contains("✓ orders.no-stock.response.json"), "{tested}");
    let (_, err) = said(&folder, &["replay", "log.txt", "--save", "no-stock"], 2);
    assert!(err.contains("is there already"), "{err}");

    // Broken again, the test tells.
    fs::write(folder.path().join("orders.rhai"), ORDERS).expect("a file");
    let (tested, _) = said(&folder, &["test"], 1);
    assert!(tested.contains("error[NoStock]"), "{tested}");
}

#[test]
fn what_was_kept_from_earlier_invocations_is_there_again() {
    let folder = folder(&[("orders.rhai", ORDERS)]);
    let server = Server::saying({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |asked| match asked.target.as_str() {
            "/rates" => answer(200, &[], r#"{"eur": 1.5}"#),
            "/token?secret=s3cret" => answer(200, &[], "t0ken"),
            _ if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2 => {
                answer(409, &[], "no")
            }
            _ => answer(200, &[], "there"),
        }
    });
    let api = format!("API={}", server.url());
    invoke(&folder, r#"{"sku": "rare"}"#, "5", &["--env", &api], 1);
    drop(server);
    let (out, _) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    let facts = &told["error"]["errorData"]["facts"];
    assert_eq!(facts["count"], 3, "`this` as it was: {told}");
    assert_eq!(facts["token"], "t0ken", "from the cache, without a request: {told}");
    assert_eq!(facts["seen"], "rare 2", "the file below /tmp: {told}");
    assert_eq!(facts["cold"], false);
    assert_eq!((&told["same"], &told["leftOut"]), (&json!(true), &json!([])), "{told}");
}

#[test]
fn a_request_that_was_not_made_then_is_told_and_not_sent() {
    let folder = folder(&[("orders.rhai", ORDERS)]);
    let server = shop();
    let api = format!("API={}", server.url());
    invoke(&folder, r#"{"sku": "gone"}"#, "1", &["--env", &api], 1);
    let asked = server.seen().len();
    let other = ORDERS.replace("/stock", "/stocks?key=hidden");
    fs::write(folder.path().join("orders.rhai"), other).expect("a file");
    let (_, err) = said(&folder, &["replay", "log.txt"], 1);
    let missing = format!("POST {}/stocks", server.url());
    assert!(err.contains("error[Replay.NotRecorded]") && err.contains(&missing), "{err}");
    let unused = format!("warning: not asked for this time: POST {}/stock", server.url());
    assert!(err.contains(&unused) && !err.contains("hidden"), "{err}");
    assert_eq!(server.seen().len(), asked, "nothing was sent");
}

#[test]
fn a_variable_that_was_not_asked_for_then_is_told() {
    let folder = folder(&[("orders.rhai", "fn handler(event) { throw env::get(\"KNOWN\") }")]);
    invoke(&folder, "{}", "1", &["--env", "KNOWN=1", "--env", "NEW=2"], 1);
    let other = "fn handler(event) { [env::get(\"KNOWN\"), env::get(\"NEW\")] }";
    fs::write(folder.path().join("orders.rhai"), other).expect("a file");
    let (out, err) = said(&folder, &["replay", "log.txt"], 0);
    assert_eq!(json(&out), json!(["1", null]));
    let told =
        "warning: the recording does not have the variable NEW; --env NEW=VALUE gives it a value";
    assert!(err.contains(told) && err.matches("warning").count() == 1, "{err}");
    let (out, err) = said(&folder, &["replay", "log.txt", "--env", "NEW=2"], 0);
    assert!(json(&out) == json!(["1", "2"]) && !err.contains("warning"), "{out}{err}");
}

#[test]
fn only_failures_are_recorded_unless_all_are_wanted() {
    let script = "fn handler(event) { if event.fail == true { throw \"no\" } event.text }";
    let folder = folder(&[("orders.rhai", script)]);
    let log = invoke(&folder, r#"{"text": "fine"}"#, "2", &[], 0);
    assert!(!log.contains("rhambda-recording"), "{log}");
    let all = setting(&folder).replace("RECORD=", "RECORD=all:");
    let (out, log) = said(
        &folder,
        &["invoke", "orders", "--event", r#"{"text": "fine"}"#, "--repeat", "2", "--env", &all],
        0,
    );
    assert_eq!((out.as_str(), log.matches("rhambda-recording:1:").count()), ("\"fine\"\n", 2));
    fs::write(folder.path().join("log.txt"), &log).expect("a file");
    let (out, err) = said(&folder, &["replay", "log.txt"], 0);
    assert!(out == "\"fine\"\n" && err.contains("the same response as at"), "{err}");
}

#[test]
fn recordings_are_found_listed_and_shown_whatever_stands_around_them() {
    let folder = folder(&[("orders.rhai", "fn handler(event) { throw `no ${event.n}` }")]);
    let mut ids = Vec::new();
    let mut log = String::from("{\"a log in JSON\": true}\n");
    for n in 0..3 {
        let event = format!("{{\"n\": {n}}}");
        let format = if n == 1 { "AWS_LAMBDA_LOG_FORMAT=JSON" } else { "X=1" };
        let lines = invoke(&folder, &event, "1", &["--env", format, "--json"], 1);
        assert_eq!(lines, "", "with --json, logs are in the object");
        let (out, _) = said(
            &folder,
            &[
                "invoke",
                "orders",
                "--event",
                &event,
                "--env",
                format,
                "--json",
                "--env",
                &setting(&folder),
            ],
            1,
        );
        let told = json(&out);
        ids.push(told["report"]["requestId"].as_str().expect("an id").to_owned());
        // As `aws logs` prints it: JSON within JSON.
        log.push_str(&json!({ "message": told["logs"].to_string() }).to_string());
        log.push('\n');
    }
    fs::write(folder.path().join("log.txt"), &log).expect("a file");
    let (out, _) = said(&folder, &["replay", "log.txt", "--list"], 0);
    for (n, id) in ids.iter().enumerate() {
        let line = out.lines().nth(n).unwrap_or_default();
        let told = format!("{id}  orders.handler  Function.ScriptError: no {n}");
        assert!(line.ends_with(&told), "{line} has no {told}");
    }
    let (out, _) = said(&folder, &["replay", "log.txt", "--list", "--json"], 0);
    assert_eq!(json(&out)[2]["error"]["errorMessage"], "no 2");
    let (_, err) = said(&folder, &["replay", "log.txt"], 1);
    assert!(err.contains("no 2"), "the last one: {err}");
    let (_, err) = said(&folder, &["replay", "log.txt", "--request", &ids[1][..8]], 1);
    assert!(err.contains("no 1"), "{err}");
    let (_, err) = said(&folder, &["replay", "log.txt", "--request", "zzz"], 2);
    assert!(err.contains("no recording of a request `zzz`; there are") && err.contains(&ids[0]));
    let (out, _) = said(&folder, &["replay", "log.txt", "--show"], 0);
    assert_eq!(json(&out)["event"], "{\"n\": 2}");
    let token = log.split("rhambda-recording:1:").nth(1).expect("a recording");
    let end = token.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let token = format!("rhambda-recording:1:{}", &token[..end.expect("an end")]);
    let (_, err) = said(&folder, &["replay", &token], 1);
    assert!(err.contains("no 0"), "{err}");
}

#[test]
fn an_invocation_recorded_by_the_tool_needs_no_key() {
    let folder = folder(&[("orders.rhai", "fn handler(event) { [event, uuid::v4()] }")]);
    let record = ["invoke", "orders", "--event", "[1.0]", "--record", "one.json"];
    let (out, err) = said(&folder, &record, 0);
    assert!(!err.contains("rhambda-recording"), "{err}");
    let (again, err) = said(&folder, &["replay", "one.json"], 0);
    assert!(again == out && err.contains("the same response"), "{again}{err}");
    let mut other = json(&fs::read_to_string(folder.path().join("one.json")).expect("a file"));
    other["runtime"] = json!("9.8.7");
    fs::write(folder.path().join("other.json"), other.to_string()).expect("a file");
    let (_, err) = said(&folder, &["replay", "other.json"], 0);
    assert!(err.contains("; recorded by rhambda 9.8.7, replayed by "), "{err}");
    let (_, err) = said(&folder, &["invoke", "orders", "--record", "no/such/folder"], 2);
    assert!(err.contains("cannot write `no/such/folder`"), "{err}");
}

#[test]
fn what_a_recording_cannot_have_is_told() {
    let script = r#"
        fn handler(event) {
            this.pattern = blob(3, 7);
            this.plain = #{ a: [1, 2.5, "x", (), true] };
            cache::set("f", |x| x, 60);
            if event.again == true && this.runs == 1 { throw "no" }
            this.runs = (this.runs ?? 0) + 1;
        }"#;
    let folder = folder(&[("orders.rhai", script)]);
    invoke(&folder, r#"{"again": true}"#, "3", &[], 1);
    let (out, err) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    let left_out = told["leftOut"].as_array().expect("an array").clone();
    let mentions =
        |part: &str| left_out.iter().any(|what| what.as_str().is_some_and(|w| w.contains(part)));
    assert!(mentions("`this.pattern`") && mentions("`f` of the cache"), "{told}{err}");
    assert!(!mentions("this.plain"), "{told}");

    // What is too much for a record of a log, or for the memory beside the script, is not recorded.
    let large = format!(r#"{{"again": true, "random": "{}"}}"#, noise(400_000));
    fs::write(folder.path().join("large.json"), large).expect("a file");
    let log = invoke(&folder, "large.json", "2", &[], 1);
    assert!(log.contains("this invocation is not recorded: the recording has 3"), "{log}");
    let huge = format!(r#"{{"again": true, "text": "{}"}}"#, "x".repeat(5_000_000));
    fs::write(folder.path().join("huge.json"), huge).expect("a file");
    let log = invoke(&folder, "huge.json", "2", &[], 1);
    assert!(log.contains("not recorded: what it was given has more than 4 MiB"), "{log}");
}

/// Text that cannot be compressed much.
fn noise(bytes: usize) -> String {
    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (state >> 33) as u8 % 64)
    };
    (0..bytes).map(|_| next()).filter(|c| *c != '\\').collect()
}

#[test]
fn recording_takes_nothing_from_the_memory_that_a_script_may_have() {
    let script = r#"
        fn handler(event) {
            let all = [];
            for i in 0..40 { all.push(http::get(env::require("API") + "/x").text()); }
            let used = "";
            for i in 0..9 { used += "x".pad_(100_000 * 10); }
            throw `${all.len()} ${used.len}`
        }
        fn pad_(length) { text::repeat(this, length) }"#;
    let folder = folder(&[("orders.rhai", script)]);
    let server = Server::saying(|_| answer(200, &[], "y".repeat(90_000)));
    let api = format!("API={}", server.url());
    let limits = ["--env", &api, "--env", "RHAMBDA_MAX_MEMORY_MB=14"];
    let with = invoke(&folder, "{}", "2", &limits, 1);
    let mut without = vec!["invoke", "orders"];
    without.extend(limits);
    let (_, without) = said(&folder, &without, 1);
    for log in [&with, &without] {
        assert!(log.contains("error[Function.ScriptError]: 40 9000000"), "{log}");
    }
}

#[test]
fn a_script_that_was_stopped_is_stopped_again() {
    let folder = folder(&[("orders.rhai", "fn handler(event) {\n    loop { }\n}")]);
    invoke(&folder, "{}", "1", &["--timeout", "0.4"], 1);
    let (out, _) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    assert_eq!(told["error"]["errorType"], "Function.DeadlineExceeded", "{told}");
    let memory = "fn handler(event) { let all = []; loop { all.push(blob(100_000, 1)); } }";
    fs::write(folder.path().join("orders.rhai"), memory).expect("a file");
    invoke(&folder, "{}", "1", &["--timeout", "60"], 1);
    let (out, _) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    assert_eq!(told["error"]["errorType"], "Function.MemoryLimit", "{told}");
}

#[test]
fn the_credentials_of_the_role_are_never_recorded() {
    let script = r#"//! allow: env AWS_*, env KEY
        fn handler(event) {
            let secret = env::get("AWS_SECRET_ACCESS_KEY");
            throw `${env::get("KEY")} ${env::get("AWS_NOT_THERE") == ()} ${secret.len == 5}`
        }"#;
    let folder = folder(&[("orders.rhai", script)]);
    let variables = ["--env", "AWS_SECRET_ACCESS_KEY=wJalr", "--env", "KEY=k1"];
    let log = invoke(&folder, "{}", "1", &variables, 1);
    assert!(log.contains("k1 true true"), "{log}");
    let (out, _) = said(&folder, &["replay", "log.txt", "--show"], 0);
    assert!(!out.contains("wJalr") && out.contains("(not recorded)"), "{out}");
    let (_, err) = said(&folder, &["replay", "log.txt"], 1);
    assert!(err.contains("k1 true false"), "{err}");
    let (_, err) = said(&folder, &["replay", "log.txt", "--env", "AWS_SECRET_ACCESS_KEY=wJalr"], 1);
    assert!(err.contains("k1 true true") && err.contains("the same error"), "{err}");
}

#[test]
fn failed_requests_fail_again_and_streams_break_off_again() {
    let script = r#"
        fn failure(variable) {
            let options = #{ retries: 0, timeout_ms: 900 };
            try { http::get(env::require(variable) + "/x", options) } catch (error) { return error.type }
            "none"
        }
        fn handler(event) {
            stream::start(#{ status: 201 });
            stream::write("begun ");
            throw #{ type: "Late", message: `${failure("API")} ${failure("GONE")}` }
        }"#;
    let folder = folder(&[("orders.rhai", script)]);
    let server = Server::doing(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")?;
        Err(std::io::Error::other("that was all"))
    });
    let api = format!("API={}", server.url());
    let gone =
        format!("GONE={}", Server::saying(|_| Vec::new()).url().replace("127.0.0.1", "127.9.9.9"));
    let log = invoke(&folder, "{}", "1", &["--env", &api, "--env", &gone], 1);
    drop(server);
    let (_, err) = said(&folder, &["replay", "log.txt"], 1);
    for part in ["error[Late]: Http.ConnectionLost Http.ConnectFailed", "the same error"] {
        assert!(err.contains(part), "{part} is missing in\n{err}\n{log}");
    }
}

#[test]
fn requests_that_were_made_together_are_answered_each_as_it_was() {
    let script = r#"
        fn handler(event) {
            let calls = [];
            for n in 0..6 {
                calls.push(#{ method: "POST", url: env::require("API") + "/same", json: n, retries: 1 });
            }
            calls.push(#{ url: env::require("API") + "/cut", retries: 0 });
            calls.push(#{ url: env::require("API") + "/away" });
            let answers = http::all(calls, #{ concurrency: 4 });
            let facts = answers.map(|answer| if answer.ok { answer.body } else { answer.type });
            let rows = [];
            for row in csv::rows(#{ url: env::require("API") + "/rows" }) { rows.push(row.id); }
            throw #{ type: "Told", message: "all", facts: facts, rows: rows }
        }"#;
    let folder = folder(&[("orders.rhai", script)]);
    let seen = Mutex::new(Vec::new());
    let changed = Condvar::new();
    let server = Server::doing(move |asked, stream| {
        let body = asked.text();
        let is_first = {
            let mut seen = seen.lock().expect("nobody panics");
            let is_first = !seen.contains(&body);
            seen.push(body.clone());
            changed.notify_all();
            // The first of them is answered after the fourth, and so on.
            while asked.target == "/same" && body == "0" && !seen.contains(&"3".to_owned()) {
                seen = changed.wait(seen).expect("nobody panics");
            }
            is_first
        };
        let said = match asked.target.as_str() {
            "/away" => answer(302, &[("Location", "/home")], ""),
            "/rows" => answer(200, &[], "id\n1\n2\n"),
            "/cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf".to_vec(),
            // One of the same URL is asked for twice, in the midst of the others.
            "/same" if body == "1" && is_first => answer(503, &[], ""),
            _ => answer(200, &[], format!("answer {body}")),
        };
        stream.write_all(&said)?;
        Ok(if asked.target == "/cut" { After::Close } else { After::Keep })
    });
    let api = format!("API={}", server.url());
    invoke(&folder, "{}", "1", &["--env", &api], 1);
    drop(server);
    let (out, _) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    let mut facts: Vec<String> = (0..6).map(|n| format!("answer {n}")).collect();
    facts.extend(["Http.ConnectionLost".to_owned(), "answer ".to_owned()]);
    assert_eq!(told["error"]["errorData"]["facts"], json!(facts), "{told}");
    assert_eq!(told["error"]["errorData"]["rows"], json!(["1", "2"]), "{told}");
    assert_eq!((&told["same"], &told["notAskedFor"]), (&json!(true), &json!([])), "{told}");
}

#[test]
fn what_cannot_be_replayed_is_told_with_the_way_out() {
    let folder = folder(&[
        ("orders.rhai", "fn handler(event) { throw \"no\" }"),
        ("empty.log", ""),
        ("plain.log", "START\nEND\n"),
        ("cut.log", "rhambda-recording:1:AAAA"),
        ("odd.log", "rhambda-recording:1:A"),
        ("other.json", "{\"recording\": 2}"),
        ("part.json", "{\"recording\": 1}"),
        ("no.key", "nothing"),
    ]);
    fs::write(folder.path().join("binary.log"), [0, 0xff, 0xfe]).expect("a file");
    invoke(&folder, "{}", "1", &[], 1);
    let other = self::folder(&[]);
    said(&other, &["record"], 0);
    let other_key = other.path().join("rhambda.key");
    let other_key = other_key.to_str().expect("a path is text");
    for (arguments, reason) in [
        (&["nowhere.log"][..], "cannot read `nowhere.log`"),
        (&["."], "cannot read `.`"),
        (&["empty.log"], "there is no recording in `empty.log`"),
        (&["binary.log"], "there is no recording in `binary.log`"),
        (&["plain.log"], "`rhambda record` leaves one in its log"),
        (&["-"], "there is no recording in standard input"),
        (&["cut.log"], "sealed for another key, or is not whole"),
        (&["odd.log"], "the recording is not whole"),
        (&["other.json"], "it is a recording of form 2, and this rhambda reads form 1"),
        (&["part.json"], "cannot use `part.json`: it is no recording: missing field"),
        (&["log.txt", "--key", "no.key"], "cannot read `no.key`: it has no key"),
        (&["log.txt", "--key", "none.key"], "--key names the file that `rhambda record` wrote"),
        (&["log.txt", "--key", other_key], "sealed for another key"),
        (&["log.txt", "--root", "/tmp"], "there is no `orders.rhai` in `/tmp`"),
        (&["log.txt", "--root", "nowhere"], "cannot read `nowhere`"),
        (
            &["log.txt", "--save", "a/b"],
            "--save `a/b` cannot be: a test's name has 1 to 64 letters",
        ),
        (&["log.txt", "--env", "_HANDLER=x"], "it is set by Lambda"),
    ] {
        let (out, err) = said(&folder, &[&["replay"], arguments].concat(), 2);
        assert!(err.contains(reason), "{arguments:?}: {err}");
        assert_eq!(out, "", "{arguments:?}");
    }
    let (_, err) = said(&folder, &["record", "--key", "no.key"], 2);
    assert!(err.contains("cannot read `no.key`: it has no key"), "{err}");
    let (_, err) = said(&folder, &["record", "--key", "no/where.key"], 2);
    assert!(err.contains("cannot write `no/where.key`"), "{err}");
    let text = fs::read_to_string(folder.path().join("no.key")).expect("a file");
    assert_eq!(text, "nothing", "a file that is no key stays");
}

#[test]
fn a_key_is_made_once_and_only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[]);
    let (out, err) = said(&folder, &["record"], 0);
    assert!(out.starts_with("RHAMBDA_RECORD=") && out.trim().len() == 15 + 43, "{out}");
    assert!(err.contains("rhambda.key is new"), "{err}");
    let (again, err) = said(&folder, &["record"], 0);
    assert_eq!((again, err), (out.clone(), String::new()));
    let (object, _) = said(&folder, &["record", "--json"], 0);
    let setting = json(&object)["environment"]["RHAMBDA_RECORD"].clone();
    assert_eq!(format!("RHAMBDA_RECORD={}\n", setting.as_str().expect("text")), out);
    let mode = fs::metadata(folder.path().join("rhambda.key")).expect("a key").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn what_was_not_there_then_is_not_there_again() {
    let script = r#"
        fs::write("/tmp/rhambda-replay-once", "made by the top level");
        fn handler(event) {
            let before = fs::exists("/tmp/rhambda-replay-new/inner");
            fs::make_folder("/tmp/rhambda-replay-new/inner");
            let after = fs::exists("/tmp/rhambda-replay-new/inner");
            fs::remove("/tmp/rhambda-replay-new/inner");
            fs::remove("/tmp/rhambda-replay-new");
            let once = fs::remove("/tmp/rhambda-replay-once");
            this.runs = (this.runs ?? 0) + 1;
            if this.runs == 2 {
                let names = fs::list("/tmp/rhambda-replay-kept");
                let kept = fs::read_text("/tmp/rhambda-replay-kept/in/file");
                let size = fs::size("/tmp/rhambda-replay-large");
                throw `${before} ${after} ${once} ${names} ${kept} ${size}`
            }
            fs::write("/tmp/rhambda-replay-kept/in/file", "kept");
            fs::write("/tmp/rhambda-replay-large", "");
            for i in 0..70 { fs::append("/tmp/rhambda-replay-large", blob(1_048_576)); }
        }"#;
    let folder = folder(&[("orders.rhai", script)]);
    let log = invoke(&folder, "{}", "2", &[], 1);
    assert!(log.contains(r#"false true false ["in"] kept 73400320"#), "{log}");
    let (out, _) = said(&folder, &["replay", "log.txt", "--json"], 1);
    let told = json(&out);
    assert_eq!((&told["same"], &told["leftOut"]), (&json!(true), &json!([])), "{told}");
}

#[test]
fn answers_that_are_too_large_to_be_recorded_take_no_memory() {
    let script = r#"
        fn handler(event) {
            this.kept = text::repeat("k", 5_000_000);
            for i in 0..20 { http::get(env::require("API") + "/x", #{ save_to: "/tmp/rhambda-replay-body" }) }
            throw "no"
        }"#;
    let folder = folder(&[("orders.rhai", script)]);
    let server = Server::saying(|_| answer(200, &[], "y".repeat(4_000_000)));
    let api = format!("API={}", server.url());
    let setting = setting(&folder);
    let invoke = ["invoke", "orders", "--env", &api, "--repeat", "2", "--env", &setting, "--json"];
    let told = json(&said(&folder, &invoke, 1).0);
    assert!(told["logs"].to_string().contains("has more than 4 MiB"), "{told}");
    let most = told["report"]["maxMemoryMb"].as_u64().expect("a number");
    assert!(most < 40, "{most} MB are used for what cannot be recorded");
}

#[test]
fn a_script_in_a_folder_is_tested_from_its_task_root() {
    let script = "import \"lib/no\" as no;\nfn run(event) { throw no::WHY }";
    let folder = folder(&[]);
    for (name, text) in [("jobs/late.rhai", script), ("lib/no.rhai", "export const WHY = \"no\";")]
    {
        fs::create_dir_all(folder.path().join(name).parent().expect("a folder")).expect("a folder");
        fs::write(folder.path().join(name), text).expect("a file");
    }
    let record = ["invoke", "jobs/late.run", "--root", ".", "--event", "1", "--record", "one.json"];
    said(&folder, &record, 1);
    said(&folder, &["replay", "one.json", "--save", "why"], 1);
    for from in [".", "jobs", "jobs/late.why.recording.json"] {
        let (tested, _) = said(&folder, &["test", from], 0);
        assert!(tested.contains("✓ late.why.error.json"), "{tested}");
    }
}

#[test]
fn what_cannot_be_the_same_again_is_not_compared() {
    let folder = folder(&[("orders.rhai", "fn handler(event) { sleep(60) }")]);
    invoke(&folder, "{}", "1", &["--timeout", "0.4"], 1);
    let (_, err) = said(&folder, &["replay", "log.txt", "--save", "late"], 1);
    assert!(err.contains("the same error as at"), "however long it took: {err}");
    said(&folder, &["test"], 0);

    let streams = "fn handler(event) { stream::write(\"all of it\") }";
    let folder = self::folder(&[("orders.rhai", streams)]);
    said(&folder, &["invoke", "orders", "--record", "one.json"], 0);
    let (out, err) = said(&folder, &["replay", "one.json"], 0);
    let told = "what it streamed then is not in the recording";
    assert!(out == "all of it" && err.contains(told), "{out}{err}");
    let told = json(&said(&folder, &["replay", "one.json", "--json"], 0).0);
    assert_eq!((&told["same"], &told["recorded"]), (&json!(null), &json!({ "streamed": true })));
}

#[test]
fn a_recording_that_somebody_made_up_does_no_harm() {
    let script = "fn handler(event) { [fs::list(\"/tmp\"), fs::size(\"/tmp/large\")] }";
    let folder = folder(&[("orders.rhai", script), ("beside.rhai", script)]);
    fs::create_dir(folder.path().join("root")).expect("a folder");
    fs::write(folder.path().join("root/orders.rhai"), script).expect("a file");
    let record = ["invoke", "root/orders", "--root", "root", "--record", "one.json"];
    said(&folder, &record, 1);
    let text = fs::read_to_string(folder.path().join("one.json")).expect("a recording");
    let made_up = |change: &dyn Fn(&mut Value)| {
        let mut recording = json(&text);
        change(&mut recording);
        fs::write(folder.path().join("other.json"), recording.to_string()).expect("a file");
    };
    let replay = ["replay", "other.json", "--root", "root"];

    let outside = folder.path().join("beside.rhai");
    let outside = outside.to_str().expect("a path is text");
    for file in ["../beside.rhai", outside, "orders"] {
        made_up(&|recording| recording["file"] = json!(file));
        let (_, err) = said(&folder, &[&replay[..], &["--save", "x"]].concat(), 2);
        assert!(err.contains(&format!("there is no `{file}` in `root`")), "{err}");
    }

    // Nothing of it controls the terminal.
    made_up(&|recording| recording["invocation"]["request_id"] = json!("a\u{1b}[2Jb\nc"));
    let (out, _) = said(&folder, &["replay", "other.json", "--list"], 0);
    assert!(out.contains("  a\u{fffd}[2Jb\u{fffd}c  ") && !out.contains('\u{1b}'), "{out}");

    // A file of any size takes no room, and one elsewhere is not made.
    made_up(&|recording| {
        recording["invocation"]["deadline_ms"] = json!(u64::MAX);
        recording["answers"]["files"] = json!({
            "/tmp": "folder", "/tmp/large": 9_000_000_000_u64, "/tmp/larger": u64::MAX,
            "/tmp/../../beside": { "text": "no" }, "/beside": { "text": "no" }, "/tmp/gone": "absent",
        });
    });
    let (out, _) = said(&folder, &replay, 0);
    assert_eq!(json(&out), json!([["large", "larger"], 9_000_000_000_u64]));
    assert_eq!(fs::read_to_string(outside).expect("a file"), script);
}
