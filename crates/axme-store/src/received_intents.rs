//! SQL for intents that workspaces have received from other workspaces. A row ties the receiver's queue to the intent,
//! which stays in the workspace of its sender.

use axme_intent::{Address, IntentId};
use uuid::Uuid;

use super::Tx;
use super::intents::{Filter, Head, find as find_head};
use crate::error::StoreError;

/// Rows that a listing scans at a time.
const BATCH: i64 = 500;
const MAX_BATCHES: usize = 10;

/// Records that a workspace receives an intent of another one.
pub fn insert(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    id: IntentId,
    sender: Uuid,
) -> Result<(), StoreError> {
    let now = tx.now;
    tx.push(
        "INSERT INTO received_intents (workspace_id, address, intent_id, sender_workspace_id, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
        &[workspace.into(), address.into(), id.into(), sender.into(), now.into()],
    )
}

/// Finds the workspace that sent an intent to an address of this workspace.
pub fn find_sender(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    id: IntentId,
) -> Result<Option<Uuid>, StoreError> {
    let row = tx.row(
        "SELECT sender_workspace_id FROM received_intents WHERE workspace_id = $1 AND address = $2 AND intent_id = $3",
        &[workspace.into(), address.into(), id.into()],
    )?;
    row.map(|row| row.uuid(0)).transpose()
}

/// Finds the workspace in whose queue an intent of the workspace `sender` waits for an address.
pub fn find_receiver(
    tx: &mut Tx<'_>,
    sender: Uuid,
    address: &Address,
    id: IntentId,
) -> Result<Option<Uuid>, StoreError> {
    let row = tx.row(
        "SELECT workspace_id FROM received_intents WHERE intent_id = $1 AND address = $2 AND sender_workspace_id = $3",
        &[id.into(), address.into(), sender.into()],
    )?;
    row.map(|row| row.uuid(0)).transpose()
}

/// Lists a page of the intents that an address has received from other workspaces, newest first. The id is that at which
/// the next page continues, if there may be one.
pub fn list(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    filter: &Filter,
) -> Result<(Vec<Head>, Option<IntentId>), StoreError> {
    let (mut found, mut before) = (Vec::new(), filter.before);
    // A scenario belongs to the workspace that applied it, and an attribute to that whose schema declares it.
    if filter.scenario.is_some() || filter.attribute.is_some() {
        return Ok((found, None));
    }
    for _ in 0..MAX_BATCHES {
        let rows = tx.rows(
            "SELECT intent_id, sender_workspace_id FROM received_intents \
             WHERE workspace_id = $1 AND address = $2 AND intent_id < $3 ORDER BY intent_id DESC LIMIT $4",
            &[workspace.into(), address.into(), before.into(), BATCH.into()],
        )?;
        for row in &rows {
            before = IntentId(row.uuid(0)?);
            if let Some(head) = find_head(tx, row.uuid(1)?, before)?.filter(|head| filter.admits(head)) {
                found.push(head);
                if found.len() == filter.limit {
                    return Ok((found, Some(before)));
                }
            }
        }
        if (rows.len() as i64) < BATCH {
            return Ok((found, None));
        }
    }
    Ok((found, Some(before)))
}
