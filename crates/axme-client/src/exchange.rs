//! One call over HTTP: send, read the answer, and try again where that is safe (contract `wire.md` §1.6).
//!
//! Only what may be repeated is repeated: reads, and writes that carry an idempotency key. Two repetitions at most, after
//! 0.2 and 0.4 seconds or as long as the server asks for.

use std::time::Duration;

use axme_api::{Effect, Method, Op, OpInfo};
use reqwest::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request::{Request, request};
use crate::{Client, ClientError, Refusal};

/// How often a call that may be repeated is repeated.
pub(crate) const REPEATS: u32 = 2;
/// Longer than a server should ask a caller to wait inside one call.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

impl Client {
    /// Calls an operation of the table.
    pub async fn call<I: Serialize, O: DeserializeOwned>(&self, op: &Op<I, O>, input: &I) -> Result<O, ClientError> {
        answer(&op.info, self.call_json(&op.info, input, None).await?)
    }

    /// Calls a writing operation under an idempotency key: however often it is sent, it happens once.
    pub async fn call_with_key<I: Serialize, O: DeserializeOwned>(
        &self,
        op: &Op<I, O>,
        input: &I,
        idempotency_key: &str,
    ) -> Result<O, ClientError> {
        answer(&op.info, self.call_json(&op.info, input, Some(idempotency_key)).await?)
    }

    /// Calls an operation and returns the answer as it came, fields unknown to this version included.
    pub async fn call_json(
        &self,
        info: &OpInfo,
        input: &impl Serialize,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        let input = serde_json::to_value(input).map_err(|e| ClientError::Input(e.to_string()))?;
        let repeatable = info.effect == Effect::Read || idempotency_key.is_some();
        self.exchange(&request(info, input)?, idempotency_key, repeatable).await
    }

    pub(crate) async fn exchange(
        &self,
        request: &Request,
        key: Option<&str>,
        repeatable: bool,
    ) -> Result<Value, ClientError> {
        let mut repeats = 0;
        loop {
            let error = match self.attempt(request, key).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !repeatable || !error.is_transient() || repeats == REPEATS {
                return Err(error);
            }
            repeats += 1;
            tokio::time::sleep(pause(&error, repeats)).await;
        }
    }

    async fn attempt(&self, request: &Request, key: Option<&str>) -> Result<Value, ClientError> {
        let method =
            reqwest::Method::from_bytes(request.method.as_str().as_bytes()).expect("a Method is an HTTP method");
        let url = format!("{}{}", self.inner.base_url, request.path);
        let build = || {
            let mut builder = self.inner.http.request(method.clone(), &url).timeout(self.inner.call_timeout);
            if let Some(key) = key {
                builder = builder.header("idempotency-key", key);
            }
            if let Some(body) = &request.body {
                builder = builder.json(body);
            }
            builder
        };
        let response = self.send(build).await?;
        let bytes = response.bytes().await.map_err(ClientError::Transport)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| ClientError::Answer(format!("{} {} answered no JSON", request.method.as_str(), request.path)))
    }

    pub(crate) async fn get_route(&self, path: String) -> Result<Value, ClientError> {
        self.exchange(&Request { method: Method::Get, path, body: None }, None, true).await
    }
}

/// Returns a successful response; turns any other into [`ClientError::Refused`].
pub(crate) async fn check_status(response: Response) -> Result<Response, ClientError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let bytes = response.bytes().await.map_err(ClientError::Transport)?;
    Err(ClientError::Refused(Box::new(Refusal::read(status, retry_after, &bytes))))
}

/// How long to wait before the `repeats`-th repetition.
pub(crate) fn pause(error: &ClientError, repeats: u32) -> Duration {
    match error.refusal().and_then(|refusal| refusal.retry_after) {
        Some(seconds) => Duration::from_secs(seconds).min(MAX_RETRY_AFTER),
        None => Duration::from_millis(100) * 2u32.saturating_pow(repeats.min(16)),
    }
}

fn answer<O: DeserializeOwned>(info: &OpInfo, value: Value) -> Result<O, ClientError> {
    serde_json::from_value(value).map_err(|e| ClientError::Answer(format!("{}: {e}", info.id)))
}
