//! The end: faults stop, time goes on, everybody does what they should. What was promised for then is asked for now.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::actors::{
    AGENTS, answer_all, answer_all_letters, by_admin, check_all_heard, check_all_known, decide_all, finish,
    let_all_go_on, receive, tick,
};
use crate::invariants::hold;
use crate::{Checked, Sim};

/// Rounds of two hours. A workflow takes a round for each of its delays, and an agent that looked at its work and forgot it
/// is offered it again after an hour.
const MOST_ROUNDS: usize = 16;
/// Within a round everybody goes on for as long as there is something to do.
const MOST_PASSES: usize = 6;
const ROUND: Duration = Duration::from_secs(2 * 3_600);
const MOST_PAGES: usize = 100;
/// How often an event is sent at most.
const MOST_ATTEMPTS: usize = 4;
/// Deliveries that an agent takes at a time, as a stream does.
const MOST_OFFERS: usize = 50;

pub fn play(sim: &mut Sim) -> Checked {
    sim.note("the end begins");
    sim.cast.held.clear();
    for _ in 0..MOST_ROUNDS {
        for _ in 0..MOST_PASSES {
            if pass(sim)? == 0 {
                break;
            }
        }
        if sim.watch.seen.values().all(|seen| seen.status().is_terminal()) {
            break;
        }
        sim.stage.clock.advance(ROUND);
    }
    for (id, seen) in &sim.watch.seen {
        let status = seen.status();
        hold!(status.is_terminal(), "{id} never ends: it is {}, {:?}", status.as_str(), seen.head.intent.waiting());
    }
    let left = sim.stage.snapshot();
    hold!(left.timers.is_empty(), "timers are left: {:?}", left.timers);
    // Events that did not arrive are sent again.
    for _ in 0..MOST_ATTEMPTS {
        sim.stage.clock.advance(ROUND);
        tick(sim)?;
    }
    crate::check(sim)?;
    let open = sim.stage.snapshot().notices.into_iter().filter(|notice| notice.is_open).count();
    hold!(open == 0, "{open} notices were neither sent nor given up");
    check_all_heard(sim)?;
    check_all_known(sim)?;
    list_all(sim)
}

/// Everybody does what there is to do. Returns how much that was.
fn pass(sim: &mut Sim) -> Result<usize, String> {
    tick(sim)?;
    crate::check(sim)?;
    let mut done = 0;
    for agent in 0..AGENTS.len() {
        for id in receive(sim, agent, MOST_OFFERS)? {
            finish(sim, agent, id)?;
            done += 1;
        }
        crate::check(sim)?;
    }
    done += answer_all(sim)?;
    crate::check(sim)?;
    done += let_all_go_on(sim)?;
    done += answer_all_letters(sim)?;
    done += decide_all(sim)?;
    crate::check(sim)?;
    Ok(done)
}

/// Every intent that was promised is in the list, once.
fn list_all(sim: &mut Sim) -> Checked {
    let mut listed = BTreeSet::new();
    let mut path = "/v1/intents?limit=20".to_owned();
    for _ in 0..MOST_PAGES {
        let page = by_admin(sim, "GET", &path, json!(null))?;
        for intent in page.body["intents"].as_array().into_iter().flatten() {
            let id = intent["intent_id"].as_str().unwrap_or_default().to_owned();
            hold!(listed.insert(id.clone()), "{id} is listed twice");
        }
        match page.body["next_before"].as_str() {
            Some(before) => path = format!("/v1/intents?limit=20&before={before}"),
            None => break,
        }
    }
    for create in &sim.promises.creates {
        let Some(id) = create.id else { continue };
        hold!(listed.contains(&id.to_string()), "{id} was promised and is not listed");
    }
    Ok(())
}
