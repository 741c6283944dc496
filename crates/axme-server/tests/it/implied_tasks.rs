//! Tasks that nobody declares: intents of a type `human_approval…`, and answers with a status `pending_human…`.

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    an_approval_that_no_agent_receives_is_a_task,
    an_approval_for_a_person_asks_that_person,
    an_approval_that_an_agent_receives_is_delivered,
    an_agent_that_hands_over_to_a_person_makes_a_task,
    the_answer_of_an_agent_may_declare_the_task,
    only_a_plain_intent_is_handed_over_to_a_person,
}

fn link_of(mail: &axme_core::system::Mail) -> String {
    mail.link.clone().expect("a mail with a link")
}

async fn is_open(server: &Server, id: &str) -> bool {
    let tasks = server.get(&server.admin, "/v1/me/tasks").await;
    tasks["tasks"].as_array().unwrap().iter().any(|task| task["intent_id"] == id)
}

/// Checks that an open task is answered in one more way, and how the intent ends.
async fn ends_with(server: &Server, id: &str, outcome: &str, by: &str) {
    let intent = server.intent(id).await;
    assert_eq!((&intent["status"], &intent["result"]["outcome"]), (&json!("COMPLETED"), &json!(outcome)));
    let events = server.events(id).await;
    assert_eq!(events.last().unwrap()["actor"], by, "{events:?}");
    assert!(!is_open(server, id).await);
}

async fn an_approval_that_no_agent_receives_is_a_task(engine: Engine) {
    let server = Server::start(engine).await;
    for (way, intent_type) in ["page", "form", "command", "approval"]
        .into_iter()
        .zip(["human_approval.v1", "intent.human_approval.v1"].into_iter().cycle())
    {
        let body = json!({
            "intent_type": intent_type, "to_agent": "agent://local/default/change-board",
            "payload": { "title": "Release 2.4?", "description": "Two migrations", "build": 7 },
        });
        let created = server.post(&server.admin, "/v1/intents", body).await;
        let id = id_of(&created);
        assert_eq!(
            (&created["status"], &created["intent"]["lifecycle_status"]),
            (&json!("WAITING"), &json!("WAITING"))
        );
        let intent = server.intent(&id).await;
        assert_eq!(intent["pending_with"]["name"], "change-board");
        let task = &intent["human_task"];
        assert_eq!((&task["title"], &task["description"]), (&json!("Release 2.4?"), &json!("Two migrations")));
        assert!(is_open(&server, &id).await);
        // The person who started it is mailed, because the address names nobody.
        let mails = server.mails().await;
        assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["owner@local"]);
        assert!(mails[0].subject.contains("Release 2.4?"), "{}", mails[0].subject);
        let url = link_of(&mails[0]);
        match way {
            "page" => {
                assert_eq!(server.page(&url).await.status, 200);
                server.submit_form(&url, &[("outcome", "approved")]).await;
                server.submit_form(&url, &[("outcome", "approved"), ("step", "confirm")]).await;
            }
            "form" => {
                let token = url.split_once("token=").unwrap().1;
                let answer = json!({ "token": token, "outcome": "approved" });
                server.post("", "/v1/tasks/action", answer).await;
            }
            "command" => {
                let answer = json!({ "task_result": { "outcome": "approved" } });
                server.post(&server.admin, &format!("/v1/intents/{id}/resume"), answer).await;
            }
            _ => {
                let decision = json!({ "decision": "approve" });
                server.post(&server.admin, &format!("/v1/approvals/{id}/decision"), decision).await;
            }
        }
        ends_with(&server, &id, "approved", "owner@local").await;
    }
}

async fn an_approval_for_a_person_asks_that_person(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({ "intent_type": "human_approval", "to_agent": "Ann@example.com", "payload": {} });
    let created = server.post(&server.admin, "/v1/intents", body).await;
    assert_eq!((&created["status"], created.get("warnings")), (&json!("WAITING"), None));
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["ann@example.com"]);
    let token = link_of(&mails[0]).split_once("token=").unwrap().1.to_owned();
    server.post("", "/v1/tasks/action", json!({ "token": token, "outcome": "rejected" })).await;
    ends_with(&server, &id_of(&created), "rejected", "ann@example.com").await;
}

async fn an_approval_that_an_agent_receives_is_delivered(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("change-board").await;
    for (intent_type, to) in [("human_approval.v1", "change-board"), ("intent.ask.v1", "nobody")] {
        let body = json!({ "intent_type": intent_type, "to_agent": to, "payload": { "title": "Release?" } });
        assert_eq!(server.post(&server.admin, "/v1/intents", body).await["status"], "DELIVERED", "{to}");
    }
    assert_eq!(server.get(&server.admin, "/v1/me/tasks").await["tasks"], json!([]));
    // Nobody receives it once the agent is deleted.
    let account = server.get(&server.admin, "/v1/agents/change-board").await["agent"]["service_account_id"].clone();
    let path = format!("/v1/service-accounts/{}", account.as_str().unwrap());
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    let body = json!({ "intent_type": "human_approval.v1", "to_agent": "change-board", "payload": {} });
    assert_eq!(server.post(&server.admin, "/v1/intents", body).await["status"], "WAITING");
}

async fn an_agent_that_hands_over_to_a_person_makes_a_task(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({ "release": "2.4" })).await;
    let resume = format!("/v1/intents/{id}/resume");
    let note = json!({ "status": "pending_human_approval", "summary": "PII found: release anyway?", "findings": 3 });
    let handed = server.post(&worker, &resume, note.clone()).await;
    assert_eq!((&handed["applied"], &handed["intent"]["status"]), (&json!(true), &json!("WAITING")));
    assert_eq!(handed["warnings"], json!(["the intent has not ended: a person is asked, and their answer ends it"]));
    let types = server.event_types(&id).await;
    assert_eq!(types, ["created", "submitted", "delivered", "in_progress", "waiting", "human_task_assigned"]);
    assert_eq!(server.events(&id).await[3]["data"], note, "clients look for the status there");
    assert_eq!(server.intent(&id).await["human_task"]["title"], "PII found: release anyway?");
    assert!(is_open(&server, &id).await);
    // The agent has given the intent away: it is neither offered again nor answered by the agent.
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty(), "{:?}", window.content());
    server.send(&worker, "POST", &resume, Some(json!({ "approved": true }))).await.refused(403, "forbidden");
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["owner@local"]);
    let token = link_of(&mails[0]).split_once("token=").unwrap().1.to_owned();
    server.post("", "/v1/tasks/action", json!({ "token": token, "outcome": "rejected", "comment": "mask it" })).await;
    ends_with(&server, &id, "rejected", "owner@local").await;
}

async fn the_answer_of_an_agent_may_declare_the_task(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let hand_over = async |task: Value| {
        let id = server.submit("worker", json!({})).await;
        let note = json!({ "outcome": "pending_human", "human_task": task });
        (server.send(&worker, "POST", &format!("/v1/intents/{id}/resume"), Some(note)).await, id)
    };
    let (handed, id) =
        hand_over(json!({ "title": "Pay?", "assignees": ["bob@example.com", "ann@example.com"], "quorum": 2 })).await;
    handed.ok();
    assert_eq!(server.intent(&id).await["pending_with"]["ref"], "bob@example.com");
    let mut mails: Vec<String> = server.mails().await.into_iter().map(|mail| mail.to).collect();
    mails.sort();
    assert_eq!(mails, ["ann@example.com", "bob@example.com"]);
    hand_over(json!({ "title": 7 })).await.0.refused(422, "validation_failed");
    hand_over(json!({ "assignees": ["group://nowhere"] })).await.0.refused(422, "validation_failed");
}

async fn only_a_plain_intent_is_handed_over_to_a_person(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for status in ["pending_payment", "pending"] {
        let id = server.submit("worker", json!({})).await;
        let handed = server.post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "status": status })).await;
        assert_eq!(handed["intent"]["status"], "IN_PROGRESS", "{status}");
    }
    // A person's answer is not a hand-over.
    let body = json!({ "intent_type": "x.v1", "to_agent": "human", "payload": {} });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let note = Some(json!({ "status": "pending_human_approval" }));
    let path = format!("/v1/intents/{id}/resume");
    server.send(&server.admin, "POST", &path, note).await.refused(422, "task_result_required");
}
