//! Small differences between clients, proxies and editors: a mark at the beginning of a body, a slash at the end of a
//! path, and HEAD. Also clients that reconnect, and proxies that cut quiet connections.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    a_byte_order_mark_is_skipped_and_utf_16_is_refused_by_name,
    one_slash_at_the_end_of_a_path_is_served,
    head_acknowledges_and_claims_nothing,
    a_stream_continues_from_the_last_event_id,
    a_quiet_window_sends_comments,
}

const CREATE: &str = "{\"intent_type\": \"intent.ask.v1\",\r\n \"to_agent\": \"worker\"}\r\n";

async fn a_byte_order_mark_is_skipped_and_utf_16_is_refused_by_name(engine: Engine) {
    let server = Server::start(engine).await;
    let send = async |body: Vec<u8>| server.send_raw(&server.admin, "POST", "/v1/intents", body, &[]).await;
    send(format!("\u{FEFF}{CREATE}").into_bytes()).await.ok();
    let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    for body in [
        wide(&format!("\u{FEFF}{CREATE}"), u16::to_le_bytes),
        wide(&format!("\u{FEFF}{CREATE}"), u16::to_be_bytes),
        wide(CREATE, u16::to_le_bytes),
        wide(CREATE, u16::to_be_bytes),
    ] {
        let text = send(body).await.refused(422, "invalid_json");
        assert_eq!(text, "the body is UTF-16; send it as UTF-8");
    }
}

async fn one_slash_at_the_end_of_a_path_is_served(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    for path in ["/v1/intents/?limit=1", "/v1/me/", "/health/", "/docs/"] {
        assert_eq!(server.send(&server.admin, "GET", path, None).await.status, StatusCode::OK, "{path}");
    }
    let intent = server.get(&server.admin, &format!("/v1/intents/{id}/")).await;
    assert_eq!(intent["intent_id"], id);
    for path in ["/v1/intents//", "/v1//intents"] {
        assert_eq!(server.send(&server.admin, "GET", path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn head(server: &Server, key: &str, path: &str) -> (StatusCode, usize) {
    let request = Request::builder().method("HEAD").uri(path).header("x-api-key", key).body(Body::empty()).unwrap();
    let response = server.request(request).await;
    let status = response.status();
    let body = tokio::time::timeout(Duration::from_secs(10), response.into_body().collect()).await;
    (status, body.expect("the answer ends").unwrap().to_bytes().len())
}

async fn head_acknowledges_and_claims_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let stream = "/v1/agents/worker/intents/stream";
    for path in [format!("/v1/intents/{id}"), format!("/v1/intents/{id}/events/stream"), stream.to_owned()] {
        assert_eq!(head(&server, &worker, &path).await, (StatusCode::OK, 0), "{path}");
    }
    assert_eq!(head(&server, "wrong", stream).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(head(&server, &worker, "/v1/inbox/changes").await.0, StatusCode::METHOD_NOT_ALLOWED);
    // Acknowledgements are recorded after the answer; a second call of another kind would show one.
    let window = server.stream(&worker, &format!("{stream}?since=0")).await;
    assert_eq!(window.content().len(), 1, "it was neither claimed nor acknowledged");
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);
}

async fn a_stream_continues_from_the_last_event_id(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{id}/events/stream?since=0");
    let all = server.stream(&server.admin, &path).await;
    assert_eq!(all.content().len(), 3);
    for (last, left) in [("2", 2), ("4", 1), ("nonsense", 3)] {
        let headers = [("last-event-id", last)];
        let window = server.open(&server.admin, &path, &headers).await.read_to_end(&server).await;
        assert_eq!(window.content().len(), left, "after {last}");
    }
}

async fn a_quiet_window_sends_comments(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    for path in [
        format!("/v1/intents/{id}/events/stream?since=6&wait_seconds=60"),
        "/v1/agents/other/intents/stream?wait_seconds=60".to_owned(),
    ] {
        let window = server.stream(&server.admin, &path).await;
        assert_eq!(window.text.matches(": keep-alive\n\n").count(), 3, "{path}");
        assert_eq!(window.lasted, Duration::from_secs(60), "{path}");
    }
}
