//! A real browser without a window, driven as a person would: by looking and by keys.
//!
//! It speaks the DevTools protocol over descriptors 3 and 4: <https://chromedevtools.github.io/devtools-protocol/>.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::emulator::skip;
use crate::process::{descendants, kill};
use crate::served::is_running;

const PROGRAMS: [&str; 4] =
    ["chromium-headless-shell", "chromium", "google-chrome", "chromium-browser"];

/// How long anything may take before a test gives up on it.
const DEADLINE: Duration = Duration::from_secs(60);

/// One page of a browser. Dropping it ends the browser.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    commands: UnixStream,
    answers: Receiver<Value>,
    last_id: u64,
    session: String,
    problems: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None`, and a reason on the terminal, where none is installed.
    ///
    /// # Panics
    /// When it is there and does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = PROGRAMS.iter().flat_map(|program| {
            std::env::split_paths(&path).map(move |folder| folder.join(program))
        });
        let Some(program) = folders.find(|program| program.is_file()) else {
            skip("no chromium; `tests/install` fetches it");
            return None;
        };
        let profile = tempfile::tempdir().expect("a temporary folder");
        let (commands, theirs) = UnixStream::pair().expect("a pair of sockets");
        let answers = commands.try_clone().expect("a descriptor");
        let mut command = Command::new(program);
        command
            // Tests run as root in containers, where there is no sandbox to be had, and the only
            // page they open is our own.
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-pipe", "--no-first-run", "--force-color-profile=srgb"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let socket = theirs.as_raw_fd();
        // SAFETY: between fork and exec only `dup` and `dup2` are called, which may be. The copy
        // comes first: of a descriptor that is 3 itself, `dup2` would not make one that is kept.
        unsafe {
            command.pre_exec(move || {
                let copy = libc::dup(socket);
                match libc::dup2(copy, 3) == 3 && libc::dup2(copy, 4) == 4 {
                    true => Ok(()),
                    false => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let process = command.spawn().expect("the browser starts");
        drop(theirs);
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0) {
                let Ok(message) = message else { return };
                let message = serde_json::from_slice(&message).expect("the browser speaks JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            process,
            commands,
            answers: messages,
            last_id: 0,
            session: String::new(),
            problems: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": page["targetId"], "flatten": true }),
        );
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Opens an address in a window of this size.
    pub fn open(&mut self, address: &str, width: u32, height: u32) {
        self.resize(width, height);
        self.call("Page.navigate", json!({ "url": address }));
        self.wait_until("document.readyState === 'complete'");
    }

    /// Gives the window another size; below 600 it is a phone's.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Lets the person prefer this colour scheme, `light` or `dark`.
    pub fn prefer(&mut self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// The value of an expression in the page, or of what it promises.
    ///
    /// # Panics
    /// When it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The text of the first element that a selector finds, as it is shown.
    pub fn text(&mut self, selector: &str) -> String {
        let expression = format!("(document.querySelector({selector:?}) || {{}}).innerText || ''");
        self.value(&expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    ///
    /// # Panics
    /// When it does not become so.
    pub fn wait_until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(&format!("!!({expression})")) != true {
            if begun.elapsed() > DEADLINE {
                let shown = self.value("document.body.innerText");
                panic!("not in time: {expression}; {:?}; {shown}", self.problems);
            }
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Presses a key such as `Enter`, `Tab` or `f`; before it, `Control+`, `Shift+` or both.
    pub fn press(&mut self, key: &str) {
        let mut modifiers = 0;
        let mut key = key;
        for (name, bit) in [("Control+", 2), ("Shift+", 8)] {
            if let Some(rest) = key.strip_prefix(name) {
                (key, modifiers) = (rest, modifiers | bit);
            }
        }
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            "Backspace" => 8,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            _ if key.chars().count() == 1 && modifiers & 2 == 0 => key,
            _ => "",
        };
        let mut event = json!({
            "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" },
            "key": key, "modifiers": modifiers, "windowsVirtualKeyCode": code, "text": text,
        });
        if key == "a" && modifiers == 2 {
            event["commands"] = json!(["selectAll"]);
        }
        self.call("Input.dispatchKeyEvent", event);
        let up = json!({
            "type": "keyUp", "key": key, "modifiers": modifiers, "windowsVirtualKeyCode": code,
        });
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Types a text where the focus is.
    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Writes a picture of what is seen to a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn picture(&mut self, path: &Path) {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = STANDARD.decode(answer["data"].as_str().unwrap_or_default());
        fs::write(path, bytes.expect("a picture")).expect("the picture can be written");
    }

    /// What went wrong in the page so far: exceptions, errors of the console, refusals of its policy.
    pub fn problems(&mut self) -> Vec<String> {
        // What happened before an answer has been told before it.
        self.value("1");
        std::mem::take(&mut self.problems)
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser listens");
        loop {
            let message = match self.answers.recv_timeout(DEADLINE) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("no answer to {method}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the browser ended in {method}"),
            };
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        let parameters = &message["params"];
        let problem = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => &parameters["exceptionDetails"],
            Some("Runtime.consoleAPICalled") if parameters["type"] == "error" => parameters,
            Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => {
                &parameters["entry"]
            }
            _ => return,
        };
        self.problems.push(problem.to_string());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let started = descendants(self.process.id());
        // One that has ended by itself is as good.
        drop(self.process.kill());
        drop(self.process.wait());
        // As long as one of them runs it may write to the profile, which then would not go away.
        started.iter().for_each(|pid| kill(*pid));
        let begun = Instant::now();
        while started.iter().any(|pid| is_running(*pid)) && begun.elapsed() < DEADLINE {
            thread::park_timeout(Duration::from_millis(2));
        }
    }
}
