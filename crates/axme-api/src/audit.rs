//! The audit trail: who changed what (`spec/protocol.md` §2.27).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;

pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST];

pub static LIST: Op<ListAudit, AuditList> = Op::get("audit.events", "/v1/audit/events")
    .access(Access::Role)
    .about("What was changed in a workspace, or in an organization as a whole, newest first.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAudit {
    /// Alone: what was changed in the organization as a whole.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The key's own unless an organization or a workspace is given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Only what this agent, or this person, did.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Only actions that begin like this, such as `service_accounts.`
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub action_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only lines older than this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEvent {
    pub audit_id: String,
    pub org_id: String,
    /// Null for what was changed in the organization as a whole.
    pub workspace_id: Option<String>,
    pub at: String,
    /// The address of the agent, or whose key it was.
    pub actor: String,
    /// The operation, or what happened in it.
    pub action: String,
    /// The id or the address of what was changed.
    pub subject: String,
    pub details: Object,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditList {
    pub ok: bool,
    pub events: Vec<AuditEvent>,
    /// Give it as `before` for the next page; null on the last.
    pub next_before: Option<String>,
}
