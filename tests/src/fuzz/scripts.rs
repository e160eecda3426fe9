//! Scripts, loaded and called as `bootstrap` does it, in a world that answers everything and changes
//! nothing.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rhambda_runtime::config::{Config, Environment};
use rhambda_runtime::effects::{self, Effects, Failure, FileInfo, Request, Response};
use rhambda_runtime::engine::Script;
use rhambda_runtime::error::{ErrorType, InitError, InvocationError, Report};
use rhambda_runtime::invocation::Invocation;

use super::Look;

/// What came of a script: its answer, or the error that would be posted.
pub(super) type Outcome = Result<Vec<u8>, Box<Report>>;

/// A folder with one script in it.
pub(super) struct Task {
    root: tempfile::TempDir,
}

impl Task {
    pub(super) fn new() -> Task {
        effects::stand_in(|| Box::new(Nowhere::default()));
        Task { root: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Loads the script, as a function of 128 MB whose owner made these settings.
    pub(super) fn load(
        &self,
        source: &[u8],
        settings: &[(&str, &str)],
    ) -> Result<Script, Box<Report>> {
        let root = self.root.path();
        fs::write(root.join("main.rhai"), source).expect("a file in a temporary folder");
        let known = [
            ("_HANDLER", "main.handler"),
            ("LAMBDA_TASK_ROOT", root.to_str().expect("a path of ours")),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("RHAMBDA_INIT_TIMEOUT_MS", "300"),
        ];
        let pairs = known.iter().chain(settings);
        let environment = Environment::read(
            pairs.map(|&(name, value)| (OsString::from(name), OsString::from(value))),
        );
        let config = Config::from_environment(&environment, "127.0.0.1:9");
        let script = config.and_then(|config| Script::load(&config));
        script.map_err(|InitError(report)| report)
    }
}

/// Calls the handler with an event, and gives it so long.
pub(super) fn call(script: &Script, event: &[u8], timeout: Duration) -> Outcome {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut invocation = Invocation {
        request_id: "r".to_owned(),
        request_path: "r".to_owned(),
        deadline_ms: u64::try_from((now + timeout).as_millis()).ok(),
        payload: event.to_vec(),
        ..Invocation::default()
    };
    script.invoke(&mut invocation, true, None).map_err(|InvocationError(report)| report)
}

/// Whether a script was stopped because it reached one of its bounds.
pub(super) fn is_bound(report: &Report) -> bool {
    use ErrorType::{DeadlineExceeded, InitTimeout, MemoryLimit, OperationLimit, StackOverflow};
    [DeadlineExceeded, InitTimeout, MemoryLimit, OperationLimit, StackOverflow]
        .contains(&report.error_type)
}

/// Any text as a script: it is refused, or it ends near its deadline in an answer or an error.
pub(super) fn script() -> Look {
    let task = Task::new();
    let timeout = Duration::from_millis(60);
    Box::new(move |input| {
        let (event, source) = match input.iter().position(|&byte| byte == b'\n') {
            Some(at) if input.starts_with(b"//{") => (&input[2..at], input),
            _ => (&b"{}"[..], input),
        };
        let started = processor_time();
        let spent = |most: Duration, what: &str| {
            let spent = processor_time() - started;
            assert!(spent < most, "{what} took {spent:?} of the processor's time");
        };
        let script = match task.load(source, &[("RHAMBDA_MAX_MEMORY_MB", "32")]) {
            Ok(script) => script,
            Err(report) => {
                spent(SLACK + Duration::from_millis(300), "init");
                return is_fair(&report);
            }
        };
        for _ in 0..2 {
            match call(&script, event, timeout) {
                Ok(answer) if script.may_stream() && answer.is_empty() => {}
                Ok(answer) => {
                    serde_json::from_slice::<serde::de::IgnoredAny>(&answer)
                        .expect("an answer is JSON");
                }
                Err(report) => is_fair(&report),
            }
        }
        spent(SLACK + Duration::from_millis(300) + 2 * timeout, "two events");
    })
}

/// What a busy machine and checks in the code may add.
pub(super) const SLACK: Duration = Duration::from_millis(1500);

/// The report of an error is one that can be posted.
pub(super) fn is_fair(report: &Report) {
    let body = report.to_json();
    assert!(body.len() < 1 << 20, "an error of {} bytes", body.len());
    serde_json::from_slice::<serde::de::IgnoredAny>(&body).expect("an error is JSON");
}

/// What this thread took of the processor, which does not count what it waits for others.
pub(super) fn processor_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call writes a `timespec` to the place it is given, which was zeroed before.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// A world that always answers the same, and in which nothing happens.
#[derive(Debug, Default)]
struct Nowhere {
    drawn: Cell<u8>,
}

/// What every server answers, as long as nobody sets something else: head lines, an empty line, a body.
pub(super) fn answer_with(answer: &[u8]) {
    ANSWER.set(Some(answer.to_vec()));
}

thread_local! {
    static ANSWER: Cell<Option<Vec<u8>>> = const { Cell::new(None) };
}

static NOW_MS: AtomicU64 = AtomicU64::new(1_700_000_000_000);

fn absent() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Effects for Nowhere {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(NOW_MS.load(Ordering::Relaxed))
    }

    fn sleep(&self, _length: Duration) {}

    fn random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            self.drawn.set(self.drawn.get().wrapping_add(1));
            *byte = self.drawn.get();
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        name.len().is_multiple_of(2).then(|| format!("value of {name}"))
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        match path.extension() {
            Some(_) => Ok(Box::new(Cursor::new(b"a file\nof two lines"))),
            None => Err(absent()),
        }
    }

    fn write(&self, _path: &Path, _append: bool) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(io::sink()))
    }

    fn list(&self, _path: &Path) -> io::Result<Vec<String>> {
        Ok(vec!["b".to_owned(), "a".to_owned()])
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn make_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        match path.extension() {
            Some(_) => Ok(FileInfo { size: 19, is_folder: false }),
            None => Err(absent()),
        }
    }

    fn presign(&self, _: &Request, _: Duration) -> Result<String, Failure> {
        Ok("X-Amz-Signature=0".into())
    }

    fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let Some(answer) = ANSWER.take() else {
            return Err(Failure::new("Http.ConnectFailed", format!("{}: no", request.url.shown())));
        };
        let end = answer.windows(2).position(|two| two == b"\n\n").unwrap_or(answer.len());
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let headers = headers.collect();
        let body = answer.get(end + 2..).unwrap_or_default().to_vec();
        ANSWER.set(Some(answer));
        Ok(Response { status, headers, body: Box::new(Cursor::new(body)) })
    }
}
