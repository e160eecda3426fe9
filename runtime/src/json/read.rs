//! Reads JSON text straight into `Dynamic`.
//!
//! A reader of our own, because the numbers must not be rounded and serde's data model has already
//! rounded them when it hands them over. It is checked against serde_json in the tests.

use std::fmt;

use rhai::{Array, Dynamic, Identifier, ImmutableString, Map};

use super::{MAX_DEPTH, number};
use crate::{bounds, memory};

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// What is wrong.
    pub message: String,
    /// Bytes before the place.
    pub offset: usize,
    /// The line, from one.
    pub line: usize,
    /// The column, in bytes, from one.
    pub column: usize,
    /// The text is JSON, but its values need more memory than a script may have.
    pub is_out_of_memory: bool,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, offset, line, column, .. } = self;
        write!(f, "{message} at byte {offset} (line {line}, column {column})")
    }
}

impl std::error::Error for ReadError {}

/// Reads one JSON value that fills the whole text.
///
/// # Errors
/// A [`ReadError`] for anything that RFC 8259 does not allow, nesting beyond [`MAX_DEPTH`], text
/// that is not UTF-8, and values beyond the memory limit of this thread.
pub fn read(text: &[u8]) -> Result<Dynamic, ReadError> {
    let source = std::str::from_utf8(text)
        .map_err(|error| failure(text, error.valid_up_to(), "the text is not UTF-8".into()))?;
    let mut reader = Reader { text: source, bytes: text, at: 0, depth: 0, values: 0 };
    reader.document().map_err(|stop| match stop {
        Stop::Syntax(message) => failure(text, reader.at, message),
        Stop::Memory => ReadError {
            is_out_of_memory: true,
            ..failure(
                text,
                reader.at,
                format!(
                    "the values need more than the {} MB that a script may hold",
                    memory::limit() >> 20
                ),
            )
        },
    })
}

/// The same for text that files, servers and clients wrote: a byte order mark before it is left out, as
/// RFC 8259, section 8.1, lets a reader do.
///
/// # Errors
/// As [`read`]; places are counted behind the mark.
pub fn read_marked(text: &[u8]) -> Result<Dynamic, ReadError> {
    read(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text))
}

fn failure(text: &[u8], offset: usize, message: String) -> ReadError {
    let before = &text[..offset.min(text.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    ReadError {
        message,
        offset,
        line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: offset - line_start + 1,
        is_out_of_memory: false,
    }
}

enum Stop {
    Syntax(String),
    Memory,
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    values: u32,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Dynamic, Stop> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return Err(Stop::Syntax("the text is empty".into()));
        }
        let value = self.value()?;
        self.skip_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => self.expected("the end of the text"),
        }
    }

    fn value(&mut self) -> Result<Dynamic, Stop> {
        match self.peek() {
            Some(b'"') => {
                let text = self.string()?;
                Ok(Dynamic::from(match text {
                    Text::Plain(text) => ImmutableString::from(text),
                    Text::Escaped(text) => ImmutableString::from(text),
                }))
            }
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Dynamic::TRUE),
            Some(b'f') => self.word("false", Dynamic::FALSE),
            Some(b'n') => self.word("null", Dynamic::UNIT),
            _ => self.expected("a value"),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Dynamic, Stop>,
    ) -> Result<Dynamic, Stop> {
        if self.depth == MAX_DEPTH {
            return Err(Stop::Syntax(format!("more than {MAX_DEPTH} levels are nested")));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth -= 1;
        match memory::is_exceeded() {
            true => Err(Stop::Memory),
            false => self.in_time().map(|()| value),
        }
    }

    /// Looks at the clock once for as many values.
    #[inline]
    fn in_time(&mut self) -> Result<(), Stop> {
        self.values = self.values.wrapping_add(1);
        match self.values % 1024 == 0 && bounds::in_time().is_err() {
            true => Err(Stop::Syntax("there was no time left to read on".into())),
            false => Ok(()),
        }
    }

    fn object(&mut self) -> Result<Dynamic, Stop> {
        // Collected first: a map built from a list in one go is half the work of one that grows.
        let mut entries: Vec<(Identifier, Dynamic)> = Vec::with_capacity(8);
        if self.take(b'}') {
            return Ok(Dynamic::from_map(Map::new()));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.expected("a key in quotes");
            }
            let key = match self.string()? {
                Text::Plain(text) => Identifier::from(text),
                Text::Escaped(text) => Identifier::from(text),
            };
            self.skip_space();
            if !self.take(b':') {
                return self.expected("`:`");
            }
            self.skip_space();
            entries.push((key, self.value()?));
            self.in_time()?;
            self.skip_space();
            if self.take(b',') {
                self.skip_space();
            } else if self.take(b'}') {
                return Ok(Dynamic::from_map(entries.into_iter().collect()));
            } else {
                return self.expected("`,` or `}`");
            }
        }
    }

    fn array(&mut self) -> Result<Dynamic, Stop> {
        let mut items = Array::new();
        if self.take(b']') {
            return Ok(Dynamic::from_array(items));
        }
        loop {
            items.push(self.value()?);
            self.in_time()?;
            self.skip_space();
            if self.take(b',') {
                self.skip_space();
            } else if self.take(b']') {
                return Ok(Dynamic::from_array(items));
            } else {
                return self.expected("`,` or `]`");
            }
        }
    }

    fn number(&mut self) -> Result<Dynamic, Stop> {
        let start = self.at;
        self.take(b'-');
        if self.take(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(Stop::Syntax("a number begins with a zero".into()));
            }
        } else {
            self.digits()?;
        }
        let mut is_whole = true;
        if self.take(b'.') {
            is_whole = false;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_whole = false;
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let token = &self.text[start..self.at];
        if is_whole && token != "-0" {
            if let Ok(int) = token.parse() {
                return Ok(Dynamic::from_int(int));
            }
        }
        Ok(number::from_token(token))
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.expected("a digit") } else { Ok(()) }
    }

    fn string(&mut self) -> Result<Text<'a>, Stop> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.take(b'"') {
            return Ok(Text::Plain(&self.text[start..self.at - 1]));
        }
        let mut text = String::with_capacity(self.at - start + self.rest_of_string());
        text.push_str(&self.text[start..self.at]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text::Escaped(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(0..=0x1f) => {
                    return Err(Stop::Syntax("a control character stands in a string".into()));
                }
                Some(_) => {
                    let start = self.at;
                    self.skip_plain();
                    text.push_str(&self.text[start..self.at]);
                }
                None => return Err(Stop::Syntax("the text ends within a string".into())),
            }
        }
    }

    /// Moves to the next byte that is not simply part of a string.
    fn skip_plain(&mut self) {
        self.at = plain_until(self.bytes, self.at);
    }

    /// How many bytes there are up to the end of the string that has begun, at most.
    fn rest_of_string(&self) -> usize {
        let mut at = self.at;
        loop {
            at = plain_until(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'\\') => at = (at + 2).min(self.bytes.len()),
                _ => return at - self.at,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let start = self.at;
        self.at += 2;
        Ok(match self.bytes.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex(start)?;
                let pair = match unit {
                    0xd800..=0xdbff
                        if self.bytes.get(self.at..self.at + 2) == Some(b"\\u".as_slice()) =>
                    {
                        self.at += 2;
                        vec![unit, self.hex(start)?]
                    }
                    _ => vec![unit],
                };
                match char::decode_utf16(pair).next() {
                    Some(Ok(character)) => character,
                    _ => {
                        self.at = start;
                        return Err(Stop::Syntax(format!(
                            "the escape \\u{unit:04x} is half of a surrogate pair"
                        )));
                    }
                }
            }
            _ => {
                self.at = start;
                return Err(Stop::Syntax("an escape is not one that JSON has".into()));
            }
        })
    }

    fn hex(&mut self, start: usize) -> Result<u16, Stop> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let unit = digits.iter().try_fold(0u16, |unit, &digit| {
            char::from(digit).to_digit(16).map(|digit| unit << 4 | digit as u16)
        });
        match unit {
            Some(unit) if digits.len() == 4 => {
                self.at += 4;
                Ok(unit)
            }
            _ => {
                self.at = start;
                Err(Stop::Syntax("an escape needs four hexadecimal digits".into()))
            }
        }
    }

    fn word(&mut self, word: &str, value: Dynamic) -> Result<Dynamic, Stop> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            self.expected("a value")
        }
    }

    fn expected<T>(&self, what: &str) -> Result<T, Stop> {
        Err(Stop::Syntax(match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            // The event itself is not shown: it may hold what no log may see.
            Some(found) if found.is_ascii_punctuation() => {
                format!("expected {what}, found `{found}`,")
            }
            Some('\u{feff}') => format!("expected {what}, found a byte order mark,"),
            Some(_) => format!("expected {what}, found something else"),
            None => format!("expected {what}, found the end of the text"),
        }))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }
}

/// The place of the first byte from `at` on that ends what is simply part of a string: a quote, a
/// backslash or a control character. Eight bytes at a time.
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte that is zero; a byte above such a one may be marked wrongly.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let ends = zeros(word ^ (ONES * u64::from(b'"')))
            | zeros(word ^ (ONES * u64::from(b'\\')))
            | control;
        if ends != 0 {
            return at + (ends.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let end = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
    at + end.unwrap_or(rest.len())
}

enum Text<'a> {
    Plain(&'a str),
    Escaped(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_taken_or_refused_as_serde_json_does() {
        for text in [
            "",
            " ",
            "null",
            " [1 , 2]\n",
            "[1,]",
            "[,1]",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "[1 2]",
            "01",
            "-",
            "-01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1.5e-3",
            "+1",
            "NaN",
            "Infinity",
            "tru",
            "true1",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"a\nb\"",
            "\"\u{7f}\"",
            "\"open",
            "[",
            "]",
            "{",
            "[[]]",
            "\u{feff}1",
            "1 1",
            "'a'",
            "/*c*/1",
            "[\"\\\"\"]",
            "{\"\":0}",
            "\"\\/\"",
            "\"\\u0000\"",
            "0",
            "-0",
            "0.0",
            "1E2",
            "nul",
        ] {
            assert_eq!(
                read(text.as_bytes()).is_ok(),
                serde_json::from_str::<serde_json::Value>(text).is_ok(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_error_says_where_it_is() {
        let error = read(b"{\n  \"a\": 1\n  \"b\": 2\n}").unwrap_err();
        assert_eq!((error.line, error.column, error.offset), (3, 3, 13));
        assert!(error.message.contains("expected `,` or `}`"), "{error}");
        assert_eq!(read(b"\"\xff\"").unwrap_err().offset, 1);
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(read(nested(MAX_DEPTH + 1).as_bytes()).is_err());
    }

    #[test]
    fn of_duplicate_keys_the_last_wins() {
        let value = read(b"{\"a\":1,\"b\":2,\"a\":3}").unwrap();
        assert_eq!(value.to_string(), "#{\"a\": 3, \"b\": 2}");
    }
}
