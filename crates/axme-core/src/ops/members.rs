//! Members: the roles that people have in an organization or in one of its workspaces.
//!
//! No caller grants or revokes a role above their own, and an organization always has an owner.

use axme_api::members::{
    AddMember, ExcludeMember, IncludeMember, KeyLeft, ListMembers, Member as View, MemberAnswer, MemberList, Removal,
    RemoveMember, RemoveMemberAnswer, UpdateMember,
};
use axme_api::roles::{OrgRole, Permission};
use axme_api::{ApiError, ErrorCode, Id};
use serde_json::json;
use uuid::Uuid;

use super::{service_accounts, webhooks};
use crate::auth::placement::RoleSet;
use crate::auth::{membership, placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::notices::MAIL_QUEUE;
use crate::error::{Error, Result};
use crate::input::{check_chars, read_after, read_id};
use crate::policy::quota;
use axme_intent::human::{is_email, is_same_person};
use axme_store::members::{Member, MemberStatus};
use axme_store::notices::{self, Notice};
use axme_store::organizations::WorkspaceStatus;
use axme_store::{Signal, members as store, organizations};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::members::LIST, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::members::ADD, prepare_add, add)),
    Binding::Transaction(&handler(&axme_api::members::UPDATE, prepare_update, update)),
    Binding::Transaction(&handler(&axme_api::members::REMOVE, prepare_remove, remove)),
    Binding::Transaction(&handler(&axme_api::members::INCLUDE, prepare_include, include)),
    Binding::Transaction(&handler(&axme_api::members::EXCLUDE, prepare_exclude, exclude)),
];

/// Workspaces read per batch.
const WORKSPACES_PAGE: i64 = 500;

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListMembers) -> Result<(ListMembers, Uuid, i64)> {
    let (after, limit) = (read_after(input.after.as_deref())?, input.limit.items()?);
    Ok((input, after, limit))
}

pub fn list(cx: &mut CallContext<'_, '_>, (input, after, limit): &(ListMembers, Uuid, i64)) -> Result<MemberList> {
    let (org, authority) = placement::visible_org(cx, &input.org_id)?;
    let workspace = input.workspace_id.as_deref().map(|text| workspace_of(cx, org, text)).transpose()?;
    authority.check(Permission::ViewMembers, workspace)?;
    let found = store::list(cx.tx, org, workspace, *after, *limit)?;
    Ok(MemberList { ok: true, members: found.iter().map(view).collect() })
}

/// Returns a workspace of the organization, or fails.
fn workspace_of(cx: &mut CallContext<'_, '_>, org: Uuid, text: &str) -> Result<Uuid> {
    let id = read_id("workspace", text)?;
    match organizations::find_workspace(cx.tx, id)? {
        Some(found) if found.org_id == org => Ok(id),
        _ => Err(ApiError::forbidden("org_id and workspace_id do not belong together").into()),
    }
}

pub struct NewMember {
    org: Option<Id>,
    workspace: Option<Id>,
    actor: String,
    role: OrgRole,
}

pub(crate) fn prepare_add(_: &PrepareContext<'_>, input: AddMember) -> Result<NewMember> {
    check_chars("invited_by_actor_id", input.invited_by_actor_id.as_deref(), 1, 255)?;
    new_member(Some(input.org_id), input.workspace_id, &input.actor_id, input.role)
}

pub(crate) fn prepare_include(_: &PrepareContext<'_>, input: IncludeMember) -> Result<NewMember> {
    let role = input.role;
    if role.spans_organization() {
        return Err(ApiError::invalid(format!(
            "role: {role} applies to a whole organization; choose another for one workspace"
        ))
        .into());
    }
    new_member(input.org_id, Some(input.workspace_id), &input.actor_id, role)
}

fn new_member(org: Option<Id>, workspace: Option<Id>, actor: &str, role: OrgRole) -> Result<NewMember> {
    let actor = membership::name_of(actor);
    check_chars("actor_id", Some(&actor), 1, 255)?;
    Ok(NewMember { org, workspace, actor, role })
}

pub fn add(cx: &mut CallContext<'_, '_>, new: &NewMember) -> Result<MemberAnswer> {
    let (org, authority) = placement::visible_org(cx, new.org.as_deref().unwrap_or_default())?;
    let workspace = new.workspace.as_deref().map(|text| workspace_of(cx, org, text)).transpose()?;
    check_gives(&authority, new.role, workspace)?;
    organizations::lock(cx.tx, org)?;
    match put(cx, org, workspace, &new.actor, new.role)? {
        Some(member) => Ok(MemberAnswer { ok: true, member: view(&member), keys_left: Vec::new() }),
        None => {
            let message = format!("{} is already a member; update that membership instead", new.actor);
            Err(ApiError::new(ErrorCode::MemberExists, message).into())
        }
    }
}

pub fn include(cx: &mut CallContext<'_, '_>, new: &NewMember) -> Result<MemberAnswer> {
    let place = placement::place(cx, new.org.as_deref(), new.workspace.as_deref(), Permission::ManageMembers)?;
    let new = NewMember {
        org: Some(place.org.into()),
        workspace: Some(place.workspace.into()),
        actor: new.actor.clone(),
        role: new.role,
    };
    organizations::lock(cx.tx, place.org)?;
    if store::count_others(cx.tx, place.org, &new.actor, Uuid::nil())? == 0 {
        let message = format!("{} is not a member of the organization; add them to it first", new.actor);
        return Err(ApiError::new(ErrorCode::NotFound, message).into());
    }
    match store::find_actor(cx.tx, place.org, &new.actor, place.workspace)? {
        Some(known) if known.status == MemberStatus::Suspended => restore(cx, known, new.role),
        _ => add(cx, &new),
    }
}

/// Makes a suspended member active again.
fn restore(cx: &mut CallContext<'_, '_>, mut member: Member, role: OrgRole) -> Result<MemberAnswer> {
    let workspace = shown(member.workspace_id);
    let authority = RoleSet::in_org(cx, member.org_id)?;
    check_gives(&authority, member.role, workspace)?;
    check_gives(&authority, role, workspace)?;
    (member.role, member.status, member.updated_at) = (role, MemberStatus::Active, cx.now);
    note_giver(cx, &mut member);
    change_to(cx, &member, "organizations.members.update")?;
    Ok(MemberAnswer { ok: true, member: view(&member), keys_left: Vec::new() })
}

fn check_gives(authority: &RoleSet, role: OrgRole, workspace: Option<Uuid>) -> Result<()> {
    authority.check(Permission::ManageMembers, workspace)?;
    if authority.gives(role, workspace) {
        return Ok(());
    }
    Err(ApiError::forbidden(format!("your roles cannot grant or revoke {role}; ask an org_owner")).into())
}

/// Adds a member and an audit event; `None` if the membership exists. The caller has locked the organization.
pub fn put(
    cx: &mut CallContext<'_, '_>,
    org: Uuid,
    workspace: Option<Uuid>,
    actor: &str,
    role: OrgRole,
) -> Result<Option<Member>> {
    let member = Member {
        org_id: org,
        member_id: cx.rng.uuid_at(cx.now),
        workspace_id: workspace.unwrap_or_default(),
        actor_id: actor.to_owned(),
        role,
        status: MemberStatus::Active,
        created_at: cx.now,
        updated_at: cx.now,
        given_by: Some(cx.caller.responsible().to_owned()),
        given_at: Some(cx.now),
    };
    let added = store::insert(cx.tx, &member)?;
    if let Some(added) = &added {
        check_seats(cx, added)?;
        audit(cx, added, "organizations.members.add")?;
        invite(cx, added)?;
    }
    Ok(added)
}

/// Records the mail that tells a person about a new membership. Nobody is told what they did themselves.
fn invite(cx: &mut CallContext<'_, '_>, member: &Member) -> Result<()> {
    let is_own = is_same_person(&member.actor_id, cx.caller.responsible());
    if is_own || !is_email(&member.actor_id) {
        return Ok(());
    }
    let notice = Notice {
        workspace: shown(member.workspace_id).unwrap_or(cx.caller.workspace),
        id: cx.rng.uuid_at(cx.now),
        intent: None,
        queue: MAIL_QUEUE.to_owned(),
        channel: "email".to_owned(),
        recipient: member.actor_id.clone(),
        content: json!({ "org": member.org_id, "invited": member.member_id }),
        created_at: cx.now,
    };
    notices::insert(cx.tx, &notice)?;
    cx.tx.signal(Signal::notices());
    Ok(())
}

/// Refuses a new or restored member who exceeds the limit of their workspace. A member of the whole organization must
/// fit into each of its active workspaces. The lock of the organization serializes additions.
fn check_seats(cx: &mut CallContext<'_, '_>, member: &Member) -> Result<()> {
    if let Some(workspace) = shown(member.workspace_id) {
        return check_seats_in(cx, member.org_id, workspace);
    }
    let mut after = Uuid::nil();
    loop {
        let page = organizations::list_workspaces(cx.tx, member.org_id, after, WORKSPACES_PAGE)?;
        for workspace in page.iter().filter(|workspace| workspace.status == WorkspaceStatus::Active) {
            check_seats_in(cx, member.org_id, workspace.workspace_id)?;
        }
        match page.last() {
            Some(last) if page.len() as i64 == WORKSPACES_PAGE => after = last.workspace_id,
            _ => return Ok(()),
        }
    }
}

fn check_seats_in(cx: &mut CallContext<'_, '_>, org: Uuid, workspace: Uuid) -> Result<()> {
    let most = quota::current(cx.tx, workspace)?.actors_total;
    if most == 0 {
        return Ok(());
    }
    let others = store::count(cx.tx, org, workspace)?.saturating_sub(1);
    quota::check_total("actors_total", u64::try_from(others).unwrap_or(0), 1, most)
}

/// Grants the requested role, or `member`, and restores a removed membership. An existing role is replaced only by one
/// that can grant more roles, or as many where `may_differ`. The requester need not be the actor.
pub fn raise(
    cx: &mut CallContext<'_, '_>,
    org: Uuid,
    workspace: Option<Uuid>,
    actor: &str,
    (asked, may_differ): (Option<OrgRole>, bool),
    authority: &RoleSet,
) -> Result<()> {
    let role = asked.unwrap_or(OrgRole::Member);
    if put(cx, org, workspace, actor, role)?.is_some() {
        return Ok(());
    }
    if let Some(mut known) = store::find_actor(cx.tx, org, actor, workspace.unwrap_or_default())? {
        let own = known.role;
        check_gives(authority, own, workspace)?;
        let (more, own_more) = (role.gives().len(), own.gives().len());
        let is_given = if may_differ { more >= own_more } else { more > own_more };
        if own != role && (asked.is_none() || !is_given) {
            let message = format!("{actor} already has the role {own}; update that membership instead");
            return Err(ApiError::new(ErrorCode::MemberExists, message).into());
        }
        (known.role, known.status, known.updated_at) = (role, MemberStatus::Active, cx.now);
        note_giver(cx, &mut known);
        change_to(cx, &known, "organizations.members.update")?;
    }
    Ok(())
}

/// Records who gave the role of a membership.
fn note_giver(cx: &CallContext<'_, '_>, member: &mut Member) {
    member.given_by = Some(cx.caller.responsible().to_owned());
    member.given_at = Some(cx.now);
}

/// Stores a change of a membership, and ends subscriptions that the remaining roles do not allow.
fn change_to(cx: &mut CallContext<'_, '_>, member: &Member, action: &str) -> Result<()> {
    store::update(cx.tx, member)?;
    audit(cx, member, action)?;
    webhooks::end_without_right(cx, member.org_id, &member.actor_id)
}

fn audit(cx: &mut CallContext<'_, '_>, member: &Member, action: &str) -> Result<()> {
    let line = json!({
        "org_id": member.org_id, "workspace_id": shown(member.workspace_id), "actor_id": member.actor_id,
        "role": member.role, "status": member.status,
    });
    let trail = shown(member.workspace_id).unwrap_or(member.org_id);
    Ok(cx.audit_in(trail, action, &member.member_id.to_string(), &line)?)
}

fn shown(workspace: Uuid) -> Option<Uuid> {
    Some(workspace).filter(|id| !id.is_nil())
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdateMember) -> Result<UpdateMember> {
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, change: &UpdateMember) -> Result<MemberAnswer> {
    let (org, authority) = placement::visible_org(cx, &change.org_id)?;
    let mut member = lock_member(cx, org, &change.member_id, &authority)?;
    if let Some(role) = change.role {
        check_gives(&authority, role, shown(member.workspace_id))?;
    }
    let is_owner = |member: &Member| member.role == OrgRole::OrgOwner && member.status == MemberStatus::Active;
    let (was_owner, was_removed) = (is_owner(&member), member.status == MemberStatus::Removed);
    member.role = change.role.unwrap_or(member.role);
    member.status = change.status.unwrap_or(member.status);
    member.updated_at = cx.now;
    note_giver(cx, &mut member);
    if was_owner && !is_owner(&member) {
        check_owner_left(cx, &member)?;
    }
    change_to(cx, &member, "organizations.members.update")?;
    if was_removed && member.status != MemberStatus::Removed {
        check_seats(cx, &member)?;
    }
    let keys_left = if member.status == MemberStatus::Active { Vec::new() } else { keys_left(cx, &member)? };
    Ok(MemberAnswer { ok: true, member: view(&member), keys_left })
}

/// Locks the organization and returns a member whose role the caller may revoke.
fn lock_member(cx: &mut CallContext<'_, '_>, org: Uuid, id: &str, authority: &RoleSet) -> Result<Member> {
    organizations::lock(cx.tx, org)?;
    let not_found = || Error::from(ApiError::not_found(format!("member {id}")));
    let member = store::find(cx.tx, org, read_id("member", id)?)?.ok_or_else(not_found)?;
    check_gives(authority, member.role, shown(member.workspace_id))?;
    Ok(member)
}

fn check_owner_left(cx: &mut CallContext<'_, '_>, member: &Member) -> Result<()> {
    if store::count_owners_but(cx.tx, member.org_id, member.member_id)? > 0 {
        return Ok(());
    }
    let message = "an organization must have an owner; make another member org_owner first";
    Err(ApiError::new(ErrorCode::LastOwner, message).into())
}

pub(crate) fn prepare_remove(_: &PrepareContext<'_>, input: RemoveMember) -> Result<RemoveMember> {
    Ok(input)
}

pub fn remove(cx: &mut CallContext<'_, '_>, input: &RemoveMember) -> Result<RemoveMemberAnswer> {
    let (org, authority) = placement::visible_org(cx, &input.org_id)?;
    let member = lock_member(cx, org, &input.member_id, &authority)?;
    take_out(cx, member, MemberStatus::Removed)
}

pub(crate) fn prepare_exclude(_: &PrepareContext<'_>, input: ExcludeMember) -> Result<ExcludeMember> {
    Ok(input)
}

/// Removes a member of one workspace; members of the whole organization are not found here. The person stays in the
/// organization: their last membership there is suspended instead.
pub fn exclude(cx: &mut CallContext<'_, '_>, input: &ExcludeMember) -> Result<RemoveMemberAnswer> {
    let place = placement::place(cx, None, Some(&input.workspace_id), Permission::ManageMembers)?;
    let authority = RoleSet::in_org(cx, place.org)?;
    let id = read_id("member", &input.member_id)?;
    let known = store::find(cx.tx, place.org, id)?;
    if known.is_none_or(|member| member.workspace_id != place.workspace) {
        return Err(ApiError::not_found(format!("member {id} of this workspace")).into());
    }
    let member = lock_member(cx, place.org, &input.member_id, &authority)?;
    let is_last = store::count_others(cx.tx, place.org, &member.actor_id, member.member_id)? == 0;
    take_out(cx, member, if is_last { MemberStatus::Suspended } else { MemberStatus::Removed })
}

/// Ends a membership with one of two statuses, `removed` or `suspended`.
fn take_out(cx: &mut CallContext<'_, '_>, mut member: Member, status: MemberStatus) -> Result<RemoveMemberAnswer> {
    if member.status == MemberStatus::Removed {
        return Err(ApiError::not_found(format!("member {}", member.member_id)).into());
    }
    if member.role == OrgRole::OrgOwner && member.status == MemberStatus::Active {
        check_owner_left(cx, &member)?;
    }
    if member.status != status {
        (member.status, member.updated_at) = (status, cx.now);
        change_to(cx, &member, "organizations.members.remove")?;
    }
    let (shown, keys_left) = (view(&member), keys_left(cx, &member)?);
    Ok(RemoveMemberAnswer {
        ok: true,
        removed: true,
        status,
        org_id: shown.org_id.clone(),
        member_id: shown.member_id.clone(),
        removed_at: shown.updated_at,
        result: Removal {
            removed: true,
            org_id: shown.org_id,
            member_id: shown.member_id,
            workspace_id: shown.workspace_id,
            removed_at: shown.updated_at,
        },
        keys_left,
    })
}

/// Lists the valid keys that a member made where the membership reaches.
fn keys_left(cx: &mut CallContext<'_, '_>, member: &Member) -> Result<Vec<KeyLeft>> {
    let workspace = shown(member.workspace_id).filter(|_| !member.role.spans_organization());
    service_accounts::keys_left(cx, &member.actor_id, (member.org_id, workspace))
}

fn view(m: &Member) -> View {
    View {
        member_id: m.member_id.into(),
        org_id: m.org_id.into(),
        workspace_id: shown(m.workspace_id).map(Id::from),
        actor_id: m.actor_id.clone(),
        role: m.role,
        status: m.status,
        created_at: m.created_at.into(),
        updated_at: m.updated_at.into(),
    }
}
