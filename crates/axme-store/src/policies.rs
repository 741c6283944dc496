//! SQL for sender policies: who may send to an agent, or to the agents of an organization. The entries of a policy are
//! patterns of sender addresses.

use axme_intent::Time;
pub use axme_types::policies::{PolicyKind, PolicyType};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// The largest number of entries of one policy.
pub const MAX_ENTRIES: i64 = 1_000;

/// Whose policy: of an organization, or of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub owner_id: Uuid,
    pub kind: PolicyKind,
    /// Empty for an organization.
    pub address: String,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub policy_id: Uuid,
    pub policy_type: PolicyType,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub entry_id: Uuid,
    pub sender_pattern: String,
    pub created_at: Time,
}

pub fn find(tx: &mut Tx<'_>, holder: &Holder) -> Result<Option<Policy>, StoreError> {
    let row = tx.row(
        "SELECT policy_id, policy_type, created_at, updated_at FROM sender_policies \
         WHERE owner_id = $1 AND kind = $2 AND address = $3",
        &[holder.owner_id.into(), holder.kind.as_str().into(), (&holder.address).into()],
    )?;
    row.map(|row| {
        Ok(Policy {
            policy_id: row.uuid(0)?,
            policy_type: row.word(1, PolicyType::parse)?,
            created_at: row.time(2)?,
            updated_at: row.time(3)?,
        })
    })
    .transpose()
}

/// Creates or updates a policy. Its id and creation time stay.
pub fn put(tx: &mut Tx<'_>, holder: &Holder, policy: &Policy) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO sender_policies (owner_id, kind, address, policy_id, policy_type, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner_id, kind, address) DO UPDATE \
         SET policy_type = excluded.policy_type, updated_at = excluded.updated_at",
        &[
            holder.owner_id.into(),
            holder.kind.as_str().into(),
            (&holder.address).into(),
            policy.policy_id.into(),
            policy.policy_type.as_str().into(),
            policy.created_at.into(),
            policy.updated_at.into(),
        ],
    )
}

/// Deletes a policy and its entries.
pub fn delete(tx: &mut Tx<'_>, holder: &Holder) -> Result<(), StoreError> {
    let params = [holder.owner_id.into(), holder.kind.as_str().into(), (&holder.address).into()];
    tx.push("DELETE FROM sender_policies WHERE owner_id = $1 AND kind = $2 AND address = $3", &params)?;
    tx.push("DELETE FROM sender_entries WHERE owner_id = $1 AND kind = $2 AND address = $3", &params)
}

pub fn entries(tx: &mut Tx<'_>, holder: &Holder, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let rows = tx.rows(
        "SELECT entry_id, sender_pattern, created_at FROM sender_entries \
         WHERE owner_id = $1 AND kind = $2 AND address = $3 ORDER BY entry_id LIMIT $4",
        &[holder.owner_id.into(), holder.kind.as_str().into(), (&holder.address).into(), limit.into()],
    )?;
    rows.iter()
        .map(|row| Ok(Entry { entry_id: row.uuid(0)?, sender_pattern: row.string(1)?, created_at: row.time(2)? }))
        .collect()
}

pub fn add_entry(tx: &mut Tx<'_>, holder: &Holder, entry: &Entry) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO sender_entries (owner_id, kind, address, entry_id, sender_pattern, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            holder.owner_id.into(),
            holder.kind.as_str().into(),
            (&holder.address).into(),
            entry.entry_id.into(),
            (&entry.sender_pattern).into(),
            entry.created_at.into(),
        ],
    )
}

/// Removes an entry. Returns false if there is none.
pub fn remove_entry(tx: &mut Tx<'_>, holder: &Holder, id: Uuid) -> Result<bool, StoreError> {
    let removed = tx.run(
        "DELETE FROM sender_entries WHERE owner_id = $1 AND kind = $2 AND address = $3 AND entry_id = $4",
        &[holder.owner_id.into(), holder.kind.as_str().into(), (&holder.address).into(), id.into()],
    )?;
    Ok(removed > 0)
}

/// Lists the policies of an owner, each with its holder.
pub fn list(tx: &mut Tx<'_>, owner: Uuid, limit: i64) -> Result<Vec<(Holder, PolicyType)>, StoreError> {
    let rows = tx.rows(
        "SELECT kind, address, policy_type FROM sender_policies WHERE owner_id = $1 ORDER BY kind, address LIMIT $2",
        &[owner.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((holder(owner, row)?, row.word(2, PolicyType::parse)?))).collect()
}

/// Lists the sender patterns in the policies of an owner, each with its holder.
pub fn list_patterns(tx: &mut Tx<'_>, owner: Uuid, limit: i64) -> Result<Vec<(Holder, String)>, StoreError> {
    let rows = tx.rows(
        "SELECT kind, address, sender_pattern FROM sender_entries WHERE owner_id = $1 \
         ORDER BY kind, address, entry_id LIMIT $2",
        &[owner.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((holder(owner, row)?, row.string(2)?))).collect()
}

fn holder(owner_id: Uuid, row: &Row) -> Result<Holder, StoreError> {
    Ok(Holder { owner_id, kind: row.word(0, PolicyKind::parse)?, address: row.string(1)? })
}

/// Finds the organization and the workspace of an address by the slugs in it.
pub fn find_place(tx: &mut Tx<'_>, org: &str, workspace: &str) -> Result<Option<(Uuid, Uuid)>, StoreError> {
    let row = tx.row(
        "SELECT o.org_id, w.workspace_id FROM organizations o JOIN workspaces w ON w.org_id = o.org_id \
         WHERE o.slug = $1 AND w.slug = $2",
        &[org.into(), workspace.into()],
    )?;
    row.map(|row| Ok((row.uuid(0)?, row.uuid(1)?))).transpose()
}
