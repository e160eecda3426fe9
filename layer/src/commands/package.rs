//! `rhambda package`: a script and what it imports, zipped for `aws lambda create-function`.

use std::path::PathBuf;

use clap::Args;
use rhambda_runtime::error::InitError;
use rhambda_runtime::handler::Handler;
use serde_json::json;

use crate::archive::Archive;
use crate::bundle::Bundle;
use crate::failure::{Exit, Failure};
use crate::script_name::ScriptName;
use crate::surroundings::Surroundings;

/// Zips a script with every file it imports, and with the files it reads, ready for Lambda.
///
/// Files of the task root go along where `fs::...` and `response::file` name them by constants:
/// `fs::read_text("pages/hello.html")`, and all of `pages/` for `` `pages/${name}.html` ``. Others
/// are named by --include, or by a line at the top of the script: `//! include: keys/*.pem`.
///
/// The same files give the same bytes on every machine. What Lambda would refuse is refused here:
/// syntax errors, missing handlers and imports, names that cannot be a handler, too large a zip.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda package hello.rhai
  rhambda package orders refunds.main --root . -o build/shop.zip
  rhambda package report --external shared/layout
  rhambda package site --include 'pages/**' --include 'data/*.json'
  aws lambda update-function-code --function-name hello --zip-file fileb://hello.zip

Imports are found where their path is written out: `import \"lib/money\" as money;`. Name the \
files of computed paths after the script.

Exit codes: 0 written, 2 a wrong command line or script, 3 the tool failed.")]
pub struct Package {
    /// The scripts, the one with the handler first: `hello.rhai`, `hello` or `hello.main`
    #[arg(value_name = "FILE[.FUNCTION]", required = true)]
    scripts: Vec<PathBuf>,

    /// The zip file to write [default: the first script's name, in the working directory]
    #[arg(short, long, value_name = "ZIP")]
    output: Option<PathBuf>,

    /// The task root: the folder that imports start from [default: the first script's folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// An import that a layer provides in /opt, so that it is not packaged
    #[arg(long, value_name = "IMPORT")]
    external: Vec<String>,

    /// Files that go along: a path, a folder, or a pattern in quotes, in which `*` is anything but
    /// `/` and `**` any folders. What begins with a dot is meant only where it is written out
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// Prints one JSON object about what was written
    #[arg(long)]
    json: bool,
}

/// Lambda takes so many characters of a handler setting.
const MAX_HANDLER: usize = 128;

/// A handler setting that Lambda and the runtime take.
fn accepted(handler: String) -> Result<String, Failure> {
    if let Err(InitError(report)) = Handler::parse(&handler) {
        return Err(Failure::usage(report.message.clone()));
    }
    let length = handler.chars().count();
    if length > MAX_HANDLER {
        return Err(Failure::usage(format!(
            "the handler `{handler}` has {length} characters, and Lambda takes {MAX_HANDLER}"
        )));
    }
    Ok(handler)
}

impl Package {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let mut root = self.root.clone();
        let mut scripts = Vec::new();
        for typed in &self.scripts {
            let script = ScriptName::resolve(typed, root.as_deref(), &surroundings.directory)?;
            root.get_or_insert_with(|| script.root.clone());
            scripts.push(script);
        }
        let first = &scripts[0];
        let mut bundle = Bundle::of(&first.root, &self.external);
        let mut handlers = Vec::new();
        let mut refusal = None;
        for name in &scripts {
            match bundle.add(&name.path)?.check_handler(&name.function) {
                Ok(()) => handlers.push(accepted(name.handler())?),
                Err(why) => {
                    let why = format!("`{}` cannot be a function: {why}", name.path);
                    if name.function_was_named {
                        return Err(Failure::usage(why));
                    }
                    refusal.get_or_insert(why);
                }
            }
        }
        // A file without a handler may be named because its import cannot be seen.
        if let (true, Some(refusal)) = (handlers.is_empty(), refusal) {
            return Err(Failure::usage(refusal));
        }
        bundle.add_files(&self.include)?;
        for warning in &bundle.warnings {
            surroundings.terminal.warning(warning);
        }
        let left_to_a_layer = bundle.left_to_a_layer.clone();
        let output = self.output.clone().unwrap_or_else(|| {
            let file = first.path.rsplit('/').next().unwrap_or(&first.path);
            PathBuf::from(format!("{}.zip", file.strip_suffix(".rhai").unwrap_or(file)))
        });
        let target = surroundings.directory.join(&output);
        Archive::check_target(&target)?;
        bundle.leave_out(&target);
        let archive = Archive::of(bundle.into_entries()?)?;
        archive.write(&target)?;

        let said = if self.json {
            let object = json!({
                "path": output.to_string_lossy(),
                "files": archive.names,
                "leftToALayer": left_to_a_layer,
                "size": archive.unzipped,
                "zippedSize": archive.bytes.len(),
                "sha256": archive.sha256(),
                "handlers": handlers,
            });
            format!("{object}\n")
        } else {
            let mut said = format!(
                "{}\n  files    {}\n  size     {} bytes, zipped {}\n  sha256   {}\n  handler  {}\n",
                output.display(),
                archive.names.join(", "),
                archive.unzipped,
                archive.bytes.len(),
                archive.sha256(),
                handlers.join(", "),
            );
            if !left_to_a_layer.is_empty() {
                said.push_str(&format!("  layer    {}\n", left_to_a_layer.join(", ")));
            }
            said
        };
        surroundings.terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(Exit::Success)
    }
}
