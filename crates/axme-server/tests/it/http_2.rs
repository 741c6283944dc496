//! HTTP/2: the protocol, and what the requests of one connection may hold.

use std::time::Duration;

use axme_store::Limits;
use axum::body::Bytes;
use axum::http::Request;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;

use crate::connection_limits::{Node, rest, start};
use crate::harness::{Engine, each_engine};

each_engine! {
    both_protocols_are_spoken_at_one_address,
    bodies_of_many_requests_share_the_memory_of_their_client,
    each_open_request_takes_the_place_of_a_connection,
}

const MIB: usize = 1024 * 1024;

/// The client of a connection.
pub(crate) struct Client {
    pub requests: SendRequest<Bytes>,
    pub connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    pub(crate) async fn new(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Client {
        Client::with(h2::client::Builder::new(), stream).await
    }

    async fn with(
        builder: h2::client::Builder,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Client {
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        Client { requests: requests.ready().await.unwrap(), connection }
    }

    /// Makes a call; returns the status and the whole answer.
    pub(crate) async fn call(
        &mut self,
        node_key: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, String) {
        let request = request(node_key, method, path);
        let (response, mut sender) = self.requests.send_request(request, body.is_none()).unwrap();
        if let Some(body) = body {
            // A call that is refused before its body has arrived does not need it.
            let _ = sender.send_data(body.to_string().into(), true);
        }
        let response = tokio::time::timeout(Duration::from_secs(20), response).await.expect("an answer").unwrap();
        let status = response.status().as_u16();
        (status, text(response.into_body()).await)
    }

    /// Opens a stream of deliveries, which stays open; returns its status.
    async fn follow(&mut self, node: &Node) -> (u16, RecvStream) {
        let path = "/v1/agents/agent://local/default/worker/intents/stream?since=0&follow=1&wait_seconds=60";
        let (response, _) = self.requests.send_request(request(&node.key, "GET", path), true).unwrap();
        let response = tokio::time::timeout(Duration::from_secs(20), response).await.expect("an answer").unwrap();
        (response.status().as_u16(), response.into_body())
    }
}

fn request(key: &str, method: &str, path: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(format!("http://axme{path}"));
    request.header("x-api-key", key).header("content-type", "application/json").body(()).unwrap()
}

/// Reads a body to its end.
async fn text(mut body: RecvStream) -> String {
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.unwrap();
        let _ = body.flow_control().release_capacity(part.len());
        bytes.extend_from_slice(&part);
    }
    String::from_utf8(bytes).unwrap()
}

async fn both_protocols_are_spoken_at_one_address(engine: Engine) {
    let node = start(engine, Limits::default()).await;
    assert!(node.call("POST", "/v1/service-accounts", &json!({ "name": "worker" })).await.starts_with("HTTP/1.1 200"));
    let mut client = Client::new(node.connect().await).await;
    let (status, mut stream) = client.follow(&node).await;
    assert_eq!((status, client.requests.current_max_send_streams()), (200, 100));
    // Requests beside the open stream, with answers longer than a part.
    let text = "x".repeat(100 * 1024);
    let intent = json!({ "intent_type": "x", "to_agent": "worker", "payload": { "text": text } });
    let (status, answer) = client.call(&node.key, "POST", "/v1/intents", Some(&intent)).await;
    assert_eq!(status, 200, "{answer}");
    let id = serde_json::from_str::<Value>(&answer).unwrap()["intent_id"].as_str().unwrap().to_owned();
    let (status, answer) = client.call(&node.key, "GET", &format!("/v1/intents/{id}"), None).await;
    assert!(status == 200 && answer.contains(&text), "{status}");
    let frame = tokio::time::timeout(Duration::from_secs(20), async {
        let mut seen = String::new();
        while !seen.contains(&id) {
            seen.push_str(&String::from_utf8_lossy(&stream.data().await.expect("more").unwrap()));
        }
    });
    frame.await.expect("the delivery arrives on the open stream");
    let (status, answer) = client.call("wrong", "POST", "/v1/intents", Some(&intent)).await;
    assert!(status == 401 && answer.contains("invalid_platform_api_key"), "{answer}");
    drop(stream);
    node.running.stop().await;
}

async fn bodies_of_many_requests_share_the_memory_of_their_client(engine: Engine) {
    let limits = Limits { bodies_bytes: 4 * MIB, bodies_bytes_per_client: 2 * MIB, ..Limits::default() };
    let mut node = start(engine, limits).await;
    let mut client = Client::new(node.connect().await).await;
    let made = client.call(&node.key, "POST", "/v1/service-accounts", Some(&json!({ "name": "worker" }))).await.1;
    let made: Value = serde_json::from_str(&made).unwrap();
    let keys = format!("/v1/service-accounts/{}/keys", made["service_account_id"].as_str().unwrap());
    let made: Value = serde_json::from_str(&client.call(&node.key, "POST", &keys, Some(&json!({}))).await.1).unwrap();
    let other = made["api_key"].as_str().unwrap().to_owned();
    // Three connections with as many long bodies as are allowed, none of which is finished.
    let (mut taken, mut held, mut clients) = (0, Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut client = Client::new(node.connect().await).await;
        for _ in 0..100 {
            let mut head = request(&node.key, "POST", "/v1/intents");
            head.headers_mut().insert("content-length", MIB.into());
            let (response, mut body) = client.requests.send_request(head, false).unwrap();
            body.reserve_capacity(MIB);
            held.push((response, body));
            client.requests = client.requests.ready().await.unwrap();
        }
        clients.push(client);
    }
    let until = tokio::time::Instant::now() + Duration::from_millis(1_500);
    while tokio::time::Instant::now() < until {
        for (_, body) in &mut held {
            let granted = body.capacity();
            if granted > 0 && body.send_data(vec![b' '; granted].into(), false).is_ok() {
                taken += granted;
                body.reserve_capacity(MIB);
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(taken > 0, "some of it was read");
    assert!(taken <= 2 * MIB + 3 * 128 * 1024 + 64 * 1024, "the server took {taken} bytes of one client");
    // The share of others is free.
    node.key = other;
    let answer = node.call("GET", "/v1/me", &json!({})).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop((held, clients));
    node.running.stop().await;
}

async fn each_open_request_takes_the_place_of_a_connection(engine: Engine) {
    let node = start(engine, Limits { connections_per_address: 3, ..Limits::default() }).await;
    let mut client = Client::new(node.connect().await).await;
    let made = client.call(&node.key, "POST", "/v1/service-accounts", Some(&json!({ "name": "worker" }))).await;
    assert_eq!(made.0, 200, "{}", made.1);
    let (first, second) = (client.follow(&node).await, client.follow(&node).await);
    assert_eq!((first.0, second.0), (200, 200));
    let refused = client.call(&node.key, "GET", "/v1/me", None).await;
    assert!(refused.0 == 503 && refused.1.contains("unavailable"), "{refused:?}");
    let mut other = node.connect().await;
    assert!(rest(&mut other).await.is_empty(), "the address has no place left for a connection");
    drop(first);
    // The server learns of the end of the stream a moment later.
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while client.call(&node.key, "GET", "/v1/me", None).await.0 != 200 {
        assert!(tokio::time::Instant::now() < until, "the place is free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(second);
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_many_requests_back_loses_its_connection() {
    let node = start(Engine::Sqlite, Limits::default()).await;
    let mut client = Client::new(node.connect().await).await;
    for _ in 0..200 {
        for _ in 0..100 {
            let Ok((_, mut body)) = client.requests.send_request(request(&node.key, "POST", "/v1/intents"), false)
            else {
                break;
            };
            body.send_reset(Reason::CANCEL);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        if client.connection.is_finished() {
            break;
        }
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), client.connection).await.expect("the connection ends");
    assert!(ended.unwrap().is_err(), "the server has ended it");
    assert!(node.call("GET", "/v1/me", &json!({})).await.starts_with("HTTP/1.1 200"));
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_headers_are_refused() {
    let node = start(Engine::Sqlite, Limits::default()).await;
    let mut client = Client::new(node.connect().await).await;
    let mut head = request(&node.key, "GET", "/v1/me");
    for n in 0..8 {
        let name: axum::http::HeaderName = format!("x-long-{n}").parse().unwrap();
        head.headers_mut().insert(name, "x".repeat(8 * 1024).parse().unwrap());
    }
    let (response, _) = client.requests.send_request(head, true).unwrap();
    let response = tokio::time::timeout(Duration::from_secs(20), response).await.expect("an answer");
    assert!(response.is_err() || response.unwrap().status() == 431);
    assert!(node.call("GET", "/v1/me", &json!({})).await.starts_with("HTTP/1.1 200"));
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_answers_loses_its_connection() {
    let node = start(Engine::Sqlite, Limits { unread_seconds: 1, ..Limits::default() }).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1_024);
    let mut client = Client::with(builder, node.connect().await).await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        let sent = client.requests.send_request(request(&node.key, "GET", "/openapi.json"), true);
        // The connection may end before the last of them.
        let Ok((response, _)) = sent else { break };
        let Ok(response) = response.await else { break };
        unread.push(response.into_body());
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), client.connection).await;
    let _ = ended.expect("the connection ends");
    let mut parts = 0;
    while let Some(Ok(part)) = unread[0].data().await {
        parts += part.len();
    }
    assert!(parts <= 1_024, "the rest was never sent");
    node.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_is_closed_and_one_with_a_stream_is_not() {
    let node = start(Engine::Sqlite, Limits { header_seconds: 1, unread_seconds: 1, ..Limits::default() }).await;
    node.call("POST", "/v1/service-accounts", &json!({ "name": "worker" })).await;
    let mut follows = Client::new(node.connect().await).await;
    let (status, _stream) = follows.follow(&node).await;
    assert_eq!(status, 200);
    let mut idle = Client::new(node.connect().await).await;
    assert_eq!(idle.call(&node.key, "GET", "/v1/me", None).await.0, 200);
    tokio::time::timeout(Duration::from_secs(20), idle.connection).await.expect("it closes").unwrap().unwrap();
    // A client that says no more than which protocol it speaks.
    for sent in [&b"PRI * HTTP/2.0\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut connection = node.connect().await;
        connection.write_all(sent).await.unwrap();
        rest(&mut connection).await;
    }
    assert!(!follows.connection.is_finished(), "a connection with an open stream is not idle");
    assert_eq!(follows.call(&node.key, "GET", "/v1/me", None).await.0, 200);
    node.running.stop().await;
}
