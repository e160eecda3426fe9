//! What is wrong with scripts, found without running them.
//!
//! ```text
//! project      the scripts and what they import, parsed
//! table        what the engine knows: functions, modules, how many arguments they take
//! walk         names in each script against the table, the scopes and the other scripts
//! shape        paths of the event against the events that its trigger sends
//! permissions  what is reached against what is declared
//! traps        what Rhai does otherwise than one expects
//! syntax       what was meant where a script does not parse
//! allowed      what a comment says is meant as it is
//! rules        all codes, with a page on each
//! report       the same problems for people, programs and code hosts
//! ```

mod allowed;
mod permissions;
mod problem;
mod project;
pub(crate) mod report;
pub(crate) mod rules;
mod shape;
mod syntax;
mod table;
mod traps;
mod walk;

use std::path::Path;
use std::thread;

use crate::failure::Failure;
pub(crate) use problem::{Problem, Severity};
pub(crate) use project::{not_utf8, place, syntax_error};

/// What to check.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Scripts by their paths below the root, with `/` between folders.
    pub(crate) scripts: Vec<String>,
    /// Those that were named one by one, and the functions that have to be their handlers.
    pub(crate) named: Vec<(String, String)>,
    /// Import paths that a layer provides.
    pub(crate) external: Vec<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Sorted by place.
    pub(crate) problems: Vec<Problem>,
    /// The texts of the scripts by their paths, for excerpts.
    pub(crate) sources: std::collections::HashMap<String, String>,
}

/// A stack to match scripts that are nested as deep as the parser takes them.
const STACK: usize = 256 << 20;

/// Checks scripts below a root, and what they import.
pub(crate) fn check(root: &Path, request: &Request) -> Result<Findings, Failure> {
    let result = thread::scope(|scope| {
        let checker = thread::Builder::new().stack_size(STACK);
        checker.spawn_scoped(scope, || run(root, request)).map(|checker| checker.join())
    });
    match result {
        Ok(Ok(findings)) => findings,
        Ok(Err(_)) => Err(Failure::broken("the checker failed")),
        Err(error) => Err(Failure::broken(format!("cannot start the checker: {error}"))),
    }
}

fn run(root: &Path, request: &Request) -> Result<Findings, Failure> {
    let table = table::Table::of_the_engine()?;
    let project = project::Project::read(root, request, &table)?;
    let mut problems = project.problems.clone();
    let has_tests = project.files.values().any(|file| file.is_test());
    let of_tests = if has_tests { Some(table::Table::of_tests()?) } else { None };
    for file in project.files.values() {
        let known = of_tests.as_ref().filter(|_| file.is_test()).unwrap_or(&table);
        problems.extend(walk::check(file, &project, known));
        problems.extend(traps::check(file, &project, known));
        if file.is_test() {
            problems.extend(permissions::check_other(file));
            continue;
        }
        problems.extend(project.missing_handler(file, request));
        if project.is_imported_by_functions(file) || project.is_module(file) {
            problems.extend(permissions::check_other(file));
        } else {
            problems.extend(permissions::check(file, &project));
        }
        if !project.is_module(file) {
            problems.extend(shape::check(file, root, &table));
        }
    }
    for file in project.files.values() {
        allowed::apply(file, &mut problems);
    }
    problems.sort();
    problems.dedup();
    let files = project.files.into_values();
    let sources = files.map(|file| (file.path, file.source)).chain(project.broken).collect();
    Ok(Findings { problems, sources })
}

/// Every name that a script can use without defining it: functions, and `module::function`.
pub(crate) fn known_names() -> Result<Vec<String>, Failure> {
    let table = table::Table::of_the_engine()?;
    let functions = table.functions.keys().filter(|name| rhai::is_valid_identifier(name)).cloned();
    let modules = table.modules.iter();
    let of_modules = modules.flat_map(|(module, functions)| {
        functions.keys().map(move |name| format!("{module}::{name}"))
    });
    Ok(functions.chain(of_modules).collect())
}
