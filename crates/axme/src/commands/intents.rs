//! `axme intents`: submits, shows, follows, repeats and cancels intents (`spec/protocol.md` §3.7, §3.8).

mod cancel;
mod history;
mod listing;
mod selection;
mod submit;
mod watch;

use axme_client::api::intents::{self, GetIntent, IntentView};
use clap::{Args, Subcommand};

pub(crate) use history::{Logs, Trace};
pub(super) use submit::create;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::lifecycle::{outcome_label, status_label};
use crate::output::{OutputFormat, line, local, payload_fields, print_fields};
use crate::session::{Session, Shape};

/// Submit, inspect, follow, repeat and cancel intents
#[derive(Debug, Subcommand)]
pub(crate) enum Intents {
    #[command(visible_alias = "ls")]
    List(listing::List),
    /// Show an intent
    Get(IntentRef),
    /// Show the history of an intent, oldest event first
    #[command(visible_alias = "events")]
    Log(IntentRef),
    Watch(watch::Watch),
    Send(submit::Send),
    Cancel(cancel::Cancel),
    Retry(submit::Retry),
    Resume(submit::Resume),
    Cleanup(cancel::Cleanup),
}

/// An intent: by its id, or chosen from a list at a terminal.
#[derive(Debug, Args)]
pub(crate) struct IntentRef {
    /// Id of the intent [default: a choice at the terminal]
    #[arg(value_name = "INTENT_ID")]
    intent_id: Option<String>,
}

impl IntentRef {
    async fn resolve(self, session: &Session) -> Result<String, Failure> {
        match self.intent_id {
            Some(id) => Ok(id),
            None => selection::choose(session).await,
        }
    }
}

impl Intents {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Intents::List(list) => list.run(&session).await,
            Intents::Get(intent) => {
                let id = intent.resolve(&session).await?;
                session.tell(&intents::GET, &GetIntent::new(id), Shape::Wrapped, |answer| show(&answer.intent)).await
            }
            Intents::Log(intent) => history::log(&session, &intent.resolve(&session).await?).await,
            Intents::Watch(watch) => watch.run(&session).await,
            Intents::Send(send) => send.run(&session).await,
            Intents::Cancel(cancel) => cancel.run(&session).await,
            Intents::Retry(retry) => retry.run(&session).await,
            Intents::Resume(resume) => resume.run(&session).await,
            Intents::Cleanup(cleanup) => cleanup.run(&session).await,
        }
    }
}

/// Describes an intent to a person.
fn show(intent: &IntentView) -> Result<(), Failure> {
    let time = |at: Option<axme_client::Timestamp>| at.map(local).unwrap_or_default();
    let error = |name: &str| intent.error.field(name).and_then(|field| field.string());
    print_fields(&[
        ("Intent ID", intent.intent_id.to_string()),
        ("Type", intent.intent_type.clone()),
        ("Status", status_label(intent.status, intent.lifecycle_waiting_reason)),
        ("Outcome", outcome_label(&intent.outcome).unwrap_or_default()),
        (
            "Error",
            error("code").map(|code| format!("{code}: {}", error("message").unwrap_or_default())).unwrap_or_default(),
        ),
        ("From", intent.from_agent.clone()),
        ("To", intent.to_agent.clone()),
        ("Receiver", if intent.nobody_listens { "nobody listens".to_owned() } else { String::new() }),
        ("Waits for", intent.pending_with.as_ref().map(|holder| holder.reference.clone()).unwrap_or_default()),
        ("Part of", intent.parent_intent_id.as_ref().map(|id| id.to_string()).unwrap_or_default()),
        ("Correlation", intent.correlation_id.to_string()),
        ("Created", local(intent.created_at)),
        ("Changed", local(intent.updated_at)),
        ("Due", time(intent.due_at)),
        ("Deadline", time(intent.deadline_at)),
    ])?;
    for (name, content) in [("Payload", &intent.payload), ("Result", &intent.result)] {
        if !content.is_null() && content.text() != "{}" {
            line(format!("{name}:"))?;
            payload_fields(content, 2).iter().try_for_each(line)?;
        }
    }
    Ok(())
}

/// Refuses what has no sense for programs.
fn is_for_people(format: OutputFormat) -> bool {
    format == OutputFormat::Text
}
