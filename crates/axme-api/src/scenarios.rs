//! Scenario bundles: validate and apply (`spec/protocol.md` §2.2, §6).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::op::{AnyOp, Op};

pub const OPERATIONS: &[&dyn AnyOp] = &[&APPLY, &VALIDATE];

pub static APPLY: Op<Bundle, Applied> = Op::post("scenarios.apply", "/v1/scenarios/apply")
    .aliases(&["/v1/scenarios/bundle"])
    .raw_body()
    .about("Provision the bundle's agents, compile its workflow and submit its intent, all or nothing.");
pub static VALIDATE: Op<Bundle, Validation> = Op::ask("scenarios.validate", "/v1/scenarios/validate")
    .raw_body()
    .about("Say everything that is wrong with a bundle. Changes nothing; answers 200 either way.");

/// A bundle as it was written; it is read leniently.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bundle {
    #[serde(default)]
    pub body: Object,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Validation {
    pub ok: bool,
    pub valid: bool,
    /// Plain sentences, each naming its place.
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Applied {
    pub ok: bool,
    pub intent_id: String,
    pub scenario_id: String,
    pub status: String,
    /// Whom the intent waits for: an address, a contact or a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_with: Option<String>,
    /// Names the compiled plan; twin of `workflow_compile_id`. Absent without a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_compile_id: Option<String>,
    /// True when this answer repeats an earlier one of the same idempotency key.
    pub idempotent: bool,
    pub agents: Vec<AppliedAgent>,
    /// The agents again, as other clients read them.
    pub agents_provisioned: Vec<ProvisionedAgent>,
    /// What the bundle asks for and this server does not do yet.
    pub warnings: Vec<String>,
    pub deadline_at: Option<String>,
    pub created_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AppliedAgent {
    pub role: String,
    pub address: String,
    pub created: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProvisionedAgent {
    pub role: String,
    pub address: String,
    pub agent_address: String,
    pub service_account_id: Option<String>,
    pub sa_id: Option<String>,
    pub created: bool,
}
