//! Files of any size and kind: each command says something useful, in bounded memory.

#![allow(clippy::unwrap_used)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::Desk;

/// What a run said, and the most memory it had at a time, in MiB.
struct Ran {
    code: Option<i32>,
    said: String,
    peak: i64,
}

/// Runs the tool by a process between (`measured`): the peak that Linux tells of a process counts the
/// memory of the one that it was started from, and this one runs all tests.
fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let said = folder.join("said.txt");
    let output = fs::File::create(&said).unwrap();
    let between = Command::new(env::current_exe().unwrap())
        .args(["large::measured", "--exact", "--nocapture"])
        .env(ARGUMENTS, serde_json::to_string(arguments).unwrap())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(output)
        .output()
        .unwrap();
    let told = String::from_utf8(between.stdout).unwrap();
    let told = told.lines().find_map(|line| line.strip_prefix(TOLD)).expect("a line of `measured`");
    let (code, peak) = serde_json::from_str(told).unwrap();
    let said = String::from_utf8_lossy(&fs::read(said).unwrap()).into_owned();
    Ran { code, said, peak }
}

const ARGUMENTS: &str = "TEST_ARGUMENTS";
const TOLD: &str = "measured: ";

/// Not a test: the process that `run` starts, which runs the tool with both outputs to its standard
/// error, and tells exit code and most memory in MiB.
#[test]
fn measured() {
    use std::os::fd::AsFd;
    use std::os::unix::process::ExitStatusExt;
    let Ok(arguments) = env::var(ARGUMENTS) else { return };
    let arguments: Vec<String> = serde_json::from_str(&arguments).unwrap();
    let output = std::io::stderr().as_fd().try_clone_to_owned().unwrap();
    #[allow(clippy::zombie_processes)] // It is waited for below, by what tells of its memory, too.
    let process = Command::new(env!("CARGO_BIN_EXE_rhambda"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .unwrap();
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which zeros are values; both pointers are to variables
    // that outlive the call; the process is ours and has not been waited for.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let pid = libc::pid_t::try_from(process.id()).unwrap();
        assert_eq!(libc::wait4(pid, &raw mut status, 0, &raw mut usage), pid);
        usage
    };
    let code = std::process::ExitStatus::from_raw(status).code();
    println!("\n{TOLD}{}", serde_json::json!([code, usage.ru_maxrss / 1024]));
}

fn handler(body: &str) -> String {
    format!("fn handler(event) {{ {body} }}\n")
}

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn ten_thousand_problems_on_a_line_are_shown_in_part_and_told_in_full() {
    let script = handler(&repeated(10_000, |at| format!("let v{at} = {at};")));
    let desk = Desk::with(&[("many.rhai", &script)]);
    let ran = run(&desk.folder, &["check", "many.rhai"]);
    assert!(ran.peak < 256, "{} MiB", ran.peak);
    assert_eq!(ran.code, Some(0));
    assert!(ran.said.contains("and 9900 more in many.rhai; --format json has all\n"));
    assert!(ran.said.ends_with("1 script checked: 10000 warnings\n"));
    assert!(ran.said.len() < 100_000, "{} bytes", ran.said.len());
    for format in ["json", "sarif", "github"] {
        let ran = run(&desk.folder, &["check", "many.rhai", "--format", format]);
        assert!(ran.peak < 256, "{format}: {} MiB", ran.peak);
        assert!(ran.said.contains("v9999"), "{format}");
        match format {
            "json" => {
                let all: Value = serde_json::from_str(&ran.said).unwrap();
                assert_eq!(all["problems"].as_array().unwrap().len(), 10_000);
            }
            "sarif" => {
                let log: Value = serde_json::from_str(&ran.said).unwrap();
                assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 10_000);
            }
            _ => assert_eq!(ran.said.lines().count(), 10_000),
        }
    }
}

#[test]
fn a_long_line_is_shown_around_the_place_by_every_command() {
    let long = "x".repeat(1_000_000);
    let script = handler(&format!("let a = \"{long}\"; nope(a); let b = \"{long}\"; )"));
    let names = handler(&format!("{long}(1); let {long} = 1; {long}.{long}"));
    let desk = Desk::with(&[("long.rhai", &script), ("names.rhai", &names)]);
    for arguments in [
        &["check", "long.rhai"][..],
        &["check", "names.rhai"],
        &["check", "names.rhai", "--json"],
        &["fmt", "--check", "long.rhai"],
        &["package", "long.rhai"],
        &["test", "long.rhai"],
    ] {
        let ran = run(&desk.folder, arguments);
        assert!(ran.said.len() < 20_000, "{arguments:?}: {} bytes", ran.said.len());
        assert!(ran.peak < 256, "{arguments:?}: {} MiB", ran.peak);
        assert!(matches!(ran.code, Some(1 | 2)), "{arguments:?}: {}", ran.said);
    }
}

#[test]
fn files_of_every_kind_are_looked_at_within_bounds() {
    let binary: Vec<u8> =
        (0..5_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let nested =
        |open: &str, close: &str| handler(&[open.repeat(200_000), close.repeat(200_000)].concat());
    let files: [(&str, Vec<u8>); 10] = [
        ("binary.rhai", binary),
        ("parentheses.rhai", nested("(", ")").into()),
        ("brackets.rhai", nested("[", "]").into()),
        ("blocks.rhai", nested("{", "}").into()),
        ("comments.rhai", ["// a comment\n".repeat(500_000), handler("event")].concat().into()),
        ("text.rhai", handler(&format!("\"{}\"", "x".repeat(10_000_000))).into()),
        ("open.rhai", handler(&format!("\"{}", "x".repeat(5_000_000))).into()),
        ("unknown.rhai", handler(&repeated(20_000, |at| format!("f{at}(x{at});\n"))).into()),
        ("imports.rhai", repeated(2_000, |at| format!("import \"m{at}\" as m{at};\n")).into()),
        ("large.rhai", vec![b'\n'; 33 << 20]),
    ];
    let desk = Desk::with(&[("first.rhai", "fn handler(event) { event }")]);
    for (name, contents) in &files {
        let name = *name;
        fs::write(desk.folder.join(name), contents).unwrap();
        for arguments in
            [&["check", name][..], &["fmt", "--check", name], &["package", name, "-o", "a.zip"]]
        {
            let ran = run(&desk.folder, arguments);
            assert!(ran.peak < 512, "{arguments:?}: {} MiB", ran.peak);
            // Neither a panic nor a signal, and not without a word.
            assert!(matches!(ran.code, Some(0..=2)), "{arguments:?}: {:?} {}", ran.code, ran.said);
            assert!(!ran.said.is_empty(), "{arguments:?}");
        }
    }
    let large = run(&desk.folder, &["check", "large.rhai"]);
    assert!(large.said.contains("it has 34603008 bytes, and may have"), "{}", large.said);
}

#[test]
fn traps_are_looked_for_within_bounds() {
    let deep = |count: usize| {
        let mut text = String::from("event.n");
        for at in 0..count {
            text = format!("[{at}].map(|x{at}| {text})");
        }
        text
    };
    let files: [(&str, String); 7] = [
        ("closures.rhai", handler(&repeated(10_000, |at| format!("event.a.map(|x| x + {at});\n")))),
        ("deep.rhai", handler(&deep(40))),
        ("chain.rhai", handler(&format!("event{}", ".map(|x| event.n)".repeat(2_000)))),
        ("divided.rhai", handler(&repeated(10_000, |_| "event.a / event.b;\n".to_owned()))),
        ("escapes.rhai", handler(&repeated(10_000, |at| format!("print(`a${{{at}}}\\n`);\n")))),
        (
            "copies.rhai",
            handler(&repeated(5_000, |at| format!("for v{at} in event.a {{ v{at}.p = 1; }}\n"))),
        ),
        (
            "allowed.rhai",
            handler(&repeated(10_000, |_| "1; // rhambda: allow(dropped-value)\n".to_owned())),
        ),
    ];
    let desk = Desk::with(&[("first.rhai", "fn handler(event) { event }")]);
    for (name, text) in &files {
        fs::write(desk.folder.join(name), text).unwrap();
        let ran = run(&desk.folder, &["check", name]);
        assert!(ran.peak < 512, "{name}: {} MiB", ran.peak);
        assert!(matches!(ran.code, Some(0 | 1)), "{name}: {:?} {}", ran.code, ran.said);
        assert!(ran.said.contains("1 script checked: "), "{name}: {}", ran.said);
    }
}
