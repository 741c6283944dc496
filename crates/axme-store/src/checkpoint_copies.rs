//! SQL for the copies of audit checkpoints outside the database. Each place has a row, and so has the last checkpoint of
//! each trail that it has.

use axme_intent::Time;
use uuid::Uuid;

use super::Tx;
use crate::audit_chain::{Checkpoint, checkpoint};
use crate::error::StoreError;

/// Lists checkpoints that a place does not have yet, by trail, the oldest first.
pub fn list_missing(tx: &mut Tx<'_>, place: &str, limit: i64) -> Result<Vec<(Uuid, Checkpoint)>, StoreError> {
    let rows = tx.rows(
        "SELECT c.seq, c.hash, c.at, c.statement, c.public_key, c.trail_id FROM audit_heads h \
         LEFT JOIN checkpoint_copies k ON k.place = $1 AND k.trail_id = h.trail_id \
         JOIN audit_checkpoints c ON c.trail_id = h.trail_id AND c.seq > COALESCE(k.seq, 0) \
         ORDER BY c.trail_id, c.seq LIMIT $2",
        &[place.into(), limit.into()],
    )?;
    rows.iter().map(|row| Ok((row.uuid(5)?, checkpoint(row)?))).collect()
}

/// Records that a place has a checkpoint of a trail, and all earlier ones.
pub fn put(tx: &mut Tx<'_>, place: &str, trail: Uuid, seq: i64) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO checkpoint_copies (place, trail_id, seq) VALUES ($1, $2, $3) ON CONFLICT (place, trail_id) DO UPDATE \
         SET seq = excluded.seq WHERE checkpoint_copies.seq < excluded.seq",
        &[place.into(), trail.into(), seq.into()],
    )
}

/// Takes a place for the caller, unless it was taken at or after `free_since`. Returns the time at which it was taken before;
/// `None` if another node has it.
pub fn take(tx: &mut Tx<'_>, place: &str, free_since: Time) -> Result<Option<Time>, StoreError> {
    // A lock needs a row.
    let never = Time::from_micros(0);
    tx.push(
        "INSERT INTO checkpoint_places (place, taken_at) VALUES ($1, $2) ON CONFLICT (place) DO NOTHING",
        &[place.into(), never.into()],
    )?;
    let row = tx.row("SELECT taken_at FROM checkpoint_places WHERE place = $1 FOR UPDATE", &[place.into()])?;
    let before = row.map(|row| row.time(0)).transpose()?.unwrap_or(never);
    if before >= free_since {
        return Ok(None);
    }
    set_taken(tx, place, tx.now)?;
    Ok(Some(before))
}

/// Sets when a place was taken. An earlier time gives it back.
pub fn set_taken(tx: &mut Tx<'_>, place: &str, at: Time) -> Result<(), StoreError> {
    tx.push("UPDATE checkpoint_places SET taken_at = $1 WHERE place = $2", &[at.into(), place.into()])
}
