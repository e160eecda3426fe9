//! The same cases against other people's idea of Lambda: AWS's own emulator and cargo-lambda's.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::function::{Function, bootstrap, repository};
use crate::http;

/// How long another emulator may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// Who plays Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// The scripted Runtime API of these tests.
    Scripted,
    /// AWS's Runtime Interface Emulator.
    Rie,
    /// `cargo lambda watch --only-lambda-apis`.
    CargoLambda,
}

/// What a caller got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status of the Invoke API; 200 where there is none.
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
fn installed(name: &str) -> Option<PathBuf> {
    let path = repository().join(".cache").join(name);
    if path.is_file() {
        return Some(path);
    }
    skip(&format!("no .cache/{name}; `tests/install` fetches it"));
    None
}

/// A process that ends with its owner.
#[derive(Debug)]
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(command: &mut Command, log: PathBuf) -> io::Result<Self> {
        let file = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { child, log })
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A loopback address that no other test uses, so that even fixed ports cannot collide.
fn own_address(port: u16) -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = 64 + COUNT.fetch_add(1, Ordering::Relaxed) % 128;
    (Ipv4Addr::new(127, own, high, low), port).into()
}

/// Connects as soon as somebody listens.
fn connect(address: SocketAddr, process: &mut Process) -> TcpStream {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(error) => {
                let gone = process.child.try_wait().ok().flatten();
                assert!(
                    gone.is_none() && begun.elapsed() < DEADLINE,
                    "nobody listens at {address}: {error}; {gone:?}\n{}",
                    process.log()
                );
                // It does not say when it is ready.
                thread::park_timeout(Duration::from_millis(10));
            }
        }
    }
}

/// Invokes like the Invoke API does.
fn invoke(address: SocketAddr, function: &str, event: &str, process: &mut Process) -> Reply {
    let mut stream = connect(address, process);
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
        match self {
            Self::Scripted => Some(scripted(files, handler, events)),
            Self::Rie => rie(files, handler, events),
            Self::CargoLambda => cargo_lambda(files, handler, events),
        }
    }
}

fn scripted(files: &[(&str, &str)], handler: &str, events: &[&str]) -> Vec<Reply> {
    let function = Function::of_files(files).handler(handler);
    let run = events.iter().fold(function, |function, event| function.event(event)).run();
    run.calls()
        .iter()
        .filter(|call| call.method == "POST")
        .map(|call| Reply { status: 200, body: call.text() })
        .collect()
}

fn task_root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, text).expect("a file in the temporary folder");
    }
    root
}

fn rie(files: &[(&str, &str)], handler: &str, events: &[&str]) -> Option<Vec<Reply>> {
    let emulator = installed("aws-lambda-rie")?;
    let (task, logs) = (task_root(files), task_root(&[]));
    let (invoke_api, runtime_api) = (own_address(8080), own_address(9001));
    let mut process = Process::start(
        Command::new(emulator)
            .args(["--runtime-interface-emulator-address", &invoke_api.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .arg(bootstrap())
            .arg(handler)
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_NAME", "greeter")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "20")
            .env("LAMBDA_TASK_ROOT", task.path())
            .current_dir(task.path()),
        logs.path().join("log"),
    )
    .expect("AWS's emulator starts");
    Some(events.iter().map(|event| invoke(invoke_api, "function", event, &mut process)).collect())
}

fn cargo_lambda(files: &[(&str, &str)], handler: &str, events: &[&str]) -> Option<Vec<Reply>> {
    let emulator = installed("cargo-lambda")?;
    let task = task_root(files);
    // It insists on a package, which with --only-lambda-apis it never builds.
    let package = task_root(&[
        (
            "Cargo.toml",
            "[package]\nname = \"greeter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
        ),
        ("src/main.rs", "fn main() {}\n"),
    ]);
    let address = own_address(9000);
    let mut process = Process::start(
        Command::new(emulator)
            .args(["lambda", "watch", "--only-lambda-apis"])
            .args(["--invoke-address", &address.ip().to_string()])
            .args(["--invoke-port", &address.port().to_string()])
            .current_dir(package.path()),
        package.path().join("log"),
    )
    .expect("cargo-lambda starts");
    connect(address, &mut process);
    let _function = Process::start(
        Command::new(bootstrap())
            .env_clear()
            .env("_HANDLER", handler)
            .env("LAMBDA_TASK_ROOT", task.path())
            .env("AWS_LAMBDA_RUNTIME_API", format!("{address}/.rt/greeter"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "greeter")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .current_dir(task.path()),
        package.path().join("function-log"),
    )
    .expect("bootstrap starts");
    Some(events.iter().map(|event| invoke(address, "greeter", event, &mut process)).collect())
}

/// A root directory with nothing in it but what AWS unpacks there.
#[derive(Debug)]
pub struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    /// Unpacks the layer and the function.
    ///
    /// # Errors
    /// When an archive cannot be read or unpacked.
    pub fn unpacked(layer: &Path, function: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (archive, target) in [(layer, "opt"), (function, "var/task")] {
            let target = folder.path().join(target);
            fs::create_dir_all(&target)?;
            zip::ZipArchive::new(File::open(archive)?)?.extract(target)?;
        }
        Ok(Self { folder })
    }

    /// A file below the root.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Serves the events under AWS's emulator with this as its root; `None`, and a reason on the
    /// terminal, where that cannot be done.
    #[must_use]
    pub fn serve(&self, handler: &str, events: &[&str]) -> Option<Vec<Reply>> {
        let emulator = installed("aws-lambda-rie")?;
        // The emulator itself needs these two; `bootstrap` needs neither.
        fs::create_dir_all(self.path("dev")).expect("a folder in the temporary folder");
        File::create(self.path("dev/null")).expect("a file in the temporary folder");
        fs::copy(emulator, self.path("rie")).expect("a copy of the emulator");
        let allowed = Command::new("unshare")
            .args(["--map-root-user", "chroot", "/", "/bin/true"])
            .stdin(Stdio::null())
            .output();
        let refusal = match allowed {
            Err(error) => Some(format!("unshare: {error}")),
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        };
        if let Some(refusal) = refusal {
            skip(&format!("no root directory of our own: {}", refusal.trim()));
            return None;
        }
        let logs = tempfile::tempdir().expect("a temporary folder");
        let (invoke_api, runtime_api) = (own_address(8080), own_address(9001));
        let mut process = Process::start(
            Command::new("unshare")
                .args(["--map-root-user", "chroot"])
                .arg(self.folder.path())
                .arg("/rie")
                .args(["--runtime-interface-emulator-address", &invoke_api.to_string()])
                .args(["--runtime-api-address", &runtime_api.to_string()])
                .env("_HANDLER", handler)
                .env("AWS_LAMBDA_FUNCTION_NAME", "greeter"),
            logs.path().join("log"),
        )
        .expect("unshare starts");
        let replies =
            events.iter().map(|event| invoke(invoke_api, "function", event, &mut process));
        Some(replies.collect())
    }
}
