//! SQL for queues: the items that wait at each address until its reader takes them.
//!
//! An item is offered when it is due. Each offer gives it a new number and a later due time. The numbers come from a
//! counter per address that only claims change, and commit in the order in which they are taken.

use axme_intent::{Address, IntentId, Time};
use axme_types::consumers::ConsumerName;
use axme_types::limits::MAX_SPAN_SECONDS;
use uuid::Uuid;

use super::{Row, Tx, Value};
use crate::error::StoreError;

mod claims;

pub use claims::{DeliveredIntent, DueDelivery, Reader, claim_locked, first_due, lock_due, next_due, take_numbers};

/// The kind of a queue item. Notices and routed deliveries share a queue: that of the host they are posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// For an agent.
    Intent,
    /// For a subscriber.
    WebhookEvent,
    /// For a person or a chat.
    Notice,
    /// For the endpoint of a route. The notice with the same id sends it.
    RoutedDelivery,
}

impl ItemKind {
    const ALL: [ItemKind; 4] = [ItemKind::Intent, ItemKind::WebhookEvent, ItemKind::Notice, ItemKind::RoutedDelivery];

    /// The value in the column `kind`.
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
        found.ok_or_else(|| StoreError::Fault(format!("unknown kind of queue item: {code}")))
    }
}

/// An item of a queue. Ids are unique across kinds, so statements find an item by its id alone.
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

    /// Reads two adjacent columns, `item_id` and `kind`.
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

/// The end of a page of a queue: the due time and the id of its last item.
pub type Position = (Time, Uuid);

/// The due time of an item that a consumer holds: never, until it is to be offered to that consumer again.
pub(super) const HELD: Time = Time::from_micros(i64::MAX - 1);

/// How long an offer keeps its item from other readers.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// Until a time: the claim of a nameless reader.
    Until(Time),
    /// Until the claims of this consumer are released.
    By(&'a ConsumerName),
}

/// An item that may be offered.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub item: QueueItem,
    pub offers: u32,
    pub due_at: Time,
    /// The number of its last offer; `None` before the first.
    pub number: Option<i64>,
    pub acknowledged: bool,
}

impl Candidate {
    pub fn position(&self) -> Position {
        (self.due_at, self.item.id)
    }
}

/// Adds an item to a queue, due at once.
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

/// Counts the intents in a queue that were not given up, up to `most`, and returns the oldest of them.
pub fn count_intents(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    address: &Address,
    most: i64,
) -> Result<(i64, Option<IntentId>), StoreError> {
    let kind = ItemKind::Intent.code();
    let count = tx.row(
        "SELECT COUNT(*) FROM (SELECT 1 FROM queue_items WHERE workspace_id = $1 AND address = $2 AND kind = $3 \
         AND dead_at IS NULL LIMIT $4) q",
        &[workspace.into(), address.into(), kind.into(), most.into()],
    )?;
    let oldest = tx.row(
        "SELECT item_id FROM queue_items WHERE workspace_id = $1 AND address = $2 AND kind = $3 AND dead_at IS NULL \
         ORDER BY item_id LIMIT 1",
        &[workspace.into(), address.into(), kind.into()],
    )?;
    let oldest = oldest.map(|row| row.uuid(0)).transpose()?;
    Ok((count.map_or(Ok(0), |row| row.int(0))?, oldest.map(IntentId)))
}

/// Marks an item as acknowledged by its receiver. It is not offered again for the `acknowledged_seconds` of its agent, or
/// `usual_seconds` without that setting. An item that a consumer holds stays held.
pub fn acknowledge(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    (now, usual_seconds): (Time, u64),
) -> Result<(), StoreError> {
    let usual_seconds = i64::try_from(usual_seconds).unwrap_or(i64::MAX).min(MAX_SPAN_SECONDS as i64);
    tx.push(
        "UPDATE queue_items SET acknowledged = 1, due_at = CASE WHEN consumer IS NULL THEN $1 + 1000000 * COALESCE( \
         (SELECT a.acknowledged_seconds FROM service_accounts a WHERE a.workspace_id = $2 AND a.address = $3), $4) \
         ELSE $5 END WHERE workspace_id = $2 AND address = $3 AND item_id = $6",
        &[now.into(), workspace.into(), to.into(), usual_seconds.into(), HELD.into(), item.into()],
    )
}

/// Turns an item that could not be delivered into a dead letter, which is never due.
pub fn bury(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET dead_at = $1, due_at = $2, number = NULL, consumer = NULL \
         WHERE workspace_id = $3 AND address = $4 AND item_id = $5",
        &[now.into(), i64::MAX.into(), workspace.into(), to.into(), item.into()],
    )
}

/// Makes an item due again at `due_at`, after a failed push. An item that a consumer holds stays held.
pub fn postpone(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    due_at: Time,
    error: &str,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = CASE WHEN consumer IS NULL THEN $1 ELSE due_at END, last_error = $2 \
         WHERE workspace_id = $3 AND address = $4 AND item_id = $5 AND dead_at IS NULL",
        &[due_at.into(), storable(error).into(), workspace.into(), to.into(), item.into()],
    )
}

/// Makes a claimed item due again at `due_at`, when no delivery was attempted. The offer is not counted. An item that a
/// consumer holds stays held.
pub fn put_off(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    due_at: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = CASE WHEN consumer IS NULL THEN $1 ELSE due_at END, offers = offers - 1 \
         WHERE workspace_id = $2 AND address = $3 AND item_id = $4 AND dead_at IS NULL AND offers > 0",
        &[due_at.into(), workspace.into(), to.into(), item.into()],
    )
}

/// Makes a dead letter due again, like a new item.
pub fn revive(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET dead_at = NULL, offers = 0, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[now.into(), workspace.into(), to.into(), item.into()],
    )
}

/// Records why the last push failed.
pub fn note(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, item: QueueItem, error: &str) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET last_error = $1 WHERE workspace_id = $2 AND address = $3 AND item_id = $4",
        &[storable(error).into(), workspace.into(), to.into(), item.into()],
    )
}

/// Replaces the null character, which PostgreSQL cannot store. Errors may quote the text of other servers.
fn storable(error: &str) -> String {
    error.replace('\0', "\u{FFFD}")
}

/// A dead letter: an item whose delivery was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub item: QueueItem,
    /// The intent that a notice reports on.
    pub reported_intent: Option<IntentId>,
    /// The person to whom a mail was addressed.
    pub recipient: Option<String>,
    pub address: Address,
    pub dead_at: Time,
    pub last_error: Option<String>,
}

/// A statement that reads dead letters.
macro_rules! dead_letters {
    ($rest:literal) => {
        concat!(
            "SELECT q.item_id, q.kind, q.address, q.dead_at, q.last_error, n.intent_id, \
             CASE WHEN n.channel = 'email' THEN n.recipient END FROM queue_items q \
             LEFT JOIN notices n ON n.workspace_id = q.workspace_id AND n.notice_id = q.item_id ",
            $rest
        )
    };
}

/// Lists dead letters with item ids below `before`, highest id first. An event may have several, one per subscriber;
/// these are in order of address.
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

/// Lists the dead letters of one item id, by address.
pub fn list_dead_of(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid, limit: i64) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = tx.rows(
        dead_letters!(
            "WHERE q.workspace_id = $1 AND q.item_id = $2 AND q.dead_at IS NOT NULL ORDER BY q.address LIMIT $3"
        ),
        &[workspace.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(dead_letter).collect()
}

/// Finds a workspace with a dead letter of an item id.
pub fn workspace_of_dead(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Uuid>, StoreError> {
    let sql = "SELECT workspace_id FROM queue_items WHERE item_id = $1 AND dead_at IS NOT NULL LIMIT 1";
    tx.row(sql, &[id.into()])?.map(|row| row.uuid(0)).transpose()
}

/// A notice of an intent that could not be sent so far.
#[derive(Debug, Clone)]
pub struct FailingNotice {
    /// As for a dead letter. `dead_at` is the time at which the notice was made, unless it was given up.
    pub letter: DeadLetter,
    /// False if another attempt follows.
    pub is_dead: bool,
}

/// Lists the notices of an intent whose last attempt failed, newest first.
pub fn list_failing(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    intent: IntentId,
    limit: i64,
) -> Result<Vec<FailingNotice>, StoreError> {
    let rows = tx.rows(
        "SELECT q.item_id, q.kind, q.address, COALESCE(q.dead_at, n.created_at), q.last_error, n.intent_id, \
         CASE WHEN n.channel = 'email' THEN n.recipient END, CASE WHEN q.dead_at IS NULL THEN 0 ELSE 1 END FROM notices n \
         JOIN queue_items q ON q.workspace_id = n.workspace_id AND q.address = 'notice://' || n.queue \
         AND q.item_id = n.notice_id WHERE n.workspace_id = $1 AND n.intent_id = $2 AND q.last_error IS NOT NULL \
         ORDER BY n.notice_id DESC LIMIT $3",
        &[workspace.into(), intent.into(), limit.into()],
    )?;
    let failing = |row: &Row| Ok(FailingNotice { letter: dead_letter(row)?, is_dead: row.int(7)? != 0 });
    rows.iter().map(failing).collect()
}

fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        item: QueueItem::read(row, 0)?,
        address: Address::from_canonical(row.string(2)?),
        dead_at: row.time(3)?,
        last_error: row.opt_string(4)?,
        reported_intent: row.opt_uuid(5)?.map(IntentId),
        recipient: row.opt_string(6)?,
    })
}

/// Makes an item due again now and withdraws its acknowledgement. If a consumer holds it, it is due to that one only.
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

/// Lists a page of due items after a position, longest due first. An item that was never offered is due at once: its time
/// lies ahead only because the clock was set back.
pub fn list_due(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    now: Time,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    list_due_to(tx, (workspace, to, None), now, after, limit)
}

/// Lists due items as [`list_due`] does, with those that are due to a consumer alone.
pub fn list_due_to(
    tx: &mut Tx<'_>,
    (workspace, to, consumer): (Uuid, &Address, Option<&ConsumerName>),
    now: Time,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let consumer = consumer.map(ConsumerName::as_str);
    let (due_at, id) = after.unwrap_or((Time::from_micros(i64::MIN), Uuid::nil()));
    let rows = tx.rows(
        candidates!(
            "WHERE workspace_id = $1 AND address = $2 AND (due_at, item_id) > ($3, $4) AND due_at <= $5 \
             AND (consumer IS NULL OR consumer = $6) ORDER BY due_at, item_id LIMIT $7"
        ),
        &[workspace.into(), to.into(), due_at.into(), id.into(), now.into(), consumer.into(), limit.into()],
    )?;
    let mut found = rows.iter().map(candidate).collect::<Result<Vec<_>, _>>()?;
    let rest = limit - i64::try_from(found.len()).unwrap_or(limit);
    if now >= tx.now && tx.latest > tx.now && rest > 0 {
        let rows = tx.rows(
            candidates!(
                "WHERE workspace_id = $1 AND address = $2 AND (due_at, item_id) > ($3, $4) AND due_at > $5 AND due_at <= $6 \
                 AND number IS NULL AND dead_at IS NULL AND offers = 0 ORDER BY due_at, item_id LIMIT $7"
            ),
            &[
                workspace.into(),
                to.into(),
                due_at.into(),
                id.into(),
                now.into(),
                tx.latest.into(),
                rest.into(),
            ],
        )?;
        for row in &rows {
            found.push(candidate(row)?);
        }
    }
    Ok(found)
}

/// Lists a page of items that nameless readers have claimed, after a position, soonest due first.
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
             AND consumer IS NULL ORDER BY due_at, item_id LIMIT $5"
        ),
        &[workspace.into(), to.into(), due_at.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(candidate).collect()
}

/// Lists a page of the items that a consumer holds, with numbers above `after`, lowest first.
pub fn list_held(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    consumer: &ConsumerName,
    (after, limit): (i64, i64),
) -> Result<Vec<Candidate>, StoreError> {
    let rows = tx.rows(
        candidates!(
            "WHERE workspace_id = $1 AND address = $2 AND consumer = $3 AND number > $4 AND due_at = $5 \
             ORDER BY number LIMIT $6"
        ),
        &[workspace.into(), to.into(), consumer.as_str().into(), after.into(), HELD.into(), limit.into()],
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

/// Offers an item under a number. Returns false if the item has changed since it was read. A consumer must be on record
/// in the same transaction.
pub fn claim(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    seen: &Candidate,
    (number, claim): (i64, Claim<'_>),
) -> Result<bool, StoreError> {
    let (due_at, consumer) = match claim {
        Claim::Until(due_at) => (due_at, None),
        Claim::By(consumer) => (HELD, Some(consumer.as_str())),
    };
    let claimed = tx.run(
        "UPDATE queue_items SET number = $1, offers = offers + 1, due_at = $2, consumer = $3 \
         WHERE workspace_id = $4 AND address = $5 AND item_id = $6 AND due_at = $7 AND offers = $8",
        &[
            number.into(),
            due_at.into(),
            consumer.into(),
            workspace.into(),
            to.into(),
            seen.item.into(),
            seen.due_at.into(),
            seen.offers.into(),
        ],
    )?;
    Ok(claimed > 0)
}

/// Locks an item and returns true if it has not changed since its claim: it was neither made due again nor deleted.
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

/// Takes back an offer that was never sent; its item is due again at once. Does nothing if the item has a newer number
/// or an acknowledgement.
pub fn release(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    item: QueueItem,
    number: i64,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, offers = offers - 1, consumer = NULL \
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
