//! Subscriptions to events, and published events, with a real receiver (`spec/protocol.md` §2.7).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axme_server::workers;
use axme_store::Limits;
use axme_store::{queue, webhooks as subscriptions};
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine, id_of, poll};
use crate::organizations::{organization, workspace};
use crate::pushes::{Answer, Receiver, server_that_may_call_loopback, sign};
use crate::quotas::{limit, refused_until_tomorrow, used_today};

each_engine! {
    a_subscription_is_created_updated_listed_and_deleted,
    invalid_subscriptions_are_refused,
    nobody_publishes_in_the_name_of_the_platform,
    an_event_is_sent_signed_and_counted,
    an_undelivered_event_is_retried_and_then_a_dead_letter,
    a_replay_survives_the_outcome_of_an_attempt_in_flight,
    deliveries_of_a_paused_subscriber_expire_with_their_event,
    large_fan_outs_run_in_parts_and_workspaces_take_turns,
    a_dead_letter_is_replayed_by_its_id_too,
    deliveries_are_counted_and_beyond_their_quota_refused_or_put_aside,
    intent_events_reach_the_subscribers_they_concern,
    a_subscription_that_is_paused_or_ended_gets_nothing,
    nothing_is_lost_or_doubled_when_the_fanning_out_is_repeated,
    a_subscription_ends_with_the_role_it_rests_on,
}

pub const SUBSCRIPTIONS: &str = "/v1/webhooks/subscriptions";
const SECRET: &str = "a secret of the subscriber";

/// Subscribes; returns the id.
pub async fn subscribe(server: &Server, key: &str, url: &str, event_types: Value, owner: Option<&str>) -> String {
    let body = json!({ "callback_url": url, "event_types": event_types, "secret": SECRET, "owner_agent": owner });
    let answer = server.post(key, SUBSCRIPTIONS, body).await;
    answer["subscription"]["subscription_id"].as_str().unwrap().to_owned()
}

/// Fans out events, and runs one round of a subscriber's task.
pub async fn round(server: &Server, subscription: &str) {
    workers::fanout::tick(&server.app).await.unwrap();
    let workspace: Uuid = server.bootstrap.workspace_id.parse().unwrap();
    workers::webhooks::tick(&server.app, workspace, subscription.parse().unwrap()).await.unwrap();
}

pub async fn publish(server: &Server, key: &str, event_type: &str) -> Value {
    let body = json!({ "event_type": event_type, "source": "test", "payload": { "n": 1 } });
    server.post(key, "/v1/webhooks/events", body).await
}

pub async fn replay(server: &Server, event: &Value) -> Value {
    let path = format!("/v1/webhooks/events/{}/replay", event["event_id"].as_str().unwrap());
    server.post(&server.admin, &path, json!({})).await
}

pub fn counters(answer: &Value) -> [u64; 4] {
    ["queued_deliveries", "delivered", "pending", "dead_lettered"].map(|name| answer[name].as_u64().unwrap())
}

pub fn types(receiver: &Receiver) -> Vec<String> {
    let event_type =
        |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["event_type"].as_str().unwrap().to_owned();
    receiver.got().iter().map(|(_, body)| event_type(body)).collect()
}

async fn a_subscription_is_created_updated_listed_and_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let body = json!({ "callback_url": "https://example.com/hook", "event_types": ["intent.completed"] });
    let made = server.post(&server.admin, SUBSCRIPTIONS, body.clone()).await["subscription"].clone();
    let secret = made["secret"].as_str().expect("a generated secret is shown once");
    assert!(secret.starts_with("whsec_"));
    assert_eq!(made["secret_hint"], format!("…{}", &secret[secret.len() - 4..]));
    assert_eq!((&made["active"], &made["revoked_at"]), (&json!(true), &Value::Null));
    server.clock.advance(Duration::from_secs(1));
    let changed = json!({
        "callback_url": "https://example.com/hook", "event_types": ["*"], "active": false, "description": "d",
        "secret": "0123456789abcdef",
    });
    let changed = server.post(&server.admin, SUBSCRIPTIONS, changed).await["subscription"].clone();
    assert_eq!((&changed["subscription_id"], &changed["created_at"]), (&made["subscription_id"], &made["created_at"]));
    assert_ne!(changed["updated_at"], made["updated_at"]);
    assert_eq!((&changed["event_types"], &changed["secret_hint"]), (&json!(["*"]), &json!("…cdef")));
    assert_eq!(changed.get("secret"), None);
    let own = server.post(&worker, SUBSCRIPTIONS, body).await["subscription"].clone();
    assert_eq!(own["owner_agent"], "agent://local/default/worker", "another owner, another subscription");

    let list = async |key: &str, query: &str| {
        let answer = server.get(key, &format!("{SUBSCRIPTIONS}?{query}")).await;
        let ids = answer["subscriptions"].as_array().unwrap().iter().map(|s| s["subscription_id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(list(&server.admin, "").await, [own["subscription_id"].clone()], "paused ones are not shown");
    let mut all = [made["subscription_id"].clone(), own["subscription_id"].clone()];
    all.sort_by_key(Value::to_string);
    let mut listed = list(&server.admin, "include_inactive=true").await;
    listed.sort_by_key(Value::to_string);
    assert_eq!(listed, all);
    assert_eq!(list(&worker, "include_inactive=true").await, [own["subscription_id"].clone()]);
    assert!(list(&server.admin, "owner_agent=agent://conformance/owner").await.is_empty());

    let path = format!("{SUBSCRIPTIONS}/{}", made["subscription_id"].as_str().unwrap());
    server.send(&worker, "DELETE", &path, None).await.refused(404, "not_found");
    let foreign_owner = format!("{path}?owner_agent=agent://conformance/owner");
    let ended = server.send(&server.admin, "DELETE", &foreign_owner, None).await.ok();
    assert_eq!(ended["revoked_at"], server.now().to_string());
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.send(&server.admin, "DELETE", &path, None).await.ok(), ended, "ended once");
    let elsewhere = server.workspace("acme", "prod").await;
    server.send(&elsewhere, "DELETE", &path, None).await.refused(404, "not_found");
}

async fn invalid_subscriptions_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let url = "https://example.com/hook";
    for body in [
        json!({ "callback_url": "http://10.0.0.1/hook", "event_types": ["a.b"] }),
        json!({ "callback_url": "http://169.254.169.254/hook", "event_types": ["a.b"] }),
        json!({ "callback_url": "ftp://example.com/", "event_types": ["a.b"] }),
        json!({ "callback_url": url, "event_types": [] }),
        json!({ "callback_url": url, "event_types": ["a b"] }),
        json!({ "callback_url": url, "event_types": ["*.b"] }),
        json!({ "callback_url": url, "event_types": vec!["a.b"; 33] }),
        json!({ "callback_url": url, "event_types": ["a.b"], "secret": "short" }),
        json!({ "callback_url": url, "event_types": ["a.b"], "description": "x".repeat(256) }),
        json!({ "callback_url": url }),
    ] {
        let answer = server.send(&server.admin, "POST", SUBSCRIPTIONS, Some(body.clone())).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    for body in [
        json!({ "event_type": "ab", "source": "test", "payload": {} }),
        json!({ "event_type": "a.b", "source": "t", "payload": {} }),
        json!({ "event_type": "a.b", "source": "test" }),
    ] {
        let answer = server.send(&server.admin, "POST", "/v1/webhooks/events", Some(body.clone())).await;
        assert_eq!(answer.status, 422, "{body}");
    }
    for n in 0..100 {
        let body = json!({ "callback_url": format!("{url}/{n}"), "event_types": ["a.b"] });
        server.post(&server.admin, SUBSCRIPTIONS, body).await;
    }
    let body = json!({ "callback_url": url, "event_types": ["a.b"] });
    assert_eq!(server.send(&server.admin, "POST", SUBSCRIPTIONS, Some(body)).await.status, 422, "at most a hundred");
}

async fn nobody_publishes_in_the_name_of_the_platform(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for key in [&server.admin, &worker] {
        for (event_type, source) in [
            ("intent.completed", "test"),
            ("intent.anything", "test"),
            ("Intent.Completed", "test"),
            ("order.paid", "intents"),
            ("order.paid", "Intents "),
            ("inbox.reply_received", "inbox"),
            ("invite.accepted", "invites"),
            ("auth.session_revoked", "auth"),
        ] {
            let body = json!({ "event_type": event_type, "source": source, "payload": {} });
            let answer = server.send(key, "POST", "/v1/webhooks/events", Some(body)).await;
            let text = answer.refused(422, "validation_failed");
            assert!(text.contains("reserved for this server"), "{event_type} {source}: {text}");
        }
        // Other names stay free.
        let body = json!({ "event_type": "inbox.reply_received", "source": "test", "payload": {} });
        server.post(key, "/v1/webhooks/events", body).await;
    }
}

async fn an_event_is_sent_signed_and_counted(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let id = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["order.*"]), None).await;
    let event = publish(&server, &server.admin, "order.paid").await;
    assert_eq!(counters(&event), [1, 0, 1, 0]);
    assert_eq!(counters(&publish(&server, &server.admin, "invoice.paid").await), [0, 0, 0, 0]);
    round(&server, &id).await;
    let got = receiver.got();
    let [(headers, body)] = got.as_slice() else { panic!("one event, not {}", got.len()) };
    let text = |name: &str| headers[name].to_str().unwrap();
    let hex: String = sign(SECRET.as_bytes(), body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text("x-axme-signature"), format!("sha256={hex}"));
    assert_eq!(text("webhook-id"), event["event_id"].as_str().unwrap());
    assert_eq!(text("x-axme-event"), "order.paid");
    let sent: Value = serde_json::from_slice(body).unwrap();
    for (field, value) in [
        ("event_id", event["event_id"].clone()),
        ("event_type", json!("order.paid")),
        ("source", json!("test")),
        ("origin", json!("caller")),
        ("payload", json!({ "n": 1 })),
        ("subscription_id", json!(id)),
        ("attempt", json!(1)),
        ("occurred_at", json!("2026-01-01T00:00:00.000Z")),
    ] {
        assert_eq!(sent[field], value, "{field}");
    }
    round(&server, &id).await;
    assert!(receiver.got().is_empty(), "once");
    assert_eq!(counters(&replay(&server, &event).await), [1, 1, 1, 0]);
    round(&server, &id).await;
    assert_eq!(types(&receiver), ["order.paid"], "sent again by a replay");
    assert_eq!(counters(&replay(&server, &event).await), [1, 2, 1, 0]);
    let elsewhere = server.workspace("acme", "prod").await;
    let path = format!("/v1/webhooks/events/{}/replay", event["event_id"].as_str().unwrap());
    server.send(&elsewhere, "POST", &path, Some(json!({}))).await.refused(404, "not_found");
    let worker = server.agent("worker").await;
    server.send(&worker, "POST", &path, Some(json!({}))).await.refused(404, "not_found");
}

async fn an_undelivered_event_is_retried_and_then_a_dead_letter(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let id = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["*"]), None).await;
    receiver.will(&[
        Answer::Status(500),
        Answer::Redirect("http://10.0.0.1/".to_owned()),
        Answer::Never,
        Answer::Status(404),
    ]);
    let event = publish(&server, &server.admin, "a.b").await;
    let mut attempts = 0;
    for (pause, pushes) in [(0, 1), (29, 0), (1, 1), (120, 1), (600, 1), (6_000, 0)] {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &id).await;
        attempts += pushes;
        assert_eq!(receiver.got().len(), pushes, "after {pause} s more");
    }
    assert_eq!(attempts, 4);
    let dead = server.get(&server.admin, "/v1/deliveries").await["deliveries"].clone();
    assert_eq!(dead.as_array().unwrap().len(), 1);
    assert_eq!((&dead[0]["delivery_id"], &dead[0]["transport_type"]), (&event["event_id"], &json!("webhook")));
    assert_eq!(dead[0]["error_detail"], "answered with status 404");
    assert_eq!(counters(&replay(&server, &event).await), [1, 0, 1, 0]);
    round(&server, &id).await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(server.get(&server.admin, "/v1/deliveries").await["deliveries"], json!([]));
}

async fn a_replay_survives_the_outcome_of_an_attempt_in_flight(engine: Engine) {
    for (status, attempts) in [(200, 1), (500, 1), (500, 4)] {
        let limits = Limits { outbound_allow: vec!["127.0.0.0/8".to_owned()], ..Limits::default() };
        let server = Server::start_with(engine, limits).await;
        let (receiver, addr) = Receiver::start().await;
        let id = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["*"]), None).await;
        let gate = Arc::new(Notify::new());
        let mut answers = vec![Answer::Status(500); attempts - 1];
        answers.push(Answer::Held(gate.clone(), status));
        receiver.will(&answers);
        let event = publish(&server, &server.admin, "a.b").await;
        for pause in [30, 120, 600].into_iter().take(attempts - 1) {
            round(&server, &id).await;
            server.advance(Duration::from_secs(pause)).await;
        }
        receiver.got();
        let meanwhile = async {
            poll(async || (!receiver.got().is_empty()).then_some(())).await;
            let replayed = replay(&server, &event).await;
            gate.notify_one();
            replayed
        };
        let ((), replayed) = tokio::join!(round(&server, &id), meanwhile);
        assert_eq!(replayed["queued_deliveries"], 1);
        round(&server, &id).await;
        assert_eq!(types(&receiver), ["a.b"], "sent once more after {status} to attempt {attempts}");
        round(&server, &id).await;
        assert!(receiver.got().is_empty());
        let all = if status == 200 { 2 } else { 1 };
        assert_eq!(counters(&replay(&server, &event).await), [1, all, 1, 0]);
    }
}

async fn deliveries_of_a_paused_subscriber_expire_with_their_event(engine: Engine) {
    let server = Server::start(engine).await;
    let url = "https://example.com/hook";
    let id = subscribe(&server, &server.admin, url, json!(["*"]), None).await;
    publish(&server, &server.admin, "a.b").await;
    let pause = json!({ "callback_url": url, "event_types": ["*"], "active": false });
    let paused = server.post(&server.admin, SUBSCRIPTIONS, pause).await;
    assert_eq!(paused["subscription"]["subscription_id"], json!(id));
    server.clock.advance(Duration::from_secs(31 * 86_400));
    assert!(workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap() > 0);
    let (workspace, id): (Uuid, Uuid) = (server.bootstrap.workspace_id.parse().unwrap(), id.parse().unwrap());
    let now = server.now();
    let left = server.app.store.read(move |tx| {
        let address = subscriptions::find(tx, workspace, id)?.unwrap().address();
        Ok::<_, axme_store::StoreError>(queue::list_due(tx, workspace, &address, now, None, 10)?.len())
    });
    assert_eq!(left.await.unwrap(), 0);
}

async fn large_fan_outs_run_in_parts_and_workspaces_take_turns(engine: Engine) {
    let server = Server::start(engine).await;
    let other = server.workspace("acme", "prod").await;
    for n in 0..50 {
        let url = format!("https://example.com/{n}");
        subscribe(&server, &server.admin, &url, json!(["intent.created"]), None).await;
    }
    subscribe(&server, &other, "https://example.com/", json!(["intent.created"]), None).await;
    let body = json!({ "intent_type": "x.y.v1", "to_agent": "worker", "payload": {} });
    for _ in 0..15 {
        for key in [&server.admin, &other] {
            server.post(key, "/v1/intents", body.clone()).await;
        }
    }
    assert_eq!(workers::fanout::tick(&server.app).await.unwrap(), 30);
    assert_eq!(workers::fanout::tick(&server.app).await.unwrap(), 0);
    for (key, deliveries) in [(&server.admin, 15 * 50), (&other, 15)] {
        let summary = server.get(key, "/v1/usage/summary").await["summary"].clone();
        assert_eq!(summary["dimensions"]["webhook_deliveries_per_day"]["used"], deliveries);
    }
}

async fn a_dead_letter_is_replayed_by_its_id_too(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let id = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["*"]), None).await;
    receiver.will(&vec![Answer::Status(500); 5]);
    let event = publish(&server, &server.admin, "a.b").await;
    for pause in [0, 30, 120, 600] {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &id).await;
    }
    assert_eq!(receiver.got().len(), 4);
    let path = format!("/v1/deliveries/{}/replay", event["event_id"].as_str().unwrap());
    server.post(&server.admin, &path, json!({})).await;
    for (pause, pushes) in [(0, 1), (30, 1)] {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &id).await;
        assert_eq!(receiver.got().len(), pushes, "its attempts start again");
    }
}

async fn deliveries_are_counted_and_beyond_their_quota_refused_or_put_aside(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let dimension = "webhook_deliveries_per_day";
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let id = subscribe(&server, &server.admin, &url, json!(["order.*", "intent.created"]), None).await;
    let event = publish(&server, &server.admin, "order.paid").await;
    publish(&server, &server.admin, "nobody.cares").await;
    round(&server, &id).await;
    assert_eq!(types(&receiver), ["order.paid"]);
    assert_eq!(used_today(&server, dimension).await["used"], 1);

    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    limit(&server, org, ws, json!({ dimension: 2 }), "block").await;
    server.submit("worker", json!({})).await;
    let late = server.submit("worker", json!({})).await;
    round(&server, &id).await;
    assert_eq!(types(&receiver), ["intent.created"], "the second is beyond the quota");
    assert_eq!(used_today(&server, dimension).await, json!({ "used": 2, "limit": 2, "remaining": 0 }));
    let dead = server.get(&server.admin, "/v1/deliveries?status=dead_lettered").await["deliveries"].clone();
    assert_eq!(dead.as_array().unwrap().len(), 1);
    assert_eq!(dead[0]["error_detail"], format!("quota exceeded for {dimension}"));
    assert_eq!(server.event_types(&late).await[0], "created", "the intent itself goes on");

    let body = json!({ "event_type": "order.paid", "source": "test", "payload": {} });
    let path = "/v1/webhooks/events";
    refused_until_tomorrow(server.send(&server.admin, "POST", path, Some(body)).await, dimension, 2, 2);
    let again = format!("{path}/{}/replay", event["event_id"].as_str().unwrap());
    let dead = format!("/v1/deliveries/{}/replay", dead[0]["delivery_id"].as_str().unwrap());
    for path in [&again, &dead] {
        refused_until_tomorrow(server.send(&server.admin, "POST", path, Some(json!({}))).await, dimension, 2, 2);
    }
    round(&server, &id).await;
    assert!(receiver.got().is_empty(), "a refused call leaves nothing");

    server.advance(Duration::from_secs(24 * 3_600)).await;
    server.post(&server.admin, &dead, json!({})).await;
    round(&server, &id).await;
    assert_eq!(types(&receiver), ["intent.created"]);
    assert_eq!(used_today(&server, dimension).await["used"], 1);
}

async fn intent_events_reach_the_subscribers_they_concern(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let worker = server.agent("worker").await;
    server.agent("other").await;
    let (everything, addr) = Receiver::start().await;
    let all = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["intent.*"]), None).await;
    let (own, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let of_worker = subscribe(&server, &worker, &url, json!(["intent.completed", "intent.created"]), None).await;
    let (inbox, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let of_asker = subscribe(&server, &server.admin, &url, json!(["inbox.*"]), Some("asker")).await;

    let body = json!({ "intent_type": "x.y.v1", "to_agent": "worker", "reply_to": "asker", "payload": {} });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.submit("other", json!({})).await;
    server.clock.advance(Duration::from_millis(10));
    server.post(&worker, &format!("/v1/intents/{id}/resolve"), json!({ "status": "COMPLETED" })).await;
    server.post(&server.admin, &format!("/v1/inbox/{id}/reply?owner_agent=worker"), json!({ "message": "bye" })).await;
    for subscription in [&all, &of_worker, &of_asker] {
        round(&server, subscription).await;
    }
    let got = everything.got();
    let sent = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    assert!(got.iter().all(|(_, body)| sent(body)["origin"] == "platform"), "{got:?}");
    let mut seen: Vec<String> =
        got.iter().map(|(_, body)| sent(body)["event_type"].as_str().unwrap().to_owned()).collect();
    seen.sort();
    let expected = [("completed", 1), ("created", 2), ("delivered", 2), ("submitted", 2)];
    let expected = expected.iter().flat_map(|(word, times)| vec![format!("intent.{word}"); *times]);
    assert_eq!(seen, expected.collect::<Vec<_>>());
    let got = own.got();
    let mut bodies: Vec<Value> = got.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    bodies.sort_by_key(|body| body["occurred_at"].to_string());
    let event_types: Vec<&Value> = bodies.iter().map(|body| &body["event_type"]).collect();
    assert_eq!(event_types, [&json!("intent.created"), &json!("intent.completed")], "of its own intents only");
    let payload = &bodies[1]["payload"];
    assert_eq!((&payload["intent_id"], &payload["status"]), (&json!(id), &json!("COMPLETED")));
    assert_eq!((&payload["outcome"], &payload["outcome_text"]), (&json!("completed"), &json!("Completed")));
    assert_eq!(payload["event"]["event_type"], "intent.completed");
    let mut inboxed = types(&inbox);
    inboxed.sort();
    assert_eq!(inboxed, ["inbox.reply_received", "inbox.thread_created"]);

    // Events of another workspace are not sent.
    let stranger = server.workspace("acme", "prod").await;
    let body = json!({ "intent_type": "x.y.v1", "to_agent": "worker", "payload": {} });
    server.post(&stranger, "/v1/intents", body).await;
    round(&server, &all).await;
    assert!(everything.got().is_empty());
}

async fn a_subscription_that_is_paused_or_ended_gets_nothing(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let id = subscribe(&server, &server.admin, &url, json!(["*"]), None).await;
    let pause = async |active: bool| {
        let body = json!({ "callback_url": url, "event_types": ["*"], "active": active });
        server.post(&server.admin, SUBSCRIPTIONS, body).await;
    };
    pause(false).await;
    server.submit("worker", json!({})).await;
    publish(&server, &server.admin, "a.b").await;
    round(&server, &id).await;
    pause(true).await;
    round(&server, &id).await;
    assert!(receiver.got().is_empty(), "events during the pause are not sent later");
    publish(&server, &server.admin, "a.b").await;
    server.send(&server.admin, "DELETE", &format!("{SUBSCRIPTIONS}/{id}"), None).await.ok();
    round(&server, &id).await;
    assert!(receiver.got().is_empty(), "queued events are dropped");
}

async fn nothing_is_lost_or_doubled_when_the_fanning_out_is_repeated(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let id = subscribe(&server, &server.admin, &url, json!(["intent.created"]), None).await;
    for _ in 0..250 {
        server.submit("worker", json!({})).await;
    }
    // Two nodes at once.
    let both = tokio::join!(workers::fanout::tick(&server.app), workers::fanout::tick(&server.app));
    assert_eq!(both.0.unwrap() + both.1.unwrap(), 250);
    round(&server, &id).await;
    let mut seen: Vec<String> = receiver
        .got()
        .iter()
        .map(|(_, body)| serde_json::from_slice::<Value>(body).unwrap()["payload"]["intent_id"].to_string())
        .collect();
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (250, 250));
}

async fn a_subscription_ends_with_the_role_it_rests_on(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let (acme, acme_id) = organization(&server, "Acme").await;
    let main = workspace(&server, &acme, "Main").await;
    let role = json!({ "actor_id": "ann@example.com", "role": "workspace_admin", "workspace_id": main });
    server.post(&server.admin, &format!("{acme}/members"), role).await;
    let elsewhere = server.sign_in("ann@example.com").await;
    let ann_id = server.give("ann@example.com", "org_admin", None).await;
    let bob_id = server.give("bob@example.com", "member", None).await;
    let home = json!({ "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id });
    server.as_person(&elsewhere, "POST", "/v1/portal/personal/workspace-selection", Some(home)).await.ok();
    let (ann, bob) = (server.sign_in("ann@example.com").await, server.sign_in("bob@example.com").await);
    let url = "https://example.com/hook";
    let all = json!(["*"]);
    let in_acme = subscribe(&server, &elsewhere.key, url, all.clone(), None).await;
    let of_everybody = json!({ "callback_url": url, "event_types": ["*"] });
    let of_everybody = server.as_person(&ann, "POST", SUBSCRIPTIONS, Some(of_everybody)).await.ok();
    let of_everybody = of_everybody["subscription"]["subscription_id"].as_str().unwrap().to_owned();
    let of_worker = subscribe(&server, &ann.key, url, all.clone(), Some("worker")).await;
    let own = subscribe(&server, &ann.key, url, all.clone(), Some("user://ann@example.com")).await;
    let bobs = subscribe(&server, &bob.key, url, all.clone(), None).await;
    let of_machine = subscribe(&server, &server.admin, url, all.clone(), None).await;
    // The key alone permits this call. It needs no role of Ann's, and the subscription belongs to the key.
    let again = json!({ "callback_url": "https://example.com/other", "event_types": ["*"] });
    let both = [("authorization", ann.bearer.as_str())];
    let changed = server.send_with(&server.admin, "POST", SUBSCRIPTIONS, Some(again), &both).await.ok();
    let with_both = changed["subscription"]["subscription_id"].as_str().unwrap().to_owned();

    let live = async || {
        let list = server.get(&server.admin, SUBSCRIPTIONS).await;
        let ids = list["subscriptions"].as_array().unwrap().iter().map(|s| s["subscription_id"].clone());
        ids.map(|id| id.as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
    };
    let ids = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<BTreeSet<String>>();
    let every = [&of_everybody, &of_worker, &own, &bobs, &of_machine, &with_both];
    assert_eq!(live().await, ids(&every));
    let event = publish(&server, &server.admin, "a.b").await;
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    let change = async |id: &str, change: Value| {
        server.send(&server.admin, "PATCH", &format!("{members}/{id}"), Some(change)).await.ok();
    };
    change(&ann_id, json!({ "role": "member" })).await;
    assert_eq!(live().await, ids(&[&own, &bobs, &of_machine, &with_both]), "a member keeps what is their own");
    let trail = server.get(&server.admin, "/v1/audit/events?action_prefix=webhooks.subscriptions.delete").await;
    let why = json!({ "created_by": "ann@example.com", "why": "role_lost" });
    let ended: Vec<&Value> = trail["events"].as_array().unwrap().iter().map(|line| &line["details"]).collect();
    assert_eq!(ended, [&why, &why]);
    // Unsent events are not sent any more.
    let workspace: Uuid = server.bootstrap.workspace_id.parse().unwrap();
    let next = workers::webhooks::tick(&server.app, workspace, of_everybody.parse().unwrap()).await.unwrap();
    assert_eq!((next, event["pending"].as_u64()), (None, Some(3)));

    // A caller that the server still remembers cannot subscribe any more, either.
    change(&bob_id, json!({ "status": "suspended" })).await;
    assert_eq!(live().await, ids(&[&own, &of_machine, &with_both]));
    let body = json!({ "callback_url": url, "event_types": ["*"] });
    server.send(&bob.key, "POST", SUBSCRIPTIONS, Some(body)).await.refused(403, "forbidden");
    server.send(&server.admin, "DELETE", &format!("{members}/{ann_id}"), None).await.ok();
    assert_eq!(live().await, ids(&[&of_machine, &with_both]));

    // Organizations are separate.
    let of_acme = format!("{SUBSCRIPTIONS}/{in_acme}");
    let me = server.get(&elsewhere.key, "/v1/me").await;
    assert_eq!(me["org_id"], json!(acme_id));
    let list = server.get(&elsewhere.key, SUBSCRIPTIONS).await;
    assert_eq!(list["subscriptions"][0]["subscription_id"], json!(in_acme));
    server.send(&elsewhere.key, "DELETE", &of_acme, None).await.ok();
}
