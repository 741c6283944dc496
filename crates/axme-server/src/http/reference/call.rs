//! Calls with curl: the recorded example of an operation, or one made from its required fields. In the latter, words in
//! capitals stand for values.

use axme_api::op::{OpInfo, Route};
use axme_api::{Access, Method, mcp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::kind::resolved;
use super::shown_path;
use super::text::laid_out;

/// The characters that a value of a path or a query keeps. The fields of agents' addresses contain slashes.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Returns the call of an operation, from its entry in the OpenAPI document.
pub(super) fn of_operation(base_url: &str, info: &OpInfo, described: &'static Value) -> String {
    curl(base_url, info.method, info.access, &address(info.path, described), body(info.method, described), "")
}

/// Returns the call of a route, or nothing for a page that people open in a browser.
pub(super) fn of_route(base_url: &str, route: &Route, described: &'static Value) -> String {
    if route.access == Access::Public {
        return String::new();
    }
    let body = if route.path == mcp::ENDPOINT.path {
        Some(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }))
    } else {
        body(route.method, described)
    };
    // Without -N, curl holds back the frames of a stream.
    let options = if route.path.ends_with("/stream") { " -N" } else { "" };
    curl(base_url, route.method, route.access, &address(route.path, described), body, options)
}

/// Returns the path and the query of a call.
fn address(path: &str, described: &'static Value) -> String {
    let answer = &described["responses"]["200"]["content"]["application/json"]["example"];
    let mut path = shown_path(path);
    let mut query = Vec::new();
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let recorded = parameter.get("example");
        match parameter["in"].as_str() {
            Some("path") => {
                // A recorded answer usually has the id that its path had.
                let recorded = recorded.or_else(|| answer.get(name)).and_then(Value::as_str);
                let value = recorded.map_or_else(|| name.to_ascii_uppercase(), encoded);
                path = path.replace(&format!("{{{name}}}"), &value);
            }
            Some("query") if recorded.is_some() || parameter["required"] == true => {
                let value = recorded.cloned().unwrap_or_else(|| stand_in(name, &parameter["schema"]));
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.push(format!("{name}={}", encoded(&text)));
            }
            _ => {}
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

fn body(method: Method, described: &'static Value) -> Option<Value> {
    let content = &described["requestBody"]["content"]["application/json"];
    match method {
        Method::Get | Method::Delete => None,
        _ => Some(content.get("example").cloned().unwrap_or_else(|| required(&content["schema"]))),
    }
}

fn curl(base_url: &str, method: Method, access: Access, path: &str, body: Option<Value>, options: &str) -> String {
    let verb = match method {
        Method::Get => String::new(),
        method => format!(" -X {}", method.as_str()),
    };
    let mut call = format!("curl{verb}{options} \"{base_url}{path}\"");
    match access {
        Access::Public | Access::Newcomer => {}
        Access::Person => call.push_str(" \\\n  -H \"authorization: Bearer $AXME_ACTOR_TOKEN\""),
        Access::Key | Access::Role | Access::Admin => call.push_str(" \\\n  -H \"x-api-key: $AXME_API_KEY\""),
    }
    if let Some(body) = body {
        let quoted = laid_out(&body).replace('\n', "\n  ").replace('\'', "'\\''");
        call.push_str(&format!(" \\\n  -H 'content-type: application/json' \\\n  -d '{quoted}'"));
    }
    call
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// Returns an object with the required fields of a schema.
fn required(schema: &'static Value) -> Value {
    let (_, schema) = resolved(schema);
    let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let fields: Map<String, Value> =
        names.map(|name| (name.to_owned(), stand_in(name, &schema["properties"][name]))).collect();
    Value::Object(fields)
}

/// Returns a value for a required field.
fn stand_in(name: &str, schema: &'static Value) -> Value {
    let (_, schema) = resolved(schema);
    if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()).or_else(|| schema.get("const")) {
        return value.clone();
    }
    if schema["properties"].is_object() {
        return required(schema);
    }
    if let Some(choice) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()).and_then(|all| all.first())
    {
        return stand_in(name, choice);
    }
    let kind = schema["type"].as_array().and_then(|all| all.first()).unwrap_or(&schema["type"]);
    match (kind.as_str(), schema["format"].as_str()) {
        (Some("integer" | "number"), _) => {
            schema.get("minimum").filter(|least| **least != 0).cloned().unwrap_or(json!(1))
        }
        (Some("boolean"), _) => json!(true),
        (Some("array"), _) => json!([]),
        (Some("string"), Some("date-time")) => json!("2026-01-31T12:00:00Z"),
        (Some("string"), _) => json!(name.to_ascii_uppercase()),
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use axme_api::{Access, Method, intents, table};
    use serde_json::{Value, json};

    use super::{curl, of_operation, of_route};

    fn described(described: Value) -> &'static Value {
        Box::leak(Box::new(described))
    }

    fn of(id: &str, entry: Value) -> String {
        let info = table().into_iter().map(|op| op.info()).find(|info| info.id == id).unwrap();
        of_operation("https://axme.example", info, described(entry))
    }

    #[test]
    fn a_call_repeats_the_recorded_example() {
        let entry = json!({
            "parameters": [
                { "name": "intent_id", "in": "path", "required": true, "schema": {} },
                { "name": "Idempotency-Key", "in": "header", "schema": {} },
            ],
            "requestBody": { "content": { "application/json": { "example": { "reason": "don't" } } } },
            "responses": { "200": { "content": { "application/json": { "example": { "intent_id": "7f" } } } } },
        });
        let call = of("intents.resolve", entry);
        assert_eq!(
            call,
            "curl -X POST \"https://axme.example/v1/intents/7f/resolve\" \\\n  -H \"x-api-key: $AXME_API_KEY\" \\\n  \
             -H 'content-type: application/json' \\\n  -d '{ \"reason\": \"don'\\''t\" }'"
        );
    }

    #[test]
    fn without_an_example_a_call_has_the_required_fields() {
        let entry = json!({
            "parameters": [
                { "name": "nick", "in": "query", "required": true, "schema": { "type": "string" } },
                { "name": "limit", "in": "query", "required": false, "schema": { "type": "integer" } },
            ],
        });
        assert!(of("users.check_nick", entry).contains("/v1/users/check-nick?nick=NICK\""));
        let schema = json!({
            "required": ["intent_type", "count", "mode"],
            "properties": {
                "intent_type": { "type": "string" },
                "count": { "type": "integer", "minimum": 60 },
                "mode": { "enum": ["fast", "slow"] },
                "other": { "type": "string" },
            },
        });
        let entry = json!({ "requestBody": { "content": { "application/json": { "schema": schema } } } });
        let call = of("intents.create", entry);
        assert!(
            call.ends_with("-d '{ \"intent_type\": \"INTENT_TYPE\", \"count\": 60, \"mode\": \"fast\" }'"),
            "{call}"
        );
    }

    #[test]
    fn streams_are_not_buffered_and_public_calls_need_no_credential() {
        let stream = described(json!({ "parameters": [{ "name": "intent_id", "in": "path", "required": true }] }));
        let call = of_route("", &intents::STREAM, stream);
        assert!(call.starts_with("curl -N \"/v1/intents/INTENT_ID/events/stream\""), "{call}");
        assert_eq!(curl("", Method::Get, Access::Public, "/health", None, ""), "curl \"/health\"");
        assert_eq!(of_route("", &axme_api::health::HEALTH, described(json!({}))), "");
    }
}
