//! A closure's own name.
//!
//! The engine calls a closure `anon$` and a hash of its text and place, and finds it by that name. Two
//! files that were made from one template have the same closure at the same place, and one would run
//! as the other. Each closure is therefore given a name that no other has, where it is defined and
//! wherever a pointer to it is made.

use std::collections::HashMap;

use rhai::{
    Array, Dynamic, Expr, FnPtr, ImmutableString, Map, ScriptFuncDef, Shared, Stmt, StmtBlock,
};

/// What all names of closures begin with, here as in the engine.
pub const PREFIX: &str = "anon$";

/// The closures of one script, by the names that the engine gave them.
#[derive(Default)]
pub struct Names(HashMap<ImmutableString, FnPtr>);

impl Names {
    /// A name from `next` for each function that is a closure, and the functions under their names.
    pub fn give(
        functions: &[&Shared<ScriptFuncDef>],
        mut next: impl FnMut() -> ImmutableString,
    ) -> (Self, Vec<Shared<ScriptFuncDef>>) {
        let mut names = Self::default();
        let renamed = functions
            .iter()
            .map(|function| {
                if !function.name.starts_with(PREFIX) {
                    return (*function).clone();
                }
                let renamed = Shared::new(ScriptFuncDef { name: next(), ..(***function).clone() });
                names.0.insert(function.name.clone(), FnPtr::from(renamed.clone()));
                renamed
            })
            .collect();
        (names, renamed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Has the pointers that statements make lead to the closures under their own names.
    pub fn put_into<'s>(&self, statements: impl IntoIterator<Item = &'s mut Stmt>) {
        if !self.is_empty() {
            statements.into_iter().for_each(|statement| self.in_statement(statement));
        }
    }

    fn in_block(&self, block: &mut StmtBlock) {
        block.statements_mut().iter_mut().for_each(|statement| self.in_statement(statement));
    }

    fn in_statement(&self, statement: &mut Stmt) {
        match statement {
            Stmt::If(parts, _)
            | Stmt::While(parts, _)
            | Stmt::Do(parts, ..)
            | Stmt::TryCatch(parts, _) => {
                self.in_expression(&mut parts.expr);
                self.in_block(&mut parts.body);
                self.in_block(&mut parts.branch);
            }
            Stmt::For(parts, _) => {
                self.in_expression(&mut parts.2.expr);
                self.in_block(&mut parts.2.body);
                self.in_block(&mut parts.2.branch);
            }
            Stmt::Switch(parts, _) => {
                self.in_expression(&mut parts.0);
                for case in &mut parts.1.expressions {
                    self.in_expression(&mut case.lhs);
                    self.in_expression(&mut case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.in_expression(&mut parts.1),
            Stmt::Assignment(parts) => {
                self.in_expression(&mut parts.1.lhs);
                self.in_expression(&mut parts.1.rhs);
            }
            Stmt::FnCall(call, _) => self.in_expressions(&mut call.args),
            Stmt::Block(block) => self.in_block(block),
            Stmt::Expr(expression) => self.in_expression(expression),
            Stmt::BreakLoop(Some(expression), ..) | Stmt::Return(Some(expression), ..) => {
                self.in_expression(expression);
            }
            Stmt::Import(parts, _) => self.in_expression(&mut parts.0),
            _ => {}
        }
    }

    fn in_expressions<'e>(&self, expressions: impl IntoIterator<Item = &'e mut Expr>) {
        expressions.into_iter().for_each(|expression| self.in_expression(expression));
    }

    fn in_expression(&self, expression: &mut Expr) {
        match expression {
            Expr::DynamicConstant(value, _) => self.in_value(value),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                self.in_expressions(parts);
            }
            Expr::Map(map, _) => {
                self.in_expressions(map.0.iter_mut().map(|(_, value)| value));
                map.1.values_mut().for_each(|value| self.in_value(value));
            }
            Expr::MethodCall(call, _) | Expr::FnCall(call, _) => {
                self.in_expressions(&mut call.args);
            }
            Expr::Stmt(block) => self.in_block(block),
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                self.in_expression(&mut pair.lhs);
                self.in_expression(&mut pair.rhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                self.in_expressions(&mut **parts);
            }
            Expr::Custom(custom, _) => self.in_expressions(&mut custom.inputs),
            _ => {}
        }
    }

    /// Constants may have been folded into one value.
    fn in_value(&self, value: &mut Dynamic) {
        if let Some(mut array) = value.write_lock::<Array>() {
            return array.iter_mut().for_each(|item| self.in_value(item));
        }
        if let Some(mut map) = value.write_lock::<Map>() {
            return map.values_mut().for_each(|item| self.in_value(item));
        }
        if let Some(mut pointer) = value.write_lock::<FnPtr>()
            && let Some(renamed) = self.0.get(pointer.fn_name())
        {
            let mut renamed = renamed.clone();
            renamed.set_curry(pointer.iter_curry().cloned());
            *pointer = renamed;
        }
    }
}
