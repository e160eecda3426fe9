//! Values that nothing is done with: `items.map(|x| x * 2);`.

use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::{Known, Traps, Use, said};
use crate::check::table::Kind;

const RULE: &str = "dropped-value";

/// Methods that change what they are called on and give something beside: what they give may be left.
/// A test asks the engine whether these are all.
const CHANGING: &[&str] = &[
    "call", "cookie", "curry", "drain", "header", "pop", "remove", "retain", "shift", "splice", "split", "take",
];

/// Functions that are called for what they do.
const EFFECTS: &[&str] = &[
    "call", "debug", "eval", "exit", "import", "parse_float", "parse_int", "parse_json", "print", "sleep",
    "take",
];

/// Modules of which everything only gives a value.
const PURE: &[&str] = &["base64url", "hex", "regex", "response", "text", "uuid"];

/// A function of a module that is called for nothing but its value.
fn is_pure(module: &str, name: &str) -> bool {
    PURE.contains(&module)
        || matches!((module, name), ("json", "stringify" | "pretty") | ("base64", "encode") | ("crypto", _))
}

/// Tells of a statement that is only a value.
pub(super) fn statement(traps: &mut Traps, expression: &Expr, known: &Known, of: Use) {
    if of != Use::Dropped {
        return;
    }
    let (what, help) = match expression {
        Expr::Map(..) => ("this map", "if it is the answer: `return #{ … };`"),
        Expr::Array(..) => ("this array", "if it is the answer: `return […];`"),
        Expr::StringConstant(..) | Expr::InterpolatedString(..) => {
            ("this text", "if it is the answer: `return …;`; a comment begins with `//`")
        }
        Expr::IntegerConstant(..) | Expr::FloatConstant(..) | Expr::BoolConstant(..) => {
            ("this value", "if it is the answer: `return …;`")
        }
        Expr::Variable(variable, ..) if variable.2.path.is_empty() => {
            ("this variable", "if it is the answer: `return …;`; a function is called with `()`")
        }
        _ if known.kind == Some(Kind::Closure) => {
            ("this closure", "it is never called; give it a name: `let f = |x| …;`, then `f.call(…)`")
        }
        Expr::Dot(parts, ..) | Expr::Index(parts, ..) if ends_in_a_property(&parts.rhs) => {
            ("this property", "a method is called with `()`; an answer is `return …;`")
        }
        _ => return,
    };
    let (position, length) = match expression {
        Expr::Variable(variable, _, position) => (*position, variable.1.chars().count()),
        other => (other.start_position(), 1),
    };
    if shows(traps, position) {
        return;
    }
    traps.warn(RULE, position, length, format!("nothing is done with {what}"), help.to_owned());
}

fn ends_in_a_property(mut rest: &Expr) -> bool {
    loop {
        match rest {
            Expr::Dot(parts, ..) | Expr::Index(parts, ..) => rest = &parts.rhs,
            Expr::Property(..) => return true,
            _ => return false,
        }
    }
}

/// A line with `// =>` shows what its statement gives, as examples do.
fn shows(traps: &Traps, position: Position) -> bool {
    let line = position.line().unwrap_or(1);
    let line = traps.lines.get(line.saturating_sub(1));
    line.is_some_and(|line| line.contains("// =>"))
}

/// Tells of an operator whose value is lost.
pub(super) fn operator(traps: &mut Traps, call: &FnCallExpr, position: Position) {
    let name = call.name.as_str();
    if shows(traps, position) {
        return;
    }
    let help = match name {
        "==" => "an assignment is `=`",
        "!" => "take it away, or use it as a condition",
        _ => "keep it: `let result = …;`, or change a variable: `total += …;`",
    };
    let message = format!("the value of `{name}` is lost");
    traps.warn(RULE, position, name.chars().count(), message, help.to_owned());
}

/// Tells of a method whose value is lost.
pub(super) fn method(
    traps: &mut Traps,
    of: &Known,
    call: &FnCallExpr,
    position: Position,
    kinds: &[Option<Kind>],
    is_first: bool,
) {
    let name = call.name.as_str();
    if CHANGING.contains(&name) || EFFECTS.contains(&name) {
        return;
    }
    let signatures = traps.table.signatures(name, kinds);
    if signatures.is_empty() || shows(traps, position) {
        return;
    }
    let on_values = |kind: Option<Kind>| !matches!(kind, Some(Kind::Other | Kind::Closure));
    let gives_value = signatures.iter().all(|it| {
        it.gives != Some(Kind::Unit) && on_values(it.takes.first().copied().flatten())
    });
    if !gives_value {
        // A change of what a method has just made is gone with it.
        if !is_first && is_fresh(of) && traps.table.is_in_place(name, kinds) {
            let message = format!("`{name}` changes a value that is lost with this statement");
            let help = format!("keep it first: `let kept = …;`, then `kept.{name}(…);`");
            traps.warn(RULE, position, name.chars().count(), message, help);
        }
        return;
    }
    let receiver = said::path(of, "x");
    let takes_closure = kinds.get(1).copied().flatten() == Some(Kind::Closure);
    let help = match name {
        "map" | "filter" | "find" | "some" | "all" | "reduce" if takes_closure => {
            format!("for what the closure does: `for item in {receiver} {{ … }}`; else keep what it gives: `let kept = {receiver}.{name}(…);`")
        }
        "to_upper" => format!("keep it: `let kept = {receiver}.to_upper();`, or change `{receiver}`: `{receiver}.make_upper();`"),
        "to_lower" => format!("keep it: `let kept = {receiver}.to_lower();`, or change `{receiver}`: `{receiver}.make_lower();`"),
        _ => format!("keep it: `let kept = {receiver}.{name}(…);`"),
    };
    let help = if call.args.is_empty() { help.replace("(…)", "()") } else { help };
    let message = format!("`{name}` changes nothing, and what it gives is lost");
    traps.warn(RULE, position, name.chars().count(), message, help);
}

/// A value that nothing else holds.
fn is_fresh(of: &Known) -> bool {
    of.path.is_none()
        && matches!(of.kind, Some(Kind::Text | Kind::Array | Kind::Map | Kind::Blob))
}

/// Tells of a function of no module whose value is lost.
pub(super) fn function(traps: &mut Traps, name: &str, position: Position, kinds: &[Option<Kind>]) {
    // What tests have is called for what it does.
    let is_shown = traps.file.is_test() || shows(traps, position);
    if CHANGING.contains(&name) || EFFECTS.contains(&name) || is_shown {
        return;
    }
    let signatures = traps.table.signatures(name, kinds);
    let gives_value = signatures.iter().all(|it| {
        let first = it.takes.first().copied().flatten();
        it.gives != Some(Kind::Unit) && !matches!(first, Some(Kind::Other | Kind::Closure))
    });
    if signatures.is_empty() || !gives_value {
        return;
    }
    let message = format!("`{name}` changes nothing, and what it gives is lost");
    traps.warn(RULE, position, name.chars().count(), message, format!("keep it: `let kept = {name}(…);`"));
}

/// Tells of a function of a module that is called for its value only.
pub(super) fn of_module(
    traps: &mut Traps,
    module: &str,
    call: &FnCallExpr,
    position: Position,
    of: Use,
) {
    let name = call.name.as_str();
    if of != Use::Dropped || !is_pure(module, name) || traps.in_try > 0 || shows(traps, position) {
        return;
    }
    let at = call.namespace.path.first().map_or(position, |part| part.pos);
    let full = format!("{module}::{name}");
    let help = match module {
        "response" => format!("it is no answer by itself: `return {full}(…);`"),
        "crypto" if matches!(name, "equal" | "verify") => format!("use it as a condition: `if !{full}(…) {{ throw …; }}`"),
        _ => format!("keep it: `let kept = {full}(…);`"),
    };
    let message = format!("what `{full}` gives is lost");
    traps.warn(RULE, at, full.chars().count(), message, help);
}

/// What a branch gives that is the last of a handler, and has no other: `if ready { #{ ok: true } }`.
pub(super) fn is_answer(statement: &Stmt) -> bool {
    match statement {
        Stmt::Expr(value) => match &**value {
            Expr::Map(..) | Expr::Array(..) | Expr::StringConstant(..) | Expr::InterpolatedString(..) => true,
            Expr::FnCall(call, _) => is_response(call),
            _ => false,
        },
        Stmt::FnCall(call, _) => is_response(call),
        _ => false,
    }
}

fn is_response(call: &FnCallExpr) -> bool {
    call.namespace.path.first().is_some_and(|part| part.name == "response")
}
