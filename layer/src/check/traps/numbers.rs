//! Whole-number division, and ranges whose end may be missing.

use rhai::{Expr, FnCallExpr, Position};

use super::{Known, Traps, said};
use crate::check::table::Kind;

/// A division of two values that may both be whole.
pub(super) struct Division {
    at: Position,
    left: Option<String>,
    right: Option<String>,
}

/// A range to an end that came with the event.
pub(super) struct OpenRange {
    at: Position,
    length: usize,
    end: String,
}

/// Whether a number is whole if the event has whole numbers.
fn may_be_whole(known: &Known) -> bool {
    known.is_open() || known.is_sum || known.kind == Some(Kind::Int) && !known.is_literal
}

pub(super) fn divided(
    traps: &mut Traps,
    name: &str,
    position: Position,
    left: &Known,
    right: &Known,
) -> Known {
    let pair = Division { at: position, left: left.path.clone(), right: right.path.clone() };
    if name == "%" {
        // Who asks for the rest knows that the division is whole.
        traps
            .divisions
            .retain(|it| it.left.is_none() || it.left != pair.left || it.right != pair.right);
        traps.remainders.push((pair.left, pair.right));
    } else if may_be_whole(left) && may_be_whole(right) {
        traps.divisions.push(pair);
    }
    let kind = match (left.kind, right.kind) {
        (Some(Kind::Int), Some(Kind::Int)) => Some(Kind::Int),
        (Some(Kind::Float), Some(Kind::Float | Kind::Int))
        | (Some(Kind::Int), Some(Kind::Float)) => Some(Kind::Float),
        _ => None,
    };
    Known { kind, ..Known::default() }
}

pub(super) fn range(traps: &mut Traps, call: &FnCallExpr, end: &Known, position: Position) {
    let Some(written) = call.args.get(1) else { return };
    if !end.is_open() || !matches!(written, Expr::Dot(..) | Expr::Index(..)) {
        return;
    }
    if let Some(path) = end.path.clone() {
        let length = call.name.chars().count();
        traps.ranges.push(OpenRange { at: position, length, end: path });
    }
}

/// What a `for` goes over.
pub(super) fn over(traps: &mut Traps, expression: &Expr, known: &Known) {
    let what = match known.kind {
        Some(Kind::Int) => "a whole number",
        Some(Kind::Float) => "a decimal",
        Some(Kind::Bool) => "true or false",
        Some(Kind::Closure) => "a closure",
        _ => return,
    };
    // The parser has a word of its own for what is written out.
    let message = format!("`for` goes over arrays, maps, texts and ranges; this is {what}");
    let help = match known.kind {
        Some(Kind::Int) => format!("from 0 up to it: `0..{}`", said::path(known, "n")),
        _ => String::new(),
    };
    traps.error("not-iterable", expression.start_position(), 1, message, help);
}

/// Tells what stood in a function that does not look at it elsewhere.
pub(super) fn at_the_end(traps: &mut Traps) {
    let remainders = std::mem::take(&mut traps.remainders);
    for division in std::mem::take(&mut traps.divisions) {
        let Division { at, left, right } = division;
        if left.is_some() && remainders.iter().any(|(over, by)| *over == left && *by == right) {
            continue;
        }
        let message = "two whole numbers divide to a whole number: 7 / 2 is 3".to_owned();
        let short = |path: Option<String>, otherwise: &str| {
            path.filter(|path| path.len() <= 40).unwrap_or_else(|| otherwise.to_owned())
        };
        let (left, right) = (short(left, "…"), short(right, "…"));
        let help = format!("for the decimals: `{left}.to_float() / {right}`");
        traps.warn("whole-division", at, 1, message, help);
    }
    for range in std::mem::take(&mut traps.ranges) {
        if traps.paths.contains(&range.end) || traps.file.source.contains("schema::") {
            continue;
        }
        let end = said::path(&Known { path: Some(range.end.clone()), ..Known::default() }, "n")
            .to_owned();
        let message =
            format!("where `{end}` is missing, this range has no end, and a loop over it none");
        let help = format!("say what is meant then: `0..({end} ?? 0)`");
        traps.warn("endless-range", range.at, range.length, message, help);
    }
}
