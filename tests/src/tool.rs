//! The real `rhambda`, as a person would run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::function::repository;

/// The tool that was built together with the tests.
///
/// # Panics
/// When there is none, saying how to make it.
#[must_use]
pub fn rhambda() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let tool = test.ancestors().nth(2).expect("a test is in target/PROFILE/deps").join("rhambda");
    assert!(tool.is_file(), "no rhambda at {}: run `make tool`", tool.display());
    tool
}

/// The layer's zip, where `make layer` leaves it.
///
/// # Panics
/// When there is none, saying how to make it.
#[must_use]
pub fn layer_zip() -> PathBuf {
    let name = format!("target/layer/rhambda-layer-{}.zip", std::env::consts::ARCH);
    let path = repository().join(name);
    assert!(path.is_file(), "no layer at {}: run `make layer`", path.display());
    path
}

/// Runs `rhambda package SCRIPT -o ZIP` in a folder.
#[must_use]
pub fn package(folder: &Path, script: &str, zip: &Path) -> Output {
    Command::new(rhambda())
        .args(["package", script, "-o"])
        .arg(zip)
        .current_dir(folder)
        .output()
        .expect("rhambda starts")
}
