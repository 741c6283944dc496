//! How intents are answered and ended: acknowledge, resume, resolve, deadlines.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of, poll};

each_engine! {
    resolve_ends_an_intent_in_the_way_it_says,
    resolve_takes_no_other_status,
    a_stale_generation_changes_nothing_and_is_no_error,
    resume_accepts_every_body_that_clients_send,
    an_agent_whose_function_returns_nothing_has_finished,
    an_answer_that_does_not_end_the_intent_says_so,
    a_failure_keeps_the_reason_of_the_agent,
    reading_with_the_receivers_key_acknowledges,
    nothing_follows_the_terminal_event,
    a_deadline_ends_an_intent,
    deadlines_that_pass_together_are_all_kept,
}

async fn resolve_ends_an_intent_in_the_way_it_says(engine: Engine) {
    let server = Server::start(engine).await;
    for (body, status, result, error) in [
        (json!({ "status": "COMPLETED", "result": { "a": 1 } }), "COMPLETED", json!({ "a": 1 }), Value::Null),
        (json!({ "status": "completed" }), "COMPLETED", json!({}), Value::Null),
        (json!({ "status": "Completed", "result": null }), "COMPLETED", json!({}), Value::Null),
        (
            json!({ "status": "FAILED", "error": { "code": "no_stock", "message": "sold out" } }),
            "FAILED",
            Value::Null,
            json!({
                "code": "no_stock", "message": "sold out", "details": { "code": "no_stock", "message": "sold out" },
            }),
        ),
        (
            json!({ "status": "failed", "reason": "tired" }),
            "FAILED",
            Value::Null,
            json!({ "code": "failed", "message": "tired" }),
        ),
        (
            json!({ "status": "CANCELED", "reason": "late" }),
            "CANCELED",
            Value::Null,
            json!({ "code": "canceled", "message": "late" }),
        ),
        (json!({ "status": "CANCELLED" }), "CANCELED", Value::Null, json!({ "code": "canceled", "message": "" })),
        (json!({ "status": "cancelled" }), "CANCELED", Value::Null, json!({ "code": "canceled", "message": "" })),
    ] {
        let id = server.submit("worker", json!({ "p": 1 })).await;
        let path = format!("/v1/intents/{id}/resolve");
        let resolved = server.post(&server.admin, &path, body.clone()).await;
        assert_eq!(resolved["applied"], true);
        assert_eq!(resolved["policy_generation"], 0);
        assert_eq!(resolved["intent"], server.intent(&id).await, "{body}");
        for (name, expected) in [
            ("status", &json!(status)),
            ("lifecycle_status", &json!(status)),
            ("result", &result),
            ("error", &error),
            ("payload", &json!({ "p": 1 })),
        ] {
            assert_eq!(&resolved["intent"][name], expected, "{body}");
        }
        assert_eq!(resolved["completion_delivery"], json!({ "delivered": false, "reason": "reply_to_not_set" }));
        let word = status.to_ascii_lowercase();
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered", word.as_str()]);
        let event = &resolved["event"];
        assert_eq!(event, server.events(&id).await.last().unwrap());
        assert_eq!(event["event_type"], format!("intent.{word}"));
        assert_eq!((&event["status"], &event["seq"]), (&json!(status), &json!(8)));
        assert_eq!(event["actor"], "owner@local");
        assert!(event["details"].is_object() && event["at"].is_string(), "{event}");
        if status == "COMPLETED" {
            assert_eq!((&event["result"], &event["data"]), (&result, &result));
        }

        for again in [body, json!({ "status": "COMPLETED" }), json!({ "status": "CANCELED" })] {
            server.send(&server.admin, "POST", &path, Some(again)).await.refused(409, "intent_already_terminal");
        }
    }
}

async fn resolve_takes_no_other_status(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{id}/resolve");
    for body in [
        json!({ "status": "TIMED_OUT" }),
        json!({ "status": "WAITING" }),
        json!({ "status": "DONE" }),
        json!({ "status": "" }),
        json!({ "status": 5 }),
        json!({ "result": {} }),
    ] {
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "validation_failed");
    }
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);
}

async fn a_stale_generation_changes_nothing_and_is_no_error(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    for (call, body) in [
        ("resolve", json!({ "status": "COMPLETED", "expected_policy_generation": 3 })),
        ("resume", json!({ "action": "complete", "expected_policy_generation": 3 })),
        ("resume", json!({ "approve_current_step": true, "expected_policy_generation": 3 })),
        ("resume", json!({ "action": "complete", "expected_policy_generation": 3.0 })),
    ] {
        let answer = server.post(&server.admin, &format!("/v1/intents/{id}/{call}"), body).await;
        assert_eq!(answer["applied"], false);
        assert_eq!(answer["reason"], "stale_policy_generation");
        assert_eq!(answer["policy_generation"], 0);
        assert_eq!(answer["intent"]["status"], "DELIVERED");
    }
    // A guard that cannot be read is rejected, not ignored.
    for generation in [json!("first"), json!(-1), json!(0.5), json!([])] {
        let body = json!({ "action": "complete", "expected_policy_generation": generation });
        let path = format!("/v1/intents/{id}/resume");
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "validation_failed");
    }
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);
    let body = json!({ "action": "complete", "expected_policy_generation": 0, "x": 1 });
    let answer = server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body).await;
    assert_eq!((&answer["applied"], &answer["intent"]["result"]), (&json!(true), &json!({ "x": 1 })));
}

async fn resume_accepts_every_body_that_clients_send(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let rows: Vec<(Value, &str, Value)> = vec![
        // The control plane: continue, but do not complete.
        (json!({ "approve_current_step": true }), "IN_PROGRESS", Value::Null),
        (
            json!({
                "approve_current_step": true, "reason": "ok", "actor": "me", "expected_policy_generation": 0,
                "internal_scheduler": false,
            }),
            "IN_PROGRESS",
            Value::Null,
        ),
        (json!({ "actor": "me" }), "IN_PROGRESS", Value::Null),
        // An agent whose function returns nothing.
        (json!({}), "COMPLETED", json!({})),
        (json!({ "reason": "only a reason" }), "COMPLETED", json!({ "reason": "only a reason" })),
        // Agents that send an action.
        (json!({ "action": "complete" }), "COMPLETED", json!({})),
        (
            json!({ "action": "complete", "score": 3, "reason": "fine" }),
            "COMPLETED",
            json!({ "score": 3, "reason": "fine" }),
        ),
        (json!({ "action": "fail", "reason": "broken" }), "FAILED", json!({ "reason": "broken" })),
        // Agents that send only a result.
        (json!({ "approved": true, "score": 0.5 }), "COMPLETED", json!({ "approved": true, "score": 0.5 })),
        (json!({ "approved": false }), "COMPLETED", json!({ "approved": false })),
        (
            json!({ "outcome": "success", "result": { "a": 1 } }),
            "COMPLETED",
            json!({ "outcome": "success", "result": { "a": 1 } }),
        ),
        (json!({ "status": "ok" }), "COMPLETED", json!({ "status": "ok" })),
        (json!({ "action": "ship", "x": 1 }), "COMPLETED", json!({ "action": "ship", "x": 1 })),
        (json!({ "status": "failed", "why": "x" }), "FAILED", json!({ "status": "failed", "why": "x" })),
        (json!({ "outcome": "failed" }), "FAILED", json!({ "outcome": "failed" })),
        (json!({ "outcome": "error" }), "FAILED", json!({ "outcome": "error" })),
        // An agent that hands over.
        (json!({ "status": "pending_payment", "n": 1 }), "IN_PROGRESS", Value::Null),
        // A result may have any key; none is read as a field of the call.
        (
            json!({ "intent_id": "mine", "body": { "x": 1 } }),
            "COMPLETED",
            json!({ "intent_id": "mine", "body": { "x": 1 } }),
        ),
        (json!({ "owner_agent": "mine" }), "COMPLETED", json!({ "owner_agent": "mine" })),
    ];
    for (body, status, result) in rows {
        let id = server.submit("worker", json!({})).await;
        let path = format!("/v1/intents/{id}/resume?owner_agent=agent://examples/requester&body=ignored");
        let resumed = server.post(&worker, &path, body.clone()).await;
        assert_eq!((&resumed["applied"], &resumed["policy_generation"]), (&json!(true), &json!(0)));
        assert_eq!(resumed["intent"]["status"], status, "{body}");
        assert_eq!(resumed["intent"]["result"], result, "{body}");
        assert_eq!(&resumed["event"], server.events(&id).await.last().unwrap(), "{body}");
        let word = status.to_ascii_lowercase();
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered", word.as_str()], "{body}");
        assert_eq!(resumed["event"]["actor"], "agent://local/default/worker");
        if status == "IN_PROGRESS" {
            // Clients read the status of a hand-over there.
            let is_hand_over = body["status"].is_string();
            assert_eq!(resumed["event"]["data"], if is_hand_over { body } else { Value::Null });
            // The published flow continues with resolve.
            let path = format!("/v1/intents/{id}/resolve");
            server.post(&worker, &path, json!({ "status": "COMPLETED", "result": {} })).await;
        }
    }

    let id = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{id}/resume");
    let empty = server.send(&worker, "POST", &path, None).await.ok();
    assert_eq!(empty["intent"]["status"], "IN_PROGRESS");
    let again = server.send(&worker, "POST", &path, None).await.ok();
    assert_eq!((&again["applied"], &again["event"]), (&json!(true), &Value::Null), "already in progress");
    let declined = server.post(&worker, &path, json!({ "approve_current_step": false })).await;
    assert_eq!((&declined["applied"], &declined["reason"]), (&json!(false), &json!("not_approved")));
    let no_task =
        server.send(&server.admin, "POST", &path, Some(json!({ "task_result": { "outcome": "approved" } }))).await;
    no_task.refused(409, "not_waiting_for_human");
    assert_eq!(server.intent(&id).await["status"], "IN_PROGRESS");
}

async fn an_agent_whose_function_returns_nothing_has_finished(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, other) = (server.agent("worker").await, server.agent("other").await);
    for body in [json!({}), json!({ "reason": "nothing to do" })] {
        // The key of the receiver completes; every other key lets the intent go on.
        let mine = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
        let id = id_of(&server.post(&other, "/v1/intents", mine).await);
        let path = format!("/v1/intents/{id}/resume");
        for key in [&other, &server.admin] {
            assert_eq!(server.post(key, &path, body.clone()).await["intent"]["status"], "IN_PROGRESS", "{body}");
        }
        let answered = server.post(&worker, &path, body.clone()).await;
        assert_eq!(answered["intent"]["status"], "COMPLETED", "{body}");
        assert_eq!((&answered["intent"]["result"], answered.get("warnings")), (&body, None));

        // The step of a workflow ends, and the workflow goes on.
        let bundle = json!({
            "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }, { "role": "o", "address": "other" }],
            "intent": { "type": "x" }, "workflow": { "steps": [
                { "step_id": "one", "assigned_to": "w" }, { "step_id": "two", "assigned_to": "o" },
            ] },
        });
        let parent = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
        let child = server.events(&parent).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
        server.post(&worker, &format!("/v1/intents/{child}/resume"), body.clone()).await;
        assert_eq!(server.intent(&child).await["result"], body);
        assert_eq!(server.intent(&parent).await["pending_with"]["name"], "other");

        // A person's task is never answered so.
        let task = json!({ "intent_type": "x.v1", "to_agent": "worker", "human_task": { "title": "Pay?" } });
        let task = id_of(&server.post(&server.admin, "/v1/intents", task).await);
        let path = format!("/v1/intents/{task}/resume");
        server.send(&worker, "POST", &path, Some(body.clone())).await.refused(403, "forbidden");
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "task_result_required");
    }
    // An agent that an intent was escalated to answers like its receiver.
    let body = json!({
        "intent_type": "x.v1", "to_agent": "worker", "remind_after_seconds": 60, "max_reminders": 1, "escalate_to": "other",
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    for _ in 0..2 {
        server.advance(Duration::from_secs(60)).await;
    }
    let answered = server.post(&other, &format!("/v1/intents/{id}/resume"), json!({})).await;
    assert_eq!(answered["intent"]["status"], "COMPLETED");
}

async fn an_answer_that_does_not_end_the_intent_says_so(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for (body, mentions) in [
        (None, "only lets it go on"),
        (Some(json!({ "approve_current_step": true })), "only lets it go on"),
        (Some(json!({ "reason": "x", "expected_policy_generation": 0 })), "only lets it go on"),
        (Some(json!({ "internal_scheduler": true })), "only lets it go on"),
        (Some(json!({ "status": "pending_payment" })), "begins with \"pending\""),
    ] {
        let id = server.submit("worker", json!({})).await;
        let path = format!("/v1/intents/{id}/resume");
        let answered = server.send(&worker, "POST", &path, body.clone()).await.ok();
        assert_eq!(answered["intent"]["status"], "IN_PROGRESS", "{body:?}");
        let warning = answered["warnings"][0].as_str().unwrap_or_default();
        assert!(warning.contains(mentions) && warning.contains("\"action\": \"complete\""), "{body:?}: {answered}");
        let ended = server.post(&worker, &path, json!({ "action": "complete" })).await;
        assert_eq!((&ended["intent"]["status"], ended.get("warnings")), (&json!("COMPLETED"), None));
    }
}

async fn a_failure_keeps_the_reason_of_the_agent(engine: Engine) {
    let server = Server::start(engine).await;
    for (body, code, message) in [
        (json!({ "action": "fail" }), "agent_failed", "the agent reported a failure"),
        (json!({ "action": "fail", "reason": "too risky" }), "agent_failed", "too risky"),
        (json!({ "action": "fail", "error": "boom" }), "agent_failed", "boom"),
        (
            json!({ "status": "failed", "error": { "code": "no_disk", "message": "full", "free": 0 } }),
            "no_disk",
            "full",
        ),
    ] {
        let id = server.submit("worker", json!({})).await;
        let failed = server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body.clone()).await;
        assert_eq!(failed["intent"]["error"]["code"], code, "{body}");
        assert_eq!(failed["intent"]["error"]["message"], message, "{body}");
        assert_eq!(failed["event"]["error"], failed["intent"]["error"]);
        assert_eq!(failed["event"]["details"]["error"], failed["intent"]["error"]);
    }
}

async fn reading_with_the_receivers_key_acknowledges(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, sender) = (server.agent("worker").await, server.agent("sender").await);
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
    let id = id_of(&server.post(&sender, "/v1/intents", body).await);
    let moved_on = server.submit("worker", json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{moved_on}/resume"), json!({})).await;
    for _ in 0..3 {
        server.get(&server.admin, &format!("/v1/intents/{id}")).await;
        server.get(&sender, &format!("/v1/intents/{id}")).await;
        server.get(&worker, &format!("/v1/intents/{moved_on}")).await;
    }
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"], "the caller was not the receiver");

    let seen = server.get(&worker, &format!("/v1/intents/{id}")).await;
    assert_eq!(seen["status"], "DELIVERED", "the answer does not wait for the acknowledgement");
    let events = poll(async || Some(server.events(&id).await).filter(|events| events.len() > 3)).await;
    let last = events.last().unwrap();
    assert_eq!(last["event_type"], "intent.acknowledged");
    assert_eq!((&last["status"], &last["seq"]), (&json!("ACKNOWLEDGED"), &json!(8)));
    assert_eq!(last["actor"], "agent://local/default/worker");

    server.get(&worker, &format!("/v1/intents/{id}")).await;
    let other = server.submit("worker", json!({})).await;
    server.get(&worker, &format!("/v1/intents/{other}")).await;
    poll(async || (server.intent(&other).await["status"] == "ACKNOWLEDGED").then_some(())).await;
    assert_eq!(server.events(&id).await.len(), 4, "only once");
    assert_eq!(
        server.event_types(&moved_on).await.last().unwrap(),
        "in_progress",
        "no acknowledgement after a later status"
    );
    server.post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete" })).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}

async fn nothing_follows_the_terminal_event(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let mut ended = Vec::new();
    for (call, body) in [
        ("resolve", json!({ "status": "COMPLETED" })),
        ("resolve", json!({ "status": "FAILED" })),
        ("resolve", json!({ "status": "CANCELED" })),
        ("resume", json!({ "action": "complete" })),
        ("resume", json!({ "action": "fail" })),
    ] {
        let at = server.now().plus_seconds(60).to_string();
        let create = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "deadline_at": at });
        let id = id_of(&server.post(&server.admin, "/v1/intents", create).await);
        server.post(&worker, &format!("/v1/intents/{id}/{call}"), body).await;
        ended.push((id, 4));
    }
    let at = server.now().plus_seconds(30).to_string();
    let create = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "deadline_at": at });
    let timed_out = id_of(&server.post(&server.admin, "/v1/intents", create).await);
    ended.push((timed_out, 4));
    server.advance(Duration::from_secs(30)).await;

    for (id, count) in &ended {
        server.get(&worker, &format!("/v1/intents/{id}")).await;
        for body in [
            json!({}),
            json!({ "approve_current_step": true }),
            json!({ "approve_current_step": false }),
            json!({ "action": "complete" }),
            json!({ "action": "fail" }),
            json!({ "status": "pending" }),
            json!({ "task_result": { "outcome": "approved" } }),
            json!({ "x": 1 }),
        ] {
            let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resume"), Some(body)).await;
            late.refused(409, "intent_already_terminal");
        }
        let late = json!({ "status": "CANCELED" });
        let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resolve"), Some(late)).await;
        late.refused(409, "intent_already_terminal");
        assert_eq!(server.events(id).await.len(), *count);
    }
    server.advance(Duration::from_secs(3_600)).await;
    for (id, count) in &ended {
        assert_eq!(server.events(id).await.len(), *count, "no timer fires either");
    }
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty(), "an ended intent is not offered");
}

async fn a_deadline_ends_an_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let at = server.now().plus_seconds(10).to_string();
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "nobody", "deadline_at": at });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.advance(Duration::from_secs(9)).await;
    assert_eq!(server.intent(&id).await["status"], "DELIVERED");
    server.advance(Duration::from_secs(1)).await;
    assert_eq!(server.intent(&id).await["status"], "TIMED_OUT");
    assert_eq!(server.event_types(&id).await.last().unwrap(), "timed_out");
}

async fn deadlines_that_pass_together_are_all_kept(engine: Engine) {
    let server = Server::start(engine).await;
    let at = server.now().plus_seconds(10).to_string();
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "nobody", "deadline_at": at });
    // More than one round of the worker.
    let created = (0..230).map(|_| server.post(&server.admin, "/v1/intents", body.clone()));
    futures_util::future::join_all(created).await;
    server.advance(Duration::from_secs(10)).await;
    let ended = server.get(&server.admin, "/v1/intents?status=TIMED_OUT&limit=500").await;
    assert_eq!(ended["intents"].as_array().unwrap().len(), 230);
}
