//! Who plays Lambda: our own emulator, AWS's and cargo-lambda's, behind one way to invoke.

use std::fs;
use std::io::{self, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rhambda_layer::emulator::{self as ours, Invocation, Outcome};

use crate::function::{bootstrap, repository};
use crate::http;
use crate::process::{Process, own_address};

/// How long an emulator may take to answer.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long the function may take.
const TIMEOUT: Duration = Duration::from_secs(50);

/// Who plays Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// The one in `rhambda`.
    Ours,
    /// AWS's Runtime Interface Emulator.
    Rie,
    /// `cargo lambda watch --only-lambda-apis`.
    CargoLambda,
}

/// What a caller got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status of the Invoke API. Our emulator has no such API, and gives the one that Lambda
    /// would: 200, also for an error of the function.
    pub status: u16,
    /// The response, or the error.
    pub body: String,
}

/// Says on the terminal why a test is skipped, even when its output is captured.
///
/// # Panics
/// With `CI=true`: there, nothing may be skipped.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "skipped: {reason}");
    writeln!(io::stderr(), "skipped: {reason}").ok();
}

/// The path of a tool that `tests/install` fetches; otherwise says that the test is skipped.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = repository().join(".cache").join(name);
    if path.is_file() {
        return Some(path);
    }
    skip(&format!("no .cache/{name}; `tests/install` fetches it"));
    None
}

/// Invokes as the Invoke API does.
pub(crate) fn invoke(
    address: SocketAddr,
    function: &str,
    event: &str,
    process: &mut Process,
) -> Reply {
    let mut stream = process.connect(address);
    let exchange = || -> io::Result<Reply> {
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(
            stream,
            "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\n\
             Host: {address}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{event}",
            event.len()
        )?;
        let (head, body) = http::read_response(&mut BufReader::new(stream))?;
        Ok(Reply { status: head.status, body: String::from_utf8_lossy(&body).into_owned() })
    };
    match exchange() {
        Ok(reply) => reply,
        Err(error) => panic!("no answer from {address}: {error}\n{}", process.log()),
    }
}

impl Emulator {
    /// Serves the events, one after the other, by one process that runs these files; `None` where
    /// this emulator is not installed.
    #[must_use]
    pub fn serve(
        self,
        files: &[(&str, &str)],
        handler: &str,
        events: &[&str],
    ) -> Option<Vec<Reply>> {
        let tool = match self {
            Self::Ours => None,
            Self::Rie => Some(installed("aws-lambda-rie")?),
            Self::CargoLambda => Some(installed("cargo-lambda")?),
        };
        let folder = folder_of(files);
        let function = Deployed { root: folder.path(), handler };
        Some(match (self, tool) {
            (Self::Rie, Some(rie)) => function.under_rie(&rie, events),
            (Self::CargoLambda, Some(cargo_lambda)) => {
                function.under_cargo_lambda(&cargo_lambda, events)
            }
            _ => function.under_ours(events),
        })
    }
}

/// A folder with these files.
pub(crate) fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, text).expect("a file in the temporary folder");
    }
    folder
}

/// A function whose files are unpacked.
struct Deployed<'a> {
    root: &'a Path,
    handler: &'a str,
}

impl Deployed<'_> {
    /// A command in the environment of this function.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("_HANDLER", self.handler)
            .env("LAMBDA_TASK_ROOT", self.root)
            .env("AWS_LAMBDA_FUNCTION_NAME", "greeter")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .current_dir(self.root);
        command
    }

    fn under_ours(&self, events: &[&str]) -> Vec<Reply> {
        let logs = folder_of(&[]);
        let emulator = ours::Emulator::start().expect("a free port");
        let process = Process::start(
            self.command(&bootstrap()).env("AWS_LAMBDA_RUNTIME_API", emulator.runtime_api()),
            &logs.path().join("log"),
        )
        .expect("bootstrap starts");
        let invoke = |event: &&str| {
            let mut invocation = Invocation::new(*event);
            invocation.timeout = Some(TIMEOUT);
            let body = match emulator.invoke(invocation).wait(DEADLINE) {
                Some(Outcome::Response(response)) => response.body,
                Some(Outcome::Error(error)) => error.body,
                other => panic!("no answer but {other:?}\n{}", process.log()),
            };
            Reply { status: 200, body: String::from_utf8_lossy(&body).into_owned() }
        };
        events.iter().map(invoke).collect()
    }

    fn under_rie(&self, rie: &Path, events: &[&str]) -> Vec<Reply> {
        let logs = folder_of(&[]);
        let (invoke_api, runtime_api) = (own_address(8080), own_address(9001));
        let mut process = Process::start(
            self.command(rie)
                .args(["--runtime-interface-emulator-address", &invoke_api.to_string()])
                .args(["--runtime-api-address", &runtime_api.to_string()])
                .arg(bootstrap())
                // Of more than one argument it takes the last for the handler.
                .arg(self.handler)
                .env("AWS_LAMBDA_FUNCTION_TIMEOUT", TIMEOUT.as_secs().to_string()),
            &logs.path().join("log"),
        )
        .expect("AWS's emulator starts");
        // It calls every function so, whatever its name.
        events.iter().map(|event| invoke(invoke_api, "function", event, &mut process)).collect()
    }

    fn under_cargo_lambda(&self, cargo_lambda: &Path, events: &[&str]) -> Vec<Reply> {
        // It insists on a package, which with --only-lambda-apis it never builds.
        let package = folder_of(&[
            (
                "Cargo.toml",
                "[package]\nname = \"greeter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
            ),
            ("src/main.rs", "fn main() {}\n"),
        ]);
        let address = own_address(9000);
        let mut process = Process::start(
            Command::new(cargo_lambda)
                .args(["lambda", "watch", "--only-lambda-apis"])
                .args(["--invoke-address", &address.ip().to_string()])
                .args(["--invoke-port", &address.port().to_string()])
                .current_dir(package.path()),
            &package.path().join("log"),
        )
        .expect("cargo-lambda starts");
        process.connect(address);
        let _function = Process::start(
            // As it prints it, scheme and all, with the function's name behind.
            self.command(&bootstrap())
                .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/greeter")),
            &package.path().join("function-log"),
        )
        .expect("bootstrap starts");
        events.iter().map(|event| invoke(address, "greeter", event, &mut process)).collect()
    }
}
