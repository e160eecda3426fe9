//! Writes the reference of the library, and the definitions that editors read, from what the engine
//! itself knows about its functions.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;

use rhambda_tests::repository;
use serde_json::Value;

/// Other names of a method that says its text, for the engine's own use.
const SILENT: [&str; 3] = ["print", "debug", "to_debug"];

/// What the engine calls types, and how a script's author knows them.
const TYPES: [(&str, &str); 13] = [
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
];

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

    /// As a script calls it; as a method, a property or an operator where it belongs to no module.
    fn call(&self, module: Option<&str>) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        match (module, names.split_first()) {
            (Some(module), _) => format!("{module}::{}({})", self.name, names.join(", ")),
            (None, Some((receiver, [right]))) if self.is_operator() => {
                format!("{receiver} {} {right}", self.name)
            }
            (None, Some((receiver, [index]))) if self.name == "index$get$" => {
                format!("{receiver}[{index}]")
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

    fn definition(&self, out: &mut String, indent: &str) {
        for line in self.docs.lines() {
            let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
        }
        let parameters: Vec<String> =
            self.parameters.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
        // As the engine's own definitions have it.
        let kind = if self.is_operator() { "op" } else { "fn" };
        let name = match self.name.strip_prefix("get$") {
            Some(property) => format!("get {property}"),
            None => self.name.to_owned(),
        };
        let (parameters, gives) = (parameters.join(", "), &self.gives);
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

/// A module, or what belongs to none, under one heading of the reference.
fn section(page: &mut String, title: &str, module: Option<&str>, docs: &str, all: &[Function]) {
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
        let _ = writeln!(page, "### `{}`{gives}\n", function.call(module));
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

fn main() -> Result<(), Box<dyn Error>> {
    let engine = rhambda_runtime::documented_engine();
    let described: Value = serde_json::from_str(&engine.gen_fn_metadata_to_json(false)?)?;
    let mut page = String::from(
        "# The library\n\n<!-- Written by `make docs` from the docs in runtime/src/library. -->\n\n\
         What a script finds at hand beyond Rhai's own functions. Each example is run by the \
         tests.\n",
    );
    let mut definitions = String::from("module static;\n\n");

    let mut methods: BTreeMap<String, Vec<Function>> = BTreeMap::new();
    let global = functions(&described["functions"]).into_iter();
    for function in global.filter(|function| !SILENT.contains(&function.name)) {
        let receiver = function.parameters.first().map(|(_, kind)| kind.clone());
        methods.entry(receiver.unwrap_or_default()).or_default().push(function);
    }
    for (receiver, functions) in &methods {
        let title = match receiver.as_str() {
            "" | "?" => "Of any value".to_owned(),
            receiver => format!("Of {} {receiver}", article(receiver)),
        };
        section(&mut page, &title, None, "", functions);
        functions.iter().for_each(|function| function.definition(&mut definitions, ""));
    }
    for (name, module) in described["modules"].as_object().into_iter().flatten() {
        let functions = functions(&module["functions"]);
        if functions.is_empty() {
            continue;
        }
        let docs = plain_docs(&Value::from(vec![module["doc"].clone()]));
        section(&mut page, &format!("`{name}`"), Some(name), &docs, &functions);
        let _ = writeln!(definitions, "module {name} {{\n");
        functions.iter().for_each(|function| function.definition(&mut definitions, "    "));
        definitions.push_str("}\n\n");
    }

    let folder = repository().join("runtime/docs");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("library.md"), page.trim_end().to_owned() + "\n")?;
    fs::write(folder.join("rhambda.d.rhai"), definitions.trim_end().to_owned() + "\n")?;
    Ok(())
}

fn article(noun: &str) -> &'static str {
    let sounds_open = noun.starts_with(['a', 'e', 'i', 'o', 'u', 'E']) || noun.starts_with("Http");
    if sounds_open { "an" } else { "a" }
}
