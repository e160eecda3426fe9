//! Paths of the event against the events that the trigger sends: `event.Recrods`.
//!
//! A name is told only if it is near one that is there: what AWS adds one day is no mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, FnPtr, Position, Scope, Stmt, StmtBlock};
use rhambda_runtime::{json, suggest::nearest};
use serde_json::Value;

use super::problem::Problem;
use super::project::{File, Function, place};
use super::table::Table;
use crate::samples::{self, Sample};
use crate::source_file;

/// What is in these is the sender's own, or more than samples show.
const OPEN: &[&str] = &[
    "Attributes",
    "Keys",
    "MessageAttributes",
    "NewImage",
    "OldImage",
    "OldResourceProperties",
    "Parameters",
    "ResourceProperties",
    "arguments",
    "attributes",
    "authorizer",
    "claims",
    "clientMetadata",
    "configuration",
    "context",
    "cookies",
    "detail",
    "event",
    "fields",
    "fullDocument",
    "headers",
    "identity",
    "key",
    "keys",
    "messageAttributes",
    "message_attributes",
    "metadata",
    "multiValueHeaders",
    "multiValueQueryStringParameters",
    "new_image",
    "old_image",
    "parameters",
    "pathParameters",
    "prev",
    "properties",
    "queryStringParameters",
    "query_string_parameters",
    "request",
    "response",
    "rmqMessagesByQueue",
    "sessionAttributes",
    "slots",
    "source",
    "stageVariables",
    "stash",
    "userAttributes",
    "validationData",
    "variables",
];

/// Methods of arrays that call a function with each element.
pub(super) const OVER_ELEMENTS: &[&str] = &[
    "all",
    "count_by",
    "filter",
    "find",
    "find_map",
    "for_each",
    "group_by",
    "index_by",
    "map",
    "max_by",
    "min_by",
    "order_by",
    "pluck",
    "retain",
    "some",
    "sort_by",
    "sum_by",
    "unique_by",
];

/// What a value can have inside.
#[derive(Debug, Clone, Default)]
struct Shape {
    keys: BTreeMap<String, Shape>,
    element: Option<Box<Shape>>,
    is_object: bool,
    /// It is text in samples.
    is_text: bool,
    is_open: bool,
    /// It is inside of what is the sender's own.
    is_senders: bool,
}

impl Shape {
    fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                self.is_object = true;
                for (key, value) in map {
                    let inside = self.keys.entry(key.clone()).or_default();
                    inside.is_open |= OPEN.contains(&key.as_str());
                    inside.is_senders |= self.is_senders || inside.is_open;
                    inside.learn(value);
                }
                // A map of Kafka's records has the names of topics.
                if let Some(records) = self.keys.get_mut("records").filter(|it| it.is_object) {
                    records.is_open = true;
                }
            }
            Value::Array(values) => {
                let element = self.element.get_or_insert_default();
                element.is_senders |= self.is_senders;
                values.iter().for_each(|value| element.learn(value));
            }
            Value::String(_) => self.is_text = true,
            _ => {}
        }
    }

    fn names<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        for (name, inside) in &self.keys {
            names.insert(name);
            inside.names(names);
        }
        if let Some(element) = &self.element {
            element.names(names);
        }
    }
}

/// Checks what the handler of a script reads from its event.
pub(crate) fn check(file: &File, root: &Path, table: &Table) -> Vec<Problem> {
    let declared = match declared(file) {
        Some(Ok(sample)) => Some(source(table, sample.text.as_bytes())),
        Some(Err(problem)) => return vec![problem],
        None => None,
    };
    let beside = root.join(format!("{}.event.json", file.path.trim_end_matches(".rhai")));
    let beside = source_file::read(&beside).ok();
    let Some(trigger) = declared.unwrap_or_else(|| source(table, beside.as_deref()?)) else {
        return Vec::new();
    };
    let mut handlers = file.functions_named("handler");
    let Some(handler) = handlers.find(|it| !it.parameters.is_empty()) else {
        return Vec::new();
    };
    let mut event = Shape::default();
    let mut records = Shape::default();
    let mut all = Shape::default();
    let mut learn = |text: &[u8], is_of_trigger: bool| {
        let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
        all.learn(&value);
        if is_of_trigger {
            event.learn(&value);
            if let Some(value) = records_of(table, text) {
                records.learn(&value);
            }
        }
    };
    for sample in samples::of_triggers().chain(samples::others()) {
        let text = sample.text.as_bytes();
        learn(text, source(table, text).as_ref() == Some(&trigger));
    }
    // One's own event is right by itself.
    if let Some(beside) = beside {
        learn(&beside, true);
    }
    let mut names = BTreeSet::new();
    all.names(&mut names);
    let mut reader = Reader {
        file,
        table,
        trigger: &trigger,
        event: &event,
        records: &records,
        names,
        assigned: assigned(file),
        variables: Vec::new(),
        calls: BTreeSet::new(),
        problems: Vec::new(),
    };
    reader.function(handler, &[Some(&event)]);
    reader.problems
}

/// The sample that the script's `//! trigger: NAME` names.
fn declared(file: &File) -> Option<Result<Sample, Problem>> {
    for (index, line) in file.source.lines().enumerate() {
        let text = line.trim_start();
        if !(text.is_empty() || text.starts_with("//")) {
            break;
        }
        let Some(name) =
            text.strip_prefix("//!").and_then(|text| text.trim_start().strip_prefix("trigger:"))
        else {
            continue;
        };
        let name = name.trim();
        return Some(samples::find(name).map_err(|failure| {
            let column = line.find(name).map_or(1, |at| line[..at].chars().count() + 1);
            let meant =
                failure.message.split_once("; ").and_then(|(_, meant)| meant.lines().next());
            Problem::error(&file.path, "trigger", format!("there is no trigger `{name}`"))
                .at(place(index + 1, column), name.chars().count())
                .help(meant.unwrap_or("`rhambda event` lists them"))
        }));
    }
    None
}

/// The service that an event is from, if that is sure.
fn source(table: &Table, event: &[u8]) -> Option<String> {
    let mut scope = Scope::new();
    scope.push("event", json::read(event).ok()?);
    let source = table.engine.eval_with_scope::<rhai::Dynamic>(&mut scope, "events::source(event)");
    source.ok()?.into_string().ok()
}

/// What `events::records` makes of an event.
fn records_of(table: &Table, event: &[u8]) -> Option<Value> {
    let mut scope = Scope::new();
    scope.push("event", json::read(event).ok()?);
    let script = "json::stringify(events::records(event))";
    let text = table.engine.eval_with_scope::<String>(&mut scope, script).ok()?;
    serde_json::from_str(&text).ok()
}

/// The names of properties that the script sets itself.
fn assigned(file: &File) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    file.ast.walk(&mut |nodes: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = nodes.last() {
            for step in chain(&assignment.1.lhs).1 {
                match step {
                    Step::Dot(Expr::Property(property, _)) => {
                        names.insert(property.2.to_string());
                    }
                    Step::Index(Expr::StringConstant(key, _)) => {
                        names.insert(key.to_string());
                    }
                    _ => {}
                }
            }
        }
        true
    });
    names
}

/// A step of a chain: behind a dot, or in brackets.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Dot(&'a Expr),
    Index(&'a Expr),
}

/// What a chain begins with, and its steps. The engine nests them to the right.
pub(super) fn chain(expression: &Expr) -> (&Expr, Vec<Step<'_>>) {
    let mut steps = Vec::new();
    let (base, mut is_index, mut rest, mut flags) = match expression {
        Expr::Dot(parts, flags, _) => (&parts.lhs, false, &parts.rhs, *flags),
        Expr::Index(parts, flags, _) => (&parts.lhs, true, &parts.rhs, *flags),
        other => return (other, steps),
    };
    loop {
        let step =
            |expression| if is_index { Step::Index(expression) } else { Step::Dot(expression) };
        match rest {
            Expr::Dot(parts, next, _) if !(is_index && flags.contains(ASTFlags::BREAK)) => {
                steps.push(step(&parts.lhs));
                (is_index, rest, flags) = (false, &parts.rhs, *next);
            }
            Expr::Index(parts, next, _) if !(is_index && flags.contains(ASTFlags::BREAK)) => {
                steps.push(step(&parts.lhs));
                (is_index, rest, flags) = (true, &parts.rhs, *next);
            }
            last => {
                steps.push(step(last));
                return (base, steps);
            }
        }
    }
}

type Known<'a> = Option<&'a Shape>;

struct Reader<'a> {
    file: &'a File,
    table: &'a Table,
    trigger: &'a str,
    event: &'a Shape,
    records: &'a Shape,
    /// Every name that is in some sample.
    names: BTreeSet<&'a str>,
    assigned: BTreeSet<String>,
    variables: Vec<(String, Known<'a>)>,
    /// What was read with which arguments, so that it is read once and recursion ends.
    calls: BTreeSet<(String, Vec<Option<usize>>)>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn function(&mut self, function: &'a Function, arguments: &[Known<'a>]) {
        let places =
            arguments.iter().map(|known| known.map(|shape| std::ptr::from_ref(shape) as usize));
        if !self.calls.insert((function.name.clone(), places.collect())) {
            return;
        }
        let outside = std::mem::take(&mut self.variables);
        let given = arguments.iter().copied().chain(std::iter::repeat(None));
        self.variables.extend(function.parameters.iter().cloned().zip(given));
        self.block(&function.statements);
        self.variables = outside;
    }

    /// A closure of which so many parameters are captured, by the same names.
    fn closure(&mut self, pointer: &Expr, captured: usize, arguments: &[Known<'a>]) {
        let Expr::DynamicConstant(value, _) = pointer else { return };
        let Some(name) = value.read_lock::<FnPtr>().map(|pointer| pointer.fn_name().to_owned())
        else {
            return;
        };
        let Some(function) = self.file.function(&name) else { return };
        let captured = function.parameters.iter().take(captured).map(|name| self.variable(name));
        let arguments: Vec<Known> = captured.chain(arguments.iter().copied()).collect();
        self.function(function, &arguments);
    }

    /// A closure as it stands among arguments, perhaps with what it captures.
    fn pointer(&mut self, expression: &Expr, arguments: &[Known<'a>]) -> bool {
        match expression {
            Expr::DynamicConstant(..) => self.closure(expression, 0, arguments),
            Expr::Stmt(block) => match curried(block) {
                Some(call) => {
                    let Some(pointer) = call.args.first() else { return false };
                    self.closure(pointer, call.args.len() - 1, arguments);
                }
                None => return false,
            },
            _ => return false,
        }
        true
    }

    fn variable(&self, name: &str) -> Known<'a> {
        self.variables.iter().rev().find(|(known, _)| known == name).and_then(|(_, shape)| *shape)
    }

    fn block(&mut self, statements: &[Stmt]) {
        let count = self.variables.len();
        statements.iter().for_each(|statement| self.statement(statement));
        self.variables.truncate(count);
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Var(variable, ..) => {
                let shape = self.read(&variable.1);
                self.variables.push((variable.0.name.to_string(), shape));
            }
            Stmt::For(parts, _) => {
                let (name, counter, flow) = &**parts;
                let shape = self.read(&flow.expr).and_then(|shape| shape.element.as_deref());
                let count = self.variables.len();
                self.variables.push((name.name.to_string(), shape));
                self.variables
                    .extend(counter.iter().map(|counter| (counter.name.to_string(), None)));
                self.block(flow.body.statements());
                self.variables.truncate(count);
            }
            Stmt::Assignment(assignment) => {
                self.read(&assignment.1.rhs);
                match &assignment.1.lhs {
                    Expr::Variable(variable, ..) => self.forget(&variable.1),
                    target => self.look(target),
                }
            }
            Stmt::If(flow, _)
            | Stmt::While(flow, _)
            | Stmt::Do(flow, ..)
            | Stmt::TryCatch(flow, _) => {
                self.read(&flow.expr);
                self.block(flow.body.statements());
                self.block(flow.branch.statements());
            }
            Stmt::Switch(parts, _) => {
                self.read(&parts.0);
                for case in &parts.1.expressions {
                    self.read(&case.lhs);
                    self.read(&case.rhs);
                }
            }
            Stmt::FnCall(call, _) => {
                self.call(call);
            }
            Stmt::Block(block) => self.block(block.statements()),
            Stmt::Expr(expression) => self.look(expression),
            Stmt::Return(Some(value), ..) | Stmt::BreakLoop(Some(value), ..) => self.look(value),
            _ => {}
        }
    }

    /// A variable that is set to something else is nothing we know.
    fn forget(&mut self, name: &str) {
        for (known, shape) in &mut self.variables {
            if known == name {
                *shape = None;
            }
        }
    }

    /// Looks at an expression, and says what is known of its value.
    fn read(&mut self, expression: &Expr) -> Known<'a> {
        match expression {
            Expr::Variable(variable, ..) if variable.2.path.is_empty() => {
                self.variable(&variable.1)
            }
            Expr::Dot(..) | Expr::Index(..) => self.read_chain(expression, true),
            Expr::Coalesce(parts, _) => {
                // What may be absent may have another name elsewhere.
                let shapes: Vec<Known> = parts.iter().map(|part| self.maybe(part)).collect();
                shapes.into_iter().flatten().next()
            }
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                parts.iter().for_each(|part| self.look(part));
                None
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.look(part));
                None
            }
            Expr::Map(map, _) => {
                map.0.iter().for_each(|(_, value)| self.look(value));
                None
            }
            Expr::FnCall(call, _) => self.call(call),
            Expr::Stmt(block) => {
                if !self.pointer(expression, &[]) {
                    self.block(block.statements());
                }
                None
            }
            Expr::DynamicConstant(..) => {
                self.pointer(expression, &[]);
                None
            }
            _ => None,
        }
    }

    fn look(&mut self, expression: &Expr) {
        self.read(expression);
    }

    /// The same for something that is asked whether it is there.
    fn maybe(&mut self, expression: &Expr) -> Known<'a> {
        match expression {
            Expr::Dot(..) | Expr::Index(..) => self.read_chain(expression, false),
            other => self.read(other),
        }
    }

    fn call(&mut self, call: &FnCallExpr) -> Known<'a> {
        let is_comparison = call.op_token.is_some() && matches!(call.name.as_str(), "==" | "!=");
        let against_nothing =
            is_comparison && call.args.iter().any(|it| matches!(it, Expr::Unit(_)));
        let module = call.namespace.path.first().map(|part| part.name.as_str());
        let is_event = |shape: Known| shape.is_some_and(|shape| std::ptr::eq(shape, self.event));
        match (module, call.name.as_str()) {
            (Some("events"), "records")
                if call.args.first().is_some_and(|it| is_event(self.peek(it))) =>
            {
                return Some(self.records);
            }
            (Some("batch"), "each")
                if call.args.first().is_some_and(|it| is_event(self.peek(it))) =>
            {
                let record = self.records.element.as_deref();
                if let Some(function) = call.args.get(1) {
                    self.pointer(function, &[record]);
                }
                return None;
            }
            _ => {}
        }
        let arguments: Vec<Known> = call
            .args
            .iter()
            .map(|it| if against_nothing { self.maybe(it) } else { self.read(it) })
            .collect();
        if module.is_none() && call.op_token.is_none() && arguments.iter().any(Option::is_some) {
            let mut functions = self.file.functions_named(&call.name);
            if let Some(function) = functions.find(|it| it.parameters.len() == arguments.len()) {
                self.function(function, &arguments);
            }
        }
        None
    }

    /// What is known of a variable, without looking at it.
    fn peek(&self, expression: &Expr) -> Known<'a> {
        match expression {
            Expr::Variable(variable, ..) => self.variable(&variable.1),
            _ => None,
        }
    }

    fn read_chain(&mut self, expression: &Expr, is_told: bool) -> Known<'a> {
        let (base, steps) = chain(expression);
        let mut at = self.read(base);
        for step in steps {
            at = match step {
                Step::Dot(Expr::Property(property, position)) => {
                    self.enter(at, &property.2, *position, is_told)
                }
                Step::Index(Expr::StringConstant(key, position)) => {
                    self.enter(at, key, *position, is_told)
                }
                Step::Index(index) => {
                    self.read(index);
                    at.and_then(|shape| shape.element.as_deref())
                }
                Step::Dot(Expr::MethodCall(call, _)) => self.method(at, call),
                Step::Dot(other) => {
                    self.read(other);
                    None
                }
            };
        }
        at
    }

    fn method(&mut self, of: Known<'a>, call: &FnCallExpr) -> Known<'a> {
        let element = of.and_then(|shape| shape.element.as_deref());
        let is_over = OVER_ELEMENTS.contains(&call.name.as_str());
        let given = if is_over { element } else { None };
        for argument in &call.args {
            if !self.pointer(argument, &[given]) {
                self.read(argument);
            }
        }
        match call.name.as_str() {
            "filter" | "order_by" | "sort_by" | "unique_by" => of,
            "find" => element,
            _ => None,
        }
    }

    fn enter(&mut self, of: Known<'a>, key: &str, position: Position, is_told: bool) -> Known<'a> {
        let of = of?;
        if let Some(inside) = of.keys.get(key) {
            return Some(inside);
        }
        let is_plain_text = of.is_text && !of.is_object && of.element.is_none() && !of.is_senders;
        if is_plain_text && !self.table.functions.contains_key(&format!("get${key}")) {
            let message =
                format!("this is text in an event of {}, and text has no `{key}`", self.trigger);
            let problem = Problem::error(&self.file.path, "text-property", message);
            let help =
                "parse it first: `let parsed = parse_json(…);`, then the property of `parsed`";
            self.problems.push(problem.at(position, key.chars().count()).help(help));
            return None;
        }
        let can_tell = is_told && of.is_object && !of.is_open && !self.assigned.contains(key);
        let in_another_case = of.keys.keys().find(|known| known.eq_ignore_ascii_case(key));
        let near = in_another_case.map(String::as_str).or_else(|| {
            let is_of_another = self.names.contains(key);
            if is_of_another { None } else { nearest(key, of.keys.keys().map(String::as_str)) }
        });
        if let (true, Some(near)) = (can_tell, near) {
            let what = if self.is_of_records(of) { "a record" } else { "an event" };
            let message = format!("{what} of {} has no `{key}` there", self.trigger);
            let problem = Problem::error(&self.file.path, "event-path", message);
            let problem =
                problem.at(position, key.chars().count()).help(format!("did you mean `{near}`?"));
            self.problems.push(problem);
        }
        None
    }

    fn is_of_records(&self, shape: &Shape) -> bool {
        self.records.element.as_deref().is_some_and(|element| std::ptr::eq(element, shape))
    }
}

/// The currying of a closure, if a block is one that captures variables.
pub(super) fn curried(block: &StmtBlock) -> Option<&FnCallExpr> {
    match block.statements() {
        [Stmt::Share(_), Stmt::Expr(curry)] => match &**curry {
            Expr::FnCall(call, _) => Some(call),
            _ => None,
        },
        [Stmt::Share(_), Stmt::FnCall(call, _)] => Some(call),
        _ => None,
    }
}
