//! Agents. They claim work from their queues as the stream does. They read intents, answer them, forget them, answer
//! twice, and answer other agents' work.

use std::sync::Arc;

use axme_core::claims::{Reading, offer};
use axme_intent::{Address, IntentId};
use axme_store::consumers::ConsumerName;
use serde_json::json;

use super::AGENTS;
use crate::invariants::ensure;
use crate::{CheckResult, Simulation};

const MAX_OFFERS: usize = 5;

/// Claims work for a random agent, which may die before it reads the intents.
pub(crate) fn claim_some(sim: &mut Simulation) -> CheckResult {
    let agent = sim.cluster.below(AGENTS.len());
    let claimed = claim(sim, agent, MAX_OFFERS)?;
    if sim.cluster.chance(15) {
        return Ok(());
    }
    for id in claimed {
        if sim.cluster.chance(70) {
            let key = sim.actors.agents[agent].clone();
            sim.call(&key, "GET", &format!("/v1/intents/{id}"), json!(null))?;
        }
        sim.actors.claims.push((agent, id));
    }
    Ok(())
}

/// Claims due deliveries of an agent.
pub(crate) fn claim(sim: &mut Simulation, agent: usize, most: usize) -> Result<Vec<IntentId>, String> {
    claim_as(sim, AGENTS[agent], None, most)
}

/// Claims due deliveries of an agent as a nameless or named reader. Delivery numbers must grow, and offered intents must
/// be live.
pub(crate) fn claim_as(
    sim: &mut Simulation,
    agent: &str,
    consumer: Option<ConsumerName>,
    most: usize,
) -> Result<Vec<IntentId>, String> {
    let address = format!("agent://local/default/{agent}");
    let Some(workspace) = sim.checker.workspace else { return Ok(Vec::new()) };
    let app: Arc<_> = sim.cluster.app();
    let to = Address::from_canonical(address.clone());
    let is_announced = sim.cluster.chance(50);
    let reading = Reading { workspace, address: to, consumer, most, status: None, due_by: None, is_announced };
    let Ok((offers, _)) = sim.cluster.drive(async move { offer(&app, reading).await }) else {
        sim.note(&format!("{address} cannot read its queue"));
        return Ok(Vec::new());
    };
    let mut claimed = Vec::new();
    for offer in offers {
        sim.note(&format!("{address} gets {} as {}", offer.intent.id, offer.number));
        let last = sim.promises.delivery_numbers.insert(address.clone(), offer.number).unwrap_or(0);
        ensure!(offer.number > last, "{address}: delivery {} follows {last}", offer.number);
        ensure!(sim.checker.is_live(offer.intent.id), "{address} was offered {}, which has ended", offer.intent.id);
        claimed.push(offer.intent.id);
    }
    Ok(claimed)
}

/// Answers a claimed intent, in time or late. The agent may forget that it answered.
pub(crate) fn answer(sim: &mut Simulation) -> CheckResult {
    if sim.actors.claims.is_empty() {
        return Ok(());
    }
    let nth = sim.cluster.below(sim.actors.claims.len());
    let (agent, id) = if sim.cluster.chance(80) { sim.actors.claims.swap_remove(nth) } else { sim.actors.claims[nth] };
    answer_as(sim, agent, id)
}

fn answer_as(sim: &mut Simulation, agent: usize, id: IntentId) -> CheckResult {
    let mark = sim.promises.new_mark();
    let body = match sim.cluster.below(10) {
        0 | 1 => json!({ "action": "fail", "reason": mark }),
        2 => json!({ "status": "pending_review", "note": mark }),
        _ => json!({ "action": "complete", "found": mark }),
    };
    let key = sim.actors.agents[agent].clone();
    super::answer(sim, &key, id, "resume", &mark, body)
}

/// Completes an intent at once, as a correct agent does.
pub(crate) fn complete(sim: &mut Simulation, agent: usize, id: IntentId) -> CheckResult {
    let mark = sim.promises.new_mark();
    let key = sim.actors.agents[agent].clone();
    super::answer(sim, &key, id, "resume", &mark, json!({ "action": "complete", "found": mark }))
}

/// Drops all claims of a random agent.
pub(crate) fn drop_claims(sim: &mut Simulation) -> CheckResult {
    let agent = sim.cluster.below(AGENTS.len());
    sim.actors.claims.retain(|(holder, _)| *holder != agent);
    sim.note(&format!("{} dies", AGENTS[agent]));
    Ok(())
}

/// Answers a random intent, which may belong to another agent.
pub(crate) fn answer_any(sim: &mut Simulation) -> CheckResult {
    let Some(id) = sim.pick_intent() else { return Ok(()) };
    let agent = sim.cluster.below(AGENTS.len());
    answer_as(sim, agent, id)
}
