//! What there is to run below a folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::recording::Recording;
use crate::script::Script;
use crate::source_file;

/// Folders that nobody keeps tests in.
const SKIPPED: [&str; 2] = ["target", "node_modules"];

/// What the name of a recording ends with.
const RECORDING: &str = ".recording.json";

/// What a case does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Calls this function of the test file.
    Function(String),
    /// Sends the event to this function of the script and compares what comes.
    Event { function: String, event: PathBuf, expected: Expected },
    /// Runs a recorded invocation again, and compares where there is something to compare with.
    Recording { text: String, timeout: Duration, expected: Option<Expected> },
}

/// What has to come of an event, and the file that says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expected {
    /// This JSON.
    Response(PathBuf),
    /// An error with these fields.
    Error(PathBuf),
    /// A streamed response with this text.
    Text(PathBuf),
}

impl Expected {
    /// What is beside the files that begin so.
    fn beside(folder: &Path, stem: &str) -> Option<Expected> {
        let file =
            |end: &str| Some(folder.join(format!("{stem}.{end}"))).filter(|path| path.is_file());
        file("response.json")
            .map(Expected::Response)
            .or_else(|| file("error.json").map(Expected::Error))
            .or_else(|| file("response.txt").map(Expected::Text))
    }

    fn file_name(&self) -> String {
        let (Expected::Response(path) | Expected::Error(path) | Expected::Text(path)) = self;
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The file that people know it by, from where they are.
    pub(crate) file: String,
    /// What it is called in its file.
    pub(crate) name: String,
    /// The folder of the script.
    pub(crate) folder: PathBuf,
    /// The script that is tested, without `.rhai`.
    pub(crate) script: String,
    pub(crate) kind: Kind,
}

/// The cases of a file or below a folder, in a fixed order.
pub(crate) fn find(typed: &Path, from: &Path) -> Result<Vec<Case>, Failure> {
    let path = from.join(typed);
    let metadata = fs::metadata(&path).map_err(|error| Failure::reading(typed, &error))?;
    let mut files = BTreeSet::new();
    if metadata.is_dir() {
        collect(&path, &mut files).map_err(|error| Failure::reading(typed, &error))?;
    } else {
        files.insert(path);
    }
    let mut cases = Vec::new();
    for file in &files {
        let shown = file.strip_prefix(from).unwrap_or(file).to_string_lossy().into_owned();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let folder = file.parent().unwrap_or(from);
        if let Some(stem) = name.strip_suffix(".test.rhai") {
            cases.extend(functions(file, &shown, folder, stem)?);
        } else if let Some(stem) = name.strip_suffix(".event.json") {
            cases.extend(event(&shown, folder, stem)?);
        } else if let Some(stem) = name.strip_suffix(RECORDING) {
            cases.extend(recording(file, &shown, folder, stem)?);
        } else if let Some(stem) = name.strip_suffix(".rhai").filter(|_| files.len() == 1) {
            return Err(Failure::usage(format!(
                "{shown} is a script; its tests are in {stem}.test.rhai, or in {stem}.event.json \
                 with {stem}.response.json"
            )));
        }
    }
    Ok(cases)
}

fn collect(folder: &Path, files: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if [".test.rhai", ".event.json", RECORDING].iter().any(|end| name.ends_with(end)) {
            files.insert(entry.path());
        }
    }
    Ok(())
}

fn functions(file: &Path, shown: &str, folder: &Path, script: &str) -> Result<Vec<Case>, Failure> {
    let source =
        source_file::read(file).map_err(|error| Failure::reading(Path::new(shown), &error))?;
    let source = String::from_utf8(source)
        .map_err(|_| Failure::usage(format!("{shown} is not UTF-8 text")))?;
    let parsed = Script::parse(shown, &source)?;
    let mut cases = Vec::new();
    for function in parsed.functions.iter().filter(|one| one.name.starts_with("test_")) {
        if !function.parameters.is_empty() {
            return Err(Failure::usage(format!(
                "{shown}: `{}` takes parameters, and a test takes none",
                function.name
            )));
        }
        let place = source.find(&format!("fn {}(", function.name)).unwrap_or(0);
        cases.push((
            place,
            Case {
                file: shown.to_owned(),
                name: function.name.clone(),
                folder: folder.to_owned(),
                script: script.to_owned(),
                kind: Kind::Function(function.name.clone()),
            },
        ));
    }
    cases.sort_by_key(|(place, _)| *place);
    Ok(cases.into_iter().map(|(_, case)| case).collect())
}

/// An event is a test if it is beside a script and what comes of it is known. `NAME.event.json` goes
/// to `handler` of `NAME.rhai`, and so does `NAME.CASE.event.json`, unless there is a function `CASE`;
/// `NAME.FUNCTION.CASE.event.json` goes to that function.
fn event(shown: &str, folder: &Path, stem: &str) -> Result<Option<Case>, Failure> {
    let Some(expected) = Expected::beside(folder, stem) else { return Ok(None) };
    let mut script = stem;
    let mut function = "handler";
    if !folder.join(format!("{stem}.rhai")).is_file() {
        let Some((mut name, mut case)) = stem.rsplit_once('.') else { return Ok(None) };
        let mut path = folder.join(format!("{name}.rhai"));
        if !path.is_file() {
            // `NAME.FUNCTION.CASE`
            let Some((script, function)) = name.rsplit_once('.') else { return Ok(None) };
            (name, case) = (script, function);
            path = folder.join(format!("{name}.rhai"));
        }
        if !path.is_file() {
            return Ok(None);
        }
        let source =
            source_file::read_text(&path).map_err(|error| Failure::reading(&path, &error))?;
        let parsed = Script::parse(&format!("{name}.rhai"), &source)?;
        if parsed.check_handler(case).is_ok() {
            function = case;
        }
        script = name;
    }
    Ok(Some(Case {
        file: shown.to_owned(),
        name: expected.file_name(),
        folder: folder.to_owned(),
        script: script.to_owned(),
        kind: Kind::Event {
            function: function.to_owned(),
            event: folder.join(format!("{stem}.event.json")),
            expected,
        },
    }))
}

/// `NAME.CASE.recording.json` is a test of `NAME.rhai` if what comes of it is known.
fn recording(file: &Path, shown: &str, folder: &Path, stem: &str) -> Result<Option<Case>, Failure> {
    let Some(expected) = Expected::beside(folder, stem) else { return Ok(None) };
    let text = source_file::read_text(file).map_err(|error| Failure::reading(file, &error))?;
    let recording = Recording::read(text)
        .map_err(|why| Failure::usage(format!("cannot use {shown}: {why}")))?;
    if !recording.has_script_path() {
        return Err(Failure::usage(format!(
            "cannot use {shown}: `{}` is no script below a task root",
            recording.file
        )));
    }
    let Some((root, script)) = task_root(folder, recording.script()) else { return Ok(None) };
    Ok(Some(Case {
        file: shown.to_owned(),
        name: expected.file_name(),
        folder: root.to_owned(),
        script: script.to_owned(),
        kind: recorded(&recording, None, Some(expected)),
    }))
}

/// The task root of a script that is in this folder, and its path from there: as it was when it was
/// recorded if the folders are called so still, since imports and messages are by that path.
fn task_root<'a>(folder: &'a Path, script: &'a str) -> Option<(&'a Path, &'a str)> {
    let name = script.rsplit('/').next().unwrap_or_default();
    if !folder.join(format!("{name}.rhai")).is_file() {
        return None;
    }
    let folders = Path::new(script).parent().unwrap_or(Path::new(""));
    let root = folder.ancestors().nth(folders.components().count());
    let root = root.filter(|_| folder.ends_with(folders));
    Some(root.map_or((folder, name), |root| (root, script)))
}

/// What runs a recording again, in the time that it had then.
pub(crate) fn recorded(
    recording: &Recording,
    timeout: Option<Duration>,
    expected: Option<Expected>,
) -> Kind {
    const WITHOUT_DEADLINE: Duration = Duration::from_secs(3);
    let then = recording.timeout_ms().map_or(WITHOUT_DEADLINE, Duration::from_millis);
    let timeout = timeout.unwrap_or(then);
    Kind::Recording { text: recording.text.clone(), timeout, expected }
}
