//! Loops over maps, which go through names and values, whichever way a function is evaluated.

use rhambda_tests::Function;

const MAP: &str = r#"{"b":2,"a":1,"c":[3]}"#;

/// A function with this body: as the runtime evaluates it, as the engine does where there is a `try`, and
/// with operations counted.
#[track_caller]
fn gives(body: &str, response: &str) {
    for before in ["", "try { } catch { } "] {
        let script = format!("fn handler(event) {{ {before}{body} }}");
        for operations in ["0", "100000"] {
            let function = Function::of(&script).env("RHAMBDA_MAX_OPERATIONS", operations);
            function.event(MAP).run().responded(response).kept_serving();
        }
    }
}

#[test]
fn names_and_values_in_the_order_of_the_names() {
    gives(
        "let t = []; for (k, v) in event { t.push([k, v]); } t",
        r#"[["a",1],["b",2],["c",[3]]]"#,
    );
    gives("let t = \"\"; for k in event { t += k; } t", "\"abc\"");
    gives("let t = 0; for (k, v) in event.x ?? #{ n: 7 } { t += v; } t", "7");
    gives("for (k, v) in #{ a: 1 } + #{ b: 2 } { if v == 2 { return k; } }", "\"b\"");
    gives("let n = 0; for (k, v) in event { if k == \"b\" { continue; } n += 1; } n", "2");
    gives("let n = 0; for (k, v) in event { if k == \"b\" { break; } n += 1; } n", "1");
    gives("let n = 0; for (k, v) in event { } for k in event { } n", "0");
    gives("let m = #{}; let n = 0; for (k, v) in m { n += 1; } n", "0");
}

#[test]
fn a_second_variable_counts_where_there_is_no_map() {
    gives(
        "let t = []; for (x, i) in [7, #{ a: 1 }] { t.push([x, i]); } t",
        r#"[[7,0],[{"a":1},1]]"#,
    );
    gives("let t = []; for (x, i) in 3..5 { t.push([x, i]); } t", "[[3,0],[4,1]]");
    gives("let t = []; for (x, i) in \"añ\" { t.push([x, i]); } t", r#"[["a",0],["ñ",1]]"#);
    gives("let t = []; for (x, i) in range(0, 9, 5) { t.push([x, i]); } t", "[[0,0],[5,1]]");
    gives(
        "let t = []; for (k, v) in event { for (x, i) in [k] { t.push([x, i, v]); } } t",
        r#"[["a",0,1],["b",0,2],["c",0,[3]]]"#,
    );
    gives(
        "let t = []; for (x, i) in [event] { for (k, v) in x { t.push([k, i]); } } t",
        r#"[["a",0],["b",0],["c",0]]"#,
    );
}

#[test]
fn the_map_may_change_meanwhile() {
    gives("for (k, v) in event { event.remove(k); event.d = 1; } event", r#"{"d":1}"#);
    gives("for (k, v) in event { v = 0; k = \"\"; } event", r#"{"a":1,"b":2,"c":[3]}"#);
    gives("for (k, v) in event { event[k] = 0; } event", r#"{"a":0,"b":0,"c":0}"#);
}

#[test]
fn closures_share_the_variables() {
    gives(
        "let m = #{ a: 1 }; let f = []; for (k, v) in m { f.push(|| `${k}${v}`); } f[0].call()",
        "\"a1\"",
    );
    gives(
        "let m = #{ a: 1, b: 2 }; let n = 0; for (k, v) in m { let f = || n += v; f.call(); } n",
        "3",
    );
    gives(
        "[event].map(|m| { let t = []; for (k, v) in m { t.push(k); } t })",
        r#"[["a","b","c"]]"#,
    );
}

#[test]
fn at_the_top_level_and_in_modules_too() {
    let script = r#"
        import "lib/tables" as tables;
        const LIMITS = #{ low: 1, high: 9 };
        let names = [];
        for (name, limit) in LIMITS { names.push(`${name}=${limit}`); }
        export const NAMES = names;
        fn handler(event) { [NAMES, tables::names(event), tables::SUM] }
    "#;
    let module = r#"
        let sum = 0;
        let all = #{ a: 1, b: 2 };
        for (k, v) in all { sum += v; }
        export const SUM = sum;
        fn names(map) { let t = []; for (k, v) in map { switch k { "b" => (), _ => t.push(k) } } t }
    "#;
    for operations in ["0", "100000"] {
        Function::of(script)
            .file("lib/tables.rhai", module)
            .event(MAP)
            .env("RHAMBDA_MAX_OPERATIONS", operations)
            .run()
            .responded(r#"[["high=9","low=1"],["a","c"],3]"#)
            .kept_serving();
    }
}

#[test]
fn what_cannot_be_gone_through_is_an_error_at_its_place() {
    for body in ["for (k, v) in event.a { }", "for k in event.a { }", "for (k, v) in event.x { }"] {
        for script in [
            format!("fn handler(event) {{\n  {body}\n}}"),
            format!("fn handler(event) {{\n  {body} try {{ }} catch {{ }}\n}}"),
        ] {
            let run = Function::of(&script).event(MAP).run();
            run.failed("Function.TypeMismatch").at("main.rhai:2:").kept_serving();
        }
    }
}

#[test]
fn evaluated_text_says_what_it_cannot() {
    let script = r#"fn handler(event) { eval("for (k, v) in #{ a: 1 } + #{} { k; }") }"#;
    let run = Function::of(script).event("1").run();
    run.failed("Function.ScriptError").saying("write `for key in map.keys()`").kept_serving();
}
