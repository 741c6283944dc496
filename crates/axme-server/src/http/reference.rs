//! The API reference for people: an index, a page for each family of operations, and the error codes.
//!
//! The pages are rendered from the table of operations and the committed OpenAPI document, each on its first request. They
//! work without scripts and load nothing from other hosts. The index has a script of its own, which filters it.

mod call;
mod fields;
mod kind;
mod operation;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use askama::Template;
use axme_api::families::{FAMILIES, Family};
use axme_api::{ApiError, ErrorCode, Route, health, me, openapi};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use axum::routing::get;

use super::Gateway;
use super::letterhead::Letterhead;
use super::page_state::in_english;
use super::pages::{Page, asset, page, sent};
use axme_core::error::Result;
use axme_core::state::AppState;
use operation::{ErrorRow, Operation};
use text::{Line, laid_out};

/// The names of the pages that are not families. No path has an empty part, so that the index has one address.
const INDEX: &str = "";
const ERRORS: &str = "errors";

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(health::REFERENCE.path, get(show_index))
        .route(health::REFERENCE_PAGE.path, get(show_page))
        .route(health::REFERENCE_FILTER.path, get(filter))
}

async fn show_index(State(app): State<Arc<AppState>>) -> Response<Body> {
    sent(&in_english(&app), kept(&app, INDEX))
}

async fn show_page(State(app): State<Arc<AppState>>, Path(name): Path<String>) -> Response<Body> {
    sent(&in_english(&app), kept(&app, &name))
}

async fn filter() -> Response<Body> {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/filter.js"))
}

/// Returns a page. It is rendered on its first request and kept.
fn kept(app: &AppState, name: &str) -> Result<Page> {
    static RENDERED: LazyLock<BTreeMap<&str, OnceLock<String>>> = LazyLock::new(|| {
        let names = FAMILIES.iter().map(|family| family.name).chain([INDEX, ERRORS]);
        names.map(|name| (name, OnceLock::new())).collect()
    });
    let Some(place) = RENDERED.get(name) else {
        return page(404, &NotFoundPage { head: Letterhead::at(&app.site.base_url, "../app/") });
    };
    if let Some(html) = place.get() {
        return Ok(Page(200, html.clone()));
    }
    let Page(_, html) = rendered(&app.site.base_url, name)?;
    Ok(Page(200, place.get_or_init(|| html).clone()))
}

fn rendered(base_url: &str, name: &str) -> Result<Page> {
    match FAMILIES.iter().find(|family| family.name == name) {
        Some(family) => page(200, &FamilyPage::read(base_url, family)),
        None if name == ERRORS => page(200, &ErrorsPage::read(base_url)),
        None => page(200, &Index::read(base_url)),
    }
}

#[derive(Template)]
#[template(path = "reference/index.html")]
struct Index {
    head: Letterhead,
    version: &'static str,
    purpose: &'static str,
    families: Vec<Entry>,
    call: String,
}

/// A family in the index.
struct Entry {
    name: &'static str,
    title: &'static str,
    about: Line,
    lines: Vec<Row>,
}

/// An operation or a route in the index.
struct Row {
    anchor: String,
    method: &'static str,
    path: String,
    about: Line,
}

#[derive(Template)]
#[template(path = "reference/family.html")]
struct FamilyPage {
    head: Letterhead,
    title: &'static str,
    about: Line,
    /// The other pages of the same family: names and titles.
    related: Vec<(&'static str, &'static str)>,
    operations: Vec<Operation>,
}

#[derive(Template)]
#[template(path = "reference/errors.html")]
struct ErrorsPage {
    head: Letterhead,
    /// An error answer.
    example: String,
    errors: Vec<ErrorRow>,
}

#[derive(Template)]
#[template(path = "reference/missing.html")]
struct NotFoundPage {
    head: Letterhead,
}

/// The beginnings of paths that no program with a key calls.
const BESIDE_THE_API: [&str; 6] = ["/app", "/auth/exchange", "/docs", "/inbox", "/oauth", "/.well-known/oauth"];

impl Index {
    fn read(base_url: &str) -> Index {
        let families = FAMILIES.iter().map(|family| {
            let operations = family.operations().into_iter().map(|info| Row {
                anchor: info.id.to_owned(),
                method: info.method.as_str(),
                path: shown_path(info.path),
                about: Line::new(info.about),
            });
            // Pages and endpoints that only browsers and assistants call are on the page of their family.
            let is_listed = |route: &&Route| {
                route.path != "/" && !BESIDE_THE_API.iter().any(|prefix| route.path.starts_with(prefix))
            };
            let routes = family.routes.iter().filter(is_listed).map(|route| Row {
                anchor: route.id.to_owned(),
                method: route.method.as_str(),
                path: shown_path(route.path),
                about: Line::new(route.about),
            });
            let lines = operations.chain(routes).collect();
            Entry { name: family.name, title: family.title, about: Line::new(family.about), lines }
        });
        let call = format!("curl -H \"x-api-key: $AXME_API_KEY\" \"{base_url}{}\"", me::GET.info.path);
        Index {
            head: Letterhead::at(base_url, "app/"),
            version: env!("CARGO_PKG_VERSION"),
            purpose: openapi::PURPOSE,
            families: families.collect(),
            call,
        }
    }
}

impl FamilyPage {
    fn read(base_url: &str, family: &Family) -> FamilyPage {
        let first = |name: &'static str| name.split('-').next();
        let is_related = |other: &&Family| other.name != family.name && first(other.name) == first(family.name);
        let operations = family.operations().into_iter().map(|info| Operation::read(base_url, info));
        let routes = family.routes.iter().map(|route| Operation::of_route(base_url, route));
        FamilyPage {
            head: Letterhead::at(base_url, "../app/"),
            title: family.title,
            about: Line::new(family.about),
            related: FAMILIES.iter().filter(is_related).map(|other| (other.name, other.title)).collect(),
            operations: operations.chain(routes).collect(),
        }
    }
}

impl ErrorsPage {
    fn read(base_url: &str) -> ErrorsPage {
        let error = ApiError::new(ErrorCode::IntentAlreadyTerminal, "the intent is already COMPLETED");
        let example = laid_out(&error.with("status", "COMPLETED").body());
        ErrorsPage { head: Letterhead::at(base_url, "../app/"), example, errors: ErrorRow::every() }
    }
}

/// Returns a path as clients read it: the mark of a field that takes the rest of the path is left out.
fn shown_path(path: &str) -> String {
    path.replace("{*", "{")
}
