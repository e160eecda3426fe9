//! `rhambda layer`: the runtime, zipped for `aws lambda publish-layer-version`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::archive::{Archive, Entry};
use crate::bootstrap::{self, Arch};
use crate::elf;
use crate::failure::{Exit, Failure};
use crate::progress::Progress;
use crate::surroundings::Surroundings;

const LICENCE: &str = include_str!("../../../LICENSE");
const THIRD_PARTY: &str = "THIRD-PARTY.txt";

/// Zips the runtime as a layer, which is published once for any number of functions.
///
/// It holds `bootstrap`, its licence, and the `THIRD-PARTY.txt` that stands beside `bootstrap`, if
/// one does. The same files give the same bytes on every machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda layer
  rhambda layer --arch arm64 -o target/layer/rhambda-layer-arm64.zip
  aws lambda publish-layer-version --layer-name rhambda --zip-file fileb://rhambda-layer-x86_64.zip

Exit codes: 0 written, 2 a wrong command line or executable, 3 no executable found.")]
pub struct Layer {
    /// The architecture of the functions: x86_64 or arm64 [default: this machine's]
    #[arg(long)]
    arch: Option<Arch>,

    /// The runtime's executable [default: RHAMBDA_BOOTSTRAP, or the first one found]
    #[arg(long, value_name = "PATH")]
    bootstrap: Option<PathBuf>,

    /// The zip file to write [default: rhambda-layer-ARCH.zip in the working directory]
    #[arg(short, long, value_name = "ZIP")]
    output: Option<PathBuf>,

    /// Prints one JSON object about what was written
    #[arg(long)]
    json: bool,
}

impl Layer {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let arch = self.arch.unwrap_or(Arch::of_this_machine());
        let output = self.output.clone();
        let output = output.unwrap_or_else(|| format!("rhambda-layer-{arch}.zip").into());
        let target = surroundings.directory.join(&output);
        Archive::check_target(&target)?;
        let path = bootstrap::find(self.bootstrap.as_deref(), arch, surroundings)?;
        let executable = fs::read(&path).map_err(|error| Failure::reading(&path, &error))?;
        elf::check_static_executable(&executable, arch).map_err(|why| {
            Failure::usage(format!("`{}` cannot be Lambda's bootstrap: {why}", path.display()))
        })?;
        let executable_size = executable.len();
        let entry = |name: &str, contents: Vec<u8>| Entry {
            name: name.to_owned(),
            contents,
            is_executable: name == "bootstrap",
        };
        let mut entries = vec![
            entry("bootstrap", executable),
            entry("LICENSE-rhambda", LICENCE.as_bytes().to_vec()),
        ];
        let notices = path.with_file_name(THIRD_PARTY);
        if notices.is_file() {
            let text = fs::read(&notices).map_err(|error| Failure::reading(&notices, &error))?;
            entries.push(entry(THIRD_PARTY, text));
        } else {
            surroundings.terminal.warning(&format!(
                "there is no {THIRD_PARTY} beside `{}`, so the layer has no third-party notices",
                path.display()
            ));
        }
        let archive = {
            let _telling =
                Progress::of("zipping bootstrap as small as can be", surroundings.terminal);
            Archive::of(entries)?
        };
        archive.write(&target)?;

        let said = if self.json {
            let object = json!({
                "path": output.to_string_lossy(),
                "arch": arch.to_string(),
                "files": archive.names,
                "bootstrapSize": executable_size,
                "size": archive.unzipped,
                "zippedSize": archive.bytes.len(),
                "sha256": archive.sha256(),
            });
            format!("{object}\n")
        } else {
            format!(
                "{}\n  arch     {arch}\n  files    {}\n  size     {} bytes, zipped {}\n  sha256   {}\n",
                output.display(),
                archive.names.join(", "),
                archive.unzipped,
                archive.bytes.len(),
                archive.sha256(),
            )
        };
        surroundings.terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(Exit::Success)
    }
}
