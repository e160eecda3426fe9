//! A function under test: its files, its settings, the events it will get.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::root::chroot;
use crate::run::{Ended, Run};
use crate::runtime_api::{Answer, Event, Next, RuntimeApi, Signal};

/// How long a whole test may take; far more than any of them needs.
const DEADLINE: Duration = Duration::from_secs(30);

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").into()
}

/// The real `bootstrap`: from `RHAMBDA_BOOTSTRAP`, or where `make bootstrap` leaves it.
///
/// # Panics
/// When there is none, saying how to make it.
#[must_use]
pub fn bootstrap() -> PathBuf {
    let path = std::env::var_os("RHAMBDA_BOOTSTRAP").map_or_else(
        || repository().join(format!("target/bootstrap/{}/bootstrap", std::env::consts::ARCH)),
        PathBuf::from,
    );
    assert!(path.is_file(), "no bootstrap at {}: run `make bootstrap`", path.display());
    path
}

/// The most memory that a process has had.
fn peak_memory_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A function: built up, then [`run`](Function::run).
#[derive(Debug)]
pub struct Function {
    folder: tempfile::TempDir,
    handler: Option<String>,
    environment: BTreeMap<String, String>,
    api_host: Option<String>,
    api_path: String,
    wrapper: Vec<String>,
    /// Its own folder is its root directory.
    is_alone: bool,
    api: Api,
    nexts: Vec<Next>,
    answers: Vec<Answer>,
}

#[derive(Debug, PartialEq)]
enum Api {
    Served,
    Refused,
    Unset,
}

impl Function {
    /// A function of one script, `main.rhai`, with the handler `main.handler`.
    #[must_use]
    pub fn of(script: &str) -> Self {
        Self::of_files(&[("main.rhai", script)])
    }

    /// A function of several files; the handler is `main.handler` until said otherwise.
    #[must_use]
    pub fn of_files(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["task", "layer"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in the temporary folder");
        }
        let environment = [
            ("AWS_LAMBDA_FUNCTION_NAME", "greeter"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/greeter"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]0123456789abcdef"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_REGION", "eu-west-1"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ("TZ", ":UTC"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let function = Self {
            folder,
            handler: Some("main.handler".to_owned()),
            environment: environment.into(),
            api_host: None,
            api_path: String::new(),
            wrapper: Vec::new(),
            is_alone: false,
            api: Api::Served,
            nexts: Vec::new(),
            answers: Vec::new(),
        };
        files.iter().fold(function, |function, (path, text)| function.file(path, text))
    }

    /// Adds a file to the task root.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.written("task", path, content.as_ref())
    }

    /// Adds a file to what the layers unpacked.
    #[must_use]
    pub fn layer_file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.written("layer", path, content.as_ref())
    }

    /// Adds a file beside the task root, where no script may reach.
    #[must_use]
    pub fn outside_file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.written(".", path, content.as_ref())
    }

    /// Adds a symbolic link to the task root.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        let link = self.task_root().join(path);
        std::os::unix::fs::symlink(target, link).expect("a symbolic link");
        self
    }

    fn written(self, root: &str, path: &str, content: &[u8]) -> Self {
        let file = self.folder.path().join(root).join(path);
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(file, content).expect("a file in the temporary folder");
        self
    }

    /// The folder that stands for `/var/task`.
    #[must_use]
    pub fn task_root(&self) -> PathBuf {
        self.folder.path().join("task")
    }

    /// Sets the handler.
    #[must_use]
    pub fn handler(mut self, handler: &str) -> Self {
        self.handler = Some(handler.to_owned());
        self
    }

    /// Leaves the handler unset.
    #[must_use]
    pub fn without_handler(mut self) -> Self {
        self.handler = None;
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Unsets a variable of the environment, also one that is set by default.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.insert(name.to_owned(), String::new());
        self
    }

    /// Puts a path behind the address of the Runtime API.
    #[must_use]
    pub fn api_path(mut self, path: &str) -> Self {
        self.api_path = path.to_owned();
        self
    }

    /// Gives the Runtime API's address with this host, which has to lead to this machine.
    #[must_use]
    pub fn api_host(mut self, host: &str) -> Self {
        self.api_host = Some(host.to_owned());
        self
    }

    /// Runs against an address where nobody listens.
    #[must_use]
    pub fn with_nobody_listening(mut self) -> Self {
        self.api = Api::Refused;
        self
    }

    /// Runs without the address of a Runtime API.
    #[must_use]
    pub fn without_api(mut self) -> Self {
        self.api = Api::Unset;
        self
    }

    /// Runs with nothing in its root directory but its own files; `None`, said on the terminal,
    /// where this machine lets nobody change the root.
    #[must_use]
    pub fn in_empty_root(mut self) -> Option<Self> {
        let chroot = chroot()?;
        let root = self.folder.path().to_owned();
        fs::copy(bootstrap(), root.join("bootstrap")).expect("a copy of bootstrap");
        let folder = root.to_str().expect("a path in UTF-8");
        self.wrapper = chroot.iter().copied().chain([folder]).map(str::to_owned).collect();
        self.is_alone = true;
        Some(self)
    }

    /// Runs `bootstrap` as the last arguments of this command.
    #[must_use]
    pub fn wrapped(mut self, command: &[&str]) -> Self {
        self.wrapper = command.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Sends an event with this body.
    #[must_use]
    pub fn event(self, body: impl AsRef<[u8]>) -> Self {
        self.next(Next::Event(Event::new(body.as_ref())))
    }

    /// Answers the next poll like this.
    #[must_use]
    pub fn next(mut self, next: Next) -> Self {
        self.nexts.push(next);
        self
    }

    /// Sends an event that was built with care.
    #[must_use]
    pub fn sent(self, event: Event) -> Self {
        self.next(Next::Event(event))
    }

    /// Answers the next POST like this.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Starts `bootstrap`, plays the script, and returns when the process has ended or has asked
    /// for more than the script has.
    ///
    /// # Panics
    /// After thirty seconds, with everything seen so far.
    #[must_use]
    pub fn run(self) -> Run {
        let log_files = ["stdout", "stderr"].map(|name| self.folder.path().join(name));
        let [stdout, stderr] = log_files.clone().map(|path| File::create(path).expect("a file"));
        let (signals, signal) = channel();
        let api = RuntimeApi::serve(self.nexts, self.answers, log_files.clone(), signals.clone());
        let address = match self.api {
            Api::Served => Some(api.address()),
            Api::Refused => Some(
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                    .and_then(|listener| listener.local_addr())
                    .expect("a port that was free a moment ago"),
            ),
            Api::Unset => None,
        };

        let (root, program) = match self.is_alone {
            true => (Path::new("/"), "/bootstrap".into()),
            false => (self.folder.path(), bootstrap()),
        };
        let mut words = self.wrapper.iter().map(PathBuf::from).chain([program]);
        let mut command = Command::new(words.next().expect("at least bootstrap itself"));
        command.args(words).env_clear().current_dir(self.folder.path().join("task"));
        command.env("LAMBDA_TASK_ROOT", root.join("task"));
        command.env("RHAMBDA_LAYER_ROOT", root.join("layer"));
        if let Some(handler) = &self.handler {
            command.env("_HANDLER", handler);
        }
        if let Some(address) = address {
            let host = self.api_host.unwrap_or_else(|| address.ip().to_string());
            let address = format!("{host}:{}{}", address.port(), self.api_path);
            command.env("AWS_LAMBDA_RUNTIME_API", address);
        }
        for (name, value) in &self.environment {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        // A process that ends closes its standard input: no polling for the exit.
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        command.stdin(OwnedFd::from(theirs)).stdout(stdout).stderr(stderr);
        let begun = Instant::now();
        let mut child = command.spawn().expect("bootstrap starts");
        drop(command);
        thread::spawn(move || {
            io::copy(&mut &ours, &mut io::sink()).ok();
            signals.send(Signal::Exited).ok();
        });

        let signalled = signal.recv_timeout(DEADLINE);
        let peak_memory_kb = peak_memory_kb(child.id());
        if signalled != Ok(Signal::Exited) {
            child.kill().expect("our own child can be killed");
        }
        let status = child.wait().expect("our own child can be waited for");
        let ended = match (signalled, status.code(), status.signal()) {
            (Ok(Signal::Idle), ..) => Ended::Serving,
            (Err(RecvTimeoutError::Timeout), ..) => Ended::Hanging,
            (_, Some(code), _) => Ended::Exited(code),
            (_, None, signal) => Ended::Signalled(signal.unwrap_or_default()),
        };
        let [stdout, stderr] = log_files.map(|path| {
            String::from_utf8_lossy(&fs::read(path).expect("a file we made")).into_owned()
        });
        let run = Run::new(api.calls(), stdout, stderr, ended, begun.elapsed(), peak_memory_kb);
        if ended == Ended::Hanging {
            run.fail("it neither ended nor asked for another event within the test's deadline");
        }
        run
    }
}
