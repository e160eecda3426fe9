//! `map`, `filter` and their like, which call a closure for each element of an array.
//!
//! They do what the engine's own do, which they stand in for, without its detours: see [`loans`].

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, INT, NativeCallContext,
};

use crate::bounds::Bounded;
use crate::vocabulary::Vocabulary;
use crate::{loans, lowered};

/// Registers those that the vocabulary can reach.
pub fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    let pure = |name: &'static str| FuncRegistration::new(name).with_purity(true);
    if vocabulary.has("map") {
        pure("map").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, mapper: FnPtr| {
                map(&context, array, &mapper)
            },
        );
    }
    if vocabulary.has("filter") {
        pure("filter").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, test: FnPtr| {
                filter(&context, array, &test)
            },
        );
    }
    for (name, ends_at) in [("some", true), ("all", false)] {
        if vocabulary.has(name) {
            pure(name).register_into_engine(
                engine,
                move |context: NativeCallContext, array: &mut Array, test: FnPtr| {
                    ends(&context, name, array, &test, ends_at)
                },
            );
        }
    }
    if vocabulary.has("find") {
        pure("find").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, test: FnPtr| {
                find(&context, array, &test)
            },
        );
    }
    if vocabulary.has("reduce") {
        pure("reduce").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, reducer: FnPtr| {
                reduce(&context, array, &reducer, Dynamic::UNIT)
            },
        );
        pure("reduce").register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array, reducer: FnPtr, initial: Dynamic| {
                reduce(&context, array, &reducer, initial)
            },
        );
    }
}

/// What a function makes of each element.
pub(crate) fn map(
    context: &NativeCallContext,
    array: &mut Array,
    mapper: &FnPtr,
) -> Bounded<Array> {
    let mut mapped = Array::with_capacity(array.len());
    let mut callback = Callback::new("map", context, mapper, 0);
    for (index, item) in array.iter_mut().enumerate() {
        mapped.push(callback.call(item, index, None)?);
    }
    Ok(mapped)
}

/// The elements for which a function holds.
pub(crate) fn filter(
    context: &NativeCallContext,
    array: &mut Array,
    test: &FnPtr,
) -> Bounded<Array> {
    let mut kept = Array::new();
    let mut callback = Callback::new("filter", context, test, 0);
    for (index, item) in array.iter_mut().enumerate() {
        if callback.holds(item, index)? {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

/// Whether a function gives `ends_at` for some element; else the contrary.
pub(crate) fn ends(
    context: &NativeCallContext,
    name: &'static str,
    array: &mut Array,
    test: &FnPtr,
    ends_at: bool,
) -> Bounded<bool> {
    let mut callback = Callback::new(name, context, test, 0);
    for (index, item) in array.iter_mut().enumerate() {
        if callback.holds(item, index)? == ends_at {
            return Ok(ends_at);
        }
    }
    Ok(!ends_at)
}

/// The first element for which a function holds; `()` if there is none.
pub(crate) fn find(
    context: &NativeCallContext,
    array: &mut Array,
    test: &FnPtr,
) -> Bounded<Dynamic> {
    let mut callback = Callback::new("find", context, test, 0);
    for (index, item) in array.iter_mut().enumerate() {
        if callback.holds(item, index)? {
            return Ok(item.clone());
        }
    }
    Ok(Dynamic::UNIT)
}

fn reduce(
    context: &NativeCallContext,
    array: &mut Array,
    reducer: &FnPtr,
    initial: Dynamic,
) -> Bounded<Dynamic> {
    let mut callback = Callback::new("reduce", context, reducer, 1);
    let mut result = initial;
    for (index, item) in array.iter_mut().enumerate() {
        result = callback.call(item, index, Some(result))?;
    }
    Ok(result)
}

/// A function that is called for each element.
pub(crate) struct Callback<'a> {
    name: &'static str,
    context: &'a NativeCallContext<'a>,
    function: &'a FnPtr,
    /// Where the element stands among the arguments.
    place: usize,
    way: Way<'a>,
}

/// How the function is called.
enum Way<'a> {
    /// By the engine, which tries what fits.
    Tried,
    /// With the element, and its index where that is wanted.
    Known { takes_index: bool, lends: bool, lowered: Option<Box<lowered::Callback<'a>>> },
}

impl<'a> Callback<'a> {
    /// A function for the native function of this name, which gives it the element as the argument
    /// at `place`.
    pub(crate) fn new(
        name: &'static str,
        context: &'a NativeCallContext<'a>,
        function: &'a FnPtr,
        place: usize,
    ) -> Self {
        let least = function.curry().len() + place + 1;
        let way = match loans::known(function.fn_name(), least - 1) {
            Some(known) if known.parameters == least || known.parameters == least + 1 => {
                Way::Known {
                    takes_index: known.parameters > least,
                    lends: known.only_reads,
                    lowered: known
                        .lowered
                        .and_then(|lowered| {
                            lowered::Callback::new(lowered, function.fn_name(), context)
                        })
                        .map(Box::new),
                }
            }
            _ => Way::Tried,
        };
        Self { name, context, function, place, way }
    }

    /// Whether the function gives `true` for an element.
    pub(crate) fn holds(&mut self, item: &mut Dynamic, index: usize) -> Bounded<bool> {
        Ok(self.call(item, index, None)?.as_bool().unwrap_or(false))
    }

    /// Calls the function with an element, whose index it is given too if it takes one more.
    /// `before` comes before the element.
    pub(crate) fn call(
        &mut self,
        item: &mut Dynamic,
        index: usize,
        before: Option<Dynamic>,
    ) -> Bounded<Dynamic> {
        self.call_with(item, Dynamic::from_int(INT::try_from(index).unwrap_or(INT::MAX)), before)
    }

    /// The same with something else than an index.
    pub(crate) fn call_with(
        &mut self,
        item: &mut Dynamic,
        index: Dynamic,
        before: Option<Dynamic>,
    ) -> Bounded<Dynamic> {
        let Way::Known { takes_index, lends, lowered } = &mut self.way else {
            let (name, context, place) = (self.name, self.context, Some(self.place));
            let item = Some(item);
            return match before {
                None => {
                    self.function.call_raw_with_extra_args(name, context, item, [], [index], place)
                }
                Some(before) => self.function.call_raw_with_extra_args(
                    name,
                    context,
                    item,
                    [before],
                    [index],
                    place,
                ),
            };
        };
        // What closures have captured may be looked at during the call.
        let lends = *lends && !item.is_shared();
        let given = if lends { std::mem::take(item) } else { item.clone() };
        let count = usize::from(before.is_some()) + 1 + usize::from(*takes_index);
        let values = before.into_iter().chain([given]).chain([index]).take(count);
        let lent = lends.then(|| self.function.curry().len() + self.place);
        let (result, returned) = match lowered {
            Some(lowered) => lowered.call(self.function.iter_curry().cloned().chain(values), lent),
            None => call_by_engine(self.context, self.function, values, lent),
        };
        if let Some(returned) = returned {
            *item = returned;
        }
        result.map_err(|error| {
            Box::new(EvalAltResult::ErrorInFunctionCall(
                self.name.into(),
                self.context.call_source().unwrap_or_default().into(),
                error,
                rhai::Position::NONE,
            ))
        })
    }
}

/// Calls a function, and gives back the argument that it was lent.
fn call_by_engine(
    context: &NativeCallContext,
    function: &FnPtr,
    values: impl Iterator<Item = Dynamic>,
    lent: Option<usize>,
) -> (Bounded<Dynamic>, Option<Dynamic>) {
    let mut count = 0;
    let mut arguments: [Dynamic; 3] = std::array::from_fn(|_| Dynamic::UNIT);
    for (place, value) in arguments.iter_mut().zip(values) {
        *place = value;
        count += 1;
    }
    if let Some(index) = lent {
        loans::lend(index);
    }
    let result = function.call_raw(context, None, &mut arguments[..count]);
    (result, lent.and_then(|_| loans::returned()))
}
