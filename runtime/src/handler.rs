//! `file.function` -> where the script is and which of its functions to call.

use std::path::{Path, PathBuf};

use crate::error::{ErrorType, InitError, Report};

/// The handler setting, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// The setting as the user wrote it.
    pub setting: String,
    /// The file part: relative, `/` between folders, with or without `.rhai`.
    pub file: String,
    /// The function to call on each event.
    pub function: String,
}

impl Handler {
    /// Splits a handler setting at its last dot.
    ///
    /// # Errors
    /// `Runtime.MalformedHandlerName` when a part is missing, the function is no Rhai name, or the
    /// file part is absolute or leads outside the task root.
    pub fn parse(setting: &str) -> Result<Self, InitError> {
        let refuse = |why: &str| {
            Err(InitError(Box::new(Report::new(
                ErrorType::MalformedHandlerName,
                format!(
                    "bad handler `{setting}`: {why}; write `file.function`, \
                     for example `hello.handler` for `fn handler(event)` in hello.rhai"
                ),
            ))))
        };
        let Some((file, function)) = setting.rsplit_once('.') else {
            return refuse("it has no dot");
        };
        if file.is_empty() || file.ends_with('/') {
            return refuse("the file part is empty");
        }
        if function.is_empty() {
            return refuse("the function part is empty");
        }
        if !is_function_name(function) {
            return refuse(&format!("`{function}` is not a function name"));
        }
        if file.contains(['\\', '\0']) || file.chars().any(char::is_whitespace) {
            return refuse("the file part holds a character that is not allowed");
        }
        if file.starts_with('/') {
            return refuse("the file part is an absolute path");
        }
        if file.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return refuse("the file part has an empty, `.` or `..` segment");
        }
        if function == "rhai" {
            return refuse("the function is missing after the file name");
        }
        Ok(Self { setting: setting.into(), file: file.into(), function: function.into() })
    }

    /// The paths a script may be at, in the order they are tried.
    #[must_use]
    pub fn candidates(&self, roots: &[PathBuf]) -> Vec<PathBuf> {
        roots.iter().flat_map(|root| script_candidates(root, &self.file)).collect()
    }
}

/// The files under `root` that a script name such as `lib/money` or `lib/money.rhai` may mean.
#[must_use]
pub fn script_candidates(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut candidates = vec![root.join(format!("{name}.rhai"))];
    if name.ends_with(".rhai") {
        candidates.insert(0, root.join(name));
    }
    candidates
}

fn is_function_name(name: &str) -> bool {
    let mut letters = name.trim_start_matches('_').chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_split_at_its_last_dot() {
        for (setting, file, function) in [
            ("hello.handler", "hello", "handler"),
            ("dir/sub/file.main", "dir/sub/file", "main"),
            ("api.v2.handler", "api.v2", "handler"),
            ("index.rhai.main", "index.rhai", "main"),
            ("a._private2", "a", "_private2"),
        ] {
            let handler = Handler::parse(setting).unwrap();
            assert_eq!((handler.file.as_str(), handler.function.as_str()), (file, function));
        }
    }

    #[test]
    fn a_setting_that_leads_nowhere_is_refused() {
        for setting in [
            "",
            ".",
            "hello",
            "hello.",
            ".handler",
            "/abs.handler",
            "../up.handler",
            "a/../b.handler",
            "a//b.handler",
            "./a.handler",
            "dir/.handler",
            "a\\b.handler",
            "a.1st",
            "a.b-c",
            "a b.handler",
            "hello.rhai",
            "a.__",
        ] {
            assert!(Handler::parse(setting).is_err(), "{setting} was taken");
        }
    }
}
