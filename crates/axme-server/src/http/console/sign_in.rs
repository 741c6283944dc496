//! Signing in to the console: by a mailed code, by a password, with a key, or with a one-time token from the command line.
//!
//! The cookie holds the token of a session, never a key. A session of a key ends with it.

use std::sync::Arc;

use askama::Template;
use axme_api::auth::{LOGIN, PasswordLogin};
use axme_api::{Access, ApiError, ErrorCode, ErrorKind, Json};
use axme_core::auth::browser;
use axme_core::auth::sign_in::SignInRules;
use axme_core::call::{self, CallPermit};
use axme_core::error::{Error, Result};
use axme_core::ops::login_sessions;
use axme_core::ops::logins::{self, GrantQuery};
use axme_core::request::{Credentials, RequestMeta};
use axme_core::state::AppState;
use axme_store::{Shard, Tx};
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::Response;
use serde_json::Value;
use uuid::Uuid;

use super::State;
use super::frame::{letterhead, root};
use crate::http::extract::{field, query};
use crate::http::form::FormFields;
use crate::http::inbox_session::{check_origin, set, token};
use crate::http::letterhead::Letterhead;
use crate::http::login::read_form;
use crate::http::mcp::operations::request_of;
use crate::http::page_state::in_english;
use crate::http::pages::{Page, leads, page, sent};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage {
    head: Letterhead,
    root: String,
    next: String,
    email: String,
    /// The sign-in that the mailed code belongs to; empty before the mail.
    login: String,
    name: String,
    error: String,
}

impl SignInPage {
    fn new(app: &AppState, next: &str) -> SignInPage {
        SignInPage {
            head: letterhead(app),
            root: root(app),
            next: next.to_owned(),
            email: String::new(),
            login: String::new(),
            name: String::new(),
            error: String::new(),
        }
    }
}

/// Returns the page to lead to: one of the console, else its overview. Another address could lead to a foreign site.
fn next_page(asked: &str) -> &str {
    let is_own = asked == "/app" || asked.starts_with("/app/") || asked.starts_with("/app?");
    if is_own && !asked.contains(['\\', '\r', '\n']) { asked } else { "/app" }
}

pub(super) async fn form(app: State, request: HttpRequest) -> Response<Body> {
    let asked = field(&query(request.uri().query()), "next");
    sent(&in_english(&app), page(200, &SignInPage::new(&app, next_page(&asked))))
}

/// The result of a form: a page, or a session that begins.
enum Entered {
    Page(Page),
    Session(String),
}

pub(super) async fn enter(app: State, request: HttpRequest) -> Response<Body> {
    let entered = async {
        check_origin(&in_english(&app), request.headers())?;
        let filled = read_form(&app, request).await?;
        let entered = match filled.get("way") {
            "key" => with_key(&app, &filled).await,
            "password" => with_password(&app, &filled).await,
            _ => by_mail(&app, &filled).await,
        };
        Ok((entered?, next_page(filled.get("next")).to_owned()))
    };
    match entered.await {
        Ok((Entered::Page(page), _)) => sent(&in_english(&app), Ok(page)),
        Ok((Entered::Session(token), next)) => begun(&app, &token, &next),
        Err(error) => sent(&in_english(&app), Err(error)),
    }
}

/// Sets the cookie of a new session, and leads to its first page.
fn begun(app: &Arc<AppState>, token: &str, next: &str) -> Response<Body> {
    let mut response = leads(&in_english(app), &format!("{}{next}", root(app)));
    set(app, &mut response, token, app.limits.session_days * 86_400);
    response
}

/// Shows the form again with an error.
fn again(mut form: SignInPage, error: Error) -> Result<Entered> {
    let error = error.into_api();
    if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable) {
        return Err(error.into());
    }
    form.error = error.message.clone();
    page(error.kind().http_status(), &form).map(Entered::Page)
}

/// Handles one step by mail: first the email address, then the mailed code.
async fn by_mail(app: &Arc<AppState>, filled: &FormFields) -> Result<Entered> {
    let email = filled.get("email").to_owned();
    let login = filled.get("login").to_owned();
    let form = SignInPage {
        email: email.clone(),
        login: login.clone(),
        ..SignInPage::new(app, next_page(filled.get("next")))
    };
    let Ok(id) = login.parse::<Uuid>() else {
        let grant = format!("browser-{}", app.system.rng.hex::<32>());
        return match logins::begin(app, &email, GrantQuery::New(grant)).await {
            Ok(id) => page(200, &SignInPage { login: id.to_string(), ..form }).map(Entered::Page),
            Err(error) => again(form, error),
        };
    };
    let (rules, code) = (SignInRules::of(app), filled.get("code").to_owned());
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let email = logins::use_code(tx, id, &code)?;
        let account = logins::admit(tx, rules, &email)?;
        browser::begin(tx, rules, &account)
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok(token) => Ok(Entered::Session(token)),
        Err(error) => again(form, error),
    }
}

/// Signs in with a name and its password, as `auth.login` does.
async fn with_password(app: &Arc<AppState>, filled: &FormFields) -> Result<Entered> {
    let name = filled.get("name").to_owned();
    let form = SignInPage { name: name.clone(), ..SignInPage::new(app, next_page(filled.get("next"))) };
    let input = PasswordLogin {
        nick: name,
        password: filled.get("password").to_owned(),
        client_type: Some(browser::BROWSER.to_owned()),
        device_label: None,
    };
    match login(app, &input).await {
        Ok(token) => Ok(Entered::Session(token)),
        Err(error) => again(form, error),
    }
}

async fn login(app: &Arc<AppState>, input: &PasswordLogin) -> Result<String> {
    let binding = axme_core::ops::find(LOGIN.info.id).ok_or_else(ApiError::internal)?;
    let permit: CallPermit = call::authenticate(app, Access::Public, &RequestMeta::default()).await?;
    let fields = Json::of(input).fields().unwrap_or_default();
    let request = request_of(&LOGIN.info, fields, RequestMeta::default()).map_err(ApiError::invalid)?;
    let reply = call::call(app, binding, &permit, request).await?;
    let answer: Value = serde_json::from_slice(&reply.body).map_err(|_| ApiError::internal())?;
    Ok(answer["refresh_token"].as_str().unwrap_or_default().to_owned())
}

/// Begins a session of a key.
async fn with_key(app: &Arc<AppState>, filled: &FormFields) -> Result<Entered> {
    let form = SignInPage::new(app, next_page(filled.get("next")));
    let meta = RequestMeta { credentials: Credentials::read(Some(filled.get("key")), None), ..RequestMeta::default() };
    let caller = match call::authenticate(app, Access::Key, &meta).await {
        Ok(permit) => permit.caller,
        Err(error) => return again(form, error),
    };
    let rules = SignInRules::of(app);
    let job = move |tx: &mut Tx<'_>| browser::begin_of_key(tx, rules, &caller);
    match app.store.write(Shard::CONTROL, job).await {
        Ok(token) => Ok(Entered::Session(token)),
        Err(error) => again(form, error),
    }
}

#[derive(Template)]
#[template(path = "console/open.html")]
struct OpenPage {
    head: Letterhead,
    root: String,
    token: String,
    host: String,
}

/// Opens the console with a one-time token. Only a browser that its own person has sent here is signed in at once. Another
/// site could otherwise sign it in to a workspace of its own choice.
pub(super) async fn open(app: State, request: HttpRequest) -> Response<Body> {
    let token = field(&query(request.uri().query()), "token");
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if matches!(site, "none" | "same-origin") {
        return opened(&app, &token).await;
    }
    let head = letterhead(&app);
    let host = head.host.clone();
    sent(&in_english(&app), page(200, &OpenPage { head, root: root(&app), token, host }))
}

pub(super) async fn open_confirmed(app: State, request: HttpRequest) -> Response<Body> {
    let token = async {
        check_origin(&in_english(&app), request.headers())?;
        Ok(read_form(&app, request).await?.get("token").to_owned())
    };
    match token.await {
        Ok(token) => opened(&app, &token).await,
        Err(error) => sent(&in_english(&app), Err(error)),
    }
}

async fn opened(app: &Arc<AppState>, token: &str) -> Response<Body> {
    match login_sessions::exchange_in_browser(app, token).await {
        Ok(token) => begun(app, &token, "/app"),
        Err(error) => {
            let error = error.into_api();
            if error.code != ErrorCode::InvalidExchangeToken {
                return sent(&in_english(app), Err(error.into()));
            }
            // Used links are gone. The page has the other ways to sign in.
            let form = SignInPage { error: error.message, ..SignInPage::new(app, "/app") };
            sent(&in_english(app), page(410, &form))
        }
    }
}

/// Ends the session of the cookie.
pub(super) async fn leave(app: State, request: HttpRequest) -> Response<Body> {
    let ended = async {
        check_origin(&in_english(&app), request.headers())?;
        let cookie = token(&app, request.headers());
        let filled = read_form(&app, request).await?;
        if !browser::is_csrf(&cookie, filled.get("csrf")) {
            return Err(ApiError::forbidden("the form is not from your session: open the page again").into());
        }
        Ok(app.store.write(Shard::CONTROL, move |tx: &mut Tx<'_>| browser::end(tx, &cookie)).await?)
    };
    match ended.await {
        Ok(()) => {
            let mut response = leads(&in_english(&app), &format!("{}/app/sign-in", root(&app)));
            set(&app, &mut response, "", 0);
            response
        }
        Err(error) => sent(&in_english(&app), Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn only_pages_of_the_console_follow_a_sign_in() {
        for own in ["/app", "/app/intents?status=FAILED", "/app?said=x"] {
            assert_eq!(next_page(own), own);
        }
        for foreign in ["", "//evil.example", "https://evil.example", "/apple", "/app/\\evil", "/app/\r\nx", "/v1/me"] {
            assert_eq!(next_page(foreign), "/app", "{foreign}");
        }
    }
}
