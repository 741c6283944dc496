//! Notes when keys were last used: gathered in memory as keys are looked up, written once a minute and at the end, never on
//! the way of a call. A crash loses the last minute of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axme_intent::Time;
use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::store::Shard;
use crate::store::service_accounts;

const INTERVAL_SECONDS: u64 = 60;
/// Keys that are noted between two writes; the uses of others in that minute are not kept.
const MOST_KEYS: usize = 10_000;
/// Keys written in one transaction.
const BATCH: usize = 500;

/// Uses that are not written yet. Sorted, so that nodes which write the same rows take their locks in one order.
#[derive(Default)]
pub struct KeyUses(Mutex<BTreeMap<(Uuid, String), Time>>);

impl KeyUses {
    pub fn note(&self, workspace: Uuid, key_id: &str, at: Time) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MOST_KEYS {
            uses.insert((workspace, key_id.to_owned()), at);
        }
    }

    fn take(&self) -> Vec<((Uuid, String), Time)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// Runs until the server stops.
pub async fn run(app: Arc<App>) {
    loop {
        let next = app.system.clock.now().plus_seconds(INTERVAL_SECONDS);
        tokio::select! {
            () = app.system.clock.sleep_until(next) => {}
            () = app.stopped() => {}
        }
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "when keys were last used could not be noted");
        }
        if *app.stopping.borrow() {
            return;
        }
    }
}

/// Writes what was gathered. Says how many keys.
pub async fn tick(app: &Arc<App>) -> Result<usize> {
    let uses = app.keys.uses.take();
    for batch in uses.chunks(BATCH) {
        let batch = batch.to_vec();
        let job = move |tx: &mut crate::store::Tx<'_>| {
            for ((workspace, key_id), at) in &batch {
                service_accounts::set_last_used(tx, *workspace, key_id, *at)?;
            }
            Ok(())
        };
        app.store.write(Shard::CONTROL, job).await?;
    }
    Ok(uses.len())
}
