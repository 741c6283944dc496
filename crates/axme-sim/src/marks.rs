//! Marks: unique words in requests, by which a request is found in histories.

use std::collections::BTreeSet;

use axme_intent::lifecycle::Event;
use serde_json::Value;

/// Returns the `nth` mark.
pub(crate) fn make(nth: usize) -> String {
    format!("mark-{nth}-")
}

/// Returns the marks in the events of an intent after the first one.
pub(crate) fn of_events(events: &[Event]) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    for event in events.iter().skip(1) {
        collect(&serde_json::to_value(event).unwrap_or_default(), &mut marks);
    }
    marks
}

pub(crate) fn of_value(value: &Value) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    collect(value, &mut marks);
    marks
}

fn collect(value: &Value, marks: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for (at, _) in text.match_indices("mark-") {
                let digits: String = text[at + 5..].chars().take_while(char::is_ascii_digit).collect();
                marks.insert(format!("mark-{digits}-"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, marks)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, marks)),
        _ => {}
    }
}
