//! Agents: they read their queue as the stream does, look, answer, hand over, forget, answer twice and answer others' work.

use std::sync::Arc;

use axme_intent::{Address, IntentId};
use axme_server::workers::queue::{Reading, offer};
use serde_json::json;

use super::AGENTS;
use crate::invariants::hold;
use crate::stage::Call;
use crate::{Checked, Sim};

const MOST_OFFERS: usize = 5;

/// Some agent reads its queue, and perhaps dies with what it got.
pub fn read(sim: &mut Sim) -> Checked {
    let agent = sim.stage.below(AGENTS.len());
    let got = receive(sim, agent, MOST_OFFERS)?;
    if sim.stage.chance(15) {
        return Ok(());
    }
    for id in got {
        if sim.stage.chance(70) {
            let call = look(sim, agent, id);
            sim.send_one(&call)?;
        }
        sim.cast.held.push((agent, id));
    }
    Ok(())
}

fn look(sim: &Sim, agent: usize, id: IntentId) -> Call {
    let key = sim.cast.agents[agent].clone();
    Call { key, method: "GET", path: format!("/v1/intents/{id}"), body: json!(null), idempotency_key: None }
}

/// Claims what is due. Numbers only grow, and what is offered is live.
pub fn receive(sim: &mut Sim, agent: usize, most: usize) -> Result<Vec<IntentId>, String> {
    let address = format!("agent://local/default/{}", AGENTS[agent]);
    let Some(workspace) = sim.watch.workspace else { return Ok(Vec::new()) };
    let app: Arc<_> = sim.stage.app();
    let to = Address::from_canonical(address.clone());
    let reading = Reading { workspace, address: to, most, status: None, due_by: None };
    let Ok((offers, _)) = sim.stage.drive(async move { offer(&app, reading).await }) else {
        sim.note(&format!("{address} reads in vain"));
        return Ok(Vec::new());
    };
    let mut got = Vec::new();
    for offer in offers {
        sim.note(&format!("{address} gets {} as {}", offer.intent_id, offer.number));
        let last = sim.promises.numbers.insert(address.clone(), offer.number).unwrap_or(0);
        hold!(offer.number > last, "{address}: delivery {} after {last}", offer.number);
        hold!(sim.watch.is_live(offer.intent_id), "{address} was offered {}, which is over", offer.intent_id);
        got.push(offer.intent_id);
    }
    Ok(got)
}

/// An agent answers something it holds, rightly or late, and may forget that it did.
pub fn answer(sim: &mut Sim) -> Checked {
    if sim.cast.held.is_empty() {
        return Ok(());
    }
    let nth = sim.stage.below(sim.cast.held.len());
    let (agent, id) = if sim.stage.chance(80) { sim.cast.held.swap_remove(nth) } else { sim.cast.held[nth] };
    say(sim, agent, id)
}

fn say(sim: &mut Sim, agent: usize, id: IntentId) -> Checked {
    let mark = sim.promises.mark();
    let body = match sim.stage.below(10) {
        0 | 1 => json!({ "action": "fail", "reason": mark }),
        2 => json!({ "status": "pending_review", "note": mark }),
        _ => json!({ "action": "complete", "found": mark }),
    };
    let key = sim.cast.agents[agent].clone();
    super::answer(sim, &key, id, "resume", &mark, body).map(|_| ())
}

/// An agent that behaves: it answers at once.
pub fn finish(sim: &mut Sim, agent: usize, id: IntentId) -> Checked {
    let mark = sim.promises.mark();
    let key = sim.cast.agents[agent].clone();
    super::answer(sim, &key, id, "resume", &mark, json!({ "action": "complete", "found": mark })).map(|_| ())
}

/// Everything in an agent's hands is forgotten.
pub fn die(sim: &mut Sim) -> Checked {
    let agent = sim.stage.below(AGENTS.len());
    sim.cast.held.retain(|(holder, _)| *holder != agent);
    sim.note(&format!("{} dies", AGENTS[agent]));
    Ok(())
}

/// Somebody answers what may not be theirs.
pub fn answer_a_strange_one(sim: &mut Sim) -> Checked {
    let ids: Vec<IntentId> = sim.watch.seen.keys().copied().collect();
    let Some(id) = sim.stage.pick(&ids) else { return Ok(()) };
    let agent = sim.stage.below(AGENTS.len());
    say(sim, agent, id)
}
