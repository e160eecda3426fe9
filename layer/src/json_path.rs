//! Changes a value inside of JSON text, and nothing else of it: keys keep their order, numbers
//! their digits.

use std::ops::Range;

use rhambda_runtime::suggest::nearest;

use crate::json_text::is_json;

/// A step of a path: a key of an object, or an index into an array.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Changes JSON text as `path=value` says, where `path` is like `Records[0].body` or
/// `headers["content-type"]`; or adds what is not there yet, as `path+=value` says.
///
/// The value is JSON if it parses, else text. Where text is now, and where a `body` is, any value
/// becomes text; `base64:` before it encodes it.
///
/// # Errors
/// A message that says what is wrong with the assignment, or where its path ends.
pub(crate) fn assign(json: &str, assignment: &str) -> Result<String, String> {
    let Some((path, given)) = split(assignment) else {
        return Err(format!("`{assignment}` is no assignment; write `path=value`"));
    };
    let (path, adds) = match path.strip_suffix('+') {
        Some(path) => (path, true),
        None => (path, false),
    };
    let steps = parse(path)?;
    if !is_json(json.as_bytes()) {
        return Err(format!("cannot set `{path}`: the event is not JSON"));
    }
    let mut at = value_at(json, 0);
    for (done, step) in steps.iter().enumerate() {
        let is_last = done + 1 == steps.len();
        at = match child(json, &at, step) {
            Some(child) => child,
            None if adds && is_last && json[at.clone()].starts_with('{') => {
                return Ok(appended(json, &at, step, &written(given, path, "")));
            }
            None => return Err(missing(json, &at, &steps[..done], step, is_last)),
        };
    }
    if !adds {
        let value = written(given, path, &json[at.clone()]);
        return Ok(format!("{}{value}{}", &json[..at.start], &json[at.end..]));
    }
    if json[at.clone()].starts_with('[') {
        return Ok(appended(json, &at, &Step::Index(0), &written(given, path, "")));
    }
    Err(format!("`{path}` is there already; `{path}=` sets it"))
}

/// The path and the value; an `=` in quotes or brackets belongs to the path.
fn split(assignment: &str) -> Option<(&str, &str)> {
    let mut in_quotes = false;
    for (at, character) in assignment.char_indices() {
        match character {
            '"' => in_quotes = !in_quotes,
            '=' if !in_quotes => return Some((&assignment[..at], &assignment[at + 1..])),
            _ => {}
        }
    }
    None
}

fn parse(path: &str) -> Result<Vec<Step>, String> {
    let wrong =
        || format!("`{path}` is no path; write it like `Records[0].body` or `headers[\"x-id\"]`");
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix("event.").unwrap_or(path);
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix("[\"") {
            let (key, after) = inside.split_once("\"]").ok_or_else(wrong)?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']').ok_or_else(wrong)?;
            steps.push(Step::Index(index.parse().map_err(|_| wrong())?));
            rest = after;
        } else {
            let key = match rest.strip_prefix('.') {
                Some(after) if !steps.is_empty() => after,
                None if steps.is_empty() => rest,
                _ => return Err(wrong()),
            };
            let end = key.find(['.', '[']).unwrap_or(key.len());
            if end == 0 {
                return Err(wrong());
            }
            steps.push(Step::Key(key[..end].to_owned()));
            rest = &key[end..];
        }
    }
    if steps.is_empty() { Err(wrong()) } else { Ok(steps) }
}

/// What to write for a value where this is now.
fn written(given: &str, path: &str, now: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    if let Some(plain) = given.strip_prefix("base64:") {
        use base64::Engine as _;
        return text(&base64::engine::general_purpose::STANDARD.encode(plain));
    }
    let is_text = now.starts_with('"') || path == "body" || path.ends_with(".body");
    let stays = matches!(given.trim_start().as_bytes().first(), Some(b'"'));
    match is_json(given.as_bytes()) {
        true if !is_text || stays || given.trim() == "null" => given.trim().to_owned(),
        _ => text(given),
    }
}

fn appended(json: &str, container: &Range<usize>, step: &Step, value: &str) -> String {
    let before = json[..container.end - 1].trim_end();
    let comma = if before.len() == container.start + 1 { "" } else { ", " };
    let key = match step {
        Step::Key(key) => format!("{}: ", serde_json::Value::from(key.as_str())),
        Step::Index(_) => String::new(),
    };
    format!("{before}{comma}{key}{value}{}", &json[container.end - 1..])
}

fn missing(json: &str, at: &Range<usize>, done: &[Step], step: &Step, is_last: bool) -> String {
    let place = shown(done);
    let of = if place.is_empty() { "the event".to_owned() } else { format!("`{place}`") };
    match (step, json[at.clone()].as_bytes().first()) {
        (Step::Key(key), Some(b'{')) => {
            let keys: Vec<String> = members(json, at).into_iter().map(|(key, _)| key).collect();
            let is = match nearest(key, keys.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if keys.is_empty() => "it is empty".to_owned(),
                None => format!("it has {}", keys.join(", ")),
            };
            let mut whole = done.to_vec();
            whole.push(step.clone());
            let add = match is_last {
                true => format!("\nto add what is not there: `{}+=value`", shown(&whole)),
                false => String::new(),
            };
            format!("there is no `{key}` in {of}; {is}{add}")
        }
        (Step::Index(index), Some(b'[')) => {
            let count = elements(json, at).len();
            let plural = if count == 1 { "" } else { "s" };
            format!("there is no [{index}] in {of}; it has {count} element{plural}, from [0]")
        }
        (Step::Index(_), Some(b'{')) => {
            format!("{of} is an object; write its keys behind a dot: `{place}.key`")
        }
        (Step::Key(key), Some(b'[')) => {
            format!("{of} is an array; say which of its elements: `{place}[0].{key}`")
        }
        _ => format!("{of} has nothing inside: it is {}", &json[at.clone()]),
    }
}

fn shown(steps: &[Step]) -> String {
    let mut shown = String::new();
    for step in steps {
        match step {
            Step::Index(index) => shown.push_str(&format!("[{index}]")),
            Step::Key(key) if key.contains(['.', '[']) => shown.push_str(&format!("[\"{key}\"]")),
            Step::Key(key) if shown.is_empty() => shown.push_str(key),
            Step::Key(key) => shown.push_str(&format!(".{key}")),
        }
    }
    shown
}

fn child(json: &str, at: &Range<usize>, step: &Step) -> Option<Range<usize>> {
    match (step, json[at.clone()].as_bytes().first()?) {
        (Step::Key(key), b'{') => {
            members(json, at).into_iter().rev().find(|(name, _)| name == key).map(|(_, at)| at)
        }
        (Step::Index(index), b'[') => elements(json, at).into_iter().nth(*index),
        _ => None,
    }
}

/// The keys of an object with the places of their values.
fn members(json: &str, object: &Range<usize>) -> Vec<(String, Range<usize>)> {
    let mut members = Vec::new();
    let mut at = object.start + 1;
    loop {
        let key = value_at(json, at);
        if json[key.clone()].is_empty() {
            return members;
        }
        let colon = key.end + json[key.end..].find(':').unwrap_or(0);
        let value = value_at(json, colon + 1);
        at = value.end;
        if let Ok(name) = serde_json::from_str(&json[key]) {
            members.push((name, value));
        }
        at += json[at..].find([',', '}']).unwrap_or(0) + 1;
        if json.as_bytes()[at - 1] == b'}' {
            return members;
        }
    }
}

/// The places of an array's elements.
fn elements(json: &str, array: &Range<usize>) -> Vec<Range<usize>> {
    let mut elements = Vec::new();
    let mut at = array.start + 1;
    loop {
        let element = value_at(json, at);
        if json[element.clone()].is_empty() {
            return elements;
        }
        at = element.end;
        elements.push(element);
        at += json[at..].find([',', ']']).unwrap_or(0) + 1;
        if json.as_bytes()[at - 1] == b']' {
            return elements;
        }
    }
}

/// The place of the value that comes next in valid JSON; empty before a closing bracket.
fn value_at(json: &str, from: usize) -> Range<usize> {
    let bytes = json.as_bytes();
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let start = from + bytes[from..].iter().take_while(|byte| is_space(byte)).count();
    let mut depth = 0usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while bytes.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return start..at,
            b'}' | b']' => depth -= 1,
            b',' | b':' if depth == 0 => return start..at,
            space if depth == 0 && is_space(space) => return start..at,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(bytes[at - 1], b'"' | b'}' | b']') {
            return start..at;
        }
    }
    start..at
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{ "n": 1.50, "Records": [ {"body": "x, \"y\" }", "id":7 }, [] ],
  "headers": {"content-type": "text/plain", "a.b": {}}, "body": null }"#;

    fn set(assignment: &str, expected: &str) {
        let changed = assign(EVENT, assignment).unwrap();
        assert!(changed.contains(expected), "{assignment}: {changed}");
    }

    #[test]
    fn a_value_is_replaced_and_everything_else_stays() {
        let changed = assign(EVENT, "Records[0].id=[1, 2]").unwrap();
        assert_eq!(changed, EVENT.replace("\"id\":7", "\"id\":[1, 2]"));
        assert_eq!(assign(EVENT, "n=0.10").unwrap(), EVENT.replace("1.50", "0.10"));
        assert_eq!(assign("[1,2]", "[1]=3").unwrap(), "[1,3]");
    }

    #[test]
    fn json_is_json_and_anything_else_is_text() {
        set("n=Ada Lovelace", "\"n\": \"Ada Lovelace\"");
        set("n={\"a\": true}", "\"n\": {\"a\": true}");
        set("n=", "\"n\": \"\"");
        set("event.n=null", "\"n\": null");
        set("Records[1]=a=b", "}, \"a=b\" ]");
    }

    #[test]
    fn text_stays_text_and_a_body_becomes_it() {
        set("Records[0].body={\"a\":1}", r#""body": "{\"a\":1}", "id""#);
        set("Records[0].body=42", r#""body": "42""#);
        set("Records[0].body=\"42\"", r#""body": "42""#);
        set("Records[0].body=null", r#""body": null, "id""#);
        set("body={\"a\":1}", r#""body": "{\"a\":1}" }"#);
        set("Records[0].body=base64:hi", r#""body": "aGk=""#);
    }

    #[test]
    fn keys_of_any_kind_can_be_written() {
        set("headers.content-type=a", r#""content-type": "a""#);
        set("headers[\"a.b\"]=1", r#""a.b": 1"#);
    }

    #[test]
    fn what_is_not_there_is_added_on_demand_only() {
        set("headers.x+=1", r#""a.b": {}, "x": 1}"#);
        set("headers[\"a.b\"].x+=1", r#""a.b": {"x": 1}"#);
        set("Records[1]+={\"a\":1}", r#"[{"a":1}]"#);
        set("Records+=3", "[], 3]");
    }

    #[test]
    fn a_path_that_leads_nowhere_is_told_where_it_ends() {
        for (assignment, expected) in [
            ("Record[0].body=1", "there is no `Record` in the event; did you mean `Records`?"),
            (
                "Records[0].bdy=1",
                "no `bdy` in `Records[0]`; did you mean `body`?\nto add what is \
              not there: `Records[0].bdy+=value`",
            ),
            ("Records[0].zzz=1", "it has body, id"),
            ("Records[2]=1", "there is no [2] in `Records`; it has 2 elements, from [0]"),
            (
                "Records.body=1",
                "`Records` is an array; say which of its elements: `Records[0].body`",
            ),
            ("headers[0]=1", "`headers` is an object"),
            ("n.x=1", "`n` has nothing inside: it is 1.50"),
            ("n+=1", "`n` is there already"),
            ("n", "`n` is no assignment; write `path=value`"),
            ("a..b=1", "`a..b` is no path"),
            ("a[x]=1", "`a[x]` is no path"),
            ("=1", "`` is no path"),
        ] {
            let message = assign(EVENT, assignment).expect_err(assignment);
            assert!(message.contains(expected), "{assignment}: {message}");
        }
        assert!(assign("{a", "a=1").expect_err("broken").contains("the event is not JSON"));
    }
}
