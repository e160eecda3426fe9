//! A runtime without an engine, in a process of its own: the handler's function name says what it
//! does with an event.

#![allow(clippy::unwrap_used)]

use std::env;
use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::exit;

use crate::client::Client;

/// The executable to give as `--bootstrap`.
pub fn bootstrap() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fake-bootstrap")
}

/// The variable that leads the executable back to this program.
pub fn variable() -> (String, String) {
    let program = env::current_exe().unwrap();
    ("TEST_PROGRAM".to_owned(), program.to_str().unwrap().to_owned())
}

/// Not a test: the process that `fake-bootstrap` becomes.
#[test]
fn runtime() {
    let Ok(runtime_api) = env::var("AWS_LAMBDA_RUNTIME_API") else { return };
    let handler = env::var("_HANDLER").unwrap();
    let function = handler.rsplit('.').next().unwrap();
    let mut client = Client::at(&runtime_api);
    if function == "init_error" {
        let body = r#"{"errorMessage":"no such thing","errorType":"Runtime.HandlerNotFound"}"#;
        let headers = [("Lambda-Runtime-Function-Error-Type", "Runtime.HandlerNotFound")];
        client.post("init/error", &headers, body.as_bytes());
        exit(1);
    }
    loop {
        let event = client.next();
        let id = event.request_id();
        match function {
            "echo" => {
                eprintln!("2026-11-23T10:00:00.000Z\t{id}\tINFO\tone line\rand another");
                client.response(&id, &event.body);
            }
            "environment" => {
                let names: Vec<String> = env::vars().map(|(name, _)| name).collect();
                let directory = env::current_dir().unwrap();
                let names = names.join("\",\"");
                let root = env::var("LAMBDA_TASK_ROOT").unwrap();
                assert_eq!(directory.to_str(), Some(root.as_str()));
                client.response(&id, format!("[\"{names}\"]").as_bytes());
            }
            "fail" => {
                eprintln!("2026-11-23T10:00:00.000Z\t{id}\tERROR\tNoOrder: no order 42");
                eprintln!("2026-11-23T10:00:00.000Z\t{id}\tERROR\tsomething else");
                let body = r#"{"errorMessage":"no order 42","errorType":"NoOrder",
                    "stackTrace":["at handler (f.rhai:1:2)","  |","1 | x","  |  ^"]}"#;
                let headers = [("Lambda-Runtime-Function-Error-Type", "Function.ScriptError")];
                client.post(&format!("invocation/{id}/error"), &headers, body.as_bytes());
            }
            // Streams a prelude and two rows; the second comes when the watcher has seen the first.
            "stream" => {
                let mut watcher = TcpStream::connect(env::var("WATCHER").unwrap()).unwrap();
                let prelude =
                    "{\"statusCode\":201,\"headers\":{\"x-a\":\"b\"}}\0\0\0\0\0\0\0\0row 1\n";
                client.send(
                    format!(
                        "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: localhost\r\n\
                         Content-Type: application/vnd.awslambda.http-integration-response\r\n\
                         Lambda-Runtime-Function-Response-Mode: streaming\r\n\
                         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{prelude}\r\n",
                        prelude.len()
                    )
                    .as_bytes(),
                );
                watcher.read_exact(&mut [0]).unwrap();
                client.send(
                    b"6\r\nrow 2\n\r\n0\r\n\
                      Lambda-Runtime-Function-Error-Type: Function.ScriptError\r\n\
                      Lambda-Runtime-Function-Error-Body: \
                      eyJlcnJvck1lc3NhZ2UiOiJyb3cgMyBpcyBsb3N0IiwiZXJyb3JUeXBlIjoiTG9zdCJ9\r\n\r\n",
                );
                client.answer().unwrap();
            }
            "exit" => exit(7),
            "hog" => {
                let memory = vec![1_u8; 200 << 20];
                client.response(&id, memory.len().to_string().as_bytes());
            }
            // Says that it runs by connecting, and that it has ended by being cut off.
            "hang" => {
                let watcher = env::var("WATCHER").map(TcpStream::connect);
                let stream = watcher.ok().map(Result::unwrap);
                client.wait_for_ever();
                drop(stream);
            }
            other => panic!("no function {other}"),
        }
    }
}

impl Client {
    /// Reads from the idle connection, which the emulator never writes to on its own.
    fn wait_for_ever(&mut self) {
        drop(self.stream.read(&mut [0]));
    }
}
