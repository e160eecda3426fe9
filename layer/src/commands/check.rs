//! `rhambda check`: what is wrong with scripts, without running them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rhambda_runtime::suggest::nearest;

use crate::check::{self, Request, Severity, report, rules};
use crate::failure::{Exit, Failure};
use crate::script_name::ScriptName;
use crate::scripts::scripts_below;
use crate::surroundings::Surroundings;

/// Checks scripts without running them.
///
/// It knows every function of the runtime: unknown names, wrong numbers of arguments, imports that
/// lead nowhere, missing handlers, misspelt paths of the event, permissions that are missing or not
/// needed, and what the language does otherwise than people expect who come from another one. What is
/// imported is checked along.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda check
  rhambda check orders.rhai
  rhambda check scripts --deny-warnings
  rhambda check --format github
  rhambda check --format sarif > check.sarif
  rhambda check --explain in-place

A comment at the top of a script names the trigger whose events it takes: `//! trigger: sqs`. \
Without it, `NAME.event.json` beside the script says it.

What is meant as it is: `// rhambda: allow(CODE)` at the end of the line, or on the line before.

Exit codes: 0 nothing is wrong, or warnings only; 1 something is; 2 a wrong command line or file.")]
pub struct Check {
    /// Scripts and folders [default: the working directory]; `orders.refund` is the function
    /// `refund` of `orders.rhai` as a handler
    #[arg(value_name = "PATH[.FUNCTION]")]
    paths: Vec<PathBuf>,

    /// The task root: the folder that imports start from [default: the folder, or the script's]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// An import that a layer provides in /opt
    #[arg(long, value_name = "IMPORT")]
    external: Vec<String>,

    /// How problems are written
    #[arg(long, value_enum, default_value = "human")]
    format: Format,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Exits with 1 for warnings, too
    #[arg(long)]
    deny_warnings: bool,

    /// Says what a code is about, with code that is wrong and code that is right; without one, lists
    /// all codes
    #[arg(long, value_name = "CODE", num_args = 0..=1, conflicts_with_all = ["paths", "root", "external"])]
    explain: Option<Option<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
}

impl Check {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        if let Some(code) = &self.explain {
            return explain(code.as_deref(), surroundings);
        }
        let (root, request) = self.request(&surroundings.directory)?;
        let findings = check::check(&root, &request)?;
        let format = if self.json { Format::Json } else { self.format };
        // Code hosts want paths from where the command was started.
        let prefix = match root.strip_prefix(&surroundings.directory) {
            Ok(below) if !below.as_os_str().is_empty() => format!("{}/", below.display()),
            _ => String::new(),
        };
        let terminal = &surroundings.terminal;
        let said = match format {
            Format::Human => {
                let summary = report::summary(&findings, findings.sources.len());
                let more = report::explained(&findings, terminal);
                format!("{}{more}{summary}\n", report::human(&findings, terminal))
            }
            Format::Json => report::json(&findings),
            Format::Sarif => report::sarif(&findings, &prefix),
            Format::Github => report::github(&findings, &prefix),
        };
        terminal.out(said.as_bytes()).map_err(Failure::output)?;
        let fails = |severity| severity == Severity::Error || self.deny_warnings;
        Ok(match findings.problems.iter().any(|problem| fails(problem.severity)) {
            true => Exit::FunctionFailed,
            false => Exit::Success,
        })
    }

    /// The root, and the scripts below it.
    fn request(&self, directory: &Path) -> Result<(PathBuf, Request), Failure> {
        let here = [PathBuf::from(".")];
        let paths = if self.paths.is_empty() { &here[..] } else { &self.paths };
        let mut root = match &self.root {
            Some(root) => Some(folder(directory, root)?),
            None => None,
        };
        let mut request = Request { external: self.external.clone(), ..Request::default() };
        for path in paths {
            if directory.join(path).is_dir() {
                let folder = folder(directory, path)?;
                let root = root.get_or_insert_with(|| folder.clone());
                let Ok(below) = folder.strip_prefix(&*root) else {
                    return Err(Failure::usage(format!(
                        "`{}` is outside of the root `{}`; name a folder above both with --root",
                        path.display(),
                        root.display()
                    )));
                };
                request.scripts.extend(scripts_below(&folder, &below.to_string_lossy(), path)?);
            } else {
                let script = ScriptName::resolve(path, root.as_deref(), directory)?;
                root.get_or_insert_with(|| script.root.clone());
                // Modules are below `lib`, here and for `rhambda dev`.
                let is_library = path.components().any(|part| part.as_os_str() == "lib");
                if script.function_was_named || !is_library {
                    request.named.push((script.path.clone(), script.function));
                }
                request.scripts.push(script.path);
            }
        }
        request.scripts.sort();
        request.scripts.dedup();
        Ok((root.unwrap_or_else(|| directory.to_path_buf()), request))
    }
}

/// Prints the page on a code, or all codes.
fn explain(code: Option<&str>, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let said = match code {
        None => {
            let width = rules::all().map(|rule| rule.code.len()).max().unwrap_or_default();
            rules::all().map(|rule| rule.listed(width)).collect()
        }
        Some(code) => match rules::find(code) {
            Some(rule) => rule.explained(),
            None => {
                let near = nearest(code, rules::all().map(|rule| rule.code));
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(Failure::usage(format!(
                    "there is no code `{code}`{near}\n`rhambda check --explain` lists them"
                )));
            }
        },
    };
    surroundings.terminal.out(said.as_bytes()).map_err(Failure::output)?;
    Ok(Exit::Success)
}

fn folder(directory: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let found = directory.join(path).canonicalize();
    found.map_err(|error| Failure::reading(path, &error))
}
