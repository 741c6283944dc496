//! The protocol between the bench and its load generator: a phase in, a report out, one line of JSON each.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One phase of load.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub(crate) address: SocketAddr,
    pub(crate) clients: usize,
    /// Not measured.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) workload: Workload,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Workload {
    Post(PostLoad),
    Lifecycle {
        accounts: Accounts,
        /// Lifecycles of all clients together. If unset, each client starts the next one when it has its result.
        per_second: Option<f64>,
    },
}

/// Every client sends the same request repeatedly.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PostLoad {
    pub(crate) path: String,
    /// API keys, used in turn.
    pub(crate) keys: Vec<String>,
    pub(crate) body: String,
    pub(crate) idempotency_keys: IdempotencyKeys,
}

/// Whether each request has its own Idempotency-Key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum IdempotencyKeys {
    None,
    /// With this prefix, which no other phase on the database uses.
    Unique(String),
}

/// The service accounts of a lifecycle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Accounts {
    pub(crate) sender_key: String,
    pub(crate) agent_key: String,
    /// `agent://…`
    pub(crate) agent: String,
}

/// The result of a phase. The clients measure the times.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) per_second: f64,
    /// From request to response; for lifecycles, from submit to result.
    pub(crate) whole: Percentiles,
    /// For lifecycles: from submit to the frame at the agent.
    pub(crate) to_agent: Option<Percentiles>,
}

/// Percentiles of a distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Percentiles {
    /// Computes percentiles by rank. Returns `None` without any time.
    pub(crate) fn of(times: &mut [Duration]) -> Option<Percentiles> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |part: f64| times[(last as f64 * part).round() as usize].as_secs_f64() * 1_000.0;
        Some(Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999) })
    }
}
