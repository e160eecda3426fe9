//! `rhambda man`: the manual, page by page.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::{Exit, Failure};
use crate::surroundings::Surroundings;

/// Prints a page of the manual, or writes all of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda man | man -l -
  rhambda man invoke | man -l -
  rhambda man --output ~/.local/share/man/man1

Exit codes: 0 printed or written, 2 no such command, or a folder that cannot be written to.")]
pub struct ManPages {
    /// The command whose page is printed [default: rhambda itself]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    page: Option<String>,

    /// Writes all pages into this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl ManPages {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let mut cli = Cli::command();
        cli.build();
        let terminal = surroundings.terminal;
        if let Some(folder) = &self.output {
            let pages = write(&cli, &surroundings.directory.join(folder))?;
            let said = format!("{pages} pages in {}\n", folder.display());
            terminal.out(said.as_bytes()).map_err(Failure::output)?;
            return Ok(Exit::Success);
        }
        let command = match &self.page {
            None => &cli,
            Some(name) => commands(&cli).find(|it| it.get_name() == name).ok_or_else(|| {
                let names: Vec<&str> = commands(&cli).map(Command::get_name).collect();
                Failure::usage(format!(
                    "there is no command `{name}`; there is {}",
                    names.join(", ")
                ))
            })?,
        };
        terminal.out(&page(command)?).map_err(Failure::output)?;
        Ok(Exit::Success)
    }
}

fn commands(cli: &Command) -> impl Iterator<Item = &Command> {
    cli.get_subcommands().filter(|command| command.get_name() != "help")
}

fn write(cli: &Command, folder: &Path) -> Result<usize, Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    let mut count = 0;
    for command in std::iter::once(cli).chain(commands(cli)) {
        let path = folder.join(format!("{}.1", name_of(command)));
        fs::write(&path, page(command)?).map_err(|error| Failure::writing(&path, &error))?;
        count += 1;
    }
    Ok(count)
}

/// `rhambda-invoke`, as pages of commands with commands are called.
fn name_of(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).section("1").manual("rhambda");
    man.render(&mut page)
        .map_err(|error| Failure::broken(format!("the page cannot be made: {error}")))?;
    Ok(page)
}
