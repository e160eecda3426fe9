//! Values that nothing is done with: `items.map(|x| x * 2);`.

use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::{Known, Traps, Use, said};
use crate::check::project::Function;
use crate::check::table::Kind;

const RULE: &str = "dropped-value";

/// Methods that change what they are called on and give something beside: what they give may be left.
/// A test asks the engine whether these are all.
const CHANGING: &[&str] = &[
    "call", "cookie", "curry", "drain", "header", "pop", "remove", "retain", "shift", "splice",
    "split", "take",
];

/// Functions that are called for what they do.
const EFFECTS: &[&str] = &[
    "call",
    "debug",
    "eval",
    "exit",
    "import",
    "parse_float",
    "parse_int",
    "parse_json",
    "print",
    "sleep",
    "take",
];

/// Modules of which everything only gives a value.
const PURE: &[&str] = &["base64url", "hex", "regex", "response", "text", "uuid"];

/// A function of a module that is called for nothing but its value.
fn is_pure(module: &str, name: &str) -> bool {
    PURE.contains(&module)
        || matches!(
            (module, name),
            ("json", "stringify" | "pretty") | ("base64", "encode") | ("crypto", _)
        )
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
        _ if known.kind == Some(Kind::Closure) => (
            "this closure",
            "it is never called; give it a name: `let f = |x| …;`, then `f.call(…)`",
        ),
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

/// Whether the line of a statement shows what it gives.
fn shows(traps: &Traps, position: Position) -> bool {
    position.line().is_some_and(|line| traps.shown.contains(&line))
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
    let gives_value = signatures
        .iter()
        .all(|it| it.gives != Some(Kind::Unit) && on_values(it.takes.first().copied().flatten()));
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
            format!(
                "for what the closure does: `for item in {receiver} {{ … }}`; else keep what it gives: `let kept = {receiver}.{name}(…);`"
            )
        }
        "to_upper" => format!(
            "keep it: `let kept = {receiver}.to_upper();`, or change `{receiver}`: `{receiver}.make_upper();`"
        ),
        "to_lower" => format!(
            "keep it: `let kept = {receiver}.to_lower();`, or change `{receiver}`: `{receiver}.make_lower();`"
        ),
        _ => format!("keep it: `let kept = {receiver}.{name}(…);`"),
    };
    let help = if call.args.is_empty() { help.replace("(…)", "()") } else { help };
    let message = format!("`{name}` changes nothing, and what it gives is lost");
    traps.warn(RULE, position, name.chars().count(), message, help);
}

/// A value that nothing else holds.
fn is_fresh(of: &Known) -> bool {
    of.is_made && matches!(of.kind, Some(Kind::Text | Kind::Array | Kind::Map | Kind::Blob))
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
    traps.warn(
        RULE,
        position,
        name.chars().count(),
        message,
        format!("keep it: `let kept = {name}(…);`"),
    );
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
        "crypto" if matches!(name, "equal" | "verify") => {
            format!("use it as a condition: `if !{full}(…) {{ throw …; }}`")
        }
        _ => format!("keep it: `let kept = {full}(…);`"),
    };
    let message = format!("what `{full}` gives is lost");
    traps.warn(RULE, at, full.chars().count(), message, help);
}

/// Tells of a function of the script that does nothing but to give a value, which is lost.
pub(super) fn own(traps: &mut Traps, call: &FnCallExpr, position: Position) {
    let name = call.name.as_str();
    let mut functions = traps.file.functions_named(name);
    let Some(function) = functions.find(|it| it.parameters.len() == call.args.len()) else {
        return;
    };
    if call.capture_parent_scope || shows(traps, position) {
        return;
    }
    let key = (name.to_owned(), call.args.len());
    let known = traps.without_effect.get(&key).copied();
    let is_without = known.unwrap_or_else(|| has_no_effect(traps, function));
    traps.without_effect.insert(key, is_without);
    if !is_without {
        return;
    }
    let message = format!(
        "`{name}` does nothing but to give a value, which is lost: its parameters are copies"
    );
    let help = format!("keep it: `let kept = {name}(…);`");
    traps.warn(RULE, position, name.chars().count(), message, help);
}

/// Whether a function only makes a value out of others.
fn has_no_effect(traps: &Traps, function: &Function) -> bool {
    let mut is_pure = !function.uses_this && !function.statements.is_empty();
    for statement in &function.statements {
        statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode]| {
            is_pure &= match nodes.last() {
                Some(ASTNode::Stmt(Stmt::Return(_, flags, _))) => !flags.contains(ASTFlags::BREAK),
                Some(ASTNode::Stmt(Stmt::Import(..) | Stmt::TryCatch(..) | Stmt::While(..))) => {
                    false
                }
                Some(ASTNode::Stmt(Stmt::Share(_)) | ASTNode::Expr(Expr::ThisPtr(_))) => false,
                Some(ASTNode::Expr(Expr::DynamicConstant(..) | Expr::Custom(..))) => false,
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) => calls_for_a_value(traps, call),
                // Parsing fails where it is not what it should be, which may be why it is called.
                Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                    !EFFECTS.contains(&call.name.as_str())
                        && is_of_values(traps, &call.name, call.args.len() + 1)
                }
                _ => true,
            };
            is_pure
        });
    }
    is_pure
}

fn calls_for_a_value(traps: &Traps, call: &FnCallExpr) -> bool {
    let name = call.name.as_str();
    match call.namespace.path.first() {
        _ if call.op_token.is_some() => true,
        Some(module) => is_pure(&module.name, name),
        None => {
            traps.file.function(name).is_none()
                && !EFFECTS.contains(&name)
                && is_of_values(traps, name, call.args.len())
        }
    }
}

/// Whether all built-in functions of a name work on values without a life of their own.
fn is_of_values(traps: &Traps, name: &str, count: usize) -> bool {
    let signatures = traps.table.signatures(name, &vec![None; count]);
    !signatures.is_empty()
        && traps.file.functions_named(name).next().is_none()
        && signatures.iter().all(|it| {
            let mut takes = it.takes.iter();
            takes.all(|kind| !matches!(kind, Some(Kind::Other | Kind::Closure)))
        })
}

/// What a branch gives that is the last of a handler, and has no other: `if ready { #{ ok: true } }`.
pub(super) fn is_answer(statement: &Stmt) -> bool {
    match statement {
        Stmt::Expr(value) => match &**value {
            Expr::Map(..)
            | Expr::Array(..)
            | Expr::StringConstant(..)
            | Expr::InterpolatedString(..) => true,
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

#[cfg(test)]
mod tests {
    use rhai::EvalAltResult;

    use super::{CHANGING, EFFECTS};
    use crate::check::table::{Kind, Table};

    /// A value of a kind, as a script has it.
    fn sample(kind: Option<Kind>) -> Option<&'static str> {
        Some(match kind {
            Some(Kind::Text) => "\"a\"",
            Some(Kind::Char) => "'a'",
            Some(Kind::Int) => "0",
            Some(Kind::Float) => "1.5",
            Some(Kind::Bool) => "true",
            Some(Kind::Array) => "[1]",
            Some(Kind::Map) => "#{ a: 1 }",
            Some(Kind::Blob) => "blob(1)",
            Some(Kind::Range) => "0..1",
            Some(Kind::Closure) => "|x| true",
            Some(Kind::Unit) => "()",
            None => "1",
            Some(Kind::Other) => return None,
        })
    }

    /// The engine refuses to call on a constant what changes its receiver.
    #[test]
    fn what_changes_and_gives_a_value_is_known() {
        let table = Table::of_the_engine().expect("it can be asked");
        let mut missing = Vec::new();
        for (name, signature) in table.all_signatures() {
            let values = [Kind::Text, Kind::Char, Kind::Array, Kind::Map, Kind::Blob];
            let Some(first) = signature.takes.first().copied().flatten() else { continue };
            let is_method = rhai::is_valid_identifier(name) && values.contains(&first);
            if !is_method || signature.gives == Some(Kind::Unit) || EFFECTS.contains(&name) {
                continue;
            }
            let samples: Option<Vec<&str>> =
                signature.takes.iter().map(|kind| sample(*kind)).collect();
            let Some(samples) = samples else { continue };
            let (receiver, arguments) = samples.split_first().expect("a receiver");
            let script =
                format!("const VALUE = {receiver}; VALUE.{name}({})", arguments.join(", "));
            let result = table.engine.eval::<rhai::Dynamic>(&script);
            let is_refused = result.is_err_and(|error| {
                matches!(error.unwrap_inner(), EvalAltResult::ErrorNonPureMethodCallOnConstant(..))
            });
            if is_refused && !CHANGING.contains(&name) {
                missing.push(script);
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
