//! The workspaces of agents, by their addresses.

use axme_intent::Address;
use axme_store::{StoreError, Tx, policies};
use uuid::Uuid;

use super::snapshot::Snapshot;

/// Returns the workspace of an agent, if it is another one than `workspace` and exists.
pub fn other_workspace(tx: &mut Tx<'_>, workspace: Uuid, of: &Address) -> Result<Option<Uuid>, StoreError> {
    Ok(place(tx, workspace, of)?.map(|(_, workspace)| workspace))
}

/// Returns the organization and the workspace of an agent of another workspace.
pub(super) fn place(tx: &mut Tx<'_>, workspace: Uuid, of: &Address) -> Result<Option<(Uuid, Uuid)>, StoreError> {
    if !Snapshot::of(tx, workspace)?.is_elsewhere(of) {
        return Ok(None);
    }
    match of.slugs() {
        Some((org, slug)) => policies::find_place(tx, org, slug),
        None => Ok(None),
    }
}
