//! What is wrong with a value, with the path of each place.

use serde_json::Value;

/// More lines than anybody reads.
const MOST_LINES: usize = 12;
const LONGEST_VALUE: usize = 160;

/// How a value is compared with what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// All of it.
    Everything,
    /// What is expected of it; it may have more properties.
    Pattern,
}

/// A line for each place where the values differ; none where they do not.
pub(super) fn of(found: &Value, expected: &Value, by: By) -> Vec<String> {
    let mut lines = Vec::new();
    compare("$", found, expected, by, &mut lines);
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn compare(path: &str, found: &Value, expected: &Value, by: By, lines: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, value) in expected {
                let path = step(path, name);
                match found.get(name) {
                    Some(found) => compare(&path, found, value, by, lines),
                    None => lines.push(format!("{path}: missing, expected {}", shown(value))),
                }
            }
            if by == By::Everything {
                for (name, value) in found.iter().filter(|(name, _)| !expected.contains_key(*name))
                {
                    lines.push(format!(
                        "{}: not expected, found {}",
                        step(path, name),
                        shown(value)
                    ));
                }
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            for (index, value) in expected.iter().enumerate() {
                let path = format!("{path}[{index}]");
                match found.get(index) {
                    Some(found) => compare(&path, found, value, by, lines),
                    None => lines.push(format!("{path}: missing, expected {}", shown(value))),
                }
            }
            for (index, value) in found.iter().enumerate().skip(expected.len()) {
                lines.push(format!("{path}[{index}]: not expected, found {}", shown(value)));
            }
        }
        (found, expected) if found == expected => {}
        (found, expected) => {
            lines.push(format!("{path}: expected {}, found {}", shown(expected), shown(found)));
        }
    }
}

fn step(path: &str, name: &str) -> String {
    let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    if is_plain && !name.is_empty() {
        format!("{path}.{name}")
    } else {
        format!("{path}[{name:?}]")
    }
}

/// A value as short as it is worth.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_is_told_with_its_path() {
        let found = json!({"a": 1, "list": [1, {"b": 2}], "more": true, "odd key": 1});
        let expected = json!({"a": 2, "list": [1, {"b": 3}, 4], "gone": null, "odd key": 2});
        assert_eq!(
            of(&found, &expected, By::Everything),
            [
                "$.a: expected 2, found 1",
                "$.gone: missing, expected null",
                "$.list[1].b: expected 3, found 2",
                "$.list[2]: missing, expected 4",
                "$[\"odd key\"]: expected 2, found 1",
                "$.more: not expected, found true",
            ]
        );
        assert_eq!(of(&found, &json!({"list": [1, {}]}), By::Pattern), [""; 0]);
        assert_eq!(of(&json!([1]), &json!([]), By::Pattern), ["$[0]: not expected, found 1"]);
    }

    #[test]
    fn long_values_and_lists_are_cut() {
        let long = json!("x".repeat(1000));
        assert!(shown(&long).ends_with("… (1002 characters)"));
        let lines = of(&json!(vec![0; 20]), &json!(vec![1; 20]), By::Everything);
        assert_eq!((lines.len(), lines[12].as_str()), (13, "and 8 more"));
    }
}
