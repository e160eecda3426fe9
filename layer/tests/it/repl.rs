//! `rhambda repl`, with its lines from a pipe.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::Stdio;

use crate::cli::{Desk, Said};

fn typed(desk: &Desk, arguments: &[&str], lines: &str) -> Said {
    let mut tool = desk.tool(&[&["repl"], arguments].concat());
    tool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().unwrap();
    tool.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn desk() -> Desk {
    Desk::with(&[
        ("lib/m.rhai", "fn double(x) { x * 2 }"),
        (
            "orders.rhai",
            "import \"lib/m\" as m;\nconst RATE = 3;\nfn handler(event) {\n    m::double(RATE) + event.n\n}",
        ),
    ])
}

#[test]
fn what_is_defined_stays_for_the_next_lines() {
    let lines = "\
let x = [3, 1, 2].sum();
fn twice(n) {
    n * 2
}
twice(x)
let add = |n| n + x;
add.call(1)
import \"lib/m\" as m;
m::double(x)
#{ b: [1, 2.5], a: `x is ${x}` }
let nothing = ();
nothing
print(\"hi\")
:event sqs
event.Records.len()
:quit
never
";
    let said = typed(&desk(), &[], lines);
    let expected = "\
12
7
12
{
  \"a\": \"x is 6\",
  \"b\": [
    1,
    2.5
  ]
}
hi
event is a sample of sqs
2
";
    assert_eq!((said.code, &*said.stderr, &*said.stdout), (Some(0), "", expected));
}

#[test]
fn a_script_is_loaded_with_its_constants_and_imports() {
    let said = typed(&desk(), &["orders.rhai"], "handler(#{ n: 1 })\nhandler(1)\n");
    assert_eq!(said.stdout, "orders.rhai has handler(event)\n7\n");
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("\n  at orders.rhai:4:"), "{}", said.stderr);
    assert!(said.stderr.contains("4 |     m::double(RATE) + event.n\n"), "{}", said.stderr);
    let said = typed(&desk(), &["nothing.rhai"], "1\n");
    assert_eq!((said.code, &*said.stdout), (Some(2), ""));
    assert!(said.stderr.contains("cannot find `nothing`"), "{}", said.stderr);
}

#[test]
fn an_error_is_shown_with_its_place_and_the_session_goes_on() {
    let said = typed(&desk(), &[], "let x = 1;\nx.lenn()\nlet y = (\nx + 1\n)\ny\n1 +");
    assert_eq!((said.code, &*said.stdout), (Some(1), "2\n"));
    let expected = "error: function `lenn` not found for (i64)\n    |\n  1 | x.lenn()\n    |   ^\n";
    assert!(said.stderr.starts_with(expected), "{}", said.stderr);
    assert!(said.stderr.contains("error: syntax: "), "{}", said.stderr);
    let said =
        typed(&desk(), &[], ":what\n:event sqss\n:load\nthrow #{ type: \"A\", message: \"b\" }\n");
    for part in ["no command `:what`", "did you mean `sqs`?", "which file?", "error: A: b\n"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
}

#[test]
fn what_a_script_declares_holds_for_the_session_that_loaded_it() {
    let desk = Desk::with(&[
        ("open.rhai", "fn home() { env::get(\"PATH\").len() > 0 }"),
        ("closed.rhai", "//! allow: fs tmp\nfn path() { env::get(\"PATH\") }"),
        ("wrong.rhai", "//! Allow: nothing\nfn any() { 1 }"),
    ]);
    let said = typed(&desk, &[], ":load open\nhome()\n:load closed\npath()\nhome()\n:load wrong\n");
    assert!(said.stdout.contains("true\n"), "{}", said.stdout);
    assert_eq!(said.stderr.matches("write at its top: //! allow: env PATH").count(), 2);
    assert!(said.stderr.contains("this looks like an `allow` line"), "{}", said.stderr);
}

#[test]
fn a_loop_goes_through_a_map_but_in_a_function_of_the_session() {
    let lines = "let m = #{ a: 1 };\nfor (k, v) in m { print(`${k}=${v}`) }\nfn f(m) { for k in m { k; } }\nf(m)\n";
    let said = typed(&desk(), &[], lines);
    assert_eq!(said.stdout, "a=1\n");
    assert!(said.stderr.contains("write `for key in map.keys()`"), "{}", said.stderr);
}
