//! Retention: what is old goes, what is live or on hold stays, and the audit chain verifies before and after.

use std::path::Path;
use std::time::Duration;

use axme_core::audit_chain::{self, Verdict};
use axme_server::config::RetentionSettings;
use axme_server::workers;
use axme_server::workers::retention::{Places, Swept};
use axme_store::retention::{self, Rules};
use axme_store::{Shard, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cross_workspace::Neighbor;
use crate::harness::{Engine, Server, Tamper, each_engine, id_of, tamper_with_audit};

each_engine! {
    ended_intents_go_with_everything_of_theirs_and_live_ones_stay,
    a_family_goes_after_its_root_has_ended,
    a_hold_stops_every_sweep_of_the_workspace,
    a_rule_of_the_workspace_wins_over_the_server,
    files_go_with_their_bytes,
    an_intent_between_workspaces_goes_on_both_sides_by_the_rules_of_its_sender,
    the_audit_trail_is_a_chain_that_shows_tampering,
    audit_lines_go_up_to_a_signed_checkpoint,
    a_trail_that_does_not_verify_is_not_swept,
}

const DAY: Duration = Duration::from_secs(86_400);

fn places(server: &Server, settings: RetentionSettings) -> Places {
    let outbox = server.folder().join("outbox");
    Places { settings, files: Some(server.files.clone()), outbox }
}

async fn sweep(server: &Server, settings: RetentionSettings) -> Swept {
    workers::retention::tick(&server.app, &places(server, settings)).await.unwrap()
}

fn keeps_days(days: u64) -> RetentionSettings {
    RetentionSettings { intents_days: Some(days), ..RetentionSettings::default() }
}

fn workspace(server: &Server) -> Uuid {
    server.bootstrap.workspace_id.parse().unwrap()
}

async fn set_rules(server: &Server, rules: Rules) {
    let workspace = workspace(server);
    let put = move |tx: &mut Tx<'_>| retention::put(tx, workspace, &rules, "a test");
    server.app.store.write(Shard::CONTROL, put).await.unwrap();
}

/// Submits an intent and completes it as its agent.
async fn completed(server: &Server, key: &str) -> String {
    let id = server.submit("agent://alice", json!({ "n": 1 })).await;
    server
        .post(key, &format!("/v1/intents/{id}/resolve"), json!({ "status": "COMPLETED", "result": { "n": 2 } }))
        .await;
    id
}

fn lines(folder: &Path, what: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with(what) {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            found.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
    }
    found
}

async fn ended_intents_go_with_everything_of_theirs_and_live_ones_stay(engine: Engine) {
    let server = Server::start(engine).await;
    let alice = server.agent("alice").await;
    let old = completed(&server, &alice).await;
    let live = server.submit("agent://alice", json!({})).await;
    server.clock.advance(DAY * 20);
    let young = completed(&server, &alice).await;
    server.clock.advance(DAY * 11);
    let export = server.folder().join("export");
    let settings = RetentionSettings { export: Some(export.clone()), ..keeps_days(30) };
    let swept = sweep(&server, settings.clone()).await;
    assert_eq!((swept.intents, swept.files, swept.audit_lines), (1, 0, 0));
    server.send(&server.admin, "GET", &format!("/v1/intents/{old}"), None).await.refused(404, "not_found");
    for kept in [&live, &young] {
        assert_eq!(server.intent(kept).await["intent_id"], **kept);
    }
    let exported = lines(&export, "intents-");
    assert_eq!(exported.len(), 1);
    assert_eq!((&exported[0]["intent_id"], &exported[0]["status"]), (&json!(old), &json!("COMPLETED")));
    let history = exported[0]["decisions"].to_string();
    assert!(history.contains("\"n\":1") && history.contains("\"n\":2"), "payload and result are exported: {history}");
    // The inbox and the lists go on without it.
    server.get(&server.admin, "/v1/inbox?owner_agent=agent://alice").await;
    server.get(&server.admin, "/v1/inbox/changes?owner_agent=agent://alice").await;
    assert_eq!(sweep(&server, settings).await, Swept::default(), "nothing is left to sweep");
}

async fn a_family_goes_after_its_root_has_ended(engine: Engine) {
    let server = Server::start(engine).await;
    let alice = server.agent("alice").await;
    let bundle = json!({
        "scenario_id": "family.v1",
        "agents": [{ "role": "worker", "address": "alice" }],
        "workflow": { "steps": [
            { "step_id": "first", "assigned_to": "worker" }, { "step_id": "second", "assigned_to": "worker" },
        ] },
        "intent": { "type": "intent.ask.v1", "payload": {} },
    });
    let root = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    let window = server.stream(&alice, "/v1/agents/agent://alice/intents/stream?wait_seconds=1").await;
    let step = window.frames[0].data["intent_id"].as_str().unwrap().to_owned();
    server.post(&alice, &format!("/v1/intents/{step}/resolve"), json!({ "status": "COMPLETED", "result": {} })).await;
    server.clock.advance(DAY * 40);
    assert_eq!(sweep(&server, keeps_days(30)).await.intents, 0, "the root is live, and its steps belong to it");
    server.post(&server.admin, &format!("/v1/intents/{root}/resolve"), json!({ "status": "CANCELED" })).await;
    server.clock.advance(DAY * 31);
    assert!(sweep(&server, keeps_days(30)).await.intents >= 3);
    server.send(&server.admin, "GET", &format!("/v1/intents/{step}"), None).await.refused(404, "not_found");
}

async fn a_hold_stops_every_sweep_of_the_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    let alice = server.agent("alice").await;
    let old = completed(&server, &alice).await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "agent://alice", "payload": {} });
    let headers = [("idempotency-key", "kept-by-the-hold")];
    server.send_with(&server.admin, "POST", "/v1/intents", Some(body.clone()), &headers).await.ok();
    workers::audit_chain::tick(&server.app).await.unwrap();
    set_rules(&server, Rules { held: true, intents_days: Some(1), audit_days: Some(1), ..Rules::default() }).await;
    server.clock.advance(DAY * 60);
    let settings = RetentionSettings { audit_days: Some(1), ..keeps_days(1) };
    assert_eq!(sweep(&server, settings.clone()).await, Swept::default());
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    assert_eq!(server.intent(&old).await["status"], "COMPLETED");
    let again = server.send_with(&server.admin, "POST", "/v1/intents", Some(body.clone()), &headers).await.ok();
    let third = server.send_with(&server.admin, "POST", "/v1/intents", Some(body), &headers).await.ok();
    assert_eq!(id_of(&again), id_of(&third), "the stored reply is still there");
    set_rules(&server, Rules::default()).await;
    assert!(sweep(&server, settings).await.intents >= 1, "after the hold, the sweep goes on");
}

async fn a_rule_of_the_workspace_wins_over_the_server(engine: Engine) {
    let server = Server::start(engine).await;
    let alice = server.agent("alice").await;
    completed(&server, &alice).await;
    server.clock.advance(DAY * 10);
    set_rules(&server, Rules { intents_days: Some(30), ..Rules::default() }).await;
    assert_eq!(sweep(&server, keeps_days(1)).await.intents, 0);
    set_rules(&server, Rules { intents_days: Some(7), ..Rules::default() }).await;
    assert_eq!(sweep(&server, RetentionSettings::default()).await.intents, 1);
}

async fn an_intent_between_workspaces_goes_on_both_sides_by_the_rules_of_its_sender(engine: Engine) {
    let server = Server::start(engine).await;
    let neighbor = Neighbor::start(&server, "local").await;
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "agent://local/other/worker", "payload": {} });
    let (ended, live) = (
        id_of(&server.post(&server.admin, "/v1/intents", body.clone()).await),
        id_of(&server.post(&server.admin, "/v1/intents", body).await),
    );
    server.post(&neighbor.worker, &format!("/v1/intents/{ended}/resume"), json!({ "done": true })).await;
    let at_receiver = async || {
        let list = server.get(&neighbor.worker, "/v1/intents").await["intents"].clone();
        list.as_array().unwrap().iter().map(id_of).collect::<Vec<_>>()
    };
    server.clock.advance(DAY * 40);
    let there = server.get(&neighbor.admin, "/v1/me").await["workspace_id"].as_str().unwrap().parse().unwrap();
    let rules = Rules { intents_days: Some(1), ..Rules::default() };
    let put = move |tx: &mut Tx<'_>| retention::put(tx, there, &rules, "a test");
    server.app.store.write(Shard::CONTROL, put).await.unwrap();
    assert_eq!(sweep(&server, RetentionSettings::default()).await.intents, 0, "the receiver's rules do not concern it");
    set_rules(&server, Rules { held: true, ..Rules::default() }).await;
    assert_eq!(sweep(&server, keeps_days(30)).await.intents, 0, "the sender's hold keeps it");
    assert_eq!(at_receiver().await.len(), 2);
    set_rules(&server, Rules::default()).await;
    assert_eq!(sweep(&server, keeps_days(30)).await.intents, 1);
    for key in [&server.admin, &neighbor.worker] {
        server.send(key, "GET", &format!("/v1/intents/{ended}"), None).await.refused(404, "not_found");
    }
    assert_eq!(at_receiver().await, [live.as_str()]);
    let late = server.send(&neighbor.worker, "POST", &format!("/v1/intents/{ended}/resume"), Some(json!({}))).await;
    late.refused(404, "not_found");
    server.post(&neighbor.worker, &format!("/v1/intents/{live}/resume"), json!({ "done": true })).await;
}

async fn files_go_with_their_bytes(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let id = crate::media::finished(&server).await;
    assert_eq!(crate::media::files(&server), 1);
    server.clock.advance(DAY * 31);
    let settings = RetentionSettings { files_days: Some(30), ..RetentionSettings::default() };
    assert_eq!(sweep(&server, settings).await.files, 1);
    let path = format!("/v1/media/{id}");
    assert_eq!(server.send(&server.admin, "GET", &path, None).await.status, 404);
    assert_eq!(crate::media::files(&server), 0, "the bytes are gone too");
}

/// Writes audit lines, chains them and signs a checkpoint.
async fn chained(server: &Server, lines: usize) {
    for n in 0..lines {
        server.agent(&format!("agent-{}-{n}", server.now().micros())).await;
    }
    workers::audit_chain::tick(&server.app).await.unwrap();
}

async fn the_audit_trail_is_a_chain_that_shows_tampering(engine: Engine) {
    let server = Server::start(engine).await;
    let trail = workspace(&server);
    chained(&server, 3).await;
    let Verdict::Whole { from: 0, lines } = audit_chain::verify(&server.app.store, trail).await.unwrap() else {
        panic!("the trail verifies");
    };
    assert!(lines >= 3);
    chained(&server, 1).await;
    assert!(
        matches!(audit_chain::verify(&server.app.store, trail).await.unwrap(), Verdict::Whole { from: 0, lines: n } if n > lines)
    );
    // Each kind of tampering is noticed at its place, and noticed no longer once it is undone.
    for tamper in [Tamper::Change, Tamper::Delete, Tamper::Truncate] {
        let server = Server::start(engine).await;
        let trail = workspace(&server);
        chained(&server, 3).await;
        tamper_with_audit(&server, trail, tamper).await;
        let verdict = audit_chain::verify(&server.app.store, trail).await.unwrap();
        assert!(matches!(verdict, Verdict::Broken(_)), "{tamper:?}: {verdict:?}");
    }
}

async fn audit_lines_go_up_to_a_signed_checkpoint(engine: Engine) {
    let server = Server::start(engine).await;
    let trail = workspace(&server);
    chained(&server, 3).await;
    server.clock.advance(DAY * 2);
    chained(&server, 1).await;
    server.clock.advance(DAY * 40);
    chained(&server, 2).await;
    let export = server.folder().join("export");
    let settings =
        RetentionSettings { audit_days: Some(30), export: Some(export.clone()), ..RetentionSettings::default() };
    let swept = sweep(&server, settings.clone()).await.audit_lines;
    assert!(swept >= 4, "{swept}");
    let verdict = audit_chain::verify(&server.app.store, trail).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { from, lines } if from >= 4 && lines >= 2), "{verdict:?}");
    let exported = lines(&export, "audit-");
    assert_eq!(exported.iter().filter(|line| line["kind"] == "audit").count() as u64, swept);
    let statement = exported.iter().rfind(|line| line["kind"] == "audit_checkpoint").unwrap();
    check_statement(statement, trail);
    assert_eq!(sweep(&server, settings).await.audit_lines, 0);
    server.get(&server.admin, "/v1/audit/events").await;
}

/// Verifies the statement of a checkpoint with its public key.
fn check_statement(checkpoint: &Value, trail: Uuid) {
    let key = jsonwebtoken::DecodingKey::from_ed_components(checkpoint["public_key"].as_str().unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let statement = checkpoint["statement"].as_str().unwrap();
    let claims = jsonwebtoken::decode::<Value>(statement, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], trail.to_string());
    assert_eq!((&claims["seq"], &claims["hash"]), (&checkpoint["seq"], &checkpoint["hash"]));
}

async fn a_trail_that_does_not_verify_is_not_swept(engine: Engine) {
    let server = Server::start(engine).await;
    let trail = workspace(&server);
    chained(&server, 3).await;
    tamper_with_audit(&server, trail, Tamper::Change).await;
    server.clock.advance(DAY * 60);
    let settings = RetentionSettings { audit_days: Some(30), ..RetentionSettings::default() };
    assert_eq!(sweep(&server, settings).await.audit_lines, 0);
}

/// Space is given back to the disk.
#[tokio::test]
async fn an_sqlite_file_shrinks_after_a_sweep() {
    let server = Server::start(Engine::Sqlite).await;
    let alice = server.agent("alice").await;
    for _ in 0..60 {
        let id = server.submit("agent://alice", json!({ "text": "x".repeat(60_000) })).await;
        server.post(&alice, &format!("/v1/intents/{id}/resolve"), json!({ "status": "COMPLETED", "result": {} })).await;
    }
    let pages = async || {
        let count = |tx: &mut Tx<'_>| -> Result<_, axme_store::StoreError> {
            Ok(tx.row("PRAGMA page_count", &[])?.unwrap().count(0).unwrap())
        };
        server.app.store.read(count).await.unwrap()
    };
    let before = pages().await;
    server.clock.advance(DAY * 31);
    assert_eq!(sweep(&server, keeps_days(30)).await.intents, 60);
    let after = pages().await;
    assert!(after * 2 < before, "{before} pages before, {after} after");
}
