//! `json`, `parse_json(text)` and `value.to_json()`: JSON by the same rules as events and responses.

use std::cmp::Ordering;

use rhai::plugin::*;
use rhai::{Dynamic, Engine, EvalAltResult, FLOAT, INT, ImmutableString, Map, Position};

use super::crypto::with_bytes;
use super::native::exported;
use super::{Fallible, Part, counted, malformed};
use crate::json::{self, BigInteger};
use crate::vocabulary::Vocabulary;
use crate::{memory, numbers};

pub(super) const MODULE: Part = Part { words: &["json"], register: register_module };

/// The functions and the type of numbers that are kept as text.
pub(super) const VALUES: Part = Part {
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
        "+",
        "-",
        "*",
        "/",
        "%",
    ],
    register: register_values,
};

/// Says what scripts call whole numbers beyond 64 bits.
pub fn name_numbers(engine: &mut Engine) {
    engine.register_type_with_name::<BigInteger>("bigint");
}

/// Refuses to compute with a whole number beyond 64 bits, which would be rounded.
fn not_computed(name: &str) -> Box<EvalAltResult> {
    let message = format!(
        "`{name}` does not take a whole number beyond 64 bits, which it would have to round: `to_string()` \
         gives its text, and `to_float()` the nearest float to compute with"
    );
    Box::new(EvalAltResult::ErrorArithmetic(message, Position::NONE))
}

fn register_module(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("json", "Json.Invalid", engine, vocabulary);
}

/// JSON by the same rules as events and responses: strict, and no number loses a digit.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// The value of one JSON text, or of a blob that has it in UTF-8. What is not JSON is an error
    /// with the byte, the line and the column where it stops being it.
    ///
    /// ```rhai
    /// json::parse("{\"id\": 7, \"tags\": [null, 0.5]}"); // => #{ id: 7, tags: [(), 0.5] }
    /// json::parse("[true]".to_blob()); // => [true]
    /// json::parse("[1,]"); // => error: at byte 3 (line 1, column 4)
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn parse(text: &mut Dynamic) -> Fallible<Dynamic> {
        with_bytes("json::parse", "text", text, read)
    }

    /// The value as JSON without spaces, the keys of maps in order.
    ///
    /// ```rhai
    /// json::stringify(#{ b: [1, ()], a: 0.5 }); // => "{\"a\":0.5,\"b\":[1,null]}"
    /// json::stringify("x"); // => "\"x\""
    /// json::stringify(#{ f: |x| x }); // => error: a closure at `$.f` cannot be JSON
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn stringify(value: &mut Dynamic) -> Fallible<ImmutableString> {
        compact(value)
    }

    /// The value as JSON for people: each item in a line of its own, indented by two spaces.
    ///
    /// ```rhai
    /// json::pretty(#{ a: [1] }); // => "{\n  \"a\": [\n    1\n  ]\n}"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn pretty(value: &mut Dynamic) -> Fallible<String> {
        super::pretty(value)
    }
}

// The engine has a `to_json` of its own for maps, with other rules.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The value of one JSON text, as `json::parse` gives it.
    ///
    /// ```rhai
    /// parse_json("[1, 18446744073709551615]")[1].to_string(); // => "18446744073709551615"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse_json(text: &str) -> Fallible<Dynamic> {
        read(text.as_bytes())
    }

    /// The value as JSON without spaces, as `json::stringify` gives it.
    ///
    /// ```rhai
    /// [1, "a", ()].to_json(); // => "[1,\"a\",null]"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn to_json(value: &mut Dynamic) -> Fallible<ImmutableString> {
        compact(value)
    }

    /// The map as JSON without spaces, its keys in order.
    ///
    /// ```rhai
    /// #{ b: 1, a: 2 }.to_json(); // => "{\"a\":2,\"b\":1}"
    /// ```
    #[rhai_fn(name = "to_json", pure, return_raw)]
    pub fn map_to_json(map: &mut Map) -> Fallible<ImmutableString> {
        // Taken for a moment rather than copied.
        let value = Dynamic::from_map(std::mem::take(map));
        let text = compact(&value);
        *map = value.cast();
        text
    }

    /// The value as JSON for people, as `json::pretty` gives it.
    ///
    /// ```rhai
    /// [1].to_json_pretty(); // => "[\n  1\n]"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn to_json_pretty(value: &mut Dynamic) -> Fallible<String> {
        pretty(value)
    }

    /// The number as it was written. A `bigint` is a whole number beyond 64 bits, such as an id: it can be
    /// passed on, printed, and compared with numbers of any kind, exactly. To compute with it is an error,
    /// since it would be rounded.
    ///
    /// ```rhai
    /// json::parse("12345678901234567890123").to_string(); // => "12345678901234567890123"
    /// json::parse("18446744073709551615") > 7; // => true
    /// type_of(json::parse("18446744073709551615")); // => "bigint"
    /// json::parse("18446744073709551615") + 1; // => error: does not take a whole number beyond 64 bits
    /// ```
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(number: &mut BigInteger) -> String {
        number.to_string()
    }

    /// The nearest float.
    ///
    /// ```rhai
    /// json::parse("18446744073709551616").to_float(); // => 18446744073709551616.0
    /// ```
    #[rhai_fn(pure)]
    pub fn to_float(number: &mut BigInteger) -> FLOAT {
        number.to_float()
    }

    /// An error: the number has no integer of 64 bits.
    ///
    /// ```rhai
    /// json::parse("18446744073709551615").to_int(); // => error: does not fit into an integer of 64 bits
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn to_int(number: &mut BigInteger) -> Fallible<INT> {
        let digits = number.as_str().len();
        Err(format!("to_int: a number of {digits} digits does not fit into an integer of 64 bits")
            .into())
    }
}

fn register_values(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(methods).register_globally("Json.Invalid", engine, vocabulary);
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
    for operator in ["+", "-", "*", "/", "%", "**"] {
        if vocabulary.has(operator) {
            refuse(engine, operator);
        }
    }
}

/// What an operator asks of an order.
type Holds = fn(Option<Ordering>) -> bool;

fn compare(engine: &mut Engine, operator: &str, holds: Holds) {
    let compared = move |left: &Dynamic, right: &Dynamic| holds(numbers::order(left, right));
    engine
        .register_fn(operator, move |left: BigInteger, right: BigInteger| {
            compared(&Dynamic::from(left), &Dynamic::from(right))
        })
        .register_fn(operator, move |left: BigInteger, right: INT| {
            compared(&Dynamic::from(left), &right.into())
        })
        .register_fn(operator, move |left: BigInteger, right: FLOAT| {
            compared(&Dynamic::from(left), &right.into())
        })
        .register_fn(operator, move |left: INT, right: BigInteger| {
            compared(&left.into(), &Dynamic::from(right))
        })
        .register_fn(operator, move |left: FLOAT, right: BigInteger| {
            compared(&left.into(), &Dynamic::from(right))
        });
}

/// Has an operator refuse whole numbers beyond 64 bits.
fn refuse(engine: &mut Engine, operator: &'static str) {
    let refused = move || -> Fallible<()> { Err(not_computed(operator)) };
    if operator == "-" {
        engine.register_fn(operator, move |_: BigInteger| refused());
    }
    if operator != "+" {
        engine
            .register_fn(operator, move |_: BigInteger, _: Dynamic| refused())
            .register_fn(operator, move |_: Dynamic, _: BigInteger| refused());
        return;
    }
    // Added to text it is text.
    engine
        .register_fn(operator, move |_: BigInteger, _: BigInteger| refused())
        .register_fn(operator, move |_: BigInteger, _: INT| refused())
        .register_fn(operator, move |_: BigInteger, _: FLOAT| refused())
        .register_fn(operator, move |_: INT, _: BigInteger| refused())
        .register_fn(operator, move |_: FLOAT, _: BigInteger| refused());
}

fn read(text: &[u8]) -> Fallible<Dynamic> {
    json::read_marked(text).map_err(|error| {
        if error.is_out_of_memory {
            memory::refuse();
            let what = "the value of a JSON text is".to_owned();
            return Box::new(EvalAltResult::ErrorDataTooLarge(what, Position::NONE));
        }
        let fields = [("line", error.line), ("column", error.column), ("offset", error.offset)];
        malformed(
            "Json.Malformed",
            format!("this is not JSON: {error}"),
            fields.map(|(name, number)| (name, counted(number))),
        )
    })
}

fn compact(value: &Dynamic) -> Fallible<ImmutableString> {
    let mut out = Vec::new();
    json::write(value, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap_or_default().into())
}

fn pretty(value: &Dynamic) -> Fallible<String> {
    json::write_pretty(value).map_err(|error| error.to_string().into())
}
