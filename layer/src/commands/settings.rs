//! What a function is configured with, by the same flags in each command that runs one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rhambda_runtime::config::TASK_FILES;

use crate::bootstrap::{self, Arch};
use crate::bundle::Bundle;
use crate::environment::Function;
use crate::failure::Failure;
use crate::surroundings::Surroundings;
use crate::task_files;

/// The flags.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The function's timeout in seconds, up to 900
    #[arg(short, long, value_name = "SECONDS", default_value = "3", value_parser = timeout)]
    timeout: Duration,

    /// The function's memory size in MB, from 128 to 10240. `invoke` warns of more, `dev` fails it
    #[arg(short, long, value_name = "MB", default_value_t = 128,
          value_parser = clap::value_parser!(u32).range(128..=10240))]
    memory: u32,

    /// An environment variable for the function; with a name only, your own value of it
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,

    /// A file of NAME=VALUE lines; --env wins over it
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Files that `rhambda package` is told to include: the function sees what its zip would have
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// A folder that stands for `/opt`, where layers are
    #[arg(long, value_name = "DIR")]
    layer_root: Option<PathBuf>,

    /// The runtime's executable [default: RHAMBDA_BOOTSTRAP, or the first one found]
    #[arg(long, value_name = "PATH")]
    bootstrap: Option<PathBuf>,
}

/// The settings with everything found that they name.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    bootstrap: PathBuf,
    timeout: Duration,
    memory_mb: u32,
    /// As typed, and from where we are.
    env_file: Option<(PathBuf, PathBuf)>,
    /// Those that win over the file's.
    variables: Vec<(String, String)>,
    include: Vec<String>,
}

impl Settings {
    /// Looks up what the flags name. The env file is read once for each [`Resolved::function`].
    pub(crate) fn resolve(&self, surroundings: &Surroundings) -> Result<Resolved, Failure> {
        let asked_for = self.bootstrap.as_deref();
        let bootstrap = bootstrap::find(asked_for, Arch::of_this_machine(), surroundings)?;
        let mut variables = given(&self.variables, surroundings)?;
        if let Some(folder) = &self.layer_root {
            let found = surroundings.directory.join(folder).canonicalize();
            let found = found.map_err(|error| Failure::reading(folder, &error))?;
            variables.push(("RHAMBDA_LAYER_ROOT".to_owned(), found.to_string_lossy().into_owned()));
        }
        let from_here = |path: &PathBuf| (path.clone(), surroundings.directory.join(path));
        Ok(Resolved {
            bootstrap,
            timeout: self.timeout,
            memory_mb: self.memory,
            env_file: self.env_file.as_ref().map(from_here),
            variables,
            include: self.include.clone(),
        })
    }
}

impl Resolved {
    /// How long an invocation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The memory size.
    pub(crate) fn memory_mb(&self) -> u32 {
        self.memory_mb
    }

    /// The env file, from where we are.
    pub(crate) fn env_file(&self) -> Option<&Path> {
        self.env_file.as_ref().map(|(_, path)| path.as_path())
    }

    /// The patterns of files that are packaged besides those that scripts name.
    pub(crate) fn include(&self) -> &[String] {
        &self.include
    }

    /// Has a function see of its task root what its package would have. Gives what is odd about that.
    pub(crate) fn as_packaged(&self, function: &mut Function, script: &str) -> Vec<String> {
        let Ok(root) = function.task_root.canonicalize() else { return Vec::new() };
        let bundle = Bundle::of_run(&root, script, &self.include);
        let names: Vec<&str> = bundle.names().into_iter().collect();
        let mut warnings = bundle.warnings.clone();
        match task_files::as_variable(&names) {
            Ok(Some(list)) => function.variables.push((TASK_FILES.to_owned(), list)),
            Ok(None) => {}
            Err(error) => warnings.push(format!(
                "the function sees all of its folder, not its package alone: the list of files \
                 cannot be written: {error}"
            )),
        }
        warnings
    }

    /// A function with these settings, and with what the env file says now.
    pub(crate) fn function(&self, root: &Path, handler: String) -> Result<Function, Failure> {
        let mut function = Function::new(&self.bootstrap, root, handler);
        function.timeout = self.timeout;
        function.memory_mb = self.memory_mb;
        if let Some((typed, path)) = &self.env_file {
            function.variables.extend(env_file(path, typed)?);
        }
        function.variables.extend(self.variables.iter().cloned());
        Ok(function)
    }
}

/// The variables of `--env` arguments: `NAME=VALUE`, or a name only for our own value of it.
pub(crate) fn given(
    arguments: &[String],
    surroundings: &Surroundings,
) -> Result<Vec<(String, String)>, Failure> {
    let mut variables = Vec::new();
    for argument in arguments {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let own = (surroundings.variable)(argument).ok_or_else(|| {
                    Failure::usage(format!(
                        "--env {argument}: there is no such variable to pass on; \
                         give a value: --env {argument}=VALUE"
                    ))
                })?;
                (argument.as_str(), own.to_string_lossy().into_owned())
            }
        };
        check_variable(name, "--env")?;
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

/// The variables in a file of NAME=VALUE lines, which is called as it was typed.
pub(crate) fn env_file(path: &Path, typed: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::reading(typed, &error))?;
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{}:{}", typed.display(), index + 1);
        variables.extend(env_file_line(line, &place)?);
    }
    Ok(variables)
}

pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if seconds > 0.0 && seconds <= 900.0 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("Lambda takes more than 0 and up to 900 seconds".to_owned())
    }
}

fn check_variable(name: &str, place: &str) -> Result<(), Failure> {
    let mut characters = name.chars();
    let problem = if ["_HANDLER", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_RUNTIME_API"].contains(&name) {
        "it is set by Lambda"
    } else if !characters.next().is_some_and(|c| c.is_ascii_alphabetic())
        || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        "a name starts with a letter and goes on with letters, digits and `_`"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("{place}: `{name}` cannot be a function's variable: {problem}")))
}

/// A line of an env file: nothing, or `NAME=VALUE` with optional `export` and quotes.
fn env_file_line(line: &str, place: &str) -> Result<Option<(String, String)>, Failure> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else {
        return Err(Failure::usage(format!("{place}: not a NAME=VALUE line")));
    };
    let (name, value) = (name.trim(), value.trim());
    check_variable(name, place)?;
    let unquoted = ['"', '\''].iter().find_map(|quote| {
        let inside = value.strip_prefix(*quote)?;
        inside.strip_suffix(*quote)
    });
    Ok(Some((name.to_owned(), unquoted.unwrap_or(value).to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_have_comments_quotes_and_places_in_their_errors() {
        let line = |text: &str| env_file_line(text, "app.env:3").map_err(|e| e.message);
        let pair = |name: &str, value: &str| Ok(Some((name.to_owned(), value.to_owned())));
        assert_eq!(line("# note"), Ok(None));
        assert_eq!(line("  "), Ok(None));
        assert_eq!(line("A=b=c"), pair("A", "b=c"));
        assert_eq!(line("export A = 'b c' "), pair("A", "b c"));
        assert_eq!(line("A=\""), pair("A", "\""));
        assert_eq!(line("A"), Err("app.env:3: not a NAME=VALUE line".to_owned()));
        assert!(line("_HANDLER=x").is_err_and(|message| message.contains("set by Lambda")));
        assert!(line("2A=x").is_err_and(|message| message.starts_with("app.env:3: `2A`")));
    }

    #[test]
    fn timeouts_are_lambdas() {
        assert_eq!(timeout("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "901", "NaN", "inf", "x"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }
}
