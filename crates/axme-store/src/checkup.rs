//! The facts about a database that an operator's check needs. Nothing in it changes, and no server needs to run.

use std::path::Path;
use std::time::Duration;

use axme_intent::Time;
use rusqlite::{Connection, OpenFlags};

use super::postgres::Target;
use crate::error::StoreError;
use crate::migrations;

/// How long a look at an SQLite database waits for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkup {
    /// The version of the database program.
    pub program: String,
    /// The newest migration in the database; `None` before the first start.
    pub schema: Option<i32>,
    /// The server of the database; `None` for SQLite, which has none.
    pub server: Option<DatabaseServer>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseServer {
    pub has_tls: bool,
    pub is_standby: bool,
    /// The seconds by which its clock is ahead of this machine's.
    pub clock_ahead_seconds: f64,
    /// How far the slowest standby is behind, as far as the user may see it.
    pub standby_lag_seconds: Option<f64>,
}

/// The newest migration of this program.
pub fn newest_schema() -> Result<i32, StoreError> {
    let runner = migrations::runner(str::to_owned)?;
    Ok(runner.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or_default())
}

/// Looks at an SQLite database.
pub fn sqlite(file: &Path) -> Result<Checkup, StoreError> {
    let fault = |error: rusqlite::Error| StoreError::Unavailable(error.to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(fault)?;
    connection.busy_timeout(PATIENCE).map_err(fault)?;
    let schema = connection.query_row("SELECT MAX(version) FROM refinery_schema_history", [], |row| row.get(0));
    Ok(Checkup { program: rusqlite::version().to_owned(), schema: schema.map_err(fault)?, server: None })
}

/// Looks at a PostgreSQL database. `now` reads the clock of this machine.
pub async fn postgres(url: &str, now: impl Fn() -> Time) -> Result<Checkup, StoreError> {
    let fault = |error: tokio_postgres::Error| StoreError::Unavailable(error.to_string());
    let client = Target::parse(url, true)?.connect().await?;
    let before = now();
    let row = client
        .query_one(
            "SELECT current_setting('server_version'), pg_is_in_recovery(), \
             CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS float8), \
             COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), \
             (SELECT CAST(EXTRACT(EPOCH FROM MAX(replay_lag)) AS float8) FROM pg_stat_replication), \
             to_regclass('refinery_schema_history') IS NOT NULL",
            &[],
        )
        .await
        .map_err(fault)?;
    // The database read its clock between these two, in the middle as far as we know.
    let here = (before.micros() as f64 + now().micros() as f64) / 2e6;
    let there: f64 = row.try_get(2).map_err(fault)?;
    let has_schema: bool = row.try_get(5).map_err(fault)?;
    let schema = match has_schema {
        true => {
            let row = client.query_one("SELECT MAX(version) FROM refinery_schema_history", &[]).await;
            row.and_then(|row| row.try_get(0)).map_err(fault)?
        }
        false => None,
    };
    let server = DatabaseServer {
        is_standby: row.try_get(1).map_err(fault)?,
        clock_ahead_seconds: there - here,
        has_tls: row.try_get(3).map_err(fault)?,
        standby_lag_seconds: row.try_get(4).map_err(fault)?,
    };
    Ok(Checkup { program: row.try_get(0).map_err(fault)?, schema, server: Some(server) })
}
