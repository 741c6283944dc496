//! Answers several tasks at once: each is listed on the confirmation, recorded by itself, and gets its own receipt.
//!
//! Only tasks of the same step can be answered together, and only those that need nothing but the outcome.

use askama::Template;
use axme_api::{ApiError, ErrorCode};
use axme_intent::button::{self, Button, Tone};
use axme_intent::facts::FactValue;
use axme_intent::{HumanTask, IntentId, TaskResult};
use axme_words::Text;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::Response;
use uuid::Uuid;

use super::form::FormFields;
use super::inbox_rows::{Row, row};
use super::inbox_session::form;
use super::letterhead::Letterhead;
use super::page_state::PageState;
use super::pages::{self, Page, page, sent, told};
use axme_core::error::Result;
use axme_core::ops::links;
use axme_core::ops::own_inbox::{self, InboxTask};
use axme_core::state::AppState;
use axme_store::{Shard, Tx};

/// The most tasks that one form answers.
pub(super) const MAX_ANSWERS: usize = 50;

type State = PageState;

#[derive(Template)]
#[template(path = "inbox_confirm.html")]
struct ConfirmPage {
    head: Letterhead,
    csrf: String,
    email: String,
    rows: Vec<Row>,
    buttons: Vec<Button>,
}

/// The result of one task.
struct TaskOutcome {
    title: String,
    /// Why the answer was not recorded; empty if it was.
    error: String,
}

#[derive(Template)]
#[template(path = "inbox_done.html")]
struct DonePage {
    head: Letterhead,
    outcome: String,
    recorded: usize,
    results: Vec<TaskOutcome>,
}

pub(super) async fn answer(app: State, request: HttpRequest) -> Response<Body> {
    sent(&app, take(&app, request).await)
}

async fn take(app: &PageState, request: HttpRequest) -> Result<Page> {
    let (session, token, filled) = form(app, request).await?;
    let email = session.account.email.clone();
    let app = &app.for_person(&email).await?;
    let (person, language) = (email.clone(), app.language);
    let waiting = app.store.read(move |tx| own_inbox::waiting(tx, &person, language)).await?;
    let chosen = choose(app, &filled, waiting)?;
    let outcome = filled.get("outcome").to_owned();
    let Some(task) = chosen.first().and_then(InboxTask::task) else {
        return Err(wrong(app.say("bulk-none")).into());
    };
    if outcome.is_empty() {
        let template = ConfirmPage {
            head: Letterhead::from(app, "../app/"),
            csrf: axme_core::auth::browser::csrf(&token),
            email,
            buttons: button::buttons(task, language),
            rows: chosen.iter().map(|task| row(task, language)).collect(),
        };
        return page(200, &template);
    }
    let label = button::of(task, &outcome, language).label;
    let mut results = Vec::new();
    for task in &chosen {
        let title = task.task().map(|task| task.title.clone()).unwrap_or_default();
        let error = record(app, &email, (task.workspace, task.head.intent.id), &outcome).await.err();
        results.push(TaskOutcome { title, error: error.map(|error| told(app, &error.into_api())).unwrap_or_default() });
    }
    let recorded = results.iter().filter(|result| result.error.is_empty()).count();
    let head = Letterhead::from(app, "../app/");
    page(200, &DonePage { head, outcome: label, recorded, results })
}

fn wrong(text: Text) -> ApiError {
    pages::wrong(ErrorCode::ValidationFailed, text)
}

/// Returns the chosen tasks. Refuses too many, those of different steps, and those that need more than an outcome.
fn choose(app: &PageState, filled: &FormFields, waiting: Vec<InboxTask>) -> Result<Vec<InboxTask>> {
    let names: Vec<&str> = filled.all("task").collect();
    if names.len() > MAX_ANSWERS {
        return Err(wrong(app.say("bulk-too-many").with("most", MAX_ANSWERS)).into());
    }
    let is_chosen = |task: &InboxTask| {
        let name = format!("{}:{}", task.workspace, task.head.intent.id);
        names.contains(&name.as_str())
    };
    let chosen: Vec<InboxTask> = waiting.into_iter().filter(is_chosen).collect();
    if chosen.len() < names.len() {
        return Err(wrong(app.say("bulk-moved-on")).into());
    }
    if !chosen.iter().all(|task| task.task().is_some_and(own_inbox::is_simple)) {
        return Err(wrong(app.say("bulk-not-simple")).into());
    }
    let step = |task: &InboxTask| {
        let scenario = task.spec.plan.as_ref().map(|plan| plan.scenario_id.clone());
        let step = task.head.intent.waiting().and_then(|waiting| waiting.step.clone());
        let outcomes: Vec<String> =
            task.task().map(HumanTask::shown_outcomes).unwrap_or_default().into_iter().map(str::to_owned).collect();
        (task.workspace, task.head.intent_type.clone(), scenario, step, outcomes)
    };
    if chosen.windows(2).any(|pair| step(&pair[0]) != step(&pair[1])) {
        return Err(wrong(app.say("bulk-not-same")).into());
    }
    Ok(chosen)
}

async fn record(app: &AppState, email: &str, (workspace, intent): (Uuid, IntentId), outcome: &str) -> Result<()> {
    let (email, answer) = (email.to_owned(), TaskResult { outcome: Some(outcome.to_owned()), ..TaskResult::default() });
    let job = move |tx: &mut Tx<'_>| -> Result<()> {
        let link = own_inbox::link(tx, &email, workspace, intent)?;
        links::answer(tx, &link.token, &answer).map(|_| ())
    };
    app.store.write(Shard::of_intent(intent), job).await
}
