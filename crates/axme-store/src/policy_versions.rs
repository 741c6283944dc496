//! SQL for versions of rules. Every change of a rule raises the version of the workspace or organization that owns it.
//! [`Tx::rules`] reads and compares the versions.

use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::Tx;

/// Invalidates every value derived from an owner's rules, on all nodes, with the commit.
pub fn raise(tx: &mut Tx<'_>, owner: Uuid) -> Result<(), StoreError> {
    tx.forget_rules(owner);
    // Later jobs of the same group would fail, because they would compare the version before the change.
    tx.holds_shared_lock();
    tx.push(
        "INSERT INTO policy_versions (owner_id, version) VALUES ($1, 1) \
         ON CONFLICT (owner_id) DO UPDATE SET version = policy_versions.version + 1",
        &[owner.into()],
    )
}
