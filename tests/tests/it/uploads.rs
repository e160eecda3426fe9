//! Forms with files: what `http` sends as `multipart`, and what an event's `form()` reads.

use rhambda_tests::{Function, Run, Server, answer};
use serde_json::{Value, json};

fn value(mut run: Run) -> Value {
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

fn result(event: &Value, statements: &str) -> Value {
    let script = format!("fn handler(event) {{\n{statements}\n}}");
    value(Function::of(&script).event(event.to_string()).run())
}

fn service() -> Server {
    Server::saying(|_| answer(200, &[], "taken"))
}

/// What was sent, with the boundary as `XX`.
fn sent(server: &Server) -> (String, String) {
    let asked = server.seen().pop().expect("a request");
    let kind = asked.header("content-type").to_owned();
    let boundary = kind.split_once("boundary=").expect("a boundary").1.to_owned();
    assert!(
        boundary.len() > 30 && boundary.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
    );
    (kind.replace(&boundary, "XX"), asked.text().replace(&boundary, "XX"))
}

#[test]
fn fields_come_before_files_and_each_part_says_what_it_is() {
    let server = service();
    let told = result(
        &json!(server.url()),
        "fs::write(\"/tmp/rhambda-test-upload.csv\", \"a,b\\n\");
         let answer = http::post(event, (), #{ multipart: #{
             a_file: #{ name: \"ü \\\"x\\\".txt\", content: \"hello\" },
             bytes: \"AB\".to_blob(),
             path: #{ path: \"/tmp/rhambda-test-upload.csv\", content_type: \"text/csv\" },
             title: \"two\\nlines\", number: 7, yes: true, none: (), tags: [\"x\", \"y\"],
         } });
         fs::remove(\"/tmp/rhambda-test-upload.csv\");
         answer.body",
    );
    assert_eq!(told, "taken");
    let (kind, body) = sent(&server);
    assert_eq!(kind, "multipart/form-data; boundary=XX");
    let field = |name: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = |name: &str, filename: &str, kind: &str, content: &str| {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
             Content-Type: {kind}\r\n\r\n{content}\r\n"
        )
    };
    let expected = [
        field("number", "7"),
        field("tags", "x"),
        field("tags", "y"),
        field("title", "two\nlines"),
        field("yes", "true"),
        file("a_file", "ü %22x%22.txt", "text/plain; charset=utf-8", "hello"),
        file("bytes", "bytes", "application/octet-stream", "AB"),
        file("path", "rhambda-test-upload.csv", "text/csv", "a,b\n"),
        "--XX--\r\n".to_owned(),
    ];
    assert_eq!(body, expected.concat());
}

#[test]
fn an_array_keeps_its_order() {
    let server = service();
    result(
        &json!(server.url()),
        "http::request(#{ method: \"POST\", url: event, headers: #{ \"content-type\": \"x/y\" }, multipart: [
             #{ field: \"file\", content: \"AB\".to_blob(), name: \"a\\r\\nX: y.bin\" },
             #{ field: \"key\", content: \"last\" },
             #{ field: \"note\", content: \"a file\", name: \"note.txt\", content_type: \"text/x\" },
         ] }).status",
    );
    let (kind, body) = sent(&server);
    assert_eq!(kind, "multipart/form-data; boundary=XX");
    assert_eq!(
        body,
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%0D%0AX: y.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\nAB\r\n\
         --XX\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nlast\r\n\
         --XX\r\nContent-Disposition: form-data; name=\"note\"; filename=\"note.txt\"\r\n\
         Content-Type: text/x\r\n\r\na file\r\n--XX--\r\n"
    );
}

#[test]
fn what_cannot_be_a_part_is_told_and_nothing_is_sent() {
    let server = service();
    for (multipart, said) in [
        ("7", "`multipart` is a map of fields, or an array of maps, not i64"),
        ("[7]", "part 0 of `multipart` is a map with `field`"),
        ("[#{ content: 1 }]", "part 0 of `multipart` has no text `field`"),
        (
            "#{ f: #{ nme: \"a\", content: \"\" } }",
            "the file `f` of `multipart` has no `nme`; did you mean `name`?",
        ),
        (
            "#{ f: #{ name: \"a\" } }",
            "the file `f` of `multipart` has neither `content` nor `path`",
        ),
        ("#{ f: #{ content: \"\", path: \"/tmp/a\" } }", "has both `content` and `path`"),
        ("#{ f: #{ content: 7 } }", "has a `content` that is i64, not text or a blob"),
        ("#{ f: #{ content: \"\", name: 7 } }", "has a `name` that is i64, not text"),
        (
            "#{ f: #{ content: \"\", content_type: \"a\\nb\" } }",
            "control character in its `content_type`",
        ),
        ("#{ f: #{ path: \"/tmp/rhambda-not-there\" } }", "cannot be read"),
        ("#{ f: #{ path: \"/etc/passwd\" } }", "cannot be read"),
        ("#{ f: || 1 }", "`f` of `multipart` is text, a number, a boolean, a blob or a map"),
    ] {
        let error = result(
            &json!(server.url()),
            &format!(
                "try {{ http::post(event, (), #{{ multipart: {multipart} }}) }} catch (e) {{ return e; }}"
            ),
        );
        let message = error["message"].as_str().unwrap_or_default();
        assert!(
            error["type"] == "Http.InvalidRequest" && message.contains(said),
            "{multipart}: {error}"
        );
    }
    let error = result(
        &json!(server.url()),
        "try { http::post(event, \"b\", #{ multipart: #{ a: 1 } }) } catch (e) { return e.message; }",
    );
    assert!(error.as_str().is_some_and(|error| error.contains("a body is given both")), "{error}");
    assert!(server.seen().is_empty());
}

#[test]
fn a_form_is_read_by_an_event_as_it_was_sent() {
    let server = service();
    result(
        &json!(server.url()),
        "http::post(event, (), #{ multipart: #{ title: \"ü \\\"t\\\"\", tags: [\"x\", \"y\"],
             file: #{ name: \"q\\\"ü.bin\", content: hex::decode(\"00ff0d0a2d2d\"), content_type: \"a/b\" } } }).status",
    );
    let asked = server.seen().pop().expect("a request");
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/upload",
        "rawQueryString": "",
        "headers": { "content-type": asked.header("content-type"), "host": "abc.lambda-url.eu-central-1.on.aws" },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": "abc.lambda-url.eu-central-1.on.aws",
            "domainPrefix": "abc",
            "http": {
                "method": "POST",
                "path": "/upload",
                "protocol": "HTTP/1.1",
                "sourceIp": "140.82.115.7",
                "userAgent": "curl/8",
            },
            "requestId": "5f0c2a8e-1b8e-4a60-9c29-7a0f5ce3c1ad",
            "routeKey": "$default",
            "stage": "$default",
            "time": "15/Jan/2026:08:44:21 +0000",
            "timeEpoch": 1_768_466_661_123_i64,
        },
        "body": base64(&asked.body),
        "isBase64Encoded": true,
    });
    let told = result(
        &event,
        "let form = events::request(event).form();
         [form.title, form.tags, form.file.filename, form.file.type, hex::encode(form.file.body)]",
    );
    assert_eq!(told, json!(["ü \"t\"", ["x", "y"], "q\"ü.bin", "a/b", "00ff0d0a2d2d"]));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
