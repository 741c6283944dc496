//! Absences of people. Each names a deputy, and only the absent person sets it. `policy::askees` decides for which tasks the
//! deputy may answer.

use axme_api::capabilities::EmptyInput;
use axme_api::me::{AbsenceAnswer, AbsenceView, SetAbsence};
use axme_api::{ApiError, Timestamp};
use axme_intent::Time;
use axme_intent::human::{is_email, person_key};
use serde_json::json;
use uuid::Uuid;

use crate::auth::sign_in::audit;
use crate::auth::{self, membership};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::policy::guards::check_names_deputy;
use axme_store::absences::{self as store, Absence, MAX_ABSENT};
use axme_store::{Tx, person_accounts};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::me::ABSENCE, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::me::SET_ABSENCE, prepare_set, set)),
    Binding::Transaction(&handler(&axme_api::me::END_ABSENCE, prepare_get, end)),
];

/// The longest absence, and the latest beginning of one, in days. A forgotten absence must not delegate for ever.
const MAX_DAYS: u64 = 366;

/// An absence as a person sets it.
#[derive(Debug, Clone)]
pub struct NewAbsence {
    pub deputy: String,
    /// Now, if unset.
    pub from: Option<Time>,
    pub until: Time,
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: EmptyInput) -> Result<EmptyInput> {
    Ok(input)
}

pub(crate) fn prepare_set(_: &PrepareContext<'_>, input: SetAbsence) -> Result<NewAbsence> {
    let deputy = read_deputy(&input.deputy)?;
    Ok(NewAbsence { deputy, from: input.from.map(Time::from), until: input.until.into() })
}

/// Reads the email address of a deputy.
pub fn read_deputy(text: &str) -> Result<String> {
    let deputy = person_key(text);
    if !is_email(&deputy) {
        return Err(ApiError::invalid("deputy: must be the email address of a person").into());
    }
    Ok(deputy)
}

pub fn get(cx: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<AbsenceAnswer> {
    let person = auth::check_person(cx.caller)?.email.clone();
    answer(cx.tx, &person)
}

pub fn set(cx: &mut CallContext<'_, '_>, new: &NewAbsence) -> Result<AbsenceAnswer> {
    let person = auth::check_person(cx.caller)?.email.clone();
    check_names_deputy(cx)?;
    put_own(cx.tx, &person, new)?;
    answer(cx.tx, &person)
}

pub fn end(cx: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<AbsenceAnswer> {
    let person = auth::check_person(cx.caller)?.email.clone();
    check_names_deputy(cx)?;
    end_own(cx.tx, &person)?;
    answer(cx.tx, &person)
}

/// Sets the absence of a person, in place of an earlier one. Callers have checked that the person asks for it.
pub fn put_own(tx: &mut Tx<'_>, person: &str, new: &NewAbsence) -> Result<()> {
    let (now, key, deputy) = (tx.now, person_key(person), person_key(&new.deputy));
    let starts_at = new.from.unwrap_or(now);
    let latest = now.plus_seconds(MAX_DAYS * 86_400);
    if new.until <= now.max(starts_at) {
        return Err(ApiError::invalid("until: must be in the future, and after from").into());
    }
    if starts_at > latest || new.until > starts_at.max(now).plus_seconds(MAX_DAYS * 86_400) {
        let message = format!("until: an absence begins within {MAX_DAYS} days and lasts {MAX_DAYS} days at most");
        return Err(ApiError::invalid(message).into());
    }
    if deputy == key {
        return Err(ApiError::invalid("deputy: name another person").into());
    }
    let places = places_of(tx, person, Some(&deputy))?;
    if places.is_empty() {
        let message = format!("deputy: {deputy} is not a member of any of your workspaces; name a person who is");
        return Err(ApiError::invalid(message).into());
    }
    let others = store::list_of_deputy(tx, &deputy)?;
    if others.iter().filter(|absence| absence.person != key).count() >= MAX_ABSENT as usize {
        let message = format!("deputy: {deputy} is the deputy of {MAX_ABSENT} people already; name another person");
        return Err(ApiError::invalid(message).into());
    }
    let ends_at = new.until;
    store::put(tx, &Absence { person: key, deputy: deputy.clone(), starts_at, ends_at, created_at: now })?;
    let line = json!({ "deputy": deputy, "from": Timestamp(starts_at), "until": Timestamp(ends_at) });
    for place in places {
        audit(tx, place, person, "me.absence", &line)?;
    }
    Ok(())
}

/// Ends the absence of a person. Does nothing if there is none.
pub fn end_own(tx: &mut Tx<'_>, person: &str) -> Result<()> {
    let key = person_key(person);
    let Some(absence) = store::find(tx, &key)? else { return Ok(()) };
    store::delete(tx, &key)?;
    let line = json!({ "deputy": absence.deputy, "ended": true });
    for place in places_of(tx, person, None)? {
        audit(tx, place, person, "me.absence", &line)?;
    }
    Ok(())
}

/// Lists the workspaces of a person, or those of them that the deputy is a member of.
fn places_of(tx: &mut Tx<'_>, person: &str, deputy: Option<&str>) -> Result<Vec<Uuid>> {
    let memberships = person_accounts::memberships(tx, person)?;
    let mut places = Vec::new();
    for belonging in membership::belongings(tx, &memberships)? {
        for workspace in belonging.workspaces {
            let id = workspace.workspace_id;
            let is_shared = match deputy {
                Some(deputy) => membership::is_member(tx, id, deputy)?,
                None => true,
            };
            if is_shared {
                places.push(id);
            }
        }
    }
    Ok(places)
}

/// Returns the absence of a person, and the absences in which the person is the deputy.
fn answer(tx: &mut Tx<'_>, person: &str) -> Result<AbsenceAnswer> {
    let now = tx.now;
    let view = |absence: Absence| AbsenceView {
        is_now: absence.is_at(now),
        person: absence.person,
        deputy: absence.deputy,
        from: absence.starts_at.into(),
        until: absence.ends_at.into(),
    };
    let key = person_key(person);
    let own = store::find(tx, &key)?.filter(|absence| absence.ends_at > now);
    let deputy_for = store::list_of_deputy(tx, &key)?.into_iter().map(view).collect();
    Ok(AbsenceAnswer { ok: true, absence: own.map(view), deputy_for })
}
