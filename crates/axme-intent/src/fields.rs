//! Fields that nothing reads. Bundles and requests are read leniently, so a misspelt guard would vanish in silence: it is
//! warned of, with the name that was probably meant.

use serde_json::Value;

use crate::Object;
use crate::task_types::TASK_TYPES;

/// The fields of a `human_task`. Its `metadata` is the sender's own.
pub const HUMAN_TASK: [&str; 12] = [
    "title",
    "description",
    "task_type",
    "allowed_outcomes",
    "required_comment",
    "evidence_required",
    "assignees",
    "notify_email",
    "quorum",
    "exclude_requester",
    "form_schema",
    "metadata",
];

/// Shorter names are a slip away from too many words.
const LEAST_LETTERS: usize = 5;
const MOST_SLIPS: usize = 2;

/// The known name that a name is a slip or two away from.
pub fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let slips = |known: &&str| strsim::levenshtein(name, known);
    let near = known.iter().copied().filter(|known| known.len() >= LEAST_LETTERS && slips(known) <= MOST_SLIPS);
    near.min_by_key(slips)
}

/// Every field that is not known, each with what is to be said of it; `fate` is what becomes of it.
pub fn unknown(source: &Object, known: &[&str], fate: &str) -> Vec<(String, String)> {
    let names = source.keys().filter(|name| !known.contains(&name.as_str()));
    names.map(|name| (name.clone(), format!("unknown field, {fate}{}", hint(name, known)))).collect()
}

/// What in a `human_task` is probably not what its sender means: fields that nothing reads, and a type that nobody knows.
/// Both are accepted, as the protocol wants it.
pub fn doubts(task: &Object) -> Vec<(String, String)> {
    let mut doubts = unknown(task, &HUMAN_TASK, "kept and shown, but without effect");
    let word = task.get("task_type").and_then(Value::as_str).unwrap_or_default();
    let types = TASK_TYPES.map(|row| row.name);
    if !word.is_empty() && !types.contains(&word) {
        let outcomes = if task.get("allowed_outcomes").is_some_and(Value::is_array) {
            "allowed_outcomes say what counts"
        } else {
            "any word is taken as its outcome"
        };
        doubts.push(("task_type".to_owned(), format!("unknown type \"{word}\": {outcomes}{}", hint(word, &types))));
    }
    doubts
}

fn hint(name: &str, known: &[&str]) -> String {
    meant(name, known).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_a_slip_or_two_away_is_probably_meant() {
        for (name, expected) in [
            ("quroum", Some("quorum")),
            ("exclude_requestor", Some("exclude_requester")),
            ("assignee", Some("assignees")),
            ("mood", None),
            ("quo", None),
        ] {
            assert_eq!(meant(name, &HUMAN_TASK), expected, "{name}");
        }
        assert_eq!(meant("tiep", &["type"]), None, "too short to tell");
    }

    #[test]
    fn every_field_of_a_task_is_known() {
        let every = serde_json::to_value(crate::HumanTask::untitled()).unwrap();
        assert_eq!(doubts(every.as_object().unwrap()), []);
        let wrong = json!({ "task_type": "approvall", "quroum": 2 });
        let expected = [
            ("quroum", "unknown field, kept and shown, but without effect; did you mean quorum?"),
            ("task_type", "unknown type \"approvall\": any word is taken as its outcome; did you mean approval?"),
        ];
        assert_eq!(doubts(wrong.as_object().unwrap()), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
