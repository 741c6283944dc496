//! Deletes what is older than its workspace keeps: ended intents, files and audit lines. Exports each of them first, if
//! a folder for exports is set.
//!
//! A workspace on hold loses nothing. Deletions run in small transactions, so that calls get their turn in between. After
//! a crash the next sweep continues; an export may then hold an intent twice.

use std::path::PathBuf;
use std::sync::Arc;

use axme_api::ErrorCode;
use axme_core::audit_chain::{self, Verdict};
use axme_core::error::{Error, Result, StoreError};
use axme_core::state::AppState;
use axme_intent::Time;
use axme_store::media::StoredFile;
use axme_store::retention::{self as store, OldFile, Rules};
use axme_store::{Shard, Tx, audit_chain as chain};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::RetentionSettings;
use crate::exports::Exports;
use crate::files::Files;

/// Intents or files looked at in one query, and deleted in one transaction.
const BATCH: i64 = 50;
/// Audit lines deleted in one transaction.
const LINES: i64 = 500;
/// Workspaces, or trails, read in one query.
const PAGE: i64 = 100;

/// The places that a sweep works on besides the database.
#[derive(Clone)]
pub struct Places {
    pub settings: RetentionSettings,
    pub files: Option<Files>,
    /// The folder to which mail is written without a mail server.
    pub outbox: PathBuf,
    /// The place that gets what is deleted first.
    pub export: Option<Exports>,
}

/// The numbers of deleted things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub intents: usize,
    pub files: usize,
    pub audit_lines: u64,
    pub mails: usize,
}

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>, places: Places) {
    loop {
        match tick(&app, &places).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(Swept { intents, files, audit_lines, mails }) => {
                tracing::info!(intents, files, audit_lines, mails, "deleted what was older than it is kept");
            }
            Err(error) => tracing::warn!(%error, "could not delete what is older than it is kept"),
        }
        // Twenty-four times a day.
        let interval = (places.settings.day_seconds / 24).max(1);
        let next = app.system.clock.now().plus_seconds(interval);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// Sweeps everything that is due.
pub async fn tick(app: &Arc<AppState>, places: &Places) -> Result<Swept> {
    let mut swept = Swept::default();
    let mut after = Uuid::nil();
    loop {
        let workspaces = app.store.read(move |tx| store::list(tx, after, PAGE)).await?;
        let Some((last, _)) = workspaces.last() else { break };
        after = *last;
        for (workspace, rules) in workspaces.into_iter().filter(|(_, rules)| !rules.held) {
            if let Some(before) = limit(app, places, rules.intents_days, places.settings.intents_days) {
                swept.intents += sweep_intents(app, places, workspace, before).await?;
            }
            if let Some(before) = limit(app, places, rules.files_days, places.settings.files_days) {
                swept.files += sweep_files(app, places, workspace, before).await?;
            }
        }
    }
    swept.audit_lines = sweep_audit(app, places).await?;
    swept.mails = sweep_outbox(app, places);
    while swept != Swept::default() && !*app.stopping.borrow() && app.store.give_back_space().await? {}
    Ok(swept)
}

/// Returns the time before which data goes; `None` if it is kept forever. The workspace's own rule wins, within the
/// bounds of the operator.
fn limit(app: &AppState, places: &Places, own: Option<i64>, of_server: Option<u64>) -> Option<Time> {
    let days = app.limits.retention.days(own, of_server)?;
    Some(app.system.clock.now().minus_millis(days * places.settings.day_seconds * 1_000))
}

async fn sweep_intents(app: &Arc<AppState>, places: &Places, workspace: Uuid, before: Time) -> Result<usize> {
    let (mut gone, mut after) = (0, Uuid::nil());
    loop {
        let page = app.store.read(move |tx| store::list_ended(tx, workspace, after, before, BATCH)).await?;
        let Some(last) = page.last else { return Ok(gone) };
        after = last;
        if page.due.is_empty() {
            continue;
        }
        if places.export.is_some() {
            let due = page.due.clone();
            let look = move |tx: &mut Tx<'_>| -> Result<Vec<Value>, StoreError> {
                let lines = due.iter().map(|id| store::export_intent(tx, workspace, *id));
                lines.filter_map(Result::transpose).collect()
            };
            export(app, places, "intents", app.store.read(look).await?).await?;
        }
        let due = page.due;
        let delete = move |tx: &mut Tx<'_>| -> Result<usize, StoreError> {
            // A hold may have begun in the meantime.
            store::lock_sweeps(tx, workspace)?;
            if store::is_held(tx, workspace)? {
                return Ok(0);
            }
            let mut deleted = 0;
            for id in &due {
                deleted += usize::from(store::delete_intent(tx, workspace, *id)?);
            }
            Ok(deleted)
        };
        gone += app.store.write(Shard::of_workspace(workspace), delete).await?;
    }
}

async fn sweep_files(app: &Arc<AppState>, places: &Places, workspace: Uuid, before: Time) -> Result<usize> {
    let (mut gone, mut after) = (0, Uuid::nil());
    loop {
        let page = app.store.read(move |tx| store::list_files(tx, workspace, after, before, BATCH)).await?;
        let Some(last) = page.last() else { return Ok(gone) };
        after = last.id;
        let due: Vec<_> = page.into_iter().filter(|file| file.finalized_at < before).collect();
        export_files(app, places, workspace, &due).await?;
        let ids: Vec<Uuid> = due.iter().map(|file| file.id).collect();
        let delete = move |tx: &mut Tx<'_>| -> Result<bool, StoreError> {
            store::lock_sweeps(tx, workspace)?;
            if store::is_held(tx, workspace)? {
                return Ok(false);
            }
            for id in &ids {
                store::delete_file(tx, workspace, *id)?;
            }
            Ok(true)
        };
        if !app.store.write(Shard::of_workspace(workspace), delete).await? {
            return Ok(gone);
        }
        gone += due.len();
        // The row went first: a crash leaves bytes that the sweep of orphans removes.
        for stored in due.into_iter().filter_map(|file| file.stored) {
            if let Some(files) = &places.files
                && let Err(error) = files.remove(&stored.file).await
            {
                tracing::warn!(name = stored.file, %error, "could not remove a file yet");
            }
        }
    }
}

/// Exports the bytes of files, and then a line about each of them.
async fn export_files(app: &AppState, places: &Places, workspace: Uuid, due: &[OldFile]) -> Result<()> {
    let Some(place) = places.export.as_ref().map(Exports::files) else { return Ok(()) };
    let mut lines = Vec::with_capacity(due.len());
    for file in due {
        let exported_as = match (&places.files, &file.stored) {
            (Some(files), Some(stored)) => export_bytes(files, stored, &place).await?,
            _ => None,
        };
        lines.push(json!({
            "kind": "file", "workspace_id": workspace, "upload_id": file.id, "owner": file.owner,
            "filename": file.filename, "mime_type": file.mime_type, "finalized_at": file.finalized_at.to_string(),
            "bytes": file.stored.as_ref().map(|stored| stored.bytes),
            "sha256": file.stored.as_ref().map(|stored| &stored.sha256), "exported_as": exported_as,
        }));
    }
    if lines.is_empty() { Ok(()) } else { export(app, places, "files", lines).await }
}

/// Copies the bytes of a file, and returns the name of the copy; `None` if the bytes are missing.
async fn export_bytes(files: &Files, stored: &StoredFile, place: &Files) -> Result<Option<String>> {
    let name = format!("file-{}", stored.file);
    let bytes = u64::try_from(stored.bytes).unwrap_or(0);
    match files.copy(&stored.file, bytes, place, &name).await {
        Ok(()) => Ok(Some(name)),
        Err(Error::Api(error)) if error.code == ErrorCode::FileMissing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes audit lines up to a signed checkpoint, which stays. A trail that does not verify is left alone.
async fn sweep_audit(app: &Arc<AppState>, places: &Places) -> Result<u64> {
    let (mut gone, mut after) = (0, Uuid::nil());
    loop {
        let trails = app.store.read(move |tx| chain::list_trails(tx, after, PAGE)).await?;
        let Some(last) = trails.last() else { return Ok(gone) };
        after = *last;
        for trail in trails {
            gone += sweep_trail(app, places, trail).await?;
        }
    }
}

async fn sweep_trail(app: &Arc<AppState>, places: &Places, trail: Uuid) -> Result<u64> {
    let rules: Rules = app.store.read(move |tx| store::find(tx, trail)).await?.rules;
    let Some(before) = limit(app, places, rules.audit_days, places.settings.audit_days) else { return Ok(0) };
    let look = move |tx: &mut Tx<'_>| -> Result<_, StoreError> {
        if store::is_trail_held(tx, trail)? {
            return Ok((None, None));
        }
        Ok((chain::find_head(tx, trail)?, chain::last_checkpoint(tx, trail, before)?))
    };
    let (Some(head), Some(checkpoint)) = app.store.read(look).await? else { return Ok(0) };
    let (from, seq) = (head.swept_seq, checkpoint.link.seq);
    if seq > from {
        if let Verdict::Broken(at) = audit_chain::verify(&app.store, trail).await? {
            tracing::error!(%trail, seq = at.seq, why = at.why, "the audit trail does not verify: nothing of it is deleted");
            return Ok(0);
        }
        if places.export.is_some() {
            export_lines(app, places, trail, from, &checkpoint).await?;
        }
        let mark = move |tx: &mut Tx<'_>| chain::begin_sweep(tx, trail, seq);
        app.store.write(Shard::of_workspace(trail), mark).await?;
    }
    let mut gone = 0;
    loop {
        let delete = move |tx: &mut Tx<'_>| -> Result<u64, StoreError> {
            store::lock_sweeps(tx, trail)?;
            if store::is_trail_held(tx, trail)? { Ok(0) } else { chain::sweep(tx, trail, LINES) }
        };
        let swept = app.store.write(Shard::of_workspace(trail), delete).await?;
        gone += swept;
        if swept < LINES as u64 {
            return Ok(gone);
        }
    }
}

async fn export_lines(
    app: &Arc<AppState>,
    places: &Places,
    trail: Uuid,
    from: i64,
    checkpoint: &chain::Checkpoint,
) -> Result<()> {
    let mut after = from;
    while after < checkpoint.link.seq {
        let lines = app.store.read(move |tx| chain::list_chained(tx, trail, after, LINES)).await?;
        let Some(last) = lines.last().and_then(|line| line.link) else { break };
        after = last.seq;
        let line = |line: &chain::Line| {
            let link = line.link?;
            (link.seq <= checkpoint.link.seq).then(|| {
                json!({
                    "kind": "audit", "trail_id": trail, "seq": link.seq, "hash": axme_store::hex(&link.hash), "audit_id": line.id,
                    "at": line.at.to_string(), "at_micros": line.at.micros(), "actor": line.actor, "action": line.action, "subject": line.subject,
                    "details": line.details,
                })
            })
        };
        export(app, places, "audit", lines.iter().filter_map(line).collect()).await?;
    }
    export(app, places, "audit", vec![checkpoint_line(trail, checkpoint)]).await
}

/// Returns a checkpoint as a line of an export.
pub(super) fn checkpoint_line(trail: Uuid, checkpoint: &chain::Checkpoint) -> Value {
    json!({
        "kind": "audit_checkpoint", "trail_id": trail, "seq": checkpoint.link.seq,
        "hash": axme_store::hex(&checkpoint.link.hash), "statement": checkpoint.statement, "public_key": checkpoint.public_key,
    })
}

/// Exports lines before their deletion. They are durable when this returns.
async fn export(app: &AppState, places: &Places, what: &str, lines: Vec<Value>) -> Result<()> {
    match &places.export {
        Some(place) => place.write(&app.system, what, &lines).await,
        None => Ok(()),
    }
}

/// Deletes old mail from the folder that stands in for a mail server. Returns the number of files.
fn sweep_outbox(app: &AppState, places: &Places) -> usize {
    let Some(before) = limit(app, places, None, places.settings.outbox_days) else { return 0 };
    let Ok(entries) = std::fs::read_dir(&places.outbox) else { return 0 };
    let is_old = |entry: &std::fs::DirEntry| {
        let modified = entry.metadata().and_then(|found| found.modified()).ok();
        let since = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        since.is_some_and(|since| i64::try_from(since.as_micros()).is_ok_and(|micros| micros < before.micros()))
    };
    entries.flatten().filter(is_old).filter(|entry| std::fs::remove_file(entry.path()).is_ok()).count()
}
