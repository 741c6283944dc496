//! The portal of a person: their memberships, the workspace they work in, and the tasks that wait for them there.

use axme_api::capabilities::EmptyInput;
use axme_api::personal::{
    AccountView, ChangeOwnProfile, GetPersonalOverview, Guidance, OrganizationBrief, OwnOrganization, OwnWorkspace,
    PersonalContextAnswer, PersonalOverviewAnswer, PersonalProfileAnswer, SelectWorkspace, WorkspaceBrief,
    WorkspaceSelection,
};
use axme_api::{ApiError, ErrorCode};
use serde_json::json;
use uuid::Uuid;

use super::tasks::{self, Askees, TaskPage};
use crate::auth;
use crate::auth::membership;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, read_id};
use axme_store::person_accounts::{Account, Membership};
use axme_store::{absences, access_requests, groups, organizations, person_accounts as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::personal::CONTEXT, prepare_context, context)),
    Binding::Transaction(&handler(&axme_api::personal::SELECT, prepare_select, select)),
    Binding::Transaction(&handler(&axme_api::personal::PROFILE, prepare_profile, profile)),
    Binding::Transaction(&handler(&axme_api::personal::OVERVIEW, prepare_overview, overview)),
];

const MAX_TASKS: usize = 100;
const MAX_SESSIONS: i64 = 500;

fn own(cx: &mut CallContext<'_, '_>) -> Result<(Account, Vec<Membership>)> {
    let id = auth::check_person(cx.caller)?.account_id;
    let account = store::find(cx.tx, id)?.ok_or_else(|| ApiError::not_found("account"))?;
    let memberships = store::memberships(cx.tx, &account.email)?;
    Ok((account, memberships))
}

pub(crate) fn prepare_context(_: &PrepareContext<'_>, _: EmptyInput) -> Result<()> {
    Ok(())
}

pub fn context(cx: &mut CallContext<'_, '_>, (): &()) -> Result<PersonalContextAnswer> {
    let (account, memberships) = own(cx)?;
    shown(cx, &account, &memberships)
}

fn shown(cx: &mut CallContext<'_, '_>, account: &Account, memberships: &[Membership]) -> Result<PersonalContextAnswer> {
    let home = membership::home(cx.tx, account, memberships)?;
    let mut organizations = Vec::new();
    for belonging in membership::belongings(cx.tx, memberships)? {
        let org = belonging.organization;
        let of = |workspace: organizations::Workspace| OwnWorkspace {
            workspace_id: workspace.workspace_id.into(),
            org_id: org.org_id.into(),
            name: workspace.name,
            org_name: org.name.clone(),
            environment: workspace.environment,
            status: workspace.status,
            roles: membership::distinct_roles_in(memberships, org.org_id, workspace.workspace_id),
        };
        let workspaces: Vec<OwnWorkspace> = belonging.workspaces.into_iter().map(of).collect();
        let held = memberships.iter().filter(|membership| membership.org_id == org.org_id);
        let roles = membership::distinct(held.map(|membership| membership.role));
        organizations.push(OwnOrganization {
            org_id: org.org_id.into(),
            name: org.name,
            status: org.status,
            roles,
            workspaces,
        });
    }
    let workspaces: Vec<OwnWorkspace> = organizations.iter().flat_map(|org| org.workspaces.clone()).collect();
    let selected = home.as_ref().map(|(org, workspace)| WorkspaceSelection {
        org_id: org.org_id.to_string(),
        workspace_id: workspace.workspace_id.to_string(),
    });
    Ok(PersonalContextAnswer {
        ok: true,
        account: view(account),
        context: selected.unwrap_or_default(),
        guidance: Guidance { workspace_count: workspaces.len() as u64 },
        selected_organization: home
            .as_ref()
            .map(|(org, _)| OrganizationBrief { org_id: org.org_id.into(), name: org.name.clone() }),
        selected_workspace: home.map(|(org, workspace)| WorkspaceBrief {
            workspace_id: workspace.workspace_id.into(),
            org_id: org.org_id.into(),
            name: workspace.name,
            org_name: org.name,
        }),
        organizations,
        workspaces,
    })
}

fn view(account: &Account) -> AccountView {
    AccountView {
        account_id: account.account_id.into(),
        email: account.email.clone(),
        nick: account.nick.clone(),
        display_name: account.display_name.clone(),
        company: account.company.clone(),
        has_password: account.password_hash.is_some(),
        created_at: account.created_at.into(),
    }
}

pub(crate) fn prepare_select(_: &PrepareContext<'_>, input: SelectWorkspace) -> Result<SelectWorkspace> {
    Ok(input)
}

/// Returns the named workspace if the person belongs to it. The error does not reveal whether another workspace exists.
fn reach(
    cx: &mut CallContext<'_, '_>,
    memberships: &[Membership],
    org: &str,
    workspace: &str,
) -> Result<organizations::Workspace> {
    let outside = || ApiError::forbidden("this workspace is outside actor membership scope");
    let id = read_id("workspace", workspace).map_err(|_| outside())?;
    let found = organizations::find_workspace(cx.tx, id)?.ok_or_else(outside)?;
    let is_pair = Uuid::parse_str(org.trim()).is_ok_and(|org| org == found.org_id);
    if !is_pair
        || found.status != organizations::WorkspaceStatus::Active
        || membership::role_in(memberships, found.org_id, id).is_none()
    {
        return Err(outside().into());
    }
    Ok(found)
}

pub fn select(cx: &mut CallContext<'_, '_>, input: &SelectWorkspace) -> Result<PersonalContextAnswer> {
    let (mut account, memberships) = own(cx)?;
    let workspace = reach(cx, &memberships, &input.org_id, &input.workspace_id)?;
    account.selected_workspace = Some(workspace.workspace_id);
    store::select_workspace(cx.tx, account.account_id, workspace.workspace_id)?;
    let line = json!({ "org_id": workspace.org_id });
    cx.audit_in(workspace.workspace_id, "portal.select_workspace", &account.email, &line)?;
    shown(cx, &account, &memberships)
}

pub(crate) fn prepare_profile(_: &PrepareContext<'_>, input: ChangeOwnProfile) -> Result<ChangeOwnProfile> {
    check_chars("display_name", input.display_name.as_deref(), 1, 120)?;
    check_chars("company", input.company.as_deref(), 1, 255)?;
    Ok(input)
}

/// Changes the fields that are present.
pub fn profile(cx: &mut CallContext<'_, '_>, input: &ChangeOwnProfile) -> Result<PersonalProfileAnswer> {
    let (mut account, _) = own(cx)?;
    account.display_name = input.display_name.clone().or(account.display_name);
    account.company = input.company.clone().or(account.company);
    store::set_profile(cx.tx, &account)?;
    cx.audit("portal.profile", &account.email, &json!({}))?;
    Ok(PersonalProfileAnswer { ok: true, account: view(&account) })
}

pub(crate) fn prepare_overview(_: &PrepareContext<'_>, input: GetPersonalOverview) -> Result<GetPersonalOverview> {
    Ok(input)
}

pub fn overview(cx: &mut CallContext<'_, '_>, input: &GetPersonalOverview) -> Result<PersonalOverviewAnswer> {
    let (account, memberships) = own(cx)?;
    let workspace = match (&input.org_id, &input.workspace_id) {
        (Some(org), Some(workspace)) => reach(cx, &memberships, org, workspace)?,
        (None, None) => match membership::home(cx.tx, &account, &memberships)? {
            Some((_, workspace)) => workspace,
            None => {
                let message = "you are not bound to an organization/workspace context; ask an owner to add you";
                return Err(ApiError::new(ErrorCode::NotFound, message).into());
            }
        },
        _ => return Err(ApiError::invalid("org_id and workspace_id: give both or neither").into()),
    };
    let groups = groups::addresses_of(cx.tx, workspace.workspace_id, &account.email)?;
    let absent = absences::absent_people(cx.tx, &account.email)?;
    let askees = Askees { person: account.email.clone(), groups, absent };
    let (open, _) = tasks::waiting(cx, workspace.workspace_id, Some(&askees), &TaskPage::first(MAX_TASKS))?;
    let pending = access_requests::count_pending_of(cx.tx, &account.email)?;
    let sessions = store::list_live_sessions(cx.tx, account.account_id, cx.now, MAX_SESSIONS)?;
    Ok(PersonalOverviewAnswer {
        ok: true,
        context: WorkspaceSelection {
            org_id: workspace.org_id.to_string(),
            workspace_id: workspace.workspace_id.to_string(),
        },
        roles: membership::distinct_roles_in(&memberships, workspace.org_id, workspace.workspace_id),
        tasks: open,
        pending_access_requests: u64::try_from(pending).unwrap_or(0),
        active_sessions: sessions.len() as u64,
        account: view(&account),
    })
}
