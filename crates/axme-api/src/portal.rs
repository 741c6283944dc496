//! What a portal of an organization shows (`spec/protocol.md` §2.28).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access_requests::{AccessRequest, AccessRequestList, ListAccessRequests};
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::quotas::NamedWorkspace;

pub const OPERATIONS: &[&dyn AnyOp] = &[&OVERVIEW, &NAVIGATION, &REQUEST_QUEUE, &ACCESS_REQUESTS];

pub static OVERVIEW: Op<NamedWorkspace, OverviewAnswer> =
    Op::get("portal.enterprise.overview", "/v1/portal/enterprise/overview")
        .access(Access::Role)
        .about("What a workspace may use, and what it has used today.");
pub static NAVIGATION: Op<NamedWorkspace, NavigationAnswer> =
    Op::get("portal.enterprise.navigation", "/v1/portal/enterprise/navigation")
        .access(Access::Role)
        .about("What the caller may look at in a workspace and its organization.");
pub static REQUEST_QUEUE: Op<AskQueue, RequestQueue> =
    Op::get("portal.enterprise.request_queue", "/v1/portal/enterprise/request-queue")
        .access(Access::Role)
        .about("Access requests that an organization has to decide, oldest first.");
pub static ACCESS_REQUESTS: Op<ListAccessRequests, AccessRequestList> =
    Op::get("portal.enterprise.access_requests", "/v1/portal/enterprise/access-requests")
        .access(Access::Role)
        .about("The same as the list of access requests.");

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewAnswer {
    pub ok: bool,
    pub overview: Overview,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overview {
    pub org_id: String,
    pub workspace_id: String,
    pub quota_policy: OverviewPolicy,
    pub usage_summary: OverviewUsage,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewPolicy {
    pub tier: String,
    pub overage_mode: String,
    pub hard_enforcement: bool,
    /// Limits by name; what has no limit is not there.
    pub dimensions: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewUsage {
    /// What is used, of everything that is counted.
    pub dimensions: BTreeMap<String, OverviewUsed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewUsed {
    pub used: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NavigationAnswer {
    pub ok: bool,
    pub navigation: Navigation,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Navigation {
    pub org_id: String,
    pub org_name: String,
    pub workspace_id: String,
    pub workspace_name: String,
    pub sections: Vec<Section>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Section {
    pub section: String,
    /// Where the API answers with it.
    pub path: String,
    /// True when the caller may change it as well.
    pub can_change: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskQueue {
    pub org_id: String,
    /// Only requests about this workspace, or from it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// What can be decided yet unless given: `pending`, `under_review` and `waitlisted`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<200, 1_000>,
    /// Only requests after this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestQueue {
    pub ok: bool,
    pub requests: Vec<AccessRequest>,
    /// True when there are more: ask for those after the last of these.
    pub has_more: bool,
}
