//! What a script finds at hand beyond the language: one file a module.

mod json;
mod log;

use rhai::Engine;

/// Teaches an engine the whole library.
pub fn register(engine: &mut Engine) {
    json::register(engine);
    log::register(engine);
}
