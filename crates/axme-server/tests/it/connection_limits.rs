//! Connections of a server that listens: how many there may be, how slow, and how much memory they hold.

use std::net::SocketAddr;
use std::time::Duration;

use axme_server::{Bootstrap, Config, Running};
use axme_store::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Engine, Server, each_engine, fresh_schema, poll};

each_engine! {
    public_bodies_are_short_until_a_link_is_shown,
    bodies_share_a_budget_and_one_client_cannot_take_it,
    slow_headers_and_idle_connections_are_closed,
    connections_are_limited_per_address,
    an_unread_stream_is_closed_with_its_permit,
}

pub(crate) struct Node {
    pub running: Running,
    pub key: String,
    _folder: tempfile::TempDir,
}

pub(crate) async fn start(engine: Engine, limits: Limits) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data: folder.path().to_owned(), limits, ..Config::default() };
    if engine == Engine::Postgres {
        config.database_url = Some(fresh_schema().await);
        config.limits.postgres_writers = 2;
    }
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let running = axme_server::start(config).await.unwrap();
    let bootstrap = std::fs::read_to_string(folder.path().join("bootstrap.json")).unwrap();
    let bootstrap: Bootstrap = serde_json::from_str(&bootstrap).unwrap();
    Node { running, key: bootstrap.api_key, _folder: folder }
}

impl Node {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.running.addr()).await.unwrap()
    }

    /// Sends a request on its own connection; returns the whole answer.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> String {
        let mut connection = self.connect().await;
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: axme\r\nx-api-key: {}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
            self.key
        );
        connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// Reads until the server closes the connection; returns the bytes.
pub(crate) async fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(Duration::from_secs(20), connection.read_to_end(&mut bytes)).await.expect("it closes");
    bytes
}

async fn public_bodies_are_short_until_a_link_is_shown(engine: Engine) {
    let server = Server::start(engine).await;
    let long = "x".repeat(20 * 1024);
    let login = json!({ "email": "ann@example.com", "padding": long });
    server.send("", "POST", "/v1/auth/login-intent", Some(login)).await.refused(413, "body_too_large");
    let unknown = json!({ "token": format!("axt_{}", "0".repeat(64)), "outcome": "approved", "notes": long });
    server.send("", "POST", "/v1/tasks/action", Some(unknown)).await.refused(413, "body_too_large");
    let form = server.submit_form("/app/login/cli?token=y", &[("padding", &long)]).await;
    assert_eq!(form.status, 413, "{}", form.body);

    let task = json!({ "title": "Ship it?", "assignees": ["ann@example.com"] });
    let task = json!({ "intent_type": "x", "to_agent": "worker", "human_task": task });
    let id = crate::harness::id_of(&server.post(&server.admin, "/v1/intents", task).await);
    let link = json!({ "person": "ann@example.com" });
    let link = server.post(&server.admin, &format!("/v1/tasks/{id}/links"), link).await;
    let answer = json!({ "token": link["token"], "outcome": "approved", "notes": long });
    // A repeat gets the same reply.
    for _ in 0..2 {
        let used = server.send("", "POST", "/v1/tasks/action", Some(answer.clone())).await.ok();
        assert_eq!(used["outcome"], "approved");
    }
    // With a key, bodies are as long as before.
    let body = json!({ "intent_type": "x", "to_agent": "worker", "payload": { "notes": long } });
    server.post(&server.admin, "/v1/intents", body).await;
}

async fn bodies_share_a_budget_and_one_client_cannot_take_it(engine: Engine) {
    const LONG: usize = 1024 * 1024;
    let limits = Limits { bodies_bytes: 2 * LONG, bodies_bytes_per_client: LONG, ..Limits::default() };
    let node = start(engine, limits).await;
    let other = node.call("POST", "/v1/service-accounts", &json!({ "name": "worker" })).await;
    let other: Value = serde_json::from_str(other.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let path = format!("/v1/service-accounts/{}/keys", other["service_account_id"].as_str().unwrap());
    let worker = node.call("POST", &path, &json!({})).await;
    let worker: Value = serde_json::from_str(worker.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    // A body that does not come holds all that the client may have.
    let mut first = node.connect().await;
    let head = format!(
        "POST /v1/intents HTTP/1.1\r\nhost: axme\r\nx-api-key: {}\r\ncontent-length: {LONG}\r\n\r\n{{",
        node.key
    );
    first.write_all(head.as_bytes()).await.unwrap();
    let intent = json!({ "intent_type": "x", "to_agent": "worker" });
    // Once the server has read the head, the next body of the client waits for its share.
    poll(async || {
        let waiting = node.call("POST", "/v1/intents", &intent);
        tokio::time::timeout(Duration::from_millis(500), waiting).await.err()
    })
    .await;
    // Others do not wait.
    let key = worker["api_key"].as_str().unwrap();
    let mut connection = node.connect().await;
    let body = intent.to_string();
    let head = format!(
        "POST /v1/intents HTTP/1.1\r\nhost: axme\r\nx-api-key: {key}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    assert!(rest(&mut connection).await.starts_with(b"HTTP/1.1 200"));
    // The share is free again once the body is given up.
    first.shutdown().await.unwrap();
    drop(first);
    assert!(node.call("POST", "/v1/intents", &intent).await.starts_with("HTTP/1.1 200"));
    node.running.stop().await;
}

async fn slow_headers_and_idle_connections_are_closed(engine: Engine) {
    let node = start(engine, Limits { header_seconds: 1, ..Limits::default() }).await;
    for sent in ["", "GET /health HTT", "GET /health HTTP/1.1\r\nhost: axme\r\nx-slow: ", "P"] {
        let mut connection = node.connect().await;
        connection.write_all(sent.as_bytes()).await.unwrap();
        rest(&mut connection).await;
    }
    // Between two requests too, after the answer to the first.
    let mut connection = node.connect().await;
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: axme\r\n\r\n").await.unwrap();
    assert!(rest(&mut connection).await.starts_with(b"HTTP/1.1 200"));
    // Headers that are too long are refused before they fill the memory.
    let mut connection = node.connect().await;
    let long = format!("GET /health HTTP/1.1\r\nhost: axme\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
    let _ = connection.write_all(long.as_bytes()).await;
    assert!(!rest(&mut connection).await.starts_with(b"HTTP/1.1 200"));
    node.running.stop().await;
}

async fn connections_are_limited_per_address(engine: Engine) {
    let node = start(engine, Limits { connections_per_address: 3, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut connection = node.connect().await;
        connection.write_all(b"GET /health HTTP/1.1\r\nhost: axme\r\n\r\n").await.unwrap();
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
        open.push(connection);
    }
    let mut refused = node.connect().await;
    assert!(rest(&mut refused).await.is_empty());
    open.pop();
    poll(async || {
        let mut connection = node.connect().await;
        let _ = connection.write_all(b"GET /health HTTP/1.1\r\nhost: axme\r\nconnection: close\r\n\r\n").await;
        rest(&mut connection).await.starts_with(b"HTTP/1.1 200").then_some(())
    })
    .await;
    node.running.stop().await;
}

async fn an_unread_stream_is_closed_with_its_permit(engine: Engine) {
    let limits = Limits { unread_seconds: 1, streams_per_account: 1, ..Limits::default() };
    let node = start(engine, limits).await;
    node.call("POST", "/v1/service-accounts", &json!({ "name": "worker" })).await;
    // More than the buffers of both sides of a connection take.
    let text = "x".repeat(40 * 1024);
    let intent = json!({ "intent_type": "x", "to_agent": "worker", "payload": { "text": text } });
    for _ in 0..400 {
        assert!(node.call("POST", "/v1/intents", &intent).await.starts_with("HTTP/1.1 200"));
    }
    let open = async || {
        let mut connection = node.connect().await;
        let path = "/v1/agents/agent://local/default/worker/intents/stream?since=0&follow=1&wait_seconds=60";
        let head = format!("GET {path} HTTP/1.1\r\nhost: axme\r\nx-api-key: {}\r\n\r\n", node.key);
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.unwrap();
        (connection, status)
    };
    let (mut unread, status) = open().await;
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(&open().await.1, b"HTTP/1.1 429");
    let freed = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if &open().await.1 == b"HTTP/1.1 200" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(15), freed).await.expect("the permit is free again");
    // With it the connection has ended: only what was already on its way can be read.
    let read = rest(&mut unread).await;
    assert!(read.len() < 400 * text.len(), "{}", read.len());
    node.running.stop().await;
}
