//! A JSON object that is written field by field. It is small, since every cold start loads it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Dynamic, Map};

use crate::json;

/// An object that is not ended yet.
#[derive(Debug, Clone)]
pub(super) struct Object(Vec<u8>);

impl Default for Object {
    fn default() -> Self {
        Self(b"{".to_vec())
    }
}

impl Object {
    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(never)]
    fn key(&mut self, name: &str) {
        separate(&mut self.0);
        json::push_text(name, &mut self.0);
        self.0.push(b':');
    }

    /// A field that is JSON already.
    #[inline(never)]
    pub(super) fn json(&mut self, name: &str, json: &[u8]) {
        self.key(name);
        self.0.extend_from_slice(json);
    }

    /// A text, or `null`.
    #[inline(never)]
    pub(super) fn text(&mut self, name: &str, text: Option<&str>) {
        self.key(name);
        match text {
            Some(text) => json::push_text(text, &mut self.0),
            None => self.0.extend_from_slice(b"null"),
        }
    }

    /// A whole number, or `null`.
    #[inline(never)]
    pub(super) fn number(&mut self, name: &str, number: Option<u64>) {
        self.key(name);
        let text = number.map_or_else(|| "null".to_owned(), |number| number.to_string());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Bytes: a text, or base64 in `NAME_base64`.
    #[inline(never)]
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(name, Some(text)),
            Err(_) => {
                let encoded = BASE64_STANDARD.encode(bytes);
                self.text(&[name, "_base64"].concat(), Some(&encoded));
            }
        }
    }

    /// A value of a script, if there is room for it; none where it would be another one in JSON,
    /// which is `false`.
    #[inline(never)]
    pub(super) fn value(&mut self, name: &str, value: &Dynamic, room: &mut usize) -> bool {
        let mut text = Vec::new();
        let fits = is_json(value, room, 0) && json::write(value, &mut text).is_ok();
        if fits {
            self.json(name, &text);
        }
        fits
    }

    /// The fields of another object.
    pub(super) fn append(&mut self, other: &Self) {
        separate(&mut self.0);
        self.0.extend_from_slice(&other.0[1..]);
    }

    /// The whole object.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// Adds to an array that is not ended yet.
#[inline(never)]
pub(super) fn push(array: &mut Vec<u8>, json: &[u8]) {
    if array.is_empty() {
        array.push(b'[');
    }
    separate(array);
    array.extend_from_slice(json);
}

/// The whole array.
pub(super) fn array(mut array: Vec<u8>) -> Vec<u8> {
    if array.is_empty() {
        array.push(b'[');
    }
    array.push(b']');
    array
}

/// What a text takes in JSON, or what is no text in base64 and a little more.
pub(super) fn text_bytes(text: &[u8]) -> usize {
    let bytes = |&byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..b' ' => 6,
        _ => 1,
    };
    text.iter().map(bytes).sum()
}

/// Whether JSON gives back the value as it is, which takes that much of the room; `false`, and
/// nothing left, where the room is too small.
fn is_json(value: &Dynamic, room: &mut usize, depth: usize) -> bool {
    const SEPARATORS: usize = 4;
    let text = value.as_immutable_string_ref().map_or(0, |text| text_bytes(text.as_bytes()));
    *room = room.saturating_sub(text.saturating_add(SEPARATORS));
    if *room == 0 || depth > json::MAX_DEPTH {
        return false;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().all(|item| is_json(item, room, depth + 1));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.iter().all(|(key, item)| {
            *room = room.saturating_sub(text_bytes(key.as_bytes()));
            is_json(item, room, depth + 1)
        });
    }
    value.is_unit()
        || value.is_bool()
        || value.is_int()
        || value.is_float()
        || value.is_string()
        || value.is::<json::BigInteger>()
}

fn separate(out: &mut Vec<u8>) {
    if !out.ends_with(b"{") && !out.ends_with(b"[") {
        out.push(b',');
    }
}
