//! `rhambda dev` under load: curl, a browser and wrk against its HTTP fronts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rhambda_tests::browser::Browser;
use rhambda_tests::{Client, Served, command, descendants, is_running, skip};

const FRONTS: [&str; 5] = ["url", "http", "rest", "alb", "alb-multi-value"];

/// Answers any front with what tells one request from another.
const ECHO: &str = "fn handler(event) { #{ statusCode: 200, headers: #{}, multiValueHeaders: #{}, \
    body: `${event.httpMethod ?? event.requestContext.http.method} ${event.rawPath ?? event.path} \
    ${event.body ?? \"\"}` } }";

/// Streams more than a socket takes at once.
const ROWS: &str = "fn handler(event) { for row in 0..2000 { stream::write(\"a row of many, which goes on\\n\"); } }";

const CONNECTIONS: usize = 64;

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    descriptors: usize,
    threads: usize,
    children: usize,
    memory_kb: usize,
}

impl Held {
    fn by(served: &Served) -> Held {
        let proc = PathBuf::from(format!("/proc/{}", served.pid()));
        let status = fs::read_to_string(proc.join("status")).expect("it runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a number");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Held {
            descriptors: fs::read_dir(proc.join("fd")).expect("it runs").count(),
            threads: number("Threads:"),
            children: served.children().len(),
            memory_kb: number("VmRSS:"),
        }
    }

    /// Whether it is no more than before, but for what further environments need: each has its
    /// emulator, its connection and two pipes.
    fn is_no_more_than(&self, before: &Held) -> bool {
        let more = self.children.saturating_sub(before.children);
        self.descriptors <= before.descriptors + more * 8
            && self.threads <= before.threads + more * 6
    }

    /// Waits until it is no more than before.
    fn settled(served: &Served, before: &Held) -> Held {
        let begun = Instant::now();
        loop {
            let now = Held::by(served);
            if now.is_no_more_than(before) {
                return now;
            }
            // A connection ends when its thread has seen it.
            assert!(begun.elapsed() < Duration::from_secs(60), "{before:?} became {now:?}");
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// Does something at 64 places at once, each with its number.
fn at_once(act: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for place in 0..CONNECTIONS {
            let act = &act;
            scope.spawn(move || act(place));
        }
    });
}

/// Sends so many requests over each connection, and each gets its own answer.
fn exchange(served: &Served, requests: usize, headers: &[(&str, &str)]) {
    let stays = headers.is_empty();
    let headers = [&[("Content-Type", "text/plain")], headers].concat();
    at_once(|place| {
        let mut client = Client::to(served.address());
        for request in 0..requests {
            if !stays {
                client = Client::to(served.address());
            }
            let own = format!("{place}-{request}-{}", "x".repeat(place * request % 5000));
            let replied = client.send(&format!("POST /echo/{place}/{request}"), &headers, &own);
            let expected = format!("POST /{place}/{request} {own}");
            assert_eq!((replied.status, replied.text()), (200, expected));
        }
    });
}

/// Clients that go away: in the middle of a request, before the answer, in the middle of a stream.
fn vanish(served: &Served) {
    at_once(|place| {
        for part in [
            "POST /echo/gone HTTP/1.1\r\nHost: local",
            "POST /echo/gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
            "POST /echo/gone HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "GET /echo/gone HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /rows HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(served.address()).expect("it listens");
            stream.write_all(part.as_bytes()).expect("it is sent");
            // Not so many that the function needs as many environments again.
            if part.contains("/rows") && place >= 16 {
                continue;
            }
            if part.contains("/rows") && place % 2 == 0 {
                drop(stream.read(&mut [0; 100]));
            }
        }
    });
}

/// Interrupts it, and waits for what it has started to be gone.
fn ends_with_all(served: &mut Served) {
    let children = served.children();
    assert_eq!(served.interrupt().signal(), Some(libc::SIGINT));
    let begun = Instant::now();
    while children.iter().any(|pid| is_running(*pid)) {
        assert!(begun.elapsed() < Duration::from_secs(60), "some are left");
        thread::yield_now();
    }
}

#[test]
fn each_of_64_connections_gets_its_own_answers_from_every_front() {
    for front in FRONTS {
        let files = [("echo.rhai", ECHO), ("rows.rhai", ROWS)];
        // Those that went away may still be served when others come.
        let mut served = Served::of(&files, &["--front", front, "--concurrency", "128"]);
        exchange(&served, 2, &[]);
        let before = Held::by(&served);
        exchange(&served, 30, &[]);
        exchange(&served, 5, &[("Connection", "close")]);
        vanish(&served);
        exchange(&served, 5, &[]);
        let after = Held::settled(&served, &before);
        assert!(after.children <= 256, "{front}: 128 for each of two functions; {after:?}");
        ends_with_all(&mut served);
    }
}

#[test]
fn a_shell_that_gives_few_descriptors_is_no_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
    write("hello.rhai", "fn handler(event) { event.rawPath }").expect("a file");
    let mut dev = command(folder.path());
    dev.args(["--port", "0", "--concurrency", "64"]).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: the closure makes two system calls, with a value of its own.
    unsafe {
        dev.pre_exec(|| {
            let mut limit: libc::rlimit = std::mem::zeroed();
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = 64;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
            Ok(())
        });
    }
    let mut dev = dev.spawn().expect("it starts");
    let mut first = String::new();
    BufReader::new(dev.stdout.take().expect("ours")).read_line(&mut first).expect("it greets");
    let address = first.trim().rsplit_once("http://").expect("an address").1;
    let address = address.parse().expect("an address");
    let barrier = Barrier::new(CONNECTIONS);
    at_once(|place| {
        let mut client = Client::to(address);
        barrier.wait();
        for request in 0..20 {
            let path = format!("/{place}/{request}");
            let replied = client.send(&format!("GET /hello{path}"), &[], "");
            assert_eq!((replied.status, replied.text()), (200, path));
        }
    });
    let limits = |pid: u32| fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let child = descendants(dev.id())[0];
    let own = limits(child)
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .map(|line| line.split_whitespace().nth(3).expect("a number").to_owned());
    dev.kill().expect("it is ours");
    dev.wait().expect("it ends");
    assert_eq!(own.as_deref(), Some("64"), "functions have as many as before");
}

#[test]
fn above_the_concurrency_there_are_429s_and_no_more_processes() {
    let slow = "fn handler(event) { for i in 0..20000 { } event.rawPath }";
    let served = Served::of(&[("slow.rhai", slow)], &["--concurrency", "4"]);
    let statuses = std::sync::Mutex::new(Vec::new());
    at_once(|place| {
        let mut client = Client::to(served.address());
        for request in 0..20 {
            let path = format!("/{place}/{request}");
            let replied = client.send(&format!("GET /slow{path}"), &[], "");
            if replied.status == 200 {
                assert_eq!(replied.text(), path);
            }
            statuses.lock().expect("nobody panics").push(replied.status);
        }
    });
    let mut statuses = statuses.into_inner().expect("nobody panics");
    assert_eq!(statuses.len(), CONNECTIONS * 20);
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 429]);
    assert!(served.children().len() <= 4, "{:?}", served.children());
    assert_eq!(served.send("GET /slow/after", &[], "").text(), "/after");
}

/// A program that `tests/install` installs; otherwise says that the test is skipped.
fn installed(program: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return Some(Command::new(program));
    }
    skip(&format!("no {program}; `tests/install` installs it"));
    None
}

/// Sends 50,000 requests and a few more by wrk, over 64 connections. Each of them is answered by 200.
fn fifty_thousand(served: &Served) {
    let mut sent: usize = 0;
    // It counts seconds, not requests.
    while sent < 50_000 {
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "1", "--connections", "64", "--duration", "3s"]);
        wrk.args(["--timeout", "60s"]);
        wrk.arg(format!("http://{}/echo/hello?name=Ada", served.address()));
        let output = wrk.stderr(Stdio::inherit()).output().expect("wrk starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains("Non-2xx"), "{said}");
        assert!(!said.contains("Socket errors"), "{said}");
        let count = said.lines().find_map(|line| line.trim().split_once(" requests in "));
        sent += count.expect("a number").0.parse::<usize>().expect("a number");
        eprintln!(
            "{}",
            said.lines().find(|line| line.contains("Requests/sec")).unwrap_or_default()
        );
    }
}

#[test]
fn a_hundred_thousand_requests_leave_nothing_behind() {
    if installed("wrk").is_none() {
        return;
    }
    // What wrk asked for last may still be served when it begins anew.
    let mut served = Served::of(&[("echo.rhai", ECHO)], &["--concurrency", "128"]);
    exchange(&served, 20, &[]);
    let begun = Held::by(&served);
    fifty_thousand(&served);
    let half = Held::settled(&served, &begun);
    fifty_thousand(&served);
    let all = Held::settled(&served, &half);
    eprintln!("{begun:?}\n{half:?}\n{all:?}");
    assert!(all.children <= 128, "{all:?}");
    let grown = all.memory_kb.saturating_sub(half.memory_kb);
    // The allocator takes a little more now and then. 150 bytes that each request left were 7,500 KB.
    assert!(grown < 6 << 10, "{grown} KB more: {half:?} became {all:?}");
    ends_with_all(&mut served);
}

#[test]
fn curl_gets_what_it_asks_for_from_every_front() {
    if installed("curl").is_none() {
        return;
    }
    for front in FRONTS {
        let files = [("echo.rhai", ECHO)];
        let served = Served::of(&files, &["--front", front, "--concurrency", "64"]);
        let url = format!("http://{}/echo/a", served.address());
        let large = served.folder().join("large.txt");
        fs::write(&large, "x".repeat(900_000)).expect("a file");
        let curl = |arguments: &[&str]| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--fail", "--max-time", "60"]);
            let output = curl.args(arguments).stdin(Stdio::null()).output().expect("curl starts");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(output.status.success(), "{front} {arguments:?}: {}", text(&output.stderr));
            text(&output.stdout)
        };
        assert_eq!(curl(&[&url]), "GET /a ");
        assert_eq!(curl(&["--http1.0", &url]), "GET /a ");
        assert_eq!(curl(&["--http2", &url]), "GET /a ", "it stays with HTTP/1.1");
        assert_eq!(curl(&["--request", "DELETE", &url]), "DELETE /a ");
        let text = ["--header", "Content-Type: text/plain"];
        assert_eq!(curl(&[&text[..], &["--data", "b c", &url]].concat()), "POST /a b c");
        let file = format!("@{}", large.display());
        for framing in ["Transfer-Encoding: chunked", "Expect: 100-continue", "Expect:"] {
            let sent = [&text[..], &["--header", framing, "--data-binary", &file, &url]].concat();
            assert_eq!(curl(&sent).len(), "POST /a ".len() + 900_000, "{front} {framing}");
        }
        let head = curl(&["--head", &url]);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        // Both over one connection.
        let connects = curl(&["--write-out", "%{num_connects}\n", &url, &url]);
        assert_eq!(connects, "GET /a 1\nGET /a 0\n", "{front}");
        let urls = format!("{url}?[1-200]");
        let all = curl(&["--parallel", "--parallel-max", "64", &urls]);
        assert_eq!(all.matches("GET /a ").count(), 200, "{front}");
    }
}

const PAGE: &str = r#"fn handler(event) {
    let path = event.rawPath ?? event.path;
    if path != "/" {
        return #{ statusCode: 200, headers: #{ "content-type": "application/json" }, body: `"${path}"` };
    }
    #{ statusCode: 200, headers: #{ "content-type": "text/html" }, body: `<!doctype html><title>none</title>
        <script type="module">
            const paths = Array.from({ length: 300 }, (_, at) => "/" + at);
            const right = await Promise.all(paths.map(async (path) =>
                (await (await fetch("/page" + path)).json()) === path));
            document.title = right.filter(Boolean).length + " right";
        </script>` }
}"#;

#[test]
fn a_browser_gets_its_own_answers_to_300_requests_at_once() {
    for front in ["url", "http", "rest", "alb"] {
        let Some(mut browser) = Browser::start() else { return };
        let served = Served::of(&[("page.rhai", PAGE)], &["--front", front]);
        browser.open(&format!("http://{}/page/", served.address()), 800, 600);
        browser.wait_until("document.title !== 'none'");
        assert_eq!(browser.value("document.title"), "300 right", "{front}");
    }
}
