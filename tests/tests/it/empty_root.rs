//! What Lambda's users upload, in a root directory with nothing else in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rhambda_tests::{Root, bootstrap, chroot, layer_zip, package};

const MAIN: &str = "import \"lib/money\" as money;

fn handler(event) {
    #{ total: money::cents(event.euros) }
}
";

/// Packages a script with an import, by the real tool.
fn packaged(folder: &Path) -> Output {
    fs::create_dir_all(folder.join("lib")).expect("a folder");
    fs::write(folder.join("orders.rhai"), MAIN).expect("a file");
    fs::write(folder.join("lib/money.rhai"), "fn cents(euros) { euros * 100 }\n").expect("a file");
    package(folder, "orders.rhai", &folder.join("function.zip"))
}

#[test]
fn the_two_zips_serve_events_under_the_emulator_of_aws_with_nothing_else_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = packaged(folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let root = Root::unpacked(&layer_zip(), &folder.path().join("function.zip"))
        .expect("both zips can be unpacked");
    let events = [r#"{"euros":3}"#, r#"{"euros":"three"}"#, r#"{"euros":5}"#];
    let Some(replies) = root.serve("orders.handler", &events) else { return };
    assert_eq!(replies[0].body, r#"{"total":300}"#);
    assert!(replies[1].body.contains("Function.FunctionNotFound"), "{}", replies[1].body);
    assert!(replies[1].body.contains("lib/money.rhai:1:"), "{}", replies[1].body);
    assert_eq!(replies[2].body, r#"{"total":500}"#);
}

#[test]
fn bootstrap_runs_in_an_empty_root() {
    let Some(chroot) = chroot() else { return };
    let root = tempfile::tempdir().expect("a temporary folder");
    fs::copy(bootstrap(), root.path().join("bootstrap")).expect("a copy");
    let output = Command::new(chroot[0])
        .args(&chroot[1..])
        .arg(root.path())
        .arg("/bootstrap")
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .output()
        .expect("chroot starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("AWS_LAMBDA_RUNTIME_API"), "{stderr}");
}

/// The types of segment that ask for another file: a dynamic section and an interpreter.
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;

#[test]
fn bootstrap_asks_for_no_other_file_and_has_no_symbols() {
    let elf = fs::read(bootstrap()).expect("bootstrap can be read");
    let half = |at: usize| u16::from_le_bytes([elf[at], elf[at + 1]]);
    let long = |at: usize| u64::from_le_bytes(elf[at..at + 8].try_into().expect("eight bytes"));
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01", "64 bits, little-endian");
    // The header's fields as elf(5) has them.
    let (segments, segment_size, count) = (long(0x20) as usize, half(0x36), half(0x38));
    let types: Vec<u32> = (0..usize::from(count))
        .map(|index| segments + index * usize::from(segment_size))
        .map(|at| u32::from_le_bytes(elf[at..at + 4].try_into().expect("four bytes")))
        .collect();
    assert!(!types.contains(&INTERPRETER), "it asks for an interpreter: {types:?}");
    assert!(!types.contains(&DYNAMIC), "it has to be relocated at the start: {types:?}");
    let (sections, section_size, count) = (long(0x28) as usize, half(0x3a), half(0x3c));
    let is_symbols = |index: usize| {
        let at = sections + index * usize::from(section_size) + 4;
        u32::from_le_bytes(elf[at..at + 4].try_into().expect("four bytes")) == 2
    };
    assert!(!(0..usize::from(count)).any(is_symbols), "it has a table of symbols");
}

/// What the layer may weigh with everything in it.
const MOST_BYTES: u64 = (34 << 20) / 10;

#[test]
fn the_layer_keeps_to_its_budget() {
    let bytes = fs::metadata(layer_zip()).expect("the layer can be read").len();
    assert!(bytes <= MOST_BYTES, "the layer has {bytes} bytes; the budget is {MOST_BYTES}");
}
