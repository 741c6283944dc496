//! SQL for stored replies: the answers to calls with an idempotency key. Taking the key and storing the reply belong to
//! the transaction of the call.

use axme_intent::Time;
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// The key of a stored reply: the caller, the endpoint and the idempotency key.
#[derive(Debug, Clone)]
pub struct ReplyKey {
    pub workspace: Uuid,
    pub caller: String,
    /// Method and path.
    pub endpoint: String,
    pub key: String,
}

/// A stored reply.
#[derive(Debug, Clone)]
pub struct Reply {
    pub fingerprint: Vec<u8>,
    pub status: u16,
    /// `None` for an answer with a secret, which `sealed` holds encrypted.
    pub answer: Option<String>,
    pub sealed: Option<Vec<u8>>,
}

/// Takes the key for this call, and waits for a running call that has it. Returns false if another call has taken the
/// key.
pub fn take_key(tx: &mut Tx<'_>, key: &ReplyKey, fingerprint: &[u8], now: Time) -> Result<bool, StoreError> {
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
    Ok(taken > 0)
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

pub fn put(tx: &mut Tx<'_>, key: &ReplyKey, reply: &Reply) -> Result<(), StoreError> {
    tx.push(
        "UPDATE replies SET status = $1, answer = $2, sealed = $3 \
         WHERE workspace_id = $4 AND caller = $5 AND endpoint = $6 AND idempotency_key = $7",
        &[
            i64::from(reply.status).into(),
            reply.answer.as_ref().into(),
            reply.sealed.as_deref().into(),
            key.workspace.into(),
            (&key.caller).into(),
            (&key.endpoint).into(),
            (&key.key).into(),
        ],
    )
}

/// Deletes up to `limit` replies created before a time. Returns how many.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let rows = tx.rows(
        "SELECT workspace_id, caller, endpoint, idempotency_key FROM replies WHERE created_at < $1 ORDER BY created_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &rows {
        tx.push(
            "DELETE FROM replies WHERE workspace_id = $1 AND caller = $2 AND endpoint = $3 AND idempotency_key = $4",
            &[row.uuid(0)?.into(), row.text(1)?.into(), row.text(2)?.into(), row.text(3)?.into()],
        )?;
    }
    Ok(rows.len())
}
