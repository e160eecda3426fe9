//! The tool as its users have it: a command line, two outputs, an exit code.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::fake;

/// A folder with scripts, in which the tool is run.
pub(crate) struct Desk {
    pub(crate) folder: PathBuf,
}

pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn with(files: &[(&str, &str)]) -> Desk {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("desk-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Desk { folder }
    }

    pub(crate) fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rhambda"));
        command.args(arguments).current_dir(&self.folder).env("NO_COLOR", "1");
        command.env("RHAMBDA_BOOTSTRAP", fake::bootstrap()).stdin(Stdio::null());
        let (name, value) = fake::variable();
        if arguments[0] == "invoke" {
            command.args(["--env", &format!("{name}={value}")]);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let output = self.tool(arguments).output().unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

pub(crate) fn hello() -> Desk {
    Desk::with(&[("hello.rhai", "fn handler(event) { event }"), ("event.json", "{\"a\": 1}")])
}

#[test]
fn invoke_prints_the_response_on_stdout_and_the_rest_on_stderr() {
    let said = hello().run(&["invoke", "hello.echo", "--event", "[1, 123456789012345678901.50]"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(said.stdout.lines().last(), Some("[1, 123456789012345678901.50]"));
    assert!(said.stderr.contains("\tINFO\tone line\n  and another\n"), "{}", said.stderr);
    let report = said.stderr.lines().last().unwrap();
    assert!(report.starts_with("report: init "), "{report}");
    assert!(report.contains(" of 128 MB"), "{report}");
}

#[test]
fn a_streamed_response_is_shown_as_it_comes_and_its_error_behind_it() {
    let watcher = TcpListener::bind("127.0.0.1:0").unwrap();
    let variable = format!("WATCHER={}", watcher.local_addr().unwrap());
    let desk = hello();
    let started = |more: &[&str]| {
        let arguments = [&["invoke", "hello.stream", "--env", variable.as_str()], more].concat();
        let mut tool = desk.tool(&arguments);
        tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut tool = started(&[]);
    let mut runtime = watcher.accept().unwrap().0;
    // The second row is not even made before the first is here.
    let mut first = [0; 6];
    tool.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"row 1\n");
    runtime.write_all(b"!").unwrap();
    let output = tool.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b"row 2\n"[..]));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("status: 201\n") && stderr.contains("x-a: b\n"), "{stderr}");
    assert!(stderr.contains("error[Lost]: row 3 is lost\n"), "{stderr}");

    let tool = started(&["--json"]);
    watcher.accept().unwrap().0.write_all(b"!").unwrap();
    let output = tool.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["prelude"]["statusCode"], 201);
    assert_eq!(object["response"], "row 1\nrow 2\n");
    assert_eq!(object["error"]["errorType"], "Lost");
}

#[test]
fn an_event_comes_from_text_a_file_or_standard_input() {
    let desk = hello();
    let response = |arguments: &[&str], input: &str| {
        let arguments = [&["invoke", "hello.echo"], arguments].concat();
        let mut tool = desk.tool(&arguments);
        tool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut tool = tool.spawn().unwrap();
        tool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = tool.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(response(&[], ""), "{}\n");
    assert_eq!(response(&["--event", "event.json"], ""), "{\"a\": 1}\n");
    assert_eq!(response(&["--event", "7"], ""), "7\n");
    assert_eq!(response(&["--event", "-"], "[8]"), "[8]\n");
    assert_eq!(response(&["--event", "-"], ""), "{}\n");
}

#[test]
fn a_functions_error_is_shown_once_and_exits_with_1() {
    let said = hello().run(&["invoke", "hello.fail"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    let expected =
        "error[NoOrder]: no order 42\n  at handler (f.rhai:1:2)\n    |\n  1 | x\n    |  ^\n";
    assert!(said.stderr.contains(expected), "{}", said.stderr);
    assert_eq!(said.stderr.matches("no order 42").count(), 1, "{}", said.stderr);
    assert!(said.stderr.contains("something else"), "{}", said.stderr);
}

#[test]
fn init_errors_exit_with_1_and_broken_runtimes_with_3() {
    let desk = hello();
    let said = desk.run(&["invoke", "hello.init_error"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("error[Runtime.HandlerNotFound]: no such thing"));
    let said = desk.run(&["invoke", "hello.exit"]);
    assert_eq!(said.code, Some(3));
    assert!(said.stderr.contains("bootstrap ended before it answered: exit status 7"));
    let said = desk.run(&["invoke", "hello.echo", "--bootstrap", "event.json"]);
    assert_eq!(said.code, Some(3));
    assert!(said.stderr.contains("it is not executable"), "{}", said.stderr);
}

#[test]
fn a_timeout_is_said_in_lambdas_words() {
    let said = hello().run(&["invoke", "hello.hang", "--timeout", "1"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("Task timed out after 1.00 seconds"), "{}", said.stderr);
}

#[test]
fn json_output_is_one_object() {
    let desk = hello();
    let event = "{\"n\":123456789012345678901234567890}";
    let said = desk.run(&["invoke", "hello.echo", "--json", "--repeat", "3", "--event", event]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert!(said.stdout.starts_with(&format!("{{\"response\":{event},\"logs\":[")));
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(object["report"]["invocations"], 3);
    assert!(object["report"]["p50Ms"].as_f64().unwrap() > 0.0);

    let said = desk.run(&["invoke", "hello.fail", "--json"]);
    assert_eq!(said.code, Some(1));
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(object["error"]["errorType"], "NoOrder");
    assert_eq!(object["errorType"], "Function.ScriptError");
    assert!(object.get("response").is_none());
}

#[test]
fn a_script_may_be_named_in_four_ways() {
    let desk = Desk::with(&[("jobs/a.b.rhai", ""), ("jobs/echo.rhai", "")]);
    for name in ["jobs/a.b.rhai.echo", "jobs/a.b.echo"] {
        assert_eq!(desk.run(&["invoke", name]).code, Some(0), "{name}");
    }
    for name in ["jobs/echo", "jobs/echo.rhai"] {
        let said = desk.run(&["invoke", name]);
        // The fake has no function called `handler`, which tells that the default was taken.
        assert!(said.stdout.is_empty() && said.code == Some(3), "{name}");
    }
}

#[test]
fn wrong_input_exits_with_2_and_says_what_would_be_right() {
    let desk = hello();
    for (arguments, says) in [
        (&["invoke", "helo"][..], "did you mean `hello.rhai`?"),
        (&["invoke", "."], "is a folder"),
        (&["invoke", "event.json"], "its name must end in .rhai"),
        (&["invoke", "hello", "--event", "evnt.json"], "did you mean `event.json`?"),
        (&["invoke", "hello", "--root", "missing"], "cannot read `missing`"),
        (&["invoke", "hello", "--env", "_HANDLER=x"], "it is set by Lambda"),
        (&["invoke", "hello", "--env", "RHAMBDA_NO_SUCH"], "there is no such variable"),
        (&["invoke", "hello", "--timeout", "901"], "up to 900 seconds"),
        (&["invoke", "hello", "--memory", "1"], "128..=10240"),
        (&["invoke", "hello", "--client-context", "[]"], "a JSON object is expected"),
        (&["invoke", "hello", "--bootstrap", "nowhere"], "does not exist"),
        (&["invok"], "'invoke'"),
        (&["package"], "FILE[.FUNCTION]"),
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(says), "{arguments:?}: {}", said.stderr);
        assert!(said.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let desk = hello();
    for arguments in [&["--help"][..], &["--version"], &["package", "--help"], &["help", "layer"]] {
        let said = desk.run(arguments);
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(said.stdout.contains("rhambda"), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let desk = hello();
    let mut tool = desk.tool(&["invoke", "hello.echo", "--json"]);
    let mut tool = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(tool.stdout.take());
    let output = tool.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn ctrl_c_takes_the_runtime_along() {
    let desk = hello();
    let watcher = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("WATCHER={}", watcher.local_addr().unwrap());
    let mut tool = desk.tool(&["invoke", "hello.hang", "--timeout", "900", "--env", &address]);
    let mut tool = tool.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (mut runtime, _) = watcher.accept().unwrap();

    let interrupt = Command::new("kill").args(["-INT", &tool.id().to_string()]).status().unwrap();

    assert!(interrupt.success());
    assert_eq!(runtime.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(tool.wait().unwrap().code(), None);
}

fn shop() -> Desk {
    Desk::with(&[
        ("orders.rhai", "import \"lib/money\" as money;\nfn handler(event) { event }"),
        ("lib/money.rhai", "fn round(x) { import \"lib/deep/rates\" as rates; x }"),
        ("lib/deep/rates.rhai", "export const EUR = 1;"),
        ("notes.rhai", "fn unrelated() {}"),
    ])
}

#[test]
fn package_takes_a_script_and_what_it_imports_and_nothing_else() {
    let desk = shop();
    let said = desk.run(&["package", "orders", "--json"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    let files = ["lib/deep/rates.rhai", "lib/money.rhai", "orders.rhai"];
    assert_eq!(object["files"], serde_json::json!(files));
    assert_eq!(object["handlers"], serde_json::json!(["orders.handler"]));
    let zip = fs::read(desk.folder.join("orders.zip")).unwrap();
    assert_eq!(object["zippedSize"], zip.len());

    let again = shop();
    again.run(&["package", "orders", "-o", "other.zip"]);
    assert_eq!(fs::read(again.folder.join("other.zip")).unwrap(), zip);
}

#[test]
fn package_refuses_what_lambda_would_refuse() {
    let desk = Desk::with(&[
        ("syntax.rhai", "fn handler(event) {\n    let x = (1;\n}"),
        ("none.rhai", "fn hanlder(event) {}"),
        ("three.rhai", "fn handler(a, b, c) {}"),
        ("missing.rhai", "import \"lib/gone\" as gone;\nfn handler(event) {}"),
        ("up.rhai", "import \"../secret\" as secret;\nfn handler(event) {}"),
        ("a.rhai", "import \"b\" as b;\nfn handler(event) {}"),
        ("b.rhai", "import \"a\" as a;"),
        ("my script.rhai", "fn handler(event) {}"),
        (&format!("{}.rhai", "x".repeat(121)), "fn handler(event) {}"),
    ]);
    for (script, says) in [
        ("my script", "bad handler `my script.handler`: the file part holds a character"),
        (&"x".repeat(121), "has 129 characters, and Lambda takes 128"),
        ("syntax", "syntax error in syntax.rhai:2:15: "),
        ("none", "it has `hanlder(event)`"),
        ("three", "`handler` takes 3 parameters"),
        ("missing", "missing.rhai:1:1: cannot import `lib/gone`: there is no `lib/gone.rhai`"),
        ("up", "up.rhai:1:1: cannot import `../secret`"),
        ("a", "circular import: `a.rhai` imports `b.rhai` imports `a.rhai`"),
        ("none.nix", "there is no `fn nix(event, context)`"),
    ] {
        let said = desk.run(&["package", script]);
        assert_eq!(said.code, Some(2), "{script}");
        assert!(said.stderr.contains(says), "{script}: {}", said.stderr);
    }
    let zips = fs::read_dir(&desk.folder).unwrap().flatten();
    assert_eq!(
        zips.filter(|entry| entry.path().extension().is_some_and(|e| e == "zip")).count(),
        0
    );
}

#[test]
fn package_leaves_an_external_import_to_a_layer() {
    let desk = Desk::with(&[("f.rhai", "import \"shared/log\" as l;\nfn handler(event) {}")]);
    let said = desk.run(&["package", "f", "--external", "shared/log"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("layer    shared/log"), "{}", said.stdout);
}

#[test]
fn package_cannot_see_computed_imports_and_says_so() {
    let desk = Desk::with(&[
        ("f.rhai", "fn handler(event) { import event.name as m; }"),
        ("plugin.rhai", "fn run() {}"),
    ]);
    let said = desk.run(&["package", "f", "plugin", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("warning: f.rhai:1:21 imports a path that is computed"));
    assert!(said.stdout.contains("\"files\":[\"f.rhai\",\"plugin.rhai\"]"), "{}", said.stdout);
}

#[test]
fn layer_refuses_what_is_not_a_static_executable() {
    let said = hello().run(&["layer"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("it is a script, not a Linux executable"), "{}", said.stderr);
    let tool = env!("CARGO_BIN_EXE_rhambda");
    for arch in ["x86_64", "arm64"] {
        let said = hello().run(&["layer", "--arch", arch, "--bootstrap", tool]);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
    }
}

#[test]
fn layer_holds_bootstrap_and_its_notices() {
    let desk = Desk::with(&[("THIRD-PARTY.txt", "thanks")]);
    // The smallest ELF header of a static x86_64 executable: no program headers at all.
    let mut elf = vec![0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (elf[16], elf[18]) = (2, 62);
    fs::write(desk.folder.join("bootstrap"), elf).unwrap();
    let arguments = ["layer", "--arch", "x86_64", "--bootstrap", "./bootstrap", "--json"];
    let said = desk.run(&arguments);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(object["path"], "rhambda-layer-x86_64.zip");
    let files = ["LICENSE-rhambda", "THIRD-PARTY.txt", "bootstrap"];
    assert_eq!(object["files"], serde_json::json!(files));
    assert_eq!(
        object["sha256"],
        serde_json::from_str::<Value>(&desk.run(&arguments).stdout).unwrap()["sha256"]
    );
}
