//! The settings of a person in a browser: the language of pages and mail, when mail comes, and the absence.

use askama::Template;
use axme_api::ErrorKind;
use axme_api::me::PersonSettings as Settings;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::Response;

use super::inbox_absence::{self, AbsenceForm};
use super::inbox_session::{self, form};
use super::inbox_web_push::{self, WebPushForm};
use super::letterhead::Letterhead;
use super::page_state::PageState;
use super::pages::{Page, leads, page, sent, told};
use axme_core::auth::browser::{BrowserSession, csrf};
use axme_core::error::Result;
use axme_core::ops::me;
use axme_store::person_settings as store;
use axme_store::{Shard, Tx};
use axme_words::Language;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    head: Letterhead,
    csrf: String,
    /// The word of the language; empty if none is chosen.
    language: String,
    time_zone: String,
    quiet_from: String,
    quiet_until: String,
    digest_time: String,
    absence: AbsenceForm,
    web_push: WebPushForm,
    error: String,
}

pub(super) async fn show(app: PageState, request: HttpRequest) -> Response<Body> {
    let token = inbox_session::token(&app, request.headers());
    match inbox_session::find(&app, &token).await {
        Ok(Some(session)) => sent(&app, current(&app, &session, &token).await),
        Ok(None) => leads(&app, "../inbox"),
        Err(error) => sent(&app, Err(error)),
    }
}

async fn current(app: &PageState, session: &BrowserSession, token: &str) -> Result<Page> {
    let app = &app.for_person(&session.account.email).await?;
    let absence = inbox_absence::load(app, &session.account.email).await?;
    settings_page(app, (session, token), &saved(app, session).await?, absence, String::new()).await
}

/// Returns the settings that were saved.
async fn saved(app: &PageState, session: &BrowserSession) -> Result<Settings> {
    let account = session.account.account_id;
    Ok(me::view(app.store.read(move |tx| store::find(tx, account)).await?))
}

async fn settings_page(
    app: &PageState,
    (session, token): (&BrowserSession, &str),
    settings: &Settings,
    absence: AbsenceForm,
    error: String,
) -> Result<Page> {
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    let template = SettingsPage {
        head: Letterhead::from(app, "../app/"),
        csrf: csrf(token),
        language: settings.language.map(|language| language.to_string()).unwrap_or_default(),
        time_zone: text(&settings.time_zone),
        quiet_from: text(&settings.quiet_from),
        quiet_until: text(&settings.quiet_until),
        digest_time: text(&settings.digest_time),
        absence,
        web_push: inbox_web_push::load(app, session).await?,
        error,
    };
    page(if template.error.is_empty() { 200 } else { 422 }, &template)
}

/// Saves the settings, and shows the inbox in its new language.
pub(super) async fn change(app: PageState, request: HttpRequest) -> Response<Body> {
    match save(&app, request).await {
        Ok(None) => leads(&app, "../inbox"),
        Ok(Some(page)) => sent(&app, Ok(page)),
        Err(error) => sent(&app, Err(error)),
    }
}

async fn save(app: &PageState, request: HttpRequest) -> Result<Option<Page>> {
    let (session, token, filled) = form(app, request).await?;
    let app = &app.for_person(&session.account.email).await?;
    let given = |name: &str| Some(filled.get(name).to_owned());
    let chosen = Settings {
        language: Language::parse(filled.get("language")),
        time_zone: given("time_zone"),
        quiet_from: given("quiet_from"),
        quiet_until: given("quiet_until"),
        digest_time: given("digest_time"),
    };
    let settings = match me::read_settings(chosen.clone()) {
        Ok(settings) => settings,
        Err(error) => {
            let message = match app.language {
                Language::English => told(app, &error.into_api()),
                _ => app.say("settings-wrong").into(),
            };
            let absence = inbox_absence::load(app, &session.account.email).await?;
            return settings_page(app, (&session, &token), &chosen, absence, message).await.map(Some);
        }
    };
    let account = session.account.account_id;
    let job = move |tx: &mut Tx<'_>| -> Result<()> { Ok(store::put(tx, account, &settings)?) };
    app.store.write(Shard::CONTROL, job).await?;
    Ok(None)
}

/// Saves or ends the absence, and leads back to the settings.
pub(super) async fn change_absence(app: PageState, request: HttpRequest) -> Response<Body> {
    match save_absence(&app, request).await {
        Ok(None) => leads(&app, "settings"),
        Ok(Some(page)) => sent(&app, Ok(page)),
        Err(error) => sent(&app, Err(error)),
    }
}

/// Saves an absence. Returns the settings with the entries, if they were refused.
async fn save_absence(app: &PageState, request: HttpRequest) -> Result<Option<Page>> {
    let (session, token, filled) = form(app, request).await?;
    let email = &session.account.email;
    let app = &app.for_person(email).await?;
    let message = match inbox_absence::save(app, email, &filled).await {
        Ok(()) => return Ok(None),
        Err(error) if error.kind() == Some(ErrorKind::Invalid) => match app.language {
            Language::English => told(app, &error.into_api()),
            _ => app.say("absence-wrong").into(),
        },
        Err(error) => return Err(error),
    };
    let typed = |name: &str| filled.get(name).to_owned();
    let absence = AbsenceForm {
        deputy: typed("deputy"),
        first_day: typed("first_day"),
        last_day: typed("last_day"),
        ..inbox_absence::load(app, email).await?
    };
    settings_page(app, (&session, &token), &saved(app, &session).await?, absence, message).await.map(Some)
}
