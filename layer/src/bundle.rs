//! The files a function needs: its script, what that imports, what those import.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::archive::Entry;
use crate::excerpt::excerpt;
use crate::failure::Failure;
use crate::script::{Import, Script};
use crate::source_file;

/// Scripts of one task root, with everything they import.
#[derive(Debug)]
pub(crate) struct Bundle<'a> {
    root: &'a Path,
    /// Imports that a layer will provide.
    external: &'a [String],
    scripts: BTreeMap<String, Loaded>,
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
        let scripts = BTreeMap::new();
        Bundle { root, external, scripts, left_to_a_layer: Vec::new(), warnings: Vec::new() }
    }

    /// Adds a script by its path below the root, with all it imports.
    pub(crate) fn add(&mut self, path: &str) -> Result<&Script, Failure> {
        self.load(path, &mut Vec::new())?;
        Ok(&self.scripts[path].script)
    }

    /// The files, ready to be zipped.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        let entry = |(name, loaded): (String, Loaded)| Entry {
            name,
            contents: loaded.source.into_bytes(),
            is_executable: false,
        };
        self.scripts.into_iter().map(entry).collect()
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
