//! Instants in the words that events have for them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::environment::civil_date;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A second of UTC, taken apart.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Civil {
    fn of(time: SystemTime) -> Civil {
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (year, month, day) = civil_date(seconds / 86_400);
        let of_day = seconds % 86_400;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        Civil { year, month, day, hour, minute, second }
    }
}

/// `2026-11-12T19:03:58Z`
pub(super) fn iso(time: SystemTime) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `12/Nov/2026:19:03:58 +0000`, the time of Apache's log.
pub(super) fn common_log(time: SystemTime) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(time);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let month = month.copied().unwrap_or_default();
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// Milliseconds since 1970.
pub(super) fn epoch_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_written_as_the_samples_have_it() {
        let time = UNIX_EPOCH + Duration::from_millis(1_794_510_238_390);
        assert_eq!(common_log(time), "12/Nov/2026:19:03:58 +0000");
        assert_eq!(iso(time), "2026-11-12T19:03:58Z");
        assert_eq!(epoch_ms(time), 1_794_510_238_390);
    }
}
