//! Approvals: a person's decision by id (`spec/protocol.md` §2.5).

pub use axme_types::approvals::ApprovalDecision;
use axme_types::unknown_word;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::op::{AnyOp, Op};
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&DECIDE];

/// Approves or rejects.
pub static DECIDE: Op<DecideApproval, DecisionAnswer> =
    Op::post("approvals.decide", "/v1/approvals/{approval_id}/decision")
        .errors(&[
            ErrorCode::AlreadyAnswered,
            ErrorCode::AnotherPersonRequired,
            ErrorCode::CommentRequired,
            ErrorCode::DeadlinePassed,
            ErrorCode::EvidenceRequired,
            ErrorCode::FormInvalid,
            ErrorCode::IntentAlreadyTerminal,
            ErrorCode::MayNotBeAsked,
            ErrorCode::NotAsked,
            ErrorCode::NotWaitingForHuman,
            ErrorCode::OutcomeNotAllowed,
            ErrorCode::PersonRequired,
            ErrorCode::RequesterMayNotAnswer,
        ])
        .about("Approve or reject by id. The id of an intent answers its task; another id is only recorded.");

/// A decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecideApproval {
    /// The id to decide about: the id of the intent that waits, or a UUID of the caller's own.
    pub approval_id: Id,
    /// `approve` or `reject`, in any case. `approved` and `rejected` mean the same.
    #[serde(deserialize_with = "read_decision")]
    pub decision: ApprovalDecision,
    /// The reason; at most 1,000 characters.
    #[serde(default, alias = "reason", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1_000)))]
    pub comment: Option<String>,
}

/// Reads a decision leniently. The error lists the words.
fn read_decision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ApprovalDecision, D::Error> {
    let word = String::deserialize(deserializer)?;
    let unknown = || de::Error::custom(unknown_word(&word, ApprovalDecision::WORDS));
    ApprovalDecision::read(&word).ok_or_else(unknown)
}

/// The recorded decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecisionAnswer {
    /// Always true.
    pub ok: bool,
    /// The decision.
    pub approval: ApprovalView,
}

/// A decision as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalView {
    /// The id that was decided about.
    pub approval_id: Id,
    /// The decision.
    pub decision: ApprovalDecision,
    /// The reason; null without one.
    pub comment: Option<String>,
    /// When the decision was recorded.
    pub decided_at: Timestamp,
}
