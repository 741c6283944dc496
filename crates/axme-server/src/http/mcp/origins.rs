//! The web origins that may call `/mcp`: the server's own, and those of the setting `mcp.origins`. Another page in a
//! person's browser must not reach the server with that person's network position.

use axme_api::ApiError;
use axme_core::state::AppState;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// The headers that a page may send.
const REQUEST_HEADERS: &str =
    "authorization, content-type, accept, x-api-key, mcp-protocol-version, mcp-method, mcp-name, last-event-id";
/// How long a browser may remember the answer to its question, in seconds.
const PREFLIGHT_SECONDS: &str = "600";

/// Returns the origin of a request, if it has one. Refuses other origins than the allowed ones.
pub(super) fn check(app: &AppState, headers: &HeaderMap) -> Result<Option<HeaderValue>, ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
    let text = origin.to_str().unwrap_or_default();
    let own = origin_of(&app.site.base_url);
    let is_own = own.is_some_and(|own| own.eq_ignore_ascii_case(text));
    if is_own || app.site.mcp.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text)) {
        return Ok(Some(origin.clone()));
    }
    let message = "this web origin may not call the server: the operator can allow it with the setting mcp.origins";
    Err(ApiError::forbidden(message))
}

/// Returns the scheme, host and port of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let host_at = url.find("://")? + 3;
    let end = url[host_at..].find('/').map_or(url.len(), |at| host_at + at);
    Some(&url[..end])
}

/// Lets a page of the origin read the answer.
pub(super) fn allow(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("www-authenticate, x-request-id"));
}

/// Answers a question of a browser.
pub(super) fn preflight(origin: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let texts: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    for (name, text) in texts {
        headers.insert(name, HeaderValue::from_static(text));
    }
    allow(Some(origin), headers);
    response
}
