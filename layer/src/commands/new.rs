//! `rhambda new`: the files of a function to begin with.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::surroundings::Surroundings;
use crate::templates::{self, Template};
use crate::terminal::Look;

/// Lambda takes so many characters of a handler setting.
const MAX_HANDLER: usize = 128;

/// Writes the files of a new function: a script, an event, its response and a test.
///
/// Nothing is fetched, and no file that is there is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda new orders
  rhambda new jobs/nightly --from cron
  rhambda new --list

Exit codes: 0 written, 2 a wrong name or a file that is there already.")]
pub struct New {
    /// The function's name, perhaps with folders: `orders` becomes `orders.rhai`, whose handler
    /// setting is `orders.handler`
    #[arg(required_unless_present = "list")]
    name: Option<String>,

    /// What it begins with
    #[arg(long, value_name = "TEMPLATE", default_value = "http")]
    from: String,

    /// Lists the templates
    #[arg(short, long, conflicts_with = "name")]
    list: bool,

    /// Prints one JSON object about what was written
    #[arg(long)]
    json: bool,
}

impl New {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let said = match &self.name {
            None if self.json => {
                let rows = templates::ALL.iter();
                let rows = rows.map(|it| json!({ "name": it.name, "about": it.about }));
                format!("{}\n", serde_json::Value::from_iter(rows))
            }
            None => listed(),
            Some(name) => self.written(name, surroundings)?,
        };
        surroundings.terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(Exit::Success)
    }

    fn written(&self, name: &str, surroundings: &Surroundings) -> Result<String, Failure> {
        let name = name.strip_suffix(".rhai").unwrap_or(name);
        check(name)?;
        let template = templates::find(&self.from)?;
        let files: Vec<(String, String)> = template
            .files(name)?
            .into_iter()
            .map(|(kind, text)| (format!("{name}{kind}"), text))
            .collect();
        let folder = &surroundings.directory;
        // All of them or none.
        if let Some((file, _)) =
            files.iter().find(|(file, _)| folder.join(file).symlink_metadata().is_ok())
        {
            return Err(taken(file));
        }
        for (file, text) in &files {
            write(&folder.join(file), file, text)?;
        }
        let names: Vec<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
        if self.json {
            let object = json!({
                "files": names, "handler": format!("{name}.handler"), "template": template.name,
            });
            return Ok(format!("{object}\n"));
        }
        let faint = |text: &str| surroundings.terminal.paint_out(Look::Faint, text);
        let mut said = faint(&format!("{}: {}\n", template.name, template.about));
        for name in names {
            said.push_str(&format!("  {name}\n"));
        }
        said.push_str(&faint("next\n"));
        for command in next(name, template) {
            said.push_str(&format!("  {command}\n"));
        }
        Ok(said)
    }
}

fn listed() -> String {
    let width = templates::ALL.iter().map(|it| it.name.len()).max().unwrap_or(0);
    templates::ALL.iter().map(|it| format!("{:width$}  {}\n", it.name, it.about)).collect()
}

/// What somebody types after that.
fn next(name: &str, template: &Template) -> Vec<String> {
    let variables = match template.has_variables() {
        true => format!(" --env-file {name}.env"),
        false => String::new(),
    };
    vec![
        format!("rhambda invoke {name} --event {name}.event.json{variables}"),
        format!("rhambda test {name}.test.rhai"),
        format!("rhambda check {name}"),
        format!("rhambda package {name}"),
    ]
}

/// Whether a handler setting can be made of the name.
fn check(name: &str) -> Result<(), Failure> {
    let is_plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    if !name.split('/').all(is_plain) {
        return Err(Failure::usage(format!(
            "`{name}` cannot be a function's name; it takes letters, digits, `_` and `-`, and `/` \
             between folders"
        )));
    }
    let length = name.len() + ".handler".len();
    if length > MAX_HANDLER {
        return Err(Failure::usage(format!(
            "the name is too long: `{name}.handler` has {length} characters, and Lambda takes \
             {MAX_HANDLER}"
        )));
    }
    Ok(())
}

fn write(path: &Path, shown: &str, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => taken(shown),
        _ => Failure::usage(format!("cannot write `{shown}`: {error}")),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::usage(format!("cannot make the folder of `{shown}`: {error}"))
        })?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

fn taken(file: &str) -> Failure {
    Failure::usage(format!("`{file}` is there already, and nothing was written; take another name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_lambda_and_a_shell_take() {
        for name in ["orders", "jobs/nightly", "a-b_c9", "_x"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "../a", "/a", "a/", "a.b", "-a", "ä", "a/../b", &"x".repeat(121)] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
