//! Names and values in a query or a form, and user names in a URL.

use rhai::{Array, Dynamic, Map};

use crate::library::plain_text;
use crate::memory;

/// How a space is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// `%20`, as in a URL.
    Percent,
    /// `+`, as in a form.
    Plus,
}

/// `name=value&name=value`. An array is one pair for each of its items; `()` is left out.
///
/// # Errors
/// Which value of the option is no plain one, or that they are too many.
pub fn pairs(option: &str, map: &Map, space: Space) -> Result<String, String> {
    let mut out = String::new();
    for (name, value) in map {
        let mut push = |value: &Dynamic| -> Result<(), String> {
            if value.is_unit() {
                return Ok(());
            }
            let text = plain_text(value).ok_or_else(|| no_plain(option, name))?;
            // Encoded, a byte is up to three, and the whole may move once as it grows.
            if !memory::has_room_for((out.len() + name.len() + text.len()).saturating_mul(6)) {
                return Err(format!("`{option}` is too large for the memory that is left"));
            }
            if !out.is_empty() {
                out.push('&');
            }
            encode(name, space, &mut out);
            out.push('=');
            encode(&text, space, &mut out);
            Ok(())
        };
        match value.read_lock::<Array>() {
            Some(items) => items.iter().try_for_each(push)?,
            None => push(value)?,
        }
    }
    Ok(out)
}

/// What is said of a value that cannot be sent in an option.
pub fn no_plain(option: &str, name: &str) -> String {
    format!("`{name}` of `{option}` is no text, number or boolean, nor an array of them")
}

fn encode(text: &str, space: Space, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            b' ' if space == Space::Plus => out.push('+'),
            _ => {
                out.push('%');
                out.push(DIGITS[usize::from(byte >> 4)].into());
                out.push(DIGITS[usize::from(byte & 15)].into());
            }
        }
    }
}

/// Undoes percent-encoding; a `%` that begins none stays.
pub fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match digit(at + 1).zip(digit(at + 2)).map(|(high, low)| (high << 4 | low) as u8) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_encoded_as_urls_and_forms_want_them() {
        let map: Map = [
            ("a b".into(), Dynamic::from("ü & ~".to_owned())),
            ("list".into(), Dynamic::from_array(vec![1.into(), true.into(), Dynamic::UNIT])),
            ("none".into(), Dynamic::UNIT),
        ]
        .into();
        assert_eq!(
            pairs("query", &map, Space::Percent).unwrap(),
            "a%20b=%C3%BC%20%26%20~&list=1&list=true"
        );
        assert_eq!(pairs("query", &map, Space::Plus).unwrap(), "a+b=%C3%BC+%26+~&list=1&list=true");
        let nested: Map = [("deep".into(), Dynamic::from_map(Map::new()))].into();
        let said = pairs("form", &nested, Space::Plus).unwrap_err();
        assert!(said.starts_with("`deep` of `form` is no text"), "{said}");
    }

    #[test]
    fn percents_are_decoded_where_they_can_be() {
        assert_eq!(percent_decoded("a%20%C3%BC%"), "a ü%".as_bytes());
        assert_eq!(percent_decoded("%zz%+1%4"), b"%zz%+1%4");
    }
}
