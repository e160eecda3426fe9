//! Writes the references and the definitions that editors read.

use std::fs;
use std::io;
use std::path::Path;

use rhambda_tests::{reference, repository};

fn main() -> io::Result<()> {
    for (path, text) in reference::files() {
        let path = repository().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(path, text)?;
    }
    Ok(())
}
