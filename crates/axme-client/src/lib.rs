//! The Rust SDK of AXME: submit an intent once, get its result later.
//!
//! A [`Client`] calls one server with one set of credentials. [`Client::call`] takes any operation of
//! [`api`]; common operations have their own methods. [`Client::observe`] and [`Client::listen`] return
//! streams that reconnect by themselves.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axme_client::{Client, ClientError, api::intents::CreateIntent};
//!
//! async fn ask() -> Result<(), ClientError> {
//!     let client = Client::new("http://127.0.0.1:8100", "axme_sa_…")?;
//!     let intent = CreateIntent {
//!         intent_type: "intent.ask.v1".into(),
//!         to_agent: Some("planner".into()),
//!         ..Default::default()
//!     };
//!     let sent = client.send_intent(&intent).await?;
//!     let answer = client.wait_for(&sent.intent_id, Duration::from_secs(60)).await?;
//!     println!("{}: {}", answer.status, answer.result);
//!     Ok(())
//! }
//! ```

#![deny(missing_docs)]

mod calls;
mod error;
mod exchange;
mod mcp;
mod request;
mod stream;
mod tokens;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axme_api::ConsumerName;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// The table of operations, with the types of their inputs and answers.
pub use axme_api as api;
pub use axme_api::{Id, Json, JsonFields, OutcomeKind, Status, Timestamp, WaitingReason};
pub use calls::fresh_key;
pub use error::{ClientError, Refusal};
pub use mcp::McpAnswers;
pub use stream::{Delivery, Feed, ServerState};
pub use tokens::{TokenStore, Tokens};

/// A JSON object whose keys keep their order.
pub type Object = axme_api::Object;

/// The default time limit of one attempt of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Three keep-alive intervals of the server. A stream that is silent for longer is broken.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);

/// A client for one server, with one set of credentials. Clones are cheap and share connections and tokens.
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
    /// The consumer name: given, or drawn when the client begins to listen.
    consumer: OnceLock<HeaderValue>,
}

impl Client {
    /// Returns a client for the server at `base_url` (`http(s)://host[:port]`) that sends `api_key` with every call. It
    /// opens no connection. For other settings use [`Client::builder`].
    ///
    /// # Errors
    ///
    /// Those of [`Builder::build`].
    pub fn new(base_url: &str, api_key: &str) -> Result<Client, ClientError> {
        Client::builder(base_url).api_key(api_key).build()
    }

    /// Returns a builder for a client of the server at `base_url` (`http(s)://host[:port]`).
    pub fn builder(base_url: &str) -> Builder {
        Builder {
            base_url: base_url.to_owned(),
            headers: Vec::new(),
            call_timeout: CALL_TIMEOUT,
            tokens: None,
            consumer: None,
        }
    }

    /// Returns the base URL of the server, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.inner.base_url
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base_url", &self.inner.base_url).finish_non_exhaustive()
    }
}

/// Builds a [`Client`]. Every credential is optional (`spec/protocol.md` §1.3).
#[must_use]
pub struct Builder {
    base_url: String,
    headers: Vec<(&'static str, String)>,
    call_timeout: Duration,
    tokens: Option<tokens::TokenSource>,
    consumer: Option<String>,
}

impl Builder {
    /// Sets the service-account key (`x-api-key`). The key selects the workspace.
    pub fn api_key(self, key: &str) -> Builder {
        self.header("x-api-key", key.to_owned())
    }

    /// Sets a fixed access token of a person (`Authorization: Bearer`), with or without a key. It is never refreshed.
    pub fn bearer(self, token: &str) -> Builder {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the tokens of a person who has signed in. The client refreshes them before they expire, and
    /// writes new ones to `store`.
    pub fn signed_in(mut self, tokens: Tokens, store: impl TokenStore + 'static) -> Builder {
        self.tokens = Some(tokens::TokenSource::new(tokens, Box::new(store)));
        self
    }

    /// Sets the agent address that calls act for (`x-owner-agent`, `spec/protocol.md` §1.8).
    pub fn owner_agent(self, address: &str) -> Builder {
        self.header("x-owner-agent", address.to_owned())
    }

    /// Sets the name of the calling program as `name/version` (`x-axme-client`). The default is `axme-rust/` and the
    /// SDK version.
    pub fn program(self, name: &str) -> Builder {
        self.header("x-axme-client", name.to_owned())
    }

    /// Sets the name of this worker among the workers of its agent (`X-Axme-Consumer`): 1 to 128 characters, none of them a
    /// control character. No other worker is offered what the name holds. A worker that restarts under its name gets its
    /// intents back at once. Without a name, the first [`Client::listen`] draws a random one; what it holds is offered to
    /// others two minutes after the worker has ended.
    pub fn consumer(mut self, name: &str) -> Builder {
        self.consumer = Some(name.to_owned());
        self
    }

    /// Sets the time limit of each attempt of a call; the default is 15 s. Streams have no such limit.
    pub fn call_timeout(mut self, timeout: Duration) -> Builder {
        self.call_timeout = timeout;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`ClientError::Input`] if the base URL is not `http(s)://host[:port]` or a value is not allowed in an HTTP
    /// header. [`ClientError::Transport`] if the HTTP client cannot be set up, for example without root certificates.
    pub fn build(self) -> Result<Client, ClientError> {
        let base_url = self.base_url.trim().trim_end_matches('/').to_owned();
        let url = parse_base_url(&base_url)?;
        let mut headers = HeaderMap::new();
        headers.insert("x-axme-client", HeaderValue::from_static(concat!("axme-rust/", env!("CARGO_PKG_VERSION"))));
        for (name, text) in self.headers {
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                ClientError::Input(format!("the value for {name} has characters that HTTP headers do not allow"))
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
        let consumer = OnceLock::new();
        if let Some(name) = &self.consumer {
            // An error would mean that it is set already.
            let _ = consumer.set(consumer_header(name)?);
        }
        let inner = Inner { http, base_url, call_timeout: self.call_timeout, tokens: self.tokens, consumer };
        Ok(Client { inner: Arc::new(inner) })
    }

    fn header(mut self, name: &'static str, value: String) -> Builder {
        self.headers.push((name, value));
        self
    }
}

fn consumer_header(name: &str) -> Result<HeaderValue, ClientError> {
    let header = ConsumerName::parse(name).and_then(|name| HeaderValue::from_bytes(name.as_str().as_bytes()).ok());
    header.ok_or_else(|| {
        ClientError::Input("the name of a consumer has 1 to 128 characters without control characters".to_owned())
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Checks the URL of a server.
///
/// # Errors
///
/// [`ClientError::Input`] if it is not `http(s)://host[:port]`.
pub fn check_base_url(base_url: &str) -> Result<(), ClientError> {
    parse_base_url(base_url).map(|_| ())
}

fn parse_base_url(base_url: &str) -> Result<Url, ClientError> {
    let wrong =
        |why: &str| ClientError::Input(format!("invalid base URL \"{base_url}\"{why}: use http(s)://host[:port]"));
    let url = Url::parse(base_url).map_err(|error| wrong(&format!(" ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(""));
    }
    Ok(url)
}
