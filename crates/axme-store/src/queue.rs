//! SQL of queues: what waits at each address until its reader takes it.
//!
//! An item is offered when it is due; each offer gives it a new number and a later due time. Numbers come from a counter per
//! address that only claims change, and they are committed in the order in which they are given.

use axme_intent::{Address, IntentId, Time};
use uuid::Uuid;

use super::{Row, Tx, Value};
use crate::error::StoreError;

/// What an item of a queue is. A notice and a routed delivery wait in the same queue: that of the host they are posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// For an agent.
    Intent,
    /// For a subscriber.
    WebhookEvent,
    /// For a person or a chat.
    Notice,
    /// For the endpoint of a route. A notice with the same id sends it.
    RoutedDelivery,
}

impl ItemKind {
    const ALL: [ItemKind; 4] = [ItemKind::Intent, ItemKind::WebhookEvent, ItemKind::Notice, ItemKind::RoutedDelivery];

    /// As it is stored in the column `kind`.
    fn code(self) -> i64 {
        match self {
            ItemKind::Intent => 0,
            ItemKind::WebhookEvent => 1,
            ItemKind::Notice => 2,
            ItemKind::RoutedDelivery => 3,
        }
    }

    fn parse(code: i64) -> Result<ItemKind, StoreError> {
        let found = ItemKind::ALL.into_iter().find(|kind| kind.code() == code);
        found.ok_or_else(|| StoreError::Fault(format!("{code} is no kind of queue item")))
    }
}

/// An item of a queue. Ids are unique across kinds, so statements find an item by its id and need not compare the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueItem {
    pub kind: ItemKind,
    pub id: Uuid,
}

impl QueueItem {
    pub fn webhook_event(id: Uuid) -> QueueItem {
        QueueItem { kind: ItemKind::WebhookEvent, id }
    }

    pub fn notice(id: Uuid) -> QueueItem {
        QueueItem { kind: ItemKind::Notice, id }
    }

    pub fn routed_delivery(id: Uuid) -> QueueItem {
        QueueItem { kind: ItemKind::RoutedDelivery, id }
    }

    /// The intent, if it is one.
    pub fn intent(self) -> Option<IntentId> {
        (self.kind == ItemKind::Intent).then_some(IntentId(self.id))
    }

    /// Reads the columns `item_id` and `kind`, which stand side by side.
    pub(super) fn read(row: &Row, column: usize) -> Result<QueueItem, StoreError> {
        Ok(QueueItem { id: row.uuid(column)?, kind: ItemKind::parse(row.int(column + 1)?)? })
    }
}

impl From<IntentId> for QueueItem {
    fn from(id: IntentId) -> QueueItem {
        QueueItem { kind: ItemKind::Intent, id: id.0 }
    }
}

/// The key of an item.
impl From<QueueItem> for Value<'_> {
    fn from(item: QueueItem) -> Self {
        Value::Uuid(item.id)
    }
}

/// Where a page of a queue ends: the due time and the id of its last item.
pub type Position = (Time, Uuid);

/// An item that may be offered.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub item: QueueItem,
    pub offers: u32,
    pub due_at: Time,
    /// Set once it has been offered.
    pub number: Option<i64>,
    pub acknowledged: bool,
}

impl Candidate {
    pub fn position(&self) -> Position {
        (self.due_at, self.item.id)
    }
}

/// Puts an item into a queue, due at once.
pub fn insert(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, now: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO queue_items (workspace_id, address, item_id, kind, offers, acknowledged, due_at) \
         VALUES ($1, $2, $3, $4, 0, 0, $5)",
        &[workspace.into(), to.into(), item.into(), item.kind.code().into(), now.into()],
    )
}

pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem) -> Result<(), StoreError> {
    tx.push(
        "DELETE FROM queue_items WHERE workspace_id = $1 AND address = $2 AND item_id = $3",
        &[workspace.into(), to.into(), item.into()],
    )
}

/// The receiver has it: it is not offered again before `due_at`.
pub fn acknowledge(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    due_at: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET acknowledged = 1, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[due_at.into(), workspace.into(), to.into(), item.into()],
    )
}

/// It could not be delivered: kept as a dead letter, due no more.
pub fn bury(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET dead_at = $1, due_at = $2, number = NULL \
         WHERE workspace_id = $3 AND address = $4 AND item_id = $5",
        &[now.into(), i64::MAX.into(), workspace.into(), to.into(), item.into()],
    )
}

/// A push failed: due again at `due_at`.
pub fn postpone(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    due_at: Time,
    error: &str,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, last_error = $2 \
         WHERE workspace_id = $3 AND address = $4 AND item_id = $5 AND dead_at IS NULL",
        &[due_at.into(), error.into(), workspace.into(), to.into(), item.into()],
    )
}

/// What was claimed could not be tried: due again at `due_at`, and not counted as an attempt.
pub fn put_off(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    due_at: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, offers = offers - 1 \
         WHERE workspace_id = $2 AND address = $3 AND item_id = $4 AND dead_at IS NULL AND offers > 0",
        &[due_at.into(), workspace.into(), to.into(), item.into()],
    )
}

/// A dead letter is due once more, as if it were new.
pub fn revive(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET dead_at = NULL, offers = 0, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[now.into(), workspace.into(), to.into(), item.into()],
    )
}

/// Keeps why the last push failed.
pub fn note(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, error: &str) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET last_error = $1 WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[error.into(), workspace.into(), to.into(), item.into()],
    )
}

/// An item that was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub item: QueueItem,
    /// The intent that a notice reports on.
    pub reported_intent: Option<IntentId>,
    pub address: Address,
    pub dead_at: Time,
    pub last_error: Option<String>,
}

/// A statement that reads dead letters.
macro_rules! dead_letters {
    ($rest:literal) => {
        concat!(
            "SELECT q.item_id, q.kind, q.address, q.dead_at, q.last_error, n.intent_id FROM queue_items q \
             LEFT JOIN notices n ON n.workspace_id = q.workspace_id AND n.notice_id = q.item_id ",
            $rest
        )
    };
}

/// Dead letters with ids below one, the highest id first. Those of one event for several subscribers are in order of address.
pub fn list_dead(tx: &mut Tx<'_>, workspace: Uuid, before: Uuid, limit: i64) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = tx.rows(
        dead_letters!(
            "WHERE q.workspace_id = $1 AND q.item_id < $2 AND q.dead_at IS NOT NULL \
             ORDER BY q.item_id DESC, q.address LIMIT $3"
        ),
        &[workspace.into(), before.into(), limit.into()],
    )?;
    rows.iter().map(dead_letter).collect()
}

/// The dead letters of one id, by address.
pub fn list_dead_of(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid, limit: i64) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = tx.rows(
        dead_letters!(
            "WHERE q.workspace_id = $1 AND q.item_id = $2 AND q.dead_at IS NOT NULL ORDER BY q.address LIMIT $3"
        ),
        &[workspace.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(dead_letter).collect()
}

fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        item: QueueItem::read(row, 0)?,
        address: Address::from_canonical(row.string(2)?),
        dead_at: row.time(3)?,
        last_error: row.opt_string(4)?,
        reported_intent: row.opt_uuid(5)?.map(IntentId),
    })
}

/// Due again now, as if nobody had it.
pub fn offer_again(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET acknowledged = 0, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[now.into(), workspace.into(), to.into(), item.into()],
    )
}

/// A statement that reads candidates.
macro_rules! candidates {
    ($rest:literal) => {
        concat!("SELECT item_id, kind, offers, due_at, number, acknowledged FROM queue_items ", $rest)
    };
}

/// A page of the items that are due, longest due first, after one of them.
pub fn list_due(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    now: Time,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let (due_at, id) = after.unwrap_or((Time::from_micros(i64::MIN), Uuid::nil()));
    let rows = tx.rows(
        candidates!(
            "WHERE workspace_id = $1 AND address = $2 AND (due_at, item_id) > ($3, $4) AND due_at <= $5 \
             ORDER BY due_at, item_id LIMIT $6"
        ),
        &[workspace.into(), to.into(), due_at.into(), id.into(), now.into(), limit.into()],
    )?;
    rows.iter().map(candidate).collect()
}

/// A page of the items that a reader has been offered already, soonest due first, after one of them.
pub fn list_offered(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    (due_at, id): Position,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let rows = tx.rows(
        candidates!(
            "WHERE workspace_id = $1 AND address = $2 AND (due_at, item_id) > ($3, $4) AND number IS NOT NULL \
             ORDER BY due_at, item_id LIMIT $5"
        ),
        &[workspace.into(), to.into(), due_at.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(candidate).collect()
}

fn candidate(row: &Row) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        item: QueueItem::read(row, 0)?,
        offers: row.count(2)?,
        due_at: row.time(3)?,
        number: row.opt_int(4)?,
        acknowledged: row.int(5)? != 0,
    })
}

/// When the next item that is not due yet becomes due.
pub fn next_due(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, now: Time) -> Result<Option<Time>, StoreError> {
    let row = tx.row(
        "SELECT due_at FROM queue_items WHERE workspace_id = $1 AND address = $2 AND due_at > $3 AND dead_at IS NULL \
         ORDER BY due_at LIMIT 1",
        &[workspace.into(), to.into(), now.into()],
    )?;
    row.map(|row| row.time(0)).transpose()
}

/// Takes `count` numbers; returns the last of them. Claims of one address take turns from here to their commit.
pub fn take_numbers(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, count: i64) -> Result<i64, StoreError> {
    let row = tx.row(
        "INSERT INTO queue_counters (workspace_id, address, last_number) VALUES ($1, $2, $3) \
         ON CONFLICT (workspace_id, address) DO UPDATE SET last_number = queue_counters.last_number + excluded.last_number \
         RETURNING last_number",
        &[workspace.into(), to.into(), count.into()],
    )?;
    row.map_or_else(|| Err(StoreError::Fault("a counter returned nothing".to_owned())), |row| row.int(0))
}

/// Offers an item under a number, if nobody has touched it since it was seen. False when somebody has.
pub fn claim(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    seen: &Candidate,
    number: i64,
    due_at: Time,
) -> Result<bool, StoreError> {
    let claimed = tx.run(
        "UPDATE queue_items SET number = $1, offers = offers + 1, due_at = $2 \
         WHERE workspace_id = $3 AND address = $4 AND item_id = $5 AND due_at = $6 AND offers = $7",
        &[
            number.into(),
            due_at.into(),
            workspace.into(),
            to.into(),
            seen.item.into(),
            seen.due_at.into(),
            seen.offers.into(),
        ],
    )?;
    Ok(claimed > 0)
}

/// Whether an item is still as it was claimed: nobody has made it due anew since, or ended it. Locks it, if so.
pub fn is_as_claimed(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    (offers, due_at): (u32, Time),
) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT offers FROM queue_items WHERE workspace_id = $1 AND address = $2 AND item_id = $3 AND offers = $4 \
         AND due_at = $5 FOR UPDATE",
        &[workspace.into(), to.into(), item.into(), i64::from(offers).into(), due_at.into()],
    )?;
    Ok(row.is_some())
}

/// Takes an offer back that was never sent: due again at once. Nothing when it has moved on.
pub fn release(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    number: i64,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, offers = offers - 1 \
         WHERE workspace_id = $2 AND address = $3 AND item_id = $4 AND number = $5 AND acknowledged = 0",
        &[now.into(), workspace.into(), to.into(), item.into(), number.into()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_and_no_other() {
        for kind in ItemKind::ALL {
            assert_eq!(ItemKind::parse(kind.code()).expect("a kind"), kind);
        }
        assert!(matches!(ItemKind::parse(4), Err(StoreError::Fault(_))));
    }
}
