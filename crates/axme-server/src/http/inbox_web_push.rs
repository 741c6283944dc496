//! The browsers of a person that show tasks as notifications. Only a browser can add itself; the page lists and removes.

use axme_api::ApiError;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::{Response, header};
use uuid::Uuid;

use super::form::FormFields;
use super::inbox_session::form;
use super::page_state::PageState;
use super::pages::{leads, sent};
use axme_core::auth::browser::BrowserSession;
use axme_core::error::Result;
use axme_core::web_push::{AUTH_BYTES, is_point, read_bytes};
use axme_store::web_push::{self as store, PushSubscription};
use axme_store::{Shard, Tx};

/// The longest URL of a push service.
const MAX_ENDPOINT_BYTES: usize = 1_024;

/// The section of the settings about notifications.
#[derive(Default)]
pub(super) struct WebPushForm {
    /// The key of this server, in base64url; empty if the server sends no notifications.
    pub key: String,
    /// The browsers that show them.
    pub browsers: Vec<Browser>,
}

pub(super) struct Browser {
    pub id: String,
    pub name: String,
    pub since: String,
    /// True for the browser that shows the page: its session added it.
    pub is_this: bool,
}

/// Returns the section for the person of a session.
pub(super) async fn load(app: &PageState, session: &BrowserSession) -> Result<WebPushForm> {
    let Some(web_push) = &app.site.web_push else { return Ok(WebPushForm::default()) };
    let account = session.account.account_id;
    let listed = app.store.read(move |tx| store::list(tx, account)).await?;
    let browser = |known: PushSubscription| Browser {
        id: known.subscription_id.to_string(),
        name: known.browser,
        since: axme_words::time(app.language, known.created_at),
        is_this: known.session_id == session.session_id,
    };
    let key = web_push.public_key(&app.store).await?;
    Ok(WebPushForm { key, browsers: listed.into_iter().map(browser).collect() })
}

/// Adds the browser that sends the form, or removes one, and leads back to the settings.
pub(super) async fn change(app: PageState, request: HttpRequest) -> Response<Body> {
    match save(&app, request).await {
        Ok(()) => leads(&app, "settings"),
        Err(error) => sent(&app, Err(error)),
    }
}

async fn save(app: &PageState, request: HttpRequest) -> Result<()> {
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let browser = name(agent);
    let (session, _, filled) = form(app, request).await?;
    let account = session.account.account_id;
    if filled.get("step") == "remove" {
        let Ok(id) = filled.get("browser").parse::<Uuid>() else { return Ok(()) };
        let job = move |tx: &mut Tx<'_>| store::delete(tx, account, id);
        return Ok(app.store.write(Shard::CONTROL, job).await?);
    }
    if app.site.web_push.is_none() {
        return Err(ApiError::not_found("web push").into());
    }
    let new = PushSubscription {
        subscription_id: app.system.rng.uuid(),
        account_id: account,
        session_id: session.session_id,
        browser,
        created_at: app.system.clock.now(),
        ..read(app, &filled)?
    };
    let job = move |tx: &mut Tx<'_>| store::put(tx, &new);
    Ok(app.store.write(Shard::CONTROL, job).await?)
}

/// Reads what a browser says of its push service.
fn read(app: &PageState, filled: &FormFields) -> Result<PushSubscription> {
    let endpoint = filled.get("endpoint");
    if endpoint.len() > MAX_ENDPOINT_BYTES {
        return Err(ApiError::invalid(format!("endpoint: must have at most {MAX_ENDPOINT_BYTES} bytes")).into());
    }
    app.system.outbound.check(endpoint).map_err(|why| ApiError::invalid(format!("endpoint: {why}")))?;
    let (public_key, auth_secret) = (read_bytes(filled.get("p256dh")), read_bytes(filled.get("auth")));
    if !is_point(&public_key) {
        return Err(ApiError::invalid("p256dh: must be a point of P-256 in base64url").into());
    }
    if auth_secret.len() != AUTH_BYTES {
        return Err(ApiError::invalid(format!("auth: must be {AUTH_BYTES} bytes in base64url")).into());
    }
    Ok(PushSubscription {
        subscription_id: Uuid::nil(),
        account_id: Uuid::nil(),
        session_id: Uuid::nil(),
        endpoint: endpoint.to_owned(),
        public_key,
        auth_secret,
        browser: String::new(),
        created_at: axme_intent::Time::from_micros(0),
    })
}

/// Returns the name of a browser and of its system, as far as it says them.
fn name(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 4] =
        [("Edg", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let first =
        |known: &[(&str, &'static str)]| known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} ({system})"),
        (Some(browser), None) => browser.to_owned(),
        _ => "?".to_owned(),
    }
}
