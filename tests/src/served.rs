//! A folder of scripts under the real `rhambda dev`, and clients to call them with.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::emulator::{folder_of, skip};
use crate::function::{bootstrap, repository};
use crate::http::read_response;
use crate::process::descendants;
use crate::tool::rhambda;

/// How long anything may take before a test gives up on it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `rhambda dev`. Dropping it interrupts it as Ctrl-C does.
#[derive(Debug)]
pub struct Served {
    folder: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
    log: tempfile::NamedTempFile,
}

/// What an HTTP client got.
#[derive(Debug)]
pub struct Replied {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Replied {
    /// Each value of a header, whose name is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout can be set");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request, with its length, and reads the reply.
    ///
    /// # Panics
    /// When there is no whole reply.
    pub fn send(
        &mut self,
        request: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Replied {
        self.send_to("localhost:3000", request, headers, body)
    }

    /// Sends a request that names another host.
    ///
    /// # Panics
    /// When there is no whole reply.
    pub fn send_to(
        &mut self,
        host: &str,
        request: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Replied {
        let body = body.as_ref();
        let mut head = format!("{request} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).expect("the request can be sent");
        let (head, body) = read_response(&mut self.stream).expect("a reply comes");
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        let headers = head.headers.into_iter().map(|(name, value)| (name, text(value)));
        Replied { status: head.status, headers: headers.collect(), body }
    }
}

impl Served {
    /// Serves these files on a free port, with further arguments.
    ///
    /// # Panics
    /// When it does not come up, with what it said.
    #[must_use]
    pub fn of(files: &[(&str, &str)], arguments: &[&str]) -> Self {
        let folder = folder_of(files);
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut process = command(folder.path())
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log.reopen().expect("the file is there"))
            .spawn()
            .expect("rhambda starts");
        let stdout = process.stdout.take().expect("its output is ours");
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first).expect("it says where it listens");
        let address = first.trim().rsplit_once("http://").and_then(|(_, at)| at.parse().ok());
        let Some(address) = address else {
            panic!(
                "no address in `{first}`; {}",
                fs::read_to_string(log.path()).unwrap_or_default()
            )
        };
        Self { folder, process, address, log }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The folder that is served.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes one of the files anew.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).expect("the file can be written");
    }

    /// Sends one request over a connection of its own.
    pub fn send(&self, request: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Replied {
        Client::to(self.address).send(request, headers, body)
    }

    /// Invokes a function synchronously.
    pub fn invoke(&self, name: &str, headers: &[(&str, &str)], event: &str) -> Replied {
        self.send(&format!("POST /2015-03-31/functions/{name}/invocations"), headers, event)
    }

    /// Waits until the terminal has shown a text so many times, and returns all it has shown.
    ///
    /// # Panics
    /// When that does not happen.
    pub fn log_with(&self, text: &str, times: usize) -> String {
        let begun = Instant::now();
        loop {
            let log = fs::read_to_string(self.log.path()).expect("the log is text");
            if log.matches(text).count() >= times {
                return log;
            }
            assert!(begun.elapsed() < DEADLINE, "no `{text}` in\n{log}");
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// The processes it has started.
    #[must_use]
    pub fn children(&self) -> Vec<u32> {
        descendants(self.process.id())
    }

    /// Interrupts it as Ctrl-C does, and says how it ended.
    ///
    /// # Panics
    /// When it does not end.
    pub fn interrupt(&mut self) -> ExitStatus {
        if let Ok(pid) = libc::pid_t::try_from(self.process.id()) {
            // SAFETY: the call takes two numbers; the process is ours and has not been waited for.
            unsafe { libc::kill(pid, libc::SIGINT) };
        }
        self.process.wait().expect("it ends")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_none()) {
            self.interrupt();
        }
    }
}

/// `rhambda dev` in a folder.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(rhambda());
    command
        .arg("dev")
        .current_dir(folder)
        .env("RHAMBDA_BOOTSTRAP", bootstrap())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Whether a process is there.
#[must_use]
pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // One that has ended and waits to be collected by its parent is not.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A command of the AWS clients' folder, set up for a local endpoint; `None`, and a reason on the
/// terminal, where they are not installed.
#[must_use]
pub fn aws_client(program: &str, home: &Path) -> Option<Command> {
    let path: PathBuf = repository().join(".cache/aws/bin").join(program);
    if !path.is_file() {
        skip(&format!("no .cache/aws/bin/{program}; `tests/install` fetches it"));
        return None;
    }
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir(home)
        .stdin(Stdio::null());
    Some(command)
}

/// Runs a command to its end and returns its standard output.
///
/// # Panics
/// When it fails, with what it said.
#[must_use]
pub fn output_of(command: &mut Command) -> String {
    let output: io::Result<_> = command.output();
    let output = output.expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
