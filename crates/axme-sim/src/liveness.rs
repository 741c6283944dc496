//! The liveness phase. Faults stop, time passes, and every actor does its work correctly. Every intent must end, and
//! every promise must be kept.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::actors::{
    AGENTS, allow_everybody, answer_all_links, answer_all_pushes, answer_all_tasks, call_as_admin, check_inbox,
    check_webhooks, claim, complete, finish_work, resume_all_timeouts, run_workers,
};
use crate::invariants::ensure;
use crate::{CheckResult, Simulation};

/// Maximum number of rounds of two hours. A workflow takes a round for each of its delays. Acknowledged work that an agent
/// forgot is offered again after an hour.
const MAX_ROUNDS: usize = 16;
/// A round ends after this many passes, or after one in which no actor had work.
const MAX_PASSES: usize = 6;
const ROUND: Duration = Duration::from_secs(2 * 3_600);
const MAX_PAGES: usize = 100;
/// Attempts to send an event.
const MAX_ATTEMPTS: usize = 4;
/// Deliveries that an agent claims at a time, as a stream does.
const MAX_OFFERS: usize = 50;

pub(crate) fn run(sim: &mut Simulation) -> CheckResult {
    sim.note("the liveness phase begins");
    sim.actors.claims.clear();
    allow_everybody(sim)?;
    for _ in 0..MAX_ROUNDS {
        for _ in 0..MAX_PASSES {
            if pass(sim)? == 0 {
                break;
            }
        }
        if sim.checker.intents.values().all(|observed| observed.status().is_terminal()) {
            break;
        }
        sim.cluster.clock.advance(ROUND);
    }
    for (id, observed) in &sim.checker.intents {
        let status = observed.status();
        ensure!(
            status.is_terminal(),
            "{id} never ends: its status is {}, {:?}",
            status.as_str(),
            observed.head.intent.waiting()
        );
    }
    let left = sim.cluster.snapshot();
    ensure!(left.timers.is_empty(), "timers remain: {:?}", left.timers);
    // Failed webhook deliveries are retried.
    for _ in 0..MAX_ATTEMPTS {
        sim.cluster.clock.advance(ROUND);
        run_workers(sim)?;
    }
    crate::check(sim)?;
    let open = sim.cluster.snapshot().notices.into_iter().filter(|notice| notice.is_open).count();
    ensure!(open == 0, "{open} notices were neither sent nor given up");
    check_webhooks(sim)?;
    check_inbox(sim)?;
    check_list(sim)
}

/// Gives every actor one turn. Returns the number of actions.
fn pass(sim: &mut Simulation) -> Result<usize, String> {
    run_workers(sim)?;
    crate::check(sim)?;
    let mut done = 0;
    for agent in 0..AGENTS.len() {
        for id in claim(sim, agent, MAX_OFFERS)? {
            complete(sim, agent, id)?;
            done += 1;
        }
        crate::check(sim)?;
    }
    done += finish_work(sim, MAX_OFFERS)?;
    done += answer_all_pushes(sim)?;
    crate::check(sim)?;
    done += resume_all_timeouts(sim)?;
    done += answer_all_links(sim)?;
    done += answer_all_tasks(sim)?;
    crate::check(sim)?;
    Ok(done)
}

/// Checks that the list has every promised intent once.
fn check_list(sim: &mut Simulation) -> CheckResult {
    let mut listed = BTreeSet::new();
    let mut path = "/v1/intents?limit=20".to_owned();
    for _ in 0..MAX_PAGES {
        let page = call_as_admin(sim, "GET", &path, json!(null))?;
        for intent in page.body["intents"].as_array().into_iter().flatten() {
            let id = intent["intent_id"].as_str().unwrap_or_default().to_owned();
            ensure!(listed.insert(id.clone()), "{id} is listed twice");
        }
        match page.body["next_before"].as_str() {
            Some(before) => path = format!("/v1/intents?limit=20&before={before}"),
            None => break,
        }
    }
    for create in &sim.promises.creates {
        let Some(id) = create.id else { continue };
        ensure!(listed.contains(&id.to_string()), "{id} was promised but is not listed");
    }
    Ok(())
}
