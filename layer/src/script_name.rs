//! What a user types to name a script and its function, and what Lambda calls the two together.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use rhambda_runtime::handler::Handler;

use crate::failure::Failure;

/// The function that is called unless another one is named.
pub const DEFAULT_FUNCTION: &str = "handler";

/// A script that exists, below a folder that will be the task root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptName {
    /// The task root, absolute.
    pub root: PathBuf,
    /// The script's path below the root, with `/` between folders.
    pub path: String,
    /// The function in it.
    pub function: String,
    /// Whether the user named the function.
    pub function_was_named: bool,
}

impl ScriptName {
    /// Finds out what was meant by `hello.rhai`, `hello`, `hello.rhai.handler` or `hello.handler`.
    /// The root is the script's own folder unless another one is given.
    pub fn resolve(typed: &Path, root: Option<&Path>, from: &Path) -> Result<ScriptName, Failure> {
        let (file, function) = find(&from.join(typed), typed)?;
        let parent = file.parent().unwrap_or(Path::new("/"));
        let parent = parent.canonicalize().map_err(|error| Failure::reading(parent, &error))?;
        let root = match root {
            None => parent.clone(),
            Some(root) => {
                let found = from.join(root).canonicalize();
                let found = found.map_err(|error| Failure::reading(root, &error))?;
                if !found.is_dir() {
                    return Err(Failure::usage(format!(
                        "--root `{}` is no folder",
                        root.display()
                    )));
                }
                found
            }
        };
        let Ok(below) = parent.strip_prefix(&root) else {
            return Err(Failure::usage(format!(
                "`{}` is outside of the root `{}`; name a folder above it with --root",
                typed.display(),
                root.display()
            )));
        };
        let mut path = Vec::new();
        let name = file.file_name().map(Path::new).unwrap_or(Path::new(""));
        for component in below.components().chain(name.components()) {
            let Component::Normal(part) = component else { continue };
            let Some(part) = part.to_str() else {
                return Err(Failure::usage(format!(
                    "the name of `{}` is not UTF-8, which Lambda does not take",
                    typed.display()
                )));
            };
            path.push(part);
        }
        Ok(ScriptName {
            root,
            path: path.join("/"),
            function: function.clone().unwrap_or_else(|| DEFAULT_FUNCTION.to_owned()),
            function_was_named: function.is_some(),
        })
    }

    /// Lambda's handler setting: the path without its extension, a dot, the function.
    pub fn handler(&self) -> String {
        format!("{}.{}", self.path.strip_suffix(".rhai").unwrap_or(&self.path), self.function)
    }
}

/// The script's file, and the function if one was named.
fn find(full: &Path, typed: &Path) -> Result<(PathBuf, Option<String>), Failure> {
    let is_script = |path: &Path| path.is_file() && path.extension().is_some_and(|e| e == "rhai");
    let with_extension = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".rhai");
        PathBuf::from(name)
    };
    for candidate in [full.to_path_buf(), with_extension(full)] {
        if is_script(&candidate) {
            return Ok((candidate, None));
        }
    }
    let name = full.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some((file_part, function)) = name.rsplit_once('.') {
        let file = full.with_file_name(file_part);
        for candidate in [file.clone(), with_extension(&file)] {
            if is_script(&candidate) && is_function_name(function) {
                return Ok((candidate, Some(function.to_owned())));
            }
        }
    }
    let shown = typed.display();
    if full.is_dir() {
        return Err(Failure::usage(format!("`{shown}` is a folder; name a script in it")));
    }
    if full.is_file() {
        return Err(Failure::usage(format!(
            "`{shown}` is not a script: its name must end in .rhai"
        )));
    }
    if full.exists() {
        return Err(Failure::usage(format!("`{shown}` is neither a file nor a folder")));
    }
    match (full.metadata(), full.read_link()) {
        (Err(error), Ok(target)) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::usage(format!(
                "`{shown}` is a link to `{}`, which is not there",
                target.display()
            )));
        }
        (Err(error), _) if error.kind() != ErrorKind::NotFound => {
            return Err(Failure::reading(typed, &error));
        }
        _ => {}
    }
    let mut message = format!("no script `{shown}`");
    let scripts = scripts_beside(full);
    if let Some(closest) = closest(name, &scripts) {
        message.push_str(&format!("; did you mean `{}`?", typed.with_file_name(closest).display()));
    } else if scripts.is_empty() {
        message.push_str("; there is no .rhai file in that folder");
    } else {
        message.push_str(&format!("; in that folder there is {}", scripts.join(", ")));
    }
    Err(Failure::usage(message))
}

/// Whether the runtime takes it for one in a handler setting.
fn is_function_name(text: &str) -> bool {
    !text.contains('.') && Handler::parse(&format!("file.{text}")).is_ok()
}

fn scripts_beside(path: &Path) -> Vec<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut scripts: Vec<String> = names.filter(|name| name.ends_with(".rhai")).collect();
    scripts.sort();
    scripts.truncate(10);
    scripts
}

/// The candidate that most looks like what was typed, if one does.
pub(crate) fn closest<'a>(typed: &str, candidates: &'a [String]) -> Option<&'a str> {
    let stem = |name: &'a str| name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let typed_stem = typed.split('.').next().unwrap_or(typed);
    let near = candidates.iter().map(|name| (distance(typed_stem, stem(name)), name.as_str()));
    let (distance, name) = near.min()?;
    (distance <= typed_stem.chars().count() / 3 + 1).then_some(name)
}

/// The number of insertions, deletions and replacements between two texts.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, character) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let scripts = ["hello.rhai".to_owned(), "orders.rhai".to_owned()];
        assert_eq!(closest("helo", &scripts), Some("hello.rhai"));
        assert_eq!(closest("order.handler", &scripts), Some("orders.rhai"));
        assert_eq!(closest("nightly", &scripts), None);
    }

    #[test]
    fn a_function_is_named_as_the_runtime_takes_it() {
        for name in ["handler", "_private2", "Main"] {
            assert!(is_function_name(name), "{name}");
        }
        for name in ["", "rhai", "__", "1st", "a-b", "a.b", "ä"] {
            assert!(!is_function_name(name), "{name}");
        }
    }

    #[test]
    fn distances_count_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("same", "same"), 0);
    }
}
