//! The last look at the gauges of the database, which scrapes share. A scrape reads the database at most once in [`FRESH`].

use std::sync::Arc;
use std::time::Duration;

use axme_core::state::AppState;
use axme_intent::Time;
use axme_store::Sizes;
use axme_store::gauges::{self, Gauges};
use tokio::sync::Mutex;

/// How long the gauges of the database are served again without another look.
const FRESH: Duration = Duration::from_secs(5);

/// The last look at the database.
#[derive(Default)]
pub struct Scrapes(Mutex<Option<(Duration, Arc<Reading>)>>);

/// The gauges of the database at one time; `None` if it did not answer.
pub(super) struct Reading {
    pub gauges: Option<(Gauges, Sizes)>,
    pub at: Time,
}

impl Scrapes {
    /// Returns a fresh look. Scrapes that come at the same time share one.
    pub(super) async fn look(&self, app: &AppState) -> Arc<Reading> {
        let mut last = self.0.lock().await;
        let running = app.system.clock.running();
        if let Some((at, look)) = &*last
            && running < *at + FRESH
        {
            return look.clone();
        }
        let gauges =
            async { Ok::<_, axme_store::StoreError>((app.store.read(gauges::read).await?, app.store.sizes().await?)) };
        let gauges = gauges.await.inspect_err(|error| tracing::warn!(%error, "could not read the gauges")).ok();
        let look = Arc::new(Reading { gauges, at: app.system.clock.now() });
        *last = Some((app.system.clock.running(), look.clone()));
        look
    }
}
