//! Attributes: intents are found by the fields that the schema of their type marks as searchable.

use axme_store::{Shard, Tx, attributes};
use serde_json::{Value, json};

use crate::console_lists::counts;
use crate::cross_workspace::Neighbor;
use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    intents_are_found_by_the_fields_that_their_schema_marks,
    attributes_go_with_their_intent_and_stay_in_their_workspace,
    a_page_by_attribute_and_scenario_goes_on_until_the_end,
    a_type_that_declares_nothing_costs_nothing,
    a_mark_that_would_find_nothing_is_refused,
}

const TYPE: &str = "axme.shop.order.v1";

fn schema(order: Value) -> Value {
    let customer = json!({ "properties": { "id": { "x-searchable": true } } });
    json!({
        "semantic_type": TYPE, "compatibility_mode": "strict",
        "schema_json": { "properties": { "order": order, "customer": customer } },
    })
}

fn searchable() -> Value {
    json!({ "type": ["string", "number", "boolean"], "x-searchable": true })
}

async fn send(server: &Server, key: &str, to: &str, payload: &str) -> String {
    let body = format!(r#"{{"intent_type":"{TYPE}","to_agent":"{to}","payload":{payload}}}"#);
    let answer = server.send_raw(key, "POST", "/v1/intents", body.into_bytes(), &[]).await;
    server.clock.advance(std::time::Duration::from_millis(2));
    id_of(&answer.ok())
}

/// Returns the ids of a list, newest first.
async fn found(server: &Server, key: &str, query: &str) -> Vec<String> {
    let list = server.get(key, &format!("/v1/intents?{query}")).await;
    list["intents"].as_array().unwrap().iter().map(id_of).collect()
}

async fn intents_are_found_by_the_fields_that_their_schema_marks(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    server.agent("other").await;
    let admin = &server.admin;
    let early = send(&server, admin, "worker", r#"{"order":"A"}"#).await;
    server.post(admin, "/v1/schemas", schema(searchable())).await;
    let plain = send(&server, admin, "worker", r#"{"order":"A","customer":{"id":7}}"#).await;
    let again = send(&server, admin, "other", r#"{"order":"A"}"#).await;
    let number = send(&server, admin, "worker", r#"{"order":1.50}"#).await;
    let odd = send(&server, admin, "worker", r#"{"order":"a=b&c %_é"}"#).await;
    let by = async |query: &str| found(&server, admin, query).await;
    assert_eq!(by("attribute=order%3DA").await, [again.clone(), plain.clone()], "{early} is older than the mark");
    assert_eq!(by("attribute=order%3D1.50").await, [number.as_str()]);
    assert_eq!(by("attribute=order%3Da%3Db%26c+%25_%C3%A9").await, [odd.as_str()]);
    assert_eq!(by("attribute=customer.id%3D7").await, [plain.as_str()]);
    for query in ["order%3Da", "order%3D1.5", "order%3D", "order%3D%25", "amount%3DA", "customer%3D7"] {
        assert!(by(&format!("attribute={query}")).await.is_empty(), "{query}");
    }
    // It is one filter among the others, and pages go on by id.
    assert_eq!(by("attribute=order%3DA&to_agent=other").await, [again.as_str()]);
    assert_eq!(by(&format!("attribute=order%3DA&intent_ids={plain},{number}")).await, [plain.as_str()]);
    assert_eq!(by(&format!("attribute=order%3DA&intent_type={TYPE}&status=DELIVERED")).await.len(), 2);
    assert!(by("attribute=order%3DA&intent_type=intent.ask.v1").await.is_empty());
    assert!(by("attribute=order%3DA&status=COMPLETED").await.is_empty());
    let page = server.get(admin, "/v1/intents?attribute=order%3DA&limit=1").await;
    let next = page["next_before"].as_str().unwrap();
    assert_eq!(by(&format!("attribute=order%3DA&limit=1&before={next}")).await, [plain.as_str()]);
    // An agent finds its own.
    assert_eq!(found(&server, &worker, "attribute=order%3DA").await, [plain.as_str()]);
    // Without the mark, new intents have no attributes, and the older ones keep theirs.
    server.post(admin, "/v1/schemas", schema(json!({ "type": "string" }))).await;
    send(&server, admin, "worker", r#"{"order":"A"}"#).await;
    assert_eq!(by("attribute=order%3DA").await, [again, plain]);
    let long = "x".repeat(129);
    for wrong in ["order", "%3DA", &format!("order%3D{long}"), &format!("{long}%3DA"), "order%3Da%00b"] {
        let answer = server.send(admin, "GET", &format!("/v1/intents?attribute={wrong}"), None).await;
        answer.refused(422, "validation_failed");
    }
}

async fn attributes_go_with_their_intent_and_stay_in_their_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    server.post(&server.admin, "/v1/schemas", schema(searchable())).await;
    let neighbor = Neighbor::start(&server, "local").await;
    let sent = send(&server, &server.admin, "agent://local/other/worker", r#"{"order":"A"}"#).await;
    assert_eq!(found(&server, &server.admin, "attribute=order%3DA").await, [sent.as_str()]);
    // The receiver in the other workspace has the intent, and the attribute is the sender's.
    assert_eq!(found(&server, &neighbor.worker, "").await, [sent.as_str()]);
    for stranger in [&neighbor.worker, &neighbor.admin, &server.workspace("acme", "prod").await] {
        assert!(found(&server, stranger, "attribute=order%3DA").await.is_empty());
    }
    let status = json!({ "status": "CANCELED" });
    server.post(&server.admin, &format!("/v1/intents/{sent}/resolve"), status).await;
    let (workspace, id) = (server.bootstrap.workspace_id.parse().unwrap(), sent.parse().unwrap());
    let delete = move |tx: &mut Tx<'_>| axme_store::retention::delete_intent(tx, workspace, id);
    assert!(server.app.store.write(Shard::CONTROL, delete).await.unwrap());
    // A row that was left behind would refuse this one.
    let again = [("order".to_owned(), "A".to_owned())].into();
    let insert = move |tx: &mut Tx<'_>| attributes::insert(tx, workspace, id, &again);
    server.app.store.write(Shard::CONTROL, insert).await.unwrap();
}

async fn a_page_by_attribute_and_scenario_goes_on_until_the_end(engine: Engine) {
    let server = Server::start(engine).await;
    server.post(&server.admin, "/v1/schemas", schema(searchable())).await;
    let mut runs = Vec::new();
    for number in 0..4 {
        let bundle = json!({
            "scenario_id": if number == 3 { "other.v1" } else { "order.v1" },
            "humans": [{ "role": "lead", "contact": "ann@example.com" }],
            "workflow": { "steps": [{ "step_id": "decide", "tool_id": "tool.human_approval", "assigned_to": "lead" }] },
            "intent": { "type": TYPE, "payload": { "order": "A" } },
        });
        runs.insert(0, id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await));
        server.advance(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(found(&server, &server.admin, "attribute=order%3DA").await, runs, "the steps are left out");
    let by_both = "attribute=order%3DA&scenario_id=order.v1";
    assert_eq!(found(&server, &server.admin, by_both).await, runs[1..]);
    assert_eq!(found(&server, &server.admin, &format!("{by_both}&limit=2")).await, runs[1..3]);
    let rest = format!("{by_both}&limit=2&before={}", runs[2]);
    assert_eq!(found(&server, &server.admin, &rest).await, runs[3..]);
    assert!(found(&server, &server.admin, "attribute=order%3DA&scenario_id=order").await.is_empty());
    assert!(found(&server, &server.admin, "attribute=order%3DB&scenario_id=order.v1").await.is_empty());
}

async fn a_type_that_declares_nothing_costs_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let statements = async |intent_type: &str| {
        let body = json!({ "intent_type": intent_type, "to_agent": "worker", "payload": { "order": "A" } });
        // The first one reads the rules anew.
        server.post(&server.admin, "/v1/intents", body.clone()).await;
        let before = counts(&server).await[0];
        server.post(&server.admin, "/v1/intents", body).await;
        counts(&server).await[0] - before
    };
    let alone = statements("intent.other.v1").await;
    server.post(&server.admin, "/v1/schemas", schema(json!({ "type": "string" }))).await;
    let checked = statements(TYPE).await;
    server.post(&server.admin, "/v1/schemas", schema(searchable())).await;
    assert_eq!(statements("intent.other.v1").await, alone);
    assert_eq!(statements(TYPE).await, checked + 1, "a row for the one attribute that the payload has");
}

async fn a_mark_that_would_find_nothing_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for (field, complaint) in [
        (json!({ "type": "array", "x-searchable": true }), "order: a searchable field is"),
        (json!({ "x-sensitive": true, "x-searchable": true }), "order: a sensitive field"),
        (json!({ "items": { "x-searchable": true } }), "x-searchable marks a field under \"properties\" only"),
    ] {
        let answer = server.send(&server.admin, "POST", "/v1/schemas", Some(schema(field))).await;
        let text = answer.refused(422, "validation_failed");
        assert!(text.starts_with(&format!("schema_json: {complaint}")), "{text}");
    }
}
