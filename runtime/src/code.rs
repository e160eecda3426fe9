//! What of a script's text is code: its words and marks, without comments and without what its texts say.
//!
//! It reads as the engine's tokenizer does, where comments nest, back-ticks hold code in `${...}`, and `#"..."#`
//! is text without escapes; but it gives no tokens, only what tells which functions a script can reach.

/// A piece of code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'t> {
    /// A name, a keyword or a number.
    Word(&'t str),
    /// Any other character of the code, by its byte.
    Mark(u8),
    /// A text, with what it says where that stands there as it is: without escapes and interpolation.
    Text(Option<&'t str>),
}

/// The pieces of a script, in their order.
#[derive(Clone)]
pub struct Pieces<'t> {
    text: &'t str,
    at: usize,
    /// The texts in back-ticks whose `${...}` the next piece is in: how many braces are open in each.
    inside: Vec<usize>,
}

impl<'t> Pieces<'t> {
    /// The pieces of this text.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        Self { text, at: 0, inside: Vec::new() }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn line_comment(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        self.at += length;
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(byte) = self.byte(0) {
            let (step, change) = match (byte, self.byte(1)) {
                (b'/', Some(b'*')) => (2, 1),
                (b'*', Some(b'/')) => (2, -1),
                _ => (1, 0),
            };
            self.at += step;
            depth += change;
            if depth == 0 {
                return;
            }
        }
    }

    /// What is between two of these marks, the first of which is here.
    fn quoted(&mut self, mark: u8) -> Option<&'t str> {
        self.at += 1;
        let (start, mut is_plain) = (self.at, true);
        while let Some(byte) = self.byte(0) {
            if byte == mark {
                let end = self.at;
                self.at += 1;
                return is_plain.then(|| self.text.get(start..end)).flatten();
            }
            is_plain &= byte != b'\\';
            self.at += if byte == b'\\' { 2 } else { 1 };
        }
        None
    }

    /// What a text in back-ticks says up to its end, or to the code that is in it.
    fn in_back_ticks(&mut self) -> Option<&'t str> {
        let (start, mut is_plain) = (self.at, true);
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1), self.byte(2)) {
                (b'`', ..) => {
                    let end = self.at;
                    self.at += 1;
                    return is_plain.then(|| self.text.get(start..end)).flatten();
                }
                (b'\\', Some(b'$'), Some(b'{')) => {
                    is_plain = false;
                    self.at += 3;
                }
                (b'$', Some(b'{'), _) => {
                    self.at += 2;
                    self.inside.push(0);
                    return None;
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// A text without escapes, between as many `#` as begin here.
    fn raw(&mut self, hashes: usize) -> Option<&'t str> {
        let start = self.at + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = self.text.get(start..).and_then(|rest| rest.find(&end));
        self.at = length.map_or(self.text.len(), |length| start + length + end.len());
        self.text.get(start..start + length?)
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        loop {
            let byte = self.byte(0)?;
            if is_of_word(byte) {
                let rest = &self.text.as_bytes()[self.at..];
                let length = rest.iter().take_while(|byte| is_of_word(**byte)).count();
                let word = self.text.get(self.at..self.at + length)?;
                self.at += length;
                return Some(Piece::Word(word));
            }
            match (byte, self.byte(1)) {
                (b'/', Some(b'/')) => {
                    self.line_comment();
                    continue;
                }
                (b'/', Some(b'*')) => {
                    self.block_comment();
                    continue;
                }
                (b'"', _) => return Some(Piece::Text(self.quoted(b'"'))),
                (b'\'', _) => {
                    self.quoted(b'\'');
                    return Some(Piece::Mark(b'\''));
                }
                (b'`', _) => {
                    self.at += 1;
                    return Some(Piece::Text(self.in_back_ticks()));
                }
                (b'#', Some(b'"' | b'#')) => {
                    let rest = &self.text.as_bytes()[self.at..];
                    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
                    if rest.get(hashes) == Some(&b'"') {
                        return Some(Piece::Text(self.raw(hashes)));
                    }
                }
                (b'{', _) => {
                    if let Some(open) = self.inside.last_mut() {
                        *open += 1;
                    }
                }
                (b'}', _) => match self.inside.last_mut() {
                    Some(0) => {
                        self.at += 1;
                        self.inside.pop();
                        self.in_back_ticks();
                        return Some(Piece::Text(None));
                    }
                    Some(open) => *open -= 1,
                    None => {}
                },
                _ => {}
            }
            self.at += 1;
            if !byte.is_ascii_whitespace() {
                return Some(Piece::Mark(byte));
            }
        }
    }
}

/// Whether a name can have this byte in it.
#[must_use]
pub fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many bytes of a script are code or what its texts say: neither comments nor space.
#[must_use]
pub fn length(text: &str) -> usize {
    let mut pieces = Pieces::of(text);
    let mut length = 0;
    while let Some(piece) = pieces.next() {
        length += match piece {
            Piece::Word(word) => word.len(),
            Piece::Mark(_) | Piece::Text(None) => 1,
            Piece::Text(Some(says)) => says.len() + 2,
        };
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a script, and what its texts say.
    fn words(text: &str) -> String {
        let words = Pieces::of(text).filter_map(|piece| match piece {
            Piece::Word(word) => Some(word.to_owned()),
            Piece::Text(Some(says)) => Some(format!("<{says}>")),
            _ => None,
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_texts_are_no_code_but_what_is_interpolated_is() {
        for (text, expected) in [
            ("a // b\nc", "a c"),
            ("a /* b /* c */ d */ e", "a e"),
            ("a /* b", "a"),
            ("a / b /c", "a b c"),
            ("\"b // c\" d", "<b // c> d"),
            ("\"b \\\" c\" d", "d"),
            ("'\\'' d 'x'", "d"),
            ("`b ${c} d` e", "c e"),
            ("`b ${c + `d ${ #{ e: f }.g } h` + i} j` k", "c e f g i k"),
            ("`b \\${c}` d", "d"),
            ("`b /* c` d", "<b /* c> d"),
            ("`${\"}\"} x` d", "<}> d"),
            ("`a``b` c", "<a> <b> c"),
            ("#\"b \" c\"# d", "<b \" c> d"),
            ("##\"b \"# c\"## d", "<b \"# c> d"),
            ("#{ \"b\": c }", "<b> c"),
            ("\"é\" é ü1", "<é> 1"),
            ("\"b\n", ""),
            ("`b ${c", "c"),
            ("http://x\ny", "http y"),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn neither_comments_nor_space_have_a_length() {
        assert_eq!(length("let a = 1; // b\n\n"), length("let a=1;"));
        assert!(length("\"abc\"") > length("\"\""));
    }
}
