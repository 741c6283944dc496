//! Reminders, escalation, and times to live (`spec/protocol.md` §4.9).

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_person_is_reminded_and_then_the_task_escalates,
    an_answer_and_a_deadline_end_the_reminders,
    reminders_that_are_late_come_one_by_one,
    an_absent_agent_is_reminded_and_then_another_one_is_asked,
    each_step_has_its_own_reminders,
    a_step_without_reminders_inherits_those_of_the_bundle,
    a_server_may_limit_how_long_intents_live,
}

const MINUTE: Duration = Duration::from_secs(60);

async fn ask(server: &Server, fields: Value) -> String {
    let mut body = json!({ "intent_type": "intent.ask.v1", "to_agent": "human", "human_task": { "title": "Ship?" } });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

async fn count(server: &Server, id: &str, word: &str) -> usize {
    server.event_types(id).await.iter().filter(|name| *name == word).count()
}

async fn a_person_is_reminded_and_then_the_task_escalates(engine: Engine) {
    let server = Server::start(engine).await;
    let fields = json!({
        "remind_after_seconds": 60, "remind_interval_seconds": 120, "max_reminders": 2, "escalate_to": "boss",
    });
    let id = ask(&server, fields).await;
    server.advance(MINUTE - Duration::from_millis(1)).await;
    assert_eq!(count(&server, &id, "reminder").await, 0, "not before its time");
    server.advance(Duration::from_millis(1)).await;
    assert_eq!(count(&server, &id, "reminder").await, 1);
    server.advance(Duration::ZERO).await;
    assert_eq!(count(&server, &id, "reminder").await, 1, "once");
    server.advance(2 * MINUTE).await;
    let intent = server.intent(&id).await;
    assert_eq!((&intent["remind_count"], &intent["status"]), (&json!(2), &json!("WAITING")));
    assert_eq!(intent["pending_with"]["name"], "human");
    server.advance(2 * MINUTE).await;
    let events = server.events(&id).await;
    let last = events.last().unwrap();
    assert_eq!(last["event_type"], "intent.escalated");
    assert_eq!(last["details"]["escalated_to"], "boss");
    assert_eq!((&last["status"], &last["pending_with"]["name"]), (&json!("WAITING"), &json!("boss")));
    assert_eq!(server.intent(&id).await["pending_with"]["ref"], "boss");
    for event in events.iter().filter(|event| event["event_type"] == "intent.reminder") {
        assert_eq!((&event["status"], &event["pending_with"]["name"]), (&json!("WAITING"), &json!("human")));
    }
    server.advance(600 * MINUTE).await;
    assert_eq!(server.events(&id).await.len(), events.len(), "the reminder plan has an end");
    let answer = json!({ "task_result": { "outcome": "approved" } });
    let resumed = server.post(&server.admin, &format!("/v1/intents/{id}/resume"), answer).await;
    assert_eq!(resumed["intent"]["status"], "COMPLETED");
}

async fn an_answer_and_a_deadline_end_the_reminders(engine: Engine) {
    let server = Server::start(engine).await;
    let answered = ask(&server, json!({ "remind_after_seconds": 60 })).await;
    let overdue = ask(&server, json!({ "remind_after_seconds": 60, "ttl_seconds": 90 })).await;
    let answer = json!({ "task_result": { "outcome": "rejected" } });
    server.post(&server.admin, &format!("/v1/intents/{answered}/resume"), answer).await;
    server.advance(2 * MINUTE).await;
    assert_eq!(count(&server, &answered, "reminder").await, 0);
    let types = server.event_types(&overdue).await;
    let expected = ["created", "submitted", "waiting", "human_task_assigned", "reminder", "timed_out"];
    assert_eq!(types, expected, "late timers fire in order, and nothing after the end");
    server.advance(60 * MINUTE).await;
    assert_eq!(server.event_types(&overdue).await, expected);
}

async fn reminders_that_are_late_come_one_by_one(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "remind_after_seconds": 60, "max_reminders": 3 })).await;
    server.advance(60 * MINUTE).await;
    assert_eq!(count(&server, &id, "reminder").await, 1);
    server.advance(MINUTE).await;
    assert_eq!(count(&server, &id, "reminder").await, 2);
}

async fn an_absent_agent_is_reminded_and_then_another_one_is_asked(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, other, third) =
        (server.agent("worker").await, server.agent("other").await, server.agent("third").await);
    let body = json!({
        "intent_type": "intent.ask.v1", "to_agent": "worker", "remind_after_seconds": 5, "max_reminders": 1,
        "escalate_to": "other",
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let read = async |key: &str, name: &str, since: u64| {
        let path = format!("/v1/agents/{name}/intents/stream?since={since}&wait_seconds=1");
        server.stream(key, &path).await
    };
    let first = read(&worker, "worker", 0).await;
    assert_eq!(first.intent_ids(), [id.as_str()]);
    let seen = first.next_seq();
    assert!(read(&worker, "worker", seen).await.content().is_empty());
    server.advance(Duration::from_secs(5)).await;
    let again = read(&worker, "worker", seen).await;
    assert_eq!(again.intent_ids(), [id.as_str()], "offered again before its time");
    assert_eq!(server.intent(&id).await["remind_count"], 1);

    assert!(read(&other, "other", 0).await.content().is_empty());
    server.send(&other, "GET", &format!("/v1/intents/{id}"), None).await.refused(404, "not_found");
    server.advance(Duration::from_secs(5)).await;
    assert_eq!(read(&other, "other", 0).await.intent_ids(), [id.as_str()]);
    server.get(&other, &format!("/v1/intents/{id}")).await;
    server.send(&third, "GET", &format!("/v1/intents/{id}"), None).await.refused(404, "not_found");
    let done = server.post(&other, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;
    assert_eq!(done["intent"]["status"], "COMPLETED");
    server.advance(120 * MINUTE).await;
    for (key, name) in [(&worker, "worker"), (&other, "other")] {
        assert!(read(key, name, 0).await.content().is_empty(), "an ended intent is not offered");
    }
}

async fn each_step_has_its_own_reminders(engine: Engine) {
    let server = Server::start(engine).await;
    let checker = server.agent("checker").await;
    let bundle = json!({
        "scenario_id": "reminder_plan.v1",
        "agents": [{ "role": "checker", "address": "checker" }],
        "humans": [{ "role": "operator" }, { "role": "boss", "display_name": "The boss", "contact": "b@example.org" }],
        "workflow": { "steps": [
            { "step_id": "check", "assigned_to": "checker", "remind_after_seconds": 60, "step_deadline_seconds": 600 },
            { "step_id": "sign", "tool_id": "tool.approval.human_signoff", "assigned_to": "operator",
              "step_deadline_seconds": 600, "escalate_to": "boss" },
        ] },
        "intent": { "type": "intent.reminder_plan.v1", "payload": {} },
    });
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle).await;
    assert_eq!(applied["warnings"], json!([]));
    let id = id_of(&applied);
    server.advance(MINUTE).await;
    assert_eq!(count(&server, &id, "reminder").await, 1);
    let window = server.stream(&checker, "/v1/agents/checker/intents/stream?since=0&wait_seconds=1").await;
    let child = window.intent_ids()[0].to_owned();
    server.post(&checker, &format!("/v1/intents/{child}/resume"), json!({ "ready": true })).await;
    assert_eq!(server.intent(&id).await["remind_count"], 0, "counted for each wait");
    server.advance(10 * MINUTE).await;
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["pending_with"]["name"]), (&json!("WAITING"), &json!("The boss")));
    assert_eq!(count(&server, &id, "escalated").await, 1);
    server.advance(10 * MINUTE).await;
    assert_eq!(server.intent(&id).await["error"]["code"], "step_timeout");
    assert_eq!(count(&server, &id, "reminder").await, 1);
}

async fn a_step_without_reminders_inherits_those_of_the_bundle(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bundle = json!({
        "scenario_id": "reminder_plan.v1",
        "humans": [{ "role": "operator" }, { "role": "boss" }],
        "workflow": { "steps": [
            { "step_id": "sign", "tool_id": "tool.approval.human_signoff", "assigned_to": "operator" },
        ] },
        "intent": {
            "type": "intent.reminder_plan.v1", "payload": {}, "remind_after_seconds": 60, "max_reminders": 1,
            "escalate_to": "boss",
        },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle.clone()).await);
    bundle["workflow"]["steps"][0]["remind_after_seconds"] = json!(600);
    let own = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle.clone()).await);
    bundle["workflow"] = json!(null);
    bundle["intent"]["human_task"] = json!({ "title": "Sign?" });
    let direct = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    for _ in 0..2 {
        server.advance(MINUTE).await;
    }
    for (id, expected) in [(&id, (1, 1)), (&own, (0, 0)), (&direct, (1, 1))] {
        let found = (count(&server, id, "reminder").await, count(&server, id, "escalated").await);
        assert_eq!(found, expected);
    }
}

async fn a_server_may_limit_how_long_intents_live(engine: Engine) {
    let limits = axme_store::Limits { default_ttl_seconds: Some(3_600), ..axme_store::Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let id = server.submit("worker", json!({})).await;
    let own = ask(&server, json!({ "ttl_seconds": 86_400 })).await;
    server.advance(60 * MINUTE).await;
    assert_eq!(server.intent(&id).await["status"], "TIMED_OUT");
    assert_eq!(server.intent(&own).await["status"], "WAITING", "its own time to live wins");
}
