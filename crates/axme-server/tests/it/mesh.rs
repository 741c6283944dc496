//! The mesh: heartbeats, health, the kill switch and policies (`spec/protocol.md` §8).

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};
use crate::pushes::{Receiver, server_that_may_call_loopback};

each_engine! {
    nonsense_in_a_heartbeat_hurts_no_other_agent,
    health_follows_from_the_heartbeat,
    an_invalid_heartbeat_is_refused,
    a_killed_agent_gets_and_sends_nothing_until_it_is_resumed,
    an_open_window_of_a_killed_agent_continues_once_it_is_resumed,
    nothing_is_pushed_to_a_killed_agent,
    limits_reset_with_the_hour_and_the_day,
    a_step_beyond_a_limit_of_its_agent_fails_at_once_and_is_not_counted,
    a_step_that_its_agent_no_longer_accepts_fails_at_once,
    a_step_for_a_killed_agent_waits_until_it_is_resumed,
    a_task_that_names_an_agent_is_not_charged_to_it,
    an_agent_sends_and_receives_what_its_policy_allows,
}

const WORKER: &str = "agent://local/default/worker";

async fn beat(server: &Server, key: &str, metrics: Value) -> Value {
    server.post(key, "/v1/mesh/heartbeat", json!({ "metrics": metrics })).await
}

async fn health(server: &Server, query: &str) -> Vec<(String, String)> {
    let list = server.get(&server.admin, &format!("/v1/mesh/agents?{query}")).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let agents = list["agents"].as_array().unwrap().iter();
    agents.map(|a| (text(&a["address"]).replace("agent://local/default/", ""), text(&a["health_status"]))).collect()
}

async fn event_types(server: &Server, query: &str) -> Vec<String> {
    let list = server.get(&server.admin, &format!("/v1/mesh/events?{query}")).await;
    list["events"].as_array().unwrap().iter().map(|e| e["event_type"].as_str().unwrap().to_owned()).collect()
}

async fn submit(server: &Server, key: &str, to: &str, intent_type: &str) -> Answer {
    let body = json!({ "intent_type": intent_type, "to_agent": to, "payload": {} });
    server.send(key, "POST", "/v1/intents", Some(body)).await
}

async fn policy(server: &Server, kind: &str, body: Value) -> Value {
    let path = format!("/v1/mesh/agents/{WORKER}/policies/{kind}");
    server.send(&server.admin, "PUT", &path, Some(body)).await.ok()
}

/// Counts the refusals by action policies in the audit trail.
async fn audited(server: &Server) -> usize {
    let path = "/v1/audit/events?action_prefix=mesh.policies.action.refused";
    server.get(&server.admin, path).await["events"].as_array().unwrap().len()
}

async fn nonsense_in_a_heartbeat_hurts_no_other_agent(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    policy(&server, "cost", json!({ "max_intents_per_day": 5 })).await;
    // A mean of eleven days, over the most intents that can be counted.
    let lies = json!({ "intents_total": 1e12, "avg_latency_ms": 1e9 });
    let answer = server.send(&worker, "POST", "/v1/mesh/heartbeat", Some(json!({ "metrics": lies }))).await;
    answer.refused(422, "validation_failed");
    for _ in 0..2 {
        for _ in 0..12 {
            beat(&server, &worker, json!({ "intents_total": 1e12, "avg_latency_ms": 1, "cost_usd": 1e9 })).await;
        }
        server.clock.advance(Duration::from_secs(3_600));
    }
    assert_eq!(health(&server, "window=month").await.len(), 1);
    let seen = server.get(&server.admin, &format!("/v1/mesh/agents/{WORKER}?window=month")).await;
    // Sums are capped.
    assert_eq!(seen["metrics"]["cost_usd"], 8e9);
    submit(&server, &server.admin, "worker", "a.b").await.ok();
}

async fn health_follows_from_the_heartbeat(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, _) = (server.agent("worker").await, server.agent("other").await);
    let of = |name: &str, health: &str| (name.to_owned(), health.to_owned());
    assert_eq!(health(&server, "").await, [of("other", "unknown"), of("worker", "unknown")]);

    // Without a body, and with a body of another kind.
    let answer = server.send(&worker, "POST", "/v1/mesh/heartbeat", None).await.ok();
    assert_eq!((&answer["health_status"], &answer["status"]), (&json!("healthy"), &json!("healthy")));
    assert_eq!(answer["address"], WORKER);
    beat(
        &server,
        &worker,
        json!({ "intents_total": 3, "intents_succeeded": 2, "intents_failed": 1,
        "avg_latency_ms": 20.5, "cost_usd": 0.25 }),
    )
    .await;
    server.clock.advance(Duration::from_secs(30));
    beat(&server, &worker, json!({ "intents_total": 1, "avg_latency_ms": 40.5, "cost_usd": 0.5, "gpu": "a100" })).await;
    beat(&server, &worker, json!({ "avg_latency_ms": null })).await;

    let found = server.get(&server.admin, "/v1/mesh/agents?health=healthy&limit=5").await;
    let agent = &found["agents"][0];
    assert_eq!(agent["address_id"], answer["address_id"]);
    assert_eq!((&agent["intents_period"], &agent["cost_period"]), (&json!(4), &json!(0.75)));
    assert_eq!(agent["metadata"], json!({ "gpu": "a100" }));
    assert_eq!(agent["last_heartbeat_at"], server.now().to_string());
    let summary = json!({ "total": 2, "healthy": 1, "degraded": 0, "unreachable": 0, "killed": 0, "unknown": 1 });
    assert_eq!(found["summary"], summary);

    // By its id, and by every form of its address.
    let id = answer["address_id"].as_str().unwrap();
    for named in [id, "worker", WORKER, "agent%3A%2F%2Flocal%2Fdefault%2Fworker"] {
        let one = server.get(&worker, &format!("/v1/mesh/agents/{named}")).await;
        assert_eq!(one["agent"], *agent, "{named}");
        assert_eq!(one["metrics"]["avg_latency_ms"], 25.5);
        assert_eq!(one["metrics"]["intents_failed"], 1);
    }

    for (wait, expected) in [(89, "healthy"), (1, "degraded"), (209, "degraded"), (1, "unreachable")] {
        server.clock.advance(Duration::from_secs(wait));
        assert_eq!(health(&server, &format!("health={expected}")).await, [of("worker", expected)]);
        workers::mesh::tick(&server.app).await.unwrap();
    }
    beat(&server, &worker, json!({})).await;
    let told = event_types(&server, "").await;
    assert_eq!(told, ["agent.healthy", "agent.unreachable", "agent.degraded", "agent.healthy"]);
    assert_eq!(event_types(&server, "event_type=agent.degraded&limit=5").await, ["agent.degraded"]);

    // The numbers belong to a window; a day later, today has none.
    server.clock.advance(Duration::from_secs(24 * 3600));
    for (window, intents) in [("day", 0), ("week", 4), ("month", 4)] {
        let path = format!("/v1/mesh/agents/worker?window={window}");
        assert_eq!(server.get(&worker, &path).await["agent"]["intents_period"], intents, "{window}");
    }
}

async fn an_invalid_heartbeat_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    for metrics in [
        json!([1]),
        json!({ "intents_total": -1 }),
        json!({ "cost_usd": "much" }),
        json!({ "cost_usd": 1e300 }),
        json!({ "x": "y".repeat(5_000) }),
    ] {
        let answer = server.send(&worker, "POST", "/v1/mesh/heartbeat", Some(json!({ "metrics": metrics }))).await;
        answer.refused(422, "validation_failed");
    }
    server.send(&server.admin, "POST", "/v1/mesh/heartbeat", None).await.refused(403, "not_an_agent");
    assert!(event_types(&server, "").await.is_empty());
    for query in ["health=fine", "window=year", "limit=0"] {
        let path = format!("/v1/mesh/agents?{query}");
        server.send(&server.admin, "GET", &path, None).await.refused(422, "validation_failed");
    }
    server.send(&server.admin, "GET", "/v1/mesh/events?limit=x", None).await.refused(422, "validation_failed");
    for path in ["nobody", "addr_nobody", "worker/kill", "agent://other/place/worker"] {
        let path = format!("/v1/mesh/agents/{path}");
        server.send(&server.admin, "GET", &path, None).await.refused(404, "agent_not_found");
    }
    for path in ["nobody/kill", "nobody/resume"] {
        let path = format!("/v1/mesh/agents/{path}");
        server.send(&server.admin, "POST", &path, None).await.refused(404, "agent_not_found");
    }
    // This could be the address of an agent, which only GET accepts.
    let path = "/v1/mesh/agents/worker/explode";
    server.send(&server.admin, "POST", path, None).await.refused(405, "method_not_allowed");
}

async fn a_killed_agent_gets_and_sends_nothing_until_it_is_resumed(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let waiting = server.submit("worker", json!({})).await;
    for _ in 0..2 {
        let path = format!("/v1/mesh/agents/{WORKER}/kill");
        let killed = server.send(&server.admin, "POST", &path, None).await.ok();
        assert_eq!((&killed["status"], &killed["health_status"]), (&json!("killed"), &json!("killed")));
    }
    assert_eq!(event_types(&server, "").await, ["agent.killed"]);
    assert_eq!(beat(&server, &worker, json!({})).await["health_status"], "killed");
    assert_eq!(health(&server, "health=dead").await.len(), 1);

    submit(&server, &server.admin, "worker", "x").await.refused(403, "agent_killed");
    submit(&server, &worker, "other", "x").await.refused(403, "agent_killed");
    submit(&server, &server.admin, "other", "x").await.ok();
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }, { "role": "n", "address": "new",
        "create_if_missing": true }], "workflow": { "steps": [{ "step_id": "one", "assigned_to": "w" }] },
        "intent": { "type": "x" },
    });
    let applied = server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(bundle)).await;
    applied.refused(403, "agent_killed");
    assert!(!server.get(&server.admin, "/v1/agents").await.to_string().contains("/new"));

    let path = "/v1/agents/worker/intents/stream?since=0&wait_seconds=5";
    assert!(server.stream(&worker, path).await.content().is_empty());
    let resumed = server.send(&server.admin, "POST", "/v1/mesh/agents/worker/resume", None).await.ok();
    assert_eq!((&resumed["status"], &resumed["health_status"]), (&json!("active"), &json!("healthy")));
    assert_eq!(server.stream(&worker, path).await.intent_ids(), [waiting]);
    submit(&server, &worker, "other", "x").await.ok();
    assert_eq!(event_types(&server, "event_type=agent.resumed").await.len(), 1);
}

async fn an_open_window_of_a_killed_agent_continues_once_it_is_resumed(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    server.send(&server.admin, "POST", "/v1/mesh/agents/worker/kill", None).await.ok();
    let mut open = server.open(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=60", &[]).await;
    server.until_held().await;
    server.send(&server.admin, "POST", "/v1/mesh/agents/worker/resume", None).await.ok();
    let id = server.submit("worker", json!({})).await;
    assert_eq!(open.frame().await.data["intent_id"], id);
}

async fn nothing_is_pushed_to_a_killed_agent(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, address) = Receiver::start().await;
    let url = format!("http://{address}/intent");
    let body = json!({ "name": "worker", "delivery_mode": "http", "callback_url": url });
    let account = server.post(&server.admin, "/v1/service-accounts", body).await;
    let account = account["service_account_id"].as_str().unwrap();
    server.submit("worker", json!({})).await;
    server.send(&server.admin, "POST", "/v1/mesh/agents/worker/kill", None).await.ok();
    let workspace = server.bootstrap.workspace_id.parse().unwrap();
    workers::push::tick(&server.app, workspace, account).await.unwrap();
    assert!(receiver.got().is_empty());
    server.send(&server.admin, "POST", "/v1/mesh/agents/worker/resume", None).await.ok();
    workers::push::tick(&server.app, workspace, account).await.unwrap();
    assert_eq!(receiver.got().len(), 1);
}

async fn limits_reset_with_the_hour_and_the_day(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let made = policy(&server, "cost", json!({ "max_intents_per_hour": 2, "max_intents_per_day": 3 })).await;
    assert_eq!(made["policy"]["action_on_breach"], "block");
    submit(&server, &server.admin, "worker", "x").await.ok();
    submit(&server, &worker, "other", "x").await.ok();
    let refused = submit(&server, &server.admin, "worker", "x").await;
    assert_eq!(refused.headers["retry-after"], "3601");
    refused.refused(429, "max_intents_per_hour_exceeded");
    // A refusal uses no quota, and a stored refusal is not repeated for ever.
    let usage = server.get(&worker, "/v1/mesh/agents/worker/policies/cost").await["usage"].clone();
    assert_eq!(usage, json!({ "intents_this_hour": 2, "intents_today": 2, "cost_today_usd": 0.0 }));
    let again = async || {
        let body = json!({ "intent_type": "x", "to_agent": "worker", "payload": {} });
        let key = [("idempotency-key", "once")];
        server.send_with(&server.admin, "POST", "/v1/intents", Some(body), &key).await
    };
    again().await.refused(429, "max_intents_per_hour_exceeded");
    server.clock.advance(Duration::from_secs(3600));
    again().await.ok();
    submit(&server, &server.admin, "worker", "x").await.refused(429, "max_intents_per_day_exceeded");
    submit(&server, &server.admin, "other", "x").await.ok();

    policy(&server, "cost", json!({ "max_cost_per_day_usd": 1.5 })).await;
    submit(&server, &server.admin, "worker", "x").await.ok();
    beat(&server, &worker, json!({ "cost_usd": 1.5 })).await;
    submit(&server, &server.admin, "worker", "x").await.refused(429, "max_cost_per_day_exceeded");
    server.clock.advance(Duration::from_secs(24 * 3600));
    submit(&server, &server.admin, "worker", "x").await.ok();

    policy(&server, "cost", json!({ "max_intents_per_day": 0 })).await;
    let path = "/v1/mesh/agents/worker/policies/cost";
    submit(&server, &server.admin, "worker", "x").await.refused(429, "max_intents_per_day_exceeded");
    let gone = server.send(&server.admin, "DELETE", path, None).await.ok();
    assert_eq!(gone["policy"], Value::Null);
    submit(&server, &server.admin, "worker", "x").await.ok();
    for body in [
        json!({}),
        json!({ "max_intents_per_day": -1 }),
        json!({ "max_cost_per_day_usd": -0.1 }),
        json!({ "max_intents_per_day": 1, "action_on_breach": "explode" }),
    ] {
        let answer = server.send(&server.admin, "PUT", path, Some(body)).await;
        answer.refused(422, "validation_failed");
    }
    let body = json!({ "max_intents_per_day": 1, "action_on_breach": "alert" });
    server.send(&server.admin, "PUT", path, Some(body)).await.refused(422, "not_supported_yet");
}

/// Applies a workflow whose steps `one` and `two` are for the worker, and a failure of which goes to `mender`.
async fn two_steps(server: &Server, links: &[&str]) -> Value {
    let steps = ["one", "two"].map(|id| {
        let mut step = json!({ "step_id": id, "assigned_to": "w" });
        if links.contains(&id) {
            step["on_failure"] = json!("mend");
            step["on_success"] = json!(if id == "one" { "two" } else { "end.completed" });
        }
        step
    });
    let mend = json!({ "step_id": "mend", "assigned_to": "m" });
    let steps: Vec<Value> = steps.into_iter().chain((!links.is_empty()).then_some(mend)).collect();
    let bundle = json!({
        "scenario_id": "s.v1", "workflow": { "steps": steps }, "intent": { "type": "x" },
        "agents": [{ "role": "w", "address": "worker" }, { "role": "m", "address": "mender" }],
    });
    server.post(&server.admin, "/v1/scenarios/apply", bundle).await
}

async fn complete_step(server: &Server, key: &str, root: &str) {
    let child = server.events(root).await.last().unwrap()["details"]["child_intent_id"].as_str().unwrap().to_owned();
    server.post(key, &format!("/v1/intents/{child}/resume"), json!({ "a": 1 })).await;
}

async fn a_step_beyond_a_limit_of_its_agent_fails_at_once_and_is_not_counted(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, mender) = (server.agent("worker").await, server.agent("mender").await);
    policy(&server, "cost", json!({ "max_intents_per_day": 1 })).await;
    let counted =
        async || server.get(&worker, "/v1/mesh/agents/worker/policies/cost").await["usage"]["intents_today"].clone();
    let id = id_of(&two_steps(&server, &[]).await);
    assert_eq!(counted().await, 1);
    complete_step(&server, &worker, &id).await;
    let ended = server.intent(&id).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("max_intents_per_day_exceeded")));
    assert_eq!(ended["error"]["details"]["step_id"], "two");
    assert_eq!(counted().await, 1, "a refused step is not counted");
    let queue = "/v1/agents/worker/intents/stream?since=0&wait_seconds=1";
    assert_eq!(server.stream(&worker, queue).await.intent_ids(), Vec::<&str>::new());
    // The first step fails in the same way, while the bundle is applied. A failure branch runs instead of it.
    let applied = two_steps(&server, &[]).await;
    assert_eq!(applied["status"], "FAILED");
    assert_eq!(server.intent(&id_of(&applied)).await["error"]["code"], "max_intents_per_day_exceeded");
    let applied = two_steps(&server, &["one", "two"]).await;
    assert_eq!(
        (&applied["status"], &applied["pending_with"]),
        (&json!("WAITING"), &json!("agent://local/default/mender"))
    );
    complete_step(&server, &mender, &id_of(&applied)).await;
    assert_eq!(server.intent(&id_of(&applied)).await["status"], "COMPLETED");
    assert_eq!(counted().await, 1);
    submit(&server, &server.admin, "worker", "x").await.refused(429, "max_intents_per_day_exceeded");
}

async fn a_step_that_its_agent_no_longer_accepts_fails_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, mender) = (server.agent("worker").await, server.agent("mender").await);
    let send_policy = "/v1/agents/worker/policy";
    let closed = json!({ "policy_type": "allowlist" });
    let action = json!({ "mode": "denylist", "intent_types": ["x"], "direction": "receive" });
    let breaches = audited(&server).await;
    for (path, rule, code) in [
        (send_policy, closed, "policy_denied"),
        ("/v1/mesh/agents/worker/policies/action", action, "action_not_allowed"),
    ] {
        let id = id_of(&two_steps(&server, &["two"]).await);
        server.send(&server.admin, "PUT", path, Some(rule)).await.ok();
        complete_step(&server, &worker, &id).await;
        let events = server.events(&id).await;
        let failed = &events[events.len() - 2];
        assert_eq!(
            (&failed["details"]["step_outcome"], &failed["details"]["step_id"]),
            (&json!("failed"), &json!("two"))
        );
        assert_eq!(failed["details"]["step_result"]["error"]["code"], code, "{failed}");
        complete_step(&server, &mender, &id).await;
        assert_eq!(server.intent(&id).await["status"], "COMPLETED");
        let open = json!({ "policy_type": "open", "mode": "open" });
        server.send(&server.admin, "PUT", path, Some(open)).await.ok();
    }
    assert_eq!(audited(&server).await, breaches + 1, "the audit trail has the breach of the action policy");
}

async fn a_step_for_a_killed_agent_waits_until_it_is_resumed(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = id_of(&two_steps(&server, &[]).await);
    server.send(&server.admin, "POST", "/v1/mesh/agents/worker/kill", None).await.ok();
    complete_step(&server, &worker, &id).await;
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    server.send(&server.admin, "POST", "/v1/mesh/agents/worker/resume", None).await.ok();
    complete_step(&server, &worker, &id).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}

async fn a_task_that_names_an_agent_is_not_charged_to_it(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    policy(&server, "cost", json!({ "max_intents_per_day": 1 })).await;
    for _ in 0..2 {
        let task = json!({ "title": "Pay?", "assignees": ["ann@example.com"] });
        let body = json!({ "intent_type": "x", "to_agent": "worker", "payload": {}, "human_task": task });
        assert_eq!(server.post(&server.admin, "/v1/intents", body).await["status"], "WAITING");
    }
    let usage = server.get(&worker, "/v1/mesh/agents/worker/policies/cost").await;
    assert_eq!(usage["usage"]["intents_today"], 0);
    submit(&server, &server.admin, "worker", "x").await.ok();
}

async fn an_agent_sends_and_receives_what_its_policy_allows(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let body = json!({ "mode": "allowlist", "intent_types": ["intent.test.*", "x"], "direction": "receive" });
    let made = policy(&server, "action", body).await;
    assert_eq!(made["policy"]["send"], Value::Null);
    let sending = json!({ "mode": "denylist", "intent_types": ["secret.v1"], "direction": "send" });
    let made = policy(&server, "action", sending).await;
    assert_eq!(made["policy"]["receive"]["mode"], "allowlist");
    for (key, to, intent_type, is_allowed) in [
        (&server.admin, "worker", "intent.test.one", true),
        (&server.admin, "worker", "x", true),
        (&server.admin, "worker", "xy", false),
        (&worker, "other", "xy", true),
        (&worker, "other", "secret.v1", false),
    ] {
        let answer = submit(&server, key, to, intent_type).await;
        if is_allowed {
            answer.ok();
        } else {
            answer.refused(403, "action_not_allowed");
        }
    }
    // Stored with its audit event: the same key gets it again, whatever has changed since.
    let body = json!({ "intent_type": "xy", "to_agent": "worker", "payload": {} });
    let key = [("idempotency-key", "once")];
    let lines = audited(&server).await;
    for _ in 0..2 {
        let answer = server.send_with(&server.admin, "POST", "/v1/intents", Some(body.clone()), &key).await;
        answer.refused(403, "action_not_allowed");
    }
    assert_eq!(audited(&server).await, lines + 1);
    let path = "/v1/mesh/agents/worker/policies/action";
    let gone = server.send(&server.admin, "DELETE", &format!("{path}?direction=send"), None).await.ok();
    assert_eq!(gone["policy"]["send"], Value::Null);
    submit(&server, &worker, "other", "secret.v1").await.ok();
    assert_eq!(server.get(&worker, path).await["policy"], gone["policy"]);
    policy(&server, "action", json!({ "mode": "open" })).await;
    submit(&server, &server.admin, "worker", "xy").await.ok();
    for body in [
        json!({ "mode": "closed" }),
        json!({ "mode": "open", "direction": "up" }),
        json!({ "mode": "allowlist", "intent_types": ["*.x"] }),
        json!({ "intent_types": ["x"] }),
    ] {
        server.send(&server.admin, "PUT", path, Some(body)).await.refused(422, "validation_failed");
    }
}
