//! The service manager: tells systemd that the server is ready or stops, and that it is alive. Does nothing under other
//! managers.

use std::convert::Infallible;

use sd_notify::NotifyState;

/// Reports that the server accepts calls.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// Reports that the server has begun to stop.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Reports that the process is alive, twice in each interval of the watchdog. A database that is away does not count: a
/// restart would not help.
pub(crate) async fn watch() -> Infallible {
    let Some(interval) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    loop {
        tokio::time::sleep(interval / 2).await;
        tell(NotifyState::Watchdog);
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "could not notify the service manager");
    }
}
