//! Those who are pushed to: an agent that is a web server, and a subscriber to everything that happens to intents.

use std::sync::Arc;

use axme_intent::IntentId;
use axme_server::workers;
use serde_json::{Value, json};

use super::{answer, by_admin, text};
use crate::invariants::hold;
use crate::outside::{AGENT_URL, CHAT_URL, SUBSCRIBER_URL};
use crate::{Checked, Sim};

/// The agent that is pushed to.
pub const PUSHED: &str = "dan";

pub fn enter(sim: &mut Sim) -> Checked {
    let body = json!({ "name": PUSHED, "delivery_mode": "http", "callback_url": AGENT_URL });
    let account = by_admin(sim, "POST", "/v1/service-accounts", body)?;
    sim.cast.dan.account = text(&account.body, "service_account_id")?;
    let path = format!("/v1/service-accounts/{}/keys", sim.cast.dan.account);
    let key = by_admin(sim, "POST", &path, json!({}))?;
    sim.cast.dan.key = text(&key.body, "api_key")?;
    let body = json!({ "callback_url": SUBSCRIBER_URL, "event_types": ["intent.*"] });
    let made = by_admin(sim, "POST", "/v1/webhooks/subscriptions", body)?;
    let id = text(&made.body["subscription"], "subscription_id")?;
    sim.cast.subscription = id.parse().map_err(|_| format!("{id} is no id"))?;
    sim.stage.watch();
    Ok(())
}

/// What [`PUSHED`] is and has.
#[derive(Default)]
pub struct Pushed {
    account: String,
    key: String,
    /// What was pushed and not answered.
    held: Vec<IntentId>,
}

/// One round of each worker that sends, on some node. One that fails is tried again some other time.
pub fn tick(sim: &mut Sim) -> Checked {
    let Some(workspace) = sim.watch.workspace else { return Ok(()) };
    let (app, account, subscription) = (sim.stage.app(), sim.cast.dan.account.clone(), sim.cast.subscription);
    let fanned: Arc<_> = app.clone();
    let fanned = sim.stage.drive(async move { workers::fanout::tick(&fanned).await.map_err(|e| e.to_string()) });
    let pushed = app.clone();
    let pushed = async move { workers::push::tick(&pushed, workspace, &account).await.map_err(|e| e.to_string()) };
    let pushed = sim.stage.drive(pushed);
    let sent = async move { workers::webhooks::tick(&app, workspace, subscription).await.map_err(|e| e.to_string()) };
    let sent = sim.stage.drive(sent);
    sim.note(&format!("fanned out {fanned:?}, pushed {pushed:?}, sent {sent:?}"));
    hear(sim)
}

pub fn hear(sim: &mut Sim) -> Checked {
    for arrival in sim.stage.outside.arrivals() {
        sim.cast.arrivals += 1;
        let (url, body) = (arrival.url, arrival.body);
        if url == CHAT_URL {
            let id = arrival.id.parse().map_err(|_| format!("a chat got {body} as {}", arrival.id))?;
            sim.watch.arrived.insert(id);
        } else if url == AGENT_URL {
            let id: Option<IntentId> = body["intent_id"].as_str().and_then(|id| id.parse().ok());
            let Some(id) = id else { return Err(format!("{PUSHED} got {body}")) };
            sim.note(&format!("{PUSHED} gets {id}"));
            sim.cast.dan.held.push(id);
        } else {
            let (payload, event_type) = (&body["payload"], body["event_type"].as_str().unwrap_or_default());
            let id = payload["intent_id"].as_str().and_then(|id| id.parse().ok());
            let (Some(id), Some(seq)) = (id, payload["event"]["seq"].as_u64()) else {
                return Err(format!("the subscriber got {body}"));
            };
            sim.note(&format!("the subscriber hears {event_type} {seq} of {id}"));
            sim.cast.heard.insert((id, seq), event_type.to_owned());
        }
    }
    Ok(())
}

/// The pushed agent answers something, rightly or late.
pub fn answer_one(sim: &mut Sim) -> Checked {
    if sim.cast.dan.held.is_empty() {
        return Ok(());
    }
    let nth = sim.stage.below(sim.cast.dan.held.len());
    let id = sim.cast.dan.held.swap_remove(nth);
    complete(sim, id)
}

/// The pushed agent answers everything. Returns how much that was.
pub fn answer_all(sim: &mut Sim) -> Result<usize, String> {
    let held = std::mem::take(&mut sim.cast.dan.held);
    for id in &held {
        complete(sim, *id)?;
    }
    Ok(held.len())
}

fn complete(sim: &mut Sim, id: IntentId) -> Checked {
    let (mark, key) = (sim.promises.mark(), sim.cast.dan.key.clone());
    answer(sim, &key, id, "resume", &mark, json!({ "action": "complete", "found": mark })).map(|_| ())
}

/// At the end every event has reached the subscriber, or is listed as a dead letter.
pub fn check_all_heard(sim: &mut Sim) -> Checked {
    let mut dead = Vec::new();
    let mut path = "/v1/deliveries?limit=1000".to_owned();
    loop {
        let page = by_admin(sim, "GET", &path, Value::Null)?;
        let letters = page.body["deliveries"].as_array().cloned().unwrap_or_default();
        let is_event = |letter: &&Value| letter["to_agent"].as_str().is_some_and(|to| to.starts_with("webhook://"));
        dead.extend(letters.iter().filter(is_event).cloned());
        match page.body["next_before"].as_str() {
            Some(before) => path = format!("/v1/deliveries?limit=1000&before={before}"),
            None => break,
        }
    }
    let mut missing = 0;
    for (id, seen) in &sim.watch.seen {
        for event in &seen.events {
            let seq = u64::from(event.position) * 2;
            match sim.cast.heard.get(&(*id, seq)) {
                Some(heard) => {
                    let is_right = heard == event.body.event_type();
                    hold!(is_right, "{id}: event {seq} is {}, heard as {heard}", event.body.event_type());
                }
                None => missing += 1,
            }
        }
    }
    hold!(missing <= dead.len(), "{missing} events were not heard, {} are dead letters", dead.len());
    Ok(())
}
