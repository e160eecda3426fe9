//! Errors say where they happened, also where the engine does not.

use rhambda_tests::{Function, Run};

/// A handler of several lines, whose error is told both ways of evaluating it.
#[track_caller]
fn fails(script: &str, see: impl Fn(Run)) {
    for limit in [None, Some("100000000")] {
        let mut function = Function::of(script).event("{}").event("{}");
        if let Some(limit) = limit {
            function = function.env("RHAMBDA_MAX_OPERATIONS", limit);
        }
        see(function.run());
    }
}

#[test]
fn a_value_in_use() {
    for call in [
        "a.map(|x| {\n a.push(x); x })",
        "a.filter(|x| {\n a.push(x); true })",
        "a.reduce(|s, x| {\n a.push(x); s }, 0)",
        "a.some(|x| {\n a.push(x); false })",
        "a.all(|x| {\n a.push(x); true })",
        "a.find(|x| {\n a.push(x); false })",
        "a.retain(|x| {\n a.push(x); true })",
        "a.drain(|x| {\n a.push(x); true })",
        "a.index_of(|x| {\n a.push(x); false })",
        "a.for_each(|| {\n a.push(1) })",
        "a.map(|x| {\n a += x; x })",
        "a.map(|x| {\n a[0] = x; x })",
    ] {
        let script = format!("fn handler(event) {{\n let a = [1, 2];\n {call}\n}}\n");
        fails(&script, |run| {
            run.failed("Function.RuntimeError")
                .saying("`let copy = value;`")
                .saying("(main.rhai:3:");
        });
    }
}

#[test]
fn a_name_that_is_none() {
    for call in
        ["a.sort(\"-\")", "a.map(\"if\")", "a.filter(\"+\")", "Fn(\"-\")", "a.reduce(\"-\", 0)"]
    {
        let script = format!("fn handler(event) {{\n let a = [2, 1];\n {call};\n}}\n");
        fails(&script, |run| {
            run.failed("Function.SyntaxError").saying("(main.rhai:3:");
        });
    }
}

#[test]
fn a_name_that_is_none_in_a_function_of_a_module() {
    Function::of("import \"lib\" as lib;\nfn handler(event) { lib::order([2, 1]) }\n")
        .file("lib.rhai", "fn order(a) {\n  a.sort(\"-\");\n a }\n")
        .event("{}")
        .run()
        .failed("Function.SyntaxError")
        .at("lib.rhai:2:");
}

#[test]
fn a_text_that_is_not_closed() {
    Function::of("fn handler(event) {\n let a = `x`;\n let s = `abc ${a}")
        .run()
        .init_failed("Runtime.UserCodeSyntaxError")
        .at("main.rhai:3:10");
}

#[test]
fn the_word_of_the_runtimes_own() {
    fails("fn handler(event) {\n 1 +\n  __rhambda_frame__\n}\n", |run| {
        run.failed("Function.VariableNotFound")
            .saying("variable `__rhambda_frame__")
            .at("main.rhai:3:3");
    });
}

#[test]
fn what_a_closure_of_a_module_throws_where_it_is_called() {
    let lib = "fn label() { throw \"no label\" }\n\nfn give() { |x| label() + x }\n";
    fails_with(lib, "import \"lib\" as lib;\nfn handler(event) {\n lib::give().call(1) }\n");
    fails_with(lib, "import \"lib\" as lib;\nfn handler(event) {\n [1].map(lib::give()) }\n");
}

#[track_caller]
fn fails_with(lib: &str, script: &str) {
    for limit in [None, Some("100000000")] {
        let mut function = Function::of(script).file("lib.rhai", lib).event("{}");
        if let Some(limit) = limit {
            function = function.env("RHAMBDA_MAX_OPERATIONS", limit);
        }
        function
            .run()
            .failed("Function.ScriptError")
            .at("at label (lib.rhai:1:")
            .at("at a closure (lib.rhai:3:")
            .at("at handler (main.rhai:3:");
    }
}
