//! The one way in which scripts are laid out: the author's lines, with everything else in order.
//!
//! ```text
//! tokens     a script as tokens, of which nothing is lost
//! structure  what each token is to its neighbours, and how far its line is indented
//! spacing    whether two neighbours have a space between them
//! layout     the tokens written in their lines
//! proof      that the result is the same script
//! difference the lines that differ, for people
//! ```

pub(crate) mod difference;
mod layout;
mod proof;
mod spacing;
mod structure;
#[cfg(test)]
mod tests;
mod tokens;

use rhai::ParseError;

use crate::failure::Failure;
use proof::Prover;
pub(crate) use tokens::{Kind as TokenKind, each_token, without_documentation};

/// The comments above the first statement of a script.
pub(crate) fn head_comments(source: &str) -> Vec<&str> {
    let tokens = tokens::tokens(source).into_iter();
    tokens.take_while(|token| token.kind == tokens::Kind::Comment).map(|token| token.text).collect()
}

/// Lays scripts out.
pub(crate) struct Formatter {
    prover: Prover,
}

/// Why a script is left as it is.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It does not compile.
    Syntax(ParseError),
    /// It has more tokens, or lines, than fit in memory in the forms that a proof needs: this says how
    /// many of what.
    TooLarge { what: String },
    /// The result would not be the same script, which is our mistake.
    Defect { line: usize, reason: &'static str },
}

/// Two million: scripts of people have a few thousand.
const MAX_TOKENS: usize = 2_000_000;

/// Empty lines are no tokens, and each is told where it goes.
const MAX_LINES: usize = 5_000_000;

impl Formatter {
    pub(crate) fn new() -> Result<Formatter, Failure> {
        Ok(Formatter { prover: Prover::new()? })
    }

    /// The script as it should be, proved to be the same script.
    pub(crate) fn format(&self, source: &str) -> Result<String, Refusal> {
        // A byte order mark says nothing in UTF-8, and the runtime skips it.
        let plain = source.strip_prefix('\u{feff}').unwrap_or(source);
        let lines = plain.bytes().filter(|&byte| byte == b'\n').count();
        if lines > MAX_LINES {
            return Err(Refusal::TooLarge { what: format!("{lines} lines") });
        }
        let tokens = tokens::tokens(plain);
        if tokens.len() > MAX_TOKENS {
            let what = format!("{} words and signs", tokens.len());
            return Err(Refusal::TooLarge { what });
        }
        let meaning = self.prover.meaning(plain)?;
        let result = layout::layout(&tokens);
        if result != source {
            proof::same_tokens(&tokens, &tokens::tokens(&result))?;
            match self.prover.meaning(&result) {
                Ok(same) if same == meaning => {}
                Ok(_) => {
                    return Err(Refusal::Defect { line: 1, reason: "it means something else" });
                }
                Err(_) => return Err(Refusal::Defect { line: 1, reason: "it does not compile" }),
            }
        }
        Ok(result)
    }
}
