//! The portal of an organization (`spec/protocol.md` §2.28).

use std::collections::BTreeMap;

pub use axme_types::quotas::{OverageMode, QuotaTier};
use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::access_requests::{AccessRequest, AccessRequestList, ListAccessRequests, RequestState};
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::quotas::WorkspaceQuery;
use crate::{ErrorCode, Id, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&OVERVIEW, &NAVIGATION, &REQUEST_QUEUE, &ACCESS_REQUESTS];

/// Gets the limits of a workspace and its usage today.
pub static OVERVIEW: Op<WorkspaceQuery, OverviewAnswer> =
    Op::get("portal.enterprise.overview", "/v1/portal/enterprise/overview")
        .access(Access::Role)
        .errors(&[ErrorCode::NotFound])
        .about("Get the limits of a workspace, and its usage today.");
/// Lists the sections that the caller may see.
pub static NAVIGATION: Op<WorkspaceQuery, NavigationAnswer> =
    Op::get("portal.enterprise.navigation", "/v1/portal/enterprise/navigation")
        .access(Access::Role)
        .errors(&[ErrorCode::NotFound])
        .about("List the sections of a portal that the caller may see for a workspace and its organization.");
/// Lists the requests that an organization has to decide.
pub static REQUEST_QUEUE: Op<ListRequestQueue, RequestQueue> =
    Op::get("portal.enterprise.request_queue", "/v1/portal/enterprise/request-queue")
        .access(Access::Role)
        .errors(&[ErrorCode::NotFound])
        .about("List the access requests that an organization has to decide, oldest first.");
/// Lists access requests, as [`crate::access_requests::LIST`] does.
pub static ACCESS_REQUESTS: Op<ListAccessRequests, AccessRequestList> =
    Op::get("portal.enterprise.access_requests", "/v1/portal/enterprise/access-requests")
        .access(Access::Role)
        .errors(&[ErrorCode::NotFound])
        .about("List access requests, as access_requests.list does.");

/// The limits of a workspace, and its usage today.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewAnswer {
    /// Always true.
    pub ok: bool,
    /// The limits and the usage.
    pub overview: Overview,
}

/// The limits of a workspace, and its usage today.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overview {
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The limits.
    pub quota_policy: OverviewPolicy,
    /// The usage.
    pub usage_summary: OverviewUsage,
}

/// The limits of a workspace under the names of the portal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewPolicy {
    /// The origin of the limits.
    pub tier: QuotaTier,
    /// The treatment of usage beyond the limits.
    pub overage_mode: OverageMode,
    /// False permits all usage, whatever the `overage_mode`.
    pub hard_enforcement: bool,
    /// Limits by name: `intents_per_day`, `rate_limit_per_minute`, `payload_max_bytes`, `storage_bytes`,
    /// `sse_streams_max`, `actors_total` and `service_accounts_per_workspace`. 2,147,483,647 means no limit.
    pub dimensions: BTreeMap<String, u64>,
}

/// The usage of a workspace under the names of the portal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewUsage {
    /// Amounts by name: `intents_per_day`, `storage_bytes`, `actors_total` and `service_accounts_per_workspace`.
    pub dimensions: BTreeMap<String, OverviewAmount>,
}

/// The amount used of one dimension.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewAmount {
    /// The amount used: today for intents, now for the others.
    pub used: u64,
}

/// The sections of a portal that the caller may see.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NavigationAnswer {
    /// Always true.
    pub ok: bool,
    /// The sections.
    pub navigation: Navigation,
}

/// The sections of a portal that the caller may see.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Navigation {
    /// The id of the organization.
    pub org_id: Id,
    /// The name of the organization.
    pub org_name: String,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The name of the workspace.
    pub workspace_name: String,
    /// The sections, in the order in which a portal shows them.
    pub sections: Vec<Section>,
}

text_enum! {
    /// The name of a section of a portal.
    pub enum SectionName {
        /// The organization.
        Organization = "organization",
        /// Its workspaces.
        Workspaces = "workspaces",
        /// The members of the workspace.
        Members = "members",
        /// The service accounts of the workspace.
        ServiceAccounts = "service_accounts",
        /// The access requests that the organization has to decide.
        RequestQueue = "request_queue",
        /// The policies about senders.
        Policies = "policies",
        /// The limits of the workspace.
        Quotas = "quotas",
        /// The billing plan of the workspace.
        Billing = "billing",
        /// The audit trail of the workspace.
        Audit = "audit",
    }
}

/// A section of a portal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Section {
    /// The name of the section.
    pub section: SectionName,
    /// The path and query of the GET request that returns its content.
    pub path: String,
    /// True when the caller may also change it.
    pub can_change: bool,
}

/// Which access requests to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListRequestQueue {
    /// The id of the organization that decides. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// Only requests about this workspace, or from it.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
    /// Only requests in this state. By default those that can still be decided: `pending`, `under_review` and
    /// `waitlisted`.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub state: Option<RequestState>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
    /// Only requests after this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub after: Option<Id>,
}

/// A page of access requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestQueue {
    /// Always true.
    pub ok: bool,
    /// The requests, oldest first.
    pub requests: Vec<AccessRequest>,
    /// True when there are more. Send the last id as `after` to get them.
    pub has_more: bool,
}
