//! Retention: what is old goes, what is live or on hold stays, and the audit chain verifies before and after.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axme_core::audit_chain::{self, Verdict};
use axme_server::config::RetentionSettings;
use axme_server::exports::Exports;
use axme_server::files::Files;
use axme_server::workers;
use axme_server::workers::retention::{Places, Swept};
use axme_store::retention::{self, Rules};
use axme_store::{Limits, RetentionLimits, Shard, Tx};
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cross_workspace::Neighbor;
use crate::harness::{Engine, Server, Tamper, each_engine, id_of, tamper_with_audit};

each_engine! {
    ended_intents_go_with_everything_of_theirs_and_live_ones_stay,
    a_family_goes_after_its_root_has_ended,
    a_hold_stops_every_sweep_of_the_workspace,
    a_rule_of_the_workspace_wins_over_the_server,
    replies_and_events_go_by_the_rules_of_their_workspace,
    files_go_with_their_bytes,
    files_are_exported_with_their_bytes_first,
    an_intent_between_workspaces_goes_on_both_sides_by_the_rules_of_its_sender,
    the_audit_trail_is_a_chain_that_shows_tampering,
    audit_lines_go_up_to_a_signed_checkpoint,
    a_trail_that_does_not_verify_is_not_swept,
    admins_set_rules_within_the_bounds_of_the_operator,
    only_operators_hold_a_workspace,
    a_hold_of_a_workspace_keeps_the_trail_of_its_organization,
    what_goes_is_exported_to_a_bucket_first,
}

const DAY: Duration = Duration::from_secs(86_400);

fn places(server: &Server, settings: RetentionSettings) -> Places {
    let outbox = server.folder().join("outbox");
    let export = settings.export.clone().map(Exports::Folder);
    Places { settings, files: Some(server.files.clone()), outbox, export }
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
    put_rules(server, workspace, rules).await;
}

async fn put_rules(server: &Server, workspace: Uuid, rules: Rules) {
    let put = move |tx: &mut Tx<'_>| {
        let hold = retention::Hold { reason: "a test".to_owned(), by: "a test".to_owned(), at: tx.now };
        retention::put_days(tx, workspace, &rules, "a test")?;
        retention::put_hold(tx, workspace, Some(&hold).filter(|_| rules.held), "a test")
    };
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

async fn replies_and_events_go_by_the_rules_of_their_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("alice").await;
    let there = server.workspace("other", "default").await;
    let other: Uuid = server.get(&there, "/v1/me").await["workspace_id"].as_str().unwrap().parse().unwrap();
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "alice", "payload": {} });
    let create = async |key: &str| {
        let headers = [("idempotency-key", "one")];
        id_of(&server.send_with(key, "POST", "/v1/intents", Some(body.clone()), &headers).await.ok())
    };
    let publish = async |key: &str| {
        let event = json!({ "event_type": "a.b", "source": "test", "payload": {} });
        server.post(key, "/v1/webhooks/events", event).await["event_id"].as_str().unwrap().to_owned()
    };
    let replay = async |key: &str, event: &str| {
        let path = format!("/v1/webhooks/events/{event}/replay");
        server.send(key, "POST", &path, Some(json!({}))).await.status.as_u16()
    };
    let tick = async || workers::sweep::tick(&server.app, None).await.unwrap();
    let keys = [&server.admin, &there];
    let [ours, theirs] = [create(keys[0]).await, create(keys[1]).await];
    let [our_event, their_event] = [publish(keys[0]).await, publish(keys[1]).await];
    set_rules(&server, Rules { reply_hours: Some(24), events_days: Some(40), ..Rules::default() }).await;
    put_rules(&server, other, Rules { reply_hours: Some(96), events_days: Some(2), ..Rules::default() }).await;

    server.clock.advance(DAY - Duration::from_secs(60));
    tick().await;
    assert_eq!((create(keys[0]).await, create(keys[1]).await), (ours.clone(), theirs.clone()));
    server.clock.advance(Duration::from_secs(120));
    tick().await;
    assert_ne!(create(keys[0]).await, ours, "after the 24 hours of its rule");
    server.clock.advance(DAY * 2);
    tick().await;
    assert_eq!(create(keys[1]).await, theirs, "kept beyond the 48 hours of the server");
    assert_eq!((replay(keys[0], &our_event).await, replay(keys[1], &their_event).await), (200, 404));
    // A rule from before the bounds cannot take a reply from a client that repeats its call.
    put_rules(&server, other, Rules { reply_hours: Some(1), ..Rules::default() }).await;
    server.clock.advance(DAY * 2);
    tick().await;
    let fresh = create(keys[1]).await;
    assert_ne!(fresh, theirs);
    server.clock.advance(DAY - Duration::from_secs(60));
    tick().await;
    assert_eq!(create(keys[1]).await, fresh);
    // A hold keeps what the rule would delete.
    set_rules(&server, Rules { held: true, events_days: Some(1), ..Rules::default() }).await;
    server.clock.advance(DAY * 30);
    tick().await;
    assert_eq!(replay(keys[0], &our_event).await, 200);
    set_rules(&server, Rules { events_days: Some(40), ..Rules::default() }).await;
    tick().await;
    assert_eq!(replay(keys[0], &our_event).await, 200, "kept beyond the 30 days of the server");
    server.clock.advance(DAY * 5);
    tick().await;
    assert_eq!(replay(keys[0], &our_event).await, 404);
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
    put_rules(&server, there, rules).await;
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

async fn files_are_exported_with_their_bytes_first(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let id = crate::media::finished(&server).await;
    let media = server.folder().join("media");
    let stored = std::fs::read_dir(&media).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let lost = crate::media::finished(&server).await;
    for entry in std::fs::read_dir(&media).unwrap().flatten().filter(|entry| *entry.file_name() != *stored) {
        std::fs::remove_file(entry.path()).unwrap();
    }
    server.clock.advance(DAY * 31);
    let export = server.folder().join("export");
    let settings =
        RetentionSettings { files_days: Some(30), export: Some(export.clone()), ..RetentionSettings::default() };
    // Without the place for the export, nothing is deleted.
    std::fs::write(&export, "not a folder").unwrap();
    let places = places(&server, settings.clone());
    workers::retention::tick(&server.app, &places).await.unwrap_err();
    assert_eq!(crate::media::files(&server), 1);
    std::fs::remove_file(&export).unwrap();
    // A crash in the middle of an earlier export has left a part.
    std::fs::create_dir(&export).unwrap();
    std::fs::write(export.join(format!("file-{stored}.part")), "012").unwrap();
    assert_eq!(sweep(&server, settings).await.files, 2);
    assert_eq!(crate::media::files(&server), 0);
    let exported = lines(&export, "files-");
    let line = |id: &String| exported.iter().find(|line| line["upload_id"] == **id).unwrap();
    let name = line(&id)["exported_as"].as_str().unwrap();
    assert_eq!(std::fs::read(export.join(name)).unwrap(), b"0123456789");
    assert_eq!(
        (&line(&id)["filename"], &line(&id)["bytes"], &line(&id)["owner"]),
        (&json!("a file.png"), &json!(10), &json!("agent://local/default/worker"))
    );
    assert_eq!(line(&lost)["exported_as"], Value::Null, "missing bytes do not stop the sweep");
    assert_eq!(std::fs::read_dir(&export).unwrap().count(), 2, "no part is left");
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

/// Returns the times of an answer: those given, and null for the others.
fn days(given: Value) -> Value {
    let names = ["intents_days", "files_days", "audit_days", "events_days", "reply_hours"];
    names.iter().map(|name| ((*name).to_owned(), given[*name].clone())).collect::<serde_json::Map<_, _>>().into()
}

async fn admins_set_rules_within_the_bounds_of_the_operator(engine: Engine) {
    let bounds =
        RetentionLimits { intents_days: Some(90), min_days: Some(7), max_days: Some(365), ..Default::default() };
    let server = Server::start_with(engine, Limits { retention: bounds, ..Limits::default() }).await;
    let alice = server.agent("alice").await;
    let first = server.get(&server.admin, "/v1/retention").await["retention"].clone();
    assert_eq!(first["rules"], days(json!({})));
    assert_eq!(first["effective"], days(json!({ "intents_days": 90, "events_days": 30, "reply_hours": 48 })));
    assert_eq!((&first["min_days"], &first["max_days"], &first["held"]), (&json!(7), &json!(365), &json!(false)));
    for wrong in [
        json!({ "intents_days": 6 }),
        json!({ "audit_days": 366 }),
        json!({ "files_days": 0 }),
        json!({ "events_days": 6 }),
        json!({ "reply_hours": 23 }),
        json!({ "reply_hours": 7 * 24 - 1 }),
        json!({ "reply_hours": 365 * 24 + 1 }),
    ] {
        let answer = server.send(&server.admin, "PUT", "/v1/retention", Some(wrong)).await;
        answer.refused(422, "validation_failed");
    }
    let rules = json!({ "intents_days": 30, "files_days": 10, "events_days": 14, "reply_hours": 240 });
    let set = server.send(&server.admin, "PUT", "/v1/retention", Some(rules.clone())).await.ok();
    assert_eq!(set["retention"]["effective"], days(rules.clone()));
    assert_eq!(set["retention"]["updated_by_actor_id"], "owner@local");
    assert_eq!(server.get(&server.admin, "/v1/retention").await, set);
    let line = server.get(&server.admin, "/v1/audit/events?action_prefix=retention.update").await["events"][0].clone();
    assert_eq!(line["details"], days(rules.clone()));
    // The sweep follows the rule.
    completed(&server, &alice).await;
    server.clock.advance(DAY * 31);
    assert_eq!(sweep(&server, keeps_days(90)).await.intents, 1);
    // A rule from before narrower bounds is kept within them.
    set_rules(&server, Rules { intents_days: Some(1), ..Rules::default() }).await;
    completed(&server, &alice).await;
    server.clock.advance(DAY * 3);
    assert_eq!(sweep(&server, keeps_days(90)).await.intents, 0);
    assert_eq!(server.get(&server.admin, "/v1/retention").await["retention"]["effective"]["intents_days"], 7);
    // A rule that is left out follows the server again.
    let cleared = server.send(&server.admin, "PUT", "/v1/retention", Some(json!({}))).await.ok();
    assert_eq!(cleared["retention"]["effective"]["intents_days"], 90);
    // Other workspaces are not found, and agents may not ask.
    let stranger = server.workspace("other", "default").await;
    let named = json!({ "workspace_id": server.bootstrap.workspace_id, "intents_days": 30 });
    server.send(&stranger, "PUT", "/v1/retention", Some(named)).await.refused(404, "not_found");
    let path = format!("/v1/retention?workspace_id={}", server.bootstrap.workspace_id);
    server.send(&stranger, "GET", &path, None).await.refused(404, "not_found");
    server.send(&alice, "PUT", "/v1/retention", Some(rules)).await.refused(403, "forbidden");
    assert_eq!(server.get(&server.admin, "/v1/retention").await["retention"]["rules"]["intents_days"], Value::Null);
}

async fn only_operators_hold_a_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    let tenant = server.workspace("other", "default").await;
    let there = server.get(&tenant, "/v1/me").await["workspace_id"].clone();
    let account = server.post(&tenant, "/v1/service-accounts", json!({ "name": "worker" })).await;
    let keys = format!("/v1/service-accounts/{}/keys", account["service_account_id"].as_str().unwrap());
    let worker = server.post(&tenant, &keys, json!({})).await["api_key"].as_str().unwrap().to_owned();
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    let id = id_of(&server.post(&tenant, "/v1/intents", body).await);
    let answer = json!({ "status": "COMPLETED", "result": {} });
    server.post(&worker, &format!("/v1/intents/{id}/resolve"), answer).await;
    let hold = json!({ "workspace_id": there, "reason": "Case 17" });
    for (key, path) in
        [(&tenant, "/v1/retention/hold"), (&tenant, "/v1/retention/release"), (&worker, "/v1/retention/hold")]
    {
        server.send(key, "POST", path, Some(hold.clone())).await.refused(403, "forbidden");
    }
    // Whether the workspace exists makes no difference to others.
    let unknown = json!({ "workspace_id": Uuid::nil(), "reason": "Case 17" });
    server.send(&tenant, "POST", "/v1/retention/hold", Some(unknown.clone())).await.refused(403, "forbidden");
    server.send(&server.admin, "POST", "/v1/retention/hold", Some(unknown)).await.refused(404, "not_found");
    for reason in ["", "  ", &"x".repeat(501)] {
        let wrong = json!({ "workspace_id": there, "reason": reason });
        server.send(&server.admin, "POST", "/v1/retention/hold", Some(wrong)).await.refused(422, "validation_failed");
    }
    let held = server.post(&server.admin, "/v1/retention/hold", hold.clone()).await["retention"].clone();
    assert_eq!((&held["held"], &held["hold"]["reason"]), (&json!(true), &json!("Case 17")));
    // The admins of the workspace see the hold, and cannot end it by a rule.
    let rules = json!({ "intents_days": 1, "audit_days": 1 });
    let seen = server.send(&tenant, "PUT", "/v1/retention", Some(rules)).await.ok()["retention"].clone();
    assert_eq!((&seen["held"], &seen["hold"]["held_by_actor_id"]), (&json!(true), &json!("owner@local")));
    let again = json!({ "workspace_id": there, "reason": "Another case" });
    let repeated = server.post(&server.admin, "/v1/retention/hold", again.clone()).await;
    assert_eq!(repeated["retention"]["hold"]["reason"], "Case 17", "a repeat changes nothing");
    server.clock.advance(DAY * 60);
    assert_eq!(sweep(&server, RetentionSettings::default()).await.intents, 0);
    server.get(&tenant, &format!("/v1/intents/{id}")).await;
    let released = server.post(&server.admin, "/v1/retention/release", again).await["retention"].clone();
    assert_eq!((&released["held"], &released["hold"]), (&json!(false), &Value::Null));
    assert_eq!(sweep(&server, RetentionSettings::default()).await.intents, 1);
    // Both trails tell of it: the operators' own, and that of the workspace.
    let org = &server.bootstrap.org_id;
    let lines = server.get(&server.admin, &format!("/v1/audit/events?org_id={org}&action_prefix=retention.")).await;
    let actions: Vec<_> = lines["events"].as_array().unwrap().iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["retention.release", "retention.hold"]);
    assert_eq!(lines["events"][1]["details"]["reason"], "Case 17");
    let trail: Uuid = there.as_str().unwrap().parse().unwrap();
    let find = move |tx: &mut Tx<'_>| {
        let filter = axme_store::audit::Filter {
            trail,
            before: Uuid::max(),
            actor: None,
            prefix: Some("retention.hold".to_owned()),
            limit: 10,
        };
        axme_store::audit::list(tx, &filter)
    };
    assert_eq!(server.app.store.read(find).await.unwrap().len(), 1);
}

async fn a_hold_of_a_workspace_keeps_the_trail_of_its_organization(engine: Engine) {
    let server = Server::start(engine).await;
    let org: Uuid = server.bootstrap.org_id.parse().unwrap();
    let members = format!("/v1/organizations/{org}/members");
    server.post(&server.admin, &members, json!({ "actor_id": "a@example.com", "role": "security_auditor" })).await;
    workers::audit_chain::tick(&server.app).await.unwrap();
    server.clock.advance(DAY * 2);
    server.post(&server.admin, &members, json!({ "actor_id": "b@example.com", "role": "security_auditor" })).await;
    workers::audit_chain::tick(&server.app).await.unwrap();
    server.clock.advance(DAY * 40);
    set_rules(&server, Rules { held: true, ..Rules::default() }).await;
    let settings = RetentionSettings { audit_days: Some(30), ..RetentionSettings::default() };
    assert_eq!(sweep(&server, settings.clone()).await.audit_lines, 0);
    set_rules(&server, Rules::default()).await;
    assert!(sweep(&server, settings).await.audit_lines >= 1);
}

async fn what_goes_is_exported_to_a_bucket_first(engine: Engine) {
    let server = Server::start(engine).await;
    let alice = server.agent("alice").await;
    let old = completed(&server, &alice).await;
    crate::media::finished(&server).await;
    server.clock.advance(DAY * 31);
    let store = Arc::new(InMemory::new());
    let bucket = Files::Bucket { store: store.clone(), prefix: object_store::path::Path::from("kept") };
    let settings = RetentionSettings { files_days: Some(30), ..keeps_days(30) };
    let places = Places { export: Some(Exports::Bucket(bucket)), ..places(&server, settings) };
    let swept = workers::retention::tick(&server.app, &places).await.unwrap();
    assert_eq!((swept.intents, swept.files), (1, 1));
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(found.len(), 3);
    let read = async |prefix: &str| {
        let found = found.iter().find(|found| found.location.as_ref().starts_with(prefix)).unwrap();
        store.get(&found.location).await.unwrap().bytes().await.unwrap()
    };
    let line: Value = serde_json::from_slice(read("kept/files-2026-02-01-").await.trim_ascii()).unwrap();
    let copy = format!("kept/{}", line["exported_as"].as_str().unwrap());
    assert_eq!(read(&copy).await.as_ref(), b"0123456789");
    let line: Value = serde_json::from_slice(read("kept/intents-2026-02-01-").await.trim_ascii()).unwrap();
    assert_eq!((&line["intent_id"], &line["kind"]), (&json!(old), &json!("intent")));
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

/// Versions before retention made files that cannot shrink. A sweep would never end if it waited for that.
#[tokio::test]
async fn a_file_that_cannot_shrink_does_not_hold_up_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("axme.db");
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch(
        "PRAGMA auto_vacuum = NONE; CREATE TABLE t (a BLOB); INSERT INTO t VALUES (zeroblob(9000000)); DROP TABLE t",
    )
    .unwrap();
    drop(old);
    let store = axme_store::Store::open_sqlite(&file, &crate::harness::migration()).unwrap();
    assert!(!store.give_back_space().await.unwrap());
    let free = |tx: &mut Tx<'_>| -> Result<_, axme_store::StoreError> {
        Ok(tx.row("PRAGMA freelist_count", &[])?.unwrap().count(0).unwrap())
    };
    assert!(store.read(free).await.unwrap() > 1_000, "the pages are still free");
}
