//! The folder's scripts and the files beside them, as the console shows them.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::dev::history::Record;
use crate::dev::registry::Found;
use crate::json_text::pretty;
use crate::testing::pair;

/// The largest script or event that is shown, in bytes.
const MOST_BYTES: u64 = 6 << 20;
/// So many entries of the folder are looked at for changes.
const MOST_ENTRIES: usize = 5_000;

/// A script of the folder, by its path below it; nothing else can be asked for.
pub(super) fn script(root: &Path, path: &str) -> Option<String> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || !path.ends_with(".rhai") || path.contains('\0') {
        return None;
    }
    read(root, &root.join(path))
}

/// The names of a function's own events: `NAME.event.json`, `NAME.CASE.event.json`.
pub(super) fn own_events(root: &Path, found: &Found) -> Vec<String> {
    let (folder, prefix) = beside(root, found);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut events: Vec<String> = names
        .filter(|name| {
            let rest = name.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('.'));
            let case = rest.and_then(|rest| rest.strip_suffix("event.json"));
            case.is_some_and(|case| case.is_empty() || pair::is_case(case.trim_end_matches('.')))
        })
        .collect();
    // The one without a case first.
    events.sort_by_key(|name| (name.len() > prefix.len() + ".event.json".len(), name.clone()));
    events
}

/// The text of one of them.
pub(super) fn own_event(root: &Path, found: &Found, name: &str) -> Option<String> {
    let is_own = own_events(root, found).iter().any(|own| own == name);
    let (folder, _) = beside(root, found);
    is_own.then(|| read(root, &folder.join(name))).flatten()
}

/// Why an invocation was not saved as a test.
#[derive(Debug)]
pub(super) enum NotSaved {
    /// There is such a file.
    Exists(String),
    /// The name or the invocation cannot be a test's.
    Unfit(String),
    Failed(io::Error),
}

/// Writes an invocation's event or recording, and its response or error, beside the script, and says to
/// which files, below the root. What is there already stays as it is.
pub(super) fn save_test(
    root: &Path,
    found: &Found,
    case: &str,
    record: &Record,
) -> Result<[String; 2], NotSaved> {
    if !pair::is_case(case) {
        return Err(NotSaved::Unfit(pair::CASE_NAMES.to_owned()));
    }
    let (kind, outcome) = outcome(record).map_err(NotSaved::Unfit)?;
    let (folder, prefix) = beside(root, found);
    // With what the world answered, where there was an answer.
    let given = match record.recording() {
        Some(recording) => ("recording.json", laid_out(recording.text.as_bytes())),
        None => ("event.json", laid_out(&record.event)),
    };
    let saved = pair::save(&folder, &format!("{prefix}.{case}"), &[given, (kind, outcome)]);
    match saved {
        Ok(paths) => Ok(paths.map(|path| below(root, &path))),
        Err(pair::NotSaved::Exists(path)) => Err(NotSaved::Exists(below(root, &path))),
        Err(pair::NotSaved::Failed(_, error)) => Err(NotSaved::Failed(error)),
    }
}

/// What a test compares: the kind of the file and its contents.
fn outcome(record: &Record) -> Result<(&'static str, Vec<u8>), String> {
    match &record.result {
        Ok(responded) if responded.cut => {
            Err("the response was streamed and is too long to be kept for a test".to_owned())
        }
        Ok(responded) if responded.error.is_some() => {
            Err("a stream that an error ended cannot be a test".to_owned())
        }
        Ok(responded) if responded.streamed => Ok(("response.txt", responded.parts().1.to_vec())),
        Ok(responded) => Ok(("response.json", laid_out(&responded.body))),
        Err(failed) => {
            let mut error = serde_json::json!({
                "errorType": failed.error_type, "errorMessage": failed.message,
            });
            if let Some(data) = &failed.data {
                error["errorData"] = data.clone();
            }
            Ok(("error.json", laid_out(pair::lasting(error).to_string().as_bytes())))
        }
    }
}

fn laid_out(json: &[u8]) -> Vec<u8> {
    let mut text = pretty(&String::from_utf8_lossy(json)).into_bytes();
    text.push(b'\n');
    text
}

/// The script's folder, and what the files of a function begin with.
fn beside(root: &Path, found: &Found) -> (PathBuf, String) {
    match found.name.rsplit_once('/') {
        Some((folder, name)) => (root.join(folder), name.to_owned()),
        None => (root.to_owned(), found.name.clone()),
    }
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// A file's text, if links do not lead out of the folder.
fn read(root: &Path, path: &Path) -> Option<String> {
    let real = path.canonicalize().ok().filter(|real| real.starts_with(root))?;
    let metadata = real.metadata().ok().filter(|metadata| metadata.is_file())?;
    if metadata.len() > MOST_BYTES {
        return None;
    }
    fs::read(real).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A number that is another one when a script or an event has changed.
pub(super) fn fingerprint(root: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut folders = vec![root.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            seen += 1;
            if seen > MOST_ENTRIES {
                return hasher.finish();
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || ["node_modules", "target"].contains(&name.as_str()) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            } else if name.ends_with(".rhai") || name.ends_with(".json") {
                let metadata = entry.metadata().ok();
                let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
                (entry.path(), modified, metadata.map(|metadata| metadata.len())).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}
