//! People: they answer the tasks they see, sometimes wrongly, sometimes twice.

use axme_intent::IntentId;
use serde_json::json;

use super::bundles::PEOPLE;
use super::recipients::answer_by_form;
use super::{answer, by_admin, by_chief};
use crate::{Checked, Sim};

fn tasks(sim: &mut Sim) -> Result<Vec<IntentId>, String> {
    let listed = by_admin(sim, "GET", "/v1/me/tasks?limit=500", json!(null))?;
    let tasks = listed.body["tasks"].as_array().cloned().unwrap_or_default();
    Ok(tasks.iter().filter_map(|task| task["intent_id"].as_str()?.parse().ok()).collect())
}

pub fn decide(sim: &mut Sim) -> Checked {
    let open = tasks(sim)?;
    let Some(id) = sim.stage.pick(&open) else { return Ok(()) };
    let outcome = if sim.stage.chance(75) { "approved" } else { "rejected" };
    say(sim, id, outcome)
}

pub fn decide_wrongly(sim: &mut Sim) -> Checked {
    let open = tasks(sim)?;
    let known = sim.promises.known();
    let target = if sim.stage.chance(50) { sim.stage.pick(&open) } else { sim.stage.pick(&known) };
    let outcome = ["approved", "perhaps", ""][sim.stage.below(3)];
    target.map_or(Ok(()), |id| say(sim, id, outcome))
}

fn say(sim: &mut Sim, id: IntentId, outcome: &str) -> Checked {
    let (mark, key) = (sim.promises.mark(), sim.stage.admin.clone());
    let body = json!({ "task_result": { "outcome": outcome, "comment": mark } });
    answer(sim, &key, id, "resume", &mark, body).map(|_| ())
}

/// Everybody answers at once. Where one yes is not enough, or the owner's does not count, others say it by links. Returns how
/// many tasks there were.
pub fn decide_all(sim: &mut Sim) -> Result<usize, String> {
    // Also those that are not listed for the admin, whose answer would not count.
    let open = sim.watch.seen.iter().filter(|(_, seen)| seen.head.intent.open_task().is_some());
    let open: Vec<IntentId> = open.map(|(id, _)| *id).collect();
    for id in &open {
        say(sim, *id, "approved")?;
        crate::check(sim)?;
        for person in PEOPLE {
            let is_open = sim.watch.seen.get(id).is_some_and(|seen| seen.head.intent.open_task().is_some());
            if is_open {
                answer_by_form(sim, *id, person)?;
                crate::check(sim)?;
            }
        }
        // Nobody who may answer can be reached: it is given to somebody who can.
        let task = sim.watch.seen.get(id).and_then(|seen| seen.head.intent.open_task());
        if task.is_some_and(|task| task.exclude_requester && task.quorum.is_none()) {
            by_chief(sim, "POST", &format!("/v1/tasks/{id}/reassign"), json!({ "to": PEOPLE[0] }))?;
            crate::check(sim)?;
        }
    }
    Ok(open.len())
}
