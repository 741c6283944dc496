//! Compression of answers and requests with gzip.
//!
//! Only answers of operations that read are compressed, and never those with a secret. Beside a secret, the length of a
//! compressed answer tells an attacker what they have guessed right. Streams and pages are never compressed. The limits of
//! bodies apply to the inflated size.

use axme_api::{ApiError, ErrorCode, OpInfo};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{Response, header};
use tower::{Layer, ServiceExt};
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::compression::{Compression, CompressionLayer};
use tower_http::decompression::{RequestDecompression, RequestDecompressionLayer};

use super::refusal;

/// Answers below this size are not compressed, in bytes.
const MIN_BYTES: u16 = 1_024;

/// The mark of an answer that may be compressed.
#[derive(Clone)]
pub(super) struct Compressible;

/// Marks the answer of an operation, if it may be compressed.
pub(super) fn mark(info: &OpInfo, response: &mut Response<Body>) {
    if info.effect == axme_api::Effect::Read && !info.secret {
        response.extensions_mut().insert(Compressible);
    }
}

/// The routes behind gzip, in both directions.
pub(super) type Coded = Compression<RequestDecompression<Router>, Marked>;

/// Puts gzip around the routes: for marked answers to clients that accept it, and for requests.
pub(super) fn coded(routes: Router) -> Coded {
    let compression = CompressionLayer::new().gzip(true).compress_when(Marked(SizeAbove::new(MIN_BYTES)));
    compression.layer(RequestDecompressionLayer::new().layer(routes))
}

/// True if a request is encoded, or its answer may be.
pub(super) fn is_named(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(header::ACCEPT_ENCODING) || headers.contains_key(header::CONTENT_ENCODING)
}

#[derive(Clone)]
pub(super) struct Marked(SizeAbove);

impl Predicate for Marked {
    fn should_compress<B: http_body::Body>(&self, response: &Response<B>) -> bool {
        response.extensions().get::<Compressible>().is_some() && self.0.should_compress(response)
    }
}

/// Answers a request through gzip. Refuses a body in an encoding that the server cannot read.
pub(super) async fn answer(coded: Coded, request: HttpRequest) -> Response<Body> {
    let encoding = request.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
    match encoding {
        None | Some("gzip" | "identity") => {
            let Ok(response) = coded.oneshot(request).await;
            response.map(Body::new)
        }
        Some(other) => {
            let message = format!("content-encoding \"{other}\" is not supported; send gzip, or no encoding");
            refusal(&ApiError::new(ErrorCode::BodyUnreadable, message))
        }
    }
}
