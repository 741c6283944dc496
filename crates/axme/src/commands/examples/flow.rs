//! The sender's side of an example: what it submits, and how it gets the result.

use std::time::Duration;

use axme_client::api::inbox::{self, ListThreads, Thread, ThreadStatus};
use axme_client::api::intents::{CreateIntent, IntentView};
use axme_client::{Id, Object, Status};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::catalog::{Example, Flow, parse};
use crate::commands::scenarios::show_applied;
use crate::failure::Failure;
use crate::follow::{Answerer, follow};
use crate::output::tagged;
use crate::session::Session;

/// How long the sender of a fire-and-forget intent does other work.
const ABSENCE: Duration = Duration::from_secs(3);
/// How often the sender polls for a result, and for how long.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const POLL_TIMEOUT: Duration = Duration::from_secs(60);

/// The ended intent, and the thread of the sender's inbox if the example uses one.
pub(crate) struct FlowResult {
    pub(crate) intent: IntentView,
    pub(crate) thread: Option<Thread>,
}

pub(crate) async fn run(
    session: &Session,
    example: &Example,
    submission: Object,
    answerer: &Answerer,
) -> Result<FlowResult, Failure> {
    let output = session.output();
    let mut thread = None;
    let intent = match &example.flow {
        Flow::Scenario(_) => {
            output.print("  [step 4] Submitting the scenario...\n")?;
            let applied = session.check(session.client.apply_scenario(submission).await)?;
            show_applied(output, &applied)?;
            follow(session, &applied.intent_id, answerer).await?
        }
        Flow::Intent(_) => follow(session, &send(session, submission).await?, answerer).await?,
        Flow::FireAndForget(_) => poll_status(session, &send(session, submission).await?).await?,
        Flow::Inbox(_) => {
            let reply_to = submission.get("reply_to").and_then(Value::as_str).unwrap_or_default().to_owned();
            let intent_id = send(session, submission).await?;
            thread = Some(poll_inbox(session, &reply_to, &intent_id).await?);
            session.check(session.client.get_intent(&intent_id).await)?.intent
        }
        Flow::Sequence(_, second) => {
            let first = follow(session, &send(session, submission).await?, answerer).await?;
            if first.status != Status::Completed {
                first
            } else {
                output.print(tagged("system", "the second intent carries the result of the first"))?;
                let mut second = parse(second);
                if let Some(payload) = second.get_mut("payload") {
                    payload["compliance_result"] = first.result.value();
                    payload["compliance_intent_id"] = first.intent_id.as_str().into();
                }
                follow(session, &send(session, second).await?, answerer).await?
            }
        }
    };
    Ok(FlowResult { intent, thread })
}

async fn send(session: &Session, body: Object) -> Result<Id, Failure> {
    let intent: CreateIntent = serde_json::from_value(Value::Object(body))?;
    let to = intent.to_agent.clone().unwrap_or_default();
    session.output().print(format!("  [step 4] Sending {} to {to}...\n", intent.intent_type))?;
    let intent_id = session.check(session.client.send_intent(&intent).await)?.intent_id;
    session.output().print(tagged("intent:create", &format!("intent_id={intent_id}")))?;
    Ok(intent_id)
}

/// Does other work for a while, then polls the intent until it ends.
async fn poll_status(session: &Session, intent_id: &str) -> Result<IntentView, Failure> {
    let output = session.output();
    output.print(tagged("system", "the sender does other work in the meantime"))?;
    let timeout = Instant::now() + POLL_TIMEOUT;
    sleep(ABSENCE).await;
    loop {
        let intent = session.check(session.client.get_intent(intent_id).await)?.intent;
        output.print(tagged("status", intent.lifecycle_status.as_str()))?;
        if intent.status.is_terminal() || Instant::now() > timeout {
            return Ok(intent);
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Polls an inbox until the thread of the intent is done.
async fn poll_inbox(session: &Session, owner: &str, intent_id: &str) -> Result<Thread, Failure> {
    let output = session.output();
    output.print(tagged("system", "the sender does not wait; the result goes to its inbox"))?;
    let timeout = Instant::now() + POLL_TIMEOUT;
    let input = ListThreads { owner_agent: Some(owner.to_owned()), ..ListThreads::default() };
    while Instant::now() <= timeout {
        sleep(POLL_INTERVAL).await;
        let threads = session.call(&inbox::LIST, &input).await?.threads;
        let is_done = |thread: &Thread| thread.intent_id == intent_id && thread.status == ThreadStatus::Done;
        if let Some(thread) = threads.into_iter().find(is_done) {
            output.print(tagged("inbox", &format!("{owner}: {} ({})", thread.subject, thread.status)))?;
            for message in &thread.messages {
                output.print(tagged("inbox:message", &format!("{}: {}", message.author, message.content)))?;
            }
            return Ok(thread);
        }
    }
    Err(Failure::new(format!("no result arrived in the inbox of {owner} in time")))
}

impl FlowResult {
    /// Returns the result as JSON.
    pub(crate) fn json(&self, example: &Example, is_met: bool) -> Value {
        let mut result = json!({ "ok": is_met, "example": example.id, "intent": self.intent });
        if let Some(thread) = &self.thread {
            result["thread"] = json!(thread);
        }
        result
    }
}
