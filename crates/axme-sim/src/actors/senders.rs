//! Senders. They create direct intents and scenarios under idempotency keys. They repeat a create until a response
//! arrives, and again later.

use serde_json::{Value, json};

use super::{WORKERS, bundles};
use crate::cluster::Request;
use crate::promises::CreateCall;
use crate::{CheckResult, Simulation};

/// Within the 48 hours for which the server keeps responses.
const REPEAT_HOURS: u64 = 40;

pub(crate) fn submit(sim: &mut Simulation) -> CheckResult {
    let mark = sim.promises.new_mark();
    let to = WORKERS[sim.cluster.below(WORKERS.len())];
    let mut body = json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": { "born": mark } });
    if sim.cluster.chance(30) {
        body["human_task"] = bundles::task(sim);
    }
    if sim.cluster.chance(35) {
        let seconds = 1 + sim.cluster.below(4_000) as u64;
        body["deadline_at"] = json!(sim.cluster.now().plus_seconds(seconds).to_string());
    } else if sim.cluster.chance(15) {
        body["ttl_seconds"] = json!(60 + sim.cluster.below(10_000));
    }
    if sim.cluster.chance(20) {
        body["reply_to"] = json!(WORKERS[sim.cluster.below(WORKERS.len())]);
    }
    if sim.cluster.chance(25) {
        body["remind_after_seconds"] = json!(1 + sim.cluster.below(600));
        body["max_reminders"] = json!(1 + sim.cluster.below(3));
        if sim.cluster.chance(50) {
            body["escalate_to"] = json!(WORKERS[sim.cluster.below(WORKERS.len())]);
        }
    }
    create(sim, "/v1/intents", mark, body)
}

pub(crate) fn apply(sim: &mut Simulation) -> CheckResult {
    let mark = sim.promises.new_mark();
    let bundle = bundles::bundle(sim, &mark);
    create(sim, "/v1/scenarios/apply", mark, bundle)
}

fn create(sim: &mut Simulation, path: &str, mark: String, body: Value) -> CheckResult {
    let key = if path == "/v1/intents" && sim.cluster.chance(20) {
        let agents = sim.actors.agents.clone();
        sim.cluster.pick(&agents).unwrap_or_default()
    } else {
        sim.cluster.admin.clone()
    };
    let idempotency_key = Some(format!("create-{mark}"));
    let request = Request { idempotency_key, ..Request::new(&key, "POST", path, body) };
    let nth = sim.promises.creates.len();
    sim.promises.creates.push(CreateCall { request: request.clone(), mark, first_sent: sim.cluster.now(), id: None });
    let copies = if sim.cluster.chance(20) { 2 } else { 1 };
    let responses = sim.send(&vec![request; copies])?;
    // Some responses are lost on their way to the client.
    if !sim.cluster.chance(10) {
        for response in &responses {
            sim.promises.record_create(nth, response)?;
        }
    }
    Ok(())
}

/// Repeats a random create.
pub(crate) fn repeat(sim: &mut Simulation) -> CheckResult {
    if sim.promises.creates.is_empty() {
        return Ok(());
    }
    let nth = sim.cluster.below(sim.promises.creates.len());
    let create = &sim.promises.creates[nth];
    if sim.cluster.now() > create.first_sent.plus_seconds(REPEAT_HOURS * 3_600) {
        return Ok(());
    }
    // The server refuses a create whose deadline has passed.
    let body = &create.request.body;
    let deadline = body["deadline_at"].as_str().or_else(|| body["intent"]["deadline_at"].as_str());
    let deadline = deadline.and_then(axme_intent::Time::parse);
    if create.id.is_none() && deadline.is_some_and(|at| at <= sim.cluster.now()) {
        return Ok(());
    }
    let request = create.request.clone();
    let response = sim.send_one(&request)?;
    sim.promises.record_create(nth, &response)
}
