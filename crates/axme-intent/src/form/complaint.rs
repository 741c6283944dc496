//! Words for the errors in a value: no keyword of a schema reaches a person.

use axme_words::{Language, Text, say};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::effective::resolved;
use crate::fields::shown;

/// Returns what is wrong, for the value at the place of the error.
pub(super) fn words(error: &ValidationError<'_>, schema: &Value, language: Language) -> String {
    let property = property_at(schema, error.instance_path().as_str());
    let text = |key: &str| property.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let say = |id: &'static str| say(language, id);
    let plain = |value: &Value| plain(value, language);
    let with_hint = |id: &'static str| match text("description") {
        None => say(id).to_string(),
        Some(hint) => format!("{}: {hint}", say(id)),
    };
    let wrong: Text = match error.kind() {
        Kind::Maximum { limit } => say("wrong-maximum").with("limit", plain(limit)),
        Kind::Minimum { limit } => say("wrong-minimum").with("limit", plain(limit)),
        Kind::ExclusiveMaximum { limit } => say("wrong-below").with("limit", plain(limit)),
        Kind::ExclusiveMinimum { limit } => say("wrong-above").with("limit", plain(limit)),
        Kind::MultipleOf { multiple_of } => {
            say("wrong-multiple").with("of", axme_words::decimal(language, &multiple_of.to_string()))
        }
        Kind::MaxLength { limit } => say("wrong-too-long").with("limit", *limit),
        Kind::MinLength { limit } => say("wrong-too-short").with("limit", *limit),
        Kind::MaxItems { limit } => say("wrong-too-many-entries").with("limit", *limit),
        Kind::MinItems { limit } => say("wrong-too-few-entries").with("limit", *limit),
        Kind::MaxProperties { limit } => say("wrong-too-many-fields").with("limit", *limit),
        Kind::MinProperties { limit } => say("wrong-too-few-fields").with("limit", *limit),
        Kind::UniqueItems => say("wrong-twice"),
        Kind::Enum { options } => {
            let values: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            say("wrong-one-of").with("values", values.join(", "))
        }
        Kind::Constant { expected_value } => say("wrong-constant").with("value", plain(expected_value)),
        Kind::OneOfNotValid { .. } | Kind::AnyOf { .. } => match titles(&property, language) {
            Some(titles) => say("wrong-one-of").with("values", titles.join(", ")),
            None => return with_hint("wrong-no-form"),
        },
        Kind::OneOfMultipleValid { .. } => return with_hint("wrong-several-forms"),
        Kind::Format { format } => match format.as_str() {
            "email" | "idn-email" => say("wrong-email"),
            "uri" | "url" | "iri" => say("wrong-url"),
            "date" => say("wrong-date"),
            "date-time" => say("wrong-date-time"),
            "time" => say("wrong-time"),
            other => say("wrong-format").with("format", crate::fields::words(other).to_lowercase()),
        },
        Kind::Pattern { .. } => match property["examples"].get(0).and_then(Value::as_str) {
            Some(example) => say("wrong-pattern-example").with("example", example),
            None => return with_hint("wrong-pattern"),
        },
        Kind::Type { .. } => say(type_words(&property)),
        Kind::Contains => say("wrong-contains"),
        Kind::FalseSchema => say("wrong-not-empty"),
        _ => return with_hint("wrong-not-allowed"),
    };
    wrong.to_string()
}

fn plain(value: &Value, language: Language) -> String {
    let written = || if value.is_number() { axme_words::decimal(language, &shown(value)) } else { shown(value) };
    value.as_str().map_or_else(written, str::to_owned)
}

/// Returns the titles of a choice between constants.
fn titles(property: &Value, language: Language) -> Option<Vec<String>> {
    let members = property.get("oneOf").or_else(|| property.get("anyOf")).and_then(Value::as_array)?;
    let title = |member: &Value| {
        let value = member.get("const")?;
        Some(member.get("title").and_then(Value::as_str).map_or_else(|| plain(value, language), str::to_owned))
    };
    members.iter().map(title).collect()
}

/// Returns the id of the text about a wrong type.
fn type_words(property: &Value) -> &'static str {
    let names = super::types(property, property);
    let has = |name: &str| names.iter().any(|known| known == name);
    match () {
        () if has("number") => "wrong-number",
        () if has("integer") => "wrong-whole-number",
        () if has("boolean") => "wrong-boolean",
        () if has("array") => "wrong-list",
        () if has("object") => "wrong-object",
        () if has("null") => "wrong-null",
        () => "wrong-text",
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check;
    use super::*;

    /// Returns what is wrong with the value of a field; nothing for a value that fits.
    fn complaint(property: Value, value: Value) -> String {
        let schema = json!({ "properties": { "field": property } });
        let data = json!({ "field": value });
        let found = check(&schema, data.as_object().unwrap(), None, true, Language::English).err().unwrap_or_default();
        found.into_values().collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_error_is_told_in_words() {
        for (property, value, words) in [
            (json!({ "maximum": 5 }), json!(6), "must be at most 5"),
            (json!({ "minimum": 5 }), json!(4), "must be at least 5"),
            (json!({ "exclusiveMaximum": 5 }), json!(5), "must be less than 5"),
            (json!({ "exclusiveMinimum": 5 }), json!(5), "must be more than 5"),
            (json!({ "multipleOf": 5 }), json!(6), "must be a multiple of 5"),
            (json!({ "maxLength": 2 }), json!("abc"), "must have at most 2 characters"),
            (json!({ "minLength": 2 }), json!("a"), "must have at least 2 characters"),
            (json!({ "maxItems": 1 }), json!([1, 2]), "must have at most 1 entry"),
            (json!({ "minItems": 2 }), json!([1]), "must have at least 2 entries"),
            (json!({ "maxProperties": 1 }), json!({ "a": 1, "b": 2 }), "must have at most 1 fields"),
            (json!({ "minProperties": 1 }), json!({}), "must have at least 1 fields"),
            (json!({ "uniqueItems": true }), json!([1, 1]), "must not have the same entry twice"),
            (json!({ "enum": ["a", 1] }), json!("b"), "must be one of a, 1"),
            (json!({ "const": "a" }), json!("b"), "must be a"),
            (json!({ "contains": { "const": 1 } }), json!([2]), "lacks a required entry"),
            (json!(false), json!(1), "must be left empty"),
            (json!({ "not": {} }), json!(1), "is not allowed"),
            (json!({ "not": {}, "description": "Leave it out." }), json!(1), "is not allowed: Leave it out."),
            (json!({ "not": {}, "description": "  " }), json!(1), "is not allowed"),
        ] {
            assert_eq!(complaint(property, value), words);
        }
    }

    #[test]
    fn a_format_is_shown_by_what_it_asks_for() {
        for (format, words) in [
            ("email", "must be an email address"),
            ("uri", "must be a web address that begins with https://"),
            ("iri", "must be a web address that begins with https://"),
            ("date", "must be a date: 2026-05-03"),
            ("date-time", "must be a date and a time: 2026-05-03T14:00:00Z"),
            ("time", "must be a time of day: 14:00:00Z"),
            ("ipv4", "must be a valid ipv4"),
        ] {
            assert_eq!(complaint(json!({ "type": "string", "format": format }), json!("http://[x")), words, "{format}");
        }
        let pattern = |more: Value| {
            let mut property = json!({ "type": "string", "pattern": "^[0-9]+$" });
            property.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            complaint(property, json!("x"))
        };
        assert_eq!(pattern(json!({})), "is not in the expected format");
        assert_eq!(pattern(json!({ "description": "Digits." })), "is not in the expected format: Digits.");
        let with_example = json!({ "description": "Digits.", "examples": ["42"] });
        assert_eq!(pattern(with_example), "is not in the expected format, for example 42");
    }

    #[test]
    fn a_choice_is_told_by_its_titles() {
        let choice = json!({ "oneOf": [{ "const": 1, "title": "Low" }, { "const": 2 }] });
        assert_eq!(complaint(choice, json!(3)), "must be one of Low, 2");
        let forms = json!({ "anyOf": [{ "type": "integer" }, { "type": "boolean" }], "description": "A count." });
        assert_eq!(complaint(forms, json!({})), "does not fit any of the allowed forms: A count.");
        let several = json!({ "oneOf": [{ "minimum": 1 }, { "minimum": 2 }], "description": "One." });
        assert_eq!(complaint(several, json!(3)), "fits several of the allowed forms: One.");
    }

    #[test]
    fn a_type_is_told_in_words() {
        for (name, words) in [
            ("number", "must be a number"),
            ("integer", "must be a whole number"),
            ("boolean", "must be yes or no (true or false)"),
            ("array", "must be a list"),
            ("object", "must have fields of its own"),
            ("null", "must be empty"),
        ] {
            assert_eq!(complaint(json!({ "type": name }), json!("x")), words);
        }
        assert_eq!(complaint(json!({ "type": "string" }), json!(1)), "must be a text");
    }

    #[test]
    fn the_words_are_those_of_the_place() {
        let items = json!({ "items": { "properties": { "a/b": { "not": {}, "description": "Inner." } } } });
        let found = complaint(items, json!([{ "a/b": 2 }]));
        assert!(found.contains("is not allowed: Inner."), "{found}");
        let schema = json!({ "$defs": { "n": { "not": {}, "description": "By name." } } , "properties": { "field": { "$ref": "#/$defs/n" } } });
        let found =
            check(&schema, json!({ "field": 1 }).as_object().unwrap(), None, true, Language::English).unwrap_err();
        assert_eq!(found["field"], "is not allowed: By name.");
    }
}
