//! Receivers of posts: an agent that is a web server, and a subscriber to all events of intents.

use std::sync::Arc;

use axme_intent::IntentId;
use axme_server::workers;
use serde_json::{Value, json};

use super::{answer, call_as_admin, text};
use crate::invariants::ensure;
use crate::outbound::{AGENT_URL, CHAT_URL, SUBSCRIBER_URL};
use crate::{CheckResult, Simulation};

/// The name of the agent with an HTTP endpoint.
pub(crate) const PUSH_AGENT: &str = "dan";

pub(crate) fn register(sim: &mut Simulation) -> CheckResult {
    let body = json!({ "name": PUSH_AGENT, "delivery_mode": "http", "callback_url": AGENT_URL });
    let account = call_as_admin(sim, "POST", "/v1/service-accounts", body)?;
    sim.actors.push_agent.account = text(&account.body, "service_account_id")?;
    let path = format!("/v1/service-accounts/{}/keys", sim.actors.push_agent.account);
    let key = call_as_admin(sim, "POST", &path, json!({}))?;
    sim.actors.push_agent.key = text(&key.body, "api_key")?;
    let body = json!({ "callback_url": SUBSCRIBER_URL, "event_types": ["intent.*"] });
    let created = call_as_admin(sim, "POST", "/v1/webhooks/subscriptions", body)?;
    let id = text(&created.body["subscription"], "subscription_id")?;
    sim.actors.subscription = id.parse().map_err(|_| format!("invalid id {id}"))?;
    Ok(())
}

#[derive(Default)]
pub(crate) struct PushAgent {
    account: String,
    key: String,
    /// Pushed intents without an answer.
    claims: Vec<IntentId>,
}

/// Runs one round of each delivery worker on a random node. A later call repeats a failed round.
pub(crate) fn run_delivery_workers(sim: &mut Simulation) -> CheckResult {
    let Some(workspace) = sim.checker.workspace else { return Ok(()) };
    let (app, account, subscription) =
        (sim.cluster.app(), sim.actors.push_agent.account.clone(), sim.actors.subscription);
    let fanned: Arc<_> = app.clone();
    let fanned = sim.cluster.drive(async move { workers::fanout::tick(&fanned).await.map_err(|e| e.to_string()) });
    let pushed = app.clone();
    let pushed = async move { workers::push::tick(&pushed, workspace, &account).await.map_err(|e| e.to_string()) };
    let pushed = sim.cluster.drive(pushed);
    let sent = async move { workers::webhooks::tick(&app, workspace, subscription).await.map_err(|e| e.to_string()) };
    let sent = sim.cluster.drive(sent);
    sim.note(&format!("fanned out {fanned:?}, pushed {pushed:?}, sent {sent:?}"));
    collect_posts(sim)
}

/// Hands received posts to their receivers.
pub(crate) fn collect_posts(sim: &mut Simulation) -> CheckResult {
    for post in sim.cluster.outbound.take_posts() {
        sim.actors.received_posts += 1;
        let (url, body) = (post.url, post.body);
        if url == CHAT_URL {
            let id = post.id.parse().map_err(|_| format!("a chat received {body} as {}", post.id))?;
            sim.checker.delivered_notices.insert(id);
        } else if url == AGENT_URL {
            let id: Option<IntentId> = body["intent_id"].as_str().and_then(|id| id.parse().ok());
            let Some(id) = id else { return Err(format!("{PUSH_AGENT} received {body}")) };
            sim.note(&format!("{PUSH_AGENT} gets {id}"));
            sim.actors.push_agent.claims.push(id);
        } else {
            let (payload, event_type) = (&body["payload"], body["event_type"].as_str().unwrap_or_default());
            let id = payload["intent_id"].as_str().and_then(|id| id.parse().ok());
            let (Some(id), Some(seq)) = (id, payload["event"]["seq"].as_u64()) else {
                return Err(format!("the subscriber received {body}"));
            };
            sim.note(&format!("the subscriber gets {event_type} {seq} of {id}"));
            sim.actors.webhook_events.insert((id, seq), event_type.to_owned());
        }
    }
    Ok(())
}

/// Completes one pushed intent, in time or late.
pub(crate) fn answer_one(sim: &mut Simulation) -> CheckResult {
    if sim.actors.push_agent.claims.is_empty() {
        return Ok(());
    }
    let nth = sim.cluster.below(sim.actors.push_agent.claims.len());
    let id = sim.actors.push_agent.claims.swap_remove(nth);
    complete(sim, id)
}

/// Completes all pushed intents. Returns how many there were.
pub(crate) fn answer_all_pushes(sim: &mut Simulation) -> Result<usize, String> {
    let claims = std::mem::take(&mut sim.actors.push_agent.claims);
    for id in &claims {
        complete(sim, *id)?;
    }
    Ok(claims.len())
}

fn complete(sim: &mut Simulation, id: IntentId) -> CheckResult {
    let (mark, key) = (sim.promises.new_mark(), sim.actors.push_agent.key.clone());
    answer(sim, &key, id, "resume", &mark, json!({ "action": "complete", "found": mark }))
}

/// Checks that every event has reached the subscriber or is listed as a dead letter.
pub(crate) fn check_webhooks(sim: &mut Simulation) -> CheckResult {
    let mut dead = Vec::new();
    let mut path = "/v1/deliveries?limit=1000".to_owned();
    loop {
        let page = call_as_admin(sim, "GET", &path, Value::Null)?;
        let letters = page.body["deliveries"].as_array().cloned().unwrap_or_default();
        let is_event = |letter: &&Value| letter["to_agent"].as_str().is_some_and(|to| to.starts_with("webhook://"));
        dead.extend(letters.iter().filter(is_event).cloned());
        match page.body["next_before"].as_str() {
            Some(before) => path = format!("/v1/deliveries?limit=1000&before={before}"),
            None => break,
        }
    }
    let mut missing = 0;
    for (id, observed) in &sim.checker.intents {
        for event in &observed.events {
            let seq = u64::from(event.position) * 2;
            match sim.actors.webhook_events.get(&(*id, seq)) {
                Some(received) => {
                    let is_right = received == event.body.event_type().as_str();
                    ensure!(is_right, "{id}: event {seq} is {}, received as {received}", event.body.event_type());
                }
                None => missing += 1,
            }
        }
    }
    ensure!(missing <= dead.len(), "{missing} events were not received, but only {} are dead letters", dead.len());
    Ok(())
}
