//! Why a command ends without success, and the exit code that says so.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

/// How a command ended. The numbers are documented in `rhambda --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Success,
    /// The function failed, and has been reported.
    FunctionFailed,
    /// The command line or a file is not as it should be.
    Usage,
    /// The tool or the runtime failed.
    Broken,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::FunctionFailed => 1,
            Exit::Usage => 2,
            Exit::Broken => 3,
        })
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is said after `error: `, perhaps in several lines.
    pub message: String,
}

impl Failure {
    /// Something the user gave is not as it should be.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, message: message.into() }
    }

    /// Something around us is broken.
    pub fn broken(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Broken, message: message.into() }
    }

    /// A file of the user's cannot be read.
    pub fn reading(path: &Path, error: &io::Error) -> Failure {
        Failure::usage(format!("cannot read `{}`: {error}", path.display()))
    }

    /// A file or a folder cannot be written.
    pub fn writing(path: &Path, error: &io::Error) -> Failure {
        let why = match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "it is not a folder".to_owned(),
            _ => error.to_string(),
        };
        Failure::usage(format!("cannot write `{}`: {why}", path.display()))
    }

    /// Standard output takes no more.
    pub fn output(error: io::Error) -> Failure {
        Failure::broken(format!("cannot write to standard output: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
