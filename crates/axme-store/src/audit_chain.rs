//! SQL for the chain of audit lines: lines that wait to be chained, the head of each trail, and signed checkpoints.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

/// The hash before the first line of a trail.
pub const FIRST: [u8; 32] = [0; 32];

/// An audit line as it is stored, for its hash.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: Uuid,
    pub at: Time,
    pub actor: String,
    pub action: String,
    pub subject: String,
    /// JSON, as stored.
    pub details: String,
    /// The number and the hash of a chained line.
    pub link: Option<Link>,
}

/// The place of a line in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub seq: i64,
    pub hash: [u8; 32],
}

/// The state of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    pub last: Link,
    /// The last line that a sweep has deleted; 0 if none was.
    pub swept_seq: i64,
}

/// A signed statement about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub link: Link,
    pub at: Time,
    pub statement: String,
    pub public_key: String,
}

/// Lists trails after `after` that have lines to chain.
pub fn list_waiting(tx: &mut Tx<'_>, after: Uuid, limit: i64) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx.rows(
        "SELECT DISTINCT trail_id FROM audit_events WHERE seq IS NULL AND trail_id > $1 ORDER BY trail_id LIMIT $2",
        &[after.into(), limit.into()],
    )?;
    rows.iter().map(|row| row.uuid(0)).collect()
}

/// Returns the head of a chain, locked, so that one node at a time extends it.
pub fn lock_head(tx: &mut Tx<'_>, trail: Uuid) -> Result<ChainHead, StoreError> {
    tx.run(
        "INSERT INTO audit_heads (trail_id, seq, hash, swept_seq) VALUES ($1, 0, $2, 0) ON CONFLICT (trail_id) DO NOTHING",
        &[trail.into(), FIRST[..].into()],
    )?;
    let row = tx.row("SELECT seq, hash, swept_seq FROM audit_heads WHERE trail_id = $1 FOR UPDATE", &[trail.into()])?;
    row.map_or_else(|| Err(StoreError::Fault("the head of an audit chain is gone".to_owned())), |row| head(&row))
}

pub fn find_head(tx: &mut Tx<'_>, trail: Uuid) -> Result<Option<ChainHead>, StoreError> {
    let row = tx.row("SELECT seq, hash, swept_seq FROM audit_heads WHERE trail_id = $1", &[trail.into()])?;
    row.as_ref().map(head).transpose()
}

fn head(row: &Row) -> Result<ChainHead, StoreError> {
    Ok(ChainHead { last: link(row, 0)?, swept_seq: row.int(2)? })
}

fn link(row: &Row, column: usize) -> Result<Link, StoreError> {
    let hash = row.bytes(column + 1)?.try_into();
    let hash = hash.map_err(|_| StoreError::Fault("the hash of an audit line does not have 32 bytes".to_owned()))?;
    Ok(Link { seq: row.int(column)?, hash })
}

/// Moves the head of a chain.
pub fn set_head(tx: &mut Tx<'_>, trail: Uuid, last: &Link) -> Result<(), StoreError> {
    tx.push(
        "UPDATE audit_heads SET seq = $1, hash = $2 WHERE trail_id = $3",
        &[last.seq.into(), last.hash[..].into(), trail.into()],
    )
}

/// Lists lines that wait to be chained, oldest first.
pub fn list_unchained(tx: &mut Tx<'_>, trail: Uuid, limit: i64) -> Result<Vec<Line>, StoreError> {
    let rows = tx.rows(
        "SELECT audit_id, at, actor, action, subject, details FROM audit_events \
         WHERE trail_id = $1 AND seq IS NULL ORDER BY audit_id LIMIT $2",
        &[trail.into(), limit.into()],
    )?;
    rows.iter().map(|row| line(row, None)).collect()
}

/// Lists chained lines in their order, after a number.
pub fn list_chained(tx: &mut Tx<'_>, trail: Uuid, after: i64, limit: i64) -> Result<Vec<Line>, StoreError> {
    let rows = tx.rows(
        "SELECT audit_id, at, actor, action, subject, details, seq, hash FROM audit_events \
         WHERE trail_id = $1 AND seq > $2 AND seq IS NOT NULL ORDER BY seq LIMIT $3",
        &[trail.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(|row| line(row, Some(link(row, 6)?))).collect()
}

fn line(row: &Row, link: Option<Link>) -> Result<Line, StoreError> {
    let (actor, action, subject) = (row.string(2)?, row.string(3)?, row.string(4)?);
    Ok(Line { id: row.uuid(0)?, at: row.time(1)?, actor, action, subject, details: row.string(5)?, link })
}

/// Gives a line its place.
pub fn chain(tx: &mut Tx<'_>, trail: Uuid, id: Uuid, link: &Link) -> Result<(), StoreError> {
    tx.push(
        "UPDATE audit_events SET seq = $1, hash = $2 WHERE trail_id = $3 AND audit_id = $4 AND seq IS NULL",
        &[link.seq.into(), link.hash[..].into(), trail.into(), id.into()],
    )
}

pub fn insert_checkpoint(tx: &mut Tx<'_>, trail: Uuid, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO audit_checkpoints (trail_id, seq, hash, at, statement, public_key) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (trail_id, seq) DO NOTHING",
        &[
            trail.into(),
            checkpoint.link.seq.into(),
            checkpoint.link.hash[..].into(),
            checkpoint.at.into(),
            (&checkpoint.statement).into(),
            (&checkpoint.public_key).into(),
        ],
    )
}

/// Finds the last checkpoint that was made before a time.
pub fn last_checkpoint(tx: &mut Tx<'_>, trail: Uuid, before: Time) -> Result<Option<Checkpoint>, StoreError> {
    let row = tx.row(
        "SELECT seq, hash, at, statement, public_key FROM audit_checkpoints WHERE trail_id = $1 AND at < $2 \
         ORDER BY seq DESC LIMIT 1",
        &[trail.into(), before.into()],
    )?;
    row.as_ref().map(checkpoint).transpose()
}

/// Finds the checkpoint of a line.
pub fn find_checkpoint(tx: &mut Tx<'_>, trail: Uuid, seq: i64) -> Result<Option<Checkpoint>, StoreError> {
    let row = tx.row(
        "SELECT seq, hash, at, statement, public_key FROM audit_checkpoints WHERE trail_id = $1 AND seq = $2",
        &[trail.into(), seq.into()],
    )?;
    row.as_ref().map(checkpoint).transpose()
}

/// Reads a checkpoint from the first five columns of a row.
pub(super) fn checkpoint(row: &Row) -> Result<Checkpoint, StoreError> {
    let (statement, public_key) = (row.string(3)?, row.string(4)?);
    Ok(Checkpoint { link: link(row, 0)?, at: row.time(2)?, statement, public_key })
}

/// Lists the trails after `after` that have a chain.
pub fn list_trails(tx: &mut Tx<'_>, after: Uuid, limit: i64) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx.rows(
        "SELECT trail_id FROM audit_heads WHERE trail_id > $1 ORDER BY trail_id LIMIT $2",
        &[after.into(), limit.into()],
    )?;
    rows.iter().map(|row| row.uuid(0)).collect()
}

/// Marks all lines up to a checkpoint as deleted. The lines may then go in any number of steps.
pub fn begin_sweep(tx: &mut Tx<'_>, trail: Uuid, seq: i64) -> Result<(), StoreError> {
    tx.push("UPDATE audit_heads SET swept_seq = $1 WHERE trail_id = $2 AND swept_seq < $1", &[seq.into(), trail.into()])
}

/// Deletes lines that are marked as deleted. Returns their number.
pub fn sweep(tx: &mut Tx<'_>, trail: Uuid, limit: i64) -> Result<u64, StoreError> {
    tx.run(
        "DELETE FROM audit_events WHERE trail_id = $1 AND audit_id IN (SELECT e.audit_id FROM audit_events e \
         JOIN audit_heads h ON h.trail_id = e.trail_id WHERE e.trail_id = $1 AND e.seq IS NOT NULL \
         AND e.seq <= h.swept_seq ORDER BY e.seq LIMIT $2)",
        &[trail.into(), limit.into()],
    )
}
