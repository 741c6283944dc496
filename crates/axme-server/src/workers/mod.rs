//! Background work beside the calls. A worker runs a bounded round of what is due, after a signal and after an
//! interval. Several nodes run the same workers.

pub mod billing;
pub mod consumers;
pub mod fanout;
pub mod folder_watch;
pub mod key_uses;
pub mod mesh;
pub mod notices;
pub mod pg_wakeups;
pub mod push;
pub mod push_dispatcher;
pub mod statistics;
pub mod receipts;
pub mod sweep;
pub mod timers;
pub mod webhooks;

/// The length at which the reason of a failed delivery is cut off.
const MAX_ERROR_CHARS: usize = 300;

/// Cuts off the reason of a failed delivery, which may quote what a receiver has sent.
fn short(error: &str) -> String {
    error.chars().take(MAX_ERROR_CHARS).collect()
}
