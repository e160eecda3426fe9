//! The `bootstrap` process: what Lambda starts in an execution environment.
//!
//! Runs the story of `lib.rs` on a thread whose stack is large enough for scripts that recurse.

use std::process::ExitCode;

use rhambda_runtime::config::{self, Environment};
use rhambda_runtime::memory::Counting;

/// Counts what the script's thread holds, so that a runaway script ends in an error.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let worker = std::thread::Builder::new()
        .name("runtime".into())
        .stack_size(config::STACK_BYTES)
        .spawn(|| rhambda_runtime::run(&Environment::read(std::env::vars_os())));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot start the runtime's thread: {error}");
            ExitCode::FAILURE
        }
    }
}
