//! What an edge hands to the pipeline.

use std::fmt;
use std::net::IpAddr;

use axme_api::ApiError;
use bytes::Bytes;

use crate::auth::refusals::{invalid_key, missing_key};
use crate::auth::tokens::is_token;
use crate::error::Result;

/// Longer keys and longer tokens are refused unread.
const MAX_KEY_BYTES: usize = 512;
const MAX_TOKEN_BYTES: usize = 4_096;

/// What a request says besides its input. An edge fills it from headers and the connection.
#[derive(Debug, Clone, Default)]
pub struct RequestMeta {
    pub credentials: Credentials,
    /// `x-owner-agent`: in whose name the caller acts.
    pub owner: Option<String>,
    pub idempotency_key: KeyHeader,
    /// `x-axme-client`: the calling program, such as `axme-cli/0.1.0`; empty when it does not say.
    pub client: String,
    pub source_ip: Option<IpAddr>,
}

/// The `Idempotency-Key` header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeyHeader {
    #[default]
    Absent,
    Text(String),
    /// Bytes that are no plain ASCII text.
    Unreadable,
}

/// A request to one operation, free of routing.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub meta: RequestMeta,
    pub path_fields: Vec<(&'static str, String)>,
    pub query: Vec<(String, String)>,
    pub body: Bytes,
}

/// The key and the token of a request, neither of them checked yet.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    key: Option<String>,
    /// Of a person.
    token: Option<String>,
    is_too_long: bool,
}

impl Credentials {
    /// Reads the values of `x-api-key` and `Authorization`. A key may also come as bearer.
    pub fn read(api_key: Option<&str>, authorization: Option<&str>) -> Credentials {
        let text = |value: Option<&str>| value.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let key = text(api_key);
        let bearer = authorization.map(str::trim).and_then(|header| header.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let bearer = text(bearer.map(|(_, token)| token));
        let (key, token) = match (key, bearer) {
            (key, Some(token)) if is_token(&token) => (key, Some(token)),
            (None, bearer) => (bearer, None),
            (key, _) => (key, None),
        };
        let is_long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
        let is_too_long = is_long(&key, MAX_KEY_BYTES) || is_long(&token, MAX_TOKEN_BYTES);
        Credentials { key, token, is_too_long }
    }

    /// Whether there is any credential, good or not.
    pub fn is_none(&self) -> bool {
        self.key.is_none() && self.token.is_none()
    }

    /// The key and the token.
    pub(crate) fn presented(&self) -> Result<(Option<&str>, Option<&str>)> {
        if self.is_too_long {
            return Err(invalid_key().into());
        }
        Ok((self.key.as_deref(), self.token.as_deref()))
    }

    /// The credential that is presented; the key, when there are two.
    pub(crate) fn secret(&self) -> Result<&str, ApiError> {
        self.key.as_deref().or(self.token.as_deref()).ok_or_else(missing_key)
    }

    /// The same without the key, for what concerns the person alone.
    pub(crate) fn token_alone(&self) -> Option<Credentials> {
        let token = self.token.clone()?;
        Some(Credentials { key: None, token: Some(token), is_too_long: self.is_too_long })
    }
}

/// Shows which credentials there are, never what they are.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("key", &self.key.is_some())
            .field("token", &self.token.is_some())
            .finish_non_exhaustive()
    }
}
