//! A number that neither a 64-bit integer nor a 64-bit float can hold, kept as it was written.

use std::cmp::Ordering;
use std::fmt;

use rhai::{Dynamic, ImmutableString};

/// A JSON number kept as text, so that it goes out as it came in.
///
/// A script can pass it on, print it, compare it, and ask for `to_int()` or `to_float()`.
#[derive(Clone, Debug)]
pub struct ExactNumber(ImmutableString);

impl ExactNumber {
    /// The number as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as an integer, if it is whole and within 64 bits.
    #[must_use]
    pub fn to_int(&self) -> Option<i64> {
        let decimal = Decimal::parse(&self.0);
        if decimal.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(decimal.exponent).ok().filter(|&zeros| zeros < 20)?;
        let sign = if decimal.is_negative { "-" } else { "" };
        format!("{sign}{}{}", decimal.digits, "0".repeat(zeros)).parse().ok()
    }

    /// Whether the number has no fraction.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        Decimal::parse(&self.0).exponent >= 0
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

impl fmt::Display for ExactNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a JSON number token that is not a plain 64-bit integer.
pub(super) fn from_token(token: &str) -> Dynamic {
    let float: f64 = token.parse().unwrap_or(f64::INFINITY);
    if is_held_by(float, token) {
        Dynamic::from_float(float)
    } else {
        Dynamic::from(ExactNumber(token.into()))
    }
}

/// Whether the shortest decimal that reads back as `float` has the value of `token`.
fn is_held_by(float: f64, token: &str) -> bool {
    if !float.is_finite() {
        return false;
    }
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
    fn a_number_becomes_a_float_only_where_nothing_is_lost() {
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
            assert!(from_token(token).is_float(), "{token}");
        }
        for token in [
            "18446744073709551615",
            "9223372036854775808",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "3.14159265358979323846264338327950288",
            "1e400",
            "-1e400",
            "1e-400",
            "1e99999999999999999999",
            "9007199254740993.0",
            "0.1000000000000000055511151231257827",
        ] {
            assert!(from_token(token).is::<ExactNumber>(), "{token}");
        }
    }

    #[test]
    fn exact_numbers_compare_by_value() {
        let exact = |token: &str| ExactNumber(token.into());
        let big = exact("18446744073709551615");
        assert_eq!(big.compare(&Dynamic::from_int(i64::MAX)), Some(Ordering::Greater));
        assert_eq!(
            big.compare(&Dynamic::from(exact("1.8446744073709551615e19"))),
            Some(Ordering::Equal)
        );
        assert_eq!(exact("-1e400").compare(&Dynamic::from_float(f64::MIN)), Some(Ordering::Less));
        assert_eq!(exact("1e-400").compare(&Dynamic::from_int(0)), Some(Ordering::Greater));
        assert_eq!(big.compare(&Dynamic::from("text")), None);
    }

    #[test]
    fn a_whole_number_within_64_bits_can_be_had_as_an_integer() {
        let exact = |token: &str| ExactNumber(token.into()).to_int();
        assert_eq!(exact("9007199254740993.0"), Some(9_007_199_254_740_993));
        assert_eq!(exact("-9223372036854775808.0"), Some(i64::MIN));
        assert_eq!(exact("18446744073709551615"), None);
        assert_eq!(exact("0.10000000000000000555"), None);
    }
}
