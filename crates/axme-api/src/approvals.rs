//! Approvals: a person's decision by id (`spec/protocol.md` §2.5).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&DECIDE];

pub static DECIDE: Op<DecideApproval, Decided> =
    Op::post("approvals.decide", "/v1/approvals/{approval_id}/decision").about(
        "Approve or reject. The id of a waiting task is that of its intent; a decision about any other id is recorded only.",
    );

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecideApproval {
    /// A UUID.
    pub approval_id: String,
    /// `approve` or `reject`; `approved` and `rejected` mean the same.
    pub decision: String,
    /// At most 1,000 characters.
    #[serde(default, alias = "reason", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decided {
    pub ok: bool,
    pub approval: Approval,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approval {
    pub approval_id: String,
    pub decision: String,
    pub comment: Option<String>,
    pub decided_at: String,
}
