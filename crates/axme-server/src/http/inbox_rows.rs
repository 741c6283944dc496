//! A task as the lists of the inbox show it.

use axme_core::ops::own_inbox::{self, InboxTask};
use axme_intent::Time;
use axme_intent::facts::{self, Fact, FactValue};
use axme_words::Language;
use uuid::Uuid;

/// Maximum number of facts in a list.
const MAX_FACTS: usize = 4;

/// A task as the list shows it.
pub(super) struct Row {
    pub workspace: Uuid,
    pub intent: String,
    pub title: String,
    pub requester: String,
    pub place: String,
    /// The absent people in whose place the person may answer; empty if the task asks the person.
    pub deputy_for: String,
    pub facts: Vec<Fact>,
    pub since: Time,
    pub due: Option<Time>,
    /// True if it can be answered together with others.
    pub is_simple: bool,
}

pub(super) fn row(task: &InboxTask, language: Language) -> Row {
    let human = task.task();
    let intent = &task.head.intent;
    let results = intent.cursor.as_ref().map(|cursor| cursor.results.clone()).unwrap_or_default();
    let mut facts = human.map(|human| facts::chosen(human, &task.spec.payload, &results, language)).unwrap_or_default();
    if facts.is_empty() {
        let all = facts::every(&task.spec.payload.fields().unwrap_or_default(), language);
        facts = all.into_iter().filter(|fact| matches!(fact.value, FactValue::Amount(_))).collect();
    }
    facts.truncate(MAX_FACTS);
    Row {
        workspace: task.workspace,
        intent: intent.id.to_string(),
        title: human.map(|human| human.title.clone()).unwrap_or_default(),
        requester: task.requester.name.clone(),
        place: format!("{} · {}", task.requester.organization, task.requester.workspace),
        deputy_for: task.deputy_for.join(", "),
        facts,
        since: intent.waiting().map_or(intent.created_at, |waiting| waiting.since),
        due: intent.due_at(task.spec.deadline_at),
        is_simple: human.is_some_and(own_inbox::is_simple),
    }
}
