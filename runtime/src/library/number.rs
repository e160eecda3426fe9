//! Numbers: rounded, written, read from text, compared and divided.

use std::cmp::Ordering;

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, Engine, FLOAT, FnPtr, INT, ImmutableString, Map};

use super::native::exported;
use super::{Fallible, Part, collections};
use crate::bounds::Pace;
use crate::effects::Failure;
use crate::json::BigInteger;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part {
    words: &[
        "round",
        "floor",
        "ceil",
        "ceiling",
        "sqrt",
        "to_fixed",
        "to_grouped",
        "to_int",
        "to_float",
        "parse_int",
        "parse_float",
        "divide",
        "clamp",
        "min",
        "max",
        "is_number",
        "is_int",
        "is_string",
        "is_bool",
        "is_array",
        "is_map",
        "is_blob",
    ],
    register,
};

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(methods).register_globally("Number.Invalid", engine, vocabulary);
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The number, rounded to so many digits after the decimal point; half of one is rounded away from
    /// zero. Digits are those that the number is shown with, so that 1.005 is rounded up. Below 0, they
    /// are those before the point.
    ///
    /// ```rhai
    /// 3.14159.round(2); // => 3.14
    /// 1.005.round(2); // => 1.01
    /// (-2.5).round(0); // => -3.0
    /// 1250.round(-2); // => 1300
    /// "7".round(2); // => error: round: a string is no number
    /// ```
    #[rhai_fn(return_raw)]
    pub fn round(number: Dynamic, digits: INT) -> Fallible<Dynamic> {
        super::round(&number, digits)
    }

    /// The whole number itself, as there is nothing to be rounded.
    ///
    /// ```rhai
    /// 7.round(); // => 7
    /// ```
    #[rhai_fn(name = "round")]
    pub fn round_whole(number: INT) -> INT {
        number
    }

    /// The whole number itself.
    ///
    /// ```rhai
    /// 7.floor(); // => 7
    /// ```
    #[rhai_fn(name = "floor")]
    pub fn floor_whole(number: INT) -> INT {
        number
    }

    /// The whole number itself.
    ///
    /// ```rhai
    /// 7.ceiling(); // => 7
    /// ```
    #[rhai_fn(name = "ceiling", name = "ceil")]
    pub fn ceiling_whole(number: INT) -> INT {
        number
    }

    /// The next whole number that is not smaller, as `ceiling` gives it.
    ///
    /// ```rhai
    /// 1.2.ceil(); // => 2.0
    /// ```
    pub fn ceil(number: FLOAT) -> FLOAT {
        number.ceil()
    }

    /// The square root of a whole number.
    ///
    /// ```rhai
    /// sqrt(16); // => 4.0
    /// ```
    #[rhai_fn(name = "sqrt")]
    pub fn sqrt_whole(number: INT) -> FLOAT {
        (number as FLOAT).sqrt()
    }

    /// The number as text with exactly so many digits after the decimal point, rounded as `round` does.
    ///
    /// ```rhai
    /// 3.7.to_fixed(2); // => "3.70"
    /// 2.to_fixed(1); // => "2.0"
    /// (-0.001).to_fixed(2); // => "0.00"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn to_fixed(number: Dynamic, digits: INT) -> Fallible<ImmutableString> {
        super::fixed("to_fixed", &number, digits).map(Into::into)
    }

    /// The number as text with a comma between thousands.
    ///
    /// ```rhai
    /// 1234567.to_grouped(); // => "1,234,567"
    /// (-1234.5).to_grouped(); // => "-1,234.5"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn to_grouped(number: Dynamic) -> Fallible<ImmutableString> {
        super::grouped(&number, None, ",", ".")
    }

    /// The same with exactly so many digits after the decimal point, as for an amount of money.
    ///
    /// ```rhai
    /// 1234.5.to_grouped(2); // => "1,234.50"
    /// let cents = 123456;
    /// cents.divide(100).to_grouped(2); // => "1,234.56"
    /// ```
    #[rhai_fn(name = "to_grouped", return_raw)]
    pub fn to_grouped_fixed(number: Dynamic, digits: INT) -> Fallible<ImmutableString> {
        super::grouped(&number, Some(digits), ",", ".")
    }

    /// The same with this between thousands, and this as the decimal point.
    ///
    /// ```rhai
    /// 1234567.5.to_grouped(2, ".", ","); // => "1.234.567,50"
    /// 9876.to_grouped(0, " ", ","); // => "9 876"
    /// ```
    #[rhai_fn(name = "to_grouped", return_raw)]
    pub fn to_grouped_with(
        number: Dynamic,
        digits: INT,
        between: &str,
        point: &str,
    ) -> Fallible<ImmutableString> {
        super::grouped(&number, Some(digits), between, point)
    }

    /// The whole number that the text is, white space around it apart.
    ///
    /// ```rhai
    /// " 42 ".to_int(); // => 42
    /// "4.2".to_int(); // => error: `4.2` is no whole number within 64 bits
    /// ```
    #[rhai_fn(name = "to_int", return_raw)]
    pub fn text_to_int(text: &str) -> Fallible<INT> {
        whole_in(text).ok_or_else(|| super::unread(text, "whole number within 64 bits"))
    }

    /// The value as a whole number, if it is a number or text that is one; this for all else, such as a
    /// field that is missing. Decimals lose what is behind the point.
    ///
    /// ```rhai
    /// let query = #{ page: "3", most: "all" };
    /// query.page.to_int(1); // => 3
    /// query.most.to_int(100); // => 100
    /// query.offset.to_int(0); // => 0
    /// 7.9.to_int(0); // => 7
    /// ```
    #[rhai_fn(name = "to_int")]
    pub fn to_int_or(value: Dynamic, default: Dynamic) -> Dynamic {
        super::to_int(&value).map_or(default, Dynamic::from_int)
    }

    /// The number that the text is, white space around it apart.
    ///
    /// ```rhai
    /// " 1.5".to_float(); // => 1.5
    /// "1,5".to_float(); // => error: `1,5` is no number
    /// ```
    #[rhai_fn(name = "to_float", return_raw)]
    pub fn text_to_float(text: &str) -> Fallible<FLOAT> {
        decimal_in(text).ok_or_else(|| super::unread(text, "number"))
    }

    /// The value as a decimal number, if it is a number or text that is one; this for all else.
    ///
    /// ```rhai
    /// "2.5".to_float(0.0); // => 2.5
    /// ().to_float(0.0); // => 0.0
    /// ```
    #[rhai_fn(name = "to_float")]
    pub fn to_float_or(value: Dynamic, default: Dynamic) -> Dynamic {
        super::to_float(&value).map_or(default, Dynamic::from_float)
    }

    /// The whole number that the text is in a base from 2 to 36; the default where it is none, or where
    /// there is no text. In base 10, `to_int(default)` does the same.
    ///
    /// ```rhai
    /// parse_int("ff", 16, 0); // => 255
    /// parse_int("many", 10, 0); // => 0
    /// parse_int((), 10, -1); // => -1
    /// ```
    #[rhai_fn(name = "parse_int", return_raw)]
    pub fn parse_int_or(text: Dynamic, base: INT, default: Dynamic) -> Fallible<Dynamic> {
        let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
        let base = base.ok_or_else(|| invalid("parse_int: a base is from 2 to 36".to_owned()))?;
        let number = super::text_of("parse_int", &text)?
            .and_then(|text| INT::from_str_radix(text.trim(), base).ok());
        Ok(number.map_or(default, Dynamic::from_int))
    }

    /// The number that the text is; the default where it is none, or where there is no text.
    ///
    /// ```rhai
    /// parse_float("2.5", 0.0); // => 2.5
    /// parse_float("a lot", 0.0); // => 0.0
    /// parse_float((), ()); // => ()
    /// ```
    #[rhai_fn(name = "parse_float", return_raw)]
    pub fn parse_float_or(text: Dynamic, default: Dynamic) -> Fallible<Dynamic> {
        let number = super::text_of("parse_float", &text)?.and_then(|text| decimal_in(&text));
        Ok(number.map_or(default, Dynamic::from_float))
    }

    /// One number divided by another, with its decimals; `/` between whole numbers drops them.
    ///
    /// ```rhai
    /// 7.divide(2); // => 3.5
    /// 6.divide(3); // => 2.0
    /// 1.divide(0); // => error: divide: 1 cannot be divided by zero
    /// ```
    #[rhai_fn(return_raw)]
    pub fn divide(number: Dynamic, by: Dynamic) -> Fallible<FLOAT> {
        super::divide(&number, &by)
    }

    /// The same, rounded to so many digits after the decimal point.
    ///
    /// ```rhai
    /// 2.divide(3, 2); // => 0.67
    /// ```
    #[rhai_fn(name = "divide", return_raw)]
    pub fn divide_rounded(number: Dynamic, by: Dynamic, digits: INT) -> Fallible<Dynamic> {
        super::round(&super::divide(&number, &by)?.into(), digits)
    }

    /// The number, or the nearest that lies between the lowest and the highest.
    ///
    /// ```rhai
    /// 120.clamp(1, 100); // => 100
    /// 0.5.clamp(0, 1); // => 0.5
    /// 1.clamp(3, 2); // => error: clamp: 3, the lowest, is above 2, the highest
    /// ```
    #[rhai_fn(return_raw)]
    pub fn clamp(number: Dynamic, lowest: Dynamic, highest: Dynamic) -> Fallible<Dynamic> {
        super::clamp(number, lowest, highest)
    }

    /// The smallest of three numbers or texts; `[a, b, c, ...].min()` is that of any many.
    ///
    /// ```rhai
    /// min(3, 1.5, 2); // => 1.5
    /// ```
    #[rhai_fn(name = "min", return_raw)]
    pub fn min_of_three(a: Dynamic, b: Dynamic, c: Dynamic) -> Fallible<Dynamic> {
        extreme("min", &[a, b, c], Ordering::Less)
    }

    /// The smallest of four.
    ///
    /// ```rhai
    /// min(3, 1, 2, 5); // => 1
    /// ```
    #[rhai_fn(name = "min", return_raw)]
    pub fn min_of_four(a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic) -> Fallible<Dynamic> {
        extreme("min", &[a, b, c, d], Ordering::Less)
    }

    /// The largest of three numbers or texts; `[a, b, c, ...].max()` is that of any many.
    ///
    /// ```rhai
    /// max("a", "c", "b"); // => "c"
    /// max(1, "b", 2); // => error: max: item 1 is a string, which does not compare with the int of item 0
    /// ```
    #[rhai_fn(name = "max", return_raw)]
    pub fn max_of_three(a: Dynamic, b: Dynamic, c: Dynamic) -> Fallible<Dynamic> {
        extreme("max", &[a, b, c], Ordering::Greater)
    }

    /// The largest of four.
    ///
    /// ```rhai
    /// max(3, 1, 7.5, 5); // => 7.5
    /// ```
    #[rhai_fn(name = "max", return_raw)]
    pub fn max_of_four(a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic) -> Fallible<Dynamic> {
        extreme("max", &[a, b, c, d], Ordering::Greater)
    }

    /// The smallest number or text of the array, the first of several; `()` of an empty one.
    ///
    /// ```rhai
    /// [3, 1.5, 2].min(); // => 1.5
    /// [].min(); // => ()
    /// ```
    #[rhai_fn(name = "min", pure, return_raw)]
    pub fn min_of_array(array: &mut Array) -> Fallible<Dynamic> {
        extreme("min", array, Ordering::Less)
    }

    /// The largest number or text of the array, the first of several; `()` of an empty one.
    ///
    /// ```rhai
    /// [3, 1, 2].max(); // => 3
    /// ```
    #[rhai_fn(name = "max", pure, return_raw)]
    pub fn max_of_array(array: &mut Array) -> Fallible<Dynamic> {
        extreme("max", array, Ordering::Greater)
    }

    /// Whether the value is a number of any kind.
    ///
    /// ```rhai
    /// [1, 1.5, "1", ()].map(|it| is_number(it)); // => [true, true, false, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_number(value: &mut Dynamic) -> bool {
        value.is_int() || value.is_float() || value.is::<BigInteger>()
    }

    /// Whether the value is a whole number within 64 bits; `1.0` is a decimal.
    ///
    /// ```rhai
    /// [is_int(1), is_int(1.0)]; // => [true, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_int(value: &mut Dynamic) -> bool {
        value.is_int()
    }

    /// Whether the value is text.
    ///
    /// ```rhai
    /// [is_string("a"), is_string('a')]; // => [true, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_string(value: &mut Dynamic) -> bool {
        value.is_string()
    }

    /// Whether the value is `true` or `false`.
    ///
    /// ```rhai
    /// [is_bool(false), is_bool(0)]; // => [true, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_bool(value: &mut Dynamic) -> bool {
        value.is_bool()
    }

    /// Whether the value is an array.
    ///
    /// ```rhai
    /// [is_array([]), is_array("")]; // => [true, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_array(value: &mut Dynamic) -> bool {
        value.is::<Array>()
    }

    /// Whether the value is a map.
    ///
    /// ```rhai
    /// [is_map(#{}), is_map([])]; // => [true, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_map(value: &mut Dynamic) -> bool {
        value.is::<Map>()
    }

    /// Whether the value is a blob.
    ///
    /// ```rhai
    /// [is_blob(blob()), is_blob("")]; // => [true, false]
    /// ```
    #[rhai_fn(pure)]
    pub fn is_blob(value: &mut Dynamic) -> bool {
        value.is::<Blob>()
    }
}

/// More digits than anybody writes.
const MOST_DIGITS: INT = 100;

fn invalid(message: String) -> Failure {
    Failure::new("Number.Invalid", message)
}

/// What a value is, as a script's author knows it.
pub(super) fn kind_of(value: &Dynamic) -> &'static str {
    match value {
        _ if value.is_unit() => "`()`",
        _ if value.is_string() => "a string",
        _ if value.is_int() => "an int",
        _ if value.is_float() => "a float",
        _ if value.is_bool() => "a bool",
        _ if value.is_char() => "a char",
        _ if value.is::<BigInteger>() => "a number",
        _ if value.is::<Array>() => "an array",
        _ if value.is::<Map>() => "a map",
        _ if value.is::<Blob>() => "a blob",
        _ if value.is::<FnPtr>() => "a function",
        _ => "a value of another kind",
    }
}

/// The start of a text that an error shows.
fn unread(text: &str, what: &str) -> Box<rhai::EvalAltResult> {
    let shown: String = text.chars().take(40).collect();
    invalid(format!("`{shown}` is no {what}")).into()
}

fn whole_in(text: &str) -> Option<INT> {
    text.trim().parse().ok()
}

/// A finite number: the words that stand for others are none in any event.
fn decimal_in(text: &str) -> Option<FLOAT> {
    text.trim().parse().ok().filter(|number: &FLOAT| number.is_finite())
}

/// The text, if there is one.
fn text_of(what: &str, value: &Dynamic) -> Fallible<Option<ImmutableString>> {
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(Some(text.clone())),
        Err(_) if value.is_unit() => Ok(None),
        Err(_) => Err(invalid(format!("{what}: {} is no text", kind_of(value))).into()),
    }
}

fn to_int(value: &Dynamic) -> Option<INT> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return whole_in(&text);
    }
    /// The first float beyond all whole numbers of 64 bits.
    const BEYOND: FLOAT = 9_223_372_036_854_775_808.0;
    let within = |float: &FLOAT| (-BEYOND..BEYOND).contains(float);
    value.as_int().ok().or_else(|| value.as_float().ok().filter(within).map(|it| it as INT))
}

fn to_float(value: &Dynamic) -> Option<FLOAT> {
    match value.as_immutable_string_ref() {
        Ok(text) => decimal_in(&text),
        Err(_) => float_of(value),
    }
}

/// Any number as a float.
pub(super) fn float_of(value: &Dynamic) -> Option<FLOAT> {
    if let Some(exact) = value.read_lock::<BigInteger>() {
        return Some(exact.to_float());
    }
    value.as_float().ok().or_else(|| value.as_int().ok().map(|whole| whole as FLOAT))
}

fn needed(what: &str, value: &Dynamic) -> Fallible<FLOAT> {
    float_of(value)
        .ok_or_else(|| invalid(format!("{what}: {} is no number", kind_of(value))).into())
}

/// A decimal number: its digits, and how many of them stand behind the point.
struct Decimal {
    is_negative: bool,
    digits: String,
    behind: INT,
}

impl Decimal {
    /// The digits that the number is shown with.
    fn of(what: &str, number: &Dynamic) -> Fallible<Self> {
        if let Ok(whole) = number.as_int() {
            let digits = whole.unsigned_abs().to_string();
            return Ok(Self { is_negative: whole < 0, digits, behind: 0 });
        }
        let float = needed(what, number)?;
        if !float.is_finite() {
            return Err(invalid(format!("{what}: {float} has no digits")).into());
        }
        let text = format!("{:e}", float.abs());
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Ok(Self {
            is_negative: float < 0.0,
            digits: format!("{before}{after}"),
            behind: after.len() as INT - power.parse::<INT>().unwrap_or_default(),
        })
    }

    /// Rounded to at most so many digits behind the point, half of one away from zero.
    fn rounded(mut self, behind: INT) -> Self {
        let dropped = self.behind.saturating_sub(behind);
        if dropped <= 0 {
            return self;
        }
        let kept = (self.digits.len() as INT - dropped).max(-1);
        let rounds_up = usize::try_from(kept)
            .is_ok_and(|kept| self.digits.as_bytes().get(kept).is_some_and(|digit| *digit >= b'5'));
        self.digits.truncate(usize::try_from(kept).unwrap_or_default());
        self.behind = behind;
        if rounds_up {
            let nines = self.digits.len() - self.digits.trim_end_matches('9').len();
            self.digits.truncate(self.digits.len() - nines);
            match self.digits.pop() {
                Some(digit) => self.digits.push((digit as u8 + 1) as char),
                None => self.digits.push('1'),
            }
            self.digits.push_str(&"0".repeat(nines));
        }
        self
    }

    /// With exactly so many digits behind the point, and at least one before it: these two.
    fn parts(&self, behind: usize) -> (String, String) {
        let missing = (behind as INT - self.behind).max(0) as usize;
        let mut digits = format!("{}{}", self.digits, "0".repeat(missing));
        if digits.len() <= behind {
            digits.insert_str(0, &"0".repeat(behind + 1 - digits.len()));
        }
        let after = digits.split_off(digits.len() - behind);
        let before = digits.trim_start_matches('0');
        (if before.is_empty() { "0".to_owned() } else { before.to_owned() }, after)
    }

    fn is_zero(&self) -> bool {
        self.digits.bytes().all(|digit| digit == b'0')
    }
}

fn round(number: &Dynamic, digits: INT) -> Fallible<Dynamic> {
    if let Some(float) = number.as_float().ok().filter(|float| !float.is_finite()) {
        return Ok(float.into());
    }
    let rounded = Decimal::of("round", number)?.rounded(digits);
    if rounded.is_zero() {
        return Ok(if number.is_int() { Dynamic::from_int(0) } else { Dynamic::from_float(0.0) });
    }
    if number.is_int() && digits >= 0 {
        return Ok(number.clone());
    }
    let sign = if rounded.is_negative { "-" } else { "" };
    if number.is_int() {
        // Digits before the point became zeros.
        let zeros = "0".repeat(usize::try_from(-rounded.behind).unwrap_or_default());
        let text = format!("{sign}{}{zeros}", rounded.digits);
        let whole: Option<INT> = text.parse().ok();
        let whole = whole.ok_or_else(|| invalid(format!("round: {text} is beyond 64 bits")))?;
        return Ok(whole.into());
    }
    let text = format!("{sign}{}e{}", rounded.digits, -rounded.behind);
    Ok(text.parse::<FLOAT>().unwrap_or_default().into())
}

/// The sign, what is before the point, and what is behind it.
fn split(
    what: &str,
    number: &Dynamic,
    digits: Option<INT>,
) -> Fallible<(&'static str, String, String)> {
    let decimal = Decimal::of(what, number)?;
    let behind = digits.unwrap_or(decimal.behind.max(0));
    let allowed = 0..=if digits.is_some() { MOST_DIGITS } else { INT::MAX };
    if !allowed.contains(&behind) {
        let message = format!("{what}: {behind} digits behind the point, which can have 0 to 100");
        return Err(invalid(message).into());
    }
    let rounded = decimal.rounded(behind);
    let sign = if rounded.is_negative && !rounded.is_zero() { "-" } else { "" };
    let (before, after) = rounded.parts(usize::try_from(behind).unwrap_or_default());
    Ok((sign, before, after))
}

fn fixed(what: &str, number: &Dynamic, digits: INT) -> Fallible<String> {
    let (sign, before, after) = split(what, number, Some(digits))?;
    let point = if after.is_empty() { "" } else { "." };
    Ok(format!("{sign}{before}{point}{after}"))
}

fn grouped(
    number: &Dynamic,
    digits: Option<INT>,
    between: &str,
    point: &str,
) -> Fallible<ImmutableString> {
    let (sign, before, after) = split("to_grouped", number, digits)?;
    let mut out = String::from(sign);
    for (index, digit) in before.char_indices() {
        if index > 0 && (before.len() - index) % 3 == 0 {
            out.push_str(between);
        }
        out.push(digit);
    }
    if !after.is_empty() {
        out.push_str(point);
        out.push_str(&after);
    }
    Ok(out.into())
}

fn divide(number: &Dynamic, by: &Dynamic) -> Fallible<FLOAT> {
    let (number, by) = (needed("divide", number)?, needed("divide", by)?);
    if by == 0.0 {
        return Err(invalid(format!("divide: {number} cannot be divided by zero")).into());
    }
    Ok(number / by)
}

fn clamp(number: Dynamic, lowest: Dynamic, highest: Dynamic) -> Fallible<Dynamic> {
    let value = needed("clamp", &number)?;
    let (low, high) = (needed("clamp", &lowest)?, needed("clamp", &highest)?);
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Err(invalid("clamp: NaN is neither above nor below a number".to_owned()).into());
    }
    let is = |one: &Dynamic, other: &Dynamic, order: Ordering| -> Fallible<bool> {
        Ok(collections::compare(one, other, &mut Pace::default())? == Some(order))
    };
    if is(&lowest, &highest, Ordering::Greater)? {
        let message = format!("clamp: {lowest}, the lowest, is above {highest}, the highest");
        return Err(invalid(message).into());
    }
    if is(&number, &lowest, Ordering::Less)? {
        return Ok(lowest);
    }
    Ok(if is(&number, &highest, Ordering::Greater)? { highest } else { number })
}

/// The first of the smallest or of the largest.
fn extreme(what: &str, items: &[Dynamic], wanted: Ordering) -> Fallible<Dynamic> {
    let Some(mut best) = items.first() else { return Ok(Dynamic::UNIT) };
    let mut pace = Pace::default();
    for (index, item) in items.iter().enumerate() {
        pace.step(64)?;
        // The first is compared with itself: it may have no order at all.
        match collections::compare(item, best, &mut pace)? {
            Some(order) if order == wanted => best = item,
            Some(_) => {}
            None => {
                let of = items.first().map_or("", kind_of);
                let (of, kind) = (of.split(' ').next_back().unwrap_or(of), kind_of(item));
                let is_nan = float_of(item).is_some_and(FLOAT::is_nan);
                let message = match is_nan {
                    true => format!("{what}: item {index} is NaN, which is no number"),
                    false if index == 0 => format!("{what}: item 0 is {kind}, which has no order"),
                    false => format!(
                        "{what}: item {index} is {kind}, which does not compare with the {of} of item 0"
                    ),
                };
                return Err(invalid(message).into());
            }
        }
    }
    collections::copy(best)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives};

    #[test]
    fn rounding_goes_by_the_digits_that_are_shown() {
        gives("[2.675.round(2), 1.005.round(2), -1.005.round(2)]", "[2.68,1.01,-1.01]");
        gives("[0.5.round(0), 1.5.round(0), 2.5.round(0)]", "[1.0,2.0,3.0]");
        gives(
            "[99.995.round(2), 9.99.round(1), 0.05.round(1), 0.04.round(1)]",
            "[100.0,10.0,0.1,0.0]",
        );
        gives("[1e300.round(2), 1e-300.round(2), 1.5.round(400)]", "[1e300,0.0,1.5]");
        gives(
            "[1234.5.round(-2), 1250.round(-2), 49.round(-2), 50.round(-2)]",
            "[1200.0,1300,0,100]",
        );
        gives("[7.round(3), (-1250).round(-2), 7.round(-400), 5.round(-1)]", "[7,-1300,0,10]");
        gives(
            "[9223372036854775807.round(5), 1.5.round(9223372036854775807)]",
            "[9223372036854775807,1.5]",
        );
        gives("[1.5.round(-9223372036854775807 - 1), (0.0/0.0).round(2).is_nan()]", "[0.0,true]");
        gives("(1.0/0.0).round(2).is_infinite()", "true");
        fails("9223372036854775807.round(-1)", "beyond 64 bits");
        fails("().round(2)", "round: `()` is no number");
    }

    #[test]
    fn fixed_and_grouped_digits() {
        gives(
            "[0.to_fixed(2), 1e21.to_fixed(1), 1e-7.to_fixed(3), 0.1.to_fixed(20), 12.to_fixed(0)]",
            r#"["0.00","1000000000000000000000.0","0.000","0.10000000000000000000","12"]"#,
        );
        gives(
            "[1e21.to_grouped(), 100.to_grouped(), 1000.to_grouped(), 0.000001.to_grouped(), (-999999.999).to_grouped(2)]",
            r#"["1,000,000,000,000,000,000,000","100","1,000","0.000001","-1,000,000.00"]"#,
        );
        gives(
            "(-9223372036854775807 - 1).to_grouped(1, \"\", \"·\")",
            "\"-9223372036854775808·0\"",
        );
        fails("1.to_fixed(-1)", "0 to 100");
        fails("1.to_fixed(101)", "0 to 100");
        fails("(0.0/0.0).to_fixed(2)", "NaN has no digits");
        fails("\"7\".to_grouped()", "a string is no number");
    }

    #[test]
    fn numbers_are_read_or_there_is_a_default() {
        gives(
            "[\"+7\".to_int(), \"-7\".to_int(0), \"\".to_int(1), \"1e3\".to_int(2)]",
            "[7,-7,1,2]",
        );
        gives(
            "[\"9223372036854775808\".to_int(3), 1e300.to_int(4), true.to_int(5), [].to_int(())]",
            "[3,4,5,null]",
        );
        gives(
            "[\"inf\".to_float(1), \"nan\".to_float(2), \"1e3\".to_float(), 3.to_float(0)]",
            "[1,2,1000.0,3.0]",
        );
        gives(
            "[parse_json(\"18446744073709551616\").to_int(0), parse_json(\"1.0000000000000000001\").to_float(0)]",
            "[0,1.0]",
        );
        gives(
            "[parse_int(\"12\"), parse_int(\"12\", 8), parse_int(\"9\", 8, -1), parse_float(\"x\", 1)]",
            "[12,10,-1,1]",
        );
        fails("parse_int([], 10, 0)", "parse_int: an array is no text");
        fails("parse_int(\"1\", 1, 0)", "from 2 to 36");
        fails("\"\".to_float()", "is no number");
    }

    #[test]
    fn divisions_and_bounds() {
        gives(
            "[7.divide(2.0), (-7).divide(2), 1.divide(8, 2), 10.divide(4, 0)]",
            "[3.5,-3.5,0.13,3.0]",
        );
        fails("1.divide(0.0)", "divided by zero");
        fails("1.divide(())", "divide: `()` is no number");
        gives(
            "[5.clamp(1, 3), 5.5.clamp(1, 9), (-1).clamp(0.5, 2), 2.clamp(2, 2)]",
            "[3,5.5,0.5,2]",
        );
        fails("(0.0/0.0).clamp(1, 2)", "NaN");
        fails("\"a\".clamp(1, 2)", "a string is no number");
    }

    #[test]
    fn the_smallest_and_the_largest() {
        gives("[min(2, 1, 3), max(2, 1.5, 3), min(4, 3, 2, 1), max(1, 2)]", "[1,3,1,2]");
        gives("[[2, 1.0].min(), [\"b\", \"a\"].max(), [].max(), [7].min()]", r#"[1.0,"b",null,7]"#);
        gives("[[1, 1.0].min(), [1.0, 1].max()]", "[1,1.0]");
        fails("[1, 0.0/0.0].max()", "item 1 is NaN");
        fails("[0.0/0.0].max()", "item 0 is NaN");
        fails("[()].min()", "item 0 is `()`, which has no order");
        fails(
            "[\"a\", ()].min()",
            "item 1 is `()`, which does not compare with the string of item 0",
        );
    }
}
