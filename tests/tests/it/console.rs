//! The console of `rhambda dev`: its API as a program sees it, and its page in a real browser.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rhambda_tests::browser::Browser;
use rhambda_tests::{Client, Replied, Served, Server, answer, rhambda};
use serde_json::{Value, json};

const HELLO: &str = "fn handler(event) { print(`seen ${event.name}`); #{ hello: event.name } }
fn later(event) { stream::write(\"row 1\"); stream::write(\"row 2\"); }
";

/// Fails in its third line.
const SHOP: &str = "fn handler(event) {
    let lines = event.lines;
    throw #{ type: \"NoStock\", message: `no stock for ${lines} lines` };
}
";

fn get(served: &Served, path: &str) -> Replied {
    served.send(&format!("GET /_rhambda{path}"), &[], "")
}

fn post(served: &Served, path: &str, body: &str) -> Replied {
    served.send(&format!("POST /_rhambda{path}"), &[], body)
}

/// Sends an event by the console's API.
fn sent(served: &Served, function: &str, event: &str) -> Value {
    let replied = post(served, &format!("/functions/{function}/invocations"), event);
    assert_eq!(replied.status, 200, "{}", replied.text());
    replied.json()
}

#[test]
fn functions_are_listed_with_their_state_and_their_events() {
    let files = [
        ("hello.rhai", HELLO),
        ("hello.event.json", "{\"name\": \"Ada\"}"),
        ("hello.long.event.json", "{\"name\": \"Ada Lovelace\"}"),
        ("hello.x.y.event.json", "{}"),
        ("jobs/broken.rhai", "fn handler(event) {\n    (1 + ;\n}"),
        ("queue.rhai", HELLO),
        ("queue.event.json", "{\"Records\":[{\"eventSource\":\"aws:sqs\"}]}"),
        ("_rhambda.rhai", HELLO),
        ("binary.rhai", "\u{0}\u{1}"),
    ];
    let served = Served::of(&files, &[]);
    let known = get(&served, "/functions").json();
    let names: Vec<&str> = known["functions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|function| function["name"].as_str())
        .collect();
    assert_eq!(names, ["binary", "hello", "jobs/broken", "queue"]);
    let hello = &known["functions"][1];
    assert_eq!((&hello["state"], &hello["trigger"]), (&json!("ready"), &Value::Null));
    assert_eq!(hello["events"], json!(["hello.event.json", "hello.long.event.json"]));
    let broken = &known["functions"][2];
    assert_eq!(broken["state"], "broken");
    assert_eq!(
        broken["error"]["position"],
        json!({ "file": "jobs/broken.rhai", "line": 2, "column": 10 })
    );
    assert_eq!(known["functions"][3]["trigger"], "sqs");
    let event = get(&served, "/functions/hello/events/hello.long.event.json");
    assert_eq!(event.text(), "{\"name\": \"Ada Lovelace\"}");
    let source = get(&served, "/source/jobs%2Fbroken.rhai");
    assert_eq!(source.text(), "fn handler(event) {\n    (1 + ;\n}");
}

#[test]
fn nothing_outside_the_folder_and_no_other_files_can_be_read() {
    let served = Served::of(&[("app/hello.rhai", HELLO), (".env", "SECRET=1")], &[]);
    std::os::unix::fs::symlink("/etc/hostname", served.folder().join("out.rhai")).expect("a link");
    for path in [
        "/source/..%2F..%2Fetc%2Fpasswd",
        "/source/%2Fetc%2Fpasswd",
        "/source/.env",
        "/source/out.rhai",
        "/source/missing.rhai",
        "/source/hello.rhai%00",
        "/functions/app%2Fhello/events/..%2F.env",
        "/functions/nobody/events",
        "/samples/nothing",
        "/invocations/nothing",
    ] {
        let replied = get(&served, path);
        assert_eq!(replied.status, 404, "{path}: {}", replied.text());
        assert!(replied.json()["message"].is_string());
    }
}

#[test]
fn requests_that_are_made_together_are_told_one_by_one() {
    let server = Server::saying(|asked| match asked.target.as_str() {
        "/a" => answer(200, &[], b""),
        _ => answer(404, &[], b""),
    });
    let url = server.url();
    let script = format!(
        "fn handler(event) {{ http::all([\"{url}/a\", \"{url}/b\", \"http://127.9.9.9:1/c\"].map(
             |url| #{{ url: url, retries: 0 }})).map(|answer| answer.ok) }}"
    );
    let served = Served::of(&[("call.rhai", &script)], &[]);
    let done = sent(&served, "call", "1");
    assert_eq!(done["response"]["body"], "[true,false,false]");
    let calls = done["calls"].as_array().expect("calls");
    let mut told: Vec<String> = calls.iter().map(|call| call["url"].to_string()).collect();
    told.sort();
    let expected = [&format!("\"{url}/a\""), &format!("\"{url}/b\""), "\"http://127.9.9.9:1/c\""];
    let mut expected = expected.map(|url| url.to_owned());
    expected.sort();
    assert_eq!(told, expected, "{done}");
}

#[test]
fn an_invocation_tells_all_that_came_of_it() {
    let server = Server::saying(|_| answer(204, &[], b""));
    let script = format!(
        "fn handler(event) {{ http::get(\"{}/stock?key=secret\"); log::warn(\"low\"); event }}",
        server.url()
    );
    let served = Served::of(&[("call.rhai", &script)], &["--env", "RHAMBDA_MAX_OPERATIONS=9999"]);
    let event = "{\"n\": 12345678901234567890.10}";
    let done = sent(&served, "call", event);
    assert_eq!((&done["function"], &done["via"]), (&json!("call"), &json!("console")));
    assert_eq!((&done["event"], &done["error"]), (&json!(event), &Value::Null));
    assert_eq!(done["response"]["body"], "{\"n\":12345678901234567890.10}");
    assert!(done["operations"].as_u64().is_some_and(|count| (2..99).contains(&count)), "{done}");
    let call = &done["calls"][0];
    assert_eq!(call["url"], format!("{}/stock", server.url()));
    assert_eq!((&call["method"], &call["status"]), (&json!("GET"), &json!(204)));
    assert!(call["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{call}");
    let logs = done["logs"].as_array().expect("lines");
    assert_eq!(logs.len(), 1, "what the runtime tells the tool is no log: {logs:?}");
    assert!(logs[0].as_str().is_some_and(|line| line.ends_with("\tWARN\tlow")), "{logs:?}");
    let report = &done["report"];
    assert!(report["initMs"].as_f64() > Some(0.0) && report["durationMs"].as_f64() > Some(0.0));
    assert!(report["maxMemoryMb"].as_u64() > Some(0));
    let again = sent(&served, "call", event);
    assert_eq!(again["report"]["initMs"], Value::Null, "it is warm");
}

#[test]
fn operations_are_not_told_where_they_are_not_counted() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    assert_eq!(sent(&served, "hello", "{}")["operations"], Value::Null);
}

#[test]
fn operations_are_counted_where_that_is_asked_for_in_an_environment_of_its_own() {
    let script = "fn handler(event) { this.n = (this.n ?? 0) + 1; let x = 0; \
        for i in 0..event { x += i; } this.n }";
    let served = Served::of(&[("count.rhai", script)], &[]);
    let counted = |event: &str| {
        let path = "/functions/count/invocations?count_operations=true";
        let replied = post(&served, path, event);
        assert_eq!(replied.status, 200, "{}", replied.text());
        replied.json()
    };
    let (few, many) = (counted("10"), counted("1000"));
    let operations = |done: &Value| done["operations"].as_u64().expect("a number");
    assert!(operations(&few) > 10 && operations(&many) > operations(&few) + 990, "{many}");
    let quick = sent(&served, "count", "10");
    assert_eq!((&quick["operations"], &quick["response"]["body"]), (&Value::Null, &json!("1")));
    assert_eq!(counted("10")["response"]["body"], "3", "it is still warm");
    let refused = post(&served, "/functions/count/invocations?count_operations=perhaps", "1");
    assert_eq!(refused.status, 400, "{}", refused.text());
}

#[test]
fn a_failure_has_its_type_and_place() {
    let served =
        Served::of(&[("shop.rhai", SHOP), ("broken.rhai", "fn handler(e) { (1 + ; }")], &[]);
    let done = sent(&served, "shop", "{\"lines\": 2}");
    let error = &done["error"];
    assert_eq!((&done["response"], &done["errorType"]), (&Value::Null, &json!("NoStock")));
    assert_eq!(error["message"], "no stock for 2 lines");
    assert_eq!(error["position"], json!({ "file": "shop.rhai", "line": 3, "column": 5 }));
    let error = &sent(&served, "broken", "{}")["error"];
    assert_eq!(error["position"]["line"], 1, "{error}");
    let refused = post(&served, "/functions/shop/invocations", "{\n  lines: 2 }");
    assert_eq!((refused.status, &refused.json()["line"]), (400, &json!(2)), "{}", refused.text());
}

#[test]
fn history_has_the_invocations_of_every_caller() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    served.invoke("hello", &[], "{\"name\": \"by api\"}");
    served.send("GET /hello/path", &[], "");
    served.invoke("hello.later", &[], "{}");
    served.send("GET /hello.later", &[], "");
    let done = sent(&served, "hello", "{}");
    let history = get(&served, "/invocations").json();
    let all = history["invocations"].as_array().expect("a list");
    let seen: Vec<(&str, &str)> = all
        .iter()
        .map(|one| (one["function"].as_str().expect("a name"), one["via"].as_str().expect("a way")))
        .collect();
    let expected = [
        ("hello", "console"),
        ("hello.later", "http"),
        ("hello.later", "api"),
        ("hello", "http"),
        ("hello", "api"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(all[0]["id"], done["id"]);
    for at in [1, 2] {
        let id = all[at]["id"].as_str().expect("an id");
        let response = &get(&served, &format!("/invocations/{id}")).json()["response"];
        assert_eq!(
            (&response["streamed"], &response["body"]),
            (&json!(true), &json!("row 1row 2"))
        );
    }
}

#[test]
fn an_invocation_is_saved_as_a_test_and_nothing_is_overwritten() {
    let files = [("hello.rhai", HELLO), ("jobs/shop.rhai", SHOP)];
    let served = Served::of(&files, &[]);
    let read = |name: &str| fs::read_to_string(served.folder().join(name)).expect(name);
    let save = |done: &Value, name: &str| {
        let id = done["id"].as_str().expect("an id");
        post(&served, &format!("/invocations/{id}/test"), &json!({ "name": name }).to_string())
    };
    let done = sent(&served, "hello", "{\"name\":\"Ada\"}");
    let saved = save(&done, "ada");
    assert_eq!(saved.status, 201, "{}", saved.text());
    assert_eq!(saved.json()["files"], json!(["hello.ada.event.json", "hello.ada.response.json"]));
    assert_eq!(read("hello.ada.event.json"), "{\n  \"name\": \"Ada\"\n}\n");
    assert_eq!(read("hello.ada.response.json"), "{\n  \"hello\": \"Ada\"\n}\n");

    served.write("hello.taken.response.json", "mine");
    for (name, status) in [("ada", 409), ("taken", 409), ("../ada", 422), ("", 422), ("a.b", 422)] {
        assert_eq!(save(&done, name).status, status, "{name}");
    }
    assert_eq!(read("hello.taken.response.json"), "mine");
    assert!(!served.folder().join("hello.taken.event.json").exists(), "no half of a test is left");

    let failed = save(&sent(&served, "jobs%2Fshop", "{\"lines\":1}"), "none");
    assert_eq!(failed.status, 201, "{}", failed.text());
    let error: Value = serde_json::from_str(&read("jobs/shop.none.error.json")).expect("JSON");
    assert_eq!(error, json!({ "errorType": "NoStock", "errorMessage": "no stock for 1 lines" }));
}

#[test]
fn a_saved_test_has_the_answers_that_the_function_had() {
    let server = Server::saying(|_| answer(200, &[], r#"{"eur": 1.5}"#));
    let script = r#"
        fn handler(event) {
            this.count = (this.count ?? 0) + 1;
            #{ rate: http::get(env::require("API") + "/rates").json().eur, id: uuid::v4(), count: this.count }
        }
        fn refund(event) { throw `no ${event.id} ${time::now_ms()}` }
        fn plain(event) { event }
        fn late(event) { loop {} }"#;
    let api = format!("API={}", server.url());
    let served = Served::of(&[("shop.rhai", script)], &["--env", &api, "--timeout", "1"]);
    let save = |function: &str, event: &str, name: &str| {
        let done = sent(&served, function, event);
        let path = format!("/invocations/{}/test", done["id"].as_str().expect("an id"));
        let saved = post(&served, &path, &json!({ "name": name }).to_string());
        assert_eq!(saved.status, 201, "{}", saved.text());
        assert_eq!(
            done["logs"].as_array().expect("logs").len(),
            usize::from(["shop.refund", "shop.late"].contains(&function))
        );
        (done["recorded"].clone(), saved.json()["files"].clone())
    };
    sent(&served, "shop", "{}");
    let files = json!(["shop.second.recording.json", "shop.second.response.json"]);
    assert_eq!(save("shop", "{}", "second"), (json!(true), files));
    let files = json!(["shop.refund.none.recording.json", "shop.refund.none.error.json"]);
    assert_eq!(save("shop.refund", "{\"id\": 7}", "none"), (json!(true), files));
    let files = json!(["shop.plain.same.event.json", "shop.plain.same.response.json"]);
    assert_eq!(save("shop.plain", "[1]", "same"), (json!(false), files));
    let files = json!(["shop.late.stopped.event.json", "shop.late.stopped.error.json"]);
    assert_eq!(save("shop.late", "1", "stopped"), (json!(false), files));
    drop(server);
    let tested = Command::new(rhambda()).arg("test").current_dir(served.folder()).output();
    let tested = String::from_utf8_lossy(&tested.expect("rhambda starts").stdout).into_owned();
    for part in ["shop.second.response.json", "shop.refund.none.error.json", "4 passed"] {
        assert!(tested.contains(part), "{part} is missing in\n{tested}");
    }
}

#[test]
fn the_description_and_the_server_agree() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let description = get(&served, "/openapi.json").json();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        let real = path.replace("{name}", "hello").replace(['{', '}'], "");
        if real.ends_with("/live") {
            continue;
        }
        for method in ["GET", "POST", "DELETE"] {
            let replied = served.send(&format!("{method} {real}"), &[], "{}");
            if methods[method.to_lowercase()].is_object() {
                let message = replied.text();
                assert!(!message.contains("no such path"), "{method} {real}: {message}");
                let described = &methods[method.to_lowercase()]["responses"];
                let status = replied.status.to_string();
                assert!(described[&status].is_object(), "{method} {real}: {status} {message}");
            } else {
                assert_eq!(replied.status, 405, "{method} {real}");
                assert_eq!(replied.header("allow").len(), 1);
            }
        }
    }
    assert_eq!(get(&served, "/nothing").status, 404);
}

#[test]
fn pages_of_other_sites_and_other_ports_are_refused() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let send = "POST /_rhambda/functions/hello/invocations";
    for headers in [
        &[("Sec-Fetch-Site", "cross-site")][..],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Origin", "http://localhost:4000")],
        &[("Origin", "null")],
    ] {
        assert_eq!(served.send(send, headers, "{}").status, 403, "{headers:?}");
        assert_eq!(served.send("GET /_rhambda/invocations", headers, "").status, 403);
    }
    for headers in [
        &[][..],
        &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:3000")],
        &[("Sec-Fetch-Site", "none")],
    ] {
        assert_eq!(served.send(send, headers, "{}").status, 200, "{headers:?}");
    }
    // A name that was made to lead here.
    for host in ["evil.example:3000", "localhost.evil.example", "evil.localhost.example:80"] {
        let replied = Client::to(served.address()).send_to(host, send, &[], "{}");
        assert_eq!(replied.status, 403, "{host}");
    }
}

#[test]
fn a_browser_gets_the_page_and_others_what_they_got_before() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let page = served.send("GET /", &[("Accept", "text/html,*/*;q=0.8")], "");
    assert!(page.text().starts_with("<!doctype html>"));
    let policy = page.header("content-security-policy").join("");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(served.send("GET /_rhambda/", &[], "").text(), page.text());
    assert!(served.send("GET /", &[("Accept", "*/*")], "").text().contains("/hello\n"));
    let functions = served.send("GET /", &[("Accept", "application/json")], "").json();
    assert_eq!(functions["functions"][0]["name"], "hello");
    assert_eq!(served.send("POST /_rhambda", &[], "").status, 405);
}

/// Reads server-sent events until one contains the text.
fn read_until(live: &mut impl BufRead, text: &str) {
    let begun = Instant::now();
    let mut line = String::new();
    while begun.elapsed() < Duration::from_secs(60) {
        line.clear();
        assert!(live.read_line(&mut line).expect("events come") > 0, "the events ended");
        if line.contains(text) {
            return;
        }
    }
    panic!("no {text}");
}

#[test]
fn what_happens_is_told_while_it_does() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let mut stream = TcpStream::connect(served.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream.write_all(b"GET /_rhambda/live HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut live = BufReader::new(stream);
    read_until(&mut live, "retry: 1000");
    served.invoke("hello", &[], "{\"name\": \"Ada\"}");
    read_until(&mut live, "seen Ada");
    read_until(&mut live, "\"via\":\"api\"");
    served.write("new.rhai", HELLO);
    read_until(&mut live, "event: changed");
}

/// Keeps a picture where somebody has asked for pictures to look at.
fn picture(browser: &mut Browser, name: &str) {
    if let Some(folder) = std::env::var_os("RHAMBDA_SCREENSHOTS") {
        browser.picture(&Path::new(&folder).join(format!("{name}.png")));
    }
}

const OUTCOME: &str = "document.querySelector('.outcome')?.innerText";

#[test]
fn a_person_sends_breaks_and_mends_with_keys_alone() {
    let Some(mut browser) = Browser::start() else { return };
    let files =
        [("hello.rhai", HELLO), ("hello.event.json", "{\"name\": \"Ada\"}"), ("shop.rhai", SHOP)];
    let served = Served::of(&files, &[]);
    browser.prefer("light");
    browser.open(&format!("http://{}/", served.address()), 1280, 860);
    browser.wait_until("document.querySelector('#state').innerText === 'Live'");
    browser.wait_until("document.querySelector('#editor').value.includes('Ada')");

    // Send an event, see the response.
    browser.press("Control+Enter");
    browser.wait_until(&format!("{OUTCOME} === 'Responded'"));
    assert!(browser.text("#shown").contains("\"hello\": \"Ada\""));
    assert!(browser.text("#shown").contains("seen Ada"));
    browser.wait_until("document.querySelector('#live').innerText.includes('seen Ada')");
    browser.wait_until("document.querySelectorAll('#history .pick').length === 1");
    picture(&mut browser, "responded-light");

    // An event that is no JSON is not sent, and its flaw is placed.
    browser.press("e");
    browser.press("Control+a");
    browser.type_text("{\n  \"name\": \"Bob\",\n}");
    browser.press("Control+Enter");
    browser.wait_until("document.querySelector('#flaw').innerText.includes('Line 3, column 1')");
    assert_eq!(browser.value("document.activeElement.id"), "editor");
    assert_eq!(browser.value("document.querySelector('#editor').ariaInvalid"), "true");
    browser.press("Control+a");
    browser.type_text("{\"name\": \"Bob\"}");
    browser.press("Control+Enter");
    browser.wait_until("document.querySelector('#shown').innerText.includes('Bob')");

    // Break the script, see the marked line; mend it, see it work.
    served.write("hello.rhai", "fn handler(event) {\n    let x = 1;\n    (x + ;\n}\n");
    browser.wait_until("document.querySelector('#functions').innerText.includes('does not parse')");
    browser.press("Control+Enter");
    browser.wait_until(&format!("{OUTCOME}?.startsWith('Runtime.')"));
    browser.wait_until("document.querySelector('.failing .no')?.innerText === '3'");
    assert!(browser.text(".failing .text").contains("(x + ;"));
    assert!(!browser.text(".failing .why").is_empty());
    picture(&mut browser, "broken-light");
    browser.prefer("dark");
    picture(&mut browser, "broken-dark");
    served.write("hello.rhai", HELLO);
    browser
        .wait_until("!document.querySelector('#functions').innerText.includes('does not parse')");
    browser.wait_until("!document.querySelector('.failing')");
    browser.press("Control+Enter");
    browser.wait_until(&format!("{OUTCOME} === 'Responded'"));

    // Another function, by arrow and Enter; an error of its own with its line.
    browser.press("Escape");
    browser.press("f");
    browser.press("ArrowDown");
    browser.press("Enter");
    browser.wait_until("document.querySelector('#event-title').innerText === 'Event for shop'");
    browser.press("Control+Enter");
    browser.wait_until(&format!("{OUTCOME} === 'NoStock'"));
    browser.wait_until("document.querySelector('.failing .no')?.innerText === '3'");
    picture(&mut browser, "failed-dark");

    // From the history, send again and save as a test. It hears of an invocation by itself.
    browser.wait_until("document.querySelector('#history .pick')?.innerText.startsWith('shop')");
    browser.press("h");
    browser.press("ArrowDown");
    browser.press("Enter");
    browser.wait_until(&format!("{OUTCOME} === 'Responded'"));
    let count = "document.querySelectorAll('#history .pick').length";
    let before = browser.value(count);
    browser.press("a");
    browser.wait_until(&format!("{count} > {before}"));
    browser.wait_until("!state.sending");
    browser.press("s");
    browser.wait_until("document.querySelector('#test').open");
    browser.type_text("bob");
    picture(&mut browser, "save-dark");
    browser.press("Enter");
    browser.wait_until("!document.querySelector('#test').open");
    let saved = fs::read_to_string(served.folder().join("hello.bob.event.json")).expect("saved");
    assert!(saved.contains("Bob"), "{saved}");

    // The list of keys opens, and Escape closes it.
    browser.press("?");
    browser.wait_until("document.querySelector('#keys').open");
    picture(&mut browser, "keys-dark");
    browser.press("Escape");
    browser.wait_until("!document.querySelector('#keys').open");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn the_page_fits_a_phone_and_says_who_it_is_to_those_who_do_not_see_it() {
    let Some(mut browser) = Browser::start() else { return };
    let long = "a-function-with-a-long-name-that-somebody-gave-to-it-for-good-reasons.rhai";
    let script = "fn handler(event) { print(\"x\".repeat(300)); #{ statusCode: 404, headers: #{ \
        \"x-long\": \"y\".repeat(200) }, body: \"z\".repeat(500) } }";
    let script = script.replace(".repeat", ".pad_to");
    let script = format!("{script}\nfn pad_to(n) {{ let s = this; s.pad(n, this); s }}");
    let served = Served::of(&[(long, &script)], &[]);
    browser.prefer("dark");
    browser.open(&format!("http://{}/", served.address()), 360, 740);
    browser.wait_until("document.querySelector('#state').innerText === 'Live'");
    browser.press("Control+Enter");
    browser.wait_until(&format!("{OUTCOME} === 'Responded'"));
    assert!(browser.text("#shown").contains("404"));
    for width in [360, 320, 720, 1280] {
        browser.resize(width, 740);
        let overflow =
            "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.value(overflow), 0, "at {width}");
        picture(&mut browser, &format!("width-{width}"));
    }
    // On a phone each control is as large as a finger; the box to tick has a label around it.
    browser.resize(360, 740);
    let small = "[...document.querySelectorAll('button, select, textarea, summary, label.tick')]\
        .filter(e => e.checkVisibility() && (e.offsetHeight < 40 || e.offsetWidth < 40))\
        .map(e => e.outerHTML.slice(0, 80))";
    assert_eq!(browser.value(small), json!([]));
    // Each control has a name, and whatever scrolls can be reached by keys.
    let nameless = "[...document.querySelectorAll('button, select, textarea, input, [role=region], \
        [role=log]')].filter(e => !(e.innerText || '').trim() && !e.ariaLabel && !(e.labels || \
        []).length && !e.getAttribute('aria-labelledby')).length";
    assert_eq!(browser.value(nameless), 0);
    let unreachable = "[...document.querySelectorAll('pre, .lines, .code')].filter(e => \
        e.scrollHeight > e.clientHeight + 1 && e.tabIndex < 0).length";
    assert_eq!(browser.value(unreachable), 0);
    assert_eq!(browser.problems(), [""; 0]);
}

/// Opens the console of a folder at a function.
fn open(browser: &mut Browser, served: &Served, function: &str) {
    browser.open("about:blank", 1440, 900);
    browser.open(&format!("http://{}/#{function}", served.address()), 1440, 900);
    browser.wait_until("document.querySelector('#state')?.innerText === 'Live'");
    browser.wait_until(&format!(
        "document.querySelector('#event-title').innerText === 'Event for {function}'"
    ));
}

#[test]
fn operations_are_counted_once_the_box_is_ticked() {
    let Some(mut browser) = Browser::start() else { return };
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    open(&mut browser, &served, "hello");
    let operations = "[...document.querySelectorAll('.facts div')]\
        .find(e => e.innerText.startsWith('Operations'))?.innerText.split('\\n').pop()";
    browser.press("Control+Enter");
    browser.wait_until(&format!("{operations} === 'not counted'"));
    browser.press("Escape");
    browser.press("o");
    browser.press("Control+Enter");
    browser.wait_until(&format!("/^[0-9]+$/.test({operations})"));
    browser.press("o");
    browser.press("a");
    browser.wait_until(&format!("{operations} === 'not counted'"));
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn what_was_sent_and_what_came_of_it_can_be_looked_at_and_taken_along() {
    let Some(mut browser) = Browser::start() else { return };
    let picture = "fn handler(event) { #{ statusCode: 200, headers: #{ \"content-type\": \"image/gif\" }, \
        isBase64Encoded: true, body: \"R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==\" } }";
    let long = "fn handler(event) { let s = \"\"; s.pad(1000000, \"x\"); s }";
    let served = Served::of(&[("long.rhai", long), ("picture.rhai", picture)], &[]);
    open(&mut browser, &served, "picture");
    browser.press("e");
    browser.press("Control+a");
    browser.type_text("{\"first\": 1}");
    browser.press("Control+Enter");
    browser.wait_until("document.querySelector('#shown img')?.naturalWidth === 1");
    // What is edited afterwards changes nothing of what was sent.
    browser.press("Control+a");
    browser.type_text("{\"second\": 2}");
    let sent = "[...document.querySelectorAll('#shown details')]\
        .find(e => e.innerText.startsWith('The event that was sent'))";
    browser.value(&format!("{sent}.open = true"));
    browser.wait_until(&format!("{sent}.innerText.includes('first')"));
    assert_eq!(browser.value(&format!("{sent}.innerText.includes('second')")), false);

    // Of a long response there is the beginning, and the rest for the asking.
    open(&mut browser, &served, "long");
    browser.press("Control+Enter");
    browser.wait_until("document.querySelector('#shown .head')?.innerText.includes('1.0 MB')");
    let length = "document.querySelector('#shown pre').textContent.length";
    assert!(browser.value(length).as_u64() < Some(200_000));
    browser.value("document.querySelector('#shown .more').click()");
    assert_eq!(browser.value(length), 1_000_002);
    assert_eq!(browser.value("document.activeElement.tagName"), "PRE");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn a_folder_of_many_functions_leaves_the_history_in_sight() {
    let Some(mut browser) = Browser::start() else { return };
    let server = Server::saying(|_| answer(204, &[], b""));
    let call = format!(
        "fn handler(event) {{ log::info(\"begun\"); http::delete(\"{}/{}\"); throw \"ended\" }}",
        server.url(),
        "stock/".repeat(40)
    );
    let names: Vec<String> = (10..50).map(|number| format!("f{number}.rhai")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), &*call)).collect();
    let served = Served::of(&files, &[]);
    open(&mut browser, &served, "f49");
    browser.press("Control+Enter");
    browser.wait_until("document.querySelector('#history .pick')?.innerText.includes('failed')");
    let is_seen = "(selector => { const e = document.querySelector(selector), b = \
        e.getBoundingClientRect(); return e.contains(document.elementFromPoint(b.left + 20, b.top + \
        10)) })";
    for (width, height) in [(1440, 900), (1440, 620), (1024, 768)] {
        browser.resize(width, height);
        for selector in ["#history .pick", "#send"] {
            let is_seen = browser.value(&format!("{is_seen}({selector:?})"));
            assert_eq!(is_seen, true, "{selector} at {width} by {height}");
        }
    }
    browser.resize(1440, 900);
    assert_eq!(browser.value(&format!("{is_seen}('#functions [aria-current=true]')")), true);
    // The method stands on one line, whatever the path takes.
    let lines = "(e => { const r = document.createRange(); r.selectNodeContents(e); return \
        r.getClientRects().length })(document.querySelector('td.whole'))";
    assert_eq!(browser.value(lines), 1);
    // What was logged first stands first, although errors come by another way.
    browser.wait_until("document.querySelector('#live').innerText.includes('begun')");
    browser.wait_until("document.querySelector('#live').innerText.includes('ended')");
    let live = browser.text("#live");
    assert!(live.find("begun") < live.find("ended"), "{live}");
    assert_eq!(browser.problems(), [""; 0]);
}

#[test]
fn an_empty_folder_says_what_to_write_and_a_first_script_appears() {
    let Some(mut browser) = Browser::start() else { return };
    let served = Served::of(&[], &[]);
    browser.open(&format!("http://{}/", served.address()), 1440, 900);
    browser.wait_until("document.querySelector('#state').innerText === 'Live'");
    browser.wait_until("document.querySelector('#functions').innerText.includes('hello.rhai')");
    assert!(browser.text("#functions pre").contains("fn handler(event)"));
    let is_idle = "document.querySelector('#send').ariaDisabled === 'true'";
    assert_eq!(browser.value(is_idle), true);
    browser.press("Control+Enter");
    browser.wait_until("document.querySelector('#said').innerText.includes('no function')");
    served.write("hello.rhai", HELLO);
    browser.wait_until("document.querySelector('#event-title').innerText === 'Event for hello'");
    assert_eq!(browser.value(is_idle), false);
    browser.press("Control+Enter");
    browser.wait_until(&format!("{OUTCOME} === 'Responded'"));
    assert_eq!(browser.problems(), [""; 0]);
}

/// The contrast of each text against what is behind it, by WCAG's formula; those below 4.5.
const WEAK: &str = r#"(() => {
  const part = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const colour = text => text.match(/[\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const weak = [];
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const a = luminance(colour(getComputedStyle(e).color)), b = luminance(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${e.tagName} ${e.className} ${ratio.toFixed(2)} ${e.innerText.slice(0, 20)}`);
  }
  return weak;
})()"#;

#[test]
fn every_text_can_be_read_in_light_and_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let broken = "fn handler(event) { (1 + ; }";
    let served =
        Served::of(&[("hello.rhai", HELLO), ("shop.rhai", SHOP), ("worse.rhai", broken)], &[]);
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.open(&format!("http://{}/_rhambda/#shop", served.address()), 1280, 860);
        browser.wait_until("document.querySelector('#state')?.innerText === 'Live'");
        browser.wait_until("document.querySelector('#event-title').innerText.endsWith('shop')");
        browser.press("Control+Enter");
        browser.wait_until("document.querySelector('.failing')");
        assert_eq!(browser.value(WEAK), json!([]), "{scheme}, failed");
        browser.press("f");
        browser.press("ArrowUp");
        browser.press("Enter");
        browser.press("Control+Enter");
        browser.wait_until(&format!("{OUTCOME} === 'Responded'"));
        assert_eq!(browser.value(WEAK), json!([]), "{scheme}, responded");
        browser.open("about:blank", 1280, 860);
    }
    assert_eq!(browser.problems(), [""; 0]);
}
