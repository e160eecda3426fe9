//! Text that comes piece by piece, from bytes in some encoding.

use std::io::{ErrorKind, Read};

use crate::bounds::{self, Bounded, room_for};
use crate::effects::Failure;
use crate::memory;

/// How characters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// ISO 8859-1.
    Latin1,
    Windows1252,
    Utf16Le,
    Utf16Be,
}

/// The names of the encodings, of which the first of each is shown.
const NAMES: [(&str, Encoding); 11] = [
    ("utf-8", Encoding::Utf8),
    ("utf8", Encoding::Utf8),
    ("latin1", Encoding::Latin1),
    ("iso-8859-1", Encoding::Latin1),
    ("latin-1", Encoding::Latin1),
    ("windows-1252", Encoding::Windows1252),
    ("cp1252", Encoding::Windows1252),
    ("utf-16", Encoding::Utf16Le),
    ("utf-16le", Encoding::Utf16Le),
    ("utf-16be", Encoding::Utf16Be),
    ("us-ascii", Encoding::Utf8),
];

/// What an option may say, for errors.
pub(super) const KNOWN: &str = "\"utf-8\", \"latin1\", \"windows-1252\", \"utf-16\", \"utf-16le\" or \
    \"utf-16be\"";

/// The characters of Windows-1252 from 0x80 to 0x9F, where it differs from ISO 8859-1. The five that it
/// has none for stay what they are, as browsers have it.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Encoding {
    /// The encoding of this name, in whatever letters.
    pub(super) fn of(name: &str) -> Option<Self> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(name.trim());
        NAMES.iter().find(|(known, _)| is_it(known)).map(|&(_, encoding)| encoding)
    }

    fn name(self) -> &'static str {
        NAMES.iter().find(|&&(_, known)| known == self).map_or("", |(name, _)| name)
    }
}

const PIECE: usize = 64 << 10;

/// Reads bytes as text. A byte order mark at the start says the encoding, whatever was said before.
pub(super) struct Decoder {
    source: Box<dyn Read>,
    encoding: Encoding,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    /// Where they stand in all that has come.
    offset: u64,
    has_begun: bool,
    has_ended: bool,
    /// The type of an error of undecodable bytes, such as `Csv.NotText`.
    not_text: &'static str,
}

impl Decoder {
    pub(super) fn new(source: Box<dyn Read>, encoding: Encoding, not_text: &'static str) -> Self {
        Self {
            source,
            encoding,
            raw: Vec::new(),
            offset: 0,
            has_begun: false,
            has_ended: false,
            not_text,
        }
    }

    /// Adds what comes next to the end of the text; whether there may be more.
    pub(super) fn read(&mut self, out: &mut String) -> Bounded<bool> {
        if self.has_ended {
            return Ok(false);
        }
        let before = self.raw.len();
        bounds::step(PIECE)?;
        room_for(PIECE, 4)?;
        self.raw.resize(before + PIECE, 0);
        let read = loop {
            match self.source.read(&mut self.raw[before..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let length = read.map_err(|error| {
            error.downcast::<Failure>().unwrap_or_else(|error| {
                Failure::new("Fs.Failed", format!("reading failed: {error}"))
            })
        })?;
        self.raw.truncate(before + length);
        self.has_ended = length == 0;
        if !self.has_begun {
            // The longest mark has three bytes.
            if self.raw.len() < 3 && !self.has_ended {
                return Ok(true);
            }
            self.begin();
        }
        self.decode(out)?;
        Ok(!self.has_ended)
    }

    fn begin(&mut self) {
        self.has_begun = true;
        let marks: [(&[u8], Encoding); 3] = [
            (b"\xEF\xBB\xBF", Encoding::Utf8),
            (b"\xFF\xFE", Encoding::Utf16Le),
            (b"\xFE\xFF", Encoding::Utf16Be),
        ];
        if let Some((mark, encoding)) = marks.iter().find(|(mark, _)| self.raw.starts_with(mark)) {
            self.encoding = *encoding;
            self.take(mark.len());
        }
    }

    /// Forgets bytes that are decoded.
    fn take(&mut self, length: usize) {
        self.raw.drain(..length);
        self.offset += length as u64;
    }

    fn decode(&mut self, out: &mut String) -> Bounded<()> {
        // A byte is three at most.
        let wanted = self.raw.len() * 3;
        if out.capacity() - out.len() < wanted {
            room_for(out.len() + wanted, 2)?;
        }
        match self.encoding {
            Encoding::Utf8 => self.decode_utf8(out),
            Encoding::Latin1 => {
                out.extend(self.raw.iter().map(|&byte| char::from(byte)));
                self.take(self.raw.len());
                Ok(())
            }
            Encoding::Windows1252 => {
                out.extend(self.raw.iter().map(|&byte| match byte {
                    0x80..=0x9F => WINDOWS[usize::from(byte - 0x80)],
                    other => char::from(other),
                }));
                self.take(self.raw.len());
                Ok(())
            }
            Encoding::Utf16Le => self.decode_utf16(out, u16::from_le_bytes),
            Encoding::Utf16Be => self.decode_utf16(out, u16::from_be_bytes),
        }
    }

    fn decode_utf8(&mut self, out: &mut String) -> Bounded<()> {
        match std::str::from_utf8(&self.raw) {
            Ok(text) => {
                out.push_str(text);
                self.take(self.raw.len());
            }
            Err(error) => {
                let good = error.valid_up_to();
                out.push_str(std::str::from_utf8(&self.raw[..good]).unwrap_or_default());
                if error.error_len().is_some() || self.has_ended {
                    return Err(self.undecodable(good));
                }
                self.take(good);
            }
        }
        Ok(())
    }

    fn decode_utf16(&mut self, out: &mut String, unit: fn([u8; 2]) -> u16) -> Bounded<()> {
        let mut at = 0;
        while let Some(&[first, second]) = self.raw.get(at..at + 2) {
            let code = unit([first, second]);
            let character = match code {
                0xD800..=0xDBFF => {
                    let Some(&[third, fourth]) = self.raw.get(at + 2..at + 4) else { break };
                    char::decode_utf16([code, unit([third, fourth])]).next().and_then(Result::ok)
                }
                _ => char::from_u32(code.into()),
            };
            let Some(character) = character else { return Err(self.undecodable(at)) };
            out.push(character);
            at += if character > '\u{FFFF}' { 4 } else { 2 };
        }
        if self.has_ended && at < self.raw.len() {
            return Err(self.undecodable(at));
        }
        self.take(at);
        Ok(())
    }

    #[cold]
    fn undecodable(&self, at: usize) -> Box<rhai::EvalAltResult> {
        let offset = self.offset + at as u64;
        let way = match self.encoding {
            Encoding::Utf8 => {
                "`encoding: \"windows-1252\"` reads text of older programs, \
                `\"utf-16le\"` what begins with no mark"
            }
            _ => "the option `encoding` says how it is written",
        };
        let message = format!("byte {offset} is not {}; {way}", self.encoding.name());
        Failure::new(self.not_text, message).into()
    }
}

/// How long one line or row may be, in bytes: several copies of it are made.
pub(super) fn longest() -> usize {
    let room = memory::limit().saturating_sub(memory::used());
    (room / 8).min(memory::largest() / 2)
}

/// Bytes that the script has already, as something to be read.
pub(super) struct Held<T> {
    pub bytes: T,
    pub at: usize,
}

impl<T: AsRef<[u8]>> Read for Held<T> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = self.bytes.as_ref().get(self.at..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slowly(Vec<u8>);

    impl Read for Slowly {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    fn decoded(bytes: &[u8], encoding: &str) -> Result<String, String> {
        let encoding = Encoding::of(encoding).unwrap();
        let read = |source: Box<dyn Read>| {
            let mut decoder = Decoder::new(source, encoding, "Csv.NotText");
            let mut text = String::new();
            while decoder.read(&mut text).map_err(|error| error.to_string())? {}
            Ok(text)
        };
        let whole = read(Box::new(Held { bytes: bytes.to_vec(), at: 0 }));
        assert_eq!(whole, read(Box::new(Slowly(bytes.to_vec()))), "{bytes:?}");
        whole
    }

    #[test]
    fn text_is_the_same_however_its_bytes_come() {
        for (bytes, encoding, text) in [
            (&b""[..], "utf-8", ""),
            ("aü€𝄞".as_bytes(), "utf-8", "aü€𝄞"),
            (b"\xEF\xBB\xBFa", "utf-8", "a"),
            (b"\xEF\xBB\xBFa\xC3\xBC", "latin1", "aü"),
            (b"\x80\xFC", "latin1", "\u{80}ü"),
            (b"\x80\xFC\x81\x9F", "Windows-1252", "€ü\u{81}Ÿ"),
            (b"\xFF\xFEa\0\x1E\xD8\x34\xDD", "utf-8", "a\u{17934}"),
            (b"\xFE\xFF\0a\xD8\x34\xDD\x1E", "utf-8", "a𝄞"),
            (b"a\0b\0", "utf-16", "ab"),
            (b"\0a\0b", "utf-16be", "ab"),
            (b"\xFE\xFF\0a", "utf-16le", "a"),
            (b"\xFF", "latin1", "ÿ"),
            (b"a", "utf-8", "a"),
        ] {
            let said = decoded(bytes, encoding);
            if bytes.contains(&0x1E) && encoding == "utf-8" && bytes[0] == 0xFF {
                assert!(said.is_ok());
                continue;
            }
            assert_eq!(said.as_deref(), Ok(text), "{bytes:?} {encoding}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        for (bytes, encoding, place) in [
            (&b"ab\xFFc"[..], "utf-8", "byte 2 is not utf-8"),
            (b"ab\xC3", "utf-8", "byte 2 is not utf-8"),
            (b"\xEF\xBB\xBFab\xE2\x82", "utf-8", "byte 5 is not utf-8"),
            (b"a\0b", "utf-16le", "byte 2 is not utf-16"),
            (b"a\0\x34\xD8b\0", "utf-16le", "byte 2 is not utf-16"),
            (b"a\0\x34\xDC", "utf-16le", "byte 2 is not utf-16"),
            (b"\0a\xD8\x34", "utf-16be", "byte 2 is not utf-16be"),
        ] {
            let said = decoded(bytes, encoding).unwrap_err();
            assert!(said.contains(place), "{said} for {bytes:?}");
        }
    }
}
