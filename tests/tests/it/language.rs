//! What the pages on the language say is so: the reference of what Rhai itself has, and the page for
//! those who know other languages.

use std::collections::BTreeSet;
use std::fs;

use rhambda_tests::language::{self, LEFT_OUT, SECTIONS};
use rhambda_tests::{Function, repository};
use serde_json::Value;

/// Runs a script whose handler tells `[example, value, what it should be]`, by the runtime's own
/// evaluation and by the engine's.
#[track_caller]
fn holds(script: &str, count: usize) {
    for by_engine in [false, true] {
        let mut function = Function::of(script).event("{}");
        if by_engine {
            function = function.env("RHAMBDA_MAX_OPERATIONS", "1000000000");
        }
        let told = function.run().response();
        let told: Vec<(String, Value, Value)> =
            serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}\n{script}"));
        assert_eq!(told.len(), count, "an example left early: {told:?}");
        let wrong: Vec<_> = told.iter().filter(|(_, value, expected)| value != expected).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn every_example_of_what_rhai_itself_has_gives_what_it_says() {
    for section in &SECTIONS {
        let (script, count) = section.script();
        assert!(count > 0, "{} has no example", section.title);
        holds(&script, count);
    }
}

#[test]
fn what_rhai_itself_has_is_all_there() {
    let told = rhai::Engine::new().gen_fn_metadata_to_json(true).expect("the engine tells");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let named = |function: &Value| {
        let name = function["name"].as_str().unwrap_or_default();
        let name = name.strip_prefix("get$").or(name.strip_prefix("set$")).unwrap_or(name);
        name.to_owned()
    };
    let is_word = |name: &String| name.starts_with(char::is_alphabetic) && !name.contains('$');
    let there: BTreeSet<String> =
        told["functions"].as_array().into_iter().flatten().map(named).filter(is_word).collect();
    assert!(there.len() > 120, "{there:?}");
    let functions = || SECTIONS.iter().flat_map(|section| section.functions);
    let listed: BTreeSet<String> =
        functions().map(|(call, ..)| language::name_of(call).to_owned()).collect();
    let missing: Vec<_> =
        there.difference(&listed).filter(|name| !LEFT_OUT.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (call, _, says, _) in functions() {
        assert!(says.ends_with('.'), "{call}: {says}");
    }
}

/// The code in a cell of a table, one piece after the other.
fn code(cell: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = cell;
    while let Some(start) = rest.find('`') {
        let mark = if rest[start..].starts_with("``") { "``" } else { "`" };
        let after = &rest[start + mark.len()..];
        let Some((piece, others)) = after.split_once(mark) else { break };
        pieces.push(piece.trim().replace("\\|", "|"));
        rest = others;
    }
    pieces
}

/// The cells of a row of a table; a bar in code has a backslash before it.
fn cells(row: &str) -> Vec<String> {
    let marked = row.trim().trim_matches('|').replace("\\|", "\u{1}");
    marked.split('|').map(|cell| cell.trim().replace('\u{1}', "\\|")).collect()
}

#[test]
fn every_line_of_the_page_for_those_who_know_other_languages_gives_what_it_says() {
    let page = repository().join("docs/rhai-for-python-and-javascript.md");
    let page = fs::read_to_string(page).expect("the page is there");
    assert!(page.lines().count() < 140, "the page has two screens");
    let (mut functions, mut calls, mut count) = (String::new(), String::new(), 0);
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('→'));
    for row in rows {
        let cells = cells(row);
        let [_, _, rhai] = &cells[..] else { panic!("a row has three cells: {row}") };
        let pieces = code(rhai);
        let example = match (&pieces[..], rhai.split_once("→ error: ")) {
            ([code], Some((_, error))) => format!("{code}; // => error: {error}"),
            // A line that has several statements is a block, whose value counts.
            ([code, value], None) => format!("{{ {code} }}; // => {value}"),
            _ => panic!("a cell of Rhai is code and its value: {rhai}"),
        };
        let body = language::checked(row, &example, &mut count);
        functions += &format!("fn f{count}() {{ let told = this; {body} this = told; }}\n");
        calls += &format!("told.f{count}(); ");
    }
    assert!(count > 35, "only {count} rows were found");
    holds(&format!("{functions}fn handler(event) {{ let told = []; {calls} told }}"), count);
}

#[test]
fn the_script_of_the_page_for_those_who_know_other_languages_runs() {
    let page = repository().join("docs/rhai-for-python-and-javascript.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let script = page.split("```rhai\n").nth(1).and_then(|rest| rest.split("```").next());
    let script = script.expect("the page has a script");
    let (_, says) = script.split_once("// => ").expect("the script says its value");
    let says = says.lines().next().unwrap_or_default();
    Function::of(script).event("{}").run().responded_json(says).kept_serving();
}
