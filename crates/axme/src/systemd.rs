//! The service manager: takes a socket from systemd, and tells it that the server is ready or stops, and that it is alive. Does
//! nothing under other managers.

use std::convert::Infallible;
use std::net::TcpListener;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::failure::Failure;

/// Takes the listening socket that systemd has opened for the server (`axme.socket`), if it has.
pub(crate) fn listener() -> Result<Option<TcpListener>, Failure> {
    let mut inherited = ListenFd::from_env();
    if inherited.len() > 1 {
        return Err(Failure::usage("systemd passes more than one socket: give axme.socket one ListenStream"));
    }
    let taken = inherited.take_tcp_listener(0);
    taken.map_err(|error| Failure::usage(format!("the socket of systemd is not a listening TCP socket: {error}")))
}

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
