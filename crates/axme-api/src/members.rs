//! Members of organizations and workspaces, and their roles (`spec/protocol.md` §2.22).

pub use axme_types::members::{MemberStatus, OrgRole};
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&LIST, &ADD, &UPDATE, &REMOVE, &INCLUDE, &EXCLUDE];

/// Lists members.
pub static LIST: Op<ListMembers, MemberList> =
    Op::get("organizations.members.list", "/v1/organizations/{org_id}/members")
        .access(Access::Role)
        .about("List the members of an organization, or of one of its workspaces, without removed ones.");
/// Gives a person a role in an organization.
pub static ADD: Op<AddMember, MemberAnswer> =
    Op::post("organizations.members.add", "/v1/organizations/{org_id}/members")
        .access(Access::Role)
        .errors(&[ErrorCode::MemberExists, ErrorCode::QuotaExceeded])
        .about("Give a person a role in an organization, or in one of its workspaces.");
/// Changes the role or the status of a member.
pub static UPDATE: Op<UpdateMember, MemberAnswer> =
    Op::patch("organizations.members.update", "/v1/organizations/{org_id}/members/{member_id}")
        .access(Access::Role)
        .errors(&[ErrorCode::LastOwner, ErrorCode::QuotaExceeded])
        .about("Change a member's role or status.");
/// Removes a member of an organization.
pub static REMOVE: Op<RemoveMember, RemoveMemberAnswer> =
    Op::delete("organizations.members.remove", "/v1/organizations/{org_id}/members/{member_id}")
        .access(Access::Role)
        .errors(&[ErrorCode::LastOwner])
        .about("Remove a member of an organization, or of one of its workspaces.");
/// Gives a person a role in a workspace.
pub static INCLUDE: Op<IncludeMember, MemberAnswer> =
    Op::post("workspaces.members.include", "/v1/workspaces/{workspace_id}/members/include")
        .access(Access::Role)
        .errors(&[ErrorCode::MemberExists, ErrorCode::QuotaExceeded])
        .about("Give a member of the organization a role in a workspace. People who are not members are refused.");
/// Removes a member of a workspace.
pub static EXCLUDE: Op<ExcludeMember, RemoveMemberAnswer> =
    Op::delete("workspaces.members.exclude", "/v1/workspaces/{workspace_id}/members/{member_id}/exclude")
        .access(Access::Role)
        .errors(&[ErrorCode::LastOwner])
        .about("Remove a member of one workspace, who stays in the organization. Members of all of it are not found.");

/// Which members to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListMembers {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// Only members of this workspace, without those of the whole organization.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
    /// Only members after this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub after: Option<Id>,
}

/// A new member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AddMember {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The person, or another owner of keys: as a rule an email address. 1 to 255 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub actor_id: String,
    /// The role.
    pub role: OrgRole,
    /// The workspace of the role; every workspace of the organization by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
    /// Accepted and ignored: the audit trail records the caller that was authenticated. 1 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub invited_by_actor_id: Option<String>,
}

/// A change of a member. Fields that are missing stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateMember {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the member.
    pub member_id: Id,
    /// The role.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub role: Option<OrgRole>,
    /// The status.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<MemberStatus>,
}

/// Which member to remove.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveMember {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the member.
    pub member_id: Id,
}

/// A new member of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncludeMember {
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// The person, or another owner of keys: as a rule an email address. 1 to 255 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub actor_id: String,
    /// The role. `org_owner` and `org_admin` are refused, because they apply to a whole organization.
    pub role: OrgRole,
    /// The id of the organization that the workspace belongs to. Optional; another organization is refused. The slug of
    /// the caller's own is accepted too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::workspace_ref::IdOrSlug>"))]
    pub org_id: Option<Id>,
}

/// Which member to remove from a workspace.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExcludeMember {
    /// The id of the workspace. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub workspace_id: Id,
    /// The id of the member.
    pub member_id: Id,
}

/// A membership: the role of one person in an organization or in one of its workspaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    /// The id of the member.
    pub member_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the workspace; null for a member of the whole organization.
    pub workspace_id: Option<Id>,
    /// The person, or another owner of keys: as a rule an email address.
    pub actor_id: String,
    /// The role.
    pub role: OrgRole,
    /// The status.
    pub status: MemberStatus,
    /// When the member was first added.
    pub created_at: Timestamp,
    /// When the membership last changed.
    pub updated_at: Timestamp,
}

/// The member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberAnswer {
    /// Always true.
    pub ok: bool,
    /// The member.
    pub member: Member,
    /// The valid keys that the person made, newest first, at most 100. Only in the answer to a change that ends the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys_left: Vec<KeyLeft>,
}

/// A valid key that a former member made. It stays valid until it is revoked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyLeft {
    /// The id of the workspace of the key.
    pub workspace_id: Id,
    /// The id of the service account: `sa_…`.
    pub service_account_id: String,
    /// The id of the key: `sak_…`.
    pub key_id: String,
    /// A part of the key that identifies it to people, and that does not open anything.
    pub key_hint: String,
    /// When the key was created.
    pub created_at: Timestamp,
    /// The key stops working at this time; null for a key that does not expire.
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, to the minute; null before its first use.
    pub last_used_at: Option<Timestamp>,
}

/// A page of members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberList {
    /// Always true.
    pub ok: bool,
    /// The members, by id.
    pub members: Vec<Member>,
}

/// The removal of a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Removal {
    /// Always true.
    pub removed: bool,
    /// The id of the organization.
    pub org_id: Id,
    /// The id of the member.
    pub member_id: Id,
    /// The id of the workspace; null for a member of the whole organization.
    pub workspace_id: Option<Id>,
    /// When the member was removed.
    pub removed_at: Timestamp,
}

/// The removal, at the top level and once more as `result`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemoveMemberAnswer {
    /// Always true.
    pub ok: bool,
    /// Always true.
    pub removed: bool,
    /// The membership now: `removed`, or `suspended` if it was the last one that kept the person in the organization.
    pub status: MemberStatus,
    /// The same as `result.org_id`.
    pub org_id: Id,
    /// The same as `result.member_id`.
    pub member_id: Id,
    /// The same as `result.removed_at`.
    pub removed_at: Timestamp,
    /// The removal.
    pub result: Removal,
    /// The valid keys that the person made, newest first, at most 100. Revoke the ones that nobody answers for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys_left: Vec<KeyLeft>,
}
