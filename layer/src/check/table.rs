//! What the engine knows: its functions by name and number of arguments, and its modules.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, Engine, OptimizationLevel, ParseError};
use rhambda_runtime::config::Limits;
use rhambda_runtime::engine;
use rhambda_runtime::error::InitError;
use serde_json::Value;

use crate::failure::Failure;
use crate::format::without_documentation;
use crate::parsing::Deadline;
use crate::testing::functions;

/// Deeper expressions than any limit the runtime may be given.
const MAX_EXPRESSION_DEPTH: usize = 512;

/// Functions by their names, with the numbers of arguments they take.
pub(crate) type Functions = BTreeMap<String, BTreeSet<usize>>;

/// Everything a script finds at hand.
pub(crate) struct Table {
    pub(crate) engine: Engine,
    deadline: Deadline,
    pub(crate) functions: Functions,
    pub(crate) modules: BTreeMap<String, Functions>,
}

/// What the engine itself sees to where it stands in a script; `usize::MAX` is any number.
const KEYWORDS: [(&str, &[usize]); 11] = [
    ("print", &[0, 1]),
    ("debug", &[0, 1]),
    ("type_of", &[1]),
    ("eval", &[1]),
    ("Fn", &[1]),
    ("call", &[usize::MAX]),
    ("curry", &[usize::MAX]),
    ("is_shared", &[1]),
    ("is_def_fn", &[2, 3]),
    ("is_def_var", &[1]),
    ("is_anonymous", &[1]),
];

impl Table {
    /// Asks the engine that `bootstrap` has.
    pub(crate) fn of_the_engine() -> Result<Table, Failure> {
        Self::of(|_| ())
    }

    /// Asks the engine that tests have.
    pub(crate) fn of_tests() -> Result<Table, Failure> {
        Self::of(functions::register)
    }

    fn of(teach: impl FnOnce(&mut Engine)) -> Result<Table, Failure> {
        let limits = Limits::standard().map_err(|InitError(report)| {
            Failure::broken(format!("the engine cannot be set up: {}", report.message))
        })?;
        let mut engine = engine::whole(&limits);
        teach(&mut engine);
        // What the optimiser takes away may still be run: a branch of another version, for one.
        engine.set_optimization_level(OptimizationLevel::None);
        engine.set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH);
        let deadline = Deadline::of(&mut engine);
        let unknown =
            |error| Failure::broken(format!("the engine does not say its functions: {error}"));
        let described = engine.gen_fn_metadata_to_json(true).map_err(unknown)?;
        let described: Value = serde_json::from_str(&described).map_err(unknown)?;
        let mut table_functions = described_functions(&described["functions"]);
        for (name, counts) in KEYWORDS {
            table_functions.entry(name.to_owned()).or_default().extend(counts);
        }
        let modules = described["modules"].as_object().into_iter().flatten();
        let modules = modules
            .map(|(name, module)| (name.clone(), described_functions(&module["functions"])))
            .collect();
        Ok(Table { engine, deadline, functions: table_functions, modules })
    }

    /// Parses a script as `bootstrap` does.
    pub(crate) fn parse(&self, source: &str) -> Result<AST, ParseError> {
        self.deadline.compile(&self.engine, &without_documentation(source))
    }
}

fn described_functions(described: &Value) -> Functions {
    let mut functions = Functions::new();
    for function in described.as_array().into_iter().flatten() {
        let name = function["name"].as_str().unwrap_or_default();
        let count = function["numParams"].as_u64().unwrap_or_default() as usize;
        functions.entry(name.to_owned()).or_default().insert(count);
    }
    functions
}

/// Whether a function with these counts can be called so.
pub(crate) fn takes(counts: &BTreeSet<usize>, count: usize) -> bool {
    counts.contains(&count) || counts.contains(&usize::MAX)
}

/// Counts as people say them: `1 or 2 arguments`.
pub(crate) fn said(counts: impl IntoIterator<Item = usize>) -> String {
    let counts: BTreeSet<usize> = counts.into_iter().collect();
    let last = counts.iter().next_back().copied().unwrap_or_default();
    let texts: Vec<String> = counts.iter().map(usize::to_string).collect();
    let numbers = match texts.as_slice() {
        [] | [_] => texts.join(""),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    format!("{numbers} argument{}", if last == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_said_in_words() {
        for (counts, expected) in [
            (&[1][..], "1 argument"),
            (&[0], "0 arguments"),
            (&[2, 1], "1 or 2 arguments"),
            (&[1, 2, 4], "1, 2 or 4 arguments"),
        ] {
            assert_eq!(said(counts.iter().copied()), expected);
        }
    }

    #[test]
    fn the_engine_says_what_it_knows() {
        let table = Table::of_the_engine().expect("it can be asked");
        for (name, count) in
            [("filter", 2), ("len", 1), ("remaining_ms", 1), ("sum_by", 2), ("pad", 3)]
        {
            assert!(table.functions.get(name).is_some_and(|counts| takes(counts, count)), "{name}");
        }
        for (module, name, count) in [("http", "get", 1), ("log", "debug", 2), ("batch", "each", 2)]
        {
            let counts = table.modules.get(module).and_then(|module| module.get(name));
            assert!(counts.is_some_and(|counts| takes(counts, count)), "{module}::{name}");
        }
    }
}
