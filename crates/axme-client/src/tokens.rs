//! Refreshes the tokens of a signed-in person before they expire (`spec/protocol.md` §1.3).
//!
//! An access token is valid for minutes; a refresh token is valid once. The client refreshes before the access token
//! expires, and once more when the server rejects it. It stores the new tokens before it continues. Another process may
//! refresh the same tokens, so the client reads the store again first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axme_api::auth::{self, RefreshToken};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::exchange::{check_status, pause};
use crate::{Client, ClientError, Refusal};

/// An access token with less time left than this is refreshed before it is sent.
const REFRESH_BEFORE_SECONDS: i64 = 60;
const REFRESH_TIMEOUT: Duration = Duration::from_secs(15);
/// The error codes after which a call with a new token may succeed.
const REFRESHABLE: [&str; 3] = ["token_expired", "invalid_actor_token", "missing_actor_token"];

/// The tokens of a person who has signed in, as sign-in and `auth.refresh` return them.
#[derive(Clone, PartialEq)]
pub struct Tokens {
    /// The access token: a JWT whose `exp` the client reads. One without `exp` is refreshed before every call.
    pub access: String,
    /// The refresh token: opaque, valid for one refresh.
    pub refresh: String,
}

/// Stores the tokens of a person, for example in a file that several processes share. Calls wait for both functions.
pub trait TokenStore: Send + Sync {
    /// Returns the stored tokens, or `None` if nobody is signed in. With `None` the client keeps its
    /// token and does not refresh.
    fn read(&self) -> Option<Tokens>;
    /// Replaces both tokens.
    fn write(&self, tokens: &Tokens);
}

pub(crate) struct TokenSource {
    store: Box<dyn TokenStore>,
    /// Locked during a refresh, so that concurrent calls share it.
    cache: Mutex<TokenCache>,
}

struct TokenCache {
    tokens: Tokens,
    /// Whether the server has rejected the refresh token.
    is_refused: bool,
}

impl TokenSource {
    pub(crate) fn new(tokens: Tokens, store: Box<dyn TokenStore>) -> TokenSource {
        TokenSource { store, cache: Mutex::new(TokenCache { tokens, is_refused: false }) }
    }
}

impl Client {
    /// Sends a request, with the person's access token if there is one.
    pub(crate) async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, ClientError> {
        let request = || match self.inner.consumer.get() {
            Some(name) => request().header("x-axme-consumer", name),
            None => request(),
        };
        let Some(source) = &self.inner.tokens else { return dispatch(request()).await };
        let token = self.token(source).await;
        match dispatch(request().bearer_auth(&token)).await {
            Err(ClientError::Refused(refusal)) if is_refreshable(&refusal) => {
                match self.replace_token(source, &token).await {
                    Some(fresh) => dispatch(request().bearer_auth(fresh)).await,
                    None => Err(ClientError::Refused(refusal)),
                }
            }
            other => other,
        }
    }

    /// Returns the token to send. An expired token is sent if it cannot be refreshed: with an API key the call may
    /// still succeed.
    async fn token(&self, source: &TokenSource) -> String {
        let mut cache = source.cache.lock().await;
        if seconds_left(&cache.tokens.access) < REFRESH_BEFORE_SECONDS {
            self.refresh(source, &mut cache).await;
        }
        cache.tokens.access.clone()
    }

    /// Returns a token other than `refused`, if a refresh yields one.
    async fn replace_token(&self, source: &TokenSource, refused: &str) -> Option<String> {
        let mut cache = source.cache.lock().await;
        if cache.tokens.access == refused {
            self.refresh(source, &mut cache).await;
        }
        (cache.tokens.access != refused).then(|| cache.tokens.access.clone())
    }

    async fn refresh(&self, source: &TokenSource, cache: &mut TokenCache) {
        let Some(stored) = source.store.read() else { return };
        if stored != cache.tokens {
            // Another process has refreshed them.
            *cache = TokenCache { tokens: stored, is_refused: false };
            if seconds_left(&cache.tokens.access) >= REFRESH_BEFORE_SECONDS {
                return;
            }
        }
        if cache.is_refused {
            return;
        }
        match self.request_tokens(&cache.tokens.refresh).await {
            Ok(fresh) => {
                cache.tokens.access = fresh.access_token;
                if let Some(refresh) = fresh.refresh_token {
                    cache.tokens.refresh = refresh;
                }
                source.store.write(&cache.tokens);
            }
            Err(error) => cache.is_refused = !error.is_transient(),
        }
    }

    /// Requests new tokens, with the API key if there is one and without the access token. An immediate retry with the
    /// same refresh token is safe: the server recognizes it.
    async fn request_tokens(&self, refresh: &str) -> Result<RefreshResponse, ClientError> {
        let url = format!("{}{}", self.inner.base_url, auth::REFRESH.info.path);
        let body = RefreshToken { refresh_token: refresh.to_owned() };
        let request = || self.inner.http.post(&url).timeout(REFRESH_TIMEOUT).json(&body);
        let response = match dispatch(request()).await {
            Err(error) if error.is_transient() => {
                tokio::time::sleep(pause(&error, 1)).await;
                dispatch(request()).await?
            }
            other => other?,
        };
        response.json().await.map_err(ClientError::Transport)
    }
}

/// The fields of a refresh that every server returns.
#[derive(Deserialize)]
struct RefreshResponse {
    access_token: String,
    refresh_token: Option<String>,
}

async fn dispatch(request: RequestBuilder) -> Result<Response, ClientError> {
    check_status(request.send().await.map_err(ClientError::Transport)?).await
}

fn is_refreshable(refusal: &Refusal) -> bool {
    refusal.status == 401 && REFRESHABLE.contains(&refusal.code.as_str())
}

/// Returns the seconds until an access token expires, by this machine's clock; 0 if it is not a JWT with `exp`.
fn seconds_left(token: &str) -> i64 {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts[..] else { return 0 };
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok();
    let claims: Option<Claims> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    claims.map_or(0, |claims| claims.exp.saturating_sub(now_seconds()))
}

#[expect(clippy::disallowed_methods, reason = "a token expires by the real clock; nothing here is replayed")]
fn now_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}
