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
    let error = "Function.ScriptError";
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

#[test]
fn a_report_goes_from_csv_by_json_to_gzip_and_back() {
    let script = r#"
        fn handler(event) {
            let rows = csv::parse(event, #{ delimiter: ";" });
            let totals = rows.map(|row| #{ name: row.name, cents: parse_int(row.cents) });
            let packed = gzip::compress(json::stringify(totals));
            let sent = base64::encode(packed);
            let read = json::parse(gzip::decompress(base64::decode(sent)));
            [csv::write(read, #{ columns: ["name", "cents"] }), json::pretty(read[0])]
        }
    "#;
    Function::of(script)
        .event(r#""name;cents\n\"Ann; Bo\";120\nCy;7\n""#)
        .run()
        .responded(
            r#"["name,cents\r\nAnn; Bo,120\r\nCy,7\r\n","{\n  \"cents\": 120,\n  \"name\": \"Ann; Bo\"\n}"]"#,
        )
        .kept_serving();
}

#[test]
fn a_feed_in_xml_becomes_a_page_with_links() {
    let script = r#"
        fn handler(event) {
            let feed = xml::parse(event).feed;
            let lines = feed.entry.map(|entry| {
                let link = url::build(#{
                    scheme: "https", host: "shop.example", path: `/books/${text::slug(entry.title)}`,
                    query: #{ id: entry["@id"], from: "feed" },
                });
                `<a href="${text::escape_html(link)}">${text::escape_html(entry.title)}</a>`
            });
            [lines, url::parse("https://shop.example/?id=7").query.id, xml::write(#{ n: 1 })]
        }
    "#;
    Function::of(script)
        .event(r#""<feed><entry id='7'><title>Crème &amp; Sel</title></entry><entry id='8'><title>B</title></entry></feed>""#)
        .run()
        .responded(
            r#"[["<a href=\"https://shop.example/books/creme-sel?from=feed&amp;id=7\">Crème &amp; Sel</a>","<a href=\"https://shop.example/books/b?from=feed&amp;id=8\">B</a>"],"7","<n>1</n>"]"#,
        )
        .kept_serving();
}

#[test]
fn what_grows_beyond_the_memory_ends_the_invocation_alone() {
    let large = "let t = \"\"; t.pad(9000000, '<'); let z = blob(9000000, 0);";
    let bomb = "let bomb = gzip::compress(z); t = (); z = (); let twice = blob();
        for i in 0..8 { twice += bomb; }";
    for statement in [
        "text::escape_html(t)",
        "text::repeat(t, 1000000)",
        "text::pad_start(t, 9000000000)",
        "url::encode(t)",
        "base64::encode(z) + base64::encode(z)",
        "hex::encode(z)",
        "csv::parse(text::repeat(\"a,\", 4000000), #{ header: false })",
        "xml::write(#{ a: t })",
        &format!("{bomb} gzip::decompress(twice)"),
    ] {
        once(&format!("{large}\n  {statement};\n  0"))
            .env("RHAMBDA_MAX_MEMORY_MB", "24")
            .event("1")
            .event("2")
            .run()
            .failed("Function.MemoryLimit")
            .responded(SERVED)
            .kept_serving();
    }
}

#[test]
fn what_is_nested_too_deep_or_of_the_wrong_kind_is_an_error_and_no_more() {
    let error = "Function.ScriptError";
    for (statement, kind, says) in [
        ("xml::parse(text::repeat(\"<a>\", 100000))", error, "more than 512 deep"),
        ("json::parse(text::repeat(\"[\", 100000))", error, "512"),
        ("json::parse(\"{\\\"a\\\":1,}\")", error, "at byte 7 (line 1, column 8)"),
        ("json::parse(42)", error, "json::parse: `text` has to be text or a blob, not i64"),
        ("json::stringify(#{ a: [|| 1] })", error, "`$.a[0]`"),
        ("gzip::decompress(blob(9, 1))", error, "not gzip"),
        ("gzip::compress([])", error, "gzip::compress: `data` has to be text or a blob"),
        ("hex::encode(#{})", error, "not map"),
        ("csv::write([#{ a: [] }])", error, "the field `a` of row 0"),
        ("text::pad_end(\"a\", 3, [])", error, "the fill has to be text"),
        ("url::query(#{ a: #{} })", error, "`a` of a query"),
        ("text::slug(1)", "Function.FunctionNotFound", "slug"),
        ("xml::parse(1)", "Function.FunctionNotFound", "parse"),
    ] {
        once(statement)
            .event("1")
            .event("2")
            .run()
            .failed(kind)
            .saying(says)
            .at("main.rhai:3:")
            .responded(SERVED)
            .kept_serving();
    }
}

#[test]
fn json_for_people_is_bounded_although_its_indentation_is_larger_than_itself() {
    once("let a = []; a.pad(300000, 1); for i in 0..500 { a = [a]; } json::pretty(a).len")
        .env("RHAMBDA_MAX_MEMORY_MB", "64")
        .event("1")
        .event("2")
        .run()
        .failed("Function.ScriptError")
        .saying("more than the script's memory can hold as text")
        .responded(SERVED)
        .kept_serving();
}
