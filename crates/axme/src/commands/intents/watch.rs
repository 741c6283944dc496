//! `axme intents watch`.

use axme_client::Json;
use axme_client::api::intents::EventView;
use clap::Args;
use futures_util::StreamExt;

use super::IntentRef;
use crate::events::all_events;
use crate::failure::Failure;
use crate::follow::unless_interrupted;
use crate::output::{line, local};
use crate::session::{Session, report_server};

/// Show the events of an intent as they happen, until it ends
///
/// The exit code is that of the outcome: 0 if the intent completes or a person says yes, 1 if it fails or is canceled.
/// It is 3 if a person says no, and 4 if the intent times out. With --follow=false it is 0.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    intent: IntentRef,
    /// Wait for new events; --follow=false shows the events so far and stops
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    follow: bool,
    /// Only events with a higher sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
}

impl Watch {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let id = self.intent.resolve(session).await?;
        if !self.follow {
            let events = all_events(session, &id, self.since).await?;
            return events.iter().try_for_each(|event| show(session, event));
        }
        let mut events = session.client.observe_and_report(&id, self.since, report_server(session));
        let watching = async {
            while let Some(event) = events.next().await {
                show(session, &session.check(event)?)?;
            }
            Ok(())
        };
        unless_interrupted(session, &id, watching).await?;
        let intent = session.check(session.client.get_intent(&id).await)?.intent;
        Failure::by_outcome(&intent)
    }
}

fn show(session: &Session, event: &EventView) -> Result<(), Failure> {
    if session.output().is_json() {
        return session.output().print_text(&Json::of(event));
    }
    let mut text = format!("[{}] {} status={}", local(event.at), event.event_type, event.status);
    if let Some(reason) = &event.waiting_reason {
        text += &format!(" waiting={reason}");
    }
    if let Some(error) = event.error.as_ref().filter(|_| event.status.is_terminal())
        && let Some(code) = error.field("code").and_then(|code| code.string())
    {
        text += &format!(" error={code}");
    }
    if let Some(outcome) = &event.outcome.outcome {
        text += &format!(" outcome={outcome}");
    }
    if let Some(sentence) = &event.text {
        text += &format!("  {sentence}");
    }
    line(text)
}
