//! The doorbell between nodes on one PostgreSQL: what commits ring here is told to the other nodes, coalesced, on a
//! connection of its own and never inside a data transaction. A ring that is lost costs the waiters one sweep.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::App;
use crate::error::StoreError;
use crate::store::Line;
use crate::wakeups::Signal;

const CHANNEL: &str = "axme_wake";
/// How long rings are collected before they are told.
const COALESCE: Duration = Duration::from_millis(3);
/// Rings in one notification; its payload is limited to 8,000 bytes.
const MOST: usize = 400;
const RECONNECT: Duration = Duration::from_secs(1);

/// Runs until the server stops.
pub async fn run(app: Arc<App>, url: String) {
    let (sender, mut rings) = mpsc::unbounded_channel();
    app.wakeups.connect(sender);
    let node = app.system.rng.hex::<8>();
    loop {
        let outcome = tokio::select! {
            outcome = connected(&app, &url, &node, &mut rings) => outcome,
            () = app.stopped() => return,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the doorbell lost its connection; waiters look again by themselves");
        }
        // While nobody listened, anything may have been rung.
        app.wakeups.ring_all_here();
        tokio::select! {
            () = tokio::time::sleep(RECONNECT) => {}
            () = app.stopped() => return,
        }
    }
}

async fn connected(
    app: &App,
    url: &str,
    node: &str,
    rings: &mut mpsc::UnboundedReceiver<Wake>,
) -> Result<(), StoreError> {
    let mut line = Line::open(url, CHANNEL).await?;
    app.wakeups.ring_all_here();
    loop {
        tokio::select! {
            message = line.hear() => match message {
                Some(message) => hear(app, node, &message),
                None => return Err(StoreError::Unavailable("connection closed".to_owned())),
            },
            Some(first) = rings.recv() => {
                tokio::time::sleep(COALESCE).await;
                let mut batch = HashSet::from([first]);
                while batch.len() < MOST {
                    match rings.try_recv() {
                        Ok(ring) => { batch.insert(ring); }
                        Err(_) => break,
                    }
                }
                let numbers: Vec<String> = batch.iter().map(|wake| format!("{:x}", wake.number())).collect();
                line.tell(&format!("{node} {}", numbers.join(" "))).await?;
            }
        }
    }
}

fn hear(app: &App, node: &str, payload: &str) {
    let mut words = payload.split(' ');
    if words.next() == Some(node) {
        return;
    }
    for number in words.filter_map(|word| u64::from_str_radix(word, 16).ok()) {
        app.wakeups.ring_here(Signal::from_number(number));
    }
}
