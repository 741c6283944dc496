//! `axme intents`: submits, shows, follows and cancels intents (`spec/protocol.md` §3.7, §3.8).

use axme_client::api::Limit;
use axme_client::api::intents::{
    self, CreateIntent, EndingStatus, EventView, GetIntent, ListEvents, ListIntents, ResolveIntent, StatusList,
};
use axme_client::{Json, JsonFields};
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use serde_json::json;

use crate::clock::{age, seconds_of};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::lifecycle::{event_line, outcome_label, summary};
use crate::output::{line, print_table};
use crate::session::Session;

/// Submit, inspect, follow and cancel intents
#[derive(Debug, Subcommand)]
pub(crate) enum Intents {
    List(List),
    /// Show an intent
    Get {
        /// Id of the intent
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
    },
    /// Show the history of an intent, oldest event first
    Log {
        /// Id of the intent
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
    },
    Watch(Watch),
    Send(Send),
    Cancel(Cancel),
}

/// List intents, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example: axme intents list --status WAITING,DELIVERED")]
pub(crate) struct List {
    /// Only intents with one of these statuses, separated by commas
    #[arg(long, value_parser = StatusList::parse)]
    status: Option<StatusList>,
    /// Maximum number of intents
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
}

/// Show the events of an intent as they happen, until it ends
///
/// The exit code is that of the outcome: 0 if the intent completes or a person says yes, 1 if it fails or is canceled.
/// It is 3 if a person says no, and 4 if the intent times out. With --follow=false it is 0.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Id of the intent
    #[arg(value_name = "INTENT_ID")]
    intent_id: String,
    /// Wait for new events; --follow=false shows the events so far and stops
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    follow: bool,
    /// Only events with a higher sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
}

/// Submit an intent
#[derive(Debug, Args)]
#[command(after_help = "Example: axme intents send --to my-agent --data-json '{\"question\": \"ready?\"}'")]
pub(crate) struct Send {
    /// Agent to send the intent to: a name, org/workspace/name or agent://…
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Type of the intent
    #[arg(long, value_name = "TYPE", default_value = "intent.ask.v1")]
    intent_type: String,
    /// Value of the field "service" of the payload
    #[arg(long)]
    service: Option<String>,
    /// Payload, a JSON object
    #[arg(long, value_name = "JSON")]
    data_json: Option<String>,
}

/// Cancel an intent that has not ended
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Id of the intent
    #[arg(value_name = "INTENT_ID")]
    intent_id: String,
    /// Reason for the cancellation
    #[arg(long, default_value = "canceled via axme cli")]
    reason: String,
    /// Accepted for compatibility; the history names the authenticated caller
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
}

impl Intents {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Intents::List(list) => list.run(&session).await,
            Intents::Get { intent_id } => session.show(&intents::GET.info, &GetIntent::new(intent_id), None).await,
            Intents::Log { intent_id } => log(&session, &intent_id).await,
            Intents::Watch(watch) => watch.run(&session).await,
            Intents::Send(send) => send.run(&session).await,
            Intents::Cancel(cancel) => cancel.run(&session).await,
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let input = ListIntents { status: self.status, limit: self.limit.into(), ..ListIntents::default() };
        let intents = session.call(&intents::LIST, &input).await?.intents;
        if session.output().is_json() {
            let listed = intents.iter().map(|intent| {
                json!({
                    "id": intent.intent_id, "status": intent.status, "age": age(intent.created_at),
                    "type": intent.intent_type, "owner": intent.to_agent, "updated_at": intent.updated_at,
                    "outcome": intent.outcome.outcome, "outcome_text": intent.outcome.outcome_text,
                    "nobody_listens": intent.nobody_listens,
                })
            });
            return session.output().print_json(&listed.collect());
        }
        let rows = intents.iter().map(|intent| {
            vec![
                intent.intent_id.to_string(),
                intent.status.to_string(),
                age(intent.created_at),
                intent.intent_type.clone(),
                intent.to_agent.clone(),
                outcome_label(&intent.outcome).or_else(|| nobody(intent.nobody_listens)).unwrap_or_default(),
            ]
        });
        print_table(&["ID", "STATUS", "AGE", "TYPE", "OWNER", "OUTCOME"], rows)
    }
}

/// Returns the words for an intent that waits for an agent that nobody has registered.
fn nobody(is_missing: bool) -> Option<String> {
    is_missing.then(|| "nobody listens".to_owned())
}

async fn log(session: &Session, intent_id: &str) -> Result<(), Failure> {
    let intent = session.call(&intents::GET, &GetIntent::new(intent_id)).await?.intent;
    let events = all_events(session, intent_id, 0).await?;
    if session.output().is_json() {
        return session.output().print_json(&json!({ "intent": intent, "events": events }));
    }
    for event in &events {
        let Some((kind, text)) = event_line(event) else { continue };
        let pad = 20usize.saturating_sub(kind.len());
        line(format!("  [{kind}]{:pad$}:  {}  {text}", "", seconds_of(event.at)))?;
    }
    for text in summary(&intent) {
        line(text)?;
    }
    line(format!("  Events:        {}", events.len()))
}

/// Reads all events so far, page by page.
pub(crate) async fn all_events(session: &Session, intent_id: &str, since: u64) -> Result<Vec<EventView>, Failure> {
    let mut events: Vec<EventView> = Vec::new();
    loop {
        let since = events.last().map_or(since, |last| last.seq);
        let input = ListEvents { intent_id: intent_id.into(), since: Some(since), limit: Limit::default() };
        let page = session.call(&intents::EVENTS, &input).await?.events;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

impl Watch {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        if !self.follow {
            let events = all_events(session, &self.intent_id, self.since).await?;
            return events.iter().try_for_each(|event| show_event(session, event));
        }
        let mut events = session.client.observe(&self.intent_id, self.since);
        while let Some(event) = events.next().await {
            show_event(session, &session.check(event)?)?;
        }
        let intent = session.check(session.client.get_intent(&self.intent_id).await)?.intent;
        Failure::by_outcome(&intent)
    }
}

fn show_event(session: &Session, event: &EventView) -> Result<(), Failure> {
    if session.output().is_json() {
        return session.output().print_text(&Json::of(event));
    }
    let mut text = format!("[{}] {} status={}", event.at, event.event_type, event.status);
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

impl Send {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let payload = self.payload()?;
        let intent = CreateIntent {
            intent_type: self.intent_type,
            to_agent: Some(self.to.clone()),
            payload: Some(payload.into()),
            ..CreateIntent::default()
        };
        let key = axme_client::fresh_key();
        let created = match session.client.call_with_key(&intents::CREATE, &intent, &key).await {
            Ok(created) => created,
            Err(error) => return session.print(Err(error)),
        };
        let sent = json!({
            "ok": true, "intent_id": created.intent_id, "to_agent": self.to, "status": created.status, "body": created,
        });
        if session.output().is_json() {
            return session.output().print_json(&sent);
        }
        line(format!("✓ Submitted: {} ({})", created.intent_id, created.status))?;
        for warning in &created.warnings {
            line(format!("  Warning:    {warning}"))?;
        }
        line(format!("  Follow it:  {} intents watch {}", session.settings.command, created.intent_id))
    }

    fn payload(&self) -> Result<JsonFields, Failure> {
        let mut payload: JsonFields = match &self.data_json {
            None => JsonFields::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|e| Failure::usage(format!("--data-json takes a JSON object: {e}")))?,
        };
        if let Some(service) = &self.service {
            payload.set("service", service.as_str());
        }
        Ok(payload)
    }
}

impl Cancel {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let input = ResolveIntent {
            reason: Some(self.reason),
            actor: self.actor.or_else(|| session.settings.owner_agent.as_ref().map(|given| given.value.clone())),
            ..ResolveIntent::new(self.intent_id, EndingStatus::Canceled)
        };
        session.show(&intents::RESOLVE.info, &input, Some(&axme_client::fresh_key())).await
    }
}
