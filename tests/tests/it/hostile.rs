//! The tool on input of every wrong kind, with outputs that take nothing, and ended in the middle.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rhambda_tests::{Client, bootstrap, descendants, is_running, rhambda};
use tempfile::TempDir;

/// How long anything may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with something of every kind in it.
fn desk() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for (name, bytes) in [
        ("hello.rhai", &b"fn handler(event) { event }"[..]),
        ("rows.rhai", b"fn handler(event) { stream::write(\"a\\n\"); stream::write(\"b\\n\"); }"),
        ("hello.test.rhai", b"fn test_it() { }"),
        ("loop.rhai", b"fn handler(event) { loop {} }"),
        ("loop.test.rhai", b"fn test_it() { loop {} }"),
        ("imports.rhai", b"import \"lib/pipe\" as pipe;\nfn handler(event) { }"),
        ("empty.rhai", b""),
        ("empty.json", b""),
        ("binary.rhai", b"fn handler(event) { \xff\xfe\x00 }"),
        ("binary.test.rhai", b"\xff\xfe\x00"),
        ("binary.json", b"\xff\xfe\x00"),
        ("binary", b"\xff\xfe\x00"),
    ] {
        fs::write(path(name), bytes).expect("a file");
    }
    for name in ["folder.rhai", "folder.json", "folder", "lib", "pipes"] {
        fs::create_dir(path(name)).expect("a folder");
    }
    for name in ["circle.rhai", "circle.test.rhai", "circle.json"] {
        symlink(name, path(name)).expect("a link");
    }
    symlink("nowhere", path("gone.rhai")).expect("a link");
    symlink(".", path("self")).expect("a link");
    for name in ["pipe.rhai", "lib/pipe.rhai", "pipes/pipe.test.rhai"] {
        let name = CString::new(path(name).as_os_str().as_bytes()).expect("no nul");
        // SAFETY: the name is a text that ends with a nul, and lives as long as the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0, "a pipe");
    }
    // Takes no room on the disk.
    File::create(path("big.json")).and_then(|file| file.set_len(100 << 20)).expect("a file");
    folder
}

struct Said {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

fn tool(folder: &Path) -> Command {
    let mut command = Command::new(rhambda());
    command.current_dir(folder).env("RHAMBDA_BOOTSTRAP", bootstrap()).env("NO_COLOR", "1");
    command.stdin(Stdio::null());
    command
}

/// Waits for a process that has to end by itself.
fn ended(process: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.try_wait().expect("it is ours") {
            return status;
        }
        if begun.elapsed() > DEADLINE {
            process.kill().expect("it is ours");
            panic!("it hangs");
        }
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// Runs a command to its end; it must not panic, whatever it is given.
fn run(command: &mut Command) -> Said {
    let log = || tempfile::tempfile().expect("a temporary file");
    let (mut stdout, mut stderr) = (log(), log());
    command.stdout(stdout.try_clone().expect("a file"));
    command.stderr(stderr.try_clone().expect("a file"));
    run_as_it_is(command, &mut stdout, &mut stderr)
}

fn run_as_it_is(command: &mut Command, stdout: &mut File, stderr: &mut File) -> Said {
    let status = ended(&mut command.spawn().expect("rhambda starts"));
    let read = |file: &mut File| {
        let mut bytes = Vec::new();
        std::io::Seek::rewind(file)
            .and_then(|()| file.read_to_end(&mut bytes))
            .expect("it is read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let said = Said { status, stdout: read(stdout), stderr: read(stderr) };
    assert!(!said.stderr.contains("panicked"), "{command:?}: {}", said.stderr);
    said
}

#[test]
fn wrong_input_is_told_by_its_name_and_the_way_out() {
    let desk = desk();
    let long = "x".repeat(300);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut others = Vec::new();
    for (line, exit, part) in [
        ("", 2, "Usage: rhambda"),
        ("invok", 2, "'invoke'"),
        // Scripts.
        ("invoke nothing", 2, "no script `nothing`"),
        ("invoke folder.rhai", 2, "`folder.rhai` is a folder; name a script in it"),
        ("invoke big.json", 2, "its name must end in .rhai"),
        ("invoke binary.rhai", 1, "binary.rhai: it is not UTF-8 text"),
        ("invoke empty.rhai", 1, "no public `fn handler(event)`"),
        ("invoke circle.rhai", 2, "cannot read `circle.rhai`: Too many levels"),
        ("invoke gone.rhai", 2, "`gone.rhai` is a link to `nowhere`, which is not there"),
        ("invoke pipe.rhai", 2, "`pipe.rhai` is neither a file nor a folder"),
        ("invoke imports.rhai", 1, "cannot find `lib/pipe`"),
        ("invoke LONG", 2, "File name too long"),
        ("invoke hello.rhai/x", 2, "Not a directory"),
        ("invoke hello --root nothing", 2, "cannot read `nothing`"),
        ("invoke hello --root hello.rhai", 2, "--root `hello.rhai` is no folder"),
        ("invoke hello --bootstrap folder", 2, "is a folder, not the executable"),
        ("invoke hello --bootstrap binary", 3, "it is not executable; try `chmod +x"),
        ("invoke hello --env-file nothing", 2, "cannot read `nothing`"),
        ("invoke hello --env-file folder", 2, "cannot read `folder`"),
        ("invoke hello --env-file binary", 2, "cannot read `binary`"),
        // Events.
        ("invoke hello -e nothing.json", 2, "there is no event file `nothing.json`"),
        ("invoke hello -e folder.json", 2, "cannot read the event `folder.json`"),
        ("invoke hello -e circle.json", 2, "cannot read the event `circle.json`: Too many"),
        ("invoke hello -e LONG", 2, "File name too long"),
        ("invoke hello -e binary.json", 1, "the text is not UTF-8 at byte 0"),
        ("invoke hello -e big.json", 2, "has 104857600 bytes, and Lambda takes 6291456 (6 MiB)"),
        ("invoke hello -e /dev/zero", 2, "`/dev/zero` goes on after 6291456 bytes (6 MiB)"),
        ("invoke hello -e sample:nothing", 2, "nothing"),
        ("invoke hello --json -e nothing.json", 2, "there is no event file `nothing.json`"),
        // Tests.
        ("test nothing", 2, "cannot read `nothing`"),
        ("test folder", 2, "no tests in folder; a test is"),
        ("test binary.test.rhai", 2, "binary.test.rhai is not UTF-8 text"),
        ("test circle.test.rhai", 2, "Too many levels"),
        ("test pipes", 2, "pipe.test.rhai`: it is a pipe or a device"),
        ("test LONG", 2, "File name too long"),
        ("test hello.test.rhai --json --filter no", 2, "none of 1 tests has `no`"),
        ("test hello.test.rhai --jobs 0", 2, "--jobs"),
        ("test --worker", 2, "no job to work on"),
        // Without running.
        ("check nothing", 2, "no script `nothing`"),
        ("check folder", 2, "there is no .rhai file in `folder`"),
        ("check circle.rhai", 2, "Too many levels"),
        ("check pipe.rhai", 2, "neither a file nor a folder"),
        ("check --json nothing", 2, "no script `nothing`"),
        ("check hello.rhai --root folder", 2, "outside of the root"),
        ("fmt nothing", 2, "no script `nothing`"),
        ("fmt folder", 2, "there is no .rhai file in `folder`"),
        ("fmt pipe.rhai", 2, "neither a file nor a folder"),
        ("fmt circle.rhai", 2, "Too many levels"),
        ("fmt big.json", 2, "its name must end in .rhai"),
        // Recordings.
        ("replay", 2, "<LOG|FILE|TEXT|->"),
        ("replay nothing", 2, "cannot read `nothing`"),
        ("replay folder", 2, "cannot read `folder`"),
        ("replay binary", 2, "there is no recording in `binary`"),
        ("replay big.json", 2, "there is no recording in `big.json`"),
        ("replay /dev/zero", 2, "has more than 256 MB"),
        ("replay -", 2, "there is no recording in standard input"),
        ("record --key folder", 2, "cannot read `folder`"),
        ("record --key binary", 2, "cannot read `binary`"),
        ("record --key /dev/full", 2, "it is a pipe or a device, not a file"),
        ("record --key nowhere/x.key", 2, "cannot write `nowhere/x.key`"),
        ("package nothing", 2, "no script `nothing`"),
        ("package big.json", 2, "its name must end in .rhai"),
        ("package binary.rhai", 2, "is not UTF-8: the first wrong byte is in line 1"),
        ("package empty.rhai", 2, "it has no functions"),
        ("package circle.rhai", 2, "Too many levels"),
        ("package imports", 2, "cannot read `lib/pipe.rhai`: it is a pipe or a device"),
        ("package hello -o folder", 2, "is a folder; name the zip file in it: -o "),
        ("package hello -o nowhere/a.zip", 2, "there is no folder `"),
        ("package hello -o /dev/full", 2, "cannot write `/dev/full`: No space left"),
        ("layer --bootstrap nothing", 2, "does not exist"),
        ("layer --bootstrap binary", 2, "cannot be Lambda's bootstrap"),
        ("layer --bootstrap empty.json", 2, "cannot be Lambda's bootstrap"),
        ("layer -o folder", 2, "is a folder; name the zip file in it"),
        ("layer -o nowhere/a.zip", 2, "there is no folder `"),
        ("definitions -o binary", 2, "cannot write `binary`: it is not a folder"),
        ("definitions -o /dev/full", 2, "it is not a folder"),
        ("definitions -o LONG", 2, "File name too long"),
        ("man -o binary", 2, "it is not a folder"),
        ("man nothing", 2, "there is no command `nothing`; there is new, invoke"),
        ("completions nothing", 2, "possible values: bash"),
        ("event nothing", 2, "nothing"),
        ("event sqs --set nothing", 2, "--set"),
        ("new hello", 2, "`hello.rhai` is there already, and nothing was written"),
        ("new binary/x", 2, "cannot make the folder of `binary/x.rhai`"),
        ("new LONG", 2, "the name is too long"),
        ("new ../x", 2, "cannot be a function's name"),
        ("new x --from nothing", 2, "nothing"),
        ("repl nothing.rhai", 2, "cannot find `nothing`"),
        ("repl binary.rhai", 2, "binary.rhai: it is not UTF-8 text"),
        ("repl pipe.rhai", 2, "cannot find `pipe`"),
        ("repl circle.rhai", 2, "cannot find `circle`"),
        ("repl --root nothing", 2, "nothing"),
        // The server.
        ("dev nothing", 2, "nothing`: No such file"),
        ("dev hello.rhai", 2, "is no folder; name the one with the scripts"),
        ("dev circle.rhai", 2, "Too many levels"),
        ("dev --port PORT", 2, "is in use; end what listens there, or choose another one: --port"),
        ("dev --port 65536", 2, "0..=65535"),
        ("dev --port 0 --host 203.0.113.7", 2, "this machine has no such address"),
        ("dev --port 0 --host nowhere", 2, "invalid IP address"),
        ("dev --port 0 --front nothing", 2, "possible values: url"),
        ("dev --port 0 --concurrency 0", 2, "1..=1000"),
        ("dev --port 0 --env-file nothing", 2, "cannot read `nothing`"),
        ("dev --port 0 --schedule no=rate(1_minute)", 2, "a number and a unit"),
    ] {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let words = words.map(|word| match word {
            "LONG" => long.as_str(),
            "PORT" => port.as_str(),
            word => word,
        });
        let said = run(tool(desk.path()).args(words));
        // What went wrong is no output.
        let is_told = said.stderr.contains(part) && said.stdout.is_empty();
        if said.status.code() != Some(exit) || !is_told {
            let Said { status, stdout, stderr } = said;
            others.push(format!("{line}: {status}\n{stdout}{stderr}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    let unknown = run(tool(desk.path()).args(["dev", "--schedule", "nope=rate(1 day)"]));
    assert!(unknown.stderr.contains("there is no function `nope`"), "{}", unknown.stderr);
    for (file, part) in [("folder", "cannot write `folder`"), ("/dev/full", "No space left")] {
        let said = run(tool(desk.path()).args(["test", "hello.test.rhai", "--junit", file]));
        assert_eq!(said.status.code(), Some(2), "{file}: {}", said.stderr);
        assert!(said.stdout.contains("1 passed") && said.stderr.contains(part), "{}", said.stderr);
    }
    let found = run(tool(desk.path()).args(["check", "--json", "binary.rhai"]));
    assert_eq!(found.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    assert_eq!(found["problems"][0]["rule"], "not-utf8", "{found}");
}

#[test]
fn arguments_that_are_no_text_are_refused_or_taken_as_paths() {
    let desk = desk();
    let odd = OsString::from_vec(vec![b'\xff', b'x']);
    for (words, part) in [
        (&["invoke"][..], "no script"),
        (&["invoke", "hello", "-e"], "invalid UTF-8"),
        (&["invoke", "hello", "--root"], "cannot read"),
        (&["dev"], "cannot read"),
        (&["test"], "cannot read"),
        (&["check"], "no script"),
        (&["repl"], "cannot find"),
        (&["new"], "invalid UTF-8"),
        (&["event"], "invalid UTF-8"),
        (&[], "unrecognized subcommand"),
    ] {
        let said = run(tool(desk.path()).args(words).arg(&odd));
        assert_eq!(said.status.code(), Some(2), "{words:?}: {}", said.stderr);
        assert!(said.stderr.contains(part), "{words:?}: {}", said.stderr);
    }
    let script = desk.path().join(&odd).with_extension("rhai");
    fs::write(&script, "fn handler(event) { 1 }").expect("a file");
    let said = run(tool(desk.path()).arg("invoke").arg(&script));
    assert_eq!(said.status.code(), Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("is not UTF-8, which Lambda does not take"), "{}", said.stderr);
}

#[test]
fn an_event_of_100_megabytes_on_standard_input_is_refused() {
    let desk = desk();
    let big = File::open(desk.path().join("big.json")).expect("a file");
    let said = run(tool(desk.path()).args(["invoke", "hello", "-e", "-"]).stdin(big));
    assert_eq!(said.status.code(), Some(2), "{}", said.stderr);
    let part = "on standard input goes on after 6291456 bytes (6 MiB), and Lambda takes no more";
    assert!(said.stderr.contains(part), "{}", said.stderr);
}

#[test]
fn a_script_of_20_megabytes_ends_in_an_answer() {
    let desk = desk();
    let lines = "x += 1; // this line is one of many\n".repeat(600_000);
    let script = format!("fn handler(event) {{ let x = 0;\n{lines}x }}\n");
    assert!(script.len() > 20 << 20);
    fs::write(desk.path().join("huge.rhai"), script).expect("a file");
    let said = run(tool(desk.path()).args(["invoke", "huge"]));
    assert_eq!(said.status.code(), Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("or a larger memory size of the function"), "{}", said.stderr);
    for words in [&["check", "huge.rhai"][..], &["package", "huge", "-o", "/dev/null"]] {
        let said = run(tool(desk.path()).args(words));
        assert_eq!(said.status.code(), Some(0), "{words:?}: {}", said.stderr);
    }
}

/// What each command prints where nothing is wrong.
const PRINTING: [&[&str]; 18] = [
    &["--help"],
    &["help", "dev"],
    &["--version"],
    &["new", "--list"],
    &["invoke", "hello"],
    &["invoke", "hello", "--json"],
    &["invoke", "rows"],
    &["test", "hello.test.rhai"],
    &["test", "hello.test.rhai", "--json"],
    &["test", "hello.test.rhai", "--list"],
    &["check", "hello.rhai"],
    &["fmt", "hello.rhai"],
    &["record", "--json"],
    &["event", "sqs"],
    &["package", "hello"],
    &["definitions"],
    &["completions", "bash"],
    &["man"],
];

#[test]
fn a_disk_that_is_full_is_told_and_exits_with_3() {
    let desk = desk();
    let dev = &["dev", "--port", "0"][..];
    for words in PRINTING.iter().chain([&dev]) {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut stderr = tempfile::tempfile().expect("a temporary file");
        let mut command = tool(desk.path());
        command.args(*words).stdout(full).stderr(stderr.try_clone().expect("a file"));
        let mut stdout = File::open("/dev/null").expect("it is there");
        let said = run_as_it_is(&mut command, &mut stdout, &mut stderr);
        assert_eq!(said.status.code(), Some(3), "{words:?}: {}", said.stderr);
        let part = "cannot write to standard output: No space left on device";
        assert!(said.stderr.contains(part), "{words:?}: {}", said.stderr);
    }
}

/// An output whose reader has gone.
fn unread() -> OwnedFd {
    let (output, reader) = UnixStream::pair().expect("a pair of sockets");
    drop(reader);
    output.into()
}

#[test]
fn a_reader_that_has_gone_ends_a_command_without_a_word() {
    let desk = desk();
    for words in PRINTING {
        let mut stderr = tempfile::tempfile().expect("a temporary file");
        let mut command = tool(desk.path());
        command.args(words).stdout(unread()).stderr(stderr.try_clone().expect("a file"));
        let mut stdout = File::open("/dev/null").expect("it is there");
        let said = run_as_it_is(&mut command, &mut stdout, &mut stderr);
        assert_eq!(said.status.code(), Some(0), "{words:?}: {}", said.stderr);
        let said: Vec<&str> =
            said.stderr.lines().filter(|line| !line.starts_with("report: ")).collect();
        assert_eq!(said, [""; 0], "{words:?}");
    }
}

#[test]
fn what_would_go_on_for_ever_ends_with_its_reader() {
    let desk = desk();
    let watching = ["test", "hello.test.rhai", "--watch"];
    let status = ended(&mut tool(desk.path()).args(watching).stdout(unread()).spawn().expect("it"));
    assert_eq!(status.code(), Some(0));
    for line in ["1 + 1\n", "print(1)\n", "loop { print(1) }\n"] {
        let mut repl = tool(desk.path());
        repl.arg("repl").stdin(Stdio::piped()).stdout(unread());
        let mut repl = repl.spawn().expect("it starts");
        let mut input = repl.stdin.take().expect("ours");
        // As `yes` does: until the other end is closed.
        while input.write_all(line.as_bytes()).is_ok() {}
        assert_eq!(ended(&mut repl).code(), Some(0), "{line}");
    }
}

#[test]
fn without_a_home_an_input_or_any_variable_it_works_the_same() {
    let desk = desk();
    for words in PRINTING {
        let mut command = tool(desk.path());
        command.args(words).env_clear().env("RHAMBDA_BOOTSTRAP", bootstrap());
        // SAFETY: the closure makes one system call, of a number.
        unsafe {
            command.pre_exec(|| {
                libc::close(libc::STDIN_FILENO);
                Ok(())
            });
        }
        let said = run(&mut command);
        assert_eq!(said.status.code(), Some(0), "{words:?}: {}", said.stderr);
        assert!(!said.stdout.is_empty() && !said.stdout.contains('\x1b'), "{words:?}");
    }
}

#[test]
fn a_working_directory_that_was_deleted_is_told() {
    let desk = desk();
    for words in [
        &["new", "x"][..],
        &["invoke", "hello"],
        &["test"],
        &["check"],
        &["repl"],
        &["package", "hello"],
        &["definitions"],
        &["dev", "--port", "0"],
    ] {
        let gone = desk.path().join("gone");
        fs::create_dir(&gone).expect("a folder");
        let name = CString::new(gone.as_os_str().as_bytes()).expect("no nul");
        let mut command = tool(&gone);
        command.args(words);
        // SAFETY: the closure makes one system call, with a text that it owns.
        unsafe {
            command.pre_exec(move || {
                libc::rmdir(name.as_ptr());
                Ok(())
            });
        }
        let said = run(&mut command);
        assert_eq!(said.status.code(), Some(2), "{words:?}: {}", said.stderr);
        let part = "the working directory is not there any more; change to one that is";
        assert!(said.stderr.contains(part), "{words:?}: {}", said.stderr);
    }
    let said = run(tool(desk.path()).args(["event", "sqs"]));
    assert_eq!(said.status.code(), Some(0), "{}", said.stderr);
}

#[test]
fn pipes_links_in_a_circle_and_definitions_are_no_functions() {
    let desk = desk();
    run(tool(desk.path()).arg("definitions"));
    let mut dev = tool(desk.path());
    let mut dev = dev
        .args(["dev", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut names = Vec::new();
    for line in BufReader::new(dev.stdout.take().expect("ours")).lines() {
        let line = line.expect("text");
        if let Some(url) = line.strip_prefix("  http://") {
            names.push(url.split_once('/').expect("a path").1.to_owned());
        }
        if line.starts_with("Ctrl-C") {
            break;
        }
    }
    send(&dev, libc::SIGTERM);
    ended(&mut dev);
    assert_eq!(names, ["binary", "hello", "imports", "loop", "rows"]);
}

fn send(process: &Child, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(process.id()).expect("a process's number");
    // SAFETY: the call takes two numbers; the process is ours and has not been waited for.
    unsafe { libc::kill(pid, signal) };
}

/// Waits until a process has started others, and returns them.
fn children(process: &Child) -> Vec<u32> {
    let begun = Instant::now();
    loop {
        let children = descendants(process.id());
        if !children.is_empty() {
            return children;
        }
        assert!(begun.elapsed() < DEADLINE, "it starts no process");
        thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn a_signal_in_the_middle_ends_it_by_that_signal_with_all_it_started() {
    let desk = desk();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        for words in [
            &["invoke", "loop", "--timeout", "60"][..],
            &["invoke", "loop", "--timeout", "60", "--json"],
            &["test", "loop.test.rhai", "--timeout", "60"],
            &["test", "loop.test.rhai", "--timeout", "60", "--watch"],
            &["dev", "--port", "0", "--timeout", "60"],
        ] {
            let mut command = tool(desk.path());
            command.args(words).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut process = command.spawn().expect("it starts");
            let client = (words[0] == "dev").then(|| {
                let mut first = String::new();
                let stdout = process.stdout.as_mut().expect("ours");
                BufReader::new(stdout).read_line(&mut first).expect("it greets");
                let address = first.trim().rsplit_once("http://").expect("an address").1;
                let address = address.parse().expect("an address");
                thread::spawn(move || {
                    // It is cut off.
                    std::panic::catch_unwind(|| Client::to(address).send("GET /loop", &[], "")).ok()
                })
            });
            let children = children(&process);
            send(&process, signal);
            assert_eq!(ended(&mut process).signal(), Some(signal), "{words:?}");
            let begun = Instant::now();
            while children.iter().any(|pid| is_running(*pid)) {
                assert!(begun.elapsed() < DEADLINE, "{words:?}: {children:?} are left");
                thread::yield_now();
            }
            drop(client.map(thread::JoinHandle::join));
        }
        let mut repl = tool(desk.path());
        repl.arg("repl").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut repl = repl.spawn().expect("it starts");
        let mut input = repl.stdin.take().expect("ours");
        input.write_all(b"print(\"begun\"); loop {}\n").expect("it is taken");
        let mut first = String::new();
        BufReader::new(repl.stdout.as_mut().expect("ours")).read_line(&mut first).expect("a line");
        send(&repl, signal);
        assert_eq!(ended(&mut repl).signal(), Some(signal), "repl");
    }
}

#[test]
fn what_an_interrupted_test_run_leaves_the_next_one_takes_away() {
    let (desk, files) = (desk(), TempDir::new().expect("a folder"));
    let test = |name: &str| {
        let mut command = tool(desk.path());
        command.args(["test", name, "--timeout", "60"]).env("TMPDIR", files.path());
        command.stdout(Stdio::null());
        command
    };
    let mut other = test("loop.test.rhai").spawn().expect("it starts");
    let mut interrupted = test("loop.test.rhai").spawn().expect("it starts");
    children(&other);
    children(&interrupted);
    send(&interrupted, libc::SIGKILL);
    ended(&mut interrupted);
    let left = |process: &Child| {
        fs::exists(files.path().join(format!("rhambda-test-{}", process.id()))).expect("readable")
    };
    assert!(left(&interrupted) && left(&other));
    assert_eq!(ended(&mut test("hello.test.rhai").spawn().expect("it starts")).code(), Some(0));
    assert!(!left(&interrupted), "nobody runs there any more");
    assert!(left(&other), "a run that goes on keeps its files");
    send(&other, libc::SIGTERM);
    ended(&mut other);
}

#[test]
fn a_folder_for_temporary_files_that_is_none_is_told() {
    let desk = desk();
    let said = run(tool(desk.path()).args(["test", "hello.test.rhai"]).env("TMPDIR", "binary"));
    assert_eq!(said.status.code(), Some(3), "{}", said.stderr);
    assert!(said.stderr.contains("in `binary`: "), "{}", said.stderr);
    assert!(said.stderr.contains("TMPDIR can name another"), "{}", said.stderr);
}
