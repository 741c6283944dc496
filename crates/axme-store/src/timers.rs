//! SQL for timers: one row for each time at which an intent becomes due. An intent has at most one timer of each kind,
//! and one per step.

use axme_intent::{IntentId, Time, TimerKind};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    pub workspace: Uuid,
    pub intent_id: IntentId,
    pub kind: TimerKind,
    pub due_at: Time,
}

/// Sets a timer. It replaces a timer of the same kind.
pub fn put(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, kind: &TimerKind, at: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO timers (workspace_id, intent_id, kind, due_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (workspace_id, intent_id, kind) DO UPDATE SET due_at = excluded.due_at",
        &[workspace.into(), id.into(), word(kind).into(), at.into()],
    )
}

pub fn clear(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, kind: &TimerKind) -> Result<(), StoreError> {
    tx.push(
        "DELETE FROM timers WHERE workspace_id = $1 AND intent_id = $2 AND kind = $3",
        &[workspace.into(), id.into(), word(kind).into()],
    )
}

pub fn clear_all(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<(), StoreError> {
    tx.push("DELETE FROM timers WHERE workspace_id = $1 AND intent_id = $2", &[workspace.into(), id.into()])
}

/// Moves a timer, unless it has changed since it was read.
pub fn postpone(tx: &mut Tx<'_>, timer: &Timer, at: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE timers SET due_at = $1 WHERE workspace_id = $2 AND intent_id = $3 AND kind = $4 AND due_at = $5",
        &[at.into(), timer.workspace.into(), timer.intent_id.into(), word(&timer.kind).into(), timer.due_at.into()],
    )
}

/// A statement that reads whole timers.
macro_rules! timers {
    ($rest:literal) => {
        concat!("SELECT workspace_id, intent_id, kind, due_at FROM timers ", $rest)
    };
}

/// Lists the due timers of all workspaces, earliest first, after the given one.
pub fn list_due_after(tx: &mut Tx<'_>, now: Time, after: Option<&Timer>, limit: i64) -> Result<Vec<Timer>, StoreError> {
    let (due_at, workspace, id, kind) = match after {
        Some(timer) => (timer.due_at, timer.workspace, timer.intent_id, word(&timer.kind)),
        None => (Time::from_micros(i64::MIN), Uuid::nil(), IntentId(Uuid::nil()), String::new()),
    };
    let rows = tx.rows(
        timers!(
            "WHERE due_at <= $1 AND (due_at, workspace_id, intent_id, kind) > ($2, $3, $4, $5) \
             ORDER BY due_at, workspace_id, intent_id, kind LIMIT $6"
        ),
        &[now.into(), due_at.into(), workspace.into(), id.into(), kind.into(), limit.into()],
    )?;
    rows.iter().map(timer).collect()
}

/// Returns when the first timer after a time is due.
pub fn next_due(tx: &mut Tx<'_>, after: Time) -> Result<Option<Time>, StoreError> {
    let row = tx.row("SELECT due_at FROM timers WHERE due_at > $1 ORDER BY due_at LIMIT 1", &[after.into()])?;
    row.map(|row| row.time(0)).transpose()
}

/// Lists the due timers of a workspace, earliest first.
pub fn list_due(tx: &mut Tx<'_>, workspace: Uuid, now: Time, limit: i64) -> Result<Vec<Timer>, StoreError> {
    let rows = tx.rows(
        timers!("WHERE due_at <= $1 AND workspace_id = $2 ORDER BY due_at, intent_id, kind LIMIT $3"),
        &[now.into(), workspace.into(), limit.into()],
    )?;
    rows.iter().map(timer).collect()
}

/// Lists the timers of an intent, earliest first.
pub fn list_of_intent(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, limit: i64) -> Result<Vec<Timer>, StoreError> {
    let rows = tx.rows(
        timers!("WHERE workspace_id = $1 AND intent_id = $2 ORDER BY due_at, kind LIMIT $3"),
        &[workspace.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(timer).collect()
}

fn timer(row: &Row) -> Result<Timer, StoreError> {
    let kind = kind(row.text(2)?)?;
    Ok(Timer { workspace: row.uuid(0)?, intent_id: IntentId(row.uuid(1)?), kind, due_at: row.time(3)? })
}

/// Returns true if a timer still has the due time with which it was read.
pub fn is_set(tx: &mut Tx<'_>, timer: &Timer) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT due_at FROM timers WHERE workspace_id = $1 AND intent_id = $2 AND kind = $3",
        &[timer.workspace.into(), timer.intent_id.into(), word(&timer.kind).into()],
    )?;
    Ok(row.map(|row| row.time(0)).transpose()? == Some(timer.due_at))
}

fn word(kind: &TimerKind) -> String {
    match kind {
        TimerKind::Deadline => "deadline".to_owned(),
        TimerKind::Step(step) => format!("step:{step}"),
        TimerKind::ReminderStage => "reminder_stage".to_owned(),
        TimerKind::Execution => "execution".to_owned(),
    }
}

fn kind(word: &str) -> Result<TimerKind, StoreError> {
    match (word.strip_prefix("step:"), word) {
        (Some(step), _) => Ok(TimerKind::Step(step.to_owned())),
        (None, "deadline") => Ok(TimerKind::Deadline),
        (None, "reminder_stage") => Ok(TimerKind::ReminderStage),
        (None, "execution") => Ok(TimerKind::Execution),
        _ => Err(StoreError::Fault(format!("unknown timer {word}"))),
    }
}
