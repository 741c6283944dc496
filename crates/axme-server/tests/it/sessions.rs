//! Collaboration sessions (`spec/protocol.md` §2.18).

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    a_session_is_opened_used_and_completed,
    sessions_are_listed_newest_first,
    invalid_sessions_and_messages_are_refused,
    concurrent_messages_are_numbered_without_gaps,
    a_feed_is_streamed_to_the_end_of_the_session,
}

async fn open(server: &Server, key: &str, body: Value) -> String {
    let made = server.post(key, "/v1/sessions", body).await;
    assert_eq!(made["status"], "ACTIVE");
    made["session_id"].as_str().unwrap().to_owned()
}

async fn say(server: &Server, key: &str, id: &str, content: Value) -> u64 {
    let body = json!({ "role": "user", "content": content });
    server.post(key, &format!("/v1/sessions/{id}/messages"), body).await["seq"].as_u64().unwrap()
}

fn numbers(entries: &Value) -> Vec<u64> {
    entries.as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

async fn a_session_is_opened_used_and_completed(engine: Engine) {
    let server = Server::start(engine).await;
    let (alice, bob) = (server.agent("alice").await, server.agent("bob").await);
    let made = server.post(&alice, "/v1/sessions", json!({})).await;
    assert_eq!((&made["status"], &made["type"]), (&json!("ACTIVE"), &json!("general")));
    let id = made["session_id"].as_str().unwrap();
    let found = server.get(&bob, &format!("/v1/sessions/{id}")).await["session"].clone();
    assert_eq!((&found["created_by"], &found["last_seq"]), (&json!("agent://local/default/alice"), &json!(0)));
    assert_eq!(found["created_at"], made["created_at"]);

    assert_eq!(say(&server, &alice, id, json!("hello")).await, 1);
    let body = json!({ "role": "assistant", "content": { "a": [1] }, "content_type": "application/x-thing" });
    assert_eq!(server.post(&bob, &format!("/v1/sessions/{id}/messages"), body).await["seq"], 2);
    let messages = server.get(&bob, &format!("/v1/sessions/{id}/messages")).await["messages"].clone();
    assert_eq!(messages[0]["content"], "hello");
    assert_eq!((&messages[0]["role"], &messages[0]["content_type"]), (&json!("user"), &json!("text/plain")));
    assert_eq!(
        (&messages[1]["content"], &messages[1]["actor"]),
        (&json!({ "a": [1] }), &json!("agent://local/default/bob"))
    );
    // Exclusive: a client that sends its last number sees nothing twice.
    let rest = server.get(&bob, &format!("/v1/sessions/{id}/messages?since=1&limit=5")).await;
    assert_eq!(numbers(&rest["messages"]), [2]);

    let end = json!({ "result": { "done": true } });
    let path = format!("/v1/sessions/{id}/complete");
    let ended = server.post(&bob, &path, end.clone()).await;
    assert_eq!(ended["status"], "COMPLETED");
    assert_eq!(server.post(&bob, &path, end).await, ended, "completed once");
    assert_eq!(server.send(&bob, "POST", &path, None).await.ok(), ended);
    let other = json!({ "result": 1 });
    server.send(&bob, "POST", &path, Some(other)).await.refused(409, "session_completed");
    let late = json!({ "role": "user", "content": "late" });
    let late = server.send(&alice, "POST", &format!("/v1/sessions/{id}/messages"), Some(late)).await;
    late.refused(409, "session_completed");
    let feed = server.get(&alice, &format!("/v1/sessions/{id}/feed")).await["feed"].clone();
    assert_eq!(numbers(&feed), [1, 2, 3]);
    assert_eq!((&feed[2]["type"], &feed[2]["content"]), (&json!("session.completed"), &json!({ "done": true })));
    let latest = server.get(&alice, &format!("/v1/sessions/{id}/feed?limit=2")).await;
    assert_eq!(numbers(&latest["feed"]), [2, 3]);
    let messages = server.get(&bob, &format!("/v1/sessions/{id}/messages")).await;
    assert_eq!(numbers(&messages["messages"]), [1, 2]);
    let found = server.get(&bob, &format!("/v1/sessions/{id}")).await["session"].clone();
    assert_eq!((&found["result"], &found["completed_at"]), (&json!({ "done": true }), &ended["completed_at"]));
}

async fn sessions_are_listed_newest_first(engine: Engine) {
    let server = Server::start(engine).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        server.clock.advance(std::time::Duration::from_secs(1));
        ids.push(open(&server, &server.admin, json!({ "type": "review", "metadata": { "n": 1 } })).await);
    }
    let body = json!({ "parent_session_id": ids[0], "depends_on": [ids[1]], "project_id": "p" });
    server.clock.advance(std::time::Duration::from_secs(1));
    let child = open(&server, &server.admin, body).await;
    server.post(&server.admin, &format!("/v1/sessions/{}/complete", ids[2]), json!({})).await;
    let list = async |query: &str| {
        let found = server.get(&server.admin, &format!("/v1/sessions?{query}")).await;
        let sessions = found["sessions"].as_array().unwrap().iter();
        sessions.map(|s| s["session_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, [child.as_str(), &ids[2], &ids[1], &ids[0]]);
    assert_eq!(list(&format!("limit=1&before={}", ids[2])).await, [ids[1].as_str()]);
    assert_eq!(list("status=completed").await, [ids[2].as_str()]);
    assert_eq!(list("status=ACTIVE").await, [child.as_str(), &ids[1], &ids[0]]);
    assert_eq!(list(&format!("parent_session_id={}", ids[0])).await, [child.as_str()]);
    assert!(list(&format!("parent_session_id={}&status=COMPLETED", ids[0])).await.is_empty());
    let found = server.get(&server.admin, &format!("/v1/sessions/{child}")).await["session"].clone();
    assert_eq!((&found["depends_on"], &found["project_id"]), (&json!([ids[1]]), &json!("p")));
    let stranger = server.workspace("acme", "prod").await;
    assert_eq!(server.get(&stranger, "/v1/sessions").await["sessions"], json!([]));
    for path in ["", "/messages", "/feed", "/feed/stream"] {
        let path = format!("/v1/sessions/{child}{path}");
        server.send(&stranger, "GET", &path, None).await.refused(404, "not_found");
    }
    for (path, body) in [("messages", json!({ "role": "user", "content": "c" })), ("complete", json!({}))] {
        let path = format!("/v1/sessions/{child}/{path}");
        server.send(&stranger, "POST", &path, Some(body)).await.refused(404, "not_found");
    }
    let other = json!({ "parent_session_id": child });
    server.send(&stranger, "POST", "/v1/sessions", Some(other)).await.refused(422, "validation_failed");
}

async fn invalid_sessions_and_messages_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let id = open(&server, &server.admin, json!({})).await;
    for body in [
        json!({ "type": "x".repeat(101) }),
        json!({ "metadata": [] }),
        json!({ "depends_on": ["nonsense"] }),
        json!({ "depends_on": ["sess_9f0c2f6e3a354a4e9c3e2d1f0f5a7b11"] }),
        json!({ "parent_session_id": "nonsense" }),
    ] {
        server.send(&server.admin, "POST", "/v1/sessions", Some(body)).await.refused(422, "validation_failed");
    }
    for body in [
        json!({ "role": "user" }),
        json!({ "content": "c" }),
        json!({ "role": " ", "content": "c" }),
        json!({ "role": "user", "content": "c", "content_type": "x".repeat(101) }),
    ] {
        let path = format!("/v1/sessions/{id}/messages");
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "validation_failed");
    }
    let long = json!({ "role": "user", "content": "x".repeat(200_000) });
    let long = server.send(&server.admin, "POST", &format!("/v1/sessions/{id}/messages"), Some(long)).await;
    long.refused(413, "payload_too_large");
    for query in ["sessions?status=OPEN", "sessions?limit=0", "sessions?before=x"] {
        server.send(&server.admin, "GET", &format!("/v1/{query}"), None).await.refused(422, "validation_failed");
    }
    for path in ["messages?since=x", "feed?limit=0", "feed/stream?since=x"] {
        let path = format!("/v1/sessions/{id}/{path}");
        server.send(&server.admin, "GET", &path, None).await.refused(422, "validation_failed");
    }
    server.send(&server.admin, "GET", "/v1/sessions/nonsense", None).await.refused(404, "not_found");
}

async fn concurrent_messages_are_numbered_without_gaps(engine: Engine) {
    let server = Server::start(engine).await;
    let id = open(&server, &server.admin, json!({})).await;
    let mut seen = join_all((0..20).map(|n| say(&server, &server.admin, &id, json!(n)))).await;
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).collect::<Vec<u64>>());
    let feed = server.get(&server.admin, &format!("/v1/sessions/{id}/feed?limit=500")).await;
    assert_eq!(numbers(&feed["feed"]), seen);
}

async fn a_feed_is_streamed_to_the_end_of_the_session(engine: Engine) {
    let server = Server::start(engine).await;
    let id = open(&server, &server.admin, json!({})).await;
    let path = format!("/v1/sessions/{id}/feed/stream");
    let idle = server.stream(&server.admin, &path).await;
    assert_eq!((idle.content().len(), idle.lasted.as_secs(), idle.next_seq()), (0, 30, 0));
    say(&server, &server.admin, &id, json!("one")).await;
    say(&server, &server.admin, &id, json!("two")).await;
    let window = server.stream(&server.admin, &format!("{path}?since=1&wait_seconds=5")).await;
    let frame = &window.content()[0];
    assert_eq!((window.content().len(), frame.event.as_str(), frame.id), (1, "session.message", Some(2)));
    let data = (&frame.data["type"], &frame.data["seq"], &frame.data["role"], &frame.data["content"]);
    assert_eq!(data, (&json!("session.message"), &json!(2), &json!("user"), &json!("two")));
    assert_eq!(window.next_seq(), 2);

    let mut waiting = server.open(&server.admin, &format!("{path}?since=2&wait_seconds=60"), &[]).await;
    server.until_held().await;
    say(&server, &server.admin, &id, json!("x".repeat(100_000))).await;
    let long = waiting.frame().await;
    assert_eq!(
        (&long.data["seq"], &long.data["content"], &long.data["truncated"]),
        (&json!(3), &Value::Null, &json!(true))
    );
    server.post(&server.admin, &format!("/v1/sessions/{id}/complete"), json!({ "result": 1 })).await;
    let whole = server.stream(&server.admin, &format!("{path}?since=3")).await;
    assert_eq!(whole.content()[0].event, "session.completed");
    assert_eq!(whole.lasted.as_secs(), 0, "it ends with the session");
}
