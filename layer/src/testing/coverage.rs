//! Which lines of a script were run, as the engine's own debugger sees it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rhai::debugger::DebuggerCommand;
use rhai::{ASTNode, Engine, OptimizationLevel, Stmt};
use rhambda_runtime::Words;
use serde::{Deserialize, Serialize};

/// How often each line of a file was begun; 0 for one that never was.
pub(crate) type Lines = BTreeMap<usize, u64>;

/// The lines of all files.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Coverage(pub(crate) BTreeMap<String, Lines>);

impl Coverage {
    /// Adds what another case has run.
    pub(crate) fn add(&mut self, folder: &str, other: Coverage) {
        for (file, lines) in other.0 {
            let file = if folder.is_empty() { file } else { format!("{folder}/{file}") };
            let all = self.0.entry(file).or_default();
            for (line, times) in lines {
                *all.entry(line).or_default() += times;
            }
        }
    }

    /// How many lines there are, and how many of them were run.
    pub(crate) fn count(lines: &Lines) -> (usize, usize) {
        (lines.len(), lines.values().filter(|times| **times > 0).count())
    }

    /// The report in the format of lcov's `geninfo`.
    pub(crate) fn lcov(&self) -> String {
        let mut text = String::new();
        for (file, lines) in &self.0 {
            let (all, run) = Self::count(lines);
            text.push_str(&format!("TN:\nSF:{file}\n"));
            for (line, times) in lines {
                text.push_str(&format!("DA:{line},{times}\n"));
            }
            text.push_str(&format!("LF:{all}\nLH:{run}\nend_of_record\n"));
        }
        text
    }
}

/// What an engine notes while it runs.
pub(super) type Seen = Rc<RefCell<BTreeMap<String, Lines>>>;

/// Has an engine note each line that it comes to.
pub(super) fn watch(engine: &mut Engine, seen: &Seen) {
    let seen = seen.clone();
    #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
    engine.register_debugger(
        |_, debugger| debugger,
        move |_, _, _, source, position| {
            if let (Some(source), Some(line)) = (source, position.line()) {
                let mut seen = seen.borrow_mut();
                let lines = match seen.get_mut(source) {
                    Some(lines) => lines,
                    None => seen.entry(source.to_owned()).or_default(),
                };
                *lines.entry(line).or_default() += 1;
            }
            Ok(DebuggerCommand::StepInto)
        },
    );
}

/// The lines on which a statement begins that can be run.
pub(super) fn lines_of(source: &str) -> BTreeSet<usize> {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(512, 512);
    let words = Words::default();
    #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
    engine.on_parse_token(move |token, _, _| words.read(token));
    let mut lines = BTreeSet::new();
    let Ok(ast) = engine.compile(source) else { return lines };
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(statement)) = path.last() {
            let is_run = !matches!(statement, Stmt::Noop(..) | Stmt::Block(..));
            if let Some(line) = statement.position().line().filter(|_| is_run) {
                lines.insert(line);
            }
        }
        true
    });
    lines
}
