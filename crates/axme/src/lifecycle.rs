//! The lifecycle of an intent as text: one line per event, and a summary at the end (`spec/protocol.md` §3.8). It has no
//! side effects: events in, lines out. The sentences come with the events; the rules write them.

use axme_client::api::intents::{EventType, EventView, IntentView, OutcomeView};
use axme_client::{OutcomeKind, Status, WaitingReason};

/// A line: its kind and its text.
pub(crate) type EventLine = (&'static str, String);

/// Returns an event as a line. `None` for an event that adds nothing to the others.
pub(crate) fn event_line(event: &EventView) -> Option<EventLine> {
    let kind = match event.event_type.known() {
        Some(EventType::HumanTaskAssigned) => "asked",
        Some(EventType::Reminder) => "reminder",
        Some(EventType::Escalated) => "escalation",
        Some(EventType::Transfer) => "reassigned",
        Some(EventType::DeliveryFailed) => "delivery:failed",
        Some(EventType::Timeout | EventType::TimedOut) => "timeout",
        _ if event.details.contains_key("answered_by") && !event.status.is_terminal() => "answer",
        Some(EventType::InProgress) => "progress",
        _ if event.status.is_terminal() => "end",
        _ => "status",
    };
    match &event.text {
        Some(text) => Some((kind, text.clone())),
        None if is_told_elsewhere(event) => None,
        // Another server, which sends no sentences.
        None => Some((kind, format!("{}: {}", event.event_type, status_label(event.status, event.waiting_reason)))),
    }
}

/// True for an event without a sentence whose neighbors tell it: a submission, a wait for a person, and progress.
fn is_told_elsewhere(event: &EventView) -> bool {
    let waits_for_person = event.waiting_reason == Some(WaitingReason::WaitingForHuman);
    matches!(event.event_type.known(), Some(EventType::Submitted | EventType::InProgress)) || waits_for_person
}

/// Returns the label of a status: WAITING with what the intent waits for.
pub(crate) fn status_label(status: Status, waiting_reason: Option<WaitingReason>) -> String {
    let what = match (status, waiting_reason) {
        (Status::Waiting, Some(WaitingReason::WaitingForHuman)) => "human",
        (Status::Waiting, Some(WaitingReason::WaitingForTime)) => "time",
        (Status::Waiting, Some(WaitingReason::WaitingForTool)) => "tool",
        (Status::Waiting, _) => "agent",
        _ => return status.to_string(),
    };
    format!("{status} (for {what})")
}

/// Returns how an intent ended, with a mark that no status has: a no is not marked as a success.
pub(crate) fn outcome_label(outcome: &OutcomeView) -> Option<String> {
    let text = outcome.outcome_text.as_deref().or(outcome.outcome.as_deref())?;
    let is_good = matches!(outcome.outcome_kind, Some(OutcomeKind::Completed | OutcomeKind::Yes));
    Some(format!("{} {text}", if is_good { "✓" } else { "✗" }))
}

/// Returns the summary of an intent, with which every command that follows one ends.
pub(crate) fn summary(intent: &IntentView) -> Vec<String> {
    let reason = intent.lifecycle_waiting_reason;
    let status = if intent.status.is_terminal() { "Final status:" } else { "Status:" };
    let mut lines = vec![crate::output::divider(), format!("  {status:15}{}", status_label(intent.status, reason))];
    lines.extend(outcome_label(&intent.outcome).map(|outcome| format!("  Outcome:       {outcome}")));
    if intent.nobody_listens {
        lines.push(format!("  Receiver:      nobody listens at {}", awaited(intent)));
    }
    lines.push(format!("  Intent ID:     {}", intent.intent_id));
    let of_error = |name: &str| intent.error.field(name).and_then(|field| field.string());
    if let Some(code) = of_error("code") {
        lines.push(format!("  Error:         {code}: {}", of_error("message").unwrap_or_default()));
    }
    if !intent.result.is_null() {
        lines.push("  Result:".to_owned());
        lines.extend(crate::output::payload_fields(&intent.result, 4));
    }
    lines
}

/// Returns the agent that a live intent waits for.
fn awaited(intent: &IntentView) -> &str {
    intent.pending_with.as_ref().map_or(&intent.to_agent, |holder| &holder.reference)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(event_type: &str, status: &str, more: serde_json::Value) -> EventView {
        let mut event = json!({
            "intent_id": "i", "seq": 2, "event_type": event_type, "status": status, "waiting_reason": null,
            "pending_with": null, "handler": null, "actor": "gateway", "at": "2026-04-05T10:00:00.000Z", "details": {},
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_line_is_the_sentence_of_its_event_and_nothing_else() {
        let said = |event: &EventView| event_line(event).map(|(kind, text)| format!("{kind}: {text}"));
        let vote = json!({ "text": "Approved by ann", "details": { "answered_by": "ann" }, "waiting_reason": "WAITING_FOR_HUMAN" });
        assert_eq!(said(&event("intent.waiting", "WAITING", vote)).as_deref(), Some("answer: Approved by ann"));
        let canceled = json!({ "text": "Canceled by max" });
        assert_eq!(said(&event("intent.canceled", "CANCELED", canceled)).as_deref(), Some("end: Canceled by max"));
        assert_eq!(said(&event("intent.submitted", "SUBMITTED", json!({}))), None);
        let without = event("intent.waiting", "WAITING", json!({ "waiting_reason": "WAITING_FOR_TIME" }));
        assert_eq!(said(&without).as_deref(), Some("status: intent.waiting: WAITING (for time)"));
    }

    #[test]
    fn a_no_is_not_marked_as_a_success() {
        let view = |kind: &str, text: &str| {
            serde_json::from_value(json!({ "outcome": "x", "outcome_kind": kind, "outcome_text": text })).unwrap()
        };
        assert_eq!(outcome_label(&view("no", "Rejected by bob")).as_deref(), Some("✗ Rejected by bob"));
        assert_eq!(outcome_label(&view("yes", "Approved by bob")).as_deref(), Some("✓ Approved by bob"));
        assert_eq!(outcome_label(&OutcomeView::default()), None);
    }
}
