//! Script functions as trees of our own, for speed.
//!
//! The engine walks its syntax tree: it looks variables up by their place in a list of names, copies
//! what it reads, and makes a scope for each call. Here a function whose every statement is known is
//! lowered once, after compilation, to nodes whose variables are numbered slots, and whose arithmetic
//! on integers, floats and text, paths into maps and arrays, loops and calls of the script's own
//! functions are evaluated in place. What is not known, the engine evaluates, expression by
//! expression, so that every native function, every error and every rule stays the engine's own.
//!
//! A function with a statement that is not known (`try`, `switch`, `import`, ...) is left to the
//! engine as a whole.

mod lower;
mod machine;
mod node;
mod operators;

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use rhai::{
    Caches, Dynamic, EvalContext, Expr, FnCallExpr, ImmutableString, NativeCallContext, Position,
    ScriptFuncDef,
};

use crate::bounds::{Bounded, Bounds};
use crate::depth::Root;
use crate::frames::Trace;
use machine::Machine;
use node::Node;

pub use lower::lower;
pub use machine::iterators;

/// The functions of one script file.
pub struct File {
    name: ImmutableString,
    /// Where a function is in `functions`, by name and number of parameters.
    places: HashMap<(ImmutableString, usize), usize>,
    functions: Vec<OnceCell<Rc<Function>>>,
    /// The names of all its functions, methods of some type too.
    names: HashSet<ImmutableString>,
    /// What machines left for the next ones.
    spare: RefCell<Vec<Spare>>,
    bounds: Rc<Bounds>,
    trace: Rc<RefCell<Trace>>,
}

/// What one machine after the other can use.
#[derive(Default)]
struct Spare {
    /// The variables of all functions that are running.
    stack: Vec<Dynamic>,
    caches: Caches,
}

/// How many spares a file keeps: as many as its functions are entered by the engine at a time, but for
/// recursion through it.
const MOST_SPARES: usize = 8;

/// More than a script calls; names that are made at run time may be without end.
const MOST_CACHED_FUNCTIONS: usize = 1024;

impl Spare {
    /// Leaves it to the next machine, without what was in it.
    fn give_back(mut self, file: &File) {
        self.stack.clear();
        if self.caches.fn_resolution_caches_len() > 0
            && self.caches.fn_resolution_cache_mut().dict.len() > MOST_CACHED_FUNCTIONS
        {
            self.caches = Caches::new();
        }
        let mut spare = file.spare.borrow_mut();
        if spare.len() < MOST_SPARES {
            spare.push(self);
        }
    }
}

impl File {
    /// A file with these functions, none of which is lowered yet.
    pub fn new<'f>(
        name: ImmutableString,
        functions: impl Iterator<Item = &'f ScriptFuncDef> + Clone,
        bounds: Rc<Bounds>,
        trace: Rc<RefCell<Trace>>,
    ) -> Rc<Self> {
        let places: HashMap<_, _> =
            // Methods of some type are only called as methods.
            functions
                .clone()
                .filter(|function| function.this_type.is_none())
                .map(|function| (function.name.clone(), function.params.len()))
                .enumerate()
                .map(|(place, function)| (function, place))
                .collect();
        let names = functions.map(|function| function.name.clone()).collect();
        let functions = std::iter::repeat_with(OnceCell::new).take(places.len()).collect();
        let spare = RefCell::default();
        Rc::new(Self { name, places, functions, names, spare, bounds, trace })
    }

    fn place_of(&self, name: &str, parameters: usize) -> Option<usize> {
        self.places.get(&(name.into(), parameters)).copied()
    }

    /// Whether the file has a function of this name.
    fn defines(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a call may run one of the file's functions.
    fn may_run(&self, call: &FnCallExpr) -> bool {
        !call.hashes.is_native_only() && self.defines(&call.name)
    }

    /// Makes a function known to those that call it.
    pub fn define(&self, function: &Rc<Function>) {
        let place = match function.is_method {
            true => None,
            false => self.place_of(&function.name, function.parameters.len()),
        };
        if let Some(cell) = place.and_then(|place| self.functions.get(place)) {
            let _ = cell.set(function.clone());
        }
    }
}

/// A lowered function.
pub struct Function {
    name: ImmutableString,
    /// What errors call it.
    shown: ImmutableString,
    /// Whether it is a method of some type.
    is_method: bool,
    parameters: Box<[ImmutableString]>,
    /// The variables that can be seen at its end, for those who explain its errors.
    names: Box<[(ImmutableString, node::Slot)]>,
    /// The same for the engine.
    block: Rc<Expr>,
    /// How many variables it has at most at a time, parameters first.
    slots: usize,
    body: Vec<Node>,
    /// Where its last statement is.
    last: Position,
    /// Whether it changes nothing that others could see.
    is_calm: bool,
    file: Rc<File>,
}

impl Function {
    /// With its body as the engine has it.
    #[must_use]
    pub fn with_block(self, block: Rc<Expr>) -> Self {
        Self { block, ..self }
    }

    /// The name of the file that the function is in.
    pub fn file(&self) -> &str {
        &self.file.name
    }

    /// Runs with the parameters that are in the engine's scope. The one that is lent stays there.
    ///
    /// # Errors
    /// As the engine's own evaluation of the function's body.
    pub fn run(
        &self,
        context: &mut EvalContext,
        parameters: &[ImmutableString],
        lent: Option<usize>,
    ) -> Bounded<Dynamic> {
        let mut spare = self.file.spare.borrow_mut().pop().unwrap_or_default();
        for name in parameters {
            // A parameter that is not there to be changed is a constant, which none is.
            let value = context.scope_mut().get_mut(name).map(std::mem::take);
            spare.stack.push(value.unwrap_or_default());
        }
        let engine = context.engine();
        // The engine does not give both at once, and neither the map nor the state is used by it
        // while the function runs.
        let mut this = context.this_ptr_mut().map(std::mem::take);
        let depth = self.file.bounds.depth();
        let variables = depth.enter(Root::Stack(&raw const spare.stack));
        let kept = this.as_ref().map(|this| depth.enter(Root::Value(this)));
        let global = context.global_runtime_state_mut();
        let mut machine = Machine::new(engine, global, &mut spare, &self.file);
        machine.this = this.as_mut();
        machine.lent = lent;
        // A panic must not take the script's state with it.
        let result = catch_unwind(AssertUnwindSafe(|| machine.run(self, 0)));
        drop(kept);
        drop(variables);
        if let (Some(place), Some(value)) = (context.this_ptr_mut(), this) {
            *place = value;
        }
        if let Some(index) = lent
            && let Some(place) =
                parameters.get(index).and_then(|name| context.scope_mut().get_mut(name))
            && let Some(value) = spare.stack.get_mut(index)
        {
            *place = std::mem::take(value);
        }
        spare.give_back(&self.file);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// A closure that a native function calls again and again.
pub struct Callback<'a> {
    function: Rc<Function>,
    /// What the pointer calls it.
    name: ImmutableString,
    context: &'a NativeCallContext<'a>,
    global: rhai::GlobalRuntimeState,
    spare: Spare,
}

impl<'a> Callback<'a> {
    /// A closure of the file that the native function is called from.
    pub fn new(
        function: Rc<Function>,
        name: &str,
        context: &'a NativeCallContext<'a>,
    ) -> Option<Self> {
        if context.call_source() != Some(function.file()) {
            return None;
        }
        let mut global = context.global_runtime_state().clone();
        global.level += 1;
        let spare = function.file.spare.borrow_mut().pop().unwrap_or_default();
        Some(Self { function, name: name.into(), context, global, spare })
    }

    /// Calls it. The argument that is lent is given back.
    ///
    /// # Errors
    /// As the engine's own call.
    pub fn call(
        &mut self,
        arguments: impl Iterator<Item = Dynamic>,
        lent: Option<usize>,
    ) -> (Bounded<Dynamic>, Option<Dynamic>) {
        self.spare.stack.clear();
        self.spare.stack.extend(arguments);
        let function = &*self.function;
        let (global, spare) = (&mut self.global, &mut self.spare);
        let _variables = function.file.bounds.depth().enter(Root::Stack(&raw const spare.stack));
        let mut machine = Machine::new(self.context.engine(), global, spare, &function.file);
        machine.lent = lent;
        let result = machine.call(function, &self.name, 0, self.context.call_position());
        let given_back = lent.and_then(|index| self.spare.stack.get_mut(index)).map(std::mem::take);
        (result, given_back)
    }
}

impl Drop for Callback<'_> {
    fn drop(&mut self) {
        std::mem::take(&mut self.spare).give_back(&self.function.file);
    }
}
