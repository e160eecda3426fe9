//! What `for` goes through that is the library's: it is read as the loop goes on.

use std::any::TypeId;

use rhai::{Dynamic, Engine, EvalAltResult, INT, Map, Module, Position};

use super::csv::CsvRows;
use super::fs::FileLines;
use crate::bounds::Bounded;

/// Teaches an engine how `for` goes through them.
pub(super) fn register(engine: &mut Engine) {
    engine.register_global_module(iterable().into());
}

/// What knows how `for` goes through them.
pub(crate) fn iterable() -> Module {
    let mut module = Module::new();
    module
        .set_iter_result(TypeId::of::<CsvRows>(), |value| {
            let rows = value.cast::<CsvRows>();
            Box::new(OneByOne::new(move || {
                let mut rows = rows.open()?;
                Ok(Box::new(move || rows.next()))
            }))
        })
        .set_iter_result(TypeId::of::<FileLines>(), |value| {
            let lines = value.cast::<FileLines>();
            Box::new(OneByOne::new(move || {
                let mut lines = lines.open()?;
                Ok(Box::new(move || lines.next()))
            }))
        })
        .build_index();
    module
}

/// Gives the next value, as long as there is one.
type Next = Box<dyn FnMut() -> Bounded<Option<Dynamic>>>;

/// Opens something when its first value is asked for, and ends with the first error.
struct OneByOne<F> {
    open: Option<F>,
    next: Option<Next>,
}

impl<F: FnOnce() -> Bounded<Next>> OneByOne<F> {
    fn new(open: F) -> Self {
        Self { open: Some(open), next: None }
    }
}

impl<F: FnOnce() -> Bounded<Next>> Iterator for OneByOne<F> {
    type Item = Bounded<Dynamic>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(open) = self.open.take() {
            match open() {
                Ok(next) => self.next = Some(next),
                Err(error) => return Some(Err(error)),
            }
        }
        let given = self.next.as_mut()?().transpose();
        if !matches!(given, Some(Ok(_))) {
            self.next = None;
        }
        given
    }
}

/// The error of a function that was called with a row or a line, which tells its number: in the chain of
/// calls, and as a field of what was thrown, if that is a map.
pub(super) fn in_row(
    mut error: Box<EvalAltResult>,
    what: &str,
    field: &str,
    number: usize,
) -> Box<EvalAltResult> {
    fn note(error: &mut EvalAltResult, field: &str, number: INT) {
        match error {
            EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
            | EvalAltResult::ErrorInModule(_, inner, _) => note(inner, field, number),
            EvalAltResult::ErrorRuntime(value, _) => {
                if let Some(mut map) = value.write_lock::<Map>() {
                    map.entry(field.into()).or_insert_with(|| number.into());
                }
            }
            _ => {}
        }
    }
    // Nobody reads what stops a script, and nothing may stand before it.
    if matches!(*error, EvalAltResult::ErrorTerminated(..) | EvalAltResult::Exit(..)) {
        return error;
    }
    note(&mut error, field, INT::try_from(number).unwrap_or(INT::MAX));
    let name = format!("{what} {number}");
    let error = EvalAltResult::ErrorInFunctionCall(name, String::new(), error, Position::NONE);
    Box::new(error)
}
