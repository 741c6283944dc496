//! Turns an HTTP request into the input of the core: credentials and other headers, path fields, query and body.
//!
//! The source address is the address of the connection. If that is a trusted proxy of the settings, the source is the
//! last address in `X-Forwarded-For` that is not a trusted proxy. A client can forge the addresses before it.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use axme_api::{ApiError, ErrorCode, OpInfo};
use axme_core::error::Result;
use axme_core::ops::links::{self, LinkEnd, LinkState};
use axme_core::policy::body_budget::BodyPermit;
use axme_core::policy::rate_limit::client_of;
use axme_core::request::{Credentials, Edge, KeyHeader, RequestMeta};
use axme_core::state::AppState;
use axme_core::traceparent::Traceparent;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Response};
use http_body_util::BodyExt;
use ipnet::IpNet;

use super::refusal;

/// The id of a request: sent by the client, or made by the server. The answer and the log lines carry it.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

impl RequestId {
    /// Returns the span of a call, which covers everything from authentication to the answer.
    pub fn span(parts: &Extensions, op: &str) -> tracing::Span {
        let id = parts.get::<RequestId>().and_then(|id| id.0.to_str().ok()).unwrap_or_default();
        tracing::info_span!("call", op, request_id = id)
    }
}

/// The route of an answer: its operation, or the template of its path. The metrics count calls by it.
#[derive(Clone)]
pub(crate) enum Route {
    Operation(&'static OpInfo),
    Path(MatchedPath),
}

impl Route {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Route::Operation(info) => info.id,
            Route::Path(path) => path.as_str(),
        }
    }

    /// Returns the template of the path.
    pub(crate) fn path(&self) -> &str {
        match self {
            Route::Operation(info) => info.path,
            Route::Path(path) => path.as_str(),
        }
    }
}

/// The span of a request, or the one that its client has sent.
#[derive(Clone, Copy)]
pub(crate) struct RequestTrace(pub Traceparent);

/// The trace of the intent that a call was about.
#[derive(Clone, Copy)]
pub(crate) struct IntentTrace(pub Traceparent);

/// The fields of a path.
pub type Fields = Vec<(&'static str, String)>;

/// The fields of a path, decoded. The extractor rejects a path that is not UTF-8 with the usual error body.
pub struct PathFields(RawPathParams);

impl<S: Send + Sync> FromRequestParts<S> for PathFields {
    type Rejection = Response<Body>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathFields, Response<Body>> {
        let fields = RawPathParams::from_request_parts(parts, state).await;
        fields
            .map(PathFields)
            .map_err(|_| refusal(&ApiError::new(ErrorCode::InvalidPath, "the decoded path is not UTF-8")))
    }
}

impl PathFields {
    /// Returns the value of a field; empty if the path does not have it.
    pub fn get(&self, name: &str) -> String {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}

/// The credential of a browser session, which a page of this server adds to a request. No client can send it.
#[derive(Clone)]
pub(crate) struct CookieCredential(pub Credentials);

/// Reads the headers and the source address of a request.
pub(crate) fn meta(app: &AppState, parts: &Parts) -> RequestMeta {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let idempotency_key = match parts.headers.get("idempotency-key").map(|value| value.to_str()) {
        None => KeyHeader::Absent,
        Some(Ok(text)) => KeyHeader::Text(text.to_owned()),
        Some(Err(_)) => KeyHeader::Unreadable,
    };
    RequestMeta {
        edge: Edge::Direct,
        credentials: match parts.extensions.get::<CookieCredential>() {
            Some(CookieCredential(credentials)) => credentials.clone(),
            None => Credentials::read(text("x-api-key"), text("authorization")),
        },
        owner: text("x-owner-agent").map(str::to_owned),
        idempotency_key,
        client: text("x-axme-client").unwrap_or_default().to_owned(),
        consumer: names_of_consumer(&parts.headers),
        trace: parts.extensions.get::<RequestTrace>().map(|trace| trace.0),
        only_headers: parts.method == Method::HEAD,
        source_ip: source_ip(&app.site.trusted_proxies, &parts.extensions, &parts.headers),
    }
}

/// Returns the values of the header that names a consumer; `None` for one that is not UTF-8.
fn names_of_consumer(headers: &HeaderMap) -> Vec<Option<String>> {
    let values = headers.get_all(axme_core::consumers::HEADER).iter();
    values.map(|value| std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned)).collect()
}

fn source_ip(trusted: &[IpNet], extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut client = peer.ip();
    if !is_trusted(&client) {
        return Some(client);
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = forwarded.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(&client) {
        // An entry that is not an address ends the chain; then the source is the last trusted proxy.
        match hops.next().and_then(address_of_hop) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    Some(client)
}

/// Reads an entry of `X-Forwarded-For`. Some proxies add the client's port, and IPv6 addresses may be in brackets.
fn address_of_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let with_port = hop.parse::<SocketAddr>().map(|address| address.ip());
    with_port.or_else(|_| hop.trim_matches(['[', ']']).parse()).ok()
}

/// A body in memory. It holds its part of the memory for bodies until it is dropped.
pub(crate) struct HeldBody {
    pub bytes: Bytes,
    _permit: Option<BodyPermit>,
}

impl HeldBody {
    /// Returns a body of JSON without a byte order mark.
    pub(crate) fn json(self) -> Result<HeldBody> {
        Ok(HeldBody { bytes: without_mark(self.bytes)?, ..self })
    }
}

impl Deref for HeldBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads the body of a client that has shown a credential.
pub(crate) async fn read_body(app: &AppState, client: &str, body: Body) -> Result<HeldBody> {
    let most = app.limits.body_bytes;
    in_time(app, async { BodyReader::begin(app, client, body, most).await?.finish(most).await }).await
}

/// Reads the body of a call that needs no credential.
pub(crate) async fn read_public_body(app: &AppState, source: Option<IpAddr>, body: Body) -> Result<HeldBody> {
    let most = app.limits.public_body_bytes;
    in_time(app, async { BodyReader::begin(app, &client_of(source), body, most).await?.finish(most).await }).await
}

/// Reads the body of an answer to a task. To be longer than other public bodies, it must show the token of a link in its
/// first part.
pub(crate) async fn read_answer(app: &AppState, source: Option<IpAddr>, body: Body) -> Result<HeldBody> {
    let (first, most, client) = (app.limits.public_body_bytes, app.limits.body_bytes, client_of(source));
    let read = async {
        let mut reader = BodyReader::begin(app, &client, body, first).await?;
        if !reader.is_longer_than(first).await? || !shows_link(app, &reader.parts.concat()).await? {
            return reader.finish(first).await;
        }
        reader.reserve(app, &client, most).await?;
        reader.finish(most).await
    };
    in_time(app, read).await
}

/// Returns true if a text contains the token of a link whose task is open, or was answered by it.
async fn shows_link(app: &AppState, text: &[u8]) -> Result<bool> {
    let text = String::from_utf8_lossy(text);
    let Some(at) = text.find(links::TOKEN_PREFIX) else { return Ok(false) };
    let token: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let state = app.store.read(move |tx| links::look(tx, &token)).await?;
    Ok(matches!(state, LinkState::Open(_) | LinkState::Ended(LinkEnd::Used { .. })))
}

async fn in_time(app: &AppState, read: impl Future<Output = Result<HeldBody>>) -> Result<HeldBody> {
    let seconds = app.limits.body_seconds;
    match tokio::time::timeout(Duration::from_secs(seconds), read).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let message = format!("the body did not arrive within {seconds} s");
            Err(ApiError::new(ErrorCode::RequestTimeout, message).into())
        }
    }
}

/// Removes the byte order mark that some editors and clients write. Refuses UTF-16 by name.
fn without_mark(body: Bytes) -> Result<Bytes, ApiError> {
    match &body[..] {
        [0xEF, 0xBB, 0xBF, ..] => Ok(body.slice(3..)),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => {
            Err(ApiError::new(ErrorCode::InvalidJson, "the body is UTF-16; send it as UTF-8"))
        }
        _ => Ok(body),
    }
}

/// A body that is being read.
struct BodyReader {
    body: Body,
    parts: Vec<Bytes>,
    length: usize,
    permit: Option<BodyPermit>,
}

/// How long a body waits for memory.
const RESERVE_PATIENCE: Duration = Duration::from_secs(10);

impl BodyReader {
    /// Waits for the memory of a body of at most `most` bytes.
    async fn begin(app: &AppState, client: &str, body: Body, most: usize) -> Result<BodyReader> {
        let mut reader = BodyReader { body, parts: Vec::new(), length: 0, permit: None };
        reader.reserve(app, client, most).await?;
        Ok(reader)
    }

    /// Reserves memory for the rest of the body: the announced length, or the longest that is read.
    async fn reserve(&mut self, app: &AppState, client: &str, most: usize) -> Result<()> {
        let announced = self.body.size_hint().upper().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let bytes = announced.unwrap_or(most).min(most);
        // Without the first part, a body that waits for more keeps nothing that others wait for.
        self.permit = None;
        let permit = tokio::time::timeout(RESERVE_PATIENCE, app.bodies.reserve(client, bytes)).await;
        self.permit = permit.ok().flatten();
        match self.permit {
            Some(_) => Ok(()),
            None => Err(ApiError::unavailable("too many long requests are on their way: try again").into()),
        }
    }

    /// Reads on until the body ends, or is longer than `most`.
    async fn is_longer_than(&mut self, most: usize) -> Result<bool> {
        let unreadable = |_| ApiError::new(ErrorCode::BodyUnreadable, "the body did not arrive completely");
        while self.length <= most {
            let Some(frame) = self.body.frame().await else { return Ok(false) };
            let Ok(part) = frame.map_err(unreadable)?.into_data() else { continue };
            self.length += part.len();
            self.parts.push(part);
        }
        Ok(true)
    }

    /// Reads to the end. A body that is too long is read and discarded for a while, so that the client receives the error
    /// and not a broken connection.
    async fn finish(mut self, most: usize) -> Result<HeldBody> {
        const DRAINED: usize = 8 * 1024 * 1024;
        if !self.is_longer_than(most).await? {
            let mut parts = self.parts;
            let bytes = if parts.len() == 1 { parts.swap_remove(0) } else { parts.concat().into() };
            return Ok(HeldBody { bytes, _permit: self.permit });
        }
        self.parts.clear();
        while self.length <= DRAINED {
            let Some(Ok(frame)) = self.body.frame().await else { break };
            self.length += frame.into_data().map_or(0, |part| part.len());
        }
        Err(ApiError::new(ErrorCode::BodyTooLarge, format!("the body is longer than {most} bytes")).into())
    }
}

/// Returns the fields of a query or a form, percent-decoded.
pub fn query(text: Option<&str>) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

/// Returns the value of a field of a query or a form; empty if it is missing.
pub fn field(fields: &[(String, String)], name: &str) -> String {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&'static str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        source_ip(&trusted, &extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_say_for_whom_they_call() {
        for (peer, forwarded, expected) in [
            ("198.51.100.7", vec![], "198.51.100.7"),
            ("198.51.100.7", vec!["203.0.113.9"], "198.51.100.7"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", vec!["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["192.0.2.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", vec!["192.0.2.1", "203.0.113.9", "fd00::2"], "203.0.113.9"),
            ("10.0.0.1", vec!["192.0.2.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", vec!["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", vec!["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", vec!["203.0.113.9:61234"], "203.0.113.9"),
            ("10.0.0.1", vec!["[2001:db8::1]:443, 10.0.0.2:80"], "2001:db8::1"),
            ("10.0.0.1", vec!["203.0.113.9:none"], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, &forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
