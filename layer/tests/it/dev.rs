//! `rhambda dev` over a runtime that fails in ways no script can bring about.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::fake;

/// A served folder with one script, whose functions the fake runtime plays.
struct Served {
    folder: PathBuf,
    process: Child,
    address: String,
}

impl Served {
    fn of(name: &str, arguments: &[&str]) -> Served {
        let folder = format!("dev-{name}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder).unwrap();
        let functions = ["echo", "exit", "hang", "hog", "init_error"];
        let script: String = functions.map(|name| format!("fn {name}(event) {{ }}\n")).concat();
        fs::write(folder.join("f.rhai"), script).unwrap();
        let (variable, value) = fake::variable();
        let mut process = Command::new(env!("CARGO_BIN_EXE_rhambda"))
            .args(["dev", "--port", "0", "--env", &format!("{variable}={value}")])
            .args(arguments)
            .current_dir(&folder)
            .env("RHAMBDA_BOOTSTRAP", fake::bootstrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.trim().rsplit_once("http://").unwrap().1.to_owned();
        Served { folder, process, address }
    }

    /// Sends bytes and returns all that comes back.
    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    fn invoke(&self, function: &str) -> (String, Value) {
        let reply = self.exchange(&format!(
            "POST /2015-03-31/functions/f.{function}/invocations HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[test]
fn failures_that_no_runtime_reports_are_reported_in_lambdas_words() {
    let served = Served::of("failures", &["--timeout", "0.5"]);
    for (function, error_type, message) in [
        ("hang", "Sandbox.Timedout", "Error: Task timed out after 0.50 seconds"),
        ("exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 7"),
        ("hog", "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed"),
        ("init_error", "Runtime.HandlerNotFound", "no such thing"),
    ] {
        // The environment is gone after each of them, and the next call has a new one.
        for _ in 0..2 {
            let (head, error) = served.invoke(function);
            assert!(head.contains("\r\nX-Amz-Function-Error: Unhandled\r\n"), "{head}");
            assert_eq!(error["errorType"], error_type, "{error}");
            assert!(error["errorMessage"].as_str().unwrap().contains(message), "{error}");
        }
    }
    let (_, response) = served.invoke("echo");
    assert_eq!(response, serde_json::json!({}));
}

#[test]
fn enough_memory_is_no_failure() {
    let served = Served::of("memory", &["--memory", "1024"]);
    assert_eq!(served.invoke("hog").1, 200 << 20);
}

#[test]
fn clients_of_all_kinds_are_served() {
    let served = Served::of("clients", &[]);
    let old = served.exchange("GET /f.echo HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.1 200 OK\r\n") && old.contains("Connection: close"), "{old}");
    let head =
        served.exchange("HEAD /f.echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let two = "GET /f.echo/1 HTTP/1.1\r\nHost: localhost\r\n\r\n\
               GET /f.echo/2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let both = served.exchange(two);
    assert!(both.contains("\"rawPath\":\"/1\"") && both.contains("\"rawPath\":\"/2\""), "{both}");
    let chunked = "POST /f.echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
                   Content-Type: text/plain\r\nConnection: close\r\n\r\n\
                   2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    let chunked = served.exchange(chunked);
    assert!(chunked.contains("\"body\":\"abc\""), "{chunked}");
    let nonsense = served.exchange("this is no request\r\n\r\n");
    assert!(nonsense.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{nonsense}");
}
