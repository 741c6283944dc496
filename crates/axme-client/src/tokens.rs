//! The tokens of a signed-in person, refreshed in time (contract `wire.md` §1.3).
//!
//! An access token is valid for minutes and a refresh token once. A client refreshes before the access token expires, and once
//! more when the server refuses it, and stores the new tokens before it goes on. Another process may refresh the same tokens, so
//! the store is read again first.

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
/// Error codes after which a call with a new token may succeed.
const REFRESHABLE: [&str; 3] = ["token_expired", "invalid_actor_token", "missing_actor_token"];

#[derive(Clone, PartialEq)]
pub struct Tokens {
    /// A JWT.
    pub access: String,
    /// Valid once.
    pub refresh: String,
}

/// Keeps the tokens of a person. Both functions must be quick.
pub trait TokenStore: Send + Sync {
    /// `None` when nobody is signed in.
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
    /// The server has refused the refresh token.
    is_refused: bool,
}

impl TokenSource {
    pub(crate) fn new(tokens: Tokens, store: Box<dyn TokenStore>) -> TokenSource {
        TokenSource { store, cache: Mutex::new(TokenCache { tokens, is_refused: false }) }
    }
}

impl Client {
    /// Sends a request with the token of the person who is signed in, if any.
    pub(crate) async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, ClientError> {
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

    /// The token to send. One that cannot be refreshed is sent as it is: beside an API key it may not matter.
    async fn token(&self, source: &TokenSource) -> String {
        let mut cache = source.cache.lock().await;
        if seconds_left(&cache.tokens.access) < REFRESH_BEFORE_SECONDS {
            self.refresh(source, &mut cache).await;
        }
        cache.tokens.access.clone()
    }

    /// A token other than `refused`, if a refresh gives one.
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

    /// Sends the API key, if there is one, and no token. The server recognizes an immediate repetition.
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

/// The fields that every server returns.
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

/// How long an access token is still valid by this machine's clock; 0 for one that is no JWT with `exp`.
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

#[expect(clippy::disallowed_methods, reason = "a token ends by the clock on the wall; nothing here is replayed")]
fn now_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}
