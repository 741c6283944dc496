//! The buttons of a task: each outcome as the verb of what a person does, and how much a page warns of it.

use crate::HumanTask;
use crate::fields::words;
use crate::human::{TaskResult, Verdict};
use crate::task_types::is_no;

/// How a page shows an outcome. Only a refusal is red, and a request for changes is neutral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Yes,
    No,
    Neutral,
}

/// An outcome that a person can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    pub outcome: String,
    /// An imperative: `Approve`, `Request changes`.
    pub label: String,
    pub tone: Tone,
}

/// The verbs of the outcomes that the task types have, and of the usual others.
const VERBS: [(&str, &str); 30] = [
    ("approved", "Approve"),
    ("rejected", "Reject"),
    ("changes_requested", "Request changes"),
    ("submitted", "Submit"),
    ("cannot_assess", "Cannot assess"),
    ("confirmed", "Confirm"),
    ("denied", "Deny"),
    ("assigned", "Assign"),
    ("declined", "Decline"),
    ("provided", "Send answer"),
    ("completed", "Complete"),
    ("failed", "Report a failure"),
    ("override_approved", "Override"),
    ("override_rejected", "Reject"),
    ("attached", "Attach"),
    ("validated", "Validate"),
    ("delegated", "Delegate"),
    ("rerouted", "Reroute"),
    ("escalated", "Escalate"),
    ("acknowledged", "Acknowledge"),
    ("accepted", "Accept"),
    ("deferred", "Defer"),
    ("canceled", "Cancel"),
    ("cancelled", "Cancel"),
    ("refused", "Refuse"),
    ("disapproved", "Disapprove"),
    ("needs_more_info", "Ask for more information"),
    ("needs_info", "Ask for more information"),
    ("released", "Release"),
    ("signed", "Sign"),
];

/// Words that neither agree nor refuse.
const OPEN: [&str; 5] = ["changes_requested", "cannot_assess", "deferred", "failed", "escalated"];

/// Returns the buttons of a task, in the order of its outcomes.
pub fn buttons(task: &HumanTask) -> Vec<Button> {
    task.shown_outcomes().into_iter().map(|outcome| of(task, outcome)).collect()
}

/// Returns the button of one outcome of a task.
pub fn of(task: &HumanTask, outcome: &str) -> Button {
    let verb = |word: &str| VERBS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb);
    let is_only =
        |label: &str| task.shown_outcomes().into_iter().filter(|other| verb(other) == Some(label)).count() < 2;
    // Two outcomes never share a label.
    let label = verb(outcome).filter(|label| is_only(label)).map_or_else(|| words(outcome), str::to_owned);
    let answer = TaskResult { outcome: Some(outcome.to_owned()), ..TaskResult::default() };
    let tone = match task.means(&answer) {
        Verdict::Positive => Tone::Yes,
        Verdict::Negative if is_no(outcome) && !OPEN.contains(&outcome) => Tone::No,
        Verdict::Negative => Tone::Neutral,
    };
    Button { outcome: outcome.to_owned(), label, tone }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(task: serde_json::Value) -> Vec<(String, Tone)> {
        let task = HumanTask::read(task.as_object().unwrap()).0;
        buttons(&task).into_iter().map(|button| (button.label, button.tone)).collect()
    }

    #[test]
    fn buttons_are_verbs_and_only_a_refusal_is_red() {
        let one = |label: &str, tone| (label.to_owned(), tone);
        assert_eq!(shown(json!({})), [one("Approve", Tone::Yes), one("Reject", Tone::No)]);
        let review = [one("Approve", Tone::Yes), one("Request changes", Tone::Neutral), one("Reject", Tone::No)];
        assert_eq!(shown(json!({ "task_type": "review" })), review);
        let own = json!({ "allowed_outcomes": ["ship_it", "needs_more_info", "not_now", "hold"] });
        let expected = [
            one("Ship it", Tone::Yes),
            one("Ask for more information", Tone::Neutral),
            one("Not now", Tone::No),
            one("Hold", Tone::Neutral),
        ];
        assert_eq!(shown(own), expected);
    }

    #[test]
    fn two_outcomes_never_share_a_label() {
        let same = json!({ "allowed_outcomes": ["approved", "rejected", "override_rejected"] });
        let labels: Vec<String> = shown(same).into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["Approve", "Rejected", "Override rejected"]);
    }
}
