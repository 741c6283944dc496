//! Members of organizations and workspaces, and their roles (`spec/protocol.md` §2.22).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;

pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &ADD, &UPDATE, &REMOVE, &INCLUDE, &EXCLUDE];

pub static LIST: Op<ListMembers, MemberList> =
    Op::get("organizations.members.list", "/v1/organizations/{org_id}/members")
        .access(Access::Role)
        .about("The members of an organization, or of one of its workspaces.");
pub static ADD: Op<AddMember, MemberAnswer> =
    Op::post("organizations.members.add", "/v1/organizations/{org_id}/members")
        .access(Access::Role)
        .about("Give somebody a role in an organization, or in one of its workspaces.");
pub static UPDATE: Op<UpdateMember, MemberAnswer> =
    Op::patch("organizations.members.update", "/v1/organizations/{org_id}/members/{member_id}")
        .access(Access::Role)
        .about("Change a member's role or status.");
pub static REMOVE: Op<RemoveMember, MemberRemoved> =
    Op::delete("organizations.members.remove", "/v1/organizations/{org_id}/members/{member_id}")
        .access(Access::Role)
        .about("Take a member out of an organization.");
pub static INCLUDE: Op<IncludeMember, MemberAnswer> =
    Op::post("workspaces.members.include", "/v1/workspaces/{workspace_id}/members/include")
        .access(Access::Role)
        .about("Give somebody a role in a workspace.");
pub static EXCLUDE: Op<ExcludeMember, MemberRemoved> =
    Op::delete("workspaces.members.exclude", "/v1/workspaces/{workspace_id}/members/{member_id}/exclude")
        .access(Access::Role)
        .about("Take a member out of a workspace.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMembers {
    pub org_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
    /// Only members after this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddMember {
    pub org_id: String,
    /// Whom keys are owned by: an address for mail, as a rule. 1 to 255 characters.
    pub actor_id: String,
    /// `org_owner`, `org_admin`, `workspace_admin`, `member`, `billing_viewer` or `security_auditor`.
    pub role: String,
    /// Without it, the role holds in every workspace.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub invited_by_actor_id: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateMember {
    pub org_id: String,
    pub member_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `active`, `invited`, `suspended` or `removed`. Only who is active may do anything.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveMember {
    pub org_id: String,
    pub member_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncludeMember {
    pub workspace_id: String,
    pub actor_id: String,
    pub role: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExcludeMember {
    pub workspace_id: String,
    pub member_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    pub member_id: String,
    pub org_id: String,
    /// Null for a member of the whole organization.
    pub workspace_id: Option<String>,
    pub actor_id: String,
    pub role: String,
    pub status: String,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberAnswer {
    pub ok: bool,
    pub member: Member,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberList {
    pub ok: bool,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Removal {
    pub removed: bool,
    pub org_id: String,
    pub member_id: String,
    pub workspace_id: Option<String>,
    pub removed_at: String,
}

/// The removal, at the top level and once more as `result`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberRemoved {
    pub ok: bool,
    pub removed: bool,
    pub org_id: String,
    pub member_id: String,
    pub removed_at: String,
    pub result: Removal,
}
