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
//! rhambda package hello.rhai
//!   script       functions and imports, without running anything
//!   bundle       the script and what it imports, recursively
//!   archive      the same zip bytes from the same files
//!
//! rhambda layer
//!   elf          a static executable for the right machine, or a refusal
//!   archive      with its licences
//! ```

use std::process::ExitCode;

use clap::Parser;

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
mod http;
mod json_path;
mod json_text;
mod log_view;
mod process;
mod repl;
mod samples;
mod script;
mod script_name;
mod source_file;
mod stream_view;
pub mod surroundings;
mod templates;
pub mod terminal;
mod testing;
mod watch;

use cli::{Cli, Command};
use failure::Exit;
use surroundings::Surroundings;

/// Runs the command line, and says with which exit code the process should end.
pub fn run(surroundings: &Surroundings) -> ExitCode {
    let cli = match Cli::try_parse_from(&surroundings.arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help that nobody reads to its end is no error.
            drop(answer.print());
            let exit = if answer.use_stderr() { Exit::Usage } else { Exit::Success };
            return exit.into();
        }
    };
    let result = match &cli.command {
        Command::New(new) => new.run(surroundings),
        Command::Invoke(invoke) => invoke.run(surroundings),
        Command::Dev(dev) => dev.run(surroundings),
        Command::Test(test) => test.run(surroundings),
        Command::Check(check) => check.run(surroundings),
        Command::Event(event) => event.run(surroundings),
        Command::Repl(repl) => repl.run(surroundings),
        Command::Package(package) => package.run(surroundings),
        Command::Layer(layer) => layer.run(surroundings),
        Command::Definitions(definitions) => definitions.run(surroundings),
        Command::Completions(completions) => completions.run(surroundings),
        Command::Man(man) => man.run(surroundings),
    };
    let exit = result.unwrap_or_else(|failure| {
        surroundings.terminal.error(&failure.message);
        failure.exit
    });
    exit.into()
}
