//! Replacements for the engine's functions that make much out of little: one call of theirs could
//! take more memory than there is before anybody is asked.

use std::any::TypeId;
use std::fmt::Write;
use std::ops::{Range, RangeInclusive};

use rhai::{
    Array, Blob, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString,
    Map, Module, NativeCallContext, Position,
};

use crate::bounds::{self, Bounded, Pace, ROUND, room_for};
use crate::vocabulary::Vocabulary;
use crate::{callbacks, caught, closures, comparing, json, loops, memory};

const DYNAMIC: usize = size_of::<Dynamic>();

/// Registers those that the vocabulary can reach.
pub fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    type Group = (&'static [&'static str], fn(&mut Engine));
    const GROUPS: [Group; 4] = [
        (&["blob", "pad", "replace"], fillers),
        (&["split", "split_rev"], splits),
        (&["for", "chars", "to_chars", "to_array"], characters),
        (&["to_string", "print", "to_debug", "debug"], texts),
    ];
    for (words, register) in GROUPS {
        if words.iter().any(|word| vocabulary.has(word)) {
            register(engine);
        }
    }
    if vocabulary.has("+") || vocabulary.has("append") {
        joins(engine);
    }
    pointers(engine, vocabulary);
    cuts(engine, vocabulary);
    letters(engine, vocabulary);
    callbacks::register(engine, vocabulary);
    comparing::register(engine, vocabulary);
}

/// What is asked of pointers to functions, which tell the names of functions as the script has them.
fn pointers(engine: &mut Engine, vocabulary: &Vocabulary) {
    fn shown(pointer: &FnPtr) -> &str {
        closures::function_of(pointer.fn_name()).unwrap_or(pointer.fn_name())
    }
    for name in ["name", "get$name"] {
        if vocabulary.has(name) {
            FuncRegistration::new(name)
                .with_purity(true)
                .register_into_engine(engine, |pointer: &mut FnPtr| shown(pointer).to_owned());
        }
    }
    for name in ["is_anonymous", "get$is_anonymous"] {
        if vocabulary.has(name) {
            FuncRegistration::new(name).with_purity(true).register_into_engine(
                engine,
                |pointer: &mut FnPtr| {
                    pointer.is_anonymous() && closures::function_of(pointer.fn_name()).is_none()
                },
            );
        }
    }
    for name in ["to_string", "print"] {
        if vocabulary.has(name) {
            FuncRegistration::new(name)
                .with_purity(true)
                .register_into_engine(engine, |pointer: &mut FnPtr| {
                    format!("Fn({})", shown(pointer))
                });
        }
    }
    for name in ["to_debug", "debug"] {
        if vocabulary.has(name) {
            FuncRegistration::new(name)
                .with_purity(true)
                .register_into_engine(engine, |pointer: &mut FnPtr| {
                    closures::as_written(&format!("{pointer:?}"))
                });
        }
    }
    if vocabulary.has("Fn") {
        FuncRegistration::new(closures::MAKE_POINTER).register_into_engine(
            engine,
            |context: NativeCallContext, known: Map, name: Dynamic| -> Bounded<FnPtr> {
                let name = name.into_immutable_string().map_err(|actual| {
                    let actual = context.engine().map_type_name(actual).to_owned();
                    let wanted = "string".to_owned();
                    Box::new(EvalAltResult::ErrorMismatchDataType(wanted, actual, Position::NONE))
                })?;
                match known.get(name.as_str()).and_then(|known| known.read_lock::<FnPtr>()) {
                    Some(known) => Ok(known.clone()),
                    None => FnPtr::new(name),
                }
            },
        );
    }
}

/// What fills a value up to a length, and what replaces short text by long.
fn fillers(engine: &mut Engine) {
    let sized = |length: INT| usize::try_from(length.max(0)).unwrap_or(usize::MAX);
    engine
        .register_fn("blob", move |length: INT| -> Bounded<Blob> {
            room_for(sized(length), 1)?;
            Ok(vec![0; sized(length)])
        })
        .register_fn("blob", move |length: INT, value: INT| -> Bounded<Blob> {
            room_for(sized(length), 1)?;
            Ok(vec![value as u8; sized(length)])
        })
        .register_fn("pad", move |blob: &mut Blob, length: INT, value: INT| -> Bounded<()> {
            room_for(sized(length).saturating_sub(blob.len()), 1)?;
            if sized(length) > blob.len() {
                blob.resize(sized(length), value as u8);
            }
            Ok(())
        })
        .register_fn("pad", move |array: &mut Array, length: INT, item: Dynamic| -> Bounded<()> {
            let missing = sized(length).saturating_sub(array.len());
            let bytes = DYNAMIC + heap_bytes(&item, 0);
            room_for(missing, bytes)?;
            array.reserve(missing);
            let mut pace = Pace::default();
            for item in std::iter::repeat_n(item, missing) {
                pace.step(bytes)?;
                array.push(item);
            }
            Ok(())
        })
        .register_fn(
            "pad",
            move |text: &mut ImmutableString, length: INT, with: ImmutableString| -> Bounded<()> {
                pad_text(text, sized(length), &with)
            },
        )
        .register_fn(
            "pad",
            move |text: &mut ImmutableString, length: INT, with: char| -> Bounded<()> {
                let mut buffer = [0; 4];
                pad_text(text, sized(length), with.encode_utf8(&mut buffer))
            },
        )
        .register_fn(
            "replace",
            |text: &mut ImmutableString, find: ImmutableString, with: ImmutableString| {
                replace(text, &find, &with)
            },
        )
        .register_fn("replace", |text: &mut ImmutableString, find: ImmutableString, with: char| {
            replace(text, &find, with.encode_utf8(&mut [0; 4]))
        })
        .register_fn("replace", |text: &mut ImmutableString, find: char, with: ImmutableString| {
            replace(text, find.encode_utf8(&mut [0; 4]), &with)
        });
}

/// `split` and `split_rev`, by text or by a char, into all parts or at most so many.
fn splits(engine: &mut Engine) {
    type Text = ImmutableString;
    const PART: usize = DYNAMIC + 48;
    let all = |text: &Text, by: &str, most: usize, from_end: bool| -> Bounded<Array> {
        let parts = if by.is_empty() { text.len() + 1 } else { times(text, by)? };
        room_for((parts + 1).min(most), PART)?;
        match from_end {
            false => values(text.splitn(most, by).map(text_value)),
            true => values(text.rsplitn(most, by).map(text_value)),
        }
    };
    let count = |count: INT| usize::try_from(count.max(1)).unwrap_or(usize::MAX);
    for (name, from_end) in [("split", false), ("split_rev", true)] {
        engine
            .register_fn(name, move |text: Text, by: Text| all(&text, &by, usize::MAX, from_end))
            .register_fn(name, move |text: Text, by: char| {
                all(&text, by.encode_utf8(&mut [0; 4]), usize::MAX, from_end)
            })
            .register_fn(name, move |text: Text, by: Text, most: INT| {
                all(&text, &by, count(most), from_end)
            })
            .register_fn(name, move |text: Text, by: char, most: INT| {
                all(&text, by.encode_utf8(&mut [0; 4]), count(most), from_end)
            });
    }
    engine.register_fn("split", |text: Text| -> Bounded<Array> {
        room_for(text.len() / 2 + 1, PART)?;
        values(text.split_whitespace().map(text_value))
    });
}

/// What a small value costs, in bytes that could be worked on.
const SMALL: usize = 64;

/// Makes an array, as long as there is time.
fn values(items: impl Iterator<Item = Dynamic>) -> Bounded<Array> {
    let mut pace = Pace::default();
    items.map(|item| pace.step(SMALL).map(|()| item)).collect()
}

/// How many times something stands in a text.
fn times(text: &str, find: &str) -> Bounded<usize> {
    let mut pace = Pace::default();
    let mut times = 0;
    for _ in text.matches(find) {
        pace.step(SMALL)?;
        times += 1;
    }
    Ok(times)
}

fn text_value(text: &str) -> Dynamic {
    ImmutableString::from(text).into()
}

fn pad_text(text: &mut ImmutableString, length: usize, with: &str) -> Bounded<()> {
    let have = text.chars().count();
    if length <= have || with.is_empty() {
        return Ok(());
    }
    let missing = length - have;
    let bytes = text.len().saturating_add(filling_bytes(missing, with));
    room_for(bytes, 1)?;
    let mut padded = String::with_capacity(bytes);
    padded.push_str(text);
    fill(&mut padded, missing, with)?;
    *text = padded.into();
    Ok(())
}

/// How many bytes so many characters of a text have, which is said again and again.
pub(crate) fn filling_bytes(characters: usize, with: &str) -> usize {
    with.len().saturating_mul(characters.div_ceil(with.chars().count().max(1)))
}

/// Appends so many characters of a text that is not empty, which is said again and again.
pub(crate) fn fill(out: &mut String, mut characters: usize, with: &str) -> Bounded<()> {
    let count = with.chars().count();
    // Many at once, and yet with a look at the clock now and then.
    let times = (ROUND / 16).div_ceil(with.len()).min(characters / count.max(1));
    let many = with.repeat(times);
    let mut pace = Pace::default();
    while times > 0 && characters >= count * times {
        pace.step(many.len())?;
        out.push_str(&many);
        characters -= count * times;
    }
    out.extend(with.chars().cycle().take(characters));
    Ok(())
}

fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Bounded<()> {
    let found = times(text, find)?;
    if with.len() > find.len() {
        room_for(found, with.len())?;
    }
    if found == 0 {
        return Ok(());
    }
    let bytes = text.len() + found.saturating_mul(with.len()) - found.saturating_mul(find.len());
    let (mut replaced, mut copied) = (String::with_capacity(bytes), 0);
    let mut pace = Pace::default();
    for (at, found) in text.match_indices(find) {
        pace.step(SMALL + with.len() + at - copied)?;
        replaced.push_str(&text[copied..at]);
        replaced.push_str(with);
        copied = at + found.len();
    }
    replaced.push_str(&text[copied..]);
    *text = replaced.into();
    Ok(())
}

/// Text and another value, joined by `+`. Where the script has to be stopped before the value is text, the
/// engine's own write all of the value, as long as that may take.
fn joins(engine: &mut Engine) {
    type Text = ImmutableString;
    engine
        .register_fn("+", |context: NativeCallContext, text: Text, mut item: Dynamic| {
            shown(&context, &mut item).map(|item| text + item)
        })
        .register_fn("+", |context: NativeCallContext, mut item: Dynamic, text: Text| {
            shown(&context, &mut item).map(|item| item + text)
        });
    for name in ["+=", "append"] {
        engine.register_fn(
            name,
            |context: NativeCallContext, text: &mut Text, mut item: Dynamic| -> Bounded<()> {
                *text += shown(&context, &mut item)?;
                Ok(())
            },
        );
    }
}

/// What `to_string` says of a value.
fn shown(context: &NativeCallContext, item: &mut Dynamic) -> Bounded<ImmutableString> {
    let named = |name: &str| context.engine().map_type_name(name).into();
    match context.call_native_fn_raw("to_string", true, &mut [item]) {
        Ok(text) if text.is_string() => Ok(text.into_immutable_string().unwrap_or_default()),
        Ok(other) => Ok(named(other.type_name())),
        Err(error) if comparing::is_stopping(&error) => Err(error),
        Err(_) => Ok(named(&item.to_string())),
    }
}

/// The byte where the character of this number begins; `None` where there are not as many.
fn byte_of(text: &str, character: usize) -> Option<usize> {
    let Some(before) = character.checked_sub(1) else { return Some(0) };
    let mut characters = text.chars();
    characters.nth(before)?;
    Some(text.len() - characters.as_str().len())
}

/// The byte where a place begins that may count from the end.
fn byte_from(text: &str, start: INT) -> Option<usize> {
    match usize::try_from(start) {
        Ok(start) => byte_of(text, start),
        Err(_) => {
            let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
            byte_of(text, text.chars().count().saturating_sub(back))
        }
    }
}

/// At most `length` characters from some place on.
fn cut(text: &str, start: INT, length: INT) -> &str {
    let Some(from) = byte_from(text, start).filter(|_| length > 0) else { return "" };
    let rest = &text[from..];
    &rest[..byte_of(rest, usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(rest.len())]
}

/// `sub_string`, `crop` and `index_of` from some place on, which the engine's own make a list of all
/// characters for.
fn cuts(engine: &mut Engine, vocabulary: &Vocabulary) {
    type Text = ImmutableString;
    let span = |range: &Range<INT>| {
        let start = range.start.max(0);
        (start, range.end.max(start) - start)
    };
    let whole_span = |range: &RangeInclusive<INT>| {
        let start = (*range.start()).max(0);
        (start, (*range.end()).max(start).min(INT::MAX - 1) - start + 1)
    };
    if vocabulary.has("sub_string") {
        let part = |text: Text, start: INT, length: INT| -> Text {
            let part = cut(&text, start, length);
            if part.len() == text.len() { text.clone() } else { part.into() }
        };
        engine
            .register_fn("sub_string", part)
            .register_fn("sub_string", move |text: Text, start: INT| part(text, start, INT::MAX))
            .register_fn("sub_string", move |text: Text, range: Range<INT>| {
                let (start, length) = span(&range);
                part(text, start, length)
            })
            .register_fn("sub_string", move |text: Text, range: RangeInclusive<INT>| {
                let (start, length) = whole_span(&range);
                part(text, start, length)
            });
    }
    if vocabulary.has("crop") {
        let crop = |text: &mut Text, start: INT, length: INT| {
            let part = cut(text, start, length);
            if part.len() < text.len() {
                *text = part.into();
            }
        };
        engine
            .register_fn("crop", crop)
            .register_fn("crop", move |text: &mut Text, start: INT| crop(text, start, INT::MAX))
            .register_fn("crop", move |text: &mut Text, range: Range<INT>| {
                let (start, length) = span(&range);
                crop(text, start, length);
            })
            .register_fn("crop", move |text: &mut Text, range: RangeInclusive<INT>| {
                let (start, length) = whole_span(&range);
                crop(text, start, length);
            });
    }
    if vocabulary.has("set") {
        engine.register_fn("set", set);
    }
    if vocabulary.has("index_of") {
        let index_of = |text: &str, find: &str, start: INT| -> INT {
            let from = byte_from(text, start).filter(|&from| from < text.len());
            let found = from.and_then(|from| Some(from + text[from..].find(find)?));
            let place = found.map(|found| text[..found].chars().count());
            place.and_then(|place| INT::try_from(place).ok()).unwrap_or(-1)
        };
        engine
            .register_fn("index_of", move |text: Text, find: Text, start: INT| {
                index_of(&text, &find, start)
            })
            .register_fn("index_of", move |text: Text, find: char, start: INT| {
                index_of(&text, find.encode_utf8(&mut [0; 4]), start)
            });
    }
}

/// Puts a character in the place of another, which the engine's own copies one by one.
fn set(text: &mut ImmutableString, index: INT, character: char) {
    let is_there = |back: usize| back <= text.chars().count();
    if index < 0 && !usize::try_from(index.unsigned_abs()).is_ok_and(is_there) {
        return;
    }
    let Some(at) = byte_from(text, index) else { return };
    if let Some(old) = text[at..].chars().next() {
        let rest = &text[at + old.len_utf8()..];
        let mut changed = String::with_capacity(text.len() + 4);
        changed.push_str(&text[..at]);
        changed.push(character);
        changed.push_str(rest);
        *text = changed.into();
    }
}

/// The same text in the other case.
fn in_case(text: &ImmutableString, is_upper: bool) -> Bounded<Option<ImmutableString>> {
    let is_done = match is_upper {
        true => text.chars().all(char::is_uppercase),
        false => text.chars().all(char::is_lowercase),
    };
    if is_done {
        return Ok(None);
    }
    room_for(text.len(), 2)?;
    // A sigma is written by its neighbours.
    if !is_upper && text.contains('Σ') {
        return Ok(Some(text.to_lowercase().into()));
    }
    let mut out = String::with_capacity(text.len());
    for part in bounds::parts(text) {
        let part = part?;
        out.push_str(&if is_upper { part.to_uppercase() } else { part.to_lowercase() });
    }
    Ok(Some(out.into()))
}

/// `to_upper`, `to_lower`, `make_upper` and `make_lower`.
fn letters(engine: &mut Engine, vocabulary: &Vocabulary) {
    type Text = ImmutableString;
    for (to, make, is_upper) in
        [("to_upper", "make_upper", true), ("to_lower", "make_lower", false)]
    {
        if vocabulary.has(to) {
            engine.register_fn(to, move |text: Text| -> Bounded<Text> {
                Ok(in_case(&text, is_upper)?.unwrap_or(text))
            });
        }
        if vocabulary.has(make) {
            engine.register_fn(make, move |text: &mut Text| -> Bounded<()> {
                if let Some(changed) = in_case(text, is_upper)? {
                    *text = changed;
                }
                Ok(())
            });
        }
    }
}

/// About how many bytes a copy of this value takes beyond its own slot.
pub(crate) fn heap_bytes(value: &Dynamic, depth: usize) -> usize {
    if depth > json::MAX_DEPTH {
        return 0;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(|item| DYNAMIC + heap_bytes(item, depth + 1)).sum();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().map(|item| 48 + heap_bytes(item, depth + 1)).sum();
    }
    value.read_lock::<Blob>().map_or(0, |blob| blob.len())
}

/// The characters of a string from some place on, found one by one as they are asked for.
#[derive(Debug, Clone)]
struct Characters {
    text: ImmutableString,
    next_byte: usize,
    left: usize,
}

impl Characters {
    /// At most `length` characters from the `start`th on; a negative start counts from the end.
    fn new(text: ImmutableString, start: INT, length: INT) -> Self {
        let skipped = match usize::try_from(start) {
            Ok(start) => start,
            Err(_) => {
                let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
                text.chars().count().saturating_sub(back)
            }
        };
        let next_byte = text.char_indices().nth(skipped).map_or(text.len(), |(byte, _)| byte);
        Self { text, next_byte, left: usize::try_from(length.max(0)).unwrap_or(usize::MAX) }
    }
}

impl Iterator for Characters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        self.left = self.left.checked_sub(1)?;
        let next = self.text[self.next_byte..].chars().next()?;
        self.next_byte += next.len_utf8();
        Some(next)
    }
}

/// `for c in text`, `text.chars(...)` and `text.to_chars()`.
fn characters(engine: &mut Engine) {
    type Text = ImmutableString;
    let all = |text: &mut Text| Characters::new(text.clone(), 0, INT::MAX);
    engine
        .register_global_module(iterable().into())
        .register_type_with_name::<Characters>("Characters")
        .register_get("chars", all)
        .register_fn("chars", all)
        .register_fn("chars", |text: &mut Text, start: INT| {
            Characters::new(text.clone(), start, INT::MAX)
        })
        .register_fn("chars", |text: &mut Text, start: INT, length: INT| {
            Characters::new(text.clone(), start, length)
        })
        .register_fn("chars", |text: &mut Text, range: Range<INT>| {
            let start = range.start.max(0);
            Characters::new(text.clone(), start, range.end.saturating_sub(start))
        })
        .register_fn("chars", |text: &mut Text, range: RangeInclusive<INT>| {
            let start = (*range.start()).max(0);
            let length = range.end().saturating_sub(start).saturating_add(1);
            Characters::new(text.clone(), start, length)
        })
        .register_fn("to_chars", |text: Text| -> Bounded<Array> {
            room_for(text.len(), DYNAMIC)?;
            values(text.chars().map(Dynamic::from))
        })
        .register_fn("to_array", |blob: &mut Blob| -> Bounded<Array> {
            room_for(blob.len(), DYNAMIC)?;
            values(blob.iter().map(|&byte| Dynamic::from(INT::from(byte))))
        });
}

/// What `for` goes through that is ours.
pub fn iterable() -> Module {
    let mut iterable = Module::new();
    iterable
        .set_iter(TypeId::of::<ImmutableString>(), |value| {
            let text = value.cast::<ImmutableString>();
            Box::new(Characters::new(text, 0, INT::MAX).map(Dynamic::from))
        })
        .set_iterator::<Characters>();
    loops::refuse_maps(&mut iterable);
    iterable.build_index();
    iterable
}

/// The text of a value. Arrays and maps may share one long string many times over.
fn texts(engine: &mut Engine) {
    for name in ["to_string", "print", "to_debug", "debug"] {
        FuncRegistration::new(name).with_purity(true).register_into_engine(
            engine,
            |context: NativeCallContext, array: &mut Array| match array_fits(array, 0, &mut room())
            {
                true => text_of(|out| write_array(&context, array, out, 0)),
                false => refused(),
            },
        );
        let is_message = matches!(name, "to_string" | "print");
        // The value itself tells whether it is an error that was caught.
        engine.register_raw_fn(
            name,
            [TypeId::of::<Map>()],
            move |context: NativeCallContext,
                  arguments: &mut [&mut Dynamic]|
                  -> Bounded<ImmutableString> {
                if let (true, Some(message)) = (is_message, caught::message_of(arguments[0])) {
                    return Ok(message);
                }
                let Some(mut map) = arguments[0].write_lock::<Map>() else {
                    return Ok(ImmutableString::new());
                };
                Ok(match map_fits(&map, 0, &mut room()) {
                    true => text_of(|out| write_map(&context, &mut map, out, 0)),
                    false => refused(),
                })
            },
        );
    }
    for name in ["to_string", "print", "to_debug", "debug"] {
        FuncRegistration::new(name).with_purity(true).register_into_engine(
            engine,
            |blob: &mut Blob| match take(&mut room(), blob.len() * BLOB_TEXT) {
                true => {
                    // Taken for a moment rather than copied.
                    let value = Dynamic::from_blob(std::mem::take(blob));
                    let text = text_of(|out| {
                        let _ = write!(out, "{value}");
                    });
                    *blob = value.into_blob().unwrap_or_default();
                    text
                }
                false => refused(),
            },
        );
    }
    for name in ["to_debug", "debug"] {
        engine.register_fn(name, |text: ImmutableString| {
            match take(&mut room(), quoted_bytes(&text)) {
                true => text_of(|out| push_quoted(out, &text)),
                false => refused(),
            }
        });
    }
}

/// What each byte of a blob takes as text, which moves as it grows and is copied when it is done.
const BLOB_TEXT: usize = 7;

/// The bytes that the script may still take.
fn room() -> usize {
    memory::limit().saturating_sub(memory::used())
}

fn text_of(write: impl FnOnce(&mut String)) -> ImmutableString {
    let mut text = String::new();
    write(&mut text);
    text.into()
}

/// Has the script stopped before it can look at the text: an error would not do, since the engine
/// answers one from here by writing the text itself.
fn refused() -> ImmutableString {
    if !bounds::is_late() {
        memory::refuse();
    }
    ImmutableString::new()
}

fn write_array(context: &NativeCallContext, array: &mut Array, out: &mut String, depth: usize) {
    out.push('[');
    for (index, item) in array.iter_mut().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        // The script is stopped before it can look at the text.
        if bounds::is_late() || index % 256 == 255 && bounds::in_time().is_err() {
            break;
        }
        write_item(context, item, out, depth + 1);
    }
    out.push(']');
}

fn write_map(context: &NativeCallContext, map: &mut Map, out: &mut String, depth: usize) {
    out.push_str("#{");
    for (index, (key, item)) in map.iter_mut().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if bounds::is_late() || index % 256 == 255 && bounds::in_time().is_err() {
            break;
        }
        push_quoted(out, key);
        out.push_str(": ");
        write_item(context, item, out, depth + 1);
    }
    out.push('}');
}

fn write_item(context: &NativeCallContext, item: &mut Dynamic, out: &mut String, depth: usize) {
    if depth > json::MAX_DEPTH {
        return out.push('…');
    }
    if let Some(mut array) = item.write_lock::<Array>() {
        return write_array(context, &mut array, out, depth);
    }
    if let Some(mut map) = item.write_lock::<Map>() {
        return write_map(context, &mut map, out, depth);
    }
    if let Ok(text) = item.as_immutable_string_ref() {
        return push_quoted(out, &text);
    }
    match context.call_native_fn_raw("to_debug", true, &mut [item]).map(Dynamic::into_string) {
        Ok(Ok(text)) => out.push_str(&text),
        _ => out.push_str(context.engine().map_type_name(item.type_name())),
    }
}

fn push_quoted(out: &mut String, text: &str) {
    let _ = write!(out, "{text:?}");
}

fn quoted_bytes(text: &str) -> usize {
    text.len() + 2 + text.bytes().filter(|byte| !(b' '..=b'~').contains(byte)).count() * 5
}

/// Takes what the text of a value takes at least from `room`, and looks no further once that is
/// gone: the same long string may stand in an array a million times.
fn fits(value: &Dynamic, depth: usize, room: &mut usize) -> bool {
    if depth > json::MAX_DEPTH {
        return true;
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array_fits(&array, depth, room);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map_fits(&map, depth, room);
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return take(room, blob.len() * BLOB_TEXT);
    }
    let Ok(text) = value.as_immutable_string_ref() else { return take(room, 8) };
    // Its bytes are looked through, again and again where it is there many times.
    bounds::step(text.len()).is_ok() && take(room, quoted_bytes(&text))
}

fn array_fits(array: &Array, depth: usize, room: &mut usize) -> bool {
    array
        .iter()
        .all(|item| bounds::step(SMALL).is_ok() && take(room, 2) && fits(item, depth + 1, room))
}

fn map_fits(map: &Map, depth: usize, room: &mut usize) -> bool {
    map.iter().all(|(key, item)| {
        bounds::step(SMALL).is_ok()
            && take(room, quoted_bytes(key) + 4)
            && fits(item, depth + 1, room)
    })
}

fn take(room: &mut usize, bytes: usize) -> bool {
    room.checked_sub(bytes).is_some_and(|left| {
        *room = left;
        true
    })
}
