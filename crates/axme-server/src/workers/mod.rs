//! What runs beside the calls: each worker is a bounded round of whatever is due, repeated when a signal comes and after
//! an interval. Several nodes run the same workers.

pub mod billing;
pub mod fanout;
pub mod key_uses;
pub mod mesh;
pub mod notices;
pub mod pg_wakeups;
pub mod push;
pub mod push_dispatcher;
pub mod sweep;
pub mod timers;
pub mod webhooks;
