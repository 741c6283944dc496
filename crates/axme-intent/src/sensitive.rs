//! Sensitive fields: those that a schema marks with `x-sensitive`. Mail and other copies of a payload show a mark in their
//! place.

use axme_types::{Json, JsonFields};
use serde_json::Value;

/// The mark in the place of a value.
pub const MASK: &str = "•••";
/// The word that marks a field of a schema.
const WORD: &str = "x-sensitive";
/// The deepest level of a payload that is looked at. Deeper values are masked as a whole.
const MAX_DEPTH: usize = 32;

/// Returns a payload without the values that a schema marks as sensitive. Numbers keep their text.
pub fn masked(schema: &Value, payload: &Json) -> Json {
    Masking { root: schema }.masked(&[schema], payload, 0)
}

/// True if a schema is marked as sensitive itself.
pub(crate) fn is_marked(schema: &Value) -> bool {
    schema[WORD] == true
}

struct Masking<'a> {
    root: &'a Value,
}

impl<'a> Masking<'a> {
    /// Masks a value that all of the given schemas describe.
    fn masked(&self, schemas: &[&'a Value], value: &Json, depth: usize) -> Json {
        let schemas = self.parts(schemas);
        if schemas.is_empty() {
            return value.clone();
        }
        if depth > MAX_DEPTH || schemas.iter().copied().any(is_marked) {
            return MASK.into();
        }
        if let Some(fields) = value.fields() {
            let mut shown = JsonFields::new();
            for (name, value) in fields.iter() {
                shown.set(name, self.masked(&of_field(&schemas, name), value, depth + 1));
            }
            return shown.into();
        }
        match value.read::<Vec<Json>>() {
            Ok(items) => {
                let of_items: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
                Json::of(&items.iter().map(|item| self.masked(&of_items, item, depth + 1)).collect::<Vec<Json>>())
            }
            Err(_) => value.clone(),
        }
    }

    /// Returns the objects among some schemas, with those that they refer to or are made of.
    fn parts(&self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let mut found: Vec<&'a Value> = Vec::new();
        let mut rest: Vec<&'a Value> = schemas.to_vec();
        while let Some(schema) = rest.pop() {
            if !schema.is_object() || found.iter().any(|known| std::ptr::eq(*known, schema)) {
                continue;
            }
            found.push(schema);
            let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|word| schema[word].as_array());
            rest.extend(lists.flatten());
            rest.extend(["if", "then", "else"].into_iter().filter_map(|word| schema.get(word)));
            let pointer = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
            rest.extend(pointer.and_then(|pointer| self.root.pointer(pointer)));
        }
        found
    }
}

/// Returns the schemas of a field.
fn of_field<'a>(schemas: &[&'a Value], name: &str) -> Vec<&'a Value> {
    let of = |schema: &&'a Value| {
        let named = schema.get("properties").and_then(|fields| fields.get(name));
        named.or_else(|| schema.get("additionalProperties"))
    };
    schemas.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sensitive_fields_are_masked_wherever_they_are() {
        let schema = json!({
            "$defs": { "account": { "properties": { "iban": { "x-sensitive": true }, "bank": {} } } },
            "properties": {
                "pin": { "type": "string", "x-sensitive": true },
                "to": { "$ref": "#/$defs/account" },
                "parts": { "items": { "allOf": [{ "$ref": "#/$defs/account" }] } },
                "whole": { "x-sensitive": true, "properties": { "a": {} } },
                "open": { "x-sensitive": false },
                "extra": { "additionalProperties": { "x-sensitive": true } },
            },
        });
        let payload = Json::parse(
            r#"{"pin":"1234","amount":1.50,"to":{"iban":"DE1","bank":"b"},"parts":[{"iban":5},{"bank":"c"}],"whole":{"a":1},
            "open":"o","extra":{"any":[1,2]},"other":{"pin":"kept"}}"#,
        );
        let shown = masked(&schema, &payload.unwrap());
        assert_eq!(
            shown.text().replace('\n', "").replace("            ", ""),
            "{\"pin\":\"•••\",\"amount\":1.50,\"to\":{\"iban\":\"•••\",\"bank\":\"b\"},\"parts\":[{\"iban\":\"•••\"},{\"bank\":\"c\"}],\
             \"whole\":\"•••\",\"open\":\"o\",\"extra\":{\"any\":\"•••\"},\"other\":{\"pin\":\"kept\"}}"
        );
        assert_eq!(masked(&json!({}), &Json::of(&json!({ "pin": 1 }))).text(), "{\"pin\":1}");
        assert_eq!(masked(&json!({ "x-sensitive": true }), &Json::of(&json!({ "pin": 1 }))).text(), "\"•••\"");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({ "properties": { "next": { "$ref": "#" }, "pin": { "x-sensitive": true } } });
        let mut payload = json!({ "pin": 1 });
        for _ in 0..60 {
            payload = json!({ "next": payload, "pin": 1 });
        }
        let shown = masked(&schema, &Json::of(&payload));
        assert!(!shown.text().contains("\"pin\":1"), "{}", shown.text());
    }

    #[test]
    fn values_are_looked_at_down_to_the_deepest_level_and_masked_below() {
        // Every level is an object or a list, by turns or alone.
        let schema = json!({ "properties": { "a": { "$ref": "#" } }, "items": { "$ref": "#" } });
        for wrap in [|value: Value| json!({ "a": value }), |value: Value| json!([value])] {
            let nested = |levels: usize| (0..levels).fold(json!("seen"), |value, _| wrap(value));
            assert_eq!(masked(&schema, &Json::of(&nested(MAX_DEPTH))), Json::of(&nested(MAX_DEPTH)));
            let shown = masked(&schema, &Json::of(&nested(MAX_DEPTH + 1)));
            assert!(!shown.text().contains("seen") && shown.text().contains(MASK), "{shown}");
        }
    }

    #[test]
    fn a_schema_that_is_only_itself_ends() {
        assert_eq!(masked(&json!({ "$ref": "#" }), &Json::of(&json!({ "pin": 1 }))).text(), "{\"pin\":1}");
    }
}
