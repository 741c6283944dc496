//! SQL for routed deliveries. The status of one follows from its queue item, which is deleted once the delivery has
//! arrived.

use axme_intent::{Address, Object, Time};
pub use axme_types::deliveries::{DeliveryStatus, DeliveryTransport};
use uuid::Uuid;

use super::principals::json;
use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct RoutedDelivery {
    pub workspace: Uuid,
    pub id: Uuid,
    pub replay_of: Option<Uuid>,
    pub principal: Uuid,
    /// The alias by which the principal was found.
    pub alias: Option<String>,
    pub transport_type: DeliveryTransport,
    pub route: Uuid,
    /// The address of its queue.
    pub queue: Address,
    pub correlation_id: Option<String>,
    pub idempotency_key: Option<String>,
    pub payload: Object,
    pub created_at: Time,
    pub status: DeliveryStatus,
    pub dead_at: Option<Time>,
    pub last_error: Option<String>,
}

pub fn insert(tx: &mut Tx<'_>, delivery: &RoutedDelivery) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO routed_deliveries (workspace_id, delivery_id, replay_of, principal_id, alias, transport_type, route_id, \
         queue_address, correlation_id, idempotency_key, payload, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            delivery.workspace.into(),
            delivery.id.into(),
            delivery.replay_of.into(),
            delivery.principal.into(),
            delivery.alias.as_ref().into(),
            delivery.transport_type.as_str().into(),
            delivery.route.into(),
            (&delivery.queue).into(),
            delivery.correlation_id.as_ref().into(),
            delivery.idempotency_key.as_ref().into(),
            json(&delivery.payload)?.into(),
            delivery.created_at.into(),
        ],
    )
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<RoutedDelivery>, StoreError> {
    let row = tx.row(
        "SELECT r.workspace_id, r.delivery_id, r.replay_of, r.principal_id, r.alias, r.transport_type, r.route_id, r.queue_address, \
         r.correlation_id, r.idempotency_key, r.payload, r.created_at, d.dead_at, d.last_error, \
         CASE WHEN d.item_id IS NULL THEN 'delivered' WHEN d.dead_at IS NOT NULL THEN 'dead_lettered' \
         WHEN d.offers = 0 THEN 'submitted' ELSE 'pending' END FROM routed_deliveries r \
         LEFT JOIN queue_items d ON d.workspace_id = r.workspace_id AND d.address = r.queue_address AND d.item_id = r.delivery_id \
         WHERE r.workspace_id = $1 AND r.delivery_id = $2",
        &[workspace.into(), id.into()],
    )?;
    row.as_ref().map(routed).transpose()
}

/// Finds the workspace of a delivery.
pub fn workspace_of(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM routed_deliveries WHERE delivery_id = $1 LIMIT 1";
    tx.row(sql, &[id.into()])?.map(|row| row.uuid(0)).transpose()
}

/// Lists deliveries to a range of principals with ids below `before`, newest first. Without a status, lists all.
pub fn list(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    principals: (Uuid, Uuid),
    before: Uuid,
    status: Option<&str>,
    limit: i64,
) -> Result<Vec<RoutedDelivery>, StoreError> {
    let rows = tx.rows(
        "SELECT * FROM (SELECT r.workspace_id, r.delivery_id, r.replay_of, r.principal_id, r.alias, r.transport_type, \
         r.route_id, r.queue_address, r.correlation_id, r.idempotency_key, r.payload, r.created_at, d.dead_at, d.last_error, \
         CASE WHEN d.item_id IS NULL THEN 'delivered' WHEN d.dead_at IS NOT NULL THEN 'dead_lettered' \
         WHEN d.offers = 0 THEN 'submitted' ELSE 'pending' END AS standing FROM routed_deliveries r \
         LEFT JOIN queue_items d ON d.workspace_id = r.workspace_id AND d.address = r.queue_address AND d.item_id = r.delivery_id \
         WHERE r.workspace_id = $1 AND r.principal_id BETWEEN $2 AND $3 AND r.delivery_id < $4) AS found \
         WHERE $5 IN ('', found.standing) ORDER BY found.delivery_id DESC LIMIT $6",
        &[
            workspace.into(),
            principals.0.into(),
            principals.1.into(),
            before.into(),
            status.unwrap_or_default().into(),
            limit.into(),
        ],
    )?;
    rows.iter().map(routed).collect()
}

/// Lists deliveries created at or before a time that have neither arrived nor been given up, oldest first.
pub fn list_open(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    before: Time,
    limit: i64,
) -> Result<Vec<(Uuid, Address)>, StoreError> {
    let rows = tx.rows(
        "SELECT r.delivery_id, r.queue_address FROM routed_deliveries r JOIN queue_items d ON d.workspace_id = r.workspace_id \
         AND d.address = r.queue_address AND d.item_id = r.delivery_id \
         WHERE r.workspace_id = $1 AND r.created_at <= $2 AND d.dead_at IS NULL ORDER BY r.delivery_id LIMIT $3",
        &[workspace.into(), before.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.uuid(0)?, Address::from_canonical(row.string(1)?)))).collect()
}

/// Counts the deliveries created since a time, by status.
pub fn count(tx: &mut Tx<'_>, workspace: Uuid, since: Time) -> Result<Vec<(DeliveryStatus, i64)>, StoreError> {
    let rows = tx.rows(
        "SELECT found.standing, COUNT(*) FROM (SELECT CASE WHEN d.item_id IS NULL THEN 'delivered' \
         WHEN d.dead_at IS NOT NULL THEN 'dead_lettered' WHEN d.offers = 0 THEN 'submitted' ELSE 'pending' END AS standing \
         FROM routed_deliveries r LEFT JOIN queue_items d ON d.workspace_id = r.workspace_id AND d.address = r.queue_address \
         AND d.item_id = r.delivery_id WHERE r.workspace_id = $1 AND r.created_at >= $2) AS found GROUP BY found.standing",
        &[workspace.into(), since.into()],
    )?;
    rows.iter().map(|row| Ok((row.word(0, DeliveryStatus::parse)?, row.int(1)?))).collect()
}

fn routed(row: &Row) -> Result<RoutedDelivery, StoreError> {
    Ok(RoutedDelivery {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        replay_of: row.opt_uuid(2)?,
        principal: row.uuid(3)?,
        alias: row.opt_string(4)?,
        transport_type: row.word(5, DeliveryTransport::parse)?,
        route: row.uuid(6)?,
        queue: Address::from_canonical(row.string(7)?),
        correlation_id: row.opt_string(8)?,
        idempotency_key: row.opt_string(9)?,
        payload: row.json(10)?,
        created_at: row.time(11)?,
        dead_at: row.opt_time(12)?,
        last_error: row.opt_string(13)?,
        status: row.word(14, DeliveryStatus::parse)?,
    })
}

/// Deletes up to `limit` deliveries created before a time. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, delivery_id FROM routed_deliveries WHERE created_at < $1 AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY created_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &rows {
        tx.push(
            "DELETE FROM routed_deliveries WHERE workspace_id = $1 AND delivery_id = $2",
            &[row.uuid(0)?.into(), row.uuid(1)?.into()],
        )?;
    }
    Ok(rows.len())
}
