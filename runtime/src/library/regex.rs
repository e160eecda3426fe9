//! `regex`: regular expressions, which take time in proportion to pattern times text.
//!
//! The syntax is that of <https://docs.rs/regex-lite>: without look-around and back-references, and
//! with classes such as `\d` and `(?i)` for ASCII alone.

use std::cell::RefCell;
use std::rc::Rc;

use regex_lite::{Captures, Match, Regex, RegexBuilder};
use rhai::{Array, Dynamic, Engine, INT, ImmutableString, Map, Module};

use super::Part;
use super::grow::{self, MAP};
use crate::bounds::{Bounded, room_for};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["regex"], register };

/// How many patterns stay compiled, and how many bytes one may take.
const KEPT: usize = 32;
const LARGEST: usize = 1 << 20;

const DYNAMIC: usize = size_of::<Dynamic>();

thread_local! {
    /// Compiled patterns, the one used last at the end.
    static COMPILED: RefCell<Vec<(ImmutableString, Rc<Regex>)>> = const { RefCell::new(Vec::new()) };
}

type Text = ImmutableString;

fn register(engine: &mut Engine, _: &Vocabulary) {
    let mut module = Module::new();
    module.set_native_fn("test", |pattern: Text, text: Text| test(&pattern, &text));
    module.set_native_fn("find", |pattern: Text, text: Text| find(&pattern, &text));
    module.set_native_fn("find_all", |pattern: Text, text: Text| find_all(&pattern, &text));
    module.set_native_fn("captures", |pattern: Text, text: Text| captures(&pattern, &text));
    module.set_native_fn("replace", |pattern: Text, text: Text, with: Text| {
        replace(&pattern, &text, &with)
    });
    module.set_native_fn("split", |pattern: Text, text: Text| split(&pattern, &text));
    module.set_native_fn("escape", |text: Text| escape(&text));
    engine.register_static_module("regex", module.into());
}

/// `regex::test(pattern, text)`: whether the pattern matches somewhere in the text.
///
/// ```rhai
/// regex::test(`^\d{4}-\d\d$`, "2026-11"); // => true
/// regex::test("(?i)error", "no Errors"); // => true
/// ```
fn test(pattern: &Text, text: &str) -> Bounded<bool> {
    Ok(compiled(pattern)?.is_match(text))
}

/// `regex::find(pattern, text)`: the first match, as its text and the characters it starts at and
/// ends before; `()` without one.
///
/// ```rhai
/// regex::find(`\d+`, "für 12 EUR"); // => {"text": "12", "start": 4, "end": 6}
/// regex::find(`\d+`, "none"); // => null
/// ```
fn find(pattern: &Text, text: &str) -> Bounded<Dynamic> {
    match compiled(pattern)?.find(text) {
        Some(found) => Ok(Place::new(text).of(&found)?.into()),
        None => Ok(Dynamic::UNIT),
    }
}

/// `regex::find_all(pattern, text)`: all matches that do not overlap, each as of `regex::find`.
///
/// ```rhai
/// regex::find_all("a+", "baab a").map(|m| m.text); // => ["aa", "a"]
/// ```
fn find_all(pattern: &Text, text: &str) -> Bounded<Array> {
    let regex = compiled(pattern)?;
    let mut place = Place::new(text);
    let mut all = Array::new();
    for found in regex.find_iter(text) {
        grow::push(&mut all, place.of(&found)?.into())?;
    }
    Ok(all)
}

/// `regex::captures(pattern, text)`: the first match with its groups, `groups` by number from the
/// whole match at 0 and `names` by name, `()` for one that took no part; `()` without a match.
///
/// ```rhai
/// let c = regex::captures(`(?<year>\d{4})-(\d\d)(-\d\d)?`, "in 2026-11");
/// c.groups; // => ["2026-11", "2026", "11", null]
/// c.names.year; // => "2026"
/// [c.text, c.start, c.end]; // => ["2026-11", 3, 10]
/// ```
fn captures(pattern: &Text, text: &str) -> Bounded<Dynamic> {
    let regex = compiled(pattern)?;
    let Some(captures) = regex.captures(text) else { return Ok(Dynamic::UNIT) };
    let bytes = captures.iter().flatten().map(|group| group.len()).sum::<usize>();
    room_for(bytes, 2)?;
    room_for(captures.len(), 2 * DYNAMIC + 64)?;
    let group = |group: Option<Match>| {
        group.map_or(Dynamic::UNIT, |group| ImmutableString::from(group.as_str()).into())
    };
    let mut map = match captures.get(0) {
        Some(whole) => Place::new(text).of(&whole)?,
        None => Map::new(),
    };
    let names = regex.capture_names().flatten();
    let names: Map = names.map(|name| (name.into(), group(captures.name(name)))).collect();
    map.insert("groups".into(), captures.iter().map(group).collect::<Array>().into());
    map.insert("names".into(), names.into());
    Ok(map.into())
}

/// `regex::replace(pattern, text, with)`: the text with all matches replaced; `$1`, `${1}`, `$name`
/// and `${name}` stand for groups, `$0` for the whole match and `$$` for a `$`.
///
/// ```rhai
/// regex::replace(`(\w+)@(?<host>\w+)`, "a@b c@d", "${host}_$1"); // => "b_a d_c"
/// regex::replace(",", "1,5", "$$"); // => "1$5"
/// ```
fn replace(pattern: &Text, text: &str, with: &str) -> Bounded<ImmutableString> {
    let regex = compiled(pattern)?;
    let references = check_references(&regex, with)?;
    let mut out = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        grow::add(&mut out, &text[end..whole.start()])?;
        expand(&mut out, &captures, with, references * whole.len())?;
        end = whole.end();
    }
    grow::add(&mut out, &text[end..])?;
    Ok(out.into())
}

/// `regex::split(pattern, text)`: the texts between the matches.
///
/// ```rhai
/// regex::split(`\s*[,;]\s*`, "a , b;c"); // => ["a", "b", "c"]
/// regex::split(",", ""); // => [""]
/// ```
fn split(pattern: &Text, text: &str) -> Bounded<Array> {
    let regex = compiled(pattern)?;
    let mut parts = Array::new();
    for part in regex.split(text) {
        grow::push(&mut parts, grow::text(part)?)?;
    }
    Ok(parts)
}

/// `regex::escape(text)`: a pattern that matches this text alone.
///
/// ```rhai
/// regex::escape("1.5 (net)"); // => "1\\.5 \\(net\\)"
/// ```
fn escape(text: &str) -> Bounded<ImmutableString> {
    room_for(text.len(), 3)?;
    Ok(regex_lite::escape(text).into())
}

/// The pattern, compiled now or lately.
fn compiled(pattern: &Text) -> Bounded<Rc<Regex>> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(at) = compiled.iter().position(|(known, _)| known == pattern) {
            compiled[at..].rotate_left(1);
        } else {
            room_for(pattern.len(), 64)?;
            let regex = RegexBuilder::new(pattern)
                .size_limit(LARGEST)
                .build()
                .map_err(|error| format!("{pattern:?} is not a regular expression: {error}"))?;
            if compiled.len() == KEPT {
                compiled.remove(0);
            }
            compiled.push((pattern.clone(), regex.into()));
        }
        Ok(compiled[compiled.len() - 1].1.clone())
    })
}

/// Counts the characters up to matches that come one after the other.
struct Place<'a> {
    text: &'a str,
    byte: usize,
    character: usize,
}

impl<'a> Place<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, byte: 0, character: 0 }
    }

    fn of(&mut self, found: &Match) -> Bounded<Map> {
        room_for(found.len() + MAP, 1)?;
        let mut character_at = |byte: usize| {
            self.character += self.text[self.byte..byte].chars().count();
            self.byte = byte;
            Dynamic::from(self.character as INT)
        };
        Ok(Map::from_iter([
            ("start".into(), character_at(found.start())),
            ("end".into(), character_at(found.end())),
            ("text".into(), ImmutableString::from(found.as_str()).into()),
        ]))
    }
}

fn expand(out: &mut String, captures: &Captures, with: &str, most: usize) -> Bounded<()> {
    grow::reserve(out, with.len().saturating_add(most))?;
    captures.expand(with, out);
    Ok(())
}

/// How often a replacement refers to a group; one that the pattern does not have would quietly
/// become nothing.
fn check_references(regex: &Regex, with: &str) -> Bounded<usize> {
    let mut references = 0;
    let mut rest = with;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let name = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((name, _)) => name,
            None => &after[..after.find(|c| !is_of_name(c)).unwrap_or(after.len())],
        };
        rest = after;
        if name.is_empty() {
            continue;
        }
        references += 1;
        let is_number = name.parse::<usize>().is_ok_and(|number| number < regex.captures_len());
        if !is_number && !regex.capture_names().flatten().any(|known| known == name) {
            return Err(format!(
                "the pattern {:?} has no group `{name}` for the replacement {with:?}; `${{1}}a` is \
                 group 1 before an `a`, and `$$` a `$`",
                regex.as_str()
            )
            .into());
        }
    }
    Ok(references)
}

#[cfg(test)]
mod tests {
    use super::super::examples::{fails, gives, hold, is_too_large};

    #[test]
    fn the_examples_hold() {
        hold(include_str!("regex.rs"));
    }

    #[test]
    fn places_are_characters_as_sub_string_counts_them() {
        let script = "let t = \"ü→x ü→x\"; let m = regex::find_all(\"x\", t);
            [m.map(|m| m.start), m.map(|m| t.sub_string(m.start, m.end - m.start))]";
        gives(script, r#"[[2, 6], ["x", "x"]]"#);
        gives("regex::find_all(\"\", \"üa\").map(|m| [m.start, m.end])", "[[0,0],[1,1],[2,2]]");
        gives("regex::find_all(\"x\", \"\")", "[]");
    }

    #[test]
    fn a_match_without_groups_has_the_whole_as_its_only_group() {
        gives(
            "regex::captures(\"b\", \"abc\")",
            r#"{"text":"b","start":1,"end":2,"groups":["b"],"names":{}}"#,
        );
        gives("regex::captures(\"(x)\", \"abc\")", "null");
        gives("regex::captures(\"(?<a>x)|(?<b>y)\", \"y\").names", r#"{"a":null,"b":"y"}"#);
    }

    #[test]
    fn replacing_expands_groups_and_leaves_the_rest() {
        gives("regex::replace(\"\", \"üa\", \"-\")", "\"-ü-a-\"");
        gives("regex::replace(\"x\", \"\", \"-\")", "\"\"");
        gives("regex::replace(\"(a)(b)?\", \"a ab\", \"[$2|$1|$0]\")", "\"[|a|a] [b|a|ab]\"");
        gives("regex::replace(\"a\", \"a\", \"$ ${} $\")", "\"$  $\"");
    }

    #[test]
    fn errors_name_the_pattern_and_the_reason() {
        fails("regex::test(\"(\", \"x\")", "\"(\" is not a regular expression: ");
        fails("regex::test(\"(?=a)\", \"x\")", "look-around is not supported");
        fails("regex::find(\"(a{1000}){1000}\", \"x\")", "is not a regular expression: ");
        fails("regex::replace(\"a\", \"a\", \"$1\")", "has no group `1`");
        fails("regex::replace(\"(a)\", \"a\", \"$1a\")", "has no group `1a`");
        fails("regex::replace(\"(a)\", \"a\", \"${x}\")", "has no group `x`");
    }

    #[test]
    fn more_patterns_than_are_kept_work_too() {
        let script = "let ok = 0;
            for round in 0..3 { for n in 0..100 { if regex::test(`^${n}$`, `${n}`) { ok += 1 } } }
            ok";
        gives(script, "300");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        is_too_large(
            "let t = \"\"; t.pad(2000, 'x'); let w = \"\"; w.pad(2000, 'y');
             regex::replace(\"x\", t, w)",
        );
        is_too_large("let t = \"\"; t.pad(400000, 'x'); regex::replace(\".+\", t, \"$0$0$0$0\")");
    }
}
