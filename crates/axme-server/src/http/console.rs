//! The console of operators: pages in the binary that read and change through the operations of the API, as everybody does
//! (`docs/decisions/0034-console.md`).
//!
//! A browser session is the credential ([`visit`]). Each page is one file, and works without scripts. The script keeps a page
//! live: it loads the page again and replaces the parts that changed.

mod account;
mod act;
mod agents;
mod audit;
mod bulk;
mod change;
mod columns;
mod deliveries;
mod filter;
mod form;
mod frame;
mod graph;
mod intent;
mod intents;
mod overview;
mod people;
mod place;
mod policies;
mod quotas;
mod repeat;
mod same;
mod scenarios;
mod schemas;
mod server;
mod sign_in;
mod table;
mod tree;
mod views;
mod visit;
mod webhooks;

use std::sync::Arc;

use axme_api::{console_pages as api, console_settings as settings};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderValue, Response, header};
use axum::routing::{MethodRouter, get, post};
use serde_json::json;

use super::Gateway;
use super::extract::PathFields;
use super::form::FormFields;
use super::page_state::in_english;
use super::pages::asset;
use axme_core::error::Result;
use axme_core::state::AppState;
use visit::{Answer, Guest};

type State = axum::extract::State<Arc<AppState>>;

/// The pages before a session. Their calls are limited by address.
pub(super) fn entrance() -> Router<Gateway> {
    Router::new()
        .route(api::OPEN.path, get(sign_in::open).post(sign_in::open_confirmed))
        .route(api::SIGN_IN.path, get(sign_in::form).post(sign_in::enter))
}

/// The pages of a session. Their calls are limited by caller.
pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::ROOT.path, get(root))
        .route(api::OVERVIEW.path, get(overview))
        .route(settings::SERVER.path, get(server).post(examine))
        .route(api::SIGN_OUT.path, post(sign_in::leave))
        .route(api::WORKSPACE.path, takes(people::select))
        .route(api::INTENTS.path, shows(intents::page))
        .route(api::BULK.path, takes(bulk::page))
        .route(api::VIEWS.path, takes(views::change))
        .route(api::INTENT.path, get(intent).post(act))
        .route(api::LIVE.path, get(live))
        .route(api::AGENTS.path, shows(agents::page).merge(takes(agents::switch)))
        .route(api::DELIVERIES.path, shows(deliveries::page).merge(takes(deliveries::replay)))
        .route(api::WEBHOOKS.path, shows(webhooks::page))
        .route(settings::CHANGE.path, takes(change::take))
        .route(settings::PEOPLE.path, shows(people::page))
        .route(settings::SCENARIOS.path, shows(scenarios::page).merge(takes(scenarios::take)))
        .route(settings::POLICIES.path, shows(policies::page))
        .route(settings::SCHEMAS.path, shows(schemas::page))
        .route(settings::QUOTAS.path, shows(quotas::page))
        .route(api::AUDIT.path, shows(audit::page))
        .route(api::AUDIT_EXPORT.path, shows(audit::export))
        .route(
            api::STYLE.path,
            get(async || asset("text/css; charset=utf-8", include_str!("../../assets/console.css"))),
        )
        .route(
            api::SCRIPT.path,
            get(async || asset("text/javascript; charset=utf-8", include_str!("../../assets/console.js"))),
        )
}

/// A page of the console.
fn shows<A>(page: fn(Guest) -> A) -> MethodRouter<Gateway>
where
    A: Future<Output = Result<Answer>> + Send + 'static,
{
    get(async move |app: State, request| visit::show(app.0, request, page).await)
}

/// A form of the console.
fn takes<A>(form: fn(Guest, FormFields) -> A) -> MethodRouter<Gateway>
where
    A: Future<Output = Result<Answer>> + Send + 'static,
{
    post(async move |app: State, request| visit::take(app.0, request, form).await)
}

type AllState = axum::extract::State<Gateway>;

async fn overview(gateway: AllState, request: HttpRequest) -> Response<Body> {
    visit::show(gateway.app.clone(), request, |guest| overview::page(guest, gateway.0)).await
}

async fn server(gateway: AllState, request: HttpRequest) -> Response<Body> {
    visit::show(gateway.app.clone(), request, |guest| server::page(guest, gateway.0)).await
}

async fn examine(gateway: AllState, request: HttpRequest) -> Response<Body> {
    visit::take(gateway.app.clone(), request, |guest, filled| server::examine(guest, filled, gateway.0)).await
}

async fn intent(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    let id = path.get("intent_id");
    visit::show(app.0, request, |guest| intent::page(guest, id)).await
}

async fn act(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    let id = path.get("intent_id");
    visit::take(app.0, request, |guest, filled| act::take(guest, filled, id)).await
}

/// Streams the events of an intent to its page. The stream is the one of the API; only its credential is the cookie.
async fn live(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    let mut parts = request.into_parts().0;
    visit::with_cookie(&app, &mut parts);
    super::respond(super::stream::intent(app.0, path.get("intent_id"), parts).await)
}

/// Leads a browser to the console, or to the inbox of a person who only answers tasks. A program is told where the API is
/// described.
async fn root(app: State, request: HttpRequest) -> Response<Body> {
    let headers = request.into_parts().0.headers;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let root = frame::root(&app);
    if accepts.contains("text/html") {
        let to = if visit::is_member(&app, &headers).await { "/inbox" } else { "/app" };
        return super::pages::leads(&in_english(&app), &format!("{root}{to}"));
    }
    let links = json!({
        "ok": true, "service": "axme", "version": env!("CARGO_PKG_VERSION"), "openapi": format!("{root}/openapi.json"),
        "docs": format!("{root}/docs"), "console": format!("{root}/app"), "health": format!("{root}/health"),
    });
    let mut response = super::json(200, links.to_string().into_bytes());
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
