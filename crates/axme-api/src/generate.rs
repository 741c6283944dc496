//! Generates `spec/openapi.json` from the table and its types. Only the chores and the tests do; the server and the
//! command line read the document that is committed ([`crate::openapi`]).

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::bounds;
use crate::examples::Example;
use crate::op::{AnyOp, Input, Method, OpInfo, QUERY_FIELDS};
use crate::plain_routes;
use crate::responses::{error_responses, error_schema, join_words, resolved, security};

/// The table as an OpenAPI 3.1 document, with the examples of its operations. Stable: the same table and examples always
/// print the same text.
pub fn document(examples: &BTreeMap<String, Example>) -> Value {
    let mut generator =
        SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    let mut paths: Map<String, Value> = Map::new();
    let mut path_parameters: Vec<(&OpInfo, Vec<Value>)> = Vec::new();
    for op in crate::table() {
        let info = op.info();
        let described = describe(op, &mut generator, examples.get(info.id));
        let parameters = described["parameters"].as_array().into_iter().flatten();
        path_parameters.push((info, parameters.filter(|parameter| parameter["in"] == "path").cloned().collect()));
        let entry = paths.entry(info.path.replace("{*", "{")).or_insert_with(|| json!({}));
        entry[info.method.as_str().to_ascii_lowercase()] = described;
    }
    for route in crate::routes() {
        let parameter = |name: &'static str| like(route.path, name, &path_parameters);
        let described = plain_routes::describe(&route, &mut generator, parameter);
        let entry = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        entry[route.method.as_str().to_ascii_lowercase()] = described;
    }
    paths.sort_keys();
    let mut schemas: Map<String, Value> = generator.take_definitions(true);
    bounds::bound_answers(&paths, &mut schemas);
    schemas.insert("Error".to_owned(), error_schema());
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AXME",
            "version": env!("CARGO_PKG_VERSION"),
            "description": crate::openapi::PURPOSE,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "tags": crate::families::tags(),
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

fn describe(op: &dyn AnyOp, generator: &mut schemars::SchemaGenerator, example: Option<&Example>) -> Value {
    let info = op.info();
    let input = resolved(op.input_schema(generator).as_value(), generator).clone();
    let output = op.output_schema(generator);
    let in_path: Vec<&str> = info.path_fields().collect();
    let mut properties = input.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    if matches!(info.method, Method::Get | Method::Delete) {
        properties.values_mut().for_each(|schema| written_out(schema, generator));
    }
    let required: Vec<&str> =
        input.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let path_values: BTreeMap<&str, Value> = example
        .and_then(|example| example.path_fields(info))
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let mut parameters: Vec<Value> = Vec::new();
    for name in &in_path {
        let schema = properties.get(*name).map_or_else(|| json!({ "type": "string" }), without_null);
        parameters.push(parameter(name, "path", true, schema, path_values.get(name)));
    }
    let rest = properties.iter().filter(|(name, _)| !in_path.contains(&name.as_str()));
    let (mut body, mut is_needed) = (None, false);
    match (info.method, info.input) {
        (Method::Get | Method::Delete, _) => {
            parameters.extend(rest.map(|(name, schema)| {
                let value = example.and_then(|example| example.query.get(name));
                parameter(name, "query", required.contains(&name.as_str()), schema.clone(), value)
            }));
        }
        (_, Input::RawBody) => {
            let mut whole = properties.get("body").cloned().unwrap_or_else(|| json!({ "type": "object" }));
            // A fuzzer does not find the fields of a body behind a reference.
            written_out(&mut whole, generator);
            body = Some(whole);
            is_needed = required.contains(&"body");
        }
        (_, Input::Flat) => {
            let fields: Map<String, Value> = rest.map(|(name, schema)| (name.clone(), schema.clone())).collect();
            let needed: Vec<&str> = required.iter().filter(|name| !in_path.contains(name)).copied().collect();
            is_needed = !needed.is_empty();
            body = Some(json!({ "type": "object", "properties": fields, "required": needed }));
        }
    }
    if body.is_some() {
        let fields = QUERY_FIELDS.iter().filter_map(|name| Some((name, properties.get(*name)?)));
        let fields = fields.filter(|(name, _)| !in_path.contains(name));
        parameters.extend(fields.map(|(name, schema)| {
            let mut schema = schema.clone();
            written_out(&mut schema, generator);
            parameter(name, "query", false, schema, None)
        }));
    }
    // Every call compares it with the header.
    if !properties.contains_key("owner_agent") && !info.is_async {
        let about = "The owner for whom the caller acts. It must not differ from the header `x-owner-agent`.";
        let schema = json!({ "type": "string", "description": about });
        parameters.push(parameter("owner_agent", "query", false, schema, None));
    }
    if info.takes_idempotency_key() {
        parameters.push(idempotency_key());
    }
    let mut described = json!({
        "operationId": info.id,
        "tags": [info.id.split('.').next().unwrap_or_default()],
        "summary": info.about,
        "parameters": parameters,
        "security": security(info.access),
        "responses": responses(info, &output.to_value(), example, generator),
    });
    if let Some(schema) = body {
        let mut content = json!({ "schema": schema });
        if let Some(body) = example.and_then(|example| example.body.as_ref()) {
            content["example"] = body.clone();
        }
        described["requestBody"] = json!({ "required": is_needed, "content": { "application/json": content } });
    }
    described
}

/// A parameter. Its schema repeats the description, for readers of schemas alone.
fn parameter(name: &str, place: &str, is_required: bool, schema: Value, example: Option<&Value>) -> Value {
    let mut parameter = json!({ "name": name, "in": place, "required": is_required });
    if let Some(about) = schema.get("description") {
        parameter["description"] = about.clone();
    }
    parameter["schema"] = schema;
    join_words(&mut parameter);
    if let Some(example) = example {
        parameter["example"] = example.clone();
    }
    parameter
}

fn idempotency_key() -> Value {
    let about = "A key of the caller's own, in printable ASCII. The same key with the same request returns the first answer \
                 again for 48 hours.";
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false, "description": about,
        "schema": { "type": "string", "maxLength": 255 }, "example": "order-4711",
    })
}

/// Fields of paths that no operation has.
const ROUTE_FIELDS: [(&str, &str); 1] = [("page", "The name of the page: a family of operations, or `errors`.")];

/// Returns the parameter of a route's path: that of the operation with the most similar path.
fn like(path: &str, name: &str, known: &[(&OpInfo, Vec<Value>)]) -> Value {
    let words = |path: &str| -> BTreeSet<String> {
        path.split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let wanted = words(path);
    let similar = known.iter().rev().filter_map(|(info, parameters)| {
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name)?;
        Some((words(info.path).intersection(&wanted).count(), parameter))
    });
    let similar = similar.max_by_key(|(words, _)| *words).map(|(_, parameter)| parameter.clone());
    similar.unwrap_or_else(|| {
        let about = ROUTE_FIELDS.iter().find(|(field, _)| *field == name).map_or("", |(_, about)| about);
        parameter(name, "path", true, json!({ "type": "string", "description": about }), None)
    })
}

/// The answer, and for each status of an error the codes that come with it.
fn responses(info: &OpInfo, answer: &Value, example: Option<&Example>, generator: &schemars::SchemaGenerator) -> Value {
    let about = resolved(answer, generator)["description"].clone();
    let mut content = json!({ "schema": answer });
    if let Some(example) = example {
        content["example"] = example.answer.clone();
    }
    let ok = json!({ "description": about, "content": { "application/json": content } });
    let errors = error_responses(info.error_codes()).map(|(status, response)| (status.to_string(), response));
    std::iter::once(("200".to_owned(), ok)).chain(errors).collect::<Map<_, _>>().into()
}

/// The schema of a field that is always there, because the path has it.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema.get_mut("type").filter(|types| types.is_array()) {
        let some: Vec<Value> = types.as_array().into_iter().flatten().filter(|name| *name != "null").cloned().collect();
        *types = if some.len() == 1 { some[0].clone() } else { some.into() };
    }
    schema
}

/// Writes out the types to which the schema of a parameter refers: some tools do not follow references there.
fn written_out(schema: &mut Value, generator: &schemars::SchemaGenerator) {
    let target = resolved(schema, generator).clone();
    if let (Some(words), Value::Object(target)) = (schema.as_object_mut(), target) {
        words.shift_remove("$ref");
        for (word, value) in target {
            words.entry(word).or_insert(value);
        }
    }
    for inner in schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        written_out(inner, generator);
    }
    schema.get_mut("items").into_iter().for_each(|items| written_out(items, generator));
}
