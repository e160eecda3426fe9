//! Documents that are read and written by the runtime itself.

use rhambda_runtime::json;
use serde_json::Value;

use super::Look;

/// JSON is taken if and only if it is JSON, and comes back with the same numbers to the letter.
pub(super) fn json() -> Look {
    Box::new(|input| {
        let read = json::read(input);
        let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(input);
        let value = match read {
            Ok(value) => value,
            Err(error) => {
                assert!(error.offset <= input.len(), "{error:?}");
                assert!(error.line >= 1 && error.column >= 1, "{error:?}");
                return;
            }
        };
        assert!(theirs.is_ok(), "this is no JSON, and was taken");
        let mut text = Vec::new();
        json::write(&value, &mut text).expect("what was read can be written");
        let mut again = Vec::new();
        let value_again = json::read(&text).expect("what was written can be read");
        json::write(&value_again, &mut again).expect("what was read can be written");
        assert_eq!(text, again, "writing is stable");
        let pretty = json::write_pretty(&value).expect("what was read can be written");
        let unpretty = json::read(pretty.as_ref()).expect("what was written can be read");
        again.clear();
        json::write(&unpretty, &mut again).expect("what was read can be written");
        assert_eq!(text, again, "the pretty form is the same value");
        let (mut before, mut after) = (numbers(input), numbers(&text));
        // Of keys that are there twice the last counts.
        if before.len() == after.len() {
            before.sort();
            after.sort();
            assert_eq!(before, after, "numbers keep their values to the digit");
        } else {
            assert!(after.len() < before.len(), "there are more numbers than before");
        }
        let values: [Value; 2] =
            [input, &text[..]].map(|it| serde_json::from_slice(it).unwrap_or_default());
        if values[0] != Value::Null && values[1] != Value::Null {
            // Numbers were compared by their digits; `serde_json` reads some floats next to the nearest.
            let [before, after] = values.map(without_numbers);
            assert_eq!(before, after);
        }
    })
}

fn without_numbers(value: Value) -> Value {
    match value {
        Value::Number(_) => Value::Null,
        Value::Array(items) => items.into_iter().map(without_numbers).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (name, without_numbers(value))).collect()
        }
        other => other,
    }
}

/// The numbers in a JSON text.
fn numbers(text: &[u8]) -> Vec<Decimal> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while text.get(at).is_some_and(|&byte| byte != b'"') {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let is_inside =
                    |it: &&u8| matches!(it, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = text[at..].iter().take_while(is_inside).count();
                numbers.push(decimal(&String::from_utf8_lossy(&text[at..at + length])));
                at += length;
            }
            _ => at += 1,
        }
    }
    numbers
}

/// Sign, digits without zeros around them, and the power of ten of the last one.
type Decimal = (bool, String, i128);

fn decimal(number: &str) -> Decimal {
    let (is_negative, rest) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    // Inputs are shorter than what would not fit, but for the digits of an exponent.
    let exponent: i128 = exponent.trim_start_matches('+').parse().unwrap_or(i128::MAX >> 8);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let zeros = (digits.len() - trimmed.len()) as i128;
    let power = exponent - fraction.len() as i128 + zeros;
    let trimmed = trimmed.trim_start_matches('0').to_owned();
    let power = if trimmed.is_empty() { 0 } else { power };
    (is_negative, trimmed, power)
}
