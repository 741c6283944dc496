//! The start on PostgreSQL: waits for the database, and for another node that changes the schema, then brings the
//! schema up to date. A wait reports its reason every few seconds, and it has a limit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::{Target, fault, statistics};
use crate::error::StoreError;
use crate::migrations;

/// Held while migrations run, so that nodes that start together take turns.
const MIGRATION_LOCK: i64 = 0x4158_4d45;
/// The interval of log messages about a wait.
const REPORT: Duration = Duration::from_secs(3);
/// The pause before another try.
const RETRY: Duration = Duration::from_millis(250);

/// Looks at a pooler for its sessions.
const LOOKS: usize = 3;

/// Brings the schema up to date, one node at a time. Waits at most `patience` for its turn.
pub(crate) async fn migrate(target: &Target, patience: Duration) -> Result<(), StoreError> {
    let reason = Mutex::new("it has not answered yet".to_owned());
    let mut client = tokio::select! {
        locked = tokio::time::timeout(patience, locked(target, &reason)) => match locked {
            Ok(client) => client?,
            Err(_) => return Err(too_late(patience, &read(&reason))),
        },
        never = report(&reason) => match never {},
    };
    let runner = migrations::runner(str::to_owned)?;
    let history =
        client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&migrations::HISTORY]).await.map_err(fault)?;
    if history.get(0) {
        let applied = runner.get_applied_migrations_async(&mut client).await.map_err(migrations::fault)?;
        migrations::check_history(&runner, &applied)?;
    }
    let report = runner.run_async(&mut client).await.map_err(migrations::fault)?;
    if !report.applied_migrations().is_empty() {
        statistics::analyze(&client).await?;
    }
    // The lock ends with the connection.
    Ok(())
}

/// Connects and takes the lock. Retries until the caller gives up; `reason` says what it waits for.
async fn locked(target: &Target, reason: &Mutex<String>) -> Result<Client, StoreError> {
    let mut is_checked = false;
    loop {
        match try_lock(target, &mut is_checked).await {
            Ok(Some(client)) => return Ok(client),
            Ok(None) => write(reason, "another node is changing its schema".to_owned()),
            Err(StoreError::Unavailable(why)) => write(reason, why),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Returns a connection that holds the lock; `None` if another node holds it. Each try has a connection of its own, so
/// that none is idle when the lock becomes free.
async fn try_lock(target: &Target, is_checked: &mut bool) -> Result<Option<Client>, StoreError> {
    let client = target.connect().await?;
    if !std::mem::replace(is_checked, true) {
        check_sessions(target, &client).await.inspect_err(|_| *is_checked = false)?;
    }
    let taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&MIGRATION_LOCK]).await.map_err(fault)?;
    Ok(taken.get::<_, bool>(0).then_some(client))
}

/// Refuses a pooler that lends one session of the database to several clients, such as PgBouncer in transaction mode.
/// Locks and limits belong to a session, and so do the notifications between nodes: they would be lost, or would reach
/// another client.
async fn check_sessions(target: &Target, client: &Client) -> Result<(), StoreError> {
    let other = target.connect().await?;
    let first = session_id(client).await?;
    for _ in 0..LOOKS {
        if session_id(&other).await? == first || session_id(client).await? != first {
            return Err(StoreError::Fault(
                "the database URL leads to a pooler that shares sessions, such as PgBouncer in transaction mode. \
                 Use the address of the database itself, or a pooler in session mode"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

/// Returns the process of the database that serves a connection. The simple protocol needs no prepared statement, which
/// a pooler may lose.
async fn session_id(client: &Client) -> Result<Option<String>, StoreError> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await.map_err(fault)?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(row.map(str::to_owned))
}

async fn report(reason: &Mutex<String>) -> std::convert::Infallible {
    let mut waited = Duration::ZERO;
    loop {
        tokio::time::sleep(REPORT).await;
        waited += REPORT;
        tracing::warn!(reason = read(reason), waited_seconds = waited.as_secs(), "waiting for the database");
    }
}

fn too_late(patience: Duration, reason: &str) -> StoreError {
    StoreError::Unavailable(format!(
        "the database is not ready after {} seconds: {reason}. Check database_url and the database, or raise \
         limits.start_seconds",
        patience.as_secs()
    ))
}

fn read(reason: &Mutex<String>) -> String {
    reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn write(reason: &Mutex<String>, why: String) {
    *reason.lock().unwrap_or_else(PoisonError::into_inner) = why;
}
