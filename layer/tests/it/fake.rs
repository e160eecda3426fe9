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
            "exit" => exit(7),
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
