//! Requests for what somebody else has to grant (`spec/protocol.md` §2.23).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::workspace_ref::WorkspaceRef;

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &LIST, &GET, &REVIEW];

pub static CREATE: Op<CreateAccessRequest, AccessRequestAnswer> =
    Op::post("access_requests.create", "/v1/access-requests")
        .access(Access::Role)
        .about("Ask for an organization, a membership, a role or a higher quota.");
pub static LIST: Op<ListAccessRequests, AccessRequestList> = Op::get("access_requests.list", "/v1/access-requests")
    .access(Access::Role)
    .about("Requests from the caller's workspace, and those to an organization it may review for.");
pub static GET: Op<GetAccessRequest, AccessRequestAnswer> =
    Op::get("access_requests.get", "/v1/access-requests/{access_request_id}")
        .access(Access::Role)
        .about("One request.");
pub static REVIEW: Op<ReviewAccessRequest, AccessRequestAnswer> =
    Op::post("access_requests.review", "/v1/access-requests/{access_request_id}/review")
        .access(Access::Role)
        .about("Decide a request. Approving it carries it out.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateAccessRequest {
    /// `create_organization`, `join_organization`, `elevated_role` or `quota_upgrade`.
    pub request_type: String,
    /// Who is to get what is asked for. 1 to 255 characters.
    pub requester_actor_id: String,
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub requested_role: Option<String>,
    /// For `quota_upgrade`: `email_verified` or `corporate`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub requested_tier: Option<String>,
    /// The name of the organization to create.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    /// At most 4,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// RFC 3339; nobody can decide it after that.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAccessRequests {
    #[serde(flatten)]
    pub workspace: WorkspaceRef,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<100, 1_000>,
    /// Only requests after this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetAccessRequest {
    pub access_request_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReviewAccessRequest {
    pub access_request_id: String,
    /// `approve`, `reject` or `waitlist`.
    pub decision: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reviewer_actor_id: Option<String>,
    /// At most 4,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub review_comment: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRequest {
    pub access_request_id: String,
    pub request_type: String,
    /// `pending`, `under_review`, `approved`, `rejected`, `waitlisted` or `expired`.
    pub state: String,
    pub requester_actor_id: String,
    pub org_id: Option<String>,
    pub workspace_id: Option<String>,
    pub requested_role: Option<String>,
    /// Only for `quota_upgrade`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_tier: Option<String>,
    pub company_name: Option<String>,
    pub justification: Option<String>,
    pub reviewer_actor_id: Option<String>,
    pub review_comment: Option<String>,
    pub reviewed_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRequestAnswer {
    pub ok: bool,
    pub access_request: AccessRequest,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessRequestList {
    pub ok: bool,
    pub access_requests: Vec<AccessRequest>,
}
