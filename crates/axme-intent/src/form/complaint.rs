//! Words for the errors in a value: no keyword of a schema reaches a person.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::effective::resolved;
use crate::fields::shown;

/// Returns what is wrong, for the value at the place of the error.
pub(super) fn words(error: &ValidationError<'_>, schema: &Value) -> String {
    let property = property_at(schema, error.instance_path().as_str());
    let text = |key: &str| property.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let items = |count: u64| if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
    match error.kind() {
        Kind::Maximum { limit } => format!("must be at most {}", plain(limit)),
        Kind::Minimum { limit } => format!("must be at least {}", plain(limit)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {}", plain(limit)),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {}", plain(limit)),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxItems { limit } => format!("must have at most {}", items(*limit)),
        Kind::MinItems { limit } => format!("must have at least {}", items(*limit)),
        Kind::MaxProperties { limit } => format!("must have at most {limit} fields"),
        Kind::MinProperties { limit } => format!("must have at least {limit} fields"),
        Kind::UniqueItems => "must not have the same entry twice".to_owned(),
        Kind::Enum { options } => one_of(options.as_array().into_iter().flatten().map(plain)),
        Kind::Constant { expected_value } => format!("must be {}", plain(expected_value)),
        Kind::OneOfNotValid { .. } | Kind::AnyOf { .. } => match titles(&property) {
            Some(titles) => one_of(titles.into_iter()),
            None => with_hint("does not fit any of the allowed forms", text("description")),
        },
        Kind::OneOfMultipleValid { .. } => with_hint("fits several of the allowed forms", text("description")),
        Kind::Format { format } => match format.as_str() {
            "email" | "idn-email" => "must be an email address".to_owned(),
            "uri" | "url" | "iri" => "must be a web address that begins with https://".to_owned(),
            "date" => "must be a date: 2026-05-03".to_owned(),
            "date-time" => "must be a date and a time: 2026-05-03T14:00:00Z".to_owned(),
            "time" => "must be a time of day: 14:00:00Z".to_owned(),
            other => format!("must be a valid {}", crate::fields::words(other).to_lowercase()),
        },
        Kind::Pattern { .. } => match (text("description"), property["examples"].get(0).and_then(Value::as_str)) {
            (_, Some(example)) => format!("is not in the expected format, for example {example}"),
            (hint, None) => with_hint("is not in the expected format", hint),
        },
        Kind::Type { .. } => type_words(&property).to_owned(),
        Kind::Contains => "lacks a required entry".to_owned(),
        Kind::FalseSchema => "must be left empty".to_owned(),
        _ => with_hint("is not allowed", text("description")),
    }
}

fn with_hint(what: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| what.to_owned(), |hint| format!("{what}: {hint}"))
}

fn one_of(values: impl Iterator<Item = String>) -> String {
    format!("must be one of {}", values.collect::<Vec<String>>().join(", "))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| shown(value), str::to_owned)
}

/// Returns the titles of a choice between constants.
fn titles(property: &Value) -> Option<Vec<String>> {
    let members = property.get("oneOf").or_else(|| property.get("anyOf")).and_then(Value::as_array)?;
    let title = |member: &Value| {
        let value = member.get("const")?;
        Some(member.get("title").and_then(Value::as_str).map_or_else(|| plain(value), str::to_owned))
    };
    members.iter().map(title).collect()
}

fn type_words(property: &Value) -> &'static str {
    let names = super::types(property, property);
    let has = |name: &str| names.iter().any(|known| known == name);
    match () {
        () if has("number") => "must be a number",
        () if has("integer") => "must be a whole number",
        () if has("boolean") => "must be yes or no (true or false)",
        () if has("array") => "must be a list",
        () if has("object") => "must have fields of its own",
        () if has("null") => "must be empty",
        () => "must be a text",
    }
}

/// Returns the schema of the value at a place, as far as the properties and items of a schema lead there.
fn property_at(schema: &Value, place: &str) -> Value {
    let mut part = resolved(schema, schema);
    for name in place.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        let next = match part.get("properties").and_then(|properties| properties.get(&name)) {
            Some(property) => property.clone(),
            None => part.get("items").cloned().unwrap_or_default(),
        };
        part = resolved(&next, schema);
    }
    part
}
