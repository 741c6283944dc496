//! SQL for webhooks: subscriptions, events, and fan-outs, which a worker turns into events. Each subscription has its
//! own queue.

use axme_intent::{Address, IntentId, Json, Time};
pub use axme_types::webhooks::{EventOrigin, EventSource, RESERVED_EVENT_PREFIX};
use uuid::Uuid;

use super::queue::{self, QueueItem};
use super::{Row, Tx};
use crate::error::StoreError;
use crate::retention::Oldest;

#[derive(Debug, Clone)]
pub struct Subscription {
    pub workspace: Uuid,
    pub id: Uuid,
    pub owner: Address,
    /// It receives the events of every owner.
    pub for_all: bool,
    pub callback_url: String,
    pub secret: String,
    pub event_types: Vec<String>,
    pub active: bool,
    pub description: Option<String>,
    /// The creator, if the subscription depends on the creator's rights in the workspace; it ends with those.
    pub created_by: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
    pub revoked_at: Option<Time>,
}

impl Subscription {
    /// The address of its queue.
    pub fn address(&self) -> Address {
        Address::from_canonical(format!("webhook://{}", self.id))
    }

    pub fn wants(&self, event_type: &str, owners: &[Address]) -> bool {
        let is_meant = |wanted: &String| match wanted.strip_suffix('*') {
            Some(family) => event_type.starts_with(family),
            None => wanted == event_type,
        };
        (self.for_all || owners.contains(&self.owner)) && self.event_types.iter().any(is_meant)
    }
}

/// A statement that reads whole subscriptions.
macro_rules! subscription {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, subscription_id, owner, for_all, callback_url, secret, event_types, active, description, \
             created_by, created_at, updated_at, revoked_at FROM webhook_subscriptions ",
            $rest
        )
    };
}

pub fn put(tx: &mut Tx<'_>, s: &Subscription) -> Result<(), StoreError> {
    let event_types = serde_json::to_string(&s.event_types).map_err(|error| StoreError::Fault(error.to_string()))?;
    tx.push(
        "INSERT INTO webhook_subscriptions (workspace_id, subscription_id, owner, for_all, callback_url, secret, \
         event_types, active, description, created_by, created_at, updated_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (workspace_id, subscription_id) DO UPDATE SET secret = excluded.secret, \
         event_types = excluded.event_types, active = excluded.active, description = excluded.description, \
         created_by = excluded.created_by, updated_at = excluded.updated_at, revoked_at = excluded.revoked_at",
        &[
            s.workspace.into(),
            s.id.into(),
            (&s.owner).into(),
            s.for_all.into(),
            (&s.callback_url).into(),
            (&s.secret).into(),
            event_types.into(),
            s.active.into(),
            s.description.as_ref().into(),
            s.created_by.as_ref().into(),
            s.created_at.into(),
            s.updated_at.into(),
            s.revoked_at.into(),
        ],
    )
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Subscription>, StoreError> {
    let row =
        tx.row(subscription!("WHERE workspace_id = $1 AND subscription_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(subscription).transpose()
}

/// Lists the subscriptions of a workspace that are not revoked, oldest first.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, limit: i64) -> Result<Vec<Subscription>, StoreError> {
    let rows = tx.rows(
        subscription!("WHERE workspace_id = $1 AND revoked_at IS NULL ORDER BY subscription_id LIMIT $2"),
        &[workspace.into(), limit.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Lists the revoked subscriptions of a workspace, or of one owner in it, latest revocation first.
pub fn list_revoked(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    owner: Option<&Address>,
    limit: i64,
) -> Result<Vec<Subscription>, StoreError> {
    let rows = tx.rows(
        subscription!(
            "WHERE workspace_id = $1 AND revoked_at IS NOT NULL AND $2 IN ('', owner) \
             ORDER BY revoked_at DESC, subscription_id LIMIT $3"
        ),
        &[workspace.into(), owner.map_or("", Address::as_str).into(), limit.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Lists a page of the subscriptions of a creator that are not revoked, in all workspaces.
pub fn list_of(
    tx: &mut Tx<'_>,
    created_by: &str,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<Subscription>, StoreError> {
    let rows = tx.rows(
        subscription!(
            "WHERE created_by = $1 AND revoked_at IS NULL AND (workspace_id, subscription_id) > ($2, $3) \
             ORDER BY workspace_id, subscription_id LIMIT $4"
        ),
        &[created_by.into(), after.0.into(), after.1.into(), limit.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Lists a page of the active subscriptions of all workspaces.
pub fn list_active(tx: &mut Tx<'_>, after: (Uuid, Uuid), limit: i64) -> Result<Vec<Subscription>, StoreError> {
    let rows = tx.rows(
        subscription!(
            "WHERE (workspace_id, subscription_id) > ($1, $2) AND active = 1 AND revoked_at IS NULL \
             ORDER BY workspace_id, subscription_id LIMIT $3"
        ),
        &[after.0.into(), after.1.into(), limit.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Returns true if a workspace has an active subscription.
pub fn has_active(tx: &mut Tx<'_>, workspace: Uuid) -> Result<bool, StoreError> {
    let active = tx.row(
        "SELECT 1 FROM webhook_subscriptions WHERE workspace_id = $1 AND active = 1 AND revoked_at IS NULL LIMIT 1",
        &[workspace.into()],
    )?;
    Ok(active.is_some())
}

fn subscription(row: &Row) -> Result<Subscription, StoreError> {
    Ok(Subscription {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        owner: Address::from_canonical(row.string(2)?),
        for_all: row.int(3)? != 0,
        callback_url: row.string(4)?,
        secret: row.string(5)?,
        event_types: row.json(6)?,
        active: row.int(7)? != 0,
        description: row.opt_string(8)?,
        created_by: row.opt_string(9)?,
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
        revoked_at: row.opt_time(12)?,
    })
}

/// Deletes the queue of a subscription.
pub fn drop_queue(tx: &mut Tx<'_>, subscription: &Subscription) -> Result<(), StoreError> {
    tx.push(
        "DELETE FROM queue_items WHERE workspace_id = $1 AND address = $2",
        &[subscription.workspace.into(), (&subscription.address()).into()],
    )
}

#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    /// The addresses that the event concerns.
    pub owners: Vec<Address>,
    pub event_type: String,
    pub source: String,
    /// `None` for an event from before this was recorded.
    pub origin: Option<EventOrigin>,
    /// An object.
    pub payload: Json,
    /// The number of its deliveries so far; `delivered` counts those that arrived.
    pub queued: i64,
    pub delivered: i64,
    pub created_at: Time,
}

/// Stores an event. Returns false if it is already stored.
pub fn insert_event(tx: &mut Tx<'_>, workspace: Uuid, event: &Event) -> Result<bool, StoreError> {
    let owners = serde_json::to_string(&event.owners).map_err(|error| StoreError::Fault(error.to_string()))?;
    let added = tx.run(
        "INSERT INTO webhook_events (workspace_id, event_id, owners, event_type, source, origin, payload, queued, delivered, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (workspace_id, event_id) DO NOTHING",
        &[
            workspace.into(),
            event.id.into(),
            owners.into(),
            (&event.event_type).into(),
            (&event.source).into(),
            event.origin.map(EventOrigin::as_str).into(),
            event.payload.text().into(),
            event.queued.into(),
            event.delivered.into(),
            event.created_at.into(),
        ],
    )?;
    Ok(added > 0)
}

pub fn find_event(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Event>, StoreError> {
    let row = tx.row(
        "SELECT event_id, owners, event_type, source, origin, payload, queued, delivered, created_at FROM webhook_events \
         WHERE workspace_id = $1 AND event_id = $2",
        &[workspace.into(), id.into()],
    )?;
    row.map(|row| {
        Ok(Event {
            id: row.uuid(0)?,
            owners: row.json(1)?,
            event_type: row.string(2)?,
            source: row.string(3)?,
            origin: row.opt_word(4, EventOrigin::parse)?,
            payload: row.json(5)?,
            queued: row.int(6)?,
            delivered: row.int(7)?,
            created_at: row.time(8)?,
        })
    })
    .transpose()
}

/// Queues a new event for a subscription. The event's `queued` already counts this item.
pub fn queue_first(tx: &mut Tx<'_>, to: &Subscription, event: Uuid, now: Time) -> Result<(), StoreError> {
    queue::insert(tx, to.workspace, &to.address(), QueueItem::webhook_event(event), now)
}

/// Queues an event for a subscription, or makes its queued item due again.
pub fn queue(tx: &mut Tx<'_>, to: &Subscription, event: Uuid, now: Time) -> Result<(), StoreError> {
    let address = to.address();
    let again = tx.run(
        "UPDATE queue_items SET due_at = $1, offers = 0, dead_at = NULL WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[now.into(), to.workspace.into(), (&address).into(), event.into()],
    )?;
    if again > 0 {
        return Ok(());
    }
    queue::insert(tx, to.workspace, &address, QueueItem::webhook_event(event), now)?;
    tx.push(
        "UPDATE webhook_events SET queued = queued + 1 WHERE workspace_id = $1 AND event_id = $2",
        &[to.workspace.into(), event.into()],
    )
}

/// Counts a delivery that arrived and removes it from the queue.
pub fn arrived(tx: &mut Tx<'_>, to: &Subscription, event: Uuid) -> Result<(), StoreError> {
    queue::delete(tx, to.workspace, &to.address(), QueueItem::webhook_event(event))?;
    tx.push(
        "UPDATE webhook_events SET delivered = delivered + 1 WHERE workspace_id = $1 AND event_id = $2",
        &[to.workspace.into(), event.into()],
    )
}

/// Counts a delivery that arrived after it was made due again. The item stays queued and counts as another delivery.
pub fn arrived_before(tx: &mut Tx<'_>, to: &Subscription, event: Uuid) -> Result<(), StoreError> {
    tx.push(
        "UPDATE webhook_events SET delivered = delivered + 1, queued = queued + 1 WHERE workspace_id = $1 AND event_id = $2 \
         AND EXISTS (SELECT 1 FROM queue_items WHERE workspace_id = $1 AND address = $3 AND item_id = $2)",
        &[to.workspace.into(), event.into(), (&to.address()).into()],
    )
}

/// Counts the deliveries of an event that were given up.
pub fn count_dead(tx: &mut Tx<'_>, workspace: Uuid, event: Uuid) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM queue_items WHERE workspace_id = $1 AND item_id = $2 AND dead_at IS NOT NULL",
        &[workspace.into(), event.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Finds the first workspace with events whose id is not less than `from`, and its oldest event.
pub fn find_oldest(tx: &mut Tx<'_>, from: Uuid) -> Result<Option<Oldest>, StoreError> {
    let row = tx.row(
        "SELECT workspace_id, created_at FROM webhook_events WHERE workspace_id >= $1 ORDER BY workspace_id, created_at LIMIT 1",
        &[from.into()],
    )?;
    row.map(|row| Ok(Oldest { workspace: row.uuid(0)?, at: row.time(1)? })).transpose()
}

/// Deletes up to `limit` events of a workspace that were created before a time, with their dead letters. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, workspace: Uuid, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT event_id FROM webhook_events WHERE workspace_id = $1 AND created_at < $2 ORDER BY created_at LIMIT $3",
        &[workspace.into(), before.into(), limit.into()],
    )?;
    for row in &rows {
        let key = [workspace.into(), row.uuid(0)?.into()];
        tx.push("DELETE FROM queue_items WHERE workspace_id = $1 AND item_id = $2 AND dead_at IS NOT NULL", &key)?;
        tx.push("DELETE FROM webhook_events WHERE workspace_id = $1 AND event_id = $2", &key)?;
    }
    Ok(rows.len())
}

/// Lists a page of the subscriptions that receive nothing, because they are paused or revoked.
pub fn list_idle(tx: &mut Tx<'_>, after: (Uuid, Uuid), limit: i64) -> Result<Vec<Subscription>, StoreError> {
    let rows = tx.rows(
        subscription!(
            "WHERE (workspace_id, subscription_id) > ($1, $2) AND (active = 0 OR revoked_at IS NOT NULL) \
             ORDER BY workspace_id, subscription_id LIMIT $3"
        ),
        &[after.0.into(), after.1.into(), limit.into()],
    )?;
    rows.iter().map(subscription).collect()
}

/// Deletes queued items of such a subscription for events from before a time, since the events themselves are deleted.
pub fn drop_old(tx: &mut Tx<'_>, subscription: &Subscription, before: Time) -> Result<u64, StoreError> {
    tx.run(
        "DELETE FROM queue_items WHERE workspace_id = $1 AND address = $2 AND item_id < $3",
        &[subscription.workspace.into(), (&subscription.address()).into(), IntentId::first_at(before).into()],
    )
}

/// A change that a worker turns into events: a decision about an intent, or an entry of a thread.
#[derive(Debug, Clone, Copy)]
pub struct Fanout {
    pub workspace: Uuid,
    pub intent: IntentId,
    /// The position of the decision's last event; 0 for an entry.
    pub position: i64,
    /// The number of the entry; 0 for a decision.
    pub entry: i64,
}

pub fn insert_fanout(tx: &mut Tx<'_>, fanout: &Fanout) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO fanouts (workspace_id, intent_id, position, entry) VALUES ($1, $2, $3, $4)",
        &[fanout.workspace.into(), fanout.intent.into(), fanout.position.into(), fanout.entry.into()],
    )
}

/// Finds the next workspace after `after` with a pending fan-out.
pub fn next_to_fan_out(tx: &mut Tx<'_>, after: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM fanouts WHERE workspace_id > $1 ORDER BY workspace_id LIMIT 1";
    tx.row(sql, &[after.into()])?.map(|row| row.uuid(0)).transpose()
}

/// Takes pending fan-outs of a workspace and deletes them. Rows locked by other nodes are skipped, so that nodes share
/// the work.
pub fn take_fanouts(tx: &mut Tx<'_>, workspace: Uuid, limit: i64) -> Result<Vec<Fanout>, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, intent_id, position, entry FROM fanouts WHERE workspace_id = $1 \
         ORDER BY intent_id, position, entry LIMIT $2 FOR UPDATE SKIP LOCKED",
        &[workspace.into(), limit.into()],
    )?;
    let fanouts: Vec<Fanout> = rows
        .iter()
        .map(|row| {
            Ok(Fanout {
                workspace: row.uuid(0)?,
                intent: IntentId(row.uuid(1)?),
                position: row.int(2)?,
                entry: row.int(3)?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    for fanout in &fanouts {
        tx.push(
            "DELETE FROM fanouts WHERE workspace_id = $1 AND intent_id = $2 AND position = $3 AND entry = $4",
            &[fanout.workspace.into(), fanout.intent.into(), fanout.position.into(), fanout.entry.into()],
        )?;
    }
    Ok(fanouts)
}
