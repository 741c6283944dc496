//! Creates and reads principals; binds, lists, resolves and revokes their aliases.

use axme_api::principals::{
    AliasAnswer, AliasList, AliasResolution, AliasStatus, AliasView, BindAlias, CreatePrincipal, GetPrincipal,
    ListAliases, PrincipalAnswer, PrincipalBrief, PrincipalStatus, PrincipalView, ResolveAlias, ResolveAliasAnswer,
    RevokeAlias,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, ErrorCode, Object, WorkspaceRef};
use serde_json::json;
use uuid::Uuid;

use crate::auth::placement::{InWorkspace, Placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_bytes, check_chars, read_id};
use axme_store::principals as store;
use axme_store::principals::{Alias, Principal};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::principals::CREATE, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::principals::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::principals::BIND_ALIAS, prepare_bind, bind)),
    Binding::Transaction(&handler(&axme_api::principals::LIST_ALIASES, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::principals::RESOLVE_ALIAS, prepare_resolve, resolve)),
    Binding::Transaction(&handler(&axme_api::principals::REVOKE_ALIAS, prepare_revoke, revoke)),
];

/// The permission for the directory of a workspace: the same as for its accounts.
pub(super) const RUN: Permission = Permission::ManageAccounts;

/// Maximum metadata of one item, so that a listing of a thousand stays bearable.
const MAX_METADATA_BYTES: usize = 16 * 1_024;

pub(super) fn read_metadata(metadata: Option<Object>) -> Result<Object> {
    check_bytes("metadata", &metadata, MAX_METADATA_BYTES)?;
    Ok(metadata.unwrap_or_default())
}

/// Returns the range of principal ids that a listing covers: one, or all.
pub(super) fn read_range(principal: Option<&str>) -> Result<(Uuid, Uuid)> {
    match principal {
        Some(text) => read_id("principal", text).map(|id| (id, id)),
        None => Ok((Uuid::nil(), Uuid::max())),
    }
}

/// Finds the workspace of a listing: that of the one principal that it covers, unless the input names another.
pub(super) fn place_of_range<T>(
    cx: &mut CallContext<'_, '_>,
    asked: &InWorkspace<T>,
    (first, last): (Uuid, Uuid),
) -> Result<Placement> {
    if first == last { asked.place_of_object(cx, RUN, first, store::workspace_of) } else { asked.place(cx, RUN) }
}

pub(super) fn find(cx: &mut CallContext<'_, '_>, place: &Placement, id: Uuid) -> Result<Principal> {
    let found = store::find(cx.tx, place.workspace, id)?;
    Ok(found.ok_or_else(|| ApiError::not_found(format!("principal {id}")))?)
}

/// Returns the active alias with a name, and its principal.
pub(super) fn find_named(cx: &mut CallContext<'_, '_>, place: &Placement, name: &str) -> Result<(Alias, Principal)> {
    let alias = store::find_active(cx.tx, place.workspace, name)?;
    let alias = alias.ok_or_else(|| ApiError::not_found(format!("alias {name}")))?;
    let principal = find(cx, place, alias.principal)?;
    Ok((alias, principal))
}

pub(crate) fn prepare_create(context: &PrepareContext<'_>, input: CreatePrincipal) -> Result<InWorkspace<Principal>> {
    check_chars("display_name", input.display_name.as_deref(), 1, 255)?;
    let principal = Principal {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        principal_type: input.principal_type,
        display_name: input.display_name,
        status: PrincipalStatus::Active,
        metadata: read_metadata(input.metadata)?,
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(InWorkspace::new(WorkspaceRef::new(input.org_id, input.workspace_id), principal))
}

pub fn create(cx: &mut CallContext<'_, '_>, new: &InWorkspace<Principal>) -> Result<PrincipalAnswer> {
    let place = new.place(cx, RUN)?;
    let principal = Principal { workspace: place.workspace, ..new.what.clone() };
    store::insert(cx.tx, &principal)?;
    let line = json!({ "principal_type": principal.principal_type, "display_name": principal.display_name });
    cx.audit_in(place.workspace, "principals.create", &principal.id.to_string(), &line)?;
    Ok(PrincipalAnswer { ok: true, principal: view(principal, &place) })
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetPrincipal) -> Result<InWorkspace<Uuid>> {
    let id = read_id("principal", &input.principal_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

pub fn get(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<PrincipalAnswer> {
    let place = asked.place_of_object(cx, RUN, asked.what, store::workspace_of)?;
    let principal = find(cx, &place, asked.what)?;
    Ok(PrincipalAnswer { ok: true, principal: view(principal, &place) })
}

pub(super) fn view(principal: Principal, place: &Placement) -> PrincipalView {
    PrincipalView {
        principal_id: principal.id.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        principal_type: principal.principal_type,
        display_name: principal.display_name,
        status: principal.status,
        metadata: principal.metadata,
        created_at: principal.created_at.into(),
        updated_at: principal.updated_at.into(),
    }
}

pub(crate) fn prepare_bind(context: &PrepareContext<'_>, input: BindAlias) -> Result<InWorkspace<Alias>> {
    check_chars("alias", Some(&input.alias), 3, 255)?;
    let alias = Alias {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        principal: read_id("principal", &input.principal_id)?,
        alias: input.alias,
        alias_type: input.alias_type,
        metadata: read_metadata(input.metadata)?,
        created_at: context.now,
        updated_at: context.now,
        revoked_at: None,
    };
    Ok(InWorkspace::new(input.workspace, alias))
}

/// Binds an alias to a principal. Binding it to the same principal again updates it.
pub fn bind(cx: &mut CallContext<'_, '_>, new: &InWorkspace<Alias>) -> Result<AliasAnswer> {
    let place = new.place_of_object(cx, RUN, new.what.principal, store::workspace_of)?;
    let fresh = Alias { workspace: place.workspace, ..new.what.clone() };
    find(cx, &place, fresh.principal)?;
    let alias = match store::find_active(cx.tx, fresh.workspace, &fresh.alias)? {
        None => fresh,
        Some(old) if old.principal == fresh.principal => Alias { id: old.id, created_at: old.created_at, ..fresh },
        Some(_) => {
            let message = format!("alias: {} belongs to another principal; revoke it there first", fresh.alias);
            return Err(ApiError::new(ErrorCode::AliasTaken, message).into());
        }
    };
    store::put_alias(cx.tx, &alias)?;
    let line = json!({ "alias": alias.alias, "principal_id": alias.principal });
    cx.audit_in(place.workspace, "aliases.bind", &alias.id.to_string(), &line)?;
    Ok(AliasAnswer { ok: true, alias: view_alias(alias, &place) })
}

pub struct AliasQuery {
    principals: (Uuid, Uuid),
    revoked: (i64, i64),
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListAliases) -> Result<InWorkspace<AliasQuery>> {
    let revoked = match input.status {
        None => (0, i64::MAX),
        Some(AliasStatus::Active) => (0, 0),
        Some(AliasStatus::Revoked) => (1, i64::MAX),
    };
    let principals = read_range(input.principal_id.as_deref())?;
    let wanted = AliasQuery { principals, revoked, limit: input.limit.items()? };
    Ok(InWorkspace::new(input.workspace, wanted))
}

pub fn list(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<AliasQuery>) -> Result<AliasList> {
    let wanted = &asked.what;
    let place = place_of_range(cx, asked, wanted.principals)?;
    let found = store::list_aliases(cx.tx, place.workspace, wanted.principals, wanted.revoked, wanted.limit)?;
    Ok(AliasList { ok: true, aliases: found.into_iter().map(|alias| view_alias(alias, &place)).collect() })
}

pub(crate) fn prepare_resolve(_: &PrepareContext<'_>, input: ResolveAlias) -> Result<InWorkspace<String>> {
    Ok(InWorkspace::new(input.workspace, input.alias))
}

pub fn resolve(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<String>) -> Result<ResolveAliasAnswer> {
    let place = asked.place(cx, RUN)?;
    let (alias, principal) = find_named(cx, &place, &asked.what)?;
    let principal = PrincipalBrief {
        principal_id: principal.id.into(),
        principal_type: principal.principal_type,
        display_name: principal.display_name,
        status: principal.status,
    };
    Ok(ResolveAliasAnswer { ok: true, resolution: AliasResolution { alias: view_alias(alias, &place), principal } })
}

pub(crate) fn prepare_revoke(_: &PrepareContext<'_>, input: RevokeAlias) -> Result<InWorkspace<Uuid>> {
    let id = read_id("alias", &input.alias_id)?;
    Ok(InWorkspace::new(input.workspace, id))
}

/// Revokes an alias. A repeat returns the same answer.
pub fn revoke(cx: &mut CallContext<'_, '_>, asked: &InWorkspace<Uuid>) -> Result<AliasAnswer> {
    let id = asked.what;
    let place = asked.place_of_object(cx, RUN, id, store::workspace_of_alias)?;
    let found = store::find_alias(cx.tx, place.workspace, id)?;
    let mut alias = found.ok_or_else(|| ApiError::not_found(format!("alias {id}")))?;
    if alias.revoked_at.is_none() {
        (alias.revoked_at, alias.updated_at) = (Some(cx.now), cx.now);
        store::put_alias(cx.tx, &alias)?;
        cx.audit_in(place.workspace, "aliases.revoke", &id.to_string(), &json!({ "alias": alias.alias }))?;
    }
    Ok(AliasAnswer { ok: true, alias: view_alias(alias, &place) })
}

pub(super) fn view_alias(alias: Alias, place: &Placement) -> AliasView {
    AliasView {
        alias_id: alias.id.into(),
        principal_id: alias.principal.into(),
        org_id: place.org.into(),
        workspace_id: place.workspace.into(),
        alias: alias.alias,
        alias_type: alias.alias_type,
        status: if alias.revoked_at.is_some() { AliasStatus::Revoked } else { AliasStatus::Active },
        metadata: alias.metadata,
        created_at: alias.created_at.into(),
        updated_at: alias.updated_at.into(),
        revoked_at: alias.revoked_at.map(Into::into),
    }
}
