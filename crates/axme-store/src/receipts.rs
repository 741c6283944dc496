//! SQL for receipts of decisions, and for the keys that sign them. Neither is ever changed or deleted by the server.

use axme_intent::{IntentId, Time};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;
use crate::person_accounts::Seed;

/// A receipt as it is kept.
#[derive(Debug, Clone)]
pub struct StoredReceipt {
    pub workspace: Uuid,
    pub id: Uuid,
    pub intent: IntentId,
    /// The number of the decision's event.
    pub position: u32,
    /// The person, as a `person_key`.
    pub decided_by: String,
    /// JSON.
    pub body: String,
    /// The signed receipt; `None` until a worker has signed it.
    pub signed: Option<String>,
    pub created_at: Time,
}

fn receipt(row: &Row) -> Result<StoredReceipt, StoreError> {
    Ok(StoredReceipt {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        intent: IntentId(row.uuid(2)?),
        position: row.count(3)?,
        decided_by: row.string(4)?,
        body: row.string(5)?,
        signed: row.opt_string(6)?,
        created_at: row.time(7)?,
    })
}

/// A statement that reads whole rows.
macro_rules! receipt {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, receipt_id, intent_id, position, decided_by, body, signed, created_at FROM receipts ",
            $rest
        )
    };
}

pub fn insert(tx: &mut Tx<'_>, new: &StoredReceipt) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO receipts (workspace_id, receipt_id, intent_id, position, decided_by, body, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            new.workspace.into(),
            new.id.into(),
            new.intent.into(),
            new.position.into(),
            (&new.decided_by).into(),
            (&new.body).into(),
            new.created_at.into(),
        ],
    )
}

/// Lists the receipts of an intent, oldest first.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, intent: IntentId, limit: i64) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows = tx.rows(
        receipt!("WHERE workspace_id = $1 AND intent_id = $2 ORDER BY position LIMIT $3"),
        &[workspace.into(), intent.into(), limit.into()],
    )?;
    rows.iter().map(receipt).collect()
}

/// Lists the receipts of what a person decided, newest first. `person` is a `person_key`.
pub fn list_of_person(tx: &mut Tx<'_>, person: &str, limit: i64) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows = tx.rows(
        receipt!("WHERE decided_by = $1 ORDER BY created_at DESC, receipt_id DESC LIMIT $2"),
        &[person.into(), limit.into()],
    )?;
    rows.iter().map(receipt).collect()
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<StoredReceipt>, StoreError> {
    let row = tx.row(receipt!("WHERE workspace_id = $1 AND receipt_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(receipt).transpose()
}

/// Lists receipts that are not signed yet.
pub fn unsigned(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows = tx.rows(receipt!("WHERE signed IS NULL ORDER BY created_at LIMIT $1"), &[limit.into()])?;
    rows.iter().map(receipt).collect()
}

/// Stores a signed receipt. False if another worker has done so.
pub fn set_signed(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid, signed: &str) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE receipts SET signed = $1 WHERE workspace_id = $2 AND receipt_id = $3 AND signed IS NULL",
        &[signed.into(), workspace.into(), id.into()],
    )?;
    Ok(changed == 1)
}

/// Lists every key that has ever signed receipts, newest first.
pub fn keys(tx: &mut Tx<'_>) -> Result<Vec<Seed>, StoreError> {
    let rows =
        tx.rows("SELECT key_id, seed, created_at FROM receipt_keys ORDER BY created_at DESC, key_id DESC", &[])?;
    let read = |row: &Row| Ok(Seed { key_id: row.string(0)?, seed: row.bytes(1)?.to_vec(), created_at: row.time(2)? });
    rows.iter().map(read).collect()
}

pub fn insert_key(tx: &mut Tx<'_>, key: &Seed) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO receipt_keys (key_id, seed, created_at) VALUES ($1, $2, $3)",
        &[(&key.key_id).into(), (&key.seed[..]).into(), key.created_at.into()],
    )
}
