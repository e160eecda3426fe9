//! Methods of text that leave it as it is and give another, beside the language's own that change it.

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, INT, ImmutableString};

use super::native::exported;
use super::{Fallible, Part, grow, number, text};
use crate::bounds::{Pace, room_for};
use crate::effects::Failure;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part {
    words: &[
        "trimmed",
        "trimmed_start",
        "trimmed_end",
        "without_prefix",
        "without_suffix",
        "replaced",
        "replaced_first",
        "truncated",
        "reversed",
        "capitalize",
        "title",
        "lines",
        "words",
        "repeat",
        "pad_start",
        "pad_end",
        "is_blank",
        "count",
        "last_index_of",
        "first",
        "last",
    ],
    register,
};

type Text = ImmutableString;

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(methods).register_globally("Text.Invalid", engine, vocabulary);
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The text without white space at both ends; `trim` changes the text itself.
    ///
    /// ```rhai
    /// "  a b\n".trimmed(); // => "a b"
    /// ```
    pub fn trimmed(text: Text) -> Text {
        part_of(&text, text.trim())
    }

    /// The text without these characters at both ends.
    ///
    /// ```rhai
    /// "/a/b//".trimmed("/"); // => "a/b"
    /// "(x)".trimmed("()"); // => "x"
    /// ```
    #[rhai_fn(name = "trimmed", return_raw)]
    pub fn trimmed_of(text: Text, characters: Dynamic) -> Fallible<Text> {
        trim(&text, "trimmed", &characters, true, true)
    }

    /// The text without white space at its start.
    ///
    /// ```rhai
    /// "  a ".trimmed_start(); // => "a "
    /// ```
    pub fn trimmed_start(text: Text) -> Text {
        part_of(&text, text.trim_start())
    }

    /// The text without these characters at its start.
    ///
    /// ```rhai
    /// "007".trimmed_start('0'); // => "7"
    /// ```
    #[rhai_fn(name = "trimmed_start", return_raw)]
    pub fn trimmed_start_of(text: Text, characters: Dynamic) -> Fallible<Text> {
        trim(&text, "trimmed_start", &characters, true, false)
    }

    /// The text without white space at its end.
    ///
    /// ```rhai
    /// " a\r\n".trimmed_end(); // => " a"
    /// ```
    pub fn trimmed_end(text: Text) -> Text {
        part_of(&text, text.trim_end())
    }

    /// The text without these characters at its end.
    ///
    /// ```rhai
    /// "really?!".trimmed_end("!?"); // => "really"
    /// ```
    #[rhai_fn(name = "trimmed_end", return_raw)]
    pub fn trimmed_end_of(text: Text, characters: Dynamic) -> Fallible<Text> {
        trim(&text, "trimmed_end", &characters, false, true)
    }

    /// The text without this at its start, if it starts so.
    ///
    /// ```rhai
    /// "refs/heads/main".without_prefix("refs/heads/"); // => "main"
    /// "main".without_prefix("refs/heads/"); // => "main"
    /// ```
    pub fn without_prefix(text: Text, prefix: &str) -> Text {
        part_of(&text, text.strip_prefix(prefix).unwrap_or(&text))
    }

    /// The text without this at its end, if it ends so.
    ///
    /// ```rhai
    /// "report.csv".without_suffix(".csv"); // => "report"
    /// ```
    pub fn without_suffix(text: Text, suffix: &str) -> Text {
        part_of(&text, text.strip_suffix(suffix).unwrap_or(&text))
    }

    /// The text with one part of it replaced by another wherever it is; `replace` changes the text itself.
    ///
    /// ```rhai
    /// "a-b-c".replaced("-", "+"); // => "a+b+c"
    /// "a.b".replaced('.', ""); // => "ab"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn replaced(text: Text, find: Dynamic, with: Dynamic) -> Fallible<Text> {
        replace(text, "replaced", &find, &with, usize::MAX)
    }

    /// The text with one part of it replaced by another where it comes first.
    ///
    /// ```rhai
    /// "a-b-c".replaced_first("-", "+"); // => "a+b-c"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn replaced_first(text: Text, find: Dynamic, with: Dynamic) -> Fallible<Text> {
        replace(text, "replaced_first", &find, &with, 1)
    }

    /// At most so many characters from the start of the text; `truncate` changes the text itself, and
    /// `text::truncate` ends with `…`.
    ///
    /// ```rhai
    /// "a long story".truncated(6); // => "a long"
    /// "short".truncated(10); // => "short"
    /// ```
    pub fn truncated(text: Text, length: INT) -> Text {
        let length = text::sized(length);
        let end = text.char_indices().nth(length).map_or(text.len(), |(at, _)| at);
        part_of(&text, &text[..end])
    }

    /// The characters of the text from the last to the first.
    ///
    /// ```rhai
    /// "añb".reversed(); // => "bña"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn reversed(text: &str) -> Fallible<String> {
        room_for(text.len(), 1)?;
        let mut pace = Pace::default();
        text.chars().rev().map(|it| pace.step(4).map(|()| it)).collect()
    }

    /// The text with its first letter in upper case, and the others as they are.
    ///
    /// ```rhai
    /// "élan vital".capitalize(); // => "Élan vital"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn capitalize(text: Text) -> Fallible<Text> {
        let Some(first) = text.chars().next().filter(|first| !first.is_uppercase()) else {
            return Ok(text);
        };
        room_for(text.len() + 8, 2)?;
        let mut out = String::with_capacity(text.len() + 8);
        out.extend(first.to_uppercase());
        out.push_str(&text[first.len_utf8()..]);
        Ok(out.into())
    }

    /// Each word with its first letter in upper case and the others in lower case.
    ///
    /// ```rhai
    /// "the qUICK-brown fox".title(); // => "The Quick-Brown Fox"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn title(text: &str) -> Fallible<Text> {
        text::title(text)
    }

    /// The lines, without their ends `\n` or `\r\n`; no empty one after the last end.
    ///
    /// ```rhai
    /// "a\r\n\nb\n".lines(); // => ["a", "", "b"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn lines(text: &str) -> Fallible<Array> {
        text::lines(text)
    }

    /// What is between white space; `split` by nothing does the same.
    ///
    /// ```rhai
    /// " a  b\nc ".words(); // => ["a", "b", "c"]
    /// ```
    #[rhai_fn(return_raw)]
    pub fn words(text: &str) -> Fallible<Array> {
        let mut words = Array::new();
        for word in text.split_whitespace() {
            let word = grow::text(word)?;
            grow::push(&mut words, word)?;
        }
        Ok(words)
    }

    /// The text so many times; nothing for 0 or less.
    ///
    /// ```rhai
    /// "ab".repeat(3); // => "ababab"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn repeat(text: &str, times: INT) -> Fallible<Text> {
        text::repeat(text, times)
    }

    /// The text, filled up at its start to a length with spaces.
    ///
    /// ```rhai
    /// "7".pad_start(3); // => "  7"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn pad_start(text: Text, length: INT) -> Fallible<Text> {
        text::pad(text, length, " ", false)
    }

    /// The text, filled up at its start to a length with other text, again and again.
    ///
    /// ```rhai
    /// "7".pad_start(3, "0"); // => "007"
    /// ```
    #[rhai_fn(name = "pad_start", return_raw)]
    pub fn pad_start_with(text: Text, length: INT, fill: Dynamic) -> Fallible<Text> {
        text::pad(text, length, &text::filling(&fill)?, false)
    }

    /// The text, filled up at its end to a length with spaces; `pad` changes the text itself.
    ///
    /// ```rhai
    /// "ab".pad_end(4); // => "ab  "
    /// ```
    #[rhai_fn(return_raw)]
    pub fn pad_end(text: Text, length: INT) -> Fallible<Text> {
        text::pad(text, length, " ", true)
    }

    /// The text, filled up at its end to a length with other text, again and again.
    ///
    /// ```rhai
    /// "ab".pad_end(5, "-="); // => "ab-=-"
    /// ```
    #[rhai_fn(name = "pad_end", return_raw)]
    pub fn pad_end_with(text: Text, length: INT, fill: Dynamic) -> Fallible<Text> {
        text::pad(text, length, &text::filling(&fill)?, true)
    }

    /// Whether there is nothing but white space.
    ///
    /// ```rhai
    /// " \n".is_blank(); // => true
    /// ```
    pub fn is_blank(text: &str) -> bool {
        text::is_blank(text)
    }

    /// How many times something is in the text, one behind the other.
    ///
    /// ```rhai
    /// "banana".count("an"); // => 2
    /// "aaa".count("aa"); // => 1
    /// ```
    #[rhai_fn(return_raw)]
    pub fn count(text: &str, find: Dynamic) -> Fallible<INT> {
        let find = sought("count", &find)?;
        let mut pace = Pace::default();
        let mut count = 0;
        for _ in text.matches(find.as_str()) {
            pace.step(64)?;
            count += 1;
        }
        Ok(count)
    }

    /// Where something is in the text for the last time, in characters from its start; -1 where it is
    /// nowhere.
    ///
    /// ```rhai
    /// "a/b/c".last_index_of("/"); // => 3
    /// "abc".last_index_of("x"); // => -1
    /// ```
    #[rhai_fn(return_raw)]
    pub fn last_index_of(text: &str, find: Dynamic) -> Fallible<INT> {
        let find = sought("last_index_of", &find)?;
        let place = text.rfind(find.as_str()).map(|at| text[..at].chars().count());
        Ok(place.and_then(|place| INT::try_from(place).ok()).unwrap_or(-1))
    }

    /// The first character; `()` of an empty text.
    ///
    /// ```rhai
    /// "abc".first(); // => "a"
    /// "".first(); // => ()
    /// ```
    pub fn first(text: &str) -> Dynamic {
        text.chars().next().map_or(Dynamic::UNIT, Into::into)
    }

    /// The last character; `()` of an empty text.
    ///
    /// ```rhai
    /// "abc".last(); // => "c"
    /// ```
    pub fn last(text: &str) -> Dynamic {
        text.chars().next_back().map_or(Dynamic::UNIT, Into::into)
    }
}

/// A part of a text; the text itself, where it is all of it.
fn part_of(text: &Text, part: &str) -> Text {
    if part.len() == text.len() { text.clone() } else { part.into() }
}

/// What is looked for, which is not nothing.
fn sought(what: &str, find: &Dynamic) -> Fallible<Text> {
    let find = characters(what, find)?;
    if find.is_empty() {
        let message = format!("{what}: an empty text is everywhere and cannot be looked for");
        return Err(Failure::new("Text.Invalid", message).into());
    }
    Ok(find)
}

/// Text or a character.
fn characters(what: &str, value: &Dynamic) -> Fallible<Text> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.clone());
    }
    value.as_char().map(|it| Text::from(it.encode_utf8(&mut [0; 4]) as &str)).map_err(|_| {
        let kind = number::kind_of(value);
        Failure::new("Text.Invalid", format!("{what} takes a string or a char, not {kind}")).into()
    })
}

fn trim(text: &Text, what: &str, set: &Dynamic, start: bool, end: bool) -> Fallible<Text> {
    let set = characters(what, set)?;
    let mut pace = Pace::default();
    let mut late = None;
    let mut is_one = |character: char| match pace.step(16 + set.len()) {
        Ok(()) => set.contains(character),
        Err(error) => {
            late = Some(error);
            false
        }
    };
    let mut part = text.as_str();
    if start {
        part = part.trim_start_matches(&mut is_one);
    }
    if end {
        part = part.trim_end_matches(&mut is_one);
    }
    match late {
        Some(error) => Err(error),
        None => Ok(part_of(text, part)),
    }
}

fn replace(text: Text, what: &str, find: &Dynamic, with: &Dynamic, most: usize) -> Fallible<Text> {
    let (find, with) = (sought(what, find)?, characters(what, with)?);
    let mut out = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices(find.as_str()).take(most) {
        grow::add(&mut out, &text[copied..at])?;
        grow::add(&mut out, &with)?;
        copied = at + find.len();
    }
    if copied == 0 {
        return Ok(text);
    }
    grow::add(&mut out, &text[copied..])?;
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    #[test]
    fn the_text_itself_stays_as_it_is() {
        gives(
            "let a = \" x \"; [a.trimmed(), a.replaced(\"x\", \"y\"), a.truncated(2), a.reversed(), a]",
            r#"["x"," y "," x"," x "," x "]"#,
        );
    }

    #[test]
    fn ends_are_cut_by_characters() {
        gives(
            "[\"\".trimmed(), \"  \".trimmed(), \"éaé\".trimmed(\"é\"), \"aé\".trimmed_end('é')]",
            r#"["","","a","a"]"#,
        );
        gives(
            "[\"aaa\".trimmed(\"a\"), \"abc\".trimmed(\"\"), \"x\\u{a0}\".trimmed()]",
            r#"["","abc","x"]"#,
        );
        gives(
            "[\"aa\".without_prefix(\"a\"), \"a\".without_suffix(\"ab\"), \"\".without_prefix(\"\")]",
            r#"["a","a",""]"#,
        );
        fails("\"a\".trimmed(1)", "trimmed takes a string or a char, not an int");
    }

    #[test]
    fn parts_are_replaced_once_each() {
        gives(
            "[\"aaa\".replaced(\"aa\", \"b\"), \"aba\".replaced(\"a\", \"aa\"), \"a\".replaced(\"x\", \"y\")]",
            r#"["ba","aabaa","a"]"#,
        );
        gives(
            "[\"üa\".replaced('ü', \"ue\"), \"aa\".replaced_first(\"a\", \"\"), \"\".replaced(\"a\", \"b\")]",
            r#"["uea","a",""]"#,
        );
        fails("\"a\".replaced(\"\", \"b\")", "an empty text is everywhere");
        fails("\"a\".replaced(\"a\", ())", "not `()`");
        is_too_large("let t = \"aaaaaaaa\".repeat(1000); t.replaced(\"a\", t)");
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        gives(
            "[\"äöü\".truncated(2), \"äöü\".truncated(-1), \"äöü\".truncated(9223372036854775807)]",
            r#"["äö","","äöü"]"#,
        );
        gives(
            "[\"äöäö\".last_index_of(\"ä\"), \"äöäö\".count('ö'), \"äö\".first(), \"äö\".last()]",
            r#"[2,2,"ä","ö"]"#,
        );
        gives(
            "[\"\".last(), \"ß\".capitalize(), \"\".capitalize(), \"\".words(), \"\".reversed()]",
            r#"[null,"SS","",[],""]"#,
        );
        fails("\"a\".count(\"\")", "cannot be looked for");
    }
}
