//! An execution environment: the real `bootstrap`, started as Lambda starts it, with an emulated
//! Runtime API to poll.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::emulator::{Emulator, Invocation, Outcome};
use crate::process::{OnLine, Process};

pub use crate::process::{Exit, LogLine, Stream, end_children_on_signals};

/// The time Lambda gives a function's init phase.
pub const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long a runtime may be silent beyond its function's timeout before it counts as stuck.
const GRACE: Duration = Duration::from_secs(10);

/// A function's configuration.
#[derive(Debug, Clone)]
pub struct Function {
    /// The runtime's executable.
    pub bootstrap: PathBuf,
    /// The folder with the function's files.
    pub task_root: PathBuf,
    /// `file.function`.
    pub handler: String,
    /// The function's name.
    pub name: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The memory size, which is told to the function but not enforced.
    pub memory_mb: u32,
    /// The function's own environment variables. They win over those that Lambda sets.
    pub variables: Vec<(String, String)>,
}

impl Function {
    /// A function with Lambda's defaults, named after its handler.
    pub fn new(
        bootstrap: impl Into<PathBuf>,
        task_root: impl Into<PathBuf>,
        handler: impl Into<String>,
    ) -> Function {
        let handler = handler.into();
        let file = handler.rsplit_once('.').map_or(handler.as_str(), |(file, _)| file);
        let file = file.rsplit('/').next().unwrap_or(file);
        let name: String = file.strip_suffix(".rhai").unwrap_or(file).replace('.', "-");
        Function {
            bootstrap: bootstrap.into(),
            task_root: task_root.into(),
            name,
            handler,
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            variables: Vec::new(),
        }
    }

    /// The ARN that invocations carry.
    pub fn arn(&self) -> String {
        let is_region = |(name, _): &&(String, String)| name == "AWS_REGION";
        let region = self.variables.iter().find(is_region).map_or(REGION, |(_, value)| value);
        format!("arn:aws:lambda:{region}:123456789012:function:{}", self.name)
    }

    /// An event for this function, with its timeout and ARN.
    pub fn invocation(&self, event: impl Into<Vec<u8>>) -> Invocation {
        Invocation {
            timeout: Some(self.timeout),
            function_arn: Some(self.arn()),
            ..Invocation::new(event)
        }
    }

    /// The variables of the process: Lambda's, then the function's own. An OS-only runtime gets no
    /// `AWS_EXECUTION_ENV`, and sets `_X_AMZN_TRACE_ID` itself.
    fn all_variables(&self, runtime_api: &str, task_root: &str) -> Vec<(String, String)> {
        self.all_variables_in(runtime_api, task_root, &log_stream_name(SystemTime::now()))
    }

    /// The same with this log stream.
    pub(crate) fn all_variables_in(
        &self,
        runtime_api: &str,
        task_root: &str,
        log_stream: &str,
    ) -> Vec<(String, String)> {
        let memory = self.memory_mb.to_string();
        let log_group = format!("/aws/lambda/{}", self.name);
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("_HANDLER", &self.handler),
            ("LAMBDA_TASK_ROOT", task_root),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("AWS_LAMBDA_FUNCTION_NAME", &self.name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
            ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("TZ", ":UTC"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
            (
                "LD_LIBRARY_PATH",
                "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
            ),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        lambda.into_iter().map(owned).chain(self.variables.iter().cloned()).collect()
    }
}

const REGION: &str = "us-east-1";

/// Why an environment could not be started.
#[derive(Debug)]
pub enum StartError {
    /// The emulator found no port.
    RuntimeApi(io::Error),
    /// The task root is not a folder one can enter.
    TaskRoot(PathBuf, io::Error),
    /// The executable could not be run.
    Bootstrap(PathBuf, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            StartError::RuntimeApi(error) => {
                write!(f, "cannot listen on 127.0.0.1 for the Runtime API: {error}")
            }
            StartError::TaskRoot(path, error) => {
                write!(f, "cannot use `{}` as the task root: {error}", path.display())
            }
            StartError::Bootstrap(path, error) => {
                write!(f, "cannot run bootstrap `{}`: ", path.display())?;
                match (error.raw_os_error(), path.is_file()) {
                    (Some(libc::EACCES), true) => {
                        write!(f, "it is not executable; try `chmod +x {}`", path.display())
                    }
                    (Some(libc::ENOEXEC), _) => {
                        write!(f, "it is not a program for this kind of machine")
                    }
                    (Some(libc::ENOENT), true) => {
                        write!(f, "it needs a dynamic loader or an interpreter that is not here")
                    }
                    _ => write!(f, "{error}"),
                }
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::RuntimeApi(error)
            | StartError::TaskRoot(_, error)
            | StartError::Bootstrap(_, error) => Some(error),
        }
    }
}

/// What came of one invocation.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// How it ended.
    pub outcome: Outcome,
    /// From the delivery of the event until the runtime asked for the next one, as Lambda counts.
    pub duration: Duration,
    /// From the start of the process until it first asked for an event, on the first invocation.
    pub init: Option<Duration>,
    /// The most memory the process has held so far, in bytes.
    pub max_memory: u64,
}

impl Invoked {
    /// What Lambda bills: init and duration, in whole milliseconds, rounded up.
    pub fn billed_ms(&self) -> u64 {
        let total = self.duration + self.init.unwrap_or_default();
        u64::try_from(total.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// The memory in whole megabytes, rounded up.
    pub fn max_memory_mb(&self) -> u64 {
        self.max_memory.div_ceil(1024 * 1024)
    }
}

/// A runtime's process with its Runtime API. Dropping it kills the process and its group.
pub struct Environment {
    // Before the emulator, so that the process is gone when its API goes.
    process: Process,
    emulator: Arc<Emulator>,
    function: Function,
    on_line: OnLine,
    spawned: Instant,
    init: Option<Duration>,
    init_reported: bool,
    max_memory: u64,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Environment").field("function", &self.function).finish_non_exhaustive()
    }
}

impl Environment {
    /// Starts the runtime, without waiting for its init phase. Each line it writes is handed to
    /// `on_line` as it comes, from another thread.
    pub fn start(
        function: &Function,
        on_line: impl Fn(LogLine) + Send + Sync + 'static,
    ) -> Result<Environment, StartError> {
        Self::start_with(function, Arc::new(on_line))
    }

    fn start_with(function: &Function, on_line: OnLine) -> Result<Environment, StartError> {
        let emulator = Arc::new(Emulator::start().map_err(StartError::RuntimeApi)?);
        let absolute = |path: &Path| path.canonicalize();
        let task_root = absolute(&function.task_root)
            .map_err(|error| StartError::TaskRoot(function.task_root.clone(), error))?;
        let failed = |error| StartError::Bootstrap(function.bootstrap.clone(), error);
        let bootstrap = absolute(&function.bootstrap).map_err(failed)?;
        let runtime_api = emulator.runtime_api();
        let mut command = Command::new(bootstrap);
        command
            .env_clear()
            .envs(function.all_variables(&runtime_api, &task_root.to_string_lossy()))
            // A path that is not UTF-8 is passed on as it is.
            .env("LAMBDA_TASK_ROOT", &task_root)
            .current_dir(&task_root);
        let spawned = Instant::now();
        let on_exit = {
            let emulator = Arc::downgrade(&emulator);
            move |exit: &Exit| {
                if let Some(emulator) = emulator.upgrade() {
                    emulator.runtime_exited(&exit.status);
                }
            }
        };
        let process = Process::spawn(command, Arc::clone(&on_line), on_exit).map_err(failed)?;
        Ok(Environment {
            process,
            emulator,
            function: function.clone(),
            on_line,
            spawned,
            init: None,
            init_reported: false,
            max_memory: 0,
        })
    }

    /// Starts another process if this one has ended between two invocations, as Lambda does. Whoever
    /// watched the emulator has to watch the new one.
    pub fn replace_if_ended(&mut self) -> Result<(), StartError> {
        if self.init.is_some() && self.emulator.ending().is_some() {
            *self = Self::start_with(&self.function, Arc::clone(&self.on_line))?;
        }
        Ok(())
    }

    /// The Runtime API the process talks to.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Waits for the end of the init phase and says how long it took. After an init error, an exit
    /// or [`INIT_LIMIT`] it says what happened instead, and the process is gone.
    pub fn wait_for_init(&mut self) -> Result<Duration, Box<Outcome>> {
        if let Some(init) = self.init {
            return Ok(init);
        }
        let patience = INIT_LIMIT.saturating_sub(self.spawned.elapsed());
        if let Some(at) = self.emulator.wait_for_first_poll(patience) {
            let init = at.saturating_duration_since(self.spawned);
            self.init = Some(init);
            return Ok(init);
        }
        let ending = self.emulator.ending().unwrap_or(Outcome::TimedOut { after: INIT_LIMIT });
        if let Outcome::InitError(_) = ending {
            // It is about to write its log and exit.
            self.emulator.wait_for_exit(Duration::from_secs(2));
        }
        self.stop();
        Err(Box::new(ending))
    }

    /// Sends an event and waits for what comes of it. After a timeout the process is killed, as
    /// Lambda does.
    pub fn invoke(&mut self, invocation: Invocation) -> Invoked {
        let timeout = invocation.timeout.unwrap_or(Duration::MAX / 4);
        let pending = self.emulator.invoke(invocation);
        let init = match self.wait_for_init() {
            Ok(init) => init,
            Err(outcome) => {
                return Invoked {
                    outcome: *outcome,
                    duration: Duration::ZERO,
                    init: Some(self.spawned.elapsed()),
                    max_memory: self.max_memory,
                };
            }
        };
        let stuck = Outcome::TimedOut { after: timeout };
        let mut outcome = pending.wait(timeout + GRACE).unwrap_or_else(|| stuck.clone());
        let mut duration = timeout;
        if let Outcome::TimedOut { .. } = outcome {
            self.stop();
        } else {
            // What a runtime does after its response is part of the invocation, too.
            let left = timeout.saturating_sub(pending.latency().unwrap_or_default());
            match pending.wait_until_over(left) {
                Some(over) => duration = over,
                None => {
                    outcome = stuck;
                    self.stop();
                }
            }
        }
        self.max_memory = self.max_memory.max(self.process.max_memory());
        let first = !std::mem::replace(&mut self.init_reported, true);
        Invoked { outcome, duration, init: first.then_some(init), max_memory: self.max_memory }
    }

    /// The function this is an environment of.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// Waits until each line the process has written so far has been handed on.
    pub fn hand_on_lines(&self) {
        self.process.hand_on_lines(Duration::from_secs(1));
    }

    /// Kills the process as Lambda does when it needs the environment no more: without a warning.
    /// All its output has been handed on when this returns.
    pub fn stop(&mut self) {
        self.max_memory = self.max_memory.max(self.process.max_memory());
        self.process.stop();
    }
}

/// `2026/11/23/[$LATEST]0f3c...`: the stream of one environment.
fn log_stream_name(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let id = crate::emulator::random_hex(32);
    format!("{year:04}/{month:02}/{day:02}/[$LATEST]{id}")
}

/// Year, month and day of a day counted from 1970-01-01, after Howard Hinnant's `civil_from_days`.
pub(crate) fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_780, (2026, 11, 23)),
        ] {
            assert_eq!(civil_date(days), date);
        }
    }

    #[test]
    fn a_function_is_named_after_its_file() {
        for (handler, name) in [
            ("hello.handler", "hello"),
            ("jobs/nightly.run", "nightly"),
            ("index.rhai.main", "index"),
            ("a.b.handler", "a-b"),
        ] {
            assert_eq!(Function::new("bootstrap", ".", handler).name, name);
        }
    }

    #[test]
    fn a_functions_own_variables_come_after_lambdas() {
        let mut function = Function::new("bootstrap", ".", "hello.handler");
        function.variables.push(("AWS_REGION".to_owned(), "eu-north-1".to_owned()));
        let variables = function.all_variables("127.0.0.1:1", "/task");
        let all_of = |wanted: &str| -> Vec<&str> {
            let found = variables.iter().filter(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(all_of("AWS_REGION"), ["us-east-1", "eu-north-1"]);
        assert_eq!(all_of("TZ"), [":UTC"]);
        assert_eq!(all_of("AWS_EXECUTION_ENV"), [""; 0]);
        assert_eq!(function.arn(), "arn:aws:lambda:eu-north-1:123456789012:function:hello");
    }

    #[test]
    fn billing_counts_init_and_rounds_up() {
        let invoked = |init, duration| Invoked {
            outcome: Outcome::TimedOut { after: Duration::ZERO },
            duration: Duration::from_micros(duration),
            init: Some(Duration::from_micros(init)),
            max_memory: 1,
        };
        assert_eq!(invoked(0, 1).billed_ms(), 1);
        assert_eq!(invoked(0, 1000).billed_ms(), 1);
        assert_eq!(invoked(2500, 700).billed_ms(), 4);
        assert_eq!(invoked(0, 0).max_memory_mb(), 1);
    }
}
