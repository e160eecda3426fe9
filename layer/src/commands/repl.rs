//! `rhambda repl`: Rhai line by line.

use std::io::{self, BufRead, ErrorKind, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;

use clap::Args;

use crate::check::known_names;
use crate::failure::{Exit, Failure};
use crate::process::{end_on_signal, restore_terminal_on_signals};
use crate::repl::editor::{LineEditor, Typed};
use crate::repl::session::{Answer, INTERRUPTED, Session};
use crate::repl::shown;
use crate::surroundings::Surroundings;
use crate::terminal::Terminal;

/// As much as the parser needs for scripts that are nested as deep as it takes them.
const STACK: usize = 256 << 20;

/// Runs Rhai line by line, with the whole library.
///
/// On a terminal there are history and completion, and an input goes on until its brackets are
/// closed. From a pipe, lines are read to their end. Effects are real: requests are sent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rhambda repl
  rhambda repl orders.rhai
  echo '[1, 2, 3].sum()' | rhambda repl

In it, `:help` lists the commands.

Exit codes: 0 the session ended, 1 something from a pipe failed, 2 a wrong command line or file.")]
pub struct Repl {
    /// A script to load first, whose functions can be called then
    script: Option<PathBuf>,

    /// The folder that imports start from [default: the working directory]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl Repl {
    /// Runs the command.
    pub fn run(&self, surroundings: &Surroundings) -> Result<Exit, Failure> {
        let folder = surroundings.directory.join(self.root.as_deref().unwrap_or(".".as_ref()));
        let folder = folder.canonicalize().map_err(|error| Failure::reading(&folder, &error))?;
        let terminal = surroundings.terminal;
        // Scripts recurse through the interpreter.
        thread::scope(|scope| {
            let session = thread::Builder::new().stack_size(STACK);
            let session = session.spawn_scoped(scope, || self.session(folder, &terminal));
            let session =
                session.map_err(|error| Failure::broken(format!("cannot start: {error}")))?;
            session.join().unwrap_or_else(|_| Err(Failure::broken("the session failed")))
        })
    }

    fn session(&self, folder: PathBuf, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut session = Session::new(folder)?;
        if let Some(script) = &self.script {
            match session.take(&format!(":load {}", script.display()), true) {
                Answer::Error(message) => return Err(Failure::usage(message)),
                answer => {
                    shown(answer, terminal)?;
                }
            }
        }
        if io::stdin().is_terminal() { talk(session, terminal) } else { read(session, terminal) }
    }
}

/// Whether to go on, and whether it went well.
struct Step {
    goes_on: bool,
    failed: bool,
}

fn shown(answer: Answer, terminal: &Terminal) -> Result<Step, Failure> {
    let mut step = Step { goes_on: true, failed: false };
    if let Some(error) = shown::lost() {
        if error.kind() != ErrorKind::BrokenPipe {
            return Err(Failure::output(error));
        }
        step.goes_on = false;
        return Ok(step);
    }
    match answer {
        Answer::Value(text) if text.is_empty() => {}
        Answer::Value(text) => {
            let said = terminal.out_if_read(format!("{text}\n").as_bytes());
            step.goes_on = said.map_err(Failure::output)?;
        }
        Answer::Error(message) => {
            terminal.error(&message);
            step.failed = true;
        }
        Answer::Incomplete => {}
        Answer::Quit => step.goes_on = false,
    }
    Ok(step)
}

fn talk(mut session: Session, terminal: &Terminal) -> Result<Exit, Failure> {
    stop_on_ctrl_c();
    restore_terminal_on_signals();
    let mut editor = LineEditor::new(known_names()?)?;
    terminal.err(&format!("rhambda {}, Rhai with its library; :help", env!("CARGO_PKG_VERSION")));
    let mut input = String::new();
    loop {
        let prompt = if input.is_empty() { "> " } else { ". " };
        match editor.read(prompt, session.names())? {
            Typed::Line(line) => {
                let ends = line.trim().is_empty();
                input.push_str(&line);
                input.push('\n');
                let answer = session.take(&input, ends);
                if matches!(answer, Answer::Incomplete) {
                    continue;
                }
                input.clear();
                if !shown(answer, terminal)?.goes_on {
                    return Ok(Exit::Success);
                }
            }
            Typed::Interrupted => input.clear(),
            Typed::End => return Ok(Exit::Success),
        }
    }
}

fn read(mut session: Session, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut input = String::new();
    let mut exit = Exit::Success;
    let mut lines = io::stdin().lock().lines();
    loop {
        let line = lines
            .next()
            .transpose()
            .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
        let is_end = line.is_none();
        if let Some(line) = line {
            input.push_str(&line);
            input.push('\n');
        }
        let answer = session.take(&input, is_end);
        if !matches!(answer, Answer::Incomplete) {
            input.clear();
        }
        let step = shown(answer, terminal)?;
        if step.failed {
            exit = Exit::FunctionFailed;
        }
        if is_end || !step.goes_on {
            return Ok(exit);
        }
    }
}

/// Has Ctrl-C end what is being evaluated, and not the session. A script that waits for something else
/// does not hear of it, so that a second one ends the session.
fn stop_on_ctrl_c() {
    extern "C" fn stop(signal: libc::c_int) {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            end_on_signal(signal);
        }
    }
    // SAFETY: the handler does nothing but what a signal handler may.
    unsafe {
        libc::signal(libc::SIGINT, stop as extern "C" fn(libc::c_int) as libc::sighandler_t);
    }
}
