//! Everything that holds for all requests: one service around the routes, with one future.
//!
//! CORS is outermost, if it is configured. Then come ids, measurements and the trace of the call, and the rest of its body.
//! Encodings follow if the client names one, then one slash at the end of the path, then the routes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axme_core::state::AppState;
use axme_core::system::SpanKind;
use axme_core::traceparent::{HEADER, Traceparent};
use axme_core::traces::OpenSpan;
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderName, HeaderValue, Response, Uri};
use tower::{Service, ServiceExt};

use super::drain::finish_body;
use super::encoding::{self, Coded};
use super::extract::{IntentTrace, RequestId, RequestTrace, Route};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The service that answers every request. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    app: Arc<AppState>,
    routes: Router,
    coded: Coded,
}

/// The answer to one request.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Edge {
    pub(super) fn new(app: Arc<AppState>, routes: Router) -> Edge {
        Edge { app, coded: encoding::coded(routes.clone()), routes }
    }

    /// Adds the ids to the answer, measures the call, and logs it. The log line has the path of the route: the path of
    /// the call may contain a token.
    async fn answer(self, mut request: HttpRequest) -> Response<Body> {
        let app = self.app.clone();
        let usable = |value: &&HeaderValue| value.len() <= 128;
        let request_id = request.headers().get(REQUEST_ID).filter(usable).cloned();
        let request_id = request_id.or_else(|| HeaderValue::from_str(&app.system.rng.uuid().to_string()).ok());
        let trace_id = request.headers().get(TRACE_ID).filter(usable).cloned();
        let method = tracing::enabled!(tracing::Level::DEBUG).then(|| request.method().clone());
        let began = app.system.clock.running();
        let of_client =
            request.headers().get(HEADER).and_then(|value| value.to_str().ok()).and_then(Traceparent::parse);
        let mut span = app.begin_span(SpanKind::Server, of_client);
        if let Some(trace) = span.as_ref().map(OpenSpan::own).or(of_client) {
            request.extensions_mut().insert(RequestTrace(trace));
        }
        if let Some(span) = &mut span {
            span.set("http.request.method", request.method().as_str());
        }
        if let Some(id) = request_id.clone() {
            request.extensions_mut().insert(RequestId(id));
        }
        let mut response = finish_body(request, |request| self.in_routes(request)).await;
        let took = app.system.clock.running().saturating_sub(began);
        let route = response.extensions().get::<Route>();
        app.metrics.call(route.map_or("none", Route::as_str), response.status().as_str(), took);
        if let Some(method) = method {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let request_id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
            let route = route.map_or("", Route::path);
            tracing::debug!(%method, route, status = response.status().as_u16(), millis, request_id, "call");
        }
        if let Some(span) = span {
            finish_span(&app, span, &response);
        }
        if let Some(id) = request_id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(id) = trace_id {
            response.headers_mut().insert(TRACE_ID, id);
        }
        response
    }

    async fn in_routes(self, request: HttpRequest) -> Response<Body> {
        let request = without_slash(request);
        if encoding::is_named(&request) {
            return encoding::answer(self.coded, request).await;
        }
        let Ok(response) = self.routes.oneshot(request).await;
        response
    }
}

impl Service<HttpRequest> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Answer {
        let edge = self.clone();
        Box::pin(async move { Ok(edge.answer(request).await) })
    }
}

/// Removes one slash from the end of the path.
fn without_slash(mut request: HttpRequest) -> HttpRequest {
    let uri = request.uri();
    if let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty() && !path.ends_with('/')) {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// Ends the span of a call. If the call was about an intent of another trace, a short span there links to it, and back.
fn finish_span(app: &AppState, mut span: OpenSpan, response: &Response<Body>) {
    let name = response.extensions().get::<Route>().map_or("none", Route::as_str).to_owned();
    let (now, status) = (app.system.clock.now(), response.status());
    span.set("http.route", name.clone());
    span.set("http.response.status_code", status.as_str());
    if status.is_server_error() {
        span.fail(status.to_string());
    }
    let of_intent = response.extensions().get::<IntentTrace>().map(|trace| trace.0);
    if let Some(of_intent) = of_intent.filter(|of_intent| of_intent.trace != span.own().trace) {
        span.link(of_intent);
        if let Some(mut there) = app.begin_span(SpanKind::Internal, Some(of_intent)) {
            there.link(span.own());
            there.finish(name.clone(), now);
        }
    }
    span.finish(name, now);
}
