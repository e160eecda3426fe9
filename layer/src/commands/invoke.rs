//! `rhambda invoke`: runs a script on an event, through the real `bootstrap`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::commands::settings::Settings;
use crate::emulator::{FunctionError, Invocation, Outcome};
use crate::environment::{Environment, Function, Invoked, LogLine, Stream};
use crate::failure::{Exit, Failure};
use crate::json_text::{is_json, pretty};
use crate::recording::{Key, Sealed};
use crate::script_name::ScriptName;
use crate::stream_view::StreamView;
use crate::surroundings::Surroundings;
use crate::terminal::{Look, Terminal};
use crate::{error_view, event, log_view, stream_view};

/// Runs a script on an event, as Lambda would.
///
/// The real runtime process is started with Lambda's variables and none of yours, and fetches the
/// event over real HTTP.
///
/// The response goes to standard output: laid out on a terminal, else byte for byte with a line
/// end. One that is streamed goes there as it comes. Logs, a streamed response's status and headers,
/// and a report line go to standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda invoke hello.rhai
  rhambda invoke hello --event '{\"name\": \"Ada\"}'
  rhambda invoke scripts/orders.handler --event order.json --env TABLE=orders
  curl -s https://example.com/event.json | rhambda invoke hook.rhai --event -
  rhambda invoke orders --event sample:sqs --set 'Records[0].body={\"order\": 7}'
  rhambda invoke hello --repeat 1000 --json | jq .report.p50Ms
  rhambda invoke orders --event order.json --record order.recording.json

Exit codes: 0 a response, 1 the function failed, 2 a wrong command line or file, 3 the runtime or \
the tool failed.")]
pub struct Invoke {
    /// The script: `hello.rhai` or `hello`, with a function if it is not `handler`: `hello.main`
    #[arg(value_name = "FILE[.FUNCTION]")]
    script: PathBuf,

    /// The event: JSON text, a file, `-` for standard input, or a sample such as `sample:sqs`.
    /// Without it the event is `{}`, and standard input is not touched
    #[arg(short, long, value_name = "JSON|FILE|-|sample:NAME", allow_hyphen_values = true)]
    event: Option<String>,

    /// Changes a value of the event: JSON if it parses, else text; `PATH+=VALUE` adds a key or an
    /// element
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,

    /// The task root: the folder that imports start from [default: the script's folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,

    /// What `context.client_context` holds
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    client_context: Option<String>,

    /// Sends the event so many times to the same environment, and reports the spread
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Writes all that the last invocation was given to a file, for `rhambda replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Prints one JSON object with the response or error, the logs and the report
    #[arg(long)]
    json: bool,
}

impl Invoke {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let script =
            ScriptName::resolve(&self.script, self.root.as_deref(), &surroundings.directory)?;
        let event = event::read(
            self.event.as_deref(),
            &self.set,
            &surroundings.directory,
            &surroundings.terminal,
        )?;
        let settings = self.settings.resolve(surroundings)?;
        let mut function = settings.function(&script.root, script.handler())?;
        for warning in settings.as_packaged(&mut function, &script.path) {
            surroundings.terminal.warning(&warning);
        }
        let key = self.record.as_ref().map(|_| Key::new()).transpose();
        let key =
            key.map_err(|error| Failure::broken(format!("no key to record with: {error}")))?;
        if let Some(key) = &key {
            let setting = format!("all:{}", key.setting());
            function.variables.push(("RHAMBDA_RECORD".to_owned(), setting));
        }

        let terminal = surroundings.terminal;
        let logs = Arc::new(Logs {
            terminal,
            live: !self.json,
            records: key.is_some(),
            lines: Mutex::default(),
            recording: Mutex::default(),
        });
        let mut environment = Environment::start(&function, {
            let logs = Arc::clone(&logs);
            move |line| logs.take(line)
        })
        .map_err(|error| Failure::broken(error.to_string()))?;
        // Of several responses the last one is shown.
        let view = Arc::new(StreamView::new(terminal));
        if !self.json && self.repeat == 1 {
            let view = Arc::clone(&view);
            environment.emulator().watch_streams(move |of, data| view.take(of, data));
        }
        let session = self.session(&mut environment, &event)?;
        environment.stop();

        if self.json {
            session.print_json(&function, &logs, &terminal)?;
        } else {
            session.print(&function, &logs, &terminal)?;
        }
        if let Some(error) = view.lost() {
            return Err(Failure::output(error));
        }
        if let (Some(file), Some(key)) = (&self.record, &key) {
            keep_recording(file, &surroundings.directory.join(file), &logs, key)?;
        }
        Ok(session.exit())
    }

    /// Sends the event as often as asked, or until it fails.
    fn session(&self, environment: &mut Environment, event: &[u8]) -> Result<Session, Failure> {
        let mut durations = Vec::new();
        loop {
            environment.replace_if_ended().map_err(|error| Failure::broken(error.to_string()))?;
            let invocation = Invocation {
                client_context: self.client_context.clone(),
                ..environment.function().invocation(event)
            };
            let request_id = invocation.request_id.clone().unwrap_or_default();
            let invoked = environment.invoke(invocation);
            environment.emulator().forget_calls();
            durations.push(invoked.duration);
            let done = durations.len() >= self.repeat as usize;
            if done || !matches!(invoked.outcome, Outcome::Response(_)) {
                // The first invocation's init has been taken by its `Invoked`.
                let init = invoked.init.or_else(|| environment.wait_for_init().ok());
                return Ok(Session { last: Invoked { init, ..invoked }, durations, request_id });
            }
        }
    }
}

/// What came of the invocations.
struct Session {
    last: Invoked,
    durations: Vec<Duration>,
    request_id: String,
}

impl Session {
    fn exit(&self) -> Exit {
        match &self.last.outcome {
            Outcome::Response(response) if response.stream_error.is_none() => Exit::Success,
            Outcome::Response(_) | Outcome::Error(_) | Outcome::InitError(_) => {
                Exit::FunctionFailed
            }
            Outcome::TimedOut { .. } => Exit::FunctionFailed,
            Outcome::RuntimeExited { .. } => Exit::Broken,
        }
    }

    /// The error, if there is one; those that Lambda makes are worded as it does.
    fn error(&self) -> Option<FunctionError> {
        let by_lambda = |error_type: &str, message: String| {
            let body = json!({ "errorType": error_type, "errorMessage": message });
            FunctionError {
                error_type: Some(error_type.to_owned()),
                body: body.to_string().into_bytes(),
                xray_cause: None,
            }
        };
        match &self.last.outcome {
            Outcome::Response(response) => response.stream_error.clone(),
            Outcome::Error(error) | Outcome::InitError(error) => Some(error.clone()),
            Outcome::TimedOut { after } => {
                let seconds = after.as_secs_f64();
                let what = format!("Task timed out after {seconds:.2} seconds");
                Some(by_lambda("Sandbox.Timedout", what))
            }
            Outcome::RuntimeExited { status } => {
                let what = format!("bootstrap ended before it answered: {status}");
                Some(by_lambda("Runtime.ExitError", what))
            }
        }
    }

    fn print(&self, function: &Function, logs: &Logs, terminal: &Terminal) -> Result<(), Failure> {
        let error = self.error();
        logs.show_held(error.as_ref());
        if let Outcome::Response(response) = &self.last.outcome {
            let (prelude, body) = response.parts();
            if let Some(prelude) = prelude {
                stream_view::show_prelude(prelude, terminal);
            }
            let mut shown = body.to_vec();
            if is_json(body) && !response.streamed {
                if terminal.stdout_is_terminal {
                    shown = pretty(&String::from_utf8_lossy(body)).into_bytes();
                }
                shown.push(b'\n');
            }
            terminal.out(&shown).map_err(Failure::output)?;
        }
        if let Some(error) = &error {
            terminal.err(&error_view::view(error, terminal));
        }
        terminal.err(&terminal.paint(Look::Faint, &self.report_line(function)));
        if self.memory_exceeded(function) {
            terminal.warning(&format!(
                "on Lambda this would have been killed: it took {} MB of {}; see --memory",
                self.last.max_memory_mb(),
                function.memory_mb
            ));
        }
        Ok(())
    }

    fn memory_exceeded(&self, function: &Function) -> bool {
        self.last.max_memory_mb() > u64::from(function.memory_mb)
    }

    fn report_line(&self, function: &Function) -> String {
        let mut parts = Vec::new();
        if self.durations.len() > 1 {
            let sorted = self.sorted();
            parts.push(format!("{} invocations", sorted.len()));
            parts.push(format!("first {}", ms(self.durations[0])));
            for percent in [50, 90, 99] {
                parts.push(format!("p{percent} {}", ms(percentile(&sorted, percent))));
            }
            parts.push(format!("max {}", ms(percentile(&sorted, 100))));
            parts.extend(self.last.init.map(|init| format!("init {}", ms(init))));
        } else {
            parts.extend(self.last.init.map(|init| format!("init {}", ms(init))));
            parts.push(format!("duration {}", ms(self.last.duration)));
            parts.push(format!("billed {} ms", self.last.billed_ms()));
        }
        parts.push(format!("memory {} of {} MB", self.last.max_memory_mb(), function.memory_mb));
        format!("report: {}", parts.join(", "))
    }

    fn sorted(&self) -> Vec<Duration> {
        let mut sorted = self.durations.clone();
        sorted.sort();
        sorted
    }

    fn print_json(
        &self,
        function: &Function,
        logs: &Logs,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let mut fields = Vec::new();
        // Bodies are put in as text: parsing them would round long numbers.
        let mut field = |name: &str, text: String| fields.push(format!("\"{name}\":{text}"));
        let text_or_json = |bytes: &[u8]| match is_json(bytes) {
            true => String::from_utf8_lossy(bytes).into_owned(),
            false => json!(String::from_utf8_lossy(bytes)).to_string(),
        };
        if let Outcome::Response(response) = &self.last.outcome {
            let (prelude, body) = response.parts();
            if let Some(prelude) = prelude {
                field("prelude", text_or_json(prelude));
            }
            field("response", text_or_json(body));
        }
        if let Some(error) = self.error() {
            field("error", text_or_json(&error.body));
            field("errorType", json!(error.recorded_type()).to_string());
        }
        field("logs", json!(logs.all_texts()).to_string());
        field("report", Value::Object(self.report_object(function)).to_string());
        let mut object = format!("{{{}}}", fields.join(","));
        if terminal.stdout_is_terminal {
            object = pretty(&object);
        }
        object.push('\n');
        terminal.out(object.as_bytes()).map_err(Failure::output)
    }

    fn report_object(&self, function: &Function) -> Map<String, Value> {
        let number = |duration: Duration| json!((duration.as_secs_f64() * 1e6).round() / 1e3);
        let mut report = Map::new();
        let mut set = |name: &str, value: Value| report.insert(name.to_owned(), value);
        set("requestId", json!(self.request_id));
        if let Some(init) = self.last.init {
            set("initMs", number(init));
        }
        set("durationMs", number(self.last.duration));
        set("billedMs", json!(self.last.billed_ms()));
        set("memoryMb", json!(function.memory_mb));
        set("maxMemoryMb", json!(self.last.max_memory_mb()));
        set("invocations", json!(self.durations.len()));
        if self.durations.len() > 1 {
            let sorted = self.sorted();
            set("firstMs", number(self.durations[0]));
            for percent in [50, 90, 99] {
                set(&format!("p{percent}Ms"), number(percentile(&sorted, percent)));
            }
            set("maxMs", number(percentile(&sorted, 100)));
        }
        report
    }
}

/// Writes the last recording in the logs, opened, to a file.
fn keep_recording(typed: &Path, path: &Path, logs: &Logs, key: &Key) -> Result<(), Failure> {
    let line = logs.recording.lock().unwrap_or_else(PoisonError::into_inner).take();
    let sealed = line.and_then(|line| Sealed::find_all(&line).pop());
    let opened = sealed.map(|sealed| sealed?.open(key));
    let recording = opened.ok_or_else(|| {
        Failure::usage("the invocation was not recorded; what the function logged says why")
    })?;
    let recording = recording.map_err(Failure::broken)?;
    fs::write(path, pretty(&recording.text) + "\n")
        .map_err(|error| Failure::usage(format!("cannot write `{}`: {error}", typed.display())))
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// The value that so many percent of the sorted values do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// What the runtime writes, shown as it comes. The record of an error is held back, because the
/// error itself is about to be shown.
struct Logs {
    terminal: Terminal,
    live: bool,
    /// Recordings are for a file, not to be shown.
    records: bool,
    lines: Mutex<Vec<(LogLine, bool)>>,
    recording: Mutex<Option<String>>,
}

impl Logs {
    fn take(&self, line: LogLine) {
        if self.records && log_view::is_recording(&line) {
            *self.recording.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.text);
            return;
        }
        let held = line.stream == Stream::Stderr && log_view::is_error(&line);
        if self.live && !held {
            self.terminal.err(&log_view::view(&line, &self.terminal));
        }
        if !self.live || held {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push((line, held));
        }
    }

    /// Shows what was held back, but for the record of this error.
    fn show_held(&self, error: Option<&FunctionError>) {
        let body = error.and_then(|error| serde_json::from_slice::<Value>(&error.body).ok());
        let message = body.as_ref().and_then(|body| body.get("errorMessage")?.as_str());
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for (line, _) in lines.iter().filter(|(_, held)| *held) {
            if !message.is_some_and(|message| log_view::reports(line, message)) {
                self.terminal.err(&log_view::view(line, &self.terminal));
            }
        }
    }

    fn all_texts(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|(line, _)| line.text.clone()).collect()
    }
}

fn json_object(text: &str) -> Result<String, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) if text.len() > 3583 => {
            Err("Lambda takes at most 3583 bytes".to_owned())
        }
        // As a header it may not have line ends; JSON has no need of them.
        Ok(Value::Object(_)) => Ok(text.replace(['\r', '\n'], " ")),
        Ok(_) => Err("a JSON object is expected".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<Duration> = (1..=10).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 5), (90, 9), (99, 10), (100, 10)] {
            assert_eq!(percentile(&values, percent), Duration::from_millis(expected));
        }
        assert_eq!(percentile(&values[..1], 50), Duration::from_millis(1));
    }
}
