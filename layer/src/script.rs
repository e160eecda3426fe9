//! What can be known about a script without running it: its functions and its imports.

use std::thread;

use rhai::{AST, ASTNode, Engine, Expr, FnAccess, OptimizationLevel, Position, Stmt};

use crate::excerpt::excerpt;
use crate::failure::Failure;
use crate::format::without_documentation;
use crate::parsing::Deadline;
use crate::task_files::{self, Include, Read};

/// Deeper expressions than any limit the runtime may be given, with a stack to match.
const MAX_EXPRESSION_DEPTH: usize = 512;
const PARSER_STACK: usize = 256 << 20;

/// A script that parses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) functions: Vec<Function>,
    pub(crate) imports: Vec<Import>,
    /// The files that it is seen to read.
    pub(crate) reads: Vec<Read>,
    /// The files that it says it needs.
    pub(crate) includes: Vec<Include>,
}

/// A function of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) is_private: bool,
}

/// An `import` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// The path, if it is written out and not computed.
    pub(crate) path: Option<String>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// It runs when the script is loaded, not when a function is called.
    pub(crate) at_top_level: bool,
}

/// Why a script does not parse, and where; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Script {
    /// Parses a script. `name` is what it is called in messages.
    pub(crate) fn parse(name: &str, source: &str) -> Result<Script, Failure> {
        Script::read(source)?.map_err(|SyntaxError { message, line, column }| {
            let excerpt = excerpt(source, line, column).replace('\n', "\n  ");
            Failure::usage(format!(
                "syntax error in {name}:{line}:{column}: {message}\n  {excerpt}"
            ))
        })
    }

    /// Parses a script; the failure is the parser's own.
    pub(crate) fn read(source: &str) -> Result<Result<Script, SyntaxError>, Failure> {
        // The parser recurses with the script's nesting, for which a thread's usual stack is short.
        let parsed = thread::scope(|scope| {
            let parser = thread::Builder::new().stack_size(PARSER_STACK);
            let parser = parser.spawn_scoped(scope, || parse(source));
            parser.map(|parser| parser.join())
        });
        match parsed {
            Ok(Ok(parsed)) => Ok(parsed.map_err(|(message, position)| {
                let (line, column) = place(position, source);
                SyntaxError { message, line, column }
            })),
            Ok(Err(_)) => Err(Failure::broken("the parser failed on this script")),
            Err(error) => Err(Failure::broken(format!("cannot start the parser: {error}"))),
        }
    }

    /// Checks that a function can be a handler. The error says why not.
    pub(crate) fn check_handler(&self, function: &str) -> Result<(), String> {
        let named: Vec<_> = self.functions.iter().filter(|f| f.name == function).collect();
        let fits = |f: &&&Function| matches!(f.parameters.len(), 1 | 2);
        let expected = format!("`fn {function}(event, context)` or `fn {function}(event)`");
        match (named.iter().find(fits), named.first()) {
            (Some(found), _) if found.is_private => {
                Err(format!("`{function}` is private; take `private` away"))
            }
            (Some(_), _) => Ok(()),
            (None, Some(found)) => {
                let count = found.parameters.len();
                let plural = if count == 1 { "" } else { "s" };
                Err(format!(
                    "`{function}` takes {count} parameter{plural}; a handler is {expected}"
                ))
            }
            (None, None) => {
                let mut all: Vec<_> = self.functions.iter().map(Function::signature).collect();
                all.sort();
                let has = match all.len() {
                    0 => "it has no functions".to_owned(),
                    _ => format!("it has {}", all.join(", ")),
                };
                Err(format!("there is no {expected}; {has}"))
            }
        }
    }
}

impl Function {
    fn signature(&self) -> String {
        format!("`{}({})`", self.name, self.parameters.join(", "))
    }
}

fn parse(source: &str) -> Result<Script, (String, Position)> {
    let mut engine = Engine::new_raw();
    let deadline = Deadline::of(&mut engine);
    // What the optimiser takes away may still be run: a branch of another version, for one.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH);
    let ast = deadline.compile(&engine, &without_documentation(source));
    let ast = ast.map_err(|error| (error.err_type().to_string(), error.position()))?;
    let functions =
        ast.iter_functions().filter(|f| !f.name.starts_with("anon$")).map(|function| Function {
            name: function.name.to_owned(),
            parameters: function.params.iter().map(|name| (*name).to_owned()).collect(),
            is_private: function.access == FnAccess::Private,
        });
    let mut imports = imports(&ast.clone_statements_only(), true);
    imports.extend(self::imports(&ast.clone_functions_only(), false));
    imports.sort_by_key(|import| (import.line, import.column));
    let (reads, includes) = (task_files::reads(&ast), task_files::includes(source));
    Ok(Script { functions: functions.collect(), imports, reads, includes })
}

fn imports(ast: &AST, at_top_level: bool) -> Vec<Import> {
    let mut imports = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last() {
            let path = match &import.0 {
                Expr::StringConstant(path, _) => Some(path.to_string()),
                _ => None,
            };
            let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(0));
            imports.push(Import { path, line, column, at_top_level });
        }
        true
    });
    imports
}

/// Line and column; the end of the source where the parser has none.
fn place(position: Position, source: &str) -> (usize, usize) {
    match (position.line(), position.position()) {
        (Some(line), column) => (line, column.unwrap_or(1)),
        (None, _) => {
            let last = source.lines().last().unwrap_or_default();
            (source.lines().count().max(1), last.chars().count() + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(source: &str) -> Script {
        Script::parse("a.rhai", source).expect("it parses")
    }

    #[test]
    fn imports_are_found_wherever_they_stand() {
        let script = parsed(
            "import \"lib/money\" as money;\n\
             fn handler(event) {\n\
                 if event.x { import \"inside\" as i; }\n\
                 event.list.map(|x| { import \"closure\" as c; c::f(x) })\n\
             }\n\
             if false { import \"dead\" as d; }\n\
             let name = \"n\"; import `lib/${name}` as n;\n\
             switch 1 { 1 => { import \"switched\" as s; } _ => () }\n\
             let v = { import \"block\" as b; 1 };\n\
             try { import \"tried\" as t; } catch { import \"caught\" as c; }",
        );
        let found: Vec<_> = script
            .imports
            .iter()
            .map(|import| (import.path.as_deref(), import.line, import.at_top_level))
            .collect();
        let expected = [
            (Some("lib/money"), 1, true),
            (Some("inside"), 3, false),
            (Some("closure"), 4, false),
            (Some("dead"), 6, true),
            (None, 7, true),
            (Some("switched"), 8, true),
            (Some("block"), 9, true),
            (Some("tried"), 10, true),
            (Some("caught"), 10, true),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_runtime_takes_is_taken() {
        let script = parsed("fn handler(event) { log::debug(event); debug(event) }");
        assert_eq!(script.functions.len(), 1);
        let script = parsed("#!/usr/bin/rhai\n/// a\nconst A = 1; /** b */ fn f() { /// c\nA }");
        assert_eq!(script.functions.len(), 1);
    }

    #[test]
    fn a_handler_is_public_and_takes_one_or_two_parameters() {
        for (source, expected) in [
            ("fn handler(event, context) {}", Ok(())),
            ("fn handler(event) {}", Ok(())),
            ("fn handler() {} fn handler(a) {}", Ok(())),
            (
                "fn handler() {}",
                Err("`handler` takes 0 parameters; a handler is \
                     `fn handler(event, context)` or `fn handler(event)`"),
            ),
            ("private fn handler(event) {}", Err("`handler` is private; take `private` away")),
            (
                "fn main(a) { |x| x } fn help() {}",
                Err("there is no `fn handler(event, context)` or `fn handler(event)`; \
                     it has `help()`, `main(a)`"),
            ),
        ] {
            let result = parsed(source).check_handler("handler");
            assert_eq!(result, expected.map_err(str::to_owned), "{source}");
        }
    }

    #[test]
    fn a_syntax_error_names_its_place_and_shows_it() {
        let failure = Script::parse("lib/a.rhai", "let x = 1;\nlet y = (x + ;").expect_err("bad");
        let lines: Vec<&str> = failure.message.lines().collect();
        assert!(lines[0].starts_with("syntax error in lib/a.rhai:2:14: "), "{}", lines[0]);
        assert_eq!(&lines[1..], ["    |", "  2 | let y = (x + ;", "    |              ^"]);
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let nested = format!("let x = {}1{};", "(".repeat(200), ")".repeat(200));
        assert!(Script::parse("a.rhai", &nested).is_ok());
        let nested = format!("let x = {}1{};", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Script::parse("a.rhai", &nested).is_err());
    }
}
