//! JSON without loss: what goes in comes out the same, or the invocation fails saying what cannot.

use rhambda_tests::Function;

/// Sends each text through `fn handler(event) { event }` in one process.
#[track_caller]
fn all_come_out(cases: &[(&str, &str)]) {
    let function = Function::of("fn handler(event) { event }");
    let run = cases.iter().fold(function, |function, (text, _)| function.event(text)).run();
    cases.iter().fold(run, |run, (_, out)| run.responded(out)).kept_serving().quietly();
}

/// Each text is refused, and the process goes on.
#[track_caller]
fn all_are_refused(cases: &[&[u8]]) {
    let function = Function::of("fn handler(event) { event }");
    let run = cases.iter().fold(function, |function, text| function.event(text)).event("0").run();
    cases
        .iter()
        .fold(run, |run, _| run.failed("Runtime.UnmarshalError"))
        .responded("0")
        .kept_serving();
}

/// What each script returns cannot be a response; the error says where.
#[track_caller]
fn cannot_be_sent(cases: &[(&str, &str)]) {
    for (value, path) in cases {
        let run =
            Function::of(&format!("fn handler(event) {{ if event == 0 {{ return 0 }} {value} }}"))
                .event("1")
                .event("0")
                .run();
        run.failed("Runtime.MarshalError").saying(path).responded("0").kept_serving();
    }
}

#[test]
fn numbers_go_out_as_they_came_in() {
    let numbers = [
        "0",
        "1",
        "-1",
        "42",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "-123456789012345678901234567890",
        "1.5",
        "0.1",
        "-0.5",
        "1.0",
        "100.0",
        "-0.0",
        "0.30000000000000004",
        "3.141592653589793",
        "3.14159265358979323846264338327950288",
        "0.1000000000000000055511151231257827",
        "1e400",
        "-1e400",
        "1e-400",
        "123456789.123456789012345",
    ];
    all_come_out(&numbers.map(|number| (number, number)));
}

#[test]
fn numbers_inside_lists_and_maps_go_out_as_they_came_in_too() {
    let texts = [
        r#"[18446744073709551615,{"a":[1e400,0.10000000000000000001]}]"#,
        r#"{"big":123456789012345678901234567890,"exact":1.0,"int":1}"#,
    ];
    all_come_out(&texts.map(|text| (text, text)));
}

#[test]
fn zeros_that_say_nothing_are_dropped_from_a_fraction() {
    all_come_out(&[
        ("1.10", "1.1"),
        ("12345.678900", "12345.6789"),
        ("0.10", "0.1"),
        ("2.00", "2.0"),
    ]);
}

#[test]
fn numbers_with_an_exponent_keep_their_value() {
    let function = Function::of("fn handler(event) { event }");
    let numbers =
        ["1e2", "1E2", "1e+2", "1.5e3", "1e-2", "0e0", "0e+1", "-0", "1e22", "1e23", "5e-324"];
    let mut run = numbers.iter().fold(function, |function, number| function.event(number)).run();
    for number in numbers {
        let sent = run.response();
        assert_eq!(sent.parse::<f64>().ok(), number.parse::<f64>().ok(), "{number} became {sent}");
    }
    run.kept_serving();
}

#[test]
fn an_integer_is_an_integer_and_a_fraction_is_a_float_in_the_script() {
    let run = Function::of("fn handler(event) { event.map(|value| type_of(value)) }")
        .event("[1,-9223372036854775808,1.5,1.0,0.1]")
        .run();
    run.responded(r#"["i64","i64","f64","f64","f64"]"#).kept_serving();
}

#[test]
fn floats_made_by_a_script_go_out_in_their_shortest_form() {
    let run = Function::of("fn handler(event) { [0.1 + 0.2, 1.0, 1.5, 3.0 * 2.0, 1.0 / 3.0] }")
        .event("0")
        .run();
    run.responded("[0.30000000000000004,1.0,1.5,6.0,0.3333333333333333]").kept_serving();
}

#[test]
fn values_go_out_as_they_came_in() {
    let texts = [
        "null",
        "true",
        "false",
        "\"\"",
        "\"text\"",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        r#"{"a":{}}"#,
        r#"["a",1,null,true,[],{}]"#,
        r#"{"":0}"#,
        r#"{"a b":1,"ä":2}"#,
        "\"zürich 東京 😀\"",
        r#""\"\\""#,
        r#""\n\r\t""#,
        r#""\b\f""#,
        r#""\u0000""#,
        r#""\u001f""#,
        "\"\u{7f}\"",
        "\"\u{2028}\u{2029}\"",
        "\"/\"",
        "\"\u{feff}\"",
        "\"\u{ffff}\"",
    ];
    all_come_out(&texts.map(|text| (text, text)));
}

#[test]
fn escapes_come_out_as_what_they_stand_for() {
    all_come_out(&[
        (r#""\u0041""#, "\"A\""),
        (r#""\/""#, "\"/\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\uD83D\uDE00""#, "\"😀\""),
        (r#""\u00fc""#, "\"ü\""),
        (r#"{"\u0061":1}"#, r#"{"a":1}"#),
    ]);
}

#[test]
fn keys_come_out_sorted_and_the_last_of_two_alike_wins() {
    all_come_out(&[
        (r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"a":{"x":1},"a":{"y":2}}"#, r#"{"a":{"y":2}}"#),
    ]);
}

#[test]
fn space_around_tokens_is_ignored() {
    all_come_out(&[
        (" 1", "1"),
        ("1 ", "1"),
        ("\t[\r\n1 , 2 ]\n", "[1,2]"),
        (" { \"a\" : 1 } ", r#"{"a":1}"#),
    ]);
}

#[test]
fn what_is_not_json_is_refused() {
    all_are_refused(&[
        b"",
        b" ",
        b"\n",
        // structures
        b"[",
        b"]",
        b"{",
        b"}",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[,1]",
        b"[,]",
        b"[1 2]",
        b"[1,,2]",
        b"[1]]",
        b"{\"a\"",
        b"{\"a\":",
        b"{\"a\":1",
        b"{\"a\":1,",
        b"{\"a\":1,}",
        b"{,}",
        b"{a:1}",
        b"{'a':1}",
        b"{1:1}",
        b"{\"a\" 1}",
        b"{\"a\"::1}",
        b"{\"a\":1 \"b\":2}",
        b"{null:1}",
        b"[1}",
        b"{\"a\":1]",
        b"[1:2]",
        b"{\"a\",1}",
        // literals
        b"nul",
        b"nulll",
        b"True",
        b"FALSE",
        b"undefined",
        b"NaN",
        b"-NaN",
        b"Infinity",
        b"-Infinity",
        b"inf",
        b"truefalse",
        b"tru",
        // numbers
        b"01",
        b"-01",
        b"00",
        b"+1",
        b"-",
        b"--1",
        b"1.",
        b".1",
        b"-.1",
        b"1.e1",
        b"1e",
        b"1e+",
        b"1E-",
        b"1e1.5",
        b"0x10",
        b"1_000",
        b"1,000",
        b"1 000",
        b"1a",
        b"1.2.3",
        b"1ee1",
        "１".as_bytes(),
        b"0b1",
        b"- 1",
        b"[1.]",
        b"[-]",
        b"2.e3",
        // strings
        b"\"",
        b"\"a",
        b"'a'",
        b"\"\\\"",
        b"\"\\x41\"",
        b"\"\\u12\"",
        b"\"\\u12g4\"",
        b"\"\\a\"",
        b"\"\t\"",
        b"\"\n\"",
        b"\"\0\"",
        b"\"\x1f\"",
        b"\"\\\n\"",
        b"\"a\" \"b\"",
        b"\"\\U0041\"",
        b"\"\\",
        b"\"\\u\"",
        // surrogates that stand alone
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800\\ud800\"",
        b"\"\\udc00\\ud800\"",
        b"\"\\ud800a\"",
        b"\"\\ud83d\\u0041\"",
        b"{\"\\ud800\":1}",
        // bytes that are not UTF-8
        b"\"\xff\"",
        b"\"\xc3\"",
        b"\"\xc3\x28\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xc0\xaf\"",
        b"\xff",
        b"[\xff]",
        b"{\"\xff\":1}",
        b"\"\xe2\x82\"",
        b"1\xff",
        // what is around
        b"\xef\xbb\xbf1",
        b"\xef\xbb\xbf{}",
        b"1 2",
        b"{}{}",
        b"[] []",
        b"1;",
        b"// a\n1",
        b"/* a */ 1",
        b"1 # a",
        b"\0",
        b"1\0",
        b"\x0c1",
        b"\xc2\xa01",
        b"\xe2\x80\xa81",
        b"\xff\xfe1\0",
        b"1\0\0\0",
        b"<null>",
        b"*",
        b"(1)",
        b"[1]x",
        b"\x0b1",
    ]);
}

#[test]
fn the_error_says_at_which_byte_the_event_stops_being_json() {
    let run = Function::of("fn handler(event) { event }")
        .event("[1,\"ü\",x]")
        .event(b"\"ab\xff\"")
        .event("{\"a\":\"\\ud800\"}")
        .run();
    run.failed("Runtime.UnmarshalError")
        .saying("8")
        .failed("Runtime.UnmarshalError")
        .saying("3")
        .failed("Runtime.UnmarshalError")
        .saying("surrogate")
        .kept_serving();
}

#[test]
fn an_event_that_is_not_json_never_reaches_the_log() {
    let run = Function::of("fn handler(event) { event }").event("{\"password\": \"hunter2").run();
    run.failed("Runtime.UnmarshalError").never_logged("hunter2").kept_serving();
}

#[test]
fn nesting_is_allowed_to_a_depth_of_512() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let maps = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let run = Function::of("fn handler(event) { event }")
        .event(nested(200))
        .event(nested(512))
        .event(nested(513))
        .event(maps(512))
        .event(maps(513))
        .event("[".repeat(100_000))
        .event("{\"a\":".repeat(100_000))
        .event("1")
        .run();
    run.responded(&nested(200))
        .responded(&nested(512))
        .failed("Runtime.UnmarshalError")
        .saying("512")
        .responded(&maps(512))
        .failed("Runtime.UnmarshalError")
        .failed("Runtime.UnmarshalError")
        .failed("Runtime.UnmarshalError")
        .responded("1")
        .kept_serving();
}

#[test]
fn a_result_nested_deeper_than_512_is_refused() {
    let script = "fn handler(event) { let a = []; for i in 0..event { a = [a]; } a }";
    let run = Function::of(script).event("511").event("512").event("2000").event("1").run();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    run.responded(&nested(512))
        .failed("Runtime.MarshalError")
        .saying("512")
        .failed("Runtime.MarshalError")
        .responded("[[]]")
        .kept_serving();
}

#[test]
fn what_json_has_no_word_for_is_refused_with_its_path() {
    cannot_be_sent(&[
        ("0.0 / 0.0", "$"),
        ("1.0 / 0.0", "$"),
        ("[1, -1.0 / 0.0]", "$[1]"),
        ("#{ items: [#{ price: 1 }, #{ price: 0.0 / 0.0 }] }", "$.items[1].price"),
        ("|x| x", "$"),
        ("#{ callback: Fn(\"handler\") }", "$.callback"),
        ("#{ at: timestamp() }", "$.at"),
        ("[[[|| 1]]]", "$[0][0][0]"),
        ("#{ \"odd key\": timestamp() }", "odd key"),
    ]);
}

#[test]
fn blobs_go_out_as_base64() {
    let script = "fn handler(event) {
        let bytes = blob();
        for byte in event { bytes.push(byte); }
        #{ bytes: bytes }
    }";
    let run = Function::of(script)
        .event("[]")
        .event("[104,105]")
        .event("[255,254,253]")
        .event("[251,239,190,255]")
        .run();
    run.responded(r#"{"bytes":""}"#)
        .responded(r#"{"bytes":"aGk="}"#)
        .responded(r#"{"bytes":"//79"}"#)
        .responded(r#"{"bytes":"+++++/8="}"#.replace("+++++/8=", "++++/w==").as_str())
        .kept_serving();
}

#[test]
fn chars_and_ranges_and_unit_have_a_documented_form() {
    let run = Function::of("fn handler(event) { ['a', 'ü', '\"', ()] }").event("0").run();
    run.responded(r#"["a","ü","\"",null]"#).kept_serving();
}

#[test]
fn a_value_shared_by_closures_goes_out_as_its_content() {
    let script =
        "fn handler(event) { let total = 0; let add = |n| total += n; add.call(3); [total] }";
    Function::of(script).event("0").run().responded("[3]").kept_serving();
}

#[test]
fn a_large_integer_can_be_compared_and_printed_by_a_script() {
    let run = Function::of("fn handler(event) { `${event.id}` }")
        .event(r#"{"id":18446744073709551615}"#)
        .run();
    run.responded(r#""18446744073709551615""#).kept_serving();
}

#[test]
fn text_is_parsed_and_written_with_the_same_care() {
    let run = Function::of("fn handler(event) { parse_json(event).to_json() }")
        .event(r#""{\"b\":18446744073709551615,\"a\":[1.0,null]}""#)
        .event(r#""[1,2]""#)
        .event(r#""7""#)
        .run();
    run.responded(r#""{\"a\":[1.0,null],\"b\":18446744073709551615}""#)
        .responded(r#""[1,2]""#)
        .responded(r#""7""#)
        .kept_serving();
}

#[test]
fn text_that_is_not_json_is_an_error_a_script_can_catch() {
    let script =
        "fn handler(event) { try { return parse_json(event) } catch { return \"refused\" } }";
    let run = Function::of(script).event(r#""{""#).event(r#""""#).event(r#""{} {}""#).run();
    run.responded("\"refused\"").responded("\"refused\"").responded("\"refused\"").kept_serving();
}
