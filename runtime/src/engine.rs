//! The Rhai engine as we set it up, and a compiled script that is ready to be called.
//!
//! <https://rhai.rs/book/engine/>: the script's top level runs once, as a module; the module is
//! registered globally, so that its functions see its imports and constants, and one of them is
//! called for each event with a map that outlives the invocation as `this`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rhai::packages::{Package, StandardPackage};
use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FnAccess, Map, Module, OptimizationLevel,
    Position, Scope, Shared,
};

use crate::bounds::{self, Bounds, Stop};
use crate::config::{Config, Function, Limits};
use crate::context::Context;
use crate::diagnosis::Diagnosis;
use crate::effects::{self, Declaration, Malformed, Policy, World};
use crate::environment_state::EnvironmentState;
use crate::error::{ErrorType, InitError, InvocationError, Report};
use crate::frames::{self, Frames, Trace};
use crate::handler::Handler;
use crate::invocation::Invocation;
#[cfg(feature = "tool")]
use crate::loops;
use crate::modules::{Modules, Roots, Source};
use crate::recording::Recorder;
use crate::sink::Sink;
use crate::vocabulary::Vocabulary;
use crate::{closures, compile, json, library, loans, logging, memory, suggest};

/// A script, compiled and run once at its top level, whose handler can be called.
pub struct Script {
    engine: Engine,
    file: String,
    handler: Handler,
    takes_context: bool,
    may_stream: bool,
    /// What lives as long as the environment.
    state: EnvironmentState,
    roots: Rc<Roots>,
    bounds: Rc<Bounds>,
    limits: Limits,
    /// Operations are counted, and the tool wants to know.
    tells_operations: bool,
    frames: Rc<Frames>,
    trace: Rc<RefCell<Trace>>,
    function: Rc<Function>,
    recorder: Option<Recorder>,
}

impl Script {
    /// Finds, compiles and initialises the script that the handler setting names.
    ///
    /// # Errors
    /// An [`InitError`] of the type that fits what failed: the setting, the file, the syntax, the
    /// handler function, or the top level.
    pub fn load(config: &Config) -> Result<Self, InitError> {
        Self::load_with(config, true, |_| {})
    }

    /// The same for a script that needs no handler, and for an engine that has more than ours.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(
        config: &Config,
        needs_handler: bool,
        prepare: impl FnOnce(&mut Engine),
    ) -> Result<Self, InitError> {
        let handler = Handler::parse(&config.handler)?;
        let roots = Rc::new(Roots::new(config.roots.clone()));
        let source = roots.read(&handler.file).map_err(|message| {
            InitError(Box::new(Report::new(
                ErrorType::ImportModuleError,
                format!("no script for handler `{}`: {message}", handler.setting),
            )))
        })?;
        let bounds = Bounds::new(&config.limits);
        let trace = Rc::new(RefCell::new(Trace::new(roots.clone())));
        let vocabulary = Vocabulary::of(&source.text, &roots);
        let mut engine = engine(&config.limits, &bounds, &trace, &vocabulary);
        let lowers = !config.limits.counts_each_operation && !vocabulary.may_eval();
        let frames = Rc::new(Frames::new(&engine, lowers, &bounds, &trace));
        let modules = Modules::new(roots.clone(), frames.clone());
        let state = EnvironmentState::new(modules.loaded(), bounds.clone());
        engine.set_module_resolver(modules.of_tests(source.file.ends_with(".test.rhai")));
        // Constants are folded where that is known to be little.
        engine.set_optimization_level(OptimizationLevel::None);
        prepare(&mut engine);
        let mut script = Self {
            engine,
            file: source.file.clone(),
            handler,
            takes_context: false,
            may_stream: vocabulary.has("stream"),
            state,
            roots,
            bounds,
            limits: config.limits.clone(),
            tells_operations: config.is_traced && config.limits.counts_each_operation,
            frames,
            trace,
            function: Rc::new(config.function.clone()),
            recorder: Recorder::of(config, &source.file, &source.text),
        };
        script.enter_world(config, &source)?;
        EnvironmentState::begin_init();
        script.compile(&source, needs_handler)?;
        drop(source);
        script.state.end_init(&script.roots);
        let ((asked, had), (all, lowered)) = (vocabulary.asked(), script.frames.lowered());
        log::debug!(
            "init: {had} of {asked} functions are registered; {lowered} of {all} of the script's are run \
             without the engine"
        );
        Ok(script)
    }

    /// Lets the script have the effects that it declares.
    fn enter_world(&self, config: &Config, source: &Source) -> Result<(), InitError> {
        let declaration = Declaration::of(&source.text).map_err(|malformed| {
            let Malformed { line, column, message } = malformed;
            InitError(Box::new(self.diagnosis(|diagnosis| {
                diagnosis.explain_declaration(&self.file, line, column, &message)
            })))
        })?;
        if let Some(Malformed { line, column, message }) = &declaration.commented_out {
            log::warn!("{}:{line}:{column}: {message}", self.file);
        }
        let world = World::new(Policy::of(&declaration, config.is_strict))
            .without_runtime_api(&config.runtime_api)
            .with_roots(config.roots.clone())
            .with_task_files(config.task_files.clone())
            .with_bounds(self.bounds.clone())
            .traced(config.is_traced);
        #[cfg(feature = "tool")]
        let world = world.with_stand_in();
        let world = match &self.recorder {
            Some(recorder) => world.through(|effects| recorder.taped(effects)),
            None => world,
        };
        effects::install(world);
        Ok(())
    }

    fn compile(&mut self, source: &Source, needs_handler: bool) -> Result<(), InitError> {
        memory::set_limit(memory::used().saturating_add(self.limits.memory_bytes));
        self.bounds.start(Instant::now().checked_add(self.limits.init_timeout));
        let ast = compile::compile(&self.engine, source.to_compile()).map_err(|error| {
            InitError(Box::new(
                self.diagnosis(|diagnosis| diagnosis.explain_syntax(&error, &self.file)),
            ))
        })?;
        self.check_room()?;
        let wrapped = self.frames.wrap(&ast, &source.file).map_err(|error| {
            InitError(Box::new(
                self.diagnosis(|diagnosis| diagnosis.explain_syntax(&error, &self.file)),
            ))
        })?;
        let ast = &wrapped.ast;
        self.takes_context = needs_handler && self.handler_takes_context(ast)?;
        let global = &mut self.engine.new_global_runtime_state();
        let run = || self.frames.run(&wrapped, &self.engine, global);
        let module = self.bounds.captured().top_level(run);
        let module = module.map_err(|error| InitError(Box::new(self.explain_init(&error))))?;
        if self.bounds.stopped().is_some() {
            // A native function has swallowed the error of a callback, as `sort` does.
            let error = EvalAltResult::ErrorTerminated(Dynamic::UNIT, rhai::Position::NONE);
            return Err(InitError(Box::new(self.explain_init(&error))));
        }
        drop(module);
        self.check_room()
    }

    /// Refuses a script that takes so much that it could not even serve a small event.
    fn check_room(&self) -> Result<(), InitError> {
        /// The part of what a script may hold that has to be left for events.
        const PART: usize = 16;
        let (may, left) = (self.limits.memory_bytes, self.bounds.memory_left());
        if left >= may / PART {
            return Ok(());
        }
        let mb = |bytes: usize| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        let message = format!(
            "the script, its modules and what they keep take {} of the {} MB that it may hold; at least {} \
             have to be left for an event. Give the function more memory, set RHAMBDA_MAX_MEMORY_MB, or \
             keep large data in a file that is read when it is needed",
            mb(may.saturating_sub(left)),
            mb(may),
            mb(may / PART)
        );
        Err(InitError(Box::new(Report::new(ErrorType::UserCodeInitError, message))))
    }

    /// Checks that the handler is there, and says whether it wants the context too.
    fn handler_takes_context(&self, ast: &AST) -> Result<bool, InitError> {
        let name = self.handler.function.as_str();
        let callable = |parameters: usize| {
            ast.iter_functions().any(|function| {
                function.name == name
                    && function.params.len() == parameters
                    && function.access == FnAccess::Public
                    && function.this_type.is_none()
            })
        };
        if callable(2) {
            return Ok(true);
        }
        if callable(1) {
            return Ok(false);
        }
        let mut there: Vec<String> = ast
            .iter_functions()
            .filter(|function| !function.name.starts_with(closures::PREFIX))
            .map(|function| {
                let private = if function.access == FnAccess::Private { "private " } else { "" };
                format!("`{private}fn {}({})`", function.name, function.params.join(", "))
            })
            .collect();
        there.sort();
        let names = ast.iter_functions().map(|function| function.name);
        let hint = suggest::nearest(name, names)
            .filter(|near| !near.starts_with(closures::PREFIX))
            .map(|near| format!(" Did you mean `{near}`?"))
            .unwrap_or_default();
        let there = match there.as_slice() {
            [] => "no function at all".to_owned(),
            functions => functions.join(", "),
        };
        Err(InitError(Box::new(Report::new(
            ErrorType::HandlerNotFound,
            format!(
                "{} has no public `fn {name}(event)` or `fn {name}(event, context)`.{hint} \
                 It has {there}",
                self.file
            ),
        ))))
    }

    /// Whether the script may stream its response.
    #[must_use]
    pub fn may_stream(&self) -> bool {
        self.may_stream
    }

    /// Calls the handler with one event, whose payload it takes, and gives the response as JSON text:
    /// none if the response has been written to the sink.
    ///
    /// # Errors
    /// An [`InvocationError`] of the type that fits: the event, the script, a limit, the result.
    pub fn invoke(
        &self,
        invocation: &mut Invocation,
        is_cold_start: bool,
        sink: Option<Rc<RefCell<dyn Sink>>>,
    ) -> Result<Vec<u8>, InvocationError> {
        self.trace.borrow_mut().clear();
        if let Some(recorder) = &self.recorder {
            recorder.begin(invocation, is_cold_start, &self.state.this());
            // What is drawn in this invocation shall depend on nothing before it.
            effects::world().forget_seed();
        }
        self.bounds.start(self.deadline(invocation.deadline_ms));
        let outcome = self.answer(invocation, is_cold_start, sink);
        self.bounds.end();
        outcome
    }

    fn answer(
        &self,
        invocation: &mut Invocation,
        is_cold_start: bool,
        sink: Option<Rc<RefCell<dyn Sink>>>,
    ) -> Result<Vec<u8>, InvocationError> {
        // The text is given up as soon as the value is there.
        let payload = std::mem::take(&mut invocation.payload);
        let event = json::read(&payload).map_err(|error| {
            let (error_type, message) = match error.is_out_of_memory {
                true => (ErrorType::MemoryLimit, format!("the event is too large: {error}")),
                false => (ErrorType::UnmarshalError, format!("the event is not JSON: {error}")),
            };
            InvocationError(Box::new(Report::new(error_type, message)))
        })?;
        drop(payload);
        effects::world().expect_reply(library::reply_to(&event));
        let front = library::Front::of(&event);
        if let Some(sink) = sink {
            library::offer_stream(sink, &event);
        }
        let context =
            self.takes_context.then(|| Context::new(&self.function, invocation, is_cold_start));
        let result = self.call(event, context);
        log::debug!("{} operations", self.bounds.operations());
        if self.tells_operations {
            logging::trace(&format!("operations\t{}", self.bounds.operations()));
        }
        let result = result.map_err(|error| self.failed(&error))?;
        if self.may_stream && library::is_streaming() {
            return self.finish_stream(&result).map(|()| Vec::new());
        }
        let result = library::shaped(front, result).map_err(|error| self.failed(&error))?;
        let mut response = Vec::with_capacity(256);
        json::write_within(&result, &mut response, MOST_COUNTED).map_err(|error| {
            if self.bounds.stopped() == Some(Stop::Deadline) {
                let late = EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE);
                return self.failed(&late);
            }
            let report = match error.is_too_long {
                true => Report::new(ErrorType::ResponseSizeTooLarge, far_too_large(&error)),
                false => Report::new(ErrorType::MarshalError, format!("the result has {error}")),
            };
            InvocationError(Box::new(report))
        })?;
        if response.len() > crate::config::MAX_RESPONSE_BYTES {
            let report =
                Report::new(ErrorType::ResponseSizeTooLarge, too_large(response.len(), &result));
            return Err(InvocationError(Box::new(report)));
        }
        Ok(response)
    }

    /// Writes the recording of the last invocation, where recordings are wanted.
    pub fn keep_recording(&self, outcome: &Result<Vec<u8>, InvocationError>) {
        if let Some(recorder) = &self.recorder {
            recorder.end(outcome);
        }
    }

    /// Forgets what the last invocation left behind, after its answer, which has to be gone by then. Says
    /// why this environment cannot go on, if it cannot: memory did not come back.
    #[must_use]
    pub fn end_invocation(&self, ran_out_of_memory: bool) -> Option<String> {
        self.trace.borrow_mut().clear();
        self.state.end_event(ran_out_of_memory)
    }

    /// Leaves this environment for another one in the same process.
    #[cfg(feature = "tool")]
    pub fn write_off(&self) {
        self.state.write_off();
    }

    /// Takes what is held now beside an invocation's payload, as by a test, for none of the script's.
    #[cfg(feature = "tool")]
    pub fn leave_out_what_others_hold(&self, payload: &[u8]) {
        self.state.leave_out_what_others_hold(payload.len());
    }

    /// Brings back what the script and the library kept before the invocation of a recording.
    #[cfg(feature = "tool")]
    pub fn restore(&self, recording: &Map) {
        let entries = |name: &str| {
            let all = recording.get(name).and_then(|all| all.clone().try_cast::<rhai::Array>());
            all.unwrap_or_default().into_iter().filter_map(Dynamic::try_cast::<Map>)
        };
        let text =
            |entry: &Map, name: &str| entry.get(name).map(ToString::to_string).unwrap_or_default();
        let moment = |entry: &Map, name: &str| {
            let ms = entry.get(name).and_then(|ms| u64::try_from(ms.as_int().ok()?).ok());
            UNIX_EPOCH + Duration::from_millis(ms.unwrap_or_default())
        };
        if let Some(state) = recording.get("state").filter(|state| state.is_map()) {
            *self.state.this_mut() = state.clone();
        }
        for entry in entries("cache") {
            let value = entry.get("value").cloned().unwrap_or_default();
            library::cache_again(&text(&entry, "key"), value, moment(&entry, "until_ms"));
        }
        for set in entries("key_sets") {
            if let Some(keys) = set.get("keys").and_then(|keys| keys.clone().try_cast()) {
                library::keep_key_set(&text(&set, "url"), keys, moment(&set, "fetched_ms"));
            }
        }
        effects::world().forget_seed();
    }

    /// Calls a function that takes nothing.
    ///
    /// # Errors
    /// As [`invoke`](Self::invoke).
    #[cfg(feature = "tool")]
    pub fn call_function(&self, name: &str, timeout: Duration) -> Result<(), InvocationError> {
        self.trace.borrow_mut().clear();
        self.bounds.start(Instant::now().checked_add(timeout));
        let options = CallFnOptions::new().eval_ast(false).in_all_namespaces(true);
        let scope = &mut Scope::new();
        let (caller, name) = self.frames.caller(name);
        self.engine
            .call_fn_with_options(options, scope, &caller, name, ())
            .map(|_: Dynamic| ())
            .map_err(|error| self.failed(&error))
    }

    /// Calls a function that the script handed out, such as a closure.
    ///
    /// # Errors
    /// What it throws.
    #[cfg(feature = "tool")]
    pub fn call_pointer(
        &self,
        function: &rhai::FnPtr,
        argument: Dynamic,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        function.call(&self.engine, &self.frames.callbacks(), (argument,))
    }

    fn finish_stream(&self, result: &Dynamic) -> Result<(), InvocationError> {
        if library::finish_stream(result).map_err(|error| self.failed(&error))? {
            return Ok(());
        }
        let message = format!(
            "the handler streamed its response and then returned {}; it can return text or a blob, \
             which is appended, or `()`",
            result.type_name()
        );
        Err(InvocationError(Box::new(Report::new(ErrorType::TypeMismatch, message))))
    }

    fn failed(&self, error: &EvalAltResult) -> InvocationError {
        let report = self
            .diagnosis(|diagnosis| diagnosis.explain(error, &self.file, &self.handler.function));
        if matches!(self.bounds.stopped(), Some(Stop::Memory | Stop::Depth)) {
            self.state.forget_kept();
        }
        InvocationError(Box::new(report))
    }

    fn call(
        &self,
        event: Dynamic,
        context: Option<Context>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut state = self.state.this_mut();
        let options =
            CallFnOptions::new().eval_ast(false).in_all_namespaces(true).bind_this_ptr(&mut state);
        let scope = &mut Scope::new();
        let (caller, name) = self.frames.caller(&self.handler.function);
        let in_its_place = Dynamic::UNIT;
        loans::send(event);
        let result: Result<Dynamic, _> = match context {
            Some(context) => self.engine.call_fn_with_options(
                options,
                scope,
                &caller,
                name,
                (in_its_place, Dynamic::from(context)),
            ),
            None => {
                self.engine.call_fn_with_options(options, scope, &caller, name, (in_its_place,))
            }
        };
        // The handler may never have begun.
        drop(loans::returned());
        library::flush_metrics();
        result.or_else(|error| match *error {
            EvalAltResult::Exit(value, _) => Ok(value),
            _ => Err(error),
        })
    }

    /// When the script has to be stopped: the deadline less its margin, which is never more than
    /// half of what is left.
    fn deadline(&self, deadline_ms: Option<u64>) -> Option<Instant> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(deadline_ms?).saturating_sub(now);
        let margin = self.limits.deadline_margin.min(left / 2);
        // A deadline that no clock can hold is none.
        Instant::now().checked_add(left - margin)
    }

    fn explain_init(&self, error: &EvalAltResult) -> Report {
        let mut report = self.diagnosis(|diagnosis| diagnosis.explain(error, &self.file, ""));
        report.error_type = match (report.error_type, self.bounds.stopped()) {
            (ErrorType::SyntaxError, _) => ErrorType::UserCodeSyntaxError,
            (ErrorType::ModuleNotFound, _) => ErrorType::ImportModuleError,
            (_, Some(Stop::Deadline)) => {
                report.message = match error.unwrap_inner() {
                    EvalAltResult::ErrorParsing(..) => compile::too_late(&self.limits),
                    _ => format!(
                        "the top level was still running after {} ms and was stopped",
                        self.limits.init_timeout.as_millis()
                    ),
                };
                ErrorType::InitTimeout
            }
            _ => ErrorType::UserCodeInitError,
        };
        report
    }

    fn diagnosis<T>(&self, explain: impl FnOnce(&Diagnosis) -> T) -> T {
        let stopped = self.bounds.stopped();
        memory::unlimited(|| {
            explain(&Diagnosis {
                roots: &self.roots,
                engine: &self.engine,
                stopped,
                deepest: self.bounds.depth().most(),
                elapsed: self.bounds.elapsed(),
                limits: &self.limits,
                trace: &self.trace.borrow(),
            })
        })
    }
}

fn engine(
    limits: &Limits,
    bounds: &Rc<Bounds>,
    trace: &Rc<RefCell<Trace>>,
    vocabulary: &Vocabulary,
) -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(standard_library(vocabulary));
    bounds::apply(&mut engine, bounds, limits, vocabulary);
    frames::register(&mut engine, trace, bounds);
    Context::register(&mut engine, vocabulary);
    library::register(&mut engine, vocabulary);
    compile::watch(&mut engine, bounds);
    engine
}

/// An engine that knows every function a script can call and reads scripts as `bootstrap` does, to
/// be asked what it knows and to parse with.
#[cfg(feature = "tool")]
#[must_use]
pub fn whole(limits: &Limits) -> Engine {
    whole_under(limits).0
}

/// The same with the bounds that it is under, to be asked how long its functions take.
#[cfg(feature = "tool")]
#[must_use]
pub fn whole_under(limits: &Limits) -> (Engine, Rc<Bounds>) {
    let roots = Rc::new(Roots::new(Vec::new()));
    // With this word in it, a source has all words.
    let vocabulary = Vocabulary::of("eval", &roots);
    let trace = Rc::new(RefCell::new(Trace::new(roots)));
    let bounds = Bounds::new(limits);
    (engine(limits, &bounds, &trace, &vocabulary), bounds)
}

/// The same, with the modules below some roots, to run scripts on a desk: bounds on time and memory
/// are the caller's to set.
#[cfg(feature = "tool")]
#[must_use]
pub fn whole_with_modules(limits: &Limits, roots: &Rc<Roots>) -> Engine {
    let mut engine = whole(limits);
    let (bounds, trace) = (Bounds::new(limits), Rc::new(RefCell::new(Trace::new(roots.clone()))));
    let frames = Rc::new(Frames::new(&engine, false, &bounds, &trace));
    engine.set_module_resolver(Modules::new(roots.clone(), frames));
    engine
}

/// The same script, whose loops at the top level go through maps as those of `bootstrap` do.
#[cfg(feature = "tool")]
#[must_use]
pub fn with_loops(ast: &AST) -> AST {
    let mut statements = ast.statements().to_vec();
    loops::go_through_maps(&mut statements, &frames::NODE.into());
    let mut ready = AST::new(statements, ast.shared_lib().clone());
    if let Some(source) = ast.source() {
        ready.set_source(source);
    }
    ready
}

/// The functions of the engine's standard library that are in the vocabulary.
///
/// The engine lets the functions of a script be picked, not those of a module, so the library is
/// dressed as a script's for a moment.
fn standard_library(vocabulary: &Vocabulary) -> Shared<Module> {
    let whole = StandardPackage::new_lazy().as_shared_module();
    // Emptied, a module is still known to the engine as a part of the standard library.
    let mut module = whole.as_ref().clone();
    module.clear();
    let picked =
        AST::new([], whole).clone_functions_only_filtered(|_, _, _, name, _| vocabulary.has(name));
    module.combine(picked.shared_lib().as_ref().clone());
    module.into()
}

/// Up to so many bytes it is told how many a response has that is too large.
const MOST_COUNTED: usize = 2 * crate::config::MAX_RESPONSE_BYTES;

/// Says where a response is that has far too much.
fn far_too_large(error: &json::WriteError) -> String {
    format!(
        "the response has more than {MOST_COUNTED} bytes, at `{}` at the latest; Lambda takes at most {}",
        error.path,
        crate::config::MAX_RESPONSE_BYTES
    )
}

/// Says how large a response is, and which of its parts are the largest.
fn too_large(bytes: usize, result: &Dynamic) -> String {
    let mut message = format!(
        "the response has {bytes} bytes; Lambda takes at most {}",
        crate::config::MAX_RESPONSE_BYTES
    );
    let Some(map) = result.read_lock::<Map>() else { return message };
    let mut parts: Vec<(usize, &str)> = map
        .iter()
        .map(|(key, value)| {
            let mut part = Vec::new();
            let written = json::write(value, &mut part);
            (if written.is_ok() { part.len() } else { 0 }, key.as_str())
        })
        .collect();
    parts.sort_unstable_by(|left, right| right.cmp(left));
    let largest: Vec<String> =
        parts.iter().take(3).map(|(size, key)| format!("`{key}` {size}")).collect();
    message.push_str(&format!("; the largest parts are {}", largest.join(", ")));
    message
}
