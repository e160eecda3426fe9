//! What goes wrong before the first event: posted once, logged once, exit 1.

use std::time::Duration;

use rhambda_tests::{Answer, Function};

/// One function for each type of init error.
fn broken() -> [(&'static str, Function); 8] {
    let fine = "fn handler(event) { 1 }";
    [
        ("Runtime.ConfigInvalid", Function::of(fine).env("RHAMBDA_MAX_OPERATIONS", "many")),
        ("Runtime.MalformedHandlerName", Function::of(fine).handler("main")),
        ("Runtime.ImportModuleError", Function::of(fine).handler("absent.handler")),
        ("Runtime.ImportModuleError", Function::of("import \"absent\" as a; fn handler(e) { 1 }")),
        ("Runtime.UserCodeSyntaxError", Function::of("fn handler(event) { 1 ")),
        ("Runtime.HandlerNotFound", Function::of("fn other(event) { 1 }")),
        ("Runtime.UserCodeInitError", Function::of("throw \"no\"; fn handler(event) { 1 }")),
        (
            "Runtime.InitTimeout",
            Function::of("loop { } fn handler(event) { 1 }").env("RHAMBDA_INIT_TIMEOUT_MS", "300"),
        ),
    ]
}

#[test]
fn every_init_error_is_posted_once_logged_once_and_ends_the_process() {
    for (error_type, function) in broken() {
        let run = function.event("1").run();
        run.init_failed(error_type).then_silence().polled(0).logged_times(1, error_type).exited(1);
    }
}

#[test]
fn an_init_error_is_logged_as_one_record_in_either_format() {
    for (error_type, function) in broken() {
        let run = function.env("AWS_LAMBDA_LOG_FORMAT", "JSON").run();
        let run = run.init_failed(error_type).exited(1);
        let lines: Vec<_> = run.stderr().lines().collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let record: serde_json::Value = serde_json::from_str(lines[0]).expect("a JSON record");
        assert_eq!(record["level"], "ERROR", "{record}");
        assert_eq!(record["errorType"], error_type, "{record}");
        assert!(record["stackTrace"].is_array(), "{record}");
    }
}

#[test]
fn the_answer_to_an_init_error_changes_nothing() {
    for answer in [
        Answer::Status(202),
        Answer::Status(403),
        Answer::Status(500),
        Answer::ResetRead,
        Answer::CloseAfter,
    ] {
        let run = Function::of("fn other(event) { }").answer(answer).run();
        let run = run.init_failed("Runtime.HandlerNotFound");
        assert!(run.calls().iter().all(|call| call.method == "POST"));
        assert!(run.calls().len() <= 2, "at most one retry on a fresh connection");
        assert!(run.stderr().contains("Runtime.HandlerNotFound"));
    }
}

#[test]
fn an_init_error_with_nobody_listening_is_logged() {
    let run = Function::of("fn other(event) { }").with_nobody_listening().run();
    run.logged("Runtime.HandlerNotFound").exited(1);
}

#[test]
fn what_the_top_level_throws_is_an_init_error_with_its_place() {
    let run = Function::of("let a = 1;\nthrow \"no table name\";\nfn handler(event) { 1 }").run();
    run.init_failed("Runtime.UserCodeInitError")
        .saying("no table name")
        .at("main.rhai:2:")
        .exited(1);
}

#[test]
fn any_failure_of_the_top_level_is_an_init_error_with_its_place() {
    for statement in ["1 / 0;", "missing;", "missing();", "let m = 1; m.field.other;", "[1][5];"] {
        let run = Function::of(&format!("\n\n{statement}\nfn handler(event) {{ 1 }}")).run();
        run.init_failed("Runtime.UserCodeInitError").at("main.rhai:3:").exited(1);
    }
}

#[test]
fn a_top_level_that_never_ends_is_stopped_with_the_line_it_was_at() {
    let run = Function::of("let n = 0;\nwhile true {\n  n += 1;\n}\nfn handler(event) { 1 }")
        .env("RHAMBDA_INIT_TIMEOUT_MS", "300")
        .run();
    run.init_failed("Runtime.InitTimeout")
        .saying("300")
        .at("main.rhai:")
        .exited(1)
        .within(Duration::from_secs(5));
}

#[test]
fn a_top_level_that_catches_everything_is_stopped_all_the_same() {
    let run = Function::of("loop { try { loop { } } catch { } }\nfn handler(event) { 1 }")
        .env("RHAMBDA_INIT_TIMEOUT_MS", "300")
        .run();
    run.init_failed("Runtime.InitTimeout").exited(1).within(Duration::from_secs(5));
}

#[test]
fn the_limits_hold_at_the_top_level_too() {
    for statement in [
        "let s = \"ab\"; loop { s += s; }",
        "let a = [1]; loop { a += a; }",
        "fn deep(n) { deep(n + 1) } deep(0);",
        "blob(99999999999);",
    ] {
        let run = Function::of(&format!("{statement}\nfn handler(event) {{ 1 }}")).run();
        run.init_failed("Runtime.UserCodeInitError").exited(1);
    }
}

#[test]
fn a_syntax_error_shows_the_line_and_points_at_the_column() {
    let run = Function::of("fn handler(event) {\n    let total = 1 +;\n}\n").run();
    run.init_failed("Runtime.UserCodeSyntaxError")
        .mentioning("main.rhai:2:")
        .mentioning("let total = 1 +;")
        .mentioning("^")
        .logged("let total = 1 +;")
        .exited(1);
}

#[test]
fn a_syntax_error_inside_a_module_names_the_modules_file() {
    let run = Function::of("import \"lib/a\" as a; fn handler(event) { 1 }")
        .file("lib/a.rhai", "import \"lib/b\" as b;")
        .file("lib/b.rhai", "fn fine() { }\nfn broken( { }\n")
        .run();
    run.init_failed("Runtime.UserCodeSyntaxError").mentioning("lib/b.rhai:2:").exited(1);
}

#[test]
fn a_throw_at_the_top_level_of_a_module_names_the_modules_file() {
    let run = Function::of("import \"lib/a\" as a;\nfn handler(event) { 1 }")
        .file("lib/a.rhai", "\n\nthrow \"no\";")
        .run();
    run.init_failed("Runtime.UserCodeInitError").mentioning("lib/a.rhai:3:").saying("no").exited(1);
}

#[test]
fn modules_may_import_modules() {
    let run = Function::of("import \"a\" as a; fn handler(event) { a::f() }")
        .file("a.rhai", "import \"deep/b\" as b; fn f() { b::f() + 1 }")
        .file("deep/b.rhai", "import \"deep/c\" as c; fn f() { c::f() + 1 }")
        .file("deep/c.rhai", "fn f() { 40 }")
        .event("1")
        .event("1")
        .run();
    run.responded("42").responded("42").kept_serving().quietly();
}

#[test]
fn a_module_of_the_task_root_comes_before_one_of_a_layer() {
    let run = Function::of(
        "import \"a\" as a; import \"b\" as b; fn handler(event) { [a::f(), b::f()] }",
    )
    .file("a.rhai", "fn f() { \"task\" }")
    .layer_file("a.rhai", "fn f() { \"layer\" }")
    .layer_file("b.rhai", "fn f() { \"layer\" }")
    .event("1")
    .run();
    run.responded(r#"["task","layer"]"#).kept_serving();
}

#[test]
fn a_module_that_many_import_is_compiled_and_run_once() {
    let run = Function::of(
        "import \"a\" as a; import \"b\" as b; import \"c\" as c;
        fn handler(event) { import \"c\" as again; again::f() }",
    )
    .file("a.rhai", "import \"c\" as c; fn f() { c::f() }")
    .file("b.rhai", "import \"c\" as c; fn f() { c::f() }")
    .file("c.rhai", "print(\"loading c\"); fn f() { 3 }")
    .event("1")
    .event("1")
    .run();
    let run = run.responded("3").responded("3").kept_serving();
    assert_eq!(run.stdout().matches("loading c").count(), 1, "{}", run.stdout());
}

#[test]
fn modules_that_import_each_other_are_refused_with_the_circle() {
    let run = Function::of("import \"a\" as a; fn handler(event) { 1 }")
        .file("a.rhai", "import \"b\" as b; fn f() { 1 }")
        .file("b.rhai", "import \"a\" as a; fn f() { 1 }")
        .run();
    run.init_failed("Runtime.ImportModuleError")
        .mentioning("circular")
        .mentioning("a.rhai")
        .mentioning("b.rhai")
        .exited(1);
}

#[test]
fn a_module_that_imports_itself_is_refused() {
    let run = Function::of("import \"a\" as a; fn handler(event) { 1 }")
        .file("a.rhai", "import \"a\" as a; fn f() { 1 }")
        .run();
    run.init_failed("Runtime.ImportModuleError").mentioning("circular").exited(1);
}

#[test]
fn a_script_that_imports_itself_is_refused() {
    let run = Function::of("import \"main\" as me; fn handler(event) { 1 }").run();
    run.init_failed("Runtime.ImportModuleError").mentioning("circular").exited(1);
}

#[test]
fn an_import_cannot_leave_the_roots() {
    let function = Function::of("").outside_file("secret.rhai", "fn f() { \"secret\" }");
    let absolute = function.task_root().parent().map(|folder| folder.join("secret"));
    let absolute =
        absolute.as_deref().and_then(std::path::Path::to_str).unwrap_or_default().to_owned();
    for path in
        ["../secret", "lib/../../secret", &absolute, "./../secret", "..\\\\secret", "/etc/passwd"]
    {
        let run = Function::of(&format!("import \"{path}\" as s; fn handler(event) {{ s::f() }}"))
            .outside_file("secret.rhai", "fn f() { \"secret\" }")
            .event("1")
            .run();
        run.init_failed("Runtime.ImportModuleError").exited(1);
    }
}

#[test]
fn an_import_cannot_follow_a_link_out_of_its_root() {
    for (link, target, import) in
        [("secret.rhai", "../secret.rhai", "secret"), ("out", "..", "out/secret")]
    {
        let run =
            Function::of(&format!("import \"{import}\" as s; fn handler(event) {{ s::f() }}"))
                .outside_file("secret.rhai", "fn f() { \"secret\" }")
                .link(link, target)
                .event("1")
                .run();
        run.init_failed("Runtime.ImportModuleError").mentioning(import).exited(1);
    }
}

#[test]
fn a_missing_module_is_named_with_the_import_that_wanted_it() {
    let run = Function::of("let a = 1;\nimport \"lib/mony\" as money;\nfn handler(event) { 1 }")
        .file("lib/money.rhai", "fn f() { 1 }")
        .run();
    run.init_failed("Runtime.ImportModuleError")
        .mentioning("lib/mony")
        .mentioning("main.rhai:2:")
        .exited(1);
}

#[test]
fn a_module_that_is_not_utf8_is_an_init_error() {
    let run = Function::of("import \"a\" as a; fn handler(event) { 1 }")
        .file("a.rhai", b"// \xff\xfe")
        .run();
    run.init_failed("Runtime.ImportModuleError").mentioning("a.rhai").mentioning("UTF-8").exited(1);
}

#[test]
fn a_misspelt_setting_is_named_with_the_one_that_was_meant() {
    let run = Function::of("fn handler(event) { 1 }").env("RHAMBDA_MAX_OPERATION", "1000").run();
    run.init_failed("Runtime.ConfigInvalid")
        .saying("RHAMBDA_MAX_OPERATION")
        .saying("RHAMBDA_MAX_OPERATIONS")
        .exited(1);
}

#[test]
fn a_setting_that_cannot_be_is_named_with_its_value() {
    let wrong = [
        ("RHAMBDA_DEADLINE_MARGIN_MS", "soon"),
        ("RHAMBDA_DEADLINE_MARGIN_MS", "-1"),
        ("RHAMBDA_MAX_OPERATIONS", "1e6"),
        ("RHAMBDA_MAX_OPERATIONS", "99999999999999999999999"),
        ("RHAMBDA_MAX_CALL_LEVELS", "-5"),
        ("RHAMBDA_MAX_CALL_LEVELS", "100000000"),
        ("RHAMBDA_MAX_EXPR_DEPTH", "deep"),
        ("RHAMBDA_MAX_EXPR_DEPTH", "100000000"),
        ("RHAMBDA_MAX_STRING_SIZE", "6MB"),
        ("RHAMBDA_MAX_ARRAY_SIZE", "1.5"),
        ("RHAMBDA_MAX_MAP_SIZE", "0x10"),
        ("RHAMBDA_MAX_MEMORY_MB", "lots"),
        ("RHAMBDA_LOG", "loud"),
        ("RHAMBDA_INIT_TIMEOUT_MS", "9 s"),
    ];
    for (name, value) in wrong {
        let run = Function::of("fn handler(event) { 1 }").env(name, value).run();
        run.init_failed("Runtime.ConfigInvalid").saying(name).saying(value).exited(1);
    }
}

#[test]
fn without_a_runtime_api_it_shows_how_it_is_used() {
    let run = Function::of("fn handler(event) { 1 }").without_api().run();
    run.logged("AWS_LAMBDA_RUNTIME_API").exited(2);
}

#[test]
fn a_script_that_leaves_no_room_for_events_does_not_pass_init() {
    // The syntax tree of so many lines is a third of what the script may hold, and is copied more than once.
    let script = format!("fn handler(event) {{ let x = 0;\n{}x }}", "x += 1;\n".repeat(100_000));
    Function::of(&script)
        .event("{}")
        .run()
        .init_failed("Runtime.UserCodeInitError")
        .saying("RHAMBDA_MAX_MEMORY_MB")
        .exited(1);
}
