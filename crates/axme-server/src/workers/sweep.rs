//! Deletes data that is kept for a limited time: replies of idempotent calls, events for subscribers, notices, old
//! links, events of the mesh, and others. Also removes unfinished and orphaned files.

use std::sync::Arc;

use axme_intent::Time;
use futures_util::TryStreamExt;
use futures_util::future::ready;
use uuid::Uuid;

use crate::files::Files;
use axme_core::error::{Result, StoreError};
use axme_core::ops::access_requests::KEPT_DAYS as REQUESTS_KEPT_DAYS;
use axme_core::state::AppState;
use axme_store::retention::{self, Oldest, Rules};
use axme_store::{
    Limits, Shard, Tx, access_requests, consumers, invites, links, logins, media, mesh, notices, oauth,
    person_accounts, quotas, replies, routed_deliveries, webhooks,
};

/// Rows deleted in one transaction.
const BATCH: i64 = 500;
const INTERVAL_SECONDS: u64 = 600;
/// Workspaces looked at in one query.
const WORKSPACES: usize = 100;
/// How long most data is kept: an expired link still says that it has expired.
const KEPT_DAYS: u64 = 30;
/// The longest time that a call can run.
const LATE_MILLIS: u64 = 60_000;
/// How long ended sign-ins are kept: attempts are counted over a day.
const LOGINS_KEPT_HOURS: u64 = 24;
/// How long the name of a silent reader that holds nothing is kept. It is forgotten earlier when other names arrive.
const CONSUMERS_KEPT_HOURS: u64 = 1;

/// How often all files are checked, and the age of an orphan. An upload lives a week at most, so an older file is
/// either finished or abandoned.
const ORPHANS_HOURS: u64 = 24;
const ORPHAN_DAYS: u64 = 8;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>, files: Option<Files>) {
    let mut orphans_at = app.system.clock.now();
    loop {
        if let Err(error) = tick(&app, files.as_ref()).await {
            tracing::warn!(%error, "could not delete old data");
        }
        if orphans_at <= app.system.clock.now() {
            orphans_at = app.system.clock.now().plus_seconds(ORPHANS_HOURS * 3_600);
            if let Err(error) = sweep_orphans(&app, files.as_ref()).await {
                tracing::warn!(%error, "could not delete orphaned files");
            }
        }
        let next = app.system.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// Sweeps until nothing old is left. Returns the number of deleted rows and files.
pub async fn tick(app: &Arc<AppState>, files: Option<&Files>) -> Result<usize> {
    let mut gone = 0;
    for family in [&REPLIES, &EVENTS] {
        gone += sweep_by_rules(app, family).await?;
    }
    app.limiter.sweep(app.system.clock.now());
    type Sweep = fn(&mut Tx<'_>, Time, i64) -> Result<usize, StoreError>;
    let sweeps: [(Sweep, u64); 12] = [
        (logins::sweep, LOGINS_KEPT_HOURS),
        (oauth::sweep, LOGINS_KEPT_HOURS),
        (consumers::sweep, CONSUMERS_KEPT_HOURS),
        (person_accounts::sweep, KEPT_DAYS * 24),
        (invites::sweep, KEPT_DAYS * 24),
        (media::sweep, KEPT_DAYS * 24),
        (routed_deliveries::sweep, KEPT_DAYS * 24),
        (notices::sweep, KEPT_DAYS * 24),
        (links::sweep, KEPT_DAYS * 24),
        (mesh::sweep, KEPT_DAYS * 24),
        (quotas::sweep, KEPT_DAYS * 24),
        (access_requests::sweep, REQUESTS_KEPT_DAYS * 24),
    ];
    for (sweep, hours) in sweeps {
        let before = app.system.clock.now().minus_millis(hours * 3_600_000);
        loop {
            let swept = app.store.write(Shard::CONTROL, move |tx| sweep(tx, before, BATCH)).await?;
            gone += swept;
            if swept < BATCH as usize {
                break;
            }
        }
    }
    Ok(gone + sweep_idle(app).await? + sweep_files(app, files).await?)
}

/// Rows whose age limit a workspace may choose.
struct Family {
    /// Returns the time before which rows go.
    limit: fn(&Limits, &Rules, Time) -> Time,
    find_oldest: fn(&mut Tx<'_>, Uuid) -> Result<Option<Oldest>, StoreError>,
    sweep: fn(&mut Tx<'_>, Uuid, Time, i64) -> Result<usize, StoreError>,
}

static REPLIES: Family = Family {
    limit: |limits, rules, now| before(now, limits.reply_hours_of(rules.reply_hours)),
    find_oldest: replies::find_oldest,
    sweep: replies::sweep,
};

static EVENTS: Family = Family { limit: events_limit, find_oldest: webhooks::find_oldest, sweep: webhooks::sweep };

fn events_limit(limits: &Limits, rules: &Rules, now: Time) -> Time {
    before(now, limits.retention.events_days(rules.events_days).saturating_mul(24))
}

fn before(now: Time, hours: u64) -> Time {
    now.minus_millis(hours.saturating_mul(3_600_000))
}

/// Deletes the rows of each workspace that are older than its rule, or than the setting of the server. Returns their number.
async fn sweep_by_rules(app: &Arc<AppState>, family: &'static Family) -> Result<usize> {
    let (mut gone, mut from) = (0, Some(Uuid::nil()));
    while let Some(first) = from {
        let now = app.system.clock.now();
        // Only a workspace with old rows takes the writer.
        let look = move |tx: &mut Tx<'_>| -> Result<_, StoreError> {
            let (mut due, mut next) = (Vec::new(), Some(first));
            for _ in 0..WORKSPACES {
                let oldest = next.map(|from| (family.find_oldest)(tx, from)).transpose()?.flatten();
                let Some(oldest) = oldest else { return Ok((due, None)) };
                let rules = retention::find(tx, oldest.workspace)?.rules;
                if !rules.held && oldest.at < (family.limit)(tx.limits, &rules, now) {
                    due.push(oldest.workspace);
                }
                next = oldest.workspace.as_u128().checked_add(1).map(Uuid::from_u128);
            }
            Ok((due, next))
        };
        let (due, next) = app.store.read(look).await?;
        from = next;
        for workspace in due {
            let sweep = move |tx: &mut Tx<'_>| -> Result<usize, StoreError> {
                // A hold may have begun in the meantime, and a rule may have changed.
                retention::lock_sweeps(tx, workspace)?;
                let rules = retention::find(tx, workspace)?.rules;
                let before = (family.limit)(tx.limits, &rules, now);
                if rules.held { Ok(0) } else { (family.sweep)(tx, workspace, before, BATCH) }
            };
            loop {
                let swept = app.store.write(Shard::of_workspace(workspace), sweep).await?;
                gone += swept;
                if swept < BATCH as usize {
                    break;
                }
            }
        }
    }
    Ok(gone)
}

/// Deletes old deliveries to paused or ended subscribers, whose events are deleted too. Returns the number of rows.
async fn sweep_idle(app: &Arc<AppState>) -> Result<usize> {
    let now = app.system.clock.now();
    let (mut gone, mut after) = (0, (Uuid::nil(), Uuid::nil()));
    loop {
        let idle = app.store.read(move |tx| webhooks::list_idle(tx, after, BATCH)).await?;
        let Some(last) = idle.last() else { return Ok(gone) };
        after = (last.workspace, last.id);
        let drop = move |tx: &mut Tx<'_>| -> Result<u64, StoreError> {
            let mut dropped = 0;
            for idle in &idle {
                let rules = retention::find(tx, idle.workspace)?.rules;
                if !rules.held {
                    dropped += webhooks::drop_old(tx, idle, events_limit(tx.limits, &rules, now))?;
                }
            }
            Ok(dropped)
        };
        gone += usize::try_from(app.store.write(Shard::CONTROL, drop).await?).unwrap_or(0);
    }
}

/// Removes the bytes of files that were not finished in time. Returns the number of files.
async fn sweep_files(app: &Arc<AppState>, files: Option<&Files>) -> Result<usize> {
    // A call that arrived just in time may still be running.
    let now = app.system.clock.now().minus_millis(LATE_MILLIS);
    let mut gone = 0;
    loop {
        let expired = app.store.read(move |tx| media::list_expired(tx, now, BATCH)).await?;
        if expired.is_empty() {
            return Ok(gone);
        }
        gone += expired.len();
        for upload in expired {
            let (workspace, id) = (upload.workspace, upload.id);
            // Change the row first: the file may have been finished at the last moment. A crash then leaves an orphan.
            let is_over = app.store.write(Shard::CONTROL, move |tx| media::set_stored(tx, workspace, id, None)).await?;
            if let (Some(stored), Some(files)) = (upload.stored.filter(|_| is_over), files)
                && let Err(error) = files.remove(&stored.file).await
            {
                tracing::warn!(name = stored.file, %error, "could not remove a file yet");
            }
        }
    }
}

/// Removes files that no upload names, which a crash can leave. Returns their number. Files with foreign names stay.
pub async fn sweep_orphans(app: &Arc<AppState>, files: Option<&Files>) -> Result<usize> {
    let Some(files) = files else { return Ok(0) };
    let before = app.system.clock.now().minus_millis(ORPHAN_DAYS * 24 * 3_600_000);
    let mut names = files.names().await?.try_filter(|name| ready(is_older(name, before))).try_chunks(BATCH as usize);
    let mut gone = 0;
    while let Some(chunk) = names.try_next().await.map_err(|error| error.1)? {
        let unknown = move |tx: &mut Tx<'_>| -> Result<_> {
            let mut unknown = Vec::new();
            for name in &chunk {
                if !media::is_known(tx, name)? {
                    unknown.push(name.clone());
                }
            }
            Ok(unknown)
        };
        for name in app.store.read(unknown).await? {
            match files.remove(&name).await {
                Ok(()) => gone += 1,
                Err(error) => tracing::warn!(name, %error, "could not remove a file yet"),
            }
        }
    }
    Ok(gone)
}

/// Returns whether a file belongs to an upload that was announced before `before`, by the id in its name.
fn is_older(name: &str, before: Time) -> bool {
    let id = name.get(..36).and_then(|id| Uuid::parse_str(id).ok());
    let announced = id.and_then(|id| id.get_timestamp()).map(|at| at.to_unix());
    announced.is_some_and(|(seconds, _)| i64::try_from(seconds).unwrap_or(i64::MAX) < before.micros() / 1_000_000)
}
