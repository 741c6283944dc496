//! The `http` binding, with a real receiver (`spec/protocol.md` §12.4).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axme_core::system::{Post, PostAnswer, PostError};
use axme_server::workers;
use axme_store::Limits;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine, id_of, poll};

each_engine! {
    an_intent_is_pushed_signed_and_acknowledged,
    pushes_that_fail_are_tried_three_times_and_then_it_is_a_dead_letter,
    a_pause_that_the_receiver_asks_for_uses_no_attempt,
    a_receiver_that_is_gone_gets_no_further_push,
    an_intent_and_its_envelope_set_attempts_and_delays,
    the_escalation_target_is_pushed_to_as_well,
    a_receiver_that_hangs_delays_nobody_else,
    nothing_is_sent_to_addresses_that_are_not_public,
    the_delivery_mode_of_an_agent_can_be_changed,
    the_worker_pushes_by_itself,
    hanging_hosts_hold_up_only_their_own_workspace,
    a_push_without_a_free_place_is_postponed_and_uses_no_attempt,
}

const SECRET: &str = "a secret of the receiver";
const TAKEN: PostAnswer = PostAnswer { status: 200, retry_after_seconds: None };

/// A receiver that records requests and returns the given answers.
#[derive(Clone, Default)]
pub struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

#[derive(Clone)]
pub enum Answer {
    Status(u16),
    Redirect(String),
    /// The status, with `Retry-After` in seconds.
    RetryAfter(u16, u64),
    Never,
    /// The status, once the test notifies it.
    Held(Arc<Notify>, u16),
}

impl Receiver {
    pub async fn start() -> (Receiver, SocketAddr) {
        let receiver = Receiver::default();
        let router = Router::new().route("/intent", post(receive)).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, addr)
    }

    /// Sets the next answers; later requests get 200.
    pub fn will(&self, answers: &[Answer]) {
        *self.answers.lock().unwrap() = answers.iter().rev().cloned().collect();
    }

    pub fn got(&self) -> Vec<(HeaderMap, Bytes)> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    receiver.got.lock().unwrap().push((headers, body));
    let answer = receiver.answers.lock().unwrap().pop().unwrap_or(Answer::Status(200));
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Answer::RetryAfter(status, seconds) => {
            (StatusCode::from_u16(status).unwrap(), [("retry-after", seconds.to_string())]).into_response()
        }
        Answer::Never => std::future::pending().await,
        Answer::Held(gate, status) => {
            gate.notified().await;
            StatusCode::from_u16(status).unwrap().into_response()
        }
    }
}

pub async fn server_that_may_call_loopback(engine: Engine) -> Server {
    let limits = Limits { outbound_allow: vec!["127.0.0.0/8".to_owned()], push_seconds: 1, ..Limits::default() };
    Server::start_with(engine, limits).await
}

/// Registers an agent that is pushed to; returns its account and its key.
pub async fn pushed(server: &Server, name: &str, url: &str) -> (String, String) {
    let body = json!({ "name": name, "delivery_mode": "http", "callback_url": url, "webhook_secret": SECRET });
    let account = server.post(&server.admin, "/v1/service-accounts", body).await;
    let id = account["service_account_id"].as_str().unwrap().to_owned();
    let key = server.post(&server.admin, &format!("/v1/service-accounts/{id}/keys"), json!({})).await;
    (id, key["api_key"].as_str().unwrap().to_owned())
}

/// Runs one round of the account's task.
pub async fn round(server: &Server, account: &str) {
    let workspace: Uuid = server.bootstrap.workspace_id.parse().unwrap();
    workers::push::tick(&server.app, workspace, account).await.unwrap();
}

pub fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

async fn an_intent_is_pushed_signed_and_acknowledged(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let id = server.submit("worker", json!({ "n": 1 })).await;
    round(&server, &account).await;
    let got = receiver.got();
    let [(headers, body)] = got.as_slice() else { panic!("one push, not {}", got.len()) };
    let text = |name: &str| headers[name].to_str().unwrap();
    let hex: String = sign(SECRET.as_bytes(), body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text("x-axme-signature"), format!("sha256={hex}"));
    assert_eq!(text("webhook-id"), id);
    assert_eq!(text("webhook-timestamp"), (server.now().millis() / 1_000).to_string());
    let signed = [id.as_bytes(), b".", text("webhook-timestamp").as_bytes(), b".", body].concat();
    assert_eq!(text("webhook-signature"), format!("v1,{}", STANDARD.encode(sign(SECRET.as_bytes(), &signed))));
    assert!(text("user-agent").starts_with("axme/"));
    let envelope: Value = serde_json::from_slice(body).unwrap();
    for (field, value) in [
        ("intent_id", json!(id)),
        ("intent_type", json!("intent.ask.v1")),
        ("status", json!("DELIVERED")),
        ("payload", json!({ "n": 1 })),
        ("to_agent", json!("agent://local/default/worker")),
    ] {
        assert_eq!(envelope[field], value, "{field}");
    }
    assert_eq!(server.intent(&id).await["status"], "ACKNOWLEDGED");
    server.advance(Duration::from_secs(600)).await;
    round(&server, &account).await;
    assert!(receiver.got().is_empty(), "an acknowledged intent is not pushed again soon");
    server.post(&key, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;
    server.advance(Duration::from_secs(7_200)).await;
    round(&server, &account).await;
    assert!(receiver.got().is_empty(), "an ended intent is not pushed");
}

async fn pushes_that_fail_are_tried_three_times_and_then_it_is_a_dead_letter(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    receiver.will(&[
        Answer::Status(500),
        Answer::Redirect("http://169.254.169.254/latest".to_owned()),
        Answer::Never,
        Answer::Status(500),
    ]);
    let id = server.submit("worker", json!({})).await;
    for (pause, pushes) in [(0, 1), (29, 0), (1, 1), (119, 0), (1, 1), (3_600, 0)] {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &account).await;
        assert_eq!(receiver.got().len(), pushes, "after {pause} s more");
    }
    let types = server.event_types(&id).await;
    assert_eq!(types[3..], ["delivery_failed", "delivery_failed", "delivery_failed", "failed"]);
    let events = server.events(&id).await;
    for (event, attempt, error) in [
        (&events[3], "1", "answered with status 500"),
        (&events[4], "2", "answered with status 307"),
        (&events[5], "3", "no answer in time"),
    ] {
        assert_eq!(event["status"], "DELIVERED", "a failed push does not end a stream");
        assert_eq!(event["details"]["delivery_attempt"], attempt);
        assert_eq!(event["details"]["error"], error);
    }
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["delivery_attempt"]), (&json!("FAILED"), &json!(3)));
    assert_eq!(intent["error"]["code"], "delivery_failed");
    let window = server.stream(&key, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty(), "a dead letter is not offered");

    let dead = server.get(&server.admin, "/v1/deliveries?status=dead_lettered").await;
    let letter = &dead["deliveries"][0];
    assert_eq!((&letter["delivery_id"], &letter["error_detail"]), (&json!(id), &json!("no answer in time")));
    let replay = format!("/v1/deliveries/{id}/replay");
    assert_eq!(server.post(&server.admin, &replay, json!({})).await["delivery"]["status"], "pending");
    round(&server, &account).await;
    assert_eq!(receiver.got().len(), 1, "pushed once more, without success");
    assert_eq!(server.get(&server.admin, "/v1/deliveries").await["deliveries"].as_array().unwrap().len(), 1);
    server.post(&server.admin, &replay, json!({})).await;
    round(&server, &account).await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(server.get(&server.admin, "/v1/deliveries").await["deliveries"], json!([]));
    server.send(&server.admin, "POST", &replay, Some(json!({}))).await.refused(404, "not_found");
    assert_eq!(server.event_types(&id).await, types, "nothing after the end");
    // Each try is logged once, with its reason.
    let lines = server.log.lines();
    let is_about_it = |line: &&str| line.contains("a push failed") && line.contains(&id);
    let reasons = ["status 500", "status 307", "no answer in time", "status 500"];
    let logged: Vec<&str> = lines.lines().filter(is_about_it).collect();
    assert!(
        logged.len() >= 3 && logged.iter().zip(reasons).take(3).all(|(line, why)| line.contains(why)),
        "{logged:#?}"
    );
    assert_eq!(logged.len(), 4, "three tries and a failed replay: {logged:#?}");
}

async fn a_pause_that_the_receiver_asks_for_uses_no_attempt(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    receiver.will(&[
        Answer::RetryAfter(429, 40),
        Answer::RetryAfter(503, 86_400),
        Answer::RetryAfter(429, 0),
        Answer::RetryAfter(500, 2),
    ]);
    let id = server.submit("worker", json!({})).await;
    // At most an hour, and at least a second. Other statuses follow the schedule.
    for (pause, pushes) in [(0, 1), (39, 0), (1, 1), (3_599, 0), (1, 1), (1, 1), (29, 0), (1, 1)] {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &account).await;
        assert_eq!(receiver.got().len(), pushes, "after {pause} s more");
    }
    let types = server.event_types(&id).await;
    assert_eq!(types[3..], ["delivery_failed", "acknowledged"], "only the 500 was a failure");
    server.post(&key, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;

    // A receiver cannot put off an intent for more than a day.
    receiver.will(&vec![Answer::RetryAfter(429, 3_600); 30]);
    let id = server.submit("worker", json!({})).await;
    for _ in 0..24 {
        round(&server, &account).await;
        server.advance(Duration::from_secs(3_600)).await;
    }
    assert_eq!(server.event_types(&id).await.len(), 3);
    for _ in 0..3 {
        round(&server, &account).await;
        server.advance(Duration::from_secs(600)).await;
    }
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["delivery_attempt"]), (&json!("FAILED"), &json!(3)));
}

async fn a_receiver_that_is_gone_gets_no_further_push(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, _) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    receiver.will(&[Answer::Status(410)]);
    let id = server.submit("worker", json!({})).await;
    for _ in 0..3 {
        round(&server, &account).await;
        server.advance(Duration::from_secs(600)).await;
    }
    assert_eq!(receiver.got().len(), 1);
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["error"]["code"]), (&json!("FAILED"), &json!("delivery_failed")));
    let dead = server.get(&server.admin, "/v1/deliveries?status=dead_lettered").await;
    assert_eq!(dead["deliveries"][0]["error_detail"], "answered with status 410");
}

async fn an_intent_and_its_envelope_set_attempts_and_delays(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, _) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    receiver.will(&[Answer::Status(404), Answer::Status(503)]);
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "max_delivery_attempts": 5 });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let patch = json!({ "envelope_patch": { "max_retry_count": 1, "retry_backoff_seconds": 7 } });
    server.post(&server.admin, &format!("/v1/intents/{id}/policy"), patch).await;
    round(&server, &account).await;
    server.advance(Duration::from_secs(7)).await;
    round(&server, &account).await;
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(server.intent(&id).await["status"], "FAILED");
}

async fn the_escalation_target_is_pushed_to_as_well(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "backup", &format!("http://{addr}/intent")).await;
    receiver.will(&[Answer::Status(500)]);
    let body = json!({
        "intent_type": "intent.ask.v1", "to_agent": "worker", "remind_after_seconds": 10, "max_reminders": 1,
        "escalate_to": "backup",
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.advance(Duration::from_secs(10)).await;
    round(&server, &account).await;
    assert!(receiver.got().is_empty(), "not before");
    server.advance(Duration::from_secs(10)).await;
    for (pause, pushes) in [(0, 1), (599, 0), (1, 1), (600, 0)] {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &account).await;
        assert_eq!(receiver.got().len(), pushes, "after {pause} s more");
    }
    let types = server.event_types(&id).await;
    assert_eq!(types[3..], ["reminder", "escalated"], "failed pushes to the escalation target do not fail the intent");
    let done = server.post(&key, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;
    assert_eq!(done["intent"]["status"], "COMPLETED");
}

async fn a_receiver_that_hangs_delays_nobody_else(engine: Engine) {
    // Longer than this test takes on a slow machine.
    let limits = Limits { outbound_allow: vec!["127.0.0.0/8".to_owned()], push_seconds: 14, ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let (hanging, slow) = Receiver::start().await;
    let (receiver, quick) = Receiver::start().await;
    hanging.will(&vec![Answer::Never; 16]);
    let (stuck, _) = pushed(&server, "stuck", &format!("http://{slow}/intent")).await;
    let (fine, _) = pushed(&server, "fine", &format!("http://{quick}/intent")).await;
    for _ in 0..8 {
        server.submit("stuck", json!({})).await;
    }
    let id = server.submit("fine", json!({})).await;
    let held = round(&server, &stuck);
    let other = async {
        round(&server, &fine).await;
        server.intent(&id).await["status"].clone()
    };
    tokio::pin!(held);
    let status = tokio::select! {
        biased;
        () = &mut held => panic!("the hanging receiver finished first"),
        status = other => status,
    };
    assert_eq!(status, "ACKNOWLEDGED");
    assert_eq!(receiver.got().len(), 1);
}

async fn nothing_is_sent_to_addresses_that_are_not_public(engine: Engine) {
    let server = Server::start(engine).await;
    let (receiver, addr) = Receiver::start().await;
    for url in
        ["http://127.0.0.1:1/x", "http://169.254.169.254/", "http://[::1]/", "http://10.0.0.1/", "ftp://a.example/"]
    {
        let body = json!({ "name": "worker", "delivery_mode": "http", "callback_url": url });
        let text = server.send(&server.admin, "POST", "/v1/service-accounts", Some(body)).await;
        assert!(text.refused(422, "validation_failed").starts_with("callback_url: "), "{url}");
    }
    // A host name may be registered before it resolves; every attempt checks it.
    let (account, _) = pushed(&server, "worker", &format!("http://localhost:{}/intent", addr.port())).await;
    let id = server.submit("worker", json!({})).await;
    round(&server, &account).await;
    assert!(receiver.got().is_empty());
    let event = server.events(&id).await[3].clone();
    assert_eq!(event["event_type"], "intent.delivery_failed");
    let error = event["details"]["error"].as_str().unwrap();
    assert!(error.contains("is not a public address"), "{error}");
}

async fn the_delivery_mode_of_an_agent_can_be_changed(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    server.agent("worker").await;
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let account = accounts["service_accounts"].as_array().unwrap().iter().find(|a| a["name"] == "worker").unwrap();
    let account = account["service_account_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/service-accounts/{account}");
    let change = async |body: Value| server.send(&server.admin, "PATCH", &path, Some(body)).await;
    change(json!({ "delivery_mode": "http" })).await.refused(422, "validation_failed");
    change(json!({ "callback_url": "http://127.0.0.1/" })).await.refused(422, "validation_failed");
    change(json!({ "delivery_mode": "pigeon" })).await.refused(422, "validation_failed");
    let url = format!("http://{addr}/intent");
    let http = json!({ "delivery_mode": "http", "callback_url": url });
    let changed = change(http.clone()).await.ok();
    let secret = changed["webhook_secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{changed}");
    assert_eq!(changed["service_account"]["callback_url"], url);
    let again = change(http).await.ok();
    assert_eq!(again["webhook_secret"], Value::Null, "shown once: {again}");
    server.submit("worker", json!({})).await;
    round(&server, &account).await;
    let (headers, body) = receiver.got().remove(0);
    let key = STANDARD.decode(&secret["whsec_".len()..]).unwrap();
    let id = headers["webhook-id"].to_str().unwrap();
    let at = headers["webhook-timestamp"].to_str().unwrap();
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", &body].concat();
    assert_eq!(headers["webhook-signature"].to_str().unwrap(), format!("v1,{}", STANDARD.encode(sign(&key, &signed))));
    let back = change(json!({ "delivery_mode": "stream" })).await.ok();
    assert_eq!(back["service_account"]["callback_url"], Value::Null);
    server.submit("worker", json!({})).await;
    round(&server, &account).await;
    assert!(receiver.got().is_empty());
    let other = server.workspace("other", "ws").await;
    server.send(&other, "PATCH", &path, Some(json!({ "delivery_mode": "poll" }))).await.refused(404, "not_found");
}

async fn the_worker_pushes_by_itself(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let worker = tokio::spawn(workers::push_dispatcher::run(server.app.clone()));
    pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let id = server.submit("worker", json!({})).await;
    crate::harness::poll(async || (server.intent(&id).await["status"] == "ACKNOWLEDGED").then_some(())).await;
    assert_eq!(receiver.got().len(), 1);
    server.stop();
    worker.await.unwrap();
}

async fn hanging_hosts_hold_up_only_their_own_workspace(engine: Engine) {
    let limits = Limits { outbound_allow: vec!["127.0.0.0/8".to_owned()], push_seconds: 25, ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let outbound = &server.app.system.outbound;
    let mut hanging = Vec::new();
    for _ in 0..5 {
        let (receiver, addr) = Receiver::start().await;
        receiver.will(&vec![Answer::Never; 30]);
        hanging.push((receiver, addr));
    }
    let (_good, good) = Receiver::start().await;
    let (greedy, modest) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let post = |workspace: Uuid, to: SocketAddr| {
        outbound.post(Post { workspace, url: format!("http://{to}/intent"), headers: Vec::new(), body: b"{}".to_vec() })
    };
    let calls = join_all(hanging.iter().flat_map(|(_, addr)| (0..20).map(|_| post(greedy, *addr))));
    let meanwhile = async {
        let got = || hanging.iter().map(|(receiver, _)| receiver.got.lock().unwrap().len()).sum::<usize>();
        poll(async || (got() >= 64).then_some(())).await;
        assert_eq!(post(modest, good).await, Ok(TAKEN));
        assert_eq!(got(), 64);
        assert!(hanging.iter().all(|(receiver, _)| receiver.got.lock().unwrap().len() <= 16), "to one host");
        assert_eq!(post(greedy, good).await, Err(PostError::Busy));
    };
    tokio::select! {
        outcomes = calls => panic!("they hang: {outcomes:?}"),
        () = meanwhile => {}
    }
    assert_eq!(post(greedy, good).await, Ok(TAKEN), "permits are released");
}

async fn a_push_without_a_free_place_is_postponed_and_uses_no_attempt(engine: Engine) {
    let limits = Limits { outbound_allow: vec!["127.0.0.0/8".to_owned()], push_seconds: 25, ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, _) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let gate = Arc::new(Notify::new());
    receiver.will(&vec![Answer::Held(gate.clone(), 200); 16]);
    let workspace: Uuid = server.bootstrap.workspace_id.parse().unwrap();
    let post = |to: SocketAddr| {
        server.app.system.outbound.post(Post {
            workspace,
            url: format!("http://{to}/intent"),
            headers: Vec::new(),
            body: b"{}".to_vec(),
        })
    };
    let busy = join_all((0..16).map(|_| post(addr)));
    let meanwhile = async {
        poll(async || (receiver.got.lock().unwrap().len() == 16).then_some(())).await;
        let id = server.submit("worker", json!({})).await;
        round(&server, &account).await;
        assert_eq!(receiver.got.lock().unwrap().len(), 16, "it has not been sent");
        for _ in 0..16 {
            gate.notify_one();
        }
        id
    };
    let (outcomes, id) = tokio::join!(busy, meanwhile);
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(TAKEN)), "{outcomes:?}");
    receiver.got();
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["delivery_attempt"]), (&json!("DELIVERED"), &json!(0)));
    server.advance(Duration::from_secs(5)).await;
    round(&server, &account).await;
    assert_eq!(receiver.got().len(), 1, "five seconds later");
}
