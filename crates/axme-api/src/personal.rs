//! The portal of a person: where they belong, and where they work (`spec/protocol.md` §2.31).

use serde::{Deserialize, Serialize};

use crate::capabilities::Nothing;
use crate::lenient;
use crate::op::{Access, AnyOp, Op};
use crate::tasks::Task;

pub const OPERATIONS: &[&dyn AnyOp] = &[&CONTEXT, &SELECT, &PROFILE, &OVERVIEW];

pub static CONTEXT: Op<Nothing, Context> = Op::get("portal.personal.context", "/v1/portal/personal/context")
    .access(Access::Person)
    .about("The organizations and workspaces of the person, and which of them is selected.");
pub static SELECT: Op<SelectWorkspace, Context> =
    Op::post("portal.personal.select_workspace", "/v1/portal/personal/workspace-selection")
        .access(Access::Person)
        .about("Select the workspace to work in.");
pub static PROFILE: Op<ChangeProfile, Profile> = Op::post("portal.personal.profile", "/v1/portal/personal/profile")
    .access(Access::Person)
    .about("Change the name and the company of the person.");
pub static OVERVIEW: Op<PersonalOverview, Overview> =
    Op::get("portal.personal.overview", "/v1/portal/personal/overview")
        .access(Access::Person)
        .about("What waits for the person in a workspace, and what they have asked for.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelectWorkspace {
    pub org_id: String,
    pub workspace_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeProfile {
    /// 1 to 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// 1 to 255 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonalOverview {
    /// The selected workspace unless given.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Account {
    pub account_id: String,
    pub email: String,
    pub nick: Option<String>,
    pub display_name: Option<String>,
    pub company: Option<String>,
    pub has_password: bool,
    pub created_at: String,
}

/// What is selected; empty for somebody who belongs nowhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Selected {
    pub org_id: String,
    pub workspace_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnOrganization {
    pub org_id: String,
    pub name: String,
    pub status: String,
    pub roles: Vec<String>,
    pub workspaces: Vec<OwnWorkspace>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnWorkspace {
    pub workspace_id: String,
    pub org_id: String,
    pub name: String,
    pub org_name: String,
    pub environment: String,
    pub status: String,
    pub roles: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelectedOrganization {
    pub org_id: String,
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelectedWorkspace {
    pub workspace_id: String,
    pub org_id: String,
    pub name: String,
    pub org_name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guidance {
    pub workspace_count: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Context {
    pub ok: bool,
    pub account: Account,
    pub context: Selected,
    pub organizations: Vec<OwnOrganization>,
    pub workspaces: Vec<OwnWorkspace>,
    pub selected_organization: Option<SelectedOrganization>,
    pub selected_workspace: Option<SelectedWorkspace>,
    pub guidance: Guidance,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Profile {
    pub ok: bool,
    pub account: Account,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overview {
    pub ok: bool,
    pub account: Account,
    pub context: Selected,
    pub roles: Vec<String>,
    /// Tasks that wait for the person here, the oldest first; at most 100.
    pub tasks: Vec<Task>,
    /// Access requests of the person that are not decided yet.
    pub pending_access_requests: u64,
    pub active_sessions: u64,
}
