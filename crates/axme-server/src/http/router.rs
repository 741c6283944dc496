//! Routes: every operation under its method and paths, the streams, health, and the fallbacks.

use std::sync::Arc;
use std::time::Duration;

use axme_api::{
    ApiError, agents as api_agents, health as api_health, intents as api_intents, mcp as api_mcp,
    sessions as api_sessions,
};
use axme_core::call;
use axme_core::state::AppState;
use axme_core::system::SpanKind;
use axme_core::traceparent::{HEADER, Traceparent};
use axme_core::traces::OpenSpan;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, Uri, header};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use tower_http::cors::CorsLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tracing::Instrument;

use super::drain::finish_body;
use super::extract::{IntentTrace, PathFields, RequestId, RequestTrace, Route, meta};
use super::mount::{Mount, method_not_allowed, no_operation};
use super::{
    Gateway, console, encoding, inbox, login, mcp, media, metrics, oauth, pages, provider, reference, refusal, respond,
    scheduler, stream, task_page,
};

/// Returns the service that answers every request.
pub fn router(gateway: Gateway) -> Router {
    // Outside of the routes, because they are chosen by the path.
    let cors = cors(&gateway.app.site.cors_origins);
    let routes = tower::util::MapRequest::new(routes(gateway), without_slash);
    let router = Router::new()
        .fallback_service(routes)
        .layer(RequestDecompressionLayer::new())
        .layer(middleware::from_fn(encoding::refuse_unknown))
        .layer(middleware::from_fn(finish_body))
        .layer(encoding::compression());
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// Lets pages of these origins call the API. They send a key or a token themselves; cookies are not used.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    const HEADERS: [HeaderName; 10] = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        HeaderName::from_static("x-api-key"),
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("x-owner-agent"),
        HeaderName::from_static("x-request-id"),
        HeaderName::from_static("x-trace-id"),
        HeaderName::from_static(HEADER),
        HeaderName::from_static("x-axme-client"),
        HeaderName::from_static("last-event-id"),
    ];
    const SHOWN: [HeaderName; 6] = [
        HeaderName::from_static("x-request-id"),
        HeaderName::from_static("x-trace-id"),
        header::RETRY_AFTER,
        HeaderName::from_static("x-ratelimit-limit"),
        HeaderName::from_static("x-ratelimit-remaining"),
        HeaderName::from_static("x-ratelimit-reset"),
    ];
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new().allow_methods(methods).allow_headers(HEADERS).expose_headers(SHOWN);
    (!origins.is_empty()).then(|| layer.allow_origin(origins).max_age(PREFLIGHT))
}

/// How long a browser remembers what it may call.
const PREFLIGHT: Duration = Duration::from_secs(3_600);

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

fn routes(gateway: Gateway) -> Router {
    let mut mount = Mount::default();
    for binding in axme_core::ops::bindings() {
        mount.operation(binding);
    }
    mount.tail(&api_agents::STREAM, stream::agent);
    let by_address = media::routes()
        .merge(task_page::routes())
        .merge(inbox::routes())
        .merge(console::entrance())
        .merge(login::routes())
        .merge(provider::routes())
        .merge(oauth::routes());
    let by_address = by_address.route_layer(middleware::from_fn_with_state(gateway.clone(), limit_address));
    let routes = scheduler::routes()
        .merge(reference::routes())
        .merge(pages::routes())
        .merge(console::routes())
        .merge(by_address)
        .route(api_sessions::STREAM.path, get(session_feed))
        .route(api_intents::STREAM.path, get(intent_events))
        .merge(metrics::routes())
        .route(api_mcp::ENDPOINT.path, post(mcp::answer).options(mcp::preflight))
        .route(api_health::HEALTH.path, get(health))
        .route(api_health::HEALTH_V1.path, get(health))
        .route(api_health::READY.path, get(ready))
        .route(api_health::OPENAPI.path, get(openapi))
        .route_layer(middleware::from_fn(span_of_route));
    mount
        .finish()
        .merge(routes)
        .fallback(async |request: HttpRequest| no_operation(&request))
        .method_not_allowed_fallback(async |request: HttpRequest| method_not_allowed(&request))
        .layer(middleware::from_fn_with_state(gateway.clone(), trace))
        .with_state(gateway)
}

/// Adds a span, named by the path, to a route that is not an operation.
async fn span_of_route(path: MatchedPath, request: HttpRequest, next: Next) -> Response<Body> {
    let span = RequestId::span(request.extensions(), path.as_str());
    let mut response = next.run(request).instrument(span).await;
    response.extensions_mut().insert(Route::Path(path));
    response
}

async fn session_feed(State(app): State<Arc<AppState>>, path: PathFields, request: HttpRequest) -> Response<Body> {
    respond(stream::session(app, path.get("session_id"), request.into_parts().0).await)
}

async fn intent_events(State(app): State<Arc<AppState>>, path: PathFields, request: HttpRequest) -> Response<Body> {
    respond(stream::intent(app, path.get("intent_id"), request.into_parts().0).await)
}

async fn openapi() -> Response<Body> {
    super::json(200, axme_api::openapi::document().to_string().into_bytes())
}

async fn health(State(app): State<Arc<AppState>>) -> Response<Body> {
    match app.store.read(axme_store::person_accounts::count).await {
        Ok(users) => {
            let health = api_health::Health {
                ok: true,
                service: "axme".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                deployment_profile: "self-hosted".to_owned(),
                storage: app.store.engine,
                registered_users: u64::try_from(users).unwrap_or(0),
            };
            super::json(200, serde_json::json!(health).to_string().into_bytes())
        }
        Err(error) => refusal(&axme_core::error::Error::from(error).into_api()),
    }
}

async fn ready(State(app): State<Arc<AppState>>) -> Response<Body> {
    if *app.stopping.borrow() {
        return refusal(&ApiError::unavailable("the server is stopping"));
    }
    if app.store.closed().is_some() {
        return refusal(&ApiError::unavailable("the data folder is gone: the server is stopping"));
    }
    match app.store.read(axme_store::person_accounts::count).await {
        Ok(_) => super::json(200, serde_json::json!({ "ok": true }).to_string().into_bytes()),
        Err(error) => refusal(&axme_core::error::Error::from(error).into_api()),
    }
}

/// Limits how often one address calls the routes that need no credential.
async fn limit_address(State(app): State<Arc<AppState>>, request: HttpRequest, next: Next) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match call::admit_address(&app, parts.method.as_str(), meta(&app, &parts).source_ip) {
        Ok(left) => {
            let mut response = next.run(HttpRequest::from_parts(parts, body)).await;
            super::show_rate(left, response.headers_mut());
            response
        }
        Err(error) => refusal(&error.into_api()),
    }
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

/// Adds the ids to every answer, and logs every call. The log line has the path of the route: the path of the call may
/// contain a token.
async fn trace(State(app): State<Arc<AppState>>, mut request: HttpRequest, next: Next) -> Response<Body> {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
    let usable = |value: &&HeaderValue| value.len() <= 128;
    let request_id = request.headers().get(REQUEST_ID).filter(usable).cloned();
    let request_id = request_id.or_else(|| HeaderValue::from_str(&app.system.rng.uuid().to_string()).ok());
    let trace_id = request.headers().get(TRACE_ID).filter(usable).cloned();
    let line = if tracing::enabled!(tracing::Level::DEBUG) {
        let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        Some((request.method().clone(), route))
    } else {
        None
    };
    let began = app.system.clock.running();
    let of_client = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).and_then(Traceparent::parse);
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
    let mut response = next.run(request).await;
    let took = app.system.clock.running().saturating_sub(began);
    let measured = response.extensions().get::<Route>();
    app.metrics.call(measured.map_or("none", Route::as_str), response.status().as_str(), took);
    if let Some(span) = span {
        finish_span(&app, span, &response);
    }
    if let Some((method, route)) = line {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let request_id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
        let route = route.unwrap_or_default();
        tracing::debug!(%method, route, status = response.status().as_u16(), millis, request_id, "call");
    }
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(id) = trace_id {
        response.headers_mut().insert(TRACE_ID, id);
    }
    response
}
