//! What a script finds at hand beyond the language: one file a part.

mod json;
mod log;
mod regex;
mod schema;

#[cfg(test)]
mod examples;

use rhai::{Engine, EvalAltResult, NativeCallContext};

use crate::vocabulary::Vocabulary;

/// One part of the library.
struct Part {
    /// A script that uses none of these words cannot reach the part, and does not pay for it.
    words: &'static [&'static str],
    register: fn(&mut Engine, &Vocabulary),
}

const PARTS: [Part; 4] = [json::PART, log::PART, regex::PART, schema::PART];

/// What a function of the library gives.
type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Teaches an engine what the vocabulary can reach of the library.
pub fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    log::handle_print(engine);
    json::name_numbers(engine);
    for part in &PARTS {
        if part.words.iter().any(|word| vocabulary.has(word)) {
            (part.register)(engine, vocabulary);
        }
    }
}

/// An engine with the whole library, to be described.
#[cfg(feature = "docs")]
#[must_use]
pub fn whole() -> Engine {
    let mut engine = Engine::new();
    // With this word in it, a source has all words.
    let vocabulary = Vocabulary::of("eval", &crate::modules::Roots::new(Vec::new()));
    register(&mut engine, &vocabulary);
    engine
}

/// The engine does not say where a module's function was called that failed; this does.
trait At<T> {
    /// Places a failure at the call.
    fn at(self, context: &NativeCallContext) -> Fallible<T>;
}

impl<T> At<T> for Fallible<T> {
    fn at(self, context: &NativeCallContext) -> Self {
        self.map_err(|mut error| {
            if error.position().is_none() {
                error.set_position(context.call_position());
            }
            error
        })
    }
}
