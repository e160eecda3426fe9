//! What the terminal and the console show while functions are served.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::json;

use crate::dev::calendar::epoch_ms;
use crate::dev::feed::Feed;
use crate::dev::history::{History, Record};
use crate::dev::workers::Done;
use crate::environment::LogLine;
use crate::log_view;
use crate::terminal::{Look, Terminal};

/// Where it goes: on the terminal each line has its function's name.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    terminal: Terminal,
    feed: Arc<Feed>,
    history: Arc<History>,
}

impl Journal {
    pub(crate) fn new(terminal: Terminal) -> Journal {
        Journal { terminal, feed: Arc::default(), history: Arc::default() }
    }

    /// What is told to the console's pages.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// The invocations so far.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// A line that a function's process wrote.
    pub(crate) fn line(&self, name: &str, line: &LogLine) {
        self.lines(name, &log_view::view(line, &self.terminal));
        self.tell(name, "output", &line.text);
    }

    /// How an invocation went.
    pub(crate) fn done(&self, done: &Done, record: Record) {
        if let Some(problem) = &done.by_lambda {
            self.problem(&done.name, problem);
        }
        let report = self.terminal.paint(Look::Faint, &done.summary());
        self.lines(&done.name, &report);
        let record = Arc::new(record);
        self.history.add(Arc::clone(&record));
        self.feed.tell("invocation", || record.summary());
    }

    /// Something that went wrong around a function.
    pub(crate) fn problem(&self, name: &str, message: &str) {
        self.lines(name, &format!("{} {message}", self.terminal.paint(Look::Bad, "error:")));
        self.tell(name, "problem", message);
    }

    /// Something that happens to a function.
    pub(crate) fn note(&self, name: &str, message: &str) {
        self.lines(name, &self.terminal.paint(Look::Faint, message));
        self.tell(name, "note", message);
    }

    /// A request that reached no function.
    pub(crate) fn refused(&self, message: &str) {
        self.terminal.warning(message);
    }

    fn tell(&self, name: &str, kind: &str, text: &str) {
        self.feed.tell("log", || {
            let at = epoch_ms(SystemTime::now());
            json!({ "function": name, "kind": kind, "text": text, "at": at })
        });
    }

    fn lines(&self, name: &str, text: &str) {
        let name = self.terminal.paint(Look::Strong, name);
        let lines: Vec<String> = text.split('\n').map(|line| format!("{name} | {line}")).collect();
        self.terminal.err(&lines.join("\n"));
    }
}
