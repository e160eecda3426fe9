//! The module `uuid`: identifiers by RFC 9562.

use std::cell::Cell;
use std::time::UNIX_EPOCH;

use rhai::plugin::*;
use rhai::{Engine, ImmutableString};

use super::native::exported;
use super::{Fallible, Part};
use crate::effects::{Failure, world};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["uuid"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("uuid", "Uuid.Invalid", engine, vocabulary);
}

thread_local! {
    /// The millisecond of the last v7 and its counter, so that each sorts after the one before.
    static LAST: Cell<(u64, u16)> = const { Cell::new((0, 0)) };
}

/// More than any form of an identifier takes.
const LONGEST: usize = 100;

const LARGEST_COUNTER: u16 = 0xFFF;

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    world().random_bytes(&mut bytes);
    bytes
}

/// A random identifier, for other parts of the library.
pub(super) fn anew() -> String {
    marked(random(), 4)
}

fn marked(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = bytes[6] & 0x0F | version << 4;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    text(bytes)
}

fn text(bytes: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

/// By a counter of fixed length that begins anywhere in its lower half (RFC 9562, 6.2).
fn v7() -> String {
    let mut bytes = random();
    let now = world().now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let (last, counter) = LAST.get();
    let next = match now > last {
        true => (now, u16::from_be_bytes([bytes[6], bytes[7]]) & (LARGEST_COUNTER >> 1)),
        false if counter == LARGEST_COUNTER => (last + 1, 0),
        false => (last, counter + 1),
    };
    LAST.set(next);
    bytes[..6].copy_from_slice(&next.0.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&next.1.to_be_bytes());
    marked(bytes, 7)
}

/// The bytes of an identifier with hyphens or without, in braces, or as a URN.
fn parsed(text: &str) -> Option<[u8; 16]> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.trim();
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let lower = text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:"));
    let text = if lower { &text[9..] } else { bare.unwrap_or(text) };
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if !hyphens.is_empty() && hyphens != [8, 13, 18, 23] {
        return None;
    }
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b'-')
        .map(|byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    (digits.len() == 32).then(|| bytes.try_into().ok()).flatten()
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// A random identifier, version 4.
    ///
    /// ```rhai
    /// uuid::v4().len; // => 36
    /// ```
    #[rhai_fn(volatile)]
    pub fn v4() -> String {
        anew()
    }

    /// An identifier that sorts by its time, version 7; each of an environment after the one before.
    ///
    /// ```rhai
    /// uuid::v7() < uuid::v7(); // => true
    /// ```
    #[rhai_fn(volatile)]
    pub fn v7() -> String {
        super::v7()
    }

    /// The identifier in lower case with hyphens. It may come without hyphens, in braces or as a
    /// URN; what is none is an error of type `Uuid.Invalid`.
    ///
    /// ```rhai
    /// uuid::parse("{F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6}"); // => "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse(text: Text) -> Fallible<String> {
        let parsed = parsed(&text).map(super::text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Failure::new("Uuid.Invalid", format!("`{shown}` is no UUID"))
        });
        Ok(parsed?)
    }

    /// Whether a text is an identifier that `parse` would take.
    ///
    /// ```rhai
    /// uuid::is_valid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"); // => true
    /// uuid::is_valid("f81d4fae"); // => false
    /// ```
    pub fn is_valid(text: Text) -> bool {
        parsed(&text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_has_its_version_and_variant() {
        for (made, version) in [(marked([0xFF; 16], 4), 4), (v7(), 7)] {
            let bytes = parsed(&made).unwrap();
            assert_eq!((bytes[6] >> 4, bytes[8] >> 6), (version, 2), "{made}");
            assert_eq!(text(bytes), made);
        }
    }

    #[test]
    fn version_7_sorts_by_time_also_within_a_millisecond_and_when_the_counter_is_full() {
        let now = world().now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let ahead = now + 60_000;
        LAST.set((ahead, LARGEST_COUNTER - 1));
        let made: Vec<String> = (0..1000).map(|_| v7()).collect();
        assert!(made.is_sorted_by(|left, right| left < right), "{made:?}");
        assert_eq!(&made[0][..18], format!("{:08x}-{:04x}-7fff", ahead >> 16, ahead & 0xFFFF));
    }

    #[test]
    fn only_the_known_forms_are_read() {
        let plain = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        for form in [
            plain,
            "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
            "f81d4fae7dec11d0a76500a0c91e6bf6",
            "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
            "URN:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            assert_eq!(parsed(form).map(text).as_deref(), Some(plain), "{form}");
        }
        for wrong in [
            "",
            "f81d4fae",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
            "f81d4fae7-dec-11d0-a765-00a0c91e6bf6",
            "f81d4fae-7dec-11d0-a76500a0c91e6bf6",
            "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "éééééééééééééééé",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
