//! What is written, where, in which form, and when.

use rhambda_tests::{Event, Function, Run};
use serde_json::Value;

const ID: &str = "8476a536-e9f4-11e8-9739-000000000001";

/// The records of the standard output, each an object.
#[track_caller]
fn records(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

fn talking(statements: &str) -> Function {
    Function::of(&format!("fn handler(event) {{ {statements}; event }}")).event("1")
}

/// The one line of the standard output, split at its tabs.
#[track_caller]
fn only_line(run: &Run) -> Vec<String> {
    let lines: Vec<_> = run.stdout().lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].split('\t').map(str::to_owned).collect()
}

fn is_rfc3339(text: &str) -> bool {
    let shape: String =
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[test]
fn print_is_a_record_with_time_request_id_and_level() {
    let run = talking("print(\"hello\")").run().responded("1").kept_serving();
    let line = only_line(&run);
    assert!(is_rfc3339(&line[0]), "{line:?}");
    assert_eq!(line[1..], [ID, "INFO", "hello"]);
    assert_eq!(run.stderr(), "");
}

#[test]
fn debug_is_a_record_of_level_debug() {
    let run = talking("debug(\"hello\")").run().responded("1").kept_serving();
    let line = only_line(&run);
    assert_eq!(line[1], ID);
    assert_eq!(line[2], "DEBUG");
    assert!(line[3].contains("hello"), "{line:?}");
}

#[test]
fn any_value_can_be_printed() {
    let run = talking(
        "print(#{ a: [1, ()] }); print(42); print('c'); print(1.5); print(()); print(true)",
    )
    .run();
    let run = run.responded("1").kept_serving();
    assert_eq!(run.stdout().lines().count(), 6, "{}", run.stdout());
}

#[test]
fn each_level_of_the_log_module_has_its_name() {
    let levels = ["trace", "debug", "info", "warn", "error"];
    let calls: Vec<_> =
        levels.iter().map(|level| format!("log::{level}(\"{level} it is\")")).collect();
    let run = talking(&calls.join(";")).env("AWS_LAMBDA_LOG_LEVEL", "TRACE").run();
    let run = run.responded("1").kept_serving();
    let lines: Vec<_> = run.stdout().lines().collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for (line, level) in lines.iter().zip(levels) {
        assert!(
            line.contains(&format!("\t{ID}\t{}\t{level} it is", level.to_uppercase())),
            "{line}"
        );
    }
}

#[test]
fn a_message_of_several_lines_stays_one_record() {
    let run = talking("print(\"one\\ntwo\\r\\nthree\")").run().responded("1").kept_serving();
    let line = only_line(&run);
    assert!(line[3].starts_with("one\rtwo"), "{line:?}");
    let run = talking("print(\"one\\ntwo\")").env("AWS_LAMBDA_LOG_FORMAT", "JSON").run();
    let run = run.responded("1").kept_serving();
    assert_eq!(records(run.stdout())[0]["message"], "one\ntwo");
}

#[test]
fn an_error_with_its_stack_stays_one_record() {
    let run = Function::of("fn handler(event) {\n  throw \"no\"\n}").event("1").run();
    let run = run.failed("Function.ScriptError").kept_serving();
    assert_eq!(run.stderr().lines().count(), 1, "{}", run.stderr());
    assert!(run.stderr().contains(ID));
}

#[test]
fn in_json_format_each_record_is_one_object() {
    let run = talking("print(\"hello \\\"you\\\" 😀\"); log::warn(\"careful\")")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .run();
    let run = run.responded("1").kept_serving();
    let records = records(run.stdout());
    assert_eq!(records.len(), 2);
    assert!(records[0]["timestamp"].as_str().is_some_and(is_rfc3339), "{}", records[0]);
    assert_eq!(records[0]["level"], "INFO");
    assert_eq!(records[0]["requestId"], ID);
    assert_eq!(records[0]["message"], "hello \"you\" 😀");
    assert_eq!(records[1]["level"], "WARN");
    assert_eq!(records[1]["message"], "careful");
}

#[test]
fn fields_stand_beside_the_message_in_json_and_behind_it_in_text() {
    let statement =
        "log::info(\"paid\", #{ order: 7, items: [1, 2], total: 18446744073709551615.0 })";
    let run = talking(statement).env("AWS_LAMBDA_LOG_FORMAT", "JSON").run();
    let run = run.responded("1").kept_serving();
    let record = &records(run.stdout())[0];
    assert_eq!(record["message"], "paid");
    assert_eq!(record["order"], 7);
    assert_eq!(record["items"], serde_json::json!([1, 2]));
    let run = talking("log::info(\"paid\", #{ order: 7, who: \"me\" })").run();
    let run = run.responded("1").kept_serving();
    let line = only_line(&run);
    assert!(line[3].starts_with("paid"), "{line:?}");
    assert!(run.stdout().contains("order") && run.stdout().contains('7'), "{line:?}");
}

#[test]
fn a_field_cannot_take_the_place_of_a_records_own() {
    let statement = "log::info(\"paid\", #{ level: \"FATAL\", requestId: \"x\", timestamp: 1, message: \"y\" })";
    let run = talking(statement).env("AWS_LAMBDA_LOG_FORMAT", "JSON").run();
    let run = run.responded("1").kept_serving();
    let record = &records(run.stdout())[0];
    assert_eq!(record["level"], "INFO", "{record}");
    assert_eq!(record["requestId"], ID, "{record}");
    assert_eq!(record["message"], "paid", "{record}");
    let line = run.stdout().trim_end();
    for name in ["level", "requestId", "timestamp", "message"] {
        assert_eq!(line.matches(&format!("\"{name}\":")).count(), 1, "{line}");
    }
}

#[test]
fn a_field_that_json_has_no_word_for_costs_only_itself() {
    let statement = "log::info(\"odd\", #{ nan: 0.0 / 0.0, f: || 1, at: timestamp(), fine: 1 })";
    let run = talking(statement).env("AWS_LAMBDA_LOG_FORMAT", "JSON").run();
    let run = run.responded("1").kept_serving();
    let record = &records(run.stdout())[0];
    assert_eq!(record["message"], "odd", "{record}");
    assert_eq!(record["fine"], 1, "{record}");
}

#[test]
fn records_below_the_level_are_not_written() {
    let all = "log::trace(\"t\"); log::debug(\"d\"); log::info(\"i\"); log::warn(\"w\"); log::error(\"e\"); print(\"p\"); debug(\"g\")";
    let expected = [
        ("Text", None, 6),
        ("JSON", None, 4),
        ("JSON", Some("TRACE"), 7),
        ("JSON", Some("DEBUG"), 6),
        ("JSON", Some("INFO"), 4),
        ("JSON", Some("WARN"), 2),
        ("JSON", Some("ERROR"), 1),
        ("Text", Some("WARN"), 2),
        ("Text", Some("warn"), 2),
    ];
    for (format, level, lines) in expected {
        let function = talking(all).env("AWS_LAMBDA_LOG_FORMAT", format);
        let function = match level {
            Some(level) => function.env("AWS_LAMBDA_LOG_LEVEL", level),
            None => function,
        };
        let run = function.run().responded("1").kept_serving();
        assert_eq!(run.stdout().lines().count(), lines, "{format} {level:?}: {}", run.stdout());
    }
}

#[test]
fn every_record_carries_the_request_id_of_its_own_invocation() {
    let run = Function::of("fn handler(event) { print(`event ${event}`); event }")
        .sent(Event::new("1").id("first"))
        .sent(Event::new("2").id("second"))
        .run();
    let run = run.responded("1").responded("2").kept_serving();
    let lines: Vec<_> = run.stdout().lines().collect();
    assert!(lines[0].contains("\tfirst\tINFO\tevent 1"), "{lines:?}");
    assert!(lines[1].contains("\tsecond\tINFO\tevent 2"), "{lines:?}");
}

#[test]
fn a_record_of_the_top_level_has_no_request_id() {
    let run = Function::of("print(\"starting\"); fn handler(event) { 1 }")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .event("1")
        .run();
    let run = run.responded("1").kept_serving();
    let record = &records(run.stdout())[0];
    assert_eq!(record["message"], "starting");
    assert!(record.get("requestId").is_none_or(Value::is_null), "{record}");
}

#[test]
fn the_tenant_is_in_the_record() {
    let run = Function::of("fn handler(event) { print(\"hello\") }")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .sent(Event::new("1").header("Lambda-Runtime-Aws-Tenant-Id", "blue"))
        .run();
    let run = run.responded("null").kept_serving();
    assert_eq!(records(run.stdout())[0]["tenantId"], "blue");
}

#[test]
fn what_was_printed_is_written_before_the_response_is_sent() {
    let run = Function::of(
        "fn handler(event) { print(\"hello\"); if event == 2 { throw \"no\" } event }",
    )
    .event("1")
    .event("2")
    .run();
    let run = run.responded("1").failed("Function.ScriptError").kept_serving();
    let posts: Vec<_> = run.calls().iter().filter(|call| call.method == "POST").collect();
    let lines: Vec<_> = run.stdout().split_inclusive('\n').collect();
    assert_eq!(posts[0].stdout_before, lines[0].len() as u64);
    assert_eq!(posts[1].stdout_before, run.stdout().len() as u64);
    assert_eq!(posts[1].stderr_before, run.stderr().len() as u64);
    assert!(posts[1].stderr_before > 0, "the error is logged before it is posted");
}

#[test]
fn an_init_error_is_logged_before_it_is_posted() {
    let run = Function::of("print(\"starting\"); throw \"no\"; fn handler(event) { 1 }").run();
    let run = run.init_failed("Runtime.UserCodeInitError").exited(1);
    let post = &run.calls()[0];
    assert!(post.stdout_before > 0, "what was printed is written");
    assert!(post.stderr_before > 0, "the error is logged");
}

#[test]
fn a_quiet_success_writes_nothing_at_all() {
    for format in ["Text", "JSON"] {
        let run = Function::of("fn handler(event) { event }")
            .env("AWS_LAMBDA_LOG_FORMAT", format)
            .event("1")
            .event("{}")
            .run();
        run.responded("1").responded("{}").kept_serving().quietly();
    }
}

#[test]
fn neither_event_nor_response_nor_header_is_ever_logged_below_trace() {
    let run = Function::of("fn handler(event) { #{ answer: event.secret + \"-again\" } }")
        .env("RHAMBDA_LOG", "debug")
        .sent(
            Event::new(r#"{"secret":"hunter2"}"#)
                .header("Lambda-Runtime-Client-Context", r#"{"custom":"hunter3"}"#),
        )
        .run();
    run.responded(r#"{"answer":"hunter2-again"}"#).never_logged("hunter").kept_serving();
}

#[test]
fn the_runtimes_own_records_go_to_standard_error() {
    let run =
        Function::of("fn handler(event) { event }").env("RHAMBDA_LOG", "debug").event("1").run();
    let run = run.responded("1").kept_serving();
    assert_eq!(run.stdout(), "");
    assert!(!run.stderr().is_empty());
}

/// One frame of the telemetry descriptor.
#[derive(Debug)]
struct Frame {
    kind: u32,
    micros: u64,
    text: String,
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [k0, k1, k2, k3, l0, l1, l2, l3, rest @ ..] = bytes {
        let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
        let (time, rest) = rest.split_first_chunk::<8>().expect("a timestamp");
        frames.push(Frame {
            kind: u32::from_be_bytes([*k0, *k1, *k2, *k3]),
            micros: u64::from_be_bytes(*time),
            text: String::from_utf8_lossy(&rest[..length]).into_owned(),
        });
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "{} bytes that are no frame", bytes.len());
    frames
}

/// Runs with a telemetry descriptor; what came through it.
fn framed(function: Function, check: impl FnOnce(Run)) -> Vec<Frame> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("frames");
    let command = format!("exec \"$0\" 3>'{}'", file.display());
    check(function.env("_LAMBDA_TELEMETRY_LOG_FD", "3").wrapped(&["sh", "-c", &command]).run());
    frames(&std::fs::read(file).expect("the file behind the descriptor"))
}

#[test]
fn with_a_telemetry_descriptor_each_record_is_a_frame_of_its_own() {
    let script = "fn handler(event) { print(\"one\\ntwo\"); log::warn(\"careful\"); if event == 2 { throw \"no\" } event }";
    let found = framed(Function::of(script).event("1").event("2"), |run| {
        let run = run.responded("1").failed("Function.ScriptError").kept_serving();
        assert_eq!((run.stdout(), run.stderr()), ("", ""), "all records go through the descriptor");
    });
    assert_eq!(found.len(), 5, "{found:?}");
    // Text, and the level in bits 2 to 4: info 3, warn 4, error 5.
    assert_eq!(found[0].kind, 0xA55A_0003 | 3 << 2, "{:x?}", found[0]);
    assert_eq!(found[1].kind, 0xA55A_0003 | 4 << 2, "{:x?}", found[1]);
    assert_eq!(found[4].kind, 0xA55A_0003 | 5 << 2, "{:x?}", found[4]);
    assert!(found[0].text.contains("one\ntwo"), "a frame keeps its lines: {:?}", found[0]);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.as_micros() as u64);
    assert!(found.iter().all(|frame| now.abs_diff(frame.micros) < 60_000_000), "{found:?}");
}

#[test]
fn in_json_format_a_frame_says_so() {
    let found = framed(
        Function::of("fn handler(event) { print(\"hello\") }")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .event("1"),
        |run| {
            let _ = run.responded("null").kept_serving();
        },
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, 0xA55A_000E, "{:x?}", found[0]);
    let record: Value = serde_json::from_str(&found[0].text).expect("a JSON record");
    assert_eq!(record["message"], "hello");
}

#[test]
fn a_telemetry_descriptor_that_is_not_open_is_survived() {
    let run = Function::of("fn handler(event) { print(\"hello\"); event }")
        .env("_LAMBDA_TELEMETRY_LOG_FD", "99")
        .event("1")
        .event("2")
        .run();
    run.responded("1").responded("2").kept_serving();
}
