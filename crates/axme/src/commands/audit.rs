//! `axme audit`: the changes in a workspace or an organization (`spec/protocol.md` §2.25).

mod verify;

use axme_client::api::audit::{self, AuditEvent, ListAudit};
use axme_client::{Id, Json, Timestamp};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::limit;
use crate::moments;
use crate::output::{day_time, line, print_list};
use crate::session::Session;

const PAGE: u64 = 1_000;

/// List the changes in the workspace: who changed what, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  axme audit --action service_accounts --since 1d\n  axme audit verify --checkpoint axme.log",
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// Only actions that begin with this text
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only changes by actors that contain this text
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
    /// Only changes since then: a time, a day, or an age such as 2h
    #[arg(long, value_name = "TIME", value_parser = moments::read)]
    since: Option<Timestamp>,
    /// Maximum number of changes
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = limit::read::<usize>)]
    limit: usize,
    /// Changes in the organization outside its workspaces
    #[arg(long)]
    organization: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    Verify(verify::Verify),
}

impl Audit {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        if let Some(AuditCommand::Verify(verify)) = self.command {
            return verify.run(flags).await;
        }
        let session = Session::open(flags).await?;
        let (org_id, workspace_id) = session.place().await?;
        let (mut found, mut before): (Vec<AuditEvent>, Option<Id>) = (Vec::new(), None);
        'pages: loop {
            let input = ListAudit {
                org_id: Some(org_id.clone()),
                workspace_id: Some(workspace_id.clone()).filter(|_| !self.organization),
                action_prefix: self.action.clone(),
                limit: PAGE.into(),
                before,
                ..ListAudit::default()
            };
            let page = session.call(&audit::LIST, &input).await?;
            for event in page.events {
                if self.since.is_some_and(|since| event.at < since) || found.len() == self.limit {
                    break 'pages;
                }
                if self.by.as_ref().is_none_or(|by| event.actor.contains(by.as_str())) {
                    found.push(event);
                }
            }
            before = page.next_before;
            if before.is_none() {
                break;
            }
        }
        if session.output().is_json() {
            return session.output().print_json(&json!({ "events": found }));
        }
        let rows = found.iter().map(|event| {
            vec![day_time(event.at), event.actor.clone(), event.action.clone(), event.subject.clone(), details(event)]
        });
        print_list("changes", &["AT", "BY", "ACTION", "SUBJECT", "DETAILS"], rows)?;
        if found.len() == self.limit { line("There may be more: raise --limit.") } else { Ok(()) }
    }
}

/// Returns the details as `name=value`.
fn details(event: &AuditEvent) -> String {
    let shown = event.details.iter().filter(|(_, value)| !value.is_null());
    let value =
        |value: &serde_json::Value| value.as_str().map_or_else(|| Json::of(value).text().to_owned(), str::to_owned);
    shown.map(|(name, given)| format!("{name}={}", value(given))).collect::<Vec<String>>().join(" ")
}
