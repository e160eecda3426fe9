//! What stands in an event, by its path: names with `/` between, and `0` for an array's first item.

use rhai::{Array, Dynamic, ImmutableString, Map};

/// Shows the value at the end of a path; nothing where a step is missing.
pub(in crate::library) fn look(value: &Dynamic, path: &str, see: &mut dyn FnMut(&Dynamic)) {
    if path.is_empty() {
        return see(value);
    }
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    if let Some(map) = value.read_lock::<Map>() {
        if let Some(value) = map.get(name) {
            look(value, rest, see);
        }
    } else if let Some(array) = value.read_lock::<Array>() {
        if let Some(value) = name.parse().ok().and_then(|index: usize| array.get(index)) {
            look(value, rest, see);
        }
    }
}

/// A copy of what is at the end of a path; `()` where there is nothing.
pub(super) fn at(value: &Dynamic, path: &str) -> Dynamic {
    let mut found = Dynamic::UNIT;
    look(value, path, &mut |value| found = value.clone().flatten());
    found
}

/// The text at the end of a path.
pub(in crate::library) fn text(value: &Dynamic, path: &str) -> Option<ImmutableString> {
    let mut found = None;
    look(value, path, &mut |value| {
        found = value.as_immutable_string_ref().ok().map(|text| text.clone());
    });
    found
}

/// The map at the end of a path, or an empty one.
pub(super) fn map(value: &Dynamic, path: &str) -> Map {
    at(value, path).try_cast().unwrap_or_default()
}

/// Whether anything but `()` is at the end of a path.
pub(super) fn has(value: &Dynamic, path: &str) -> bool {
    let mut is_there = false;
    look(value, path, &mut |value| is_there = !value.is_unit());
    is_there
}
