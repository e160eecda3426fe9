//! Programs made by chance do the same whichever way the runtime evaluates them.
//!
//! Each is run by the runtime's own evaluator, and by the engine alone, as where operations are limited;
//! value, type of error, message, place and call chain have to be the same. `RHAMBDA_TEST_PROGRAMS` says
//! how many, and `RHAMBDA_TEST_SEED` which is the first.

use std::fmt::Write;
use std::time::Duration;

use rhambda_tests::generator::{self, Program};
use rhambda_tests::{Event, Function};

/// How many are in one process, each a module of its own.
const TOGETHER: u64 = 50;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Functions of the script that imports the programs, which none of them sees.
const OF_THE_IMPORTER: &str = "
const K0 = \"the importer's\"; const K2 = \"the importer's\";
fn f0() { f0 } fn f1(x) { x } fn f2(x) { x } fn absent(x) { x } fn unknown() { 0 }
fn len() { this } fn push(x) { this } fn contains(x) { true } fn map(f) { f } fn remove(x) { x }
fn to_string() { \"the importer's\" } fn sum() { 0 } fn keys() { this } fn sort() { 0 }
";

/// What each program comes to, if the runtime takes them.
fn outcomes(programs: &[(u64, Program)], by_engine: bool) -> Vec<String> {
    let (mut imports, mut cases) = (String::new(), String::new());
    for (seed, _) in programs {
        let _ = writeln!(imports, "import \"p{seed}\" as p{seed};");
        let _ = write!(cases, "{seed} => p{seed}::run(), ");
    }
    let script =
        format!("{imports}{OF_THE_IMPORTER}fn handler(event) {{ switch event {{ {cases} }} }}\n");
    let mut function = Function::of(&script);
    for (seed, program) in programs {
        // `continue` in a `do` skips its condition, in Rhai too: some have no end.
        let event = Event::new(seed.to_string()).due_in(Duration::from_millis(1500));
        function = function
            .file(&format!("p{seed}.rhai"), &program.text)
            .file(&format!("q{seed}.rhai"), &program.module)
            .sent(event);
    }
    if by_engine {
        function = function.env("RHAMBDA_MAX_OPERATIONS", "1000000000");
    }
    let run = function.run();
    run.calls().iter().filter(|call| call.method == "POST").map(|call| call.text()).collect()
}

/// Whether an outcome depends on how much was used, which is not the same.
fn is_of_a_limit(outcome: &str) -> bool {
    ["Function.MemoryLimit", "Function.DeadlineExceeded"].iter().any(|kind| outcome.contains(kind))
}

/// What a condition is instead of a boolean: for a variable that is shared with a closure the engine
/// tells a name of its own inside, and the runtime what the value is.
const SHARED: &str = "alloc::rc::Rc<core::cell::RefCell<rhai::types::dynamic::Dynamic>>";

/// Whether two outcomes are the same, but for that name.
fn is_same(ours: &str, engines: &str) -> bool {
    let (mut ours, mut engines) = (ours, engines);
    while let Some((before, after)) = engines.split_once(SHARED) {
        let Some(rest) = ours.strip_prefix(before) else { return false };
        let end = after.find(')').unwrap_or(after.len());
        let Some(place) = rest.find(&after[..end]) else { return false };
        (ours, engines) = (&rest[place..], after);
    }
    ours == engines
}

#[test]
fn programs_made_by_chance() {
    let mut engine = rhambda_runtime::documented_engine();
    engine.set_max_expr_depths(0, 0);
    let (first, count) = (number("RHAMBDA_TEST_SEED", 1), number("RHAMBDA_TEST_PROGRAMS", 300));
    let mut different = Vec::new();
    let (mut compared, mut values) = (0_u64, 0_u64);
    let programs: Vec<(u64, Program)> = (first..first + count)
        .map(|seed| (seed, generator::program(seed, &format!("q{seed}"))))
        // What the engine does not take is no program.
        .filter(|(_, program)| {
            engine.compile(&program.text).is_ok() && engine.compile(&program.module).is_ok()
        })
        .collect();
    for batch in programs.chunks(usize::try_from(TOGETHER).unwrap_or(1)) {
        let (ours, engines) = (outcomes(batch, false), outcomes(batch, true));
        assert_eq!(ours.len(), batch.len(), "{ours:?}");
        assert_eq!(engines.len(), batch.len(), "{engines:?}");
        for (((seed, program), ours), engines) in batch.iter().zip(ours).zip(engines) {
            if is_of_a_limit(&ours) && is_of_a_limit(&engines) {
                continue;
            }
            compared += 1;
            assert!(!ours.contains("the importer's"), "seed {seed}: {ours}\n{}", program.text);
            values += u64::from(!ours.starts_with("{\"errorMessage\""));
            if !is_same(&ours, &engines) {
                let Program { text, module } = program;
                different.push(format!(
                    "seed {seed}\nours:   {ours}\nengine: {engines}\n{text}\n// q\n{module}"
                ));
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(compared * 10 >= count * 7, "{compared} of {count} could be compared");
    assert!(values * 10 >= count, "only {values} of {count} give a value");
}
