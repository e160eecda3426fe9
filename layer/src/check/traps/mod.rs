//! What Rhai does otherwise than people who come from Python or JavaScript expect.
//!
//! One walk over a script says of each expression whether its value is used, and what is known of it.
//! The ideas are told by files of their own, which the walk calls where it meets what they are about:
//!
//! ```text
//! in_place     the value of a method that changes in place:     let n = s.trim();
//! dropped      a value that is lost:                            items.map(|x| x * 2);
//! answer       a handler that ends without one:                 answer = #{ ok: true };
//! own_root     a closure that uses what its chain begins with:  items.map(|x| items.len())
//! closures     what closures are called with:                   items.for_each(|x| x.id)
//! same_method  a method with the name of the script's function
//! copies       changes of what is a copy:                       for x in items { x.seen = true; }
//! order        comparers that give no whole number:             items.sort(|a, b| a.price - b.price)
//! numbers      whole-number division, ranges without an end
//! conditions   what is no condition, and what is never equal
//! reached      credentials, and addresses that the event decides, without a declaration
//! escapes      `\n` in back-ticks
//! ```

mod answer;
mod bindings;
mod closures;
mod conditions;
mod copies;
mod dropped;
mod escapes;
mod in_place;
mod numbers;
mod order;
mod own_root;
mod reached;
mod said;
mod same_method;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use rhai::{ASTFlags, ASTNode, BinaryExpr, Expr, FnCallExpr, FnPtr, Position, Stmt};

use self::bindings::{Binding, Bindings};
use super::problem::Problem;
use super::project::{File, Function, Project};
use super::shape::{OVER_ELEMENTS, Step, chain, curried};
use super::table::{Kind, Table};

/// Tells the traps that a script is in.
pub(super) fn check(file: &File, project: &Project, table: &Table) -> Vec<Problem> {
    let mut problems = escapes::check(file);
    let mut traps = Traps {
        file,
        project,
        table,
        bindings: Bindings::default(),
        assigned: assigned(file),
        constants: permissions_constants(file),
        is_declared: reached::is_declared(file, project),
        function: None,
        in_try: 0,
        in_do: false,
        seen: HashSet::new(),
        divisions: Vec::new(),
        ranges: Vec::new(),
        remainders: Vec::new(),
        paths: HashSet::new(),
        shown: shown(file),
        without_effect: HashMap::new(),
        this_used: 0,
        problems: Vec::new(),
    };
    traps.file();
    problems.extend(traps.problems);
    problems
}

fn permissions_constants(file: &File) -> BTreeMap<String, String> {
    super::permissions::constants(file)
}

/// Names of variables that are set to something else somewhere: nothing is known of those.
fn assigned(file: &File) -> HashSet<String> {
    let mut names = HashSet::new();
    file.ast.walk(&mut |nodes: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = nodes.last() {
            if let Expr::Variable(variable, ..) = &assignment.1.lhs {
                names.insert(variable.1.to_string());
            }
        }
        true
    });
    names
}

/// Lines with `// =>`, which show what their statements give, as examples do.
fn shown(file: &File) -> HashSet<usize> {
    if !file.source.contains("// =>") {
        return HashSet::new();
    }
    let lines = file.source.split('\n').enumerate();
    lines.filter(|(_, line)| line.contains("// =>")).map(|(index, _)| index + 1).collect()
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Something is done with it.
    Taken,
    /// Nothing is.
    Dropped,
    /// That is decided elsewhere.
    Open,
}

/// What is known of a value.
#[derive(Debug, Clone, Default)]
struct Known {
    kind: Option<Kind>,
    /// It came with the event: its kind is what the sender made it.
    is_of_event: bool,
    /// It is a number written in the script.
    is_literal: bool,
    /// It is a sum of unknown numbers.
    is_sum: bool,
    /// A method has just made it.
    is_made: bool,
    /// As it is written, if that is short.
    path: Option<String>,
    /// What a closure has captured.
    captures: Rc<[String]>,
}

impl Known {
    fn of(kind: Kind) -> Known {
        Known { kind: Some(kind), ..Known::default() }
    }

    /// What an element of it, or a property, is.
    fn inside(&self) -> Known {
        Known { is_of_event: self.is_of_event, ..Known::default() }
    }

    /// Of the event, and of a kind that nobody knows.
    fn is_open(&self) -> bool {
        self.is_of_event && self.kind.is_none()
    }
}

struct Traps<'a> {
    file: &'a File,
    project: &'a Project,
    table: &'a Table,
    bindings: Bindings,
    assigned: HashSet<String>,
    constants: BTreeMap<String, String>,
    is_declared: bool,
    /// The function that is walked, of the script's own or a closure.
    function: Option<&'a Function>,
    /// In how many bodies of `try` this is.
    in_try: usize,
    /// In the body of a `do`, and in no other loop inside.
    in_do: bool,
    seen: HashSet<String>,
    /// Divisions that are told at the end of the function, unless the rest is asked for, too.
    divisions: Vec<numbers::Division>,
    /// Ranges that are told at the end of the function, unless it looks at their ends.
    ranges: Vec<numbers::OpenRange>,
    /// Which rests the function asks for, as they are written.
    remainders: Vec<(Option<String>, Option<String>)>,
    /// What the function compares and asks the type of, as it is written.
    paths: HashSet<String>,
    /// The lines that show what their statements give.
    shown: HashSet<usize>,
    /// Whether a function of the script does nothing but to give a value, as far as it was asked.
    without_effect: HashMap<(String, usize), bool>,
    /// How often `this` was met.
    this_used: usize,
    problems: Vec<Problem>,
}

/// Longer paths are not kept as text.
const MAX_PATH: usize = 120;

impl<'a> Traps<'a> {
    fn file(&mut self) {
        let file = self.file;
        if file.evaluates {
            // What is done with anything is known when it runs.
            return;
        }
        self.bindings.enter();
        for statement in file.ast.statements() {
            let is_last =
                file.ast.statements().last().is_some_and(|it| std::ptr::eq(it, statement));
            self.statement(statement, if is_last { Use::Open } else { Use::Dropped });
        }
        self.end_function();
        self.bindings.leave();
        for function in file.functions.iter().filter(|function| !function.is_closure()) {
            self.own_function(function);
        }
    }

    fn own_function(&mut self, function: &'a Function) {
        let is_handler = function.name == "handler" && matches!(function.parameters.len(), 1 | 2);
        let given: Vec<Known> = function
            .parameters
            .iter()
            .enumerate()
            .map(|(index, name)| Known {
                is_of_event: name == "event" || is_handler && index == 0,
                ..Known::default()
            })
            .collect();
        let last = if is_handler && !self.file.is_test() { Use::Taken } else { Use::Open };
        self.body(function, 0, &given, last);
        if last == Use::Taken {
            answer::check(self, function);
        }
    }

    /// A function of which so many parameters are captured.
    fn body(&mut self, function: &'a Function, captured: usize, given: &[Known], last: Use) {
        // A closure sees what is around it by what it captures only, which has the same names.
        let inherited: Vec<Known> = function.parameters[..captured.min(function.parameters.len())]
            .iter()
            .map(|name| self.bindings.find(name).map(|it| it.known.clone()).unwrap_or_default())
            .collect();
        let outside = std::mem::take(&mut self.bindings);
        let outer = self.function.replace(function);
        let in_try = std::mem::take(&mut self.in_try);
        let in_do = std::mem::take(&mut self.in_do);
        let divisions = std::mem::take(&mut self.divisions);
        let ranges = std::mem::take(&mut self.ranges);
        let remainders = std::mem::take(&mut self.remainders);
        let paths = std::mem::take(&mut self.paths);
        self.bindings.enter();
        for (index, name) in function.parameters.iter().enumerate() {
            let known = match index.checked_sub(captured) {
                None => inherited.get(index).cloned().unwrap_or_default(),
                Some(index) => given.get(index).cloned().unwrap_or_default(),
            };
            let binding = if index < captured { Binding::shared() } else { Binding::copy() };
            self.define(name, known, binding);
        }
        self.block(&function.statements, last);
        self.end_function();
        self.end_scope();
        self.bindings = outside;
        self.function = outer;
        self.in_try = in_try;
        self.in_do = in_do;
        self.divisions = divisions;
        self.ranges = ranges;
        self.remainders = remainders;
        self.paths = paths;
    }

    /// A closure as it stands, perhaps with what it captures; what it was given is known. Says what it
    /// has captured.
    fn closure(&mut self, pointer: &Expr, captured: &[Expr], given: &[Known], last: Use) -> Known {
        let Expr::DynamicConstant(value, _) = pointer else { return Known::default() };
        let Some(name) = value.read_lock::<FnPtr>().map(|it| it.fn_name().to_owned()) else {
            return Known::default();
        };
        let names = captured.iter().filter_map(|captured| match captured {
            Expr::Variable(variable, ..) => Some(variable.1.to_string()),
            _ => None,
        });
        let captures = names.collect();
        if let Some(function) = self.file.function(&name) {
            if function.is_closure() && self.seen.insert(name) {
                self.body(function, captured.len(), given, last);
            }
        }
        Known { captures, ..Known::of(Kind::Closure) }
    }

    /// The function of a closure, and how many of its parameters are captured.
    fn function_of(&self, expression: &Expr) -> Option<(&'a Function, usize)> {
        let (pointer, captured) = match expression {
            Expr::Stmt(block) => {
                let curry = curried(block)?;
                (curry.args.first()?, curry.args.len() - 1)
            }
            pointer => (pointer, 0),
        };
        let Expr::DynamicConstant(value, _) = pointer else { return None };
        let name = value.read_lock::<FnPtr>()?.fn_name().to_owned();
        let function = self.file.function(&name).filter(|function| function.is_closure())?;
        Some((function, captured))
    }

    fn define(&mut self, name: &str, known: Known, binding: Binding) {
        let known = match self.assigned.contains(name) {
            true => Known {
                is_of_event: known.is_of_event,
                // `let total = 0;`, to which things are added.
                is_sum: known.is_literal && known.kind == Some(Kind::Int),
                ..Known::default()
            },
            false => known,
        };
        self.bindings.define(name, Binding { known, ..binding });
    }

    fn end_scope(&mut self) {
        for binding in self.bindings.leave() {
            copies::check(self, &binding);
        }
    }

    fn end_function(&mut self) {
        numbers::at_the_end(self);
    }

    fn warn(
        &mut self,
        rule: &'static str,
        at: Position,
        length: usize,
        message: String,
        help: String,
    ) {
        let problem = Problem::warning(&self.file.path, rule, message);
        self.problems.push(problem.at(at, length).help(help));
    }

    fn error(
        &mut self,
        rule: &'static str,
        at: Position,
        length: usize,
        message: String,
        help: String,
    ) {
        let problem = Problem::error(&self.file.path, rule, message);
        self.problems.push(problem.at(at, length).help(help));
    }

    fn block(&mut self, statements: &[Stmt], last: Use) {
        self.bindings.enter();
        if let Some((end, before)) = statements.split_last() {
            before.iter().for_each(|statement| self.statement(statement, Use::Dropped));
            self.statement(end, last);
        }
        self.end_scope();
    }

    /// The body of a loop.
    fn looped(&mut self, statements: &[Stmt], is_do: bool) {
        let in_do = std::mem::replace(&mut self.in_do, is_do);
        self.block(statements, Use::Dropped);
        self.in_do = in_do;
    }

    fn statement(&mut self, statement: &Stmt, of: Use) {
        match statement {
            Stmt::If(flow, _) => {
                let condition = self.expression(&flow.expr, Use::Taken);
                conditions::wants_bool(self, &flow.expr, &condition, "`if`");
                self.block(flow.body.statements(), of);
                self.block(flow.branch.statements(), of);
            }
            Stmt::While(flow, _) => {
                let condition = self.expression(&flow.expr, Use::Taken);
                // `loop` has none.
                if !matches!(flow.expr, Expr::Unit(_)) {
                    conditions::wants_bool(self, &flow.expr, &condition, "`while`");
                }
                self.looped(flow.body.statements(), false);
            }
            Stmt::Do(flow, ..) => {
                self.looped(flow.body.statements(), true);
                let condition = self.expression(&flow.expr, Use::Taken);
                conditions::wants_bool(self, &flow.expr, &condition, "`do`");
            }
            Stmt::For(parts, _) => {
                let (variable, counter, flow) = &**parts;
                let over = self.expression(&flow.expr, Use::Taken);
                numbers::over(self, &flow.expr, &over);
                self.bindings.enter();
                let element = over.inside();
                self.define(&variable.name, element, Binding::copy());
                if let Some(counter) = counter {
                    let is_counted =
                        matches!(over.kind, Some(Kind::Array | Kind::Text | Kind::Range));
                    let known = if is_counted { Known::of(Kind::Int) } else { Known::default() };
                    self.define(&counter.name, known, Binding::plain());
                }
                self.looped(flow.body.statements(), false);
                self.end_scope();
            }
            Stmt::TryCatch(flow, _) => {
                self.in_try += 1;
                self.block(flow.body.statements(), of);
                self.in_try -= 1;
                self.bindings.enter();
                if let Expr::Variable(variable, ..) = &flow.expr {
                    self.define(&variable.1, Known::default(), Binding::plain());
                }
                // What a `catch` ends with is a matter of its own.
                self.block(flow.branch.statements(), Use::Open);
                self.end_scope();
            }
            Stmt::Switch(parts, _) => {
                let (expression, cases) = &**parts;
                self.expression(expression, Use::Taken);
                for BinaryExpr { lhs, rhs } in &cases.expressions {
                    self.expression(lhs, Use::Taken);
                    self.expression(rhs, of);
                }
            }
            Stmt::Var(variable, ..) => {
                let (ident, value, _) = &**variable;
                let known = self.expression(value, Use::Taken);
                // Its own name is what it is written as from here on.
                let known = Known { path: None, ..known };
                self.define(&ident.name, known, Binding::plain());
            }
            Stmt::Assignment(assignment) => {
                self.expression(&assignment.1.rhs, Use::Taken);
                self.target(&assignment.1.lhs);
            }
            Stmt::FnCall(call, position) => {
                self.call(call, *position, of);
            }
            Stmt::Block(block) => self.block(block.statements(), of),
            Stmt::Expr(expression) => {
                let known = self.expression(expression, of);
                dropped::statement(self, expression, &known, of);
            }
            Stmt::BreakLoop(value, flags, position) => {
                if let Some(value) = value {
                    self.expression(value, Use::Taken);
                }
                if self.in_do && !flags.contains(ASTFlags::BREAK) {
                    conditions::continue_in_do(self, *position);
                }
            }
            Stmt::Return(Some(value), ..) => {
                self.expression(value, Use::Taken);
            }
            Stmt::Import(import, _) => {
                self.expression(&import.0, Use::Taken);
            }
            Stmt::Export(names, _) => self.bindings.read_whole(&names.0.name),
            Stmt::Share(shared) => {
                shared.iter().for_each(|(name, _)| self.bindings.read_whole(&name.name));
            }
            _ => {}
        }
    }

    /// What an assignment sets.
    fn target(&mut self, target: &Expr) {
        let (base, steps) = chain(target);
        if steps.is_empty() {
            return;
        }
        for step in &steps {
            match step {
                Step::Index(index) => {
                    self.expression(index, Use::Taken);
                }
                Step::Dot(Expr::MethodCall(call, _)) => {
                    for argument in &call.args {
                        self.expression(argument, Use::Taken);
                    }
                }
                Step::Dot(_) => {}
            }
        }
        match base {
            Expr::Variable(variable, _, position) if variable.2.path.is_empty() => {
                let name = variable.1.as_str();
                let first = said::first_step(&steps);
                copies::changed_constant(self, name, *position);
                self.bindings.change(name, first, *position);
            }
            Expr::ThisPtr(_) => self.this_used += 1,
            other => {
                self.expression(other, Use::Taken);
            }
        }
    }

    fn each(&mut self, parts: &[Expr]) -> Vec<Known> {
        parts.iter().map(|part| self.expression(part, Use::Taken)).collect()
    }

    /// Walks an expression, and says what is known of its value.
    fn expression(&mut self, expression: &Expr, of: Use) -> Known {
        match expression {
            Expr::BoolConstant(..) => Known::of(Kind::Bool),
            Expr::IntegerConstant(..) => Known { is_literal: true, ..Known::of(Kind::Int) },
            Expr::FloatConstant(..) => Known { is_literal: true, ..Known::of(Kind::Float) },
            Expr::CharConstant(..) => Known::of(Kind::Char),
            Expr::StringConstant(..) => Known::of(Kind::Text),
            Expr::Unit(_) => Known::of(Kind::Unit),
            Expr::InterpolatedString(parts, _) => {
                self.each(parts);
                let is_of_event = reached::decides(self, expression, false);
                Known { is_of_event, ..Known::of(Kind::Text) }
            }
            Expr::Array(parts, _) => {
                self.each(parts);
                Known::of(Kind::Array)
            }
            Expr::Map(map, _) => {
                for (_, value) in &map.0 {
                    self.expression(value, Use::Taken);
                }
                Known::of(Kind::Map)
            }
            Expr::DynamicConstant(..) => self.closure(expression, &[], &[], Use::Open),
            Expr::Stmt(block) => match curried(block) {
                Some(curry) => self.curry(curry, &[], Use::Open),
                None => {
                    // An expression in parentheses is one of a block with nothing else.
                    if let [Stmt::Expr(inside)] = block.statements() {
                        return self.expression(inside, of);
                    }
                    self.block(block.statements(), of);
                    Known::default()
                }
            },
            Expr::ThisPtr(_) => {
                self.this_used += 1;
                Known { path: Some("this".into()), ..Known::default() }
            }
            Expr::Variable(variable, ..) => {
                if !variable.2.path.is_empty() {
                    return Known::default();
                }
                self.bindings.read_whole(&variable.1);
                self.variable(&variable.1)
            }
            Expr::FnCall(call, position) => self.call(call, *position, of),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expression, of),
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                let sign = if matches!(expression, Expr::And(..)) { "`&&`" } else { "`||`" };
                for part in parts.iter() {
                    let known = self.expression(part, Use::Taken);
                    conditions::wants_bool(self, part, &known, sign);
                }
                Known::of(Kind::Bool)
            }
            Expr::Coalesce(parts, _) => {
                let all = self.each(parts);
                // Text that the event has, or something else where there is none.
                let text = all.into_iter().next();
                let text = text.filter(|it| it.is_of_event && it.kind == Some(Kind::Text));
                text.map(|it| Known { path: None, ..it }).unwrap_or_default()
            }
            Expr::Custom(custom, _) => {
                self.each(&custom.inputs);
                Known::default()
            }
            _ => Known::default(),
        }
    }

    /// What is known of a variable.
    fn variable(&self, name: &str) -> Known {
        match self.bindings.find(name) {
            Some(binding) => {
                Known { path: Some(name.to_owned()), is_literal: false, ..binding.known.clone() }
            }
            None => Known { path: Some(name.to_owned()), ..Known::default() },
        }
    }

    fn curry(&mut self, curry: &FnCallExpr, given: &[Known], last: Use) -> Known {
        let Some((pointer, captured)) = curry.args.split_first() else { return Known::default() };
        for captured in captured {
            if let Expr::Variable(variable, ..) = captured {
                self.bindings.read_whole(&variable.1);
            }
        }
        self.closure(pointer, captured, given, last)
    }

    /// An argument, which a closure is if it is written out: what it is given, and whether its value is
    /// used, is known by who calls it.
    fn argument(&mut self, argument: &Expr, given: &[Known], last: Use) -> Known {
        match argument {
            Expr::DynamicConstant(..) => self.closure(argument, &[], given, last),
            Expr::Stmt(block) => match curried(block) {
                Some(curry) => self.curry(curry, given, last),
                None => self.expression(argument, Use::Taken),
            },
            other => self.expression(other, Use::Taken),
        }
    }

    fn call(&mut self, call: &FnCallExpr, position: Position, of: Use) -> Known {
        let name = call.name.as_str();
        if call.capture_parent_scope {
            self.bindings.read_all();
        }
        if call.op_token.is_some() {
            return self.operator(call, position, of);
        }
        let module = call.namespace.path.first().map(|part| part.name.as_str());
        let arguments: Vec<Known> = match (module, name) {
            (Some("batch"), _) => {
                let mut known = Vec::new();
                for argument in &call.args {
                    let records = Known { is_of_event: true, ..Known::default() };
                    known.push(self.argument(argument, &[records], Use::Open));
                }
                known
            }
            _ => self.each(&call.args),
        };
        if let Some(module) = module {
            if call.namespace.path.len() > 1 || !self.table.modules.contains_key(module) {
                return Known::default();
            }
            reached::call(self, module, call, &arguments);
            dropped::of_module(self, module, call, position, of);
            let kinds: Vec<Option<Kind>> = arguments.iter().map(|it| it.kind).collect();
            let full = format!("{module}::{name}");
            let kind = match (module, name) {
                ("env", "get" | "require") => Some(Kind::Text),
                _ => self.table.gives(&full, &kinds),
            };
            let is_of_event = module == "events" && arguments.iter().any(|it| it.is_of_event);
            return Known { kind, is_of_event, ..Known::default() };
        }
        if name == "type_of" || name.starts_with("is_") {
            self.paths.extend(arguments.iter().filter_map(|it| it.path.clone()));
        }
        if self.is_own(name, call.args.len()) {
            // Whoever is given something may look at it.
            self.paths.extend(arguments.iter().filter_map(|it| it.path.clone()));
            if of == Use::Dropped {
                dropped::own(self, call, position);
            }
            return Known::default();
        }
        let kinds: Vec<Option<Kind>> = arguments.iter().map(|it| it.kind).collect();
        if of == Use::Taken {
            in_place::function(self, call, position, &kinds);
        }
        if of == Use::Dropped {
            dropped::function(self, name, position, &kinds);
        }
        // The first argument of a function that changes in place is changed.
        let is_in_place = self.table.is_in_place(name, &kinds);
        if let (true, Some(Expr::Variable(variable, _, place))) = (is_in_place, call.args.first()) {
            copies::changed_constant(self, &variable.1, *place);
        }
        let kind = self.table.gives(name, &kinds);
        let is_of_event = name == "parse_json" && arguments.iter().any(|it| it.is_of_event);
        Known { kind, is_of_event, ..Known::default() }
    }

    /// Whether a function, called so, is one of the scripts' own.
    fn is_own(&self, name: &str, count: usize) -> bool {
        let mut own = self.file.functions_named(name);
        own.any(|it| it.parameters.len() == count)
    }

    fn operator(&mut self, call: &FnCallExpr, position: Position, of: Use) -> Known {
        let name = call.name.as_str();
        let operands = self.each(&call.args);
        if matches!(name, "==" | "!=" | "<" | ">" | "<=" | ">=" | "in") {
            self.paths.extend(operands.iter().filter_map(|it| it.path.clone()));
        }
        if of == Use::Dropped {
            dropped::operator(self, call, position);
        }
        match (name, operands.as_slice()) {
            ("==" | "!=" | "<" | ">" | "<=" | ">=", [left, right]) => {
                conditions::compared(self, call, position, left, right);
                Known::of(Kind::Bool)
            }
            ("in", _) => Known::of(Kind::Bool),
            ("!", [operand]) => {
                if let Some(expression) = call.args.first() {
                    conditions::wants_bool(self, expression, operand, "`!`");
                }
                Known::of(Kind::Bool)
            }
            (".." | "..=", [_, end]) => {
                numbers::range(self, call, end, position);
                Known::of(Kind::Range)
            }
            ("/" | "%", [left, right]) => numbers::divided(self, name, position, left, right),
            ("+" | "-" | "*" | "**", [left, right]) => {
                let kind = match (left.kind, right.kind) {
                    (Some(Kind::Text), _) | (_, Some(Kind::Text)) if name == "+" => {
                        Some(Kind::Text)
                    }
                    (Some(Kind::Float), Some(Kind::Float | Kind::Int))
                    | (Some(Kind::Int), Some(Kind::Float)) => Some(Kind::Float),
                    (Some(Kind::Int), Some(Kind::Int)) => Some(Kind::Int),
                    (Some(Kind::Array), _) if name == "+" => Some(Kind::Array),
                    _ => None,
                };
                Known { kind, ..Known::default() }
            }
            ("-" | "+", [operand]) => Known { kind: operand.kind, ..Known::default() },
            _ => Known::default(),
        }
    }

    /// A chain: what it begins with, and its properties, indexes and methods one by one.
    fn chain(&mut self, expression: &Expr, of: Use) -> Known {
        let (base, steps) = chain(expression);
        let root = match base {
            Expr::Variable(variable, ..) if variable.2.path.is_empty() => {
                Some(variable.1.to_string())
            }
            _ => None,
        };
        let mut at = match (&root, base) {
            (Some(name), _) => {
                self.note_steps(name, &steps, base, of);
                self.variable(name)
            }
            (None, base) => self.expression(base, Use::Taken),
        };
        let count = steps.len();
        for (index, step) in steps.iter().enumerate() {
            let use_of_step = if index + 1 == count { of } else { Use::Taken };
            at = match step {
                Step::Dot(Expr::Property(property, _)) => self.property(&at, &property.2),
                Step::Dot(Expr::MethodCall(call, position)) => {
                    let here =
                        Place { root: root.as_deref(), is_first: index == 0, of: use_of_step };
                    self.method(&at, call, *position, here)
                }
                Step::Index(Expr::StringConstant(key, _)) => self.property(&at, key),
                Step::Index(key) => {
                    self.expression(key, Use::Taken);
                    at.inside()
                }
                Step::Dot(other) => {
                    self.expression(other, Use::Taken);
                    Known::default()
                }
            };
        }
        at
    }

    /// Notes what is read and changed of the variable that a chain begins with.
    fn note_steps(&mut self, name: &str, steps: &[Step], base: &Expr, of: Use) {
        let changes = match steps.split_last() {
            // Only a method may change, and its value is not asked for.
            Some((Step::Dot(Expr::MethodCall(call, _)), before)) if of != Use::Taken => {
                let is_plain =
                    before.iter().all(|step| !matches!(step, Step::Dot(Expr::MethodCall(..))));
                let mut kinds = vec![None];
                // On the variable itself it is known what it is.
                if before.is_empty() {
                    kinds[0] = self.bindings.find(name).and_then(|it| it.known.kind);
                }
                kinds.extend(call.args.iter().map(|_| None));
                is_plain
                    && self.table.is_in_place(&call.name, &kinds)
                    && !self.is_own(&call.name, call.args.len())
            }
            _ => false,
        };
        if changes {
            copies::changed_constant(self, name, base.position());
            self.bindings.change(name, said::first_step(steps), base.position());
        } else {
            self.bindings.read(name, said::first_step(steps));
        }
    }

    fn property(&mut self, of: &Known, name: &str) -> Known {
        let path = of.path.as_ref().map(|path| format!("{path}.{name}"));
        let path = path.filter(|path| path.len() <= MAX_PATH);
        if of.is_of_event && conditions::is_of_texts(of) {
            return Known { kind: Some(Kind::Text), is_of_event: true, path, ..Known::default() };
        }
        let kind = match of.kind {
            Some(Kind::Map) | None => None,
            kind => self.table.gives(&format!("get${name}"), &[kind]),
        };
        Known { kind, is_of_event: of.is_of_event && kind.is_none(), path, ..Known::default() }
    }

    fn method(&mut self, of: &Known, call: &FnCallExpr, position: Position, here: Place) -> Known {
        let name = call.name.as_str();
        let element = of.inside();
        let is_over = OVER_ELEMENTS.contains(&name);
        let last = if closures::uses_the_value(name) { Use::Taken } else { Use::Open };
        let mut kinds = vec![of.kind];
        let mut arguments = Vec::new();
        for argument in &call.args {
            let this_before = self.this_used;
            let given = match name {
                "sort" | "sort_by" | "order" | "order_by" | "dedup" => {
                    vec![element.clone(), element.clone()]
                }
                "reduce" => vec![Known::default(), element.clone()],
                _ if is_over => vec![element.clone(), Known::of(Kind::Int)],
                _ => Vec::new(),
            };
            if let Some((function, captured)) = self.function_of(argument) {
                closures::given_to(self, name, of, function, captured);
                order::comparer(self, name, function, captured, &element);
            }
            let known = self.argument(argument, &given, last);
            if self.this_used > this_before {
                closures::uses_this(self, name, argument, position);
            }
            if let Some(root) = here.root.filter(|root| known.captures.iter().any(|it| it == root))
            {
                own_root::tell(self, name, root, position);
            }
            kinds.push(known.kind);
            arguments.push(known);
        }
        same_method::method(self, of, call, position);
        if self.is_own(name, call.args.len()) || self.may_be_closure(of, name) {
            return Known { is_of_event: false, ..Known::default() };
        }
        match here.of {
            Use::Taken => in_place::method(self, of, call, position, &kinds),
            Use::Dropped => dropped::method(self, of, call, position, &kinds, here.is_first),
            Use::Open => {}
        }
        if name.starts_with("is_") || name == "type_of" {
            self.paths.extend(of.path.clone());
        }
        let kind = self.table.gives(name, &kinds);
        let keeps = matches!(
            name,
            "filter"
                | "find"
                | "order"
                | "order_by"
                | "order_desc"
                | "first"
                | "last"
                | "values"
                | "get"
        );
        Known {
            is_of_event: of.is_of_event && keeps,
            is_sum: matches!(name, "sum" | "sum_by") && kind.is_none(),
            is_made: true,
            path: match (&of.path, call.args.is_empty()) {
                (Some(path), true) => {
                    Some(format!("{path}.{name}()")).filter(|it| it.len() <= MAX_PATH)
                }
                _ => None,
            },
            kind,
            ..Known::default()
        }
    }

    /// Whether a method may be a closure in a map.
    fn may_be_closure(&self, of: &Known, name: &str) -> bool {
        matches!(of.kind, None | Some(Kind::Map | Kind::Other)) && self.project.keys_have(name)
    }
}

/// Where a method stands.
#[derive(Clone, Copy)]
struct Place<'r> {
    /// The variable that its chain begins with.
    root: Option<&'r str>,
    is_first: bool,
    of: Use,
}
