//! `==`, `sort`, `index_of` and their like on whole arrays and maps, which look at the clock.
//!
//! They do what the engine's own do, which they stand in for: those compare a million references to
//! one long text letter by letter, copy what they search for at each element, and go on after the
//! deadline where a comparer fails.

use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map,
    NativeCallContext,
};

use crate::bounds::{Bounded, Pace, in_time};
use crate::json::BigInteger;
use crate::numbers;
use crate::time::Time;
use crate::vocabulary::Vocabulary;

/// What the comparing of two small values costs, in the bytes of text that could be compared.
const SMALL: usize = 64;

/// Registers those that the vocabulary can reach.
pub fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    if vocabulary.has("==") || vocabulary.has("!=") {
        equality(engine);
    }
    if vocabulary.has("contains") {
        pure("contains").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, value: Dynamic| -> Bounded<bool> {
                Ok(place_of(&context, array, value, 0)?.is_some())
            },
        );
    }
    if vocabulary.has("index_of") {
        pure("index_of").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, value: Dynamic| {
                index_of(&context, array, value, 0)
            },
        );
        pure("index_of").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, value: Dynamic, start: INT| {
                index_of(&context, array, value, start)
            },
        );
        // A closure is looked for by what it says of the elements.
        pure("index_of").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, filter: FnPtr| {
                index_of_match(&context, array, &filter, 0)
            },
        );
        pure("index_of").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, filter: FnPtr, start: INT| {
                index_of_match(&context, array, &filter, start)
            },
        );
    }
    if vocabulary.has("dedup") {
        engine.register_fn("dedup", |context: NativeCallContext, array: &mut Array| {
            dedup(&context, array, None)
        });
        engine.register_fn(
            "dedup",
            |context: NativeCallContext, array: &mut Array, comparer: FnPtr| {
                dedup(&context, array, Some(&comparer))
            },
        );
        engine.register_fn(
            "dedup",
            |context: NativeCallContext, array: &mut Array, comparer: &str| {
                dedup(&context, array, Some(&FnPtr::new(comparer)?))
            },
        );
    }
    sorting(engine, vocabulary);
}

fn pure(name: &str) -> FuncRegistration {
    FuncRegistration::new(name).with_purity(true)
}

fn equality(engine: &mut Engine) {
    for (name, is_equal) in [("==", true), ("!=", false)] {
        pure(name).register_into_engine(
            engine,
            move |context: NativeCallContext,
                  left: &mut Array,
                  mut right: Array|
                  -> Bounded<bool> {
                let mut pace = Pace::default();
                Ok(arrays_are_equal(&context, left, &mut right, &mut pace)? == is_equal)
            },
        );
        pure(name).register_into_engine(
            engine,
            move |context: NativeCallContext, left: &mut Map, mut right: Map| -> Bounded<bool> {
                let mut pace = Pace::default();
                Ok(maps_are_equal(&context, left, &mut right, &mut pace)? == is_equal)
            },
        );
    }
}

/// `sort`, `order` and their like.
fn sorting(engine: &mut Engine, vocabulary: &Vocabulary) {
    for (name, is_descending) in [("sort", false), ("sort_desc", true)] {
        if vocabulary.has(name) {
            engine.register_fn(name, move |array: &mut Array| sort(name, array, is_descending));
        }
    }
    for (name, is_descending) in [("order", false), ("order_desc", true)] {
        if vocabulary.has(name) {
            engine.register_fn(name, move |array: &mut Array| -> Bounded<Array> {
                let mut sorted = copy(array)?;
                sort(name, &mut sorted, is_descending)?;
                Ok(sorted)
            });
        }
    }
    // `sort_by` with a text takes it for a key.
    if vocabulary.has("sort") {
        engine.register_fn(
            "sort",
            |context: NativeCallContext, array: &mut Array, comparer: &str| {
                sort_by(&context, array, &FnPtr::new(comparer)?)
            },
        );
    }
    for name in ["sort", "sort_by"] {
        if vocabulary.has(name) {
            engine.register_fn(
                name,
                |context: NativeCallContext, array: &mut Array, comparer: FnPtr| {
                    sort_by(&context, array, &comparer)
                },
            );
        }
    }
    for name in ["order", "order_by"] {
        if vocabulary.has(name) {
            engine.register_fn(
                name,
                |context: NativeCallContext,
                 array: &mut Array,
                 comparer: FnPtr|
                 -> Bounded<Array> {
                    let mut sorted = copy(array)?;
                    sort_by(&context, &mut sorted, &comparer)?;
                    Ok(sorted)
                },
            );
        }
    }
}

/// A copy of an array.
pub(crate) fn copy(array: &Array) -> Bounded<Array> {
    let mut pace = Pace::default();
    let mut copied = Array::with_capacity(array.len());
    for item in array {
        pace.step(SMALL)?;
        copied.push(item.clone());
    }
    Ok(copied)
}

/// Whether two values are equal, as the engine's `==` has it.
pub(crate) fn are_equal(
    context: &NativeCallContext,
    left: &mut Dynamic,
    right: &mut Dynamic,
    pace: &mut Pace,
) -> Bounded<bool> {
    pace.step(SMALL)?;
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return Ok(left == right);
    }
    if left.is::<BigInteger>() || right.is::<BigInteger>() {
        return Ok(numbers::order(left, right) == Some(Ordering::Equal));
    }
    if let (Ok(left), Ok(right)) = (left.as_immutable_string_ref(), right.as_immutable_string_ref())
    {
        return texts_are_equal(&left, &right, pace);
    }
    // Two that are shared may be one.
    if !left.is_shared() && !right.is_shared() {
        if left.is_array() && right.is_array() {
            if let (Some(mut left), Some(mut right)) =
                (left.write_lock::<Array>(), right.write_lock::<Array>())
            {
                return arrays_are_equal(context, &mut left, &mut right, pace);
            }
        } else if left.is_map() && right.is_map() {
            if let (Some(mut left), Some(mut right)) =
                (left.write_lock::<Map>(), right.write_lock::<Map>())
            {
                return maps_are_equal(context, &mut left, &mut right, pace);
            }
        }
    }
    let equal = context.call_native_fn_raw("==", true, &mut [left, right])?;
    Ok(equal.as_bool().unwrap_or(false))
}

fn texts_are_equal(
    left: &ImmutableString,
    right: &ImmutableString,
    pace: &mut Pace,
) -> Bounded<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    if left.ptr_eq(right) {
        return Ok(true);
    }
    pace.step(left.len())?;
    Ok(left == right)
}

/// The same for what is an element: values of different types are not equal, whatever they are.
pub(crate) fn items_are_equal(
    context: &NativeCallContext,
    left: &mut Dynamic,
    right: &mut Dynamic,
    pace: &mut Pace,
) -> Bounded<bool> {
    are_equal(context, left, right, pace).or_else(|error| match &*error {
        EvalAltResult::ErrorFunctionNotFound(signature, _)
            if signature.starts_with("==") && left.type_id() != right.type_id() =>
        {
            Ok(false)
        }
        _ => Err(error),
    })
}

fn arrays_are_equal(
    context: &NativeCallContext,
    left: &mut Array,
    right: &mut Array,
    pace: &mut Pace,
) -> Bounded<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter_mut().zip(right) {
        if !items_are_equal(context, left, right, pace)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_are_equal(
    context: &NativeCallContext,
    left: &mut Map,
    right: &mut Map,
    pace: &mut Pace,
) -> Bounded<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (name, left) in left {
        pace.step(name.len())?;
        let Some(right) = right.get_mut(name) else { return Ok(false) };
        if !are_equal(context, left, right, pace)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where an index that may count from the end is, as the engine has it.
fn start_in(array: &Array, start: INT) -> usize {
    match usize::try_from(start) {
        Ok(start) => start.min(array.len()),
        Err(_) => {
            let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
            array.len().saturating_sub(back)
        }
    }
}

fn place_of(
    context: &NativeCallContext,
    array: &mut Array,
    mut value: Dynamic,
    start: usize,
) -> Bounded<Option<usize>> {
    let mut pace = Pace::default();
    for (index, item) in array.iter_mut().enumerate().skip(start) {
        if items_are_equal(context, item, &mut value, &mut pace)? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn index_of(
    context: &NativeCallContext,
    array: &mut Array,
    value: Dynamic,
    start: INT,
) -> Bounded<INT> {
    let start = start_in(array, start);
    let place = place_of(context, array, value, start)?;
    Ok(place.and_then(|place| INT::try_from(place).ok()).unwrap_or(-1))
}

fn index_of_match(
    context: &NativeCallContext,
    array: &mut Array,
    filter: &FnPtr,
    start: INT,
) -> Bounded<INT> {
    let start = start_in(array, start);
    for (index, item) in array.iter_mut().enumerate().skip(start) {
        let index = INT::try_from(index).unwrap_or(INT::MAX);
        let found = filter.call_raw_with_extra_args(
            "index_of",
            context,
            Some(item),
            [],
            [index.into()],
            Some(0),
        )?;
        if found.as_bool().unwrap_or(false) {
            return Ok(index);
        }
    }
    Ok(-1)
}

type Failure = Cell<Option<Box<EvalAltResult>>>;

/// Runs what takes a closure that cannot fail, with one that can.
fn fallibly<T>(work: impl FnOnce(&Failure) -> T) -> Bounded<T> {
    let failure = Failure::default();
    // What the standard library sorts stays whole when it is unwound. It panics by itself where it
    // notices that there is no order.
    catch_unwind(AssertUnwindSafe(|| work(&failure)))
        .map_err(|_| failure.take().unwrap_or_else(|| "error in comparer for sorting".into()))
}

fn or_end<T>(result: Bounded<T>, failure: &Failure) -> T {
    result.unwrap_or_else(|error| {
        failure.set(Some(error));
        resume_unwind(Box::new(()))
    })
}

/// Sorts by an order that may fail, as where the deadline has come.
pub(crate) fn sort_items<T>(
    items: &mut [T],
    mut order: impl FnMut(&T, &T, &mut Pace) -> Bounded<Ordering>,
) -> Bounded<()> {
    let mut pace = Pace::default();
    fallibly(|failure| {
        items.sort_by(|left, right| or_end(order(left, right, &mut pace), failure));
    })
}

/// The order of two texts.
pub(crate) fn order_of(
    left: &ImmutableString,
    right: &ImmutableString,
    pace: &mut Pace,
) -> Bounded<Ordering> {
    if left.ptr_eq(right) {
        return Ok(Ordering::Equal);
    }
    pace.step(left.len().min(right.len()))?;
    Ok(left.as_str().cmp(right.as_str()))
}

/// Sorts numbers, texts and their like; the name is of the function that does it.
pub(crate) fn sort(name: &str, array: &mut Array, is_descending: bool) -> Bounded<()> {
    if array.len() <= 1 {
        return Ok(());
    }
    let mut pace = Pace::default();
    for (index, item) in array.iter().enumerate() {
        pace.step(SMALL)?;
        if !are_of_one_order(&array[0], item) {
            return Err(match kind(&array[0]) {
                first if index == 0 => format!("{name}: item 0 is {first}, which has no order"),
                first => format!(
                    "{name}: item {index} is {}, which does not compare with {first} of item 0",
                    kind(item)
                ),
            }
            .into());
        }
    }
    sort_items(array, |left, right, pace| {
        pace.step(SMALL)?;
        let order = in_order(left, right, pace)?.unwrap_or(Ordering::Equal);
        Ok(if is_descending { order.reverse() } else { order })
    })
}

/// What a value is, in a sentence.
pub(crate) fn kind(value: &Dynamic) -> &'static str {
    if numbers::is_number(value) {
        "a number"
    } else if value.is_string() {
        "text"
    } else if value.is_bool() {
        "a boolean"
    } else if value.is_unit() {
        "`()`"
    } else if value.is_array() {
        "an array"
    } else if value.is_map() {
        "a map"
    } else if value.is_char() {
        "a character"
    } else if value.is_blob() {
        "a blob"
    } else if value.is::<Time>() {
        "a Time"
    } else if value.is_fnptr() {
        "a function"
    } else {
        "something else"
    }
}

/// Whether two values are of one kind that has an order.
fn are_of_one_order(left: &Dynamic, right: &Dynamic) -> bool {
    let are = |is: fn(&Dynamic) -> bool| is(left) && is(right);
    are(numbers::is_number)
        || are(Dynamic::is_string)
        || are(Dynamic::is_bool)
        || are(Dynamic::is_char)
        || are(Dynamic::is_unit)
        || are(Dynamic::is::<Time>)
}

/// The order of two values of one kind; `None` where they have none.
pub(crate) fn in_order(
    left: &Dynamic,
    right: &Dynamic,
    pace: &mut Pace,
) -> Bounded<Option<Ordering>> {
    if let Some(order) = numbers::order(left, right) {
        return Ok(Some(order));
    }
    if let (Ok(left), Ok(right)) = (left.as_immutable_string_ref(), right.as_immutable_string_ref())
    {
        return order_of(&left, &right, pace).map(Some);
    }
    if let (Ok(left), Ok(right)) = (left.as_char(), right.as_char()) {
        return Ok(Some(left.cmp(&right)));
    }
    if let (Ok(left), Ok(right)) = (left.as_bool(), right.as_bool()) {
        return Ok(Some(left.cmp(&right)));
    }
    if let (Some(left), Some(right)) = (left.read_lock::<Time>(), right.read_lock::<Time>()) {
        return Ok(Some(left.cmp(&right)));
    }
    Ok((left.is_unit() && right.is_unit()).then_some(Ordering::Equal))
}

/// Whether an error is one that no script goes on after.
pub(crate) fn is_stopping(error: &EvalAltResult) -> bool {
    let innermost = error.unwrap_inner();
    innermost.is_system_exception() && !matches!(innermost, EvalAltResult::ErrorParsing(..))
}

/// Sorts by a function that compares two elements.
pub(crate) fn sort_by(
    context: &NativeCallContext,
    array: &mut Array,
    comparer: &FnPtr,
) -> Bounded<()> {
    if array.len() <= 1 {
        return Ok(());
    }
    sort_items(array, |left, right, _| {
        let compared = comparer.call_raw(context, None, [left.clone(), right.clone()]);
        let answer = match compared {
            Ok(value) => value,
            Err(error) if is_stopping(&error) => return Err(error),
            // As the engine has it. To look for a function that is not there takes as long as its name.
            Err(_) => {
                in_time()?;
                Dynamic::UNIT
            }
        };
        let number = answer
            .as_int()
            .or_else(|_| answer.as_bool().map(|comes_first| if comes_first { -1 } else { 1 }));
        Ok(match number {
            Ok(number) => number.cmp(&0),
            Err(_) => left.type_id().cmp(&right.type_id()),
        })
    })
}

fn dedup(context: &NativeCallContext, array: &mut Array, comparer: Option<&FnPtr>) -> Bounded<()> {
    let mut pace = Pace::default();
    let mut is_same = |item: &mut Dynamic, before: &mut Dynamic| -> Bounded<bool> {
        let same = match comparer {
            None => are_equal(context, before, item, &mut pace),
            Some(comparer) => comparer
                .call_raw(context, None, [before.clone(), item.clone()])
                .map(|same| same.as_bool().unwrap_or(false)),
        };
        match same {
            Err(error) if is_stopping(&error) => Err(error),
            // As the engine has it.
            Err(_) => in_time().map(|()| false),
            Ok(same) => Ok(same),
        }
    };
    fallibly(|failure| array.dedup_by(|item, before| or_end(is_same(item, before), failure)))
}
