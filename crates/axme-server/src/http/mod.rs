//! HTTP: the only place that knows methods, headers and status codes.

pub mod client;
mod form;
pub mod frames;
mod login;
mod mcp;
pub(crate) mod media;
pub mod mount;
mod pages;
mod provider;
mod reference;
pub mod router;
mod scheduler;
pub mod stream;

use axme_api::{ApiError, ErrorKind};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::limiter::Left;

pub fn json(status: u16, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub fn refusal(error: &ApiError) -> Response<Body> {
    let mut response = json(error.kind.http_status(), error.body().to_string().into_bytes());
    let headers = response.headers_mut();
    match error.kind {
        ErrorKind::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ErrorKind::Unavailable | ErrorKind::RateLimited => {
            let seconds = error.details.get("retry_after_seconds").and_then(Value::as_u64).unwrap_or(1);
            // Clients sleep as long as they are told. What a quota refuses is for tomorrow, or for somebody to change.
            if !error.details.contains_key("reset_at") {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            if let Some(left) = Left::of_refusal(error) {
                left.show(headers);
            }
        }
        _ => {}
    }
    response
}
