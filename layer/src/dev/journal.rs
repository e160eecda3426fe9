//! What the terminal shows while functions are served: each line with its function's name.

use crate::dev::workers::Done;
use crate::environment::LogLine;
use crate::log_view;
use crate::terminal::{Look, Terminal};

/// Where lines go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Journal {
    terminal: Terminal,
}

impl Journal {
    pub(crate) fn new(terminal: Terminal) -> Journal {
        Journal { terminal }
    }

    /// A line that a function's process wrote.
    pub(crate) fn line(&self, name: &str, line: &LogLine) {
        self.lines(name, &log_view::view(line, &self.terminal));
    }

    /// How an invocation went.
    pub(crate) fn done(&self, done: &Done) {
        if let Some(problem) = &done.by_lambda {
            self.problem(&done.name, problem);
        }
        let report = self.terminal.paint(Look::Faint, &done.summary());
        self.lines(&done.name, &report);
    }

    /// Something that went wrong around a function.
    pub(crate) fn problem(&self, name: &str, message: &str) {
        self.lines(name, &format!("{} {message}", self.terminal.paint(Look::Bad, "error:")));
    }

    /// Something that happens to a function.
    pub(crate) fn note(&self, name: &str, message: &str) {
        self.lines(name, &self.terminal.paint(Look::Faint, message));
    }

    fn lines(&self, name: &str, text: &str) {
        let name = self.terminal.paint(Look::Strong, name);
        let lines: Vec<String> = text.split('\n').map(|line| format!("{name} | {line}")).collect();
        self.terminal.err(&lines.join("\n"));
    }
}
