//! `hex`: bytes as two hexadecimal digits each (RFC 4648, section 8).

use rhai::plugin::*;
use rhai::{Blob, Dynamic, Engine};

use super::crypto::{hex, with_bytes};
use super::native::exported;
use super::{Part, counted, malformed};
use crate::bounds::{self, Bounded, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["hex"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("hex", "Hex.Invalid", engine, vocabulary);
}

/// Bytes as two hexadecimal digits each.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Two lower-case digits for each byte of a blob, or of the UTF-8 of text.
    ///
    /// ```rhai
    /// hex::encode("Az"); // => "417a"
    /// hex::encode(blob(2, 255)); // => "ffff"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn encode(data: &mut Dynamic) -> Bounded<String> {
        with_bytes("hex::encode", "data", data, |bytes| {
            room_for(bytes.len(), 2)?;
            let mut digits = String::with_capacity(bytes.len() * 2);
            for part in bytes.chunks(bounds::ROUND) {
                bounds::step(part.len())?;
                digits.push_str(&hex(part));
            }
            Ok(digits)
        })
    }

    /// The blob that digits of either case stand for.
    ///
    /// ```rhai
    /// hex::decode("00fF").to_array(); // => [0, 255]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode(text: &str) -> Bounded<Blob> {
        super::decode(text)
    }
}

fn decode(text: &str) -> Bounded<Blob> {
    room_for(text.len() / 2, 1)?;
    let stray = text.char_indices().find(|(_, character)| !character.is_ascii_hexdigit());
    if let Some((offset, character)) = stray {
        let message = format!(
            "this is not hex: {character:?} at offset {offset} is not one of 0-9, a-f, A-F"
        );
        return Err(malformed("Hex.Malformed", message, [("offset", counted(offset))]));
    }
    if text.len() % 2 != 0 {
        let message = format!(
            "this is not hex: {} digits, but each byte takes two; a digit is missing",
            text.len()
        );
        return Err(malformed("Hex.Malformed", message, []));
    }
    let value = |digit: u8| (digit & 15) + if digit.is_ascii_alphabetic() { 9 } else { 0 };
    let mut blob = Blob::with_capacity(text.len() / 2);
    for part in text.as_bytes().chunks(bounds::ROUND) {
        bounds::step(part.len())?;
        blob.extend(part.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])));
    }
    Ok(blob)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    // RFC 4648, section 10, in lower case.
    #[test]
    fn the_vectors_of_rfc_4648_hold_both_ways() {
        for (text, encoded) in [("", ""), ("f", "66"), ("foobar", "666f6f626172")] {
            gives(&format!("hex::encode({text:?})"), &format!("{encoded:?}"));
            gives(&format!("hex::decode({encoded:?}).as_string()"), &format!("{text:?}"));
        }
    }

    #[test]
    fn every_byte_comes_back_from_digits_of_either_case() {
        let script = "let all = blob(); for n in 0..256 { all.push(n) }
            let digits = hex::encode(all);
            [hex::decode(digits) == all, hex::decode(digits.to_upper()) == all, digits.len]";
        gives(script, "[true, true, 512]");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        is_too_large("hex::encode(blob(600000, 0))");
    }

    #[test]
    fn what_is_not_hex_is_refused_with_the_place() {
        fails("hex::decode(\"0g\")", "'g' at offset 1");
        fails("hex::decode(\"ü\")", "'ü' at offset 0");
        fails("hex::decode(\"0x12\")", "'x' at offset 1");
        fails("hex::decode(\"123\")", "3 digits");
    }
}
