//! Watches the data folder. If it was removed or replaced, this server must stop: its data would be lost. Another server
//! may already use a new folder at the same path.

use std::sync::Arc;
use std::time::Duration;

use axme_core::state::AppState;
use axme_store::FileIdentity;
use tokio::sync::watch;

/// The interval of checks. On SQLite, each commit is checked as well.
const INTERVAL: Duration = Duration::from_secs(2);

/// Runs until the server stops. Closes the store and reports the reason in `failure` if the folder is gone.
pub async fn run(app: Arc<AppState>, lock: Arc<FileIdentity>, failure: watch::Sender<Option<String>>) {
    loop {
        let why = if lock.is_gone() {
            Some(format!("{} was removed or replaced while the server was running", lock.path().display()))
        } else {
            app.store.closed().map(str::to_owned)
        };
        if let Some(why) = why {
            app.store.close(&why);
            tracing::error!(why, "the data is gone: the server stops");
            // The send fails if nobody listens, and that is fine.
            let _ = failure.send(Some(why));
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = app.stopped() => return,
        }
    }
}
