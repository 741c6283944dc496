//! Writes the signs of life of named readers that are only in memory, so that other nodes know them.

use std::sync::Arc;

use axme_core::error::Result;
use axme_core::state::AppState;

/// Much less than the time after which claims lapse.
const INTERVAL_SECONDS: u64 = 10;

/// Runs until the server stops, with a last round then.
pub async fn run(app: Arc<AppState>) {
    loop {
        let is_last = super::next_round(&app, INTERVAL_SECONDS).await;
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "could not record signs of life of consumers");
        }
        if is_last {
            return;
        }
    }
}

/// Writes what is not written yet. Returns the number of consumers.
pub async fn tick(app: &Arc<AppState>) -> Result<usize> {
    app.consumers.flush(&app.store, app.system.clock.now()).await
}
