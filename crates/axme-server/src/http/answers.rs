//! The answers that every route can give: JSON, an error, and the headers of the rate limit.

use axme_api::{ApiError, ErrorKind};
use axme_core::error::Result;
use axme_core::policy::rate_limit::RateLeft;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

pub(crate) fn respond(outcome: Result<Response<Body>>) -> Response<Body> {
    outcome.unwrap_or_else(|error| refusal(&error.into_api()))
}

/// Adds the headers that show how much of the rate limit is left.
pub(crate) fn show_rate(left: Option<RateLeft>, headers: &mut HeaderMap) {
    for (name, number) in left.iter().flat_map(RateLeft::headers) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
    }
}

pub fn json(status: u16, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub fn refusal(error: &ApiError) -> Response<Body> {
    let mut response = json(error.kind().http_status(), error.body().to_string().into_bytes());
    let headers = response.headers_mut();
    match error.kind() {
        ErrorKind::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ErrorKind::Unavailable | ErrorKind::RateLimited => {
            let seconds = error.details.get("retry_after_seconds").and_then(Value::as_u64).unwrap_or(1);
            // No Retry-After for quotas: clients would sleep until the quota resets.
            if !error.details.contains_key("reset_at") {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            show_rate(RateLeft::of_refusal(error), headers);
        }
        _ => {}
    }
    response
}
