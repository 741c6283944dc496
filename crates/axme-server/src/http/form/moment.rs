//! Dates and times as browsers send them, in the zone of the reader.

use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned};

/// The zone of the reader: as the script of the page found it, else UTC.
pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// Returns a local date and time as RFC 3339 with its offset. The error is the id of a text that says what to do.
pub(super) fn date_time(text: &str, zone: &TimeZone) -> Result<String, &'static str> {
    // A program, or a person without a date picker, may send the offset as well.
    if text.parse::<Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    let local: DateTime = text.trim().replace(' ', "T").parse().map_err(|_| "wrong-typed-date-time")?;
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Gap { .. } => return Err("wrong-skipped-time"),
        AmbiguousOffset::Fold { .. } => return Err("wrong-double-time"),
    }
    let zoned = local.to_zoned(zone.clone()).map_err(|_| "wrong-time-range")?;
    Ok(written(&zoned))
}

/// Returns a time of day as RFC 3339, with the offset that the zone has `now`.
pub(super) fn time(text: &str, zone: &TimeZone, now: axme_intent::Time) -> Result<String, &'static str> {
    if text.ends_with('Z') || text.rfind(['+', '-']).is_some_and(|at| at > 4) {
        return Ok(text.to_owned());
    }
    let wrong = "wrong-typed-time";
    let time: Time = text.trim().parse().map_err(|_| wrong)?;
    let now = Timestamp::from_microsecond(now.micros()).unwrap_or_default();
    let zoned = now.to_zoned(zone.clone()).with().time(time).build().map_err(|_| wrong)?;
    let text = written(&zoned);
    Ok(text.split_once('T').map_or(text.clone(), |(_, time)| time.to_owned()))
}

fn written(zoned: &Zoned) -> String {
    let offset = zoned.offset();
    let seconds = offset.seconds();
    let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
    let local = zoned.datetime().strftime("%Y-%m-%dT%H:%M:%S");
    match seconds {
        0 => format!("{local}Z"),
        _ => format!("{local}{}{hours:02}:{minutes:02}", if seconds < 0 { '-' } else { '+' }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_zone_of_the_reader() {
        let berlin = zone("Europe/Berlin");
        assert_eq!(date_time("2026-05-03T14:00", &berlin).as_deref(), Ok("2026-05-03T14:00:00+02:00"));
        assert_eq!(date_time("2026-12-03T14:00", &berlin).as_deref(), Ok("2026-12-03T14:00:00+01:00"));
        assert_eq!(date_time("2026-05-03 14:00", &zone("No/Where")).as_deref(), Ok("2026-05-03T14:00:00Z"));
        assert_eq!(date_time("2026-05-03T14:00:00-05:00", &berlin).as_deref(), Ok("2026-05-03T14:00:00-05:00"));
        assert_eq!(date_time("2026-05-03T14:00", &zone("Asia/Kolkata")).as_deref(), Ok("2026-05-03T14:00:00+05:30"));
        assert!(date_time("tomorrow", &berlin).is_err());
        let summer = axme_intent::Time::parse("2026-07-01T00:00:00Z").unwrap();
        assert_eq!(time("14:30", &berlin, summer).as_deref(), Ok("14:30:00+02:00"));
        assert!(time("25:00", &berlin, summer).is_err());
    }

    #[test]
    fn a_time_that_the_clocks_skip_or_repeat_is_asked_back() {
        let berlin = zone("Europe/Berlin");
        assert!(date_time("2026-03-29T02:30", &berlin) == Err("wrong-skipped-time"));
        assert!(date_time("2026-10-25T02:30", &berlin) == Err("wrong-double-time"));
    }
}
