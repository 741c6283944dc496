//! SQL for audit events. Each workspace has an audit trail. Each organization has another one, for events outside its
//! workspaces.

use axme_intent::Time;
use serde_json::Value;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// A record of who did what, and when.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    /// The workspace or the organization.
    pub trail: Uuid,
    pub id: Uuid,
    pub at: Time,
    pub actor: String,
    /// The id of an operation, or the name of another event, such as `intents.late_answer`.
    pub action: String,
    pub subject: String,
    pub details: Value,
}

/// A filter of audit events.
pub struct Filter {
    pub trail: Uuid,
    pub before: Uuid,
    /// Only events by an actor with one of these names.
    pub actor: Option<[String; 2]>,
    /// Only actions with this prefix.
    pub prefix: Option<String>,
    pub limit: i64,
}

pub fn insert(tx: &mut Tx<'_>, event: &AuditEvent) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO audit_events (trail_id, audit_id, at, actor, action, subject, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            event.trail.into(),
            event.id.into(),
            event.at.into(),
            (&event.actor).into(),
            (&event.action).into(),
            (&event.subject).into(),
            event.details.to_string().into(),
        ],
    )
}

/// A statement that reads whole audit events.
macro_rules! events {
    ($rest:literal) => {
        concat!("SELECT trail_id, audit_id, at, actor, action, subject, details FROM audit_events ", $rest)
    };
}

/// Lists the events that match a filter, newest first.
pub fn list(tx: &mut Tx<'_>, filter: &Filter) -> Result<Vec<AuditEvent>, StoreError> {
    let (first, last) = range(filter.prefix.as_deref().unwrap_or_default());
    let place = [filter.trail.into(), filter.before.into()];
    let rows = match (&filter.actor, &filter.prefix) {
        (None, None) => tx.rows(
            events!("WHERE trail_id = $1 AND audit_id < $2 ORDER BY audit_id DESC LIMIT $3"),
            &[&place[..], &[filter.limit.into()]].concat(),
        ),
        (None, Some(_)) => tx.rows(
            events!(
                "WHERE trail_id = $1 AND audit_id < $2 AND action >= $3 AND action < $4 \
                 ORDER BY audit_id DESC LIMIT $5"
            ),
            &[&place[..], &[first.into(), last.into(), filter.limit.into()]].concat(),
        ),
        (Some([one, other]), _) => tx.rows(
            events!(
                "WHERE trail_id = $1 AND audit_id < $2 AND action >= $3 AND action < $4 AND actor IN ($5, $6) \
                 ORDER BY audit_id DESC LIMIT $7"
            ),
            &[&place[..], &[first.into(), last.into(), one.into(), other.into(), filter.limit.into()]].concat(),
        ),
    };
    rows?.iter().map(event).collect()
}

/// Returns the bounds of all text with a prefix: the prefix itself, and the prefix followed by the last Unicode
/// character.
fn range(prefix: &str) -> (String, String) {
    (prefix.to_owned(), format!("{prefix}{}", char::MAX))
}

fn event(row: &Row) -> Result<AuditEvent, StoreError> {
    Ok(AuditEvent {
        trail: row.uuid(0)?,
        id: row.uuid(1)?,
        at: row.time(2)?,
        actor: row.string(3)?,
        action: row.string(4)?,
        subject: row.string(5)?,
        details: row.json(6)?,
    })
}
