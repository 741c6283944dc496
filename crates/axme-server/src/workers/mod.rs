//! Background work beside the calls. A worker runs a bounded round of what is due, after a signal and after an
//! interval. Several nodes run the same workers.

pub mod alerts;
pub mod audit_chain;
pub mod billing;
pub mod checkpoint_copies;
pub mod consumers;
mod digest;
pub mod fanout;
pub mod folder_watch;
pub mod key_uses;
pub mod mesh;
mod notice_content;
pub mod notices;
pub mod pg_wakeups;
pub mod push;
pub mod push_dispatcher;
pub mod receipts;
mod recipients;
pub mod retention;
pub mod statistics;
pub mod sweep;
mod task_letters;
pub mod timers;
mod web_push;
pub mod webhooks;

use axme_core::metrics::Attempt;
use axme_core::state::AppState;
use axme_core::system::PostError;

/// Waits for the next round of a worker. Returns true if the server stops, so that the round is the last one.
async fn next_round(app: &AppState, seconds: u64) -> bool {
    let next = app.system.clock.now().plus_seconds(seconds);
    tokio::select! {
        () = app.system.clock.sleep_until(next) => {}
        () = app.stopped() => {}
    }
    *app.stopping.borrow()
}

/// The length at which the reason of a failed delivery is cut off.
const MAX_ERROR_CHARS: usize = 300;

/// Classifies the outcome of an attempt for the metrics.
fn attempt_of<T>(outcome: &Result<T, PostError>, is_put_off: bool) -> Attempt {
    match outcome {
        _ if is_put_off => Attempt::Postponed,
        Ok(_) => Attempt::Delivered,
        Err(unsent) if unsent.is_final() => Attempt::GivenUp,
        Err(_) => Attempt::Failed,
    }
}

/// Cuts off the reason of a failed delivery, which may quote what a receiver has sent.
fn short(error: &str) -> String {
    error.chars().take(MAX_ERROR_CHARS).collect()
}
