//! One target of `rhambda_tests::fuzz` under libFuzzer: the one that `FUZZ_TARGET` names.
#![no_main]

use std::alloc::System;
use std::cell::OnceCell;

use libfuzzer_sys::{Corpus, fuzz_target};
use rhambda_runtime::memory::Counting;
use rhambda_tests::fuzz::Runner;

// The bounds on a script's memory are kept by the allocator's count.
#[global_allocator]
static ALLOCATOR: Counting<System> = Counting(System);

thread_local! {
    static RUNNER: OnceCell<Runner> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| -> Corpus {
    RUNNER.with(|runner| {
        let runner = runner.get_or_init(|| {
            let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
            Runner::new(&name).unwrap_or_else(|| panic!("there is no target `{name}`"))
        });
        if input.len() > runner.longest {
            return Corpus::Reject;
        }
        runner.run(input);
        Corpus::Keep
    })
});
