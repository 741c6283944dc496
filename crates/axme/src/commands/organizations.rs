//! `axme org`: your organizations, and the senders of other organizations that one accepts (`spec/protocol.md` §2.21).

use axme_client::Id;
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::personal;
use axme_client::api::policies::{
    self, AddReceiveEntry, GetReceivePolicy, ReceiveType, RemoveReceiveEntry, SetReceivePolicy,
};
use clap::Subcommand;
use serde_json::json;

use super::policies::print_policy;
use super::word;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{line, print_list};
use crate::session::{Session, Shape};

/// Show your organizations and manage the senders that they accept
#[derive(Debug, Subcommand)]
pub(crate) enum Organizations {
    /// List the organizations that you belong to
    #[command(visible_alias = "ls")]
    List,
    /// Manage which senders of other organizations an organization accepts
    #[command(subcommand)]
    ReceivePolicy(ReceivePolicy),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceivePolicy {
    /// Show the policy and its list
    Get,
    /// Set the policy: open accepts everybody, allowlist the senders on the list, closed nobody
    Set {
        /// open, allowlist or closed
        #[arg(value_name = "MODE", value_parser = word::<ReceiveType>)]
        mode: ReceiveType,
    },
    /// Add senders to the list
    #[command(after_help = "Example: axme org receive-policy add 'agent://partner/*'")]
    Add {
        /// An address, or the beginning of addresses with * at its end
        #[arg(value_name = "SENDER_PATTERN")]
        sender_pattern: String,
    },
    /// Remove senders from the list
    Remove {
        /// Id of the entry, from `axme org receive-policy get`
        #[arg(value_name = "ENTRY_ID")]
        entry_id: String,
    },
}

impl Organizations {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            Organizations::List => list(&Session::open_person(flags).await?).await,
            Organizations::ReceivePolicy(policy) => policy.run(&Session::open(flags).await?).await,
        }
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let portal = session.call(&personal::CONTEXT, &EmptyInput::default()).await?;
    let selected = &portal.context.org_id;
    if session.output().is_json() {
        return session
            .output()
            .print_json(&json!({ "organizations": portal.organizations, "selected_org_id": selected }));
    }
    let rows = portal.organizations.iter().map(|org| {
        vec![
            if org.org_id.as_str() == selected { "*" } else { "" }.to_owned(),
            org.org_id.to_string(),
            org.name.clone(),
            org.status.to_string(),
            super::role_names(&org.roles),
            org.workspaces.len().to_string(),
        ]
    });
    print_list("organizations", &["SELECTED", "ORG_ID", "NAME", "STATUS", "ROLES", "WORKSPACES"], rows)
}

impl ReceivePolicy {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let org_id: Id = session.place().await?.0;
        match self {
            ReceivePolicy::Get => {
                let input = GetReceivePolicy { org_id };
                session.tell(&policies::RECEIVE_GET, &input, Shape::Bare, |answer| print_policy(&answer.policy)).await
            }
            ReceivePolicy::Set { mode } => {
                let input = SetReceivePolicy { org_id, policy_type: mode };
                session
                    .tell(&policies::RECEIVE_PUT, &input, Shape::Wrapped, |answer| print_policy(&answer.policy))
                    .await
            }
            ReceivePolicy::Add { sender_pattern } => {
                let input = AddReceiveEntry { org_id, sender_pattern };
                let show = |answer: policies::EntryAnswer| {
                    line(format!("✓ Added {} ({})", answer.entry.sender_pattern, answer.entry.entry_id))
                };
                session.tell(&policies::RECEIVE_ADD, &input, Shape::Wrapped, show).await
            }
            ReceivePolicy::Remove { entry_id } => {
                let input = RemoveReceiveEntry { org_id, entry_id: entry_id.into() };
                let show = |answer: policies::RemoveEntryAnswer| line(format!("✓ Removed {}", answer.entry_id));
                session.tell(&policies::RECEIVE_REMOVE, &input, Shape::Wrapped, show).await
            }
        }
    }
}
