//! Scenario bundles: validate and apply (`spec/protocol.md` §2.2, §6).

mod bundle;

use std::collections::BTreeMap;

use axme_types::Status;
use serde::{Deserialize, Serialize};

pub use bundle::{BundleAgent, BundleHuman, BundleIntent, BundleStep, BundleWorkflow, ScenarioBundle, StepRetry};

use crate::intents::OutcomeView;
use crate::op::{AnyOp, Op};
use crate::{ErrorCode, Id, JsonFields, Timestamp};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&APPLY, &DRY_RUN, &VALIDATE];

/// Applies a bundle.
pub static APPLY: Op<Bundle, ApplyAnswer> = Op::post("scenarios.apply", "/v1/scenarios/apply")
    .aliases(&["/v1/scenarios/bundle"])
    .raw_body()
    .submits()
    .errors(&[ErrorCode::AgentNotFound, ErrorCode::MayNotBeAsked, ErrorCode::ScenarioInvalid])
    .about("Provision the bundle's agents, compile its workflow and submit its intent, all or nothing.");
/// Walks a bundle.
pub static DRY_RUN: Op<DryRunBundle, DryRunAnswer> = Op::ask("scenarios.dry_run", "/v1/scenarios/dry-run")
    .errors(&[ErrorCode::OutcomeNotAllowed, ErrorCode::ScenarioInvalid])
    .about(
        "Walk the workflow of a bundle with chosen ends of its steps, and report how it would end. Changes nothing.",
    );
/// Checks a bundle.
pub static VALIDATE: Op<Bundle, Validation> = Op::ask("scenarios.validate", "/v1/scenarios/validate")
    .raw_body()
    .about("Check a bundle and report every error. Changes nothing, and answers 200 either way.");

/// A bundle. It is read leniently: null and 0 are absent, and unknown fields are ignored and named in `warnings`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bundle {
    /// The bundle.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "ScenarioBundle"))]
    pub body: JsonFields,
}

/// A bundle, and the chosen ends of its steps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryRunBundle {
    /// The bundle.
    #[cfg_attr(feature = "schema", schemars(with = "ScenarioBundle"))]
    pub bundle: JsonFields,
    /// The ends of each step by its id, one for each time that it runs; the last one counts from then on. A person's step
    /// takes an outcome of its task, and an agent's step `succeeded` or `failed`. A step with a deadline also takes
    /// `timed_out`. Without an end, agents succeed and people give the first outcome of their task.
    #[serde(default)]
    pub answers: BTreeMap<String, Vec<String>>,
}

/// The steps that would run, and how the intent would end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryRunAnswer {
    /// Always true.
    pub ok: bool,
    /// The runs of steps, in their order. A step that is retried or that a loop comes back to has several.
    pub steps: Vec<DryStep>,
    /// The status of the intent at the end.
    pub status: Status,
    /// How it would end.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// Hints about the bundle, as `scenarios.validate` reports them.
    pub warnings: Vec<String>,
}

/// One run of a step in a dry run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryStep {
    /// The id of the step.
    pub step_id: String,
    /// `succeeded`, `failed`, or `retrying` for a failure after which the step runs again.
    pub outcome: String,
    /// The chosen end; absent for a step that the platform carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The agent or the people who would be asked.
    pub asked: Vec<String>,
    /// Seconds from the start of the workflow to the end of this run. Only deadlines, delays and pauses take time.
    pub after_seconds: u64,
}

/// The errors of a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Validation {
    /// Always true.
    pub ok: bool,
    /// True if the bundle has no errors.
    pub valid: bool,
    /// The errors. Each names its place in the bundle first.
    pub errors: Vec<String>,
    /// Hints, such as unknown fields. They do not prevent the bundle from being applied.
    pub warnings: Vec<String>,
}

/// The intent and the agents of the bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApplyAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The id of the scenario, from the bundle.
    pub scenario_id: String,
    /// The status of the intent.
    pub status: Status,
    /// How it ended, if every step ended at once.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// The address, contact or role that the intent waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_with: Option<String>,
    /// The id of the compiled workflow, the same for equal workflows; absent without a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_id: Option<String>,
    /// The same as `compile_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_compile_id: Option<String>,
    /// True when this answer repeats an earlier one for the same idempotency key.
    pub idempotent: bool,
    /// The agents of the bundle.
    pub agents: Vec<AgentAssignment>,
    /// The same agents with their accounts, for clients that look for them here.
    pub agents_provisioned: Vec<AgentProvision>,
    /// Hints about the bundle, such as unknown fields, violations of a schema that only warns, and agents that nobody has
    /// registered.
    pub warnings: Vec<String>,
    /// The intent becomes TIMED_OUT at this time; null without a deadline.
    pub deadline_at: Option<Timestamp>,
    /// When the intent was created.
    pub created_at: Timestamp,
}

/// An agent of a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentAssignment {
    /// The role of the agent in the bundle.
    pub role: String,
    /// The address of the agent.
    pub address: String,
    /// True if the call registered the agent.
    pub created: bool,
}

/// An agent of a bundle and its account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentProvision {
    /// The role of the agent in the bundle.
    pub role: String,
    /// The address of the agent.
    pub address: String,
    /// The same as `address`.
    pub agent_address: String,
    /// The id of the agent's service account; null if the agent is not registered.
    pub service_account_id: Option<String>,
    /// The same as `service_account_id`.
    pub sa_id: Option<String>,
    /// True if the call registered the agent.
    pub created: bool,
}
