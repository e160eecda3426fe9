//! A method that has the name of a function of the script.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::{Known, Traps};
use crate::check::project::File;
use crate::check::table::{Kind, takes};

const RULE: &str = "same-method";

/// Tells of a call of a built-in method where the script has a function of that name, too.
pub(super) fn method(traps: &mut Traps, of: &Known, call: &FnCallExpr, position: Position) {
    let name = call.name.as_str();
    let count = call.args.len();
    let mut own = traps.file.functions_named(name);
    let Some(function) =
        own.find(|it| it.parameters.len() == count && it.of_type.is_none() && !it.is_closure())
    else {
        return;
    };
    let built_in = traps.table.functions.get(name);
    // A map's own closure comes first, and what is of a type of its own has its own methods.
    if !built_in.is_some_and(|counts| takes(counts, count + 1)) || of.kind == Some(Kind::Other) {
        return;
    }
    // One that is called as a function is meant as one.
    if !function.uses_this && is_called(traps.file, name) {
        return;
    }
    let line = traps.file.place_of(name, function).line().unwrap_or(1);
    let (message, help) = match function.uses_this {
        true => (
            format!(
                "`{name}` is the script's own function (line {line}), which uses `this` and so hides the built-in method"
            ),
            format!("give the function a name of its own, or a type: `fn map.{name}(…)`"),
        ),
        false => (
            format!(
                "`{name}` is a built-in method, and a function of this script (line {line}): which of them is meant here?"
            ),
            format!(
                "give the function a name of its own; to call it, write it as a function: `{name}(…)`"
            ),
        ),
    };
    traps.warn(RULE, position, name.chars().count(), message, help);
}

/// Whether a file calls a function by its name alone, or hands it on.
fn is_called(file: &File, name: &str) -> bool {
    let mut is_called = false;
    file.ast.walk(&mut |nodes: &[ASTNode]| {
        is_called |= match nodes.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                call.name == name
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => variable.1 == name,
            _ => false,
        };
        !is_called
    });
    is_called
}
