//! Two files that are a test: what a function was given, and what came of it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What a case can be called.
pub(crate) const CASE_NAMES: &str = "a test's name has 1 to 64 letters, digits, `-` and `_`";

/// Why a pair was not written.
#[derive(Debug)]
pub(crate) enum NotSaved {
    /// There is such a file.
    Exists(PathBuf),
    Failed(PathBuf, io::Error),
}

/// Whether a case can be called so.
pub(crate) fn is_case(name: &str) -> bool {
    let is_fit = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_fit)
}

/// The type of the error that tells how long a function took, which is never the same.
pub(crate) const TOO_LATE: &str = "Function.DeadlineExceeded";

/// What an error has to have when it comes again: not where it was, and not how long it took.
pub(crate) fn lasting(mut error: Value) -> Value {
    if let Some(fields) = error.as_object_mut() {
        fields.remove("stackTrace");
        if fields.get("errorType").is_some_and(|kind| kind == TOO_LATE) {
            fields.remove("errorMessage");
        }
    }
    error
}

/// Writes both files, of which the names begin with the stem, or neither; what is there already stays
/// as it is.
pub(crate) fn save(
    folder: &Path,
    stem: &str,
    files: &[(&str, Vec<u8>); 2],
) -> Result<[PathBuf; 2], NotSaved> {
    let paths = [0, 1].map(|index: usize| folder.join(format!("{stem}.{}", files[index].0)));
    let mut written: Vec<&Path> = Vec::new();
    for (path, (_, text)) in paths.iter().zip(files) {
        let result =
            OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
                written.push(path);
                file.write_all(text)
            });
        if let Err(error) = result {
            for path in &written {
                // A half of a test would fail for no reason that anybody sees.
                drop(fs::remove_file(path));
            }
            return Err(match error.kind() {
                ErrorKind::AlreadyExists => NotSaved::Exists(path.clone()),
                _ => NotSaved::Failed(path.clone(), error),
            });
        }
    }
    Ok(paths)
}
