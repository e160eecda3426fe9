//! Has the engine's own evaluation of scripts put captured variables into cells that are noted.
//!
//! In the place of each statement of a syntax tree that shares variables with a closure comes one of ours.
//! Where there are constants, which ours cannot touch, the engine's stays behind it.

use std::rc::Rc;

use rhai::{
    ASTFlags, ASTNode, CustomExpr, Dynamic, EvalContext, Expr, FnCallExpr, Ident, ImmutableString,
    Position, Stmt, StmtBlock,
};

use super::{Captured, Names};

/// What one statement shares.
#[derive(Debug, Clone)]
pub struct Shares(Rc<Names>);

impl Shares {
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(name, changes)| (name.as_str(), *changes))
    }

    /// Shares the variables that are in reach.
    pub fn run(&self, captured: &Captured, context: &mut EvalContext) {
        captured.share_named(self, |name, share| {
            if let Some(variable) = context.scope_mut().get_mut(name) {
                share(variable);
            }
        });
    }
}

/// The same statements, with what they share noted. `word` is that of the runtime's own statements;
/// `changes` tells whether a closure may change a variable.
#[must_use]
pub fn noted(
    statements: Vec<Stmt>,
    word: &ImmutableString,
    changes: &dyn Fn(&str) -> bool,
) -> Vec<Stmt> {
    let has_shares = |statement: &Stmt| {
        !statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            !matches!(path.last(), Some(ASTNode::Stmt(Stmt::Share(_))))
        })
    };
    if !statements.iter().any(has_shares) {
        return statements;
    }
    let has_constants = |statement: &Stmt| {
        !statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            !matches!(path.last(), Some(ASTNode::Stmt(Stmt::Var(_, flags, _)))
                if flags.contains(ASTFlags::CONSTANT))
        })
    };
    let keeps = statements.iter().any(has_constants);
    Noting { word, changes, keeps }.statements(statements)
}

struct Noting<'a> {
    word: &'a ImmutableString,
    /// Whether the engine's own statements stay.
    keeps: bool,
    changes: &'a dyn Fn(&str) -> bool,
}

impl Noting<'_> {
    fn statements(&self, statements: impl IntoIterator<Item = Stmt>) -> Vec<Stmt> {
        let mut noted = Vec::new();
        for mut statement in statements {
            if let Stmt::Share(shared) = &statement {
                let names = shared.iter().map(|(variable, _)| variable);
                noted.push(self.note(names));
                if !self.keeps {
                    continue;
                }
            }
            self.within(&mut statement);
            noted.push(statement);
        }
        noted
    }

    /// The statement that shares these variables.
    fn note<'s>(&self, variables: impl Iterator<Item = &'s Ident>) -> Stmt {
        let names =
            variables.map(|variable| (variable.name.clone(), (self.changes)(&variable.name)));
        let custom = CustomExpr {
            inputs: std::iter::empty().collect(),
            tokens: std::iter::once(self.word.clone()).collect(),
            state: Dynamic::from(Shares(Rc::new(names.collect()))),
            scope_may_be_changed: false,
            self_terminated: true,
        };
        Stmt::Expr(Box::new(Expr::Custom(Box::new(custom), Position::NONE)))
    }

    fn block(&self, block: &mut StmtBlock) {
        let span = block.span();
        let statements = std::mem::take(block.statements_mut());
        *block = StmtBlock::new_with_span(self.statements(statements), span);
    }

    fn within(&self, statement: &mut Stmt) {
        match statement {
            Stmt::If(parts, _) | Stmt::While(parts, _) | Stmt::Do(parts, ..) => {
                self.expression(&mut parts.expr);
                self.block(&mut parts.body);
                self.block(&mut parts.branch);
            }
            Stmt::TryCatch(parts, _) => {
                self.block(&mut parts.body);
                self.block(&mut parts.branch);
            }
            Stmt::For(parts, _) => {
                self.expression(&mut parts.2.expr);
                self.block(&mut parts.2.body);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&mut parts.0);
                for case in &mut parts.1.expressions {
                    self.expression(&mut case.lhs);
                    self.expression(&mut case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.expression(&mut parts.1),
            Stmt::Assignment(parts) => {
                self.expression(&mut parts.1.lhs);
                self.expression(&mut parts.1.rhs);
            }
            Stmt::FnCall(call, _) => self.call(call),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            Stmt::Import(parts, _) => self.expression(&mut parts.0),
            _ => {}
        }
    }

    fn call(&self, call: &mut FnCallExpr) {
        call.args.iter_mut().for_each(|argument| self.expression(argument));
    }

    fn expression(&self, expression: &mut Expr) {
        match expression {
            Expr::Stmt(block) => self.block(block),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::Map(parts, _) => {
                parts.0.iter_mut().for_each(|(_, value)| self.expression(value));
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter_mut().for_each(|part| self.expression(part));
            }
            Expr::MethodCall(call, _) | Expr::FnCall(call, _) => self.call(call),
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                self.expression(&mut pair.lhs);
                self.expression(&mut pair.rhs);
            }
            _ => {}
        }
    }
}
