//! The portal of a person: their organizations and workspaces, and the workspace that they work in
//! (`spec/protocol.md` §2.31).

use axme_types::members::OrgRole;
use axme_types::organizations::{Environment, OrganizationStatus, WorkspaceStatus};
use serde::{Deserialize, Serialize};

use crate::capabilities::EmptyInput;
use crate::op::{Access, AnyOp, Op};
use crate::tasks::Task;
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CONTEXT, &SELECT, &PROFILE, &OVERVIEW];

/// Returns the organizations and workspaces of the person.
pub static CONTEXT: Op<EmptyInput, PersonalContextAnswer> =
    Op::get("portal.personal.context", "/v1/portal/personal/context")
        .access(Access::Person)
        .errors(&[ErrorCode::NotFound])
        .about("Get the organizations and workspaces of the person, and the selected ones.");
/// Selects the workspace in which the person works.
pub static SELECT: Op<SelectWorkspace, PersonalContextAnswer> =
    Op::post("portal.personal.select_workspace", "/v1/portal/personal/workspace-selection")
        .access(Access::Person)
        .errors(&[ErrorCode::NotFound])
        .about("Select the workspace of the person's calls that have a token and no key.");
/// Changes the name and the company of the person.
pub static PROFILE: Op<ChangeOwnProfile, PersonalProfileAnswer> =
    Op::post("portal.personal.profile", "/v1/portal/personal/profile")
        .access(Access::Person)
        .errors(&[ErrorCode::NotFound])
        .about("Change the name and the company of the person. Absent fields stay unchanged.");
/// Returns the tasks, requests and sessions of the person.
pub static OVERVIEW: Op<GetPersonalOverview, PersonalOverviewAnswer> =
    Op::get("portal.personal.overview", "/v1/portal/personal/overview")
        .access(Access::Person)
        .errors(&[ErrorCode::NotFound])
        .about("Get the person's tasks in a workspace, and their open access requests and sessions.");

/// Which workspace to select. The person must belong to it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelectWorkspace {
    /// The id of the organization of the workspace.
    pub org_id: Id,
    /// The id of the workspace.
    pub workspace_id: Id,
}

/// A change of the person's profile. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeOwnProfile {
    /// The name to show.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 120)))]
    pub display_name: Option<String>,
    /// The company of the person.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub company: Option<String>,
}

/// Which workspace to describe. Both ids, or neither for the selected workspace.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetPersonalOverview {
    /// The id of the organization of the workspace.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Id>,
    /// The id of the workspace.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
}

/// The account of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccountView {
    /// The id of the account.
    pub account_id: Id,
    /// The email address, in lower case.
    pub email: String,
    /// The other name to sign in with; null without one.
    pub nick: Option<String>,
    /// The name to show; null if it was not set.
    pub display_name: Option<String>,
    /// The company of the person; null if it was not set.
    pub company: Option<String>,
    /// True if the person can sign in with a password.
    pub has_password: bool,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// The workspace in which the person works. The ids are empty for a person without a membership.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceSelection {
    /// The id of the organization of the workspace, or empty.
    pub org_id: String,
    /// The id of the workspace, or empty.
    pub workspace_id: String,
}

/// An organization that the person belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnOrganization {
    /// The id of the organization.
    pub org_id: Id,
    /// The name of the organization.
    pub name: String,
    /// The status of the organization.
    pub status: OrganizationStatus,
    /// The roles of the person in the organization or in any of its workspaces.
    pub roles: Vec<OrgRole>,
    /// The active workspaces that the person belongs to.
    pub workspaces: Vec<OwnWorkspace>,
}

/// A workspace that the person belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnWorkspace {
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The name of the workspace.
    pub name: String,
    /// The name of the organization.
    pub org_name: String,
    /// The purpose of the workspace.
    pub environment: Environment,
    /// The status of the workspace.
    pub status: WorkspaceStatus,
    /// The roles of the person that reach the workspace.
    pub roles: Vec<OrgRole>,
}

/// The organization of the selected workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrganizationBrief {
    /// The id of the organization.
    pub org_id: Id,
    /// The name of the organization.
    pub name: String,
}

/// The selected workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkspaceBrief {
    /// The id of the workspace.
    pub workspace_id: Id,
    /// The id of the organization.
    pub org_id: Id,
    /// The name of the workspace.
    pub name: String,
    /// The name of the organization.
    pub org_name: String,
}

/// Facts that help a program choose its next step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guidance {
    /// The number of workspaces that the person belongs to.
    pub workspace_count: u64,
}

/// The organizations and workspaces of the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonalContextAnswer {
    /// Always true.
    pub ok: bool,
    /// The account of the person.
    pub account: AccountView,
    /// The selected workspace, or else the first one that the person belongs to.
    pub context: WorkspaceSelection,
    /// The organizations, oldest membership first.
    pub organizations: Vec<OwnOrganization>,
    /// The workspaces of all these organizations.
    pub workspaces: Vec<OwnWorkspace>,
    /// The organization of `context`; null for a person without a membership.
    pub selected_organization: Option<OrganizationBrief>,
    /// The workspace of `context`; null for a person without a membership.
    pub selected_workspace: Option<WorkspaceBrief>,
    /// Facts that help a program choose its next step.
    pub guidance: Guidance,
}

/// The account after the change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonalProfileAnswer {
    /// Always true.
    pub ok: bool,
    /// The account of the person.
    pub account: AccountView,
}

/// The tasks, requests and sessions of the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonalOverviewAnswer {
    /// Always true.
    pub ok: bool,
    /// The account of the person.
    pub account: AccountView,
    /// The workspace of the tasks.
    pub context: WorkspaceSelection,
    /// The roles of the person that reach the workspace.
    pub roles: Vec<OrgRole>,
    /// The tasks that wait for the person in the workspace, oldest first; at most 100.
    pub tasks: Vec<Task>,
    /// The number of the person's access requests that are not decided yet.
    pub pending_access_requests: u64,
    /// The number of the person's sessions that have not ended.
    pub active_sessions: u64,
}
