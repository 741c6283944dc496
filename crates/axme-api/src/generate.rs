//! Generates `spec/openapi.json` from the table and its types. Only the chores and the tests do; the server and the
//! command line read the document that is committed ([`crate::openapi`]).

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::op::{Access, AnyOp, Input, Method, path_fields};

/// The table as an OpenAPI 3.1 document. Stable: the same table always prints the same text.
pub fn document() -> Value {
    let mut generator =
        SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for op in crate::table() {
        let info = op.info();
        let described = describe(op, &mut generator);
        let entry = paths.entry(info.path.replace("{*", "{")).or_insert_with(|| json!({}));
        entry[info.method.as_str().to_ascii_lowercase()] = described;
    }
    for route in crate::routes() {
        let parameters: Vec<Value> = path_fields(route.path).map(path_parameter).collect();
        let entry = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        let method = route.method.as_str().to_ascii_lowercase();
        let name = route.path.trim_matches('/').replace(['/', '{', '}', '*'], "_");
        entry[&method] = json!({
            "operationId": if method == "get" { name } else { format!("{name}_{method}") },
            "summary": route.about,
            "parameters": parameters,
            "security": security(route.access),
            "responses": { "200": { "description": "OK" }, "default": { "description": "Error" } },
        });
    }
    paths.sort_keys();
    let mut schemas: Map<String, Value> = generator.take_definitions(true);
    schemas.insert("Error".to_owned(), error_schema());
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": { "title": "AXME", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "MIT OR Apache-2.0" } },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "x-api-key" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

fn describe(op: &dyn AnyOp, generator: &mut schemars::SchemaGenerator) -> Value {
    let info = op.info();
    let input = resolved(op.input_schema(generator), generator);
    let output = op.output_schema(generator);
    let in_path: Vec<&str> = info.path_fields().collect();
    let mut parameters: Vec<Value> = in_path.iter().map(|name| path_parameter(name)).collect();
    let properties = input.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required: Vec<&str> =
        input.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let rest = properties.iter().filter(|(name, _)| !in_path.contains(&name.as_str()));
    let (mut body, mut is_needed) = (None, false);
    match (info.method, info.input) {
        (Method::Get | Method::Delete, _) => {
            parameters.extend(rest.map(|(name, schema)| {
                json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()), "schema": schema })
            }));
        }
        (_, Input::RawBody) => {
            body = Some(properties.get("body").cloned().unwrap_or_else(|| json!({ "type": "object" })));
            is_needed = required.contains(&"body");
        }
        (_, Input::Flat) => {
            let fields: Map<String, Value> = rest.map(|(name, schema)| (name.clone(), schema.clone())).collect();
            let needed: Vec<&str> = required.iter().filter(|name| !in_path.contains(name)).copied().collect();
            is_needed = !needed.is_empty();
            body = Some(json!({ "type": "object", "properties": fields, "required": needed }));
        }
    }
    if info.effect == crate::Effect::Write {
        parameters.push(
            json!({ "name": "Idempotency-Key", "in": "header", "required": false, "schema": { "type": "string" } }),
        );
    }
    let mut described = json!({
        "operationId": info.id,
        "tags": [info.id.split('.').next().unwrap_or_default()],
        "summary": info.about,
        "parameters": parameters,
        "security": security(info.access),
        "responses": {
            "200": { "description": "OK", "content": { "application/json": { "schema": output } } },
            "default": {
                "description": "Error",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    });
    if let Some(schema) = body {
        described["requestBody"] =
            json!({ "required": is_needed, "content": { "application/json": { "schema": schema } } });
    }
    described
}

/// The schema itself where `schema` is only a reference to it.
fn resolved(schema: schemars::Schema, generator: &schemars::SchemaGenerator) -> Value {
    let value = schema.to_value();
    let name = value.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name)).cloned().unwrap_or(value)
}

fn path_parameter(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Person => json!([{ "bearer": [] }]),
        Access::Key | Access::Role | Access::Admin => json!([{ "key": [] }, { "bearer": [] }]),
    }
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["ok", "error", "detail", "message"],
        "properties": {
            "ok": { "const": false },
            "error": {
                "type": "object",
                "required": ["code", "message", "details"],
                "properties": { "code": { "type": "string" }, "message": { "type": "string" }, "details": { "type": "object" } },
            },
            "detail": { "type": "string" },
            "message": { "type": "string" },
        },
    })
}
