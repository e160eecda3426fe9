//! Ways to the parsers of the tool that only fuzz targets take.

use std::io;
use std::net::TcpStream;
use std::path::Path;

use crate::dev::server::{Reply, Request, serve_one};
use crate::format::{self, Refusal};
use crate::recording::{Recording, Sealed};
use crate::script::Script;
use crate::script_name::ScriptName;
use crate::{check, json_path};

/// A request as the server of `rhambda dev` read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Serves one connection as `rhambda dev` does, with the number of the request as the answer.
///
/// # Errors
/// What was wrong with the connection.
pub fn converse_with(
    stream: TcpStream,
    asked: impl Fn(Asked) -> usize + Send + Sync + 'static,
) -> io::Result<()> {
    serve_one(stream, &move |request: Request| {
        // What the routes ask of a request first.
        let _ = (request.host(), request.is_from_another_page());
        let Request { method, path, query, headers, body, .. } = request;
        let number = asked(Asked { method, path, query, headers, body });
        Reply::new(200, "text/plain", number.to_string())
    })
}

/// Lays scripts out as `rhambda fmt` does.
pub struct Formatter(format::Formatter);

/// What became of a script that was to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formatted {
    Script(String),
    /// It does not compile, or is larger than any script.
    Refused,
    /// The result would not be the same script.
    Defect(String),
}

impl Formatter {
    /// # Panics
    /// When the engine cannot be set up.
    #[must_use]
    pub fn new() -> Formatter {
        Formatter(format::Formatter::new().expect("the engine can be set up"))
    }

    #[must_use]
    pub fn format(&self, source: &str) -> Formatted {
        match self.0.format(source) {
            Ok(script) => Formatted::Script(script),
            Err(Refusal::Syntax(_) | Refusal::TooLarge { .. }) => Formatted::Refused,
            Err(Refusal::Defect { line, reason }) => Formatted::Defect(format!("{line}: {reason}")),
        }
    }
}

impl Default for Formatter {
    fn default() -> Formatter {
        Formatter::new()
    }
}

/// A problem that `rhambda check` finds: the file, line and column, and what it is.
pub type Problem = (String, usize, usize, String);

/// Checks scripts below a folder.
///
/// # Errors
/// When they could not be checked.
pub fn check(root: &Path, scripts: &[&str]) -> Result<Vec<Problem>, String> {
    let request = check::Request {
        scripts: scripts.iter().map(|&script| script.to_owned()).collect(),
        ..check::Request::default()
    };
    let found = check::check(root, &request).map_err(|failure| failure.message)?;
    let problems = found.problems.into_iter();
    Ok(problems.map(|it| (it.file, it.line, it.column, it.message)).collect())
}

/// Whether a script parses, as `rhambda package` reads it.
///
/// # Errors
/// When the parser itself failed.
pub fn parses(source: &str) -> Result<bool, String> {
    Script::read(source).map(|script| script.is_ok()).map_err(|failure| failure.message)
}

/// How many recordings a log has, and how many of them are whole.
#[must_use]
pub fn recordings(log: &str) -> (usize, usize) {
    let found = Sealed::find_all(log);
    (found.len(), found.iter().flatten().count())
}

/// Reads a recording, and all that can be asked of it.
///
/// # Errors
/// Why it is none.
///
/// # Panics
/// When it is another one after it was written and read again.
pub fn recording(text: String) -> Result<(), String> {
    let mut recording = Recording::read(text)?;
    let _ = (recording.event(), recording.response(), recording.values(), recording.timeout_ms());
    let _ = (recording.script_and_function(), recording.script(), recording.error());
    if recording.has_script_path() {
        let root = Path::new("/root-of-the-task");
        assert!(root.join(&recording.file).starts_with(root));
        assert!(!recording.file.split('/').any(|part| part == ".."));
    }
    for answers in [&recording.init, &recording.answers] {
        answers.exchanges.iter().for_each(|exchange| drop(exchange.body()));
        answers.files.values().for_each(|file| drop(file.contents()));
    }
    let written = serde_json::to_string(&recording).expect("a recording is JSON");
    let again = Recording::read(written).expect("what was written can be read");
    recording.text.clone_from(&again.text);
    assert_eq!(recording, again);
    Ok(())
}

/// The task root, the path below it and the handler setting of what somebody typed.
///
/// # Errors
/// Why it is no script, for people.
pub fn script_name(
    typed: &Path,
    from: &Path,
) -> Result<(std::path::PathBuf, String, String), String> {
    let found = ScriptName::resolve(typed, None, from).map_err(|failure| failure.message)?;
    let handler = found.handler();
    Ok((found.root, found.path, handler))
}

/// JSON text changed as `--set` says.
///
/// # Errors
/// What is wrong with the change.
pub fn assign(json: &str, change: &str) -> Result<String, String> {
    json_path::assign(json, change)
}

/// The comments above the first statement of a script, as `rhambda fmt` cuts them.
#[must_use]
pub fn head_comments(source: &str) -> Vec<&str> {
    format::head_comments(source)
}
