//! Concurrent calls: nothing is lost, counted twice, or ended twice.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    concurrent_creates_and_answers_are_all_kept,
    one_of_many_concurrent_answers_wins,
    concurrent_workflows_do_not_disturb_each_other,
    a_concurrent_cancel_and_answer_leave_one_terminal_event,
}

const AT_ONCE: usize = 64;

/// Checks that positions have no gaps, times never go back, and only the last event is terminal.
async fn assert_whole(server: &Server, id: &str) {
    let events = server.events(id).await;
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], 2 * (n + 1), "{events:#?}");
    }
    let times: Vec<&str> = events.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let is_terminal =
        |event: &&Value| matches!(event["status"].as_str(), Some("COMPLETED" | "FAILED" | "CANCELED" | "TIMED_OUT"));
    assert_eq!(events.iter().filter(is_terminal).count(), 1, "{events:#?}");
    assert!(events.last().as_ref().is_some_and(is_terminal));
    assert_eq!(server.intent(id).await["status"], events.last().unwrap()["status"]);
}

async fn concurrent_creates_and_answers_are_all_kept(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let ids = join_all((0..AT_ONCE).map(|n| server.submit("worker", json!({ "n": n })))).await;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), AT_ONCE);
    let paths: Vec<String> = ids.iter().map(|id| format!("/v1/intents/{id}/resume")).collect();
    let answers = paths.iter().enumerate().map(|(n, path)| server.post(&worker, path, json!({ "n": n })));
    for (n, answer) in join_all(answers).await.into_iter().enumerate() {
        assert_eq!(answer["intent"]["result"], json!({ "n": n }));
        assert_eq!(answer["intent"]["payload"], json!({ "n": n }));
    }
    for id in &ids {
        assert_eq!(server.event_types(id).await, ["created", "submitted", "delivered", "completed"]);
        assert_whole(&server, id).await;
    }
    let listed = server.get(&server.admin, "/v1/intents?status=COMPLETED&limit=500").await;
    assert_eq!(listed["intents"].as_array().unwrap().len(), AT_ONCE);
}

async fn one_of_many_concurrent_answers_wins(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for _ in 0..3 {
        let id = server.submit("worker", json!({})).await;
        let (resume, resolve) = (format!("/v1/intents/{id}/resume"), format!("/v1/intents/{id}/resolve"));
        let calls = (0..AT_ONCE).map(async |n| {
            let (path, body) = match n % 4 {
                0 => (&resume, json!({ "n": n })),
                1 => (&resolve, json!({ "status": "CANCELED", "reason": n.to_string() })),
                2 => (&resume, json!({})),
                _ => (&resume, json!({ "action": "fail", "n": n })),
            };
            // An empty answer ends nothing unless it comes from the agent itself.
            let key = if n % 4 == 2 { &server.admin } else { &worker };
            (n, server.send(key, "POST", path, Some(body)).await)
        });
        let look = (0..8).map(|_| server.get(&worker, &resume[..resume.len() - "/resume".len()]));
        let (answers, _) = tokio::join!(join_all(calls), join_all(look));
        let mut ended = 0;
        for (n, answer) in answers {
            match answer.status.as_u16() {
                200 if n % 4 == 2 => assert_eq!(answer.body["intent"]["status"], "IN_PROGRESS"),
                200 => ended += 1,
                _ => {
                    answer.refused(409, "intent_already_terminal");
                }
            }
        }
        assert_eq!(ended, 1);
        assert_whole(&server, &id).await;
    }
}

async fn concurrent_workflows_do_not_disturb_each_other(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let bundle = |n: usize| {
        let step = |id: &str| json!({ "step_id": id, "assigned_to": "w", "step_deadline_seconds": 60 });
        json!({
            "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker", "create_if_missing": true }],
            "workflow": { "steps": [step("one"), step("two")] }, "intent": { "type": "x", "payload": { "n": n } },
        })
    };
    let applied = join_all((0..16).map(|n| server.post(&server.admin, "/v1/scenarios/apply", bundle(n)))).await;
    let ids: Vec<String> = applied.iter().map(id_of).collect();
    let run = async |id: &String| {
        for step in ["one", "two"] {
            let events = server.events(id).await;
            let waiting = events.iter().rfind(|event| event["event_type"] == "intent.waiting").unwrap();
            let child = waiting["details"]["child_intent_id"].as_str().unwrap();
            // Two callers that both believe they have the step.
            let path = format!("/v1/intents/{child}/resume");
            let answer = || server.send(&worker, "POST", &path, Some(json!({ "step": step })));
            let (a, b) = tokio::join!(answer(), answer());
            assert_eq!(a.status.as_u16() + b.status.as_u16(), 200 + 409, "{} {}", a.body, b.body);
            assert_whole(&server, child).await;
        }
    };
    join_all(ids.iter().map(run)).await;
    for id in &ids {
        assert_eq!(
            server.intent(id).await["result"]["steps"],
            json!({ "one": { "step": "one" }, "two": { "step": "two" } })
        );
        assert_whole(&server, id).await;
    }
}

async fn a_concurrent_cancel_and_answer_leave_one_terminal_event(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for _ in 0..12 {
        let bundle = json!({
            "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }], "intent": { "type": "x" },
            "workflow": { "steps": [{ "step_id": "one", "assigned_to": "w" }, { "step_id": "two", "assigned_to": "w" }] },
        });
        let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
        let child = server.events(&id).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
        let (cancel, answer) = (format!("/v1/intents/{id}/resolve"), format!("/v1/intents/{child}/resume"));
        let (canceled, answered) = tokio::join!(
            server.send(&server.admin, "POST", &cancel, Some(json!({ "status": "CANCELED" }))),
            server.send(&worker, "POST", &answer, Some(json!({ "x": 1 }))),
        );
        assert_eq!(canceled.status, 200, "{}", canceled.body);
        assert_whole(&server, &id).await;
        assert_whole(&server, &child).await;
        let status = server.intent(&child).await["status"].clone();
        assert_eq!(answered.status.is_success(), status == "COMPLETED", "{}", answered.body);
    }
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty(), "no delivery is left");
}
