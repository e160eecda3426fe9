//! The module `regex`: regular expressions that take time in proportion to the text, whatever the
//! pattern.
//!
//! The syntax is that of <https://docs.rs/regex-lite>: no look-around, no back-references, and
//! classes as `\d` and `\w` are ASCII.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use regex_lite::{Captures, Match, Regex, RegexBuilder};
use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, ImmutableString, Map};

use super::native::exported;
use super::{Fallible, Part, malformed};
use crate::bounds::{self, Bounded, in_time, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["regex"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("regex", "Regex.Invalid", engine, vocabulary);
}

type Text = ImmutableString;

/// The most bytes that a compiled pattern may have.
const LARGEST_BYTES: usize = 256 << 10;

/// The most bytes that a pattern may have: each takes several bytes compiled.
const LONGEST: usize = 16 << 10;

/// A search takes time in proportion to the bytes of the compiled pattern and those of the text, and
/// cannot be interrupted; this product is some seconds at worst. A text is searched piece by piece
/// where no match can go from one to the next; then it is the bound of one piece.
const MOST_WORK: usize = (16 << 10) << 20;

/// About what one unit of that product takes at worst, in tenths of a nanosecond.
const UNIT: usize = 1;

/// How long one piece shall take, and the bytes of the first one.
const PIECE_TIME: Duration = Duration::from_millis(10);
const FIRST_PIECE: usize = 16 << 10;

/// How many compiled patterns are kept.
const KEPT: usize = 16;

/// Together they take at most about so many bytes, which count as the script's.
const KEPT_BYTES: usize = 1 << 20;

/// About what one match costs beside its text.
const MATCH: usize = size_of::<Dynamic>() + 48;

#[derive(Clone)]
struct Pattern {
    regex: Rc<Regex>,
    /// The bytes it has compiled, or up to twice as many.
    bytes: usize,
    /// What can be no part of a match.
    apart: Apart,
}

/// Bytes that no match of a pattern has in it, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Apart {
    Nothing,
    Lines,
    Words,
}

impl Apart {
    fn of(pattern: &str) -> Self {
        let mut apart = Self::Words;
        let (mut rest, mut in_brackets) = (pattern, false);
        // Classes of what is not said, and those by name.
        if pattern.contains("[^") || pattern.contains("[:") {
            return Self::Nothing;
        }
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                // Among others in brackets a dot is itself.
                '[' => in_brackets = true,
                ']' => in_brackets = false,
                '.' if in_brackets => {}
                '.' | ' ' => apart = Self::Lines,
                '\\' => {
                    let Some(escaped) = rest.chars().next() else { return Self::Nothing };
                    rest = &rest[escaped.len_utf8()..];
                    match escaped {
                        'd' | 'w' | 'S' | 'b' | 'B' | 'A' | 'z' => {}
                        ' ' => apart = Self::Lines,
                        other if other.is_ascii_punctuation() => {}
                        _ => return Self::Nothing,
                    }
                }
                // A dot may stand for the end of a line, spaces for nothing, and lines end otherwise.
                '(' if rest.starts_with('?') => {
                    let flags = rest[1..].split([':', ')', '<', 'P']).next().unwrap_or_default();
                    if flags.contains(['s', 'x', 'R']) {
                        return Self::Nothing;
                    }
                }
                other if other.is_control() => return Self::Nothing,
                _ => {}
            }
        }
        apart
    }

    fn has(self, byte: u8) -> bool {
        match self {
            Self::Nothing => false,
            Self::Lines => byte == b'\n',
            Self::Words => byte == b'\n' || byte == b' ',
        }
    }
}

/// Searches in one text.
struct Search<'t> {
    pattern: Pattern,
    text: &'t str,
    /// How many bytes of it can be searched between two looks at the clock.
    piece: Cell<usize>,
    /// Where the piece ends that is searched now.
    end: Cell<usize>,
    /// Whether something has been searched.
    has_begun: Cell<bool>,
}

impl<'t> Search<'t> {
    fn find_at(&self, start: usize) -> Fallible<Option<Match<'t>>> {
        self.search(start, |regex, text, start| regex.find_at(text, start), Match::start)
    }

    fn captures_at(&self, start: usize) -> Fallible<Option<Captures<'t>>> {
        let begins = |found: &Captures<'t>| found.get(0).map_or(0, |whole| whole.start());
        self.search(start, |regex, text, start| regex.captures_at(text, start), begins)
    }

    /// The first match from `start` on. What is found at the very end of a piece may only be there
    /// because the text seems to end, and belongs to the next piece.
    fn search<M>(
        &self,
        mut start: usize,
        find: impl Fn(&Regex, &'t str, usize) -> Option<M>,
        begins: impl Fn(&M) -> usize,
    ) -> Fallible<Option<M>> {
        loop {
            in_time()?;
            let end = self.end_of_piece(start);
            self.check(end - start)?;
            let begun = (end - start >= FIRST_PIECE).then(Instant::now);
            let found = find(&self.pattern.regex, &self.text[..end], start);
            if end == self.text.len() || found.as_ref().is_some_and(|found| begins(found) < end) {
                return Ok(found);
            }
            if let Some(took) = begun.map(|begun| begun.elapsed()) {
                let piece = self.piece.get();
                self.piece.set(match took {
                    took if took < PIECE_TIME / 2 => (piece * 2).min(4 << 20),
                    took if took > PIECE_TIME => (piece / 2).max(1 << 10),
                    _ => piece,
                });
            }
            start = end;
        }
    }

    /// The end of the piece that begins here, or lies around it: looked for once for all its matches.
    fn end_of_piece(&self, start: usize) -> usize {
        if start >= self.end.get() {
            self.end.set(self.next_end(start));
        }
        self.end.get()
    }

    fn next_end(&self, start: usize) -> usize {
        let Some(rest) = self.text.as_bytes().get(start + self.piece.get()..) else {
            return self.text.len();
        };
        let apart = self.pattern.apart;
        let next = match apart {
            Apart::Nothing => None,
            _ => rest.iter().position(|&byte| apart.has(byte)),
        };
        next.map_or(self.text.len(), |next| self.text.len() - rest.len() + next + 1)
    }

    /// Fails where it cannot be interrupted and may take longer than there is time.
    fn check(&self, length: usize) -> Fallible<()> {
        let most = MOST_WORK / self.pattern.bytes;
        if length > most {
            return Err(too_large(length, most));
        }
        let worst = Duration::from_nanos((length * self.pattern.bytes * UNIT / 10) as u64);
        let left = bounds::deadline().map(|end| end.saturating_duration_since(Instant::now()));
        match left {
            // The time there was has been used up by what was found before.
            Some(left) if worst > PIECE_TIME * 10 && worst > left && self.has_begun.get() => {
                Err(bounds::too_late())
            }
            Some(left) if worst > PIECE_TIME * 10 && worst > left => {
                let message = format!(
                    "{length} bytes of text may take this pattern {} ms, and {} ms are left: search \
                     in shorter parts, such as lines, or give the function a longer timeout",
                    worst.as_millis(),
                    left.as_millis()
                );
                Err(malformed("Regex.TooSlow", message, []))
            }
            _ => {
                self.has_begun.set(true);
                Ok(())
            }
        }
    }

    /// Goes through all matches, which do not overlap, until there are no more or `visit` has enough.
    fn each<M>(
        &self,
        find: impl Fn(&Self, usize) -> Fallible<Option<M>>,
        range: impl Fn(&M) -> Option<(usize, usize)>,
        mut visit: impl FnMut(M) -> Bounded<bool>,
    ) -> Fallible<()> {
        let (mut at, mut last_end) = (0, None);
        while let Some(found) = find(self, at)? {
            let Some((start, end)) = range(&found) else { break };
            if start == end && Some(end) == last_end {
                // An empty match right behind the last one is none.
                let Some(next) = self.text[end..].chars().next() else { break };
                at = end + next.len_utf8();
                last_end = None;
                continue;
            }
            (at, last_end) = (end, Some(end));
            if !visit(found)? {
                break;
            }
        }
        Ok(())
    }

    fn each_match(&self, visit: impl FnMut(Match<'t>) -> Bounded<bool>) -> Fallible<()> {
        self.each(Self::find_at, |found| Some((found.start(), found.end())), visit)
    }

    fn each_captures(&self, visit: impl FnMut(Captures<'t>) -> Bounded<bool>) -> Fallible<()> {
        self.each(Self::captures_at, |found| found.get(0).map(|it| (it.start(), it.end())), visit)
    }

    /// The parts between the matches, at most so many; the last one is all the rest.
    fn split(&self, most: usize) -> Fallible<Array> {
        let (mut parts, mut last) = (Array::new(), 0);
        if most > 1 {
            self.each_match(|found| {
                room_for(1, MATCH)?;
                parts.push(text_value(&self.text[last..found.start()]));
                last = found.end();
                Ok(parts.len() + 1 < most)
            })?;
        }
        parts.push(text_value(&self.text[last..]));
        Ok(parts)
    }
}

fn too_large(length: usize, most: usize) -> Box<EvalAltResult> {
    let message = format!(
        "the text has {length} bytes and the pattern, being large, takes at most {most}: use fewer \
         or smaller repetitions as `{{100}}`"
    );
    malformed("Regex.TooLarge", message, [])
}

thread_local! {
    /// The patterns that were used last, the latest in front.
    static PATTERNS: RefCell<Vec<(Text, Pattern)>> = const { RefCell::new(Vec::new()) };
}

/// Drops the compiled patterns.
pub fn forget() {
    drop(PATTERNS.take());
}

impl Pattern {
    fn compile(pattern: &str) -> Fallible<Self> {
        let shown = || pattern.chars().take(80).collect::<String>();
        if pattern.len() > LONGEST {
            return Err(format!(
                "the pattern `{}…` has {} bytes; it may have {LONGEST}",
                shown(),
                pattern.len()
            )
            .into());
        }
        let mut bytes = 1 << 10;
        loop {
            in_time()?;
            match RegexBuilder::new(pattern).size_limit(bytes).build() {
                Ok(regex) => {
                    return Ok(Self { regex: regex.into(), bytes, apart: Apart::of(pattern) });
                }
                Err(_) if bytes < LARGEST_BYTES => bytes *= 2,
                Err(error) => {
                    let message = error.to_string();
                    return Err(format!(
                        "the pattern `{}` is no regular expression: {message}",
                        shown()
                    )
                    .into());
                }
            }
        }
    }

    fn cached(pattern: &Text) -> Fallible<Self> {
        PATTERNS.with_borrow_mut(|patterns| {
            if let Some(at) = patterns.iter().position(|(kept, _)| kept == pattern) {
                patterns[..=at].rotate_right(1);
            } else {
                let compiled = Self::compile(pattern)?;
                patterns.truncate(KEPT - 1);
                patterns.insert(0, (pattern.clone(), compiled));
                let mut room = KEPT_BYTES;
                let fits = |(text, pattern): &(Text, Self)| {
                    room = room.checked_sub(text.len() + pattern.bytes)?;
                    Some(())
                };
                let most = patterns.iter().map_while(fits).count().max(1);
                patterns.truncate(most);
            }
            Ok(patterns[0].1.clone())
        })
    }
}

/// The compiled pattern, for this text.
fn compiled<'t>(pattern: &Text, text: &'t str) -> Fallible<Search<'t>> {
    let pattern = Pattern::cached(pattern)?;
    let most = MOST_WORK / pattern.bytes;
    if text.len() > most && pattern.apart == Apart::Nothing {
        return Err(too_large(text.len(), most));
    }
    let (end, has_begun) = (Cell::new(0), Cell::new(false));
    Ok(Search { pattern, text, piece: Cell::new(FIRST_PIECE), end, has_begun })
}

/// Whether a pattern is found anywhere in a text.
pub(super) fn is_match(pattern: &Text, text: &str) -> Fallible<bool> {
    Ok(compiled(pattern, text)?.find_at(0)?.is_some())
}

/// Makes an array of what comes, as long as there is room and time.
fn collected<T>(items: impl Iterator<Item = T>, value: impl Fn(T) -> Dynamic) -> Fallible<Array> {
    let mut array = Array::new();
    for item in items {
        in_time()?;
        room_for(1, MATCH)?;
        array.push(value(item));
    }
    Ok(array)
}

fn text_value(text: &str) -> Dynamic {
    Text::from(text).into()
}

/// The groups of one match; `()` for one that took no part.
fn groups(captures: &Captures<'_>) -> Fallible<Array> {
    collected(captures.iter(), |group| {
        group.map_or(Dynamic::UNIT, |group| text_value(group.as_str()))
    })
}

fn named_groups(regex: &Regex, captures: &Captures<'_>) -> Map {
    let value = |name| captures.name(name).map_or(Dynamic::UNIT, |it| text_value(it.as_str()));
    regex.capture_names().flatten().map(|name| (name.into(), value(name))).collect()
}

/// Replaces at most so many matches by what `with` appends for each.
fn replaced(
    text: &Text,
    pattern: &Text,
    most: INT,
    mut with: impl FnMut(&Captures<'_>, &mut String) -> Fallible<()>,
) -> Fallible<Text> {
    let (mut out, mut copied) = (String::new(), 0);
    let mut left = usize::try_from(most).unwrap_or(0);
    if left > 0 {
        compiled(pattern, text)?.each_captures(|captures| {
            let Some(whole) = captures.get(0) else { return Ok(false) };
            room_for(1, whole.start() - copied)?;
            out.push_str(&text[copied..whole.start()]);
            with(&captures, &mut out)?;
            copied = whole.end();
            left -= 1;
            Ok(left > 0)
        })?;
    }
    if copied == 0 && out.is_empty() {
        return Ok(text.clone());
    }
    room_for(1, text.len() - copied)?;
    out.push_str(&text[copied..]);
    Ok(out.into())
}

/// Replaces by a text in which `$1` and `${name}` stand for groups.
fn replaced_by_text(text: &Text, pattern: &Text, with: &Text, most: INT) -> Fallible<Text> {
    let references = with.matches('$').count();
    replaced(text, pattern, most, |captures, out| {
        let whole = captures.get(0).map_or(0, |whole| whole.len());
        room_for(1, with.len().saturating_add(references.saturating_mul(whole)))?;
        captures.expand(with, out);
        Ok(())
    })
}

/// Regular expressions that take time in proportion to the text, whatever the pattern. The syntax is
/// that of [regex-lite](https://docs.rs/regex-lite): no look-around, no back-references, and classes
/// as `\d` and `\w` are ASCII. Write patterns in back-ticks, where `\` needs no doubling.
///
/// A search takes about 0.1 s for each MB of text and KB of compiled pattern, of which an ordinary one
/// has 1. It ends at the deadline, line by line, or word by word, where no match can go from one to the next:
/// where the pattern has no `\s`, `\W`, `\D`, `[^`, `(?s)` or `\n`. Otherwise it is refused where there may not
/// be enough time left.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Whether the pattern is found anywhere in the text.
    ///
    /// ```rhai
    /// regex::test("order-1042", "^order-\\d+$"); // => true
    /// regex::test("order-x", `^order-\d+$`); // => false
    /// regex::test("ORDER", "(?i)order"); // => true
    /// ```
    #[rhai_fn(return_raw)]
    pub fn test(text: Text, pattern: Text) -> Fallible<bool> {
        is_match(&pattern, &text)
    }

    /// The first match; `()` where there is none.
    ///
    /// ```rhai
    /// regex::find("from 10 to 20", `\d+`); // => "10"
    /// regex::find("none", `\d+`); // => ()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn find(text: Text, pattern: Text) -> Fallible<Dynamic> {
        let found = compiled(&pattern, &text)?.find_at(0)?;
        Ok(found.map_or(Dynamic::UNIT, |found| text_value(found.as_str())))
    }

    /// All matches, from left to right.
    ///
    /// ```rhai
    /// regex::find_all("from 10 to 20", `\d+`); // => ["10", "20"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn find_all(text: Text, pattern: Text) -> Fallible<Array> {
        let mut all = Array::new();
        compiled(&pattern, &text)?.each_match(|found| {
            room_for(1, MATCH)?;
            all.push(text_value(found.as_str()));
            Ok(true)
        })?;
        Ok(all)
    }

    /// The groups of the first match: the whole match, then each group, `()` for a group that took
    /// no part; `()` where there is no match.
    ///
    /// ```rhai
    /// regex::captures("2026-11-23", `(\d+)-(\d+)(T.*)?`); // => ["2026-11", "2026", "11", ()]
    /// regex::captures("no date", `(\d+)-(\d+)`); // => ()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn captures(text: Text, pattern: Text) -> Fallible<Dynamic> {
        let found = compiled(&pattern, &text)?.captures_at(0)?;
        let Some(found) = found else { return Ok(Dynamic::UNIT) };
        groups(&found).map(Dynamic::from)
    }

    /// The groups of every match, each as `captures` gives them.
    ///
    /// ```rhai
    /// regex::captures_all("a=1, b=2", `(\w)=(\d)`); // => [["a=1", "a", "1"], ["b=2", "b", "2"]]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn captures_all(text: Text, pattern: Text) -> Fallible<Array> {
        let mut all = Array::new();
        compiled(&pattern, &text)?.each_captures(|found| {
            all.push(groups(&found)?.into());
            Ok(true)
        })?;
        Ok(all)
    }

    /// The named groups `(?<name>...)` of the first match, by name; `()` where there is no match.
    ///
    /// ```rhai
    /// let date = regex::named("2026-11-23", `(?<year>\d+)-(?<month>\d+)`);
    /// date.year; // => "2026"
    /// date.month; // => "11"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn named(text: Text, pattern: Text) -> Fallible<Dynamic> {
        let search = compiled(&pattern, &text)?;
        let found = search.captures_at(0)?;
        let regex = &search.pattern.regex;
        Ok(found.map_or(Dynamic::UNIT, |found| Dynamic::from_map(named_groups(regex, &found))))
    }

    /// The text with every match replaced. `$1` or `${name}` stands for a group, `$0` for the whole
    /// match and `$$` for a dollar; write `${1}a` where a letter, a digit or `_` follows.
    ///
    /// ```rhai
    /// regex::replace("2026-11-23", `(\d+)-(\d+)-(\d+)`, "$3.$2.$1"); // => "23.11.2026"
    /// regex::replace("a  b   c", `\s+`, " "); // => "a b c"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn replace(text: Text, pattern: Text, with: Text) -> Fallible<Text> {
        replaced_by_text(&text, &pattern, &with, INT::MAX)
    }

    /// The text with at most so many matches replaced, from the left.
    ///
    /// ```rhai
    /// regex::replace("1 2 3", `\d`, "x", 2); // => "x x 3"
    /// ```
    #[rhai_fn(name = "replace", return_raw)]
    pub fn replace_some(text: Text, pattern: Text, with: Text, most: INT) -> Fallible<Text> {
        replaced_by_text(&text, &pattern, &with, most)
    }

    /// The text with every match replaced by the text that a function makes of its groups, an array
    /// as `captures` gives it.
    ///
    /// ```rhai
    /// regex::replace("3 apples", `\d+`, |groups| parse_int(groups[0]) * 2); // => "6 apples"
    /// ```
    #[rhai_fn(name = "replace", return_raw)]
    pub fn replace_with(
        context: NativeCallContext,
        text: Text,
        pattern: Text,
        function: FnPtr,
    ) -> Fallible<Text> {
        replaced(&text, &pattern, INT::MAX, |captures, out| {
            let made: Dynamic = function.call_within_context(&context, (groups(captures)?,))?;
            let made = made.to_string();
            room_for(1, made.len())?;
            out.push_str(&made);
            Ok(())
        })
    }

    /// The parts of the text between the matches.
    ///
    /// ```rhai
    /// regex::split("a, b;c", `[,;]\s*`); // => ["a", "b", "c"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn split(text: Text, pattern: Text) -> Fallible<Array> {
        compiled(&pattern, &text)?.split(usize::MAX)
    }

    /// At most so many parts of the text; the last one is all the rest.
    ///
    /// ```rhai
    /// regex::split("key: a: b", `:\s*`, 2); // => ["key", "a: b"]
    /// ```
    #[rhai_fn(name = "split", return_raw)]
    pub fn split_some(text: Text, pattern: Text, most: INT) -> Fallible<Array> {
        compiled(&pattern, &text)?.split(usize::try_from(most.max(1)).unwrap_or(usize::MAX))
    }

    /// A pattern that finds exactly this text, whatever characters it has.
    ///
    /// ```rhai
    /// regex::escape("1+1"); // => "1\\+1"
    /// regex::test("1+1=2", regex::escape("1+1")); // => true
    /// ```
    #[rhai_fn(return_raw)]
    pub fn escape(text: Text) -> Fallible<Text> {
        room_for(text.len(), 2)?;
        Ok(regex_lite::escape(&text).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_used_last_are_kept_and_no_more_than_that() {
        for number in 0..KEPT * 2 {
            compiled(&format!("a{number}").into(), "").unwrap();
        }
        let first = compiled(&"a20".into(), "").unwrap().pattern.regex;
        assert!(Rc::ptr_eq(&first, &compiled(&"a20".into(), "").unwrap().pattern.regex));
        PATTERNS.with_borrow(|patterns| {
            assert_eq!(patterns.len(), KEPT);
            assert_eq!(patterns[0].0, "a20");
            assert_eq!(patterns[1].0, "a31");
        });
    }

    #[test]
    fn the_larger_the_pattern_the_shorter_the_text_may_be() {
        assert!(compiled(&r"^\d{4}-\d\d-\d\d (\S+) (.*)$".into(), &"a".repeat(6 << 20)).is_ok());
        let pattern = Text::from(r"(?:\w{20}\d{20}[^x]){20}");
        assert!(compiled(&pattern, "short").is_ok());
        let error = compiled(&pattern, &"a".repeat(1 << 20)).err().unwrap().to_string();
        assert!(error.contains("the text has 1048576 bytes and the pattern"), "{error}");
        let error = compiled(&"(?:a{1000}){1000}".into(), "").err().unwrap().to_string();
        assert!(error.contains("no regular expression"), "{error}");
    }

    #[test]
    fn pieces_are_what_no_match_crosses() {
        for pattern in [r"[\w.+-]+@[\w-]+\.\w+", r"\bfoo\b", r"^\d+$", r"(?i)ab|cd", "(?<n>x)*"] {
            assert_eq!(Apart::of(pattern), Apart::Words, "{pattern}");
        }
        for pattern in ["a b", "a.b", "[a].", "[].]", "[a ]", r"(?m)^.*$", r"(?i-m:a b)", r"\ "] {
            assert_eq!(Apart::of(pattern), Apart::Lines, "{pattern}");
        }
        for pattern in [
            r"\s",
            r"\W",
            r"\D",
            "[^a]",
            "(?s).",
            "(?is:.)",
            "(?x)a b",
            r"\n",
            r"\x0a",
            "a\nb",
            "[[:space:]]",
            r"\u000a",
            "[\t-z]",
            r"[\t-z]",
            r"(?R)$",
            r"\pL",
            "\\",
        ] {
            assert_eq!(Apart::of(pattern), Apart::Nothing, "{pattern}");
        }
    }

    #[test]
    fn a_search_in_pieces_finds_what_a_search_in_the_whole_finds() {
        let patterns = [
            r"\w+",
            r"\w*",
            r"x*",
            r"^\w+",
            r"\w+$",
            r"(?m)^\w*$",
            r"(?m)$",
            r"$",
            r"^",
            r"\b",
            r"\B",
            r"(a|ab)(c|bcd)?",
            r".*?",
            r".+",
            r"(\S+)@(\S+)",
            r"[a-c]{2,3}",
            r"\bx",
            "b b",
            "",
            "é?",
            r"\z",
            r"\w+|$",
            r"(?:\w+$)|x",
            r"\b$",
            r"a*?$",
        ];
        let texts = [
            "",
            " ",
            "\n",
            "ab\nc",
            "a b\n\n c@d xx\nab abcd bcd\n",
            "é é\né xx",
            "  \n \n",
            "x\n",
            "\nx",
            "aa bb cc\naa@bb.c x x x\nlast line without an end",
        ];
        for pattern in patterns {
            let regex = Regex::new(pattern).unwrap();
            for text in texts {
                for piece in [1, 2, 3, 5, 8] {
                    let search = compiled(&pattern.into(), text).unwrap();
                    search.piece.set(piece);
                    let whole: Vec<_> = regex.find_iter(text).map(|it| it.range()).collect();
                    let mut pieces = Vec::new();
                    search
                        .each_match(|it| {
                            Ok({
                                pieces.push(it.range());
                                true
                            })
                        })
                        .unwrap();
                    assert_eq!(pieces, whole, "{pattern:?} in {text:?} by {piece}");
                    let whole: Vec<String> =
                        regex.captures_iter(text).map(|it| format!("{it:?}")).collect();
                    let mut pieces = Vec::new();
                    search
                        .each_captures(|it| {
                            Ok({
                                pieces.push(format!("{it:?}"));
                                true
                            })
                        })
                        .unwrap();
                    assert_eq!(pieces, whole, "{pattern:?} in {text:?} by {piece}");
                    let whole: Vec<_> = regex.split(text).map(str::to_owned).collect();
                    let parts = search.split(usize::MAX).unwrap();
                    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
                    assert_eq!(parts, whole, "{pattern:?} in {text:?} by {piece}");
                    let whole: Vec<_> = regex.splitn(text, 2).map(str::to_owned).collect();
                    let parts = search.split(2).unwrap();
                    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
                    assert_eq!(parts, whole, "{pattern:?} in {text:?} by {piece}");
                }
            }
        }
    }
}
