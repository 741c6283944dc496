//! How pages for people are made and sent: their security headers, their files, and pages of plain sentences.
//!
//! Pages load nothing from other hosts and run no script inside the page. Only configured origins may frame them.

use std::fmt::Display;

use askama::Template;
use axme_api::{ApiError, ErrorCode, ErrorKind, tasks as api};
use axme_words::{Language, Text, of_family};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::routing::get;
use reqwest::Url;

use super::Gateway;
use super::letterhead::{Letterhead, base_path};
use super::page_state::PageState;
use axme_core::error::Result;

/// The files that pages load.
pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::STYLE.path, get(style))
        .route(api::ICON.path, get(icon))
        .route(api::SCRIPT.path, get(script))
        .route(api::MANIFEST.path, get(manifest))
        .route(api::APP_ICON.path, get(app_icon))
        .route(api::WORKER.path, get(worker))
        .route(api::OFFLINE.path, get(offline))
}

async fn style() -> Response<Body> {
    asset("text/css; charset=utf-8", include_str!("../../assets/style.css"))
}

async fn script() -> Response<Body> {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/page.js"))
}

async fn icon() -> Response<Body> {
    asset("image/svg+xml", include_str!("../../assets/favicon.svg"))
}

/// The paths are relative to that of the manifest.
async fn manifest() -> Response<Body> {
    asset("application/manifest+json", include_str!("../../assets/manifest.webmanifest"))
}

async fn app_icon() -> Response<Body> {
    asset("image/png", include_bytes!("../../assets/icon-512.png").as_slice())
}

/// The worker of the pages. It may serve every path of the server, because the inbox is not below its own folder.
async fn worker(app: PageState) -> Response<Body> {
    let mut response = asset("text/javascript; charset=utf-8", include_str!("../../assets/worker.js"));
    let scope = HeaderValue::from_str(&format!("{}/", base_path(&app.site.base_url))).ok();
    let headers = response.headers_mut();
    headers.extend(scope.map(|scope| (HeaderName::from_static("service-worker-allowed"), scope)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The page that a browser keeps. It is shown at other paths than its own, so it names its files from the root.
async fn offline(app: PageState) -> Response<Body> {
    let files = format!("{}/app/", base_path(&app.site.base_url));
    let head = Letterhead { language: app.language, ..Letterhead::at(&app.site.base_url, files) };
    let title = app.say("unreached-title").into();
    sent(&app, page(200, &Message { head, title, sentences: vec![app.say("unreached-nothing-sent").into()] }))
}

/// Returns a file that the pages load. Browsers keep it for an hour.
pub(super) fn asset(kind: &'static str, content: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(content.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A page with sentences and nothing to fill in.
#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    head: Letterhead,
    title: String,
    sentences: Vec<String>,
}

/// The HTTP status of a page, and its HTML.
pub(super) struct Page(pub(super) u16, pub(super) String);

pub(super) fn page(status: u16, template: &impl Template) -> Result<Page> {
    let fault = |error: askama::Error| axme_core::error::StoreError::Fault(error.to_string());
    Ok(Page(status, template.render().map_err(fault)?))
}

/// Returns a page of sentences, which are texts of the catalogue.
pub(super) fn message(app: &PageState, status: u16, title: Text, sentences: &[&dyn Display]) -> Result<Page> {
    let sentences = sentences.iter().map(ToString::to_string).collect();
    page(status, &Message { head: Letterhead::of(app), title: title.into(), sentences })
}

/// Sends a page with the security headers that every page has.
pub(super) fn sent(app: &PageState, outcome: Result<Page>) -> Response<Body> {
    let page = outcome.or_else(|error| refused(app, error.into_api())).unwrap_or_else(|_| Page(500, String::new()));
    let frames = match app.site.embed_origins.as_slice() {
        [] => "'none'".to_owned(),
        origins => origins.join(" "),
    };
    let mut response = guarded(page, &format!("frame-ancestors {frames}"));
    if app.site.embed_origins.is_empty() {
        response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

/// Sends a page of the console. Its script may call this server, and no other page may frame it.
pub(super) fn sent_to_operator(page: Page) -> Response<Body> {
    let mut response = guarded(page, "connect-src 'self'; frame-ancestors 'none'");
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// Returns a page with its headers. `more` are further directives of its content policy.
fn guarded(Page(status, html): Page, more: &str) -> Response<Body> {
    let mut response = super::json(status, html.into_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; {more}"
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.extend(HeaderValue::from_str(&policy).ok().map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    // The URL of the page contains its credential.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    response
}

/// Leads the browser to another page with GET, so that no form is sent twice.
pub(super) fn leads(app: &PageState, to: &str) -> Response<Body> {
    let mut response = sent(app, Ok(Page(303, String::new())));
    response.headers_mut().extend(HeaderValue::from_str(to).ok().map(|to| (header::LOCATION, to)));
    response
}

/// Sends a page whose form leads to another site in the end, which browsers must be told. `uri` is that address, or empty.
pub(super) fn sent_leading_to(app: &PageState, outcome: Result<Page>, uri: &str) -> Response<Body> {
    let mut response = sent(app, outcome);
    let Ok(url) = Url::parse(uri) else { return response };
    // The address of a program on the person's machine has no origin.
    let origin = match url.origin() {
        origin if origin.is_tuple() => origin.ascii_serialization(),
        _ => format!("{}:", url.scheme()),
    };
    let headers = response.headers_mut();
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let policy = policy.map(|policy| policy.replace("form-action 'self'", &format!("form-action 'self' {origin}")));
    let policy = policy.and_then(|policy| HeaderValue::from_str(&policy).ok());
    if let Some(policy) = policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Shows an error as a page.
pub(super) fn refused(app: &PageState, error: ApiError) -> Result<Page> {
    let status = error.kind().http_status();
    let title = match error.kind() {
        ErrorKind::Unavailable => "failed-try-again",
        ErrorKind::Internal => "failed-our-side",
        _ => "failed-other",
    };
    let sentences = vec![told(app, &error), app.say("failed-nothing-changed").into()];
    page(status, &Message { head: Letterhead::of(app), title: app.say(title).into(), sentences })
}

/// The detail that marks an error whose message is in the language of the reader already.
const IN_LANGUAGE: &str = "in_language";

/// Returns an error of a page itself, as the catalogue words it.
pub(super) fn wrong(kind: ErrorCode, text: Text) -> ApiError {
    ApiError::new(kind, String::from(text)).with(IN_LANGUAGE, true)
}

/// Returns the message of an error in the language of the reader. The API words its errors in English.
pub(super) fn told(app: &PageState, error: &ApiError) -> String {
    if app.language == Language::English || error.details.contains_key(IN_LANGUAGE) {
        return error.message.clone();
    }
    let by_code = of_family(app.language, "error", error.code.as_str());
    let by_status = || of_family(app.language, "error", &error.kind().http_status().to_string());
    let text = by_code.or_else(by_status).map(|text| text.with("message", &error.message));
    text.map_or_else(|| error.message.clone(), String::from)
}
