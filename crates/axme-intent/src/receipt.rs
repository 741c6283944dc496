//! Receipts: signed records of a person's decisions and of the rules that held, kept outside of the history of the intent.
//!
//! The body of a receipt is made from the event of the decision and from the state before it. It holds no payload, but
//! its SHA-256 in canonical form, so that a receipt can be shown to others without the payload.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::human::{Verdict, Via, group_name};
use crate::lifecycle::{Event, EventBody, Intent, IntentSpec};
use crate::{HumanTask, Json, TaskResult};

/// The `typ` of a signed receipt. A token has another one, so neither passes for the other.
pub const TYPE: &str = "axme-receipt+jws";

/// The body of a receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub receipt_id: Uuid,
    pub workspace_id: Uuid,
    pub intent_id: String,
    pub intent_type: String,
    /// The number of the event in the history of the intent.
    pub position: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    pub title: String,
    pub decided_by: String,
    pub role: DeciderRole,
    /// The people who were asked, if another person answered in their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_behalf_of: Vec<String>,
    /// RFC 3339.
    pub decided_at: String,
    pub decided_via: String,
    pub outcome: String,
    /// `yes`, `no` or `withdrawn`. A receipt of a withdrawal has the hash of the answer that it withdraws.
    pub meaning: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// SHA-256 of the canonical payload, of the task as it was asked, and of the whole answer.
    pub payload_sha256: String,
    pub task_sha256: String,
    pub answer_sha256: String,
    /// SHA-256 of the questions to the requester and their replies, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions_sha256: Option<String>,
    pub policy: ReceiptPolicy,
}

/// As what a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeciderRole {
    /// The task asks this person by name.
    Assignee,
    GroupMember,
    /// The deputy of an absent person whom the task asks.
    Deputy,
    /// Another person who may answer: an administrator, or the holder of a link.
    StandIn,
}

/// The rules that held for the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPolicy {
    pub quorum: usize,
    /// The people who had said yes before.
    pub yes_before: Vec<String>,
    pub exclude_requester: bool,
    pub person_required: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distinct_from: Vec<String>,
    pub required_comment: bool,
    pub evidence_required: bool,
}

/// The meaning, and the outcome, of a receipt of a withdrawal.
pub const WITHDRAWN: &str = "withdrawn";

/// True for the event of a person's decision, or of its withdrawal.
pub fn is_decision(event: &Event) -> bool {
    decision(event).is_some()
}

/// Returns the answer of a decision, its author and the way.
fn decision(event: &Event) -> Option<(Json, String, String)> {
    match &event.body {
        EventBody::Voted { vote, .. } => Some((vote.result.clone(), vote.by.clone(), vote.via.as_str().to_owned())),
        EventBody::Withdrawn { vote, via, .. } => Some((vote.result.clone(), vote.by.clone(), via.as_str().to_owned())),
        EventBody::InProgress { details, .. } => {
            let result = details.get("task_result")?.clone();
            let via = details.string("answered_via").unwrap_or_else(|| Via::default().as_str().to_owned());
            Some((result, details.string("answered_by")?, via))
        }
        _ => None,
    }
}

/// Returns the receipt of a decision. `before` is the intent before the event.
pub fn of(id: Uuid, workspace: Uuid, before: &Intent, event: &Event, spec: &IntentSpec) -> Option<Receipt> {
    let (result, decided_by, decided_via) = decision(event)?;
    let waiting = before.waiting()?;
    let untitled = HumanTask::untitled();
    let task = before.open_task().unwrap_or(&untitled);
    let outcome = result.field("outcome").and_then(|word| word.string()).unwrap_or_default();
    let answer = TaskResult { outcome: Some(outcome.clone()), ..TaskResult::default() };
    let meaning = if task.means(&answer) == Verdict::Positive { "yes" } else { "no" };
    let comment = result.field("comment").and_then(|text| text.string());
    let (outcome, meaning, comment) = match &event.body {
        EventBody::Withdrawn { comment, .. } => (WITHDRAWN.to_owned(), WITHDRAWN, comment.clone()),
        _ => (outcome, meaning, comment),
    };
    let on_behalf_of = match &event.body {
        EventBody::InProgress { details, .. } => details.get("answered_for").and_then(|list| list.read().ok()),
        _ => None,
    };
    let on_behalf_of: Vec<String> = match &event.body {
        EventBody::Voted { vote, .. } | EventBody::Withdrawn { vote, .. } => {
            vote.on_behalf_of.iter().cloned().collect()
        }
        _ => on_behalf_of.unwrap_or_default(),
    };
    let has_group = before.asked().iter().any(|person| group_name(person).is_some());
    let role = match () {
        () if before.asks(&decided_by, &[]) => DeciderRole::Assignee,
        () if is_of_deputy(event) => DeciderRole::Deputy,
        () if has_group && on_behalf_of.is_empty() => DeciderRole::GroupMember,
        () => DeciderRole::StandIn,
    };
    Some(Receipt {
        receipt_id: id,
        workspace_id: workspace,
        intent_id: before.id.to_string(),
        intent_type: spec.intent_type.clone(),
        position: event.position,
        step: waiting.step.clone(),
        title: task.title.clone(),
        role,
        on_behalf_of,
        decided_by,
        decided_at: event.at.to_string(),
        decided_via,
        meaning: meaning.to_owned(),
        outcome,
        comment,
        payload_sha256: sha256(&spec.payload),
        task_sha256: sha256(&Json::of(task)),
        answer_sha256: sha256(&result),
        questions_sha256: (!waiting.questions.is_empty()).then(|| sha256(&Json::of(&waiting.questions))),
        policy: ReceiptPolicy {
            quorum: task.needed(),
            yes_before: waiting.votes.iter().map(|vote| vote.by.clone()).collect(),
            exclude_requester: task.exclude_requester,
            person_required: task.person_required,
            distinct_from: task.distinct_from.clone(),
            required_comment: task.required_comment,
            evidence_required: task.evidence_required,
        },
    })
}

/// True for a decision in the place of an absent person.
fn is_of_deputy(event: &Event) -> bool {
    match &event.body {
        EventBody::Voted { vote, .. } | EventBody::Withdrawn { vote, .. } => vote.on_behalf_of.is_some(),
        EventBody::InProgress { details, .. } => details.contains_key("answered_as_deputy"),
        _ => false,
    }
}

/// Returns the SHA-256 of a value in canonical form: sorted keys, no blanks, numbers as they were sent.
pub fn sha256(value: &Json) -> String {
    Sha256::digest(value.canonical()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_order_or_blanks() {
        let one = Json::parse(r#"{ "b": 1.50, "a": "é\u0041" }"#).unwrap();
        let other = Json::parse(r#"{"a":"éA","b":1.50}"#).unwrap();
        assert_eq!(sha256(&one), sha256(&other));
        assert_eq!(
            sha256(&Json::parse("{}").unwrap()),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_ne!(sha256(&one), sha256(&Json::parse(r#"{"a":"éA","b":1.5}"#).unwrap()), "numbers are kept as sent");
    }
}
