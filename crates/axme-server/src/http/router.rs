//! Routes: every operation under its method and paths, streams, health, and what answers everything else.

use std::sync::Arc;
use std::time::Duration;

use axme_api::{
    ApiError, ErrorKind, health as api_health, intents as api_intents, mcp as api_mcp, sessions as api_sessions,
};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request as HttpRequest};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response};
use axum::middleware::{self, Next};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde_json::json;

use super::mount::{Mount, not_allowed, nothing_at};
use super::{client, mcp, refusal, stream};
use crate::app::App;
use crate::engine::{self, Desk};
use crate::error::Result;
use crate::ops;
use crate::store::person_accounts;

pub fn router(app: Arc<App>) -> Router {
    let mut mount = Mount::new(app.clone());
    crate::table::mount(&mut mount);
    let health = {
        let app = app.clone();
        move || {
            let app = app.clone();
            async move { health(&app).await }
        }
    };
    let ready = {
        let app = app.clone();
        move || {
            let app = app.clone();
            async move { ready(&app).await }
        }
    };
    let events = {
        let app = app.clone();
        move |params: PathFields, request: HttpRequest| {
            let (app, id, parts) = (app.clone(), field(&params, "intent_id"), request.into_parts().0);
            async move { respond(stream::intent(app, id, parts).await) }
        }
    };
    let feed = {
        let app = app.clone();
        move |params: PathFields, request: HttpRequest| {
            let (app, id, parts) = (app.clone(), field(&params, "session_id"), request.into_parts().0);
            async move { respond(stream::session(app, id, parts).await) }
        }
    };
    let tools = {
        let (app, calls) = (app.clone(), Arc::new(mount.calls()));
        move |request: HttpRequest| {
            let (app, calls) = (app.clone(), calls.clone());
            async move { respond(mcp::answer(&app, &calls, request).await) }
        }
    };
    let limit = {
        let app = app.clone();
        move |request: HttpRequest, next: Next| client::limit(app.clone(), request, next)
    };
    let public = super::media::mount(&app, super::pages::mount(&app, Router::new()));
    let public = super::provider::mount(&app, super::login::mount(&app, public));
    let keyed = super::scheduler::mount(&app, mount.finish());
    super::reference::mount(&app, keyed)
        .merge(public.route_layer(middleware::from_fn(limit)))
        .route(api_sessions::STREAM.path, get(feed))
        .route(api_mcp::ENDPOINT.path, post(tools))
        .route(api_intents::STREAM.path, get(events))
        .route(api_health::HEALTH.path, get(health.clone()))
        .route(api_health::HEALTH_V1.path, get(health))
        .route(api_health::READY.path, get(ready))
        .route(
            api_health::OPENAPI.path,
            get(async || super::json(200, axme_api::openapi::document().to_string().into_bytes())),
        )
        .fallback(async |request: HttpRequest| nothing_at(&request))
        .method_not_allowed_fallback(async |request: HttpRequest| not_allowed(&request))
        .layer(middleware::from_fn(move |request: HttpRequest, next: Next| trace(app.clone(), request, next)))
}

/// The fields of a path, decoded. What is no text then is refused in the form of every error.
pub struct PathFields(RawPathParams);

impl<S: Send + Sync> FromRequestParts<S> for PathFields {
    type Rejection = Response<Body>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathFields, Response<Body>> {
        let fields = RawPathParams::from_request_parts(parts, state).await;
        fields.map(PathFields).map_err(|_| {
            refusal(&ApiError::new(ErrorKind::Malformed, "invalid_path", "the path is not UTF-8 once it is decoded"))
        })
    }
}

pub fn field(params: &PathFields, name: &str) -> String {
    params.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

pub fn respond(outcome: Result<Response<Body>>) -> Response<Body> {
    outcome.unwrap_or_else(|error| refusal(&error.into_api()))
}

/// Reads a body within the limits of size and time. One that is too long is read on for a while and thrown away, so that
/// the client gets to hear why instead of a broken connection.
pub async fn read_body(app: &App, mut body: Body) -> Result<Bytes> {
    const DRAINED: usize = 8;
    let most = app.limits.body_bytes;
    let unreadable = || ApiError::new(ErrorKind::Malformed, "body_unreadable", "the body did not arrive whole");
    let read = async {
        let mut parts: Vec<Bytes> = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(part) = frame.map_err(|_| unreadable())?.into_data() else { continue };
            length += part.len();
            if length > most.saturating_mul(DRAINED) {
                break;
            }
            if length <= most {
                parts.push(part);
            }
        }
        if length > most {
            let message = format!("the body is longer than {most} bytes");
            return Err(ApiError::new(ErrorKind::TooLarge, "body_too_large", message));
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { parts.concat().into() })
    };
    let seconds = app.limits.body_seconds;
    match tokio::time::timeout(Duration::from_secs(seconds), read).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => {
            let message = format!("the body did not arrive within {seconds} s");
            Err(ApiError::new(ErrorKind::RequestTimeout, "request_timeout", message).into())
        }
    }
}

/// The fields of a query, percent-decoded.
pub fn query(text: Option<&str>) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

/// Notes that the receiver has seen an intent: queued behind the answer, and nothing when the intent has moved on.
pub async fn acknowledge(app: &Arc<App>, headers: &axum::http::HeaderMap, id: &str) {
    let now = app.system.clock.now();
    let Ok(caller) = app.keys.identify(&app.store, headers, now).await else { return };
    let (Ok(id), Some(own)) = (ops::intents::parse_id(id), caller.address.clone()) else { return };
    let app = app.clone();
    tokio::spawn(async move {
        let (rng, limits) = (app.system.rng.clone(), app.limits.clone());
        let workspace = caller.workspace;
        let job = move |tx: &mut crate::store::Tx<'_>| {
            let mut desk = Desk { tx, workspace, now, rng: &rng, limits: &limits };
            match engine::lock(&mut desk, id)? {
                Some(head) if head.to == own && head.intent.status() == axme_intent::Status::Delivered => {
                    engine::advance_locked(&mut desk, head, axme_intent::Command::Acknowledge, own.as_str()).map(|_| ())
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = app.store.write(id.shard(), job).await {
            tracing::debug!(%id, %error, "an acknowledgement was not recorded");
        }
    });
}

async fn health(app: &App) -> Response<Body> {
    match app.store.read(|tx| Ok(person_accounts::count(tx)?)).await {
        Ok(users) => {
            let health = api_health::Health {
                ok: true,
                service: "axme".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                deployment_profile: "self-hosted".to_owned(),
                storage: app.store.engine.to_owned(),
                registered_users: u64::try_from(users).unwrap_or(0),
            };
            super::json(200, json!(health).to_string().into_bytes())
        }
        Err(error) => refusal(&error.into_api()),
    }
}

async fn ready(app: &App) -> Response<Body> {
    if *app.stopping.borrow() {
        return refusal(&ApiError::unavailable("the server is stopping"));
    }
    match app.store.read(|tx| Ok(person_accounts::count(tx)?)).await {
        Ok(_) => super::json(200, json!({ "ok": true }).to_string().into_bytes()),
        Err(error) => refusal(&error.into_api()),
    }
}

/// Gives every answer its ids, and every call its line in the log.
async fn trace(app: Arc<App>, request: HttpRequest, next: Next) -> Response<Body> {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
    let usable = |value: &&HeaderValue| value.len() <= 128;
    let request_id = request.headers().get(REQUEST_ID).filter(usable).cloned();
    let request_id = request_id.or_else(|| HeaderValue::from_str(&app.system.rng.uuid().to_string()).ok());
    let trace_id = request.headers().get(TRACE_ID).filter(usable).cloned();
    let line =
        tracing::enabled!(tracing::Level::DEBUG).then(|| (request.method().clone(), request.uri().path().to_owned()));
    let began = app.system.clock.now();
    let mut response = next.run(request).await;
    if let Some((method, path)) = line {
        let millis = app.system.clock.now().since(began).as_millis();
        tracing::debug!(%method, path, status = response.status().as_u16(), millis, ?request_id, "call");
    }
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(id) = trace_id {
        response.headers_mut().insert(TRACE_ID, id);
    }
    response
}
