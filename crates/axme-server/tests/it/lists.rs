//! Lists in a large workspace: each item that belongs to the caller is listed, whatever else is there.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Engine, Person, Server, each_engine, forget_whom_a_task_asks, id_of};

each_engine! {
    a_persons_task_is_listed_among_any_number_of_others,
    pages_of_tasks_list_each_task_once_while_tasks_are_added,
    a_task_is_listed_by_whom_it_asks_now,
    a_task_from_before_the_list_of_people_is_listed,
    an_agent_finds_its_intents_among_any_number_of_others,
    a_page_of_tasks_needs_a_cursor_of_an_earlier_page,
    a_session_and_a_thread_are_found_by_status_among_any_number_of_others,
}

/// Sends many intents at once; returns their ids.
async fn send_many(server: &Server, count: usize, body: &Value) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let batch = 250.min(count - ids.len());
        let answers = join_all((0..batch).map(|_| server.post(&server.admin, "/v1/intents", body.clone()))).await;
        ids.extend(answers.iter().map(id_of));
    }
    ids
}

fn task(people: &[&str]) -> Value {
    json!({ "intent_type": "intent.approval.v1", "human_task": { "title": "Ship it?", "assignees": people } })
}

async fn member(server: &Server, email: &str) -> Person {
    server.give(email, "member", None).await;
    server.sign_in(email).await
}

fn ids_of(tasks: &Value) -> Vec<String> {
    tasks["tasks"].as_array().expect("tasks").iter().map(id_of).collect()
}

async fn tasks_of(server: &Server, person: &Person) -> Vec<String> {
    ids_of(&server.as_person(person, "GET", "/v1/me/tasks", None).await.ok())
}

async fn a_persons_task_is_listed_among_any_number_of_others(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = member(&server, "ann@example.com").await;
    let oldest = id_of(&server.post(&server.admin, "/v1/intents", task(&["Ann@Example.com"])).await);
    server.advance(Duration::from_secs(1)).await;
    send_many(&server, 2_500, &task(&["bob@example.com"])).await;
    server.advance(Duration::from_secs(1)).await;
    let members = Some(json!({ "members": ["ann@example.com"] }));
    server.send(&server.admin, "PUT", "/v1/groups/finance", members).await.ok();
    let newest = id_of(&server.post(&server.admin, "/v1/intents", task(&["group://Finance"])).await);
    let listed = server.as_person(&ann, "GET", "/v1/me/tasks", None).await.ok();
    assert_eq!((ids_of(&listed), &listed["next_cursor"]), (vec![oldest.clone(), newest.clone()], &Value::Null));
    let overview = server.as_person(&ann, "GET", "/v1/portal/personal/overview", None).await.ok();
    assert_eq!(ids_of(&overview), [oldest, newest]);
}

async fn pages_of_tasks_list_each_task_once_while_tasks_are_added(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = member(&server, "ann@example.com").await;
    let mut expected = BTreeSet::new();
    for asked in [&["ann@example.com"][..], &["bob@example.com", "ann@example.com"], &["ann@example.com"]] {
        expected.extend(send_many(&server, 20, &task(asked)).await);
        send_many(&server, 20, &task(&["bob@example.com"])).await;
        server.advance(Duration::from_secs(1)).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/me/tasks?limit=7".to_owned());
    loop {
        let page = server.as_person(&ann, "GET", &path, None).await.ok();
        seen.extend(ids_of(&page));
        if seen.len() < 30 {
            expected.extend(send_many(&server, 1, &task(&["ann@example.com"])).await);
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/me/tasks?limit=7&cursor={cursor}");
    }
    assert_eq!(seen.len(), expected.len(), "each once");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    let all = server.get(&server.admin, "/v1/me/tasks?limit=500").await;
    assert_eq!(all["tasks"].as_array().unwrap().len(), expected.len() + 60, "an admin sees those of others too");
}

async fn a_task_is_listed_by_whom_it_asks_now(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (member(&server, "ann@example.com").await, member(&server, "bob@example.com").await);
    let mut body = task(&["ann@example.com"]);
    body["remind_after_seconds"] = json!(10);
    body["max_reminders"] = json!(1);
    body["escalate_to"] = json!("bob@example.com");
    let escalated = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let passed_on = id_of(&server.post(&server.admin, "/v1/intents", task(&["ann@example.com"])).await);
    assert_eq!((tasks_of(&server, &ann).await.len(), tasks_of(&server, &bob).await.len()), (2, 0));
    let path = format!("/v1/tasks/{passed_on}/reassign");
    server.post(&server.admin, &path, json!({ "to": "Bob@example.com" })).await;
    assert_eq!(tasks_of(&server, &ann).await, std::slice::from_ref(&escalated));
    assert_eq!(tasks_of(&server, &bob).await, std::slice::from_ref(&passed_on));
    server.advance(Duration::from_secs(10)).await;
    server.advance(Duration::from_secs(10)).await;
    assert_eq!(tasks_of(&server, &ann).await, std::slice::from_ref(&escalated), "ann may still answer");
    assert_eq!(tasks_of(&server, &bob).await.len(), 2, "bob is asked too");
    let answer = json!({ "task_result": { "outcome": "approved" } });
    for id in [&escalated, &passed_on] {
        server.as_person(&bob, "POST", &format!("/v1/intents/{id}/resume"), Some(answer.clone())).await.ok();
    }
    assert!(tasks_of(&server, &ann).await.is_empty() && tasks_of(&server, &bob).await.is_empty());
}

/// The migration that made the table of people gave each open task one row, which names nobody.
async fn a_task_from_before_the_list_of_people_is_listed(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob) = (member(&server, "ann@example.com").await, member(&server, "bob@example.com").await);
    let old = id_of(&server.post(&server.admin, "/v1/intents", task(&["ann@example.com"])).await);
    forget_whom_a_task_asks(&server, old.parse().unwrap()).await;
    server.advance(Duration::from_secs(1)).await;
    let new = id_of(&server.post(&server.admin, "/v1/intents", task(&["ann@example.com"])).await);
    assert_eq!(tasks_of(&server, &ann).await, [old.clone(), new.clone()]);
    assert!(tasks_of(&server, &bob).await.is_empty());
    let answer = json!({ "task_result": { "outcome": "approved" } });
    server.as_person(&ann, "POST", &format!("/v1/intents/{old}/resume"), Some(answer)).await.ok();
    assert_eq!(tasks_of(&server, &ann).await, [new]);
}

async fn a_session_and_a_thread_are_found_by_status_among_any_number_of_others(engine: Engine) {
    let server = Server::start(engine).await;
    let alice = server.agent("alice").await;
    let session = server.post(&alice, "/v1/sessions", json!({})).await["session_id"].as_str().unwrap().to_owned();
    server.post(&alice, &format!("/v1/sessions/{session}/complete"), json!({})).await;
    let ended = server.submit("alice", json!({})).await;
    server.post(&alice, &format!("/v1/intents/{ended}/resolve"), json!({ "status": "COMPLETED" })).await;
    server.advance(Duration::from_secs(1)).await;
    join_all((0..600).map(|_| server.post(&alice, "/v1/sessions", json!({})))).await;
    send_many(&server, 1_200, &json!({ "intent_type": "x", "to_agent": "alice", "payload": {} })).await;
    let sessions = server.get(&alice, "/v1/sessions?status=COMPLETED&limit=5").await["sessions"].clone();
    assert_eq!((sessions.as_array().unwrap().len(), &sessions[0]["session_id"]), (1, &json!(session)));
    let inbox = "/v1/inbox?owner_agent=agent://alice&status=done&limit=5";
    let threads = server.get(&alice, inbox).await["threads"].clone();
    assert_eq!((threads.as_array().unwrap().len(), &threads[0]["thread_id"]), (1, &json!(ended)));
}

async fn an_agent_finds_its_intents_among_any_number_of_others(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, other) = (server.agent("worker").await, server.agent("other").await);
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "other", "payload": {} });
    let sent = id_of(&server.post(&worker, "/v1/intents", body.clone()).await);
    let received = server.submit("worker", json!({})).await;
    let failed = server.submit("other", json!({})).await;
    let failure = json!({ "status": "FAILED", "error": { "code": "no_stock", "message": "sold out" } });
    server.post(&other, &format!("/v1/intents/{failed}/resolve"), failure).await;
    server.advance(Duration::from_secs(1)).await;
    send_many(&server, 5_100, &body).await;
    let listed = async |path: &str| {
        let page = server.get(&server.admin, path).await;
        let ids: Vec<String> = page["intents"].as_array().unwrap().iter().map(id_of).collect();
        (ids, page["next_before"].clone())
    };
    assert_eq!(listed("/v1/intents?to_agent=worker").await, (vec![received.clone()], Value::Null));
    assert_eq!(listed("/v1/intents?status=FAILED").await, (vec![failed.clone()], Value::Null));
    assert_eq!(listed("/v1/intents?status=TIMED_OUT,FAILED").await, (vec![failed], Value::Null));
    // No index has the sender: the caller follows the cursor.
    let (mut own, mut path) = (Vec::new(), "/v1/intents".to_owned());
    loop {
        let page = server.get(&worker, &path).await;
        own.extend(page["intents"].as_array().unwrap().iter().map(id_of));
        let Some(before) = page["next_before"].as_str() else { break };
        path = format!("/v1/intents?before={before}");
    }
    assert_eq!(own, [received, sent.clone()]);
    server.advance(Duration::from_secs(3_600)).await;
    let (mut found, mut cleanup) = (Vec::new(), json!({ "older_than_hours": 0.5, "dry_run": true }));
    loop {
        let page = server.post(&worker, "/v1/intents/bulk-cancel", cleanup.clone()).await;
        found.extend(page["intent_ids"].as_array().unwrap().clone());
        assert_eq!(page["has_more"], page.get("next_before").is_some());
        let Some(before) = page.get("next_before") else { break };
        cleanup["before"] = before.clone();
    }
    assert_eq!(found, [json!(sent)]);
}

async fn a_page_of_tasks_needs_a_cursor_of_an_earlier_page(engine: Engine) {
    let server = Server::start(engine).await;
    for cursor in ["x", "1", "1:", ":x", "1:00000000"] {
        let path = format!("/v1/me/tasks?cursor={cursor}");
        let why = server.send(&server.admin, "GET", &path, None).await.refused(422, "validation_failed");
        assert_eq!(why, "cursor: must be the next_cursor of an earlier answer", "{cursor}");
    }
    assert_eq!(server.get(&server.admin, "/v1/me/tasks?cursor=").await["tasks"], json!([]));
}
