//! Methods for common calls. Each write carries a new idempotency key, so that a retry after a lost answer has no
//! second effect.

use std::collections::BTreeMap;
use std::time::Duration;

use axme_api::health::{self, Health};
use axme_api::intents::{
    self, CreateIntent, CreateIntentAnswer, GetIntent, IntentAnswer, ResolveAnswer, ResolveIntent, ResumeAnswer,
    ResumeIntent,
};
use axme_api::scenarios::{self, ApplyAnswer, Bundle, DryRunAnswer, DryRunBundle, Validation};
use futures_util::StreamExt;

use crate::{Client, ClientError, JsonFields};

impl Client {
    /// Submits an intent (`intents.create`) under a new idempotency key. The intent is durable when this returns.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`].
    pub async fn send_intent(&self, intent: &CreateIntent) -> Result<CreateIntentAnswer, ClientError> {
        self.call_with_key(&intents::CREATE, intent, &fresh_key()).await
    }

    /// Returns an intent (`intents.get`). A call with the receiving agent's key also acknowledges its delivery.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`].
    pub async fn get_intent(&self, intent_id: &str) -> Result<IntentAnswer, ClientError> {
        self.call(&intents::GET, &GetIntent::new(intent_id)).await
    }

    /// Waits until the intent has ended, and returns it. Every terminal status is a success of this call: check the
    /// `status`. After the first connection it waits through failures of the server.
    ///
    /// # Errors
    ///
    /// [`ClientError::StillRunning`] after `timeout`; those of [`Client::observe`] and [`Client::get_intent`].
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

    /// Answers an intent (`intents.resume`) under a new idempotency key. `body` is an agent's result
    /// (`{"action": "complete", …}` or `"fail"`) or a person's `{"task_result": {…}}` (`spec/protocol.md` §13).
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`]; status 409 if the intent has ended.
    pub async fn resume(&self, intent_id: &str, body: impl Into<JsonFields>) -> Result<ResumeAnswer, ClientError> {
        let input = ResumeIntent { intent_id: intent_id.into(), body: Some(body.into()), ..ResumeIntent::default() };
        self.call_with_key(&intents::RESUME, &input, &fresh_key()).await
    }

    /// Ends an intent as COMPLETED, FAILED or CANCELED (`intents.resolve`, `spec/protocol.md` §4.7), under a new
    /// idempotency key.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`]; status 409 if the intent has ended.
    pub async fn resolve(&self, ending: &ResolveIntent) -> Result<ResolveAnswer, ClientError> {
        self.call_with_key(&intents::RESOLVE, ending, &fresh_key()).await
    }

    /// Provisions the agents of a bundle, compiles its workflow and submits its intent, all or nothing
    /// (`scenarios.apply`, `spec/protocol.md` §6.2). The `idempotency_key` of the bundle is used if it has one,
    /// otherwise a new key.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`].
    pub async fn apply_scenario(&self, bundle: impl Into<JsonFields>) -> Result<ApplyAnswer, ClientError> {
        let bundle = bundle.into();
        let key = bundle.string("idempotency_key").filter(|key| !key.is_empty()).unwrap_or_else(fresh_key);
        self.call_with_key(&scenarios::APPLY, &Bundle { body: bundle }, &key).await
    }

    /// Returns every error of a bundle, and changes nothing (`scenarios.validate`). An invalid bundle is not a
    /// [`ClientError`].
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`].
    pub async fn validate_scenario(&self, bundle: impl Into<JsonFields>) -> Result<Validation, ClientError> {
        self.call(&scenarios::VALIDATE, &Bundle { body: bundle.into() }).await
    }

    /// Walks the workflow of a bundle with chosen ends of its steps, and changes nothing (`scenarios.dry_run`).
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`]; status 422 if the bundle has errors or an end does not fit its step.
    pub async fn dry_run_scenario(
        &self,
        bundle: impl Into<JsonFields>,
        answers: BTreeMap<String, Vec<String>>,
    ) -> Result<DryRunAnswer, ClientError> {
        self.call(&scenarios::DRY_RUN, &DryRunBundle { bundle: bundle.into(), answers }).await
    }

    /// Returns the version and the storage of the server (`GET /health`). Needs no credential.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`].
    pub async fn health(&self) -> Result<Health, ClientError> {
        let answer = self.get_route(health::HEALTH.path.to_owned()).await?;
        answer.read().map_err(|e| ClientError::Answer(format!("{}: {e}", health::HEALTH.path)))
    }
}

/// Returns a new random idempotency key, a UUID of version 4 (`spec/protocol.md` §1.7).
#[expect(clippy::disallowed_methods, reason = "a key must differ between runs; nothing here is replayed")]
pub fn fresh_key() -> String {
    uuid::Uuid::new_v4().to_string()
}
