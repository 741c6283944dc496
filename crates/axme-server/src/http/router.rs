//! Routes: every operation under its method and paths, the streams, health, and the fallbacks.

use std::sync::Arc;
use std::time::Duration;

use axme_api::{
    ApiError, agents as api_agents, health as api_health, intents as api_intents, mcp as api_mcp,
    sessions as api_sessions,
};
use axme_core::call;
use axme_core::state::AppState;
use axme_core::traceparent::HEADER;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, header};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use tower::Layer;
use tower::util::{Either, option_layer};
use tower_http::cors::{Cors, CorsLayer};
use tracing::Instrument;

use super::edge::Edge;
use super::extract::{PathFields, RequestId, Route, meta};
use super::mount::{Mount, method_not_allowed, no_operation};
use super::{
    Gateway, console, inbox, login, mcp, media, metrics, oauth, pages, provider, reference, refusal, respond,
    scheduler, stream, task_page,
};

/// The service that answers every request, for the origins of the settings or without CORS. Cheap to clone.
pub type Front = Either<Cors<Edge>, Edge>;

/// Returns the service that answers every request.
pub fn front(gateway: Gateway) -> Front {
    let app = gateway.app.clone();
    let cors = cors(&app.site.cors_origins);
    option_layer(cors).layer(Edge::new(app, routes(gateway)))
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
