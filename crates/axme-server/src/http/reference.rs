//! The API reference as a page for people, rendered from the table of operations. It needs no script and loads nothing
//! from other hosts.

use std::sync::{Arc, OnceLock};

use askama::Template;
use axme_api::{Access, health, openapi, table};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::Gateway;
use super::pages::{Page, page, sent};
use axme_core::state::AppState;

pub fn routes() -> Router<Gateway> {
    Router::new().route(health::REFERENCE.path, get(show))
}

/// Renders the page on the first request, and keeps it.
async fn show(State(app): State<Arc<AppState>>) -> Response<Body> {
    static RENDERED: OnceLock<String> = OnceLock::new();
    let html = match RENDERED.get() {
        Some(html) => Ok(Page(200, html.clone())),
        None => page(200, &Reference::read(&app.site.base_url)),
    };
    let html = html.inspect(|Page(_, html)| drop(RENDERED.set(html.clone())));
    sent(&app, html)
}

#[derive(Template)]
#[template(path = "reference.html")]
struct Reference {
    version: &'static str,
    families: Vec<Family>,
    routes: Vec<Plain>,
    types: Vec<Type>,
}

struct Family {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: &'static str,
    method: &'static str,
    path: String,
    access: &'static str,
    about: &'static str,
    fields: Vec<Field>,
    answer: Field,
    answer_fields: Vec<Field>,
    example: String,
}

/// A route that is not an operation.
struct Plain {
    method: &'static str,
    path: &'static str,
    access: &'static str,
    about: &'static str,
}

struct Type {
    name: String,
    about: String,
    /// The kind of value, if the type has no fields.
    kind: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: String,
    /// The name of the type that the page describes; empty if there is none.
    link: String,
    is_required: bool,
    /// The part of the request that carries the field; empty in answers.
    place: String,
    about: String,
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Public => "no key",
        Access::Key => "any key, or a person who works in the workspace",
        Access::Role => "a workspace-admin key, or a person with a role for it",
        Access::Admin => "a workspace-admin key, or a person who is an admin of the workspace",
        Access::Person => "a person who has signed in",
    }
}

impl Reference {
    fn read(base_url: &str) -> Reference {
        let document = openapi::document();
        let mut families: Vec<Family> = Vec::new();
        for info in table().iter().map(|op| op.info()) {
            let path = info.path.replace("{*", "{");
            let described = &document["paths"][&path][info.method.as_str().to_ascii_lowercase()];
            let output = &described["responses"]["200"]["content"]["application/json"]["schema"];
            let fields = inputs(described);
            let operation = Operation {
                id: info.id,
                method: info.method.as_str(),
                access: access(info.access),
                about: info.about,
                answer: field("", output, false, ""),
                answer_fields: properties(resolved(document, output), ""),
                example: example(base_url, info.method.as_str(), &path, info.access, &fields),
                path,
                fields,
            };
            let name = info.id.split('.').next().unwrap_or_default();
            match families.iter_mut().find(|family| family.name == name) {
                Some(family) => family.operations.push(operation),
                None => families.push(Family { name: name.to_owned(), operations: vec![operation] }),
            }
        }
        let routes = axme_api::routes().into_iter().map(|route| Plain {
            method: route.method.as_str(),
            path: route.path,
            access: access(route.access),
            about: route.about,
        });
        let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
        let types = schemas.map(|(name, schema)| Type {
            name: name.clone(),
            about: text(schema, "description"),
            kind: kind(schema).0,
            fields: properties(schema, ""),
        });
        let (routes, types) = (routes.collect(), types.collect());
        Reference { version: env!("CARGO_PKG_VERSION"), families, routes, types }
    }
}

fn text(schema: &Value, name: &str) -> String {
    schema[name].as_str().unwrap_or_default().to_owned()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        Some(path) => document.pointer(path).unwrap_or(schema),
        None => schema,
    }
}

/// Returns the input fields of an operation: in its path, its query and its body.
fn inputs(described: &Value) -> Vec<Field> {
    let parameters = described["parameters"].as_array().into_iter().flatten();
    let mut fields: Vec<Field> = parameters
        .map(|parameter| {
            let (name, place) = (text(parameter, "name"), text(parameter, "in"));
            field(&name, &parameter["schema"], parameter["required"] == true, &place)
        })
        .collect();
    match &described["requestBody"]["content"]["application/json"]["schema"] {
        Value::Null => {}
        body if body["properties"].is_object() => fields.extend(properties(body, "body")),
        body => fields.push(field("(the body)", body, false, "body")),
    }
    fields
}

fn properties(schema: &Value, place: &str) -> Vec<Field> {
    let is_required = |name: &String| schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
    let all = schema["properties"].as_object().into_iter().flatten();
    all.map(|(name, schema)| field(name, schema, is_required(name), place)).collect()
}

fn field(name: &str, schema: &Value, is_required: bool, place: &str) -> Field {
    let (kind, link) = kind(schema);
    let about = text(schema, "description");
    Field { name: name.to_owned(), kind, link, is_required, place: place.to_owned(), about }
}

/// Returns the kind of a value in words, and the name of the described type in it.
fn kind(schema: &Value) -> (String, String) {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        return (name.clone(), name);
    }
    if let Some(words) = schema["enum"].as_array() {
        return (words.iter().map(Value::to_string).collect::<Vec<_>>().join(" or "), String::new());
    }
    if let Some(word) = schema.get("const") {
        return (word.to_string(), String::new());
    }
    let either = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    if let Some(either) = either {
        let kinds: Vec<(String, String)> = either.iter().map(kind).filter(|(kind, _)| kind != "null").collect();
        let link = kinds.iter().map(|(_, link)| link).find(|link| !link.is_empty()).cloned().unwrap_or_default();
        return (kinds.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>().join(" or "), link);
    }
    let named = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        other => other.as_str(),
    };
    match named {
        Some("array") => {
            let (kind, link) = kind(&schema["items"]);
            (format!("list of {kind}"), link)
        }
        Some("object") if schema["additionalProperties"].is_object() => {
            let (kind, link) = kind(&schema["additionalProperties"]);
            (format!("object of {kind}"), link)
        }
        Some(name) => (name.to_owned(), String::new()),
        None => ("any JSON".to_owned(), String::new()),
    }
}

/// Returns a call with the required fields. Names in capitals are placeholders.
fn example(base_url: &str, method: &str, path: &str, access: Access, fields: &[Field]) -> String {
    let mut url = format!("{base_url}{path}");
    let (mut query, mut body) = (Vec::new(), Map::new());
    for field in fields {
        let stand_in = field.name.to_ascii_uppercase();
        match field.place.as_str() {
            "path" => url = url.replace(&format!("{{{}}}", field.name), &stand_in),
            "query" if field.is_required => query.push(format!("{}={stand_in}", field.name)),
            "body" if field.is_required => {
                let value = match field.kind.as_str() {
                    "integer" | "number" => json!(1),
                    "boolean" => json!(true),
                    "string" => json!(stand_in),
                    kind if kind.starts_with("list of") => json!([]),
                    _ => json!({}),
                };
                body.insert(field.name.clone(), value);
            }
            _ => {}
        }
    }
    if !query.is_empty() {
        url = format!("{url}?{}", query.join("&"));
    }
    let key = match access {
        Access::Public => "",
        Access::Person => " -H \"authorization: Bearer $AXME_ACTOR_TOKEN\"",
        Access::Key | Access::Role | Access::Admin => " -H \"x-api-key: $AXME_API_KEY\"",
    };
    let sent = match method {
        "GET" | "DELETE" => String::new(),
        _ => format!(" \\\n  -H 'content-type: application/json' -d '{}'", Value::Object(body)),
    };
    let verb = if method == "GET" { String::new() } else { format!(" -X {method}") };
    format!("curl{verb}{key} \"{url}\"{sent}")
}
