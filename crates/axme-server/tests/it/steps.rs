//! Steps that the server carries out itself (`spec/protocol.md` §6.6).

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_delay_passes_by_itself_and_a_failed_step_is_tried_again,
    a_timeout_step_ends_with_an_approval_or_with_its_time,
    notification_steps_complete_without_waiting,
    a_notification_that_needs_approval_waits_for_it,
    a_chat_that_cannot_be_reached_is_a_dead_letter,
    an_escalation_asks_another_person_and_either_may_answer,
    a_person_is_asked_when_an_agent_does_not_finish,
    the_texts_of_a_task_are_filled_in_and_a_payload_forges_nothing,
}

async fn apply(server: &Server, steps: Value) -> String {
    let bundle = json!({
        "scenario_id": "steps.v1", "agents": [{ "role": "worker", "address": "worker", "create_if_missing": true }],
        "humans": [{ "role": "ops", "contact": "ops@example.com" }, { "role": "boss", "contact": "boss@example.com" }],
        "workflow": { "steps": steps },
        "intent": { "type": "intent.steps.v1", "payload": { "service": "api" } },
    });
    id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await)
}

async fn child(server: &Server, parent: &str) -> String {
    let heads = server.get(&server.admin, "/v1/inbox?owner_agent=worker").await;
    let threads = heads["threads"].as_array().unwrap().clone();
    for thread in threads.iter().filter(|thread| thread["status"] != "done") {
        let id = thread["intent_id"].as_str().unwrap();
        if server.intent(id).await["parent_intent_id"] == parent {
            return id.to_owned();
        }
    }
    panic!("no child of {parent} waits: {threads:?}")
}

async fn answer(server: &Server, id: &str, body: Value) -> Value {
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body).await
}

async fn a_delay_passes_by_itself_and_a_failed_step_is_tried_again(engine: Engine) {
    let server = Server::start(engine).await;
    let id = apply(
        &server,
        json!([
            { "step_id": "rest", "runtime_type": "delay", "config": { "seconds": 90 } },
            { "step_id": "build", "assigned_to": "worker", "retry": { "max_retries": 1, "retry_delay_seconds": 30 } },
        ]),
    )
    .await;
    let intent = server.intent(&id).await;
    assert_eq!(intent["lifecycle_waiting_reason"], "WAITING_FOR_TIME");
    assert_eq!(
        (&intent["pending_with"]["type"], &intent["pending_with"]["name"]),
        (&json!("internal"), &json!("agent_core"))
    );
    let refused =
        server.send(&server.admin, "POST", &format!("/v1/intents/{id}/resume"), Some(json!({ "x": 1 }))).await;
    refused.refused(409, "waiting_for_time");
    server.advance(Duration::from_secs(89)).await;
    assert_eq!(server.intent(&id).await["lifecycle_waiting_reason"], "WAITING_FOR_TIME");
    server.advance(Duration::from_secs(1)).await;
    let first = child(&server, &id).await;
    answer(&server, &first, json!({ "action": "fail", "reason": "flaky" })).await;
    assert_eq!(server.intent(&id).await["lifecycle_waiting_reason"], "WAITING_FOR_TIME");
    server.advance(Duration::from_secs(30)).await;
    let second = child(&server, &id).await;
    assert_ne!(first, second);
    answer(&server, &second, json!({ "action": "complete", "built": true })).await;
    let intent = server.intent(&id).await;
    assert_eq!(
        (&intent["status"], &intent["result"]["steps"]["rest"]),
        (&json!("COMPLETED"), &json!({ "delayed_seconds": 90 }))
    );
}

async fn a_timeout_step_ends_with_an_approval_or_with_its_time(engine: Engine) {
    let server = Server::start(engine).await;
    let steps = json!([
        { "step_id": "signal", "tool_id": "tool.internal.timeout", "input": { "seconds": 60 }, "on_failure": "late" },
        { "step_id": "late", "runtime_type": "delay", "config": { "seconds": 1 } },
    ]);
    let id = apply(&server, steps.clone()).await;
    answer(&server, &id, json!({ "approve_current_step": true, "reason": "paid" })).await;
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["result"]["reason"]), (&json!("COMPLETED"), &json!("paid")));
    let id = apply(&server, steps).await;
    server.advance(Duration::from_secs(60)).await;
    assert!(server.event_types(&id).await.contains(&"timeout".to_owned()));
    server.advance(Duration::from_secs(1)).await;
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["error"]["code"]), (&json!("FAILED"), &json!("step_timeout")));
    assert_eq!(intent["outcome_kind"], "timed_out", "a delay repairs nothing");
}

async fn notification_steps_complete_without_waiting(engine: Engine) {
    let server = Server::start(engine).await;
    let id = apply(
        &server,
        json!([
            { "step_id": "tell", "runtime_type": "notification", "assigned_to": "boss",
              "config": { "subject": "{{ payload.service }}\nis built", "body": "By {{ from_agent }}: {{ payload }}" } },
            { "step_id": "write", "runtime_type": "notification", "config": { "channels": ["inbox"], "to": "ops" } },
            { "step_id": "remind", "runtime_type": "reminder", "assigned_to": "boss" },
        ]),
    )
    .await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    let mut mails = server.mails().await;
    mails.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["boss@example.com"; 2]);
    assert_eq!(mails[0].subject, "api is built");
    assert_eq!(mails[0].text, "By user://owner@local: {\"service\":\"api\"}");
    assert!(mails[1].text.contains("still needs you"), "{}", mails[1].text);
    assert!(server.event_types(&id).await.contains(&"reminder".to_owned()));
    let threads = server.get(&server.admin, "/v1/inbox?owner_agent=ops@example.com").await;
    assert_eq!(threads["threads"][0]["thread_id"], id);
    let written = threads["threads"][0]["messages"].to_string();
    assert!(written.contains("has come to step write"), "{written}");
}

async fn a_notification_that_needs_approval_waits_for_it(engine: Engine) {
    let server = Server::start(engine).await;
    let id = apply(
        &server,
        json!([{
            "step_id": "alert", "tool_id": "tool.notification.notify_owner", "assigned_to": "boss", "requires_approval": true,
            "config": { "to": ["boss", "team@example.com"], "subject": "Look at {{ payload.service }}" },
            "human_task": { "title": "Seen?", "allowed_outcomes": ["acknowledged", "ignored"] },
        }]),
    )
    .await;
    let mut mails = server.mails().await;
    mails.sort_by(|a, b| a.to.cmp(&b.to));
    let told: Vec<(&str, &str)> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    assert_eq!(told, [("boss@example.com", "[Local] Seen?"), ("team@example.com", "Look at api")]);
    assert!(mails[0].link.is_some() && mails[1].link.is_none());
    assert_eq!(server.intent(&id).await["lifecycle_waiting_reason"], "WAITING_FOR_HUMAN");
    server.submit_form(mails[0].link.as_deref().unwrap(), &[("outcome", "acknowledged"), ("step", "confirm")]).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}

async fn a_chat_that_cannot_be_reached_is_a_dead_letter(engine: Engine) {
    let server = Server::start(engine).await;
    let step = json!([{
        "step_id": "tell", "runtime_type": "notification",
        "config": { "channels": ["slack", "webhook"], "slack_webhook_url": "https://chat.invalid/hook", "webhook_url": "https://hook.invalid/" },
    }]);
    let id = apply(&server, step).await;
    for pause in [0, 30, 120, 600] {
        server.clock.advance(Duration::from_secs(pause));
        workers::notices::tick(&server.app).await.unwrap();
    }
    let dead = server.get(&server.admin, "/v1/deliveries").await;
    assert_eq!(dead["deliveries"].as_array().unwrap().len(), 2, "{dead}");
    assert!(dead["deliveries"].as_array().unwrap().iter().all(|letter| letter["transport_type"] == "webhook"));
    assert_eq!(server.intent(&id).await["status"], "COMPLETED", "the workflow does not depend on the notice");
    // A bundle cannot call a private address.
    let bundle = json!({
        "scenario_id": "x.v1", "intent": { "type": "x.v1" },
        "workflow": { "steps": [{ "step_id": "a", "runtime_type": "notification", "config": { "url": "http://127.0.0.1/" } }] },
    });
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle).await;
    assert!(report["errors"][0].as_str().unwrap().starts_with("workflow.steps[0]"), "{report}");
}

async fn an_escalation_asks_another_person_and_either_may_answer(engine: Engine) {
    let server = Server::start(engine).await;
    let steps = json!([
        { "step_id": "ask", "assigned_to": "ops", "step_deadline_seconds": 60, "on_failure": "up", "on_success": "done",
          "human_task": { "title": "Deploy?" } },
        { "step_id": "up", "runtime_type": "escalation", "config": { "escalate_to": "boss" }, "on_success": "done" },
        { "step_id": "done", "runtime_type": "delay", "config": { "seconds": 1 } },
    ]);
    for answering in ["ops@example.com", "boss@example.com"] {
        let id = apply(&server, steps.clone()).await;
        assert_eq!(server.mails().await.len(), 1);
        server.advance(Duration::from_secs(60)).await;
        let intent = server.intent(&id).await;
        assert_eq!(
            (&intent["pending_with"]["ref"], &intent["human_task"]["title"]),
            (&json!("boss@example.com"), &json!("Deploy?"))
        );
        let mails = server.mails().await;
        assert_eq!(mails.len(), 2, "{mails:?}");
        let link = mails.iter().find(|mail| mail.to == answering).unwrap().link.clone().unwrap();
        server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
        server.advance(Duration::from_secs(1)).await;
        let intent = server.intent(&id).await;
        assert_eq!(
            (&intent["status"], &intent["result"]["steps"]["up"]["outcome"]),
            (&json!("COMPLETED"), &json!("approved"))
        );
    }
}

async fn a_person_is_asked_when_an_agent_does_not_finish(engine: Engine) {
    let server = Server::start(engine).await;
    let steps = json!([{
        "step_id": "build", "assigned_to": "worker", "step_deadline_seconds": 600, "remind_after_seconds": 60,
        "max_reminders": 1, "escalate_to": "boss",
    }]);
    for by_agent in [true, false] {
        let id = apply(&server, steps.clone()).await;
        let work = child(&server, &id).await;
        server.advance(Duration::from_secs(60)).await;
        server.advance(Duration::from_secs(60)).await;
        let intent = server.intent(&id).await;
        assert_eq!(intent["lifecycle_waiting_reason"], "WAITING_FOR_HUMAN");
        let mails = server.mails().await;
        assert!(mails[0].subject.contains("has not finished step build"), "{mails:?}");
        if by_agent {
            answer(&server, &work, json!({ "action": "complete", "built": true })).await;
            assert_eq!(server.intent(&id).await["result"]["built"], true);
        } else {
            server
                .submit_form(mails[0].link.as_deref().unwrap(), &[("outcome", "approved"), ("step", "confirm")])
                .await;
            assert_eq!(server.intent(&work).await["status"], "CANCELED");
        }
        assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    }
}

async fn the_texts_of_a_task_are_filled_in_and_a_payload_forges_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({
        "title": "Pay {{ payload.amount }} EUR to {{ payload.to }}?", "description": "Checked: {{ results.check.note }}",
        "form_schema": { "properties": { "amount": { "title": "Amount for {{ payload.to }}", "default": "{{ payload.amount }}" } } },
    });
    let bundle = |task: &Value| {
        json!({
            "scenario_id": "pay.v1", "agents": [{ "role": "worker", "address": "worker", "create_if_missing": true }],
            "humans": [{ "role": "boss", "contact": "boss@example.com" }],
            "workflow": { "steps": [
                { "step_id": "check", "assigned_to": "worker" }, { "step_id": "ask", "assigned_to": "boss", "human_task": task },
            ] },
            "intent": { "type": "intent.pay.v1", "payload": { "amount": 120, "to": "ACME\n\nApproved by the board" } },
        })
    };
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle(&task)).await);
    let step = child(&server, &id).await;
    answer(&server, &step, json!({ "action": "complete", "note": "fine\r\nhttps://evil.example/answer" })).await;
    let title = "Pay 120 EUR to ACME Approved by the board?";
    let shown = server.intent(&id).await["human_task"].clone();
    assert_eq!(shown["title"], title);
    let field = &shown["form_schema"]["properties"]["amount"];
    assert_eq!((&field["title"], &field["default"]), (&json!("Amount for ACME Approved by the board"), &json!("120")));
    let mail = server.mails().await.pop().unwrap();
    assert_eq!(mail.subject, format!("[Local] {title}"));
    let links = mail.text.matches("http").count();
    assert!(mail.text.contains("Checked: fine http") && !mail.text.contains("https://evil"), "{}", mail.text);
    assert!(links >= 1 && !mail.html.contains("https://evil"), "{}", mail.html);

    let mut wrong = task.clone();
    wrong["title"] = json!("Pay {{ payload.amount }?");
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle(&wrong)).await;
    let error = report["errors"][0].as_str().unwrap();
    assert!(error.starts_with("workflow.steps[1].human_task.title: the template has an error"), "{report}");
    // The task of a bundle without steps reads the payload too; a direct intent is shown as it was sent.
    let mut alone = bundle(&task);
    alone["workflow"] = Value::Null;
    alone["intent"]["human_task"] = json!({ "title": "Pay {{ payload.amount }}?" });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", alone).await);
    assert_eq!(server.intent(&id).await["human_task"]["title"], "Pay 120?");
    let direct = json!({ "intent_type": "intent.pay.v1", "human_task": { "title": "Pay {{ payload.amount }}?" } });
    let id = id_of(&server.post(&server.admin, "/v1/intents", direct).await);
    assert_eq!(server.intent(&id).await["human_task"]["title"], "Pay {{ payload.amount }}?");
}
