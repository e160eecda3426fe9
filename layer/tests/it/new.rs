//! `rhambda new`.

#![allow(clippy::unwrap_used)]

use std::fs;

use crate::cli::Desk;

#[test]
fn the_files_of_a_function_are_written_and_the_next_steps_told() {
    let desk = Desk::with(&[("a", "")]);
    let said = desk.run(&["new", "jobs/orders.rhai", "--from", "queue"]);
    assert_eq!((said.code, &*said.stderr), (Some(0), ""));
    assert!(said.stdout.contains("  jobs/orders.test.rhai\n"), "{}", said.stdout);
    let next = "  rhambda invoke jobs/orders --event jobs/orders.event.json\n";
    assert!(said.stdout.contains(next), "{}", said.stdout);
    let script = fs::read_to_string(desk.folder.join("jobs/orders.rhai")).unwrap();
    assert!(script.contains("// Takes orders from a queue"), "{script}");
    assert!(script.contains("Handler: `jobs/orders.handler`"), "{script}");
    for kind in ["event.json", "response.json", "test.rhai"] {
        assert!(desk.folder.join("jobs/orders.").with_extension(kind).exists(), "{kind}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let desk = Desk::with(&[("orders.test.rhai", "mine")]);
    let said = desk.run(&["new", "orders"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("`orders.test.rhai` is there already"), "{}", said.stderr);
    assert!(!desk.folder.join("orders.rhai").exists());
    assert_eq!(fs::read_to_string(desk.folder.join("orders.test.rhai")).unwrap(), "mine");
}

#[test]
fn wrong_names_and_templates_are_refused() {
    let desk = Desk::with(&[("file", "")]);
    for (arguments, expected) in [
        (&["new", "../orders"][..], "`../orders` cannot be a function's name"),
        (&["new", "orders", "--from", "sqss"], "no template `sqss`; did you mean `sqs`?"),
        (&["new", "orders", "--from", "fortran"], "there is http, sqs, sns"),
        (&["new", "file/orders"], "cannot make the folder of `file/orders.rhai`"),
        (&["new"], "<NAME>"),
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert!(said.stderr.contains(expected), "{}", said.stderr);
    }
    assert!(desk.run(&["new", "--list"]).stdout.starts_with("http  "));
}
