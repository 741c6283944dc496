//! SQL for the routes and the transport bindings of principals. A route leads to an endpoint; a binding records the
//! handle of a principal on a transport.

use axme_intent::{Object, Time};
pub use axme_types::routing::{AuthMode, BindingStatus, FailoverPolicy, RouteHealth, RouteStatus, TransportType};
use uuid::Uuid;

use super::principals::json;
use super::{Row, Tx, Value};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Route {
    pub workspace: Uuid,
    pub id: Uuid,
    pub principal: Uuid,
    pub transport_type: TransportType,
    pub endpoint_url: String,
    pub auth_mode: AuthMode,
    pub region: Option<String>,
    pub cluster_id: Option<String>,
    pub failover_policy: FailoverPolicy,
    pub priority: i64,
    pub health_status: RouteHealth,
    pub status: RouteStatus,
    pub metadata: Object,
    pub created_at: Time,
    pub updated_at: Time,
}

pub fn put(tx: &mut Tx<'_>, route: &Route) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO routes (workspace_id, route_id, principal_id, transport_type, endpoint_url, auth_mode, region, \
         cluster_id, failover_policy, priority, health_status, status, metadata, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         ON CONFLICT (workspace_id, route_id) DO UPDATE SET endpoint_url = excluded.endpoint_url, \
         auth_mode = excluded.auth_mode, region = excluded.region, cluster_id = excluded.cluster_id, \
         failover_policy = excluded.failover_policy, priority = excluded.priority, \
         health_status = excluded.health_status, status = excluded.status, metadata = excluded.metadata, \
         updated_at = excluded.updated_at",
        &[
            route.workspace.into(),
            route.id.into(),
            route.principal.into(),
            route.transport_type.as_str().into(),
            (&route.endpoint_url).into(),
            route.auth_mode.as_str().into(),
            route.region.as_ref().into(),
            route.cluster_id.as_ref().into(),
            route.failover_policy.as_str().into(),
            route.priority.into(),
            route.health_status.as_str().into(),
            route.status.as_str().into(),
            json(&route.metadata)?.into(),
            route.created_at.into(),
            route.updated_at.into(),
        ],
    )
}

/// A statement that reads whole routes.
macro_rules! routes {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, route_id, principal_id, transport_type, endpoint_url, auth_mode, region, cluster_id, \
             failover_policy, priority, health_status, status, metadata, created_at, updated_at FROM routes ",
            $rest
        )
    };
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Route>, StoreError> {
    let row = tx.row(routes!("WHERE workspace_id = $1 AND route_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(route).transpose()
}

/// Finds the workspace of a route.
pub fn workspace_of(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM routes WHERE route_id = $1 LIMIT 1";
    tx.row(sql, &[id.into()])?.map(|row| row.uuid(0)).transpose()
}

/// A filter of routes or bindings.
pub struct Filter {
    /// A range of ids.
    pub principals: (Uuid, Uuid),
    /// `None` for all, here and in `status`.
    pub transport_type: Option<String>,
    pub status: Option<String>,
    pub limit: i64,
}

impl Filter {
    fn values(&self, workspace: Uuid) -> [Value<'_>; 6] {
        [
            workspace.into(),
            self.principals.0.into(),
            self.principals.1.into(),
            self.transport_type.as_deref().unwrap_or_default().into(),
            self.status.as_deref().unwrap_or_default().into(),
            self.limit.into(),
        ]
    }
}

/// Lists routes, oldest first.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, filter: &Filter) -> Result<Vec<Route>, StoreError> {
    let rows = tx.rows(
        routes!(
            "WHERE workspace_id = $1 AND principal_id BETWEEN $2 AND $3 AND $4 IN ('', transport_type) AND $5 IN ('', status) \
             ORDER BY route_id LIMIT $6"
        ),
        &filter.values(workspace),
    )?;
    rows.iter().map(route).collect()
}

/// Lists the active routes of a principal by priority, unhealthy ones last.
pub fn list_best(tx: &mut Tx<'_>, workspace: Uuid, principal: Uuid, limit: i64) -> Result<Vec<Route>, StoreError> {
    let rows = tx.rows(
        routes!(
            "WHERE workspace_id = $1 AND principal_id = $2 AND status = 'active' \
             ORDER BY CASE WHEN health_status = 'unhealthy' THEN 1 ELSE 0 END, priority, route_id LIMIT $3"
        ),
        &[workspace.into(), principal.into(), limit.into()],
    )?;
    rows.iter().map(route).collect()
}

pub fn count(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row("SELECT COUNT(*) FROM routes WHERE workspace_id = $1", &[workspace.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}

pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<bool, StoreError> {
    let gone =
        tx.run("DELETE FROM routes WHERE workspace_id = $1 AND route_id = $2", &[workspace.into(), id.into()])?;
    Ok(gone > 0)
}

fn route(row: &Row) -> Result<Route, StoreError> {
    Ok(Route {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        principal: row.uuid(2)?,
        transport_type: row.word(3, TransportType::parse)?,
        endpoint_url: row.string(4)?,
        auth_mode: row.word(5, AuthMode::parse)?,
        region: row.opt_string(6)?,
        cluster_id: row.opt_string(7)?,
        failover_policy: row.word(8, FailoverPolicy::parse)?,
        priority: row.int(9)?,
        health_status: row.word(10, RouteHealth::parse)?,
        status: row.word(11, RouteStatus::parse)?,
        metadata: row.json(12)?,
        created_at: row.time(13)?,
        updated_at: row.time(14)?,
    })
}

#[derive(Debug, Clone)]
pub struct Binding {
    pub workspace: Uuid,
    pub id: Uuid,
    pub principal: Uuid,
    pub transport_type: TransportType,
    pub transport_handle: String,
    pub priority: i64,
    pub status: BindingStatus,
    pub metadata: Object,
    pub created_at: Time,
    pub updated_at: Time,
}

/// Creates a binding, or updates the one with the same handle, which keeps its id and creation time. Returns the stored
/// binding.
pub fn put_binding(tx: &mut Tx<'_>, binding: &Binding) -> Result<Binding, StoreError> {
    let row = tx.row(
        "INSERT INTO transport_bindings (workspace_id, binding_id, principal_id, transport_type, transport_handle, \
         priority, status, metadata, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (workspace_id, principal_id, transport_type, transport_handle) DO UPDATE SET \
         priority = excluded.priority, status = excluded.status, metadata = excluded.metadata, \
         updated_at = excluded.updated_at RETURNING binding_id, created_at",
        &[
            binding.workspace.into(),
            binding.id.into(),
            binding.principal.into(),
            binding.transport_type.as_str().into(),
            (&binding.transport_handle).into(),
            binding.priority.into(),
            binding.status.as_str().into(),
            json(&binding.metadata)?.into(),
            binding.created_at.into(),
            binding.updated_at.into(),
        ],
    )?;
    let row = row.ok_or_else(|| StoreError::Fault("a binding was not stored".to_owned()))?;
    Ok(Binding { id: row.uuid(0)?, created_at: row.time(1)?, ..binding.clone() })
}

pub fn count_bindings(tx: &mut Tx<'_>, workspace: Uuid) -> Result<i64, StoreError> {
    let row = tx.row("SELECT COUNT(*) FROM transport_bindings WHERE workspace_id = $1", &[workspace.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Lists bindings, oldest first.
pub fn list_bindings(tx: &mut Tx<'_>, workspace: Uuid, filter: &Filter) -> Result<Vec<Binding>, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, binding_id, principal_id, transport_type, transport_handle, priority, status, metadata, \
         created_at, updated_at FROM transport_bindings WHERE workspace_id = $1 AND principal_id BETWEEN $2 AND $3 \
         AND $4 IN ('', transport_type) AND $5 IN ('', status) ORDER BY binding_id LIMIT $6",
        &filter.values(workspace),
    )?;
    rows.iter()
        .map(|row| {
            Ok(Binding {
                workspace: row.uuid(0)?,
                id: row.uuid(1)?,
                principal: row.uuid(2)?,
                transport_type: row.word(3, TransportType::parse)?,
                transport_handle: row.string(4)?,
                priority: row.int(5)?,
                status: row.word(6, BindingStatus::parse)?,
                metadata: row.json(7)?,
                created_at: row.time(8)?,
                updated_at: row.time(9)?,
            })
        })
        .collect()
}

/// Finds the workspace of a binding.
pub fn workspace_of_binding(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM transport_bindings WHERE binding_id = $1 LIMIT 1";
    tx.row(sql, &[id.into()])?.map(|row| row.uuid(0)).transpose()
}

pub fn delete_binding(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<bool, StoreError> {
    let gone = tx.run(
        "DELETE FROM transport_bindings WHERE workspace_id = $1 AND binding_id = $2",
        &[workspace.into(), id.into()],
    )?;
    Ok(gone > 0)
}
