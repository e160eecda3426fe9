//! Comparers that give no whole number: `items.sort(|a, b| a.price - b.price)`.

use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::{Known, Traps, chain};
use crate::check::project::Function;
use crate::check::shape::Step;
use crate::check::table::Kind;

const RULE: &str = "sort-order";

/// Tells of a closure that compares by a difference which may be a decimal, or by true and false.
pub(super) fn comparer(
    traps: &mut Traps,
    name: &str,
    function: &Function,
    captured: usize,
    element: &Known,
) {
    if !matches!(name, "sort" | "sort_by" | "order" | "order_by") {
        return;
    }
    let parameters = &function.parameters[captured.min(function.parameters.len())..];
    let [first, second] = parameters else { return };
    let Some((call, position)) = only_operator(&function.statements) else { return };
    let [left, right] = call.args.as_slice() else { return };
    let sign = call.name.as_str();
    match sign {
        "-" => {
            if element.kind == Some(Kind::Int) || is_whole(left) || is_whole(right) {
                return;
            }
            let property = property_of(left, first)
                .filter(|it| property_of(right, second).as_ref() == Some(it))
                .or_else(|| {
                    property_of(left, second)
                        .filter(|it| property_of(right, first).as_ref() == Some(it))
                });
            // Plain numbers are sorted without a comparer; nobody knows whether these are whole.
            let is_plain = [left, right].iter().all(|it| matches!(it, Expr::Variable(..)));
            if property.is_none() && !is_plain {
                return;
            }
            let message = format!(
                "`{name}` wants a whole number of its comparer: a decimal difference leaves the order as it was"
            );
            let help = match property {
                Some(property) if left_is(left, first) => format!(
                    "`.sort_by(\"{property}\")` gives the sorted array; a comparer is `({first}.{property} - {second}.{property}).sign()`"
                ),
                _ => "take the sign of it: `(… - …).sign()`".to_owned(),
            };
            traps.warn(RULE, position, 1, message, help);
        }
        "<" | ">" | "<=" | ">=" | "==" => {
            let message = format!(
                "`{name}` wants a whole number of its comparer, and `{sign}` gives true or false"
            );
            let help = match property_of(left, first) {
                Some(property) => format!(
                    "`.sort_by(\"{property}\")` gives the sorted array, `.sort_by(\"{property}\", \"desc\")` the other way round"
                ),
                None => {
                    "give -1, 0 or 1: `if a < b { -1 } else if a > b { 1 } else { 0 }`".to_owned()
                }
            };
            traps.warn(RULE, position, sign.len(), message, help);
        }
        _ => {}
    }
}

/// The operator that is all that a function does.
fn only_operator(statements: &[Stmt]) -> Option<(&FnCallExpr, Position)> {
    let (call, position) = match statements {
        [Stmt::FnCall(call, position)] => (&**call, *position),
        [Stmt::Expr(expression) | Stmt::Return(Some(expression), ..)] => match &**expression {
            Expr::FnCall(call, position) => (&**call, *position),
            _ => return None,
        },
        _ => return None,
    };
    call.op_token.is_some().then_some((call, position))
}

/// The one property of a parameter that an expression is.
fn property_of(expression: &Expr, parameter: &str) -> Option<String> {
    let (Expr::Variable(variable, ..), steps) = chain(expression) else { return None };
    match steps.as_slice() {
        [Step::Dot(Expr::Property(property, _))] if variable.1 == parameter => {
            Some(property.2.to_string())
        }
        [Step::Index(Expr::StringConstant(key, _))] if variable.1 == parameter => {
            Some(key.to_string())
        }
        _ => None,
    }
}

fn left_is(left: &Expr, first: &str) -> bool {
    property_of(left, first).is_some()
}

/// A length, for one.
fn is_whole(expression: &Expr) -> bool {
    let (_, steps) = chain(expression);
    match steps.last() {
        Some(Step::Dot(Expr::MethodCall(call, _))) => {
            matches!(call.name.as_str(), "len" | "to_int" | "index_of" | "parse_int" | "sign")
        }
        Some(Step::Dot(Expr::Property(property, _))) => {
            matches!(property.2.as_str(), "len" | "count" | "index" | "position" | "timestamp")
        }
        _ => false,
    }
}
