//! The proof of audit trails: against checkpoints that were kept outside, in the database and in an export.

use std::path::PathBuf;

use axme_core::audit_proof::{TrailReport, verify_database};
use axme_server::audit::{Statement, verify_export};
use axme_server::config::RetentionSettings;
use axme_server::exports::Exports;
use axme_server::workers;
use axme_server::workers::retention::Places;
use axme_store::{StoreError, Tx, audit_chain};
use uuid::Uuid;

use crate::harness::{Engine, Server, Tamper, each_engine, tamper_with_audit};

each_engine! {
    a_kept_checkpoint_proves_a_trail,
    each_kind_of_tampering_is_found,
    an_export_is_proven_without_its_server,
}

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Writes audit lines and chains them. The first time, and after a day, a checkpoint is signed.
async fn chained(server: &Server, lines: usize) {
    for n in 0..lines {
        server.agent(&format!("agent-{}-{n}", server.now().micros())).await;
    }
    workers::audit_chain::tick(&server.app).await.unwrap();
}

fn trail(server: &Server) -> Uuid {
    server.bootstrap.workspace_id.parse().unwrap()
}

/// Returns the last checkpoint as a line of the log has it.
async fn kept(server: &Server) -> Vec<Statement> {
    let (trail, now) = (trail(server), server.now().plus_seconds(1));
    let find = move |tx: &mut Tx<'_>| -> Result<_, StoreError> { audit_chain::last_checkpoint(tx, trail, now) };
    let checkpoint = server.app.store.read(find).await.unwrap().unwrap();
    let log = format!(r#"{{"message":"audit checkpoint","statement":"{}","seq":1}}"#, checkpoint.statement);
    let found = Statement::find_all(&log);
    assert_eq!((found.len(), found[0].trail, found[0].link), (1, trail, checkpoint.link));
    found
}

async fn report(server: &Server, kept: &[Statement]) -> TrailReport {
    let reports = verify_database(&server.app.store, kept).await.unwrap();
    reports.into_iter().find(|report| report.trail == trail(server)).unwrap()
}

async fn a_kept_checkpoint_proves_a_trail(engine: Engine) {
    let server = Server::start(engine).await;
    chained(&server, 3).await;
    let kept = kept(&server).await;
    let found = report(&server, &[]).await;
    assert_eq!((found.first, found.broken, found.anchored_to), (1, None, None));
    assert!(found.lines >= 3 && found.last == found.lines as i64, "{found:?}");
    let found = report(&server, &kept).await;
    assert_eq!((found.broken, found.anchored_to), (None, Some(found.last)));
    // Later lines are beyond the checkpoint.
    chained(&server, 1).await;
    let later = report(&server, &kept).await;
    assert_eq!((later.anchored_to, later.broken), (found.anchored_to, None));
    assert!(later.last > found.last);
    // A database without the trail is not the one that signed.
    let other = Server::start(engine).await;
    chained(&other, 3).await;
    let reports = verify_database(&other.app.store, &kept).await.unwrap();
    let missing = reports.iter().find(|report| report.trail == trail(&server)).unwrap();
    assert_eq!(missing.broken, Some((1, "the lines up to the kept checkpoint are missing")));
}

async fn each_kind_of_tampering_is_found(engine: Engine) {
    for (tamper, why) in [
        (Tamper::Change, "the line was changed"),
        (Tamper::Delete, "the line is missing"),
        (Tamper::Truncate, "the last lines are missing"),
    ] {
        let server = Server::start(engine).await;
        chained(&server, 3).await;
        let kept = kept(&server).await;
        tamper_with_audit(&server, trail(&server), tamper).await;
        for kept in [&[][..], &kept] {
            assert_eq!(report(&server, kept).await.broken.map(|(_, why)| why), Some(why), "{tamper:?}");
        }
    }
    // A chain that the owner of the database made anew is consistent. Only the kept checkpoint shows it.
    let server = Server::start(engine).await;
    chained(&server, 3).await;
    let kept = kept(&server).await;
    tamper_with_audit(&server, trail(&server), Tamper::Rewrite).await;
    workers::audit_chain::tick(&server.app).await.unwrap();
    assert_eq!(report(&server, &[]).await.broken, None);
    let found = report(&server, &kept).await;
    assert_eq!(found.broken, Some((kept[0].link.seq, "the trail differs from the kept checkpoint")));
}

async fn an_export_is_proven_without_its_server(engine: Engine) {
    let server = Server::start(engine).await;
    chained(&server, 4).await;
    let kept = kept(&server).await;
    server.clock.advance(DAY * 40);
    let folder = server.folder().join("export");
    let settings = RetentionSettings { audit_days: Some(30), ..RetentionSettings::default() };
    let export = Some(Exports::Folder(folder.clone()));
    let places = Places { settings, files: None, outbox: server.folder().join("outbox"), export };
    let swept = workers::retention::tick(&server.app, &places).await.unwrap().audit_lines;
    assert!(swept >= 4, "{swept}");
    let is_audit = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit-"));
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = entries.filter(is_audit).collect();

    let find = |reports: Vec<TrailReport>| reports.into_iter().find(|report| report.trail == trail(&server)).unwrap();
    let found = find(verify_export(&files, &kept).unwrap());
    assert_eq!((found.first, found.lines, found.broken), (1, swept, None));
    assert_eq!(found.anchored_to, Some(kept[0].link.seq));
    // The sweep ended at that checkpoint, so it also proves where the rest of the database begins.
    let rest = report(&server, &kept).await;
    assert_eq!((rest.first, rest.anchored_to), (found.last + 1, Some(kept[0].link.seq)));

    let text = std::fs::read_to_string(&files[0]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let of_trail = |line: &&str| line.contains("\"kind\":\"audit\"") && line.contains(&trail(&server).to_string());
    let second = *lines.iter().filter(|line| of_trail(line)).nth(1).unwrap();
    let copy = folder.join("audit-copy.jsonl");
    let proven = |text: String| {
        std::fs::write(&copy, text).unwrap();
        verify_export(std::slice::from_ref(&copy), &kept)
    };
    // A crash may leave a line twice.
    assert_eq!(find(proven(text.replace(second, &format!("{second}\n{second}"))).unwrap()).broken, None);
    let changed = second.replacen("\"subject\":\"", "\"subject\":\"x", 1);
    assert_ne!(changed, second);
    assert_eq!(find(proven(text.replace(second, &changed)).unwrap()).broken, Some((2, "the line was changed")));
    assert_eq!(find(proven(text.replace(second, "")).unwrap()).broken, Some((2, "the line is missing")));
    let forged = text.replace("\"public_key\":\"", "\"public_key\":\"A");
    assert!(proven(forged).unwrap_err().to_string().contains("the signature of a checkpoint is wrong"));
}
