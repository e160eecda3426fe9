//! Values and errors as people read them.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use rhai::{Dynamic, Engine, EvalAltResult, Map, Position};
use rhambda_runtime::json;
use rhambda_runtime::modules::Source;

use super::session::INTERRUPTED;
use crate::excerpt::excerpt;
use crate::terminal::harmless;

/// Where an error's source is.
pub(super) enum Blame<'a> {
    /// What was typed.
    Input(&'a str),
    /// A script that was loaded.
    File(&'a Source),
}

thread_local! {
    static LOST: Cell<Option<io::Error>> = const { Cell::new(None) };
}

/// Prints a line. What cannot be printed stops the script.
pub(super) fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    let text = match stdout.is_terminal() {
        true => harmless(text.as_bytes()),
        false => Cow::Borrowed(text.as_bytes()),
    };
    let written = stdout.write_all(&text).and_then(|()| stdout.write_all(b"\n"));
    if let Err(error) = written.and_then(|()| stdout.flush()) {
        LOST.set(Some(error));
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
}

/// Why a script could not print.
pub(crate) fn lost() -> Option<io::Error> {
    LOST.take()
}

/// A value as JSON if it can be, and nothing for `()`.
pub(super) fn value(value: &Dynamic) -> String {
    if value.is_unit() {
        return String::new();
    }
    if value.is_blob() {
        let bytes = value.read_lock::<Vec<u8>>().map_or(0, |blob| blob.len());
        return format!("a blob of {bytes} bytes: {value}");
    }
    match json::write_pretty(value) {
        Ok(text) => text,
        Err(_) => format!("{value:?}"),
    }
}

/// An error with the line it is about.
pub(super) fn error(
    error: &EvalAltResult,
    engine: &Engine,
    input: &str,
    loaded: &[Rc<Source>],
) -> String {
    let (inner, source) = innermost(error);
    let file = source.and_then(|name| loaded.iter().find(|source| source.file == name));
    match file {
        Some(file) => excerpted(&message(inner, engine), inner.position(), &Blame::File(file)),
        None if input.is_empty() => message(inner, engine),
        None => excerpted(&message(inner, engine), outermost(error), &Blame::Input(input)),
    }
}

/// What failed at the end of the calls, and the script it is in.
fn innermost(error: &EvalAltResult) -> (&EvalAltResult, Option<&str>) {
    let mut at = error;
    let mut source = None;
    loop {
        match at {
            EvalAltResult::ErrorInFunctionCall(_, name, inner, _) => {
                source = Some(name.as_str()).filter(|name| !name.is_empty()).or(source);
                at = inner;
            }
            EvalAltResult::ErrorInModule(name, inner, _) => {
                source = Some(name.as_str()).filter(|name| !name.is_empty()).or(source);
                at = inner;
            }
            _ => return (at, source),
        }
    }
}

/// The place in what was typed: of the call, if the error is further inside.
fn outermost(error: &EvalAltResult) -> Position {
    let position = error.position();
    if position.is_none() { innermost(error).0.position() } else { position }
}

fn message(error: &EvalAltResult, engine: &Engine) -> String {
    match error {
        EvalAltResult::ErrorRuntime(thrown, _) => match thrown.read_lock::<Map>() {
            Some(map) => {
                let field = |name: &str| map.get(name).map(ToString::to_string);
                match (field("type"), field("message")) {
                    (Some(kind), Some(message)) => format!("{kind}: {message}"),
                    (None, Some(message)) => message,
                    _ => value(thrown),
                }
            }
            None => thrown.to_string(),
        },
        EvalAltResult::ErrorTerminated(..) => "stopped".to_owned(),
        other => rhambda_runtime::error_in_words(other, engine),
    }
}

/// A message with the line it is about.
pub(super) fn excerpted(message: &str, position: Position, blame: &Blame) -> String {
    let text = match blame {
        Blame::Input(text) => *text,
        Blame::File(source) => &source.text,
    };
    let lines = text.lines().count().max(1);
    let last = text.lines().last().unwrap_or_default().chars().count();
    let line = position.line().unwrap_or(lines);
    let column =
        if position.line().is_some() { position.position().unwrap_or(1) } else { last + 1 };
    let mut shown = message.to_owned();
    if let Blame::File(source) = blame {
        shown.push_str(&format!("\n  at {}:{line}:{column}", source.file));
    }
    for line in excerpt(text, line, column).lines() {
        shown.push_str(&format!("\n  {line}"));
    }
    shown
}
