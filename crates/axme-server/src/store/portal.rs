//! SQL of what a portal counts.

use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// The service accounts of a workspace that are in use.
pub fn count_accounts(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM service_accounts WHERE workspace_id = $1 AND status = 'active'",
        &[workspace.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// What the files of a workspace take, in bytes.
pub fn stored_bytes(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT) FROM media_uploads WHERE workspace_id = $1",
        &[workspace.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}
