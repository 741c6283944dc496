//! Intents to agents of another workspace: they stay the sender's, and their receiver alone reads and answers them.

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};
use crate::pushes::{Answer as PushAnswer, Receiver, server_that_may_call_loopback};

each_engine! {
    an_agent_of_another_workspace_gets_and_answers_an_intent,
    the_receiver_may_do_nothing_else_of_the_senders,
    nobody_else_of_the_receivers_workspace_sees_it,
    another_organization_opens_and_closes_itself,
    a_step_of_a_workflow_goes_to_another_workspace,
    a_step_that_begins_after_its_receiver_closed_fails_at_once,
    a_task_of_the_sender_is_not_the_receivers_to_decide,
    a_polling_agent_lists_what_it_has_received,
    a_claim_of_a_reader_that_crashed_lapses,
    an_unregistered_agent_gets_it_once_it_is_registered,
    a_killed_or_suspended_receiver_gets_nothing,
    a_push_that_fails_for_good_is_a_dead_letter_of_the_receiver,
    the_sender_pays_and_the_receiver_limits,
    the_receiver_limits_steps_and_is_not_charged_for_tasks,
    a_step_for_an_agent_that_was_deleted_fails_if_receivers_must_be_known,
    an_escalation_does_not_leave_the_workspace,
}

const TO: &str = "agent://local/other/worker";
const STREAM: &str = "/v1/agents/worker/intents/stream?since=0&wait_seconds=2";

/// A second workspace with an agent, `worker`.
pub struct Neighbor {
    pub admin: String,
    pub worker: String,
}

impl Neighbor {
    pub async fn start(server: &Server, org: &str) -> Neighbor {
        let admin = server.workspace(org, "other").await;
        let worker = register(server, &admin, json!({ "name": "worker" })).await;
        Neighbor { admin, worker }
    }
}

/// Registers an agent in the workspace of an admin; returns its key.
async fn register(server: &Server, admin: &str, account: Value) -> String {
    let id = server.post(admin, "/v1/service-accounts", account).await["service_account_id"].clone();
    let path = format!("/v1/service-accounts/{}/keys", id.as_str().unwrap());
    server.post(admin, &path, json!({})).await["api_key"].as_str().unwrap().to_owned()
}

async fn create(server: &Server, key: &str, to: &str) -> Answer {
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": { "n": 1 } });
    server.send(key, "POST", "/v1/intents", Some(body)).await
}

async fn offered(server: &Server, key: &str) -> Vec<String> {
    server.stream(key, STREAM).await.intent_ids().into_iter().map(str::to_owned).collect()
}

async fn status(server: &Server, id: &str) -> Value {
    server.intent(id).await["status"].clone()
}

/// Waits until the acknowledgement that follows an answer is recorded.
async fn until_status(server: &Server, id: &str, expected: &str) {
    crate::harness::poll(async || (status(server, id).await == expected).then_some(())).await;
}

async fn an_agent_of_another_workspace_gets_and_answers_an_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let sender = server.agent("sender").await;
    let created = create(&server, &sender, TO).await.ok();
    assert_eq!(created.get("warnings"), None, "{created}");
    let id = id_of(&created);
    let path = format!("/v1/intents/{id}");
    let window = server.stream(&there.worker, STREAM).await;
    assert_eq!(window.intent_ids(), [id.as_str()]);
    let frame = &window.content()[0].data;
    assert_eq!((&frame["from_agent"], &frame["payload"]), (&json!("agent://local/default/sender"), &json!({ "n": 1 })));
    assert_eq!(status(&server, &id).await, "DELIVERED", "offering it does not acknowledge it");
    let read = server.get(&there.worker, &path).await;
    assert_eq!((&read["intent"]["to_agent"], &read["payload"]), (&json!(TO), &json!({ "n": 1 })));
    until_status(&server, &id, "ACKNOWLEDGED").await;
    let events = server.get(&there.worker, &format!("{path}/events")).await["events"].clone();
    assert_eq!(events, json!(server.events(&id).await));
    let streamed = server.stream(&there.worker, &format!("{path}/events/stream?since=0&wait_seconds=1")).await;
    assert_eq!(streamed.content().len(), events.as_array().unwrap().len());
    let answer = json!({ "status": "pending_payment" });
    server.post(&there.worker, &format!("{path}/resume"), answer).await;
    assert_eq!(status(&server, &id).await, "IN_PROGRESS");
    let answer = json!({ "action": "complete", "result": { "done": true } });
    server.post(&there.worker, &format!("{path}/resume"), answer).await;
    let ended = server.get(&sender, &path).await;
    assert_eq!((&ended["status"], &ended["result"]), (&json!("COMPLETED"), &json!({ "result": { "done": true } })));
    assert_eq!(server.events(&id).await.last().unwrap()["actor"], TO);
    // The receiver can still read what it answered, and no queue offers it again.
    assert_eq!(server.get(&there.worker, &path).await["status"], "COMPLETED");
    server.advance(Duration::from_secs(7_200)).await;
    assert!(offered(&server, &there.worker).await.is_empty());
    // Resolving with a result or a failure is an answer too.
    for (status, body) in [("COMPLETED", json!({ "result": 1 })), ("FAILED", json!({ "reason": "no" }))] {
        let id = id_of(&create(&server, &sender, TO).await.ok());
        let mut body = body;
        body["status"] = json!(status);
        let path = format!("/v1/intents/{id}/resolve");
        assert_eq!(server.post(&there.worker, &path, body).await["intent"]["status"], status);
    }
}

/// Calls everything that concerns one intent; returns each path with the status of its answer.
async fn call_everything(server: &Server, key: &str, id: &str) -> Vec<(String, u16)> {
    let of_intent = |path: &str| ["{intent_id}", "{thread_id}", "{delivery_id}"].iter().any(|name| path.contains(name));
    let infos = axme_api::table();
    let mut answers = Vec::new();
    // A reply to an unknown id begins a thread of the caller's own, and a sign-in takes only its own credentials.
    let is_other = |path: &str| path.ends_with("/reply") || path.starts_with("/v1/auth/");
    for info in infos.iter().map(|op| op.info()).filter(|info| of_intent(info.path) && !is_other(info.path)) {
        let path = ["{intent_id}", "{thread_id}", "{delivery_id}"]
            .iter()
            .fold(info.path.to_owned(), |path, name| path.replace(name, id));
        let body = json!({
            "status": "CANCELED", "message": "m", "delegate_to": "x@example.com", "to": "x@example.com",
            "person": "x@example.com", "decision": "approve", "question": "q", "task_result": { "outcome": "approved" },
            "controls_patch": { "timeout_seconds": 60 }, "grants_patch": { "delegate:worker": { "allow": ["read"] } },
        });
        let body = Some(body).filter(|_| info.method != axme_api::Method::Get);
        let answer = server.send(key, info.method.as_str(), &path, body).await;
        answers.push((format!("{} {}", info.method.as_str(), info.path), answer.status.as_u16()));
    }
    answers
}

async fn the_receiver_may_do_nothing_else_of_the_senders(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    server.agent("worker").await;
    let (own, sent) = (server.submit("worker", json!({})).await, id_of(&create(&server, &server.admin, TO).await.ok()));
    let may =
        ["GET /v1/intents/{intent_id}", "GET /v1/intents/{intent_id}/events", "POST /v1/intents/{intent_id}/resume"];
    let mut called = 0;
    for (id, is_received) in [(&own, false), (&sent, true)] {
        let before = server.events(id).await.len();
        for (call, status) in call_everything(&server, &there.worker, id).await {
            called += 1;
            if is_received && may.contains(&call.as_str()) {
                assert!(status != 404, "{call}");
            } else {
                assert!([403, 404].contains(&status), "{call}: {status}");
                let is_change = call.contains("/controls") || call.contains("/policy") || call.contains("/resolve");
                assert!(!is_change || status == 404, "{call}: {status}");
            }
        }
        assert!(is_received || server.events(id).await.len() == before, "{id}");
    }
    assert!(called > 20, "{called}: the table names the operations");
    assert_eq!(server.intent(&sent).await.get("controls"), None);
    assert_eq!(server.intent(&sent).await.get("grants"), None);
    let listed = server.get(&there.worker, "/v1/intents").await["intents"].clone();
    assert_eq!(listed.as_array().unwrap().iter().map(id_of).collect::<Vec<_>>(), std::slice::from_ref(&sent));
    let cancel = json!({ "older_than_hours": 0.1, "dry_run": false });
    server.advance(Duration::from_secs(3_600)).await;
    assert_eq!(server.post(&there.worker, "/v1/intents/bulk-cancel", cancel).await["canceled"], 0);
}

async fn nobody_else_of_the_receivers_workspace_sees_it(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let (second, same_name) =
        (register(&server, &there.admin, json!({ "name": "second" })).await, server.agent("worker").await);
    let id = id_of(&create(&server, &server.admin, TO).await.ok());
    let stranger = server.workspace("stranger", "default").await;
    for key in [&second, &there.admin, &stranger, &same_name] {
        for path in
            [format!("/v1/intents/{id}"), format!("/v1/intents/{id}/events"), format!("/v1/intents/{id}/events/stream")]
        {
            server.send(key, "GET", &path, None).await.refused(404, "not_found");
        }
        for path in [format!("/v1/intents/{id}/resume"), format!("/v1/intents/{id}/resolve")] {
            let body = json!({ "status": "COMPLETED", "action": "complete", "result": {} });
            server.send(key, "POST", &path, Some(body)).await.refused(404, "not_found");
        }
        assert_eq!(server.get(key, "/v1/intents").await["intents"], json!([]));
    }
    server.send(&second, "GET", STREAM, None).await.refused(403, "forbidden");
    assert!(offered(&server, &same_name).await.is_empty(), "the same name in another workspace is another agent");
    assert_eq!(status(&server, &id).await, "DELIVERED");
    assert_eq!(offered(&server, &there.worker).await, [id]);
}

async fn another_organization_opens_and_closes_itself(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "partner").await;
    let sender = server.agent("sender").await;
    let to = "agent://partner/other/worker";
    let text = create(&server, &sender, to).await.refused(403, "receiver_org_closed");
    assert_eq!(text, format!("{to} does not accept intents from other organizations"));
    assert!(offered(&server, &there.worker).await.is_empty());
    let place = server.get(&there.admin, "/v1/me").await["org_id"].clone();
    make_owner(&server, place.as_str().unwrap(), "owner@partner.other").await;
    let open = json!({ "override_type": "allowlist" });
    let path = "/v1/agents/worker/receive-override";
    server.send(&there.admin, "PUT", path, Some(open)).await.ok();
    create(&server, &sender, to).await.refused(403, "sender_not_in_receive_allowlist");
    let entry = json!({ "sender_pattern": "agent://local/default/*" });
    server.post(&there.admin, &format!("{path}/entries"), entry).await;
    let id = id_of(&create(&server, &sender, to).await.ok());
    assert_eq!(offered(&server, &there.worker).await, std::slice::from_ref(&id));
    // The sender writes no address but its own.
    let body = json!({ "intent_type": "x", "to_agent": to, "from_agent": "agent://partner/other/boss", "payload": {} });
    server.send(&server.admin, "POST", "/v1/intents", Some(body.clone())).await.refused(403, "forbidden");
    let within = Neighbor::start(&server, "local").await;
    let mut body = body;
    (body["to_agent"], body["from_agent"]) = (json!(TO), json!("agent://local/third/boss"));
    server.send(&server.admin, "POST", "/v1/intents", Some(body)).await.refused(403, "forbidden");
    assert!(offered(&server, &within.worker).await.is_empty());
    // Closed again: what has arrived may still be answered, nothing new arrives.
    server.send(&there.admin, "PUT", path, Some(json!({ "override_type": "closed" }))).await.ok();
    create(&server, &sender, to).await.refused(403, "receiver_agent_closed");
    server.post(&there.worker, &format!("/v1/intents/{id}/resume"), json!({})).await;
    assert_eq!(status(&server, &id).await, "COMPLETED");
}

/// Makes a person the owner of an organization that the harness has created without one.
async fn make_owner(server: &Server, org: &str, person: &str) {
    use axme_store::members::{Member, MemberStatus, OrgRole};
    let (org, person, now) = (org.parse().unwrap(), person.to_owned(), server.now());
    let job = move |tx: &mut axme_store::Tx<'_>| -> axme_core::error::Result<_> {
        let member = Member {
            org_id: org,
            member_id: tx.uuid(),
            workspace_id: uuid::Uuid::nil(),
            actor_id: person.clone(),
            role: OrgRole::OrgOwner,
            status: MemberStatus::Active,
            created_at: now,
            updated_at: now,
            given_by: None,
            given_at: None,
        };
        Ok(axme_store::members::insert(tx, &member).map(|_| ())?)
    };
    server.app.store.write(axme_store::Shard::CONTROL, job).await.unwrap();
}

async fn a_step_of_a_workflow_goes_to_another_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [{ "role": "w", "address": TO }],
        "workflow": { "steps": [{ "step_id": "one", "assigned_to": "w" }, { "step_id": "two", "assigned_to": "w" }] },
        "intent": { "type": "intent.ask.v1", "payload": { "n": 1 } },
    });
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle).await;
    assert_eq!(applied["warnings"], json!([]));
    let root = id_of(&applied);
    for _ in 0..2 {
        let steps = offered(&server, &there.worker).await;
        assert_eq!(steps.len(), 1);
        assert_ne!(steps[0], root);
        server.send(&there.worker, "GET", &format!("/v1/intents/{root}"), None).await.refused(404, "not_found");
        assert_eq!(status(&server, &root).await, "WAITING");
        server.post(&there.worker, &format!("/v1/intents/{}/resume", steps[0]), json!({ "ok": true })).await;
    }
    assert_eq!(status(&server, &root).await, "COMPLETED");
}

async fn a_step_that_begins_after_its_receiver_closed_fails_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "partner").await;
    let place = server.get(&there.admin, "/v1/me").await["org_id"].clone();
    make_owner(&server, place.as_str().unwrap(), "owner@partner.other").await;
    let path = "/v1/agents/worker/receive-override";
    server.send(&there.admin, "PUT", path, Some(json!({ "override_type": "open" }))).await.ok();
    let root = apply_two_steps(&server, "agent://partner/other/worker").await;
    let steps = offered(&server, &there.worker).await;
    assert_eq!(steps.len(), 1);
    server.send(&there.admin, "PUT", path, Some(json!({ "override_type": "closed" }))).await.ok();
    server.post(&there.worker, &format!("/v1/intents/{}/resume", steps[0]), json!({ "ok": true })).await;
    assert!(offered(&server, &there.worker).await.is_empty());
    assert_eq!(server.get(&there.worker, "/v1/intents?status=DELIVERED").await["intents"], json!([]));
    let ended = server.intent(&root).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("receiver_agent_closed")));
}

async fn a_task_of_the_sender_is_not_the_receivers_to_decide(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let id = id_of(&create(&server, &server.admin, TO).await.ok());
    let task = json!({ "title": "Pay?", "assignees": ["ann@example.com"] });
    let ask = json!({ "status": "pending_human_approval", "human_task": task });
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), ask).await;
    assert_eq!(status(&server, &id).await, "WAITING");
    for (call, body) in [
        ("resume", json!({ "task_result": { "outcome": "approved" } })),
        ("resume", json!({ "action": "complete" })),
        ("resolve", json!({ "status": "COMPLETED", "result": 1 })),
        ("resolve", json!({ "status": "FAILED", "reason": "no" })),
    ] {
        let path = format!("/v1/intents/{id}/{call}");
        let text = server.send(&there.worker, "POST", &path, Some(body)).await.refused(403, "forbidden");
        assert!(text.contains("its sender's workspace"), "{text}");
    }
    assert_eq!(status(&server, &id).await, "WAITING");
}

async fn a_polling_agent_lists_what_it_has_received(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let mut sent = Vec::new();
    for n in 0..7 {
        let (key, to) = if n % 3 == 0 { (&there.admin, "worker") } else { (&server.admin, TO) };
        sent.push(id_of(&create(&server, key, to).await.ok()));
        server.advance(Duration::from_millis(1)).await;
    }
    sent.reverse();
    for query in ["limit=3", "limit=3&status=DELIVERED&to_agent=worker"] {
        let (mut found, mut before) = (Vec::new(), String::new());
        loop {
            let page = server.get(&there.worker, &format!("/v1/intents?{query}{before}")).await;
            found.extend(page["intents"].as_array().unwrap().iter().map(id_of));
            let Some(next) = page["next_before"].as_str() else { break };
            before = format!("&before={next}");
        }
        assert_eq!(found, sent, "{query}");
    }
    let none = server.get(&there.worker, "/v1/intents?status=COMPLETED").await;
    assert_eq!(none["intents"], json!([]));
}

async fn a_claim_of_a_reader_that_crashed_lapses(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let id = id_of(&create(&server, &server.admin, TO).await.ok());
    let later = "/v1/agents/worker/intents/stream?since=2&wait_seconds=1";
    let again = async || server.stream(&there.worker, later).await.intent_ids().len();
    assert_eq!(offered(&server, &there.worker).await, std::slice::from_ref(&id));
    assert_eq!(again().await, 0, "another reader does not get it at once");
    server.advance(Duration::from_secs(20)).await;
    assert_eq!(again().await, 1, "the claim of the first one has lapsed");
    // Canceled by its sender, it is offered no more.
    let end = json!({ "status": "CANCELED" });
    server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), end).await;
    server.advance(Duration::from_secs(7_200)).await;
    assert!(offered(&server, &there.worker).await.is_empty());
    let late = server.send(&there.worker, "POST", &format!("/v1/intents/{id}/resume"), Some(json!({}))).await;
    late.refused(409, "intent_already_terminal");
    let audited = async |key: &str| {
        let path = "/v1/audit/events?action_prefix=intents.late_answer";
        server.send(key, "GET", path, None).await.body["events"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((audited(&server.admin).await, audited(&there.admin).await), (1, 0), "the sender's trail has it");
}

async fn an_unregistered_agent_gets_it_once_it_is_registered(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let created = create(&server, &server.admin, "agent://local/other/late").await.ok();
    assert!(created["warnings"][0].as_str().unwrap().starts_with("nobody is registered at agent://local/other/late"));
    let id = id_of(&created);
    assert_eq!(server.intent(&id).await["nobody_listens"], true);
    let late = register(&server, &there.admin, json!({ "name": "late" })).await;
    assert_eq!(server.intent(&id).await.get("nobody_listens"), None);
    let path = "/v1/agents/late/intents/stream?since=0&wait_seconds=2";
    assert_eq!(server.stream(&late, path).await.intent_ids(), [id.as_str()]);
    // Deleted, it waits again; its old key is void.
    let account = server.get(&there.admin, "/v1/agents/late").await["agent"]["service_account_id"].clone();
    let account = format!("/v1/service-accounts/{}", account.as_str().unwrap());
    server.send(&there.admin, "DELETE", &account, None).await.ok();
    assert_eq!(server.intent(&id).await["nobody_listens"], true);
    server.advance(Duration::from_secs(2)).await;
    assert_eq!(server.send(&late, "GET", &format!("/v1/intents/{id}"), None).await.status, 401);
    let again = register(&server, &there.admin, json!({ "name": "late" })).await;
    server.post(&again, &format!("/v1/intents/{id}/resume"), json!({ "done": 1 })).await;
}

async fn a_killed_or_suspended_receiver_gets_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let id = id_of(&create(&server, &server.admin, TO).await.ok());
    let switch = async |word: &str| {
        server.send(&there.admin, "POST", &format!("/v1/mesh/agents/worker/{word}"), None).await.ok();
    };
    switch("kill").await;
    assert!(offered(&server, &there.worker).await.is_empty());
    create(&server, &server.admin, TO).await.refused(403, "agent_killed");
    switch("resume").await;
    assert_eq!(offered(&server, &there.worker).await, std::slice::from_ref(&id));
    let me = server.get(&there.admin, "/v1/me").await;
    let path =
        format!("/v1/organizations/{}/workspaces/{}", server.bootstrap.org_id, me["workspace_id"].as_str().unwrap());
    for (status, code) in [("suspended", 403), ("active", 200)] {
        server.send(&server.admin, "PATCH", &path, Some(json!({ "status": status }))).await.ok();
        server.advance(Duration::from_secs(20)).await;
        assert_eq!(server.send(&there.worker, "GET", &format!("/v1/intents/{id}"), None).await.status.as_u16(), code);
    }
}

async fn a_push_that_fails_for_good_is_a_dead_letter_of_the_receiver(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let admin = server.workspace("local", "other").await;
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    register(&server, &admin, json!({ "name": "worker", "delivery_mode": "http", "callback_url": url })).await;
    let agent = server.get(&admin, "/v1/agents/worker").await["agent"].clone();
    let workspace = server.get(&admin, "/v1/me").await["workspace_id"].as_str().unwrap().parse().unwrap();
    let tick = async || {
        workers::push::tick(&server.app, workspace, agent["service_account_id"].as_str().unwrap()).await.unwrap();
    };
    let id = id_of(&create(&server, &server.admin, TO).await.ok());
    tick().await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(status(&server, &id).await, "ACKNOWLEDGED");
    receiver.will(&[PushAnswer::Status(410)]);
    let lost = id_of(&create(&server, &server.admin, TO).await.ok());
    tick().await;
    assert_eq!(server.intent(&lost).await["error"]["code"], "delivery_failed");
    let letters = async |key: &str| {
        let list = server.get(key, "/v1/deliveries?status=dead_lettered").await["deliveries"].clone();
        list.as_array().unwrap().iter().map(id_of).collect::<Vec<_>>()
    };
    assert_eq!(letters(&admin).await, std::slice::from_ref(&lost));
    assert!(letters(&server.admin).await.is_empty());
    receiver.got();
    server.post(&admin, &format!("/v1/deliveries/{lost}/replay"), json!({})).await;
    tick().await;
    assert_eq!(receiver.got().len(), 1, "a replay informs the receiver");
    assert!(letters(&admin).await.is_empty());
}

async fn the_sender_pays_and_the_receiver_limits(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let used = async |key: &str| {
        let summary = server.get(key, "/v1/usage/summary").await["summary"].clone();
        summary["dimensions"]["intents_per_day"]["used"].clone()
    };
    create(&server, &server.admin, TO).await.ok();
    assert_eq!((used(&server.admin).await, used(&there.admin).await), (json!(1), json!(0)));
    let rule = async |kind: &str, body: Value| {
        let path = format!("/v1/mesh/agents/worker/policies/{kind}");
        server.send(&there.admin, "PUT", &path, Some(body)).await.ok();
    };
    rule("cost", json!({ "max_intents_per_day": 1 })).await;
    create(&server, &server.admin, TO).await.ok();
    create(&server, &server.admin, TO).await.refused(429, "max_intents_per_day_exceeded");
    rule("action", json!({ "mode": "denylist", "intent_types": ["intent.ask.v1"], "direction": "receive" })).await;
    create(&server, &server.admin, TO).await.refused(403, "action_not_allowed");
}

async fn an_escalation_does_not_leave_the_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    server.agent("near").await;
    let body = json!({
        "intent_type": "x", "to_agent": "near", "payload": {}, "remind_after_seconds": 1, "max_reminders": 1,
        "escalate_to": TO,
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.advance(Duration::from_secs(60)).await;
    workers::timers::tick(&server.app).await.unwrap();
    server.advance(Duration::from_secs(60)).await;
    workers::timers::tick(&server.app).await.unwrap();
    assert!(offered(&server, &there.worker).await.is_empty());
    server.send(&there.worker, "GET", &format!("/v1/intents/{id}"), None).await.refused(404, "not_found");
    assert_eq!(server.intent(&id).await.get("nobody_listens"), None, "the agent near listens");
    let account = server.get(&server.admin, "/v1/agents/near").await["agent"]["service_account_id"].clone();
    let account = format!("/v1/service-accounts/{}", account.as_str().unwrap());
    server.send(&server.admin, "DELETE", &account, None).await.ok();
    assert_eq!(server.intent(&id).await["nobody_listens"], true, "the agent of the other workspace does not count");
    // Its end clears the queues of both.
    server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), json!({ "status": "COMPLETED" })).await;
}

async fn the_receiver_limits_steps_and_is_not_charged_for_tasks(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let path = "/v1/mesh/agents/worker/policies/cost";
    server.send(&there.admin, "PUT", path, Some(json!({ "max_intents_per_day": 1 }))).await.ok();
    let task = json!({ "title": "Pay?", "assignees": ["ann@example.com"] });
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": TO, "payload": {}, "human_task": task });
    assert_eq!(server.post(&server.admin, "/v1/intents", body).await["status"], "WAITING");
    let counted = async || server.get(&there.admin, path).await["usage"]["intents_today"].clone();
    assert_eq!(counted().await, 0, "a task does not reach the agent to whose address it was sent");
    let root = apply_two_steps(&server, TO).await;
    let steps = offered(&server, &there.worker).await;
    server.post(&there.worker, &format!("/v1/intents/{}/resume", steps[0]), json!({ "ok": true })).await;
    let ended = server.intent(&root).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("max_intents_per_day_exceeded")));
    assert_eq!(counted().await, 1);
}

async fn a_step_for_an_agent_that_was_deleted_fails_if_receivers_must_be_known(engine: Engine) {
    let server = Server::start(engine).await;
    let there = Neighbor::start(&server, "local").await;
    let bootstrap = &server.bootstrap;
    let path = format!("/v1/organizations/{}/workspaces/{}", bootstrap.org_id, bootstrap.workspace_id);
    server.send(&server.admin, "PATCH", &path, Some(json!({ "unknown_receivers": "refuse" }))).await.ok();
    let root = apply_two_steps(&server, TO).await;
    let steps = offered(&server, &there.worker).await;
    let account = server.get(&there.admin, "/v1/agents/worker").await["agent"]["service_account_id"].clone();
    let account = format!("/v1/service-accounts/{}", account.as_str().unwrap());
    server.send(&there.admin, "DELETE", &account, None).await.ok();
    server.post(&server.admin, &format!("/v1/intents/{}/resume", steps[0]), json!({ "ok": true })).await;
    let ended = server.intent(&root).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("agent_not_found")));
}

/// Applies a workflow of two steps for one agent; returns its id.
async fn apply_two_steps(server: &Server, to: &str) -> String {
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [{ "role": "w", "address": to }],
        "workflow": { "steps": [{ "step_id": "one", "assigned_to": "w" }, { "step_id": "two", "assigned_to": "w" }] },
        "intent": { "type": "intent.ask.v1", "payload": { "n": 1 } },
    });
    id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await)
}
