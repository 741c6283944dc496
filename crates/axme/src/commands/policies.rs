//! `axme agents policy` and `receive-override`: the senders that one agent accepts (`spec/protocol.md` §2.24).

use axme_client::Json;
use axme_client::api::policies::{
    self, AddAgentEntry, Entry, EntryAnswer, GetAgentPolicy, Override, OverrideType, Policy, RemoveAgentEntry,
    RemoveEntryAnswer, SendType, SetOverride, SetSendPolicy,
};
use clap::Subcommand;

use super::word;
use crate::failure::Failure;
use crate::output::{line, print_fields};
use crate::session::{Session, Shape};

/// Manage the senders that an agent accepts, of any organization
#[derive(Debug, Subcommand)]
pub(crate) enum SendPolicy {
    /// Show the policy and its list
    Get {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    /// Set the policy: open accepts everybody, allowlist the senders on the list, denylist all others
    Set {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// open, allowlist or denylist
        #[arg(value_name = "MODE", value_parser = word::<SendType>)]
        mode: SendType,
    },
    /// Add senders to the list
    #[command(after_help = "Example: axme agents policy add my-agent 'agent://partner/*'")]
    Add {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// An address, or the beginning of addresses with * at its end
        #[arg(value_name = "SENDER_PATTERN")]
        sender_pattern: String,
    },
    /// Remove senders from the list
    Remove {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Id of the entry
        #[arg(value_name = "ENTRY_ID")]
        entry_id: String,
    },
}

/// Manage the receive override of an agent, which replaces the policy of its organization
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiveOverride {
    /// Show the override and its list
    Get {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    /// Set the override; use_org_default ends it
    Set {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// open, allowlist, closed or use_org_default
        #[arg(value_name = "MODE", value_parser = word::<OverrideType>)]
        mode: OverrideType,
    },
    /// Add senders to the list
    Add {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// An address, or the beginning of addresses with * at its end
        #[arg(value_name = "SENDER_PATTERN")]
        sender_pattern: String,
    },
    /// Remove senders from the list
    Remove {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Id of the entry
        #[arg(value_name = "ENTRY_ID")]
        entry_id: String,
    },
}

impl SendPolicy {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            SendPolicy::Get { address } => {
                let input = GetAgentPolicy { address };
                session.tell(&policies::SEND_GET, &input, Shape::Bare, |answer| print_policy(&answer.policy)).await
            }
            SendPolicy::Set { address, mode } => {
                let input = SetSendPolicy { address, policy_type: mode };
                session.tell(&policies::SEND_PUT, &input, Shape::Wrapped, |answer| print_policy(&answer.policy)).await
            }
            SendPolicy::Add { address, sender_pattern } => {
                let input = AddAgentEntry { address, sender_pattern };
                session.tell(&policies::SEND_ADD, &input, Shape::Wrapped, added).await
            }
            SendPolicy::Remove { address, entry_id } => {
                let input = RemoveAgentEntry { address, entry_id: entry_id.into() };
                session.tell(&policies::SEND_REMOVE, &input, Shape::Wrapped, removed).await
            }
        }
    }
}

impl ReceiveOverride {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            ReceiveOverride::Get { address } => {
                let input = GetAgentPolicy { address };
                session.tell(&policies::OVERRIDE_GET, &input, Shape::Bare, |answer| print_override(&answer.set)).await
            }
            ReceiveOverride::Set { address, mode } => {
                let input = SetOverride { address, override_type: mode };
                session
                    .tell(&policies::OVERRIDE_PUT, &input, Shape::Wrapped, |answer| print_override(&answer.set))
                    .await
            }
            ReceiveOverride::Add { address, sender_pattern } => {
                let input = AddAgentEntry { address, sender_pattern };
                session.tell(&policies::OVERRIDE_ADD, &input, Shape::Wrapped, added).await
            }
            ReceiveOverride::Remove { address, entry_id } => {
                let input = RemoveAgentEntry { address, entry_id: entry_id.into() };
                session.tell(&policies::OVERRIDE_REMOVE, &input, Shape::Wrapped, removed).await
            }
        }
    }
}

fn added(answer: EntryAnswer) -> Result<(), Failure> {
    line(format!("✓ Added {} ({})", answer.entry.sender_pattern, answer.entry.entry_id))
}

fn removed(answer: RemoveEntryAnswer) -> Result<(), Failure> {
    line(format!("✓ Removed {}", answer.entry_id))
}

/// Shows a policy and its list.
pub(super) fn print_policy(policy: &Policy) -> Result<(), Failure> {
    print_fields(&[
        ("Org", policy.org_id.as_ref().map(|id| id.to_string()).unwrap_or_default()),
        ("Agent", policy.address.clone().unwrap_or_default()),
        ("Mode", Json::of(&policy.policy_type).string().unwrap_or_default()),
    ])?;
    print_entries(&policy.entries)
}

fn print_override(set: &Override) -> Result<(), Failure> {
    print_fields(&[("Agent", set.address.clone()), ("Mode", set.override_type.to_string())])?;
    print_entries(&set.entries)
}

fn print_entries(entries: &[Entry]) -> Result<(), Failure> {
    if entries.is_empty() {
        return line("No entries.");
    }
    line("Entries:")?;
    entries.iter().try_for_each(|entry| line(format!("  - {}  (id: {})", entry.sender_pattern, entry.entry_id)))
}
