//! The page of a task: the form behind a task link, and the same answer as JSON.
//!
//! The token of the link is the credential. A GET changes nothing, since mail scanners open links: to answer, a person
//! sends the form, reviews it, and confirms. `task_view` builds the pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use axme_api::{ApiError, ErrorCode, ErrorKind, tasks as api};
use axme_intent::human::{MAX_QUESTION_CHARS, Verdict, person_key};
use axme_intent::{Json, JsonFields, TaskResult, prospect};
use axme_words::Language;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State as GatewayState};
use axum::http::Response;
use axum::routing::{get, post};
use reqwest::Url;
use serde_json::{Value, json};

use super::extract::{PathFields, meta, query, read_answer};
use super::form::{FormFields, Reading};
use super::form_files::{self, SentForm};
use super::page_state::PageState;
use super::pages::{Page, leads, message, sent, told};
use super::task_view::{Asking, Done, done};
use super::{Gateway, form, respond};
use axme_core::call::checked_body;
use axme_core::draft;
use axme_core::error::Result;
use axme_core::input::check_size;
use axme_core::ops::links::{LinkEnd, LinkState, LinkedTask};
use axme_core::ops::{links, requester, second_thoughts};
use axme_core::policy::askees;
use axme_core::state::AppState;
use axme_core::views;
use axme_store::intents::Head;
use axme_store::{Shard, Tx, person_settings};

/// The longest comment, in characters.
const MAX_COMMENT_CHARS: usize = 2_000;

pub fn routes() -> Router<Gateway> {
    Router::new().route(api::PAGE.path, get(show_task).post(answer_task)).route(api::ACTION.path, post(answer_by_json))
}

type State = PageState;

async fn show_task(app: State, path: PathFields, request: HttpRequest) -> Response<Body> {
    let asked = query(request.uri().query());
    sent(&app, show(&app, &path.get("intent_id"), &asked).await)
}

async fn answer_task(
    gateway: GatewayState<Gateway>,
    app: State,
    path: PathFields,
    request: HttpRequest,
) -> Response<Body> {
    let asked = query(request.uri().query());
    match take(&gateway, &app, &path.get("intent_id"), request).await {
        Ok(FormAnswer::Page(page)) => sent(&app, Ok(page)),
        Ok(FormAnswer::Leads(to)) => leads(&app, &keep_return(&app, &asked, &to)),
        Err(error) => sent(&app, Err(error)),
    }
}

/// Returns the page that `return_url` names, if one of the origins that may frame our pages has it.
fn return_url(app: &PageState, asked: &[(String, String)]) -> Option<Url> {
    let (_, given) = asked.iter().find(|(name, _)| name == "return_url")?;
    let url = Url::parse(given).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let origin = url.origin().ascii_serialization();
    Some(url).filter(|_| is_plain && app.site.embed_origins.contains(&origin))
}

/// Adds `return_url` to the address of the next page, so that the last one leads back.
fn keep_return(app: &PageState, asked: &[(String, String)], to: &str) -> String {
    let Some(back) = return_url(app, asked) else { return to.to_owned() };
    let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
    let mut encoded = back.clone();
    encoded.query_pairs_mut().clear().append_pair("return_url", back.as_str());
    let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
    format!("{path}&{}{anchor}", encoded.query().unwrap_or_default())
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

fn unknown(app: &PageState) -> Result<Page> {
    message(app, 404, app.say("link-unknown"), &[&app.say("link-unknown-why")])
}

fn over(app: &PageState, over: &LinkEnd) -> Result<Page> {
    let (status, title) = match over {
        LinkEnd::Left => (410, "link-broken"),
        LinkEnd::Expired { .. } => (410, "link-expired"),
        LinkEnd::Used { .. } => (200, "link-you-answered"),
        LinkEnd::Answered { .. } | LinkEnd::VotedByDeputy { .. } => (200, "link-was-answered"),
        LinkEnd::Voted => (200, "link-you-answered"),
        LinkEnd::PassedOn => (200, "link-reassigned"),
        LinkEnd::Ended { .. } => (200, "link-not-needed"),
    };
    let more = match over {
        LinkEnd::Expired { .. } => "link-ask-again",
        _ => "link-nothing-left",
    };
    message(app, status, app.say(title), &[&over.sentence(app.language), &app.say(more)])
}

/// The target of a link.
enum LinkTarget {
    Unknown,
    Open(Box<Asking>),
    Ended(Box<Ended>),
}

/// A link that can no longer be used.
struct Ended {
    why: LinkEnd,
    /// The organization that asked; empty if the link was not used.
    organization: String,
    language: Language,
}

/// Returns what the link leads to, with everything that its page shows.
async fn look(app: &PageState, id: &str, token: &str) -> Result<LinkTarget> {
    let id = id.to_owned();
    let token = token.to_owned();
    let language = app.language;
    app.store
        .read(move |tx: &mut Tx<'_>| {
            Ok(match links::look(tx, &token)? {
                // Token and id belong to different links: treat the link as unknown.
                LinkState::Open(asked) if asked.link.intent.to_string() != id => LinkTarget::Unknown,
                LinkState::Unknown => LinkTarget::Unknown,
                LinkState::Ended(why) => LinkTarget::Ended(Box::new(ended(tx, why, language)?)),
                LinkState::Open(asked) => {
                    let chosen = person_settings::find_by_email(tx, &person_key(&asked.link.person))?.language;
                    LinkTarget::Open(Box::new(asking(tx, *asked, &token, chosen.unwrap_or(language))?))
                }
            })
        })
        .await
}

fn ended(tx: &mut Tx<'_>, why: LinkEnd, language: Language) -> Result<Ended> {
    let LinkEnd::Used { workspace, person, .. } = &why else {
        return Ok(Ended { why, organization: String::new(), language });
    };
    let organization = requester::organization(tx, *workspace)?;
    let chosen = person_settings::find_by_email(tx, &person_key(person))?.language;
    Ok(Ended { why, organization, language: chosen.unwrap_or(language) })
}

fn asking(tx: &mut Tx<'_>, task: LinkedTask, token: &str, language: Language) -> Result<Asking> {
    let history = links::history(tx, &task.link)?;
    let requester = requester::of(tx, task.link.workspace, &task.spec, language)?;
    let mut people = task.head.intent.asked();
    // The requester, and a person who asked before a reassignment.
    for question in task.head.intent.waiting().into_iter().flat_map(|waiting| &waiting.questions) {
        people.extend([question.by.as_str(), question.to.reference.as_str()]);
    }
    people.extend(task.stands_in_for.iter().map(String::as_str));
    let names = requester::display_names(tx, &people)?;
    let mut deputies = BTreeMap::new();
    for person in task.head.intent.asked() {
        if let Some(deputy) = askees::deputy_of(tx, task.link.workspace, &task.head, &task.spec, person)? {
            deputies.insert(person_key(person), deputy);
        }
    }
    Ok(Asking { deputies, task, history, requester, names, token: token.to_owned(), language })
}

async fn show(app: &PageState, id: &str, pairs: &[(String, String)]) -> Result<Page> {
    let field = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let token = field("token").unwrap_or_default();
    match look(app, id, token).await? {
        LinkTarget::Unknown => unknown(app),
        LinkTarget::Ended(ended) => {
            let Ended { why, organization, language } = *ended;
            let app = &app.in_language(language);
            match why {
                LinkEnd::Used { person, outcome, title, at, intent, is_open, comment, receipt, .. }
                    if is_open || field("answered").is_some() =>
                {
                    let now = prospect::standing(&intent, app.language);
                    let token = if is_open { token } else { "" }.to_owned();
                    let back = return_url(app, pairs);
                    let intent = intent.id.to_string();
                    let receipt = receipt.map(|id| id.to_string()).unwrap_or_default();
                    done(
                        app,
                        &organization,
                        &Done { person, outcome, title, at, comment, receipt, now, token, intent, back },
                    )
                }
                why => over(app, &why),
            }
        }
        LinkTarget::Open(asking) => {
            let app = &app.in_language(asking.language);
            // A draft that cannot be read, or is not allowed any more, is an empty form.
            let draft = field("draft").and_then(|text| draft::open(token, id, text)).map(FormFields::new);
            if let Some(filled) = &draft {
                let reading = read(app, &asking, filled);
                if check(app, &asking.task, &reading).is_ok() {
                    return asking.confirm_page(app, filled, &reading);
                }
            }
            let filled = draft.unwrap_or_default();
            asking.form_page(app, &filled, &read(app, &asking, &filled), &BTreeMap::new(), 200)
        }
    }
}

/// Handles a sent form: shows it again with its errors, asks to confirm it, or records it.
async fn take(gateway: &Gateway, app: &PageState, id: &str, request: HttpRequest) -> Result<FormAnswer> {
    let SentForm { pairs, wrong: refused_files } = read_form(gateway, app, id, request).await?;
    let mut filled = FormFields::new(pairs);
    let token = filled.get("token").to_owned();
    if filled.get("step") == "withdraw" {
        withdraw(app, token.clone(), None).await?;
        return Ok(FormAnswer::Leads(format!("?token={token}")));
    }
    let asking = match look(app, id, &token).await? {
        LinkTarget::Unknown => return unknown(app).map(FormAnswer::Page),
        LinkTarget::Ended(ended) => return over(&app.in_language(ended.language), &ended.why).map(FormAnswer::Page),
        LinkTarget::Open(asking) => asking,
    };
    let app = &app.in_language(asking.language);
    if filled.get("step") == "ask" {
        let Ok(text) = second_thoughts::read_text("question", filled.get("question")) else {
            let wrong = app.say("task-question-length").with("most", MAX_QUESTION_CHARS).into();
            let reading = read(app, &asking, &filled);
            let wrong = BTreeMap::from([(String::new(), wrong)]);
            return asking.form_page(app, &filled, &reading, &wrong, 422).map(FormAnswer::Page);
        };
        ask(app, token.clone(), text).await?;
        return Ok(FormAnswer::Leads(format!("?token={token}#questions")));
    }
    if filled.change_list() || matches!(filled.get("step"), "change" | "update") {
        let reading = read(app, &asking, &filled);
        return asking.form_page(app, &filled, &reading, &refused_files, 200).map(FormAnswer::Page);
    }
    let mut reading = read(app, &asking, &filled);
    reading.wrong.extend(refused_files);
    let again = |wrong: BTreeMap<String, String>, status: u16| {
        asking.form_page(app, &filled, &reading, &wrong, status).map(FormAnswer::Page)
    };
    if let Err(wrong) = check(app, &asking.task, &reading) {
        return again(wrong, 422);
    }
    if filled.get("step") != "confirm" {
        return match draft::seal(&app.system.rng, &token, id, filled.kept()) {
            Some(draft) => Ok(FormAnswer::Leads(format!("?token={token}&draft={draft}"))),
            None => asking.confirm_page(app, &filled, &reading).map(FormAnswer::Page),
        };
    }
    let answer = reading.answer.clone();
    match record(app, token.clone(), answer).await {
        Ok(_) => Ok(FormAnswer::Leads(format!("?token={token}&answered=1"))),
        // The task changed after it was read, or the answer breaks a rule that only recording checks.
        Err(error) if error.kind() == Some(ErrorKind::Invalid) => {
            again(BTreeMap::from([(String::new(), told(app, &error.into_api()))]), 422)
        }
        Err(error) => Err(error),
    }
}

/// Reads a form, with files or without.
async fn read_form(gateway: &Gateway, app: &PageState, id: &str, request: HttpRequest) -> Result<SentForm> {
    let (parts, body) = request.into_parts();
    if form_files::is_multipart(&parts.headers) {
        return form_files::read(gateway, app, id, &parts.headers, body).await;
    }
    let body = read_answer(app, meta(app, &parts).source_ip, body).await?;
    let text = std::str::from_utf8(&body).map_err(|_| ApiError::invalid("the form must be UTF-8"))?;
    let pairs = query(Some(text));
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(ApiError::invalid("the character \\u0000 cannot be stored").into());
    }
    Ok(SentForm { pairs, wrong: BTreeMap::new() })
}

fn read(app: &PageState, asking: &Asking, filled: &FormFields) -> Reading {
    form::read(asking.task.task(), filled, app.system.clock.now(), app.language)
}

/// Checks an answer. The error maps places to messages; an empty place means the whole answer.
fn check(app: &PageState, asked: &LinkedTask, reading: &Reading) -> Result<Verdict, BTreeMap<String, String>> {
    let answer = &reading.answer;
    let mut wrong = BTreeMap::new();
    if answer.comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT_CHARS) {
        wrong.insert("comment".to_owned(), app.say("wrong-comment").with("most", MAX_COMMENT_CHARS).into());
    }
    if check_size("answer", &answer.data).is_err() {
        wrong.insert(String::new(), app.say("wrong-answer-too-long").into());
    }
    let refusal = match asked.task().check_in(answer, app.language) {
        Ok((_, verdict)) if wrong.is_empty() && reading.wrong.is_empty() => return Ok(verdict),
        Ok(_) => {
            wrong.extend(reading.wrong.clone());
            return Err(wrong);
        }
        Err(refusal) => refusal,
    };
    match (refusal.code, refusal.details.get("fields").and_then(Value::as_object)) {
        (_, Some(fields)) => wrong.extend(fields.iter().map(|(name, why)| (name.clone(), form::plain(why)))),
        (ErrorCode::OutcomeRequired, _) => {
            wrong.insert(String::new(), app.say("wrong-no-outcome").into());
        }
        _ => {
            wrong.insert(String::new(), told(app, &ApiError::new(refusal.code, refusal.message)));
        }
    }
    // An error of reading says more than the rule that the value breaks.
    wrong.extend(reading.wrong.clone());
    Err(wrong)
}

async fn record(app: &Arc<AppState>, token: String, answer: TaskResult) -> Result<links::AnswerOutcome> {
    let shard = shard_of(app, &token).await?;
    app.store.write(shard, move |tx| links::answer(tx, &token, &answer)).await
}

/// Asks the requester through a link.
async fn ask(app: &Arc<AppState>, token: String, text: String) -> Result<Head> {
    let shard = shard_of(app, &token).await?;
    app.store.write(shard, move |tx| links::ask(tx, &token, &text)).await
}

/// Withdraws the yes of the person of a link.
async fn withdraw(app: &Arc<AppState>, token: String, comment: Option<String>) -> Result<Head> {
    let shard = shard_of(app, &token).await?;
    app.store.write(shard, move |tx| links::withdraw(tx, &token, comment.as_deref())).await
}

/// Returns the shard of the intent behind a link.
async fn shard_of(app: &Arc<AppState>, token: &str) -> Result<Shard> {
    let hash = axme_core::auth::hash(token);
    let link = app.store.read(move |tx| axme_store::links::find(tx, &hash)).await?;
    Ok(link.map_or(Shard::CONTROL, |(link, _)| Shard::of_intent(link.intent)))
}

/// Records an answer, a question or a withdrawal sent as JSON: the token is the credential, and the call needs no
/// confirmation.
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
    if let Some(question) = fields.get("question").filter(|_| !fields.contains_key("outcome")) {
        let text = second_thoughts::read_text("question", &question.string().unwrap_or_default())?;
        return Ok(without_outcome(&ask(app, token, text).await?));
    }
    if fields.get("withdraw").is_some_and(|withdraw| withdraw.value() == Value::Bool(true)) {
        return Ok(without_outcome(&withdraw(app, token, fields.string("comment")).await?));
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

/// Returns the answer to a question or to a withdrawal.
fn without_outcome(head: &Head) -> Response<Body> {
    let (id, status) = (head.intent.id, head.intent.status().as_str());
    let answer = json!({ "ok": true, "intent_id": id, "outcome": null, "status": status, "result": null });
    super::json(200, answer.to_string().into_bytes())
}
