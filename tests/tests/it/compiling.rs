//! Scripts that take long to compile: init ends in time, and says what to do.

use rhambda_tests::Function;

const HANDLER: &str = "\nfn handler(event) { 1 }\n";

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn a_script_that_is_not_compiled_in_time_is_an_init_error_that_says_what_to_do() {
    let keys = |count| many(count, |index| format!("k{index}: 1, "));
    let scripts = [
        format!("let m = #{{ {} }};", keys(60_000)),
        format!("fn f() {{ #{{ {} }} }}", keys(60_000)),
        many(60_000, |index| format!("let a{index} = 1;")),
        many(60_000, |index| format!("const A{index} = 1;")),
        many(20_000, |index| format!("fn f{index}(x) {{ x.len() }}\n")),
        format!(
            "fn f() {{ let a = []; {} }}",
            many(50_000, |index| format!("a.push(|x| x + {index});"))
        ),
        format!("fn f({}) {{ 1 }}", many(40_000, |index| format!("a{index}, "))),
        format!("fn f() {{ {} }}", many(60_000, |index| format!("let a{index} = 1; a{index};"))),
    ];
    for script in scripts {
        let run = Function::of(&format!("{script}{HANDLER}"))
            .env("RHAMBDA_INIT_TIMEOUT_MS", "200")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .event("1")
            .run();
        run.init_failed("Runtime.InitTimeout")
            .saying("compiled after 200 ms")
            .saying("RHAMBDA_INIT_TIMEOUT_MS")
            .saying("JSON file")
            .exited(1);
    }
}

#[test]
fn much_text_that_is_quickly_compiled_is_run() {
    let scripts = [
        "1;".repeat(250_000),
        "{1};".repeat(100_000),
        ";".repeat(500_000),
        "// a comment\n".repeat(100_000),
        format!("let s = \"{}\";", "x".repeat(2_000_000)),
        format!("fn f(x) {{ switch x {{ {} }} }}", many(50_000, |index| format!("{index} => 1,"))),
        format!("fn f() {{ [{}] }}", "1,".repeat(100_000)),
        format!("fn f(a) {{ `{}` }}", "${a}x".repeat(20_000)),
        format!("fn f(a) {{ {} }}", "for x in a { x; }".repeat(10_000)),
        format!("fn f(a) {{ {} }}", "if a { 1 }".repeat(20_000)),
    ];
    for script in scripts {
        let run = Function::of(&format!("{script}{HANDLER}"))
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .event("1")
            .run();
        run.responded("1").kept_serving();
    }
}

#[test]
fn a_long_script_runs_as_a_short_one_does() {
    let functions = many(2_000, |index| {
        format!(
            "fn f{index}(x) {{ const A = 60 * 60; let a = x + A - 3600; if a == 0 {{ {index} }} else {{ -1 }} }}\n"
        )
    });
    let cases = many(2_000, |index| format!("{index} => {index} * 2, "));
    let script = format!(
        "const RATE = 2 + 3;\n{functions}fn g(x) {{ switch x {{ {cases} }} }}\n\
         fn handler(event) {{ f1999(0) + g(1000) + RATE }}"
    );
    Function::of(&script).event("1").run().responded("4004").kept_serving();
    let main = "import \"m\" as m; fn handler(event) { m::f1999(0) + m::g(1000) + m::rate() }";
    let module =
        format!("{}\nfn rate() {{ global::RATE }}", script.replace("fn handler", "fn other"));
    let run = Function::of_files(&[("main.rhai", main), ("m.rhai", &module)]).event("1").run();
    run.responded("4004").kept_serving();
}

#[test]
fn calls_nested_around_what_is_not_known_are_compiled_at_once() {
    let nested = format!("{}switch 1 {{ _ => 1 }}{}", "a.push(".repeat(40), ")".repeat(40));
    let script = format!("fn f(a) {{ {nested} }} fn handler(event) {{ 1 }}");
    Function::of(&script)
        .env("RHAMBDA_INIT_TIMEOUT_MS", "5000")
        .event("1")
        .run()
        .responded("1")
        .kept_serving();
}
