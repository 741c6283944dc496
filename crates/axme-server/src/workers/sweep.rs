//! Forgets what is kept for a while only: the answers to idempotent calls.

use std::sync::Arc;

use axme_intent::Time;

use crate::app::App;
use crate::error::Result;
use crate::ops::COMMON_LANE;
use crate::store::replies;

/// Rows forgotten in one transaction.
const BATCH: i64 = 500;
const INTERVAL_SECONDS: u64 = 600;

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
            return Ok(gone);
        }
    }
}
