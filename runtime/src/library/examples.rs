//! Runs the examples in the docs of the library's functions, through the engine that scripts get.
//!
//! An example is a block of `///` lines fenced as `rhai`. A line `expression; // => value` says what
//! the expression gives, `// => error: text` what the message of its error contains; the other
//! lines run as they are, in a world with a service, some variables and the real `/tmp`.

use std::cell::RefCell;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::config::{Config, Environment};
use crate::effects::{self, Policy, World};
use crate::engine::Script;
use crate::invocation::Invocation;
use crate::library::stage::{Drain, Stage};

/// One fenced block, and the line of the file that it begins in.
struct Example {
    line: usize,
    text: String,
}

fn examples(source: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut is_open = false;
    for (index, line) in source.lines().enumerate() {
        let Some(doc) = line.trim_start().strip_prefix("///") else { continue };
        let doc = doc.strip_prefix(' ').unwrap_or(doc);
        match (is_open, doc) {
            (false, "```rhai") => {
                found.push(Example { line: index + 2, text: String::new() });
                is_open = true;
            }
            (true, "```") => is_open = false,
            (true, line) => {
                let example = found.last_mut().unwrap();
                writeln!(example.text, "{line}").unwrap();
            }
            _ => {}
        }
    }
    found
}

/// A handler that gives `[line, value, expected value]` for each statement that says its value.
fn script(examples: &[Example]) -> (String, usize) {
    let (mut script, mut checks) = (String::from("fn handler(event) { let checks = [];\n"), 0);
    for example in examples {
        script.push_str("if true {\n");
        for (offset, line) in example.text.lines().enumerate() {
            let at = example.line + offset;
            let Some((expression, says)) = line.split_once("; // => ") else {
                writeln!(script, "{line}").unwrap();
                continue;
            };
            checks += 1;
            match says.strip_prefix("error: ") {
                Some(text) => writeln!(
                    script,
                    "let said = \"no error\"; try {{ {expression}; }} catch (error) {{ \
                     said = if type_of(error) == \"map\" {{ error.message }} else {{ `${{error}}` }}; \
                     }} checks.push([{at}, if said.contains({text:?}) {{ () }} else {{ said }}, ()]);"
                ),
                None if serde_json::from_str::<serde_json::Value>(says).is_ok() => {
                    writeln!(script, "checks.push([{at}, {expression}, parse_json({says:?})]);")
                }
                None => writeln!(script, "checks.push([{at}, {expression}, {says}]);"),
            }
            .unwrap();
        }
        script.push_str("}\n");
    }
    // Thrown, since a handler that has streamed cannot return an array.
    script.push_str("throw #{ message: \"checked\", checks: checks } }");
    (script, checks)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_example_in_the_docs_gives_what_it_says() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/library");
    let mut wrong = String::new();
    for file in files(&library) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let examples = examples(&fs::read_to_string(&file).unwrap());
        if examples.is_empty() || name == "examples.rs" {
            continue;
        }
        let (source, checks) = script(&examples);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.rhai"), &source).unwrap();
        let environment =
            [("_HANDLER", "main.handler"), ("LAMBDA_TASK_ROOT", folder.path().to_str().unwrap())];
        let environment =
            Environment::read(environment.iter().map(|(name, value)| (name.into(), value.into())));
        let config = Config::from_environment(&environment, "127.0.0.1:9001")
            .unwrap_or_else(|error| panic!("{error:?}"));
        let script =
            Script::load(&config).unwrap_or_else(|error| panic!("{name}: {error:?}\n{source}"));
        effects::install(World::new(Policy::open()).with_effects(Box::new(Stage::default())));
        // The examples of routes are those of a top level.
        super::router::begin_init();
        let mut event = Invocation { payload: b"null".into(), ..Invocation::default() };
        let report = script
            .invoke(&mut event, true, Some(Rc::new(RefCell::new(Drain::default()))))
            .unwrap_err()
            .0;
        let data = report.data.clone();
        let data = data.unwrap_or_else(|| panic!("{name}: {report}\n{source}"));
        let answers: Vec<(usize, serde_json::Value, serde_json::Value)> =
            serde_json::from_value(data["checks"].clone()).unwrap();
        assert_eq!(answers.len(), checks, "{name}: an example left early");
        for (line, given, said) in answers.iter().filter(|(_, given, said)| given != said) {
            writeln!(wrong, "{name}:{line}: gives {given}, not {said}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
