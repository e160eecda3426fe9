//! What a script has of an error that it catches, and what becomes of it when it is thrown again.
//!
//! The engine gives `catch` the value that was thrown, and of its own errors a map that says little, and
//! forgets where either was thrown. The body of each `try` is therefore wrapped in a node that sees the
//! error first: it makes a map of the engine's own errors, and marks what is caught, so that the mark
//! leads to the place and the call chain of the first throw when the value is thrown again.

use std::rc::Rc;

use rhai::{
    CustomExpr, Dynamic, EvalAltResult, EvalContext, Expr, Expression, INT, ImmutableString, Map,
    NativeCallContext, Position, Stmt, StmtBlock,
};

use crate::bounds::{Bounded, Bounds};
use crate::description::{self, Description};
use crate::error::{ErrorType, Frame};
use crate::frames::{self, Trace};
use crate::{diagnosis, memory};

/// The first mark. Scripts that mark values themselves use small numbers.
const FIRST_MARK: i32 = 1 << 30;

/// How many places of errors are kept; the same place is kept once.
const MOST_PLACES: usize = 64;

/// How much of a call chain is kept: what is told of it.
const MOST_FRAMES: usize = 60;

/// The fields that a map of the engine's own error has beside `type` and `message`.
const FIELDS: [&str; 12] = [
    "file", "line", "column", "function", "variable", "module", "index", "length", "expected",
    "found", "type", "message",
];

/// Where a value that was caught had been thrown.
#[derive(Debug, Clone)]
struct Place {
    mark: i32,
    /// The call chain, innermost first, as far as it led to the `catch`.
    frames: Vec<Frame>,
    /// The type of an error of the engine's own.
    error_type: Option<ErrorType>,
}

/// The places of the errors that were caught in this invocation.
#[derive(Debug, Default)]
pub struct Places {
    all: Vec<Place>,
    next: i32,
}

impl Places {
    /// Forgets them. A mark is never given twice, so that what is kept leads nowhere then.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    fn of(&self, value: &Dynamic) -> Option<&Place> {
        let mark = mark_of(value);
        self.all.iter().find(|place| place.mark == mark).filter(|_| is_mark(mark))
    }

    /// The mark for a place.
    fn mark(&mut self, mut frames: Vec<Frame>, error_type: Option<ErrorType>) -> i32 {
        if frames.len() > MOST_FRAMES {
            // The ends are what is told.
            frames.drain(MOST_FRAMES - 10..frames.len() - 10);
        }
        let same = |place: &&Place| place.frames == frames && place.error_type == error_type;
        if let Some(place) = self.all.iter().find(same) {
            return place.mark;
        }
        if self.all.len() >= MOST_PLACES {
            self.all.remove(0);
        }
        self.next = self.next.checked_add(1).unwrap_or(1).max(1);
        let mark = FIRST_MARK + self.next % FIRST_MARK;
        self.all.push(Place { mark, frames, error_type });
        mark
    }
}

/// The mark of a value, which may be shared with a closure.
fn mark_of(value: &Dynamic) -> i32 {
    match value.is_shared() {
        true => value.read_lock::<Dynamic>().map_or(0, |value| value.tag()),
        false => value.tag(),
    }
}

fn is_mark(mark: i32) -> bool {
    mark >= FIRST_MARK
}

/// The message of a caught error, which is its text.
#[must_use]
pub fn message_of(value: &Dynamic) -> Option<ImmutableString> {
    if !is_mark(mark_of(value)) {
        return None;
    }
    let map = value.read_lock::<Map>()?;
    map.get("message")?.clone().into_immutable_string().ok()
}

/// What is known of a value that is thrown again.
pub struct Again {
    /// The type of an error of the engine's own.
    pub error_type: Option<ErrorType>,
}

/// What is known of a thrown value, if it was caught before.
#[must_use]
pub fn thrown_again(value: &Dynamic, trace: &Trace) -> Option<Again> {
    let place = trace.places().of(value)?;
    // It may be another error by now.
    let error_type = place.error_type.filter(|error_type| {
        let map = value.read_lock::<Map>();
        let named = map.and_then(|map| map.get("type")?.clone().into_immutable_string().ok());
        named.is_some_and(|named| named == error_type.as_str())
    });
    Some(Again { error_type })
}

/// Whether a field of the map of an error of the engine's own is one that the runtime put there.
#[must_use]
pub fn is_known_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// The call chain of an error, innermost first: of a value that was caught before and is thrown again,
/// from where it was thrown first.
#[must_use]
pub fn chain<'e>(
    error: &'e EvalAltResult,
    file: &str,
    function: &str,
    trace: &Trace,
) -> (&'e EvalAltResult, Vec<Frame>) {
    let (innermost, frames) = diagnosis::unwound(error, file, function);
    let EvalAltResult::ErrorRuntime(value, _) = innermost else { return (innermost, frames) };
    let Some(place) = trace.places().of(value) else { return (innermost, frames) };
    let catcher = place.frames.last();
    let is_catcher = |frame: &Frame| {
        catcher.is_some_and(|catcher| {
            catcher.function == frame.function && catcher.location.file == frame.location.file
        })
    };
    let outside = frames.iter().position(is_catcher).map_or(1, |at| at + 1);
    let mut whole = place.frames.clone();
    whole.extend(frames.into_iter().skip(outside));
    (innermost, whole)
}

/// What a script has of an error that it catches in this function.
#[must_use]
pub fn value_of(
    error: Box<EvalAltResult>,
    file: &str,
    function: &str,
    engine: &rhai::Engine,
    trace: &mut Trace,
) -> Dynamic {
    let (innermost, mut frames) = chain(&error, file, function, trace);
    if let Some(known) = frames.iter().position(|frame| frame.location.line > 0) {
        frames.drain(..known);
    }
    if let EvalAltResult::ErrorRuntime(value, position) = innermost {
        let known = trace.places().of(value);
        let error_type = known.and_then(|place| place.error_type);
        let place = frames.first().map_or(file, |frame| frame.location.file.as_str());
        let absent = match known {
            Some(_) => None,
            None => trace.asked_at(place, *position).and_then(|asked| asked.absent.clone()),
        };
        let mut value = into_value(*error);
        if let (Some(absent), Some(mut map)) = (absent, value.write_lock::<Map>()) {
            let said = map.get("message").map(ToString::to_string).unwrap_or_default();
            map.insert("message".into(), format!("{said}; {absent}").into());
        }
        let mark = trace.places_mut().mark(frames, error_type);
        value.set_tag(mark);
        return value;
    }
    let place = frames.first().map_or(file, |frame| frame.location.file.as_str()).to_owned();
    let described = memory::unlimited(|| description::describe(innermost, &place, engine, trace));
    let Description { error_type, message, fields } = described;
    let mut map = Map::new();
    map.insert("type".into(), error_type.as_str().into());
    map.insert("message".into(), message.into());
    if let Some(frame) = frames.first().filter(|frame| frame.location.line > 0) {
        let number = |number: usize| Dynamic::from_int(INT::try_from(number).unwrap_or(0));
        map.insert("file".into(), frame.location.file.clone().into());
        map.insert("line".into(), number(frame.location.line));
        map.insert("column".into(), number(frame.location.column));
    }
    for (name, value) in fields {
        map.insert(name.into(), value);
    }
    let mut value = Dynamic::from_map(map);
    value.set_tag(trace.places_mut().mark(frames, Some(error_type)));
    value
}

/// The same for a native function that calls a function of the script and goes on after its error.
#[must_use]
pub fn by_native(context: &NativeCallContext, error: Box<EvalAltResult>) -> Dynamic {
    let file = context.call_source().unwrap_or_default();
    match frames::trace_of(context.engine()) {
        Some(trace) => value_of(error, file, "", context.engine(), &mut trace.borrow_mut()),
        None => into_value(*error),
    }
}

/// The value that was thrown, at the heart of the calls that its error was wrapped in.
fn into_value(error: EvalAltResult) -> Dynamic {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => into_value(*inner),
        EvalAltResult::ErrorRuntime(value, _) => value,
        other => other.to_string().into(),
    }
}

/// The body of a `try`, and where it stands.
pub struct Attempt {
    block: Rc<Expr>,
    parameters: Rc<[ImmutableString]>,
    function: ImmutableString,
    file: ImmutableString,
}

/// Wraps the bodies of `try` in statements of a function.
pub struct Wrapping<'a> {
    /// The word of the runtime's own nodes.
    pub word: &'a ImmutableString,
    /// What the function is called; empty for the top level.
    pub function: ImmutableString,
    /// The file that it is in.
    pub file: ImmutableString,
    /// Its parameters.
    pub parameters: Rc<[ImmutableString]>,
}

impl Wrapping<'_> {
    /// Wraps all that there are.
    pub fn statements(&self, statements: &mut [Stmt]) {
        statements.iter_mut().for_each(|statement| self.statement(statement));
    }

    fn block(&self, block: &mut StmtBlock) {
        self.statements(block.statements_mut());
    }

    fn attempt(&self, body: &mut StmtBlock) {
        self.block(body);
        let span = body.span();
        let statements = std::mem::take(body.statements_mut());
        let block = StmtBlock::new_with_span(statements, span);
        let attempt = Attempt {
            block: Rc::new(Expr::Stmt(Box::new(block))),
            parameters: self.parameters.clone(),
            function: self.function.clone(),
            file: self.file.clone(),
        };
        let custom = CustomExpr {
            inputs: std::iter::empty().collect(),
            tokens: std::iter::once(self.word.clone()).collect(),
            state: Dynamic::from(Rc::new(attempt)),
            scope_may_be_changed: false,
            self_terminated: true,
        };
        let node = Stmt::Expr(Box::new(Expr::Custom(Box::new(custom), span.start())));
        *body = StmtBlock::new_with_span([node], span);
    }

    fn statement(&self, statement: &mut Stmt) {
        match statement {
            Stmt::TryCatch(parts, _) => {
                self.attempt(&mut parts.body);
                self.block(&mut parts.branch);
            }
            Stmt::If(parts, _) | Stmt::While(parts, _) | Stmt::Do(parts, ..) => {
                self.expression(&mut parts.expr);
                self.block(&mut parts.body);
                self.block(&mut parts.branch);
            }
            Stmt::For(parts, _) => {
                self.expression(&mut parts.2.expr);
                self.block(&mut parts.2.body);
                self.block(&mut parts.2.branch);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&mut parts.0);
                for case in &mut parts.1.expressions {
                    self.expression(&mut case.lhs);
                    self.expression(&mut case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.expression(&mut parts.1),
            Stmt::Assignment(parts) => {
                self.expression(&mut parts.1.lhs);
                self.expression(&mut parts.1.rhs);
            }
            Stmt::FnCall(call, _) => call.args.iter_mut().for_each(|it| self.expression(it)),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(Some(expression), ..) | Stmt::Return(Some(expression), ..) => {
                self.expression(expression);
            }
            Stmt::Import(parts, _) => self.expression(&mut parts.0),
            _ => {}
        }
    }

    fn expression(&self, expression: &mut Expr) {
        match expression {
            Expr::Stmt(block) => self.block(block),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter_mut().for_each(|it| self.expression(it));
            }
            Expr::Map(map, _) => map.0.iter_mut().for_each(|(_, value)| self.expression(value)),
            Expr::MethodCall(call, _) | Expr::FnCall(call, _) => {
                call.args.iter_mut().for_each(|it| self.expression(it));
            }
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                self.expression(&mut pair.lhs);
                self.expression(&mut pair.rhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter_mut().for_each(|it| self.expression(it));
            }
            _ => {}
        }
    }
}

impl Attempt {
    /// Evaluates the body, and has what it throws as a script catches it.
    ///
    /// # Errors
    /// As the engine's own evaluation of the body.
    pub fn run(
        &self,
        context: &mut EvalContext,
        trace: &std::cell::RefCell<Trace>,
        bounds: &Bounds,
    ) -> Bounded<Dynamic> {
        #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
        let result = context.eval_expression_tree_raw(&Expression::from(&*self.block), true);
        let mut error = match result {
            Err(error) if !error.is_pseudo_error() && error.is_catchable() => error,
            other => return other,
        };
        if bounds.stopped().is_some() {
            return Err(error);
        }
        let is_locked = |parameter: usize| {
            let name = self.parameters.get(parameter);
            let value = name.and_then(|name| context.scope().get(name));
            value.is_some_and(Dynamic::is_locked)
        };
        frames::place(&mut error, &self.block, &self.parameters, is_locked);
        let mut trace = trace.borrow_mut();
        frames::ask(context, &error, &self.block, &self.parameters, &self.file, &mut trace);
        let position = error.position();
        let value = value_of(error, &self.file, &self.function, context.engine(), &mut trace);
        Err(Box::new(EvalAltResult::ErrorRuntime(value, position_or(position, &self.block))))
    }
}

fn position_or(position: Position, block: &Expr) -> Position {
    if position.is_none() { block.position() } else { position }
}
