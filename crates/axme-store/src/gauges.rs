//! SQL for the gauges of an operator: what waits, what is late and what was given up, over all workspaces.
//!
//! Every count stops at a limit, so that a scrape of a full database costs no more than one of a busy database.

use axme_intent::Time;

use super::{Row, Tx};
use crate::error::StoreError;

/// The rows that one count looks at.
pub const MAX_ROWS: i64 = 50_000;

/// A count of rows, and the earliest time among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// The class of receivers, or the status, of the rows.
    pub class: String,
    pub rows: i64,
    pub earliest: Option<Time>,
}

/// The state of the database at one moment.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Items of queues that wait or are claimed, by class of receiver, with the earliest time at which one is due.
    pub queues: Vec<Count>,
    /// Items that were given up, by class of receiver.
    pub dead: Vec<Count>,
    /// Timers that are due. A fired timer has no row.
    pub timers: Vec<Count>,
    /// Live intents that no other intent has started, by status.
    pub intents: Vec<Count>,
    /// Tasks that wait for a person, with the time of the oldest.
    pub tasks: Vec<Count>,
    /// Decisions that subscribers have not been told about yet.
    pub fanouts: Vec<Count>,
}

impl Gauges {
    /// Returns true if a count has reached its limit, so that the real one is larger.
    pub fn is_cut(&self) -> bool {
        let all = [&self.queues, &self.dead, &self.timers, &self.intents, &self.tasks, &self.fanouts];
        all.iter().any(|counts| counts.iter().map(|count| count.rows).sum::<i64>() >= MAX_ROWS)
    }
}

/// Reads all gauges, in one transaction.
pub fn read(tx: &mut Tx<'_>) -> Result<Gauges, StoreError> {
    let queues = tx.rows(
        "SELECT q.class, COUNT(*), MIN(q.due_at) FROM \
         (SELECT CASE i.kind WHEN 1 THEN 'webhook' WHEN 2 THEN 'notice' WHEN 3 THEN 'route' ELSE \
         COALESCE(a.delivery_mode, CASE substr(i.address, 1, 7) WHEN 'user://' THEN 'person' ELSE 'unregistered' END) \
         END AS class, i.due_at FROM (SELECT workspace_id, address, kind, due_at FROM queue_items \
         WHERE dead_at IS NULL LIMIT $1) i \
         LEFT JOIN service_accounts a ON a.workspace_id = i.workspace_id AND a.address = i.address) q GROUP BY q.class",
        &[MAX_ROWS.into()],
    )?;
    let dead = tx.rows(
        "SELECT d.class, COUNT(*), MIN(d.dead_at) FROM (SELECT CASE kind WHEN 1 THEN 'webhook' WHEN 2 THEN 'notice' \
         WHEN 3 THEN 'route' ELSE 'intent' END AS class, dead_at FROM queue_items WHERE dead_at IS NOT NULL LIMIT $1) d \
         GROUP BY d.class",
        &[MAX_ROWS.into()],
    )?;
    let timers = tx.rows(
        "SELECT 'due', COUNT(*), MIN(t.due_at) FROM \
         (SELECT due_at FROM timers WHERE due_at <= $1 ORDER BY due_at LIMIT $2) t",
        &[tx.now.into(), MAX_ROWS.into()],
    )?;
    let intents = tx.rows(
        "SELECT i.status, COUNT(*), MIN(i.created_at) FROM (SELECT status, created_at FROM intents \
         WHERE live = 1 AND parent_id IS NULL LIMIT $1) i GROUP BY i.status",
        &[MAX_ROWS.into()],
    )?;
    let tasks = tx.rows(
        "SELECT 'open', COUNT(*), MIN(t.task_since) FROM \
         (SELECT task_since FROM intents WHERE task_since IS NOT NULL LIMIT $1) t",
        &[MAX_ROWS.into()],
    )?;
    let fanouts =
        tx.rows("SELECT 'waiting', COUNT(*), NULL FROM (SELECT position FROM fanouts LIMIT $1) f", &[MAX_ROWS.into()])?;
    Ok(Gauges {
        queues: counts(&queues)?,
        dead: counts(&dead)?,
        timers: counts(&timers)?,
        intents: counts(&intents)?,
        tasks: counts(&tasks)?,
        fanouts: counts(&fanouts)?,
    })
}

fn counts(rows: &[Row]) -> Result<Vec<Count>, StoreError> {
    let count = |row: &Row| Ok(Count { class: row.string(0)?, rows: row.int(1)?, earliest: row.opt_time(2)? });
    rows.iter().map(count).collect()
}
