//! Writes the licences of the crates that are linked into `bootstrap`, for the layer's zip.
//!
//! Reads `cargo metadata` for which crates those are, and their own licence files for the texts.
//! The same crates give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let target =
        std::env::args().nth(1).ok_or("say for which target, such as x86_64-unknown-linux-gnu")?;
    let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform", &target])?;
    // The metadata lists optional crates that are not built; the tree lists what is.
    let tree = cargo(&[
        "tree",
        "--package",
        "rhambda-runtime",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--target",
        &target,
    ])?;
    let notices = notices(&serde_json::from_str(&metadata)?, &linked(&tree))?;
    Ok(std::io::stdout().write_all(notices.as_bytes())?)
}

fn cargo(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(program).args(arguments).arg("--locked").output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Names and versions out of lines such as `log v0.4.35`.
fn linked(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .filter(|(name, _)| !name.starts_with("rhambda"))
        .collect()
}

fn notices(metadata: &Value, linked: &BTreeSet<(&str, &str)>) -> Result<String, Box<dyn Error>> {
    let mut notices = String::from(
        "The program `bootstrap` in this layer is made of rhambda and of the crates below,\n\
         each under its own licence.\n\n",
    );
    // Many crates carry the same text to the letter.
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in linked {
        let package = metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|package| package["name"] == *name && package["version"] == *version)
            .ok_or_else(|| format!("{name} {version} is built but not described"))?;
        let title = format!("{name} {version}");
        let licence = package["license"].as_str().unwrap_or("see below");
        notices.push_str(&format!("  {title}: {licence}\n"));
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        if let Some(text) = licence_text(manifest.parent().unwrap_or(Path::new(".")))? {
            texts.entry(text).or_default().push(title);
        }
    }
    let mut ordered: Vec<_> = texts.into_iter().map(|(text, of)| (of, text)).collect();
    ordered.sort();
    for (of, text) in ordered {
        let line = "-".repeat(79);
        notices.push_str(&format!("\n{line}\n{}\n\n{}\n", of.join(", "), text.trim_end()));
    }
    Ok(notices)
}

/// The licence file of a crate; of the two usual ones the MIT text is enough.
fn licence_text(folder: &Path) -> Result<Option<String>, Box<dyn Error>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            let upper = name.to_uppercase();
            let is_licence =
                ["LICENSE", "LICENCE", "COPYING"].iter().any(|start| upper.starts_with(start));
            is_licence && folder.join(name).is_file()
        })
        .collect();
    names.sort_by_key(|name| (!name.to_uppercase().contains("MIT"), name.clone()));
    match names.first() {
        Some(name) => Ok(Some(std::fs::read_to_string(folder.join(name))?.replace("\r\n", "\n"))),
        None => Ok(None),
    }
}
