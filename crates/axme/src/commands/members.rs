//! `axme member`: the people of an organization and of its workspaces (`spec/protocol.md` §2.22).

use axme_client::api::members::MemberStatus;
use axme_client::api::members::{
    self, AddMember, KeyLeft, ListMembers, Member, MemberAnswer, RemoveMember, RemoveMemberAnswer, UpdateMember,
};
use axme_client::api::roles::OrgRole;
use clap::Subcommand;
use serde_json::json;

use super::word;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{day_time, line, print_list};
use crate::session::{Session, Shape};

const PAGE: u64 = 1_000;

/// Manage the people of an organization
#[derive(Debug, Subcommand)]
pub(crate) enum Members {
    /// List the members of the organization; with --workspace-id, those of a workspace
    #[command(visible_alias = "ls")]
    List,
    /// Give a person a role in the organization; with --workspace-id, in a workspace
    #[command(after_help = "Example: axme member add kim@example.com --role member")]
    Add {
        /// Email address of the person
        #[arg(value_name = "ACTOR_ID")]
        actor_id: String,
        /// Role of the person
        #[arg(long, value_parser = word::<OrgRole>)]
        role: OrgRole,
    },
    /// Change the role or the status of a member
    Update {
        /// Id of the member, from `axme member list`
        #[arg(value_name = "MEMBER_ID")]
        member_id: String,
        /// New role
        #[arg(long, value_parser = word::<OrgRole>, required_unless_present = "status")]
        role: Option<OrgRole>,
        /// New status
        #[arg(long, value_parser = word::<MemberStatus>)]
        status: Option<MemberStatus>,
    },
    /// Remove a member
    Remove {
        /// Id of the member, from `axme member list`
        #[arg(value_name = "MEMBER_ID")]
        member_id: String,
    },
}

impl Members {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let org_id = session.place().await?.0;
        let workspace_id = flags.workspace_id.clone().map(axme_client::Id::from);
        match self {
            Members::List => {
                print_members(&session, ListMembers { org_id, workspace_id, ..ListMembers::default() }).await
            }
            Members::Add { actor_id, role } => {
                let input = AddMember { org_id, actor_id, role, workspace_id, invited_by_actor_id: None };
                session.tell(&members::ADD, &input, Shape::Wrapped, |answer| report(&answer, "is a member")).await
            }
            Members::Update { member_id, role, status } => {
                let input = UpdateMember { org_id, member_id: member_id.into(), role, status };
                session.tell(&members::UPDATE, &input, Shape::Wrapped, |answer| report(&answer, "is changed")).await
            }
            Members::Remove { member_id } => {
                let input = RemoveMember { org_id, member_id: member_id.into() };
                let show = |answer: RemoveMemberAnswer| {
                    line(format!("✓ Member {} is removed", answer.member_id))?;
                    warn_about_keys(&answer.keys_left)
                };
                session.tell(&members::REMOVE, &input, Shape::Wrapped, show).await
            }
        }
    }
}

fn report(answer: &MemberAnswer, what: &str) -> Result<(), Failure> {
    let member = &answer.member;
    line(format!("✓ {} {what}: {}, {} (member id {})", member.actor_id, member.role, member.status, member.member_id))?;
    warn_about_keys(&answer.keys_left)
}

/// Names the keys that still work although their owner has lost the role.
fn warn_about_keys(keys: &[KeyLeft]) -> Result<(), Failure> {
    keys.iter().try_for_each(|key| {
        line(format!("  Warning: key {} ({}) of {} still works", key.key_id, key.key_hint, key.service_account_id))
    })
}

/// Lists members, over all pages.
pub(super) async fn print_members(session: &Session, input: ListMembers) -> Result<(), Failure> {
    let mut found: Vec<Member> = Vec::new();
    loop {
        let after = found.last().map(|last| last.member_id.clone());
        let page = ListMembers { limit: PAGE.into(), after, ..input.clone() };
        let page = session.call(&members::LIST, &page).await?.members;
        let is_last = (page.len() as u64) < PAGE;
        found.extend(page);
        if is_last {
            break;
        }
    }
    if session.output().is_json() {
        let (scope, description) = match input.workspace_id {
            Some(_) => ("workspace", "the members of the workspace"),
            None => ("organization", "the members of the organization and its workspaces"),
        };
        let scope = json!({
            "scope": scope, "description": description, "org_id": input.org_id, "workspace_id": input.workspace_id,
        });
        return session.output().print_json(&json!({
            "org_id": input.org_id, "workspace_id": input.workspace_id, "scope": scope, "members": found,
        }));
    }
    let rows = found.iter().map(|member| {
        vec![
            member.member_id.to_string(),
            member.actor_id.clone(),
            member.role.to_string(),
            member.status.to_string(),
            if member.workspace_id.is_some() { "workspace" } else { "organization" }.to_owned(),
            day_time(member.created_at),
        ]
    });
    print_list("members", &["MEMBER_ID", "ACTOR", "ROLE", "STATUS", "SCOPE", "SINCE"], rows)
}
