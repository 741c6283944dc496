//! SQL for semantic schemas: JSON Schemas of payloads, by intent type. A schema is for one receiver or for the whole
//! workspace.

use axme_intent::Time;
pub use axme_types::schemas::{CompatibilityMode, SchemaScope};
use serde_json::Value;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Schema {
    pub workspace: Uuid,
    pub semantic_type: String,
    /// The receiver it is for; empty for the whole workspace.
    pub owner: String,
    pub schema_ref: String,
    pub schema_hash: String,
    /// An object.
    pub schema_json: Value,
    pub compatibility_mode: CompatibilityMode,
    pub scope: SchemaScope,
    pub active: bool,
    pub created_at: Time,
    pub updated_at: Time,
}

/// Adds a schema, or replaces the one of the same type and owner.
pub fn put(tx: &mut Tx<'_>, schema: &Schema) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO schemas (workspace_id, semantic_type, owner, schema_ref, schema_hash, schema_json, \
         compatibility_mode, scope, active, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (workspace_id, semantic_type, owner) DO UPDATE SET schema_ref = excluded.schema_ref, \
         schema_hash = excluded.schema_hash, schema_json = excluded.schema_json, \
         compatibility_mode = excluded.compatibility_mode, scope = excluded.scope, active = excluded.active, \
         updated_at = excluded.updated_at",
        &[
            schema.workspace.into(),
            (&schema.semantic_type).into(),
            (&schema.owner).into(),
            (&schema.schema_ref).into(),
            (&schema.schema_hash).into(),
            schema.schema_json.to_string().into(),
            schema.compatibility_mode.as_str().into(),
            schema.scope.as_str().into(),
            schema.active.into(),
            schema.created_at.into(),
            schema.updated_at.into(),
        ],
    )
}

/// Finds the schema for a receiver and the one for the workspace, in this order.
pub fn find(tx: &mut Tx<'_>, workspace: Uuid, semantic_type: &str, owner: &str) -> Result<Vec<Schema>, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, semantic_type, owner, schema_ref, schema_hash, schema_json, compatibility_mode, scope, \
         active, created_at, updated_at FROM schemas \
         WHERE workspace_id = $1 AND semantic_type = $2 AND owner IN ('', $3) ORDER BY owner DESC",
        &[workspace.into(), semantic_type.into(), owner.into()],
    )?;
    rows.iter().map(schema).collect()
}

fn schema(row: &Row) -> Result<Schema, StoreError> {
    Ok(Schema {
        workspace: row.uuid(0)?,
        semantic_type: row.string(1)?,
        owner: row.string(2)?,
        schema_ref: row.string(3)?,
        schema_hash: row.string(4)?,
        schema_json: row.json(5)?,
        compatibility_mode: row.word(6, CompatibilityMode::parse)?,
        scope: row.word(7, SchemaScope::parse)?,
        active: row.int(8)? != 0,
        created_at: row.time(9)?,
        updated_at: row.time(10)?,
    })
}

/// Counts the schemas of a workspace.
pub fn count(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row("SELECT COUNT(*) FROM schemas WHERE workspace_id = $1", &[workspace.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Lists the semantic types that have a schema in a workspace.
pub fn list_types(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Vec<String>, StoreError> {
    let rows = tx.rows("SELECT DISTINCT semantic_type FROM schemas WHERE workspace_id = $1", &[workspace.into()])?;
    rows.iter().map(|row| row.string(0)).collect()
}
