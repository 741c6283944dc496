//! Signing in to the inbox with a code from a mail, and out of it. The cookie is for this server alone: scripts cannot
//! read it, and browsers do not send it with forms of other sites.

use askama::Template;
use axme_api::ErrorCode;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use uuid::Uuid;

use super::form::FormFields;
use super::letterhead::{Letterhead, host};
use super::login::read_form;
use super::page_state::PageState;
use super::pages::{Page, leads, page, sent, told, wrong};
use axme_core::auth::browser::{self, BrowserSession};
use axme_core::auth::sign_in::SignInRules;
use axme_core::error::Result;
use axme_core::ops::login_sessions;
use axme_core::ops::logins::{self, GrantQuery};
use axme_core::state::AppState;
use axme_store::{Shard, Tx};

type State = PageState;

#[derive(Template)]
#[template(path = "inbox_sign_in.html")]
struct SignInPage<'a> {
    head: Letterhead,
    email: &'a str,
    /// The sign-in that the mailed code belongs to; empty before the mail.
    login: &'a str,
    error: &'a str,
}

pub(super) fn sign_in_page(app: &PageState, status: u16, email: &str, login: &str, error: &str) -> Result<Page> {
    // The form is at `/inbox` on its first showing, and at `/inbox/sign-in` afterwards; both paths are below the same host.
    let head = Letterhead::from(app, if login.is_empty() && error.is_empty() { "app/" } else { "../app/" });
    page(status, &SignInPage { head, email, login, error })
}

fn is_https(app: &AppState) -> bool {
    app.site.base_url.starts_with("https://")
}

/// The name of the cookie. Browsers take the one with the prefix from HTTPS and for this host only.
fn name(app: &AppState) -> &'static str {
    if is_https(app) { "__Host-axme-session" } else { "axme-session" }
}

/// Returns the token of the session cookie; empty without one.
pub(super) fn token(app: &AppState, headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let own = pairs.filter(|(known, _)| *known == name(app)).map(|(_, value)| value.to_owned()).next();
    own.unwrap_or_default()
}

pub(super) fn set(app: &AppState, response: &mut Response<Body>, token: &str, seconds: u64) {
    let secure = if is_https(app) { "; Secure" } else { "" };
    let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", name(app));
    response.headers_mut().extend(HeaderValue::from_str(&cookie).ok().map(|cookie| (header::SET_COOKIE, cookie)));
}

pub(super) async fn find(app: &AppState, token: &str) -> Result<Option<BrowserSession>> {
    if token.is_empty() {
        return Ok(None);
    }
    let token = token.to_owned();
    Ok(app.store.read(move |tx| browser::find(tx, &token)).await?)
}

/// Refuses a form that a browser sends from another site.
pub(super) fn check_origin(app: &PageState, headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Pages send no referrer, so a browser may hide the origin of their forms as well.
    let origin = text("origin").filter(|origin| *origin != "null");
    let is_foreign = text("sec-fetch-site").is_some_and(|site| site == "cross-site")
        || origin.is_some_and(|origin| host(origin) != host(&app.site.base_url));
    if is_foreign {
        return Err(wrong(ErrorCode::Forbidden, app.say("session-foreign-form")).into());
    }
    Ok(())
}

/// Reads a form of a session. Refuses one that another site has sent.
pub(super) async fn form(app: &PageState, request: HttpRequest) -> Result<(BrowserSession, String, FormFields)> {
    check_origin(app, request.headers())?;
    let token = token(app, request.headers());
    let filled = read_form(app, request).await?;
    let found = find(app, &token).await?.filter(|_| browser::is_csrf(&token, filled.get("csrf")));
    let session = found.ok_or_else(|| wrong(ErrorCode::Forbidden, app.say("session-stale-form")))?;
    Ok((session, token, filled))
}

pub(super) async fn sign_in(app: State, request: HttpRequest) -> Response<Body> {
    match enter(&app, request).await {
        Ok(Entered::Page(page)) => sent(&app, Ok(page)),
        Ok(Entered::Session(token)) => {
            let mut response = leads(&app, "../inbox");
            set(&app, &mut response, &token, app.limits.session_days * 86_400);
            response
        }
        Err(error) => sent(&app, Err(error)),
    }
}

enum Entered {
    Page(Page),
    Session(String),
}

/// Handles one step: first the email address, then the mailed code.
async fn enter(app: &PageState, request: HttpRequest) -> Result<Entered> {
    check_origin(app, request.headers())?;
    let filled = read_form(app, request).await?;
    let (email, login, code) = (filled.get("email"), filled.get("login"), filled.get("code").to_owned());
    let again =
        |status: u16, login: &str, error: &str| sign_in_page(app, status, email, login, error).map(Entered::Page);
    let Ok(id) = login.parse::<Uuid>() else {
        let grant = format!("browser-{}", app.system.rng.hex::<32>());
        return match logins::begin(app, email, GrantQuery::New(grant)).await {
            Ok(id) => again(200, &id.to_string(), ""),
            Err(error) => {
                let error = error.into_api();
                again(error.kind().http_status(), "", &told(app, &error))
            }
        };
    };
    let rules = SignInRules::of(app);
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let email = logins::use_code(tx, id, &code)?;
        let account = logins::admit(tx, rules, &email)?;
        browser::begin(tx, rules, &account)
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok(token) => Ok(Entered::Session(token)),
        Err(error) => {
            let error = error.into_api();
            again(error.kind().http_status(), login, &told(app, &error))
        }
    }
}

pub(super) async fn sign_out(app: State, request: HttpRequest) -> Response<Body> {
    let ended = async {
        let (session, ..) = form(&app, request).await?;
        let own = session.session_id;
        end(&app, session, Some(own)).await
    };
    match ended.await {
        Ok(()) => {
            let mut response = leads(&app, "../inbox");
            set(&app, &mut response, "", 0);
            response
        }
        Err(error) => sent(&app, Err(error)),
    }
}

/// Ends one session of the person, or all but the current one.
pub(super) async fn end(app: &AppState, session: BrowserSession, chosen: Option<Uuid>) -> Result<()> {
    let job = move |tx: &mut Tx<'_>| login_sessions::end(tx, &session.account, session.session_id, chosen);
    app.store.write(Shard::CONTROL, job).await
}
