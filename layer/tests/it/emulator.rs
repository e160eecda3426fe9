//! The Runtime API as a runtime sees it.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rhambda_layer::emulator::{
    Emulator, Endpoint, Fault, FunctionError, Invocation, MAX_RESPONSE, Outcome,
};

use crate::client::Client;

const PATIENCE: Duration = Duration::from_secs(20);

fn started() -> (Emulator, Client) {
    let emulator = Emulator::start().unwrap();
    let client = Client::of(&emulator);
    (emulator, client)
}

fn response_body(outcome: Option<Outcome>) -> Vec<u8> {
    match outcome {
        Some(Outcome::Response(response)) => response.body,
        other => panic!("a response was expected, not {other:?}"),
    }
}

fn error(outcome: Option<Outcome>) -> FunctionError {
    match outcome {
        Some(Outcome::Error(error)) => error,
        other => panic!("an error was expected, not {other:?}"),
    }
}

#[test]
fn an_event_goes_out_and_its_response_comes_back() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{\"a\":1}"));

    let event = client.next();
    assert_eq!((event.status, event.text().as_str()), (200, "{\"a\":1}"));
    assert_eq!(event.header("content-type"), Some("application/json"));
    let accepted = client.response(&event.request_id(), b"[2]");

    assert_eq!((accepted.status, accepted.text().as_str()), (202, "{\"status\":\"OK\"}"));
    assert_eq!(response_body(pending.wait(PATIENCE)), b"[2]");
}

#[test]
fn a_poll_waits_for_an_event() {
    let (emulator, mut client) = started();
    let poll = thread::spawn(move || client.next().text());
    assert!(emulator.wait_until(PATIENCE, |calls| calls.len() == 1));

    emulator.invoke(Invocation::new("7"));

    assert_eq!(poll.join().unwrap(), "7");
}

#[test]
fn every_field_of_an_invocation_becomes_a_header() {
    let (emulator, mut client) = started();
    let text = |text: &str| Some(text.to_owned());
    emulator.invoke(Invocation {
        request_id: text("id"),
        deadline_ms: Some(u64::MAX),
        function_arn: text("arn:aws:lambda:us-east-1:1:function:f:live"),
        trace_id: text(""),
        client_context: text("{}"),
        cognito_identity: text("{\"cognitoIdentityId\":\"i\"}"),
        tenant_id: text("blue"),
        invocation_id: text("opaque"),
        extra_headers: vec![("X-Odd".to_owned(), vec![0xff])],
        ..Invocation::default()
    });

    let event = client.next();

    for (name, value) in [
        ("lambda-runtime-aws-request-id", "id"),
        ("lambda-runtime-deadline-ms", "18446744073709551615"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f:live"),
        ("lambda-runtime-trace-id", ""),
        ("lambda-runtime-client-context", "{}"),
        ("lambda-runtime-cognito-identity", "{\"cognitoIdentityId\":\"i\"}"),
        ("lambda-runtime-aws-tenant-id", "blue"),
        ("lambda-runtime-invocation-id", "opaque"),
        ("x-odd", "\u{fffd}"),
    ] {
        assert_eq!(event.header(name).unwrap(), value, "{name}");
    }
    assert_eq!(event.header("content-type"), None);
}

#[test]
fn what_an_invocation_leaves_out_is_not_sent() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::default());
    let names: Vec<_> = client.next().headers.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Content-Length"]);
}

#[test]
fn the_deadline_is_counted_from_delivery() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation { timeout: Some(PATIENCE), ..Invocation::new("{}") });
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();

    let event = client.next();

    let deadline: u128 = event.header("lambda-runtime-deadline-ms").unwrap().parse().unwrap();
    let left = deadline - before.as_millis();
    assert!((19_000..40_000).contains(&left), "{left} ms");
}

#[test]
fn bodies_over_2_kb_come_in_chunks_and_small_ones_with_a_length() {
    let (emulator, mut client) = started();
    for size in [0, 2048, 2049, 6 << 20] {
        emulator.invoke(Invocation::new(vec![b'x'; size]));
        let event = client.next();
        assert_eq!(event.body.len(), size);
        assert_eq!(event.header("transfer-encoding").is_some(), size > 2048, "{size}");
        client.response(&event.request_id(), b"");
    }
}

#[test]
fn an_event_can_be_sent_byte_by_byte() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation { chunk_size: Some(1), ..Invocation::new("[1,2]") });
    let event = client.next();
    assert_eq!(event.header("transfer-encoding"), Some("chunked"));
    assert_eq!(event.text(), "[1,2]");
}

#[test]
fn an_error_arrives_with_its_type_and_cause() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();
    let headers = [
        ("lambda-runtime-function-error-type", "Function.ScriptError"),
        ("lambda-runtime-function-xray-error-cause", "{\"paths\":[]}"),
    ];

    let accepted = client.post(&format!("invocation/{id}/error"), &headers, b"{}");

    assert_eq!(accepted.status, 202);
    let error = error(pending.wait(PATIENCE));
    assert_eq!(error.recorded_type(), "Function.ScriptError");
    assert_eq!(error.xray_cause.as_deref(), Some("{\"paths\":[]}"));
    assert_eq!(error.body, b"{}");
}

#[test]
fn an_error_type_of_another_form_is_recorded_as_unknown() {
    for (sent, recorded) in [
        (Some("Function.ScriptError"), "Function.ScriptError"),
        (Some("Runtime.Panic"), "Runtime.Panic"),
        (Some("Function.order_not_found"), "Function.Unknown"),
        (Some("Function.E404"), "Function.Unknown"),
        (Some("OrderNotFound"), "Runtime.Unknown"),
        (Some("Other.Error"), "Runtime.Unknown"),
        (None, "Runtime.Unknown"),
    ] {
        let error_type = sent.map(str::to_owned);
        let error = FunctionError { error_type, ..FunctionError::default() };
        assert_eq!(error.recorded_type(), recorded, "{sent:?}");
    }
}

#[test]
fn a_runtime_that_polls_while_running_gets_the_same_event_again() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("1"));
    emulator.invoke(Invocation::new("2"));
    let first = client.next();

    let again = Client::of(&emulator).next();

    assert_eq!((again.text(), again.request_id()), (first.text(), first.request_id()));
    client.response(&first.request_id(), b"null");
    assert_eq!(response_body(pending.wait(PATIENCE)), b"null");
    assert_eq!(client.next().text(), "2");
}

#[test]
fn an_unknown_request_id_is_refused_and_the_invocation_goes_on() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();

    let refused = client.response("other", b"{}");

    assert_eq!(refused.status, 400);
    let expected = "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}";
    assert_eq!(refused.text(), expected);
    client.response(&id, b"1");
    assert_eq!(response_body(pending.wait(PATIENCE)), b"1");
}

#[test]
fn a_request_id_may_be_percent_encoded() {
    let (emulator, mut client) = started();
    let request_id = Some("a b/ü".to_owned());
    let pending = emulator.invoke(Invocation { request_id, ..Invocation::new("{}") });
    client.next();
    assert_eq!(client.response("a%20b%2F%c3%bc", b"1").status, 202);
    assert_eq!(response_body(pending.wait(PATIENCE)), b"1");
}

#[test]
fn calls_out_of_order_are_refused() {
    let (emulator, mut client) = started();
    let refusal = client.response("id", b"{}");
    assert_eq!(refusal.status, 403);
    assert!(refusal.text().contains("InvalidStateTransition"), "{}", refusal.text());
    assert!(refusal.text().contains("from Started to InvocationResponse"), "{}", refusal.text());

    emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();
    assert_eq!(client.response(&id, b"{}").status, 202);
    assert_eq!(client.response(&id, b"{}").status, 403);
    assert_eq!(client.post(&format!("invocation/{id}/error"), &[], b"{}").status, 403);
    assert_eq!(client.post("init/error", &[], b"{}").status, 403);
}

#[test]
fn an_init_error_is_taken_before_the_first_poll_and_ends_everything() {
    let (emulator, mut client) = started();
    let before = emulator.invoke(Invocation::new("{}"));
    let headers = [("Lambda-Runtime-Function-Error-Type", "Runtime.HandlerNotFound")];

    assert_eq!(client.post("init/error", &headers, b"{\"x\":1}").status, 202);

    let after = emulator.invoke(Invocation::new("{}"));
    for pending in [before, after] {
        let Some(Outcome::InitError(error)) = pending.wait(PATIENCE) else { panic!() };
        assert_eq!(error.recorded_type(), "Runtime.HandlerNotFound");
        assert_eq!(error.body, b"{\"x\":1}");
    }
    assert_eq!(emulator.wait_for_first_poll(PATIENCE), None);
    assert_eq!(client.next().status, 403);
    assert_eq!(client.post("init/error", &headers, b"{}").status, 403);
}

#[test]
fn a_response_may_have_6291556_bytes_and_not_one_more() {
    let (emulator, mut client) = started();
    let largest = emulator.invoke(Invocation::new("{}"));
    let too_large = emulator.invoke(Invocation::new("{}"));

    let id = client.next().request_id();
    assert_eq!(client.response(&id, &vec![b' '; MAX_RESPONSE]).status, 202);
    let id = client.next().request_id();
    let refused = client.response(&id, &vec![b' '; MAX_RESPONSE + 1]);

    assert_eq!(response_body(largest.wait(PATIENCE)).len(), 6_291_556);
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("Exceeded maximum allowed payload size (6291556 bytes)."));
    let error = error(too_large.wait(PATIENCE));
    assert_eq!(error.recorded_type(), "Function.ResponseSizeTooLarge");
    assert_eq!(client.post(&format!("invocation/{id}/error"), &[], b"{}").status, 403);
}

#[test]
fn an_invocation_that_takes_too_long_times_out_and_its_answer_is_gone() {
    let (emulator, mut client) = started();
    let timeout = Some(Duration::from_millis(30));
    let pending = emulator.invoke(Invocation { timeout, ..Invocation::new("1") });
    emulator.invoke(Invocation::new("2"));
    let id = client.next().request_id();

    let after = Duration::from_millis(30);
    assert_eq!(pending.wait(PATIENCE), Some(Outcome::TimedOut { after }));

    let late = client.response(&id, b"{}");
    assert_eq!(late.status, 410);
    assert!(late.text().contains("InvokeTimeout"));
    assert_eq!(client.next().text(), "2");
}

#[test]
fn waiting_has_an_end_of_its_own() {
    let (emulator, _client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    assert_eq!(pending.wait(Duration::from_millis(5)), None);
    assert_eq!(emulator.wait_for_first_poll(Duration::from_millis(5)), None);
}

#[test]
fn a_runtime_that_exits_ends_what_is_pending_and_what_comes_later() {
    let (emulator, mut client) = started();
    let running = emulator.invoke(Invocation::new("{}"));
    client.next();

    emulator.runtime_exited("exit status 1");

    let later = emulator.invoke(Invocation::new("{}"));
    let exited = Some(Outcome::RuntimeExited { status: "exit status 1".to_owned() });
    assert_eq!(running.wait(PATIENCE), exited);
    assert_eq!(later.wait(PATIENCE), exited);
}

#[test]
fn an_invocation_is_over_when_the_runtime_polls_again() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();
    client.response(&id, b"{}");
    assert_eq!(pending.wait_until_over(Duration::from_millis(5)), None);

    emulator.end();
    client.next();

    let over = pending.wait_until_over(PATIENCE).unwrap();
    assert!(over >= pending.latency().unwrap());
}

#[test]
fn the_end_is_a_410_after_the_last_event() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::new("1"));
    emulator.end();
    let id = client.next().request_id();
    client.response(&id, b"{}");
    assert_eq!(client.next().status, 410);
}

#[test]
fn a_streamed_response_is_put_together_with_its_trailers() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();

    client.send(
        format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\n\
             Trailer: Lambda-Runtime-Function-Error-Type\r\n\r\n\
             3\r\nabc\r\n2;note=x\r\nde\r\n"
        )
        .as_bytes(),
    );
    client.send(
        b"0\r\nLambda-Runtime-Function-Error-Type: Function.StreamError\r\n\
          Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n\r\n",
    );

    assert_eq!(client.answer().unwrap().status, 202);
    let Some(Outcome::Response(response)) = pending.wait(PATIENCE) else { panic!() };
    assert_eq!(response.body, b"abcde");
    assert_eq!(response.content_type.as_deref(), Some("text/plain"));
    assert!(response.streamed);
    let error = response.stream_error.unwrap();
    assert_eq!(error.recorded_type(), "Function.StreamError");
    assert_eq!(error.body, b"{\"a\":1}");
}

#[test]
fn a_response_mode_other_than_streaming_is_an_error() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();
    let headers = [("Lambda-Runtime-Function-Response-Mode", "fast")];

    let refused = client.post(&format!("invocation/{id}/response"), &headers, b"{}");

    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("InvalidFunctionResponseMode"));
    let error = error(pending.wait(PATIENCE));
    assert_eq!(error.recorded_type(), "Runtime.InvalidResponseModeHeader");
}

#[test]
fn a_response_that_stops_half_way_is_an_error() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();

    let mut stream = TcpStream::connect(emulator.runtime_api()).unwrap();
    let path = format!("/2018-06-01/runtime/invocation/{id}/response");
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n[1,");
    stream.write_all(head.as_bytes()).unwrap();
    drop(stream);

    let error = error(pending.wait(PATIENCE));
    assert_eq!(error.recorded_type(), "Runtime.TruncatedResponse");
}

#[test]
fn a_chunk_that_is_longer_than_it_says_ends_the_connection() {
    for body in
        ["3\r\nabcXX\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nX : y\r\n\r\n"]
    {
        let (emulator, mut client) = started();
        let pending = emulator.invoke(Invocation::new("{}"));
        let id = client.next().request_id();
        let hidden = "GET /2018-06-01/ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.send(
            format!(
                "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: localhost\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{body}{hidden}"
            )
            .as_bytes(),
        );
        assert_eq!(client.answer().unwrap().status, 400, "{body:?}");
        assert!(client.answer().is_none(), "{body:?}");
        let error = error(pending.wait(PATIENCE));
        assert_eq!(error.recorded_type(), "Runtime.TruncatedResponse", "{body:?}");
    }
}

#[test]
fn what_is_no_request_gets_a_400() {
    let (_emulator, mut client) = started();
    client.send(b"GET /2018-06-01/ping HTTP/1.1\nHost: localhost\n\n");
    assert_eq!(client.answer().unwrap().status, 400);
    assert!(client.answer().is_none());
}

#[test]
fn no_page_in_a_browser_takes_an_event_away() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("{}"));
    for header in [
        "Host: localhost\r\nOrigin: https://evil.example",
        "Host: localhost\r\nSec-Fetch-Site: cross-site",
        "Host: evil.example",
    ] {
        let mut page = Client::of(&emulator);
        let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1";
        page.send(format!("{next}\r\n{header}\r\n\r\n").as_bytes());
        assert_eq!(page.answer().unwrap().status, 403, "{header}");
    }
    let id = client.next().request_id();
    assert_eq!(client.response(&id, b"1").status, 202);
    let Some(Outcome::Response(response)) = pending.wait(PATIENCE) else { panic!() };
    assert_eq!(response.body, b"1");
}

#[test]
fn a_client_that_expects_100_continue_gets_it() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();
    let path = format!("/2018-06-01/runtime/invocation/{id}/response");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    );
    client.send(head.as_bytes());
    assert_eq!(client.answer().unwrap().status, 100);
    client.send(b"{}");
    assert_eq!(client.answer().unwrap().status, 202);
}

#[test]
fn calls_are_recorded_in_order_with_their_connection() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::new("{}"));
    let id = client.next().request_id();
    let headers = [("User-Agent", "raw/1")];
    let mut other = Client::of(&emulator);
    other.post(&format!("invocation/{id}/response"), &headers, b"[]");

    let calls = emulator.calls();

    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].endpoint, calls[0].connection), (Endpoint::Next, 1));
    assert_eq!((calls[1].endpoint, calls[1].connection), (Endpoint::Response, 2));
    assert_eq!(calls[1].header("user-agent"), Some("raw/1"));
    assert_eq!((calls[1].body.as_slice(), calls[1].status), (&b"[]"[..], Some(202)));
    assert_eq!(calls[1].path, format!("/2018-06-01/runtime/invocation/{id}/response"));
    assert!(calls[0].at <= calls[1].at);
}

#[test]
fn a_path_before_the_version_is_let_pass() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::new("5"));
    client.send(b"GET /.rt/2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer().unwrap().text(), "5");
}

#[test]
fn other_paths_and_methods_do_not_exist() {
    let (_emulator, mut client) = started();
    for (request, status) in [
        ("GET /2018-06-01/runtime/invocation", 404),
        ("GET /2018-06-02/runtime/invocation/next", 404),
        ("GET /2018-06-01/runtime/init/error", 405),
        ("POST /2018-06-01/runtime/invocation/next", 405),
        ("GET /2018-06-01/ping", 200),
    ] {
        client.send(format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        assert_eq!(client.answer().unwrap().status, status, "{request}");
    }
}

#[test]
fn a_planned_answer_to_a_poll_keeps_the_event_for_the_next_one() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::new("1"));
    emulator.plan(Endpoint::Next, Fault::Answer(204, String::new()));
    emulator.plan(Endpoint::Next, Fault::Answer(500, "broken".to_owned()));
    assert_eq!(client.next().status, 204);
    let broken = client.next();
    assert_eq!((broken.status, broken.text().as_str()), (500, "broken"));
    assert_eq!(client.next().text(), "1");
}

#[test]
fn a_planned_answer_to_a_response_still_takes_it() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("1"));
    emulator.plan(Endpoint::Response, Fault::Answer(410, "{}".to_owned()));
    let id = client.next().request_id();
    assert_eq!(client.response(&id, b"2").status, 410);
    assert_eq!(response_body(pending.wait(PATIENCE)), b"2");
}

#[test]
fn a_planned_reset_comes_before_or_after_the_call_is_carried_out() {
    let (emulator, mut client) = started();
    let pending = emulator.invoke(Invocation::new("1"));
    let id = client.next().request_id();
    let request = format!(
        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: localhost\r\n\
         Content-Length: 1\r\n\r\n1"
    );
    emulator.plan(Endpoint::Response, Fault::ResetBefore);
    client.send(request.as_bytes());
    assert!(client.answer().is_none());
    assert_eq!(pending.wait(Duration::from_millis(5)), None);

    let mut client = Client::of(&emulator);
    emulator.plan(Endpoint::Response, Fault::ResetAfter);
    client.send(request.as_bytes());
    assert!(client.answer().is_none());
    assert_eq!(response_body(pending.wait(PATIENCE)), b"1");
    assert_eq!(Client::of(&emulator).response(&id, b"1").status, 403);
}

#[test]
fn a_planned_close_comes_after_the_answer() {
    let (emulator, mut client) = started();
    emulator.invoke(Invocation::new("1"));
    emulator.plan(Endpoint::Next, Fault::CloseAfter);
    assert_eq!(client.next().text(), "1");
    assert!(client.answer().is_none());
}

#[test]
fn raw_bytes_can_stand_for_an_answer() {
    let (emulator, mut client) = started();
    emulator.plan(Endpoint::Next, Fault::Raw(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()));
    let answer = client.next();
    assert_eq!((answer.status, answer.headers.len()), (200, 0));
}

#[test]
fn shutting_down_does_not_wait_for_a_runtime_that_polls() {
    let (emulator, mut client) = started();
    let poll = thread::spawn(move || {
        client.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.answer().is_none()
    });
    assert!(emulator.wait_until(PATIENCE, |calls| calls.len() == 1));

    let before = Instant::now();
    drop(emulator);

    assert!(before.elapsed() < Duration::from_secs(5));
    assert!(poll.join().unwrap());
}
