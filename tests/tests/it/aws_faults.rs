//! Calls to AWS where something goes wrong: on the network, in the service, with credentials and clocks,
//! and in what a script asks for.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rhambda_runtime::aws::sigv4;
use rhambda_tests::{After, Asked, Event, Function, Run, Server, answer};
use serde_json::{Value, json};

/// Calls what the event says, and tells what came of it.
const CALLER: &str = r#"
fn handler(event) {
    try {
        let options = event.options ?? #{};
        if "path" in event {
            let answer = aws::request(#{ service: event.service, operation: event.operation, path: event.path });
            return #{ ok: answer.text() };
        }
        let answer = aws::call(event.service, event.operation, event.parameters ?? #{}, options);
        return #{ ok: answer };
    } catch (error) { return #{ error: error }; }
}
"#;

fn function(endpoint: &str) -> Function {
    Function::of(CALLER)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETOFTHEROLE")
        .env("AWS_SESSION_TOKEN", "TOKENOFTHEROLE")
}

fn event(service: &str, operation: &str) -> Value {
    json!({ "service": service, "operation": operation })
}

/// What one call gives.
#[track_caller]
fn call(server: &Server, event: &Value) -> Value {
    let mut run = function(&server.url()).event(event.to_string()).run();
    serde_json::from_str(&run.response()).expect("JSON")
}

fn failing(times: usize, status: u16, body: &'static str) -> Server {
    Server::saying(move |asked| match asked.earlier < times {
        true => answer(status, &[("x-amzn-requestid", "r-1")], body),
        false => answer(200, &[], "{\"Item\":{}}"),
    })
}

#[test]
fn what_may_go_well_the_next_time_is_tried_again() {
    for (status, body) in [
        (500, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\"}"),
        (503, ""),
        (502, "<html>Bad gateway</html>"),
        (
            400,
            "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\"}",
        ),
        (400, "{\"__type\":\"ThrottlingException\",\"message\":\"slower\"}"),
        (400, "{\"code\":\"RequestLimitExceeded\"}"),
        (429, "{}"),
    ] {
        let server = failing(1, status, body);
        let said = call(&server, &event("dynamodb", "GetItem"));
        assert_eq!(said, json!({ "ok": { "Item": {} } }), "{status} {body}");
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{status} {body}");
    }
    let slow = Server::saying(|asked| match asked.earlier {
        0 => answer(
            503,
            &[],
            "<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>",
        ),
        _ => answer(200, &[], "there"),
    });
    let said = call(&slow, &json!({ "service": "s3", "operation": "GetObject", "path": "/b/k" }));
    assert_eq!(said, json!({ "ok": "there" }));
    // The last error is thrown, with what the service says.
    let server = failing(99, 500, "{\"__type\":\"InternalFailure\",\"message\":\"sorry\"}");
    let said = call(&server, &event("dynamodb", "GetItem"));
    assert_eq!(server.seen().len(), 4);
    assert_eq!(
        said["error"],
        json!({
            "type": "InternalFailure", "message": "dynamodb:GetItem: sorry", "status": 500,
            "request_id": "r-1", "service": "dynamodb", "operation": "GetItem",
        })
    );
}

#[test]
fn what_would_fail_again_is_thrown_at_once() {
    for (status, body, kind) in [
        (
            400,
            "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\",\"message\":\"no\"}",
            "ResourceNotFoundException",
        ),
        (
            400,
            "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"id\":{\"S\":\"7\"}}}",
            "ConditionalCheckFailedException",
        ),
        (400, "{\"__type\":\"InvalidSignatureException\"}", "InvalidSignatureException"),
        (403, "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}", "AccessDeniedException"),
        (404, "nothing", "NotFound"),
        (301, "<Error><Code>PermanentRedirect</Code></Error>", "PermanentRedirect"),
    ] {
        let server = failing(99, status, body);
        let said = call(&server, &event("dynamodb", "GetItem"));
        assert_eq!(said["error"]["type"], kind, "{said}");
        assert_eq!(said["error"]["status"], status, "{said}");
        assert_eq!(server.seen().len(), 1, "{kind}");
    }
    // What else the service says is in the map.
    let body = "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"id\":{\"S\":\"7\"}}}";
    let said = call(&failing(99, 400, body), &event("dynamodb", "PutItem"));
    assert_eq!(said["error"]["Item"], json!({ "id": { "S": "7" } }));
}

/// A server that breaks the first request off, so or so.
fn breaking(half: bool) -> Server {
    Server::doing(move |asked, stream| {
        if asked.earlier > 0 {
            stream.write_all(&answer(200, &[], "{\"MessageId\":\"1\"}"))?;
            return Ok(After::Keep);
        }
        if half {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Mess")?;
            stream.flush()?;
        }
        Ok(After::Reset)
    })
}

#[test]
fn a_request_whose_fate_is_not_known_is_sent_again_only_where_that_does_no_harm() {
    for half in [false, true] {
        for (service, operation, parameters, is_repeated) in [
            ("dynamodb", "GetItem", json!({}), true),
            ("sqs", "ReceiveMessage", json!({}), false),
            ("sqs", "SendMessage", json!({}), false),
            ("sns", "Publish", json!({}), false),
            ("dynamodb", "PutItem", json!({ "TableName": "t" }), true),
            ("dynamodb", "PutItem", json!({ "ConditionExpression": "a" }), false),
            ("dynamodb", "UpdateItem", json!({}), false),
            ("dynamodb", "TransactWriteItems", json!({}), true),
            ("ssm", "GetParameters", json!({}), true),
            ("ec2", "RunInstances", json!({ "ImageId": "ami-1" }), true),
        ] {
            let server = breaking(half);
            let mut event = event(service, operation);
            event["parameters"] = parameters;
            let said = call(&server, &event);
            let seen = server.seen();
            let about = format!("{operation} {half}: {said}");
            assert_eq!(seen.len(), if is_repeated { 2 } else { 1 }, "{about}");
            if is_repeated {
                // The same, token and all; the second is not one more.
                assert_eq!(seen[0].body, seen[1].body, "{about}");
            } else {
                assert_eq!(said["error"]["type"], "Http.ConnectionLost", "{about}");
                let message = said["error"]["message"].as_str().unwrap_or_default();
                assert!(message.contains("it was not sent again"), "{about}");
                assert_eq!(said["error"]["operation"], operation);
            }
        }
    }
}

#[test]
fn a_body_that_does_not_end_is_given_up_in_time() {
    let server = Server::doing(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"It")?;
        stream.flush()?;
        Ok(After::Hang)
    });
    let mut event = event("dynamodb", "GetItem");
    event["options"] = json!({ "timeout_ms": 300 });
    let said = call(&server, &event);
    assert_eq!(said["error"]["type"], "Http.Timeout", "{said}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn retries_end_with_the_time_of_the_invocation() {
    let server = Server::saying(|_| {
        answer(503, &[("retry-after", "20")], "{\"__type\":\"ServiceUnavailable\"}")
    });
    let event = Event::new(event("dynamodb", "GetItem").to_string()).due_in(Duration::from_secs(3));
    let mut run = function(&server.url()).sent(event).run();
    let said = run.response();
    assert!(said.contains("\"type\":\"ServiceUnavailable\""), "{said}");
    assert_eq!(server.seen().len(), 1);
    run.within(Duration::from_secs(3));
}

#[test]
fn retries_are_paid_from_one_bucket() {
    const MANY: &str = r#"
fn handler(event) {
    for n in 0..60 {
        try { aws::call("dynamodb", "GetItem", #{}, #{ retries: 1 }); } catch { }
    }
}
"#;
    let server = failing(usize::MAX, 500, "{}");
    function(&server.url()).file("main.rhai", MANY).event("{}").run().responded("null");
    // 500 tokens are 50 retries, and nothing that went well gives any back.
    assert_eq!(server.seen().len(), 110);
}

#[test]
fn answers_that_are_not_what_they_should_be_are_errors() {
    for (service, operation, body) in [
        ("dynamodb", "GetItem", "<html>Sign in to the network</html>"),
        ("dynamodb", "GetItem", "{\"Item\":"),
        ("sns", "Publish", "{\"MessageId\":\"1\"}"),
        ("sns", "Publish", "<PublishResponse><Publish"),
    ] {
        let kind = if body.starts_with('<') { "application/json" } else { "text/xml" };
        let server = Server::saying(move |_| answer(200, &[("content-type", kind)], body));
        let said = call(&server, &event(service, operation));
        assert_eq!(said["error"]["type"], "Aws.InvalidResponse", "{said}");
        let message = said["error"]["message"].as_str().unwrap_or_default();
        assert!(
            message.starts_with(&format!("{service}:{operation}: the answer cannot be read: ")),
            "{said}"
        );
        assert_eq!(server.seen().len(), 1);
    }
    for service in ["dynamodb", "sns"] {
        let server = Server::saying(|_| answer(200, &[], ""));
        assert_eq!(call(&server, &event(service, "GetItem")), json!({ "ok": {} }));
    }
}

/// When a request was signed, in seconds from now.
fn signed_at(asked: &Asked) -> i64 {
    let stamp = asked.header("x-amz-date").to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let offset = (0..20_000i64).find_map(|distance| {
        [distance, -distance].into_iter().find(|offset| {
            let moment = UNIX_EPOCH + Duration::from_secs(now.saturating_add_signed(*offset));
            sigv4::stamp(moment) == stamp
        })
    });
    offset.unwrap_or_else(|| panic!("{stamp} is hours off"))
}

#[test]
fn a_clock_that_is_off_is_corrected_by_the_date_of_the_server() {
    const AHEAD: i64 = 7200;
    let server = Server::saying(|asked| {
        if (signed_at(asked) - AHEAD).abs() < 300 {
            return answer(200, &[], "{}");
        }
        let then = SystemTime::now() + Duration::from_secs(AHEAD.unsigned_abs());
        let date = http_date(then);
        answer(
            400,
            &[("date", &date)],
            "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired\"}",
        )
    });
    let event = event("dynamodb", "GetItem").to_string();
    let run = function(&server.url()).event(&event).event(&event).run();
    let run = run.responded("{\"ok\":{}}").responded("{\"ok\":{}}");
    // Once to learn of it, and never again.
    assert_eq!(server.seen().len(), 3);
    run.logged_times(1, "seconds off AWS's");
}

/// As HTTP writes a moment.
fn http_date(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let stamp = sigv4::stamp(moment);
    let day = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(seconds / 86_400 % 7) as usize];
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[stamp[4..6].parse::<usize>().expect("a month") - 1];
    let (h, m, s) = (&stamp[9..11], &stamp[11..13], &stamp[13..15]);
    format!("{day}, {} {month} {} {h}:{m}:{s} GMT", &stamp[6..8], &stamp[..4])
}

/// A server of credentials, each time others; they end in so many seconds.
fn container(seconds: u64) -> Server {
    Server::saying(move |asked| {
        if asked.header("authorization") != "Bearer of-the-container" {
            return answer(403, &[], "SECRETOFTHESERVER");
        }
        let end = SystemTime::now() + Duration::from_secs(seconds);
        let stamp = sigv4::stamp(end);
        let end = format!(
            "{}-{}-{}T{}:{}:{}Z",
            &stamp[..4],
            &stamp[4..6],
            &stamp[6..8],
            &stamp[9..11],
            &stamp[11..13],
            &stamp[13..15]
        );
        let body = json!({
            "AccessKeyId": format!("AKIDOFCONTAINER{}", asked.earlier), "SecretAccessKey": "SECRETOFCONTAINER",
            "Token": "TOKENOFCONTAINER", "Expiration": end,
        });
        answer(200, &[], body.to_string())
    })
}

fn contained(server: &Server, container: &str) -> Function {
    function(&server.url())
        .without_env("AWS_ACCESS_KEY_ID")
        .without_env("AWS_SECRET_ACCESS_KEY")
        .without_env("AWS_SESSION_TOKEN")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", container)
}

/// The access keys of the requests, in their order.
fn keys(server: &Server) -> Vec<String> {
    let key = |asked: &Asked| {
        let authorization = asked.header("authorization");
        let key = authorization.split("Credential=").nth(1).and_then(|rest| rest.split('/').next());
        key.unwrap_or_default().to_owned()
    };
    server.seen().iter().map(key).collect()
}

#[test]
fn credentials_come_from_the_environment() {
    let server = failing(0, 200, "");
    let event = event("dynamodb", "GetItem").to_string();
    function(&server.url()).event(&event).run().responded("{\"ok\":{\"Item\":{}}}");
    function(&server.url())
        .without_env("AWS_SESSION_TOKEN")
        .event(&event)
        .run()
        .responded("{\"ok\":{\"Item\":{}}}");
    let seen = server.seen();
    assert_eq!(keys(&server), ["AKIDEXAMPLE", "AKIDEXAMPLE"]);
    assert_eq!(seen[0].header("x-amz-security-token"), "TOKENOFTHEROLE");
    assert!(
        seen[0].header("authorization").contains(
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        )
    );
    assert_eq!(seen[1].header("x-amz-security-token"), "");
}

#[test]
fn credentials_of_a_container_are_asked_for_once_and_again_before_they_end() {
    let event = event("dynamodb", "GetItem").to_string();
    for (seconds, asked) in [(3600, 1), (200, 2)] {
        let server = failing(0, 200, "");
        let container = container(seconds);
        let file = tempfile::NamedTempFile::new().expect("a file");
        writeln!(file.as_file(), "Bearer of-the-container").expect("written");
        let run = contained(&server, &format!("{}/creds", container.url()))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.path().to_str().expect("UTF-8"))
            .event(&event)
            .event(&event)
            .run();
        run.responded("{\"ok\":{\"Item\":{}}}").responded("{\"ok\":{\"Item\":{}}}");
        assert_eq!(container.seen().len(), asked, "{seconds}");
        assert_eq!(container.seen()[0].target, "/creds");
        assert_eq!(keys(&server)[0], "AKIDOFCONTAINER0");
        assert_eq!(server.seen()[0].header("x-amz-security-token"), "TOKENOFCONTAINER");
    }
}

#[test]
fn credentials_that_the_service_takes_for_expired_are_asked_for_again() {
    let server =
        Server::saying(|asked| match asked.header("authorization").contains("CONTAINER0/") {
            true => {
                answer(400, &[], "{\"__type\":\"ExpiredTokenException\",\"message\":\"expired\"}")
            }
            false => answer(200, &[], "{}"),
        });
    let container = container(3600);
    let run = contained(&server, &container.url())
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer of-the-container")
        .event(event("dynamodb", "UpdateItem").to_string())
        .run();
    run.responded("{\"ok\":{}}");
    assert_eq!(keys(&server), ["AKIDOFCONTAINER0", "AKIDOFCONTAINER1"]);
}

#[test]
fn credentials_that_cannot_be_had_are_an_error_with_the_way_out() {
    let server = failing(0, 200, "");
    let foreign = contained(&server, "http://credentials.example.com/");
    let refused = container(3600);
    let wrong =
        contained(&server, &refused.url()).env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer wrong");
    let without_file = contained(&server, &refused.url())
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token");
    let nothing = contained(&server, "");
    let half = function(&server.url()).without_env("AWS_SECRET_ACCESS_KEY");
    for (function, why) in [
        (foreign, "is asked by http, which only loopback and link-local hosts may be"),
        (wrong, "answered with status 403"),
        (without_file, "needs a token whose file cannot be read"),
        (nothing, "neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set"),
        (half, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"),
    ] {
        let mut run = function.event(event("dynamodb", "GetItem").to_string()).run();
        let said = run.response();
        assert!(said.contains("\"type\":\"Aws.NoCredentials\"") && said.contains(why), "{said}");
        assert!(said.contains("elsewhere set AWS_ACCESS_KEY_ID"), "{said}");
        assert!(!said.contains("SECRETOF"), "{said}");
    }
    assert!(server.seen().is_empty());
}

/// Whether anything that a run left behind has one of these.
#[track_caller]
fn assert_nowhere(run: &Run, secrets: &[&str]) {
    let calls: String = run.calls().iter().map(|call| call.text()).collect();
    for secret in secrets {
        for (place, text) in
            [("stdout", run.stdout()), ("stderr", run.stderr()), ("a response", &calls)]
        {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
}

#[test]
fn credentials_are_nowhere_where_a_script_or_a_reader_of_the_log_could_find_them() {
    const CURIOUS: &str = r#"
fn attempt(act) { try { return `${act.call()}`; } catch (error) { return `${error}`; } }
fn handler(event) {
    let said = [];
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
        said.push(attempt(|| env::get(name)));
        said.push(attempt(|| env::get(name, "none")));
        said.push(attempt(|| env::require(name)));
    }
    for path in ["/proc/self/environ", "/proc/1/environ", "/proc/self/mem", "../../proc/self/environ", "/tmp/../proc/self/environ"] {
        said.push(attempt(|| fs::read_text(path)));
        said.push(attempt(|| response::file(path)));
    }
    said.push(attempt(|| aws::call("dynamodb", "GetItem", #{})));
    said.push(attempt(|| aws::call("sns", "Publish", #{ TopicArn: "t" })));
    said.push(attempt(|| aws::request(#{ service: "s3", path: "/b/k" }).headers));
    said.push(attempt(|| aws::call("dynamodb", "GetItem", #{}, #{ region: "nowhere!" })));
    said.push(attempt(|| aws::region()));
    for line in said { log::info(line); }
    print(said);
    if event.fails { throw #{ type: "Curious", message: `${said}`, said: said } }
    said
}
"#;
    let server = Server::saying(|asked| match asked.earlier % 3 {
        0 => answer(400, &[], "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}"),
        _ => answer(200, &[], "<R/>"),
    });
    let container = container(3600);
    let from_environment = function(&server.url());
    let from_container = contained(&server, &container.url())
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer of-the-container");
    for function in [from_environment, from_container] {
        let run = function
            .file("main.rhai", CURIOUS)
            .env("RHAMBDA_LOG", "trace")
            .event("{\"fails\":false}")
            .event("{\"fails\":true}")
            .run();
        assert_nowhere(
            &run,
            &[
                "AKIDEXAMPLE",
                "SECRETOF",
                "TOKENOF",
                "AKIDOF",
                "of-the-container",
                "AWS4-HMAC",
                "Signature=",
            ],
        );
        run.logged("AccessDeniedException");
    }
}

#[test]
fn what_cannot_be_asked_for_is_named_with_the_way_out() {
    for (expression, expected) in [
        (
            "aws::call(\"dynamodbb\", \"GetItem\")",
            "`aws::call` knows no service `dynamodbb`; did you mean `dynamodb`?",
        ),
        (
            "aws::call(\"lambda\", \"Invoke\")",
            "one with a REST API is called by aws::request(#{ service: \"lambda\", operation: \"Invoke\"",
        ),
        (
            "aws::call(\"no such\", \"Get\")",
            "`no such` is not the name of a service, such as `dynamodb`",
        ),
        ("aws::call(\"\", \"Get\")", "`` is not the name of a service"),
        ("aws::call(\"dynamodb\", \"Get Item\")", "`Get Item` is not the name of an operation"),
        ("aws::call(\"dynamodb\", \"\")", "`` is not the name of an operation"),
        (
            "aws::call(\"dynamodb\", \"GetItem\", 5)",
            "dynamodb:GetItem: the parameters are i64, not a map such as",
        ),
        ("aws::call(\"dynamodb\", \"GetItem\", [])", "the parameters are array, not a map"),
        ("aws::call(\"dynamodb\", \"GetItem\", #{ Key: || 1 })", "the parameters cannot be sent"),
        (
            "aws::call(\"dynamodb\", \"GetItem\", #{ Key: 0.0 / 0.0 })",
            "the parameters cannot be sent",
        ),
        (
            "aws::call(\"sns\", \"Publish\", #{ Message: || 1 })",
            "the parameter `Message` is Fn, which cannot be sent",
        ),
        (
            "aws::call(\"sns\", \"Publish\", #{ Number: 1.0 / 0.0 })",
            "the parameter `Number` is inf, which cannot be sent",
        ),
        ("aws::call(\"dynamodb\", \"GetItem\", deep())", "nested more than"),
        ("aws::call(\"sns\", \"Publish\", deep())", "nested more than"),
        (
            "aws::call(\"dynamodb\", \"GetItem\", #{}, #{ retires: 1 })",
            "there is no option `retires`; did you mean `retries`?",
        ),
        (
            "aws::call(\"dynamodb\", \"GetItem\", #{}, #{ retries: 99 })",
            "`retries` is a whole number from 0 to 10, not 99",
        ),
        (
            "aws::call(\"dynamodb\", \"GetItem\", #{}, #{ region: \"EU West\" })",
            "`EU West` is not a region; one looks like `eu-west-1`",
        ),
        (
            "aws::call(\"dynamodb\", \"GetItem\", #{}, #{ endpoint: \"nowhere\" })",
            "the endpoint that the option `endpoint` names cannot be used",
        ),
        ("aws::request(#{ path: \"/\" })", "`service` is missing, such as \"lambda\""),
        (
            "aws::request(#{ service: \"evil.com/\", path: \"/\" })",
            "`evil.com/` is not the name of a service",
        ),
        ("aws::request(#{ service: \"lambda\", path: \"functions\" })", "`path` begins with `/`"),
        ("aws::request(#{ service: \"lambda\", mehtod: \"GET\" })", "did you mean `method`?"),
        ("aws::presign(#{ service: \"s3\", path: \"/b/k\", expires: \"8d\" })", "at most a week"),
        ("aws::presign(#{ service: \"s3\", path: \"/b/k\", expires: 0 })", "at least a second"),
    ] {
        let script = format!(
            "fn deep() {{ let map = #{{}}; for n in 0..2000 {{ map = #{{ a: map }}; }} map }}
fn handler(event) {{ {expression} }}"
        );
        let server = failing(0, 200, "");
        let run = function(&server.url()).file("main.rhai", script).event("{}").run();
        let said: String = run.calls().iter().map(|call| call.text()).collect();
        let plain = said.replace("\\\"", "\"");
        assert!(plain.contains(expected), "{expression}: {said}");
        assert!(server.seen().is_empty(), "{expression}");
    }
    let script = "fn handler(event) { aws::call(\"dynamodb\", \"GetItem\") }";
    let run = function("").without_env("AWS_REGION").file("main.rhai", script).event("{}").run();
    run.failed_as("Function.ScriptError", "Aws.NoRegion")
        .saying("elsewhere set AWS_REGION, or give the option `region`");
    let run = function("ftp://x").file("main.rhai", script).event("{}").run();
    run.failed_as("Function.ScriptError", "Aws.InvalidEndpoint")
        .saying("the endpoint that AWS_ENDPOINT_URL names cannot be used");
    let server = failing(
        99,
        400,
        "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\",\"message\":\"Requested resource not found\"}",
    );
    let run = function(&server.url()).file("main.rhai", script).event("{}").run();
    run.failed_as("Function.ScriptError", "ResourceNotFoundException")
        .saying("dynamodb:GetItem: Requested resource not found");
}
