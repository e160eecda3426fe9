//! The module `schema`: checks a value against a description of it, and tells all that is wrong.
//!
//! A schema is a map in the words of JSON Schema (<https://json-schema.org>), those in
//! [`KEYWORDS`], or only the name of a type. A word that is not known is an error: a misspelt one
//! would let everything pass.

use std::cmp::Ordering;

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map, Position};

use super::native::exported;
use super::{Fallible, Part, regex};
use crate::bounds::{in_time, room_for};
use crate::json::{self, BigInteger, MAX_DEPTH};
use crate::numbers::{self, is_number};
use crate::suggest;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["schema"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("schema", "Schema.InvalidSchema", engine, vocabulary);
}

/// What a schema may say.
const KEYWORDS: [&str; 17] = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "nullable",
];

/// What it may say for people.
const REMARKS: [&str; 8] =
    ["title", "description", "default", "examples", "format", "$schema", "$id", "$comment"];

const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "object", "array", "null"];

/// The most characters of a value that a problem shows.
const SHOWN: usize = 60;

/// Walks a value and its schema side by side.
#[derive(Default)]
struct Check {
    path: String,
    problems: Vec<Problem>,
}

struct Problem {
    path: String,
    message: String,
}

impl Check {
    fn problem(&mut self, message: String) -> Fallible<()> {
        // As a map each has two keys and two texts.
        room_for(1, self.path.len() + message.len() + 256)?;
        self.problems.push(Problem { path: self.path.clone(), message });
        Ok(())
    }

    /// Runs a part of the check one step further down.
    fn within(
        &mut self,
        step: impl FnOnce(&mut String),
        check: impl FnOnce(&mut Self) -> Fallible<()>,
    ) -> Fallible<()> {
        let length = self.path.len();
        step(&mut self.path);
        check(self)?;
        self.path.truncate(length);
        Ok(())
    }

    fn value(&mut self, value: &Dynamic, schema: &Dynamic, depth: usize) -> Fallible<()> {
        in_time()?;
        if depth > MAX_DEPTH {
            return self.problem(format!("is nested more than {MAX_DEPTH} levels deep"));
        }
        if schema.as_immutable_string_ref().is_ok() {
            self.kind(value, schema)?;
            return Ok(());
        }
        let Some(schema) = schema.read_lock::<Map>() else {
            return Err(self.bad_schema("is", "a map or the name of a type", schema));
        };
        self.known(&schema)?;
        if value.is_unit() && self.flag(&schema, "nullable")? == Some(true) {
            return Ok(());
        }
        if let Some(kinds) = schema.get("type") {
            // The rest would only say the same again.
            if !self.kind(value, kinds)? {
                return Ok(());
            }
        }
        self.choices(value, &schema)?;
        if let Some(map) = value.read_lock::<Map>() {
            self.properties(&map, &schema, depth)?;
        } else if let Some(array) = value.read_lock::<Array>() {
            self.items(&array, &schema, depth)?;
        } else if let Ok(text) = value.as_immutable_string_ref() {
            self.text(&text, &schema)?;
        } else if is_number(value) {
            self.number(value, &schema)?;
        }
        Ok(())
    }

    fn known(&self, schema: &Map) -> Fallible<()> {
        let all = || KEYWORDS.iter().chain(&REMARKS).copied();
        let Some(unknown) = schema.keys().find(|key| all().all(|known| known != key.as_str()))
        else {
            return Ok(());
        };
        let way_out = match suggest::nearest(&shortened(unknown), all()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it may have {}", KEYWORDS.join(", ")),
        };
        let place = self.place();
        let unknown = shortened(unknown);
        Err(format!("the schema for `{place}` has an unknown `{unknown}`; {way_out}").into())
    }

    fn place(&self) -> String {
        shortened(&format!("${}", self.path))
    }

    fn bad_schema(&self, what: &str, wanted: &str, given: &Dynamic) -> Box<EvalAltResult> {
        let place = self.place();
        let given = kind_of(given);
        format!("the schema for `{place}` {what} {given}; it has to be {wanted}").into()
    }

    /// Whether the value is of the type, or one of the types.
    fn kind(&mut self, value: &Dynamic, kinds: &Dynamic) -> Fallible<bool> {
        let names: Vec<ImmutableString> = match kinds.read_lock::<Array>() {
            Some(kinds) => kinds
                .iter()
                .filter_map(|kind| kind.as_immutable_string_ref().ok().map(|name| name.clone()))
                .collect(),
            None => kinds.as_immutable_string_ref().map(|name| name.clone()).into_iter().collect(),
        };
        if let Some(unknown) = names.iter().find(|name| !TYPES.contains(&name.as_str())) {
            return Err(format!(
                "the schema for `{}` has the type `{}`; it has to be one of {}",
                self.place(),
                shortened(unknown),
                TYPES.join(", ")
            )
            .into());
        }
        if names.is_empty() {
            return Err(self.bad_schema("has as `type`", "the name of a type, or several", kinds));
        }
        let is = |name: &str| match name {
            "string" => value.is_string() || value.is_char(),
            "integer" => is_whole(value),
            "number" => is_number(value),
            "boolean" => value.is_bool(),
            "object" => value.is_map(),
            "array" => value.is_array(),
            _ => value.is_unit(),
        };
        if names.iter().any(|name| is(name)) {
            return Ok(true);
        }
        self.problem(format!("is {}, not {}", kind_of(value), names.join(" or ")))?;
        Ok(false)
    }

    fn choices(&mut self, value: &Dynamic, schema: &Map) -> Fallible<()> {
        if let Some(choices) = schema.get("enum") {
            let Some(choices) = choices.read_lock::<Array>() else {
                return Err(self.bad_schema("has as `enum`", "an array", choices));
            };
            let mut is_one = false;
            for choice in choices.iter() {
                is_one |= equal(value, choice, 0)?;
            }
            if !is_one {
                let names: Vec<String> = choices.iter().take(10).map(shown).collect();
                let more = if choices.len() > names.len() { ", …" } else { "" };
                let choices = names.join(", ");
                self.problem(format!("is {}not one of {choices}{more}", given(value)))?;
            }
        }
        match schema.get("const") {
            Some(only) if !equal(value, only, 0)? => match shown(only) {
                only if only == shown(value) => self.problem("is not what it has to be".into()),
                only => self.problem(format!("is {}not {only}", given(value))),
            },
            _ => Ok(()),
        }
    }

    fn properties(&mut self, map: &Map, schema: &Map, depth: usize) -> Fallible<()> {
        let empty = Map::new();
        let properties = schema.get("properties").map(|properties| {
            properties.read_lock::<Map>().ok_or_else(|| {
                self.bad_schema("has as `properties`", "a map of schemas", properties)
            })
        });
        let properties = properties.transpose()?;
        let properties: &Map = properties.as_deref().unwrap_or(&empty);

        if let Some(required) = schema.get("required") {
            let Some(names) = required.read_lock::<Array>() else {
                return Err(self.bad_schema("has as `required`", "an array of names", required));
            };
            for name in names.iter() {
                let Ok(name) = name.as_immutable_string_ref() else {
                    return Err(self.bad_schema("has in `required`", "a name", name));
                };
                if !map.contains_key(name.as_str()) {
                    self.within(
                        |path| json::push_key(path, &name),
                        |check| check.problem("is missing".into()),
                    )?;
                }
            }
        }
        for (name, schema) in properties {
            if let Some(value) = map.get(name) {
                self.within(
                    |path| json::push_key(path, name),
                    |check| check.value(value, schema, depth + 1),
                )?;
            }
        }
        let Some(others) = schema.get("additionalProperties") else { return Ok(()) };
        let is_closed = match others.as_bool() {
            Ok(true) => return Ok(()),
            Ok(false) => true,
            Err(_) => false,
        };
        for (name, value) in map.iter().filter(|(name, _)| !properties.contains_key(*name)) {
            self.within(
                |path| json::push_key(path, name),
                |check| match is_closed {
                    true => {
                        let known = properties.keys().take(100).map(|name| name.as_str());
                        let hint = suggest::nearest(&shortened(name), known)
                            .map(|near| format!("; did you mean `{}`?", shortened(near)));
                        check.problem(format!("is not allowed{}", hint.unwrap_or_default()))
                    }
                    false => check.value(value, others, depth + 1),
                },
            )?;
        }
        Ok(())
    }

    fn items(&mut self, array: &Array, schema: &Map, depth: usize) -> Fallible<()> {
        self.length(schema, array.len(), "items", ["minItems", "maxItems"])?;
        let Some(schema) = schema.get("items") else { return Ok(()) };
        for (index, item) in array.iter().enumerate() {
            self.within(
                |path| path.push_str(&format!("[{index}]")),
                |check| check.value(item, schema, depth + 1),
            )?;
        }
        Ok(())
    }

    fn text(&mut self, text: &ImmutableString, schema: &Map) -> Fallible<()> {
        let names = ["minLength", "maxLength"];
        if names.iter().any(|name| schema.contains_key(*name)) {
            self.length(schema, text.chars().count(), "characters", names)?;
        }
        let Some(pattern) = schema.get("pattern") else { return Ok(()) };
        let Ok(pattern) = pattern.as_immutable_string_ref() else {
            return Err(self.bad_schema("has as `pattern`", "a regular expression", pattern));
        };
        if !regex::is_match(&pattern, text)? {
            self.problem(format!("does not match `{}`", shortened(&pattern)))?;
        }
        Ok(())
    }

    fn number(&mut self, value: &Dynamic, schema: &Map) -> Fallible<()> {
        type Holds = fn(Ordering) -> bool;
        let bounds: [(_, Holds, _); 4] = [
            ("minimum", Ordering::is_ge, "less than"),
            ("maximum", Ordering::is_le, "more than"),
            ("exclusiveMinimum", Ordering::is_gt, "not more than"),
            ("exclusiveMaximum", Ordering::is_lt, "not less than"),
        ];
        for (name, holds, broken) in bounds {
            let Some(bound) = schema.get(name) else { continue };
            if !is_number(bound) {
                return Err(self.bad_schema(&format!("has as `{name}`"), "a number", bound));
            }
            if !numbers::order(value, bound).is_some_and(holds) {
                self.problem(format!("is {}, {broken} {}", shown(value), shown(bound)))?;
            }
        }
        Ok(())
    }

    /// Checks how many there are of something against the least and the most.
    fn length(&mut self, schema: &Map, have: usize, of: &str, names: [&str; 2]) -> Fallible<()> {
        let have = INT::try_from(have).unwrap_or(INT::MAX);
        for (name, is_least) in names.into_iter().zip([true, false]) {
            let Some(bound) = schema.get(name) else { continue };
            let Ok(bound) = bound.as_int() else {
                return Err(self.bad_schema(&format!("has as `{name}`"), "a whole number", bound));
            };
            if is_least && have < bound {
                self.problem(format!("has {have} {of}; at least {bound} are needed"))?;
            } else if !is_least && have > bound {
                self.problem(format!("has {have} {of}; at most {bound} are allowed"))?;
            }
        }
        Ok(())
    }

    fn flag(&self, schema: &Map, name: &str) -> Fallible<Option<bool>> {
        let Some(flag) = schema.get(name) else { return Ok(None) };
        let wrong = |_| self.bad_schema(&format!("has as `{name}`"), "true or false", flag);
        flag.as_bool().map(Some).map_err(wrong)
    }
}

fn is_whole(value: &Dynamic) -> bool {
    value.is_int()
        || value.as_float().is_ok_and(|float| float.fract() == 0.0)
        || value.is::<BigInteger>()
}

/// Whether two values are the same to JSON Schema: `1` and `1.0` are.
fn equal(left: &Dynamic, right: &Dynamic, depth: usize) -> Fallible<bool> {
    in_time()?;
    if depth > MAX_DEPTH {
        return Ok(false);
    }
    if let Some(order) = numbers::order(left, right) {
        return Ok(order.is_eq());
    }
    if let (Some(left), Some(right)) = (left.read_lock::<Array>(), right.read_lock::<Array>()) {
        let mut is_equal = left.len() == right.len();
        let mut pairs = left.iter().zip(right.iter());
        while let (true, Some((left, right))) = (is_equal, pairs.next()) {
            is_equal = equal(left, right, depth + 1)?;
        }
        return Ok(is_equal);
    }
    if let (Some(left), Some(right)) = (left.read_lock::<Map>(), right.read_lock::<Map>()) {
        let mut is_equal = left.len() == right.len();
        let mut entries = left.iter();
        while let (true, Some((key, left))) = (is_equal, entries.next()) {
            is_equal = match right.get(key) {
                Some(right) => equal(left, right, depth + 1)?,
                None => false,
            };
        }
        return Ok(is_equal);
    }
    if let (Ok(left), Ok(right)) = (left.as_immutable_string_ref(), right.as_immutable_string_ref())
    {
        return Ok(*left == *right);
    }
    Ok(match (left.as_bool(), right.as_bool()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left.is_unit() && right.is_unit(),
    })
}

fn kind_of(value: &Dynamic) -> &'static str {
    match value {
        _ if value.is_unit() => "null",
        _ if value.is_string() || value.is_char() => "a string",
        _ if value.is_int() => "an integer",
        _ if is_number(value) => "a number",
        _ if value.is_bool() => "a boolean",
        _ if value.is_map() => "an object",
        _ if value.is_array() => "an array",
        _ if value.is::<Blob>() => "a blob",
        _ => "a value that JSON has not",
    }
}

/// What was given, and a comma, where a problem may show it: a text may be what no log may see.
fn given(value: &Dynamic) -> String {
    if value.is_string() { String::new() } else { format!("{}, ", shown(value)) }
}

/// A value of the schema as a problem shows it: JSON for small things, the type for the rest.
fn shown(value: &Dynamic) -> String {
    if let Ok(text) = value.as_immutable_string_ref() {
        return format!("{:?}", shortened(&text));
    }
    if value.is_map() || value.is_array() {
        return kind_of(value).to_owned();
    }
    let mut json = Vec::new();
    match json::write(value, &mut json) {
        Ok(()) => shortened(&String::from_utf8_lossy(&json)),
        Err(_) => kind_of(value).to_owned(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn problems(value: &Dynamic, schema: &Dynamic) -> Fallible<Vec<Problem>> {
    let mut check = Check::default();
    check.value(value, schema, 0)?;
    Ok(check.problems)
}

fn as_maps(problems: Vec<Problem>) -> Array {
    let value = |problem: Problem| {
        Dynamic::from_map(
            [
                ("path".into(), format!("${}", problem.path).into()),
                ("message".into(), problem.message.into()),
            ]
            .into(),
        )
    };
    problems.into_iter().map(value).collect()
}

/// Checks a value against a description of it, and tells all that is wrong.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// All that is wrong with a value: an array of `#{ path, message }`, empty where it is right.
    ///
    /// A schema is a map in the words of JSON Schema, or only the name of a type: `string`,
    /// `integer`, `number`, `boolean`, `object`, `array` or `null`. The words are `type` (one or an
    /// array of them), `nullable`, `enum`, `const`, `properties`, `required`,
    /// `additionalProperties`, `items`, `minItems`, `maxItems`, `minimum`, `maximum`,
    /// `exclusiveMinimum`, `exclusiveMaximum`, `minLength`, `maxLength` and `pattern`, which is
    /// looked for anywhere in the text.
    ///
    /// ```rhai
    /// let order = #{
    ///     type: "object",
    ///     required: ["id", "items"],
    ///     additionalProperties: false,
    ///     properties: #{
    ///         id: "integer",
    ///         note: #{ type: "string", maxLength: 5 },
    ///         items: #{ items: #{ type: "object", properties: #{ price: #{ minimum: 0 } } } },
    ///     },
    /// };
    /// schema::check(#{ id: 7, items: [#{ price: 5 }] }, order); // => []
    /// schema::check(#{ id: "7" }, order); // => [#{ path: "$.items", message: "is missing" }, #{ path: "$.id", message: "is a string, not integer" }]
    /// schema::check(#{ id: 7, items: [#{ price: -1 }] }, order)[0].path; // => "$.items[0].price"
    /// schema::check(#{ id: 7, items: [], nota: "" }, order)[0].message; // => "is not allowed; did you mean `note`?"
    /// schema::check(5, #{ typ: "string" }); // => error: did you mean `type`?
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn check(value: &mut Dynamic, schema: Dynamic) -> Fallible<Array> {
        problems(value, &schema).map(as_maps)
    }

    /// Throws an error of type `Schema.Invalid` that names the first things that are wrong with a
    /// value, and has them all as `problems`; nothing happens where it is right.
    ///
    /// ```rhai
    /// schema::require(5, "integer"); // => ()
    /// schema::require(#{ id: () }, #{ properties: #{ id: "integer" } }); // => error: `$.id` is null, not integer
    /// try { schema::require(5, "string"); } catch (error) {
    ///     error.type; // => "Schema.Invalid"
    /// }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn require(value: &mut Dynamic, schema: Dynamic) -> Fallible<()> {
        let problems = problems(value, &schema)?;
        if problems.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = problems
            .iter()
            .take(3)
            .map(|problem| format!("`${}` {}", problem.path, problem.message))
            .collect();
        let more = match problems.len() - told.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let failure: Map = [
            ("type".into(), "Schema.Invalid".into()),
            ("message".into(), format!("{}{more}", told.join("; ")).into()),
            ("problems".into(), as_maps(problems).into()),
        ]
        .into();
        Err(Box::new(EvalAltResult::ErrorRuntime(failure.into(), Position::NONE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: &str, schema: &str) -> String {
        let read = |text: &str| json::read(text.as_bytes()).unwrap();
        match problems(&read(value), &read(schema)) {
            Ok(problems) => problems
                .iter()
                .map(|problem| format!("${} {}", problem.path, problem.message))
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn each_word_lets_pass_what_it_should_and_tells_the_rest() {
        for (value, schema, expected) in [
            // As the JSON Schema specification has it: 1.0 is an integer, and equal to 1.
            ("1.0", r#"{"type":"integer"}"#, ""),
            ("1.5", r#"{"type":"integer"}"#, "$ is a number, not integer"),
            ("18446744073709551616", r#"{"type":"integer"}"#, ""),
            ("null", r#"{"type":["string","null"]}"#, ""),
            ("1", r#"{"type":["string","null"]}"#, "$ is an integer, not string or null"),
            ("null", r#"{"type":"string","nullable":true}"#, ""),
            ("1.0", r#"{"enum":[1,2]}"#, ""),
            ("3", r#"{"enum":[1,"a",{}]}"#, r#"$ is 3, not one of 1, "a", an object"#),
            (r#"{"a":[1,{}]}"#, r#"{"const":{"a":[1,{}]}}"#, ""),
            (r#"{"a":[1]}"#, r#"{"const":{"a":[1,2]}}"#, "$ is not what it has to be"),
            ("5", r#"{"minimum":5,"maximum":5}"#, ""),
            ("5", r#"{"exclusiveMinimum":5}"#, "$ is 5, not more than 5"),
            (
                "18446744073709551616",
                r#"{"maximum":1.5}"#,
                "$ is 18446744073709551616, more than 1.5",
            ),
            ("\"é\"", r#"{"minLength":1,"maxLength":1}"#, ""),
            ("\"\"", r#"{"minLength":1}"#, "$ has 0 characters; at least 1 are needed"),
            ("\"x1\"", r#"{"pattern":"[0-9]"}"#, ""),
            ("\"x\"", r#"{"pattern":"[0-9]"}"#, "$ does not match `[0-9]`"),
            ("[1,2]", r#"{"maxItems":1}"#, "$ has 2 items; at most 1 are allowed"),
            (r#"[1,"a"]"#, r#"{"items":"integer"}"#, "$[1] is a string, not integer"),
            (
                r#"{"a b":1}"#,
                r#"{"additionalProperties":"string"}"#,
                "$[\"a b\"] is an integer, not string",
            ),
            (r#"{"a":1}"#, r#"{"required":["a","b"]}"#, "$.b is missing"),
            ("1", r#"{"minLength":9,"required":["a"]}"#, ""),
            // Schemas that cannot be meant.
            (
                "1",
                "5",
                "error: Runtime error: the schema for `$` is an integer; it has to be a map or the name of a type",
            ),
            (
                "1",
                r#"{"type":"int"}"#,
                "error: Runtime error: the schema for `$` has the type `int`; it has to be one of string, integer, number, boolean, object, array, null",
            ),
            (
                "[1]",
                r#"{"items":{"minimum":"0"}}"#,
                "error: Runtime error: the schema for `$[0]` has as `minimum` a string; it has to be a number",
            ),
        ] {
            assert_eq!(said(value, schema), expected, "{value} against {schema}");
        }
    }
}
