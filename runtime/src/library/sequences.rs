//! Methods of arrays that leave them as they are, beside the language's own, and the same of ranges and
//! blobs where they have a meaning. A function is called with an item, and with its index if it takes two.

use std::any::TypeId;
use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};

use rhai::plugin::*;
use rhai::{
    Array, Blob, Dynamic, Engine, EvalAltResult, FnPtr, INT, ImmutableString, Map,
    NativeCallContext,
};

use super::collections::{self, Keys, copy, identity};
use super::native::exported;
use super::number::kind_of;
use super::{Fallible, Part, grow, number, plain_text, text};
use crate::bounds::{Pace, room_for};
use crate::callbacks::{self, Callback};
use crate::effects::Failure;
use crate::vocabulary::Vocabulary;
use crate::{comparing, lowered};

pub(super) const PART: Part = Part {
    words: &[
        "join",
        "sorted",
        "sorted_desc",
        "reversed",
        "truncated",
        "first",
        "last",
        "take",
        "skip",
        "take_while",
        "skip_while",
        "flat_map",
        "flatten",
        "partition",
        "any",
        "count",
        "last_index_of",
        "average",
        "intersection",
        "difference",
        "get",
        "to_map",
        "to_array",
        "map",
        "filter",
        "entries",
        "map_values",
    ],
    register,
};

const DYNAMIC: usize = size_of::<Dynamic>();

/// What one item costs, in bytes that could be worked on.
const ITEM: usize = 64;

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(methods).register_globally("Collections.Invalid", engine, vocabulary);
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The items as one text, one after the other.
    ///
    /// ```rhai
    /// ["a", 1, true].join(); // => "a1true"
    /// ```
    #[rhai_fn(name = "join", pure, return_raw)]
    pub fn join_without(array: &mut Array) -> Fallible<ImmutableString> {
        super::join(array, "")
    }

    /// The items as one text, with this between them. They are strings, chars, numbers and bools.
    ///
    /// ```rhai
    /// ["a", "b", "c"].join(", "); // => "a, b, c"
    /// [].join(", "); // => ""
    /// ["a", ()].join(", "); // => error: join: item 1 is `()`
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn join(array: &mut Array, between: &str) -> Fallible<ImmutableString> {
        super::join(array, between)
    }

    /// The items in order: numbers by size, texts by their characters' codes; `sort` changes the array
    /// itself.
    ///
    /// ```rhai
    /// let scores = [3, 1, 2];
    /// scores.sorted(); // => [1, 2, 3]
    /// scores; // => [3, 1, 2]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn sorted(array: &mut Array) -> Fallible<Array> {
        let mut sorted = comparing::copy(array)?;
        comparing::sort("sorted", &mut sorted, false)?;
        Ok(sorted)
    }

    /// The items in the order of a function that compares two of them: below 0, or `true`, where the first
    /// comes first.
    ///
    /// ```rhai
    /// ["ccc", "a", "bb"].sorted(|a, b| a.len() - b.len()); // => ["a", "bb", "ccc"]
    /// ```
    #[rhai_fn(name = "sorted", pure, return_raw)]
    pub fn sorted_with(
        context: NativeCallContext,
        array: &mut Array,
        comparer: FnPtr,
    ) -> Fallible<Array> {
        let mut sorted = comparing::copy(array)?;
        comparing::sort_by(&context, &mut sorted, &comparer)?;
        Ok(sorted)
    }

    /// The items in order, the largest first.
    ///
    /// ```rhai
    /// [3, 1, 2].sorted_desc(); // => [3, 2, 1]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn sorted_desc(array: &mut Array) -> Fallible<Array> {
        let mut sorted = comparing::copy(array)?;
        comparing::sort("sorted_desc", &mut sorted, true)?;
        Ok(sorted)
    }

    /// The items from the last to the first; `reverse` changes the array itself.
    ///
    /// ```rhai
    /// [1, 2, 3].reversed(); // => [3, 2, 1]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn reversed(array: &mut Array) -> Fallible<Array> {
        let mut reversed = comparing::copy(array)?;
        reversed.reverse();
        Ok(reversed)
    }

    /// The bytes from the last to the first.
    ///
    /// ```rhai
    /// "ab".to_blob().reversed().as_string(); // => "ba"
    /// ```
    #[rhai_fn(name = "reversed", pure, return_raw)]
    pub fn reversed_blob(blob: &mut Blob) -> Fallible<Blob> {
        room_for(blob.len(), 1)?;
        let mut reversed = blob.clone();
        reversed.reverse();
        Ok(reversed)
    }

    /// At most so many items from the start, as `take` gives them; `truncate` changes the array itself.
    ///
    /// ```rhai
    /// [1, 2, 3].truncated(2); // => [1, 2]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn truncated(array: &mut Array, length: INT) -> Fallible<Array> {
        part(array, 0, text::sized(length))
    }

    /// At most so many bytes from the start.
    ///
    /// ```rhai
    /// "abc".to_blob().truncated(2).as_string(); // => "ab"
    /// ```
    #[rhai_fn(name = "truncated", pure, return_raw)]
    pub fn truncated_blob(blob: &mut Blob, length: INT) -> Fallible<Blob> {
        let length = text::sized(length).min(blob.len());
        room_for(length, 1)?;
        Ok(blob[..length].to_vec())
    }

    /// The first item; `()` of an empty array.
    ///
    /// ```rhai
    /// [7, 8].first(); // => 7
    /// [].first(); // => ()
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn first(array: &mut Array) -> Fallible<Dynamic> {
        array.first().map_or(Ok(Dynamic::UNIT), copy)
    }

    /// The last item; `()` of an empty array.
    ///
    /// ```rhai
    /// [7, 8].last(); // => 8
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn last(array: &mut Array) -> Fallible<Dynamic> {
        array.last().map_or(Ok(Dynamic::UNIT), copy)
    }

    /// At most so many items from the start.
    ///
    /// ```rhai
    /// [1, 2, 3].take(2); // => [1, 2]
    /// [1].take(5); // => [1]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn take(array: &mut Array, count: INT) -> Fallible<Array> {
        part(array, 0, text::sized(count))
    }

    /// The items but so many from the start.
    ///
    /// ```rhai
    /// [1, 2, 3].skip(1); // => [2, 3]
    /// [1, 2, 3].skip(2).take(2); // => [3]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn skip(array: &mut Array, count: INT) -> Fallible<Array> {
        part(array, text::sized(count), usize::MAX)
    }

    /// The items up to the first for which a function does not give `true`.
    ///
    /// ```rhai
    /// [1, 2, 9, 1].take_while(|n| n < 5); // => [1, 2]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn take_while(
        context: NativeCallContext,
        array: &mut Array,
        test: FnPtr,
    ) -> Fallible<Array> {
        let end = first_without("take_while", &context, array, &test)?;
        part(array, 0, end)
    }

    /// The items from the first on for which a function does not give `true`.
    ///
    /// ```rhai
    /// [1, 2, 9, 1].skip_while(|n| n < 5); // => [9, 1]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn skip_while(
        context: NativeCallContext,
        array: &mut Array,
        test: FnPtr,
    ) -> Fallible<Array> {
        let start = first_without("skip_while", &context, array, &test)?;
        part(array, start, usize::MAX)
    }

    /// What a function makes of each item, in one array: the items of arrays, and what is no array itself.
    ///
    /// ```rhai
    /// [#{ tags: ["a", "b"] }, #{ tags: ["c"] }].flat_map(|it| it.tags); // => ["a", "b", "c"]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn flat_map(
        context: NativeCallContext,
        array: &mut Array,
        mapper: FnPtr,
    ) -> Fallible<Array> {
        let mut flat = Array::new();
        let mut callback = Callback::new("flat_map", &context, &mapper, 0);
        for (index, item) in array.iter_mut().enumerate() {
            let made = callback.call(item, index, None)?.flatten();
            add(&mut flat, made)?;
        }
        Ok(flat)
    }

    /// The items of the arrays in an array, and what is no array itself, one level deep.
    ///
    /// ```rhai
    /// [[1, 2], 3, [[4]]].flatten(); // => [1, 2, 3, [4]]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn flatten(array: &mut Array) -> Fallible<Array> {
        let mut flat = Array::new();
        for item in array.iter() {
            match item.read_lock::<Array>() {
                Some(items) => {
                    for item in items.iter() {
                        grow::push(&mut flat, copy(item)?)?;
                    }
                }
                None => grow::push(&mut flat, copy(item)?)?,
            }
        }
        Ok(flat)
    }

    /// Two arrays: the items for which a function gives `true`, and the others.
    ///
    /// ```rhai
    /// [1, 2, 3, 4].partition(|n| n % 2 == 0); // => [[2, 4], [1, 3]]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn partition(
        context: NativeCallContext,
        array: &mut Array,
        test: FnPtr,
    ) -> Fallible<Array> {
        let (mut those, mut others) = (Array::new(), Array::new());
        let mut callback = Callback::new("partition", &context, &test, 0);
        for (index, item) in array.iter_mut().enumerate() {
            let into = if callback.holds(item, index)? { &mut those } else { &mut others };
            grow::push(into, copy(item)?)?;
        }
        Ok(vec![those.into(), others.into()])
    }

    /// Whether a function gives `true` for some item, as `some` says.
    ///
    /// ```rhai
    /// [1, 2, 3].any(|n| n > 2); // => true
    /// [].any(|n| true); // => false
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn any(context: NativeCallContext, array: &mut Array, test: FnPtr) -> Fallible<bool> {
        callbacks::ends(&context, "any", array, &test, true)
    }

    /// How many items a function gives `true` for.
    ///
    /// ```rhai
    /// [1, 2, 3].count(|n| n > 1); // => 2
    /// ```
    #[rhai_fn(name = "count", pure, return_raw)]
    pub fn count_matching(
        context: NativeCallContext,
        array: &mut Array,
        test: FnPtr,
    ) -> Fallible<INT> {
        let mut callback = Callback::new("count", &context, &test, 0);
        let mut count = 0;
        for (index, item) in array.iter_mut().enumerate() {
            count += INT::from(callback.holds(item, index)?);
        }
        Ok(count)
    }

    /// How many items are equal to a value.
    ///
    /// ```rhai
    /// ["a", "b", "a"].count("a"); // => 2
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn count(context: NativeCallContext, array: &mut Array, value: Dynamic) -> Fallible<INT> {
        let (mut value, mut pace) = (value, Pace::default());
        let mut count = 0;
        for item in array.iter_mut() {
            count += INT::from(comparing::items_are_equal(&context, item, &mut value, &mut pace)?);
        }
        Ok(count)
    }

    /// The index of the last item that is equal to a value; -1 if there is none.
    ///
    /// ```rhai
    /// [1, 2, 1].last_index_of(1); // => 2
    /// [].last_index_of(1); // => -1
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn last_index_of(
        context: NativeCallContext,
        array: &mut Array,
        value: Dynamic,
    ) -> Fallible<INT> {
        let (mut value, mut pace) = (value, Pace::default());
        for (index, item) in array.iter_mut().enumerate().rev() {
            if comparing::items_are_equal(&context, item, &mut value, &mut pace)? {
                return Ok(INT::try_from(index).unwrap_or(INT::MAX));
            }
        }
        Ok(-1)
    }

    /// The mean of the array's numbers, as a decimal; `()` of an empty array.
    ///
    /// ```rhai
    /// [1, 2].average(); // => 1.5
    /// [].average(); // => ()
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn average(array: &mut Array) -> Fallible<Dynamic> {
        super::average(array)
    }

    /// The items that are in both arrays, in the order of the first, each once.
    ///
    /// ```rhai
    /// [1, 2, 3, 2].intersection([2, 3, 4]); // => [2, 3]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn intersection(array: &mut Array, other: Array) -> Fallible<Array> {
        among("intersection", array, &other, true)
    }

    /// The items that are not in the other array, in their order, each once.
    ///
    /// ```rhai
    /// ["a", "b", "c"].difference(["b"]); // => ["a", "c"]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn difference(array: &mut Array, other: Array) -> Fallible<Array> {
        among("difference", array, &other, false)
    }

    /// The item at an index, which counts from the end below 0; this where there is none, or `()`.
    ///
    /// ```rhai
    /// ["a", "b"].get(1, "none"); // => "b"
    /// ["a", "b"].get(7, "none"); // => "none"
    /// ```
    #[rhai_fn(name = "get", pure, return_raw)]
    pub fn get_or(array: &mut Array, index: INT, default: Dynamic) -> Fallible<Dynamic> {
        let back = || array.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
        let place = usize::try_from(index).ok().or_else(back);
        let found = place.and_then(|place| array.get(place)).filter(|item| !item.is_unit());
        found.map_or(Ok(default), copy)
    }

    /// The map of pairs of names and values, such as `entries` and `zip` make; of those of one name the
    /// last.
    ///
    /// ```rhai
    /// [["a", 1], ["b", 2]].to_map(); // => #{ a: 1, b: 2 }
    /// ["x", "y"].zip([3, 4]).to_map(); // => #{ x: 3, y: 4 }
    /// [["a"]].to_map(); // => error: to_map: item 0 is no pair
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn to_map(array: &mut Array) -> Fallible<Map> {
        super::to_map(array)
    }

    /// The numbers of the range.
    ///
    /// ```rhai
    /// (1..4).to_array(); // => [1, 2, 3]
    /// ```
    #[rhai_fn(name = "to_array", pure, return_raw)]
    pub fn range_to_array(range: &mut Range<INT>) -> Fallible<Array> {
        numbers(range.clone())
    }

    /// The numbers of the range, its end included.
    ///
    /// ```rhai
    /// (1..=3).to_array(); // => [1, 2, 3]
    /// ```
    #[rhai_fn(name = "to_array", pure, return_raw)]
    pub fn whole_range_to_array(range: &mut RangeInclusive<INT>) -> Fallible<Array> {
        numbers(range.clone())
    }

    /// What a loop over the value would go through, such as the numbers of a range with steps; an array
    /// is itself.
    ///
    /// ```rhai
    /// range(0, 10, 3).to_array(); // => [0, 3, 6, 9]
    /// "ab".to_array(); // => ["a", "b"]
    /// 7.to_array(); // => error: to_array: an int has no items
    /// ```
    #[rhai_fn(return_raw)]
    pub fn to_array(value: Dynamic) -> Fallible<Array> {
        items(value)
    }

    /// What a function makes of each number of the range.
    ///
    /// ```rhai
    /// (1..4).map(|n| n * n); // => [1, 4, 9]
    /// ```
    #[rhai_fn(name = "map", pure, return_raw)]
    pub fn map_range(
        context: NativeCallContext,
        range: &mut Range<INT>,
        mapper: FnPtr,
    ) -> Fallible<Array> {
        callbacks::map(&context, &mut numbers(range.clone())?, &mapper)
    }

    /// What a function makes of each number of the range, its end included.
    ///
    /// ```rhai
    /// (1..=3).map(|n| `page ${n}`); // => ["page 1", "page 2", "page 3"]
    /// ```
    #[rhai_fn(name = "map", pure, return_raw)]
    pub fn map_whole_range(
        context: NativeCallContext,
        range: &mut RangeInclusive<INT>,
        mapper: FnPtr,
    ) -> Fallible<Array> {
        callbacks::map(&context, &mut numbers(range.clone())?, &mapper)
    }

    /// The numbers of the range for which a function gives `true`.
    ///
    /// ```rhai
    /// (1..10).filter(|n| n % 3 == 0); // => [3, 6, 9]
    /// ```
    #[rhai_fn(name = "filter", pure, return_raw)]
    pub fn filter_range(
        context: NativeCallContext,
        range: &mut Range<INT>,
        test: FnPtr,
    ) -> Fallible<Array> {
        callbacks::filter(&context, &mut numbers(range.clone())?, &test)
    }

    /// The numbers of the range, its end included, for which a function gives `true`.
    ///
    /// ```rhai
    /// (1..=9).filter(|n| n % 3 == 0); // => [3, 6, 9]
    /// ```
    #[rhai_fn(name = "filter", pure, return_raw)]
    pub fn filter_whole_range(
        context: NativeCallContext,
        range: &mut RangeInclusive<INT>,
        test: FnPtr,
    ) -> Fallible<Array> {
        callbacks::filter(&context, &mut numbers(range.clone())?, &test)
    }

    /// The map's entries, each as an array of its name and its value, in the order of their names;
    /// `for (name, value) in map` goes through them without.
    ///
    /// ```rhai
    /// #{ b: 2, a: 1 }.entries(); // => [["a", 1], ["b", 2]]
    /// #{ b: 2, a: 3 }.entries().sorted_by("1"); // => [["b", 2], ["a", 3]]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn entries(map: &mut Map) -> Fallible<Array> {
        room_for(map.len(), 4 * DYNAMIC)?;
        let mut pace = Pace::default();
        map.iter()
            .map(|(name, value)| {
                pace.step(ITEM + name.len())?;
                Ok(vec![name.as_str().into(), copy(value)?].into())
            })
            .collect()
    }

    /// The map with what a function makes of each value; it is called with the value, and with the name
    /// if it takes two.
    ///
    /// ```rhai
    /// #{ a: 1, b: 2 }.map_values(|n| n * 10); // => #{ a: 10, b: 20 }
    /// #{ a: 1 }.map_values(|n, name| `${name}${n}`); // => #{ a: "a1" }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn map_values(context: NativeCallContext, map: &mut Map, mapper: FnPtr) -> Fallible<Map> {
        let mut callback = Callback::new("map_values", &context, &mapper, 0);
        map.iter_mut()
            .map(|(name, value)| {
                let made = callback.call_with(value, name.as_str().into(), None)?;
                Ok((name.clone(), made.flatten()))
            })
            .collect()
    }

    /// The value of a name, or this where the map has none, or `()`.
    ///
    /// ```rhai
    /// let order = #{ size: "L", note: () };
    /// order.get("size", "M"); // => "L"
    /// order.get("colour", "red"); // => "red"
    /// order.get("note", "none"); // => "none"
    /// ```
    #[rhai_fn(name = "get", pure, return_raw)]
    pub fn get_in_map_or(map: &mut Map, name: &str, default: Dynamic) -> Fallible<Dynamic> {
        map.get(name).filter(|value| !value.is_unit()).map_or(Ok(default), copy)
    }
}

fn invalid(message: String) -> Box<EvalAltResult> {
    Failure::new("Collections.Invalid", message).into()
}

fn join(array: &Array, between: &str) -> Fallible<ImmutableString> {
    let mut out = String::new();
    for (index, item) in array.iter().enumerate() {
        if index > 0 {
            grow::add(&mut out, between)?;
        }
        if let Ok(text) = item.as_immutable_string_ref() {
            grow::add(&mut out, &text)?;
            continue;
        }
        let text = plain_text(item).ok_or_else(|| {
            let way = if item.is_unit() { "filter(|it| it != ())" } else { "map(|it| ...)" };
            let kind = kind_of(item);
            invalid(format!("join: item {index} is {kind}, which is no text; `{way}` first"))
        })?;
        grow::add(&mut out, &text)?;
    }
    Ok(out.into())
}

/// Copies of at most so many items from some place on.
fn part(array: &Array, start: usize, length: usize) -> Fallible<Array> {
    let start = start.min(array.len());
    let length = length.min(array.len() - start);
    room_for(length, DYNAMIC)?;
    let mut pace = Pace::default();
    array[start..start + length]
        .iter()
        .map(|item| {
            pace.step(ITEM)?;
            copy(item)
        })
        .collect()
}

/// Where the first item is for which a function does not hold.
fn first_without(
    what: &'static str,
    context: &NativeCallContext,
    array: &mut Array,
    test: &FnPtr,
) -> Fallible<usize> {
    let mut callback = Callback::new(what, context, test, 0);
    for (index, item) in array.iter_mut().enumerate() {
        if !callback.holds(item, index)? {
            return Ok(index);
        }
    }
    Ok(array.len())
}

/// Adds the items of an array, or what is none.
fn add(flat: &mut Array, made: Dynamic) -> Fallible<()> {
    if !made.is_array() {
        return grow::push(flat, made);
    }
    made.into_array().unwrap_or_default().into_iter().try_for_each(|item| grow::push(flat, item))
}

fn average(array: &Array) -> Fallible<Dynamic> {
    if array.is_empty() {
        return Ok(Dynamic::UNIT);
    }
    let keys = Keys { of: array, path: None };
    let sum = collections::sum("average", keys)?;
    let sum = number::float_of(&sum).unwrap_or_default();
    Ok((sum / array.len() as f64).into())
}

/// The items that are in another array, or that are not.
fn among(what: &'static str, array: &Array, other: &Array, wanted: bool) -> Fallible<Array> {
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    let mut pace = Pace::default();
    for (index, item) in other.iter().enumerate() {
        known.insert(identity(what, item, index, &mut pace)?);
    }
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut kept = Array::new();
    for (index, item) in array.iter().enumerate() {
        let own = identity(what, item, index, &mut pace)?;
        if known.contains(&own) == wanted && seen.insert(own) {
            grow::push(&mut kept, copy(item)?)?;
        }
    }
    Ok(kept)
}

fn to_map(array: &Array) -> Fallible<Map> {
    let mut map = Map::new();
    let mut pace = Pace::default();
    for (index, item) in array.iter().enumerate() {
        let pair = item.read_lock::<Array>().filter(|pair| pair.len() == 2);
        let pair = pair.ok_or_else(|| {
            invalid(format!("to_map: item {index} is no pair of a name and a value"))
        })?;
        let name = collections::file_name(&pair[0]).ok_or_else(|| {
            let kind = kind_of(&pair[0]);
            invalid(format!("to_map: the name of item {index} is {kind}, not a string"))
        })?;
        pace.step(ITEM + 2 * name.len())?;
        room_for(name.len() + grow::MAP, 1)?;
        map.insert(name.as_str().into(), copy(&pair[1])?);
    }
    Ok(map)
}

fn numbers(range: impl Iterator<Item = INT>) -> Fallible<Array> {
    let (least, most) = range.size_hint();
    room_for(most.unwrap_or(least), DYNAMIC)?;
    let mut pace = Pace::default();
    range.map(|number| pace.step(ITEM).map(|()| number.into())).collect()
}

/// What a loop would go through.
fn items(value: Dynamic) -> Fallible<Array> {
    let value = value.flatten();
    if value.is_array() {
        return Ok(value.into_array().unwrap_or_default());
    }
    let is_map = value.is_map();
    let (kind, type_id) = (kind_of(&value), value.type_id());
    let known = match is_map || type_id == TypeId::of::<()>() {
        true => None,
        false => lowered::iterators(|known| known.get_iter(type_id).map(|iterate| iterate(value))),
    };
    let Some(known) = known else {
        let way = if is_map { "; `entries`, `keys` and `values` give those of a map" } else { "" };
        return Err(invalid(format!("to_array: {kind} has no items{way}")));
    };
    let mut items = Array::new();
    for item in known {
        grow::push(&mut items, item?)?;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    #[test]
    fn items_are_joined_as_they_are_shown() {
        gives(
            "[[\"a\"].join(\"-\"), [1, 2.0, 'c', true].join(\"\"), [\"\", \"\"].join(\",\")]",
            r#"["a","12.0ctrue",","]"#,
        );
        fails("[1, #{}].join(\"\")", "join: item 1 is a map");
        fails("[[1], [2]].join(\"\")", "item 0 is an array");
        is_too_large(
            "let t = \"aaaaaaaaaa\".repeat(10000); [t, t, t, t, t, t, t, t, t, t].join(t)",
        );
    }

    #[test]
    fn the_array_itself_stays_as_it_is() {
        gives(
            "let a = [2, 1, 3]; [a.sorted(), a.sorted_desc(), a.reversed(), a.sorted(|x, y| y - x), a]",
            "[[1,2,3],[3,2,1],[3,1,2],[3,2,1],[2,1,3]]",
        );
        gives("[[].sorted(), [].reversed(), [\"b\", \"a\"].sorted()]", r#"[[],[],["a","b"]]"#);
    }

    #[test]
    fn parts_of_any_size() {
        gives(
            "[[1, 2].take(0), [1, 2].take(-1), [1, 2].take(9), [1, 2].skip(-1), [1, 2].skip(9)]",
            "[[],[],[1,2],[1,2],[]]",
        );
        gives(
            "[[1, 2].take(9223372036854775807), [1, 2].truncated(1), [].take(1)]",
            "[[1,2],[1],[]]",
        );
        gives("[[1].first(), [[]].last(), [].last()]", "[1,[],null]");
        gives("[[1, 2].get(-1, 0), [1, 2].get(-3, 0), [].get(0, 5), [()].get(0, 5)]", "[2,0,5,5]");
        gives("[1, 2, 3].get(-9223372036854775807 - 1, 7)", "7");
    }

    #[test]
    fn functions_are_asked_for_each_item() {
        gives(
            "[[].take_while(|n| true), [1, 2].skip_while(|n| true), [1].take_while(|n| 1)]",
            "[[],[],[]]",
        );
        gives(
            "[[5, 6].take_while(|n, i| i < 1), [5, 6].count(|n, i| i > 0), [5, 6].any(|n, i| i == 1)]",
            "[[5],1,true]",
        );
        gives(
            "[[1, 2].flat_map(|n| [n, [n]]), [[]].flatten(), [[[1]]].flatten()]",
            "[[1,[1],2,[2]],[],[[1]]]",
        );
        gives(
            "[[].partition(|n| true), [1, \"1\", 1.0].count(1), [[1], [1]].count([1])]",
            "[[[],[]],2,2]",
        );
        gives(
            "[[1, 2, 1].last_index_of(1), [[1], 2].last_index_of([1]), [\"a\"].last_index_of(())]",
            "[2,0,-1]",
        );
    }

    #[test]
    fn numbers_and_sets() {
        gives("[[1, 2.5].average(), [3].average(), [].average()]", "[1.75,3.0,null]");
        fails("[1, \"2\"].average()", "average: item 1 is of type string, not a number");
        gives(
            "[[1, 1, 2].difference([]), [].difference([1]), [1, \"1\"].intersection([\"1\"])]",
            r#"[[1,2],[],["1"]]"#,
        );
        gives("[#{ a: 1 }, #{ a: 2 }].intersection([#{ a: 2 }])", r#"[{"a":2}]"#);
    }

    #[test]
    fn ranges_and_their_like_become_arrays() {
        gives(
            "[(3..1).to_array(), (0..=0).to_array(), range(3, 0, -2).to_array()]",
            "[[],[0],[3,1]]",
        );
        gives(
            "[[1].to_array(), blob(2, 7).to_array(), \"añ\".to_array()]",
            r#"[[1],[7,7],["a","ñ"]]"#,
        );
        gives("[(0..3).map(|n, i| n + i), (1..=4).filter(|n| n > 3)]", "[[0,2,4],[4]]");
        fails("().to_array()", "to_array: `()` has no items");
        fails("#{}.to_array()", "`entries`, `keys` and `values`");
        is_too_large("(0..9223372036854775807).to_array()");
        is_too_large("range(0, 9223372036854775807, 1).to_array()");
    }

    #[test]
    fn maps_become_entries_and_entries_maps() {
        gives(
            "[#{}.entries(), [].to_map(), #{ a: [1] }.entries().to_map()]",
            r#"[[],{},{"a":[1]}]"#,
        );
        gives("[[1, 2], [true, 3], [\"1\", 4]].to_map()", r#"{"1":4,"true":3}"#);
        gives("#{ a: 1 }.map_values(|n| ())", r#"{"a":null}"#);
        fails("[1].to_map()", "item 0 is no pair");
        fails("[[(), 1]].to_map()", "the name of item 0 is `()`");
    }
}
