//! What the pages say and what the code does are the same, and nothing strays into the project.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use rhambda_runtime::config::SETTINGS;
use rhambda_runtime::error::ErrorType;
use rhambda_tests::repository;

fn readme() -> String {
    fs::read_to_string(repository().join("README.md")).expect("there is a README")
}

/// The names in the first cells of the table rows under a heading.
fn first_cells(heading: &str) -> BTreeSet<String> {
    let readme = readme();
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The paths of all files that belong to the project.
fn files() -> Vec<String> {
    const MADE: [&str; 4] = [".git", ".cache", "target", "node_modules"];
    let root = repository();
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("our folders can be read") {
            let entry = entry.expect("our folders can be read");
            let is_folder = entry.file_type().expect("a file has a type").is_dir();
            let path = entry.path();
            if !is_folder {
                let path = path.strip_prefix(&root).expect("it is below the root");
                files.push(path.to_str().expect("our paths are UTF-8").to_owned());
            } else if !MADE.iter().any(|made| entry.file_name() == *made) {
                folders.push(path);
            }
        }
    }
    files
}

#[test]
fn the_reference_of_the_library_is_what_the_sources_say() {
    let examples = |page: &str| -> BTreeSet<String> {
        let after = page.split("```rhai\n").skip(1);
        after.filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
    };
    let reference = fs::read_to_string(repository().join("runtime/docs/library.md"))
        .expect("there is a reference");
    let mut in_sources = BTreeSet::new();
    for (_, source) in library_sources() {
        let docs: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("///"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        in_sources.extend(examples(&docs.join("\n")));
    }
    let in_reference = examples(&reference);
    let odd: Vec<_> = in_reference.symmetric_difference(&in_sources).collect();
    assert!(odd.is_empty(), "run `make docs`: {odd:#?}");
}

/// The files of the library by their paths.
fn library_sources() -> Vec<(String, String)> {
    let paths = files().into_iter().filter(|path| path.starts_with("runtime/src/library/"));
    paths
        .map(|path| {
            let source = fs::read_to_string(repository().join(&path)).expect("a source is text");
            (path, source)
        })
        .collect()
}

#[test]
fn every_function_of_the_library_has_docs_with_an_example() {
    let mut count = 0;
    for (path, source) in library_sources() {
        for module in source.split("#[export_module(manifest)]").skip(1) {
            let mut docs = String::new();
            for line in module.lines().take_while(|line| *line != "}") {
                match line.trim_start() {
                    doc if doc.starts_with("///") => docs.push_str(doc),
                    function if line.starts_with("    pub fn ") => {
                        assert!(docs.contains("/// ```rhai"), "{path}: {function} has no example");
                        docs.clear();
                        count += 1;
                    }
                    _ => {}
                }
            }
        }
        // The operators of numbers speak for themselves; everything else is where docs can be.
        let elsewhere = ["set_native_fn(", "register_into_engine(", "register_fn(", "set_into_"];
        for line in source.lines().filter(|line| !line.contains(".register_fn(operator, ")) {
            let is_elsewhere = elsewhere.iter().any(|call| line.contains(call));
            assert!(!is_elsewhere || path.ends_with("/native.rs"), "{path}: {line}");
        }
    }
    assert!(count > 100, "only {count} functions were found");
}

#[test]
fn the_readme_lists_every_error_type_and_no_other() {
    let known: BTreeSet<String> =
        ErrorType::ALL.iter().map(|known| known.as_str().to_owned()).collect();
    assert_eq!(first_cells("Error types"), known);
}

#[test]
fn the_readme_lists_every_setting_and_no_other() {
    let known: BTreeSet<String> = SETTINGS.iter().map(|&name| name.to_owned()).collect();
    let mut listed = first_cells("Environment variables");
    listed.retain(|name| name.starts_with("RHAMBDA_"));
    assert_eq!(listed, known);
}

#[test]
fn every_file_that_the_readme_links_to_is_there() {
    for link in readme().split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = link.split('#').next().unwrap_or_default();
        if path.is_empty() || path.contains("://") {
            continue;
        }
        assert!(repository().join(path).exists(), "the README links to {path}");
    }
}

#[test]
fn the_top_level_has_the_folders_that_were_agreed_on() {
    const FOLDERS: [&str; 4] = ["runtime", "layer", "scripts", "tests"];
    for path in files() {
        let Some((folder, _)) = path.split_once('/') else { continue };
        assert!(folder.starts_with('.') || FOLDERS.contains(&folder), "{path}");
    }
}

#[test]
fn no_file_names_a_place_on_somebody_s_machine_or_a_registry() {
    // Put together here, so that this file does not name them either.
    let strays = [
        ["/ro", "ot/"].concat(),
        ["/ho", "me/"].concat(),
        ["/wo", "rk/"].concat(),
        ["py", "pi.org"].concat(),
        ["registry.npm", "js"].concat(),
        ["index.crates", ".io"].concat(),
    ];
    for path in files() {
        let Ok(text) = fs::read_to_string(repository().join(&path)) else { continue };
        for stray in &strays {
            assert!(!text.contains(stray), "{path} has {stray}");
        }
    }
}

#[test]
fn bootstrap_links_nothing_that_needs_more_than_a_rust_toolchain_or_starts_threads_of_its_own() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "rhambda-runtime", "--edges", "normal,build,features"])
        .args(["--prefix", "none", "--locked"])
        .current_dir(repository())
        .output()
        .expect("cargo is here");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("rhai v"), "{tree}");
    for unwanted in
        ["tokio v", "openssl", "cmake v", "aws-lc", "bindgen v", "rhai feature \"metadata\""]
    {
        assert!(!tree.contains(unwanted), "{unwanted} in\n{tree}");
    }
}
