//! The module `regex`: regular expressions that take time in proportion to the text, whatever the
//! pattern.
//!
//! The syntax is that of <https://docs.rs/regex-lite>: no look-around, no back-references, and
//! classes as `\d` and `\w` are ASCII.

use std::cell::RefCell;
use std::rc::Rc;

use regex_lite::{Captures, Regex, RegexBuilder};
use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, FnPtr, INT, ImmutableString, Map};

use super::native::exported;
use super::{Fallible, Part};
use crate::bounds::{in_time, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["regex"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("regex", engine, vocabulary);
}

type Text = ImmutableString;

/// The most bytes that a compiled pattern may have.
const LARGEST_BYTES: usize = 256 << 10;

/// A search takes time in proportion to the bytes of the compiled pattern and those of the text, and
/// cannot be interrupted; this product is some seconds at worst.
const MOST_WORK: usize = (16 << 10) << 20;

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
}

thread_local! {
    /// The patterns that were used last, the latest in front.
    static PATTERNS: RefCell<Vec<(Text, Pattern)>> = const { RefCell::new(Vec::new()) };
}

/// Drops the compiled patterns.
pub fn forget() {
    drop(PATTERNS.take());
}

/// The longest pattern, in bytes. What is made of one while it is read takes some hundred times as much.
const LONGEST_PATTERN: usize = 32 << 10;

impl Pattern {
    fn compile(pattern: &str) -> Fallible<Self> {
        if pattern.len() > LONGEST_PATTERN {
            let length = pattern.len();
            return Err(format!(
                "the pattern has {length} bytes; it may have at most {LONGEST_PATTERN}"
            )
            .into());
        }
        let mut bytes = 1 << 10;
        loop {
            match RegexBuilder::new(pattern).size_limit(bytes).build() {
                Ok(regex) => return Ok(Self { regex: regex.into(), bytes }),
                Err(_) if bytes < LARGEST_BYTES => bytes *= 2,
                Err(error) => {
                    let shown: String = pattern.chars().take(80).collect();
                    return Err(
                        format!("the pattern `{shown}` is no regular expression: {error}").into()
                    );
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
pub(super) fn compiled(pattern: &Text, text: &str) -> Fallible<Rc<Regex>> {
    let Pattern { regex, bytes } = Pattern::cached(pattern)?;
    let most = MOST_WORK / bytes;
    if text.len() > most {
        return Err(format!(
            "the text has {} bytes and the pattern, being large, takes at most {most}: use fewer \
             or smaller repetitions as `{{100}}`",
            text.len()
        )
        .into());
    }
    Ok(regex)
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
    let regex = compiled(pattern, text)?;
    let (mut out, mut copied) = (String::new(), 0);
    for captures in regex.captures_iter(text).take(usize::try_from(most).unwrap_or(0)) {
        in_time()?;
        let Some(whole) = captures.get(0) else { break };
        room_for(1, whole.start() - copied)?;
        out.push_str(&text[copied..whole.start()]);
        with(&captures, &mut out)?;
        copied = whole.end();
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
        Ok(compiled(&pattern, &text)?.is_match(&text))
    }

    /// The first match; `()` where there is none.
    ///
    /// ```rhai
    /// regex::find("from 10 to 20", `\d+`); // => "10"
    /// regex::find("none", `\d+`); // => ()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn find(text: Text, pattern: Text) -> Fallible<Dynamic> {
        let regex = compiled(&pattern, &text)?;
        Ok(regex.find(&text).map_or(Dynamic::UNIT, |found| text_value(found.as_str())))
    }

    /// All matches, from left to right.
    ///
    /// ```rhai
    /// regex::find_all("from 10 to 20", `\d+`); // => ["10", "20"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn find_all(text: Text, pattern: Text) -> Fallible<Array> {
        let regex = compiled(&pattern, &text)?;
        collected(regex.find_iter(&text), |found| text_value(found.as_str()))
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
        let regex = compiled(&pattern, &text)?;
        let Some(found) = regex.captures(&text) else { return Ok(Dynamic::UNIT) };
        groups(&found).map(Dynamic::from)
    }

    /// The groups of every match, each as `captures` gives them.
    ///
    /// ```rhai
    /// regex::captures_all("a=1, b=2", `(\w)=(\d)`); // => [["a=1", "a", "1"], ["b=2", "b", "2"]]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn captures_all(text: Text, pattern: Text) -> Fallible<Array> {
        let regex = compiled(&pattern, &text)?;
        let mut all = Array::new();
        for found in regex.captures_iter(&text) {
            all.push(groups(&found)?.into());
        }
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
        let regex = compiled(&pattern, &text)?;
        let found = regex.captures(&text);
        Ok(found.map_or(Dynamic::UNIT, |found| Dynamic::from_map(named_groups(&regex, &found))))
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
        let regex = compiled(&pattern, &text)?;
        collected(regex.split(&text), text_value)
    }

    /// At most so many parts of the text; the last one is all the rest.
    ///
    /// ```rhai
    /// regex::split("key: a: b", `:\s*`, 2); // => ["key", "a: b"]
    /// ```
    #[rhai_fn(name = "split", return_raw)]
    pub fn split_some(text: Text, pattern: Text, most: INT) -> Fallible<Array> {
        let regex = compiled(&pattern, &text)?;
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        collected(regex.splitn(&text, most), text_value)
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
        let first = compiled(&"a20".into(), "").unwrap();
        assert!(Rc::ptr_eq(&first, &compiled(&"a20".into(), "").unwrap()));
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
        let error = compiled(&pattern, &"a".repeat(1 << 20)).unwrap_err().to_string();
        assert!(error.contains("the text has 1048576 bytes and the pattern"), "{error}");
        let error = compiled(&"(?:a{1000}){1000}".into(), "").unwrap_err().to_string();
        assert!(error.contains("no regular expression"), "{error}");
    }
}
