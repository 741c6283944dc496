//! Sends events to subscribers. The subscription's task in `push_dispatcher` processes its queue.
//!
//! An attempt claims the delivery for longer than it can last. After a crash the event is sent again under the same id:
//! at least once. Any 2xx status is a success. If the attempt after the last pause of the push schedule fails, the
//! delivery becomes a dead letter, which is listed and can be replayed. A pause that the receiver asks for uses up no
//! attempt. Status 410 makes a dead letter at once and pauses the subscription.

use std::sync::Arc;

use axme_intent::{IntentId, Json, JsonFields, Time};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::{attempt_of, short};
use crate::deliver::outbound::PATIENCE;
use crate::deliver::traced;
use axme_core::error::{Result, StoreError};
use axme_core::ops::webhooks::pause_gone;
use axme_core::signature;
use axme_core::state::AppState;
use axme_core::system::{Post, PostAnswer};
use axme_core::traceparent::Traceparent;
use axme_store::queue::{Claim, QueueItem};
use axme_store::webhooks::{Event, EventOrigin, Subscription};
use axme_store::{Shard, Tx, queue, traces, webhooks as store};

/// Events sent to one subscriber at a time.
const AT_ONCE: i64 = 8;
/// The time by which a claim outlasts the longest attempt.
const MARGIN_SECONDS: u64 = 5;

/// The claimed events of one subscriber.
struct Batch {
    subscription: Subscription,
    events: Vec<ClaimedEvent>,
    /// The time when the claims lapse.
    until: Time,
    /// Whether nothing was due.
    is_empty: bool,
    next_due: Option<Time>,
}

struct ClaimedEvent {
    event: Event,
    /// The number of the attempt, from 1.
    attempt: u32,
    /// The trace of the intent that it tells of.
    trace: Option<Traceparent>,
}

/// Sends what is due to one subscriber. Returns when the next event is due.
pub async fn tick(app: &Arc<AppState>, workspace: Uuid, subscription: Uuid) -> Result<Option<Time>> {
    loop {
        let Some(taken) = take(app, workspace, subscription, AT_ONCE).await? else { return Ok(None) };
        if taken.is_empty {
            return Ok(taken.next_due);
        }
        deliver(app, &taken).await?;
        // Look again: failed events have a new time.
    }
}

/// Sends at most `most` due events to one subscriber, in one batch. Returns their number.
pub async fn round(app: &Arc<AppState>, workspace: Uuid, subscription: Uuid, most: i64) -> Result<usize> {
    let Some(taken) = take(app, workspace, subscription, most.min(AT_ONCE)).await? else { return Ok(0) };
    deliver(app, &taken).await?;
    Ok(taken.events.len())
}

async fn deliver(app: &Arc<AppState>, taken: &Batch) -> Result<()> {
    let sent = taken.events.iter().map(|claimed| send(app, &taken.subscription, claimed, taken.until));
    for outcome in join_all(sent).await {
        outcome?;
    }
    Ok(())
}

async fn take(app: &Arc<AppState>, workspace: Uuid, id: Uuid, most: i64) -> Result<Option<Batch>> {
    let now = app.system.clock.now();
    let is_due = move |tx: &mut Tx<'_>| -> Result<_> {
        let found = store::find(tx, workspace, id)?.filter(|s| s.active && s.revoked_at.is_none());
        let Some(subscription) = found else { return Ok(None) };
        let address = subscription.address();
        let due = queue::list_due(tx, workspace, &address, now, None, most)?;
        Ok(Some((due, queue::next_due(tx, workspace, &address, now)?, subscription)))
    };
    // Most looks find nothing, and need no write transaction.
    let Some((due, next_due, subscription)) = app.store.read(is_due).await? else { return Ok(None) };
    let until = now.plus_seconds(app.limits.push_seconds + PATIENCE.as_secs() + MARGIN_SECONDS);
    if due.is_empty() {
        return Ok(Some(Batch { subscription, events: Vec::new(), until, is_empty: true, next_due }));
    }
    let claim = move |tx: &mut Tx<'_>| -> Result<_> {
        let address = subscription.address();
        let mut events = Vec::new();
        for candidate in &due {
            // Number 0, since it is never shown. A change in between means that another worker has the item.
            if !queue::claim(tx, workspace, &address, candidate, (0, Claim::Until(until)))? {
                continue;
            }
            match store::find_event(tx, workspace, candidate.item.id)? {
                Some(event) => {
                    let trace = trace_of(tx, workspace, &event)?;
                    events.push(ClaimedEvent { event, attempt: candidate.offers + 1, trace });
                }
                None => queue::delete(tx, workspace, &address, candidate.item)?,
            }
        }
        Ok(Batch { subscription: subscription.clone(), events, until, is_empty: false, next_due })
    };
    app.store.write(Shard::of_workspace(workspace), claim).await.map(Some)
}

/// Finds the trace of the intent that an event of the platform tells of.
fn trace_of(tx: &mut Tx<'_>, workspace: Uuid, event: &Event) -> Result<Option<Traceparent>, StoreError> {
    if event.origin != Some(EventOrigin::Platform) {
        return Ok(None);
    }
    let named = ["intent_id", "thread_id"].into_iter().find_map(|name| event.payload.field(name)?.string());
    let Some(id) = named.and_then(|id| Uuid::parse_str(&id).ok()) else { return Ok(None) };
    let found = traces::find_of(tx, workspace, IntentId(id))?;
    Ok(found.and_then(|text| Traceparent::parse(&text)))
}

#[tracing::instrument(name = "delivery", skip_all, fields(kind = "webhook", id = %claimed.event.id))]
async fn send(app: &Arc<AppState>, to: &Subscription, claimed: &ClaimedEvent, until: Time) -> Result<()> {
    let ClaimedEvent { event, attempt, trace } = claimed;
    let (attempt, claimed) = (*attempt, (*attempt, until));
    let body = json!({
        "event_id": event.id, "event_type": event.event_type, "source": event.source, "origin": event.origin,
        "owner_agent": event.owners.first(), "subscription_id": to.id, "occurred_at": event.created_at.to_string(),
        "attempt": attempt,
    });
    let body = Json::from(JsonFields::of(body).with("payload", event.payload.clone())).text().as_bytes().to_vec();
    let mut headers = signature::headers(&to.secret, &event.id.to_string(), app.system.clock.now(), &body);
    headers.push(("x-axme-event", event.event_type.clone()));
    let url = to.callback_url.clone();
    let post = Post { workspace: to.workspace, url, headers, body };
    let outcome = traced::post(app, *trace, ("webhook", &event.id.to_string()), post).await;
    let outcome = outcome.and_then(PostAnswer::accepted);
    if let Err(unsent) = &outcome {
        tracing::warn!(subscription = %to.id, error = short(unsent.why()), "a webhook failed");
    }
    let now = app.system.clock.now();
    let is_put_off = outcome.as_ref().err().is_some_and(|unsent| unsent.pause(event.created_at, now).is_some());
    app.metrics.attempt("webhook", attempt_of(&outcome, is_put_off));
    let pauses = app.limits.push_retry_seconds.clone();
    let (workspace, to, id, created_at) = (to.workspace, to.clone(), event.id, event.created_at);
    let item = QueueItem::webhook_event(id);
    let record = move |tx: &mut Tx<'_>| -> Result<_> {
        let address = to.address();
        // A replay in the meantime asks for another attempt. It stays queued, whatever the outcome of this one.
        if !queue::is_as_claimed(tx, to.workspace, &address, item, claimed)? {
            return if outcome.is_ok() { Ok(store::arrived_before(tx, &to, id)?) } else { Ok(()) };
        }
        let Err(unsent) = &outcome else { return Ok(store::arrived(tx, &to, id)?) };
        if let Some((pause, why)) = unsent.pause(created_at, now) {
            queue::put_off(tx, to.workspace, &address, item, now.plus_seconds(pause))?;
            return Ok(queue::note(tx, to.workspace, &address, item, &short(why))?);
        }
        match pauses.get(attempt as usize - 1).filter(|_| !unsent.is_final()) {
            Some(pause) => {
                let due_at = now.plus_seconds(*pause);
                queue::postpone(tx, to.workspace, &address, item, due_at, &short(unsent.why()))?;
            }
            None => {
                queue::note(tx, to.workspace, &address, item, &short(unsent.why()))?;
                queue::bury(tx, to.workspace, &address, item, now)?;
            }
        }
        if unsent.is_final() {
            pause_gone(tx, &to)?;
        }
        Ok(())
    };
    app.store.write(Shard::of_workspace(workspace), record).await
}
