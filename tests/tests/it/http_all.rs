//! `http::all`: several requests at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::Duration;

use rhambda_tests::{After, Asked, Authority, Function, Run, Server, answer};
use serde_json::{Value, json};

fn with(server: &Server, statements: &str) -> Function {
    Function::of(&format!("fn handler(service) {{\n{statements}\n}}\n"))
        .event(json!(server.url()).to_string())
}

fn value(mut run: Run) -> Value {
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

fn result(server: &Server, statements: &str) -> Value {
    value(with(server, statements).run())
}

fn caught(server: &Server, statement: &str) -> Value {
    let statements =
        format!("try {{ {statement}; }} catch (error) {{ return error; }}\n\"nothing\"");
    result(server, &statements)
}

#[track_caller]
fn is(error: &Value, kind: &str, said: &str) {
    let message = error["message"].as_str().unwrap_or_default();
    assert!(error["type"] == kind && message.contains(said), "{kind}, {said}: {error}");
}

/// Answers nobody before so many have asked.
fn gathering(count: usize) -> Server {
    let barrier = Arc::new(Barrier::new(count));
    Server::saying(move |asked| {
        barrier.wait();
        answer(200, &[], asked.target.as_bytes())
    })
}

#[test]
fn requests_are_under_way_at_the_same_time_and_answered_in_their_order() {
    // One after the other, none of them would ever be answered.
    let server = gathering(10);
    let told = result(
        &server,
        "let urls = []; for n in 0..10 { urls.push(`${service}/${n}`); }
         http::all(urls).map(|answer| answer.body)",
    );
    let expected: Vec<String> = (0..10).map(|n| format!("/{n}")).collect();
    assert_eq!(told, json!(expected));
}

#[test]
fn no_more_are_under_way_than_the_option_says_and_each_has_its_turn() {
    let most = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = most.clone();
    let barrier = Arc::new(Barrier::new(3));
    let server = Server::saying(move |asked| {
        let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
        seen.1.fetch_max(now, Ordering::SeqCst);
        barrier.wait();
        seen.0.fetch_sub(1, Ordering::SeqCst);
        answer(200, &[], asked.target.as_bytes())
    });
    let told = result(
        &server,
        "let urls = []; for n in 0..12 { urls.push(`${service}/${n}`); }
         http::all(urls, #{ concurrency: 3 }).map(|answer| answer.text())",
    );
    let expected: Vec<String> = (0..12).map(|n| format!("/{n}")).collect();
    assert_eq!(told, json!(expected));
    assert_eq!(most.1.load(Ordering::SeqCst), 3);
}

#[test]
fn each_request_has_its_own_kind_body_and_options() {
    let server = Server::saying(|asked: &Asked| match asked.target.as_str() {
        "/away" => answer(302, &[("Location", "/home")], ""),
        "/bytes" => answer(200, &[], [0xFF, 0x00]),
        "/nothing" => answer(404, &[], "no such thing"),
        _ => answer(200, &[("X-Was", &asked.method)], asked.text()),
    });
    let told = result(
        &server,
        "let saved = \"/tmp/rhambda-test-http-all\";
         let answers = http::all([
             service + \"/plain\",
             #{ method: \"POST\", url: service, json: #{ a: 1 } },
             #{ url: service + \"/away\" },
             #{ url: service + \"/bytes\" },
             #{ url: service + \"/nothing\" },
             #{ url: service + \"/nothing\", throw_on_error: true },
             #{ method: \"PUT\", url: service + \"/file\", body: \"to a file\", save_to: saved },
         ]);
         let file = fs::read_text(saved);
         fs::remove(saved);
         [answers.map(|answer| answer.ok), answers[0].status, answers[1].body,
          answers[1].header(\"x-was\"), answers[2].url == service + \"/home\", answers[3].blob().len(),
          answers[4].text(), answers[5].type, answers[5].status, answers[5].index, file,
          answers[6].size, answers[6].body]",
    );
    assert_eq!(
        told,
        json!([
            [true, true, true, true, false, false, true],
            200,
            "{\"a\":1}",
            "POST",
            true,
            2,
            "no such thing",
            "Http.Status",
            404,
            5,
            "to a file",
            9,
            null
        ])
    );
}

#[test]
fn one_that_fails_stands_in_its_place_and_hinders_no_other() {
    let server = Server::doing(|asked, stream| match asked.target.as_str() {
        "/hangs" => Ok(After::Hang),
        "/resets" => Ok(After::Reset),
        "/cut" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")?;
            Ok(After::Close)
        }
        "/drips" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")?;
            Ok(After::Hang)
        }
        "/babbles" => {
            stream.write_all(b"What do you want?\r\n\r\n")?;
            Ok(After::Close)
        }
        _ => {
            stream.write_all(&answer(200, &[], "well"))?;
            Ok(After::Keep)
        }
    });
    let told = result(
        &server,
        "let calls = [\"/hangs\", \"/a\", \"/resets\", \"/cut\", \"/drips\", \"/babbles\", \"/b\"]
             .map(|path| #{ url: service + path, timeout_ms: 500, retries: 0 });
         calls.push(#{ url: \"http://127.0.0.1:1/closed\", retries: 0 });
         http::all(calls).map(|answer| if answer.ok { answer.body } else {
             [answer.type, answer.index, answer.method, answer.url.sub_string(0, 17)] })",
    );
    let failed = |kind: &str, index: usize| json!([kind, index, "GET", "http://127.0.0.1:"]);
    assert_eq!(
        told,
        json!([
            failed("Http.Timeout", 0),
            "well",
            failed("Http.ConnectionLost", 2),
            failed("Http.ConnectionLost", 3),
            failed("Http.Timeout", 4),
            failed("Http.InvalidResponse", 5),
            "well",
            failed("Http.ConnectFailed", 7),
        ])
    );
}

#[test]
fn nothing_is_sent_where_one_request_is_asked_for_wrongly() {
    let server = Server::saying(|_| answer(200, &[], ""));
    for (requests, kind, said) in [
        ("[service, 7]", "Http.InvalidRequest", "request 1 of http::all: it is a URL as text"),
        ("[service, \"no url\"]", "Http.InvalidRequest", "the URL cannot be used"),
        ("[service, #{ method: \"GET\" }]", "Http.InvalidRequest", "`url` is missing"),
        (
            "[service, #{ url: service, timeout: 1 }]",
            "Http.InvalidRequest",
            "there is no option `timeout`",
        ),
        (
            "[#{ url: service, save_to: \"/tmp/a\" }, #{ url: service, save_to: \"/tmp/a\" }]",
            "Http.InvalidRequest",
            "it has the `save_to` of request 0",
        ),
    ] {
        let error = caught(&server, &format!("http::all({requests})"));
        is(&error, kind, said);
        assert!(error["index"].is_number(), "{error}");
    }
    for (options, said) in [
        ("#{ concurrency: 0 }", "`concurrency` is 0; it takes 1 to 50"),
        ("#{ concurrency: \"all\" }", "`concurrency` is a whole number"),
        ("#{ concurency: 2 }", "did you mean `concurrency`?"),
        ("#{ throw_on_error: 1 }", "`throw_on_error` is true or false"),
    ] {
        is(
            &caught(&server, &format!("http::all([service], {options})")),
            "Http.InvalidRequest",
            said,
        );
    }
    assert!(server.seen().is_empty());
    assert_eq!(result(&server, "http::all([])"), json!([]));
}

#[test]
fn the_first_that_failed_is_thrown_where_the_script_wants_that() {
    let server = Server::saying(|asked| match asked.target.as_str() {
        "/teapot" => answer(418, &[], "short and stout"),
        "/gone" => answer(410, &[], ""),
        _ => answer(200, &[], ""),
    });
    let error = caught(
        &server,
        "http::all([service, service + \"/teapot\", service + \"/gone\"], #{ throw_on_error: true })",
    );
    is(&error, "Http.Status", "the answer has status 418");
    assert_eq!((&error["status"], &error["index"]), (&json!(418), &json!(1)));
    assert_eq!(server.seen().len(), 3, "the others were not called off");
    let good = result(&server, "http::all([service], #{ throw_on_error: true })[0].status");
    assert_eq!(good, 200);
}

#[test]
fn what_a_declaration_does_not_allow_is_thrown_before_anything_is_sent_and_redirects_fail_in_place()
{
    let other = Server::saying(|_| answer(200, &[], "other"));
    let elsewhere = other.url();
    let server = Server::saying(move |asked| match asked.target.as_str() {
        "/away" => answer(302, &[("Location", &elsewhere)], ""),
        _ => answer(200, &[], "here"),
    });
    let run = |requests: &str| {
        let script = format!(
            "//! allow: http {}\nfn handler(service) {{
                 try {{ return http::all({requests}).map(|it| it.type ?? it.body); }}
                 catch (error) {{ return [error.type, error.index]; }}\n}}",
            server.address()
        );
        value(
            Function::of(
                &script.replace("it.type ?? it.body", "if it.ok { it.body } else { it.type }"),
            )
            .event(json!(server.url()).to_string())
            .run(),
        )
    };
    let refused = run(&format!("[service, {:?}]", other.url()));
    assert_eq!(refused, json!(["Policy.Refused", 1]));
    assert!(server.seen().is_empty() && other.seen().is_empty());
    assert_eq!(run("[service, service + \"/away\"]"), json!(["here", "Policy.Refused"]));
    assert!(other.seen().is_empty());
}

#[test]
fn addresses_that_are_out_of_reach_stay_so() {
    let server = Server::saying(|_| answer(302, &[("Location", "http://169.254.169.254/")], ""));
    let told = result(
        &server,
        "let api = env::get(\"AWS_LAMBDA_RUNTIME_API\");
         http::all([\"http://169.254.169.254/latest\", `http://${api}/2018-06-01/runtime/invocation/next`,
                    \"http://localhost:\" + api.split(\":\")[1] + \"/next\", service])
             .map(|answer| answer.type)",
    );
    assert_eq!(told, json!(vec!["Policy.Refused"; 4]));
}

#[test]
fn all_bodies_together_fit_into_the_memory_or_fail_one_by_one() {
    // Each of them would fit, and all of them would not.
    let body = vec![b'x'; 8 << 20];
    let server = Server::saying(move |asked| match asked.target.as_str() {
        "/endless" => {
            let mut whole = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
            whole.extend(vec![b'y'; 100 << 20]);
            whole
        }
        _ => answer(200, &[], &body),
    });
    let function = with(
        &server,
        "let calls = [#{ url: service + \"/endless\", timeout_ms: 20000 }];
         for n in 0..20 { calls.push(#{ url: `${service}/${n}`, retries: 0 }); }
         let answers = http::all(calls, #{ concurrency: 20 });
         let good = answers.filter(|answer| answer.ok);
         let types = answers.filter(|answer| !answer.ok).map(|answer| answer.type);
         types.dedup();
         [good.all(|answer| answer.size == 8388608), good.len() >= 2, good.len() < 20, types]",
    );
    let run = function.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").run();
    assert_eq!(value(run), json!([true, true, true, ["Http.BodyTooLarge"]]));
}

#[test]
fn the_memory_of_requests_comes_back_however_often_they_are_made() {
    let server = Server::saying(|asked| match asked.target.as_str() {
        "/lost" => b"nonsense\r\n\r\n".to_vec(),
        _ => answer(200, &[("X-Some", "header")], vec![b'x'; 100_000]),
    });
    let script = "fn handler(service) {
        let calls = [];
        for n in 0..6 { calls.push(service); }
        calls.push(#{ url: service + \"/lost\", retries: 0 });
        let answers = http::all(calls, #{ concurrency: 7 });
        answers.filter(|answer| answer.ok && answer.size == 100_000).len()
    }";
    let mut function = Function::of(script).env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
    // Some 600 KB each, of which nothing may stay.
    for _ in 0..200 {
        function = function.event(json!(server.url()).to_string());
    }
    let mut run = function.run();
    for _ in 0..200 {
        assert_eq!(run.response(), "6");
    }
    run.kept_serving();
}

#[test]
fn a_failed_attempt_is_made_again_while_the_others_go_on() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let server = Server::saying(move |asked| match asked.target.as_str() {
        "/busy" if counted.fetch_add(1, Ordering::SeqCst) == 0 => {
            answer(503, &[("Retry-After", "1")], "")
        }
        other => answer(200, &[], other.as_bytes()),
    });
    let told = result(
        &server,
        "http::all([service + \"/busy\", service + \"/a\", service + \"/b\"], #{ concurrency: 2 })
             .map(|answer| answer.body)",
    );
    assert_eq!(told, json!(["/busy", "/a", "/b"]));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let order: Vec<String> = server.seen().into_iter().map(|asked| asked.target).collect();
    assert_eq!(order.last().map(String::as_str), Some("/busy"), "{order:?}");
}

#[test]
fn the_deadline_ends_all_of_them_and_the_next_event_is_served() {
    let server = Server::doing(|_, _| Ok(After::Hang));
    let script = "fn handler(service) {
        if service == () { return \"served\"; }
        let answers = http::all([service, service, service]);
        answers.map(|answer| answer.type)
    }";
    let run = Function::of(script)
        .sent(
            rhambda_tests::Event::new(json!(server.url()).to_string())
                .due_in(Duration::from_millis(2500)),
        )
        .event("null")
        .run();
    run.responded(r#"["Http.Timeout","Http.Timeout","Http.Timeout"]"#)
        .responded("\"served\"")
        .kept_serving();
}

#[test]
fn connections_are_kept_for_the_next_time() {
    let server = Server::saying(|asked| answer(200, &[], asked.target.as_bytes()));
    let script = "fn handler(service) {
        http::all([service + \"/a\", service + \"/b\"], #{ concurrency: 1 }).map(|it| it.status)
    }";
    let event = json!(server.url()).to_string();
    let run = Function::of(script).event(&event).event(&event).run();
    run.responded("[200,200]").responded("[200,200]").kept_serving();
    let connections: Vec<usize> = server.seen().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [1, 1, 1, 1]);
}

#[test]
fn several_speak_tls_at_once() {
    let authority = Authority::new();
    let open = Arc::new((Mutex::new(0), Condvar::new()));
    let server = Server::in_tls(&authority, "127.0.0.1", move |asked| {
        let (count, changed) = &*open;
        let mut count = count.lock().expect("nobody panics");
        *count += 1;
        changed.notify_all();
        while *count < 3 {
            count = changed.wait(count).expect("nobody panics");
        }
        answer(200, &[], asked.target.as_bytes())
    });
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("a temporary file can be written");
    let run = with(
        &server,
        "http::all([service + \"/a\", service + \"/b\", service + \"/c\"]).map(|it| it.body)",
    )
    .env("SSL_CERT_FILE", file.path().to_str().expect("UTF-8"))
    .run();
    assert_eq!(value(run), json!(["/a", "/b", "/c"]));
}
