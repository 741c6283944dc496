//! Named workers of one agent. They share its queue by their names, die with what they hold, and come back under their
//! names. A claim passes to another worker only after its name has been silent.

use std::collections::{BTreeMap, BTreeSet};

use axme_core::claims::{Reading, replay_held};
use axme_core::consumers::SILENCE_SECONDS;
use axme_intent::{Address, IntentId, Time};
use axme_store::consumers::{Consumer, ConsumerName};
use axme_store::simulated::{keep_all_claims, release_all_claims};
use serde_json::json;

use super::agents::claim_as;
use super::make_agent;
use crate::invariants::ensure;
use crate::{CheckResult, Mutation, Simulation};

/// The agent that the workers share.
pub(crate) const TEAM: &str = "dee";

const NAMES: [&str; 3] = ["one", "two", "three"];

/// The worker that does what is left at the end.
const HEIR: &str = "heir";

const MAX_OFFERS: usize = 4;

/// A node that crashes forgets the signs of life of this many seconds.
const UNWRITTEN_SECONDS: u64 = 20;

/// The workers as they know themselves.
#[derive(Default)]
pub(crate) struct Workers {
    key: String,
    /// The last recorded sign of life of each name.
    seen: BTreeMap<&'static str, Time>,
    /// The last worker to which each delivery was offered.
    holders: BTreeMap<IntentId, &'static str>,
    /// The work that living workers remember.
    remembered: Vec<(&'static str, IntentId)>,
    /// Deliveries that passed from a silent worker to another one.
    pub(crate) lapsed_claims: usize,
}

pub(crate) fn register(sim: &mut Simulation) -> CheckResult {
    sim.actors.workers.key = make_agent(sim, TEAM)?;
    Ok(())
}

fn address() -> Address {
    Address::from_canonical(format!("agent://local/default/{TEAM}"))
}

fn name_of(name: &str) -> ConsumerName {
    ConsumerName::parse(name).expect("a valid name")
}

/// Claims work for a worker. Often another worker claims right after it, and must get nothing of the same.
pub(crate) fn claim_some(sim: &mut Simulation) -> CheckResult {
    let first = sim.cluster.below(NAMES.len());
    claim_for(sim, NAMES[first])?;
    if sim.cluster.chance(40) { claim_for(sim, NAMES[(first + 1) % NAMES.len()]) } else { Ok(()) }
}

fn claim_for(sim: &mut Simulation, name: &'static str) -> CheckResult {
    for id in claim(sim, name, MAX_OFFERS)? {
        if sim.cluster.chance(60) {
            let key = sim.actors.workers.key.clone();
            sim.call(&key, "GET", &format!("/v1/intents/{id}?consumer={name}"), json!(null))?;
        }
        sim.actors.workers.remembered.push((name, id));
    }
    Ok(())
}

/// Records a sign of life, as an open stream does. Returns whether it was recorded.
fn give_sign(sim: &mut Simulation, name: &'static str) -> Result<bool, String> {
    let Some(workspace) = sim.checker.workspace else { return Ok(false) };
    let (app, now) = (sim.cluster.app(), sim.cluster.now());
    let consumer = Consumer { workspace, address: address(), name: name_of(name) };
    let is_seen = sim.cluster.drive(async move { app.consumers.see(&app.store, &consumer, now).await }).is_ok();
    sim.note(&format!("{name} gives a sign of life: {is_seen}"));
    if is_seen {
        let workers = &mut sim.actors.workers;
        let before = workers.seen.insert(name, now);
        // Claims that were released in the silence are not its own any more.
        if before.is_some_and(|seen| may_have_lapsed(seen, now)) {
            workers.holders.retain(|_, holder| *holder != name);
        }
    }
    Ok(is_seen)
}

/// True if claims of a worker that was last seen at a time may have lapsed.
fn may_have_lapsed(seen: Time, now: Time) -> bool {
    seen.plus_seconds(SILENCE_SECONDS - UNWRITTEN_SECONDS) <= now
}

/// Claims due deliveries. A delivery that another worker holds is offered only after that worker was silent for long.
fn claim(sim: &mut Simulation, name: &'static str, most: usize) -> Result<Vec<IntentId>, String> {
    if !give_sign(sim, name)? {
        return Ok(Vec::new());
    }
    match sim.mutation {
        Some(Mutation::LooseClaims) => sim.cluster.write_directly(|tx| Ok(release_all_claims(tx)?)),
        Some(Mutation::EternalClaims) => sim.cluster.write_directly(|tx| Ok(keep_all_claims(tx)?)),
        _ => {}
    }
    let claimed = claim_as(sim, TEAM, Some(name_of(name)), most)?;
    let now = sim.cluster.now();
    for id in &claimed {
        let Some(other) = sim.actors.workers.holders.insert(*id, name).filter(|other| *other != name) else { continue };
        let seen = sim.actors.workers.seen[other];
        ensure!(may_have_lapsed(seen, now), "{id} was offered to {name} while {other}, seen at {seen}, holds it");
        sim.actors.workers.lapsed_claims += 1;
    }
    Ok(claimed)
}

pub(crate) fn answer(sim: &mut Simulation) -> CheckResult {
    if sim.actors.workers.remembered.is_empty() {
        return Ok(());
    }
    let nth = sim.cluster.below(sim.actors.workers.remembered.len());
    let (_, id) = sim.actors.workers.remembered.swap_remove(nth);
    complete(sim, id)
}

fn complete(sim: &mut Simulation, id: IntentId) -> CheckResult {
    let mark = sim.promises.new_mark();
    let key = sim.actors.workers.key.clone();
    super::answer(sim, &key, id, "resume", &mark, json!({ "action": "complete", "found": mark }))
}

/// A worker dies, and knows nothing of its work any more.
pub(crate) fn die(sim: &mut Simulation) -> CheckResult {
    let name = NAMES[sim.cluster.below(NAMES.len())];
    sim.actors.workers.remembered.retain(|(other, _)| *other != name);
    sim.note(&format!("worker {name} dies"));
    Ok(())
}

/// A worker starts anew, and is shown everything that its name holds and nothing else.
pub(crate) fn restart(sim: &mut Simulation) -> CheckResult {
    let name = NAMES[sim.cluster.below(NAMES.len())];
    let Some(workspace) = sim.checker.workspace else { return Ok(()) };
    if !give_sign(sim, name)? {
        return Ok(());
    }
    let rows = sim.cluster.snapshot().queue;
    let own = rows.iter().filter(|row| row.is_held && row.consumer.as_deref() == Some(name));
    let held: BTreeSet<IntentId> = own.filter_map(|row| row.item.intent()).collect();
    let (mut shown, mut after) = (BTreeSet::new(), 0);
    loop {
        let app = sim.cluster.app();
        let consumer = Some(name_of(name));
        let reading = Reading {
            workspace,
            address: address(),
            consumer,
            most: 2,
            status: None,
            due_by: None,
            is_announced: false,
        };
        let page = sim.cluster.drive(async move { replay_held(&app, reading, name_of(name), after).await });
        let Ok(Some((offers, last))) = page else { break };
        shown.extend(offers.iter().map(|offer| offer.intent.id));
        after = last;
    }
    sim.note(&format!("worker {name} starts anew with {shown:?}"));
    ensure!(shown == held, "{name} holds {held:?} and was shown {shown:?}");
    sim.actors.workers.holders.extend(shown.iter().map(|id| (*id, name)));
    sim.actors.workers.remembered.extend(shown.into_iter().map(|id| (name, id)));
    Ok(())
}

/// Does the work of the team under a new name. It gets the claims of the others after they have been silent.
pub(crate) fn finish_work(sim: &mut Simulation, most: usize) -> Result<usize, String> {
    let claimed = claim(sim, HEIR, most)?;
    for id in &claimed {
        complete(sim, *id)?;
    }
    crate::check(sim)?;
    Ok(claimed.len())
}
