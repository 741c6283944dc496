//! Compares the described API with the served API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, published_contract};

each_engine! {
    every_operation_is_served_where_the_table_says,
    the_query_of_a_request_with_a_body_has_only_described_fields,
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

async fn the_query_of_a_request_with_a_body_has_only_described_fields(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let refused = server.send(&server.admin, "POST", "/v1/service-accounts?name=another", Some(json!({}))).await;
    refused.refused(422, "validation_failed");
    let body = json!({ "title": "x" });
    let id = server.submit("worker", body).await;
    let path = format!("/v1/inbox/{id}/reply?owner_agent=worker");
    server.post(&server.admin, &path, json!({ "message": "hello" })).await;
    // The query and the header are compared by every call, whether or not the owner matters to it.
    let differing = [("x-owner-agent", "agent://local/default/worker")];
    let answer = server.send_with(&worker, "GET", "/v1/me?owner_agent=other", None, &differing).await;
    answer.refused(400, "owner_mismatch");
}

/// The query parameters of each operation and method, by path without the names of its fields.
fn query_parameters(document: &Value) -> BTreeSet<(String, String, String)> {
    let mut found = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        for (method, described) in methods.as_object().unwrap() {
            for parameter in described["parameters"].as_array().into_iter().flatten() {
                if parameter["in"] == "query" {
                    let name = parameter["name"].as_str().unwrap().to_owned();
                    assert!(found.insert((path.join("/"), method.clone(), name)), "{path:?} {parameter} twice");
                }
            }
        }
    }
    found
}

#[test]
fn every_published_query_parameter_is_described() {
    let Some(folder) = published_contract("openapi") else { return };
    let published = std::fs::read_to_string(folder.join("gateway.v1.json")).unwrap();
    let published = query_parameters(&serde_json::from_str(&published).unwrap());
    let ours = query_parameters(axme_api::openapi::document());
    // Operations of a transport that this server does not have (`docs/known-gaps.md`).
    let missing: Vec<_> = published.difference(&ours).filter(|(path, ..)| !path.starts_with("/v1/matrix/")).collect();
    assert!(published.len() > 50 && missing.is_empty(), "{missing:#?}");
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
