//! The files of the task root that a function needs beside its scripts: those that it is seen to read,
//! and those that the user includes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Stmt};
use sha2::{Digest, Sha256};

use crate::bundle::normalised;

/// A file that a script reads, as far as its path is written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    /// The path below the task root, or a pattern where a part of it is only known at run time.
    pub(crate) path: String,
    pub(crate) is_pattern: bool,
    /// It fails without the file: it does not ask whether there is one.
    pub(crate) needs_it: bool,
    /// As it is called: `fs::read_text`.
    pub(crate) function: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A pattern of `//! include:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Include {
    pub(crate) pattern: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// It stands below the first statement, where it includes nothing.
    pub(crate) is_too_late: bool,
}

/// As a shell has them: `*` and `?` match no `/`, `**` any folders, and none a leading dot.
const AS_IN_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// More alternatives of one path than anybody writes.
const MOST_PATHS: usize = 16;

/// The files that a script reads by constant paths, and by those of which the folder is constant.
pub(crate) fn reads(ast: &AST) -> Vec<Read> {
    let names = Names::of(ast);
    let mut reads = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode]| {
        let call: &FnCallExpr = match nodes.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                call
            }
            _ => return true,
        };
        let [module] = &call.namespace.path[..] else { return true };
        let name = call.name.as_str();
        let is_read = match module.name.as_str() {
            "fs" => !["write", "append", "remove", "make_folder"].contains(&name),
            "response" => name == "file",
            "csv" => name == "each",
            _ => false,
        };
        let Some(path) = call.args.first().filter(|_| is_read) else { return true };
        let position = path.position();
        for pieces in names.paths(path, 0) {
            let Some((path, is_pattern)) = below_the_root(&pieces) else { continue };
            let is_folder = name == "list";
            reads.push(Read {
                path: if is_folder { format!("{path}/*") } else { path },
                is_pattern: is_pattern || is_folder,
                needs_it: name != "exists",
                function: format!("{}::{name}", module.name),
                line: position.line().unwrap_or(1),
                column: position.position().unwrap_or(1),
            });
        }
        true
    });
    reads.sort_by(|one, other| {
        (one.line, one.column, &one.path).cmp(&(other.line, other.column, &other.path))
    });
    reads.dedup();
    reads
}

/// A part of a path: text, or nothing where it is only known at run time.
type Piece = Option<String>;

/// The path or the pattern that these make; nothing where that is none of the task root's files, or
/// where not even the folder is known.
fn below_the_root(pieces: &[Piece]) -> Option<(String, bool)> {
    let mut path = String::new();
    let is_pattern = pieces.iter().any(Option::is_none);
    for piece in pieces {
        match piece {
            Some(text) if is_pattern => path.push_str(&Pattern::escape(text)),
            Some(text) => path.push_str(text),
            None if path.ends_with('*') => {}
            None => path.push('*'),
        }
    }
    let known = path.split('*').next().unwrap_or_default();
    if is_pattern && !known.contains('/') {
        return None;
    }
    Some((normalised(&path)?, is_pattern))
}

/// What the names of a script stand for.
#[derive(Default)]
struct Names {
    values: BTreeMap<String, Vec<Expr>>,
    /// Those that stand for something else, too: parameters, loop variables, what is assigned to.
    others: Vec<String>,
}

impl Names {
    fn of(ast: &AST) -> Names {
        let mut names = Names::default();
        for function in ast.iter_functions() {
            names.others.extend(function.params.iter().map(|name| (*name).to_owned()));
        }
        ast.walk(&mut |nodes: &[ASTNode]| {
            match nodes.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    let values = names.values.entry(variable.0.name.to_string()).or_default();
                    values.push(variable.1.clone());
                }
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    names.others.push(each.0.name.to_string());
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Expr::Variable(variable, ..) = &assignment.1.lhs {
                        names.others.push(variable.1.to_string());
                    }
                }
                _ => {}
            }
            true
        });
        names
    }

    /// What an expression may be, in pieces.
    fn paths(&self, expression: &Expr, depth: usize) -> Vec<Vec<Piece>> {
        let unknown = || vec![vec![None]];
        if depth > 8 {
            return unknown();
        }
        let joined = |parts: &[Expr]| {
            let mut all: Vec<Vec<Piece>> = vec![Vec::new()];
            for part in parts {
                let ways = self.paths(part, depth + 1);
                let both = |start: &Vec<Piece>| {
                    let start = start.clone();
                    ways.iter().map(move |way| [start.as_slice(), way].concat()).collect::<Vec<_>>()
                };
                all = all.iter().flat_map(both).take(MOST_PATHS).collect();
            }
            all
        };
        match expression {
            Expr::StringConstant(text, _) => vec![vec![Some(text.to_string())]],
            Expr::CharConstant(letter, _) => vec![vec![Some(letter.to_string())]],
            Expr::IntegerConstant(number, _) => vec![vec![Some(number.to_string())]],
            Expr::InterpolatedString(parts, _) => joined(parts),
            Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "+" => {
                joined(&call.args)
            }
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Expr(inside)] => self.paths(inside, depth + 1),
                _ => unknown(),
            },
            Expr::Variable(variable, ..) => {
                let name = variable.1.as_str();
                let values = self.values.get(name).map(Vec::as_slice).unwrap_or_default();
                let mut paths: Vec<_> =
                    values.iter().flat_map(|value| self.paths(value, depth + 1)).collect();
                if values.is_empty() || self.others.iter().any(|other| other == name) {
                    paths.extend(unknown());
                }
                paths.truncate(MOST_PATHS);
                paths
            }
            _ => unknown(),
        }
    }
}

/// The patterns of a script's `//! include:` lines. Comments and strings are not told apart below the
/// first statement, where such a line says nothing anyway.
pub(crate) fn includes(source: &str) -> Vec<Include> {
    let mut includes = Vec::new();
    let (mut is_above_code, mut is_in_block) = (true, false);
    for (index, line) in source.lines().enumerate() {
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let text = line.trim();
        if is_in_block {
            is_in_block = !text.contains("*/");
            continue;
        }
        let list = text
            .strip_prefix("//!")
            .map(str::trim_start)
            .and_then(|text| text.strip_prefix("include")?.trim_start().strip_prefix(':'));
        if let Some(list) = list {
            let mut at = line.trim_end().len() - list.len();
            for part in list.split(',') {
                let lead = part.len() - part.trim_start().len();
                let column = line.get(..at + lead).unwrap_or(line).chars().count() + 1;
                at += part.len() + 1;
                let pattern = part.trim().to_owned();
                let line = index + 1;
                let is_too_late = !is_above_code;
                includes.push(Include { pattern, line, column, is_too_late });
            }
        }
        is_in_block = text.starts_with("/*") && !text.contains("*/");
        let is_comment = text.is_empty()
            || text.starts_with("//")
            || text.starts_with("/*")
            || (index == 0 && text.starts_with("#!"));
        is_above_code &= is_comment;
    }
    includes
}

/// The files below a root that a pattern means. The root is an absolute path without links.
///
/// # Errors
/// Why the pattern can be none of files of this root, or that one of them leads outside.
pub(crate) fn matching(root: &Path, pattern: &str) -> Result<Matching, String> {
    if pattern.is_empty() {
        return Err("it takes a path or a pattern, such as `pages/**`".to_owned());
    }
    let Some(plain) = normalised(pattern) else {
        return Err("a pattern is relative to the task root, has `/` between folders and no `..`"
            .to_owned());
    };
    let has_signs = plain.contains(['*', '?', '[']);
    let as_folder = Pattern::escape(&plain);
    // A folder stands for all that is in it.
    let plain = match has_signs {
        false if root.join(&plain).is_dir() => format!("{as_folder}/**/*"),
        true if plain.ends_with("**") => format!("{plain}/*"),
        false => as_folder,
        true => plain,
    };
    let compiled = Pattern::new(&plain).map_err(|error| format!("it is no pattern: {error}"))?;
    let start: PathBuf =
        plain.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect();
    let start = match has_signs || start != Path::new(&plain) {
        true => start,
        false => start.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let mut walk = Walk { root, pattern: &compiled, files: BTreeMap::new(), folders: Vec::new() };
    walk.folder(&start, &mut Vec::new())?;
    Ok(Matching { files: walk.files, folders: walk.folders })
}

/// What a pattern means now.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    /// By their paths below the root, with where they really are.
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// The folders that were looked into, where more may appear.
    pub(crate) folders: Vec<PathBuf>,
}

struct Walk<'a> {
    root: &'a Path,
    pattern: &'a Pattern,
    files: BTreeMap<String, PathBuf>,
    folders: Vec<PathBuf>,
}

impl Walk<'_> {
    fn folder(&mut self, below: &Path, above: &mut Vec<PathBuf>) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot read `{}`: {error}", below.display());
        let real = match self.root.join(below).canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        // A link to a folder above would never end.
        if !real.is_dir() || above.contains(&real) {
            return Ok(());
        }
        above.push(real.clone());
        self.folders.push(real.clone());
        let mut entries: Vec<_> =
            fs::read_dir(&real).and_then(Iterator::collect).map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = below.join(entry.file_name());
            let Some(name) = path.to_str().map(str::to_owned) else { continue };
            let is_meant = self.pattern.matches_with(&name, AS_IN_A_SHELL);
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let real = match entry.path().canonicalize() {
                Ok(real) => real,
                // A link that leads nowhere is no file.
                Err(_) => continue,
            };
            let is_wanted = match real.is_dir() {
                true => self.reaches_below(&path, is_hidden),
                false => is_meant && real.is_file(),
            };
            if !is_wanted {
                continue;
            }
            if !real.starts_with(self.root) {
                return Err(format!(
                    "`{name}` is a link to `{}`, outside of the root `{}`",
                    real.display(),
                    self.root.display()
                ));
            }
            if real.is_dir() {
                self.folder(&path, above)?;
            } else {
                self.files.insert(name, real);
            }
        }
        above.pop();
        Ok(())
    }

    /// Whether the pattern may mean what is in a folder.
    fn reaches_below(&self, folder: &Path, is_hidden: bool) -> bool {
        let pattern = self.pattern.as_str();
        let is_deep = pattern.split('/').any(|part| part == "**");
        let depth = folder.components().count();
        // What is hidden is meant only where it is written out.
        let names_hidden = pattern.split('/').any(|part| part.starts_with('.'));
        (is_deep || pattern.split('/').count() > depth) && (!is_hidden || names_hidden)
    }
}

/// A variable of a process may have 128 KB with its name.
const MOST_IN_A_VARIABLE: usize = 100_000;

/// The files as a run's variable takes them; nothing where there are none, so that the runtime says what
/// is wrong. A list that is too long is written to a file, the same one for the same list.
pub(crate) fn as_variable(names: &[&str]) -> io::Result<Option<String>> {
    let list = names.join("\n");
    if list.len() <= MOST_IN_A_VARIABLE {
        return Ok(Some(list).filter(|list| !list.is_empty()));
    }
    let digest: String = Sha256::digest(&list).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = std::env::temp_dir().join(format!("rhambda-files-{digest}"));
    if fs::read(&path).ok().as_deref() != Some(list.as_bytes()) {
        fs::write(&path, list)?;
    }
    Ok(Some(format!("\n{}", path.display())))
}
