//! Decisions by approval id (`spec/protocol.md` §2.5, §9.7).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_waiting_task_is_answered_under_its_rules,
    a_forbidden_decision_is_refused_and_leaves_no_trace,
    a_rejection_is_an_answer_too,
    other_ids_are_recorded_and_have_no_effect,
    a_decision_is_approve_or_reject_with_a_short_comment,
}

async fn task(server: &Server, task: Value) -> String {
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": task });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

fn path(id: &str) -> String {
    format!("/v1/approvals/{id}/decision")
}

async fn a_waiting_task_is_answered_under_its_rules(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = task(&server, json!({ "title": "Pay?", "required_comment": true })).await;
    let approve = json!({ "decision": "approve" });
    server.send(&worker, "POST", &path(&id), Some(approve.clone())).await.refused(404, "not_found");
    assert_eq!(server.intent(&id).await["status"], "WAITING", "an agent cannot answer an intent that it cannot see");
    let refused = server.send(&server.admin, "POST", &path(&id), Some(approve)).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert_eq!(server.intent(&id).await["status"], "WAITING", "the task stays open");

    let approve = json!({ "decision": "approved", "reason": "fine" });
    let decided = server.post(&server.admin, &path(&id), approve.clone()).await;
    let expected = json!({
        "approval_id": id, "decision": "approve", "comment": "fine", "decided_at": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(decided["approval"], expected);
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["result"]["outcome"]), (&json!("COMPLETED"), &json!("approved")));
    assert_eq!(intent["result"]["comment"], "fine");

    server.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(server.post(&server.admin, &path(&id), approve).await["approval"], expected, "shown again");
    let reject = json!({ "decision": "reject", "comment": "no" });
    server.send(&server.admin, "POST", &path(&id), Some(reject)).await.refused(409, "intent_already_terminal");
    assert_eq!(server.intent(&id).await, intent);
}

async fn a_forbidden_decision_is_refused_and_leaves_no_trace(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, stranger) = (server.agent("worker").await, server.agent("stranger").await);
    for email in ["ann@example.com", "bob@example.com"] {
        server.give(email, "member", None).await;
    }
    let (ann, bob) = (server.sign_in("ann@example.com").await, server.sign_in("bob@example.com").await);
    let body = json!({ "intent_type": "x", "human_task": { "title": "Pay?", "assignees": ["ann@example.com"] } });
    let id = id_of(&server.post(&worker, "/v1/intents", body).await);
    let approve = Some(json!({ "decision": "approve" }));
    server.send(&worker, "POST", &path(&id), approve.clone()).await.refused(403, "forbidden");
    for key in [&stranger, &ann.key, &bob.key] {
        server.send(key, "POST", &path(&id), approve.clone()).await.refused(404, "not_found");
    }
    server.as_person(&bob, "POST", &path(&id), approve.clone()).await.refused(404, "not_found");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    let lines = async || {
        let trail = server.get(&server.admin, "/v1/audit/events?action_prefix=approvals.").await;
        trail["events"].as_array().unwrap().len()
    };
    assert_eq!(lines().await, 0);
    server.as_person(&ann, "POST", &path(&id), approve.clone()).await.ok();
    assert_eq!((&server.intent(&id).await["status"], lines().await), (&json!("COMPLETED"), 1));
    // Any caller's decision on an id without an intent is recorded.
    server.send(&worker, "POST", &path(&Uuid::from_u128(7).to_string()), approve).await.ok();
    assert_eq!(lines().await, 2);
}

async fn a_rejection_is_an_answer_too(engine: Engine) {
    let server = Server::start(engine).await;
    let id = task(&server, json!({ "title": "Pay?" })).await;
    server.post(&server.admin, &path(&id), json!({ "decision": "reject", "comment": "too much" })).await;
    let result = server.intent(&id).await["result"].clone();
    assert_eq!((&result["outcome"], &result["comment"]), (&json!("rejected"), &json!("too much")));
}

async fn other_ids_are_recorded_and_have_no_effect(engine: Engine) {
    let server = Server::start(engine).await;
    let foreign = server.workspace("other", "ws").await;
    let unknown = Uuid::from_u128(7).to_string();
    for word in ["approve", "reject"] {
        let decided = server.post(&server.admin, &path(&unknown), json!({ "decision": word })).await;
        assert_eq!((&decided["approval"]["decision"], &decided["approval"]["comment"]), (&json!(word), &Value::Null));
    }
    let id = task(&server, json!({ "title": "Pay?" })).await;
    server.post(&foreign, &path(&id), json!({ "decision": "approve" })).await;
    assert_eq!(server.intent(&id).await["status"], "WAITING", "a decision from another workspace has no effect");
    let plain = server.submit("worker", json!({})).await;
    let approve = json!({ "decision": "approve" });
    server.send(&server.admin, "POST", &path(&plain), Some(approve)).await.refused(409, "not_waiting_for_human");
}

async fn a_decision_is_approve_or_reject_with_a_short_comment(engine: Engine) {
    let server = Server::start(engine).await;
    let id = Uuid::from_u128(7).to_string();
    for (id, body) in [
        (id.as_str(), json!({ "decision": "maybe" })),
        (id.as_str(), json!({})),
        (id.as_str(), json!({ "decision": "approve", "comment": "c".repeat(1_001) })),
        ("no-uuid", json!({ "decision": "approve" })),
    ] {
        server.send(&server.admin, "POST", &path(id), Some(body)).await.refused(422, "validation_failed");
    }
}
