//! A moment and the time zone it is seen in: what `time::now()` gives a script.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{Date, DateTime, ISOWeekDate, Weekday};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::fmt::{friendly, rfc2822};
use jiff::tz::{Offset, TimeZone};
use jiff::{RoundMode, SignedDuration, Span, SpanRelativeTo, Timestamp, Unit, Zoned, ZonedRound};

/// More than any time, pattern or duration takes.
const LONGEST: usize = 1024;

fn not_too_long(text: &str) -> Result<(), String> {
    match text.len() <= LONGEST {
        true => Ok(()),
        false => Err(format!("it has more than {LONGEST} bytes")),
    }
}

/// A moment in a time zone. Two of them are equal if they are the same moment.
#[derive(Clone)]
pub struct Time(Zoned);

/// The units that a time begins anew with, and their lengths in durations.
pub const UNITS: [&str; 8] =
    ["years", "months", "weeks", "days", "hours", "minutes", "seconds", "ms"];

impl Time {
    /// The moment so many milliseconds after the epoch, in UTC.
    ///
    /// # Errors
    /// For moments beyond the years -9999 and 9999.
    pub fn from_ms(ms: i64) -> Result<Self, String> {
        let moment = Timestamp::from_millisecond(ms).map_err(said)?;
        Ok(Self(moment.to_zoned(TimeZone::UTC)))
    }

    /// Reads RFC 3339, RFC 9557, ISO 8601 dates (of the calendar, of the week, of the year), and the
    /// dates of mail and HTTP in all their forms. What says neither zone nor offset is in UTC.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        not_too_long(text)?;
        let text = text.trim();
        let of_mail = rfc2822::parse(text);
        if let Ok(moment) = of_mail {
            return Ok(Self(match moment.offset() {
                Offset::UTC => moment.with_time_zone(TimeZone::UTC),
                _ => moment,
            }));
        }
        if let Some(moment) = old_http_date(text) {
            return Self::at(moment, TimeZone::UTC);
        }
        let calendar = calendar_date(text);
        let text = calendar.as_deref().unwrap_or(text);
        let pieces = Pieces::parse(text).map_err(|error| {
            // A text that begins with the name of a day is no date of ISO 8601.
            match text.starts_with(|first: char| first.is_ascii_alphabetic()) {
                true => "it is written as 2026-01-31T12:00:00Z, 2026-01-31, or Sat, 31 Jan 2026 12:00:00 \
                         GMT, and in any other form with a pattern"
                    .to_owned(),
                false => said(error),
            }
        })?;
        if pieces.time_zone_annotation().is_some() {
            return DateTimeParser::new().parse_zoned(text).map(Self).map_err(said);
        }
        let time = pieces.time().unwrap_or_default();
        let zone = match pieces.to_numeric_offset() {
            Some(offset) => fixed(offset),
            None => TimeZone::UTC,
        };
        Self::at(DateTime::from_parts(pieces.date(), time), zone)
    }

    /// Reads a text by a pattern of strptime(3). What says neither zone nor offset is in this zone.
    ///
    /// # Errors
    /// What is wrong with the text or the pattern.
    pub fn parse_by(text: &str, pattern: &str, zone: &str) -> Result<Self, String> {
        not_too_long(text).and_then(|()| not_too_long(pattern))?;
        let parts = BrokenDownTime::parse(pattern, text).map_err(said)?;
        let has_zone = parts.iana_time_zone().is_some() || parts.offset().is_some();
        if has_zone || parts.timestamp().is_some() {
            return parts.to_zoned().map(Self).map_err(said);
        }
        let moment = match parts.to_datetime() {
            Ok(moment) => moment,
            // A date without a time is its midnight.
            Err(error) => match (parts.hour(), parts.to_date()) {
                (None, Ok(date)) => date.at(0, 0, 0, 0),
                _ => return Err(said(error)),
            },
        };
        Self::at(moment, zone_of(zone)?)
    }

    fn at(moment: DateTime, zone: TimeZone) -> Result<Self, String> {
        zone.to_zoned(moment).map(Self).map_err(said)
    }

    /// The same moment in another zone: an IANA name or an offset such as `+02:00`.
    ///
    /// # Errors
    /// For a zone that is not known.
    pub fn in_zone(&self, zone: &str) -> Result<Self, String> {
        Ok(Self(self.0.with_time_zone(zone_of(zone)?)))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn epoch_ms(&self) -> i64 {
        self.0.timestamp().as_millisecond()
    }

    /// Year, month, day, hour, minute, second, millisecond, weekday (Monday is 1) or day of the
    /// year.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<i64> {
        let time = &self.0;
        Some(match name {
            "year" => time.year().into(),
            "month" => time.month().into(),
            "day" => time.day().into(),
            "hour" => time.hour().into(),
            "minute" => time.minute().into(),
            "second" => time.second().into(),
            "millisecond" => time.millisecond().into(),
            "weekday" => time.weekday().to_monday_one_offset().into(),
            "day_of_year" => time.day_of_year().into(),
            "offset_seconds" => time.offset().seconds().into(),
            "epoch_ms" => self.epoch_ms(),
            "epoch_s" => time.timestamp().as_second(),
            _ => return None,
        })
    }

    /// The zone's IANA name, or its offset.
    #[must_use]
    pub fn zone(&self) -> String {
        match self.0.time_zone().iana_name() {
            Some(name) => name.to_owned(),
            None => self.0.offset().to_string(),
        }
    }

    /// The text by a pattern of strftime(3).
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn format(&self, pattern: &str) -> Result<String, String> {
        not_too_long(pattern)?;
        strtime::format(pattern, &self.0).map_err(said)
    }

    /// The time a length later, or earlier for one that is negative. Days and longer units are
    /// those of the calendar in the time's zone.
    ///
    /// # Errors
    /// For a time that no calendar has.
    pub fn plus(&self, length: Span) -> Result<Self, String> {
        self.0.checked_add(length).map(Self).map_err(said)
    }

    /// The first moment of the minute, hour, day, week (from Monday), month or year.
    ///
    /// # Errors
    /// For a unit that is none of these.
    pub fn start_of(&self, unit: &str) -> Result<Self, String> {
        let truncated =
            |unit| self.0.round(ZonedRound::new().smallest(unit).mode(RoundMode::Trunc));
        let start = match unit {
            "minute" => truncated(Unit::Minute),
            "hour" => truncated(Unit::Hour),
            "day" => self.0.start_of_day(),
            "week" => {
                let days = self.0.weekday().to_monday_zero_offset();
                let monday = Span::new().try_days(days).and_then(|span| self.0.checked_sub(span));
                monday.and_then(|monday| monday.start_of_day())
            }
            "month" => self.0.first_of_month().and_then(|first| first.start_of_day()),
            "year" => self.0.first_of_year().and_then(|first| first.start_of_day()),
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(format!(
                    "`{shown}` is no unit; there are minute, hour, day, week, month and year"
                ));
            }
        };
        start.map(Self).map_err(said)
    }
}

/// A length of time from its text: `1h 30m`, `2 days`, `PT1H30M`.
///
/// # Errors
/// What is wrong with the text.
pub fn span_of_text(text: &str) -> Result<Span, String> {
    not_too_long(text)?;
    text.parse().map_err(said)
}

/// A length of time of so many of these units.
///
/// # Errors
/// For a unit that is not known, or too many of it.
pub fn span_of_units<'a>(units: impl Iterator<Item = (&'a str, i64)>) -> Result<Span, String> {
    units.into_iter().try_fold(Span::new(), |span, (unit, count)| {
        let added = match unit {
            "years" => span.try_years(count),
            "months" => span.try_months(count),
            "weeks" => span.try_weeks(count),
            "days" => span.try_days(count),
            "hours" => span.try_hours(count),
            "minutes" => span.try_minutes(count),
            "seconds" => span.try_seconds(count),
            "ms" => span.try_milliseconds(count),
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(format!("`{shown}` is no unit; there are {}", UNITS.join(", ")));
            }
        };
        added.map_err(said)
    })
}

/// A length of time in milliseconds, a day being 24 hours.
///
/// # Errors
/// For months and years, whose lengths differ.
pub fn span_ms(span: Span) -> Result<i64, String> {
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(said)?;
    i64::try_from(length.as_millis()).map_err(|_| "it is too long".to_owned())
}

/// So many milliseconds as `1h 30m`.
#[must_use]
pub fn ms_text(ms: i64) -> String {
    friendly::SpanPrinter::new().duration_to_string(&SignedDuration::from_millis(ms))
}

/// The moment of a date of HTTP in one of its two old forms (RFC 9110, 5.6.7), `Sunday, 06-Nov-94
/// 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. A year of two digits is one of 1969 to 2068.
fn old_http_date(text: &str) -> Option<DateTime> {
    let forms = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    forms.iter().find_map(|form| BrokenDownTime::parse(form, text).ok()?.to_datetime().ok())
}

/// A date of the week (`1994-W44-7`, `1994-W44`, the Monday) or of the year (`1994-310`), each also
/// without hyphens, as one of the calendar, with the rest of the text behind it (ISO 8601).
fn calendar_date(text: &str) -> Option<String> {
    let end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, rest) = text.split_at(end);
    let digits = |text: &str| {
        let all = text.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| text.parse::<i16>().ok()).flatten()
    };
    let year = digits(date.get(..4)?)?;
    let day = date.get(4..)?;
    let day = day.strip_prefix('-').unwrap_or(day);
    let date = match day.strip_prefix('W') {
        Some(week) if week.is_char_boundary(2.min(week.len())) && week.len() >= 2 => {
            let (week, weekday) = week.split_at(2);
            let weekday = weekday.strip_prefix('-').unwrap_or(weekday);
            let weekday = if weekday.is_empty() { 1 } else { digits(weekday)? };
            let weekday = Weekday::from_monday_one_offset(i8::try_from(weekday).ok()?).ok()?;
            let week = i8::try_from(digits(week)?).ok()?;
            ISOWeekDate::new(year, week, weekday).ok()?.date()
        }
        None if day.len() == 3 => {
            let of_year = Date::new(year, 1, 1).ok()?.with().day_of_year(digits(day)?);
            of_year.build().ok()?
        }
        _ => return None,
    };
    Some(format!("{date}{rest}"))
}

fn fixed(offset: Offset) -> TimeZone {
    match offset {
        Offset::UTC => TimeZone::UTC,
        other => TimeZone::fixed(other),
    }
}

fn zone_of(name: &str) -> Result<TimeZone, String> {
    not_too_long(name).map_err(|why| format!("the time zone is none: {why}"))?;
    let zone = DateTimeParser::new().parse_time_zone(name).map_err(|_| {
        format!(
            "there is no time zone `{name}`; write a name such as `Europe/Berlin` or an offset \
             such as `+02:00`"
        )
    })?;
    Ok(zone)
}

fn said(error: jiff::Error) -> String {
    error.to_string()
}

impl fmt::Display for Time {
    /// RFC 3339.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.0.timestamp();
        match self.0.offset() {
            Offset::UTC => write!(f, "{moment}"),
            offset => write!(f, "{}", moment.display_with_offset(offset)),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({self})")
    }
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}
