//! `rhambda test` as a person, and a build server, meet it.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rhambda_tests::{repository, rhambda};
use serde_json::Value;
use tempfile::TempDir;

const SHOP: &str = r#"
fn handler(event) {
    if event.fail == true { throw #{ type: "NoStock", message: "none left", sku: event.sku } }
    let rate = http::get("https://rates.example.com/" + event.currency).json().rate;
    log::info("sold", #{ sku: event.sku });
    #{ total: event.price * rate, at: time::now().format("%F"), id: uuid::v4() }
}
fn unused(event) {
    1
}
fn slow(event) { loop {} }
fn deep(event) { deep(event) }
fn keep(event) { cache::set("seen", 1, 60); fs::write("/tmp/seen", "1"); this.seen = 1; }
fn kept(event) { [cache::get("seen"), fs::exists("/tmp/seen"), this.seen] }
"#;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn shop(tests: &str) -> TempDir {
    folder(&[("shop.rhai", SHOP), ("shop.test.rhai", tests)])
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(rhambda());
    command.arg("test").args(arguments).current_dir(folder).env_remove("NO_COLOR");
    command.output().expect("rhambda starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the run said, after it ended so.
fn said(folder: &TempDir, arguments: &[&str], exit: i32) -> String {
    let output = run(folder.path(), arguments);
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit), "{all}");
    all
}

fn json(folder: &TempDir, exit: i32) -> Value {
    let output = run(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_examples_pass() {
    let output = run(&repository(), &["scripts"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("✓ test_the_stack_hears_of_a_failure"), "{said}");
    assert!(said.contains("✓ hello.response.json"), "{said}");
}

/// A test function for each example in the reference of what tests can call: `expression; // => value`
/// has to be equal, `expression; // => error: text` has to be thrown, everything else runs as it is.
fn tests_of_examples() -> String {
    let page = repository().join("layer/docs/testing.md");
    let page = fs::read_to_string(page).expect("there is a reference");
    let mut tests = String::new();
    // The first is the script that the others try.
    for (number, example) in page.split("```rhai\n").skip(2).enumerate() {
        tests.push_str(&format!("fn test_example_{number}() {{\n"));
        for line in example.split("\n```").next().unwrap_or_default().lines() {
            let (expression, says) = line.split_once("; // => ").unwrap_or((line, ""));
            tests.push_str(&match says.strip_prefix("error: ") {
                Some(text) => format!("    assert_throws(|| {expression}, {text:?});\n"),
                None if says.is_empty() => format!("    {line}\n"),
                None => format!("    assert_eq({expression}, {says});\n"),
            });
        }
        tests.push_str("}\n");
    }
    tests
}

#[test]
fn every_example_of_the_reference_does_what_it_says() {
    let tests = tests_of_examples();
    let count = tests.matches("fn test_").count();
    assert!(count > 20, "{tests}");
    let folder =
        folder(&[("orders.rhai", rhambda_layer::EXAMPLE_SCRIPT), ("orders.test.rhai", &tests)]);
    let passed = format!("{count} passed in ");
    // The snapshots are taken, and are the same when they are looked at again.
    for arguments in [&["--update"][..], &[]] {
        let said = said(&folder, arguments, 0);
        assert!(said.contains(&passed), "{said}");
    }
}

#[test]
fn a_test_has_a_clock_a_network_and_chance_of_its_own() {
    let shop = shop(
        r#"
        fn test_mocked() {
            mock::time("2026-01-02T23:00:00Z");
            mock::http("get", "https://rates.example.com/*", [#{ json: #{ rate: 2 } }, #{ json: #{ rate: 3 } }]);
            let event = #{ price: 5, currency: "EUR" };
            let first = invoke(event);
            mock::advance("2h");
            let second = invoke(event);
            assert_eq([first.total, first.at, second.total, second.at], [10, "2026-01-02", 15, "2026-01-03"]);
            assert_ne(first.id, second.id);
            assert_eq(mock::calls("GET", "*/EUR").len(), 2);
            print(first.id);
        }
        fn test_closure() {
            mock::http("*", "*", |request| #{ status: 200, json: #{ rate: request.url.len() } });
            assert_eq(invoke(#{ price: 1, currency: "EUR" }).total, 29);
        }
        fn test_failure() {
            mock::http("GET", "*", #{ error: "Http.Timeout", message: "too slow" });
            assert_throws(|| invoke(#{ price: 1, currency: "EUR" }), "Http.Timeout");
        }
        "#,
    );
    let (one, other) = (json(&shop, 0), json(&shop, 0));
    let id = |report: &Value| {
        let log = report["tests"][0]["log"].as_str().expect("a log").to_owned();
        log.lines().last().expect("a line").rsplit('\t').next().expect("an id").to_owned()
    };
    assert_eq!(id(&one), id(&other), "chance is the same in each run");
    assert_eq!(one["passed"], 3);
}

#[test]
fn what_differs_is_told_with_its_path_and_its_line() {
    let shop = shop(
        "fn test_differs() {\n    let found = #{ a: 1, list: [1, #{ b: 2 }] };\n    \
         assert_eq(found, #{ a: 1, list: [1, #{ b: 3 }, 4] }, \"the list\");\n}\n",
    );
    let said = said(&shop, &[], 1);
    for part in [
        "✗ test_differs",
        "error[Assertion]: the list: 2 differences",
        "$.list[1].b: expected 3, found 2",
        "$.list[2]: missing, expected 4",
        "at test_differs (shop.test.rhai:3:5)",
        "0 passed, 1 failed in ",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert!(!said.contains('\x1b'), "no colours without a terminal");
}

#[test]
fn every_assertion_can_fail() {
    for (assertion, reason) in [
        ("assert(false)", "it does not hold"),
        ("assert(1 > 2, \"order\")", "order"),
        ("assert_eq(1, 2)", "expected 2, found 1"),
        ("assert_ne(\"a\", \"a\")", "both are \"a\""),
        ("assert_contains(\"abc\", \"x\")", "\"x\" is not in \"abc\""),
        ("assert_contains([1, 2], 3)", "3 is not in [1,2]"),
        ("assert_matches(#{ a: 1 }, #{ b: 1 })", "$.b: missing, expected 1"),
        ("assert_approx(0.1, 0.2)", "0.1 is not 0.2"),
        ("assert_throws(|| 1)", "nothing was thrown; it returned 1"),
        ("assert_throws(|| throw \"a\", \"b\")", "\"b\" was to be thrown"),
        ("assert_snapshot(1)", "there is no snapshot yet"),
        ("mock::http(\"GET\", \"*\", #{ code: 1 })", "a mock's answer has no `code`"),
        ("mock::time(\"noon\")", "\"noon\" is no time"),
        ("mock::advance(\"soon\")", "\"soon\" is no length of time"),
    ] {
        let shop = shop(&format!("fn test_it() {{ {assertion}; }}"));
        let said = said(&shop, &[], 1);
        assert!(said.contains(reason), "{assertion}: {said}");
    }
    let shop = shop(
        "fn test_all() { assert(true); assert_eq([1.5, ()], [1.5, ()]); assert_ne(1, 2); \
         assert_contains(\"abc\", \"b\"); assert_contains(#{ a: 1 }, \"a\"); \
         assert_matches(#{ a: 1, b: 2 }, #{ a: 1 }); assert_approx(0.1 + 0.2, 0.3); \
         assert_approx(1, 1.4, 0.5); \
         assert_eq(assert_throws(|| throw #{ type: \"T\", message: \"m\" }, \"T\").message, \"m\"); }",
    );
    said(&shop, &[], 0);
}

#[test]
fn a_request_without_a_mock_fails_even_if_it_is_caught() {
    let shop = shop("fn test_it() { try { invoke(#{ price: 1, currency: \"EUR\" }) } catch { } }");
    let said = said(&shop, &[], 1);
    let line =
        "mock::http(\"GET\", \"https://rates.example.com/EUR\", #{ status: 200, json: #{} });";
    assert!(said.contains("error[Mock.Missing]") && said.contains(line), "{said}");
}

#[test]
fn an_error_of_the_script_is_shown_where_it_was_thrown() {
    let shop = shop("fn test_it() { invoke(#{ fail: true, sku: \"b\" }) }");
    let said = said(&shop, &[], 1);
    for part in [
        "error[NoStock]: none left",
        "at test_it (shop.test.rhai:1:16)",
        "at handler (shop.rhai:3:",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn what_one_test_leaves_another_does_not_find() {
    let shop = shop(
        "fn test_a() { invoke(\"keep\", #{}); assert_eq(invoke(\"kept\", #{})[0], 1); }\n\
         fn test_b() { assert_eq(invoke(\"kept\", #{}), [(), false, ()]); }",
    );
    said(&shop, &["--jobs", "1"], 0);
    assert!(!Path::new("/tmp/seen").exists(), "files of tests are elsewhere");
}

#[test]
fn what_never_ends_is_ended_and_the_others_go_on() {
    let shop = shop(
        "fn test_slow() { invoke(\"slow\", #{}) }\nfn test_deep() { invoke(\"deep\", #{}) }\n\
         fn test_loop() { loop {} }\nfn test_good() { assert(true) }",
    );
    let said = said(&shop, &["--timeout", "0.5"], 1);
    for part in [
        "error[Function.DeadlineExceeded]",
        "error[Function.StackOverflow]",
        "✓ test_good",
        "1 passed, 3 failed",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn events_with_their_responses_are_tests() {
    let folder = folder(&[
        (
            "jobs.rhai",
            "fn handler(event) { #{ got: event.x, secret: env::get(\"SECRET\") } }\n\
          fn refuse(event) { throw #{ type: \"No\", message: `not ${event.x}` } }\n\
          fn rows(event) { stream::write(\"a\\n\"); stream::write(\"b\\n\"); }",
        ),
        ("jobs.env", "SECRET=s\n"),
        ("jobs.event.json", r#"{"x": 1}"#),
        ("jobs.response.json", r#"{"got": 1, "secret": "s"}"#),
        ("jobs.other.event.json", r#"{"x": 2}"#),
        ("jobs.other.response.json", r#"{"got": 3, "secret": "s"}"#),
        ("jobs.refuse.event.json", r#"{"x": 4}"#),
        ("jobs.refuse.error.json", r#"{"errorType": "No", "errorMessage": "not 4"}"#),
        ("jobs.rows.event.json", "{}"),
        ("jobs.rows.response.txt", "a\nb\n"),
        ("alone.event.json", "{}"),
    ]);
    let said = said(&folder, &[], 1);
    for part in [
        "✓ jobs.response.json",
        "✗ jobs.other.response.json",
        "$.got: expected 3, found 2",
        "✓ jobs.refuse.error.json",
        "✓ jobs.rows.response.txt",
        "3 passed, 1 failed",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn snapshots_are_taken_when_that_is_asked_for_and_compared_otherwise() {
    let tests = |value: &str| format!("fn test_it() {{ assert_snapshot(\"one\", {value}) }}");
    let shop = shop(&tests("#{ a: 1 }"));
    said(&shop, &[], 1);
    assert!(!shop.path().join("shop.test.snap").exists(), "nothing is written unasked");
    said(&shop, &["--update"], 0);
    let written = fs::read_to_string(shop.path().join("shop.test.snap")).expect("snapshots");
    assert_eq!(written, "{\n  \"test_it one\": {\n    \"a\": 1\n  }\n}\n");
    said(&shop, &[], 0);
    fs::write(shop.path().join("shop.test.rhai"), tests("#{ a: 2 }")).expect("a file");
    let told = said(&shop, &[], 1);
    assert!(told.contains("$.a: expected 1, found 2"), "{told}");
    fs::write(shop.path().join("shop.test.snap"), "no").expect("a file");
    let told = said(&shop, &[], 2);
    assert!(told.contains("is not a file of snapshots"), "{told}");
}

#[test]
fn reports_are_what_build_servers_read() {
    let shop = shop(
        "fn test_good() { invoke(\"unused\", 1); }\nfn test_bad() { assert_eq(\"<&\\u0001\", \"x\") }",
    );
    let out = run(shop.path(), &["--junit", "j.xml", "--lcov", "l.info", "--tap"]);
    assert_eq!(out.status.code(), Some(1));
    let tap = text(&out.stdout);
    assert!(tap.starts_with("TAP version 14\n1..2\nok 1 - shop.test.rhai: test_good\nnot ok 2 - "));
    assert!(tap.contains("\n  ---\n  message: |\n    Assertion: expected \"x\""), "{tap}");
    let junit = fs::read_to_string(shop.path().join("j.xml")).expect("a report");
    let parsed = Command::new("python3")
        .args(["-c", "import sys, xml.dom.minidom as x; d = x.parse(sys.argv[1]); \
               print([len(d.getElementsByTagName(n)) for n in ('testsuite', 'testcase', 'failure')])"])
        .arg(shop.path().join("j.xml"))
        .output()
        .expect("python3 starts");
    assert_eq!(text(&parsed.stdout), "[1, 2, 1]\n", "{junit}{}", text(&parsed.stderr));
    let lcov = fs::read_to_string(shop.path().join("l.info")).expect("a report");
    assert!(lcov.contains("SF:shop.rhai\n") && lcov.contains("DA:9,1\n"), "{lcov}");
    assert!(lcov.contains("DA:4,0\n") && lcov.ends_with("end_of_record\n"), "{lcov}");
    let covered = said(&shop, &["--coverage", "--filter", "good"], 0);
    assert!(covered.contains("shop.rhai") && covered.contains("not: 3-6, "), "{covered}");
}

#[test]
fn what_the_runtime_takes_is_taken_and_what_it_ends_is_ended() {
    let script = "#!/usr/bin/env rhambda\nimport \"lib/more\" as more;\n/// a rate\nconst RATE = more::TWO;\n\
                  /// by itself\n/** a\n block */\nfn handler(event) { /// inside\n RATE }\n\
                  fn hungry(event) { let all = []; loop { all.push(blob(1_000_000, 1)); } }\n/// at the end";
    let tests = "/// of this\nlet x = 1;\nfn test_it() { /// here\n assert_eq(invoke(1), 2); \n\
                 assert_throws(|| invoke(\"hungry\", 1), \"Function.MemoryLimit\"); }";
    let folder = folder(&[
        ("shop.rhai", script),
        ("lib/more.rhai", "/// two\nexport const TWO = 2;"),
        ("shop.test.rhai", tests),
    ]);
    said(&folder, &["--timeout", "60"], 0);
}

#[test]
fn tests_can_be_chosen_listed_and_ended_at_the_first_failure() {
    let shop = shop("fn test_a() { assert(false) }\nfn test_b() { }\nfn helper() { }");
    assert_eq!(said(&shop, &["--list"], 0), "shop.test.rhai: test_a\nshop.test.rhai: test_b\n");
    assert!(said(&shop, &["--filter", "_b"], 0).contains("1 passed in"));
    assert!(
        said(&shop, &["--fail-fast", "--jobs", "1"], 1).contains("0 passed, 1 failed, 1 not run")
    );
}

#[test]
fn what_cannot_be_run_is_told_with_the_way_out() {
    let wrong = folder(&[
        ("syntax.test.rhai", "fn test_a( {"),
        ("binary.test.rhai", ""),
        ("parameter.test.rhai", "fn test_a(x) { }"),
        ("script.rhai", "fn handler(event) { }"),
        ("empty/readme.txt", ""),
        ("gone.test.rhai", "fn test_a() { invoke(1) }"),
        ("broken.rhai", "fn handler(event) { let }"),
        ("broken.test.rhai", "fn test_a() { invoke(1) }"),
    ]);
    fs::write(wrong.path().join("binary.test.rhai"), [0xff, 0xfe, 0]).expect("a file");
    for (path, exit, reason) in [
        ("syntax.test.rhai", 2, "syntax error in syntax.test.rhai:1:12"),
        ("binary.test.rhai", 2, "is not UTF-8 text"),
        ("parameter.test.rhai", 2, "a test takes none"),
        ("script.rhai", 2, "its tests are in script.test.rhai"),
        ("empty", 2, "no tests in empty; a test is a function `test_…()`"),
        ("nowhere", 2, "cannot read `nowhere`"),
        ("gone.test.rhai", 1, "no script for handler `gone.handler`"),
        ("broken.test.rhai", 1, "Runtime.UserCodeSyntaxError"),
    ] {
        let said = said(&wrong, &[path], exit);
        assert!(said.contains(reason), "{path}: {said}");
    }
}

#[test]
fn nothing_is_left_running_after_the_end() {
    let shop = shop("fn test_loop() { loop {} }");
    let mut child = Command::new(rhambda())
        .args(["test", "--timeout", "60"])
        .current_dir(shop.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("rhambda starts");
    let of_child = || -> Vec<String> {
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        // Threads start the workers, so that each has a list of its own.
        let mut all = fs::read_to_string(children).unwrap_or_default();
        for task in
            fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten()
        {
            all += &fs::read_to_string(task.path().join("children")).unwrap_or_default();
        }
        all.split_whitespace().map(str::to_owned).collect()
    };
    let begun = Instant::now();
    let mut workers = of_child();
    while workers.is_empty() && begun.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(10));
        workers = of_child();
    }
    assert!(!workers.is_empty(), "a worker was started");
    // SAFETY: the signal goes to a process of ours that has not been waited for.
    unsafe { libc::kill(i32::try_from(child.id()).expect("a pid"), libc::SIGTERM) };
    assert!(!child.wait().expect("it ends").success());
    let begun = Instant::now();
    let is_there = |pid: &String| {
        let mut state = String::new();
        fs::File::open(format!("/proc/{pid}/stat"))
            .and_then(|mut file| file.read_to_string(&mut state))
            .is_ok_and(|_| !state.contains(") Z "))
    };
    while workers.iter().any(is_there) {
        assert!(begun.elapsed() < Duration::from_secs(20), "a worker outlived its parent");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_change_runs_them_again() {
    let shop = shop("fn test_a() { assert(false) }");
    let mut child = Command::new(rhambda())
        .args(["test", "--watch"])
        .current_dir(shop.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rhambda starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut seen = String::new();
    let mut until = |part: &str| {
        let mut piece = [0; 4096];
        while !seen.contains(part) {
            let count = stdout.read(&mut piece).expect("output");
            assert!(count > 0, "{part} is missing in\n{seen}");
            seen.push_str(&text(&piece[..count]));
        }
    };
    until("waiting for changes");
    until("1 failed");
    fs::write(shop.path().join("shop.test.rhai"), "fn test_a() { assert(true) }").expect("a file");
    until("1 passed");
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
}

#[test]
fn a_test_has_the_same_of_an_error_that_it_catches() {
    let folder = shop(
        r#"
        fn fails(event) { event.no.name }
        fn test_catch() {
            try { fails(#{}) } catch (error) {
                assert_eq([error.type, error.file, error.line], ["Function.PropertyNotFound", "shop.test.rhai", 2]);
                assert_contains(`${error}`, "`event.no` is not there");
                return;
            }
            assert(false);
        }
        fn test_assert_throws() {
            let error = assert_throws(|| fails(#{}), "Function.PropertyNotFound");
            assert_eq(error.line, 2);
            assert_throws(|| json::parse("{oops"), "Json.Malformed");
        }
        fn test_invoke() {
            let error = assert_throws(|| invoke(#{ fail: 1 / 1 == 1, sku: 7 }));
            assert_eq([error.type, error.sku], ["NoStock", 7]);
        }"#,
    );
    said(&folder, &[], 0);
}
