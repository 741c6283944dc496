//! SQL for links to tasks. A link lets one person answer one request, at most once. Only the hash of its token is
//! stored. [`sweep`] deletes old ones.

use axme_intent::human::Via;
use axme_intent::{IntentId, Time};
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Link {
    pub workspace: Uuid,
    pub hash: Vec<u8>,
    pub intent: IntentId,
    /// The number of the request that it answers; an intent can ask several times.
    pub asking: u32,
    /// The person who may answer with it.
    pub person: String,
    pub via: Via,
    /// The caller who requested the link; `None` for the platform.
    pub issued_by: Option<String>,
    pub created_at: Time,
    /// The latest end of the link. It ends earlier with its task.
    pub expires_at: Time,
    pub used_at: Option<Time>,
    /// The answer given through it.
    pub outcome: Option<String>,
}

pub fn insert(tx: &mut Tx<'_>, link: &Link) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO task_links (workspace_id, hash, intent_id, asking, person, via, issued_by, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            link.workspace.into(),
            (&link.hash[..]).into(),
            link.intent.into(),
            link.asking.into(),
            (&link.person).into(),
            link.via.as_str().into(),
            link.issued_by.as_ref().into(),
            link.created_at.into(),
            link.expires_at.into(),
        ],
    )
}

/// Finds a link and the workspace that it belongs to.
pub fn find(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<(Link, LinkHome)>, StoreError> {
    let row = tx.row(
        "SELECT l.workspace_id, l.hash, l.intent_id, l.asking, l.person, l.via, l.issued_by, l.created_at, l.expires_at, l.used_at, \
         l.outcome, w.slug, o.org_id, o.slug FROM task_links l JOIN workspaces w ON w.workspace_id = l.workspace_id \
         JOIN organizations o ON o.org_id = w.org_id WHERE l.hash = $1",
        &[hash.into()],
    )?;
    row.map(|row| {
        let link = Link {
            workspace: row.uuid(0)?,
            hash: row.bytes(1)?.to_vec(),
            intent: IntentId(row.uuid(2)?),
            asking: row.count(3)?,
            person: row.string(4)?,
            via: row.word(5, Via::parse)?,
            issued_by: row.opt_string(6)?,
            created_at: row.time(7)?,
            expires_at: row.time(8)?,
            used_at: row.opt_time(9)?,
            outcome: row.opt_string(10)?,
        };
        Ok((link, LinkHome { workspace_slug: row.string(11)?, org: row.uuid(12)?, org_slug: row.string(13)? }))
    })
    .transpose()
}

#[derive(Debug, Clone)]
pub struct LinkHome {
    pub workspace_slug: String,
    pub org: Uuid,
    pub org_slug: String,
}

pub fn mark_used(tx: &mut Tx<'_>, link: &Link, outcome: &str, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE task_links SET used_at = $1, outcome = $2 WHERE workspace_id = $3 AND hash = $4",
        &[now.into(), outcome.into(), link.workspace.into(), (&link.hash[..]).into()],
    )
}

/// Makes a used link usable again, because the answer given through it was withdrawn.
pub fn reopen(tx: &mut Tx<'_>, link: &Link) -> Result<(), StoreError> {
    tx.push(
        "UPDATE task_links SET used_at = NULL, outcome = NULL WHERE workspace_id = $1 AND hash = $2",
        &[link.workspace.into(), (&link.hash[..]).into()],
    )
}

/// Deletes up to `limit` links that expired before a time. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, hash FROM task_links WHERE expires_at < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY expires_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &rows {
        tx.push(
            "DELETE FROM task_links WHERE workspace_id = $1 AND hash = $2",
            &[row.uuid(0)?.into(), row.bytes(1)?.into()],
        )?;
    }
    Ok(rows.len())
}
