//! The fuzz targets over the checked-in corpora, and over some thousand inputs made from those: the
//! same ones each time. `make fuzz` looks for new ones.

use std::alloc::System;
use std::fs;

use rhambda_runtime::memory::Counting;
use rhambda_tests::fuzz::{Mutations, Runner, TARGETS, Target, corpus, dictionary};
use rhambda_tests::repository;

// The bounds on a script's memory are kept by the allocator's count.
#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

/// The checked-in inputs of a target, in the order of their names.
fn inputs(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = corpus(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.display().to_string(), fs::read(&path).expect("an input can be read")))
        .collect()
}

/// How many inputs are made for a target: `FUZZ_INPUTS`, or so many that all of them together take
/// less than a minute of the processor's time.
fn count(target: &Target) -> usize {
    let asked = std::env::var("FUZZ_INPUTS").ok().and_then(|count| count.parse().ok());
    asked.unwrap_or(match target.name {
        // Each of these loads scripts, or speaks over a connection.
        "check" | "fmt" | "http_answer" | "http_request" | "natives" | "program"
        | "runtime_api" | "script" => 60,
        _ => 2000,
    })
}

fn words(target: &Target) -> Vec<Vec<u8>> {
    let path = repository().join("tests/fuzz/dictionaries").join(target.name);
    dictionary(&fs::read_to_string(path).unwrap_or_default())
}

/// Runs an input, and says which one it was where that fails.
fn run(runner: &Runner, name: &str, input: &[u8]) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run(input)));
    if let Err(panic) = outcome {
        eprintln!("{name}: b\"{}\"", input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let runner = Runner::new(name).expect("a target");
    let corpus = inputs(target);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    for (path, input) in &corpus {
        run(&runner, path, input);
    }
    run(&runner, "nothing", b"");
    let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut mutations = Mutations::new(seed, words(target));
    for number in 0..count(target) {
        let input = mutations.next(&corpus, target.longest);
        run(&runner, &format!("input {number} of {name}"), &input);
    }
}

macro_rules! targets {
    ($($name:ident,)+) => {
        $(
            #[test]
            fn $name() {
                holds(stringify!($name));
            }
        )+

        #[test]
        fn each_target_is_tried_here() {
            let tried = [$(stringify!($name),)+];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tried);
        }
    };
}

targets! {
    check,
    csv,
    declaration,
    dns,
    encodings,
    event,
    event_change,
    event_parts,
    fmt,
    handler,
    http_answer,
    http_client,
    http_request,
    json,
    jwt,
    multipart,
    natives,
    program,
    recording,
    resolver_files,
    runtime_api,
    script,
    script_name,
    url,
    xml,
}

#[test]
fn the_corpora_are_small() {
    let bytes: usize = TARGETS.iter().flat_map(inputs).map(|(_, input)| input.len()).sum();
    assert!(bytes < 200 << 10, "all corpora together have {bytes} bytes");
}
