//! Remembers where each script function was when an error passed through it.
//!
//! The engine overwrites the position of the errors that stop a script (deadline, operations,
//! stack, memory) at every function they leave, so that their place would be lost. Each function's
//! body is therefore wrapped, once, after compilation, in a node that sees the error on its way.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;
use std::rc::Rc;

use rhai::{
    AST, ASTFlags, ASTNode, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression,
    GlobalRuntimeState, Identifier, ImmutableString, Module, ParseError, ParseErrorType, Position,
    Scope, ScriptFuncDef, Shared, Stmt, StmtBlock,
};

use crate::absent::{self, Asked};
use crate::bounds::{self, Bounds};
use crate::captured::{self, Captured, Shares};
use crate::caught::{Attempt, Places, Wrapping};
use crate::depth::Root;
use crate::error::{Frame, Location};
use crate::loops::{self, Listing, Parting};
use crate::modules::Roots;
use crate::origin::Origin;
use crate::tail::{self, Tail};
use crate::{closures, compile, loans, lowered};

/// The word that stands for a wrapped body.
pub const NODE: &str = "__rhambda_frame__";

/// What a name has behind it that would be taken for that word.
const UNSEEN: char = '\u{200b}';

/// Whether the engine would take a word of a script for one of the runtime's own.
#[must_use]
pub fn is_reserved(word: &str) -> bool {
    word == NODE
}

/// The same to those who read it, which is a name like any other.
#[must_use]
pub fn as_a_name(word: &str) -> Identifier {
    format!("{word}{UNSEEN}").into()
}

/// A name, or a text with one, as the script has it.
#[must_use]
pub fn as_written(text: &str) -> String {
    closures::as_written(&text.replace(UNSEEN, ""))
}

/// What the module of all closures is called, which no script can import.
const CLOSURES: &str = "closures of all files";

/// More frames than anybody reads; deep recursion must not fill the memory with them.
const MOST_FRAMES: usize = 4096;

/// What was seen of the error that is on its way, and what is known of the scripts it may be in.
#[derive(Debug)]
pub struct Trace {
    /// The functions that a stopping error has left, innermost first.
    pub frames: Vec<Frame>,
    /// What the source says about the error.
    asked: Option<Asked>,
    /// Where the errors had been thrown that scripts have caught.
    places: Places,
    known: HashMap<ImmutableString, Known>,
    roots: Rc<Roots>,
    /// How deep the calls were nested where the last frame was seen.
    level: usize,
    /// How many parts of scripts had been late when the first frame was seen.
    late_parts: u64,
}

/// What a file has.
#[derive(Debug, Default)]
pub struct Known {
    /// Its functions, by their names and numbers of parameters.
    pub functions: Vec<(ImmutableString, usize)>,
    /// The `let` variables of its top level, which functions cannot see.
    pub variables: Vec<ImmutableString>,
}

impl Trace {
    /// Nothing seen yet; texts are read again under these roots.
    #[must_use]
    pub fn new(roots: Rc<Roots>) -> Self {
        Self {
            frames: Vec::new(),
            asked: None,
            places: Places::default(),
            known: HashMap::new(),
            roots,
            level: 0,
            late_parts: 0,
        }
    }

    /// Forgets what was seen, before a new run.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.asked = None;
        self.places.clear();
    }

    /// Where the errors had been thrown that scripts have caught.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The same, to add one.
    pub fn places_mut(&mut self) -> &mut Places {
        &mut self.places
    }

    /// Where the texts of scripts are.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// What the source says about an error at this place.
    pub fn asked_at(&self, file: &str, position: Position) -> Option<&Asked> {
        let asked = self.asked.as_ref()?;
        (asked.file == file && asked.position == position).then_some(asked)
    }

    /// What a file has.
    pub fn known_of(&self, file: &str) -> Option<&Known> {
        self.known.get(file)
    }

    /// The functions of all files.
    pub fn all_functions(&self) -> Vec<(ImmutableString, usize)> {
        self.known.values().flat_map(|known| known.functions.iter().cloned()).collect()
    }
}

/// What was seen by the functions that run in this engine.
#[must_use]
pub fn trace_of(engine: &Engine) -> Option<Rc<RefCell<Trace>>> {
    Some(engine.default_tag().read_lock::<Rc<RefCell<Trace>>>()?.clone())
}

/// A function's own body, and where it belongs.
struct Body {
    block: Rc<Expr>,
    /// All its statements as they are written.
    written: Rc<Expr>,
    /// What it ends with, if there is something in it to be taken; then the block is all before.
    tail: Option<Tail>,
    parameters: Box<[ImmutableString]>,
    origin: Rc<Origin>,
    function: ImmutableString,
    /// The same as a tree of our own, if it can be one.
    lowered: Option<Rc<lowered::Function>>,
}

impl Body {
    /// Where its last statement is.
    fn last(&self) -> Position {
        match &*self.block {
            Expr::Stmt(block) => block.statements().last().map_or(block.position(), Stmt::position),
            other => other.position(),
        }
    }
}

type SharedBody = Rc<Body>;

/// Wraps the functions of compiled scripts.
pub struct Frames {
    /// Compiles functions whose body is the one word [`NODE`]. The engine gives no other way to
    /// make a function's body.
    stubs: Engine,
    /// The bodies that the words of the script now being compiled stand for, in their order.
    bodies: Rc<RefCell<VecDeque<Dynamic>>>,
    /// Whether values may be built here instead of by the engine.
    builds: bool,
    /// Whether functions may be evaluated here instead of by the engine.
    lowers: bool,
    /// How many functions there are, and how many of them are.
    lowered: Cell<(usize, usize)>,
    /// The closures of all files, which each can call.
    closures: RefCell<Shared<Module>>,
    /// The functions of the first script that was wrapped, which are called from outside.
    first: OnceCell<Shared<Module>>,
    /// The names under which those that were called are found.
    called: RefCell<HashMap<ImmutableString, ImmutableString>>,
    bounds: Rc<Bounds>,
    trace: Rc<RefCell<Trace>>,
}

/// A script whose functions are wrapped.
pub struct Wrapped {
    /// The script.
    pub ast: AST,
    origin: Rc<Origin>,
    /// The names under which pointers find its functions.
    pointers: Vec<ImmutableString>,
}

impl Wrapped {
    /// The names by which native functions, and other files, know the closures and functions of the script.
    pub fn callbacks(&self) -> impl Iterator<Item = ImmutableString> + '_ {
        let closures = self.ast.iter_fn_def().map(|function| function.name.clone());
        let closures = closures.filter(|name| name.starts_with(closures::PREFIX));
        closures.chain(self.pointers.iter().cloned())
    }
}

/// Teaches an engine what the word in a wrapped function's body does.
pub fn register(engine: &mut Engine, trace: &Rc<RefCell<Trace>>, bounds: &Rc<Bounds>) {
    engine.set_default_tag(Dynamic::from(trace.clone()));
    let (trace, bounds) = (trace.clone(), bounds.clone());
    let run = move |context: &mut EvalContext, inputs: &[Expression], body: &Dynamic| {
        if let Some(listing) = body.read_lock::<Listing>() {
            return listing.run(context, inputs);
        }
        run_body(context, body, &trace, &bounds)
    };
    let registered = engine.register_custom_syntax_handler(NODE, false, run);
    debug_assert!(registered.is_ok(), "a handler that leaves the scope alone is always taken");
}

fn run_body(
    context: &mut EvalContext,
    body: &Dynamic,
    trace: &RefCell<Trace>,
    bounds: &Bounds,
) -> Result<Dynamic, Box<EvalAltResult>> {
    if let Some(origin) = body.read_lock::<Rc<Origin>>() {
        origin.has_globals(context.global_runtime_state_mut());
        return Ok(Dynamic::UNIT);
    }
    let Some(body) = body.read_lock::<SharedBody>() else {
        if let Some(shares) = body.read_lock::<Shares>() {
            shares.run(bounds.captured(), context);
            return Ok(Dynamic::UNIT);
        }
        if let Some(attempt) = body.read_lock::<Rc<Attempt>>() {
            let attempt = attempt.clone();
            return attempt.run(context, trace, bounds);
        }
        if let Some(parting) = body.read_lock::<Parting>() {
            parting.run(context);
            return Ok(Dynamic::UNIT);
        }
        return Err(format!("`{NODE}` is a word of the runtime's own").into());
    };
    if body.origin.is_seen(context.global_runtime_state()) {
        return run_seeing(context, &body, trace, bounds);
    }
    let outside = body.origin.enter(context.global_runtime_state_mut());
    let result = match body.lowered {
        // It keeps what names stand for to its file.
        Some(_) => run_seeing(context, &body, trace, bounds),
        None => {
            let mut frame = context.new_frame().with_new_caching_layer();
            run_seeing(&mut frame, &body, trace, bounds)
        }
    };
    outside.come_back(context.global_runtime_state_mut());
    result
}

/// Runs a body that sees what its file has.
fn run_seeing(
    context: &mut EvalContext,
    body: &Body,
    trace: &RefCell<Trace>,
    bounds: &Bounds,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let lent = loans::accept(context, &body.parameters);
    bounds.check_calls(context.call_level())?;
    // Called as `f!()`, it sees the variables of its caller, which only the engine knows.
    let sees_more = context.scope().len() > body.parameters.len();
    if let Some(function) = body.lowered.as_ref().filter(|_| !sees_more) {
        let result = function.run(context, &body.parameters, lent);
        if let Some(parameter) = lent.and_then(|index| body.parameters.get(index)) {
            loans::give_back(context, parameter);
        }
        return result;
    }
    let lent = lent.and_then(|index| body.parameters.get(index));
    let _variables = bounds.depth().enter(Root::scope(context.scope()));
    let _this = context.this_ptr().map(|this| bounds.depth().enter(Root::Value(this)));
    #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
    let mut result = context.eval_expression_tree_raw(&Expression::from(&*body.block), false);
    if let (Ok(_), Some(tail)) = (&result, &body.tail) {
        result = tail.evaluate(context, lent.map(ImmutableString::as_str));
    }
    // A native function may swallow the error of a callback, as `sort` does.
    if result.is_ok() && bounds.stopped().is_some() {
        result = Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, body.last())));
    }
    if let Err(error) = &mut result {
        bounds.note_limit(innermost(error));
        let scope = context.scope();
        let is_locked = |parameter: usize| {
            body.parameters
                .get(parameter)
                .and_then(|name| scope.get(name))
                .is_some_and(Dynamic::is_locked)
        };
        place(error, &body.written, &body.parameters, is_locked);
        observe(context, error, body, &mut trace.borrow_mut());
    }
    if let Some(parameter) = lent {
        loans::give_back(context, parameter);
    }
    result
}

#[cold]
fn observe(context: &EvalContext, error: &EvalAltResult, body: &Body, trace: &mut Trace) {
    ask(context, error, &body.written, &body.parameters, body.origin.file(), trace);
    note(error, &body.function, body.origin.file(), context.call_level(), trace);
}

/// Asks the source what an error is about, for as long as the variables are there.
#[cold]
pub fn ask(
    context: &EvalContext,
    error: &EvalAltResult,
    block: &Expr,
    parameters: &[ImmutableString],
    file: &ImmutableString,
    trace: &mut Trace,
) {
    let look = |name: &str, see: &mut dyn FnMut(&Dynamic)| {
        let value = match name {
            "this" => context.this_ptr(),
            _ => context.scope().get(name),
        };
        if let Some(value) = value {
            see(value);
        }
    };
    ask_with(&look, error, block, parameters, file, trace);
}

/// The same where the variables are found otherwise.
#[cold]
pub fn ask_with(
    look: &absent::Look,
    error: &EvalAltResult,
    block: &Expr,
    parameters: &[ImmutableString],
    file: &ImmutableString,
    trace: &mut Trace,
) {
    if !matches!(error, EvalAltResult::ErrorInFunctionCall(..) | EvalAltResult::ErrorInModule(..)) {
        trace.asked = absent::asked(error, block, parameters, file, look);
    }
}

/// Notes which function a stopping error leaves, and where.
#[cold]
pub fn note(error: &EvalAltResult, function: &str, file: &str, level: usize, trace: &mut Trace) {
    if !innermost(error).is_system_exception() {
        return;
    }
    let is_late =
        std::mem::replace(&mut trace.late_parts, bounds::late_parts()) != bounds::late_parts();
    let is_deeper = std::mem::replace(&mut trace.level, level) <= level;
    if is_late || is_deeper {
        // What is there is of a part, or of an error, that the script went on after.
        trace.frames.clear();
    }
    if trace.frames.len() >= MOST_FRAMES {
        return;
    }
    let position = error.position();
    trace.frames.push(Frame {
        function: function.to_owned(),
        location: Location {
            file: file.to_owned(),
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
        },
    });
}

/// Gives an error of a value that is in use its place, which the engine does not: where the function
/// names the parameter that is, or calls what was given it.
#[cold]
pub fn place(
    error: &mut EvalAltResult,
    block: &Expr,
    parameters: &[ImmutableString],
    is_locked: impl Fn(usize) -> bool,
) {
    let EvalAltResult::ErrorDataRace(text, position) = error else { return };
    if !position.is_none() {
        return;
    }
    let called = text.split('\'').nth(1).unwrap_or_default();
    let locked: Vec<&str> = parameters
        .iter()
        .enumerate()
        .filter(|(index, _)| is_locked(*index))
        .map(|(_, name)| name.as_str())
        .collect();
    let (mut call, mut variable) = (None, None);
    block.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(known, at) | Expr::MethodCall(known, at))
                | ASTNode::Stmt(Stmt::FnCall(known, at)),
            ) if known.name == called => {
                call.get_or_insert(*at);
            }
            Some(ASTNode::Expr(Expr::Variable(known, _, at)))
                if locked.contains(&known.1.as_str()) =>
            {
                variable.get_or_insert(*at);
            }
            _ => {}
        }
        true
    });
    if let Some(at) = call.or(variable) {
        *position = at;
    }
}

/// What is at the heart of the calls that an error was wrapped in.
pub fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => innermost(inner),
        other => other,
    }
}

impl Frames {
    /// For scripts that run in this engine. Where operations are counted to a limit, they have to be
    /// the engine's, and nothing is lowered.
    #[must_use]
    pub fn new(
        engine: &Engine,
        lowers: bool,
        bounds: &Rc<Bounds>,
        trace: &Rc<RefCell<Trace>>,
    ) -> Self {
        let bodies: Rc<RefCell<VecDeque<Dynamic>>> = Rc::default();
        let next = bodies.clone();
        let mut stubs = Engine::new_raw();
        stubs.register_custom_syntax_without_look_ahead_raw(
            NODE,
            move |_, state| {
                *state = next.borrow_mut().pop_front().unwrap_or_default();
                Ok(None)
            },
            false,
            |_, _, _| Ok(Dynamic::UNIT),
        );
        let builds = tail::is_free_to_build(engine);
        let (bounds, trace) = (bounds.clone(), trace.clone());
        let mut closures = Module::new();
        closures.set_id(CLOSURES);
        Self {
            stubs,
            bodies,
            builds,
            lowers: builds && lowers,
            closures: RefCell::new(closures.into()),
            first: OnceCell::new(),
            called: RefCell::default(),
            lowered: Cell::new((0, 0)),
            bounds,
            trace,
        }
    }

    /// The variables that closures of these scripts have captured.
    #[must_use]
    pub fn captured(&self) -> &Captured {
        self.bounds.captured()
    }

    /// Wraps the body of every function of a compiled script, and lets functions see its constants.
    ///
    /// A `const` at the top level is exported on the way, for those that import the script.
    ///
    /// # Errors
    /// A function assigns to a constant of the top level.
    pub fn wrap(&self, ast: &AST, file: &str) -> Result<Wrapped, ParseError> {
        let file: ImmutableString = file.into();
        let mut statements: Vec<Stmt> = ast
            .statements()
            .iter()
            .cloned()
            .map(|statement| match statement {
                Stmt::Var(variable, flags, position) if flags.contains(ASTFlags::CONSTANT) => {
                    Stmt::Var(variable, flags | ASTFlags::EXPORTED, position)
                }
                other => other,
            })
            .collect();
        let constants: HashSet<&str> = ast
            .statements()
            .iter()
            .filter_map(|statement| match statement {
                Stmt::Var(variable, ..) if is_constant(statement) => Some(variable.0.name.as_str()),
                _ => None,
            })
            .collect();
        let globals: HashSet<ImmutableString> = statements.iter().filter_map(global_of).collect();
        let mut functions = Module::new();
        let parsed: Vec<&Shared<ScriptFuncDef>> = ast.iter_fn_def().collect();
        self.trace.borrow_mut().known.insert(file.clone(), known_of(ast));
        let (own_names, defined) = closures::Names::give(ast, &parsed, globals);
        own_names.put_into(&mut statements, false);
        let mut bodies = Vec::with_capacity(defined.len());
        for function in &defined {
            compile::in_time()?;
            let mut statements = statements_of(function);
            own_names.put_into(&mut statements, true);
            bodies.push(statements);
        }
        let origin = Rc::new(Origin::new(file.clone()));
        let names: HashSet<&str> = defined.iter().map(|function| function.name.as_str()).collect();
        let known = defined.iter().map(Shared::as_ref);
        let scope =
            lowered::File::new(file.clone(), known, self.bounds.clone(), self.trace.clone());
        let mut stubs = String::new();
        let word: ImmutableString = NODE.into();
        let has_closures = own_names.has_closures();
        // Captured variables that some closure may change.
        let mut changed: HashSet<ImmutableString> = HashSet::new();
        self.bodies.borrow_mut().clear();
        for (index, (function, mut statements)) in defined.iter().zip(bodies).enumerate() {
            compile::in_time()?;
            let _ = write!(stubs, "fn f{index}({}){{{NODE}}}", function.params.join(","));
            check_constants(function, &constants)?;
            let is_closure = function.name.starts_with(closures::PREFIX);
            // What is called by native functions. Of functions that share a name only their file is known by it.
            let called = match is_closure {
                true => Some(function.name.clone()),
                false => own_names.bound(function),
            };
            let is_alone = |function: &ScriptFuncDef| {
                defined.iter().filter(|own| own.name == function.name).count() == 1
            };
            let read_only: Option<loans::ReadOnly> = called.is_some().then(|| {
                let reads = |parameter: &ImmutableString| {
                    loans::only_reads(&statements, parameter, &|name| names.contains(name))
                };
                match is_closure || is_alone(function) {
                    true => function.params.iter().map(reads).collect(),
                    false => loans::ReadOnly::default(),
                }
            });
            let shown = match is_closure {
                true => "a closure".into(),
                false => function.name.clone(),
            };
            let lowered = self
                .lowers
                .then(|| lowered::lower(&scope, function, &statements, &shown))
                .flatten();
            if let Some(read_only) = read_only.as_ref().filter(|_| is_closure) {
                let parameters = function.params.iter().zip(read_only);
                changed
                    .extend(parameters.filter(|(_, reads)| !**reads).map(|(name, _)| name.clone()));
            }
            let (all, own) = self.lowered.get();
            self.lowered.set((all + 1, own + usize::from(lowered.is_some())));
            if has_closures && lowered.is_none() {
                statements = captured::noted(statements, &word, &|_| true);
            }
            loops::go_through_maps(&mut statements, &word);
            let tail = match (self.builds, &lowered) {
                (true, None) if !statements.last().is_some_and(has_try) => {
                    Tail::of(&statements, &function.params)
                }
                _ => None,
            };
            let (start, end) = (function.body.start_position(), function.body.end_position());
            let as_block = |statements: Vec<Stmt>| {
                Rc::new(Expr::Stmt(Box::new(StmtBlock::new(statements, start, end))))
            };
            let has_attempts = statements.iter().any(has_try);
            let written = (tail.is_some() || has_attempts).then(|| as_block(statements.clone()));
            if tail.is_some() {
                statements.pop();
            }
            if has_attempts {
                let parameters: Rc<[ImmutableString]> = function.params.iter().cloned().collect();
                let (function, file) = (shown.clone(), file.clone());
                Wrapping { word: &word, function, file, parameters }.statements(&mut statements);
            }
            let block = as_block(statements);
            let written = written.unwrap_or_else(|| block.clone());
            let lowered = lowered.map(|lowered| Rc::new(lowered.with_block(block.clone())));
            if let Some(lowered) = &lowered {
                scope.define(lowered);
            }
            let body = Body {
                block,
                written,
                tail,
                parameters: function.params.iter().cloned().collect(),
                origin: origin.clone(),
                function: shown,
                lowered: lowered.clone(),
            };
            if let (Some(called), Some(read_only)) = (called, read_only) {
                let is_known = read_only.len() == function.params.len();
                loans::remember(&called, &file, read_only, lowered.filter(|_| is_known));
            }
            self.bodies.borrow_mut().push_back(Dynamic::from(SharedBody::new(body)));
        }
        if has_closures {
            // What functions see of the top level, they may change too.
            changed.extend(statements.iter().filter_map(|statement| match statement {
                Stmt::Var(variable, flags, _) if !flags.is_empty() => Some(variable.0.name.clone()),
                Stmt::Export(names, _) => Some(names.0.name.clone()),
                _ => None,
            }));
            statements = captured::noted(statements, &word, &|name| changed.contains(name));
        }
        loops::go_through_maps(&mut statements, &word);
        if statements.iter().any(has_try) {
            let (function, file) = (ImmutableString::new(), file.clone());
            let wrapping = Wrapping { word: &word, function, file, parameters: Rc::new([]) };
            wrapping.statements(&mut statements);
        }
        compile::in_time()?;
        // Before its first statement, so that functions can be called while the top level runs.
        let has_globals = statements.iter().any(|statement| global_of(statement).is_some());
        if has_globals {
            stubs.push_str(NODE);
            self.bodies.borrow_mut().push_back(Dynamic::from(origin.clone()));
        }
        let stubs = self.stubs.compile(&stubs)?;
        statements.splice(0..0, stubs.statements().iter().cloned());
        let pointers = self.define(&mut functions, &stubs, &defined, &own_names);
        let mut wrapped = AST::new(statements, functions);
        wrapped.set_source(file);
        origin.has(wrapped.shared_lib());
        let _ = self.first.set(wrapped.shared_lib().clone());
        Ok(Wrapped { ast: wrapped, origin, pointers })
    }

    /// Defines functions whose bodies are those of the stubs. Closures, and what pointers lead to, are defined
    /// for all files; gives the names of the latter.
    fn define(
        &self,
        functions: &mut Module,
        stubs: &AST,
        defined: &[Shared<ScriptFuncDef>],
        names: &closures::Names,
    ) -> Vec<ImmutableString> {
        let mut for_all = None;
        let mut pointers = Vec::new();
        let made: HashMap<usize, &Shared<ScriptFuncDef>> = stubs
            .iter_fn_def()
            .filter_map(|stub| Some((stub.name[1..].parse().ok()?, stub)))
            .collect();
        for (index, function) in defined.iter().enumerate() {
            let stub = made.get(&index);
            let named = |name: ImmutableString| {
                Shared::new(ScriptFuncDef {
                    #[cfg(feature = "tool")]
                    comments: <_>::default(),
                    body: stub.map_or_else(|| function.body.clone(), |stub| stub.body.clone()),
                    name,
                    access: function.access,
                    this_type: function.this_type.clone(),
                    params: function.params.clone(),
                })
            };
            let function = named(function.name.clone());
            if function.name.starts_with(closures::PREFIX) {
                for_all
                    .get_or_insert_with(|| self.closures.borrow().as_ref().clone())
                    .set_script_fn(function.clone());
            }
            if let Some(name) = names.bound(&function) {
                for_all
                    .get_or_insert_with(|| self.closures.borrow().as_ref().clone())
                    .set_script_fn(named(name.clone()));
                pointers.push(name);
            }
            if let Some(name) = names.as_method_only(&function) {
                functions.set_script_fn(named(name));
            }
            functions.set_script_fn(function);
        }
        if let Some(for_all) = for_all {
            *self.closures.borrow_mut() = for_all.into();
        }
        pointers
    }

    /// Drops closures of modules that are no longer kept, by their names.
    pub fn forget(&self, closures: &HashSet<ImmutableString>) {
        let mut kept = AST::new([], self.closures.borrow().clone());
        kept.retain_functions(|_, _, name, _| !closures.contains(name));
        *self.closures.borrow_mut() = kept.shared_lib().clone();
    }

    /// Runs the top level of a script as a module.
    ///
    /// # Errors
    /// What the top level throws.
    pub fn run(
        &self,
        wrapped: &Wrapped,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
    ) -> Result<Module, Box<EvalAltResult>> {
        // The file that imports this one is not seen by it.
        let is_of_scripts = global.lib.first().is_none_or(|first| first.id() == Some(CLOSURES));
        let outside =
            is_of_scripts.then(|| wrapped.origin.begin(global, self.closures.borrow().clone()));
        let mut scope = Scope::new();
        let module = {
            let _variables = self.bounds.depth().enter(Root::scope(&scope));
            Module::eval_ast_as_new_raw(engine, &mut scope, global, &wrapped.ast)
        };
        if let Some(outside) = outside {
            outside.come_back(global);
            // More closures may have become known.
            if let Some(first) = global.lib.first_mut() {
                first.clone_from(&self.closures.borrow());
            }
        }
        let module = module?;
        wrapped.origin.has_run(&module);
        Ok(module)
    }

    /// How many functions there are, and how many of them are evaluated here.
    #[must_use]
    pub fn lowered(&self) -> (usize, usize) {
        self.lowered.get()
    }

    /// What a closure, or another pointer, is called with from outside.
    #[must_use]
    pub fn callbacks(&self) -> AST {
        AST::new([], self.closures.borrow().clone())
    }

    /// What a function of the first script is called with from outside, and the name by which it is found
    /// there: none of another file finds it by its own.
    #[must_use]
    pub fn caller(&self, function: &str) -> (AST, ImmutableString) {
        const MOST_PARAMETERS: usize = 2;
        let mut called = self.called.borrow_mut();
        let name = called.entry(function.into()).or_insert_with(|| {
            let name = closures::bound_name(&loans::unique_name(), function);
            let mut closures = self.closures.borrow().as_ref().clone();
            for parameters in 0..=MOST_PARAMETERS {
                let own =
                    self.first.get().and_then(|first| first.get_script_fn(function, parameters));
                if let Some(own) = own {
                    closures.set_script_fn(ScriptFuncDef { name: name.clone(), ..(**own).clone() });
                }
            }
            *self.closures.borrow_mut() = closures.into();
            name
        });
        (self.callbacks(), name.clone())
    }
}

/// What functions see of a statement of the top level: a constant, or what it exports.
fn global_of(statement: &Stmt) -> Option<ImmutableString> {
    match statement {
        Stmt::Var(variable, flags, _)
            if flags.intersects(ASTFlags::CONSTANT | ASTFlags::EXPORTED) =>
        {
            Some(variable.0.name.clone())
        }
        Stmt::Export(names, _) if names.1.name.is_empty() => Some(names.0.name.clone()),
        Stmt::Export(names, _) => Some(names.1.name.clone()),
        _ => None,
    }
}

/// Whether there is a `try` in a statement.
fn has_try(statement: &Stmt) -> bool {
    !statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        !matches!(path.last(), Some(ASTNode::Stmt(Stmt::TryCatch(..))))
    })
}

/// What a compiled script has, for those who explain its errors.
fn known_of(ast: &AST) -> Known {
    let functions = ast
        .iter_fn_def()
        .filter(|function| !function.name.starts_with(closures::PREFIX))
        .map(|function| (function.name.clone(), function.params.len()))
        .collect();
    let variables = ast
        .statements()
        .iter()
        .filter_map(|statement| match statement {
            Stmt::Var(variable, flags, _) if !flags.contains(ASTFlags::CONSTANT) => {
                Some(variable.0.name.clone())
            }
            _ => None,
        })
        .collect();
    Known { functions, variables }
}

fn is_constant(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Var(_, flags, _) if flags.contains(ASTFlags::CONSTANT))
}

/// Refuses an assignment to a constant of the top level, which would change a copy and be lost.
fn check_constants(
    function: &Shared<ScriptFuncDef>,
    constants: &HashSet<&str>,
) -> Result<(), ParseError> {
    if constants.is_empty() {
        return Ok(());
    }
    let mut refused = None;
    alone(function).walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last() {
            refused = assigned_global(&assignment.1.lhs)
                .filter(|(name, _)| constants.contains(name.as_str()));
        }
        refused.is_none()
    });
    match refused {
        Some((name, position)) => {
            Err(ParseError(Box::new(ParseErrorType::AssignmentToConstant(name)), position))
        }
        None => Ok(()),
    }
}

/// The variable that is not the function's own and is at the root of what is assigned to.
fn assigned_global(target: &Expr) -> Option<(String, Position)> {
    match target {
        Expr::Variable(variable, None, position) if variable.0.is_none() => {
            Some((variable.1.to_string(), *position))
        }
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => assigned_global(&chain.lhs),
        _ => None,
    }
}

fn alone(function: &Shared<ScriptFuncDef>) -> AST {
    let mut module = Module::new();
    module.set_script_fn(function.clone());
    AST::new([], module)
}

/// The statements of a function. The engine shows them only to those who walk over a script.
fn statements_of(function: &Shared<ScriptFuncDef>) -> Vec<Stmt> {
    let mut statements = Vec::new();
    alone(function).walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}
