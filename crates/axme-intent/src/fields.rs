//! Texts about fields: warnings about unknown ones, and how an error shows a wrong value. Bundles and requests are read
//! leniently, so a misspelled guard would be ignored silently. The warning suggests the name that was probably meant.

use serde_json::Value;

use crate::Object;
use crate::task_types::TASK_TYPES;

/// The fields of a `human_task`. Its `metadata` is free-form.
pub const HUMAN_TASK: [&str; 16] = [
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
    "person_required",
    "summary",
    "on_yes",
    "on_no",
    "form_schema",
    "metadata",
];

/// A shorter name is within two slips of too many words.
const LEAST_LETTERS: usize = 5;
const MAX_TYPOS: usize = 2;

/// The longest value that an error shows, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Returns the known name that is at most two slips away from `name`.
pub fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let slips = |known: &&str| strsim::levenshtein(name, known);
    let near = known.iter().copied().filter(|known| known.len() >= LEAST_LETTERS && slips(known) <= MAX_TYPOS);
    near.min_by_key(slips)
}

/// Returns each unknown field with its warning. `fate` says what happens to the field.
pub fn unknown(source: &Object, known: &[&str], fate: &str) -> Vec<(String, String)> {
    let names = source.keys().filter(|name| !known.contains(&name.as_str()));
    names.map(|name| (name.clone(), format!("unknown field, {fate}{}", hint(name, known)))).collect()
}

/// Returns warnings about a `human_task`: unknown fields and an unknown type. Both are accepted, as the protocol
/// requires.
pub fn doubts(task: &Object) -> Vec<(String, String)> {
    let mut doubts = unknown(task, &HUMAN_TASK, "kept and shown, but without effect");
    let word = task.get("task_type").and_then(Value::as_str).unwrap_or_default();
    let types: Vec<&str> = TASK_TYPES.iter().map(|row| row.name).collect();
    if !word.is_empty() && !types.contains(&word) {
        let outcomes = if task.get("allowed_outcomes").is_some_and(Value::is_array) {
            "only its allowed_outcomes are accepted"
        } else {
            "any word is accepted as its outcome"
        };
        doubts.push(("task_type".to_owned(), format!("unknown type \"{word}\": {outcomes}{}", hint(word, &types))));
    }
    doubts
}

/// Turns a name into words for people: `grant_duration_days` becomes "Grant duration days". Only a sign between letters
/// separates words: `-1`, `1-5`, `v1.2` and dates stay unchanged.
pub fn words(name: &str) -> String {
    let name = name.trim();
    let letters: Vec<char> = name.chars().collect();
    let is_letter = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|c| c.is_alphabetic());
    let separates = |at: usize| match letters[at] {
        '_' => true,
        '-' | '.' => is_letter(at.checked_sub(1)) && is_letter(Some(at + 1)),
        _ => false,
    };
    let text: String = (0..letters.len()).map(|at| if separates(at) { ' ' } else { letters[at] }).collect();
    let mut letters = text.trim().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Shows a wrong value in an error, as JSON that is cut off where it gets too long.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
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
    fn only_signs_between_letters_separate_words() {
        for (name, expected) in [
            ("grant_duration_days", "Grant duration days"),
            ("time-out", "Time out"),
            ("_x_", "X"),
            ("-1", "-1"),
            ("0.5", "0.5"),
            ("1-5", "1-5"),
            ("v1.2", "V1.2"),
            ("2026-01-31", "2026-01-31"),
        ] {
            assert_eq!(words(name), expected);
        }
    }

    #[test]
    fn a_long_value_is_cut_off() {
        assert_eq!(shown(&json!({ "a": [1, "b"] })), r#"{"a":[1,"b"]}"#);
        let long = shown(&json!("ä".repeat(1_000)));
        assert_eq!(long, format!("\"{}…", "ä".repeat(MAX_SHOWN_CHARS - 1)));
    }

    #[test]
    fn every_field_of_a_task_is_known() {
        let every = serde_json::to_value(crate::HumanTask::untitled()).unwrap();
        assert_eq!(doubts(every.as_object().unwrap()), []);
        let wrong = json!({ "task_type": "approvall", "quroum": 2 });
        let expected = [
            ("quroum", "unknown field, kept and shown, but without effect; did you mean quorum?"),
            ("task_type", "unknown type \"approvall\": any word is accepted as its outcome; did you mean approval?"),
        ];
        assert_eq!(doubts(wrong.as_object().unwrap()), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_sign_separates_words_between_two_letters_only() {
        for (name, shown) in
            [("a-b", "A b"), ("a.b", "A b"), ("a-1", "A-1"), ("1-a", "1-a"), ("a-", "A-"), ("-a", "-a")]
        {
            assert_eq!(words(name), shown);
        }
    }
}
