//! Forgets what is kept for a while only: the answers to idempotent calls, events that were sent to subscribers, what people
//! were told, old links, and what happened in the mesh.

use std::sync::Arc;

use axme_intent::Time;

use crate::app::App;
use crate::error::Result;
use crate::http::media as files;
use crate::ops::COMMON_LANE;
use crate::store::{invites, links, logins, media, mesh, notices, people, replies, routed, webhooks};

/// Rows forgotten in one transaction.
const BATCH: i64 = 500;
const INTERVAL_SECONDS: u64 = 600;
/// How long events are kept, to be replayed; notices; and links that have expired, to say so.
const KEPT_DAYS: u64 = 30;

/// Runs until the server stops.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "old replies could not be swept");
        }
        let next = app.world.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.world.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// Sweeps until nothing old is left. Says how many rows went.
pub async fn tick(app: &Arc<App>) -> Result<usize> {
    let kept = i64::try_from(app.limits.reply_hours).unwrap_or(i64::MAX).saturating_mul(3_600_000_000);
    let before = Time::from_micros(app.world.clock.now().micros().saturating_sub(kept));
    let mut gone = 0;
    loop {
        let swept = app.store.write(COMMON_LANE, move |tx| Ok(replies::sweep(tx, before, BATCH)?)).await?;
        gone += swept;
        if swept < BATCH as usize {
            break;
        }
    }
    let before = app.world.clock.now().minus_millis(KEPT_DAYS * 24 * 3_600_000);
    for sweep in [
        logins::sweep,
        people::sweep,
        invites::sweep,
        media::sweep,
        routed::sweep,
        webhooks::sweep,
        notices::sweep,
        links::sweep,
        mesh::sweep,
    ] {
        loop {
            let swept = app.store.write(COMMON_LANE, move |tx| Ok(sweep(tx, before, BATCH)?)).await?;
            gone += swept;
            if swept < BATCH as usize {
                break;
            }
        }
    }
    Ok(gone + sweep_files(app).await?)
}

/// Removes the bytes of files that were not finished in time. Says how many files.
async fn sweep_files(app: &Arc<App>) -> Result<usize> {
    let now = app.world.clock.now();
    let mut gone = 0;
    loop {
        let expired = app.store.read(move |tx| Ok(media::list_expired(tx, now, BATCH)?)).await?;
        if expired.is_empty() {
            return Ok(gone);
        }
        gone += expired.len();
        for upload in expired {
            // The bytes first: what is done half is done again.
            if let Some(stored) = upload.stored {
                files::remove(files::path_of(app, &stored.file)?).await;
            }
            let (workspace, id) = (upload.workspace, upload.id);
            app.store.write(COMMON_LANE, move |tx| Ok(media::set_stored(tx, workspace, id, None)?)).await?;
        }
    }
}
