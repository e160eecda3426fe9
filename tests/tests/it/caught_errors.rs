//! What a script has of an error that it catches, and what becomes of it when it is thrown again.

use rhambda_tests::{Function, Run};
use serde_json::{Value, json};

/// The answer of a handler with this body, however it is evaluated.
#[track_caller]
fn gives(script: &str, expected: &Value) {
    for limit in [None, Some("100000000")] {
        let mut function = Function::of(script).event(r#"{"id": 7, "list": [1, 2]}"#);
        if let Some(limit) = limit {
            function = function.env("RHAMBDA_MAX_OPERATIONS", limit);
        }
        let mut run = function.run();
        let response: Value = serde_json::from_str(&run.response()).expect("a response is JSON");
        assert_eq!(response, *expected, "{script}");
        run.kept_serving();
    }
}

/// Errors of the engine, each with the type that is posted of it when nobody catches it.
const OF_ENGINE: &[(&str, &str)] = &[
    ("event.missing.name", "Function.PropertyNotFound"),
    ("event.missing + 1", "Function.FunctionNotFound"),
    ("let x = no_such_variable; x + 1", "Function.VariableNotFound"),
    ("no_such_function(1)", "Function.FunctionNotFound"),
    ("parse_json(event.body)", "Function.FunctionNotFound"),
    ("[1, 2][9]", "Function.IndexNotFound"),
    ("\"abc\"[9]", "Function.IndexNotFound"),
    ("1 / 0", "Function.ArithmeticError"),
    ("parse_int(\"x\")", "Function.ArithmeticError"),
    ("if event.id { event.id = 8; }", "Function.TypeMismatch"),
    ("for x in event.id { x; }", "Function.TypeMismatch"),
    ("for x in event.things { x; }", "Function.TypeMismatch"),
    ("[3, \"a\"].sort()", "Function.TypeMismatch"),
    ("let a = [1, 2]; a.map(|x| x + a.len())", "Function.RuntimeError"),
    ("import \"nope\" as nope; nope::f()", "Function.ModuleNotFound"),
    ("let s = \"a\"; s.type", "Function.PropertyNotFound"),
];

#[test]
fn errors_of_the_engine_have_the_type_that_is_posted_their_message_and_their_place() {
    for (statement, error_type) in OF_ENGINE {
        let script = format!(
            "fn handler(event) {{\n try {{\n  {statement};\n }} catch (error) {{\n  return [error.type, \
             error.line, error.file, error.message == `${{error}}`, error.message.len() > 9];\n }}\n}}"
        );
        gives(&script, &json!([error_type, 3, "main.rhai", true, true]));
        let uncaught = format!("fn handler(event) {{\n\n  {statement};\n}}");
        Function::of(&uncaught).event("{\"id\": 7}").run().failed(error_type).at("main.rhai:3:");
    }
}

#[test]
fn errors_of_the_library_have_a_type_a_message_and_what_is_known() {
    let cases = [
        (
            "json::parse(\"[1,\\n x]\")",
            "Json.Malformed",
            json!({"line": 2, "column": 2, "offset": 5}),
        ),
        ("parse_json(\"{oops\")", "Json.Malformed", json!({"line": 1, "column": 2, "offset": 1})),
        ("json::stringify(1.0 / 0.0)", "Json.Invalid", json!({})),
        ("base64::decode(\"a*b\")", "Base64.Malformed", json!({"offset": 1})),
        ("base64url::decode(\"a*b\")", "Base64url.Malformed", json!({"offset": 1})),
        ("hex::decode(\"0g\")", "Hex.Malformed", json!({"offset": 1})),
        ("url::parse(\"a b\")", "Url.Malformed", json!({"offset": 1})),
        ("url::decode(\"a%zz\")", "Url.Malformed", json!({"offset": 1})),
        ("url::build(#{ port: 80 })", "Url.Invalid", json!({})),
        ("csv::parse(\"a,b\\n1\")", "Csv.Malformed", json!({"line": 2})),
        ("csv::parse(\"a\", #{ no: 1 })", "Csv.Invalid", json!({})),
        ("xml::parse(\"<a>\\n <b></a>\")", "Xml.Malformed", json!({"line": 2})),
        ("xml::write(#{ a: 1, b: 2 })", "Xml.Invalid", json!({})),
        ("gzip::decompress(\"abc\".to_blob())", "Gzip.Malformed", json!({})),
        ("regex::test(\"a\", \"(\")", "Regex.Invalid", json!({})),
        ("crypto::digest(\"sha3\", \"x\")", "Crypto.Invalid", json!({})),
        ("crypto::hmac_sha256(event.secret, \"x\")", "Crypto.Invalid", json!({})),
        ("events::from_dynamodb(#{ a: 1 })", "Events.Invalid", json!({})),
        ("jwt::verify(\"a.b.c\", \"k\", #{ no: 1 })", "Jwt.Invalid", json!({})),
        ("webhook::github(\"\", \"x\", \"y\")", "Webhook.Invalid", json!({})),
        ("schema::check(1, \"nothing\")", "Schema.InvalidSchema", json!({})),
        ("text::repeat(\"a\", -1)", "Text.Invalid", json!({})),
        ("[1].chunk(0)", "Collections.Invalid", json!({})),
        ("[#{ a: 1 }].sort_by(\"a\", \"up\")", "Collections.Invalid", json!({})),
        ("[\"a\"].sum()", "Collections.Invalid", json!({})),
        ("json::parse(\"18446744073709551615\").to_int()", "Json.Invalid", json!({})),
        ("time::parse(\"soon\")", "Time.Invalid", json!({})),
        ("env::require(\"NOT_THERE\")", "Env.Missing", json!({})),
    ];
    for (expression, error_type, known) in cases {
        let names: Vec<String> = known
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| format!("{name}: error.{name}"))
            .collect();
        let script = format!(
            "fn handler(event) {{\n try {{\n  {expression};\n }} catch (error) {{\n  return [type_of(error), \
             error.type, `${{error}}` == error.message, error.message != \"\", #{{ {} }}];\n }}\n}}",
            names.join(", ")
        );
        gives(&script, &json!(["map", error_type, true, true, known]));
    }
}

#[test]
fn what_a_script_throws_is_caught_as_it_was_thrown() {
    for (thrown, caught) in [
        ("\"text\"", json!("text")),
        ("42", json!(42)),
        ("[1, 2]", json!([1, 2])),
        (
            "#{ type: \"Mine\", message: \"no\", id: 7 }",
            json!({"type": "Mine", "message": "no", "id": 7}),
        ),
        ("#{ code: 7 }", json!({"code": 7})),
        ("()", json!(null)),
    ] {
        let script = format!(
            "fn fail() {{ throw {thrown} }}\nfn handler(event) {{\n try {{ fail() }} catch (error) {{ return \
             error }}\n}}"
        );
        gives(&script, &caught);
    }
    gives(
        "fn handler(event) { try { throw \"a text\" } catch (e) { return e.contains(\"text\") && e == \"a text\" } }",
        &json!(true),
    );
}

#[test]
fn an_error_that_is_returned_is_json() {
    gives(
        "fn handler(event) {\n try { 1 / 0 } catch (error) { return error }\n}",
        &json!({
            "type": "Function.ArithmeticError", "message": "division by zero: 1 / 0", "file": "main.rhai",
            "line": 2, "column": 10,
        }),
    );
}

/// The type that is counted of an error, and its body.
fn posted(run: &Run) -> Value {
    let post = run.calls().iter().find(|call| call.path.ends_with("/error"));
    let Some(post) = post else { run.fail("an error should have been posted") };
    let counted = post.header("Lambda-Runtime-Function-Error-Type");
    let body: Value = serde_json::from_slice(&post.body).expect("an error is JSON");
    json!([counted, body])
}

#[test]
fn thrown_again_it_is_the_same_error_at_the_same_place_with_the_same_trace() {
    let of_engine = OF_ENGINE.iter().map(|(statement, _)| *statement);
    let thrown = [
        "throw \"no stock\"",
        "throw 42",
        "throw #{ type: \"NoStock\", message: \"none left\", item: 7 }",
        "json::parse(\"{oops\")",
        "crypto::hmac_sha256(event.secret, \"x\")",
        "events::request(event)",
    ];
    for statement in of_engine.chain(thrown) {
        let work = format!(
            "fn deeper(event) {{\n  {statement};\n}}\nfn work(event) {{ deeper(event) }}\n"
        );
        let script = |body: &str| {
            format!(
                "{work}fn again(error) {{ throw error }}\nfn handler(event) {{\n try {{ work(event) }} {body}\n}}"
            )
        };
        let event = "{\"id\": 7}";
        // The `try` is there, so that the places are the same, and its catch is never reached.
        let plain = format!(
            "{work}fn again(error) {{ throw error }}\nfn handler(event) {{\n       work(event)\n}}"
        );
        let expected = posted(&Function::of(&plain).event(event).run());
        for body in [
            "catch (error) { throw error; }",
            "catch (error) { let kept = error; if true { throw kept; } }",
            "catch (error) { again(error); }",
            "catch (error) { try { throw error; } catch (e) { throw e; } }",
            "catch { throw; }",
            "catch (error) { [1].for_each(|| throw error); }",
        ] {
            // The engine has another text in a variable that is given text.
            if statement.contains("\"no stock\"") && body.contains("let kept") {
                continue;
            }
            for limit in [None, Some("100000000")] {
                let mut function = Function::of(&script(body)).event(event);
                if let Some(limit) = limit {
                    function = function.env("RHAMBDA_MAX_OPERATIONS", limit);
                }
                let mut found = posted(&function.run());
                let mut expected = expected.clone();
                // The folder is another one each time.
                if statement.starts_with("import") {
                    found[1]["errorMessage"] = json!(null);
                    expected[1]["errorMessage"] = json!(null);
                }
                // The excerpt may show the handler's own line.
                for body in [&mut found, &mut expected] {
                    if let Some(lines) = body[1]["stackTrace"].as_array_mut() {
                        lines.retain(|line| {
                            line.as_str().is_some_and(|line| line.starts_with("at "))
                        });
                    }
                }
                assert_eq!(found, expected, "{statement} {body}");
            }
        }
    }
}

#[test]
fn it_may_be_changed_before_it_is_thrown_again() {
    let script = "fn handler(event) {\n try {\n  json::parse(\"{oops\");\n } catch (error) {\n  error.message = \
                  `order ${event.id}: ${error}`;\n  error.order = event.id;\n  throw error;\n }\n}";
    Function::of(script)
        .event("{\"id\": 7}")
        .run()
        .failed_as("Function.ScriptError", "Json.Malformed")
        .saying("order 7: this is not JSON")
        .with_data(r#"{"column":2,"line":1,"offset":1,"order":7}"#)
        .at("handler (main.rhai:3:");
    let script = script.replace("json::parse(\"{oops\")", "event.no.name");
    Function::of(&script)
        .event("{\"id\": 7}")
        .run()
        .failed("Function.PropertyNotFound")
        .saying("order 7: there is no property `name`")
        .with_data(r#"{"order":7}"#)
        .at("handler (main.rhai:3:");
}

#[test]
fn it_is_the_same_in_modules_closures_and_callbacks() {
    let lib = "fn fails(x) {\n  x.no.name\n}\nfn caught(x) {\n  try { fails(x) } catch (e) { return [e.type, e.file, \
               e.line] }\n}\nfn again(x) {\n  try { fails(x) } catch (e) { throw e }\n}\n";
    let found = json!(["Function.PropertyNotFound", "lib.rhai", 2]);
    for body in [
        "lib::caught(event)",
        "try { lib::fails(event) } catch (e) { return [e.type, e.file, e.line] }",
        "try { lib::again(event) } catch (e) { return [e.type, e.file, e.line] }",
        "[1].map(|x| lib::caught(#{ x: x }))[0]",
        "try { [1].map(|x| lib::fails(#{ x: x })) } catch (e) { return [e.type, e.file, e.line] }",
        "try { [event].filter(|x| lib::again(x)) } catch (e) { return [e.type, e.file, e.line] }",
        "let f = |x| { try { lib::fails(x) } catch (e) { return [e.type, e.file, e.line] } }; f.call(event)",
        "cache::get_or(\"k\", 1, || lib::caught(event))",
        "try { cache::get_or(\"k\", 1, || lib::fails(event)) } catch (e) { return [e.type, e.file, e.line] }",
    ] {
        let script = format!("import \"lib\" as lib;\nfn handler(event) {{\n  {body}\n}}\n");
        let mut run = Function::of(&script).file("lib.rhai", lib).event("{}").run();
        let response: Value = serde_json::from_str(&run.response()).expect("a response is JSON");
        assert_eq!(response, found, "{body}");
    }
}

#[test]
fn an_error_at_the_top_level_can_be_caught_there() {
    let script = "let kept = ();\ntry { let x = 1; x.y } catch (e) { kept = [e.type, e.line] }\nexport const KEPT = \
                  kept;\nfn handler(event) { KEPT }\n";
    gives(script, &json!(["Function.PropertyNotFound", 2]));
}

#[test]
fn the_routers_error_function_has_the_same_error_as_a_catch() {
    let script = "router::get(\"/\", |request| request.no.name);\nrouter::error(|request, error| \
                  response::json(500, #{ type: error.type, line: error.line }));\nfn handler(event) { \
                  router::serve(event) }\n";
    let event = json!({
        "version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/", "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1", "userAgent": "x"}, "domainName": "x", "routeKey": "$default",
            "accountId": "1", "apiId": "a", "stage": "$default", "requestId": "1", "time": "x",
            "timeEpoch": 1, "domainPrefix": "x"},
        "routeKey": "$default", "isBase64Encoded": false,
    });
    let mut run = Function::of(script).event(event.to_string()).run();
    let response: Value = serde_json::from_str(&run.response()).expect("a response is JSON");
    let body: Value =
        serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(body, json!({"type": "Function.PropertyNotFound", "line": 1}));
}

#[test]
fn many_caught_errors_take_no_memory_and_the_last_keeps_its_place() {
    let script = "fn deep(n) { if n == 0 { throw \"end\" } deep(n - 1) }\nfn handler(event) {\n let last = ();\n for \
                  i in 0..20000 {\n  try { deep(i % 40) } catch (error) { last = error }\n }\n throw last\n}";
    Function::of(script)
        .event("{}")
        .run()
        .failed("Function.ScriptError")
        .saying_exactly("end")
        .at("deep (main.rhai:1:")
        .kept_serving();
}
