//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::check::Check;
use crate::commands::completions::Completions;
use crate::commands::definitions::Definitions;
use crate::commands::dev::Dev;
use crate::commands::event::Event;
use crate::commands::fmt::Fmt;
use crate::commands::invoke::Invoke;
use crate::commands::layer::Layer;
use crate::commands::man::ManPages;
use crate::commands::new::New;
use crate::commands::package::Package;
use crate::commands::record::Record;
use crate::commands::repl::Repl;
use crate::commands::replay::Replay;
use crate::commands::test::Test;

/// Runs, tests, packages and publishes Rhai scripts for AWS Lambda.
#[derive(Debug, Parser)]
#[command(
    name = "rhambda",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  rhambda new hello
  rhambda invoke hello.rhai --event '{\"name\": \"Ada\"}'
  rhambda dev
  rhambda test
  rhambda check
  rhambda fmt
  rhambda replay orders.log
  rhambda package hello.rhai
  rhambda layer --arch arm64

Exit codes: 0 success, 1 the function, a test or a check failed, 2 a wrong command line or file, 3 the runtime or the \
tool failed. Colours appear on a terminal only, and not where NO_COLOR is set."
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(New),
    Invoke(Box<Invoke>),
    Dev(Box<Dev>),
    Test(Box<Test>),
    Check(Check),
    Fmt(Fmt),
    Event(Event),
    Repl(Repl),
    Record(Record),
    Replay(Replay),
    Package(Package),
    Layer(Layer),
    Definitions(Definitions),
    Completions(Completions),
    Man(ManPages),
}
