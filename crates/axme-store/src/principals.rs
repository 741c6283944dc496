//! SQL for principals, which routes lead to, and their aliases. An alias that is not revoked is unique in its
//! workspace. Revoked aliases are kept.

use axme_intent::{Object, Time};
pub use axme_types::principals::{AliasType, PrincipalStatus, PrincipalType};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Principal {
    pub workspace: Uuid,
    pub id: Uuid,
    pub principal_type: PrincipalType,
    pub display_name: Option<String>,
    pub status: PrincipalStatus,
    pub metadata: Object,
    pub created_at: Time,
    pub updated_at: Time,
}

pub fn insert(tx: &mut Tx<'_>, principal: &Principal) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO principals (workspace_id, principal_id, principal_type, display_name, status, metadata, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            principal.workspace.into(),
            principal.id.into(),
            principal.principal_type.as_str().into(),
            principal.display_name.as_ref().into(),
            principal.status.as_str().into(),
            json(&principal.metadata)?.into(),
            principal.created_at.into(),
            principal.updated_at.into(),
        ],
    )
}

pub(super) fn json(metadata: &Object) -> Result<String, StoreError> {
    serde_json::to_string(metadata).map_err(|error| StoreError::Fault(error.to_string()))
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Principal>, StoreError> {
    let row = tx.row(
        "SELECT principal_type, display_name, status, metadata, created_at, updated_at FROM principals \
         WHERE workspace_id = $1 AND principal_id = $2",
        &[workspace.into(), id.into()],
    )?;
    row.map(|row| {
        Ok(Principal {
            workspace,
            id,
            principal_type: row.word(0, PrincipalType::parse)?,
            display_name: row.opt_string(1)?,
            status: row.word(2, PrincipalStatus::parse)?,
            metadata: row.json(3)?,
            created_at: row.time(4)?,
            updated_at: row.time(5)?,
        })
    })
    .transpose()
}

/// Finds the workspace of a principal.
pub fn workspace_of(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM principals WHERE principal_id = $1 LIMIT 1";
    tx.row(sql, &[id.into()])?.map(|row| row.uuid(0)).transpose()
}

#[derive(Debug, Clone)]
pub struct Alias {
    pub workspace: Uuid,
    pub id: Uuid,
    pub principal: Uuid,
    pub alias: String,
    pub alias_type: AliasType,
    pub metadata: Object,
    pub created_at: Time,
    pub updated_at: Time,
    pub revoked_at: Option<Time>,
}

pub fn put_alias(tx: &mut Tx<'_>, alias: &Alias) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO principal_aliases (workspace_id, alias_id, principal_id, alias, alias_type, metadata, created_at, \
         updated_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (workspace_id, alias_id) DO UPDATE SET alias_type = excluded.alias_type, \
         metadata = excluded.metadata, updated_at = excluded.updated_at, revoked_at = excluded.revoked_at",
        &[
            alias.workspace.into(),
            alias.id.into(),
            alias.principal.into(),
            (&alias.alias).into(),
            alias.alias_type.as_str().into(),
            json(&alias.metadata)?.into(),
            alias.created_at.into(),
            alias.updated_at.into(),
            alias.revoked_at.into(),
        ],
    )?;
    Ok(())
}

/// A statement that reads whole aliases.
macro_rules! aliases {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, alias_id, principal_id, alias, alias_type, metadata, created_at, updated_at, \
             revoked_at FROM principal_aliases ",
            $rest
        )
    };
}

pub fn find_alias(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Alias>, StoreError> {
    let row = tx.row(aliases!("WHERE workspace_id = $1 AND alias_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(alias).transpose()
}

/// Finds the workspace of an alias.
pub fn workspace_of_alias(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM principal_aliases WHERE alias_id = $1 LIMIT 1";
    tx.row(sql, &[id.into()])?.map(|row| row.uuid(0)).transpose()
}

/// Finds the alias with a name, if it is not revoked.
pub fn find_active(tx: &mut Tx<'_>, workspace: Uuid, name: &str) -> Result<Option<Alias>, StoreError> {
    let row = tx.row(
        aliases!("WHERE workspace_id = $1 AND alias = $2 AND revoked_at IS NULL"),
        &[workspace.into(), name.into()],
    )?;
    row.as_ref().map(alias).transpose()
}

/// Lists aliases of a range of principals, oldest first. `revoked` is a range of revocation times in microseconds,
/// where 0 means never.
pub fn list_aliases(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    principals: (Uuid, Uuid),
    revoked: (i64, i64),
    limit: i64,
) -> Result<Vec<Alias>, StoreError> {
    let rows = tx.rows(
        aliases!(
            "WHERE workspace_id = $1 AND principal_id BETWEEN $2 AND $3 AND COALESCE(revoked_at, 0) BETWEEN $4 AND $5 \
             ORDER BY alias_id LIMIT $6"
        ),
        &[workspace.into(), principals.0.into(), principals.1.into(), revoked.0.into(), revoked.1.into(), limit.into()],
    )?;
    rows.iter().map(alias).collect()
}

fn alias(row: &Row) -> Result<Alias, StoreError> {
    Ok(Alias {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        principal: row.uuid(2)?,
        alias: row.string(3)?,
        alias_type: row.word(4, AliasType::parse)?,
        metadata: row.json(5)?,
        created_at: row.time(6)?,
        updated_at: row.time(7)?,
        revoked_at: row.opt_time(8)?,
    })
}
