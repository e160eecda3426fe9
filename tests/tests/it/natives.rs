//! The short form of the program that measures how long native functions go on after the deadline.

use std::process::Command;

/// What a busy machine may add to what was measured.
const MOST_MS: i64 = 400;

#[test]
fn no_native_function_goes_on_for_long_after_the_deadline() {
    let output = Command::new(env!("CARGO_BIN_EXE_natives")).args(["2", "3"]).output();
    let output = output.expect("the program starts");
    let table = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 300, "{table}{}", String::from_utf8_lossy(&output.stderr));
    let over = |row: &&str| row.split('|').nth(1)?.trim().parse::<i64>().ok();
    let late: Vec<&str> =
        rows.into_iter().filter(|row| over(row).is_none_or(|ms| ms > MOST_MS)).collect();
    assert!(late.is_empty(), "{}", late.join("\n"));
}
