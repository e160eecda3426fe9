//! Standard output and standard error: colours where somebody sees them, quiet where nobody
//! listens any more.
//!
//! What goes to a person's screen may come from scripts, their logs, files and other hosts. Whatever
//! would make the terminal do more than show it is shown as a sign there: a sequence can fill the
//! clipboard, change the title, or write over what was there. Colours are let pass.

use std::borrow::Cow;
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
        let bytes = if self.stdout_is_terminal { harmless(bytes) } else { Cow::Borrowed(bytes) };
        let mut stdout = io::stdout().lock();
        is_read(stdout.write_all(&bytes).and_then(|()| stdout.flush()))
    }

    /// Begins with an empty screen.
    pub(crate) fn clear(&self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        is_read(stdout.write_all(b"\x1b[2J\x1b[H").and_then(|()| stdout.flush())).map(drop)
    }

    /// Whether a line on standard error can be written anew.
    pub(crate) fn can_rewrite_lines(&self) -> bool {
        self.stderr_is_terminal && !self.is_dumb
    }

    /// Writes the last line of standard error anew, which does not end yet.
    pub(crate) fn rewrite(&self, line: &str) {
        let line = harmless(line.as_bytes());
        drop(io::stderr().lock().write_all(&[b"\r\x1b[2K", &*line].concat()));
    }

    /// Writes a line to standard error. There is nowhere left to say that it failed.
    pub fn err(&self, line: &str) {
        let line = format!("{line}\n");
        let line = match self.stderr_is_terminal {
            true => harmless(line.as_bytes()),
            false => Cow::Borrowed(line.as_bytes()),
        };
        drop(io::stderr().lock().write_all(&line));
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

/// The same bytes with signs for the control characters that are neither ends of lines, tabs nor
/// colours.
pub(crate) fn harmless(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_plain = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\t');
    // The control characters above ASCII begin with this byte in UTF-8.
    if bytes.iter().all(|byte| is_plain(byte) && *byte != 0xc2) {
        return Cow::Borrowed(bytes);
    }
    let mut safe = Vec::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let taken = match (first, after) {
            (b'\r', [b'\n', ..]) => 1,
            (b'\x1b', _) => colour(rest),
            (0xc2, [0x80..=0x9f, ..]) => 0,
            _ => usize::from(is_plain(first)),
        };
        safe.extend_from_slice(&rest[..taken]);
        rest = match (taken, first) {
            (1.., _) => &rest[taken..],
            (_, 0xc2) => {
                safe.extend_from_slice("\u{fffd}".as_bytes());
                &after[1..]
            }
            (_, 0x7f) => {
                safe.extend_from_slice("\u{2421}".as_bytes());
                after
            }
            // The pictures of the control characters are in their order.
            (_, control) => {
                safe.extend_from_slice(&[0xe2, 0x90, 0x80 + control]);
                after
            }
        };
    }
    Cow::Owned(safe)
}

/// The length of the sequence for a colour that these bytes begin with; 0 if they do not.
fn colour(bytes: &[u8]) -> usize {
    let Some(rest) = bytes.strip_prefix(b"\x1b[") else { return 0 };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    if rest.get(digits) == Some(&b'm') && digits < 20 { digits + 3 } else { 0 }
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
    fn a_terminal_is_told_nothing_but_text_and_colours() {
        for (text, shown) in [
            ("plain\ttext\r\nä €\n", "plain\ttext\r\nä €\n"),
            ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            ("\x1b]52;c;ZXZpbA==\x07", "␛]52;c;ZXZpbA==␇"),
            ("\x1b]0;title\x1b\\", "␛]0;title␛\\"),
            ("\x1b[2J\x1b[H\x1b[8", "␛[2J␛[H␛[8"),
            ("safe\rover\x08\0\x7f", "safe␍over␈␀␡"),
            ("\u{9b}2J\u{a0}\u{80}", "\u{fffd}2J\u{a0}\u{fffd}"),
        ] {
            assert_eq!(String::from_utf8_lossy(&harmless(text.as_bytes())), shown, "{text:?}");
        }
        assert_eq!(&*harmless(&[0xc2]), &[0xc2], "a part of a character");
        assert_eq!(&*harmless(&[0xff, 0x1b]), &[0xff, 0xe2, 0x90, 0x9b]);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let closed = io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_read(Err(closed)).is_ok_and(|is_read| !is_read));
        let full = io::Error::from(ErrorKind::StorageFull);
        assert!(is_read(Err(full)).is_err());
    }
}
