//! The sign-in pages: for the link in a mail, and for a device that shows a code.
//!
//! Opening a page signs nobody in; its button does. No page sets a cookie: the sign-in is for the waiting program, not
//! for the browser.

use askama::Template;
use axme_api::{ApiError, ErrorCode, alpha, auth as api, receipts};
use axme_intent::Time;
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use uuid::Uuid;

use super::extract::{PathFields, field, meta, query, read_public_body};
use super::form::FormFields;
use super::letterhead::{Letterhead, base_path};
use super::page_state::PageState;
use super::pages::{Page, message, page, sent, told};
use super::{Gateway, respond};
use axme_core::auth::sign_in::SignInRules;
use axme_core::error::{Error, Result};
use axme_core::input::read_id;
use axme_core::ops::logins::GrantQuery;
use axme_core::ops::{alpha as trials, logins as ops};
use axme_core::state::AppState;
use axme_store::logins::Grant;
use axme_store::{Shard, Tx, logins as store};

type State = PageState;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::MAIL_PAGE.path, get(mail_page).post(mail_answer))
        .route(api::CALLBACK.path, get(callback))
        .route(api::DEVICE_PAGE.path, get(device_page).post(device_answer))
        .route(alpha::LINK.path, get(trial_link))
        .route(alpha::PAGE.path, get(trial_page).post(trial_answer))
        .route(api::KEYS.path, get(keys))
        .route(receipts::KEYS.path, get(receipt_keys))
}

async fn mail_page(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    let token = field(&query(request.uri().query()), "token");
    sent(&app, look(&app, &path.get("intent_id"), token).await)
}

async fn mail_answer(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    sent(&app, enter(&app, &path.get("intent_id"), request).await)
}

async fn callback(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    respond(match read_id("sign-in", &path.get("intent_id")) {
        Ok(id) => lead(&app, &format!("/app/login/{id}"), &request),
        Err(error) => Err(error),
    })
}

async fn device_page(app: State, request: HttpRequest) -> Response<Body> {
    let code = field(&query(request.uri().query()), "code");
    sent(&app, device(&app, &code).await)
}

async fn device_answer(app: State, request: HttpRequest) -> Response<Body> {
    sent(&app, approve(&app, request).await)
}

async fn trial_link(app: State, request: HttpRequest) -> Response<Body> {
    respond(lead(&app, "/app/login/trial", &request))
}

async fn trial_page(app: State, request: HttpRequest) -> Response<Body> {
    let token = field(&query(request.uri().query()), "token");
    sent(&app, page(200, &TrialPage { head: Letterhead::of(&app), token: &token }))
}

async fn trial_answer(app: State, request: HttpRequest) -> Response<Body> {
    sent(&app, begin_trial(&app, request).await)
}

async fn keys(app: State) -> Response<Body> {
    respond(published(&app).await)
}

async fn receipt_keys(app: State) -> Response<Body> {
    respond(published_for_receipts(&app).await)
}

async fn published_for_receipts(app: &AppState) -> Result<Response<Body>> {
    let keys = app.keys.receipts.published(&app.store).await?;
    Ok(super::json(200, keys.to_string().into_bytes()))
}

async fn published(app: &AppState) -> Result<Response<Body>> {
    let keys = app.keys.signer.published(&app.store, app.system.clock.now()).await?;
    let mut response = super::json(200, keys.to_string().into_bytes());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}

/// Redirects to `page` from another path that clients know it by. Below a base path, the page is there too.
fn lead(app: &AppState, page: &str, request: &HttpRequest) -> Result<Response<Body>> {
    let token = field(&query(request.uri().query()), "token");
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::not_found("this link").into());
    }
    let to = HeaderValue::from_str(&format!("{}{page}?token={token}", base_path(&app.site.base_url)));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().extend(to.ok().map(|to| (header::LOCATION, to)));
    Ok(response)
}

#[derive(Template)]
#[template(path = "login_trial.html")]
struct TrialPage<'a> {
    head: Letterhead,
    token: &'a str,
}

async fn begin_trial(app: &PageState, request: HttpRequest) -> Result<Page> {
    let token = read_form(app, request).await?.get("token").to_owned();
    if let Err(error) = trials::check_enabled(app) {
        return refused(app, error);
    }
    match trials::confirm(app, token).await {
        Ok(trial) => {
            let owner = app.say("trial-owner").with("email", trial.email);
            message(app, 200, app.say("trial-verified"), &[&owner, &app.say("trial-sign-in")])
        }
        Err(error) => refused(app, error),
    }
}

#[derive(Template)]
#[template(path = "login_mail.html")]
struct MailPage<'a> {
    head: Letterhead,
    email: &'a str,
    /// The code that the device must show; empty if no device waits.
    user_code: &'a str,
    since: Time,
    token: &'a str,
}

async fn look(app: &PageState, id: &str, token: String) -> Result<Page> {
    let id = read_id("this link", id)?;
    let given = token.clone();
    match app.store.read(move |tx| ops::look_at_link(tx, id, &given)).await {
        Ok(linked) => {
            let user_code = linked.user_code.as_deref().unwrap_or_default();
            let since = linked.intent.created_at;
            page(
                200,
                &MailPage { head: Letterhead::of(app), email: &linked.intent.email, user_code, since, token: &token },
            )
        }
        Err(error) => refused(app, error),
    }
}

async fn enter(app: &PageState, id: &str, request: HttpRequest) -> Result<Page> {
    let id = read_id("this link", id)?;
    let filled = read_form(app, request).await?;
    let token = filled.get("token").to_owned();
    let rules = SignInRules::of(app);
    // An unknown link must not cause a write.
    let given = token.clone();
    if let Err(error) = app.store.read(move |tx| ops::look_at_link(tx, id, &given)).await {
        return refused(app, error);
    }
    let job = move |tx: &mut Tx<'_>| ops::use_link(tx, rules, id, &token);
    match app.store.write(Shard::CONTROL, job).await {
        Ok(email) => done(app, &email),
        Err(error) => refused(app, error),
    }
}

pub(super) async fn read_form(app: &AppState, request: HttpRequest) -> Result<FormFields> {
    let (parts, body) = request.into_parts();
    fields_of(&read_public_body(app, meta(app, &parts).source_ip, body).await?)
}

/// Reads the fields of a form.
pub(super) fn fields_of(body: &[u8]) -> Result<FormFields> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::invalid("the form must be UTF-8"))?;
    let pairs = query(Some(text));
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(ApiError::invalid("the character \\u0000 cannot be stored").into());
    }
    Ok(FormFields::new(pairs))
}

pub(super) fn done(app: &PageState, email: &str) -> Result<Page> {
    let who = app.say("sign-in-you-are").with("email", email);
    message(app, 200, app.say("sign-in-done"), &[&who, &app.say("sign-in-go-back")])
}

/// Shows an error as a page. The expected ones have their own titles.
pub(super) fn refused(app: &PageState, error: Error) -> Result<Page> {
    let error = error.into_api();
    let status = error.kind().http_status();
    let title = match status {
        404 => "link-unknown",
        409 => "sign-in-link-used",
        410 => "sign-in-expired",
        _ => "sign-in-not-possible",
    };
    message(app, status, app.say(title), &[&told(app, &error), &app.say("sign-in-nobody")])
}

#[derive(Template)]
#[template(path = "login_device.html")]
struct DevicePage<'a> {
    head: Letterhead,
    user_code: &'a str,
    email: &'a str,
    /// The sign-in that the mailed code belongs to; empty before the mail.
    intent_id: &'a str,
    error: String,
    /// The name of the OpenID Connect provider; empty if there is none.
    provider: String,
}

/// Normalizes a code as people type it.
pub(super) fn user_code(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).take(16).collect()
}

pub(super) async fn waiting(app: &AppState, user_code: &str) -> Result<Option<Grant>> {
    let (code, now) = (user_code.to_owned(), app.system.clock.now());
    let grant = app.store.read(move |tx| store::find_grant_by_code(tx, &code)).await?;
    Ok(grant.filter(|grant| now < grant.expires_at && grant.account_id.is_none()))
}

async fn device(app: &PageState, code: &str) -> Result<Page> {
    let code = user_code(code);
    let found = waiting(app, &code).await?.map(|grant| grant.user_code).unwrap_or_default();
    let is_known = code.is_empty() || !found.is_empty();
    let error = if is_known { String::new() } else { unknown_device(app) };
    let status = if error.is_empty() { 200 } else { 404 };
    page(
        status,
        &DevicePage {
            head: Letterhead::of(app),
            user_code: &found,
            email: "",
            intent_id: "",
            error,
            provider: provider(app),
        },
    )
}

pub(super) fn provider(app: &PageState) -> String {
    match app.site.oidc.as_deref() {
        None => String::new(),
        Some(oidc) if oidc.name.is_empty() => app.say("sign-in-your-organization").into(),
        Some(oidc) => oidc.name.clone(),
    }
}

fn unknown_device(app: &PageState) -> String {
    app.say("sign-in-unknown-device").into()
}

/// Handles one step of the page: first the email address, then the mailed code.
async fn approve(app: &PageState, request: HttpRequest) -> Result<Page> {
    let filled = read_form(app, request).await?;
    let code = user_code(filled.get("user_code"));
    let again = |status: u16, user_code: &str, intent_id: &str, error: String| {
        let (email, provider) = (filled.get("email"), provider(app));
        page(status, &DevicePage { head: Letterhead::of(app), user_code, email, intent_id, error, provider })
    };
    let Some(grant) = waiting(app, &code).await? else { return again(404, "", "", unknown_device(app)) };
    if filled.get("email").is_empty() {
        return again(200, &grant.user_code, "", String::new());
    }
    if filled.get("code").is_empty() {
        return match ops::begin(app, filled.get("email"), GrantQuery::Known(grant.hash)).await {
            Ok(intent) => again(200, &grant.user_code, &intent.to_string(), String::new()),
            Err(error) => {
                let error = error.into_api();
                again(error.kind().http_status(), &grant.user_code, "", told(app, &error))
            }
        };
    }
    let intent = filled.get("intent_id").to_owned();
    let Ok(id) = Uuid::parse_str(&intent) else { return again(422, &grant.user_code, "", String::new()) };
    let rules = SignInRules::of(app);
    let (typed, hash) = (filled.get("code").to_owned(), grant.hash.clone());
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let email = ops::use_code(tx, id, &typed)?;
        let account = ops::admit(tx, rules, &email)?;
        ops::approve(tx, &hash, &account)?;
        Ok(email)
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok(email) => done(app, &email),
        Err(error) => {
            let error = error.into_api();
            // If the sign-in has expired or was used, start again with the address.
            let intent = if error.code == ErrorCode::InvalidCode { intent.as_str() } else { "" };
            again(error.kind().http_status(), &grant.user_code, intent, told(app, &error))
        }
    }
}
