//! The names in a script: whether what they mean is there.

use std::collections::{BTreeSet, HashMap, HashSet};

use rhai::{
    ASTFlags, ASTNode, BinaryExpr, Expr, FnCallExpr, FnPtr, Namespace, Position, Stmt, StmtBlock,
};
use rhambda_runtime::suggest::nearest;

use super::problem::Problem;
use super::project::{File, Function, Import, Project};
use super::table::{Table, said, takes};

/// Checks all names of a script.
pub(crate) fn check(file: &File, project: &Project, table: &Table) -> Vec<Problem> {
    let mut walk = Walk {
        file,
        project,
        table,
        scopes: Vec::new(),
        places: HashMap::new(),
        comparisons: MAX_COMPARISONS,
        variables_of_top: variables_of_top(file),
        functions_with: None,
        in_function: false,
        sees_callers: false,
        seen_closures: HashSet::new(),
        used_constants: HashSet::new(),
        used_imports: HashSet::new(),
        problems: Vec::new(),
    };
    walk.file();
    walk.problems
}

/// A name that a script gave.
struct Name {
    name: String,
    kind: Kind,
    place: Position,
    is_used: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// A parameter, or something that the language names: never told as unused.
    Given,
    Variable,
    /// Known by its file; `is_used` is counted there.
    Constant,
    Module(Import),
}

struct Walk<'a> {
    file: &'a File,
    project: &'a Project,
    table: &'a Table,
    scopes: Vec<Vec<Name>>,
    /// Where the variables of each name are among the scopes, the innermost last.
    places: HashMap<String, Vec<(usize, usize)>>,
    /// How many names may still be compared to find the one that was meant.
    comparisons: usize,
    variables_of_top: HashSet<String>,
    /// Which function has a variable of this name; made when it is asked for.
    functions_with: Option<HashMap<String, String>>,
    in_function: bool,
    /// In a function that may see its caller's variables.
    sees_callers: bool,
    seen_closures: HashSet<String>,
    used_constants: HashSet<String>,
    used_imports: HashSet<String>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn file(&mut self) {
        let file = self.file;
        self.scopes.push(Vec::new());
        for statement in file.ast.statements() {
            self.statement(statement);
        }
        let top = self.leave_scope();
        for function in file.functions.iter().filter(|function| !function.is_closure()) {
            self.function(function);
        }
        if file.evaluates {
            return;
        }
        for name in top {
            let is_used = name.is_used
                || self.used_constants.contains(&name.name)
                || self.used_imports.contains(&name.name)
                || file.exports.contains(&name.name);
            // Imports and constants of a module are there for those who import it.
            let shows = match name.kind {
                Kind::Module(_) => self.project.is_module(file),
                Kind::Constant => !self.project.sees_constants(file),
                _ => false,
            };
            if !is_used && !shows {
                self.unused(&name);
            }
        }
    }

    fn function(&mut self, function: &Function) {
        let outside = std::mem::take(&mut self.scopes);
        let places_outside = std::mem::take(&mut self.places);
        let was_in_function = std::mem::replace(&mut self.in_function, true);
        let mut files = self.project.files.values();
        let sees_callers = files.any(|file| file.capturing.contains(&function.name));
        let saw_callers = std::mem::replace(&mut self.sees_callers, sees_callers);
        self.scopes.push(Vec::new());
        for parameter in &function.parameters {
            self.define(parameter, Kind::Given, Position::NONE);
        }
        self.block(&function.statements);
        self.end_scope();
        self.scopes = outside;
        self.places = places_outside;
        self.in_function = was_in_function;
        self.sees_callers = saw_callers;
    }

    fn define(&mut self, name: &str, kind: Kind, place: Position) {
        let depth = self.scopes.len();
        if let Some(scope) = self.scopes.last_mut() {
            if !matches!(kind, Kind::Module(_)) {
                self.places.entry(name.to_owned()).or_default().push((depth - 1, scope.len()));
            }
            scope.push(Name { name: name.to_owned(), kind, place, is_used: false });
        }
    }

    fn leave_scope(&mut self) -> Vec<Name> {
        let scope = self.scopes.pop().unwrap_or_default();
        for name in scope.iter().filter(|name| !matches!(name.kind, Kind::Module(_))) {
            if let Some(places) = self.places.get_mut(&name.name) {
                places.pop();
            }
        }
        scope
    }

    fn end_scope(&mut self) {
        for name in self.leave_scope() {
            if !name.is_used && !self.file.evaluates {
                self.unused(&name);
            }
        }
    }

    fn unused(&mut self, name: &Name) {
        let Name { name, kind, place, .. } = name;
        let (rule, what) = match kind {
            Kind::Given => return,
            Kind::Variable => ("unused-variable", "variable"),
            Kind::Constant => ("unused-variable", "constant"),
            Kind::Module(_) => ("unused-import", "module"),
        };
        if name.starts_with('_') || name.is_empty() {
            return;
        }
        let help = match kind {
            Kind::Module(_) => "take the import away".to_owned(),
            _ => format!("take it away, or call it `_{name}` if it is meant so"),
        };
        let problem =
            Problem::warning(&self.file.path, rule, format!("the {what} `{name}` is never used"));
        self.problems.push(problem.at(*place, name.chars().count()).help(help));
    }

    fn error(
        &mut self,
        rule: &'static str,
        at: Position,
        name: &str,
        message: String,
        help: String,
    ) {
        let problem = Problem::error(&self.file.path, rule, message).help(help);
        self.problems.push(problem.at(at, name.chars().count()));
    }

    fn block(&mut self, statements: &[Stmt]) {
        self.scopes.push(Vec::new());
        for statement in statements {
            self.statement(statement);
        }
        self.end_scope();
    }

    fn statements(&mut self, block: &StmtBlock) {
        self.block(block.statements());
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(flow, _) => {
                self.expression(&flow.expr);
                self.statements(&flow.body);
                self.statements(&flow.branch);
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr);
                self.statements(&flow.body);
            }
            Stmt::For(parts, _) => {
                let (variable, counter, flow) = &**parts;
                self.expression(&flow.expr);
                self.scopes.push(Vec::new());
                self.define(&variable.name, Kind::Given, variable.pos);
                if let Some(counter) = counter {
                    self.define(&counter.name, Kind::Given, counter.pos);
                }
                self.statements(&flow.body);
                self.end_scope();
            }
            Stmt::TryCatch(flow, _) => {
                self.statements(&flow.body);
                self.scopes.push(Vec::new());
                if let Expr::Variable(variable, ..) = &flow.expr {
                    self.define(&variable.1, Kind::Given, Position::NONE);
                }
                self.statements(&flow.branch);
                self.end_scope();
                self.lost_value(&flow.branch);
            }
            Stmt::Switch(parts, _) => {
                let (expression, cases) = &**parts;
                self.expression(expression);
                for BinaryExpr { lhs, rhs } in &cases.expressions {
                    self.expression(lhs);
                    self.expression(rhs);
                }
            }
            Stmt::Var(variable, flags, position) => {
                let (ident, value, _) = &**variable;
                self.expression(value);
                let is_constant = flags.contains(ASTFlags::CONSTANT);
                let kind = if is_constant { Kind::Constant } else { Kind::Variable };
                let kind = if flags.contains(ASTFlags::EXPORTED) { Kind::Given } else { kind };
                let place = if ident.pos.is_none() { *position } else { ident.pos };
                self.define(&ident.name, kind, place);
            }
            Stmt::Assignment(assignment) => {
                self.expression(&assignment.1.rhs);
                self.expression(&assignment.1.lhs);
            }
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.statements(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            Stmt::Import(import, position) => {
                let (path, alias) = &**import;
                self.expression(path);
                if !alias.name.is_empty() {
                    let target = self.file.target_of(path);
                    let place = if alias.pos.is_none() { *position } else { alias.pos };
                    self.define(&alias.name, Kind::Module(target), place);
                }
            }
            Stmt::Export(names, position) => {
                let name = &names.0;
                let place = if name.pos.is_none() { *position } else { name.pos };
                self.variable(&name.name, place, false);
            }
            Stmt::Share(shared) => {
                for (name, _) in shared.iter() {
                    self.variable(&name.name, name.pos, true);
                }
            }
            _ => {}
        }
    }

    /// A `catch` gives `()`, whatever it ends with, even where the `try` gives a value.
    fn lost_value(&mut self, block: &StmtBlock) {
        let call = match block.statements().last() {
            Some(Stmt::Expr(value)) if is_only_a_value(value) => match &**value {
                Expr::FnCall(call, position) => Err((call, position)),
                other => Ok(other.start_position()),
            },
            Some(Stmt::FnCall(call, position)) if makes_a_response(call) => Err((call, position)),
            _ => return,
        };
        let position = call.unwrap_or_else(|(call, position)| {
            call.namespace.path.first().map_or(*position, |part| part.pos)
        });
        let message = "the value that a `catch` ends with is lost";
        let problem = Problem::warning(&self.file.path, "lost-value", message);
        self.problems.push(problem.at(position, 1).help("write `return` before it"));
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::DynamicConstant(value, _) => {
                if let Some(pointer) = value.read_lock::<FnPtr>() {
                    self.closure(pointer.fn_name());
                }
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Map(map, _) => map.0.iter().for_each(|(_, value)| self.expression(value)),
            Expr::Variable(variable, _, position) => {
                let (_, name, namespace, _) = &**variable;
                if namespace.path.is_empty() {
                    self.variable(name, *position, false);
                } else {
                    self.variable_of_module(namespace, name, *position);
                }
            }
            Expr::Stmt(block) => self.shared_or_block(block),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::MethodCall(call, position) => self.method(call, *position),
            Expr::Dot(parts, ..) | Expr::Index(parts, ..) => {
                self.expression(&parts.lhs);
                self.expression(&parts.rhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Custom(custom, _) => custom.inputs.iter().for_each(|part| self.expression(part)),
            _ => {}
        }
    }

    /// A closure that captures is a block that shares its variables and curries it with them; what
    /// is wrong with the variables is told of the sharing.
    fn shared_or_block(&mut self, block: &StmtBlock) {
        match block.statements() {
            [shared @ Stmt::Share(_), Stmt::Expr(curry)] => {
                self.statement(shared);
                if let Expr::FnCall(call, _) = &**curry {
                    call.args.iter().take(1).for_each(|pointer| self.expression(pointer));
                }
            }
            [shared @ Stmt::Share(_), Stmt::FnCall(call, _)] => {
                self.statement(shared);
                call.args.iter().take(1).for_each(|pointer| self.expression(pointer));
            }
            statements => self.block(statements),
        }
    }

    fn closure(&mut self, name: &str) {
        let Some(function) = self.file.function(name) else { return };
        if function.is_closure() && self.seen_closures.insert(name.to_owned()) {
            self.function(function);
        }
    }

    fn find(&mut self, name: &str) -> Option<&mut Name> {
        let (depth, index) = *self.places.get(name)?.last()?;
        self.scopes.get_mut(depth)?.get_mut(index)
    }

    fn variable(&mut self, name: &str, position: Position, is_captured: bool) {
        if let Some(found) = self.find(name) {
            found.is_used = true;
            let is_constant = found.kind == Kind::Constant;
            if is_constant {
                self.used_constants.insert(name.to_owned());
            }
            return;
        }
        // The name of a function is a pointer to it.
        let file = self.file;
        if file.evaluates || self.sees_callers || file.function(name).is_some() {
            return;
        }
        if file.constants.contains_key(name) {
            self.used_constants.insert(name.to_owned());
            if !self.in_function {
                let message = format!("the constant `{name}` is not there yet");
                return self.error(
                    "unknown-variable",
                    position,
                    name,
                    message,
                    "define it before".into(),
                );
            }
            let of_module = !self.project.sees_constants(file);
            if !is_captured && !of_module {
                return;
            }
            let who = if is_captured {
                "a closure inside a function"
            } else {
                "a function of an imported module"
            };
            let message = format!("{who} does not see the constant `{name}`");
            return self.error(
                "unknown-variable",
                position,
                name,
                message,
                format!("write `global::{name}`"),
            );
        }
        let message = format!("there is no variable `{name}`");
        let is_top_level = self.variables_of_top.contains(name);
        let help = if is_top_level && self.in_function {
            format!(
                "functions do not see variables of the top level; make it `const {name}`, or keep it in `this`"
            )
        } else if let Some(meant) = super::syntax::brought(name) {
            meant.to_owned()
        } else if let Some(other) = self.function_with(name) {
            format!(
                "`{name}` is a variable of `{other}`; a function sees its own only: pass it as an argument"
            )
        } else {
            let constants = file.constants.keys().filter(|_| self.in_function);
            let locals = self.scopes.iter().flatten().map(|it| it.name.as_str());
            let names = locals.chain(constants.map(String::as_str));
            meant(name, names, &mut self.comparisons)
        };
        self.error("unknown-variable", position, name, message, help);
    }

    /// A function that has a variable or a parameter of this name, if one of them alone has.
    fn function_with(&mut self, name: &str) -> Option<String> {
        if self.functions_with.is_none() {
            self.functions_with = Some(functions_with(self.file));
        }
        self.functions_with.as_ref()?.get(name).cloned()
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        if call.op_token.is_some() {
            call.args.iter().for_each(|argument| self.expression(argument));
            return;
        }
        if call.capture_parent_scope {
            self.scopes.iter_mut().flatten().for_each(|name| name.is_used = true);
        }
        let name = call.name.as_str();
        let count = call.args.len();
        if call.namespace.path.is_empty() {
            match (name, call.args.first()) {
                ("Fn", Some(Expr::StringConstant(text, place))) if count == 1 => {
                    self.pointer(text, *place);
                }
                ("is_def_var", Some(Expr::StringConstant(text, _))) => {
                    if let Some(found) = self.find(text) {
                        found.is_used = true;
                    }
                    self.used_constants.insert(text.to_string());
                }
                _ => self.function_call(name, count, position),
            }
        } else {
            self.call_of_module(&call.namespace, name, count, position);
        }
        call.args.iter().for_each(|argument| self.expression(argument));
    }

    fn pointer(&mut self, name: &str, position: Position) {
        let is_there = self.file.function(name).is_some()
            || self.table.functions.contains_key(name)
            || self.project.of_mains.contains_key(name)
            || !rhai::is_valid_identifier(name);
        if !is_there {
            let message = format!("there is no function `{name}`");
            let help = self.meant_function(name);
            self.error("unknown-function", position, name, message, help);
        }
    }

    /// The one of the engine's functions and the script's own that may have been meant.
    fn meant_function(&mut self, name: &str) -> String {
        let own = self.file.functions.iter().filter(|function| !function.is_closure());
        let own = own.map(|function| function.name.as_str());
        let engine = self.table.functions.keys().map(String::as_str);
        let names = engine.filter(|name| rhai::is_valid_identifier(name)).chain(own);
        meant(name, names, &mut self.comparisons)
    }

    /// With how many arguments the functions of this name can be called.
    fn counts(&self, name: &str, as_method: bool) -> BTreeSet<usize> {
        let of_engine = self.table.functions.get(name).into_iter().flatten().copied();
        let own = self.file.functions_named(name).map(|function| function.parameters.len());
        // A test runs by itself, and calls its script by `invoke`.
        let mains = Some(&self.project.of_mains).filter(|_| !self.file.is_test());
        let of_mains = mains.and_then(|mains| mains.get(name)).into_iter().flatten().copied();
        // What is called as a method has its object as the first argument, or as `this`.
        let shift = usize::from(as_method);
        let of_engine = of_engine.filter_map(|count| match count {
            usize::MAX => Some(count),
            count => count.checked_sub(shift),
        });
        of_engine.chain(own).chain(of_mains).collect()
    }

    fn function_call(&mut self, name: &str, count: usize, position: Position) {
        let counts = self.counts(name, false);
        if takes(&counts, count) {
            return;
        }
        if !counts.is_empty() {
            let message = format!("`{name}` takes {}, not {count}", said(counts));
            return self.error("arity", position, name, message, String::new());
        }
        if let Some(found) = self.find(name) {
            found.is_used = true;
            let message = format!("`{name}` is a variable, not a function");
            let help = format!("if it holds a closure: `{name}.call(…)`");
            return self.error("unknown-function", position, name, message, help);
        }
        let modules = self.table.modules.iter();
        let mut holders = modules.filter(|(_, functions)| functions.contains_key(name));
        let help = match holders.next() {
            Some((module, _)) => format!("did you mean `{module}::{name}`?"),
            None => self.meant_function(name),
        };
        self.error(
            "unknown-function",
            position,
            name,
            format!("there is no function `{name}`"),
            help,
        );
    }

    fn method(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        let counts = self.counts(name, true);
        // A closure in a map is called like a method, too.
        let may_be_closure = || self.project.files.values().any(|file| file.keys.contains(name));
        if !takes(&counts, call.args.len()) && !may_be_closure() {
            if counts.is_empty() {
                let message = format!("nothing has a method `{name}`");
                let help = self.meant_function(name);
                self.error("unknown-function", position, name, message, help);
            } else {
                let message =
                    format!("`{name}` takes {} as a method, not {}", said(counts), call.args.len());
                self.error("arity", position, name, message, String::new());
            }
        }
        call.args.iter().for_each(|argument| self.expression(argument));
    }

    /// What the names before `::` lead to.
    fn module(&mut self, namespace: &Namespace) -> Found<'a> {
        let Some(first) = namespace.path.first() else { return Found::Unknown };
        let root = first.name.as_str();
        if root == "global" && namespace.path.len() == 1 {
            return Found::Own;
        }
        let imported = self.scopes.iter_mut().rev().flat_map(|scope| scope.iter_mut().rev());
        let imported = imported
            .filter(|it| it.name == root)
            .find_map(|it| match &it.kind {
                Kind::Module(import) => {
                    it.is_used = true;
                    Some(import.clone())
                }
                _ => None,
            })
            .or_else(|| self.file.imports.get(root).cloned());
        if imported.is_some() {
            self.used_imports.insert(root.to_owned());
        }
        let Some(mut import) = imported else {
            return match self.table.modules.get(root) {
                Some(functions) if namespace.path.len() == 1 => Found::Engine(functions),
                Some(_) => Found::Unknown,
                None => Found::Missing,
            };
        };
        // What a module imports is in it by the name it has there.
        for part in namespace.path.iter().skip(1) {
            let Import::File(path) = &import else { return Found::Unknown };
            let inside =
                self.project.files.get(path).and_then(|file| file.imports.get(part.name.as_str()));
            match inside {
                Some(inside) => import = inside.clone(),
                None => return Found::Unknown,
            }
        }
        match import {
            Import::File(path) => self.project.files.get(&path).map_or(Found::Unknown, Found::File),
            Import::Unknown => Found::Unknown,
        }
    }

    fn no_module(&mut self, namespace: &Namespace) {
        let Some(first) = namespace.path.first() else { return };
        let root = first.name.as_str();
        let scopes = self.scopes.iter().flatten();
        let imported =
            scopes.filter(|it| matches!(it.kind, Kind::Module(_))).map(|it| it.name.as_str());
        let modules = self.table.modules.keys().map(String::as_str);
        let own = self.file.imports.keys().map(String::as_str);
        let help = meant(root, imported.chain(own).chain(modules), &mut self.comparisons);
        if !self.file.evaluates {
            self.error(
                "unknown-module",
                first.pos,
                root,
                format!("there is no module `{root}`"),
                help,
            );
        }
    }

    fn call_of_module(
        &mut self,
        namespace: &Namespace,
        name: &str,
        count: usize,
        position: Position,
    ) {
        let module = path_of(namespace);
        let (counts, names): (BTreeSet<usize>, Vec<&str>) = match self.module(namespace) {
            Found::Unknown => return,
            Found::Missing => return self.no_module(namespace),
            Found::Own => shown_of(self.file, name, true),
            Found::Engine(functions) => {
                let counts = functions.get(name).cloned().unwrap_or_default();
                (counts, functions.keys().map(String::as_str).collect())
            }
            Found::File(file) => {
                let of_name = file.function(name);
                if of_name.is_some_and(|function| function.is_private) {
                    let message = format!("`{name}` is private in {}", file.path);
                    return self.error("unknown-function", position, name, message, String::new());
                }
                shown_of(file, name, false)
            }
        };
        if counts.is_empty() {
            let message = format!("there is no function `{name}` in `{module}`");
            let help = meant(name, names, &mut self.comparisons);
            return self.error("unknown-function", position, name, message, help);
        }
        if !takes(&counts, count) {
            let message = format!("`{module}::{name}` takes {}, not {count}", said(counts));
            self.error("arity", position, name, message, String::new());
        }
    }

    fn variable_of_module(&mut self, namespace: &Namespace, name: &str, position: Position) {
        let module = path_of(namespace);
        let known: Vec<&str> = match self.module(namespace) {
            Found::Unknown => return,
            Found::Missing => return self.no_module(namespace),
            Found::Own => {
                self.used_constants.insert(name.to_owned());
                self.file.constants.keys().map(String::as_str).collect()
            }
            // The engine does not say which variables its modules have.
            Found::Engine(_) => return,
            // The runtime exports constants.
            Found::File(file) => {
                file.exports.iter().chain(file.constants.keys()).map(String::as_str).collect()
            }
        };
        if known.contains(&name) {
            return;
        }
        let is_hidden =
            matches!(self.module(namespace), Found::File(file) if file.has_variable(name));
        let (what, help) = match self.module(namespace) {
            Found::Own => ("no constant", meant(name, known, &mut self.comparisons)),
            Found::File(file) if is_hidden => (
                "no variable",
                format!("{} does not export it: `export let {name} = …;`", file.path),
            ),
            _ => ("no variable", meant(name, known, &mut self.comparisons)),
        };
        let message = format!("there is {what} `{name}` in `{module}`");
        self.error("unknown-variable", position, name, message, help);
    }
}

/// Whether an expression does nothing but to give a value.
fn is_only_a_value(expression: &Expr) -> bool {
    match expression {
        Expr::FnCall(call, _) => makes_a_response(call),
        Expr::BoolConstant(..)
        | Expr::IntegerConstant(..)
        | Expr::FloatConstant(..)
        | Expr::CharConstant(..)
        | Expr::StringConstant(..)
        | Expr::InterpolatedString(..)
        | Expr::Array(..)
        | Expr::Map(..)
        | Expr::Variable(..) => true,
        _ => false,
    }
}

/// Whether a function only makes what a handler returns.
fn makes_a_response(call: &FnCallExpr) -> bool {
    let module = call.namespace.path.first().map(|part| part.name.as_str());
    match module {
        Some("response") => true,
        Some("events") => matches!(call.name.as_str(), "allow" | "deny"),
        _ => false,
    }
}

/// What a module's name leads to.
enum Found<'a> {
    /// The script's own constants and functions.
    Own,
    Engine(&'a super::table::Functions),
    File(&'a File),
    /// There is one, and nobody can say what is in it.
    Unknown,
    Missing,
}

/// How many arguments the functions of that name take that a file shows; and, if there is none, the
/// names of all of them.
fn shown_of<'a>(file: &'a File, name: &str, and_private: bool) -> (BTreeSet<usize>, Vec<&'a str>) {
    let is_shown = |it: &&Function| !it.is_closure() && (and_private || !it.is_private);
    let of_name = file.functions_named(name).filter(is_shown);
    let counts: BTreeSet<usize> = of_name.map(|function| function.parameters.len()).collect();
    if !counts.is_empty() {
        return (counts, Vec::new());
    }
    let all = file.functions.iter().filter(is_shown);
    (counts, all.map(|function| function.name.as_str()).collect())
}

/// The names that a script's top level gives to variables.
fn variables_of_top(file: &File) -> HashSet<String> {
    let names = file.ast.statements().iter().filter_map(|statement| match statement {
        Stmt::Var(variable, ..) => Some(variable.0.name.to_string()),
        _ => None,
    });
    names.collect()
}

/// Which function first has a variable of its own, by the variables' names.
fn functions_with(file: &File) -> HashMap<String, String> {
    let mut functions = HashMap::new();
    for function in file.functions.iter().filter(|function| !function.is_closure()) {
        let mut has = |name: &str| {
            functions.entry(name.to_owned()).or_insert_with(|| function.name.clone());
        };
        function.parameters.iter().for_each(|name| has(name));
        for statement in &function.statements {
            statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode]| {
                match nodes.last() {
                    Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => has(&variable.0.name),
                    Some(ASTNode::Stmt(Stmt::For(parts, _))) => has(&parts.0.name),
                    _ => {}
                }
                true
            });
        }
    }
    functions
}

fn path_of(namespace: &Namespace) -> String {
    let names: Vec<&str> = namespace.path.iter().map(|part| part.name.as_str()).collect();
    names.join("::")
}

/// So many names are compared for a script. Whoever has more unknown names than that is helped by the
/// first suggestions, or by none.
const MAX_COMPARISONS: usize = 500_000;
/// The longest name that is compared, in bytes.
const MAX_COMPARED: usize = 64;

fn meant<'b>(
    name: &str,
    names: impl IntoIterator<Item = &'b str>,
    comparisons: &mut usize,
) -> String {
    if name.len() > MAX_COMPARED {
        return String::new();
    }
    let names = names.into_iter().filter(|name| name.len() <= MAX_COMPARED).take_while(|_| {
        *comparisons = comparisons.saturating_sub(1);
        *comparisons > 0
    });
    nearest(name, names).map(|near| format!("did you mean `{near}`?")).unwrap_or_default()
}
