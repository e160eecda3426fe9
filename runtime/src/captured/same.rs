//! Whether a value is still what it was when it was copied.

use rhai::{Array, Blob, Dynamic, FnPtr, Map};

/// Deeper values count as changed.
const DEEPEST: usize = 256;

/// Whether two values are the same throughout. What is not known to be the same is not.
pub fn are_same(one: &Dynamic, other: &Dynamic) -> bool {
    compare(one, other, DEEPEST)
}

fn compare(one: &Dynamic, other: &Dynamic, depth: usize) -> bool {
    if one.is_shared() || other.is_shared() {
        // The same cell; what is in it is looked at by itself.
        let address = |value: &Dynamic| {
            let inner = value.is_shared().then(|| value.read_lock::<Dynamic>()).flatten()?;
            Some(std::ptr::from_ref(&*inner))
        };
        return matches!((address(one), address(other)), (Some(one), Some(other)) if one == other);
    }
    if depth == 0 || one.type_id() != other.type_id() || one.tag() != other.tag() {
        return false;
    }
    let deeper = |(one, other): (&Dynamic, &Dynamic)| compare(one, other, depth - 1);
    if let (Ok(one), Ok(other)) = (one.as_int(), other.as_int()) {
        return one == other;
    }
    if let (Ok(one), Ok(other)) = (one.as_immutable_string_ref(), other.as_immutable_string_ref()) {
        // Copies of a text share it.
        return std::ptr::eq(one.as_str(), other.as_str()) || *one == *other;
    }
    if let (Some(one), Some(other)) = (one.read_lock::<Array>(), other.read_lock::<Array>()) {
        return one.len() == other.len() && one.iter().zip(&*other).all(deeper);
    }
    if let (Some(one), Some(other)) = (one.read_lock::<Map>(), other.read_lock::<Map>()) {
        return one.len() == other.len()
            && one.keys().eq(other.keys())
            && one.values().zip(other.values()).all(deeper);
    }
    if let (Some(one), Some(other)) = (one.read_lock::<FnPtr>(), other.read_lock::<FnPtr>()) {
        return one.fn_name() == other.fn_name()
            && one.curry().len() == other.curry().len()
            && one.iter_curry().zip(other.iter_curry()).all(deeper);
    }
    if let (Some(one), Some(other)) = (one.read_lock::<Blob>(), other.read_lock::<Blob>()) {
        return *one == *other;
    }
    if let (Ok(one), Ok(other)) = (one.as_float(), other.as_float()) {
        return one.to_bits() == other.to_bits();
    }
    if let (Ok(one), Ok(other)) = (one.as_bool(), other.as_bool()) {
        return one == other;
    }
    if let (Ok(one), Ok(other)) = (one.as_char(), other.as_char()) {
        return one == other;
    }
    one.is_unit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_until_something_in_it_is_changed() {
        let engine = rhai::Engine::new();
        let value: Dynamic = engine
            .eval("#{ a: [1, 2.5, true, 'x', \"text\", ()], b: #{ c: blob(3, 7), f: |x| x } }")
            .expect("it is a script");
        assert!(are_same(&value, &value.clone()));
        for change in [
            "value.a[0] = 2",
            "value.a[1] = -2.5",
            "value.a[2] = false",
            "value.a[3] = 'y'",
            "value.a[4] += \"s\"",
            "value.a[5] = 0",
            "value.a.push(1)",
            "value.b.c[1] = 0",
            "value.b.f = |x| x + 1",
            "value.d = ()",
            "value.remove(\"b\")",
        ] {
            let mut scope = rhai::Scope::new();
            scope.push_dynamic("value", value.clone());
            engine.run_with_scope(&mut scope, change).expect("it is a script");
            let changed = scope.get("value").expect("it is there");
            assert!(!are_same(&value, changed), "{change}");
        }
    }
}
