//! When a person gets mail: the hours without any, and the hour of one mail a day.

use jiff::Timestamp;
use jiff::civil::{Date, Time as TimeOfDay};
use jiff::tz::TimeZone;

use crate::Time;

/// The hours in which a person gets no mail, in their time zone. They may go past midnight.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    zone: TimeZone,
    from: TimeOfDay,
    until: TimeOfDay,
}

impl QuietHours {
    /// Reads the hours. `None` for an unknown zone, for times other than `HH:MM`, and for two equal times.
    pub fn read(zone: &str, from: &str, until: &str) -> Option<QuietHours> {
        let hours = QuietHours { zone: zone_of(zone)?, from: time_of_day(from)?, until: time_of_day(until)? };
        Some(hours).filter(|hours| hours.from != hours.until)
    }

    /// Returns when the quiet hours around a moment end; `None` outside of them.
    pub fn end_after(&self, now: Time) -> Option<Time> {
        let local = Timestamp::from_microsecond(now.micros()).ok()?.to_zoned(self.zone.clone());
        let time = local.time();
        let is_quiet = match self.from < self.until {
            true => self.from <= time && time < self.until,
            false => self.from <= time || time < self.until,
        };
        let day = if time < self.until { local.date() } else { local.date().tomorrow().ok()? };
        let end = day.to_datetime(self.until).to_zoned(self.zone.clone()).ok()?;
        is_quiet.then(|| Time::from_micros(end.timestamp().as_microsecond()))
    }
}

/// The hour at which a person gets one mail a day about tasks, in their time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct MailHour {
    zone: TimeZone,
    at: TimeOfDay,
}

impl MailHour {
    /// Reads the hour. `None` for an unknown zone, and for a time other than `HH:MM`.
    pub fn read(zone: &str, at: &str) -> Option<MailHour> {
        Some(MailHour { zone: zone_of(zone)?, at: time_of_day(at)? })
    }

    /// Returns the first moment of this hour after a time.
    pub fn first_after(&self, time: Time) -> Option<Time> {
        let after = Timestamp::from_microsecond(time.micros()).ok()?;
        let today = after.to_zoned(self.zone.clone()).date();
        let moment = |day: Date| day.to_datetime(self.at).to_zoned(self.zone.clone()).ok();
        let first = moment(today).filter(|at| at.timestamp() > after).or_else(|| moment(today.tomorrow().ok()?))?;
        Some(Time::from_micros(first.timestamp().as_microsecond()))
    }
}

/// Returns true for the name of a time zone, such as `Europe/Berlin`.
pub fn is_zone(name: &str) -> bool {
    zone_of(name).is_some()
}

/// Returns true for a time of day, written `HH:MM`.
pub fn is_time_of_day(text: &str) -> bool {
    time_of_day(text).is_some()
}

fn zone_of(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

fn time_of_day(text: &str) -> Option<TimeOfDay> {
    TimeOfDay::strptime("%H:%M", text).ok().filter(|_| text.len() == 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(hours: &QuietHours, now: &str) -> Option<String> {
        hours.end_after(Time::parse(now).unwrap()).map(|end| end.in_minutes())
    }

    #[test]
    fn quiet_hours_are_in_the_zone_of_the_person_and_go_past_midnight() {
        let night = QuietHours::read("Europe/Berlin", "22:00", "07:00").unwrap();
        assert_eq!(end(&night, "2026-01-10T20:59:00Z"), None, "21:59 in Berlin");
        assert_eq!(end(&night, "2026-01-10T21:00:00Z").as_deref(), Some("2026-01-11 06:00 UTC"));
        assert_eq!(end(&night, "2026-01-11T05:59:00Z").as_deref(), Some("2026-01-11 06:00 UTC"));
        assert_eq!(end(&night, "2026-01-11T06:00:00Z"), None);
        assert_eq!(end(&night, "2026-07-10T21:00:00Z").as_deref(), Some("2026-07-11 05:00 UTC"), "summer");
        let noon = QuietHours::read("UTC", "12:00", "13:30").unwrap();
        assert_eq!(end(&noon, "2026-01-10T13:00:00Z").as_deref(), Some("2026-01-10 13:30 UTC"));
        assert_eq!(end(&noon, "2026-01-10T11:59:59Z"), None);
    }

    #[test]
    fn a_time_that_the_clocks_skip_ends_the_quiet_hours_after_it() {
        let night = QuietHours::read("Europe/Berlin", "22:00", "02:30").unwrap();
        assert_eq!(end(&night, "2026-03-28T23:00:00Z").as_deref(), Some("2026-03-29 01:30 UTC"));
    }

    #[test]
    fn the_hour_of_the_daily_mail_is_in_the_zone_of_the_person() {
        let hour = MailHour::read("Europe/Berlin", "08:00").unwrap();
        let first = |now: &str| hour.first_after(Time::parse(now).unwrap()).map(|at| at.in_minutes());
        assert_eq!(first("2026-01-10T06:59:59Z").as_deref(), Some("2026-01-10 07:00 UTC"));
        assert_eq!(first("2026-01-10T07:00:00Z").as_deref(), Some("2026-01-11 07:00 UTC"), "after, not at");
        assert_eq!(first("2026-01-10T23:30:00Z").as_deref(), Some("2026-01-11 07:00 UTC"), "half past midnight");
        assert_eq!(first("2026-03-28T12:00:00Z").as_deref(), Some("2026-03-29 06:00 UTC"), "summer begins");
        assert_eq!(MailHour::read("UTC", "8"), None);
        assert_eq!(MailHour::read("Mars/Base", "08:00"), None);
    }

    #[test]
    fn wrong_hours_are_none() {
        for (zone, from, until) in [
            ("Mars/Base", "22:00", "07:00"),
            ("UTC", "22", "07:00"),
            ("UTC", "22:00", "24:00"),
            ("UTC", "07:00", "07:00"),
        ] {
            assert_eq!(QuietHours::read(zone, from, until), None, "{zone} {from} {until}");
        }
    }
}
