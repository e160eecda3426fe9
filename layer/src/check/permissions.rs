//! What a script and its modules reach against what the script declares with `//! allow:`.

use std::collections::BTreeMap;

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use rhambda_runtime::effects::{Declaration, Folder, Malformed, Policy, Url};

use super::problem::Problem;
use super::project::{File, Import, Project, place};

/// Something that is reached, at a place.
struct Use {
    file: String,
    at: Position,
    length: usize,
    what: Reached,
}

enum Reached {
    Http(String),
    Env(String),
    Fs(String),
}

/// What is reached by a name that is only known when the script runs.
#[derive(Default)]
struct Unknown {
    http: bool,
    env: bool,
    fs: bool,
}

/// Checks the declaration of a script, if it has one.
pub(crate) fn check(file: &File, project: &Project) -> Vec<Problem> {
    let declaration = match Declaration::of(&file.source) {
        Ok(declaration) => declaration,
        Err(malformed) => return vec![malformed_at(file, malformed)],
    };
    let commented_out = declaration.commented_out.as_ref().map(|line| {
        let problem = Problem::warning(&file.path, "permission", line.message.clone());
        problem.at(place(line.line, line.column), 1).help("take it away")
    });
    let mut problems: Vec<Problem> = commented_out.into_iter().collect();
    let Some(items) = &declaration.items else { return problems };
    let policy = Policy::of(&declaration, false);
    let mut uses = Vec::new();
    let mut unknown = Unknown::default();
    let mut files = vec![file.path.as_str()];
    let mut at = 0;
    while let Some(file) = files.get(at).and_then(|path| project.files.get(*path)) {
        collect(file, &mut uses, &mut unknown);
        for import in file.targets.values() {
            match import {
                Import::File(path) if !files.contains(&path.as_str()) => files.push(path),
                Import::File(_) => {}
                Import::Unknown => unknown = Unknown { http: true, env: true, fs: true },
            }
        }
        at += 1;
    }
    for found in &uses {
        if let Err(missing) = allows(&policy, &found.what) {
            let message = format!("the script is not allowed to reach {missing}");
            let problem = Problem::error(&found.file, "permission", message);
            let problem = problem.at(found.at, found.length);
            problems.push(
                problem.help(format!("`//! allow: {}` at its top allows it", found.what.item())),
            );
        }
    }
    for item in items {
        let is_unknown = match item.text.split([' ', '\t']).next() {
            Some("http") => unknown.http,
            Some("env") => unknown.env,
            Some("fs") => unknown.fs,
            _ => true,
        };
        let alone = Policy::of_item(item);
        let is_used = uses.iter().any(|found| allows(&alone, &found.what).is_ok());
        if !is_unknown && !is_used {
            let message = format!("`{}` is allowed and never reached", item.text);
            let problem = Problem::warning(&file.path, "unused-permission", message);
            let help = match item.text.starts_with("http ") {
                true => "take it away, unless a redirect leads there",
                false => "take it away",
            };
            let at = place(item.line, item.column);
            problems.push(problem.at(at, item.text.chars().count()).help(help));
        }
    }
    problems
}

/// Checks that a script which others import has no declaration, and that a test's can be meant.
pub(crate) fn check_other(file: &File) -> Vec<Problem> {
    let checked = match file.is_test() {
        true => Declaration::of(&file.source).map(drop),
        false => Declaration::none_in_module(&file.source),
    };
    checked.err().map(|malformed| malformed_at(file, malformed)).into_iter().collect()
}

fn malformed_at(file: &File, malformed: Malformed) -> Problem {
    let problem = Problem::error(&file.path, "permission", malformed.message);
    problem.at(place(malformed.line, malformed.column), 1)
}

impl Reached {
    /// The item that allows it.
    fn item(&self) -> String {
        match self {
            Reached::Http(url) => {
                let url = Url::parse(url);
                format!("http {}", url.map(|url| shown_host(&url)).unwrap_or_default())
            }
            Reached::Env(name) => format!("env {name}"),
            Reached::Fs(path) => format!("fs {}", folder(path)),
        }
    }
}

fn shown_host(url: &Url) -> String {
    let usual = if url.is_https { 443 } else { 80 };
    if url.port == usual { url.host.clone() } else { format!("{}:{}", url.host, url.port) }
}

/// Whether a policy lets a script reach this; else what it is, in words.
fn allows(policy: &Policy, what: &Reached) -> Result<(), String> {
    match what {
        // One that is malformed is another matter.
        Reached::Http(text) => match Url::parse(text) {
            Ok(url) => policy.check_http(&url).map_err(|_| format!("`{}`", shown_host(&url))),
            Err(_) => Ok(()),
        },
        Reached::Env(name) => policy.check_env(name).map_err(|_| format!("the variable `{name}`")),
        Reached::Fs(path) => {
            policy.check_fs(folder(path), path).map_err(|_| format!("the file `{path}`"))
        }
    }
}

fn folder(path: &str) -> Folder {
    if path == "/tmp" || path.starts_with("/tmp/") { Folder::Tmp } else { Folder::Task }
}

/// What a script reaches, as far as it is written out.
fn collect(file: &File, uses: &mut Vec<Use>, unknown: &mut Unknown) {
    if file.evaluates {
        *unknown = Unknown { http: true, env: true, fs: true };
    }
    let constants = constants(file);
    file.ast.walk(&mut |nodes: &[ASTNode]| {
        let call: &FnCallExpr = match nodes.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                call
            }
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                for (key, value) in &map.0 {
                    match key.name.as_str() {
                        "jwks_url" => note_url(file, value, &constants, uses, unknown),
                        "save_to" => note_path(file, value, &constants, uses, unknown),
                        _ => {}
                    }
                }
                return true;
            }
            _ => return true,
        };
        let module = call.namespace.path.first().map(|part| part.name.as_str());
        let first = call.args.first();
        match (module, call.name.as_str(), first) {
            (Some("http"), "request", Some(Expr::Map(options, _))) => {
                match options.0.iter().find(|(key, _)| key.name == "url") {
                    Some((_, url)) => note_url(file, url, &constants, uses, unknown),
                    None => unknown.http = true,
                }
            }
            (Some("http"), "request", _) => unknown.http = true,
            (Some("http"), _, Some(url)) => note_url(file, url, &constants, uses, unknown),
            (Some("env"), _, Some(name)) => match text(name, &constants) {
                Some((name, true)) => {
                    note(file, first, Reached::Env(name), uses);
                }
                _ => unknown.env = true,
            },
            (Some("fs"), ..) | (Some("response"), "file", _) => {
                for path in call.args.iter().take(1) {
                    note_path(file, path, &constants, uses, unknown);
                }
            }
            _ => {}
        }
        true
    });
}

fn note(file: &File, at: Option<&Expr>, what: Reached, uses: &mut Vec<Use>) {
    let Some(expression) = at else { return };
    let length = match expression {
        Expr::StringConstant(text, _) => text.chars().count() + 2,
        Expr::Variable(variable, ..) => variable.1.chars().count(),
        _ => 1,
    };
    uses.push(Use { file: file.path.clone(), at: expression.position(), length, what });
}

fn note_url(
    file: &File,
    url: &Expr,
    constants: &BTreeMap<String, String>,
    uses: &mut Vec<Use>,
    unknown: &mut Unknown,
) {
    let known = text(url, constants).filter(|(text, is_whole)| *is_whole || has_host(text));
    match known {
        Some((text, _)) => note(file, Some(url), Reached::Http(text), uses),
        None => unknown.http = true,
    }
}

/// Whether the beginning of a URL has the whole host in it.
pub(super) fn has_host(start: &str) -> bool {
    let authority = start.split_once("://").map(|(_, rest)| rest);
    authority.is_some_and(|rest| rest.contains(['/', '?', '#']))
}

fn note_path(
    file: &File,
    path: &Expr,
    constants: &BTreeMap<String, String>,
    uses: &mut Vec<Use>,
    unknown: &mut Unknown,
) {
    let known = text(path, constants).filter(|(text, is_whole)| {
        *is_whole
            || text.starts_with("/tmp/")
            || !(text.is_empty() || "/tmp/".starts_with(text.as_str()))
    });
    match known {
        // What leads upwards is for the runtime to follow.
        Some((text, _)) if !text.contains("..") => note(file, Some(path), Reached::Fs(text), uses),
        _ => unknown.fs = true,
    }
}

/// The text that an expression begins with, and whether that is all of it.
pub(super) fn text(
    expression: &Expr,
    constants: &BTreeMap<String, String>,
) -> Option<(String, bool)> {
    match expression {
        Expr::StringConstant(text, _) => Some((text.to_string(), true)),
        Expr::Variable(variable, ..) => {
            constants.get(variable.1.as_str()).map(|text| (text.clone(), true))
        }
        Expr::InterpolatedString(parts, _) => joined(parts, constants),
        Expr::Stmt(block) => match block.statements() {
            [Stmt::Expr(inside)] => text(inside, constants),
            _ => None,
        },
        Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "+" => {
            joined(&call.args, constants)
        }
        _ => None,
    }
}

fn joined(parts: &[Expr], constants: &BTreeMap<String, String>) -> Option<(String, bool)> {
    let mut start = String::new();
    for part in parts {
        match text(part, constants) {
            Some((text, is_whole)) => {
                start.push_str(&text);
                if !is_whole {
                    return Some((start, false));
                }
            }
            None => return if start.is_empty() { None } else { Some((start, false)) },
        }
    }
    Some((start, true))
}

/// The texts of the top level's constants. A name that stands for something else, too, is none.
pub(super) fn constants(file: &File) -> BTreeMap<String, String> {
    let mut constants = BTreeMap::new();
    for statement in file.ast.statements() {
        if let Stmt::Var(variable, ..) = statement {
            if let (true, Expr::StringConstant(text, _)) =
                (file.constants.contains_key(variable.0.name.as_str()), &variable.1)
            {
                constants.insert(variable.0.name.to_string(), text.to_string());
            }
        }
    }
    for parameter in file.functions.iter().flat_map(|function| &function.parameters) {
        constants.remove(parameter);
    }
    file.ast.walk(&mut |nodes: &[ASTNode]| {
        if let ([_, _, ..], Some(ASTNode::Stmt(Stmt::Var(variable, ..)))) = (nodes, nodes.last()) {
            constants.remove(variable.0.name.as_str());
        }
        true
    });
    for function in &file.functions {
        for statement in &function.statements {
            if let Stmt::Var(variable, ..) = statement {
                constants.remove(variable.0.name.as_str());
            }
        }
    }
    constants
}
