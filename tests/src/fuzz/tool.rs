//! What the tool reads: scripts to lay out and to check, recordings, names that people type.

use std::fs;
use std::path::{Component, Path};

use rhambda_layer::fuzzing::{self, Formatted, Formatter};
use rhambda_runtime::handler::Handler;

use super::Look;

/// A script that compiles is laid out as the same script, and then stays as it is.
pub(super) fn fmt() -> Look {
    let formatter = Formatter::new();
    Box::new(move |input| {
        let source = String::from_utf8_lossy(input);
        match formatter.format(&source) {
            Formatted::Refused => {}
            Formatted::Defect(defect) => panic!("{defect}"),
            Formatted::Script(laid_out) => match formatter.format(&laid_out) {
                Formatted::Script(again) => assert_eq!(laid_out, again, "it is laid out otherwise"),
                other => panic!("{other:?} for what was laid out: {laid_out}"),
            },
        }
    })
}

/// Any script can be checked, and what is wrong is at a place that there is.
pub(super) fn check() -> Look {
    let root = tempfile::tempdir().expect("a temporary folder");
    fs::write(root.path().join("other.rhai"), "fn shared(a) { a }\nexport const N = 1;\n")
        .expect("a file in a temporary folder");
    Box::new(move |input| {
        fs::write(root.path().join("main.rhai"), input).expect("a file in a temporary folder");
        let found = fuzzing::check(root.path(), &["main.rhai"]);
        let found = found.unwrap_or_else(|why| panic!("{why}"));
        let Ok(source) = std::str::from_utf8(input) else {
            assert!(!found.is_empty(), "it is no text");
            return;
        };
        let parses = fuzzing::parses(source).unwrap_or_else(|why| panic!("{why}"));
        assert!(parses || !found.is_empty(), "it does not parse, and that is no problem");
        // Where one ends a comment, the engine counts a line that no editor does.
        let has_lone_return = source.replace("\r\n", "").contains('\r');
        let found = found.into_iter().filter(|(file, ..)| file == "main.rhai" && !has_lone_return);
        for (_, line, column, message) in found {
            let text = source.split('\n').nth(line.saturating_sub(1));
            let text = text.unwrap_or_else(|| panic!("there is no line {line}: {message}"));
            assert!(line > 0 && column > 0, "{line}:{column}: {message}");
            assert!(column <= text.chars().count() + 1, "{line}:{column} in {text:?}: {message}");
        }
    })
}

/// A log is searched for recordings, and a recording that can be read is the same after it was
/// written.
pub(super) fn recording() -> Look {
    Box::new(|input| {
        let text = String::from_utf8_lossy(input);
        let (found, whole) = fuzzing::recordings(&text);
        assert!(whole <= found);
        assert_eq!(found, text.matches("rhambda-recording:1:").count());
        // Why it is none is for people.
        let _ = fuzzing::recording(text.into_owned());
    })
}

/// What somebody typed leads to a script below the root, by a handler setting that the runtime takes
/// and that leads to the same file.
pub(super) fn script_name() -> Look {
    let root = tempfile::tempdir().expect("a temporary folder");
    let from = root.path().canonicalize().expect("it is there");
    let from = from.join("project");
    fs::create_dir_all(from.join("lib")).expect("a folder in a temporary folder");
    for name in ["hello.rhai", "lib/money.rhai", "a.b.rhai", "lib/x.test.rhai", "notes.txt"] {
        fs::write(from.join(name), "fn handler(event) { }").expect("a file of ours");
    }
    Box::new(move |input| {
        let _root = &root;
        let text = String::from_utf8_lossy(input);
        let (typed, made) = text.split_once('\n').unwrap_or((&text, ""));
        let is_made = !made.is_empty()
            && !made.contains(['/', '\0'])
            && made.len() < 100
            && made.ends_with(".rhai")
            && !from.join(made).exists();
        if is_made {
            fs::write(from.join(made), "fn handler(event) { }").expect("a file of ours");
        }
        let found = fuzzing::script_name(Path::new(typed), &from);
        if let Ok((root, path, setting)) = &found {
            assert!(root.join(path).is_file(), "{path}");
            assert!(Path::new(path).components().all(|it| matches!(it, Component::Normal(_))));
            match Handler::parse(setting) {
                Ok(handler) => {
                    let candidates = handler.candidates(std::slice::from_ref(root));
                    let first = candidates.iter().find(|path| path.is_file());
                    assert_eq!(first, Some(&root.join(path)), "{setting}");
                }
                Err(error) => {
                    // Lambda takes no white space, nor does the runtime; packaging says so.
                    let is_odd = path.contains(['\\']) || path.contains(char::is_whitespace);
                    assert!(is_odd, "{error}");
                }
            }
        }
        if is_made {
            fs::remove_file(from.join(made)).expect("it was made");
        }
    })
}

/// A change of an event gives JSON, in which nothing else is another.
pub(super) fn event_change() -> Look {
    Box::new(|input| {
        let text = String::from_utf8_lossy(input);
        let (change, event) = text.split_once('\n').unwrap_or((&text, "{}"));
        let Ok(changed) = fuzzing::assign(event, change) else { return };
        serde_json::from_str::<serde::de::IgnoredAny>(&changed).expect("it is still JSON");
        // What was set can be set again, and then nothing changes any more.
        if let Some((path, value)) = change.split_once('=')
            && !path.ends_with('+')
            && !path.contains('"')
        {
            let again = fuzzing::assign(&changed, &format!("{path}={value}"));
            let again = again.unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(changed, again);
        }
    })
}
