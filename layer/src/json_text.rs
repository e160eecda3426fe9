//! JSON as text: laid out for people without parsing it, so that no number loses a digit and no
//! key its place.

use serde::de::IgnoredAny;

/// Whether the bytes are one JSON value and nothing else.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    // Values that are ignored are skipped without recursion, so any depth will do.
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

/// The same JSON with a line for each element. Text that is not JSON comes back as it is.
pub(crate) fn pretty(text: &str) -> String {
    if !is_json(text.as_bytes()) {
        return text.to_owned();
    }
    let mut pretty = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let new_line = |pretty: &mut String, depth: usize| {
        pretty.push('\n');
        pretty.extend(std::iter::repeat_n("  ", depth));
    };
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '{' | '[' => {
                pretty.push(character);
                depth += 1;
                if !text[at + 1..].trim_ascii_start().starts_with(['}', ']']) {
                    new_line(&mut pretty, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                if !pretty.ends_with(['{', '[']) {
                    new_line(&mut pretty, depth);
                }
                pretty.push(character);
            }
            ',' => {
                pretty.push(',');
                new_line(&mut pretty, depth);
            }
            ':' => pretty.push_str(": "),
            '"' => {
                pretty.push('"');
                let mut escaped = false;
                for (_, inside) in characters.by_ref() {
                    pretty.push(inside);
                    match inside {
                        _ if escaped => escaped = false,
                        '\\' => escaped = true,
                        '"' => break,
                        _ => {}
                    }
                }
            }
            space if space.is_ascii_whitespace() => {}
            other => pretty.push(other),
        }
    }
    pretty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_gets_a_line() {
        let text = r#"{"b":[1,2.50,{}],"a" : { "s":"x, {y}: \"z\"" }, "e":[ ]}"#;
        let expected = r#"{
  "b": [
    1,
    2.50,
    {}
  ],
  "a": {
    "s": "x, {y}: \"z\""
  },
  "e": []
}"#;
        assert_eq!(pretty(text), expected);
    }

    #[test]
    fn numbers_keep_their_digits() {
        let number = "123456789012345678901234567890.10";
        assert_eq!(pretty(number), number);
    }

    #[test]
    fn what_is_not_json_is_left_alone() {
        for text in ["", "{a:1}", "[1,2] x", "<p>: {}</p>"] {
            assert_eq!(pretty(text), text);
        }
    }

    #[test]
    fn depth_is_no_limit() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert!(is_json(deep.as_bytes()));
    }
}
