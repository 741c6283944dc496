//! Parts of the OpenAPI document that operations and plain routes share: errors by status, callers, references.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ErrorCode;
use crate::op::Access;

/// Returns the response of each status that belongs to one of the codes.
pub(crate) fn error_responses(codes: Vec<ErrorCode>) -> impl Iterator<Item = (u16, Value)> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.kind().http_status()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| {
        let lines: Vec<String> = codes.iter().map(|code| format!("- `{code}`: {}", code.meaning())).collect();
        let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let error = json!({
            "description": lines.join("\n"),
            "x-error-codes": words,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
        (status, error)
    })
}

pub(crate) fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Person => json!([{ "bearer": [] }]),
        Access::Newcomer => json!([{}, { "bearer": [] }]),
        Access::Key | Access::Role | Access::Admin => json!([{ "key": [] }, { "bearer": [] }]),
    }
}

pub(crate) fn error_schema() -> Value {
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "The body of every error.",
        "required": ["ok", "error", "detail", "message"],
        "properties": {
            "ok": { "const": false, "description": "Always false." },
            "error": {
                "type": "object",
                "description": "The error for programs.",
                "required": ["code", "message", "details"],
                "properties": {
                    "code": { "type": "string", "enum": codes, "description": "The kind of error; docs/errors.md explains each." },
                    "message": { "type": "string", "description": "The fault and what to do about it, for people." },
                    "details": { "type": "object", "description": "Facts for programs, such as `retry_after_seconds`." },
                },
            },
            "detail": { "type": "string", "description": "The same text as `error.message`." },
            "message": { "type": "string", "description": "The same text as `error.message`." },
        },
    })
}

/// Says of a parameter with a list of words that the words are one text with commas between them.
pub(crate) fn join_words(parameter: &mut Value) {
    if parameter["in"] == "query" && parameter["schema"]["items"].get("enum").is_some() {
        parameter["style"] = "form".into();
        parameter["explode"] = false.into();
    }
}

/// Returns the schema to which `schema` refers, or `schema` if it refers to none.
pub(crate) fn resolved<'a>(schema: &'a Value, generator: &'a schemars::SchemaGenerator) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name)).unwrap_or(schema)
}
