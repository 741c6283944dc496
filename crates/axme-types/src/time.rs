//! Moments in time: whole microseconds since 1970-01-01 UTC, printed as RFC 3339 with three fractional digits.

use std::fmt;

use jiff::civil::Date;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A moment, stored in microseconds. Each conversion names its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

/// 9999-12-30T00:00:00Z: the last moment that is printed.
const LAST: Time = Time(253_402_128_000_000_000);

impl Time {
    /// Returns the time that is this many microseconds after 1970-01-01 UTC.
    pub const fn from_micros(micros: i64) -> Time {
        Time(micros)
    }

    /// Returns the microseconds since 1970-01-01 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the whole milliseconds since 1970-01-01 UTC; 0 for an earlier time.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 / 1_000).unwrap_or(0)
    }

    /// Adds whole seconds, up to the end of representable time.
    pub fn plus_seconds(self, seconds: u64) -> Time {
        self.plus_millis(seconds.saturating_mul(1_000))
    }

    /// Returns the time that is this many milliseconds earlier.
    pub fn minus_millis(self, millis: u64) -> Time {
        let micros = i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000);
        Time(self.0.saturating_sub(micros))
    }

    /// Returns the time that is this many milliseconds later.
    pub fn plus_millis(self, millis: u64) -> Time {
        Time(self.0.saturating_add(i64::try_from(millis.saturating_mul(1_000)).unwrap_or(i64::MAX)))
    }

    /// Returns the time since `earlier`, or zero if that is not earlier.
    pub fn since(self, earlier: Time) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the beginning of the day, UTC.
    pub fn midnight(self) -> Time {
        const DAY_MICROS: i64 = 86_400_000_000;
        Time(self.0 - self.0.rem_euclid(DAY_MICROS))
    }

    /// Returns the day of the month, UTC: 1 to 31.
    pub fn day_of_month(self) -> i8 {
        self.date().day()
    }

    /// Returns the beginning of day `day` in the month that is `months` later, or of that month's last day if it is
    /// shorter.
    pub fn day_in_months(self, months: u32, day: i8) -> Time {
        let month = self.date().first_of_month().saturating_add(i64::from(months).months());
        let date = month.saturating_add((day.clamp(1, month.days_in_month()) - 1).days());
        let start = date.to_zoned(TimeZone::UTC).map(|zoned| Time(zoned.timestamp().as_microsecond()));
        start.unwrap_or(LAST)
    }

    fn date(self) -> Date {
        let clamped = self.0.clamp(Timestamp::MIN.as_microsecond(), LAST.0);
        Timestamp::from_microsecond(clamped).unwrap_or_default().to_zoned(TimeZone::UTC).date()
    }

    /// Reads RFC 3339 with any offset. Returns `None` for other text and for moments outside the years 0 to 9999. The
    /// last day of 9999, which people write for "never", is read as the last moment.
    pub fn parse(text: &str) -> Option<Time> {
        /// The first moment of the year 0. The library also reads earlier years, which RFC 3339 cannot write.
        const FIRST: Time = Time(-62_167_219_200_000_000);
        let read = |text: &str| text.parse::<Timestamp>().ok().map(|t| Time(t.as_microsecond()));
        let text = text.trim();
        match text.strip_prefix("9999-12-31") {
            // The library's range ends a few hours earlier.
            Some(rest) => read(&format!("9999-12-29{rest}")).map(|_| LAST),
            None => read(text).filter(|time| *time >= FIRST),
        }
    }

    /// Formats the time for people: `2026-01-31 12:00 UTC`.
    pub fn in_minutes(self) -> String {
        let text = self.to_string();
        let (day, time) = text.split_once('T').unwrap_or((&text, ""));
        format!("{day} {} UTC", time.get(..5).unwrap_or(time))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let clamped = self.0.clamp(Timestamp::MIN.as_microsecond(), LAST.0);
        let stamp = Timestamp::from_microsecond(clamped).map_err(|_| fmt::Error)?;
        f.write_str(&PRINTER.timestamp_to_string(&stamp))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn prints_three_fractional_digits_and_reads_any_offset() {
        let time = Time::parse("2026-04-05T12:00:00.123456+02:00").unwrap();
        assert_eq!(time.to_string(), "2026-04-05T10:00:00.123Z");
        assert_eq!(Time::parse("2026-04-05T10:00:00Z").unwrap().to_string(), "2026-04-05T10:00:00.000Z");
        assert_eq!(time.in_minutes(), "2026-04-05 10:00 UTC");
        assert_eq!(Time::parse("2026-04-05 10:00"), None);
        assert_eq!(Time::parse("tomorrow"), None);
        assert_eq!(Time::parse("9999-12-31T23:59:59Z").unwrap().to_string(), "9999-12-30T00:00:00.000Z");
        assert_eq!(Time::parse("9999-12-31T25:00:00Z"), None);
        assert_eq!(Time::parse("0000-01-01T00:00:00Z").unwrap().to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Time::parse("-000001-12-31T23:59:59Z"), None);
    }
}
