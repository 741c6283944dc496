//! SQL for invites. An invite can be accepted once, with its token. Only the hash of the token is stored. [`sweep`]
//! deletes old ones.

use axme_intent::{Address, Time};
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Invite {
    pub workspace: Uuid,
    pub hash: Vec<u8>,
    pub owner: Address,
    pub recipient_hint: Option<String>,
    pub created_at: Time,
    pub expires_at: Time,
    pub accepted_at: Option<Time>,
    /// The user who accepted it.
    pub accepted_by: Option<Uuid>,
}

pub fn insert(tx: &mut Tx<'_>, invite: &Invite) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO invites (workspace_id, hash, owner, recipient_hint, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            invite.workspace.into(),
            (&invite.hash[..]).into(),
            (&invite.owner).into(),
            invite.recipient_hint.as_ref().into(),
            invite.created_at.into(),
            invite.expires_at.into(),
        ],
    )
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, hash: &[u8]) -> Result<Option<Invite>, StoreError> {
    let row = tx.row(
        "SELECT owner, recipient_hint, created_at, expires_at, accepted_at, accepted_by FROM invites \
         WHERE workspace_id = $1 AND hash = $2",
        &[workspace.into(), hash.into()],
    )?;
    row.map(|row| {
        Ok(Invite {
            workspace,
            hash: hash.to_vec(),
            owner: Address::from_canonical(row.string(0)?),
            recipient_hint: row.opt_string(1)?,
            created_at: row.time(2)?,
            expires_at: row.time(3)?,
            accepted_at: row.opt_time(4)?,
            accepted_by: row.opt_uuid(5)?,
        })
    })
    .transpose()
}

/// Records the user who accepts an invite. Returns false if it was accepted before.
pub fn accept(tx: &mut Tx<'_>, invite: &Invite, user: Uuid, now: Time) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE invites SET accepted_at = $1, accepted_by = $2 WHERE workspace_id = $3 AND hash = $4 \
         AND accepted_at IS NULL",
        &[now.into(), user.into(), invite.workspace.into(), (&invite.hash[..]).into()],
    )?;
    Ok(changed > 0)
}

/// Deletes up to `limit` invites that expired before a time. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, hash FROM invites WHERE expires_at < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY expires_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &rows {
        tx.push(
            "DELETE FROM invites WHERE workspace_id = $1 AND hash = $2",
            &[row.uuid(0)?.into(), row.bytes(1)?.into()],
        )?;
    }
    Ok(rows.len())
}
