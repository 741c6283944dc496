//! Access requests: for an organization, a membership, a higher role or a higher quota.
//!
//! Members of the named organization decide a request; without one, those of the requester's organization do.
//! Approval carries the request out in the same transaction.

use std::collections::HashMap;

use axme_api::access_requests::{
    AccessRequest as View, AccessRequestAnswer, AccessRequestList, CreateAccessRequest, GetAccessRequest,
    ListAccessRequests, ReviewAccessRequest, ReviewDecision,
};
use axme_api::organizations::CreateOrganization;
use axme_api::roles::{OrgRole, Permission};
use axme_api::{ApiError, ErrorCode, Id, Timestamp};
use axme_intent::Time;
use axme_intent::human::is_same_person;
use serde_json::json;
use uuid::Uuid;

use super::members::raise;
use crate::auth::placement::RoleSet;
use crate::auth::{membership, placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_ahead, check_chars, read_after, read_id};
use axme_store::access_requests::{AccessRequest, Filter, RequestState, RequestType};
use axme_store::{access_requests as store, organizations};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::access_requests::CREATE, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::access_requests::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::access_requests::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::access_requests::REVIEW, prepare_review, review)),
    Binding::Transaction(&handler(&axme_api::portal::ACCESS_REQUESTS, prepare_list, list)),
];

/// States in which a request can still be decided.
pub(super) const OPEN: [RequestState; 3] = [RequestState::Pending, RequestState::UnderReview, RequestState::Waitlisted];
/// States that the store holds. Expiry follows from the clock and is not stored.
const KEPT_STATES: [RequestState; 5] = [
    RequestState::Pending,
    RequestState::UnderReview,
    RequestState::Waitlisted,
    RequestState::Approved,
    RequestState::Rejected,
];
/// How long decided and expired requests are kept.
pub const KEPT_DAYS: u64 = 90;
/// Maximum undecided requests per requester, including expired ones that are not deleted yet.
const MAX_OPEN_PER_REQUESTER: i64 = 100;
/// Maximum open requests from outside per organization.
const MAX_OPEN_FROM_OUTSIDE: i64 = 1_000;
/// Maximum requests that a call searches for visible ones, and the size of a batch.
const MAX_SEARCHED: usize = 10_000;
const LOOKED_AT_TOGETHER: i64 = 500;

pub(crate) fn prepare_create(_: &PrepareContext<'_>, input: CreateAccessRequest) -> Result<CreateAccessRequest> {
    let kind = input.request_type;
    check_chars("requester_actor_id", Some(input.requester_actor_id.trim()), 1, 255)?;
    check_chars("company_name", input.company_name.as_deref(), 2, 120)?;
    check_chars("justification", input.justification.as_deref(), 0, 4_000)?;
    let needed = match kind {
        RequestType::CreateOrganization if input.company_name.is_none() => Some("company_name"),
        RequestType::JoinOrganization if input.org_id.is_none() => Some("org_id"),
        RequestType::ElevatedRole if input.requested_role.is_none() => Some("requested_role"),
        RequestType::QuotaUpgrade if input.requested_tier.is_none() => Some("requested_tier"),
        _ => None,
    };
    if let Some(field) = needed {
        return Err(ApiError::invalid(format!("{field}: required for {kind}")).into());
    }
    Ok(input)
}

pub fn create(cx: &mut CallContext<'_, '_>, input: &CreateAccessRequest) -> Result<AccessRequestAnswer> {
    let (kind, expires_at) = (input.request_type, input.expires_at.map(Time::from));
    check_ahead("expires_at", expires_at, cx.now)?;
    let (mut org, workspace) = (named_org(cx, input, kind)?, named_workspace(cx, input)?);
    let places_in_own = matches!(kind, RequestType::ElevatedRole | RequestType::QuotaUpgrade);
    if org.is_none() && places_in_own {
        org = Some(workspace.as_ref().map_or(cx.caller.org, |found| found.org_id));
    }
    if workspace.as_ref().is_some_and(|found| org.is_some_and(|org| org != found.org_id)) {
        return Err(ApiError::forbidden("org_id and workspace_id do not belong together").into());
    }
    let mut workspace = workspace.map(|found| found.workspace_id);
    if kind == RequestType::QuotaUpgrade && workspace.is_none() {
        if org != Some(cx.caller.org) {
            return Err(ApiError::invalid("workspace_id: required for the quota of another organization").into());
        }
        workspace = Some(cx.caller.workspace);
    }
    let request = AccessRequest {
        access_request_id: cx.rng.uuid_at(cx.now),
        review_org_id: decided_by(cx, kind, org.unwrap_or(cx.caller.org))?,
        from_workspace_id: cx.caller.workspace,
        requested_by: cx.caller.owner.clone(),
        request_type: kind,
        state: RequestState::Pending,
        requester_actor_id: input.requester_actor_id.trim().to_owned(),
        org_id: org,
        workspace_id: workspace,
        requested_role: input.requested_role,
        requested_tier: input.requested_tier,
        company_name: input.company_name.clone(),
        justification: input.justification.clone(),
        reviewer_actor_id: None,
        review_comment: None,
        reviewed_at: None,
        expires_at,
        created_at: cx.now,
        updated_at: cx.now,
    };
    check_room(cx, &request)?;
    store::insert(cx.tx, &request)?;
    let line = json!({ "request_type": kind, "requester_actor_id": request.requester_actor_id });
    cx.audit("access_requests.create", &request.access_request_id.to_string(), &line)?;
    Ok(AccessRequestAnswer { ok: true, access_request: view(&request, cx.now) })
}

/// Returns the organization that decides. On a hosted server, the operators decide quota upgrades instead of the
/// tenant.
fn decided_by(cx: &mut CallContext<'_, '_>, kind: RequestType, org: Uuid) -> Result<Uuid> {
    let is_of_operators = kind == RequestType::QuotaUpgrade && cx.limits.tier.is_hosted();
    Ok(if is_of_operators { placement::operators(cx)?.unwrap_or(org) } else { org })
}

/// Limits open requests, because anyone may create them.
fn check_room(cx: &mut CallContext<'_, '_>, request: &AccessRequest) -> Result<()> {
    let org = request.review_org_id;
    if store::count_pending_of(cx.tx, &cx.caller.owner)? >= MAX_OPEN_PER_REQUESTER {
        let message =
            format!("a requester may have at most {MAX_OPEN_PER_REQUESTER} undecided requests; wait for decisions");
        return Err(ApiError::invalid(message).into());
    }
    // All tenants send quota upgrades to the operators, so they must not use up a shared limit.
    let is_outside = request.request_type != RequestType::QuotaUpgrade && RoleSet::in_org(cx, org)?.is_none();
    if is_outside && store::count_from_outside(cx.tx, org, cx.now)? >= MAX_OPEN_FROM_OUTSIDE {
        let message = format!(
            "an organization may have at most {MAX_OPEN_FROM_OUTSIDE} open requests from outside; try again later"
        );
        return Err(ApiError::invalid(message).into());
    }
    Ok(())
}

/// Returns the organization that a request names. Anyone who knows its id may ask to join it; other requests need a
/// membership there.
fn named_org(cx: &mut CallContext<'_, '_>, input: &CreateAccessRequest, kind: RequestType) -> Result<Option<Uuid>> {
    let Some(text) = input.org_id.as_deref() else { return Ok(None) };
    if kind != RequestType::JoinOrganization {
        return Ok(Some(placement::visible_org(cx, text)?.0));
    }
    let id = read_id("organization", text)?;
    let found = organizations::find(cx.tx, id)?.ok_or_else(|| ApiError::not_found("organization"))?;
    Ok(Some(found.org_id))
}

fn named_workspace(
    cx: &mut CallContext<'_, '_>,
    input: &CreateAccessRequest,
) -> Result<Option<organizations::Workspace>> {
    let Some(text) = input.workspace_id.as_deref() else { return Ok(None) };
    let id = read_id("workspace", text)?;
    let found = organizations::find_workspace(cx.tx, id)?.ok_or_else(|| ApiError::not_found("workspace"))?;
    let is_named = input.org_id.as_deref() == Some(&found.org_id.to_string());
    if !is_named && RoleSet::in_org(cx, found.org_id)?.is_none() {
        return Err(ApiError::not_found("workspace").into());
    }
    Ok(Some(found))
}

/// The filters and the page of a listing.
pub struct RequestQuery {
    input: ListAccessRequests,
    after: Uuid,
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListAccessRequests) -> Result<RequestQuery> {
    let (after, limit) = (read_after(input.after.as_deref())?, input.limit.items()?);
    Ok(RequestQuery { input, after, limit })
}

/// Returns a page by id, oldest first.
pub fn list(cx: &mut CallContext<'_, '_>, query: &RequestQuery) -> Result<AccessRequestList> {
    let RequestQuery { input, after, limit } = query;
    let org = input.org_id.as_deref().map(|text| placement::visible_org(cx, text)).transpose()?;
    let workspace = input.workspace_id.as_deref().map(|text| read_id("workspace", text)).transpose()?;
    let (states, expires) = kept_as(input.state, cx.now);
    let every = (Uuid::nil(), Uuid::max());
    let workspaces = workspace.map_or(every, |id| (id, id));
    let mut filter = Filter { states, expires, orgs: every, workspaces, after: *after, limit: *limit };
    let (found, next) = match org {
        Some((org, authority)) if authority.allows(Permission::ReviewRequests, None) => {
            page_of(store::list_for_review(cx.tx, org, &filter)?, *limit)
        }
        Some((org, _)) => {
            filter.orgs = (org, org);
            visible_from(cx, filter)?
        }
        None => visible_from(cx, filter)?,
    };
    let shown = found.iter().map(|request| view(request, cx.now));
    Ok(AccessRequestList { ok: true, access_requests: shown.collect(), next_after: next.map(Id::from) })
}

/// Requests, and the id after which there may be more.
type Page = (Vec<AccessRequest>, Option<Uuid>);

fn page_of(found: Vec<AccessRequest>, limit: i64) -> Page {
    let next = found.last().map(|last| last.access_request_id).filter(|_| found.len() as i64 >= limit);
    (found, next)
}

/// Returns the stored states and the range of expiry times that match a state; `None` matches all requests.
pub(super) fn kept_as(state: Option<RequestState>, now: Time) -> (&'static [RequestState], (i64, i64)) {
    let always = (i64::MIN, store::NEVER);
    let Some(state) = state else { return (&KEPT_STATES, always) };
    if state == RequestState::Expired {
        return (&OPEN, (i64::MIN, now.micros()));
    }
    let known = KEPT_STATES.iter().position(|kept| *kept == state);
    let kept = known.map_or(&[][..], |place| &KEPT_STATES[place..=place]);
    (kept, if OPEN.contains(&state) { still_open(now) } else { always })
}

/// Returns the range of expiry times of requests that have not expired.
pub(super) fn still_open(now: Time) -> (i64, i64) {
    (now.micros().saturating_add(1), store::NEVER)
}

/// Returns the requests from the caller's workspace that the caller may see.
fn visible_from(cx: &mut CallContext<'_, '_>, mut filter: Filter<'_>) -> Result<Page> {
    let (from, wanted) = (cx.caller.workspace, usize::try_from(filter.limit).unwrap_or(usize::MAX));
    if cx.caller.is_admin() {
        return Ok(page_of(store::list_from(cx.tx, from, &filter)?, filter.limit));
    }
    filter.limit = filter.limit.max(LOOKED_AT_TOGETHER);
    let (mut shown, mut looked_at, mut reviewed) = (Vec::new(), 0, HashMap::new());
    loop {
        let page = store::list_from(cx.tx, from, &filter)?;
        looked_at += page.len();
        let is_last = (page.len() as i64) < filter.limit;
        for request in page {
            filter.after = request.access_request_id;
            let org = request.review_org_id;
            let is_own = is_same_person(&request.requested_by, &cx.caller.owner);
            let may = match (is_own, reviewed.get(&org)) {
                (true, _) => true,
                (false, Some(may)) => *may,
                (false, None) => *reviewed.entry(org).or_insert(is_visible(cx, &request)?),
            };
            if may {
                shown.push(request);
                if shown.len() == wanted {
                    return Ok((shown, Some(filter.after)));
                }
            }
        }
        if is_last || looked_at >= MAX_SEARCHED {
            return Ok((shown, Some(filter.after).filter(|_| !is_last)));
        }
    }
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetAccessRequest) -> Result<Uuid> {
    read_id("access request", &input.access_request_id)
}

pub fn get(cx: &mut CallContext<'_, '_>, id: &Uuid) -> Result<AccessRequestAnswer> {
    let (request, _) = find(cx, *id)?;
    Ok(AccessRequestAnswer { ok: true, access_request: view(&request, cx.now) })
}

/// Returns true for admins of the requester's workspace, the requester, and reviewers of the deciding organization.
fn is_visible(cx: &mut CallContext<'_, '_>, request: &AccessRequest) -> Result<bool> {
    let is_here = cx.caller.is_admin() && request.from_workspace_id == cx.caller.workspace;
    if is_here || is_same_person(&request.requested_by, &cx.caller.owner) {
        return Ok(true);
    }
    Ok(RoleSet::in_org(cx, request.review_org_id)?.allows(Permission::ReviewRequests, None))
}

/// Returns a request that the caller may see, with the caller's roles in the deciding organization.
fn find(cx: &mut CallContext<'_, '_>, id: Uuid) -> Result<(AccessRequest, RoleSet)> {
    let not_found = || ApiError::not_found(format!("access request {id}"));
    let request = store::find(cx.tx, id)?.ok_or_else(not_found)?;
    let authority = RoleSet::in_org(cx, request.review_org_id)?;
    if !is_visible(cx, &request)? {
        return Err(not_found().into());
    }
    Ok((request, authority))
}

pub struct Review {
    id: Uuid,
    input: ReviewAccessRequest,
}

pub(crate) fn prepare_review(_: &PrepareContext<'_>, input: ReviewAccessRequest) -> Result<Review> {
    let id = read_id("access request", &input.access_request_id)?;
    check_chars("reviewer_actor_id", input.reviewer_actor_id.as_deref(), 1, 255)?;
    check_chars("review_comment", input.review_comment.as_deref(), 0, 4_000)?;
    Ok(Review { id, input })
}

/// Decides a request. Approval and rejection are final; a waitlisted request can still be decided.
pub fn review(cx: &mut CallContext<'_, '_>, review: &Review) -> Result<AccessRequestAnswer> {
    store::lock(cx.tx, review.id)?;
    let (mut request, authority) = find(cx, review.id)?;
    authority.check(Permission::ReviewRequests, None)?;
    let state = state(&request, cx.now);
    if !OPEN.contains(&state) {
        let message = format!("the request is already {state}; it can no longer be decided");
        return Err(ApiError::new(ErrorCode::AccessRequestDecided, message).with("state", state.as_str()).into());
    }
    if review.input.decision == ReviewDecision::Approve {
        carry_out(cx, &mut request, &authority)?;
    }
    request.state = review.input.decision.state();
    request.reviewer_actor_id = Some(review.input.reviewer_actor_id.clone().unwrap_or_else(|| cx.caller.actor()));
    request.review_comment = review.input.review_comment.clone();
    (request.reviewed_at, request.updated_at) = (Some(cx.now), cx.now);
    store::update(cx.tx, &request)?;
    let line = json!({ "decision": review.input.decision, "request_type": request.request_type });
    cx.audit("access_requests.review", &review.id.to_string(), &line)?;
    Ok(AccessRequestAnswer { ok: true, access_request: view(&request, cx.now) })
}

fn carry_out(cx: &mut CallContext<'_, '_>, request: &mut AccessRequest, authority: &RoleSet) -> Result<()> {
    let actor = membership::name_of(&request.requester_actor_id);
    match request.request_type {
        RequestType::CreateOrganization => {
            let made = CreateOrganization {
                name: request.company_name.clone().unwrap_or_default(),
                requested_by_actor_id: Some(actor.clone()),
                ..CreateOrganization::default()
            };
            request.org_id = Some(super::organizations::found(cx, &made, &actor)?.org_id);
        }
        RequestType::JoinOrganization | RequestType::ElevatedRole => {
            let asked = request.requested_role;
            let role = asked.unwrap_or(OrgRole::Member);
            if !authority.gives(role, None) {
                let message = format!("your roles cannot grant {role}; ask an org_owner to decide");
                return Err(ApiError::forbidden(message).into());
            }
            organizations::lock(cx.tx, request.review_org_id)?;
            let workspace = request.workspace_id.filter(|_| !role.spans_organization());
            // Anyone may ask to join in another person's name, so this must not move a member to an equal role.
            let may_differ = request.request_type == RequestType::ElevatedRole;
            raise(cx, request.review_org_id, workspace, &actor, (asked, may_differ), authority)?;
        }
        // The request may be older than the rule that operators decide.
        RequestType::QuotaUpgrade if cx.limits.tier.is_hosted() && !placement::is_operator(cx)? => {
            return Err(ApiError::forbidden("only the operators of this server can approve a quota upgrade").into());
        }
        RequestType::QuotaUpgrade => super::quotas::upgrade(cx, request)?,
    }
    Ok(())
}

/// Returns the state at a time. An open request expires by the clock, without a write.
fn state(request: &AccessRequest, now: Time) -> RequestState {
    let is_open = OPEN.contains(&request.state);
    if is_open && request.expires_at.is_some_and(|at| at <= now) { RequestState::Expired } else { request.state }
}

pub(super) fn view(r: &AccessRequest, now: Time) -> View {
    View {
        access_request_id: r.access_request_id.into(),
        request_type: r.request_type,
        state: state(r, now),
        requester_actor_id: r.requester_actor_id.clone(),
        org_id: r.org_id.map(Id::from),
        workspace_id: r.workspace_id.map(Id::from),
        requested_role: r.requested_role,
        requested_tier: r.requested_tier,
        company_name: r.company_name.clone(),
        justification: r.justification.clone(),
        reviewer_actor_id: r.reviewer_actor_id.clone(),
        review_comment: r.review_comment.clone(),
        reviewed_at: r.reviewed_at.map(Timestamp::from),
        created_at: r.created_at.into(),
        updated_at: r.updated_at.into(),
    }
}
