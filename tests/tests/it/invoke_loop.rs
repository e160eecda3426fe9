//! What the loop does with each thing the Runtime API may say: the table of outcomes, and the
//! headers, bodies, statuses and environments that have broken other runtimes.

use std::time::Duration;

use rhambda_tests::{Answer, Event, Framing, Function, Next};

fn echo() -> Function {
    Function::of("fn handler(event) { event }")
}

/// Bytes of JSON text: a string of so many bytes, quotes included.
fn text_of(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

// The poll.

#[test]
fn a_reset_poll_is_tried_again_on_a_new_connection() {
    let run = echo().next(Next::Reset).event("1").run();
    let run = run.responded("1").kept_serving();
    assert_ne!(run.calls()[0].connection, run.calls()[1].connection);
}

#[test]
fn a_poll_closed_without_an_answer_is_tried_again() {
    echo()
        .next(Next::Close)
        .event("1")
        .next(Next::Close)
        .event("2")
        .run()
        .responded("1")
        .responded("2")
        .kept_serving();
}

#[test]
fn a_poll_that_fails_three_times_ends_the_process() {
    let run = echo().next(Next::Reset).next(Next::Reset).next(Next::Reset).event("1").run();
    let run = run.polled(3).exited(1);
    assert!(!run.stderr().is_empty(), "it says why it ended");
}

#[test]
fn with_nobody_listening_it_says_so_and_ends() {
    let run = echo().with_nobody_listening().run();
    let run = run.exited(1);
    assert!(!run.stderr().is_empty(), "it says why it ended");
}

#[test]
fn a_poll_answered_with_204_is_repeated() {
    let run = echo().next(Next::Status(204)).next(Next::Status(204)).event("1").run();
    run.responded("1").polled(4).kept_serving();
}

#[test]
fn a_poll_that_is_refused_ends_the_process_with_lambdas_own_words() {
    for (status, words) in [(403, "State transition failed"), (500, "Internal Server Error")] {
        let run = echo().event("1").next(Next::Status(status)).event("2").run();
        run.responded("1").polled(2).logged(words).logged(&status.to_string()).exited(1);
    }
}

#[test]
fn an_event_without_a_request_id_cannot_be_answered_and_ends_the_process() {
    for event in [
        Event::new("1").without("Lambda-Runtime-Aws-Request-Id"),
        Event::new("1").header("Lambda-Runtime-Aws-Request-Id", ""),
    ] {
        let run = echo().sent(event).event("2").run();
        run.polled(1).logged("Lambda-Runtime-Aws-Request-Id").exited(1);
    }
}

#[test]
fn an_event_cut_short_is_asked_for_again() {
    let run = echo().sent(Event::new("12345").framed(Framing::CutShort)).event("2").run();
    run.responded("2").kept_serving();
}

// The headers.

#[test]
fn a_request_id_is_all_an_event_needs() {
    let event = Event::new("1")
        .id("a")
        .without("Content-Type")
        .without("Lambda-Runtime-Deadline-Ms")
        .without("Lambda-Runtime-Trace-Id")
        .without("Lambda-Runtime-Invoked-Function-Arn");
    echo().sent(event).run().responded("1").kept_serving().quietly();
}

#[test]
fn an_empty_header_is_an_absent_one() {
    let script = "fn handler(event, context) { [context.trace_id, context.client_context,
        context.identity, context.tenant_id, context.invoked_function_arn] }";
    let names = [
        "Lambda-Runtime-Trace-Id",
        "Lambda-Runtime-Client-Context",
        "Lambda-Runtime-Cognito-Identity",
        "Lambda-Runtime-Aws-Tenant-Id",
        "Lambda-Runtime-Invoked-Function-Arn",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invocation-Id",
        "Content-Type",
    ];
    let event = names.iter().fold(Event::new("1"), |event, name| event.header(name, ""));
    let run = Function::of(script).sent(event).run();
    run.responded("[null,null,null,null,null]").kept_serving().quietly();
}

#[test]
fn headers_that_are_not_ascii_are_survived() {
    let script = "fn handler(event, context) { context.tenant_id }";
    let event = Event::new("1").header("Lambda-Runtime-Aws-Tenant-Id", "zürich");
    Function::of(script).sent(event).run().responded("\"zürich\"").kept_serving();
    let event = Event::new("1")
        .header("Lambda-Runtime-Trace-Id", b"Root=\xff\xfe")
        .header("Lambda-Runtime-Client-Context", b"{\"a\":\"\xff\"}")
        .header("Lambda-Runtime-Cognito-Identity", b"\xf0")
        .header("Lambda-Runtime-Invoked-Function-Arn", b"arn:\xe9")
        .header("X-Anything", b"\x80\x81");
    echo().sent(event).event("2").run().responded("1").responded("2").kept_serving();
}

#[test]
fn a_client_context_that_is_not_json_is_absent() {
    let script = "fn handler(event, context) { [context.client_context, context.identity] }";
    let event = Event::new("1")
        .header("Lambda-Runtime-Client-Context", "{")
        .header("Lambda-Runtime-Cognito-Identity", "[1");
    Function::of(script).sent(event).run().responded("[null,null]").kept_serving();
}

#[test]
fn a_client_context_of_40_kilobytes_arrives() {
    let script = "fn handler(event, context) { context.client_context.custom.text.len() }";
    let text = format!(r#"{{"custom":{{"text":"{}"}}}}"#, "x".repeat(40_000));
    let event = Event::new("1").header("Lambda-Runtime-Client-Context", text);
    Function::of(script).sent(event).run().responded("40000").kept_serving();
}

#[test]
fn an_event_without_a_deadline_has_all_the_time_there_is() {
    let script = "fn handler(event, context) {
        let left = context.remaining_ms();
        [context.deadline_ms, left == () || left > 60000]
    }";
    let event = Event::new("1").without("Lambda-Runtime-Deadline-Ms");
    Function::of(script).sent(event).run().responded("[null,true]").kept_serving();
}

#[test]
fn a_deadline_that_is_no_time_is_survived() {
    for deadline in ["18446744073709551615", "99999999999999999999999", "soon", "-1", "1.5", " 12 "]
    {
        let event = Event::new("1").header("Lambda-Runtime-Deadline-Ms", deadline);
        let script = "fn handler(event, context) { context.remaining_ms(); event }";
        Function::of(script)
            .sent(event)
            .event("2")
            .run()
            .responded("1")
            .responded("2")
            .kept_serving();
    }
}

#[test]
fn a_deadline_of_1970_is_a_duration_that_somebody_mistook_for_a_time() {
    // cargo-lambda sends the timeout, 600000, where a moment belongs.
    let event = Event::new("1").header("Lambda-Runtime-Deadline-Ms", "600000");
    let script = "fn handler(event) { let n = 0; for i in 0..10000 { n += i } event }";
    Function::of(script).sent(event).event("2").run().responded("1").responded("2").kept_serving();
}

#[test]
fn an_event_whose_deadline_is_over_is_answered_and_the_next_one_served() {
    let event = Event::new("1").due_in(Duration::ZERO);
    let script = "fn handler(event) { if event == 1 { loop { } } event }";
    let run = Function::of(script).sent(event).event("2").run();
    run.failed("Function.DeadlineExceeded").responded("2").kept_serving();
}

#[test]
fn an_invocation_id_is_echoed_on_responses_and_errors() {
    // Every `responded` and `failed` compares it.
    let event =
        |body: &str| Event::new(body).header("Lambda-Runtime-Invocation-Id", "opaque/+= 7f3a");
    let script = "fn handler(event) { if event == 1 { throw \"no\" } event }";
    let run = Function::of(script).sent(event("1")).sent(event("2")).event("3").run();
    run.failed("Function.ScriptError").responded("2").responded("3").kept_serving();
}

#[test]
fn a_request_id_with_odd_characters_cannot_break_the_path() {
    let event = Event::new("1").id("a b/c?d#e%f");
    let run = echo().sent(event).run();
    let posted: Vec<_> = run.calls().iter().filter(|call| call.method == "POST").collect();
    assert_eq!(posted.len(), 1);
    assert_eq!(posted[0].path, "/2018-06-01/runtime/invocation/a%20b%2Fc%3Fd%23e%25f/response");
}

// The bodies.

#[test]
fn an_event_may_come_in_any_framing() {
    let body = r#"{"name":"wörld","list":[1,2,3]}"#;
    for framing in [Framing::Length, Framing::Chunked(1), Framing::Chunked(7), Framing::UntilClose]
    {
        let run = echo().sent(Event::new(body).framed(framing)).event("2").run();
        run.responded_json(body).responded("2").kept_serving().quietly();
    }
}

#[test]
fn an_empty_event_is_an_invocation_error() {
    for framing in [Framing::Length, Framing::Chunked(8)] {
        let run = echo().sent(Event::new("").framed(framing)).event("2").run();
        run.failed("Runtime.UnmarshalError").saying("empty").responded("2").kept_serving();
    }
}

#[test]
fn an_event_that_is_not_json_is_an_invocation_error() {
    for body in ["{", "hello", "[1,]", "{'a':1}", "NaN", "1 2", "\u{feff}1", "<xml/>"] {
        let run = echo().event(body).event("2").run();
        run.failed("Runtime.UnmarshalError").responded("2").kept_serving();
    }
}

#[test]
fn an_event_of_six_mebibytes_and_100_bytes_is_served() {
    let body = text_of(6 * 1024 * 1024 + 100);
    let script = "fn handler(event) { event.len() }";
    for framing in [Framing::Length, Framing::Chunked(4096)] {
        let run = Function::of(script)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .sent(Event::new(body.as_str()).framed(framing))
            .event("\"ab\"")
            .run();
        run.responded("6291554").responded("2").kept_serving();
    }
}

#[test]
fn an_event_of_six_mebibytes_is_served_with_the_smallest_memory() {
    let run = Function::of("fn handler(event) { event.len() }")
        .event(text_of(6 << 20))
        .event("\"a\"")
        .run();
    run.responded("6291454").responded("1").kept_serving();
}

#[test]
fn six_megabytes_of_anything_end_in_an_answer_within_the_smallest_memory() {
    let brackets = "[".repeat(6 << 20);
    let braces = "{\"\":".repeat(3 << 19);
    let digits = "9".repeat(6 << 20);
    let escapes = format!("\"{}\"", "\\u0041".repeat(1 << 20));
    let halves = format!("\"{}\"", "\\ud800".repeat(1 << 20));
    let objects = format!("[{}]", vec!["{}"; 2 << 20].join(","));
    let keys = format!("{{{}}}", vec!["\"k\":0"; 1 << 20].join(","));
    let not_utf8 = [b"\"".to_vec(), b"\xff".repeat(6 << 20), b"\"".to_vec()].concat();
    let texts = [brackets, braces, digits, escapes, halves, objects, keys].map(String::into_bytes);
    for event in texts.into_iter().chain([not_utf8]) {
        let run = Function::of("fn handler(event) { 1 }").event(event).event("2").run();
        let posts: Vec<_> = run.calls().iter().filter(|call| call.method == "POST").collect();
        assert_eq!(posts.len(), 2, "one answer for each event");
        assert_eq!(posts[1].text(), "1");
        assert!(run.peak_memory_kb() < 128 << 10, "{} KB", run.peak_memory_kb());
    }
}

#[test]
fn the_largest_response_is_sent_and_one_byte_more_is_an_error() {
    let largest = 6 * 1024 * 1024 + 100;
    let script = "fn handler(event) { let text = \"\"; text.pad(event, 'x'); text }";
    let run = Function::of(script)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
        .event((largest - 2).to_string())
        .event((largest - 1).to_string())
        .event("1")
        .run();
    let mut run = run;
    assert_eq!(run.response().len(), largest);
    run.failed("Function.ResponseSizeTooLarge")
        .saying("6291557")
        .saying("6291556")
        .responded("\"x\"")
        .kept_serving();
}

// The posts.

#[test]
fn a_response_that_came_too_late_or_twice_or_is_too_large_is_dropped_and_the_loop_goes_on() {
    for status in [400, 410, 413] {
        let run = echo().event("1").event("2").answer(Answer::Status(status)).run();
        let run = run.responded("1").responded("2").kept_serving();
        assert_eq!(run.stderr().lines().count(), 1, "{}", run.stderr());
    }
}

#[test]
fn an_error_that_came_too_late_is_dropped_and_the_loop_goes_on() {
    let script = "fn handler(event) { if event == 1 { throw \"no\" } event }";
    for status in [400, 410, 413] {
        let run = Function::of(script).event("1").event("2").answer(Answer::Status(status)).run();
        run.failed("Function.ScriptError").responded("2").kept_serving();
    }
}

#[test]
fn a_refused_response_is_survived_unless_the_next_poll_is_refused_too() {
    let run = echo().event("1").event("2").answer(Answer::Status(403)).run();
    run.responded("1").responded("2").logged("403").kept_serving();
    let run = echo().event("1").next(Next::Status(403)).answer(Answer::Status(403)).run();
    run.responded("1").polled(2).exited(1);
}

#[test]
fn a_broken_runtime_api_ends_the_process() {
    let script = "fn handler(event) { if event == 1 { throw \"no\" } event }";
    for status in [500, 503] {
        let run = echo().event("1").event("2").answer(Answer::Status(status)).run();
        run.responded("1").polled(1).logged(&status.to_string()).exited(1);
        let run = Function::of(script).event("1").event("2").answer(Answer::Status(status)).run();
        run.failed("Function.ScriptError").polled(1).logged(&status.to_string()).exited(1);
    }
}

#[test]
fn a_post_answered_with_200_is_as_good_as_202() {
    echo()
        .event("1")
        .event("2")
        .answer(Answer::Status(200))
        .run()
        .responded("1")
        .responded("2")
        .kept_serving();
}

#[test]
fn a_response_whose_connection_was_reset_is_sent_once_more_on_a_fresh_one() {
    let run = echo().event("1").event("2").answer(Answer::ResetRead).run();
    let run = run.responded("1").responded("1").responded("2").kept_serving();
    let posts: Vec<_> = run.calls().iter().filter(|call| call.method == "POST").collect();
    assert_ne!(posts[0].connection, posts[1].connection);
}

#[test]
fn a_response_whose_connection_was_reset_before_it_was_read_is_sent_once_more() {
    let script = "fn handler(event) { let text = \"\"; text.pad(event, 'x'); text }";
    let run = Function::of(script).event("1000000").answer(Answer::ResetUnread).run();
    let posts: Vec<_> = run.calls().iter().filter(|call| call.method == "POST").collect();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[1].body.len(), 1_000_002);
}

#[test]
fn an_error_whose_connection_was_reset_is_sent_once_more() {
    let run = Function::of("fn handler(event) { throw \"no\" }")
        .event("1")
        .answer(Answer::ResetRead)
        .run();
    run.failed("Function.ScriptError").failed("Function.ScriptError").kept_serving();
}

#[test]
fn a_second_post_that_is_refused_means_that_the_first_arrived() {
    for status in [400, 403] {
        let run = echo()
            .event("1")
            .event("2")
            .answer(Answer::ResetRead)
            .answer(Answer::Status(status))
            .run();
        run.responded("1").responded("1").responded("2").kept_serving();
    }
}

#[test]
fn a_response_that_cannot_be_sent_twice_ends_the_process() {
    let run =
        echo().event("1").event("2").answer(Answer::ResetRead).answer(Answer::ResetRead).run();
    run.responded("1").responded("1").polled(1).exited(1);
}

#[test]
fn a_connection_closed_after_the_answer_costs_nothing() {
    let run = echo()
        .event("1")
        .event("2")
        .event("3")
        .answer(Answer::CloseAfter)
        .answer(Answer::CloseAfter)
        .run();
    run.responded("1").responded("2").responded("3").kept_serving();
}

#[test]
fn a_connection_reset_after_the_answer_is_survived() {
    let run = echo().event("1").event("2").answer(Answer::ResetAfter).run();
    run.responded("1").responded("2").kept_serving();
}

#[test]
fn an_interim_100_continue_is_skipped() {
    let run = echo().event("1").event("2").answer(Answer::Continue).run();
    run.responded("1").responded("2").kept_serving();
}

#[test]
fn one_connection_is_kept_for_all_the_calls() {
    let run = echo().event("1").event("2").event("3").run();
    let run = run.responded("1").responded("2").responded("3").kept_serving();
    assert!(run.calls().iter().all(|call| call.connection == 0));
}

#[test]
fn a_hundred_events_are_a_hundred_responses() {
    let function = (0..100).fold(echo(), |function, n| function.event(n.to_string()));
    let run = (0..100).fold(function.run(), |run, n: i32| run.responded(&n.to_string()));
    run.polled(101).kept_serving().quietly();
}

// The environment.

#[test]
fn a_proxy_in_the_environment_never_touches_the_runtime_api() {
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];
    let function =
        names.iter().fold(echo(), |function, name| function.env(name, "http://127.0.0.1:1"));
    function.event("1").run().responded("1").kept_serving().quietly();
}

#[test]
fn the_address_of_the_runtime_api_may_have_a_path() {
    for path in ["/.rt/greeter", "/a/b/"] {
        let run = echo().api_path(path).event("1").run();
        let run = run.responded("1").kept_serving();
        let start = format!("{}/2018-06-01/", path.trim_end_matches('/'));
        assert!(run.calls().iter().all(|call| call.path.starts_with(&start)), "{:?}", run.calls());
    }
}

#[test]
fn without_a_task_root_scripts_are_looked_for_in_the_current_folder() {
    echo().without_env("LAMBDA_TASK_ROOT").event("1").run().responded("1").kept_serving();
}

#[test]
fn the_trace_id_of_the_invocation_is_in_the_context_of_that_invocation_alone() {
    let event = Event::new("1").header("Lambda-Runtime-Trace-Id", "Root=1-a;Sampled=0");
    let script = "fn handler(event, context) { context.trace_id }";
    let run = Function::of(script)
        .sent(event)
        .sent(Event::new("2").without("Lambda-Runtime-Trace-Id"))
        .run();
    run.responded("\"Root=1-a;Sampled=0\"").responded("null").kept_serving();
}

#[test]
fn an_exec_wrapper_is_run_once_around_the_runtime() {
    let function =
        echo().file("wrapper", "#!/bin/sh\necho wrapped \"$#\"\nexec \"$@\"\n").event("1");
    let wrapper = function.task_root().join("wrapper");
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("our own file");
    let run = function.env("AWS_LAMBDA_EXEC_WRAPPER", wrapper.to_str().unwrap_or_default()).run();
    let run = run.responded("1").kept_serving();
    assert_eq!(run.stdout(), "wrapped 1\n");
}

#[test]
fn an_exec_wrapper_may_change_the_environment_the_runtime_reads() {
    let function = echo()
        .file("wrapper", "#!/bin/sh\nexport _HANDLER=other.handler\nexec \"$@\"\n")
        .file("other.rhai", "fn handler(event) { \"other\" }")
        .event("1");
    let wrapper = function.task_root().join("wrapper");
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("our own file");
    let run = function.env("AWS_LAMBDA_EXEC_WRAPPER", wrapper.to_str().unwrap_or_default()).run();
    run.responded("\"other\"").kept_serving();
}

#[test]
fn an_exec_wrapper_that_is_not_there_is_an_init_error_naming_it() {
    let run = echo().env("AWS_LAMBDA_EXEC_WRAPPER", "/opt/no-such-wrapper").event("1").run();
    run.init_failed("Runtime.ConfigInvalid").saying("/opt/no-such-wrapper").exited(1);
}

#[test]
fn few_file_descriptors_are_enough() {
    let wrapper = ["sh", "-c", "ulimit -n 16; exec \"$0\""];
    let function = (0..20).fold(echo().wrapped(&wrapper), |function, _| {
        function.event("1").answer(Answer::CloseAfter)
    });
    let run = (0..20).fold(function.run(), |run, _| run.responded("1"));
    run.kept_serving();
}

#[test]
fn a_file_system_that_nobody_may_write_to_is_enough() {
    let wrapper = [
        "unshare",
        "--mount",
        "--map-root-user",
        "sh",
        "-c",
        "mount -o remount,bind,ro / && exec \"$0\"",
    ];
    let probe = std::process::Command::new(wrapper[0])
        .args(["--mount", "--map-root-user", "mount", "-o", "remount,bind,ro", "/"])
        .output();
    if probe.is_ok_and(|output| output.status.success()) {
        echo().wrapped(&wrapper).event("1").run().responded("1").kept_serving().quietly();
    } else {
        // Without a mount of our own the next best thing: no write can succeed.
        let wrapper = ["sh", "-c", "ulimit -f 0; exec \"$0\""];
        echo().wrapped(&wrapper).event("1").run().responded("1").kept_serving();
    }
}

#[test]
fn closed_output_streams_are_survived() {
    let run = Function::of("fn handler(event) { print(event); throw \"no\" }")
        .wrapped(&["sh", "-c", "exec \"$0\" >&- 2>&-"])
        .event("1")
        .event("2")
        .run();
    run.failed("Function.ScriptError").failed("Function.ScriptError").kept_serving();
}
