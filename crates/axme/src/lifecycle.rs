//! The lifecycle of an intent as text: one line per change of the status or of the holder (`spec/protocol.md` §3.8). It
//! has no side effects: events in, lines out.

use axme_client::api::intents::{EventType, EventView, Holder, IntentView};
use axme_client::{Status, WaitingReason};
use serde_json::Value;

/// Turns the events of one intent into lines.
pub(crate) struct Lifecycle {
    label: String,
    holder: Option<String>,
}

/// A line: its kind and its text.
pub(crate) type EventLine = (&'static str, String);

impl Lifecycle {
    /// An intent that was just submitted.
    pub(crate) fn new() -> Lifecycle {
        Lifecycle { label: "SUBMITTED".to_owned(), holder: None }
    }

    pub(crate) fn lines(&mut self, event: &EventView) -> Vec<EventLine> {
        let detail = |key: &str| event.details.get(key).map(plain).unwrap_or_default();
        match event.event_type.known() {
            // Both precede the initial state of `new`.
            Some(EventType::Created | EventType::Submitted) => Vec::new(),
            Some(EventType::HumanTaskAssigned) => {
                let title = event.human_task.as_ref().and_then(|task| task["title"].as_str());
                let mut lines = vec![("system", format!("human task: {}", title.unwrap_or("approval required")))];
                lines.extend(self.change(event));
                lines
            }
            Some(EventType::Reminder) => {
                let holder = event.pending_with.as_ref().map(short_name).or(self.holder.clone());
                vec![("reminder", format!("reminder sent to {}", holder.unwrap_or_default()))]
            }
            Some(EventType::Escalated) => {
                self.holder = event.pending_with.as_ref().map(short_name);
                vec![("escalation", format!("escalated to {}", detail("escalated_to")))]
            }
            Some(EventType::DeliveryFailed) => {
                vec![("delivery:failed", format!("delivery failed after {} attempts", detail("delivery_attempt")))]
            }
            Some(EventType::Timeout) => {
                let step = Some(detail("step_id")).filter(|step| !step.is_empty()).unwrap_or("the step".to_owned());
                let mut lines = vec![("timeout", format!("{step} timed out"))];
                lines.extend(self.change(event));
                lines
            }
            Some(EventType::TimedOut) => {
                self.label = status_label(event.status, None);
                vec![("timeout", "TIMED_OUT: the deadline of the intent has passed".to_owned())]
            }
            _ => self.change(event),
        }
    }

    fn change(&mut self, event: &EventView) -> Vec<EventLine> {
        let label = status_label(event.status, event.waiting_reason);
        let holder = event.pending_with.as_ref().map(short_name);
        let moved = holder.is_some() && holder != self.holder;
        let mut lines = Vec::new();
        if let (Some(previous), true) = (&self.holder, moved || event.status.is_terminal())
            && previous != "agent_core"
            && !matches!(event.event_type.known(), Some(EventType::Failed | EventType::DeliveryFailed))
        {
            lines.push(("step:done", format!("{previous} completed")));
        }
        let before = std::mem::replace(&mut self.label, label);
        if before != self.label {
            lines.push(("status:change", format!("{before} → {}", self.label)));
        } else if let (Some(holder), true) = (&holder, moved) {
            lines.push(("status:change", format!("{before} → {} ({holder})", self.label)));
        }
        if moved {
            lines.push(("cur_holder", holder.clone().unwrap_or_default()));
        }
        if event.status.is_terminal() {
            self.holder = None;
        } else if holder.is_some() {
            self.holder = holder;
        }
        lines
    }
}

/// Returns the label of a status: WAITING with the kind of its holder, a terminal status with its mark.
pub(crate) fn status_label(status: Status, waiting_reason: Option<WaitingReason>) -> String {
    match status {
        Status::Waiting if waiting_reason == Some(WaitingReason::WaitingForHuman) => "WAITING (for human)".to_owned(),
        Status::Waiting => "WAITING (for agent)".to_owned(),
        Status::Completed => "COMPLETED ✓".to_owned(),
        Status::Failed | Status::TimedOut => format!("{status} ✗"),
        other => other.to_string(),
    }
}

/// Returns the summary of an intent, with which every command that follows one ends.
pub(crate) fn summary(intent: &IntentView) -> Vec<String> {
    let reason = intent.lifecycle_waiting_reason;
    let status = if intent.status.is_terminal() { "Final status:" } else { "Status:" };
    let mut lines = vec![
        crate::output::divider(),
        format!("  {status:15}{}", status_label(intent.status, reason)),
        format!("  Intent ID:     {}", intent.intent_id),
    ];
    if let Some(code) = intent.error["code"].as_str() {
        lines.push(format!("  Error:         {code}: {}", intent.error["message"].as_str().unwrap_or_default()));
    }
    if !intent.result.is_null() {
        lines.push("  Result:".to_owned());
        let pretty = serde_json::to_string_pretty(&intent.result).expect("a JSON value can be written");
        lines.extend(pretty.lines().map(|line| format!("    {line}")));
    }
    lines
}

/// Returns the last segment of a name or an address.
fn short_name(holder: &Holder) -> String {
    let name = if holder.name.is_empty() { &holder.reference } else { &holder.name };
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

fn plain(value: &Value) -> String {
    value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(event_type: &str, status: &str, holder: Option<(&str, &str)>) -> EventView {
        let pending_with =
            holder.map(|(kind, name)| json!({"type": kind, "ref": format!("agent://o/w/{name}"), "name": name}));
        let reason = holder.map(|(kind, _)| if kind == "human" { "WAITING_FOR_HUMAN" } else { "WAITING_FOR_AGENT" });
        serde_json::from_value(json!({
            "intent_id": "i", "seq": 2, "event_type": event_type, "status": status, "waiting_reason": reason,
            "pending_with": pending_with, "handler": null, "actor": "gateway", "at": "2026-04-05T10:00:00.000Z", "details": {"escalated_to": "boss"},
            "human_task": {"title": "Ship it?"},
        }))
        .unwrap()
    }

    fn story(events: &[EventView]) -> Vec<String> {
        let mut lifecycle = Lifecycle::new();
        events.iter().flat_map(|event| lifecycle.lines(event)).map(|(kind, text)| format!("{kind}: {text}")).collect()
    }

    #[test]
    fn an_agent_then_a_person() {
        let told = story(&[
            event("intent.created", "CREATED", None),
            event("intent.submitted", "SUBMITTED", None),
            event("intent.waiting", "WAITING", Some(("agent", "checker"))),
            event("intent.human_task_assigned", "WAITING", Some(("human", "Operations Team"))),
            event("intent.reminder", "WAITING", Some(("human", "Operations Team"))),
            event("intent.completed", "COMPLETED", None),
        ]);
        let expected = [
            "status:change: SUBMITTED → WAITING (for agent)",
            "cur_holder: checker",
            "system: human task: Ship it?",
            "step:done: checker completed",
            "status:change: WAITING (for agent) → WAITING (for human)",
            "cur_holder: Operations Team",
            "reminder: reminder sent to Operations Team",
            "step:done: Operations Team completed",
            "status:change: WAITING (for human) → COMPLETED ✓",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn from_agent_to_agent_and_an_end_in_failure() {
        let told = story(&[
            event("intent.waiting", "WAITING", Some(("agent", "one"))),
            event("intent.waiting", "WAITING", Some(("agent", "two"))),
            event("intent.escalated", "WAITING", Some(("agent", "boss"))),
            event("intent.failed", "FAILED", None),
        ]);
        let expected = [
            "status:change: SUBMITTED → WAITING (for agent)",
            "cur_holder: one",
            "step:done: one completed",
            "status:change: WAITING (for agent) → WAITING (for agent) (two)",
            "cur_holder: two",
            "escalation: escalated to boss",
            "status:change: WAITING (for agent) → FAILED ✗",
        ];
        assert_eq!(told, expected);
    }
}
