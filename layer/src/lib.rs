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
//! ```

use std::process::ExitCode;

use clap::Parser;

pub mod bootstrap;
mod cli;
pub mod commands;
pub mod emulator;
pub mod environment;
mod error_view;
mod event;
pub mod failure;
mod http;
mod json_text;
mod log_view;
mod process;
mod script_name;
pub mod surroundings;
pub mod terminal;

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
        Command::Invoke(invoke) => invoke.run(surroundings),
    };
    let exit = result.unwrap_or_else(|failure| {
        surroundings.terminal.error(&failure.message);
        failure.exit
    });
    exit.into()
}
