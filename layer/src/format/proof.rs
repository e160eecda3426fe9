//! Proof that two texts are the same script: token by token, and by what the engine makes of them.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Write};

use rhai::{Engine, OptimizationLevel, Shared};
use rhambda_runtime::config::Limits;
use rhambda_runtime::engine;
use rhambda_runtime::error::InitError;
use sha2::{Digest, Sha256};

use super::Refusal;
use super::tokens::{Token, without_documentation};
use crate::failure::Failure;
use crate::parsing::Deadline;

/// Deeper expressions than any limit the runtime may be given.
const MAX_EXPRESSION_DEPTH: usize = 512;

/// Checks that the tokens are the same, comments among them, and that the same ones begin lines.
pub(crate) fn same_tokens(one: &[Token], other: &[Token]) -> Result<(), Refusal> {
    let mut line = 1;
    for (index, token) in one.iter().enumerate() {
        line += token.line_ends;
        let is_same = other.get(index).is_some_and(|other| {
            let begins_line = index > 0 && token.line_ends > 0;
            token.kind == other.kind
                && begins_line == (index > 0 && other.line_ends > 0)
                && (token.text == other.text || token.essence() == other.essence())
        });
        if !is_same {
            return Err(Refusal::Defect { line, reason: "a token differs" });
        }
        line += token.text.matches('\n').count();
    }
    match other.len() == one.len() {
        true => Ok(()),
        false => Err(Refusal::Defect { line, reason: "there is more at the end" }),
    }
}

/// What the engine makes of a script, wherever its parts stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meaning([u8; 32]);

/// An engine that reads scripts as `bootstrap` does.
pub(crate) struct Prover {
    engine: Engine,
    deadline: Deadline,
}

impl Prover {
    pub(crate) fn new() -> Result<Prover, Failure> {
        let limits = Limits::standard().map_err(|InitError(report)| {
            Failure::broken(format!("the engine cannot be set up: {}", report.message))
        })?;
        let mut engine = engine::whole(&limits);
        // What the optimiser takes away or computes has to be the same, too.
        engine.set_optimization_level(OptimizationLevel::None);
        engine.set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH);
        let deadline = Deadline::of(&mut engine);
        Ok(Prover { engine, deadline })
    }

    /// Compiles a script, and takes the digest of all of it but positions.
    pub(crate) fn meaning(&self, source: &str) -> Result<Meaning, Refusal> {
        let source = without_documentation(source);
        let ast = self.deadline.compile(&self.engine, &source).map_err(Refusal::Syntax)?;
        let mut outline = Outline::default();
        outline.add(&ast.statements());
        let mut functions: Vec<_> = ast.iter_fn_def().cloned().collect();
        functions.sort_by_cached_key(|function| function.to_string());
        let (closures, functions): (Vec<_>, Vec<_>) =
            functions.into_iter().partition(|function| function.name.starts_with(CLOSURE));
        for function in &functions {
            outline.add(function);
        }
        // A closure is named after its positions, so each is taken when it is first spoken of.
        let closures: HashMap<String, Shared<_>> = closures
            .into_iter()
            .map(|closure| (closure.name[CLOSURE.len()..].to_owned(), closure))
            .collect();
        while let Some(name) = outline.waiting.pop_front() {
            if let Some(closure) = closures.get(&name) {
                outline.add(closure);
            }
        }
        Ok(Meaning(outline.digest.finalize().into()))
    }
}

/// What the names of closures begin with.
const CLOSURE: &str = "anon$";

/// The engine's own description of a syntax tree, from which positions are taken out and in which
/// closures are numbered.
#[derive(Default)]
struct Outline {
    digest: Sha256,
    quote: Option<char>,
    is_escaped: bool,
    /// A word or number that may become a position or the name of a closure.
    word: String,
    numbers: HashMap<String, usize>,
    /// Closures that have been spoken of.
    waiting: VecDeque<String>,
}

impl Outline {
    fn add(&mut self, part: &dyn fmt::Debug) {
        writeln!(self, "{part:?}").expect("an outline takes all that is written");
    }

    fn take_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        if let Some(name) = word.strip_prefix(CLOSURE) {
            let next = self.numbers.len();
            let number = *self.numbers.entry(name.to_owned()).or_insert(next);
            if number == next {
                self.waiting.push_back(name.to_owned());
            }
            self.digest.update(format!("{CLOSURE}{number}"));
        } else if self.quote.is_some() || !is_position(&word) {
            self.digest.update(word);
        }
    }
}

/// `3:14`, `3:14:` behind the key of a map, `3:14-5:1` or `3:14-20` of a block.
fn is_position(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let is_place =
        |text: &str| text.split_once(':').is_some_and(|(a, b)| is_number(a) && is_number(b));
    let word = word.strip_suffix(':').unwrap_or(word);
    match word.split_once('-') {
        Some((start, end)) => is_place(start) && (is_place(end) || is_number(end) || end == "none"),
        None => is_place(word),
    }
}

impl Write for Outline {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_ascii_alphanumeric() || matches!(character, '_' | '$' | ':' | '-') {
                self.word.push(character);
                self.is_escaped = false;
                continue;
            }
            self.take_word();
            match (self.quote, character) {
                (None, '"' | '\'') => self.quote = Some(character),
                (Some(quote), _) if quote == character && !self.is_escaped => self.quote = None,
                _ => {}
            }
            self.is_escaped = self.quote.is_some() && character == '\\' && !self.is_escaped;
            self.digest.update(character.encode_utf8(&mut [0; 4]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tokens::tokens;

    fn prover() -> Prover {
        Prover::new().expect("the engine can be set up")
    }

    #[test]
    fn where_things_stand_is_no_difference() {
        let prover = prover();
        let one = "fn f(a) { a.map(|x| x + 1).map(|x| x + 1) } private fn g() { #{ a: 1 } }\n\
                   let y = 1; let z = |q| { let i = |x| x + y + q; i.call(1) }; switch z { 1..3 if y => 2, _ => 3 }\n\
                   for (a, b) in y { break; } try { throw 1 } catch (e) { `a ${e} b` }";
        let other =
            one.replace(' ', "  ").replace('{', "{\n\n").replace("`a  ${e}  b`", "`a ${e} b`");
        let other = other.replace("$ {\n\n", "${").replace("`a  ${\n\ne}  b`", "`a ${e} b`");
        assert_eq!(prover.meaning(one).expect("one"), prover.meaning(&other).expect("other"));
    }

    #[test]
    fn each_other_token_is_a_difference() {
        let prover = prover();
        for (one, other) in [
            ("1", "2"),
            ("1", "1.0"),
            ("x", "y"),
            ("\"a b\"", "\"a  b\""),
            ("\"1:2\"", "\"1:3\""),
            ("`a ${x}`", "`a  ${x}`"),
            ("'a'", "'b'"),
            ("a + b", "a - b"),
            ("a + b * c", "(a + b) * c"),
            ("- 2.abs()", "-2.abs()"),
            ("a?.b", "a.b"),
            ("a?[1]", "a[1]"),
            ("a.b()", "a.b"),
            ("f!(x)", "f(x)"),
            ("a::b", "a::c"),
            ("let x = 1;", "const x = 1;"),
            ("let x = 1;", "export let x = 1;"),
            ("return 1", "throw 1"),
            ("while a {}", "do {} while a"),
            ("do {} until a", "do {} while a"),
            ("a += 1", "a -= 1"),
            ("#{ a: 1 }", "#{ b: 1 }"),
            ("#{ a: 1, b: 2 }", "#{ b: 2, a: 1 }"),
            ("switch a { 1 => 2 }", "switch a { 2 => 2 }"),
            ("switch a { 1..2 => 2 }", "switch a { 1..=2 => 2 }"),
            ("switch a { 1 if b => 2 }", "switch a { 1 if c => 2 }"),
            ("if a { b }", "if a { b } else {}; c"),
            ("fn f() { 1 }", "fn f() { 2 }"),
            ("fn f(a) { a }", "fn f(b) { b }"),
            ("fn f() { 1 }", "private fn f() { 1 }"),
            ("fn int.f() { 1 }", "fn f() { 1 }"),
            ("|x| x", "|x| x + 1"),
            ("f(|x| x, |y| y)", "f(|y| y, |x| x)"),
            ("|x| |y| x", "|x| |y| y"),
            ("let y = 1; |x| x + y", "let y = 1; |x| x + 1"),
            ("import \"a\" as b", "import \"a\" as c"),
            ("\"a \\\n     b\"", "\"a \\\n      b\""),
        ] {
            let meanings = [one, other].map(|source| prover.meaning(source).expect(source));
            assert!(meanings[0] != meanings[1], "{one} and {other}");
        }
    }

    #[test]
    fn tokens_are_compared_with_comments_and_the_beginnings_of_lines() {
        for (one, other, is_same) in [
            ("a  +b // c ", "a + b // c", true),
            ("/* a \n  b */", "/* a\nb */", true),
            ("a\n\n\nb", "a\nb", true),
            ("a b", "a\nb", false),
            ("a\nb", "a b", false),
            ("a // b", "a // c", false),
            ("a // b", "a", false),
            ("a", "a // b", false),
            ("\"a  b\"", "\"a b\"", false),
            ("- 1", "-1", false),
        ] {
            let result = same_tokens(&tokens(one), &tokens(other));
            assert_eq!(result.is_ok(), is_same, "{one} and {other}");
        }
    }

    #[test]
    fn documentation_may_stand_anywhere_as_for_bootstrap() {
        let meaning = prover().meaning("#!/usr/bin/rhai\n/// a\nlet x = 1; { /** b */ x }");
        assert!(meaning.is_ok(), "{meaning:?}");
    }
}
