//! The buttons of a task: each outcome as the verb of what a person does, and how much a page warns of it.

use axme_words::Language;

use crate::HumanTask;
use crate::human::{TaskResult, Verdict};
use crate::outcome;
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

/// Words that neither agree nor refuse.
const OPEN: [&str; 5] = ["changes_requested", "cannot_assess", "deferred", "failed", "escalated"];

/// Returns the buttons of a task, in the order of its outcomes.
pub fn buttons(task: &HumanTask, language: Language) -> Vec<Button> {
    task.shown_outcomes().into_iter().map(|outcome| of(task, outcome, language)).collect()
}

/// Returns the button of one outcome of a task.
pub fn of(task: &HumanTask, outcome: &str, language: Language) -> Button {
    let verb = |word: &str| axme_words::of_family(language, "verb", word).map(String::from);
    let is_only = |label: &String| {
        task.shown_outcomes().into_iter().filter(|other| verb(other).as_ref() == Some(label)).count() < 2
    };
    // Two outcomes never share a label.
    let label = verb(outcome).filter(is_only).unwrap_or_else(|| outcome::word(language, outcome));
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
        buttons(&task, Language::English).into_iter().map(|button| (button.label, button.tone)).collect()
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
    fn buttons_follow_the_language() {
        let task = HumanTask::read(
            json!({ "allowed_outcomes": ["approved", "changes_requested", "ship_it"] }).as_object().unwrap(),
        )
        .0;
        let labels: Vec<String> = buttons(&task, Language::German).into_iter().map(|button| button.label).collect();
        assert_eq!(labels, ["Genehmigen", "Änderungen verlangen", "Ship it"]);
    }

    #[test]
    fn two_outcomes_never_share_a_label() {
        let same = json!({ "allowed_outcomes": ["approved", "rejected", "override_rejected"] });
        let labels: Vec<String> = shown(same).into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["Approve", "Rejected", "Override rejected"]);
    }
}
