//! A handler that ends without an answer.

use rhai::{Expr, Position, Stmt};

use super::{Traps, chain, dropped};
use crate::check::project::Function;

const RULE: &str = "lost-answer";

/// Tells of a handler whose last statement gives `()` where something else must be meant.
pub(super) fn check(traps: &mut Traps, handler: &Function) {
    let Some(last) = handler.statements.last() else { return };
    let (position, length, what, help) = match last {
        Stmt::Var(variable, _, position) => {
            let name = &variable.0.name;
            let at = if variable.0.pos.is_none() { *position } else { variable.0.pos };
            let help =
                format!("end with the value: `{name}` on the last line, or `return {name};`");
            (at, name.chars().count(), "`let`", help)
        }
        Stmt::Assignment(assignment) => {
            let (Expr::Variable(variable, _, position), _) = chain(&assignment.1.lhs) else {
                return;
            };
            let name = &variable.1;
            let help =
                format!("end with the value: `{name}` on the last line, or `return {name};`");
            (*position, name.chars().count(), "an assignment", help)
        }
        Stmt::If(flow, position) => {
            if let Some((name, at)) = ends_in_an_assignment(flow.body.statements())
                .or_else(|| ends_in_an_assignment(flow.branch.statements()))
            {
                let help =
                    format!("end with the value: `{name}` on the last line, or `return {name};`");
                let message = "the handler ends with an assignment, and answers null".to_owned();
                return traps.warn(RULE, at, name.chars().count(), message, help);
            }
            let has_else = !flow.branch.statements().is_empty();
            let gives = flow.body.statements().last().is_some_and(dropped::is_answer);
            if has_else || !gives {
                return;
            }
            let help = "say what it is then, after the `if` or in an `else`".to_owned();
            let message = "where the condition does not hold, the handler answers null".to_owned();
            return traps.warn(RULE, *position, 2, message, help);
        }
        _ => return,
    };
    let message = format!("the handler ends with {what}, and answers null");
    traps.warn(RULE, at_known(position), length, message, help);
}

/// The variable that the last statement of a branch sets, if it is one of the handler's own, and where.
fn ends_in_an_assignment(statements: &[Stmt]) -> Option<(String, Position)> {
    match statements.last()? {
        Stmt::Assignment(assignment) => match chain(&assignment.1.lhs) {
            (Expr::Variable(variable, _, position), _) => Some((variable.1.to_string(), *position)),
            _ => None,
        },
        Stmt::If(flow, _) => ends_in_an_assignment(flow.body.statements())
            .or_else(|| ends_in_an_assignment(flow.branch.statements())),
        _ => None,
    }
}

fn at_known(position: Position) -> Position {
    if position.is_none() { Position::new(1, 1) } else { position }
}
