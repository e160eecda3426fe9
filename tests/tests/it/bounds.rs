//! Whatever a script does, it ends in one error, and the same process serves the next event.

use std::time::Duration;

use rhambda_tests::{Event, Function, Run};

/// Runs this with little time, then asks whether anybody is still there.
fn with_time(script: &str, milliseconds: u64) -> Run {
    Function::of(script)
        .env("RHAMBDA_DEADLINE_MARGIN_MS", "100")
        .sent(Event::new("1").due_in(Duration::from_millis(milliseconds)))
        .event("\"next\"")
        .run()
}

/// The body of a handler that does something terrible once, and answers the next event.
fn once(statements: &str) -> String {
    format!("fn handler(event) {{\n  if event != 1 {{ return \"served\" }}\n  {statements}\n}}\n")
}

const SERVED: &str = "\"served\"";

#[test]
fn no_loop_outlives_the_deadline() {
    let loops = [
        "loop { }",
        "while true { }",
        "do { } while true",
        "do { } until false",
        "let n = 0; loop { n += 1; }",
        "for i in 0..9223372036854775807 { i + 1; }",
        "for i in range(0, 9223372036854775807) { for j in 0..1000 { } }",
        "loop { try { loop { } } catch { } }",
        "loop { try { throw 1 } catch { } }",
        "while true { try { loop { } } catch (e) { continue } }",
        "let f = || { loop { } }; f.call()",
        "[1].map(|x| { loop { } })",
        "[1].sort(|a, b| { loop { } }); [2, 1].sort(|a, b| { loop { } })",
        "eval(\"loop { }\")",
        "eval(\"loop { eval(`1 + 1`) }\")",
        "let s = `${loop { }}`;",
        "let x = switch 1 { 1 => loop { }, _ => 0 };",
        "return loop { };",
        "throw loop { };",
        "let f = || { loop { } true }; if f.call() { 1 }",
    ];
    for statements in loops {
        with_time(&once(statements), 500)
            .failed("Function.DeadlineExceeded")
            .at("main.rhai:")
            .responded(SERVED)
            .kept_serving()
            .within(Duration::from_secs(8));
    }
}

#[test]
fn a_loop_in_another_function_or_module_does_not_outlive_the_deadline_either() {
    let script = once("spin()") + "fn spin() {\n  loop {\n    let a = 1;\n  }\n}\n";
    with_time(&script, 500)
        .failed("Function.DeadlineExceeded")
        .at("main.rhai:")
        .responded(SERVED)
        .kept_serving();
    let run = Function::of(&format!("import \"lib/spin\" as lib;\n{}", once("lib::spin()")))
        .file("lib/spin.rhai", "fn spin() {\n  loop {\n  }\n}\n")
        .sent(Event::new("1").due_in(Duration::from_millis(500)))
        .event("2")
        .run();
    run.failed("Function.DeadlineExceeded")
        .at("lib/spin.rhai:")
        .at("main.rhai:")
        .responded(SERVED)
        .kept_serving();
}

#[test]
fn an_endless_loop_at_the_top_level_of_a_late_import_is_stopped() {
    let run = Function::of(&once("import \"late\" as late; 1"))
        .file("late.rhai", "loop { }")
        .sent(Event::new("1").due_in(Duration::from_millis(500)))
        .event("2")
        .run();
    run.failed("Function.DeadlineExceeded").responded(SERVED).kept_serving();
}

#[test]
fn sleeping_does_not_outlive_the_deadline() {
    for statements in ["sleep(100)", "sleep(100.0)", "loop { sleep(1) }"] {
        let run = with_time(&once(statements), 700);
        // A script may find that it cannot sleep at all; what it may not do is oversleep.
        let slept = run.calls().iter().any(|call| call.path.ends_with("/error"));
        assert!(slept, "{:?}", run.calls());
        let _ = run.within(Duration::from_secs(8));
    }
}

#[test]
fn the_deadline_error_says_how_much_time_there_was_and_where_the_script_was() {
    let run = with_time(&once("let n = 0;\n  while true {\n    n += 1;\n  }"), 600);
    let run = run.failed("Function.DeadlineExceeded").at("handler (main.rhai:").saying("ms");
    run.responded(SERVED).kept_serving();
}

#[test]
fn a_script_is_stopped_before_the_deadline_by_the_margin() {
    let script = "fn handler(event, context) {
        let n = 0;
        loop { n += 1; }
    }";
    let run = Function::of(script)
        .env("RHAMBDA_DEADLINE_MARGIN_MS", "4600")
        .sent(Event::new("1").due_in(Duration::from_secs(5)))
        .run();
    run.failed("Function.DeadlineExceeded").kept_serving().within(Duration::from_millis(3000));
}

#[test]
fn operations_can_be_limited() {
    let run = Function::of(&once("loop { }"))
        .env("RHAMBDA_MAX_OPERATIONS", "10000")
        .event("1")
        .event("2")
        .event("1")
        .run();
    run.failed("Function.OperationLimit")
        .saying("10000")
        .saying("RHAMBDA_MAX_OPERATIONS")
        .at("main.rhai:3:")
        .responded(SERVED)
        .failed("Function.OperationLimit")
        .kept_serving();
}

#[test]
fn operations_are_counted_for_each_invocation_anew() {
    let script = "fn handler(event) { let n = 0; for i in 0..1000 { n += 1; } n }";
    let function = Function::of(script).env("RHAMBDA_MAX_OPERATIONS", "50000");
    let run = (0..50).fold(function, |function, _| function.event("1")).run();
    (0..50).fold(run, |run, _| run.responded("1000")).kept_serving();
}

#[test]
fn recursion_ends_in_an_error_however_it_is_written() {
    let recursions = [
        "fn deep(n) { deep(n + 1) }",
        "fn deep(n) { 1 + deep(n + 1) }",
        "fn deep(n) { other(n) } fn other(n) { deep(n) }",
        "fn deep(n) { [n].map(|x| deep(x)) }",
        "fn deep(n) { let f = Fn(\"deep\"); f.call(n) }",
        "fn deep(n) { call(Fn(\"deep\"), n) }",
        "fn deep(n) { eval(\"deep(1)\") }",
        "fn deep(n) { `${deep(n)}` }",
        "fn deep(n) { #{ a: [deep(n)] } }",
        "fn deep(n) { try { deep(n + 1) } catch { deep(n + 1) } }",
        "fn deep(n) { if true { if true { if true { if true { deep(n) } } } } }",
        "fn deep(n) { [2, 1, 3].sort(|a, b| deep(n)) }",
        "fn deep(n) { switch n { 0 => 1, _ => { for i in 0..1 { while true { return deep(n) } } } } }",
    ];
    for recursion in recursions {
        let run = with_time(&(once("deep(1)") + recursion), 5000);
        let stopped = |run: Run| {
            if run.calls().iter().any(|call| {
                call.header("Lambda-Runtime-Function-Error-Type").as_deref()
                    == Some("Function.DeadlineExceeded")
            }) {
                run.failed("Function.DeadlineExceeded")
            } else {
                run.failed("Function.StackOverflow")
            }
        };
        stopped(run).at("main.rhai:").responded(SERVED).kept_serving();
    }
}

#[test]
fn the_depth_of_calls_can_be_limited_and_the_error_says_so() {
    let script =
        "fn handler(event) { deep(event) } fn deep(n) { if n == 0 { 0 } else { 1 + deep(n - 1) } }";
    let run = Function::of(script)
        .env("RHAMBDA_MAX_CALL_LEVELS", "20")
        .event("15")
        .event("30")
        .event("15")
        .run();
    run.responded("15")
        .failed("Function.StackOverflow")
        .saying("20")
        .responded("15")
        .kept_serving();
}

#[test]
fn a_hundred_calls_deep_is_no_problem_by_default() {
    let script =
        "fn handler(event) { deep(event) } fn deep(n) { if n == 0 { 0 } else { 1 + deep(n - 1) } }";
    Function::of(script).event("100").run().responded("100").kept_serving();
}

#[test]
fn growth_without_end_ends_in_an_error() {
    let growths = [
        "let s = \"ab\"; loop { s += s; }",
        "let s = \"ab\"; loop { s = s + s; }",
        "let s = \"ab\"; loop { s = `${s}${s}`; }",
        "let s = \"ab\"; loop { s.append(s); }",
        "let a = [1]; loop { a += a; }",
        "let a = [1]; loop { a = a + a; }",
        "let a = [1]; loop { a.append(a); }",
        "let a = [1]; loop { a = [a, a]; }",
        "let a = []; loop { a.push(1); }",
        "let a = []; loop { a.push(\"some longer text, again and again\" + a.len()); }",
        "let a = []; loop { a.insert(0, a.len()); }",
        "let m = #{}; let i = 0; loop { m[`key ${i}`] = i; i += 1; }",
        "let m = #{}; let i = 0; loop { m.set(`key ${i}`, i); i += 1; }",
        "let m = #{ a: 1 }; loop { m = #{ a: m, b: m }; }",
        "let b = blob(1000); loop { b += b; }",
        "let b = blob(1000); loop { b.append(b); }",
        "let a = []; let s = \"x\"; s.pad(100000, 'x'); loop { a.push(s + a.len()); }",
        "let a = []; loop { a.push(blob(100000)); }",
        "let f = || 1; loop { f = f.curry(f); }",
        "this.a = []; loop { this.a.push(\"some text\" + this.a.len()); }",
    ];
    for growth in growths {
        let run = with_time(&once(growth), 6000);
        let types = ["Function.MemoryLimit", "Function.DataTooLarge", "Function.DeadlineExceeded"];
        let sent = run.calls().iter().find(|call| call.method == "POST");
        let error_type = sent.and_then(|call| call.header("Lambda-Runtime-Function-Error-Type"));
        let error_type = error_type.unwrap_or_default();
        if !types.contains(&error_type.as_str()) {
            run.fail(&format!("{growth} should end in one of {types:?}"));
        }
        run.failed(&error_type).responded(SERVED).kept_serving();
    }
}

#[test]
fn one_call_that_asks_for_too_much_ends_in_an_error() {
    let calls = [
        "blob(99999999999)",
        "blob(9223372036854775807)",
        "let a = []; a.pad(99999999999, 1)",
        "let a = []; a.pad(9223372036854775807, ())",
        "let b = blob(); b.pad(99999999999, 1)",
        "let s = \"\"; s.pad(99999999999, 'x')",
        "let s = \"\"; s.pad(99999999999, \"text\")",
        "let s = \"\"; s.pad(9223372036854775807, '😀')",
        "let s = \"x\"; s.pad(1000000, 'x'); s.replace(\"x\", s); s",
        "let s = \"x\"; s.pad(100000, 'x'); let t = s; s.replace('x', t); s",
        "let s = \"x\"; s.pad(30000000, 'x'); s.split(\"\")",
        "let s = \"x\"; s.pad(30000000, 'x'); s.split('x')",
        "let s = \"x\"; s.pad(30000000, 'x'); s.chars().map(|c| c)",
        "let s = \"x\"; s.pad(30000000, 'x'); s.to_chars()",
        "let s = \"x\"; s.pad(10000000, 'x'); [s + 1, s + 2, s + 3, s + 4, s + 5, s + 6, s + 7, s + 8, s + 9, s + 10, s + 11, s + 12, s + 13]",
        "let a = []; for i in 0..1000 { a.push(a); } a",
        "let a = [0]; a.pad(1000000, a); a",
        "let s = \"x\"; s.pad(1000000, 'x'); let a = []; a.pad(1000000, s); a.to_string()",
        "(0..99999999999).collect()",
        "let a = [0]; a.pad(100000, 0); let b = a.map(|x| a); b",
    ];
    for call in calls {
        let run = with_time(&once(call), 8000);
        let sent = run.calls().iter().filter(|call| call.method == "POST").count();
        if sent != 2 {
            run.fail(&format!("{call} should end in one POST, and the next event be served"));
        }
        let mut run = run;
        if run.calls().iter().any(|call| call.path.ends_with("/error")) {
            let sent = run.calls().iter().find(|call| call.method == "POST");
            let error_type =
                sent.and_then(|call| call.header("Lambda-Runtime-Function-Error-Type"));
            run = run.failed(&error_type.unwrap_or_default());
        } else {
            run.response();
        }
        run.responded(SERVED).kept_serving();
    }
}

#[test]
fn the_sizes_can_be_limited_one_by_one() {
    let cases = [
        ("RHAMBDA_MAX_STRING_SIZE", "100", "let s = \"\"; s.pad(event, 'x'); s.len()", "string"),
        ("RHAMBDA_MAX_ARRAY_SIZE", "100", "let a = []; a.pad(event, 0); a.len()", "array"),
        (
            "RHAMBDA_MAX_MAP_SIZE",
            "100",
            "let m = #{}; for i in 0..event { m[`${i}`] = i; } m.len()",
            "map",
        ),
    ];
    for (name, value, statements, part) in cases {
        let run = Function::of(&format!("fn handler(event) {{ {statements} }}"))
            .env(name, value)
            .event("99")
            .event("1000")
            .event("99")
            .run();
        run.responded("99")
            .failed("Function.DataTooLarge")
            .saying(part)
            .saying(name)
            .responded("99")
            .kept_serving();
    }
}

#[test]
fn the_size_of_a_string_is_counted_in_bytes() {
    let run = Function::of("fn handler(event) { let s = \"\"; s.pad(event, '😀'); s.len() }")
        .env("RHAMBDA_MAX_STRING_SIZE", "100")
        .event("25")
        .event("26")
        .run();
    run.responded("25").failed("Function.DataTooLarge").kept_serving();
}

#[test]
fn memory_can_be_limited() {
    let script =
        "fn handler(event) { let a = []; for i in 0..event { a.push(blob(1000000)); } a.len() }";
    let run = Function::of(script)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("RHAMBDA_MAX_MEMORY_MB", "32")
        .event("10")
        .event("100")
        .event("10")
        .run();
    run.responded("10").failed("Function.MemoryLimit").saying("32").responded("10").kept_serving();
}

#[test]
fn values_nested_without_end_end_in_an_error() {
    for statements in [
        "let a = []; loop { a = [a]; }",
        "let m = #{}; loop { m = #{ m: m }; }",
        "let a = []; for i in 0..20000 { a = [a]; } a",
        "let a = []; for i in 0..20000 { a = [a]; } a.to_string()",
        "let a = []; for i in 0..20000 { a = [a]; } a == a",
        "let a = []; for i in 0..20000 { a = [a]; } throw a",
        "let a = []; for i in 0..20000 { a = [a]; } print(a)",
        "let a = []; for i in 0..20000 { a = [a]; } this.a = a; 1",
        "let a = []; for i in 0..20000 { a = [a]; } a.to_json()",
    ] {
        let run = with_time(&once(statements), 5000);
        let posts = run.calls().iter().filter(|call| call.method == "POST").count();
        if posts != 2 {
            run.fail(&format!("{statements} should end in one POST, and the next event be served"));
        }
        let _ = run;
    }
}

#[test]
fn source_nested_without_end_is_a_syntax_error_and_no_crash() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("#{a:", "1", "}"),
        ("-", "1", ""),
        ("!", "true", ""),
        ("{", "1", "}"),
        ("if true {", "1", "}"),
        ("1 + (", "1", ")"),
        ("`${", "1", "}`"),
        ("|| ", "1", ""),
        ("f(", "1", ")"),
    ] {
        let source = format!("let x = {}{inner}{};", open.repeat(20_000), close.repeat(20_000));
        let run = Function::of(&format!("{source}\nfn handler(event) {{ 1 }}")).run();
        run.init_failed("Runtime.UserCodeSyntaxError").exited(1);
    }
}

#[test]
fn an_expression_nested_without_end_in_eval_is_an_error() {
    let script = once("let s = \"\"; s.pad(20000, '('); eval(s)");
    let run = with_time(&script, 5000);
    let posts = run.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(posts, 2, "{:?}", run.calls());
}

#[test]
fn a_script_too_large_to_be_compiled_says_so() {
    let script = format!("fn handler(event) {{ let x = 0;\n{} x }}\n", "x += 1;\n".repeat(300_000));
    Function::of(&script)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .run()
        .init_failed("Runtime.UserCodeInitError")
        .saying("RHAMBDA_MAX_MEMORY_MB")
        .exited(1);
}

#[test]
fn a_huge_literal_is_no_crash() {
    let numbers = vec!["1"; 200_000].join(",");
    let run = Function::of(&format!("fn handler(event) {{ let a = [{numbers}]; a.len() }}"))
        .event("1")
        .run();
    let sent = run.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(sent, 1, "{:?}", run.calls());
    let text = "x".repeat(3_000_000);
    let run = Function::of(&format!("fn handler(event) {{ \"{text}\".len() }}")).event("1").run();
    let sent = run.calls().iter().filter(|call| call.method == "POST").count();
    assert_eq!(sent, 1);
}

#[test]
fn a_comparer_without_an_order_is_no_crash() {
    for comparer in [
        "|a, b| 1",
        "|a, b| -1",
        "|a, b| if a % 3 == 0 { 1 } else { -1 }",
        "|a, b| (a * 7919 + b * 104729) % 3 - 1",
        "|a, b| \"text\"",
        "|a, b| throw 1",
        "|a, b| ()",
    ] {
        let script = once(&format!(
            "let a = []; for i in 0..500 {{ a.push((i * 7919) % 503); }} a.sort({comparer}); a.len()"
        ));
        let run = with_time(&script, 5000);
        let posts = run.calls().iter().filter(|call| call.method == "POST").count();
        if posts != 2 {
            run.fail(&format!("sorting by {comparer} should end in one POST"));
        }
        let _ = run;
    }
}

#[test]
fn what_panics_in_native_code_is_caught_and_the_next_event_served() {
    // The standard library's sort panics when it notices that there is no order, and the engine catches
    // that: `bootstrap` has to be linked so that stacks can be unwound.
    let script = once(
        "let a = []; for i in 0..2000 { a.push(random::int(0, 1_000_000)); }
         for i in 0..200 { a.sort(|x, y| random::int(-1, 1)); } \"sorted\"",
    );
    with_time(&script, 20_000)
        .failed("Function.ScriptError")
        .saying("error in comparer for sorting")
        .responded(SERVED)
        .kept_serving();
}

#[test]
fn odd_arguments_to_the_standard_library_are_no_crash() {
    let statements = [
        "let a = [1]; a.remove(-9223372036854775808)",
        "let a = [1, 2, 3]; a.splice(-9223372036854775808..9223372036854775807, []); a",
        "let a = [1, 2, 3]; a.extract(9223372036854775807, 9223372036854775807)",
        "let a = [1, 2, 3]; a.chop(-9223372036854775808); a",
        "\"abc\".sub_string(-9223372036854775808, 9223372036854775807)",
        "let s = \"äöü\"; s.crop(1, 9223372036854775807); s",
        "let s = \"äöü\"; s[1] = 'x'; s",
        "let s = \"abc\"; s.truncate(9223372036854775807); s",
        "9223372036854775807 * 9223372036854775807",
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "abs(-9223372036854775808)",
        "-(-9223372036854775808)",
        "2 ** 9223372036854775807",
        "2 ** -1",
        "1 << 9223372036854775807",
        "1 >> -9223372036854775808",
        "1 << 64",
        "range(0, 10, 0).map(|x| x)",
        "for x in range(0, 10, 0) { }",
        "for x in range(9223372036854775807, -9223372036854775808, -9223372036854775808) { }",
        "1.0e308 * 10.0",
        "to_int(1.0e308)",
        "to_int(0.0 / 0.0)",
        "parse_int(\"999999999999999999999\")",
        "parse_int(\"zz\", 99)",
        "let b = blob(8); b.parse_le_int(0, 9223372036854775807)",
        "let b = blob(8); b.write_le(7, 100, 1); b",
        "timestamp() - 1.0e300",
        "timestamp() + 9223372036854775807",
        "let x = 5; x.bits(0, 9223372036854775807)",
        "let x = 5; x.get_bit(9223372036854775807)",
        "let x = 5; x[64..200]",
        "let a = [3, 1]; a.reduce(|x| x)",
        "let a = [1]; a[0] = a; a",
        "let a = [1, 2]; a.dedup(|x, y| throw \"no\"); a",
        "let f = |x| x; f.call()",
        "Fn(\"\")",
        "Fn(\"handler\").call(2)",
        "eval(\"\")",
        "eval(\"fn handler(event) { 7 }\")",
        "eval(\"let event = 7;\"); event",
        "import \"main\" as me; 1",
        "to_string(Fn(\"x\"))",
        "context.x",
        "let m = #{}; m.x.y.z = 1; m",
    ];
    for statement in statements {
        let run = with_time(&once(statement), 5000);
        let posts = run.calls().iter().filter(|call| call.method == "POST").count();
        if posts != 2 {
            run.fail(&format!("{statement} should end in one POST, and the next event be served"));
        }
        let mut run = run;
        run = if run.calls().iter().any(|call| call.path.ends_with("/error")) {
            let sent = run.calls().iter().find(|call| call.method == "POST");
            let error_type =
                sent.and_then(|call| call.header("Lambda-Runtime-Function-Error-Type"));
            run.failed(&error_type.unwrap_or_default())
        } else {
            run.response();
            run
        };
        run.responded(SERVED).kept_serving();
    }
}

#[test]
fn what_one_script_did_to_the_limits_is_not_left_to_the_next_invocation() {
    let script = "fn handler(event) { if event == 1 { loop { } } let n = 0; for i in 0..1000 { n += i; } n }";
    let function = Function::of(script).env("RHAMBDA_DEADLINE_MARGIN_MS", "50");
    let run = (0..3)
        .fold(function, |function, _| {
            function.sent(Event::new("1").due_in(Duration::from_millis(150))).event("2")
        })
        .run();
    (0..3)
        .fold(run, |run, _| run.failed("Function.DeadlineExceeded").responded("499500"))
        .kept_serving();
}
