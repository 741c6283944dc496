//! The rest of a request's body after an early answer, such as 401 to a call whose body is still on its way.
//!
//! On HTTP/1 a connection cannot be used again before the body has been read. A client with a pool of connections would
//! find out only at its next call. So the rest is read and discarded, within a bound; beyond it, the answer says that
//! the connection closes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderValue, Response, Version, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

/// Maximum number of bytes that are read and discarded.
const MAX_BYTES: usize = 1024 * 1024;
/// The time for them to arrive.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers a request, and takes care of the rest of its body.
pub(super) async fn finish_body<A>(request: HttpRequest, answer: impl FnOnce(HttpRequest) -> A) -> Response<Body>
where
    A: Future<Output = Response<Body>>,
{
    let version = request.version();
    if request.body().is_end_stream() || version > Version::HTTP_11 {
        return answer(request).await;
    }
    let waits = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let (back, rest) = oneshot::channel();
    let lent = LentBody { body: Some(body), is_polled: false, back: Some(back) };
    let mut response = answer(HttpRequest::from_parts(parts, Body::new(lent))).await;
    // Without a rest, the handler has read all of it or still reads.
    let mut rest = rest;
    let is_clean = match rest.try_recv() {
        // The client waits for permission to send the body, and gets the answer instead.
        Ok(Rest { is_polled: false, .. }) if waits => false,
        Ok(Rest { body, .. }) => is_drained(body).await,
        Err(_) => true,
    };
    if !is_clean {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn is_drained(mut body: Body) -> bool {
    let read = async {
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            length += frame.data_ref().map_or(0, Bytes::len);
            if length > MAX_BYTES {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or(false)
}

/// The part of a body that a handler has not read.
struct Rest {
    body: Body,
    is_polled: bool,
}

/// A body that a handler reads. When the handler drops it, the rest goes back.
struct LentBody {
    /// `None` after its end.
    body: Option<Body>,
    is_polled: bool,
    back: Option<oneshot::Sender<Rest>>,
}

impl HttpBody for LentBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_polled = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for LentBody {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // The answer may already be on its way.
            let _ = back.send(Rest { body, is_polled: self.is_polled });
        }
    }
}
