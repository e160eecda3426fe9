//! The files that a running function was made from, and the folders of those that it may read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bundle::{Bundle, normalised};
use crate::script::Script;
use crate::source_file;
use crate::watch::Watched;

/// Notes the script and all it imports, as far as imports can be read off the sources.
pub(super) fn watch(root: &Path, script: &str, others: &[PathBuf], include: &[String]) -> Watched {
    let mut watched = Watched::default();
    for other in others {
        watched.note(other.clone());
    }
    let mut waiting = vec![root.join(script)];
    while let Some(path) = waiting.pop() {
        // Noted before it is read, a change between the two counts as one.
        if !watched.note(path.clone()) {
            continue;
        }
        let Ok(source) = source_file::read_text(&path) else { continue };
        let Ok(parsed) = Script::parse(script, &source) else { continue };
        for import in parsed.imports {
            match import.path {
                Some(written) => {
                    let Some(normal) = normalised(&written) else { continue };
                    // One that is missing may appear, and then comes first.
                    waiting.push(root.join(format!("{normal}.rhai")));
                    if normal.ends_with(".rhai") {
                        waiting.push(root.join(normal));
                    }
                }
                // It may be any script.
                None => collect(root, &mut waiting),
            }
        }
    }
    // A file that comes or goes there changes what the function may read. What is in a file is read
    // anew each time.
    if let Ok(root) = root.canonicalize() {
        for folder in Bundle::of_run(&root, script, include).folders() {
            watched.note(folder.to_owned());
        }
    }
    watched
}

fn collect(folder: &Path, scripts: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden {
            collect(&path, scripts);
        } else if path.extension().is_some_and(|extension| extension == "rhai") {
            scripts.push(path);
        }
    }
}
