//! `rhambda definitions`: what the Rhai language server has to know.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use rhai::Engine;
use rhambda_runtime::DEFINITIONS;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::surroundings::Surroundings;

/// What a test can call beside the library; written by `make docs`.
const OF_TESTS: &str = include_str!("../../docs/rhambda.test.d.rhai");

/// Tells the language server which files belong together.
const CONFIGURATION: &str = "\
# For the Rhai language server: https://github.com/rhaiscript/lsp
[source]
include = [\"**/*.rhai\"]
exclude = [\"target/**\", \"node_modules/**\"]
";

/// Writes what the Rhai language server has to know: `rhai.d.rhai`, `rhambda.d.rhai`,
/// `rhambda.test.d.rhai`, `Rhai.toml`.
///
/// With them an editor completes the functions of the library and of tests and shows their
/// documentation. The definitions are those of this version of rhambda and are written anew each time;
/// a `Rhai.toml` that is there stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda definitions
  rhambda definitions -o scripts

Exit codes: 0 written, 2 the folder cannot be written to.")]
pub struct Definitions {
    /// The folder with the scripts [default: the working directory]
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,

    /// Prints one JSON object about what was written
    #[arg(long)]
    json: bool,
}

impl Definitions {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let folder = surroundings.directory.join(&self.output);
        fs::create_dir_all(&folder).map_err(|error| Failure::writing(&self.output, &error))?;
        let mut files = vec![
            ("rhai.d.rhai", language()),
            ("rhambda.d.rhai", DEFINITIONS.to_owned()),
            ("rhambda.test.d.rhai", OF_TESTS.to_owned()),
        ];
        if folder.join("Rhai.toml").symlink_metadata().is_err() {
            files.push(("Rhai.toml", CONFIGURATION.to_owned()));
        }
        let mut written = Vec::new();
        for (name, text) in files {
            let path = self.output.join(name);
            fs::write(folder.join(name), text).map_err(|error| Failure::writing(&path, &error))?;
            written.push(path);
        }
        let names: Vec<String> = written.iter().map(|path| plain(path)).collect();
        let said = match self.json {
            true => format!("{}\n", json!({ "files": names })),
            false => format!("{}\n", names.join("\n")),
        };
        surroundings.terminal.out(said.as_bytes()).map_err(Failure::output)?;
        Ok(Exit::Success)
    }
}

/// What the language itself has, as the engine says it, but by the language server's grammar.
fn language() -> String {
    let told = Engine::new().definitions().with_headers(true).single_file();
    // To the server `exit` is a word of its own, that nothing can be called.
    let known = told.split("\n\n").filter(|item| !item.contains("\nfn exit("));
    let mut text = known.map(grammatical).collect::<Vec<_>>().join("\n\n");
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// One definition with types that can be read: the engine has some without a name, or with signs in it.
fn grammatical(item: &str) -> String {
    let (docs, declaration) = item.rsplit_once('\n').unwrap_or(("", item));
    let declaration = declaration
        .replace("range=", "range")
        .replace("<int >", "<int>")
        .replace("<float >", "<float>")
        .replace("RhaiResult", "?")
        .replace("Instant", "timestamp")
        .replace("-> ;", "-> ?;");
    if docs.is_empty() { declaration } else { format!("{docs}\n{declaration}") }
}

fn plain(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
