//! The OpenAPI 3.1 document of this API, as committed in `spec/openapi.json`. A test checks that it equals the table.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::op::{Input, OpInfo};

/// The text of the document.
pub const OPENAPI: &str = include_str!("../../../spec/openapi.json");

/// The purpose of the API, for people.
pub const PURPOSE: &str = "With this API, a program submits an intent once and gets its result later. Until then the server \
                           delivers the intent to agents, asks people, and enforces deadlines. Requests and answers are \
                           JSON over HTTP, and an answer to a change means that the change is stored.";

/// Returns the document. The first call parses it.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(OPENAPI).expect("a test compares the committed document with the table"));
    &DOCUMENT
}

/// One field of an operation's input.
pub struct Field {
    /// The name of the field.
    pub name: &'static str,
    /// The JSON Schema of the field. It may refer to others in [`document`].
    pub schema: &'static Value,
    /// True if the input must have the field.
    pub is_required: bool,
}

/// Returns the fields of an operation's input: those of the path, then those of the query or the body. The body of an
/// operation with [`Input::RawBody`] is one field, `body`. With a body, the fields of the query repeat those of the body.
pub fn input_fields(info: &OpInfo) -> Vec<Field> {
    let method = info.method.as_str().to_ascii_lowercase();
    let described = &document()["paths"][info.path.replace("{*", "{")][method];
    let request = &described["requestBody"];
    let parameters = described["parameters"].as_array().into_iter().flatten();
    let mut fields: Vec<Field> = parameters
        .filter(|parameter| parameter["in"] == "path" || (parameter["in"] == "query" && request.is_null()))
        .filter_map(|parameter| {
            let name = parameter["name"].as_str()?;
            Some(Field { name, schema: &parameter["schema"], is_required: parameter["required"] == true })
        })
        .collect();
    let body = &request["content"]["application/json"]["schema"];
    match info.input {
        Input::RawBody => fields.push(Field { name: "body", schema: body, is_required: request["required"] == true }),
        Input::Flat => {
            let required = body["required"].as_array();
            let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
            let properties = body["properties"].as_object().into_iter().flatten();
            fields.extend(properties.map(|(name, schema)| Field { name, schema, is_required: is_required(name) }));
        }
    }
    fields
}

/// Returns the schema with all references replaced by their targets. A type inside itself becomes any value.
pub fn inlined(schema: &Value) -> Value {
    inline(schema, &mut Vec::new())
}

fn inline(schema: &Value, open: &mut Vec<String>) -> Value {
    match schema {
        Value::Object(words) => match words.get("$ref").and_then(Value::as_str) {
            Some(target) => {
                let mut whole = definition(target, open);
                // Keywords beside a reference override those of its target.
                for (word, value) in words.iter().filter(|(word, _)| *word != "$ref") {
                    whole.insert(word.clone(), inline(value, open));
                }
                Value::Object(whole)
            }
            None => words.iter().map(|(word, value)| (word.clone(), inline(value, open))).collect(),
        },
        Value::Array(items) => items.iter().map(|item| inline(item, open)).collect(),
        other => other.clone(),
    }
}

fn definition(target: &str, open: &mut Vec<String>) -> Map<String, Value> {
    let found = target.strip_prefix('#').and_then(|path| document().pointer(path));
    let Some(found) = found.filter(|_| !open.iter().any(|name| name == target)) else { return Map::new() };
    open.push(target.to_owned());
    let whole = inline(found, open);
    open.pop();
    match whole {
        Value::Object(words) => words,
        _ => Map::new(),
    }
}
