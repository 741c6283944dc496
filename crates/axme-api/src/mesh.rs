//! The mesh: heartbeats of agents, their health, the kill switch, and the policies on their costs and actions
//! (`spec/protocol.md` §2.19, §8).
//!
//! An agent is named by its `address_id` or by its address in any form, slashes included.

mod metrics;

use axme_types::text_enum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use axme_types::mesh::{AgentHealth, MeshEventType};
pub use metrics::Metrics;

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::{ErrorCode, Id, Number, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
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

/// Records a heartbeat of the agent that owns the key.
pub static HEARTBEAT: Op<Heartbeat, HeartbeatAnswer> = Op::post("mesh.heartbeat", "/v1/mesh/heartbeat")
    .errors(&[ErrorCode::NotAnAgent])
    .about("Report that the agent of this key is alive, with its metrics since the last heartbeat.");
/// Lists the agents of the workspace with their health.
pub static LIST: Op<ListMeshAgents, MeshAgentList> = Op::get("mesh.agents.list", "/v1/mesh/agents")
    .about("List the agents of the workspace with their health, by address.");
/// Returns one agent.
pub static GET: Op<AgentRef, MeshAgentAnswer> = Op::get("mesh.agents.get", "/v1/mesh/agents/{*address_id}")
    .errors(&[ErrorCode::AgentNotFound])
    .about("Get one agent: its health, reported numbers, policies and latest events.");
/// Stops an agent.
pub static KILL: Op<AgentRef, SwitchAnswer> = Op::post("mesh.agents.kill", "/v1/mesh/agents/{*address_id}/kill")
    .access(Access::Admin)
    .errors(&[ErrorCode::AgentNotFound])
    .about("Stop an agent. New intents to and from it are refused, and nothing is delivered to it.");
/// Lets a stopped agent continue.
pub static RESUME: Op<AgentRef, SwitchAnswer> = Op::post("mesh.agents.resume", "/v1/mesh/agents/{*address_id}/resume")
    .access(Access::Admin)
    .errors(&[ErrorCode::AgentNotFound])
    .about("Let a stopped agent continue. Its waiting intents are delivered.");
/// Lists the events of the mesh.
pub static EVENTS: Op<ListMeshEvents, MeshEventList> = Op::get("mesh.events.list", "/v1/mesh/events")
    .about("List kills, resumes, and changes of health and of policies, newest first.");
/// Returns the cost policy of an agent and its usage.
pub static GET_COST: Op<AgentRef, CostAnswer> =
    Op::get("mesh.policies.cost.get", "/v1/mesh/agents/{*address_id}/policies/cost")
        .errors(&[ErrorCode::AgentNotFound])
        .about("Get the cost policy of an agent and its usage.");
/// Replaces the cost policy of an agent.
pub static PUT_COST: Op<PutCost, CostAnswer> =
    Op::put("mesh.policies.cost.put", "/v1/mesh/agents/{*address_id}/policies/cost")
        .access(Access::Admin)
        .errors(&[ErrorCode::AgentNotFound, ErrorCode::NotSupportedYet])
        .about("Limit the intents and the cost of an agent. Replaces its cost policy.");
/// Deletes the cost policy of an agent.
pub static DELETE_COST: Op<AgentRef, CostAnswer> =
    Op::delete("mesh.policies.cost.delete", "/v1/mesh/agents/{*address_id}/policies/cost")
        .access(Access::Admin)
        .errors(&[ErrorCode::AgentNotFound])
        .about("Delete the cost policy of an agent, so that nothing limits it.");
/// Returns the action policy of an agent.
pub static GET_ACTION: Op<AgentRef, ActionAnswer> =
    Op::get("mesh.policies.action.get", "/v1/mesh/agents/{*address_id}/policies/action")
        .errors(&[ErrorCode::AgentNotFound])
        .about("Get the types of intents that an agent may send and receive.");
/// Sets the rule of an agent for one direction or both.
pub static PUT_ACTION: Op<PutAction, ActionAnswer> =
    Op::put("mesh.policies.action.put", "/v1/mesh/agents/{*address_id}/policies/action")
        .access(Access::Admin)
        .errors(&[ErrorCode::AgentNotFound])
        .about("Set the types of intents that an agent may send, receive, or both.");
/// Deletes the rule of an agent for one direction or both.
pub static DELETE_ACTION: Op<DeleteAction, ActionAnswer> =
    Op::delete("mesh.policies.action.delete", "/v1/mesh/agents/{*address_id}/policies/action")
        .access(Access::Admin)
        .errors(&[ErrorCode::AgentNotFound])
        .about("Let an agent send and receive all types of intents again, or only one of the two.");

/// A heartbeat. The body may be absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// Numbers since the last heartbeat, and metadata of the agent.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Metrics>"))]
    pub metrics: Option<Object>,
    /// The consumer that is alive and keeps its claims. It must not differ from the header `x-axme-consumer`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 128), regex(pattern = crate::ConsumerName::PATTERN)))]
    pub consumer: Option<String>,
}

/// The health of the agent after a heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeartbeatAnswer {
    /// Always true.
    pub ok: bool,
    /// `healthy` or `killed`. A killed agent must stop by itself.
    pub health_status: AgentHealth,
    /// The same as `health_status`.
    pub status: AgentHealth,
    /// The id of the agent in the mesh: `addr_…`.
    pub address_id: String,
    /// The address of the agent.
    pub address: String,
    /// When the server received the heartbeat.
    pub received_at: Timestamp,
}

text_enum! {
    /// The period over which numbers are summed. Days are UTC.
    pub enum MeshWindow {
        /// Today.
        Day = "day",
        /// Today and the six days before.
        Week = "week",
        /// Today and the 29 days before.
        Month = "month",
    }
}

text_enum! {
    /// The health by which agents are listed.
    pub enum HealthFilter {
        /// The last heartbeat is less than 90 seconds old.
        Healthy = "healthy",
        /// The last heartbeat is less than 300 seconds old.
        Degraded = "degraded",
        /// The last heartbeat is older.
        Unreachable = "unreachable",
        /// The kill switch has stopped the agent.
        Killed = "killed",
        /// The agent has never sent a heartbeat.
        Unknown = "unknown",
        /// The same as `killed`.
        Dead = "dead",
    }
}

/// Which agents to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMeshAgents {
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only agents with this health.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthFilter>,
    /// The period of the numbers; `day` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub window: Option<MeshWindow>,
    /// Only addresses after this one: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Which agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentRef {
    /// The id of the agent in the mesh (`addr_…`), or its address in any form.
    pub address_id: String,
    /// The period of the numbers in the answer of `mesh.agents.get`; `day` by default. Other operations ignore it.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub window: Option<MeshWindow>,
}

/// An agent of the mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshAgentView {
    /// The id of the agent in the mesh: `addr_…`.
    pub address_id: String,
    /// The address of the agent.
    pub address: String,
    /// The name to show; null if the agent has none.
    pub display_name: Option<String>,
    /// The health of the agent now.
    pub health_status: AgentHealth,
    /// When the server received the last heartbeat; null without any.
    pub last_heartbeat_at: Option<Timestamp>,
    /// When the agent was registered.
    pub created_at: Timestamp,
    /// Intents in the period, as the agent reported them.
    pub intents_period: u64,
    /// The cost in the period in USD, as the agent reported it.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1e13)))]
    pub cost_period: f64,
    /// The fields of the last heartbeat that are not counted; null if the agent never sent any.
    pub metadata: Option<Value>,
}

/// The number of agents in the workspace by health, on all pages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshSummary {
    /// All agents.
    pub total: u64,
    /// Healthy agents.
    pub healthy: u64,
    /// Degraded agents.
    pub degraded: u64,
    /// Unreachable agents.
    pub unreachable: u64,
    /// Agents that the kill switch has stopped.
    pub killed: u64,
    /// Agents that have never sent a heartbeat.
    pub unknown: u64,
}

/// A page of agents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshAgentList {
    /// Always true.
    pub ok: bool,
    /// The agents, by address.
    pub agents: Vec<MeshAgentView>,
    /// The number of agents by health.
    pub summary: MeshSummary,
}

/// The numbers of an agent in the period, as the agent reported them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshMetrics {
    /// The period.
    pub window: MeshWindow,
    /// Intents.
    pub intents_total: u64,
    /// Intents that succeeded.
    pub intents_succeeded: u64,
    /// Intents that failed.
    pub intents_failed: u64,
    /// The mean latency in milliseconds; null if the agent reported none.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1e9)))]
    pub avg_latency_ms: Option<f64>,
    /// The cost in USD.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1e13)))]
    pub cost_usd: f64,
}

/// An event in the mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshEventView {
    /// The id of the event.
    pub event_id: Id,
    /// The id of the agent in the mesh: `addr_…`. Empty if the agent is not registered any more.
    pub address_id: String,
    /// The address of the agent.
    pub address: String,
    /// The type of the event.
    pub event_type: MeshEventType,
    /// `{from, to}` for a change of health, `{cost, action}` for a change of policies, otherwise null.
    pub details: Option<Value>,
    /// The caller who caused the event; null for a change of health.
    pub actor_id: Option<String>,
    /// When the event happened.
    pub created_at: Timestamp,
}

/// The agent, with its numbers, policies and latest events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshAgentAnswer {
    /// Always true.
    pub ok: bool,
    /// The agent.
    pub agent: MeshAgentView,
    /// The numbers in the period.
    pub metrics: MeshMetrics,
    /// The limits of the agent; null without any.
    pub cost_policy: Option<CostPolicy>,
    /// The types of intents that the agent may send and receive.
    pub action_policy: ActionPolicy,
    /// The latest events of the agent, newest first; at most 20.
    pub events: Vec<MeshEventView>,
}

text_enum! {
    /// The position of the kill switch of an agent.
    pub enum SwitchStatus {
        /// The agent is stopped.
        Killed = "killed",
        /// The agent is not stopped.
        Active = "active",
    }
}

/// The agent after a kill or a resume.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SwitchAnswer {
    /// Always true.
    pub ok: bool,
    /// The position of the kill switch.
    pub status: SwitchStatus,
    /// The id of the agent in the mesh: `addr_…`.
    pub address_id: String,
    /// The address of the agent.
    pub address: String,
    /// The health of the agent now.
    pub health_status: AgentHealth,
}

/// Which events of the mesh to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMeshEvents {
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 500>,
    /// Only events of this type. An unknown word matches nothing.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<MeshEventType>"))]
    pub event_type: Option<String>,
}

/// Events of the mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MeshEventList {
    /// Always true.
    pub ok: bool,
    /// The events, newest first.
    pub events: Vec<MeshEventView>,
}

text_enum! {
    /// The effect of a new intent that exceeds a limit.
    pub enum BreachAction {
        /// The server refuses the intent.
        Block = "block",
        /// Not supported yet: the server refuses the policy.
        Alert = "alert",
        /// Not supported yet: the server refuses the policy.
        RequireApproval = "require_approval",
    }
}

/// Limits on the new intents to and from an agent. Hours and days are UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostPolicy {
    /// Maximum number of intents in a day; null for no limit.
    pub max_intents_per_day: Option<u64>,
    /// Maximum number of intents in an hour; null for no limit.
    pub max_intents_per_hour: Option<u64>,
    /// The reported cost of a day in USD from which on new intents are refused; null for no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1e9)))]
    pub max_cost_per_day_usd: Option<f64>,
    /// The effect of an intent that exceeds a limit: always `block`.
    pub action_on_breach: BreachAction,
}

/// A new cost policy, with at least one limit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutCost {
    /// The id of the agent in the mesh (`addr_…`), or its address in any form.
    pub address_id: String,
    /// Maximum number of intents in a day, in UTC; no limit by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub max_intents_per_day: Option<Number<0, 1_000_000_000_000>>,
    /// Maximum number of intents in an hour; no limit by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub max_intents_per_hour: Option<Number<0, 1_000_000_000_000>>,
    /// The reported cost of a day in USD from which on new intents are refused; no limit by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1e9)))]
    pub max_cost_per_day_usd: Option<f64>,
    /// The effect of an intent that exceeds a limit; `block` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub action_on_breach: Option<BreachAction>,
}

/// The usage that the limits apply to. Intents are counted while the agent has a cost policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostUsage {
    /// Intents in this hour.
    pub intents_this_hour: u64,
    /// Intents today.
    pub intents_today: u64,
    /// The cost of today in USD, as the agent reported it.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1e13)))]
    pub cost_today_usd: f64,
}

/// The cost policy of an agent and its usage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the agent in the mesh: `addr_…`.
    pub address_id: String,
    /// The address of the agent.
    pub address: String,
    /// The limits; null without any.
    pub policy: Option<CostPolicy>,
    /// The usage.
    pub usage: CostUsage,
}

text_enum! {
    /// The way in which a rule reads its list of intent types.
    pub enum ActionMode {
        /// Every type is allowed.
        Open = "open",
        /// Only the listed types are allowed.
        Allowlist = "allowlist",
        /// The listed types are refused.
        Denylist = "denylist",
    }
}

/// A rule for the types of intents in one direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionRule {
    /// The way in which the list is read.
    pub mode: ActionMode,
    /// Types of intents. `*` at the end matches a family, as in `intent.test.*`.
    pub intent_types: Vec<String>,
}

/// The types of intents that an agent may send and receive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionPolicy {
    /// The rule for intents from the agent; null if it may send every type.
    pub send: Option<ActionRule>,
    /// The rule for intents to the agent; null if it may receive every type.
    pub receive: Option<ActionRule>,
}

text_enum! {
    /// The direction that a change of an action policy applies to.
    pub enum ActionDirection {
        /// Intents from the agent.
        Send = "send",
        /// Intents to the agent.
        Receive = "receive",
        /// Both.
        Both = "both",
    }
}

/// A new rule for the types of intents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutAction {
    /// The id of the agent in the mesh (`addr_…`), or its address in any form.
    pub address_id: String,
    /// The way in which the list is read.
    pub mode: ActionMode,
    /// Types of intents, each of at most 255 letters, digits, `.`, `_` and `-`. `*` at the end matches a family.
    #[serde(default, alias = "patterns")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub intent_types: Vec<String>,
    /// The direction of the rule; `both` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub direction: Option<ActionDirection>,
}

/// Which rule to delete.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteAction {
    /// The id of the agent in the mesh (`addr_…`), or its address in any form.
    pub address_id: String,
    /// The direction of the rule; `both` by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub direction: Option<ActionDirection>,
}

/// The action policy of an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the agent in the mesh: `addr_…`.
    pub address_id: String,
    /// The address of the agent.
    pub address: String,
    /// The types of intents that the agent may send and receive.
    pub policy: ActionPolicy,
}
