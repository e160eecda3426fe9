//! What people are told of scripts that are wrong: `tests/catalogue/errors.txt` has the scripts and every
//! word that `rhambda` says of each, to be read by people.
//!
//! With `RHAMBDA_UPDATE_CATALOGUE=1` the words are written anew; read them then.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rhambda_tests::{bootstrap, repository, rhambda};

/// What begins the name of a case, and of a part of it.
const CASE: &str = "=== ";
const PART: &str = "--- ";

#[derive(Default)]
struct Case {
    title: String,
    /// Files by their names, in their order, and `event` and `command`.
    parts: Vec<(String, String)>,
    says: String,
}

impl Case {
    fn part(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|(known, _)| known == name).map(|(_, text)| text.trim_end())
    }

    /// What the tool says of it, with operations counted, so that the engine evaluates, or not.
    fn run(&self, counted: bool) -> String {
        let folder = tempfile::tempdir().expect("a folder for a case");
        for (name, text) in self.parts.iter().filter(|(name, _)| name.ends_with(".rhai")) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
            fs::write(path, text).expect("a script");
        }
        let command = self.part("command").unwrap_or("invoke main.rhai");
        let mut tool = Command::new(rhambda());
        tool.args(command.split_whitespace()).current_dir(folder.path()).stdin(Stdio::null());
        tool.env("RHAMBDA_BOOTSTRAP", bootstrap()).env("NO_COLOR", "1");
        if command.starts_with("invoke") {
            tool.args(["--event", self.part("event").unwrap_or("{\"id\": 7, \"name\": \"Ann\"}")]);
            if counted {
                tool.args(["--env", "RHAMBDA_MAX_OPERATIONS=100000000"]);
            }
        }
        let output = tool.output().expect("rhambda starts");
        let mut told = String::new();
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8(stream).expect("rhambda writes text");
            let lines = text.lines().filter(|line| !line.starts_with("report: "));
            for line in lines {
                let _ = writeln!(told, "{}", line.trim_end());
            }
        }
        let told = told.replace(&folder.path().display().to_string(), "/folder");
        told.trim().to_owned() + "\n"
    }
}

fn cases(text: &str) -> (String, Vec<Case>) {
    let mut intro = String::new();
    let mut cases: Vec<Case> = Vec::new();
    let mut part = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix(CASE) {
            cases.push(Case { title: title.to_owned(), ..Case::default() });
            part.clear();
        } else if let (Some(name), Some(case)) = (line.strip_prefix(PART), cases.last_mut()) {
            part = name.to_owned();
            if name != "says" {
                case.parts.push((part.clone(), String::new()));
            }
        } else {
            let target = match cases.last_mut() {
                None => &mut intro,
                Some(case) if part == "says" => &mut case.says,
                Some(case) => match case.parts.last_mut() {
                    Some((_, text)) => text,
                    None => continue,
                },
            };
            target.push_str(line);
            target.push('\n');
        }
    }
    for case in &mut cases {
        case.says = case.says.trim().to_owned() + "\n";
        for (_, text) in &mut case.parts {
            *text = text.trim_end().to_owned() + "\n";
        }
    }
    (intro, cases)
}

#[test]
fn people_are_told_what_is_wrong_and_what_to_do() {
    let path = repository().join("tests/catalogue/errors.txt");
    let text = fs::read_to_string(&path).expect("the catalogue is there");
    let (intro, mut cases) = cases(&text);
    assert!(cases.len() >= 60, "the catalogue has {} cases", cases.len());
    let updates = std::env::var_os("RHAMBDA_UPDATE_CATALOGUE").is_some();
    let mut wrong = String::new();
    for case in &mut cases {
        let said = case.run(false);
        if updates {
            case.says.clone_from(&said);
        }
        for counted in [false, true] {
            let said = if counted { case.run(true) } else { said.clone() };
            if said != case.says {
                let _ = writeln!(
                    wrong,
                    "=== {} (operations counted: {counted})\n--- expected\n{}--- found\n{said}",
                    case.title, case.says
                );
            }
        }
        let _ = write!(wrong, "{}", unfit(case));
    }
    if updates {
        let mut out = intro;
        for case in &cases {
            let _ = writeln!(out, "{CASE}{}", case.title);
            for (name, text) in &case.parts {
                let _ = write!(out, "{PART}{name}\n{text}");
            }
            let _ = writeln!(out, "{PART}says\n{}", case.says);
        }
        fs::write(&path, out).expect("the catalogue can be written");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What no message may have.
fn unfit(case: &Case) -> String {
    let mut unfit = String::new();
    let message = case.says.lines().next().unwrap_or_default();
    for word in
        ["rhambda_runtime", "core::", "alloc::", "rhai::", "&str", "ImmutableString", "Dynamic"]
    {
        if message.contains(word) {
            let _ = writeln!(unfit, "=== {}: the message has `{word}`: {message}", case.title);
        }
    }
    // Brackets in quotes and back-ticks are the script's own.
    let mut depth = 0;
    let outside = message.split('`').step_by(2).flat_map(|part| part.split('"').step_by(2));
    for letter in outside.flat_map(str::chars) {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
    }
    if depth != 0 {
        let _ = writeln!(unfit, "=== {}: a bracket is not closed: {message}", case.title);
    }
    if !case.says.contains(".rhai:") {
        let _ = writeln!(unfit, "=== {}: the place is not told: {message}", case.title);
    }
    unfit
}
