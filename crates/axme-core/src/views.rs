//! Views of intents and events: the only place that converts the stored forms to the wire forms
//! (`spec/protocol.md` §2.1).

use axme_api::intents::{EventView, IntentView, OutcomeView};
use axme_api::tasks::TaskQuestion;
use axme_api::{Id, Json, JsonFields, Timestamp};
use axme_intent::lifecycle::{Event, EventBody, Fault, IntentSpec, State, Wait};
use axme_intent::{self as rules, HolderKind, IntentId, Outcome, WaitingReason, sentences};
use serde_json::json;

use axme_store::intents::Head;
use axme_words::Language;

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
pub fn outcome(intent: &rules::lifecycle::Intent) -> (Json, Json) {
    let null = Json::default;
    match &intent.state {
        State::Completed { result, .. } => (result.clone(), null()),
        State::Failed { fault, .. } => (fault.result.clone().unwrap_or_default(), error(fault)),
        State::Canceled { reason, .. } => (null(), json!({ "code": "canceled", "message": reason }).into()),
        State::TimedOut => (null(), json!({ "code": "intent_timeout", "message": "the deadline passed" }).into()),
        _ => (null(), null()),
    }
}

/// Returns the outcome of an intent; empty while there is none.
pub fn ended(outcome: Option<Outcome>) -> OutcomeView {
    let Some(outcome) = outcome else { return OutcomeView::default() };
    OutcomeView {
        outcome_text: Some(outcome.sentence(Language::English)),
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
        questions: waiting.map(questions).unwrap_or_default(),
        pending_with: intent.pending_with().cloned(),
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

/// Returns the questions about the task that an intent waits for.
pub(crate) fn questions(waiting: &Wait) -> Vec<TaskQuestion> {
    let view = |question: &rules::human::Question| TaskQuestion {
        asked_by: question.by.clone(),
        asked_via: question.via,
        asked_at: question.at.into(),
        question: question.text.clone(),
        replied_by: question.reply.as_ref().map(|reply| reply.by.clone()),
        replied_at: question.reply.as_ref().map(|reply| reply.at.into()),
        reply: question.reply.as_ref().map(|reply| reply.text.clone()),
    };
    waiting.questions.iter().map(view).collect()
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
        details: JsonFields::new(),
        human_task: None,
        result: None,
        data: None,
        error: None,
        outcome: ended(event.outcome()),
        text: sentences::of_event(event, Language::English),
        truncated: None,
    };
    match &event.body {
        EventBody::Created(spec) => {
            view.details.set("intent_type", spec.intent_type.clone());
            view.details.set("to_agent", spec.to.spelled());
            if let Some(plan) = &spec.plan {
                view.details.set("scenario_id", plan.scenario_id.clone());
            }
        }
        EventBody::Submitted | EventBody::Acknowledged => {}
        EventBody::Delivered { to } => view.handler = Some(to.spelled().to_owned()),
        EventBody::InProgress { step, result, details, .. } => {
            view.details = details.clone();
            // A hand-over, of which clients read the status there. A go-on has a reason at most.
            let is_hand_over = step.is_none() && details.keys().any(|name| name != "reason");
            view.data = is_hand_over.then(|| details.clone().into());
            if let Some(result) = result {
                view.details.set("step_result", result.clone());
            }
        }
        EventBody::Waiting(waiting) => show_waiting(&mut view, waiting),
        EventBody::HumanTaskAssigned { holder: who, task } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            view.pending_with = Some(who.clone());
            view.human_task = Some(json!(task));
        }
        EventBody::Timeout { step } => {
            view.details.set("step_id", step.clone());
            view.details.set("reason", "step_timeout");
        }
        EventBody::Reminder { holder: who, count } => {
            view.pending_with = Some(who.clone());
            view.details.set("remind_count", *count);
        }
        EventBody::Escalated { holder: who, from, due_at, .. } => {
            view.pending_with = Some(who.clone());
            view.details.set("escalated_to", who.reference.clone());
            view.details.set("escalated_from", from.reference.clone());
            if let Some(due_at) = due_at {
                view.details.set("due_at", due_at.to_string());
            }
        }
        EventBody::Voted { vote, needed } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            view.details.set("task_result", vote.result.clone());
            view.details.set("answered_by", vote.by.as_str());
            view.details.set("answered_via", vote.via.as_str());
            if let Some(through) = &vote.through {
                view.details.set("answered_through", Json::of(through));
            }
            if let Some(absent) = &vote.on_behalf_of {
                view.details.set("answered_for", Json::of(&[absent]));
                view.details.set("answered_as_deputy", Json::of(&true));
            }
            view.details.set("quorum", *needed);
        }
        EventBody::Withdrawn { vote, comment, .. } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            view.details.set("withdrawn_by", vote.by.as_str());
            if let Some(comment) = comment {
                view.details.set("reason", comment.as_str());
            }
        }
        EventBody::Questioned { question } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            view.pending_with = Some(question.to.clone());
            view.details.set("question", question.text.as_str());
            view.details.set("asked_by", question.by.as_str());
        }
        EventBody::Replied { asked_by, reply } => {
            view.waiting_reason = Some(WaitingReason::WaitingForHuman);
            view.details.set("asked_by", asked_by.as_str());
            view.details.set("reply", reply.text.as_str());
            view.details.set("replied_by", reply.by.as_str());
        }
        EventBody::Transferred { holder: who, from, note, .. } => {
            view.pending_with = Some(who.clone());
            view.details.set("transferred_to", who.reference.clone());
            view.details.set("transferred_from", from.reference.clone());
            view.details.set("note", json!(note));
        }
        EventBody::DeliveryFailed { attempt, most, error, retry_at } => {
            // A string, because the official command line prints nothing for a number.
            view.details.set("delivery_attempt", attempt.to_string());
            view.details.set("max_delivery_attempts", *most);
            view.details.set("error", error.clone());
            if let Some(retry_at) = retry_at {
                view.details.set("next_attempt_at", retry_at.to_string());
            }
        }
        EventBody::Completed { result, details, .. } => {
            view.details = details.clone();
            view.result = Some(result.clone());
            view.data = Some(result.clone());
        }
        EventBody::Failed { fault, .. } => {
            view.details.set("error", error(fault));
            view.error = Some(error(fault));
            view.result = fault.result.clone();
            view.data = fault.result.clone();
        }
        EventBody::Canceled { reason, .. } => {
            view.details.set("reason", reason.clone());
        }
        EventBody::TimedOut => {
            view.details.set("reason", "deadline_exceeded");
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
        view.details.set("step_id", step.clone());
    }
    if let Some(child) = waiting.child {
        view.details.set("child_intent_id", child.to_string());
    }
    if let Some(due_at) = waiting.due_at {
        view.details.set("due_at", due_at.to_string());
    }
}

/// Returns a fault as the protocol's error object (`spec/protocol.md` §1.5).
fn error(fault: &Fault) -> Json {
    let mut shown = JsonFields::new();
    shown.set("code", fault.code.as_str());
    shown.set("message", fault.message.as_str());
    if let Some(details) = &fault.details {
        shown.set("details", details.clone());
    }
    shown.into()
}
