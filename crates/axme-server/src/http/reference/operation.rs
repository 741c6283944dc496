//! An operation, a route and an error code, as the reference shows them.

use axme_api::op::{OpInfo, Route};
use axme_api::{Access, Effect, ErrorCode, Method, openapi};
use serde_json::Value;

use super::fields::{Field, Side, Table, properties};
use super::kind::resolved;
use super::text::{Line, laid_out};
use super::{call, shown_path};

/// An operation, or a route that is not one.
pub(super) struct Operation {
    /// The name in links: the id, or that of a route in the OpenAPI document.
    pub(super) anchor: String,
    /// The heading: the id of an operation; the method and path of a route.
    pub(super) title: String,
    /// False for a route, whose heading says all.
    pub(super) is_operation: bool,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) aliases: Vec<String>,
    pub(super) access: &'static str,
    pub(super) about: Line,
    /// True if it accepts an idempotency key.
    pub(super) is_repeatable: bool,
    /// The fields of the path and the query.
    pub(super) parameters: Table,
    pub(super) body: Table,
    /// Empty for pages, which people open in a browser.
    pub(super) call: String,
    pub(super) answer: Table,
    /// The media type of an answer that is not JSON.
    pub(super) media_type: &'static str,
    /// The recorded answer; empty if there is none.
    pub(super) example: String,
    pub(super) errors: Vec<ErrorRow>,
}

/// An error code and what it means.
pub(super) struct ErrorRow {
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) meaning: Line,
    pub(super) action: Line,
}

impl Operation {
    pub(super) fn read(base_url: &str, info: &'static OpInfo) -> Operation {
        let described = described(info.method, info.path);
        Operation {
            anchor: info.id.to_owned(),
            title: info.id.to_owned(),
            is_operation: true,
            aliases: info.aliases.iter().map(|path| shown_path(path)).collect(),
            is_repeatable: info.effect == Effect::Write,
            call: call::of_operation(base_url, info, described),
            errors: ErrorRow::of(info.error_codes()),
            ..Operation::of(info.method, info.path, info.access, info.about, described)
        }
    }

    pub(super) fn of_route(base_url: &str, route: &Route) -> Operation {
        let described = described(route.method, route.path);
        Operation {
            call: call::of_route(base_url, route, described),
            ..Operation::of(route.method, route.path, route.access, route.about, described)
        }
    }

    fn of(method: Method, path: &str, access: Access, about: &str, described: &'static Value) -> Operation {
        let (method, path) = (method.as_str(), shown_path(path));
        let content = &described["responses"]["200"]["content"];
        let answer = &content["application/json"];
        let other = content.as_object().and_then(|content| content.keys().next()).filter(|_| answer.is_null());
        let codes = described["responses"].as_object().into_iter().flat_map(|responses| responses.values());
        let codes = codes.filter_map(|response| response["x-error-codes"].as_array()).flatten();
        Operation {
            anchor: described["operationId"].as_str().unwrap_or_default().to_owned(),
            title: format!("{method} {path}"),
            is_operation: false,
            method,
            path,
            aliases: Vec::new(),
            access: callers(access),
            about: Line::new(about),
            is_repeatable: false,
            parameters: Table::new(Side::Input, parameters(described)),
            body: Table::new(Side::Input, body(described)),
            call: String::new(),
            answer: answer_table(&answer["schema"]),
            media_type: other.map_or("", String::as_str),
            example: answer.get("example").map(laid_out).unwrap_or_default(),
            errors: ErrorRow::of(codes.filter_map(Value::as_str).filter_map(ErrorCode::parse).collect()),
        }
    }
}

/// Returns the entry of an operation or a route in the OpenAPI document.
pub(super) fn described(method: Method, path: &str) -> &'static Value {
    &openapi::document()["paths"][shown_path(path)][method.as_str().to_ascii_lowercase()]
}

impl ErrorRow {
    /// Returns the rows of some codes, by status.
    fn of(mut codes: Vec<ErrorCode>) -> Vec<ErrorRow> {
        codes.sort_by_key(|code| code.kind().http_status());
        codes.into_iter().map(ErrorRow::new).collect()
    }

    /// Returns the whole registry, in alphabetical order.
    pub(super) fn every() -> Vec<ErrorRow> {
        ErrorCode::ALL.iter().copied().map(ErrorRow::new).collect()
    }

    fn new(code: ErrorCode) -> ErrorRow {
        ErrorRow {
            code: code.as_str(),
            status: code.kind().http_status(),
            meaning: Line::new(code.meaning()),
            action: Line::new(code.action()),
        }
    }
}

fn callers(access: Access) -> &'static str {
    match access {
        Access::Public => "anybody, without a credential.",
        Access::Key => "any key of the workspace, and people who work in it.",
        Access::Role => "a workspace-admin key, or a person with a role that permits it.",
        Access::Admin => "a workspace-admin key, or a person who is an admin of the workspace.",
        Access::Person => "a person who has signed in.",
        Access::Newcomer => "a person who has signed in, or anybody without a credential.",
    }
}

/// Returns the fields that a caller sends in the path and in the query.
fn parameters(described: &'static Value) -> Vec<Field> {
    let parameters = described["parameters"].as_array().into_iter().flatten();
    let fields = parameters.filter_map(|parameter| {
        let place = match parameter["in"].as_str()? {
            "path" => "path",
            "query" => "query",
            // The page says in words that writes accept an idempotency key.
            _ => return None,
        };
        let is_required = parameter["required"] == true;
        let name = parameter["name"].as_str()?;
        let field = Field::new(Side::Input, place, name, &parameter["schema"], is_required, &mut Vec::new());
        Some(field.or_about(parameter["description"].as_str().unwrap_or_default()))
    });
    fields.collect()
}

/// Returns the fields that a caller sends in the body.
fn body(described: &'static Value) -> Vec<Field> {
    let request = &described["requestBody"];
    let content = request["content"].as_object().and_then(|content| content.values().next());
    let (name, schema) = content.map_or(("", &Value::Null), |content| resolved(&content["schema"]));
    if schema.is_null() {
        return Vec::new();
    }
    if schema["properties"].is_object() {
        return properties(Side::Input, schema, &mut vec![name]);
    }
    let is_required = request["required"] == true;
    vec![Field::new(Side::Input, "", "(the whole body)", schema, is_required, &mut Vec::new())]
}

fn answer_table(schema: &'static Value) -> Table {
    match schema {
        Value::Null => Table::new(Side::Answer, Vec::new()),
        schema if resolved(schema).1["properties"].is_object() => Table::of(Side::Answer, schema),
        schema => {
            let whole = Field::new(Side::Answer, "", "(the whole answer)", schema, true, &mut Vec::new());
            Table::new(Side::Answer, vec![whole])
        }
    }
}
