//! SQL of deliveries: the queue of each address.
//!
//! A delivery is offered when it is due; each offer gives it a new number and a later due time. Numbers come from a counter
//! per address that only claims touch, and they are committed in the order in which they are given.

use axme_intent::{Address, IntentId, Time};
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// A delivery that may be offered.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub intent_id: IntentId,
    pub offers: u32,
    pub due_at: Time,
    /// Set once it has been offered.
    pub number: Option<i64>,
    pub acknowledged: bool,
}

/// Puts an intent into a queue.
pub fn insert(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId, now: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO queue_items (workspace_id, address, intent_id, offers, acknowledged, due_at) VALUES ($1, $2, $3, 0, 0, $4)",
        &[workspace.into(), to.into(), id.into(), now.into()],
    )
}

pub fn delete(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId) -> Result<(), StoreError> {
    tx.push(
        "DELETE FROM queue_items WHERE workspace_id = $1 AND address = $2 AND intent_id = $3",
        &[workspace.into(), to.into(), id.into()],
    )
}

/// The receiver has it: it is not offered again before `due_at`.
pub fn acknowledge(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    id: IntentId,
    due_at: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET acknowledged = 1, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND intent_id = $4",
        &[due_at.into(), workspace.into(), to.into(), id.into()],
    )
}

/// It could not be delivered: kept as a dead letter, due no more.
pub fn bury(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET dead_at = $1, due_at = $2, number = NULL \
         WHERE workspace_id = $3 AND address = $4 AND intent_id = $5",
        &[now.into(), i64::MAX.into(), workspace.into(), to.into(), id.into()],
    )
}

/// A push failed: due again at `due_at`.
pub fn postpone(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    id: IntentId,
    due_at: Time,
    error: &str,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, last_error = $2 \
         WHERE workspace_id = $3 AND address = $4 AND intent_id = $5 AND dead_at IS NULL",
        &[due_at.into(), error.into(), workspace.into(), to.into(), id.into()],
    )
}

/// What was claimed could not be tried: due again at `due_at`, and not counted as an attempt.
pub fn put_off(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId, due_at: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, offers = offers - 1 \
         WHERE workspace_id = $2 AND address = $3 AND intent_id = $4 AND dead_at IS NULL AND offers > 0",
        &[due_at.into(), workspace.into(), to.into(), id.into()],
    )
}

/// A dead letter is due once more, as if it were new.
pub fn revive(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET dead_at = NULL, offers = 0, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND intent_id = $4",
        &[now.into(), workspace.into(), to.into(), id.into()],
    )
}

/// Keeps why the last push failed.
pub fn note(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId, error: &str) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET last_error = $1 WHERE workspace_id = $2 AND address = $3 AND intent_id = $4",
        &[error.into(), workspace.into(), to.into(), id.into()],
    )
}

/// A delivery that was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub intent_id: IntentId,
    /// The intent that a notice tells of: its delivery stands under the notice's own id.
    pub told_of: Option<IntentId>,
    pub address: Address,
    pub dead_at: Time,
    pub last_error: Option<String>,
}

/// Dead letters, newest intents first, below an id. Those of one intent to several stand by address.
pub fn list_dead(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    before: IntentId,
    limit: i64,
) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = tx.rows(
        "SELECT d.intent_id, d.address, d.dead_at, d.last_error, n.intent_id FROM queue_items d \
         LEFT JOIN notices n ON n.workspace_id = d.workspace_id AND n.notice_id = d.intent_id \
         WHERE d.workspace_id = $1 AND d.intent_id < $2 AND d.dead_at IS NOT NULL \
         ORDER BY d.intent_id DESC, d.address LIMIT $3",
        &[workspace.into(), before.into(), limit.into()],
    )?;
    rows.iter().map(dead_letter).collect()
}

/// The dead letters of one intent, by address.
pub fn list_dead_of(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, limit: i64) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = tx.rows(
        "SELECT d.intent_id, d.address, d.dead_at, d.last_error, n.intent_id FROM queue_items d \
         LEFT JOIN notices n ON n.workspace_id = d.workspace_id AND n.notice_id = d.intent_id \
         WHERE d.workspace_id = $1 AND d.intent_id = $2 AND d.dead_at IS NOT NULL ORDER BY d.address LIMIT $3",
        &[workspace.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(dead_letter).collect()
}

fn dead_letter(row: &super::Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        intent_id: IntentId(row.uuid(0)?),
        address: Address::from_canonical(row.string(1)?),
        dead_at: row.time(2)?,
        last_error: row.opt_string(3)?,
        told_of: row.opt_uuid(4)?.map(IntentId),
    })
}

/// Due again now, as if nobody had it.
pub fn offer_again(tx: &mut Tx<'_>, workspace: Uuid, to: &Address, id: IntentId, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET acknowledged = 0, due_at = $1 WHERE workspace_id = $2 AND address = $3 AND intent_id = $4",
        &[now.into(), workspace.into(), to.into(), id.into()],
    )
}

/// A page of the deliveries that are due, longest due first, after one of them.
pub fn list_due(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    now: Time,
    after: Option<(Time, IntentId)>,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let (due_at, id) = after.unwrap_or((Time::from_micros(i64::MIN), IntentId(Uuid::nil())));
    let rows = tx.rows(
        "SELECT intent_id, offers, due_at, number, acknowledged FROM queue_items \
         WHERE workspace_id = $1 AND address = $2 AND (due_at, intent_id) > ($3, $4) AND due_at <= $5 \
         ORDER BY due_at, intent_id LIMIT $6",
        &[workspace.into(), to.into(), due_at.into(), id.into(), now.into(), limit.into()],
    )?;
    rows.iter().map(candidate).collect()
}

/// A page of the deliveries that are out with a reader already, soonest due first, after one of them.
pub fn list_offered(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    (due_at, id): (Time, IntentId),
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let rows = tx.rows(
        "SELECT intent_id, offers, due_at, number, acknowledged FROM queue_items \
         WHERE workspace_id = $1 AND address = $2 AND (due_at, intent_id) > ($3, $4) AND number IS NOT NULL \
         ORDER BY due_at, intent_id LIMIT $5",
        &[workspace.into(), to.into(), due_at.into(), id.into(), limit.into()],
    )?;
    rows.iter().map(candidate).collect()
}

fn candidate(row: &super::Row) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        intent_id: IntentId(row.uuid(0)?),
        offers: row.count(1)?,
        due_at: row.time(2)?,
        number: row.opt_int(3)?,
        acknowledged: row.int(4)? != 0,
    })
}

/// When the next delivery that is not due yet becomes so.
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

/// Offers a delivery under a number, if nobody has touched it since it was seen. False when somebody has.
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
         WHERE workspace_id = $3 AND address = $4 AND intent_id = $5 AND due_at = $6 AND offers = $7",
        &[
            number.into(),
            due_at.into(),
            workspace.into(),
            to.into(),
            seen.intent_id.into(),
            seen.due_at.into(),
            seen.offers.into(),
        ],
    )?;
    Ok(claimed > 0)
}

/// Whether a delivery is still as it was claimed: nobody has made it due anew since, or ended it. Locks it, if so.
pub fn is_as_claimed(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    id: IntentId,
    (offers, due_at): (u32, Time),
) -> Result<bool, StoreError> {
    let row = tx.row(
        "SELECT offers FROM queue_items WHERE workspace_id = $1 AND address = $2 AND intent_id = $3 AND offers = $4 \
         AND due_at = $5 FOR UPDATE",
        &[workspace.into(), to.into(), id.into(), i64::from(offers).into(), due_at.into()],
    )?;
    Ok(row.is_some())
}

/// Takes an offer back that was never sent: due again at once. Nothing when it has moved on.
pub fn release(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    id: IntentId,
    number: i64,
    now: Time,
) -> Result<(), StoreError> {
    tx.push(
        "UPDATE queue_items SET due_at = $1, offers = offers - 1 \
         WHERE workspace_id = $2 AND address = $3 AND intent_id = $4 AND number = $5 AND acknowledged = 0",
        &[now.into(), workspace.into(), to.into(), id.into(), number.into()],
    )
}
