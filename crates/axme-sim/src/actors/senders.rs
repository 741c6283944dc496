//! Senders: direct intents and scenarios, each created under an idempotency key until an answer is heard, and again later.

use serde_json::{Value, json};

use super::{WORKERS, bundles};
use crate::promises::Create;
use crate::stage::Call;
use crate::{Checked, Sim};

/// Answers are kept for 48 hours; nobody repeats a call after that.
const REPEATED_HOURS: u64 = 40;

pub fn submit(sim: &mut Sim) -> Checked {
    let mark = sim.promises.mark();
    let to = WORKERS[sim.stage.below(WORKERS.len())];
    let mut body = json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": { "born": mark } });
    if sim.stage.chance(30) {
        body["human_task"] = bundles::task(sim);
    }
    if sim.stage.chance(35) {
        let seconds = 1 + sim.stage.below(4_000) as u64;
        body["deadline_at"] = json!(sim.stage.now().plus_seconds(seconds).to_string());
    } else if sim.stage.chance(15) {
        body["ttl_seconds"] = json!(60 + sim.stage.below(10_000));
    }
    if sim.stage.chance(20) {
        body["reply_to"] = json!(WORKERS[sim.stage.below(WORKERS.len())]);
    }
    if sim.stage.chance(25) {
        body["remind_after_seconds"] = json!(1 + sim.stage.below(600));
        body["max_reminders"] = json!(1 + sim.stage.below(3));
        if sim.stage.chance(50) {
            body["escalate_to"] = json!(WORKERS[sim.stage.below(WORKERS.len())]);
        }
    }
    create(sim, "/v1/intents", mark, body)
}

pub fn apply(sim: &mut Sim) -> Checked {
    let mark = sim.promises.mark();
    let bundle = bundles::bundle(sim, &mark);
    create(sim, "/v1/scenarios/apply", mark, bundle)
}

fn create(sim: &mut Sim, path: &str, mark: String, body: Value) -> Checked {
    let key = if path == "/v1/intents" && sim.stage.chance(20) {
        let agents = sim.cast.agents.clone();
        sim.stage.pick(&agents).unwrap_or_default()
    } else {
        sim.stage.admin.clone()
    };
    let call =
        Call { key, method: "POST", path: path.to_owned(), body, idempotency_key: Some(format!("create-{mark}")) };
    let nth = sim.promises.creates.len();
    sim.promises.creates.push(Create { call: call.clone(), mark, first_sent: sim.stage.now(), id: None });
    let copies = if sim.stage.chance(20) { 2 } else { 1 };
    let answers = sim.send(&vec![call; copies])?;
    // A reply that gets lost on its way: the client knows nothing.
    if !sim.stage.chance(10) {
        for answer in &answers {
            sim.promises.created(nth, answer)?;
        }
    }
    Ok(())
}

/// A client that heard nothing, or forgot that it did, asks again.
pub fn repeat(sim: &mut Sim) -> Checked {
    if sim.promises.creates.is_empty() {
        return Ok(());
    }
    let nth = sim.stage.below(sim.promises.creates.len());
    repeat_one(sim, nth)
}

fn repeat_one(sim: &mut Sim, nth: usize) -> Checked {
    let create = &sim.promises.creates[nth];
    if sim.stage.now() > create.first_sent.plus_seconds(REPEATED_HOURS * 3_600) {
        return Ok(());
    }
    // What was never created cannot be once its deadline has passed.
    let body = &create.call.body;
    let deadline = body["deadline_at"].as_str().or_else(|| body["intent"]["deadline_at"].as_str());
    let deadline = deadline.and_then(axme_intent::Time::parse);
    if create.id.is_none() && deadline.is_some_and(|at| at <= sim.stage.now()) {
        return Ok(());
    }
    let call = create.call.clone();
    let answer = sim.send_one(&call)?;
    sim.promises.created(nth, &answer)
}
