//! `axme workspace`: your workspaces, and who belongs to one (`spec/protocol.md` §2.21, §2.22).

use axme_client::Id;
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::members::{self, ExcludeMember, IncludeMember, ListMembers, MemberAnswer};
use axme_client::api::personal::{self, OwnWorkspace, SelectWorkspace};
use axme_client::api::roles::OrgRole;
use clap::Subcommand;
use serde_json::json;

use super::members::print_members;
use super::{role_names, word};
use crate::contexts::{Context, Contexts};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{line, print_list};
use crate::picker::{self, Choice};
use crate::session::{Session, Shape};

/// Show your workspaces, switch between them and manage their members
#[derive(Debug, Subcommand)]
pub(crate) enum Workspaces {
    /// List the workspaces that you belong to
    #[command(visible_alias = "ls")]
    List,
    /// Switch to a workspace
    #[command(after_help = "Example: axme workspace use production")]
    Use {
        /// Id or name of the workspace [default: a choice at the terminal]
        #[arg(value_name = "WORKSPACE")]
        workspace: Option<String>,
    },
    /// Manage the members of a workspace
    #[command(subcommand)]
    Members(WorkspaceMembers),
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceMembers {
    /// List the members
    #[command(visible_alias = "ls")]
    List,
    /// Give a member of the organization a role in the workspace
    Include {
        /// Email address of the person
        #[arg(value_name = "ACTOR_ID")]
        actor_id: String,
        /// Role of the person in the workspace
        #[arg(long, default_value = "member", value_parser = word::<OrgRole>)]
        role: OrgRole,
    },
    /// Take a member out of the workspace; the person stays in the organization
    Exclude {
        /// Id of the member, from `axme workspace members list`
        #[arg(value_name = "MEMBER_ID")]
        member_id: String,
    },
}

impl Workspaces {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            Workspaces::List => list(&Session::open_person(flags).await?).await,
            Workspaces::Use { workspace } => select(&Session::open_person(flags).await?, workspace).await,
            Workspaces::Members(members) => members.run(&Session::open(flags).await?).await,
        }
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let portal = session.call(&personal::CONTEXT, &EmptyInput::default()).await?;
    let selected = &portal.context.workspace_id;
    if session.output().is_json() {
        let listed = json!({ "workspaces": portal.workspaces, "selected_workspace_id": selected });
        return session.output().print_json(&listed);
    }
    let rows = portal.workspaces.iter().map(|place| {
        vec![
            if place.workspace_id.as_str() == selected { "*" } else { "" }.to_owned(),
            place.workspace_id.to_string(),
            place.name.clone(),
            place.org_id.to_string(),
            place.org_name.clone(),
            place.environment.to_string(),
            place.status.to_string(),
            role_names(&place.roles),
        ]
    });
    let header = ["SELECTED", "WORKSPACE_ID", "NAME", "ORG_ID", "ORG_NAME", "ENV", "STATUS", "ROLES"];
    print_list("workspaces", &header, rows)
}

async fn select(session: &Session, named: Option<String>) -> Result<(), Failure> {
    let workspaces = session.call(&personal::CONTEXT, &EmptyInput::default()).await?.workspaces;
    let named = match named {
        Some(named) => named,
        None if picker::is_possible(session.output()) => {
            let choice = |place: &OwnWorkspace| Choice {
                id: place.workspace_id.to_string(),
                about: format!("{} ({})", place.name, place.org_name),
            };
            picker::pick("workspace", &workspaces.iter().map(choice).collect::<Vec<Choice>>())?
        }
        None => {
            return Err(Failure::usage("the id or the name of the workspace is missing; see `axme workspace list`"));
        }
    };
    let place = find(&workspaces, &named)?;
    let input = SelectWorkspace { org_id: place.org_id.clone(), workspace_id: place.workspace_id.clone() };
    session.call(&personal::SELECT, &input).await?;
    remember(&session.settings.context, &place.org_id, &place.workspace_id)?;
    if session.output().is_json() {
        return session.output().print_json(&json!({
            "ok": true, "org_id": place.org_id, "workspace_id": place.workspace_id, "name": place.name,
        }));
    }
    line(format!("✓ Switched to workspace: {} ({})", place.name, place.org_name))
}

/// Finds a workspace by its id, or by its name in any case.
fn find<'a>(workspaces: &'a [OwnWorkspace], named: &str) -> Result<&'a OwnWorkspace, Failure> {
    if let Some(place) = workspaces.iter().find(|place| place.workspace_id.as_str() == named) {
        return Ok(place);
    }
    let mut by_name = workspaces.iter().filter(|place| place.name.to_lowercase() == named.to_lowercase());
    match (by_name.next(), by_name.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several workspaces have the name \"{named}\": use the id"))),
        (None, _) => Err(Failure::usage(format!("there is no workspace \"{named}\"; see `axme workspace list`"))),
    }
}

/// Stores the selection in the context.
fn remember(name: &str, org_id: &Id, workspace_id: &Id) -> Result<(), Failure> {
    let mut contexts = Contexts::load()?;
    let found = contexts.get(name).map(|(context, secrets)| (context.clone(), secrets));
    let Some((context, secrets)) = found else { return Ok(()) };
    let (org_id, workspace_id) = (Some(org_id.to_string()), Some(workspace_id.to_string()));
    contexts.put(name, Context { org_id, workspace_id, ..context }, secrets);
    contexts.save()
}

impl WorkspaceMembers {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let (org_id, workspace_id) = session.place().await?;
        match self {
            WorkspaceMembers::List => {
                let input = ListMembers { org_id, workspace_id: Some(workspace_id), ..ListMembers::default() };
                print_members(session, input).await
            }
            WorkspaceMembers::Include { actor_id, role } => {
                let input = IncludeMember { workspace_id, actor_id, role, org_id: Some(org_id) };
                let show = |answer: MemberAnswer| {
                    line(format!("✓ {} is {} of the workspace", answer.member.actor_id, answer.member.role))
                };
                session.tell(&members::INCLUDE, &input, Shape::Wrapped, show).await
            }
            WorkspaceMembers::Exclude { member_id } => {
                let input = ExcludeMember { workspace_id, member_id: member_id.into() };
                session.show(&members::EXCLUDE.info, &input, None).await
            }
        }
    }
}
