//! The same problems for people, programs and code hosts.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Findings, Problem, Severity};
use crate::excerpt::excerpt;
use crate::terminal::{Look, Terminal};

/// For people: each problem with its line.
pub(crate) fn human(findings: &Findings, terminal: &Terminal) -> String {
    let mut said = String::new();
    for problem in &findings.problems {
        let look = match problem.severity {
            Severity::Error => Look::Bad,
            Severity::Warning => Look::Warning,
        };
        let Problem { file, line, column, rule, message, help, .. } = problem;
        let label = terminal.paint_out(look, &format!("{}[{rule}]:", problem.severity.name()));
        said.push_str(&format!("{label} {}\n", terminal.paint_out(Look::Strong, message)));
        said.push_str(&format!("  at {file}:{line}:{column}\n"));
        let marked = marked(problem, &findings.sources);
        for text in marked.lines() {
            said.push_str(&format!("  {}\n", excerpt_line(text, look, terminal)));
        }
        if !help.is_empty() {
            said.push_str(&format!("  {help}\n"));
        }
        said.push('\n');
    }
    said
}

/// The line with as many carets as the problem is long.
fn marked(problem: &Problem, sources: &HashMap<String, String>) -> String {
    let Some(source) = sources.get(&problem.file) else { return String::new() };
    let excerpt = excerpt(source, problem.line, problem.column);
    let text = source.lines().nth(problem.line - 1).unwrap_or_default();
    let room = (text.chars().count() + 1).saturating_sub(problem.column).max(1);
    let more = problem.length.min(room).saturating_sub(1);
    if excerpt.is_empty() { excerpt } else { format!("{excerpt}{}", "^".repeat(more)) }
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
        object
    });
    let problems: Vec<Value> = problems.collect();
    format!("{}\n", json!({ "problems": problems }))
}

/// SARIF 2.1.0, which code hosts and editors show.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub(crate) fn sarif(findings: &Findings, prefix: &str) -> String {
    let mut rules: Vec<&str> = findings.problems.iter().map(|problem| problem.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = findings
        .problems
        .iter()
        .map(|problem| {
            json!({
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
            })
        })
        .collect();
    let rules: Vec<Value> = rules.into_iter().map(|rule| json!({ "id": rule })).collect();
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
            "results": results,
        }],
    });
    format!("{log}\n")
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
