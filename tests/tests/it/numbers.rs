//! Numbers of all kinds together, however their decimals were written.

use rhambda_tests::Function;

/// What a handler with this body answers to an event, by both evaluators.
#[track_caller]
fn gives(body: &str, event: &str, response: &str) {
    for limit in ["0", "1000000000"] {
        // The last is run by the engine in any case.
        for script in [
            format!("fn handler(event) {{ {body} }}"),
            format!("fn handler(event) {{ try {{ throw 1 }} catch {{ return {{ {body} }} }} }}"),
        ] {
            Function::of(&script)
                .env("RHAMBDA_MAX_OPERATIONS", limit)
                .event(event)
                .run()
                .responded(response)
                .kept_serving();
        }
    }
}

/// 29.95 as PHP, C's `%.17g` and others write it; the same with more digits than that, which no float has;
/// and as an exponent.
const PRICES: [&str; 3] = ["29.949999999999999", "29.9499999999999993", "2994.9999999999999e-2"];

#[test]
fn a_decimal_is_the_nearest_float_wherever_something_is_done_with_it() {
    for price in PRICES {
        for (body, response) in [
            ("event * 2", "59.9"),
            (
                "[event + 1, 1 + event, event - 1, event / 2, event % 10.0]",
                "[30.95,30.95,28.95,14.975,9.95]",
            ),
            ("[-event, +event, event ** 2.0 > 897.0]", "[-29.95,29.95,true]"),
            ("let total = 0.0; total += event; total *= 2; total", "59.9"),
            ("let x = event; x += 1; x", "30.95"),
            ("let x = event; x -= 0.0; x += 0.05; x", "30.0"),
            ("let m = #{ a: event }; m.a *= 2; m", r#"{"a":59.9}"#),
            (
                "[event == 29.95, event != 29.95, event < 30, event >= 29.95, 30 > event]",
                "[true,false,true,true,true]",
            ),
            (
                "[type_of(event), `${event}`, \"\" + event, event.to_string()]",
                r#"["f64","29.95","29.95","29.95"]"#,
            ),
            (
                "[event.round(), event.floor(), event.ceiling(), event.int, event.to_int(), event.abs()]",
                "[30.0,29.0,30.0,29.0,29,29.95]",
            ),
            (
                "[event.sqrt() > 5.4, max(event, 30), min(event, 3), event.is_nan]",
                "[true,30.0,3.0,false]",
            ),
            ("switch event { 29.95 => 1, _ => 2 }", "1"),
            (
                "[29.95 in [1, event], [event].contains(29.95), [event].index_of(29.95)]",
                "[true,true,0]",
            ),
            ("[29.95, event].unique()", "[29.95]"),
            ("[[event] == [29.95], #{ a: event } == #{ a: 29.95 }]", "[true,true]"),
            ("[event, 1, 2.5].sum()", "33.45"),
            ("[#{ p: event }, #{ p: 30 }].sum_by(\"p\")", "59.95"),
            ("[#{ p: 10 }, #{ p: event }].sort_by(\"p\", \"desc\")[0].p * 1", "29.95"),
            ("[#{ p: 10 }, #{ p: event }].max_by(\"p\").p + 0", "29.95"),
            ("let l = [30, event, 1]; l.sort(); l.map(|x| x * 1)", "[1,29.95,30]"),
            ("[event].map(|x| x * 2).reduce(|s, x| s + x, 0)", "59.9"),
            ("csv::write([[\"a\", event]])", "\"a,29.95\\r\\n\""),
            ("url::query(#{ p: event })", r#""p=29.95""#),
            ("schema::check(event, #{ type: \"number\", minimum: 29, maximum: 29.95 }).len()", "0"),
        ] {
            gives(body, price, response);
        }
    }
}

#[test]
fn a_decimal_that_is_only_passed_on_is_written_to_the_letter() {
    for price in PRICES.into_iter().chain([
        "0.1000000000000000055511151231257827",
        "1e-400",
        "9007199254740993.0",
    ]) {
        for (body, response) in [
            ("event", "X"),
            ("[event, #{ a: event }]", r#"[X,{"a":X}]"#),
            ("let x = event; let y = [x]; y.push(x); y", "[X,X]"),
            ("let f = || event; f.call()", "X"),
            ("let l = [event, -1]; l.sort(); l", "[-1,X]"),
            ("[event].filter(|x| x > -1)", "[X]"),
            ("#{ b: 1 }.merge(#{ a: event })", r#"{"a":X,"b":1}"#),
            ("json::parse(json::stringify([event]))", "[X]"),
            ("[event].to_json()", r#""[X]""#),
            ("this.kept = event; this.kept", "X"),
        ] {
            gives(body, price, &response.replace('X', price));
        }
    }
}

#[test]
fn what_is_kept_between_events_keeps_its_letters() {
    const ODD: &str = "3.14159265358979323846264338327950288";
    let many = format!("[{}]", vec![ODD; 5000].join(","));
    Function::of(
        r#"fn handler(event) {
               if type_of(event) == "array" { return event.len(); }
               if event != () { this.kept = [event]; cache::set("k", event, 60); }
               [this.kept, cache::get("k")]
           }"#,
    )
    .event(ODD)
    .event(&many)
    .event(&many)
    .event("null")
    .run()
    .responded(&format!("[[{ODD}],{ODD}]"))
    .responded("5000")
    .responded("5000")
    .responded(&format!("[[{ODD}],{ODD}]"))
    .kept_serving();
}

#[test]
fn numbers_of_all_kinds_are_sorted_together_and_exactly() {
    gives("event.sort(); event", "[9,1.5,20]", "[1.5,9,20]");
    gives("event.order()", "[9,1.5,20]", "[1.5,9,20]");
    gives("event.sort_desc(); event", "[9,1.5,20]", "[20,9,1.5]");
    gives(
        "event.sort(); event",
        "[12345678901234567890123,9007199254740993,9007199254740992.0,29.949999999999999,30,-1e400,1e400]",
        "[-1e400,29.949999999999999,30,9007199254740992.0,9007199254740993,12345678901234567890123,1e400]",
    );
    let records =
        r#"[{"n":9007199254740993},{"n":9007199254740992.0},{"n":18446744073709551615},{"n":2}]"#;
    gives(
        "[event.sort_by(\"n\").pluck(\"n\"), event.min_by(\"n\").n, event.max_by(\"n\").n]",
        records,
        "[[2,9007199254740992.0,9007199254740993,18446744073709551615],2,18446744073709551615]",
    );
    gives("[event, 1, 1.0, 2.0].unique()", "2", "[2,1]");
    gives(
        "[time::parse(event[0]), time::parse(event[1])].order()",
        r#"["2026-02-01T00:00:00Z","2026-01-01T00:00:00Z"]"#,
        r#"["2026-01-01T00:00:00Z","2026-02-01T00:00:00Z"]"#,
    );
}

#[test]
fn what_does_not_compare_is_told_by_its_place_and_kind() {
    for (body, said) in [
        ("event.sort();", "sort: item 2 is text, which does not compare with a number of item 0"),
        (
            "event.order_desc()",
            "order_desc: item 2 is text, which does not compare with a number of item 0",
        ),
        ("[#{}, 1].sort();", "sort: item 0 is a map, which has no order"),
        (
            "[#{ k: 1 }, #{ k: [] }].sort_by(\"k\")",
            "`k` of item 1 is an array, which does not compare with a number of item 0",
        ),
    ] {
        for limit in ["0", "1000000000"] {
            Function::of(&format!("fn handler(event) {{\n {body} }}"))
                .env("RHAMBDA_MAX_OPERATIONS", limit)
                .event(r#"[1,2.5,"3"]"#)
                .run()
                .failed("Function.ScriptError")
                .saying(said)
                .at("main.rhai:2:");
        }
    }
}

#[test]
fn a_whole_number_beyond_64_bits_is_exact_or_refuses() {
    const ID: &str = "12345678901234567890123";
    for (body, response) in [
        ("event", ID),
        (
            "[type_of(event), `${event}`, \"id \" + event, event + \"\"]",
            r#"["bigint","X","id X","X"]"#,
        ),
        (
            "[event == json::parse(\"12345678901234567890123\"), event == json::parse(\"12345678901234567890124\")]",
            "[true,false]",
        ),
        (
            "[event > 1, event < 1e30, 5 < event, event != 12345678901234567890123.0]",
            "[true,true,true,true]",
        ),
        (
            "[event in [1, event], [2.0, event].index_of(event), [event, event].unique()]",
            "[true,1,[X]]",
        ),
        ("event.to_float() > 1e22", "true"),
        ("#{ a: [event] }.to_json()", r#""{\"a\":[X]}""#),
        ("schema::check(event, #{ type: \"integer\", minimum: 5 }).len()", "0"),
    ] {
        gives(body, ID, &response.replace('X', ID));
    }
    for (body, name) in [
        ("event + 1", "+"),
        ("1 + event", "+"),
        ("event - event", "-"),
        ("event * 2.0", "*"),
        ("event / 2", "/"),
        ("let x = 1; x += event; x", "+"),
        ("let x = event; x -= 1; x", "-"),
        ("let m = #{ a: event }; m.a *= 2; m", "*"),
        ("-event", "-"),
    ] {
        for limit in ["0", "1000000000"] {
            Function::of(&format!("fn handler(event) {{\n {body} }}"))
                .env("RHAMBDA_MAX_OPERATIONS", limit)
                .event(ID)
                .run()
                .failed("Function.ArithmeticError")
                .saying(&format!("`{name}` does not take a whole number beyond 64 bits"))
                .saying("to_string()")
                .at("main.rhai:2:");
        }
    }
    for (body, name) in [
        ("event.abs()", "abs"),
        ("abs(event)", "abs"),
        ("event.round()", "round"),
        ("max(event, 1)", "max"),
        ("1..event", ".."),
        ("event & 1", "&"),
        ("sleep(event)", "sleep"),
    ] {
        for limit in ["0", "1000000000"] {
            Function::of(&format!("fn handler(event) {{\n {body} }}"))
                .env("RHAMBDA_MAX_OPERATIONS", limit)
                .event(ID)
                .run()
                .failed("Function.FunctionNotFound")
                .saying(&format!("function `{name}` not found for"))
                .saying("a bigint is a whole number beyond 64 bits")
                .at("main.rhai:2:");
        }
    }
    for limit in ["0", "1000000000"] {
        Function::of("fn handler(event) { try { event + 1 } catch (e) { throw `${e}` } }")
            .env("RHAMBDA_MAX_OPERATIONS", limit)
            .event(ID)
            .run()
            .failed("Function.ScriptError")
            .saying("does not take a whole number beyond 64 bits")
            .not_saying("rhambda_runtime");
    }
}
