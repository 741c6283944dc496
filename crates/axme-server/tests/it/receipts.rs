//! Receipts: signed records of people's decisions, which others can check without this server.

use axme_intent::Json;
use axme_intent::receipt::sha256;
use axme_server::workers;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    every_decision_gets_a_receipt_that_its_public_key_verifies,
    a_receipt_is_no_token_and_another_workspace_sees_none,
    a_receipt_is_written_with_its_decision_and_signed_once,
}

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

async fn ask(server: &Server, task: Value) -> String {
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": task, "payload": { "b": 1, "amount": 12.5 } });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

pub async fn receipts(server: &Server, id: &str) -> Vec<Value> {
    let list = server.get(&server.admin, &format!("/v1/intents/{id}/receipts")).await;
    list["receipts"].as_array().expect("receipts").clone()
}

/// Verifies a receipt with the published keys, as a stranger does.
pub async fn read(server: &Server, receipt: &Value) -> Value {
    let keys = server.page("/.well-known/receipt-keys.json").await.body;
    let keys: JwkSet = serde_json::from_value(keys).expect("a key set");
    let signed = receipt["signed"].as_str().expect("signed");
    let header = jsonwebtoken::decode_header(signed).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("axme-receipt+jws"));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).expect("the key is published")).unwrap();
    let mut rules = Validation::new(Algorithm::EdDSA);
    (rules.validate_exp, rules.validate_aud) = (false, false);
    rules.required_spec_claims.clear();
    jsonwebtoken::decode::<Value>(signed, &key, &rules).expect("the signature is valid").claims
}

async fn every_decision_gets_a_receipt_that_its_public_key_verifies(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "Pay?", "assignees": [ANN, BOB], "quorum": 2 })).await;
    let mails = server.mails().await;
    let link = |to: &str| mails.iter().find(|mail| mail.to == to).unwrap().link.clone().unwrap();
    server.submit_form(&link(ANN), &[("outcome", "approved"), ("step", "confirm")]).await;
    let no = [("outcome", "rejected"), ("comment", "too much"), ("step", "confirm")];
    server.submit_form(&link(BOB), &no).await;
    assert_eq!(workers::receipts::tick(&server.app).await.unwrap(), 2);
    let all = receipts(&server, &id).await;
    assert_eq!((all.len(), &all[0]["decided_by"], &all[1]["decided_by"]), (2, &json!(ANN), &json!(BOB)));
    let (yes, no) = (read(&server, &all[0]).await, read(&server, &all[1]).await);
    assert_eq!(
        (&yes["meaning"], &yes["outcome"], &yes["role"]),
        (&json!("yes"), &json!("approved"), &json!("assignee"))
    );
    assert_eq!(
        (&no["meaning"], &no["comment"], &no["decided_via"]),
        (&json!("no"), &json!("too much"), &json!("email"))
    );
    assert_eq!((&no["policy"]["quorum"], &no["policy"]["yes_before"]), (&json!(2), &json!([ANN])));
    assert_eq!(
        (&no["intent_id"], &no["title"], &no["iss"]),
        (&json!(id), &json!("Pay?"), &json!("https://axme.example"))
    );
    assert_eq!(no["payload_sha256"], sha256(&Json::parse(r#"{"amount": 12.5, "b":1}"#).unwrap()));

    // Each of them gets it by mail.
    let mails = server.mails().await;
    let mut told: Vec<(&str, &str)> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    told.sort_unstable();
    assert_eq!(told, [(ANN, "[Local] Receipt: Pay?"), (BOB, "[Local] Receipt: Pay?")]);
    assert!(mails.iter().any(|mail| mail.text.contains(all[1]["signed"].as_str().unwrap())));
    assert!(mails.iter().all(|mail| mail.text.contains("If this was not you")));
}

async fn a_receipt_is_no_token_and_another_workspace_sees_none(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "Pay?" })).await;
    let answer = json!({ "task_result": { "outcome": "approved" } });
    server.post(&server.admin, &format!("/v1/intents/{id}/resume"), answer).await;
    workers::receipts::tick(&server.app).await.unwrap();
    assert!(server.mails().await.is_empty(), "a caller of the API has the answer already");
    let receipt = receipts(&server, &id).await.remove(0);
    assert_eq!(read(&server, &receipt).await["role"], "stand_in", "an administrator answered in another's place");
    let signed = receipt["signed"].as_str().unwrap();
    let bearer = format!("Bearer {signed}");
    let headers = [("authorization", bearer.as_str())];
    let refused = server.send_with("", "GET", "/v1/portal/personal/context", None, &headers).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    let tokens = server.page("/.well-known/jwks.json").await.body.to_string();
    let keys = server.page("/.well-known/receipt-keys.json").await.body;
    assert!(!tokens.contains(keys["keys"][0]["kid"].as_str().unwrap()), "the keys are not those of tokens");
    assert!(keys["keys"][0].get("d").is_none(), "only the public half");
    let other = server.workspace("other", "main").await;
    let path = format!("/v1/intents/{id}/receipts");
    server.send(&other, "GET", &path, None).await.refused(404, "not_found");
    server.send(&server.admin, "GET", "/v1/intents/x/receipts", None).await.refused(404, "not_found");
}

async fn a_receipt_is_written_with_its_decision_and_signed_once(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "Pay?", "required_comment": true })).await;
    let path = format!("/v1/intents/{id}/resume");
    let refused = json!({ "task_result": { "outcome": "approved" } });
    server.send(&server.admin, "POST", &path, Some(refused)).await.refused(422, "comment_required");
    assert!(receipts(&server, &id).await.is_empty(), "a refused answer leaves no receipt");
    let answer = json!({ "task_result": { "outcome": "approved", "comment": "c" } });
    server.post(&server.admin, &path, answer).await;
    let waiting = receipts(&server, &id).await;
    assert_eq!((waiting.len(), &waiting[0]["signed"]), (1, &Value::Null), "it is there before a worker has signed it");
    assert_eq!(workers::receipts::tick(&server.app).await.unwrap(), 1);
    let signed = receipts(&server, &id).await;
    assert_eq!(workers::receipts::tick(&server.app).await.unwrap(), 0);
    assert_eq!(receipts(&server, &id).await, signed);
    // Keys stay, also for receipts of a key that signs no more.
    read(&server, &signed[0]).await;
}
