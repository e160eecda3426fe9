//! What a script finds at hand beyond the language: one file a part.

mod base64;
mod csv;
#[cfg(test)]
mod examples;
mod grow;
mod gzip;
mod hex;
mod json;
mod log;
mod regex;
mod text;
mod url;
mod xml;

use rhai::Engine;

use crate::vocabulary::Vocabulary;

/// One part of the library.
struct Part {
    /// A script that uses none of these words cannot reach the part, and does not pay for it.
    words: &'static [&'static str],
    register: fn(&mut Engine, &Vocabulary),
}

const PARTS: &[Part] = &[
    base64::PART,
    csv::PART,
    gzip::PART,
    hex::PART,
    json::PART,
    log::PART,
    regex::PART,
    text::PART,
    url::PART,
    xml::PART,
];

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
