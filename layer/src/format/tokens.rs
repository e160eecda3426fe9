//! A script as tokens, of which nothing is lost: comments and the text of literals are among them.
//!
//! The rules are those of the engine's own tokenizer, down to where `-1` is one token and where it is
//! two. A script that the engine takes is cut as the engine cuts it.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `// …`, `/* … */`, or a first line that begins with `#!`.
    Comment,
    /// A name or a keyword.
    Word,
    Number,
    /// A string of any sort, with what is interpolated, or a character.
    Text,
    /// An operator, a bracket or a separator.
    Symbol,
}

/// A token and the white space before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// How many lines end between the token before and this one.
    pub(crate) line_ends: usize,
    /// Whether there is any white space before it.
    pub(crate) is_apart: bool,
    /// How many characters stand before it in its line.
    pub(crate) column: usize,
    /// The lines in it that go on a string after `\`.
    pub(crate) continued: Vec<Continued>,
}

/// A line that goes on a string after `\`. The engine skips its white space up to the column in which
/// the string begins, so the string's value depends on where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Continued {
    /// Where it begins in the text of the token.
    pub(crate) at: usize,
    /// Its number in the token; the first line has 0.
    pub(crate) line: usize,
    /// The number of the line in which the string begins.
    pub(crate) begins: usize,
}

/// Longer ones first. Some are only there to be refused by the engine with a better message.
const SYMBOLS: [&str; 43] = [
    "<<=", ">>=", "**=", "..=", "...", "===", "!==", "::<", "?.", "?[", "??", "=>", "::", "#{",
    "**", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
    "^=", "..", "->", "<-", "++", "--", ":=", ":;", "(*", "*)", "<|", "|>", "!.",
];

/// Cuts a script.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    tokens_after(source, None)
}

/// Cuts what stands behind a token.
pub(crate) fn tokens_after<'a>(source: &'a str, before: Option<&Token>) -> Vec<Token<'a>> {
    let mut cutter = Cutter::new(source);
    cutter.may_be_negative = before.is_none_or(may_be_negative_after);
    std::iter::from_fn(|| cutter.next_token()).collect()
}

/// Shows the tokens of a script one by one, without keeping any, until it is told to stop.
pub(crate) fn each_token<'a>(source: &'a str, mut on_token: impl FnMut(Kind, &'a str) -> bool) {
    let mut cutter = Cutter::new(source);
    while let Some(token) = cutter.next_token() {
        cutter.comments.clear();
        if !on_token(token.kind, token.text) {
            return;
        }
    }
}

/// The same script of the same length with comments that say nothing to anybody. The engine of the
/// tool reads documentation, which it takes before functions only; that of `bootstrap` does not.
pub(crate) fn without_documentation(source: &str) -> String {
    let mut cutter = Cutter::new(source);
    while cutter.next_token().is_some() {}
    let mut plain = source.to_owned();
    for at in cutter.comments {
        let comment = &source[at..];
        if comment.starts_with("/**/") {
            plain.replace_range(at..at + 4, "    ");
            continue;
        }
        if comment.starts_with("#!") {
            plain.replace_range(at..at + 2, "//");
        }
        let is_documentation = match comment.starts_with("/*") {
            true => comment[2..].starts_with('*'),
            false => comment[2..].starts_with(['/', '!']),
        };
        if is_documentation {
            plain.replace_range(at + 2..at + 3, " ");
        }
    }
    plain
}

/// Whether the engine takes `-` and digits behind this token for one number. It is not all places
/// where only a sign makes sense: behind `=>` it is none.
fn may_be_negative_after(token: &Token) -> bool {
    match token.kind {
        Kind::Word => {
            matches!(token.text, "if" | "while" | "until" | "in" | "return" | "throw")
        }
        Kind::Symbol => !matches!(token.text, ")" | "]" | "}" | "=>" | "::" | "." | "?." | "#{"),
        _ => false,
    }
}

impl Token<'_> {
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Symbol | Kind::Word) && self.text == text
    }

    /// Whether it ends with its line, so that nothing can follow.
    pub(crate) fn is_line_comment(&self) -> bool {
        self.kind == Kind::Comment && !self.text.starts_with("/*")
    }

    /// The text without the white space that may change.
    pub(crate) fn essence(&self) -> String {
        match self.kind {
            Kind::Comment => {
                let lines: Vec<&str> = self.text.trim_end().lines().map(str::trim).collect();
                lines.join("\n")
            }
            _ => {
                let mut essence = String::with_capacity(self.text.len());
                let mut from = 0;
                for line in &self.continued {
                    essence.push_str(&self.text[from..line.at]);
                    from = self.text.len() - self.text[line.at..].trim_start().len();
                }
                essence.push_str(&self.text[from..]);
                essence
            }
        }
    }
}

struct Cutter<'a> {
    source: &'a str,
    at: usize,
    column: usize,
    may_be_negative: bool,
    is_after_line_comment: bool,
    /// The number of the line in the token that is being cut.
    line: usize,
    continued: Vec<Continued>,
    /// How many strings in strings it is in.
    depth: usize,
    /// Where comments begin, those within strings too.
    comments: Vec<usize>,
}

/// Strings in strings are nested less deeply in any script that the engine takes.
const MAX_DEPTH: usize = 10_000;

impl<'a> Cutter<'a> {
    fn new(source: &'a str) -> Cutter<'a> {
        Cutter {
            source,
            at: 0,
            column: 0,
            may_be_negative: true,
            is_after_line_comment: false,
            line: 0,
            continued: Vec::new(),
            depth: 0,
            comments: Vec::new(),
        }
    }

    fn next_token(&mut self) -> Option<Token<'a>> {
        let gap = self.at;
        let line_ends = self.skip_white_space();
        let (start, column) = (self.at, self.column);
        let first = self.peek()?;
        self.line = 0;
        let kind = self.cut(first);
        let text = &self.source[start..self.at];
        self.advance_column(text);
        let mut continued = std::mem::take(&mut self.continued);
        for line in &mut continued {
            line.at -= start;
        }
        let is_apart = start > gap;
        let token = Token { kind, text, line_ends, is_apart, column, continued };
        self.is_after_line_comment = token.is_line_comment();
        if kind != Kind::Comment {
            self.may_be_negative = may_be_negative_after(&token);
        }
        Some(token)
    }

    /// Moves behind the white space, and counts the lines that end in it.
    fn skip_white_space(&mut self) -> usize {
        let mut line_ends = 0;
        // A carriage return ends a comment even where no line feed follows.
        let is_return = self.rest().starts_with('\r') && !self.rest().starts_with("\r\n");
        if self.is_after_line_comment && is_return {
            self.at += 1;
            self.column = 0;
            line_ends += 1;
        }
        let white = self.rest().bytes().take_while(u8::is_ascii_whitespace).count();
        let text = &self.source[self.at..self.at + white];
        line_ends += text.bytes().filter(|byte| *byte == b'\n').count();
        self.advance_column(text);
        self.at += white;
        line_ends
    }

    fn advance_column(&mut self, text: &str) {
        self.column = match text.rfind('\n') {
            Some(last) => text[last + 1..].chars().count(),
            None => self.column + text.chars().count(),
        };
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn take_if(&mut self, text: &str) -> bool {
        let is_there = self.rest().starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&fits) {
            self.take();
        }
    }

    fn cut(&mut self, first: char) -> Kind {
        let rest = self.rest();
        let digit_follows = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if rest.starts_with("//") || (self.at == 0 && rest.starts_with("#!")) {
            self.comments.push(self.at);
            self.take_while(|it| it != '\n' && it != '\r');
            return Kind::Comment;
        }
        if rest.starts_with("/*") {
            self.comments.push(self.at);
            self.at += 2;
            self.block_comment();
            return Kind::Comment;
        }
        match first {
            '"' | '\'' => self.string(first),
            '`' => self.template(),
            '#' if rest.trim_start_matches('#').starts_with('"') => self.raw_string(),
            '0'..='9' => return self.number(),
            '-' if digit_follows && self.may_be_negative => {
                self.take();
                return self.number();
            }
            '_' => return self.word(),
            _ if first.is_alphabetic() => return self.word(),
            _ => return self.symbol(),
        }
        Kind::Text
    }

    fn word(&mut self) -> Kind {
        self.take_while(continues_word);
        Kind::Word
    }

    fn symbol(&mut self) -> Kind {
        let not_in = self.rest().strip_prefix("!in");
        if not_in.is_some_and(|rest| !rest.starts_with(continues_word)) {
            self.at += 3;
        } else if let Some(symbol) = SYMBOLS.iter().find(|it| self.rest().starts_with(**it)) {
            self.at += symbol.len();
        } else {
            self.take();
        }
        Kind::Symbol
    }

    fn block_comment(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            if self.take_if("/*") {
                depth += 1;
            } else if self.take_if("*/") {
                depth -= 1;
            } else if self.take().is_none() {
                return;
            }
        }
    }

    fn number(&mut self) -> Kind {
        let start = self.at;
        let (mut has_point, mut has_exponent) = (false, false);
        let mut radix = 10;
        self.take();
        while let Some(next) = self.peek() {
            let mut behind = self.rest()[next.len_utf8()..].chars();
            let behind = (behind.next(), behind.next());
            match next {
                '_' => {}
                _ if next.is_digit(radix) => {}
                '.' if !has_point && radix == 10 => match behind.0 {
                    None | Some('_' | '.') => break,
                    Some(it) if it.is_ascii_alphabetic() => break,
                    Some(_) => has_point = true,
                },
                'e' | 'E' if !has_exponent && radix == 10 => match behind.0 {
                    Some('0'..='9') => (has_exponent, has_point) = (true, true),
                    Some('+' | '-') => {
                        (has_exponent, has_point) = (true, true);
                        self.take();
                    }
                    _ => break,
                },
                'x' | 'X' | 'o' | 'O' | 'b' | 'B' if radix == 10 && self.is_zero_from(start) => {
                    radix = match next {
                        'x' | 'X' => 16,
                        'o' | 'O' => 8,
                        _ => 2,
                    };
                }
                _ => break,
            }
            self.take();
        }
        Kind::Number
    }

    fn is_zero_from(&self, start: usize) -> bool {
        self.source[start..self.at].trim_end_matches('_') == "0"
    }

    /// A string in `"` or a character in `'`; the quote doubled is one of its characters.
    fn string(&mut self, quote: char) {
        let begins = self.line;
        self.take();
        while let Some(next) = self.take() {
            if next == quote && !self.take_if(quote.encode_utf8(&mut [0; 4])) {
                return;
            }
            if next == '\\' {
                let goes_on = self.rest().starts_with('\n') || self.rest().starts_with("\r\n");
                self.take_if("\r");
                self.take();
                if goes_on {
                    self.continued.push(Continued { at: self.at, line: self.line, begins });
                }
            }
        }
    }

    fn raw_string(&mut self) {
        let rest = self.rest();
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        self.at += hashes + 1;
        while !self.take_if(&end) && self.take().is_some() {}
    }

    /// A string in backticks with what is interpolated.
    fn template(&mut self) {
        self.take();
        loop {
            if self.take_if("\\${") {
                continue;
            }
            if self.depth < MAX_DEPTH && self.take_if("${") {
                self.depth += 1;
                self.interpolation();
                self.depth -= 1;
                continue;
            }
            match self.take() {
                Some('`') if !self.take_if("`") => return,
                None => return,
                _ => {}
            }
        }
    }

    /// Script up to the brace that closes it.
    fn interpolation(&mut self) {
        let mut depth = 1;
        loop {
            self.take_while(|it| it.is_ascii_whitespace());
            let Some(first) = self.peek() else { return };
            let start = self.at;
            // Whether a minus belongs to its number matters to nobody in here.
            self.cut(first);
            match &self.source[start..self.at] {
                "{" | "#{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}

fn continues_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| token.text).collect()
    }

    #[test]
    fn numbers_end_where_the_engine_ends_them() {
        for (source, expected) in [
            ("1..2", &["1", "..", "2"][..]),
            ("1..=2", &["1", "..=", "2"]),
            ("1.5.floor()", &["1.5", ".", "floor", "(", ")"]),
            ("1.floor()", &["1", ".", "floor", "(", ")"]),
            ("1._x", &["1", ".", "_x"]),
            ("(1.)", &["(", "1.", ")"]),
            ("1. ", &["1."]),
            ("1_000e-3+1e5", &["1_000e-3", "+", "1e5"]),
            ("1e", &["1", "e"]),
            ("0xff_FF.x", &["0xff_FF", ".", "x"]),
            ("0b101 0o17", &["0b101", "0o17"]),
            ("a-1", &["a", "-", "1"]),
            ("a - -1", &["a", "-", "-1"]),
            ("(-1)", &["(", "-1", ")"]),
            ("return -1", &["return", "-1"]),
            ("break -1", &["break", "-", "1"]),
            ("_ => -1", &["_", "=>", "-", "1"]),
            ("|x| -1", &["|", "x", "|", "-1"]),
            ("x[-1]", &["x", "[", "-1", "]"]),
            ("x?[-1]", &["x", "?[", "-1", "]"]),
            ("- 1", &["-", "1"]),
        ] {
            assert_eq!(texts(source), expected, "{source}");
        }
    }

    #[test]
    fn strings_and_comments_are_whole() {
        for whole in [
            r#""a \" b \\""#,
            r#""a""b""#,
            "\"a \\\n    b\"",
            r#"'\''"#,
            "'\"'",
            r###"##"a "# b"##"###,
            "#\"a\nb\"#",
            "`a ``b`` $ { \\${x} `",
            "`a ${ `b ${ #{ c: \"}\" } } ${'}'}` /* } ` */ } d`",
            "`${ if a { 1 } else { 2 } // }\n}`",
            "// a",
            "/* a /* b */ c */",
            "/**/",
            "/*/ a */",
        ] {
            assert_eq!(texts(whole), [whole]);
            let mixed = format!("x = {whole}\n;");
            assert_eq!(texts(&mixed), ["x", "=", whole, ";"]);
        }
        assert_eq!(texts("#!/bin/rhai\nx"), ["#!/bin/rhai", "x"]);
        assert_eq!(texts("// a\rb"), ["// a", "b"]);
    }

    #[test]
    fn operators_are_the_longest_that_fit() {
        let source = "a?.b?[c]??d=>e::f#{**<<=!in!inner!==x..=y>>=z";
        let expected = [
            "a", "?.", "b", "?[", "c", "]", "??", "d", "=>", "e", "::", "f", "#{", "**", "<<=",
            "!in", "!", "inner", "!==", "x", "..=", "y", ">>=", "z",
        ];
        assert_eq!(texts(source), expected);
    }

    #[test]
    fn documentation_is_made_plain() {
        let source = "#!/bin/x\n//! a\n/// b ///\n//// c\n/** d */ /**/ /***/ `/// ${ /** e */ f }` /*/*g*/*/";
        let plain = "// bin/x\n//  a\n//  b ///\n// / c\n/*  d */      /* */ `/// ${ /*  e */ f }` /*/*g*/*/";
        assert_eq!(without_documentation(source), plain);
    }

    #[test]
    fn gaps_are_measured() {
        let source = "\n\n  a\t\r\n\"ä\nö\"b // c\rd";
        let tokens = tokens(source);
        let gaps: Vec<_> =
            tokens.iter().map(|it| (it.text, it.line_ends, it.is_apart, it.column)).collect();
        let expected = [
            ("a", 2, true, 2),
            ("\"ä\nö\"", 1, true, 0),
            ("b", 0, false, 2),
            ("// c", 0, true, 4),
            ("d", 1, true, 0),
        ];
        assert_eq!(gaps, expected);
    }

    #[test]
    fn lines_that_go_on_a_string_are_known() {
        let source = "`${ \"a \\\n b \\\r\n c\" + \"d \\\n e\" }`";
        let tokens = tokens(source);
        let lines: Vec<_> = tokens[0].continued.iter().map(|it| (it.line, it.begins)).collect();
        assert_eq!(lines, [(1, 0), (2, 0), (3, 2)]);
        assert!(tokens[0].continued.iter().all(|it| tokens[0].text.as_bytes()[it.at] == b' '));
    }
}
