//! JSON Schema in the words that every host of the Model Context Protocol accepts.
//!
//! Some hosts refuse a whole list of tools because of one keyword in one schema. So each part of a schema has one type.
//! It has no references, no choices between types, no formats and no patterns.

use serde_json::{Map, Value, json};

use crate::openapi::inlined;

/// The deepest object that the schema of an argument describes. Deeper ones are open objects.
const MAX_DEPTH: usize = 6;
/// The deepest object that the schema of a large argument describes.
const OUTLINE_DEPTH: usize = 3;

/// Keywords that keep their meaning.
const KEPT: [&str; 7] = ["description", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"];

/// Returns the plain schema of an argument. A null means the same as an absent argument, so nulls are left out.
pub(super) fn argument(schema: &Value) -> Value {
    plain(&inlined(schema), MAX_DEPTH)
}

/// Returns the plain schema of a large argument without its innermost objects.
pub(super) fn outline(schema: &Value) -> Value {
    plain(&inlined(schema), OUTLINE_DEPTH)
}

/// Returns the plain schema of a result: the fields of an object, without what is inside them. A field that may be null
/// has no type, because a client would refuse the null.
pub(super) fn result(schema: &Value) -> Value {
    let whole = inlined(schema);
    let fields = whole["properties"].as_object().into_iter().flatten();
    let fields: Map<String, Value> = fields.map(|(name, schema)| (name.clone(), result_field(schema))).collect();
    let mut shape = json!({ "type": "object", "properties": fields });
    shape["required"] = whole.get("required").cloned().unwrap_or_else(|| json!([]));
    shape
}

fn result_field(schema: &Value) -> Value {
    let mut field = Map::new();
    let is_single = schema["type"].is_string() && schema.get("anyOf").is_none();
    if let Some(kind) = schema.get("type").filter(|_| is_single) {
        field.insert("type".to_owned(), kind.clone());
        if kind == "array" {
            field.insert("items".to_owned(), element(&schema["items"]));
        }
    }
    if let Some(about) = schema.get("description") {
        field.insert("description".to_owned(), about.clone());
    }
    field.into()
}

fn element(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some(kind) => json!({ "type": kind }),
        None => json!({}),
    }
}

fn plain(schema: &Value, depth: usize) -> Value {
    let chosen = chosen(schema);
    let mut words = Map::new();
    words.insert("type".to_owned(), kind(&chosen).into());
    for word in KEPT {
        // A description beside a choice describes the field; one inside describes the type.
        let found = schema.get(word).or_else(|| chosen.get(word));
        if let Some(value) = found.filter(|_| fits(word, kind(&chosen))) {
            words.insert(word.to_owned(), value.clone());
        }
    }
    match kind(&chosen) {
        "string" => {
            let texts: Vec<&Value> = choices(&chosen);
            if !texts.is_empty() {
                words.insert("enum".to_owned(), json!(texts));
            }
        }
        "array" => {
            let items = chosen.get("items").filter(|items| items.is_object());
            let items =
                items.map_or_else(|| json!({ "type": "string" }), |items| plain(items, depth.saturating_sub(1)));
            words.insert("items".to_owned(), items);
        }
        "object" if depth > 0 => {
            let fields = chosen["properties"].as_object().into_iter().flatten();
            let fields: Map<String, Value> =
                fields.map(|(name, schema)| (name.clone(), plain(schema, depth - 1))).collect();
            if !fields.is_empty() {
                words.insert("properties".to_owned(), fields.into());
                let required = chosen.get("required").filter(|names| names.as_array().is_some_and(|n| !n.is_empty()));
                if let Some(names) = required {
                    words.insert("required".to_owned(), names.clone());
                }
            }
        }
        _ => {}
    }
    words.into()
}

/// Returns the part of a choice that stands for all: the text if there is one, else the first that is not null. Objects
/// are merged, and no field of theirs is required.
fn chosen(schema: &Value) -> Value {
    let parts = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema[*word].as_array());
    let Some(parts) = parts else { return schema.clone() };
    let parts: Vec<Value> = parts.iter().filter(|part| part["type"] != "null").map(chosen).collect();
    match parts.as_slice() {
        [] => json!({}),
        [one] => one.clone(),
        many if many.iter().all(|part| kind(part) == "object") => {
            let fields = many.iter().filter_map(|part| part["properties"].as_object()).flatten();
            // A field of any type would be shown as an object here, which it seldom is.
            let fields = fields
                .filter(|(_, field)| ["type", "anyOf", "const", "enum"].iter().any(|word| field.get(*word).is_some()));
            let mut merged: Map<String, Value> = Map::new();
            for (name, field) in fields {
                merged.entry(name.clone()).or_insert_with(|| field.clone());
            }
            json!({ "type": "object", "properties": merged })
        }
        // An open text beside known words is any text.
        many if many.iter().all(|part| kind(part) == "string") => {
            many.iter().find(|part| choices(part).is_empty()).unwrap_or(&many[0]).clone()
        }
        many => many.iter().find(|part| kind(part) != "string").unwrap_or(&many[0]).clone(),
    }
}

/// Returns the one type of a schema. A value of any type becomes an object.
fn kind(schema: &Value) -> &str {
    let listed = schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| **kind != "null"));
    match schema["type"].as_str().or_else(|| listed?.as_str()) {
        Some(kind) => kind,
        None if schema["enum"].is_array() || schema["const"].is_string() => "string",
        None if schema["items"].is_object() => "array",
        None => "object",
    }
}

/// Returns the words of a closed set.
fn choices(schema: &Value) -> Vec<&Value> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    listed.chain(schema.get("const")).filter(|word| word.is_string()).collect()
}

fn fits(word: &str, kind: &str) -> bool {
    match word {
        "minimum" | "maximum" => matches!(kind, "integer" | "number"),
        "minLength" | "maxLength" => kind == "string",
        "minItems" | "maxItems" => kind == "array",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_one_type_everywhere() {
        for (schema, expected) in [
            (json!(true), json!({ "type": "object" })),
            (json!({ "description": "Any value." }), json!({ "type": "object", "description": "Any value." })),
            (json!({ "type": ["string", "null"], "format": "uuid" }), json!({ "type": "string" })),
            (
                json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string" }, { "type": "null" }] }),
                json!({ "type": "integer", "minimum": 1 }),
            ),
            (
                json!({ "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "string" }] }),
                json!({ "type": "string" }),
            ),
            (json!({ "const": "a" }), json!({ "type": "string", "enum": ["a"] })),
            (json!({ "type": "array" }), json!({ "type": "array", "items": { "type": "string" } })),
            (
                json!({ "anyOf": [{ "type": "object", "properties": { "a": { "type": "integer" }, "b": true }, "required": ["a"] }, { "type": "object" }] }),
                json!({ "type": "object", "properties": { "a": { "type": "integer" } } }),
            ),
        ] {
            assert_eq!(argument(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_result_describes_its_fields_and_leaves_nulls_open() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "string", "format": "uuid" }, "b": { "type": ["string", "null"], "description": "B." },
            "c": { "type": "array", "items": { "type": "object", "properties": { "d": true } } },
        } });
        let expected = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "string" }, "b": { "description": "B." }, "c": { "type": "array", "items": { "type": "object" } },
        } });
        assert_eq!(result(&schema), expected);
    }
}
