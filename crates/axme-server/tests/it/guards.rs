//! Rules that must hold on every route: approvals, deadlines, revoked keys.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    the_sender_of_a_workflow_cannot_answer_for_its_agents,
    declining_to_continue_never_approves,
    an_answer_after_the_deadline_is_refused_before_the_timer_runs,
    an_open_stream_ends_with_its_key,
}

/// The agent `starter` starts a workflow: `checker` checks, and a person must answer if the check fails.
async fn workflow(server: &Server, starter: &str) -> (String, String) {
    let bundle = json!({
        "scenario_id": "guard.v1",
        "agents": [{ "role": "checker", "address": "checker" }],
        "humans": [{ "role": "boss" }],
        "workflow": { "steps": [
            { "step_id": "check", "assigned_to": "checker", "step_deadline_seconds": 60, "on_failure": "ask" },
            { "step_id": "ask", "assigned_to": "boss", "step_deadline_seconds": 60 },
        ] },
        "intent": { "type": "intent.guard.v1" },
    });
    let parent = id_of(&server.post(starter, "/v1/scenarios/apply", bundle).await);
    let waiting = server.events(&parent).await.into_iter().find(|e| e["event_type"] == "intent.waiting").unwrap();
    (parent, waiting["details"]["child_intent_id"].as_str().unwrap().to_owned())
}

async fn resume(server: &Server, key: &str, id: &str, body: Value) -> crate::harness::Answer {
    server.send(key, "POST", &format!("/v1/intents/{id}/resume"), Some(body)).await
}

async fn the_sender_of_a_workflow_cannot_answer_for_its_agents(engine: Engine) {
    let server = Server::start(engine).await;
    let (starter, checker) = (server.agent("starter").await, server.agent("checker").await);
    let (_, child) = workflow(&server, &starter).await;
    assert_eq!(server.get(&starter, &format!("/v1/intents/{child}")).await["status"], "DELIVERED", "it may read it");
    for body in [json!({"action": "complete"}), json!({"action": "fail"}), json!({}), json!({"x": 1})] {
        resume(&server, &starter, &child, body).await.refused(403, "forbidden");
    }
    let path = format!("/v1/intents/{child}/resolve");
    for status in ["COMPLETED", "FAILED", "CANCELED"] {
        server.send(&starter, "POST", &path, Some(json!({ "status": status }))).await.refused(403, "forbidden");
    }
    resume(&server, &checker, &child, json!({"action": "complete"})).await.ok();
}

async fn declining_to_continue_never_approves(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": { "title": "Pay?" } });
    let task = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    for no in [json!(false), json!("false")] {
        resume(&server, &server.admin, &task, json!({ "approve_current_step": no }))
            .await
            .refused(422, "task_result_required");
    }
    for nonsense in [json!(null), json!(0), json!("perhaps")] {
        let body = json!({ "approve_current_step": nonsense });
        resume(&server, &server.admin, &task, body).await.refused(422, "validation_failed");
    }
    let contradiction = json!({ "outcome": "approved", "task_result": { "approved": false } });
    resume(&server, &server.admin, &task, contradiction).await.refused(422, "contradiction");
    let both = json!({ "action": "fail", "approved": true });
    resume(&server, &server.admin, &task, both).await.refused(422, "task_result_required");
    assert_eq!(server.intent(&task).await["status"], "WAITING");

    let plain = server.submit("worker", json!({})).await;
    let body = json!({ "approve_current_step": false, "comment": "do not deploy" });
    let answer = resume(&server, &server.admin, &plain, body).await.ok();
    assert_eq!((&answer["applied"], &answer["intent"]["status"]), (&json!(false), &json!("DELIVERED")));
}

async fn an_answer_after_the_deadline_is_refused_before_the_timer_runs(engine: Engine) {
    let server = Server::start(engine).await;
    let (starter, checker) = (server.agent("starter").await, server.agent("checker").await);
    let (parent, child) = workflow(&server, &starter).await;
    assert!(server.intent(&child).await["deadline_at"].is_string(), "the step's deadline is the child's");
    let at = server.now().plus_seconds(60).to_string();
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": { "title": "Pay?" }, "deadline_at": at });
    let task = id_of(&server.post(&server.admin, "/v1/intents", body).await);

    // As after a restart: time has passed, and no timer has fired.
    server.clock.advance(Duration::from_secs(60));
    let yes = json!({ "task_result": { "outcome": "approved" } });
    resume(&server, &server.admin, &task, yes.clone()).await.refused(409, "deadline_passed");
    resume(&server, &checker, &child, json!({"action": "complete"})).await.refused(409, "deadline_passed");
    let path = format!("/v1/intents/{task}/resolve");
    server
        .send(&server.admin, "POST", &path, Some(json!({ "status": "COMPLETED" })))
        .await
        .refused(409, "deadline_passed");

    server.advance(Duration::ZERO).await;
    assert_eq!(server.intent(&task).await["status"], "TIMED_OUT");
    assert_eq!(server.intent(&child).await["status"], "TIMED_OUT");
    assert_eq!(server.intent(&parent).await["pending_with"]["name"], "boss", "the failure goes to the person");
    resume(&server, &server.admin, &task, yes).await.refused(409, "intent_already_terminal");
}

async fn an_open_stream_ends_with_its_key(engine: Engine) {
    let server = Server::start(engine).await;
    let account = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "worker" })).await;
    let id = account["service_account_id"].as_str().unwrap();
    let keys = format!("/v1/service-accounts/{id}/keys");
    let key = server.post(&server.admin, &keys, json!({})).await;
    let (token, key_id) = (key["api_key"].as_str().unwrap(), key["key"]["key_id"].as_str().unwrap());
    let mut open = server.open(token, "/v1/agents/worker/intents/stream?since=0&wait_seconds=60&follow=1", &[]).await;
    server.until_held().await;
    server.post(&server.admin, &format!("{keys}/{key_id}/revoke"), json!({})).await;
    server.clock.advance(Duration::from_secs(2));
    server.submit("worker", json!({ "secret": 1 })).await;
    assert_eq!(open.frame().await.event, "stream.timeout", "nothing is shown to a revoked key");
    assert_eq!(open.next().await, None);
}
