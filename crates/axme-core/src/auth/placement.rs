//! Placement: the workspace in which a call acts, and whether its caller may.
//!
//! An admin key acts as `workspace_admin` in its own workspace. Elsewhere it acts with the roles that the owner of the
//! key has as a member. An organization to which the caller does not belong is answered as not found. A workspace
//! outside the named organization, or a role that is too weak, is refused.

use axme_api::roles::{OrgRole, Permission};
use axme_api::{ApiError, WorkspaceRef};
use axme_intent::{Address, Home};
use uuid::Uuid;

use super::caller::{Caller, Role};
use crate::context::CallContext;
use crate::error::{Error, Result, StoreError};
use axme_store::{Tx, members, organizations, policies};

/// The slug of the operators' organization, which the first start creates.
pub const OPERATORS_ORG_SLUG: &str = "local";

/// A workspace that the caller may act in.
#[derive(Debug, Clone)]
pub struct Placement {
    pub org: Uuid,
    pub org_slug: String,
    pub workspace: Uuid,
    pub workspace_slug: String,
}

impl Placement {
    /// The caller's own workspace.
    pub fn own(caller: &Caller) -> Placement {
        Placement {
            org: caller.org,
            org_slug: caller.org_slug.clone(),
            workspace: caller.workspace,
            workspace_slug: caller.workspace_slug.clone(),
        }
    }

    pub fn home(&self) -> Home<'_> {
        Home { org: &self.org_slug, workspace: &self.workspace_slug }
    }
}

/// A prepared value, and the workspace that the input names.
#[derive(Debug, Clone)]
pub struct InWorkspace<T> {
    workspace: WorkspaceRef,
    pub what: T,
}

impl<T> InWorkspace<T> {
    pub fn new(workspace: WorkspaceRef, what: T) -> InWorkspace<T> {
        InWorkspace { workspace, what }
    }

    /// Finds the named workspace, by default the caller's own, if the caller has a permission there.
    pub fn place(&self, cx: &mut CallContext<'_, '_>, permission: Permission) -> Result<Placement> {
        place_of(cx, &self.workspace, permission)
    }

    /// Finds the named workspace, or else the one of an object, if the caller has a permission there. The caller's own
    /// workspace stands for objects that the caller cannot see.
    pub fn place_of_object(
        &self,
        cx: &mut CallContext<'_, '_>,
        permission: Permission,
        id: Uuid,
        workspace_of: fn(&mut Tx<'_>, Uuid) -> Result<Option<Uuid>, StoreError>,
    ) -> Result<Placement> {
        if self.workspace.org_id.is_none()
            && self.workspace.workspace_id.is_none()
            && let Some(workspace) = workspace_of(cx.tx, id)?.filter(|workspace| *workspace != cx.caller.workspace)
            && let Some(found) = organizations::find_workspace(cx.tx, workspace)?
        {
            let authority = RoleSet::in_org(cx, found.org_id)?;
            if authority.reaches(workspace) {
                return authorized(cx, &found, &authority, permission);
            }
        }
        self.place(cx, permission)
    }
}

/// The roles of a caller in one organization, each for one workspace or, with `None`, for all of them.
pub struct RoleSet(Vec<(OrgRole, Option<Uuid>)>);

impl RoleSet {
    /// Loads the roles of the caller in an organization. The key of an agent gives none, since it does not act in its
    /// owner's name. A sign-in key, or a key without the admin role, gives only roles that reach its own workspace.
    pub fn in_org(cx: &mut CallContext<'_, '_>, org: Uuid) -> Result<RoleSet> {
        let mut roles = Vec::new();
        let is_person = cx.caller.person().is_some();
        let is_bound = !is_person && (cx.caller.is_login || !cx.caller.is_admin());
        if (cx.caller.role == Role::Agent && !is_person) || (is_bound && org != cx.caller.org) {
            return Ok(RoleSet(roles));
        }
        if org == cx.caller.org && cx.caller.is_admin() {
            roles.push((OrgRole::WorkspaceAdmin, Some(cx.caller.workspace)));
        }
        for (role, workspace) in members::roles_of(cx.tx, org, &cx.caller.owner)? {
            let is_wide = workspace.is_nil() || role.spans_organization();
            if is_bound && !is_wide && workspace != cx.caller.workspace {
                continue;
            }
            roles.push((role, Some(workspace).filter(|_| !is_wide)));
        }
        Ok(RoleSet(roles))
    }

    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if the caller has any role in a workspace.
    pub fn reaches(&self, workspace: Uuid) -> bool {
        self.reaching(Some(workspace), false).next().is_some()
    }

    /// Returns true if the caller has a permission in a workspace or, without one, in the whole organization.
    pub fn allows(&self, permission: Permission, workspace: Option<Uuid>) -> bool {
        self.reaching(workspace, permission.is_of_any_workspace()).any(|role| permission.holders().contains(&role))
    }

    /// Returns true if the caller may give and take a role there.
    pub fn gives(&self, role: OrgRole, workspace: Option<Uuid>) -> bool {
        self.reaching(workspace, false).any(|own| own.gives().contains(&role))
    }

    fn reaching(&self, workspace: Option<Uuid>, anywhere: bool) -> impl Iterator<Item = OrgRole> {
        let reaches = move |scope: &Option<Uuid>| anywhere || scope.is_none() || *scope == workspace;
        self.0.iter().filter(move |(_, scope)| reaches(scope)).map(|(role, _)| *role)
    }

    /// Refuses a caller without a permission. The error names the roles that have it.
    pub fn check(&self, permission: Permission, workspace: Option<Uuid>) -> Result<()> {
        if self.allows(permission, workspace) {
            return Ok(());
        }
        let roles: Vec<&str> = permission.holders().iter().map(|role| role.as_str()).collect();
        Err(ApiError::forbidden(format!("this needs the role {}", roles.join(" or "))).into())
    }
}

/// Finds a named organization, if the caller has a permission there.
pub fn org(cx: &mut CallContext<'_, '_>, text: &str, permission: Permission) -> Result<(Uuid, RoleSet)> {
    let (org, authority) = visible_org(cx, text)?;
    authority.check(permission, None)?;
    Ok((org, authority))
}

/// Finds a named organization, if the caller belongs to it.
pub(crate) fn visible_org(cx: &mut CallContext<'_, '_>, text: &str) -> Result<(Uuid, RoleSet)> {
    let id = if text == cx.caller.org_slug { Some(cx.caller.org) } else { Uuid::parse_str(text.trim()).ok() };
    let id = id.ok_or_else(no_org)?;
    let authority = RoleSet::in_org(cx, id)?;
    if authority.is_none() { Err(no_org()) } else { Ok((id, authority)) }
}

fn no_org() -> Error {
    ApiError::not_found("organization").into()
}

/// Finds the workspace that an input names, if the caller has a permission there.
pub(crate) fn place_of(
    cx: &mut CallContext<'_, '_>,
    named: &WorkspaceRef,
    permission: Permission,
) -> Result<Placement> {
    place(cx, named.org_id.as_deref(), named.workspace_id.as_deref(), permission)
}

/// Finds the named workspace, by default the caller's own, if the caller has a permission there.
///
/// On a hosted server, operators see and set the quotas and the billing of every workspace. Only operators set them.
pub fn place(
    cx: &mut CallContext<'_, '_>,
    org: Option<&str>,
    workspace: Option<&str>,
    permission: Permission,
) -> Result<Placement> {
    let is_set = is_of_operators(permission);
    let is_seen = matches!(permission, Permission::ViewUsage | Permission::ViewBilling);
    if (is_set || is_seen) && cx.limits.tier.is_hosted() {
        if !is_operator(cx)? {
            if is_set {
                return Err(ApiError::forbidden("only the operators of this server can change this").into());
            }
        } else if let Some(workspace) = workspace {
            return any_place(cx, org, workspace);
        }
    }
    let caller = cx.caller;
    let own_org = org.map(|org| org == caller.org.to_string() || org == caller.org_slug);
    let own_workspace = workspace.map(|ws| ws == caller.workspace.to_string() || ws == caller.workspace_slug);
    match (own_org, own_workspace) {
        (None | Some(true), None | Some(true)) => {
            // A permission of the key itself needs no look-up of memberships.
            let by_key = caller.is_admin() && permission.holders().contains(&OrgRole::WorkspaceAdmin);
            if !by_key && permission != Permission::ViewOrganization {
                RoleSet::in_org(cx, caller.org)?.check(permission, Some(caller.workspace))?;
            }
            Ok(Placement::own(caller))
        }
        (Some(false), None) => {
            visible_org(cx, org.unwrap_or_default())?;
            Err(ApiError::invalid("workspace_id: required for an organization other than the key's own").into())
        }
        (Some(false), Some(true)) if workspace != Some(&caller.workspace_slug) => Err(no_pair()),
        _ => named_place(cx, org, workspace.unwrap_or_default(), permission),
    }
}

/// Returns true for permissions that only operators have on a hosted server.
pub(crate) fn is_of_operators(permission: Permission) -> bool {
    matches!(permission, Permission::ChangeQuotas | Permission::ChangeBilling)
}

/// Returns true if the caller is an operator: a person or a key that may change the operators' organization.
pub fn is_operator(cx: &mut CallContext<'_, '_>) -> Result<bool> {
    let Some(org) = operators(cx)? else { return Ok(false) };
    Ok(RoleSet::in_org(cx, org)?.allows(Permission::ChangeOrganization, None))
}

/// Finds the named workspace, by default the caller's own, for an operator. Refuses other callers before it looks.
pub(crate) fn place_for_operator(cx: &mut CallContext<'_, '_>, named: &WorkspaceRef) -> Result<Placement> {
    if !is_operator(cx)? {
        return Err(ApiError::forbidden("only the operators of this server can do this").into());
    }
    let own = cx.caller.workspace_slug.as_str();
    any_place(cx, named.org_id.as_deref(), named.workspace_id.as_deref().unwrap_or(own))
}

/// Finds the organization of the operators.
pub fn operators(cx: &mut CallContext<'_, '_>) -> Result<Option<Uuid>> {
    Ok(organizations::find_by_slug(cx.tx, OPERATORS_ORG_SLUG)?)
}

/// Finds any workspace, for an operator.
fn any_place(cx: &mut CallContext<'_, '_>, org: Option<&str>, workspace: &str) -> Result<Placement> {
    let is_own = |org: &str| org == cx.caller.org_slug || org == cx.caller.org.to_string();
    if workspace == cx.caller.workspace_slug && org.is_none_or(is_own) {
        return Ok(Placement::own(cx.caller));
    }
    let found = match Uuid::parse_str(workspace.trim()) {
        Ok(id) => organizations::find_workspace(cx.tx, id)?,
        Err(_) => None,
    };
    let found = found.ok_or_else(|| ApiError::not_found("workspace"))?;
    let of = organizations::find(cx.tx, found.org_id)?.ok_or_else(no_org)?;
    if org.is_some_and(|org| org != of.org_id.to_string() && org != of.slug) {
        return Err(no_pair());
    }
    Ok(Placement { org: of.org_id, org_slug: of.slug, workspace: found.workspace_id, workspace_slug: found.slug })
}

/// Finds a workspace other than the caller's own, by its id.
fn named_place(
    cx: &mut CallContext<'_, '_>,
    org: Option<&str>,
    workspace: &str,
    permission: Permission,
) -> Result<Placement> {
    let not_found = || Error::from(ApiError::not_found("workspace"));
    // Any key may name its own organization, even without a role in it.
    let named = match org {
        Some(org) if org == cx.caller.org.to_string() || org == cx.caller.org_slug => Ok(Some(cx.caller.org)),
        Some(org) => visible_org(cx, org).map(|(org, _)| Some(org)),
        None => Ok(None),
    };
    let found = match Uuid::parse_str(workspace.trim()) {
        Ok(id) => organizations::find_workspace(cx.tx, id)?,
        Err(_) => None,
    };
    let authority = match &found {
        Some(found) => Some(RoleSet::in_org(cx, found.org_id)?).filter(|authority| !authority.is_none()),
        None => None,
    };
    match (named, found, authority) {
        // The caller can see the workspace but not the organization: a mismatched pair, so 403 and not 404.
        (Err(_), Some(_), Some(_)) => Err(no_pair()),
        (Err(error), ..) => Err(error),
        (Ok(Some(named)), Some(found), Some(authority)) if named == found.org_id => {
            authorized(cx, &found, &authority, permission)
        }
        (Ok(Some(_)), ..) => Err(no_pair()),
        (Ok(None), Some(found), Some(authority)) => authorized(cx, &found, &authority, permission),
        (Ok(None), ..) => Err(not_found()),
    }
}

fn authorized(
    cx: &mut CallContext<'_, '_>,
    found: &organizations::Workspace,
    authority: &RoleSet,
    permission: Permission,
) -> Result<Placement> {
    authority.check(permission, Some(found.workspace_id))?;
    let org = organizations::find(cx.tx, found.org_id)?.ok_or_else(no_org)?;
    Ok(Placement {
        org: org.org_id,
        org_slug: org.slug,
        workspace: found.workspace_id,
        workspace_slug: found.slug.clone(),
    })
}

fn no_pair() -> Error {
    ApiError::forbidden("org_id and workspace_id do not belong together").into()
}

/// Finds the organization and the workspace of an address.
pub(crate) fn workspace_of_address(
    cx: &mut CallContext<'_, '_>,
    address: &Address,
) -> Result<Option<(Uuid, Uuid)>, StoreError> {
    if address.name_in(cx.caller.home()).is_some() {
        return Ok(Some((cx.caller.org, cx.caller.workspace)));
    }
    match address.slugs() {
        Some((org, workspace)) => policies::find_place(cx.tx, org, workspace),
        None => Ok(None),
    }
}
