//! What closures are called with, and whether they have a `this`.

use rhai::{Expr, Position};

use super::{Known, Traps};
use crate::check::project::Function;
use crate::check::table::Kind;

/// Methods that ask their closure for a value.
const ASKING: &[&str] = &[
    "all",
    "any",
    "count_by",
    "drain",
    "filter",
    "find",
    "find_map",
    "flat_map",
    "group_by",
    "index_by",
    "index_of",
    "map",
    "max_by",
    "min_by",
    "order",
    "order_by",
    "partition",
    "reduce",
    "reduce_rev",
    "retain",
    "skip_while",
    "some",
    "sort",
    "sort_by",
    "sum_by",
    "take_while",
    "unique_by",
];

/// Those that call a closure of one or more parameters without a `this`.
const WITHOUT_THIS: &[&str] = &[
    "all",
    "filter",
    "find",
    "find_map",
    "map",
    "order",
    "order_by",
    "reduce",
    "reduce_rev",
    "some",
    "sort",
    "sort_by",
];

/// Whether a method uses what its closure gives.
pub(super) fn uses_the_value(name: &str) -> bool {
    ASKING.contains(&name)
}

/// Tells of a closure whose parameter is the index, and used as the element.
pub(super) fn given_to(
    traps: &mut Traps,
    name: &str,
    of: &Known,
    function: &Function,
    captured: usize,
) {
    let own = &function.parameters[captured.min(function.parameters.len())..];
    let ([parameter], "for_each", None | Some(Kind::Array)) = (own, name, of.kind) else { return };
    let Some((position, used)) =
        super::copies::used_as_more_than_a_number(function, parameter, traps)
    else {
        return;
    };
    let message = format!(
        "`for_each` calls its closure with the index: `{parameter}` is a number, `this` the element"
    );
    let help = format!("write `for {parameter} in … {{ … }}`, or `this{used}` in the closure");
    traps.error("for-each-index", position, parameter.chars().count(), message, help);
}

/// Tells of `this` in a closure that has none.
pub(super) fn uses_this(traps: &mut Traps, name: &str, argument: &Expr, position: Position) {
    let Some((function, captured)) = traps.function_of(argument) else { return };
    if !WITHOUT_THIS.contains(&name) || function.parameters.len() <= captured {
        return;
    }
    let message = format!("the closure that `{name}` calls with its parameters has no `this`");
    let help =
        "take out before what it needs: `let rate = this.rate;`, and use `rate` in the closure";
    traps.error("closure-this", position, name.chars().count(), message, help.to_owned());
}
