//! Turns an HTTP request into the input of the core: credentials and other headers, path fields, query and body.
//!
//! The source address is the address of the connection. If that is a trusted proxy of the settings, the source is the
//! last address in `X-Forwarded-For` that is not a trusted proxy. A client can forge the addresses before it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axme_api::{ApiError, ErrorCode};
use axme_core::error::Result;
use axme_core::request::{Credentials, KeyHeader, RequestMeta};
use axme_core::state::AppState;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
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

/// Reads the headers and the source address of a request.
pub(crate) fn meta(app: &AppState, parts: &Parts) -> RequestMeta {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let idempotency_key = match parts.headers.get("idempotency-key").map(|value| value.to_str()) {
        None => KeyHeader::Absent,
        Some(Ok(text)) => KeyHeader::Text(text.to_owned()),
        Some(Err(_)) => KeyHeader::Unreadable,
    };
    RequestMeta {
        credentials: Credentials::read(text("x-api-key"), text("authorization")),
        owner: text("x-owner-agent").map(str::to_owned),
        idempotency_key,
        client: text("x-axme-client").unwrap_or_default().to_owned(),
        only_headers: parts.method == Method::HEAD,
        source_ip: source_ip(&app.site.trusted_proxies, &parts.extensions, &parts.headers),
    }
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

/// Reads a body within the limits of size and time. A body that is too long is read and discarded for a while, so that
/// the client receives the error and not a broken connection.
pub(crate) async fn read_body(app: &AppState, mut body: Body) -> Result<Bytes> {
    const DRAINED: usize = 8;
    let most = app.limits.body_bytes;
    let unreadable = || ApiError::new(ErrorCode::BodyUnreadable, "the body did not arrive completely");
    let read = async {
        let mut parts: Vec<Bytes> = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(part) = frame.map_err(|_| unreadable())?.into_data() else { continue };
            length += part.len();
            if length > most.saturating_mul(DRAINED) {
                break;
            }
            if length <= most {
                parts.push(part);
            }
        }
        if length > most {
            let message = format!("the body is longer than {most} bytes");
            return Err(ApiError::new(ErrorCode::BodyTooLarge, message));
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { parts.concat().into() })
    };
    let seconds = app.limits.body_seconds;
    match tokio::time::timeout(Duration::from_secs(seconds), read).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => {
            let message = format!("the body did not arrive within {seconds} s");
            Err(ApiError::new(ErrorCode::RequestTimeout, message).into())
        }
    }
}

/// Reads a body of JSON. See [`read_body`].
pub(crate) async fn read_json(app: &AppState, body: Body) -> Result<Bytes> {
    Ok(without_mark(read_body(app, body).await?)?)
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
