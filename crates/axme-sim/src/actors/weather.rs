//! What happens by itself: time passes, timers are looked at, clocks are set back, nodes lose power.

use std::time::Duration;

use axme_server::workers;

use crate::{Checked, Mutation, Sim};

pub fn pass(sim: &mut Sim) -> Checked {
    let seconds = match sim.stage.below(10) {
        0..4 => sim.stage.below(20),
        4..8 => sim.stage.below(900),
        _ => sim.stage.below(10_000),
    };
    let millis = seconds * 1_000 + sim.stage.below(1_000);
    sim.stage.clock.advance(Duration::from_millis(millis as u64));
    sim.note("time has passed");
    if sim.stage.chance(70) { tick(sim) } else { Ok(()) }
}

/// One round of each worker, on some node. A round that fails is tried again some other time.
pub fn tick(sim: &mut Sim) -> Checked {
    let app = sim.stage.app();
    if sim.mutation != Some(Mutation::StoppedTimers) {
        let timers = app.clone();
        let next =
            sim.stage.drive(async move { workers::timers::tick(&timers).await.map_err(|error| error.to_string()) });
        sim.note(&format!("timers: {next:?}"));
    }
    let swept = sim.stage.drive(async move { workers::sweep::tick(&app).await.map_err(|error| error.to_string()) });
    sim.note(&format!("swept: {swept:?}"));
    super::recipients::tick(sim)?;
    super::receivers::tick(sim)
}

pub fn jump_back(sim: &mut Sim) -> Checked {
    let back = sim.stage.below(5_000) as u64;
    sim.stage.clock.set(sim.stage.now().minus_millis(back));
    sim.note("the clock was set back");
    Ok(())
}

pub fn crash(sim: &mut Sim) -> Checked {
    sim.stage.crash();
    sim.note("a node lost its power");
    Ok(())
}
