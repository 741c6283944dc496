//! Mail that an answer is no longer needed, and mail about a new membership.

use std::time::Duration;

use axme_core::system::Mail;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};
use crate::people::{ANN, BOB, ask};

each_engine! {
    the_others_are_told_once_that_somebody_has_answered,
    people_are_told_of_a_cancellation_and_of_a_timeout,
    who_has_voted_is_not_told,
    who_loses_a_task_is_told_and_who_gets_it_is_asked,
    who_got_no_mail_is_told_nothing,
    a_new_member_is_invited_by_mail,
}

const CHIEF: &str = "chief@example.com";

fn recipients(mails: &[Mail]) -> Vec<&str> {
    let mut all: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
    all.sort_unstable();
    all
}

fn link_of(mails: &[Mail], person: &str) -> String {
    let mail = mails.iter().find(|mail| mail.to == person).expect("a mail to the person");
    mail.link.clone().expect("a link")
}

async fn approve(server: &Server, link: &str) {
    let done = server.submit_form(link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(done.status, 200);
}

pub async fn cancel(server: &Server, id: &str) {
    let body = json!({ "status": "CANCELED", "reason": "too late" });
    server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), body).await;
}

async fn the_others_are_told_once_that_somebody_has_answered(engine: Engine) {
    let server = Server::start(engine).await;
    ask(&server, json!({ "title": "Ship?", "assignees": [ANN, BOB] })).await;
    let asked = server.all_mails().await;
    assert_eq!(recipients(&asked), [ANN, BOB]);
    approve(&server, &link_of(&asked, ANN)).await;
    let told = server.all_mails().await;
    assert_eq!(recipients(&told), [BOB], "not the person who answered");
    assert_eq!((told[0].subject.as_str(), &told[0].link), ("[Local] No longer needed: Ship?", &None));
    for part in ["ann@example.com answered “approved” at 2026-01-01", "You need to do nothing.", "owner@local"] {
        assert!(told[0].text.contains(part) && told[0].html.contains(part), "{part}: {}", told[0].text);
    }
    server.clock.advance(Duration::from_secs(86_400));
    assert!(server.all_mails().await.is_empty(), "once");
}

async fn people_are_told_of_a_cancellation_and_of_a_timeout(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "Ship?", "assignees": [ANN, BOB] })).await;
    server.all_mails().await;
    cancel(&server, &id).await;
    let told = server.all_mails().await;
    assert_eq!(recipients(&told), [ANN, BOB]);
    assert!(told[0].text.contains("the request was canceled"), "{}", told[0].text);
    let deadline_at = server.now().plus_seconds(60).to_string();
    let task = json!({ "title": "Ship?", "notify_email": ANN });
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": task, "deadline_at": deadline_at });
    server.post(&server.admin, "/v1/intents", body).await;
    assert_eq!(recipients(&server.all_mails().await), [ANN]);
    server.advance(Duration::from_secs(61)).await;
    let told = server.all_mails().await;
    assert_eq!(recipients(&told), [ANN]);
    assert!(told[0].text.contains("the deadline passed"), "{}", told[0].text);
}

async fn who_has_voted_is_not_told(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({ "title": "Ship?", "assignees": [ANN, BOB, CHIEF], "quorum": 2 });
    let id = ask(&server, task).await;
    let asked = server.all_mails().await;
    approve(&server, &link_of(&asked, ANN)).await;
    assert!(server.all_mails().await.is_empty(), "the task goes on");
    cancel(&server, &id).await;
    assert_eq!(recipients(&server.all_mails().await), [BOB, CHIEF]);
}

async fn who_loses_a_task_is_told_and_who_gets_it_is_asked(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "Ship?", "notify_email": ANN })).await;
    server.all_mails().await;
    let reassign = format!("/v1/tasks/{id}/reassign");
    server.post(&server.admin, &reassign, json!({ "to": BOB })).await;
    let mails = server.all_mails().await;
    assert_eq!(recipients(&mails), [ANN, BOB]);
    let told = mails.iter().find(|mail| mail.to == ANN).unwrap();
    assert!(told.subject.contains("No longer needed") && told.text.contains("was reassigned"), "{}", told.text);
    cancel(&server, &id).await;
    assert_eq!(recipients(&server.all_mails().await), [BOB], "never two");
    // A part of a task.
    let task = json!({ "title": "Pay?", "assignees": [ANN, BOB] });
    let id = ask(&server, task).await;
    server.all_mails().await;
    let reassign = format!("/v1/tasks/{id}/reassign");
    server.post(&server.admin, &reassign, json!({ "to": CHIEF, "from": ANN })).await;
    let mails = server.all_mails().await;
    assert_eq!(recipients(&mails), [ANN, CHIEF], "the other one is still asked");
}

async fn who_got_no_mail_is_told_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let outbox = server.folder().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    let id = ask(&server, json!({ "title": "Ship?", "notify_email": ANN })).await;
    assert!(server.all_mails().await.is_empty(), "it cannot be sent yet");
    cancel(&server, &id).await;
    std::fs::remove_file(&outbox).unwrap();
    for pause in [30, 120, 600, 86_400] {
        server.clock.advance(Duration::from_secs(pause));
        assert!(server.all_mails().await.is_empty(), "neither the question nor its end");
    }
    let left = server.get(&server.admin, &format!("/v1/deliveries?intent_id={id}")).await;
    assert_eq!(left["deliveries"], json!([]), "nothing is left over");
}

async fn a_new_member_is_invited_by_mail(engine: Engine) {
    let server = Server::start(engine).await;
    let org = &server.bootstrap.org_id;
    let path = format!("/v1/organizations/{org}/members");
    let add = |actor: &str| json!({ "org_id": org, "actor_id": actor, "role": "org_admin" });
    server.post(&server.admin, &path, add("Kim@Example.com")).await;
    let mails = server.all_mails().await;
    assert_eq!(recipients(&mails), ["kim@example.com"]);
    assert_eq!(mails[0].subject, "[Local] You are a member of Local now");
    for part in ["Role: org_admin", "/inbox", "kim@example.com"] {
        assert!(mails[0].text.contains(part), "{part}: {}", mails[0].text);
    }
    // A person who is removed before the mail is sent gets none. A name without an address gets none either.
    let added: Value = server.post(&server.admin, &path, add("eve@example.com")).await;
    let member = format!("{path}/{}", added["member"]["member_id"].as_str().unwrap());
    server.send(&server.admin, "DELETE", &member, None).await.ok();
    server.post(&server.admin, &path, add("controller")).await;
    assert!(server.all_mails().await.is_empty());
}
