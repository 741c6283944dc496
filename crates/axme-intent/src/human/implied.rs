//! Approvals without a declared task (`spec/protocol.md` §5.8). An intent of a type `human_approval…` asks for one, and
//! so does an answer whose status begins with `pending_human`.

use super::{HumanTask, MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS};
use crate::{Json, JsonFields};

/// The fields that say in words what is asked, the best first.
const TITLES: [&str; 3] = ["title", "subject", "summary"];
const DESCRIPTIONS: [&str; 3] = ["description", "message", "reason"];

/// True for the type of an intent that asks for a person's approval.
pub fn is_approval_type(intent_type: &str) -> bool {
    intent_type.strip_prefix("intent.").unwrap_or(intent_type).starts_with("human_approval")
}

/// True for an agent's answer that says that a person has to decide.
pub fn asks_person(answer: &Json) -> bool {
    let word = |key: &str| answer.field(key).and_then(|word| word.string());
    let word = word("status").or_else(|| word("outcome")).unwrap_or_default();
    word.to_ascii_lowercase().starts_with("pending_human")
}

impl HumanTask {
    /// Returns the approval that a payload or an answer asks for. Its title and description are fields of the object;
    /// longer texts are cut.
    pub fn approval_of(words: &JsonFields) -> HumanTask {
        let first = |names: &[&str], most: usize| {
            let mut texts = names.iter().filter_map(|name| words.string(name));
            let text = texts.find(|text| !text.trim().is_empty());
            text.map(|text| text.trim().chars().take(most).collect::<String>())
        };
        let untitled = HumanTask::untitled();
        HumanTask {
            title: first(&TITLES, MAX_TITLE_CHARS).unwrap_or(untitled.title),
            description: first(&DESCRIPTIONS, MAX_DESCRIPTION_CHARS),
            task_type: Some("approval".to_owned()),
            ..HumanTask::untitled()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_and_answers_that_ask_a_person_are_known() {
        for yes in ["human_approval", "human_approval.v1", "intent.human_approval.v1", "human_approval_request.v2"] {
            assert!(is_approval_type(yes), "{yes}");
        }
        for no in ["intent.approval.v1", "human", "nonhuman_approval.v1", "intent.ask.v1"] {
            assert!(!is_approval_type(no), "{no}");
        }
        assert!(
            asks_person(&json!({ "status": "PENDING_HUMAN_approval" }).into())
                && asks_person(&json!({ "outcome": "pending_human" }).into())
        );
        assert!(
            !asks_person(&json!({ "status": "pending_payment" }).into())
                && !asks_person(&json!("pending_human").into())
        );
    }

    #[test]
    fn an_approval_is_titled_by_the_words_of_its_object() {
        let words = json!({ "title": " ", "subject": "Ship 2.4?", "message": "x".repeat(3_000), "n": 1 });
        let task = HumanTask::approval_of(&JsonFields::of(words));
        assert_eq!((task.title.as_str(), task.task_type.as_deref()), ("Ship 2.4?", Some("approval")));
        assert_eq!(task.description.unwrap().chars().count(), 2_000);
        assert_eq!(HumanTask::approval_of(&JsonFields::new()).title, "Human approval required");
    }
}
