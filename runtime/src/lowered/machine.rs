//! Evaluates lowered functions.

use std::cell::RefMut;
use std::rc::Rc;

use rhai::packages::{Package, StandardPackage};
use rhai::{
    Array, Dynamic, Engine, EvalAltResult, EvalContext, Expression, FnPtr, GlobalRuntimeState, INT,
    ImmutableString, Map, Position, Scope, Shared,
};

use super::node::{
    Binary, Call, Change, ChangeKind, Condition, For, List, Method, MethodKind, Native, Node, Part,
    Path, Query, Root, Slot, Stage, VALUES,
};
use super::operators::Operator;
use super::{File, Function, Spare};
use crate::bounds::{Bounded, room_for};
use crate::{frames, library, loans, memory, natives};

/// Why an evaluation ends before its end.
pub enum Exit {
    Error(Box<EvalAltResult>),
    Return(Dynamic),
    Break(Dynamic),
    Continue,
}

impl From<Box<EvalAltResult>> for Exit {
    fn from(error: Box<EvalAltResult>) -> Self {
        Self::Error(error)
    }
}

type Evaluated<T = Dynamic> = Result<T, Exit>;

/// One run of a function and of those that it calls.
pub struct Machine<'a> {
    engine: &'a Engine,
    global: &'a mut GlobalRuntimeState,
    spare: &'a mut Spare,
    /// Where the variables of the innermost function begin on the stack.
    base: usize,
    file: &'a File,
    pub this: Option<&'a mut Dynamic>,
    /// The parameter that has to stay where it is.
    pub lent: Option<Slot>,
}

impl<'a> Machine<'a> {
    pub fn new(
        engine: &'a Engine,
        global: &'a mut GlobalRuntimeState,
        spare: &'a mut Spare,
        file: &'a File,
    ) -> Self {
        Self { engine, global, spare, base: 0, file, this: None, lent: None }
    }

    /// Runs a function whose parameters are on the stack from `base` on, and leaves them there.
    pub fn run(&mut self, function: &Function, base: usize) -> Bounded<Dynamic> {
        // Between the steps of a function its variables are not in the engine's scope, or not where
        // the engine's compiler saw them.
        let searched = std::mem::replace(&mut self.global.always_search_scope, true);
        self.spare.stack.resize(base + function.slots, Dynamic::UNIT);
        let outer = std::mem::replace(&mut self.base, base);
        let mut result = match self.statements(&function.body) {
            Ok(value) | Err(Exit::Return(value)) => Ok(flat(value)),
            Err(Exit::Error(error)) => Err(error),
            // The compiler lets neither stand outside a loop.
            Err(Exit::Break(_) | Exit::Continue) => Ok(Dynamic::UNIT),
        };
        self.base = outer;
        self.global.always_search_scope = searched;
        // A native function may swallow the error of a callback, as `sort` does.
        if result.is_ok() && self.file.bounds.stopped().is_some() {
            result = Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, function.last)));
        }
        if let Err(error) = &mut result {
            self.file.bounds.note_limit(frames::innermost(error));
            let stack = &self.spare.stack;
            let is_locked = |index: usize| stack.get(base + index).is_some_and(Dynamic::is_locked);
            frames::place(error, &function.block, &function.parameters, is_locked);
            let mut trace = self.file.trace.borrow_mut();
            let this = self.this.as_deref();
            let look = |name: &str, see: &mut dyn FnMut(&Dynamic)| {
                let slot = function.names.iter().find(|(known, _)| known == name);
                let value = match name {
                    "this" => this,
                    _ => slot.and_then(|(_, slot)| stack.get(base + slot)),
                };
                if let Some(value) = value {
                    see(value);
                }
            };
            let (block, parameters) = (&function.block, &function.parameters);
            frames::ask_with(&look, error, block, parameters, &self.file.name, &mut trace);
            frames::note(error, &function.shown, &self.file.name, self.global.level, &mut trace);
        }
        result
    }

    /// Calls a function whose arguments are on the stack from `base` on, as a script does at
    /// `position`, by this name.
    pub fn call(
        &mut self,
        function: &Function,
        name: &str,
        base: usize,
        position: Position,
    ) -> Bounded<Dynamic> {
        self.tick(position)?;
        self.file.bounds.check_calls(self.global.level).map_err(|mut error| {
            error.set_position(position);
            error
        })?;
        self.run(function, base).map_err(|error| {
            let mut error = error;
            if matches!(*error, EvalAltResult::Exit(..)) || error.is_system_exception() {
                error.set_position(position);
                return error;
            }
            let source = self.global.source().unwrap_or_default().to_owned();
            let name = name.to_owned();
            Box::new(EvalAltResult::ErrorInFunctionCall(name, source, error, position))
        })
    }

    #[inline(always)]
    fn tick(&self, position: Position) -> Bounded<()> {
        match self.file.bounds.tick() {
            None => Ok(()),
            Some(token) => Err(Box::new(EvalAltResult::ErrorTerminated(token, position))),
        }
    }

    #[inline(always)]
    fn check_memory(&self) -> Bounded<()> {
        match memory::is_exceeded() {
            true => self.tick(Position::NONE),
            false => Ok(()),
        }
    }

    #[inline(always)]
    fn at(&mut self, slot: Slot) -> &mut Dynamic {
        &mut self.spare.stack[self.base + slot]
    }

    /// What a node stands for that needs no evaluation.
    #[inline(always)]
    fn peek<'n>(&'n self, node: &'n Node) -> Option<&'n Dynamic> {
        match node {
            Node::Constant(value) => Some(value),
            Node::Variable(slot) => Some(&self.spare.stack[self.base + slot]),
            _ => None,
        }
    }

    fn statements(&mut self, nodes: &[Node]) -> Evaluated {
        let Some((last, before)) = nodes.split_last() else { return Ok(Dynamic::UNIT) };
        for node in before {
            let _ = self.evaluate(node)?;
        }
        self.evaluate(last)
    }

    pub fn evaluate(&mut self, node: &Node) -> Evaluated {
        match node {
            Node::Constant(value) => Ok(value.clone()),
            Node::Variable(slot) => Ok(self.at(*slot).flatten_clone()),
            Node::Last(slot) => {
                let is_lent = self.lent == Some(*slot);
                let value = self.at(*slot);
                // What a closure has captured, others can still see.
                Ok(if is_lent || value.is_shared() { value.flatten_clone() } else { value.take() })
            }
            Node::Read(path) => self.read(path),
            Node::Binary(binary) => self.binary(binary),
            Node::Not(operand) => {
                let value = self.evaluate(&operand.0)?;
                match value.as_bool() {
                    Ok(value) => Ok(Dynamic::from_bool(!value)),
                    Err(_) => self.native_with(&operand.1, value),
                }
            }
            Node::And(nodes) => {
                for (node, position) in nodes {
                    if !self.is_true(node, *position)? {
                        return Ok(Dynamic::FALSE);
                    }
                }
                Ok(Dynamic::TRUE)
            }
            Node::Or(nodes) => {
                for (node, position) in nodes {
                    if self.is_true(node, *position)? {
                        return Ok(Dynamic::TRUE);
                    }
                }
                Ok(Dynamic::FALSE)
            }
            Node::Coalesce(nodes) => {
                for node in nodes {
                    let value = self.evaluate(node)?;
                    if !value.is_unit() {
                        return Ok(value);
                    }
                }
                Ok(Dynamic::UNIT)
            }
            Node::Array(nodes) => {
                let mut array = Array::with_capacity(nodes.len());
                for node in nodes {
                    array.push(flat(self.evaluate(node)?));
                    // Each of them may be a copy of all that there is.
                    self.check_memory()?;
                }
                Ok(Dynamic::from_array(array))
            }
            Node::Map(entries) => {
                let mut map = Map::new();
                for (name, node) in entries {
                    map.insert(name.clone(), flat(self.evaluate(node)?));
                    self.check_memory()?;
                }
                Ok(Dynamic::from_map(map))
            }
            Node::Text(parts, native) => self.text(parts, native),
            Node::Closure(native, captured) => self.closure(native, captured),
            Node::Call(call) => self.call_script(call),
            Node::Method(method) => self.method(method),
            Node::Query(query) => self.query(query),
            Node::Native(native) => self.native(native),
            Node::Block(nodes, own) => {
                let result = self.statements(nodes);
                for slot in own.clone() {
                    *self.at(slot) = Dynamic::UNIT;
                }
                result
            }
            Node::Let(slot, node) => {
                let value = flat(self.evaluate(node)?);
                *self.at(*slot) = changeable(value);
                Ok(Dynamic::UNIT)
            }
            Node::Assign(slot, node) => {
                let value = changeable(flat(self.evaluate(node)?));
                let place = self.at(*slot);
                if place.is_shared() {
                    if let Some(mut shared) = place.write_lock::<Dynamic>() {
                        *shared = value;
                    }
                } else {
                    *place = value;
                }
                Ok(Dynamic::UNIT)
            }
            Node::Change(change) => self.change(change),
            Node::If(parts) => {
                let (condition, then, otherwise) = &**parts;
                match self.is_true(&condition.node, condition.position)? {
                    true => self.evaluate(then),
                    false => self.evaluate(otherwise),
                }
            }
            Node::While(condition, body, position) => loop {
                self.tick(*position)?;
                if let Some(Condition { node, position }) = condition.as_deref()
                    && !self.is_true(node, *position)?
                {
                    return Ok(Dynamic::UNIT);
                }
                match self.evaluate(body) {
                    Ok(_) | Err(Exit::Continue) => {}
                    Err(Exit::Break(value)) => return Ok(value),
                    Err(other) => return Err(other),
                }
            },
            Node::Do(body, condition, ends_at, position) => loop {
                self.tick(*position)?;
                match self.evaluate(body) {
                    Ok(_) => {}
                    Err(Exit::Continue) => continue,
                    Err(Exit::Break(value)) => return Ok(value),
                    Err(other) => return Err(other),
                }
                if self.is_true(&condition.node, condition.position)? == *ends_at {
                    return Ok(Dynamic::UNIT);
                }
            },
            Node::For(head) => self.go_through(head),
            Node::Break(node) => {
                let value = node.as_ref().map(|node| self.evaluate(node)).transpose()?;
                Err(Exit::Break(value.unwrap_or_default()))
            }
            Node::Continue => Err(Exit::Continue),
            Node::Return(node) => {
                let value = node.as_ref().map(|node| self.evaluate(node)).transpose()?;
                Err(Exit::Return(value.unwrap_or_default()))
            }
            Node::Throw(node, position) => {
                let value = node.as_ref().map(|node| self.evaluate(node)).transpose()?;
                let value = value.unwrap_or_default().flatten();
                Err(Exit::Error(Box::new(EvalAltResult::ErrorRuntime(value, *position))))
            }
        }
    }

    fn is_true(&mut self, node: &Node, position: Position) -> Evaluated<bool> {
        let value = self.evaluate(node)?;
        value.as_bool().map_err(|actual| {
            Exit::Error(Box::new(EvalAltResult::ErrorMismatchDataType(
                "bool".to_owned(),
                actual.to_owned(),
                position,
            )))
        })
    }

    fn binary(&mut self, binary: &Binary) -> Evaluated {
        let Binary { operator, left, right, native } = binary;
        if let (Some(left), Some(right)) = (self.peek(left), self.peek(right))
            && let Some(value) = operator.apply(left, right)
        {
            return self.grown(value, native);
        }
        if let Node::Read(path) = left
            && let Some(value) = self.apply_to_read(*operator, path, right)
        {
            return self.grown(value, native);
        }
        let left = flat(self.evaluate(left)?);
        if let Some(right) = self.peek(right)
            && let Some(value) = operator.apply(&left, right)
        {
            return self.grown(value, native);
        }
        let right = flat(self.evaluate(right)?);
        match operator.apply(&left, &right) {
            Some(value) => self.grown(value, native),
            None => self.evaluate_native(native, &mut [left, right]),
        }
    }

    /// Applies an operator to what is at the end of a path, where that is and to what is there too.
    #[inline(never)]
    fn apply_to_read(&self, operator: Operator, path: &Path, right: &Node) -> Option<Dynamic> {
        let at = |path: &Path, look: &mut dyn FnMut(&Dynamic)| {
            let root = match path.root {
                Root::Variable(slot) => &self.spare.stack[self.base + slot],
                Root::This => self.this.as_deref()?,
            };
            // Without indices only names are followed; an index has to be evaluated first.
            follow(root, &path.steps, &[], look)
        };
        let mut value = None;
        at(path, &mut |left| match right {
            Node::Read(path) => {
                at(path, &mut |right| value = operator.apply(left, right));
            }
            right => value = self.peek(right).and_then(|right| operator.apply(left, right)),
        })?;
        value
    }

    /// Stops where text has grown too large.
    #[inline(always)]
    fn grown(&self, value: Dynamic, native: &Native) -> Evaluated {
        if value.is_string() {
            self.tick(native.expression.position())?;
        }
        Ok(value)
    }

    fn text(&mut self, parts: &[Node], native: &Native) -> Evaluated {
        let mut text = String::new();
        for part in parts {
            let held;
            let value = match self.peek(part) {
                Some(value) => value,
                None => {
                    held = self.evaluate(part)?;
                    &held
                }
            };
            // The text moves as it grows, and is copied when it is done.
            if let Some(length) = value.as_immutable_string_ref().ok().map(|part| part.len())
                && length > LONG_PART
            {
                room_for(text.len() + length, 3).map_err(|mut error| {
                    error.set_position(native.expression.position());
                    error
                })?;
            }
            if !append(&mut text, value) {
                // The engine copies it too, and where there is no room it would write it all the same.
                let bytes = natives::heap_bytes(value, 0);
                if bytes > LONG_PART {
                    room_for(bytes, 3).map_err(|mut error| {
                        error.set_position(native.expression.position());
                        error
                    })?;
                }
                let value = value.flatten_clone();
                let formatted = self.native_with(native, value)?;
                append(&mut text, &formatted);
            }
        }
        Ok(text.into())
    }

    fn closure(&mut self, native: &Native, captured: &[Slot]) -> Evaluated {
        let pointer = self.native(native)?;
        let Some(mut pointer) = pointer.try_cast::<FnPtr>() else { return Ok(Dynamic::UNIT) };
        for slot in captured {
            let place = &mut self.spare.stack[self.base + slot];
            self.file.bounds.captured().share(place);
            pointer.add_curry(place.clone());
        }
        Ok(pointer.into())
    }

    fn call_script(&mut self, call: &Call) -> Evaluated {
        let file = self.file;
        let Some(function) = file.functions.get(call.place).and_then(|function| function.get())
        else {
            let mut values = self.arguments(call)?;
            return self.evaluate_native(&call.native, &mut values);
        };
        let base = self.spare.stack.len();
        if call.first_is_last {
            let values = self.arguments(call)?;
            self.spare.stack.extend(values.into_iter().map(|value| changeable(flat(value))));
        }
        let others = if call.first_is_last { &[] } else { call.arguments.as_slice() };
        for argument in others {
            match self.evaluate(argument) {
                Ok(value) => self.spare.stack.push(changeable(flat(value))),
                Err(exit) => {
                    self.spare.stack.truncate(base);
                    return Err(exit);
                }
            }
        }
        let (this, lent) = (self.this.take(), self.lent.take());
        self.global.level += 1;
        let result = self.call(function, &function.name, base, call.position);
        self.global.level -= 1;
        self.spare.stack.truncate(base);
        (self.this, self.lent) = (this, lent);
        Ok(result?)
    }

    /// The arguments of a call, in their order.
    fn arguments(&mut self, call: &Call) -> Evaluated<Vec<Dynamic>> {
        let (first, others) = match call.arguments.split_first() {
            Some((first, others)) if call.first_is_last => (Some(first), others),
            _ => (None, call.arguments.as_slice()),
        };
        if let (Some(Node::Read(_)), None) = (first, &self.this) {
            // There is no `this`, which the engine says first.
            let _ = self.evaluate(&call.arguments[0])?;
        }
        let mut values = Vec::with_capacity(call.arguments.len());
        for argument in others {
            values.push(self.evaluate(argument)?);
        }
        if let Some(first) = first {
            values.insert(0, self.evaluate(first)?);
        }
        Ok(values)
    }

    fn root(&mut self, root: Root) -> Option<&mut Dynamic> {
        match root {
            Root::Variable(slot) => Some(self.at(slot)),
            Root::This => self.this.as_deref_mut(),
        }
    }

    /// The values of a path's indices.
    fn indices(&mut self, steps: &[Part]) -> Evaluated<Indices> {
        let mut indices = Indices::default();
        for step in steps {
            if let Part::Index { node, .. } = step {
                let value = flat(self.evaluate(node)?);
                indices.push(value);
            }
        }
        Ok(indices)
    }

    fn read(&mut self, path: &Path) -> Evaluated {
        let indices = self.indices(&path.steps)?;
        if let Some(root) = self.root(path.root)
            && let Some(value) =
                follow(root, &path.steps, indices.as_slice(), Dynamic::flatten_clone)
        {
            return Ok(value);
        }
        self.native(&path.native)
    }

    fn method(&mut self, method: &Method) -> Evaluated {
        let mut argument = match &method.argument {
            Some(node) => Some(flat(self.evaluate(node)?)),
            None => None,
        };
        let indices = self.indices(&method.steps)?;
        if let Some(root) = self.root(method.root) {
            let done = match method.kind {
                MethodKind::Push => reach(root, &method.steps, indices.as_slice(), |place| {
                    if !place.is_array() {
                        return None;
                    }
                    place.as_array_mut().ok()?.push(changeable(argument.take()?));
                    Some(Dynamic::UNIT)
                }),
                kind => follow(root, &method.steps, indices.as_slice(), |place| {
                    look(kind, place, argument.as_ref())
                })
                .flatten(),
            };
            if let Some(value) = done {
                return Ok(value);
            }
        }
        match argument {
            Some(argument) => self.native_with(&method.native, argument),
            None => self.native(&method.native),
        }
    }

    fn query(&mut self, query: &Query) -> Evaluated {
        let mut functions = Vec::with_capacity(query.stages.len());
        for stage in &query.stages {
            functions.push(flat(self.evaluate(&stage.function)?));
        }
        let frames = self.file.trace.borrow().frames.len();
        if let Some(array) = self.query_in_place(query, &functions)? {
            return Ok(Dynamic::from_array(array));
        }
        // Nothing was changed, and the engine tells errors as it does.
        self.file.trace.borrow_mut().frames.truncate(frames);
        self.evaluate_native(&query.native, &mut functions)
    }

    /// What a query gives, where its functions are closures that change nothing and do not fail.
    fn query_in_place(&mut self, query: &Query, functions: &[Dynamic]) -> Evaluated<Option<Array>> {
        let closures: Option<Vec<Stand>> = functions
            .iter()
            .zip(&query.stages)
            .map(|(function, stage)| Stand::of(function, stage, self.file))
            .collect();
        let Some(closures) = closures else { return Ok(None) };
        let indices = self.indices(&query.steps)?;
        let indices = indices.as_slice();
        let Some(mut array) = self.take_array(query.root, &query.steps, indices) else {
            return Ok(None);
        };
        let result = self.each(&closures, &mut array);
        self.put_array(query.root, &query.steps, indices, array);
        Ok(result.ok())
    }

    fn each(&mut self, closures: &[Stand], array: &mut Array) -> Bounded<Array> {
        let mut gathered = match closures {
            [one] if !one.is_filter => Array::with_capacity(array.len()),
            _ => Array::new(),
        };
        'items: for item in array {
            for closure in closures {
                let value = self.call_with(closure, item)?;
                if !closure.is_filter {
                    gathered.push(value);
                    continue 'items;
                }
                if !value.as_bool().unwrap_or(false) {
                    continue 'items;
                }
            }
            gathered.push(item.clone());
        }
        Ok(gathered)
    }

    /// Calls a closure with an element that it gets lent.
    fn call_with(&mut self, closure: &Stand, item: &mut Dynamic) -> Bounded<Dynamic> {
        let base = self.spare.stack.len();
        self.spare.stack.extend(closure.captured.iter().cloned());
        let place = self.spare.stack.len();
        self.spare.stack.push(item.take());
        let this = self.this.take();
        let lent = self.lent.replace(closure.captured.len());
        self.global.level += 1;
        let function = &*closure.function;
        let result = self.call(function, &function.name, base, closure.position);
        self.global.level -= 1;
        (self.this, self.lent) = (this, lent);
        *item = self.spare.stack[place].take();
        self.spare.stack.truncate(base);
        result
    }

    /// Takes an array from where it is, if nothing else can see it.
    fn take_array(&mut self, root: Root, steps: &[Part], indices: &[Dynamic]) -> Option<Array> {
        let root = self.root(root).filter(|root| !root.is_shared())?;
        let taken = reach(root, steps, indices, |place| {
            (place.is_array() && !place.is_shared()).then(|| place.take())
        })?;
        taken.into_array().ok()
    }

    fn put_array(&mut self, root: Root, steps: &[Part], indices: &[Dynamic], array: Array) {
        if let Some(root) = self.root(root) {
            let mut array = Some(Dynamic::from_array(array));
            reach(root, steps, indices, |place| {
                *place = array.take()?;
                Some(())
            });
        }
    }

    fn change(&mut self, change: &Change) -> Evaluated {
        let mut value = Some(changeable(flat(self.evaluate(&change.value)?)));
        let indices = self.indices(&change.steps)?;
        if let Some(root) = self.root(change.root) {
            let (steps, indices) = (&change.steps, indices.as_slice());
            let done = match change.kind {
                ChangeKind::Put => assign(root, steps, indices, &mut value),
                ChangeKind::Combine(operator) => {
                    reach(root, steps, indices, |place| combine(operator, place, value.as_ref()?))
                        .is_some()
                }
                ChangeKind::Other => false,
            };
            if done {
                return Ok(Dynamic::UNIT);
            }
        }
        let _ = self.native_with(&change.native, value.unwrap_or_default())?;
        Ok(Dynamic::UNIT)
    }

    fn go_through(&mut self, head: &For) -> Evaluated {
        let range = match &head.list {
            List::Range { start, end, is_inclusive, native } => {
                let (start, end) = (self.evaluate(start)?, self.evaluate(end)?);
                match (start.as_int(), end.as_int()) {
                    (Ok(start), Ok(end)) => (start, end, *is_inclusive),
                    _ => {
                        let list = self.evaluate_native(native, &mut [start, end])?;
                        return self.go_through_value(head, list);
                    }
                }
            }
            List::Path(path) => return self.go_through_path(head, path),
            List::Value(node) => {
                let list = flat(self.evaluate(node)?);
                return self.go_through_value(head, list);
            }
        };
        match range {
            (start, end, true) => self.go_through_integers(head, start..=end),
            (start, end, false) => self.go_through_integers(head, start..end),
        }
    }

    fn go_through_integers(
        &mut self,
        head: &For,
        integers: impl Iterator<Item = INT>,
    ) -> Evaluated {
        for (index, integer) in integers.enumerate() {
            *self.at(head.item) = Dynamic::from_int(integer);
            if let Some(value) = self.one_round(head, index)? {
                return Ok(value);
            }
        }
        Ok(Dynamic::UNIT)
    }

    /// Goes through an array where it is, which nothing else can see meanwhile.
    fn go_through_path(&mut self, head: &For, path: &Path) -> Evaluated {
        let indices = self.indices(&path.steps)?;
        let indices = indices.as_slice();
        let Some(mut array) = self.take_array(path.root, &path.steps, indices) else {
            let list = self.read(path)?;
            return self.go_through_value(head, list);
        };
        let result = self.go_through_array(head, &mut array);
        self.put_array(path.root, &path.steps, indices, array);
        result
    }

    fn go_through_array(&mut self, head: &For, array: &mut Array) -> Evaluated {
        for (index, item) in array.iter_mut().enumerate() {
            let lends = head.only_reads && !item.is_shared();
            let value = if lends { item.take() } else { item.flatten_clone() };
            *self.at(head.item) = value;
            let round = self.one_round(head, index);
            if lends {
                *item = self.at(head.item).take();
            }
            if let Some(value) = round? {
                return Ok(value);
            }
        }
        Ok(Dynamic::UNIT)
    }

    fn go_through_value(&mut self, head: &For, list: Dynamic) -> Evaluated {
        if let Some(range) = list.read_lock::<std::ops::Range<INT>>() {
            return self.go_through_integers(head, range.clone());
        }
        if let Some(range) = list.read_lock::<std::ops::RangeInclusive<INT>>() {
            return self.go_through_integers(head, range.clone());
        }
        if list.is_array() {
            let mut array = list.into_array().unwrap_or_default();
            return self.go_through_array(head, &mut array);
        }
        if list.is_map() {
            return self.go_through_map(head, list.cast());
        }
        // The engine knows what else can be gone through.
        let kind = list.type_id();
        let items = iterators(|known| known.get_iter(kind).map(|iterate| iterate(list)));
        let Some(items) = items else {
            return Err(Exit::Error(Box::new(EvalAltResult::ErrorFor(head.position))));
        };
        for (index, item) in items.enumerate() {
            *self.at(head.item) = flat(item.map_err(|mut error| {
                if error.position().is_none() {
                    error.set_position(head.end);
                }
                error
            })?);
            if let Some(value) = self.one_round(head, index)? {
                return Ok(value);
            }
        }
        Ok(Dynamic::UNIT)
    }

    /// Goes through a map, whose entries have a key and a value.
    fn go_through_map(&mut self, head: &For, map: Map) -> Evaluated {
        for (key, value) in map {
            *self.at(head.item) = ImmutableString::from(key).into();
            if let Some(value) = self.round(head, flat(value))? {
                return Ok(value);
            }
        }
        Ok(Dynamic::UNIT)
    }

    /// Runs a loop's body once; a value ends the loop.
    fn one_round(&mut self, head: &For, index: usize) -> Evaluated<Option<Dynamic>> {
        self.round(head, Dynamic::from_int(INT::try_from(index).unwrap_or(INT::MAX)))
    }

    /// The same with what the loop's second variable is, if there is one.
    fn round(&mut self, head: &For, second: Dynamic) -> Evaluated<Option<Dynamic>> {
        self.tick(head.position)?;
        if let Some(counter) = head.counter {
            *self.at(counter) = second;
        }
        match self.evaluate(&head.body) {
            Ok(_) | Err(Exit::Continue) => Ok(None),
            Err(Exit::Break(value)) => Ok(Some(value)),
            Err(other) => Err(other),
        }
    }

    /// Evaluates by the engine, after the values that have to be evaluated first.
    fn native(&mut self, native: &Native) -> Evaluated {
        match native.temporaries.as_slice() {
            [] => self.evaluate_native(native, &mut []),
            [one] => {
                let value = self.evaluate(one)?;
                self.evaluate_native(native, &mut [value])
            }
            several => {
                let mut values = Vec::with_capacity(several.len());
                for node in several {
                    values.push(self.evaluate(node)?);
                }
                self.evaluate_native(native, &mut values)
            }
        }
    }

    fn native_with(&mut self, native: &Native, value: Dynamic) -> Evaluated {
        self.evaluate_native(native, &mut [value])
    }

    fn evaluate_native(&mut self, native: &Native, values: &mut [Dynamic]) -> Evaluated {
        match native.scope.try_borrow_mut() {
            Ok(scope) => self.evaluate_in(native, values, ScopeOf::Kept(scope)),
            // The same expression is being evaluated further out.
            Err(_) => self.evaluate_in(native, values, ScopeOf::New(native.new_scope())),
        }
    }

    fn evaluate_in(
        &mut self,
        native: &Native,
        values: &mut [Dynamic],
        mut scope: ScopeOf,
    ) -> Evaluated {
        let scope = scope.get();
        let length = scope.len();
        for (name, slot) in &native.variables {
            if let Some(place) = scope.get_mut(name) {
                *place = self.spare.stack[self.base + slot].take();
            }
        }
        for (name, value) in VALUES.iter().zip(values) {
            if let Some(place) = scope.get_mut(name) {
                *place = value.take();
            }
        }
        let mut context = EvalContext::new(
            self.engine,
            self.global,
            &mut self.spare.caches,
            scope,
            self.this.as_deref_mut(),
        );
        #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
        let result = context.eval_expression_tree_raw(&Expression::from(&native.expression), false);
        scope.rewind(length);
        for (name, slot) in &native.variables {
            if let Some(place) = scope.get_mut(name) {
                self.spare.stack[self.base + slot] = place.take();
            }
        }
        for name in VALUES.iter().take(native.values) {
            if let Some(place) = scope.get_mut(name) {
                *place = Dynamic::UNIT;
            }
        }
        result.map_err(Exit::from)
    }
}

/// From this length on it is worth asking whether there is room for a part of a text.
const LONG_PART: usize = 64 << 10;

enum ScopeOf<'a> {
    Kept(RefMut<'a, Scope<'static>>),
    New(Scope<'static>),
}

impl ScopeOf<'_> {
    fn get(&mut self) -> &mut Scope<'static> {
        match self {
            Self::Kept(scope) => scope,
            Self::New(scope) => scope,
        }
    }
}

/// Gives what knows how values that are no arrays are gone through: the standard library, and what
/// stands in for parts of it.
pub fn iterators<T>(find: impl FnOnce(&GlobalRuntimeState) -> T) -> T {
    thread_local! {
        static KNOWN: GlobalRuntimeState = {
            let mut known = Engine::new_raw().new_global_runtime_state();
            known.push_import("standard", StandardPackage::new_lazy().as_shared_module());
            known.push_import("ours", Shared::new(natives::iterable()));
            known.push_import("library", Shared::new(library::iterable()));
            known
        };
    }
    KNOWN.with(find)
}

/// A closure that stands for itself in a query.
struct Stand {
    function: Rc<Function>,
    captured: Vec<Dynamic>,
    is_filter: bool,
    position: Position,
}

impl Stand {
    /// A closure of this file that takes one element, only reads it and changes nothing else.
    fn of(function: &Dynamic, stage: &Stage, file: &File) -> Option<Self> {
        let pointer = function.read_lock::<FnPtr>()?;
        let captured = pointer.curry().to_vec();
        let known = loans::known(pointer.fn_name(), captured.len())?;
        let function = known.lowered.filter(|function| {
            function.is_calm && known.only_reads && std::ptr::eq(&*function.file, file)
        })?;
        (known.parameters == captured.len() + 1).then_some(Self {
            function,
            captured,
            is_filter: stage.is_filter,
            position: stage.position,
        })
    }
}

/// The values of the indices of one path, few of which have more than one.
#[derive(Default)]
struct Indices {
    first: Option<Dynamic>,
    all: Vec<Dynamic>,
}

impl Indices {
    fn push(&mut self, value: Dynamic) {
        match (&self.first, self.all.is_empty()) {
            (None, true) => self.first = Some(value),
            _ => {
                self.all.extend(self.first.take());
                self.all.push(value);
            }
        }
    }

    fn as_slice(&self) -> &[Dynamic] {
        match &self.first {
            Some(first) => std::slice::from_ref(first),
            None => &self.all,
        }
    }
}

/// The value itself, where it is shared with a closure.
#[inline(always)]
fn flat(value: Dynamic) -> Dynamic {
    if value.is_shared() { value.flatten() } else { value }
}

/// A copy of a constant can be changed.
#[inline(always)]
fn changeable(value: Dynamic) -> Dynamic {
    match value.is_read_only() {
        true => value.clone(),
        false => value,
    }
}

/// Appends what is formatted the same way everywhere.
fn append(text: &mut String, value: &Dynamic) -> bool {
    use std::fmt::Write;
    if let Ok(part) = value.as_immutable_string_ref() {
        text.push_str(&part);
    } else if let (true, Ok(integer)) = (value.is_int(), value.as_int()) {
        let _ = write!(text, "{integer}");
    } else {
        return false;
    }
    true
}

/// Applies `look` to what is at the end of a path, if the path leads there through maps and arrays.
fn follow<T>(
    value: &Dynamic,
    steps: &[Part],
    indices: &[Dynamic],
    look: impl FnOnce(&Dynamic) -> T,
) -> Option<T> {
    let Some((step, rest)) = steps.split_first() else { return Some(look(value)) };
    match step {
        Part::Property { is_optional: true, .. } | Part::Index { is_optional: true, .. }
            if value.is_unit() =>
        {
            Some(look(&Dynamic::UNIT))
        }
        Part::Property { name, .. } => {
            if value.is_map() {
                let map = value.as_map_ref().ok()?;
                return follow(map.get(name).unwrap_or(&Dynamic::UNIT), rest, indices, look);
            }
            let count = length(value).filter(|_| name == "len" && rest.is_empty())?;
            Some(look(&Dynamic::from_int(count)))
        }
        Part::Index { .. } => {
            let (index, others) = indices.split_first()?;
            if value.is_array() {
                let array = value.as_array_ref().ok()?;
                let place = place_in(array.len(), index)?;
                return follow(array.get(place)?, rest, others, look);
            }
            if value.is_map() && index.is_string() {
                let map = value.as_map_ref().ok()?;
                let name = index.as_immutable_string_ref().ok()?;
                return follow(
                    map.get(name.as_str()).unwrap_or(&Dynamic::UNIT),
                    rest,
                    others,
                    look,
                );
            }
            None
        }
    }
}

/// Applies `change` to what is at the end of a path, if the path leads there through maps and arrays
/// and everything on the way is there.
fn reach<T>(
    value: &mut Dynamic,
    steps: &[Part],
    indices: &[Dynamic],
    change: impl FnOnce(&mut Dynamic) -> Option<T>,
) -> Option<T> {
    let Some((step, rest)) = steps.split_first() else { return change(value) };
    match step {
        Part::Property { name, .. } => {
            if !value.is_map() {
                return None;
            }
            let mut map = value.as_map_mut().ok()?;
            reach(map.get_mut(name)?, rest, indices, change)
        }
        Part::Index { .. } => {
            let (index, others) = indices.split_first()?;
            if value.is_array() {
                let mut array = value.as_array_mut().ok()?;
                let place = place_in(array.len(), index)?;
                return reach(array.get_mut(place)?, rest, others, change);
            }
            if value.is_map() && index.is_string() {
                let name = index.as_immutable_string_ref().ok()?;
                let mut map = value.as_map_mut().ok()?;
                return reach(map.get_mut(name.as_str())?, rest, others, change);
            }
            None
        }
    }
}

/// Puts a value at the end of a path, where a map may not have the last name yet.
fn assign(
    root: &mut Dynamic,
    steps: &[Part],
    indices: &[Dynamic],
    value: &mut Option<Dynamic>,
) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    let index = indices.last();
    reach(root, before, indices, |place| {
        if place.is_array() {
            let mut array = place.as_array_mut().ok()?;
            let Part::Index { .. } = last else { return None };
            let place = place_in(array.len(), index?)?;
            let element = array.get_mut(place).filter(|element| !element.is_shared())?;
            *element = value.take()?;
            return Some(());
        }
        if !place.is_map() {
            return None;
        }
        let mut map = place.as_map_mut().ok()?;
        let name = match last {
            Part::Property { name, .. } => name.clone(),
            Part::Index { .. } => index?.as_immutable_string_ref().ok()?.as_str().into(),
        };
        match map.get_mut(&name) {
            Some(element) if element.is_shared() => return None,
            Some(element) => *element = value.take()?,
            None => {
                map.insert(name, value.take()?);
            }
        }
        Some(())
    })
    .is_some()
}

/// `place op= value`, for what is known.
fn combine(operator: Operator, place: &mut Dynamic, value: &Dynamic) -> Option<()> {
    if place.is_shared() {
        return None;
    }
    if operator == Operator::Add && place.is_string() && value.is_string() {
        let more = value.as_immutable_string_ref().ok()?;
        *place.write_lock::<ImmutableString>()? += more.as_str();
        return Some(());
    }
    *place = operator.apply(place, value)?;
    Some(())
}

/// Where an index points to in an array of this length; the last element is at -1.
fn place_in(length: usize, index: &Dynamic) -> Option<usize> {
    if !index.is_int() {
        return None;
    }
    let index = index.as_int().ok()?;
    match usize::try_from(index) {
        Ok(place) => Some(place),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// How many elements or characters there are.
fn length(value: &Dynamic) -> Option<INT> {
    let count = if value.is_array() {
        value.as_array_ref().ok()?.len()
    } else if value.is_string() {
        let text = value.as_immutable_string_ref().ok()?;
        if text.is_ascii() { text.len() } else { text.chars().count() }
    } else {
        return None;
    };
    INT::try_from(count).ok()
}

fn look(kind: MethodKind, value: &Dynamic, argument: Option<&Dynamic>) -> Option<Dynamic> {
    match kind {
        MethodKind::Len if value.is_map() => {
            Some(Dynamic::from_int(value.as_map_ref().ok()?.len().try_into().ok()?))
        }
        MethodKind::Len => length(value).map(Dynamic::from_int),
        MethodKind::IsEmpty if value.is_map() => {
            Some(Dynamic::from_bool(value.as_map_ref().ok()?.is_empty()))
        }
        MethodKind::IsEmpty => length(value).map(|count| Dynamic::from_bool(count == 0)),
        MethodKind::Contains => {
            let argument = argument.filter(|argument| argument.is_string())?;
            let part = argument.as_immutable_string_ref().ok()?;
            if value.is_map() {
                let map = value.as_map_ref().ok()?;
                return Some(Dynamic::from_bool(map.contains_key(part.as_str())));
            }
            if value.is_string() {
                let text = value.as_immutable_string_ref().ok()?;
                return Some(Dynamic::from_bool(text.contains(part.as_str())));
            }
            None
        }
        MethodKind::Push => None,
    }
}
