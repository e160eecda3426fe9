//! `rhambda completions`: what a shell completes after `rhambda`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::{Exit, Failure};
use crate::surroundings::Surroundings;

/// Prints what a shell needs to complete commands and options.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(rhambda completions bash)
  rhambda completions bash > ~/.local/share/bash-completion/completions/rhambda
  rhambda completions zsh > \"${fpath[1]}/_rhambda\"
  rhambda completions fish > ~/.config/fish/completions/rhambda.fish

Exit codes: 0 printed, 2 a shell that is not known.")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "rhambda", &mut script);
        surroundings.terminal.out(&script).map_err(Failure::output)?;
        Ok(Exit::Success)
    }
}
