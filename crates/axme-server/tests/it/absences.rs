//! Absences: a deputy answers the tasks of a person who is away, and nobody gets a second voice by it.

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Person, Server, each_engine, id_of};
use crate::own_inbox::Browser;
use crate::people::{ANN, BOB};
use crate::receipts;

each_engine! {
    a_deputy_answers_in_the_place_of_an_absent_person,
    a_requester_decides_nothing_as_a_deputy,
    a_decider_of_the_task_is_no_deputy_for_it,
    a_deputy_votes_once_and_the_absent_person_not_again,
    the_absent_person_and_the_deputy_cannot_both_vote,
    there_are_no_chains_of_deputies,
    a_deputy_belongs_to_the_workspace,
    the_end_of_an_absence_takes_the_right_back,
    only_the_absent_person_names_a_deputy,
    neither_of_the_two_decides_a_step_that_needs_another_person,
    an_absence_is_set_in_the_browser,
}

const MAX: &str = "max@example.com";
const EVE: &str = "eve@example.com";
const KIM: &str = "kim@example.com";
const ABSENCE: &str = "/v1/me/absence";
const DAY: u64 = 86_400;

async fn member(server: &Server, email: &str) -> Person {
    server.give(email, "member", None).await;
    server.sign_in(email).await
}

/// Sets an absence from now on.
async fn leave(server: &Server, person: &Person, deputy: &str) -> Value {
    let body = json!({ "deputy": deputy, "until": server.now().plus_seconds(DAY).to_string() });
    let answer = server.as_person(person, "PUT", ABSENCE, Some(body)).await.ok();
    // The server caches a caller for a second.
    server.clock.advance(Duration::from_secs(2));
    answer
}

async fn come_back(server: &Server, person: &Person) {
    server.as_person(person, "DELETE", ABSENCE, None).await.ok();
    server.clock.advance(Duration::from_secs(2));
}

/// Submits a task in the name of Max.
async fn ask(server: &Server, max: &Person, task: Value) -> String {
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": task, "payload": { "amount": 40 } });
    id_of(&server.as_person(max, "POST", "/v1/intents", Some(body)).await.ok())
}

fn yes() -> Value {
    json!({ "task_result": { "outcome": "approved" } })
}

async fn approve(server: &Server, person: &Person, id: &str) -> Answer {
    server.as_person(person, "POST", &format!("/v1/intents/{id}/resume"), Some(yes())).await
}

async fn listed(server: &Server, person: &Person) -> Vec<Value> {
    server.as_person(person, "GET", "/v1/me/tasks", None).await.ok()["tasks"].as_array().unwrap().clone()
}

async fn mailed(server: &Server) -> Vec<String> {
    let mut to: Vec<String> = server.mails().await.into_iter().map(|mail| mail.to).collect();
    to.sort();
    to
}

async fn votes(server: &Server, id: &str) -> usize {
    server.events(id).await.iter().filter(|event| event["details"]["quorum"].is_u64()).count()
}

async fn a_deputy_answers_in_the_place_of_an_absent_person(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, max) = (member(&server, ANN).await, member(&server, BOB).await, member(&server, MAX).await);
    let none = server.as_person(&ann, "GET", ABSENCE, None).await.ok();
    assert_eq!(none, json!({ "ok": true, "absence": null, "deputy_for": [] }));
    let before = ask(&server, &max, json!({ "title": "Ship?", "assignees": [ANN] })).await;
    assert_eq!(mailed(&server).await, [ANN]);
    assert!(listed(&server, &bob).await.is_empty());

    let set = leave(&server, &ann, "Bob@Example.com").await["absence"].clone();
    assert_eq!((&set["person"], &set["deputy"], &set["is_now"]), (&json!(ANN), &json!(BOB), &json!(true)));
    let of_bob = server.as_person(&bob, "GET", ABSENCE, None).await.ok();
    assert_eq!((&of_bob["absence"], &of_bob["deputy_for"][0]["person"]), (&Value::Null, &json!(ANN)));
    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN], "exclude_requester": true })).await;
    let mails = server.mails().await;
    assert_eq!(mails.len(), 2, "the absent person knows too");
    let mail = mails.iter().find(|mail| mail.to == BOB).expect("a mail to the deputy");
    assert!(mail.text.contains("You answer in place of ann@example.com, who is away."), "{}", mail.text);
    let tasks = listed(&server, &bob).await;
    let shown: Vec<&str> = tasks.iter().map(|task| task["intent_id"].as_str().unwrap()).collect();
    assert_eq!(shown, [&before, &id], "tasks from before the absence too");
    assert_eq!(tasks[1]["deputy_for"], json!([ANN]));
    assert_eq!(listed(&server, &ann).await.len(), 2, "the absent person may still answer");
    // A deputy reads what they decide.
    server.as_person(&bob, "GET", &format!("/v1/intents/{id}"), None).await.ok();

    let link = mail.link.clone().unwrap();
    let page = server.page(&link).await.body.as_str().unwrap().to_owned();
    for part in ["You answer in place of ann@example.com, who is away.", "away, bob@example.com may answer"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let confirm = server.submit_form(&link, &[("outcome", "approved")]).await.body.as_str().unwrap().to_owned();
    assert!(confirm.contains("You answer in place of ann@example.com"), "{confirm}");
    server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    let events = server.events(&id).await;
    let answer = events.iter().find(|event| event["details"]["answered_by"] == BOB).expect("the answer");
    assert_eq!(answer["text"], "Approved by bob@example.com by mailed link, on behalf of ann@example.com");
    assert_eq!(answer["details"]["answered_for"], json!([ANN]));
    assert_eq!(answer["details"]["answered_as_deputy"], true);
    workers::receipts::tick(&server.app).await.unwrap();
    let receipt = receipts::read(&server, &receipts::receipts(&server, &id).await[0]).await;
    assert_eq!((&receipt["decided_by"], &receipt["role"]), (&json!(BOB), &json!("deputy")));
    assert_eq!(receipt["on_behalf_of"], json!([ANN]));
    let told = server.all_mails().await;
    let over = told.iter().find(|mail| mail.to == ANN && mail.subject.contains("No longer needed")).expect("a mail");
    assert!(over.text.contains("bob@example.com"), "{}", over.text);

    // The API gives the same answer. The trail says who named the deputy.
    approve(&server, &bob, &before).await.ok();
    let trail = server.get(&server.admin, "/v1/audit/events?limit=20").await;
    let line = trail["events"].as_array().unwrap().iter().find(|event| event["action"] == "me.absence").unwrap();
    assert_eq!((&line["actor"], &line["details"]["deputy"]), (&json!(ANN), &json!(BOB)));
}

async fn a_requester_decides_nothing_as_a_deputy(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, max) = (member(&server, ANN).await, member(&server, MAX).await);
    leave(&server, &ann, MAX).await;
    for guard in [false, true] {
        let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN], "exclude_requester": guard })).await;
        assert_eq!(mailed(&server).await, [ANN]);
        assert!(listed(&server, &max).await.is_empty());
        assert_eq!(approve(&server, &max, &id).await.status, 403);
        assert_eq!(server.intent(&id).await["status"], "WAITING");
    }
    // An admin's rights do not turn the requester of a guarded task into a deputy.
    let chief = server.sign_in("owner@local").await;
    leave(&server, &ann, "owner@local").await;
    let guarded = json!({ "title": "Pay?", "assignees": [ANN], "exclude_requester": true });
    let id = ask(&server, &chief, guarded.clone()).await;
    approve(&server, &chief, &id).await.refused(403, "requester_may_not_answer");
    // The requester who is asked names no deputy for a guarded task either.
    leave(&server, &max, ANN).await;
    come_back(&server, &ann).await;
    let mut asks_requester = guarded;
    asks_requester["assignees"] = json!([MAX, BOB]);
    let id = ask(&server, &max, asks_requester).await;
    approve(&server, &ann, &id).await.refused(403, "not_asked");
}

async fn a_decider_of_the_task_is_no_deputy_for_it(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, max) = (member(&server, ANN).await, member(&server, BOB).await, member(&server, MAX).await);
    leave(&server, &ann, BOB).await;
    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN, BOB], "quorum": 2 })).await;
    assert_eq!(mailed(&server).await, [ANN, BOB]);
    approve(&server, &bob, &id).await.ok();
    approve(&server, &bob, &id).await.refused(409, "already_answered");
    let votes = server.events(&id).await;
    let vote = votes.iter().find(|event| event["details"]["answered_by"] == "user://bob@example.com").unwrap();
    assert_eq!(vote["details"].get("answered_for"), None, "a voice of their own");
    approve(&server, &ann, &id).await.ok();
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    // A member of a group that is asked has a voice too.
    let body = Some(json!({ "members": [BOB, KIM] }));
    server.send(&server.admin, "PUT", "/v1/groups/finance", body).await.ok();
    server.clock.advance(Duration::from_secs(2));
    let task = json!({ "title": "Pay?", "assignees": [ANN, "group://finance"], "quorum": 2 });
    let id = ask(&server, &max, task).await;
    approve(&server, &bob, &id).await.ok();
    approve(&server, &bob, &id).await.refused(409, "already_answered");
}

async fn a_deputy_votes_once_and_the_absent_person_not_again(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, eve, bob) = (member(&server, ANN).await, member(&server, EVE).await, member(&server, BOB).await);
    let max = member(&server, MAX).await;
    leave(&server, &ann, BOB).await;
    leave(&server, &eve, BOB).await;
    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN, EVE, KIM], "quorum": 3 })).await;
    let mails = server.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail.to == BOB).count(), 1, "one mail for two");
    approve(&server, &bob, &id).await.ok();
    let events = server.events(&id).await;
    let vote = events.last().unwrap();
    assert_eq!(
        (&vote["details"]["answered_for"], &vote["details"]["answered_as_deputy"]),
        (&json!([ANN]), &json!(true))
    );
    let text = vote["text"].as_str().unwrap();
    assert!(text.ends_with("on behalf of ann@example.com, one of 3 who have to say yes"), "{text}");
    approve(&server, &bob, &id).await.refused(409, "already_answered");
    let why = approve(&server, &ann, &id).await.refused(409, "already_answered");
    assert!(why.contains("bob@example.com already said yes on behalf of"), "{why}");
    let link = mails.iter().find(|mail| mail.to == ANN).unwrap().link.clone().unwrap();
    let page = server.page(&link).await.body.as_str().unwrap().to_owned();
    assert!(page.contains("bob@example.com has already approved this in your place"), "{page}");
    // The absence ends: the answer that was given stays, and the voice is used.
    come_back(&server, &ann).await;
    approve(&server, &ann, &id).await.refused(409, "already_answered");
    // Bob may take it back, and then Ann answers herself.
    server.as_person(&bob, "POST", &format!("/v1/tasks/{id}/withdraw"), Some(json!({}))).await.ok();
    approve(&server, &ann, &id).await.ok();
    approve(&server, &bob, &id).await.ok();
    let last = server.events(&id).await.last().unwrap()["details"]["answered_for"].clone();
    assert_eq!(last, json!([EVE]), "the voice of the one who is still away");
    approve(&server, &eve, &id).await.refused(409, "already_answered");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

async fn the_absent_person_and_the_deputy_cannot_both_vote(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, max) = (member(&server, ANN).await, member(&server, BOB).await, member(&server, MAX).await);
    leave(&server, &ann, BOB).await;
    for _ in 0..4 {
        let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN, KIM], "quorum": 2 })).await;
        let (one, other) = tokio::join!(approve(&server, &ann, &id), approve(&server, &bob, &id));
        let mut both = [one.status.as_u16(), other.status.as_u16()];
        both.sort_unstable();
        assert_eq!(both, [200, 409]);
        assert_eq!((votes(&server, &id).await, &server.intent(&id).await["status"]), (1, &json!("WAITING")));
    }
}

async fn there_are_no_chains_of_deputies(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, eve) = (member(&server, ANN).await, member(&server, BOB).await, member(&server, EVE).await);
    let max = member(&server, MAX).await;
    leave(&server, &ann, BOB).await;
    leave(&server, &bob, EVE).await;
    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN] })).await;
    assert_eq!(mailed(&server).await, [ANN, BOB]);
    assert!(listed(&server, &eve).await.is_empty());
    approve(&server, &eve, &id).await.refused(404, "not_found");
    approve(&server, &bob, &id).await.ok();
}

async fn a_deputy_belongs_to_the_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, max) = (member(&server, ANN).await, member(&server, MAX).await);
    let at = server.give(BOB, "member", None).await;
    let bob = server.sign_in(BOB).await;
    leave(&server, &ann, BOB).await;
    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN] })).await;
    let link = server.mails().await.into_iter().find(|mail| mail.to == BOB).unwrap().link.unwrap();
    let path = format!("/v1/organizations/{}/members/{at}", server.bootstrap.org_id);
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    server.clock.advance(Duration::from_secs(2));
    assert!(approve(&server, &bob, &id).await.status.is_client_error());
    let page = server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(page.status, 410, "a former member's link");
    assert_eq!(server.intent(&id).await["status"], "WAITING");

    // A deputy of another workspace stays there: in this one, nobody is mailed and nobody may answer.
    let elsewhere = server.workspace("local", "elsewhere").await;
    let there = server.get(&elsewhere, "/v1/me").await["workspace_id"].as_str().unwrap().to_owned();
    server.give(EVE, "member", Some(&there)).await;
    let eve = server.sign_in(EVE).await;
    leave(&server, &ann, EVE).await;
    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN] })).await;
    assert_eq!(mailed(&server).await, [ANN]);
    approve(&server, &eve, &id).await.refused(404, "not_found");
    let theirs = json!({ "intent_type": "x", "human_task": { "title": "Pay?", "assignees": [ANN] } });
    server.send(&elsewhere, "POST", "/v1/intents", Some(theirs.clone())).await.ok();
    assert_eq!(mailed(&server).await, [ANN, EVE]);
    // A person who has left passes nothing on.
    let members = server.get(&server.admin, &format!("/v1/organizations/{}/members", server.bootstrap.org_id)).await;
    let of_ann = members["members"].as_array().unwrap().iter().find(|one| one["actor_id"] == ANN).unwrap();
    let of_ann = of_ann["member_id"].as_str().unwrap();
    let path = format!("/v1/organizations/{}/members/{of_ann}", server.bootstrap.org_id);
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    server.clock.advance(Duration::from_secs(2));
    server.send(&elsewhere, "POST", "/v1/intents", Some(theirs)).await.ok();
    assert!(mailed(&server).await.iter().all(|to| to != EVE));
}

async fn the_end_of_an_absence_takes_the_right_back(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, max) = (member(&server, ANN).await, member(&server, BOB).await, member(&server, MAX).await);
    let later = json!({
        "deputy": BOB, "from": server.now().plus_seconds(600).to_string(), "until": server.now().plus_seconds(DAY).to_string(),
    });
    server.as_person(&ann, "PUT", ABSENCE, Some(later)).await.ok();
    let early = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN] })).await;
    assert_eq!(mailed(&server).await, [ANN]);
    approve(&server, &bob, &early).await.refused(404, "not_found");
    server.clock.advance(Duration::from_secs(601));
    approve(&server, &bob, &early).await.ok();

    let id = ask(&server, &max, json!({ "title": "Pay?", "assignees": [ANN], "exclude_requester": true })).await;
    let link = server.mails().await.into_iter().find(|mail| mail.to == BOB).unwrap().link.unwrap();
    assert!(server.page(&link).await.body.as_str().unwrap().contains("You answer in place of"));
    // Ann comes back between the page and the answer. The server still has the caller of the API in its cache.
    listed(&server, &bob).await;
    server.as_person(&ann, "DELETE", ABSENCE, None).await.ok();
    let sent = server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert!(sent.body.as_str().unwrap().contains("does not ask you any more"), "{}", sent.body);
    assert!(approve(&server, &bob, &id).await.status.is_client_error());
    server.clock.advance(Duration::from_secs(2));
    approve(&server, &bob, &id).await.refused(404, "not_found");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    // The time ends it as well, at the moment that was said.
    leave(&server, &ann, BOB).await;
    server.clock.advance(Duration::from_secs(DAY));
    let sent = server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert!(sent.body.as_str().unwrap().contains("does not ask you any more"), "{}", sent.body);
    assert_eq!(server.as_person(&server.sign_in(ANN).await, "GET", ABSENCE, None).await.ok()["absence"], Value::Null);
}

async fn only_the_absent_person_names_a_deputy(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, _bob) = (member(&server, ANN).await, member(&server, BOB).await);
    let at = |seconds: u64| server.now().plus_seconds(seconds).to_string();
    for wrong in [
        json!({ "deputy": ANN, "until": at(DAY) }),
        json!({ "deputy": "stranger@example.com", "until": at(DAY) }),
        json!({ "deputy": "nobody", "until": at(DAY) }),
        json!({ "deputy": "group://finance", "until": at(DAY) }),
        json!({ "deputy": BOB, "until": at(0) }),
        json!({ "deputy": BOB, "from": at(2 * DAY), "until": at(DAY) }),
        json!({ "deputy": BOB, "until": at(367 * DAY) }),
        json!({ "deputy": BOB, "from": at(367 * DAY), "until": at(368 * DAY) }),
        json!({ "deputy": BOB }),
    ] {
        server.as_person(&ann, "PUT", ABSENCE, Some(wrong)).await.refused(422, "validation_failed");
    }
    // The key of an administrator names nobody, and no operation takes the name of another absent person.
    let body = json!({ "deputy": BOB, "until": at(DAY), "person": ANN });
    assert_eq!(server.send(&server.admin, "PUT", ABSENCE, Some(body.clone())).await.status, 401);
    assert_eq!(server.send("", "PUT", ABSENCE, Some(body)).await.status, 401);
    assert_eq!(server.send(&server.admin, "DELETE", ABSENCE, None).await.status, 401);
    assert_eq!(server.as_person(&ann, "GET", ABSENCE, None).await.ok()["absence"], Value::Null);
    // To end an absence that is not there is harmless.
    server.as_person(&ann, "DELETE", ABSENCE, None).await.ok();
}

async fn neither_of_the_two_decides_a_step_that_needs_another_person(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, max) = (member(&server, ANN).await, member(&server, BOB).await, member(&server, MAX).await);
    leave(&server, &ann, BOB).await;
    let step = |id: &str, distinct: Value| {
        json!({
            "step_id": id, "assigned_to": ANN, "distinct_from": distinct,
            "human_task": { "title": "Pay?", "assignees": [ANN, BOB] },
        })
    };
    let mut first = step("first", json!([]));
    first["human_task"]["assignees"] = json!([ANN]);
    let bundle = json!({
        "scenario_id": "two.v1", "intent": { "type": "x" },
        "workflow": { "steps": [first, step("second", json!(["first"]))] },
    });
    let id = id_of(&server.as_person(&max, "POST", "/v1/scenarios/apply", Some(bundle)).await.ok());
    approve(&server, &bob, &id).await.ok();
    for person in [&ann, &bob] {
        approve(&server, person, &id).await.refused(403, "another_person_required");
    }
}

async fn an_absence_is_set_in_the_browser(engine: Engine) {
    let server = Server::start(engine).await;
    for email in [ANN, BOB] {
        server.give(email, "member", None).await;
    }
    let ann = Browser::signed_in(&server, ANN).await;
    let text = async |browser: &Browser<'_>| browser.get("/inbox/settings").await.body.as_str().unwrap().to_owned();
    let last_day = server.now().plus_seconds(3 * DAY).to_string()[..10].to_owned();
    let wrong = ann.post("/inbox/absence", &[("deputy", "kim@example.com"), ("last_day", &last_day)]).await;
    assert_eq!(wrong.status, 422);
    let page = wrong.body.as_str().unwrap();
    assert!(page.contains("is not a member of any of your workspaces") && page.contains("kim@example.com"), "{page}");
    let saved = ann.post("/inbox/absence", &[("deputy", BOB), ("last_day", &last_day)]).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let page = text(&ann).await;
    assert!(page.contains("bob@example.com answers in your place") && page.contains(&last_day), "{page}");

    let body = json!({ "intent_type": "x", "human_task": { "title": "Pay the rent", "assignees": [ANN] } });
    server.post(&server.admin, "/v1/intents", body).await;
    server.mails().await;
    let bob = Browser::signed_in(&server, BOB).await;
    assert!(text(&bob).await.contains("You answer in place of ann@example.com"));
    let inbox = bob.get("/inbox").await.body.as_str().unwrap().to_owned();
    assert!(inbox.contains("Pay the rent") && inbox.contains("in place of ann@example.com"), "{inbox}");
    let task = inbox.split_once("name=\"task\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let opened = bob.post("/inbox/open", &[("task", &task)]).await;
    assert_eq!(opened.status, 303);

    assert_eq!(ann.post("/inbox/absence", &[("step", "end")]).await.status, 303);
    assert!(!text(&ann).await.contains("answers in your place"));
    assert!(!bob.get("/inbox").await.body.as_str().unwrap().contains("Pay the rent"));
    // A form without the token of the session changes nothing.
    let foreign = format!("deputy={BOB}&last_day={last_day}");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let sent = server.send_raw("", "POST", "/inbox/absence", foreign.into_bytes(), &kind).await;
    assert_eq!(sent.status, 403);
}
