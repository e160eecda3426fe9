//! The library as a handler meets it. What each function gives is in its docs, whose examples are
//! tested where they stand; here is what a hostile or unlucky script meets.

use std::time::Duration;

use rhambda_tests::{Event, Function};

/// The body of a handler that does something terrible once, and answers the next event.
fn once(statements: &str) -> Function {
    Function::of(&format!(
        "fn handler(event) {{\n  if event != 1 {{ return \"served\" }}\n  {statements}\n}}\n"
    ))
}

const SERVED: &str = "\"served\"";

#[test]
fn an_event_that_is_not_as_described_is_told_in_full() {
    let script = r#"
        const ORDER = #{
            type: "object",
            required: ["id"],
            properties: #{ id: "integer", items: #{ items: #{ properties: #{ price: "number" } } } },
        };
        fn handler(event) {
            schema::require(event, ORDER);
            event.id
        }
    "#;
    Function::of(script)
        .event(r#"{"id":7,"items":[{"price":1.5}]}"#)
        .event(r#"{"items":[{"price":1},{"price":"2"}]}"#)
        .run()
        .responded("7")
        .failed_as("Function.ScriptError", "Schema.Invalid")
        .saying("`$.id` is missing; `$.items[1].price` is a string, not number")
        .with_data(
            r#"{"problems":[{"message":"is missing","path":"$.id"},
                {"message":"is a string, not number","path":"$.items[1].price"}]}"#,
        )
        .kept_serving();
}

#[test]
fn an_error_names_the_line_that_called_the_library() {
    let error = "Function.RuntimeError";
    for (call, in_header, in_body) in [
        ("crypto::sha256(42)", error, error),
        ("base64::decode(`!`)", error, error),
        ("csv::parse(`a,a`)", error, error),
        ("fs::read_text(`/tmp/not/there`)", "Function.ScriptError", "Fs.NotFound"),
        ("jwt::verify(`a.b`, `key`, #{})", "Function.ScriptError", "Jwt.Malformed"),
        ("random::bytes(100000000000)", "Function.MemoryLimit", "Function.MemoryLimit"),
        ("regex::find(`a`, `(`)", error, error),
        ("[`a`].sum()", error, error),
        ("time::now().add(`soon`)", "Function.ScriptError", "Time.Invalid"),
    ] {
        let script = format!("fn called() {{\n    {call}\n}}\nfn handler(event) {{ called() }}");
        let run = Function::of(&script).event("1").run();
        run.failed_as(in_header, in_body).at("called (main.rhai:2:").kept_serving();
    }
}

#[test]
fn a_pattern_that_backtracks_elsewhere_takes_linear_time() {
    once("let text = \"\"; text.pad(1000000, 'a'); regex::test(text + \"!\", `^(a+)+$`)")
        .event("1")
        .event("2")
        .run()
        .responded("false")
        .responded(SERVED)
        .kept_serving();
}

#[test]
fn no_number_of_matches_outlives_the_deadline() {
    // Each match looks to the end of the text before it falls back to one letter.
    for call in
        ["find_all(text, `a.*z|a`)", "split(text, `a.*z|a`)", "replace(text, `a.*z|a`, \"\")"]
    {
        once(&format!("let text = \"\"; text.pad(1000000, 'a'); regex::{call}"))
            .env("RHAMBDA_DEADLINE_MARGIN_MS", "100")
            .sent(Event::new("1").due_in(Duration::from_millis(700)))
            .event("2")
            .run()
            .failed("Function.DeadlineExceeded")
            .at("main.rhai:3")
            .responded(SERVED)
            .kept_serving()
            .within(Duration::from_secs(8));
    }
}

#[test]
fn no_function_takes_more_memory_than_there_is() {
    let calls = [
        "regex::find_all(text, `.`)",
        "regex::captures_all(text, `.`)",
        "regex::split(text, ``)",
        "regex::replace(text, `.*`, dollars)",
        "regex::replace(text, `.*`, |groups| { let s = groups[0]; s + s + s + s + s + s + s })",
        "regex::escape(dots)",
        "schema::check([text, many, many, many], #{ items: #{ items: \"string\" } })",
    ];
    for call in calls {
        let text =
            "let text = \"\"; text.pad(6000000, 'a'); let dots = \"\"; dots.pad(18000000, '.');";
        let more =
            "let dollars = \"\"; dollars.pad(20000, \"$0\"); let many = []; many.pad(300000, 1);";
        once(&format!("{text} {more}\n  {call};\n  0"))
            .event("1")
            .event("2")
            .run()
            .failed("Function.MemoryLimit")
            .at("main.rhai:4")
            .responded(SERVED)
            .kept_serving();
    }
}

#[test]
fn what_cannot_be_meant_is_an_error_that_a_script_can_catch() {
    let script = r#"
        fn said(failing) { try { failing.call(); } catch (error) { return `${error}`; } }
        fn handler(event) {
            [
                said(|| regex::find("a", "(")),
                said(|| regex::find("a", "(?=b)")),
                said(|| schema::check(1, #{ minumum: 1 })),
            ]
        }
    "#;
    let mut run = Function::of(script).event("0").run();
    let said = run.response();
    for part in [
        "the pattern `(` is no regular expression",
        "the pattern `(?=b)` is no regular expression",
        "the schema for `$` has an unknown `minumum`; did you mean `minimum`?",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    run.kept_serving();
}
