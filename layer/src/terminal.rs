//! Standard output and standard error: colours where somebody sees them, quiet where nobody
//! listens any more.

use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::surroundings::Variable;

/// What the two outputs are.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Standard output goes to a person's screen.
    pub stdout_is_terminal: bool,
    /// Standard error goes to a person's screen.
    pub stderr_is_terminal: bool,
    /// Whether that person wants colours.
    pub(crate) wants_colour: bool,
    /// Whether it takes nothing but lines.
    pub(crate) is_dumb: bool,
}

/// A look for a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Something failed.
    Bad,
    /// Something went well.
    Good,
    /// Something is odd.
    Warning,
    /// The part to look at first.
    Strong,
    /// The part to look at last.
    Faint,
}

impl Terminal {
    /// Looks at the process's outputs, and at `NO_COLOR` and `TERM` through `variable`.
    pub fn detect(variable: &Variable) -> Terminal {
        let no_colour = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = variable("TERM").is_some_and(|value| value == "dumb");
        Terminal {
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            wants_colour: !no_colour && !dumb,
            is_dumb: dumb,
        }
    }

    /// Two outputs that are no terminal.
    pub fn plain() -> Terminal {
        Terminal {
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            wants_colour: false,
            is_dumb: false,
        }
    }

    /// Gives a text for standard error a look.
    pub fn paint(&self, look: Look, text: &str) -> String {
        paint(self.stderr_is_terminal && self.wants_colour, look, text)
    }

    /// Gives a text for standard output a look.
    pub fn paint_out(&self, look: Look, text: &str) -> String {
        paint(self.stdout_is_terminal && self.wants_colour, look, text)
    }

    /// The same outputs, where what is painted goes to standard output.
    pub fn for_out(&self) -> Terminal {
        Terminal { stderr_is_terminal: self.stdout_is_terminal, ..*self }
    }

    /// Writes to standard output. That its reader has gone is no error.
    pub fn out(&self, bytes: &[u8]) -> io::Result<()> {
        self.out_if_read(bytes).map(|_| ())
    }

    /// The same for those who would go on for ever: false once its reader has gone.
    pub(crate) fn out_if_read(&self, bytes: &[u8]) -> io::Result<bool> {
        let mut stdout = io::stdout().lock();
        is_read(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Whether a line on standard error can be written anew.
    pub(crate) fn can_rewrite_lines(&self) -> bool {
        self.stderr_is_terminal && !self.is_dumb
    }

    /// Writes the last line of standard error anew, which does not end yet.
    pub(crate) fn rewrite(&self, line: &str) {
        drop(io::stderr().lock().write_all(format!("\r\x1b[2K{line}").as_bytes()));
    }

    /// Writes a line to standard error. There is nowhere left to say that it failed.
    pub fn err(&self, line: &str) {
        let mut stderr = io::stderr().lock();
        drop(stderr.write_all(format!("{line}\n").as_bytes()));
    }

    /// Writes a line that begins with `error:`, and may go on in further lines.
    pub fn error(&self, message: &str) {
        self.err(&format!("{} {message}", self.paint(Look::Bad, "error:")));
    }

    /// Writes a line that begins with `warning:`.
    pub fn warning(&self, message: &str) {
        self.err(&format!("{} {message}", self.paint(Look::Warning, "warning:")));
    }
}

fn paint(colours: bool, look: Look, text: &str) -> String {
    let code = match look {
        Look::Bad => "1;31",
        Look::Good => "32",
        Look::Warning => "1;33",
        Look::Strong => "1",
        Look::Faint => "2",
    };
    if colours && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn is_read(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn colours_need_a_terminal() {
        assert_eq!(paint(true, Look::Bad, "x"), "\x1b[1;31mx\x1b[0m");
        assert_eq!(paint(false, Look::Bad, "x"), "x");
        assert_eq!(paint(true, Look::Bad, ""), "");
    }

    #[test]
    fn no_color_takes_the_colours_away() {
        for (name, value, colours) in
            [("NO_COLOR", "1", false), ("NO_COLOR", "", true), ("TERM", "dumb", false)]
        {
            let variable = move |asked: &str| (asked == name).then(|| OsString::from(value));
            assert_eq!(Terminal::detect(&variable).wants_colour, colours, "{name}={value}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let closed = io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_read(Err(closed)).is_ok_and(|is_read| !is_read));
        let full = io::Error::from(ErrorKind::StorageFull);
        assert!(is_read(Err(full)).is_err());
    }
}
