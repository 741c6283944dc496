//! A request as an edge passes it to the pipeline. It is free of HTTP types. Its [`Credentials`] are read here and
//! checked in `auth`.

use std::fmt;
use std::net::IpAddr;

use axme_api::ApiError;
use bytes::Bytes;

use crate::auth::refusals::{invalid_key, missing_key};
use crate::auth::tokens::is_token;
use crate::error::Result;
use crate::traceparent::Traceparent;

/// The longest key. Longer ones are refused without a look-up, as are longer tokens.
const MAX_KEY_BYTES: usize = 512;
const MAX_TOKEN_BYTES: usize = 4_096;

/// The kind of edge that a request came through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Edge {
    /// REST, the dialect of the AXME SDKs, pages and mail.
    #[default]
    Direct,
    /// The Model Context Protocol, where a model may choose the call.
    Model,
}

/// The metadata of a request. An edge fills it from headers and the connection.
#[derive(Debug, Clone, Default)]
pub struct RequestMeta {
    pub edge: Edge,
    pub credentials: Credentials,
    /// `x-owner-agent`: the address for which the caller acts.
    pub owner: Option<String>,
    pub idempotency_key: KeyHeader,
    /// `x-axme-client`: the calling program, such as `axme-cli/0.1.0`; empty without the header.
    pub client: String,
    /// All values of `x-axme-consumer`; `None` for one that is not UTF-8.
    pub consumer: Vec<Option<String>>,
    pub source_ip: Option<IpAddr>,
    /// The span that the call belongs to.
    pub trace: Option<Traceparent>,
    /// The caller asks for the headers of the answer only (`HEAD`). Such a call acknowledges nothing.
    pub only_headers: bool,
}

/// The `Idempotency-Key` header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeyHeader {
    #[default]
    Absent,
    Text(String),
    /// Bytes other than plain ASCII text.
    Unreadable,
}

/// A request to one operation, after routing.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub meta: RequestMeta,
    pub path_fields: Vec<(&'static str, String)>,
    pub query: Vec<(String, String)>,
    pub body: Bytes,
}

/// The key and the token of a request, not checked yet.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    key: Option<String>,
    /// The token of a person.
    token: Option<String>,
    /// The cookie of a browser session.
    cookie: Option<String>,
    is_too_long: bool,
}

impl Credentials {
    /// Reads the values of `x-api-key` and `Authorization`. A key may also be sent as a bearer.
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
        Credentials { key, token, cookie: None, is_too_long }
    }

    /// The credential of a browser session. Only pages read cookies, and a request to the API never has this credential. So
    /// a foreign site cannot call the API in the name of a person.
    pub fn of_cookie(cookie: &str) -> Credentials {
        let is_too_long = cookie.len() > MAX_KEY_BYTES;
        let cookie = Some(cookie.to_owned()).filter(|text| !text.is_empty());
        Credentials { cookie, is_too_long, ..Credentials::default() }
    }

    /// Returns the cookie of a browser session.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref().filter(|_| !self.is_too_long)
    }

    /// Returns true if the request has no credential, valid or not.
    pub fn is_none(&self) -> bool {
        self.key.is_none() && self.token.is_none() && self.cookie.is_none()
    }

    /// Returns the key and the token. Refuses them if one is too long.
    pub(crate) fn presented(&self) -> Result<(Option<&str>, Option<&str>)> {
        if self.is_too_long {
            return Err(invalid_key().into());
        }
        Ok((self.key.as_deref(), self.token.as_deref()))
    }

    /// Returns the key, or without one the token or the cookie.
    pub(crate) fn secret(&self) -> Result<&str, ApiError> {
        [&self.key, &self.token, &self.cookie].into_iter().flatten().next().map(String::as_str).ok_or_else(missing_key)
    }

    /// Returns the token without the key, for operations that concern only the person.
    pub(crate) fn token_alone(&self) -> Option<Credentials> {
        let token = self.token.clone()?;
        Some(Credentials { key: None, token: Some(token), cookie: None, is_too_long: self.is_too_long })
    }
}

/// Shows which credentials are present, never their values.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("key", &self.key.is_some())
            .field("token", &self.token.is_some())
            .field("cookie", &self.cookie.is_some())
            .finish_non_exhaustive()
    }
}
