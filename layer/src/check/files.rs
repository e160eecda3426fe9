//! The files that a script reads or includes against those that are there.

use std::path::Path;

use super::problem::Problem;
use super::project::{File, place};
use crate::task_files;

/// Checks what a script reads by constant paths, and its `//! include:` lines.
pub(crate) fn check(file: &File, root: &Path) -> Vec<Problem> {
    let Ok(root) = root.canonicalize() else { return Vec::new() };
    let mut problems = Vec::new();
    for read in task_files::reads(&file.ast) {
        if read.is_pattern || !read.needs_it || root.join(&read.path).exists() {
            continue;
        }
        let message = format!("`{}` reads `{}`, which is not there", read.function, read.path);
        let problem = Problem::warning(&file.path, "file", message);
        problems.push(
            problem
                .at(place(read.line, read.column), read.path.chars().count() + 2)
                .help(format!("paths start from the task root, which is {} here", root.display())),
        );
    }
    for include in task_files::includes(&file.source) {
        let length = include.pattern.chars().count().max(1);
        let found = task_files::matching(&root, &include.pattern);
        let (why, help) = match found {
            _ if include.is_too_late => (
                "an `include` line has to stand above the first statement; this one includes \
                 nothing"
                    .to_owned(),
                "move it to the top of the script".to_owned(),
            ),
            Ok(found) if !found.files.is_empty() => continue,
            Ok(_) => (
                format!("no file is meant by `{}`", include.pattern),
                format!("patterns start from the task root, which is {} here", root.display()),
            ),
            Err(why) => (
                format!("cannot include `{}`: {why}", include.pattern),
                "it takes paths, folders and patterns with commas between, as in `//! include: \
                 pages/**, keys/*.pem`"
                    .to_owned(),
            ),
        };
        let problem = Problem::error(&file.path, "include", why);
        problems.push(problem.at(place(include.line, include.column), length).help(help));
    }
    problems
}
