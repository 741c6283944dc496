//! The Rust SDK of AXME: submit an intent once, get its result later.
//!
//! A [`Client`] speaks to one server with one credential. Every operation of the platform is a constant of [`axme_api`] and
//! goes through [`Client::call`]; the everyday ones have a method of their own, and the two endless readings, the events of
//! an intent and the deliveries to an agent, are streams that reconnect by themselves.
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

mod error;
mod exchange;
mod person;
mod request;
mod stream;
mod verbs;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

pub use axme_api as api;
pub use error::{ClientError, Refusal};
pub use person::{TokenStore, Tokens};
pub use stream::{Delivery, Feed};
pub use verbs::fresh_key;

/// A JSON object, key order kept.
pub type Object = axme_api::Object;

/// Statuses after which nothing happens to an intent any more.
pub const TERMINAL: [&str; 4] = ["COMPLETED", "FAILED", "CANCELED", "TIMED_OUT"];

pub fn is_terminal(status: &str) -> bool {
    TERMINAL.contains(&status)
}

/// How long an ordinary call may take before it counts as lost.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Three keep-alive comments of the server: a stream that is silent for longer is dead.
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
    person: Option<person::Person>,
}

impl Client {
    /// A client for the server at `base_url` that presents `api_key`.
    pub fn new(base_url: &str, api_key: &str) -> Result<Client, ClientError> {
        Client::builder(base_url).api_key(api_key).build()
    }

    pub fn builder(base_url: &str) -> Builder {
        Builder { base_url: base_url.to_owned(), headers: Vec::new(), call_timeout: CALL_TIMEOUT, person: None }
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

/// Puts a [`Client`] together.
#[must_use]
pub struct Builder {
    base_url: String,
    headers: Vec<(&'static str, String)>,
    call_timeout: Duration,
    person: Option<person::Person>,
}

impl Builder {
    /// Says which service account, and so which workspace, is calling.
    pub fn api_key(self, key: &str) -> Builder {
        self.header("x-api-key", key.to_owned())
    }

    /// Says which person is calling, beside or instead of the key.
    pub fn bearer(self, token: &str) -> Builder {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Says which person is calling, with a token that is refreshed in time; new ones go to `store`.
    pub fn signed_in(mut self, tokens: Tokens, store: impl TokenStore + 'static) -> Builder {
        self.person = Some(person::Person::new(tokens, Box::new(store)));
        self
    }

    /// The agent in whose name calls are made.
    pub fn owner_agent(self, address: &str) -> Builder {
        self.header("x-owner-agent", address.to_owned())
    }

    /// The program that makes the calls, as `name/version`; this SDK unless said otherwise.
    pub fn program(self, name: &str) -> Builder {
        self.header("x-axme-client", name.to_owned())
    }

    /// Ordinary calls fail after this long; 15 s unless said otherwise. Streams are not concerned.
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
            // Nothing here will ever need a certificate, and a small machine may have none to load.
            http = http.tls_certs_only([]);
        }
        if is_loopback(&url) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(ClientError::Transport)?;
        let inner = Inner { http, base_url, call_timeout: self.call_timeout, person: self.person };
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
