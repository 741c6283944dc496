//! Creates, lists and updates the workspaces of organizations.

use axme_api::organizations::{
    CreateWorkspace, ListWorkspaces, UpdateWorkspace, Workspace as View, WorkspaceAnswer, WorkspaceList,
};
use axme_api::roles::Permission;
use axme_api::{ApiError, Id};
use serde_json::json;
use uuid::Uuid;

use super::organizations::{distinct, own_tenant, slug};
use crate::auth::{membership, placement};
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::input::{check_chars, read_after, read_id};
use crate::policy::snapshot;
use axme_store::organizations as store;
use axme_store::organizations::{UnknownReceivers, Workspace, WorkspaceStatus};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::organizations::CREATE_WORKSPACE, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::organizations::LIST_WORKSPACES, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::organizations::UPDATE_WORKSPACE, prepare_update, update)),
];

/// Maximum workspaces per organization: some changes look at each of them.
const MAX_WORKSPACES: i64 = 500;

pub(crate) fn prepare_create(_: &PrepareContext<'_>, input: CreateWorkspace) -> Result<CreateWorkspace> {
    check_chars("name", Some(&input.name), 2, 120)?;
    check_chars("region", input.region.as_deref(), 2, 64)?;
    Ok(input)
}

pub fn create(cx: &mut CallContext<'_, '_>, input: &CreateWorkspace) -> Result<WorkspaceAnswer> {
    membership::check_is_no_trial(cx.caller)?;
    let (org, _) = placement::org(cx, &input.org_id, Permission::CreateWorkspaces)?;
    if store::count_workspaces(cx.tx, org)? >= MAX_WORKSPACES {
        return Err(ApiError::invalid(format!("an organization may have at most {MAX_WORKSPACES} workspaces")).into());
    }
    let id = cx.rng.uuid_at(cx.now);
    let mut made = Workspace {
        environment: input.environment,
        region: input.region.clone(),
        ..Workspace::new(id, org, &slug(&input.name, "workspace"), &input.name, cx.now)
    };
    if !store::insert_workspace(cx.tx, &made)? {
        made.slug = distinct(&made.slug, id);
        if !store::insert_workspace(cx.tx, &made)? {
            return Err(StoreError::Conflict(format!("the slug {} is taken", made.slug)).into());
        }
    }
    let line = json!({ "name": made.name, "org_id": org, "environment": made.environment });
    cx.audit_in(id, "organizations.workspaces.create", &id.to_string(), &line)?;
    Ok(WorkspaceAnswer { ok: true, workspace: view(&made) })
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListWorkspaces) -> Result<(Id, Uuid, i64)> {
    let after = read_after(input.after.as_deref())?;
    Ok((input.org_id, after, input.limit.items()?))
}

pub fn list(cx: &mut CallContext<'_, '_>, (org, after, limit): &(Id, Uuid, i64)) -> Result<WorkspaceList> {
    let (org, _) = placement::org(cx, org, Permission::ViewOrganization)?;
    let found = store::list_workspaces(cx.tx, org, *after, *limit)?;
    Ok(WorkspaceList { ok: true, workspaces: found.iter().map(view).collect() })
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: UpdateWorkspace) -> Result<UpdateWorkspace> {
    check_chars("name", input.name.as_deref(), 2, 120)?;
    check_chars("region", input.region.as_deref(), 2, 64)?;
    Ok(input)
}

pub fn update(cx: &mut CallContext<'_, '_>, input: &UpdateWorkspace) -> Result<WorkspaceAnswer> {
    let (org, authority) = placement::visible_org(cx, &input.org_id)?;
    let id = read_id("workspace", &input.workspace_id)?;
    // The lock keeps concurrent updates from overwriting each other.
    store::lock(cx.tx, org)?;
    let known = store::find_workspace(cx.tx, id)?.filter(|known| known.org_id == org);
    let mut known = known.ok_or_else(|| ApiError::not_found(format!("workspace {id}")))?;
    authority.check(Permission::ChangeWorkspace, Some(id))?;
    if id == cx.caller.workspace && input.status.is_some_and(|status| status != WorkspaceStatus::Active) {
        return Err(own_tenant("workspace"));
    }
    known.name = input.name.clone().unwrap_or(known.name);
    known.environment = input.environment.unwrap_or(known.environment);
    known.status = input.status.unwrap_or(known.status);
    known.region = input.region.clone().or(known.region);
    let was = known.unknown_receivers;
    known.unknown_receivers = input.unknown_receivers.unwrap_or(was);
    known.updated_at = cx.now;
    store::update_workspace(cx.tx, &known)?;
    if known.unknown_receivers != was {
        snapshot::changed(cx.tx, id)?;
    }
    let line = json!({
        "name": input.name, "environment": input.environment, "status": input.status,
        "unknown_receivers": input.unknown_receivers,
    });
    cx.audit_in(id, "organizations.workspaces.update", &id.to_string(), &line)?;
    Ok(WorkspaceAnswer { ok: true, workspace: view(&known) })
}

fn view(w: &Workspace) -> View {
    View {
        workspace_id: w.workspace_id.into(),
        org_id: w.org_id.into(),
        name: w.name.clone(),
        environment: w.environment,
        status: w.status,
        region: w.region.clone(),
        unknown_receivers: Some(w.unknown_receivers).filter(|word| *word != UnknownReceivers::Accept),
        created_at: w.created_at.into(),
        updated_at: w.updated_at.into(),
    }
}
