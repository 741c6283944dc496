//! Organizations and their workspaces (`spec/protocol.md` §2.21).

use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op};
use crate::page::Limit;
use crate::{Object, lenient};

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE, &GET, &UPDATE, &CREATE_WORKSPACE, &LIST_WORKSPACES, &UPDATE_WORKSPACE];

pub static CREATE: Op<CreateOrganization, OrganizationAnswer> = Op::post("organizations.create", "/v1/organizations")
    .access(Access::Admin)
    .about("Make an organization. The owner of the key becomes its org_owner.");
pub static GET: Op<GetOrganization, OrganizationSeen> = Op::get("organizations.get", "/v1/organizations/{org_id}")
    .access(Access::Role)
    .about("One organization, with how many workspaces and members it has.");
pub static UPDATE: Op<UpdateOrganization, OrganizationAnswer> =
    Op::patch("organizations.update", "/v1/organizations/{org_id}")
        .access(Access::Role)
        .about("Change what is told of an organization, or its status.");
pub static CREATE_WORKSPACE: Op<CreateWorkspace, WorkspaceAnswer> =
    Op::post("organizations.workspaces.create", "/v1/organizations/{org_id}/workspaces")
        .access(Access::Role)
        .about("Make a workspace.");
pub static LIST_WORKSPACES: Op<ListWorkspaces, WorkspaceList> =
    Op::get("organizations.workspaces.list", "/v1/organizations/{org_id}/workspaces")
        .access(Access::Role)
        .about("The workspaces of an organization, by id.");
pub static UPDATE_WORKSPACE: Op<UpdateWorkspace, WorkspaceAnswer> =
    Op::patch("organizations.workspaces.update", "/v1/organizations/{org_id}/workspaces/{workspace_id}")
        .access(Access::Role)
        .about("Change a workspace. Keys of one that is suspended or archived are refused.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateOrganization {
    /// 2 to 120 characters.
    pub name: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub requested_by_actor_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub primary_domain: Option<String>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetOrganization {
    pub org_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateOrganization {
    pub org_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub legal_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub primary_domain: Option<String>,
    /// `pending`, `active`, `suspended` or `archived`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateWorkspace {
    pub org_id: String,
    /// 2 to 120 characters.
    pub name: String,
    /// `sandbox`, `staging` or `production`.
    pub environment: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListWorkspaces {
    pub org_id: String,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
    /// Only workspaces after this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateWorkspace {
    pub org_id: String,
    pub workspace_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `active`, `suspended` or `archived`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Organization {
    pub org_id: String,
    pub name: String,
    pub legal_name: Option<String>,
    pub primary_domain: Option<String>,
    pub status: String,
    pub metadata: Object,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrganizationAnswer {
    pub ok: bool,
    pub organization: Organization,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CountedOrganization {
    #[serde(flatten)]
    pub organization: Organization,
    pub workspaces_count: u64,
    /// People, each counted once.
    pub members_count: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrganizationSeen {
    pub ok: bool,
    pub organization: CountedOrganization,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Workspace {
    pub workspace_id: String,
    pub org_id: String,
    pub name: String,
    pub environment: String,
    pub status: String,
    pub region: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceAnswer {
    pub ok: bool,
    pub workspace: Workspace,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceList {
    pub ok: bool,
    pub workspaces: Vec<Workspace>,
}
