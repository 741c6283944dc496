//! HTTP/2: the requests that share a connection.
//!
//! Each open request takes a place like a connection of its own until its answer is sent. So the limits of connections bound
//! what the requests of both protocols hold. A client that does not read an answer loses the connection, and so does one
//! that has asked nothing for a while.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ConnectionPermit;

/// How often a connection is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The part of an answer that is handed over at a time. The next one waits until the client accepts more.
const PART_BYTES: usize = 16 * 1024;

/// The open requests of a connection.
pub(super) struct OpenRequests {
    state: Mutex<State>,
    is_multiplexed: Notify,
}

struct State {
    next: u64,
    /// The time since which the client has not accepted more of an answer; `None` while the server has nothing to send.
    unread_since: HashMap<u64, Option<Instant>>,
    /// The time since which there is no request.
    idle_since: Instant,
}

/// Why a connection ends.
pub(super) enum Neglect {
    /// No request is open.
    Idle,
    /// An answer is not read.
    Unread,
}

impl OpenRequests {
    pub(super) fn new() -> Arc<OpenRequests> {
        let state = State { next: 0, unread_since: HashMap::new(), idle_since: Instant::now() };
        Arc::new(OpenRequests { state: Mutex::new(state), is_multiplexed: Notify::new() })
    }

    /// Notes that the connection speaks HTTP/2. Until then it is not watched.
    pub(super) fn multiplexed(&self) {
        self.is_multiplexed.notify_one();
    }

    pub(super) fn begin(self: &Arc<OpenRequests>, place: ConnectionPermit) -> OpenRequest {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let id = state.next;
        state.next += 1;
        state.unread_since.insert(id, None);
        OpenRequest { requests: self.clone(), id, _place: place }
    }

    /// Waits until the client neglects the connection.
    pub(super) async fn neglected(&self, idle: Duration, unread: Duration) -> Neglect {
        self.is_multiplexed.notified().await;
        loop {
            tokio::time::sleep(LOOK).await;
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.unread_since.is_empty() && state.idle_since.elapsed() >= idle {
                return Neglect::Idle;
            }
            if state.unread_since.values().flatten().any(|since| since.elapsed() >= unread) {
                return Neglect::Unread;
            }
        }
    }
}

/// An open request. Dropping it frees its place.
pub(super) struct OpenRequest {
    requests: Arc<OpenRequests>,
    id: u64,
    _place: ConnectionPermit,
}

impl OpenRequest {
    /// Returns an answer that keeps the request open until it is sent.
    pub(super) fn answer(self, response: Response<Body>) -> Response<Body> {
        self.waits_for_client(true);
        response.map(|body| Body::new(OpenAnswer { body, rest: Bytes::new(), request: self }))
    }

    fn waits_for_client(&self, waits: bool) {
        let mut state = self.requests.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unread_since.insert(self.id, waits.then(Instant::now));
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.requests.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unread_since.remove(&self.id);
        state.idle_since = Instant::now();
    }
}

/// The body of an answer, in parts.
struct OpenAnswer {
    body: Body,
    /// The rest of a part that was too long.
    rest: Bytes,
    request: OpenRequest,
}

impl HttpBody for OpenAnswer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut data = std::mem::take(&mut self.rest);
        if data.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => {
                    self.request.waits_for_client(false);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(part) => data = part,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return end,
            }
        }
        self.request.waits_for_client(true);
        let part = data.split_to(data.len().min(PART_BYTES));
        self.rest = data;
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
