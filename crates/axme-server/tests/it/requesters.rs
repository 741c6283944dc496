//! A requester can neither approve their own task nor choose the approver.

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};
use crate::people::{ANN, BOB, ask};

each_engine! {
    spelling_does_not_make_one_assignee_two,
    a_requester_does_not_approve_under_another_name,
    a_requester_does_not_choose_the_approvers_of_a_guarded_task,
    a_task_for_its_requester_alone_is_refused,
}

async fn spelling_does_not_make_one_assignee_two(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    let id = ask(&server, json!({ "title": "Pay?", "assignees": [ANN, BOB], "quorum": 2 })).await;
    server.mails().await;
    let links = format!("/v1/tasks/{id}/links");
    let stranger = server.send(&chief, "POST", &links, Some(json!({ "person": "eve@example.com" }))).await;
    stranger.refused(403, "not_asked");
    let act = async |person: &str| {
        let made = server.post(&chief, &links, json!({ "person": person })).await;
        let body = json!({ "token": made["token"], "outcome": "approved" });
        server.send("", "POST", "/v1/tasks/action", Some(body)).await
    };
    act("Ann@Example.com").await.ok();
    act("user://ann@example.com").await.refused(409, "already_answered");
    let resume = json!({ "task_result": { "outcome": "approved" } });
    let by_key = server.send(&server.admin, "POST", &format!("/v1/intents/{id}/resume"), Some(resume)).await;
    by_key.refused(403, "not_asked");
    server
        .send(&chief, "POST", &format!("/v1/tasks/{id}/reassign"), Some(json!({ "to": "eve@example.com" })))
        .await
        .refused(422, "from_required");
    let to = json!({ "to": "eve@example.com", "from": "BOB@example.com" });
    server.post(&chief, &format!("/v1/tasks/{id}/reassign"), to).await;
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["eve@example.com"]);
    act("eve@example.com").await.ok();
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}

async fn a_requester_does_not_approve_under_another_name(engine: Engine) {
    let server = Server::start(engine).await;
    let agent = server.agent("robot").await;
    let task = json!({ "title": "Pay?", "exclude_requester": true });
    let yes = json!({ "task_result": { "outcome": "approved" } });
    // Under an invented sender name, and from the agent of the same owner.
    for key in [&server.admin, &agent] {
        let body = json!({ "intent_type": "intent.pay.v1", "from_agent": "initiator://somebody", "human_task": task });
        let id = id_of(&server.post(key, "/v1/intents", body).await);
        for (path, body) in [
            (format!("/v1/intents/{id}/resume"), yes.clone()),
            (format!("/v1/approvals/{id}/decision"), json!({ "decision": "approve" })),
            (format!("/v1/inbox/{id}/approve"), json!({})),
        ] {
            server.send(&server.admin, "POST", &path, Some(body)).await.refused(403, "requester_may_not_answer");
        }
        assert_eq!(server.intent(&id).await["status"], "WAITING");
    }
}

async fn a_requester_does_not_choose_the_approvers_of_a_guarded_task(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    for guard in [json!({ "quorum": 2 }), json!({ "exclude_requester": true })] {
        let mut task = json!({ "title": "Pay?", "assignees": ["kim", "ann"] });
        task.as_object_mut().unwrap().extend(guard.as_object().unwrap().clone());
        let id = ask(&server, task).await;
        let (link, reassign) = (format!("/v1/tasks/{id}/links"), format!("/v1/tasks/{id}/reassign"));
        let before = server.events(&id).await;
        for (path, body) in [
            (&link, json!({ "person": "kim" })),
            (&reassign, json!({ "to": "mallory", "from": "ann" })),
            (&reassign, json!({ "to": "mallory" })),
        ] {
            let refused = server.send(&server.admin, "POST", path, Some(body)).await;
            refused.refused(403, "requester_may_not_answer");
        }
        assert_eq!(server.events(&id).await, before);
        // Another admin can do both.
        server.post(&chief, &link, json!({ "person": "kim" })).await;
        server.post(&chief, &reassign, json!({ "to": "eve", "from": "ann" })).await;
    }
    // Without `exclude_requester`, both are allowed.
    let id = ask(&server, json!({ "title": "Ship?", "assignees": ["kim"] })).await;
    server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({ "person": "kim" })).await;
    server.post(&server.admin, &format!("/v1/tasks/{id}/reassign"), json!({ "to": "eve" })).await;
}

async fn a_task_for_its_requester_alone_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let agent = server.agent("robot").await;
    let own = "Owner@local";
    let guarded = |assignees: Value| json!({ "title": "Pay?", "assignees": assignees, "exclude_requester": true });
    let send = async |key: &str, task: Value, to: &str| {
        let body = json!({ "intent_type": "x", "to_agent": to, "human_task": task });
        server.send(key, "POST", "/v1/intents", Some(body)).await
    };
    let mut quorum = guarded(json!([own, ANN]));
    quorum["quorum"] = json!(2);
    for (task, to) in [
        (guarded(json!([own])), "agent_core"),
        (guarded(json!(["user://owner@local"])), "agent_core"),
        (guarded(Value::Null), "user://owner@local"),
        (quorum.clone(), "agent_core"),
    ] {
        for key in [&server.admin, &agent] {
            let text = send(key, task.clone(), to).await.refused(422, "validation_failed");
            assert!(text.starts_with("human_task.exclude_requester: "), "{text}");
        }
    }
    // A bundle is rejected as well, and its validation reports it.
    let step = json!({ "step_id": "ask", "assigned_to": "boss", "human_task": guarded(Value::Null) });
    let bundle = json!({
        "scenario_id": "own.v1", "humans": [{ "role": "boss", "contact": own }],
        "workflow": { "steps": [step] }, "intent": { "type": "intent.own.v1" },
    });
    let refused = server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(bundle.clone())).await;
    let text = refused.refused(422, "scenario_invalid");
    assert!(text.starts_with("workflow.steps[0].human_task.exclude_requester: "), "{text}");
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle).await;
    assert_eq!((&report["valid"], &report["errors"][0]), (&json!(false), &json!(text)));
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));

    // With another person, or without assignees, it is accepted.
    quorum["notify_email"] = json!(BOB);
    for task in [guarded(json!([own, ANN])), guarded(Value::Null), quorum] {
        send(&server.admin, task, "agent_core").await.ok();
    }
    send(&server.admin, json!({ "title": "Pay?", "assignees": [own] }), "agent_core").await.ok();
    send(&agent, guarded(Value::Null), "robot").await.ok();
}
