//! Sends notices: mail about tasks, sign-ins and trials, the notices of steps to people and
//! chats, and routed deliveries.
//!
//! Each queue (all mail, or one host) is processed independently, so that a hanging receiver delays no other queue. An
//! attempt claims the notice for longer than it can last. After a crash the notice is sent again: at least once. A mail
//! about a task gets a new link when it is sent; a task that has ended sends no mail.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axme_intent::Time;
use axme_intent::lifecycle::Occasion;
use axme_intent::receipt::Receipt;
use axme_words::Language;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::Instrument;
use uuid::Uuid;

use super::digest::{self, Daily};
use super::notice_content::Content;
use super::recipients::{Timing, find_called_off, find_invitation, language_of, timing};
use super::short;
use super::task_letters::write_letter;
use super::web_push;
use crate::deliver::mail_templates::{self, QuestionMail, TaskMail};
use crate::http::host;
use axme_core::error::{Result, StoreError};
use axme_core::metrics::Attempt;
use axme_core::ops::{alpha, logins, requester};
use axme_core::state::AppState;
use axme_core::system::{Mail, MailError, Post, PostError, SpanKind};
use axme_store::alpha::Trial;
use axme_store::notices::Notice;
use axme_store::queue::Claim;
use axme_store::{Shard, Signal, Tx, intents, notices as store, queue as items, receipts, traces};

/// Notices sent from one queue at a time.
const AT_ONCE: i64 = 8;
/// The duration of a claim. It exceeds the limit of an attempt, since mail may be slow.
const LEASE_SECONDS: u64 = 60;
const ATTEMPT_SECONDS: u64 = 45;
/// How long a notice waits that another one is sent with, once a day. It is looked at again in case that one is given up.
const FOLLOWER_PAUSE_SECONDS: u64 = 300;
/// After the usual pauses, failed mail is retried at this interval for this many days. If an approver is never asked,
/// the intent waits for good.
const MAIL_PAUSE_SECONDS: u64 = 3_600;
const MAIL_DAYS: u64 = 7;
const PAGE: i64 = 500;
const MAX_WAIT_SECONDS: u64 = 30;
/// The pause of a queue after an error.
const RETRY_SECONDS: u64 = 2;

/// Processes every queue that has notices, until the server stops.
pub async fn run(app: Arc<AppState>) {
    let waiter = app.wakeups.subscribe(Signal::notices());
    let mut working = JoinSet::new();
    // `busy`: the queues in progress, and whether a signal came meanwhile. `next`: when the other queues are due.
    let mut busy: HashMap<Queue, bool> = HashMap::new();
    let mut next: HashMap<Queue, Time> = HashMap::new();
    let mut listening = waiter.listen();
    let mut has_signal = true;
    // The next listener starts before this one is dropped, so that no signal is missed.
    while !*app.stopping.borrow() {
        let now = app.system.clock.now();
        let mut start: Vec<Queue> = next.iter().filter(|(_, at)| **at <= now).map(|(queue, _)| queue.clone()).collect();
        if has_signal {
            start.extend(queues(&app).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "could not read the notice queues");
                Vec::new()
            }));
        }
        for queue in start {
            next.remove(&queue);
            if busy.get_mut(&queue).map(|again| *again |= has_signal).is_none() {
                busy.insert(queue.clone(), false);
                working.spawn(work_off(app.clone(), queue).in_current_span());
            }
        }
        let most = app.system.clock.now().plus_seconds(MAX_WAIT_SECONDS);
        let until = next.values().min().map_or(most, |first| most.min(*first));
        let over = async {
            tokio::select! {
                () = app.system.clock.sleep_until(until) => None,
                () = app.stopped() => None,
                Some(done) = working.join_next() => Some(done),
            }
        };
        let mut done = None;
        let fresh = waiter.listen();
        has_signal = listening.or(async { done = over.await }).await;
        listening = fresh;
        match done {
            Some(Ok((queue, due))) => {
                let due = if busy.remove(&queue) == Some(true) { Some(app.system.clock.now()) } else { due };
                next.extend(due.map(|due| (queue, due)));
            }
            // A panic does not name its queue. Two tasks on one queue share its work.
            Some(Err(_)) => busy.clear(),
            None => {}
        }
    }
    // Claimed notices that were not sent are sent again when their claims lapse.
    while working.join_next().await.is_some() {}
}

type Queue = (Uuid, String);

async fn work_off(app: Arc<AppState>, queue: Queue) -> (Queue, Option<Time>) {
    let due = tick_queue(&app, queue.0, &queue.1).await.unwrap_or_else(|error| {
        tracing::warn!(%error, queue = queue.1, "could not send notices");
        // Pause, since the failing part may be overloaded.
        Some(app.system.clock.now().plus_seconds(RETRY_SECONDS))
    });
    (queue, due)
}

/// Returns all queues with notices to send, now or later.
async fn queues(app: &AppState) -> Result<Vec<Queue>> {
    let mut all: Vec<Queue> = Vec::new();
    loop {
        let after = all.last().cloned().unwrap_or((Uuid::nil(), String::new()));
        let page = app.store.read(move |tx| store::list_queues(tx, (after.0, &after.1), PAGE)).await?;
        let is_last = (page.len() as i64) < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// Sends everything that is due. Returns when the next notice is due.
pub async fn tick(app: &Arc<AppState>) -> Result<Option<Time>> {
    let mut next = None;
    for (workspace, queue) in queues(app).await? {
        next = next.into_iter().chain(tick_queue(app, workspace, &queue).await?).min();
    }
    Ok(next)
}

async fn tick_queue(app: &Arc<AppState>, workspace: Uuid, queue: &str) -> Result<Option<Time>> {
    loop {
        let now = app.system.clock.now();
        let address = store::address(queue);
        let look = move |tx: &mut Tx<'_>| -> Result<_> {
            let due = items::list_due(tx, workspace, &address, now, None, AT_ONCE)?;
            Ok((due, items::next_due(tx, workspace, &address, now)?))
        };
        let (due, next_due) = app.store.read(look).await?;
        if due.is_empty() {
            return Ok(next_due);
        }
        let (address, until) = (store::address(queue), now.plus_seconds(LEASE_SECONDS));
        let is_traced = app.tracer.get().is_some();
        let claim = move |tx: &mut Tx<'_>| -> Result<_> {
            let mut taken = Vec::new();
            for candidate in &due {
                // Number 0, since it is never shown. A change in between means that another worker has the item.
                if !items::claim(tx, workspace, &address, candidate, (0, Claim::Until(until)))? {
                    continue;
                }
                match store::find(tx, workspace, candidate.item.id)? {
                    Some(notice) => {
                        let traced = notice.intent.filter(|_| is_traced);
                        let trace = traced.map(|intent| traces::find_of(tx, workspace, intent)).transpose()?.flatten();
                        taken.push((notice, candidate.offers + 1, trace));
                    }
                    None => items::delete(tx, workspace, &address, candidate.item)?,
                }
            }
            Ok(taken)
        };
        let taken = app.store.write(Shard::of_workspace(workspace), claim).await?;
        let sent = taken.iter().map(|(notice, attempt, trace)| send(app, notice, *attempt, trace.as_deref()));
        for outcome in join_all(sent).await {
            outcome?;
        }
        // Look again: failed notices have a new time.
    }
}

/// Makes one attempt and records its outcome.
#[tracing::instrument(name = "delivery", skip_all, fields(kind = notice.channel, id = %notice.id))]
async fn send(app: &Arc<AppState>, notice: &Notice, attempt: u32, trace: Option<&str>) -> Result<()> {
    let daily = match timing(app, notice).await? {
        Timing::Now => None,
        Timing::Later { until, why } => return put_off(app, notice, until, why).await,
        Timing::Daily { why } => match digest::gather(app, notice).await? {
            Some(daily) => Some(daily),
            None => {
                let again = app.system.clock.now().plus_seconds(FOLLOWER_PAUSE_SECONDS);
                return put_off(app, notice, again, why).await;
            }
        },
    };
    let limit = Duration::from_secs(ATTEMPT_SECONDS);
    let span = app.begin_span_of(SpanKind::Client, trace, app.system.clock.now());
    let attempt_to_send = async {
        match &daily {
            Some(Daily { mail: Some(letter), .. }) => Ok(mail(app, letter.clone()).await),
            Some(Daily { mail: None, .. }) => Ok(Ok(Sending::Needless)),
            None => try_to_send(app, notice).await,
        }
    };
    let outcome = match tokio::time::timeout(limit, attempt_to_send).await {
        Ok(outcome) => outcome?,
        Err(_) => Err(PostError::Failed("the attempt timed out".to_owned())),
    };
    let is_needed = !matches!(outcome, Ok(Sending::Needless));
    let now = app.system.clock.now();
    if let Some(mut span) = span.filter(|_| is_needed) {
        span.set("axme.id", notice.id.to_string());
        span.set("axme.channel", notice.channel.as_str());
        if let Err(unsent) = &outcome {
            span.fail(short(unsent.why()));
        }
        span.finish("notice", now);
    }
    let pause = outcome.as_ref().err().and_then(|unsent| unsent.pause(notice.created_at, now));
    if let Some((seconds, why)) = pause {
        app.metrics.attempt(&notice.channel, Attempt::Postponed);
        return put_off(app, notice, now.plus_seconds(seconds), short(why)).await;
    }
    let again_at = outcome.as_ref().err().filter(|unsent| !unsent.is_final()).and_then(|_| {
        let usual = app.limits.push_retry_seconds.get(attempt as usize - 1).copied();
        let is_patient = notice.channel == "email" && now < notice.created_at.plus_seconds(MAIL_DAYS * 86_400);
        usual.or(Some(MAIL_PAUSE_SECONDS).filter(|_| is_patient)).map(|pause| now.plus_seconds(pause))
    });
    let error = outcome.err().map(|unsent| short(unsent.why()));
    app.metrics.attempt(
        &notice.channel,
        match (&error, again_at) {
            (None, _) => Attempt::Delivered,
            (Some(_), Some(_)) => Attempt::Failed,
            (Some(_), None) => Attempt::GivenUp,
        },
    );
    let (channel, intent) = (&notice.channel, notice.intent.map(tracing::field::display));
    // Here and not in the transaction, which may run twice.
    match (&error, again_at) {
        (None, _) => {}
        (Some(error), Some(again_at)) => {
            tracing::warn!(channel, intent, error, %again_at, "a notice failed and is retried");
        }
        (Some(error), None) => tracing::warn!(channel, intent, error, "a notice was given up"),
    }
    let (workspace, notice) = (notice.workspace, notice.clone());
    let is_pushed = app.site.web_push.is_some() && is_needed;
    let record = move |tx: &mut Tx<'_>| -> Result<_> {
        let (address, item) = (store::address(&notice.queue), notice.item());
        if is_pushed {
            web_push::announce(tx, &notice, daily.is_some())?;
        }
        match (&error, &daily, again_at) {
            (None, Some(daily), _) => daily.record(tx)?,
            (None, None, _) if !is_needed => store::delete(tx, notice.workspace, &notice)?,
            (None, None, _) => {
                items::delete(tx, notice.workspace, &address, item)?;
                store::close(tx, notice.workspace, notice.id)?;
            }
            (Some(error), _, Some(again_at)) => {
                items::postpone(tx, notice.workspace, &address, item, again_at, error)?;
            }
            (Some(error), _, None) => {
                items::note(tx, notice.workspace, &address, item, error)?;
                items::bury(tx, notice.workspace, &address, item, now)?;
                store::close(tx, notice.workspace, notice.id)?;
            }
        }
        Ok(())
    };
    app.store.write(Shard::of_workspace(workspace), record).await
}

/// Postpones a notice without counting the attempt.
async fn put_off(app: &Arc<AppState>, notice: &Notice, due_at: Time, why: String) -> Result<()> {
    tracing::info!(channel = notice.channel, why, %due_at, "a notice is put off");
    let (workspace, address, item) = (notice.workspace, store::address(&notice.queue), notice.item());
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        items::put_off(tx, workspace, &address, item, due_at)?;
        Ok(items::note(tx, workspace, &address, item, &why)?)
    };
    app.store.write(Shard::of_workspace(workspace), job).await
}

/// The outcome of an attempt that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Sent,
    /// There is no reason to send it any more.
    Needless,
}

type Attempted = std::result::Result<Sending, PostError>;

/// Sends a notice.
async fn try_to_send(app: &Arc<AppState>, notice: &Notice) -> Result<Attempted> {
    let language = language_of(app, notice).await?;
    Ok(match serde_json::from_value(notice.content.clone()) {
        Ok(Content::Task { about, asking }) => match task_mail(app, notice, (about, asking), language).await? {
            Some(letter) => mail(app, mail_templates::of_task(notice, &letter)).await,
            None => Ok(Sending::Needless),
        },
        Ok(Content::Over { over }) => over_mail(app, notice, over, language).await?,
        Ok(Content::Invitation { org, invited }) => invitation_mail(app, notice, (org, invited), language).await?,
        Ok(Content::Text { subject, body }) if notice.channel == "email" => {
            mail(app, mail_templates::of_notice(notice, &subject, &body, language)).await
        }
        Ok(Content::Text { subject, body }) => {
            let body = shape(notice, &subject, &body);
            post(app, notice, &body).await
        }
        Ok(Content::Question { question }) => match question_mail(app, notice, question).await? {
            Some(letter) => mail(app, mail_templates::of_question(notice, &letter)).await,
            None => Ok(Sending::Needless),
        },
        Ok(Content::Receipt { receipt }) => receipt_mail(app, notice, receipt, language).await?,
        Ok(Content::Login { login }) => {
            let may_anybody = app.site.sign_up;
            let draw = move |tx: &mut Tx<'_>| logins::draw(tx, login, may_anybody);
            match app.store.write(Shard::CONTROL, draw).await? {
                Some(secrets) => {
                    let base_url = &app.site.base_url;
                    mail(app, mail_templates::of_login(notice, login, &secrets, base_url, language)).await
                }
                None => Ok(Sending::Needless),
            }
        }
        Ok(Content::Trial { trial }) => trial_mail(app, notice, language, move |tx| alpha::draw(tx, trial)).await?,
        Ok(Content::TrialAgain { trial_of }) => {
            trial_mail(app, notice, language, move |tx| alpha::draw_again(tx, &trial_of)).await?
        }
        Ok(Content::Push { push, task }) => match web_push::send(app, notice, push, task, language).await? {
            Ok(true) => Ok(Sending::Sent),
            Ok(false) => Ok(Sending::Needless),
            Err(unsent) => Err(unsent),
        },
        Ok(Content::Delivery { delivery, signed_for }) => {
            let token = match signed_for {
                Some(principal) => Some(delivery_token(app, notice, principal).await?),
                None => None,
            };
            post_with(app, notice, &delivery, token).await
        }
        Err(error) => Err(PostError::Gone(format!("the notice cannot be read: {:?} error", error.classify()))),
    })
}

/// Sends the mail of a trial, if `draw` finds one to send.
async fn trial_mail(
    app: &Arc<AppState>,
    notice: &Notice,
    language: Language,
    draw: impl FnMut(&mut Tx<'_>) -> std::result::Result<Option<(Trial, String)>, StoreError> + Send + 'static,
) -> Result<Attempted> {
    Ok(match app.store.write(Shard::CONTROL, draw).await? {
        Some((trial, token)) => {
            let base_url = &app.site.base_url;
            mail(app, mail_templates::of_trial(notice, &trial, &token, base_url, language)).await
        }
        None => Ok(Sending::Needless),
    })
}

/// Returns the content of a mail about a task, with a new link; `None` if there is nothing to tell any more.
async fn task_mail(
    app: &Arc<AppState>,
    notice: &Notice,
    about: (Occasion, u32),
    language: Language,
) -> Result<Option<TaskMail>> {
    let Some(intent) = notice.intent else { return Ok(None) };
    let (notice, base_url) = (notice.clone(), app.site.base_url.clone());
    let job = move |tx: &mut Tx<'_>| write_letter(tx, &base_url, &notice, about, language);
    app.store.write(Shard::of_intent(intent), job).await
}

/// Returns the content of a mail about a question to the requester; `None` if the question needs no reply any more.
async fn question_mail(app: &Arc<AppState>, notice: &Notice, number: usize) -> Result<Option<QuestionMail>> {
    let (Some(intent), workspace) = (notice.intent, notice.workspace) else { return Ok(None) };
    let (recipient, base_url, language) = (notice.recipient.clone(), app.site.base_url.clone(), app.site.language);
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let Some(head) = intents::find(tx, workspace, intent)? else { return Ok(None) };
        let is_last = head.intent.waiting().is_some_and(|waiting| waiting.questions.len() == number);
        let open = head.intent.open_question().filter(|question| is_last && question.is_for(&recipient));
        let (Some(question), Some(task)) = (open, head.intent.open_task()) else { return Ok(None) };
        let spec = intents::spec(tx, workspace, intent)?;
        let requester = requester::of(tx, workspace, &spec, language)?;
        Ok(Some(QuestionMail {
            language,
            organization: requester.organization,
            title: task.title.clone(),
            asked_by: question.by.clone(),
            question: question.text.clone(),
            due: head.intent.due_at(spec.deadline_at),
            intent_id: intent.to_string(),
            host: host(&base_url),
            inbox: format!("{base_url}/inbox"),
        }))
    };
    app.store.read(look).await
}

/// Sends the receipt of a decision to the person who decided.
async fn receipt_mail(app: &Arc<AppState>, notice: &Notice, id: Uuid, language: Language) -> Result<Attempted> {
    let workspace = notice.workspace;
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let Some(receipt) = receipts::find(tx, workspace, id)? else { return Ok(None) };
        Ok(Some((receipt, requester::organization(tx, workspace)?)))
    };
    let Some((receipt, organization)) = app.store.read(look).await? else { return Ok(Ok(Sending::Needless)) };
    let (Ok(body), Some(signed)) = (serde_json::from_str::<Receipt>(&receipt.body), receipt.signed) else {
        return Ok(Ok(Sending::Needless));
    };
    let host = host(&app.site.base_url);
    let place = (organization.as_str(), host.as_str());
    Ok(mail(app, mail_templates::of_receipt(notice, place, &body, &signed, language)).await)
}

/// Tells a person whom an earlier mail has reached that their answer is no longer needed.
async fn over_mail(app: &Arc<AppState>, notice: &Notice, asking: u32, language: Language) -> Result<Attempted> {
    match find_called_off(app, notice, asking, language).await? {
        Err(()) => Ok(Err(PostError::Later {
            pause_seconds: RETRY_SECONDS * 30,
            why: "an earlier mail about the task is being sent".to_owned(),
        })),
        Ok(None) => Ok(Ok(Sending::Needless)),
        Ok(Some((over, requester))) => {
            let host = host(&app.site.base_url);
            Ok(mail(app, mail_templates::of_call_off(notice, &requester, &host, &over, language)).await)
        }
    }
}

/// Tells a person about a new membership, if it still is one.
async fn invitation_mail(
    app: &Arc<AppState>,
    notice: &Notice,
    (org, member): (Uuid, Uuid),
    language: Language,
) -> Result<Attempted> {
    match find_invitation(app, org, member).await? {
        None => Ok(Ok(Sending::Needless)),
        Some(invitation) => {
            let base_url = &app.site.base_url;
            Ok(mail(app, mail_templates::of_invitation(notice, &invitation, base_url, language)).await)
        }
    }
}

async fn mail(app: &AppState, mail: Mail) -> Attempted {
    let sent = app.system.outbound.mail(mail.clone()).await;
    sent.map_err(|MailError { why, is_final }| if is_final { PostError::Gone(why) } else { PostError::Failed(why) })?;
    // An error means that nobody subscribes to mails, which is usual.
    let _ = app.mails.send(mail);
    Ok(Sending::Sent)
}

/// Signs a token for one attempt, so that it is fresh however long the delivery waited.
async fn delivery_token(app: &AppState, notice: &Notice, principal: Uuid) -> Result<String> {
    let (signer, now) = (&app.keys.signer, app.system.clock.now());
    let what = (principal, notice.id, notice.recipient.as_str());
    signer.sign_delivery(&app.store, &app.system.rng, now, what).await
}

async fn post(app: &AppState, notice: &Notice, body: &Value) -> Attempted {
    post_with(app, notice, body, None).await
}

async fn post_with(app: &AppState, notice: &Notice, body: &Value, token: Option<String>) -> Attempted {
    let body = body.to_string().into_bytes();
    let mut headers = vec![("webhook-id", notice.id.to_string())];
    headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
    let request = Post { workspace: notice.workspace, url: notice.recipient.clone(), headers, body };
    app.system.outbound.post(request).await?.accepted().map(|()| Sending::Sent)
}

/// Formats a text for its channel.
fn shape(notice: &Notice, subject: &str, body: &str) -> Value {
    match notice.channel.as_str() {
        "slack" => json!({ "text": format!("*{subject}*\n{body}") }),
        "teams" => json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        { "type": "TextBlock", "text": subject, "weight": "Bolder", "wrap": true },
                        { "type": "TextBlock", "text": body, "wrap": true },
                    ],
                },
            }],
        }),
        _ => json!({
            "event_type": "notification", "notice_id": notice.id, "intent_id": notice.intent, "subject": subject,
            "body": body, "occurred_at": notice.created_at.to_string(),
        }),
    }
}
