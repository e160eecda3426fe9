//! `for key in map` and `for (key, value) in map`, which the engine's own loops do not have.
//!
//! The runtime's own evaluation goes through maps by itself. Where the engine evaluates a function, what a
//! loop goes through is looked at by a node of ours: a map becomes an array of its keys, or of its entries,
//! which another node at the start of the loop's body takes apart. All else goes through as it is, so that
//! the second variable is a counter there.

use std::any::TypeId;

use rhai::{
    CustomExpr, Dynamic, EvalContext, Expr, Expression, ImmutableString, Map, Module, Position,
    Stmt, StmtBlock, Token,
};

use crate::bounds::{Bounded, room_for};

/// Looks at what a loop goes through.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// Whether the loop has a second variable.
    has_second: bool,
}

/// Takes an entry apart for these two variables.
#[derive(Debug, Clone)]
pub struct Parting {
    key: ImmutableString,
    value: ImmutableString,
}

/// An entry of a map, on its way to the variables of a loop.
#[derive(Debug, Clone)]
struct Entry {
    key: Dynamic,
    value: Dynamic,
}

/// Has the loops in statements that the engine evaluates go through maps. `word` is that of the
/// runtime's own nodes.
pub fn go_through_maps<'s>(
    statements: impl IntoIterator<Item = &'s mut Stmt>,
    word: &ImmutableString,
) {
    statements.into_iter().for_each(|statement| in_statement(statement, word));
}

impl Listing {
    /// What the loop goes through, instead of a map.
    ///
    /// # Errors
    /// What the expression throws, or that there is no room.
    pub fn run(self, context: &mut EvalContext, inputs: &[Expression]) -> Bounded<Dynamic> {
        let Some(list) = inputs.first() else { return Ok(Dynamic::UNIT) };
        #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
        let list = context.eval_expression_tree_raw(list, false)?.flatten();
        if !list.is_map() {
            return Ok(list);
        }
        let map = list.cast::<Map>();
        room_for(map.len(), 4 * size_of::<Dynamic>())?;
        let entries = map.into_iter().map(|(key, value)| {
            let key = Dynamic::from(ImmutableString::from(key));
            match self.has_second {
                true => Dynamic::from(Entry { key, value: value.flatten() }),
                false => key,
            }
        });
        Ok(Dynamic::from_array(entries.collect()))
    }
}

impl Parting {
    /// Gives the two variables what they stand for, where the loop goes through a map.
    pub fn run(&self, context: &mut EvalContext) {
        let entry = context.scope().get(&self.key).and_then(|key| {
            let entry = key.read_lock::<Entry>()?;
            Some(entry.clone())
        });
        let Some(Entry { key, value }) = entry else { return };
        for (name, value) in [(&self.key, key), (&self.value, value)] {
            // A closure may have captured the variable.
            if let Some(variable) = context.scope_mut().get_mut(name)
                && let Some(mut place) = variable.write_lock::<Dynamic>()
            {
                *place = value;
            }
        }
    }
}

/// What goes through maps where nobody has looked at the loop: in a text that is evaluated.
pub fn refuse_maps(iterable: &mut Module) {
    iterable.set_iter_result(TypeId::of::<Map>(), |_| {
        let refused = "a loop in `eval` or in a function of the shell cannot go through a map; write \
                       `for key in map.keys()`";
        Box::new(std::iter::once(Err(refused.into())))
    });
}

fn node(word: &ImmutableString, input: Option<Expr>, state: Dynamic, position: Position) -> Expr {
    let custom = CustomExpr {
        inputs: input.into_iter().collect(),
        tokens: std::iter::once(word.clone()).collect(),
        state,
        scope_may_be_changed: false,
        self_terminated: true,
    };
    Expr::Custom(Box::new(custom), position)
}

fn in_block(block: &mut StmtBlock, word: &ImmutableString) {
    go_through_maps(block.statements_mut().iter_mut(), word);
}

fn in_statement(statement: &mut Stmt, word: &ImmutableString) {
    match statement {
        Stmt::For(parts, _) => {
            let (item, second, flow) = &mut **parts;
            in_expression(&mut flow.expr, word);
            in_block(&mut flow.body, word);
            if is_no_map(&flow.expr) {
                return;
            }
            let position = flow.expr.start_position();
            let list = std::mem::replace(&mut flow.expr, Expr::Unit(position));
            let state = Dynamic::from(Listing { has_second: second.is_some() });
            flow.expr = node(word, Some(list), state, position);
            if let Some(second) = second
                && !flow.body.is_empty()
            {
                let parting = Parting { key: item.name.clone(), value: second.name.clone() };
                let parting = node(word, None, Dynamic::from(parting), Position::NONE);
                let span = flow.body.span();
                let body = std::mem::take(flow.body.statements_mut());
                let body = std::iter::once(Stmt::Expr(Box::new(parting))).chain(body);
                flow.body = StmtBlock::new_with_span(body, span);
            }
        }
        Stmt::If(parts, _)
        | Stmt::While(parts, _)
        | Stmt::Do(parts, ..)
        | Stmt::TryCatch(parts, _) => {
            in_expression(&mut parts.expr, word);
            in_block(&mut parts.body, word);
            in_block(&mut parts.branch, word);
        }
        Stmt::Switch(parts, _) => {
            in_expression(&mut parts.0, word);
            for case in &mut parts.1.expressions {
                in_expression(&mut case.lhs, word);
                in_expression(&mut case.rhs, word);
            }
        }
        Stmt::Var(parts, ..) => in_expression(&mut parts.1, word),
        Stmt::Assignment(parts) => {
            in_expression(&mut parts.1.lhs, word);
            in_expression(&mut parts.1.rhs, word);
        }
        Stmt::FnCall(call, _) => in_expressions(&mut call.args, word),
        Stmt::Block(block) => in_block(block, word),
        Stmt::Expr(expression) => in_expression(expression, word),
        Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
            in_expression(value, word);
        }
        _ => {}
    }
}

/// Whether it can be seen that a loop goes through something else.
fn is_no_map(list: &Expr) -> bool {
    match list {
        Expr::Array(..) | Expr::StringConstant(..) => true,
        Expr::FnCall(call, _) => {
            matches!(call.op_token, Some(Token::ExclusiveRange | Token::InclusiveRange))
        }
        _ => false,
    }
}

fn in_expressions<'e>(expressions: impl IntoIterator<Item = &'e mut Expr>, word: &ImmutableString) {
    expressions.into_iter().for_each(|expression| in_expression(expression, word));
}

fn in_expression(expression: &mut Expr, word: &ImmutableString) {
    match expression {
        Expr::Stmt(block) => in_block(block, word),
        Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => in_expressions(parts, word),
        Expr::Map(parts, _) => in_expressions(parts.0.iter_mut().map(|(_, value)| value), word),
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
            in_expressions(&mut **parts, word);
        }
        Expr::MethodCall(call, _) | Expr::FnCall(call, _) => in_expressions(&mut call.args, word),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
            in_expression(&mut pair.lhs, word);
            in_expression(&mut pair.rhs, word);
        }
        Expr::Custom(custom, _) => in_expressions(&mut custom.inputs, word),
        _ => {}
    }
}
