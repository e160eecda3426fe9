//! `rhambda fmt`: scripts laid out in one way.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use serde_json::{Value, json};

use crate::check::{self, Findings, Problem, report};
use crate::failure::{Exit, Failure};
use crate::format::difference::difference;
use crate::format::{Formatter, Refusal};
use crate::script_name::ScriptName;
use crate::scripts::scripts_below;
use crate::source_file;
use crate::surroundings::Surroundings;
use crate::terminal::Terminal;

/// Lays scripts out in one way.
///
/// Lines stay where they are; what changes is the white space in them: indentation, spaces, blank
/// lines that are too many, line ends. Each result is proved to be the same script before it is
/// written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda fmt
  rhambda fmt orders.rhai lib
  rhambda fmt --check
  rhambda fmt - < orders.rhai

Exit codes: 0 done; 1 --check found scripts that are not formatted; 2 a wrong command line or file, a \
script that does not compile among them; 3 the tool failed.")]
pub struct Fmt {
    /// Scripts and folders [default: the working directory]; `-` formats standard input to standard
    /// output
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Writes nothing; shows what would change, and exits with 1 if anything would
    #[arg(long)]
    check: bool,

    /// Prints one JSON object about the scripts
    #[arg(long)]
    json: bool,
}

/// A stack to match scripts that are nested as deep as the parser takes them.
const STACK: usize = 256 << 20;

/// Where a defect is told.
const ISSUES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");

impl Fmt {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let (source, terminal) = (self.source(&surroundings.directory)?, surroundings.terminal);
        let result = thread::scope(|scope| {
            let formatter = thread::Builder::new().stack_size(STACK);
            let formatter = formatter.spawn_scoped(scope, || self.format(source, &terminal));
            formatter.map(|formatter| formatter.join())
        });
        match result {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::broken("the formatter failed")),
            Err(error) => Err(Failure::broken(format!("cannot start the formatter: {error}"))),
        }
    }

    /// What is to be formatted.
    fn source(&self, directory: &Path) -> Result<Source, Failure> {
        if self.paths.iter().any(|path| path.as_os_str() == "-") {
            if self.paths.len() > 1 || self.json {
                let alone = "`-` stands alone: standard input goes to standard output";
                return Err(Failure::usage(alone));
            }
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| {
                Failure::usage(format!("cannot read from standard input: {error}"))
            })?;
            return Ok(Source::Input(bytes));
        }
        let here = [PathBuf::from(".")];
        let paths = if self.paths.is_empty() { &here[..] } else { &self.paths };
        let mut scripts = Vec::new();
        for path in paths {
            // The working directory is not worth a word.
            let shown = if path.as_os_str() == "." { Path::new("") } else { path };
            let full = directory.join(shown);
            if full.is_dir() {
                let mut below = scripts_below(&full, "", path)?;
                below.sort();
                scripts.extend(below.into_iter().map(|script| Script {
                    name: shown.join(&script).to_string_lossy().into_owned(),
                    path: full.join(script),
                }));
            } else if full.is_file() && full.extension().is_some_and(|it| it == "rhai") {
                scripts.push(Script { name: path.to_string_lossy().into_owned(), path: full });
            } else {
                let script = ScriptName::resolve(path, None, directory)?;
                let folder = path.parent().unwrap_or(Path::new(""));
                let name = folder.join(&script.path).to_string_lossy().into_owned();
                scripts.push(Script { name, path: script.root.join(script.path) });
            }
        }
        // A script may be named twice, and links may lead to it.
        let mut seen = HashSet::new();
        scripts.retain(|script| match script.path.canonicalize() {
            Ok(real) => seen.insert(real),
            Err(_) => true,
        });
        Ok(Source::Scripts(scripts))
    }

    fn format(&self, source: Source, terminal: &Terminal) -> Result<Exit, Failure> {
        let formatter = Formatter::new()?;
        match source {
            Source::Input(bytes) => self.format_input(&formatter, bytes, terminal),
            Source::Scripts(scripts) => self.format_scripts(&formatter, &scripts, terminal),
        }
    }

    fn format_input(
        &self,
        formatter: &Formatter,
        bytes: Vec<u8>,
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let name = "<standard input>";
        let (old, new) = match formatted(formatter, name, bytes) {
            Ok(texts) => texts,
            Err(trouble) => {
                trouble.show(terminal);
                return Ok(trouble.exit());
            }
        };
        let (said, exit) = match self.check {
            true if old == new => (String::new(), Exit::Success),
            true => (difference(name, &old, &new, terminal), Exit::FunctionFailed),
            false => (new, Exit::Success),
        };
        terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(exit)
    }

    fn format_scripts(
        &self,
        formatter: &Formatter,
        scripts: &[Script],
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let mut files = Vec::new();
        let (mut changed, mut troubled) = (0, 0);
        let mut exit = Exit::Success;
        for Script { name, path } in scripts {
            let result = self.format_script(formatter, name, path);
            let mut file = json!({ "file": name, "changed": matches!(result, Ok(Some(_))) });
            match result {
                Ok(None) => {}
                Ok(Some((old, new))) => {
                    changed += 1;
                    let said = match self.check {
                        true => difference(name, &old, &new, terminal),
                        false => format!("{name}\n"),
                    };
                    if !self.json {
                        terminal.out(said.as_bytes()).map_err(Failure::output)?;
                    }
                    if self.check {
                        exit = worse(exit, Exit::FunctionFailed);
                    }
                }
                Err(trouble) => {
                    troubled += 1;
                    exit = worse(exit, trouble.exit());
                    file["error"] = trouble.json();
                    if !self.json {
                        trouble.show(terminal);
                    }
                }
            }
            files.push(file);
        }
        let said = match self.json {
            true => format!("{}\n", json!({ "files": files })),
            false => self.summary(scripts.len(), changed, troubled),
        };
        terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(exit)
    }

    /// The script before and after, if that is not the same.
    fn format_script(
        &self,
        formatter: &Formatter,
        name: &str,
        path: &Path,
    ) -> Result<Option<(String, String)>, Trouble> {
        let bytes = source_file::read(path).map_err(|error| {
            Trouble::Elsewhere(Exit::Usage, format!("cannot read `{name}`: {error}"))
        })?;
        let (old, new) = formatted(formatter, name, bytes)?;
        if old == new {
            return Ok(None);
        }
        if !self.check {
            replace(path, new.as_bytes()).map_err(|error| {
                Trouble::Elsewhere(Exit::Usage, format!("cannot write `{name}`: {error}"))
            })?;
        }
        Ok(Some((old, new)))
    }

    fn summary(&self, scripts: usize, changed: usize, troubled: usize) -> String {
        let count = match scripts {
            1 => "1 script".to_owned(),
            _ => format!("{scripts} scripts"),
        };
        let is = |number| if number == 1 { "is" } else { "are" };
        let mut said = match changed {
            0 if troubled > 0 => format!("0 of {count} formatted"),
            0 => format!("{count} {} formatted", is(scripts)),
            _ if self.check => format!("{changed} of {count} {} not formatted", is(changed)),
            _ => format!("{changed} of {count} formatted"),
        };
        if troubled > 0 {
            said.push_str(&format!(", {troubled} left alone"));
        }
        said.push('\n');
        said
    }
}

/// What is to be formatted.
enum Source {
    Input(Vec<u8>),
    Scripts(Vec<Script>),
}

/// A script and what it is called.
struct Script {
    name: String,
    path: PathBuf,
}

/// Why a script is left alone.
enum Trouble {
    /// With a place in the script, and the script's text if it is one.
    InScript(Box<Problem>, String),
    Elsewhere(Exit, String),
}

impl Trouble {
    fn exit(&self) -> Exit {
        match self {
            Trouble::InScript(..) => Exit::Usage,
            Trouble::Elsewhere(exit, _) => *exit,
        }
    }

    /// Writes it to standard error, as `rhambda check` has it.
    fn show(&self, terminal: &Terminal) {
        match self {
            Trouble::InScript(problem, source) => {
                let sources = [(problem.file.clone(), source.clone())].into();
                let findings = Findings { problems: vec![(**problem).clone()], sources };
                // What is painted for standard output goes to standard error.
                let painted =
                    Terminal { stdout_is_terminal: terminal.stderr_is_terminal, ..*terminal };
                terminal.err(report::human(&findings, &painted).trim_end());
            }
            Trouble::Elsewhere(_, message) => terminal.error(message),
        }
    }

    fn json(&self) -> Value {
        match self {
            Trouble::InScript(problem, _) => {
                let Problem { line, column, message, .. } = &**problem;
                json!({ "message": message, "line": line, "column": column })
            }
            Trouble::Elsewhere(_, message) => json!({ "message": message }),
        }
    }
}

/// The text of a script before and after.
fn formatted(
    formatter: &Formatter,
    name: &str,
    bytes: Vec<u8>,
) -> Result<(String, String), Trouble> {
    let source = String::from_utf8(bytes)
        .map_err(|error| Trouble::InScript(check::not_utf8(name, &error).into(), String::new()))?;
    match formatter.format(&source) {
        Ok(new) => Ok((source, new)),
        Err(Refusal::Syntax(error)) => {
            let problem = check::syntax_error(name, &source, &error);
            Err(Trouble::InScript(problem.into(), source))
        }
        Err(Refusal::TooLarge { what }) => Err(Trouble::Elsewhere(
            Exit::Usage,
            format!("`{name}` is left as it is: it has {what}, which is too many"),
        )),
        Err(Refusal::Defect { line, reason }) => Err(Trouble::Elsewhere(
            Exit::Broken,
            format!(
                "`{name}` is left as it is: formatted, it would not be the same script any more \
                 ({reason}, line {line})\n  This is a defect of rhambda. Please report it with the \
                 script: {ISSUES}"
            ),
        )),
    }
}

/// The exit code that tells more.
fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |exit| match exit {
        Exit::Success => 0,
        Exit::FunctionFailed => 1,
        Exit::Usage => 2,
        Exit::Broken => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// Writes a file anew, all of it or nothing. A link goes on leading to it; its permissions and its
/// owner stay.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let path = path.canonicalize()?;
    let metadata = fs::metadata(&path)?;
    if metadata.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Hidden, so that nothing that watches scripts takes it for one.
    let unfinished = path.with_file_name(format!(".{name}.{}.unfinished", std::process::id()));
    // What an interrupted run of the same number has left.
    drop(fs::remove_file(&unfinished));
    let written = write_like(&unfinished, contents, &metadata);
    written.and_then(|()| fs::rename(&unfinished, &path)).inspect_err(|_| {
        // The reason for the failure is worth more than a second one.
        drop(fs::remove_file(&unfinished));
    })
}

/// Writes a new file with the permissions and the owner of another.
fn write_like(path: &Path, contents: &[u8], like: &fs::Metadata) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(contents)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&file, Some(like.uid()), Some(like.gid())).map_err(|error| {
                io::Error::new(error.kind(), "it belongs to somebody else, who would lose it")
            })?;
        }
    }
    file.set_permissions(like.permissions())?;
    file.sync_all()
}
