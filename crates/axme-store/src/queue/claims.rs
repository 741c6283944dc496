//! SQL for claims: finds the due deliveries of an address, locks them, and gives them numbers.
//!
//! A claim is one transaction: it locks what it takes, so nothing changes between looking and claiming. Deliveries that
//! another transaction has locked are skipped.

use axme_intent::{Address, IntentId, Status, Time};
use axme_types::consumers::ConsumerName;
use uuid::Uuid;

use super::{Candidate, Claim, HELD, Position, candidate};
use crate::error::StoreError;
use crate::{Row, Tx, Value};

/// Deliveries that a claim reads at a time: each may be long.
const ROWS_AT_ONCE: usize = 20;

/// A due item that the transaction has locked.
#[derive(Debug)]
pub struct DueDelivery {
    pub candidate: Candidate,
    /// `None` if the workspace of the queue does not own an intent with the item's id.
    pub intent: Option<DeliveredIntent>,
}

/// The part of an intent that a reader is shown.
#[derive(Debug)]
pub struct DeliveredIntent {
    pub id: IntentId,
    pub intent_type: String,
    pub from: Address,
    pub to: Address,
    pub status: Status,
    pub created_at: Time,
    /// The events of the first decision, as JSON. The first of them has the payload.
    pub first_decision: String,
    /// The trace of its family, if it has one.
    pub traceparent: Option<String>,
}

/// A reader of a queue: the workspace and the address of the queue, and the name of the reader.
pub type Reader<'a> = (Uuid, &'a Address, Option<&'a ConsumerName>);

/// Locks up to `most` due deliveries after a position, longest due first. Stops when their first decisions have more than
/// `room` bytes together. The first delivery always has room.
pub fn lock_due(
    tx: &mut Tx<'_>,
    reader: Reader<'_>,
    due_by: Time,
    mut after: Option<Position>,
    (most, mut room): (usize, usize),
) -> Result<Vec<DueDelivery>, StoreError> {
    let mut found: Vec<DueDelivery> = Vec::new();
    while found.len() < most && room > 0 {
        let limit = ROWS_AT_ONCE.min(most - found.len());
        let page = lock_page(tx, reader, due_by, after, limit)?;
        let is_last = page.len() < limit;
        for delivery in page {
            if room == 0 {
                break;
            }
            after = Some(delivery.candidate.position());
            room = room.saturating_sub(delivery.intent.as_ref().map_or(0, |intent| intent.first_decision.len()));
            found.push(delivery);
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

/// A statement that locks items with their intents.
macro_rules! deliveries {
    ($condition:literal) => {
        concat!(
            "SELECT q.item_id, q.kind, q.offers, q.due_at, q.number, q.acknowledged, i.intent_type, i.from_agent, \
             i.from_written, i.to_agent, i.to_written, i.status, i.created_at, \
             (SELECT e.events FROM events e WHERE e.workspace_id = i.workspace_id AND e.intent_id = i.intent_id \
             ORDER BY e.position LIMIT 1), \
             (SELECT t.traceparent FROM intent_traces t WHERE t.root_id = i.root_id) FROM queue_items q \
             LEFT JOIN intents i ON i.workspace_id = q.workspace_id AND i.intent_id = q.item_id \
             WHERE q.workspace_id = $1 AND q.address = $2 AND (q.due_at, q.item_id) > ($3, $4) AND ",
            $condition,
            " ORDER BY q.due_at, q.item_id LIMIT $7 FOR UPDATE OF q SKIP LOCKED"
        )
    };
}

/// Locks a page. An item that was never offered is due at once: its time lies ahead only because the clock was set back.
fn lock_page(
    tx: &mut Tx<'_>,
    (workspace, to, consumer): Reader<'_>,
    due_by: Time,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<DueDelivery>, StoreError> {
    let consumer = consumer.map(ConsumerName::as_str);
    let (due_at, id) = after.unwrap_or((Time::from_micros(i64::MIN), Uuid::nil()));
    let begin: [Value<'_>; 4] = [workspace.into(), to.into(), due_at.into(), id.into()];
    let [a, b, c, d] = begin.clone();
    let rows = tx.rows(
        deliveries!("q.due_at <= $5 AND (q.consumer IS NULL OR q.consumer = $6)"),
        &[a, b, c, d, due_by.into(), consumer.into(), (limit as i64).into()],
    )?;
    let mut found = rows.iter().map(due_delivery).collect::<Result<Vec<_>, _>>()?;
    let rest = limit - found.len();
    if due_by >= tx.now && tx.latest > tx.now && rest > 0 {
        let [a, b, c, d] = begin;
        let rows = tx.rows(
            deliveries!("q.due_at > $5 AND q.due_at <= $6 AND q.number IS NULL AND q.dead_at IS NULL AND q.offers = 0"),
            &[a, b, c, d, due_by.into(), tx.latest.into(), (rest as i64).into()],
        )?;
        for row in &rows {
            found.push(due_delivery(row)?);
        }
    }
    Ok(found)
}

fn due_delivery(row: &Row) -> Result<DueDelivery, StoreError> {
    let candidate = candidate(row)?;
    let intent = match row.opt_string(6)? {
        None => None,
        Some(intent_type) => Some(DeliveredIntent {
            id: IntentId(candidate.item.id),
            intent_type,
            from: Address::from_stored(row.string(7)?, row.opt_string(8)?),
            to: Address::from_stored(row.string(9)?, row.opt_string(10)?),
            status: row.word(11, Status::parse)?,
            created_at: row.time(12)?,
            first_decision: row.string(13)?,
            traceparent: row.opt_string(14)?,
        }),
    };
    Ok(DueDelivery { candidate, intent })
}

/// Finds the earliest time at which an item is due to a reader. Leaves out items that consumers hold.
pub fn first_due(tx: &mut Tx<'_>, (workspace, to, consumer): Reader<'_>) -> Result<Option<Time>, StoreError> {
    let row = tx.row(
        "SELECT due_at FROM queue_items WHERE workspace_id = $1 AND address = $2 AND due_at < $3 AND dead_at IS NULL \
         AND (consumer IS NULL OR consumer = $4) ORDER BY due_at LIMIT 1",
        &[workspace.into(), to.into(), HELD.into(), consumer.map(ConsumerName::as_str).into()],
    )?;
    row.map(|row| row.time(0)).transpose()
}

/// Finds the earliest due time after `now`. Leaves out items that consumers hold.
pub fn next_due(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, now: Time) -> Result<Option<Time>, StoreError> {
    let row = tx.row(
        "SELECT due_at FROM queue_items WHERE workspace_id = $1 AND address = $2 AND due_at > $3 AND due_at < $4 \
         AND dead_at IS NULL ORDER BY due_at LIMIT 1",
        &[workspace.into(), to.into(), now.into(), HELD.into()],
    )?;
    row.map(|row| row.time(0)).transpose()
}

/// Takes `count` numbers and returns the last of them. From here to its commit, a claim excludes other claims of the
/// address.
pub fn take_numbers(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, count: i64) -> Result<i64, StoreError> {
    let row = tx.row(
        "INSERT INTO queue_counters (workspace_id, address, last_number) VALUES ($1, $2, $3) \
         ON CONFLICT (workspace_id, address) DO UPDATE SET last_number = queue_counters.last_number + excluded.last_number \
         RETURNING last_number",
        &[workspace.into(), to.into(), count.into()],
    )?;
    row.map_or_else(|| Err(StoreError::Fault("a counter returned nothing".to_owned())), |row| row.int(0))
}

/// Offers an item that this transaction has locked, under a number. A consumer must be on record in the same transaction.
pub fn claim_locked(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    seen: &Candidate,
    (number, claim): (i64, Claim<'_>),
) -> Result<(), StoreError> {
    let (due_at, consumer) = match claim {
        Claim::Until(due_at) => (due_at, None),
        Claim::By(consumer) => (HELD, Some(consumer.as_str())),
    };
    tx.push(
        "UPDATE queue_items SET number = $1, offers = offers + 1, due_at = $2, consumer = $3 \
         WHERE workspace_id = $4 AND address = $5 AND item_id = $6",
        &[number.into(), due_at.into(), consumer.into(), workspace.into(), to.into(), seen.item.into()],
    )
}
