//! Sends signals between nodes on one PostgreSQL. This node announces its commits to the others, coalesced, on a
//! separate connection and never inside a data transaction. A lost signal delays waiters until their next sweep.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use axme_core::error::StoreError;
use axme_core::state::AppState;
use axme_store::{ListenConnection, Signal, Wakes};

const CHANNEL: &str = "axme_wake";
/// How long signals are collected before they are sent.
const COALESCE: Duration = Duration::from_millis(3);
/// Maximum number of signals in one notification; its payload is limited to 8,000 bytes.
const MOST: usize = 400;
const RECONNECT: Duration = Duration::from_secs(1);

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>, url: String) {
    let (sender, mut signals) = mpsc::unbounded_channel();
    app.wakeups.connect(sender);
    let node = app.system.rng.hex::<8>();
    loop {
        let outcome = tokio::select! {
            outcome = connected(&app, &url, &node, &mut signals) => outcome,
            () = app.stopped() => return,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the connection for signals was lost; until it is back, waiters poll");
        }
        // Other nodes may have sent any signal while the connection was lost.
        app.wakeups.signal_all_here();
        tokio::select! {
            () = tokio::time::sleep(RECONNECT) => {}
            () = app.stopped() => return,
        }
    }
}

async fn connected(
    app: &AppState,
    url: &str,
    node: &str,
    signals: &mut mpsc::UnboundedReceiver<Signal>,
) -> Result<(), StoreError> {
    let mut connection = ListenConnection::open(url, CHANNEL).await?;
    app.wakeups.signal_all_here();
    loop {
        tokio::select! {
            message = connection.next() => match message {
                Some(message) => receive(app, node, &message),
                None => return Err(StoreError::Unavailable("connection closed".to_owned())),
            },
            Some(first) = signals.recv() => {
                tokio::time::sleep(COALESCE).await;
                let mut batch = HashSet::from([first]);
                while batch.len() < MOST {
                    match signals.try_recv() {
                        Ok(signal) => { batch.insert(signal); }
                        Err(_) => break,
                    }
                }
                let numbers: Vec<String> = batch.iter().map(|signal| format!("{:x}", signal.number())).collect();
                connection.notify(&format!("{node} {}", numbers.join(" "))).await?;
            }
        }
    }
}

fn receive(app: &AppState, node: &str, payload: &str) {
    let mut words = payload.split(' ');
    if words.next() == Some(node) {
        return;
    }
    for number in words.filter_map(|word| u64::from_str_radix(word, 16).ok()) {
        // One message can announce many commits.
        app.wakeups.signal_here(Signal::from_number(number), Wakes::All);
    }
}
