//! The references of the library and of what tests can call, and the definitions that editors read, by
//! what the engine itself knows about its functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use crate::language;

/// Other names of a method that says its text, for the engine's own use.
const SILENT: [&str; 3] = ["print", "debug", "to_debug"];

/// What the engine calls types, and how a script's author knows them.
const TYPES: [(&str, &str); 16] = [
    ("", "()"),
    ("Text", "string"),
    ("ImmutableString", "string"),
    ("String", "string"),
    ("str", "string"),
    ("Array", "array"),
    ("Map", "map"),
    ("Blob", "blob"),
    ("INT", "int"),
    ("i64", "int"),
    ("f64", "float"),
    ("FnPtr", "Fn"),
    ("FLOAT", "float"),
    ("Dynamic", "?"),
    ("Range<i64>", "range"),
    ("RangeInclusive<i64>", "range"),
];

/// Words of the language server's own, which no parameter in a definition can be called.
const RESERVED: &str = "var static goto exit match case public protected new use with module package \
    super spawn thread go sync async await yield default void null nil";

/// How a script calls what stands in no module.
#[derive(Clone, Copy, PartialEq)]
enum Global {
    /// As methods, properties and operators of values.
    OfValues,
    Functions,
}

/// A reference and the definitions of the same functions.
struct Reference {
    title: &'static str,
    source: &'static str,
    intro: String,
    global: Global,
    /// The two files that are written.
    page: &'static str,
    definitions: &'static str,
}

/// One way to call a function.
struct Function<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, String)>,
    gives: String,
    docs: String,
}

impl<'a> Function<'a> {
    /// `None` for an operator without docs, which speaks for itself.
    fn of(described: &'a Value) -> Option<Self> {
        let text = |value: &'a Value| value.as_str().unwrap_or_default();
        let parameters = described["params"].as_array().into_iter().flatten();
        let function = Self {
            name: text(&described["name"]),
            parameters: parameters
                .map(|parameter| (text(&parameter["name"]), plain_type(text(&parameter["type"]))))
                .collect(),
            gives: plain_type(text(&described["returnType"])),
            docs: plain_docs(&described["docComments"]),
        };
        let is_shown = !function.docs.is_empty();
        assert!(is_shown || function.is_operator(), "{} has no docs", function.name);
        is_shown.then_some(function)
    }

    /// Whether its name stands between its operands.
    fn is_operator(&self) -> bool {
        !self.name.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }

    /// As a script calls it.
    fn call(&self, module: Option<&str>, global: Global) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        match (module, names.split_first()) {
            (Some(module), _) => format!("{module}::{}({})", self.name, names.join(", ")),
            (None, _) if global == Global::Functions => {
                format!("{}({})", self.name, names.join(", "))
            }
            (None, Some((receiver, [right]))) if self.is_operator() => {
                format!("{receiver} {} {right}", self.name)
            }
            (None, Some((receiver, [index]))) if self.name == "index$get$" => {
                format!("{receiver}[{index}]")
            }
            (None, Some((receiver, [value]))) if self.name.starts_with("set$") => {
                format!("{receiver}.{} = {value}", &self.name["set$".len()..])
            }
            (None, Some((receiver, []))) if self.name.starts_with("get$") => {
                format!("{receiver}.{}", &self.name["get$".len()..])
            }
            (None, Some((receiver, rest))) => {
                format!("{receiver}.{}({})", self.name, rest.join(", "))
            }
            (None, None) => format!("{}()", self.name),
        }
    }

    /// By the grammar of the language server, which has no word for what brackets do.
    fn definition(&self, out: &mut String, indent: &str) {
        if self.name.starts_with("index$") {
            return;
        }
        for line in self.docs.lines() {
            let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
        }
        let is_operator = self.is_operator();
        let parameter = |(name, kind): &(&str, String)| {
            let is_reserved = RESERVED.split_whitespace().any(|reserved| reserved == *name);
            let after = if is_reserved { "_" } else { "" };
            if is_operator { kind.clone() } else { format!("{name}{after}: {kind}") }
        };
        let parameters = self.parameters.iter().map(parameter).collect::<Vec<_>>().join(", ");
        let name = match self.name.split_once('$') {
            Some((kind, property)) => format!("{kind} {property}"),
            None => self.name.to_owned(),
        };
        let (kind, gives) = (if is_operator { "op" } else { "fn" }, &self.gives);
        let _ = writeln!(out, "{indent}{kind} {name}({parameters}) -> {gives};\n");
    }
}

/// The name of a type without what only Rust needs: `Fallible<Array>` and `Bounded<Array>` are
/// arrays.
fn plain_type(name: &str) -> String {
    let name = name.trim().trim_start_matches('&').trim_start_matches("mut ");
    let inner = name.strip_prefix("Fallible<").or(name.strip_prefix("Bounded<"));
    let name = inner.map_or(name, |inner| inner.strip_suffix('>').unwrap_or(inner));
    let name = name.trim();
    TYPES
        .iter()
        .find_map(|(own, plain)| (*own == name).then_some(*plain))
        .unwrap_or(name)
        .to_owned()
}

/// Doc comments without their marks.
fn plain_docs(comments: &Value) -> String {
    let lines = comments.as_array().into_iter().flatten().filter_map(Value::as_str);
    lines
        .flat_map(str::lines)
        .map(|line| {
            let line = line.strip_prefix("///").or(line.strip_prefix("//!")).unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line)
        })
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

/// Functions under one heading of a reference, each as a script calls it.
fn section(
    page: &mut String,
    title: &str,
    docs: &str,
    all: &[Function],
    call: impl Fn(&Function) -> String,
) {
    let _ = writeln!(page, "\n## {title}\n");
    if !docs.is_empty() {
        let _ = writeln!(page, "{docs}\n");
    }
    for function in all {
        let gives = match function.gives.as_str() {
            "()" => String::new(),
            "?" => " → any value".to_owned(),
            gives => format!(" → {gives}"),
        };
        let _ = writeln!(page, "### `{}`{gives}\n", call(function));
        let _ = writeln!(page, "{}\n", function.docs);
    }
}

fn functions(described: &Value) -> Vec<Function<'_>> {
    let mut all: Vec<Function> =
        described.as_array().into_iter().flatten().filter_map(Function::of).collect();
    // The engine tells those of one name in an order that changes from build to build.
    all.sort_by(|one, other| {
        let one = (one.name, one.parameters.len(), &one.parameters);
        one.cmp(&(other.name, other.parameters.len(), &other.parameters))
    });
    all
}

impl Reference {
    /// Both files with their texts, by what an engine says of itself.
    fn files(&self, described: &str) -> [(&'static str, String); 2] {
        let described: Value = serde_json::from_str(described).expect("the engine says it in JSON");
        let mut page = format!(
            "# {}\n\n<!-- Written by `make docs` from the docs in {}. -->\n\n{}\n",
            self.title, self.source, self.intro
        );
        let mut definitions = String::from("module static;\n\n");

        let mut groups: BTreeMap<String, Vec<Function>> = BTreeMap::new();
        let global = functions(&described["functions"]).into_iter();
        for function in global.filter(|function| !SILENT.contains(&function.name)) {
            let receiver = function.parameters.first().map(|(_, kind)| kind.clone());
            let group = match self.global {
                Global::OfValues => receiver.unwrap_or_default(),
                Global::Functions => String::new(),
            };
            groups.entry(group).or_default().push(function);
        }
        for (receiver, functions) in &groups {
            let title = match (self.global, receiver.as_str()) {
                (Global::Functions, _) => "Without a module".to_owned(),
                (Global::OfValues, "" | "?") => "Of any value".to_owned(),
                (Global::OfValues, receiver) => format!("Of {} {receiver}", article(receiver)),
            };
            section(&mut page, &title, "", functions, |it| it.call(None, self.global));
            functions.iter().for_each(|function| function.definition(&mut definitions, ""));
        }
        for (name, module) in described["modules"].as_object().into_iter().flatten() {
            let functions = functions(&module["functions"]);
            if functions.is_empty() {
                continue;
            }
            let docs = plain_docs(&Value::from(vec![module["doc"].clone()]));
            let call = |it: &Function| it.call(Some(name), self.global);
            section(&mut page, &format!("`{name}`"), &docs, &functions, call);
            let _ = writeln!(definitions, "module {name} {{\n");
            functions.iter().for_each(|function| function.definition(&mut definitions, "    "));
            definitions.push_str("}\n\n");
        }

        [(self.page, page), (self.definitions, definitions)]
            .map(|(path, text)| (path, text.trim_end().to_owned() + "\n"))
    }
}

/// The files that `make docs` writes, by their paths below the repository, with their texts.
///
/// # Panics
/// When a function has no docs.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    let library = Reference {
        title: "The library",
        source: "runtime/src/library",
        intro:
            "What a script finds at hand beyond [Rhai's own functions](rhai.md). Each example is run by \
                the tests.\n\n**Names.** What changes the value it is called on is a verb, and gives `()` or what \
                it took out: `trim`, `replace`, `sort`, `reverse`, `truncate`. Its past participle leaves the \
                value as it is and gives a new one: `trimmed`, `replaced`, `sorted`, `reversed`, `truncated`. \
                Everything else, such as `join`, `split`, `repeat` or `round`, gives a new value. Only \
                `set_path` and what [Rhai's page](rhai.md) says to work in place change anything."
                .to_owned(),
        global: Global::OfValues,
        page: "runtime/docs/library.md",
        definitions: "runtime/docs/rhambda.d.rhai",
    };
    let tests = Reference {
        title: "What a test can call",
        source: "layer/src/testing/functions.rs",
        intro: format!(
            "What `rhambda test` gives the functions `test_…()` of `NAME.test.rhai`, beside \
             [the library](../../runtime/docs/library.md). Each example is run by the tests, in a \
             test of this script:\n\n```rhai\n{}```",
            rhambda_layer::EXAMPLE_SCRIPT
        ),
        global: Global::Functions,
        page: "layer/docs/testing.md",
        definitions: "layer/docs/rhambda.test.d.rhai",
    };
    let told = "the engine says what it has";
    let of_library = rhambda_runtime::documented_engine().gen_fn_metadata_to_json(false);
    let of_tests = rhambda_layer::documented_engine().gen_fn_metadata_to_json(false);
    let mut files = Vec::from(library.files(&of_library.expect(told)));
    files.extend(tests.files(&of_tests.expect(told)));
    let of_all = rhambda_runtime::documented_engine().gen_fn_metadata_to_json(true);
    files.push(("runtime/src/names.txt", names(&of_all.expect(told))));
    files.push(("runtime/docs/rhai.md", of_the_language()));
    files
}

/// The list of all functions that `bootstrap` tells of in its errors: see `runtime/src/names.rs`.
fn names(described: &str) -> String {
    let described: Value = serde_json::from_str(described).expect("the engine says it in JSON");
    let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |module: &str, functions: &Value| {
        for function in functions.as_array().into_iter().flatten() {
            let name = function["name"].as_str().unwrap_or_default();
            let is_word = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
            if !is_word || name.contains('$') {
                continue;
            }
            let types: Vec<&str> = function["params"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|parameter| parameter["type"].as_str().unwrap_or_default())
                .collect();
            let words: Option<Vec<String>> = types.iter().map(|name| script_type(name)).collect();
            let ways = lines.entry(format!("{module}{name}")).or_default();
            if let Some(words) = words {
                let gives = function["returnType"].as_str().unwrap_or("()");
                let gives_nothing = gives.is_empty() || gives == "()" || gives.contains("<()");
                let changes = types.first().is_some_and(|first| first.starts_with("&mut"));
                let is_silent = module.is_empty() && SILENT.contains(&name);
                let mark = if gives_nothing && changes && !is_silent { "!" } else { "" };
                ways.insert(format!("{mark}{}", words.join(",")));
            }
        }
    };
    add("", &described["functions"]);
    for (name, module) in described["modules"].as_object().into_iter().flatten() {
        add(&format!("{name}::"), &module["functions"]);
    }
    lines
        .into_iter()
        .map(|(name, ways)| {
            let ways: Vec<String> = ways.into_iter().collect();
            format!("{name} {}\n", ways.join("|"))
        })
        .collect()
}

/// A type of a parameter as `type_of` says it; `None` for numbers that scripts do not have.
fn script_type(name: &str) -> Option<String> {
    const OTHERS: [&str; 12] =
        ["u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i128", "f32", "usize", "isize"];
    let name = name.trim().trim_start_matches('&').trim_start_matches("mut ").trim();
    if OTHERS.iter().any(|other| name == *other || name.ends_with(&format!("<{other}>"))) {
        return None;
    }
    let word = match name {
        "INT" => "i64",
        "FLOAT" => "f64",
        "Array" => "array",
        "Map" => "map",
        "Blob" => "blob",
        "str" | "String" | "ImmutableString" | "Text" => "string",
        "FnPtr" => "Fn",
        "Dynamic" | "" | "?" => "any value",
        "Instant" => "timestamp",
        _ if name.starts_with("Inclusive") || name.contains("RangeInclusive") => "range=",
        _ if name.starts_with("Exclusive") || name.contains("Range<") => "range",
        _ => name.split('<').next()?.rsplit("::").next()?,
    };
    Some(word.to_owned())
}

/// The reference of what the language itself has.
fn of_the_language() -> String {
    let mut page = String::from(
        "# What Rhai itself has\n\n<!-- Written by `make docs` from tests/src/language.rs. -->\n\nThe functions \
         of the language for each kind of value; those that it lacks are in [the library](library.md). Each \
         example is run by the tests. New to Rhai? [For those who know Python or \
         JavaScript](../../docs/rhai-for-python-and-javascript.md).\n",
    );
    for section in &language::SECTIONS {
        let _ = writeln!(page, "\n## {}\n\n{}\n", section.title, section.intro);
        for (call, gives, docs, example) in section.functions {
            let gives = match *gives {
                "()" | "" => String::new(),
                gives => format!(" → {gives}"),
            };
            let _ = writeln!(page, "### `{call}`{gives}\n\n{docs}\n");
            if !example.is_empty() {
                let _ = writeln!(page, "```rhai\n{example}\n```\n");
            }
        }
    }
    page.trim_end().to_owned() + "\n"
}

fn article(noun: &str) -> &'static str {
    let sounds_open = noun.starts_with(['a', 'e', 'i', 'o', 'u', 'E']) || noun.starts_with("Http");
    if sounds_open { "an" } else { "a" }
}
