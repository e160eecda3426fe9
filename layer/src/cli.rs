//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::dev::Dev;
use crate::commands::invoke::Invoke;
use crate::commands::layer::Layer;
use crate::commands::package::Package;
use crate::commands::test::Test;

/// Runs, tests, packages and publishes Rhai scripts for AWS Lambda.
#[derive(Debug, Parser)]
#[command(
    name = "rhambda",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  rhambda invoke hello.rhai --event '{\"name\": \"Ada\"}'
  rhambda dev
  rhambda test
  rhambda package hello.rhai
  rhambda layer --arch arm64

Exit codes: 0 success, 1 the function or a test failed, 2 a wrong command line or file, 3 the runtime or the \
tool failed. Colours appear on a terminal only, and not where NO_COLOR is set."
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Invoke(Box<Invoke>),
    Dev(Box<Dev>),
    Test(Box<Test>),
    Package(Package),
    Layer(Layer),
}
