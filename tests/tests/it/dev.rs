//! `rhambda dev`: a folder of scripts as its callers see it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhambda_tests::{Client, Served, aws_client, command, is_running, output_of, repository};
use serde_json::{Value, json};

const HELLO: &str = "fn handler(event) { print(\"seen \" + event.name); `Hello, ${event.name}` }
fn refuse(event) { throw #{ type: \"OrderNotFound\", message: \"no order 42\" } }
fn context(event, context) { context.client_context }
";

/// Answers any front with the event.
const ECHO: &str = "fn handler(event) { #{ statusCode: 200, headers: #{}, multiValueHeaders: #{}, \
     body: json::stringify(event) } }";

/// Runs until it is stopped.
const SLOW: &str = "fn handler(event) { print(\"begun\"); loop {} }";

fn sample(name: &str) -> Value {
    let path = repository().join("layer/samples/own").join(name);
    let text = fs::read_to_string(path).expect("the sample is there");
    serde_json::from_str(&text).expect("a sample is JSON")
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn a_synchronous_call_gets_the_response() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let replied = served.invoke("hello", &[("X-Amz-Log-Type", "Tail")], r#"{"name":"Ada"}"#);
    assert_eq!((replied.status, replied.text().as_str()), (200, r#""Hello, Ada""#));
    assert_eq!(replied.header("x-amz-executed-version"), ["$LATEST"]);
    assert!(replied.header("x-amz-function-error").is_empty());
    let id = replied.header("x-amzn-requestid")[0].to_owned();
    let log = STANDARD.decode(replied.header("x-amz-log-result")[0]).expect("base64");
    let log = String::from_utf8(log).expect("the log is text");
    assert!(log.starts_with(&format!("START RequestId: {id} Version: $LATEST\n")), "{log}");
    assert!(log.contains("\tINFO\tseen Ada\n"), "{log}");
    assert!(log.contains(&format!("\nREPORT RequestId: {id}\tDuration: ")), "{log}");
    let terminal = served.log_with("hello | report: init ", 1);
    assert!(terminal.contains("hello | ") && terminal.contains("\tINFO\tseen Ada"), "{terminal}");
}

#[test]
fn the_log_tail_has_the_last_four_kilobytes_and_every_line_before_the_report() {
    let script = "fn handler(event) { for i in 0..300 { print(`line ${i} of these`); } }";
    let served = Served::of(&[("talk.rhai", script)], &[]);
    for _ in 0..20 {
        let replied = served.invoke("talk", &[("X-Amz-Log-Type", "Tail")], "{}");
        let log = STANDARD.decode(replied.header("x-amz-log-result")[0]).expect("base64");
        assert_eq!(log.len(), 4096);
        let log = String::from_utf8(log).expect("the log is text");
        assert!(log.contains("line 299 of these\nEND RequestId: "), "{log}");
    }
}

#[test]
fn a_function_s_error_is_marked_as_one() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let replied = served.invoke("hello.refuse", &[], "{}");
    assert_eq!((replied.status, replied.header("x-amz-function-error")), (200, vec!["Unhandled"]));
    assert_eq!(replied.json()["errorType"], "OrderNotFound");
    assert_eq!(replied.json()["errorMessage"], "no order 42");
}

#[test]
fn a_client_context_reaches_the_function() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let encoded = STANDARD.encode("{\n\"custom\": {\"a\": \"b\"}}");
    let replied = served.invoke("hello.context", &[("X-Amz-Client-Context", &encoded)], "{}");
    assert_eq!(replied.json()["custom"]["a"], "b", "{}", replied.text());
    let replied = served.invoke("hello", &[("X-Amz-Client-Context", "{}")], "{}");
    assert_eq!(replied.status, 400);
}

#[test]
fn an_asynchronous_call_is_answered_at_once_and_a_dry_run_runs_nothing() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let replied =
        served.invoke("hello", &[("X-Amz-Invocation-Type", "DryRun")], r#"{"name":"Eve"}"#);
    assert_eq!((replied.status, replied.body.len()), (204, 0));
    let replied =
        served.invoke("hello", &[("X-Amz-Invocation-Type", "Event")], r#"{"name":"Bob"}"#);
    assert_eq!((replied.status, replied.body.len()), (202, 0));
    let log = served.log_with("seen Bob", 1);
    assert!(!log.contains("seen Eve"), "{log}");
}

#[test]
fn what_cannot_be_delivered_is_refused_in_lambda_s_words() {
    let served = Served::of(&[("hello.rhai", HELLO), ("lib/money.rhai", HELLO)], &[]);
    let large = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let too_large = large(6 * 1024 * 1024 + 1);
    let too_large_later = large(1024 * 1024 + 1);
    let later = [("X-Amz-Invocation-Type", "Event")];
    for (name, headers, event, status, error_type) in [
        ("helo", &[][..], "{}", 404, "ResourceNotFoundException"),
        ("lib%2Fmoney", &[], "{}", 404, "ResourceNotFoundException"),
        ("..%2Fhello", &[], "{}", 404, "ResourceNotFoundException"),
        ("hello", &[], "{name: Ada}", 400, "InvalidRequestContentException"),
        ("hello", &[], &too_large, 413, "RequestTooLargeException"),
        ("hello", &later, &too_large_later, 413, "RequestTooLargeException"),
        ("hello", &[("X-Amz-Invocation-Type", "Now")], "{}", 400, "InvalidParameterValueException"),
    ] {
        let replied = served.invoke(name, headers, event);
        assert_eq!(replied.status, status, "{name}: {}", replied.text());
        assert_eq!(replied.header("x-amzn-errortype"), [error_type]);
        assert_eq!(replied.json()["Type"], "User");
    }
    let unknown = served.invoke("helo", &[], "{}").text();
    assert!(unknown.contains("is it `hello`?"), "{unknown}");
}

#[test]
fn pages_of_other_sites_cannot_invoke_functions() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let call = "POST /2015-03-31/functions/hello/invocations";
    assert_eq!(served.send(call, &[("Sec-Fetch-Site", "cross-site")], "{}").status, 403);
    assert_eq!(served.send(call, &[("Sec-Fetch-Site", "same-origin")], "{}").status, 200);
    let led_here = Client::to(served.address()).send_to("evil.example:3000", call, &[], "{}");
    assert_eq!(led_here.status, 403);
}

#[test]
fn functions_are_listed_and_described() {
    let files = [
        ("hello.rhai", HELLO),
        ("jobs/nightly.rhai", HELLO),
        ("lib/money.rhai", HELLO),
        ("hello.test.rhai", HELLO),
        ("module.rhai", "fn helper(a) { a }"),
        ("broken.rhai", "fn handler("),
    ];
    let served = Served::of(&files, &["--timeout", "2.5", "--memory", "256"]);
    let list = served.send("GET /2015-03-31/functions/", &[], "").json();
    let functions = list["Functions"].as_array().expect("a list");
    let names: Vec<_> = functions.iter().map(|function| &function["FunctionName"]).collect();
    assert_eq!(names, ["broken", "hello", "jobs/nightly"]);
    let function = served.send("GET /2015-03-31/functions/jobs%2Fnightly", &[], "").json();
    let configuration = &function["Configuration"];
    assert_eq!(configuration["Handler"], "jobs/nightly.handler");
    assert_eq!(
        (&configuration["Timeout"], &configuration["MemorySize"]),
        (&json!(3.0), &json!(256))
    );
    let overview = served.send("GET /", &[], "").text();
    assert!(overview.contains("http://localhost:3000/jobs/nightly\n"), "{overview}");
    let overview = served.send("GET /", &[("Accept", "application/json")], "").json();
    assert_eq!(overview["functions"][1]["name"], "hello");
    // By its ARN, which has no room for a slash, a function is found as well.
    let arn = configuration["FunctionArn"].as_str().expect("an ARN").replace(':', "%3A");
    assert_eq!(served.invoke(&arn, &[], r#"{"name":"Ada"}"#).text(), r#""Hello, Ada""#);
    assert_eq!(
        served.invoke("jobs-nightly-refuse", &[], "{}").json()["errorType"],
        "OrderNotFound"
    );
    let module = served.invoke("module", &[], "{}").text();
    assert!(module.contains("call `module.helper`"), "{module}");
}

#[test]
fn a_function_url_s_event_is_that_of_the_sample() {
    let served = Served::of(&[("echo.rhai", ECHO)], &[]);
    let sample = sample("function-url.json");
    let cookies = sample["cookies"].as_array().expect("cookies").iter().filter_map(Value::as_str);
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    let mut event = served
        .send(
            "POST /echo/orders/a%20b?tag=x&tag=y%2Cz&q=a+b&flag",
            &[
                ("Cookie", cookies.as_str()),
                ("Accept", "text/html"),
                ("Accept", "application/json"),
                ("Content-Type", "application/json"),
                ("User-Agent", "curl/8.5.0"),
            ],
            sample["body"].as_str().expect("a body"),
        )
        .json();
    for name in ["rawPath", "rawQueryString", "queryStringParameters", "body", "cookies"] {
        assert_eq!(event[name], sample[name], "{name}");
    }
    assert_eq!(keys(&event), keys(&sample));
    assert_eq!(keys(&event["requestContext"]), keys(&sample["requestContext"]));
    let http = &mut event["requestContext"]["http"];
    http["sourceIp"] = sample["requestContext"]["http"]["sourceIp"].clone();
    assert_eq!(*http, sample["requestContext"]["http"]);
    let headers = &event["headers"];
    assert_eq!(headers["accept"], "text/html,application/json");
    assert_eq!(
        (&headers["host"], &headers["x-forwarded-port"]),
        (&json!("localhost:3000"), &json!("3000"))
    );
    assert_eq!((&headers["x-forwarded-proto"], &headers["cookie"]), (&json!("http"), &Value::Null));
}

#[test]
fn bodies_that_are_no_text_come_in_base64() {
    let served = Served::of(&[("echo.rhai", ECHO)], &[]);
    let binary = sample("function-url-binary.json");
    for (content_type, body, expected, is_base64) in [
        ("image/png", &[0xff, 0, 0xfe][..], binary["body"].clone(), true),
        ("application/x-www-form-urlencoded", b"a=b", json!(STANDARD.encode("a=b")), true),
        ("text/plain; charset=utf-8", "é".as_bytes(), json!("é"), false),
        ("application/xml", b"<a/>", json!("<a/>"), false),
        ("application/problem+json", b"{}", json!(STANDARD.encode("{}")), true),
        ("text/plain", &[0xff], json!("/w=="), true),
    ] {
        let event = served.send("PUT /echo", &[("Content-Type", content_type)], body).json();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&expected, &json!(is_base64)));
        assert_eq!(event["rawPath"], "/");
    }
    let event = served.send("GET /echo/", &[], "").json();
    assert_eq!((event.get("body"), event.get("cookies")), (None, None));
    assert_eq!((event.get("queryStringParameters"), &event["rawQueryString"]), (None, &json!("")));
}

#[test]
fn a_rest_api_s_event_has_single_and_multiple_values() {
    let served = Served::of(&[("echo.rhai", ECHO)], &["--front", "rest"]);
    let headers =
        [("headerName", "headerValue"), ("headerName", "headerValue2"), ("Cookie", "a=1")];
    let event =
        served.send("POST /echo/hello/w%C3%B6rld?name=me&name=me%202", &headers, "{}").json();
    assert_eq!(event["resource"], "/{proxy+}");
    assert_eq!(
        (&event["path"], &event["httpMethod"]),
        (&json!("/hello/w%C3%B6rld"), &json!("POST"))
    );
    assert_eq!(event["headers"]["headerName"], "headerValue2");
    assert_eq!(event["multiValueHeaders"]["headerName"], json!(["headerValue", "headerValue2"]));
    assert_eq!(event["headers"]["Cookie"], "a=1");
    assert_eq!(event["queryStringParameters"], json!({ "name": "me 2" }));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "name": ["me", "me 2"] }));
    assert_eq!(event["pathParameters"], json!({ "proxy": "hello/w%C3%B6rld" }));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    let event = served.send("GET /echo", &[], "").json();
    for name in
        ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body"]
    {
        assert_eq!(event.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!(
        (&event["resource"], &event["requestContext"]["path"]),
        (&json!("/"), &json!("/local/"))
    );
}

#[test]
fn a_load_balancer_s_event_is_that_of_the_sample() {
    let served = Served::of(&[("echo.rhai", ECHO)], &["--front", "alb"]);
    let expected = sample("alb-encoded-query.json");
    let event = served
        .send(
            "POST /echo/orders/a%20b?q=twice&q=a%20b%26c&plus=a+b&bad=100%&caf%C3%A9=1",
            &[("Content-Type", "application/json"), ("Content-Encoding", "identity")],
            "{\"a\": 1}",
        )
        .json();
    assert_eq!(keys(&event), keys(&expected));
    for name in ["httpMethod", "path", "queryStringParameters", "body", "isBase64Encoded"] {
        assert_eq!(event[name], expected[name], "{name}");
    }
    assert_eq!(event["headers"]["content-type"], "application/json");
    let served = Served::of(&[("echo.rhai", ECHO)], &["--front", "alb-multi-value"]);
    let expected = sample("alb-multi-value.json");
    let accepts = [("Accept", "text/html"), ("Accept", "*/*")];
    let event = served.send("GET /echo/orders?tag=x&tag=y%2Cz", &accepts, "").json();
    assert_eq!(keys(&event), keys(&expected));
    for name in ["path", "multiValueQueryStringParameters", "body", "isBase64Encoded"] {
        assert_eq!(event[name], expected[name], "{name}");
    }
    assert_eq!(event["multiValueHeaders"]["accept"], expected["multiValueHeaders"]["accept"]);
}

#[test]
fn responses_go_out_as_the_function_says() {
    let script = r#"
fn handler(event) { #{ statusCode: 418, headers: #{ "X-Tea": "pot" }, cookies: ["a=1", "b=2"],
                       body: "/wD+", isBase64Encoded: true } }
fn plain(event) { #{ message: "hi" } }
fn text(event) { "hi" }
fn path(event) { event.rawPath }
fn malformed(event) { #{ statusCode: "two hundred" } }
fn fails(event) { throw "no" }
"#;
    let served = Served::of(&[("tea.rhai", script)], &["--front", "http"]);
    let replied = served.send("GET /tea", &[], "");
    assert_eq!((replied.status, replied.body.as_slice()), (418, &[0xff, 0, 0xfe][..]));
    assert_eq!(replied.header("x-tea"), ["pot"]);
    assert_eq!(replied.header("set-cookie"), ["a=1", "b=2"]);
    let replied = served.send("GET /tea.plain", &[], "");
    assert_eq!(replied.header("content-type"), ["application/json"]);
    assert_eq!((replied.status, replied.text().as_str()), (200, r#"{"message":"hi"}"#));
    assert_eq!(served.send("GET /tea.text/x", &[], "").text(), "hi");
    assert_eq!(served.send("GET /tea.path/a%20b", &[], "").text(), "/a b");
    for name in ["malformed", "fails"] {
        let replied = served.send(&format!("GET /tea.{name}"), &[], "");
        assert_eq!(replied.status, 502);
        assert_eq!(replied.json(), json!({ "message": "Internal Server Error" }));
    }
    let reason = "tea.malformed | error: malformed proxy response: `statusCode` is \"two hundred\"";
    assert!(served.log_with(reason, 1).contains("\tERROR\t"));
    assert_eq!(served.send("GET /coffee", &[], "").status, 404);
}

/// Streams a line, and the second one when `go` is there.
const STREAM: &str = r#"
fn handler(event) {
    stream::start(#{ status: 206, headers: #{ "content-type": "text/csv" }, cookies: ["a=1"] });
    stream::write("first\n");
    stream::flush();
    while !fs::exists("go") {}
    stream::write("second\n");
}
"#;

#[test]
fn a_streamed_response_goes_out_while_it_is_made() {
    let served = Served::of(&[("rows.rhai", STREAM)], &["--timeout", "30"]);
    let mut stream = TcpStream::connect(served.address()).expect("it listens");
    stream.write_all(b"GET /rows HTTP/1.0\r\n\r\n").expect("the request can be sent");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("the reply is text"));
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 206 Partial Content"));
    let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    for header in ["content-type: text/csv", "Set-Cookie: a=1"] {
        assert!(headers.iter().any(|line| line == header), "{headers:?}");
    }
    assert_eq!(lines.next().as_deref(), Some("first"));
    served.write("go", "");
    assert_eq!(lines.next().as_deref(), Some("second"));
    assert_eq!(lines.next(), None);
    // The same over chunks, and once more for a caller that wants it whole.
    let replied = served.send("GET /rows", &[], "");
    assert_eq!((replied.status, replied.text().as_str()), (206, "first\nsecond\n"));
    assert_eq!(replied.header("transfer-encoding"), ["chunked"]);
    assert!(served.invoke("rows", &[], "{}").text().ends_with("first\nsecond\n"));
}

#[test]
fn edits_are_live_on_the_next_request() {
    let served = Served::of(
        &[
            (
                "price.rhai",
                "import \"lib/vat\" as vat;\nfn handler(event) { vat::of(100) + env::get(\"BASE\") }",
            ),
            (
                "lib/vat.rhai",
                "import \"lib/rate\" as rate;\nfn of(net) { `${net * rate::now()}+` }",
            ),
            ("lib/rate.rhai", "fn now() { 1 }"),
            ("app.env", "BASE=a"),
        ],
        &["--env-file", "app.env"],
    );
    let price = || served.invoke("price", &[], "{}").text();
    assert_eq!(price(), "\"100+a\"");
    // Of the same length and at once, so that neither size nor a slow clock gives it away.
    for (number, expected) in [("2", "\"200+a\""), ("3", "\"300+a\""), ("4", "\"400+a\"")] {
        served.write("lib/rate.rhai", &format!("fn now() {{ {number} }}"));
        assert_eq!(price(), expected);
    }
    served.write("app.env", "BASE=b");
    assert_eq!(price(), "\"400+b\"");
    served.write("price.rhai", "fn handler(event) { \"new\" }");
    assert_eq!(price(), "\"new\"");
    assert_eq!(price(), "\"new\"");
    served.write("other.rhai", "fn handler(event) { 7 }");
    assert_eq!(served.invoke("other", &[], "{}").text(), "7");
}

#[test]
fn a_script_that_does_not_compile_answers_with_its_error() {
    let served = Served::of(&[("a.rhai", "fn handler(event) { 1 }")], &[]);
    assert_eq!(served.send("GET /a", &[], "").text(), "1");
    served.write("a.rhai", "fn handler(event) {\n  let x = ;\n}");
    for _ in 0..2 {
        let replied = served.send("GET /a", &[], "");
        assert_eq!(replied.status, 502);
        assert_eq!(replied.json()["errorType"], "Runtime.UserCodeSyntaxError");
        assert!(replied.text().contains("a.rhai:2:11"), "{}", replied.text());
        let replied = served.invoke("a", &[], "{}");
        assert_eq!(replied.header("x-amz-function-error"), ["Unhandled"]);
        assert!(replied.text().contains("a.rhai:2:11"), "{}", replied.text());
    }
    served.write("a.rhai", "fn handler(event) { 2 }");
    assert_eq!(served.send("GET /a", &[], "").text(), "2");
}

#[test]
fn a_warm_process_keeps_what_a_function_has_made() {
    let script = "fn handler(event) { this.count = (this.count ?? 0) + 1; this.count }";
    let served = Served::of(&[("count.rhai", script)], &[]);
    let count = || served.invoke("count", &[], "{}").text();
    assert_eq!([count(), count(), count()], ["1", "2", "3"]);
    assert_eq!(served.children().len(), 1);
}

#[test]
fn more_events_than_environments_are_refused() {
    let arguments = ["--concurrency", "2", "--timeout", "60"];
    let served = Served::of(&[("slow.rhai", SLOW), ("hello.rhai", HELLO)], &arguments);
    for _ in 0..2 {
        served.invoke("slow", &[("X-Amz-Invocation-Type", "Event")], "{}");
    }
    served.log_with("begun", 2);
    let replied = served.invoke("slow", &[], "{}");
    assert_eq!(replied.header("x-amzn-errortype"), ["TooManyRequestsException"]);
    assert_eq!(replied.status, 429);
    assert_eq!(served.send("GET /slow", &[], "").status, 429);
    assert_eq!(served.invoke("hello", &[], r#"{"name":"Ada"}"#).status, 200);
}

#[test]
fn a_function_is_stopped_at_its_timeout() {
    let served = Served::of(&[("slow.rhai", SLOW)], &["--timeout", "0.3"]);
    let replied = served.invoke("slow", &[], "{}");
    assert_eq!(replied.header("x-amz-function-error"), ["Unhandled"]);
    assert_eq!(replied.json()["errorType"], "Function.DeadlineExceeded", "{}", replied.text());
    assert_eq!(served.send("GET /slow", &[], "").status, 502);
}

#[test]
fn sixty_four_connections_get_their_own_answers() {
    let script = "fn handler(event) { event.rawPath }";
    let served = Served::of(&[("path.rhai", script)], &["--concurrency", "64"]);
    let address = served.address();
    let clients: Vec<_> = (0..64)
        .map(|number| {
            thread::spawn(move || {
                let mut client = Client::to(address);
                for turn in 0..20 {
                    let replied = client.send(&format!("GET /path/{number}/{turn}"), &[], "");
                    assert_eq!(
                        (replied.status, replied.text()),
                        (200, format!("/{number}/{turn}"))
                    );
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("each client gets what it asked for");
    }
    assert!(served.children().len() <= 64);
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let files = [("hello.rhai", HELLO), ("slow.rhai", SLOW)];
    let mut served = Served::of(&files, &["--timeout", "60"]);
    served.invoke("hello", &[], r#"{"name":"Ada"}"#);
    served.invoke("slow", &[("X-Amz-Invocation-Type", "Event")], "{}");
    served.log_with("begun", 1);
    let children = served.children();
    assert_eq!(children.len(), 2);
    assert_eq!(served.interrupt().signal(), Some(libc::SIGINT));
    // They have been killed; that the system has put them away takes a moment.
    while children.iter().any(|pid| is_running(*pid)) {
        thread::yield_now();
    }
}

#[test]
fn a_port_in_use_and_other_mistakes_are_explained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("hello.rhai"), HELLO).expect("a file can be written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it has an address").port().to_string();
    for (arguments, said) in [
        (&["--port", &port][..], "is in use; end what listens there"),
        (&["nowhere"], "cannot read"),
        (&["hello.rhai"], "is no folder"),
        (&["--schedule", "nightly=rate(1 minute)"], "--schedule: "),
        (&["--schedule", "hello=rate(5 minute)"], "rate(5 minutes)"),
        (&["--env-file", "missing.env"], "missing.env"),
        (&["--host", "192.0.2.1"], "no such address"),
    ] {
        let output = command(folder.path()).args(arguments).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_schedule_sends_events_of_eventbridge() {
    let script = "fn handler(event) { print(json::stringify(event)); }";
    let served = Served::of(&[("tick.rhai", script)], &["--schedule", "tick=rate(1 second)"]);
    let log = served.log_with("\"detail-type\":\"Scheduled Event\"", 2);
    assert!(log.contains("arn:aws:events:us-east-1:123456789012:rule/tick"), "{log}");
    assert!(log.contains("\"source\":\"aws.events\""), "{log}");
}

#[test]
fn the_aws_cli_invokes_functions() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let Some(mut aws) = aws_client("aws", served.folder()) else { return };
    served.write("event.json", r#"{"name": "Ada"}"#);
    let endpoint = format!("http://{}", served.address());
    let told = output_of(
        aws.args(["lambda", "invoke", "--endpoint-url", &endpoint, "--function-name", "hello"])
            .args(["--payload", "fileb://event.json", "--log-type", "Tail", "response.json"]),
    );
    let told: Value = serde_json::from_str(&told).expect("it prints JSON");
    assert_eq!((&told["StatusCode"], &told["ExecutedVersion"]), (&json!(200), &json!("$LATEST")));
    let log = STANDARD.decode(told["LogResult"].as_str().expect("a log")).expect("base64");
    assert!(String::from_utf8_lossy(&log).contains("seen Ada"));
    let response =
        fs::read_to_string(served.folder().join("response.json")).expect("it is written");
    assert_eq!(response, r#""Hello, Ada""#);
}

#[test]
fn boto3_sees_responses_errors_logs_and_streams() {
    const PROGRAM: &str = r#"
import base64, boto3, json, sys
client = boto3.client("lambda", endpoint_url=sys.argv[1])
def invoke(name, **more):
    got = client.invoke(FunctionName=name, **more)
    log = base64.b64decode(got.get("LogResult", "")).decode()
    return [got["StatusCode"], got.get("FunctionError"), got["Payload"].read().decode(), log]
def refusal(name, **more):
    try:
        client.invoke(FunctionName=name, **more)
    except client.exceptions.ClientError as error:
        return type(error).__name__
def stream(name):
    got = client.invoke_with_response_stream(FunctionName=name, Payload=b'{"name":"Ada"}', LogType="Tail")
    return [list(event.items())[0] for event in got["EventStream"]]
print(json.dumps({
    "event": invoke("hello", Payload=b'{"name":"Ada"}', LogType="Tail"),
    "later": invoke("hello", Payload=b'{"name":"Bob"}', InvocationType="Event"),
    "dry": invoke("hello", InvocationType="DryRun"),
    "error": invoke("hello.refuse"),
    "nested": invoke("jobs/nightly", Payload=b'{"name":"Eve"}'),
    "unknown": refusal("nobody"),
    "malformed": refusal("hello", Payload=b"{"),
    "large": refusal("hello", Payload=b'"' + b"x" * (6 << 20) + b'"'),
    "stream": stream("hello"),
    "stream_error": stream("hello.refuse"),
    "streamed": stream("rows.plain"),
    "broken": stream("rows.breaks"),
    "list": [function["FunctionName"] for function in client.list_functions()["Functions"]],
    "timeout": client.get_function_configuration(FunctionName="hello")["Timeout"],
}, default=lambda value: value.decode()))
"#;
    const ROWS: &str = r#"
fn plain(event) { for row in 1..=2 { stream::write(`row ${row}`); stream::flush(); } }
fn breaks(event) { stream::write("row 1"); stream::flush(); throw "no more"; }
"#;
    let files = [("hello.rhai", HELLO), ("jobs/nightly.rhai", HELLO), ("rows.rhai", ROWS)];
    let served = Served::of(&files, &[]);
    let Some(mut python) = aws_client("python", served.folder()) else { return };
    let endpoint = format!("http://{}", served.address());
    let printed = output_of(python.args(["-c", PROGRAM, &endpoint]));
    let got: Value = serde_json::from_str(&printed).expect("it prints JSON");
    let without_log = |name: &str| got[name].as_array().expect("a list")[..3].to_vec();
    assert_eq!(without_log("event"), [json!(200), Value::Null, json!("\"Hello, Ada\"")]);
    assert!(got["event"][3].as_str().is_some_and(|log| log.contains("seen Ada")), "{printed}");
    assert_eq!(without_log("later"), [json!(202), Value::Null, json!("")]);
    assert_eq!(without_log("dry"), [json!(204), Value::Null, json!("")]);
    assert_eq!(got["error"][1], "Unhandled");
    assert!(got["error"][2].as_str().is_some_and(|body| body.contains("OrderNotFound")));
    assert_eq!(got["nested"][2], "\"Hello, Eve\"");
    assert_eq!(got["unknown"], "ResourceNotFoundException");
    assert_eq!(got["malformed"], "InvalidRequestContentException");
    assert_eq!(got["large"], "RequestTooLargeException");
    assert_eq!(got["stream"][0], json!(["PayloadChunk", { "Payload": "\"Hello, Ada\"" }]));
    assert_eq!(got["stream"][1][0], "InvokeComplete");
    assert_eq!(got["stream_error"][0][1]["ErrorCode"], "Function.ScriptError", "{printed}");
    let rows =
        [json!("row 1"), json!("row 2")].map(|row| json!(["PayloadChunk", { "Payload": row }]));
    assert_eq!(got["streamed"].as_array().expect("a list")[..2], rows, "{printed}");
    assert_eq!(got["streamed"][2][0], "InvokeComplete");
    assert_eq!(got["broken"][0], rows[0]);
    assert_eq!(got["broken"][1][1]["ErrorCode"], "Function.ScriptError", "{printed}");
    assert_eq!(got["list"], json!(["hello", "jobs/nightly"]));
    assert_eq!(got["timeout"], 3);
    served.log_with("seen Bob", 1);
}
