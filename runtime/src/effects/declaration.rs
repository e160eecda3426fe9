//! The lines `//! allow: …` of a script, and what only looks like one.
//!
//! ```text
//! script      = [ "#!" rest ], { blank | comment | declaration }, first token, …
//! declaration = "//!", gap, "allow", gap, ":", item, { ",", item }, line end
//! item        = gap, ( "nothing" | "http" space host | "env" space name | "fs" space folder |
//!               "aws" space service ":" action [ space resource ] ), gap
//! gap         = { " " | tab }        space = gap with at least one
//! ```
//!
//! A declaration has its line for itself and ends with a line feed, which a carriage return may
//! stand before. Comments and strings are told apart as the engine's tokenizer does it. Whoever reads
//! a script has to see what it may reach, so a comment that would be taken for a declaration, and is
//! none, is an error.

use std::borrow::Cow;

use super::policy::Allowed;

/// What a script declares.
#[derive(Debug, Default)]
pub struct Declaration {
    /// The items of all lines; `None` without a line.
    pub items: Option<Vec<Item>>,
    /// The first line that is commented out.
    pub commented_out: Option<Malformed>,
}

/// One item of a declaration.
#[derive(Debug, Clone)]
pub struct Item {
    /// As it is written.
    pub text: String,
    /// The line, from one.
    pub line: usize,
    /// The column, in characters, from one.
    pub column: usize,
    /// What it allows; `None` for `nothing`.
    pub(super) allowed: Option<Allowed>,
}

/// A line of a script that should declare something and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The line, from one.
    pub line: usize,
    /// The column, in characters, from one.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What every item may be.
pub(super) const FORMS: &str = "it takes `http HOST`, `aws SERVICE:ACTION`, `env NAME`, `fs tmp`, `fs task` or `nothing`, with \
     commas between, as in `//! allow: http api.stripe.com, env STRIPE_KEY`";

const COMMENTED_OUT: &str = "this `allow` line is commented out and declares nothing";

impl Declaration {
    /// Reads what a main script declares.
    ///
    /// # Errors
    /// [`Malformed`] for a line that is not as the grammar wants it, stands where none counts, or
    /// would be taken for one.
    pub fn of(script: &str) -> Result<Self, Malformed> {
        let mut declared = Self::default();
        let mut lines = Lines { counted: 0, number: 1 };
        each_comment(script, |comment| declared.add(script, &comment, &mut lines))?;
        let items = declared.items.as_deref().unwrap_or_default();
        if let [_, _, ..] = items {
            if let Some(nothing) = items.iter().find(|item| item.allowed.is_none()) {
                return Err(Malformed {
                    line: nothing.line,
                    column: nothing.column,
                    message:
                        "`nothing` stands beside something that is allowed; leave one of them \
                              away"
                            .into(),
                });
            }
        }
        Ok(declared)
    }

    /// Checks that a module has none: what it reaches, its main script declares.
    ///
    /// # Errors
    /// [`Malformed`] for a line that is one, or would be taken for one.
    pub fn none_in_module(module: &str) -> Result<(), Malformed> {
        each_comment(module, |comment| {
            match comment.meaning() {
            Meaning::Remark | Meaning::CommentedOut(_) => Ok(()),
            Meaning::Declares(_) => Err(comment.wrong_at(
                module,
                comment.at,
                "an `allow` line of a module declares nothing; move it to the top of the main \
                 script",
            )),
            Meaning::LooksLike { at, .. } => Err(comment.wrong_at(
                module,
                at,
                "this looks like an `allow` line, which a module cannot have; move it to the top of \
                 the main script, or say it in other words",
            )),
        }
        })
    }

    fn add(&mut self, script: &str, comment: &Comment, lines: &mut Lines) -> Result<(), Malformed> {
        let list = match comment.meaning() {
            Meaning::Remark => return Ok(()),
            Meaning::CommentedOut(at) => {
                self.commented_out
                    .get_or_insert_with(|| comment.wrong_at(script, at, COMMENTED_OUT));
                return Ok(());
            }
            Meaning::LooksLike { at, begins } => {
                let place = match comment.is_line {
                    true => "",
                    false => " in a block comment",
                };
                let message = format!(
                    "this looks like an `allow` line and is none: it begins with `{begins}`{place}, \
                     not with `//! allow:`; write it so, on a line of its own at the top of the main \
                     script, or say it in other words"
                );
                return Err(comment.wrong_at(script, at, &message));
            }
            Meaning::Declares(list) => list,
        };
        let wrong = |message| Err(comment.wrong_at(script, comment.at, message));
        if !comment.is_above_code {
            return wrong("an `allow` line has to stand above the first statement of the script");
        }
        let before = &script[..comment.at];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        let is_alone = before[line..].trim_start_matches('\u{feff}').bytes().all(is_gap);
        if !is_alone {
            return wrong("an `allow` line has its line for itself; something stands before it");
        }
        let end = comment.at + comment.text.len();
        if script[end..].starts_with('\r') && !script[end..].starts_with("\r\n") {
            return wrong(
                "an `allow` line ends with a line feed; this one ends with a carriage return alone, \
                 where some programs show no new line",
            );
        }
        let items = self.items.get_or_insert_with(Vec::new);
        let number = lines.number_at(script, line);
        let mut at = comment.at + comment.text.len() - list.len();
        for part in list.split(',') {
            let text = part.trim_matches([' ', '\t']);
            let start = at + part.len() - part.trim_start_matches([' ', '\t']).len();
            at += part.len() + 1;
            let column = column(&script[line..start]);
            let allowed = Allowed::parse(text).map_err(|message| Malformed {
                line: number,
                column,
                message,
            })?;
            items.push(Item { text: text.to_owned(), line: number, column, allowed });
        }
        Ok(())
    }
}

/// Counts lines from where it counted last.
struct Lines {
    counted: usize,
    number: usize,
}

impl Lines {
    fn number_at(&mut self, script: &str, at: usize) -> usize {
        self.number += script[self.counted..at].matches('\n').count();
        self.counted = at;
        self.number
    }
}

fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The column of what stands behind this part of a line. A byte order mark takes none.
fn column(before: &str) -> usize {
    before.trim_start_matches('\u{feff}').chars().count() + 1
}

/// A line comment, or one line of a block comment.
#[derive(Debug, Clone, Copy)]
struct Comment<'a> {
    /// Where it begins in the script.
    at: usize,
    /// With the `//` or `/*` it begins with, without its line end.
    text: &'a str,
    /// Begins with `//`.
    is_line: bool,
    /// Is the first line of its comment.
    is_first: bool,
    /// No token stands before it.
    is_above_code: bool,
}

enum Meaning<'a> {
    /// Nothing that concerns us.
    Remark,
    /// The list of a declaration in the right form.
    Declares(&'a str),
    /// A declaration in a comment of its own, at this place in the script.
    CommentedOut(usize),
    /// What people would take for a declaration.
    LooksLike { at: usize, begins: String },
}

impl<'a> Comment<'a> {
    fn wrong_at(&self, script: &str, at: usize, message: &str) -> Malformed {
        let before = &script[..at];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Malformed {
            line: before.matches('\n').count() + 1,
            column: column(line),
            message: message.to_owned(),
        }
    }

    /// What it says, without what makes it a comment.
    fn inside(&self) -> &'a str {
        if self.is_first { &self.text[2..] } else { self.text }
    }

    fn meaning(&self) -> Meaning<'a> {
        let inside = self.inside();
        let exact = |text: &'a str| {
            let text = text.strip_prefix('!')?.trim_start_matches([' ', '\t']);
            text.strip_prefix("allow")?.trim_start_matches([' ', '\t']).strip_prefix(':')
        };
        if let Some(list) = exact(inside).filter(|_| self.is_line) {
            return Meaning::Declares(list);
        }
        let start = inside.find(|letter: char| letter.is_alphanumeric() && letter != CLICK);
        let (marks, rest) = inside.split_at(start.unwrap_or(inside.len()));
        // Most comments are told apart here.
        if !rest.starts_with(|first: char| "aA".contains(first) || !first.is_ascii()) {
            return Meaning::Remark;
        }
        let length = rest.find(ends_word).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(length);
        let is_alike = is_like(word, "allow");
        // What is quoted is spoken of.
        if marks.contains(['"', '\'', '`']) || !(is_alike || is_nearly(word)) {
            return Meaning::Remark;
        }
        let behind = behind.trim_start_matches(is_blank);
        let colon = behind.chars().next().filter(|&next| is_like_colon(next));
        let list = colon.map(|colon| &behind[colon.len_utf8()..]);
        let at = self.at + self.text.len() - inside.len();
        let opener = marks.rfind("//!").filter(|opener| marks[opener + 3..].bytes().all(is_gap));
        if let Some(opener) = opener.filter(|_| word == "allow" && colon == Some(':')) {
            return Meaning::CommentedOut(at + opener);
        }
        let is_of_ours = marks.contains(['!', '！', CLICK]);
        let seems_so = match list {
            Some(_) if is_of_ours && is_alike && is_latin(word) => true,
            Some(list) => (is_of_ours || is_alike) && begins_an_item(list),
            None => {
                let list = behind.trim_start_matches(|next: char| !next.is_alphanumeric());
                is_of_ours && is_alike && begins_an_item(list)
            }
        };
        if !seems_so {
            return Meaning::Remark;
        }
        let end = self.text.len() - list.map_or(rest.len() - word.len(), str::len);
        let white = self.text.len() - self.text.trim_start_matches(is_blank).len();
        let begins = shown(&self.text[white..end]);
        let begins = begins
            .chars()
            .map(|letter| match letter {
                ' '..='~' | '…' => letter.to_string(),
                other => other.escape_default().to_string(),
            })
            .collect();
        Meaning::LooksLike { at: self.at + white, begins }
    }
}

/// As much of a text as a message has room for.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

const LONGEST_SHOWN: usize = 100;

/// A letter that looks like `!`.
const CLICK: char = '\u{1c3}';

/// Letters that look like a colon; most others that do are no letters.
const LIKE_COLON: [char; 2] = ['\u{2d0}', '\u{2d1}'];

fn is_like_colon(next: char) -> bool {
    matches!(next, ':' | ';' | '=')
        || LIKE_COLON.contains(&next)
        || !(next.is_ascii() || next.is_alphanumeric())
}

/// White space of any kind, and what shows nothing at all.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || is_invisible(letter)
}

fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}' | '\u{300}'..='\u{36f}')
}

fn ends_word(letter: char) -> bool {
    let goes_on = letter.is_alphanumeric() || matches!(letter, '_' | '|') || is_invisible(letter);
    !goes_on || LIKE_COLON.contains(&letter)
}

fn is_latin(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii() || is_invisible(letter))
}

/// Whether a word would be read as this one: by its letters in any case, digits that look like them,
/// and letters of other scripts, of which any may.
fn is_like(word: &str, wanted: &str) -> bool {
    let mut wanted = wanted.chars();
    let are_alike = word.chars().filter(|&letter| !is_invisible(letter)).all(|letter| {
        wanted.next().is_some_and(|wanted| {
            letter.eq_ignore_ascii_case(&wanted)
                || !letter.is_ascii()
                || matches!((wanted, letter), ('l', '1' | 'I' | '|') | ('o', '0'))
        })
    });
    are_alike && wanted.next().is_none()
}

/// Whether a word is `allow` with an ending or one slip.
fn is_nearly(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let (word, wanted) = (word.as_bytes(), b"allow");
    if word.starts_with(wanted) {
        return word.len() <= wanted.len() + 3;
    }
    let same = word.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let (word, wanted) = (&word[same..], &wanted[same..]);
    word == wanted.get(1..).unwrap_or_default()
        || word.get(1..) == Some(wanted)
        || word.len() == wanted.len()
            && (word.get(1..) == wanted.get(1..)
                || word.get(2..) == wanted.get(2..)
                    && word.len() > 1
                    && (word[0], word[1]) == (wanted[1], wanted[0]))
}

/// Whether a list begins with an item, as far as people see it, and not with a sentence.
fn begins_an_item(list: &str) -> bool {
    let list = list.trim_start_matches(|next: char| is_blank(next) || "\"'`".contains(next));
    let length = list.find(ends_word).unwrap_or(list.len());
    let (kind, behind) = list.split_at(length);
    let value = behind.trim_start_matches(is_blank);
    let end = value.find(|next: char| is_blank(next) || ",;\"'`".contains(next));
    let is_apart = value.len() < behind.len();
    let value = value[..end.unwrap_or(value.len())].trim_end_matches("*/");
    let value = value.trim_end_matches(['.', ')']);
    let is_kind = |wanted| is_like(kind, wanted);
    if is_kind("nothing") {
        return !value.starts_with(char::is_alphanumeric);
    }
    if !is_apart || value.is_empty() {
        return false;
    }
    if !kind.is_ascii() || !value.is_ascii() {
        return ["http", "https", "env", "fs", "aws"].into_iter().any(is_kind);
    }
    if is_kind("aws") {
        value.contains(':')
    } else if is_kind("http") || is_kind("https") {
        value.contains(['.', ':', '*']) || value == "localhost"
    } else if is_kind("env") {
        value.contains(['*', '_']) || !value.contains(|letter: char| letter.is_ascii_lowercase())
    } else {
        is_kind("fs") && ["tmp", "task", "/tmp"].contains(&value)
    }
}

/// Shows each line of each comment, in the order of the script.
///
/// Where the engine finds no end or no token, it refuses the script; the rest is not looked at.
fn each_comment<'a>(
    script: &'a str,
    mut see: impl FnMut(Comment<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let bytes = script.as_bytes();
    let next = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let mut at = if script.starts_with('\u{feff}') { 3 } else { 0 };
    let mut is_above_code = true;
    // How many braces are open in the script between the strings, for each string it is in.
    let mut strings: Vec<usize> = Vec::new();
    let mut braces = 0usize;
    if script[at..].starts_with("#!") {
        at = line_end(bytes, at);
    }
    while let Some(&byte) = bytes.get(at) {
        match (byte, next(at + 1)) {
            (b' ' | b'\t' | b'\n' | b'\r' | 0x0C, _) => at += 1,
            (b'/', b'/') => {
                let end = line_end(bytes, at);
                let text = &script[at..end];
                see(Comment { at, text, is_line: true, is_first: true, is_above_code })?;
                at = end;
            }
            (b'/', b'*') => {
                let end = block_end(bytes, at);
                let mut begin = at;
                for text in script[at..end].split(['\n', '\r']) {
                    let is_first = begin == at;
                    see(Comment { at: begin, text, is_line: false, is_first, is_above_code })?;
                    begin += text.len() + 1;
                }
                at = end;
            }
            _ => {
                is_above_code = false;
                let end = match (byte, next(at + 1)) {
                    (b'"' | b'\'', _) => string_end(bytes, at),
                    (b'`', _) => {
                        let end = template_end(bytes, at + 1);
                        if end.is_some_and(|end| next(end - 1) == b'{') {
                            strings.push(std::mem::replace(&mut braces, 0));
                        }
                        end
                    }
                    (b'#', b'"' | b'#') => raw_end(bytes, at),
                    (b'{', _) => {
                        braces += 1;
                        Some(at + 1)
                    }
                    (b'}', _) if braces == 0 && !strings.is_empty() => {
                        let end = template_end(bytes, at + 1);
                        if end.is_some_and(|end| next(end - 1) != b'{') {
                            braces = strings.pop().unwrap_or_default();
                        }
                        end
                    }
                    (b'}', _) => {
                        braces = braces.saturating_sub(1);
                        Some(at + 1)
                    }
                    _ => Some(at + 1),
                };
                let Some(end) = end else { return Ok(()) };
                at = end;
            }
        }
    }
    Ok(())
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let length = bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    length.map_or(bytes.len(), |length| at + length)
}

/// Block comments are nested.
fn block_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Behind a string or a character, whose quote doubled is one of its letters.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            // A line feed goes on behind `\` only.
            b'\n' => return None,
            b'\\' => at += if bytes[at + 1..].starts_with(b"\r\n") { 3 } else { 2 },
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Behind the part of a template that begins here: behind its end, or behind `${`.
fn template_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (b'\\', Some(b'$')) if bytes.get(at + 2) == Some(&b'{') => at += 3,
            (b'$', Some(b'{')) => return Some(at + 2),
            (b'`', Some(b'`')) => at += 2,
            (b'`', _) => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Behind a raw string: `#"…"#`, with as many `#` behind as before.
fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start..].iter().take_while(|&&byte| byte == b'#').count();
    let mut at = start + hashes;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    loop {
        at += 1;
        if *bytes.get(at)? == b'"' {
            let behind = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
            if behind >= hashes {
                return Some(at + 1 + hashes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        let items = Declaration::of(script).unwrap_or_else(|wrong| panic!("{script:?}: {wrong:?}"));
        items.items.unwrap_or_default().into_iter().map(|item| item.text).collect()
    }

    #[test]
    fn declarations_stand_above_the_first_token() {
        for (script, expected) in [
            ("//! allow: env A", &["env A"][..]),
            ("//!allow:env A,fs tmp", &["env A", "fs tmp"]),
            ("//!\tallow\t:\tenv\tA\t,\tfs tmp \r\nfn f() { }", &["env\tA", "fs tmp"]),
            ("\u{feff}//! allow: env A", &["env A"]),
            ("#!/opt/bootstrap\n\n  //! allow: env A\n", &["env A"]),
            ("\u{feff}#!/usr/bin/rhai\n//! allow: env A", &["env A"]),
            (
                "/* a /* b */\n c */\n// d\n\t//! allow: env A\n//! allow: env B",
                &["env A", "env B"],
            ),
            ("/**/\n//! allow: env A", &["env A"]),
            ("/*/\n*/\n//! allow: env A", &["env A"]),
            ("/* /*/ */ */\n//! allow: env A", &["env A"]),
            ("//! allow: nothing", &["nothing"]),
        ] {
            assert_eq!(texts(script), expected, "{script:?}");
        }
        assert!(Declaration::of("fn f() { }").unwrap().items.is_none());
    }

    #[test]
    fn what_is_commented_out_or_text_declares_nothing() {
        for (script, is_told) in [
            ("/*\n//! allow: http *:*\n*/", true),
            ("/* /* /*\n//! allow: http *:*\n*/ */ */ fn f() { }", true),
            ("/*\n * //! allow: http *:*\n */", true),
            ("/* //! allow: http *:* */", true),
            ("// //! allow: http *:*", true),
            ("////! allow: http *:*", true),
            ("/* not closed\n//! allow: http *:*", true),
            ("let a = `\n//! allow: http *:*\n`;", false),
            ("let a = \"\\\n//! allow: http *:*\";", false),
            ("let a = #\"\n\"\n//! allow: http *:*\n\"#;", false),
            ("let a = ##\"\n\"#\n//! allow: http *:*\n\"##;", false),
            ("let a = `${`\n//! allow: http *:*\n`}`;", false),
            ("let a = `${#{a: \"}\"}}\n//! allow: http *:*\n`;", false),
            ("let a = `\\${ ``\n//! allow: http *:*\n`;", false),
            ("let a = '\\''; let b = `\n//! allow: http *:*`;", false),
            ("let a = \"\\\"\" + `\n//! allow: http *:*`;", false),
        ] {
            let declared =
                Declaration::of(script).unwrap_or_else(|it| panic!("{script:?}: {it:?}"));
            assert!(declared.items.is_none(), "{script:?}");
            assert_eq!(declared.commented_out.is_some(), is_told, "{script:?}");
        }
    }

    #[test]
    fn a_line_that_looks_like_one_and_is_none_is_an_error_with_its_place() {
        for (script, line, column) in [
            ("//! Allow: nothing", 1, 1),
            ("//! ALLOW: nothing", 1, 1),
            ("/// allow: nothing", 1, 1),
            ("//!! allow: nothing", 1, 1),
            ("//! ! allow: whatever", 1, 1),
            ("/*! allow: nothing */", 1, 1),
            ("/** allow: fs tmp*/", 1, 1),
            ("/*\n * allow: nothing\n */", 2, 2),
            ("/*!\n  allow: http a.org\n*/", 2, 3),
            ("/* a */ //! allow: nothing", 1, 9),
            ("let x = 1; //! allow: nothing", 1, 12),
            ("fn f() {\n  //! allow: nothing\n}", 2, 3),
            ("let x = `${ 1 //! allow: nothing\n}`;", 1, 15),
            ("let x = `${ `a` }` //! allow: nothing\n;", 1, 20),
            ("let x = `a`; //! allow: nothing", 1, 14),
            ("let x = #\"a\"#; //! allow: nothing", 1, 16),
            ("let x = '\\''; //! allow: nothing", 1, 15),
            ("/* */ fn other() { 1 }\n//! allow: nothing", 2, 1),
            ("// allow: nothing", 1, 1),
            ("#! /bin/x\n// allow: http api.stripe.com", 2, 1),
            ("//allow: env STRIPE_KEY", 1, 1),
            ("// allow: fs tmp, and more", 1, 1),
            ("//! allow nothing", 1, 1),
            ("//! allow; nothing", 1, 1),
            ("//! allow = env A", 1, 1),
            ("//! allow - http a.org", 1, 1),
            ("//! allows: http a.org", 1, 1),
            ("//! allowed: nothing", 1, 1),
            ("//! alow: nothing", 1, 1),
            ("//! alolw: nothing", 1, 1),
            ("//! al1ow: nothing", 1, 1),
            ("//! aIlow: nothing", 1, 1),
            ("//!\u{a0}allow: nothing", 1, 1),
            ("//!\u{3000}allow: nothing", 1, 1),
            ("//!\u{200b}allow: nothing", 1, 1),
            ("//! allow\u{200b}: nothing", 1, 1),
            ("//! al\u{200d}low: what", 1, 1),
            ("//! \u{430}llow: nothing", 1, 1),
            ("//! all\u{43e}w: env A", 1, 1),
            ("//! \u{ff41}\u{ff4c}\u{ff4c}\u{ff4f}\u{ff57}: nothing", 1, 1),
            ("//! allow\u{ff1a} nothing", 1, 1),
            ("//! allow\u{2236} nothing", 1, 1),
            ("//! allow\u{2d0} nothing", 1, 1),
            ("//\u{1c3} allow: nothing", 1, 1),
            ("//\u{ff01} allow: nothing", 1, 1),
            ("//! allow: \u{43d}othing", 1, 12),
            ("//! allow: env A\rlet x = 1;", 1, 1),
            ("// a\r//! allow: env A", 1, 6),
            (&*format!("//{}! allow: nothing", "-".repeat(100_000)), 1, 1),
            (&*format!("//! allow: fs {}", "x".repeat(100_000)), 1, 12),
            ("/* a */\r//! allow: env A", 1, 9),
        ] {
            let wrong = Declaration::of(script).err();
            let wrong = wrong.unwrap_or_else(|| panic!("{script:?} is taken"));
            assert_eq!((wrong.line, wrong.column), (line, column), "{script:?}: {}", wrong.message);
            assert!(wrong.message.len() < 1000);
        }
    }

    #[test]
    fn ordinary_remarks_are_left_alone() {
        for remark in [
            "// allow: it",
            "// Allow: http and https are both fine",
            "// allow: env vars are read below",
            "// Allow http calls",
            "// allow nothing to be lost",
            "// allow: nothing else matters",
            "// allow: fs access",
            "/// Allow: the roles that may call",
            "//! Allow lists are checked first.",
            "//! Allows http calls to anywhere.",
            "//! allow http traffic",
            "//! Uses: env STRIPE_KEY, http api.stripe.com",
            "//! trigger: sqs",
            "//! \u{412}\u{44b}\u{432}\u{43e}\u{434}: all",
            "// `//! allow: http api.stripe.com` is what it takes",
            "// the line `//! allow: nothing` means nothing",
            "// see //! allow: nothing",
            "// disallow: nothing",
            "/* allow, deny: http */",
        ] {
            for script in [remark.to_owned(), format!("fn f() {{ }}\n{remark}")] {
                let read = Declaration::of(&script);
                assert!(
                    read.as_ref().is_ok_and(|it| it.items.is_none() && it.commented_out.is_none()),
                    "{script:?}: {read:?}"
                );
            }
        }
    }

    #[test]
    fn a_module_has_none() {
        for module in [
            "//! allow: nothing\nfn f() { }",
            "fn f() { }\n//! allow: http *",
            "//! Allow: nothing",
            "// allow: nothing",
        ] {
            let said = Declaration::none_in_module(module).unwrap_err().message;
            assert!(said.contains("move it to the top of the main script"), "{said}");
        }
        for module in ["fn f() { }", "// allow: it", "/*\n//! allow: nothing\n*/"] {
            assert!(Declaration::none_in_module(module).is_ok(), "{module}");
        }
    }

    #[test]
    fn a_script_of_megabytes_is_read_in_no_time() {
        let started = std::time::Instant::now();
        let many = "//! allow: env A\n".repeat(100_000);
        assert_eq!(texts(&many).len(), 100_000);
        let deep = "`${".repeat(300_000);
        assert!(texts(&deep).is_empty());
        let comments = format!("{}{}", "/*".repeat(500_000), "*/".repeat(500_000));
        assert!(texts(&comments).is_empty());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
