//! The tokens of a person who is signed in, kept fresh (contract `wire.md` §1.3).
//!
//! An access token is good for minutes and a refresh token once. A client refreshes before the access token runs out, and once
//! more when the server does not take it, and has the new tokens stored before it goes on. Another process may do the same
//! with the same tokens: what is stored is read again first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axme_api::auth::{self, RefreshToken};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::exchange::{accepted, pause};
use crate::{Client, ClientError, Refusal};

/// An access token with less time left than this is refreshed before it is presented.
const SHORT_SECONDS: i64 = 60;
const REFRESH_TIMEOUT: Duration = Duration::from_secs(15);
/// What the server says of a token that a fresh one may help.
const REFRESHABLE: [&str; 3] = ["token_expired", "invalid_actor_token", "missing_actor_token"];

#[derive(Clone, PartialEq)]
pub struct Tokens {
    /// A JWT.
    pub access: String,
    /// Good once.
    pub refresh: String,
}

/// Where the tokens of a person are kept. Both functions are quick.
pub trait TokenStore: Send + Sync {
    /// `None` when nobody is signed in any more.
    fn read(&self) -> Option<Tokens>;
    /// Replaces both.
    fn write(&self, tokens: &Tokens);
}

pub(crate) struct Person {
    store: Box<dyn TokenStore>,
    /// Locked while a refresh runs, so that calls at the same time share it.
    known: Mutex<Known>,
}

struct Known {
    tokens: Tokens,
    /// The server has refused the refresh token: nothing is to be had for it any more.
    is_over: bool,
}

impl Person {
    pub(crate) fn new(tokens: Tokens, store: Box<dyn TokenStore>) -> Person {
        Person { store, known: Mutex::new(Known { tokens, is_over: false }) }
    }
}

impl Client {
    /// Sends a request in the name of the person, if there is one.
    pub(crate) async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, ClientError> {
        let Some(person) = &self.inner.person else { return dispatch(request()).await };
        let token = self.token(person).await;
        match dispatch(request().bearer_auth(&token)).await {
            Err(ClientError::Refused(refusal)) if is_refreshable(&refusal) => {
                match self.renewed(person, &token).await {
                    Some(fresh) => dispatch(request().bearer_auth(fresh)).await,
                    None => Err(ClientError::Refused(refusal)),
                }
            }
            other => other,
        }
    }

    /// The token to present. When it cannot be refreshed it is presented as it is: beside a key it may not matter.
    async fn token(&self, person: &Person) -> String {
        let mut known = person.known.lock().await;
        if seconds_left(&known.tokens.access) < SHORT_SECONDS {
            self.refresh(person, &mut known).await;
        }
        known.tokens.access.clone()
    }

    /// Another token than `refused`, if there is one to be had.
    async fn renewed(&self, person: &Person, refused: &str) -> Option<String> {
        let mut known = person.known.lock().await;
        if known.tokens.access == refused {
            self.refresh(person, &mut known).await;
        }
        (known.tokens.access != refused).then(|| known.tokens.access.clone())
    }

    async fn refresh(&self, person: &Person, known: &mut Known) {
        let Some(stored) = person.store.read() else { return };
        if stored != known.tokens {
            // Another process was here first.
            *known = Known { tokens: stored, is_over: false };
            if seconds_left(&known.tokens.access) >= SHORT_SECONDS {
                return;
            }
        }
        if known.is_over {
            return;
        }
        match self.ask_for_tokens(&known.tokens.refresh).await {
            Ok(fresh) => {
                known.tokens.access = fresh.access_token;
                if let Some(refresh) = fresh.refresh_token {
                    known.tokens.refresh = refresh;
                }
                person.store.write(&known.tokens);
            }
            Err(error) => known.is_over = !error.is_transient(),
        }
    }

    /// Presents the key, if there is one, and no token. A server takes a repetition at once for what it is.
    async fn ask_for_tokens(&self, refresh: &str) -> Result<Fresh, ClientError> {
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

/// As much of the answer as every server gives.
#[derive(Deserialize)]
struct Fresh {
    access_token: String,
    refresh_token: Option<String>,
}

async fn dispatch(request: RequestBuilder) -> Result<Response, ClientError> {
    accepted(request.send().await.map_err(ClientError::Transport)?).await
}

fn is_refreshable(refusal: &Refusal) -> bool {
    refusal.status == 401 && REFRESHABLE.contains(&refusal.code.as_str())
}

/// How long an access token is still good by this machine's clock; nothing for what is no JWT with an end.
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
