//! Items of DynamoDB: JSON that names the type of each value, and plain maps.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Blob, Dynamic, EvalAltResult, ImmutableString, Map};

use super::plain::{Notes, decoded, malformed};
use crate::bounds::room_for;
use crate::json::{self, BigInteger};
use crate::library::{Fallible, collections, grow};
use crate::time::Time;

/// The plain map of an item.
pub(in crate::library) fn item_to_plain(item: &Dynamic) -> Fallible<Map> {
    let map = item
        .read_lock::<Map>()
        .ok_or_else(|| format!("an item is a map of typed values, not {}", item.type_name()))?;
    map_to_plain(&map, 0)
}

/// The same where a value that cannot be read stays as it came, and is noted.
pub(super) fn item_to_plain_noting(item: &Dynamic, notes: &mut Notes) -> Fallible<Dynamic> {
    let Some(map) = item.read_lock::<Map>() else {
        return notes.or(item_to_plain(item).map(Dynamic::from_map), || collections::copy(item));
    };
    room_for(map.len(), grow::MAP / 4)?;
    let mut plain = Map::new();
    for (name, value) in map.iter() {
        let read = to_plain(value, 0);
        let value = notes.within(name, |notes| notes.or(read, || collections::copy(value)))?;
        grow::put(&mut plain, name, value);
    }
    Ok(plain.into())
}

fn map_to_plain(map: &Map, depth: usize) -> Fallible<Map> {
    room_for(map.len(), grow::MAP / 4)?;
    let mut plain = Map::new();
    for (name, value) in map {
        let value = to_plain(value, depth).map_err(|error| within(name, *error))?;
        grow::put(&mut plain, name, value);
    }
    Ok(plain)
}

/// Says in which value something is wrong.
fn within(name: &str, error: EvalAltResult) -> Box<EvalAltResult> {
    match error {
        EvalAltResult::ErrorRuntime(why, _) if why.is_string() => {
            let why = why.into_string().unwrap_or_default();
            let joint = if why.starts_with('`') { "." } else { ": " };
            let (name, why) = match joint {
                "." => (format!("`{name}"), why[1..].to_owned()),
                _ => (format!("`{name}`"), why),
            };
            format!("{name}{joint}{why}").into()
        }
        other => other.into(),
    }
}

fn to_plain(value: &Dynamic, depth: usize) -> Fallible<Dynamic> {
    let typed = value.read_lock::<Map>().filter(|map| map.len() == 1);
    let one = typed.as_ref().and_then(|map| map.iter().next());
    let Some((kind, value)) = one else {
        return Err("a typed value is a map with one entry, such as {\"S\": \"text\"}".into());
    };
    if depth >= json::MAX_DEPTH {
        return Err("nested too deeply".into());
    }
    let wrong = || format!("what `{kind}` has is of type {}", value.type_name()).into();
    let kind = kind.as_str();
    match kind {
        "S" | "N" | "B" => scalar(kind, value),
        "BOOL" if value.is_bool() => Ok(value.clone()),
        "NULL" => Ok(Dynamic::UNIT),
        "M" => match value.read_lock::<Map>() {
            Some(map) => Ok(map_to_plain(&map, depth + 1)?.into()),
            None => Err(wrong()),
        },
        "L" | "SS" | "NS" | "BS" => {
            let array = value.read_lock::<Array>().ok_or_else(wrong)?;
            room_for(array.len(), size_of::<Dynamic>())?;
            let item = |item: &Dynamic| match kind {
                "L" => to_plain(item, depth + 1),
                kind => scalar(&kind[..1], item),
            };
            Ok(Dynamic::from_array(array.iter().map(item).collect::<Fallible<_>>()?))
        }
        "BOOL" => Err(wrong()),
        other => Err(format!(
            "DynamoDB has no type `{other}`; there are S, N, B, BOOL, NULL, M, L, SS, NS and BS"
        )
        .into()),
    }
}

fn scalar(kind: &str, value: &Dynamic) -> Fallible<Dynamic> {
    // The SDKs give binary values as bytes.
    if kind == "B" && value.is_blob() {
        return collections::copy(value);
    }
    let text = value
        .as_immutable_string_ref()
        .map_err(|found| format!("what `{kind}` has is of type {found}, not text"))?;
    match kind {
        "N" => number(&text).ok_or_else(|| "what `N` has is no number".into()),
        "B" => decoded(&text).map(Dynamic::from_blob),
        _ => Ok(text.clone().into()),
    }
}

/// A number as exact as one of JSON.
pub(super) fn number(text: &str) -> Option<Dynamic> {
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    is_number.then(|| json::read(text.as_bytes()).ok()).flatten()
}

/// The typed item of a plain map; the arrays under these names become sets.
pub(in crate::library) fn plain_to_item(plain: &Map, sets: &Array) -> Fallible<Map> {
    for name in sets {
        let name = name.as_immutable_string_ref();
        let name = name.map_err(|kind| format!("the name of a set is text, not {kind}"))?;
        if !plain.get(name.as_str()).is_some_and(Dynamic::is_array) {
            return Err(
                malformed(format!("`{}` is to be a set, but is no array", name.as_str())).into()
            );
        }
    }
    let is_set = |name: &str| {
        sets.iter().any(|set| set.as_immutable_string_ref().is_ok_and(|set| set.as_str() == name))
    };
    let mut item = Map::new();
    room_for(plain.len(), grow::MAP)?;
    for (name, value) in plain {
        let typed = match value.read_lock::<Array>() {
            Some(array) if is_set(name) => set(&array),
            _ => to_typed(value, 0),
        };
        grow::put(&mut item, name, typed.map_err(|error| within(name, *error))?);
    }
    Ok(item)
}

fn typed(kind: &str, value: impl Into<Dynamic>) -> Dynamic {
    let mut map = Map::new();
    grow::put(&mut map, kind, value.into());
    map.into()
}

pub(in crate::library) fn to_typed(value: &Dynamic, depth: usize) -> Fallible<Dynamic> {
    if depth >= json::MAX_DEPTH {
        return Err("nested too deeply".into());
    }
    if let Some(array) = value.read_lock::<Array>() {
        room_for(array.len(), grow::MAP)?;
        let items = array.iter().map(|item| to_typed(item, depth + 1));
        return Ok(typed("L", Dynamic::from_array(items.collect::<Fallible<_>>()?)));
    }
    if let Some(map) = value.read_lock::<Map>() {
        room_for(map.len(), grow::MAP)?;
        let mut inner = Map::new();
        for (name, value) in map.iter() {
            let value = to_typed(value, depth + 1).map_err(|error| within(name, *error))?;
            grow::put(&mut inner, name, value);
        }
        return Ok(typed("M", Dynamic::from_map(inner)));
    }
    if let Ok(is) = value.as_bool() {
        return Ok(typed("BOOL", is));
    }
    if value.is_unit() {
        return Ok(typed("NULL", true));
    }
    let (kind, value) = typed_scalar(value)?;
    Ok(typed(kind, value))
}

/// What a number, text or a blob is in an item.
fn typed_scalar(value: &Dynamic) -> Fallible<(&'static str, ImmutableString)> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(("S", text.clone()));
    }
    if let Some(bytes) = value.read_lock::<Blob>() {
        room_for(bytes.len() / 3 + 1, 4)?;
        return Ok(("B", BASE64_STANDARD.encode(&*bytes).into()));
    }
    if value.is_char() {
        return Ok(("S", value.to_string().into()));
    }
    if let Some(time) = value.read_lock::<Time>() {
        return Ok(("S", time.to_string().into()));
    }
    if value.is_int() || value.is_float() || value.is::<BigInteger>() {
        let mut text = Vec::new();
        json::write(value, &mut text).map_err(|error| error.to_string())?;
        return Ok(("N", String::from_utf8_lossy(&text).into_owned().into()));
    }
    Err(format!("DynamoDB has no type for a value of type {}", value.type_name()).into())
}

fn set(array: &Array) -> Fallible<Dynamic> {
    room_for(array.len(), size_of::<Dynamic>() + 32)?;
    let items = array.iter().map(typed_scalar).collect::<Fallible<Vec<_>>>()?;
    let kind = match items.first() {
        Some((kind, _)) if items.iter().all(|(other, _)| other == kind) => *kind,
        Some(_) => return Err("a set holds text, numbers or blobs, but only one of these".into()),
        None => return Err("DynamoDB has no empty sets; leave it out".into()),
    };
    let items: Array = items.into_iter().map(|(_, item)| item.into()).collect();
    let kind = match kind {
        "S" => "SS",
        "N" => "NS",
        _ => "BS",
    };
    Ok(typed(kind, Dynamic::from_array(items)))
}

#[cfg(test)]
mod tests {
    use crate::library::probe::{fails, gives};

    #[test]
    fn what_an_item_holds_goes_to_plain_values_and_back() {
        let item = r#"{
            "id": {"N": "7"}, "price": {"N": "9.5"}, "name": {"S": "Ann"}, "raw": {"B": "AP8="},
            "big": {"N": "123456789012345678901234567890.12345678"}, "paid": {"BOOL": true},
            "note": {"NULL": true}, "lines": {"L": [{"S": "a"}, {"N": "2"}, {"M": {}}]},
            "address": {"M": {"city": {"S": "Graz"}}},
            "S": {"S": "x"}, "tags": {"SS": ["x", "y"]}, "sizes": {"NS": ["1", "2.5"]},
            "keys": {"BS": ["AA==", "AQ=="]}
        }"#;
        let script = format!(
            "let plain = events::from_dynamodb(json::parse(`{item}`));
            events::to_dynamodb(plain, [\"tags\", \"sizes\", \"keys\"])"
        );
        gives(&script, item);
    }

    #[test]
    fn values_of_an_item_have_the_types_of_scripts() {
        let script = r#"let plain = events::from_dynamodb(#{ i: #{ N: "-12" }, f: #{ N: "1E+2" },
            b: #{ B: "AP8=" }, bs: #{ BS: ["AA=="] }, exact: #{ N: "0.1234567890123456789" },
            n: #{ NULL: true } });
            [plain.i, type_of(plain.i), type_of(plain.f), plain.f, plain.b.to_array(),
             type_of(plain.bs[0]), plain.exact.to_string(), plain.n]"#;
        gives(
            script,
            r#"[-12, "i64", "f64", 100.0, [0, 255], "blob", "0.1234567890123456789", null]"#,
        );
    }

    #[test]
    fn what_is_no_item_is_refused_with_its_place() {
        fails("events::from_dynamodb(#{ a: 1 })", "`a`: a typed value is a map with one entry");
        fails("events::from_dynamodb(#{ a: #{ X: 1 } })", "`a`: DynamoDB has no type `X`");
        fails("events::from_dynamodb(#{ a: #{ N: \"x\" } })", "`a`: what `N` has is no number");
        fails(
            "events::from_dynamodb(#{ a: #{ M: #{ b: #{ B: \"!\" } } } })",
            "`a.b`: this is not base64",
        );
        fails("events::to_dynamodb(#{ a: 1 }, [\"b\"])", "`b` is to be a set, but is no array");
        fails("events::to_dynamodb(#{ a: [1, \"x\"] }, [\"a\"])", "but only one of these");
        fails("events::to_dynamodb(#{ a: [[1]] }, [\"a\"])", "no type for a value of type array");
        fails("events::to_dynamodb(#{ a: #{ b: timestamp() } })", "`a.b`: DynamoDB has no type");
    }
}
