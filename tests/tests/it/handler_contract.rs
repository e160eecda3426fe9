//! What a script is given, and what it may keep.

use rhambda_tests::{Event, Function};

const STATEFUL: &str =
    "fn handler(event, context) { this.count = (this.count ?? 0) + 1; this.count }";

#[test]
fn a_handler_may_take_the_event_and_the_context() {
    let run =
        Function::of("fn handler(event, context) { [event, context.request_id] }").event("1").run();
    run.responded(r#"[1,"8476a536-e9f4-11e8-9739-000000000001"]"#).kept_serving();
}

#[test]
fn a_handler_may_take_the_event_alone() {
    let run = Function::of("fn handler(event) { event + 1 }").event("1").run();
    run.responded("2").kept_serving().quietly();
}

#[test]
fn the_same_process_serves_one_event_after_the_other() {
    let run = Function::of("fn handler(event) { event }").event("1").event("2").event("3").run();
    run.responded("1").responded("2").responded("3").polled(4).kept_serving().quietly();
}

#[test]
fn what_a_script_puts_into_this_is_there_in_the_next_invocation() {
    let run = Function::of(STATEFUL).event("{}").event("{}").event("{}").run();
    run.responded("1").responded("2").responded("3").kept_serving();
}

#[test]
fn what_was_put_into_this_before_a_throw_is_kept() {
    let script = "fn handler(event) {
        this.seen = (this.seen ?? []) + [event];
        if event == 1 { throw \"no\" }
        this.seen
    }";
    let run = Function::of(script).event("1").event("2").run();
    run.failed("Function.ScriptError").responded("[1,2]").kept_serving();
}

#[test]
fn no_local_of_one_invocation_is_seen_by_the_next() {
    let script = "fn handler(event) {
        if event == 1 { let secret = 42; return secret }
        secret
    }";
    let run = Function::of(script).event("1").event("2").run();
    run.responded("42").failed("Function.VariableNotFound").saying("secret").kept_serving();
}

#[test]
fn a_change_to_the_event_is_not_seen_by_the_next_invocation() {
    let script = "fn handler(event) {
        let before = event.keys();
        event.leftover = 1;
        before
    }";
    let run = Function::of(script).event("{}").event("{}").run();
    run.responded("[]").responded("[]").kept_serving();
}

#[test]
fn constants_of_the_top_level_are_seen_in_functions() {
    let script = "const GREETING = \"hello\";
        const LIMITS = #{ size: 3 };
        fn greet(name) { `${GREETING}, ${name}` }
        fn handler(event) { [greet(event), LIMITS.size] }";
    let run = Function::of(script).event("\"world\"").run();
    run.responded(r#"["hello, world",3]"#).kept_serving();
}

#[test]
fn imports_of_the_top_level_are_seen_in_functions() {
    let script = "import \"lib/money\" as money;
        fn inner(cents) { money::euros(cents) }
        fn handler(event) { inner(event) }";
    let run = Function::of(script)
        .file("lib/money.rhai", "fn euros(cents) { `${cents / 100} EUR` }")
        .event("1200")
        .event("700")
        .run();
    run.responded("\"12 EUR\"").responded("\"7 EUR\"").kept_serving();
}

#[test]
fn constants_of_a_module_are_seen_through_its_name_and_as_global_inside() {
    let run = Function::of(
        "import \"rates\" as rates; fn handler(event) { rates::VAT + rates::taxed(100) }",
    )
    .file("rates.rhai", "export const VAT = 19; fn taxed(net) { net + global::VAT }")
    .event("0")
    .run();
    run.responded("138").kept_serving();
}

#[test]
fn the_top_level_runs_once() {
    let script = "print(\"starting\"); fn handler(event) { event }";
    let run = Function::of(script).event("1").event("2").event("3").run();
    let run = run.responded("1").responded("2").responded("3").kept_serving();
    assert_eq!(run.stdout().matches("starting").count(), 1);
}

#[test]
fn closures_may_be_given_to_what_iterates() {
    let script = "fn double(x) { x * 2 }
        fn handler(event) { event.map(|x| double(x)).filter(|x| x > 2).reduce(|sum, x| sum + x, 0) }";
    let run = Function::of(script).event("[1,2,3]").run();
    run.responded("10").kept_serving();
}

#[test]
fn a_handler_that_returns_nothing_responds_null() {
    Function::of("fn handler(event) { }").event("1").run().responded("null").kept_serving();
}

#[test]
fn an_event_may_be_any_json_value() {
    let values = ["null", "true", "0", "\"\"", "[]", "{}", "[null,[{}]]"];
    let function = Function::of("fn handler(event) { event }");
    let run = values.iter().fold(function, |function, value| function.event(value)).run();
    values.iter().fold(run, |run, value| run.responded(value)).kept_serving();
}

const WHOLE_CONTEXT: &str = "fn handler(event, context) {
    #{
        function_name: context.function_name,
        function_version: context.function_version,
        invoked_function_arn: context.invoked_function_arn,
        memory_limit_mb: context.memory_limit_mb,
        log_group_name: context.log_group_name,
        log_stream_name: context.log_stream_name,
        request_id: context.request_id,
        trace_id: context.trace_id,
        client_context: context.client_context,
        identity: context.identity,
        tenant_id: context.tenant_id,
        cold_start: context.cold_start,
    }
}";

#[test]
fn the_context_tells_all_that_lambda_told() {
    let event = Event::new("{}")
        .id("8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("Lambda-Runtime-Client-Context", r#"{"custom":{"shop":"north"},"client":{}}"#)
        .header(
            "Lambda-Runtime-Cognito-Identity",
            r#"{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}"#,
        )
        .header("Lambda-Runtime-Aws-Tenant-Id", "blue");
    let run = Function::of(WHOLE_CONTEXT).sent(event).run();
    run.responded_json(
        r#"{
            "function_name": "greeter",
            "function_version": "$LATEST",
            "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:greeter",
            "memory_limit_mb": 128,
            "log_group_name": "/aws/lambda/greeter",
            "log_stream_name": "2026/11/23/[$LATEST]0123456789abcdef",
            "request_id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "trace_id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
            "client_context": {"custom": {"shop": "north"}, "client": {}},
            "identity": {"cognito_identity_id": "me", "cognito_identity_pool_id": "pool"},
            "tenant_id": "blue",
            "cold_start": true
        }"#,
    )
    .kept_serving()
    .quietly();
}

#[test]
fn what_lambda_did_not_tell_is_unit_in_the_context() {
    let event = Event::new("{}")
        .id("only-an-id")
        .without("Lambda-Runtime-Trace-Id")
        .without("Lambda-Runtime-Invoked-Function-Arn")
        .without("Lambda-Runtime-Deadline-Ms");
    let run = [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
    ]
    .iter()
    .fold(Function::of(WHOLE_CONTEXT), |function, name| function.without_env(name))
    .sent(event)
    .run();
    run.responded_json(
        r#"{
            "function_name": null, "function_version": null, "invoked_function_arn": null,
            "memory_limit_mb": null, "log_group_name": null, "log_stream_name": null,
            "request_id": "only-an-id", "trace_id": null, "client_context": null,
            "identity": null, "tenant_id": null, "cold_start": true
        }"#,
    )
    .kept_serving()
    .quietly();
}

#[test]
fn only_the_first_invocation_is_a_cold_start() {
    let run = Function::of("fn handler(event, context) { context.cold_start }")
        .event("1")
        .event("2")
        .run();
    run.responded("true").responded("false").kept_serving();
}

#[test]
fn the_context_tells_the_deadline_and_what_remains_of_it() {
    let script = "fn handler(event, context) {
        let left = context.remaining_ms();
        [type_of(context.deadline_ms), context.deadline_ms > 1700000000000, left > 30000 && left <= 60000]
    }";
    let run = Function::of(script).event("{}").run();
    run.responded(r#"["i64",true,true]"#).kept_serving();
}

#[test]
fn remaining_time_only_goes_down_and_never_below_zero() {
    let script = "fn handler(event, context) {
        let first = context.remaining_ms();
        for i in 0..1000 { if context.remaining_ms() > first { return false } }
        first >= 0
    }";
    let run = Function::of(script).event("{}").run();
    run.responded("true").kept_serving();
}

#[test]
fn functions_may_call_each_other_in_any_order() {
    let script = "fn handler(event) { even(event) }
        fn even(n) { if n == 0 { true } else { odd(n - 1) } }
        fn odd(n) { if n == 0 { false } else { even(n - 1) } }";
    Function::of(script).event("10").run().responded("true").kept_serving();
}

#[test]
fn an_import_inside_the_handler_works_too() {
    let run = Function::of("fn handler(event) { import \"late\" as late; late::answer() }")
        .file("late.rhai", "fn answer() { 42 }")
        .event("1")
        .event("2")
        .run();
    run.responded("42").responded("42").kept_serving();
}

#[test]
fn an_import_inside_the_handler_of_what_is_not_there_is_an_invocation_error() {
    let run = Function::of("fn handler(event) {\n  import \"nowhere\" as late;\n  1\n}")
        .event("1")
        .event("2")
        .run();
    run.failed("Function.ModuleNotFound")
        .mentioning("nowhere")
        .at("main.rhai:2:")
        .failed("Function.ModuleNotFound")
        .kept_serving();
}
