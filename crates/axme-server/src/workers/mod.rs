//! What runs beside the calls: each worker is a bounded round of whatever is due, repeated when something rings and after
//! an interval. Several nodes run the same workers.

pub mod billing;
pub mod doorbell;
pub mod fanout;
pub mod key_uses;
pub mod lines;
pub mod mesh;
pub mod notices;
pub mod push;
pub mod queue;
pub mod sweep;
pub mod timers;
pub mod webhooks;
