//! SQL for the traces of intents: the `traceparent` under which the first intent of a family was submitted.

use axme_intent::IntentId;
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// Records the trace of a family. The first one stays.
pub fn insert(tx: &mut Tx<'_>, workspace: Uuid, root: IntentId, traceparent: &str) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO intent_traces (root_id, workspace_id, traceparent) VALUES ($1, $2, $3) ON CONFLICT (root_id) DO NOTHING",
        &[root.into(), workspace.into(), traceparent.into()],
    )
}

/// Finds the trace of the family of an intent.
pub fn find_of(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Option<String>, StoreError> {
    let row = tx.row(
        "SELECT t.traceparent FROM intents i JOIN intent_traces t ON t.root_id = i.root_id \
         WHERE i.workspace_id = $1 AND i.intent_id = $2",
        &[workspace.into(), id.into()],
    )?;
    row.map(|row| row.string(0)).transpose()
}

/// Finds the trace of a family by its root.
pub fn find(tx: &mut Tx<'_>, root: IntentId) -> Result<Option<String>, StoreError> {
    let row = tx.row("SELECT traceparent FROM intent_traces WHERE root_id = $1", &[root.into()])?;
    row.map(|row| row.string(0)).transpose()
}
