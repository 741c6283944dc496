//! A host of the Model Context Protocol, as the tests of its faces play it.

use axum::body::Body;
use axum::http::Request as HttpRequest;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::harness::{Answer, Person, Server};

pub const NEWEST: &str = "2026-07-28";
pub const WITH_TASKS: &str = "2025-11-25";

/// Sends a message as a host of a revision does.
pub async fn send(server: &Server, key: &str, path: &str, version: &str, message: &Value) -> Answer {
    let method = message["method"].as_str().unwrap_or_default();
    let names = ["name", "uri", "taskId"];
    let name = names.iter().find_map(|name| message["params"][*name].as_str()).unwrap_or_default();
    let mut headers = vec![("accept", "application/json, text/event-stream")];
    if !version.is_empty() {
        headers.push(("mcp-protocol-version", version));
    }
    if version == NEWEST {
        headers.push(("mcp-method", method));
        if !name.is_empty() {
            headers.push(("mcp-name", name));
        }
    }
    server.send_with(key, "POST", path, Some(message.clone()), &headers).await
}

pub fn message(version: &str, method: &str, mut params: Value) -> Value {
    if version == NEWEST {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": NEWEST,
            "io.modelcontextprotocol/clientInfo": { "name": "a host", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

pub async fn rpc(server: &Server, key: &str, version: &str, method: &str, params: Value) -> Value {
    let answer = send(server, key, "/mcp", version, &message(version, method, params)).await;
    assert_eq!(answer.status, 200, "{method}: {}", answer.body);
    assert_eq!(answer.body["id"], 1, "{}", answer.body);
    answer.body
}

/// Calls a tool, and returns its result.
pub async fn tool(server: &Server, key: &str, name: &str, arguments: Value) -> Value {
    let params = json!({ "name": name, "arguments": arguments });
    rpc(server, key, WITH_TASKS, "tools/call", params).await["result"].clone()
}

pub async fn done(server: &Server, key: &str, name: &str, arguments: Value) -> Value {
    let result = tool(server, key, name, arguments).await;
    assert_eq!(result["isError"], false, "{name}: {result}");
    let structured = &result["structuredContent"];
    assert_eq!((&structured["ok"], &structured["tool"]), (&json!(true), &json!(name)), "{result}");
    assert!(structured["message"].as_str().is_some_and(|message| !message.is_empty()), "{result}");
    structured["data"].clone()
}

/// Calls a tool that must be refused, and returns the code.
pub async fn refused(server: &Server, key: &str, name: &str, arguments: Value) -> String {
    let result = tool(server, key, name, arguments).await;
    assert_eq!(result["isError"], true, "{name}: {result}");
    assert!(result["content"][0]["text"].as_str().is_some_and(|text| text.len() > 10), "{result}");
    result["structuredContent"]["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// Answers an intent as its agent.
pub async fn complete(server: &Server, worker: &str, id: &Value, result: Value) {
    let path = format!("/v1/intents/{}/resume", id.as_str().expect("an id"));
    let mut body = result;
    body["action"] = "complete".into();
    server.post(worker, &path, body).await;
}

/// Signs in a new member of the workspace.
pub async fn member(server: &Server, email: &str, role: &str) -> Person {
    server.give(email, role, Some(&server.bootstrap.workspace_id)).await;
    server.sign_in(email).await
}

/// Sends a message, and returns the last message of the event stream.
pub async fn event_stream(server: &Server, path: &str, message: &Value) -> Value {
    let body = send(server, &server.admin, path, WITH_TASKS, message).await.body;
    let text = body.as_str().expect("an event stream").to_owned();
    let last = text.lines().filter_map(|line| line.strip_prefix("data:")).next_back().expect("a message");
    serde_json::from_str(last).expect("JSON")
}

/// Sends a message, and returns the text of the answer.
pub async fn text_of(server: &Server, body: String) -> String {
    let request =
        HttpRequest::post("/mcp").header("x-api-key", &server.admin).header("content-type", "application/json");
    let request =
        request.header("accept", "application/json, text/event-stream").header("mcp-protocol-version", WITH_TASKS);
    let response = server.request(request.body(Body::from(body)).expect("a request")).await;
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}
