//! Methods for common calls. Each write carries an idempotency key of its own, so that it can be repeated after a lost answer and
//! has its effect once.

use std::time::Duration;

use axme_api::health::{self, Health};
use axme_api::intents::{
    self, CreateIntent, Created, GetIntent, IntentAnswer, ResolveIntent, Resolved, ResumeIntent, Resumed,
};
use axme_api::scenarios::{self, Applied, Bundle, Validation};
use futures_util::StreamExt;

use crate::{Client, ClientError, Object};

impl Client {
    /// Submits an intent; it is durable when this returns.
    pub async fn send_intent(&self, intent: &CreateIntent) -> Result<Created, ClientError> {
        self.call_with_key(&intents::CREATE, intent, &fresh_key()).await
    }

    /// Looks at an intent. With the receiving agent's key this also acknowledges it.
    pub async fn get_intent(&self, intent_id: &str) -> Result<IntentAnswer, ClientError> {
        self.call(&intents::GET, &GetIntent { intent_id: intent_id.to_owned() }).await
    }

    /// The intent when it has come to its end, however it ended; [`ClientError::StillRunning`] after `timeout`. A server
    /// that goes away meanwhile is waited for.
    pub async fn wait_for(&self, intent_id: &str, timeout: Duration) -> Result<IntentAnswer, ClientError> {
        let end = async {
            let mut events = self.observe_with(intent_id, 0, u32::MAX);
            while let Some(event) = events.next().await {
                event?;
            }
            self.get_intent(intent_id).await
        };
        let late = |_| ClientError::StillRunning { intent_id: intent_id.to_owned(), waited: timeout };
        tokio::time::timeout(timeout, end).await.map_err(late)?
    }

    /// Answers an intent: an agent's result (`{"action": "complete", …}` or `"fail"`), or a person's `{"task_result": {…}}`.
    pub async fn resume(&self, intent_id: &str, body: Object) -> Result<Resumed, ClientError> {
        let input = ResumeIntent { intent_id: intent_id.to_owned(), owner_agent: None, body };
        self.call_with_key(&intents::RESUME, &input, &fresh_key()).await
    }

    /// Ends an intent as COMPLETED, FAILED or CANCELED.
    pub async fn resolve(&self, ending: &ResolveIntent) -> Result<Resolved, ClientError> {
        self.call_with_key(&intents::RESOLVE, ending, &fresh_key()).await
    }

    /// Provisions the agents of a bundle, compiles its workflow and submits its intent, all or nothing. A bundle with an
    /// `idempotency_key` of its own is applied once, however often it is sent.
    pub async fn apply_scenario(&self, bundle: Object) -> Result<Applied, ClientError> {
        let own = bundle.get("idempotency_key").and_then(serde_json::Value::as_str).filter(|key| !key.is_empty());
        let key = own.map_or_else(fresh_key, str::to_owned);
        self.call_with_key(&scenarios::APPLY, &Bundle { body: bundle }, &key).await
    }

    /// Everything that is wrong with a bundle. Changes nothing.
    pub async fn validate_scenario(&self, bundle: Object) -> Result<Validation, ClientError> {
        self.call(&scenarios::VALIDATE, &Bundle { body: bundle }).await
    }

    /// Whether the server lives, and what it is. Needs no credential.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let answer = self.get_route(health::HEALTH.path.to_owned()).await?;
        serde_json::from_value(answer).map_err(|e| ClientError::Answer(format!("{}: {e}", health::HEALTH.path)))
    }
}

/// A new random idempotency key.
#[expect(clippy::disallowed_methods, reason = "a key must differ between runs; nothing here is replayed")]
pub fn fresh_key() -> String {
    uuid::Uuid::new_v4().to_string()
}
