//! The value that a function ends with, taken instead of copied.
//!
//! The engine copies a variable wherever it is read, so that `let rows = [...]; ...; #{rows: rows}`
//! copies every row, and frees the originals a moment later. Where the last expression of a function
//! is a variable of its own, or an array or a map of some, nothing can read them afterwards.

use std::collections::{HashMap, HashSet};

use rhai::{
    ASTFlags, ASTNode, Array, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, Ident,
    ImmutableString, Map, Stmt,
};

use crate::loans;

/// A last expression.
#[derive(Debug)]
pub enum Tail {
    /// A variable of the function that is read nowhere else in the expression.
    Variable(ImmutableString, Expr),
    /// An array of some.
    Array(Vec<Tail>),
    /// A map of some.
    Map(Vec<(Ident, Tail)>),
    /// Anything else.
    Other(Expr),
}

impl Tail {
    /// The last expression of a function, if there is anything in it to be taken.
    #[must_use]
    pub fn of(statements: &[Stmt], parameters: &[ImmutableString]) -> Option<Self> {
        let (last, before) = statements.split_last()?;
        let expression = match last {
            Stmt::Expr(expression) => expression,
            Stmt::Return(Some(expression), flags, _) if !flags.contains(ASTFlags::BREAK) => {
                expression
            }
            _ => return None,
        };
        let once = read_once(expression);
        let mut own: HashSet<&str> = parameters.iter().map(ImmutableString::as_str).collect();
        own.extend(before.iter().filter_map(|statement| match statement {
            Stmt::Var(variable, ..) => Some(variable.0.name.as_str()),
            _ => None,
        }));
        own.retain(|name| once.contains(*name));
        if own.is_empty() || sees_all_variables(expression) {
            return None;
        }
        let tail = Self::within(expression, &own);
        tail.takes().then_some(tail)
    }

    fn within(expression: &Expr, own: &HashSet<&str>) -> Self {
        match expression {
            Expr::Variable(variable, ..)
                if variable.2.is_empty() && own.contains(variable.1.as_str()) =>
            {
                Self::Variable(variable.1.clone(), expression.clone())
            }
            Expr::Array(items, _) => {
                Self::Array(items.iter().map(|item| Self::within(item, own)).collect())
            }
            Expr::Map(map, _) => Self::Map(
                map.0.iter().map(|(key, value)| (key.clone(), Self::within(value, own))).collect(),
            ),
            other => Self::Other(other.clone()),
        }
    }

    fn takes(&self) -> bool {
        match self {
            Self::Variable(..) => true,
            Self::Array(items) => items.iter().any(Self::takes),
            Self::Map(entries) => entries.iter().any(|(_, value)| value.takes()),
            Self::Other(_) => false,
        }
    }

    /// Its value. The function's other statements have been evaluated in this scope; the parameter
    /// that is `lent` stays.
    ///
    /// # Errors
    /// As the expression itself.
    pub fn evaluate(
        &self,
        context: &mut EvalContext,
        lent: Option<&str>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        match self {
            Self::Variable(name, expression) => {
                match context.scope_mut().get_mut(name) {
                    // What a closure has captured, others can still see.
                    Some(value) if !value.is_shared() && lent != Some(name) => {
                        Ok(std::mem::take(value))
                    }
                    _ => evaluate(context, expression),
                }
            }
            Self::Array(items) => {
                let mut array = Array::with_capacity(items.len());
                for item in items {
                    array.push(item.evaluate(context, lent)?.flatten());
                }
                Ok(Dynamic::from_array(array))
            }
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.name.as_str().into(), value.evaluate(context, lent)?.flatten());
                }
                Ok(Dynamic::from_map(map))
            }
            Self::Other(expression) => evaluate(context, expression),
        }
    }
}

/// Whether an engine has no limits that building a value would have to keep to.
#[must_use]
pub fn is_free_to_build(engine: &Engine) -> bool {
    engine.max_string_size() == 0 && engine.max_array_size() == 0 && engine.max_map_size() == 0
}

#[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
fn evaluate(context: &mut EvalContext, expression: &Expr) -> Result<Dynamic, Box<EvalAltResult>> {
    context.eval_expression_tree_raw(&Expression::from(expression), false)
}

/// The variables that an expression names exactly once.
#[must_use]
pub fn read_once(expression: &Expr) -> HashSet<ImmutableString> {
    let mut is_whole = true;
    let mut times: HashMap<ImmutableString, usize> = HashMap::new();
    expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = path.last() {
            *times.entry(variable.1.clone()).or_default() += 1;
        }
        is_whole &= !path.last().is_some_and(loans::hides_an_expression);
        true
    });
    let times = times.into_iter().filter(|(_, times)| is_whole && *times == 1);
    times.map(|(name, _)| name).collect()
}

/// Whether some part of it can read a variable without naming it.
fn sees_all_variables(expression: &Expr) -> bool {
    const READERS: [&str; 2] = ["eval", "is_def_var"];
    !expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| match path.last() {
        Some(
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
            | ASTNode::Stmt(Stmt::FnCall(call, _)),
        ) => !call.capture_parent_scope && !READERS.contains(&call.name.as_str()),
        _ => true,
    })
}
