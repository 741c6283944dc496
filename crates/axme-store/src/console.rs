//! SQL for the numbers that only the console shows: the state of one workspace at one moment.
//!
//! Every statement reads a bounded number of rows of an index. So the page of a full workspace costs no more than that of
//! a busy one.

use axme_intent::{IntentId, Status, Time};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// The rows that one count looks at.
pub const MAX_ROWS: i64 = 10_000;

/// Live intents of one status, and the creation of the oldest.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveCount {
    pub status: Status,
    pub rows: i64,
    pub oldest: Option<Time>,
}

/// A root intent of the recent past, as far as rates and durations need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    pub status: Status,
    pub created_at: Time,
    pub updated_at: Time,
}

/// The deliveries that wait at one address.
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    pub address: String,
    pub rows: i64,
    /// The earliest time at which one of them is offered, or is offered again.
    pub first_due: Option<Time>,
    /// The oldest intent among them.
    pub oldest: Option<Uuid>,
}

/// The state of a workspace.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    pub live: Vec<LiveCount>,
    /// Tasks that wait for a person.
    pub tasks: i64,
    /// The task that has waited longest, and since when.
    pub oldest_task: Option<(IntentId, Time)>,
    /// Dead letters by kind: 0 for agents, 1 for subscribers, 2 for people, 3 for routes.
    pub dead: Vec<(i64, i64)>,
    /// The newest root intents since the beginning of the period, newest first.
    pub recent: Vec<Recent>,
    /// True if a count has reached [`MAX_ROWS`], so that the real number is larger.
    pub is_cut: bool,
}

/// Reads the numbers of a workspace. The recent intents begin at `since`.
pub fn numbers(tx: &mut Tx<'_>, workspace: Uuid, since: Time) -> Result<Numbers, StoreError> {
    let live = tx.rows(
        "SELECT i.status, COUNT(*), MIN(i.created_at) FROM (SELECT status, created_at FROM intents \
         WHERE workspace_id = $1 AND live = 1 AND parent_id IS NULL LIMIT $2) i GROUP BY i.status",
        &[workspace.into(), MAX_ROWS.into()],
    )?;
    let tasks = tx.row(
        "SELECT COUNT(*) FROM (SELECT task_since FROM intents WHERE workspace_id = $1 AND task_since IS NOT NULL LIMIT $2) t",
        &[workspace.into(), MAX_ROWS.into()],
    )?;
    let oldest_task = tx.row(
        "SELECT intent_id, task_since FROM intents WHERE workspace_id = $1 AND task_since IS NOT NULL \
         ORDER BY task_since, intent_id LIMIT 1",
        &[workspace.into()],
    )?;
    let dead = tx.rows(
        "SELECT d.kind, COUNT(*) FROM (SELECT kind FROM queue_items WHERE workspace_id = $1 AND dead_at IS NOT NULL LIMIT $2) d \
         GROUP BY d.kind ORDER BY d.kind",
        &[workspace.into(), MAX_ROWS.into()],
    )?;
    // The limit is inside, before steps are left out: the number of rows that are read is bounded.
    let recent = tx.rows(
        "SELECT i.status, i.created_at, i.updated_at FROM (SELECT intent_id, parent_id, status, created_at, updated_at \
         FROM intents WHERE workspace_id = $1 AND intent_id >= $2 ORDER BY intent_id DESC LIMIT $3) i \
         WHERE i.parent_id IS NULL ORDER BY i.intent_id DESC",
        &[workspace.into(), IntentId::first_at(since).into(), MAX_ROWS.into()],
    )?;
    let mut numbers = Numbers {
        live: live.iter().map(live_count).collect::<Result<_, _>>()?,
        tasks: tasks.map_or(Ok(0), |row| row.int(0))?,
        oldest_task: oldest_task.map(|row| Ok::<_, StoreError>((IntentId(row.uuid(0)?), row.time(1)?))).transpose()?,
        dead: dead.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect::<Result<_, StoreError>>()?,
        recent: recent.iter().map(recent_row).collect::<Result<_, _>>()?,
        is_cut: false,
    };
    let all = [
        numbers.live.iter().map(|count| count.rows).sum(),
        numbers.tasks,
        numbers.dead.iter().map(|(_, rows)| *rows).sum(),
        i64::try_from(numbers.recent.len()).unwrap_or(i64::MAX),
    ];
    numbers.is_cut = all.into_iter().any(|rows| rows >= MAX_ROWS);
    Ok(numbers)
}

fn live_count(row: &Row) -> Result<LiveCount, StoreError> {
    Ok(LiveCount { status: row.word(0, Status::parse)?, rows: row.int(1)?, oldest: row.opt_time(2)? })
}

fn recent_row(row: &Row) -> Result<Recent, StoreError> {
    Ok(Recent { status: row.word(0, Status::parse)?, created_at: row.time(1)?, updated_at: row.time(2)? })
}

/// Counts the deliveries that wait at each address of a workspace, longest queue first.
pub fn backlogs(tx: &mut Tx<'_>, workspace: Uuid) -> Result<Vec<Backlog>, StoreError> {
    let rows = tx.rows(
        "SELECT q.address, COUNT(*) AS waiting, MIN(q.due_at) FROM (SELECT address, due_at FROM queue_items \
         WHERE workspace_id = $1 AND kind = 0 AND dead_at IS NULL LIMIT $2) q GROUP BY q.address ORDER BY waiting DESC, q.address",
        &[workspace.into(), MAX_ROWS.into()],
    )?;
    let read = |row: &Row| {
        Ok(Backlog { address: row.string(0)?, rows: row.int(1)?, first_due: row.opt_time(2)?, oldest: None })
    };
    let mut found: Vec<Backlog> = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
    // The oldest item of the longest queues: one look-up in an index for each.
    for backlog in found.iter_mut().take(MAX_OLDEST) {
        let row = tx.row(
            "SELECT item_id FROM queue_items WHERE workspace_id = $1 AND address = $2 AND kind = 0 AND dead_at IS NULL \
             ORDER BY item_id LIMIT 1",
            &[workspace.into(), (&backlog.address).into()],
        )?;
        backlog.oldest = row.map(|row| row.uuid(0)).transpose()?;
    }
    Ok(found)
}

/// The queues whose oldest item is looked up.
const MAX_OLDEST: usize = 50;
