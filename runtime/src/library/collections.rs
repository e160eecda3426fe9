//! Whole arrays of records at a time: what scripts loop for, at the speed of native code.
//!
//! A `key` is a property's name or a path such as `customer.address.city`, or a function that gives the
//! key of a record. The arrays and maps they are called on stay as they are.

use std::cmp::Ordering;
use std::collections::HashMap;

use rhai::plugin::*;
use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, ImmutableString, Map, NativeCallContext,
    Position,
};

use super::grow::{self, MAP};
use super::native::exported;
use super::{Fallible, Part};
use crate::bounds::{Pace, room_for};
use crate::callbacks::Callback;
use crate::vocabulary::Vocabulary;
use crate::{comparing, json, loans, memory};

type Text = ImmutableString;

const DYNAMIC: usize = size_of::<Dynamic>();

/// What one record costs beside its text, in bytes that could be worked on.
const RECORD: usize = 64;

pub(super) const PART: Part = Part {
    words: &[
        "group_by",
        "count_by",
        "sum_by",
        "sum",
        "min_by",
        "max_by",
        "sort_by",
        "sorted_by",
        "index_by",
        "pluck",
        "filter_by",
        "chunk",
        "unique",
        "unique_by",
        "zip",
        "merge",
        "merge_deep",
        "get_path",
        "set_path",
        "pick",
        "omit",
    ],
    register,
};

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(methods).register_globally("Collections.Invalid", engine, vocabulary);
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The records that share each value of the key, in their order, as a map of arrays by that value's
    /// text. A record without the key is an error that names it.
    ///
    /// ```rhai
    /// let orders = [#{ id: 1, city: "Rome" }, #{ id: 2, city: "Oslo" }, #{ id: 3, city: "Rome" }];
    /// orders.group_by("city").Rome.pluck("id"); // => [1, 3]
    /// [].group_by("city"); // => #{}
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn group_by(array: &mut Array, key: &str) -> Fallible<Map> {
        group(array, Keys::by(array, key))
    }

    /// The same by what a function gives of each record: text, a whole number or a boolean.
    ///
    /// ```rhai
    /// [1, 2, 3].group_by(|n| if n % 2 == 0 { "even" } else { "odd" }); // => #{ even: [2], odd: [1, 3] }
    /// [1].group_by(|n| ()); // => error: the function gives `()` for item 0
    /// ```
    #[rhai_fn(name = "group_by", pure, return_raw)]
    pub fn group_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Map> {
        let keys = computed("group_by", &context, array, &function)?;
        group(array, Keys::of(&keys))
    }

    /// How many records have each value of the key.
    ///
    /// ```rhai
    /// [#{ ok: true }, #{ ok: false }, #{ ok: true }].count_by("ok"); // => #{ "true": 2, "false": 1 }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn count_by(array: &mut Array, key: &str) -> Fallible<Map> {
        count(Keys::by(array, key))
    }

    /// The same by what a function gives of each record.
    ///
    /// ```rhai
    /// ["a", "bb", "c"].count_by(|it| it.len()); // => #{ "1": 2, "2": 1 }
    /// ```
    #[rhai_fn(name = "count_by", pure, return_raw)]
    pub fn count_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Map> {
        count(Keys::of(&computed("count_by", &context, array, &function)?))
    }

    /// A map from each value of the key to its record; of several the last.
    ///
    /// ```rhai
    /// [#{ id: 7, n: "a" }, #{ id: 8, n: "b" }].index_by("id")["8"].n; // => "b"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn index_by(array: &mut Array, key: &str) -> Fallible<Map> {
        index(array, Keys::by(array, key))
    }

    /// The same by what a function gives of each record.
    ///
    /// ```rhai
    /// ["ann", "bo"].index_by(|it| it[0].to_string()); // => #{ a: "ann", b: "bo" }
    /// ```
    #[rhai_fn(name = "index_by", pure, return_raw)]
    pub fn index_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Map> {
        let keys = computed("index_by", &context, array, &function)?;
        index(array, Keys::of(&keys))
    }

    /// The sum of the array's numbers. Whole numbers stay whole, and a sum beyond 64 bits is an error.
    ///
    /// ```rhai
    /// [1, 2, 3].sum(); // => 6
    /// [].sum(); // => 0
    /// ```
    #[rhai_fn(name = "sum", pure, return_raw)]
    pub fn sum_of_all(array: &mut Array) -> Fallible<Dynamic> {
        sum("sum", Keys::of(array))
    }

    /// The sum of a key over all records; those without it count for nothing.
    ///
    /// ```rhai
    /// [#{ n: 2 }, #{ n: 0.5 }, #{}].sum_by("n"); // => 2.5
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn sum_by(array: &mut Array, key: &str) -> Fallible<Dynamic> {
        sum("sum_by", Keys::by(array, key))
    }

    /// The sum of what a function gives of each record; `()` counts for nothing.
    ///
    /// ```rhai
    /// [#{ price: 5, count: 2 }, #{ price: 3, count: 1 }].sum_by(|it| it.price * it.count); // => 13
    /// ```
    #[rhai_fn(name = "sum_by", pure, return_raw)]
    pub fn sum_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Dynamic> {
        sum("sum_by", Keys::of(&computed("sum_by", &context, array, &function)?))
    }

    /// The sum of a key for each value of another, as a map by that value's text.
    ///
    /// ```rhai
    /// let sales = [#{ city: "Rome", n: 2 }, #{ city: "Oslo", n: 1 }, #{ city: "Rome", n: 3 }];
    /// sales.sum_by("n", "city"); // => #{ Oslo: 1, Rome: 5 }
    /// ```
    #[rhai_fn(name = "sum_by", pure, return_raw)]
    pub fn sum_by_group(array: &mut Array, key: &str, group: &str) -> Fallible<Map> {
        let mut sums: HashMap<Text, Sum> = HashMap::new();
        let mut pace = Pace::default();
        for index in 0..array.len() {
            let name = named("sum_by", Keys::by(array, group), index, &mut pace)?;
            pace.step(key.len())?;
            sums.entry(name).or_default().add("sum_by", &array[index], index, Some(key))?;
        }
        Ok(sums.into_iter().map(|(name, sum)| (name.as_str().into(), sum.total())).collect())
    }

    /// The record whose key is the smallest, the first of several; `()` of an empty array.
    ///
    /// ```rhai
    /// [#{ n: 2 }, #{ n: 1 }].min_by("n"); // => #{ n: 1 }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn min_by(array: &mut Array, key: &str) -> Fallible<Dynamic> {
        extreme(array, Keys::by(array, key), Ordering::Less)
    }

    /// The same by what a function gives of each record.
    ///
    /// ```rhai
    /// ["ccc", "a", "bb"].min_by(|it| it.len()); // => "a"
    /// ```
    #[rhai_fn(name = "min_by", pure, return_raw)]
    pub fn min_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Dynamic> {
        let keys = computed("min_by", &context, array, &function)?;
        extreme(array, Keys::of(&keys), Ordering::Less)
    }

    /// The record whose key is the largest, the first of several; `()` of an empty array.
    ///
    /// ```rhai
    /// [#{ n: 2 }, #{ n: 1 }].max_by("n"); // => #{ n: 2 }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn max_by(array: &mut Array, key: &str) -> Fallible<Dynamic> {
        extreme(array, Keys::by(array, key), Ordering::Greater)
    }

    /// The same by what a function gives of each record.
    ///
    /// ```rhai
    /// ["ccc", "a", "bb"].max_by(|it| it.len()); // => "ccc"
    /// ```
    #[rhai_fn(name = "max_by", pure, return_raw)]
    pub fn max_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Dynamic> {
        let keys = computed("max_by", &context, array, &function)?;
        extreme(array, Keys::of(&keys), Ordering::Greater)
    }

    /// The records in the order of a key: numbers by size, text by its characters' codes. Records of equal
    /// keys keep their order. The array itself stays as it is.
    ///
    /// ```rhai
    /// [#{ n: 2 }, #{ n: 1 }].sorted_by("n").pluck("n"); // => [1, 2]
    /// [#{ n: 2 }, #{}].sorted_by("n"); // => error: item 1 has no `n`
    /// ```
    #[rhai_fn(name = "sorted_by", name = "sort_by", pure, return_raw)]
    pub fn sort_by(array: &mut Array, key: &str) -> Fallible<Array> {
        sorted(array, Keys::by(array, key), false)
    }

    /// The same with the order said, `"asc"` or `"desc"`; with `"desc"` the largest comes first.
    ///
    /// ```rhai
    /// [#{ n: 2 }, #{ n: 3 }].sorted_by("n", "desc").pluck("n"); // => [3, 2]
    /// ```
    #[rhai_fn(name = "sorted_by", name = "sort_by", pure, return_raw)]
    pub fn sort_by_in_order(array: &mut Array, key: &str, order: &str) -> Fallible<Array> {
        sorted(array, Keys::by(array, key), is_descending(order)?)
    }

    /// The records in the order of what a function gives of each. One that takes two records compares
    /// them, as for `sorted`. `sort_by` with a function changes the array itself.
    ///
    /// ```rhai
    /// ["ccc", "a", "bb"].sorted_by(|it| it.len()); // => ["a", "bb", "ccc"]
    /// [1, 3, 2].sorted_by(|a, b| b - a); // => [3, 2, 1]
    /// ```
    #[rhai_fn(name = "sorted_by", pure, return_raw)]
    pub fn sorted_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Array> {
        let given = function.curry().len();
        if loans::known(function.fn_name(), given).is_some_and(|it| it.parameters == given + 2) {
            let mut sorted = comparing::copy(array)?;
            comparing::sort_by(&context, &mut sorted, &function)?;
            return Ok(sorted);
        }
        let keys = computed("sorted_by", &context, array, &function)?;
        sorted(array, Keys::of(&keys), false)
    }

    /// The records in the order of what a function gives of each, `"asc"` or `"desc"`.
    ///
    /// ```rhai
    /// ["a", "ccc", "bb"].sorted_by(|it| it.len(), "desc"); // => ["ccc", "bb", "a"]
    /// ```
    #[rhai_fn(name = "sorted_by", pure, return_raw)]
    pub fn sorted_by_function_in_order(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
        order: &str,
    ) -> Fallible<Array> {
        let is_descending = is_descending(order)?;
        let keys = computed("sorted_by", &context, array, &function)?;
        sorted(array, Keys::of(&keys), is_descending)
    }

    /// The key's value of each record, `()` where there is none.
    ///
    /// ```rhai
    /// [#{ a: #{ b: 1 } }, #{}].pluck("a.b"); // => [1, ()]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn pluck(array: &mut Array, key: &str) -> Fallible<Array> {
        room_for(array.len(), DYNAMIC)?;
        let mut pace = Pace::default();
        array
            .iter()
            .map(|item| {
                pace.step(RECORD + key.len())?;
                look(item, key, copy).unwrap_or(Ok(Dynamic::UNIT))
            })
            .collect()
    }

    /// The records whose key has this value.
    ///
    /// ```rhai
    /// [#{ n: 1 }, #{ n: 2 }].filter_by("n", 2); // => [#{ n: 2 }]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn filter_by(array: &mut Array, key: &str, value: Dynamic) -> Fallible<Array> {
        let mut pace = Pace::default();
        let mut found = Array::new();
        for item in array.iter() {
            pace.step(RECORD + key.len())?;
            let is_it = |found: &Dynamic| {
                Ok(comparing::in_order(found, &value, &mut pace)?.is_some_and(Ordering::is_eq))
            };
            if look(item, key, is_it).unwrap_or(Ok::<_, Box<EvalAltResult>>(false))? {
                found.push(copy(item)?);
            }
        }
        Ok(found)
    }

    /// Arrays of at most so many items each.
    ///
    /// ```rhai
    /// [1, 2, 3].chunk(2); // => [[1, 2], [3]]
    /// [1].chunk(0); // => error: at least 1
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn chunk(array: &mut Array, size: INT) -> Fallible<Array> {
        let size = usize::try_from(size).ok().filter(|&size| size > 0);
        let size = size.ok_or("chunk: the size has to be at least 1")?;
        room_for(array.len().div_ceil(size) + array.len(), 2 * DYNAMIC)?;
        let mut pace = Pace::default();
        let mut copy = |item: &Dynamic| {
            pace.step(RECORD)?;
            copy(item)
        };
        array
            .chunks(size)
            .map(|items| {
                Ok(Dynamic::from_array(items.iter().map(&mut copy).collect::<Fallible<_>>()?))
            })
            .collect()
    }

    /// Each value once, in their order.
    ///
    /// ```rhai
    /// [3, 1, 3, "1"].unique(); // => [3, 1, "1"]
    /// ```
    #[rhai_fn(name = "unique", pure, return_raw)]
    pub fn unique_values(array: &mut Array) -> Fallible<Array> {
        unique(array, Keys::of(array))
    }

    /// The first record of each value of the key, in their order.
    ///
    /// ```rhai
    /// [#{ n: 1, x: 1 }, #{ n: 1, x: 2 }].unique_by("n"); // => [#{ n: 1, x: 1 }]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn unique_by(array: &mut Array, key: &str) -> Fallible<Array> {
        unique(array, Keys::by(array, key))
    }

    /// The first record of each value that a function gives.
    ///
    /// ```rhai
    /// ["ann", "bo", "al"].unique_by(|it| it[0]); // => ["ann", "bo"]
    /// ```
    #[rhai_fn(name = "unique_by", pure, return_raw)]
    pub fn unique_by_function(
        context: NativeCallContext,
        array: &mut Array,
        function: FnPtr,
    ) -> Fallible<Array> {
        let keys = computed("unique_by", &context, array, &function)?;
        unique(array, Keys::of(&keys))
    }

    /// The items of both arrays in pairs, as many as the shorter one has.
    ///
    /// ```rhai
    /// ["a", "b", "c"].zip([1, 2]); // => [["a", 1], ["b", 2]]
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn zip(array: &mut Array, other: Array) -> Fallible<Array> {
        room_for(array.len().min(other.len()), 3 * DYNAMIC)?;
        let mut pace = Pace::default();
        let mut copy = |item: &Dynamic| {
            pace.step(RECORD)?;
            copy(item)
        };
        array
            .iter()
            .zip(other)
            .map(|(left, right)| Ok(Dynamic::from_array(vec![copy(left)?, right])))
            .collect()
    }

    /// A map with the properties of both; where both have one, the other's.
    ///
    /// ```rhai
    /// #{ a: 1, b: 1 }.merge(#{ b: 2 }); // => #{ a: 1, b: 2 }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn merge(map: &mut Map, other: Map) -> Fallible<Map> {
        let mut merged = Map::new();
        let mut pace = Pace::default();
        for (name, value) in map.iter() {
            pace.step(RECORD + name.len())?;
            if !other.contains_key(name) {
                merged.insert(name.clone(), copy(value)?);
            }
        }
        merged.extend(other);
        Ok(merged)
    }

    /// A map with the properties of both; where both have a map, these are merged in turn, and where both
    /// have something else, it is the other's.
    ///
    /// ```rhai
    /// let defaults = #{ log: #{ level: "info", json: true }, tags: ["a"] };
    /// defaults.merge_deep(#{ log: #{ level: "debug" }, tags: ["b"] }); // => #{ log: #{ level: "debug", json: true }, tags: ["b"] }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn merge_deep(map: &mut Map, other: Map) -> Fallible<Map> {
        merged(map, other, 0, &mut Pace::default())
    }

    /// What a path leads to, through maps by name and through arrays by index; `()` where there is nothing.
    ///
    /// ```rhai
    /// #{ user: #{ mails: ["a@b.c"] } }.get_path("user.mails.0"); // => "a@b.c"
    /// #{}.get_path("user.name"); // => ()
    /// ```
    #[rhai_fn(name = "get_path", pure, return_raw)]
    pub fn get_path_or_nothing(map: &mut Map, path: &str) -> Fallible<Dynamic> {
        get_path(map, path, Dynamic::UNIT)
    }

    /// What a path leads to; this where there is nothing.
    ///
    /// ```rhai
    /// #{}.get_path("user.name", "nobody"); // => "nobody"
    /// ```
    #[rhai_fn(name = "get_path", pure, return_raw)]
    pub fn get_path_or(map: &mut Map, path: &str, default: Dynamic) -> Fallible<Dynamic> {
        get_path(map, path, default)
    }

    /// The same in an array, whose items have their index as a name.
    ///
    /// ```rhai
    /// [#{ id: 7 }].get_path("0.id"); // => 7
    /// ```
    #[rhai_fn(name = "get_path", pure, return_raw)]
    pub fn get_path_in_array(array: &mut Array, path: &str) -> Fallible<Dynamic> {
        path_in_array(array, path, Dynamic::UNIT)
    }

    /// The same; this where there is nothing.
    ///
    /// ```rhai
    /// [].get_path("0.id", "none"); // => "none"
    /// ```
    #[rhai_fn(name = "get_path", pure, return_raw)]
    pub fn get_path_in_array_or(
        array: &mut Array,
        path: &str,
        default: Dynamic,
    ) -> Fallible<Dynamic> {
        path_in_array(array, path, default)
    }

    /// Puts a value where a path leads, as `get_path` finds it there. Maps that are missing on the way are
    /// made; an array takes the index of an item, or of the one after its last.
    ///
    /// ```rhai
    /// let order = #{ items: [#{ n: 1 }] };
    /// order.set_path("items.0.n", 2);
    /// order.set_path("customer.address.city", "Rome");
    /// order; // => #{ items: [#{ n: 2 }], customer: #{ address: #{ city: "Rome" } } }
    /// order.set_path("items.5.n", 1); // => error: `items` has the items 0 to 1
    /// ```
    #[rhai_fn(return_raw)]
    pub fn set_path(map: &mut Map, path: &str, value: Dynamic) -> Fallible<()> {
        if path.split('.').count() > json::MAX_DEPTH {
            return Err(format!("set_path: nested more than {} deep", json::MAX_DEPTH).into());
        }
        let mut root = Dynamic::from_map(std::mem::take(map));
        let result = put(&mut root, path, Some(0), value.flatten());
        *map = root.cast();
        result
    }

    /// A map with these properties only.
    ///
    /// ```rhai
    /// #{ a: 1, b: 2 }.pick(["a", "z"]); // => #{ a: 1 }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn pick(map: &mut Map, names: Array) -> Fallible<Map> {
        select(map, &names, "pick", true)
    }

    /// A map with all properties but these.
    ///
    /// ```rhai
    /// #{ a: 1, b: 2 }.omit(["a"]); // => #{ b: 2 }
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn omit(map: &mut Map, names: Array) -> Fallible<Map> {
        select(map, &names, "omit", false)
    }
}

/// The key of each record.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    /// The records, or their keys themselves.
    pub(super) of: &'a Array,
    /// Where a record has its key; without a path, it is there itself.
    pub(super) path: Option<&'a str>,
}

impl<'a> Keys<'a> {
    fn by(records: &'a Array, path: &'a str) -> Self {
        Self { of: records, path: Some(path) }
    }

    pub(super) fn of(keys: &'a Array) -> Self {
        Self { of: keys, path: None }
    }

    /// About how many bytes are worked on to find one.
    fn cost(self) -> usize {
        RECORD + self.path.map_or(0, str::len)
    }

    fn look<T>(self, index: usize, see: impl FnOnce(&Dynamic) -> T) -> Option<T> {
        let record = &self.of[index];
        match self.path {
            Some(path) => look(record, path, see),
            None if record.is_unit() => None,
            None => Some(see(record)),
        }
    }

    /// Says that a record has none.
    fn missing(self, what: &str, index: usize) -> String {
        match self.path {
            Some(path) => format!("{what}: item {index} has no `{path}`"),
            None => format!("{what}: the function gives `()` for item {index}"),
        }
    }

    /// What the key of a record is called.
    fn name_of(self, index: usize) -> String {
        match self.path {
            Some(path) => format!("`{path}` of item {index}"),
            None => format!("what the function gives for item {index}"),
        }
    }
}

/// What a function gives of each record.
fn computed(
    what: &'static str,
    context: &NativeCallContext,
    array: &mut Array,
    function: &FnPtr,
) -> Fallible<Array> {
    room_for(array.len(), DYNAMIC)?;
    let mut keys = Array::with_capacity(array.len());
    let mut callback = Callback::new(what, context, function, 0);
    for (index, item) in array.iter_mut().enumerate() {
        keys.push(callback.call(item, index, None)?.flatten());
    }
    Ok(keys)
}

fn group(records: &Array, keys: Keys) -> Fallible<Map> {
    room_for(records.len(), DYNAMIC)?;
    let mut places: HashMap<Text, usize> = HashMap::new();
    let mut groups: Vec<Array> = Vec::new();
    let mut pace = Pace::default();
    for (index, record) in records.iter().enumerate() {
        let name = named("group_by", keys, index, &mut pace)?;
        let place = *places.entry(name).or_insert_with(|| {
            groups.push(Array::new());
            groups.len() - 1
        });
        groups[place].push(copy(record)?);
    }
    Ok(places
        .into_iter()
        .map(|(name, place)| (name.as_str().into(), std::mem::take(&mut groups[place]).into()))
        .collect())
}

fn count(keys: Keys) -> Fallible<Map> {
    let mut counts: HashMap<Text, INT> = HashMap::new();
    let mut pace = Pace::default();
    for index in 0..keys.of.len() {
        *counts.entry(named("count_by", keys, index, &mut pace)?).or_default() += 1;
    }
    Ok(counts.into_iter().map(|(name, count)| (name.as_str().into(), count.into())).collect())
}

fn index(records: &Array, keys: Keys) -> Fallible<Map> {
    let mut map = Map::new();
    let mut pace = Pace::default();
    for (index, record) in records.iter().enumerate() {
        let name = named("index_by", keys, index, &mut pace)?;
        map.insert(name.as_str().into(), copy(record)?);
    }
    Ok(map)
}

fn is_descending(order: &str) -> Fallible<bool> {
    match order {
        "asc" => Ok(false),
        "desc" => Ok(true),
        other => Err(format!("sorted_by: the order is asc or desc, not `{other}`").into()),
    }
}

/// Looks at the value that a path leads to; `None` where there is nothing.
fn look<T>(value: &Dynamic, path: &str, see: impl FnOnce(&Dynamic) -> T) -> Option<T> {
    let (mut see, mut seen) = (Some(see), None);
    find(value, path, &mut |found| seen = see.take().map(|see| see(found)));
    seen
}

/// The same, once for all that look.
fn find(value: &Dynamic, path: &str, see: &mut dyn FnMut(&Dynamic)) {
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
    };
    match (next, rest) {
        (Some(next), Some(rest)) => find(next, rest, see),
        (Some(next), None) if !next.is_unit() => see(next),
        _ => {}
    }
}

/// What a record is filed under: text as it is, whole numbers and booleans as text.
pub(super) fn file_name(value: &Dynamic) -> Option<Text> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(text.clone());
    }
    if let Ok(number) = value.as_int() {
        return Some(number.to_string().into());
    }
    value.as_bool().ok().map(|is| if is { "true".into() } else { "false".into() })
}

fn named(what: &str, keys: Keys, index: usize, pace: &mut Pace) -> Fallible<Text> {
    pace.step(keys.cost())?;
    match keys.look(index, file_name) {
        Some(Some(name)) => {
            // It will be hashed, and compared with another.
            pace.step(2 * name.len())?;
            Ok(name)
        }
        Some(None) => {
            let kind = keys.look(index, |value| value.type_name().to_owned()).unwrap_or_default();
            let kind = kind.rsplit("::").next().unwrap_or_default();
            let name = keys.name_of(index);
            Err(format!(
                "{what}: {name} is of type {kind}; it takes text, whole numbers and booleans"
            )
            .into())
        }
        None => Err(keys.missing(what, index).into()),
    }
}

/// A sum that stays whole for as long as all that is added is.
#[derive(Default)]
struct Sum {
    whole: INT,
    decimal: f64,
    is_decimal: bool,
}

impl Sum {
    /// Adds the number of an item, or the number under its key, if there is one.
    fn add(&mut self, what: &str, item: &Dynamic, index: usize, key: Option<&str>) -> Fallible<()> {
        let number =
            |value: &Dynamic| value.as_int().map(Ok).or_else(|_| value.as_float().map(Err));
        let found = match key {
            Some(key) => look(item, key, number),
            None => Some(number(item)),
        };
        match found {
            None => {}
            Some(Ok(Ok(int))) => {
                self.whole = self
                    .whole
                    .checked_add(int)
                    .ok_or_else(|| format!("{what}: the sum overflows at item {index}"))?;
            }
            Some(Ok(Err(float))) => {
                self.is_decimal = true;
                self.decimal += float;
            }
            Some(Err(kind)) => {
                let of = key.map(|key| format!("`{key}` of ")).unwrap_or_default();
                let kind = match kind.ends_with("BigInteger") {
                    true => "a whole number beyond 64 bits, which is not computed with".to_owned(),
                    false => format!("of type {kind}, not a number"),
                };
                return Err(format!("{what}: {of}item {index} is {kind}").into());
            }
        }
        Ok(())
    }

    fn total(self) -> Dynamic {
        match self.is_decimal {
            true => (self.whole as f64 + self.decimal).into(),
            false => self.whole.into(),
        }
    }
}

pub(super) fn sum(what: &str, keys: Keys) -> Fallible<Dynamic> {
    let mut sum = Sum::default();
    let mut pace = Pace::default();
    let skips = what == "sum_by";
    for (index, item) in keys.of.iter().enumerate() {
        pace.step(keys.cost())?;
        // A function may have nothing to add.
        if !(skips && item.is_unit()) {
            sum.add(what, item, index, keys.path)?;
        }
    }
    Ok(sum.total())
}

/// Which of two keys comes first; nothing where they cannot be compared.
pub(super) fn compare(
    left: &Dynamic,
    right: &Dynamic,
    pace: &mut Pace,
) -> Fallible<Option<Ordering>> {
    comparing::in_order(left, right, pace)
}

/// The keys of all records, checked to be of one kind.
fn checked(what: &str, keys: Keys) -> Fallible<Vec<Dynamic>> {
    let count = keys.of.len();
    room_for(count, DYNAMIC)?;
    let mut found: Vec<Dynamic> = Vec::with_capacity(count);
    let mut pace = Pace::default();
    for index in 0..count {
        pace.step(keys.cost())?;
        let key = keys.look(index, Dynamic::clone).ok_or_else(|| keys.missing(what, index))?;
        let first = found.first().unwrap_or(&key);
        if compare(first, &key, &mut pace)?.is_none() {
            return Err(format!(
                "{what}: {} is {}, which does not compare with the {} of item 0",
                keys.name_of(index),
                comparing::kind(&key),
                comparing::kind(first)
            )
            .into());
        }
        found.push(key);
    }
    Ok(found)
}

fn sorted(array: &Array, keys: Keys, is_descending: bool) -> Fallible<Array> {
    let keys = checked("sorted_by", keys)?;
    let mut places: Vec<usize> = (0..array.len()).collect();
    comparing::sort_items(&mut places, |&left, &right, pace| {
        pace.step(RECORD)?;
        let order =
            comparing::in_order(&keys[left], &keys[right], pace)?.unwrap_or(Ordering::Equal);
        Ok(if is_descending { order.reverse() } else { order })
    })?;
    let mut pace = Pace::default();
    places
        .into_iter()
        .map(|place| {
            pace.step(RECORD)?;
            copy(&array[place])
        })
        .collect()
}

fn extreme(array: &Array, keys: Keys, wanted: Ordering) -> Fallible<Dynamic> {
    let what = if wanted.is_lt() { "min_by" } else { "max_by" };
    let keys = checked(what, keys)?;
    let mut best = 0;
    let mut pace = Pace::default();
    for place in 1..keys.len() {
        pace.step(RECORD)?;
        if comparing::in_order(&keys[place], &keys[best], &mut pace)? == Some(wanted) {
            best = place;
        }
    }
    array.get(best).map_or(Ok(Dynamic::UNIT), copy)
}

/// What tells a value from others: its JSON tells 1 from "1", and values of any shape from each other.
pub(super) fn identity(
    what: &str,
    item: &Dynamic,
    index: usize,
    pace: &mut Pace,
) -> Fallible<Vec<u8>> {
    let mut text = Vec::new();
    json::write_worth(item, &mut text).map_err(|error| format!("{what}: item {index} {error}"))?;
    room_for(text.len(), 1)?;
    pace.step(RECORD + 4 * text.len())?;
    Ok(text)
}

fn unique(array: &Array, keys: Keys) -> Fallible<Array> {
    let mut seen = std::collections::HashSet::new();
    let mut kept = Array::new();
    let mut pace = Pace::default();
    for (index, item) in array.iter().enumerate() {
        pace.step(keys.cost())?;
        let text = match keys.path {
            None => identity("unique", &keys.of[index], index, &mut pace)?,
            Some(_) => keys
                .look(index, |value| identity("unique_by", value, index, &mut pace))
                .ok_or_else(|| keys.missing("unique_by", index))??,
        };
        if seen.insert(text) {
            kept.push(copy(item)?);
        }
    }
    Ok(kept)
}

fn path_in_array(array: &Array, path: &str, default: Dynamic) -> Fallible<Dynamic> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let item = step.parse::<usize>().ok().and_then(|index| array.get(index));
    let found = item.and_then(|value| match rest {
        Some(rest) => look(value, rest, copy),
        None if value.is_unit() => None,
        None => Some(copy(value)),
    });
    found.unwrap_or(Ok(default))
}

fn get_path(map: &mut Map, path: &str, default: Dynamic) -> Fallible<Dynamic> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let found = map.get(step).and_then(|value| match rest {
        Some(rest) => look(value, rest, copy),
        None if value.is_unit() => None,
        None => Some(copy(value)),
    });
    found.unwrap_or(Ok(default))
}

fn select(map: &mut Map, names: &Array, what: &str, keeps: bool) -> Fallible<Map> {
    let mut wanted = std::collections::HashSet::new();
    let mut pace = Pace::default();
    for name in names {
        let name = name.as_immutable_string_ref();
        let name = name.map_err(|kind| format!("{what}: a name is of type {kind}, not text"))?;
        pace.step(RECORD + 2 * name.len())?;
        wanted.insert(name.clone());
    }
    let mut selected = Map::new();
    for (name, value) in map.iter() {
        pace.step(RECORD + name.len())?;
        if wanted.contains(name.as_str()) == keeps {
            selected.insert(name.clone(), copy(value)?);
        }
    }
    Ok(selected)
}

/// A copy, as long as there is memory for copies.
pub(super) fn copy(value: &Dynamic) -> Fallible<Dynamic> {
    if memory::has_room_for(0) {
        return Ok(value.clone());
    }
    memory::refuse();
    let what = "a copy of an item is".to_owned();
    Err(Box::new(EvalAltResult::ErrorDataTooLarge(what, Position::NONE)))
}

/// Both maps, and in turn the maps that both have under one name.
fn merged(map: &Map, other: Map, depth: usize, pace: &mut Pace) -> Fallible<Map> {
    if depth > json::MAX_DEPTH {
        return Err(format!("merge_deep: nested more than {} deep", json::MAX_DEPTH).into());
    }
    let mut merged = Map::new();
    for (name, value) in map {
        pace.step(RECORD + name.len())?;
        if !other.contains_key(name) {
            merged.insert(name.clone(), copy(value)?);
        }
    }
    for (name, value) in other {
        pace.step(RECORD + name.len())?;
        let own = map.get(&name).and_then(|own| own.read_lock::<Map>());
        let value = match (own, value.is_map()) {
            (Some(own), true) => {
                self::merged(&own, value.flatten().cast(), depth + 1, pace)?.into()
            }
            _ => value,
        };
        merged.insert(name, value);
    }
    Ok(merged)
}

/// Puts a value where the path leads from its byte `at` on, with the target as what led there;
/// without such a byte, the target is the place.
fn put(target: &mut Dynamic, path: &str, at: Option<usize>, value: Dynamic) -> Fallible<()> {
    let Some(at) = at else {
        *target = value;
        return Ok(());
    };
    let end = path[at..].find('.').map(|length| at + length);
    let (step, next) = (&path[at..end.unwrap_or(path.len())], end.map(|end| end + 1));
    room_for(step.len() + MAP, 1)?;
    if target.is_unit() {
        *target = Dynamic::from_map(Map::new());
    }
    if let Some(mut map) = target.write_lock::<Map>() {
        return put(map.entry(step.into()).or_default(), path, next, value);
    }
    let before = &path[..at.saturating_sub(1)];
    let kind = target.type_name();
    let Some(mut array) = target.write_lock::<Array>() else {
        return Err(format!("set_path: `{before}` is of type {kind}, which has no `{step}`").into());
    };
    let index = step.parse().ok().filter(|&index: &usize| index <= array.len());
    let index = index.ok_or_else(|| {
        let items = array.len();
        format!("set_path: `{before}` has the items 0 to {items}, the next one included, and no `{step}`")
    })?;
    if index == array.len() {
        grow::push(&mut array, Dynamic::UNIT)?;
    }
    put(&mut array[index], path, next, value)
}
