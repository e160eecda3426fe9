//! Writes the table of the files that are inside the binary: each by its name without extension.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let samples = crate_folder.join("samples");
    let mut files = json_files(&samples.join("own"))?;
    files.extend(json_files(&samples.join("aws_lambda_events"))?);
    let rows =
        files.iter().map(|(name, path)| format!("    ({name:?}, include_str!({path:?})),\n"));
    fs::write(out.join("samples.rs"), format!("&[\n{}]\n", rows.collect::<String>()))
}

fn json_files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, path));
        }
    }
    files.sort();
    Ok(files)
}
