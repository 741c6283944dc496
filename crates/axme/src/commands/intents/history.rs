//! `axme intents log`, `axme logs` and `axme trace`: three views of the events of an intent.

use axme_client::Status;
use axme_client::Timestamp;
use axme_client::api::intents::{self, EventView, GetIntent, IntentView};
use clap::Args;
use serde_json::json;

use super::IntentRef;
use crate::events::all_events;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::lifecycle::{event_line, outcome_label, status_label, summary};
use crate::moments;
use crate::output::{line, local, print_fields, print_list};
use crate::session::Session;

/// Show the latest events of an intent as a table
#[derive(Debug, Args)]
#[command(after_help = "Example: axme logs 0197… --level warn --since 1h")]
pub(crate) struct Logs {
    #[command(flatten)]
    intent: IntentRef,
    /// How many of the latest events to show
    #[arg(long, value_name = "N", default_value_t = 50)]
    tail: usize,
    /// Only events since then: a time, a day, or an age such as 2h
    #[arg(long, value_name = "TIME", value_parser = moments::read)]
    since: Option<Timestamp>,
    /// Only events of this level: an end in failure is an error, a wait or a cancellation a warning
    #[arg(long, value_name = "LEVEL", value_parser = ["info", "warn", "error"])]
    level: Option<String>,
    /// Only events whose type, sentence or step contains this text
    #[arg(long, value_name = "TEXT")]
    step: Option<String>,
}

/// Show where an intent is, and what has to happen next
#[derive(Debug, Args)]
#[command(after_help = "Example: axme trace 0197…")]
pub(crate) struct Trace {
    #[command(flatten)]
    intent: IntentRef,
}

/// Shows the history of an intent as lines, and its summary.
pub(super) async fn log(session: &Session, intent_id: &str) -> Result<(), Failure> {
    let intent = session.call(&intents::GET, &GetIntent::new(intent_id)).await?.intent;
    let events = all_events(session, intent_id, 0).await?;
    if session.output().is_json() {
        return session.output().print_json(&json!({ "intent": intent, "events": events }));
    }
    for event in &events {
        let Some((kind, text)) = event_line(event) else { continue };
        let pad = 20usize.saturating_sub(kind.len());
        line(format!("  [{kind}]{:pad$}:  {}  {text}", "", local(event.at)))?;
    }
    for text in summary(&intent) {
        line(text)?;
    }
    line(format!("  Events:        {}", events.len()))
}

impl Logs {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let id = self.intent.resolve(&session).await?;
        let mut events = all_events(&session, &id, 0).await?;
        events.retain(|event| {
            self.since.is_none_or(|since| event.at >= since)
                && self.level.as_deref().is_none_or(|wanted| level(event.status) == wanted)
                && self.step.as_deref().is_none_or(|text| mentions(event, text))
        });
        events.drain(..events.len().saturating_sub(self.tail));
        if session.output().is_json() {
            let rows: Vec<_> = events
                .iter()
                .map(|event| {
                    json!({
                        "seq": event.seq, "at": event.at, "level": level(event.status), "status": event.status,
                        "event_type": event.event_type, "waiting_reason": event.waiting_reason, "text": event.text,
                    })
                })
                .collect();
            return session.output().print_json(&rows);
        }
        let rows = events.iter().map(|event| {
            vec![
                event.seq.to_string(),
                local(event.at),
                level(event.status).to_owned(),
                event.status.to_string(),
                event.event_type.to_string(),
                event.waiting_reason.map(|reason| reason.to_string()).unwrap_or_default(),
            ]
        });
        print_list("events", &["SEQ", "AT", "LEVEL", "STATUS", "EVENT", "WAITING_REASON"], rows)
    }
}

fn level(status: Status) -> &'static str {
    match status {
        Status::Failed | Status::TimedOut => "error",
        Status::Waiting | Status::Canceled => "warn",
        _ => "info",
    }
}

fn mentions(event: &EventView, text: &str) -> bool {
    let step = event.details.string("step_id").unwrap_or_default();
    let sentence = event.text.as_deref().unwrap_or_default();
    [event.event_type.to_string().as_str(), &step, sentence].iter().any(|part| part.contains(text))
}

impl Trace {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let id = self.intent.resolve(&session).await?;
        let intent = session.call(&intents::GET, &GetIntent::new(id.as_str())).await?.intent;
        let events = all_events(&session, &id, 0).await?;
        let last = events.last().map(|event| event.event_type.to_string()).unwrap_or_default();
        let next = next_action(&intent, &session.settings.command);
        if session.output().is_json() {
            return session.output().print_json(&json!({
                "intent_id": intent.intent_id, "status": intent.status,
                "waiting_reason": intent.lifecycle_waiting_reason, "last_event": last, "next_action": next,
                "events_count": events.len(),
            }));
        }
        print_fields(&[
            ("Intent ID", intent.intent_id.to_string()),
            ("Status", status_label(intent.status, intent.lifecycle_waiting_reason)),
            ("Last event", last),
            ("Next", next),
            ("Events", events.len().to_string()),
        ])
    }
}

/// Returns what has to happen next, in words.
fn next_action(intent: &IntentView, program: &str) -> String {
    if intent.status.is_terminal() {
        return outcome_label(&intent.outcome)
            .map_or("none: it has ended".to_owned(), |outcome| format!("none: {outcome}"));
    }
    let holder = intent.pending_with.as_ref().map_or(&intent.to_agent, |holder| &holder.reference);
    match intent.lifecycle_waiting_reason {
        Some(axme_client::WaitingReason::WaitingForHuman) => {
            format!("{holder} must answer: {program} tasks get {}", intent.intent_id)
        }
        Some(axme_client::WaitingReason::WaitingForTime) => "the server continues when the time has passed".to_owned(),
        _ if intent.nobody_listens => {
            format!("nobody listens at {holder}: register an agent there, or cancel the intent")
        }
        _ => format!("{holder} must answer"),
    }
}
