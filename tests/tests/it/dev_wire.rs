//! `rhambda dev` on connections of every kind: hostile, slow, large, many.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rhambda_tests::{Client, Served, command, is_running};

const HELLO: &str = "fn handler(event) { event }";
const HTTP: &str = "fn handler(event) { event.rawPath }";
const INVOKE: &str = "POST /2015-03-31/functions/hello/invocations";

/// Sends bytes as they are, and reads all that comes back.
fn raw(served: &Served, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    // What is refused early need not be taken whole.
    drop(stream.write_all(bytes));
    drop(stream.shutdown(Shutdown::Write));
    let mut reply = Vec::new();
    drop(stream.read_to_end(&mut reply));
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
fn no_request_can_hide_in_another() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let hidden = "GET /hello/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length : 4\r\n",
        "X-Folded: a\r\n Content-Length: 4\r\n",
        "Host: elsewhere\r\n",
    ] {
        let request =
            format!("{INVOKE} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n0\r\n\r\n{hidden}");
        let reply = raw(&served, request.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 400 "), "{headers:?}: {reply}");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{headers:?}: {reply}");
        assert!(reply.contains("Connection: close"), "{headers:?}: {reply}");
    }
    for request in [
        format!("{INVOKE} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}"),
        format!("{INVOKE} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"),
        format!(
            "{INVOKE} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\n{{}}\r\n0\r\n\r\n"
        ),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
    ] {
        let reply = raw(&served, request.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 400 "), "{request:?}: {reply}");
    }
    // Two that are one after the other are two.
    let one = format!("{INVOKE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n\"a\"");
    let chunked = format!(
        "{INVOKE} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\
         \r\n\r\n3\r\n\"b\"\r\n0\r\n\r\n"
    );
    let reply = raw(&served, format!("{one}{chunked}").as_bytes());
    assert!(reply.contains("\r\n\r\n\"a\"HTTP/1.1 200 OK") && reply.ends_with("\"b\""), "{reply}");
}

#[test]
fn chunks_that_can_be_read_in_two_ways_are_refused() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let head =
        format!("{INVOKE} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for body in [
        "3\r\nabcXX\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}\r0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "\t2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2h\r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        ";a=b\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "2;a=\u{0}b\r\n{}\r\n0\r\n\r\n",
        "2;a=\rb\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nno colon\r\n\r\n",
        "2\r\n{}\r\n0\r\nX : y\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: y\r\n folded: z\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: y\n\r\n",
        "2\r\n{}\r\n0\r\nX: \u{1}\r\n\r\n",
    ] {
        let reply = raw(&served, format!("{head}{body}").as_bytes());
        assert!(reply.starts_with("HTTP/1.1 400 "), "{body:?}: {reply}");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{body:?}: {reply}");
    }
    for body in [
        "2\r\n{}\r\n0\r\n\r\n",
        "0002;name=value;other=\"a b\"\r\n{}\r\n0;last\r\nX-Checksum: 1\r\nX: y\r\n\r\n",
        "1\r\n{\r\n1\r\n}\r\n00\r\n\r\n",
    ] {
        let reply = raw(&served, format!("{head}{body}").as_bytes());
        assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("{}"), "{body:?}: {reply}");
    }
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    let served = Served::of(&[("web.rhai", HTTP)], &[]);
    for head in [
        "GET /web/a HTTP/1.1\nHost: localhost\n\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nX: a\u{0}b\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\n: nameless\r\n\r\n",
        "GET /web/a HTTP/1.1\r\n Host: localhost\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\u{a0}\r\n\r\n",
        "GET http://evil.example/web/a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http://localhost@evil.example/web/a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET web/a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET ftp://localhost/web/a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
        "GET /web/a HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /web/a HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /web/a HTTP/2.0\r\nHost: localhost\r\n\r\n",
    ] {
        let reply = raw(&served, head.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 400 "), "{head:?}: {reply}");
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{head:?}: {reply}");
    }
    for head in [
        "\r\nGET /web/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET http://localhost:80/web/a HTTP/1.1\r\nHost: LOCALHOST:80\r\nConnection: close\r\n\r\n",
        "GET /web/a HTTP/1.0\r\n\r\n",
        "GET /web/a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let reply = raw(&served, head.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("/a"), "{head:?}: {reply}");
    }
}

#[test]
fn trailers_and_extensions_without_end_are_refused_and_not_kept() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let memory = |served: &Served| number_in_status(served.pid(), "VmHWM:");
    served.invoke("hello", &[], "1");
    let before = memory(&served);
    let head =
        format!("{INVOKE} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (body, again) in [
        ("2\r\n{}\r\n0\r\n", "X-1: y\r\n"),
        ("2\r\n{}\r\n0\r\nX: ", "y"),
        ("2;a=", "b"),
        ("", "1;name=value-of-some-length\r\n \r\n"),
        ("2", "0"),
    ] {
        let endless = format!("{head}{body}{}", again.repeat((20 << 20) / again.len()));
        let reply = raw(&served, endless.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 431 "), "{body:?} {again:?}: {reply}");
    }
    let grown = memory(&served) - before;
    assert!(grown < 20 << 10, "{grown} KiB more");
    // As many as there may be, of which the function sees none.
    let trailers = "X-1: y\r\n".repeat(200);
    let reply = raw(&served, format!("{head}2\r\n{{}}\r\n0\r\n{trailers}\r\n").as_bytes());
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
}

#[test]
fn whoever_sends_nothing_but_a_byte_now_and_then_keeps_out_nobody() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let parts = [
        "",
        "G",
        "GET /hello HTTP/1.1\r\nHost: local",
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
    ];
    let mut slow: Vec<TcpStream> = Vec::new();
    for at in 0..700 {
        let mut stream = TcpStream::connect(served.address()).expect("it listens");
        stream.write_all(parts[at % parts.len()].as_bytes()).expect("sent");
        slow.push(stream);
        if at % 50 == 49 {
            for stream in &mut slow {
                drop(stream.write_all(b"1"));
            }
            let begun = Instant::now();
            assert_eq!(served.invoke("hello", &[], "1").text(), "1", "among {at}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?} among {at}", begun.elapsed());
        }
    }
    assert!(number_in_status(served.pid(), "Threads:") < 700, "there are so many and no more");
    let log = served.log_with("connections are open", 1);
    assert_eq!(log.matches("connections are open").count(), 1, "once, not for each: {log}");
    // Those that had to go are told so, as far as they had begun.
    let mut told = String::new();
    let first = &mut slow[2];
    first.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    drop(first.read_to_string(&mut told));
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("kept others waiting"), "{told}");
}

#[test]
fn headers_without_end_are_refused() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let long = format!("GET /hello HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(100_000));
    assert!(raw(&served, long.as_bytes()).starts_with("HTTP/1.1 431 "));
    let many = format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(1000));
    assert!(raw(&served, many.as_bytes()).starts_with("HTTP/1.1 431 "));
    assert_eq!(served.invoke("hello", &[], "1").text(), "1");
}

#[test]
fn a_body_of_a_hundred_megabytes_is_refused_and_not_kept() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let memory = |served: &Served| number_in_status(served.pid(), "VmHWM:");
    served.invoke("hello", &[], "1");
    let before = memory(&served);
    let body = vec![b' '; 100 << 20];
    let head = |framing: &str| format!("{INVOKE} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
    let announced = [head(&format!("Content-Length: {}", body.len())).as_bytes(), &body].concat();
    let reply = raw(&served, &announced);
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    let size = format!("{:x}\r\n", body.len());
    let chunk = [head("Transfer-Encoding: chunked").as_bytes(), size.as_bytes(), &body].concat();
    assert!(raw(&served, &chunk).starts_with("HTTP/1.1 413 "));
    let waiting = head(&format!("Content-Length: {}\r\nExpect: 100-continue", body.len()));
    let reply = raw(&served, waiting.as_bytes());
    assert!(reply.starts_with("HTTP/1.1 413 "), "it is not asked to go on: {reply}");
    let grown = memory(&served) - before;
    assert!(grown < 50 << 10, "{grown} KiB more");
}

/// A number of KiB, or of things, that Linux tells of a process.
fn number_in_status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let served = Served::of(&[("hello.rhai", HELLO)], &[]);
    let parts = [
        "",
        "POST /2015-03-31/fun",
        "GET /hello HTTP/1.1\r\nHost: local",
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ];
    let slow: Vec<TcpStream> = (0..200)
        .map(|at| {
            let mut stream = TcpStream::connect(served.address()).expect("it listens");
            stream.write_all(parts[at % parts.len()].as_bytes()).expect("sent");
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(served.invoke("hello", &[], "1").text(), "1");
    }
    drop(slow);
}

#[test]
fn thousands_of_requests_over_many_connections_get_their_own_answers_and_leave_nothing() {
    let files = [("hello.rhai", HELLO), ("web.rhai", HTTP)];
    let served = Served::of(&files, &["--concurrency", "64"]);
    let round = |requests: usize| {
        thread::scope(|scope| {
            for connection in 0..64 {
                let address = served.address();
                scope.spawn(move || {
                    let mut client = Client::to(address);
                    for request in 0..requests {
                        let own = format!("\"{connection}-{request}\"");
                        assert_eq!(client.send(INVOKE, &[], &own).text(), own);
                        let path = format!("/{connection}/{request}");
                        let asked = format!("GET /web{path}");
                        assert_eq!(client.send(&asked, &[], "").text(), path);
                    }
                });
            }
        });
    };
    round(2);
    let processes = |served: &Served| {
        let mut all = served.children();
        all.push(served.pid());
        all.sort_unstable();
        all
    };
    let settled = |served: &Served| {
        let begun = Instant::now();
        // Connections end when their thread has seen it.
        while number_in_status(served.pid(), "Threads:") > 400
            && begun.elapsed() < Duration::from_secs(10)
        {
            thread::park_timeout(Duration::from_millis(20));
        }
        processes(served).iter().map(|pid| descriptors(*pid)).max().unwrap_or(0)
    };
    let (before, most) = (processes(&served), settled(&served));
    round(40);
    // A function may have got more environments, and each has a socket and two pipes.
    let more = processes(&served).len().saturating_sub(before.len());
    assert!(processes(&served).len() <= 129, "64 environments for each of two functions");
    let begun = Instant::now();
    while settled(&served) > most + more * 8 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{} descriptors of {most}",
            settled(&served)
        );
        thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn output_that_nobody_reads_does_not_stop_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("hello.rhai"), "fn handler(event) { print(1); event }")
        .expect("written");
    let mut process = command(folder.path())
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = [0; 200];
    let length = process.stdout.take().expect("ours").read(&mut first).expect("it greets");
    let greeting = String::from_utf8_lossy(&first[..length]).into_owned();
    let address = greeting.lines().next().and_then(|line| line.rsplit_once("http://"));
    let address = address.expect("an address").1.parse().expect("an address");
    drop(process.stderr.take());
    for _ in 0..3 {
        assert_eq!(Client::to(address).send(INVOKE, &[], "1").text(), "1");
    }
    let pid = libc::pid_t::try_from(process.id()).expect("a process's number");
    // SAFETY: the call takes two numbers; the process is ours and has not been waited for.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    process.wait().expect("it ends");
}

#[test]
fn an_end_in_the_middle_of_much_work_leaves_no_process() {
    let slow = "fn handler(event) { loop {} }";
    let mut served =
        Served::of(&[("slow.rhai", slow)], &["--timeout", "60", "--concurrency", "20"]);
    for _ in 0..20 {
        served.invoke("slow", &[("X-Amz-Invocation-Type", "Event")], "{}");
    }
    let begun = Instant::now();
    while served.children().len() < 20 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", served.children());
        thread::park_timeout(Duration::from_millis(10));
    }
    let children = served.children();
    served.interrupt();
    while children.iter().any(|pid| is_running(*pid)) {
        assert!(begun.elapsed() < Duration::from_secs(90), "some are left");
        thread::yield_now();
    }
}

#[test]
fn a_folder_without_functions_says_so() {
    let served = Served::of(&[("notes.txt", "")], &[]);
    let known = served.send("GET /_rhambda/functions", &[], "").json();
    assert_eq!(known["functions"], serde_json::json!([]));
    let replied = served.send("GET /hello", &[], "");
    assert_eq!(replied.status, 404);
    assert!(replied.text().contains("no script has an `fn handler(event)`"), "{}", replied.text());
}
