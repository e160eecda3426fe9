//! `rhambda fmt`.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::cli::{Desk, Said};

const CROOKED: &str = "fn handler(event){\n\n  event.x+1\n}";
const STRAIGHT: &str = "fn handler(event) {\n    event.x + 1\n}\n";

fn text(desk: &Desk, path: &str) -> String {
    fs::read_to_string(desk.folder.join(path)).unwrap()
}

/// What comes of standard input.
fn piped(arguments: &[&str], input: &[u8]) -> Said {
    let desk = Desk::with(&[("a.rhai", "x")]);
    let mut tool = desk.tool(&[&["fmt"], arguments].concat());
    tool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().unwrap();
    match tool.stdin.take().unwrap().write_all(input) {
        // It may end before it reads, as it does after wrong options.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    let output = tool.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn every_script_of_the_project_is_formatted() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders: Vec<PathBuf> =
        ["scripts", "layer/templates", "tests/bench/scripts"].map(|it| repository.join(it)).into();
    let folders: Vec<&str> = folders.iter().map(|folder| folder.to_str().unwrap()).collect();
    let said = Desk::with(&[("a", "")]).run(&[&["fmt", "--check"], &folders[..]].concat());
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    assert!(said.stdout.ends_with(" scripts are formatted\n"), "{}", said.stdout);
}

#[test]
fn scripts_of_a_folder_are_formatted_where_check_finds_them() {
    let files = [
        ("a.rhai", CROOKED),
        ("b.rhai", STRAIGHT),
        ("c/d.test.rhai", CROOKED),
        ("c/e.d.rhai", CROOKED),
        ("f.txt", CROOKED),
        ("target/g.rhai", CROOKED),
        (".h/i.rhai", CROOKED),
        ("node_modules/j.rhai", CROOKED),
    ];
    let desk = Desk::with(&files);
    let said = desk.run(&["fmt"]);
    assert_eq!(said.stdout, "a.rhai\nc/d.test.rhai\n2 of 3 scripts formatted\n");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    for (path, before) in files {
        let is_formatted = path == "a.rhai" || path == "c/d.test.rhai";
        assert_eq!(text(&desk, path), if is_formatted { STRAIGHT } else { before }, "{path}");
    }
    assert_eq!(desk.run(&["fmt", "c", "b.rhai", "./b.rhai"]).stdout, "2 scripts are formatted\n");
    let left: Vec<_> = fs::read_dir(&desk.folder).unwrap().collect();
    assert_eq!(left.len(), 7, "{left:?}");
}

#[test]
fn check_shows_the_difference_and_writes_nothing() {
    let desk = Desk::with(&[("lib/a.rhai", CROOKED), ("b.rhai", STRAIGHT)]);
    let said = desk.run(&["fmt", "--check", "lib", "b"]);
    let expected = "\
--- lib/a.rhai
+++ lib/a.rhai
@@ -1,4 +1,3 @@
-fn handler(event){
-
-  event.x+1
-}
\\ No newline at end of file
+fn handler(event) {
+    event.x + 1
+}
1 of 2 scripts is not formatted
";
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), expected), "{}", said.stderr);
    assert_eq!(text(&desk, "lib/a.rhai"), CROOKED);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let said = piped(&["-"], CROOKED.as_bytes());
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), STRAIGHT), "{}", said.stderr);
    assert_eq!(piped(&["-"], b"").stdout, "");
    assert_eq!(piped(&["-"], "\u{feff}x".as_bytes()).stdout, "x\n");
    let said = piped(&["-", "--check"], CROOKED.as_bytes());
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("+    event.x + 1\n"), "{}", said.stdout);
    assert_eq!(piped(&["-", "--check"], STRAIGHT.as_bytes()).code, Some(0));
    let said = piped(&["-"], b"let x = (1;");
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    assert!(said.stderr.contains("  at <standard input>:1:11\n"), "{}", said.stderr);
    for arguments in [&["-", "a.rhai"], &["-", "--json"]] {
        assert_eq!(piped(arguments, b"x").code, Some(2));
    }
}

#[test]
fn a_script_that_does_not_compile_is_left_alone_and_the_others_are_not() {
    let broken = "fn  handler(e) {\n    let x = (1;\n}";
    let desk = Desk::with(&[("a.rhai", broken), ("b.rhai", CROOKED)]);
    fs::write(desk.folder.join("c.rhai"), b"let a = 1;\n\xff").unwrap();
    let said = desk.run(&["fmt"]);
    assert_eq!(said.code, Some(2));
    assert_eq!(said.stdout, "b.rhai\n1 of 3 scripts formatted, 2 left alone\n");
    let place = "  at a.rhai:2:15\n    |\n  2 |     let x = (1;\n    |               ^\n";
    assert!(said.stderr.starts_with("error[syntax]: "), "{}", said.stderr);
    assert!(said.stderr.contains(place), "{}", said.stderr);
    let not_utf8 = "error[not-utf8]: the script is not UTF-8 text\n  at c.rhai:2:1\n";
    assert!(said.stderr.contains(not_utf8), "{}", said.stderr);
    assert_eq!(text(&desk, "a.rhai"), broken);
    assert_eq!(text(&desk, "b.rhai"), STRAIGHT);
    let checked = desk.run(&["check", "a.rhai"]).stdout;
    assert!(checked.contains(place), "{checked}");
}

#[test]
fn programs_get_each_file() {
    let desk = Desk::with(&[("a.rhai", "x("), ("b.rhai", CROOKED), ("c.rhai", STRAIGHT)]);
    let said = desk.run(&["fmt", "--check", "--json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(2), ""));
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    let message = &object["files"][0]["error"]["message"];
    assert!(message.is_string());
    let expected = json!({ "files": [
        { "file": "a.rhai", "changed": false, "error": { "message": message, "line": 1, "column": 3 } },
        { "file": "b.rhai", "changed": true },
        { "file": "c.rhai", "changed": false },
    ] });
    assert_eq!(object, expected);
}

#[test]
fn what_is_formatted_already_is_not_touched() {
    let desk = Desk::with(&[("a.rhai", STRAIGHT), ("b.rhai", "")]);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let modified = |name: &str| desk.folder.join(name).metadata().unwrap().modified().unwrap();
    for name in ["a.rhai", "b.rhai"] {
        let file = fs::File::options().write(true).open(desk.folder.join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    assert_eq!(desk.run(&["fmt"]).code, Some(0));
    assert_eq!((modified("a.rhai"), modified("b.rhai")), (long_ago, long_ago));
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::with(&[("real/a.rhai", CROOKED), ("read-only.rhai", CROOKED)]);
    let file = desk.folder.join("real/a.rhai");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).unwrap();
    symlink("real/a.rhai", desk.folder.join("link.rhai")).unwrap();
    let said = desk.run(&["fmt", "link.rhai", "real/a.rhai"]);
    assert_eq!(said.stdout, "link.rhai\n1 of 1 script formatted\n", "{}", said.stderr);
    assert!(desk.folder.join("link.rhai").is_symlink());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(text(&desk, "real/a.rhai"), STRAIGHT);

    let file = desk.folder.join("read-only.rhai");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let said = desk.run(&["fmt", "read-only.rhai"]);
    assert_eq!(said.code, Some(2));
    assert_eq!(said.stderr, "error: cannot write `read-only.rhai`: it is read-only\n");
    assert_eq!(text(&desk, "read-only.rhai"), CROOKED);
}

#[test]
fn what_cannot_be_formatted_is_a_usage_error() {
    let desk = Desk::with(&[("a.txt", ""), ("folder/b.txt", ""), ("c.rhai", CROOKED)]);
    for (path, expected) in [
        ("a.txt", "is not a script"),
        ("nothing.rhai", "no script `nothing.rhai`"),
        ("folder", "there is no .rhai file in `folder`"),
    ] {
        let said = desk.run(&["fmt", "c.rhai", path]);
        assert_eq!(said.code, Some(2), "{path}");
        assert!(said.stderr.contains(expected), "{}", said.stderr);
        assert_eq!(text(&desk, "c.rhai"), CROOKED, "all paths are right, or nothing is written");
    }
}

#[test]
fn the_lines_of_errors_stay_the_same() {
    let script = "fn a( ) {\n  let x =`\n   ${ 1+\n2 }`  ;\n\n\n  throw  x ;\n}";
    let desk = Desk::with(&[("a.rhai", script)]);
    assert_eq!(desk.run(&["fmt"]).code, Some(0));
    let expected = "fn a() {\n    let x = `\n   ${ 1+\n2 }`;\n\n    throw x;\n}\n";
    assert_eq!(text(&desk, "a.rhai"), expected);
}

#[test]
fn deep_and_large_scripts_are_no_danger() {
    let deep = format!("let x = {}1{};", "(".repeat(200), ")".repeat(200));
    assert_eq!(piped(&["-"], deep.as_bytes()).stdout, format!("{deep}\n"));
    for endless in ["(", "`${", "/*", "#{a:", "|x|", "\"", "-", "switch x{1=>"] {
        let said = piped(&["-"], endless.repeat(50_000).as_bytes());
        assert!(matches!(said.code, Some(0 | 2)), "{endless}: {}", said.stderr);
    }
    let line = "let x = [1,2]; // a comment to fill the line\n";
    let large = line.repeat((1 << 20) / line.len());
    let said = piped(&["-"], large.as_bytes());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(said.stdout, large.replace("1,2", "1, 2"));
}
