//! `stream`: responses that are sent while the script still makes them, byte for byte.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rhambda_tests::{Answer, Call, Event, Function, Run, repository};
use serde_json::{Value, json};

const BYTES: &str = "application/octet-stream";
const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

/// Data as one chunk.
fn chunk(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let size = format!("{:x}\r\n", data.len());
    [size.as_bytes(), data, b"\r\n"].concat()
}

/// Chunks, then the end of the body.
fn ended(chunks: &[&str]) -> Vec<u8> {
    let mut wire: Vec<u8> = chunks.iter().flat_map(chunk).collect();
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

fn prelude(json: &str) -> String {
    format!("{json}\0\0\0\0\0\0\0\0")
}

/// A script whose handler does this.
fn script(statements: &str) -> String {
    format!("fn handler(event) {{\n{statements}\n}}\n")
}

fn run(statements: &str, event: impl AsRef<[u8]>) -> Run {
    Function::of(&script(statements)).event(event).run()
}

fn sample(name: &str) -> String {
    let path = repository().join("layer/samples").join(name);
    fs::read_to_string(path).expect("a sample event")
}

/// The error in the trailers of a stream, after so many bytes of chunks.
#[track_caller]
fn trailers(call: &Call, chunks: &[u8], error_type: &str) -> Value {
    let wire = String::from_utf8_lossy(&call.wire);
    let start = format!(
        "{}0\r\nLambda-Runtime-Function-Error-Type: {error_type}\r\n\
         Lambda-Runtime-Function-Error-Body: ",
        String::from_utf8_lossy(chunks)
    );
    let rest = wire.strip_prefix(&start);
    let rest = rest.unwrap_or_else(|| panic!("{start:?} should begin {wire:?}"));
    let body = rest.strip_suffix("\r\n\r\n").expect("an empty line ends the trailers");
    // What servers in Go take.
    assert!(wire.len() - chunks.len() - "0\r\n".len() <= 4096, "{} bytes of trailers", wire.len());
    let json = BASE64.decode(body).expect("base64");
    serde_json::from_slice(&json).expect("JSON")
}

#[test]
fn text_and_blobs_are_sent_as_they_are_in_the_order_of_writing() {
    let statements = "stream::write(\"héllo, \"); stream::flush();
        let bytes = blob(2, 0xff); stream::write(bytes); stream::write(\"!\");";
    let expected = [chunk("héllo, "), chunk(b"\xff\xff!"), b"0\r\n\r\n".to_vec()].concat();
    run(statements, "{}").streamed(BYTES, expected).kept_serving().quietly();
}

#[test]
fn what_the_handler_returns_is_appended() {
    let first = "stream::write(\"a\"); ";
    run(&format!("{first} \"b\""), "{}").streamed(BYTES, ended(&["ab"])).kept_serving();
    run(&format!("{first} exit(blob(1, 0x62))"), "{}").streamed(BYTES, ended(&["ab"]));
    run(&format!("{first} ()"), "{}").streamed(BYTES, ended(&["a"])).kept_serving();
    run(&format!("{first} \"\""), "{}").streamed(BYTES, ended(&["a"])).kept_serving();
}

#[test]
fn anything_else_that_the_handler_returns_is_an_error_behind_the_stream() {
    let mut run = run("stream::write(\"a\"); #{ statusCode: 200 }", "{}");
    let error = trailers(&run.stream(), &chunk("a"), "Function.TypeMismatch");
    let message = error["errorMessage"].as_str().unwrap_or_default();
    assert!(message.contains("returned map; it can return text or a blob"), "{message}");
    run.logged("returned map").kept_serving();
}

#[test]
fn the_prelude_is_a_chunk_of_its_own_before_the_data() {
    let statements = "stream::start(#{
            status: 201, headers: #{ \"x-b\": \"2\", \"X-A\": 1, \"content-type\": \"text/csv\" },
            cookies: [\"a=b; Path=/\", \"c=d\"],
        });
        stream::write(\"id\\n\");";
    let head = prelude(
        r#"{"statusCode":201,"headers":{"X-A":"1","content-type":"text/csv","x-b":"2"},"cookies":["a=b; Path=/","c=d"]}"#,
    );
    run(statements, "{}").streamed(WITH_PRELUDE, ended(&[&head, "id\n"])).kept_serving();
}

#[test]
fn a_front_of_http_that_can_stream_gets_a_prelude_without_being_asked() {
    let text =
        prelude(r#"{"statusCode":200,"headers":{"content-type":"text/plain; charset=utf-8"}}"#);
    let bytes =
        prelude(r#"{"statusCode":200,"headers":{"content-type":"application/octet-stream"}}"#);
    for event in ["own/function-url.json", "own/api-gateway-v1-claims.json"] {
        run("stream::write(\"a\");", sample(event))
            .streamed(WITH_PRELUDE, ended(&[&text, "a"]))
            .kept_serving();
        run("stream::write(blob(1, 0x61));", sample(event))
            .streamed(WITH_PRELUDE, ended(&[&bytes, "a"]))
            .kept_serving();
    }
    for event in ["own/api-gateway-v2-stage.json", "own/alb-multi-value.json"] {
        run("stream::write(\"a\");", sample(event)).streamed(BYTES, ended(&["a"])).kept_serving();
    }
}

#[test]
fn an_empty_response_has_a_prelude_and_an_end() {
    let head = prelude(r#"{"statusCode":204,"headers":{}}"#);
    for statements in
        ["stream::start(#{ status: 204 });", "stream::start(#{ status: 204 }); stream::flush();"]
    {
        run(statements, "{}").streamed(WITH_PRELUDE, ended(&[&head])).kept_serving();
    }
    run("stream::flush();", "{}").streamed(BYTES, ended(&[])).kept_serving();
    run("stream::write(\"\");", "{}").streamed(BYTES, ended(&[])).kept_serving();
}

#[test]
fn small_writes_are_collected_and_large_ones_are_cut() {
    let line = "0123456789abcdef".repeat(4);
    let statements = format!("for n in 0..1000 {{ stream::write({line:?}); }}");
    let all = line.repeat(1000);
    let chunks: Vec<&str> = all
        .as_bytes()
        .chunks(16 << 10)
        .map(|part| std::str::from_utf8(part).expect("ASCII"))
        .collect();
    run(&statements, "{}").streamed(BYTES, ended(&chunks)).kept_serving();
    let at_once =
        format!("let all = \"\"; for n in 0..1000 {{ all += {line:?}; }} stream::write(all);");
    run(&at_once, "{}").streamed(BYTES, ended(&chunks)).kept_serving();
}

#[test]
fn an_error_before_the_first_byte_is_like_any_other() {
    run("throw #{ type: \"NoReport\", message: \"none\" }; stream::write(\"a\");", "{}")
        .failed_as("Function.ScriptError", "NoReport")
        .kept_serving();
    run("stream::start(#{ status: 201 }); throw \"none\"", "{}")
        .failed("Function.ScriptError")
        .kept_serving();
    run("stream::start(#{ status: 201 }); [1]", "{}")
        .failed("Function.TypeMismatch")
        .saying("returned array")
        .kept_serving();
}

#[test]
fn an_error_after_the_first_byte_is_in_the_trailers_and_in_the_log() {
    let statements = "stream::write(\"a\");
        if event == 1 { throw #{ type: \"Lost\", message: \"the row is lost\", row: 7 }; }";
    let mut run = Function::of(&script(statements)).event("1").event("2").run();
    let error = trailers(&run.stream(), &chunk("a"), "Function.ScriptError");
    assert_eq!(error["errorType"], "Lost");
    assert_eq!(error["errorMessage"], "the row is lost");
    assert_eq!(error["errorData"], json!({ "row": 7 }));
    assert!(error["stackTrace"][0].as_str().is_some_and(|line| line.contains("main.rhai:3:")));
    run.streamed(BYTES, ended(&["a"])).logged_times(1, "Lost: the row is lost").kept_serving();
}

#[test]
fn an_error_of_any_size_fits_into_the_trailers() {
    for (thrown, start) in [
        ("#{ message: text, data: text }", "\u{1}\u{1}"),
        ("#{ type: text, message: \"short\" }", "short"),
        ("text", "\u{1}\u{1}"),
    ] {
        let statements = format!(
            "stream::write(\"a\"); let text = \"\"; text.pad(100000, \"\\x01\"); throw {thrown}"
        );
        let mut run = run(&statements, "{}");
        let error = trailers(&run.stream(), &chunk("a"), "Function.ScriptError");
        let message = error["errorMessage"].as_str().unwrap_or_default();
        assert!(message.starts_with(start), "{error}");
    }
}

#[test]
fn the_status_cannot_be_set_after_the_first_byte() {
    let statements = "stream::write(\"a\");
        try { stream::start(#{ status: 500 }); } catch (error) { return error.type + \": \" + error.message }";
    let said = "aStream.Begun: the response has begun; its status and headers are sent";
    run(statements, "{}").streamed(BYTES, ended(&[said])).kept_serving();
}

#[test]
fn a_start_that_is_no_start_is_an_error_that_names_the_field() {
    for (start, said) in [
        ("code: 200", "`code` is no field of a response's start"),
        ("status: \"ok\"", "`status` is a number of three digits, not ok"),
        ("status: 99", "`status` is a number of three digits, not 99"),
        ("headers: [1]", "`headers` is a map, not array"),
        ("headers: #{ \"a b\": \"\" }", "\"a b\" is not the name of a header"),
        ("headers: #{ a: [] }", "`headers[\"a\"]` is text, not array"),
        ("headers: #{ a: \"x\\r\\ny: z\" }", "`headers[\"a\"]` has a line end or a NUL in it"),
        ("cookies: \"a=b\"", "`cookies` is an array, not string"),
        ("cookies: [\"a=b\", ()]", "`cookies[1]` is text, not ()"),
    ] {
        run(&format!("stream::start(#{{ {start} }})"), "{}")
            .failed_as("Function.ScriptError", "Stream.Invalid")
            .saying(said)
            .at("main.rhai:2:")
            .kept_serving();
    }
    run("stream::write(7)", "{}").failed("Function.ScriptError").saying("text or a blob, not i64");
}

#[test]
fn server_sent_events_are_framed_and_sent_at_once() {
    let statements =
        "stream::event(#{ event: \"progress\", data: #{ done: 1 }, id: 7, retry: 3000 });
        stream::event(#{ data: \"one\\ntwo\\r\\nthree\\rfour\\n\" });
        stream::event(#{ data: [1, \"é\"] });
        stream::event(#{ id: \"x\" });
        stream::event(#{ data: \"\" });";
    let chunks = [
        "event: progress\nid: 7\nretry: 3000\ndata: {\"done\":1}\n\n",
        "data: one\ndata: two\ndata: three\ndata: four\ndata: \n\n",
        "data: [1,\"é\"]\n\n",
        "id: x\n\n",
        "data: \n\n",
    ];
    run(statements, "{}").streamed("text/event-stream", ended(&chunks)).kept_serving();
}

#[test]
fn the_first_event_sets_the_headers_that_start_did_not() {
    let event = "stream::event(#{ data: 1 });";
    let head = prelude(
        r#"{"statusCode":200,"headers":{"cache-control":"no-cache","content-type":"text/event-stream"}}"#,
    );
    run(event, sample("own/function-url.json"))
        .streamed(WITH_PRELUDE, ended(&[&head, "data: 1\n\n"]))
        .kept_serving();
    let head = prelude(
        r#"{"statusCode":200,"headers":{"Cache-Control":"no-store","content-type":"text/event-stream"}}"#,
    );
    run(
        &format!("stream::start(#{{ headers: #{{ \"Cache-Control\": \"no-store\" }} }}); {event}"),
        "{}",
    )
    .streamed(WITH_PRELUDE, ended(&[&head, "data: 1\n\n"]))
    .kept_serving();
}

#[test]
fn an_event_that_is_no_event_is_an_error_that_names_the_field() {
    for (event, said) in [
        ("", "at least one of"),
        ("date: 1", "`date` is no field of an event"),
        ("event: \"a\\nb\"", "`event` has a line end"),
        ("id: []", "`id` is text, not array"),
        ("retry: \"soon\"", "`retry` is whole milliseconds"),
        ("retry: -1", "`retry` is whole milliseconds"),
        ("data: blob()", "`data` is text, a number, a map or an array, not blob"),
        ("data: #{ f: || 1 }", "`$.f`"),
    ] {
        run(&format!("stream::event(#{{ {event} }})"), "{}")
            .failed_as("Function.ScriptError", "Stream.Invalid")
            .saying(said)
            .kept_serving();
    }
}

/// Writes for as long as somebody reads.
const ENDLESS: &str = "if event == 2 { return \"served\"; }
    let line = \"\"; line.pad(1000, \"x\");";

#[test]
fn a_reader_that_leaves_is_noticed_and_the_next_event_is_served() {
    let caught = "try { loop { stream::write(line); } } catch (error) {
            print(`${error.type}, open: ${stream::is_open()}`);
        }";
    let uncaught = "loop { stream::write(line); }";
    let asked = "while stream::is_open() { stream::write(line); } print(\"has left\");";
    for (statements, printed) in
        [(caught, "Stream.Closed, open: false"), (uncaught, ""), (asked, "has left")]
    {
        let mut run = Function::of(&script(&format!("{ENDLESS} {statements}")))
            .event("1")
            .event("2")
            .answer(Answer::ResetWithin(100_000))
            .run();
        run.stream();
        run.responded("\"served\"")
            .printed(printed)
            .logged_times(1, "the reader of the response has gone before its end")
            .never_logged("ERROR")
            .kept_serving();
    }
}

#[test]
fn an_error_of_the_script_is_logged_also_when_the_reader_has_left() {
    let statements = "try { loop { stream::write(line); } } catch { throw \"lost\" }";
    let mut run = Function::of(&script(&format!("{ENDLESS} {statements}")))
        .event("1")
        .event("2")
        .answer(Answer::ResetWithin(1000))
        .run();
    run.stream();
    run.responded("\"served\"").logged_times(1, "lost").kept_serving();
}

#[test]
fn a_reader_that_takes_nothing_stops_the_script_at_its_deadline() {
    let mut run = Function::of(&script(&format!("{ENDLESS} loop {{ stream::write(line); }}")))
        .sent(Event::new("1").due_in(Duration::from_millis(700)))
        .event("2")
        .answer(Answer::NeverRead)
        .run();
    run.stream();
    run.responded("\"served\"")
        .logged_times(1, "Function.DeadlineExceeded")
        .logged_times(1, "nobody took the rest of the response in time; it is cut off")
        .kept_serving();
}

#[test]
fn a_reader_that_comes_late_gets_whole_chunks_and_the_error() {
    let mut run = Function::of(&script(&format!("{ENDLESS} loop {{ stream::write(line); }}")))
        .env("RHAMBDA_DEADLINE_MARGIN_MS", "3000")
        .sent(Event::new("1").due_in(Duration::from_secs(4)))
        .event("2")
        .answer(Answer::ReadAfter(Duration::from_millis(2500)))
        .run();
    let call = run.stream();
    assert!(call.body.iter().all(|byte| *byte == b'x'));
    let end = call.wire.windows(5).rposition(|window| window == b"\r\n0\r\n");
    let chunks = &call.wire[..end.expect("an end") + 2];
    trailers(&call, chunks, "Function.DeadlineExceeded");
    run.responded("\"served\"").kept_serving();
}

#[test]
fn the_deadline_holds_while_somebody_reads() {
    let mut run =
        Function::of(&script(&format!("{ENDLESS} loop {{ stream::event(#{{ data: 1 }}); }}")))
            .sent(Event::new("1").due_in(Duration::from_millis(500)))
            .event("2")
            .run();
    let call = run.stream();
    let wire = String::from_utf8_lossy(&call.wire);
    assert!(
        wire.contains("\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.DeadlineExceeded")
    );
    run.responded("\"served\"").kept_serving();
}

#[test]
fn two_hundred_megabytes_take_no_more_memory_than_one() {
    let peak = |megabytes: u64| {
        let statements =
            "let data = blob(1 << 20, 0x78); for n in 0..event { stream::write(data); }";
        let mut run = Function::of(&script(statements))
            .event(megabytes.to_string())
            .answer(Answer::Count)
            .run();
        assert_eq!(run.stream().length, megabytes << 20);
        let peak = run.peak_memory_kb();
        run.kept_serving();
        peak
    };
    let (one, many) = (peak(1), peak(200));
    assert!(many < one + 1024, "{one} KiB for 1 MB, {many} KiB for 200 MB");
}

#[test]
fn what_the_runtime_api_answers_counts_as_for_any_response() {
    let stream = script("if event == 2 { \"served\" } else { stream::write(\"a\"); }");
    let answered = |status| {
        let mut run =
            Function::of(&stream).event("1").event("2").answer(Answer::Status(status)).run();
        run.stream();
        run
    };
    for status in [400, 403, 413] {
        answered(status)
            .responded("\"served\"")
            .logged(&format!("the Runtime API answered `response` with {status}"))
            .kept_serving();
    }
    answered(410).responded("\"served\"").logged("had timed out").kept_serving();
    answered(500).logged("answered `response` with 500").exited(1);
}

#[test]
fn an_answer_before_the_end_closes_the_stream_and_is_logged() {
    let mut run = Function::of(&script(&format!("{ENDLESS} loop {{ stream::write(line); }}")))
        .event("1")
        .event("2")
        .answer(Answer::StatusUnread(413))
        .run();
    run.stream();
    run.responded("\"served\"").kept_serving();
}

#[test]
fn the_invocation_id_is_echoed_and_a_path_of_the_api_is_kept() {
    Function::of(&script("stream::write(\"a\");"))
        .api_path("/.rt/greeter")
        .sent(Event::new("{}").header("Lambda-Runtime-Invocation-Id", b"a\xffb"))
        .run()
        .streamed(BYTES, ended(&["a"]))
        .kept_serving();
}

#[test]
fn there_is_nothing_to_stream_at_init() {
    Function::of("stream::write(\"a\");\nfn handler(event) { () }\n")
        .run()
        .init_failed_as("Runtime.UserCodeInitError", "Stream.Unavailable")
        .saying("there is no response to stream before an event has come")
        .exited(1);
    Function::of("const OPEN = stream::is_open();\nfn handler(event) { OPEN }\n")
        .event("{}")
        .run()
        .responded("false")
        .kept_serving();
}

#[test]
fn a_script_that_can_stream_and_does_not_answers_as_ever() {
    let statements =
        "if event == 1 { stream::write(\"a\"); () } else { #{ open: stream::is_open() } }";
    Function::of(&script(statements))
        .event("1")
        .event("2")
        .event("1")
        .run()
        .streamed(BYTES, ended(&["a"]))
        .responded("{\"open\":true}")
        .streamed(BYTES, ended(&["a"]))
        .kept_serving()
        .quietly();
}
