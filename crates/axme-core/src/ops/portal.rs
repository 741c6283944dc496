//! The portal of an organization: limits and usage under the portal's own names, its sections, and the requests that
//! wait for a decision.

use std::collections::BTreeMap;

use axme_api::portal::{
    ListRequestQueue, Navigation, NavigationAnswer, Overview, OverviewAmount, OverviewAnswer, OverviewPolicy,
    OverviewUsage, RequestQueue, Section, SectionName,
};
use axme_api::quotas::WorkspaceQuery;
use axme_api::roles::Permission;
use axme_api::{ApiError, Id};
use uuid::Uuid;

use super::{access_requests, quotas};
use crate::auth::placement;
use crate::auth::placement::{Placement, RoleSet};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{read_after, read_id};
use crate::policy::quota;
use axme_store::access_requests::{Filter, RequestState};
use axme_store::{access_requests as requests, media, members, organizations, service_accounts};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::portal::OVERVIEW, prepare, overview)),
    Binding::Transaction(&handler(&axme_api::portal::NAVIGATION, prepare, navigation)),
    Binding::Transaction(&handler(&axme_api::portal::REQUEST_QUEUE, prepare_queue, queue)),
];

pub fn prepare(_: &PrepareContext<'_>, input: WorkspaceQuery) -> Result<WorkspaceQuery> {
    Ok(input)
}

pub fn overview(cx: &mut CallContext<'_, '_>, input: &WorkspaceQuery) -> Result<OverviewAnswer> {
    let place = placement::place_of(cx, &input.workspace, Permission::ViewUsage)?;
    let policy = quotas::find(cx, &place)?;
    let said = quota::shown(cx.limits, &policy)?;
    let quota = &said.dimensions;
    let whole = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let streams = if said.streams > 0 { said.streams } else { whole(cx.limits.streams_per_account) };
    let limits = [
        ("intents_per_day", quota.intents_per_day),
        ("rate_limit_per_minute", quota.requests_per_minute),
        ("payload_max_bytes", said.most_payload_bytes()),
        ("storage_bytes", quota.media_storage_bytes),
        ("sse_streams_max", streams),
        ("actors_total", said.actors_total),
        ("service_accounts_per_workspace", said.service_accounts),
    ];
    // Counts in the same way as the enforcement of the limits.
    let used = [
        ("intents_per_day", quota::intents_today(cx.tx, place.workspace)?),
        ("storage_bytes", media::sum_bytes(cx.tx, place.workspace, cx.now)?),
        ("actors_total", members::count(cx.tx, place.org, place.workspace)?),
        ("service_accounts_per_workspace", service_accounts::count_agents(cx.tx, place.workspace)?),
    ];
    // Command lines list the limits and show the use beside each, so that a dimension without a limit needs a number.
    let limits =
        limits.map(|(name, limit)| (name.to_owned(), if limit == 0 { quotas::NO_LIMIT.unsigned_abs() } else { limit }));
    let used = used.map(|(name, used)| (name.to_owned(), OverviewAmount { used: u64::try_from(used).unwrap_or(0) }));
    let overview = Overview {
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        quota_policy: OverviewPolicy {
            tier: quotas::shown_tier(cx.limits, &policy),
            overage_mode: policy.overage_mode,
            hard_enforcement: policy.hard_enforcement,
            dimensions: BTreeMap::from(limits),
        },
        usage_summary: OverviewUsage { dimensions: BTreeMap::from(used) },
    };
    Ok(OverviewAnswer { ok: true, overview })
}

/// A section of a portal: its name, its path, and the permissions to see and to change it. `{org}` and `{workspace}`
/// are ids.
type Part = (SectionName, &'static str, Permission, Permission);

const PARTS: [Part; 9] = [
    (
        SectionName::Organization,
        "/v1/organizations/{org}",
        Permission::ViewOrganization,
        Permission::ChangeOrganization,
    ),
    (
        SectionName::Workspaces,
        "/v1/organizations/{org}/workspaces",
        Permission::ViewOrganization,
        Permission::CreateWorkspaces,
    ),
    (
        SectionName::Members,
        "/v1/organizations/{org}/members?workspace_id={workspace}",
        Permission::ViewMembers,
        Permission::ManageMembers,
    ),
    (
        SectionName::ServiceAccounts,
        "/v1/service-accounts?org_id={org}&workspace_id={workspace}",
        Permission::ManageAccounts,
        Permission::ManageAccounts,
    ),
    (
        SectionName::RequestQueue,
        "/v1/portal/enterprise/request-queue?org_id={org}",
        Permission::ReviewRequests,
        Permission::ReviewRequests,
    ),
    (
        SectionName::Policies,
        "/v1/organizations/{org}/receive-policy",
        Permission::ViewPolicies,
        Permission::ManagePolicies,
    ),
    (
        SectionName::Quotas,
        "/v1/quotas?org_id={org}&workspace_id={workspace}",
        Permission::ViewUsage,
        Permission::ChangeQuotas,
    ),
    (
        SectionName::Billing,
        "/v1/billing/plan?org_id={org}&workspace_id={workspace}",
        Permission::ViewBilling,
        Permission::ChangeBilling,
    ),
    (
        SectionName::Audit,
        "/v1/audit/events?org_id={org}&workspace_id={workspace}",
        Permission::ReadAudit,
        // Unused: the trail cannot be changed.
        Permission::ReadAudit,
    ),
];

pub fn navigation(cx: &mut CallContext<'_, '_>, input: &WorkspaceQuery) -> Result<NavigationAnswer> {
    let Placement { org, workspace, .. } = placement::place_of(cx, &input.workspace, Permission::ViewOrganization)?;
    let authority = RoleSet::in_org(cx, org)?;
    let sets_limits = !cx.limits.tier.is_hosted() || placement::is_operator(cx)?;
    let may = |permission: Permission| {
        authority.allows(permission, Some(workspace).filter(|_| !permission.is_of_organization()))
    };
    let sections = PARTS.iter().filter(|(_, _, see, _)| may(*see)).map(|(section, path, _, change)| Section {
        section: *section,
        path: path.replace("{org}", &org.to_string()).replace("{workspace}", &workspace.to_string()),
        can_change: *section != SectionName::Audit
            && may(*change)
            && (sets_limits || !placement::is_of_operators(*change)),
    });
    let sections = sections.collect();
    let named = organizations::find(cx.tx, org)?.ok_or_else(|| ApiError::not_found("organization"))?;
    let found = organizations::find_workspace(cx.tx, workspace)?.ok_or_else(|| ApiError::not_found("workspace"))?;
    let navigation = Navigation {
        org_id: org.into(),
        org_name: named.name,
        workspace_id: workspace.into(),
        workspace_name: found.name,
        sections,
    };
    Ok(NavigationAnswer { ok: true, navigation })
}

pub struct Queue {
    org: Id,
    workspace: Option<Uuid>,
    state: Option<RequestState>,
    after: Uuid,
    limit: i64,
}

pub(crate) fn prepare_queue(_: &PrepareContext<'_>, input: ListRequestQueue) -> Result<Queue> {
    let workspace = input.workspace_id.as_deref().map(|text| read_id("workspace", text)).transpose()?;
    let (after, limit) = (read_after(input.after.as_deref())?, input.limit.items()?);
    Ok(Queue { org: input.org_id, workspace, state: input.state, after, limit })
}

/// Returns a page of requests, oldest first. The next page starts after its last id.
pub fn queue(cx: &mut CallContext<'_, '_>, queue: &Queue) -> Result<RequestQueue> {
    let (org, _) = placement::org(cx, &queue.org, Permission::ReviewRequests)?;
    let (states, expires) = match queue.state {
        Some(state) => access_requests::kept_as(Some(state), cx.now),
        None => (&access_requests::OPEN[..], access_requests::still_open(cx.now)),
    };
    let every = (Uuid::nil(), Uuid::max());
    let workspaces = queue.workspace.map_or(every, |id| (id, id));
    let filter =
        Filter { states, expires, orgs: every, workspaces, after: queue.after, limit: queue.limit.saturating_add(1) };
    let found = requests::list_for_review(cx.tx, org, &filter)?;
    let limit = usize::try_from(queue.limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    let shown = found.iter().take(limit).map(|request| access_requests::view(request, cx.now));
    Ok(RequestQueue { ok: true, requests: shown.collect(), has_more })
}
