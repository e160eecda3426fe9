//! The same problems for people, programs and code hosts.

use serde_json::{Value, json};

use super::{Findings, Problem, Severity, rules};
use crate::excerpt::Lines;
use crate::terminal::{Look, Terminal};

/// So many problems of a file are shown to people: those after them are seldom of another kind.
const MAX_SHOWN: usize = 100;

/// For people: each problem with its line.
pub(crate) fn human(findings: &Findings, terminal: &Terminal) -> String {
    let mut said = String::new();
    // They are sorted by their files.
    for of_file in findings.problems.chunk_by(|one, next| one.file == next.file) {
        let source = of_file.first().and_then(|first| findings.sources.get(&first.file));
        let lines = Lines::of(source.map_or("", String::as_str));
        for problem in of_file.iter().take(MAX_SHOWN) {
            let look = match problem.severity {
                Severity::Error => Look::Bad,
                Severity::Warning => Look::Warning,
            };
            let Problem { file, line, column, length, rule, message, help, .. } = problem;
            let label = terminal.paint_out(look, &format!("{}[{rule}]:", problem.severity.name()));
            said.push_str(&format!("{label} {}\n", terminal.paint_out(Look::Strong, message)));
            said.push_str(&format!("  at {file}:{line}:{column}\n"));
            for text in lines.excerpt(*line, *column, *length).lines() {
                said.push_str(&format!("  {}\n", excerpt_line(text, look, terminal)));
            }
            if !help.is_empty() {
                said.push_str(&format!("  {help}\n"));
            }
            said.push('\n');
        }
        if let (more @ 1.., Some(first)) =
            (of_file.len().saturating_sub(MAX_SHOWN), of_file.first())
        {
            said.push_str(&format!("and {more} more in {}; --format json has all\n\n", first.file));
        }
    }
    said
}

/// How to read more about the codes that were found, where there are any.
pub(crate) fn explained(findings: &Findings, terminal: &Terminal) -> String {
    /// More than these are a list that nobody reads.
    const MOST: usize = 3;
    let mut codes: Vec<&str> = Vec::new();
    for problem in &findings.problems {
        if !codes.contains(&problem.rule) {
            codes.push(problem.rule);
        }
    }
    let more: Vec<String> =
        codes.iter().take(MOST).map(|code| format!("rhambda check --explain {code}")).collect();
    match more.as_slice() {
        [] => String::new(),
        more => format!("{}\n\n", terminal.paint_out(Look::Faint, &more.join("\n"))),
    }
}

fn excerpt_line(line: &str, look: Look, terminal: &Terminal) -> String {
    let Some((gutter, rest)) = line.split_once('|') else { return line.to_owned() };
    let gutter = terminal.paint_out(Look::Faint, &format!("{gutter}|"));
    match rest.trim_start().starts_with('^') {
        true => format!("{gutter}{}", terminal.paint_out(look, rest)),
        false => format!("{gutter}{rest}"),
    }
}

/// One line about all of them.
pub(crate) fn summary(findings: &Findings, scripts: usize) -> String {
    let count = |severity| findings.problems.iter().filter(|it| it.severity == severity).count();
    let plural = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    let checked = plural(scripts, "script");
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => format!("{checked} checked: nothing is wrong"),
        (errors, 0) => format!("{checked} checked: {}", plural(errors, "error")),
        (0, warnings) => format!("{checked} checked: {}", plural(warnings, "warning")),
        (errors, warnings) => {
            format!(
                "{checked} checked: {}, {}",
                plural(errors, "error"),
                plural(warnings, "warning")
            )
        }
    }
}

/// For programs: one object.
pub(crate) fn json(findings: &Findings) -> String {
    // Each is text before the next is made: as a tree they would take many times that.
    let problems = findings.problems.iter().map(|problem| {
        let mut object = json!({
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "endColumn": problem.column + problem.length,
            "severity": problem.severity.name(),
            "rule": problem.rule,
            "message": problem.message,
        });
        if !problem.help.is_empty() {
            object["help"] = Value::from(problem.help.as_str());
        }
        object.to_string()
    });
    format!("{{\"problems\":[{}]}}\n", joined(problems))
}

fn joined(objects: impl Iterator<Item = String>) -> String {
    let mut all = String::new();
    for object in objects {
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(&object);
    }
    all
}

/// SARIF 2.1.0, which code hosts and editors show.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub(crate) fn sarif(findings: &Findings, prefix: &str) -> String {
    let mut rules: Vec<&str> = findings.problems.iter().map(|problem| problem.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let results = findings.problems.iter().map(|problem| {
        let result = json!({
            "ruleId": problem.rule,
            "level": problem.severity.name(),
            "message": { "text": with_help(problem) },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": format!("{prefix}{}", problem.file) },
                "region": {
                    "startLine": problem.line,
                    "startColumn": problem.column,
                    "endColumn": problem.column + problem.length,
                },
            } }],
        });
        result.to_string()
    });
    let rules: Vec<Value> = rules.into_iter().map(described).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rhambda check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": [],
        }],
    });
    // The object's names are in the order of the alphabet or in ours; this one is there once.
    format!("{log}\n").replacen("\"results\":[]", &format!("\"results\":[{}]", joined(results)), 1)
}

/// What SARIF says of a rule.
fn described(code: &str) -> Value {
    match rules::find(code) {
        Some(rule) => json!({
            "id": code,
            "shortDescription": { "text": rule.summary.replace('\n', " ") },
            "help": { "text": rule.page, "markdown": rule.page },
            "helpUri": rule.address(),
        }),
        None => json!({ "id": code }),
    }
}

/// Workflow commands of GitHub Actions, which become notes at the lines of a pull request.
pub(crate) fn github(findings: &Findings, prefix: &str) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let mut said = String::new();
    for problem in &findings.problems {
        let Problem { file, line, column, length, rule, severity, .. } = problem;
        let file = escaped(&format!("{prefix}{file}")).replace(':', "%3A").replace(',', "%2C");
        let end = column + length;
        let text = escaped(&with_help(problem));
        said.push_str(&format!(
            "::{} file={file},line={line},col={column},endColumn={end},title={rule}::{text}\n",
            severity.name()
        ));
    }
    said
}

fn with_help(problem: &Problem) -> String {
    match problem.help.as_str() {
        "" => problem.message.clone(),
        help => format!("{}; {help}", problem.message),
    }
}
