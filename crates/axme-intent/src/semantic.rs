//! Semantic schemas: what the payload of an intent type must look like (`spec/protocol.md` §2.10). They have the limits
//! of forms: no outside references, no recursion, patterns in linear time.

use axme_types::schemas::CompatibilityMode;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::form::{self, MAX_ERRORS_LISTED, MAX_LOOKS, MAX_SCHEMA_BYTES};
use crate::searchable;

/// The longest error, in characters.
const MAX_COMPLAINT_CHARS: usize = 300;

/// Checks a semantic schema. The error says what is wrong with it.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    let bytes = schema.to_string().len();
    if bytes > MAX_SCHEMA_BYTES {
        return Err(format!("has {bytes} bytes of JSON, at most {MAX_SCHEMA_BYTES} are allowed"));
    }
    let schema = nameless(schema);
    form::parts(&schema)?;
    form::compile(&schema).map(|_| ())?;
    searchable::check_schema(&schema)
}

/// Returns what is wrong with a payload under `mode`.
pub fn complaints(schema: &Value, payload: &Value, mode: CompatibilityMode) -> Vec<String> {
    let schema = nameless(schema);
    match form::parts(&schema) {
        Ok(parts) if parts.saturating_mul(form::values(payload) + 1) > MAX_LOOKS => {
            return vec!["payload: has too many values for its schema".to_owned()];
        }
        Ok(_) => {}
        Err(why) => return vec![format!("the schema {why}")],
    }
    let validator = match form::compile(&schema) {
        Ok(validator) => validator,
        Err(why) => return vec![format!("the schema {why}")],
    };
    let is_unknown_field = |kind: &ValidationErrorKind| {
        use ValidationErrorKind::{AdditionalProperties, UnevaluatedProperties};
        matches!(kind, AdditionalProperties { .. } | UnevaluatedProperties { .. })
    };
    let counts = |kind: &ValidationErrorKind| mode != CompatibilityMode::Backward || !is_unknown_field(kind);
    let found = validator.iter_errors(payload).filter(|error| counts(error.kind()));
    let text = |error: jsonschema::ValidationError<'_>| {
        // The error may show the whole value.
        format!("payload{}: {error}", error.instance_path()).chars().take(MAX_COMPLAINT_CHARS).collect()
    };
    found.take(MAX_ERRORS_LISTED).map(text).collect()
}

/// Removes the `$id` that a schema usually has. Nothing resolves it.
fn nameless(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$id");
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_is_as_free_as_its_mode_lets_it_be() {
        let schema = json!({
            "$id": "https://example.com/order", "type": "object", "required": ["n"], "additionalProperties": false,
            "properties": { "n": { "type": "integer" } },
        });
        check_schema(&schema).unwrap();
        let count = |payload: Value, mode| complaints(&schema, &payload, mode).len();
        for mode in CompatibilityMode::ALL.iter().copied() {
            assert_eq!(count(json!({ "n": 1 }), mode), 0);
            assert_eq!(count(json!({ "n": "1" }), mode), 1);
            assert_eq!(count(json!({}), mode), 1);
        }
        let more = json!({ "n": 1, "more": true });
        assert_eq!(count(more.clone(), CompatibilityMode::Strict), 1);
        assert_eq!(count(more.clone(), CompatibilityMode::Backward), 0);
        assert_eq!(count(more, CompatibilityMode::Warn), 1);
    }

    #[test]
    fn a_schema_stays_within_itself() {
        for schema in [
            json!({ "$ref": "https://example.com/other" }),
            json!({ "$ref": "#" }),
            json!({ "properties": { "a": { "$id": "https://example.com/other" } } }),
            json!({ "type": "nonsense" }),
            json!({ "description": "x".repeat(MAX_SCHEMA_BYTES) }),
        ] {
            assert!(check_schema(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_schema_may_be_as_long_as_the_limit_and_no_longer() {
        let rest = MAX_SCHEMA_BYTES - json!({ "description": "" }).to_string().len();
        check_schema(&json!({ "description": "x".repeat(rest) })).unwrap();
        assert!(check_schema(&json!({ "description": "x".repeat(rest + 1) })).is_err());
    }

    #[test]
    fn the_work_of_a_check_is_bounded() {
        let schema = json!({ "items": {}, "minItems": 1, "maxItems": 1_000_000 });
        let parts = usize::try_from(form::parts(&schema).unwrap()).unwrap();
        // The list itself is a value as well.
        let most = usize::try_from(MAX_LOOKS).unwrap() / parts - 2;
        let count = |items: usize| complaints(&schema, &json!(vec![0; items]), CompatibilityMode::Strict).len();
        assert_eq!([count(most), count(most + 1)], [0, 1]);
    }
}
