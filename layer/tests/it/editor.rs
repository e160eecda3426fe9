//! What shells, manuals and editors get.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use regex_lite::Regex;
use serde_json::Value;

use crate::cli::Desk;

#[test]
fn completions_are_there_for_every_shell_and_command() {
    let desk = Desk::with(&[("a", "")]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = desk.run(&["completions", shell]);
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{shell}");
        for word in ["invoke", "check", "deny-warnings", "repl"] {
            assert!(said.stdout.contains(word), "{shell} knows no {word}");
        }
    }
    let said = desk.run(&["completions", "cobol"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("bash"), "{}", said.stderr);
}

#[test]
fn bash_takes_its_completions() {
    let script = Desk::with(&[("a", "")]).run(&["completions", "bash"]).stdout;
    let test = "\nCOMP_WORDS=(rhambda che); COMP_CWORD=1; _rhambda rhambda che rhambda; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut bash = bash.spawn().unwrap();
    bash.stdin.take().unwrap().write_all((script + test).as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "check");
}

#[test]
fn every_command_has_a_page_of_the_manual_with_its_exit_codes() {
    let desk = Desk::with(&[("a", "")]);
    assert_eq!(desk.run(&["man", "--output", "man"]).code, Some(0));
    let pages: Vec<_> = fs::read_dir(desk.folder.join("man")).unwrap().flatten().collect();
    assert!(pages.len() > 10);
    for page in pages {
        let text = fs::read_to_string(page.path()).unwrap();
        assert!(text.contains(".TH ") && text.contains("Exit codes: "), "{:?}", page.path());
    }
    assert!(desk.run(&["man", "check"]).stdout.contains("\nrhambda\\-check \\- "));
    assert!(desk.run(&["man"]).stdout.contains("\nrhambda \\- "));
    let said = desk.run(&["man", "chek"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("there is no command `chek`; there is"), "{}", said.stderr);
}

#[test]
fn the_language_server_gets_definitions_and_its_settings_once() {
    let desk = Desk::with(&[("Rhai.toml", "mine"), ("a.rhai", "fn handler(e) { e }")]);
    let said = desk.run(&["definitions"]);
    let files = "rhai.d.rhai\nrhambda.d.rhai\nrhambda.test.d.rhai\n";
    assert_eq!((said.code, &*said.stdout), (Some(0), files));
    let text = |name: &str| fs::read_to_string(desk.folder.join(name)).unwrap();
    assert_eq!(text("Rhai.toml"), "mine");
    assert!(text("rhambda.d.rhai").contains("module batch {"));
    assert!(text("rhambda.test.d.rhai").contains("module mock {"));
    assert!(text("rhai.d.rhai").contains("fn len("));
    let said = desk.run(&["definitions", "-o", "other", "--json"]);
    assert!(said.stdout.contains("other/Rhai.toml"), "{}", said.stdout);
    // They are no scripts.
    assert!(desk.run(&["check"]).stdout.ends_with("1 script checked: nothing is wrong\n"));
    assert_eq!(desk.run(&["definitions", "-o", "a.rhai"]).code, Some(2));
}

/// What the language server takes for a word of its own, and so for no name.
const KEYWORDS: &str = "let const for do until while in loop break continue if else switch fn private \
    return throw try catch import export as var static goto exit match case public protected new use \
    with module package super spawn thread go sync async await yield default void null nil true false";

/// The lines of a file that are not as the language server's grammar of definitions has them:
/// `parsers/def.rs` in <https://github.com/rhaiscript/lsp>.
fn ungrammatical(text: &str) -> Vec<&str> {
    let word = "_*[A-Za-z][0-9A-Za-z_]*";
    let plain = format!(r"(?:\?|\(\)|{word})");
    let kind = format!("{plain}(?:<{plain}(?:, {plain})*>)?");
    let list = |item: &str| format!(r"\((?:{item}(?:, {item})*)?\)(?: -> {kind})?;");
    let parameters = list(&format!(r"(?:\.\.\.)?(?:_|{word}): {kind}"));
    let rules: Vec<Regex> = [
        r" *///.*".to_owned(),
        "module static;|}|".to_owned(),
        format!(r"module (?P<name>{word}) \{{"),
        format!("const (?P<name>{word}): {kind};"),
        format!(" *fn (?:get |set )?(?P<name>{word}){parameters}"),
        format!(" *op (?:[-+*/%&|^=!<>.]+|{word}){}", list(&kind)),
    ]
    .iter()
    .map(|rule| Regex::new(&format!("^(?:{rule})$")).unwrap())
    .collect();
    let parameter = Regex::new(&format!("({word}): ")).unwrap();
    let is_name = |name: &str| !KEYWORDS.split_whitespace().any(|keyword| keyword == name);
    let is_fit = |line: &str| {
        let Some(found) = rules.iter().find_map(|rule| rule.captures(line)) else { return false };
        let is_comment = line.trim_start().starts_with("//");
        is_comment
            || found.name("name").is_none_or(|name| is_name(name.as_str()))
                && parameter.captures_iter(line).all(|found| is_name(&found[1]))
    };
    text.lines().filter(|line| !is_fit(line)).collect()
}

#[test]
fn the_definitions_are_as_the_language_server_reads_them() {
    let desk = Desk::with(&[("a", "")]);
    assert_eq!(desk.run(&["definitions"]).code, Some(0));
    for name in ["rhai.d.rhai", "rhambda.d.rhai", "rhambda.test.d.rhai"] {
        let text = fs::read_to_string(desk.folder.join(name)).unwrap();
        assert!(text.starts_with("module static;\n"), "{name}");
        assert_eq!(ungrammatical(&text), [""; 0], "{name}");
    }
    for wrong in
        ["op ==(left: Time, right: Time) -> bool;", "fn set$body(a: ?) -> ();", "fn a() -> ;"]
    {
        assert_eq!(ungrammatical(wrong), [wrong]);
    }
}

fn extension(path: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/vscode");
    let text = fs::read_to_string(folder.join(path)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_extension_s_files_are_json_and_where_it_says() {
    let package = extension("package.json");
    let contributes = &package["contributes"];
    extension(contributes["languages"][0]["configuration"].as_str().unwrap());
    let grammar = extension(contributes["grammars"][0]["path"].as_str().unwrap());
    assert_eq!(grammar["scopeName"], contributes["grammars"][0]["scopeName"]);
    let matcher = &contributes["problemMatchers"][0]["pattern"]["regexp"];
    let desk = Desk::with(&[("a.rhai", "fn handler(e) { prnt(e) }")]);
    let line = desk.run(&["check", "--format", "github"]).stdout;
    let matcher = Regex::new(matcher.as_str().unwrap()).unwrap();
    let found = matcher.captures(line.trim()).unwrap();
    assert_eq!((&found[1], &found[2], &found[3], &found[4]), ("error", "a.rhai", "1", "17"));
    assert!(found[7].starts_with("there is no function `prnt`"), "{}", &found[7]);
}

/// The rules of a grammar with what they include, in their order.
fn rules<'a>(grammar: &'a Value, patterns: &'a Value, found: &mut Vec<&'a Value>) {
    for rule in patterns.as_array().into_iter().flatten() {
        match rule["include"].as_str() {
            Some(name) => {
                let named = &grammar["repository"][&name[1..]];
                if named["patterns"].is_array() && named["begin"].is_null() {
                    rules(grammar, &named["patterns"], found);
                } else {
                    found.push(named);
                }
            }
            None => found.push(rule),
        }
    }
}

/// The pieces of a line with their scopes: of equal beginnings the first rule's, as editors do it.
fn tokens(grammar: &Value, line: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    rules(grammar, &grammar["patterns"], &mut all);
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let found = all.iter().filter_map(|rule| {
            let pattern = rule["match"].as_str().or(rule["begin"].as_str())?;
            let captures = Regex::new(pattern).unwrap().captures_at(line, at)?;
            Some((captures.get(0)?.start(), rule, captures))
        });
        let Some((start, rule, captures)) = found.min_by_key(|(start, ..)| *start) else { break };
        let mut end = captures.get(0).unwrap().end();
        if let Some(pattern) = rule["end"].as_str() {
            end = Regex::new(pattern).unwrap().find_at(line, end).map_or(line.len(), |it| it.end());
        }
        let token = |text: &str, scope: &Value| {
            (text.to_owned(), scope.as_str().unwrap_or_default().to_owned())
        };
        if rule["name"].is_string() {
            tokens.push(token(&line[start..end], &rule["name"]));
        }
        for index in 1..captures.len() {
            let scope = &rule["captures"][index.to_string()]["name"];
            if let (Some(part), true) = (captures.get(index), scope.is_string()) {
                tokens.push(token(part.as_str().trim(), scope));
            }
        }
        at = end.max(start + 1);
    }
    tokens
}

#[test]
fn the_grammar_names_the_parts_of_a_script() {
    let grammar = extension("syntaxes/rhai.tmLanguage.json");
    for (line, expected) in [
        (
            "private fn take(order) {",
            &[
                ("private", "storage.modifier"),
                ("fn", "storage.type.function"),
                ("take", "entity.name.function"),
            ][..],
        ),
        (
            "    batch::each(event, |m| m.id ?? 0x1F) // all",
            &[
                ("batch", "entity.name.namespace"),
                ("each", "entity.name.function.call"),
                ("??", "keyword.operator"),
                ("0x1F", "constant.numeric.hex"),
                ("// all", "comment.line.double-slash"),
            ],
        ),
        (
            "const VAT = 19.5e-1; let s = \"a b\" + `c`;",
            &[
                ("VAT", "variable.other.definition"),
                ("19.5e-1", "constant.numeric.decimal"),
                ("let", "storage.type"),
                ("`c`", "string.interpolated"),
            ],
        ),
        (
            "//! allow: env TOKEN",
            &[("allow", "keyword.other.declaration"), ("env TOKEN", "string.unquoted.declaration")],
        ),
        (
            "if this == true { return }",
            &[
                ("if", "keyword.control"),
                ("this", "variable.language"),
                ("true", "constant.language.boolean"),
                ("return", "keyword.control"),
            ],
        ),
    ] {
        let found = tokens(&grammar, line);
        for (text, scope) in expected {
            let is_there = found.iter().any(|(part, of)| part == text && of.starts_with(scope));
            assert!(is_there, "`{text}` of `{line}` is no {scope}: {found:#?}");
        }
    }
}
