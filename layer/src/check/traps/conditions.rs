//! Conditions that are none, and comparisons that never hold.

use rhai::{Expr, FnCallExpr, Position};

use super::{Known, Traps, said};
use crate::check::table::Kind;

/// What is in these came as text, whatever it says.
const TEXTS: &[&str] = &["headers", "pathParameters", "queryStringParameters", "stageVariables"];

/// Whether a value of the event has only texts inside.
pub(super) fn is_of_texts(known: &Known) -> bool {
    let last = known.path.as_deref().and_then(|path| path.rsplit('.').next());
    last.is_some_and(|last| TEXTS.contains(&last))
}

fn named(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Text => "text",
        Kind::Int | Kind::Float => "a number",
        Kind::Bool => "true or false",
        Kind::Array => "an array",
        Kind::Map => "a map",
        Kind::Blob => "a blob",
        Kind::Closure => "a closure",
        Kind::Unit | Kind::Char | Kind::Range | Kind::Other => return None,
    })
}

/// Tells of what stands where true or false is wanted and is something else.
pub(super) fn wants_bool(traps: &mut Traps, expression: &Expr, known: &Known, who: &str) {
    let Some(kind) = known.kind.filter(|kind| *kind != Kind::Bool) else { return };
    // The parser has a word of its own for what is written out.
    if known.is_literal
        || matches!(expression, Expr::StringConstant(..) | Expr::Array(..) | Expr::Map(..))
    {
        return;
    }
    let Some(what) = named(kind) else { return };
    // `env::get` gives text or `()`, and which is the question.
    let is_environment = matches!(expression, Expr::FnCall(call, _)
        if call.namespace.path.first().is_some_and(|part| part.name == "env"));
    let path = said::path(known, "x");
    let help = match kind {
        _ if is_environment || known.is_of_event => format!("ask what is meant: `{path} != ()`"),
        Kind::Int | Kind::Float => format!("ask what is meant: `{path} != 0`"),
        Kind::Closure => format!("call it: `{path}.call(…)`"),
        _ => format!("ask what is meant: `!{path}.is_empty()`"),
    };
    let message = format!("{who} wants true or false, and this is {what}");
    traps.error("not-a-bool", expression.start_position(), 1, message, help);
}

/// Tells of a comparison of what is never equal.
pub(super) fn compared(
    traps: &mut Traps,
    call: &FnCallExpr,
    position: Position,
    left: &Known,
    right: &Known,
) {
    let (Some(one), Some(other)) = (left.kind, right.kind) else { return };
    let same = |kind: Kind| if kind == Kind::Float { Kind::Int } else { kind };
    if same(one) == same(other) {
        return;
    }
    let (Some(one_named), Some(other_named)) = (named(one), named(other)) else { return };
    let name = call.name.as_str();
    let result = if name == "!=" { "always true" } else { "never true" };
    let message = format!("`{name}` of {one_named} and {other_named} is {result}");
    let help = match (one, other) {
        (Kind::Text, Kind::Int | Kind::Float) => number_of(left, other),
        (Kind::Int | Kind::Float, Kind::Text) => number_of(right, one),
        _ => String::new(),
    };
    traps.warn("never-equal", position, name.chars().count(), message, help);
}

fn number_of(text: &Known, kind: Kind) -> String {
    let parse = if kind == Kind::Float { "parse_float" } else { "parse_int" };
    format!("make it a number first: `{parse}({})`", said::path(text, "…"))
}

/// Tells of a `continue` that goes past its condition.
pub(super) fn continue_in_do(traps: &mut Traps, position: Position) {
    let message =
        "`continue` in a `do` begins the next round without asking the condition".to_owned();
    let help = "`while`, or `loop` with `break` where it ends, asks each time";
    traps.warn("continue-in-do", position, "continue".len(), message, help.to_owned());
}
