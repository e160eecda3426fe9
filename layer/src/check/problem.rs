//! Something that is wrong with a script, and where.

use rhai::Position;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// It fails, or does not do what it seems to.
    Error,
    /// It is of no use.
    Warning,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A problem. It is ordered by its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// The script, below the root.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// How many characters it is about, at least 1.
    pub(crate) length: usize,
    pub(crate) severity: Severity,
    /// The rule, in words joined by `-`.
    pub(crate) rule: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// What would be right; empty if that is clear.
    pub(crate) help: String,
}

impl Problem {
    pub(crate) fn error(file: &str, rule: &'static str, message: impl Into<String>) -> Problem {
        debug_assert!(super::rules::find(rule).is_some(), "`{rule}` has no page");
        Problem {
            file: file.to_owned(),
            line: 1,
            column: 1,
            length: 1,
            severity: Severity::Error,
            rule,
            message: shortened(message.into()),
            help: String::new(),
        }
    }

    pub(crate) fn warning(file: &str, rule: &'static str, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(file, rule, message) }
    }

    pub(crate) fn at(mut self, position: Position, length: usize) -> Problem {
        self.line = position.line().unwrap_or(1);
        self.column = position.position().unwrap_or(1);
        self.length = length.max(1);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = shortened(help.into());
        self
    }
}

/// So much of a message is kept, in bytes: names in it may have millions.
const MAX_MESSAGE: usize = 1024;

fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or(0));
        message.push('…');
        message.shrink_to_fit();
    }
    message
}
