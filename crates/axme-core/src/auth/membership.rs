//! Where a person belongs: the organizations and workspaces they are a member of, and their role in each.

use axme_api::roles::OrgRole;
use axme_intent::human::{is_email, person_key};
use uuid::Uuid;

use super::caller::Role;
use crate::error::StoreError;
use axme_store::members::MemberStatus;
use axme_store::organizations::{Organization, Workspace, WorkspaceStatus};
use axme_store::person_accounts::{Account, Membership};
use axme_store::{Tx, organizations};

/// Workspaces of one organization that are looked at.
const MOST_WORKSPACES: i64 = 1_000;

/// An address as it is looked up: people write theirs in any case.
pub fn address(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Whom a membership is of: an address for mail as people sign in with it, any other name as it is.
pub fn name_of(actor: &str) -> String {
    if is_email(actor.trim()) { address(actor) } else { actor.trim().to_owned() }
}

/// The roles that reach a workspace.
fn roles_in<'a>(memberships: &'a [Membership], org: Uuid, workspace: Uuid) -> impl Iterator<Item = OrgRole> + use<'a> {
    memberships.iter().filter(move |m| m.org_id == org).filter_map(move |m| {
        let role = OrgRole::parse(&m.role)?;
        let reaches = role.spans_organization() || m.workspace_id.is_none_or(|id| id == workspace);
        Some(role).filter(|_| reaches)
    })
}

/// The names of the roles that reach a workspace.
pub(crate) fn role_names(memberships: &[Membership], org: Uuid, workspace: Uuid) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for role in roles_in(memberships, org, workspace) {
        if !names.iter().any(|name| name == role.as_str()) {
            names.push(role.as_str().to_owned());
        }
    }
    names
}

/// What a person may do in a workspace; `None` for one that they do not belong to.
pub(crate) fn role_in(memberships: &[Membership], org: Uuid, workspace: Uuid) -> Option<Role> {
    let rank = |role: OrgRole| match role {
        OrgRole::OrgOwner | OrgRole::OrgAdmin | OrgRole::WorkspaceAdmin => (2, Role::WorkspaceAdmin),
        OrgRole::Member => (1, Role::Member),
        OrgRole::BillingViewer | OrgRole::SecurityAuditor => (0, Role::Visitor),
    };
    roles_in(memberships, org, workspace).map(rank).max_by_key(|(rank, _)| *rank).map(|(_, role)| role)
}

/// True for somebody who was a member here and is none: removed or suspended. Memberships of the
/// workspace or its whole organization count; where there are none, those of its other workspaces. Whoever never was a member
/// is a stranger, who may well be asked.
pub fn has_left(tx: &mut Tx<'_>, workspace: Uuid, person: &str) -> Result<bool, StoreError> {
    let (name, key) = (name_of(person), person_key(person));
    let known = axme_store::members::standing(tx, workspace, [&name, &key, &format!("user://{key}")])?;
    let reaches = |(role, of, _): &&(String, Uuid, MemberStatus)| {
        of.is_nil() || *of == workspace || OrgRole::parse(role).is_some_and(OrgRole::spans_organization)
    };
    let is_out = |(_, _, status): &(String, Uuid, MemberStatus)| {
        matches!(status, MemberStatus::Removed | MemberStatus::Suspended)
    };
    let here: Vec<_> = known.iter().filter(reaches).cloned().collect();
    let counted = if here.is_empty() { known } else { here };
    Ok(!counted.is_empty() && counted.iter().all(is_out))
}

/// An organization that a person belongs to, with the workspaces they reach.
pub struct Belonging {
    pub organization: Organization,
    pub workspaces: Vec<Workspace>,
}

/// Everything that a person belongs to, the oldest membership first. Workspaces that are not active are left out.
pub(crate) fn belongings(tx: &mut Tx<'_>, memberships: &[Membership]) -> Result<Vec<Belonging>, StoreError> {
    let mut found: Vec<Belonging> = Vec::new();
    for membership in memberships {
        if found.iter().any(|known| known.organization.org_id == membership.org_id) {
            continue;
        }
        let Some(organization) = organizations::find(tx, membership.org_id)? else { continue };
        let mut workspaces = organizations::list_workspaces(tx, organization.org_id, Uuid::nil(), MOST_WORKSPACES)?;
        workspaces.retain(|workspace| {
            workspace.status == WorkspaceStatus::Active
                && role_in(memberships, organization.org_id, workspace.workspace_id).is_some()
        });
        found.push(Belonging { organization, workspaces });
    }
    Ok(found)
}

/// The workspace that a person works in: the one they chose, else the first they belong to.
pub fn home(
    tx: &mut Tx<'_>,
    account: &Account,
    memberships: &[Membership],
) -> Result<Option<(Organization, Workspace)>, StoreError> {
    if let Some(chosen) = account.selected_workspace
        && let Some(workspace) = organizations::find_workspace(tx, chosen)?
        && workspace.status == WorkspaceStatus::Active
        && role_in(memberships, workspace.org_id, chosen).is_some()
        && let Some(organization) = organizations::find(tx, workspace.org_id)?
    {
        return Ok(Some((organization, workspace)));
    }
    let mut all = belongings(tx, memberships)?.into_iter();
    Ok(all.find_map(|belonging| Some((belonging.organization, belonging.workspaces.into_iter().next()?))))
}
