//! What was defined so far, and one more input of it.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use rhai::{
    AST, ASTFlags, Dynamic, Engine, EvalAltResult, Expr, Module, ParseError, ParseErrorType, Scope,
    Stmt,
};
use rhambda_runtime::config::Limits;
use rhambda_runtime::effects::{self, Declaration, Malformed, Policy, World};
use rhambda_runtime::error::InitError;
use rhambda_runtime::modules::{Roots, Source};
use rhambda_runtime::{engine, json, syntax};

use super::shown::{self, Blame};
use crate::check::place;
use crate::failure::Failure;
use crate::format::without_documentation;
use crate::samples;

/// Set by Ctrl-C, to end what is being evaluated.
pub(crate) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What is said of a declaration that cannot be meant.
fn refused(malformed: &Malformed, blame: &Blame) -> Answer {
    let at = place(malformed.line, malformed.column);
    Answer::Error(shown::excerpted(&malformed.message, at, blame))
}

/// A script that runs piece by piece.
pub(crate) struct Session {
    /// Where files are read, besides /tmp.
    folder: PathBuf,
    engine: Engine,
    scope: Scope<'static>,
    /// The functions that were defined.
    functions: AST,
    roots: Rc<Roots>,
    /// The scripts that were loaded, for excerpts.
    loaded: Vec<Rc<Source>>,
}

/// What became of an input.
pub(crate) enum Answer {
    /// It was evaluated; what is to be shown, which may be nothing.
    Value(String),
    /// It is wrong, or failed; what is to be shown.
    Error(String),
    /// It goes on in the next line.
    Incomplete,
    /// The session ends.
    Quit,
}

const HELP: &str = "\
Rhai, and the library of rhambda: try `[3, 1, 2].sum_by(|n| n)` or `time::now().format(\"%A\")`.
An input ends when its brackets are closed; an empty line ends it in any case.

  :load FILE    runs a script; its functions can be called, and what it declares holds from then on
  :event NAME   sets `event` to a sample event, as `rhambda event` lists them
  :vars         lists the variables
  :help         prints this
  :quit         ends the session, as Ctrl-D does; Ctrl-C drops a line or stops a script, and twice
                ends the session, too, while a script waits for something";

impl Session {
    /// A session whose imports start from these folders.
    pub(crate) fn new(folder: PathBuf) -> Result<Session, Failure> {
        let limits = Limits::standard().map_err(|InitError(report)| {
            Failure::broken(format!("the engine cannot be set up: {}", report.message))
        })?;
        let roots = Rc::new(Roots::new(vec![folder.clone()]));
        let mut engine = engine::whole_with_modules(&limits, &roots);
        engine.on_progress(|_| INTERRUPTED.swap(false, Ordering::Relaxed).then_some(Dynamic::UNIT));
        engine.on_print(shown::say);
        engine.on_debug(|text, _, _| shown::say(text));
        let is_strict = std::env::var("RHAMBDA_POLICY").is_ok_and(|value| value == "strict");
        let policy = Policy::of(&Declaration::default(), is_strict);
        effects::install(World::new(policy).with_roots(vec![folder.clone()]));
        Ok(Session {
            folder,
            engine,
            scope: Scope::new(),
            functions: AST::empty(),
            roots,
            loaded: Vec::new(),
        })
    }

    /// Takes an input. `is_whole`: it does not go on, even if it seems to.
    pub(crate) fn take(&mut self, input: &str, is_whole: bool) -> Answer {
        let trimmed = input.trim();
        if trimmed.is_empty() {
            return Answer::Value(String::new());
        }
        if let Some(command) = trimmed.strip_prefix(':') {
            return self.command(command);
        }
        // A comment that is not closed ends with the input.
        if !is_whole && input.matches("/*").count() > input.matches("*/").count() {
            return Answer::Incomplete;
        }
        if let Err(malformed) = self.declare(input) {
            return refused(&malformed, &Blame::Input(input));
        }
        match self.engine.compile_with_scope(&self.scope, without_documentation(input)) {
            Ok(ast) => self.evaluate(input, &ast),
            Err(error) if !is_whole && is_incomplete(&error, input) => Answer::Incomplete,
            Err(error) => {
                let ParseError(kind, position) = error;
                let told = syntax::told(&kind.to_string(), Some(input), position);
                let message = format!("syntax: {told}");
                Answer::Error(shown::excerpted(&message, position, &Blame::Input(input)))
            }
        }
    }

    fn evaluate(&mut self, input: &str, ast: &AST) -> Answer {
        INTERRUPTED.store(false, Ordering::Relaxed);
        let before = self.functions.clone();
        self.functions = self.functions.merge(&engine::with_loops(ast));
        let result = self.engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &self.functions);
        self.functions.clear_statements();
        match result {
            Ok(value) => {
                self.keep_imports(ast);
                Answer::Value(shown::value(&value))
            }
            Err(error) => {
                if matches!(*error, EvalAltResult::Exit(..)) {
                    return Answer::Quit;
                }
                // What was defined together with something that fails is not there.
                if ast.statements().is_empty() {
                    self.functions = before;
                }
                Answer::Error(shown::error(&error, &self.engine, input, &self.loaded))
            }
        }
    }

    /// The engine forgets imports with the run they stand in.
    fn keep_imports(&mut self, ast: &AST) {
        for statement in ast.statements() {
            let Stmt::Import(import, _) = statement else { continue };
            let (path, alias) = &**import;
            let Expr::StringConstant(path, position) = path else { continue };
            let module = self.engine.module_resolver().resolve(&self.engine, None, path, *position);
            if let (Ok(module), false) = (module, alias.name.is_empty()) {
                self.engine.register_static_module(alias.name.as_str(), module);
            }
        }
    }

    fn command(&mut self, command: &str) -> Answer {
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let argument = argument.trim();
        match name {
            "help" | "h" | "?" => Answer::Value(HELP.to_owned()),
            "quit" | "q" | "exit" => Answer::Quit,
            "vars" => Answer::Value(self.variables()),
            "load" if argument.is_empty() => {
                Answer::Error("which file? :load orders.rhai".to_owned())
            }
            "load" => self.load(argument),
            "event" if argument.is_empty() => {
                Answer::Error("which event? :event sqs; `rhambda event` lists them".to_owned())
            }
            "event" => self.event(argument),
            _ => Answer::Error(format!("there is no command `:{name}`; `:help` lists them")),
        }
    }

    /// Puts what a script or an input declares in force, as Lambda does, from now on.
    fn declare(&self, text: &str) -> Result<(), Malformed> {
        let declaration = Declaration::of(text)?;
        if declaration.items.is_some() {
            let world = World::new(Policy::of(&declaration, true));
            effects::install(world.with_roots(vec![self.folder.clone()]));
        }
        Ok(())
    }

    fn variables(&self) -> String {
        let mut lines: Vec<String> = self
            .scope
            .iter()
            .map(|(name, is_constant, value)| {
                let kind = if is_constant { "const" } else { "let" };
                format!("{kind} {name}: {}", value.type_name())
            })
            .collect();
        lines.sort();
        lines.dedup();
        lines.join("\n")
    }

    fn event(&mut self, name: &str) -> Answer {
        let read = samples::find(name).map_err(|failure| failure.message).and_then(|sample| {
            json::read(sample.text.as_bytes()).map_err(|error| error.to_string())
        });
        match read {
            Ok(event) => {
                self.scope.set_or_push("event", event);
                Answer::Value(format!("event is a sample of {name}"))
            }
            Err(message) => Answer::Error(message),
        }
    }

    /// Runs a script as the runtime does: its functions see its constants and imports.
    fn load(&mut self, path: &str) -> Answer {
        let name = path.strip_suffix(".rhai").unwrap_or(path);
        // What was read before may have been edited.
        let source = match self.roots.again().read(name) {
            Ok(source) => source,
            Err(message) => return Answer::Error(message),
        };
        self.loaded.retain(|loaded| loaded.file != source.file);
        self.loaded.push(source.clone());
        if let Err(malformed) = self.declare(&source.text) {
            return refused(&malformed, &Blame::File(&source));
        }
        let mut ast = match self.engine.compile(source.to_compile()) {
            Ok(ast) => ast,
            Err(ParseError(kind, position)) => {
                let blame = Blame::File(&source);
                let told = syntax::told(&kind.to_string(), Some(&source.text), position);
                let message = format!("syntax: {told}");
                return Answer::Error(shown::excerpted(&message, position, &blame));
            }
        };
        ast.set_source(source.file.as_str());
        // Functions see what a module that is registered globally exports.
        let ast = engine::with_loops(&ast);
        let module = Module::eval_ast_as_new(Scope::new(), &exporting(&ast), &self.engine);
        match module {
            Ok(module) => {
                self.engine.register_global_module(module.into());
                let functions = ast.iter_functions().filter(|it| !it.name.starts_with("anon$"));
                let mut names: Vec<String> =
                    functions.map(|it| format!("{}({})", it.name, it.params.join(", "))).collect();
                names.sort();
                let has =
                    if names.is_empty() { "no functions".to_owned() } else { names.join(", ") };
                Answer::Value(format!("{} has {has}", source.file))
            }
            Err(error) => Answer::Error(shown::error(&error, &self.engine, "", &self.loaded)),
        }
    }

    /// The names that can be completed: of variables, functions, and functions of modules.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.scope.iter().map(|(name, ..)| name.to_owned()).collect();
        let own = self.functions.iter_functions().filter(|it| !it.name.starts_with("anon$"));
        names.extend(own.map(|function| function.name.to_owned()));
        for source in &self.loaded {
            let functions = source.text.split("fn ").skip(1);
            names.extend(
                functions.filter_map(|rest| Some(rest.split_once('(')?.0.trim().to_owned())),
            );
        }
        names.retain(|name| rhai::is_valid_identifier(name));
        names.sort();
        names.dedup();
        names
    }
}

/// The same script with its constants exported.
fn exporting(ast: &AST) -> AST {
    let statements = ast.statements().iter().cloned().map(|statement| match statement {
        Stmt::Var(variable, flags, position) if flags.contains(ASTFlags::CONSTANT) => {
            Stmt::Var(variable, flags | ASTFlags::EXPORTED, position)
        }
        other => other,
    });
    let mut exporting = AST::new(statements, ast.shared_lib().clone());
    if let Some(source) = ast.source() {
        exporting.set_source(source);
    }
    exporting
}

/// Whether an input is wrong only because it has not come to its end.
fn is_incomplete(error: &ParseError, input: &str) -> bool {
    let ParseError(kind, position) = error;
    let lines: Vec<&str> = input.trim_end().lines().collect();
    let last = lines.last().map_or(0, |line| line.chars().count());
    let at_end = position.is_none()
        || position.line().is_some_and(|line| {
            line > lines.len()
                || line == lines.len() && position.position().is_some_and(|at| at > last)
        });
    let unclosed = matches!(&**kind, ParseErrorType::BadInput(lex) if lex.to_string().contains("terminated"))
        && input.matches('`').count() % 2 == 1;
    unclosed || at_end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new(PathBuf::from(env!("CARGO_MANIFEST_DIR"))).expect("a session")
    }

    #[test]
    fn an_input_goes_on_until_it_is_closed() {
        let mut session = session();
        for input in [
            "fn f(x) {",
            "let x = ",
            "[1, 2",
            "#{ a: 1,",
            "if true { 1 } else",
            "f(1,",
            "1 +",
            "`a",
            "fn f(x) {\n  x +",
            "switch 1 {\n  1 => 2,",
            "[1].map(|x| {",
        ] {
            assert!(matches!(session.take(input, false), Answer::Incomplete), "{input}");
            assert!(matches!(session.take(input, true), Answer::Error(_)), "{input}");
        }
        assert!(matches!(session.take("/* a", false), Answer::Incomplete));
        for input in ["let = 1", "}", "1 1", "fn 1() {}", "\"a"] {
            assert!(matches!(session.take(input, false), Answer::Error(_)), "{input}");
        }
    }
}
