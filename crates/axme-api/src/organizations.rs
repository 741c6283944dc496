//! Organizations and their workspaces (`spec/protocol.md` §2.21).

pub use axme_types::organizations::{Environment, OrganizationStatus, UnknownReceivers, WorkspaceStatus};
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::{ErrorCode, Id, Object, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &GET, &UPDATE, &CREATE_WORKSPACE, &LIST_WORKSPACES, &UPDATE_WORKSPACE];

/// Creates an organization.
pub static CREATE: Op<CreateOrganization, OrganizationAnswer> = Op::post("organizations.create", "/v1/organizations")
    .access(Access::Admin)
    .errors(&[ErrorCode::PayloadTooLarge])
    .about("Create an organization. The owner of the key becomes its org_owner.");
/// Gets one organization.
pub static GET: Op<GetOrganization, GetOrganizationAnswer> = Op::get("organizations.get", "/v1/organizations/{org_id}")
    .access(Access::Role)
    .about("Get one organization, with how many workspaces and members it has.");
/// Changes an organization.
pub static UPDATE: Op<UpdateOrganization, OrganizationAnswer> =
    Op::patch("organizations.update", "/v1/organizations/{org_id}")
        .access(Access::Role)
        .errors(&[ErrorCode::OwnTenant, ErrorCode::PayloadTooLarge])
        .about("Change the description of an organization, or its status.");
/// Creates a workspace.
pub static CREATE_WORKSPACE: Op<CreateWorkspace, WorkspaceAnswer> =
    Op::post("organizations.workspaces.create", "/v1/organizations/{org_id}/workspaces")
        .access(Access::Role)
        .about("Create a workspace. An organization has at most 500.");
/// Lists the workspaces of an organization.
pub static LIST_WORKSPACES: Op<ListWorkspaces, WorkspaceList> =
    Op::get("organizations.workspaces.list", "/v1/organizations/{org_id}/workspaces")
        .access(Access::Role)
        .about("List the workspaces of an organization, by id.");
/// Changes a workspace.
pub static UPDATE_WORKSPACE: Op<UpdateWorkspace, WorkspaceAnswer> =
    Op::patch("organizations.workspaces.update", "/v1/organizations/{org_id}/workspaces/{workspace_id}")
        .access(Access::Role)
        .errors(&[ErrorCode::OwnTenant])
        .about("Change a workspace. The keys of a suspended or archived workspace are refused.");

/// A new organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateOrganization {
    /// The name: 2 to 120 characters. The slug in addresses is derived from it.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub name: String,
    /// The actor who requested the organization, for the audit trail: 1 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub requested_by_actor_id: Option<String>,
    /// The name in contracts: 2 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 255)))]
    pub legal_name: Option<String>,
    /// The internet domain of the organization: 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 255)))]
    pub primary_domain: Option<String>,
    /// Data of the caller's own: at most 131,072 bytes of JSON.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// Which organization to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetOrganization {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
}

/// A change of an organization. Fields that are missing stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateOrganization {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The name: 2 to 120 characters. The slug in addresses stays.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub name: Option<String>,
    /// The name in contracts: 2 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 255)))]
    pub legal_name: Option<String>,
    /// The internet domain of the organization: 3 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 255)))]
    pub primary_domain: Option<String>,
    /// The status. A key cannot make its own organization inactive.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<OrganizationStatus>,
    /// Data of the caller's own: at most 131,072 bytes of JSON. It replaces the previous data.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

/// A new workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateWorkspace {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The name: 2 to 120 characters. The slug in addresses is derived from it.
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub name: String,
    /// The purpose of the workspace.
    pub environment: Environment,
    /// The region of the workspace, a label of 2 to 64 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 64)))]
    pub region: Option<String>,
}

/// Which workspaces to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListWorkspaces {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The page size.
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
    /// Only workspaces after this id: the last one of the previous page.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub after: Option<Id>,
}

/// A change of a workspace. Fields that are missing stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateWorkspace {
    /// The id of the organization. The slug of the caller's own is accepted too.
    #[cfg_attr(feature = "schema", schemars(with = "crate::workspace_ref::IdOrSlug"))]
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The name: 2 to 120 characters. The slug in addresses stays.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 120)))]
    pub name: Option<String>,
    /// The status. A key cannot make its own workspace inactive.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkspaceStatus>,
    /// The region of the workspace, a label of 2 to 64 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 2, max = 64)))]
    pub region: Option<String>,
    /// The purpose of the workspace.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The answer to intents of the workspace for agents that nobody has registered.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub unknown_receivers: Option<UnknownReceivers>,
}

/// An organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Organization {
    /// The id of the organization.
    pub org_id: Id,
    /// The name.
    pub name: String,
    /// The name in contracts.
    pub legal_name: Option<String>,
    /// The internet domain of the organization.
    pub primary_domain: Option<String>,
    /// The status.
    pub status: OrganizationStatus,
    /// Data of the caller's own.
    pub metadata: Object,
    /// When the organization was created.
    pub created_at: Timestamp,
    /// When the organization last changed.
    pub updated_at: Timestamp,
}

/// The organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrganizationAnswer {
    /// Always true.
    pub ok: bool,
    /// The organization.
    pub organization: Organization,
}

/// An organization with the counts of its workspaces and members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrganizationDetails {
    /// The organization.
    #[serde(flatten)]
    pub organization: Organization,
    /// How many workspaces it has.
    pub workspaces_count: u64,
    /// How many people are members, each counted once.
    pub members_count: u64,
}

/// The organization with the counts of its workspaces and members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetOrganizationAnswer {
    /// Always true.
    pub ok: bool,
    /// The organization.
    pub organization: OrganizationDetails,
}

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Workspace {
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The id of its organization.
    pub org_id: Id,
    /// The name.
    pub name: String,
    /// The purpose of the workspace.
    pub environment: Environment,
    /// The status.
    pub status: WorkspaceStatus,
    /// The region of the workspace, a label.
    pub region: Option<String>,
    /// The answer to intents of the workspace for agents that nobody has registered; absent while it is `accept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_receivers: Option<UnknownReceivers>,
    /// When the workspace was created.
    pub created_at: Timestamp,
    /// When the workspace last changed.
    pub updated_at: Timestamp,
}

/// The workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceAnswer {
    /// Always true.
    pub ok: bool,
    /// The workspace.
    pub workspace: Workspace,
}

/// A page of workspaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceList {
    /// Always true.
    pub ok: bool,
    /// The workspaces, by id.
    pub workspaces: Vec<Workspace>,
}
