//! The `rhambda` process: what it was started with, and its exit code.

use std::alloc::System;
use std::env;
use std::process::ExitCode;

use rhambda_layer::environment::end_children_on_signals;
use rhambda_layer::surroundings::Surroundings;
use rhambda_layer::terminal::Terminal;
use rhambda_runtime::memory::Counting;

/// Counts what the thread of a test holds, so that the memory limit ends it as it would on Lambda.
#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

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
