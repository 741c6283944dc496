//! Agents: the addresses of a workspace's service accounts, and the stream of intents to each
//! (`spec/protocol.md` §2.14, §11.3).

use axme_types::DeliveryBinding;
use axme_types::service_accounts::AccountStatus;
use serde::{Deserialize, Serialize};

use crate::op::{AnyOp, Op, Route};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;
use crate::{ErrorCode, Timestamp, lenient};

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &GET];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[STREAM];

/// Lists agents.
pub static LIST: Op<ListAgents, AgentList> = Op::get("agents.list", "/v1/agents")
    .errors(&[ErrorCode::NotFound])
    .about("List the registered agents of the workspace, by address.");

/// Returns an agent. The address may be written in any form, `agent://` and slashes included.
pub static GET: Op<GetAgent, AgentAnswer> = Op::get("agents.get", "/v1/agents/{*address}")
    .errors(&[ErrorCode::AgentNotFound])
    .about("Get one agent by its address.");

/// Streams the intents to an agent.
pub const STREAM: Route = Route::get("agents.stream", "/v1/agents/{*address}/intents/stream").about(
    "Stream the intents to an agent as server-sent events. Parameters: since, wait_seconds, status, follow, consumer.",
);

/// Which agents to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAgents {
    /// The workspace of the agents; the caller's own by default.
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    /// The page size: 100 by default, at most 1,000.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// True reports the queue of each agent too; false by default.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub queues: Option<bool>,
    /// Only addresses after this one: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Which agent to get.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetAgent {
    /// The address of the agent in any form: a name, `org/workspace/name` or `agent://org/workspace/name`.
    pub address: String,
}

/// A page of agents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentList {
    /// Always true.
    pub ok: bool,
    /// The agents, by address.
    pub agents: Vec<Agent>,
}

/// One agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentAnswer {
    /// Always true.
    pub ok: bool,
    /// The agent.
    pub agent: Agent,
}

/// An agent: a service account that has an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Agent {
    /// The address, `agent://org/workspace/name`.
    pub address: String,
    /// The id of the service account.
    pub service_account_id: String,
    /// The name under which the service account was registered.
    pub service_account_name: String,
    /// The name to show; null without one.
    pub display_name: Option<String>,
    /// The status of the service account.
    pub status: AccountStatus,
    /// The way in which intents reach the agent.
    pub delivery_mode: DeliveryBinding,
    /// When the agent was registered.
    pub created_at: Timestamp,
    /// When the agent last changed.
    pub updated_at: Timestamp,
    /// The queue of the agent. Only `agents.list` with `queues` reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<AgentQueue>,
}

/// The intents that an agent has not answered yet, and its last sign of life.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentQueue {
    /// How many intents the agent has not answered. The count ends at 1,000.
    pub unanswered: u64,
    /// When the oldest of them was submitted; null without any.
    pub oldest_at: Option<Timestamp>,
    /// When the agent last sent a heartbeat, read its queue under a name, or used a key, to the minute; null if it never did.
    pub last_seen_at: Option<Timestamp>,
}
