//! Views of intents and events: the only place that converts the stored forms to the wire forms
//! (`spec/protocol.md` §2.1).

use axme_api::intents::{EventView, IntentView, OutcomeView};
use axme_api::{Id, Timestamp};
use axme_intent::lifecycle::{Event, EventBody, Fault, IntentSpec, State, Wait};
use axme_intent::{self as rules, HolderKind, IntentId, Object, Outcome, WaitingReason, sentences};
use serde_json::{Value, json};

use axme_store::intents::Head;

/// Returns the number of an event or a delivery on the wire: 2, 4, 6 and so on. A client may continue after the last
/// number that it saw, or after that number plus one: both work (`spec/protocol.md` §1.10).
pub(crate) const fn wire_number(position: i64) -> u64 {
    (position as u64) * 2
}

/// Returns the last position that a client has seen if it asks for everything after `since`.
pub fn position_seen(since: u64) -> i64 {
    i64::try_from(since / 2).unwrap_or(i64::MAX)
}

/// Returns the result and the error of an intent, each null if there is none.
pub fn outcome(intent: &rules::lifecycle::Intent) -> (Value, Value) {
    match &intent.state {
        State::Completed { result, .. } => (result.clone(), Value::Null),
        State::Failed { fault, .. } => (fault.result.clone().unwrap_or(Value::Null), error(fault)),
        State::Canceled { reason, .. } => (Value::Null, json!({ "code": "canceled", "message": reason })),
        State::TimedOut => (Value::Null, json!({ "code": "intent_timeout", "message": "the deadline passed" })),
        _ => (Value::Null, Value::Null),
    }
}

/// Returns the outcome of an intent; empty while there is none.
pub fn ended(outcome: Option<Outcome>) -> OutcomeView {
    let Some(outcome) = outcome else { return OutcomeView::default() };
    OutcomeView {
        outcome_text: Some(outcome.sentence()),
        outcome_kind: Some(outcome.kind),
        outcome: Some(outcome.word),
        decided_by: if outcome.kind.is_decision() { outcome.by } else { Vec::new() },
    }
}

pub fn intent(head: &Head, spec: &IntentSpec) -> IntentView {
    let intent = &head.intent;
    let status = intent.status();
    let waiting = intent.waiting();
    let (result, error) = outcome(intent);
    let task = waiting.and_then(|w| w.task.as_deref()).or(spec.task.as_ref());
    let reminder_plan = intent.reminder_plan(&intent.policy, spec.plan.as_ref());
    let deadline_at = intent.deadline(spec.deadline_at).map(Timestamp);
    let due_at = waiting.and_then(|w| w.due_at).map(Timestamp).or(deadline_at);
    IntentView {
        intent_id: intent.id.into(),
        intent_type: head.intent_type.clone(),
        correlation_id: spec.correlation_id.into(),
        from_agent: head.from.spelled().to_owned(),
        to_agent: head.to.spelled().to_owned(),
        nobody_listens: false,
        reply_to: spec.reply_to.clone(),
        parent_intent_id: intent.parent.map(Id::from),
        status,
        lifecycle_status: status,
        outcome: ended(intent.outcome()),
        lifecycle_waiting_reason: waiting.map(|w| w.reason),
        legacy_status: status.legacy(),
        payload: spec.payload.clone(),
        result,
        error,
        human_task: task.map(|task| json!(task)),
        pending_with: waiting.map(|w| w.holder.clone()),
        deadline_at,
        due_at,
        max_delivery_attempts: spec.max_delivery_attempts,
        remind_after_seconds: reminder_plan.remind_after_seconds,
        remind_interval_seconds: reminder_plan.remind_interval_seconds,
        max_reminders: reminder_plan.max_reminders,
        escalate_to: reminder_plan.escalate_to.map(|holder| holder.reference),
        remind_count: intent.tally.reminded,
        delivery_attempt: intent.tally.failed_pushes,
        controls: Some(intent.policy.controls.clone()).filter(|fields| !fields.is_empty()),
        grants: Some(intent.policy.grants.clone()).filter(|fields| !fields.is_empty()),
        envelope: Some(intent.policy.envelope.clone()).filter(|fields| !fields.is_empty()),
        policy_generation: intent.policy_generation,
        created_at: intent.created_at.into(),
        updated_at: intent.updated_at.into(),
    }
}

pub fn event(id: IntentId, event: &Event) -> EventView {
    let mut view = EventView {
        intent_id: id.into(),
        seq: wire_number(event.position.into()),
        event_type: event.body.event_type().into(),
        status: event.status,
        waiting_reason: None,
        pending_with: None,
        handler: None,
        actor: event.actor.clone(),
        at: event.at.into(),
        details: Object::new(),
        human_task: None,
        result: None,
        data: None,
        error: None,
        outcome: ended(event.outcome()),
        text: sentences::of_event(event),
        truncated: None,
    };
    match &event.body {
        EventBody::Created(spec) => {
            view.details.insert("intent_type".to_owned(), spec.intent_type.clone().into());
            view.details.insert("to_agent".to_owned(), spec.to.spelled().into());
            if let Some(plan) = &spec.plan {
                view.details.insert("scenario_id".to_owned(), plan.scenario_id.clone().into());
            }
        }
        EventBody::Submitted | EventBody::Acknowledged => {}
        EventBody::Delivered { to } => view.handler = Some(to.spelled().to_owned()),
        EventBody::InProgress { step, result, details, .. } => {
            view.details = details.clone();
            // A hand-over, of which clients read the status there. A go-on has a reason at most.
            let is_hand_over = step.is_none() && details.keys().any(|name| name != "reason");
            view.data = is_hand_over.then(|| json!(details));
            if let Some(result) = result {
                view.details.insert("step_result".to_owned(), result.clone());
            }
        }
        EventBody::Waiting(waiting) => show_waiting(&mut view, waiting),
        EventBody::HumanTaskAssigned { holder: who, task } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            view.pending_with = Some(who.clone());
            view.human_task = Some(json!(task));
        }
        EventBody::Timeout { step } => {
            view.details.insert("step_id".to_owned(), step.clone().into());
            view.details.insert("reason".to_owned(), "step_timeout".into());
        }
        EventBody::Reminder { holder: who, count } => {
            view.pending_with = Some(who.clone());
            view.details.insert("remind_count".to_owned(), (*count).into());
        }
        EventBody::Escalated { holder: who, from, due_at, .. } => {
            view.pending_with = Some(who.clone());
            view.details.insert("escalated_to".to_owned(), who.reference.clone().into());
            view.details.insert("escalated_from".to_owned(), from.reference.clone().into());
            if let Some(due_at) = due_at {
                view.details.insert("due_at".to_owned(), due_at.to_string().into());
            }
        }
        EventBody::Voted { vote, needed } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            for (name, value) in [
                ("task_result", vote.result.clone()),
                ("answered_by", json!(vote.by)),
                ("answered_via", json!(vote.via)),
                ("quorum", json!(needed)),
            ] {
                view.details.insert(name.to_owned(), value);
            }
        }
        EventBody::Transferred { holder: who, from, note, .. } => {
            view.pending_with = Some(who.clone());
            view.details.insert("transferred_to".to_owned(), who.reference.clone().into());
            view.details.insert("transferred_from".to_owned(), from.reference.clone().into());
            view.details.insert("note".to_owned(), json!(note));
        }
        EventBody::DeliveryFailed { attempt, most, error, retry_at } => {
            // A string, because the official command line prints nothing for a number.
            view.details.insert("delivery_attempt".to_owned(), attempt.to_string().into());
            view.details.insert("max_delivery_attempts".to_owned(), (*most).into());
            view.details.insert("error".to_owned(), error.clone().into());
            if let Some(retry_at) = retry_at {
                view.details.insert("next_attempt_at".to_owned(), retry_at.to_string().into());
            }
        }
        EventBody::Completed { result, details, .. } => {
            view.details = details.clone();
            view.result = Some(result.clone());
            view.data = Some(result.clone());
        }
        EventBody::Failed { fault, .. } => {
            view.details.insert("error".to_owned(), error(fault));
            view.error = Some(error(fault));
            view.result = fault.result.clone();
            view.data = fault.result.clone();
        }
        EventBody::Canceled { reason, .. } => {
            view.details.insert("reason".to_owned(), reason.clone().into());
        }
        EventBody::TimedOut => {
            view.details.insert("reason".to_owned(), "deadline_exceeded".into());
        }
    }
    view
}

fn show_waiting(view: &mut EventView, waiting: &Wait) {
    view.waiting_reason = Some(waiting.reason);
    view.pending_with = Some(waiting.holder.clone());
    if waiting.holder.kind == HolderKind::Agent {
        view.handler = Some(waiting.holder.reference.clone());
    }
    if let Some(step) = &waiting.step {
        view.details.insert("step_id".to_owned(), step.clone().into());
    }
    if let Some(child) = waiting.child {
        view.details.insert("child_intent_id".to_owned(), child.to_string().into());
    }
    if let Some(due_at) = waiting.due_at {
        view.details.insert("due_at".to_owned(), due_at.to_string().into());
    }
}

/// Returns a fault as the protocol's error object (`spec/protocol.md` §1.5).
fn error(fault: &Fault) -> Value {
    let mut shown = json!({ "code": fault.code, "message": fault.message });
    if let Some(details) = &fault.details {
        shown["details"] = details.clone();
    }
    shown
}
