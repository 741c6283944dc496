//! The mesh: heartbeats of agents, their health, the kill switch, and what they may cost and do
//! (`spec/protocol.md` §2.19, §8).
//!
//! An agent is named by its `address_id` or by its address in any form, slashes included.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Object;
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;

pub const OPERATIONS: &[&dyn AnyOp] = &[
    &HEARTBEAT,
    &LIST,
    &GET,
    &KILL,
    &RESUME,
    &EVENTS,
    &GET_COST,
    &PUT_COST,
    &DELETE_COST,
    &GET_ACTION,
    &PUT_ACTION,
    &DELETE_ACTION,
];

pub static HEARTBEAT: Op<Heartbeat, HeartbeatAnswer> = Op::post("mesh.heartbeat", "/v1/mesh/heartbeat")
    .about("Say that the agent of this key is alive, with what it has done since it last did.");
pub static LIST: Op<ListMesh, MeshList> =
    Op::get("mesh.agents.list", "/v1/mesh/agents").about("The agents of the workspace with their health, by address.");
pub static GET: Op<AgentRef, MeshAgentAnswer> = Op::get("mesh.agents.get", "/v1/mesh/agents/{*address_id}")
    .about("One agent: health, what it reported, its policies, its latest events.");
pub static KILL: Op<AgentRef, Switched> = Op::post("mesh.agents.kill", "/v1/mesh/agents/{*address_id}/kill")
    .access(Access::Admin)
    .about("Stop an agent: nothing new to or from it, and nothing is delivered to it.");
pub static RESUME: Op<AgentRef, Switched> = Op::post("mesh.agents.resume", "/v1/mesh/agents/{*address_id}/resume")
    .access(Access::Admin)
    .about("Let a stopped agent go on; what waited for it is delivered.");
pub static EVENTS: Op<ListMeshEvents, MeshEventList> = Op::get("mesh.events.list", "/v1/mesh/events")
    .about("Kills, resumes, changes of health and of policies, newest first.");
pub static GET_COST: Op<AgentRef, CostAnswer> =
    Op::get("mesh.policies.cost.get", "/v1/mesh/agents/{*address_id}/policies/cost")
        .about("What an agent may use, and what it has used.");
pub static PUT_COST: Op<PutCost, CostAnswer> =
    Op::put("mesh.policies.cost.put", "/v1/mesh/agents/{*address_id}/policies/cost")
        .access(Access::Admin)
        .about("Limit what an agent may use; replaces the limits it has.");
pub static DELETE_COST: Op<AgentRef, CostAnswer> =
    Op::delete("mesh.policies.cost.delete", "/v1/mesh/agents/{*address_id}/policies/cost")
        .access(Access::Admin)
        .about("Lift the limits of an agent.");
pub static GET_ACTION: Op<AgentRef, ActionAnswer> =
    Op::get("mesh.policies.action.get", "/v1/mesh/agents/{*address_id}/policies/action")
        .about("Which types of intents an agent may send and receive.");
pub static PUT_ACTION: Op<PutAction, ActionAnswer> =
    Op::put("mesh.policies.action.put", "/v1/mesh/agents/{*address_id}/policies/action")
        .access(Access::Admin)
        .about("Say which types of intents an agent may send, receive, or both.");
pub static DELETE_ACTION: Op<DeleteAction, ActionAnswer> =
    Op::delete("mesh.policies.action.delete", "/v1/mesh/agents/{*address_id}/policies/action")
        .access(Access::Admin)
        .about("Let an agent send and receive all types of intents again, or one of the two with direction.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// Since the last heartbeat: `intents_total`, `intents_succeeded`, `intents_failed`, `avg_latency_ms` over them, `cost_usd`.
    /// Other fields are kept as the agent's metadata.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Object>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeartbeatAnswer {
    pub ok: bool,
    /// `healthy`, or `killed`: an agent learns here that it was stopped.
    pub health_status: String,
    /// Twin of `health_status`.
    pub status: String,
    pub address_id: String,
    pub address: String,
    pub received_at: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMesh {
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only agents with this health: healthy, degraded, unreachable, killed, unknown. `dead` means killed.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// What the numbers are of: `day` (today in UTC), `week` (seven days with today), `month` (thirty).
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Only addresses after this one: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentRef {
    /// `addr_…`, or an address.
    pub address_id: String,
    /// As of the list.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshAgent {
    pub address_id: String,
    pub address: String,
    pub display_name: Option<String>,
    /// `healthy`, `degraded`, `unreachable`, `killed` or `unknown`.
    pub health_status: String,
    pub last_heartbeat_at: Option<String>,
    pub created_at: String,
    /// As the agent reported.
    pub intents_period: u64,
    /// In USD, as the agent reported.
    pub cost_period: f64,
    /// What it last reported that is not counted.
    pub metadata: Option<Value>,
}

/// How many agents of the workspace there are. Those that never sent a heartbeat count in `total` and `unknown`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshSummary {
    pub total: u64,
    pub healthy: u64,
    pub degraded: u64,
    pub unreachable: u64,
    pub killed: u64,
    pub unknown: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshList {
    pub ok: bool,
    pub agents: Vec<MeshAgent>,
    pub summary: MeshSummary,
}

/// What an agent reported in the window.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshMetrics {
    pub window: String,
    pub intents_total: u64,
    pub intents_succeeded: u64,
    pub intents_failed: u64,
    pub avg_latency_ms: Option<f64>,
    pub cost_usd: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshEvent {
    pub event_id: String,
    pub address_id: String,
    pub address: String,
    /// `agent.killed`, `agent.resumed`, `agent.healthy`, `agent.degraded`, `agent.unreachable`, `agent.policy_changed`.
    pub event_type: String,
    pub details: Option<Value>,
    pub actor_id: Option<String>,
    pub created_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshAgentAnswer {
    pub ok: bool,
    pub agent: MeshAgent,
    pub metrics: MeshMetrics,
    pub cost_policy: Option<CostPolicy>,
    pub action_policy: ActionPolicy,
    pub events: Vec<MeshEvent>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Switched {
    pub ok: bool,
    /// `killed` or `active`.
    pub status: String,
    pub address_id: String,
    pub address: String,
    pub health_status: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMeshEvents {
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 500>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshEventList {
    pub ok: bool,
    pub events: Vec<MeshEvent>,
}

/// What new intents to and from an agent may come to. Hours and days are those of UTC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostPolicy {
    pub max_intents_per_day: Option<u64>,
    pub max_intents_per_hour: Option<u64>,
    /// Of what the agent reports.
    pub max_cost_per_day_usd: Option<f64>,
    /// `block`.
    pub action_on_breach: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutCost {
    pub address_id: String,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub max_intents_per_day: Option<u64>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub max_intents_per_hour: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_per_day_usd: Option<f64>,
    /// `block`, which is also what is done without it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub action_on_breach: Option<String>,
}

/// What counts against the limits; intents are counted while there is a policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostUsage {
    pub intents_this_hour: u64,
    pub intents_today: u64,
    pub cost_today_usd: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    /// Null without limits.
    pub policy: Option<CostPolicy>,
    pub usage: CostUsage,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionRule {
    /// `open`, `allowlist` or `denylist`.
    pub mode: String,
    /// Types of intents, `intent.test.*` for a family.
    pub intent_types: Vec<String>,
}

/// Null where everything is allowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionPolicy {
    pub send: Option<ActionRule>,
    pub receive: Option<ActionRule>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutAction {
    pub address_id: String,
    /// `open`, `allowlist` or `denylist`.
    pub mode: String,
    /// At most 100.
    #[serde(default, alias = "patterns")]
    pub intent_types: Vec<String>,
    /// `send`, `receive` or `both`, which is also what is meant without it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteAction {
    pub address_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    pub policy: ActionPolicy,
}
