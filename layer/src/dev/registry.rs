//! The functions of a folder, by name: one for each script that has a handler.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::failure::Failure;
use crate::script::{Script, SyntaxError};
use crate::script_name::{DEFAULT_FUNCTION, closest};
use crate::source_file;
use crate::watch::Stamp;

/// Folders with scripts that are not the user's functions.
const FOLDERS_PASSED_OVER: [&str; 3] = ["lib", "node_modules", "target"];

/// The first segment of the paths that no function has.
pub(crate) const RESERVED: &str = "_rhambda";

/// A folder whose scripts are served.
#[derive(Debug)]
pub(crate) struct Registry {
    root: PathBuf,
    /// What was found in scripts that have not changed since.
    scripts: Mutex<HashMap<PathBuf, (Option<Stamp>, Contents)>>,
}

/// What a script has to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Contents {
    /// The public functions that can be handlers.
    Handlers(Vec<String>),
    /// Something that no parser understands. To call it is the way to be told why.
    Broken,
    /// No script of this folder.
    Nothing,
}

/// A function that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Found {
    /// What it is called by: `hello`, `jobs/nightly`, `shop.refund`.
    pub(crate) name: String,
    /// The script's path below the root.
    pub(crate) path: String,
    /// Lambda's handler setting.
    pub(crate) handler: String,
}

impl Found {
    fn new(name: &str, script: &str, function: &str) -> Found {
        Found {
            name: name.to_owned(),
            path: format!("{script}.rhai"),
            handler: format!("{script}.{function}"),
        }
    }

    /// The name with what Lambda lets no name have replaced.
    pub(crate) fn lambda_name(&self) -> String {
        self.name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "-")
    }
}

impl Registry {
    /// The scripts in a folder and below.
    pub(crate) fn of(root: &Path) -> Result<Registry, Failure> {
        let found = root.canonicalize().map_err(|error| Failure::reading(root, &error))?;
        if !found.is_dir() {
            return Err(Failure::usage(format!(
                "`{}` is no folder; name the one with the scripts, or use `rhambda invoke` for \
                 one script",
                root.display()
            )));
        }
        Ok(Registry { root: found, scripts: Mutex::default() })
    }

    /// The folder, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The function of that name, or why there is none.
    pub(crate) fn find(&self, name: &str) -> Result<Found, String> {
        match self.look_up(name) {
            Some(found) => Ok(found),
            // Names that Lambda would not take are called by what it could take, too.
            None => {
                let mut every = self.every();
                match every.iter().position(|found| found.lambda_name() == name) {
                    Some(at) => Ok(every.swap_remove(at)),
                    None => Err(self.why_not(name)),
                }
            }
        }
    }

    /// The function whose name a URL path begins with, and the rest of the path.
    pub(crate) fn find_in_path<'a>(&self, path: &'a str) -> Option<(Found, &'a str)> {
        let below = path.strip_prefix('/')?;
        let ends = below.match_indices('/').map(|(at, _)| at).chain([below.len()]);
        let mut ends: Vec<usize> = ends.take(16).collect();
        ends.reverse();
        ends.into_iter().find_map(|end| {
            let name = crate::emulator::percent_decoded(&below[..end]);
            Some((self.look_up(&name)?, &below[end..]))
        })
    }

    /// Every function that a script's `handler` is, by name.
    pub(crate) fn all(&self) -> Vec<Found> {
        let mut scripts = Vec::new();
        collect(&self.root, "", &mut scripts);
        let mut all: Vec<Found> =
            scripts.iter().filter_map(|script| self.look_up_handler(script)).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// What keeps a function's script from being understood, with its line and column.
    pub(crate) fn flaw(&self, found: &Found) -> Option<SyntaxError> {
        let script = found.path.strip_suffix(".rhai").unwrap_or(&found.path);
        if self.contents(script) != Contents::Broken {
            return None;
        }
        let nowhere = |message: String| SyntaxError { message, line: 1, column: 1 };
        match source_file::read_text(&self.root.join(&found.path)) {
            Err(error) => Some(nowhere(format!("the script cannot be read: {error}"))),
            Ok(source) => match Script::read(&source) {
                Ok(read) => read.err(),
                Err(failure) => Some(nowhere(failure.message)),
            },
        }
    }

    /// Every function that can be called, also those that are not a script's `handler`.
    fn every(&self) -> Vec<Found> {
        let mut scripts = Vec::new();
        collect(&self.root, "", &mut scripts);
        let mut every = self.all();
        for script in &scripts {
            if let Contents::Handlers(handlers) = self.contents(script) {
                let named = |function: &String| {
                    Found::new(&format!("{script}.{function}"), script, function)
                };
                every.extend(handlers.iter().map(named));
            }
        }
        every
    }

    fn look_up(&self, name: &str) -> Option<Found> {
        if !is_served(name) {
            return None;
        }
        self.look_up_handler(name).or_else(|| {
            let (script, function) = name.rsplit_once('.')?;
            match self.contents(script) {
                Contents::Handlers(handlers) if handlers.iter().any(|one| one == function) => {}
                Contents::Broken => {}
                _ => return None,
            }
            Some(Found::new(name, script, function))
        })
    }

    fn look_up_handler(&self, script: &str) -> Option<Found> {
        match self.contents(script) {
            Contents::Handlers(handlers) if handlers.iter().any(|one| one == DEFAULT_FUNCTION) => {}
            Contents::Broken => {}
            _ => return None,
        }
        Some(Found::new(script, script, DEFAULT_FUNCTION))
    }

    /// What is in a script; its name has no extension.
    fn contents(&self, script: &str) -> Contents {
        let path = self.root.join(format!("{script}.rhai"));
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stamp, contents)) = scripts.get_mut(&path) {
            if Stamp::still_holds(stamp, &path) {
                return contents.clone();
            }
        }
        let stamp = Stamp::of(&path);
        if stamp.is_none() {
            // Names that nobody has a script for may come in any number.
            scripts.remove(&path);
            return Contents::Nothing;
        }
        let contents = self.read(script, &path);
        scripts.insert(path, (stamp, contents.clone()));
        contents
    }

    fn read(&self, script: &str, path: &Path) -> Contents {
        let is_below = path.canonicalize().is_ok_and(|file| file.starts_with(&self.root));
        if !is_below || !path.is_file() {
            return Contents::Nothing;
        }
        let Ok(source) = source_file::read_text(path) else { return Contents::Broken };
        let Ok(parsed) = Script::parse(script, &source) else { return Contents::Broken };
        let names = parsed.functions.iter().map(|function| function.name.clone());
        let mut handlers: Vec<String> =
            names.filter(|name| parsed.check_handler(name).is_ok()).collect();
        handlers.sort();
        handlers.dedup();
        Contents::Handlers(handlers)
    }

    fn why_not(&self, name: &str) -> String {
        let root = self.root.display();
        if is_served(name) {
            if let Contents::Handlers(handlers) = self.contents(name) {
                let others: Vec<String> =
                    handlers.iter().map(|function| format!("`{name}.{function}`")).collect();
                let others = match others.len() {
                    0 => String::new(),
                    _ => format!("; call {}", others.join(", ")),
                };
                return format!(
                    "`{name}.rhai` has no `fn handler(event)`, so it is a module{others}"
                );
            }
        }
        let names: Vec<String> = self.all().into_iter().map(|found| found.name).collect();
        if names.is_empty() {
            return format!("there is no function in {root}: no script has an `fn handler(event)`");
        }
        match closest(name, &names) {
            Some(near) => format!("there is no function `{name}` in {root}; is it `{near}`?"),
            None => {
                format!("there is no function `{name}`; in {root} there is {}", names.join(", "))
            }
        }
    }
}

/// Whether a name can be that of a function: a relative path to a script that is none of a library
/// or of a test, and not hidden.
fn is_served(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let mut folders: Vec<&str> = name.split('/').collect();
    let file = folders.pop().unwrap_or_default();
    parts.all(|part| matches!(part, Component::Normal(_)))
        && folders.iter().all(|folder| is_own_folder(folder))
        && !file.is_empty()
        && !file.starts_with('.')
        && !file.ends_with(".test")
        // Definitions for editors.
        && !file.ends_with(".d")
        // The console's.
        && folders.first().copied().unwrap_or(file) != RESERVED
        && !name.contains('\0')
}

fn is_own_folder(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !FOLDERS_PASSED_OVER.contains(&name)
}

/// The scripts in a folder and below, as paths without extension.
fn collect(folder: &Path, prefix: &str, scripts: &mut Vec<String>) {
    // A folder that cannot be read has nothing to serve.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A link to a folder may lead round in a circle.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = format!("{prefix}{name}");
        if is_folder && is_own_folder(&name) {
            collect(&entry.path(), &format!("{path}/"), scripts);
        } else if let Some(script) = path.strip_suffix(".rhai").filter(|script| is_served(script)) {
            scripts.push(script.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_below_the_folder() {
        for name in ["hello", "jobs/nightly", "shop.refund", "a/b/c.run"] {
            assert!(is_served(name), "{name}");
        }
        for name in [
            "",
            "/etc/x",
            "../x",
            "a/../b",
            "lib/money",
            "a/lib/b",
            ".x",
            ".git/x",
            "x.test",
            "x.d",
            "a/",
        ] {
            assert!(!is_served(name), "{name}");
        }
    }

    #[test]
    fn lambda_takes_no_slashes_and_dots_in_names() {
        assert_eq!(
            Found::new("jobs/nightly.run", "jobs/nightly", "run").lambda_name(),
            "jobs-nightly-run"
        );
    }
}
