//! Changes of what is a copy: parameters, the variable of a `for`, constants of the top level.

use rhai::{ASTNode, Expr, Position, Stmt};

use super::bindings::{Binding, Part};
use super::said;
use super::{Traps, chain};
use crate::check::project::Function;
use crate::check::shape::Step;

const RULE: &str = "changed-copy";

/// Tells of a variable that is changed, and of which that is never read.
pub(super) fn check(traps: &mut Traps, binding: &Binding) {
    let Some(position) = binding.changed_at.filter(|_| binding.is_copy) else { return };
    let is_read = binding.reads.iter().any(|read| {
        *read == Part::Any
            || binding.changes.iter().any(|change| *change == Part::Any || change == read)
    });
    let name = &binding.name;
    if is_read || name.starts_with('_') {
        return;
    }
    let is_parameter =
        traps.function.is_some_and(|function| function.parameters.iter().any(|it| it == name));
    let (message, help) = match is_parameter {
        true => (
            format!("`{name}` is a copy of what the caller has, and its change is never read"),
            format!("give it back: `return {name};`, and let the caller keep it: `x = f(x);`"),
        ),
        false => (
            format!("`{name}` is a copy of the element, and its change is never read"),
            format!(
                "change the array: `for (_, i) in items {{ items[i].… = …; }}`, or make a new one: `items.map(|{name}| {{ …; {name} }})`"
            ),
        ),
    };
    traps.warn(RULE, position, name.chars().count(), message, help);
}

/// Tells of a constant of the top level that a function changes: what changes is a copy.
pub(super) fn changed_constant(traps: &mut Traps, name: &str, position: Position) {
    let is_constant = traps.function.is_some()
        && traps.bindings.find(name).is_none()
        && traps.file.constants.contains_key(name);
    if is_constant {
        let message = format!("`{name}` is a constant: this changes a copy that is lost");
        let help = format!(
            "copy it first: `let own = {name};`; what lasts until the next event is kept in `this`"
        );
        traps.warn(RULE, position, name.chars().count(), message, help);
    }
}

/// Where a closure uses a parameter as what no number is, and how it goes on there.
pub(super) fn used_as_more_than_a_number(
    function: &Function,
    parameter: &str,
    traps: &Traps,
) -> Option<(Position, String)> {
    let mut found = None;
    let mut is_set = false;
    for statement in &function.statements {
        statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode]| {
            match nodes.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    is_set |= matches!(&assignment.1.lhs, Expr::Variable(variable, ..) if variable.1 == parameter);
                }
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => is_set |= variable.0.name == parameter,
                Some(ASTNode::Stmt(Stmt::For(parts, _))) => is_set |= parts.0.name == parameter,
                Some(ASTNode::Expr(expression @ (Expr::Dot(..) | Expr::Index(..)))) if found.is_none() => {
                    let (base, steps) = chain(expression);
                    let Expr::Variable(variable, _, position) = base else { return true };
                    if variable.1 != parameter {
                        return true;
                    }
                    found = match (said::first_step(&steps), steps.first()) {
                        (Part::Named(key), Some(Step::Dot(_))) if !of_a_number(traps, &key) => {
                            Some((*position, format!(".{key}")))
                        }
                        (Part::Named(key), Some(Step::Index(_))) => Some((*position, format!("[\"{key}\"]"))),
                        _ => None,
                    };
                }
                _ => {}
            }
            true
        });
    }
    found.filter(|_| !is_set)
}

/// Whether a number has a property of this name.
fn of_a_number(traps: &Traps, key: &str) -> bool {
    let name = format!("get${key}");
    !traps.table.signatures(&name, &[Some(crate::check::table::Kind::Int)]).is_empty()
}
