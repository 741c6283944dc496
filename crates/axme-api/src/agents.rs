//! Agents: the addresses of a workspace's service accounts, and the stream of intents to each
//! (`spec/protocol.md` §2.14, §11.3).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{AnyOp, Op, Route};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &GET];

pub const ROUTES: &[Route] = &[STREAM];

pub static LIST: Op<ListAgents, AgentList> =
    Op::get("agents.list", "/v1/agents").about("The registered agents of the workspace, by address.");

/// The address may be written in any form, `agent://` and slashes included.
pub static GET: Op<GetAgent, AgentAnswer> =
    Op::get("agents.get", "/v1/agents/{*address}").about("One agent, by its address.");

pub const STREAM: Route = Route::get("/v1/agents/{*address}/intents/stream")
    .about("Intents to an agent as server-sent events: since, wait_seconds, status, follow.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAgents {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only addresses after this one: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetAgent {
    pub address: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentList {
    pub ok: bool,
    pub agents: Vec<Agent>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentAnswer {
    pub ok: bool,
    pub agent: Agent,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Agent {
    pub address: String,
    pub service_account_id: String,
    pub service_account_name: String,
    pub display_name: Option<String>,
    /// `active`, `suspended` or `deleted`.
    pub status: String,
    pub delivery_mode: String,
    pub created_at: String,
    pub updated_at: String,
}
