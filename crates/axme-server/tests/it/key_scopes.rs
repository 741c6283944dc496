//! Keys that are limited beside their role: to reads, to submitting, to some addresses. Every operation and route of the
//! table is called with each kind of key.

use std::time::Duration;

use axme_api::{Access, Effect, Method, OpInfo};
use serde_json::{Value, json};

use crate::access::{Things, call};
use crate::cross_workspace::Neighbor;
use crate::harness::{Answer, Engine, Server, each_engine, id_of};
use crate::mcp_client::{WITH_TASKS, refused, rpc};

each_engine! {
    a_limited_key_may_call_what_its_scope_says_and_nothing_else,
    a_key_that_reads_acknowledges_and_claims_nothing,
    a_key_that_submits_sees_only_what_it_has_sent,
    a_key_with_addresses_reaches_no_other,
    assistants_get_the_tools_that_their_key_may_call,
    limits_are_stored_shown_and_audited,
}

/// The operations and routes that a key with addresses may call, and the reads of a key that submits.
const OF_ONE_INTENT: [&str; 8] = [
    "agents.stream",
    "intents.create",
    "intents.events",
    "intents.get",
    "intents.resolve",
    "intents.resume",
    "intents.stream",
    "receipts.list",
];
const READS_OF_ONE_INTENT: [&str; 4] = ["intents.events", "intents.get", "intents.stream", "receipts.list"];
const OF_EVERY_KEY: [&str; 2] = ["capabilities.get", "me.get"];

/// Makes a key with limits for the account of an agent, or of the first admin.
async fn limited(server: &Server, account: Option<&str>, limits: Value) -> String {
    let id = match account {
        Some(name) => server.post(&server.admin, "/v1/service-accounts", json!({ "name": name })).await,
        None => server.get(&server.admin, "/v1/me").await["service_account"].clone(),
    };
    let path = format!("/v1/service-accounts/{}/keys", id["service_account_id"].as_str().unwrap());
    server.post(&server.admin, &path, limits).await["api_key"].as_str().unwrap().to_owned()
}

/// Returns the scope that refused a call, if a scope did.
fn refusing_scope(answer: &Answer) -> Option<&str> {
    answer.body["error"]["details"]["key_scope"].as_str()
}

/// Returns whether a key of a scope may call an operation.
fn may_call(scope: &str, info: &OpInfo) -> bool {
    let reads = info.effect == Effect::Read && !info.secret;
    info.access == Access::Public
        || OF_EVERY_KEY.contains(&info.id)
        || match scope {
            "read" => reads && !info.submits,
            "submit" => info.submits || READS_OF_ONE_INTENT.contains(&info.id),
            _ => OF_ONE_INTENT.contains(&info.id),
        }
}

async fn a_limited_key_may_call_what_its_scope_says_and_nothing_else(engine: Engine) {
    let server = Server::start(engine).await;
    let things = Things::make(&server).await;
    let before = server.get(&server.admin, "/v1/audit/events?limit=1000").await["events"].as_array().unwrap().len();
    for (scope, limits) in [
        ("read", json!({ "scope": "read" })),
        ("submit", json!({ "scope": "submit" })),
        ("full", json!({ "addresses": ["agent://elsewhere"] })),
    ] {
        let key = limited(&server, None, limits).await;
        let mut refusals = 0;
        for op in axme_api::table() {
            let info = op.info();
            for template in std::iter::once(&info.path).chain(info.aliases) {
                let answer = call(&server, &key, info.method, &things.path(template), &[]).await;
                let is_refused = refusing_scope(&answer).is_some();
                // The receiver of the intent is not among the addresses, which the operation itself checks.
                let is_checked_later = scope == "full" && info.id == "intents.create";
                assert_eq!(
                    is_refused,
                    !may_call(scope, info) || is_checked_later,
                    "{scope} {}: {}",
                    info.id,
                    answer.body
                );
                if is_refused {
                    answer.refused(403, "forbidden");
                    refusals += 1;
                }
            }
        }
        for route in axme_api::routes() {
            let is_allowed = match (route.access, scope) {
                // The endpoint itself is open; its tools are judged one by one.
                (Access::Public, _) => true,
                _ if route.id == "mcp.call" => true,
                (_, "read") => route.method == Method::Get && route.id != "agents.stream",
                // The console shows the same stream.
                (_, "submit") => READS_OF_ONE_INTENT.contains(&route.id) || route.id == "console.intent_stream",
                _ => ["intents.stream", "console.intent_stream"].contains(&route.id),
            };
            let answer = call(&server, &key, route.method, &things.path(route.path), &[]).await;
            assert_eq!(refusing_scope(&answer).is_none(), is_allowed, "{scope} {}: {}", route.id, answer.body);
        }
        assert!(refusals > 50, "{scope}: {refusals}");
    }
    assert_eq!(server.events(&things.intent).await.len(), 3, "nothing happened to the intent");
    let after = server.get(&server.admin, "/v1/audit/events?limit=1000").await["events"].as_array().unwrap().len();
    assert_eq!(after, before + 3, "only the three keys were made");
}

async fn a_key_that_reads_acknowledges_and_claims_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let reader = limited(&server, Some("worker"), json!({ "scope": "read" })).await;
    let id = server.submit("worker", json!({ "n": 1 })).await;
    let stream = "/v1/agents/agent://worker/intents/stream?wait_seconds=1";
    let refusal = server.send(&reader, "GET", stream, None).await;
    assert_eq!(refusing_scope(&refusal), Some("read"), "{}", refusal.body);
    assert_eq!(server.stream(&worker, stream).await.frames[0].data["intent_id"], *id);
    assert_eq!(server.get(&reader, &format!("/v1/intents/{id}")).await["intent"]["status"], "DELIVERED");
    assert_eq!(server.get(&reader, "/v1/intents").await["intents"][0]["intent_id"], *id);
    let answer = json!({ "status": "COMPLETED", "result": {} });
    let refusal = server.send(&reader, "POST", &format!("/v1/intents/{id}/resolve"), Some(answer.clone())).await;
    assert_eq!(refusing_scope(&refusal), Some("read"), "{}", refusal.body);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.intent(&id).await["status"], "DELIVERED", "the read left the delivery alone");
    server.get(&worker, &format!("/v1/intents/{id}")).await;
    for _ in 0..100 {
        if server.intent(&id).await["status"] == "ACKNOWLEDGED" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the agent's own key acknowledges");
}

async fn a_key_that_submits_sees_only_what_it_has_sent(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let other = server.agent("other").await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    let theirs = id_of(&server.post(&other, "/v1/intents", body.clone()).await);
    let of_ci = limited(&server, Some("ci"), json!({ "scope": "submit" })).await;
    let of_admin = limited(&server, None, json!({ "scope": "submit" })).await;
    for (key, sender) in [(&of_ci, "agent://local/default/ci"), (&of_admin, "user://owner@local")] {
        let mut named = body.clone();
        named["from_agent"] = json!("agent://somebody-else");
        let id = id_of(&server.post(key, "/v1/intents", named).await);
        assert_eq!(server.get(key, &format!("/v1/intents/{id}")).await["intent"]["from_agent"], sender);
        server.get(key, &format!("/v1/intents/{id}/events")).await;
        server.send(key, "GET", &format!("/v1/intents/{theirs}"), None).await.refused(404, "not_found");
        let refusal = server.send(key, "GET", "/v1/intents", None).await;
        assert_eq!(refusing_scope(&refusal), Some("submit"), "{}", refusal.body);
        let refusal = server.send(key, "POST", "/v1/intents/bulk-cancel", Some(json!({ "intent_ids": [id] }))).await;
        assert_eq!(refusing_scope(&refusal), Some("submit"), "{}", refusal.body);
    }
    let own = id_of(&server.post(&of_ci, "/v1/intents", body).await);
    server.send(&of_admin, "GET", &format!("/v1/intents/{own}"), None).await.refused(404, "not_found");
    // An intent to the account itself was not sent by it.
    let received = server.submit("ci", json!({})).await;
    server.send(&of_ci, "GET", &format!("/v1/intents/{received}"), None).await.refused(404, "not_found");
}

async fn a_key_with_addresses_reaches_no_other(engine: Engine) {
    let server = Server::start(engine).await;
    let neighbor = Neighbor::start(&server, "local").await;
    server.agent("deployer").await;
    server.agent("payer").await;
    let key = limited(&server, None, json!({ "addresses": ["deployer", "agent://local/default/deployer"] })).await;
    let intent = |to: &str| json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": {} });
    let mine = id_of(&server.post(&key, "/v1/intents", intent("agent://deployer")).await);
    let theirs = server.submit("payer", json!({})).await;
    let with = |name: &str, value: Value| {
        let mut body = intent("deployer");
        body[name] = value;
        body
    };
    let mut escalated = with("escalate_to", json!("agent://payer"));
    escalated["remind_after_seconds"] = json!(60);
    for body in [
        intent("payer"),
        intent("user://ana@example.com"),
        intent("agent://local/other/worker"),
        with("reply_to", json!("agent://payer")),
        with("human_task", json!({ "title": "Pay?", "task_type": "approval", "assignees": ["ana@example.com"] })),
        with("human_task", json!({ "title": "Pay?", "task_type": "approval", "notify_email": "ana@example.com" })),
        escalated,
    ] {
        server.send(&key, "POST", "/v1/intents", Some(body)).await.refused(403, "forbidden");
    }
    server.get(&key, &format!("/v1/intents/{mine}")).await;
    let window = server.stream(&key, "/v1/agents/agent://deployer/intents/stream?wait_seconds=1").await;
    assert_eq!(window.frames[0].data["intent_id"], *mine);
    let refusal = server.send(&key, "GET", "/v1/agents/agent://payer/intents/stream?wait_seconds=1", None).await;
    refusal.refused(403, "forbidden");
    for (method, path) in [
        ("GET", format!("/v1/intents/{theirs}")),
        ("GET", format!("/v1/intents/{theirs}/events")),
        ("GET", format!("/v1/intents/{theirs}/events/stream?wait_seconds=1")),
        ("GET", format!("/v1/intents/{theirs}/receipts")),
        ("POST", format!("/v1/intents/{theirs}/resolve")),
        ("POST", format!("/v1/intents/{theirs}/resume")),
    ] {
        let body = (method == "POST").then(|| json!({ "status": "COMPLETED", "result": {} }));
        server.send(&key, method, &path, body).await.refused(404, "not_found");
    }
    let answer = json!({ "status": "COMPLETED", "result": {} });
    server.post(&key, &format!("/v1/intents/{mine}/resolve"), answer).await;
    // The key of the receiver in another workspace, limited to another address of that workspace.
    let there = json!({ "name": "worker" });
    let account = server.post(&neighbor.admin, "/v1/service-accounts", there).await["service_account_id"].clone();
    let keys = format!("/v1/service-accounts/{}/keys", account.as_str().unwrap());
    let limits = json!({ "addresses": ["agent://local/other/somebody"] });
    let narrow = server.post(&neighbor.admin, &keys, limits).await["api_key"].as_str().unwrap().to_owned();
    let sent = id_of(&server.post(&server.admin, "/v1/intents", intent("agent://local/other/worker")).await);
    server.get(&neighbor.worker, &format!("/v1/intents/{sent}")).await;
    server.send(&narrow, "GET", &format!("/v1/intents/{sent}"), None).await.refused(404, "not_found");
}

async fn assistants_get_the_tools_that_their_key_may_call(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    let reader = limited(&server, None, json!({ "scope": "read" })).await;
    let sender = limited(&server, None, json!({ "scope": "submit", "addresses": ["worker"] })).await;
    let names = async |key: &str| {
        let listed = rpc(&server, key, WITH_TASKS, "tools/list", json!({})).await["result"]["tools"].clone();
        listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (read, sent) = (names(&reader).await, names(&sender).await);
    assert!(
        read.iter().any(|name| name == "intents_list") && !read.iter().any(|name| name == "intents_send"),
        "{read:?}"
    );
    assert!(
        sent.iter().any(|name| name == "intents_send") && !sent.iter().any(|name| name == "intents_list"),
        "{sent:?}"
    );
    let intent = |to: &str| json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": {} });
    assert_eq!(refused(&server, &reader, "intents_send", intent("worker")).await, "forbidden");
    assert_eq!(refused(&server, &sender, "intents_send", intent("payer")).await, "forbidden");
    assert_eq!(refused(&server, &reader, "intents_retry", json!({ "intent_id": id })).await, "forbidden");
    let ask = json!({ "title": "Pay?", "assignees": ["ana@example.com"] });
    assert_eq!(refused(&server, &sender, "tasks_create", ask).await, "forbidden");
    // The dialect of the AXME SDKs.
    let call = |name: &str, arguments: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let listed = server.send(&reader, "POST", "/mcp", Some(list)).await.body;
    assert!(!listed.to_string().contains("\"axme.intents.create\""), "{listed}");
    let answer = server.send(&reader, "POST", "/mcp", Some(call("axme.intents.create", intent("worker")))).await.body;
    assert!(answer["error"].is_object(), "{answer}");
    let answer =
        server.send(&sender, "POST", "/mcp", Some(call("axme.check_nick", json!({ "nick": "@worker" })))).await.body;
    assert!(answer["error"].is_object(), "{answer}");
    let listed = server.get(&server.admin, "/v1/intents").await["intents"].as_array().unwrap().len();
    assert_eq!(listed, 1, "no tool has submitted anything");
}

async fn limits_are_stored_shown_and_audited(engine: Engine) {
    let server = Server::start(engine).await;
    let account = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "ci" })).await;
    let path = format!("/v1/service-accounts/{}", account["service_account_id"].as_str().unwrap());
    let keys = format!("{path}/keys");
    let made = server.post(&server.admin, &keys, json!({ "scope": "submit", "addresses": ["worker"] })).await;
    let expected = (json!("submit"), json!(["agent://local/default/worker"]));
    assert_eq!((&made["key"]["scope"], &made["key"]["addresses"]), (&expected.0, &expected.1));
    let plain = server.post(&server.admin, &keys, json!({})).await;
    assert_eq!((plain["key"].get("scope"), plain["key"].get("addresses")), (None, None));
    let shown = server.get(&server.admin, &path).await["keys"].clone();
    let limited = shown.as_array().unwrap().iter().find(|key| key["key_id"] == made["key"]["key_id"]).unwrap();
    assert_eq!((&limited["scope"], &limited["addresses"]), (&expected.0, &expected.1));
    let line = server.get(&server.admin, "/v1/audit/events?action_prefix=service_accounts.keys.create").await;
    let line =
        line["events"].as_array().unwrap().iter().find(|line| line["details"]["key_id"] == made["key"]["key_id"]);
    assert_eq!(line.unwrap()["details"]["scope"], "submit");
    for wrong in [
        json!({ "scope": "write" }),
        json!({ "addresses": [] }),
        json!({ "addresses": ["a b"] }),
        json!({ "addresses": vec!["worker"; 51] }),
    ] {
        let answer = server.send(&server.admin, "POST", &keys, Some(wrong.clone())).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.body);
    }
}
