//! Shows times to people: in the zone of this machine, with its name, or in UTC.

use axme_client::Timestamp;
use jiff::tz::TimeZone;

use super::screen;

/// Returns a time as `2026-04-05 12:00:01 CEST`.
pub(crate) fn local(at: Timestamp) -> String {
    shown(at, &zone(), "%Y-%m-%d %H:%M:%S %Z")
}

/// Returns a time as `2026-04-05 12:00 CEST`, for tables.
pub(crate) fn day_time(at: Timestamp) -> String {
    shown(at, &zone(), "%Y-%m-%d %H:%M %Z")
}

/// Returns the age in the largest unit that fits: `5s`, `3m`, `2h`, `4d`.
pub(crate) fn age(at: Timestamp) -> String {
    span(now().as_second() - at.unix_seconds())
}

#[expect(clippy::disallowed_methods, reason = "a time is shown to a person; nothing here is replayed")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn zone() -> TimeZone {
    if screen().utc { TimeZone::UTC } else { TimeZone::system() }
}

fn shown(at: Timestamp, zone: &TimeZone, format: &str) -> String {
    match jiff::Timestamp::from_microsecond(at.0.micros()) {
        Ok(instant) => instant.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => at.to_string(),
    }
}

fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit() {
        let shown = [-5, 59, 60, 7_199, 86_399, 200_000].map(span);
        assert_eq!(shown, ["0s", "59s", "1m", "1h", "23h", "2d"]);
    }

    #[test]
    fn a_time_names_its_zone() {
        let at = Timestamp::parse("2026-04-05T10:00:01.234Z").unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(shown(at, &zone, "%H:%M:%S %Z"), "12:00:01 +02");
        assert_eq!(shown(at, &TimeZone::UTC, "%Y-%m-%d %H:%M %Z"), "2026-04-05 10:00 UTC");
    }
}
