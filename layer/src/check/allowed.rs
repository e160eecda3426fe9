//! What a comment says is meant as it is: `// rhambda: allow(dropped-value)`.
//!
//! At the end of a line it is about that line, on a line of its own about the next one with code.

use std::collections::HashMap;

use rhambda_runtime::suggest::nearest;

use super::problem::Problem;
use super::project::{File, place};
use super::rules;
use crate::format::{TokenKind, each_token};

const RULE: &str = "allow-comment";
const MARK: &str = "rhambda: allow(";

/// What cannot be allowed: without it nothing else is known.
const NEVER: &[&str] = &["syntax", "reserved-word", "not-utf8", RULE];

/// Takes away the problems of a file that it allows, and tells what is wrong with its comments.
pub(super) fn apply(file: &File, problems: &mut Vec<Problem>) {
    if !file.source.contains(MARK) {
        return;
    }
    let mut allowed: HashMap<usize, Vec<&str>> = HashMap::new();
    let mut waiting: Vec<&str> = Vec::new();
    let mut wrong = Vec::new();
    let (mut line, mut counted, mut last_code) = (1, 0, 0);
    each_token(&file.source, |kind, text| {
        let start = text.as_ptr() as usize - file.source.as_ptr() as usize;
        line += line_ends(&file.source[counted..start]);
        counted = start;
        if kind != TokenKind::Comment {
            if !waiting.is_empty() {
                allowed.entry(line).or_default().append(&mut waiting);
            }
            // A text may end some lines later.
            last_code = line + line_ends(text);
            return true;
        }
        let codes = text.trim_start_matches(['/', '*', ' ', '\t']).strip_prefix(MARK);
        let Some((codes, _)) = codes.and_then(|codes| codes.split_once(')')) else { return true };
        for code in codes.split(',').map(str::trim) {
            let at = start + (code.as_ptr() as usize - text.as_ptr() as usize);
            match rules::find(code) {
                Some(_) if NEVER.contains(&code) => {
                    wrong.push(told(
                        file,
                        line,
                        at,
                        code,
                        format!("`{code}` cannot be allowed"),
                        String::new(),
                    ));
                }
                Some(_) if last_code == line => allowed.entry(line).or_default().push(code),
                Some(_) => waiting.push(code),
                None => {
                    let near = nearest(code, rules::all().map(|rule| rule.code));
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    let help =
                        help.unwrap_or_else(|| "`rhambda check --explain` lists them".to_owned());
                    wrong.push(told(
                        file,
                        line,
                        at,
                        code,
                        format!("there is no rule `{code}`"),
                        help,
                    ));
                }
            }
        }
        true
    });
    problems.retain(|problem| {
        let is_allowed = problem.file == file.path
            && allowed.get(&problem.line).is_some_and(|codes| codes.contains(&problem.rule));
        !is_allowed || NEVER.contains(&problem.rule)
    });
    problems.append(&mut wrong);
}

fn line_ends(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn told(file: &File, line: usize, at: usize, code: &str, message: String, help: String) -> Problem {
    let start = file.source[..at].rfind('\n').map_or(0, |end| end + 1);
    let column = file.source[start..at].chars().count() + 1;
    let problem = Problem::warning(&file.path, RULE, message);
    problem.at(place(line, column), code.chars().count()).help(help)
}
