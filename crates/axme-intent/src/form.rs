//! Forms: the JSON Schema (2020-12) that a person's answer must meet (contract `wire.md` §5.4).
//!
//! Answers come as text from command lines and web forms, so text is turned into what the schema asks for before it is
//! checked. Patterns run in linear time, and a schema that refers to anything outside itself is refused.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::Object;
use crate::human::truth;

/// The longest schema, in bytes of JSON.
pub const MAX_SCHEMA_BYTES: usize = 32_768;

/// Fields that one refusal names.
const MOST_COMPLAINTS: usize = 20;

/// What is wrong, by field; the empty name stands for the answer as a whole.
pub type Complaints = BTreeMap<String, String>;

/// Says what is wrong with a schema, if anything is.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Err("must be an object: a JSON Schema".to_owned());
    }
    let bytes = schema.to_string().len();
    if bytes > MAX_SCHEMA_BYTES {
        return Err(format!("has {bytes} bytes of JSON, at most {MAX_SCHEMA_BYTES} are accepted"));
    }
    compile(schema).map(|_| ())
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| format!("is no JSON Schema that can be used: {error}"))
}

/// The fields of an answer as the schema wants them, or what is wrong with them. `approved`, where the schema has it, follows
/// from the outcome. A no needs no field: only what was given is checked.
pub fn check(schema: &Value, data: &Object, is_positive: bool) -> Result<Object, Complaints> {
    let mut fields = data.clone();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(value) = fields.get_mut(name) {
            coerce(value, property);
        } else if name == "approved" && wants(property, "boolean") {
            fields.insert(name.clone(), is_positive.into());
        }
    }
    let validator = compile(schema).map_err(|why| Complaints::from([(String::new(), format!("the form {why}"))]))?;
    let answer = Value::Object(fields);
    let mut complaints = Complaints::new();
    for error in validator.iter_errors(&answer).take(MOST_COMPLAINTS) {
        let place = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
        let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        match error.kind() {
            ValidationErrorKind::Required { .. } if !is_positive && place.is_empty() => {}
            ValidationErrorKind::Required { property } => {
                complaints.insert(inside(property.as_str().unwrap_or_default()), "is required".to_owned());
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    complaints.insert(inside(name), "is no field of the form".to_owned());
                }
            }
            _ => {
                complaints.entry(place).or_insert_with(|| error.to_string());
            }
        }
    }
    match answer {
        Value::Object(fields) if complaints.is_empty() => Ok(fields),
        _ => Err(complaints),
    }
}

/// True when a property may have a type.
fn wants(property: &Value, wanted: &str) -> bool {
    match property.get("type") {
        Some(Value::String(name)) => name == wanted,
        Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
        _ => false,
    }
}

/// Turns text into what the property wants, where text it does not want. What cannot be turned stays, and is complained of.
fn coerce(value: &mut Value, property: &Value) {
    let Value::String(text) = &*value else { return };
    if wants(property, "string") {
        return;
    }
    let text = text.trim();
    let whole = || text.parse::<i64>().ok().filter(|_| wants(property, "integer") || wants(property, "number"));
    let number = || text.parse::<f64>().ok().filter(|n| n.is_finite() && wants(property, "number"));
    let flag = || truth(&Value::String(text.to_ascii_lowercase())).filter(|_| wants(property, "boolean"));
    let read = || {
        let parsed: Value = serde_json::from_str(text).ok()?;
        let is_wanted = (parsed.is_array() && wants(property, "array"))
            || (parsed.is_object() && wants(property, "object"))
            || (parsed.is_null() && wants(property, "null"));
        is_wanted.then_some(parsed)
    };
    let turned = whole().map(Value::from).or_else(|| number().map(Value::from)).or_else(|| flag().map(Value::from));
    if let Some(turned) = turned.or_else(read) {
        *value = turned;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["approved", "days", "confirmed"],
            "properties": {
                "approved": { "type": "boolean" }, "days": { "type": "integer", "minimum": 1, "maximum": 90 },
                "confirmed": { "type": "boolean" }, "rate": { "type": ["number", "null"] }, "notes": { "type": "string" },
                "tags": { "type": "array", "items": { "type": "string" } },
            },
            "additionalProperties": false,
        })
    }

    fn answer(fields: Value, is_positive: bool) -> Result<Value, Value> {
        let Value::Object(fields) = fields else { unreachable!("an object") };
        check(&schema(), &fields, is_positive).map(Value::Object).map_err(|complaints| json!(complaints))
    }

    #[test]
    fn text_becomes_what_the_schema_asks_for() {
        let given = json!({ "days": "30", "confirmed": "True", "rate": "1.5", "notes": "7", "tags": "[\"a\"]" });
        let read = json!({
            "approved": true, "days": 30, "confirmed": true, "rate": 1.5, "notes": "7", "tags": ["a"],
        });
        assert_eq!(answer(given, true), Ok(read));
        let given = json!({ "approved": "true", "days": 1, "confirmed": false, "rate": "null" });
        assert_eq!(answer(given, true).unwrap()["rate"], Value::Null);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let given = json!({ "days": "120", "rate": "much", "tags": [1], "other": 1 });
        let complaints = answer(given, true).unwrap_err();
        let names: Vec<&String> = complaints.as_object().unwrap().keys().collect();
        assert_eq!(names, ["confirmed", "days", "other", "rate", "tags.0"]);
        assert_eq!(
            (&complaints["confirmed"], &complaints["other"]),
            (&json!("is required"), &json!("is no field of the form"))
        );
        assert!(complaints["days"].as_str().unwrap().contains("90"), "{complaints}");
    }

    #[test]
    fn a_no_needs_no_field_but_what_is_given_counts() {
        assert_eq!(answer(json!({}), false), Ok(json!({ "approved": false })));
        assert!(answer(json!({ "days": 0 }), false).is_err());
    }

    #[test]
    fn a_schema_must_be_one_and_stay_at_home() {
        assert_eq!(check_schema(&json!({})), Ok(()));
        assert_eq!(check_schema(&schema()), Ok(()));
        let looped =
            json!({ "$defs": { "a": { "properties": { "b": { "$ref": "#/$defs/a" } } } }, "$ref": "#/$defs/a" });
        assert_eq!(check_schema(&looped), Ok(()));
        for wrong in [
            json!(5),
            json!({ "type": "nonsense" }),
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "properties": { "a": { "pattern": "(" } } }),
            json!({ "description": "x".repeat(MAX_SCHEMA_BYTES) }),
        ] {
            assert!(check_schema(&wrong).is_err(), "{wrong}");
        }
    }
}
