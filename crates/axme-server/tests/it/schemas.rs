//! Semantic schemas, and the payloads that must match them (`spec/protocol.md` §2.10).

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};
use crate::own_inbox::Browser;
use crate::pushes::{Receiver, server_that_may_call_loopback};
use crate::webhooks::{round, subscribe};

each_engine! {
    sensitive_fields_are_masked_in_mail_and_lists,
    sensitive_fields_stay_out_of_webhooks_notices_logs_and_the_inbox,
    a_schema_is_created_updated_and_read,
    the_mode_of_a_schema_decides_which_payloads_are_accepted,
    an_agent_declares_the_schemas_of_its_own_intents,
    invalid_schemas_are_refused,
}

const TYPE: &str = "axme.calendar.schedule.v1";

fn upsert(mode: &str) -> Value {
    json!({
        "semantic_type": TYPE, "compatibility_mode": mode,
        "schema_json": {
            "$id": "https://example.com/schedule", "type": "object", "required": ["days"], "additionalProperties": false,
            "properties": { "days": { "type": "integer", "minimum": 1 } },
        },
    })
}

fn intent(to: &str, payload: Value) -> Option<Value> {
    Some(json!({ "intent_type": TYPE, "to_agent": to, "payload": payload }))
}

async fn a_schema_is_created_updated_and_read(engine: Engine) {
    let server = Server::start(engine).await;
    let made = server.post(&server.admin, "/v1/schemas", upsert("strict")).await["schema"].clone();
    assert_eq!(made["schema_hash"].as_str().unwrap().len(), 64);
    assert_eq!((&made["scope"], &made["owner_agent"], &made["active"]), (&json!("tenant"), &Value::Null, &json!(true)));
    assert_eq!(made.get("schema_json"), None);
    server.clock.advance(std::time::Duration::from_secs(1));
    let again = server.post(&server.admin, "/v1/schemas", upsert("warn")).await["schema"].clone();
    assert_eq!((&again["schema_hash"], &again["created_at"]), (&made["schema_hash"], &made["created_at"]));
    assert_ne!(again["updated_at"], made["updated_at"]);
    let path = format!("/v1/schemas/{TYPE}");
    let shown = server.get(&server.admin, &path).await["schema"].clone();
    assert_eq!((&shown["compatibility_mode"], &shown["schema_json"]["type"]), (&json!("warn"), &json!("object")));
    let owner = server.get(&server.admin, &format!("{path}?owner_agent=agent://somebody/else")).await;
    assert_eq!(owner["schema"]["owner_agent"], Value::Null, "the workspace's schema applies");
    let stranger = server.workspace("acme", "prod").await;
    server.send(&stranger, "GET", &path, None).await.refused(404, "not_found");
}

async fn the_mode_of_a_schema_decides_which_payloads_are_accepted(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let stranger = server.workspace("acme", "prod").await;
    let (good, more, bad) = (json!({ "days": 1 }), json!({ "days": 1, "more": 1 }), json!({ "days": 0, "more": 1 }));
    let send = async |payload: &Value| {
        server.send(&server.admin, "POST", "/v1/intents", intent("worker", payload.clone())).await
    };
    send(&bad).await.ok();
    for (mode, refuses_more, refuses_bad) in [("strict", true, true), ("backward", false, true), ("warn", false, false)]
    {
        server.post(&server.admin, "/v1/schemas", upsert(mode)).await;
        assert_eq!(send(&good).await.ok().get("warnings"), None);
        for (payload, refuses) in [(&more, refuses_more), (&bad, refuses_bad)] {
            let answer = send(payload).await;
            if refuses {
                assert!(answer.body["error"]["details"]["errors"][0].is_string(), "{}", answer.body);
                assert!(answer.refused(422, "schema_invalid").starts_with(TYPE));
            } else {
                assert_eq!(answer.ok().get("warnings").is_some(), mode == "warn");
            }
        }
        // Another type, or another workspace: not checked.
        server.submit("worker", bad.clone()).await;
        server.send(&stranger, "POST", "/v1/intents", intent("worker", bad.clone())).await.ok();
    }
    server.post(&server.admin, "/v1/schemas", upsert("strict")).await;
    let bundle = |payload: &Value| json!({ "scenario_id": "s.v1", "intent": { "type": TYPE, "payload": payload } });
    let path = "/v1/scenarios/apply";
    server.send(&server.admin, "POST", path, Some(bundle(&bad))).await.refused(422, "schema_invalid");
    server.post(&server.admin, path, bundle(&good)).await;
    let mut paused = upsert("strict");
    paused["active"] = false.into();
    server.post(&server.admin, "/v1/schemas", paused).await;
    send(&bad).await.ok();
}

async fn an_agent_declares_the_schemas_of_its_own_intents(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, other) = (server.agent("worker").await, server.agent("other").await);
    let made = server.post(&worker, "/v1/schemas", upsert("strict")).await;
    assert_eq!(made["schema"]["owner_agent"], "agent://local/default/worker");
    let bad = json!({ "days": 0 });
    let to_worker = server.send(&other, "POST", "/v1/intents", intent("worker", bad.clone())).await;
    to_worker.refused(422, "schema_invalid");
    server.send(&worker, "POST", "/v1/intents", intent("other", bad)).await.ok();
    let path = format!("/v1/schemas/{TYPE}");
    server.send(&other, "GET", &path, None).await.refused(404, "not_found");
    let seen = server.get(&other, &format!("{path}?owner_agent=worker")).await;
    assert_eq!(seen["schema"]["compatibility_mode"], "strict");

    let mut body = upsert("warn");
    body["owner_agent"] = "worker".into();
    server.send(&other, "POST", "/v1/schemas", Some(body.clone())).await.refused(403, "forbidden");
    body["owner_agent"] = Value::Null;
    body["scope"] = "core".into();
    server.send(&other, "POST", "/v1/schemas", Some(body)).await.refused(403, "forbidden");
}

async fn invalid_schemas_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for (field, value) in [
        ("semantic_type", json!("a.b.v1")),
        ("semantic_type", json!("A.b.c.v1")),
        ("semantic_type", json!("a.b.c")),
        ("semantic_type", json!("a..c.d.v1")),
        ("compatibility_mode", json!("lenient")),
        ("compatibility_mode", Value::Null),
        ("scope", json!("world")),
        ("schema_ref", json!("x".repeat(513))),
        ("schema_json", json!([])),
        ("schema_json", json!({ "type": "nonsense" })),
        ("schema_json", json!({ "$ref": "https://example.com/other" })),
        ("schema_json", json!({ "$ref": "#" })),
        ("schema_json", json!({ "description": "x".repeat(40_000) })),
    ] {
        let mut body = upsert("strict");
        body[field] = value;
        let answer = server.send(&server.admin, "POST", "/v1/schemas", Some(body)).await;
        answer.refused(422, "validation_failed");
    }
    server.send(&server.admin, "GET", &format!("/v1/schemas/{TYPE}"), None).await.refused(404, "not_found");
}

const IBAN: &str = "DE89370400440532013000";

/// Adds a schema with a sensitive field. Returns a payload that has it.
async fn sensitive_payload(server: &Server) -> Value {
    let iban = json!({ "type": "string", "x-sensitive": true });
    let mut schema = upsert("strict");
    schema["schema_json"] = json!({ "type": "object", "properties": { "payee": { "properties": { "iban": iban } } } });
    server.post(&server.admin, "/v1/schemas", schema).await;
    json!({ "payee": { "iban": IBAN, "name": "Acme" }, "amount": 4711 })
}

async fn sensitive_fields_are_masked_in_mail_and_lists(engine: Engine) {
    let server = Server::start(engine).await;
    let payload = sensitive_payload(&server).await;
    let task = json!({ "title": "Pay?", "task_type": "approval", "assignees": ["ann@example.com"] });
    let body = json!({ "intent_type": TYPE, "to_agent": "human", "payload": payload, "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let mails = server.mails().await;
    assert_eq!(mails.len(), 1);
    for text in [&mails[0].text, &mails[0].html] {
        assert!(!text.contains(IBAN) && text.contains("•••"), "{text}");
        assert!(text.contains("Acme") && text.contains("4711"), "{text}");
    }
    let list = server.get(&server.admin, "/v1/intents").await.to_string();
    assert!(list.contains(&id) && !list.contains(IBAN), "lists have no payloads");
    assert_eq!(server.intent(&id).await["payload"], payload, "the receiver and the parties get the value");
}

/// The parties of an intent and the person who decides see the value. Nothing else does: the log is watched at `trace` until the
/// server ends.
async fn sensitive_fields_stay_out_of_webhooks_notices_logs_and_the_inbox(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    server.log.note_text(IBAN);
    let payload = sensitive_payload(&server).await;
    server.give("ann@example.com", "member", None).await;
    let ann = Browser::signed_in(&server, "ann@example.com").await;
    let (receiver, addr) = Receiver::start().await;
    let subscription = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["*"]), None).await;
    let task = json!({
        "title": "Pay?", "task_type": "approval", "assignees": ["ann@example.com"], "summary": ["payee", "amount"],
    });
    let body = json!({ "intent_type": TYPE, "to_agent": "human", "payload": payload, "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let bundle = json!({
        "scenario_id": "pay.v1", "humans": [{ "role": "boss", "contact": "boss@example.com" }],
        "workflow": { "steps": [{
            "step_id": "tell", "runtime_type": "notification", "assigned_to": "boss",
            "config": { "subject": "To {{ payload.payee.iban }}", "body": "{{ payload }}" },
        }] },
        "intent": { "type": TYPE, "payload": payload },
    });
    server.post(&server.admin, "/v1/scenarios/apply", bundle).await;

    let mails = server.mails().await;
    let link = mails.iter().find(|mail| mail.to == "ann@example.com").and_then(|mail| mail.link.clone()).unwrap();
    let notice = mails.iter().find(|mail| mail.to == "boss@example.com").unwrap();
    assert_eq!(notice.subject, "To •••");
    assert!(notice.text.contains("Acme") && notice.text.contains("•••"), "{}", notice.text);
    assert!(mails.iter().all(|mail| !format!("{} {} {}", mail.subject, mail.text, mail.html).contains(IBAN)));

    let inbox = ann.get("/inbox").await.body.to_string();
    assert!(inbox.contains("Pay?") && inbox.contains("•••") && !inbox.contains(IBAN), "{inbox}");
    let page = server.page(&link).await.body.to_string();
    assert!(page.contains(IBAN), "who decides sees what they decide on: {page}");
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "axme.intents.get", "arguments": { "intent_id": id } },
    });
    let told = server.send(&server.admin, "POST", "/mcp", Some(call)).await.body.to_string();
    assert!(told.contains(IBAN), "a party gets the value over MCP too: {told}");

    let answer = json!({ "approve_current_step": true, "task_result": { "outcome": "approved" } });
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), answer).await;
    round(&server, &subscription).await;
    let events = receiver.got();
    let texts: Vec<_> = events.iter().map(|(_, body)| String::from_utf8_lossy(body)).collect();
    assert!(texts.iter().any(|text| text.contains("intent.created") && text.contains(&id)), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("intent.completed") && text.contains(&id)), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains(IBAN)), "{texts:?}");
}
