//! Delivery to agents of other workspaces. The intent stays in the workspace of its sender; its delivery waits in the queue
//! of the receiver's workspace, and both commit in one transaction. The receiver's agent finds the intent here.
//!
//! An intent that was escalated to an agent of another workspace is not delivered there: no policy has admitted it.

use axme_intent::{Address, IntentId};
use axme_store::intents::{self, Head};
use axme_store::{StoreError, Tx, received_intents};
use uuid::Uuid;

use crate::policy::places::other_workspace;
use crate::policy::snapshot::Snapshot;

/// Records that an intent of `workspace` goes to its receiver. Returns the workspace in whose queue it waits.
pub(super) fn begin(tx: &mut Tx<'_>, workspace: Uuid, head: &Head) -> Result<Uuid, StoreError> {
    let (id, to) = (head.intent.id, &head.to);
    let Some(other) = other_workspace(tx, workspace, to)? else { return Ok(workspace) };
    received_intents::insert(tx, other, to, id, workspace)?;
    Ok(other)
}

/// Returns the workspace in whose queue an intent of `workspace` waits for an address.
pub(super) fn queue_of(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId) -> Result<Uuid, StoreError> {
    if !Snapshot::of(tx, workspace)?.is_elsewhere(to) {
        return Ok(workspace);
    }
    Ok(received_intents::find_receiver(tx, workspace, to, id)?.unwrap_or(workspace))
}

/// Finds an intent that `workspace` owns, or that `address` of this workspace has received. Returns it with the
/// workspace that owns it.
pub fn find(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: Option<&Address>,
    id: IntentId,
) -> Result<Option<(Uuid, Head)>, StoreError> {
    if let Some(own) = intents::find(tx, workspace, id)? {
        return Ok(Some((workspace, own)));
    }
    let Some(sender) = sender(tx, workspace, address, id)? else { return Ok(None) };
    Ok(intents::find(tx, sender, id)?.map(|head| (sender, head)))
}

/// Finds an intent as [`find`] does, and locks its family.
pub fn lock(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: Option<&Address>,
    id: IntentId,
) -> Result<Option<(Uuid, Head)>, StoreError> {
    if let Some(own) = super::lock(tx, workspace, id)? {
        return Ok(Some((workspace, own)));
    }
    let Some(sender) = sender(tx, workspace, address, id)? else { return Ok(None) };
    Ok(super::lock(tx, sender, id)?.map(|head| (sender, head)))
}

fn sender(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: Option<&Address>,
    id: IntentId,
) -> Result<Option<Uuid>, StoreError> {
    match address {
        Some(address) => received_intents::find_sender(tx, workspace, address, id),
        None => Ok(None),
    }
}
