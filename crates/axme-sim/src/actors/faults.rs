//! Time and faults of nodes: time passes, workers run, the clock is set back, nodes crash.

use std::time::Duration;

use axme_server::workers;

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
        let timers = app.clone();
        let next =
            sim.cluster.drive(async move { workers::timers::tick(&timers).await.map_err(|error| error.to_string()) });
        sim.note(&format!("timers: {next:?}"));
    }
    let swept =
        sim.cluster.drive(async move { workers::sweep::tick(&app, None).await.map_err(|error| error.to_string()) });
    sim.note(&format!("swept: {swept:?}"));
    super::recipients::run_notice_worker(sim)?;
    super::receivers::run_delivery_workers(sim)
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
