//! Whole arrays of records at a time: what scripts loop for, at the speed of native code.
//!
//! A `key` is a property's name or a path such as `customer.address.city`. The arrays and maps they
//! are called on stay as they are.

use std::cmp::Ordering;
use std::collections::HashMap;

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FuncRegistration, INT, ImmutableString, Map, Position,
};

use super::{Fallible, Part};
use crate::bounds::room_for;
use crate::vocabulary::Vocabulary;
use crate::{json, memory};

type Text = ImmutableString;

const DYNAMIC: usize = size_of::<Dynamic>();

pub(super) const PART: Part = Part {
    words: &[
        "group_by",
        "count_by",
        "sum_by",
        "sum",
        "min_by",
        "max_by",
        "sort_by",
        "index_by",
        "pluck",
        "filter_by",
        "chunk",
        "unique",
        "unique_by",
        "merge",
        "get_path",
        "pick",
        "omit",
    ],
    register,
};

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    macro_rules! methods {
        ($($name:literal => $function:expr;)+) => {$(
            if vocabulary.has($name) {
                FuncRegistration::new($name).with_purity(true).register_into_engine(engine, $function);
            }
        )+};
    }
    methods! {
        "group_by" => |array: &mut Array, key: Text| group_by(array, &key);
        "count_by" => |array: &mut Array, key: Text| count_by(array, &key);
        "sum_by" => |array: &mut Array, key: Text| sum(array, Some(&key));
        "sum" => |array: &mut Array| sum(array, None);
        "min_by" => |array: &mut Array, key: Text| extreme(array, &key, Ordering::Less);
        "max_by" => |array: &mut Array, key: Text| extreme(array, &key, Ordering::Greater);
        "sort_by" => |array: &mut Array, key: Text| sort_by(array, &key, "asc");
        "sort_by" => |array: &mut Array, key: Text, order: Text| sort_by(array, &key, &order);
        "index_by" => |array: &mut Array, key: Text| index_by(array, &key);
        "pluck" => |array: &mut Array, key: Text| pluck(array, &key);
        "filter_by" => |array: &mut Array, key: Text, value: Dynamic| filter_by(array, &key, &value);
        "chunk" => |array: &mut Array, size: INT| chunk(array, size);
        "unique" => |array: &mut Array| unique(array, None);
        "unique_by" => |array: &mut Array, key: Text| unique(array, Some(&key));
        "merge" => |map: &mut Map, other: Map| merge(map, other);
        "get_path" => |map: &mut Map, path: Text| get_path(map, &path, Dynamic::UNIT);
        "get_path" => |map: &mut Map, path: Text, default: Dynamic| get_path(map, &path, default);
        "pick" => |map: &mut Map, names: Array| select(map, &names, "pick", true);
        "omit" => |map: &mut Map, names: Array| select(map, &names, "omit", false);
    }
}

/// Looks at the value that a path leads to; `None` where there is nothing.
fn look<T>(value: &Dynamic, path: &str, see: impl FnOnce(&Dynamic) -> T) -> Option<T> {
    let (step, rest) = match path.split_once('.') {
        Some((step, rest)) => (step, Some(rest)),
        None => (path, None),
    };
    let map = value.read_lock::<Map>();
    let array = map.is_none().then(|| value.read_lock::<Array>()).flatten();
    let next = match (&map, &array) {
        (Some(map), _) => map.get(step),
        (_, Some(array)) => step.parse::<usize>().ok().and_then(|index| array.get(index)),
        _ => None,
    }?;
    match rest {
        Some(rest) => look(next, rest, see),
        None if next.is_unit() => None,
        None => Some(see(next)),
    }
}

/// What a record is filed under: text as it is, whole numbers and booleans as text.
fn file_name(value: &Dynamic) -> Option<Text> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(text.clone());
    }
    if let Ok(number) = value.as_int() {
        return Some(number.to_string().into());
    }
    value.as_bool().ok().map(|is| if is { "true".into() } else { "false".into() })
}

fn named(what: &str, array: &Array, index: usize, key: &str) -> Fallible<Text> {
    let record = &array[index];
    match look(record, key, file_name) {
        Some(Some(name)) => Ok(name),
        Some(None) => {
            let kind = look(record, key, |value| value.type_name().to_owned()).unwrap_or_default();
            let kind = kind.rsplit("::").next().unwrap_or_default();
            Err(format!(
                "{what}: `{key}` of item {index} is of type {kind}; it takes text, whole numbers and booleans"
            )
            .into())
        }
        None => Err(format!("{what}: item {index} has no `{key}`").into()),
    }
}

/// The records that share each value of the key, in their order, as a map of arrays by that value's
/// text. A record without the key is an error that names it.
///
/// ```rhai
/// let orders = [#{ id: 1, city: "Rome" }, #{ id: 2, city: "Oslo" }, #{ id: 3, city: "Rome" }];
/// orders.group_by("city").Rome.pluck("id"); // => [1, 3]
/// [].group_by("city"); // => #{}
/// ```
fn group_by(array: &mut Array, key: &str) -> Fallible<Map> {
    room_for(array.len(), DYNAMIC)?;
    let mut places: HashMap<Text, usize> = HashMap::new();
    let mut groups: Vec<Array> = Vec::new();
    for index in 0..array.len() {
        let name = named("group_by", array, index, key)?;
        let place = *places.entry(name).or_insert_with(|| {
            groups.push(Array::new());
            groups.len() - 1
        });
        groups[place].push(copy(&array[index])?);
    }
    Ok(places
        .into_iter()
        .map(|(name, place)| (name.as_str().into(), std::mem::take(&mut groups[place]).into()))
        .collect())
}

/// How many records have each value of the key.
///
/// ```rhai
/// [#{ ok: true }, #{ ok: false }, #{ ok: true }].count_by("ok"); // => #{ "true": 2, "false": 1 }
/// ```
fn count_by(array: &mut Array, key: &str) -> Fallible<Map> {
    let mut counts: HashMap<Text, INT> = HashMap::new();
    for index in 0..array.len() {
        *counts.entry(named("count_by", array, index, key)?).or_default() += 1;
    }
    Ok(counts.into_iter().map(|(name, count)| (name.as_str().into(), count.into())).collect())
}

/// The sum of the array's numbers, or of a key's over all records (`sum_by`); records without the
/// key count for nothing. Whole numbers stay whole, and a sum beyond 64 bits is an error.
///
/// ```rhai
/// [1, 2, 3].sum(); // => 6
/// [#{ n: 2 }, #{ n: 0.5 }, #{}].sum_by("n"); // => 2.5
/// [].sum(); // => 0
/// ```
fn sum(array: &mut Array, key: Option<&str>) -> Fallible<Dynamic> {
    let what = if key.is_some() { "sum_by" } else { "sum" };
    let (mut whole, mut decimal, mut is_decimal) = (0 as INT, 0.0, false);
    for (index, item) in array.iter().enumerate() {
        let number =
            |value: &Dynamic| value.as_int().map(Ok).or_else(|_| value.as_float().map(Err));
        let found = match key {
            Some(key) => look(item, key, number),
            None => Some(number(item)),
        };
        match found {
            None => {}
            Some(Ok(Ok(int))) => {
                whole = whole
                    .checked_add(int)
                    .ok_or_else(|| format!("{what}: the sum overflows at item {index}"))?;
            }
            Some(Ok(Err(float))) => {
                is_decimal = true;
                decimal += float;
            }
            Some(Err(kind)) => {
                let of = key.map(|key| format!("`{key}` of ")).unwrap_or_default();
                return Err(
                    format!("{what}: {of}item {index} is of type {kind}, not a number").into()
                );
            }
        }
    }
    Ok(if is_decimal { (whole as f64 + decimal).into() } else { whole.into() })
}

/// Which of two keys comes first; nothing where they cannot be compared.
fn compare(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return Some(left.cmp(&right));
    }
    if let (Ok(left), Ok(right)) = (left.as_immutable_string_ref(), right.as_immutable_string_ref())
    {
        return Some(left.as_str().cmp(right.as_str()));
    }
    if let (Ok(left), Ok(right)) = (left.as_bool(), right.as_bool()) {
        return Some(left.cmp(&right));
    }
    let float =
        |value: &Dynamic| value.as_float().or_else(|_| value.as_int().map(|int| int as f64));
    float(left).ok()?.partial_cmp(&float(right).ok()?)
}

/// The keys of all records, checked to be of one kind.
fn keys(what: &str, array: &Array, key: &str) -> Fallible<Vec<Dynamic>> {
    room_for(array.len(), DYNAMIC)?;
    let mut keys: Vec<Dynamic> = Vec::with_capacity(array.len());
    for (index, item) in array.iter().enumerate() {
        let found = look(item, key, Dynamic::clone)
            .ok_or_else(|| format!("{what}: item {index} has no `{key}`"))?;
        let first = keys.first().unwrap_or(&found);
        if compare(first, &found).is_none() {
            return Err(format!(
                "{what}: `{key}` of item {index} is {}, which does not compare with the {} of item 0",
                found.type_name(),
                first.type_name()
            )
            .into());
        }
        keys.push(found);
    }
    Ok(keys)
}

/// The records in the order of a key: numbers by size, text by its characters' codes. Records of equal
/// keys keep their order. With `"desc"` the largest comes first.
///
/// ```rhai
/// [#{ n: 2 }, #{ n: 1 }].sort_by("n").pluck("n"); // => [1, 2]
/// [#{ n: 2 }, #{ n: 3 }].sort_by("n", "desc").pluck("n"); // => [3, 2]
/// [#{ n: 2 }, #{}].sort_by("n"); // => error: item 1 has no `n`
/// ```
fn sort_by(array: &mut Array, key: &str, order: &str) -> Fallible<Array> {
    let is_descending = match order {
        "asc" => false,
        "desc" => true,
        other => return Err(format!("sort_by: the order is asc or desc, not `{other}`").into()),
    };
    let keys = keys("sort_by", array, key)?;
    let mut places: Vec<usize> = (0..array.len()).collect();
    places.sort_by(|&left, &right| {
        let order = compare(&keys[left], &keys[right]).unwrap_or(Ordering::Equal);
        if is_descending { order.reverse() } else { order }
    });
    places.into_iter().map(|place| copy(&array[place])).collect()
}

/// The record whose key is the smallest (`min_by`) or the largest (`max_by`), the first of several;
/// `()` of an empty array.
///
/// ```rhai
/// [#{ n: 2 }, #{ n: 1 }].min_by("n"); // => #{ n: 1 }
/// [#{ n: 2 }, #{ n: 1 }].max_by("n"); // => #{ n: 2 }
/// ```
fn extreme(array: &mut Array, key: &str, wanted: Ordering) -> Fallible<Dynamic> {
    let what = if wanted.is_lt() { "min_by" } else { "max_by" };
    let keys = keys(what, array, key)?;
    let mut best = 0;
    for place in 1..keys.len() {
        if compare(&keys[place], &keys[best]) == Some(wanted) {
            best = place;
        }
    }
    array.get(best).map_or(Ok(Dynamic::UNIT), copy)
}

/// A map from each value of the key to its record; of several the last.
///
/// ```rhai
/// [#{ id: 7, n: "a" }, #{ id: 8, n: "b" }].index_by("id")["8"].n; // => "b"
/// ```
fn index_by(array: &mut Array, key: &str) -> Fallible<Map> {
    let mut map = Map::new();
    for index in 0..array.len() {
        let name = named("index_by", array, index, key)?;
        map.insert(name.as_str().into(), copy(&array[index])?);
    }
    Ok(map)
}

/// The key's value of each record, `()` where there is none.
///
/// ```rhai
/// [#{ a: #{ b: 1 } }, #{}].pluck("a.b"); // => [1, ()]
/// ```
fn pluck(array: &mut Array, key: &str) -> Fallible<Array> {
    room_for(array.len(), DYNAMIC)?;
    array.iter().map(|item| look(item, key, copy).unwrap_or(Ok(Dynamic::UNIT))).collect()
}

/// The records whose key has this value.
///
/// ```rhai
/// [#{ n: 1 }, #{ n: 2 }].filter_by("n", 2); // => [#{ n: 2 }]
/// ```
fn filter_by(array: &mut Array, key: &str, value: &Dynamic) -> Fallible<Array> {
    let is_it = |found: &Dynamic| compare(found, value) == Some(Ordering::Equal);
    let found = array.iter().filter(|item| look(item, key, is_it) == Some(true));
    found.map(copy).collect()
}

/// Arrays of at most so many items each.
///
/// ```rhai
/// [1, 2, 3].chunk(2); // => [[1, 2], [3]]
/// [1].chunk(0); // => error: at least 1
/// ```
fn chunk(array: &mut Array, size: INT) -> Fallible<Array> {
    let size = usize::try_from(size).ok().filter(|&size| size > 0);
    let size = size.ok_or("chunk: the size has to be at least 1")?;
    room_for(array.len().div_ceil(size) + array.len(), 2 * DYNAMIC)?;
    array
        .chunks(size)
        .map(|items| Ok(Dynamic::from_array(items.iter().map(copy).collect::<Fallible<_>>()?)))
        .collect()
}

/// Each value once (`unique`), or the first record of each value of the key (`unique_by`), in their
/// order.
///
/// ```rhai
/// [3, 1, 3, "1"].unique(); // => [3, 1, "1"]
/// [#{ n: 1, x: 1 }, #{ n: 1, x: 2 }].unique_by("n"); // => [#{ n: 1, x: 1 }]
/// ```
fn unique(array: &mut Array, key: Option<&str>) -> Fallible<Array> {
    let mut seen = std::collections::HashSet::new();
    let mut kept = Array::new();
    for (index, item) in array.iter().enumerate() {
        // Its JSON tells 1 from "1", and values of any shape from each other.
        let mut text = Vec::new();
        let written = match key {
            None => json::write(item, &mut text),
            Some(key) => look(item, key, |value| json::write(value, &mut text))
                .ok_or_else(|| format!("unique_by: item {index} has no `{key}`"))?,
        };
        written.map_err(|error| format!("unique: item {index} {error}"))?;
        room_for(text.len(), 1)?;
        if seen.insert(text) {
            kept.push(copy(item)?);
        }
    }
    Ok(kept)
}

/// A map with the properties of both; where both have one, the other's.
///
/// ```rhai
/// #{ a: 1, b: 1 }.merge(#{ b: 2 }); // => #{ a: 1, b: 2 }
/// ```
fn merge(map: &mut Map, other: Map) -> Fallible<Map> {
    let mut merged = Map::new();
    for (name, value) in map.iter() {
        if !other.contains_key(name) {
            merged.insert(name.clone(), copy(value)?);
        }
    }
    merged.extend(other);
    Ok(merged)
}

/// What a path leads to, through maps by name and through arrays by index; the default, or `()`, where
/// there is nothing.
///
/// ```rhai
/// #{ user: #{ mails: ["a@b.c"] } }.get_path("user.mails.0"); // => "a@b.c"
/// #{}.get_path("user.name", "nobody"); // => "nobody"
/// ```
fn get_path(map: &mut Map, path: &str, default: Dynamic) -> Fallible<Dynamic> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let found = map.get(step).and_then(|value| match rest {
        Some(rest) => look(value, rest, copy),
        None if value.is_unit() => None,
        None => Some(copy(value)),
    });
    found.unwrap_or(Ok(default))
}

/// A map with these properties only (`pick`), or with all others (`omit`).
///
/// ```rhai
/// #{ a: 1, b: 2 }.pick(["a", "z"]); // => #{ a: 1 }
/// #{ a: 1, b: 2 }.omit(["a"]); // => #{ b: 2 }
/// ```
fn select(map: &mut Map, names: &Array, what: &str, keeps: bool) -> Fallible<Map> {
    let mut wanted = std::collections::HashSet::new();
    for name in names {
        let name = name.as_immutable_string_ref();
        wanted.insert(
            name.map_err(|kind| format!("{what}: a name is of type {kind}, not text"))?.clone(),
        );
    }
    let mut selected = Map::new();
    for (name, value) in map.iter().filter(|(name, _)| wanted.contains(name.as_str()) == keeps) {
        selected.insert(name.clone(), copy(value)?);
    }
    Ok(selected)
}

/// A copy, as long as there is memory for copies.
fn copy(value: &Dynamic) -> Fallible<Dynamic> {
    if memory::has_room_for(0) {
        return Ok(value.clone());
    }
    memory::refuse();
    let what = "a copy of an item is".to_owned();
    Err(Box::new(EvalAltResult::ErrorDataTooLarge(what, Position::NONE)))
}
