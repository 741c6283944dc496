//! Notifications of tasks in the browsers of people. They go with the mail about a task, so quiet hours and the mail of a
//! day hold for them too. The mail may fail, and the notification is sent all the same.

use std::sync::Arc;

use axme_core::auth::membership;
use axme_core::error::{Result, StoreError};
use axme_core::ops::requester;
use axme_core::policy::askees::asks;
use axme_core::state::AppState;
use axme_core::system::{Post, PostError};
use axme_core::web_push::MAX_MESSAGE_BYTES;
use axme_intent::human::person_key;
use axme_store::notices::{self, Notice};
use axme_store::web_push::{self as store, PushSubscription};
use axme_store::{Shard, Signal, Tx, intents};
use axme_words::{Language, say};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The channel of these notices.
pub(super) const CHANNEL: &str = "web_push";
/// How long a push service keeps a notification for a browser that is not there.
const KEPT_SECONDS: u64 = 86_400;
/// The longest title and text, in characters.
const MAX_CHARS: usize = 200;

/// Queues a notification for each browser of the recipient of a mail about a task, unless it is queued already.
pub(super) fn announce(tx: &mut Tx<'_>, mail: &Notice, is_daily: bool) -> Result<(), StoreError> {
    let Some(asking) = mail.content.get("asking").filter(|_| mail.channel == "email") else { return Ok(()) };
    for browser in store::list_by_email(tx, &person_key(&mail.recipient))? {
        let id = notice_id(mail.id, browser.subscription_id);
        if notices::find(tx, mail.workspace, id)?.is_some() {
            continue;
        }
        let content = match is_daily {
            true => json!({ "push": browser.subscription_id }),
            false => json!({ "push": browser.subscription_id, "task": asking }),
        };
        let notice = Notice {
            workspace: mail.workspace,
            id,
            intent: mail.intent,
            queue: Url::parse(&browser.endpoint)
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default(),
            channel: CHANNEL.to_owned(),
            recipient: mail.recipient.clone(),
            content,
            created_at: tx.now,
        };
        notices::insert(tx, &notice)?;
        tx.signal(Signal::notices());
    }
    Ok(())
}

/// Returns the id of the notification that goes with a mail to a browser. A repeated attempt of the mail gives the same one.
fn notice_id(mail: Uuid, browser: Uuid) -> Uuid {
    let hash = Sha256::new().chain_update(mail).chain_update(browser).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Sends a notification. Returns false if nobody needs it any more.
pub(super) async fn send(
    app: &Arc<AppState>,
    notice: &Notice,
    browser: Uuid,
    asking: Option<u32>,
    language: Language,
) -> Result<std::result::Result<bool, PostError>> {
    let Some(web_push) = &app.site.web_push else { return Ok(Ok(false)) };
    let (of, url) = (notice.clone(), format!("{}/inbox", app.site.base_url));
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let Some(browser) = store::find(tx, browser)? else { return Ok(None) };
        let Some((title, body)) = words(tx, &of, asking, language)? else { return Ok(None) };
        Ok(Some((
            browser,
            json!({ "title": title, "body": body, "url": url, "tag": of.intent.map(|id| id.to_string()) }),
        )))
    };
    let Some((browser, message)) = app.store.read(look).await? else { return Ok(Ok(false)) };
    let message = fitting(message);
    let now = app.system.clock.now();
    let (mut headers, body) = web_push.request(&app.store, now, &browser, message.as_bytes()).await?;
    headers.extend([("ttl", KEPT_SECONDS.to_string()), ("urgency", "normal".to_owned())]);
    let post = Post { workspace: notice.workspace, url: browser.endpoint.clone(), headers, body };
    let answer = match app.system.outbound.post(post).await {
        Ok(answer) => answer,
        Err(unsent) => return Ok(Err(unsent)),
    };
    if matches!(answer.status, 404 | 410) {
        remove(app, browser).await?;
        return Ok(Ok(false));
    }
    Ok(answer.accepted().map(|()| true))
}

/// Returns the title and the text of a notification; `None` if its task has ended or is not the recipient's any more.
fn words(
    tx: &mut Tx<'_>,
    notice: &Notice,
    asking: Option<u32>,
    language: Language,
) -> Result<Option<(String, String)>> {
    if membership::has_left(tx, notice.workspace, &notice.recipient)? {
        return Ok(None);
    }
    let Some(asking) = asking else {
        return Ok(Some((say(language, "push-daily").into(), requester::organization(tx, notice.workspace)?)));
    };
    let Some(intent) = notice.intent else { return Ok(None) };
    let Some(head) = intents::find(tx, notice.workspace, intent)? else { return Ok(None) };
    let is_asking = head.intent.waiting().is_some_and(|waiting| waiting.asking == asking);
    let is_theirs = asks(tx, notice.workspace, &head, &notice.recipient)?;
    let Some(task) = head.intent.open_task().filter(|_| is_asking && is_theirs) else { return Ok(None) };
    let spec = intents::spec(tx, notice.workspace, intent)?;
    let requester = requester::of(tx, notice.workspace, &spec, language)?;
    let body =
        say(language, "push-body").with("requester", &requester.name).with("organization", &requester.organization);
    Ok(Some((task.title.clone(), body.into())))
}

/// Returns the message as text, with its title and its text cut so that it fits.
fn fitting(mut message: Value) -> String {
    for field in ["title", "body"] {
        if let Some(text) = message[field].as_str().filter(|text| text.chars().count() > MAX_CHARS) {
            message[field] = text.chars().take(MAX_CHARS - 1).chain(['…']).collect::<String>().into();
        }
    }
    let text = message.to_string();
    debug_assert!(text.len() <= MAX_MESSAGE_BYTES, "the two texts have at most 200 characters of at most 6 bytes");
    text
}

/// Removes a browser that its push service does not know any more.
async fn remove(app: &Arc<AppState>, browser: PushSubscription) -> Result<()> {
    let job = move |tx: &mut Tx<'_>| store::delete(tx, browser.account_id, browser.subscription_id);
    Ok(app.store.write(Shard::CONTROL, job).await?)
}
