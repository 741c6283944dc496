//! Chains audit lines after their commit, in batches, and signs checkpoints. A checkpoint is also a log line, so that a
//! copy of it is outside the database.

use std::sync::Arc;

use axme_core::audit_chain;
use axme_core::error::Result;
use axme_core::state::AppState;
use axme_store::{Shard, Tx, audit_chain as store};
use uuid::Uuid;

/// Trails read in one query.
const PAGE: i64 = 100;
const INTERVAL_SECONDS: u64 = 10;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    loop {
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "could not chain the audit trail");
        }
        let next = app.system.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// Chains all waiting lines. Returns their number.
pub async fn tick(app: &Arc<AppState>) -> Result<usize> {
    let (mut done, mut after) = (0, Uuid::nil());
    loop {
        let trails = app.store.read(move |tx| store::list_waiting(tx, after, PAGE)).await?;
        let Some(last) = trails.last() else { return Ok(done) };
        after = *last;
        for trail in trails {
            done += chain(app, trail).await?;
            if let Some(checkpoint) = audit_chain::checkpoint(app, trail).await? {
                let (seq, statement, public_key) = (checkpoint.link.seq, checkpoint.statement, checkpoint.public_key);
                tracing::info!(%trail, seq, statement, public_key, "audit checkpoint");
            }
        }
    }
}

async fn chain(app: &Arc<AppState>, trail: Uuid) -> Result<usize> {
    let mut done = 0;
    loop {
        let shard = Shard::of_workspace(trail);
        let chained = app.store.write(shard, move |tx: &mut Tx<'_>| audit_chain::extend(tx, trail)).await?;
        done += chained;
        if chained < audit_chain::BATCH as usize {
            return Ok(done);
        }
    }
}
