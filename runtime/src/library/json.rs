//! `parse_json(text)` and `value.to_json()`: JSON by the same rules as events and responses.

use std::cmp::Ordering;

use rhai::{Dynamic, Engine, EvalAltResult, FLOAT, FuncRegistration, INT, ImmutableString, Map};

use super::Part;
use crate::json::{self, ExactNumber};
use crate::vocabulary::Vocabulary;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

pub(super) const PART: Part = Part {
    words: &[
        "parse_json",
        "to_json",
        "to_json_pretty",
        "to_string",
        "to_debug",
        "to_float",
        "to_int",
        "==",
        "!=",
        "<",
        ">",
    ],
    register,
};

/// Says what errors call the numbers that are kept as text.
pub fn name_numbers(engine: &mut Engine) {
    engine.register_type_with_name::<ExactNumber>("ExactNumber");
}

/// Registers the functions and the type of numbers that are kept as text.
fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    engine.register_fn("parse_json", |text: ImmutableString| parse(&text));
    // The value may be a constant: it is only read.
    FuncRegistration::new("to_json")
        .with_purity(true)
        .register_into_engine(engine, |value: &mut Dynamic| compact(value));
    FuncRegistration::new("to_json_pretty").with_purity(true).register_into_engine(
        engine,
        |value: &mut Dynamic| -> Fallible<String> {
            json::write_pretty(value).map_err(|error| error.to_string().into())
        },
    );
    // The engine has one of its own for maps, with other rules.
    FuncRegistration::new("to_json").with_purity(true).register_into_engine(
        engine,
        |value: &mut Map| {
            // Taken for a moment rather than copied.
            let map = Dynamic::from_map(std::mem::take(value));
            let text = compact(&map);
            *value = map.cast::<Map>();
            text
        },
    );
    engine
        .register_fn("to_string", |number: &mut ExactNumber| number.to_string())
        .register_fn("to_debug", |number: &mut ExactNumber| number.to_string())
        .register_fn("to_float", |number: &mut ExactNumber| number.to_float())
        .register_fn("to_int", |number: &mut ExactNumber| -> Fallible<INT> {
            number
                .to_int()
                .ok_or_else(|| format!("{number} is not a whole number within 64 bits").into())
        });
    let comparisons: [(_, Holds); 6] = [
        ("==", |order| order == Some(Ordering::Equal)),
        ("!=", |order| order != Some(Ordering::Equal)),
        ("<", |order| order == Some(Ordering::Less)),
        (">", |order| order == Some(Ordering::Greater)),
        ("<=", |order| order.is_some_and(Ordering::is_le)),
        (">=", |order| order.is_some_and(Ordering::is_ge)),
    ];
    for (operator, holds) in comparisons {
        if vocabulary.has(operator) {
            compare(engine, operator, holds);
        }
    }
}

/// What an operator asks of an order.
type Holds = fn(Option<Ordering>) -> bool;

fn compare(engine: &mut Engine, operator: &str, holds: Holds) {
    let reversed = move |order: Option<Ordering>| holds(order.map(Ordering::reverse));
    engine
        .register_fn(operator, move |left: ExactNumber, right: ExactNumber| {
            holds(left.compare(&Dynamic::from(right)))
        })
        .register_fn(operator, move |left: ExactNumber, right: INT| {
            holds(left.compare(&right.into()))
        })
        .register_fn(operator, move |left: ExactNumber, right: FLOAT| {
            holds(left.compare(&right.into()))
        })
        .register_fn(operator, move |left: INT, right: ExactNumber| {
            reversed(right.compare(&left.into()))
        })
        .register_fn(operator, move |left: FLOAT, right: ExactNumber| {
            reversed(right.compare(&left.into()))
        });
}

fn parse(text: &str) -> Fallible<Dynamic> {
    json::read(text.as_bytes()).map_err(|error| format!("this is not JSON: {error}").into())
}

fn compact(value: &Dynamic) -> Fallible<ImmutableString> {
    let mut out = Vec::new();
    json::write(value, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap_or_default().into())
}
