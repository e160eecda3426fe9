//! Values that grow bit by bit, asking for room before they move to a larger place.

use rhai::{Array, Dynamic, ImmutableString, Map};

use crate::bounds::{self, Bounded, room_for};

/// What one value or piece of text costs beside its bytes, in bytes that could be worked on.
const PIECE: usize = 64;

/// About what a map with a few entries takes.
pub(super) const MAP: usize = 640;

/// Puts a value into a map. It is not inlined, since it is much code for each of its many callers.
#[inline(never)]
pub(super) fn put(map: &mut Map, name: &str, value: Dynamic) {
    map.insert(name.into(), value);
}

/// Adds to the end of text.
pub(super) fn add(out: &mut String, text: &str) -> Bounded<()> {
    reserve(out, text.len())?;
    out.push_str(text);
    Ok(())
}

/// Has room for so many more bytes of text.
pub(super) fn reserve(out: &mut String, bytes: usize) -> Bounded<()> {
    bounds::step(PIECE + bytes)?;
    if out.capacity() - out.len() < bytes {
        room_for(out.len().saturating_add(bytes), 2)?;
        out.reserve(bytes);
    }
    Ok(())
}

/// Adds to the end of an array.
pub(super) fn push(array: &mut Array, item: Dynamic) -> Bounded<()> {
    bounds::step(PIECE)?;
    if array.len() == array.capacity() {
        room_for(array.len() + 4, 2 * size_of::<Dynamic>())?;
    }
    array.push(item);
    Ok(())
}

/// Text as a value.
pub(super) fn text(text: &str) -> Bounded<Dynamic> {
    bounds::step(PIECE + text.len())?;
    room_for(text.len() + 48, 1)?;
    Ok(ImmutableString::from(text).into())
}

/// Text that files, servers and clients wrote, without the byte order mark that some begin with.
pub(super) fn unmarked(text: &ImmutableString) -> ImmutableString {
    text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), ImmutableString::from)
}

/// Text, a char, a number or a bool as text; none for `()`; else the type of what it is.
pub(super) fn scalar(value: &Dynamic) -> Result<Option<ImmutableString>, &'static str> {
    if value.is_unit() {
        return Ok(None);
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Some(text.clone()));
    }
    let kind = value.type_name();
    if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return Ok(Some(value.to_string().into()));
    }
    Err(match () {
        () if kind == std::any::type_name::<Array>() => "array",
        () if kind == std::any::type_name::<Map>() => "map",
        () => kind,
    })
}
