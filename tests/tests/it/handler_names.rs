//! `_HANDLER`: which file, which function, and what is said when it is neither.

use rhambda_tests::Function;

const ANSWER: &str = "fn handler(event) { 42 }";

#[test]
fn a_handler_name_is_split_at_its_last_dot() {
    let found = [
        ("main.handler", "main.rhai"),
        ("orders/create.handler", "orders/create.rhai"),
        ("a/b/c/d.handler", "a/b/c/d.rhai"),
        ("orders.v2.handler", "orders.v2.rhai"),
        ("v1.5/orders.v2.handler", "v1.5/orders.v2.rhai"),
        ("index.rhai.handler", "index.rhai"),
        ("orders/index.rhai.handler", "orders/index.rhai"),
        ("with-dash_and+plus.handler", "with-dash_and+plus.rhai"),
        ("straße.handler", "straße.rhai"),
    ];
    for (handler, file) in found {
        let run = Function::of_files(&[(file, ANSWER)]).handler(handler).event("1").run();
        run.responded("42").kept_serving().quietly();
    }
}

#[test]
fn a_function_may_have_any_name_that_rhai_allows() {
    for name in ["main", "_private", "on_event2", "handleOrder"] {
        let script = format!("fn {name}(event) {{ 42 }}");
        let run = Function::of(&script).handler(&format!("main.{name}")).event("1").run();
        run.responded("42").kept_serving();
    }
}

#[test]
fn a_malformed_handler_name_is_an_init_error_that_shows_it() {
    let malformed = [
        "main",
        "main.",
        ".handler",
        "/main.handler",
        "../main.handler",
        "lib/../main.handler",
        "lib/..",
        "main.hand-ler",
        "main.2nd",
        "main.hand ler",
        "lib\\main.handler",
        "main.handler()",
        "main.",
    ];
    for name in malformed {
        let run = Function::of(ANSWER).handler(name).run();
        run.init_failed("Runtime.MalformedHandlerName").saying(name).then_silence().exited(1);
    }
}

#[test]
fn a_missing_handler_name_is_an_init_error() {
    let run = Function::of(ANSWER).without_handler().run();
    run.init_failed("Runtime.ConfigInvalid").saying("_HANDLER").exited(1);
}

#[test]
fn a_script_that_is_not_there_is_an_init_error_naming_where_it_was_sought_and_what_is_there() {
    let run = Function::of_files(&[("orders.rhai", ANSWER), ("refunds.rhai", ANSWER)])
        .handler("order.handler")
        .run();
    run.init_failed("Runtime.ImportModuleError")
        .mentioning("order.rhai")
        .mentioning("layer/order.rhai")
        .mentioning("orders.rhai")
        .mentioning("refunds.rhai")
        .exited(1);
}

#[test]
fn a_script_of_the_task_root_comes_before_one_of_a_layer() {
    let run =
        Function::of(ANSWER).layer_file("main.rhai", "fn handler(event) { 7 }").event("1").run();
    run.responded("42").kept_serving();
}

#[test]
fn a_script_may_come_from_a_layer_alone() {
    let run = Function::of_files(&[])
        .layer_file("shared/main.rhai", ANSWER)
        .handler("shared/main.handler")
        .event("1")
        .run();
    run.responded("42").kept_serving();
}

#[test]
fn a_folder_with_the_name_of_a_script_is_not_a_script() {
    let run = Function::of_files(&[("main.rhai/x.txt", "")]).run();
    run.init_failed("Runtime.ImportModuleError").mentioning("main.rhai").exited(1);
}

#[test]
fn a_script_that_is_not_utf8_is_an_init_error() {
    let run = Function::of_files(&[]).file("main.rhai", b"fn handler(e) { \"\xff\" }").run();
    run.init_failed("Runtime.ImportModuleError")
        .mentioning("main.rhai")
        .mentioning("UTF-8")
        .exited(1);
}

#[test]
fn a_script_may_begin_with_a_byte_order_mark() {
    let run = Function::of("\u{feff}fn handler(event) { 42 }").event("1").run();
    run.responded("42").kept_serving();
}

#[test]
fn a_script_may_have_windows_line_ends_and_a_shebang() {
    let run = Function::of("// greeting\r\nfn handler(event) {\r\n  42\r\n}\r\n").event("1").run();
    run.responded("42").kept_serving();
}

#[test]
fn a_function_that_is_not_there_is_an_init_error_listing_those_that_are() {
    let run = Function::of("fn handle(event) { 1 }\nfn helper(a, b, c) { 1 }").run();
    run.init_failed("Runtime.HandlerNotFound")
        .mentioning("handler")
        .mentioning("handle(event)")
        .mentioning("helper(a, b, c)")
        .exited(1);
}

#[test]
fn a_script_without_functions_says_so() {
    let run = Function::of("let x = 1;").run();
    run.init_failed("Runtime.HandlerNotFound").mentioning("handler").exited(1);
}

#[test]
fn a_handler_takes_one_or_two_parameters() {
    for parameters in ["", "a, b, c"] {
        let run = Function::of(&format!("fn handler({parameters}) {{ 1 }}")).run();
        run.init_failed("Runtime.HandlerNotFound").saying("handler").saying("event").exited(1);
    }
}

#[test]
fn a_private_function_cannot_be_the_handler() {
    let run = Function::of("private fn handler(event) { 1 }").run();
    run.init_failed("Runtime.HandlerNotFound").saying("private").exited(1);
}

#[test]
fn with_both_arities_there_the_handler_gets_the_context() {
    let script = "fn handler(event) { 1 } fn handler(event, context) { 2 }";
    Function::of(script).event("1").run().responded("2").kept_serving();
}

#[test]
fn a_script_that_is_a_link_out_of_the_roots_is_refused() {
    let run = Function::of_files(&[])
        .outside_file("secret.rhai", ANSWER)
        .link("main.rhai", "../secret.rhai")
        .run();
    run.init_failed("Runtime.ImportModuleError").mentioning("main.rhai").exited(1);
}

#[test]
fn a_script_that_is_a_link_inside_its_root_is_served() {
    let run = Function::of_files(&[("real.rhai", ANSWER)])
        .link("main.rhai", "real.rhai")
        .event("1")
        .run();
    run.responded("42").kept_serving();
}
