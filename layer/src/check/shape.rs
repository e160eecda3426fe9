//! Paths of the event against the events that the trigger sends: `event.Recrods`.

use std::path::Path;

use super::problem::Problem;
use super::project::File;
use super::table::Table;

pub(crate) fn check(_file: &File, _root: &Path, _table: &Table) -> Vec<Problem> {
    Vec::new()
}
