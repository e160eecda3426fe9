//! Hands the process over to the program named by `AWS_LAMBDA_EXEC_WRAPPER`.
//!
//! On an OS-only runtime the platform leaves the variable to the runtime:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html>. Tracing layers rely on it.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::ptr;

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
    let arguments = [wrapper.into(), itself.into_os_string()];
    let error = replace_by(arguments.into_iter().chain(std::env::args_os().skip(1)));
    Err(InitError(Box::new(Report::new(
        ErrorType::ConfigInvalid,
        format!("`AWS_LAMBDA_EXEC_WRAPPER` is `{wrapper}`, which cannot be started: {error}"),
    ))))
}

/// Replaces this process by the program that comes first, with a mark in its environment; returns why
/// that failed. The standard library's way brings 12 KB along that nothing else needs.
fn replace_by(arguments: impl Iterator<Item = OsString>) -> io::Error {
    let texts = arguments.map(|argument| CString::new(argument.into_vec()));
    let (Ok(texts), Ok(mark)) =
        (texts.collect::<Result<Vec<_>, _>>(), CString::new(format!("{WRAPPED}=1")))
    else {
        return io::Error::from(io::ErrorKind::InvalidInput);
    };
    let mut pointers: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
    pointers.push(ptr::null());
    // SAFETY: all pointers are to texts that end with a zero and outlive the calls, the list ends with
    // a null, and no other thread reads the environment.
    unsafe {
        libc::putenv(mark.as_ptr().cast_mut());
        libc::execvp(pointers[0], pointers.as_ptr());
    }
    let error = io::Error::last_os_error();
    // The mark goes with this text, so the environment must not have it any longer.
    // SAFETY: as above.
    unsafe { std::env::remove_var(WRAPPED) };
    error
}
