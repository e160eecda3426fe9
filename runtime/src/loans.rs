//! Arguments that a closure only reads, lent to it instead of copied.
//!
//! `orders.filter(|order| order.paid)` copies each order for its call, and the engine looks for a
//! function of no parameters first. Here a closure is called as what it is, and where it never
//! changes its parameter, it is given the element itself, which the body's wrapper gives back at the
//! end, on whichever way the body ends.
//!
//! The event comes to its handler in a like way: the engine walks through every argument twice before
//! a function begins, so it is sent and put in its place afterwards.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use rhai::{ASTNode, Dynamic, EvalContext, Expr, FnCallExpr, ImmutableString, Stmt};

use crate::closures::PREFIX;
use crate::lowered;

/// What is known of a closure's parameters, in their order: whether each is only read.
pub type ReadOnly = Box<[bool]>;

struct Closure {
    file: ImmutableString,
    read_only: ReadOnly,
    lowered: Option<Rc<lowered::Function>>,
}

/// What is known of a closure, by one of its parameters.
pub struct Known {
    /// How many parameters it has.
    pub parameters: usize,
    /// Whether it only reads this one.
    pub only_reads: bool,
    /// The closure as a tree of our own, if it is one.
    pub lowered: Option<Rc<lowered::Function>>,
}

/// Where an argument is that does not go through the engine.
enum Loan {
    None,
    /// On its way to the function that is called next, as its first parameter.
    Sent(Dynamic),
    /// On its way to the closure that is called next, as its parameter of this index.
    Asked(usize),
    /// Given back.
    Returned(Dynamic),
}

thread_local! {
    static CLOSURES: RefCell<HashMap<ImmutableString, Closure>> = RefCell::default();
    /// How many closures have been named.
    static NAMED: Cell<u64> = const { Cell::new(0) };
    static LOAN: Cell<Loan> = const { Cell::new(Loan::None) };
}

/// A name that no other function has.
#[must_use]
pub fn unique_name() -> ImmutableString {
    // Some may be forgotten, so that how many there are is no number of its own.
    let number = NAMED.replace(NAMED.get() + 1);
    format!("{PREFIX}{number:016x}").into()
}

/// The same for a closure.
#[must_use]
pub fn new_name() -> ImmutableString {
    CLOSURES.with_borrow_mut(|closures| {
        let name = unique_name();
        let unknown = Closure { file: <_>::default(), read_only: <_>::default(), lowered: None };
        closures.insert(name.clone(), unknown);
        name
    })
}

/// Remembers a closure by its name.
pub fn remember(
    closure: &ImmutableString,
    file: &ImmutableString,
    read_only: ReadOnly,
    lowered: Option<Rc<lowered::Function>>,
) {
    CLOSURES.with_borrow_mut(|closures| {
        closures.insert(closure.clone(), Closure { file: file.clone(), read_only, lowered })
    });
}

/// Forgets a closure of a module that is no longer kept.
pub fn forget(closure: &str) {
    CLOSURES.with_borrow_mut(|closures| closures.remove(closure));
}

/// The file that a closure is in; `None` for what is not a closure of the scripts.
#[must_use]
pub fn file_of(closure: &str) -> Option<ImmutableString> {
    CLOSURES.with_borrow(|closures| Some(closures.get(closure)?.file.clone()))
}

/// What is known of a closure and its parameter of this index; `None` for what is not a closure of
/// the scripts.
#[must_use]
pub fn known(closure: &str, index: usize) -> Option<Known> {
    CLOSURES.with_borrow(|closures| {
        let Closure { read_only, lowered, .. } = closures.get(closure)?;
        Some(Known {
            parameters: read_only.len(),
            only_reads: read_only.get(index).copied().unwrap_or(false),
            lowered: lowered.clone(),
        })
    })
}

/// Says that the argument of this index is lent to the closure that is called next.
pub fn lend(index: usize) {
    LOAN.set(Loan::Asked(index));
}

/// The argument that was lent, after the call; nothing if the closure was never entered.
#[must_use]
pub fn returned() -> Option<Dynamic> {
    match LOAN.replace(Loan::None) {
        Loan::Returned(value) => Some(value),
        _ => None,
    }
}

/// Sends the first argument to the function that is called next, with nothing in its place.
pub fn send(argument: Dynamic) {
    LOAN.set(Loan::Sent(argument));
}

/// The index of the parameter that is lent to the body that begins. An argument that was sent is put
/// in its place.
#[must_use]
pub fn accept(context: &mut EvalContext, parameters: &[ImmutableString]) -> Option<usize> {
    match LOAN.replace(Loan::None) {
        Loan::Asked(index) => Some(index),
        Loan::Sent(argument) => {
            let place = parameters.first().and_then(|name| context.scope_mut().get_mut(name));
            if let Some(place) = place {
                *place = argument;
            }
            None
        }
        _ => None,
    }
}

/// Gives the parameter of this name back, at the end of a body.
pub fn give_back(context: &mut EvalContext, parameter: &str) {
    if let Some(value) = context.scope_mut().get_mut(parameter) {
        LOAN.set(Loan::Returned(std::mem::take(value)));
    }
}

/// Whether a function changes nothing of a parameter, as far as can be seen. `is_defined` tells
/// the names of the script's own functions.
#[must_use]
pub fn only_reads(statements: &[Stmt], parameter: &str, is_defined: &dyn Fn(&str) -> bool) -> bool {
    statements.iter().all(|statement| {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| match path.last() {
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) if variable.1 == parameter => {
                is_read(path, is_defined)
            }
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
                | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => !call.capture_parent_scope && !["eval", "is_def_var"].contains(&&*call.name),
            Some(node) if hides_an_expression(node) => false,
            Some(ASTNode::Stmt(statement)) => !hides(statement, parameter),
            _ => true,
        })
    })
}

/// Whether there is an expression below a node that the engine does not show to those who walk over
/// a script.
#[must_use]
pub fn hides_an_expression(node: &ASTNode) -> bool {
    matches!(node, ASTNode::Stmt(Stmt::BreakLoop(Some(value), ..)) if !value.is_constant())
}

/// Whether a statement makes another variable of this name, or shares it with a closure.
fn hides(statement: &Stmt, name: &str) -> bool {
    match statement {
        Stmt::Var(variable, ..) => variable.0.name == name,
        Stmt::For(head, _) => {
            head.0.name == name || head.1.as_ref().is_some_and(|counter| counter.name == name)
        }
        Stmt::TryCatch(..) | Stmt::Import(..) => true,
        Stmt::Share(shared) => shared.iter().any(|(variable, _)| variable.name == name),
        _ => false,
    }
}

/// Whether the variable at the end of the path is only read there.
fn is_read(path: &[ASTNode], is_defined: &dyn Fn(&str) -> bool) -> bool {
    let [before @ .., parent, ASTNode::Expr(variable)] = path else { return false };
    match parent {
        ASTNode::Expr(chain @ (Expr::Dot(pair, ..) | Expr::Index(pair, ..))) => {
            // As an index it is copied; as the root of a chain, what the chain does counts.
            !std::ptr::eq(&raw const pair.lhs, *variable)
                || is_pure(&pair.rhs, is_defined) && !is_assigned(before.last(), chain)
        }
        ASTNode::Expr(Expr::FnCall(call, _)) => is_copied(call, variable),
        ASTNode::Stmt(Stmt::FnCall(call, _)) => is_copied(call, variable),
        ASTNode::Expr(
            Expr::MethodCall(..)
            | Expr::Array(..)
            | Expr::Map(..)
            | Expr::InterpolatedString(..)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Coalesce(..),
        )
        | ASTNode::Stmt(
            Stmt::Expr(..) | Stmt::Return(..) | Stmt::If(..) | Stmt::Switch(..) | Stmt::Var(..),
        ) => true,
        ASTNode::Stmt(Stmt::Assignment(pair)) => !std::ptr::eq(&raw const pair.1.lhs, *variable),
        _ => false,
    }
}

fn is_assigned(parent: Option<&ASTNode>, chain: &Expr) -> bool {
    match parent {
        Some(ASTNode::Stmt(Stmt::Assignment(pair))) => std::ptr::eq(&raw const pair.1.lhs, chain),
        _ => false,
    }
}

/// Whether a call copies this argument: a variable that comes first may be changed by the function.
fn is_copied(call: &FnCallExpr, argument: &Expr) -> bool {
    call.is_operator_call()
        || call.args.first().is_some_and(|first| !std::ptr::eq(&raw const *first, argument))
}

/// Methods that change nothing of what they are called on, nor anything else.
pub const PURE: [&str; 34] = [
    "average",
    "capitalize",
    "contains",
    "ends_with",
    "entries",
    "first",
    "get",
    "get_path",
    "index_of",
    "is_empty",
    "join",
    "keys",
    "last",
    "len",
    "lines",
    "pluck",
    "replaced",
    "round",
    "starts_with",
    "sub_string",
    "sum",
    "to_debug",
    "to_fixed",
    "to_float",
    "to_int",
    "to_json",
    "to_lower",
    "to_string",
    "to_upper",
    "trimmed",
    "values",
    "without_prefix",
    "without_suffix",
    "words",
];

/// Whether a chain behind a variable reads properties and elements, and calls nothing that could
/// change them.
fn is_pure(chain: &Expr, is_defined: &dyn Fn(&str) -> bool) -> bool {
    match chain {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
            is_pure(&pair.lhs, is_defined) && is_pure(&pair.rhs, is_defined)
        }
        Expr::MethodCall(call, _) => {
            let is_native = call.hashes.is_native_only() || !is_defined(&call.name);
            is_native && PURE.contains(&&*call.name)
        }
        _ => true,
    }
}
