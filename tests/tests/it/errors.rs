//! What a script's author and the caller are told when something goes wrong.

use rhambda_tests::Function;

/// A handler that does this, on its second line.
fn doing(statement: &str) -> Function {
    Function::of(&format!("fn handler(event) {{\n    {statement}\n}}\n")).event("1")
}

#[test]
fn a_thrown_text_is_the_message() {
    let run = doing("throw \"no such order\";").run();
    run.failed("Function.ScriptError")
        .saying_exactly("no such order")
        .without_data()
        .at("handler (main.rhai:2:5)")
        .kept_serving();
}

#[test]
fn a_thrown_map_names_its_own_type_message_and_data() {
    for (type_field, message_field) in [("type", "message"), ("errorType", "errorMessage")] {
        let run = doing(&format!(
            "throw #{{ {type_field}: \"OrderNotFound\", {message_field}: \"no order 7\", order: 7, tags: [\"a\"] }};"
        ))
        .run();
        run.failed_as("Function.ScriptError", "OrderNotFound")
            .saying_exactly("no order 7")
            .with_data(r#"{"order":7,"tags":["a"]}"#)
            .at("main.rhai:2:5")
            .kept_serving();
    }
}

#[test]
fn a_thrown_map_may_have_only_some_of_the_fields() {
    let run = doing("throw #{ type: \"Busy\" };").run();
    run.failed_as("Function.ScriptError", "Busy").without_data().kept_serving();
    let run = doing("throw #{ message: \"busy\" };").run();
    run.failed("Function.ScriptError").saying_exactly("busy").without_data().kept_serving();
    let run = doing("throw #{ code: 7 };").run();
    run.failed("Function.ScriptError").with_data(r#"{"code":7}"#).kept_serving();
    let run = doing("throw #{ };").run();
    run.failed("Function.ScriptError").kept_serving();
}

#[test]
fn a_type_that_is_not_text_stays_data() {
    let run = doing("throw #{ type: 7, message: \"seven\" };").run();
    run.failed("Function.ScriptError")
        .saying_exactly("seven")
        .with_data(r#"{"type":7}"#)
        .kept_serving();
}

#[test]
fn a_thrown_value_of_any_type_is_shown_in_the_message() {
    for (thrown, message) in [
        ("42", "42"),
        ("1.5", "1.5"),
        ("true", "true"),
        ("'x'", "x"),
        ("[1, \"two\", ()]", "[1,\"two\",null]"),
    ] {
        let run = doing(&format!("throw {thrown};")).run();
        run.failed("Function.ScriptError").saying_exactly(message).without_data().kept_serving();
    }
}

#[test]
fn a_throw_of_nothing_is_an_error_too() {
    for statement in ["throw;", "throw ();"] {
        doing(statement).run().failed("Function.ScriptError").at("main.rhai:2:5").kept_serving();
    }
}

#[test]
fn a_thrown_value_that_json_has_no_word_for_is_an_error_all_the_same() {
    for thrown in ["timestamp()", "|x| x", "0.0 / 0.0", "#{ type: \"Odd\", f: || 1, n: 1.0 / 0.0 }"]
    {
        let run = doing(&format!("throw {thrown};")).event("2").run();
        let header = "Function.ScriptError";
        let body = if thrown.contains("Odd") { "Odd" } else { header };
        run.failed_as(header, body).failed_as(header, body).kept_serving();
    }
}

#[test]
fn each_failure_of_the_engine_has_its_own_type() {
    let cases = [
        ("missing_variable", "Function.VariableNotFound", "missing_variable"),
        ("missing_function(1)", "Function.FunctionNotFound", "missing_function"),
        ("let t = \"a\"; t.missing_method(1)", "Function.FunctionNotFound", "missing_method"),
        ("let n = 1; n.missing_property", "Function.PropertyNotFound", "missing_property"),
        ("[1, 2, 3][7]", "Function.IndexNotFound", "7"),
        ("\"abc\"[7]", "Function.IndexNotFound", "7"),
        ("[][-1]", "Function.IndexNotFound", "-1"),
        ("1 / 0", "Function.ArithmeticError", ""),
        ("1 % 0", "Function.ArithmeticError", ""),
        ("9223372036854775807 + 1", "Function.ArithmeticError", ""),
        ("let x = 1; if x { 2 }", "Function.TypeMismatch", "bool"),
        (
            "let r = 0..3; r || event",
            "Function.TypeMismatch",
            "true or false, and this is of type range",
        ),
        (
            "let t = time::now(); if t { 2 }",
            "Function.TypeMismatch",
            "true or false, and this is of type Time",
        ),
        ("let n = 1.5; for x in n { x; }", "Function.TypeMismatch", ""),
        ("import \"nope\" as nope; 1", "Function.ModuleNotFound", "nope"),
    ];
    for (statement, error_type, part) in cases {
        let run = doing(statement).event("2").run();
        run.failed(error_type).saying(part).at("main.rhai:2:").failed(error_type).kept_serving();
    }
}

#[test]
fn operators_on_values_that_do_not_fit_say_which() {
    let run = doing("let m = #{}; m - 1").run();
    run.failed("Function.FunctionNotFound")
        .saying("-")
        .saying("map")
        .at("main.rhai:2:")
        .kept_serving();
}

#[test]
fn a_missing_property_of_a_map_is_unit_as_rhai_has_it() {
    doing("event.missing")
        .event("{}")
        .run()
        .failed("Function.PropertyNotFound")
        .responded("null")
        .kept_serving();
}

#[test]
fn a_misspelt_variable_gets_a_suggestion() {
    let run = doing("let customer = 1; custmer").run();
    run.failed("Function.VariableNotFound").mentioning("did you mean `customer`").kept_serving();
}

#[test]
fn a_misspelt_constant_gets_a_suggestion() {
    let run = Function::of("const GREETING = 1;\nfn handler(event) { GREETNG }").event("1").run();
    run.failed("Function.VariableNotFound").mentioning("did you mean `GREETING`").kept_serving();
}

#[test]
fn a_misspelt_function_gets_a_suggestion() {
    let run = Function::of("fn total(x) { x }\nfn handler(event) { totl(1) }").event("1").run();
    run.failed("Function.FunctionNotFound").mentioning("did you mean `total`").kept_serving();
    let run = doing("let list = []; list.psh(1)").run();
    run.failed("Function.FunctionNotFound").mentioning("did you mean `push`").kept_serving();
}

#[test]
fn a_function_called_with_the_wrong_number_of_arguments_says_what_it_takes() {
    let run = Function::of("fn total(x, y) { x }\nfn handler(event) { total(1) }").event("1").run();
    run.failed("Function.FunctionNotFound").mentioning("total(x, y)").kept_serving();
}

#[test]
fn a_misspelt_property_of_the_context_gets_a_suggestion() {
    let run = Function::of("fn handler(event, context) { context.requestid }").event("1").run();
    run.failed("Function.PropertyNotFound").mentioning("did you mean `request_id`").kept_serving();
}

#[test]
fn a_suggestion_is_not_made_up() {
    let run = doing("let a = 1; zzzzzzzzzzzz").run();
    let body = run.failed("Function.VariableNotFound").kept_serving().body();
    assert!(!body.to_string().contains("did you mean"), "{body}");
}

#[test]
fn the_stack_trace_shows_the_source_with_a_caret_under_the_place() {
    let run =
        Function::of("fn handler(event) {\n    let a = 1;\n    a + nope\n}\n").event("1").run();
    let body = run.failed("Function.VariableNotFound").kept_serving().body();
    let lines: Vec<_> = body["stackTrace"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str())
        .collect();
    assert_eq!(lines.first(), Some(&"at handler (main.rhai:3:9)"), "{lines:?}");
    let source = lines.iter().position(|line| line.contains("a + nope")).expect("the source line");
    let caret = lines[source + 1].find('^');
    assert_eq!(caret, lines[source].find("nope"), "{lines:?}");
}

#[test]
fn the_caret_stands_right_behind_wide_characters_and_tabs() {
    let run = Function::of("fn handler(event) {\n\tlet s = \"zürich\"; nope\n}\n").event("1").run();
    let body = run.failed("Function.VariableNotFound").kept_serving().body();
    let lines: Vec<_> = body["stackTrace"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str())
        .collect();
    let source = lines.iter().position(|line| line.contains("nope")).expect("the source line");
    let column = |line: &str, part: &str| line.find(part).map(|at| line[..at].chars().count());
    assert_eq!(column(lines[source + 1], "^"), column(lines[source], "nope"), "{lines:?}");
}

#[test]
fn the_call_chain_is_told_innermost_first() {
    let run = Function::of(
        "fn handler(event) {\n    outer(event)\n}\nfn outer(x) {\n    inner(x)\n}\nfn inner(x) {\n    throw \"deep\"\n}\n",
    )
    .event("1")
    .run();
    let body = run.failed("Function.ScriptError").saying_exactly("deep").kept_serving().body();
    let lines: Vec<_> = body["stackTrace"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str())
        .filter(|line| line.starts_with("at "))
        .collect();
    assert_eq!(
        lines,
        ["at inner (main.rhai:8:5)", "at outer (main.rhai:5:5)", "at handler (main.rhai:2:5)"]
    );
}

#[test]
fn the_call_chain_goes_through_imported_modules() {
    let run = Function::of("import \"lib/a\" as a;\nfn handler(event) {\n    a::first()\n}\n")
        .file("lib/a.rhai", "import \"lib/b\" as b;\nfn first() {\n    b::second()\n}\n")
        .file("lib/b.rhai", "fn second() {\n    third()\n}\nfn third() {\n    1 / 0\n}\n")
        .event("1")
        .run();
    run.failed("Function.ArithmeticError")
        .at("third (lib/b.rhai:5:")
        .at("second (lib/b.rhai:2:")
        .at("first (lib/a.rhai:3:")
        .at("handler (main.rhai:3:")
        .at("1 / 0")
        .kept_serving();
}

#[test]
fn an_error_inside_a_closure_names_its_line() {
    let run = Function::of("fn handler(event) {\n  [1, 0].map(|x| {\n    10 / x\n  })\n}\n")
        .event("1")
        .run();
    run.failed("Function.ArithmeticError").at("main.rhai:3:").at("main.rhai:2:").kept_serving();
}

#[test]
fn a_caught_error_is_no_failure() {
    let script =
        "fn handler(event) { try { throw #{ code: 7 } } catch (error) { return error.code } }";
    Function::of(script).event("1").run().responded("7").kept_serving().quietly();
}

#[test]
fn a_rethrown_error_keeps_what_was_thrown() {
    let script = "fn handler(event) {
        try { throw #{ type: \"Busy\", message: \"later\" } } catch (error) { throw error }
    }";
    let run = Function::of(script).event("1").run();
    run.failed_as("Function.ScriptError", "Busy").saying_exactly("later").kept_serving();
}

#[test]
fn x_ray_is_told_the_files_and_lines() {
    let run = Function::of("import \"lib/a\" as a;\nfn handler(event) {\n    a::first()\n}\n")
        .file("lib/a.rhai", "fn first() {\n    throw \"no\"\n}\n")
        .event("1")
        .run();
    let cause = run.failed("Function.ScriptError").kept_serving().cause();
    let stack = &cause["exceptions"][0]["stack"];
    assert_eq!(stack[0]["label"], "first", "{cause}");
    assert_eq!(stack[0]["line"], 2, "{cause}");
    assert!(stack[0]["path"].as_str().is_some_and(|path| path.ends_with("lib/a.rhai")), "{cause}");
    assert_eq!(stack[1]["label"], "handler", "{cause}");
    assert_eq!(stack[1]["line"], 3, "{cause}");
    assert_eq!(cause["exceptions"][0]["message"], "no", "{cause}");
    assert_eq!(cause["paths"].as_array().map(Vec::len), Some(2), "{cause}");
}

#[test]
fn a_message_with_anything_in_it_reaches_the_caller_and_breaks_no_header() {
    for message in [
        "line one\nline two\r\n",
        "delete: \u{7f}",
        "emoji: 😀, umlaut: ü",
        "nul: \0, bell: \u{7}, escape: \u{1b}[31m",
        "quotes: \" ' ` \\",
        "\u{2028}\u{feff}\u{fffd}",
    ] {
        let event = serde_json::Value::from(message).to_string();
        let run =
            Function::of("fn handler(event) { throw event }").event(&event).event(&event).run();
        // Every `failed` checks that the X-Ray header is one line of ASCII.
        run.failed("Function.ScriptError")
            .saying_exactly(message)
            .failed("Function.ScriptError")
            .kept_serving();
    }
}

#[test]
fn a_type_with_anything_in_it_breaks_no_header() {
    let run = doing("throw #{ type: \"Größe\\n\\x7f: 😀\", message: \"m\" };").run();
    run.failed_as("Function.ScriptError", "Größe\n\u{7f}: 😀").kept_serving();
}

#[test]
fn a_very_long_message_reaches_the_caller_and_is_cut_for_x_ray() {
    let script = "fn handler(event) { let text = \"\"; text.pad(event, 'ü'); throw text }";
    let run = Function::of(script).event("200000").event("100").run();
    let run = run.failed("Function.ScriptError");
    assert!(run.body()["errorMessage"].as_str().is_some_and(|text| text.len() >= 100_000));
    run.failed("Function.ScriptError").kept_serving();
}

#[test]
fn an_error_larger_than_lambda_takes_is_cut() {
    let script = "fn handler(event) { let text = \"\"; text.pad(event, 'x'); throw #{ message: text, data: text } }";
    let run = Function::of(script)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .event("7000000")
        .event("1")
        .run();
    let run = run.failed("Function.ScriptError");
    let sent =
        run.calls().iter().find(|call| call.method == "POST").map_or(0, |call| call.body.len());
    assert!(sent <= 6 * 1024 * 1024 + 100, "{sent} bytes");
    run.failed("Function.ScriptError").kept_serving();
}

#[test]
fn a_very_long_source_line_is_cut_in_the_excerpt() {
    let script = format!("fn handler(event) {{ let s = \"{}\"; nope }}", "x".repeat(100_000));
    let run = Function::of(&script).event("1").run();
    let body = run.failed("Function.VariableNotFound").kept_serving().body();
    assert!(body.to_string().len() < 10_000, "{} bytes", body.to_string().len());
}

#[test]
fn an_error_is_logged_once_with_its_type_and_place() {
    let run = doing("throw #{ type: \"OrderNotFound\", message: \"no order 7\" };").run();
    run.failed_as("Function.ScriptError", "OrderNotFound")
        .logged_times(1, "OrderNotFound")
        .logged_times(1, "no order 7")
        .logged("main.rhai:2:5")
        .logged("ERROR")
        .logged("8476a536-e9f4-11e8-9739-000000000001")
        .kept_serving();
}

#[test]
fn a_module_is_told_that_it_does_not_see_the_constants_of_those_who_import_it() {
    let run = Function::of(
        "import \"rates\" as rates;\nconst VAT = 19;\nfn handler(event) { rates::taxed(1) }",
    )
    .file("rates.rhai", "fn taxed(net) {\n  net + VAT }")
    .event("1")
    .run();
    run.failed("Function.VariableNotFound")
        .saying("variable `VAT` not found")
        .at("rates.rhai:2:9")
        .kept_serving();
}

#[test]
fn a_recursion_of_errors_is_told_in_few_lines() {
    let script = "fn handler(event) { deep(100) }\nfn deep(n) { if n == 0 { throw \"bottom\" } deep(n - 1) }";
    let run = Function::of(script).env("RHAMBDA_MAX_CALL_LEVELS", "200").event("1").run();
    let body = run.failed("Function.ScriptError").saying_exactly("bottom").kept_serving().body();
    assert!(body["stackTrace"].as_array().is_some_and(|lines| lines.len() < 120), "{body}");
}
