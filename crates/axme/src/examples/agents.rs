//! The agents that the examples bring along. Each receives in its own way with its own key, as any agent would, and answers by
//! a few fixed rules.

use std::time::Duration;

use axme_client::api::intents::{self, ListIntents};
use axme_client::{Client, ClientError, is_terminal};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::watch;
use tracing::warn;

use super::rules::Rules;

/// How long an agent rests after an answer that did not arrive.
const REST: Duration = Duration::from_secs(1);
/// How long an agent that polls waits between two questions.
const POLL_PAUSE: Duration = Duration::from_secs(1);
/// Intents that one poll takes along.
const POLL_PAGE: u64 = 20;

/// An agent at work.
#[derive(Clone)]
pub struct Agent {
    pub client: Client,
    pub address: String,
    pub rules: Rules,
    /// How long it works on one intent.
    pub work: Duration,
    /// Closed when the example is over. What an agent has begun it still answers: others may play the same agent on this
    /// server, and what is acknowledged is offered to none of them for long.
    pub stop: watch::Receiver<()>,
}

impl Agent {
    /// Holds a stream open and answers what comes, until it is stopped or its key is refused.
    pub async fn listen(mut self) {
        'listening: loop {
            let mut deliveries = self.client.listen(&self.address);
            loop {
                let delivery = tokio::select! {
                    biased;
                    _ = self.stop.changed() => return,
                    delivery = deliveries.next() => delivery,
                };
                let delivery = match delivery {
                    Some(Ok(delivery)) => delivery,
                    Some(Err(error)) => return warn!(self.address, %error, "the agent cannot listen any more"),
                    None => return,
                };
                if let Err(error) = self.answer(&delivery.intent_id).await {
                    warn!(self.address, delivery.intent_id, %error, "the agent could not answer");
                    if error.is_transient() {
                        // A stream that begins anew brings everything that is not answered.
                        tokio::time::sleep(REST).await;
                        continue 'listening;
                    }
                }
            }
        }
    }

    /// Asks now and then for what waits, and answers it.
    pub async fn poll(mut self) {
        let waiting = ListIntents {
            // What it has looked at and not answered comes again.
            status: Some("DELIVERED,ACKNOWLEDGED".to_owned()),
            to_agent: Some(self.address.clone()),
            limit: POLL_PAGE.into(),
            ..ListIntents::default()
        };
        loop {
            match self.client.call(&intents::LIST, &waiting).await {
                Ok(page) => {
                    for intent in &page.intents {
                        if let Err(error) = self.answer(&intent.intent_id).await {
                            warn!(self.address, intent.intent_id, %error, "the agent could not answer");
                        }
                    }
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return warn!(self.address, %error, "the agent cannot ask any more"),
            }
            tokio::select! {
                _ = self.stop.changed() => return,
                () = tokio::time::sleep(POLL_PAUSE) => {}
            }
        }
    }

    /// Reads an intent, works on it and answers.
    pub async fn answer(&self, intent_id: &str) -> Result<(), ClientError> {
        let intent = self.client.get_intent(intent_id).await?.intent;
        if is_terminal(&intent.status) {
            return Ok(());
        }
        tokio::time::sleep(self.work).await;
        // The step of a workflow carries the payload of the whole.
        let payload = intent.payload.get("parent_payload").filter(|value| value.is_object()).unwrap_or(&intent.payload);
        let Value::Object(answer) = (self.rules)(payload) else { return Ok(()) };
        match self.client.resume(&intent.intent_id, answer).await {
            // Another delivery of the same intent was answered first, or the time was up.
            Err(ClientError::Refused(refusal)) if refusal.status == 409 => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}
