//! Messages that a host gets while its request is open: progress, and changes of resources (`spec/protocol.md` §7.4).

use axum::body::Body;
use axum::http::{Request as HttpRequest, Response};
use serde_json::{Value, json};

use crate::harness::{Engine, OpenStream, Server, each_engine};
use crate::mcp_client::{NEWEST, WITH_TASKS, complete, message};

each_engine! {
    a_waiting_tool_reports_progress_to_a_host_that_asks_for_it,
    a_host_is_told_when_a_resource_changes,
    a_subscription_ends_with_the_key,
}

/// Sends a message, and returns the answer while it still comes in.
async fn open(server: &Server, key: &str, version: &str, body: &Value) -> Response<Body> {
    let request = HttpRequest::post("/mcp").header("x-api-key", key).header("content-type", "application/json");
    let request =
        request.header("accept", "application/json, text/event-stream").header("mcp-protocol-version", version);
    let request = request.header("mcp-method", body["method"].as_str().unwrap());
    server.request(request.body(Body::from(body.to_string())).unwrap()).await
}

/// Returns the next message of a stream.
async fn next(stream: &mut OpenStream) -> Value {
    loop {
        let text = stream.next().await.expect("the stream goes on");
        let data = text.lines().find_map(|line| line.strip_prefix("data:")).map(str::trim).unwrap_or_default();
        // Keep-alive comments and the first frame have no message.
        if !data.is_empty() {
            return serde_json::from_str(data).expect("JSON");
        }
    }
}

async fn a_waiting_tool_reports_progress_to_a_host_that_asks_for_it(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let call = |since: u64| {
        let arguments = json!({ "intent_id": id, "since": since, "wait_seconds": 40 });
        json!({ "name": "intents_watch", "arguments": arguments, "_meta": { "progressToken": "mine" } })
    };
    let response = open(&server, &server.admin, WITH_TASKS, &message(WITH_TASKS, "tools/call", call(1_000))).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = OpenStream::new(response, server.now());
    let progress = next(&mut stream).await;
    assert_eq!(progress["method"], "notifications/progress", "{progress}");
    assert_eq!(
        (&progress["params"]["progressToken"], progress["params"]["progress"].as_f64()),
        (&json!("mine"), Some(1.0))
    );
    assert!(progress["params"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{progress}");
    complete(&server, &worker, &json!(id), json!({ "done": true })).await;
    server.advance(std::time::Duration::from_secs(41)).await;
    let result = loop {
        let told = next(&mut stream).await;
        if told.get("id").is_some() {
            break told;
        }
    };
    assert_eq!(result["result"]["structuredContent"]["data"]["is_ended"], true, "{result}");
    // Without a token, the answer is JSON alone.
    let mut silent = call(0);
    silent.as_object_mut().unwrap().remove("_meta");
    let response = open(&server, &server.admin, WITH_TASKS, &message(WITH_TASKS, "tools/call", silent)).await;
    assert_eq!(response.headers()["content-type"], "application/json");
}

async fn a_host_is_told_when_a_resource_changes(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let (followed, other) = (server.submit("worker", json!({})).await, server.submit("worker", json!({})).await);
    let uri = format!("axme://intents/{followed}");
    let wanted = json!({ "resourceSubscriptions": [uri, "file:///etc/passwd"], "toolsListChanged": true });
    let body = message(NEWEST, "subscriptions/listen", json!({ "notifications": wanted }));
    let response = open(&server, &server.admin, NEWEST, &body).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = OpenStream::new(response, server.now());
    // The server says what it keeps of the subscription.
    let accepted = next(&mut stream).await;
    assert_eq!(accepted["params"]["notifications"]["resourceSubscriptions"], json!([uri]), "{accepted}");
    complete(&server, &worker, &json!(other), json!({})).await;
    complete(&server, &worker, &json!(followed), json!({})).await;
    let told = next(&mut stream).await;
    assert_eq!(
        (&told["method"], &told["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!(uri)),
        "{told}"
    );
    // The stop of the server ends the subscription with an answer.
    server.stop();
    let last = next(&mut stream).await;
    assert!(last.get("id").is_some(), "{last}");
}

async fn a_subscription_ends_with_the_key(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let wanted = json!({ "resourceSubscriptions": [format!("axme://intents/{id}")] });
    let body = message(NEWEST, "subscriptions/listen", json!({ "notifications": wanted }));
    let mut stream = OpenStream::new(open(&server, &worker, NEWEST, &body).await, server.now());
    next(&mut stream).await;
    let account =
        server.get(&worker, "/v1/me").await["service_account"]["service_account_id"].as_str().unwrap().to_owned();
    server.send(&server.admin, "DELETE", &format!("/v1/service-accounts/{account}"), None).await.ok();
    // A key is remembered for a second.
    server.advance(std::time::Duration::from_secs(2)).await;
    let last = next(&mut stream).await;
    assert!(last.get("id").is_some(), "{last}");
}
