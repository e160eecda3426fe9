//! Replacements for the engine's functions that make much out of little: one call of theirs could
//! take more memory than there is before anybody is asked.

use std::any::TypeId;
use std::fmt::Write;
use std::ops::{Range, RangeInclusive};

use rhai::{
    Array, Blob, Dynamic, Engine, FuncRegistration, INT, ImmutableString, Map, Module,
    NativeCallContext,
};

use crate::bounds::{Bounded, room_for};
use crate::vocabulary::Vocabulary;
use crate::{callbacks, json, memory};

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
    callbacks::register(engine, vocabulary);
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
            room_for(missing, DYNAMIC + heap_bytes(&item, 0))?;
            array.extend(std::iter::repeat_n(item, missing));
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
        let parts = if by.is_empty() { text.len() + 1 } else { text.matches(by).count() };
        room_for((parts + 1).min(most), PART)?;
        Ok(match from_end {
            false => text.splitn(most, by).map(text_value).collect(),
            true => text.rsplitn(most, by).map(text_value).collect(),
        })
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
        Ok(text.split_whitespace().map(text_value).collect())
    });
}

fn text_value(text: &str) -> Dynamic {
    ImmutableString::from(text).into()
}

fn pad_text(text: &mut ImmutableString, length: usize, with: &str) -> Bounded<()> {
    let have = text.chars().count();
    if length <= have || with.is_empty() {
        return Ok(());
    }
    room_for(length - have, with.len())?;
    let mut padded = String::from(text.as_str());
    padded.extend(with.chars().cycle().take(length - have));
    *text = padded.into();
    Ok(())
}

fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Bounded<()> {
    let found = text.matches(find).count();
    if with.len() > find.len() {
        room_for(found, with.len())?;
    }
    if found > 0 {
        *text = text.replace(find, with).into();
    }
    Ok(())
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
    let mut iterable = Module::new();
    iterable.set_iter(TypeId::of::<Text>(), |value| {
        Box::new(Characters::new(value.cast::<Text>(), 0, INT::MAX).map(Dynamic::from))
    });
    engine
        .register_global_module(iterable.into())
        .register_type_with_name::<Characters>("Characters")
        .register_iterator::<Characters>()
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
            Ok(text.chars().map(Dynamic::from).collect())
        })
        .register_fn("to_array", |blob: &mut Blob| -> Bounded<Array> {
            room_for(blob.len(), DYNAMIC)?;
            Ok(blob.iter().map(|&byte| Dynamic::from(INT::from(byte))).collect())
        });
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
        FuncRegistration::new(name).with_purity(true).register_into_engine(
            engine,
            |context: NativeCallContext, map: &mut Map| match map_fits(map, 0, &mut room()) {
                true => text_of(|out| write_map(&context, map, out, 0)),
                false => refused(),
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
    memory::refuse();
    ImmutableString::new()
}

fn write_array(context: &NativeCallContext, array: &mut Array, out: &mut String, depth: usize) {
    out.push('[');
    for (index, item) in array.iter_mut().enumerate() {
        if index > 0 {
            out.push_str(", ");
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
    take(room, value.as_immutable_string_ref().map_or(8, |text| quoted_bytes(&text)))
}

fn array_fits(array: &Array, depth: usize, room: &mut usize) -> bool {
    array.iter().all(|item| take(room, 2) && fits(item, depth + 1, room))
}

fn map_fits(map: &Map, depth: usize, room: &mut usize) -> bool {
    map.iter().all(|(key, item)| take(room, quoted_bytes(key) + 4) && fits(item, depth + 1, room))
}

fn take(room: &mut usize, bytes: usize) -> bool {
    room.checked_sub(bytes).is_some_and(|left| {
        *room = left;
        true
    })
}
