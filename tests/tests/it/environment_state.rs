//! What one event leaves to the next: the rows of the README's table, and the end of an environment
//! whose memory does not come back.

use std::fs;
use std::process::{Command, Output};

use rhambda_tests::{Event, Function, Served, rhambda};
use tempfile::TempDir;

/// Keeps a closure so deep in what it captured that nobody looks there: its memory does not come back.
const LOSES: &str = "fn handler(event) {
    let object = #{ big: blob(4000000) };
    let deep = || object.big.len;
    for i in 0..300 { deep = [deep]; }
    object.deep = deep;
    `answer ${event}`
}";

/// An HTTP request of a function URL.
const REQUEST: &str = r#"{"version": "2.0", "routeKey": "$default", "rawPath": "/x",
    "rawQueryString": "", "headers": {"host": "h"}, "isBase64Encoded": false,
    "requestContext": {"accountId": "1", "apiId": "a", "domainName": "d", "requestId": "r",
    "routeKey": "$default", "stage": "$default", "time": "t", "timeEpoch": 1, "http": {"method":
    "GET", "path": "/x", "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4", "userAgent": "u"}}"#;

fn with_events(function: Function, count: usize) -> Function {
    (0..count).fold(function, |function, n| function.event(n.to_string()))
}

#[test]
fn objects_whose_methods_use_them_take_no_memory_for_ever() {
    let usual = "let state = #{ n: 0, big: blob(200000) };
        state.next = || { state.n += 1; state.big.len };
        let next = state.next;
        next.call() + next.call()";
    for body in [usual.to_owned(), format!("try {{ {usual} }} catch (e) {{ throw e }}")] {
        let function = Function::of(&format!("fn handler(event) {{ {body} }}"));
        let mut run = with_events(function, 600).run();
        for _ in 0..600 {
            run = run.responded("400000");
        }
        let run = run.kept_serving().quietly();
        assert!(run.peak_memory_kb() < 32 << 10, "{} KB", run.peak_memory_kb());
    }
}

#[test]
fn an_environment_whose_memory_does_not_come_back_ends_after_an_answer() {
    let mut run = with_events(Function::of(LOSES), 50).run();
    let answers = run.calls().iter().filter(|call| call.method == "POST").count();
    assert!((2..=8).contains(&answers), "{answers}");
    for n in 0..answers {
        run = run.responded(&format!("\"answer {n}\""));
    }
    run.exited(0)
        .polled(answers)
        .logged_times(
            1,
            "did not come back; this environment ends, and the next event gets a fresh",
        )
        .never_logged("ERROR");
}

#[test]
fn it_ends_after_an_answer_that_is_streamed_or_recorded_or_an_error_too() {
    let setting = String::from_utf8_lossy(&tool(&desk(&[]), &["record"]).stdout).into_owned();
    let key = format!("all:{}", setting.trim().trim_start_matches("RHAMBDA_RECORD="));
    let streams = LOSES.replace("`answer ${event}`", "stream::write(\"answer\");");
    let fails = LOSES.replace("`answer ${event}`", "throw \"no\"");
    for (script, record) in [(&streams, ""), (&fails, ""), (&LOSES.to_owned(), key.as_str())] {
        let function = Function::of(script).env("RHAMBDA_RECORD", record);
        let run = with_events(function, 50).run();
        let answers = run.calls().iter().filter(|call| call.method == "POST").count();
        assert!((2..=8).contains(&answers), "{answers}");
        run.polled(answers).logged_times(1, "did not come back");
    }
}

#[test]
fn what_is_kept_is_dropped_before_the_environment_ends() {
    let script = "fn handler(event) {
        let kept = this.seen == true || cache::get(\"seen\") == true;
        this.seen = true;
        cache::set(\"seen\", true, 600);
        if event < 4 { return kept }
        this.all = [];
        loop { this.all.push(`row ${this.all.len()}`); }
    }";
    Function::of(script)
        .event("1")
        .event("2")
        .event("4")
        .event("1")
        .run()
        .responded("false")
        .responded("true")
        .failed("Function.MemoryLimit")
        .responded("false")
        .logged_times(1, "what it kept in `this` and `cache` is dropped")
        .kept_serving();
}

#[test]
fn this_that_leaves_no_room_for_an_event_is_dropped() {
    let script = "fn handler(event) {
        if event.len() < 3 { this.all = [1, 2, 3].map(|n| blob(event[0] * 1000)); }
        event.len()
    }";
    let large = format!("[{}]", vec!["[1]"; 300_000].join(","));
    Function::of(script)
        .event("[13000]")
        .event(&large)
        .event(&large)
        .run()
        .responded("1")
        .failed("Function.MemoryLimit")
        .responded("300000")
        .kept_serving();
}

#[test]
fn this_may_have_more_than_a_quarter_of_the_memory() {
    let script = "fn handler(event) {
        this.n = (this.n ?? 0) + 1;
        if this.n == 1 { this.table = blob(16000000); }
        this.rows = this.rows ?? [];
        if this.rows.len() < 1000 { for i in 0..100 { this.rows.push(`row ${i}`); } }
        this.n
    }";
    let mut run = with_events(Function::of(script), 20).run();
    for n in 1..=20 {
        run = run.responded(&n.to_string());
    }
    run.kept_serving().quietly();
}

#[test]
fn captured_variables_of_the_top_level_are_as_init_left_them() {
    let script = "let n = 10;
        let table = #{ a: [1] };
        const COUNT = || { n += 1; n };
        const GROW = |x| { table.a.push(x); table.a.len() };
        fn handler(event) { [COUNT.call(), COUNT.call(), GROW.call(event)] }";
    Function::of(script)
        .event("1")
        .event("2")
        .run()
        .responded("[11,12,2]")
        .responded("[11,12,2]")
        .kept_serving();
}

#[test]
fn routes_belong_to_the_top_level_from_the_first_event_on() {
    let script = "router::any(\"/never\", |r| 1);
        fn handler(event) {
            if event.secret != () { let secret = event.secret; router::any(\"/x\", |r| secret); }
            router::serve(event)
        }";
    let first = format!("{REQUEST}, \"secret\": \"s\"}}");
    let second = format!("{REQUEST}}}");
    let mut run = Function::of(script)
        .event(&first)
        .event(&second)
        .run()
        .failed_as("Function.ScriptError", "Router.Invalid")
        .saying("router::any belongs to the top level");
    let answer = run.response();
    assert!(answer.contains("404"), "{answer}");
    let _ = run.kept_serving();
}

#[test]
fn a_module_that_a_function_imports_is_kept_while_there_is_room_and_loaded_again_then() {
    let module = |bytes: usize| {
        let count = "cache::set(\"loads\", (cache::get(\"loads\") ?? 0) + 1, 600);";
        format!("{count} const BIG = blob({bytes});")
    };
    let script = "fn handler(event) { import \"lib/m\" as m; cache::get(\"loads\") }";
    for (bytes, loads) in [(1000, "1"), (20_000_000, "2")] {
        Function::of(script)
            .file("lib/m.rhai", module(bytes))
            .event("1")
            .event("2")
            .run()
            .responded("1")
            .responded(loads)
            .kept_serving();
    }
}

#[test]
fn links_that_lead_to_one_module_are_one_module() {
    let module = "let n = 0; const COUNT = || { n += 1; n }; fn count() { global::COUNT.call() }";
    let script = "import \"lib/m\" as a;
        import \"other\" as b;
        import \"self/self/lib/m\" as c;
        fn handler(event) { [a::count(), b::count(), c::count()] }";
    Function::of(script)
        .file("lib/m.rhai", module)
        .link("other.rhai", "lib/m.rhai")
        .link("self", ".")
        .event("1")
        .run()
        .responded("[1,2,3]")
        .kept_serving();
}

#[test]
fn a_namespace_of_metrics_that_a_function_names_ends_with_its_event() {
    let script = "metrics::namespace(\"Usual\");
        fn handler(event) {
            if event == 1 { metrics::namespace(\"Other\"); }
            metrics::count(\"n\");
        }";
    let run = Function::of(script).event("1").event("2").run();
    let records: Vec<&str> = run.stdout().lines().filter(|line| line.contains("_aws")).collect();
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records[0].contains("\"Other\"") && records[1].contains("\"Usual\""), "{records:?}");
}

#[test]
fn files_in_tmp_are_kept_as_lambda_keeps_them() {
    let name = format!("rhambda-state-{}", std::process::id());
    let script = format!(
        "fn handler(event) {{
            let there = fs::exists(\"/tmp/{name}\");
            if there {{ fs::remove(\"/tmp/{name}\"); }} else {{ fs::write(\"/tmp/{name}\", \"1\"); }}
            there
        }}"
    );
    Function::of(&script)
        .event("1")
        .event("2")
        .run()
        .responded("false")
        .responded("true")
        .kept_serving();
}

#[test]
fn a_panic_leaves_nothing_of_its_event() {
    let script = "let n = 0;
        const COUNT = || { n += 1; n };
        fn handler(event) { COUNT.call(); if event == 1 { this.x = 1; loop { } } COUNT.call() }";
    Function::of(script)
        .sent(Event::new("1").due_in(std::time::Duration::from_millis(300)))
        .event("2")
        .run()
        .failed("Function.DeadlineExceeded")
        .responded("2")
        .kept_serving();
}

fn desk(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn tool(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(rhambda())
        .args(arguments)
        .current_dir(folder.path())
        .env("RHAMBDA_BOOTSTRAP", rhambda_tests::bootstrap())
        .output()
        .expect("rhambda starts")
}

#[test]
fn invoke_goes_on_in_a_fresh_environment() {
    let folder = desk(&[("f.rhai", LOSES)]);
    let output = tool(&folder, &["invoke", "f.rhai", "-e", "7", "--repeat", "30"]);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert_eq!(out.trim(), "\"answer 7\"");
    assert!(err.contains("report: 30 invocations"), "{err}");
    assert!(!err.contains("ExitError") && !err.contains("ended before"), "{err}");
}

#[test]
fn tests_go_on_with_a_fresh_script() {
    let tests = "fn test_it() {
        let n = 0;
        for i in 0..40 { if invoke(i) == `answer ${i}` { n += 1; } }
        assert(n == 40);
    }
    fn test_that_what_a_test_holds_is_not_the_script_s() {
        let held = [];
        for i in 1..11 {
            held.push(blob(3000000));
            assert(invoke(\"count\", 0) == i);
        }
    }";
    let script = format!("{LOSES}\nfn count(event) {{ this.n = (this.n ?? 0) + 1; this.n }}");
    let folder = desk(&[("f.rhai", &script), ("f.test.rhai", tests)]);
    let output = tool(&folder, &["test"]);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
}

#[test]
fn dev_goes_on_in_a_fresh_environment() {
    let served = Served::of(&[("f.rhai", LOSES)], &[]);
    for n in 0..30 {
        let replied = served.invoke("f", &[], &n.to_string());
        assert_eq!((replied.status, replied.text()), (200, format!("\"answer {n}\"")));
        assert!(replied.header("x-amz-function-error").is_empty());
    }
}
