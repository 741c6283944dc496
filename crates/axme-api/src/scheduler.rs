//! Work that is due, worked off at once instead of a moment later (`spec/protocol.md` §2.32). Not operations: what they
//! do takes more than one transaction, and leaves the server.

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, Route};

pub const ROUTES: &[Route] = &[WORKFLOW, WEBHOOK, RECONCILE];

/// Body: [`Tick`]. Answers with [`Ticked`].
pub const WORKFLOW: Route = Route::post("/internal/scheduler/workflow-tick")
    .access(Access::Admin)
    .about("Work off the timers of the key's own workspace that are due.");

/// Body: [`Tick`]. Answers with [`Ticked`].
pub const WEBHOOK: Route = Route::post("/internal/scheduler/webhook-tick")
    .access(Access::Admin)
    .about("Send the events to subscribers in the key's own workspace that are due.");

/// Body: [`Reconcile`]. Answers with [`Reconciled`].
pub const RECONCILE: Route =
    Route::post("/internal/scheduler/reconcile-safety").access(Access::Admin).about("Both, one after the other.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tick {
    /// At most this many, 1 to 500; 50 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Only to the subscribers of this owner; for webhooks.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Only count what is due.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconcile {
    /// 1 to 500; 50 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub workflow_limit: Option<u64>,
    /// 1 to 500; 50 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub webhook_limit: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Round {
    /// How many were due, up to the limit.
    pub due: u64,
    /// How many of them were worked off or tried; none in a dry run.
    pub done: u64,
    /// How many failed and stay due. An event that a subscriber did not take is tried again later, and is none of them.
    pub failed: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ticked {
    pub ok: bool,
    pub dry_run: bool,
    #[serde(flatten)]
    pub round: Round,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconciled {
    pub ok: bool,
    pub dry_run: bool,
    pub workflow: Round,
    pub webhook: Round,
}
