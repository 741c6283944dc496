//! The fields of a task's form: built from its JSON Schema, filled with sent values, and read
//! from what a browser sends.
//!
//! A browser sends text. The rules convert and check it when they check the answer; this file does neither.

use std::collections::BTreeMap;

pub use axme_intent::fields::words;
use axme_intent::{HumanTask, Object, TaskResult, form};
use serde_json::Value;

/// The prefix of field names on the page, which keeps them apart from the page's own names.
const PREFIX: &str = "field.";

/// Maximum number of fields that a page shows. A form with more is of no use to a person.
const MAX_FIELDS: usize = 100;

/// A field that allows longer text than this gets several lines.
const LONG_CHARS: u64 = 200;

/// One field of the form.
pub struct Field {
    pub name: String,
    /// The id of the element on the page.
    pub id: String,
    pub label: String,
    pub help: String,
    pub is_required: bool,
    pub kind: Kind,
    pub value: String,
    /// The error in the value; empty if there is none.
    pub error: String,
    /// Attributes that help while typing, such as `min="1"`.
    pub limits: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An input element with this `type`.
    Input(&'static str),
    Text,
    /// A choice of values, each with its label.
    Choice(Vec<(String, String)>),
    /// A box to tick, which then sends this value.
    Tick(String),
    /// A value that is shown and cannot be changed.
    Fixed(String),
}

impl Field {
    pub(crate) fn input_type(&self) -> &str {
        if let Kind::Input(kind) = &self.kind { kind } else { "" }
    }

    pub fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    pub(crate) fn choices(&self) -> &[(String, String)] {
        if let Kind::Choice(choices) = &self.kind { choices } else { &[] }
    }

    /// Returns the value that a ticked box sends.
    pub(crate) fn tick(&self) -> Option<&str> {
        if let Kind::Tick(value) = &self.kind { Some(value) } else { None }
    }

    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self.kind, Kind::Fixed(_))
    }

    /// Returns the value as the person sees it.
    pub(crate) fn shown(&self) -> String {
        match self.tick() {
            Some(_) if self.value.is_empty() => String::new(),
            Some(_) => "Yes".to_owned(),
            None => {
                let label =
                    self.choices().iter().find(|(value, _)| *value == self.value).map(|(_, label)| label.clone());
                label.unwrap_or_else(|| self.value.clone())
            }
        }
    }

    /// Returns the ids of the elements that describe the field.
    pub(crate) fn described_by(&self) -> String {
        let parts = [(&self.help, "help"), (&self.error, "error")];
        let ids = parts.iter().filter(|(text, _)| !text.is_empty()).map(|(_, what)| format!("{}-{what}", self.id));
        ids.collect::<Vec<String>>().join(" ")
    }
}

/// The fields that a browser sent; none before that.
#[derive(Debug, Clone, Default)]
pub struct FormFields(Vec<(String, String)>);

impl FormFields {
    pub fn new(pairs: Vec<(String, String)>) -> FormFields {
        // Browsers end lines with two characters; length limits count one.
        let plain = |(name, value): (String, String)| (name, value.replace("\r\n", "\n"));
        FormFields(pairs.into_iter().map(plain).collect())
    }

    /// Returns the last value under a name, trimmed; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.trim()).unwrap_or_default()
    }

    /// Returns the fields that the next page repeats: all except the token and the step.
    pub fn kept(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(|(name, _)| !matches!(name.as_str(), "token" | "step"))
    }

    /// Returns the answer, without fields that were left empty.
    pub fn answer(&self) -> TaskResult {
        let text = |name: &str| Some(self.get(name).to_owned()).filter(|text| !text.is_empty());
        let mut data = Object::new();
        for (name, value) in &self.0 {
            if let Some(name) = name.strip_prefix(PREFIX).filter(|_| !value.trim().is_empty()) {
                data.insert(name.to_owned(), value.trim().into());
            }
        }
        data.extend(text("evidence").map(|evidence| ("evidence".to_owned(), evidence.into())));
        TaskResult { outcome: text("outcome"), comment: text("comment"), data: data.into() }
    }
}

/// Returns the fields of a task's schema, with the sent values and their errors.
pub fn fields(task: &HumanTask, filled: &FormFields, wrong: &BTreeMap<String, String>) -> Vec<Field> {
    let Some(schema) = &task.form_schema else { return Vec::new() };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    // A required field that the schema does not describe is a text.
    let described = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
    let others: Vec<(String, Value)> =
        required.iter().filter(|name| !described(name)).map(|name| ((*name).to_owned(), Value::Null)).collect();
    let others = others.iter().map(|(name, property)| (name, property));
    let shown = properties.into_iter().flatten().chain(others).filter(|(name, property)| {
        // The buttons and boxes of every page set these.
        let is_flag = || form::types(property, schema).iter().any(|name| name == "boolean");
        !((*name == "approved" && is_flag()) || ["comment", "evidence", "outcome"].contains(&name.as_str()))
    });
    let field = |(index, (name, property)): (usize, (&String, &Value))| {
        let text = |key: &str| property.get(key).and_then(Value::as_str).unwrap_or_default();
        let key = format!("{PREFIX}{name}");
        let usual = property.get("default").map(plain).unwrap_or_default();
        let sent = filled.0.iter().any(|(known, _)| *known == key).then(|| filled.get(&key).to_owned());
        let inside = format!("{name}.");
        let error = wrong.iter().find(|(place, _)| *place == name || place.starts_with(&inside));
        let kind = kind(property, schema);
        let value = match &kind {
            // Only the person ticks a box.
            Kind::Tick(_) => sent.unwrap_or_default(),
            Kind::Fixed(value) => value.clone(),
            _ => sent.unwrap_or(usual),
        };
        Field {
            id: format!("field-{index}"),
            label: if text("title").is_empty() { words(name) } else { text("title").to_owned() },
            help: help(property, schema),
            is_required: required.contains(&name.as_str()) || matches!(kind, Kind::Tick(_)),
            kind,
            value,
            error: error.map(|(_, why)| why.clone()).unwrap_or_default(),
            limits: limits(property, schema),
            name: key,
        }
    };
    shown.take(MAX_FIELDS).enumerate().map(field).collect()
}

/// Returns a value as text: a string without quotes, null as an empty text, anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Returns whether a task's form has a field `name`.
pub fn has(task: &HumanTask, name: &str) -> bool {
    task.form_schema.as_ref().is_some_and(|schema| schema["properties"].get(name).is_some())
}

fn kind(property: &Value, schema: &Value) -> Kind {
    let types = form::types(property, schema);
    let has_type = |wanted: &str| types.iter().any(|name| name == wanted);
    match property.get("const") {
        Some(Value::Bool(value)) => return Kind::Tick(value.to_string()),
        Some(Value::String(text)) => return Kind::Fixed(text.clone()),
        Some(other) => return Kind::Fixed(other.to_string()),
        None => {}
    }
    // A choice is shown as it was given: `-1`, `0.5` and `1-5` are not names.
    if let Some(list) = property.get("enum").and_then(Value::as_array) {
        return Kind::Choice(list.iter().map(|value| (plain(value), plain(value))).collect());
    }
    let is_text = has_type("string");
    if has_type("boolean") && !is_text {
        let choice = |value: &str, label: &str| (value.to_owned(), label.to_owned());
        return Kind::Choice(vec![choice("true", "Yes"), choice("false", "No")]);
    }
    if (has_type("integer") || has_type("number")) && !is_text {
        return Kind::Input("number");
    }
    if (has_type("array") || has_type("object")) && !is_text {
        return Kind::Text;
    }
    let is_long = property.get("maxLength").and_then(Value::as_u64).is_some_and(|most| most > LONG_CHARS);
    match property.get("format").and_then(Value::as_str) {
        Some("email") => Kind::Input("email"),
        Some("date") => Kind::Input("date"),
        Some("uri" | "url") => Kind::Input("url"),
        _ if is_long => Kind::Text,
        _ => Kind::Input("text"),
    }
}

/// Returns the help text of a field: its description and its limits.
fn help(property: &Value, schema: &Value) -> String {
    let types = form::types(property, schema);
    let mut parts: Vec<String> = Vec::new();
    parts.extend(property.get("description").and_then(Value::as_str).map(str::to_owned));
    let number = |key: &str| property.get(key).filter(|value| value.is_number()).map(plain);
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => parts.push(format!("From {least} to {most}.")),
        (Some(least), None) => parts.push(format!("At least {least}.")),
        (None, Some(most)) => parts.push(format!("At most {most}.")),
        (None, None) => {}
    }
    parts.extend(number("maxLength").map(|most| format!("At most {most} characters.")));
    if types.iter().any(|name| name == "array" || name == "object") {
        parts.push("As JSON.".to_owned());
    }
    parts.join(" ")
}

fn limits(property: &Value, schema: &Value) -> Vec<(&'static str, String)> {
    let types = form::types(property, schema);
    let has_type = |wanted: &str| types.iter().any(|name| name == wanted);
    let number = |key: &str| property.get(key).filter(|value| value.is_number()).map(plain);
    let mut limits = Vec::new();
    if (has_type("integer") || has_type("number")) && !has_type("string") {
        limits.extend(number("minimum").map(|least| ("min", least)));
        limits.extend(number("maximum").map(|most| ("max", most)));
        limits.push(("step", if has_type("number") { "any" } else { "1" }.to_owned()));
    }
    limits.extend(number("maxLength").map(|most| ("maxlength", most)));
    limits
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task() -> HumanTask {
        let schema = json!({
            "type": "object",
            "required": ["approved", "days"],
            "properties": {
                "approved": { "type": "boolean" },
                "days": { "type": "integer", "minimum": 1, "maximum": 90, "default": 7 },
                "priority": { "enum": ["P1", "P2"], "title": "How urgent" },
                "sure": { "type": "boolean" },
                "notes": { "type": "string", "maxLength": 500, "description": "For the record." },
                "mail_to": { "type": "string", "format": "email" },
                "tags": { "type": "array" },
            },
        });
        let source = json!({ "title": "t", "form_schema": schema });
        HumanTask::read(source.as_object().unwrap()).0
    }

    #[test]
    fn a_schema_becomes_fields() {
        let wrong = BTreeMap::from([("tags.0".to_owned(), "is not a word".to_owned())]);
        let fields = fields(&task(), &FormFields::default(), &wrong);
        let named: Vec<(&str, &str)> = fields.iter().map(|f| (f.name.as_str(), f.label.as_str())).collect();
        let expected = [
            ("field.days", "Days"),
            ("field.priority", "How urgent"),
            ("field.sure", "Sure"),
            ("field.notes", "Notes"),
            ("field.mail_to", "Mail to"),
            ("field.tags", "Tags"),
        ];
        assert_eq!(named, expected);
        assert_eq!((fields[0].input_type(), fields[0].value.as_str(), fields[0].is_required), ("number", "7", true));
        assert_eq!(fields[0].help, "From 1 to 90.");
        assert_eq!(fields[1].choices().len(), 2);
        assert_eq!(fields[2].choices()[0], ("true".to_owned(), "Yes".to_owned()));
        assert!(fields[3].is_text() && fields[3].help.starts_with("For the record."));
        assert_eq!(fields[4].input_type(), "email");
        assert_eq!(
            (fields[5].error.as_str(), fields[5].described_by().as_str()),
            ("is not a word", "field-5-help field-5-error")
        );
    }

    #[test]
    fn a_constant_is_shown_and_only_the_person_ticks_a_box() {
        let schema = json!({ "properties": {
            "agree": { "const": true, "default": true, "title": "I have read the terms" }, "version": { "const": 2 },
        } });
        let source = json!({ "title": "t", "form_schema": schema });
        let task = HumanTask::read(source.as_object().unwrap()).0;
        let shown = |pairs: Vec<(String, String)>| fields(&task, &FormFields::new(pairs), &BTreeMap::new());
        let before = shown(Vec::new());
        assert_eq!((before[0].tick(), before[0].value.as_str(), before[0].is_required), (Some("true"), "", true));
        assert_eq!((before[1].is_fixed(), before[1].shown().as_str()), (true, "2"));
        let after = shown(vec![("field.agree".to_owned(), "true".to_owned())]);
        assert_eq!(after[0].shown(), "Yes");
    }

    #[test]
    fn a_choice_is_shown_as_it_was_given() {
        let given = json!(["-1", "1-5", "2026-01-31", 0.5, -1, "changes_requested", null]);
        let source = json!({ "title": "t", "form_schema": { "properties": { "n": { "enum": given } } } });
        let task = HumanTask::read(source.as_object().unwrap()).0;
        let fields = fields(&task, &FormFields::default(), &BTreeMap::new());
        let labels: Vec<&str> = fields[0].choices().iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["-1", "1-5", "2026-01-31", "0.5", "-1", "changes_requested", ""]);
    }

    #[test]
    fn what_is_sent_is_kept_and_read() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sent = vec![
            pair("token", "secret"),
            pair("outcome", "approved"),
            pair("field.days", " 30 "),
            pair("field.sure", ""),
            pair("comment", ""),
            pair("evidence", "a photo"),
            pair("step", "review"),
        ];
        let filled = FormFields::new(sent);
        let answer = filled.answer();
        assert_eq!((answer.outcome.as_deref(), answer.comment.as_deref()), (Some("approved"), None));
        assert_eq!(json!(answer.data), json!({ "days": "30", "evidence": "a photo" }));
        assert_eq!(fields(&task(), &filled, &BTreeMap::new())[0].value, "30");
        assert!(filled.kept().all(|(name, _)| name != "token" && name != "step"));
    }
}
