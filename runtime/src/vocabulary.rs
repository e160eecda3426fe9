//! The words that a script's sources use, so that its engine is taught those functions only.
//!
//! The engine's standard library has some 900 functions; to hash, box and index them all takes
//! longer than everything else at a cold start together, and most scripts call a dozen.

use std::collections::HashSet;

use crate::modules::Roots;

/// The words and the punctuation of some sources. It may say yes to a word that is not there, but
/// never no to one that is.
#[derive(Debug)]
pub struct Vocabulary {
    /// One bit for each word, by its hash.
    words: [u64; BITS / 64],
    /// One bit for each ASCII character.
    punctuation: u128,
    everything: bool,
}

const BITS: usize = 1 << 13;

/// With one of these in a source, words may be made at run time.
const MAKERS_OF_WORDS: [&str; 3] = ["eval", "Fn", "is_def_fn"];

/// What the engine calls by itself where these words are.
const IMPLIED: [(&str, &[&str]); 4] = [
    ("==", &["in", "contains", "index_of", "dedup"]),
    ("contains", &["in"]),
    ("to_string", &["print"]),
    ("to_debug", &["print", "debug", "to_string"]),
];

impl Vocabulary {
    /// The words of a source and of every module that it imports by a path in quotes.
    #[must_use]
    pub fn of(text: &str, roots: &Roots) -> Self {
        let mut vocabulary = Self { words: [0; BITS / 64], punctuation: 0, everything: false };
        vocabulary.scan(text, roots, &mut HashSet::new());
        vocabulary.everything |= MAKERS_OF_WORDS.iter().any(|word| vocabulary.says(word));
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
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let length = word_length(&bytes[at..]);
            if length == 0 {
                self.add_punctuation(byte);
                at += 1;
                continue;
            }
            let word = &bytes[at..at + length];
            self.add_word(word);
            at += length;
            if word == b"import" {
                self.follow(&text[at..], roots, seen);
            }
        }
    }

    /// Goes on in the module whose path stands here.
    fn follow(&mut self, text: &str, roots: &Roots, seen: &mut HashSet<String>) {
        let path = text.trim_start().strip_prefix('"').and_then(|text| text.split_once('"'));
        match path {
            Some((path, _)) if !path.contains(['\\', '\n']) => {
                if seen.insert(path.to_owned()) {
                    // One that cannot be read is reported where it is imported.
                    if let Ok(source) = roots.read(path) {
                        self.scan(&source.text, roots, seen);
                    }
                }
            }
            // The path is known at run time only.
            _ => self.everything = true,
        }
    }

    fn add_word(&mut self, word: &[u8]) {
        let bit = bit_of(word);
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    fn add_punctuation(&mut self, byte: u8) {
        self.punctuation |= 1u128.checked_shl(byte.into()).unwrap_or(0);
    }

    fn learn(&mut self, name: &str) {
        match word_length(name.as_bytes()) {
            0 => name.bytes().for_each(|byte| self.add_punctuation(byte)),
            length => self.add_word(&name.as_bytes()[..length]),
        }
    }

    fn has_punctuation(&self, characters: &str) -> bool {
        characters.bytes().all(|byte| byte < 128 && self.punctuation & 1 << byte != 0)
    }

    /// Whether the sources can call the function of this name: a word, an operator, or one of the
    /// engine's own names of getters, setters and indexers.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.everything || self.says(name)
    }

    fn says(&self, name: &str) -> bool {
        if name.starts_with("index$") {
            return self.has_punctuation("[") || self.has_punctuation(".");
        }
        let name = name.strip_prefix("get$").or(name.strip_prefix("set$")).unwrap_or(name);
        match name.as_bytes().first() {
            Some(first) if is_of_word(*first) => {
                let bit = bit_of(name.as_bytes());
                self.words[bit / 64] & (1 << (bit % 64)) != 0
            }
            _ => self.has_punctuation(name),
        }
    }
}

/// How many bytes the word at the start of this has; none where there is no word.
fn word_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_of_word(**byte)).count()
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Fowler, Noll and Vo's hash (FNV-1a), folded.
fn bit_of(word: &[u8]) -> usize {
    let hash = word
        .iter()
        .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 15) as usize % BITS
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
        for text in ["eval(x)", "Fn(\"le\" + \"n\")", "import path as m;", "import `a` as m;"] {
            assert!(of(text).has("truncate"), "{text}");
        }
        assert!(!of("import \"lib/a\" as a;").has("truncate"));
    }
}
