//! The scripts that are checked together, and what they import.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::string::FromUtf8Error;

use rhai::{
    AST, ASTFlags, ASTNode, Expr, FnAccess, Module, ParseError, Position, ScriptFuncDef, Shared,
    Stmt,
};
use rhambda_runtime::suggest::nearest;

use super::Request;
use super::problem::Problem;
use super::table::{Functions, Table, said};
use crate::bundle::normalised;
use crate::failure::Failure;
use crate::source_file;

/// A script that parses.
pub(crate) struct File {
    /// Its path below the root.
    pub(crate) path: String,
    pub(crate) source: String,
    pub(crate) ast: AST,
    pub(crate) functions: Vec<Function>,
    /// Where the functions of each name are among them.
    named: HashMap<String, Vec<usize>>,
    /// The names that others see behind the module's: exported variables.
    pub(crate) exports: HashSet<String>,
    /// The constants of its top level.
    pub(crate) constants: BTreeMap<String, Position>,
    /// The imports of its top level by their names.
    pub(crate) imports: BTreeMap<String, Import>,
    /// What the paths of its imports lead to, wherever they stand.
    pub(crate) targets: BTreeMap<String, Import>,
    /// Names of properties and keys: what is called like one may be a closure in a map.
    pub(crate) keys: HashSet<String>,
    /// Those among them that are set to something that may be a closure.
    pub(crate) closures: HashSet<String>,
    /// Names of functions that are called so that they see the caller's variables: `f!()`.
    pub(crate) capturing: HashSet<String>,
    /// It has code that is only known when it runs.
    pub(crate) evaluates: bool,
}

/// A function with its statements.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) parameters: Vec<String>,
    pub(crate) is_private: bool,
    pub(crate) statements: Vec<Stmt>,
    /// Where its body begins.
    pub(crate) start: Position,
    /// It is a method of this type: `fn int.doubled()`.
    pub(crate) of_type: Option<String>,
    /// It is written to be a method.
    pub(crate) uses_this: bool,
}

impl Function {
    pub(crate) fn is_closure(&self) -> bool {
        self.name.starts_with("anon$")
    }
}

/// What an `import` leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Import {
    /// A script of the project, by its path.
    File(String),
    /// Something that cannot be looked into: computed, of a layer, or broken.
    Unknown,
}

/// The scripts, by their paths.
pub(crate) struct Project {
    pub(crate) files: BTreeMap<String, File>,
    /// Paths of scripts that others import.
    imported: BTreeSet<String>,
    /// The functions of scripts that are no modules, which all others see as well, by their names
    /// with their numbers of parameters.
    pub(crate) of_mains: Functions,
    /// What is wrong with whole files.
    pub(crate) problems: Vec<Problem>,
    /// The texts of those that do not parse.
    pub(crate) broken: Vec<(String, String)>,
    external: Vec<String>,
}

impl Project {
    pub(crate) fn read(root: &Path, request: &Request, table: &Table) -> Result<Project, Failure> {
        let mut project = Project {
            files: BTreeMap::new(),
            imported: BTreeSet::new(),
            of_mains: Functions::new(),
            problems: Vec::new(),
            broken: Vec::new(),
            external: request.external.clone(),
        };
        let mut waiting = request.scripts.clone();
        let mut seen = HashSet::new();
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let Some(source) = project.text(root, &path)? else { continue };
            match table.parse(&source) {
                Ok(ast) => {
                    let file = project.look(root, path.clone(), source, ast);
                    for import in file.targets.values() {
                        if let Import::File(path) = import {
                            project.imported.insert(path.clone());
                            waiting.push(path.clone());
                        }
                    }
                    project.files.insert(path, file);
                }
                Err(error) => {
                    project.problems.push(syntax_error(&path, &source, &error));
                    project.broken.push((path, source));
                }
            }
        }
        let is_main = |file: &&File| !file.is_test() && !project.imported.contains(&file.path);
        let mains = project.files.values().filter(is_main);
        let functions = mains.flat_map(|file| &file.functions);
        let mut of_mains = Functions::new();
        for function in functions.filter(|function| !function.is_closure()) {
            of_mains.entry(function.name.clone()).or_default().insert(function.parameters.len());
        }
        project.of_mains = of_mains;
        project.find_circles();
        Ok(project)
    }

    /// The text of a script; nothing if it is no text, which is a problem of its own.
    fn text(&mut self, root: &Path, path: &str) -> Result<Option<String>, Failure> {
        let bytes = source_file::read(&root.join(path))
            .map_err(|error| Failure::reading(&root.join(path), &error))?;
        match String::from_utf8(bytes) {
            Ok(mut text) => {
                if let Some(rest) = text.strip_prefix('\u{feff}') {
                    text = rest.to_owned();
                }
                if text.starts_with("#!") {
                    text.replace_range(..2, "//");
                }
                Ok(Some(text))
            }
            Err(error) => {
                self.problems.push(not_utf8(path, &error));
                Ok(None)
            }
        }
    }

    fn look(&mut self, root: &Path, path: String, source: String, ast: AST) -> File {
        let mut keys = HashSet::new();
        let mut closures = HashSet::new();
        let mut capturing = HashSet::new();
        let mut evaluates = false;
        let mut imports = Vec::new();
        ast.walk(&mut |nodes: &[ASTNode]| {
            match nodes.last() {
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    keys.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
                    let may_be = map.0.iter().filter(|(_, value)| may_be_closure(value));
                    closures.extend(may_be.map(|(key, _)| key.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Some(name) = last_name(&assignment.1.lhs) {
                        if may_be_closure(&assignment.1.rhs) {
                            closures.insert(name);
                        }
                    }
                }
                Some(ASTNode::Expr(Expr::Property(property, _))) => {
                    keys.insert(property.2.to_string());
                }
                Some(
                    ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) => {
                    evaluates |= call.name == "eval";
                    if call.capture_parent_scope {
                        capturing.insert(call.name.to_string());
                    }
                }
                Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                    if let Expr::StringConstant(path, position) = &import.0 {
                        imports.push((path.to_string(), *position));
                    }
                }
                _ => {}
            }
            true
        });
        let mut targets = BTreeMap::new();
        for (text, position) in imports {
            let import = self.target(root, &text).unwrap_or_else(|(message, help)| {
                let problem = Problem::error(&path, "import", message).help(help);
                self.problems.push(problem.at(position, text.chars().count() + 2));
                Import::Unknown
            });
            targets.insert(text, import);
        }
        let top: Vec<&Stmt> = ast.statements().iter().collect();
        let functions: Vec<Function> = ast.iter_fn_def().map(function).collect();
        let mut named: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, function) in functions.iter().enumerate() {
            named.entry(function.name.clone()).or_default().push(index);
        }
        let mut file = File {
            functions,
            named,
            exports: HashSet::new(),
            constants: BTreeMap::new(),
            imports: BTreeMap::new(),
            targets,
            keys,
            closures,
            capturing,
            evaluates,
            source,
            path,
            ast: AST::empty(),
        };
        for statement in top {
            match statement {
                Stmt::Var(variable, flags, position) => {
                    let name = variable.0.name.to_string();
                    if flags.contains(ASTFlags::EXPORTED) {
                        file.exports.insert(name.clone());
                    }
                    if flags.contains(ASTFlags::CONSTANT) {
                        let position =
                            if variable.0.pos.is_none() { *position } else { variable.0.pos };
                        file.constants.insert(name, position);
                    }
                }
                Stmt::Export(names, _) => {
                    let (name, alias) = &**names;
                    let shown = if alias.name.is_empty() { name } else { alias };
                    file.exports.insert(shown.name.to_string());
                }
                Stmt::Import(import, _) => {
                    let target = file.target_of(&import.0);
                    file.imports.insert(import.1.name.to_string(), target);
                }
                _ => {}
            }
        }
        file.ast = ast;
        file
    }

    fn target(&self, root: &Path, path: &str) -> Result<Import, (String, String)> {
        if self.external.iter().any(|external| external == path) {
            return Ok(Import::Unknown);
        }
        let Some(plain) = normalised(path) else {
            let help = "a path is relative to the root, such as \"lib/money\"".to_owned();
            return Err((format!("`{path}` leads outside of the root"), help));
        };
        let with_extension = format!("{plain}.rhai");
        let candidates = if plain.ends_with(".rhai") {
            vec![plain, with_extension]
        } else {
            vec![with_extension]
        };
        match candidates.iter().find(|candidate| root.join(candidate).is_file()) {
            Some(found) => Ok(Import::File(found.clone())),
            None => Err((
                format!("there is no module `{path}`"),
                meant_module(root, path).unwrap_or_else(|| {
                    format!(
                        "`{}` is not in {}; if a layer has it: --external {path}",
                        candidates[0],
                        root.display()
                    )
                }),
            )),
        }
    }

    fn find_circles(&mut self) {
        let mut problems = Vec::new();
        for file in self.files.values() {
            let mut trail = vec![file.path.clone()];
            if self.leads_back(&file.path, &mut trail, &mut HashSet::new()) {
                // It is told once, at the first of them by name.
                if trail.iter().all(|path| *path >= file.path) {
                    let circle = trail.join(" -> ");
                    problems.push(Problem::error(
                        &file.path,
                        "import",
                        format!("circular import: {circle}"),
                    ));
                }
            }
        }
        self.problems.extend(problems);
    }

    fn leads_back(&self, to: &str, trail: &mut Vec<String>, seen: &mut HashSet<String>) -> bool {
        let Some(file) = trail.last().and_then(|last| self.files.get(last)) else { return false };
        for import in file.imports.values() {
            let Import::File(next) = import else { continue };
            if next == to {
                trail.push(next.clone());
                return true;
            }
            if seen.insert(next.clone()) {
                trail.push(next.clone());
                if self.leads_back(to, trail, seen) {
                    return true;
                }
                trail.pop();
            }
        }
        false
    }

    /// Whether a script is only there for others.
    pub(crate) fn is_module(&self, file: &File) -> bool {
        let in_library = file.path.split('/').rev().skip(1).any(|folder| folder == "lib");
        (in_library || self.imported.contains(&file.path)) && !file.has_handler()
    }

    /// Whether others than tests import it.
    pub(crate) fn is_imported_by_functions(&self, file: &File) -> bool {
        let import = Import::File(file.path.clone());
        let mut others = self.files.values().filter(|other| !other.is_test());
        others.any(|other| other.targets.values().any(|target| *target == import))
    }

    /// Whether something may be a closure in a map by its name.
    pub(crate) fn keys_have(&self, name: &str) -> bool {
        self.files.values().any(|file| file.closures.contains(name))
    }

    /// Whether functions see the constants by their plain names; those of imported modules do not.
    pub(crate) fn sees_constants(&self, file: &File) -> bool {
        !self.imported.contains(&file.path)
    }

    /// What keeps a script from being a function of Lambda.
    pub(crate) fn missing_handler(&self, file: &File, request: &Request) -> Option<Problem> {
        let named = request.named.iter().find(|(path, _)| *path == file.path);
        let name = named.map_or("handler", |(_, function)| function);
        let length = name.chars().count();
        let right = format!("a handler is `fn {name}(event, context)` or `fn {name}(event)`");
        let of_name: Vec<&Function> = file.functions_named(name).collect();
        if let Some(handler) = of_name.iter().find(|it| matches!(it.parameters.len(), 1 | 2)) {
            let problem = Problem::error(&file.path, "handler", format!("`{name}` is private"));
            let problem = problem.at(file.place_of(name, handler), length);
            return handler.is_private.then(|| problem.help("Lambda calls public functions only"));
        }
        if let Some(handler) = of_name.first() {
            let count = said([handler.parameters.len()]);
            let problem = Problem::error(&file.path, "handler", format!("`{name}` takes {count}"));
            return Some(problem.at(file.place_of(name, handler), length).help(right));
        }
        if self.is_module(file) || named.is_none() {
            return None;
        }
        let names: Vec<&str> = file.functions.iter().map(|it| it.name.as_str()).collect();
        let problem = Problem::error(&file.path, "handler", format!("there is no `fn {name}`"));
        match nearest(name, names.iter().copied()) {
            Some(near) => {
                let function = file.function(near)?;
                let problem = problem.at(file.place_of(near, function), near.chars().count());
                Some(problem.help(format!("is `{near}` meant? {right}")))
            }
            None => Some(problem.help(right)),
        }
    }
}

impl File {
    /// Whether it is for `rhambda test`, which brings functions of its own.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with(".test.rhai")
    }

    /// Whether the top level defines a variable or constant of this name.
    pub(crate) fn has_variable(&self, name: &str) -> bool {
        self.ast.statements().iter().any(
            |statement| matches!(statement, Stmt::Var(variable, ..) if variable.0.name == name),
        )
    }

    /// What an import of this path leads to.
    pub(crate) fn target_of(&self, path: &Expr) -> Import {
        let target = match path {
            Expr::StringConstant(text, _) => self.targets.get(text.as_str()),
            _ => None,
        };
        target.cloned().unwrap_or(Import::Unknown)
    }

    fn has_handler(&self) -> bool {
        self.functions.iter().any(|function| function.name == "handler")
    }

    /// The functions of this name; of closures, one.
    pub(crate) fn functions_named(&self, name: &str) -> impl Iterator<Item = &Function> {
        let places = self.named.get(name).into_iter().flatten();
        places.filter_map(|place| self.functions.get(*place))
    }

    /// The first of them.
    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.functions_named(name).next()
    }

    /// Where a function's name stands: at the last `fn NAME` before its body.
    pub(crate) fn place_of(&self, name: &str, function: &Function) -> Position {
        let last = function.start.line().unwrap_or(1);
        let wanted = format!("fn {name}");
        let lines = self.source.lines().enumerate().take(last);
        let found = lines.filter_map(|(index, line)| {
            let before = line.find(&wanted).map(|at| line[..at].chars().count())?;
            Some((index + 1, before + 4))
        });
        match found.last() {
            Some((line, column)) => place(line, column),
            None => function.start,
        }
    }
}

/// Whether a value may be a closure, by how it is written.
fn may_be_closure(value: &Expr) -> bool {
    matches!(value, Expr::DynamicConstant(..) | Expr::Stmt(_) | Expr::Variable(..))
}

/// The property that a chain ends with.
fn last_name(mut expression: &Expr) -> Option<String> {
    loop {
        match expression {
            Expr::Dot(parts, ..) | Expr::Index(parts, ..) => expression = &parts.rhs,
            Expr::Property(property, _) => return Some(property.2.to_string()),
            Expr::StringConstant(key, _) => return Some(key.to_string()),
            _ => return None,
        }
    }
}

/// A place by line and column, from 1.
pub(crate) fn place(line: usize, column: usize) -> Position {
    let number = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    Position::new(number(line).max(1), number(column))
}

fn function(definition: &Shared<ScriptFuncDef>) -> Function {
    let mut module = Module::new();
    module.set_script_fn(definition.clone());
    let mut statements = Vec::new();
    let mut uses_this = false;
    // The engine shows the statements only to those who walk over a script.
    AST::new([], module).walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        uses_this |= matches!(path.last(), Some(ASTNode::Expr(Expr::ThisPtr(_))));
        true
    });
    Function {
        name: definition.name.to_string(),
        parameters: definition.params.iter().map(ToString::to_string).collect(),
        is_private: definition.access == FnAccess::Private,
        statements,
        start: definition.body.start_position(),
        of_type: definition.this_type.as_ref().map(ToString::to_string),
        uses_this,
    }
}

/// The problem of a script that does not parse.
pub(crate) fn syntax_error(path: &str, source: &str, error: &ParseError) -> Problem {
    let position = at_end_if_none(error.position(), source);
    let message = sentence(&error.err_type().to_string());
    match super::syntax::meant(source, position, &message) {
        Some(meant) => {
            let message = meant.message.unwrap_or(message);
            Problem::error(path, meant.rule, message).at(position, meant.length).help(meant.help)
        }
        None => Problem::error(path, "syntax", message).at(position, 1),
    }
}

/// The problem of a script that is no text.
pub(crate) fn not_utf8(path: &str, error: &FromUtf8Error) -> Problem {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    Problem::error(path, "not-utf8", "the script is not UTF-8 text").at(place(line, 1), 1)
}

fn at_end_if_none(position: Position, source: &str) -> Position {
    if position.line().is_some() {
        return position;
    }
    let last = source.lines().last().unwrap_or_default();
    place(source.lines().count(), last.chars().count() + 1)
}

/// The engine's message as ours begin.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => message.to_owned(),
    }
}

fn meant_module(root: &Path, path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let entries = fs::read_dir(root.join(folder)).ok()?;
    let names: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".rhai").map(str::to_owned)
        })
        .collect();
    let near = nearest(name, names.iter().map(String::as_str))?;
    let near = if folder.is_empty() { near.to_owned() } else { format!("{folder}/{near}") };
    Some(format!("did you mean `{near}`?"))
}
