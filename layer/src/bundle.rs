//! The files a function needs: its script, what that imports, what those import, and the files that
//! they read or include.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::Entry;
use crate::excerpt::excerpt;
use crate::failure::Failure;
use crate::script::{Import, Script};
use crate::task_files::{self, Matching};
use crate::{archive, source_file};

/// Scripts of one task root, with everything they import.
#[derive(Debug)]
pub(crate) struct Bundle<'a> {
    root: &'a Path,
    /// Imports that a layer will provide.
    external: &'a [String],
    scripts: BTreeMap<String, Loaded>,
    /// What is no script, by its path below the root, with where it really is.
    files: BTreeMap<String, PathBuf>,
    /// Where such files were looked for.
    folders: BTreeSet<PathBuf>,
    /// What is missing is left out with a warning, for a run that may never need it.
    is_lenient: bool,
    /// The externals that were in fact imported.
    pub(crate) left_to_a_layer: Vec<String>,
    /// What cannot be known before the script runs.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug)]
struct Loaded {
    source: String,
    script: Script,
}

impl<'a> Bundle<'a> {
    /// An empty bundle of a task root, which has to be an absolute path without symlinks.
    pub(crate) fn of(root: &'a Path, external: &'a [String]) -> Bundle<'a> {
        Bundle {
            root,
            external,
            scripts: BTreeMap::new(),
            files: BTreeMap::new(),
            folders: BTreeSet::new(),
            is_lenient: false,
            left_to_a_layer: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// What the package of a script would have, for a run on this machine: what cannot be packaged is
    /// left out, with a warning. The root is an absolute path without links.
    pub(crate) fn of_run(root: &'a Path, script: &str, include: &[String]) -> Bundle<'a> {
        let mut bundle = Bundle { is_lenient: true, ..Bundle::of(root, &[]) };
        let added = bundle.add(script).map(drop).and_then(|()| bundle.add_files(include));
        // The runtime says what is wrong with a script, and better.
        drop(added);
        bundle
    }

    /// Adds the files that the scripts read by constant paths, those that they include, and those of
    /// these patterns of the command line.
    pub(crate) fn add_files(&mut self, include: &[String]) -> Result<(), Failure> {
        let mut patterns: Vec<(String, String)> =
            include.iter().map(|pattern| ("--include".to_owned(), pattern.clone())).collect();
        let mut reads = Vec::new();
        for (path, loaded) in &self.scripts {
            for include in &loaded.script.includes {
                let place = format!("{path}:{}:{}", include.line, include.column);
                if include.is_too_late {
                    self.warnings.push(format!(
                        "{place}: an `include` line has to stand above the first statement of the \
                         script; this one includes nothing"
                    ));
                } else {
                    patterns.push((place, include.pattern.clone()));
                }
            }
            let place = |read: &task_files::Read| format!("{path}:{}:{}", read.line, read.column);
            reads.extend(loaded.script.reads.iter().map(|read| (place(read), read.clone())));
        }
        for (place, pattern) in patterns {
            let refused = match task_files::matching(self.root, &pattern) {
                Ok(found) if found.files.is_empty() => {
                    self.take(found);
                    format!("no file of the root `{}` is meant", self.root.display())
                }
                Ok(found) => {
                    self.take(found);
                    continue;
                }
                Err(why) => why,
            };
            let message = format!("{place}: cannot include `{pattern}`: {refused}");
            if !self.is_lenient {
                return Err(Failure::usage(message));
            }
            self.warnings.push(message);
        }
        for (place, read) in reads {
            let found = match read.is_pattern {
                true => task_files::matching(self.root, &read.path),
                // A path is no pattern, whatever letters it has.
                false => task_files::matching(self.root, &glob::Pattern::escape(&read.path)),
            };
            match found {
                Ok(found) => {
                    let is_there = !found.files.is_empty() || self.root.join(&read.path).is_dir();
                    if !is_there && !read.is_pattern && read.needs_it && !self.is_lenient {
                        self.warnings.push(format!(
                            "{place}: `{}` reads `{}`, which is not there",
                            read.function, read.path
                        ));
                    }
                    self.take(found);
                }
                Err(why) if self.is_lenient => {
                    self.warnings.push(format!("{place}: cannot package `{}`: {why}", read.path));
                }
                Err(why) => {
                    return Err(Failure::usage(format!(
                        "{place}: cannot package `{}`: {why}",
                        read.path
                    )));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, found: Matching) {
        let scripts = &self.scripts;
        self.files.extend(found.files.into_iter().filter(|(path, _)| !scripts.contains_key(path)));
        self.folders.extend(found.folders);
    }

    /// Leaves out a file, such as the zip that is written.
    pub(crate) fn leave_out(&mut self, file: &Path) {
        if let Ok(real) = file.canonicalize() {
            self.files.retain(|_, there| *there != real);
        }
    }

    /// The paths of all files below the root.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.scripts.keys().chain(self.files.keys()).map(String::as_str).collect()
    }

    /// The folders in which files were looked for, where more may appear.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// Adds a script by its path below the root, with all it imports.
    pub(crate) fn add(&mut self, path: &str) -> Result<&Script, Failure> {
        self.load(path, &mut Vec::new())?;
        Ok(&self.scripts[path].script)
    }

    /// The files, ready to be zipped.
    pub(crate) fn into_entries(self) -> Result<Vec<Entry>, Failure> {
        // Before so much is read that this machine has no room for it.
        let mut sizes = Vec::new();
        for (name, path) in &self.files {
            let size =
                fs::metadata(path).map_err(|error| Failure::reading(Path::new(name), &error))?;
            sizes.push((name.clone(), usize::try_from(size.len()).unwrap_or(usize::MAX)));
        }
        archive::check_unzipped(&sizes)?;
        let entry =
            |name: String, contents: Vec<u8>| Entry { name, contents, is_executable: false };
        let mut entries = Vec::new();
        for (name, path) in self.files {
            let contents =
                fs::read(path).map_err(|error| Failure::reading(Path::new(&name), &error))?;
            entries.push(entry(name, contents));
        }
        let scripts = self.scripts.into_iter();
        entries.extend(scripts.map(|(name, loaded)| entry(name, loaded.source.into_bytes())));
        Ok(entries)
    }

    /// `loading` are the scripts whose top level is waiting for this one.
    fn load(&mut self, path: &str, loading: &mut Vec<String>) -> Result<(), Failure> {
        if self.scripts.contains_key(path) && !loading.iter().any(|waiting| waiting == path) {
            return Ok(());
        }
        if let Some(at) = loading.iter().position(|waiting| waiting == path) {
            let circle = [&loading[at..], &[path.to_owned()]].concat().join("` imports `");
            return Err(Failure::usage(format!("circular import: `{circle}`")));
        }
        let source = read(&self.root.join(path), path)?;
        let script = Script::parse(path, &source)?;
        let imports = script.imports.clone();
        self.scripts.insert(path.to_owned(), Loaded { source, script });
        loading.push(path.to_owned());
        for import in &imports {
            let Some(target) = self.resolve(path, import)? else { continue };
            if import.at_top_level {
                self.load(&target, loading)?;
            } else {
                // A function is called when all top levels are done, so it closes no circle.
                self.load(&target, &mut Vec::new())?;
            }
        }
        loading.pop();
        Ok(())
    }

    /// The path of what is imported; nothing if that is not for us to deliver.
    fn resolve(&mut self, importer: &str, import: &Import) -> Result<Option<String>, Failure> {
        let place = format!("{importer}:{}:{}", import.line, import.column);
        let Some(written) = &import.path else {
            self.warnings.push(format!(
                "{place} imports a path that is computed at run time; \
                 if the file is not packaged already, name it on the command line"
            ));
            return Ok(None);
        };
        let refuse = |why: String| {
            let source = self.scripts.get(importer).map_or("", |loaded| &loaded.source);
            let excerpt = excerpt(source, import.line, import.column).replace('\n', "\n  ");
            Err(Failure::usage(format!("{place}: cannot import `{written}`: {why}\n  {excerpt}")))
        };
        let Some(normal) = normalised(written) else {
            return refuse(
                "a path is relative to the task root, has `/` between folders and no `..`"
                    .to_owned(),
            );
        };
        let mut candidates = vec![format!("{normal}.rhai")];
        if normal.ends_with(".rhai") {
            candidates.push(normal.clone());
        }
        for candidate in &candidates {
            match self.root.join(candidate).canonicalize() {
                Ok(file) if file.is_dir() => {}
                Ok(file) if file.starts_with(self.root) => return Ok(Some(candidate.clone())),
                Ok(file) => {
                    return refuse(format!(
                        "it is a link to `{}`, outside of the root `{}`",
                        file.display(),
                        self.root.display()
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return refuse(error.to_string()),
            }
        }
        if self.external.iter().any(|name| normalised(name).as_ref() == Some(&normal)) {
            if !self.left_to_a_layer.contains(&normal) {
                self.left_to_a_layer.push(normal);
            }
            return Ok(None);
        }
        if self.is_lenient {
            return Ok(None);
        }
        refuse(format!(
            "there is no `{}` in the root `{}`; name another root with --root, or say \
             --external {normal} if a layer has it in /opt",
            candidates[0],
            self.root.display()
        ))
    }
}

/// An import path without `.` and empty parts; nothing if it leaves the root.
pub(crate) fn normalised(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

fn read(file: &Path, shown: &str) -> Result<String, Failure> {
    let bytes =
        source_file::read(file).map_err(|error| Failure::reading(Path::new(shown), &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..good];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::usage(format!("`{shown}` is not UTF-8: the first wrong byte is in line {line}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_paths_stay_below_the_root() {
        for (written, expected) in [
            ("lib/money", Some("lib/money")),
            ("./lib//money", Some("lib/money")),
            ("../money", None),
            ("lib/../../money", None),
            ("/opt/money", None),
            ("lib\\money", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(normalised(written).as_deref(), expected, "{written}");
        }
    }
}
