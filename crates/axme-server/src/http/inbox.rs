//! The inbox of a person in a browser: what waits for them across their workspaces, what they said, and their sessions.
//!
//! A cookie holds the session. Every form carries a token of that session, and a form from another site is refused before
//! anything is read. A task opens on its own page, by a link that is made for it.

use askama::Template;
use axme_api::{ApiError, inbox_pages as api};
use axme_intent::facts::FactValue;
use axme_intent::{IntentId, Time, outcome};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::extract::{field, query};
use super::inbox_rows::{Row, row};
use super::inbox_session::form;
use super::letterhead::Letterhead;
use super::page_state::PageState;
use super::pages::{Page, leads, page, sent};
use super::{Gateway, inbox_bulk, inbox_session, inbox_settings, inbox_web_push};
use axme_core::auth::browser::BrowserSession;
use axme_core::error::Result;
use axme_core::ops::links;
use axme_core::ops::own_inbox::{self, InboxQuestion, OwnDecision};
use axme_core::ops::second_thoughts::read_text;
use axme_store::person_accounts as records;
use axme_store::{Shard, Tx};

/// Maximum number of sessions that the page lists.
const MAX_SESSIONS: i64 = 100;

type State = PageState;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::PAGE.path, get(show))
        .route(api::SIGN_IN.path, post(inbox_session::sign_in))
        .route(api::SIGN_OUT.path, post(inbox_session::sign_out))
        .route(api::OPEN.path, post(open))
        .route(api::ANSWER.path, post(inbox_bulk::answer))
        .route(api::REPLY.path, post(reply))
        .route(api::WITHDRAW.path, post(withdraw))
        .route(api::SESSIONS.path, get(sessions).post(revoke))
        .route(api::SETTINGS.path, get(inbox_settings::show).post(inbox_settings::change))
        .route(api::ABSENCE.path, post(inbox_settings::change_absence))
        .route(api::WEB_PUSH.path, post(inbox_web_push::change))
}

/// A decision as the list shows it.
struct DoneRow {
    title: String,
    outcome: String,
    comment: String,
    at: String,
    /// The time as the language writes it.
    at_words: String,
    receipt: String,
    /// The workspace and the intent.
    task: String,
    /// True for a yes that can be withdrawn.
    is_open: bool,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    head: Letterhead,
    email: String,
    csrf: String,
    search: String,
    rows: Vec<Row>,
    all: usize,
    has_simple: bool,
    questions: Vec<InboxQuestion>,
    done: Vec<DoneRow>,
    most: usize,
}

async fn show(app: State, request: HttpRequest) -> Response<Body> {
    let token = inbox_session::token(&app, request.headers());
    let session = match inbox_session::find(&app, &token).await {
        Ok(Some(session)) => session,
        Ok(None) => return sent(&app, inbox_session::sign_in_page(&app, 200, "", "", "")),
        Err(error) => return sent(&app, Err(error)),
    };
    let app = match app.for_person(&session.account.email).await {
        Ok(app) => app,
        Err(error) => return sent(&app, Err(error)),
    };
    let search = field(&query(request.uri().query()), "q");
    sent(&app, list(&app, &session, &token, search.trim()).await)
}

async fn list(app: &PageState, session: &BrowserSession, token: &str, search: &str) -> Result<Page> {
    let (email, language) = (session.account.email.clone(), app.language);
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let waiting = own_inbox::waiting(tx, &email, language)?;
        Ok((waiting, own_inbox::questions(tx, &email)?, own_inbox::decided(tx, &email)?))
    };
    let (waiting, questions, decided) = app.store.read(look).await?;
    let all = waiting.len();
    let wanted = search.to_lowercase();
    let is_wanted =
        |texts: &[&str]| wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted));
    let mut rows: Vec<Row> = waiting.iter().map(|task| row(task, language)).collect();
    rows.retain(|row| {
        let values: Vec<String> = row.facts.iter().map(|fact| fact.value.text(language)).collect();
        is_wanted(&[&row.title, &row.requester, &row.place]) || values.iter().any(|value| is_wanted(&[value]))
    });
    rows.sort_by_key(|row| (row.due.is_none(), row.due, row.since));
    let done = decided.into_iter().filter_map(|OwnDecision { receipt, body, is_open }| {
        let row = DoneRow {
            task: format!("{}:{}", receipt.workspace, receipt.intent),
            is_open,
            outcome: outcome::word(language, &body.outcome),
            comment: body.comment.unwrap_or_default(),
            at_words: Time::parse(&body.decided_at).map_or_else(String::new, |at| axme_words::time(language, at)),
            at: body.decided_at,
            receipt: receipt.id.to_string(),
            title: body.title,
        };
        is_wanted(&[&row.title, &row.comment]).then_some(row)
    });
    let template = InboxPage {
        head: Letterhead::from(app, "app/"),
        email: session.account.email.clone(),
        csrf: axme_core::auth::browser::csrf(token),
        search: search.to_owned(),
        has_simple: rows.iter().any(|row| row.is_simple),
        rows,
        all,
        questions,
        done: done.collect(),
        most: inbox_bulk::MAX_ANSWERS,
    };
    page(200, &template)
}

fn read_task(text: &str) -> Result<(Uuid, IntentId)> {
    let unknown = || ApiError::not_found("task");
    let (workspace, intent) = text.split_once(':').ok_or_else(unknown)?;
    Ok((workspace.parse().map_err(|_| unknown())?, IntentId(intent.parse().map_err(|_| unknown())?)))
}

async fn open(app: State, request: HttpRequest) -> Response<Body> {
    match open_task(&app, request).await {
        Ok(to) => leads(&app, &to),
        Err(error) => sent(&app, Err(error)),
    }
}

/// Makes a link for the person, and returns its address relative to the inbox.
async fn open_task(app: &PageState, request: HttpRequest) -> Result<String> {
    let (session, _, filled) = form(app, request).await?;
    let (workspace, intent) = read_task(filled.get("task"))?;
    let email = session.account.email;
    let job = move |tx: &mut Tx<'_>| own_inbox::link(tx, &email, workspace, intent);
    let new = app.store.write(Shard::of_intent(intent), job).await?;
    Ok(links::url("..", &new))
}

async fn reply(app: State, request: HttpRequest) -> Response<Body> {
    match reply_to(&app, request).await {
        Ok(()) => leads(&app, "../inbox"),
        Err(error) => sent(&app, Err(error)),
    }
}

/// Records the person's reply to a question about a task that the person requested.
async fn reply_to(app: &PageState, request: HttpRequest) -> Result<()> {
    let (session, _, filled) = form(app, request).await?;
    let (workspace, intent) = read_task(filled.get("task"))?;
    let text = read_text("reply", filled.get("reply"))?;
    let email = session.account.email;
    let job = move |tx: &mut Tx<'_>| own_inbox::reply(tx, &email, workspace, intent, &text);
    app.store.write(Shard::of_intent(intent), job).await
}

async fn withdraw(app: State, request: HttpRequest) -> Response<Body> {
    match withdraw_vote(&app, request).await {
        Ok(()) => leads(&app, "../inbox"),
        Err(error) => sent(&app, Err(error)),
    }
}

/// Withdraws the person's yes. The task then waits for the person again.
async fn withdraw_vote(app: &PageState, request: HttpRequest) -> Result<()> {
    let (session, _, filled) = form(app, request).await?;
    let (workspace, intent) = read_task(filled.get("task"))?;
    let email = session.account.email;
    let job = move |tx: &mut Tx<'_>| own_inbox::withdraw(tx, &email, workspace, intent);
    app.store.write(Shard::of_intent(intent), job).await
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    head: Letterhead,
    csrf: String,
    current: Uuid,
    sessions: Vec<records::Session>,
}

async fn sessions(app: State, request: HttpRequest) -> Response<Body> {
    let token = inbox_session::token(&app, request.headers());
    match inbox_session::find(&app, &token).await {
        Ok(Some(session)) => sent(&app, sessions_page(&app, &session, &token).await),
        Ok(None) => leads(&app, "../inbox"),
        Err(error) => sent(&app, Err(error)),
    }
}

async fn sessions_page(app: &PageState, session: &BrowserSession, token: &str) -> Result<Page> {
    let app = &app.for_person(&session.account.email).await?;
    let (account, now) = (session.account.account_id, app.system.clock.now());
    let sessions = app.store.read(move |tx| records::list_live_sessions(tx, account, now, MAX_SESSIONS)).await?;
    let template = SessionsPage {
        head: Letterhead::from(app, "../app/"),
        csrf: axme_core::auth::browser::csrf(token),
        current: session.session_id,
        sessions,
    };
    page(200, &template)
}

/// Ends a session of the person, or all others.
async fn revoke(app: State, request: HttpRequest) -> Response<Body> {
    match end(&app, request).await {
        Ok(()) => leads(&app, "sessions"),
        Err(error) => sent(&app, Err(error)),
    }
}

async fn end(app: &PageState, request: HttpRequest) -> Result<()> {
    let (session, _, filled) = form(app, request).await?;
    let chosen: Option<Uuid> = filled.get("session").parse().ok();
    inbox_session::end(app, session, chosen).await
}
