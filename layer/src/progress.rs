//! What a person sees while something takes long.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::terminal::{Look, Terminal};

/// What is done sooner needs no words.
const PATIENCE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(100);

/// Says on standard error what takes long, until it is dropped: on a terminal in a line that goes
/// away, elsewhere in one line that stays.
#[derive(Debug)]
pub(crate) struct Progress {
    // Dropped first, which ends the thread.
    end: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to wait for what is about to be done.
    pub(crate) fn of(what: impl Into<String>, terminal: Terminal) -> Progress {
        let (what, (end, ended)) = (what.into(), channel());
        // Without a thread nothing is told, and all is done the same.
        let teller = thread::Builder::new().spawn(move || tell(&what, &ended, terminal)).ok();
        Progress { end: Some(end), teller }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(teller) = self.teller.take() {
            drop(teller.join());
        }
    }
}

fn tell(what: &str, ended: &Receiver<()>, terminal: Terminal) {
    const TURNING: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
    let goes_on = |length| ended.recv_timeout(length) == Err(RecvTimeoutError::Timeout);
    let begun = Instant::now();
    if !goes_on(PATIENCE) {
        return;
    }
    if !terminal.can_rewrite_lines() {
        terminal.err(&format!("{what} …"));
        return;
    }
    for sign in TURNING.iter().cycle() {
        let line = format!("{sign} {what}, {} s", begun.elapsed().as_secs());
        terminal.rewrite(&terminal.paint(Look::Faint, &line));
        if !goes_on(STEP) {
            break;
        }
    }
    terminal.rewrite("");
}
