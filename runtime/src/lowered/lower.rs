//! Lowers a function's statements to nodes, or finds that it cannot.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use rhai::{
    ASTFlags, ASTNode, Dynamic, Expr, FlowControl, FnCallExpr, Ident, ImmutableString, Position,
    ScriptFuncDef, Stmt, StmtBlock, Token,
};

use super::node::{
    Binary, Call, Change, ChangeKind, Condition, For, List, Method, MethodKind, Native, Node, Part,
    Path, Query, Root, Slot, Stage, VALUES,
};
use super::operators::Operator;
use super::{File, Function};
use crate::{bounds, loans, tail};

/// Lowers a function, if every statement of it is known.
pub fn lower(
    file: &Rc<File>,
    definition: &ScriptFuncDef,
    statements: &[Stmt],
    shown: &ImmutableString,
) -> Option<Function> {
    let mut lowering = Lowering {
        file,
        names: Vec::new(),
        slots: HashMap::new(),
        most: 0,
        steps: 0,
        gave_up: false,
    };
    for name in &definition.params {
        lowering.declare(name);
    }
    let mut body = Vec::with_capacity(statements.len());
    for statement in statements {
        body.push(lowering.statement(statement)?);
    }
    if let (Some(node), Some(statement)) = (body.last_mut(), statements.last()) {
        lowering.take_last(node, statement);
    }
    let is_calm = body.iter().all(|node| is_calm(node, file));
    Some(Function {
        name: definition.name.clone(),
        shown: shown.clone(),
        is_method: definition.this_type.is_some(),
        parameters: definition.params.iter().cloned().collect(),
        names: lowering.names.iter().cloned().collect(),
        block: Rc::new(Expr::Unit(Position::NONE)),
        slots: lowering.most,
        body,
        last: statements.last().map_or(Position::NONE, Stmt::position),
        is_calm,
        file: file.clone(),
    })
}

struct Lowering<'a> {
    file: &'a Rc<File>,
    /// The variables that can be seen, the innermost last.
    names: Vec<(ImmutableString, Slot)>,
    /// The slots of each name, the innermost last.
    slots: HashMap<ImmutableString, Vec<Slot>>,
    most: usize,
    steps: u32,
    /// Something is not known, or there is no time: whatever is tried next, it will be for nothing.
    gave_up: bool,
}

impl Lowering<'_> {
    fn declare(&mut self, name: &ImmutableString) -> Slot {
        let slot = self.names.len();
        self.names.push((name.clone(), slot));
        self.slots.entry(name.clone()).or_default().push(slot);
        self.most = self.most.max(self.names.len());
        slot
    }

    fn find(&self, name: &str) -> Option<Slot> {
        self.slots.get(name)?.last().copied()
    }

    /// Goes back to as many variables as could be seen before.
    fn leave(&mut self, outside: usize) {
        while self.names.len() > outside {
            if let Some((name, _)) = self.names.pop()
                && let Some(slots) = self.slots.get_mut(&name)
            {
                slots.pop();
            }
        }
    }

    fn block(&mut self, block: &StmtBlock) -> Option<Node> {
        let outside = self.names.len();
        let mut nodes = Vec::with_capacity(block.statements().len());
        for statement in block.statements() {
            nodes.push(self.statement(statement)?);
        }
        let own = outside..self.names.len();
        self.leave(outside);
        if nodes.len() == 1 && own.is_empty() {
            return nodes.pop();
        }
        Some(Node::Block(nodes, own))
    }

    fn condition(&mut self, expression: &Expr) -> Option<Condition> {
        Some(Condition { node: self.expression(expression)?, position: expression.position() })
    }

    fn statement(&mut self, statement: &Stmt) -> Option<Node> {
        Some(match statement {
            Stmt::Noop(_) => Node::Constant(Dynamic::UNIT),
            Stmt::Expr(expression) => self.expression(expression)?,
            Stmt::FnCall(call, position) => self.call(call, *position)?,
            Stmt::Block(block) => self.block(block)?,
            Stmt::If(parts, _) => {
                let condition = self.condition(&parts.expr)?;
                let then = self.block(&parts.body)?;
                Node::If(Box::new((condition, then, self.block(&parts.branch)?)))
            }
            Stmt::While(parts, position) => {
                let condition = match &parts.expr {
                    Expr::Unit(_) | Expr::BoolConstant(true, _) => None,
                    expression => Some(Box::new(self.condition(expression)?)),
                };
                Node::While(condition, Box::new(self.block(&parts.body)?), *position)
            }
            Stmt::Do(parts, flags, position) => {
                let body = Box::new(self.block(&parts.body)?);
                let condition = Box::new(self.condition(&parts.expr)?);
                Node::Do(body, condition, flags.contains(ASTFlags::NEGATED), *position)
            }
            Stmt::For(parts, _) => self.loop_over(parts)?,
            Stmt::Var(parts, flags, _) if *flags == ASTFlags::NONE => {
                let value = self.expression(&parts.1)?;
                Node::Let(self.declare(&parts.0.name), Box::new(value))
            }
            Stmt::Assignment(parts) => self.assignment(statement, &parts.1.lhs, &parts.1.rhs)?,
            Stmt::BreakLoop(value, flags, _) => {
                let value = match value {
                    Some(expression) => Some(Box::new(self.expression(expression)?)),
                    None => None,
                };
                match flags.contains(ASTFlags::BREAK) {
                    true => Node::Break(value),
                    false => Node::Continue,
                }
            }
            Stmt::Return(value, flags, position) => {
                let value = match value {
                    Some(expression) => Some(Box::new(self.expression(expression)?)),
                    None => None,
                };
                match flags.contains(ASTFlags::BREAK) {
                    true => Node::Throw(value, *position),
                    false => Node::Return(value),
                }
            }
            _ => return None,
        })
    }

    fn loop_over(&mut self, parts: &(Ident, Option<Ident>, FlowControl)) -> Option<Node> {
        let (item, counter, flow) = parts;
        let list = self.list(&flow.expr, flow.body.statements())?;
        let outside = self.names.len();
        // As the engine has it: where both have one name, it is the item's.
        let counter = counter.as_ref().map(|counter| self.declare(&counter.name));
        let slot = self.declare(&item.name);
        let is_defined = |name: &str| self.file.defines(name);
        let only_reads = loans::only_reads(flow.body.statements(), &item.name, &is_defined);
        let body = self.block(&flow.body)?;
        self.leave(outside);
        let position = flow.expr.start_position();
        let end = flow.expr.position();
        let item = slot;
        Some(Node::For(Box::new(For { item, counter, list, body, only_reads, position, end })))
    }

    fn list(&mut self, expression: &Expr, body: &[Stmt]) -> Option<List> {
        if let Expr::FnCall(call, position) = expression
            && let Some(token @ (Token::ExclusiveRange | Token::InclusiveRange)) = &call.op_token
            && let [start, end] = &*call.args
        {
            let is_inclusive = *token == Token::InclusiveRange;
            let native = on_values(call, *position);
            let (start, end) = (self.expression(start)?, self.expression(end)?);
            return Some(List::Range { start, end, is_inclusive, native });
        }
        let node = self.expression(expression)?;
        let native = |lowering: &Self| lowering.plain_native(expression);
        Some(match node {
            Node::Variable(slot) if !self.names_root(slot, body) => List::Path(Path {
                root: Root::Variable(slot),
                steps: Vec::new(),
                native: native(self),
            }),
            Node::Read(path) => match path.root {
                Root::Variable(slot) if !self.names_root(slot, body) => List::Path(*path),
                _ => List::Value(Node::Read(path)),
            },
            other => List::Value(other),
        })
    }

    /// Whether statements name the variable of a slot.
    fn names_root(&self, slot: Slot, statements: &[Stmt]) -> bool {
        let Some((name, _)) = self.names.get(slot) else {
            return true;
        };
        !statements.iter().all(|statement| {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| match path.last() {
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => variable.1 != *name,
                Some(ASTNode::Stmt(Stmt::Share(shared))) => {
                    shared.iter().all(|(variable, _)| variable.name != *name)
                }
                Some(node) => !loans::hides_an_expression(node),
                None => true,
            })
        })
    }

    fn assignment(&mut self, statement: &Stmt, target: &Expr, value: &Expr) -> Option<Node> {
        let Stmt::Assignment(parts) = statement else { return None };
        let value = self.expression(value)?;
        let kind = match parts.0.get_op_assignment_info() {
            None => ChangeKind::Put,
            Some((.., operator, _)) => {
                Operator::of(operator).map_or(ChangeKind::Other, ChangeKind::Combine)
            }
        };
        if let (Expr::Variable(variable, ..), ChangeKind::Put) = (target, kind) {
            let slot = self.find(&variable.1).filter(|_| variable.2.is_empty())?;
            return Some(Node::Assign(slot, Box::new(value)));
        }
        if matches!(target, Expr::ThisPtr(_)) {
            // The engine looks whether there is one before it evaluates the value.
            return None;
        }
        let mut changed = parts.clone();
        changed.1.rhs = value_at(0, parts.1.rhs.position());
        let block = StmtBlock::new([Stmt::Assignment(changed)], Position::NONE, Position::NONE);
        let expression = Expr::Stmt(Box::new(block));
        let (root, steps, kind) = match self.path(target) {
            Some((root, steps)) => (root, steps, kind),
            None => (Root::This, Vec::new(), ChangeKind::Other),
        };
        let native = self.native_around(expression, Vec::new(), 1)?;
        Some(Node::Change(Box::new(Change { root, steps, kind, value, native })))
    }

    fn expression(&mut self, expression: &Expr) -> Option<Node> {
        self.steps = self.steps.wrapping_add(1);
        let is_late = self.steps % 256 == 0 && bounds::in_time().is_err();
        if self.gave_up || is_late {
            self.gave_up = true;
            return None;
        }
        let node = self.known(expression);
        self.gave_up |= node.is_none();
        node
    }

    fn known(&mut self, expression: &Expr) -> Option<Node> {
        if let Some(value) = expression.get_literal_value(None) {
            return Some(Node::Constant(value));
        }
        Some(match expression {
            Expr::Variable(variable, ..) => {
                match self.find(&variable.1).filter(|_| variable.2.is_empty()) {
                    Some(slot) => Node::Variable(slot),
                    None => Node::Native(Box::new(self.plain_native(expression))),
                }
            }
            Expr::ThisPtr(_) => Node::Read(Box::new(Path {
                root: Root::This,
                steps: Vec::new(),
                native: self.plain_native(expression),
            })),
            Expr::InterpolatedString(parts, position) => {
                let one = Expr::InterpolatedString(
                    [value_at(0, *position)].into_iter().collect(),
                    *position,
                );
                let format = Native::new(one, Vec::new(), Vec::new(), 1);
                Node::Text(self.expressions(parts.iter())?, Box::new(format))
            }
            Expr::Array(items, _) => Node::Array(self.expressions(items.iter())?),
            Expr::Map(map, _) => Node::Map(
                map.0
                    .iter()
                    .map(|(name, value)| Some((name.name.as_str().into(), self.expression(value)?)))
                    .collect::<Option<_>>()?,
            ),
            Expr::And(items, _) => Node::And(self.conditions(items)?),
            Expr::Or(items, _) => Node::Or(self.conditions(items)?),
            Expr::Coalesce(items, _) => Node::Coalesce(self.expressions(items.iter())?),
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Share(_), Stmt::Expr(made)] => self.closure(made)?,
                _ => self.block(block)?,
            },
            Expr::FnCall(call, position) => self.call(call, *position)?,
            Expr::Dot(..) | Expr::Index(..) => self.chain(expression)?,
            _ => return None,
        })
    }

    fn expressions<'e>(&mut self, items: impl Iterator<Item = &'e Expr>) -> Option<Vec<Node>> {
        items.map(|item| self.expression(item)).collect()
    }

    fn conditions(&mut self, items: &[Expr]) -> Option<Vec<(Node, Position)>> {
        items.iter().map(|item| Some((self.expression(item)?, item.position()))).collect()
    }

    /// A closure that captures variables of this function.
    fn closure(&mut self, made: &Expr) -> Option<Node> {
        let Expr::FnCall(call, _) = made else { return None };
        let (pointer, captured) = call.args.split_first()?;
        let slots = captured
            .iter()
            .map(|variable| match variable {
                Expr::Variable(variable, ..) => self.find(&variable.1),
                _ => None,
            })
            .collect::<Option<_>>()?;
        Some(Node::Closure(Box::new(self.plain_native(pointer)), slots))
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) -> Option<Node> {
        const SEES_ALL: [&str; 3] = ["eval", "is_def_var", "import"];
        if call.capture_parent_scope || SEES_ALL.contains(&call.name.as_str()) {
            return None;
        }
        if let Some(token) = &call.op_token {
            return self.operator(call, token, position);
        }
        if call.namespace.is_empty() {
            let place = self.file.place_of(&call.name, call.args.len());
            if let Some(place) = place.filter(|_| !call.hashes.is_native_only()) {
                if call.args.len() > VALUES.len() {
                    return None;
                }
                let arguments = self.expressions(call.args.iter())?;
                let native = on_values(call, position);
                let is_late =
                    matches!(call.args.first(), Some(Expr::Variable(..) | Expr::ThisPtr(_)))
                        && !arguments.iter().all(|node| is_calm(node, self.file));
                return Some(Node::Call(Box::new(Call {
                    place,
                    arguments,
                    first_is_last: is_late,
                    position,
                    native,
                })));
            }
            if call.name == "contains"
                && !self.file.may_run(call)
                && let [container, part] = &*call.args
                && let Some((root, steps)) = self.path(container)
                && let part_node = self.expression(part)?
                && (steps.is_empty() || is_calm(&part_node, self.file))
            {
                let mut changed = call.clone();
                changed.args[1] = value_at(0, part.position());
                let expression = Expr::FnCall(Box::new(changed), position);
                let native = self.native_around(expression, Vec::new(), 1)?;
                return Some(Node::Method(Box::new(Method {
                    kind: MethodKind::Contains,
                    root,
                    steps,
                    argument: Some(part_node),
                    native,
                })));
            }
        }
        Some(Node::Native(Box::new(self.native_call(call, position)?)))
    }

    fn operator(&mut self, call: &FnCallExpr, token: &Token, position: Position) -> Option<Node> {
        let native = || on_values(call, position);
        match (&*call.args, token) {
            ([left, right], _) if Operator::of(token).is_some() => {
                let operator = Operator::of(token)?;
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                Some(Node::Binary(Box::new(Binary { operator, left, right, native: native() })))
            }
            ([operand], Token::Bang) => {
                Some(Node::Not(Box::new((self.expression(operand)?, native()))))
            }
            (operands @ ([_] | [_, _]), _) => {
                let mut native = native();
                native.temporaries = self.expressions(operands.iter())?;
                Some(Node::Native(Box::new(native)))
            }
            _ => None,
        }
    }

    /// A call that the engine makes.
    fn native_call(&mut self, call: &FnCallExpr, position: Position) -> Option<Native> {
        let mut call = call.clone();
        let call_name = call.name.clone();
        let mut hoisted = Hoisted::default();
        let mut arguments: Vec<(&mut Expr, Position)> = call
            .args
            .iter_mut()
            .map(|argument| {
                let position = argument.start_position();
                (argument, position)
            })
            .collect();
        // The first argument may be changed, if it is a variable.
        let is_first = matches!(call_name.as_str(), "call" | "curry");
        let is_kept = |index: usize, argument: &Expr| {
            index == 0 && !is_first && matches!(argument, Expr::Variable(..) | Expr::ThisPtr(_))
        };
        self.hoist(&mut arguments, is_kept, &mut hoisted)?;
        self.native_around(Expr::FnCall(Box::new(call), position), hoisted.nodes, 0)
    }

    /// Has arguments evaluated before the engine does, where they are more than variables or
    /// literals.
    fn hoist(
        &mut self,
        arguments: &mut [(&mut Expr, Position)],
        is_kept: impl Fn(usize, &Expr) -> bool,
        hoisted: &mut Hoisted,
    ) -> Option<()> {
        let nodes: Vec<Node> = arguments
            .iter()
            .map(|(argument, _)| self.expression(argument))
            .collect::<Option<_>>()?;
        let is_calm = nodes.iter().all(|node| is_calm(node, self.file));
        for (index, ((argument, position), node)) in arguments.iter_mut().zip(nodes).enumerate() {
            let is_simple = match &node {
                Node::Constant(_) => true,
                Node::Variable(_) => is_calm,
                _ => matches!(argument, Expr::Variable(..) | Expr::ThisPtr(_)) && is_calm,
            };
            if is_simple || is_kept(index, argument) {
                if !is_calm && matches!(argument, Expr::ThisPtr(_)) {
                    // The engine looks whether there is one before it evaluates the others.
                    return None;
                }
                continue;
            }
            **argument = value_at(hoisted.nodes.len(), *position);
            hoisted.nodes.push(node);
        }
        (hoisted.nodes.len() <= VALUES.len()).then_some(())
    }

    /// A path, a method of a path, or another chain.
    fn chain(&mut self, expression: &Expr) -> Option<Node> {
        if let Some((root, steps)) = self.path(expression) {
            let native = self.plain_native(expression);
            return Some(Node::Read(Box::new(Path { root, steps, native })));
        }
        if let Some(method) = self.method(expression).or_else(|| self.query(expression)) {
            return Some(method);
        }
        let mut chain = expression.clone();
        let mut hoisted = Hoisted::default();
        let mut arguments = Vec::new();
        let root = arguments_of(&mut chain, &mut arguments)?;
        self.hoist(&mut arguments, |_, _| false, &mut hoisted)?;
        if !matches!(root, Expr::Variable(..) | Expr::ThisPtr(_)) {
            let node = self.expression(root)?;
            if !matches!(node, Node::Constant(_)) {
                *root = value_at(hoisted.nodes.len(), root.start_position());
                hoisted.nodes.push(node);
            }
        }
        if hoisted.nodes.len() > VALUES.len() {
            return None;
        }
        Some(Node::Native(Box::new(self.native_around(chain, hoisted.nodes, 0)?)))
    }

    /// A path that ends in a method that is known here.
    fn method(&mut self, expression: &Expr) -> Option<Node> {
        let (root, parts) = parts_of(expression);
        let (last, before) = parts.split_last()?;
        let Expr::MethodCall(call, _) = last.expression else { return None };
        let kind = match (call.name.as_str(), call.args.len()) {
            ("len", 0) => MethodKind::Len,
            ("is_empty", 0) => MethodKind::IsEmpty,
            ("push", 1) => MethodKind::Push,
            ("contains", 1) => MethodKind::Contains,
            _ => return None,
        };
        let is_simple = before.iter().all(ChainPart::is_simple);
        if last.is_optional || !is_simple || self.file.may_run(call) {
            return None;
        }
        let root = self.root(root)?;
        let steps = self.steps(before)?;
        let argument = match call.args.first() {
            Some(argument) => Some(self.expression(argument)?),
            None => None,
        };
        if !steps.is_empty() && !argument.as_ref().is_none_or(|node| is_calm(node, self.file)) {
            // What the argument changes may be what the path's indices are made of.
            return None;
        }
        let mut chain = expression.clone();
        let mut arguments = Vec::new();
        arguments_of(&mut chain, &mut arguments)?;
        if argument.is_some()
            && let Some((argument, position)) = arguments.pop()
        {
            *argument = value_at(0, position);
        }
        let native = self.native_around(chain, Vec::new(), usize::from(argument.is_some()))?;
        Some(Node::Method(Box::new(Method { kind, root, steps, argument, native })))
    }

    /// A path that is filtered, mapped, or first the one and then the other.
    fn query(&mut self, expression: &Expr) -> Option<Node> {
        let (root, parts) = parts_of(expression);
        let count =
            parts.iter().position(|part| matches!(part.expression, Expr::MethodCall(..)))?;
        let (before, after) = parts.split_at(count);
        let names: Vec<&str> = after
            .iter()
            .map(|part| match part.expression {
                Expr::MethodCall(call, _) if call.args.len() == 1 => call.name.as_str(),
                _ => "",
            })
            .collect();
        let is_known = matches!(*names, ["filter"] | ["map"] | ["filter", "map"]);
        let is_plain = before.iter().all(ChainPart::is_simple)
            && after.iter().all(|part| match part.expression {
                Expr::MethodCall(call, _) => !part.is_optional && !self.file.may_run(call),
                _ => false,
            });
        if !is_known || !is_plain {
            return None;
        }
        let root = self.root(root)?;
        let mut stages = Vec::new();
        for part in after {
            let Expr::MethodCall(call, position) = part.expression else { return None };
            let function = self.expression(call.args.first()?)?;
            if !is_calm(&function, self.file) {
                return None;
            }
            let is_filter = call.name == "filter";
            stages.push(Stage { is_filter, function, position: *position });
        }
        let steps = self.steps(before)?;
        let mut chain = expression.clone();
        let mut arguments = Vec::new();
        arguments_of(&mut chain, &mut arguments)?;
        let first = arguments.len() - stages.len();
        let functions = arguments.split_off(first);
        for (index, (argument, position)) in functions.into_iter().enumerate() {
            *argument = value_at(index, position);
        }
        let native = self.native_around(chain, Vec::new(), stages.len())?;
        Some(Node::Query(Box::new(Query { root, steps, stages, native })))
    }

    fn root(&self, root: &Expr) -> Option<Root> {
        match root {
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                self.find(&variable.1).map(Root::Variable)
            }
            Expr::ThisPtr(_) => Some(Root::This),
            _ => None,
        }
    }

    /// The path that an expression is: properties and elements of a variable, whose indices are
    /// simple enough to be evaluated twice, by us and then by the engine.
    fn path(&mut self, expression: &Expr) -> Option<(Root, Vec<Part>)> {
        let (root, parts) = parts_of(expression);
        let root = self.root(root).filter(|_| parts.iter().all(ChainPart::is_simple))?;
        Some((root, self.steps(&parts)?))
    }

    fn steps(&mut self, parts: &[ChainPart]) -> Option<Vec<Part>> {
        parts
            .iter()
            .map(|part| match part.expression {
                Expr::Property(property, _) if !part.is_index => Some(Part::Property {
                    name: property.2.as_str().into(),
                    is_optional: part.is_optional,
                }),
                index if part.is_index => Some(Part::Index {
                    node: self.expression(index)?,
                    is_optional: part.is_optional,
                }),
                _ => None,
            })
            .collect()
    }

    /// What the engine evaluates as it is.
    fn plain_native(&self, expression: &Expr) -> Native {
        Native::new(expression.clone(), self.variables_in(expression), Vec::new(), 0)
    }

    /// What the engine evaluates after some values. `None` where statements in it would not find
    /// their variables, or would leave more than themselves.
    fn native_around(&self, expression: Expr, nodes: Vec<Node>, values: usize) -> Option<Native> {
        // An assignment is a statement itself.
        let own = usize::from(matches!(expression, Expr::Stmt(_)));
        let mut statements = 0;
        expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            statements += usize::from(matches!(path.last(), Some(ASTNode::Stmt(_))));
            true
        });
        if statements > own {
            return None;
        }
        let variables = self.variables_in(&expression);
        Some(Native::new(expression, variables, nodes, values))
    }

    /// The variables of this function that an expression names.
    fn variables_in(&self, expression: &Expr) -> Vec<(ImmutableString, Slot)> {
        let mut found: Vec<(ImmutableString, Slot)> = Vec::new();
        expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, ..))) = path.last()
                && variable.2.is_empty()
                && let Some(slot) = self.find(&variable.1)
                && found.iter().all(|(_, known)| *known != slot)
            {
                found.push((variable.1.clone(), slot));
            }
            true
        });
        found
    }

    /// Lets the function's last value be made of variables themselves instead of copies.
    fn take_last(&self, node: &mut Node, statement: &Stmt) {
        let expression = match statement {
            Stmt::Expr(expression) => expression,
            Stmt::Return(Some(expression), flags, _) if !flags.contains(ASTFlags::BREAK) => {
                expression
            }
            _ => return,
        };
        let once: HashSet<Slot> =
            tail::read_once(expression).into_iter().filter_map(|name| self.find(&name)).collect();
        take(node, &once);
    }
}

#[derive(Default)]
struct Hoisted {
    nodes: Vec<Node>,
}

fn take(node: &mut Node, once: &HashSet<Slot>) {
    match node {
        Node::Variable(slot) if once.contains(slot) => *node = Node::Last(*slot),
        Node::Array(nodes) => nodes.iter_mut().for_each(|node| take(node, once)),
        Node::Map(entries) => entries.iter_mut().for_each(|(_, node)| take(node, once)),
        Node::Return(Some(node)) => take(node, once),
        Node::Call(call) => call.arguments.iter_mut().for_each(|node| take(node, once)),
        Node::Native(native) => native.temporaries.iter_mut().for_each(|node| take(node, once)),
        _ => {}
    }
}

/// A step of a chain, as it is written.
struct ChainPart<'a> {
    expression: &'a Expr,
    is_index: bool,
    is_optional: bool,
}

impl ChainPart<'_> {
    /// Whether it reads a property, or an element whose index may be evaluated twice.
    fn is_simple(&self) -> bool {
        match self.expression {
            index if self.is_index => is_simple(index),
            other => matches!(other, Expr::Property(..)),
        }
    }
}

/// The root of a chain, and its steps.
fn parts_of(expression: &Expr) -> (&Expr, Vec<ChainPart<'_>>) {
    let mut parts = Vec::new();
    let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = expression else {
        return (expression, parts);
    };
    let mut current = expression;
    while let Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _) = current {
        let is_index = matches!(current, Expr::Index(..));
        let is_optional = flags.contains(ASTFlags::NEGATED);
        let next = match &pair.rhs {
            next @ (Expr::Dot(..) | Expr::Index(..)) if !flags.contains(ASTFlags::BREAK) => next,
            last => {
                parts.push(ChainPart { expression: last, is_index, is_optional });
                break;
            }
        };
        if let Expr::Dot(rest, ..) | Expr::Index(rest, ..) = next {
            parts.push(ChainPart { expression: &rest.lhs, is_index, is_optional });
        }
        current = next;
    }
    (&pair.lhs, parts)
}

/// The arguments and indices in a chain, in the order in which the engine evaluates them and with the
/// places that it tells for them, and its root, which it evaluates after them.
fn arguments_of<'e>(
    chain: &'e mut Expr,
    found: &mut Vec<(&'e mut Expr, Position)>,
) -> Option<&'e mut Expr> {
    let is_index = matches!(chain, Expr::Index(..));
    let (Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _)) = chain else { return None };
    let goes_on = !flags.contains(ASTFlags::BREAK);
    let pair = &mut **pair;
    rest_of(&mut pair.rhs, is_index, goes_on, found)?;
    Some(&mut pair.lhs)
}

fn rest_of<'e>(
    rest: &'e mut Expr,
    is_index: bool,
    goes_on: bool,
    found: &mut Vec<(&'e mut Expr, Position)>,
) -> Option<()> {
    let is_chain = goes_on && matches!(rest, Expr::Dot(..) | Expr::Index(..));
    if !is_chain {
        return part_of(rest, is_index, found);
    }
    let next_is_index = matches!(rest, Expr::Index(..));
    let (Expr::Dot(pair, flags, _) | Expr::Index(pair, flags, _)) = rest else { return None };
    let goes_on = !flags.contains(ASTFlags::BREAK);
    let pair = &mut **pair;
    part_of(&mut pair.lhs, is_index, found)?;
    rest_of(&mut pair.rhs, next_is_index, goes_on, found)
}

fn part_of<'e>(
    part: &'e mut Expr,
    is_index: bool,
    found: &mut Vec<(&'e mut Expr, Position)>,
) -> Option<()> {
    match part {
        index if is_index => {
            let position = index.start_position();
            found.push((index, position));
        }
        Expr::Property(..) => {}
        Expr::MethodCall(call, _) => found.extend(call.args.iter_mut().map(|argument| {
            let position = argument.position();
            (argument, position)
        })),
        _ => return None,
    }
    Some(())
}

/// An operator or a function on the values that are given to it.
fn on_values(call: &FnCallExpr, position: Position) -> Native {
    let mut call = call.clone();
    let count = call.args.len();
    for (index, argument) in call.args.iter_mut().enumerate() {
        *argument = value_at(index, argument.position());
    }
    Native::new(Expr::FnCall(Box::new(call), position), Vec::new(), Vec::new(), count)
}

fn value_at(index: usize, position: Position) -> Expr {
    let name = VALUES.get(index).copied().unwrap_or_default();
    Expr::Variable(Box::new((None, name.into(), <_>::default(), 0)), None, position)
}

/// Whether evaluating it changes nothing that others could see.
fn is_calm(node: &Node, file: &File) -> bool {
    let calm = |node: &Node| is_calm(node, file);
    match node {
        Node::Constant(_) | Node::Variable(_) | Node::Last(_) | Node::Closure(..) => true,
        // Their indices may be evaluated twice.
        Node::Read(_) => true,
        Node::Binary(binary) => calm(&binary.left) && calm(&binary.right),
        Node::Not(operand) => calm(&operand.0),
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().all(|(node, _)| calm(node)),
        Node::Coalesce(nodes) | Node::Array(nodes) | Node::Text(nodes, _) => nodes.iter().all(calm),
        Node::Map(entries) => entries.iter().all(|(_, node)| calm(node)),
        Node::Method(method) => {
            method.kind != MethodKind::Push && method.argument.as_ref().is_none_or(calm)
        }
        Node::Native(native) => {
            native.temporaries.iter().all(calm) && calls_nothing_else(&native.expression, file)
        }
        Node::Block(nodes, _) => nodes.iter().all(calm),
        Node::Let(_, value) | Node::Return(Some(value)) => calm(value),
        Node::If(parts) => calm(&parts.0.node) && calm(&parts.1) && calm(&parts.2),
        _ => false,
    }
}

/// Whether an expression of the engine calls only what is known to change nothing.
fn calls_nothing_else(expression: &Expr, file: &File) -> bool {
    expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| match path.last() {
        Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) => {
            call.namespace.is_empty()
                && (call.op_token.is_some() || loans::PURE.contains(&call.name.as_str()))
                && !file.may_run(call)
        }
        Some(ASTNode::Stmt(_)) => false,
        _ => true,
    })
}

/// Whether it may be evaluated twice.
fn is_simple(expression: &Expr) -> bool {
    match expression {
        Expr::Variable(..) | Expr::ThisPtr(_) => true,
        Expr::Dot(..) | Expr::Index(..) => {
            let (root, parts) = parts_of(expression);
            is_simple(root) && parts.iter().all(ChainPart::is_simple)
        }
        Expr::FnCall(call, _) => {
            call.op_token.as_ref().is_some_and(|token| Operator::of(token).is_some())
                && call.args.iter().all(is_simple)
        }
        Expr::InterpolatedString(parts, _) => parts.iter().all(is_simple),
        other => other.is_constant(),
    }
}
