//! Turns decisions and inbox entries into events for webhook subscribers.
//!
//! If the workspace has subscribers, the write path adds one small row and does nothing else for them.
//! This worker turns rows into events and deliveries. Their ids are derived from the row, so that a crash
//! in between repeats nothing.

use std::sync::Arc;

use axme_intent::{Address, IntentId, Json, JsonFields, Time};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use axme_core::error::{Result, StoreError};
use axme_core::ops::webhooks;
use axme_core::state::AppState;
use axme_core::views;
use axme_store::inbox::EntryKind;
use axme_store::webhooks::{Event, EventOrigin, EventSource, Fanout, Subscription};
use axme_store::{Shard, Signal, Tx, inbox, intents, webhooks as store};

/// The approximate number of deliveries in one transaction: a row makes one or two events.
const MAX_DELIVERIES: usize = 500;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    let waiter = app.wakeups.subscribe(Signal::fanouts());
    loop {
        let listening = waiter.listen();
        if let Err(error) = tick(&app).await {
            tracing::warn!(%error, "could not fan out events");
        }
        listening.or(app.stopped()).await;
        if *app.stopping.borrow() {
            return;
        }
    }
}

/// Fans out all rows, a few of each workspace in turn, so that a busy workspace delays no other.
/// Returns the number of rows.
pub async fn tick(app: &Arc<AppState>) -> Result<usize> {
    let mut done = 0;
    loop {
        let (mut after, mut is_more, mut failed) = (Uuid::nil(), false, None);
        while let Some(workspace) = app.store.read(move |tx| store::next_to_fan_out(tx, after)).await? {
            after = workspace;
            match round(app, workspace).await {
                Ok((count, is_full)) => (done, is_more) = (done + count, is_more | is_full),
                // The next run retries it; the workspaces behind it do not wait.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // Another node has the rows that are left, or they will send a signal.
        if !is_more {
            return Ok(done);
        }
    }
}

/// Fans out some rows of a workspace. Returns their number, and whether there may be more.
async fn round(app: &Arc<AppState>, workspace: Uuid) -> Result<(usize, bool)> {
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let subscribers = webhooks::subscribers(tx, workspace)?;
        let most = (MAX_DELIVERIES / subscribers.len().max(1)).max(1);
        let rows = store::take_fanouts(tx, workspace, i64::try_from(most).unwrap_or(1))?;
        for row in &rows {
            for event in events(tx, row, &subscribers)? {
                let interested = webhooks::interested(&subscribers, &event);
                webhooks::spread(tx, workspace, event, &interested)?;
            }
        }
        Ok((rows.len(), rows.len() == most))
    };
    app.store.write(Shard::of_workspace(workspace), job).await
}

/// Returns the events of a row.
fn events(tx: &mut Tx<'_>, row: &Fanout, subscribers: &[Subscription]) -> Result<Vec<Event>, StoreError> {
    if subscribers.is_empty() {
        return Ok(Vec::new());
    }
    if row.entry > 0 {
        return of_entry(tx, row);
    }
    of_decision(tx, row)
}

fn of_decision(tx: &mut Tx<'_>, row: &Fanout) -> Result<Vec<Event>, StoreError> {
    let Some(head) = intents::find(tx, row.workspace, row.intent)? else { return Ok(Vec::new()) };
    let reply_to = inbox::reply_to(tx, row.workspace, row.intent)?;
    let mut made = Vec::new();
    for event in intents::decision(tx, row.workspace, row.intent, row.position)? {
        let shown = views::event(row.intent, &event);
        let event_type = event.body.event_type();
        let is_end = event.status.is_terminal();
        let payload = json!({
            "intent_id": row.intent, "intent_type": head.intent_type, "from_agent": head.from, "to_agent": head.to,
            "status": shown.status, "outcome": shown.outcome.outcome, "outcome_text": shown.outcome.outcome_text,
        });
        let payload = Json::from(JsonFields::of(payload).with("event", Json::of(&shown)));
        let mut owners = vec![head.to.clone(), head.from.clone()];
        owners.extend(reply_to.clone().filter(|_| is_end));
        let mut add = |event_type: &str, owners: Vec<Address>| {
            made.push(Event {
                id: derived_id(row, event_type, event.at, event.position),
                owners,
                event_type: event_type.to_owned(),
                source: EventSource::Intents.as_str().to_owned(),
                origin: Some(EventOrigin::Platform),
                payload: payload.clone(),
                queued: 0,
                delivered: 0,
                created_at: event.at,
            });
        };
        add(event_type.as_str(), owners);
        // The receiver has a thread from the start, `reply_to` once the intent has ended.
        if event.position == 1 {
            add("inbox.thread_created", vec![head.to.clone()]);
        }
        if is_end && let Some(reply_to) = &reply_to {
            add("inbox.thread_created", vec![reply_to.clone()]);
        }
    }
    Ok(made)
}

fn of_entry(tx: &mut Tx<'_>, row: &Fanout) -> Result<Vec<Event>, StoreError> {
    let Some(entry) = inbox::entry(tx, row.workspace, row.intent, row.entry)? else { return Ok(Vec::new()) };
    let members = inbox::members(tx, row.workspace, row.intent)?;
    let owners = members.into_iter().map(|member| member.owner).filter(|owner| owner.as_str() != entry.actor).collect();
    let event_type = match entry.kind {
        EntryKind::Reply => "inbox.reply_received",
        EntryKind::Delegated | EntryKind::Approved | EntryKind::Rejected => "inbox.thread_updated",
    };
    let payload = json!({
        "thread_id": row.intent, "kind": entry.kind, "actor": entry.actor, "entry_id": entry.id, "details": entry.details,
    });
    Ok(vec![Event {
        id: derived_id(row, event_type, entry.at, u32::try_from(row.entry).unwrap_or(u32::MAX)),
        owners,
        event_type: event_type.to_owned(),
        source: EventSource::Inbox.as_str().to_owned(),
        origin: Some(EventOrigin::Platform),
        payload: payload.into(),
        queued: 0,
        delivered: 0,
        created_at: entry.at,
    }])
}

/// Derives an id that is the same on every run. Such ids sort by time, then by number.
fn derived_id(row: &Fanout, event_type: &str, at: Time, number: u32) -> Uuid {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(row.workspace.as_bytes())
        .chain_update(row.intent.0.as_bytes())
        .chain_update(number.to_be_bytes())
        .chain_update(event_type)
        .finalize()
        .into();
    let mut bytes: [u8; 10] = digest[..10].try_into().unwrap_or_default();
    bytes[..2].copy_from_slice(&number.to_be_bytes()[2..]);
    IntentId::root(at, bytes).0
}
