//! The audit trail: who changed what (`spec/protocol.md` §2.27).

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::{ErrorCode, Id, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST];

/// Lists audit events.
pub static LIST: Op<ListAudit, AuditList> = Op::get("audit.events", "/v1/audit/events")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List the changes in a workspace, or in an organization outside its workspaces, newest first.");

/// Which audit events to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAudit {
    /// The id of the organization. Without `workspace_id`, it selects the changes outside the workspaces. The slug of
    /// the caller's own is accepted too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::workspace_ref::IdOrSlug>"))]
    pub org_id: Option<Id>,
    /// The id of the workspace; the caller's own if both ids are missing. The slug of the caller's own is accepted too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::workspace_ref::IdOrSlug>"))]
    pub workspace_id: Option<Id>,
    /// Only changes by this agent or person: an address in any form, or the owner of a key.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Only actions that begin with this text, such as `service_accounts.`: 1 to 100 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub action_prefix: Option<String>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only events older than this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub before: Option<Id>,
}

/// An audit event: one change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEvent {
    /// The id of the audit event.
    pub audit_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace; null for a change outside the workspaces.
    pub workspace_id: Option<Id>,
    /// When the change happened.
    pub at: Timestamp,
    /// The caller: the address of an agent, or the owner of the key.
    pub actor: String,
    /// The id of the operation, or the name of another event such as `intents.late_answer`.
    pub action: String,
    /// The id or the address of the thing that changed.
    pub subject: String,
    /// Facts that depend on the action.
    pub details: Object,
}

/// A page of audit events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditList {
    /// Always true.
    pub ok: bool,
    /// The events, newest first.
    pub events: Vec<AuditEvent>,
    /// Send it as `before` to get the next page; null on the last page.
    pub next_before: Option<Id>,
}
