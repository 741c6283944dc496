//! The statistics by which PostgreSQL plans. A new table has none until the first autovacuum, which comes a
//! minute later. Until then, an intent by its key reads 67 blocks instead of 5.

use tokio_postgres::Client;

use super::{ROUND_TRIP, Target, fault, target::within};
use crate::error::StoreError;
use crate::tx::Tx;

/// The number of intents from which statistics say something about a database in use.
const GROWN: i64 = 1_000;

/// The tables that most calls read or write.
const TABLES: &str = "intents, events, queue_items, queue_counters, timers, replies, consumers, received_intents";

/// Returns true once the database has so many intents that its first statistics are out of date. A cheap check.
pub fn has_grown(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let row = tx.row("SELECT COUNT(*) FROM (SELECT 1 FROM intents LIMIT $1) AS first", &[GROWN.into()])?;
    row.map_or(Ok(false), |row| Ok(row.int(0)? >= GROWN))
}

/// Brings the statistics up to date, unless that was done since the database has grown. Returns whether it did anything.
pub async fn refresh(url: &str) -> Result<bool, StoreError> {
    let client = Target::parse(url, true)?.connect().await?;
    let known = "SELECT CAST(reltuples AS float8) FROM pg_class WHERE oid = to_regclass('intents')";
    let row = within(ROUND_TRIP, client.query_one(known, &[])).await?;
    let rows: f64 = row.try_get(0).map_err(fault)?;
    if rows >= GROWN as f64 {
        return Ok(false);
    }
    analyze(&client).await?;
    Ok(true)
}

/// Reads samples of the tables, and keeps what they say for the planner.
pub(crate) async fn analyze(client: &Client) -> Result<(), StoreError> {
    within(ROUND_TRIP, client.batch_execute(&format!("ANALYZE {TABLES}"))).await
}
