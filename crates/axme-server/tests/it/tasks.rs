//! Tasks: intents that wait for a person, and the answers that are accepted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_direct_intent_for_a_person_waits_for_them,
    tasks_are_listed_for_those_who_may_answer_them,
    an_answer_completes_a_direct_task_whatever_it_says,
    each_type_of_task_has_its_outcomes,
    an_incomplete_answer_leaves_the_task_open,
    an_agents_key_cannot_answer_a_task,
    a_task_is_answered_once,
    an_admin_may_end_a_task_by_hand,
}

/// Asks a person directly; returns the intent's id.
async fn ask(server: &Server, task: Value) -> String {
    let body = json!({ "intent_type": "intent.approval.v1", "human_task": task, "payload": { "p": 1 } });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

async fn answer(server: &Server, id: &str, task_result: Value) -> crate::harness::Answer {
    let body = json!({ "task_result": task_result });
    server.send(&server.admin, "POST", &format!("/v1/intents/{id}/resume"), Some(body)).await
}

async fn a_direct_intent_for_a_person_waits_for_them(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let task =
        json!({ "title": "Ship it?", "description": "d", "allowed_outcomes": ["approved", "rejected"], "extra": [1] });
    for (to, has_task, reference, name) in [
        (Value::Null, true, "agent://agent_core", "human"),
        (json!("agent://agent_core"), true, "agent://agent_core", "human"),
        (json!("agent_core"), false, "agent://agent_core", "human"),
        (json!("agent://local/default/agent_core"), false, "agent://local/default/agent_core", "human"),
        (json!("human"), false, "human", "human"),
        (json!("worker"), true, "agent://local/default/worker", "worker"),
        (json!("user://ops"), true, "user://ops", "ops"),
    ] {
        let mut body = json!({ "intent_type": "intent.approval.v1", "to_agent": to });
        if has_task {
            body["human_task"] = task.clone();
        }
        let created = server.post(&server.admin, "/v1/intents", body).await;
        let id = id_of(&created);
        assert_eq!(created["status"], "WAITING", "{to}");
        let events = server.events(&id).await;
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "waiting", "human_task_assigned"]);
        let holder = json!({ "type": "human", "ref": reference, "name": name });
        for event in &events[2..] {
            assert_eq!(event["status"], "WAITING");
            assert_eq!(event["waiting_reason"], "WAITING_FOR_HUMAN");
            assert_eq!(event["pending_with"], holder, "{to}");
        }
        let intent = server.intent(&id).await;
        assert_eq!((&intent["status"], &intent["legacy_status"]), (&json!("WAITING"), &json!("blocked")));
        assert_eq!(intent["lifecycle_waiting_reason"], "WAITING_FOR_HUMAN");
        assert_eq!(intent["pending_with"], holder);
        let shown = &events[3]["human_task"];
        assert_eq!(&intent["human_task"], shown);
        if has_task {
            for (field, value) in task.as_object().unwrap() {
                assert_eq!(&shown[field], value);
            }
        } else {
            assert_eq!(shown["title"], "Human approval required");
        }
    }
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty(), "an agent is not offered a person's task");
}

async fn tasks_are_listed_for_those_who_may_answer_them(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    assert_eq!(
        server.get(&server.admin, "/v1/me/tasks").await,
        json!({ "ok": true, "tasks": [], "next_cursor": null })
    );
    let at = server.now().plus_seconds(60).to_string();
    let body = json!({
        "intent_type": "intent.approval.v1", "human_task": { "title": "First" }, "deadline_at": at, "from_agent": "boss",
    });
    let first = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.advance(Duration::from_secs(1)).await;
    let second = ask(&server, json!({ "title": "Second" })).await;
    server.submit("worker", json!({})).await;
    let tasks = server.get(&server.admin, "/v1/me/tasks").await["tasks"].clone();
    let expected = json!({
        "intent_id": first, "intent_type": "intent.approval.v1", "status": "WAITING",
        "from_agent": "agent://local/default/boss", "assigned_at": "2026-01-01T00:00:00.000Z",
        "due_at": "2026-01-01T00:01:00.000Z",
        "human_task": { "title": "First", "required_comment": false, "evidence_required": false },
    });
    assert_eq!(tasks[0], expected, "the longest waiting first");
    assert_eq!((tasks[1]["intent_id"].as_str(), tasks.as_array().unwrap().len()), (Some(second.as_str()), 2));
    assert!(tasks[1].get("due_at").is_none(), "{tasks}");
    assert_eq!(server.get(&worker, "/v1/me/tasks").await, json!({ "ok": true, "tasks": [], "next_cursor": null }));
    assert_eq!(server.get(&server.admin, "/v1/me/tasks?limit=1").await["tasks"].as_array().unwrap().len(), 1);

    answer(&server, &second, json!({ "outcome": "approved" })).await.ok();
    server.advance(Duration::from_secs(59)).await;
    assert_eq!(
        server.get(&server.admin, "/v1/me/tasks").await,
        json!({ "ok": true, "tasks": [], "next_cursor": null })
    );
    assert_eq!(server.intent(&first).await["status"], "TIMED_OUT");
    answer(&server, &first, json!({ "outcome": "approved" })).await.refused(409, "intent_already_terminal");
}

async fn an_answer_completes_a_direct_task_whatever_it_says(engine: Engine) {
    let server = Server::start(engine).await;
    for (body, result) in [
        (json!({ "task_result": { "outcome": "approved" } }), json!({ "outcome": "approved" })),
        (
            json!({ "task_result": { "outcome": "rejected", "comment": "too soon" } }),
            json!({ "outcome": "rejected", "comment": "too soon" }),
        ),
        (
            json!({ "task_result": { "outcome": "approved", "count": "3", "data": { "count": 4, "n": [1] } } }),
            json!({ "outcome": "approved", "count": 4, "n": [1] }),
        ),
        (
            json!({ "outcome": "approved", "task_result": { "approved": true } }),
            json!({ "outcome": "approved", "approved": true }),
        ),
        (json!({ "task_result": { "approved": false } }), json!({ "outcome": "rejected", "approved": false })),
        (json!({ "task_result": { "approved": "true" } }), json!({ "outcome": "approved", "approved": "true" })),
        (json!({ "outcome": "rejected", "comment": "no" }), json!({ "outcome": "rejected", "comment": "no" })),
        (json!({ "approve_current_step": true }), json!({ "outcome": "approved" })),
        (
            json!({ "approve_current_step": true, "reason": "looks good" }),
            json!({ "outcome": "approved", "comment": "looks good" }),
        ),
    ] {
        let id = ask(&server, json!({ "title": "t" })).await;
        let resumed = server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body.clone()).await;
        assert_eq!((&resumed["applied"], &resumed["intent"]["status"]), (&json!(true), &json!("COMPLETED")), "{body}");
        assert_eq!(resumed["intent"]["result"], result, "{body}");
        assert_eq!(resumed["event"]["event_type"], "intent.completed");
        assert_eq!((&resumed["event"]["result"], &resumed["event"]["data"]), (&result, &result));
        assert_eq!(resumed["event"]["details"]["task_result"], result);
        assert_eq!(resumed["event"]["actor"], "owner@local", "who decided");
        let types = server.event_types(&id).await;
        let expected = ["created", "submitted", "waiting", "human_task_assigned", "in_progress", "completed"];
        assert_eq!(types, expected);
    }
}

async fn each_type_of_task_has_its_outcomes(engine: Engine) {
    let server = Server::start(engine).await;
    let refuse = "";
    for (task, word, recorded) in [
        (json!({}), "approved", "approved"),
        (json!({}), "approve", "approved"),
        (json!({}), "reject", "rejected"),
        (json!({}), "denied", "rejected"),
        (json!({}), "yes", refuse),
        (json!({}), "APPROVED", refuse),
        (json!({ "task_type": "confirmation", "allowed_outcomes": ["confirmed", "denied"] }), "rejected", "denied"),
        (json!({ "task_type": "confirmation", "allowed_outcomes": ["confirmed", "denied"] }), "approved", "confirmed"),
        (json!({ "task_type": "clarification", "allowed_outcomes": ["provided", "declined"] }), "rejected", "declined"),
        (json!({ "task_type": "assignment" }), "rejected", "declined"),
        (json!({ "task_type": "assignment" }), "assigned", "assigned"),
        (json!({ "task_type": "review" }), "changes_requested", "changes_requested"),
        (json!({ "task_type": "review" }), "denied", refuse),
        (json!({ "task_type": "override" }), "approved", "override_approved"),
        (json!({ "task_type": "manual_action" }), "completed", "completed"),
        (json!({ "task_type": "manual_action" }), "failed", "failed"),
        (json!({ "task_type": "reroute" }), "rerouted", "rerouted"),
        (json!({ "task_type": "reroute" }), "two words", refuse),
        (json!({ "allowed_outcomes": ["ja", "nein"] }), "ja", "ja"),
        (json!({ "allowed_outcomes": ["ja", "nein"] }), "rejected", refuse),
    ] {
        let id = ask(&server, task.clone()).await;
        let answered = answer(&server, &id, json!({ "outcome": word })).await;
        if recorded == refuse {
            let text = answered.refused(422, "outcome_not_allowed");
            assert!(text.contains(word) && text.contains("send one"), "{text}");
            assert_eq!(server.intent(&id).await["status"], "WAITING");
        } else {
            assert_eq!(answered.ok()["intent"]["result"]["outcome"], recorded, "{task} {word}");
        }
    }
}

async fn an_incomplete_answer_leaves_the_task_open(engine: Engine) {
    let server = Server::start(engine).await;
    let strict = ask(&server, json!({ "required_comment": true, "evidence_required": true })).await;
    let path = format!("/v1/intents/{strict}/resume");
    for (body, code) in [
        (json!({}), "task_result_required"),
        (json!({ "reason": "please" }), "task_result_required"),
        (json!({ "action": "complete" }), "task_result_required"),
        (json!({ "action": "fail" }), "task_result_required"),
        (json!({ "note": "done" }), "task_result_required"),
        (json!({ "approve_current_step": false }), "task_result_required"),
        (json!({ "task_result": {} }), "outcome_required"),
        (json!({ "task_result": { "outcome": " " } }), "outcome_required"),
        (json!({ "task_result": { "outcome": 5 } }), "outcome_required"),
        (json!({ "approve_current_step": true }), "comment_required"),
        (json!({ "approve_current_step": true, "reason": " " }), "comment_required"),
        (json!({ "task_result": { "outcome": "approved" } }), "comment_required"),
        (json!({ "task_result": { "outcome": "approved", "comment": "\t" } }), "comment_required"),
        (json!({ "outcome": "approved" }), "comment_required"),
        (json!({ "approve_current_step": true, "reason": "fine" }), "evidence_required"),
        (json!({ "task_result": { "outcome": "approved", "comment": "c", "evidence": "" } }), "evidence_required"),
        (json!({ "task_result": { "outcome": "approved", "comment": "c", "evidence": [] } }), "evidence_required"),
    ] {
        let refused = server.send(&server.admin, "POST", &path, Some(body.clone())).await;
        assert_eq!(refused.status, 422, "{body}");
        refused.refused(422, code);
    }
    server.send(&server.admin, "POST", &path, None).await.refused(422, "task_result_required");
    assert_eq!(server.intent(&strict).await["status"], "WAITING");
    assert_eq!(server.events(&strict).await.len(), 4, "nothing happened");
    assert_eq!(server.get(&server.admin, "/v1/me/tasks").await["tasks"][0]["intent_id"], strict);

    let full = json!({ "outcome": "approved", "comment": "c", "data": { "evidence": "photo.jpg" } });
    let done = answer(&server, &strict, full).await.ok();
    assert_eq!(done["intent"]["result"], json!({ "outcome": "approved", "comment": "c", "evidence": "photo.jpg" }));
}

async fn an_agents_key_cannot_answer_a_task(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, sender) = (server.agent("worker").await, server.agent("sender").await);
    let body = json!({ "intent_type": "intent.approval.v1", "to_agent": "worker", "human_task": { "title": "t" } });
    let id = id_of(&server.post(&sender, "/v1/intents", body).await);
    let path = format!("/v1/intents/{id}");
    for key in [&worker, &sender] {
        for body in [
            json!({ "task_result": { "outcome": "approved" } }),
            json!({ "approve_current_step": true }),
            json!({ "action": "complete" }),
            json!({ "approved": true }),
            json!({}),
        ] {
            let refused = server.send(key, "POST", &format!("{path}/resume"), Some(body)).await;
            refused.refused(403, "forbidden");
        }
        let complete = json!({ "status": "COMPLETED", "result": { "outcome": "approved" } });
        let refused = server.send(key, "POST", &format!("{path}/resolve"), Some(complete)).await;
        refused.refused(403, "forbidden");
    }
    assert_eq!(server.events(&id).await.len(), 4);
    let cancel = json!({ "status": "CANCELED", "reason": "not needed" });
    let canceled = server.post(&sender, &format!("{path}/resolve"), cancel).await;
    assert_eq!(canceled["intent"]["status"], "CANCELED");
    assert_eq!(server.get(&server.admin, "/v1/me/tasks").await["tasks"], json!([]));
}

async fn a_task_is_answered_once(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "t" })).await;
    answer(&server, &id, json!({ "outcome": "rejected", "comment": "no" })).await.ok();
    for word in ["approved", "rejected", "nonsense"] {
        answer(&server, &id, json!({ "outcome": word })).await.refused(409, "intent_already_terminal");
    }
    assert_eq!(server.intent(&id).await["result"], json!({ "outcome": "rejected", "comment": "no" }));
    assert_eq!(server.events(&id).await.len(), 6);
}

async fn an_admin_may_end_a_task_by_hand(engine: Engine) {
    let server = Server::start(engine).await;
    for status in ["COMPLETED", "FAILED", "CANCELED"] {
        let id = ask(&server, json!({ "title": "t" })).await;
        server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), json!({ "status": status })).await;
        assert_eq!(server.intent(&id).await["status"], status);
        let types = server.event_types(&id).await;
        assert_eq!(types[3..], ["human_task_assigned".to_owned(), status.to_ascii_lowercase()]);
    }
    assert_eq!(server.get(&server.admin, "/v1/me/tasks").await["tasks"], json!([]));
}
