//! Brings the statistics of a new PostgreSQL up to date, once it has its first thousand intents. Later, the database does it
//! by itself.

use std::sync::Arc;

use axme_core::error::Result;
use axme_core::state::AppState;
use axme_store::statistics;

const INTERVAL_SECONDS: u64 = 5;

/// Runs until the statistics are up to date, or the server stops.
pub async fn run(app: Arc<AppState>, url: String) {
    loop {
        match tick(&app, &url).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "could not bring the statistics of the database up to date"),
        }
        let next = app.system.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => return,
        }
    }
}

/// Refreshes the statistics if the database has grown. Returns true if nothing is left to do.
pub async fn tick(app: &Arc<AppState>, url: &str) -> Result<bool> {
    if !app.store.read(statistics::has_grown).await? {
        return Ok(false);
    }
    if statistics::refresh(url).await? {
        tracing::info!("the statistics of the database are up to date");
    }
    Ok(true)
}
