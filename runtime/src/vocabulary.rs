//! The words that a script's sources use, so that its engine is taught those functions only.
//!
//! The engine's standard library has some 900 functions; to hash, box and index them all takes
//! longer than everything else at a cold start together, and most scripts call a dozen.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::code::{Piece, Pieces, is_of_word};
use crate::modules::Roots;

/// The words and the punctuation of some sources: of their code, not of comments or texts.
#[derive(Debug)]
pub struct Vocabulary {
    words: HashSet<Box<str>, BuildHasherDefault<Fnv>>,
    /// One bit for each ASCII character.
    punctuation: u128,
    /// Names are made at run time, or a module is imported whose name is.
    everything: bool,
    /// Some module is imported that is not known before.
    imports_unknown: bool,
    /// How many functions were asked for, and how many of them the sources can call.
    asked: Cell<(usize, usize)>,
}

/// What the engine calls by itself where these words are.
const IMPLIED: [(&str, &[&str]); 4] = [
    ("==", &["in", "contains", "index_of", "dedup"]),
    ("contains", &["in"]),
    ("to_string", &["print"]),
    ("to_debug", &["print", "debug", "to_string"]),
];

/// Functions that take the name of another one as text.
const TAKE_NAMES: [&str; 2] = ["sort", "dedup"];

impl Vocabulary {
    /// The words of a source and of every module that it imports by a path in quotes.
    #[must_use]
    pub fn of(text: &str, roots: &Roots) -> Self {
        let mut vocabulary = Self {
            words: HashSet::default(),
            punctuation: 0,
            everything: false,
            imports_unknown: false,
            asked: Cell::new((0, 0)),
        };
        vocabulary.scan(text, roots, &mut HashSet::new());
        vocabulary.everything |= vocabulary.imports_unknown || vocabulary.says("eval");
        // Text is made by interpolation and by adding something to it.
        let makes_text = vocabulary.says("`") || vocabulary.says("+");
        for (implied, by) in IMPLIED {
            let is_text = implied == "to_string" || implied == "to_debug";
            if is_text && makes_text || by.iter().any(|word| vocabulary.says(word)) {
                vocabulary.learn(implied);
            }
        }
        vocabulary
    }

    fn scan(&mut self, text: &str, roots: &Roots, seen: &mut HashSet<String>) {
        let mut pieces = Pieces::of(text);
        while let Some(piece) = pieces.next() {
            let word = match piece {
                Piece::Word(word) => word,
                Piece::Mark(mark) => {
                    self.add_punctuation(mark);
                    continue;
                }
                // Only text in back-ticks has code in it.
                Piece::Text(Some(_)) => continue,
                Piece::Text(None) => {
                    self.add_punctuation(b'`');
                    continue;
                }
            };
            self.add_word(word);
            let mut next = pieces.clone();
            if word == "import" {
                match next.next() {
                    Some(Piece::Text(Some(path))) => self.follow(path, roots, seen),
                    // The path is known at run time only.
                    _ => self.imports_unknown = true,
                }
            } else if word == "Fn" || TAKE_NAMES.contains(&word) {
                let named = match (next.next(), next.next(), next.next()) {
                    (
                        Some(Piece::Mark(b'(')),
                        Some(Piece::Text(Some(name))),
                        Some(Piece::Mark(b')')),
                    ) => Some(name),
                    _ => None,
                };
                match named {
                    Some(name) if name.bytes().all(is_of_word) => self.add_word(name),
                    _ => self.everything |= word == "Fn",
                }
            }
        }
    }

    /// Goes on in the module of this path.
    fn follow(&mut self, path: &str, roots: &Roots, seen: &mut HashSet<String>) {
        if seen.insert(path.to_owned()) {
            // One that cannot be read is reported where it is imported.
            if let Ok(source) = roots.read(path) {
                self.scan(&source.text, roots, seen);
            }
        }
    }

    fn add_word(&mut self, word: &str) {
        if !self.words.contains(word) {
            self.words.insert(word.into());
        }
    }

    fn add_punctuation(&mut self, byte: u8) {
        self.punctuation |= 1u128.checked_shl(byte.into()).unwrap_or(0);
    }

    fn learn(&mut self, name: &str) {
        match name.bytes().all(is_of_word) {
            true => self.add_word(name),
            false => name.bytes().for_each(|byte| self.add_punctuation(byte)),
        }
    }

    fn has_punctuation(&self, characters: &str) -> bool {
        characters.bytes().all(|byte| byte < 128 && self.punctuation & 1 << byte != 0)
    }

    /// Whether the sources can call the function of this name: a word, an operator, or one of the
    /// engine's own names of getters, setters and indexers.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let has = self.everything || self.says(name);
        let (asked, had) = self.asked.get();
        self.asked.set((asked + 1, had + usize::from(has)));
        has
    }

    /// Whether the sources can run code that is made at run time.
    #[must_use]
    pub fn may_eval(&self) -> bool {
        self.imports_unknown || self.says("eval")
    }

    /// How many functions were asked for so far, and how many of them the sources can call.
    #[must_use]
    pub fn asked(&self) -> (usize, usize) {
        self.asked.get()
    }

    fn says(&self, name: &str) -> bool {
        if name.starts_with("index$") {
            return self.has_punctuation("[") || self.has_punctuation(".");
        }
        let name = name.strip_prefix("get$").or(name.strip_prefix("set$")).unwrap_or(name);
        match name.as_bytes().first() {
            Some(first) if is_of_word(*first) => self.words.contains(name),
            _ => self.has_punctuation(name),
        }
    }
}

/// Fowler, Noll and Vo's hash (FNV-1a): some hundred short words are looked up at each cold start.
#[derive(Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vocabulary {
        Vocabulary::of(text, &Roots::new(Vec::new()))
    }

    #[test]
    fn it_has_the_words_and_operators_of_the_text_and_few_others() {
        let vocabulary = of("fn handler(event) { event.items.filter(|x| x.n >= 2).len }");
        for name in ["filter", "items", "get$len", "len", ">=", ">", "|", "index$get$"] {
            assert!(vocabulary.has(name), "{name}");
        }
        for name in ["map", "get$bits", "set$tag", "+", "<", "to_string", "contains"] {
            assert!(!vocabulary.has(name), "{name}");
        }
    }

    #[test]
    fn what_the_engine_calls_by_itself_is_there_too() {
        assert!(of("1 in [1]").has("contains"));
        assert!(of("[1].contains(1)").has("=="));
        assert!(of("`${1}`").has("to_string"));
        assert!(of("\"a\" + [1]").has("to_debug"));
        assert!(of("print(1)").has("to_string"));
    }

    #[test]
    fn a_source_that_makes_words_at_run_time_has_all_of_them() {
        for text in
            ["eval(x)", "Fn(\"le\" + \"n\")", "Fn(x)", "import path as m;", "import `a${b}` as m;"]
        {
            assert!(of(text).has("truncate"), "{text}");
        }
        for text in
            ["import \"lib/a\" as a;", "import `lib/a` as a;", "Fn(\"len\")", "is_def_fn(\"f\", 1)"]
        {
            assert!(!of(text).has("truncate"), "{text}");
        }
        assert!(of("Fn(\"len\").call(x)").has("len"));
        assert!(of("x.sort(\"max\")").has("max"));
    }

    #[test]
    fn what_comments_and_texts_say_counts_for_nothing() {
        for text in [
            "// eval the bus\nlet a = 1;",
            "/* Fn(x) /* import y */ sort */ let a = 1;",
            "let a = \"eval Fn import\";",
            "let a = `eval Fn import // *`;",
            "let a = #\"eval \" Fn\"#;",
            "let a = 'x';",
        ] {
            let vocabulary = of(text);
            for name in ["eval", "truncate", "sort", "import", "+", "*", "bus"] {
                assert!(!vocabulary.has(name), "{name} in {text}");
            }
        }
        assert!(of("let a = `${b.sort()}`;").has("sort"));
    }
}
