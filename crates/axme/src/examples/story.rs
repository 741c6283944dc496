//! What an example submits, and what it does then.

use std::time::Duration;

use axme_client::api::inbox::{self, ListThreads, Thread};
use axme_client::api::intents::{CreateIntent, IntentView};
use axme_client::{Object, is_terminal};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::catalogue::{Example, Story, read};
use crate::failure::Failure;
use crate::follow::{Answerer, follow};
use crate::output::tagged;
use crate::session::Session;

/// How long the sender of a forgotten intent does something else.
const ELSEWHERE: Duration = Duration::from_secs(3);
/// How often it looks again then, and for how long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

/// How it ended, and what else there is to show.
pub struct Told {
    pub intent: IntentView,
    /// The thread in the sender's inbox.
    pub thread: Option<Thread>,
}

/// Submits what an example begins with, and what follows from it.
pub async fn tell(session: &Session, example: &Example, opening: Object, answerer: &Answerer) -> Result<Told, Failure> {
    let output = session.output();
    let told = |intent| Told { intent, thread: None };
    match &example.story {
        Story::Bundle(_) => {
            output.print("  [step 4] Submitting the scenario...\n")?;
            let applied = session.client.apply_scenario(opening).await.map_err(|error| session.explain(&error))?;
            crate::scenarios::show_applied(output, &applied)?;
            Ok(told(follow(session, &applied.intent_id, answerer).await?))
        }
        Story::Direct(_) => {
            let id = send(session, opening).await?;
            Ok(told(follow(session, &id, answerer).await?))
        }
        Story::Forgotten(_) => {
            let id = send(session, opening).await?;
            Ok(told(look_later(session, &id).await?))
        }
        Story::Inbox(_) => {
            let reply_to = opening.get("reply_to").and_then(Value::as_str).unwrap_or_default().to_owned();
            let id = send(session, opening).await?;
            let thread = find_thread(session, &reply_to, &id).await?;
            let intent = session.client.get_intent(&id).await.map_err(|error| session.explain(&error))?.intent;
            Ok(Told { intent, thread: Some(thread) })
        }
        Story::Chain(_, second) => {
            let id = send(session, opening).await?;
            let first = follow(session, &id, answerer).await?;
            if first.status != "COMPLETED" {
                return Ok(told(first));
            }
            output.print(tagged("system", "what came of it goes into the second intent"))?;
            let id = send(session, second_of(read(second), &first)).await?;
            Ok(told(follow(session, &id, answerer).await?))
        }
    }
}

async fn send(session: &Session, body: Object) -> Result<String, Failure> {
    let output = session.output();
    let intent: CreateIntent = serde_json::from_value(Value::Object(body))?;
    let to = intent.to_agent.clone().unwrap_or_default();
    output.print(format!("  [step 4] Sending {} to {to}...\n", intent.intent_type))?;
    let created = session.client.send_intent(&intent).await.map_err(|error| session.explain(&error))?;
    output.print(tagged("intent:create", &format!("intent_id={}", created.intent_id)))?;
    Ok(created.intent_id)
}

/// The second intent, with what the first one found.
fn second_of(mut second: Object, first: &IntentView) -> Object {
    if let Some(payload) = second.get_mut("payload") {
        payload["compliance_result"] = first.result.clone();
        payload["compliance_intent_id"] = first.intent_id.as_str().into();
    }
    second
}

/// Does something else for a while, then looks how it went.
async fn look_later(session: &Session, id: &str) -> Result<IntentView, Failure> {
    let output = session.output();
    output.print(tagged("system", "the sender does something else meanwhile"))?;
    let patience = Instant::now() + PATIENCE;
    sleep(ELSEWHERE).await;
    loop {
        let intent = session.client.get_intent(id).await.map_err(|error| session.explain(&error))?.intent;
        output.print(tagged("status", &intent.lifecycle_status))?;
        if is_terminal(&intent.status) || Instant::now() > patience {
            return Ok(intent);
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Looks into the inbox until the result is there.
async fn find_thread(session: &Session, owner: &str, id: &str) -> Result<Thread, Failure> {
    let output = session.output();
    output.print(tagged("system", "the sender goes away; the result is to be sent to its inbox"))?;
    let patience = Instant::now() + PATIENCE;
    let threads = ListThreads { owner_agent: Some(owner.to_owned()), ..ListThreads::default() };
    loop {
        sleep(LOOK_AGAIN).await;
        let list = session.call(&inbox::LIST, &threads).await?;
        if let Some(thread) = list.threads.into_iter().find(|thread| thread.intent_id == id && thread.status == "done")
        {
            output.print(tagged("inbox", &format!("{owner}: {} ({})", thread.subject, thread.status)))?;
            for message in &thread.messages {
                output.print(tagged("inbox:message", &format!("{}: {}", message.author, message.content)))?;
            }
            return Ok(thread);
        }
        if Instant::now() > patience {
            return Err(Failure::new(format!("nothing arrived in the inbox of {owner}")));
        }
    }
}

impl Told {
    /// What a program is told at the end.
    pub fn json(&self, example: &Example, is_kept: bool) -> Value {
        let mut told = json!({ "ok": is_kept, "example": example.id, "intent": self.intent });
        if let Some(thread) = &self.thread {
            told["thread"] = json!(thread);
        }
        told
    }
}
