//! Time and faults of nodes: time passes, workers run, the clock is set back, nodes crash.

use std::time::Duration;

use axme_intent::{Status, Time};
use axme_server::workers;
use axme_store::simulated::TimerRow;
use futures_util::future::join_all;
use serde_json::json;

use crate::cluster::Request;
use crate::invariants::ensure;
use crate::{CheckResult, Mutation, Simulation};

pub(crate) fn advance_clock(sim: &mut Simulation) -> CheckResult {
    let seconds = match sim.cluster.below(10) {
        0..4 => sim.cluster.below(20),
        4..8 => sim.cluster.below(900),
        _ => sim.cluster.below(10_000),
    };
    let millis = seconds * 1_000 + sim.cluster.below(1_000);
    sim.cluster.clock.advance(Duration::from_millis(millis as u64));
    sim.note("time has passed");
    if sim.cluster.chance(70) { run_workers(sim) } else { Ok(()) }
}

/// Runs one round of each worker on a random node. A later call repeats a failed round.
pub(crate) fn run_workers(sim: &mut Simulation) -> CheckResult {
    let app = sim.cluster.app();
    if sim.mutation != Some(Mutation::StoppedTimers) {
        let before = sim.cluster.snapshot().timers;
        let ticks = tick_timers(sim);
        let next = sim.cluster.drive(ticks);
        sim.note(&format!("timers: {next:?}"));
        if let (Some(Mutation::RepeatedTimers), Some(workspace)) = (sim.mutation, sim.checker.workspace) {
            sim.cluster.write_directly(move |tx| Ok(axme_store::simulated::put_timers_back(tx, workspace, &before)?));
            let ticks = tick_timers(sim);
            sim.cluster.drive(ticks);
        }
    }
    let swept =
        sim.cluster.drive(async move { workers::sweep::tick(&app, None).await.map_err(|error| error.to_string()) });
    sim.note(&format!("swept: {swept:?}"));
    super::recipients::run_notice_worker(sim)?;
    super::receivers::run_delivery_workers(sim)
}

/// Fires timers, sometimes on two nodes at the same time. Both then find the same timers due.
fn tick_timers(sim: &mut Simulation) -> impl Future<Output = Vec<Result<Option<Time>, String>>> + use<> {
    let nodes = if sim.cluster.chance(50) { 2 } else { 1 };
    let ticks: Vec<_> = (0..nodes).map(|_| sim.cluster.app()).collect();
    let tick = async |app| workers::timers::tick(&app).await.map_err(|error| error.to_string());
    async move { join_all(ticks.into_iter().map(tick)).await }
}

/// Moves the deadline of an intent while its timer fires. One of the two wins.
pub(crate) fn move_due_deadline(sim: &mut Simulation) -> CheckResult {
    if sim.mutation == Some(Mutation::StoppedTimers) {
        return Ok(());
    }
    let (now, timers) = (sim.cluster.now(), sim.cluster.snapshot().timers);
    // A limit on the work that is due by then ends the intent whether its deadline moves or not. So does a timer of the
    // workflow whose step it is.
    let is_limited = |deadline: &TimerRow| {
        let workflow = sim.checker.intents.get(&deadline.intent_id).and_then(|known| known.head.intent.parent);
        let ends_it = |other: &TimerRow| {
            Some(other.intent_id) == workflow || other.intent_id == deadline.intent_id && other.kind == "execution"
        };
        timers.iter().any(|other| ends_it(other) && other.due_at <= deadline.due_at.max(now))
    };
    let deadlines = timers.iter().filter(|timer| timer.kind == "deadline" && !is_limited(timer));
    let deadlines: Vec<_> = deadlines.cloned().collect();
    let Some(timer) = sim.cluster.pick(&deadlines) else { return Ok(()) };
    if timer.due_at > now {
        sim.cluster.clock.advance(timer.due_at.since(now));
    }
    let id = timer.intent_id;
    let body = json!({ "controls_patch": { "timeout_seconds": 5_000 } });
    let request = Request::new(&sim.cluster.admin.clone(), "POST", &format!("/v1/intents/{id}/controls"), body);
    let ticks = tick_timers(sim);
    let (responses, next) = sim.cluster.send_during(&[request], ticks);
    sim.note(&format!("the deadline of {id} moves: {} {}; timers: {next:?}", responses[0].status, responses[0].body));
    sim.checker.check(&mut sim.cluster)?;
    let is_applied = responses[0].status == 200 && responses[0].body["applied"] == true;
    let has_timed_out = sim.checker.intents[&id].status() == Status::TimedOut;
    ensure!(!(is_applied && has_timed_out), "{id} ended at a deadline that had been moved");
    Ok(())
}

pub(crate) fn set_clock_back(sim: &mut Simulation) -> CheckResult {
    let back = sim.cluster.below(5_000) as u64;
    sim.cluster.clock.set(sim.cluster.now().minus_millis(back));
    sim.note("the clock was set back");
    Ok(())
}

pub(crate) fn crash(sim: &mut Simulation) -> CheckResult {
    sim.cluster.crash();
    sim.note("a node lost its power");
    Ok(())
}
