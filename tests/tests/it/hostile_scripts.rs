//! The hostile suite: scripts that mean harm, or come to it by mistake, each followed by an innocent event
//! that the same process has to answer.
//!
//! The cases are in `tests/hostile/`, one file a kind; `tests/hostile/README.md` tells their form.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rhambda_tests::{Ended, Event, Function, Run, repository};
use serde_json::Value;

/// What a case adds to a script, so that the innocent event has an answer.
const NORMAL: &str = "fn normal() { let a = []; for i in 0..2000 { a.push(#{ id: i }); } a.len() }";
const INNOCENT: &str = r#"{"innocent": true}"#;
const INNOCENT_ANSWER: &str = "2000";

/// How much later than its deadline an answer may come: what a machine with other work may need. What
/// does not look at the clock is late by far more.
const SLACK: Duration = Duration::from_millis(1500);

/// The most that an error or the logs of a case may have, in bytes.
const MOST_TOLD: usize = 1 << 20;

/// One hostile script, and what has to become of it.
#[derive(Debug)]
pub(crate) struct Case {
    place: String,
    pub(crate) title: String,
    pub(crate) outcome: Outcome,
    events: Vec<String>,
    variables: Vec<(String, String)>,
    files: BTreeMap<String, String>,
    timeout: Duration,
    memory_mb: u64,
    may_restart: bool,
}

/// What each hostile event gets.
#[derive(Debug)]
pub(crate) enum Outcome {
    Value(Option<Value>),
    Error(Option<String>),
    Either,
    Init(Option<String>),
}

impl Outcome {
    fn parse(text: &str, place: &str) -> Self {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let named = (!rest.trim().is_empty()).then(|| rest.trim().to_owned());
        match kind {
            "value" => Self::Value(named.map(|json| {
                serde_json::from_str(&json)
                    .unwrap_or_else(|error| panic!("{place}: {json}: {error}"))
            })),
            "error" => Self::Error(named),
            "either" => Self::Either,
            "init" => Self::Init(named),
            _ => panic!("{place}: `{text}` is no outcome"),
        }
    }
}

/// The cases of a file.
pub(crate) fn cases(name: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut file = String::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        let place = format!("tests/hostile/{name}:{number}");
        if let Some(head) = line.strip_prefix("#### ") {
            let (title, outcome) =
                head.rsplit_once(" => ").unwrap_or_else(|| panic!("{place}: no ` => `"));
            let outcome = Outcome::parse(outcome.trim(), &place);
            file = "main.rhai".to_owned();
            cases.push(Case {
                place,
                title: title.to_owned(),
                outcome,
                events: Vec::new(),
                variables: Vec::new(),
                files: BTreeMap::new(),
                timeout: Duration::from_secs(2),
                memory_mb: 128,
                may_restart: false,
            });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        let Some(option) = line.strip_prefix("#: ") else {
            let text = case.files.entry(file.clone()).or_default();
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let (word, rest) = option.split_once(' ').unwrap_or((option, ""));
        match word {
            "event" => case.events.push(rest.to_owned()),
            "env" => {
                let (name, value) =
                    rest.split_once('=').unwrap_or_else(|| panic!("{place}: no `=`"));
                case.variables.push((name.to_owned(), value.to_owned()));
            }
            "file" => file = rest.to_owned(),
            "main" => file = "main.rhai".to_owned(),
            "timeout_ms" => {
                case.timeout = Duration::from_millis(rest.parse().expect("a number"));
            }
            "memory" => case.memory_mb = rest.parse().expect("a number"),
            "restarts" => case.may_restart = true,
            _ => panic!("{place}: there is no option `{word}`"),
        }
    }
    cases
}

impl Case {
    pub(crate) fn main(&self) -> String {
        let script = self.files.get("main.rhai").map_or("", String::as_str);
        let mut whole = match script.contains("fn handler(")
            || matches!(self.outcome, Outcome::Init(_))
        {
            true => script.to_owned(),
            // In one line with the body, whose lines are counted from the case's first.
            false => format!(
                "fn handler(event) {{ if event.innocent == true {{ return normal() }} {script}\n}}\n"
            ),
        };
        if !script.contains("fn normal(") && !matches!(self.outcome, Outcome::Init(_)) {
            whole.push_str(NORMAL);
            whole.push('\n');
        }
        whole
    }

    pub(crate) fn function(&self) -> Function {
        let mut function = Function::of(&self.main())
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &self.memory_mb.to_string());
        for (name, value) in &self.variables {
            function = function.env(name, value);
        }
        for (path, text) in self.files.iter().filter(|(path, _)| *path != "main.rhai") {
            function = function.file(path, text);
        }
        function
    }

    fn run(&self) {
        let mut function = self.function();
        let one = ["{}".to_owned()];
        let events = if self.events.is_empty() { &one } else { self.events.as_slice() };
        for event in events {
            function = function.sent(Event::new(event.as_str()).due_in(self.timeout));
        }
        let run = function.event(INNOCENT).run();
        if let Outcome::Init(error_type) = &self.outcome {
            return self.check_init(&run, error_type.as_deref());
        }
        let mut posts = run.calls().iter().filter(|call| call.method == "POST");
        let mut handed_out = run.calls().iter().filter(|call| call.gave.is_some());
        for index in 0..events.len() {
            let Some(next) = handed_out.next() else {
                run.fail(&format!("event {index} was never asked for"))
            };
            let Some(post) = posts.next() else {
                run.fail(&format!("event {index} was not answered"))
            };
            let took = post.at.duration_since(next.at);
            if took > self.timeout + SLACK {
                run.fail(&format!("event {index} was answered after {took:?}"));
            }
            self.check_answer(&run, index, &post.path, &post.text());
        }
        match (posts.next(), run.ended()) {
            (Some(post), Ended::Serving) if post.text() == INNOCENT_ANSWER => {}
            (None, Ended::Exited(0 | 1)) if self.may_restart => {
                let run = self.function().event(INNOCENT).run();
                let _ = run.responded(INNOCENT_ANSWER).kept_serving();
                return;
            }
            (Some(_), Ended::Serving) => run.fail("the innocent event has another answer"),
            _ => run.fail("the innocent event was not answered by the same process"),
        }
        if posts.next().is_some() {
            run.fail("something was answered twice");
        }
        let most_kb = self.memory_mb * 1024;
        if run.peak_memory_kb() > most_kb {
            run.fail(&format!("its peak was {} KB of {most_kb}", run.peak_memory_kb()));
        }
        if run.stdout().len() + run.stderr().len() > MOST_TOLD {
            run.fail("it logged more than a MiB");
        }
    }

    fn check_answer(&self, run: &Run, index: usize, path: &str, body: &str) {
        let is_error = path.ends_with("/error");
        if is_error && body.len() > MOST_TOLD {
            run.fail("an error of more than a MiB was posted");
        }
        let told = || serde_json::from_str::<Value>(body).unwrap_or_default();
        match &self.outcome {
            Outcome::Value(_) if is_error => run.fail(&format!("event {index} is an error")),
            Outcome::Value(Some(expected)) if told() != *expected => {
                run.fail(&format!("event {index} should be {expected}, was {body}"))
            }
            Outcome::Error(_) if !is_error => run.fail(&format!("event {index} is no error")),
            Outcome::Error(Some(expected)) if told()["errorType"] != expected.as_str() => {
                run.fail(&format!("event {index} should be an error of type {expected}"))
            }
            _ => {}
        }
    }

    fn check_init(&self, run: &Run, expected: Option<&str>) {
        let Some(post) = run.calls().iter().find(|call| call.path.ends_with("/init/error")) else {
            run.fail("init did not fail, or was not told")
        };
        let told: Value = serde_json::from_str(&post.text()).unwrap_or_default();
        if expected.is_some_and(|expected| told["errorType"] != expected) {
            run.fail(&format!("the init error should be of type {expected:?}"));
        }
        if run.ended() != Ended::Exited(1) {
            run.fail("after an init error the process should end with 1");
        }
    }
}

#[test]
fn hostile_scripts_end_in_an_answer_and_the_next_event_is_served() {
    let folder = repository().join("tests/hostile");
    let mut names: Vec<String> = fs::read_dir(folder.as_path())
        .expect("the folder is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".txt"))
        .collect();
    names.sort();
    // Only the cases whose place or title has this, to look at one.
    let filter = std::env::var("HOSTILE").unwrap_or_default();
    let all: Vec<Case> = names
        .iter()
        .flat_map(|name| {
            let text = fs::read_to_string(folder.join(name)).expect("a text");
            cases(name, &text)
        })
        .filter(|case| case.place.contains(&filter) || case.title.contains(&filter))
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = catch_unwind(AssertUnwindSafe(|| case.run()));
                    if let Err(panic) = run {
                        let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                        let why: String = why.chars().take(3000).collect();
                        let told = format!("{} ({}): {why}", case.place, case.title);
                        failures.lock().expect("no panic holds it").push(told);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic holds it");
    println!("{} hostile scripts, {} failed", all.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
