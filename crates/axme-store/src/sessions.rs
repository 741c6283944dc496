//! SQL for sessions, in which agents work together, and their entries. The row of a session numbers its entries and
//! serializes their writers.

use axme_intent::Time;
pub use axme_types::sessions::{FeedEntryType, SessionStatus};
use serde_json::Value;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Session {
    pub id: Uuid,
    pub kind: String,
    pub status: SessionStatus,
    pub project_id: Option<String>,
    pub parent: Option<Uuid>,
    pub depends_on: Vec<String>,
    /// JSON, as is the result.
    pub metadata: Option<String>,
    pub result: Option<String>,
    pub created_by: String,
    pub last_seq: i64,
    pub created_at: Time,
    pub updated_at: Time,
    pub completed_at: Option<Time>,
}

pub fn insert(tx: &mut Tx<'_>, workspace: Uuid, s: &Session) -> Result<(), StoreError> {
    let depends_on = Value::from(s.depends_on.clone()).to_string();
    tx.push(
        "INSERT INTO sessions (workspace_id, session_id, kind, status, project_id, parent_id, depends_on, metadata, result, \
         created_by, last_seq, created_at, updated_at, completed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &[
            workspace.into(),
            s.id.into(),
            (&s.kind).into(),
            s.status.as_str().into(),
            s.project_id.as_ref().into(),
            s.parent.into(),
            depends_on.into(),
            s.metadata.as_ref().into(),
            s.result.as_ref().into(),
            (&s.created_by).into(),
            s.last_seq.into(),
            s.created_at.into(),
            s.updated_at.into(),
            s.completed_at.into(),
        ],
    )
}

/// A statement that reads whole sessions.
macro_rules! sessions {
    ($rest:literal) => {
        concat!(
            "SELECT session_id, kind, status, project_id, parent_id, depends_on, metadata, result, created_by, last_seq, \
             created_at, updated_at, completed_at FROM sessions ",
            $rest
        )
    };
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Session>, StoreError> {
    let row = tx.row(sessions!("WHERE workspace_id = $1 AND session_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(session).transpose()
}

/// Lists sessions with ids below `before`, newest first, optionally by status and by parent.
pub fn list(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    (status, parent): (Option<SessionStatus>, Option<Uuid>),
    before: Uuid,
    limit: i64,
) -> Result<Vec<Session>, StoreError> {
    let rows = match (status, parent) {
        (None, None) => tx.rows(
            sessions!("WHERE workspace_id = $1 AND session_id < $2 ORDER BY session_id DESC LIMIT $3"),
            &[workspace.into(), before.into(), limit.into()],
        ),
        (Some(status), None) => tx.rows(
            sessions!("WHERE workspace_id = $1 AND status = $2 AND session_id < $3 ORDER BY session_id DESC LIMIT $4"),
            &[workspace.into(), status.as_str().into(), before.into(), limit.into()],
        ),
        (None, Some(parent)) => tx.rows(
            sessions!(
                "WHERE workspace_id = $1 AND parent_id = $2 AND session_id < $3 ORDER BY session_id DESC LIMIT $4"
            ),
            &[workspace.into(), parent.into(), before.into(), limit.into()],
        ),
        (Some(status), Some(parent)) => tx.rows(
            sessions!(
                "WHERE workspace_id = $1 AND parent_id = $2 AND status = $3 AND session_id < $4 \
                 ORDER BY session_id DESC LIMIT $5"
            ),
            &[workspace.into(), parent.into(), status.as_str().into(), before.into(), limit.into()],
        ),
    };
    rows?.iter().map(session).collect()
}

fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.uuid(0)?,
        kind: row.string(1)?,
        status: row.word(2, SessionStatus::parse)?,
        project_id: row.opt_string(3)?,
        parent: row.opt_uuid(4)?,
        depends_on: row.json(5)?,
        metadata: row.opt_string(6)?,
        result: row.opt_string(7)?,
        created_by: row.string(8)?,
        last_seq: row.int(9)?,
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
        completed_at: row.opt_time(12)?,
    })
}

/// Takes the next entry number of an active session. Other writers of the session wait until the commit.
pub fn take_number(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid, now: Time) -> Result<Option<i64>, StoreError> {
    let row = tx.row(
        "UPDATE sessions SET last_seq = last_seq + 1, updated_at = $1 \
         WHERE workspace_id = $2 AND session_id = $3 AND status = 'ACTIVE' RETURNING last_seq",
        &[now.into(), workspace.into(), id.into()],
    )?;
    row.map(|row| row.int(0)).transpose()
}

/// Completes a session. Call [`take_number`] first, for the entry that reports it.
pub fn complete(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    id: Uuid,
    result: Option<&String>,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE sessions SET status = 'COMPLETED', result = $1, completed_at = $2 WHERE workspace_id = $3 AND session_id = $4",
        &[result.into(), now.into(), workspace.into(), id.into()],
    )
}

/// An entry of a session, such as a message.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: i64,
    pub id: Uuid,
    pub kind: FeedEntryType,
    pub role: Option<String>,
    /// JSON.
    pub content: Option<String>,
    pub content_type: Option<String>,
    pub actor: String,
    pub at: Time,
}

pub fn insert_entry(tx: &mut Tx<'_>, workspace: Uuid, session: Uuid, e: &Entry) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO session_entries (workspace_id, session_id, seq, entry_id, kind, role, content, content_type, actor, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            workspace.into(),
            session.into(),
            e.seq.into(),
            e.id.into(),
            e.kind.as_str().into(),
            e.role.as_ref().into(),
            e.content.as_ref().into(),
            e.content_type.as_ref().into(),
            (&e.actor).into(),
            e.at.into(),
        ],
    )
}

/// Lists entries after a number, in order.
pub fn list_entries(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    session: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows = tx.rows(
        "SELECT seq, entry_id, kind, role, content, content_type, actor, at FROM session_entries \
         WHERE workspace_id = $1 AND session_id = $2 AND seq > $3 ORDER BY seq LIMIT $4",
        &[workspace.into(), session.into(), after.into(), limit.into()],
    )?;
    let entry = |row: &Row| {
        Ok(Entry {
            seq: row.int(0)?,
            id: row.uuid(1)?,
            kind: row.word(2, FeedEntryType::parse)?,
            role: row.opt_string(3)?,
            content: row.opt_string(4)?,
            content_type: row.opt_string(5)?,
            actor: row.string(6)?,
            at: row.time(7)?,
        })
    };
    rows.iter().map(entry).collect()
}
