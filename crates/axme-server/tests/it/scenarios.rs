//! Scenarios: workflows that run through agents and people to their end. The file `bundles`
//! tests how bundles are checked.

use std::time::Duration;

use axme_intent::Object;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_bundle_runs_through_an_agent_and_a_person_to_its_result,
    a_step_receives_the_results_of_earlier_steps,
    a_failing_agent_fails_the_workflow,
    a_child_that_is_ended_by_hand_fails_its_step,
    a_failure_goes_where_on_failure_says,
    steps_follow_their_links_and_the_entry_step,
    a_step_that_is_late_times_out,
    a_persons_step_times_out_too,
    the_deadline_of_a_workflow_ends_its_children,
    canceling_a_workflow_cancels_its_children,
    a_rejection_fails_a_workflow_and_is_kept,
    an_answer_to_the_parent_of_a_waiting_step_is_refused,
    an_agent_that_applies_a_scenario_cannot_decide_it,
}

pub const APPLY: &str = "/v1/scenarios/apply";

/// Returns a bundle in which an agent checks and a person signs off.
pub fn check_and_sign_off() -> Value {
    json!({
        "scenario_id": "human.cli.v1",
        "agents": [{ "role": "checker", "address": "checker", "display_name": "Checker", "create_if_missing": true }],
        "humans": [{ "role": "operator", "display_name": "Operations Team", "contact": "" }],
        "workflow": { "steps": [
            { "step_id": "check", "tool_id": "tool.agent.task.v1", "assigned_to": "checker", "step_deadline_seconds": 60,
              "input": { "depth": 2 } },
            { "step_id": "sign_off", "tool_id": "", "assigned_to": "operator", "requires_approval": true,
              "human_task": { "title": "Ship it?", "required_comment": true } },
        ] },
        "intent": { "type": "intent.deployment.approval.v1", "payload": { "service": "api" } },
    })
}

/// Returns a bundle of agents in sequence; `steps` are merged over plain ones.
fn agents_in_turn(steps: Vec<Value>) -> Value {
    let plain = json!({ "tool_id": "tool.agent.task.v1", "assigned_to": "worker" });
    let merged = |step: &Value| {
        let mut merged: Object = plain.as_object().unwrap().clone();
        merged.extend(step.as_object().unwrap().clone());
        Value::Object(merged)
    };
    json!({
        "scenario_id": "agents.v1",
        "agents": [{ "role": "worker", "address": "worker", "create_if_missing": true }],
        "humans": [{ "role": "boss", "contact": "boss@example.com" }],
        "workflow": { "steps": steps.iter().map(merged).collect::<Vec<_>>() },
        "intent": { "type": "intent.work.v1", "payload": { "n": 1 } },
    })
}

async fn apply(server: &Server, bundle: Value) -> String {
    id_of(&server.post(&server.admin, APPLY, bundle).await)
}

/// Returns the child that carries out the current step of an intent.
pub async fn child(server: &Server, id: &str) -> String {
    let events = server.events(id).await;
    let waiting = events.iter().rfind(|e| e["event_type"] == "intent.waiting").expect("the intent waits");
    waiting["details"]["child_intent_id"].as_str().expect("for an agent").to_owned()
}

async fn resume(server: &Server, id: &str, body: Value) -> Value {
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), body).await
}

async fn a_bundle_runs_through_an_agent_and_a_person_to_its_result(engine: Engine) {
    let server = Server::start(engine).await;
    let applied = server.post(&server.admin, APPLY, check_and_sign_off()).await;
    let id = id_of(&applied);
    let address = "agent://local/default/checker";
    assert_eq!((&applied["scenario_id"], &applied["status"]), (&json!("human.cli.v1"), &json!("WAITING")));
    assert_eq!((&applied["pending_with"], &applied["idempotent"]), (&json!(address), &json!(false)));
    assert!(applied["compile_id"].as_str().unwrap().starts_with("cmp_"), "{applied}");
    assert_eq!(applied["compile_id"], applied["workflow_compile_id"]);
    assert_eq!((&applied["deadline_at"], &applied["warnings"]), (&Value::Null, &json!([])));
    assert_eq!(applied["agents"], json!([{ "role": "checker", "address": address, "created": true }]));
    let account = applied["agents_provisioned"][0]["service_account_id"].clone();
    let provisioned = json!([{
        "role": "checker", "address": address, "agent_address": address, "service_account_id": account,
        "sa_id": account, "created": true,
    }]);
    assert_eq!(applied["agents_provisioned"], provisioned);

    // The agent gets its step as a child.
    let checker = server.agent("checker").await;
    let window = server.stream(&checker, "/v1/agents/checker/intents/stream?since=0&wait_seconds=5").await;
    let step = child(&server, &id).await;
    assert_eq!(window.intent_ids(), [step.as_str()]);
    let payload = json!({
        "service": "api", "parent_payload": { "service": "api" }, "parent_intent_id": id, "scenario_id": "human.cli.v1",
        "step_id": "check", "tool_id": "tool.agent.task.v1", "input": { "depth": 2 }, "previous_results": {},
    });
    assert_eq!(window.content()[0].data["payload"], payload);
    let seen = server.get(&checker, &format!("/v1/intents/{step}")).await["intent"].clone();
    assert_eq!(seen["payload"], payload);
    assert_eq!((&seen["from_agent"], &seen["to_agent"]), (&json!("user://owner@local"), &json!(address)));
    assert_eq!((&seen["parent_intent_id"], &seen["status"]), (&json!(id), &json!("DELIVERED")));
    let parent = server.intent(&id).await;
    assert_eq!(parent["lifecycle_waiting_reason"], "WAITING_FOR_AGENT");
    assert_eq!(parent["pending_with"], json!({ "type": "agent", "ref": address, "name": "Checker" }));
    assert_eq!(parent["due_at"], "2026-01-01T00:01:00.000Z", "the step's");
    server.send(&checker, "GET", &format!("/v1/intents/{id}"), None).await.refused(404, "not_found");

    let path = format!("/v1/intents/{step}/resume");
    server.post(&checker, &path, json!({ "action": "complete", "ready": true })).await;
    let parent = server.intent(&id).await;
    assert_eq!(parent["lifecycle_waiting_reason"], "WAITING_FOR_HUMAN");
    let holder = json!({ "type": "human", "ref": "operator", "name": "Operations Team" });
    assert_eq!(parent["pending_with"], holder);
    assert_eq!(parent["human_task"]["title"], "Ship it?");
    let tasks = server.get(&server.admin, "/v1/me/tasks").await;
    assert_eq!(tasks["tasks"][0]["intent_id"], id);

    let answer = json!({ "task_result": { "outcome": "approved" } });
    let path = format!("/v1/intents/{id}/resume");
    server.send(&server.admin, "POST", &path, Some(answer)).await.refused(422, "comment_required");
    let done = resume(&server, &id, json!({ "task_result": { "outcome": "approved", "comment": "go" } })).await;
    let result = json!({
        "outcome": "approved", "comment": "go",
        "steps": { "check": { "ready": true }, "sign_off": { "outcome": "approved", "comment": "go" } },
    });
    assert_eq!((&done["intent"]["status"], &done["intent"]["result"]), (&json!("COMPLETED"), &result));
    assert_eq!(server.intent(&id).await["result"], result);
    let types = server.event_types(&id).await;
    assert_eq!(
        types,
        [
            "created",
            "submitted",
            "waiting",
            "in_progress",
            "waiting",
            "human_task_assigned",
            "in_progress",
            "completed",
        ]
    );
    let events = server.events(&id).await;
    assert_eq!(events[2]["pending_with"]["ref"], address);
    assert_eq!(events[3]["details"]["step_id"], "check");
    assert_eq!(events[3]["details"]["step_result"], json!({ "ready": true }));
    assert_eq!(events[7]["result"], result);
    server.advance(Duration::from_secs(120)).await;
    assert_eq!(server.events(&id).await.len(), 8, "the deadline of a step ends with the step");

    let list = server.get(&server.admin, "/v1/intents").await;
    assert_eq!(list["intents"].as_array().unwrap().iter().map(id_of).collect::<Vec<_>>(), [id], "no steps in lists");
}

async fn a_step_receives_the_results_of_earlier_steps(engine: Engine) {
    let server = Server::start(engine).await;
    let id = apply(&server, agents_in_turn(vec![json!({ "step_id": "one" }), json!({ "step_id": "two" })])).await;
    let first = child(&server, &id).await;
    resume(&server, &first, json!({ "a": 1 })).await;
    let second = child(&server, &id).await;
    assert_ne!(first, second);
    assert_eq!(server.intent(&second).await["payload"]["previous_results"], json!({ "one": { "a": 1 } }));
    assert_eq!(server.intent(&second).await["payload"]["input"], Value::Null);
    // An agent that hands over has finished its step.
    resume(&server, &second, json!({ "status": "pending_review", "b": 2 })).await;
    let two = json!({ "status": "pending_review", "b": 2 });
    assert_eq!(server.intent(&second).await["status"], "COMPLETED");
    let parent = server.intent(&id).await;
    assert_eq!(parent["status"], "COMPLETED");
    let result = json!({ "status": "pending_review", "b": 2, "steps": { "one": { "a": 1 }, "two": two } });
    assert_eq!(parent["result"], result);
}

async fn a_failing_agent_fails_the_workflow(engine: Engine) {
    let server = Server::start(engine).await;
    let id = apply(&server, agents_in_turn(vec![json!({ "step_id": "one" }), json!({ "step_id": "two" })])).await;
    let step = child(&server, &id).await;
    resume(&server, &step, json!({ "action": "fail", "reason": "no disk", "free": 0 })).await;
    assert_eq!(server.intent(&step).await["status"], "FAILED");
    let parent = server.intent(&id).await;
    assert_eq!((&parent["status"], &parent["error"]["code"]), (&json!("FAILED"), &json!("agent_failed")));
    assert_eq!(parent["error"]["message"], "no disk");
    assert_eq!(parent["result"]["free"], 0, "the agent's result is kept");
    let step_error = json!({ "code": "agent_failed", "message": "no disk" });
    assert_eq!(parent["result"]["steps"]["one"]["error"], step_error);
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "waiting", "in_progress", "failed"]);
}

async fn a_child_that_is_ended_by_hand_fails_its_step(engine: Engine) {
    let server = Server::start(engine).await;
    for (body, code) in [
        (json!({ "status": "CANCELED", "reason": "wrong agent" }), "step_canceled"),
        (json!({ "status": "FAILED", "error": { "code": "broken", "message": "m" } }), "broken"),
    ] {
        let id = apply(&server, agents_in_turn(vec![json!({ "step_id": "one" })])).await;
        let step = child(&server, &id).await;
        server.post(&server.admin, &format!("/v1/intents/{step}/resolve"), body).await;
        let parent = server.intent(&id).await;
        assert_eq!((&parent["status"], &parent["error"]["code"]), (&json!("FAILED"), &json!(code)));
    }
    let id = apply(&server, agents_in_turn(vec![json!({ "step_id": "one" })])).await;
    let step = child(&server, &id).await;
    let body = json!({ "status": "COMPLETED", "result": { "x": 1 } });
    server.post(&server.admin, &format!("/v1/intents/{step}/resolve"), body).await;
    assert_eq!(server.intent(&id).await["result"], json!({ "x": 1, "steps": { "one": { "x": 1 } } }));
}

async fn a_failure_goes_where_on_failure_says(engine: Engine) {
    let server = Server::start(engine).await;
    let bundle = || {
        agents_in_turn(vec![
            json!({ "step_id": "try", "on_failure": "repair", "step_deadline_seconds": 30 }),
            json!({ "step_id": "repair" }),
            json!({ "step_id": "report" }),
        ])
    };
    for end in ["failure", "time", "success"] {
        let id = apply(&server, bundle()).await;
        match end {
            "failure" => {
                resume(&server, &child(&server, &id).await, json!({ "action": "fail", "reason": "r" })).await;
            }
            "time" => server.advance(Duration::from_secs(30)).await,
            _ => {
                resume(&server, &child(&server, &id).await, json!({ "ok": true })).await;
                // `repair` runs only after a failure, and no step follows `try` by name.
                assert_eq!(server.intent(&id).await["status"], "COMPLETED");
                continue;
            }
        }
        let repair = server.intent(&child(&server, &id).await).await;
        assert_eq!(repair["payload"]["step_id"], "repair", "{end}");
        assert!(repair["payload"]["previous_results"]["try"]["error"]["code"].is_string(), "{repair}");
        resume(&server, &child(&server, &id).await, json!({ "repaired": true })).await;
        resume(&server, &child(&server, &id).await, json!({ "reported": true })).await;
        let parent = server.intent(&id).await;
        assert_eq!(parent["status"], "COMPLETED", "{end}");
        assert_eq!(parent["result"]["reported"], true);
    }
}

async fn steps_follow_their_links_and_the_entry_step(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bundle = agents_in_turn(vec![
        json!({ "step_id": "middle", "on_success": "last" }),
        json!({ "step_id": "first", "on_success": "middle" }),
        json!({ "step_id": "last" }),
    ]);
    bundle["workflow"]["entry_step"] = json!("first");
    let id = apply(&server, bundle).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        let step = child(&server, &id).await;
        order.push(server.intent(&step).await["payload"]["step_id"].clone());
        resume(&server, &step, json!({ "done": 1 })).await;
    }
    assert_eq!(order, ["first", "middle", "last"]);
    let parent = server.intent(&id).await;
    assert_eq!(parent["status"], "COMPLETED");
    let names: Vec<&String> = parent["result"]["steps"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["first", "middle", "last"], "in the order in which they ended");
}

async fn a_step_that_is_late_times_out(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = apply(&server, agents_in_turn(vec![json!({ "step_id": "one", "step_deadline_seconds": 60 })])).await;
    let step = child(&server, &id).await;
    server.advance(Duration::from_millis(59_999)).await;
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    server.advance(Duration::from_millis(1)).await;
    let parent = server.intent(&id).await;
    assert_eq!((&parent["status"], &parent["error"]["code"]), (&json!("FAILED"), &json!("step_timeout")));
    let events = server.events(&id).await;
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "waiting", "timeout", "in_progress", "failed"]);
    assert_eq!(events[3]["status"], "WAITING", "not the end of the intent");
    assert_eq!(events[3]["details"], json!({ "step_id": "one", "reason": "step_timeout" }));
    assert_eq!(server.intent(&step).await["status"], "TIMED_OUT");
    assert_eq!(server.event_types(&step).await, ["created", "submitted", "delivered", "timed_out"]);
    let late = server.send(&worker, "POST", &format!("/v1/intents/{step}/resume"), Some(json!({ "x": 1 }))).await;
    late.refused(409, "intent_already_terminal");
    assert_eq!(server.events(&id).await.len(), 6);
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty());
}

async fn a_persons_step_times_out_too(engine: Engine) {
    let server = Server::start(engine).await;
    let step = json!({ "step_id": "ask", "tool_id": "tool.approval.human_signoff", "assigned_to": "boss",
        "requires_approval": true, "step_deadline_seconds": 60 });
    let id = apply(&server, agents_in_turn(vec![step])).await;
    let task = server.get(&server.admin, "/v1/me/tasks").await["tasks"][0].clone();
    assert_eq!(task["due_at"], "2026-01-01T00:01:00.000Z");
    server.advance(Duration::from_secs(60)).await;
    assert_eq!(server.intent(&id).await["error"]["code"], "step_timeout");
    assert_eq!(server.get(&server.admin, "/v1/me/tasks").await["tasks"], json!([]));
}

async fn the_deadline_of_a_workflow_ends_its_children(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bundle = agents_in_turn(vec![json!({ "step_id": "one", "step_deadline_seconds": 120 })]);
    bundle["intent"]["deadline_at"] = json!("2026-01-01T00:01:00Z");
    let applied = server.post(&server.admin, APPLY, bundle).await;
    assert_eq!(applied["deadline_at"], "2026-01-01T00:01:00.000Z");
    let id = id_of(&applied);
    let step = child(&server, &id).await;
    server.advance(Duration::from_secs(60)).await;
    assert_eq!(server.event_types(&id).await, ["created", "submitted", "waiting", "timed_out"]);
    assert_eq!(server.intent(&id).await["status"], "TIMED_OUT");
    assert_eq!(server.intent(&step).await["status"], "CANCELED");
    server.advance(Duration::from_secs(60)).await;
    assert_eq!((server.events(&id).await.len(), server.events(&step).await.len()), (4, 4));
}

async fn canceling_a_workflow_cancels_its_children(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for status in ["CANCELED", "FAILED", "COMPLETED"] {
        let id = apply(&server, agents_in_turn(vec![json!({ "step_id": "one", "step_deadline_seconds": 60 })])).await;
        let step = child(&server, &id).await;
        let body = json!({ "status": status, "reason": "no longer needed" });
        server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), body).await;
        assert_eq!(server.intent(&id).await["status"], status);
        let child = server.intent(&step).await;
        assert_eq!(child["status"], "CANCELED");
        let late = server.send(&worker, "POST", &format!("/v1/intents/{step}/resume"), Some(json!({ "x": 1 }))).await;
        late.refused(409, "intent_already_terminal");
        assert_eq!(server.event_types(&id).await.last().unwrap(), &status.to_ascii_lowercase());
    }
    server.advance(Duration::from_secs(60)).await;
    let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=1").await;
    assert!(window.content().is_empty());
}

async fn a_rejection_fails_a_workflow_and_is_kept(engine: Engine) {
    let server = Server::start(engine).await;
    let ask = json!({ "step_id": "ask", "tool_id": "", "assigned_to": "boss", "human_task": { "title": "t", "task_type": "review" } });
    let id = apply(&server, agents_in_turn(vec![ask.clone()])).await;
    let answer = json!({ "outcome": "changes_requested", "comment": "rename it", "data": { "line": 3 } });
    resume(&server, &id, json!({ "task_result": answer })).await;
    let parent = server.intent(&id).await;
    let said = json!({ "outcome": "changes_requested", "comment": "rename it", "line": 3 });
    assert_eq!((&parent["status"], &parent["error"]["code"]), (&json!("FAILED"), &json!("changes_requested")));
    assert!(parent["error"]["message"].as_str().unwrap().contains("rename it"), "{parent}");
    for (field, value) in said.as_object().unwrap() {
        assert_eq!(&parent["result"][field], value, "the answer is kept");
    }
    assert_eq!(parent["result"]["steps"]["ask"]["result"], said);
    let last = server.events(&id).await.last().unwrap().clone();
    assert_eq!(
        (&last["result"]["comment"], &last["error"]["code"]),
        (&json!("rename it"), &json!("changes_requested"))
    );

    let handled = apply(&server, agents_in_turn(vec![
        json!({ "step_id": "ask", "tool_id": "", "assigned_to": "boss", "human_task": { "title": "t" }, "on_failure": "undo", "on_success": "go" }),
        json!({ "step_id": "go" }),
        json!({ "step_id": "undo" }),
    ])).await;
    resume(&server, &handled, json!({ "task_result": { "outcome": "rejected" } })).await;
    let undo = server.intent(&child(&server, &handled).await).await;
    assert_eq!(undo["payload"]["step_id"], "undo");
}

async fn an_answer_to_the_parent_of_a_waiting_step_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let id = apply(&server, check_and_sign_off()).await;
    let checker = server.agent("checker").await;
    let step = child(&server, &id).await;
    let path = format!("/v1/intents/{id}/resume");
    for body in
        [json!({ "action": "complete" }), json!({ "ready": true }), json!({}), json!({ "approve_current_step": true })]
    {
        let refused = server.send(&server.admin, "POST", &path, Some(body)).await;
        assert_eq!(refused.body["error"]["details"]["child_intent_id"], step);
        assert!(refused.refused(409, "waiting_for_agent").contains(&step));
    }
    let early =
        server.send(&server.admin, "POST", &path, Some(json!({ "task_result": { "outcome": "approved" } }))).await;
    early.refused(409, "not_waiting_for_human");
    resume(&server, &step, json!({ "ready": true })).await;

    // A person's answer to the finished step goes to the person's step.
    let answer = json!({ "task_result": { "outcome": "approved", "comment": "via the child" } });
    let by_agent = server.send(&checker, "POST", &format!("/v1/intents/{step}/resume"), Some(answer.clone())).await;
    by_agent.refused(403, "forbidden");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    resume(&server, &step, answer).await;
    assert_eq!(server.intent(&id).await["result"]["comment"], "via the child");
}

async fn an_agent_that_applies_a_scenario_cannot_decide_it(engine: Engine) {
    let server = Server::start(engine).await;
    let sender = server.agent("sender").await;
    server.agent("checker").await;
    let id = id_of(&server.post(&sender, APPLY, check_and_sign_off()).await);
    let step = child(&server, &id).await;
    assert_eq!(server.intent(&step).await["from_agent"], "agent://local/default/sender");
    let path = format!("/v1/intents/{id}");
    assert_eq!(server.get(&sender, &path).await["intent"]["from_agent"], "agent://local/default/sender");
    let complete = Some(json!({ "status": "COMPLETED" }));
    server.send(&sender, "POST", &format!("{path}/resolve"), complete).await.refused(403, "forbidden");
    resume(&server, &step, json!({ "ready": true })).await;
    let answer = Some(json!({ "task_result": { "outcome": "approved", "comment": "me" } }));
    server.send(&sender, "POST", &format!("{path}/resume"), answer).await.refused(403, "forbidden");
    server.post(&sender, &format!("{path}/resolve"), json!({ "status": "CANCELED" })).await;
    assert_eq!(server.intent(&id).await["status"], "CANCELED");
}
