//! The `bootstrap` process: what Lambda starts in an execution environment.
//!
//! Reads the environment, honours an exec wrapper, and runs the story of `lib.rs` on a thread
//! whose stack is large enough for scripts that recurse.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rhambda_runtime::config::{self, Environment};
use rhambda_runtime::memory::Counting;

/// Counts what the script's thread holds, so that a runaway script ends in an error.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Marks a `bootstrap` that the exec wrapper has already started, so that it is not wrapped again.
const WRAPPED: &str = "RHAMBDA_WRAPPED";

fn main() -> ExitCode {
    let environment = Environment::read(std::env::vars_os());
    if let Some(wrapper) = environment.get("AWS_LAMBDA_EXEC_WRAPPER") {
        if environment.get(WRAPPED).is_none() {
            return exec_wrapper(wrapper);
        }
    }
    let worker = std::thread::Builder::new()
        .name("runtime".into())
        .stack_size(config::STACK_BYTES)
        .spawn(move || rhambda_runtime::run(&environment));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot start the runtime's thread: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Replaces this process by the wrapper, which starts `bootstrap` again when it is ready.
///
/// On an OS-only runtime the platform leaves `AWS_LAMBDA_EXEC_WRAPPER` to the runtime:
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html>.
fn exec_wrapper(wrapper: &str) -> ExitCode {
    let itself = std::env::current_exe().unwrap_or_else(|_| "/opt/bootstrap".into());
    let error = Command::new(wrapper)
        .arg(itself)
        .args(std::env::args_os().skip(1))
        .env(WRAPPED, "1")
        .exec();
    eprintln!("cannot start the wrapper `{wrapper}` named by AWS_LAMBDA_EXEC_WRAPPER: {error}");
    ExitCode::FAILURE
}
