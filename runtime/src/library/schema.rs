//! The module `schema`: whether a value is as a JSON Schema says, with all that is wrong at once.
//!
//! A schema is a map with the names of JSON Schema (<https://json-schema.org/draft/2020-12>), or
//! `true` or `false`. These are known:
//!
//! | of | keywords |
//! |---|---|
//! | any value | `type` (one or an array), `enum`, `const`, `nullable` (of OpenAPI) |
//! | numbers | `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum` |
//! | text | `minLength`, `maxLength` (in characters), `pattern` |
//! | arrays | `items`, `minItems`, `maxItems`, `uniqueItems` |
//! | objects | `properties`, `required`, `additionalProperties`, `minProperties`, `maxProperties` |
//! | other schemas | `allOf`, `anyOf`, `oneOf`, `not` |
//!
//! `title`, `description`, `default`, `examples`, `deprecated`, `readOnly`, `writeOnly`, `format`,
//! `$schema`, `$id` and `$comment` say something to readers and check nothing. Any other keyword is
//! an error, since to pass over it would let through what it was to stop.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use regex_lite::{Regex, RegexBuilder};
use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FLOAT, FuncRegistration, INT, Identifier,
    ImmutableString, Map, Module, Position,
};

use super::Part;
use crate::bounds::{Bounded, room_for};
use crate::json::ExactNumber;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["schema"], register };

/// How deeply schemas, and values that are compared, may be nested.
const MAX_DEPTH: usize = 100;

/// What a pattern may take once it is compiled, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

fn register(engine: &mut Engine, _: &Vocabulary) {
    let mut module = Module::new();
    // The value may be a constant, and is not copied: it is only read.
    FuncRegistration::new("check")
        .with_purity(true)
        .set_into_module(&mut module, |value: &mut Dynamic, schema: Dynamic| {
            check("schema::check", value, &schema)
        });
    FuncRegistration::new("require")
        .with_purity(true)
        .set_into_module(&mut module, |value: &mut Dynamic, schema: Dynamic| {
            require(value, &schema)
        });
    engine.register_static_module("schema", module.into());
}

/// All that is wrong with a value: an array of `#{ path, message }`, empty if nothing is. No message
/// has the value in it.
///
/// ```rhai
/// let order = #{ type: "object", required: ["id"], properties: #{ items: #{ type: "array", items: #{ properties: #{ price: #{ type: "number", minimum: 0 } } } } } };
/// schema::check(#{ id: 7, items: [#{ price: 9.5 }] }, order); // => []
/// schema::check(#{ items: [#{ price: 1 }, #{ price: -1 }] }, order); // => [{"message":"is required","path":"$.id"},{"message":"has to be at least 0","path":"$.items[1].price"}]
/// ```
fn check(function: &str, value: &Dynamic, schema: &Dynamic) -> Bounded<Array> {
    let schema =
        Schema::read(schema, &Place::ROOT).map_err(|Fault(message)| -> Box<EvalAltResult> {
            format!("{function}: {message}").into()
        })?;
    let mut problems = Problems(Array::new());
    schema.check(value, &Place::ROOT, &mut problems)?;
    Ok(problems.0)
}

/// Throws `#{ type: "Schema.Invalid", message, problems }` unless the value is as the schema says;
/// `problems` is what `schema::check` returns.
///
/// ```rhai
/// let caught = ();
/// try { schema::require(#{ age: "7" }, #{ properties: #{ age: #{ type: "integer" } } }); } catch (e) { caught = e; }
/// caught.type; // => "Schema.Invalid"
/// caught.message; // => "$.age has to be an integer, not a string"
/// caught.problems; // => [{"message":"has to be an integer, not a string","path":"$.age"}]
/// ```
fn require(value: &Dynamic, schema: &Dynamic) -> Bounded<()> {
    let problems = check("schema::require", value, schema)?;
    let Some(first) = problems.first().and_then(|first| first.read_lock::<Map>()) else {
        return Ok(());
    };
    let mut message = format!("{} {}", first["path"], first["message"]);
    drop(first);
    match problems.len() - 1 {
        0 => {}
        1 => message.push_str(", and there is 1 more problem"),
        more => message.push_str(&format!(", and there are {more} more problems")),
    }
    let thrown = Map::from([
        ("type".into(), "Schema.Invalid".into()),
        ("message".into(), message.into()),
        ("problems".into(), problems.into()),
    ]);
    Err(Box::new(EvalAltResult::ErrorRuntime(thrown.into(), Position::NONE)))
}

/// Why a schema is none, and where.
struct Fault(String);

/// Where in a value, or in a schema, we are.
enum Place<'a> {
    Root,
    Name(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    const ROOT: Place<'static> = Place::Root;

    fn depth(&self) -> usize {
        match self {
            Self::Root => 0,
            Self::Name(parent, _) | Self::Index(parent, _) => parent.depth() + 1,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |name: &str| {
            name.starts_with(|first: char| first.is_alphabetic() || "_$".contains(first))
                && name.chars().all(|char| char.is_alphanumeric() || "_$".contains(char))
        };
        match self {
            Self::Root => f.write_str("$"),
            Self::Name(parent, name) if is_plain(name) => write!(f, "{parent}.{name}"),
            Self::Name(parent, name) => write!(f, "{parent}[{name:?}]"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

struct Problems(Array);

impl Problems {
    fn add(&mut self, place: &Place, message: impl Into<String>) -> Bounded<()> {
        let (path, message) = (place.to_string(), message.into());
        // A map of two, with what its tree takes.
        room_for(1, 1024 + path.len() + message.len())?;
        let problem = Map::from([("path".into(), path.into()), ("message".into(), message.into())]);
        self.0.push(problem.into());
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    const ALL: [(&str, Self, &str); 7] = [
        ("null", Self::Null, "null"),
        ("boolean", Self::Boolean, "a boolean"),
        ("integer", Self::Integer, "an integer"),
        ("number", Self::Number, "a number"),
        ("string", Self::String, "a string"),
        ("array", Self::Array, "an array"),
        ("object", Self::Object, "an object"),
    ];

    /// The type of a value; none for what JSON has not.
    fn of(value: &Dynamic) -> Option<Self> {
        let is_whole = |float: FLOAT| float.fract() == 0.0;
        if value.is_unit() {
            Some(Self::Null)
        } else if value.is_bool() {
            Some(Self::Boolean)
        } else if value.is_int() || value.as_float().is_ok_and(is_whole) {
            Some(Self::Integer)
        } else if value.is_float() {
            Some(Self::Number)
        } else if value.is_string() || value.is_char() {
            Some(Self::String)
        } else if value.is_array() {
            Some(Self::Array)
        } else if value.is_map() {
            Some(Self::Object)
        } else {
            let is_whole = value.read_lock::<ExactNumber>().map(|number| {
                number.as_str().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
            });
            is_whole.map(|is_whole| if is_whole { Self::Integer } else { Self::Number })
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|&(_, of, _)| of)
    }

    fn phrase(self) -> &'static str {
        Self::ALL.iter().find(|(_, of, _)| *of == self).map_or("", |(_, _, phrase)| phrase)
    }

    fn includes(self, other: Self) -> bool {
        self == other || (self == Self::Number && other == Self::Integer)
    }
}

/// A schema that has been read.
#[derive(Default)]
struct Schema {
    refuses_everything: bool,
    types: Vec<Type>,
    is_nullable: bool,
    choices: Option<Array>,
    minimum: Option<Dynamic>,
    maximum: Option<Dynamic>,
    above: Option<Dynamic>,
    below: Option<Dynamic>,
    min_length: usize,
    max_length: Option<usize>,
    pattern: Option<Regex>,
    items: Option<Box<Schema>>,
    min_items: usize,
    max_items: Option<usize>,
    has_unique_items: bool,
    properties: Vec<(Identifier, Schema)>,
    required: Vec<ImmutableString>,
    additional: Option<Box<Schema>>,
    min_properties: usize,
    max_properties: Option<usize>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Box<Schema>>,
}

impl Schema {
    fn read(schema: &Dynamic, place: &Place) -> Result<Self, Fault> {
        if place.depth() > MAX_DEPTH {
            return Err(Fault(format!("the schema is nested more than {MAX_DEPTH} deep")));
        }
        if let Ok(accepts) = schema.as_bool() {
            return Ok(Self { refuses_everything: !accepts, ..Self::default() });
        }
        let Some(keywords) = schema.read_lock::<Map>() else {
            let kind = schema.type_name();
            return Err(Fault(format!(
                "the schema at {place} has to be a map, true or false, not {kind}"
            )));
        };
        let mut read = Self::default();
        for (name, value) in keywords.iter() {
            read.add(name, value, &Place::Name(place, name))?;
        }
        Ok(read)
    }

    fn add(&mut self, keyword: &str, value: &Dynamic, place: &Place) -> Result<(), Fault> {
        match keyword {
            "type" => self.types = types(value, place)?,
            "nullable" => self.is_nullable = flag(value, place)?,
            "enum" => self.choices = Some(list(value, place)?),
            "const" => self.choices = Some(vec![value.clone()]),
            "minimum" => self.minimum = Some(number(value, place)?),
            "maximum" => self.maximum = Some(number(value, place)?),
            "exclusiveMinimum" => self.above = Some(number(value, place)?),
            "exclusiveMaximum" => self.below = Some(number(value, place)?),
            "minLength" => self.min_length = count(value, place)?,
            "maxLength" => self.max_length = Some(count(value, place)?),
            "pattern" => self.pattern = Some(pattern(value, place)?),
            "items" => self.items = Some(Self::read(value, place)?.into()),
            "minItems" => self.min_items = count(value, place)?,
            "maxItems" => self.max_items = Some(count(value, place)?),
            "uniqueItems" => self.has_unique_items = flag(value, place)?,
            "properties" => self.properties = Self::read_properties(value, place)?,
            "required" => self.required = texts(value, place)?,
            "additionalProperties" => self.additional = Some(Self::read(value, place)?.into()),
            "minProperties" => self.min_properties = count(value, place)?,
            "maxProperties" => self.max_properties = Some(count(value, place)?),
            "allOf" => self.all_of = Self::read_list(value, place)?,
            "anyOf" => self.any_of = Self::read_list(value, place)?,
            "oneOf" => self.one_of = Self::read_list(value, place)?,
            "not" => self.not = Some(Self::read(value, place)?.into()),
            "title" | "description" | "default" | "examples" | "deprecated" | "readOnly"
            | "writeOnly" | "format" | "$schema" | "$id" | "$comment" => {}
            other => {
                return Err(Fault(format!(
                    "the schema has the keyword {other:?} at {place}, which is not known; the \
                     README lists those that are"
                )));
            }
        }
        Ok(())
    }

    fn read_list(value: &Dynamic, place: &Place) -> Result<Vec<Self>, Fault> {
        let schemas = list(value, place)?;
        if schemas.is_empty() {
            return Err(expected(place, "an array with a schema or more"));
        }
        let read = |(index, schema)| Self::read(schema, &Place::Index(place, index));
        schemas.iter().enumerate().map(read).collect()
    }

    fn read_properties(value: &Dynamic, place: &Place) -> Result<Vec<(Identifier, Self)>, Fault> {
        let properties =
            value.read_lock::<Map>().ok_or_else(|| expected(place, "a map of schemas"))?;
        properties
            .iter()
            .map(|(name, schema)| {
                Ok((name.clone(), Self::read(schema, &Place::Name(place, name))?))
            })
            .collect()
    }

    /// Adds all that is wrong with a value.
    fn check(&self, value: &Dynamic, place: &Place, problems: &mut Problems) -> Bounded<()> {
        if self.refuses_everything {
            return problems.add(place, "is not allowed");
        }
        let kind = Type::of(value);
        if self.is_nullable && kind == Some(Type::Null) {
            return Ok(());
        }
        let fits = |expected: &Type| kind.is_some_and(|kind| expected.includes(kind));
        if !self.types.is_empty() && !self.types.iter().any(fits) {
            let expected: Vec<&str> = self.types.iter().map(|of| of.phrase()).collect();
            let found = kind.map_or_else(|| value.type_name(), Type::phrase);
            return problems
                .add(place, format!("has to be {}, not {found}", expected.join(" or ")));
        }
        if let Some(choices) = &self.choices {
            if !choices.iter().any(|choice| is_same(choice, value, 0)) {
                problems.add(place, one_of(choices))?;
            }
        }
        match kind {
            Some(Type::Integer | Type::Number) => self.check_number(value, place, problems)?,
            Some(Type::String) => self.check_text(value, place, problems)?,
            Some(Type::Array) => self.check_array(value, place, problems)?,
            Some(Type::Object) => self.check_object(value, place, problems)?,
            Some(Type::Null | Type::Boolean) | None => {}
        }
        self.check_combinations(value, place, problems)
    }

    fn check_number(&self, value: &Dynamic, place: &Place, problems: &mut Problems) -> Bounded<()> {
        let bounds: [(_, &str, fn(Ordering) -> bool); 4] = [
            (&self.minimum, "at least", Ordering::is_ge),
            (&self.maximum, "at most", Ordering::is_le),
            (&self.above, "more than", Ordering::is_gt),
            (&self.below, "less than", Ordering::is_lt),
        ];
        for (bound, phrase, holds) in bounds {
            let Some(bound) = bound else { continue };
            if !compare(value, bound).is_some_and(holds) {
                problems.add(place, format!("has to be {phrase} {}", show(bound)))?;
            }
        }
        Ok(())
    }

    fn check_text(&self, value: &Dynamic, place: &Place, problems: &mut Problems) -> Bounded<()> {
        let text = match value.as_char() {
            Ok(char) => char.to_string().into(),
            Err(_) => value.clone().flatten().cast::<ImmutableString>(),
        };
        let sizes = (self.min_length, self.max_length);
        check_size(text.chars().count(), sizes, "character", place, problems)?;
        match &self.pattern {
            Some(pattern) if !pattern.is_match(&text) => {
                problems.add(place, format!("has to match the pattern {:?}", pattern.as_str()))
            }
            _ => Ok(()),
        }
    }

    fn check_array(&self, value: &Dynamic, place: &Place, problems: &mut Problems) -> Bounded<()> {
        let Some(items) = value.read_lock::<Array>() else { return Ok(()) };
        let sizes = (self.min_items, self.max_items);
        check_size(items.len(), sizes, "item", place, problems)?;
        if let Some(schema) = &self.items {
            for (index, item) in items.iter().enumerate() {
                schema.check(item, &Place::Index(place, index), problems)?;
            }
        }
        if self.has_unique_items {
            check_unique(&items, place, problems)?;
        }
        Ok(())
    }

    fn check_object(&self, value: &Dynamic, place: &Place, problems: &mut Problems) -> Bounded<()> {
        let Some(object) = value.read_lock::<Map>() else { return Ok(()) };
        let sizes = (self.min_properties, self.max_properties);
        check_size(object.len(), sizes, "property", place, problems)?;
        for name in &self.required {
            if !object.contains_key(name.as_str()) {
                problems.add(&Place::Name(place, name), "is required")?;
            }
        }
        for (name, value) in object.iter() {
            // Both are in the order of their names.
            let known = self.properties.binary_search_by(|(known, _)| known.cmp(name));
            let schema = match known {
                Ok(index) => Some(&self.properties[index].1),
                Err(_) => self.additional.as_deref(),
            };
            if let Some(schema) = schema {
                schema.check(value, &Place::Name(place, name), problems)?;
            }
        }
        Ok(())
    }

    fn check_combinations(
        &self,
        value: &Dynamic,
        place: &Place,
        problems: &mut Problems,
    ) -> Bounded<()> {
        for schema in &self.all_of {
            schema.check(value, place, problems)?;
        }
        if !self.any_of.is_empty() && Self::count_fitting(&self.any_of, value)? == 0 {
            problems.add(place, "fits none of the schemas of `anyOf`")?;
        }
        if !self.one_of.is_empty() {
            let fitting = Self::count_fitting(&self.one_of, value)?;
            if fitting != 1 {
                problems.add(
                    place,
                    format!("has to fit one of the schemas of `oneOf`, not {fitting}"),
                )?;
            }
        }
        match &self.not {
            Some(schema) if schema.fits(value)? => {
                problems.add(place, "fits the schema of `not`, which it must not")
            }
            _ => Ok(()),
        }
    }

    fn count_fitting(schemas: &[Self], value: &Dynamic) -> Bounded<usize> {
        schemas.iter().try_fold(0, |count, schema| Ok(count + usize::from(schema.fits(value)?)))
    }

    fn fits(&self, value: &Dynamic) -> Bounded<bool> {
        let mut problems = Problems(Array::new());
        self.check(value, &Place::ROOT, &mut problems)?;
        Ok(problems.0.is_empty())
    }
}

fn check_size(
    size: usize,
    (least, most): (usize, Option<usize>),
    unit: &str,
    place: &Place,
    problems: &mut Problems,
) -> Bounded<()> {
    let units = |count: usize| match (count, unit) {
        (1, unit) => format!("1 {unit}"),
        (count, "property") => format!("{count} properties"),
        (count, unit) => format!("{count} {unit}s"),
    };
    if size < least {
        problems.add(place, format!("has to have at least {}, not {size}", units(least)))?;
    }
    match most {
        Some(most) if size > most => {
            problems.add(place, format!("has to have at most {}, not {size}", units(most)))
        }
        _ => Ok(()),
    }
}

/// Whether two values are the same JSON: numbers by their value. What is nested too deeply is not.
fn is_same(left: &Dynamic, right: &Dynamic, depth: usize) -> bool {
    let (Some(kind), Some(other)) = (Type::of(left), Type::of(right)) else { return false };
    if depth > MAX_DEPTH {
        return false;
    }
    match (kind, other) {
        (Type::Integer | Type::Number, Type::Integer | Type::Number) => {
            compare(left, right) == Some(Ordering::Equal)
        }
        (Type::Array, Type::Array) => {
            let (left, right) = (left.read_lock::<Array>(), right.read_lock::<Array>());
            left.zip(right).is_some_and(|(left, right)| {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right.iter())
                        .all(|(left, right)| is_same(left, right, depth + 1))
            })
        }
        (Type::Object, Type::Object) => {
            let (left, right) = (left.read_lock::<Map>(), right.read_lock::<Map>());
            left.zip(right).is_some_and(|(left, right)| {
                left.len() == right.len()
                    && left.iter().zip(right.iter()).all(|((name, left), (other, right))| {
                        name == other && is_same(left, right, depth + 1)
                    })
            })
        }
        (Type::String, Type::String) => left.to_string() == right.to_string(),
        (Type::Boolean, Type::Boolean) => left.as_bool() == right.as_bool(),
        (kind, other) => kind == other,
    }
}

/// Each item is compared with those of the same hash only: with all it would take hours for an array
/// that fits into an event.
fn check_unique(items: &[Dynamic], place: &Place, problems: &mut Problems) -> Bounded<()> {
    room_for(items.len(), 128)?;
    let hashes = RandomState::new();
    let mut seen: HashMap<u64, Vec<&Dynamic>> = HashMap::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let mut hasher = hashes.build_hasher();
        hash(item, &mut hasher, 0);
        let alike = seen.entry(hasher.finish()).or_default();
        if alike.iter().any(|other| is_same(item, other, 0)) {
            problems.add(&Place::Index(place, index), "is in the array already")?;
        } else {
            alike.push(item);
        }
    }
    Ok(())
}

/// Values that are the same have the same hash. A number that is kept as text counts as its text.
fn hash(value: &Dynamic, hasher: &mut impl Hasher, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if let Some(number) = value.read_lock::<ExactNumber>() {
        return number.as_str().hash(hasher);
    }
    match Type::of(value) {
        Some(Type::Integer | Type::Number) => match (value.as_int(), value.as_float()) {
            (Ok(int), _) => int.hash(hasher),
            (_, Ok(float))
                if compare_with_float(float as INT, float).is_some_and(Ordering::is_eq) =>
            {
                (float as INT).hash(hasher);
            }
            (_, float) => float.unwrap_or_default().to_bits().hash(hasher),
        },
        Some(Type::Array) => {
            for item in value.read_lock::<Array>().iter().flat_map(|items| items.iter()) {
                hash(item, hasher, depth + 1);
            }
        }
        Some(Type::Object) => {
            for (name, value) in value.read_lock::<Map>().iter().flat_map(|map| map.iter()) {
                name.hash(hasher);
                hash(value, hasher, depth + 1);
            }
        }
        Some(Type::String) => value.to_string().hash(hasher),
        Some(Type::Boolean) => value.as_bool().hash(hasher),
        Some(Type::Null) | None => {}
    }
}

/// Compares two numbers by value.
fn compare(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    if let Some(left) = left.read_lock::<ExactNumber>() {
        return left.compare(right);
    }
    if let Some(right) = right.read_lock::<ExactNumber>() {
        return right.compare(left).map(Ordering::reverse);
    }
    match (left.as_int(), right.as_int()) {
        (Ok(left), Ok(right)) => Some(left.cmp(&right)),
        (Ok(left), Err(_)) => compare_with_float(left, right.as_float().ok()?),
        (Err(_), Ok(right)) => {
            compare_with_float(right, left.as_float().ok()?).map(Ordering::reverse)
        }
        (Err(_), Err(_)) => left.as_float().ok()?.partial_cmp(&right.as_float().ok()?),
    }
}

/// Without rounding the integer to a float.
fn compare_with_float(int: INT, float: FLOAT) -> Option<Ordering> {
    const BEYOND: FLOAT = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        None
    } else if float >= BEYOND {
        Some(Ordering::Less)
    } else if float < -BEYOND {
        Some(Ordering::Greater)
    } else {
        let whole = float.trunc() as INT;
        int.cmp(&whole).then(0.0.partial_cmp(&float.fract())?).into()
    }
}

/// A value of a schema as JSON has it.
fn show(value: &Dynamic) -> String {
    crate::json::to_value(value).to_string()
}

fn one_of(choices: &[Dynamic]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = choices.iter().take(SHOWN).map(show).collect();
    let more = if choices.len() > SHOWN { ", ..." } else { "" };
    let one_of = if choices.len() == 1 { "" } else { "one of " };
    format!("has to be {one_of}{}{more}", shown.join(", "))
}

fn expected(place: &Place, what: &str) -> Fault {
    Fault(format!("what the schema has at {place} has to be {what}"))
}

fn flag(value: &Dynamic, place: &Place) -> Result<bool, Fault> {
    value.as_bool().map_err(|_| expected(place, "true or false"))
}

fn number(value: &Dynamic, place: &Place) -> Result<Dynamic, Fault> {
    match Type::of(value) {
        Some(Type::Integer | Type::Number) => Ok(value.clone()),
        _ => Err(expected(place, "a number")),
    }
}

fn count(value: &Dynamic, place: &Place) -> Result<usize, Fault> {
    let count = value.as_int().ok().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| expected(place, "a whole number from 0"))
}

fn list(value: &Dynamic, place: &Place) -> Result<Array, Fault> {
    value.clone().flatten().try_cast().ok_or_else(|| expected(place, "an array"))
}

fn texts(value: &Dynamic, place: &Place) -> Result<Vec<ImmutableString>, Fault> {
    let texts = list(value, place)?.into_iter().map(|text| text.flatten().try_cast()).collect();
    Option::ok_or_else(texts, || expected(place, "an array of texts"))
}

fn types(value: &Dynamic, place: &Place) -> Result<Vec<Type>, Fault> {
    let one: Option<ImmutableString> = value.clone().flatten().try_cast();
    let names = one.map_or_else(|| texts(value, place), |name| Ok(vec![name]));
    let known = || Type::ALL.map(|(name, ..)| name).join(", ");
    let types = names
        .ok()
        .filter(|names| !names.is_empty())
        .and_then(|names| names.iter().map(|name| Type::named(name)).collect());
    Option::ok_or_else(types, || expected(place, &format!("one or more of {}", known())))
}

fn pattern(value: &Dynamic, place: &Place) -> Result<Regex, Fault> {
    let text: ImmutableString =
        value.clone().flatten().try_cast().ok_or_else(|| expected(place, "a pattern"))?;
    room_for(PATTERN_BYTES, 1).map_err(|error| Fault(error.to_string()))?;
    RegexBuilder::new(&text).size_limit(PATTERN_BYTES).build().map_err(|error| {
        expected(place, &format!("a pattern, and {:?} is none: {error}", text.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::library::examples;

    fn dynamic(text: &str) -> Dynamic {
        json::read(text.as_bytes()).unwrap()
    }

    /// `path message`, one a line.
    fn problems(schema: &str, value: &str) -> String {
        let problems = check("schema::check", &dynamic(value), &dynamic(schema)).unwrap();
        let line = |problem: Dynamic| {
            let problem = problem.cast::<Map>();
            format!("{} {}", problem["path"], problem["message"])
        };
        problems.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn fault(schema: &str) -> String {
        check("schema::check", &Dynamic::UNIT, &dynamic(schema)).unwrap_err().to_string()
    }

    #[test]
    fn the_examples_hold() {
        examples::hold(PART, include_str!("schema.rs"));
    }

    #[test]
    fn each_keyword_lets_through_what_fits_and_stops_what_does_not() {
        for (schema, fits, does_not, says) in [
            (r#"{"type":"string"}"#, r#""a""#, "1", "$ has to be a string, not an integer"),
            (r#"{"type":"integer"}"#, "1.0", "1.5", "$ has to be an integer, not a number"),
            (
                r#"{"type":"integer"}"#,
                "18446744073709551616",
                "1e400",
                "$ has to be an integer, not a number",
            ),
            (r#"{"type":"number"}"#, "1", "true", "$ has to be a number, not a boolean"),
            (
                r#"{"type":["object","null"]}"#,
                "null",
                "[]",
                "$ has to be an object or null, not an array",
            ),
            (
                r#"{"type":"string","nullable":true}"#,
                "null",
                "{}",
                "$ has to be a string, not an object",
            ),
            (r#"{"enum":["a",1,null]}"#, "1.0", "2", r#"$ has to be one of "a", 1, null"#),
            (
                r#"{"const":{"a":[1]}}"#,
                r#"{"a":[1.0]}"#,
                r#"{"a":[2]}"#,
                r#"$ has to be {"a":[1]}"#,
            ),
            (r#"{"minimum":0}"#, "0", "-0.5", "$ has to be at least 0"),
            (
                r#"{"maximum":9007199254740992.0}"#,
                "9007199254740992",
                "9007199254740993",
                "$ has to be at most 9007199254740992.0",
            ),
            (
                r#"{"maximum":18446744073709551615}"#,
                "18446744073709551615",
                "18446744073709551616",
                "$ has to be at most 18446744073709551615",
            ),
            (r#"{"exclusiveMinimum":0.5}"#, "1", "0.5", "$ has to be more than 0.5"),
            (r#"{"exclusiveMaximum":1}"#, "0.99", "1.0", "$ has to be less than 1"),
            (
                r#"{"minLength":2}"#,
                r#""éé""#,
                r#""é""#,
                "$ has to have at least 2 characters, not 1",
            ),
            (r#"{"maxLength":1}"#, r#""é""#, r#""ab""#, "$ has to have at most 1 character, not 2"),
            (
                r#"{"pattern":"^[a-z]+$"}"#,
                r#""ab""#,
                r#""aB""#,
                r#"$ has to match the pattern "^[a-z]+$""#,
            ),
            (
                r#"{"items":{"type":"null"}}"#,
                "[null]",
                "[null,0]",
                "$[1] has to be null, not an integer",
            ),
            (r#"{"minItems":1}"#, "[0]", "[]", "$ has to have at least 1 item, not 0"),
            (r#"{"maxItems":1}"#, "[0]", "[0,1]", "$ has to have at most 1 item, not 2"),
            (r#"{"uniqueItems":true}"#, r#"[1,"1"]"#, "[1,2,1.0]", "$[2] is in the array already"),
            (r#"{"required":["a"]}"#, r#"{"a":null}"#, "{}", "$.a is required"),
            (
                r#"{"properties":{"a b":{"minimum":1}}}"#,
                r#"{"b":0}"#,
                r#"{"a b":0}"#,
                r#"$["a b"] has to be at least 1"#,
            ),
            (
                r#"{"properties":{"a":true},"additionalProperties":false}"#,
                r#"{"a":0}"#,
                r#"{"a":0,"b":0}"#,
                "$.b is not allowed",
            ),
            (
                r#"{"additionalProperties":{"type":"null"}}"#,
                r#"{"a":null}"#,
                r#"{"a":0}"#,
                "$.a has to be null, not an integer",
            ),
            (
                r#"{"minProperties":2}"#,
                r#"{"a":0,"b":0}"#,
                r#"{"a":0}"#,
                "$ has to have at least 2 properties, not 1",
            ),
            (
                r#"{"maxProperties":0}"#,
                "{}",
                r#"{"a":0}"#,
                "$ has to have at most 0 properties, not 1",
            ),
            (r#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, "2", "3", "$ has to be at most 2"),
            (
                r#"{"anyOf":[{"type":"null"},{"minimum":1}]}"#,
                "null",
                "0",
                "$ fits none of the schemas of `anyOf`",
            ),
            (
                r#"{"oneOf":[{"minimum":1},{"minimum":2}]}"#,
                "1",
                "2",
                "$ has to fit one of the schemas of `oneOf`, not 2",
            ),
            (
                r#"{"not":{"type":"string"}}"#,
                "0",
                r#""""#,
                "$ fits the schema of `not`, which it must not",
            ),
            ("true", "1", "1", ""),
        ] {
            assert_eq!(problems(schema, fits), "", "{schema} and {fits}");
            assert_eq!(problems(schema, does_not), says, "{schema} and {does_not}");
        }
        assert_eq!(problems("false", "1"), "$ is not allowed");
    }

    #[test]
    fn a_keyword_says_nothing_of_values_of_other_kinds() {
        let schema = r#"{"minimum":5,"minLength":5,"minItems":5,"minProperties":5,"required":["a"],
            "pattern":"x","title":"t","format":"email","$comment":"c"}"#;
        assert_eq!(problems(schema, "true"), "");
        assert_eq!(problems(schema, "null"), "");
        assert_eq!(problems(schema, "4"), "$ has to be at least 5");
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_places_and_without_the_values() {
        let schema = r#"{"type":"object","required":["id","items"],"properties":{
            "items":{"type":"array","items":{"required":["sku"],"properties":{
                "price":{"type":"number","minimum":0}}}},
            "token":{"type":"string","maxLength":3}}}"#;
        let value = r#"{"token":"hunter2","items":[{"sku":"a","price":1},{"price":"7"},
            {"sku":"b","price":-1}]}"#;
        assert_eq!(
            problems(schema, value),
            "$.id is required\n\
             $.items[1].sku is required\n\
             $.items[1].price has to be a number, not a string\n\
             $.items[2].price has to be at least 0\n\
             $.token has to have at most 3 characters, not 7"
        );
    }

    #[test]
    fn what_is_wrong_with_a_schema_is_an_error_even_where_no_value_reaches_it() {
        for (schema, says) in [
            (
                r#"{"properties":{"a":{"items":{"minimun":1}}}}"#,
                r#"the keyword "minimun" at $.properties.a.items.minimun, which is not known"#,
            ),
            (r##"{"$ref":"#/x"}"##, r#"the keyword "$ref" at $.$ref"#),
            ("7", "schema::check: the schema at $ has to be a map, true or false, not i64"),
            (r#"{"type":"text"}"#, "at $.type has to be one or more of null, boolean, integer,"),
            (r#"{"type":[]}"#, "at $.type has to be one or more of"),
            (r#"{"minLength":-1}"#, "at $.minLength has to be a whole number from 0"),
            (r#"{"minimum":"1"}"#, "at $.minimum has to be a number"),
            (r#"{"required":"id"}"#, "at $.required has to be an array"),
            (r#"{"required":[1]}"#, "at $.required has to be an array of texts"),
            (r#"{"anyOf":[]}"#, "at $.anyOf has to be an array with a schema or more"),
            (r#"{"anyOf":[1]}"#, "the schema at $.anyOf[0] has to be a map"),
            (r#"{"pattern":"("}"#, r#"at $.pattern has to be a pattern, and "(" is none"#),
            (r#"{"pattern":"(a{1000}){1000}"}"#, "at $.pattern has to be a pattern"),
        ] {
            let message = fault(schema);
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn nesting_without_end_is_an_error() {
        let mut schema = Dynamic::TRUE;
        for _ in 0..100_000 {
            schema = Map::from([("not".into(), schema)]).into();
        }
        let error = check("schema::check", &Dynamic::UNIT, &schema).unwrap_err().to_string();
        assert!(error.contains("nested more than 100 deep"), "{error}");
        // Values of this depth are freed by recursion.
        std::mem::forget(schema);
    }

    #[test]
    fn unique_items_are_unique_by_value() {
        let schema = r#"{"uniqueItems":true}"#;
        assert_eq!(problems(schema, r#"[0,"0",false,null,[],{},[0],{"a":0},[[0]],0.5,1e300]"#), "");
        for twice in [
            "[9007199254740992,9007199254740992.0]",
            "[0,-0.0]",
            r#"[{"a":1,"b":[2]},{"b":[2.0],"a":1.0}]"#,
            "[18446744073709551615,18446744073709551615]",
            "[null,null]",
        ] {
            assert_eq!(problems(schema, twice), "$[1] is in the array already", "{twice}");
        }
    }

    #[test]
    fn what_is_no_json_has_no_type() {
        let schema = dynamic(r#"{"type":"string"}"#);
        let problems = check("schema::check", &Dynamic::from_blob(vec![1]), &schema).unwrap();
        assert_eq!(problems.len(), 1);
    }
}
