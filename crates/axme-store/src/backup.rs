//! Copies of an SQLite database: a snapshot while a server writes, its check, and the first changes after a restore.
//!
//! A snapshot is one read transaction of a connection of its own, so that the server goes on. PostgreSQL has its own
//! tools for this.

use std::path::Path;
use std::time::Duration;

use axme_intent::Time;
use rusqlite::{Connection, OpenFlags};

use crate::error::StoreError;

/// How long a snapshot waits for a lock, for example of a start that changes the schema.
const PATIENCE: Duration = Duration::from_secs(30);

/// A key that is valid after a restore: one that was revoked since the backup is valid again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveKey {
    pub workspace: String,
    pub key_id: String,
    pub account: String,
    pub hint: String,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
}

/// The numbers of things that a restore has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    pub sessions: usize,
    pub grants: usize,
    pub links: usize,
}

/// Writes a copy of the database to a file that does not exist yet.
pub fn snapshot(database: &Path, copy: &Path) -> Result<(), StoreError> {
    let connection = open(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let copy = copy.to_str().ok_or_else(|| StoreError::Unavailable("the path of a backup must be UTF-8".to_owned()))?;
    connection.execute("VACUUM INTO ?1", [copy]).map_err(fault)?;
    Ok(())
}

/// Returns the names of the files that a copy refers to.
pub fn stored_files(copy: &Path) -> Result<Vec<String>, StoreError> {
    let connection = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection
        .prepare("SELECT stored_file FROM media_uploads WHERE stored_file IS NOT NULL ORDER BY stored_file")
        .map_err(fault)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(fault)?;
    names.collect::<Result<_, _>>().map_err(fault)
}

/// Checks every page and index of a copy.
pub fn check(copy: &Path) -> Result<(), StoreError> {
    let connection = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(fault)?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Fault(format!("the database is damaged: {found}"))) }
}

/// Ends what must not come back to life with an old copy: sessions, grants of sign-ins, and links that nobody has used. Deletes
/// the keys that sign tokens; the server makes a new one.
pub fn end_access(copy: &Path, now: Time) -> Result<Ended, StoreError> {
    let mut connection = open(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let tx = connection.transaction().map_err(fault)?;
    let now = now.micros();
    let run = |sql: &str| tx.execute(sql, []).map_err(fault);
    let at = |sql: &str| tx.execute(sql, [now]).map_err(fault);
    let sessions = at("UPDATE login_sessions SET revoked_at = ?1 WHERE revoked_at IS NULL AND expires_at > ?1")?;
    run("DELETE FROM refresh_tokens")?;
    run("DELETE FROM signing_keys")?;
    let grants = run("DELETE FROM cli_grants WHERE delivered_at IS NULL")?
        + run("DELETE FROM exchange_tokens WHERE used_at IS NULL")?
        + run("DELETE FROM login_intents WHERE used_at IS NULL")?
        + run("DELETE FROM oidc_logins")?
        + run("DELETE FROM oauth_consents")?
        + run("DELETE FROM oauth_codes WHERE session_id IS NULL")?;
    let links = at("UPDATE task_links SET expires_at = ?1 WHERE used_at IS NULL AND expires_at > ?1")?
        + at("UPDATE invites SET expires_at = ?1 WHERE accepted_at IS NULL AND expires_at > ?1")?
        + run("DELETE FROM media_links")?;
    tx.commit().map_err(fault)?;
    Ok(Ended { sessions, grants, links })
}

/// Lists the keys that are valid in a copy, by workspace and account.
pub fn live_keys(copy: &Path, now: Time) -> Result<Vec<LiveKey>, StoreError> {
    let connection = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection
        .prepare(
            "SELECT o.slug || '/' || w.slug, k.key_id, COALESCE(a.address, a.name), k.hint, k.created_at, k.last_used_at \
             FROM api_keys k JOIN workspaces w ON w.workspace_id = k.workspace_id \
             JOIN organizations o ON o.org_id = w.org_id JOIN service_accounts a \
             ON a.workspace_id = k.workspace_id AND a.service_account_id = k.service_account_id \
             WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?1) \
             ORDER BY 1, 3, k.created_at",
        )
        .map_err(fault)?;
    let keys = statement.query_map([now.micros()], |row| {
        Ok(LiveKey {
            workspace: row.get(0)?,
            key_id: row.get(1)?,
            account: row.get(2)?,
            hint: row.get(3)?,
            created_at: Time::from_micros(row.get(4)?),
            last_used_at: row.get::<_, Option<i64>>(5)?.map(Time::from_micros),
        })
    });
    keys.map_err(fault)?.collect::<Result<_, _>>().map_err(fault)
}

fn open(file: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fault)?;
    connection.busy_timeout(PATIENCE).map_err(fault)?;
    Ok(connection)
}

fn fault(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
