//! What is fuzzed: for each parser of what others write a target, a function of some bytes that
//! panics where a promise is broken.
//!
//! `make fuzz` runs the targets under libFuzzer (`tests/fuzz`); the test `fuzz` runs them over the
//! checked-in corpora, and over inputs made from those, without it.

mod choices;
mod documents;
mod library;
mod network;
mod programs;
mod scripts;
mod texts;
mod tool;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rhambda_runtime::config::stack_bytes;

use crate::repository;

/// Looks at one input; a panic is a finding.
type Look = Box<dyn FnMut(&[u8])>;

/// One of the things that are fuzzed.
pub struct Target {
    /// Its name, also that of its corpus and its dictionary.
    pub name: &'static str,
    /// The longest input that makes sense, in bytes.
    pub longest: usize,
    /// Makes the target on the thread that it will run on.
    make: fn() -> Look,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "check", longest: 2048, make: tool::check },
    Target { name: "csv", longest: 1024, make: library::csv },
    Target { name: "declaration", longest: 1024, make: texts::declaration },
    Target { name: "dns", longest: 512, make: network::dns },
    Target { name: "encodings", longest: 512, make: library::encodings },
    Target { name: "event", longest: 4096, make: library::event },
    Target { name: "event_change", longest: 512, make: tool::event_change },
    Target { name: "event_parts", longest: 64, make: library::event_parts },
    Target { name: "fmt", longest: 2048, make: tool::fmt },
    Target { name: "handler", longest: 128, make: texts::handler },
    Target { name: "http_answer", longest: 2048, make: network::http_answer },
    Target { name: "http_client", longest: 1024, make: library::http_client },
    Target { name: "http_request", longest: 2048, make: network::http_request },
    Target { name: "json", longest: 1024, make: documents::json },
    Target { name: "jwt", longest: 1024, make: library::jwt },
    Target { name: "multipart", longest: 1024, make: library::multipart },
    Target { name: "natives", longest: 256, make: programs::natives },
    Target { name: "program", longest: 512, make: programs::program },
    Target { name: "recording", longest: 4096, make: tool::recording },
    Target { name: "resolver_files", longest: 512, make: network::resolver_files },
    Target { name: "runtime_api", longest: 2048, make: network::runtime_api },
    Target { name: "script", longest: 1024, make: scripts::script },
    Target { name: "script_name", longest: 128, make: tool::script_name },
    Target { name: "url", longest: 256, make: texts::url },
    Target { name: "xml", longest: 1024, make: library::xml },
];

/// A target on a thread of its own, with the stack that `bootstrap` gives to scripts.
pub struct Runner {
    /// The longest input that makes sense, in bytes.
    pub longest: usize,
    inputs: SyncSender<Vec<u8>>,
    outcomes: Receiver<Result<(), Box<dyn Any + Send>>>,
}

impl Runner {
    /// Starts the target of that name, if there is one.
    ///
    /// # Panics
    /// When there is no memory for its stack.
    #[must_use]
    pub fn new(name: &str) -> Option<Runner> {
        let &Target { longest, make, .. } = TARGETS.iter().find(|target| target.name == name)?;
        let (inputs, given) = sync_channel::<Vec<u8>>(0);
        let (done, outcomes) = sync_channel(0);
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(stack_bytes(64 << 20) + (4 << 20))
            .spawn(move || {
                let mut look = make();
                for input in given {
                    if done.send(catch_unwind(AssertUnwindSafe(|| look(&input)))).is_err() {
                        return;
                    }
                }
            })
            .expect("a thread can be started");
        Some(Runner { longest, inputs, outcomes })
    }

    /// Looks at one input.
    ///
    /// # Panics
    /// Where the target does.
    pub fn run(&self, input: &[u8]) {
        self.inputs.send(input.to_vec()).expect("the target runs");
        match self.outcomes.recv() {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => panic!("the target could not be made"),
        }
    }
}

/// The folder with the checked-in inputs of a target.
#[must_use]
pub fn corpus(name: &str) -> PathBuf {
    repository().join("tests/fuzz/corpus").join(name)
}

/// Inputs made from others by changes such as a fuzzer makes, the same ones each time.
#[derive(Debug, Clone)]
pub struct Mutations {
    state: u64,
    words: Vec<Vec<u8>>,
}

impl Mutations {
    /// Changes that also put in words, as of a [`dictionary`].
    #[must_use]
    pub fn new(seed: u64, words: Vec<Vec<u8>>) -> Mutations {
        Mutations { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, words }
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        if end == 0 { 0 } else { number as usize % end }
    }

    /// One more input, from one of the corpus and perhaps a part of another.
    pub fn next(&mut self, corpus: &[Vec<u8>], longest: usize) -> Vec<u8> {
        const ODD: [u8; 12] = [0, 9, 10, 13, b' ', b'"', b'\\', b'<', b'{', 0x7F, 0xC3, 0xFF];
        let one = self.below(corpus.len());
        let mut input = corpus.get(one).cloned().unwrap_or_default();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            match self.below(8) {
                0 => input.truncate(at),
                1 if at < input.len() => input[at] ^= 1 << self.below(8),
                2 if at < input.len() => input[at] = ODD[self.below(ODD.len())],
                3 => {
                    let byte = ODD[self.below(ODD.len())];
                    input.insert(at, byte);
                }
                4 if !self.words.is_empty() => {
                    let word = self.below(self.words.len());
                    let word = self.words[word].clone();
                    input.splice(at..at, word);
                }
                5 => {
                    let end = (at + 1 + self.below(8)).min(input.len());
                    input.drain(at.min(end)..end);
                }
                6 => {
                    // What is there, again.
                    let end = (at + 1 + self.below(32)).min(input.len());
                    let part = input[at.min(end)..end].to_vec();
                    input.splice(at..at, part);
                }
                _ => {
                    let other = self.below(corpus.len());
                    let other = corpus.get(other).map_or(&[][..], Vec::as_slice);
                    let from = self.below(other.len() + 1);
                    let end = (from + self.below(64)).min(other.len());
                    let part = other[from..end].to_vec();
                    input.splice(at..at, part);
                }
            }
        }
        input.truncate(longest);
        input
    }
}

/// The words of a dictionary in the form of libFuzzer's: one in quotes on each line.
#[must_use]
pub fn dictionary(text: &str) -> Vec<Vec<u8>> {
    let quoted = |line: &str| {
        let inside = line.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned();
        let mut word = Vec::new();
        let mut letters = inside.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next()? {
                    'x' => {
                        let digits: String = letters.by_ref().take(2).collect();
                        word.push(u8::from_str_radix(&digits, 16).ok()?);
                    }
                    other => word.extend(other.to_string().bytes()),
                },
                _ => word.extend(letter.to_string().bytes()),
            }
        }
        Some(word)
    };
    text.lines().filter_map(quoted).collect()
}
