//! The Rust SDK of AXME: submit an intent once, get its result later.
//!
//! A [`Client`] speaks to one server with one credential. Every operation of the platform is a constant of [`axme_api`] and
//! goes through [`Client::call`]; common ones have a method of their own. The events of an intent and the deliveries to an agent
//! are streams that reconnect by themselves.
//!
//! ```no_run
//! # async fn example() -> Result<(), axme_client::ClientError> {
//! use axme_client::{Client, api::intents::CreateIntent};
//! let client = Client::new("http://127.0.0.1:8100", "axme_sa_…")?;
//! let intent = CreateIntent { intent_type: "intent.ask.v1".into(), to_agent: Some("planner".into()), ..Default::default() };
//! let sent = client.send_intent(&intent).await?;
//! let answer = client.wait_for(&sent.intent_id, std::time::Duration::from_secs(60)).await?;
//! println!("{}: {}", answer.status, answer.result);
//! # Ok(()) }
//! ```

mod calls;
mod error;
mod exchange;
mod request;
mod stream;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

pub use axme_api as api;
pub use calls::fresh_key;
pub use error::{ClientError, Refusal};
pub use stream::{Delivery, Feed};
pub use tokens::{TokenStore, Tokens};

/// A JSON object, key order kept.
pub type Object = axme_api::Object;

/// Whether an intent in this status has ended. A test holds this to the rules in `axme-intent`, which the SDK does not link.
pub fn is_terminal(status: &str) -> bool {
    matches!(status, "COMPLETED" | "FAILED" | "CANCELED" | "TIMED_OUT")
}

/// A call without an answer fails after this long.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Three keep-alive intervals of the server: a stream that is silent for longer is broken.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);

/// One server, one credential. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    /// Without a trailing slash.
    base_url: String,
    call_timeout: Duration,
    tokens: Option<tokens::TokenSource>,
}

impl Client {
    /// A client for the server at `base_url` that presents `api_key`.
    pub fn new(base_url: &str, api_key: &str) -> Result<Client, ClientError> {
        Client::builder(base_url).api_key(api_key).build()
    }

    pub fn builder(base_url: &str) -> Builder {
        Builder { base_url: base_url.to_owned(), headers: Vec::new(), call_timeout: CALL_TIMEOUT, tokens: None }
    }

    pub fn base_url(&self) -> &str {
        &self.inner.base_url
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base_url", &self.inner.base_url).finish_non_exhaustive()
    }
}

/// Builds a [`Client`].
#[must_use]
pub struct Builder {
    base_url: String,
    headers: Vec<(&'static str, String)>,
    call_timeout: Duration,
    tokens: Option<tokens::TokenSource>,
}

impl Builder {
    /// Sets the key of a service account, which selects the workspace.
    pub fn api_key(self, key: &str) -> Builder {
        self.header("x-api-key", key.to_owned())
    }

    /// Sets the token of a person, beside or instead of the key.
    pub fn bearer(self, token: &str) -> Builder {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the tokens of a person. They are refreshed in time; new ones go to `store`.
    pub fn signed_in(mut self, tokens: Tokens, store: impl TokenStore + 'static) -> Builder {
        self.tokens = Some(tokens::TokenSource::new(tokens, Box::new(store)));
        self
    }

    /// Sets the agent in whose name calls are made.
    pub fn owner_agent(self, address: &str) -> Builder {
        self.header("x-owner-agent", address.to_owned())
    }

    /// Sets the name of the calling program, as `name/version`; the default is this SDK.
    pub fn program(self, name: &str) -> Builder {
        self.header("x-axme-client", name.to_owned())
    }

    /// Sets the time after which a call fails; 15 s by default. Streams have no such limit.
    pub fn call_timeout(mut self, timeout: Duration) -> Builder {
        self.call_timeout = timeout;
        self
    }

    pub fn build(self) -> Result<Client, ClientError> {
        let base_url = self.base_url.trim().trim_end_matches('/').to_owned();
        let url =
            Url::parse(&base_url).map_err(|e| ClientError::Input(format!("\"{base_url}\" is no base URL: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(ClientError::Input(format!("\"{base_url}\" is no base URL: want http(s)://host[:port]")));
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-axme-client", HeaderValue::from_static(concat!("axme-rust/", env!("CARGO_PKG_VERSION"))));
        for (name, text) in self.headers {
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                ClientError::Input(format!("the value for {name} has characters that no header may have"))
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let mut http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if url.scheme() == "http" {
            // No certificate is needed, and a small machine may have none to load.
            http = http.tls_certs_only([]);
        }
        if is_loopback(&url) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(ClientError::Transport)?;
        let inner = Inner { http, base_url, call_timeout: self.call_timeout, tokens: self.tokens };
        Ok(Client { inner: Arc::new(inner) })
    }

    fn header(mut self, name: &'static str, value: String) -> Builder {
        self.headers.push((name, value));
        self
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axme_intent::Status;

    #[test]
    fn terminal_statuses_are_those_of_the_rules() {
        for status in Status::ALL {
            assert_eq!(super::is_terminal(status.as_str()), status.is_terminal(), "{}", status.as_str());
        }
    }
}
