//! Lines from a terminal, with history and completion.

use std::cell::RefCell;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::config::Builder;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};

use crate::failure::Failure;

/// Reads lines from the person at the terminal.
pub(crate) struct LineEditor {
    editor: Editor<Names, MemHistory>,
    own: Rc<RefCell<Vec<String>>>,
}

/// What somebody did at the prompt.
pub(crate) enum Typed {
    Line(String),
    /// Ctrl-C: the line is dropped.
    Interrupted,
    /// Ctrl-D: there is no more.
    End,
}

/// The names that can be completed.
struct Names {
    /// Of the engine, with `module::` before those of modules.
    engine: Vec<String>,
    /// Of the session.
    own: Rc<RefCell<Vec<String>>>,
}

impl LineEditor {
    /// An editor that completes these names.
    pub(crate) fn new(engine: Vec<String>) -> Result<LineEditor, Failure> {
        let own = Rc::new(RefCell::new(Vec::new()));
        let config = Builder::new().auto_add_history(true).build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)
            .map_err(|error| Failure::broken(format!("cannot use the terminal: {error}")))?;
        editor.set_helper(Some(Names { engine, own: own.clone() }));
        Ok(LineEditor { editor, own })
    }

    /// Reads a line.
    pub(crate) fn read(&mut self, prompt: &str, names: Vec<String>) -> Result<Typed, Failure> {
        self.own.replace(names);
        match self.editor.readline(prompt) {
            Ok(line) => Ok(Typed::Line(line)),
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupted),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(Failure::broken(format!("cannot read from the terminal: {error}"))),
        }
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let start = line[..at].rfind(|c| !is_of_name(c)).map_or(0, |before| before + 1);
        let typed = &line[start..at];
        if typed.is_empty() {
            return Ok((start, Vec::new()));
        }
        let own = self.own.borrow();
        let all = own.iter().chain(&self.engine);
        let mut found: Vec<String> = all.filter(|name| name.starts_with(typed)).cloned().collect();
        found.dedup();
        Ok((start, found))
    }
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}
