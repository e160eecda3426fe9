//! What the engine knows: its functions by name and number of arguments, and its modules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// What kind of value something is, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Char,
    Int,
    Float,
    Bool,
    Array,
    Map,
    Blob,
    Range,
    Closure,
    /// `()`.
    Unit,
    /// A type of the library, or of the engine.
    Other,
}

/// One way to call a function: nothing where it takes or gives a value of any kind.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) takes: Vec<Option<Kind>>,
    pub(crate) gives: Option<Kind>,
}

/// Everything a script finds at hand.
pub(crate) struct Table {
    pub(crate) engine: Engine,
    deadline: Deadline,
    pub(crate) functions: Functions,
    pub(crate) modules: BTreeMap<String, Functions>,
    /// Functions of no module, by their names; of a module, by `module::name`.
    signatures: HashMap<String, Vec<Signature>>,
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
        let mut signatures = HashMap::new();
        describe("", &described["functions"], &mut signatures);
        for (name, module) in described["modules"].as_object().into_iter().flatten() {
            describe(&format!("{name}::"), &module["functions"], &mut signatures);
        }
        let modules = described["modules"].as_object().into_iter().flatten();
        let modules = modules
            .map(|(name, module)| (name.clone(), described_functions(&module["functions"])))
            .collect();
        Ok(Table { engine, deadline, functions: table_functions, modules, signatures })
    }

    /// The ways to call a function with what is known of its arguments; none where one of them is not
    /// known. The receiver of a method is its first argument.
    pub(crate) fn signatures(&self, name: &str, arguments: &[Option<Kind>]) -> Vec<&Signature> {
        let all = self.signatures.get(name).into_iter().flatten();
        let fits = |signature: &&Signature| {
            let mut pairs = signature.takes.iter().zip(arguments);
            signature.takes.len() == arguments.len()
                && pairs.all(|(takes, given)| match (takes, given) {
                    // A method may be called by its name.
                    (Some(Kind::Closure), Some(Kind::Text)) | (None, _) | (_, None) => true,
                    (Some(takes), Some(given)) => takes == given,
                })
        };
        all.filter(fits).collect()
    }

    /// The signatures of all functions of no module.
    #[cfg(test)]
    pub(crate) fn all_signatures(&self) -> impl Iterator<Item = (&str, &Signature)> {
        let own = self.signatures.iter().filter(|(name, _)| !name.contains("::"));
        own.flat_map(|(name, all)| all.iter().map(move |signature| (name.as_str(), signature)))
    }

    /// What a function gives, if that is the same for all that may be meant.
    pub(crate) fn gives(&self, name: &str, arguments: &[Option<Kind>]) -> Option<Kind> {
        let fitting = self.signatures(name, arguments);
        let first = fitting.first()?.gives?;
        fitting.iter().all(|signature| signature.gives == Some(first)).then_some(first)
    }

    /// Whether a function changes the value that it is called on, a text, array, map or blob, and gives
    /// `()`.
    pub(crate) fn is_in_place(&self, name: &str, arguments: &[Option<Kind>]) -> bool {
        let fitting = self.signatures(name, arguments);
        let changes = |kind: Option<Kind>| {
            matches!(kind, Some(Kind::Text | Kind::Char | Kind::Array | Kind::Map | Kind::Blob))
        };
        // What the closure of `for_each` changes is its own matter.
        name != "for_each"
            && !fitting.is_empty()
            && fitting.iter().all(|signature| {
                signature.gives == Some(Kind::Unit)
                    && changes(signature.takes.first().copied().flatten())
            })
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

/// Types that scripts do not have: the engine knows functions of them all the same.
const FOREIGN: [&str; 9] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "f32", "128"];

/// Adds the signatures of functions by their names behind a prefix.
fn describe(prefix: &str, described: &Value, all: &mut HashMap<String, Vec<Signature>>) {
    for function in described.as_array().into_iter().flatten() {
        let name = format!("{prefix}{}", function["name"].as_str().unwrap_or_default());
        let count = function["numParams"].as_u64().unwrap_or_default() as usize;
        let types: Vec<&str> = function["params"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| parameter["type"].as_str().unwrap_or_default())
            .collect();
        // Without its parameters nothing is known of what it gives, either.
        if types.len() != count
            || types.iter().any(|name| FOREIGN.iter().any(|it| name.contains(it)))
        {
            continue;
        }
        let gives = match function["returnType"].as_str().unwrap_or_default() {
            "" => Some(Kind::Unit),
            name => kind_of(name),
        };
        let takes = types.into_iter().map(kind_of).collect();
        all.entry(name).or_default().push(Signature { takes, gives });
    }
}

/// The kind that the engine's name of a type stands for; nothing for any.
fn kind_of(name: &str) -> Option<Kind> {
    let name = name.trim().trim_start_matches('&').trim_start_matches("mut ").trim();
    // Such as `core::result::Result<alloc::vec::Vec<…>, alloc::boxed::Box<…>>`.
    for wrapper in ["Fallible<", "Bounded<", "RhaiResultOf<", "Result<"] {
        if let Some((_, inner)) = name.split_once(wrapper) {
            let inner = inner.strip_suffix('>').unwrap_or(inner);
            let end =
                inner.find("Box<").map_or(inner.len(), |at| inner[..at].rfind(',').unwrap_or(at));
            return kind_of(&inner[..end]);
        }
    }
    if let Some((outer, inner)) = name.split_once('<') {
        let inner = inner.strip_suffix('>').unwrap_or(inner);
        return match outer.rsplit("::").next().unwrap_or(outer) {
            "Vec" if inner == "u8" => Some(Kind::Blob),
            "Vec" => Some(Kind::Array),
            "BTreeMap" => Some(Kind::Map),
            "Range" | "RangeInclusive" => Some(Kind::Range),
            _ => Some(Kind::Other),
        };
    }
    match name.rsplit("::").next().unwrap_or(name) {
        "" | "?" | "Dynamic" | "RhaiResult" => None,
        "()" => Some(Kind::Unit),
        "ImmutableString" | "String" | "str" | "string" | "Text" => Some(Kind::Text),
        "char" => Some(Kind::Char),
        "INT" | "i64" | "int" => Some(Kind::Int),
        "FLOAT" | "f64" | "float" => Some(Kind::Float),
        "bool" => Some(Kind::Bool),
        "Array" | "array" => Some(Kind::Array),
        "Map" | "map" => Some(Kind::Map),
        "Blob" | "blob" => Some(Kind::Blob),
        "FnPtr" | "Fn" => Some(Kind::Closure),
        "ExclusiveRange" | "InclusiveRange" | "range" | "range=" => Some(Kind::Range),
        _ => Some(Kind::Other),
    }
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
        use Kind::{Array, Bool, Closure, Int, Map, Text, Unit};
        for (name, arguments, gives) in [
            ("trim", &[None][..], Some(Unit)),
            ("sort", &[None, Some(Closure)], Some(Unit)),
            ("sort_by", &[None, Some(Closure)], Some(Unit)),
            ("sort_by", &[None, None], None),
            ("replace", &[None, Some(Text), Some(Text)], Some(Unit)),
            ("remove", &[None, None], None),
            ("to_upper", &[Some(Text)], Some(Text)),
            ("len", &[None], Some(Int)),
            ("contains", &[None, None], Some(Bool)),
            ("split", &[Some(Text), Some(Text)], Some(Array)),
            ("merge", &[Some(Map), None], Some(Map)),
            ("text::trim_start", &[], None),
        ] {
            assert_eq!(table.gives(name, arguments), gives, "{name} {arguments:?}");
        }
        for (name, arguments) in
            [("trim", &[None][..]), ("push", &[None, None]), ("insert", &[None, None, None])]
        {
            assert!(table.is_in_place(name, arguments), "{name}");
        }
        for (name, arguments) in
            [("pop", &[None][..]), ("len", &[None]), ("print", &[None]), ("sleep", &[None])]
        {
            assert!(!table.is_in_place(name, arguments), "{name}");
        }
        for (module, name, count) in [("http", "get", 1), ("log", "debug", 2), ("batch", "each", 2)]
        {
            let counts = table.modules.get(module).and_then(|module| module.get(name));
            assert!(counts.is_some_and(|counts| takes(counts, count)), "{module}::{name}");
        }
    }
}
