//! `base64` and `base64url`: bytes as text of 64 characters (RFC 4648, sections 4 and 5).

use ::base64::alphabet;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ::base64::{DecodeError, Engine as _};
use rhai::plugin::*;
use rhai::{Blob, Dynamic, Engine};

use super::crypto::with_bytes;
use super::native::exported;
use super::{Part, counted, malformed};
use crate::bounds::{Bounded, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["base64", "base64url"], register };

/// One of the two alphabets, with its rule for padding.
struct Variant {
    name: &'static str,
    /// The type of what a text throws that is none.
    malformed: &'static str,
    codec: GeneralPurpose,
}

static STANDARD: Variant = Variant {
    name: "base64",
    malformed: "Base64.Malformed",
    codec: ::base64::engine::general_purpose::STANDARD,
};

static URL_SAFE: Variant = Variant {
    name: "base64url",
    malformed: "Base64url.Malformed",
    codec: GeneralPurpose::new(
        &alphabet::URL_SAFE,
        GeneralPurposeConfig::new()
            .with_encode_padding(false)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    ),
};

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    if vocabulary.has("base64") {
        exported!(standard).register_in("base64", "Base64.Invalid", engine, vocabulary);
    }
    if vocabulary.has("base64url") {
        exported!(url_safe).register_in("base64url", "Base64url.Invalid", engine, vocabulary);
    }
}

/// Bytes as text of 64 characters (RFC 4648, section 4).
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod standard {
    /// A blob, or the UTF-8 of text, as base64.
    ///
    /// ```rhai
    /// base64::encode("hello"); // => "aGVsbG8="
    /// base64::encode(blob(2, 0xff)); // => "//8="
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn encode(data: &mut Dynamic) -> Bounded<String> {
        STANDARD.encode(data)
    }

    /// The blob that base64 stands for.
    ///
    /// ```rhai
    /// base64::decode("AP8=").to_array(); // => [0, 255]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode(text: &str) -> Bounded<Blob> {
        STANDARD.decode(text)
    }

    /// The text whose UTF-8 base64 stands for; an error where the bytes are not UTF-8.
    ///
    /// ```rhai
    /// base64::decode_text("aGVsbG8="); // => "hello"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode_text(text: &str) -> Bounded<String> {
        STANDARD.decode_text(text)
    }
}

/// Bytes as text of 64 characters that are fit for URLs and names of files (RFC 4648, section 5).
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod url_safe {
    /// A blob, or the UTF-8 of text, as base64url without padding.
    ///
    /// ```rhai
    /// base64url::encode(blob(2, 0xff)); // => "__8"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn encode(data: &mut Dynamic) -> Bounded<String> {
        URL_SAFE.encode(data)
    }

    /// The blob that base64url stands for, with or without padding.
    ///
    /// ```rhai
    /// base64url::decode("__8").to_array(); // => [255, 255]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode(text: &str) -> Bounded<Blob> {
        URL_SAFE.decode(text)
    }

    /// The text whose UTF-8 base64url stands for; an error where the bytes are not UTF-8.
    ///
    /// ```rhai
    /// base64url::decode_text("w7w"); // => "ü"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode_text(text: &str) -> Bounded<String> {
        URL_SAFE.decode_text(text)
    }
}

impl Variant {
    fn encode(&self, data: &Dynamic) -> Bounded<String> {
        with_bytes(&format!("{}::encode", self.name), "data", data, |bytes| {
            room_for(bytes.len() / 3 + 1, 4)?;
            Ok(self.codec.encode(bytes))
        })
    }

    fn decode(&self, text: &str) -> Bounded<Blob> {
        room_for(text.len() / 4 + 1, 3)?;
        self.codec.decode(text).map_err(|error| {
            let offset = match error {
                DecodeError::InvalidByte(offset, _)
                | DecodeError::InvalidLastSymbol { offset, .. } => counted(offset),
                _ => Dynamic::UNIT,
            };
            malformed(self.malformed, explain(self, text, error), [("offset", offset)])
        })
    }

    fn decode_text(&self, text: &str) -> Bounded<String> {
        let name = self.name;
        String::from_utf8(self.decode(text)?).map_err(|error| {
            let message = format!(
                "what this {name} stands for is not text: byte {} is not UTF-8; `{name}::decode` \
                 gives a blob",
                error.utf8_error().valid_up_to()
            );
            malformed(self.malformed, message, [])
        })
    }
}

fn explain(variant: &Variant, text: &str, error: DecodeError) -> String {
    let name = variant.name;
    match error {
        DecodeError::InvalidByte(offset, _) => {
            let character = text.get(offset..).and_then(|rest| rest.chars().next());
            let other = match (character, name) {
                (Some('-' | '_'), "base64") => "; `base64url::decode` takes it",
                (Some('+' | '/'), "base64url") => "; `base64::decode` takes it",
                _ => "",
            };
            match character {
                Some('=') => format!("this is not {name}: a misplaced `=` at offset {offset}"),
                Some(character) => format!(
                    "this is not {name}: {character:?} at offset {offset} is not of its \
                     alphabet{other}"
                ),
                None => format!("this is not {name}: a character at offset {offset}"),
            }
        }
        DecodeError::InvalidLength(_) => format!(
            "this is not {name}: {} characters cannot stand for whole bytes",
            text.trim_end_matches('=').len()
        ),
        DecodeError::InvalidLastSymbol { offset, .. } => format!(
            "this is not {name}: the last character, at offset {offset}, has bits that belong to \
             no byte"
        ),
        DecodeError::InvalidPadding => format!(
            "this is not {name}: its length with padding (`=`) has to be a multiple of four; \
             `base64url::decode` takes text without padding"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    // RFC 4648, section 10.
    const VECTORS: [(&str, &str); 7] = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn the_vectors_of_rfc_4648_hold_both_ways() {
        for (text, encoded) in VECTORS {
            let bare = encoded.trim_end_matches('=');
            gives(&format!("base64::encode({text:?})"), &format!("{encoded:?}"));
            gives(&format!("base64::encode({text:?}.to_blob())"), &format!("{encoded:?}"));
            gives(&format!("base64url::encode({text:?})"), &format!("{bare:?}"));
            gives(&format!("base64::decode_text({encoded:?})"), &format!("{text:?}"));
            gives(&format!("base64url::decode_text({encoded:?})"), &format!("{text:?}"));
            gives(&format!("base64url::decode_text({bare:?})"), &format!("{text:?}"));
        }
    }

    #[test]
    fn a_constant_blob_is_encoded_and_kept() {
        gives("const B = blob(1, 65); [base64::encode(B), B.len]", r#"["QQ==", 1]"#);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        is_too_large("base64::encode(blob(1000000, 0))");
    }

    #[test]
    fn what_is_not_base64_is_refused_with_the_place_and_the_way_out() {
        fails("base64::decode(\"aGV!\")", "this is not base64: '!' at offset 3");
        fails("base64::decode(\"ab-_\")", "`base64url::decode` takes it");
        fails("base64url::decode(\"ab+/\")", "`base64::decode` takes it");
        fails("base64::decode(\"Zg\")", "multiple of four");
        fails("base64::decode(\"Zh==\")", "the last character, at offset 1");
        fails("base64::decode(\"Zg==Zg==\")", "this is not base64");
        fails("base64::decode(\"Zm9v\\nYg==\")", "'\\n' at offset 4");
        fails("base64::decode(\"Zgü=\")", "'ü' at offset 2");
        fails("base64::decode(\"Z\")", "this is not base64");
        fails("base64::decode(\"====\")", "this is not base64");
        fails("base64::decode_text(\"/w==\")", "byte 0 is not UTF-8");
    }
}
