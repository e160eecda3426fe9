//! Numbers whose JSON text says more than a 64-bit integer or float holds.
//!
//! A number with a fraction or an exponent is the nearest float, whatever its digits: `29.949999999999999` is
//! 29.95. Passed on untouched it is written to the letter all the same. A value has a tag of 32 bits, which
//! goes wherever it is copied to; the tag of such a float tells how its text is found again. What a script
//! computes has no tag, and what it changes in place has one that fits no longer.
//!
//! A whole number beyond 64 bits is no float, which would round an id without a word. It is a
//! [`BigInteger`].

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};

/// A whole number beyond 64 bits, or one beyond the range of floats, kept as it was written.
///
/// A script can pass it on, print it, compare it, and ask for `to_float()`.
#[derive(Clone, Debug)]
pub struct BigInteger(ImmutableString);

impl BigInteger {
    /// The number as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest float; infinite where the number is out of its range.
    #[must_use]
    pub fn to_float(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// Compares by value with another number of any kind; `None` where the other is no number.
    #[must_use]
    pub fn compare(&self, other: &Dynamic) -> Option<Ordering> {
        let other = if let Ok(int) = other.as_int() {
            int.to_string()
        } else if let Ok(float) = other.as_float() {
            if !float.is_finite() {
                return 0.0.partial_cmp(&float);
            }
            format!("{float:e}")
        } else {
            other.read_lock::<Self>()?.0.to_string()
        };
        Some(Decimal::parse(&self.0).compare(&Decimal::parse(&other)))
    }
}

impl fmt::Display for BigInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a JSON number token that is not a plain 64-bit integer.
pub(super) fn from_token(token: &str) -> Dynamic {
    let is_whole = !token.contains(['.', 'e', 'E']);
    let float: f64 = token.parse().unwrap_or(f64::INFINITY);
    if is_whole && token != "-0" || !float.is_finite() {
        return Dynamic::from(BigInteger(token.into()));
    }
    let mut value = Dynamic::from_float(float);
    if !is_held_by(float, token) {
        value.set_tag(tag_of(float, token));
    }
    value
}

/// The text of a float that was read as JSON and is what it was then, where that says more than the float.
pub(super) fn text_of(value: &Dynamic) -> Option<String> {
    if value.is_shared() {
        return value.read_lock::<Dynamic>().and_then(|inner| text_of(&inner));
    }
    let (tag, float) = (value.tag(), value.as_float().ok()?);
    if tag < 0 {
        let index = usize::try_from(-(i64::from(tag) + 1)).ok()?;
        return TEXTS.with_borrow(|texts| {
            let (bits, text) = texts.all.get(index)?.as_ref()?;
            (*bits == float.to_bits()).then(|| text.to_string())
        });
    }
    // A script may have given it a tag of its own.
    let is_ours = tag & OURS != 0 && tag & CHECK == check(float);
    let digits = usize::try_from((tag >> CHECK_BITS) & MOST_DIGITS).ok().filter(|_| is_ours)?;
    let text = format!("{float:.digits$}");
    (text.parse() == Ok(float)).then_some(text)
}

/// A tag that is ours: what follows are how many digits are behind the point, and bits that tell whether the
/// float is still the same.
const OURS: i32 = 1 << 30;
const CHECK_BITS: u32 = 24;
const CHECK: i32 = (1 << CHECK_BITS) - 1;
const MOST_DIGITS: i32 = (1 << (30 - CHECK_BITS)) - 1;

/// A text that is longer is kept rather than made again.
const LONGEST_MADE: usize = 64;

fn check(float: f64) -> i32 {
    let mixed = float.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - CHECK_BITS);
    i32::try_from(mixed).unwrap_or_default()
}

fn tag_of(float: f64, token: &str) -> i32 {
    // Most of them are the float itself with more digits, as `%.17g` writes it.
    let digits = token.split_once('.').map(|(_, fraction)| fraction.len());
    if let Some(digits) = digits.filter(|_| token.len() <= LONGEST_MADE)
        && let Ok(count) = i32::try_from(digits)
        && count <= MOST_DIGITS
        && format!("{float:.digits$}") == token
    {
        return OURS | count << CHECK_BITS | check(float);
    }
    TEXTS.with_borrow_mut(|texts| texts.keep(float, token))
}

thread_local! {
    static TEXTS: RefCell<Texts> = const {
        RefCell::new(Texts { all: Vec::new(), free: Vec::new(), of_init: 0, look_at: 0 })
    };
}

/// With fewer texts it is not worth looking which are still of use.
const FEWEST_TO_LOOK: usize = 1024;

/// What is behind the tags of floats whose text cannot be made again.
struct Texts {
    all: Vec<Option<(u64, Box<str>)>>,
    free: Vec<usize>,
    /// Those that are kept for as long as the environment is.
    of_init: usize,
    /// With so many it is time to look.
    look_at: usize,
}

impl Texts {
    fn keep(&mut self, float: f64, token: &str) -> i32 {
        let entry = Some((float.to_bits(), token.into()));
        let index = match self.free.pop() {
            Some(index) => {
                self.all[index] = entry;
                index
            }
            None => {
                self.all.push(entry);
                self.all.len() - 1
            }
        };
        // More than there are tags for do not fit into any memory.
        i32::try_from(index).map_or(0, |index| -index - 1)
    }
}

/// Keeps the texts of numbers that were read up to now.
pub fn end_init() {
    TEXTS.with_borrow_mut(|texts| {
        texts.of_init = texts.all.len();
        texts.free.clear();
        texts.look_at = texts.of_init + FEWEST_TO_LOOK;
    });
}

/// Forgets the texts of numbers that are no longer in what is kept, which `show_kept` shows, if there are
/// many.
pub fn end_event(show_kept: impl FnOnce(&mut dyn FnMut(&Dynamic))) {
    let is_time = TEXTS.with_borrow(|texts| texts.all.len() - texts.free.len() >= texts.look_at);
    if !is_time {
        return;
    }
    let (mut used, mut seen) = (HashSet::new(), HashSet::new());
    let mut is_all = true;
    show_kept(&mut |value| is_all &= mark(value, super::MAX_DEPTH, &mut used, &mut seen));
    TEXTS.with_borrow_mut(|texts| {
        if is_all {
            for index in texts.of_init..texts.all.len() {
                if !used.contains(&index) && texts.all[index].take().is_some() {
                    texts.free.push(index);
                }
            }
            while texts.all.len() > texts.of_init && texts.all.last().is_some_and(Option::is_none) {
                texts.all.pop();
            }
            let length = texts.all.len();
            texts.free.retain(|index| *index < length);
            texts.all.shrink_to_fit();
            texts.free.shrink_to_fit();
        }
        texts.look_at = FEWEST_TO_LOOK.max(2 * (texts.all.len() - texts.free.len()));
    });
}

/// Notes the tags in a value that lead to a text; says whether all of it could be looked at.
fn mark(
    value: &Dynamic,
    depth: usize,
    used: &mut HashSet<usize>,
    seen: &mut HashSet<usize>,
) -> bool {
    if value.is_shared() {
        let Some(inner) = value.read_lock::<Dynamic>() else { return false };
        return !seen.insert(std::ptr::from_ref(&*inner) as usize)
            || depth > 0 && mark(&inner, depth - 1, used, seen);
    }
    if value.is_float() {
        if value.tag() < 0 {
            used.extend(usize::try_from(-(i64::from(value.tag()) + 1)));
        }
        return true;
    }
    let mut within = |item: &Dynamic| depth > 0 && mark(item, depth - 1, used, seen);
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().all(within);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().all(within);
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        return function.iter_curry().all(&mut within);
    }
    true
}

/// Whether the shortest decimal that reads back as `float` has the value of `token`.
fn is_held_by(float: f64, token: &str) -> bool {
    // Up to fifteen significant digits always survive within the normal range (IEEE 754).
    let mantissa = token.split(['e', 'E']).next().unwrap_or(token);
    if mantissa.len() <= 15 && float.abs() >= f64::MIN_POSITIVE {
        return true;
    }
    let (exact, shortest) = (Decimal::parse(token), Decimal::parse(&format!("{float:e}")));
    exact == shortest
}

/// A decimal taken apart: `0.digits` without outer zeros, times ten to some power.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Significant digits without zeros at either end; empty for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    fn parse(token: &str) -> Self {
        let (is_negative, rest) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token),
        };
        let (mantissa, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let negative_power = power.starts_with('-');
        // A power beyond 64 bits is as good as the largest one.
        let limit = if negative_power { i64::MIN / 2 } else { i64::MAX / 2 };
        let power: i64 = power
            .trim_start_matches('+')
            .parse::<i64>()
            .map_or(limit, |power| power.clamp(i64::MIN / 2, i64::MAX / 2));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let without_end = all.trim_end_matches('0');
        let exponent = power - fraction.len() as i64 + (all.len() - without_end.len()) as i64;
        let digits = without_end.trim_start_matches('0').to_owned();
        let is_zero = digits.is_empty();
        Self {
            // Zero keeps its sign, so that -0 is not taken for 0.
            is_negative,
            digits,
            exponent: if is_zero { 0 } else { exponent },
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) if other.is_negative => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if self.is_negative => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        match (self.is_negative, other.is_negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) => other.compare_size(self),
            (false, false) => self.compare_size(other),
        }
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        let magnitude = |decimal: &Self| decimal.digits.len() as i64 + decimal.exponent;
        magnitude(self).cmp(&magnitude(other)).then_with(|| self.digits.cmp(&other.digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_fraction_or_an_exponent_is_a_float_and_keeps_its_text() {
        for token in [
            "1.0",
            "0.1",
            "-0",
            "-0.0",
            "1e3",
            "1E+3",
            "2.50",
            "1e22",
            "1.7976931348623157e308",
            "5e-324",
            "0e999",
            "0.30000000000000004",
            "123456.789",
        ] {
            let value = from_token(token);
            assert!(value.is_float() && value.tag() == 0 && text_of(&value).is_none(), "{token}");
        }
        for token in [
            "29.949999999999999",
            "-29.949999999999999",
            "0.1000000000000000055511151231257827",
            "3.14159265358979323846264338327950288",
            "1e-400",
            "-1E-400",
            "9007199254740993.0",
            "1.8446744073709551615e19",
            "0.10000000000000000",
            "123456789012345678901234567890.5",
        ] {
            let value = from_token(token);
            assert_eq!(value.as_float().ok(), token.parse().ok(), "{token}");
            let text = text_of(&value.clone()).unwrap_or_else(|| value.to_string());
            assert!(text == token || token == "0.10000000000000000", "{token}: {text}");
            assert_eq!(text_of(&value.into_shared()).is_some(), token != "0.10000000000000000");
        }
        for token in [
            "18446744073709551615",
            "9223372036854775808",
            "-9223372036854775809",
            "100000000000000000000",
            "123456789012345678901234567890",
            "1e400",
            "-1e400",
            "1e99999999999999999999",
        ] {
            assert!(from_token(token).is::<BigInteger>(), "{token}");
        }
    }

    #[test]
    fn a_float_that_was_changed_has_no_text() {
        for token in ["29.949999999999999", "3.14159265358979323846264338327950288"] {
            let mut value = from_token(token);
            *value.write_lock::<f64>().unwrap() += 1.0;
            assert_ne!(value.tag(), 0);
            assert_eq!(text_of(&value), None);
        }
        for tag in [1, 5, -1, i32::MAX, i32::MIN, OURS, OURS | 1 << CHECK_BITS] {
            let mut value = Dynamic::from_float(0.25);
            value.set_tag(tag);
            assert_eq!(text_of(&value), None, "{tag}");
        }
    }

    #[test]
    fn texts_are_forgotten_but_for_those_of_what_is_kept() {
        const TOKEN: &str = "3.14159265358979323846264338327950288";
        let count = || TEXTS.with_borrow(|texts| texts.all.len() - texts.free.len());
        end_init();
        let before = count();
        let kept = Dynamic::from_array(vec![from_token(TOKEN).into_shared()]);
        for _ in 0..2 * FEWEST_TO_LOOK {
            drop(from_token(TOKEN));
        }
        end_event(|see| see(&kept));
        assert_eq!(count(), before + 1);
        assert_eq!(text_of(&kept.read_lock::<Array>().unwrap()[0]).as_deref(), Some(TOKEN));
        let another = from_token("0.1000000000000000055511151231257826");
        assert_eq!(text_of(&another).as_deref(), Some("0.1000000000000000055511151231257826"));
    }

    #[test]
    fn big_integers_compare_by_value() {
        let big = |token: &str| BigInteger(token.into());
        let number = big("18446744073709551615");
        assert_eq!(number.compare(&Dynamic::from_int(i64::MAX)), Some(Ordering::Greater));
        assert_eq!(
            number.compare(&Dynamic::from(big("1.8446744073709551615e19"))),
            Some(Ordering::Equal)
        );
        assert_eq!(big("-1e400").compare(&Dynamic::from_float(f64::MIN)), Some(Ordering::Less));
        assert_eq!(number.compare(&Dynamic::from_float(2f64.powi(64))), Some(Ordering::Less));
        assert_eq!(number.compare(&Dynamic::from("text")), None);
    }
}
