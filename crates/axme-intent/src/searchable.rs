//! Searchable fields: those that a schema marks with `x-searchable`. A new intent keeps their values beside it, as
//! attributes by which lists find it.
//!
//! The name of an attribute is the path of its field, with dots between. Its value is text: of a number as it is
//! written, and `true` or `false` of a truth value. A list, an object, null or a longer text is not an attribute.

use std::collections::BTreeMap;

use axme_types::Json;
use serde_json::Value;

use crate::sensitive::{self, MASK};

/// The most searchable fields of a schema.
pub const MAX_ATTRIBUTES: usize = 8;
/// The longest name of an attribute, in characters.
pub const MAX_NAME_CHARS: usize = 128;
/// The longest value of an attribute, in characters.
pub const MAX_VALUE_CHARS: usize = 128;
/// The word that marks a field of a schema.
const WORD: &str = "x-searchable";

/// The attributes of an intent: values by name.
pub type Attributes = BTreeMap<String, String>;

/// Checks the marks of a schema. The error says what is wrong with them.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    let fields = declared(schema);
    if marks(schema) > fields.len() {
        return Err(format!(
            "{WORD} marks a field under \"properties\" only, without a list or a reference on its path"
        ));
    }
    if fields.len() > MAX_ATTRIBUTES {
        return Err(format!("{WORD} marks {} fields, at most {MAX_ATTRIBUTES} are allowed", fields.len()));
    }
    for (path, field) in fields {
        let is_word =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !path.iter().all(is_word) || path.join(".").len() > MAX_NAME_CHARS {
            let name = path.join(".");
            return Err(format!(
                "{name}: a searchable field has a name of letters, digits, '_' and '-', at most {MAX_NAME_CHARS}"
            ));
        }
        if field["type"] == "object" || field["type"] == "array" {
            return Err(format!("{}: a searchable field is a text, a number or true or false", path.join(".")));
        }
        if sensitive::is_marked(field) {
            return Err(format!("{}: a sensitive field cannot be searchable", path.join(".")));
        }
    }
    Ok(())
}

/// Returns the attributes that schemas declare for a payload. A value that one of them marks as sensitive is left out.
pub fn attributes<'a>(schemas: impl Iterator<Item = &'a Value> + Clone, payload: &Json) -> Attributes {
    let fields: Vec<Vec<&str>> = schemas.clone().flat_map(declared).map(|(path, _)| path).collect();
    if fields.is_empty() {
        return Attributes::new();
    }
    let shown = schemas.fold(payload.clone(), |payload, schema| sensitive::masked(schema, &payload));
    let of = |path: Vec<&str>| {
        let value = path.iter().try_fold(shown.clone(), |value, part| value.field(part))?;
        Some((path.join("."), text(&value)?))
    };
    fields.into_iter().filter_map(of).collect()
}

/// Returns the text of a value by which it is found.
fn text(value: &Json) -> Option<String> {
    let text = match value.string() {
        Some(text) => text,
        None if value.is_null() || value.text().starts_with(['{', '[']) => return None,
        None => value.text().to_owned(),
    };
    // PostgreSQL stores no NUL.
    let fits = text.chars().count() <= MAX_VALUE_CHARS && !text.contains('\0') && text != MASK;
    fits.then_some(text)
}

/// Returns the marked fields under `properties`, each with its path.
fn declared(schema: &Value) -> Vec<(Vec<&str>, &Value)> {
    let mut found = Vec::new();
    let mut rest = vec![(Vec::new(), schema)];
    while let Some((path, schema)) = rest.pop() {
        if !path.is_empty() && schema[WORD] == true {
            found.push((path.clone(), schema));
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let mut path: Vec<&str> = path.clone();
            path.push(name);
            rest.push((path, field));
        }
    }
    found
}

/// Counts the marks anywhere in a schema.
fn marks(schema: &Value) -> usize {
    let mut count = 0;
    let mut rest = vec![schema];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(fields) => {
                count += usize::from(fields.get(WORD).is_some_and(|mark| *mark == true));
                rest.extend(fields.values());
            }
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn marked(more: Value) -> Value {
        let mut field = json!({ "x-searchable": true });
        field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        field
    }

    #[test]
    fn attributes_are_the_values_as_they_are_written() {
        let schema = json!({ "properties": {
            "order": marked(json!({ "type": "string" })), "amount": marked(json!({})), "paid": marked(json!({})),
            "customer": { "properties": { "id": marked(json!({})), "name": {} } },
            "list": marked(json!({})), "none": marked(json!({})), "open": { "x-searchable": false },
        } });
        check_schema(&schema).unwrap();
        let payload = Json::parse(
            r#"{"order":"A=\u00e9 1","amount":1.50,"paid":true,"customer":{"id":18446744073709551617,"name":"n"},"list":[1],
            "none":null,"open":"o"}"#,
        );
        let found = attributes([&schema].into_iter(), &payload.unwrap());
        let expected =
            [("amount", "1.50"), ("customer.id", "18446744073709551617"), ("order", "A=é 1"), ("paid", "true")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(attributes([&json!({})].into_iter(), &Json::of(&json!({ "order": "A" }))).is_empty());
    }

    #[test]
    fn long_and_sensitive_values_are_left_out() {
        let schema = json!({ "properties": { "a": marked(json!({})) } });
        let count = |value: &str| attributes([&schema].into_iter(), &Json::of(&json!({ "a": value }))).len();
        assert_eq!([count(&"ü".repeat(MAX_VALUE_CHARS)), count(&"ü".repeat(MAX_VALUE_CHARS + 1))], [1, 0]);
        assert_eq!([count(""), count("a\0b")], [1, 0]);
        let other = json!({ "properties": { "a": { "x-sensitive": true } } });
        assert!(attributes([&schema, &other].into_iter(), &Json::of(&json!({ "a": "pin" }))).is_empty());
    }

    #[test]
    fn a_mark_that_would_find_nothing_is_refused() {
        let many = |count: usize| {
            let fields = (0..count).map(|number| (format!("f{number}"), marked(json!({}))));
            json!({ "properties": fields.collect::<serde_json::Map<String, Value>>() })
        };
        check_schema(&many(MAX_ATTRIBUTES)).unwrap();
        for schema in [
            many(MAX_ATTRIBUTES + 1),
            marked(json!({})),
            json!({ "items": { "properties": { "a": marked(json!({})) } } }),
            json!({ "$defs": { "d": { "properties": { "a": marked(json!({})) } } }, "properties": { "d": { "$ref": "#/$defs/d" } } }),
            json!({ "properties": { "a": marked(json!({ "type": "array" })) } }),
            json!({ "properties": { "a": marked(json!({ "x-sensitive": true })) } }),
            json!({ "properties": { "a b": marked(json!({})) } }),
            json!({ "properties": { "a.b": marked(json!({})) } }),
            json!({ "properties": { "a".repeat(MAX_NAME_CHARS + 1): marked(json!({})) } }),
        ] {
            assert!(check_schema(&schema).is_err(), "{schema}");
        }
    }
}
