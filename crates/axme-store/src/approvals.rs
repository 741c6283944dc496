//! SQL for decisions by approval id. For a waiting task, that id is the id of its intent; decisions about other ids are
//! recorded and have no effect.

use axme_intent::Time;
use axme_types::approvals::ApprovalDecision;
use uuid::Uuid;

use super::Tx;
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Approval {
    pub approval_id: Uuid,
    pub decision: ApprovalDecision,
    pub comment: Option<String>,
    pub decided_by: String,
    pub decided_at: Time,
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Approval>, StoreError> {
    let row = tx.row(
        "SELECT approval_id, decision, comment, decided_by, decided_at FROM approvals \
         WHERE workspace_id = $1 AND approval_id = $2",
        &[workspace.into(), id.into()],
    )?;
    row.map(|row| {
        Ok(Approval {
            approval_id: row.uuid(0)?,
            decision: row.word(1, ApprovalDecision::parse)?,
            comment: row.opt_string(2)?,
            decided_by: row.string(3)?,
            decided_at: row.time(4)?,
        })
    })
    .transpose()
}

/// Records a decision. A later one about the same id replaces it.
pub fn put(tx: &mut Tx<'_>, workspace: Uuid, approval: &Approval) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO approvals (workspace_id, approval_id, decision, comment, decided_by, decided_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, approval_id) DO UPDATE \
         SET decision = excluded.decision, comment = excluded.comment, decided_by = excluded.decided_by, \
         decided_at = excluded.decided_at",
        &[
            workspace.into(),
            approval.approval_id.into(),
            approval.decision.as_str().into(),
            approval.comment.as_ref().into(),
            (&approval.decided_by).into(),
            approval.decided_at.into(),
        ],
    )
}
