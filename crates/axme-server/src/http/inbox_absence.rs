//! The absence of a person in a browser: its days, and the deputy who answers meanwhile.

use axme_core::error::Result;
use axme_core::ops::absences::{self, NewAbsence};
use axme_intent::Time;
use axme_intent::human::person_key;
use axme_store::absences as store;
use axme_store::{Shard, Tx, person_settings};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::form::FormFields;
use super::page_state::PageState;

/// The absence of a person, as the page of settings shows it.
#[derive(Default)]
pub(super) struct AbsenceForm {
    /// The entries that were not saved, else those of the absence that is set.
    pub deputy: String,
    pub first_day: String,
    pub last_day: String,
    /// The absence that is set, as a sentence; empty without one.
    pub current: String,
    /// The absences in which the person is the deputy, as sentences.
    pub deputy_for: Vec<String>,
}

/// Returns the absence of a person, and those in which the person is the deputy.
pub(super) async fn load(app: &PageState, email: &str) -> Result<AbsenceForm> {
    let key = person_key(email);
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let zone = zone_of(tx, &key)?;
        let own = store::find(tx, &key)?.filter(|absence| absence.ends_at > tx.now);
        Ok((own, store::list_of_deputy(tx, &key)?, zone))
    };
    let (own, others, zone) = app.store.read(look).await?;
    let sentence = |id: &'static str, absence: &store::Absence| {
        let times = app.say(id).with("from", absence.starts_at).with("until", absence.ends_at);
        times.with("person", &absence.person).with("deputy", &absence.deputy).to_string()
    };
    let deputy_for = others.iter().map(|absence| sentence("absence-deputy-for", absence)).collect();
    let Some(own) = own else { return Ok(AbsenceForm { deputy_for, ..AbsenceForm::default() }) };
    // The last day is the one that the end belongs to.
    let last = Time::from_micros(own.ends_at.micros() - 1);
    Ok(AbsenceForm {
        current: sentence("absence-current", &own),
        first_day: day(own.starts_at, &zone),
        last_day: day(last, &zone),
        deputy: own.deputy,
        deputy_for,
    })
}

/// Saves the absence that a form has, or ends it.
///
/// # Errors
/// A wrong absence is refused as invalid.
pub(super) async fn save(app: &PageState, email: &str, filled: &FormFields) -> Result<()> {
    let (email, is_end) = (email.to_owned(), filled.get("step") == "end");
    let typed = ["deputy", "first_day", "last_day"].map(|name| filled.get(name).to_owned());
    let job = move |tx: &mut Tx<'_>| -> Result<()> {
        if is_end {
            return absences::end_own(tx, &email);
        }
        let zone = zone_of(tx, &person_key(&email))?;
        let new = read(tx.now, &typed, &zone)?;
        absences::put_own(tx, &email, &new)
    };
    app.store.write(Shard::CONTROL, job).await
}

/// Reads the days of an absence in the zone of the person: from the beginning of the first to the end of the last.
fn read(now: Time, typed: &[String; 3], zone: &TimeZone) -> Result<NewAbsence> {
    let [deputy, first, last] = typed;
    let wrong = |name: &str| axme_api::ApiError::invalid(format!("{name}: must be a day, such as 2027-01-31"));
    let deputy = absences::read_deputy(deputy)?;
    let until = end_of(last, zone).ok_or_else(|| wrong("last day"))?;
    let from = match first.trim() {
        "" => None,
        first => Some(start_of(first, zone).ok_or_else(|| wrong("first day"))?),
    };
    // An absence from today on begins now.
    Ok(NewAbsence { deputy, from: from.filter(|from| *from > now), until })
}

fn zone_of(tx: &mut Tx<'_>, email: &str) -> Result<TimeZone> {
    let settings = person_settings::find_by_email(tx, email)?;
    let zone = settings.time_zone.and_then(|name| TimeZone::get(&name).ok());
    Ok(zone.unwrap_or(TimeZone::UTC))
}

fn start_of(day: &str, zone: &TimeZone) -> Option<Time> {
    at_midnight(day.trim().parse().ok()?, zone)
}

fn end_of(day: &str, zone: &TimeZone) -> Option<Time> {
    at_midnight(day.trim().parse::<Date>().ok()?.tomorrow().ok()?, zone)
}

fn at_midnight(day: Date, zone: &TimeZone) -> Option<Time> {
    let midnight = day.to_zoned(zone.clone()).ok()?;
    Some(Time::from_micros(midnight.timestamp().as_microsecond()))
}

fn day(at: Time, zone: &TimeZone) -> String {
    let at = Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    at.to_zoned(zone.clone()).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_persons_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = Time::parse("2026-12-01T04:00:00Z").unwrap();
        let typed = |first: &str, last: &str| ["Bob@Example.com", first, last].map(str::to_owned);
        let set = read(now, &typed("2026-12-24", "2026-12-31"), &berlin).unwrap();
        assert_eq!(set.deputy, "bob@example.com");
        assert_eq!(set.from, Time::parse("2026-12-23T23:00:00Z"));
        assert_eq!(Some(set.until), Time::parse("2026-12-31T23:00:00Z"), "the last day is over");
        assert_eq!(day(Time::from_micros(set.until.micros() - 1), &berlin), "2026-12-31");
        assert_eq!(read(now, &typed("2026-12-01", "2026-12-02"), &berlin).unwrap().from, None, "from now on");
        assert!(read(now, &typed("2026-12-24", "soon"), &berlin).is_err());
        assert!(read(now, &["bob", "", "2026-12-24"].map(str::to_owned), &berlin).is_err());
    }
}
