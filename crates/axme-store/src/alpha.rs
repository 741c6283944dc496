//! SQL for trials. A trial has an organization and a workspace from the start; its email address is verified through a
//! link in a mail. Only the hash of that link's token is stored.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Trial {
    pub id: Uuid,
    /// In lower case.
    pub email: String,
    pub org_id: Uuid,
    pub workspace_id: Uuid,
    pub created_at: Time,
    pub expires_at: Time,
    pub verified_at: Option<Time>,
}

fn trial(row: &Row) -> Result<Trial, StoreError> {
    Ok(Trial {
        id: row.uuid(0)?,
        email: row.string(1)?,
        org_id: row.uuid(2)?,
        workspace_id: row.uuid(3)?,
        created_at: row.time(4)?,
        expires_at: row.time(5)?,
        verified_at: row.opt_time(6)?,
    })
}

/// A statement that reads whole rows.
macro_rules! trial {
    ($rest:literal) => {
        concat!("SELECT trial_id, email, org_id, workspace_id, created_at, expires_at, verified_at FROM trials ", $rest)
    };
}

pub fn insert(tx: &mut Tx<'_>, t: &Trial) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO trials (trial_id, email, org_id, workspace_id, mails, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, 0, $5, $6)",
        &[
            t.id.into(),
            (&t.email).into(),
            t.org_id.into(),
            t.workspace_id.into(),
            t.created_at.into(),
            t.expires_at.into(),
        ],
    )
}

pub fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Trial>, StoreError> {
    tx.row(trial!("WHERE trial_id = $1"), &[id.into()])?.as_ref().map(trial).transpose()
}

/// Finds and locks a trial by the hash of the token in its last mail.
pub fn lock(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Trial>, StoreError> {
    tx.row(trial!("WHERE hash = $1 FOR UPDATE"), &[hash.into()])?.as_ref().map(trial).transpose()
}

/// Returns true if a trial's last mail holds the token with this hash.
pub fn is_known(tx: &mut Tx<'_>, hash: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.row("SELECT 1 FROM trials WHERE hash = $1", &[hash.into()])?.is_some())
}

/// Lists the trials of an address created after `since`, newest first.
pub fn list(tx: &mut Tx<'_>, email: &str, since: Time, limit: i64) -> Result<Vec<Trial>, StoreError> {
    let rows = tx.rows(
        trial!("WHERE email = $1 AND created_at > $2 ORDER BY created_at DESC, trial_id DESC LIMIT $3"),
        &[email.into(), since.into(), limit.into()],
    )?;
    rows.iter().map(trial).collect()
}

/// Stores the hash of the token in the mail that is being sent.
pub fn set_token(tx: &mut Tx<'_>, id: Uuid, hash: &[u8]) -> Result<(), StoreError> {
    tx.push("UPDATE trials SET hash = $1 WHERE trial_id = $2", &[hash.into(), id.into()])
}

pub fn mark_verified(tx: &mut Tx<'_>, id: Uuid, now: Time) -> Result<(), StoreError> {
    tx.push("UPDATE trials SET verified_at = $1 WHERE trial_id = $2", &[now.into(), id.into()])
}

/// Counts one more mail of a trial. Returns the new count.
pub fn count_mail(tx: &mut Tx<'_>, id: Uuid) -> Result<i64, StoreError> {
    let row = tx.row("UPDATE trials SET mails = mails + 1 WHERE trial_id = $1 RETURNING mails", &[id.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}
