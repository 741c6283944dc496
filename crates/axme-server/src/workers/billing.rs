//! Writes the invoices of periods that are over, and issues those that have been drafts for a day.
//!
//! Several nodes may do it at once: a period is ended under the lock of its plan, and an invoice is issued once.

use std::sync::Arc;

use axme_core::error::Result;
use axme_core::ops::invoices;
use axme_core::state::AppState;
use axme_store::{Shard, billing, invoices as store};

/// Plans, and drafts, looked at in one go.
const BATCH: i64 = 100;
/// Goes in one round; the rest waits for the next one.
const MOST_BATCHES: usize = 100;
const INTERVAL_SECONDS: u64 = 600;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    loop {
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "invoices could not be written");
        }
        let next = app.system.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// One round: ends periods that are over, then issues drafts. A plan that is several periods behind gets an invoice for each.
pub async fn tick(app: &Arc<AppState>) -> Result<()> {
    let now = app.system.clock.now();
    for _ in 0..MOST_BATCHES {
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
    for _ in 0..MOST_BATCHES {
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
