//! Measurements of this process: calls, deliveries, timers and streams.
//!
//! Recording is a look-up and a few atomic additions; it never waits. No label holds an id, an address or a word of a
//! caller, so the number of series is bounded by the table of operations. `axme_store::gauges` reads the database.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, core::Collector};

use axme_store::StoreMetrics;

/// Upper bounds of the duration of a call, in seconds.
const CALL_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// Upper bounds of the delay of a timer, in seconds.
const LAG_BOUNDS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0];

/// The measurements of one process, and the registry that lists them.
pub struct Metrics {
    registry: Registry,
    calls: IntCounterVec,
    call_seconds: HistogramVec,
    attempts: IntCounterVec,
    timer_lag: Histogram,
    pub connections: IntGauge,
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Delivered,
    /// It failed and is retried.
    Failed,
    /// It failed for good: a dead letter.
    GivenUp,
    /// It was not made, or the receiver asked to come back later.
    Postponed,
}

impl Attempt {
    pub const ALL: [Attempt; 4] = [Attempt::Delivered, Attempt::Failed, Attempt::GivenUp, Attempt::Postponed];

    fn as_str(self) -> &'static str {
        match self {
            Attempt::Delivered => "delivered",
            Attempt::Failed => "failed",
            Attempt::GivenUp => "given_up",
            Attempt::Postponed => "postponed",
        }
    }
}

/// The ways out that are always listed, so that a rate of failures is zero and not missing.
const WAYS: [&str; 3] = ["push", "webhook", "email"];

impl Metrics {
    pub fn new(store: &StoreMetrics) -> Metrics {
        let calls = Opts::new("axme_calls_total", "Calls by operation and HTTP status.");
        let seconds = HistogramOpts::new("axme_call_seconds", "Duration of calls until the answer begins.");
        let attempts = Opts::new("axme_delivery_attempts_total", "Attempts to push, post or mail, by outcome.");
        let lag = HistogramOpts::new("axme_timer_lag_seconds", "Time from when a timer was due until it fired.");
        let connections = Opts::new("axme_connections_open", "Open connections of clients.");
        let metrics = Metrics {
            registry: Registry::new(),
            calls: IntCounterVec::new(calls, &["op", "status"]).expect(VALID),
            call_seconds: HistogramVec::new(seconds.buckets(CALL_BOUNDS.to_vec()), &["op"]).expect(VALID),
            attempts: IntCounterVec::new(attempts, &["kind", "outcome"]).expect(VALID),
            timer_lag: Histogram::with_opts(lag.buckets(LAG_BOUNDS.to_vec())).expect(VALID),
            connections: IntGauge::with_opts(connections).expect(VALID),
        };
        for kind in WAYS {
            for outcome in Attempt::ALL {
                metrics.attempts.with_label_values(&[kind, outcome.as_str()]);
            }
        }
        let mut all: Vec<Box<dyn Collector>> = vec![
            Box::new(metrics.calls.clone()),
            Box::new(metrics.call_seconds.clone()),
            Box::new(metrics.attempts.clone()),
            Box::new(metrics.timer_lag.clone()),
            Box::new(metrics.connections.clone()),
        ];
        all.extend(store.collectors());
        for collector in all {
            metrics.registry.register(collector).expect("each name is registered once");
        }
        metrics
    }

    /// The list of all measurements.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Records an answered call. `op` is the id of an operation or the template of a route.
    pub fn call(&self, op: &str, status: &str, took: Duration) {
        self.calls.with_label_values(&[op, status]).inc();
        self.call_seconds.with_label_values(&[op]).observe(took.as_secs_f64());
    }

    /// Records an attempt to deliver. `kind` is `push`, `webhook` or the channel of a notice.
    pub fn attempt(&self, kind: &str, outcome: Attempt) {
        self.attempts.with_label_values(&[kind, outcome.as_str()]).inc();
    }

    /// Records a timer that has fired.
    pub fn timer(&self, lag: Duration) {
        self.timer_lag.observe(lag.as_secs_f64());
    }
}

const VALID: &str = "the name is valid and the bounds ascend";
