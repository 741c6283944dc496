//! One call over HTTP: send, read the answer, and retry where that is safe (`spec/protocol.md` §1.6).
//!
//! Only reads, and writes that carry an idempotency key, are retried. There are at most two retries, after 0.2 and 0.4
//! seconds or after the server's `Retry-After`.

use std::time::Duration;

use axme_api::{Effect, Json, Method, Op, OpInfo};
use reqwest::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request::{Request, request};
use crate::{Client, ClientError, Refusal};

/// Maximum number of retries of one call.
pub(crate) const REPEATS: u32 = 2;
/// The longest pause inside one call, even if `Retry-After` is longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

impl Client {
    /// Calls an operation of [`crate::api`]. Reads are retried; writes are sent once, since they
    /// carry no idempotency key.
    ///
    /// # Errors
    ///
    /// - [`ClientError::Input`]: `input` lacks a field of the path. Nothing was sent.
    /// - [`ClientError::Refused`]: the server answered with a status other than 2xx.
    /// - [`ClientError::Transport`]: no complete answer arrived. A write may have taken effect.
    /// - [`ClientError::Answer`]: the answer cannot be read as `O`.
    pub async fn call<I: Serialize, O: DeserializeOwned>(&self, op: &Op<I, O>, input: &I) -> Result<O, ClientError> {
        answer(&op.info, self.call_text(&op.info, input, None).await?)
    }

    /// Calls an operation under an idempotency key (`spec/protocol.md` §1.7), with retries. A repeated call with the
    /// same key and input has no second effect; it returns the first answer.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`]; status 409 if the key was used with a different input.
    pub async fn call_with_key<I: Serialize, O: DeserializeOwned>(
        &self,
        op: &Op<I, O>,
        input: &I,
        idempotency_key: &str,
    ) -> Result<O, ClientError> {
        answer(&op.info, self.call_text(&op.info, input, Some(idempotency_key)).await?)
    }

    /// Calls an operation as [`Client::call_text`] does, and parses the answer. Its numbers are rounded to 64 bits.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call_text`].
    pub async fn call_json(
        &self,
        info: &OpInfo,
        input: &impl Serialize,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        self.call_text(info, input, idempotency_key).await.map(|answer| answer.value())
    }

    /// Calls an operation and returns the text of its answer, including fields that this version of the SDK does not
    /// know. Retries as [`Client::call`] does, or as [`Client::call_with_key`] if there is a key.
    ///
    /// # Errors
    ///
    /// The errors of [`Client::call`]; [`ClientError::Answer`] if the answer is not JSON.
    pub async fn call_text(
        &self,
        info: &OpInfo,
        input: &impl Serialize,
        idempotency_key: Option<&str>,
    ) -> Result<Json, ClientError> {
        let input = Json::try_of(input).map_err(|e| ClientError::Input(e.to_string()))?;
        let repeatable = info.effect == Effect::Read || idempotency_key.is_some();
        self.exchange(&request(info, &input)?, idempotency_key, repeatable).await
    }

    pub(crate) async fn exchange(
        &self,
        request: &Request,
        key: Option<&str>,
        repeatable: bool,
    ) -> Result<Json, ClientError> {
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

    async fn attempt(&self, request: &Request, key: Option<&str>) -> Result<Json, ClientError> {
        let method =
            reqwest::Method::from_bytes(request.method.as_str().as_bytes()).expect("a Method is an HTTP method");
        let url = format!("{}{}", self.inner.base_url, request.path);
        let build = || {
            let mut builder = self.inner.http.request(method.clone(), &url).timeout(self.inner.call_timeout);
            if let Some(key) = key {
                builder = builder.header("idempotency-key", key);
            }
            if let Some(body) = &request.body {
                builder = builder.header("content-type", "application/json").body(body.text().to_owned());
            }
            builder
        };
        let response = self.send(build).await?;
        let bytes = response.bytes().await.map_err(ClientError::Transport)?;
        serde_json::from_slice(&bytes).map_err(|_| {
            ClientError::Answer(format!("{} {} did not return JSON", request.method.as_str(), request.path))
        })
    }

    pub(crate) async fn get_route(&self, path: String) -> Result<Json, ClientError> {
        self.exchange(&Request { method: Method::Get, path, body: None }, None, true).await
    }
}

/// Returns a 2xx response; turns any other into [`ClientError::Refused`].
pub(crate) async fn check_status(response: Response) -> Result<Response, ClientError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let bytes = response.bytes().await.map_err(ClientError::Transport)?;
    Err(ClientError::Refused(Box::new(Refusal::read(status, retry_after, &bytes))))
}

/// Returns the pause before the `repeats`-th retry.
pub(crate) fn pause(error: &ClientError, repeats: u32) -> Duration {
    match error.refusal().and_then(|refusal| refusal.retry_after) {
        Some(seconds) => Duration::from_secs(seconds).min(MAX_RETRY_AFTER),
        None => Duration::from_millis(100) * 2u32.saturating_pow(repeats.min(16)),
    }
}

fn answer<O: DeserializeOwned>(info: &OpInfo, value: Json) -> Result<O, ClientError> {
    value.read().map_err(|e| ClientError::Answer(format!("{}: {e}", info.id)))
}
