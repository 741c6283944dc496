//! Runs the client against a server that answers from a script, one answer per connection. Covers retries, and how
//! streams continue and end.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axme_client::api::intents::{self, CreateIntent, ListIntents};
use axme_client::{Client, ClientError, TokenStore, Tokens};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Starts a server that answers one connection after the other with `answers`, then stops. Returns
/// the heads of the requests.
async fn server(answers: Vec<String>) -> (Client, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (Client::new(&base_url, "axme_sa_key").unwrap(), serving)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.to_ascii_lowercase();
            }
        }
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the request broke off");
        read.extend_from_slice(&chunk[..count]);
    }
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn events(frames: &[String]) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{}", frames.concat())
}

fn event(seq: u64, status: &str) -> String {
    let data = json!({
        "intent_id": "i", "seq": seq, "event_type": "intent.some", "status": status, "waiting_reason": null,
        "pending_with": null, "handler": null, "actor": "gateway", "at": "2026-04-05T10:00:00.000Z", "details": {},
    });
    format!("id: {seq}\nevent: intent.some\ndata: {data}\n\n")
}

fn intent(status: &str) -> String {
    let view = json!({
        "intent_id": "i", "intent_type": "t", "correlation_id": "c", "from_agent": "a", "to_agent": "b", "status": status,
        "lifecycle_status": status, "lifecycle_waiting_reason": null, "legacy_status": "done", "payload": {}, "result": null,
        "error": null, "remind_count": 0, "delivery_attempt": 1, "policy_generation": 0, "created_at": "2026-04-05T10:00:00.000Z", "updated_at": "2026-04-05T10:00:00.000Z",
    });
    let body = json!({
        "ok": true, "intent": view, "intent_id": "i", "status": status, "lifecycle_status": status, "intent_type": "t",
        "payload": {}, "result": null,
    });
    answer("200 OK", &body.to_string())
}

const TIMEOUT: &str = "event: stream.timeout\ndata: {\"ok\":true,\"next_seq\":2}\n\n";
const BUSY: &str =
    r#"{"ok":false,"error":{"code":"unavailable","message":"busy","details":{}},"detail":"busy","message":"busy"}"#;
const LIST: &str = r#"{"ok":true,"intents":[],"next_before":null}"#;
const CREATED: &str = r#"{"ok":true,"intent_id":"i","status":"DELIVERED","created_at":"2026-04-05T10:00:00.000Z","correlation_id":"c",
    "intent":{"intent_id":"i","status":"DELIVERED","lifecycle_status":"DELIVERED"}}"#;

#[tokio::test]
async fn a_read_is_repeated_and_presents_its_credential() {
    let (client, requests) = server(vec![answer("503 Service Unavailable", BUSY), answer("200 OK", LIST)]).await;
    let list = client.call(&intents::LIST, &ListIntents { limit: 3.into(), ..Default::default() }).await.unwrap();
    assert!(list.intents.is_empty());
    let requests = requests.await.unwrap();
    assert!(requests.iter().all(|head| head.starts_with("get /v1/intents?limit=3 ")), "{requests:?}");
    assert!(requests[1].contains("x-api-key: axme_sa_key") && requests[1].contains("x-axme-client: axme-rust/"));
}

#[tokio::test]
async fn a_write_is_repeated_only_under_a_key() {
    let (client, requests) = server(vec![answer("503 Service Unavailable", BUSY), answer("200 OK", CREATED)]).await;
    let intent = CreateIntent { intent_type: "t".into(), ..Default::default() };
    let refused = client.call(&intents::CREATE, &intent).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (Some(503), Some("unavailable")));
    assert_eq!(client.call(&intents::CREATE, &intent).await.unwrap().intent_id, "i");
    assert_eq!(requests.await.unwrap().len(), 2);

    let broken = String::new();
    let (client, requests) = server(vec![broken, answer("500 Oh", "no JSON"), answer("200 OK", CREATED)]).await;
    assert_eq!(client.send_intent(&intent).await.unwrap().intent_id, "i");
    let keys: Vec<String> = requests.await.unwrap().iter().map(|head| key_of(head)).collect();
    assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 36), "{keys:?}");
}

fn key_of(head: &str) -> String {
    head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (client, requests) = server(vec![answer("404 Not Found", r#"{"detail":"intent not found"}"#)]).await;
    let error = client.get_intent("i").await.unwrap_err();
    assert_eq!((error.status(), error.to_string().as_str()), (Some(404), "intent not found (HTTP 404)"));
    assert_eq!(requests.await.unwrap().len(), 1);
}

#[tokio::test]
async fn observing_reads_on_after_every_interruption_up_to_the_end() {
    let (client, requests) = server(vec![
        events(&[": keep-alive\n\n".to_owned(), event(2, "SUBMITTED"), TIMEOUT.to_owned()]),
        intent("WAITING"),
        events(&[event(4, "WAITING"), "id: 6\nevent: intent.cut".to_owned()]),
        intent("WAITING"),
        answer("503 Service Unavailable", BUSY),
        events(&[event(6, "COMPLETED"), event(8, "never read")]),
    ])
    .await;
    let seen: Vec<u64> = client.observe("i", 0).map(|event| event.unwrap().seq).collect().await;
    assert_eq!(seen, [2, 4, 6]);
    let requests = requests.await.unwrap();
    let asked: Vec<&str> =
        requests.iter().filter_map(|head| Some(head.split_once("since=")?.1.split_once('&')?.0)).collect();
    assert_eq!(asked, ["0", "2", "4", "4"]);
    assert!(requests[0].contains("&follow=1"));
}

#[tokio::test]
async fn observing_an_intent_that_is_over_ends() {
    let list = json!({"ok": true, "events": []}).to_string();
    let (client, _requests) =
        server(vec![events(&[TIMEOUT.to_owned()]), intent("FAILED"), answer("200 OK", &list)]).await;
    assert_eq!(client.observe("i", 12).count().await, 0);
}

#[tokio::test]
async fn a_listener_ends_when_its_key_is_refused() {
    let delivery = "id: 2\nevent: intent.delivered\ndata: {\"seq\":2,\"intent_id\":\"i\",\"event_type\":\"intent.delivered\",\"status\":\"DELIVERED\"}\n\n";
    let (client, requests) =
        server(vec![events(&[delivery.to_owned()]), answer("401 Unauthorized", r#"{"detail":"unknown key"}"#)]).await;
    let mut deliveries = client.listen("agent://local/default/worker");
    assert_eq!(deliveries.next().await.unwrap().unwrap().intent_id, "i");
    assert_eq!(deliveries.next().await.unwrap().unwrap_err().status(), Some(401));
    assert!(deliveries.next().await.is_none());
    assert!(requests.await.unwrap()[1].starts_with("get /v1/agents/local/default/worker/intents/stream?since=2&"));
}

fn consumers(requests: &[String]) -> Vec<Option<&str>> {
    let heads = requests.iter();
    heads.map(|head| head.lines().find_map(|line| line.strip_prefix("x-axme-consumer: "))).collect()
}

#[tokio::test]
async fn a_client_that_listens_names_its_worker_in_all_calls_from_then_on() {
    let refused = || answer("401 Unauthorized", r#"{"detail":"unknown key"}"#);
    let (client, requests) = server(vec![intent("WAITING"), refused(), intent("WAITING"), refused()]).await;
    client.get_intent("i").await.unwrap();
    client.listen("worker").next().await.unwrap().unwrap_err();
    client.get_intent("i").await.unwrap();
    client.clone().listen("worker").next().await.unwrap().unwrap_err();
    let requests = requests.await.unwrap();
    let [None, Some(name), Some(second), Some(third)] = consumers(&requests)[..] else { panic!("{requests:?}") };
    assert!(name.starts_with("axme-rust-") && name.len() > 30, "{name}");
    assert_eq!((second, third), (name, name), "one name for all its streams and calls");
}

#[tokio::test]
async fn a_worker_may_have_a_name_of_its_own() {
    let (unnamed, requests) = server(vec![intent("WAITING"), answer("401 Unauthorized", "{}")]).await;
    let client = Client::builder(unnamed.base_url()).api_key("k").consumer("w\u{f6}rker 1").build().unwrap();
    client.get_intent("i").await.unwrap();
    client.listen("worker").next().await.unwrap().unwrap_err();
    assert_eq!(consumers(&requests.await.unwrap()), [Some("w\u{f6}rker 1"), Some("w\u{f6}rker 1")]);
    for name in ["", "two\nlines", &"x".repeat(129)] {
        let refused = Client::builder("http://host").consumer(name).build();
        assert!(matches!(refused, Err(ClientError::Input(_))), "{name}");
    }
}

#[tokio::test]
async fn waiting_has_an_end_and_a_dead_address_is_reported() {
    let (client, _requests) = server(vec![events(&[event(2, "WAITING")])]).await;
    let error = client.wait_for("i", Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, ClientError::StillRunning { .. }), "{error}");

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::new(&format!("http://{free}"), "k").unwrap();
    let error = client.observe("i", 0).next().await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot reach http://{free}: ")), "{error}");
}

#[test]
fn what_cannot_be_a_client_is_refused_when_it_is_built() {
    for base_url in ["", "127.0.0.1:8100", "ftp://host", "http://host?x=1"] {
        assert!(matches!(Client::new(base_url, "k"), Err(ClientError::Input(_))), "{base_url}");
    }
    assert!(matches!(Client::new("http://host", "two\nlines"), Err(ClientError::Input(_))));
}

/// A token store that a test can read.
#[derive(Clone)]
struct Kept(Arc<Mutex<Option<Tokens>>>);

impl TokenStore for Kept {
    fn read(&self) -> Option<Tokens> {
        self.0.lock().unwrap().clone()
    }

    fn write(&self, tokens: &Tokens) {
        *self.0.lock().unwrap() = Some(tokens.clone());
    }
}

/// A token that expires in 2100, by its unsigned `exp`.
fn token(name: &str) -> String {
    format!("{name}.eyJleHAiOjQxMDI0NDQ4MDB9.e30")
}

fn tokens(access: String, refresh: &str) -> Tokens {
    Tokens { access, refresh: refresh.to_owned() }
}

/// Starts a server as `server` does, with a client that is signed in with `access`.
async fn signed_in(answers: Vec<String>, access: String) -> (Client, Kept, JoinHandle<Vec<String>>) {
    let (client, serving) = server(answers).await;
    let tokens = tokens(access, "r1");
    let kept = Kept(Arc::new(Mutex::new(Some(tokens.clone()))));
    let client = Client::builder(client.base_url()).api_key("key").signed_in(tokens, kept.clone()).build().unwrap();
    (client, kept, serving)
}

fn refreshed(name: &str) -> String {
    answer("200 OK", &json!({ "ok": true, "access_token": token(name), "refresh_token": "r2" }).to_string())
}

fn refused(code: &str) -> String {
    answer("401 Unauthorized", &json!({ "ok": false, "error": { "code": code, "message": "no" } }).to_string())
}

/// Shows each request as its path and its token.
fn seen(heads: &[String]) -> Vec<String> {
    let bearer = |head: &str| head.lines().find_map(|line| line.strip_prefix("authorization: bearer ")).map(name_of);
    let path = |head: &str| head.split(' ').nth(1).unwrap().to_owned();
    heads.iter().map(|head| format!("{} {}", path(head), bearer(head).unwrap_or_default())).collect()
}

fn name_of(token: &str) -> String {
    token.split('.').next().unwrap().to_owned()
}

const REFRESHING: &str = "/v1/auth/refresh ";

#[tokio::test]
async fn a_token_that_runs_out_is_refreshed_before_the_call() {
    for old in ["opaque".to_owned(), "old.eyJleHAiOjF9.e30".to_owned()] {
        let script = vec![refreshed("new"), answer("200 OK", LIST), answer("200 OK", LIST)];
        let (client, kept, requests) = signed_in(script, old).await;
        for _ in 0..2 {
            client.call(&intents::LIST, &ListIntents::default()).await.unwrap();
        }
        let heads = requests.await.unwrap();
        assert_eq!(seen(&heads), [REFRESHING, "/v1/intents new", "/v1/intents new"]);
        assert!(heads[0].contains("x-api-key: key"));
        assert!(kept.read() == Some(tokens(token("new"), "r2")));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_refreshed_once() {
    let again = "invalid_actor_token";
    let script = vec![refused("token_expired"), refreshed("new"), refused(again)];
    let (client, _, requests) = signed_in(script, token("old")).await;
    let error = client.call(&intents::LIST, &ListIntents::default()).await.unwrap_err();
    assert_eq!(error.code(), Some(again));
    assert_eq!(seen(&requests.await.unwrap()), ["/v1/intents old", REFRESHING, "/v1/intents new"]);

    // Other error codes do not cause a refresh.
    let (client, _, requests) = signed_in(vec![refused("invalid_platform_api_key")], token("old")).await;
    client.call(&intents::LIST, &ListIntents::default()).await.unwrap_err();
    assert_eq!(requests.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_that_is_over_is_left_alone() {
    let script = vec![refused("refresh_token_reused"), answer("200 OK", LIST), answer("200 OK", LIST)];
    let (client, kept, requests) = signed_in(script, "opaque".to_owned()).await;
    for _ in 0..2 {
        client.call(&intents::LIST, &ListIntents::default()).await.unwrap();
    }
    assert_eq!(seen(&requests.await.unwrap()), [REFRESHING, "/v1/intents opaque", "/v1/intents opaque"]);
    assert!(kept.read() == Some(tokens("opaque".to_owned(), "r1")));
}

#[tokio::test]
async fn what_another_process_has_fetched_is_used() {
    let (client, kept, requests) = signed_in(vec![answer("200 OK", LIST)], "opaque".to_owned()).await;
    kept.write(&tokens(token("theirs"), "r7"));
    client.call(&intents::LIST, &ListIntents::default()).await.unwrap();
    assert_eq!(seen(&requests.await.unwrap()), ["/v1/intents theirs"]);
}
