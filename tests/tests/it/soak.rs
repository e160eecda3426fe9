//! The short form of `make soak`.

use std::process::Command;

use rhambda_tests::bootstrap;

#[test]
fn thirty_thousand_invocations_of_mixed_scripts_leave_memory_and_descriptors_as_they_were() {
    let output = Command::new(env!("CARGO_BIN_EXE_soak"))
        .arg("30000")
        .env("RHAMBDA_BOOTSTRAP", bootstrap())
        .output()
        .expect("the soak starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let also = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{also}");
    assert!(said.ends_with("flat\n"), "{said}{also}");
}
