//! What the bench tells its load generator and what it hears back: one line of JSON each.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One phase of load.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub address: SocketAddr,
    pub clients: usize,
    /// Not measured.
    pub warm_up: Duration,
    pub measured: Duration,
    pub work: Work,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Work {
    Posts(Posts),
    Lifecycles(Parties),
}

/// Every client sends the same again and again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Posts {
    pub path: String,
    /// Clients take turns with them.
    pub keys: Vec<String>,
    pub body: String,
    pub repeat: Repeat,
}

/// Whether each POST carries an Idempotency-Key of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Repeat {
    Plain,
    /// The text sets the keys of this phase apart from all others on the database.
    Keyed(String),
}

/// Who takes part in a lifecycle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parties {
    pub sender_key: String,
    pub agent_key: String,
    /// `agent://…`
    pub agent: String,
}

/// What a phase came to. Times are those of the clients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub per_second: f64,
    /// Request to answer; for lifecycles, submit to result.
    pub whole: Spread,
    /// Of lifecycles: submit to the agent's hands.
    pub to_agent: Option<Spread>,
}

/// A distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
}

impl Spread {
    /// By rank; of nothing, no number.
    pub fn of(times: &mut [Duration]) -> Option<Spread> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |part: f64| times[(last as f64 * part).round() as usize].as_secs_f64() * 1_000.0;
        Some(Spread { p50: at(0.5), p99: at(0.99) })
    }
}
