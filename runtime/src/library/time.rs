//! The module `time`: moments, calendars and time zones.

use rhai::plugin::*;
use rhai::{Dynamic, Engine, INT, ImmutableString, Map};

use super::native::exported;
use super::{Fallible, Part};
use crate::effects::{Failure, world};
use crate::time::{self, Time};
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["time"], register };

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("time", "Time.Invalid", engine, vocabulary);
    engine.register_type_with_name::<Time>("Time");
    exported!(methods).register_globally("Time.Invalid", engine, vocabulary);
}

fn invalid(message: String) -> Failure {
    Failure::new("Time.Invalid", message)
}

fn quoted(what: &str, text: &str, why: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("`{shown}` is no {what}: {why}")
}

fn now_ms() -> INT {
    let since = world().now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    INT::try_from(since.as_millis()).unwrap_or(INT::MAX)
}

/// A length of time: text, or a map of units.
fn span(length: &Dynamic) -> Result<jiff::Span, Failure> {
    if let Some(units) = length.read_lock::<Map>() {
        let mut counts = Vec::with_capacity(units.len());
        for (unit, count) in units.iter() {
            let count = count.as_int().map_err(|kind| {
                invalid(format!("`{unit}` of a duration is a whole number, not {kind}"))
            })?;
            counts.push((unit.as_str(), count));
        }
        return time::span_of_units(counts.into_iter()).map_err(invalid);
    }
    match length.as_immutable_string_ref() {
        Ok(text) => time::span_of_text(&text)
            .map_err(|why| invalid(quoted("duration such as `1h 30m`", &text, &why))),
        Err(kind) => {
            Err(invalid(format!("a duration is text or a map such as #{{ days: 2 }}, not {kind}")))
        }
    }
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    type Text = ImmutableString;

    /// The present moment, in UTC.
    ///
    /// A time prints, and goes out in JSON, as RFC 3339. Times are compared by `<` and `==`, and
    /// their difference by `-` is in milliseconds.
    ///
    /// ```rhai
    /// time::now() >= time::parse("2024-01-01"); // => true
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn now() -> Fallible<Time> {
        Ok(Time::from_ms(now_ms()).map_err(invalid)?)
    }

    /// The present moment in a time zone: an IANA name or an offset.
    ///
    /// ```rhai
    /// time::now("Europe/Berlin").zone; // => "Europe/Berlin"
    /// ```
    #[rhai_fn(name = "now", volatile, return_raw)]
    pub fn now_in(zone: Text) -> Fallible<Time> {
        Ok(Time::from_ms(now_ms()).and_then(|now| now.in_zone(&zone)).map_err(invalid)?)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// ```rhai
    /// time::now_ms() > 1_700_000_000_000; // => true
    /// ```
    #[rhai_fn(volatile)]
    pub fn now_ms() -> INT {
        super::now_ms()
    }

    /// The moment so many milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// ```rhai
    /// time::from_ms(1_700_000_000_000).to_string(); // => "2023-11-14T22:13:20Z"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn from_ms(ms: INT) -> Fallible<Time> {
        Ok(Time::from_ms(ms).map_err(invalid)?)
    }

    /// Reads a time: RFC 3339, an ISO 8601 date, also one of a week or of the year, or the date of a
    /// mail or of HTTP in any of its forms. Without a zone it is in UTC. What is no time is an error
    /// of type `Time.Invalid`.
    ///
    /// ```rhai
    /// time::parse("2026-11-23T15:30:00+01:00").epoch_ms; // => 1795444200000
    /// time::parse("2026-11-23").hour; // => 0
    /// time::parse("Sun, 06 Nov 1994 08:49:37 GMT").to_string(); // => "1994-11-06T08:49:37Z"
    /// time::parse("1994-W44-7").to_string(); // => "1994-11-06T00:00:00Z"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse(text: Text) -> Fallible<Time> {
        Ok(Time::parse(&text).map_err(|why| invalid(quoted("time", &text, &why)))?)
    }

    /// Reads a time by a pattern of strptime. Without a zone it is in UTC.
    ///
    /// ```rhai
    /// time::parse("23.11.2026 15:30", "%d.%m.%Y %H:%M").to_string(); // => "2026-11-23T15:30:00Z"
    /// ```
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_by(text: Text, pattern: Text) -> Fallible<Time> {
        let time = Time::parse_by(&text, &pattern, "UTC");
        Ok(time.map_err(|why| invalid(quoted("time", &text, &why)))?)
    }

    /// Reads a time by a pattern of strptime. Without a zone of its own it is in this one.
    ///
    /// ```rhai
    /// time::parse("2026-07-01", "%F", "Europe/Berlin").to_string(); // => "2026-07-01T00:00:00+02:00"
    /// ```
    #[rhai_fn(name = "parse", return_raw)]
    pub fn parse_in(text: Text, pattern: Text, zone: Text) -> Fallible<Time> {
        let time = Time::parse_by(&text, &pattern, &zone);
        Ok(time.map_err(|why| invalid(quoted("time", &text, &why)))?)
    }

    /// The milliseconds of a duration: text, or a map of weeks, days, hours, minutes, seconds and
    /// ms. A day has 24 hours here.
    ///
    /// ```rhai
    /// time::duration("1h 30m"); // => 5400000
    /// time::duration("P1DT12H"); // => 129600000
    /// time::duration(#{ minutes: 2, ms: 500 }); // => 120500
    /// ```
    #[rhai_fn(return_raw)]
    pub fn duration(length: Dynamic) -> Fallible<INT> {
        Ok(span(&length).and_then(|span| time::span_ms(span).map_err(invalid))?)
    }

    /// Milliseconds as text for people.
    ///
    /// ```rhai
    /// time::describe(5_430_000); // => "1h 30m 30s"
    /// ```
    pub fn describe(ms: INT) -> String {
        time::ms_text(ms)
    }
}

#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod methods {
    /// The text by a pattern of strftime.
    ///
    /// ```rhai
    /// time::parse("2026-11-23T15:30:00Z").format("%A, %d %B %Y"); // => "Monday, 23 November 2026"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn format(time: &mut Time, pattern: ImmutableString) -> Fallible<String> {
        Ok(time.format(&pattern).map_err(|why| invalid(quoted("pattern", &pattern, &why)))?)
    }

    /// The same moment in another time zone: an IANA name or an offset.
    ///
    /// ```rhai
    /// time::parse("2026-07-01T12:00:00Z").in_zone("Asia/Tokyo").hour; // => 21
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn in_zone(time: &mut Time, zone: ImmutableString) -> Fallible<Time> {
        Ok(time.in_zone(&zone).map_err(invalid)?)
    }

    /// The time a duration later: text, or a map of years, months, weeks, days, hours, minutes,
    /// seconds and ms. Days and longer units follow the calendar of the time's zone.
    ///
    /// ```rhai
    /// time::parse("2026-01-31").add("1 month").to_string(); // => "2026-02-28T00:00:00Z"
    /// time::parse("2026-01-31").add(#{ days: 1, hours: 2 }).day; // => 1
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn add(time: &mut Time, length: Dynamic) -> Fallible<Time> {
        Ok(span(&length).and_then(|span| time.plus(span).map_err(invalid))?)
    }

    /// The time a duration earlier.
    ///
    /// ```rhai
    /// time::parse("2026-03-01").subtract("1 day").day; // => 28
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn subtract(time: &mut Time, length: Dynamic) -> Fallible<Time> {
        Ok(span(&length).and_then(|span| time.plus(span.negate()).map_err(invalid))?)
    }

    /// The first moment of the `minute`, `hour`, `day`, `week` (from Monday), `month` or `year`.
    ///
    /// ```rhai
    /// time::parse("2026-11-25T15:30:00Z").start_of("week").to_string(); // => "2026-11-23T00:00:00Z"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn start_of(time: &mut Time, unit: ImmutableString) -> Fallible<Time> {
        Ok(time.start_of(&unit).map_err(invalid)?)
    }

    /// `year`, `month`, `day`, `hour`, `minute`, `second`, `millisecond`, `weekday` (Monday is 1),
    /// `day_of_year`, `zone`, `offset_seconds`, `epoch_ms` or `epoch_s`.
    ///
    /// ```rhai
    /// let t = time::parse("2026-11-23T15:30:00+01:00");
    /// [t.year, t.weekday, t.hour, t.zone]; // => [2026, 1, 15, "+01"]
    /// ```
    #[rhai_fn(index_get, pure, return_raw)]
    pub fn part(time: &mut Time, name: ImmutableString) -> Fallible<Dynamic> {
        match (name.as_str(), time.part(&name)) {
            (_, Some(number)) => Ok(number.into()),
            ("zone", None) => Ok(time.zone().into()),
            _ => Err(Box::new(EvalAltResult::ErrorPropertyNotFound(
                format!("`{name}` of a time"),
                Position::NONE,
            ))),
        }
    }

    /// RFC 3339.
    ///
    /// ```rhai
    /// "at " + time::from_ms(0); // => "at 1970-01-01T00:00:00Z"
    /// ```
    #[rhai_fn(name = "to_string", name = "print", name = "to_debug", name = "debug", pure)]
    pub fn to_string(time: &mut Time) -> String {
        time.to_string()
    }

    /// The milliseconds from the second time to the first.
    ///
    /// ```rhai
    /// time::parse("2026-01-02") - time::parse("2026-01-01"); // => 86400000
    /// ```
    #[rhai_fn(name = "-")]
    pub fn minus(left: Time, right: Time) -> INT {
        left.epoch_ms() - right.epoch_ms()
    }

    /// Whether both are the same moment, in whatever zones.
    ///
    /// ```rhai
    /// time::parse("2026-01-01T01:00:00+01:00") == time::parse("2026-01-01"); // => true
    /// ```
    #[rhai_fn(name = "==")]
    pub fn equals(left: Time, right: Time) -> bool {
        left == right
    }

    /// Whether they are different moments.
    ///
    /// ```rhai
    /// time::from_ms(0) != time::from_ms(1); // => true
    /// ```
    #[rhai_fn(name = "!=")]
    pub fn differs(left: Time, right: Time) -> bool {
        left != right
    }

    /// Whether the first is earlier.
    ///
    /// ```rhai
    /// time::from_ms(0) < time::from_ms(1); // => true
    /// ```
    #[rhai_fn(name = "<")]
    pub fn is_before(left: Time, right: Time) -> bool {
        left < right
    }

    /// Whether the first is not later.
    ///
    /// ```rhai
    /// time::from_ms(0) <= time::from_ms(0); // => true
    /// ```
    #[rhai_fn(name = "<=")]
    pub fn is_not_after(left: Time, right: Time) -> bool {
        left <= right
    }

    /// Whether the first is later.
    ///
    /// ```rhai
    /// time::from_ms(0) > time::from_ms(1); // => false
    /// ```
    #[rhai_fn(name = ">")]
    pub fn is_after(left: Time, right: Time) -> bool {
        left > right
    }

    /// Whether the first is not earlier.
    ///
    /// ```rhai
    /// time::from_ms(1) >= time::from_ms(0); // => true
    /// ```
    #[rhai_fn(name = ">=")]
    pub fn is_not_before(left: Time, right: Time) -> bool {
        left >= right
    }
}
