//! The tool on a terminal: a person types, and sees what comes.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::ptr::null_mut;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{Desk, hello};

/// How long anything may take before it counts as hanging.
const DEADLINE: Duration = Duration::from_secs(60);

const LEFT: &str = "\x1b[D";
const UP: &str = "\x1b[A";
const BACKSPACE: &str = "\x7f";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const RED: &str = "\x1b[1;31m";
const FAINT: &str = "\x1b[2m";

/// A terminal with a process in it.
struct Screen {
    process: Child,
    keyboard: File,
    /// The process's end, to ask how the terminal is set.
    line: OwnedFd,
    settings: Settings,
    output: Receiver<Vec<u8>>,
    /// What was shown and not waited for yet.
    shown: String,
}

type Settings = [libc::tcflag_t; 4];

fn settings(line: &OwnedFd) -> Settings {
    // SAFETY: all-zero bytes are a valid `termios`, which is plain data, and it is a valid place for
    // the answer during the call.
    unsafe {
        let mut found: libc::termios = std::mem::zeroed();
        assert_eq!(libc::tcgetattr(line.as_raw_fd(), &raw mut found), 0);
        [found.c_iflag, found.c_oflag, found.c_cflag, found.c_lflag]
    }
}

impl Screen {
    fn with(mut command: Command) -> Screen {
        let (mut keyboard, mut line) = (0, 0);
        let (name, as_usual) = (null_mut(), null_mut::<libc::termios>());
        let size = null_mut::<libc::winsize>();
        // SAFETY: both numbers are written by the call, and belong to us alone afterwards.
        let (keyboard, line) = unsafe {
            let opened = libc::openpty(&raw mut keyboard, &raw mut line, name, as_usual, size);
            assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
            // What else this process starts must not keep the terminal open.
            libc::fcntl(keyboard, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::fcntl(line, libc::F_SETFD, libc::FD_CLOEXEC);
            (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(line))
        };
        let end = || line.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: the closure makes two system calls, which give the process a session of its own
        // with this terminal.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let settings = settings(&line);
        let process = command.spawn().unwrap();
        let (sender, output) = channel();
        let mut screen = keyboard.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Some(length) = screen.read(&mut buffer).ok().filter(|length| *length > 0) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Screen { process, keyboard, line, settings, output, shown: String::new() }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for a text, and returns what was shown up to it.
    fn shows(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = DEADLINE.saturating_sub(begun.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("no {text:?} in {:?}", self.shown),
            }
        }
    }

    /// Types a line at the prompt, and returns what is shown up to the next prompt.
    fn answers(&mut self, line: &str) -> String {
        self.types(line);
        self.types("\r");
        self.shows("\r\n");
        self.shows("> ")
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: the call takes two numbers; the process is ours and has not been waited for.
        unsafe { libc::kill(self.process.id().try_into().unwrap(), signal) };
    }

    /// Waits for the end, after which the terminal is set as it was before.
    fn ends(mut self) -> ExitStatus {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < DEADLINE, "it goes on; {:?}", self.shown);
            thread::park_timeout(Duration::from_millis(2));
        };
        assert_eq!(settings(&self.line), self.settings);
        status
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn what_takes_long_says_so_until_it_is_done() {
    let desk = Desk::with(&[("hello.rhai", "")]);
    // The head of a static program of this machine's kind, and what takes long to zip.
    let tool = fs::read(env!("CARGO_BIN_EXE_rhambda")).unwrap();
    let mut program = tool[..64].to_vec();
    program[56..58].copy_from_slice(&[0, 0]);
    program.extend(&tool[..tool.len().min(30 << 20)]);
    fs::write(desk.folder.join("bootstrap"), program).unwrap();
    let command = |terminal: &str| {
        let mut command = desk.tool(&["layer", "--bootstrap", "bootstrap", "-o", "layer.zip"]);
        command.env("TERM", terminal);
        command
    };
    let mut screen = Screen::with(command("xterm"));
    screen.shows("\r\x1b[2K");
    screen.shows("zipping bootstrap as small as can be, 0 s");
    screen.shows("zipping bootstrap as small as can be, 1 s");
    screen.types(CTRL_C);
    assert_eq!(screen.ends().signal(), Some(libc::SIGINT));
    let mut screen = Screen::with(command("dumb"));
    let before = screen.shows("zipping bootstrap as small as can be …\r\n");
    assert!(!before.contains('\x1b'), "{before:?}");
    screen.types(CTRL_C);
    assert_eq!(screen.ends().signal(), Some(libc::SIGINT));
    assert!(!desk.folder.join("layer.zip").exists());
}

fn desk() -> Desk {
    Desk::with(&[("hello.rhai", "fn handler(event) { event }")])
}

fn on_terminal(desk: &Desk, arguments: &[&str]) -> Command {
    let mut command = desk.tool(arguments);
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    command
}

fn repl(desk: &Desk) -> Screen {
    let mut screen = Screen::with(on_terminal(desk, &["repl"]));
    screen.shows("> ");
    screen
}

#[test]
fn lines_are_edited_completed_and_brought_back() {
    let desk = desk();
    let mut screen = repl(&desk);
    let answer = screen.answers(&format!("1 + 23{LEFT}{BACKSPACE}"));
    assert!(answer.starts_with("4\r\n"), "{answer:?}");
    screen.types("let total = [1,\r");
    screen.shows("\r\n");
    screen.shows(". ");
    let answer = screen.answers("2, 3].sum();");
    assert!(!answer.contains("error"), "{answer:?}");
    let answer = screen.answers("tot\t * 7");
    assert!(answer.starts_with("42\r\n"), "{answer:?}");
    let answer = screen.answers(UP);
    assert!(answer.starts_with("42\r\n"), "{answer:?}");
    let answer = screen.answers("base64::enc\t(\"hi\")");
    assert!(answer.starts_with("\"aGk=\"\r\n"), "{answer:?}");
    screen.types(CTRL_D);
    assert_eq!(screen.ends().code(), Some(0));
    let mut screen = repl(&desk);
    screen.types(":quit\r");
    assert_eq!(screen.ends().code(), Some(0));
}

#[test]
fn ctrl_c_drops_a_line_and_stops_a_script() {
    let desk = desk();
    let mut screen = repl(&desk);
    screen.types("this is no Rhai");
    screen.shows("no Rhai");
    screen.types(CTRL_C);
    screen.shows("> ");
    screen.types("[1,\r");
    screen.shows("\r\n");
    screen.shows(". ");
    screen.types(CTRL_C);
    screen.shows("> ");
    let answer = screen.answers("1 + 1");
    assert!(answer.starts_with("2\r\n"), "{answer:?}");
    screen.types("print(\"begun\"); loop {}\r");
    screen.shows("\r\nbegun\r\n");
    screen.types(CTRL_C);
    screen.shows("stopped\r\n");
    screen.shows("> ");
    let answer = screen.answers("2 * 3");
    assert!(answer.starts_with("6\r\n"), "{answer:?}");
    screen.types(CTRL_D);
    assert_eq!(screen.ends().code(), Some(0));
}

#[test]
fn ctrl_c_twice_ends_the_session_while_a_script_waits() {
    let desk = desk();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut screen = repl(&desk);
    screen.types(&format!("http::get(\"http://{}/\")\r", silent.local_addr().unwrap()));
    let _waiting = silent.accept().unwrap();
    let begun = Instant::now();
    // Two that come at once count as one.
    while screen.process.try_wait().unwrap().is_none() {
        screen.types(CTRL_C);
        assert!(begun.elapsed() < Duration::from_secs(25), "it waits for the answer");
        thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(screen.ends().signal(), Some(libc::SIGINT));
}

#[test]
fn errors_are_red_unless_colours_are_not_wanted() {
    let desk = desk();
    let mut screen = repl(&desk);
    let answer = screen.answers("nothing");
    assert!(
        answer.contains(&format!("{RED}error:\x1b[0m variable `nothing` not found")),
        "{answer:?}"
    );
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let mut command = on_terminal(&desk, &["repl"]);
        command.env(name, value);
        let mut screen = Screen::with(command);
        screen.shows("> ");
        let answer = screen.answers("nothing");
        assert!(answer.contains("error: variable `nothing` not found"), "{name}: {answer:?}");
        screen.types(CTRL_D);
        assert_eq!(screen.ends().code(), Some(0), "{name}");
    }
}

#[test]
fn a_signal_at_the_prompt_leaves_the_terminal_as_it_was() {
    let desk = desk();
    for signal in [libc::SIGTERM, libc::SIGHUP] {
        let screen = repl(&desk);
        assert_ne!(settings(&screen.line), screen.settings, "lines are edited");
        screen.signal(signal);
        assert_eq!(screen.ends().signal(), Some(signal));
        let mut screen = repl(&desk);
        screen.types("print(\"begun\"); loop {}\r");
        screen.shows("\r\nbegun\r\n");
        screen.signal(signal);
        assert_eq!(screen.ends().signal(), Some(signal));
    }
    // Ctrl-C from elsewhere drops a line, too.
    let mut screen = repl(&desk);
    screen.signal(libc::SIGINT);
    let answer = screen.answers("1 + 1");
    assert!(answer.contains("2\r\n"), "{answer:?}");
}

#[test]
fn a_response_is_laid_out_and_the_report_faint() {
    let desk = hello();
    let arguments = ["invoke", "hello.echo", "--event", "{\"a\":[1,{}]}"];
    let mut screen = Screen::with(on_terminal(&desk, &arguments));
    let shown = screen.shows(" of 128 MB");
    assert!(shown.contains("{\r\n  \"a\": [\r\n    1,\r\n    {}\r\n  ]\r\n}\r\n"), "{shown:?}");
    assert!(shown.contains(&format!("{FAINT}report: init ")), "{shown:?}");
    assert_eq!(screen.ends().code(), Some(0));

    let mut screen = Screen::with(on_terminal(&desk, &["invoke", "hello.fail"]));
    screen.shows(RED);
    screen.shows("NoOrder");
    assert_eq!(screen.ends().code(), Some(1));

    let mut plain = on_terminal(&desk, &arguments);
    plain.env("NO_COLOR", "1");
    let mut screen = Screen::with(plain);
    let shown = screen.shows(" of 128 MB");
    assert!(shown.contains("  \"a\": [\r\n") && !shown.contains('\x1b'), "{shown:?}");
    assert_eq!(screen.ends().code(), Some(0));
}

#[test]
fn an_event_may_be_typed() {
    let desk = hello();
    let arguments = ["invoke", "hello.echo", "--event", "-"];
    let mut screen = Screen::with(on_terminal(&desk, &arguments));
    screen.shows("reading the event from standard input; end it with Ctrl-D\r\n");
    screen.types("[7]\r");
    screen.types(CTRL_D);
    screen.shows("[\r\n  7\r\n]\r\n");
    assert_eq!(screen.ends().code(), Some(0));
}

#[test]
fn ctrl_c_ends_an_invocation_with_its_runtime() {
    let desk = hello();
    let watcher = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("WATCHER={}", watcher.local_addr().unwrap());
    let arguments = ["invoke", "hello.hang", "--timeout", "900", "--env", &address];
    let mut screen = Screen::with(on_terminal(&desk, &arguments));
    let (mut runtime, _) = watcher.accept().unwrap();
    screen.types(CTRL_C);
    assert_eq!(screen.ends().signal(), Some(libc::SIGINT));
    assert_eq!(runtime.read(&mut [0]).unwrap_or(0), 0, "the runtime is gone");
}

#[test]
fn tests_are_shown_in_colours_on_a_screen_that_is_cleared() {
    let desk = Desk::with(&[
        ("hello.rhai", "fn handler(event) { event }"),
        ("hello.test.rhai", "fn test_good() { assert(true) }\nfn test_bad() { assert(false) }"),
    ]);
    let mut screen = Screen::with(on_terminal(&desk, &["test", "--watch"]));
    screen.shows("\x1b[2J\x1b[H");
    let shown = screen.shows("waiting for changes; Ctrl-C ends it\r\n");
    assert!(shown.contains("\x1b[32m") && shown.contains(RED), "{shown:?}");
    screen.types(CTRL_C);
    assert_eq!(screen.ends().signal(), Some(libc::SIGINT));
}

#[test]
fn nothing_that_a_script_says_commands_the_terminal() {
    let script = "fn handler(event) { let a = \"\u{1b}]52;c;eA==\u{7}\"; nope() }";
    let desk = Desk::with(&[("evil.rhai", script)]);
    let mut screen = Screen::with(on_terminal(&desk, &["check", "evil.rhai"]));
    let shown = screen.shows("1 script checked");
    assert!(shown.contains("␛]52;c;eA==␇"), "{shown:?}");
    assert!(!shown.contains("\u{1b}]") && !shown.contains('\u{7}'), "{shown:?}");
    screen.ends();
    let mut screen = repl(&desk);
    screen.types("print(\"a\\x1b]0;title\\x07b\")\r");
    screen.shows("a␛]0;title␇b");
    screen.shows("> ");
    screen.types(CTRL_D);
    screen.ends();
}
