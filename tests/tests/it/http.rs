//! `http`: what a script asks other services, over real sockets.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rhambda_tests::{After, Asked, Authority, Event, Function, Run, Server, answer, skip, tunnel};
use serde_json::{Value, json};

/// Runs these statements as a handler that knows the server's URL as `service`.
fn with(server: &Server, statements: &str) -> Function {
    Function::of(&format!("fn handler(service) {{\n{statements}\n}}\n"))
        .event(json!(server.url()).to_string())
}

fn result(server: &Server, statements: &str) -> Value {
    value(with(server, statements).run())
}

fn value(mut run: Run) -> Value {
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

/// The error that these statements run into, as the script catches it.
fn caught(server: &Server, statement: &str) -> Value {
    result(server, &catching(statement))
}

fn catching(statement: &str) -> String {
    format!("try {{ {statement}; }} catch (error) {{ return error; }}\n\"nothing was thrown\"")
}

#[track_caller]
fn is(error: &Value, kind: &str, said: &str) {
    let message = error["message"].as_str().unwrap_or_default();
    assert!(error["type"] == kind && message.contains(said), "{kind}, {said}: {error}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}

/// Tells what it was asked.
fn echo() -> Server {
    Server::saying(|asked| {
        let told = json!({
            "method": asked.method,
            "target": asked.target,
            "type": asked.header("content-type"),
            "length": asked.header("content-length"),
            "body": asked.text(),
        });
        answer(200, &[("Content-Type", "application/json")], told.to_string())
    })
}

#[test]
fn each_kind_of_body_goes_out_as_what_it_is() {
    let form = "application/x-www-form-urlencoded";
    for (statement, told) in [
        ("http::get(service + \"/a?b=c\")", ["GET", "/a?b=c", "", ""]),
        (
            "http::post(service, #{ b: [1, ()], a: 0.5 })",
            ["POST", "/", "application/json", r#"{"a":0.5,"b":[1,null]}"#],
        ),
        ("http::post(service, [1])", ["POST", "/", "application/json", "[1]"]),
        ("http::put(service, \"ü\")", ["PUT", "/", "text/plain; charset=utf-8", "ü"]),
        ("http::patch(service, blob(2, 65))", ["PATCH", "/", "application/octet-stream", "AA"]),
        ("http::post(service, ())", ["POST", "/", "", ""]),
        (
            "http::post(service, (), #{ form: #{ \"a b\": \"ü&\", c: [1, 2] } })",
            ["POST", "/", form, "a+b=%C3%BC%26&c=1&c=2"],
        ),
        (
            "http::request(#{ method: \"post\", url: service, json: \"x\" })",
            ["POST", "/", "application/json", "\"x\""],
        ),
        ("http::request(#{ url: service })", ["GET", "/", "", ""]),
        ("http::delete(service + \"/7\")", ["DELETE", "/7", "", ""]),
        ("http::delete(service, #{ json: 1 })", ["DELETE", "/", "application/json", "1"]),
        (
            "http::put(service, #{}, #{ headers: #{ \"Content-Type\": \"a/b\" } })",
            ["PUT", "/", "a/b", "{}"],
        ),
        (
            "http::get(service + \"/a?b=1\", #{ query: #{ c: \"x y\", d: [true, 2], e: () } })",
            ["GET", "/a?b=1&c=x%20y&d=true&d=2", "", ""],
        ),
    ] {
        let server = echo();
        let seen = result(&server, &format!("{statement}.json()"));
        let seen = ["method", "target", "type", "body"].map(|key| seen[key].as_str().unwrap_or(""));
        assert_eq!(seen, told, "{statement}");
    }
}

#[test]
fn an_answer_has_status_headers_and_a_body_of_the_fitting_type() {
    let server = Server::saying(|asked| match asked.target.split('?').next().unwrap_or_default() {
        "/bytes" => answer(200, &[], [0xFF, 0x00]),
        "/broken" => answer(500, &[("Content-Type", "application/json")], "{"),
        "/empty" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        _ => answer(
            201,
            &[("X-One", "a"), ("X-One", "b"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
            "grüße",
        ),
    });
    let told = result(
        &server,
        "let text = http::get(service + \"/text\");
         let bytes = http::get(service + \"/bytes\");
         let empty = http::get(service + \"/empty\");
         let broken = http::get(service + \"/broken\");
         [text.status, text.ok, text.body, text.text(), text.size, text.headers[\"x-one\"],
          text.headers[\"set-cookie\"], text.header(\"X-ONE\"), text.header(\"x-two\"),
          text.url == service + \"/text\", text.to_map().keys(), type_of(text.blob()),
          bytes.body, bytes.text(), empty.status, empty.body, broken.ok]",
    );
    assert_eq!(
        told,
        json!([
            201,
            true,
            "grüße",
            "grüße",
            7,
            "a, b",
            ["a=1", "b=2"],
            "a",
            null,
            true,
            ["body", "headers", "ok", "status", "url"],
            "blob",
            "/wA=",
            "\u{FFFD}\0",
            204,
            "",
            false
        ])
    );
    let error = caught(&server, "http::get(service + \"/broken?token=s3cret\").json()");
    is(&error, "Http.NotJson", "/broken is not JSON");
    assert_eq!(error["status"], 500);
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn head_has_no_body_whatever_its_headers_say() {
    let server = Server::saying(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n".to_vec()
    });
    let told = result(
        &server,
        "let head = http::head(service); [head.header(\"content-length\"), head.body]",
    );
    assert_eq!(told, json!(["5", ""]));
}

#[test]
fn a_status_of_an_error_is_thrown_only_where_that_is_asked_for() {
    let server = Server::saying(|_| answer(404, &[], "no"));
    assert_eq!(result(&server, "http::get(service).status"), 404);
    let error = caught(&server, "http::get(service + \"/x?q\", #{ throw_on_error: true })");
    is(&error, "Http.Status", "/x: the answer has status 404");
    assert_eq!((&error["status"], &error["method"]), (&json!(404), &json!("GET")));
    with(&server, "http::get(service, #{ throw_on_error: true })")
        .run()
        .failed_as("Function.ScriptError", "Http.Status")
        .at("main.rhai:2:")
        .kept_serving();
}

#[test]
fn what_cannot_be_sent_is_refused_with_the_reason() {
    let server = echo();
    for (statement, said) in [
        ("http::get(\"example.com\")", "has to begin with `https://`"),
        ("http::get(\"https://x y\")", "letters that no host has"),
        ("http::get(service, #{ header: #{} })", "did you mean `headers`?"),
        ("http::get(service, #{ timeout_ms: 0 })", "`timeout_ms` is 0; it takes 1 up"),
        ("http::get(service, #{ retries: 11 })", "`retries` is 11; it takes 0 to 10"),
        ("http::get(service, #{ retries: \"2\" })", "`retries` is a whole number, not string"),
        ("http::get(service, #{ headers: [] })", "`headers` is a map, not array"),
        ("http::get(service, #{ headers: #{ \"a b\": 1 } })", "cannot be the name of a header"),
        ("http::get(service, #{ headers: #{ Host: 1 } })", "the client's own"),
        ("http::get(service, #{ headers: #{ a: \"s3cret\\r\\nX: y\" } })", "a control character"),
        ("http::get(service, #{ query: #{ a: #{} } })", "`a` of `query`"),
        ("http::post(service, 1)", "a body is text or a blob, not i64"),
        ("http::post(service, \"\", #{ json: 1 })", "both by itself and among the options"),
        ("http::post(service, (), #{ json: 1, form: #{} })", "only one of"),
        ("http::post(service, #{ f: || 1 })", "the body has"),
        ("http::request(#{ method: \"BREW\", url: service })", "the method is `BREW`"),
        ("http::request(#{ method: \"GET\" })", "`url` is missing"),
        ("http::get(service, #{ save_to: 1 })", "`save_to` is a path"),
    ] {
        let error = caught(&server, statement);
        is(&error, "Http.InvalidRequest", said);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[test]
fn user_and_password_of_a_url_go_as_a_header_and_are_never_shown() {
    let server = Server::saying(|asked| answer(200, &[], asked.header("authorization")));
    let script = "let url = service.replaced(\"http://\", \"http://ann:p%40ss@\");
        http::get(url + \"/?key=k3y\").body";
    let script = script.replace("service.replaced(", "with_user(service, ");
    let helper = "fn with_user(url, from, to) { url.replace(from, to); url }\n";
    let function =
        |statements: &str| Function::of(&format!("{helper}fn handler(service) {{ {statements} }}"));
    let run = function(&script).event(json!(server.url()).to_string()).run();
    assert_eq!(value(run), "Basic YW5uOnBAc3M=");
    // Nobody listens there any more.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|gone| gone.local_addr());
    let gone = format!("http://ann:p4ss@{}/path?key=k3y", gone.expect("a free port"));
    let run = function("http::get(service, #{ retries: 0 })")
        .env("RHAMBDA_LOG", "trace")
        .event(json!(gone).to_string())
        .run();
    let run = run.failed_as("Function.ScriptError", "Http.ConnectFailed").saying("/path");
    run.not_saying("k3y")
        .not_saying("p4ss")
        .never_logged("k3y")
        .never_logged("p4ss")
        .kept_serving();
}

#[test]
fn redirects_are_followed_as_their_status_says() {
    let server = Server::saying(|asked| {
        let status = asked.target.strip_prefix("/from/").and_then(|status| status.parse().ok());
        match status {
            Some(status) => answer(status, &[("Location", "../to?x=1")], ""),
            None => {
                let told = format!("{} {} {}", asked.method, asked.target, asked.text());
                answer(200, &[], told)
            }
        }
    });
    for (status, told) in [
        (301, "GET /to?x=1 "),
        (302, "GET /to?x=1 "),
        (303, "GET /to?x=1 "),
        (307, "POST /to?x=1 body"),
        (308, "POST /to?x=1 body"),
    ] {
        let statement = format!("http::post(service + \"/from/{status}\", \"body\").body");
        assert_eq!(result(&server, &statement), told, "{status}");
    }
    assert_eq!(result(&server, "http::put(service + \"/from/302\", \"b\").body"), "PUT /to?x=1 b");
    let stays = "let a = http::get(service + \"/from/301\", #{ redirects: 0 }); \
                 [a.status, a.header(\"location\")]";
    assert_eq!(result(&server, stays), json!([301, "../to?x=1"]));
    let lands = "http::get(service + \"/from/301\").url == service + \"/to?x=1\"";
    assert_eq!(result(&server, lands), true);
}

#[test]
fn redirects_in_a_circle_and_without_an_end_are_an_error() {
    let server = Server::saying(|asked| {
        let next = match asked.target.as_str() {
            "/a" => "/b".to_owned(),
            "/b" => "/a".to_owned(),
            "/mail" => "mailto:ann@example.com".to_owned(),
            _ => format!("/n{}", asked.earlier),
        };
        answer(302, &[("Location", &next)], "")
    });
    is(&caught(&server, "http::get(service + \"/a\")"), "Http.TooManyRedirects", "in a circle");
    assert_eq!(server.seen().len(), 2);
    is(&caught(&server, "http::get(service)"), "Http.TooManyRedirects", "more than 10 redirects");
    assert_eq!(server.seen().len(), 2 + 11);
    is(&caught(&server, "http::get(service + \"/mail\")"), "Http.InvalidResponse", "leads nowhere");
}

#[test]
fn credentials_stay_with_the_host_they_were_meant_for() {
    let other = Server::saying(|asked| {
        let got = ["authorization", "x-api-key", "cookie", "accept"].map(|name| asked.header(name));
        answer(200, &[], got.join("|"))
    });
    let elsewhere = other.url();
    let server = Server::saying(move |asked| match asked.target.as_str() {
        "/away" => answer(307, &[("Location", &elsewhere)], ""),
        "/stay" => answer(307, &[("Location", "/there")], ""),
        _ => {
            let got = ["authorization", "x-api-key", "cookie", "accept"];
            answer(200, &[], got.map(|name| asked.header(name)).join("|"))
        }
    });
    let options = "#{ headers: #{ authorization: \"a\", \"X-Api-Key\": \"b\", cookie: \"c\", accept: \"d\" } }";
    let ask =
        |path: &str| result(&server, &format!("http::get(service + {path:?}, {options}).body"));
    assert_eq!(ask("/stay"), "a|b|c|d");
    assert_eq!(ask("/away"), "|||d");
}

#[test]
fn what_fails_for_a_moment_is_tried_again_where_that_does_no_harm() {
    for (statement, attempts) in [
        ("http::get(service).status", 3),
        ("http::put(service, 'x').status", 3),
        ("http::get(service, #{ retries: 0 }).status", 1),
        ("http::post(service, 'x').status", 1),
        ("http::post(service, 'x', #{ retries: 1 }).status", 2),
    ] {
        for status in [429, 502, 503, 504] {
            let server = Server::saying(move |_| answer(status, &[("Retry-After", "0")], ""));
            assert_eq!(result(&server, statement), status);
            assert_eq!(server.seen().len(), attempts, "{statement}");
        }
    }
    let server = Server::saying(|_| answer(500, &[], ""));
    assert_eq!(result(&server, "http::get(service).status"), 500);
    assert_eq!(server.seen().len(), 1);
    let recovers = Server::saying(|asked| match asked.earlier {
        0 => answer(503, &[], ""),
        _ => answer(200, &[], "back"),
    });
    assert_eq!(result(&recovers, "http::get(service).body"), "back");
}

#[test]
fn a_date_to_retry_after_is_waited_for_and_one_that_is_over_is_not() {
    for (date, attempts) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 3),
        ("Tue, 01 Jan 2999 00:00:00 GMT", 1),
        ("some day", 3),
    ] {
        let server = Server::saying(move |_| answer(503, &[("Retry-After", date)], ""));
        assert_eq!(result(&server, "http::get(service).status"), 503);
        assert_eq!(server.seen().len(), attempts, "{date}");
    }
}

#[test]
fn what_is_too_large_to_be_sent_ends_in_an_error_and_the_next_event_is_served() {
    let server = echo();
    for call in [
        "http::get(service, #{ query: #{ q: big } })",
        "http::post(service, (), #{ form: #{ q: [1, big] } })",
        "http::post(service, [big, big, big, big, big, big, big, big])",
    ] {
        let script = format!(
            "fn handler(service) {{
                 if service == 2 {{ return \"served\"; }}
                 let big = \"\"; big.pad(10000000, \"ü\");
                 {}
             }}",
            catching(call).replace("return error", "return error.type")
        );
        let event = json!(server.url()).to_string();
        let run = Function::of(&script).event(event).event("2").run();
        run.responded("\"Http.InvalidRequest\"").responded("\"served\"").kept_serving();
    }
    assert!(server.seen().is_empty());
}

#[test]
fn nobody_waits_longer_for_a_retry_than_there_is_time() {
    let server = Server::saying(|_| answer(503, &[("Retry-After", "3600")], ""));
    let run = with(&server, "http::get(service).status").run();
    run.responded("503").kept_serving().within(Duration::from_secs(10));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_reset_is_an_error_that_is_caught_after_retries() {
    let server = Server::doing(|_, _| Ok(After::Reset));
    is(&caught(&server, "http::get(service)"), "Http.ConnectionLost", "closed the connection");
    assert_eq!(server.seen().len(), 3);
    is(&caught(&server, "http::post(service, 'x')"), "Http.ConnectionLost", "POST http://127");
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn an_answer_that_breaks_off_or_is_none_is_an_error() {
    let server = Server::doing(|asked, stream| {
        match asked.target.as_str() {
            "/short" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?,
            "/chunk" => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha")?;
            }
            "/text" => stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")?,
            _ => stream.write_all(&answer(200, &[("Content-Encoding", "gzip")], "no gzip"))?,
        }
        Ok(After::Close)
    });
    let ask =
        |path: &str| caught(&server, &format!("http::get(service + {path:?}, #{{ retries: 0 }})"));
    is(&ask("/short"), "Http.ConnectionLost", "before the end of the answer");
    is(&ask("/chunk"), "Http.ConnectionLost", "before the end of the answer");
    is(&ask("/text"), "Http.InvalidResponse", "not HTTP/1.1");
    is(&ask("/gzip"), "Http.InvalidResponse", "cannot be unpacked");
}

#[test]
fn a_server_that_hangs_ends_in_a_timeout_that_can_be_caught_before_the_deadline() {
    let silent = Server::doing(|_, _| Ok(After::Hang));
    let stalls = Server::doing(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?;
        Ok(After::Hang)
    });
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let deaf = format!("https://{}", deaf.local_addr().expect("a bound socket has an address"));
    for url in [silent.url(), stalls.url(), deaf] {
        let script = format!("fn handler(service) {{ {} }}", catching("http::get(service)"));
        let mut run = Function::of(&script)
            .sent(Event::new(json!(url).to_string()).due_in(Duration::from_millis(1500)))
            .event("\"http:\"")
            .run();
        let error: Value = serde_json::from_str(&run.response()).expect("JSON");
        assert_eq!(error["type"], "Http.Timeout", "{error}");
        run.response();
        run.kept_serving();
    }
}

#[test]
fn a_server_that_drips_ends_in_a_timeout_of_the_whole_call() {
    let server = Server::doing(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"1\r\nx\r\n")?;
            thread::park_timeout(Duration::from_millis(5));
        }
    });
    is(&caught(&server, "http::get(service, #{ timeout_ms: 300 })"), "Http.Timeout", "GET http://");
}

#[test]
fn gzip_is_unpacked_and_its_headers_go() {
    let server = Server::saying(|asked| {
        assert_eq!(asked.header("accept-encoding"), "gzip");
        answer(200, &[("Content-Encoding", "gzip")], gzip(b"packed"))
    });
    let told = result(
        &server,
        "let a = http::get(service); [a.body, a.header(\"content-encoding\"), a.size]",
    );
    assert_eq!(told, json!(["packed", null, 6]));
}

#[test]
fn a_bomb_of_gzip_ends_in_an_error_and_the_next_event_is_served() {
    let bomb = gzip(&vec![0; 200 << 20]);
    let server = Server::saying(move |_| answer(200, &[("Content-Encoding", "gzip")], &bomb));
    let script = format!("fn handler(service) {{ {} }}", catching("http::get(service)"));
    let event = json!(server.url()).to_string();
    let mut run = Function::of(&script).event(&event).event(&event).run();
    for _ in 0..2 {
        let error: Value = serde_json::from_str(&run.response()).expect("JSON");
        is(&error, "Http.BodyTooLarge", "or have it written to a file by `save_to`");
    }
    run.kept_serving();
}

#[test]
fn a_body_is_bounded_by_the_memory_and_by_the_script() {
    let server = Server::doing(|asked, stream| {
        match asked.target.as_str() {
            "/said" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?
            }
            "/ten" => stream.write_all(&answer(200, &[], "0123456789"))?,
            _ => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
            }
        }
        Ok(After::Close)
    });
    is(&caught(&server, "http::get(service + \"/said\")"), "Http.BodyTooLarge", "more than");
    is(&caught(&server, "http::get(service)"), "Http.BodyTooLarge", "more than");
    let huge = "http::get(service, #{ max_bytes: 9223372036854775807 })";
    is(&caught(&server, huge), "Http.BodyTooLarge", "more than");
    let ten = |most: u32| format!("http::get(service + \"/ten\", #{{ max_bytes: {most} }}).body");
    is(&caught(&server, &ten(9)), "Http.BodyTooLarge", "more than 9 bytes");
    assert_eq!(result(&server, &ten(10)), "0123456789");
}

#[test]
fn a_large_download_goes_to_a_file_and_half_of_one_is_removed() {
    const SIZE: usize = 100 << 20;
    let server = Server::doing(|asked, stream| {
        let size = if asked.target == "/lost" { SIZE * 2 } else { SIZE };
        if asked.target == "/none" {
            stream.write_all(&answer(404, &[], "none here"))?;
            return Ok(After::Close);
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")?;
        for _ in 0..SIZE >> 16 {
            stream.write_all(&[b'x'; 1 << 16])?;
        }
        Ok(After::Close)
    });
    let folder = tempfile::Builder::new().tempdir_in("/tmp").expect("a folder in /tmp");
    let path = folder.path().join("new/large");
    let shown = json!(path.to_str()).to_string();
    let save = |target: &str| {
        format!("http::get(service + {target:?}, #{{ save_to: {shown}, retries: 0 }})")
    };
    let told = result(&server, &format!("let a = {}; [a.ok, a.size, a.body]", save("/")));
    assert_eq!(told, json!([true, SIZE, null]));
    assert_eq!(path.metadata().expect("the file is there").len(), SIZE as u64);
    is(&caught(&server, &save("/lost")), "Http.ConnectionLost", "before the end");
    assert!(!path.exists());
    let told = result(&server, &format!("let a = {}; [a.status, a.body]", save("/none")));
    assert_eq!(told, json!([404, "none here"]));
    assert!(!path.exists());
    for path in ["/etc/passwd", "main.rhai", "/tmp/../etc/x"] {
        let error = caught(&server, &format!("http::get(service, #{{ save_to: {path:?} }})"));
        is(&error, "Fs.Outside", path);
    }
}

#[test]
fn a_connection_is_kept_between_events_and_replaced_when_it_died() {
    let server = Server::doing(|asked, stream| {
        stream.write_all(&answer(200, &[], asked.connection.to_string()))?;
        // The third answer is the last of its connection, which nobody says.
        Ok(if asked.earlier == 2 { After::Close } else { After::Keep })
    });
    let event = json!(server.url()).to_string();
    let script = "fn handler(service) { http::get(service).body }";
    let function = (0..5).fold(Function::of(script), |function, _| function.event(&event));
    let mut run = function.run();
    for connection in ["1", "1", "1", "2", "2"] {
        run = run.responded(&json!(connection).to_string());
    }
    run.kept_serving();
}

#[test]
fn a_kept_connection_that_dies_on_the_next_request_is_replaced_unless_that_could_do_harm() {
    // It takes the second request of a connection and hangs up, as one that timed out does.
    let dying = || {
        Server::doing(|asked, stream| {
            if asked.connection == 1 && asked.earlier == 1 {
                return Ok(After::Reset);
            }
            stream.write_all(&answer(200, &[], asked.connection.to_string()))?;
            Ok(After::Keep)
        })
    };
    let twice = |second: &str| format!("http::get(service); {second}");
    let told = result(&dying(), &twice("http::get(service, #{ retries: 0 }).body"));
    assert_eq!(told, "2");
    let error = caught(&dying(), &twice("http::post(service, 'x')"));
    is(&error, "Http.ConnectionLost", "POST");
}

#[test]
fn tls_is_trusted_by_the_authority_that_the_environment_names_and_by_no_other() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = Server::in_tls(&ours, "127.0.0.1", |asked| answer(200, &[], &asked.target));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let trusting = |pem: &str, server: &Server| {
        std::fs::write(file.path(), pem).expect("a temporary file can be written");
        let statements = catching("return http::get(service + \"/secure\").body");
        let function = with(server, &statements);
        value(function.env("SSL_CERT_FILE", file.path().to_str().expect("UTF-8")).run())
    };
    assert_eq!(trusting(ours.pem(), &server), "/secure");
    let wrong = trusting(theirs.pem(), &server);
    is(&wrong, "Http.Tls", "name a PEM file in SSL_CERT_FILE");
    is(&trusting("no PEM", &server), "Http.Tls", "has no certificate in PEM form");
    let misnamed = Server::in_tls(&ours, "other.example", |_| answer(200, &[], ""));
    is(&trusting(ours.pem(), &misnamed), "Http.Tls", "not valid for name");
    // The bundled authorities do not know ours.
    let bundled = caught(&server, "http::get(service)");
    is(&bundled, "Http.Tls", "UnknownIssuer");
    assert!(server.seen().len() == 1 && misnamed.seen().is_empty());
}

#[test]
fn a_redirect_from_https_to_http_is_not_followed() {
    let authority = Authority::new();
    let server = Server::in_tls(&authority, "127.0.0.1", |_| {
        answer(302, &[("Location", "http://127.0.0.1:1/?token=s3cret")], "")
    });
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("a temporary file can be written");
    let function = with(&server, &catching("http::get(service)"));
    let error = value(function.env("SSL_CERT_FILE", file.path().to_str().expect("UTF-8")).run());
    is(&error, "Http.InsecureRedirect", "leads from https to http://127.0.0.1:1/");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn proxies_of_the_environment_are_used_but_for_the_hosts_they_spare() {
    let proxy = Server::saying(|asked| {
        let told = format!("proxied {} {}", asked.target, asked.header("proxy-authorization"));
        answer(200, &[], told)
    });
    let ask = |no_proxy: &str| {
        let target = echo();
        let run = with(&target, "http::get(service + \"/path\").body")
            .env("HTTP_PROXY", &proxy.url().replace("://", "://user:pass@"))
            .env("NO_PROXY", no_proxy)
            .run();
        (value(run).to_string(), target)
    };
    let (told, target) = ask("example.com");
    assert_eq!(
        told,
        json!(format!("proxied {}/path Basic dXNlcjpwYXNz", target.url())).to_string()
    );
    assert!(target.seen().is_empty());
    let (told, _) = ask("example.com, 127.0.0.1");
    assert!(!told.contains("proxied"), "{told}");
    let run = with(&proxy, &catching("http::get(service)")).env("HTTP_PROXY", "socks5://a:1").run();
    is(&value(run), "Http.ProxyFailed", "only `http://` proxies are supported");
}

#[test]
fn https_goes_through_a_proxy_by_connect() {
    let authority = Authority::new();
    let server = Server::in_tls(&authority, "127.0.0.1", |asked| answer(200, &[], &asked.target));
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = proxy.local_addr().expect("a bound socket has an address");
    let asked = tunnel(proxy);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("a temporary file can be written");
    let run = with(&server, "http::get(service + \"/through\").body")
        .env("SSL_CERT_FILE", file.path().to_str().expect("UTF-8"))
        .env("HTTPS_PROXY", &format!("http://user:pass@{address}"))
        .run();
    assert_eq!(value(run), "/through");
    let asked = asked.recv().expect("the proxy was asked");
    assert!(asked.starts_with(&format!("CONNECT {} ", server.address())), "{asked}");
    assert!(asked.contains("Basic dXNlcjpwYXNz"), "{asked}");
}

/// The DNS answer that a name has this address; only A is known.
fn dns_answer(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    let kind = u16::from_be_bytes([query[query.len() - 4], query[query.len() - 3]]);
    if kind == 1 {
        answer[7] = 1;
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address);
    }
    answer
}

#[test]
fn a_name_is_resolved_by_the_name_server_in_a_root_without_anything_else() {
    let server = Server::saying(|asked| answer(200, &[], asked.header("host")));
    // Port 53 of an address of its own.
    let name_server = match UdpSocket::bind("127.53.0.1:53") {
        Ok(socket) => socket,
        Err(error) => return skip(&format!("no name server on port 53: {error}")),
    };
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, peer)) = name_server.recv_from(&mut query) {
            let _ = name_server.send_to(&dns_answer(&query[..length], [127, 0, 0, 1]), peer);
        }
    });
    let url = format!("http://orders.internal.example:{}", server.address().port());
    let function = Function::of("fn handler(url) { http::get(url).body }")
        .outside_file("etc/resolv.conf", "nameserver 127.53.0.1\n")
        .event(json!(url).to_string())
        .in_empty_root();
    let Some(function) = function else { return };
    let host = url.trim_start_matches("http://");
    function.run().responded(&json!(host).to_string()).kept_serving();
}

#[test]
fn a_name_that_nobody_knows_is_an_error_that_names_it() {
    let server = echo();
    let error = caught(&server, "http::get(\"http://nowhere.invalid\", #{ timeout_ms: 2000 })");
    let kinds = ["Http.NameNotResolved", "Http.Timeout"];
    assert!(kinds.iter().any(|kind| error["type"] == *kind), "{error}");
    assert!(error["message"].as_str().unwrap_or_default().contains("nowhere.invalid"), "{error}");
}

#[test]
fn a_declaration_allows_the_hosts_it_names_and_no_other_also_after_redirects() {
    let other = echo();
    let elsewhere = other.url();
    let server = Server::saying(move |asked: &Asked| match asked.target.as_str() {
        "/away" => answer(302, &[("Location", &elsewhere)], ""),
        _ => answer(200, &[], "reached"),
    });
    let run = |declaration: &str, path: &str| {
        let body = catching(&format!("return http::get(service + {path:?}).body"));
        let script = format!("{declaration}\nfn handler(service) {{ {body} }}");
        value(Function::of(&script).event(json!(server.url()).to_string()).run())
    };
    let here = format!("//! allow: http {}", server.address());
    assert_eq!(run(&here, "/"), "reached");
    assert_eq!(run("", "/"), "reached");
    let refused = run("//! allow: http api.stripe.com, env STRIPE_KEY, fs tmp", "/");
    let missing = format!("write at its top: //! allow: http {}", server.address());
    is(&refused, "Policy.Refused", &missing);
    let missing = format!("write at its top: //! allow: http {}", other.address());
    is(&run(&here, "/away"), "Policy.Refused", &missing);
    assert!(other.seen().is_empty());
}

#[test]
fn a_strict_policy_refuses_what_is_not_declared() {
    let server = echo();
    let run = with(&server, &catching("http::get(service)")).env("RHAMBDA_POLICY", "strict").run();
    is(&value(run), "Policy.Refused", "//! allow: http 127.0.0.1:");
    assert!(server.seen().is_empty());
}

#[test]
fn a_declaration_that_cannot_be_meant_ends_init() {
    for (script, said) in [
        ("//! allow: ftp example.com\nfn handler(e) { }", "`ftp example.com` is not something"),
        ("fn handler(e) { }\n//! allow: nothing\n", "above the first statement"),
    ] {
        Function::of(script)
            .run()
            .init_failed("Runtime.UserCodeSyntaxError")
            .saying(said)
            .at("main.rhai:")
            .exited(1);
    }
}

#[test]
fn no_script_speaks_to_the_runtime_api() {
    for host in ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1.2.3"] {
        let call =
            "let url = \"http://HOST:\" + env::get(\"AWS_LAMBDA_RUNTIME_API\").split(\":\")[1]
                        + \"/2018-06-01/runtime/invocation/next\";
                    http::get(url)";
        let script = format!("fn handler(e) {{ {} }}", catching(&call.replace("HOST", host)));
        let error = value(Function::of(&script).event("{}").run());
        is(&error, "Policy.Refused", "the Runtime API belongs to the runtime");
    }
}
