//! `rhambda replay`: runs a recorded invocation again.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::{Value, json};

use crate::commands::record::KEY_FILE;
use crate::commands::settings;
use crate::emulator::FunctionError;
use crate::environment::{LogLine, Stream};
use crate::failure::{Exit, Failure};
use crate::json_text::{is_json, pretty};
use crate::recording::{Key, Recording, Sealed, is_same_script};
use crate::surroundings::Surroundings;
use crate::terminal::{Look, Terminal};
use crate::testing::cases::{Case, recorded};
use crate::testing::pair::{self, NotSaved, TOO_LATE};
use crate::testing::run::{self, Done, Plan};
use crate::{error_view, log_view};

/// Runs a recorded invocation again, on this machine.
///
/// The recording is found in a log, however the log was fetched: it is the text that begins with
/// `rhambda-recording`. The script is the one that is here now, so that it can be mended and tried. All
/// else is as it was: the event, `this` and the cache, the clock, chance, variables, files below /tmp,
/// and the answers to requests. Nothing is sent. A request that was not made then fails, and is told.
///
/// The response goes to standard output, logs and everything else to standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  aws logs tail /aws/lambda/orders --since 1h | rhambda replay -
  rhambda replay orders.log --request 1ee3a9f8
  rhambda replay orders.log --list
  rhambda replay orders.log --show | jq .event
  rhambda replay orders.log --save lost-order
  rhambda invoke orders --event order.json --record order.recording.json
  rhambda replay order.recording.json

Exit codes: 0 a response, 1 the function failed, 2 a wrong command line or file, or no recording, 3 \
the tool failed.")]
pub struct Replay {
    /// A log with recordings, a file that `invoke --record` wrote, the text of a recording, or `-` for
    /// standard input
    #[arg(value_name = "LOG|FILE|TEXT|-")]
    log: String,

    /// The file of the key that `rhambda record` made
    #[arg(long, value_name = "FILE", default_value = KEY_FILE)]
    key: PathBuf,

    /// Of several recordings, the one of the request whose id begins so [default: the last]
    #[arg(long, value_name = "ID")]
    request: Option<String>,

    /// Lists the recordings, and runs none
    #[arg(long, conflicts_with_all = ["show", "save"])]
    list: bool,

    /// Prints all that was recorded as JSON, and runs nothing
    #[arg(long, conflicts_with = "save")]
    show: bool,

    /// Writes a test beside the script: NAME.CASE.recording.json, and what comes of it now
    #[arg(long, value_name = "CASE")]
    save: Option<String>,

    /// The task root: the folder with the function's scripts
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,

    /// Another value of an environment variable; with a name only, your own value of it
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,

    /// Another time limit, in seconds [default: as long as there was then]
    #[arg(short, long, value_name = "SECONDS", value_parser = settings::timeout)]
    timeout: Option<Duration>,

    /// Prints one JSON object with the response or error, what was recorded, and the logs
    #[arg(long)]
    json: bool,
}

/// The largest log that is read, in bytes.
const MOST_BYTES: u64 = 256 << 20;

impl Replay {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let recordings = self.recordings(surroundings)?;
        if self.list {
            return self.list(&recordings, &surroundings.terminal);
        }
        let recording = self.chosen(&recordings)?;
        if self.show {
            let text = pretty(&recording.text) + "\n";
            surroundings.terminal.out(text.as_bytes()).map_err(Failure::output)?;
            return Ok(Exit::Success);
        }
        let root = self.root(surroundings, &recording)?;
        let save = self.save.as_deref().map(|case| Save::new(&root, &recording, case));
        let save = save.transpose()?;
        let done = self.replay(surroundings, &recording, &root)?;
        let replayed = Replayed { recording: &recording, done: &done, root: &root };
        match self.json {
            true => replayed.print_json(&surroundings.terminal)?,
            false => replayed.print(&surroundings.terminal)?,
        }
        if let Some(save) = save {
            let files = save.write(&replayed)?;
            if !self.json {
                surroundings.terminal.err(&format!(
                    "saved {}; look them over before you share them: they have the event, the \
                     variables and the answers to requests",
                    files.join(" and "),
                ));
            }
        }
        Ok(if done.has_passed() { Exit::Success } else { Exit::FunctionFailed })
    }

    /// All recordings there are.
    fn recordings(&self, surroundings: &Surroundings) -> Result<Recordings, Failure> {
        let text = self.text(surroundings)?;
        let sealed = Sealed::find_all(&text);
        if text.trim_start().starts_with('{') {
            match Recording::read(text.trim().to_owned()) {
                Ok(recording) => return Ok(Recordings::Open(Box::new(recording))),
                // A log may be JSON, too.
                Err(why) if sealed.is_empty() => {
                    return Err(Failure::usage(format!("cannot use `{}`: {why}", self.log)));
                }
                Err(_) => {}
            }
        }
        if sealed.is_empty() {
            return Err(Failure::usage(format!(
                "there is no recording in {}; a function that has the setting of `rhambda record` \
                 leaves one in its log when an invocation fails",
                self.named()
            )));
        }
        let key = Key::read(&surroundings.directory.join(&self.key)).map_err(|error| {
            let mut failure = Failure::reading(&self.key, &error);
            failure.message.push_str("; --key names the file that `rhambda record` wrote");
            failure
        })?;
        Ok(Recordings::Sealed(sealed, Box::new(key)))
    }

    fn named(&self) -> String {
        match self.log.as_str() {
            "-" => "standard input".to_owned(),
            file => format!("`{file}`"),
        }
    }

    fn text(&self, surroundings: &Surroundings) -> Result<String, Failure> {
        if !Sealed::find_all(&self.log).is_empty() {
            return Ok(self.log.clone());
        }
        let mut text = Vec::new();
        let path = Path::new(&self.log);
        let read = match self.log.as_str() {
            "-" => std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut text),
            _ => fs::File::open(surroundings.directory.join(path))
                .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text)),
        };
        read.map_err(|error| Failure::reading(path, &error))?;
        if text.len() as u64 == MOST_BYTES {
            return Err(Failure::usage(format!(
                "{} has more than 256 MB; give the part with the recording, as by grep \
                 rhambda-recording",
                self.named()
            )));
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn chosen(&self, recordings: &Recordings) -> Result<Recording, Failure> {
        let count = recordings.len();
        let Some(wanted) = &self.request else {
            let last = recordings.newest_first().next().unwrap_or_else(|| Err("it is gone".into()));
            return last.map_err(|why| match count {
                1 => Failure::usage(why),
                _ => Failure::usage(format!("the last of {count} recordings: {why}")),
            });
        };
        let mut known = Vec::new();
        for recording in recordings.newest_first().flatten() {
            if recording.invocation.request_id.starts_with(wanted) {
                return Ok(recording);
            }
            known.push(recording.invocation.request_id);
        }
        known.reverse();
        Err(Failure::usage(match known.as_slice() {
            [] => format!("none of {count} recordings can be opened with that key"),
            known => {
                format!("no recording of a request `{wanted}`; there are {}", known.join(", "))
            }
        }))
    }

    fn list(&self, recordings: &Recordings, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut text = String::new();
        let mut all = Vec::new();
        for recording in recordings.oldest_first() {
            match recording {
                Ok(recording) => {
                    let (at, id) = (moment(recording.started_ms), &recording.invocation.request_id);
                    let came = match recording.error() {
                        Some((kind, message)) => {
                            format!("{kind}: {}", message.lines().next().unwrap_or_default())
                        }
                        None => "a response".to_owned(),
                    };
                    let line = format!("{at}  {id}  {}  {came}", recording.handler);
                    text.push_str(&plain(&line));
                    text.push('\n');
                    all.push(json!({
                        "recordedAt": at, "requestId": id, "handler": recording.handler,
                        "error": recording.error().map(|(kind, message)| json!({
                            "errorType": kind, "errorMessage": message,
                        })),
                    }));
                }
                Err(why) => {
                    text.push_str(&format!("cannot be opened: {why}\n"));
                    all.push(json!({ "cannotBeOpened": why }));
                }
            }
        }
        if self.json {
            text = Value::Array(all).to_string() + "\n";
        }
        terminal.out(text.as_bytes()).map_err(Failure::output)?;
        Ok(Exit::Success)
    }

    /// The folder with the scripts, in which the recorded one has to be.
    fn root(&self, surroundings: &Surroundings, recording: &Recording) -> Result<PathBuf, Failure> {
        let root = surroundings.directory.join(&self.root).canonicalize();
        let root = root.map_err(|error| Failure::reading(&self.root, &error))?;
        match recording.has_script_path() && root.join(&recording.file).is_file() {
            true => Ok(root),
            false => Err(Failure::usage(format!(
                "there is no `{}` in `{}`; --root names the folder with the function's scripts",
                recording.file,
                self.root.display()
            ))),
        }
    }

    fn replay(
        &self,
        surroundings: &Surroundings,
        recording: &Recording,
        root: &Path,
    ) -> Result<Done, Failure> {
        let plan = Plan {
            executable: surroundings.own_executable()?,
            jobs: 1,
            timeout: Duration::ZERO,
            memory_mb: 128,
            variables: settings::given(&self.variables, surroundings)?,
            include: Vec::new(),
            updates: false,
            covers: false,
            fails_fast: false,
        };
        let case = Case {
            file: recording.file.clone(),
            name: recording.invocation.request_id.clone(),
            folder: root.to_owned(),
            script: recording.script().to_owned(),
            kind: recorded(recording, self.timeout, None),
        };
        let done = run::all(&plan, &[case], |_| {})?;
        done.into_iter().next().ok_or_else(|| Failure::broken("the invocation was not run"))
    }
}

/// What there is to choose from. Each recording is opened when it is looked at: a log may have many
/// thousands, and anybody may have written them.
enum Recordings {
    Open(Box<Recording>),
    Sealed(Vec<Result<Sealed, String>>, Box<Key>),
}

/// A recording; of one that cannot be opened, the reason.
type Opened = Result<Recording, String>;

impl Recordings {
    fn len(&self) -> usize {
        match self {
            Recordings::Open(_) => 1,
            Recordings::Sealed(sealed, _) => sealed.len(),
        }
    }

    fn at(&self, index: usize) -> Opened {
        match self {
            Recordings::Open(recording) => Ok((**recording).clone()),
            Recordings::Sealed(sealed, key) => {
                sealed[index].as_ref().map_err(String::clone)?.open(key)
            }
        }
    }

    fn oldest_first(&self) -> impl Iterator<Item = Opened> {
        (0..self.len()).map(|index| self.at(index))
    }

    fn newest_first(&self) -> impl Iterator<Item = Opened> {
        (0..self.len()).rev().map(|index| self.at(index))
    }
}

/// A moment in ms since the epoch as RFC 3339.
fn moment(ms: u64) -> String {
    let moment = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map(|moment| moment.to_string()).unwrap_or_default()
}

/// What came of it.
struct Replayed<'a> {
    recording: &'a Recording,
    done: &'a Done,
    root: &'a Path,
}

impl Replayed<'_> {
    fn response(&self) -> Vec<u8> {
        let response = self.done.verdict.response.as_ref();
        response.and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default()
    }

    fn error(&self) -> Option<(&str, &str)> {
        let error = self.done.verdict.error.as_ref()?;
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        Some((text("errorType"), text("errorMessage")))
    }

    /// Whether the same came of it; `None` where that cannot be said.
    fn is_same(&self) -> Option<bool> {
        match (self.recording.error(), self.error()) {
            // It tells how long the script ran, which is never the same.
            (Some((kind, _)), Some((now, _))) if kind == TOO_LATE => Some(now == kind),
            (Some((kind, message)), Some(now)) => Some(now == (&kind, &message)),
            (None, None) if self.recording.streamed && self.done.verdict.streamed => None,
            (None, None) => Some(self.recording.response() == self.response()),
            _ => Some(false),
        }
    }

    fn has_changed(&self) -> bool {
        !is_same_script(self.recording, &self.root.join(&self.recording.file))
    }

    /// Then and now in one line.
    fn comparison(&self) -> String {
        let then = moment(self.recording.started_ms);
        let comparison = match (self.recording.error(), self.error(), self.is_same()) {
            (Some(_), _, Some(true)) => format!("the same error as at {then}"),
            (None, _, None) => {
                format!("it streams as at {then}; what it streamed then is not in the recording")
            }
            (None, _, Some(true)) => format!("the same response as at {then}"),
            (Some((kind, message)), Some(_), _) => {
                format!("another error than at {then}, which was {kind}: {}", first_line(&message))
            }
            (Some((kind, message)), None, _) => {
                format!("it responds, and failed at {then} with {kind}: {}", first_line(&message))
            }
            (None, Some(_), _) => format!("it fails, and responded at {then}"),
            (None, None, _) => format!("another response than at {then}"),
        };
        let changed = if self.has_changed() { "; the script has changed since" } else { "" };
        let (theirs, ours) = (&self.recording.runtime, env!("CARGO_PKG_VERSION"));
        let version = match theirs == ours {
            true => String::new(),
            false => format!("; recorded by rhambda {theirs}, replayed by {ours}"),
        };
        format!("replayed: {comparison}{changed}{version}")
    }

    fn print(&self, terminal: &Terminal) -> Result<(), Failure> {
        for line in self.done.log.lines() {
            let line = LogLine { stream: Stream::Stderr, text: line.to_owned() };
            // The error is about to be shown.
            if !log_view::is_error(&line) || !self.reports(&line) {
                terminal.err(&log_view::view(&line, terminal));
            }
        }
        match &self.done.verdict.error {
            None => {
                let mut response = self.response();
                if is_json(&response) {
                    if terminal.stdout_is_terminal {
                        response = pretty(&String::from_utf8_lossy(&response)).into_bytes();
                    }
                    response.push(b'\n');
                }
                terminal.out(&response).map_err(Failure::output)?;
            }
            Some(error) => {
                let error_type = error["errorType"].as_str().map(str::to_owned);
                let body = error.to_string().into_bytes();
                let error = FunctionError { error_type, body, xray_cause: None };
                terminal.err(&error_view::view(&error, terminal));
            }
        }
        for what in &self.recording.left_out {
            terminal.warning(&plain(&format!("the recording does not have {what}")));
        }
        for name in &self.done.verdict.unknown {
            terminal.warning(&plain(&format!(
                "the recording does not have the variable {name}; --env {name}=VALUE gives it a value"
            )));
        }
        for call in &self.done.verdict.unused {
            terminal.warning(&plain(&format!("not asked for this time: {call}")));
        }
        terminal.err(&terminal.paint(Look::Faint, &plain(&self.comparison())));
        Ok(())
    }

    fn reports(&self, line: &LogLine) -> bool {
        self.error().is_some_and(|(_, message)| log_view::reports(line, message))
    }

    fn print_json(&self, terminal: &Terminal) -> Result<(), Failure> {
        let text = |bytes: &[u8]| match is_json(bytes) {
            // Parsing would round long numbers.
            true => String::from_utf8_lossy(bytes).into_owned(),
            false => json!(String::from_utf8_lossy(bytes)).to_string(),
        };
        let recording = self.recording;
        let then = match &recording.error {
            Some(error) => format!("\"error\":{}", text(error.as_bytes())),
            None if recording.streamed => "\"streamed\":true".to_owned(),
            None => format!("\"response\":{}", text(&recording.response())),
        };
        let now = match &self.done.verdict.error {
            Some(error) => format!("\"error\":{error}"),
            None => format!("\"response\":{}", text(&self.response())),
        };
        let logs: Vec<_> = self.done.log.lines().collect();
        let facts = json!({
            "requestId": recording.invocation.request_id,
            "handler": recording.handler,
            "recordedAt": moment(recording.started_ms),
            "recordedBy": recording.runtime,
            "same": self.is_same(),
            "scriptChanged": self.has_changed(),
            "leftOut": recording.left_out,
            "notAskedFor": self.done.verdict.unused,
            "unknownVariables": self.done.verdict.unknown,
            "logs": logs,
        });
        let facts = facts.to_string();
        let facts = facts.strip_suffix('}').unwrap_or(&facts);
        let mut object = format!("{facts},{now},\"recorded\":{{{then}}}}}");
        if terminal.stdout_is_terminal {
            object = pretty(&object);
        }
        object.push('\n');
        terminal.out(object.as_bytes()).map_err(Failure::output)
    }
}

/// A line without what would control the terminal: anybody may have written a recording.
fn plain(line: &str) -> String {
    line.replace(char::is_control, "\u{fffd}")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A test that is to be written.
struct Save {
    folder: PathBuf,
    /// `NAME.CASE`.
    stem: String,
}

impl Save {
    /// Fails before anything is run where the test cannot be written.
    fn new(root: &Path, recording: &Recording, case: &str) -> Result<Save, Failure> {
        if !pair::is_case(case) {
            let why = pair::CASE_NAMES;
            return Err(Failure::usage(format!("--save `{case}` cannot be: {why}")));
        }
        let script = root.join(recording.script());
        let name = script.file_name().unwrap_or_default().to_string_lossy();
        let folder = script.parent().unwrap_or(root).to_owned();
        let save = Save { stem: format!("{name}.{case}"), folder };
        let kinds = ["recording.json", "response.json", "error.json", "response.txt"];
        match kinds.iter().map(|kind| save.path(kind)).find(|path| path.exists()) {
            Some(path) => Err(exists(&path)),
            None => Ok(save),
        }
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.stem))
    }

    /// Writes both files, or neither.
    fn write(&self, replayed: &Replayed) -> Result<[String; 2], Failure> {
        let response = || String::from_utf8_lossy(&replayed.response()).into_owned();
        let (kind, outcome) = match &replayed.done.verdict.error {
            Some(error) => ("error.json", pretty(&pair::lasting(error.clone()).to_string()) + "\n"),
            None if replayed.done.verdict.streamed => ("response.txt", response()),
            None => ("response.json", pretty(&response()) + "\n"),
        };
        let recording = pretty(&replayed.recording.text) + "\n";
        let files = [("recording.json", recording.into_bytes()), (kind, outcome.into_bytes())];
        let name =
            |path: PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match pair::save(&self.folder, &self.stem, &files) {
            Ok(paths) => Ok(paths.map(name)),
            Err(NotSaved::Exists(path)) => Err(exists(&path)),
            Err(NotSaved::Failed(path, error)) => Err(Failure::writing(&path, &error)),
        }
    }
}

fn exists(path: &Path) -> Failure {
    Failure::usage(format!("`{}` is there already; choose another --save name", path.display()))
}
