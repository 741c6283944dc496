//! SQL for consumers: the named readers of an address, and the items of its queue that each name holds.
//!
//! A held item is never due. It becomes due when the claims of its name are released, which the caller decides by the
//! last sign of life of the name. Every item that is held has the row of its name, in the same transaction.

use axme_intent::{Address, IntentId, Time};
pub use axme_types::consumers::ConsumerName;
use uuid::Uuid;

use super::queue::{self, HELD, QueueItem};
use super::{Row, Tx};
use crate::error::StoreError;

/// A named reader of the queue of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consumer {
    pub workspace: Uuid,
    pub address: Address,
    pub name: ConsumerName,
}

/// Records a sign of life. Returns false if the name is unknown.
pub fn see(tx: &mut Tx<'_>, consumer: &Consumer, at: Time) -> Result<bool, StoreError> {
    let known = tx.run(
        "UPDATE consumers SET seen_at = CASE WHEN seen_at < $1 THEN $1 ELSE seen_at END \
         WHERE workspace_id = $2 AND address = $3 AND name = $4",
        &[at.into(), consumer.workspace.into(), (&consumer.address).into(), consumer.name.as_str().into()],
    )?;
    Ok(known > 0)
}

/// Records a sign of life, also of a new name.
pub fn put(tx: &mut Tx<'_>, consumer: &Consumer, at: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO consumers (workspace_id, address, name, seen_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (workspace_id, address, name) DO UPDATE SET seen_at = \
         CASE WHEN consumers.seen_at < excluded.seen_at THEN excluded.seen_at ELSE consumers.seen_at END",
        &[consumer.workspace.into(), (&consumer.address).into(), consumer.name.as_str().into(), at.into()],
    )
}

/// Counts the names of an address.
pub fn count(tx: &mut Tx<'_>, workspace: Uuid, address: &Address) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM consumers WHERE workspace_id = $1 AND address = $2";
    tx.row(sql, &[workspace.into(), address.into()])?.map_or(Ok(0), |row| row.int(0))
}

/// Lists the names that hold items of an address, with their last signs of life.
pub fn list_holders(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
) -> Result<Vec<(ConsumerName, Time)>, StoreError> {
    let rows = tx.rows(
        "SELECT c.name, c.seen_at FROM consumers c WHERE c.workspace_id = $1 AND c.address = $2 AND EXISTS \
         (SELECT 1 FROM queue_items q WHERE q.workspace_id = c.workspace_id AND q.address = c.address AND q.consumer = c.name)",
        &[workspace.into(), address.into()],
    )?;
    rows.iter().map(|row| Ok((name(row)?, row.time(1)?))).collect()
}

/// Lists names of an address without a sign of life after `until`.
pub fn list_silent(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    until: Time,
    limit: i64,
) -> Result<Vec<ConsumerName>, StoreError> {
    let rows = tx.rows(
        "SELECT name FROM consumers WHERE workspace_id = $1 AND address = $2 AND seen_at <= $3 ORDER BY name LIMIT $4",
        &[workspace.into(), address.into(), until.into(), limit.into()],
    )?;
    rows.iter().map(name).collect()
}

fn name(row: &Row) -> Result<ConsumerName, StoreError> {
    row.word(0, ConsumerName::parse)
}

/// Makes up to `limit` items that a name holds due at `now`, unless the name has given a sign of life after `until`.
/// Forgets the name when it holds nothing more. Returns the number of items.
pub fn release(tx: &mut Tx<'_>, consumer: &Consumer, until: Time, now: Time, limit: i64) -> Result<u64, StoreError> {
    let of_name = [consumer.workspace.into(), (&consumer.address).into(), consumer.name.as_str().into()];
    // The lock excludes claims of the name and its signs of life.
    let sql = "SELECT seen_at FROM consumers WHERE workspace_id = $1 AND address = $2 AND name = $3 FOR UPDATE";
    let seen_at = tx.row(sql, &of_name)?.map(|row| row.time(0)).transpose()?;
    if seen_at.is_none_or(|seen_at| seen_at > until) {
        return Ok(0);
    }
    let [workspace, address, name] = of_name;
    let released = tx.run(
        "UPDATE queue_items SET consumer = NULL, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND consumer = $4 \
         AND item_id IN (SELECT item_id FROM queue_items WHERE workspace_id = $2 AND address = $3 AND consumer = $4 ORDER BY number LIMIT $5)",
        &[now.into(), workspace, address, name, limit.into()],
    )?;
    if released < u64::try_from(limit).unwrap_or(0) {
        tx.push(
            "DELETE FROM consumers WHERE workspace_id = $1 AND address = $2 AND name = $3",
            &[consumer.workspace.into(), (&consumer.address).into(), consumer.name.as_str().into()],
        )?;
    }
    Ok(released)
}

/// Lets a consumer hold an item that it has fetched. Does nothing if another name holds it.
pub fn hold(tx: &mut Tx<'_>, consumer: &Consumer, intent: IntentId) -> Result<(), StoreError> {
    let Consumer { workspace, address, name } = consumer;
    let item = QueueItem::from(intent);
    let row = tx.row(
        "SELECT number FROM queue_items WHERE workspace_id = $1 AND address = $2 AND item_id = $3 AND consumer IS NULL \
         AND dead_at IS NULL",
        &[(*workspace).into(), address.into(), item.into()],
    )?;
    let Some(row) = row else { return Ok(()) };
    // Readers that start anew find the item by its number.
    let number = match row.opt_int(0)? {
        Some(number) => number,
        None => queue::take_numbers(tx, *workspace, address, 1)?,
    };
    tx.push(
        "UPDATE queue_items SET consumer = $1, due_at = $2, number = $3, acknowledged = 1 \
         WHERE workspace_id = $4 AND address = $5 AND item_id = $6 AND consumer IS NULL AND dead_at IS NULL",
        &[name.as_str().into(), HELD.into(), number.into(), (*workspace).into(), address.into(), item.into()],
    )
}

/// Deletes up to `limit` names that hold nothing and have given no sign of life since `before`. Returns their number.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let swept = tx.run(
        "DELETE FROM consumers WHERE seen_at < $1 AND (workspace_id, address, name) IN \
         (SELECT c.workspace_id, c.address, c.name FROM consumers c WHERE c.seen_at < $1 AND NOT EXISTS (SELECT 1 FROM queue_items q WHERE \
         q.workspace_id = c.workspace_id AND q.address = c.address AND q.consumer = c.name) LIMIT $2)",
        &[before.into(), limit.into()],
    )?;
    Ok(usize::try_from(swept).unwrap_or(0))
}
