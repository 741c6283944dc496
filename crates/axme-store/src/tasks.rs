//! SQL for tasks: the intents that wait for a person, and the people and groups that each of them asks.

use axme_intent::human::{person_key, question_address};
use axme_intent::lifecycle::Intent;
use axme_intent::{IntentId, Time};
use uuid::Uuid;

use super::Tx;
use super::intents::{Head, head, heads};
use crate::error::StoreError;

/// A place in the list of tasks, which is ordered by the start of the wait and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskPosition {
    pub since: Time,
    pub id: IntentId,
}

impl TaskPosition {
    /// The position before every task.
    pub const START: TaskPosition = TaskPosition { since: Time::from_micros(i64::MIN), id: IntentId(Uuid::nil()) };
}

/// Whom an open task asks, and since when. The requester is named by [`question_address`] while a question is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    since: Time,
    people: Vec<String>,
}

impl Asking {
    /// Returns whom an intent asks now; `None` if it does not wait for a person.
    pub fn of(intent: &Intent) -> Option<Asking> {
        intent.open_task()?;
        let questioned = intent.open_question().and_then(|question| question.email.as_deref()).map(question_address);
        let people = intent.asked().into_iter().map(person_key).chain(questioned).collect();
        Some(Asking { since: intent.waiting()?.since, people })
    }
}

/// Returns the position of a waiting intent.
pub fn position(head: &Head) -> Option<TaskPosition> {
    Some(TaskPosition { since: head.intent.waiting()?.since, id: head.intent.id })
}

/// Lists a page of the tasks of a workspace, longest wait first.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, after: TaskPosition, limit: i64) -> Result<Vec<Head>, StoreError> {
    let rows = tx.rows(
        heads!(
            "WHERE workspace_id = $1 AND task_since IS NOT NULL AND (task_since, intent_id) > ($2, $3) \
             ORDER BY task_since, intent_id LIMIT $4"
        ),
        &[workspace.into(), after.since.into(), after.id.into(), limit.into()],
    )?;
    rows.iter().map(head).collect()
}

/// Lists a page of the tasks that ask one of these people or groups, longest wait first. It may include tasks from before
/// [`record`] that ask other people.
pub fn list_asking(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    names: &[String],
    after: TaskPosition,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    let mut found = Vec::new();
    for name in names.iter().map(|name| person_key(name)).chain([String::new()]) {
        let rows = tx.rows(
            heads!(
                "WHERE workspace_id = $1 AND intent_id IN (SELECT intent_id FROM task_people WHERE workspace_id = $1 \
                 AND person = $2 AND (task_since, intent_id) > ($3, $4) ORDER BY task_since, intent_id LIMIT $5)"
            ),
            &[workspace.into(), name.into(), after.since.into(), after.id.into(), limit.into()],
        )?;
        for row in &rows {
            found.push(head(row)?);
        }
    }
    found.sort_by_key(position);
    found.dedup_by_key(|head| head.intent.id);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Records whom a task asks, in place of `before`. Does nothing if it asks the same people as before.
pub fn record(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    id: IntentId,
    before: Option<&Asking>,
    now: Option<&Asking>,
) -> Result<(), StoreError> {
    if before == now {
        return Ok(());
    }
    if before.is_some() {
        let sql = "DELETE FROM task_people WHERE workspace_id = $1 AND intent_id = $2";
        tx.push(sql, &[workspace.into(), id.into()])?;
    }
    let Some(asking) = now else { return Ok(()) };
    for person in &asking.people {
        tx.push(
            "INSERT INTO task_people (workspace_id, person, task_since, intent_id) VALUES ($1, $2, $3, $4)",
            &[workspace.into(), person.into(), asking.since.into(), id.into()],
        )?;
    }
    Ok(())
}
