//! SQL for the saved views of the console. The owner is the account of a person or of a key.

use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// A filter of the list of intents under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    pub name: String,
    /// The query of the page.
    pub query: String,
}

/// Lists the views of an owner by name.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, owner: &str, limit: i64) -> Result<Vec<SavedView>, StoreError> {
    let rows = tx.rows(
        "SELECT name, query FROM saved_views WHERE workspace_id = $1 AND owner_id = $2 ORDER BY name LIMIT $3",
        &[workspace.into(), owner.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok(SavedView { name: row.string(0)?, query: row.string(1)? })).collect()
}

/// Saves a view, also in place of an earlier one of its name.
pub fn put(tx: &mut Tx<'_>, workspace: Uuid, owner: &str, view: &SavedView) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO saved_views (workspace_id, owner_id, name, query) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (workspace_id, owner_id, name) DO UPDATE SET query = excluded.query",
        &[workspace.into(), owner.into(), (&view.name).into(), (&view.query).into()],
    )
}

/// Removes a view. Returns false if there is none of this name.
pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, owner: &str, name: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM saved_views WHERE workspace_id = $1 AND owner_id = $2 AND name = $3";
    Ok(tx.run(sql, &[workspace.into(), owner.into(), name.into()])? > 0)
}
