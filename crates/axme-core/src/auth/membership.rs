//! The memberships of a person: the organizations and workspaces they belong to, and their role in each. A role for a
//! whole organization reaches all its workspaces.

use axme_api::ApiError;
use axme_api::roles::OrgRole;
use axme_intent::human::{is_email, person_key};
use uuid::Uuid;

use super::caller::{Caller, Role};
use crate::error::StoreError;
use axme_store::members::MemberStatus;
use axme_store::organizations::{Organization, Workspace, WorkspaceStatus};
use axme_store::person_accounts::{Account, Membership};
use axme_store::{Tx, organizations};

/// The workspaces of one organization that are searched.
const MAX_WORKSPACES: i64 = 1_000;

/// Normalizes an email address, which people write in any case.
pub fn address(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Normalizes the actor of a membership: an email address like that of a sign-in, another name unchanged.
pub fn name_of(actor: &str) -> String {
    let key = person_key(actor);
    if is_email(&key) { key } else { actor.trim().to_owned() }
}

/// The prefix of the owner of a trial's keys: a name of its own, not the email address.
const TRIAL_OWNER: &str = "trial:";
/// The beginning of the names of accounts without an email address; an id follows.
pub const NAMELESS_OWNER: &str = "person-";

/// Returns the owner of a trial's keys.
pub fn trial_owner(trial: Uuid) -> String {
    format!("{TRIAL_OWNER}{trial}")
}

/// Refuses more organizations and workspaces to a trial: each would have quotas of its own.
pub fn check_is_no_trial(caller: &Caller) -> Result<(), ApiError> {
    let message = if caller.owner.starts_with(TRIAL_OWNER) {
        "a trial has one organization with one workspace; verify its email address, and sign in to create more"
    } else if caller.owner.strip_prefix(NAMELESS_OWNER).is_some_and(|rest| rest.parse::<Uuid>().is_ok()) {
        "an account without an email address has one organization with one workspace; sign in by mail to create more"
    } else {
        return Ok(());
    };
    Err(ApiError::forbidden(message))
}

/// Lists the roles that reach a workspace.
fn roles_in<'a>(memberships: &'a [Membership], org: Uuid, workspace: Uuid) -> impl Iterator<Item = OrgRole> + use<'a> {
    memberships.iter().filter(move |m| m.org_id == org).filter_map(move |m| {
        let reaches = m.role.spans_organization() || m.workspace_id.is_none_or(|id| id == workspace);
        Some(m.role).filter(|_| reaches)
    })
}

/// Lists the roles that reach a workspace, without repetition.
pub(crate) fn distinct_roles_in(memberships: &[Membership], org: Uuid, workspace: Uuid) -> Vec<OrgRole> {
    distinct(roles_in(memberships, org, workspace))
}

/// Lists roles in their order, without repetition.
pub(crate) fn distinct(roles: impl Iterator<Item = OrgRole>) -> Vec<OrgRole> {
    let mut found = Vec::new();
    for role in roles {
        if !found.contains(&role) {
            found.push(role);
        }
    }
    found
}

/// Returns the role of a person in a workspace; `None` if they do not belong to it.
pub(crate) fn role_in(memberships: &[Membership], org: Uuid, workspace: Uuid) -> Option<Role> {
    let rank = |role: OrgRole| match role {
        OrgRole::OrgOwner | OrgRole::OrgAdmin | OrgRole::WorkspaceAdmin => (2, Role::WorkspaceAdmin),
        OrgRole::Member => (1, Role::Member),
        OrgRole::BillingViewer | OrgRole::SecurityAuditor => (0, Role::Visitor),
    };
    roles_in(memberships, org, workspace).map(rank).max_by_key(|(rank, _)| *rank).map(|(_, role)| role)
}

/// Returns true for a former member, who was removed or suspended. Memberships of the workspace or its whole
/// organization decide; if there are none, those of its other workspaces. A person who never was a member is not a
/// former one, and may be asked.
pub fn has_left(tx: &mut Tx<'_>, workspace: Uuid, person: &str) -> Result<bool, StoreError> {
    let (name, key) = (name_of(person), person_key(person));
    let known = axme_store::members::standing(tx, workspace, [&name, &key, &format!("user://{key}")])?;
    let reaches =
        |(role, of, _): &&(OrgRole, Uuid, MemberStatus)| of.is_nil() || *of == workspace || role.spans_organization();
    let is_out = |(_, _, status): &(OrgRole, Uuid, MemberStatus)| {
        matches!(status, MemberStatus::Removed | MemberStatus::Suspended)
    };
    let here: Vec<_> = known.iter().filter(reaches).cloned().collect();
    let counted = if here.is_empty() { known } else { here };
    Ok(!counted.is_empty() && counted.iter().all(is_out))
}

/// Returns true for an active member of a workspace. `key` is a `person_key`.
pub(crate) fn is_member(tx: &mut Tx<'_>, workspace: Uuid, key: &str) -> Result<bool, StoreError> {
    let known = axme_store::members::standing(tx, workspace, [key, &name_of(key), &format!("user://{key}")])?;
    let reaches = |role: OrgRole, of: Uuid| of.is_nil() || of == workspace || role.spans_organization();
    Ok(known.iter().any(|(role, of, status)| *status == MemberStatus::Active && reaches(*role, *of)))
}

/// An organization that a person belongs to, with the workspaces they reach.
pub struct Belonging {
    pub organization: Organization,
    pub workspaces: Vec<Workspace>,
}

/// Lists everything that a person belongs to, oldest membership first. Leaves out inactive workspaces.
pub(crate) fn belongings(tx: &mut Tx<'_>, memberships: &[Membership]) -> Result<Vec<Belonging>, StoreError> {
    let mut found: Vec<Belonging> = Vec::new();
    for membership in memberships {
        if found.iter().any(|known| known.organization.org_id == membership.org_id) {
            continue;
        }
        let Some(organization) = organizations::find(tx, membership.org_id)? else { continue };
        let mut workspaces = organizations::list_workspaces(tx, organization.org_id, Uuid::nil(), MAX_WORKSPACES)?;
        workspaces.retain(|workspace| {
            workspace.status == WorkspaceStatus::Active
                && role_in(memberships, organization.org_id, workspace.workspace_id).is_some()
        });
        found.push(Belonging { organization, workspaces });
    }
    Ok(found)
}

/// Finds the workspace that a person works in: the selected one, otherwise the first to which they belong.
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
