//! Inbox threads: their owners, their content, and when they appear.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    an_intent_is_a_thread_of_its_receiver_from_the_start,
    a_result_is_in_the_inbox_of_reply_to_at_once,
    the_end_of_an_intent_is_delivered_whoever_ended_it,
    pages_join_without_gap_or_repetition_and_long_results_are_cut_in_lists,
    an_inbox_is_opened_by_its_owner_only,
    acting_for_another_owner_is_refused_with_a_fitting_message,
    a_person_finds_their_threads_however_they_were_named,
}

const OWNER: &str = "agent://conformance/owner";

async fn list(server: &Server, key: &str, query: &str) -> Vec<Value> {
    server.get(key, &format!("/v1/inbox?{query}")).await["threads"].as_array().unwrap().clone()
}

/// Submits an intent one millisecond after the previous one: ids of one millisecond have no order.
async fn submit(server: &Server, reply_to: &str) -> String {
    server.clock.advance(Duration::from_millis(1));
    let body = json!({ "intent_type": "intent.work.v1", "to_agent": "worker", "reply_to": reply_to, "payload": {} });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

async fn an_intent_is_a_thread_of_its_receiver_from_the_start(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({ "p": 1 })).await;
    let threads = list(&server, &worker, "").await;
    assert_eq!(threads.len(), 1);
    assert_eq!(threads[0]["thread_id"], id);
    assert_eq!(threads[0]["intent_id"], id);
    assert_eq!(threads[0]["status"], "pending");
    assert_eq!(threads[0]["owner_agent"], "agent://local/default/worker");
    assert_eq!(threads[0]["timeline"][0]["event_type"], "intent_received");
    let one = server.get(&worker, &format!("/v1/inbox/{id}")).await;
    assert_eq!(one["thread"], threads[0], "the list and the thread itself agree");
    assert_eq!(list(&server, &server.admin, "owner_agent=worker").await, threads);
    let header = [("x-owner-agent", "worker")];
    let by_header = server.send_with(&server.admin, "GET", "/v1/inbox", None, &header).await.ok();
    assert_eq!(by_header["threads"], json!(threads));
    assert!(list(&server, &server.admin, "owner_agent=nobody").await.is_empty());
    let by_header = [("x-owner-agent", "nobody")];
    let none = server.send_with(&server.admin, "GET", "/v1/inbox", None, &by_header).await.ok();
    assert_eq!(none["threads"], json!([]), "the header is obeyed");

    let body = json!({ "status": "COMPLETED", "result": { "a": 1 } });
    server.post(&worker, &format!("/v1/intents/{id}/resolve"), body).await;
    let threads = list(&server, &worker, "status=done").await;
    assert_eq!(threads[0]["messages"][0]["content"], r#"{"a":1}"#);
    assert!(list(&server, &worker, "status=pending").await.is_empty());
}

async fn a_result_is_in_the_inbox_of_reply_to_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = submit(&server, OWNER).await;
    let query = format!("owner_agent={OWNER}");
    let path = format!("/v1/inbox/{id}?{query}");
    assert!(list(&server, &server.admin, &query).await.is_empty(), "not before the end");
    server.send(&server.admin, "GET", &path, None).await.refused(403, "forbidden");

    let body = json!({ "status": "COMPLETED", "result": { "answer": "yes" } });
    let resolved = server.post(&worker, &format!("/v1/intents/{id}/resolve"), body).await;
    let threads = list(&server, &server.admin, &query).await;
    assert_eq!(threads.len(), 1);
    let message = &threads[0]["messages"][0];
    let expected = json!({
        "delivered": true, "reply_to": OWNER, "thread_id": id, "message_id": message["message_id"],
        "completion": {
            "type": "intent_completion", "intent_id": id, "status": "COMPLETED",
            "outcome": "completed", "outcome_kind": "completed", "outcome_text": "Completed",
        },
    });
    assert_eq!(resolved["completion_delivery"], expected);
    assert_eq!(threads[0]["status"], "done");
    assert_eq!(threads[0]["owner_agent"], OWNER);
    assert_eq!(threads[0]["from_agent"], "agent://local/default/worker");
    assert_eq!(threads[0]["timeline"][0]["event_type"], "intent_completion_delivered");
    assert_eq!(message["content"], r#"{"answer":"yes"}"#);
    assert_eq!(server.get(&server.admin, &path).await["thread"], threads[0]);
}

async fn the_end_of_an_intent_is_delivered_whoever_ended_it(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let asker = server.agent("asker").await;
    let resumed = submit(&server, "asker").await;
    server.post(&worker, &format!("/v1/intents/{resumed}/resume"), json!({ "result": "r" })).await;
    let canceled = submit(&server, "agent://local/default/asker").await;
    let body = json!({ "status": "CANCELED", "reason": "late" });
    server.post(&server.admin, &format!("/v1/intents/{canceled}/resolve"), body).await;
    let body = json!({
        "intent_type": "intent.work.v1", "to_agent": "worker", "reply_to": "asker", "payload": {},
        "deadline_at": server.now().plus_seconds(10).to_string(),
    });
    server.clock.advance(Duration::from_millis(1));
    let late = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.advance(Duration::from_secs(11)).await;
    let threads = list(&server, &asker, "").await;
    let ids: Vec<&str> = threads.iter().map(|thread| thread["thread_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&late, &canceled, &resumed], "newest first");
    let text = |n: usize| threads[n]["messages"][0]["content"].as_str().unwrap();
    assert!(text(0).contains("intent_timeout"), "{}", text(0));
    assert!(text(1).contains("late"), "{}", text(1));
}

async fn pages_join_without_gap_or_repetition_and_long_results_are_cut_in_lists(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mut expected = Vec::new();
    for n in 0..5 {
        // One agent is receiver and `reply_to`: still one thread.
        let id = submit(&server, "worker").await;
        if n % 2 == 0 {
            let body = json!({ "status": "COMPLETED", "result": "é".repeat(5_000) });
            server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), body).await;
        }
        expected.insert(0, id);
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = server.get(&worker, &format!("/v1/inbox?{query}")).await;
        let threads = page["threads"].as_array().unwrap();
        assert!(threads.len() <= 2);
        seen.extend(threads.iter().map(|thread| thread["thread_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_before"].as_str() else { break };
        query = format!("limit=2&before={next}");
    }
    assert_eq!(seen, expected);
    let done = list(&server, &worker, "status=done").await;
    assert_eq!(done.len(), 3);
    assert_eq!(done[0]["messages"][0]["content"], "é".repeat(4_096));
    assert_eq!(done[0]["messages"][0]["truncated"], true);
    let whole = server.get(&worker, &format!("/v1/inbox/{}", expected[0])).await;
    assert_eq!(whole["thread"]["messages"][0]["content"], "é".repeat(5_000));
    assert_eq!(whole["thread"]["messages"][0]["truncated"], false);
}

async fn an_inbox_is_opened_by_its_owner_only(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let other = server.agent("other").await;
    let elsewhere = server.workspace("acme", "prod").await;
    let id = submit(&server, OWNER).await;
    let path = format!("/v1/inbox/{id}");
    let ask = async |key: &str, path: &str| server.send(key, "GET", path, None).await;
    ask(&other, "/v1/inbox?owner_agent=worker").await.refused(403, "forbidden");
    ask(&other, &path).await.refused(403, "forbidden");
    ask(&other, &format!("{path}?owner_agent=worker")).await.refused(403, "forbidden");
    let header = [("x-owner-agent", "other")];
    server.send_with(&worker, "GET", &path, None, &header).await.refused(403, "forbidden");
    ask(&elsewhere, &path).await.refused(404, "not_found");
    assert!(list(&server, &elsewhere, "").await.is_empty());
    assert!(list(&server, &elsewhere, "owner_agent=agent://local/default/worker").await.is_empty());
    ask(&worker, "/v1/inbox/00000000-0000-4000-8000-000000000000").await.refused(404, "not_found");
    ask(&worker, "/v1/inbox/garbage").await.refused(404, "not_found");
    for bad in ["status=late", "limit=0", "limit=x", "before=x"] {
        let answer = ask(&worker, &format!("/v1/inbox?{bad}")).await;
        assert_eq!(answer.status.as_u16(), 422, "{bad}");
    }
    assert_eq!(list(&server, &server.admin, "").await.len(), 1, "an admin without an owner sees all threads");
}

async fn acting_for_another_owner_is_refused_with_a_fitting_message(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let body = json!({
        "owner_agent": "somebody", "filename": "a.txt", "mime_type": "text/plain", "size_bytes": 1,
        "callback_url": "https://example.com/hook", "event_types": ["x.y"], "semantic_type": "d.e.f.v1",
        "schema_json": {}, "compatibility_mode": "warn",
    });
    for (method, path) in [
        ("GET", "/v1/inbox?owner_agent=somebody"),
        ("POST", "/v1/media/create-upload"),
        ("POST", "/v1/invites/create"),
        ("POST", "/v1/webhooks/subscriptions"),
        ("GET", "/v1/webhooks/subscriptions?owner_agent=somebody"),
        ("POST", "/v1/schemas"),
    ] {
        let body = Some(body.clone()).filter(|_| method == "POST");
        let text = server.send(&worker, method, path, body).await.refused(403, "forbidden");
        let expected = "owner_agent: this key can act only for its own address, agent://local/default/worker";
        assert_eq!(text, expected, "{path}");
    }
}

async fn a_person_finds_their_threads_however_they_were_named(engine: Engine) {
    let server = Server::start(engine).await;
    for email in ["kim@example.com", "bob@example.com"] {
        server.give(email, "member", None).await;
    }
    let (kim, bob) = (server.sign_in("kim@example.com").await, server.sign_in("bob@example.com").await);
    let worker = server.agent("worker").await;
    let asked = async |to: &str, fields: Value| {
        server.clock.advance(Duration::from_millis(1));
        let mut body = json!({ "intent_type": "x", "to_agent": to });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        id_of(&server.post(&server.admin, "/v1/intents", body).await)
    };
    let task = |person: &str| json!({ "human_task": { "title": "Pay?", "assignees": [person] } });
    let (by_mail, by_address) =
        (asked("worker", task("Kim@Example.com")).await, asked("x", task("user://KIM@example.com")).await);
    let tagged = asked("x", task("kim+pay@example.com")).await;
    let direct = asked("Kim@Example.com", json!({})).await;
    let replied = asked("worker", json!({ "reply_to": "KIM@example.com" })).await;
    server.post(&worker, &format!("/v1/intents/{replied}/resume"), json!({ "result": "r" })).await;
    let ids = |threads: &Value| -> Vec<String> {
        threads["threads"].as_array().unwrap().iter().map(|t| t["thread_id"].as_str().unwrap().to_owned()).collect()
    };
    let hers = [&replied, &direct, &by_address, &by_mail].map(String::clone);
    let own = server.as_person(&kim, "GET", "/v1/inbox", None).await.ok();
    assert_eq!(ids(&own), hers);
    assert_eq!(own["threads"][3]["owner_agent"], "user://kim@example.com");
    assert_eq!(ids(&server.get(&kim.key, "/v1/inbox").await), hers, "by the key of her sign-in too");
    let changes = server.as_person(&kim, "GET", "/v1/inbox/changes", None).await.ok();
    assert_eq!(changes["changes"].as_array().unwrap().len(), hers.len());
    // An answer repeats the spelling of the call; a plus tag makes another address.
    for name in ["kim@example.com", "user://Kim@example.com", "KIM@Example.com"] {
        let threads = server.get(&server.admin, &format!("/v1/inbox?owner_agent={name}")).await;
        assert_eq!((ids(&threads), &threads["threads"][0]["owner_agent"]), (hers.to_vec(), &json!(name)));
    }
    let threads = server.get(&server.admin, "/v1/inbox?owner_agent=kim%2Bpay@example.com").await;
    assert_eq!(ids(&threads), [tagged]);
    let stream = server.stream(&server.admin, "/v1/agents/kim@example.com/intents/stream?since=0&wait_seconds=1").await;
    assert_eq!(stream.intent_ids(), [direct.as_str()]);
    let seen = server.as_person(&kim, "GET", &format!("/v1/intents/{direct}"), None).await.ok();
    assert_eq!(seen["intent"]["to_agent"], "Kim@Example.com");
    let listed = server.get(&server.admin, "/v1/intents?to_agent=kim@example.com").await;
    assert_eq!(listed["intents"][0]["to_agent"], "Kim@Example.com");

    let delegate = json!({ "delegate_to": "Bob@Example.com" });
    let path = format!("/v1/inbox/{direct}/delegate");
    server.as_person(&kim, "POST", &path, Some(delegate)).await.ok();
    assert_eq!(ids(&server.as_person(&bob, "GET", "/v1/inbox", None).await.ok()), [direct.as_str()]);
    server.as_person(&bob, "POST", &format!("/v1/inbox/{direct}/approve"), Some(json!({}))).await.ok();
    server.as_person(&kim, "POST", &format!("/v1/inbox/{by_mail}/approve"), Some(json!({}))).await.ok();
    for id in [direct, by_mail] {
        assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    }
}
