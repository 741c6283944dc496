//! Whom a waiting task asks: people by name, the members of groups, and the deputies of absent people. [`stands_in_for`] alone
//! decides who is a deputy for a task: for answers, links, lists and mail.
//!
//! Only the absent person names the deputy. A deputy is a member of the workspace, not the requester, and not asked
//! themselves, by name or through a group. The requester of a guarded task has no deputy for it. Only people whom the task
//! asks by name have one: a group has other members. There are no chains: the deputy of a deputy is not asked.

use axme_intent::human::{group_name, is_same_person, person_key};
use axme_intent::lifecycle::IntentSpec;
use axme_store::intents::{self, Head};
use axme_store::{StoreError, Tx, absences, groups};
use uuid::Uuid;

use super::asking;
use crate::auth::membership;

/// Returns true if the waiting task asks for a person: by name, by one of their groups, or as a deputy.
pub fn asks(tx: &mut Tx<'_>, workspace: Uuid, head: &Head, person: &str) -> Result<bool, StoreError> {
    if head.intent.asks(person, &[]) {
        return Ok(true);
    }
    let has_group = head.intent.asked().iter().any(|asked| group_name(asked).is_some());
    if has_group && head.intent.asks(person, &groups::addresses_of(tx, workspace, person)?) {
        return Ok(true);
    }
    if absences::absent_people(tx, &person_key(person))?.is_empty() {
        return Ok(false);
    }
    let spec = intents::spec(tx, workspace, head.intent.id)?;
    Ok(!stands_in_for(tx, workspace, head, &spec, person)?.is_empty())
}

/// Returns the absent people in whose place a person may answer the waiting task now.
pub fn stands_in_for(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    spec: &IntentSpec,
    deputy: &str,
) -> Result<Vec<String>, StoreError> {
    let deputy = person_key(deputy);
    let Some(task) = head.intent.open_task() else { return Ok(Vec::new()) };
    let mut absent = absences::absent_people(tx, &deputy)?;
    absent.retain(|person| {
        let is_excluded = task.is_guarded() && spec.names_requester(person);
        head.intent.asks(person, &[]) && !is_excluded
    });
    if absent.is_empty() || spec.names_requester(&deputy) || !membership::is_member(tx, workspace, &deputy)? {
        return Ok(Vec::new());
    }
    let is_asked = head.intent.asks(&deputy, &groups::addresses_of(tx, workspace, &deputy)?);
    if is_asked || !asking::may_decide(tx, workspace, task, &deputy)? {
        return Ok(Vec::new());
    }
    // An absent person who has left, or who may not be asked any more, has no deputy.
    let mut found = Vec::new();
    for person in absent {
        if !membership::has_left(tx, workspace, &person)? && asking::may_decide(tx, workspace, task, &person)? {
            found.push(person);
        }
    }
    Ok(found)
}

/// Returns the deputy who may answer the waiting task in the place of a person, if the person is absent now.
pub fn deputy_of(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    spec: &IntentSpec,
    person: &str,
) -> Result<Option<String>, StoreError> {
    let (key, now) = (person_key(person), tx.now);
    let Some(absence) = absences::find(tx, &key)?.filter(|absence| absence.is_at(now)) else { return Ok(None) };
    let stands_in = stands_in_for(tx, workspace, head, spec, &absence.deputy)?;
    Ok(stands_in.iter().any(|absent| is_same_person(absent, &key)).then_some(absence.deputy))
}
