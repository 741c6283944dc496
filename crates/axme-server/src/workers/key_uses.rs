//! Records when keys were last used: once a minute and at shutdown, never during a call.

use std::sync::Arc;

use axme_core::error::Result;
use axme_core::state::AppState;
use axme_store::{Shard, Tx, service_accounts};

const INTERVAL_SECONDS: u64 = 60;
/// Keys written in one transaction.
const BATCH: usize = 500;

/// Runs until the server stops, with a last round then.
pub async fn run(app: Arc<AppState>) {
    loop {
        let is_last = super::next_round(&app, INTERVAL_SECONDS).await;
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "could not record the last uses of keys");
        }
        if is_last {
            return;
        }
    }
}

/// Records the collected uses. Returns the number of keys.
pub async fn tick(app: &Arc<AppState>) -> Result<usize> {
    let uses = app.keys.uses.take();
    for batch in uses.chunks(BATCH) {
        let batch = batch.to_vec();
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            for ((workspace, key_id), at) in &batch {
                service_accounts::set_last_used(tx, *workspace, key_id, *at)?;
            }
            Ok(())
        };
        app.store.write(Shard::CONTROL, job).await?;
    }
    Ok(uses.len())
}
