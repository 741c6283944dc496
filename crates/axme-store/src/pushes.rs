//! SQL for the pushes of intents that went well: the last one to each address, with how many there were. Pushes that failed
//! are events of the intent.

use axme_intent::{Address, IntentId, Time};
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

/// The answer of a receiver that accepted a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub status: u32,
    /// From the request to the answer.
    pub millis: u32,
}

/// The last push to an address that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    pub to: Address,
    pub at: Time,
    pub accepted: Accepted,
    /// The pushes to this address that went well.
    pub times: i64,
}

/// Records a push that went well. The workspace is that of the sender, which has the intent.
pub fn record(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    id: IntentId,
    to: &Address,
    accepted: Accepted,
) -> Result<(), StoreError> {
    let now = tx.now;
    tx.push(
        "INSERT INTO pushes (workspace_id, intent_id, address, at, status, millis, times) VALUES ($1, $2, $3, $4, $5, $6, 1) \
         ON CONFLICT (workspace_id, intent_id, address) DO UPDATE SET at = excluded.at, status = excluded.status, \
         millis = excluded.millis, times = pushes.times + 1",
        &[
            workspace.into(),
            id.into(),
            to.into(),
            now.into(),
            accepted.status.into(),
            accepted.millis.into(),
        ],
    )
}

/// Lists the last pushes of an intent that went well, oldest first.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, limit: i64) -> Result<Vec<Push>, StoreError> {
    let rows = tx.rows(
        "SELECT address, at, status, millis, times FROM pushes WHERE workspace_id = $1 AND intent_id = $2 \
         ORDER BY at, address LIMIT $3",
        &[workspace.into(), id.into(), limit.into()],
    )?;
    let push = |row: &super::Row| -> Result<Push, StoreError> {
        let accepted = Accepted { status: row.count(2)?, millis: row.count(3)? };
        Ok(Push { to: Address::from_canonical(row.string(0)?), at: row.time(1)?, accepted, times: row.int(4)? })
    };
    rows.iter().map(push).collect()
}
