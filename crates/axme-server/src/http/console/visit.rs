//! A request to the console: the caller of the session, and the operations that the page calls in the caller's name. Also how
//! its answer is sent.
//!
//! An operation sees a visit as any other call: it checks the role, the parties and the quota itself. A form is refused
//! before it is read if another site has sent it, and without the token of its session.

use std::sync::Arc;

use askama::Template;
use axme_api::{ApiError, ErrorKind, Input, Json, JsonFields, Op, OpInfo, me};
use axme_core::auth::{Caller, Role, browser};
use axme_core::call::{self, CallPermit};
use axme_core::error::{Result, StoreError};
use axme_core::ops::console;
use axme_core::request::{Credentials, KeyHeader, RequestMeta};
use axme_core::state::AppState;
use axum::body::{Body, Bytes};
use axum::extract::Request as HttpRequest;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::frame::{self, Frame, Section};
use crate::http::extract::{CookieCredential, field, meta, query, read_body};
use crate::http::form::FormFields;
use crate::http::inbox_session::{check_origin, token};
use crate::http::letterhead::Letterhead;
use crate::http::login::fields_of;
use crate::http::mcp::operations::request_of;
use crate::http::page_state::in_english;
use crate::http::pages::{Page, leads, page, sent, sent_to_operator};

/// The program that audit lines and events name.
const CLIENT: &str = concat!("axme-console/", env!("CARGO_PKG_VERSION"));

/// The caller of one request to the console.
pub(super) struct ConsoleCall {
    pub app: Arc<AppState>,
    pub permit: CallPermit,
    pub csrf: String,
    pub query: Vec<(String, String)>,
    /// True for an operator of the server, who sees its machine.
    pub is_operator: bool,
    meta: RequestMeta,
}

pub(super) type Guest = Arc<ConsoleCall>;

/// The answer of a page.
pub(super) enum Answer {
    Page(Page),
    /// The path to go to, below the root of the console.
    Lead(String),
    /// A file to download: its media type, its name and its text.
    File(&'static str, String, String),
}

impl ConsoleCall {
    pub fn caller(&self) -> &Caller {
        &self.permit.caller
    }

    pub fn is_admin(&self) -> bool {
        self.caller().is_admin()
    }

    /// Returns a parameter of the page; empty if it is missing.
    pub fn asked(&self, name: &str) -> String {
        field(&self.query, name).trim().to_owned()
    }

    /// Returns every value of a parameter of the page.
    pub fn asked_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Calls an operation as its route does.
    pub async fn call<I, O>(&self, op: &'static Op<I, O>, input: &I) -> Result<O>
    where
        I: Serialize + Sync,
        O: DeserializeOwned,
    {
        self.call_once(op, input, None).await
    }

    /// Calls an operation that does its work once for each key, however often the form is sent.
    pub async fn call_once<I, O>(&self, op: &'static Op<I, O>, input: &I, key: Option<String>) -> Result<O>
    where
        I: Serialize + Sync,
        O: DeserializeOwned,
    {
        let fault = |error: serde_json::Error| StoreError::Fault(error.to_string());
        let mut fields = Json::try_of(input).map_err(fault)?.fields().unwrap_or_default();
        if op.info.input == Input::RawBody {
            let body = fields.remove("body").and_then(|body| body.fields()).unwrap_or_default();
            let path = op.info.path_fields().filter_map(|name| Some((name.to_owned(), fields.remove(name)?)));
            fields = body.into_iter().chain(path).collect::<JsonFields>();
        }
        let answer = self.call_fields(&op.info, fields, key).await?;
        Ok(serde_json::from_slice(&answer).map_err(fault)?)
    }

    /// Calls an operation with the fields of its input. Returns the JSON of its answer, in which numbers are exact.
    pub async fn call_fields(&self, info: &'static OpInfo, fields: JsonFields, key: Option<String>) -> Result<Bytes> {
        let fault = |error: serde_json::Error| StoreError::Fault(error.to_string());
        let binding = axme_core::ops::find(info.id).ok_or_else(ApiError::internal)?;
        let idempotency_key = key.map_or(KeyHeader::Absent, KeyHeader::Text);
        let meta = RequestMeta { idempotency_key, ..self.meta.clone() };
        let request = request_of(info, fields, meta).map_err(ApiError::invalid)?;
        let reply = call::call(&self.app, binding, &self.permit, request).await?;
        if reply.status == 200 {
            return Ok(reply.body.into());
        }
        let refusal: Value = serde_json::from_slice(&reply.body).map_err(fault)?;
        Err(ApiError::invalid(refusal["message"].as_str().unwrap_or_default()).into())
    }

    /// Returns the frame of a page.
    pub fn frame(&self, here: Section) -> Frame {
        let frame = Frame::new(&self.app, self.caller(), &self.csrf, (here, &self.asked("said")));
        if self.is_operator { frame.with_server(here) } else { frame }
    }

    pub fn head(&self) -> Letterhead {
        frame::letterhead(&self.app)
    }
}

/// Enters with the cookie of a request.
async fn enter(app: &Arc<AppState>, parts: &Parts) -> Result<ConsoleCall> {
    let cookie = token(app, &parts.headers);
    let meta = RequestMeta {
        credentials: Credentials::of_cookie(&cookie),
        owner: None,
        idempotency_key: KeyHeader::Absent,
        client: CLIENT.to_owned(),
        ..meta(app, parts)
    };
    let permit = call::admit(app, &me::GET.info, &meta).await?;
    let query = query(parts.uri.query());
    let is_operator = console::is_operator(app, &permit.caller).await?;
    Ok(ConsoleCall { app: app.clone(), permit, csrf: browser::csrf(&cookie), query, is_operator, meta })
}

/// Shows a page of the session.
pub(super) async fn show<A>(
    app: Arc<AppState>,
    request: HttpRequest,
    page: impl FnOnce(Guest) -> A + Send,
) -> Response<Body>
where
    A: Future<Output = Result<Answer>> + Send,
{
    let (parts, _) = request.into_parts();
    let guest = match enter(&app, &parts).await {
        Ok(visit) => Arc::new(visit),
        Err(error) => return turned_away(&app, error.into_api(), &parts),
    };
    let answer = page(guest.clone()).await;
    answered(&guest, answer)
}

/// Takes a form of the session.
pub(super) async fn take<A>(
    app: Arc<AppState>,
    request: HttpRequest,
    page: impl FnOnce(Guest, FormFields) -> A + Send,
) -> Response<Body>
where
    A: Future<Output = Result<Answer>> + Send,
{
    if let Err(error) = check_origin(&in_english(&app), request.headers()) {
        return sent(&in_english(&app), Err(error));
    }
    let (parts, body) = request.into_parts();
    let guest = match enter(&app, &parts).await {
        Ok(visit) => Arc::new(visit),
        Err(error) => return turned_away(&app, error.into_api(), &parts),
    };
    let cookie = token(&app, &parts.headers);
    let answer = async {
        let filled = fields_of(&read_body(&app, &guest.caller().service_account_id, body).await?)?;
        if !browser::is_csrf(&cookie, filled.get("csrf")) {
            return Err(ApiError::forbidden("the form is not from your session: open the page again").into());
        }
        page(guest.clone(), filled).await
    };
    let answer = answer.await;
    answered(&guest, answer)
}

/// Leads to the page to sign in, and from there back. Other errors are shown.
fn turned_away(app: &Arc<AppState>, error: ApiError, parts: &Parts) -> Response<Body> {
    if error.kind() != ErrorKind::Unauthenticated {
        return sent(&in_english(app), Err(error.into()));
    }
    let asked = parts.uri.path_and_query().map_or("/app", |path| path.as_str());
    let next = if parts.method == axum::http::Method::GET { asked } else { "/app" };
    let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
    leads(&in_english(app), &format!("{}/app/sign-in?next={next}", frame::root(app)))
}

#[derive(Template)]
#[template(path = "console/message.html")]
struct Message {
    head: Letterhead,
    frame: Frame,
    title: &'static str,
    text: String,
}

fn answered(guest: &Guest, answer: Result<Answer>) -> Response<Body> {
    let app = &guest.app;
    match answer {
        Ok(Answer::Page(page)) => sent_to_operator(page),
        Ok(Answer::Lead(to)) => leads(&in_english(app), &format!("{}/app{to}", frame::root(app))),
        Ok(Answer::File(kind, name, text)) => file(kind, &name, text),
        Err(error) => {
            let error = error.into_api();
            let (status, title) = match (error.kind().http_status(), error.kind()) {
                (403, _) => (403, "This is not open to you"),
                (404, _) => (404, "There is nothing here"),
                (status, ErrorKind::Unavailable) => (status, "Please try again in a moment"),
                (status, ErrorKind::Internal) => (status, "Something went wrong on our side"),
                (status, _) => (status, "This could not be done"),
            };
            let message = Message { head: guest.head(), frame: guest.frame(Section::None), title, text: error.message };
            match page(status, &message) {
                Ok(page) => sent_to_operator(page),
                Err(error) => sent(&in_english(app), Err(error)),
            }
        }
    }
}

fn file(kind: &'static str, name: &str, text: String) -> Response<Body> {
    let mut response = sent_to_operator(Page(200, text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let place = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.extend(place.ok().map(|place| (header::CONTENT_DISPOSITION, place)));
    response
}

/// Lets a request act with the cookie of its session, if it has one.
pub(super) fn with_cookie(app: &AppState, parts: &mut Parts) {
    let cookie = token(app, &parts.headers);
    if !cookie.is_empty() {
        parts.extensions.insert(CookieCredential(Credentials::of_cookie(&cookie)));
    }
}

/// True for the session of a person who is a plain member: the inbox is the page of such people.
pub(super) async fn is_member(app: &Arc<AppState>, headers: &HeaderMap) -> bool {
    let cookie = token(app, headers);
    if cookie.is_empty() {
        return false;
    }
    let meta = RequestMeta { credentials: Credentials::of_cookie(&cookie), ..RequestMeta::default() };
    let found = call::authenticate(app, me::GET.info.access, &meta).await;
    found.is_ok_and(|permit| permit.caller.role == Role::Member && permit.caller.person().is_some())
}
