//! `\n` in back-ticks, where it is two characters.

use crate::check::problem::Problem;
use crate::check::project::{File, place};
use crate::format::{TokenKind, each_token};

/// What is written in a pattern, and in no text for people.
const OF_PATTERNS: &[&str] = &[
    "\\d", "\\w", "\\s", "\\b", "\\D", "\\W", "\\S", "\\.", "\\(", "\\[", "\\/", "(?", "[^", ".*",
    ".+", "]+", "]*", ")*", ")+", "\\p",
];

/// Calls that read the escapes themselves.
const READERS: &[&str] = &["regex", "json", "parse_json", "pattern", "schema"];

pub(super) fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !file.source.contains('`') || !file.source.contains('\\') {
        return problems;
    }
    let source = file.source.as_str();
    let mut lines = Lines { at: 0, line: 1 };
    // The words before, of which one may be what reads the text.
    let mut before: [&str; 6] = [""; 6];
    each_token(source, |kind, text| {
        if kind == TokenKind::Text && text.starts_with('`') {
            let is_read = before.iter().any(|word| READERS.contains(word));
            if !is_read {
                if let Some((at, escape)) = escape_in(text) {
                    let start = text.as_ptr() as usize - source.as_ptr() as usize;
                    problems.push(problem(file, start + at, escape, &mut lines));
                }
            }
        }
        if kind != TokenKind::Comment {
            before.rotate_left(1);
            before[5] = match text {
                // What was before another statement reads nothing here.
                ";" | "{" | "}" => {
                    before = [""; 6];
                    text
                }
                text => text,
            };
        }
        true
    });
    problems
}

/// The first escape in a text in back-ticks, with where it is, if the text is none that somebody reads.
fn escape_in(text: &str) -> Option<(usize, &str)> {
    let inside = text.get(1..)?.trim_start();
    if inside.starts_with(['{', '[', '^']) || OF_PATTERNS.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let mut rest = 0;
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(rest) {
        match byte {
            b'$' if bytes.get(rest + 1) == Some(&b'{') => {
                rest = after_interpolation(text, rest + 2)
            }
            b'\\' => {
                let next = *bytes.get(rest + 1)?;
                let is_escape = match next {
                    b'n' | b't' | b'r' | b'"' => true,
                    b'u' => {
                        bytes.get(rest + 2) == Some(&b'{') || is_hex(bytes.get(rest + 2..rest + 6))
                    }
                    b'x' => is_hex(bytes.get(rest + 2..rest + 4)),
                    _ => false,
                };
                // `C:\new` is a path.
                let after = bytes.get(rest + 2).copied().unwrap_or(b' ');
                let is_path = rest >= 2
                    && bytes[rest - 1] == b':'
                    && bytes[rest - 2].is_ascii_alphabetic()
                    && after.is_ascii_alphabetic();
                if is_escape && !is_path {
                    return Some((rest, text.get(rest..rest + 2)?));
                }
                // Two of them are meant to be there.
                rest += 2;
            }
            _ => rest += 1,
        }
    }
    None
}

fn is_hex(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Where the text goes on behind what is interpolated.
fn after_interpolation(text: &str, from: usize) -> usize {
    let mut depth = 1;
    let mut at = from;
    let rest = &text[from..];
    each_token(rest, |_, token| {
        match token {
            "{" | "#{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        at = from + (token.as_ptr() as usize - rest.as_ptr() as usize) + token.len();
        depth > 0
    });
    at
}

/// The lines of a source, counted as far as they are needed.
struct Lines {
    at: usize,
    line: usize,
}

impl Lines {
    /// The line and column of a byte that is not before the last one.
    fn place(&mut self, source: &str, at: usize) -> (usize, usize) {
        self.line += source[self.at..at].bytes().filter(|byte| *byte == b'\n').count();
        self.at = at;
        let before = &source[..at];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        (self.line, before[start..].chars().count() + 1)
    }
}

fn problem(file: &File, at: usize, escape: &str, lines: &mut Lines) -> Problem {
    let (line, column) = lines.place(&file.source, at);
    let message = format!("`{escape}` is two characters in back-ticks, which take no escapes");
    let help = match escape {
        "\\n" => "a line may end inside of back-ticks as it is; or write `${\"\\n\"}`, or \"…\" with quotes".to_owned(),
        "\\\"" => "write `\"` as it is".to_owned(),
        escape => format!("write `${{\"{escape}\"}}`, or \"…\" with quotes"),
    };
    Problem::warning(&file.path, "back-tick-escape", message).at(place(line, column), 2).help(help)
}
