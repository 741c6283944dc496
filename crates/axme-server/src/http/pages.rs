//! Pages for people: the form behind a task link, and the same answer as JSON.
//!
//! The token of the link is the credential. A GET changes nothing, since mail scanners open links: to answer, a person
//! sends the form, reviews it, and confirms. Pages work without scripts and load nothing from other hosts. Only
//! configured origins may frame them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axme_api::{ApiError, ErrorCode, ErrorKind, tasks as api};
use axme_intent::human::Verdict;
use axme_intent::sentences;
use axme_intent::{Event, Json, JsonFields, TaskResult, Time};
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::extract::{PathFields, meta, query, read_answer};
use super::form::{Field, FormFields, words};
use super::{Gateway, form, respond};
use axme_core::call::checked_body;
use axme_core::draft;
use axme_core::error::Result;
use axme_core::input::check_size;
use axme_core::ops::links;
use axme_core::ops::links::{LinkEnd, LinkState, LinkedTask};
use axme_core::state::AppState;
use axme_core::views;
use axme_store::{Shard, Tx};

/// Maximum number of history entries, and of characters of one value, that a page shows.
const MAX_HISTORY: usize = 50;
const MAX_VALUE_CHARS: usize = 2_000;

/// The longest comment, in characters.
const MAX_COMMENT_CHARS: usize = 2_000;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::PAGE.path, get(show_task).post(answer_task))
        .route(api::ACTION.path, post(answer_by_json))
        .route(api::STYLE.path, get(style))
}

type State = axum::extract::State<Arc<AppState>>;

async fn show_task(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    let asked = query(request.uri().query());
    sent(&app, show(&app, &path.get("intent_id"), &asked).await)
}

async fn answer_task(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    match take(&app, &path.get("intent_id"), request).await {
        Ok(FormAnswer::Page(page)) => sent(&app, Ok(page)),
        Ok(FormAnswer::Leads(to)) => {
            let mut response = sent(&app, Ok(Page(303, String::new())));
            response.headers_mut().extend(HeaderValue::from_str(&to).ok().map(|to| (header::LOCATION, to)));
            response
        }
        Err(error) => sent(&app, Err(error)),
    }
}

/// The answer to a sent form.
enum FormAnswer {
    Page(Page),
    /// Another page, relative to this one. Then the browser can go back to it, and never sends a form twice.
    Leads(String),
}

async fn answer_by_json(app: State, request: HttpRequest) -> Response<Body> {
    respond(act(&app, request).await)
}

async fn style() -> Response<Body> {
    asset("text/css; charset=utf-8", include_str!("../../assets/style.css"))
}

/// Returns a file that the pages load. Browsers keep it for an hour.
pub(super) fn asset(kind: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
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
    title: String,
    sentences: Vec<String>,
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage<'a> {
    asked: &'a LinkedTask,
    token: &'a str,
    task_type: String,
    since: String,
    due: String,
    waited: String,
    payload: Vec<(String, String)>,
    results: Vec<(String, String)>,
    history: Vec<(String, String)>,
    votes: Vec<String>,
    fields: Vec<Field>,
    outcomes: Vec<Outcome>,
    comment: &'a str,
    comment_error: String,
    evidence: &'a str,
    evidence_error: String,
    has_evidence: bool,
    /// The error of the whole answer.
    error: String,
    has_errors: bool,
}

struct Outcome {
    value: String,
    label: String,
    is_yes: bool,
}

/// The answer for review, before it is recorded.
#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    title: &'a str,
    outcome: String,
    is_yes: bool,
    rows: Vec<(String, String)>,
    kept: Vec<(String, String)>,
    token: &'a str,
}

/// The HTTP status of a page, and its HTML.
pub(super) struct Page(pub(super) u16, pub(super) String);

pub(super) fn page(status: u16, template: &impl Template) -> Result<Page> {
    let fault = |error: askama::Error| axme_core::error::StoreError::Fault(error.to_string());
    Ok(Page(status, template.render().map_err(fault)?))
}

pub(super) fn message(status: u16, title: &str, sentences: &[&str]) -> Result<Page> {
    let sentences = sentences.iter().map(|sentence| (*sentence).to_owned()).collect();
    page(status, &Message { title: title.to_owned(), sentences })
}

/// The scripts that a page may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    None,
    /// Files of this server; no script in the page itself.
    OfThisServer,
}

pub(super) fn sent(app: &AppState, outcome: Result<Page>) -> Response<Body> {
    sent_with(app, outcome, Scripts::None)
}

pub(super) fn sent_with(app: &AppState, outcome: Result<Page>, scripts: Scripts) -> Response<Body> {
    let Page(status, html) =
        outcome.or_else(|error| refused(error.into_api())).unwrap_or_else(|_| Page(500, String::new()));
    let mut response = super::json(status, html.into_bytes());
    let frames = match app.site.embed_origins.as_slice() {
        [] => "'none'".to_owned(),
        origins => origins.join(" "),
    };
    let scripts = match scripts {
        Scripts::None => "",
        Scripts::OfThisServer => "script-src 'self'; ",
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; {scripts}form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.extend(HeaderValue::from_str(&policy).ok().map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    if app.site.embed_origins.is_empty() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    // The URL of the page contains its credential.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    response
}

/// Shows an error as a page.
pub(super) fn refused(error: ApiError) -> Result<Page> {
    let status = error.kind().http_status();
    let title = match error.kind() {
        ErrorKind::Unavailable => "Please try again in a moment",
        ErrorKind::Internal => "Something went wrong on our side",
        _ => "This could not be done",
    };
    message(status, title, &[&error.message, "Nothing was changed."])
}

fn unknown() -> Result<Page> {
    let sentences =
        ["Links are forgotten some time after they expire, and must be opened whole: look whether your mail \
                      program has broken it in two."];
    message(404, "This link is not known", &sentences)
}

fn over(over: &LinkEnd) -> Result<Page> {
    let (status, title) = match over {
        LinkEnd::Left => (410, "This link does not work any more"),
        LinkEnd::Expired { .. } => (410, "This link has expired"),
        LinkEnd::Used { .. } => (200, "You have answered already"),
        LinkEnd::Answered { .. } => (200, "This was answered already"),
        LinkEnd::Voted => (200, "You have answered already"),
        LinkEnd::PassedOn => (200, "Another person has this task now"),
        LinkEnd::Ended { .. } => (200, "No answer is needed any more"),
    };
    let more = match over {
        LinkEnd::Expired { .. } => "Ask whoever sent it for a new one.",
        _ => "There is nothing left to do here.",
    };
    message(status, title, &[&over.sentence(), more])
}

/// Returns the state of a link, and the history of its intent.
async fn look(app: &AppState, id: &str, token: &str) -> Result<(LinkState, Vec<Event>)> {
    let id = id.to_owned();
    let token = token.to_owned();
    app.store
        .read(move |tx: &mut Tx<'_>| {
            let standing = match links::look(tx, &token)? {
                // Token and id belong to different links: treat the link as unknown.
                LinkState::Open(asked) if asked.link.intent.to_string() != id => LinkState::Unknown,
                standing => standing,
            };
            let history = match &standing {
                LinkState::Open(asked) => links::history(tx, &asked.link)?,
                _ => Vec::new(),
            };
            Ok((standing, history))
        })
        .await
}

async fn show(app: &AppState, id: &str, pairs: &[(String, String)]) -> Result<Page> {
    let field = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let token = field("token").unwrap_or_default();
    match look(app, id, token).await? {
        (LinkState::Unknown, _) => unknown(),
        (LinkState::Ended(LinkEnd::Used { outcome, title, at, is_open }), _) if field("answered").is_some() => {
            thank(&outcome, &title, at, is_open)
        }
        (LinkState::Ended(why), _) => over(&why),
        (LinkState::Open(asked), history) => {
            // A draft that cannot be read, or is not allowed any more, is an empty form.
            let draft = field("draft").and_then(|text| draft::open(token, id, text)).map(FormFields::new);
            if let Some(filled) = &draft {
                let answer = filled.answer();
                if let Ok(verdict) = check(&asked, &answer) {
                    return confirm_page(&asked, filled, &answer, verdict, token);
                }
            }
            form_page(app, &asked, &history, token, &draft.unwrap_or_default(), &BTreeMap::new(), 200)
        }
    }
}

/// Thanks for an answer, and says what was recorded.
fn thank(outcome: &str, title: &str, at: Time, is_open: bool) -> Result<Page> {
    let recorded = format!("Your answer “{}” was recorded.", words(outcome));
    let task = format!("You answered “{title}” at {}.", at.in_minutes());
    let more =
        if is_open { "Others still have to answer. You can close this page." } else { "You can close this page." };
    message(200, "Thank you", &[&recorded, &task, more])
}

/// Handles a sent form: shows it again with its errors, asks to confirm it, or records it.
async fn take(app: &Arc<AppState>, id: &str, request: HttpRequest) -> Result<FormAnswer> {
    let (parts, body) = request.into_parts();
    let body = read_answer(app, meta(app, &parts).source_ip, body).await?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::invalid("the form must be UTF-8"))?;
    let pairs = query(Some(text));
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(ApiError::invalid("the character \\u0000 cannot be stored").into());
    }
    let filled = FormFields::new(pairs);
    let token = filled.get("token").to_owned();
    let (asked, history) = match look(app, id, &token).await? {
        (LinkState::Unknown, _) => return unknown().map(FormAnswer::Page),
        (LinkState::Ended(why), _) => return over(&why).map(FormAnswer::Page),
        (LinkState::Open(asked), history) => (asked, history),
    };
    let again = |wrong: BTreeMap<String, String>, status: u16| {
        form_page(app, &asked, &history, &token, &filled, &wrong, status).map(FormAnswer::Page)
    };
    if filled.get("step") == "change" {
        return again(BTreeMap::new(), 200);
    }
    let answer = filled.answer();
    let verdict = match check(&asked, &answer) {
        Ok(verdict) => verdict,
        Err(wrong) => return again(wrong, 422),
    };
    if filled.get("step") != "confirm" {
        return match draft::seal(&app.system.rng, &token, id, filled.kept()) {
            Some(draft) => Ok(FormAnswer::Leads(format!("?token={token}&draft={draft}"))),
            None => confirm_page(&asked, &filled, &answer, verdict, &token).map(FormAnswer::Page),
        };
    }
    match record(app, token.clone(), answer).await {
        Ok(_) => Ok(FormAnswer::Leads(format!("?token={token}&answered=1"))),
        // The task changed after it was read, or the answer breaks a rule that only recording checks.
        Err(error) if error.kind() == Some(ErrorKind::Invalid) => {
            again(BTreeMap::from([(String::new(), error.into_api().message)]), 422)
        }
        Err(error) => Err(error),
    }
}

/// Checks an answer. The error maps fields to messages; an empty name means the whole answer.
fn check(asked: &LinkedTask, answer: &TaskResult) -> Result<Verdict, BTreeMap<String, String>> {
    let mut wrong = BTreeMap::new();
    if answer.comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT_CHARS) {
        wrong.insert("comment".to_owned(), format!("at most {MAX_COMMENT_CHARS} characters"));
    }
    if check_size("answer", &answer.data).is_err() {
        wrong.insert(String::new(), "The answer is too long.".to_owned());
    }
    let refusal = match asked.task().check(answer) {
        Ok((_, verdict)) if wrong.is_empty() => return Ok(verdict),
        Ok(_) => return Err(wrong),
        Err(refusal) => refusal,
    };
    match (refusal.code, refusal.details.get("fields").and_then(Value::as_object)) {
        (_, Some(fields)) => wrong.extend(fields.iter().map(|(name, why)| (name.clone(), form::plain(why)))),
        (ErrorCode::OutcomeRequired, _) => {
            wrong.insert(String::new(), "Choose an answer with one of the buttons.".to_owned());
        }
        _ => {
            wrong.insert(String::new(), refusal.message);
        }
    }
    Err(wrong)
}

async fn record(app: &Arc<AppState>, token: String, answer: TaskResult) -> Result<links::AnswerOutcome> {
    let find = token.clone();
    let link = app.store.read(move |tx| axme_store::links::find(tx, &axme_core::auth::hash(&find))).await?;
    let shard = link.map_or(Shard::CONTROL, |(link, _)| Shard::of_intent(link.intent));
    app.store.write(shard, move |tx| links::answer(tx, &token, &answer)).await
}

fn form_page(
    app: &AppState,
    asked: &LinkedTask,
    history: &[Event],
    token: &str,
    filled: &FormFields,
    wrong: &BTreeMap<String, String>,
    status: u16,
) -> Result<Page> {
    let task = asked.task();
    let fields = form::fields(task, filled, wrong);
    let waiting = asked.head.intent.waiting();
    let error_of = |name: &str| wrong.get(name).cloned().unwrap_or_default();
    // Errors that no field on the page can show are shown at the top.
    let is_shown = |name: &String| {
        let key = format!("field.{}", name.split('.').next().unwrap_or_default());
        name == "comment" || name == "evidence" || fields.iter().any(|field| field.name == key)
    };
    let unshown = wrong.iter().filter(|(name, _)| !is_shown(name));
    let error =
        unshown.map(|(name, why)| if name.is_empty() { why.clone() } else { format!("{}: {why}", words(name)) });
    let error = error.collect::<Vec<String>>().join(" ");
    let since = waiting.map_or(asked.head.intent.created_at, |waiting| waiting.since);
    let outcome = |value: &&str| {
        let answer = TaskResult { outcome: Some((*value).to_owned()), ..TaskResult::default() };
        Outcome { value: (*value).to_owned(), label: words(value), is_yes: task.means(&answer) == Verdict::Positive }
    };
    let template = TaskPage {
        asked,
        token,
        task_type: words(task.task_type.as_deref().unwrap_or("approval")),
        since: since.in_minutes(),
        due: waiting.and_then(|waiting| waiting.due_at).map(Time::in_minutes).unwrap_or_default(),
        waited: span(app.system.clock.now(), since),
        payload: rows(asked.spec.payload.fields().unwrap_or_default()),
        results: rows(links::results(asked)),
        history: told(history),
        votes: waiting.into_iter().flat_map(|waiting| &waiting.votes).map(|vote| vote.by.clone()).collect(),
        outcomes: task.shown_outcomes().iter().map(outcome).collect(),
        comment: filled.get("comment"),
        comment_error: error_of("comment"),
        evidence: filled.get("evidence"),
        has_evidence: task.evidence_required || form::has(task, "evidence") || wrong.contains_key("evidence"),
        evidence_error: error_of("evidence"),
        has_errors: !wrong.is_empty(),
        error,
        fields,
    };
    page(status, &template)
}

fn confirm_page(
    asked: &LinkedTask,
    filled: &FormFields,
    answer: &TaskResult,
    verdict: Verdict,
    token: &str,
) -> Result<Page> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for field in form::fields(asked.task(), filled, &BTreeMap::new()) {
        let shown = field.shown();
        rows.push((field.label, shown));
    }
    rows.extend(answer.comment.clone().map(|comment| ("Comment".to_owned(), comment)));
    rows.extend(answer.data.get("evidence").map(|evidence| ("Evidence".to_owned(), form::plain(&evidence.value()))));
    rows.retain(|(_, value)| !value.is_empty());
    let template = ConfirmPage {
        title: &asked.task().title,
        outcome: words(answer.outcome.as_deref().unwrap_or_default()),
        is_yes: verdict == Verdict::Positive,
        rows,
        kept: filled.kept().cloned().collect(),
        token,
    };
    page(200, &template)
}

/// Formats the fields of an object for people.
fn rows(fields: JsonFields) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (words(name), cut(&form::readable(value)))).collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Returns the latest entries of the history: the time and the sentence of each event.
fn told(history: &[Event]) -> Vec<(String, String)> {
    let lines = history.iter().filter_map(|event| Some((event.at.in_minutes(), sentences::of_event(event)?)));
    let lines: Vec<_> = lines.collect();
    lines[lines.len().saturating_sub(MAX_HISTORY)..].to_vec()
}

/// Returns a time span in words, in its two largest units.
fn span(now: Time, since: Time) -> String {
    let minutes = now.since(since).as_secs() / 60;
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Records an answer sent as JSON: the token is the credential, and the call needs no confirmation.
async fn act(app: &Arc<AppState>, request: HttpRequest) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = read_answer(app, meta(app, &parts).source_ip, body).await?.json()?;
    let body = checked_body(&body.bytes)?;
    let mut fields: JsonFields =
        serde_json::from_str(&body).map_err(|_| ApiError::invalid("the body must be a JSON object"))?;
    let token = fields.remove("token").and_then(|token| token.string()).unwrap_or_default();
    if token.is_empty() {
        return Err(ApiError::invalid("token: required").into());
    }
    check_size("answer", &fields)?;
    // The answer is in `task_result`, or it is the body itself.
    if !fields.contains_key("task_result") {
        fields.set("task_result", fields.clone());
    }
    let answered = record(app, token, TaskResult::read(&fields)).await?;
    let status = answered.head.intent.status().as_str();
    let (result, _) = views::outcome(&answered.head.intent);
    let answer = json!({
        "ok": true, "intent_id": answered.head.intent.id, "outcome": answered.outcome, "status": status,
    });
    let answer = Json::from(JsonFields::of(answer).with("result", result));
    Ok(super::json(200, answer.text().as_bytes().to_vec()))
}
