//! Every operation has one example, which fits its schemas and shows nothing secret.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use axme_api::examples::{self, Example};
use axme_api::op::{Input, OpInfo};
use axme_api::{Method, generate};
use serde_json::{Map, Value, json};

/// The fewest letters and digits in a row that make a text look like a secret. An id has fewer.
const SECRET_CHARS: usize = 40;

#[test]
fn every_operation_has_an_example() {
    let recorded: BTreeSet<String> = examples::read().unwrap().into_keys().collect();
    let table: BTreeSet<String> = axme_api::table().iter().map(|op| op.info().id.to_owned()).collect();
    let missing: Vec<&String> = table.difference(&recorded).collect();
    let unknown: Vec<&String> = recorded.difference(&table).collect();
    assert!(missing.is_empty(), "record them as CONTRIBUTING.md says: {missing:#?}");
    assert!(unknown.is_empty(), "remove them from spec/examples: {unknown:#?}");
}

#[test]
fn examples_fit_the_schemas() {
    let examples = examples::read().unwrap();
    let document = generate::document(&examples);
    let mut faults = Vec::new();
    for info in axme_api::table().iter().map(|op| op.info()) {
        let Some(example) = examples.get(info.id) else { continue };
        let path = info.path.replace("{*", "{");
        let described = &document["paths"][&path][info.method.as_str().to_ascii_lowercase()];
        faults.extend(misplaced(info, example, described).into_iter().map(|fault| format!("{}: {fault}", info.id)));
        for parameter in described["parameters"].as_array().unwrap() {
            let Some(value) = parameter.get("example") else { continue };
            let name = parameter["name"].as_str().unwrap();
            faults.extend(misfits(&document, &parameter["schema"], value, &format!("{} {name}", info.id)));
        }
        let parts = [("body", &described["requestBody"]), ("answer", &described["responses"]["200"])];
        for (part, content) in parts.map(|(part, described)| (part, &described["content"]["application/json"])) {
            if let Some(value) = content.get("example") {
                faults.extend(misfits(&document, &content["schema"], value, &format!("{} {part}", info.id)));
            }
        }
    }
    assert!(faults.is_empty(), "delete these examples and record them anew, as CONTRIBUTING.md says: {faults:#?}");
}

/// Returns how the request of an example differs from the entry of its operation.
fn misplaced(info: &OpInfo, example: &Example, described: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if example.method != info.method.as_str() || example.path_fields(info).is_none() {
        faults.push(format!("is not a {} of {}", info.method.as_str(), info.path));
    }
    let is_sent_as_query = matches!(info.method, Method::Get | Method::Delete);
    if example.body.is_some() == is_sent_as_query {
        faults.push("GET and DELETE have no body, the others have one".to_owned());
    }
    let parameters = described["parameters"].as_array().unwrap();
    let is_parameter = |name: &str| parameters.iter().any(|known| known["in"] == "query" && known["name"] == name);
    faults.extend(example.query.keys().filter(|name| !is_parameter(name)).map(|name| format!("?{name} is unknown")));
    let properties = &described["requestBody"]["content"]["application/json"]["schema"]["properties"];
    if info.input == Input::Flat {
        let fields = example.body.iter().filter_map(Value::as_object).flatten();
        let unknown = fields.filter(|(name, _)| properties.get(name).is_none());
        faults.extend(unknown.map(|(name, _)| format!("{name} is unknown")));
    }
    faults
}

fn misfits(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let whole = json!({ "allOf": [schema], "components": { "schemas": referenced(document, schema) } });
    let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
    validator.iter_errors(value).map(|error| format!("{place}{}: {error}", error.instance_path())).collect()
}

/// Returns the types to which a schema refers.
fn referenced(document: &Value, schema: &Value) -> Map<String, Value> {
    let mut types = Map::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                let name = fields.get("$ref").and_then(|path| path.as_str()?.strip_prefix("#/components/schemas/"));
                if let Some(name) = name.filter(|name| !types.contains_key(*name)) {
                    let definition = &document["components"]["schemas"][name];
                    types.insert(name.to_owned(), definition.clone());
                    open.push(definition);
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    types
}

/// A recorded key or token would be a real one of some server, and different in each run.
#[test]
fn examples_show_nothing_secret() {
    for (id, example) in examples::read().unwrap() {
        let mut open = vec![&example.answer];
        open.extend(&example.body);
        open.extend(example.query.values());
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    open.extend(
                        fields
                            .iter()
                            .filter(|(name, _)| !name.ends_with("256") && !name.ends_with("_hash"))
                            .map(|(_, v)| v),
                    );
                }
                Value::Array(items) => open.extend(items),
                Value::String(text) => {
                    let runs = text.split(|letter: char| !letter.is_ascii_alphanumeric());
                    let longest = runs.map(str::len).max().unwrap_or_default();
                    assert!(longest < SECRET_CHARS, "{id} shows {text}");
                }
                _ => {}
            }
        }
    }
}
