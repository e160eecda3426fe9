//! What names stand for in the code of one file.
//!
//! The engine calls a closure `anon$` and a hash of its text and place, and finds it by that name. Two
//! files that were made from one template have the same closure at the same place, and one would run
//! as the other. Each closure is therefore given a name that no other has, where it is defined and
//! wherever a pointer to it is made. So is a function of the file that a pointer is made to: the engine
//! keeps the name alone, and would look for it where the pointer is used, which may be another file.
//!
//! The engine lets a script's function take the place of any method. Here it does so only if it is written
//! to be one: for a type, or with `this` in it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

use rhai::{
    AST, ASTNode, Array, Dynamic, Expr, FnCallExpr, FnCallHashes, FnPtr, Ident, ImmutableString,
    Map, Module, Position, ScriptFuncDef, Shared, Stmt, StmtBlock,
};

use crate::loans;

/// What all names of closures begin with, here as in the engine.
pub const PREFIX: &str = "anon$";

/// What makes a pointer of a name that is known at run time only. No script can call it.
pub const MAKE_POINTER: &str = "pointer$";

/// What stands between the number of a pointer and the name of the function that it leads to.
const NAMED: char = '$';

/// The name under which pointers to a function of some file find it: `unique` is one that nothing else has.
#[must_use]
pub fn bound_name(unique: &str, function: &str) -> ImmutableString {
    format!("{unique}{NAMED}{function}").into()
}

/// The name of the function that a pointer of this name leads to; `None` for a closure and what is of no script.
#[must_use]
pub fn function_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.split_once(NAMED).map(|(_, function)| function)
}

/// A text of the engine with such names as the script has them.
#[must_use]
pub fn as_written(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, named) = rest.split_at(at);
        written.push_str(before);
        let unique = named[PREFIX.len()..].find(|letter: char| !letter.is_ascii_hexdigit());
        match unique.map(|length| named.split_at(PREFIX.len() + length)) {
            Some((_, function)) if function.starts_with(NAMED) => rest = &function[1..],
            _ => {
                written.push_str(PREFIX);
                rest = &named[PREFIX.len()..];
            }
        }
    }
    written.push_str(rest);
    written
}

/// The names of one script.
pub struct Names<'a> {
    ast: &'a AST,
    /// The closures, by the names that the engine gave them.
    closures: HashMap<ImmutableString, FnPtr>,
    /// The functions that have names, of each name all.
    functions: HashMap<ImmutableString, Vec<Own<'a>>>,
    /// What functions see of the top level.
    globals: HashSet<ImmutableString>,
    /// The pointers to functions of this file.
    pointers: RefCell<BTreeMap<ImmutableString, FnPtr>>,
    /// The variables that a function may see of its caller, if there is a call that lets it.
    of_callers: OnceCell<HashSet<ImmutableString>>,
    is_in_function: Cell<bool>,
}

/// A function of the script.
struct Own<'a> {
    definition: &'a Shared<ScriptFuncDef>,
    uses_this: OnceCell<bool>,
}

impl Own<'_> {
    fn takes(&self, arguments: usize) -> bool {
        self.definition.params.len() == arguments
    }

    fn is_for_a_type(&self) -> bool {
        self.definition.this_type.is_some()
    }

    fn uses_this(&self) -> bool {
        *self.uses_this.get_or_init(|| uses_this(self.definition))
    }
}

/// Whether a function names `this`.
#[must_use]
pub fn uses_this(function: &Shared<ScriptFuncDef>) -> bool {
    fn look(path: &[ASTNode]) -> bool {
        match path.last() {
            Some(ASTNode::Expr(Expr::ThisPtr(_))) => false,
            // The engine does not walk into it.
            Some(ASTNode::Stmt(Stmt::BreakLoop(Some(value), ..))) => {
                value.walk(&mut Vec::new(), &mut look)
            }
            _ => true,
        }
    }
    let mut module = Module::new();
    module.set_script_fn(function.clone());
    let mut found = false;
    AST::new([], module).walk(&mut |path| {
        found |= !look(path);
        !found
    });
    found
}

/// A function like another one, with this name and so many parameters, to be hashed.
fn alike(function: &ScriptFuncDef, name: ImmutableString, parameters: usize) -> ScriptFuncDef {
    ScriptFuncDef {
        name,
        this_type: None,
        params: std::iter::repeat_n(ImmutableString::new(), parameters).collect(),
        ..function.clone()
    }
}

/// What the engine hashes a name and a number of parameters to.
fn hash_of(name: &str, parameters: usize, any: &ScriptFuncDef) -> u64 {
    Module::new().set_script_fn(alike(any, name.into(), parameters))
}

impl<'a> Names<'a> {
    /// A name of its own for each function that is a closure, and the functions under their names.
    pub fn give(
        ast: &'a AST,
        functions: &[&'a Shared<ScriptFuncDef>],
        globals: HashSet<ImmutableString>,
    ) -> (Self, Vec<Shared<ScriptFuncDef>>) {
        let mut names = Self {
            ast,
            closures: HashMap::new(),
            functions: HashMap::new(),
            globals,
            pointers: RefCell::default(),
            of_callers: OnceCell::new(),
            is_in_function: Cell::new(false),
        };
        let renamed = functions
            .iter()
            .map(|function| {
                if !function.name.starts_with(PREFIX) {
                    let own = Own { definition: function, uses_this: OnceCell::new() };
                    names.functions.entry(function.name.clone()).or_default().push(own);
                    return (*function).clone();
                }
                let name = loans::new_name();
                let renamed = Shared::new(ScriptFuncDef { name, ..(***function).clone() });
                names.closures.insert(function.name.clone(), FnPtr::from(renamed.clone()));
                renamed
            })
            .collect();
        (names, renamed)
    }

    /// Whether there are closures.
    pub fn has_closures(&self) -> bool {
        !self.closures.is_empty()
    }

    /// The name under which pointers find a function of the file, if there are such.
    pub fn bound(&self, function: &ScriptFuncDef) -> Option<ImmutableString> {
        if function.this_type.is_some() {
            return None;
        }
        Some(self.pointers.borrow().get(&function.name)?.fn_name().into())
    }

    /// The name under which a function for a type is found where another of its name is no method.
    pub fn as_method_only(&self, function: &ScriptFuncDef) -> Option<ImmutableString> {
        function.this_type.as_ref()?;
        let all = self.functions.get(&function.name)?;
        let is_hidden = |own: &Own| {
            own.takes(function.params.len()) && !own.is_for_a_type() && !own.uses_this()
        };
        all.iter().any(is_hidden).then(|| method_only(&function.name))
    }

    /// A pointer to the function of the file that has this name.
    fn pointer(&self, name: &str) -> Option<FnPtr> {
        let own = self.functions.get(name)?.iter().find(|own| !own.is_for_a_type())?;
        let mut pointers = self.pointers.borrow_mut();
        if let Some(known) = pointers.get(name) {
            return Some(known.clone());
        }
        let bound = bound_name(&loans::unique_name(), name);
        let parameters = own.definition.params.len();
        let pointer = FnPtr::from(Shared::new(alike(own.definition, bound, parameters)));
        pointers.insert(name.into(), pointer.clone());
        Some(pointer)
    }

    /// Whether a variable that a function does not declare may be one of its caller.
    fn is_of_callers(&self, name: &str) -> bool {
        let all = self.of_callers.get_or_init(|| {
            let (mut has_calls, mut names) = (false, HashSet::new());
            self.ast.walk(&mut |path: &[ASTNode]| {
                match path.last() {
                    Some(
                        ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
                    ) => has_calls |= call.capture_parent_scope,
                    Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                        names.insert(variable.0.name.clone());
                    }
                    Some(ASTNode::Stmt(Stmt::For(head, _))) => {
                        names.insert(head.0.name.clone());
                        names.extend(head.1.as_ref().map(|counter| counter.name.clone()));
                    }
                    _ => {}
                }
                true
            });
            names.extend(self.ast.iter_fn_def().flat_map(|own| own.params.iter().cloned()));
            if has_calls { names } else { HashSet::new() }
        });
        all.contains(name)
    }

    /// Has a variable that is not one of the function's stand for what the file has by its name.
    fn in_variable(&self, expression: &mut Expr) {
        let Expr::Variable(variable, None, position) = expression else { return };
        let (name, position) = (&variable.1, *position);
        if variable.0.is_some() || !variable.2.is_empty() || self.is_of_callers(name) {
            return;
        }
        if self.globals.contains(name) {
            if self.is_in_function.get() {
                let global = Ident { name: "global".into(), pos: position };
                variable.2.path.push(global);
            }
        } else if let Some(pointer) = self.pointer(name) {
            *expression = Expr::DynamicConstant(Box::new(pointer.into()), position);
        }
    }

    /// Has a method call find the functions only that are methods.
    fn in_method_call(&self, call: &mut FnCallExpr) {
        let Some(all) = self.functions.get(&call.name) else { return };
        let arguments = call.args.len();
        let mut fitting = all.iter().filter(|own| own.takes(arguments));
        let for_a_type = fitting.clone().find(|own| own.is_for_a_type());
        let is_hidden = fitting.any(|own| !own.is_for_a_type() && !own.uses_this());
        if is_hidden {
            let native = call.hashes.native();
            call.hashes = match for_a_type {
                None => FnCallHashes::from_native_only(native),
                Some(own) => {
                    let typed = hash_of(&method_only(&call.name), arguments, own.definition);
                    FnCallHashes::from_script_and_native(typed, native)
                }
            };
        }
    }

    /// Has `in` be the operator, whatever function is called `contains`, and `Fn` make a pointer that leads
    /// to this file's function.
    fn in_call(&self, call: &mut FnCallExpr, position: Position) -> Option<FnPtr> {
        if !call.namespace.is_empty() || call.op_token.is_some() {
            return None;
        }
        match (call.name.as_str(), &*call.args) {
            // The engine makes it of `item in container`, whose item stands before it.
            ("contains", [_, item]) if is_before(item.start_position(), position) => {
                call.hashes = FnCallHashes::from_native_only(call.hashes.native());
            }
            ("Fn", [Expr::StringConstant(name, _)]) => return self.pointer(name),
            ("Fn", [_]) => {
                let pointers: Map = self
                    .functions
                    .keys()
                    .filter_map(|name| Some((name.as_str().into(), self.pointer(name)?.into())))
                    .collect();
                let any = self.functions.values().flatten().next();
                if let Some(any) = any.filter(|_| !pointers.is_empty()) {
                    let known = Expr::DynamicConstant(Box::new(pointers.into()), position);
                    call.args.insert(0, known);
                    call.name = MAKE_POINTER.into();
                    call.hashes =
                        FnCallHashes::from_native_only(hash_of(MAKE_POINTER, 2, any.definition));
                }
            }
            _ => {}
        }
        None
    }

    /// Has the names in statements stand for what they should.
    pub fn put_into<'s>(
        &self,
        statements: impl IntoIterator<Item = &'s mut Stmt>,
        is_in_function: bool,
    ) {
        self.is_in_function.set(is_in_function);
        statements.into_iter().for_each(|statement| self.in_statement(statement));
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
                if !matches!(parts.1.lhs, Expr::Variable(..)) {
                    self.in_expression(&mut parts.1.lhs);
                }
                self.in_expression(&mut parts.1.rhs);
            }
            Stmt::FnCall(call, position) => {
                self.in_expressions(&mut call.args);
                // A pointer that nothing takes is none.
                let _ = self.in_call(call, *position);
            }
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
            Expr::Array(items, _) => self.in_expressions(items),
            Expr::InterpolatedString(parts, _) => {
                for part in parts {
                    let was_constant = part.is_constant();
                    self.in_expression(part);
                    if part.is_constant() && !was_constant {
                        // The engine writes constants itself, by what it calls pointers.
                        let position = part.start_position();
                        let value = Stmt::Expr(Box::new(std::mem::take(part)));
                        let block = StmtBlock::new([value], position, position);
                        *part = Expr::Stmt(Box::new(block));
                    }
                }
            }
            Expr::Map(map, _) => {
                self.in_expressions(map.0.iter_mut().map(|(_, value)| value));
                map.1.values_mut().for_each(|value| self.in_value(value));
            }
            Expr::Variable(..) => self.in_variable(expression),
            Expr::MethodCall(call, _) => {
                self.in_expressions(&mut call.args);
                self.in_method_call(call);
            }
            Expr::FnCall(call, position) => {
                self.in_expressions(&mut call.args);
                let position = *position;
                if let Some(pointer) = self.in_call(call, position) {
                    *expression = Expr::DynamicConstant(Box::new(pointer.into()), position);
                }
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
            && let Some(mut renamed) = self
                .closures
                .get(pointer.fn_name())
                .cloned()
                .or_else(|| self.pointer(pointer.fn_name()))
        {
            renamed.set_curry(pointer.iter_curry().cloned());
            *pointer = renamed;
        }
    }
}

/// The name under which functions for types are found alone.
fn method_only(name: &str) -> ImmutableString {
    crate::frames::as_a_name(name).as_str().into()
}

fn is_before(one: Position, other: Position) -> bool {
    let place = |position: Position| (position.line(), position.position());
    place(one) < place(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_called_what_their_functions_are() {
        let bound = bound_name("anon$00000000000000a1", "double");
        assert_eq!(function_of(&bound), Some("double"));
        assert_eq!(function_of("anon$00000000000000a1"), None);
        assert_eq!(function_of("double"), None);
        assert_eq!(as_written(&format!("{bound} (i64), {bound}")), "double (i64), double");
        for text in ["anon$", "anon$0a", "an anon$0a (i64)", "x", ""] {
            assert_eq!(as_written(text), text);
        }
    }
}
