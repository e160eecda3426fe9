//! A function's last value is taken, not copied; nobody may notice.

use rhambda_tests::Function;

#[track_caller]
fn gives(body: &str, response: &str) {
    let script = format!("fn id(x) {{ x }}\nfn handler(event) {{ {body} }}");
    Function::of(&script).event("[1,[2]]").run().responded(response).kept_serving();
}

#[test]
fn a_variable_may_be_read_more_than_once() {
    gives("let a = [1]; [a, a]", "[[1],[1]]");
    gives("let a = [1]; #{ a: a, n: a.len() }", r#"{"a":[1],"n":1}"#);
    gives("let a = [1]; #{ n: a.len(), a: a }", r#"{"a":[1],"n":1}"#);
    gives("let a = [1]; let b = [2]; [b, [a, #{ c: [a] }]]", r#"[[2],[[1],{"c":[[1]]}]]"#);
    gives("let x = 1; [x, `${x}`]", r#"[1,"1"]"#);
}

#[test]
fn what_a_closure_has_captured_stays() {
    gives("let n = [1]; let f = || n; [n, f.call()]", "[[1],[1]]");
    gives("let n = 1; let f = || { n += 1; n }; f.call(); n", "2");
    gives("let n = 1; [|| n, n].len()", "2");
}

#[test]
fn a_caller_keeps_what_it_passes() {
    gives("let a = [1]; let b = id(a); b.push(2); [a, b]", "[[1],[1,2]]");
    gives("let a = [1]; [1, 2].map(|i| a)", "[[1],[1]]");
    gives("let a = #{ x: 1 }; a.y = id(a); a", r#"{"x":1,"y":{"x":1}}"#);
}

#[test]
fn variables_may_be_read_without_their_names() {
    gives("let a = [1]; [a, eval(\"a\")]", "[[1],[1]]");
    gives("let a = [1]; [a, is_def_var(\"a\")]", "[[1],true]");
}

#[test]
fn constants_shadows_and_returns_are_as_ever() {
    gives("const A = [1]; A", "[1]");
    gives("const A = [1]; [A, 2]", "[[1],2]");
    gives("let a = 1; let a = [2]; a", "[2]");
    gives("let a = 1; { let a = 2; } a", "1");
    gives("let a = [1]; return a;", "[1]");
    gives("let a = [1]; return #{ a: a };", r#"{"a":[1]}"#);
    gives("let a = [1]; try { throw a; } catch (e) { return e; } a", "[1]");
    gives("event", "[1,[2]]");
    gives("[event[1], event]", "[[2],[1,[2]]]");
}

#[test]
fn state_is_kept_when_it_is_what_a_function_ends_with() {
    let script = "fn handler(event) { this.seen = (this.seen ?? 0) + 1; this }";
    let run = Function::of(script).event("1").event("2").run();
    run.responded(r#"{"seen":1}"#).responded(r#"{"seen":2}"#);
}

#[test]
fn an_error_in_the_last_expression_is_where_it_is() {
    let script = "fn handler(event) {\n    let rows = [1];\n    #{\n        rows: rows,\n        n: event.a.b,\n    }\n}";
    Function::of(script).event("{}").run().failed("Function.PropertyNotFound").at("main.rhai:5:");
    let script =
        "fn handler(event) {\n    let rows = [1];\n    [\n        rows,\n        1 / 0,\n    ]\n}";
    Function::of(script).event("{}").run().failed("Function.ArithmeticError").at("main.rhai:5:");
}

#[test]
fn a_limit_on_sizes_still_holds() {
    let script = "fn handler(event) { let a = event; [a, a, a] }";
    Function::of(script)
        .env("RHAMBDA_MAX_ARRAY_SIZE", "4")
        .event("[1]")
        .event("[1,2,3]")
        .run()
        .failed("Function.DataTooLarge")
        .failed("Function.DataTooLarge");
    let script = "fn handler(event) { let a = event; let b = [1, 2]; [a, b] }";
    Function::of(script)
        .env("RHAMBDA_MAX_ARRAY_SIZE", "4")
        .event("[1,2,3]")
        .run()
        .failed("Function.DataTooLarge");
}
