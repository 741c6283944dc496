//! Actions on inbox threads, and how changes are numbered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_decision_completes_an_intent_of_the_inbox,
    only_the_agent_decides_an_intent_it_works_on,
    rejecting_a_step_stops_the_workflow,
    assignees_have_their_task_as_a_thread,
    an_agent_cannot_answer_a_task_through_its_inbox,
    a_thread_can_be_delegated_and_stays_with_its_owner,
    messages_are_written_read_and_deleted,
    a_long_thread_shows_its_end_and_can_be_deleted_whole,
    only_a_reply_to_an_unknown_id_begins_a_thread,
    changes_are_numbered_once_and_in_order,
    a_consumer_misses_no_change_under_concurrency,
}

const RECEIVER: &str = "agent://local/default/desk";

async fn act(server: &Server, key: &str, id: &str, act: &str, body: Value) -> Value {
    server.post(key, &format!("/v1/inbox/{id}/{act}"), body).await["thread"].clone()
}

async fn list(server: &Server, key: &str, owner: &str) -> Vec<Value> {
    server.get(key, &format!("/v1/inbox?owner_agent={owner}")).await["threads"].as_array().unwrap().clone()
}

async fn account(server: &Server, name: &str, mode: &str) {
    let body = json!({ "name": name, "delivery_mode": mode });
    server.post(&server.admin, "/v1/service-accounts", body).await;
}

fn kinds(thread: &Value) -> Vec<&str> {
    thread["timeline"].as_array().unwrap().iter().map(|entry| entry["event_type"].as_str().unwrap()).collect()
}

async fn a_decision_completes_an_intent_of_the_inbox(engine: Engine) {
    let server = Server::start(engine).await;
    account(&server, "boxed", "inbox").await;
    account(&server, "inside", "internal").await;
    for (to, word, outcome) in
        [("nobody", "approve", "approved"), ("boxed", "reject", "rejected"), ("inside", "approve", "approved")]
    {
        let id = server.submit(to, json!({})).await;
        let thread = act(&server, &server.admin, &id, word, json!({ "comment": "seen" })).await;
        assert_eq!(thread["status"], "done");
        assert_eq!(kinds(&thread), ["intent_received", &format!("thread_{outcome}"), "intent_ended"]);
        let intent = server.intent(&id).await;
        let result = json!({ "outcome": outcome, "approved": outcome == "approved", "comment": "seen" });
        assert_eq!((&intent["status"], &intent["result"]), (&json!("COMPLETED"), &result));
        assert_eq!(list(&server, &server.admin, to).await[0]["thread_id"], id, "it stays listed");

        server.clock.advance(std::time::Duration::from_secs(5));
        assert_eq!(act(&server, &server.admin, &id, word, json!({})).await, thread, "a repeated call changes nothing");
        let other = if word == "approve" { "reject" } else { "approve" };
        let path = format!("/v1/inbox/{id}/{other}");
        server.send(&server.admin, "POST", &path, Some(json!({}))).await.refused(409, "intent_already_terminal");
        assert_eq!(server.intent(&id).await, intent);
    }
}

async fn only_the_agent_decides_an_intent_it_works_on(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let sender = server.agent("sender").await;
    let id = id_of(
        &server
            .post(&sender, "/v1/intents", json!({ "intent_type": "x.y.v1", "to_agent": "worker", "payload": {} }))
            .await,
    );
    let path = format!("/v1/inbox/{id}/approve");
    server.send(&server.admin, "POST", &path, Some(json!({}))).await.refused(409, "not_awaiting_decision");
    // The reply gives the sender the thread, but not the right to decide.
    act(&server, &worker, &id, "reply", json!({ "message": "which one?" })).await;
    server.send(&sender, "POST", &path, Some(json!({}))).await.refused(403, "forbidden");
    assert_eq!(server.intent(&id).await["status"], "DELIVERED");
    let thread = act(&server, &worker, &id, "reject", json!({ "comment": "no" })).await;
    assert_eq!(thread["timeline"][2]["details"]["comment"], "no");
    assert_eq!(server.intent(&id).await["result"]["outcome"], "rejected");
}

async fn rejecting_a_step_stops_the_workflow(engine: Engine) {
    let server = Server::start(engine).await;
    let bundle = json!({
        "scenario_id": "s.v1",
        "agents": [{ "role": "d", "address": "desk", "create_if_missing": true, "delivery_mode": "inbox" }],
        "workflow": { "steps": [{ "step_id": "one", "assigned_to": "d" }] },
        "intent": { "type": "intent.work.v1" },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    let threads = list(&server, &server.admin, "desk").await;
    let child = threads[0]["thread_id"].as_str().unwrap();
    act(&server, &server.admin, child, "reject", json!({ "comment": "not today" })).await;
    let intent = server.intent(&id).await;
    assert_eq!(intent["status"], "FAILED", "{intent:#}");
    assert_eq!(intent["error"]["code"], "rejected", "{intent:#}");
}

async fn assignees_have_their_task_as_a_thread(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({ "title": "Pay?", "assignees": ["ann@example.com", "treasurer"], "required_comment": true });
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    for owner in ["ann@example.com", "user://treasurer"] {
        let threads = list(&server, &server.admin, owner).await;
        assert_eq!(threads.len(), 1, "{owner}");
        assert_eq!((&threads[0]["thread_id"], &threads[0]["subject"]), (&json!(id), &json!("Pay?")));
    }
    let path = format!("/v1/inbox/{id}/approve?owner_agent=ann@example.com");
    assert_eq!(server.send(&server.admin, "POST", &path, Some(json!({}))).await.status, 422, "a comment is needed");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    server.post(&server.admin, &path, json!({ "comment": "ok" })).await;
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["result"]["comment"]), (&json!("COMPLETED"), &json!("ok")));
    assert_eq!(list(&server, &server.admin, "ann@example.com").await[0]["status"], "done");

    // In a workflow, the scenario names the person, and an escalation also asks its target.
    let bundle = json!({
        "scenario_id": "s.v1",
        "humans": [{ "role": "op", "contact": "op@example.com" }, { "role": "boss", "contact": "boss@example.com" }],
        "workflow": { "steps": [{
            "step_id": "one", "assigned_to": "op", "requires_approval": true, "step_deadline_seconds": 3600,
            "remind_after_seconds": 60, "max_reminders": 1, "escalate_to": "boss",
        }] },
        "intent": { "type": "intent.work.v1" },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    assert_eq!(list(&server, &server.admin, "op@example.com").await[0]["thread_id"], id);
    assert!(list(&server, &server.admin, "boss@example.com").await.is_empty());
    server.advance(std::time::Duration::from_secs(61)).await;
    server.advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(list(&server, &server.admin, "boss@example.com").await[0]["thread_id"], id);
}

async fn an_agent_cannot_answer_a_task_through_its_inbox(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "human_task": { "title": "Pay?" } });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let path = format!("/v1/inbox/{id}/approve");
    server.send(&worker, "POST", &path, Some(json!({}))).await.refused(403, "forbidden");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

async fn a_thread_can_be_delegated_and_stays_with_its_owner(engine: Engine) {
    let server = Server::start(engine).await;
    let deputy = server.agent("deputy").await;
    let id = server.submit("desk", json!({})).await;
    let thread = act(&server, &server.admin, &id, "delegate", json!({ "delegate_to": "deputy", "note": "n" })).await;
    assert_eq!(thread["owner_agent"], RECEIVER);
    let details = json!({ "delegate_to": "agent://local/default/deputy", "note": "n" });
    assert_eq!(thread["timeline"][1]["details"], details);
    assert_eq!(list(&server, &server.admin, "desk").await[0]["thread_id"], id);
    let theirs = list(&server, &deputy, "deputy").await;
    assert_eq!(
        (&theirs[0]["thread_id"], &theirs[0]["from_agent"], &theirs[0]["to_agent"]),
        (&json!(id), &thread["from_agent"], &json!(RECEIVER))
    );
    act(&server, &deputy, &id, "approve", json!({})).await;
    assert_eq!(server.intent(&id).await["result"]["outcome"], "approved");
    let missing = server.send(&server.admin, "POST", &format!("/v1/inbox/{id}/delegate"), Some(json!({}))).await;
    assert_eq!(missing.status, 422);
}

async fn messages_are_written_read_and_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let desk = server.agent("desk").await;
    let sender = server.agent("sender").await;
    let body = json!({ "intent_type": "x.y.v1", "to_agent": "desk", "reply_to": "sender", "payload": {} });
    let id = id_of(&server.post(&sender, "/v1/intents", body).await);
    server.send(&sender, "GET", &format!("/v1/inbox/{id}"), None).await.refused(403, "forbidden");
    act(&server, &desk, &id, "reply", json!({ "message": "which one?" })).await;
    let thread = act(&server, &sender, &id, "reply", json!({ "message": "the blue one" })).await;
    let said: Vec<_> = thread["messages"].as_array().unwrap().iter().map(|m| (&m["role"], &m["content"])).collect();
    assert_eq!(said, [(&json!("agent"), &json!("which one?")), (&json!("user"), &json!("the blue one"))]);
    assert_eq!(thread["read_at"], Value::Null);
    assert_eq!(act(&server, &sender, &id, "read", json!({})).await["read_at"], server.now().to_string());
    assert_eq!(list(&server, &desk, "desk").await[0]["read_at"], Value::Null, "each owner has its own read mark");

    let path = format!("/v1/inbox/{id}/messages/delete");
    let deleted = server.post(&desk, &path, json!({ "mode": "self", "limit": 1 })).await;
    assert_eq!((&deleted["mode"], &deleted["deleted_count"]), (&json!("self"), &json!(1)));
    assert_eq!(deleted["message_ids"], json!([thread["messages"][1]["message_id"]]), "the newest first");
    assert_eq!(deleted["thread"]["messages"].as_array().unwrap().len(), 1);
    assert!(!deleted["thread"]["timeline"].as_array().unwrap().is_empty());
    let seen = async |key: &str| {
        let thread = server.get(key, &format!("/v1/inbox/{id}")).await["thread"].clone();
        thread["messages"].as_array().unwrap().len()
    };
    assert_eq!((seen(&desk).await, seen(&sender).await), (1, 2), "for the caller only");
    server.post(&desk, &format!("/v1/intents/{id}/resolve"), json!({ "status": "COMPLETED" })).await;
    assert_eq!((seen(&desk).await, seen(&sender).await), (2, 3), "its outcome is a message");
    let ids = json!({ "mode": "both", "message_ids": [thread["messages"][0]["message_id"], "garbage"] });
    assert_eq!(server.post(&desk, &path, ids.clone()).await["deleted_count"], 1);
    assert_eq!(server.post(&desk, &path, ids).await["deleted_count"], 0, "deleted once");
    assert_eq!((seen(&desk).await, seen(&sender).await), (1, 2), "for both");
    let all = server.send(&sender, "DELETE", &format!("/v1/inbox/{id}/messages"), None).await.ok();
    assert_eq!((all["deleted_count"].as_u64(), seen(&sender).await, seen(&desk).await), (Some(2), 0, 1));
    for bad in [json!({ "mode": "x" }), json!({ "limit": 0 }), json!({ "limit": 101 }), json!({ "message_ids": 5 })] {
        assert_eq!(server.send(&desk, "POST", &path, Some(bad.clone())).await.status, 422, "{bad}");
    }
}

async fn a_long_thread_shows_its_end_and_can_be_deleted_whole(engine: Engine) {
    let server = Server::start(engine).await;
    let desk = server.agent("desk").await;
    let id = server.submit("desk", json!({})).await;
    act(&server, &desk, &id, "reply", json!({ "message": "short" })).await;
    for n in 0..11 {
        let message = format!("{n} {}", "x".repeat(130_000));
        act(&server, &desk, &id, "reply", json!({ "message": message })).await;
    }
    let first = |thread: &Value| thread["messages"][0]["content"].as_str().unwrap()[..2].to_owned();
    let shown = async || {
        let thread = server.get(&desk, &format!("/v1/inbox/{id}")).await["thread"].clone();
        (thread["messages"].as_array().unwrap().len(), thread)
    };
    let (count, thread) = shown().await;
    assert_eq!((count, first(&thread)), (8, "3 ".to_owned()), "a megabyte of it");
    let listed = list(&server, &desk, "desk").await;
    assert_eq!(listed[0]["messages"].as_array().unwrap().len(), 1);

    // Deleted messages make room for the ones behind them.
    let path = format!("/v1/inbox/{id}/messages/delete");
    assert_eq!(server.post(&desk, &path, json!({ "limit": 4 })).await["deleted_count"], 4);
    let (count, thread) = shown().await;
    assert_eq!((count, first(&thread)), (8, "sh".to_owned()));
    assert_eq!(server.post(&desk, &path, json!({})).await["deleted_count"], 8);
    assert_eq!(shown().await.0, 0);
}

async fn only_a_reply_to_an_unknown_id_begins_a_thread(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = "9f0c2f6e-3a35-4a4e-9c3e-2d1f0f5a7b11";
    for act in ["delegate", "approve", "reject", "read", "messages/delete"] {
        let body = Some(json!({ "delegate_to": "worker" }));
        let path = format!("/v1/inbox/{id}/{act}");
        server.send(&server.admin, "POST", &path, body).await.refused(404, "not_found");
    }
    for bad in [json!({ "message": "" }), json!({ "message": "x".repeat(131_073) }), json!({})] {
        assert_eq!(server.send(&server.admin, "POST", &format!("/v1/inbox/{id}/reply"), Some(bad)).await.status, 422);
    }
    let owner = "agent://conformance/owner";
    let path = format!("/v1/inbox/{id}/reply?owner_agent={owner}");
    let thread = server.post(&server.admin, &path, json!({ "message": "hello" })).await["thread"].clone();
    assert_eq!((&thread["thread_id"], &thread["status"]), (&json!(id), &json!("active")));
    assert_eq!(list(&server, &server.admin, owner).await, [thread]);
    server
        .send(&worker, "POST", &format!("/v1/inbox/{id}/reply"), Some(json!({ "message": "me too" })))
        .await
        .refused(403, "forbidden");
    let done = act(&server, &server.admin, id, "approve", json!({})).await;
    assert_eq!(done["status"], "done");
    assert_eq!(kinds(&done), ["thread_started", "thread_reply", "thread_approved"]);
    let elsewhere = server.workspace("acme", "prod").await;
    server.send(&elsewhere, "GET", &format!("/v1/inbox/{id}"), None).await.refused(404, "not_found");
}

/// Follows an inbox from a cursor to the end: returns the last changes, and moves the cursor.
async fn follow(server: &Server, key: &str, cursor: &mut String) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    loop {
        let page = server.get(key, &format!("/v1/inbox/changes?limit=2&cursor={cursor}")).await;
        for change in page["changes"].as_array().unwrap() {
            let field = |name: &str| change["thread"][name].as_str().unwrap().to_owned();
            seen.push((field("thread_id"), field("status")));
        }
        *cursor = page["next_cursor"].as_str().unwrap_or_default().to_owned();
        if page["has_more"] == false {
            return seen;
        }
    }
}

async fn changes_are_numbered_once_and_in_order(engine: Engine) {
    let server = Server::start(engine).await;
    let desk = server.agent("desk").await;
    let mut cursor = String::new();
    assert!(follow(&server, &desk, &mut cursor).await.is_empty());
    assert_eq!(cursor, "");
    let mut ids = Vec::new();
    for n in 0..5 {
        let body = json!({ "intent_type": "x.y.v1", "to_agent": "desk", "reply_to": "sink", "payload": { "n": n } });
        ids.push(id_of(&server.post(&server.admin, "/v1/intents", body).await));
        server.clock.advance(std::time::Duration::from_secs(1));
    }
    let pending = |n: usize| (ids[n].clone(), "pending".to_owned());
    let done = |n: usize| (ids[n].clone(), "done".to_owned());
    assert_eq!(follow(&server, &desk, &mut cursor).await, (0..5).map(pending).collect::<Vec<_>>());
    assert!(cursor.ends_with(&format!(":{}", ids[4])) && cursor.len() > 3, "{cursor}");
    assert!(follow(&server, &desk, &mut cursor).await.is_empty(), "nothing new");

    for n in [3, 1] {
        server.post(&desk, &format!("/v1/intents/{}/resolve", ids[n]), json!({ "status": "COMPLETED" })).await;
        server.clock.advance(std::time::Duration::from_secs(1));
    }
    act(&server, &server.admin, &ids[0], "reply", json!({ "message": "?" })).await;
    let mut changed = follow(&server, &desk, &mut cursor).await;
    changed.sort();
    assert_eq!(changed, [pending(0), done(1), done(3)], "each thread once, as it is now");
    let query = "/v1/inbox/changes?owner_agent=sink";
    let sunk = server.get(&server.admin, query).await;
    let sunk: Vec<&Value> = sunk["changes"].as_array().unwrap().iter().map(|c| &c["thread"]["thread_id"]).collect();
    assert_eq!(sunk, [&json!(ids[3]), &json!(ids[1])]);

    // A consumer that starts over sees every thread once.
    let mut again = String::new();
    let mut all = follow(&server, &desk, &mut again).await;
    all.sort();
    assert_eq!(all.len(), 5);
    for bad in ["cursor=x", "limit=0"] {
        assert_eq!(server.send(&desk, "GET", &format!("/v1/inbox/changes?{bad}"), None).await.status, 422, "{bad}");
    }
    server.send(&server.admin, "GET", "/v1/inbox/changes", None).await.refused(422, "validation_failed");
}

/// A consumer follows while agents end intents on several connections. It must see every end.
async fn a_consumer_misses_no_change_under_concurrency(engine: Engine) {
    let server = Server::start(engine).await;
    let desk = server.agent("desk").await;
    let work = async |server: &Server| {
        for _ in 0..20 {
            let id = server.submit("desk", json!({})).await;
            server.post(&desk, &format!("/v1/intents/{id}/resolve"), json!({ "status": "COMPLETED" })).await;
        }
    };
    let (mut cursor, mut last) = (String::new(), BTreeMap::new());
    let consume = async {
        while last.values().filter(|status| *status == "done").count() < 80 {
            last.extend(follow(&server, &desk, &mut cursor).await);
        }
    };
    let all = async { tokio::join!(work(&server), work(&server), work(&server), work(&server), consume) };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("a change was missed");
    assert_eq!(last.len(), 80);
}
