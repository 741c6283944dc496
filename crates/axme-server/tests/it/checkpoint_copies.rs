//! Checkpoints of the audit trail outside the database: in a folder, in a bucket and in mail. Each copy anchors the trail.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axme_core::audit_proof::verify_database;
use axme_server::audit::Statement;
use axme_server::exports::Exports;
use axme_server::files::Files;
use axme_server::workers;
use axme_server::workers::checkpoint_copies::{self, Destination};
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Engine, Server, Tamper, each_engine, tamper_with_audit};

each_engine! {
    a_folder_of_checkpoints_proves_a_trail,
    a_mail_with_checkpoints_proves_a_trail,
    a_place_that_was_away_gets_what_it_has_missed,
    a_bucket_gets_an_object_for_each_round,
    one_node_at_a_time_writes_to_a_place,
}

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn trail(server: &Server) -> Uuid {
    server.bootstrap.workspace_id.parse().unwrap()
}

/// Writes audit lines, and chains them. The first time, and after a day, a checkpoint is signed.
async fn chained(server: &Server) {
    for n in 0..3 {
        server.agent(&format!("agent-{}-{n}", server.now().micros())).await;
    }
    workers::audit_chain::tick(&server.app).await.unwrap();
}

fn folder(path: &Path) -> Destination {
    Destination::Files { name: path.display().to_string(), exports: Exports::Folder(path.to_owned()) }
}

async fn copy(server: &Server, place: &Destination) -> usize {
    checkpoint_copies::tick(&server.app, place).await.unwrap()
}

/// Returns the text of all files in a folder.
fn text_of(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut files: Vec<_> = entries.unwrap_or_default();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Asserts that kept text anchors the trail, and that it shows a trail that was cut or written anew.
async fn assert_anchors(server: &Server, tamper: Tamper, texts: &[&str]) {
    let trail = trail(server);
    let report = async |kept: &[Statement]| {
        let reports = verify_database(&server.app.store, kept).await.unwrap();
        reports.into_iter().find(|report| report.trail == trail).unwrap()
    };
    let kept: Vec<_> = texts.iter().map(|text| Statement::find_all(text)).collect();
    for kept in &kept {
        let found = report(kept).await;
        assert_eq!((found.broken, found.anchored_to), (None, Some(found.last)));
    }
    tamper_with_audit(server, trail, tamper).await;
    workers::audit_chain::tick(&server.app).await.unwrap();
    assert_eq!(report(&[]).await.broken, None, "{tamper:?} leaves a consistent trail");
    for kept in &kept {
        let why = report(kept).await.broken.map(|(_, why)| why);
        let expected = match tamper {
            Tamper::Cut => "the lines up to the kept checkpoint are missing",
            _ => "the trail differs from the kept checkpoint",
        };
        assert_eq!(why, Some(expected), "{tamper:?}");
    }
}

async fn a_folder_of_checkpoints_proves_a_trail(engine: Engine) {
    for tamper in [Tamper::Cut, Tamper::Rewrite] {
        let server = Server::start(engine).await;
        let path = server.folder().join("kept/checkpoints");
        chained(&server).await;
        assert!(copy(&server, &folder(&path)).await >= 1);
        let text = text_of(&path);
        assert_eq!(copy(&server, &folder(&path)).await, 0, "each of them once");
        assert_eq!(text_of(&path), text);
        // Another place gets them too.
        let other = server.folder().join("other");
        assert!(copy(&server, &folder(&other)).await >= 1);
        assert_anchors(&server, tamper, &[&text, &text_of(&other)]).await;
    }
}

async fn a_mail_with_checkpoints_proves_a_trail(engine: Engine) {
    let server = Server::start(engine).await;
    let outbox = server.folder().join("outbox");
    let place = Destination::Mail { to: "auditor@example.com".to_owned() };
    chained(&server).await;
    assert!(copy(&server, &place).await >= 1);
    // The folder has the mail as it is sent; a person copies its text.
    let source = text_of(&outbox);
    assert!(source.contains("auditor@example.com") && source.contains("axme audit verify --checkpoint"), "{source}");
    let pasted = source.replace("\r\n", "\n").replace("=\n", "").replace("=3D", "=");
    // A trail that has its first checkpoint within the hour waits for the end of the hour.
    let there = server.workspace("other", "default").await;
    server.post(&there, "/v1/service-accounts", json!({ "name": "worker" })).await;
    workers::audit_chain::tick(&server.app).await.unwrap();
    server.clock.advance(HOUR - Duration::from_secs(60));
    assert_eq!(copy(&server, &place).await, 0);
    assert_eq!(text_of(&outbox), source);
    server.clock.advance(Duration::from_secs(120));
    assert!(copy(&server, &place).await >= 1);
    assert_anchors(&server, Tamper::Rewrite, &[&source, &pasted]).await;
}

async fn a_place_that_was_away_gets_what_it_has_missed(engine: Engine) {
    let server = Server::start(engine).await;
    let path = server.folder().join("kept");
    std::fs::write(&path, "a file where the folder should be").unwrap();
    chained(&server).await;
    let refused = checkpoint_copies::tick(&server.app, &folder(&path)).await.unwrap_err().to_string();
    assert!(refused.contains("kept"), "{refused}");
    server.clock.advance(DAY);
    chained(&server).await;
    checkpoint_copies::tick(&server.app, &folder(&path)).await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    // A full disk has left the beginning of a line.
    std::fs::create_dir(&path).unwrap();
    let today: String = server.now().to_string().chars().take(10).collect();
    std::fs::write(path.join(format!("checkpoints-{today}.jsonl")), "{\"kind\":\"aud").unwrap();
    assert!(copy(&server, &folder(&path)).await >= 2);
    let text = text_of(&path);
    let kept = Statement::find_all(&text);
    let ours: Vec<i64> = kept.iter().filter(|one| one.trail == trail(&server)).map(|one| one.link.seq).collect();
    assert!(ours.len() == 2 && ours[0] < ours[1], "{ours:?}");
    let whole = text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count();
    assert_eq!(whole, kept.len(), "all lines but the torn one are JSON: {text}");
    // Mail that was not sent is sent later, without the wait for the next hour.
    let place = Destination::Mail { to: "not an address".to_owned() };
    checkpoint_copies::tick(&server.app, &place).await.unwrap_err();
    checkpoint_copies::tick(&server.app, &place).await.unwrap_err();
    assert_anchors(&server, Tamper::Cut, &[&text]).await;
}

async fn a_bucket_gets_an_object_for_each_round(engine: Engine) {
    let server = Server::start(engine).await;
    let store = Arc::new(InMemory::new());
    let bucket = Files::Bucket { store: store.clone(), prefix: object_store::path::Path::from("kept") };
    let place = Destination::Files { name: "s3://bucket/kept".to_owned(), exports: Exports::Bucket(bucket) };
    chained(&server).await;
    assert!(copy(&server, &place).await >= 1);
    server.clock.advance(DAY);
    chained(&server).await;
    assert!(copy(&server, &place).await >= 1);
    assert_eq!(copy(&server, &place).await, 0);
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(found.len(), 2);
    let mut text = String::new();
    for object in found {
        assert!(object.location.as_ref().starts_with("kept/checkpoints-"), "{}", object.location);
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert_anchors(&server, Tamper::Rewrite, &[&text]).await;
}

async fn one_node_at_a_time_writes_to_a_place(engine: Engine) {
    if engine == Engine::Sqlite {
        return;
    }
    let first = Server::start(engine).await;
    let second = first.another_node().await;
    let path = first.folder().join("kept");
    chained(&first).await;
    let (place, mail) = (folder(&path), Destination::Mail { to: "auditor@example.com".to_owned() });
    let copied = tokio::join!(copy(&first, &place), copy(&second, &place));
    let kept = Statement::find_all(&text_of(&path));
    assert!(!kept.is_empty());
    assert_eq!(copied.0 + copied.1, kept.len(), "{copied:?}");
    let mailed = tokio::join!(copy(&first, &mail), copy(&second, &mail));
    assert_eq!((mailed.0 == 0) as usize + (mailed.1 == 0) as usize, 1, "{mailed:?}");
}
