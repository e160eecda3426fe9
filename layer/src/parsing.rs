//! How the tool parses a script that may be anything: as the runtime reads it, and not for ever.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::{AST, Engine, LexError, ParseError, Token};
use rhambda_runtime::Words;

/// So long may a script take. What takes longer was made by a program, and has hundreds of thousands
/// of names in one place: the parser compares each with all before it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Lets an engine parse a script for so long and no longer.
pub(crate) struct Deadline(Rc<Cell<Option<Instant>>>);

impl Deadline {
    /// Teaches it the engine, which reads scripts as `bootstrap` does from now on.
    pub(crate) fn of(engine: &mut Engine) -> Deadline {
        let until = Rc::new(Cell::new(None));
        let deadline = Rc::clone(&until);
        let words = Words::default();
        #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
        engine.on_parse_token(move |token, _, _| match token {
            _ if deadline.get().is_some_and(|until| Instant::now() > until) => {
                let message =
                    "The script takes too long to be read: it has too many names in one place";
                Token::LexError(LexError::Runtime(message.to_owned()).into())
            }
            token => words.read(token),
        });
        Deadline(until)
    }

    /// Compiles a script with that engine.
    pub(crate) fn compile(&self, engine: &Engine, source: &str) -> Result<AST, ParseError> {
        self.0.set(Instant::now().checked_add(PATIENCE));
        let ast = engine.compile(source);
        self.0.set(None);
        ast
    }
}
