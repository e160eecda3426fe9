//! What Lambda, and the function's owner, told us through the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use log::LevelFilter;

use crate::effects::TaskFiles;
use crate::error::{ErrorType, InitError, Report};
use crate::recording::KEY_BYTES;
use crate::suggest;

/// How much of the stack the calls of scripts may take, in bytes.
pub const RECURSION_BYTES: usize = 40 << 20;

/// The stack of the thread that runs scripts which may hold so many bytes. Untouched pages cost nothing.
///
/// Below what calls take there is room to drop, copy or compare the most deeply nested value that can
/// be made between two looks at it, which the memory bounds: see [`depth`](crate::depth).
#[must_use]
pub const fn stack_bytes(memory_bytes: usize) -> usize {
    const LEAST: usize = 32 << 20;
    let walks = memory_bytes + memory_bytes / 4;
    let walks = if walks < LEAST { LEAST } else { walks };
    (RECURSION_BYTES + walks).next_multiple_of(1 << 20)
}

/// The largest text, blob or array of a script that may hold so many bytes.
///
/// One step may take three such blocks besides all that a script holds already: what is added to moves to
/// a place of twice its size, and what was made may be copied once more. Together they have to stay below
/// the function's memory, of which a script may hold two fifths.
#[must_use]
pub const fn largest_block(memory_bytes: usize) -> usize {
    const LEAST: usize = 16 << 20;
    let block = memory_bytes / 5 * 2;
    if block < LEAST { LEAST } else { block }
}

/// The largest response Lambda takes, in bytes: 6 MiB and 100.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// Marks a `bootstrap` that the exec wrapper has already started, so that it is not wrapped again.
pub const WRAPPED: &str = "RHAMBDA_WRAPPED";

/// The files of the task root that a script may read, one path a line, for a run on a desk: those that
/// its package would have. On Lambda all that is there is in the package. Behind an empty line it is the
/// file that has the lines.
pub const TASK_FILES: &str = "RHAMBDA_TASK_FILES";

/// The process's environment, read once.
#[derive(Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Keeps the variables this runtime reads; those that are not UTF-8 count as absent.
    pub fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        Self(
            variables
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .filter(|(name, _)| {
                    ["AWS_LAMBDA_", "LAMBDA_", "_LAMBDA_", "_HANDLER", "RHAMBDA_"]
                        .iter()
                        .any(|prefix| name.starts_with(prefix))
                })
                .filter_map(|(name, value)| Some((name, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The value of a variable; an empty one counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What the function is called and where it logs: the part of the context that never changes.
#[derive(Debug, Default, Clone)]
pub struct Function {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_VERSION`.
    pub version: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    pub memory_mb: Option<u64>,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`.
    pub log_group: Option<String>,
    /// `AWS_LAMBDA_LOG_STREAM_NAME`.
    pub log_stream: Option<String>,
}

/// What a script may use up. Zero means: no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long before Lambda's deadline a script is stopped.
    pub deadline_margin: Duration,
    /// How long the top level may run.
    pub init_timeout: Duration,
    /// Operations of one invocation.
    pub operations: u64,
    /// Whether the owner set their number, so that each has to be counted as the engine does.
    pub counts_each_operation: bool,
    /// Nested function calls.
    pub call_levels: usize,
    /// Nesting of one expression in the source.
    pub expr_depth: usize,
    /// Bytes of one string or blob; `None`: bounded by the memory alone.
    pub string_bytes: Option<usize>,
    /// Elements of one array; `None`: bounded by the memory alone.
    pub array_size: Option<usize>,
    /// Properties of one map; `None`: bounded by the memory alone.
    pub map_size: Option<usize>,
    /// Bytes that all values together may hold.
    pub memory_bytes: usize,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Tab-separated lines.
    Text,
    /// One JSON object a line.
    Json,
}

/// What logging is told at the start.
#[derive(Debug, Clone)]
pub struct Logging {
    /// `AWS_LAMBDA_LOG_FORMAT`.
    pub format: LogFormat,
    /// `AWS_LAMBDA_LOG_LEVEL`: the least level of a script's record that is written.
    pub level: LevelFilter,
    /// `RHAMBDA_LOG`: the least level of the runtime's own records.
    pub own_level: LevelFilter,
    /// `_LAMBDA_TELEMETRY_LOG_FD`: the descriptor that takes framed records.
    pub telemetry_fd: Option<i32>,
}

/// Everything init needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AWS_LAMBDA_RUNTIME_API`: `host:port`, perhaps with a path.
    pub runtime_api: String,
    /// `_HANDLER`.
    pub handler: String,
    /// Where scripts are looked for, in this order: the task root, then the layers' root.
    pub roots: Vec<PathBuf>,
    /// `AWS_LAMBDA_INITIALIZATION_TYPE` is `snap-start`.
    pub snap_start: bool,
    /// The function's own description.
    pub function: Function,
    /// `RHAMBDA_POLICY` is `strict`: what a script does not declare is refused.
    pub is_strict: bool,
    /// `RHAMBDA_RECORD`: whether invocations are recorded, and for whom.
    pub record: Option<Record>,
    /// [`TASK_FILES`]: the files of the task root that may be read, where that is not all of them.
    pub task_files: Option<TaskFiles>,
    /// `RHAMBDA_TRACE` is set: outgoing calls and counted operations are told to the tool.
    pub is_traced: bool,
    /// What a script may use up.
    pub limits: Limits,
}

/// What is recorded, and for whom.
#[derive(Debug, Clone)]
pub struct Record {
    /// The public key that recordings are sealed for.
    pub key: [u8; KEY_BYTES],
    /// Which invocations are recorded.
    pub which: Which,
    /// The owner's settings that an invocation depends on, which are recorded with it.
    pub settings: Vec<(String, String)>,
}

/// Which invocations are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that fail.
    Failed,
    /// Those that the event alone does not make the same again, for the tool.
    Asking,
    /// All of them.
    All,
}

impl Record {
    /// A key as `rhambda record` prints it, perhaps after `all:`.
    fn from_environment(environment: &Environment) -> Result<Option<Self>, InitError> {
        let Some(value) = environment.get("RHAMBDA_RECORD") else { return Ok(None) };
        let (which, key) = match value.split_once(':') {
            Some(("all", key)) => (Which::All, key),
            Some(("asking", key)) => (Which::Asking, key),
            _ => (Which::Failed, value),
        };
        let key = BASE64_URL_SAFE_NO_PAD.decode(key).ok().and_then(|key| key.try_into().ok());
        let key = key.ok_or_else(|| {
            invalid(
                "`RHAMBDA_RECORD` is no key; it takes the 43 letters that `rhambda record` prints, or \
                 `all:` before them"
                    .into(),
            )
        })?;
        let needless = ["RHAMBDA_RECORD", "RHAMBDA_TRACE", "RHAMBDA_LOG", "RHAMBDA_LAYER_ROOT"];
        let settings = (environment.0.iter())
            .filter(|(name, _)| SETTINGS.contains(&name.as_str()))
            .filter(|(name, _)| !needless.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()));
        Ok(Some(Self { key, which, settings: settings.collect() }))
    }
}

impl Logging {
    /// How to log, from the environment. Never fails: an init error must be able to reach the log.
    #[must_use]
    pub fn from_environment(environment: &Environment) -> Self {
        let format = match environment.get("AWS_LAMBDA_LOG_FORMAT") {
            Some(value) if value.eq_ignore_ascii_case("json") => LogFormat::Json,
            _ => LogFormat::Text,
        };
        let default = match format {
            LogFormat::Json => LevelFilter::Info,
            LogFormat::Text => LevelFilter::Debug,
        };
        Self {
            format,
            level: environment
                .get("AWS_LAMBDA_LOG_LEVEL")
                .and_then(|value| {
                    if value.eq_ignore_ascii_case("fatal") {
                        Some(LevelFilter::Error)
                    } else {
                        value.parse().ok()
                    }
                })
                .unwrap_or(default),
            own_level: environment
                .get("RHAMBDA_LOG")
                .and_then(|value| value.parse().ok())
                .unwrap_or(LevelFilter::Warn),
            telemetry_fd: environment
                .get("_LAMBDA_TELEMETRY_LOG_FD")
                .and_then(|value| value.parse().ok()),
        }
    }
}

/// The operations that an invocation may use unless `RHAMBDA_MAX_OPERATIONS` says otherwise, for each
/// megabyte of memory.
pub const OPERATIONS_PER_MB: u64 = 20_000_000;

/// The settings a function's owner may make, and what each takes.
pub const SETTINGS: [&str; 14] = [
    "RHAMBDA_DEADLINE_MARGIN_MS",
    "RHAMBDA_INIT_TIMEOUT_MS",
    "RHAMBDA_LAYER_ROOT",
    "RHAMBDA_LOG",
    "RHAMBDA_MAX_ARRAY_SIZE",
    "RHAMBDA_MAX_CALL_LEVELS",
    "RHAMBDA_MAX_EXPR_DEPTH",
    "RHAMBDA_MAX_MAP_SIZE",
    "RHAMBDA_MAX_MEMORY_MB",
    "RHAMBDA_MAX_OPERATIONS",
    "RHAMBDA_MAX_STRING_SIZE",
    "RHAMBDA_POLICY",
    "RHAMBDA_RECORD",
    "RHAMBDA_TRACE",
];

impl Config {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// `Runtime.ConfigInvalid` names the variable that is missing, misspelt or out of range, its
    /// value, and what it takes.
    pub fn from_environment(
        environment: &Environment,
        runtime_api: &str,
    ) -> Result<Self, InitError> {
        for name in environment.names().filter(|name| name.starts_with("RHAMBDA_")) {
            if !SETTINGS.contains(&name) && ![WRAPPED, TASK_FILES].contains(&name) {
                let hint = suggest::nearest(name, SETTINGS)
                    .map(|near| format!("did you mean `{near}`?"))
                    .unwrap_or_else(|| format!("the settings are {}", SETTINGS.join(", ")));
                return Err(invalid(format!("unknown setting `{name}`; {hint}")));
            }
        }
        if let Some(value) = environment.get("RHAMBDA_LOG") {
            if value.parse::<LevelFilter>().is_err() {
                return Err(invalid(format!(
                    "`RHAMBDA_LOG` is `{value}`; it takes off, error, warn, info, debug or trace"
                )));
            }
        }
        let is_strict = match environment.get("RHAMBDA_POLICY") {
            None | Some("open") => false,
            Some("strict") => true,
            Some(value) => {
                return Err(invalid(format!(
                    "`RHAMBDA_POLICY` is `{value}`; it takes open or strict"
                )));
            }
        };
        let task_root = environment
            .owned("LAMBDA_TASK_ROOT")
            .map(PathBuf::from)
            .or_else(|| std::env::current_dir().ok())
            .unwrap_or_else(|| "/var/task".into());
        let layer_root = environment.get("RHAMBDA_LAYER_ROOT").unwrap_or("/opt").into();
        let memory_mb = memory_mb(environment);
        Ok(Self {
            runtime_api: runtime_api.to_owned(),
            handler: environment
                .owned("_HANDLER")
                .ok_or_else(|| invalid("`_HANDLER` is not set; it takes `file.function`".into()))?,
            roots: vec![task_root, layer_root],
            snap_start: environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == Some("snap-start"),
            task_files: environment.get(TASK_FILES).map(TaskFiles::of_setting),
            function: Function {
                name: environment.owned("AWS_LAMBDA_FUNCTION_NAME"),
                version: environment.owned("AWS_LAMBDA_FUNCTION_VERSION"),
                memory_mb,
                log_group: environment.owned("AWS_LAMBDA_LOG_GROUP_NAME"),
                log_stream: environment.owned("AWS_LAMBDA_LOG_STREAM_NAME"),
            },
            is_strict,
            record: Record::from_environment(environment)?,
            is_traced: environment.get("RHAMBDA_TRACE").is_some(),
            limits: Limits::from_environment(environment, memory_mb.unwrap_or(128))?,
        })
    }
}

/// The memory size that Lambda says the function has, in MB.
fn memory_mb(environment: &Environment) -> Option<u64> {
    environment
        .get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .and_then(|value| value.parse::<u64>().ok())
        .filter(|&mb| mb > 0)
}

/// The stack that the scripts of this environment need, in bytes; a setting that is wrong is told later.
#[must_use]
pub fn stack_bytes_of(environment: &Environment) -> usize {
    let limits = Limits::from_environment(environment, memory_mb(environment).unwrap_or(128));
    stack_bytes(limits.map_or(0, |limits| limits.memory_bytes))
}

impl Limits {
    /// The limits of a function of 128 MB whose owner set none.
    ///
    /// # Errors
    /// Never; the defaults are within their ranges.
    #[cfg(feature = "tool")]
    pub fn standard() -> Result<Self, InitError> {
        Self::from_environment(&Environment::read(std::iter::empty()), 128)
    }

    /// The defaults for a function of this memory size, and what the owner set instead.
    ///
    /// Lambda gives CPU in step with memory, so the operations do the same: twenty million for
    /// each MB are at least two minutes of pure script at any size.
    fn from_environment(environment: &Environment, memory_mb: u64) -> Result<Self, InitError> {
        let number = |name: &str, default: u64, low: u64, high: u64| -> Result<u64, InitError> {
            let Some(value) = environment.get(name) else { return Ok(default) };
            value
                .replace('_', "")
                .parse()
                .ok()
                .filter(|number| (low..=high).contains(number))
                .ok_or_else(|| {
                    invalid(format!(
                        "`{name}` is `{value}`; it takes a whole number from {low} to {high}"
                    ))
                })
        };
        let size = |name: &str| -> Result<Option<usize>, InitError> {
            Ok(match number(name, 0, 1, 1 << 40)? {
                0 => None,
                given => Some(given as usize),
            })
        };
        // A single operation can at most double what a script holds, so that two fifths of the
        // memory are the most that is safe.
        let budget_mb = (memory_mb * 2 / 5).max(32);
        Ok(Self {
            deadline_margin: Duration::from_millis(number(
                "RHAMBDA_DEADLINE_MARGIN_MS",
                100,
                1,
                60_000,
            )?),
            init_timeout: Duration::from_millis(number(
                "RHAMBDA_INIT_TIMEOUT_MS",
                9_000,
                1,
                900_000,
            )?),
            operations: number(
                "RHAMBDA_MAX_OPERATIONS",
                memory_mb.saturating_mul(OPERATIONS_PER_MB),
                0,
                u64::MAX,
            )?,
            counts_each_operation: environment.get("RHAMBDA_MAX_OPERATIONS").is_some(),
            call_levels: number("RHAMBDA_MAX_CALL_LEVELS", 1_000, 1, 100_000)? as usize,
            expr_depth: number("RHAMBDA_MAX_EXPR_DEPTH", 128, 8, 1_000)? as usize,
            string_bytes: size("RHAMBDA_MAX_STRING_SIZE")?,
            array_size: size("RHAMBDA_MAX_ARRAY_SIZE")?,
            map_size: size("RHAMBDA_MAX_MAP_SIZE")?,
            memory_bytes: number("RHAMBDA_MAX_MEMORY_MB", budget_mb, 1, 1 << 20)? as usize
                * (1 << 20),
        })
    }
}

fn invalid(message: String) -> InitError {
    InitError(Box::new(Report::new(ErrorType::ConfigInvalid, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, InitError> {
        let environment =
            Environment::read(pairs.iter().map(|(name, value)| (name.into(), value.into())));
        Config::from_environment(&environment, "127.0.0.1:9001")
    }

    #[test]
    fn the_limits_grow_with_the_memory_size() {
        let limits = |mb| {
            config(&[("_HANDLER", "a.b"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", mb)]).unwrap().limits
        };
        assert_eq!(limits("128").memory_bytes, 51 << 20);
        assert_eq!(limits("10240").memory_bytes, 4096 << 20);
        assert_eq!(limits("1024").operations, 20_480_000_000);
    }

    #[test]
    fn a_setting_that_cannot_be_meant_is_named() {
        for (name, value, said) in [
            ("RHAMBDA_MAX_OPERATION", "5", "did you mean `RHAMBDA_MAX_OPERATIONS`?"),
            ("RHAMBDA_MAX_CALL_LEVELS", "many", "`RHAMBDA_MAX_CALL_LEVELS` is `many`"),
            ("RHAMBDA_MAX_CALL_LEVELS", "0", "from 1 to 100000"),
            ("RHAMBDA_MAX_MEMORY_MB", "-1", "`-1`"),
            ("RHAMBDA_LOG", "loud", "it takes off, error"),
            ("RHAMBDA_POLICY", "Strict", "it takes open or strict"),
            ("RHAMBDA_RECORD", "on", "it takes the 43 letters"),
            ("RHAMBDA_RECORD", "all:AAAA", "it takes the 43 letters"),
        ] {
            let message = config(&[("_HANDLER", "a.b"), (name, value)]).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn a_missing_handler_is_named() {
        assert!(config(&[]).unwrap_err().to_string().contains("_HANDLER"));
    }
}
