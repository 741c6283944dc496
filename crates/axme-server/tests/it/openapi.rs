//! Compares the described API with the served API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    every_operation_is_served_where_the_table_says,
}

async fn every_operation_is_served_where_the_table_says(engine: Engine) {
    let server = Server::start(engine).await;
    let table = axme_api::table();
    let ops = table.iter().map(|op| op.info());
    let ops = ops.flat_map(|info| std::iter::once(&info.path).chain(info.aliases).map(|path| (info.method, *path)));
    for (method, template) in ops.chain(axme_api::routes().iter().map(|route| (route.method, route.path))) {
        let path = template.replace(['{', '}', '*'], "");
        let body = (method != axme_api::Method::Get).then(|| json!({}));
        // Without a key, an existing operation asks for one, or for the credentials that it needs instead.
        let answer = server.send("", method.as_str(), &path, body).await;
        // An existing operation may return 404 as well, but with another message than a missing one.
        let is_there = answer.status != 405 && !answer.body.to_string().contains("no operation at");
        assert!(is_there, "{path}: {} {}", answer.status, answer.body);
    }
    let served = server.send("", "GET", "/openapi.json", None).await;
    assert_eq!(&served.body, axme_api::openapi::document());
}

#[test]
fn the_description_is_complete() {
    let document = axme_api::openapi::document();
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let id = described["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is listed twice");
            assert!(described["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{id} says what it does");
            let named: Vec<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters = described["parameters"].as_array().unwrap();
            let in_path: Vec<&str> =
                parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
            assert_eq!(in_path, named, "{method} {path}");
        }
    }
    for op in axme_api::table() {
        assert!(ids.contains(op.info().id), "{}", op.info().id);
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                    let name =
                        name.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("{name} leads elsewhere"));
                    assert!(schemas.contains_key(name), "{name} is not described");
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}
