//! The size of the database on the server's disk.

use crate::error::StoreError;
use crate::tx::Tx;

pub(crate) fn database_bytes(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let row = tx.row("SELECT pg_database_size(current_database())", &[])?;
    row.map_or(Ok(0), |row| Ok(u64::try_from(row.int(0)?).unwrap_or(0)))
}
