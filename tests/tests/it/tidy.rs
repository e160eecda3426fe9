//! What the pages say and what the code does are the same, and nothing strays into the project.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use rhambda_runtime::config::SETTINGS;
use rhambda_runtime::error::ErrorType;
use rhambda_tests::{reference, repository};

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
            // Where there are several work trees, `.git` is a file.
            if MADE.iter().any(|made| entry.file_name() == *made) {
                continue;
            }
            if is_folder {
                folders.push(path);
            } else {
                let path = path.strip_prefix(&root).expect("it is below the root");
                files.push(path.to_str().expect("our paths are UTF-8").to_owned());
            }
        }
    }
    files
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The examples of a page.
fn examples(page: &str) -> BTreeSet<String> {
    let after = page.split("```rhai\n").skip(1);
    after.filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

/// The examples in the docs of a source.
fn examples_in_docs(source: &str) -> BTreeSet<String> {
    let docs: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    examples(&docs.join("\n"))
}

#[test]
fn the_references_are_what_the_sources_say() {
    let in_library = library_sources().iter().flat_map(|(_, it)| examples_in_docs(it)).collect();
    let mut of_tests = examples_in_docs(&text(OF_TESTS));
    of_tests.insert(rhambda_layer::EXAMPLE_SCRIPT.trim_end().to_owned());
    for (page, in_sources) in
        [("runtime/docs/library.md", in_library), ("layer/docs/testing.md", of_tests)]
    {
        let in_page = examples(&text(page));
        let odd: Vec<_> = in_page.symmetric_difference(&in_sources).collect();
        assert!(odd.is_empty(), "{page}: run `make docs`: {odd:#?}");
    }
}

#[test]
fn what_make_docs_would_write_is_what_there_is() {
    for (path, would) in reference::files() {
        let odd = text(path)
            .lines()
            .zip(would.lines())
            .find(|(is, would)| is != would)
            .map(|(is, would)| format!("`{is}` would be `{would}`"));
        assert!(text(path) == would, "{path}: run `make docs`: {odd:?}");
    }
}

#[test]
fn the_references_and_the_definitions_tell_the_same_functions() {
    for (page, definitions) in [
        ("runtime/docs/library.md", "runtime/docs/rhambda.d.rhai"),
        ("layer/docs/testing.md", "layer/docs/rhambda.test.d.rhai"),
    ] {
        let (page, definitions) = (text(page), text(definitions));
        // What brackets do has no definition.
        let in_page = page.lines().filter(|line| line.starts_with("### `") && !line.contains("]`"));
        let declares =
            |line: &&str| ["fn ", "op "].iter().any(|word| line.trim_start().starts_with(word));
        assert_eq!(in_page.count(), definitions.lines().filter(declares).count());
    }
}

/// Where the functions are that a test can call.
const OF_TESTS: &str = "layer/src/testing/functions.rs";

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

/// Looks at each function of each exported module of a source, and says how many there are.
fn functions_with_examples(path: &str, source: &str) -> usize {
    let mut count = 0;
    for module in source.split("#[export_module").skip(1) {
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
    count
}

#[test]
fn every_function_of_the_library_and_of_tests_has_docs_with_an_example() {
    let count: usize =
        library_sources().iter().map(|(path, source)| functions_with_examples(path, source)).sum();
    assert!(count > 100, "only {count} functions of the library were found");
    let count = functions_with_examples(OF_TESTS, &text(OF_TESTS));
    assert!(count > 20, "only {count} functions of tests were found");
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
fn every_test_that_security_md_names_is_there() {
    let page = text("SECURITY.md");
    let words = page.split('`').skip(1).step_by(2);
    let tests: Vec<_> = words
        .filter_map(|word| word.split_once("::"))
        .filter(|(file, _)| repository().join(format!("tests/tests/it/{file}.rs")).is_file())
        .collect();
    assert!(tests.len() > 25, "only {} tests are named", tests.len());
    for (file, name) in tests {
        let source = text(&format!("tests/tests/it/{file}.rs"));
        assert!(source.contains(&format!("fn {name}()")), "there is no test {file}::{name}");
    }
}

#[test]
fn the_top_level_has_the_folders_that_were_agreed_on() {
    const FOLDERS: [&str; 5] = ["runtime", "layer", "scripts", "tests", "docs"];
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

/// Workspaces beside ours, which are built with `--locked` where their programs are needed.
#[test]
fn the_lock_files_of_all_workspaces_fit() {
    for folder in ["tests/fuzz", "tests/bench"] {
        let said = Command::new(env!("CARGO"))
            .args(["update", "--workspace", "--locked"])
            .current_dir(repository().join(folder))
            .output()
            .expect("cargo starts");
        let why = String::from_utf8_lossy(&said.stderr);
        assert!(
            said.status.success(),
            "{folder}: `cargo update --workspace` there mends it: {why}"
        );
    }
}
