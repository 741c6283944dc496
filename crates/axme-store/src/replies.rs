//! SQL for stored replies: the answers to calls with an idempotency key. Taking the key and storing the reply belong to
//! the transaction of the call.

use axme_intent::Time;
use uuid::Uuid;

use super::Tx;
pub use super::reply_key::ReplyKey;
use crate::error::StoreError;
use crate::retention::Oldest;

/// A stored reply.
#[derive(Debug, Clone)]
pub struct Reply {
    pub fingerprint: Vec<u8>,
    pub status: u16,
    /// `None` for an answer with a secret, which `sealed` holds encrypted.
    pub answer: Option<String>,
    pub sealed: Option<Vec<u8>>,
}

/// The state of a key when a call begins.
pub enum KeyState {
    /// An earlier call has taken the key. This is its reply.
    Replied(Reply),
    /// The key is this call's, and nothing is stored under it yet.
    Free,
    /// The key is this call's, and a row without a reply holds it.
    Held,
}

/// Takes a key for a call, unless another call has it. Waits for a call of another connection that is still running.
pub fn take_key(tx: &mut Tx<'_>, key: &ReplyKey, fingerprint: &[u8]) -> Result<KeyState, StoreError> {
    if tx.take_free_key(key) {
        return Ok(KeyState::Free);
    }
    if tx.has_snapshot() {
        return Ok(find(tx, key)?.map_or(KeyState::Free, KeyState::Replied));
    }
    let now = tx.now;
    let taken = tx.run(
        "INSERT INTO replies (workspace_id, caller, endpoint, idempotency_key, fingerprint, status, created_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (workspace_id, caller, endpoint, idempotency_key) DO NOTHING",
        &[
            key.workspace.into(),
            (&key.caller).into(),
            (&key.endpoint).into(),
            (&key.key).into(),
            fingerprint.into(),
            now.into(),
        ],
    )?;
    if taken > 0 {
        return Ok(KeyState::Held);
    }
    let reply = find(tx, key)?;
    reply.map(KeyState::Replied).ok_or_else(|| StoreError::Conflict("the reply of a taken key is gone".to_owned()))
}

pub fn find(tx: &mut Tx<'_>, key: &ReplyKey) -> Result<Option<Reply>, StoreError> {
    let row = tx.row(
        "SELECT fingerprint, status, answer, sealed FROM replies \
         WHERE workspace_id = $1 AND caller = $2 AND endpoint = $3 AND idempotency_key = $4",
        &[key.workspace.into(), (&key.caller).into(), (&key.endpoint).into(), (&key.key).into()],
    )?;
    row.map(|row| {
        Ok(Reply {
            fingerprint: row.bytes(0)?.to_vec(),
            status: u16::try_from(row.int(1)?).unwrap_or(0),
            answer: row.opt_string(2)?,
            sealed: row.opt_bytes(3)?.map(<[u8]>::to_vec),
        })
    })
    .transpose()
}

/// Stores the reply under a key that the call has taken in this transaction.
pub fn put(tx: &mut Tx<'_>, key: &ReplyKey, state: &KeyState, reply: &Reply) -> Result<(), StoreError> {
    let ReplyKey { workspace, caller, endpoint, key } = key;
    let now = tx.now;
    if let KeyState::Free = state {
        return tx.push(
            "INSERT INTO replies (workspace_id, caller, endpoint, idempotency_key, fingerprint, status, answer, sealed, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                (*workspace).into(),
                caller.into(),
                endpoint.into(),
                key.into(),
                reply.fingerprint.as_slice().into(),
                i64::from(reply.status).into(),
                reply.answer.as_ref().into(),
                reply.sealed.as_deref().into(),
                now.into(),
            ],
        );
    }
    tx.push(
        "UPDATE replies SET status = $1, answer = $2, sealed = $3 \
         WHERE workspace_id = $4 AND caller = $5 AND endpoint = $6 AND idempotency_key = $7",
        &[
            i64::from(reply.status).into(),
            reply.answer.as_ref().into(),
            reply.sealed.as_deref().into(),
            (*workspace).into(),
            caller.into(),
            endpoint.into(),
            key.into(),
        ],
    )
}

/// Finds the first workspace with stored replies whose id is not less than `from`, and its oldest reply.
pub fn find_oldest(tx: &mut Tx<'_>, from: Uuid) -> Result<Option<Oldest>, StoreError> {
    let row = tx.row(
        "SELECT workspace_id, created_at FROM replies WHERE workspace_id >= $1 ORDER BY workspace_id, created_at LIMIT 1",
        &[from.into()],
    )?;
    row.map(|row| Ok(Oldest { workspace: row.uuid(0)?, at: row.time(1)? })).transpose()
}

/// Deletes up to `limit` replies of a workspace that were created before a time. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, workspace: Uuid, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT caller, endpoint, idempotency_key FROM replies WHERE workspace_id = $1 AND created_at < $2 \
         ORDER BY created_at LIMIT $3",
        &[workspace.into(), before.into(), limit.into()],
    )?;
    for row in &rows {
        tx.push(
            "DELETE FROM replies WHERE workspace_id = $1 AND caller = $2 AND endpoint = $3 AND idempotency_key = $4",
            &[workspace.into(), row.text(0)?.into(), row.text(1)?.into(), row.text(2)?.into()],
        )?;
    }
    Ok(rows.len())
}
