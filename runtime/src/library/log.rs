//! `print`, `debug`, and the module `log`: records with a level and fields.

use ::log::Level;
use rhai::plugin::*;
use rhai::{Dynamic, Engine, ImmutableString, Map};
use serde_json::Value;

use super::Part;
use super::native::exported;
use crate::vocabulary::Vocabulary;
use crate::{json, logging};

pub(super) const PART: Part = Part { words: &["log"], register };

/// Says what `print` and `debug` do.
pub fn handle_print(engine: &mut Engine) {
    engine.on_print(|text| {
        logging::script_record(Level::Info, json::cut(text, MOST_TOLD).into(), None)
    });
    engine.on_debug(|text, source, position| {
        let text = json::cut(text, MOST_TOLD);
        let place = match (source, position.line()) {
            (Some(source), Some(line)) => format!("{source}:{line}: {text}"),
            _ => text,
        };
        logging::script_record(Level::Debug, place.into(), None);
    });
}

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("log", "Log.Invalid", engine, vocabulary);
}

/// Records with a level and fields.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Writes a record of level TRACE, which is written only where the log level asks for it: text, or a map.
    ///
    /// ```rhai
    /// log::trace("asked for the next page");
    /// ```
    #[rhai_fn(volatile)]
    pub fn trace(message: Dynamic) {
        record(Level::Trace, &message, None);
    }

    /// Writes a record of level TRACE with fields.
    ///
    /// ```rhai
    /// log::trace("asked for the next page", #{ page: 2 });
    /// ```
    #[rhai_fn(name = "trace", volatile)]
    pub fn trace_with_fields(message: ImmutableString, fields: Map) {
        record(Level::Trace, &message.into(), Some(&fields));
    }

    /// Writes a record of level DEBUG: text, or a map.
    ///
    /// ```rhai
    /// log::debug("nothing in the cache");
    /// ```
    #[rhai_fn(volatile)]
    pub fn debug(message: Dynamic) {
        record(Level::Debug, &message, None);
    }

    /// Writes a record of level DEBUG with fields.
    ///
    /// ```rhai
    /// log::debug("nothing in the cache", #{ key: "rates" });
    /// ```
    #[rhai_fn(name = "debug", volatile)]
    pub fn debug_with_fields(message: ImmutableString, fields: Map) {
        record(Level::Debug, &message.into(), Some(&fields));
    }

    /// Writes a record of level INFO: text, or a map.
    ///
    /// ```rhai
    /// log::info("order taken");
    /// ```
    #[rhai_fn(volatile)]
    pub fn info(message: Dynamic) {
        record(Level::Info, &message, None);
    }

    /// Writes a record of level INFO with fields.
    ///
    /// ```rhai
    /// log::info("order taken", #{ order: 7, total: 42 });
    /// ```
    #[rhai_fn(name = "info", volatile)]
    pub fn info_with_fields(message: ImmutableString, fields: Map) {
        record(Level::Info, &message.into(), Some(&fields));
    }

    /// Writes a record of level WARN: text, or a map.
    ///
    /// ```rhai
    /// log::warn("no stock left");
    /// ```
    #[rhai_fn(volatile)]
    pub fn warn(message: Dynamic) {
        record(Level::Warn, &message, None);
    }

    /// Writes a record of level WARN with fields.
    ///
    /// ```rhai
    /// log::warn("no stock left", #{ item: "book" });
    /// ```
    #[rhai_fn(name = "warn", volatile)]
    pub fn warn_with_fields(message: ImmutableString, fields: Map) {
        record(Level::Warn, &message.into(), Some(&fields));
    }

    /// Writes a record of level ERROR: text, or a map.
    ///
    /// ```rhai
    /// log::error("cannot reach the shop");
    /// ```
    #[rhai_fn(volatile)]
    pub fn error(message: Dynamic) {
        record(Level::Error, &message, None);
    }

    /// Writes a record of level ERROR with fields.
    ///
    /// ```rhai
    /// log::error("cannot reach the shop", #{ tries: 3 });
    /// ```
    #[rhai_fn(name = "error", volatile)]
    pub fn error_with_fields(message: ImmutableString, fields: Map) {
        record(Level::Error, &message.into(), Some(&fields));
    }
}

/// As much as is told of a message, or of all fields, in bytes; more is cut, and it says so. CloudWatch
/// takes no record of more than 1 MB.
const MOST_TOLD: usize = 192 << 10;

/// As much as is told of a field when there is no room left.
const LEAST_TOLD: usize = 64;

/// More fields than a record is read for.
const MOST_FIELDS: usize = 1000;

fn record(level: Level, message: &Dynamic, fields: Option<&Map>) {
    if !logging::is_enabled(level) {
        return;
    }
    let message = match json::to_value(message, MOST_TOLD) {
        text @ Value::String(_) => text,
        // Only an object is more use as itself than as its text.
        object @ Value::Object(_) => object,
        _ => json::shown(message, MOST_TOLD).into(),
    };
    let fields = fields.map(|fields| {
        let mut room = MOST_TOLD;
        let fields = fields.iter().map(|(name, value)| {
            let value = json::to_value(value, room.max(LEAST_TOLD));
            room = room.saturating_sub(name.len() + value.to_string().len());
            (name.to_string(), value)
        });
        fields.take(MOST_FIELDS).collect()
    });
    logging::script_record(level, message, fields);
}
