//! Sign-in with an OpenID Connect provider: the redirect, the callback, and the page that asks to confirm.
//!
//! Without that page, an attacker's link could sign in the attacker's device unnoticed. A person who is already signed
//! in at the provider would see no page at all.

use std::sync::Arc;

use askama::Template;
use axme_api::{ApiError, ErrorCode, auth as api};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;

use super::Gateway;
use super::extract::{field, query};
use super::letterhead::Letterhead;
use super::login::{done, read_form, refused, user_code, waiting};
use super::mount::method_not_allowed;
use super::page_state::PageState;
use super::pages::{Page, message, page, sent};
use axme_core::auth::oidc::{Binding, OidcSettings};
use axme_core::auth::sign_in::SignInRules;
use axme_core::auth::{self, oidc};
use axme_core::error::Result;
use axme_core::ops::logins as ops;
use axme_core::state::AppState;
use axme_store::logins::OidcLogin;
use axme_store::{Shard, Tx, logins as store};

/// The time limit for a person at the provider and on the confirmation page together.
const LOGIN_SECONDS: u64 = 600;

type State = PageState;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::PROVIDER.path, get(to_provider).head(no_head))
        .route(api::PROVIDER_ANSWER.path, get(from_provider).head(no_head).post(confirm))
}

/// These pages begin or use up a sign-in, which HEAD must not.
async fn no_head(request: HttpRequest) -> Response<Body> {
    method_not_allowed(&request)
}

async fn to_provider(app: State, request: HttpRequest) -> Response<Body> {
    let code = field(&query(request.uri().query()), "code");
    lead(&app, &code).await.unwrap_or_else(|page| sent(&app, page))
}

async fn from_provider(app: State, request: HttpRequest) -> Response<Body> {
    sent(&app, come_back(&app, &query(request.uri().query())).await)
}

async fn confirm(app: State, request: HttpRequest) -> Response<Body> {
    sent(&app, enter(&app, request).await)
}

fn settings(app: &AppState) -> Result<Arc<OidcSettings>> {
    app.site.oidc.clone().ok_or_else(|| ApiError::not_found("sign-in provider").into())
}

fn redirect_uri(app: &AppState) -> String {
    format!("{}{}", app.site.base_url, api::PROVIDER_ANSWER.path)
}

/// Redirects the browser to the provider, or returns a page with the error.
async fn lead(app: &PageState, code: &str) -> Result<Response<Body>, Result<Page>> {
    let settings = settings(app).map_err(|error| refused(app, error))?;
    let Some(grant) = waiting(app, &user_code(code)).await.map_err(|error| refused(app, error))? else {
        return Err(message(app, 404, app.say("sign-in-no-device"), &[&app.say("sign-in-start-on-device")]));
    };
    let rng = &app.system.rng;
    let (state, now) = (rng.hex::<32>(), app.system.clock.now());
    let login = OidcLogin {
        grant_hash: grant.hash,
        nonce: rng.hex::<32>(),
        verifier: rng.hex::<32>(),
        email: None,
        expires_at: now.plus_seconds(LOGIN_SECONDS),
    };
    let redirect_uri = redirect_uri(app);
    let binding =
        Binding { state: &state, nonce: &login.nonce, verifier: &login.verifier, redirect_uri: &redirect_uri };
    let url = oidc::authorization_url(app.system.outbound.as_ref(), &settings, &binding)
        .await
        .map_err(|why| failed(app, why))?;
    let hash = auth::hash(&state);
    let keep = move |tx: &mut Tx<'_>| store::insert_oidc(tx, &hash, &login);
    app.store.write(Shard::CONTROL, keep).await.map_err(|error| refused(app, error.into()))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::from_str(&url).map_err(|_| failed(app, "its address is not valid".to_owned()))?;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Logs an error of the provider for the operator, and shows it to the person. `why` holds no secrets.
fn failed(app: &PageState, why: String) -> Result<Page> {
    tracing::warn!(why, "a sign-in with the OpenID Connect provider failed");
    message(app, 502, app.say("sign-in-provider-broken"), &[&why, &app.say("sign-in-nobody")])
}

#[derive(Template)]
#[template(path = "login_provider.html")]
struct ConfirmPage<'a> {
    head: Letterhead,
    email: &'a str,
    user_code: &'a str,
    token: &'a str,
}

async fn come_back(app: &PageState, fields: &[(String, String)]) -> Result<Page> {
    let settings = match settings(app) {
        Ok(settings) => settings,
        Err(error) => return refused(app, error),
    };
    let (state, code) = (field(fields, "state"), field(fields, "code"));
    let (hash, now) = (auth::hash(&state), app.system.clock.now());
    let taken = match app.store.read(move |tx| store::is_oidc(tx, &hash, now)).await? {
        true => app.store.write(Shard::CONTROL, move |tx| store::take_oidc(tx, &hash)).await?,
        // An unknown state must not cause a write.
        false => None,
    };
    let Some(login) = taken.filter(|login| login.email.is_none() && now < login.expires_at) else {
        return message(app, 404, app.say("sign-in-unknown"), &[&app.say("sign-in-start-on-device")]);
    };
    if code.is_empty() {
        return message(app, 403, app.say("sign-in-not-signed-in"), &[&app.say("sign-in-provider-refused")]);
    }
    let redirect_uri = redirect_uri(app);
    let binding =
        Binding { state: &state, nonce: &login.nonce, verifier: &login.verifier, redirect_uri: &redirect_uri };
    let email = match oidc::who(app.system.outbound.as_ref(), &settings, &binding, &code, now).await {
        Ok(email) => email,
        Err(why) => return failed(app, why),
    };
    let token = app.system.rng.hex::<32>();
    let (hash, known) = (auth::hash(&token), OidcLogin { email: Some(email.clone()), ..login });
    let keep = move |tx: &mut Tx<'_>| -> Result<_> {
        store::insert_oidc(tx, &hash, &known)?;
        Ok(store::find_grant(tx, &known.grant_hash)?)
    };
    let Some(grant) = app.store.write(Shard::CONTROL, keep).await? else {
        return message(app, 410, app.say("sign-in-expired"), &[&app.say("sign-in-restart-device")]);
    };
    page(200, &ConfirmPage { head: Letterhead::of(app), email: &email, user_code: &grant.user_code, token: &token })
}

async fn enter(app: &PageState, request: HttpRequest) -> Result<Page> {
    let token = read_form(app, request).await?.get("token").to_owned();
    let (now, rules) = (app.system.clock.now(), SignInRules::of(app));
    let hash = auth::hash(&token);
    let unknown = || ApiError::new(ErrorCode::NotFound, "this sign-in is unknown or was already used");
    if !app.store.read(move |tx| store::is_oidc(tx, &hash, now)).await? {
        return refused(app, unknown().into());
    }
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let login = store::take_oidc(tx, &hash)?.filter(|login| now < login.expires_at);
        let login = login.ok_or_else(unknown)?;
        let email = login.email.ok_or_else(unknown)?;
        let account = ops::admit(tx, rules, &email)?;
        ops::approve(tx, &login.grant_hash, &account)?;
        Ok(email)
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok(email) => done(app, &email),
        Err(error) => refused(app, error),
    }
}
