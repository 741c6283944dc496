//! `axme intents cancel` and `cleanup`.

use axme_client::Status;
use axme_client::api::intents::{self, BulkCancel, EndingStatus, ResolveIntent, StatusList};
use clap::Args;
use serde_json::{Value, json};

use super::IntentRef;
use super::selection::Selection;
use super::submit::confirmed;
use crate::exit::Ending;
use crate::failure::Failure;
use crate::limit;
use crate::output::line;
use crate::session::Session;

/// How many intents one call cancels at most.
const MAX_CANCELED: usize = 5_000;

/// Cancel an intent that has not ended
///
/// Without an id, the filters select the intents, and the command asks before it cancels them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme intents cancel 0197… --reason \"no longer needed\"\n         axme intents cancel --to my-agent --stuck --yes"
)]
pub(crate) struct Cancel {
    #[command(flatten)]
    intent: IntentRef,
    #[command(flatten)]
    selection: Selection,
    /// Reason for the cancellation
    #[arg(long, default_value = "canceled via axme cli")]
    reason: String,
    /// Accepted for compatibility; the history names the authenticated caller
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Cancel all selected intents without asking
    #[arg(short, long)]
    yes: bool,
}

/// Cancel old intents that have not ended; only lists them unless --dry-run=false is given
#[derive(Debug, Args)]
#[command(after_help = "Example: axme intents cleanup --older-than 48 --dry-run=false")]
pub(crate) struct Cleanup {
    /// Age in hours from which an intent is canceled
    #[arg(long, value_name = "HOURS", default_value_t = 24.0)]
    older_than: f64,
    /// Only list the intents
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    dry_run: bool,
    /// Reason for the cancellation
    #[arg(long, default_value = "zombie cleanup via CLI")]
    reason: String,
    /// Maximum number of intents
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = limit::read::<u64>)]
    limit: u64,
    /// Only intents with one of these statuses, separated by commas
    #[arg(long, value_parser = StatusList::parse, default_value = "DELIVERED,WAITING,IN_PROGRESS,SUBMITTED,ACKNOWLEDGED")]
    status: StatusList,
}

impl Cancel {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        if self.intent.intent_id.is_none() && self.selection.is_given() {
            return self.cancel_selected(session).await;
        }
        if self.selection.is_given() {
            return Err(Failure::usage("give an id or filters, not both"));
        }
        let actor = self.actor.or_else(|| session.settings.owner_agent.as_ref().map(|given| given.value.clone()));
        let id = self.intent.resolve(session).await?;
        let input = ResolveIntent {
            reason: Some(self.reason),
            actor,
            ..ResolveIntent::new(id.clone(), EndingStatus::Canceled)
        };
        let key = axme_client::fresh_key();
        let answer = session.wait(session.client.call_text(&intents::RESOLVE.info, &input, Some(&key))).await?;
        match session.output().is_json() {
            true => session.print(&answer),
            false => line(format!("✓ Canceled: {id}")),
        }
    }

    async fn cancel_selected(self, session: &Session) -> Result<(), Failure> {
        let mut selected = self.selection.find(session, MAX_CANCELED, None).await?.intents;
        selected.retain(|intent| !intent.status.is_terminal());
        if !confirmed(session, &selected, "cancel", self.yes)? {
            return Ok(());
        }
        let (mut done, mut refused): (Vec<Value>, usize) = (Vec::new(), 0);
        for intent in &selected {
            let ending = ResolveIntent {
                reason: Some(self.reason.clone()),
                ..ResolveIntent::new(intent.intent_id.clone(), EndingStatus::Canceled)
            };
            let error = session.client.resolve(&ending).await.err().map(|error| session.explain(&error).message);
            refused += usize::from(error.is_some());
            session.output().print(match &error {
                None => format!("✓ Canceled: {}", intent.intent_id),
                Some(why) => format!("✗ {}: {why}", intent.intent_id),
            })?;
            done.push(json!({ "intent_id": intent.intent_id, "error": error }));
        }
        if session.output().is_json() {
            session.output().print_json(&json!({ "ok": refused == 0, "intents": done }))?;
        }
        match refused {
            0 => Ok(()),
            _ if session.output().is_json() => Err(Failure::quiet(Ending::Failed)),
            _ => Err(Failure::new(format!("{refused} of {} intents were not canceled", selected.len()))),
        }
    }
}

impl Cleanup {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let live = self.status.0.iter().copied().filter(|status: &Status| !status.is_terminal()).collect();
        let input = BulkCancel {
            older_than_hours: Some(self.older_than),
            status_filter: Some(StatusList(live)),
            dry_run: Some(self.dry_run),
            reason: Some(self.reason),
            limit: self.limit.into(),
            before: None,
        };
        let answer = session.wait(session.client.call_text(&intents::BULK_CANCEL.info, &input, None)).await?;
        if session.output().is_json() {
            return session.output().print_text(&answer);
        }
        let answer: axme_client::api::intents::BulkCancelAnswer = answer.read()?;
        answer.intent_ids.iter().try_for_each(|id| line(format!("  {id}")))?;
        match (answer.would_cancel, answer.canceled) {
            (Some(count), _) if count > 0 => {
                line(format!("{count} intent(s) would be canceled; add --dry-run=false to cancel them"))?;
            }
            (Some(_), _) => line("No intents would be canceled.")?,
            (None, count) => line(format!("✓ Canceled {} intent(s)", count.unwrap_or_default()))?,
        }
        if answer.has_more { line("There are more: repeat the command.") } else { Ok(()) }
    }
}
