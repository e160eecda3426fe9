//! What a script reaches against what it declares with `//! allow:`.
use super::problem::Problem;
use super::project::{File, Project};
pub(crate) fn check(_file: &File, _project: &Project) -> Vec<Problem> {
    Vec::new()
}
