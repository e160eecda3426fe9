//! The `rhambda` process: what it was started with, and its exit code.

use std::env;
use std::process::ExitCode;

use rhambda_layer::environment::end_children_on_signals;
use rhambda_layer::surroundings::Surroundings;
use rhambda_layer::terminal::Terminal;

fn main() -> ExitCode {
    let variable = |name: &str| env::var_os(name);
    end_children_on_signals();
    rhambda_layer::run(&Surroundings {
        arguments: env::args_os().collect(),
        terminal: Terminal::detect(&variable),
        variable: Box::new(variable),
        directory: env::current_dir().unwrap_or_default(),
        executable: env::current_exe().ok(),
    })
}
