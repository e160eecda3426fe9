//! `text`: what the language's own functions for text leave out. Lengths count characters.

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, INT, ImmutableString};

use super::native::exported;
use super::{Part, grow};
use crate::bounds::{Bounded, Pace, room_for};
use crate::natives::{fill as fill_up, filling_bytes};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["text"], register };

type Text = ImmutableString;

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("text", "Text.Invalid", engine, vocabulary);
}

/// What the language's own functions for text leave out. Lengths count characters.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// The text, filled up at its start to a length with spaces.
    ///
    /// ```rhai
    /// text::pad_start("7", 3); // => "  7"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn pad_start(text: Text, length: INT) -> Bounded<Text> {
        pad(text, length, " ", false)
    }

    /// The text, filled up at its start to a length with other text, again and again.
    ///
    /// ```rhai
    /// text::pad_start("7", 3, '0'); // => "007"
    /// ```
    #[rhai_fn(name = "pad_start", return_raw)]
    pub fn pad_start_with(text: Text, length: INT, fill: Dynamic) -> Bounded<Text> {
        pad(text, length, &filling(&fill)?, false)
    }

    /// The text, filled up at its end to a length with spaces.
    ///
    /// ```rhai
    /// text::pad_end("ab", 4); // => "ab  "
    /// text::pad_end("long", 2); // => "long"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn pad_end(text: Text, length: INT) -> Bounded<Text> {
        pad(text, length, " ", true)
    }

    /// The text, filled up at its end to a length with other text, again and again.
    ///
    /// ```rhai
    /// text::pad_end("ab", 5, "-="); // => "ab-=-"
    /// ```
    #[rhai_fn(name = "pad_end", return_raw)]
    pub fn pad_end_with(text: Text, length: INT, fill: Dynamic) -> Bounded<Text> {
        pad(text, length, &filling(&fill)?, true)
    }

    /// At most so many characters, `…` at their end included where something is cut off.
    ///
    /// ```rhai
    /// text::truncate("a long story", 7); // => "a long…"
    /// text::truncate("short", 5); // => "short"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn truncate(text: Text, length: INT) -> Bounded<Text> {
        super::truncate(text, length, "…")
    }

    /// At most so many characters, this ellipsis at their end included where something is cut off.
    ///
    /// ```rhai
    /// text::truncate("a long story", 7, "..."); // => "a lo..."
    /// ```
    #[rhai_fn(name = "truncate", return_raw)]
    pub fn truncate_with(text: Text, length: INT, ellipsis: &str) -> Bounded<Text> {
        super::truncate(text, length, ellipsis)
    }

    /// The text for a URL or a file name: lower-case words joined by `-`, Latin
    /// letters without their accents.
    ///
    /// ```rhai
    /// text::slug("Crème Brûlée, für 2!"); // => "creme-brulee-fur-2"
    /// text::slug("  Straße & Øl  "); // => "strasse-ol"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn slug(text: &str) -> Bounded<Text> {
        super::slug(text)
    }

    /// Each word with its first letter in upper case and the others in lower case;
    /// words are apart by white space or `-`.
    ///
    /// ```rhai
    /// text::title("the qUICK-brown fox's"); // => "The Quick-Brown Fox's"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn title(text: &str) -> Bounded<Text> {
        super::title(text)
    }

    /// The text for between tags and for quoted attributes of HTML.
    ///
    /// ```rhai
    /// text::escape_html("<a href=\"x\">Tom & 'Jo'"); // => "&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Jo&#39;"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn escape_html(text: Text) -> Bounded<Text> {
        super::escape_html(text)
    }

    /// The text behind HTML's `&lt;`, `&gt;`, `&amp;`, `&quot;`, `&apos;`,
    /// `&nbsp;` and the characters by number; others stay as they are.
    ///
    /// ```rhai
    /// text::unescape_html("&lt;b&gt; &#39;&#x20AC;&#39; &amp;amp; &c;"); // => "<b> '€' &amp; &c;"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn unescape_html(text: Text) -> Bounded<Text> {
        super::unescape_html(text)
    }

    /// The lines, without their ends `\n` or `\r\n`; no empty one after the last
    /// end.
    ///
    /// ```rhai
    /// text::lines("a\r\n\nb\n"); // => ["a", "", "b"]
    /// text::lines(""); // => []
    /// ```
    #[rhai_fn(return_raw)]
    pub fn lines(text: &str) -> Bounded<Array> {
        super::lines(text)
    }

    /// The text so many times; nothing for 0 or less.
    ///
    /// ```rhai
    /// text::repeat("ab", 3); // => "ababab"
    /// text::repeat("ab", -1); // => ""
    /// ```
    #[rhai_fn(return_raw)]
    pub fn repeat(text: &str, times: INT) -> Bounded<Text> {
        super::repeat(text, times)
    }

    /// The text without the white space that all its lines start with; lines of
    /// nothing else become empty.
    ///
    /// ```rhai
    /// text::dedent("  a\n    b\n \n  c"); // => "a\n  b\n\nc"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn dedent(text: &str) -> Bounded<Text> {
        super::dedent(text)
    }

    /// Whether there is nothing but white space.
    ///
    /// ```rhai
    /// text::is_blank(" \t\n"); // => true
    /// text::is_blank("."); // => false
    /// ```
    pub fn is_blank(text: &str) -> bool {
        super::is_blank(text)
    }
}

pub(super) fn pad(text: Text, length: INT, fill: &str, at_end: bool) -> Bounded<Text> {
    let missing = sized(length).saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(text);
    }
    if fill.is_empty() {
        return Err(format!(
            "the fill is empty, but {missing} characters are missing up to a length of {length}"
        )
        .into());
    }
    room_for(missing, fill.chars().map(char::len_utf8).max().unwrap_or(1))?;
    room_for(text.len(), 2)?;
    let mut out = String::with_capacity(text.len() + filling_bytes(missing, fill));
    if at_end {
        out.push_str(&text);
    }
    fill_up(&mut out, missing, fill)?;
    if !at_end {
        out.push_str(&text);
    }
    Ok(out.into())
}

fn truncate(text: Text, length: INT, ellipsis: &str) -> Bounded<Text> {
    let length = sized(length);
    let byte_at = |text: &str, character: usize| text.char_indices().nth(character).map(|at| at.0);
    if byte_at(&text, length).is_none() {
        return Ok(text);
    }
    let ellipsis = &ellipsis[..byte_at(ellipsis, length).unwrap_or(ellipsis.len())];
    let end = byte_at(&text, length - ellipsis.chars().count()).unwrap_or(0);
    room_for(end + ellipsis.len(), 1)?;
    Ok([&text[..end], ellipsis].concat().into())
}

fn slug(text: &str) -> Bounded<Text> {
    room_for(text.len(), 3)?;
    let mut out = String::with_capacity(text.len());
    let mut between = false;
    let mut pace = Pace::default();
    for character in text.chars() {
        pace.step(4)?;
        // An accent of its own, or an apostrophe within a word, is left out.
        if ('\u{300}'..='\u{36f}').contains(&character) || matches!(character, '\'' | '’') {
            continue;
        }
        if !character.is_alphanumeric() {
            between = true;
            continue;
        }
        if between && !out.is_empty() {
            out.push('-');
        }
        between = false;
        for lower in character.to_lowercase() {
            match plain(lower) {
                Some(plain) => out.push_str(plain),
                None if ('\u{300}'..='\u{36f}').contains(&lower) => {}
                None => out.push(lower),
            }
        }
    }
    Ok(out.into())
}

/// A lower-case Latin letter with an accent (Unicode's Latin-1 Supplement and Latin Extended-A), or
/// made of two, in plain ones.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĳ' => "ij",
        'ĵ' => "j",
        'ķ' | 'ĸ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŉ' | 'ŋ' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ſ' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

pub(super) fn title(text: &str) -> Bounded<Text> {
    room_for(text.len(), 3)?;
    let mut out = String::with_capacity(text.len());
    let mut is_first = true;
    let mut pace = Pace::default();
    for character in text.chars() {
        pace.step(4)?;
        match is_first {
            true => out.extend(character.to_uppercase()),
            false => out.extend(character.to_lowercase()),
        }
        is_first = character.is_whitespace() || character == '-';
    }
    Ok(out.into())
}

fn escape_html(text: Text) -> Bounded<Text> {
    let special = |byte: &u8| b"&<>\"'".contains(byte);
    let specials = text.bytes().filter(special).count();
    if specials == 0 {
        return Ok(text);
    }
    room_for(specials * 5 + text.len(), 2)?;
    let mut out = String::with_capacity(specials * 5 + text.len());
    let mut pace = Pace::default();
    for character in text.chars() {
        pace.step(1)?;
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    Ok(out.into())
}

fn unescape_html(text: Text) -> Bounded<Text> {
    if !text.contains('&') {
        return Ok(text);
    }
    room_for(text.len(), 2)?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut pace = Pace::default();
    while let Some((before, after)) = rest.split_once('&') {
        pace.step(16 + before.len())?;
        out.push_str(before);
        // The longest is `&#x10ffff;`, maybe with zeros before it.
        let end = after.bytes().take(16).position(|byte| byte == b';');
        let character = end.and_then(|end| entity(&after[..end]));
        out.push(character.unwrap_or('&'));
        rest = match (end, character) {
            (Some(end), Some(_)) => &after[end + 1..],
            _ => after,
        };
    }
    out.push_str(rest);
    Ok(out.into())
}

/// The character that stands between `&` and `;`.
fn entity(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let digits = name.strip_prefix('#')?;
            let (digits, radix) = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => (digits, 16),
                None => (digits, 10),
            };
            if !digits.starts_with(|first: char| first.is_digit(radix)) {
                return None;
            }
            let number = u32::from_str_radix(digits, radix).ok()?;
            // HTML: what is no character is replaced.
            char::from_u32(number).filter(|&c| c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER)
        }
    })
}

pub(super) fn lines(text: &str) -> Bounded<Array> {
    let count = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    room_for(count, size_of::<Dynamic>() + 48)?;
    room_for(text.len(), 1)?;
    let mut pace = Pace::default();
    text.lines()
        .map(|line| {
            pace.step(64 + line.len())?;
            Ok(ImmutableString::from(line).into())
        })
        .collect()
}

pub(super) fn repeat(text: &str, times: INT) -> Bounded<Text> {
    if text.is_empty() {
        return Ok(Text::new());
    }
    room_for(sized(times), text.len())?;
    let mut out = String::with_capacity(text.len() * sized(times));
    fill_up(&mut out, text.chars().count() * sized(times), text)?;
    Ok(out.into())
}

fn dedent(text: &str) -> Bounded<Text> {
    room_for(text.len(), 2)?;
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut common: Option<&str> = None;
    let mut pace = Pace::default();
    for line in text.lines() {
        pace.step(64 + 2 * line.len())?;
        if is_blank(line) {
            continue;
        }
        let own = &line[..indent(line)];
        let shared = common.unwrap_or(own);
        let length =
            shared.bytes().zip(own.bytes()).take_while(|(one, other)| one == other).count();
        common = Some(&shared[..length]);
    }
    let common = common.map_or(0, str::len);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        pace.step(64 + 2 * line.len())?;
        let end = line.trim_end_matches(['\r', '\n']).len();
        let (content, end) = line.split_at(end);
        if !is_blank(content) {
            out.push_str(&content[common..]);
        }
        out.push_str(end);
    }
    Ok(out.into())
}

pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What text is filled up with.
pub(super) fn filling(fill: &Dynamic) -> Bounded<Text> {
    grow::scalar(fill)
        .map(Option::unwrap_or_default)
        .map_err(|kind| format!("the fill has to be text, not {kind}").into())
}

/// A count as the script gave it; none below zero.
pub(super) fn sized(count: INT) -> usize {
    usize::try_from(count.max(0)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    #[test]
    fn padding_counts_characters() {
        gives("text::pad_start(\"ü\", 3, \"→.\")", "\"→.ü\"");
        gives("text::pad_end(\"\", 2)", "\"  \"");
        gives("[text::pad_end(\"a\", -5, \"\"), text::pad_start(\"a\", 1, \"\")]", r#"["a","a"]"#);
        fails("text::pad_end(\"a\", 3, \"\")", "the fill is empty");
        is_too_large("text::pad_end(\"a\", 9223372036854775807)");
        is_too_large("text::pad_start(\"a\", 600000, 'ü')");
    }

    #[test]
    fn truncating_never_gives_more_than_asked_for() {
        gives("text::truncate(\"üöä\", 2)", "\"ü…\"");
        gives("text::truncate(\"üöä\", 0)", "\"\"");
        gives("text::truncate(\"üöä\", -1)", "\"\"");
        gives("text::truncate(\"üöäß\", 2, \"....\")", "\"..\"");
        gives("text::truncate(\"üöä\", 2, \"\")", "\"üö\"");
        gives("text::truncate(\"\", 0)", "\"\"");
        gives("text::truncate(\"a\", 9223372036854775807)", "\"a\"");
    }

    #[test]
    fn slugs_have_no_accents_and_no_stray_hyphens() {
        gives("text::slug(\"---\")", "\"\"");
        gives("text::slug(\"İzmir Łódź l'été\")", "\"izmir-lodz-lete\"");
        gives("text::slug(\"e\\u0301te\\u0301\")", "\"ete\"");
        gives("text::slug(\"北京 2024\")", "\"北京-2024\"");
    }

    #[test]
    fn a_title_may_grow() {
        gives("text::title(\"ßa  éA\\tx\")", "\"SSa  Éa\\tX\"");
        gives("text::title(\"\")", "\"\"");
    }

    #[test]
    fn html_comes_back_and_strange_entities_do_no_harm() {
        gives("text::unescape_html(text::escape_html(\"<&>\\\"'ü&amp;\"))", r#""<&>\"'ü&amp;""#);
        gives("text::unescape_html(\"&\")", "\"&\"");
        gives("text::unescape_html(\"&;&#;&#x;&#-1;&#+1;&lt\")", "\"&;&#;&#x;&#-1;&#+1;&lt\"");
        gives("text::unescape_html(\"&#0;&#xD800;&#x110000;\")", "\"\u{fffd}\u{fffd}\u{fffd}\"");
        gives("text::unescape_html(\"&üüüüüüüüü;&amp;\")", "\"&üüüüüüüüü;&\"");
        is_too_large("text::escape_html(text::repeat(\"<\", 300000))");
    }

    #[test]
    fn repeating_is_bounded() {
        gives("text::repeat(\"\", 9223372036854775807)", "\"\"");
        is_too_large("text::repeat(\"ab\", 9223372036854775807)");
        is_too_large("text::repeat(\"ab\", 600000)");
        is_too_large("text::lines(text::repeat(\"\\n\", 100000))");
    }

    #[test]
    fn dedenting_takes_what_all_lines_share() {
        gives("text::dedent(\"\\n\\t a\\r\\n\\t b\\n\")", "\"\\na\\r\\nb\\n\"");
        gives("text::dedent(\"\\ta\\n  b\")", "\"\\ta\\n  b\"");
        gives("text::dedent(\"\")", "\"\"");
    }
}
