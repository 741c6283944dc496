//! Control of live intents: settings, grants, generations, bulk cancel (`spec/protocol.md` §4.8).

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_timeout_can_be_set_and_taken_away,
    a_stale_generation_changes_nothing,
    invalid_settings_are_refused_and_unknown_ones_are_reported,
    a_delegate_may_do_what_it_was_granted_and_nothing_else,
    a_grant_does_not_let_an_agent_answer_a_human_task,
    the_envelope_bounds_what_controls_ask_for,
    a_repeated_change_is_made_once,
    bulk_cancel_cancels_old_intents_only_without_dry_run,
    bulk_cancel_touches_only_intents_of_the_caller,
}

const BULK: &str = "/v1/intents/bulk-cancel";

async fn controls(server: &Server, id: &str, body: Value) -> Value {
    server.post(&server.admin, &format!("/v1/intents/{id}/controls"), body).await
}

async fn policy(server: &Server, id: &str, body: Value) -> Value {
    server.post(&server.admin, &format!("/v1/intents/{id}/policy"), body).await
}

async fn a_timeout_can_be_set_and_taken_away(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let (short, freed) = (server.submit("worker", json!({})).await, server.submit("worker", json!({})).await);
    for id in [&short, &freed] {
        let changed = controls(&server, id, json!({ "controls_patch": { "timeout_seconds": 120 } })).await;
        assert_eq!((&changed["applied"], &changed["policy_generation"]), (&json!(true), &json!(1)));
        assert_eq!(changed["intent"]["deadline_at"], "2026-01-01T00:02:00.000Z");
        assert_eq!(changed["intent"]["controls"], json!({ "timeout_seconds": 120 }));
        assert_eq!(changed["intent"], server.intent(id).await);
    }
    let changed = controls(&server, &freed, json!({ "controls_patch": { "timeout_seconds": null } })).await;
    assert_eq!((&changed["policy_generation"], &changed["intent"]["deadline_at"]), (&json!(2), &Value::Null));
    server.advance(Duration::from_secs(120)).await;
    assert_eq!(server.intent(&short).await["status"], "TIMED_OUT");
    assert_eq!(server.intent(&freed).await["status"], "DELIVERED");
    assert_eq!(
        server.event_types(&freed).await,
        ["created", "submitted", "delivered"],
        "a change of settings is not an event"
    );
    let path = format!("/v1/intents/{short}/controls");
    let body = json!({ "controls_patch": { "timeout_seconds": 5 } });
    server.send(&server.admin, "POST", &path, Some(body)).await.refused(409, "intent_already_terminal");
}

async fn a_stale_generation_changes_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let body = json!({ "controls_patch": { "timeout_seconds": 60 }, "expected_policy_generation": 0 });
    assert_eq!(controls(&server, &id, body.clone()).await["applied"], true);
    let before = server.intent(&id).await;
    let stale = controls(&server, &id, body).await;
    assert_eq!(stale["applied"], false);
    assert_eq!((&stale["reason"], &stale["policy_generation"]), (&json!("stale_policy_generation"), &json!(1)));
    let envelope = json!({ "envelope_patch": { "max_retry_count": 10 }, "expected_policy_generation": 0 });
    assert_eq!(policy(&server, &id, envelope).await["applied"], false);
    for (verb, body) in [
        ("resume", json!({ "done": true, "expected_policy_generation": 0 })),
        ("resolve", json!({ "status": "COMPLETED", "expected_policy_generation": 0 })),
    ] {
        let answer = server.post(&server.admin, &format!("/v1/intents/{id}/{verb}"), body).await;
        assert_eq!((&answer["applied"], &answer["policy_generation"]), (&json!(false), &json!(1)), "{verb}");
    }
    assert_eq!(server.intent(&id).await, before);
    let body = json!({ "status": "COMPLETED", "expected_policy_generation": 1 });
    let done = server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), body).await;
    assert_eq!(done["intent"]["status"], "COMPLETED");
}

async fn invalid_settings_are_refused_and_unknown_ones_are_reported(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    for (verb, body, code) in [
        ("controls", json!({ "controls_patch": { "timeout_seconds": "soon" } }), "invalid_control"),
        ("controls", json!({ "controls_patch": { "timeout_seconds": 0 } }), "invalid_control"),
        ("controls", json!({ "controls_patch": { "timeout_seconds": 1.5 } }), "invalid_control"),
        ("controls", json!({ "controls_patch": { "escalate_to": 7 } }), "invalid_control"),
        ("controls", json!({ "controls_patch": { "note": "x".repeat(20_000) } }), "policy_too_large"),
        ("controls", json!({ "controls_patch": [] }), "validation_failed"),
        ("policy", json!({ "envelope_patch": { "ttl_seconds": -1 } }), "invalid_control"),
        ("policy", json!({ "grants_patch": { "boss": { "allow": [] } } }), "invalid_grant"),
        ("policy", json!({ "grants_patch": { "delegate:boss": { "allow": ["everything"] } } }), "invalid_grant"),
        ("policy", json!({ "grants_patch": { "delegate:boss": 5 } }), "invalid_grant"),
        ("policy", json!({ "reason": "r".repeat(2_001) }), "validation_failed"),
    ] {
        let path = format!("/v1/intents/{id}/{verb}");
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, code);
    }
    assert_eq!(server.intent(&id).await["policy_generation"], 0);
    let kept = controls(&server, &id, json!({ "controls_patch": { "colour": "red" } })).await;
    assert_eq!(kept["intent"]["controls"], json!({ "colour": "red" }));
    let warning = "controls_patch.colour: kept, but this server does not act on it";
    assert_eq!(kept["warnings"], json!([warning]));
}

async fn a_delegate_may_do_what_it_was_granted_and_nothing_else(engine: Engine) {
    let server = Server::start(engine).await;
    let (sender, ops) = (server.agent("sender").await, server.agent("ops").await);
    let (worker, stranger) = (server.agent("worker").await, server.agent("stranger").await);
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    let id = id_of(&server.post(&sender, "/v1/intents", body).await);
    let path = |verb: &str| format!("/v1/intents/{id}/{verb}");
    let get = format!("/v1/intents/{id}");
    let wait = json!({ "controls_patch": { "timeout_seconds": 60 } });
    server.send(&ops, "GET", &get, None).await.refused(404, "not_found");
    server.send(&ops, "POST", &path("controls"), Some(wait.clone())).await.refused(404, "not_found");
    // The agent that does the work cannot set its limits.
    server.send(&worker, "POST", &path("controls"), Some(wait.clone())).await.refused(403, "forbidden");
    let grant = json!({ "grants_patch": { "delegate:agent://ops": { "allow": ["resume", "update_controls"] } } });
    server.send(&worker, "POST", &path("policy"), Some(grant.clone())).await.refused(403, "forbidden");
    let granted = server.post(&sender, &path("policy"), grant).await;
    let allowed = json!({ "delegate:agent://local/default/ops": { "allow": ["resume", "update_controls"] } });
    assert_eq!(granted["intent"]["grants"], allowed);

    assert_eq!(server.get(&ops, &get).await["intent"]["status"], "DELIVERED", "a delegate's read acknowledges nothing");
    assert_eq!(server.post(&ops, &path("controls"), wait).await["applied"], true);
    let cancel = json!({ "status": "CANCELED", "reason": "no" });
    server.send(&ops, "POST", &path("resolve"), Some(cancel)).await.refused(403, "forbidden");
    let more = json!({ "grants_patch": { "delegate:stranger": { "allow": ["resume"] } } });
    server.send(&ops, "POST", &path("policy"), Some(more)).await.refused(403, "forbidden");
    server.send(&stranger, "POST", &path("resume"), Some(json!({ "x": 1 }))).await.refused(404, "not_found");
    let done = server.post(&ops, &path("resume"), json!({ "done": true })).await;
    assert_eq!(
        (&done["intent"]["status"], &done["event"]["actor"]),
        (&json!("COMPLETED"), &json!("agent://local/default/ops"))
    );
}

async fn a_grant_does_not_let_an_agent_answer_a_human_task(engine: Engine) {
    let server = Server::start(engine).await;
    let ops = server.agent("ops").await;
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": { "title": "Pay?" } });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    policy(&server, &id, json!({ "grants_patch": { "delegate:ops": { "allow": ["resume", "resolve"] } } })).await;
    let answer = json!({ "task_result": { "outcome": "approved" } });
    server.send(&ops, "POST", &format!("/v1/intents/{id}/resume"), Some(answer)).await.refused(403, "forbidden");
    let complete = json!({ "status": "COMPLETED", "result": {} });
    server.send(&ops, "POST", &format!("/v1/intents/{id}/resolve"), Some(complete)).await.refused(403, "forbidden");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    policy(&server, &id, json!({ "grants_patch": { "delegate:ops": null } })).await;
    server.send(&ops, "GET", &format!("/v1/intents/{id}"), None).await.refused(404, "not_found");
}

async fn the_envelope_bounds_what_controls_ask_for(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    policy(&server, &id, json!({ "envelope_patch": { "ttl_seconds": 300, "execution_timeout_seconds": 60 } })).await;
    let asked = controls(&server, &id, json!({ "controls_patch": { "timeout_seconds": 3_600 } })).await;
    assert_eq!(asked["intent"]["deadline_at"], "2026-01-01T00:05:00.000Z");
    server.advance(Duration::from_secs(100)).await;
    assert_eq!(server.intent(&id).await["status"], "DELIVERED", "its time starts with the acknowledgement");
    server.post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "approve_current_step": true })).await;
    server.advance(Duration::from_secs(59)).await;
    assert_eq!(server.intent(&id).await["status"], "IN_PROGRESS");
    server.advance(Duration::from_secs(1)).await;
    assert_eq!(server.intent(&id).await["status"], "TIMED_OUT");
}

async fn a_repeated_change_is_made_once(engine: Engine) {
    let server = Server::start(engine).await;
    let id = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{id}/controls");
    let body = json!({ "controls_patch": { "timeout_seconds": 60 } });
    let send = async || {
        server.send_with(&server.admin, "POST", &path, Some(body.clone()), &[("idempotency-key", "k")]).await.ok()
    };
    let first = send().await;
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(send().await, first);
    assert_eq!(server.intent(&id).await["policy_generation"], 1);
}

async fn bulk_cancel_cancels_old_intents_only_without_dry_run(engine: Engine) {
    let server = Server::start(engine).await;
    let (old, held) = (server.submit("worker", json!({})).await, server.submit("worker", json!({})).await);
    let task = json!({ "intent_type": "intent.ask.v1", "human_task": { "title": "Pay?" } });
    let waiting = id_of(&server.post(&server.admin, "/v1/intents", task).await);
    server.post(&server.admin, &format!("/v1/intents/{held}/resolve"), json!({ "status": "COMPLETED" })).await;
    server.advance(Duration::from_secs(7_200)).await;
    let fresh = server.submit("worker", json!({})).await;

    let dry = server.post(&server.admin, BULK, json!({ "older_than_hours": 1, "status_filter": null })).await;
    let mut found = [old.clone(), waiting.clone()];
    found.sort();
    assert_eq!((&dry["would_cancel"], &dry["intent_ids"]), (&json!(2), &json!(found)));
    assert_eq!(dry["canceled"], Value::Null);
    assert_eq!(server.intent(&old).await["status"], "DELIVERED", "a dry run does nothing");

    let body =
        json!({ "older_than_hours": 1, "dry_run": false, "reason": "spring clean", "status_filter": ["WAITING"] });
    let done = server.post(&server.admin, BULK, body).await;
    assert_eq!((&done["canceled"], &done["intent_ids"]), (&json!(1), &json!([waiting])));
    assert_eq!(server.intent(&waiting).await["error"]["message"], "spring clean");
    let body = json!({ "older_than_hours": 1, "dry_run": false, "limit": 1 });
    assert_eq!(server.post(&server.admin, BULK, body.clone()).await["canceled"], 1);
    assert_eq!(server.post(&server.admin, BULK, body).await["canceled"], 0);
    let statuses: Vec<Value> = [server.intent(&old).await, server.intent(&held).await, server.intent(&fresh).await]
        .iter()
        .map(|intent| intent["status"].clone())
        .collect();
    assert_eq!(statuses, ["CANCELED", "COMPLETED", "DELIVERED"]);
}

async fn bulk_cancel_touches_only_intents_of_the_caller(engine: Engine) {
    let server = Server::start(engine).await;
    let (sender, worker) = (server.agent("sender").await, server.agent("worker").await);
    let foreign = server.workspace("other", "ws").await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    let own = id_of(&server.post(&sender, "/v1/intents", body).await);
    let others = server.submit("worker", json!({})).await;
    server.advance(Duration::from_secs(3_600)).await;
    let all = json!({ "older_than_hours": 0.5, "dry_run": false });
    for (key, ids) in
        [(&foreign, json!([])), (&worker, json!([])), (&sender, json!([own])), (&server.admin, json!([others]))]
    {
        assert_eq!(server.post(key, BULK, all.clone()).await["intent_ids"], ids);
    }
    for body in [
        json!({ "older_than_hours": 0 }),
        json!({ "older_than_hours": "old" }),
        json!({ "limit": 0 }),
        json!({ "status_filter": ["LOST"] }),
        json!({ "status_filter": ["COMPLETED"] }),
    ] {
        server.send(&server.admin, "POST", BULK, Some(body)).await.refused(422, "validation_failed");
    }
}
