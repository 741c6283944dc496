//! Approves or rejects by approval id. For a waiting task, this is the id of its intent.

use axme_api::approvals::{ApprovalDecision, ApprovalView, DecideApproval, DecisionAnswer};
use axme_api::{ApiError, JsonFields};
use axme_intent::{IntentId, TaskResult};
use serde_json::json;
use uuid::Uuid;

use super::resume::answer_task;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine;
use crate::engine::intent_access::is_visible;
use crate::error::Result;
use crate::input::check_chars;
use crate::policy::guards::check_granted_to_decide;
use axme_store::approvals::Approval;
use axme_store::{Shard, approvals as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[Binding::Transaction(
    &handler(&axme_api::approvals::DECIDE, prepare_decide, decide)
        .on(|decision| Shard::of_intent(IntentId(decision.id))),
)];

const MAX_COMMENT_CHARS: usize = 1_000;

pub struct Decision {
    id: Uuid,
    decision: ApprovalDecision,
    comment: Option<String>,
}

pub(crate) fn prepare_decide(_: &PrepareContext<'_>, input: DecideApproval) -> Result<Decision> {
    let id = Uuid::parse_str(input.approval_id.trim());
    let id = id.map_err(|_| ApiError::invalid("approval_id: must be a UUID"))?;
    check_chars("comment", input.comment.as_deref(), 0, MAX_COMMENT_CHARS)?;
    Ok(Decision { id, decision: input.decision, comment: input.comment })
}

/// Answers the waiting task of an intent under the task's own rules. Repeating the recorded decision returns it again;
/// the opposite decision is refused. For an id without an intent, the decision is only recorded.
pub fn decide(cx: &mut CallContext<'_, '_>, decision: &Decision) -> Result<DecisionAnswer> {
    check_granted_to_decide(cx)?;
    let workspace = cx.caller.workspace;
    let head = engine::lock(cx.tx, cx.caller.workspace, IntentId(decision.id))?;
    if let Some(head) = head {
        // A caller who cannot see the task must not decide it, nor record a decision beside the real one.
        if !is_visible(cx.caller, &head) {
            return Err(ApiError::not_found(format!("intent {}", decision.id)).into());
        }
        let known = store::find(cx.tx, workspace, decision.id)?;
        if let Some(known) = known.filter(|k| k.decision == decision.decision && head.intent.open_task().is_none()) {
            return Ok(answer(&known));
        }
        let outcome = match decision.decision {
            ApprovalDecision::Approve => "approved",
            ApprovalDecision::Reject => "rejected",
        };
        let answer = TaskResult {
            outcome: Some(outcome.to_owned()),
            comment: decision.comment.clone(),
            data: JsonFields::new(),
        };
        answer_task(cx, head, answer)?;
    }
    let approval = Approval {
        approval_id: decision.id,
        decision: decision.decision,
        comment: decision.comment.clone(),
        decided_by: cx.caller.actor(),
        decided_at: cx.now,
    };
    store::put(cx.tx, workspace, &approval)?;
    let line = json!({ "decision": approval.decision, "comment": approval.comment });
    cx.audit("approvals.decide", &approval.approval_id.to_string(), &line)?;
    Ok(answer(&approval))
}

fn answer(approval: &Approval) -> DecisionAnswer {
    DecisionAnswer {
        ok: true,
        approval: ApprovalView {
            approval_id: approval.approval_id.into(),
            decision: approval.decision,
            comment: approval.comment.clone(),
            decided_at: approval.decided_at.into(),
        },
    }
}
