//! The form of a task as hosts show forms: an object whose fields are texts, numbers, yes or no, or one of several words.
//!
//! The schema helps a person to fill in the form. The rules of the task check the answer, so keywords that a host does not
//! know may be left out. A form with lists or nested fields is not shown at all.

use axme_api::{Json, JsonFields};
use axme_intent::fields::words;
use axme_intent::{HumanTask, button};
use axme_words::Language;
use rmcp::model::ElicitationSchema;
use serde_json::{Map, Value, json};

/// The most fields of a task that a host shows.
const MAX_FIELDS: usize = 50;
/// Keywords of a schema that make one field depend on another, or have more than one type.
const NESTING: [&str; 9] = ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "properties", "items"];
/// The formats of text that hosts know.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];
/// Fields of a task's form that are filled in from the rest of the answer.
const FILLED_IN: [&str; 3] = ["outcome", "comment", "approved"];

/// Returns the form of a task. `None` if a host cannot show it.
pub(super) fn of(task: &HumanTask) -> Option<ElicitationSchema> {
    let choices: Vec<Value> = button::buttons(task, Language::English)
        .into_iter()
        .map(|button| json!({ "const": button.outcome, "title": button.label }))
        .collect();
    let mut properties = Map::new();
    properties.insert("outcome".to_owned(), json!({ "type": "string", "title": "Answer", "oneOf": choices }));
    if let Some(schema) = task.form_schema.as_deref() {
        let is_flat = NESTING.iter().all(|word| *word == "properties" || schema.get(*word).is_none());
        let fields = schema["properties"].as_object().cloned().unwrap_or_default();
        if !is_flat || fields.len() > MAX_FIELDS {
            return None;
        }
        for (name, shape) in fields.iter().filter(|(name, _)| !FILLED_IN.contains(&name.as_str())) {
            properties.insert(name.clone(), field(name, shape)?);
        }
    }
    // A no needs no fields of the form, so none of them is required here.
    let mut required = vec!["outcome"];
    if task.evidence_required && !properties.contains_key("evidence") {
        properties.insert("evidence".to_owned(), json!({ "type": "string", "title": "Evidence" }));
        required.push("evidence");
    }
    properties.insert("comment".to_owned(), json!({ "type": "string", "title": "Comment" }));
    if task.required_comment {
        required.push("comment");
    }
    serde_json::from_value(json!({ "type": "object", "properties": properties, "required": required })).ok()
}

/// Returns one field as hosts show it. `None` for a list, an object, or a field of several types.
fn field(name: &str, shape: &Value) -> Option<Value> {
    if NESTING.iter().any(|word| shape.get(*word).is_some()) {
        return None;
    }
    let listed = shape["enum"].as_array().cloned().or_else(|| Some(vec![shape.get("const")?.clone()]));
    let are_texts = listed.as_ref().is_some_and(|words| words.iter().all(Value::is_string));
    let kind = match shape["type"].as_str() {
        Some(kind) => kind,
        None if are_texts => "string",
        None => return None,
    };
    let kept: &[&str] = match (kind, &listed) {
        ("string", Some(_)) if are_texts => &["description"],
        ("string", None) => &["description", "minLength", "maxLength", "default"],
        ("integer" | "number", None) => &["description", "minimum", "maximum", "default"],
        // A constant yes or no is a box to tick.
        ("boolean", _) => &["description", "default"],
        _ => return None,
    };
    let mut shown =
        json!({ "type": kind, "title": shape["title"].as_str().map_or_else(|| words(name), str::to_owned) });
    for word in kept {
        if let Some(value) = shape.get(*word) {
            shown[*word] = value.clone();
        }
    }
    if let Some(format) = shape["format"].as_str().filter(|format| kind == "string" && FORMATS.contains(format)) {
        shown["format"] = format.into();
    }
    if let Some(words) = listed.filter(|_| kind == "string") {
        shown["enum"] = words.into();
    }
    Some(shown)
}

/// Returns the answer to a task from what a person entered. An empty text is an absent field.
pub(super) fn answer(content: &JsonFields) -> JsonFields {
    let is_given = |value: &Json| !value.is_null() && value.string().is_none_or(|text| !text.trim().is_empty());
    let mut answer = JsonFields::new();
    let mut data = JsonFields::new();
    for (name, value) in content.iter().filter(|(_, value)| is_given(value)) {
        match name.as_str() {
            "outcome" | "comment" => answer.set(name, value.clone()),
            _ => data.set(name, value.clone()),
        }
    }
    answer.with("data", data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(task: &Value) -> Option<Value> {
        let task = HumanTask::read(task.as_object().unwrap()).0;
        of(&task).map(|schema| serde_json::to_value(schema).unwrap())
    }

    #[test]
    fn an_approval_is_a_choice_and_a_comment() {
        let form = shown(&json!({ "required_comment": true })).unwrap();
        let choices = json!([{ "const": "approved", "title": "Approve" }, { "const": "rejected", "title": "Reject" }]);
        assert_eq!(form["properties"]["outcome"]["oneOf"], choices, "{form}");
        assert_eq!(form["required"], json!(["outcome", "comment"]));
    }

    #[test]
    fn plain_fields_keep_what_hosts_know() {
        let form = shown(&json!({ "form_schema": { "type": "object", "required": ["count"], "properties": {
            "count": { "type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2 },
            "mail_to": { "type": "string", "format": "email", "pattern": "x" },
            "size": { "enum": ["small", "large"] },
            "agreed": { "type": "boolean", "const": true, "title": "I agree" },
            "approved": { "type": "boolean" },
        } } }))
        .unwrap();
        let fields = &form["properties"];
        assert_eq!(
            fields["count"],
            json!({ "type": "integer", "title": "Count", "minimum": 1, "maximum": 9 }),
            "{form}"
        );
        assert_eq!(fields["mail_to"], json!({ "type": "string", "title": "Mail to", "format": "email" }), "{form}");
        assert_eq!(fields["size"]["enum"], json!(["small", "large"]), "{form}");
        assert_eq!(fields["agreed"], json!({ "type": "boolean", "title": "I agree" }), "{form}");
        assert!(fields.get("approved").is_none() && form["required"] == json!(["outcome"]), "{form}");
    }

    #[test]
    fn a_form_with_lists_or_nested_fields_is_not_shown() {
        for property in [
            json!({ "type": "array", "items": { "type": "string" } }),
            json!({ "type": "object", "properties": { "a": { "type": "string" } } }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }),
            json!({ "enum": [1, 2] }),
            json!({ "type": ["string", "null"] }),
            json!({}),
        ] {
            let form = json!({ "type": "object", "properties": { "x": property } });
            assert_eq!(shown(&json!({ "form_schema": form })), None, "{form}");
        }
        let branches = json!({ "type": "object", "if": { "required": ["a"] }, "then": { "required": ["b"] } });
        assert_eq!(shown(&json!({ "form_schema": branches })), None);
    }

    #[test]
    fn an_answer_has_its_fields_beside_outcome_and_comment() {
        let content =
            json!({ "outcome": "approved", "comment": " ", "count": 3, "note": "", "agreed": true, "x": null });
        let expected = json!({ "outcome": "approved", "data": { "count": 3, "agreed": true } });
        assert_eq!(Json::from(answer(&JsonFields::of(content))).value(), expected);
    }
}
