//! SQL for the mail that tells the operator about trouble, over all workspaces. Every look stops at a limit of rows.

use axme_intent::Time;

use super::Tx;
use crate::error::StoreError;
use crate::gauges::{Count, MAX_ROWS};

/// Counts what was given up after one time and up to another, by class.
pub fn given_up(tx: &mut Tx<'_>, after: Time, until: Time) -> Result<Vec<Count>, StoreError> {
    let rows = tx.rows(
        "SELECT d.class, COUNT(*), MIN(d.dead_at) FROM (SELECT CASE kind WHEN 1 THEN 'webhook' WHEN 2 THEN 'notice' \
         WHEN 3 THEN 'route' ELSE 'intent' END AS class, dead_at FROM queue_items WHERE dead_at IS NOT NULL LIMIT $1) d \
         WHERE d.dead_at > $2 AND d.dead_at <= $3 GROUP BY d.class ORDER BY d.class",
        &[MAX_ROWS.into(), after.into(), until.into()],
    )?;
    let count = |row: &super::Row| -> Result<Count, StoreError> {
        Ok(Count { class: row.string(0)?, rows: row.int(1)?, earliest: row.opt_time(2)? })
    };
    rows.iter().map(count).collect()
}

/// Lists agents whose earliest waiting intent was due after one time and up to another, with that time.
pub fn silent_agents(tx: &mut Tx<'_>, after: Time, until: Time, limit: i64) -> Result<Vec<(String, Time)>, StoreError> {
    let rows = tx.rows(
        "SELECT q.address, MIN(q.due_at) FROM (SELECT workspace_id, address, due_at FROM queue_items \
         WHERE dead_at IS NULL AND kind = 0 AND substr(address, 1, 8) = 'agent://' LIMIT $1) q \
         GROUP BY q.workspace_id, q.address HAVING MIN(q.due_at) > $2 AND MIN(q.due_at) <= $3 ORDER BY q.address LIMIT $4",
        &[MAX_ROWS.into(), after.into(), until.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.string(0)?, row.time(1)?))).collect()
}

/// Returns when a mail of this name was last sent, for a change: other nodes wait.
pub fn lock(tx: &mut Tx<'_>, name: &str) -> Result<Option<Time>, StoreError> {
    // A lock needs a row.
    tx.push("INSERT INTO operator_mails (name, sent_at) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING", &[name.into()])?;
    let row = tx.row("SELECT sent_at FROM operator_mails WHERE name = $1 FOR UPDATE", &[name.into()])?;
    Ok(row.map(|row| row.time(0)).transpose()?.filter(|at| at.micros() > 0))
}

/// Returns when a mail of this name was last sent.
pub fn last_sent(tx: &mut Tx<'_>, name: &str) -> Result<Option<Time>, StoreError> {
    let row = tx.row("SELECT sent_at FROM operator_mails WHERE name = $1", &[name.into()])?;
    Ok(row.map(|row| row.time(0)).transpose()?.filter(|at| at.micros() > 0))
}

/// Records when a mail was sent; `None` if it was not sent after all.
pub fn set_sent(tx: &mut Tx<'_>, name: &str, at: Option<Time>) -> Result<(), StoreError> {
    let at = at.unwrap_or(Time::from_micros(0));
    tx.push("UPDATE operator_mails SET sent_at = $1 WHERE name = $2", &[at.into(), name.into()])
}
