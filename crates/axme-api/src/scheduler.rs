//! Due work, done at once instead of a moment later (`spec/protocol.md` §2.32). These are plain routes and not operations,
//! because their work takes several transactions and calls other servers.

use serde::{Deserialize, Serialize};

use crate::op::{Access, Route};
use crate::{Number, lenient};

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[WORKFLOW, WEBHOOK, RECONCILE];

/// Fires due timers. The body is a [`Tick`], the answer a [`TickAnswer`].
pub const WORKFLOW: Route = Route::post("scheduler.run_workflow", "/internal/scheduler/workflow-tick")
    .access(Access::Admin)
    .about("Fire the due timers of the key's own workspace. Fields: limit, dry_run.");

/// Sends due events to subscribers. The body is a [`Tick`], the answer a [`TickAnswer`].
pub const WEBHOOK: Route = Route::post("scheduler.run_webhooks", "/internal/scheduler/webhook-tick")
    .access(Access::Admin)
    .about("Send the due events of the key's own workspace to subscribers. Fields: limit, owner_agent, dry_run.");

/// Fires due timers, then sends due events. The body is a [`ReconcileRound`], the answer a [`ReconcileRoundAnswer`].
pub const RECONCILE: Route = Route::post("scheduler.reconcile", "/internal/scheduler/reconcile-safety")
    .access(Access::Admin)
    .about("Fire due timers, then send due events. Fields: workflow_limit, webhook_limit, owner_agent, dry_run.");

/// One round of due work.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tick {
    /// How many timers or events the round handles at most; 50 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub limit: Option<Number<1, 500>>,
    /// Only events to the subscribers of this address. Timers ignore it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// True to only count the due work; false by default.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// One round of both kinds of due work.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReconcileRound {
    /// How many timers the round fires at most; 50 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workflow_limit: Option<Number<1, 500>>,
    /// How many events the round sends at most; 50 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub webhook_limit: Option<Number<1, 500>>,
    /// Only events to the subscribers of this address.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// True to only count the due work; false by default.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// The outcome of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoundCounts {
    /// How many timers or events were due, up to the limit.
    pub due: u64,
    /// How many of them were handled; 0 in a dry run. An event counts even if its subscriber failed: it is tried again.
    pub done: u64,
    /// How many timers failed and stay due.
    pub failed: u64,
}

/// The outcome of a round.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TickAnswer {
    /// Always true.
    pub ok: bool,
    /// True if the round only counted.
    pub dry_run: bool,
    /// The counts.
    #[serde(flatten)]
    pub round: RoundCounts,
}

/// The outcome of both rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReconcileRoundAnswer {
    /// Always true.
    pub ok: bool,
    /// True if the rounds only counted.
    pub dry_run: bool,
    /// The counts of timers.
    pub workflow: RoundCounts,
    /// The counts of events.
    pub webhook: RoundCounts,
}
