//! The scripts of a folder.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// Folders deeper than this are nobody's.
const MAX_DEPTH: usize = 32;

/// The scripts of a folder and those below it, but for those of hidden and foreign folders: their
/// paths with `/` between folders, after a prefix. `typed` is what the folder is called in messages.
pub(crate) fn scripts_below(
    folder: &Path,
    prefix: &str,
    typed: &Path,
) -> Result<Vec<String>, Failure> {
    let mut scripts = Vec::new();
    collect(folder, prefix, 0, &mut scripts)?;
    if scripts.is_empty() {
        return Err(Failure::usage(format!("there is no .rhai file in `{}`", typed.display())));
    }
    Ok(scripts)
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    scripts: &mut Vec<String>,
) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::reading(folder, &error))?;
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let is_foreign = name.starts_with('.') || name == "node_modules" || name == "target";
        if kind.is_dir() && !is_foreign && depth < MAX_DEPTH {
            collect(&entry.path(), &path, depth + 1, scripts)?;
        } else if name.ends_with(".rhai") && !name.ends_with(".d.rhai") && entry.path().is_file() {
            scripts.push(path);
        }
    }
    Ok(())
}
