//! Everything the tool takes from the process it runs in, gathered once by `main`.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Looks an environment variable up.
pub type Variable = dyn Fn(&str) -> Option<OsString>;

/// The process as the commands see it.
pub struct Surroundings {
    /// The command line, with the program's name first.
    pub arguments: Vec<OsString>,
    /// Looks an environment variable up.
    pub variable: Box<Variable>,
    /// The working directory.
    pub directory: PathBuf,
    /// Where the `rhambda` executable is, if the system says so.
    pub executable: Option<PathBuf>,
    /// The two outputs.
    pub terminal: Terminal,
}

impl Surroundings {
    /// The `rhambda` executable, to be started again.
    pub(crate) fn own_executable(&self) -> Result<PathBuf, Failure> {
        let executable = self.executable.clone();
        executable.ok_or_else(|| Failure::broken("the system does not say where `rhambda` is"))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut fields = f.debug_struct("Surroundings");
        fields.field("arguments", &self.arguments).field("directory", &self.directory);
        fields.field("executable", &self.executable).field("terminal", &self.terminal);
        fields.finish_non_exhaustive()
    }
}
