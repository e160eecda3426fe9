//! `rhambda record`: the key that a function's recordings are sealed for.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::recording::Key;
use crate::surroundings::Surroundings;

/// Where the key is unless another file is named.
pub(crate) const KEY_FILE: &str = "rhambda.key";

/// Makes a key, so that a function records the invocations that fail.
///
/// It prints the setting of the function. With it, each invocation that fails leaves one record in the
/// log with all that it was given: the event, what was kept from earlier invocations, the time, chance,
/// variables, and the answers to its requests. The record is sealed: it can be read only with the key,
/// by `rhambda replay`, which runs the invocation again. Where there is a key already, its setting is
/// printed again.
///
/// With `all:` before it, invocations that succeed are recorded, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda record
  rhambda record --key ops/orders.key
  aws lambda update-function-configuration --function-name orders \\
      --environment \"Variables={$(rhambda record)}\"

Keep the key out of the repository and off the function. Anyone who has it can read the recordings.

Exit codes: 0 the setting is printed, 2 a wrong command line or file, 3 the tool failed.")]
pub struct Record {
    /// The file of the key
    #[arg(long, value_name = "FILE", default_value = KEY_FILE)]
    key: PathBuf,

    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

impl Record {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let path = surroundings.directory.join(&self.key);
        let (key, is_new) = match Key::read(&path) {
            Ok(key) => (key, false),
            Err(error) if error.kind() == ErrorKind::NotFound => (made(&path, &self.key)?, true),
            Err(error) => return Err(Failure::reading(&self.key, &error)),
        };
        let setting = key.setting();
        let text = match self.json {
            true => json!({
                "key": self.key.to_string_lossy(), "new": is_new,
                "environment": { "RHAMBDA_RECORD": setting },
            })
            .to_string(),
            false => format!("RHAMBDA_RECORD={setting}"),
        };
        if is_new && !self.json {
            let terminal = surroundings.terminal;
            terminal.err(&format!(
                "{} is new: it opens the recordings, so keep it out of the repository",
                self.key.display()
            ));
            terminal.err("the function's environment variable, and nothing that is secret:");
        }
        let out = surroundings.terminal.out(format!("{text}\n").as_bytes());
        out.map_err(Failure::output).map(|()| Exit::Success)
    }
}

fn made(path: &Path, typed: &Path) -> Result<Key, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot write `{}`: {error}", typed.display()))
    };
    let key = Key::new().map_err(failed)?;
    key.write(path).map_err(failed)?;
    Ok(key)
}
