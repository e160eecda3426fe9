//! What a script finds at hand beyond the language: one file a part.

mod crypto;
#[cfg(test)]
mod examples;
mod json;
mod jwt;
mod log;
mod schema;
mod webhook;

use rhai::Engine;

use crate::vocabulary::Vocabulary;

/// One part of the library.
struct Part {
    /// A script that uses none of these words cannot reach the part, and does not pay for it.
    words: &'static [&'static str],
    register: fn(&mut Engine, &Vocabulary),
}

const PARTS: &[Part] =
    &[crypto::PART, json::PART, jwt::PART, log::PART, schema::PART, webhook::PART];

/// Teaches an engine what the vocabulary can reach of the library.
pub fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    log::handle_print(engine);
    json::name_numbers(engine);
    for part in PARTS {
        if part.words.iter().any(|word| vocabulary.has(word)) {
            (part.register)(engine, vocabulary);
        }
    }
}
