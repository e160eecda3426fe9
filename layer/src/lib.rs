//! What gets a script from a desk to Lambda: the emulator, the packager and the commands.
//!
//! ```text
//! rhambda invoke hello.rhai
//!   script_name  hello.rhai -> task root, handler `hello.handler`
//!   event        JSON text, file, standard input
//!   bootstrap    where the runtime's executable is
//!   environment  starts it as Lambda does ──────► bootstrap
//!   emulator     the Runtime API it polls  ◄─HTTP─┘
//!   error_view, log_view, terminal: what a person sees of it
//!
//! rhambda dev
//!   dev          Lambda's API and its HTTP fronts ──► an environment for each function
//!
//! rhambda test
//!   testing      each test in a process of its own, where the runtime's engine meets mocks
//!
//! rhambda fmt
//!   format       each script as it should be laid out, proved to be the same script
//!
//! rhambda replay orders.log
//!   recording    found in the log, opened with its key ──► testing, in the world as it was
//!
//! rhambda package hello.rhai
//!   script       functions and imports, without running anything (parsing: and not for ever)
//!   bundle       the script and what it imports, recursively
//!   archive      the same zip bytes from the same files
//!
//! rhambda layer
//!   elf          a static executable for the right machine, or a refusal
//!   archive      with its licences
//! ```

use std::process::ExitCode;

use clap::Parser;
use rhambda_runtime::modules::documentation_is_comments;

mod archive;
pub mod bootstrap;
mod bundle;
mod check;
mod cli;
pub mod commands;
mod dev;
mod elf;
pub mod emulator;
pub mod environment;
mod error_view;
mod event;
mod excerpt;
pub mod failure;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod json_path;
mod json_text;
mod log_view;
mod parsing;
mod process;
mod progress;
mod recording;
mod repl;
mod samples;
mod script;
mod script_name;
mod scripts;
mod source_file;
mod stream_view;
pub mod surroundings;
mod task_files;
mod templates;
pub mod terminal;
mod testing;
mod watch;

use cli::{Cli, Command};
use failure::{Exit, Failure};
use surroundings::Surroundings;

pub use testing::functions::documented_engine;

/// The script that the examples in the docs of what a test can call try.
pub const EXAMPLE_SCRIPT: &str = include_str!("testing/example.rhai");

/// Runs the command line, and says with which exit code the process should end.
pub fn run(surroundings: &Surroundings) -> ExitCode {
    documentation_is_comments(format::without_documentation);
    let cli = match Cli::try_parse_from(&surroundings.arguments) {
        Ok(cli) => cli,
        Err(answer) => return told(&answer, surroundings).into(),
    };
    let result = match &cli.command {
        Command::New(new) => new.run(surroundings),
        Command::Invoke(invoke) => invoke.run(surroundings),
        Command::Dev(dev) => dev.run(surroundings),
        Command::Test(test) => test.run(surroundings),
        Command::Check(check) => check.run(surroundings),
        Command::Fmt(fmt) => fmt.run(surroundings),
        Command::Event(event) => event.run(surroundings),
        Command::Repl(repl) => repl.run(surroundings),
        Command::Record(record) => record.run(surroundings),
        Command::Replay(replay) => replay.run(surroundings),
        Command::Package(package) => package.run(surroundings),
        Command::Layer(layer) => layer.run(surroundings),
        Command::Definitions(definitions) => definitions.run(surroundings),
        Command::Completions(completions) => completions.run(surroundings),
        Command::Man(man) => man.run(surroundings),
    };
    let exit = result.unwrap_or_else(|failure| {
        let mut message = failure.message;
        if surroundings.directory.as_os_str().is_empty() {
            message
                .push_str("\nthe working directory is not there any more; change to one that is");
        }
        surroundings.terminal.error(&message);
        failure.exit
    });
    exit.into()
}

/// Prints what the parser of the command line has to say: help, the version, or what is wrong.
fn told(answer: &clap::Error, surroundings: &Surroundings) -> Exit {
    let terminal = surroundings.terminal;
    if answer.use_stderr() {
        // There is nowhere left to say that it failed.
        drop(answer.print());
        return Exit::Usage;
    }
    match terminal.out(answer.render().to_string().as_bytes()).map_err(Failure::output) {
        Ok(()) => Exit::Success,
        Err(failure) => {
            terminal.error(&failure.message);
            failure.exit
        }
    }
}
