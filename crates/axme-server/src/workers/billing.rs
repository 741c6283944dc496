//! Writes the invoices of periods that have ended, and issues drafts that are a day old.
//!
//! Several nodes may run it at once: a period is closed under the lock of its plan, and an invoice is issued once.

use std::sync::Arc;

use axme_core::error::Result;
use axme_core::ops::invoices;
use axme_core::state::AppState;
use axme_store::{Shard, billing, invoices as store};

/// Plans, or drafts, read in one batch.
const BATCH: i64 = 100;
/// Maximum number of batches in one round; the rest waits for the next round.
const MAX_BATCHES: usize = 100;
const INTERVAL_SECONDS: u64 = 600;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    loop {
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "could not write invoices");
        }
        let next = app.system.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// Runs one round: closes periods, then issues drafts. A plan that is several periods behind gets an invoice for each.
pub async fn tick(app: &Arc<AppState>) -> Result<()> {
    let now = app.system.clock.now();
    for _ in 0..MAX_BATCHES {
        let over = app.store.read(move |tx| billing::list_over(tx, now, BATCH)).await?;
        for workspace in &over {
            let workspace = *workspace;
            app.store.write(Shard::CONTROL, move |tx| invoices::close(tx, workspace)).await?;
        }
        if over.is_empty() {
            break;
        }
    }
    let ended_before = now.minus_millis(invoices::DRAFT_SECONDS * 1_000);
    for _ in 0..MAX_BATCHES {
        let drafts = app.store.read(move |tx| store::list_drafts(tx, ended_before, BATCH)).await?;
        let is_last = drafts.is_empty();
        for draft in drafts {
            app.store.write(Shard::CONTROL, move |tx| invoices::issue(tx, &draft)).await?;
        }
        if is_last {
            break;
        }
    }
    Ok(())
}
