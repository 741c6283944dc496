//! Requests for a role, an organization or a tier, which a reviewer has to grant (`spec/protocol.md` §2.23).

pub use axme_types::access_requests::{RequestState, RequestType};
pub use axme_types::members::OrgRole;
pub use axme_types::quotas::HostedTier;
use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &LIST, &GET, &REVIEW];

/// Creates an access request.
pub static CREATE: Op<CreateAccessRequest, AccessRequestAnswer> =
    Op::post("access_requests.create", "/v1/access-requests")
        .access(Access::Role)
        .errors(&[ErrorCode::NotFound])
        .about("Request an organization, a membership, a role or a higher quota.");
/// Lists access requests.
pub static LIST: Op<ListAccessRequests, AccessRequestList> = Op::get("access_requests.list", "/v1/access-requests")
    .access(Access::Role)
    .errors(&[ErrorCode::NotFound])
    .about("List requests from the caller's workspace, and those to an organization that the caller reviews for.");
/// Gets one access request.
pub static GET: Op<GetAccessRequest, AccessRequestAnswer> =
    Op::get("access_requests.get", "/v1/access-requests/{access_request_id}")
        .access(Access::Role)
        .about("Get one request.");
/// Decides an access request.
pub static REVIEW: Op<ReviewAccessRequest, AccessRequestAnswer> =
    Op::post("access_requests.review", "/v1/access-requests/{access_request_id}/review")
        .access(Access::Role)
        .errors(&[ErrorCode::AccessRequestDecided, ErrorCode::MemberExists, ErrorCode::QuotaExceeded])
        .about("Decide a request. Approval carries it out at once.");

/// A new access request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateAccessRequest {
    /// The subject of the request.
    pub request_type: RequestType,
    /// The person, or another owner of keys, whom approval benefits: 1 to 255 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub requester_actor_id: String,
    /// The id of the organization. Required for `join_organization`; the caller's own by default for `elevated_role` and
    /// `quota_upgrade`.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Id>,
    /// The id of the workspace. For `quota_upgrade`, the caller's own by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
    /// The role. Required for `elevated_role`; `member` by default for `join_organization`.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub requested_role: Option<OrgRole>,
    /// The tier. Required for `quota_upgrade`.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub requested_tier: Option<HostedTier>,
    /// The name of the new organization: 2 to 120 characters. Required for `create_organization`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub company_name: Option<String>,
    /// The reason for the request, for the reviewer: at most 4,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 4000)))]
    pub justification: Option<String>,
    /// The request expires at this time, unless it is decided before.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Which access requests to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAccessRequests {
    /// Only requests about this organization. A reviewer gets every request that the organization decides. The slug of
    /// the caller's own is accepted too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::workspace_ref::IdOrSlug>"))]
    pub org_id: Option<Id>,
    /// Only requests about this workspace, or from it.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
    /// Only requests in this state.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub state: Option<RequestState>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only requests after this id: the `next_after` of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub after: Option<Id>,
}

/// Which access request to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetAccessRequest {
    /// The id of the access request.
    pub access_request_id: Id,
}

text_enum! {
    /// The decision about an access request.
    pub enum ReviewDecision {
        /// Grant the request and carry it out.
        Approve = "approve",
        /// Refuse the request.
        Reject = "reject",
        /// Put the decision off.
        Waitlist = "waitlist",
    }
}

impl ReviewDecision {
    /// Returns the state of a request after this decision.
    pub const fn state(self) -> RequestState {
        match self {
            ReviewDecision::Approve => RequestState::Approved,
            ReviewDecision::Reject => RequestState::Rejected,
            ReviewDecision::Waitlist => RequestState::Waitlisted,
        }
    }
}

/// A decision about an access request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReviewAccessRequest {
    /// The id of the access request.
    pub access_request_id: Id,
    /// The decision.
    pub decision: ReviewDecision,
    /// The reviewer to show: 1 to 255 characters. The caller by default.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub reviewer_actor_id: Option<String>,
    /// The reason for the decision: at most 4,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 4000)))]
    pub review_comment: Option<String>,
}

/// An access request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRequest {
    /// The id of the access request.
    pub access_request_id: Id,
    /// The subject of the request.
    pub request_type: RequestType,
    /// The state of the request.
    pub state: RequestState,
    /// The person, or another owner of keys, whom approval benefits.
    pub requester_actor_id: String,
    /// The id of the organization; that of the new one after approval of `create_organization`.
    pub org_id: Option<Id>,
    /// The id of the workspace.
    pub workspace_id: Option<Id>,
    /// The role.
    pub requested_role: Option<OrgRole>,
    /// The tier, only for `quota_upgrade`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_tier: Option<HostedTier>,
    /// The name of the new organization.
    pub company_name: Option<String>,
    /// The reason for the request.
    pub justification: Option<String>,
    /// The reviewer who decided last.
    pub reviewer_actor_id: Option<String>,
    /// The reason for the decision.
    pub review_comment: Option<String>,
    /// When the request was last decided.
    pub reviewed_at: Option<Timestamp>,
    /// When the request was created.
    pub created_at: Timestamp,
    /// When the request last changed.
    pub updated_at: Timestamp,
}

/// The access request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRequestAnswer {
    /// Always true.
    pub ok: bool,
    /// The access request.
    pub access_request: AccessRequest,
}

/// A page of access requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRequestList {
    /// Always true.
    pub ok: bool,
    /// The access requests, oldest first.
    pub access_requests: Vec<AccessRequest>,
    /// Send it as `after` to get the next page, even if this page is short; null on the last page.
    pub next_after: Option<Id>,
}
