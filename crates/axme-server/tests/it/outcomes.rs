//! The outcome of an intent: what was decided, beside the status, and the history in sentences (`spec/protocol.md` §4.6).

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_no_before_a_notice_stays_a_no,
    a_failure_branch_does_not_run_into_the_success_path_by_order,
    a_bundle_can_name_the_end_of_a_branch,
    every_list_and_answer_shows_the_outcome_beside_the_status,
    the_history_says_who_voted_who_reassigned_and_who_canceled,
}

const BOB: &str = "bob@example.com";

fn bundle(steps: Value) -> Value {
    json!({
        "scenario_id": "release.v1", "agents": [{ "role": "worker", "address": "worker", "create_if_missing": true }],
        "humans": [{ "role": "cfo", "contact": BOB, "display_name": "Finance" }],
        "workflow": { "steps": steps }, "intent": { "type": "intent.release.v1" },
    })
}

async fn apply(server: &Server, steps: Value) -> String {
    id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle(steps)).await)
}

async fn answer(server: &Server, id: &str, outcome: &str) -> Value {
    let body = json!({ "task_result": { "outcome": outcome, "comment": "why" } });
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body).await
}

fn ask() -> Value {
    json!({ "step_id": "ok", "assigned_to": "cfo", "human_task": { "title": "Release?" }, "on_success": "done", "on_failure": "tell" })
}

fn tell() -> Value {
    json!({ "step_id": "tell", "runtime_type": "notification", "assigned_to": "cfo", "config": { "subject": "Not released" } })
}

fn with(mut step: Value, key: &str, value: &str) -> Value {
    step[key] = json!(value);
    step
}

/// Returns the status, the kind of the outcome, and the outcome in words.
fn end(intent: &Value) -> (&str, &str, &str) {
    let text = |key: &str| intent[key].as_str().unwrap_or_default();
    (text("status"), text("outcome_kind"), text("outcome_text"))
}

async fn a_no_before_a_notice_stays_a_no(engine: Engine) {
    let server = Server::start(engine).await;
    let sign_off =
        json!({ "step_id": "ok", "assigned_to": "cfo", "human_task": { "title": "Deploy?" }, "on_failure": "tell" });
    let id = apply(&server, json!([sign_off, tell()])).await;
    answer(&server, &id, "rejected").await;
    let intent = server.intent(&id).await;
    assert_eq!(end(&intent), ("FAILED", "no", "Rejected by owner@local"));
    assert_eq!((&intent["outcome"], &intent["decided_by"]), (&json!("rejected"), &json!(["owner@local"])));
    assert_eq!((&intent["error"]["code"], &intent["result"]["comment"]), (&json!("rejected"), &json!("why")));
    let id = apply(&server, json!([ask(), tell(), { "step_id": "done", "assigned_to": "worker" }])).await;
    answer(&server, &id, "approved").await;
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    assert_eq!(server.intent(&id).await.get("outcome"), None, "a live intent has none");
}

async fn a_failure_branch_does_not_run_into_the_success_path_by_order(engine: Engine) {
    let server = Server::start(engine).await;
    let done = || json!({ "step_id": "done", "assigned_to": "worker" });
    let steps = json!([ask(), tell(), done()]);
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle(steps.clone())).await;
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("workflow.steps[1].on_success: after a failure, the intent ends here"), "{report}");
    let id = apply(&server, steps).await;
    answer(&server, &id, "rejected").await;
    let intent = server.intent(&id).await;
    assert_eq!(end(&intent), ("FAILED", "no", "Rejected by owner@local"));
    assert_eq!(intent["result"]["steps"].get("done"), None, "nothing is released");
    // The bundle says that it goes on: it does, without a warning, and the no is still the outcome.
    let steps = json!([ask(), with(tell(), "on_success", "done"), with(done(), "on_success", "end.completed")]);
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle(steps.clone())).await;
    assert_eq!(report["warnings"], json!([]));
    let id = apply(&server, steps).await;
    answer(&server, &id, "rejected").await;
    let child = crate::scenarios::child(&server, &id).await;
    server.post(&server.admin, &format!("/v1/intents/{child}/resume"), json!({ "action": "complete", "n": 1 })).await;
    assert_eq!(end(&server.intent(&id).await), ("COMPLETED", "no", "Rejected by owner@local"));
}

async fn a_bundle_can_name_the_end_of_a_branch(engine: Engine) {
    let server = Server::start(engine).await;
    let sign_off = |end: &str| json!([{ "step_id": "ok", "assigned_to": "cfo", "human_task": { "title": "Go?" }, "on_failure": end }]);
    for (target, expected) in [
        ("end.completed", ("COMPLETED", "no", "Rejected by owner@local")),
        ("end.failed", ("FAILED", "no", "Rejected by owner@local")),
        ("end.canceled", ("CANCELED", "no", "Rejected by owner@local")),
    ] {
        let id = apply(&server, sign_off(target)).await;
        answer(&server, &id, "rejected").await;
        assert_eq!(end(&server.intent(&id).await), expected, "{target}");
    }
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle(sign_off("end.soon"))).await;
    assert!(report["errors"][0].as_str().unwrap().contains("end.completed, end.failed, end.canceled"), "{report}");
}

async fn every_list_and_answer_shows_the_outcome_beside_the_status(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({
        "intent_type": "intent.ask.v1", "reply_to": "agent://local/default/asker",
        "human_task": { "title": "Pay?", "assignees": [BOB] },
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let resumed = answer(&server, &id, "rejected").await;
    let expected = ("COMPLETED", "no", "Rejected by owner@local");
    assert_eq!(end(&resumed["intent"]), expected);
    assert_eq!(end(&resumed["event"]), expected);
    assert_eq!(end(&server.intent(&id).await), expected);
    assert_eq!(end(&server.get(&server.admin, "/v1/intents").await["intents"][0]), expected);
    let events = server.events(&id).await;
    let (last, others) = events.split_last().unwrap();
    assert_eq!(end(last), expected);
    assert!(others.iter().all(|event| event.get("outcome").is_none()), "{events:?}");
    let threads = server.get(&server.admin, "/v1/inbox?owner_agent=agent://local/default/asker").await;
    let thread = &threads["threads"][0];
    assert_eq!((&thread["outcome"], &thread["outcome_text"]), (&json!("rejected"), &json!("Rejected by owner@local")));
    let ended = thread["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(ended["details"]["outcome_text"], "Rejected by owner@local");
    // Without a person, the outcome follows from the end.
    let plain = server.submit("worker", json!({})).await;
    let path = format!("/v1/intents/{plain}/resolve");
    let resolved = server.post(&server.admin, &path, json!({ "status": "CANCELED", "reason": "late" })).await;
    assert_eq!(end(&resolved["intent"]), ("CANCELED", "canceled", "Canceled by owner@local"));
    assert_eq!(resolved["intent"].get("decided_by"), None);
}

async fn the_history_says_who_voted_who_reassigned_and_who_canceled(engine: Engine) {
    let server = Server::start(engine).await;
    let said = async |id: &str| -> Vec<String> {
        let events = server.events(id).await;
        events.iter().filter_map(|event| event["text"].as_str()).map(str::to_owned).collect()
    };
    let task = json!({ "title": "Pay?", "quorum": 2, "assignees": ["ann@example.com", BOB] });
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let mails = server.mails().await;
    let of_ann = mails.iter().find(|mail| mail.to == "ann@example.com").and_then(|mail| mail.link.clone()).unwrap();
    let vote = [("outcome", "approved"), ("comment", "why"), ("step", "confirm")];
    assert_eq!(server.submit_form(&of_ann, &vote).await.status, 200);
    let resolve = format!("/v1/intents/{id}/resolve");
    server.post(&server.admin, &resolve, json!({ "status": "CANCELED", "reason": "not needed" })).await;
    let expected = [
        "Submitted by owner@local: intent.pay.v1",
        "ann@example.com, bob@example.com are asked, and 2 have to say yes: Pay?",
        "Approved by ann@example.com by mailed link, one of 2 who have to say yes: why",
        "Canceled by owner@local: not needed",
    ];
    assert_eq!(said(&id).await, expected);

    let steps = json!([{ "step_id": "ok", "assigned_to": "cfo", "human_task": { "title": "Go?" } }]);
    let id = apply(&server, steps).await;
    let reassign = json!({ "to": "kim@example.com", "note": "on leave" });
    server.post(&server.admin, &format!("/v1/tasks/{id}/reassign"), reassign).await;
    answer(&server, &id, "approved").await;
    let expected = [
        "Submitted by owner@local: intent.release.v1, scenario release.v1",
        "Finance (bob@example.com) is asked: Go?",
        "Reassigned from Finance (bob@example.com) to kim@example.com by owner@local: on leave",
        "Approved by owner@local through the API, on behalf of kim@example.com: why",
        "Completed: approved by owner@local",
    ];
    assert_eq!(said(&id).await, expected);
}
