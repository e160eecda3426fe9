//! Numbers of all kinds, in the one order that they have.
//!
//! JSON makes no difference between 9 and 9.0, so that what sorts, searches or sums takes integers, floats and
//! whole numbers beyond 64 bits together. They are compared by value: an integer that no float holds is
//! neither rounded to one nor the other way round.

use std::cmp::Ordering;

use rhai::Dynamic;

use crate::json::BigInteger;

/// Whether a value is a number of some kind.
#[must_use]
pub fn is_number(value: &Dynamic) -> bool {
    value.is_int() || value.is_float() || value.is::<BigInteger>()
}

/// Compares two numbers by value; `None` where one of them is none. What is not a number among floats comes
/// behind all others.
#[must_use]
pub fn order(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return Some(left.cmp(&right));
    }
    match (left.as_float(), right.as_float()) {
        (Ok(left), Ok(right)) => {
            return Some(left.partial_cmp(&right).unwrap_or(left.is_nan().cmp(&right.is_nan())));
        }
        (Ok(left), _) => {
            if let Ok(right) = right.as_int() {
                return Some(with_float(right, left).reverse());
            }
        }
        (_, Ok(right)) => {
            if let Ok(left) = left.as_int() {
                return Some(with_float(left, right));
            }
        }
        _ => {}
    }
    let is_nan = |value: &Dynamic| value.as_float().is_ok_and(f64::is_nan);
    if let Some(big) = left.read_lock::<BigInteger>() {
        return if is_nan(right) { Some(Ordering::Less) } else { big.compare(right) };
    }
    let big = right.read_lock::<BigInteger>()?;
    if is_nan(left) { Some(Ordering::Greater) } else { big.compare(left).map(Ordering::reverse) }
}

/// Compares an integer with a float by value.
fn with_float(int: i64, float: f64) -> Ordering {
    /// The first float that is beyond all integers of 64 bits.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() || float >= BEYOND {
        return Ordering::Less;
    }
    if float < -BEYOND {
        return Ordering::Greater;
    }
    let rest = float.fract();
    int.cmp(&(float as i64)).then(0.0.partial_cmp(&rest).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    #[test]
    fn numbers_of_all_kinds_have_one_order() {
        let ascending: Vec<Dynamic> = [
            "-1e400",
            "-9223372036854775809",
            "-9223372036854775808",
            "-2.5",
            "-2",
            "-1.5",
            "0",
            "0.5",
            "9007199254740992.0",
            "9007199254740993",
            "9007199254740994.0",
            "9223372036854775807",
            "9223372036854775808.0",
            "9223372036854775809",
            "18446744073709551615",
            "18446744073709551616.0",
            "1e300",
            "1e400",
        ]
        .map(|text| read(text.as_bytes()).expect("JSON"))
        .into_iter()
        .chain([Dynamic::from_float(f64::INFINITY), Dynamic::from_float(f64::NAN)])
        .collect();
        for (at, left) in ascending.iter().enumerate() {
            for (to, right) in ascending.iter().enumerate() {
                assert_eq!(order(left, right), Some(at.cmp(&to)), "{left} {right}");
            }
        }
        assert_eq!(order(&2.into(), &Dynamic::from_float(2.0)), Some(Ordering::Equal));
        assert_eq!(order(&2.into(), &"2".into()), None);
        assert_eq!(order(&"2".into(), &Dynamic::from_float(2.0)), None);
    }
}
