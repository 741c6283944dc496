//! Pages to sign in on: behind the link of a mail, and for what waits on another device.
//!
//! Opening a page signs nobody in; a button does. No page sets a cookie: what is signed in is the program that waits.

use std::sync::Arc;

use askama::Template;
use axme_api::{ApiError, alpha, auth as api};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request as HttpRequest};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use uuid::Uuid;

use super::form::Filled;
use super::pages::{Page, message, page, sent};
use super::router::{query, read_body, respond};
use crate::app::App;
use crate::error::{Error, Result};
use crate::ops::alpha as trials;
use crate::ops::logins::{self as ops, Rules, Wanted};
use crate::ops::read_id;
use crate::store::Shard;
use crate::store::Tx;
use crate::store::logins::{self as store, Grant};

pub fn mount(app: &Arc<App>, router: Router) -> Router {
    let mail = {
        let app = app.clone();
        move |Path(id): Path<String>, request: HttpRequest| {
            let app = app.clone();
            let token = field(&query(request.uri().query()), "token");
            async move { sent(&app, look(&app, &id, token).await) }
        }
    };
    let mail_answer = {
        let app = app.clone();
        move |Path(id): Path<String>, request: HttpRequest| {
            let app = app.clone();
            async move { sent(&app, enter(&app, &id, request).await) }
        }
    };
    let callback = |Path(id): Path<String>, request: HttpRequest| async move {
        respond(match read_id("sign-in", &id) {
            Ok(id) => lead(&format!("/app/login/{id}"), &request),
            Err(error) => Err(error),
        })
    };
    let device = {
        let app = app.clone();
        move |request: HttpRequest| {
            let app = app.clone();
            let code = field(&query(request.uri().query()), "code");
            async move { sent(&app, device(&app, &code).await) }
        }
    };
    let device_answer = {
        let app = app.clone();
        move |request: HttpRequest| {
            let app = app.clone();
            async move { sent(&app, approve(&app, request).await) }
        }
    };
    let trial_link = |request: HttpRequest| async move { respond(lead("/app/login/trial", &request)) };
    let trial = {
        let app = app.clone();
        move |request: HttpRequest| {
            let app = app.clone();
            let token = field(&query(request.uri().query()), "token");
            async move { sent(&app, page(200, &TrialPage { token: &token })) }
        }
    };
    let trial_answer = {
        let app = app.clone();
        move |request: HttpRequest| {
            let app = app.clone();
            async move { sent(&app, begin_trial(&app, request).await) }
        }
    };
    let keys = {
        let app = app.clone();
        move || {
            let app = app.clone();
            async move { respond(published(&app).await) }
        }
    };
    router
        .route(api::MAIL_PAGE.path, get(mail).post(mail_answer))
        .route(api::CALLBACK.path, get(callback))
        .route(api::DEVICE_PAGE.path, get(device).post(device_answer))
        .route(alpha::LINK.path, get(trial_link))
        .route(alpha::PAGE.path, get(trial).post(trial_answer))
        .route(api::KEYS.path, get(keys))
}

pub(super) fn field(fields: &[(String, String)], name: &str) -> String {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

async fn published(app: &App) -> Result<Response<Body>> {
    let keys = app.keys.signer.published(&app.store, app.system.clock.now()).await?;
    let mut response = super::json(200, keys.to_string().into_bytes());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}

/// Clients know some pages under another path.
fn lead(page: &str, request: &HttpRequest) -> Result<Response<Body>> {
    let token = field(&query(request.uri().query()), "token");
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::not_found("this link").into());
    }
    let to = HeaderValue::from_str(&format!("{page}?token={token}"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().extend(to.ok().map(|to| (header::LOCATION, to)));
    Ok(response)
}

#[derive(Template)]
#[template(path = "login_trial.html")]
struct TrialPage<'a> {
    token: &'a str,
}

async fn begin_trial(app: &App, request: HttpRequest) -> Result<Page> {
    let token = read_form(app, request).await?.get("token").to_owned();
    if let Err(error) = trials::check_enabled(app) {
        return refused(error);
    }
    match trials::confirm(app, token).await {
        Ok(trial) => {
            let who = format!("{} owns the trial now.", trial.email);
            message(200, "Your address is verified", &[&who, "Sign in with it whenever you like."])
        }
        Err(error) => refused(error),
    }
}

#[derive(Template)]
#[template(path = "login_mail.html")]
struct MailPage<'a> {
    email: &'a str,
    /// What the device must show; empty when none waits.
    user_code: &'a str,
    since: String,
    token: &'a str,
}

async fn look(app: &App, id: &str, token: String) -> Result<Page> {
    let id = read_id("this link", id)?;
    let (now, given) = (app.system.clock.now(), token.clone());
    match app.store.read(move |tx| ops::look_at_link(tx, now, id, &given)).await {
        Ok(linked) => {
            let user_code = linked.user_code.as_deref().unwrap_or_default();
            let since = linked.intent.created_at.in_minutes();
            page(200, &MailPage { email: &linked.intent.email, user_code, since, token: &token })
        }
        Err(error) => refused(error),
    }
}

async fn enter(app: &App, id: &str, request: HttpRequest) -> Result<Page> {
    let id = read_id("this link", id)?;
    let filled = read_form(app, request).await?;
    let token = filled.get("token").to_owned();
    let (rng, now, rules) = (app.system.rng.clone(), app.system.clock.now(), Rules::of(app));
    // Nothing is written for a link that leads nowhere.
    let given = token.clone();
    if let Err(error) = app.store.read(move |tx| ops::look_at_link(tx, now, id, &given)).await {
        return refused(error);
    }
    let job = move |tx: &mut Tx<'_>| ops::use_link(tx, &rng, now, rules, id, &token);
    match app.store.write(Shard::CONTROL, job).await {
        Ok(email) => done(&email),
        Err(error) => refused(error),
    }
}

pub(super) async fn read_form(app: &App, request: HttpRequest) -> Result<Filled> {
    let body = read_body(app, request.into_body()).await?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::invalid("the form must be UTF-8"))?;
    let pairs = query(Some(text));
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(ApiError::invalid("the character \\u0000 cannot be stored").into());
    }
    Ok(Filled::new(pairs))
}

pub(super) fn done(email: &str) -> Result<Page> {
    let who = format!("You are {email} there.");
    message(200, "You are signed in", &[&who, "Go back to the program that waits; this page can be closed."])
}

/// What is no fault is told in the page's own words.
pub(super) fn refused(error: Error) -> Result<Page> {
    let error = error.into_api();
    let status = error.kind.http_status();
    let title = match status {
        404 => "This link is not known",
        409 => "This link was used already",
        410 => "This has expired",
        _ => "You could not be signed in",
    };
    message(status, title, &[&error.message, "Nobody was signed in."])
}

#[derive(Template)]
#[template(path = "login_device.html")]
struct DevicePage<'a> {
    user_code: &'a str,
    email: &'a str,
    /// The sign-in whose code is asked for, once a mail was sent.
    intent_id: &'a str,
    error: &'a str,
    /// The name of the provider of OpenID Connect, when there is one.
    provider: &'a str,
}

/// A code as people write it.
pub(super) fn user_code(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).take(16).collect()
}

pub(super) async fn waiting(app: &App, user_code: &str) -> Result<Option<Grant>> {
    let (code, now) = (user_code.to_owned(), app.system.clock.now());
    let grant = app.store.read(move |tx| Ok(store::find_grant_by_code(tx, &code)?)).await?;
    Ok(grant.filter(|grant| now < grant.expires_at && grant.account_id.is_none()))
}

async fn device(app: &App, code: &str) -> Result<Page> {
    let code = user_code(code);
    let found = waiting(app, &code).await?.map(|grant| grant.user_code).unwrap_or_default();
    let error = if code.is_empty() || !found.is_empty() { "" } else { UNKNOWN };
    let status = if error.is_empty() { 200 } else { 404 };
    page(status, &DevicePage { user_code: &found, email: "", intent_id: "", error, provider: provider(app) })
}

fn provider(app: &App) -> &str {
    match app.site.oidc.as_deref() {
        None => "",
        Some(oidc) if oidc.name.is_empty() => "your organization",
        Some(oidc) => &oidc.name,
    }
}

const UNKNOWN: &str = "No device waits under this code. It may have expired: start again on the device.";

/// One step: the address, then the code that was mailed to it.
async fn approve(app: &App, request: HttpRequest) -> Result<Page> {
    let filled = read_form(app, request).await?;
    let code = user_code(filled.get("user_code"));
    let again = |status: u16, user_code: &str, intent_id: &str, error: &str| {
        let (email, provider) = (filled.get("email"), provider(app));
        page(status, &DevicePage { user_code, email, intent_id, error, provider })
    };
    let Some(grant) = waiting(app, &code).await? else { return again(404, "", "", UNKNOWN) };
    if filled.get("email").is_empty() {
        return again(200, &grant.user_code, "", "");
    }
    if filled.get("code").is_empty() {
        return match ops::begin(app, filled.get("email"), Wanted::Known(grant.hash)).await {
            Ok(intent) => again(200, &grant.user_code, &intent.to_string(), ""),
            Err(error) => {
                let error = error.into_api();
                again(error.kind.http_status(), &grant.user_code, "", &error.message)
            }
        };
    }
    let intent = filled.get("intent_id").to_owned();
    let Ok(id) = Uuid::parse_str(&intent) else { return again(422, &grant.user_code, "", "") };
    let (rng, now, rules) = (app.system.rng.clone(), app.system.clock.now(), Rules::of(app));
    let (typed, hash) = (filled.get("code").to_owned(), grant.hash.clone());
    let job = move |tx: &mut Tx<'_>| {
        let email = ops::use_code(tx, now, id, &typed)?;
        let account = ops::admit(tx, &rng, now, rules, &email)?;
        ops::approve(tx, now, &hash, &account)?;
        Ok(email)
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok(email) => done(&email),
        Err(error) => {
            let error = error.into_api();
            // What has expired or was used begins again with the address.
            let intent = if error.code == "invalid_code" { intent.as_str() } else { "" };
            again(error.kind.http_status(), &grant.user_code, intent, &error.message)
        }
    }
}
