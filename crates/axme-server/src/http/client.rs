//! From which address a request comes, and how often that address may call what needs no credential.
//!
//! The address is that of the connection. Where that is a proxy which the settings name, it is the last one in
//! `X-Forwarded-For` that is no such proxy: what stands before it could have been written by anybody.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Response};
use axum::middleware::Next;
use ipnet::IpNet;

use super::refusal;
use crate::app::App;
use crate::error::Result;
use crate::limiter::Left;

/// Limits how often one address calls what needs no credential, as the server is set to.
pub async fn limit(app: Arc<App>, request: HttpRequest, next: Next) -> Response<Body> {
    let per_minute = app.limits.requests_per_minute();
    let (parts, body) = request.into_parts();
    match check(&app, &parts, parts.method.as_str(), per_minute) {
        Ok(left) => {
            let mut response = next.run(HttpRequest::from_parts(parts, body)).await;
            if let Some(left) = left {
                left.show(response.headers_mut());
            }
            response
        }
        Err(error) => refusal(&error.into_api()),
    }
}

/// Takes one call of an operation from what the client's address may do in a minute, or refuses it.
pub fn check(app: &App, parts: &Parts, operation: &str, per_minute: u64) -> Result<Option<Left>> {
    if per_minute == 0 {
        return Ok(None);
    }
    let address = address(&app.site.trusted_proxies, &parts.extensions, &parts.headers);
    // Whoever has an IPv6 address has the 2^64 beside it as well.
    let key = match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        Some(address) => address.to_string(),
        None => "unknown".to_owned(),
    };
    app.limiter.check(&key, operation, per_minute, app.system.clock.now())
}

fn address(trusted: &[IpNet], extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut client = peer.ip();
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = forwarded.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(&client) {
        // What is no address ends the chain: the proxy before it is then who calls.
        match hops.next().and_then(|hop| hop.trim().trim_matches(['[', ']']).parse().ok()) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    Some(client)
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
        address(&trusted, &extensions, &headers).unwrap().to_string()
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
        ] {
            assert_eq!(client(peer, &forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
