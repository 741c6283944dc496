//! Reports with text that cannot be stored: an agent can always say that it failed.

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    a_failure_is_recorded_whatever_its_text,
    elsewhere_such_text_is_refused,
}

/// The null character, and half of a surrogate pair, as JSON escapes them.
const STRANGE: &str = r"read \u0000 and \ud83d from \\u0000";
const KEPT: &str = "read \u{FFFD} and \u{FFFD} from \\u0000";

async fn send(server: &Server, key: &str, path: &str, body: &str) -> crate::harness::Answer {
    server.send_raw(key, "POST", path, body.as_bytes().to_vec(), &[]).await
}

async fn a_failure_is_recorded_whatever_its_text(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for (verb, body) in [
        ("resume", r#"{"action": "fail", "reason": "@"}"#),
        ("resume", r#"{"status": "failed", "error": {"code": "x", "message": "@"}}"#),
        ("resolve", r#"{"status": "FAILED", "error": {"code": "x", "message": "@"}}"#),
        ("resolve", r#"{"status": "failed", "reason": "@"}"#),
    ] {
        let id = server.submit("worker", json!({})).await;
        let path = format!("/v1/intents/{id}/{verb}");
        let answer = send(&server, &worker, &path, &body.replace('@', STRANGE)).await.ok();
        assert_eq!(answer["intent"]["status"], "FAILED", "{body}");
        let last = server.events(&id).await.pop().unwrap();
        assert!(last.to_string().contains(&json!(KEPT).to_string()), "{last}");
    }
    let id = server.submit("worker", json!({})).await;
    let tool = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "NAME",
                   "arguments": {"intent_id": "ID", "status": "FAILED", "reason": "@"}}}"#;
    let name = format!("{}intents.resolve", axme_api::mcp::PREFIX);
    let call = tool.replace("NAME", &name).replace("ID", &id).replace('@', STRANGE);
    let answer = send(&server, &worker, "/mcp", &call).await.body;
    assert_eq!(answer["result"]["data"]["intent"]["status"], "FAILED", "{answer}");

    // A number that no 64 bits hold beside such text, as a report quotes it.
    let id = server.submit("worker", json!({})).await;
    let call = tool
        .replace("NAME", &name)
        .replace("ID", &id)
        .replace(r#""reason": "@""#, r#""error": {"message": "@", "limit": 1E400}"#);
    let answer = send(&server, &worker, "/mcp", &call.replace('@', STRANGE)).await.body;
    // The harness cannot read the number, so the answer is text here.
    let text = answer.as_str().unwrap_or_default();
    assert!(text.contains(r#""status":"FAILED""#) && text.contains(r#""limit":1E400"#), "{answer}");

    let session = server.post(&worker, "/v1/sessions", json!({})).await["session_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{session}/messages");
    send(&server, &worker, &path, &r#"{"role": "assistant", "content": "@"}"#.replace('@', STRANGE)).await.ok();
    let messages = server.get(&worker, &path).await;
    assert!(messages.to_string().contains(&json!(KEPT).to_string()), "{messages}");
}

async fn elsewhere_such_text_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    for (text, status, code) in [(r"\u0000", 422, "validation_failed"), (r"\ud83d", 422, "invalid_json")] {
        for (path, body) in [
            (
                "/v1/intents".to_owned(),
                r#"{"intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {"x": "@"}}"#,
            ),
            (format!("/v1/intents/{id}/resume"), r#"{"summary": "@"}"#),
            (format!("/v1/intents/{id}/resolve"), r#"{"status": "COMPLETED", "result": {"x": "@"}}"#),
        ] {
            send(&server, &worker, &path, &body.replace('@', text)).await.refused(status, code);
        }
    }
    let intent: Value = server.intent(&id).await;
    assert_eq!(intent["status"], "DELIVERED", "nothing was recorded");
}
