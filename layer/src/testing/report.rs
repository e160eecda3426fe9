//! What a person, or a program, sees of the tests.

use std::fmt::Write;

use serde_json::{Value, json};

use super::coverage::Coverage;
use super::run::Done;
use crate::emulator::FunctionError;
use crate::error_view;
use crate::terminal::{Look, Terminal};

/// A case in one line.
pub(crate) fn line(done: &Done, terminal: &Terminal) -> String {
    let (mark, look) = if done.has_passed() { ("✓", Look::Good) } else { ("✗", Look::Bad) };
    let ms = terminal.paint_out(Look::Faint, &format!("{:.0} ms", done.verdict.ms.ceil()));
    format!("  {} {}  {ms}\n", terminal.paint_out(look, mark), done.case.name)
}

/// Why a case failed, with its log.
pub(crate) fn failure(done: &Done, terminal: &Terminal) -> String {
    let Some(error) = &done.verdict.error else { return String::new() };
    let title = format!("{}: {}", done.case.file, done.case.name);
    let mut text = format!("\n{} {}\n", terminal.paint_out(Look::Bad, "✗"), title);
    let mut part = |name: &str, shown: &str| {
        if !name.is_empty() {
            let _ = writeln!(text, "  {}", terminal.paint_out(Look::Faint, name));
        }
        for line in shown.lines() {
            let _ = writeln!(text, "  {line}");
        }
    };
    part("", &view(error, terminal));
    if let Some(cause) = &done.verdict.cause {
        part("which the script failed with:", &view(cause, terminal));
    }
    if !done.log.trim().is_empty() {
        part("log:", &done.log);
    }
    text
}

fn view(error: &Value, terminal: &Terminal) -> String {
    // That Lambda would count it otherwise is of no interest here.
    let error_type = error["errorType"].as_str().map(str::to_owned);
    let error =
        FunctionError { error_type, body: error.to_string().into_bytes(), xray_cause: None };
    error_view::view(&error, &terminal.for_out())
}

/// How many there were.
pub(crate) fn summary(done: &[Done], left: usize, seconds: f64, terminal: &Terminal) -> String {
    let failed = done.iter().filter(|one| !one.has_passed()).count();
    let mut text = format!("{} passed", done.len() - failed);
    if failed > 0 {
        text.push_str(&format!(", {failed} failed"));
    }
    if left > 0 {
        text.push_str(&format!(", {left} not run"));
    }
    let look = if failed > 0 { Look::Bad } else { Look::Good };
    format!("\n{} in {seconds:.2} s\n", terminal.paint_out(look, &text))
}

/// How many lines of each script were run.
pub(crate) fn coverage(coverage: &Coverage) -> String {
    let widest = coverage.0.keys().map(|file| file.chars().count()).max().unwrap_or(0);
    let mut text = String::from("\nlines that were run\n");
    for (file, lines) in &coverage.0 {
        let (all, run) = Coverage::count(lines);
        let percent = if all == 0 { 100.0 } else { run as f64 * 100.0 / all as f64 };
        let left = ranges(lines.iter().filter(|(_, times)| **times == 0).map(|(line, _)| *line));
        let left = if left.is_empty() { left } else { format!("  not: {left}") };
        let _ = writeln!(text, "  {file:widest$}  {percent:5.1} %  {run:4} of {all:4}{left}");
    }
    text
}

/// `1-3, 7`
fn ranges(lines: impl Iterator<Item = usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let shown = |(first, last): (usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Everything as JSON.
pub(crate) fn to_json(done: &[Done], left: usize, ms: f64, coverage: Option<&Coverage>) -> String {
    let tests: Vec<Value> = done
        .iter()
        .map(|one| {
            json!({
                "file": one.case.file, "name": one.case.name, "passed": one.has_passed(),
                "ms": one.verdict.ms, "error": one.verdict.error, "cause": one.verdict.cause,
                "log": one.log,
            })
        })
        .collect();
    let passed = done.iter().filter(|one| one.has_passed()).count();
    let mut report = json!({
        "passed": passed, "failed": done.len() - passed, "notRun": left, "ms": ms, "tests": tests,
    });
    if let Some(coverage) = coverage {
        report["coverage"] = json!(coverage.0);
    }
    format!("{report}\n")
}

/// What went wrong, in one text.
fn message(error: &Value) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let stack = error["stackTrace"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let stack: String = stack.map(|line| format!("\n{line}")).collect();
    format!("{}: {}{stack}", text("errorType"), text("errorMessage"))
}

/// The Test Anything Protocol, version 14. <https://testanything.org>
pub(crate) fn tap(done: &[Done]) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", done.len());
    for (index, one) in done.iter().enumerate() {
        let ok = if one.has_passed() { "ok" } else { "not ok" };
        let name = format!("{}: {}", one.case.file, one.case.name).replace('#', "\\#");
        let _ = writeln!(text, "{ok} {} - {name}", index + 1);
        if let Some(error) = &one.verdict.error {
            let message = message(error).replace('\n', "\n    ");
            let _ = writeln!(text, "  ---\n  message: |\n    {message}\n  ...");
        }
    }
    text
}

/// The XML that build servers read, as of Ant's JUnit task.
pub(crate) fn junit(done: &[Done], seconds: f64) -> String {
    let failed = |all: &[&Done]| all.iter().filter(|one| !one.has_passed()).count();
    let all: Vec<&Done> = done.iter().collect();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{}\" failures=\"{}\" \
         time=\"{seconds:.3}\">\n",
        all.len(),
        failed(&all)
    );
    for suite in all.chunk_by(|one, other| one.case.file == other.case.file) {
        let file = suite.first().map(|one| one.case.file.as_str()).unwrap_or_default();
        let time: f64 = suite.iter().map(|one| one.verdict.ms / 1000.0).sum();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" time=\"{time:.3}\">",
            escaped(file),
            suite.len(),
            failed(suite)
        );
        for one in suite {
            let _ = write!(
                text,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                escaped(file),
                escaped(&one.case.name),
                one.verdict.ms / 1000.0
            );
            let Some(error) = &one.verdict.error else {
                text.push_str("/>\n");
                continue;
            };
            let _ = write!(
                text,
                ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
                escaped(error["errorType"].as_str().unwrap_or_default()),
                escaped(error["errorMessage"].as_str().unwrap_or_default()),
                escaped(&message(error))
            );
            if !one.log.is_empty() {
                let _ = writeln!(text, "      <system-out>{}</system-out>", escaped(&one.log));
            }
            text.push_str("    </testcase>\n");
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Text in XML; what XML cannot hold becomes `\u{FFFD}`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => {
                let _ = write!(out, "&#{};", letter as u32);
            }
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_in_ranges() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), "1-3, 7, 9-10");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escaped("a<b>&\"\u{1}\n"), "a&lt;b&gt;&amp;&quot;\u{fffd}&#10;");
    }
}
