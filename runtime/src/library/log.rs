//! `print`, `debug`, and the module `log`: records with a level and fields.

use ::log::Level;
use rhai::{Dynamic, Engine, ImmutableString, Map, Module};
use serde_json::Value;

use super::Part;
use crate::vocabulary::Vocabulary;
use crate::{json, logging};

pub(super) const PART: Part = Part { words: &["log"], register };

/// Says what `print` and `debug` do.
pub fn handle_print(engine: &mut Engine) {
    engine.on_print(|text| logging::script_record(Level::Info, text.into(), None));
    engine.on_debug(|text, source, position| {
        let place = match (source, position.line()) {
            (Some(source), Some(line)) => format!("{source}:{line}: {text}"),
            _ => text.to_owned(),
        };
        logging::script_record(Level::Debug, place.into(), None);
    });
}

fn register(engine: &mut Engine, _: &Vocabulary) {
    let mut module = Module::new();
    for (name, level) in [
        ("trace", Level::Trace),
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
    ] {
        module.set_native_fn(name, move |message: Dynamic| {
            record(level, &message, None);
            Ok(())
        });
        module.set_native_fn(name, move |message: ImmutableString, fields: Map| {
            record(level, &message.into(), Some(&fields));
            Ok(())
        });
    }
    engine.register_static_module("log", module.into());
}

fn record(level: Level, message: &Dynamic, fields: Option<&Map>) {
    if !logging::is_enabled(level) {
        return;
    }
    let fields = fields.map(|fields| {
        fields.iter().map(|(name, value)| (name.to_string(), json::to_value(value))).collect()
    });
    let message = match json::to_value(message) {
        text @ Value::String(_) => text,
        // Only an object is more use as itself than as its text.
        object @ Value::Object(_) => object,
        _ => message.to_string().into(),
    };
    logging::script_record(level, message, fields);
}
