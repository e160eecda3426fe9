//! Text -> syntax tree, in time.
//!
//! The engine's parser takes time with the square of the properties of one map literal, of the
//! variables of one block and so on, and asks nobody whether it may go on. It does ask for each token
//! how that is to be read: where the deadline has come, or the memory is gone, the next token is an
//! error. Its optimizer asks nobody at all, so that it gets only what it can do in a moment.

use std::cell::Cell;
use std::rc::Rc;

use rhai::{
    AST, ASTNode, Engine, Expr, LexError, OptimizationLevel, ParseError, ParseErrorType, Position,
    Scope, Stmt, Token,
};

use crate::bounds::{self, Bounds};
use crate::config::Limits;
use crate::{code, fold, frames, memory};

/// Texts with code up to this length are optimized whatever is in them: 16 KB of the worst take 0.1 s.
const SHORT_BYTES: usize = 16 << 10;

/// The most steps that the optimizer is left to take, each of some nanoseconds.
const MOST_STEPS: usize = 20_000_000;

/// The clock is looked at once for as many tokens.
const STRIDE: u32 = 16;

/// Has the parser of an engine stop where the script has to.
pub fn watch(engine: &mut Engine, bounds: &Rc<Bounds>) {
    let bounds = bounds.clone();
    let count = Cell::new(0u32);
    let words = Words::default();
    #[allow(deprecated)] // The engine marks what is volatile so; it is not deprecated.
    engine.on_parse_token(move |token, _, _| {
        if memory::is_exceeded() {
            bounds.note_memory();
            return stopped();
        }
        count.set(count.get().wrapping_add(1));
        if count.get() % STRIDE == 0 && bounds::in_time().is_err() || bounds::is_late() {
            bounds.look_soon();
            return stopped();
        }
        match words.read(token) {
            Token::Identifier(word) if frames::is_reserved(&word) => {
                Token::Identifier(Box::new(frames::as_a_name(&word)))
            }
            other => other,
        }
    });
}

/// Reads words that are reserved in Rhai and names of functions here.
#[derive(Debug, Default)]
pub struct Words {
    is_in_module: Cell<bool>,
}

impl Words {
    /// The token as a script means it; they come in the order of the script.
    pub fn read(&self, token: Token) -> Token {
        let was_in_module = self.is_in_module.replace(token == Token::DoubleColon);
        match token {
            // `call` is reserved for pointers to functions; behind `::` it is a name like others.
            Token::Reserved(word) if was_in_module && *word == "call" => Token::Identifier(word),
            // `debug` is a reserved word that can only be called by itself; `log::debug` needs a name.
            Token::Reserved(word) if *word == "debug" => Token::Identifier(word),
            other => other,
        }
    }
}

/// What no parser goes on after. The end of the text would do where a statement is complete.
#[cold]
fn stopped() -> Token {
    Token::LexError(Box::new(LexError::Runtime("the script had to be stopped".to_owned())))
}

/// Compiles a text in an engine that optimizes nothing by itself.
///
/// # Errors
/// What is wrong with it, or that there was no time or memory to find out; the bounds know.
pub fn compile(engine: &Engine, text: impl AsRef<str>) -> Result<AST, ParseError> {
    let text = text.as_ref();
    let before = memory::used();
    let ast = engine.compile(text)?;
    in_time()?;
    // The optimizer makes a copy, as what wraps and lowers functions does: 100,000 lines of `x += 1;` took
    // 174 MB in all. Without room for two, the script could not serve an event anyway.
    if !memory::has_room_for(2 * memory::used().saturating_sub(before)) {
        memory::refuse();
        return Err(stopped_error());
    }
    let is_long = text.len() > SHORT_BYTES && code::length(text) > SHORT_BYTES;
    let is_too_slow = is_long && steps(&ast) > MOST_STEPS;
    if is_too_slow || fold::is_too_large(text, &ast) {
        log::info!("a script of {} bytes is run without the engine's optimizer", text.len());
        in_time()?;
        return Ok(ast);
    }
    let ast = engine.optimize_ast(&Scope::new(), ast, OptimizationLevel::Simple);
    in_time()?;
    Ok(ast)
}

/// What is said of a script that is too much to be compiled in time.
pub fn too_late(limits: &Limits) -> String {
    format!(
        "the script was still being compiled after {} ms and was stopped (RHAMBDA_INIT_TIMEOUT_MS); \
         keep much data in a JSON file and read it by `fs::read_text`, and divide a long function \
         or the top level into several functions",
        limits.init_timeout.as_millis()
    )
}

/// Fails where the deadline has come; the bounds know that it was that.
///
/// # Errors
/// One that nobody will see.
pub fn in_time() -> Result<(), ParseError> {
    bounds::in_time().map_err(|_| stopped_error())
}

fn stopped_error() -> ParseError {
    let stopped = LexError::Runtime("the script had to be stopped".to_owned());
    ParseError(Box::new(ParseErrorType::BadInput(stopped)), Position::NONE)
}

/// About how many steps the optimizer takes: it removes statements without effect one by one from
/// their block, opens blocks within blocks one by one, and looks variables up one by one.
fn steps(ast: &AST) -> usize {
    let mut most = Count::default();
    for statement in ast.statements() {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode]| most.look(path));
    }
    ast.iter_fn_def().fold(most.steps(), |steps, function| {
        let mut count = Count::default();
        let mut module = rhai::Module::new();
        module.set_script_fn(function.clone());
        AST::new([], module).walk(&mut |path| count.look(path));
        steps.saturating_add(count.steps())
    })
}

/// What there is in one function.
#[derive(Default)]
struct Count {
    nodes: usize,
    statements: usize,
    removed: usize,
    variables: usize,
    uses: usize,
    cases: usize,
}

impl Count {
    /// Looks at one node, and says whether to go on.
    fn look(&mut self, path: &[ASTNode]) -> bool {
        self.nodes += 1;
        match path.last() {
            Some(ASTNode::Expr(Expr::Variable(..))) => self.uses += 1,
            Some(ASTNode::Stmt(statement)) => {
                self.statements += 1;
                match statement {
                    Stmt::Var(..) => self.variables += 1,
                    Stmt::Switch(parts, _) => {
                        self.cases = self.cases.max(parts.1.expressions.len());
                        self.removed += 1;
                    }
                    Stmt::Expr(expression) => self.removed += usize::from(expression.is_pure()),
                    Stmt::Noop(_) | Stmt::Block(_) | Stmt::If(..) => self.removed += 1,
                    _ => {}
                }
            }
            _ => {}
        }
        self.nodes % 1024 != 0 || bounds::in_time().is_ok()
    }

    fn steps(&self) -> usize {
        [
            self.nodes.saturating_mul(8),
            self.removed.saturating_mul(self.statements) / 4,
            self.variables.saturating_mul(self.uses),
            self.cases.saturating_mul(self.cases),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }
}
