//! Hands the process over to the program named by `AWS_LAMBDA_EXEC_WRAPPER`.
//!
//! On an OS-only runtime the platform leaves the variable to the runtime:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html>. Tracing layers rely on it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::config::{Environment, WRAPPED};
use crate::error::{ErrorType, InitError, Report};

/// Replaces this process by the wrapper, which starts `bootstrap` again when it is ready; returns
/// where there is none, or where it has done its part.
///
/// # Errors
/// `Runtime.ConfigInvalid` when the wrapper cannot be started.
pub fn exec(environment: &Environment) -> Result<(), InitError> {
    let Some(wrapper) = environment.get("AWS_LAMBDA_EXEC_WRAPPER") else { return Ok(()) };
    if environment.get(WRAPPED).is_some() {
        return Ok(());
    }
    let itself = std::env::current_exe().unwrap_or_else(|_| "/opt/bootstrap".into());
    let error = Command::new(wrapper)
        .arg(itself)
        .args(std::env::args_os().skip(1))
        .env(WRAPPED, "1")
        .exec();
    Err(InitError(Box::new(Report::new(
        ErrorType::ConfigInvalid,
        format!("`AWS_LAMBDA_EXEC_WRAPPER` is `{wrapper}`, which cannot be started: {error}"),
    ))))
}
