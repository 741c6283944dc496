//! `axme intents send`, `retry` and `resume`: new intents, and copies of earlier ones.

use axme_client::api::intents::{self, CreateIntent, GetIntent, IntentSummary, IntentView};
use axme_client::{JsonFields, Status};
use clap::Args;
use serde_json::{Value, json};

use super::IntentRef;
use super::selection::Selection;
use crate::failure::Failure;
use crate::output::line;
use crate::picker::confirm;
use crate::session::Session;

/// How many intents one call of `retry` repeats at most.
const MAX_RETRIES: usize = 1_000;

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
    /// Payload, a JSON object; @FILE reads a file, and @- stdin
    #[arg(long, value_name = "JSON")]
    data_json: Option<String>,
}

/// Submit a copy of an intent that failed, was canceled or timed out
///
/// The copy has a new id. Without an id, the filters select the intents, and the command asks before it repeats them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme intents retry 0197…\n         axme intents retry --type intent.order.v1 --status FAILED --since 1d --yes"
)]
pub(crate) struct Retry {
    #[command(flatten)]
    intent: IntentRef,
    #[command(flatten)]
    selection: Selection,
    /// Repeat all selected intents without asking
    #[arg(short, long)]
    yes: bool,
}

/// Submit a copy of an intent that waits or has failed
///
/// The copy has a new id, and the original is unchanged. To answer an intent, use `axme tasks` or intents.resume of
/// the API.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    intent: IntentRef,
}

impl Send {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let payload = self.payload()?;
        let intent = CreateIntent {
            intent_type: self.intent_type,
            to_agent: Some(self.to.clone()),
            payload: Some(payload.into()),
            ..CreateIntent::default()
        };
        create(session, &intent, &self.to).await
    }

    fn payload(&self) -> Result<JsonFields, Failure> {
        let mut payload: JsonFields = match &self.data_json {
            None => JsonFields::new(),
            Some(text) => crate::text_file::json_argument("--data-json", text)?,
        };
        if let Some(service) = &self.service {
            payload.set("service", service.as_str());
        }
        Ok(payload)
    }
}

/// Submits an intent and reports it.
pub(crate) async fn create(session: &Session, intent: &CreateIntent, to: &str) -> Result<(), Failure> {
    let key = axme_client::fresh_key();
    let created = session.wait(session.client.call_with_key(&intents::CREATE, intent, &key)).await?;
    let watch = format!("{} intents watch {}", session.settings.command, created.intent_id);
    if session.output().is_json() {
        return session.output().print_json(&json!({
            "ok": true, "intent_id": created.intent_id, "to_agent": to, "status": created.status, "run_link": watch,
            "body": created,
        }));
    }
    line(format!("✓ Submitted: {} ({})", created.intent_id, created.status))?;
    for warning in &created.warnings {
        line(format!("  Warning:    {warning}"))?;
    }
    line(format!("  Follow it:  {watch}"))
}

impl Retry {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        const MAY_BE_RETRIED: [Status; 3] = [Status::Failed, Status::Canceled, Status::TimedOut];
        if self.intent.intent_id.is_some() || !self.selection.is_given() {
            if self.selection.is_given() {
                return Err(Failure::usage("give an id or filters, not both"));
            }
            let id = self.intent.resolve(session).await?;
            return repeat(session, &id, &MAY_BE_RETRIED, "FAILED, CANCELED or TIMED_OUT").await;
        }
        let mut selected = self.selection.find(session, MAX_RETRIES, None).await?.intents;
        selected.retain(|intent| MAY_BE_RETRIED.contains(&intent.status));
        if !confirmed(session, &selected, "repeat", self.yes)? {
            return Ok(());
        }
        let mut done: Vec<Value> = Vec::new();
        let mut refused = 0;
        for summary in &selected {
            let copied = copy(session, &summary.intent_id, &MAY_BE_RETRIED, "").await;
            let made = match copied {
                Ok(intent) => session.client.send_intent(&intent).await.map_err(|error| session.explain(&error)),
                Err(failure) => Err(failure),
            };
            match made {
                Ok(created) => {
                    session.output().print(format!("✓ {} → {}", summary.intent_id, created.intent_id))?;
                    done.push(json!({ "intent_id": summary.intent_id, "copy": created.intent_id }));
                }
                Err(failure) => {
                    refused += 1;
                    session.output().print(format!("✗ {}: {}", summary.intent_id, failure.message))?;
                    done.push(json!({ "intent_id": summary.intent_id, "error": failure.message }));
                }
            }
        }
        if session.output().is_json() {
            session.output().print_json(&json!({ "ok": refused == 0, "intents": done }))?;
        }
        match refused {
            0 => Ok(()),
            _ if session.output().is_json() => Err(Failure::quiet(crate::exit::Ending::Failed)),
            _ => Err(Failure::new(format!("{refused} of {} intents were not repeated", selected.len()))),
        }
    }
}

impl Resume {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let id = self.intent.resolve(session).await?;
        repeat(session, &id, &[Status::Waiting, Status::Failed], "WAITING or FAILED").await
    }
}

/// Asks before many intents are changed, and says how many there are. Returns false if there are none.
pub(super) fn confirmed(session: &Session, selected: &[IntentSummary], what: &str, yes: bool) -> Result<bool, Failure> {
    if selected.is_empty() {
        match session.output().is_json() {
            true => session.output().print_json(&json!({ "ok": true, "intents": [] }))?,
            false => line(format!("No intents to {what}."))?,
        }
        return Ok(false);
    }
    if !yes {
        let oldest = selected.last().map(|intent| crate::output::day_time(intent.created_at)).unwrap_or_default();
        let question = format!("This will {what} {} intent(s), the oldest of {oldest}. Go on?", selected.len());
        confirm(session.output(), &question, "--yes")?;
    }
    Ok(true)
}

async fn repeat(session: &Session, id: &str, statuses: &[Status], words: &str) -> Result<(), Failure> {
    let intent = copy(session, id, statuses, words).await?;
    let to = intent.to_agent.clone().unwrap_or_default();
    create(session, &intent, &to).await
}

/// Returns a new intent like an earlier one, which must have one of the statuses.
async fn copy(session: &Session, id: &str, statuses: &[Status], words: &str) -> Result<CreateIntent, Failure> {
    let intent = session.call(&intents::GET, &GetIntent::new(id)).await?.intent;
    if !statuses.contains(&intent.status) {
        return Err(Failure::usage(format!("intent {id} is {}: only {words} intents can be repeated", intent.status)));
    }
    let events = crate::events::all_events(session, id, 0).await?;
    let is_workflow = events.iter().any(|event| event.details.contains_key("scenario_id"));
    if is_workflow {
        return Err(Failure::usage(format!(
            "intent {id} runs a scenario, whose steps a copy would not have: apply its file again"
        )));
    }
    let task = events.iter().find_map(|event| event.human_task.clone()).or(intent.human_task.clone());
    Ok(create_like(intent, task))
}

fn create_like(intent: IntentView, task: Option<Value>) -> CreateIntent {
    CreateIntent {
        intent_type: intent.intent_type,
        to_agent: Some(intent.to_agent),
        from_agent: Some(intent.from_agent),
        reply_to: intent.reply_to,
        correlation_id: Some(axme_client::fresh_key().into()),
        payload: Some(intent.payload),
        human_task: task.and_then(|task| task.as_object().cloned()),
        ..CreateIntent::default()
    }
}
